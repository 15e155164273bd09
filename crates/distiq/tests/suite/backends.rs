//! Backends that are programs of others. No engine runs here: Docker and Podman are held by a program
//! that records its arguments; bubblewrap is the real one where it is installed.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::{Place, Ran};

/// Writes its arguments down, then does what `docker run` would: runs what stands behind the image.
const RECORDER: &str = r#"#!/bin/bash
record="$(dirname "$0")/record-$1"
printf '%s\n' "$@" >"$record.part" && mv "$record.part" "$record"
env | sort >"$record.env"
[ "$1" = run ] || exit 0
while [ "$1" != image ]; do shift; done
shift
exec "$@"
"#;

fn recorder(place: &Place, name: &str) -> PathBuf {
    let folder = place.folder().join("engines");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(name), RECORDER).unwrap();
    fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    place.settings(&format!("[sandbox]\nbackend = \"{name}\"\nimage = \"image\"\n"));
    folder
}

fn shell(place: &Place, folder: Option<&PathBuf>, input: &serde_json::Value) -> Ran {
    let mut command = place.command(&["tool", "shell", &input.to_string()]);
    if let Some(folder) = folder {
        let path = std::env::var_os("PATH").unwrap();
        let folders = std::iter::once(folder.clone()).chain(std::env::split_paths(&path));
        command.env("PATH", std::env::join_paths(folders).unwrap());
    }
    Ran::of(command.output().unwrap())
}

fn wait_for(file: &PathBuf) -> String {
    let end = Instant::now() + Duration::from_secs(20);
    while !file.exists() {
        assert!(Instant::now() < end, "{} was not written", file.display());
        std::thread::sleep(Duration::from_millis(10));
    }
    fs::read_to_string(file).unwrap()
}

#[test]
fn an_engine_gets_the_policy_and_the_command_is_run() {
    for engine in ["docker", "podman"] {
        let place = Place::new();
        let folder = recorder(&place, engine);
        let ran = shell(&place, Some(&folder), &json!({"command": "echo \"made by $PAGER\""}));
        assert_eq!(ran.json()["text"], "made by cat", "{}", ran.err);
        let record = fs::read_to_string(folder.join("record-run")).unwrap();
        let words: Vec<&str> = record.lines().collect();
        let project = place.project().canonicalize().unwrap();
        let project = project.to_str().unwrap();
        for wanted in [
            vec!["run", "--rm", "--init", "--name"],
            vec!["--pull", "never"],
            vec!["--cap-drop", "ALL", "--security-opt", "no-new-privileges"],
            vec!["--network", "none"],
            vec!["--mount", &format!("type=bind,source={project},target={project}")],
            vec![
                "--mount",
                &format!("type=bind,source={project}/.git,target={project}/.git,readonly"),
            ],
            vec!["--workdir", project, "image", "/bin/bash", "-c"],
        ] {
            assert!(
                words.windows(wanted.len()).any(|part| part == wanted),
                "{wanted:?} in {record}"
            );
        }
        // When its client ends, so does the container, by its name.
        let name = words[words.iter().position(|word| *word == "--name").unwrap() + 1];
        assert_eq!(wait_for(&folder.join("record-kill")), format!("kill\n{name}\n"));
    }
}

#[test]
fn a_container_ends_with_its_time() {
    let place = Place::new();
    let folder = recorder(&place, "docker");
    let ran = shell(&place, Some(&folder), &json!({"command": "sleep 300", "timeout_s": 1}));
    assert!(ran.out.contains("timed out"), "{} {}", ran.out, ran.err);
    assert!(wait_for(&folder.join("record-kill")).starts_with("kill\ndistiq-"));
}

#[test]
fn settings_that_a_backend_cannot_hold_are_refused() {
    for (settings, wanted) in [
        ("backend = \"docker\"", "A container needs an image"),
        ("backend = \"docker\"\nimage = \"x\"\nnetwork = \"hosts\"", "needs the native backend"),
        ("backend = \"bubblewrap\"\nnetwork = \"hosts\"", "needs the native backend"),
        ("hosts = [\"*\"]", "stands for every host"),
    ] {
        let place = Place::new();
        place.settings(&format!("[sandbox]\n{settings}\n"));
        let ran = shell(&place, None, &json!({"command": "echo ran > file"}));
        assert_eq!(ran.code, 3, "{} {}", ran.out, ran.err);
        assert!((ran.out + &ran.err).contains(wanted), "{settings}");
        assert!(!place.project().join("file").exists());
    }
}

#[test]
fn a_backend_that_is_not_there_is_not_replaced_by_a_weaker_one() {
    let place = Place::new();
    place.settings("[sandbox]\nmode = \"require\"\nbackend = \"bubblewrap\"\n");
    let empty = place.folder().join("empty");
    fs::create_dir(&empty).unwrap();
    let mut command = place.command(&["tool", "shell", r#"{"command": "echo ran > file"}"#]);
    let ran = Ran::of(command.env("PATH", &empty).output().unwrap());
    assert_eq!(ran.code, 3, "{} {}", ran.out, ran.err);
    assert!((ran.out + &ran.err).contains("`bwrap` is not on the `PATH`"));
    assert!(!place.project().join("file").exists());
}

#[test]
fn the_real_bubblewrap_holds_a_command() {
    let place = Place::new();
    place.settings("[sandbox]\nbackend = \"bubblewrap\"\nmode = \"require\"\n");
    let outside = place.folder().join("outside");
    fs::write(&outside, "secret").unwrap();
    let script = format!(
        "echo mine > file\ncat {0}\necho x > {0}\necho x > .git/config\necho t > /tmp/t\n\
         mkdir ~/made && echo home\n",
        outside.display()
    );
    place.write("script.sh", &script);
    let works = std::process::Command::new("bwrap")
        .args(["--ro-bind", "/", "/", "--unshare-user", "--unshare-pid", "true"])
        .output();
    if !works.is_ok_and(|output| output.status.success()) {
        // Not `eprintln!`: a passing test's words would be kept from the log.
        let _ = std::io::stderr().write_all(b"SKIPPED suite bubblewrap: no `bwrap` that works\n");
        return;
    }
    let ran = shell(&place, None, &json!({"command": "bash script.sh"}));
    let text = ran.json()["text"].as_str().unwrap().to_owned();
    assert!(
        !text.contains("secret") && text.contains("home") && text.contains("No such file"),
        "{text}"
    );
    assert_eq!(fs::read_to_string(place.project().join("file")).unwrap(), "mine\n");
    assert_eq!(fs::read_to_string(&outside).unwrap(), "secret");
    assert!(!place.project().join(".git/config").exists());
    assert!(text.contains("Read-only file system"), "{text}");
}
