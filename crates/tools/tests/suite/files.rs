//! Reading, listing and searching, also what is no plain text file.

use std::os::unix::fs::{PermissionsExt, symlink};

use distiq_base::{Answer, ImageSource, Mode};
use distiq_tools::RefusalKind;
use serde_json::json;

use super::bench::{Project, tokens};

#[tokio::test]
async fn read_ranges_and_several_files() {
    let text: String = (1..=100).map(|i| format!("l{i}\n")).collect();
    let project = Project::new(&[("a.txt", &text), ("b.txt", "b\r\nbb\r\n")]);
    let read = |input| project.ok("read", input);
    assert_eq!(read(json!({"path": "a.txt", "lines": "2-3"})).await, "l2\nl3");
    assert_eq!(
        read(json!({"path": "a.txt", "lines": "2-3,99-200"})).await,
        "[lines 2-3]\nl2\nl3\n[lines 99-100]\nl99\nl100"
    );
    assert_eq!(read(json!({"path": "a.txt", "lines": "5", "numbers": true})).await, "5: l5");
    assert_eq!(
        read(json!({"paths": ["a.txt:1-2", "b.txt", "none"]})).await,
        "== a.txt:1-2\nl1\nl2\n== b.txt\nb\nbb\n== none\n[none: no such file]"
    );
    let text = project
        .refused("read", json!({"path": "a.txt", "lines": "101-"}), RefusalKind::Invalid)
        .await;
    assert_eq!(text, "a.txt: has only 100 lines");
    let text = project.refused("read", json!({"path": "x/a.txt"}), RefusalKind::NotFound).await;
    assert_eq!(text, "x/a.txt: no such file; there is a.txt");
    project.refused("read", json!({"paths": ["x", "y"]}), RefusalKind::NotFound).await;
}

