//! Files and folders that may not be written, and disks that are full.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use distiq_testkit::Answer;
use nix::unistd::Uid;
use serde_json::json;

use crate::bad_input::Desk;
use crate::{Ran, path_text};

/// A user without rights; root may write everywhere.
const NOBODY: u32 = 65_534;

/// Gives everything below a folder to a user without rights.
fn give_away(path: &Path) {
    chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap().map(Result::unwrap) {
            give_away(&entry.path());
        }
    }
}

/// Prepares a command for somebody who is not root.
fn command(desk: &Desk, arguments: &[&str]) -> Command {
    let model = desk.place.command(arguments);
    if !Uid::effective().is_root() {
        return model;
    }
    // The built program may lie where only root looks.
    let program = desk.place.folder().join("distiq");
    if !program.exists() {
        fs::copy(model.get_program(), &program).unwrap();
    }
    give_away(&desk.place.folder());
    let mut command = Command::new(program);
    command.args(arguments).current_dir(desk.place.project()).env_clear();
    command.envs(model.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.uid(NOBODY).gid(NOBODY);
    command
}

fn run(desk: &Desk, arguments: &[&str]) -> Ran {
    Ran::of(command(desk, arguments).output().unwrap())
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_folder_that_may_not_be_written_is_told_to_the_model_and_the_run_goes_on() {
    let desk = Desk::saying([
        Answer::call("edit", json!({"path": "locked/a.txt", "search": "one", "replace": "two"})),
        Answer::call("write", json!({"path": "locked/new.txt", "content": "x"})),
        Answer::call("read", json!({"path": "secret.txt"})),
        Answer::text("I may not."),
    ]);
    let file = desk.place.write("locked/a.txt", "one\n");
    let secret = desk.place.write("secret.txt", "nobody reads this\n");
    set_mode(&file, 0o444);
    set_mode(file.parent().unwrap(), 0o555);
    set_mode(&secret, 0o000);
    let ran = run(&desk, &["run", "--mode", "full", "--output-format", "json", "go"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert_eq!(ran.json()["files_changed"], json!([]));
    let told = desk.told();
    for text in &told {
        assert!(text.to_lowercase().contains("permission"), "{told:#?}");
    }
    assert_eq!(told.len(), 3);
    assert_eq!(fs::read_to_string(&file).unwrap(), "one\n");
    set_mode(file.parent().unwrap(), 0o755);
    let names: Vec<_> = fs::read_dir(file.parent().unwrap()).unwrap().collect();
    assert_eq!(names.len(), 1, "nothing half is left: {names:?}");
}

#[test]
fn data_that_may_not_be_written_stops_before_anything_is_sent() {
    for locked in ["", "data", "data/sessions"] {
        let desk = Desk::saying([Answer::text("ok")]);
        assert_eq!(run(&desk, &["run", "--price", "3/15", "first"]).code, 0);
        let sent = desk.model.requests().len();
        let path = desk.place.home().join(locked);
        lock(&path, 0o444, 0o555);
        let ran = run(&desk, &["run", "second"]);
        let told = ran.err.contains("ermission") && ran.err.contains("\nhint: ");
        assert!(ran.code == 1 && told, "{locked}: {} {}{}", ran.code, ran.out, ran.err);
        assert_eq!(desk.model.requests().len(), sent, "{locked}: {}", ran.err);
        lock(&path, 0o600, 0o700);
        let ran = run(&desk, &["resume", "--price", "3/15"]);
        assert_eq!((ran.code, ran.out.as_str()), (0, "ok\n"), "{locked}: {}", ran.err);
        let cost = run(&desk, &["cost", "--json"]).json();
        assert_eq!(cost["totals"]["requests"], 2, "{locked}: {cost}");
    }
}

/// Changes everything below a path.
fn lock(path: &Path, files: u32, folders: u32) {
    if !path.is_dir() {
        return set_mode(path, files);
    }
    set_mode(path, 0o700);
    for entry in fs::read_dir(path).unwrap().map(Result::unwrap) {
        lock(&entry.path(), files, folders);
    }
    set_mode(path, folders);
}

/// Runs a shell script in a namespace of its own, where it may mount small disks; `None` where the
/// system does not let it.
#[expect(clippy::print_stderr, reason = "a test that is not tried says so")]
fn with_disks(desk: &Desk, script: &str) -> Option<PathBuf> {
    let mount = "mount -t tmpfs -o size=64k tmpfs /mnt";
    let may = Command::new("unshare").args(["-rm", "sh", "-c", mount]).output();
    if !may.is_ok_and(|output| output.status.success()) {
        eprintln!("not tried: this system lets nobody mount a small disk");
        return None;
    }
    let told = desk.place.folder().join("told");
    fs::create_dir(&told).unwrap();
    fs::create_dir_all(desk.place.home()).unwrap();
    let model = desk.place.command(&["version"]);
    let mut command = Command::new("unshare");
    command.args(["-rm", "sh", "-euc", script]).current_dir(desk.place.project()).env_clear();
    command.envs(model.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("DISTIQ", model.get_program()).env("TOLD", &told);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    Some(told)
}

#[test]
fn a_full_disk_is_told_and_what_was_saved_is_kept() {
    let desk = Desk::saying([Answer::text("ok")]);
    let script = r#"
        mount -t tmpfs -o size=2m tmpfs "$DISTIQ_HOME"
        "$DISTIQ" run --price 3/15 first > "$TOLD/first" 2>&1
        for left in 0 4 8 16 32 64 128; do
            dd if=/dev/zero of="$DISTIQ_HOME/fill" bs=1k 2> "$TOLD/dd" || true
            truncate -s "-${left}K" "$DISTIQ_HOME/fill"
            code=0
            "$DISTIQ" run --price 3/15 more > "$TOLD/$left.out" 2> "$TOLD/$left.err" || code=$?
            echo $code > "$TOLD/$left.code"
            rm "$DISTIQ_HOME/fill"
            "$DISTIQ" resume --price 3/15 > "$TOLD/$left.again" 2>&1
        done
        "$DISTIQ" cost --json > "$TOLD/cost"
        "$DISTIQ" sessions list --json > "$TOLD/sessions"
    "#;
    let Some(told) = with_disks(&desk, script) else { return };
    let read = |name: &str| fs::read_to_string(told.join(name)).unwrap();
    let mut failed = 0;
    for left in [0, 4, 8, 16, 32, 64, 128] {
        let (code, out, err) = (
            read(&format!("{left}.code")),
            read(&format!("{left}.out")),
            read(&format!("{left}.err")),
        );
        if code == "0\n" {
            assert_eq!(out, "ok\n", "{left}");
        } else {
            failed += 1;
            assert_eq!((code.as_str(), out.as_str()), ("1\n", ""), "{left}: {err}");
            let words = err.to_lowercase();
            assert!(words.contains("space") && words.contains("hint: "), "{left}: {err}");
        }
        assert!(read(&format!("{left}.again")).starts_with("ok\n"), "{left}");
    }
    assert!(failed > 0, "no disk was full");
    let cost: serde_json::Value = serde_json::from_str(&read("cost")).unwrap();
    assert_eq!(
        cost["totals"]["requests"].as_u64(),
        Some(desk.model.requests().len() as u64),
        "whatever was sent is on the ledger: {cost}"
    );
}

#[test]
fn a_file_that_no_longer_fits_stays_as_it_was() {
    let desk = Desk::saying([Answer::text("ok")]);
    let project = desk.place.project();
    let script = format!(
        r#"
        mount -t tmpfs -o size=64k tmpfs {project}
        cd {project}
        echo before > a.txt
        head -c 200000 /dev/zero | tr '\0' x > "$TOLD/long"
        for tool in write edit; do
            case $tool in
                write) echo "{{\"path\": \"a.txt\", \"content\": \"$(cat "$TOLD/long")\"}}" ;;
                edit) echo "{{\"path\": \"a.txt\", \"search\": \"before\", \"replace\": \"$(cat "$TOLD/long")\"}}" ;;
            esac > "$TOLD/$tool.json"
            "$DISTIQ" tool $tool - < "$TOLD/$tool.json" > "$TOLD/$tool.out" 2>&1 && exit 9
            cat a.txt > "$TOLD/$tool.after"
            ls -A > "$TOLD/$tool.left"
        done
        "#,
        project = path_text(&project)
    );
    let Some(told) = with_disks(&desk, &script) else { return };
    let read = |name: String| fs::read_to_string(told.join(name)).unwrap();
    for tool in ["write", "edit"] {
        let out = read(format!("{tool}.out"));
        assert!(
            out.contains("\"ok\":false") && out.contains("the disk is full; nothing was changed"),
            "{tool}: {out}"
        );
        assert_eq!(read(format!("{tool}.after")), "before\n", "{tool}");
        assert_eq!(read(format!("{tool}.left")), "a.txt\n", "{tool}: nothing half is left");
    }
}
