//! Every named point, several times where it is passed often.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::{Job, STREAM, files_below};
use crate::Place;

/// The points that a run passes; each is a test of its own below.
const OF_A_RUN: [&str; 12] = [
    "before_log_append",
    "after_log_append",
    "after_open_row",
    "before_send",
    "after_send",
    "mid_stream",
    "before_final_row",
    "after_final_row",
    "before_rename",
    "after_rename",
    "between_files",
    "after_tool",
];

/// The points that an edit passes beside those; tested with it.
const OF_AN_EDIT: [&str; 10] = [
    "within_journal",
    "after_journal",
    "after_folder",
    "between_staged",
    "within_file",
    "before_cut",
    "before_old_goes",
    "before_journal_goes",
    "within_recovery",
    "after_recovery",
];

/// The points that an undo passes; tested with it.
const OF_AN_UNDO: [&str; 5] =
    ["before_undo_journal", "after_undo_journal", "undo_step", "before_undo_log", "after_undo_log"];

/// The points that only a migration passes; tested where it is, in `store`.
const OF_A_MIGRATION: [&str; 2] = ["before_backup_rename", "after_backup_rename"];

/// Those on the way from the ledger's journal into its database; tested where they are, in `router`.
const OF_A_JOURNAL: [&str; 4] =
    ["before_fold_commit", "after_fold_commit", "before_journal_removal", "after_journal_removal"];

#[test]
fn every_point_in_the_source_is_known_here() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut found = BTreeSet::new();
    for path in files_below(crates).iter().filter(|path| path.to_string_lossy().contains("/src/")) {
        let Ok(text) = fs::read_to_string(path) else { continue };
        let names = text.split("kill_point(\"").skip(1).filter_map(|rest| rest.split('"').next());
        found.extend(names.map(str::to_owned));
    }
    let known = OF_A_RUN.iter().chain(&OF_AN_EDIT).chain(&OF_AN_UNDO).chain(&OF_A_MIGRATION);
    let known = known.chain(&OF_A_JOURNAL);
    assert_eq!(found, known.map(|name| (*name).to_owned()).collect());
}

/// Kills a new job at the first, second, third, fifth, … passing of a point until it is passed no
/// more; returns how often it was killed.
fn kill_at(point: &str) -> usize {
    let (mut nth, mut next, mut kills) = (1, 2, 0);
    loop {
        let job = Job::new();
        let seen = job.killed_at(&["run"], &format!("{point}:{nth}"));
        if !seen.killed {
            job.check_end(&job.session().unwrap());
            return kills;
        }
        kills += 1;
        job.check_recovery(&seen);
        (nth, next) = (next, nth + next);
    }
}

macro_rules! points {
    ($($name:ident: $least:literal,)*) => { $(
        #[test]
        fn $name() {
            let point = stringify!($name);
            assert!(OF_A_RUN.contains(&point));
            let kills = kill_at(point);
            assert!(kills >= $least, "{point} was passed too rarely: {kills} kills");
        }
    )* };
}

points! {
    before_log_append: 7,
    after_log_append: 7,
    after_open_row: 3,
    before_send: 3,
    after_send: 3,
    mid_stream: 5,
    before_final_row: 3,
    after_final_row: 3,
    before_rename: 3,
    after_rename: 3,
    between_files: 3,
    after_tool: 4,
}

#[test]
fn a_resume_that_is_killed_is_resumed() {
    for nth in [12, 16, 20, 24, 28, 32] {
        let job = Job::new();
        assert!(job.killed_at(&["run"], &format!("after_log_append:{nth}")).killed);
        for again in 1..=4 {
            let session = job.session().unwrap();
            let point = format!("after_log_append:{again}");
            let seen = job.killed_at(&["resume", &session], &point);
            assert!(seen.killed, "{point}");
            job.check_kept(&seen);
        }
        let nothing = super::Seen { events: Vec::new(), killed: true };
        job.check_recovery(&nothing);
    }
}

#[test]
fn a_line_that_was_torn_is_cut_off_and_was_never_shown() {
    let job = Job::new();
    let seen = job.killed_at(&["run"], "after_log_append:14");
    let session = job.session().unwrap();
    let logs = files_below(&job.place.home().join("data/sessions"));
    let mut torn = fs::read(&logs[0]).unwrap();
    torn.extend_from_slice(b"{\"seq\":14,\"at\":\"2026-11-21T00:00:00Z\",\"type\":\"mess");
    fs::write(&logs[0], &torn).unwrap();
    let shown = job.run(&["sessions", "export", &session, "--format", "json"]).json();
    assert!(!shown["events"].as_array().unwrap().is_empty());
    job.check_recovery(&seen);
}

#[test]
fn settings_are_old_or_new_and_no_stray_outlives_the_next_change() {
    for (point, value) in [("before_rename", "ask"), ("after_rename", "full")] {
        let place = Place::new();
        assert_eq!(place.run(&["config", "set", "mode", "ask"]).code, 0);
        let mut command = place.command(&["config", "set", "mode", "full"]);
        command.env("DISTIQ_TEST_KILL_AT", point);
        let output = place.env.spawn(command).unwrap().wait().unwrap();
        assert_eq!(output.code, None, "{point}: {output:?}");
        assert_eq!(place.run(&["config", "get", "mode"]).ok().trim(), value, "{point}");
        place.run(&["config", "set", "mode", "read-only"]).ok();
        let home = files_below(&place.home());
        assert!(home.iter().all(|path| path.extension().is_some_and(|e| e != "tmp")), "{home:?}");
    }
}

#[test]
fn nothing_is_killed_without_a_point() {
    let job = Job::new();
    let ran = job.run(&[&["run"][..], &STREAM].concat());
    assert_eq!(ran.code, 0, "{}", ran.out);
    let events: Vec<Value> =
        ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.last().unwrap()["status"], "done");
    job.check_end(&job.session().unwrap());
}
