//! The `git` tool: what it shows, what it commits, and what it never does.

use distiq_tools::RefusalKind;
use serde_json::json;

use super::bench::Project;

async fn repository(files: &[(&str, &str)], subject: &str) -> Project {
    let project = Project::new(files);
    let setup = format!(
        "git init -q -b main . && git config user.email a@b && git config user.name n && git add . && git commit -qm '{subject}'"
    );
    project.ok("shell", json!({"command": setup})).await;
    project
}

#[tokio::test]
async fn a_commit_without_a_message_gets_one_from_its_diff() {
    let project =
        repository(&[("src/money.py", "def total(xs):\n    return 0\n")], "feat: begin").await;
    let nothing = project.refused("git", json!({"action": "commit"}), RefusalKind::Failed).await;
    assert!(nothing.contains("nothing is staged"), "{nothing}");
    std::fs::write(project.path("src/money.py"), "def total(xs):\n    return sum(xs)\n").unwrap();
    let made = project.ok("git", json!({"action": "commit"})).await;
    assert!(made.contains(" fix: update total in src/money.py\n"), "{made}");
    std::fs::write(project.path("src/счёт.py"), "x = 1\n").unwrap();
    std::fs::write(project.path("notes.md"), "x\n").unwrap();
    let input = json!({"action": "commit", "paths": ["src/счёт.py", "notes.md"]});
    let made = project.ok("git", input).await;
    assert!(made.contains(" feat: add notes.md and src/счёт.py\n"), "{made}");
    let body = project.ok("shell", json!({"command": "git log -1 --format=%b"})).await;
    assert_eq!(body, "- notes.md (+1 -0)\n- src/счёт.py (+1 -0)");
}

#[tokio::test]
async fn branches_are_begun_and_never_by_odd_names() {
    let project = repository(&[("a.txt", "a\n")], "Begin").await;
    let text = project.ok("git", json!({"action": "branch", "name": "fix/rounding"})).await;
    assert_eq!(text, "switched to the new branch");
    let list = project.ok("git", json!({"action": "branch"})).await;
    assert!(list.starts_with("* fix/rounding"), "{list}");
    for name in ["--force", "a b", "a..b", "", "x~1", "-d", "a@{1}"] {
        let input = json!({"action": "branch", "name": name});
        project.refused("git", input, RefusalKind::Invalid).await;
    }
    project.refused("git", json!({"action": "branch", "name": "main"}), RefusalKind::Failed).await;
}

#[tokio::test]
async fn nothing_of_the_projects_runs_and_nothing_is_pushed_or_rewritten() {
    let project =
        repository(&[("a.txt", "a\n"), (".gitattributes", "*.txt diff=x\n")], "Begin").await;
    let evil = "printf '#!/bin/sh\\ntouch ran\\n' > evil && chmod +x evil && cp evil .git/hooks/pre-commit && git config \
                core.fsmonitor ./evil && git config diff.external ./evil && git config diff.x.textconv ./evil && git config \
                core.pager ./evil && echo b >> a.txt";
    // As the user, who may.
    let mut user = std::process::Command::new("bash");
    assert!(user.args(["-c", evil]).current_dir(&project.root).status().unwrap().success());
    let _ = std::fs::remove_file(project.path("ran"));
    for input in [
        json!({"action": "status"}),
        json!({"action": "diff"}),
        json!({"action": "log"}),
        json!({"action": "show"}),
        json!({"action": "blame", "path": "a.txt"}),
        json!({"action": "commit", "path": "a.txt"}),
    ] {
        project.ok("git", input).await;
    }
    assert!(!project.path("ran").exists());
    for action in ["push", "rebase", "reset", "filter-branch", "fetch"] {
        project.refused("git", json!({"action": action}), RefusalKind::Invalid).await;
    }
}
