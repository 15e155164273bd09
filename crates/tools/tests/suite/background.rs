//! Commands that go on behind the call: polled, waited for until they are ready, ended.

use std::time::Duration;

use distiq_tools::RefusalKind;
use serde_json::{Value, json};

use super::bench::Project;

async fn shell(project: &Project, input: Value) -> String {
    project.ok("shell", input).await
}

/// Polls until the answer holds something; each poll tells only what is new.
async fn poll_until(project: &Project, id: u64, part: &str) -> String {
    for _ in 0..500 {
        let text = shell(project, json!({"id": id})).await;
        if text.contains(part) {
            return text;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{part} never came");
}

#[tokio::test]
async fn output_is_polled_and_each_line_told_once() {
    let project = Project::new(&[]);
    let script = "echo one; until [ -e go ]; do sleep 0.01; done; echo two; exit 3";
    let outcome = project.call("shell", json!({"command": script, "background": true})).await;
    assert_eq!(outcome.text, "one\n[1: running for 0 s]");
    assert_eq!(outcome.data["id"], 1);
    assert_eq!(outcome.data["running"], true);
    let text = shell(&project, json!({"id": 1})).await;
    assert!(text.starts_with("[1: running for "), "{text}");
    std::fs::write(project.path("go"), "").unwrap();
    let text = shell(&project, json!({"id": 1, "timeout_s": 30})).await;
    assert_eq!(text, "two\n[1: ended, exit 3]");
    let file = outcome.data["output_file"].as_str().unwrap();
    assert_eq!(project.ok("read", json!({"path": file})).await, "one\ntwo");
    let gone = project.refused("shell", json!({"id": 1}), RefusalKind::NotFound).await;
    assert_eq!(gone, "shell: no background command 1; none is running");
}

#[tokio::test]
async fn who_fails_at_once_says_so() {
    let project = Project::new(&[]);
    let text = shell(&project, json!({"command": "no-such-server", "background": true})).await;
    assert!(text.ends_with("not found\n[1: ended, exit 127]"), "{text}");
}

#[tokio::test]
async fn a_killed_command_is_gone_with_all_it_started() {
    let project = Project::new(&[]);
    let script = "setsid sleep 300 & echo $! > pid; echo up; trap '' TERM; sleep 300";
    shell(&project, json!({"command": script, "ready": "up"})).await;
    let other = json!({"command": "sleep 300", "background": true});
    shell(&project, other).await;
    let list = project.refused("shell", json!({"id": 9}), RefusalKind::NotFound).await;
    assert!(
        list.contains("running: 1 `setsid sleep 300 &") && list.contains(", 2 `sleep 300` ("),
        "{list}"
    );
    let text = shell(&project, json!({"id": 1, "kill": true})).await;
    assert!(text.ends_with("[1: killed]"), "{text}");
    let pid = project.text("pid");
    assert!(!std::path::Path::new(&format!("/proc/{}/cwd", pid.trim())).exists());
    let list = project.refused("shell", json!({"id": 1}), RefusalKind::NotFound).await;
    assert!(list.contains("running: 2 `sleep 300`"), "{list}");
}

#[tokio::test]
async fn a_pattern_tells_that_a_server_is_ready() {
    let project = Project::new(&[]);
    let ready = |script: &str, pattern: &str, seconds: u64| json!({"command": script, "ready": pattern, "timeout_s": seconds});
    let script = "printf 'listening on \\033[1m80'; sleep 0.1; echo 80; sleep 300";
    let text = shell(&project, ready(script, "listening on [0-9]{4}", 60)).await;
    assert!(text.starts_with("listening on 8080\n[1: ready after "), "{text}");
    let text = shell(&project, ready("echo no; exit 2", "listening", 60)).await;
    assert_eq!(text, "no\n[2: ended before it was ready, exit 2]");
    let text = shell(&project, ready("echo up; sleep 300", "listening", 1)).await;
    assert_eq!(text, "up\n[3: not ready after 1 s, still running]");
    // What came before the poll counts as long as it was not told.
    std::fs::write(
        project.path("serve"),
        "until [ -e go ]; do sleep 0.01; done; echo listening; sleep 300",
    )
    .unwrap();
    shell(&project, json!({"command": "sh ./serve", "background": true})).await;
    std::fs::write(project.path("go"), "").unwrap();
    let text = shell(&project, json!({"id": 4, "ready": "listening", "timeout_s": 60})).await;
    assert!(text.starts_with("listening\n[4: ready after "), "{text}");
}

/// Returns a port that nobody listens on.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[tokio::test]
async fn a_port_tells_that_a_server_is_ready() {
    let project = Project::new(&[(
        "serve.py",
        "import socket, sys, time\ntime.sleep(0.3)\ns = socket.create_server((sys.argv[2], int(sys.argv[1])), \
         family=socket.AF_INET6 if ':' in sys.argv[2] else socket.AF_INET)\nprint('up', flush=True)\ntime.sleep(300)\n",
    )]);
    let port = free_port();
    let command = format!("python3 serve.py {port} 127.0.0.1");
    let text = shell(&project, json!({"command": command, "ready": port, "timeout_s": 60})).await;
    assert!(text.contains("[1: ready after "), "{text}");
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    shell(&project, json!({"id": 1, "kill": true})).await;
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
    // Who was there before is not meant.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let command = format!("python3 serve.py {port} 127.0.0.1");
    let text = shell(&project, json!({"command": command, "ready": port, "timeout_s": 60})).await;
    assert!(
        text.contains("Address already in use")
            && text.ends_with("[2: ended before it was ready, exit 1]"),
        "{text}"
    );
}

#[tokio::test]
async fn what_a_line_leaves_running_can_be_polled() {
    let project = Project::new(&[]);
    let script = "(until [ -e go ]; do sleep 0.01; done; echo late; exit 4) & echo early";
    let text = shell(&project, json!({"command": script})).await;
    assert!(text.starts_with("early\n[still running as id 1: "), "{text}");
    std::fs::write(project.path("go"), "").unwrap();
    let text = poll_until(&project, 1, "late").await;
    assert!(text.starts_with("late\n[1: "), "{text}");
}

#[tokio::test]
async fn there_is_an_end_to_how_many_run() {
    let project = Project::new(&[]);
    for number in 1..=20 {
        let text = shell(&project, json!({"command": "sleep 300 &"})).await;
        assert!(text.contains(&format!("still running as id {number}: ")), "{text}");
    }
    let more = json!({"command": "sleep 300", "background": true});
    let text = project.refused("shell", more, RefusalKind::Failed).await;
    assert!(
        text.starts_with(
            "shell: 20 commands run in the background; kill one first; running: 1 `sleep"
        ),
        "{text}"
    );
    let text = shell(&project, json!({"command": "sleep 300 & echo end"})).await;
    assert!(text.contains("end\n[killed, too many run in the background: "), "{text}");
    shell(&project, json!({"id": 7, "kill": true})).await;
    let text = shell(&project, json!({"command": "sleep 300", "background": true})).await;
    assert!(text.contains("[21: running for "), "{text}");
}
