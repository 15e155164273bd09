//! The sandbox against those who want out: attempts run inside, and what they were after is looked at from outside.

mod neighbourhood;

use std::collections::BTreeMap;
use std::fs;

use self::neighbourhood::{Neighbourhood, User};

/// Attempts that work where nothing holds them: the proof that they attempt anything.
const WORK_OUTSIDE: &[&str] = &[
    "read_outside",
    "read_keys",
    "victims_environment",
    "every_environment",
    "see_victim",
    "tcp",
    "tcp6",
    "unix_by_path",
    "unix_in_tmp",
    "unix_abstract",
    "unix_by_pair",
    "unix_of_agent",
    "shared_memory",
    "shared_memory_by_key",
    "shared_file",
    "priority_of_victim",
    "read_victims_memory",
    "user_namespace_by_program",
    "git_hook",
    "git_settings_by_git",
    "git_commit",
    "kill_victim",
];

/// Runs all attempts as a user in the sandbox.
fn nothing_gets_out(user: User) {
    let Some(place) = Neighbourhood::new(user) else { return };
    let before = place.state();
    let results = place.attempt("auto", &[]);
    assert!(results.len() > 120, "{} attempts", results.len());
    assert_eq!(escaped(&results), BTreeMap::new());
    assert_eq!(place.touched(), Vec::<&str>::new(), "somebody came");
    assert_eq!(place.state(), before);
}

fn escaped(results: &BTreeMap<String, String>) -> BTreeMap<&str, &str> {
    let escaped = results.iter().filter(|(_, how)| !how.starts_with("blocked"));
    escaped.map(|(name, how)| (name.as_str(), how.as_str())).collect()
}

#[test]
fn nothing_gets_out_as_who_runs_the_tests() {
    nothing_gets_out(User::Own);
}

#[test]
fn nothing_gets_out_as_nobody() {
    nothing_gets_out(User::Nobody);
}

/// A test that cannot fail is none: without the sandbox the same attempts get out.
#[test]
fn the_attempts_work_without_a_sandbox() {
    let Some(place) = Neighbourhood::new(User::Nobody) else { return };
    let before = place.state();
    let results = place.attempt("off", WORK_OUTSIDE);
    // Not every kernel lets users make namespaces or look at others, or has the newer protocol.
    let by_kernel = ["user_namespace_by_program", "read_victims_memory", "tcp6"];
    let held: Vec<_> = results
        .iter()
        .filter(|(name, how)| how.starts_with("blocked") && !by_kernel.contains(&name.as_str()))
        .collect();
    assert!(held.is_empty(), "{held:?}");
    let touched = place.touched();
    for door in ["abstract", "tcp", "unix", "unix_datagram", "unix_in_tmp"] {
        assert!(touched.contains(&door), "{door}: {touched:?}");
    }
    assert_ne!(place.state(), before, "the repository was written");
}

/// What people do every day works inside.
#[test]
fn usual_work_goes_on() {
    let Some(place) = Neighbourhood::new(User::Own) else { return };
    for (command, expected) in [
        ("git status --short && git log --format=%s", "first"),
        ("python3 -c 'print(6 * 7)'", "42"),
        ("printf 'int main(void) { return 7; }' > a.c && cc -o a a.c && ./a; echo $?", "7"),
        ("mkfifo pipe && (echo through > pipe &) && cat pipe", "through"),
        ("mktemp /tmp/x.XXXXXX | grep -c x && echo > /tmp/y && ls /tmp/y", "/tmp/y"),
        ("[ $(ps -e | wc -l) -lt 12 ] && echo few", "few"),
        ("echo > ~/.cache/x && echo cached", "cached"),
        ("python3 -c 'import multiprocessing as m; print(m.Pool(2).map(abs, [-1]))'", "[1]"),
        ("python3 -c 'import pty; pty.spawn([\"echo\", \"terminal\"])'", "terminal"),
        ("echo > new && rm new && mkdir -p d && mv d e && rmdir e && echo fine", "fine"),
        ("sleep 60 & kill $! && wait; echo ended", "ended"),
        ("strace -V > traced 2>&1 && strace -o traced true; echo traced", "traced"),
    ] {
        // The rules have no say in what a script does.
        fs::write(place.project().join("work.sh"), command).unwrap();
        let (code, text) = place.shell("auto", "bash work.sh");
        let found = text.lines().any(|line| line.trim() == expected);
        assert_eq!((code, found), (0, true), "{command}: {text}");
    }
}

