//! Fits the ranker to the training repositories and tells how it does on the others.

use std::fs;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result};

use super::boost::{Rows, Settings, fit};
use super::rows::{Asked, Split, read};

/// Chosen on the repositories of the split `dev`.
pub const SETTINGS: Settings = Settings {
    trees: 400,
    leaves: 12,
    rate: 0.1,
    rows: 100,
    ridge: 1.0,
    feature_share: 0.5,
    question_share: 0.4,
    seed: 1,
};
/// After how many trees the figures are printed.
const EVERY: usize = 50;

/// Mean reciprocal rank and recall within the first ten, of one kind of question.
#[derive(Default)]
struct Figures {
    questions: f32,
    reciprocal: f32,
    found: f32,
}

/// Fits, measures and writes the model.
pub fn run(folder: &Path) -> Result<()> {
    let dev = read(folder, "dev")?;
    let train = learnable(read(folder, "train")?.rows, 1);
    println!("{} questions, {} rows", train.questions.len(), train.gains.len());
    let mut scores = vec![0.0_f32; dev.rows.gains.len()];
    let trees = fit(&train, SETTINGS, |trees| {
        if let Some(tree) = trees.trees.last() {
            for (row, score) in scores.iter_mut().enumerate() {
                *score += tree.value(dev.rows.row(row));
            }
        }
        if trees.trees.len() % EVERY == 0 {
            println!("{} trees: {}", trees.trees.len(), told(&dev, &scores));
        }
        true
    });
    let path = crate::root().join("crates/index/src/rank/ranker.bin");
    let bytes = trees.write();
    println!("{} bytes", bytes.len());
    fs::write(&path, bytes).with_context(|| format!("Cannot write `{}`", path.display()))
}

/// Keeps one question in `every`, of those whose answer is a candidate: else nothing can be learned.
pub fn learnable(mut rows: Rows, every: usize) -> Rows {
    let gains = &rows.gains;
    let has_any = |range: &Range<usize>| {
        gains.get(range.clone()).is_some_and(|gains| gains.iter().any(|gain| *gain > 0.0))
    };
    rows.questions =
        rows.questions.iter().filter(|range| has_any(range)).step_by(every).cloned().collect();
    rows.weights = vec![1.0; rows.questions.len()];
    rows
}

fn told(split: &Split, scores: &[f32]) -> String {
    let (mut functions, mut files) = (Figures::default(), Figures::default());
    for (asked, question) in split.asked.iter().zip(&split.rows.questions) {
        let ranks = ranks(split, asked, question, scores);
        let figures = if asked.is_files { &mut files } else { &mut functions };
        figures.questions += 1.0;
        figures.reciprocal += ranks.first().map_or(0.0, |rank| 1.0 / (*rank as f32 + 1.0));
        figures.found += ranks.len().min(asked.wanted) as f32 / asked.wanted.max(1) as f32;
    }
    let line = |name: &str, figures: &Figures| {
        let mean = |sum: f32| sum / figures.questions.max(1.0);
        format!("{name} MRR@10 {:.3} R@10 {:.3}", mean(figures.reciprocal), mean(figures.found))
    };
    format!("{}, {}", line("functions", &functions), line("files", &files))
}

/// Returns each question's reciprocal rank.
pub fn reciprocals(split: &Split, scores: &[f32]) -> Vec<f64> {
    let questions = split.asked.iter().zip(&split.rows.questions);
    let ranks = questions.map(|(asked, question)| ranks(split, asked, question, scores));
    ranks.map(|ranks| ranks.first().map_or(0.0, |rank| 1.0 / (*rank as f64 + 1.0))).collect()
}

/// Returns the places below 10 of what a question wants; files count once.
fn ranks(split: &Split, asked: &Asked, question: &Range<usize>, scores: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = question.clone().collect();
    let score = |row: &usize| scores.get(*row).copied().unwrap_or(0.0);
    order.sort_by(|a, b| score(b).total_cmp(&score(a)));
    let gain = |row: &usize| split.rows.gains.get(*row).copied().unwrap_or(0.0) > 0.0;
    if !asked.is_files {
        let first = order.iter().take(10).enumerate();
        return first.filter(|(_, row)| gain(row)).map(|(rank, _)| rank).collect();
    }
    let path = |row: &usize| asked.paths.get(row - question.start);
    let mut seen = Vec::new();
    let mut ranks = Vec::new();
    for row in &order {
        if seen.len() < 10 && !seen.contains(&path(row)) {
            if question.clone().any(|other| path(&other) == path(row) && gain(&other)) {
                ranks.push(seen.len());
            }
            seen.push(path(row));
        }
    }
    ranks
}
