//! What an edit leaves as it was: owner, mode, attributes, names, and the file itself where it is refused.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use distiq_tools::RefusalKind;
use rustix::fs::XattrFlags;
use serde_json::json;

use super::bench::{Project, SetAtEnd, skipped};

/// A user that is not the one who runs the tests.
const NOBODY: u32 = 65_534;

/// An access list: the owner all, user 1 reads, the group reads, others nothing.
const ACL: &[u8] = &[
    2, 0, 0, 0, 1, 0, 7, 0, 255, 255, 255, 255, 2, 0, 4, 0, 1, 0, 0, 0, 4, 0, 4, 0, 255, 255, 255,
    255, 16, 0, 4, 0, 255, 255, 255, 255, 32, 0, 0, 0, 255, 255, 255, 255,
];

fn attribute(path: &Path, name: &str) -> Vec<u8> {
    let mut value = vec![0; 1_024];
    let length = rustix::fs::getxattr(path, name, &mut value[..]).unwrap_or(0);
    value.truncate(length);
    value
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

fn replace(path: &str, search: &str, replace: &str) -> serde_json::Value {
    json!({"path": path, "search": search, "replace": replace})
}

#[tokio::test]
async fn modes_and_owners_stay() {
    let is_root = nix::unistd::Uid::effective().is_root();
    for bits in [0o600, 0o755, 0o4755, 0o2770, 0o1644] {
        let project = Project::new(&[("a.sh", "one\n"), ("b.txt", "one\n")]);
        for path in ["a.sh", "b.txt"] {
            let path = project.path(path);
            if is_root {
                chown(&path, Some(NOBODY), Some(NOBODY - 1)).unwrap();
            }
            fs::set_permissions(&path, fs::Permissions::from_mode(bits)).unwrap();
        }
        project.ok("edit", replace("a.sh", "one", "two")).await;
        project.ok("write", json!({"path": "b.txt", "content": "two\n"})).await;
        for path in ["a.sh", "b.txt"] {
            let metadata = fs::metadata(project.path(path)).unwrap();
            assert_eq!(metadata.mode() & 0o7777, bits, "{path} {bits:o}");
            if is_root {
                assert_eq!((metadata.uid(), metadata.gid()), (NOBODY, NOBODY - 1), "{path}");
            }
        }
    }
}

#[tokio::test]
async fn attributes_and_access_lists_stay_and_none_come() {
    let project = Project::new(&[("a.txt", "one\n"), ("b.txt", "one\n"), ("plain/c.txt", "one\n")]);
    let a = project.path("a.txt");
    let set = |path: &Path, name: &str, value: &[u8]| {
        rustix::fs::setxattr(path, name, value, XattrFlags::empty())
    };
    if set(&a, "user.origin", b"here\0there").is_err() {
        return skipped("xattrs", "the file system of the temporary folder has none");
    }
    set(&a, "user.empty", b"").unwrap();
    let acl = set(&a, "system.posix_acl_access", ACL).is_ok();
    let before = mode(&a);
    // New files in this folder get an access list, which an old one there has not.
    let default = set(&project.path("plain"), "system.posix_acl_default", ACL).is_ok();
    for _ in 0..2 {
        project.ok("edit", replace("a.txt", "one", "two")).await;
        project.ok("edit", replace("a.txt", "two", "one")).await;
    }
    project.ok("edit", replace("plain/c.txt", "one", "two")).await;
    assert_eq!(attribute(&a, "user.origin"), b"here\0there");
    assert_eq!(rustix::fs::getxattr(&a, "user.empty", &mut [0; 8][..]), Ok(0));
    assert_eq!(mode(&a), before);
    if acl {
        assert_eq!(attribute(&a, "system.posix_acl_access"), ACL);
    }
    assert_eq!(attribute(&project.path("plain/c.txt"), "system.posix_acl_access"), b"");
    assert_eq!(mode(&project.path("plain/c.txt")), mode(&project.path("b.txt")));
    if default {
        project.ok("write", json!({"path": "plain/new.txt", "content": "x"})).await;
        assert_ne!(attribute(&project.path("plain/new.txt"), "system.posix_acl_access"), b"");
    }
}

#[tokio::test]
async fn a_file_with_two_names_keeps_both() {
    let project = Project::new(&[("a.txt", "one\nlonger than what comes\n"), ("c.txt", "c\n")]);
    fs::hard_link(project.path("a.txt"), project.path("b.txt")).unwrap();
    let inode = |path: &str| fs::metadata(project.path(path)).unwrap().ino();
    let before = inode("a.txt");
    project.ok("edit", replace("b.txt", "longer than what comes", "short")).await;
    project.ok("write", json!({"path": "a.txt", "content": "1\nshort\nand more\n"})).await;
    assert_eq!(project.text("b.txt"), "1\nshort\nand more\n");
    assert_eq!((inode("a.txt"), inode("b.txt")), (before, before));
    // Both at once would be one of them lost.
    let both = json!({"edits": [replace("a.txt", "1", "2"), replace("b.txt", "short", "long")]});
    let text = project.refused("edit", both, RefusalKind::Invalid).await;
    assert!(text.contains("are the same file"), "{text}");
    // A batch that fails later takes it back, its time too.
    fs::set_permissions(project.path("c.txt"), PermissionsExt::from_mode(0o444)).unwrap();
    let time = fs::metadata(project.path("a.txt")).unwrap().mtime_nsec();
    let batch = json!({"edits": [replace("a.txt", "1", "2"), replace("c.txt", "c", "d")]});
    project.refused("edit", batch, RefusalKind::Failed).await;
    assert_eq!(project.text("b.txt"), "1\nshort\nand more\n");
    assert_eq!(fs::metadata(project.path("a.txt")).unwrap().mtime_nsec(), time);
}

#[tokio::test]
async fn links_stay_links_and_lead_where_they_led() {
    let project = Project::new(&[("real/a.txt", "one\n")]);
    symlink("real", project.path("folder")).unwrap();
    symlink("folder/a.txt", project.path("first")).unwrap();
    symlink("first", project.path("second")).unwrap();
    symlink("real/later.txt", project.path("dangling")).unwrap();
    project.ok("edit", replace("second", "one", "two")).await;
    project.ok("write", json!({"path": "dangling", "content": "late\n"})).await;
    assert_eq!(project.text("real/a.txt"), "two\n");
    assert_eq!(project.text("real/later.txt"), "late\n");
    for link in ["folder", "first", "second", "dangling"] {
        assert!(project.path(link).is_symlink(), "{link}");
    }
}

#[tokio::test]
async fn what_is_guarded_is_refused_whole() {
    let project = Project::new(&[("a.txt", "one\n"), ("b.txt", "one\n")]);
    fs::set_permissions(project.path("a.txt"), PermissionsExt::from_mode(0o444)).unwrap();
    let delete = "*** Begin Patch\n*** Delete File: a.txt\n*** End Patch";
    for (tool, input) in [
        ("edit", replace("a.txt", "one", "two")),
        ("write", json!({"path": "a.txt", "content": "two"})),
        ("edit", json!({ "patch": delete })),
    ] {
        let text = project.refused(tool, input, RefusalKind::Failed).await;
        assert!(text.contains("no permission: it is read-only"), "{text}");
    }
    assert_eq!(project.text("a.txt"), "one\n");
    let b = project.path("b.txt");
    let chattr = |flag: &str| Command::new("chattr").arg(flag).arg(&b).status();
    if !chattr("+i").is_ok_and(|status| status.success()) {
        return skipped("immutable", "only root may, and not on every file system");
    }
    let mut told = Vec::new();
    let batch = json!({"edits": [replace("c.txt", "", "new"), replace("b.txt", "one", "two")]});
    for input in [replace("b.txt", "one", "two"), batch] {
        told.push(project.call("edit", input).await.text);
    }
    chattr("-i").unwrap();
    for text in told {
        assert!(text.contains("immutable") && text.contains("lsattr"), "{text}");
        assert!(text.ends_with("nothing was changed"), "{text}");
    }
    assert_eq!(project.text("b.txt"), "one\n");
    assert!(!project.path("c.txt").exists());
}

#[test]
fn a_reader_sees_the_old_file_or_the_new_one() {
    let text = |word: &str| format!("{}\n", word).repeat(20_000);
    let project = Project::new(&[("a.txt", &text("old"))]);
    let path = project.path("a.txt");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let now = fs::read_to_string(&path).unwrap();
                assert!(now == text("old") || now == text("new"), "torn: {} bytes", now.len());
            }
        });
        let _end = SetAtEnd(&done);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            for word in ["new", "old"].iter().cycle().take(60) {
                project.ok("write", json!({"path": "a.txt", "content": text(word)})).await;
            }
        });
    });
}

