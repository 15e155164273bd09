//! Edits of files: all or nothing, and what is not touched stays.

use std::os::unix::fs::{PermissionsExt, symlink};

use distiq_tools::RefusalKind;
use serde_json::json;

use super::bench::{Project, tokens};

#[tokio::test]
async fn several_files_all_or_nothing() {
    let project = Project::new(&[("a.txt", "one\n"), ("b/b.txt", "two\n")]);
    let edits = |second: &str| {
        json!({"edits": [
            {"path": "a.txt", "search": "one", "replace": "1"},
            {"path": "b/b.txt", "search": second, "replace": "2"},
        ]})
    };
    let text = project.refused("edit", edits("three"), RefusalKind::NotFound).await;
    assert!(text.starts_with("edit 2 of 2, b/b.txt: search text not found"), "{text}");
    assert!(text.contains("nothing was changed"));
    assert_eq!((project.text("a.txt"), project.text("b/b.txt")), ("one\n".into(), "two\n".into()));
    let text = project.ok("edit", edits("two")).await;
    assert_eq!(text, "edited a.txt (+1 -1)\nedited b/b.txt (+1 -1)");
    assert!(tokens(&text) <= 60);
    assert_eq!((project.text("a.txt"), project.text("b/b.txt")), ("1\n".into(), "2\n".into()));
}

#[tokio::test]
async fn a_write_that_fails_takes_the_others_back() {
    let project = Project::new(&[("a.txt", "one\n"), ("b.txt", "two\n")]);
    std::fs::set_permissions(project.path("b.txt"), PermissionsExt::from_mode(0o444)).unwrap();
    let input = json!({"edits": [
        {"path": "a.txt", "search": "one", "replace": "1"},
        {"path": "b.txt", "search": "two", "replace": "2"},
    ]});
    let text = project.refused("edit", input, RefusalKind::Failed).await;
    let told =
        "b.txt: no permission: it is read-only (`chmod u+w` changes that); nothing was changed";
    assert_eq!(text, told);
    assert_eq!((project.text("a.txt"), project.text("b.txt")), ("one\n".into(), "two\n".into()));
}

#[tokio::test]
async fn modes_links_marks_and_bytes_stay() {
    let project =
        Project::new(&[("run.sh", "#!/bin/sh\necho one\n"), ("bom.txt", "\u{feff}one\n")]);
    std::fs::set_permissions(project.path("run.sh"), PermissionsExt::from_mode(0o755)).unwrap();
    symlink("run.sh", project.path("link")).unwrap();
    std::fs::write(project.path("latin"), b"caf\xE9 one").unwrap();
    std::fs::write(project.path("wide"), b"\xFF\xFEo\0n\0e\0").unwrap();
    for path in ["link", "bom.txt", "latin"] {
        project.ok("edit", json!({"path": path, "search": "one", "replace": "two"})).await;
    }
    assert!(project.path("link").is_symlink());
    assert_eq!(project.text("run.sh"), "#!/bin/sh\necho two\n");
    let mode = std::fs::metadata(project.path("run.sh")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o755);
    assert_eq!(project.text("bom.txt"), "\u{feff}two\n");
    assert_eq!(project.bytes("latin"), b"caf\xE9 two");
    project.ok("edit", json!({"path": "wide", "search": "one", "replace": "twö"})).await;
    assert_eq!(project.bytes("wide"), b"\xFF\xFEt\0w\0\xF6\0");
    let arrow = json!({"path": "latin", "search": "two", "replace": "→"});
    let text = project.refused("edit", arrow, RefusalKind::Invalid).await;
    assert!(text.contains("Latin-1") && text.contains("`→`"), "{text}");
    assert_eq!(project.bytes("latin"), b"caf\xE9 two");
}

#[tokio::test]
async fn empty_old_text_makes_a_file() {
    let project = Project::new(&[("empty", "")]);
    for path in ["empty", "new/file"] {
        project.ok("edit", json!({"path": path, "search": "", "replace": "text\n"})).await;
        assert_eq!(project.text(path), "text\n");
    }
}

#[tokio::test]
async fn a_file_changed_meanwhile() {
    let project = Project::new(&[("a.txt", "one\ntwo  \nthree\n")]);
    project.ok("read", json!({"path": "a.txt"})).await;
    std::fs::write(project.path("a.txt"), "zero\none\ntwo  \nthree\n").unwrap();
    // Not exact, so not certain any more.
    let loose = json!({"path": "a.txt", "search": "two\nthree", "replace": "2\n3"});
    let text = project.refused("edit", loose.clone(), RefusalKind::Stale).await;
    let told = "the file changed since you read it; there is now\n1: zero";
    assert!(text.contains(told), "{text}");
    let write = json!({"path": "a.txt", "content": "new\n"});
    // Exact and unique all the same.
    let text =
        project.ok("edit", json!({"path": "a.txt", "search": "three", "replace": "3"})).await;
    assert_eq!(text, "edited a.txt (+1 -1), changed by somebody else since you read it: line 1");
    assert!(tokens(&text) <= 60);
    std::fs::write(project.path("a.txt"), "zero\none\ntwo  \n3\nfour\n").unwrap();
    let text = project.refused("write", write.clone(), RefusalKind::Stale).await;
    assert!(
        text.contains("by somebody else; there is now\n5: four\nthe same call again"),
        "{text}"
    );
    assert_eq!(project.text("a.txt"), "zero\none\ntwo  \n3\nfour\n");
    project.ok("write", write).await;
    assert_eq!(project.text("a.txt"), "new\n");
}

