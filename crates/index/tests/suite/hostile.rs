//! Trees that are not made by friends.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};

use distiq_index::{Control, Index, Query};
use nix::sys::stat::Mode;

use crate::{Project, SHOP};

#[test]
fn odd_files_harm_nobody() {
    let project = Project::new(SHOP);
    let root = project.root();
    File::create(root.join("huge.py")).unwrap().set_len(4 << 30).unwrap();
    project.write("one_line.js", format!("var minified='{}';", "x=1;".repeat(200_000)));
    project.write("binary.dat", b"\x00\x01\x02def hidden_in_binary(): pass");
    project.write("latin1.py", b"# caf\xe9\ndef coffee_break(): pass\n");
    project.write("broken.py", "def broken(:\n  class ((((\ndef afterwards():\n    pass\n");
    project.write("empty.py", "");
    project.write(&format!("{}deep.py", "d/".repeat(80)), "def deeply_nested(): pass\n");
    project.write("nested.py", format!("x = {}1{}\n", "(".repeat(5_000), ")".repeat(5_000)));
    nix::unistd::mkfifo(&root.join("pipe.py"), Mode::from_bits_truncate(0o600)).unwrap();
    symlink("/etc", root.join("outside")).unwrap();
    symlink(&root, root.join("circle")).unwrap();
    symlink("nowhere", root.join("dangling.py")).unwrap();
    File::create(root.join(OsStr::from_bytes(b"bad\xff.py"))).unwrap();
    project.write("closed.py", "def closed(): pass\n");
    fs::set_permissions(root.join("closed.py"), fs::Permissions::from_mode(0o000)).unwrap();
    let snapshot = project.snapshot();
    assert!(project.found("deeply_nested")[0].ends_with(" deeply_nested"));
    assert_eq!(project.found("coffee").len(), 1);
    assert_eq!(project.found("hidden_in_binary"), [""; 0]);
    assert!(
        !snapshot.files().any(|file| file.path.contains("outside") || file.path.contains("circle"))
    );
    let skipped = project.index().skipped().unwrap();
    for reason in ["binary", "generated", "large"] {
        assert!(skipped.iter().any(|(name, _)| name == reason), "{reason}: {skipped:?}");
    }
    assert_eq!(project.refresh().left_out, 1);
}

#[test]
fn secrets_are_not_in_it() {
    let project = Project::new(SHOP);
    project.write(".env", "PASSWORD_OF_THE_BANK=hunter2hunter\n");
    project.write("deploy/id_rsa", "PRIVATE hunter2hunter\n");
    let key = "ghp_16C7e42F292c6912E7710c838347Ae178B4a";
    project.write("config.py", format!("TOKEN = '{key}'\n"));
    let password = "tr0ub4dorhorse";
    project.write("app.yaml", format!("db_password: {password}\n"));
    project.snapshot();
    assert_eq!(project.found("db_password").len(), 1);
    assert_eq!(project.found(password), [""; 0]);
    assert_eq!(project.found("hunter2hunter"), [""; 0]);
    assert_eq!(project.found(key), [""; 0]);
    for entry in fs::read_dir(project.index().folder()).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(!holds(key) && !holds("hunter2hunter") && !holds(key.trim_start_matches("ghp_")));
        assert!(!holds(password));
    }
}

#[test]
fn a_name_with_a_key_in_it_is_left_out() {
    let project = Project::new(SHOP);
    let key = "ghp_16C7e42F292c6912E7710c838347Ae178B4a";
    project.write(&format!("backup-{key}.py"), "def weigh_it(): pass\n");
    project.write(&format!("{key}/b.py"), "def weigh_it(): pass\n");
    project.write("sk-chase-dot-animation-delay-container.py", "def weigh_them(): pass\n");
    assert_eq!(project.refresh().left_out, 2);
    assert_eq!(
        project.found("weigh them"),
        ["sk-chase-dot-animation-delay-container.py:1 weigh_them"]
    );
}

#[test]
fn what_is_ignored_is_not_in_it() {
    let project = Project::new(SHOP);
    project.write(".gitignore", "build/\n*.gen.py\n");
    project.write(".distiqignore", "private/\n");
    for path in
        ["build/a.py", "x.gen.py", "private/b.py", "node_modules/c.py", ".venv/d.py", "out/e.py"]
    {
        project.write(path, "def ignored_thing(): pass\n");
    }
    project.write("out/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55");
    assert_eq!(project.found("ignored thing"), [""; 0]);
}

