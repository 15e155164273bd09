//! An index that was kept up to date is the one that would be built anew.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use distiq_index::{Control, Hit, Index, Mode, Progress, Query, Snapshot};

use crate::{Project, SHOP, names};

/// By words, by names that many files define, by their beginnings and letters, by words nobody uses, by files.
const QUERIES: [&str; 10] = [
    "article cart",
    "price",
    "function of word seven",
    "total amount bank",
    "`fun_alpha` and `fun_beta()`",
    "fun_",
    "funnalpha betta gam",
    "wrod_3 wordd_5",
    "alphas of deltas in f3.py",
    "word_1 f2 g4",
];

/// All that an index says, whatever way it came to it.
fn contents(project: &Project) -> Vec<String> {
    let snapshot = project.snapshot();
    let mut lines = vec![format!("{:?}", snapshot.averages())];
    for file in snapshot.files() {
        lines.push(format!("{} {:?}", file.path, file.facts().unwrap()));
        for number in file.chunks() {
            lines.push(format!("{} {:?}", file.path, snapshot.chunk(number).unwrap()));
        }
    }
    for query in QUERIES {
        for mode in [Mode::Hybrid, Mode::Text, Mode::Symbol] {
            let query = Query { limit: 200, mode, ..Query::new(query) };
            let hits = snapshot.search(&query).unwrap();
            lines.extend(hits.iter().enumerate().map(|(place, hit)| {
                let (score, reasons) = (hit.score, &hit.reasons);
                format!("{} {mode:?} {place} {} {score} {reasons:?}", query.text, crate::shown(hit))
            }));
        }
        let files = snapshot.retrieve(query, &[]).unwrap().files;
        lines.push(format!("{query} {files:?}"));
    }
    lines.sort();
    lines
}

pub fn assert_as_if_fresh(project: &Project) {
    let kept = contents(project);
    let fresh = Project { folder: tempfile::tempdir().unwrap() };
    copy(&project.root(), &fresh.root());
    similar_asserts(&kept, &contents(&fresh));
}

fn similar_asserts(kept: &[String], fresh: &[String]) {
    if kept == fresh {
        return;
    }
    let lost: Vec<_> = fresh.iter().filter(|line| !kept.contains(line)).take(5).collect();
    let stale: Vec<_> = kept.iter().filter(|line| !fresh.contains(line)).take(5).collect();
    assert!(
        lost.is_empty() && stale.is_empty() && kept.len() == fresh.len(),
        "lost: {lost:#?}\nstale: {stale:#?}"
    );
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name() == ".distiq" {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()));
        } else {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

#[test]
fn only_what_changed_is_read() {
    let project = Project::new(SHOP);
    let refreshed = project.refresh();
    assert_eq!((refreshed.files, refreshed.read, refreshed.removed), (4, 4, 0));
    // Files as young as these are looked at again, and found unchanged.
    project.refresh();
    project.write("shop/money.py", "def refund(): pass\n");
    fs::rename(project.root().join("README.md"), project.root().join("INTRO.md")).unwrap();
    let refreshed = project.refresh();
    assert_eq!(refreshed.removed, 1);
    assert_eq!(project.found("refund").len(), 1);
    assert_eq!(project.found("discount"), [""; 0]);
    assert_as_if_fresh(&project);
}

#[test]
fn many_changes_leave_what_a_new_index_has() {
    let project = Project::new(SHOP);
    let index = project.index();
    let mut random = 7_u64;
    let mut next = move |below: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (random >> 33) % below
    };
    for step in 0..400 {
        for _ in 0..=next(4) {
            let path = format!("src/m{}/f{}.py", next(5), next(12));
            match next(5) {
                0 => {
                    let _ = fs::remove_file(project.root().join(path));
                }
                1 => {
                    let to = project.root().join(format!("src/m0/g{}.py", next(5)));
                    fs::create_dir_all(to.parent().unwrap()).unwrap();
                    let _ = fs::rename(project.root().join(path), to);
                }
                _ => {
                    let mut text = String::new();
                    for _ in 0..next(5) {
                        let name = ["alpha", "beta", "gamma", "delta", "rare"][next(5) as usize];
                        let number =
                            if name == "rare" { next(90).to_string() } else { String::new() };
                        let words: Vec<_> =
                            (0..next(9)).map(|_| format!("word_{}", next(12))).collect();
                        let sum = words.join(" + ");
                        text += &format!("def fun_{name}{number}():\n    return {sum}\n\n");
                    }
                    project.write(&path, text);
                }
            }
        }
        index.refresh(&Control::default()).unwrap();
        if step % 50 == 49 {
            assert_as_if_fresh(&project);
        }
    }
    let segments = names(index.folder()).iter().filter(|name| name.ends_with(".seg")).count();
    assert!(segments <= 11, "{segments} segments");
}

