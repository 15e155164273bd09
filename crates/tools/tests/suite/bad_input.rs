//! Wrong calls and odd files, for every tool that touches files: a clear refusal, nothing changed, nothing left.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::Duration;

use distiq_tools::RefusalKind::{self, Denied, Failed, Invalid, NotFound};
use nix::sys::stat::{Mode, SFlag};
use serde_json::{Value, json};

use super::bench::Project;

/// Longest that any of these calls may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Everything below a folder: what kind each entry is, and the length and time of files.
fn tree(folder: &Path) -> BTreeMap<Vec<u8>, String> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).into_iter().flatten().map(Result::unwrap) {
        let path = entry.path();
        let metadata = path.symlink_metadata().unwrap();
        let what =
            format!("{:?} {} {:?}", metadata.file_type(), metadata.len(), metadata.modified());
        if metadata.is_dir() {
            all.extend(tree(&path));
            all.insert(path.as_os_str().as_bytes().to_vec(), "folder".to_owned());
        } else {
            all.insert(path.as_os_str().as_bytes().to_vec(), what);
        }
    }
    all
}

fn scene() -> Project {
    let project = Project::new(&[("a.txt", "one\ntwo\n"), ("dir/b.txt", "b\n")]);
    let at = |name: &str| project.path(name);
    let outside = project.root.with_file_name("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret.txt"), "secret\n").unwrap();
    symlink("../outside", at("out")).unwrap();
    symlink("../outside/secret.txt", at("out.txt")).unwrap();
    symlink("../outside/new.txt", at("out_new.txt")).unwrap();
    symlink("/dev/zero", at("zero")).unwrap();
    symlink("/proc/self/mem", at("mem")).unwrap();
    symlink("/proc/self/root/etc", at("magic")).unwrap();
    symlink("loop2", at("loop1")).unwrap();
    symlink("loop1", at("loop2")).unwrap();
    symlink(".", at("dir/again")).unwrap();
    nix::unistd::mkfifo(&at("fifo"), Mode::S_IRWXU).unwrap();
    UnixListener::bind(at("socket")).unwrap();
    fs::File::create(at("huge")).unwrap().set_len(5 << 30).unwrap();
    let mut huge_text = fs::File::create(at("huge.txt")).unwrap();
    std::io::Write::write_all(&mut huge_text, b"one\n").unwrap();
    huge_text.set_len(5 << 30).unwrap();
    fs::write(at("binary"), b"\x7fELF\0\0\x01").unwrap();
    fs::write(at("utf32"), b"\xFF\xFE\0\0a\0\0\0").unwrap();
    fs::write(at("utf16"), b"\xFF\xFEa\0\0\xD8").unwrap();
    fs::write(at("new\nline.txt"), "odd\n").unwrap();
    fs::write(at("bell\x07.txt"), "odd\n").unwrap();
    fs::write(project.root.join(OsStr::from_bytes(b"latin\xE9.txt")), "odd\n").unwrap();
    project
}

/// A call, and what must come back.
struct Row(&'static str, Value, RefusalKind, &'static str);

fn patch(body: &str) -> Value {
    json!({ "patch": format!("*** Begin Patch\n{body}\n*** End Patch") })
}

fn edit(path: &str) -> Value {
    json!({"path": path, "search": "one", "replace": "two"})
}

fn write(path: &str) -> Value {
    json!({"path": path, "content": "new\n"})
}

