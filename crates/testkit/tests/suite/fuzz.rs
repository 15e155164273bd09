//! Every decoder under its stored corpus and mutations of it.

use std::path::{Path, PathBuf};

use distiq_testkit::fuzz::{TARGETS, mutate, seeds};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

fn corpora() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz")
}

/// Runs the targets that are chosen; a failure names the target and the bytes.
fn drive(chosen: impl Fn(&str) -> bool) {
    for target in TARGETS.iter().filter(|target| chosen(target.name)) {
        let stored = seeds(&corpora().join(target.name));
        assert!(!stored.is_empty(), "tests/fuzz/{} is empty", target.name);
        stored.iter().for_each(|bytes| (target.run)(bytes));
        let dice = prop::collection::vec(any::<u64>(), 1..8);
        let mut runner = TestRunner::new(ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::with_cases(400)
        });
        let result = runner.run(&dice, |dice| {
            (target.run)(&mutate(&stored, &dice));
            Ok(())
        });
        if let Err(error) = result {
            panic!("{}: {error}", target.name);
        }
    }
}

#[test]
fn requests_of_any_bytes() {
    drive(|name| name.ends_with("-request"));
}

#[test]
fn answers_of_any_bytes() {
    drive(|name| name.ends_with("-answer"));
}

#[test]
fn streams_of_any_bytes() {
    drive(|name| name.ends_with("-stream") || name == "frames");
}

#[test]
fn settings_of_any_bytes() {
    drive(|name| name == "settings" || name == "prices");
}

#[test]
fn every_corpus_has_its_target() {
    let folders = std::fs::read_dir(corpora()).unwrap().map(|entry| entry.unwrap().file_name());
    let mut folders: Vec<_> = folders.map(|name| name.into_string().unwrap()).collect();
    let own = TARGETS.iter().map(|target| target.name.to_owned());
    let mut targets: Vec<_> =
        own.chain(["gateway", "index", "pdf", "source"].map(str::to_owned)).collect();
    folders.sort();
    targets.sort();
    assert_eq!(folders, targets);
}
