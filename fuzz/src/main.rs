//! libFuzzer before the targets of `distiq_testkit::fuzz` and those of other crates.
//!
//! The program's own name says which: libFuzzer takes every argument, so that `cargo xtask fuzz` makes a
//! link of the target's name to it.

#![no_main]

use std::sync::LazyLock;

use distiq_testkit::fuzz::TARGETS;
use libfuzzer_sys::fuzz_target;

static RUN: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let program = std::env::args().next().unwrap_or_default();
    let name = program.rsplit('/').next().unwrap_or_default();
    let found = TARGETS.iter().find(|target| target.name == name).map(|target| target.run);
    match (found, name) {
        (Some(run), _) => run,
        (None, "gateway") => distiq_gateway::fuzzed,
        (None, "index") => distiq_index::fuzzed,
        (None, "pdf") => distiq_pdf::fuzzed,
        (None, "source") => distiq_lang::fuzzed,
        (None, _) => panic!("No target `{name}`"),
    }
});

fuzz_target!(|bytes: &[u8]| RUN(bytes));
