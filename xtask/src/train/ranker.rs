//! Fits the ranker to the training repositories and tells how it does on the others.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::boost::{Settings, fit};
use super::rows::{Split, read};

/// Chosen on the repositories of the split `dev`.
const SETTINGS: Settings = Settings {
    trees: 350,
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
    let mut train = read(folder, "train")?;
    let has_any = |at: &usize| {
        let range = train.rows.questions.get(*at).cloned().unwrap_or_default();
        train.rows.gains.get(range).is_some_and(|gains| gains.iter().any(|gain| *gain > 0.0))
    };
    // Nothing can be learned where what is wanted is no candidate.
    let kept: Vec<_> = (0..train.rows.questions.len())
        .filter(has_any)
        .filter_map(|at| train.rows.questions.get(at).cloned())
        .collect();
    train.rows.weights = vec![1.0; kept.len()];
    train.rows.questions = kept;
    println!("{} questions, {} rows", train.rows.questions.len(), train.rows.gains.len());
    let mut scores = vec![0.0_f32; dev.rows.gains.len()];
    let trees = fit(&train.rows, SETTINGS, |trees| {
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

fn told(split: &Split, scores: &[f32]) -> String {
    let (mut functions, mut files) = (Figures::default(), Figures::default());
    for (asked, question) in split.asked.iter().zip(&split.rows.questions) {
        let mut order: Vec<usize> = question.clone().collect();
        let score = |row: &usize| scores.get(*row).copied().unwrap_or(0.0);
        order.sort_by(|a, b| score(b).total_cmp(&score(a)));
        let gain = |row: &usize| split.rows.gains.get(*row).copied().unwrap_or(0.0) > 0.0;
        let ranks: Vec<usize> = if asked.is_files {
            let path = |row: &usize| asked.paths.get(row - question.start);
            let mut seen = Vec::new();
            let mut ranks = Vec::new();
            for row in &order {
                if !seen.contains(&path(row)) {
                    let is_wanted =
                        question.clone().any(|other| path(&other) == path(row) && gain(&other));
                    if is_wanted && seen.len() < 10 {
                        ranks.push(seen.len());
                    }
                    seen.push(path(row));
                }
            }
            ranks
        } else {
            order
                .iter()
                .take(10)
                .enumerate()
                .filter(|(_, row)| gain(row))
                .map(|(rank, _)| rank)
                .collect()
        };
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
