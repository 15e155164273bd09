//! Links that are swapped while an edit runs: nothing outside is read or written.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::fs::{CWD, RenameFlags};
use serde_json::json;

use super::bench::{Project, SetAtEnd};

const SECRET: &str = "the secret value\n";

/// Exchanges two names over and over while `work` runs.
fn while_swapped(one: &Path, other: &Path, work: impl FnOnce()) -> usize {
    let (done, swaps) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                rustix::fs::renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).unwrap();
                swaps.fetch_add(1, Ordering::Relaxed);
            }
        });
        let _end = SetAtEnd(&done);
        work();
    });
    swaps.into_inner()
}

/// Makes a project with a file, and a file of the same name outside.
fn scene() -> (Project, PathBuf) {
    let project = Project::new(&[("dir/a.txt", "the open value\n")]);
    let outside = project.root.with_file_name("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("a.txt"), SECRET).unwrap();
    (project, outside)
}

fn attack(project: &Project) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        for n in 0..150 {
            let create = format!(
                "*** Begin Patch\n*** Add File: dir/new{n}.txt\n+new\n*** Update File: dir/a.txt\n@@\n-the open value\n\
                 +the open value \n*** Update File: dir/a.txt\n*** End Patch"
            );
            let calls = [
                ("read", json!({"path": "dir/a.txt"})),
                ("edit", json!({"path": "dir/a.txt", "search": "value", "replace": "valúe"})),
                ("edit", json!({"path": "dir/a.txt", "search": "valúe", "replace": "value"})),
                ("write", json!({"path": format!("dir/made{n}.txt"), "content": "made\n"})),
                ("edit", json!({"patch": create})),
                ("search", json!({"pattern": "secret", "path": "dir"})),
            ];
            for (tool, input) in calls {
                let outcome = project.call(tool, input).await;
                let is_told = outcome.text.contains("the secret") || outcome.data.to_string().contains("the secret");
                assert!(!is_told, "{tool}: {}", outcome.text);
            }
        }
    });
}

fn check_outside(outside: &Path) {
    let names: Vec<_> = fs::read_dir(outside).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["a.txt"]);
    assert_eq!(fs::read_to_string(outside.join("a.txt")).unwrap(), SECRET);
}

#[test]
fn a_folder_that_becomes_a_link_leads_nowhere() {
    let (project, outside) = scene();
    let link = project.path("link");
    symlink(&outside, &link).unwrap();
    let swaps = while_swapped(&project.path("dir"), &link, || attack(&project));
    assert!(swaps > 100, "{swaps}");
    check_outside(&outside);
}

#[test]
fn a_file_that_becomes_a_link_leads_nowhere() {
    let (project, outside) = scene();
    let link = project.path("dir/link");
    symlink(outside.join("a.txt"), &link).unwrap();
    let swaps = while_swapped(&project.path("dir/a.txt"), &link, || attack(&project));
    assert!(swaps > 100, "{swaps}");
    check_outside(&outside);
}

/// What somebody else writes in the very moment of an edit is there afterwards, or the edit is.
#[test]
fn an_editor_that_saves_meanwhile_loses_nothing() {
    const SAVES: usize = 2_000;
    let project = Project::new(&[("a.txt", "saved 0\nmark 0\n")]);
    let (path, spare) = (project.path("a.txt"), project.path("spare"));
    let done = AtomicBool::new(false);
    let lost = std::thread::scope(|scope| {
        let saver = scope.spawn(|| {
            // Saves as editors do: another file takes the name.
            let _end = SetAtEnd(&done);
            let mut lost = 0;
            for save in 1..=SAVES {
                fs::write(&spare, format!("saved {save}\nmark\n")).unwrap();
                fs::rename(&spare, &path).unwrap();
                let is_there =
                    || fs::read_to_string(&path).unwrap().starts_with(&format!("saved {save}\n"));
                // An edit that came in that moment sees what it took away, and puts it back.
                let patience = Instant::now() + Duration::from_secs(5);
                let is_kept = loop {
                    match is_there() {
                        false if Instant::now() < patience => {}
                        is_there => break is_there,
                    }
                };
                lost += usize::from(!is_kept);
            }
            lost
        });
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            for mark in 0.. {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                let input = json!({"path": "a.txt", "search": "\nmark", "replace": format!("\n{mark} mark")});
                project.call("edit", input).await;
                let input = json!({"path": "a.txt", "search": format!("\n{mark} mark"), "replace": "\nmark"});
                project.call("edit", input).await;
            }
        });
        saver.join().unwrap()
    });
    assert_eq!(lost, 0);
    assert!(fs::read_to_string(&path).unwrap().starts_with(&format!("saved {SAVES}\n")));
}
