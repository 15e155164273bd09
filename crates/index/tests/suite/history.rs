//! The project's past: read with git, kept up to date, and never more than it should be.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use distiq_index::{Control, Index, Mode, Query};
use nix::sys::stat::Mode as FileMode;

use crate::{Project, SHOP};

fn git(folder: &Path, arguments: &[&str]) -> String {
    let settings = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgSign=false"];
    // Each a minute after the other.
    static TIME: AtomicU32 = AtomicU32::new(1_700_000_000);
    let date = format!("{} +0000", TIME.fetch_add(60, Ordering::Relaxed));
    let mut command = Command::new("git");
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    command.env("GIT_COMMITTER_DATE", date);
    let output = command.args(settings).args(arguments).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A project whose files came with one commit.
fn repository() -> Project {
    let project = Project::new(SHOP);
    git(&project.root(), &["init", "-q", "-b", "main"]);
    commit(&project, "Open the shop");
    project
}

fn commit(project: &Project, message: &str) {
    git(&project.root(), &["add", "-A"]);
    git(&project.root(), &["commit", "-q", "-m", message]);
}

fn change(project: &Project, path: &str, message: &str) {
    let text = fs::read_to_string(project.root().join(path)).unwrap_or_default();
    project.write(path, format!("{text}\n# {message}\n"));
    commit(project, message);
}

/// Reads all there is and returns how many commits are known.
fn commits(project: &Project) -> usize {
    let index = project.index();
    index.refresh(&Control::default()).unwrap();
    index.read_history(&Control::default());
    index.snapshot().unwrap().commits()
}

fn kept(project: &Project) -> Vec<u8> {
    fs::read(project.index().folder().join("history")).unwrap_or_default()
}

/// Returns the file as a new index makes it.
fn fresh(project: &Project) -> Vec<u8> {
    Index::rebuild(&project.root(), &project.cache()).unwrap();
    commits(project);
    kept(project)
}

/// Returns what past commits speak for.
fn spoken_for(project: &Project, request: &str) -> Vec<String> {
    let hits = project.find(request, Mode::Hybrid).into_iter();
    let hits =
        hits.filter(|hit| hit.reasons.iter().any(|why| why == "changed with similar commits"));
    let mut paths: Vec<String> = hits.map(|hit| hit.path).collect();
    paths.dedup();
    paths
}

#[test]
fn files_that_similar_commits_changed_are_found_by_words_that_they_do_not_hold() {
    let project = repository();
    change(&project, "README.md", "Tell of the opening hours");
    change(&project, "shop/money.py", "Take the exchange rate of yesterday's bourse");
    fs::write(project.root().join("shop/money.py"), "class Price:\n    def in_euros(self): pass\n")
        .unwrap();
    commit(&project, "Shorter");
    assert_eq!(commits(&project), 4);
    assert_eq!(spoken_for(&project, "the bourse is closed on sundays"), ["shop/money.py"]);
    assert_eq!(spoken_for(&project, "zebra"), [""; 0]);
    let hits = project.find("bourse", Mode::Text);
    assert!(hits.is_empty(), "words alone know nothing of it: {hits:?}");
}

#[test]
fn what_was_read_step_by_step_is_what_a_new_index_reads() {
    let project = repository();
    assert_eq!(commits(&project), 1);
    for step in 0..4 {
        change(&project, "shop/cart.py", &format!("Step {step} towards discounts"));
        project.refresh();
    }
    git(&project.root(), &["mv", "shop/cart.py", "shop/basket.py"]);
    commit(&project, "A cart is a basket");
    git(&project.root(), &["checkout", "-q", "-b", "side"]);
    change(&project, "side.py", "Beside");
    git(&project.root(), &["checkout", "-q", "main"]);
    change(&project, "shop/money.py", "Round down");
    git(&project.root(), &["merge", "-q", "--no-edit", "side"]);
    project.refresh();
    assert_eq!(commits(&project), 8, "a merge is none");
    let stepwise = kept(&project);
    assert_eq!(stepwise, fresh(&project));
    assert_eq!(spoken_for(&project, "discounts step by step"), ["shop/basket.py"]);
    // History that is written anew is read anew.
    git(&project.root(), &["reset", "-q", "--hard", "HEAD~3"]);
    change(&project, "other.py", "Another way");
    project.refresh();
    assert_eq!(commits(&project), 6);
    let rewritten = kept(&project);
    assert_ne!(rewritten, stepwise);
    assert_eq!(rewritten, fresh(&project));
}

#[test]
fn nothing_is_done_where_nothing_has_changed_and_damage_is_mended() {
    let project = repository();
    assert_eq!(commits(&project), 1);
    let path = project.index().folder().join("history");
    let written = fs::metadata(&path).unwrap().modified().unwrap();
    project.refresh();
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), written);
    let whole = kept(&project);
    let mut damaged = whole.clone();
    *damaged.last_mut().unwrap() ^= 1;
    fs::write(&path, damaged).unwrap();
    assert_eq!(project.index().snapshot().unwrap().commits(), 0);
    assert_eq!(commits(&project), 1);
    assert_eq!(kept(&project), whole);
    fs::remove_dir_all(project.root().join(".git")).unwrap();
    assert_eq!((commits(&project), kept(&project)), (0, Vec::new()), "the repository is gone");
}

