//! What reads a file here, under its stored corpus and mutations of it.

use std::path::Path;

use distiq_testkit::fuzz::{mutate, seeds};

#[test]
fn files_of_any_bytes() {
    let stored = seeds(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/pdf"));
    assert!(!stored.is_empty());
    stored.iter().for_each(|bytes| distiq_pdf::fuzzed(bytes));
    for number in 0..1_500_u64 {
        let dice: Vec<u64> = (0..2 + number % 6)
            .map(|at| (number * 8 + at).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29))
            .collect();
        distiq_pdf::fuzzed(&mutate(&stored, &dice));
    }
}
