//! The walk beside that of the `ignore` crate, whose rules it keeps, in trees that nobody would make by hand.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use ignore::WalkBuilder;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// Names of files and folders, with those that mean something to a walk or to a rule.
const NAMES: &[&[u8]] = &[
    b"a",
    b"b",
    b"ab",
    b"a.rs",
    b"b.rs",
    b"B.RS",
    b"x.min.js",
    b"target",
    b"out",
    b".hidden",
    b".github",
    b".env",
    b"id_rsa",
    b"key.pem",
    b"node_modules",
    b".distiq",
    b"CACHEDIR.TAG",
    b".git",
    b" b",
    b"b ",
    b"!b",
    b"#b",
    b"*",
    b"[ab]",
    b"a\\b",
    b"a\nb",
    b"-",
    b"\xd0\xb0",
    b"\xff.rs",
    b"a\xff",
    b"...",
];
/// Pieces of rules; those between slashes.
const PIECES: &[&str] = &[
    "a", "b", "ab", "*.rs", "*", "**", "?", "[ab]", "[!a]*", "[a", "{a,b}", "a*", "*b", "target",
    ".*", "\\*", "\\!b", "\\#b", "b\\ ", "а", ".hidden", ".github", "a\\\\b", "!", "#b", "b ",
    "\t", "a.rs\r",
];
/// What stands before the rules of a file: nothing, a mark of its encoding, or what is no text.
const ODD: &[&[u8]] = &[b"", b"", b"", b"", b"\xef\xbb\xbf", b"# a\n\n", b"a\xff\n"];
const FILES_OF_RULES: &[&str] = &[".gitignore", ".ignore", ".distiqignore"];

#[derive(Clone, Debug)]
enum Node {
    File,
    Link(&'static str),
    Rules(Vec<u8>),
    Folder { closed: bool, inside: Vec<(Vec<u8>, Node)> },
}

fn line() -> impl Strategy<Value = String> {
    let pieces = prop::collection::vec(select(PIECES), 1..4);
    (select(&["", "", "", "!", "/", "!/"][..]), pieces, select(&["", "", "/", " "][..]))
        .prop_map(|(begin, pieces, end)| format!("{begin}{}{end}", pieces.join("/")))
}

/// The text of a file of rules.
fn rules() -> impl Strategy<Value = Vec<u8>> {
    let odd = select(ODD);
    (odd, prop::collection::vec(line(), 0..5), select(&["\n", "\n", "\r\n"][..]))
        .prop_map(|(begin, lines, end)| [begin, lines.join(end).as_bytes()].concat())
}

fn repository() -> impl Strategy<Value = Node> {
    let exclude = |text: Vec<u8>| vec![(b"exclude".to_vec(), Node::Rules(text))];
    rules().prop_map(move |text| {
        let info = Node::Folder { closed: false, inside: exclude(text) };
        Node::Folder { closed: false, inside: vec![(b"info".to_vec(), info)] }
    })
}

fn folder() -> impl Strategy<Value = Node> {
    let name = || select(NAMES).prop_map(<[u8]>::to_vec);
    let file = prop_oneof![
        6 => (name(), Just(Node::File)),
        1 => (name(), select(&["a", "../b", "nowhere", "."][..]).prop_map(Node::Link)),
        2 => (select(FILES_OF_RULES).prop_map(|name| name.as_bytes().to_vec()), rules().prop_map(Node::Rules)),
        1 => (Just(b".git".to_vec()), repository()),
    ];
    let leaf = prop::collection::vec(file.clone(), 0..6).boxed();
    let folder = |inside| Node::Folder { closed: false, inside };
    leaf.prop_map(folder).prop_recursive(4, 60, 8, move |inner| {
        let folders = prop::collection::vec((select(NAMES).prop_map(<[u8]>::to_vec), inner), 0..4);
        let files = prop::collection::vec(file.clone(), 0..6);
        (files, folders, prop::bool::weighted(0.05)).prop_map(|(files, folders, closed)| {
            Node::Folder { closed, inside: files.into_iter().chain(folders).collect() }
        })
    })
}

/// Makes a node where nothing is of its name.
fn make(path: &Path, node: &Node) {
    if path.symlink_metadata().is_ok() {
        return;
    }
    match node {
        Node::File => fs::write(path, "text").unwrap(),
        Node::Link(target) => symlink(target, path).unwrap(),
        Node::Rules(text) => fs::write(path, text).unwrap(),
        Node::Folder { closed, inside } => {
            fs::create_dir(path).unwrap();
            for (name, node) in inside {
                make(&path.join(OsStr::from_bytes(name)), node);
            }
            if *closed {
                fs::set_permissions(path, fs::Permissions::from_mode(0o000)).unwrap();
            }
        }
    }
}

/// Makes it possible to remove a tree.
fn open_all(path: &Path) {
    if path.symlink_metadata().is_ok_and(|data| data.is_dir()) {
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).unwrap();
        fs::read_dir(path).unwrap().for_each(|entry| open_all(&entry.unwrap().path()));
    }
}