#[test]
fn a_folder_of_a_repository_knows_its_own_past_alone() {
    let whole = repository();
    change(&whole, "web/src/checkout.ts", "Pay by invoice at midnight");
    change(&whole, "shop/cart.py", "Count at midnight");
    let root = whole.root().join("web");
    let index = Index::open(&root, &whole.cache()).unwrap();
    index.refresh(&Control::default()).unwrap();
    index.read_history(&Control::default());
    assert_eq!(index.snapshot().unwrap().commits(), 2);
    let stored = fs::read(index.folder().join("history")).unwrap();
    let holds = |text: &str| stored.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(holds("src/checkout.ts") && !holds("web/src") && !holds("cart") && !holds("count"));
}

#[test]
fn worktrees_and_shallow_copies_have_a_past() {
    let project = repository();
    change(&project, "shop/cart.py", "Second");
    change(&project, "shop/cart.py", "Third");
    let of = |name: &str| {
        let root = project.folder.path().join(name);
        let index = Index::open(&root, &project.cache()).unwrap();
        index.refresh(&Control::default()).unwrap();
        index.read_history(&Control::default());
        index.snapshot().unwrap().commits()
    };
    git(&project.root(), &["worktree", "add", "-q", "-b", "tree", "../tree"]);
    assert_eq!(of("tree"), 3);
    git(&project.folder.path().join("tree"), &["commit", "-q", "--allow-empty", "-m", "Nothing"]);
    project.write("../tree/new.py", "def new(): pass\n");
    git(&project.folder.path().join("tree"), &["add", "-A"]);
    git(&project.folder.path().join("tree"), &["commit", "-q", "-m", "Fourth"]);
    assert_eq!(of("tree"), 4, "the file of the branch lies elsewhere");
    let from = format!("file://{}", project.root().display());
    git(project.folder.path(), &["clone", "-q", "--depth", "2", &from, "shallow"]);
    assert_eq!(of("shallow"), 2);
    git(&project.folder.path().join("shallow"), &["fetch", "-q", "--unshallow"]);
    assert_eq!(of("shallow"), 3, "what came later is read, though the head is the same");
}

#[test]
fn a_repository_runs_nothing() {
    let project = repository();
    let root = project.root();
    let mark = project.folder.path().join("ran");
    let program = project.folder.path().join("program.sh");
    fs::write(&program, format!("#!/bin/sh\ntouch {}\n", mark.display())).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let program = program.to_str().unwrap();
    // One that is signed, so that showing signatures would run the program.
    let tree = git(&root, &["rev-parse", "HEAD^{tree}"]);
    let head = git(&root, &["rev-parse", "HEAD"]);
    project.write(
        "../signed",
        format!(
            "tree {tree}\nparent {head}\nauthor a <a@b.c> 1700000000 +0000\ncommitter a <a@b.c> 1700000000 +0000\n\
             gpgsig -----BEGIN PGP SIGNATURE-----\n \n iQ\n -----END PGP SIGNATURE-----\n\nSigned\n"
        ),
    );
    let signed = git(&root, &["hash-object", "-t", "commit", "-w", "../signed"]);
    git(&root, &["reset", "-q", "--hard", &signed]);
    change(&project, "shop/cart.py", "After it");
    project.write(".gitattributes", "*.py diff=odd filter=odd\n");
    let pipe = project.folder.path().join("pipe");
    nix::unistd::mkfifo(&pipe, FileMode::from_bits_truncate(0o600)).unwrap();
    for (key, value) in [
        ("log.showSignature", "true"),
        ("gpg.program", program),
        ("core.fsmonitor", program),
        ("core.pager", program),
        ("pager.log", "true"),
        ("core.hooksPath", project.folder.path().to_str().unwrap()),
        ("diff.external", program),
        ("diff.odd.textconv", program),
        ("diff.odd.command", program),
        ("filter.odd.clean", program),
        ("core.sshCommand", program),
        ("core.alternateRefsCommand", program),
        ("diff.orderFile", pipe.to_str().unwrap()),
        ("alias.log", &format!("!{program}")),
        ("format.pretty", "raw"),
        ("log.diffMerges", "on"),
        ("color.ui", "always"),
    ] {
        git(&root, &["config", key, value]);
    }
    assert_eq!(commits(&project), 2);
    assert!(!mark.exists());
}

