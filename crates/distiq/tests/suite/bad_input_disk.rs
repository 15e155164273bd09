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
fn a_full_disk_keeps_nobody_from_searching_what_was_indexed() {
    let desk = Desk::saying([Answer::text("ok")]);
    let script = format!(
        r#"
        mount -t tmpfs -o size=2m tmpfs {project}
        cd {project}
        printf 'def parse_cookie(header):\n    return header\n' > a.py
        printf 'def cookie(header):\n    return header.cookie\n' > c.py
        for name in total price weight; do
            printf "def $name(order):\\n    return order.$name\\n" > $name.py
        done
        "$DISTIQ" search cookie > "$TOLD/before" 2>&1
        printf 'def dump_cookie(header):\n    return header\n' > b.py
        dd if=/dev/zero of=fill bs=1k 2> "$TOLD/dd" || true
        dd if=/dev/zero of=more bs=1 2> "$TOLD/dd" || true
        for command in search "search --mode vector" context "ask --local"; do
            name=$(echo "$command" | tr -d ' -')
            "$DISTIQ" $command cookie header > "$TOLD/$name.out" 2> "$TOLD/$name.err"
        done
        code=0
        "$DISTIQ" index > "$TOLD/index" 2>&1 || code=$?
        echo $code > "$TOLD/index.code"
        rm fill
        "$DISTIQ" search cookie > "$TOLD/after" 2>&1
        "#,
        project = path_text(&desk.place.project())
    );
    let Some(told) = with_disks(&desk, &script) else { return };
    let read = |name: &str| fs::read_to_string(told.join(name)).unwrap();
    for name in ["search", "searchmodevector", "context", "asklocal"] {
        let (out, err) = (read(&format!("{name}.out")), read(&format!("{name}.err")));
        assert!(out.contains("parse_cookie") && !out.contains("dump_cookie"), "{name}: {out}{err}");
        assert!(err.contains("note: no space is left"), "{name}: {err}");
    }
    assert_eq!(read("index.code"), "1\n", "{}", read("index"));
    assert!(read("after").contains("dump_cookie"), "{}", read("after"));
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

/// A batch of three: a plain file, one with two names, a new one.
const BATCH: &str = r#"{"edits": [
    {"path": "a.txt", "search": "before", "replace": "LONG"},
    {"path": "two.txt", "search": "before", "replace": "LONG"},
    {"path": "new/c.txt", "search": "", "replace": "LONG"}
]}"#;

/// Prepares the project and its batch in a shell; `$long` is what makes the disk too small.
const BATCH_SCRIPT: &str = r#"
    echo before > a.txt; echo before > two.txt; ln two.txt name.txt
    long=$(head -c 40000 /dev/zero | tr '\0' x)
    echo "$BATCH" | sed "s/LONG/$long/" > "$TOLD/batch.json"
    try() {
        code=0
        "$DISTIQ" tool "$2" - < "$3" > "$TOLD/$1.out" 2>&1 || code=$?
        echo $code > "$TOLD/$1.code"
        { cat a.txt two.txt name.txt; ls -A; } > "$TOLD/$1.after"
    }
"#;

fn with_batch(desk: &Desk, script: &str) -> Option<PathBuf> {
    let script = format!("export BATCH='{BATCH}'\n{script}");
    with_disks(desk, &script.replace("PREPARE", BATCH_SCRIPT))
}

#[test]
fn a_batch_that_no_longer_fits_leaves_every_file_as_it_was() {
    let desk = Desk::saying([Answer::text("ok")]);
    let project = path_text(&desk.place.project()).to_owned();
    // From no room at all to room for nearly everything.
    let script = format!(
        r#"
        for size in 16 32 64 96 128; do
            mount -t tmpfs -o size=${{size}}k tmpfs {project}
            cd {project}
            PREPARE
            try $size edit "$TOLD/batch.json"
            cd /
            umount {project}
        done
        "#
    );
    let Some(told) = with_batch(&desk, &script) else { return };
    let mut failed = 0;
    for size in [16, 32, 64, 96, 128] {
        let read = |what: &str| fs::read_to_string(told.join(format!("{size}.{what}"))).unwrap();
        let (out, after) = (read("out"), read("after"));
        if read("code") == "1\n" {
            failed += 1;
            assert!(
                out.contains("the disk is full") && out.contains("nothing was changed"),
                "{out}"
            );
            assert_eq!(after, "before\nbefore\nbefore\na.txt\nname.txt\ntwo.txt\n", "{size}");
        } else {
            assert!(
                after.ends_with("\na.txt\nname.txt\nnew\ntwo.txt\n"),
                "{size}: {}",
                after.lines().rev().take(6).collect::<Vec<_>>().join("|")
            );
        }
    }
    assert!(failed >= 2, "{failed}");
}