/// Lists what the `ignore` crate does, with how many files have names that cannot be kept.
fn by_the_crate(root: &Path) -> (Vec<String>, usize) {
    let is_read = |entry: &ignore::DirEntry| {
        let is_folder = entry.file_type().is_some_and(|kind| kind.is_dir());
        !is_folder
            || is_open(entry.file_name().as_bytes()) && !entry.path().join(CACHE_MARK).exists()
    };
    let entries = WalkBuilder::new(root)
        .hidden(false)
        .require_git(false)
        .max_depth(Some(MAX_DEPTH))
        .add_custom_ignore_filename(".distiqignore")
        .filter_entry(move |entry| entry.depth() == 0 || is_read(entry))
        .build();
    let (mut found, mut left_out) = (Vec::new(), 0);
    for entry in entries.flatten() {
        let path = entry.path().strip_prefix(root).unwrap();
        let is_file = entry.file_type().is_some_and(|kind| kind.is_file());
        if !is_file || path.ends_with(".git") || distiq_base::secret_files::is_secret(path) {
            continue;
        }
        match path.to_str() {
            Some(path) => found.push(path.to_owned()),
            None => left_out += 1,
        }
    }
    found.sort();
    (found, left_out)
}

fn by_us(root: &Path) -> (Vec<String>, usize) {
    let walked = walk(root, &|| false);
    let mut found: Vec<String> = walked.files.into_iter().map(|file| file.path).collect();
    found.sort();
    (found, walked.left_out)
}

/// Holds both walks of a folder against each other, and those of the folders in it.
fn compare(root: &Path) {
    assert_eq!(by_us(root), by_the_crate(root), "{}", root.display());
    let below = fs::read_dir(root).into_iter().flatten().flatten();
    for entry in below.filter(|entry| entry.file_type().unwrap().is_dir()).take(4) {
        assert_eq!(by_us(&entry.path()), by_the_crate(&entry.path()), "{:?}", entry.path());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_tree_is_listed_as_the_crate_does(node in folder()) {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join("tree");
        make(&root, &node);
        let both = std::panic::catch_unwind(|| compare(&root));
        open_all(&root);
        prop_assert!(both.is_ok());
    }
}

/// Makes files of `path` or `path: text` lines.
fn tree(files: &str) -> (tempfile::TempDir, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().join("tree");
    for line in files.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (path, text) = line.split_once(": ").unwrap_or((line, ""));
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text.replace("\\n", "\n")).unwrap();
    }
    (home, root)
}

#[track_caller]
fn check(root: &Path, expected: &[&str]) {
    assert_eq!(by_us(root).0, expected);
    compare(root);
}

#[test]
fn the_kinds_of_rules_have_their_order() {
    let (_home, root) = tree(
        ".gitignore: *.log\\n/out
         .ignore: !b.log\\n!c.log
         .distiqignore: c.log
         .git/info/exclude: *.tmp
         a.log
         b.log
         c.log
         d.tmp
         out/a.rs
         sub/.gitignore: !*.tmp\\n!c.log\\n!e.log
         sub/.ignore: b.log
         sub/b.log
         sub/c.log
         sub/d.tmp
         sub/out/a.rs
         sub/deep/e.log",
    );
    let rules = [".distiqignore", ".gitignore", ".ignore"];
    let sub = ["sub/.gitignore", "sub/.ignore", "sub/d.tmp", "sub/deep/e.log", "sub/out/a.rs"];
    check(&root, &[&rules[..], &["b.log"], &sub].concat());
    // From above: `c.log` by `.distiqignore`, which no other file overrules.
    check(&root.join("sub"), &[".gitignore", ".ignore", "d.tmp", "deep/e.log", "out/a.rs"]);
    check(&root.join("sub/deep"), &["e.log"]);
}

#[test]
fn a_work_tree_has_the_rules_of_its_repository() {
    let (home, root) = tree("a.tmp\n b.rs");
    let git = home.path().join("main/.git");
    fs::create_dir_all(git.join("worktrees/tree")).unwrap();
    fs::create_dir_all(git.join("info")).unwrap();
    fs::write(git.join("info/exclude"), "*.tmp").unwrap();
    fs::write(git.join("worktrees/tree/commondir"), "../..\n").unwrap();
    fs::write(root.join(".git"), format!("gitdir: {}/worktrees/tree\n", git.display())).unwrap();
    check(&root, &["b.rs"]);
    // Git writes relative paths, too; they count from the file.
    fs::write(root.join(".git"), "gitdir: ../main/.git/worktrees/tree\n").unwrap();
    assert_eq!(by_us(&root).0, ["b.rs"]);
    fs::write(root.join(".git"), "gitdir: /nowhere\n").unwrap();
    check(&root, &["a.tmp", "b.rs"]);
}

