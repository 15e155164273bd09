//! A watched index follows what happens.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use distiq_index::{Control, Index, IndexError, Query, Seen};

use crate::fresh::assert_as_if_fresh;
use crate::{Project, SHOP};

#[test]
fn an_index_that_is_removed_or_emptied_meanwhile_is_said_to_be() {
    let project = Project::new(SHOP);
    let index = project.index();
    index.refresh(&Control::default()).unwrap();
    std::fs::remove_dir_all(project.root().join(".distiq")).unwrap();
    let refreshed = index.refresh(&Control::default());
    assert!(matches!(refreshed, Err(IndexError::Replaced)), "{refreshed:?}");
    let index = project.index();
    index.refresh(&Control::default()).unwrap();
    distiq_index::Index::rebuild(&project.root(), &project.cache()).unwrap();
    // Whoever holds the old one either goes on with the new one's table, or is told.
    match index.refresh(&Control::default()) {
        Ok(_) | Err(IndexError::Replaced) => {}
        other => panic!("{other:?}"),
    }
    assert_as_if_fresh(&project);
}

#[test]
fn an_index_that_is_removed_again_and_again_never_fails_in_the_databases_words() {
    let project = Project::new(SHOP);
    project.refresh();
    let (ends, removed) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ends.load(Ordering::Relaxed) {
                // Where it is always gone, the user's cache has the index.
                let gone = fs::remove_dir_all(project.root().join(".distiq"));
                removed.fetch_add(usize::from(gone.is_ok()), Ordering::Relaxed);
                std::thread::sleep(Duration::from_micros(300));
            }
        });
        let _end = End(&ends);
        while removed.load(Ordering::Relaxed) < 400 {
            let worked = Index::open(&project.root(), &project.cache()).and_then(|index| {
                index.refresh(&Control::default())?;
                index.skipped()?;
                index.snapshot()?.search(&Query::new("price"))
            });
            if let Err(error) = worked {
                // Of one that is half removed the table may still name what is gone: it is built anew.
                let is_told = matches!(error, IndexError::Replaced | IndexError::Damaged);
                assert!(is_told, "{error:?}");
            }
        }
    });
    assert_as_if_fresh(&project);
}

#[test]
fn a_project_that_is_moved_away_is_said_to_be_gone_and_gets_no_new_folder() {
    let project = Project::new(SHOP);
    let index = project.index();
    index.refresh(&Control::default()).unwrap();
    let elsewhere = project.root().with_file_name("elsewhere");
    fs::rename(project.root(), &elsewhere).unwrap();
    let is_gone = |error: &IndexError| matches!(error, IndexError::NoProject { root } if *root == project.root());
    assert!(is_gone(&index.refresh(&Control::default()).unwrap_err()));
    assert!(is_gone(&Index::open(&project.root(), &project.cache()).unwrap_err()));
    assert!(is_gone(&Index::rebuild(&project.root(), &project.cache()).unwrap_err()));
    assert!(!project.root().exists());
    fs::rename(&elsewhere, project.root()).unwrap();
    let refreshed = index.refresh(&Control::default()).unwrap();
    assert_eq!((refreshed.read, refreshed.removed), (0, 0), "nothing was lost meanwhile");
}

#[test]
fn an_index_in_the_users_cache_keeps_what_it_has_when_the_project_is_moved_away() {
    let project = Project::new(SHOP);
    // A file in the place of its folder.
    project.write(".distiq", "");
    let index = project.index();
    index.refresh(&Control::default()).unwrap();
    let elsewhere = project.root().with_file_name("elsewhere");
    fs::rename(project.root(), &elsewhere).unwrap();
    let gone = index.refresh(&Control::default());
    assert!(matches!(gone, Err(IndexError::NoProject { .. })), "{gone:?}");
    fs::rename(&elsewhere, project.root()).unwrap();
    assert_eq!(index.refresh(&Control::default()).unwrap().read, 0);
}

#[test]
fn a_watch_ends_when_the_project_or_a_folder_above_it_is_moved_away() {
    for moved in ["", "project"] {
        let folder = tempfile::tempdir().unwrap();
        let group = folder.path().join("group");
        fs::create_dir_all(group.join("project")).unwrap();
        fs::write(group.join("project/a.py"), "def total(): pass\n").unwrap();
        let cache = folder.path().join("cache");
        let index = Index::open(&group.join("project"), &cache).unwrap();
        let follows = AtomicBool::new(false);
        let watched = std::thread::scope(|scope| {
            let watching = scope.spawn(|| {
                index.watch(&Control::default(), &mut |seen| {
                    follows.fetch_or(matches!(seen, Seen::Following(_)), Ordering::Relaxed);
                })
            });
            until(|| follows.load(Ordering::Relaxed));
            fs::rename(group.join(moved), folder.path().join("elsewhere")).unwrap();
            until(|| watching.is_finished());
            watching.join().unwrap()
        });
        assert!(matches!(watched, Err(IndexError::NoProject { .. })), "{moved}: {watched:?}");
    }
}

#[test]
fn a_thousand_changes_are_followed() {
    let project = Project::new(SHOP);
    let index = project.index();
    let (ends, follows) = (AtomicBool::new(false), AtomicBool::new(false));
    let refreshes = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let control = Control {
                is_cancelled: Some(&|| ends.load(Ordering::Relaxed)),
                ..Control::default()
            };
            let watched = index.watch(&control, &mut |seen| match seen {
                Seen::Following(_) => follows.store(true, Ordering::Relaxed),
                Seen::Refreshed(refreshed, _) => {
                    assert!(refreshed.is_ok(), "{refreshed:?}");
                    refreshes.fetch_add(1, Ordering::Relaxed);
                }
            });
            assert!(watched.is_ok(), "{watched:?}");
        });
        // Whatever fails below, the watcher ends.
        let _end = End(&ends);
        until(|| follows.load(Ordering::Relaxed));
        for step in 0..1_000_u32 {
            let folder = format!("src/part{}", step % 7);
            let path = format!("{folder}/f{}.py", step * 31 % 40);
            match step % 5 {
                0 => {
                    let _ = fs::remove_file(project.root().join(path));
                }
                1 => {
                    let to = project.root().join(format!("{folder}/moved{}.py", step % 11));
                    let _ = fs::rename(project.root().join(path), to);
                }
                _ => project.write(&path, format!("def step_{step}():\n    return {step}\n")),
            }
        }
        project.write("src/last.py", "def the_very_last(): pass\n");
        let is_found = || {
            let found = index.snapshot().and_then(|it| it.search(&Query::new("the_very_last")));
            found.is_ok_and(|hits| hits.iter().any(|hit| hit.name == "the_very_last"))
        };
        until(is_found);
    });
    let refreshes = refreshes.into_inner();
    assert!(refreshes < 100, "{refreshes} refreshes for one burst of changes");
    assert_as_if_fresh(&project);
}

/// Ends the watcher when it goes out of scope.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn until(is_so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < Duration::from_secs(180), "nothing happened");
        std::thread::sleep(Duration::from_millis(20));
    }
}