#[test]
fn two_processes_may_change_one_index() {
    let project = Project::new(SHOP);
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let project = &project;
            scope.spawn(move || {
                let index = project.index();
                for step in 0..8 {
                    project
                        .write(&format!("w{worker}/f{step}.py"), format!("def f{step}(): pass\n"));
                    index.refresh(&Control::default()).unwrap();
                    let hits =
                        index.snapshot().unwrap().search(&Query::new(&format!("f{step}"))).unwrap();
                    assert!(hits.iter().any(|hit| hit.path == format!("w{worker}/f{step}.py")));
                }
            });
        }
    });
    assert_as_if_fresh(&project);
}

#[test]
fn a_snapshot_stays_as_it_was() {
    let project = Project::new(SHOP);
    let snapshot = project.snapshot();
    for step in 0..30 {
        project.write("shop/money.py", format!("def step_{step}(): pass\n"));
        project.refresh();
    }
    let hits = snapshot.search(&Query::new("discount")).unwrap();
    assert_eq!(
        hits.iter().map(crate::shown).collect::<Vec<_>>(),
        ["shop/money.py:4 with_discount"]
    );
}

/// Forty files, of which twenty are read until `end` is called, by one thread that keeps each at once.
fn until_half_is_read(end: &(dyn Fn() -> bool + Sync)) -> (Project, Index) {
    let project = Project::new(SHOP);
    (4..40).for_each(|at| project.write(&format!("f{at}.py"), format!("def f{at}(): pass\n")));
    let index = project.index();
    let done = AtomicU64::new(0);
    let count = |progress: Progress| done.store(progress.done, Ordering::Relaxed);
    let is_cancelled = || done.load(Ordering::Relaxed) >= 20 && end();
    let control = Control {
        progress: Some(&count),
        is_cancelled: Some(&is_cancelled),
        threads: Some(1),
        keep_bytes: Some(0),
        ..Control::default()
    };
    let read = catch_unwind(AssertUnwindSafe(|| index.refresh(&control)));
    assert!(read.is_err() || read.is_ok_and(|read| read.is_err()));
    assert!(!index.is_finished().unwrap());
    (project, index)
}

#[test]
fn what_is_cancelled_is_gone_on_with() {
    let (project, index) = until_half_is_read(&|| true);
    assert_eq!(index.refresh(&Control::default()).unwrap().read, 20);
    assert!(index.is_finished().unwrap());
    assert_as_if_fresh(&project);
}

#[test]
fn what_dies_is_gone_on_with() {
    // Nothing is done behind a panic, as behind a kill.
    let (project, index) = until_half_is_read(&|| panic!("dies"));
    drop(index);
    assert_eq!(project.refresh().read, 20);
    assert!(project.index().is_finished().unwrap());
    assert_as_if_fresh(&project);
}

#[test]
fn a_text_that_is_read_belongs_to_its_lines() {
    let project =
        Project::new("--- a.py\ndef first():\n    return 1\n\n\ndef last():\n    return 2\n");
    let index = project.index();
    let snapshot = project.snapshot();
    let shown = |snapshot: &Snapshot| {
        snapshot.ask(|snapshot| {
            let hits = snapshot.search(&Query { mode: Mode::Symbol, ..Query::new("last") })?;
            let lines = snapshot.lines("a.py").unwrap_or_default();
            let line = |hit: &Hit| lines.get(hit.start_line as usize - 1).cloned();
            Ok(hits.iter().map(|hit| (hit.start_line, line(hit))).collect::<Vec<_>>())
        })
    };
    let at = |line: u32| vec![(line, Some("def last():".to_owned()))];
    assert_eq!(shown(&snapshot).unwrap(), at(5));
    let text = fs::read_to_string(project.root().join("a.py")).unwrap();
    project.write("a.py", format!("# one\n# two\n{text}"));
    let names_before = names(index.folder());
    assert_eq!(shown(&snapshot).unwrap(), at(7));
    assert_eq!(names(index.folder()), names_before, "nothing is left behind");
    // Whoever changed the index meanwhile took the change up; this snapshot did not.
    project.refresh();
    assert!(!index.is_present(&snapshot).unwrap());
    assert_eq!(shown(&snapshot).unwrap(), at(7));
    assert!(index.is_present(&index.snapshot().unwrap()).unwrap());
    fs::remove_file(project.root().join("a.py")).unwrap();
    assert_eq!(shown(&snapshot).unwrap(), []);
}