#[test]
fn marked_folders_are_closed_and_links_are_not_followed() {
    let (_home, root) = tree(
        "a.rs
         built/CACHEDIR.TAG: Signature
         built/b.rs
         kept/c.rs",
    );
    symlink("nowhere", root.join("kept/CACHEDIR.TAG")).unwrap();
    symlink("kept", root.join("other")).unwrap();
    symlink("a.rs", root.join("d.rs")).unwrap();
    check(&root, &["a.rs", "kept/c.rs"]);
    fs::write(root.join("nowhere"), "").unwrap();
    symlink("../nowhere", root.join("kept/new")).unwrap();
    check(&root, &["a.rs", "kept/c.rs", "nowhere"]);
    // What is opened itself is read, marked or not, and a link to it, too.
    check(&root.join("built"), &["CACHEDIR.TAG", "b.rs"]);
    assert_eq!(by_us(&root.join("other")).0, ["c.rs"]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_folder_that_became_a_link_is_not_entered() {
    let (home, root) = tree("kept/inner/a.rs");
    let outside = home.path().join("outside");
    fs::create_dir_all(outside.join("inner")).unwrap();
    symlink("../outside", root.join("link")).unwrap();
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let top = rustix::fs::open(&root, flags, Mode::empty()).unwrap();
    assert!(folder::open(top.as_fd(), "kept/inner").is_ok());
    assert!(folder::open(top.as_fd(), "link/inner").is_err());
    assert!(folder::open(top.as_fd(), "../outside").is_err());
    assert!(folder::step_by_step(top.as_fd(), "kept/inner").is_ok());
    assert!(folder::step_by_step(top.as_fd(), "link/inner").is_err());
    assert!(folder::step_by_step(top.as_fd(), "../outside").is_err());
}

#[test]
fn rules_without_end_are_read_up_to_a_whole_line() {
    let (_home, root) = tree("a.rs\n b.log");
    for cut in ["\n*\n", "*.generated\n"] {
        let mut text = b"*.log\n#".to_vec();
        text.resize((1 << 20) - 1, b'#');
        text.extend(cut.bytes());
        fs::write(root.join(".gitignore"), &text).unwrap();
        assert_eq!(by_us(&root).0, [".gitignore", "a.rs"]);
    }
    let mut text = b"*.log\n#".to_vec();
    text.resize((1 << 20) - 2, b'#');
    text.extend(b"\n*.generated\n");
    fs::write(root.join(".gitignore"), &text).unwrap();
    assert_eq!(by_us(&root).0, [".gitignore", "a.rs"], "`*` of `*.generated` is no rule");
}

#[test]
fn a_pipe_for_rules_holds_nobody_up() {
    let (_home, root) = tree("a.rs");
    let mode = nix::sys::stat::Mode::S_IRWXU;
    nix::unistd::mkfifo(&root.join(".gitignore"), mode).unwrap();
    assert_eq!(by_us(&root).0, ["a.rs"]);
}

#[test]
fn depth_and_width_have_their_limits() {
    let (_home, root) = tree("a.rs");
    let mut path = root.clone();
    for _ in 0..MAX_DEPTH + 5 {
        path.push("d");
        fs::create_dir(&path).unwrap();
        fs::write(path.join("e.rs"), "").unwrap();
    }
    for at in 0..200 {
        let folder = root.join(format!("wide{at}/f/g"));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("h.rs"), "").unwrap();
    }
    let (found, _) = by_us(&root);
    let deepest = found.iter().map(|path| path.matches('/').count() + 1).max();
    assert_eq!((found.len(), deepest), (1 + MAX_DEPTH - 1 + 200, Some(MAX_DEPTH)));
    compare(&root);
    let count = AtomicUsize::new(0);
    let few = walk(&root, &|| count.fetch_add(1, Ordering::Relaxed) > 3).files.len();
    assert!(few < found.len(), "who gives up is heard");
}

#[test]
fn of_too_many_files_the_most_are_taken_and_that_is_told() {
    let folder = tempfile::tempdir().unwrap();
    for at in 0..30 {
        let below = folder.path().join(format!("{}", at % 20));
        fs::create_dir_all(&below).unwrap();
        fs::write(below.join(format!("{at}.py")), "").unwrap();
    }
    for (most, taken, is_full) in [(0, 0, true), (7, 7, true), (29, 29, true), (30, 30, false)] {
        let walked = walk_most(folder.path(), most, &|| false);
        assert_eq!((walked.files.len(), walked.left_out, walked.is_full), (taken, 0, is_full));
        assert_eq!(has_more_files(folder.path(), most), is_full);
    }
}

#[test]
fn of_too_many_files_in_one_folder_the_same_are_taken_each_time() {
    let folder = tempfile::tempdir().unwrap();
    for at in 0..300 {
        fs::write(folder.path().join(format!("{at}.py")), "").unwrap();
        fs::create_dir(folder.path().join(format!("folder{at}"))).unwrap();
    }
    for most in [0, 1, 100, 299, 300] {
        let taken = || {
            let walked = walk_most(folder.path(), most, &|| false);
            assert_eq!(walked.is_full, most < 300);
            let mut paths: Vec<String> = walked.files.into_iter().map(|file| file.path).collect();
            paths.sort_unstable();
            paths
        };
        let first = taken();
        assert_eq!(first.len(), most);
        assert!((0..20).all(|_| taken() == first), "{most}");
    }
}