#[tokio::test]
async fn a_hundred_files_change_together() {
    let files: Vec<(String, String)> =
        (0..100).map(|n| (format!("d{}/f{n}.txt", n % 7), format!("value {n}\n"))).collect();
    let named: Vec<(&str, &str)> = files.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect();
    let project = Project::new(&named);
    let edits = |new: &str| {
        let edits = files.iter().map(|(path, _)| replace(path, "value", new));
        json!({ "edits": edits.collect::<Vec<_>>() })
    };
    // The last but one may not be written.
    let locked = project.path("d0/f98.txt");
    fs::set_permissions(&locked, PermissionsExt::from_mode(0o444)).unwrap();
    project.refused("edit", edits("word"), RefusalKind::Failed).await;
    for (path, text) in &files {
        assert_eq!(project.text(path), *text);
    }
    fs::set_permissions(&locked, PermissionsExt::from_mode(0o644)).unwrap();
    project.ok("edit", edits("word")).await;
    for (path, text) in &files {
        assert_eq!(project.text(path), text.replace("value", "word"));
    }
    assert_eq!(fs::read_dir(project.path("d1")).unwrap().count(), 15);
    let journals = fs::read_dir(project.root.with_file_name("journal")).unwrap().count();
    assert_eq!(journals, 0);
}
