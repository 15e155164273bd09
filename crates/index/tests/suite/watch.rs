//! A watched index follows what happens.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use distiq_index::{Control, IndexError, Query, Seen};

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
            index.watch(&control, &mut |seen| match seen {
                Seen::Following(_) => follows.store(true, Ordering::Relaxed),
                Seen::Refreshed(refreshed, _) => {
                    assert!(refreshed.is_ok(), "{refreshed:?}");
                    refreshes.fetch_add(1, Ordering::Relaxed);
                }
            });
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