#[test]
fn a_data_folder_that_is_full_stops_a_batch_and_no_single_edit() {
    let desk = Desk::saying([Answer::text("ok")]);
    let script = r#"
        mount -t tmpfs -o size=64k tmpfs "$DISTIQ_HOME"
        PREPARE
        head -c 100000 /dev/zero > "$DISTIQ_HOME/fill" || true
        try batch edit "$TOLD/batch.json"
        echo '{"path": "a.txt", "search": "before", "replace": "after"}' > "$TOLD/one.json"
        try one edit "$TOLD/one.json"
    "#;
    let Some(told) = with_batch(&desk, script) else { return };
    let read = |name: &str| fs::read_to_string(told.join(name)).unwrap();
    assert_eq!(read("batch.code"), "1\n");
    let out = read("batch.out");
    assert!(out.contains("journal") && out.contains("the disk is full"), "{out}");
    assert!(read("batch.after").starts_with("before\nbefore\nbefore\n"));
    assert_eq!(read("one.code"), "0\n", "{}", read("one.out"));
    assert!(read("one.after").starts_with("after\nbefore\nbefore\n"));
}

#[test]
fn a_read_only_file_system_and_a_limit_of_a_files_size_are_told() {
    let desk = Desk::saying([Answer::text("ok")]);
    let project = path_text(&desk.place.project()).to_owned();
    let script = format!(
        r#"
        mount -t tmpfs -o size=1m tmpfs {project}
        cd {project}
        PREPARE
        echo '{{"path": "new.txt", "content": "x"}}' > "$TOLD/new.json"
        echo '{{"path": "a.txt", "search": "before", "replace": "after"}}' > "$TOLD/one.json"
        echo "{{\"path\": \"a.txt\", \"content\": \"$long\"}}" > "$TOLD/long.json"
        ( ulimit -f 8; try limit write "$TOLD/long.json"; try limit_batch edit "$TOLD/batch.json" )
        mount -o remount,ro {project}
        try write write "$TOLD/new.json"
        try edit edit "$TOLD/one.json"
        try batch edit "$TOLD/batch.json"
        "#
    );
    let Some(told) = with_batch(&desk, &script) else { return };
    let read = |name: String| fs::read_to_string(told.join(name)).unwrap();
    for (name, part) in [
        ("write", "read-only"),
        ("edit", "read-only"),
        ("batch", "read-only"),
        ("limit", "larger than a file may be here"),
        ("limit_batch", "larger than a file may be here"),
    ] {
        let out = read(format!("{name}.out"));
        assert_eq!(read(format!("{name}.code")), "1\n", "{name}: {out}");
        assert!(out.contains(part) && out.contains("nothing was changed"), "{name}: {out}");
        let after = read(format!("{name}.after"));
        assert_eq!(after, "before\nbefore\nbefore\na.txt\nname.txt\ntwo.txt\n", "{name}");
    }
}

#[test]
fn what_may_not_be_read_is_told_once_and_named() {
    let desk = Desk::saying([Answer::text("ok")]);
    desk.place.write("src/a.py", "def weigh(): pass\n");
    let file = desk.place.write("src/b.py", "def weigh_too(): pass\n");
    let inner = desk.place.write("closed/c.py", "def weigh_it(): pass\n");
    let listed = desk.place.write("listed/d.py", "def weigh_them(): pass\n");
    let (closed, listed) = (inner.parent().unwrap(), listed.parent().unwrap());
    set_mode(&file, 0o000);
    set_mode(closed, 0o000);
    set_mode(listed, 0o444);
    let run = |arguments: &[&str]| Ran::of(command(&desk, arguments).output().unwrap());
    let told = "note: not in the index, since reading failed: closed/, listed/, src/b.py\n";
    let ran = run(&["search", "weigh"]);
    assert!(ran.out.contains("src/a.py:1-1") && ran.err.contains(told), "{}{}", ran.out, ran.err);
    let ran = run(&["search", "weigh"]);
    assert!(!ran.err.contains("reading failed"), "it is known by now: {}", ran.err);
    let ran = run(&["index"]);
    assert!(ran.out.starts_with("2 files, ") && ran.err.contains(told), "{}{}", ran.out, ran.err);
    let ran = run(&["index-stats"]);
    assert!(ran.out.contains("unreadable      closed/, listed/, src/b.py\n"), "{}", ran.out);
    let named = json!(["closed/", "listed/", "src/b.py"]);
    for arguments in [["index", "--json"], ["index-stats", "--json"]] {
        let answer: serde_json::Value = serde_json::from_str(&run(&arguments).out).unwrap();
        assert_eq!(answer["unreadable"], named, "{arguments:?}");
    }
    set_mode(closed, 0o755);
    set_mode(listed, 0o755);
    set_mode(&file, 0o644);
    let ran = run(&["index"]);
    assert!(ran.out.starts_with("4 files, 3 read, 0 gone; "), "{}", ran.out);
    assert!(!run(&["index-stats"]).out.contains("unreadable"));
}