/// Arguments that are missing, wrong or unknown.
fn wrong_arguments() -> Vec<Row> {
    vec![
        Row("read", json!({}), Invalid, "`path` is missing"),
        Row("read", json!({"path": 3}), Invalid, "`path` must be a string, got a number"),
        Row("read", json!({"path": ""}), Invalid, "empty"),
        Row("read", json!({"path": "a\0b"}), Invalid, "NUL"),
        Row("read", json!({"path": "a.txt", "lines": "x-y"}), Invalid, "10-40,80-95"),
        Row("read", json!({"path": "a.txt", "lines": "9-"}), Invalid, "has only 2 lines"),
        Row(
            "read",
            json!({"path": "a.txt", "nonsense": 1}),
            Invalid,
            "unknown parameter `nonsense`",
        ),
        Row("read", json!({"paths": vec!["a.txt"; 50]}), Invalid, "at most"),
        Row("read", json!([]), Invalid, "JSON object"),
        Row("find", json!({"pattern": "a{b"}), Invalid, "pattern"),
        Row("find", json!({"path": true}), Invalid, "got a boolean"),
        Row("search", json!({}), Invalid, "`pattern` is missing"),
        Row("search", json!({"pattern": ""}), Invalid, "1 to"),
        Row("search", json!({"pattern": "x", "glob": "a{b"}), Invalid, "glob"),
        Row("search", json!({"pattern": "x".repeat(20_000)}), Invalid, "1 to"),
        Row("edit", json!({}), Invalid, "give `path`"),
        Row("edit", json!({"path": "a.txt"}), Invalid, "give `path`"),
        Row("edit", json!({"path": "a.txt", "search": "one"}), Invalid, "`replace` is missing"),
        Row("edit", json!({"search": "one", "replace": "x"}), Invalid, "`path` is missing"),
        Row("edit", json!({"path": "a.txt", "edits": "x"}), Invalid, "list of objects"),
        Row("edit", json!({"path": "a.txt", "edits": [3]}), Invalid, "JSON object"),
        Row("edit", json!({"edits": [], "path": "a.txt"}), Invalid, "give `path`"),
        Row("edit", json!({"edits": vec![edit("a.txt"); 501]}), Invalid, "at most 500"),
        Row("edit", json!({"patch": "x", "search": "y", "replace": "z"}), Invalid, "not both"),
        Row("edit", json!({"patch": ""}), Invalid, "patch"),
        Row("edit", json!({"patch": "no patch at all"}), Invalid, "patch"),
        Row("edit", patch("*** Add File: a.txt\n+x"), Invalid, "exists already"),
        Row("edit", patch("*** Delete File: none.txt"), NotFound, "no such file"),
        Row("edit", patch("*** Delete File: dir"), Invalid, "a folder"),
        Row(
            "edit",
            patch("*** Update File: a.txt\n*** Move to: dir/b.txt\n@@\n-one\n+1"),
            Invalid,
            "exists already",
        ),
        Row(
            "edit",
            patch("*** Update File: a.txt\n*** Move to: ../x\n@@\n-one\n+1"),
            Denied,
            "outside",
        ),
        Row(
            "edit",
            json!({"edits": [edit("a.txt"), {"path": "./dir/../a.txt", "search": "two", "replace": "2"}]}),
            Invalid,
            "",
        ),
        Row("write", json!({"path": "a.txt"}), Invalid, "`content` is missing"),
        Row("write", json!({"content": "x"}), Invalid, "`path` is missing"),
        Row("write", json!({"path": "a.txt", "content": {"a": 1}}), Invalid, "got an object"),
        Row(
            "write",
            json!({"path": "new.py", "content": "def f(:\n"}),
            RefusalKind::Syntax,
            "syntax",
        ),
        Row("more", json!({"tool": "none"}), Invalid, "no tool `none`"),
        Row("more", json!({"tool": "git", "input": 3}), Invalid, ""),
        Row("nothing", json!({}), Invalid, "there is no tool"),
    ]
}