#[tokio::test]
async fn what_is_no_text_file() {
    let project = Project::new(&[("dir/a.txt", "a"), ("empty", "")]);
    let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    std::fs::write(project.path("a.png"), png).unwrap();
    std::fs::write(project.path("bin"), b"\x7fELF\0\0").unwrap();
    std::fs::write(project.path("latin"), b"caf\xE9\n").unwrap();
    std::fs::write(project.path("new\nline"), "odd name\n").unwrap();
    nix::unistd::mkfifo(&project.path("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    symlink("/dev/zero", project.path("zero")).unwrap();
    let huge = std::fs::File::create(project.path("huge")).unwrap();
    std::fs::write(project.path("large.txt"), "word\n".repeat(5_000_000)).unwrap();
    huge.set_len(5 << 30).unwrap();

    let outcome = project.call("read", json!({"path": "a.png"})).await;
    assert!(
        matches!(&outcome.images[..], [ImageSource::Base64 { media_type, .. }] if media_type == "image/png")
    );
    assert_eq!(project.ok("read", json!({"path": "empty"})).await, "[empty file]");
    assert_eq!(project.ok("read", json!({"path": "dir"})).await, "a.txt");
    let text = project.ok("read", json!({"path": "latin"})).await;
    assert_eq!(text, "café\n[not UTF-8, read as Latin-1 (windows-1252); edits keep it so]");
    assert_eq!(project.ok("read", json!({"path": "new\nline"})).await, "odd name");
    let text = project.ok("read", json!({"path": "large.txt", "lines": "4000000-4000001"})).await;
    assert_eq!(text, "[23 MB]\nword\nword");
    for (path, kind, part) in [
        ("bin", RefusalKind::Invalid, "binary file of 6 bytes"),
        ("fifo", RefusalKind::Invalid, "a FIFO"),
        ("zero", RefusalKind::Denied, "outside the project"),
        ("huge", RefusalKind::Invalid, "binary file"),
        ("../outside", RefusalKind::Denied, "outside the project"),
    ] {
        let text = project.refused("read", json!({"path": path}), kind).await;
        assert!(text.contains(part), "{path}: {text}");
        let kinds = [RefusalKind::Invalid, RefusalKind::Denied, RefusalKind::NotFound];
        for (tool, input) in [
            ("edit", json!({"path": path, "search": "a", "replace": "b"})),
            (
                "edit",
                json!({"patch": format!("*** Begin Patch\n*** Delete File: {path}\n*** End Patch")}),
            ),
            ("write", json!({"path": path, "content": "b"})),
        ] {
            if path == "bin" && (tool == "write" || input["patch"].is_string()) {
                continue;
            }
            let outcome = project.call(tool, input).await;
            assert!(kinds.contains(&outcome.refusal.unwrap().kind), "{tool} {path}");
        }
    }
    project.refused("write", json!({"path": "dir", "content": "b"}), RefusalKind::Invalid).await;
    project
        .refused("write", json!({"path": ".git/hooks/x", "content": "b"}), RefusalKind::Denied)
        .await;
    project
        .refused("write", json!({"path": "empty/x", "content": "b"}), RefusalKind::NotFound)
        .await;
    let long = "x".repeat(300);
    project.refused("write", json!({"path": long, "content": "b"}), RefusalKind::Invalid).await;
}

#[tokio::test]
async fn secrets_are_read_after_asking_only() {
    let files = [(".env", "TOKEN=abc\n"), ("a.txt", "TOKEN=def\n")];
    let nobody = Project::with(&files, Mode::Ask, Answer::Nobody);
    nobody.refused("read", json!({"path": ".env"}), RefusalKind::Denied).await;
    let found = nobody.ok("search", json!({"pattern": "TOKEN"})).await;
    assert!(found.contains("def") && !found.contains("abc"), "{found}");
    let asked = Project::with(&files, Mode::Ask, Answer::Once);
    let outcome = asked.call("read", json!({"path": ".env"})).await;
    assert_eq!((outcome.text.as_str(), outcome.asked.len()), ("TOKEN=abc", 1));
}

#[tokio::test]
async fn find_lists_and_globs() {
    let project = Project::new(&[
        ("src/main.rs", ""),
        ("src/deep/lib.rs", ""),
        ("README.md", ""),
        (".hidden/x.rs", ""),
        (".gitignore", "target\n"),
        ("target/out.rs", ""),
        (".git/config", ""),
    ]);
    let find = |input| project.ok("find", input);
    assert_eq!(find(json!({})).await, "README.md\nsrc/: main.rs\nsrc/deep/: lib.rs");
    assert_eq!(find(json!({"pattern": "*.rs"})).await, "src/deep/lib.rs\nsrc/main.rs");
    assert_eq!(find(json!({"pattern": "src/*.rs"})).await, "src/main.rs");
    assert_eq!(find(json!({"pattern": "*.rs", "path": "src/deep"})).await, "src/deep/lib.rs");
    assert_eq!(find(json!({"pattern": ".hidden/**"})).await, ".hidden/x.rs");
    assert_eq!(find(json!({"path": ".hidden"})).await, "x.rs");
    let none = find(json!({"pattern": "Main.RS"})).await;
    assert!(none.starts_with("no match among 3 files in .; similar: src/main.rs ("), "{none}");
    project.refused("find", json!({"path": "nowhere"}), RefusalKind::NotFound).await;
    project.refused("find", json!({"path": ".."}), RefusalKind::Denied).await;
}

#[tokio::test]
async fn few_hits_come_with_their_function() {
    let code = "use std::fs;\n\nfn first() {\n    one();\n}\n\nfn second() {\n    let needle = 1;\n    two(needle);\n}\n";
    let project = Project::new(&[("src/a.rs", code), (".gitignore", "/out\n"), ("out/b.rs", code)]);
    let text = project.ok("search", json!({"pattern": "let needle"})).await;
    assert_eq!(
        text,
        "src/a.rs:7-10 (hit 8)\nfn second() {\n    let needle = 1;\n    two(needle);\n}"
    );
    let text = project.ok("search", json!({"pattern": "needle("})).await;
    assert_eq!(
        text,
        "[not a valid regex, so searched as plain text]\nno match in 1 files (ignored, hidden, binary and secret files are left out)"
    );
    let text = project.ok("search", json!({"pattern": "two("})).await;
    assert!(
        text.starts_with("[not a valid regex, so searched as plain text]\nsrc/a.rs:7-10 (hit 9)"),
        "{text}"
    );
    let text = project.ok("search", json!({"pattern": "NEEDLE", "case": true})).await;
    assert!(text.starts_with("no match in 1 files"), "{text}");
    project
        .refused("search", json!({"pattern": "x", "path": "nowhere"}), RefusalKind::NotFound)
        .await;
}

#[tokio::test]
async fn code_that_stands_above_is_only_named() {
    let code = "def first(a):\n    b = a + 1\n    c = b + 1\n    d = c + 1\n    e = d + 1\n    return last(e)\n\n\ndef last(e):\n    return e\n";
    let project = Project::new(&[("src/a.py", code)]);
    let search = |pattern| project.ok("search", json!({ "pattern": pattern }));
    let first = search("b = a").await;
    assert!(first.starts_with("src/a.py:1-6 (hit 2)\ndef first(a):"), "{first}");
    let again = search("last").await;
    assert_eq!(
        again,
        "src/a.py:1-6, as shown above\n6: return last(e)\nsrc/a.py:9-10 (hit 9)\ndef last(e):\n    return e"
    );
    // Who looks for it once more has lost it.
    let lost = search("c = b").await;
    assert!(lost.contains("    return last(e)"), "{lost}");
    // Changed, it is shown; what a read showed is named.
    let edit = json!({"path": "src/a.py", "search": "b = a + 1", "replace": "b = a + 2"});
    project.ok("edit", edit).await;
    let changed = search("d = c").await;
    assert!(changed.contains("b = a + 2"), "{changed}");
    project.ok("edit", json!({"path": "src/a.py", "search": "a + 2", "replace": "a + 3"})).await;
    project.ok("read", json!({"path": "src/a.py"})).await;
    let read = search("d = c").await;
    assert_eq!(read, "src/a.py:1-6, as shown above\n4: d = c + 1");
}

#[tokio::test]
async fn many_hits_come_as_lines_within_bounds() {
    let crowded: String =
        (0..5_000).map(|i| format!("        needle number {i} in a crowded file\n")).collect();
    let mut files: Vec<(String, String)> = (0..30)
        .map(|i| (format!("f{i:02}.txt"), format!("    needle {i}\n        needle again\n")))
        .collect();
    files.push(("a_crowded.txt".to_owned(), crowded));
    let files: Vec<(&str, &str)> = files.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    let project = Project::new(&files);
    let text = project.ok("search", json!({"pattern": "needle"})).await;
    assert!(tokens(&text) <= 2_500, "{}", tokens(&text));
    assert!(text.starts_with("a_crowded.txt\n1: needle number 0"), "{text}");
    assert!(text.contains("more here]\nf00.txt\n1: needle 0\n2:     needle again\n"), "{text}");
    assert!(text.contains("f29.txt"), "{text}");
    std::fs::set_permissions(project.path("f00.txt"), PermissionsExt::from_mode(0o000)).unwrap();
    project.ok("search", json!({"pattern": "again", "glob": "*.txt"})).await;
}