#[test]
fn what_a_partial_copy_lacks_is_not_fetched() {
    let project = repository();
    change(&project, "shop/cart.py", "Second");
    let from = format!("file://{}", project.root().display());
    git(&project.root(), &["config", "uploadpack.allowFilter", "true"]);
    git(
        project.folder.path(),
        &["clone", "-q", "--filter=tree:0", "--no-checkout", &from, "partial"],
    );
    let partial = project.folder.path().join("partial");
    let count = |folder: &Path| git(folder, &["count-objects", "-v"]);
    let before = count(&partial);
    let index = Index::open(&partial, &project.cache()).unwrap();
    index.refresh(&Control::default()).unwrap();
    index.read_history(&Control::default());
    assert_eq!(index.snapshot().unwrap().commits(), 0, "its trees are elsewhere");
    assert_eq!(count(&partial), before);
}

#[test]
fn odd_repositories_harm_nobody() {
    let project = Project::new(SHOP);
    let root = project.root();
    assert_eq!((commits(&project), kept(&project)), (0, Vec::new()), "none");
    git(&root, &["init", "-q"]);
    assert_eq!(commits(&project), 0, "no commit yet");
    commit(&project, "Open the shop");
    // In no encoding that git was told of.
    project.write("shop/cafe.py", "def cafe(): pass\n");
    git(&root, &["add", "-A"]);
    let (tree, head) = (git(&root, &["write-tree"]), git(&root, &["rev-parse", "HEAD"]));
    let who = "a <a@b.c> 1800000000 +0000";
    let head = format!("tree {tree}\nparent {head}\nauthor {who}\ncommitter {who}\n\n");
    project.write("../commit", [head.as_bytes(), b"Caf\xe9 \xff\xfe closes\n"].concat());
    let raw = git(&root, &["hash-object", "-t", "commit", "-w", "../commit"]);
    git(&root, &["reset", "-q", "--hard", &raw]);
    project.write("shop/hour.py", "def hour(): pass\n");
    git(&root, &["add", "-A"]);
    git(&root, &["commit", "-q", "--allow-empty-message", "-m", ""]);
    assert_eq!(commits(&project), 3);
    assert_eq!(spoken_for(&project, "what closes"), ["shop/cafe.py"]);
}

#[test]
fn broken_repositories_have_no_past() {
    for broken in ["empty", "pipe", "loop", "nowhere"] {
        let project = Project::new(SHOP);
        let mark = project.root().join(".git");
        match broken {
            "empty" => fs::create_dir(&mark).unwrap(),
            "pipe" => {
                fs::create_dir(&mark).unwrap();
                let head = mark.join("HEAD");
                nix::unistd::mkfifo(&head, FileMode::from_bits_truncate(0o600)).unwrap();
            }
            "loop" => std::os::unix::fs::symlink(".git", &mark).unwrap(),
            _ => fs::write(&mark, "gitdir: /nowhere/at/all\n").unwrap(),
        }
        assert_eq!(commits(&project), 0, "{broken}");
        assert!(!project.found("rounding half up").is_empty(), "{broken}");
    }
}

#[test]
fn keys_and_trailers_of_messages_are_not_kept() {
    let project = repository();
    let key = "ghp_16C7e42F292c6912E7710c838347Ae178B4a";
    change(
        &project,
        "shop/cart.py",
        &format!("Use {key} at the till\n\nSigned-off-by: Zorro <z@b.c>"),
    );
    assert_eq!(commits(&project), 2);
    let stored = String::from_utf8_lossy(&kept(&project)).to_lowercase();
    assert!(stored.contains("till"));
    for text in ["ghp", "16c7e42f", "zorro", "sign"] {
        assert!(!stored.contains(text), "{text}");
    }
}