#[test]
fn a_damaged_index_is_told_and_built_anew() {
    let project = Project::new(SHOP);
    let expected = contents(&project);
    let folder = project.index().folder().to_path_buf();
    for name in names(&folder).iter().filter(|name| *name != "lock") {
        let path = folder.join(name);
        let Ok(bytes) = fs::read(&path) else { continue };
        for damaged in
            [bytes[..bytes.len() / 2].to_vec(), vec![0x55; bytes.len().max(100)], Vec::new()]
        {
            fs::write(&path, damaged).unwrap();
            let index = Index::open(&project.root(), &project.cache()).unwrap();
            let is_whole = index.refresh(&Control::default()).is_ok()
                && index
                    .snapshot()
                    .is_ok_and(|snapshot| snapshot.search(&Query::new("cart price")).is_ok());
            if !is_whole {
                drop(index);
                Index::rebuild(&project.root(), &project.cache()).unwrap();
            }
            assert_eq!(contents(&project), expected, "{name}");
            if !path.exists() {
                break;
            }
        }
        if path.exists() {
            fs::remove_file(&path).unwrap();
            fs::create_dir(&path).unwrap();
            fs::write(path.join("own"), "").unwrap();
            Index::rebuild(&project.root(), &project.cache()).unwrap();
            assert_eq!(contents(&project), expected, "{name} as a folder");
        }
    }
}

#[test]
fn made_by_one_thread_an_index_is_the_same_each_time() {
    // All of equal scores, and of unequal sizes, so that threads would take them in another order each time.
    let files: Vec<(String, String)> = (0..120)
        .map(|n| {
            let rest = "# more\n".repeat(n * 37 % 200);
            (
                format!("m{n:03}/shop.py"),
                format!("def total(items):\n    return sum(items)\n{rest}"),
            )
        })
        .collect();
    let found = || {
        let folder = tempfile::tempdir().unwrap();
        let tree = folder.path().join("tree");
        for (path, text) in &files {
            fs::create_dir_all(tree.join(path).parent().unwrap()).unwrap();
            fs::write(tree.join(path), text).unwrap();
        }
        let index = Index::open(&tree, &folder.path().join("cache")).unwrap();
        index.refresh(&Control { threads: Some(1), ..Control::default() }).unwrap();
        let candidates = index.snapshot().unwrap().candidates("total of items", None).unwrap();
        candidates.into_iter().map(|row| (row.hit.path, row.features)).collect::<Vec<_>>()
    };
    let first = found();
    assert!(first.len() > 100 && first.is_sorted_by_key(|(path, _)| path), "in the files' order");
    assert_eq!(found(), first);
}

#[test]
fn a_change_that_keeps_length_and_time_is_seen() {
    let project = Project::new("--- a.py\ndef first_of_all():\n    return 1\n");
    let path = project.root().join("a.py");
    let time = fs::metadata(&path).unwrap().modified().unwrap();
    // Old enough to be believed unchanged.
    std::thread::sleep(std::time::Duration::from_millis(70));
    project.refresh();
    for (name, is_moved) in [("other", false), ("third", true)] {
        let text = format!("def {name}_of_all():\n    return 1\n");
        let written = if is_moved { project.root().join("b.txt") } else { path.clone() };
        fs::write(&written, text).unwrap();
        fs::File::open(&written).unwrap().set_modified(time).unwrap();
        if is_moved {
            fs::rename(&written, &path).unwrap();
        }
        std::thread::sleep(std::time::Duration::from_millis(70));
        project.refresh();
        let hits = project.find(&format!("{name}_of_all"), Mode::Symbol);
        let found: Vec<&str> = hits.iter().map(|hit| hit.name.as_str()).collect();
        assert_eq!(found, [format!("{name}_of_all")]);
    }
}
