//! Fits the ranker to the training repositories, and tells how one does that was fitted to a part of them.

use std::fs;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result};

use super::boost::{Rows, Settings, fit};
use super::rows::{Asked, Split, Told, read};
use crate::bench::retrieval::random::Random;

/// Chosen by [`cross`].
pub const SETTINGS: Settings = Settings {
    trees: 800,
    leaves: 20,
    rate: 0.06,
    rows: 100,
    ridge: 1.0,
    first: 0,
    feature_share: 0.5,
    question_share: 0.25,
    seed: 1,
};
/// After how many trees the figures are printed.
const EVERY: usize = 50;
/// So many candidates of a question that are not wanted are learned from: more teach nothing new.
const OTHERS: usize = 80;
/// Into how many parts the repositories are cut, each left out once.
const PARTS: usize = 4;

/// Mean reciprocal rank and recall within the first ten, of one kind of question.
#[derive(Default)]
struct Figures {
    questions: f32,
    reciprocal: f32,
    found: f32,
}

/// Fits and writes the model.
pub fn run(folder: &Path) -> Result<()> {
    let all = read(folder, "train", &Told::Words)?.rows;
    let train = learnable(&all, all.questions.iter());
    drop(all);
    println!("{} questions, {} rows", train.questions.len(), train.gains.len());
    let trees = fit(&train, SETTINGS, |trees| {
        if trees.trees.len() % EVERY == 0 {
            println!("{} trees", trees.trees.len());
        }
        true
    });
    let path = crate::root().join("crates/index/src/rank/ranker.bin");
    let bytes = trees.write();
    println!("{} bytes", bytes.len());
    fs::write(&path, bytes).with_context(|| format!("Cannot write `{}`", path.display()))
}

/// Asks every training repository by a ranker that was fitted to others, and tells how it does.
pub fn cross(folder: &Path) -> Result<()> {
    let all = read(folder, "train", &Told::Words)?;
    let mut repos: Vec<&str> = all.asked.iter().map(|asked| asked.repo.as_str()).collect();
    repos.dedup();
    let part = |repo: &str| repos.iter().position(|other| *other == repo).unwrap_or(0) % PARTS;
    let mut left_out = vec![vec![0.0_f32; all.rows.gains.len()]; SETTINGS.trees / EVERY];
    for out in 0..PARTS {
        let asked = all.asked.iter().zip(&all.rows.questions);
        let (own, others): (Vec<_>, Vec<_>) =
            asked.partition(|(asked, _)| part(&asked.repo) == out);
        let train = learnable(&all.rows, others.iter().map(|(_, question)| *question));
        let mut scores = vec![0.0_f32; all.rows.gains.len()];
        fit(&train, SETTINGS, |trees| {
            let count = trees.trees.len();
            for row in own.iter().flat_map(|(_, question)| (*question).clone()) {
                let value = trees.trees.last().map_or(0.0, |tree| tree.value(all.rows.row(row)));
                if let Some(score) = scores.get_mut(row) {
                    *score += value;
                    let kept = (count % EVERY == 0).then(|| left_out.get_mut(count / EVERY - 1));
                    if let Some(kept) = kept.flatten().and_then(|kept| kept.get_mut(row)) {
                        *kept = *score;
                    }
                }
            }
            true
        });
        println!("{} of {PARTS} parts", out + 1);
    }
    for (at, scores) in left_out.iter().enumerate() {
        println!("{} trees: {}", (at + 1) * EVERY, told(&all, scores));
    }
    Ok(())
}

/// Returns the rows of those questions whose answer is a candidate, since else nothing can be learned: what is
/// wanted, and some of the others.
pub fn learnable<'a>(rows: &Rows, questions: impl Iterator<Item = &'a Range<usize>>) -> Rows {
    let mut random = Random::named(SETTINGS.seed, "others");
    let mut learnable = Rows { features: rows.features, ..Rows::default() };
    let is_wanted = |row: &usize| rows.gains.get(*row).is_some_and(|gain| *gain > 0.0);
    for question in questions.filter(|question| (*question).clone().any(|row| is_wanted(&row))) {
        let (mut kept, mut others): (Vec<usize>, Vec<usize>) =
            question.clone().partition(is_wanted);
        random.shuffle(&mut others);
        kept.extend(others.iter().take(OTHERS));
        kept.sort_unstable();
        let start = learnable.gains.len();
        for row in kept {
            learnable.scores.extend(rows.scores.get(row));
            learnable.gains.extend(rows.gains.get(row));
            learnable.values.extend(rows.row(row));
        }
        learnable.questions.push(start..learnable.gains.len());
        learnable.weights.push(1.0);
    }
    learnable
}

/// Tells MRR and recall of both kinds of questions.
pub fn told(split: &Split, scores: &[f32]) -> String {
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