#[test]
fn an_index_without_history_asks_git_nothing() {
    let project = repository();
    let index = project.index().without_history();
    index.refresh(&Control::default()).unwrap();
    index.read_history(&Control::default());
    assert_eq!((index.snapshot().unwrap().commits(), kept(&project)), (0, Vec::new()));
    assert_eq!(commits(&project), 1);
    assert_eq!(project.index().without_history().snapshot().unwrap().commits(), 0);
}

#[test]
fn whoever_gives_up_goes_on_later() {
    let project = repository();
    for step in 0..20 {
        change(&project, "shop/cart.py", &format!("Step {step}"));
    }
    let control = Control { is_cancelled: Some(&|| true), ..Control::default() };
    project.index().read_history(&control);
    assert_eq!(commits(&project), 21);
    let after = kept(&project);
    assert_eq!(after, fresh(&project));
}

/// Two files that fit a request alike, and others.
fn alike() -> Project {
    let project = Project::new(SHOP);
    for name in ["one", "two"] {
        project
            .write(&format!("{name}/ports.py"), "def close_port(port):\n    return port.shut()\n");
    }
    project
}

const CLOSE: &str = "close a port";
const EDITED: &str = "edited since the last commit";

/// Returns the files of the first hits, each with whether it is there for a reason.
fn first_for(index: &Index, open: &[String], why: &str) -> Vec<(String, bool)> {
    let query = Query { open, ..Query::new(CLOSE) };
    let hits = index.snapshot().unwrap().search(&query).unwrap().into_iter().take(2);
    hits.map(|hit| (hit.path, hit.reasons.iter().any(|reason| reason == why))).collect()
}

fn expected(first: (&str, bool), second: (&str, bool)) -> Vec<(String, bool)> {
    [first, second].map(|(name, is)| (format!("{name}/ports.py"), is)).to_vec()
}

#[test]
fn what_is_open_comes_first_among_what_fits_alike() {
    let project = alike();
    let index = project.index();
    index.refresh(&Control::default()).unwrap();
    let first = |open: &[&str]| {
        let open: Vec<String> = open.iter().map(|path| (*path).to_owned()).collect();
        first_for(&index, &open, "open")
    };
    assert_eq!(first(&[]), expected(("one", false), ("two", false)));
    assert_eq!(first(&["two/ports.py"]), expected(("two", true), ("one", false)));
    assert_eq!(first(&["elsewhere.py", "../x"]), first(&[]));
    // Nothing comes in that does not fit.
    let count = |open: &[String]| {
        let query = Query { open, ..Query::new("xyzzyx") };
        index.snapshot().unwrap().search(&query).unwrap().len()
    };
    assert_eq!((count(&[]), count(&["two/ports.py".to_owned()])), (0, 0));
}

#[test]
fn what_was_edited_since_the_last_commit_comes_first_among_what_fits_alike() {
    let project = alike();
    git(&project.root(), &["init", "-q", "-b", "main"]);
    let index = project.index();
    let first = |index: &Index| {
        index.refresh(&Control::default()).unwrap();
        first_for(index, &[], EDITED)
    };
    let plain = expected(("one", false), ("two", false));
    assert_eq!(first(&index), plain, "nothing is committed yet");
    commit(&project, "Open the shop");
    assert_eq!(first(&index), plain);
    let edit = |path: &str, note: &str| {
        let text = fs::read_to_string(project.root().join(path)).unwrap_or_default();
        project.write(path, format!("{text}# {note}\n"));
    };
    edit("two/ports.py", "later");
    assert_eq!(first(&index), expected(("two", true), ("one", false)));
    assert_eq!(index.snapshot().unwrap().edited(), ["two/ports.py"]);
    // A search in another process that looks for changes sees the same.
    assert_eq!(first(&project.index()), expected(("two", true), ("one", false)));
    let is_edited = |index: &Index| first(index).iter().any(|(_, is)| *is);
    assert!(!is_edited(&project.index().without_history()));
    commit(&project, "Later");
    assert!(!is_edited(&index));
    edit("two/ports.py", "again");
    assert!(is_edited(&index));
    // So many were not edited by hand.
    (0..30).for_each(|at| edit(&format!("made_{at}.py"), "made by a tool"));
    assert!(!is_edited(&index) && index.snapshot().unwrap().edited().is_empty());
}
