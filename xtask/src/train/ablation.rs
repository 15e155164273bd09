//! What each signal is worth: the ranker is fitted again without it, and both are asked the questions of
//! repositories that neither was fitted to.

use std::path::Path;

use anyhow::Result;
use distiq_index::FEATURES;

use super::boost::{Rows, Settings, fit};
use super::ranker::{SETTINGS, learnable, reciprocals};
use super::rows::{Split, Told, read};
use crate::bench::retrieval::score::gain;

/// Of the questions one in so many is fitted to, by fewer trees: differences show as well.
const EVERY: usize = 3;
const TREES: usize = 200;

/// Signals, each as the beginnings of its features' names.
const SIGNALS: &[(&str, &[&str])] = &[
    ("related words", &["related_"]),
    ("letters of names", &["name_grams", "name_grams_of_query", "class_grams", "letters"]),
    (
        "names and paths that are mentioned",
        &[
            "name_mentioned",
            "name_is_word",
            "class_mentioned",
            "path_mentioned",
            "file_is_word",
            "file_mentions",
            "file_defines",
        ],
    ),
    (
        "fields one by one",
        &["name", "class", "signature", "path", "doc", "identifiers", "strings", "comments"],
    ),
    (
        "how much of the request is held",
        &["coverage", "head_coverage", "matched", "rarest", "name_held"],
    ),
    (
        "where in the request it stands",
        &["name_early", "head_early", "name_starts", "name_pairs", "title_"],
    ),
    (
        "how names are built",
        &["name_whether", "name_makes", "name_length", "class_length", "lines"],
    ),
    ("the whole file", &["file_", "dir_path", "stem_held", "scope_"]),
    ("place in the file", &["rank_in_file", "share_of_file", "other_in_file"]),
    ("others of its name", &["namesakes", "better_namesakes"]),
    ("tests, headers and what they belong to", &["twin_", "twins"]),
    ("kind, tests, examples", &["is_", "tests_asked"]),
    ("how the request is written", &["query_"]),
];
/// The score of the words alone.
const WORDS: &[&str] = &["unit_score", "unit_share", "unit_rank"];

/// Prints what is lost without each signal, as rows of a table.
pub fn run(folder: &Path, share: usize) -> Result<()> {
    let (test, train) = (read(folder, "test", &Told::Words)?, read(folder, "train", &Told::Words)?);
    let questions = train.rows.questions.iter().step_by(EVERY * share.max(1));
    let train = learnable(&train.rows, questions);
    let settings = Settings { trees: TREES / share.max(1), ..SETTINGS };
    let whole = asked(&train, &test, settings, &[]);
    println!("| signal | functions | files |\n|---|---|---|");
    let place = FEATURES.iter().position(|name| *name == "unit_score").unwrap_or(0);
    let words: Vec<f32> = (0..test.rows.gains.len())
        .map(|row| test.rows.row(row).get(place).copied().unwrap_or(0.0))
        .collect();
    row("all, over words alone", &test, &whole, &reciprocals(&test, &words));
    for (name, starts) in SIGNALS {
        row(name, &test, &whole, &asked(&train, &test, settings, starts));
    }
    let others: Vec<&str> = FEATURES.iter().copied().filter(|name| !WORDS.contains(name)).collect();
    row("all but the words' score", &test, &whole, &asked(&train, &test, settings, &others));
    Ok(())
}

/// Prints what the ranker with all signals is better by.
fn row(name: &str, test: &Split, whole: &[f64], without: &[f64]) {
    let gain_of = |is_files: bool| {
        let part = |all: &[f64]| -> Vec<f64> {
            let pairs = all.iter().zip(&test.asked);
            pairs.filter(|(_, asked)| asked.is_files == is_files).map(|(x, _)| *x).collect()
        };
        let (mean, low, high) = gain(&part(whole), &part(without));
        format!("{mean:+.3} ({low:+.3} to {high:+.3})")
    };
    println!("| {name} | {} | {} |", gain_of(false), gain_of(true));
}

/// Returns the reciprocal ranks of the questions of `test` by a ranker that does not see some features.
fn asked(train: &Rows, test: &Split, settings: Settings, without: &[&str]) -> Vec<f64> {
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
        scores: Vec::new(),
    };
    let trees = fit(&rows, settings, |_| true);
    let scores: Vec<f32> =
        (0..test.rows.gains.len()).map(|row| trees.score(&blind(test.rows.row(row)))).collect();
    reciprocals(test, &scores)
}