#[tokio::test]
async fn the_same_call_again_overrules_the_grammar() {
    let project = Project::new(&[("a.rs", "fn a() {}\n"), ("broken.rs", "fn a( {}\nfn b() {}\n")]);
    let input = json!({"path": "a.rs", "search": "{}", "replace": "{"});
    let text = project.refused("edit", input.clone(), RefusalKind::Syntax).await;
    assert!(text.contains("the same call again applies it anyway"), "{text}");
    project.ok("edit", input).await;
    assert_eq!(project.text("a.rs"), "fn a() {\n");
    // What was broken before is no reason to refuse.
    project
        .ok("edit", json!({"path": "broken.rs", "search": "fn b() {}", "replace": "fn c() {}"}))
        .await;
}

#[tokio::test]
async fn apply_patch() {
    let project = Project::new(&[
        (
            "a.py",
            "class A:\n    def f(self):\n        return 1\n\n    def g(self):\n        return 1\n",
        ),
        ("gone.txt", "bye\n"),
        ("old.txt", "one\ntwo\n"),
    ]);
    let patch = "*** Begin Patch\n*** Update File: a.py\n@@ class A:\n@@     def g(self):\n-        return 1\n+        return \
                 2\n*** Add File: new/b.txt\n+hello\n+\n*** Delete File: gone.txt\n*** Update File: old.txt\n*** Move to: \
                 moved.txt\n@@\n one\n-two\n+2\n*** End of File\n*** End Patch\n";
    let outcome = project.call("edit", json!({"patch": patch})).await;
    assert!(outcome.ok, "{}", outcome.text);
    assert_eq!(outcome.files_changed, ["a.py", "new/b.txt", "gone.txt", "moved.txt", "old.txt"]);
    assert!(project.text("a.py").ends_with("def g(self):\n        return 2\n"));
    assert!(project.text("a.py").contains("def f(self):\n        return 1\n"));
    assert_eq!(project.text("new/b.txt"), "hello\n\n");
    assert_eq!(project.text("moved.txt"), "one\n2\n");
    assert!(!project.path("gone.txt").exists() && !project.path("old.txt").exists());

    let text = project
        .refused(
            "edit",
            json!({"patch": "*** Begin Patch\n*** Update File: a.py\n@@ class A:\n     def f(self):\n-        return 9\n*** End Patch"}),
            RefusalKind::NotFound,
        )
        .await;
    assert!(text.contains("3:         return 1"), "{text}");
}

#[tokio::test]
async fn unified_diff() {
    let project = Project::new(&[("a.txt", "same\nx\nsame\nx\nend"), ("d.txt", "d\n")]);
    let diff = "diff --git a/a.txt b/a.txt\n--- a/a.txt\n+++ b/a.txt\n@@ -3,3 +3,3 @@ head\n same\n-x\n+y\n end\n\\ No newline at end of \
                file\n--- a/d.txt\n+++ /dev/null\n@@ -1 +0,0 @@\n-d\n--- /dev/null\n+++ b/e.txt\n@@ -0,0 +1 @@\n+e\n";
    project.ok("edit", json!({"patch": diff})).await;
    assert_eq!(project.text("a.txt"), "same\nx\nsame\ny\nend");
    assert!(!project.path("d.txt").exists());
    assert_eq!(project.text("e.txt"), "e\n");
    // The line number decides between same places, and nothing else does.
    let twice = "--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-same\n+first\n";
    project.ok("edit", json!({"patch": twice})).await;
    assert_eq!(project.text("a.txt"), "first\nx\nsame\ny\nend");
    let project = Project::new(&[("a.txt", "same\nx\nsame\n")]);
    let unsure = "--- a/a.txt\n+++ b/a.txt\n@@ -9 +9 @@\n-same\n+first\n";
    project.refused("edit", json!({"patch": unsure}), RefusalKind::Ambiguous).await;
    let garbled = "--- a/a.txt\n+++ b/a.txt\n@@ -2 +2 @@\n-x\n+y\noops\n";
    project.refused("edit", json!({"patch": garbled}), RefusalKind::Invalid).await;
    assert_eq!(project.text("a.txt"), "same\nx\nsame\n");
}

#[tokio::test]
async fn write_keeps_what_a_file_was() {
    let project = Project::new(&[("crlf.txt", "one\r\ntwo\r\n")]);
    let text = project.ok("write", json!({"path": "new/deep/a.txt", "content": "a\nb\n"})).await;
    assert_eq!(text, "created new/deep/a.txt (2 lines)");
    let mode = std::fs::metadata(project.path("new/deep/a.txt")).unwrap().permissions().mode();
    assert_ne!(mode & 0o044, 0, "{mode:o}");
    let text = project.ok("write", json!({"path": "crlf.txt", "content": "1\n2\n3\n"})).await;
    assert_eq!(text, "replaced crlf.txt (3 lines)");
    assert_eq!(project.text("crlf.txt"), "1\r\n2\r\n3\r\n");
    let left_out = json!({"path": "crlf.txt", "content": "1\n// ... existing code ...\n"});
    project.refused("write", left_out, RefusalKind::Invalid).await;
    let broken = json!({"path": "b.json", "content": "{\"a\": 1,}"});
    project.refused("write", broken, RefusalKind::Syntax).await;
    assert!(!project.path("b.json").exists());
}