#[test]
fn rights_are_kept_and_their_lack_is_told() {
    let desk = Desk::saying([Answer::text("ok")]);
    let file = |path: &str, mode: u32| {
        let path = desk.place.write(path, "one\n");
        set_mode(&path, mode);
        path
    };
    let edit = |path: &str| json!({"path": path, "search": "one", "replace": "two"}).to_string();
    let in_closed = file("closed/writable.txt", 0o644);
    file("closed/second.txt", 0o644);
    file("secret.txt", 0o000);
    file("open.txt", 0o640);
    let others = file("others.txt", 0o644);
    // Everything goes to the user without rights here.
    run(&desk, &["version"]);
    if Uid::effective().is_root() {
        chown(&others, Some(0), Some(0)).unwrap();
    }
    set_mode(in_closed.parent().unwrap(), 0o555);
    let tool = |name: &str, input: &str| {
        let mut command = Command::new(desk.place.folder().join("distiq"));
        let model = desk.place.command(&["tool", name, input]);
        command.args(model.get_args()).current_dir(desk.place.project()).env_clear();
        command.envs(model.get_envs().filter_map(|(name, value)| Some((name, value?))));
        if Uid::effective().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        } else {
            command = model;
        }
        Ran::of(command.output().unwrap())
    };
    // A folder that takes no new files: the file itself may be written.
    assert_eq!(tool("edit", &edit("closed/writable.txt")).code, 0);
    assert_eq!(fs::read_to_string(&in_closed).unwrap(), "two\n");
    assert_eq!(fs::metadata(&in_closed).unwrap().permissions().mode() & 0o777, 0o644);
    assert_eq!(tool("edit", &edit("open.txt")).code, 0);
    let write = json!({"path": "closed/new.txt", "content": "x"}).to_string();
    let delete = "*** Begin Patch\n*** Delete File: closed/second.txt\n*** End Patch";
    for (name, input) in [
        ("write", write),
        ("edit", json!({ "patch": delete }).to_string()),
        ("read", json!({"path": "secret.txt"}).to_string()),
        ("edit", edit("secret.txt")),
    ] {
        let ran = tool(name, &input);
        assert_eq!(ran.code, 1, "{input}: {}", ran.out);
        assert!(ran.out.contains("no permission"), "{input}: {}", ran.out);
    }
    if Uid::effective().is_root() {
        let ran = tool("edit", &edit("others.txt"));
        assert!(ran.code == 1 && ran.out.contains("no permission"), "{}", ran.out);
    }
    set_mode(in_closed.parent().unwrap(), 0o755);
    assert_eq!(fs::read_to_string(&others).unwrap(), "one\n");
    let names: Vec<_> = fs::read_dir(in_closed.parent().unwrap()).unwrap().collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[test]
fn files_of_a_container_are_edited_like_others() {
    let desk = Desk::saying([Answer::text("ok")]);
    let project = path_text(&desk.place.project()).to_owned();
    // The lower folder of an overlay lies on another disk than the upper one; a file is mounted by itself.
    let script = format!(
        r#"
        mount -t tmpfs tmpfs /mnt
        mkdir /mnt/lower /mnt/rest
        mount -t tmpfs tmpfs /mnt/rest
        mkdir /mnt/rest/upper /mnt/rest/work
        cd /mnt/lower
        PREPARE
        sed -i 's/x\{{1000,\}}/after/g' "$TOLD/batch.json"
        mount -t overlay -o lowerdir=/mnt/lower,upperdir=/mnt/rest/upper,workdir=/mnt/rest/work overlay {project} || exit 0
        cd {project}
        echo before > /mnt/rest/alone.txt
        touch alone.txt
        mount --bind /mnt/rest/alone.txt alone.txt
        try overlay edit "$TOLD/batch.json"
        echo '{{"path": "alone.txt", "search": "before", "replace": "after"}}' > "$TOLD/one.json"
        try alone edit "$TOLD/one.json"
        cat /mnt/rest/alone.txt > "$TOLD/alone"
        "#
    );
    let Some(told) = with_batch(&desk, &script) else { return };
    let Ok(code) = fs::read_to_string(told.join("overlay.code")) else {
        // Not every kernel lets users mount overlays.
        return;
    };
    let read = |name: &str| fs::read_to_string(told.join(name)).unwrap();
    assert_eq!(code, "0\n", "{}", read("overlay.out"));
    assert!(read("overlay.after").starts_with("after\nafter\n"), "{}", read("overlay.after"));
    assert_eq!(read("alone.code"), "0\n", "{}", read("alone.out"));
    assert_eq!(read("alone"), "after\n");
}
