//! Two agents in one project: no edit is lost, and each hears of the other's.

use std::fs;

use distiq_tools::{Call, Outcome, RefusalKind, Toolbox};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::bench::Project;

async fn call(toolbox: &Toolbox, name: &str, input: Value) -> Outcome {
    let call = Call { id: "call".to_owned(), name: name.to_owned(), input };
    toolbox.call(call, CancellationToken::new()).await
}

#[test]
fn hundreds_of_edits_at_once_are_all_there() {
    const EDITS: usize = 100;
    let lines =
        |state: &str| -> String { (0..2 * EDITS).map(|n| format!("[{n}] {state}\n")).collect() };
    let own = |agent: usize| format!("own{agent}.txt");
    let files = [("shared.txt", lines("old")), ("other.txt", lines("old"))];
    let files: Vec<(&str, &str)> = files.iter().map(|(p, t)| (*p, t.as_str())).collect();
    let project = Project::new(&files);
    fs::hard_link(project.path("other.txt"), project.path("other_name.txt")).unwrap();
    std::thread::scope(|scope| {
        for agent in 0..2 {
            // As two processes would: each with its own lock, its own memory, one with another home.
            let toolbox = project.another(["home", "home2"][agent]);
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                runtime.block_on(async {
                    for n in 0..EDITS {
                        let line = 2 * n + agent;
                        let of = |path: &str| {
                            json!({"path": path, "search": format!("[{line}] old"),
                                   "replace": format!("[{line}] new")})
                        };
                        let done = call(&toolbox, "edit", of("shared.txt")).await;
                        assert!(done.ok, "{}", done.text);
                        // A batch, with a file of two names and a new one.
                        let new = json!({"path": format!("new/{agent}-{n}.txt"), "search": "", "replace": "x"});
                        let batch = json!({"edits": [of("other.txt"), new]});
                        let done = call(&toolbox, "edit", batch).await;
                        assert!(done.ok, "{}", done.text);
                        let text = format!("{n}\n");
                        let done = call(&toolbox, "write", json!({"path": own(agent), "content": text})).await;
                        assert!(done.ok, "{}", done.text);
                    }
                });
            });
        }
    });
    for path in ["shared.txt", "other.txt", "other_name.txt"] {
        assert!(project.text(path) == lines("new"), "an edit of {path} was lost");
    }
    assert_eq!(fs::read_dir(project.path("new")).unwrap().count(), 2 * EDITS);
    assert_eq!((project.text(&own(0)), project.text(&own(1))), ("99\n".into(), "99\n".into()));
    let strays = fs::read_dir(&project.root).unwrap().map(|e| e.unwrap().file_name());
    assert_eq!(strays.filter(|name| name.as_encoded_bytes().starts_with(b".")).count(), 0);
}

#[tokio::test]
async fn the_second_is_told_what_changed() {
    let text: String = (1..=40).map(|n| format!("line {n}\n")).collect();
    let project = Project::new(&[("a.txt", &text), ("b.txt", &text)]);
    let other = project.another("home2");
    for path in ["a.txt", "b.txt"] {
        project.ok("read", json!({ "path": path })).await;
    }
    let edits = json!({"edits": [
        {"path": "a.txt", "search": "line 3\n", "replace": "line three\n"},
        {"path": "a.txt", "search": "line 20\nline 21\n", "replace": ""},
        {"path": "b.txt", "search": "line 7\n", "replace": "seven\nseven and a half\n"},
    ]});
    assert!(call(&other, "edit", edits).await.ok);
    let edit =
        |path: &str, search: &str| json!({"path": path, "search": search, "replace": "mine"});
    // Still there once: made, with a word about the rest.
    let text = project.ok("edit", edit("a.txt", "line 30")).await;
    assert_eq!(
        text,
        "edited a.txt (+1 -1), changed by somebody else since you read it: line 3, 2 lines gone after line 19"
    );
    // Told once is enough.
    assert_eq!(project.ok("edit", edit("a.txt", "line 31")).await, "edited a.txt (+1 -1)");
    // Not there any more: the lines that are there now.
    let text = project.refused("edit", edit("b.txt", "line 7\n"), RefusalKind::Stale).await;
    assert!(text.contains("there is now\n7: seven\n8: seven and a half"), "{text}");
    let write = json!({"path": "b.txt", "content": "whole\n"});
    let text = project.refused("write", write.clone(), RefusalKind::Stale).await;
    assert!(text.contains("7: seven\n8: seven and a half\nthe same call again"), "{text}");
    assert!(super::bench::tokens(&text) < 80, "{text}");
    project.ok("write", write).await;
    // A file that the model never saw is edited all the same.
    fs::write(project.path("unseen.txt"), "one\n").unwrap();
    project.ok("edit", edit("unseen.txt", "one")).await;
}