/// Paths that lead outside, to devices, or to nothing.
fn wrong_paths() -> Vec<Row> {
    let long = "n".repeat(300);
    let deep = "d/".repeat(3_000) + "f";
    let outside = [
        "../outside/secret.txt",
        "dir/../../outside/secret.txt",
        "out/secret.txt",
        "out.txt",
        "/etc/passwd",
        "/proc/self/environ",
        "/proc/self/mem",
        "/proc/self/root/etc/passwd",
        "/dev/full",
        "zero",
        "mem",
        "magic/passwd",
        "~/.ssh/id_rsa",
        "none/../../outside/secret.txt",
    ];
    let mut rows = Vec::new();
    for path in outside {
        rows.push(Row("read", json!({ "path": path }), Denied, "outside the project"));
        rows.push(Row("find", json!({ "path": path }), Denied, "outside the project"));
        rows.push(Row(
            "search",
            json!({"pattern": "x", "path": path}),
            Denied,
            "outside the project",
        ));
        rows.push(Row("edit", edit(path), Denied, "outside the project"));
        rows.push(Row("write", write(path), Denied, "outside the project"));
        let delete = patch(&format!("*** Delete File: {path}"));
        rows.push(Row("edit", delete, Denied, "outside the project"));
    }
    rows.push(Row("write", write("out_new.txt"), Denied, "outside the project"));
    for (path, kind, part) in [
        ("fifo", Invalid, "a FIFO"),
        ("socket", Invalid, "a socket"),
        ("dir", Invalid, "a folder"),
        (".", Invalid, "a folder"),
        ("loop1", Failed, "links"),
        ("loop1/x", Failed, "links"),
        ("a.txt/x", NotFound, "is a file, not a folder"),
        (long.as_str(), Invalid, "too long"),
        (deep.as_str(), Invalid, "too long"),
        (".git/config", Denied, "git's own files"),
        (".GIT/hooks/pre-commit", Denied, "git's own files"),
    ] {
        rows.push(Row("edit", edit(path), kind, part));
        rows.push(Row("write", write(path), kind, part));
        let is_listed = ["dir", "."].contains(&path) || part.starts_with("git's");
        if !is_listed {
            rows.push(Row("read", json!({ "path": path }), kind, part));
        }
    }
    for path in ["none.txt", "none/none.txt", "dir/again/none.txt", "latin\u{fffd}.txt"] {
        rows.push(Row("read", json!({ "path": path }), NotFound, "no such file"));
        rows.push(Row("edit", edit(path), NotFound, "no such file"));
        rows.push(Row("find", json!({ "path": path }), NotFound, "no such file"));
        rows.push(Row("search", json!({"pattern": "x", "path": path}), NotFound, "no such file"));
    }
    rows
}

/// Files that are no text, or too much of it.
fn wrong_files() -> Vec<Row> {
    vec![
        Row("read", json!({"path": "huge"}), Invalid, "binary"),
        Row("read", json!({"path": "huge.txt", "lines": "2-3"}), Invalid, "binary"),
        Row("edit", edit("huge"), Invalid, "larger than 16 MB"),
        Row("edit", edit("huge.txt"), Invalid, "larger than 16 MB"),
        Row("write", write("huge"), Invalid, "larger than 16 MB"),
        Row("edit", patch("*** Delete File: huge"), Invalid, "larger than 16 MB"),
        Row("read", json!({"path": "binary"}), Invalid, "binary file of 7 bytes"),
        Row("edit", edit("binary"), Invalid, "binary"),
        Row("edit", edit("utf32"), Invalid, "UTF-32"),
        Row("edit", edit("utf16"), Invalid, "damaged UTF-16"),
    ]
}

#[tokio::test]
async fn every_wrong_call_is_refused_clearly_and_changes_nothing() {
    let project = scene();
    let base = project.root.parent().unwrap().to_path_buf();
    let before = tree(&base);
    let rows = wrong_arguments().into_iter().chain(wrong_paths()).chain(wrong_files());
    let mut count = 0;
    for Row(tool, input, kind, part) in rows {
        let shown: String = format!("{tool} {input}").chars().take(200).collect();
        let called = tokio::time::timeout(PATIENCE, project.call(tool, input));
        let outcome = called.await.unwrap_or_else(|_| panic!("{shown}: hangs"));
        let text = &outcome.text;
        assert_eq!(outcome.refusal.as_ref().map(|r| r.kind), Some(kind), "{shown}: {text}");
        assert!(text.contains(part), "{shown}: {text}");
        assert!(text.len() < 8_000 && !text.contains('\x07'), "{shown}: {text}");
        assert!(!text.contains("secret\n"), "{shown}: {text}");
        count += 1;
    }
    assert!(count > 150, "{count}");
    let after = tree(&base);
    assert!(after == before, "changed: {:?}", after.keys().find(|key| !before.contains_key(*key)));
    // 5 GB took no memory to speak of.
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak_kb: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak_kb < 400 << 10, "{peak_kb} kB");
}

