//! Commands that hang, flood, stay behind or end in odd ways.

use std::time::Duration;

use distiq_tools::RefusalKind;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::bench::Project;

/// Tells whether a process lives; a zombie does not.
fn lives(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap().trim_start().starts_with('Z'))
}

async fn wait_until_gone(pid: &str) -> bool {
    for _ in 0..200 {
        if !lives(pid) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    false
}

#[tokio::test]
async fn a_timeout_ends_the_whole_tree() {
    let project = Project::new(&[]);
    let command = "sleep 300 & echo $! > a; (setsid sh -c 'echo $$ > b; exec sleep 300' &); trap '' TERM; \
                   until [ -s a ] && [ -s b ]; do sleep 0.01; done; echo started; sleep 300; sleep 300";
    let outcome = project.call("shell", json!({"command": command, "timeout_s": 3})).await;
    assert_eq!(outcome.refusal.unwrap().kind, RefusalKind::Failed);
    assert_eq!(outcome.text, "started\n[timed out after 3 s; it and all it started were killed]");
    for file in ["a", "b"] {
        assert!(wait_until_gone(&project.text(file)).await, "{file}");
    }
}

#[tokio::test]
async fn cancelling_ends_it_too() {
    let project = Project::new(&[]);
    let cancel = CancellationToken::new();
    let call = project.call_until(
        "shell",
        json!({"command": "sleep 300 & echo $! > pid; echo here; sleep 300"}),
        cancel.clone(),
    );
    let stop = async {
        while !project.path("pid").exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        cancel.cancel();
    };
    let (outcome, ()) = tokio::join!(call, stop);
    assert_eq!(outcome.refusal.unwrap().kind, RefusalKind::Cancelled);
    assert!(outcome.text.ends_with("[cancelled]"), "{}", outcome.text);
    assert!(wait_until_gone(&project.text("pid")).await);
}

#[tokio::test]
async fn a_child_that_keeps_the_pipe_does_not_hang_the_call() {
    let project = Project::new(&[]);
    let outcome =
        project.call("shell", json!({"command": "sleep 200 & echo $! > pid; echo done"})).await;
    let pid = project.text("pid");
    assert!(
        outcome.ok && outcome.text.starts_with("done\n[still running as id 1: "),
        "{}",
        outcome.text
    );
    // The shell's own name, where the child has not become the command yet.
    let named = ["sleep", "bash"].map(|name| format!("{} {name}", pid.trim()));
    assert!(named.iter().any(|name| outcome.text.contains(name)), "{}", outcome.text);
    assert!(lives(&pid));
    drop(project.toolbox);
    assert!(wait_until_gone(&pid).await);
}

#[tokio::test]
async fn output_of_a_server_goes_on_in_its_file() {
    let project = Project::new(&[]);
    let command = "(while [ ! -e go ]; do sleep 0.01; done; echo late) & echo early";
    let outcome = project.call("shell", json!({"command": command})).await;
    let file = outcome.data["output_file"].as_str().unwrap().to_owned();
    std::fs::write(project.path("go"), "").unwrap();
    for _ in 0..500 {
        if std::fs::read_to_string(&file).unwrap().contains("late") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the late line never came: {}", std::fs::read_to_string(&file).unwrap());
}

#[tokio::test]
async fn a_flood_is_bounded_and_odd_ends_are_told() {
    let project = Project::new(&[("crash", "kill -SEGV $$"), ("killed", "kill -9 $$")]);
    let outcome =
        project.call("shell", json!({"command": "yes | head -c 5000000; seq 1 300000"})).await;
    assert!(
        outcome.text.starts_with("y\n[the same line "),
        "{}",
        outcome.text.chars().take(200).collect::<String>()
    );
    let file = outcome.data["output_file"].as_str().unwrap();
    assert!(std::fs::metadata(file).unwrap().len() > 1_500_000);
    for (command, text) in [
        (". ./crash", "[exit 139: killed by SIGSEGV]"),
        ("exec 2>/dev/null; sh ./killed; exit $?", "[exit 137: killed by SIGKILL]"),
        ("echo out; echo err >&2; exit 1", "out\nerr\n[exit 1]"),
        ("printf 'caf\\351'", "caf\u{fffd}"),
        ("printf '\\033[31mred\\033[0m \\033]0;title\\007x'", "red x"),
        ("no-such-program-here 2>/dev/null", "[exit 127]"),
    ] {
        assert_eq!(project.ok("shell", json!({"command": command})).await, text, "{command}");
    }
}

#[tokio::test]
async fn surroundings() {
    let project = Project::new(&[("sub/x", "")]);
    let sh = |command: &str| project.ok("shell", json!({"command": command}));
    assert_eq!(sh("echo $PAGER $GIT_TERMINAL_PROMPT $TERM").await, "cat 0 dumb");
    // Cargo sets both for tests; the first is named as a secret.
    assert_eq!(
        sh("env | grep -c ^CARGO_PKG_NAME=; env | grep -c ^CARGO_PKG_VERSION=").await,
        "0
1"
    );
    assert_eq!(sh("cd sub").await, "[no output]");
    assert_eq!(sh("basename $PWD").await, "project");
    assert_eq!(project.ok("shell", json!({"command": "basename $PWD", "cwd": "sub"})).await, "sub");
    assert_eq!(sh("tty; : < /dev/tty").await.lines().next(), Some("not a tty"));
    project.refused("shell", json!({"command": "ls", "cwd": ".."}), RefusalKind::Denied).await;
}

#[tokio::test]
async fn git_behind_more() {
    let project = Project::new(&[("a.txt", "one\n")]);
    let setup = "git init -q -b main . && git config user.email a@b && git config user.name n && git add . && git commit -qm first \
                 && echo two >> a.txt";
    project.ok("shell", json!({"command": setup})).await;
    let git = |input| project.ok("more", json!({"tool": "git", "input": input}));
    assert_eq!(git(json!({"action": "status"})).await, "## main\n M a.txt");
    assert!(git(json!({"action": "diff", "path": "a.txt"})).await.ends_with("+two"));
    let made = git(json!({"action": "commit", "message": "second"})).await;
    assert!(made.contains(" second\n"), "{made}");
    assert!(git(json!({"action": "log", "count": 1})).await.ends_with(": second"));
    assert!(
        git(json!({"action": "blame", "path": "a.txt", "lines": "2-2"})).await.ends_with("two")
    );
    assert!(git(json!({"action": "show", "rev": "HEAD~1"})).await.contains("first"));
    project.refused("git", json!({"action": "show", "rev": "nothing"}), RefusalKind::Failed).await;
}