#[test]
fn a_project_that_cannot_be_written_has_its_index_in_the_cache() {
    let project = Project::new(SHOP);
    // A file where the folder would be stops root too.
    project.write(".distiq", "");
    assert!(project.index().folder().starts_with(project.cache()));
    assert_eq!(project.found("discount").len(), 1);
}

#[test]
fn a_link_in_the_project_leads_nothing_out_of_it() {
    for link in [".distiq", ".distiq/index", ".distiq/.gitignore", ".distiq/index/lock"] {
        let project = Project::new(SHOP);
        let outside = project.folder.path().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("kept"), "as it was").unwrap();
        let link = project.root().join(link);
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        let to = if link.ends_with(".gitignore") || link.ends_with("lock") {
            outside.join("new")
        } else {
            outside.clone()
        };
        symlink(&to, &link).unwrap();
        assert_eq!(project.found("discount").len(), 1);
        Index::rebuild(&project.root(), &project.cache()).unwrap();
        assert_eq!(crate::names(&outside), ["kept"], "{}", link.display());
        assert!(project.index().folder().starts_with(project.cache()));
    }
}

#[test]
fn git_does_not_see_it() {
    let project = Project::new(SHOP);
    project.refresh();
    assert_eq!(fs::read_to_string(project.root().join(".distiq/.gitignore")).unwrap(), "*\n");
}

#[test]
fn an_index_that_somebody_else_made_is_not_read() {
    let project = Project::new(SHOP);
    let first = project.index().folder().to_path_buf();
    project.refresh();
    let theirs = crate::names(&first);
    // A segment that says what no file says.
    let segment = theirs.iter().find(|name| name.ends_with(".seg")).unwrap();
    fs::write(first.join(segment), "hostile").unwrap();
    let cache = project.folder.path().join("another's cache");
    assert!(Index::is_in(&project.root(), &project.cache()));
    assert!(!Index::is_in(&project.root(), &cache));
    let index = Index::open(&project.root(), &cache).unwrap();
    assert!(index.folder().starts_with(project.root()) && index.folder() != first);
    assert_eq!(index.refresh(&Control::default()).unwrap().read, 4);
    let hits = index.snapshot().unwrap().search(&Query::new("discount")).unwrap();
    assert_eq!(hits.len(), 1);
    assert!(Index::is_in(&project.root(), &cache));
    assert_eq!(crate::names(&first), theirs, "both stay side by side");
    assert_eq!(fs::read_to_string(first.join(segment)).unwrap(), "hostile");
}

#[test]
fn what_lies_where_an_earlier_version_kept_its_index_is_not_read() {
    let project = Project::new(SHOP);
    project.write(".distiq/index/index.db", "hostile");
    project.write(".distiq/index/history", "hostile");
    assert_eq!(project.found("discount").len(), 1);
    assert_eq!(crate::names(&project.root().join(".distiq/index")).len(), 1, "it is removed");
}

#[test]
fn a_project_that_is_moved_or_copied_keeps_its_index() {
    let project = Project::new(SHOP);
    project.refresh();
    let folder = project.index().folder().to_path_buf();
    let name = folder.strip_prefix(project.root()).unwrap();
    let moved = project.folder.path().join("moved");
    fs::rename(project.root(), &moved).unwrap();
    let index = Index::open(&moved, &project.cache()).unwrap();
    assert_eq!(index.folder(), moved.join(name));
    assert_eq!(index.snapshot().unwrap().stats().files, 4);
}

#[test]
fn nobody_waits_for_a_pipe_among_an_indexs_files() {
    let project = Project::new(SHOP);
    project.refresh();
    project.find("discount", distiq_index::Mode::Vector);
    let folder = project.index().folder().to_path_buf();
    let names = crate::names(&folder);
    let kept: Vec<&String> =
        names.iter().filter(|name| !name.starts_with("index.db") && *name != "lock").collect();
    assert!(kept.len() >= 3, "{names:?}");
    for name in kept.into_iter().map(String::as_str).chain(["history", "repeats"]) {
        let _ = fs::remove_file(folder.join(name));
        nix::unistd::mkfifo(&folder.join(name), Mode::from_bits_truncate(0o600)).unwrap();
    }
    let index = project.index();
    if index.refresh(&Control::default()).is_err() || index.snapshot().is_err() {
        Index::rebuild(&project.root(), &project.cache()).unwrap();
    }
    for mode in [distiq_index::Mode::Hybrid, distiq_index::Mode::Vector] {
        assert!(!project.find("discount", mode).is_empty(), "{mode:?}");
    }
}