#[tokio::test]
async fn odd_names_are_shown_in_one_line_and_can_be_used() {
    let project = scene();
    let listed = project.ok("find", json!({"pattern": "*.txt"})).await;
    assert!(listed.contains("new\\nline.txt") && listed.contains("bell\\u{7}.txt"), "{listed}");
    assert!(listed.contains("latin\u{fffd}.txt"), "{listed}");
    let found = project.ok("search", json!({"pattern": "odd"})).await;
    assert!(found.contains("new\\nline.txt") && !found.contains('\x07'), "{found}");
    for path in ["new\nline.txt", "bell\x07.txt"] {
        let text =
            project.ok("edit", json!({"path": path, "search": "odd", "replace": "even"})).await;
        assert!(!text.contains('\n') && !text.contains('\x07'), "{text}");
        assert_eq!(project.text(path), "even\n");
    }
    // The folder that holds itself is walked once.
    let all = project.ok("find", json!({"path": "dir"})).await;
    assert_eq!(all.matches("b.txt").count(), 1, "{all}");
}

#[tokio::test]
async fn a_file_that_vanishes_between_read_and_edit() {
    let project = Project::new(&[("a.txt", "one\n"), ("dir/b.txt", "one\n")]);
    for path in ["a.txt", "dir/b.txt"] {
        project.ok("read", json!({ "path": path })).await;
    }
    fs::remove_file(project.path("a.txt")).unwrap();
    fs::remove_dir_all(project.path("dir")).unwrap();
    for path in ["a.txt", "dir/b.txt"] {
        let text = project.refused("edit", edit(path), NotFound).await;
        assert!(text.contains("no such file"), "{text}");
    }
    fs::create_dir(project.path("a.txt")).unwrap();
    project.refused("edit", edit("a.txt"), Invalid).await;
    let text = project.ok("write", write("dir/b.txt")).await;
    assert_eq!(text, "created dir/b.txt (1 lines)");
}

#[tokio::test]
async fn a_folder_of_a_hundred_thousand_files_and_a_deep_one() {
    let project = Project::new(&[("many/keep.txt", "one\n")]);
    let many = project.path("many");
    for n in 0..100_000 {
        let path = many.join(format!("f{n}"));
        if n == 0 {
            fs::write(path, "x").unwrap();
        } else {
            fs::hard_link(many.join(format!("f{}", n - n % 50_000)), &path)
                .or_else(|_| fs::write(&path, "x"))
                .unwrap();
        }
    }
    let deep = project.path(&"deep/".repeat(200));
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("end.txt"), "one\n").unwrap();
    let called = |tool: &'static str, input: Value| {
        let called = project.call(tool, input);
        async move { tokio::time::timeout(PATIENCE, called).await.unwrap() }
    };
    let listed = called("find", json!({"path": "many"})).await;
    assert!(listed.ok && listed.text.len() < 20_000, "{}", listed.text);
    assert!(called("edit", edit("many/keep.txt")).await.ok);
    assert!(called("write", write("many/new.txt")).await.ok);
    let found = called("search", json!({"pattern": "two", "path": "many"})).await;
    assert!(found.text.contains("keep.txt"), "{}", found.text);
    let path = "deep/".repeat(200) + "end.txt";
    assert!(called("edit", edit(&path)).await.ok);
    assert_eq!(fs::read_to_string(deep.join("end.txt")).unwrap(), "two\n");
    let strays = fs::read_dir(&many).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(strays.filter(|name| name.as_bytes().starts_with(b".distiq")).count(), 0);
}

#[tokio::test]
async fn devices_in_the_project_are_left_alone() {
    let project = Project::new(&[]);
    let zero = nix::sys::stat::makedev(1, 5);
    let device = project.path("device");
    if nix::sys::stat::mknod(&device, SFlag::S_IFCHR, Mode::S_IRWXU, zero).is_err() {
        return super::bench::skipped("devices", "only root may make a device");
    }
    fs::set_permissions(&device, PermissionsExt::from_mode(0o666)).unwrap();
    for (tool, input) in [
        ("read", json!({"path": "device"})),
        ("edit", edit("device")),
        ("write", write("device")),
        ("edit", patch("*** Delete File: device")),
    ] {
        let text = project.refused(tool, input, Invalid).await;
        assert!(text.contains("a device"), "{tool}: {text}");
    }
    let outcome = project.call("search", json!({"pattern": "x", "path": "device"})).await;
    assert!(outcome.text.len() < 1_000, "{}", outcome.text);
    assert!(device.symlink_metadata().is_ok());
}