#[test]
fn commands_reach_each_other_by_loopback() {
    let Some(place) = Neighbourhood::new(User::Own) else { return };
    let server = "import socket; s = socket.socket(); s.bind(('127.0.0.1', 7777)); s.listen(); \
                  open('ready', 'w').close(); c, _ = s.accept(); c.send(b'served')";
    fs::write(place.project().join("server.py"), server).unwrap();
    let line = "rm -f ready; python3 server.py & while [ ! -e ready ]; do sleep 0.05; done; \
                python3 -c \"import socket; print(socket.create_connection(('localhost', 7777)).recv(9))\"";
    assert_eq!(place.shell("auto", line), (0, "b'served'".to_owned()));
}

/// Git writes its repository where it was allowed to, but runs nothing, and what would run later stays as it is.
#[test]
fn allowed_git_commands_write_the_repository_and_run_nothing() {
    let Some(place) = Neighbourhood::new(User::Own) else { return };
    let hook = place.project().join(".git/hooks/pre-commit");
    fs::write(&hook, "#!/bin/sh\ntouch hooked\n").unwrap();
    fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let line = "git add -A && git commit -q -m second && git log --format=%s";
    let (code, text) = place.shell("auto", line);
    assert_eq!((code, text.lines().next()), (0, Some("second")), "{text}");
    assert!(!place.project().join("hooked").exists());
    fs::write(place.project().join("evil.sh"), "echo > .git/made\n").unwrap();
    let (code, text) = place.shell("auto", "git add -A && sh evil.sh");
    let hint = "[sandbox: .git is written only by a line of git commands alone]";
    assert!(code != 0 && text.ends_with(hint), "{text}");
    assert!(!place.project().join(".git/made").exists());
}

/// Where the kernel has neither Landlock nor namespaces, nothing runs unasked.
#[test]
fn without_support_commands_are_asked_for_or_refused() {
    let Some(place) = Neighbourhood::new(User::Own) else { return };
    let made = place.project().join("made");
    for (mode, code, said) in [
        ("auto", 5, "there is no sandbox here: "),
        ("require", 3, "A sandbox is required, and this system lacks: "),
        ("off", 0, ""),
    ] {
        let (found, text) = place.without("support", mode, "touch made");
        assert_eq!(found, code, "{mode}: {text}");
        assert!(text.contains(said), "{mode}: {text}");
        assert_eq!(made.exists(), mode == "off", "{mode}");
    }
}

/// Where only namespaces are missing, Landlock and the filter hold alone; that `.git` is open then is said, and refused
/// where a sandbox is required.
#[test]
fn without_namespaces_nothing_gets_out_but_into_the_repository() {
    for user in [User::Own, User::Nobody] {
        let Some(place) = Neighbourhood::new(user) else { return };
        let before = place.state();
        // Landlock knows no rules about these, which is said.
        let left_out = "-change_mode -change_owner -change_times -change_attribute \
                        -change_mode_by_descriptor -priority_of_victim";
        let line = format!("/usr/bin/python3 attempts.py {left_out} > results");
        let (_, text) = place.without("namespaces", "auto", &line);
        assert!(text.contains("[the sandbox is weaker on this system: "), "{text}");
        let results = place.results(&text);
        let mut escaped = escaped(&results);
        // Without a process namespace others are seen, and no more than that.
        escaped.retain(|name, _| {
            !name.starts_with("git_") && !["see_victim", "other_interfaces"].contains(name)
        });
        assert_eq!(escaped, BTreeMap::new());
        assert_eq!(place.touched(), Vec::<&str>::new(), "somebody came");
        assert_eq!(place.state()["outside"], before["outside"]);
        assert_eq!(place.state()["neighbour"], before["neighbour"]);
        assert_eq!(place.without("namespaces", "require", "true").0, 3);
    }
}
