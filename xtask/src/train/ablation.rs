//! What each signal is worth: the ranker is fitted again without it, and both are asked the questions of
//! repositories that neither was fitted to.

use std::path::Path;

use anyhow::Result;
use distiq_index::FEATURES;

use super::boost::{Rows, Settings, fit};
use super::ranker::{SETTINGS, learnable, reciprocals};
use super::rows::{Split, read};
use crate::bench::retrieval::score::gain;

/// Of the questions one in so many is fitted to, by fewer trees: differences show as well.
const EVERY: usize = 3;
const TREES: usize = 120;

/// Signals, each as the beginnings of its features' names.
const SIGNALS: &[(&str, &[&str])] = &[
    ("related words", &["related_"]),
    ("letters of names", &["name_grams", "class_grams"]),
    (
        "names and paths that are mentioned",
        &["name_mentioned", "name_is_word", "class_mentioned", "path_mentioned", "file_is_word"],
    ),
    (
        "fields one by one",
        &["name", "class", "signature", "path", "doc", "identifiers", "strings", "comments"],
    ),
    ("how much of the request is held", &["coverage", "head_coverage", "matched", "rarest"]),
    ("the whole file", &["file_", "dir_path"]),
    ("place in the file", &["rank_in_file", "share_of_file", "other_in_file"]),
    ("kind and tests", &["is_", "tests_asked"]),
    ("how the request is written", &["query_"]),
];

/// Prints what is lost without each signal.
pub fn run(folder: &Path, share: usize) -> Result<()> {
    let (dev, train) = (read(folder, "dev")?, read(folder, "train")?);
    let train = learnable(train.rows, EVERY * share.max(1));
    let settings = Settings { trees: TREES / share.max(1), ..SETTINGS };
    let whole = asked(&train, &dev, settings, &[]);
    for (name, starts) in SIGNALS {
        let without = asked(&train, &dev, settings, starts);
        for (kind, is_files) in [("functions", false), ("files", true)] {
            let part = |all: &[f64]| -> Vec<f64> {
                let pairs = all.iter().zip(&dev.asked);
                pairs.filter(|(_, asked)| asked.is_files == is_files).map(|(x, _)| *x).collect()
            };
            let (mean, low, high) = gain(&part(&whole), &part(&without));
            println!(
                "{name:<36} {kind:<9} MRR@10 {mean:+.3}, 95 % within {low:+.3} and {high:+.3}"
            );
        }
    }
    Ok(())
}

/// Returns the reciprocal ranks of the questions of `dev` by a ranker that does not see some features.
fn asked(train: &Rows, dev: &Split, settings: Settings, without: &[&str]) -> Vec<f64> {
    let hidden = |name: &str| {
        without
            .iter()
            .any(|start| name == *start || start.ends_with('_') && name.starts_with(start))
    };
    let hidden: Vec<bool> = FEATURES.iter().map(|name| hidden(name)).collect();
    let blind = |values: &[f32]| -> Vec<f32> {
        let each = values.iter().zip(hidden.iter().cycle());
        each.map(|(value, is_hidden)| if *is_hidden { 0.0 } else { *value }).collect()
    };
    let rows = Rows {
        features: train.features,
        values: blind(&train.values),
        gains: train.gains.clone(),
        questions: train.questions.clone(),
        weights: train.weights.clone(),
    };
    let trees = fit(&rows, settings, |_| true);
    let scores: Vec<f32> =
        (0..dev.rows.gains.len()).map(|row| trees.score(&blind(dev.rows.row(row)))).collect();
    reciprocals(dev, &scores)
}
