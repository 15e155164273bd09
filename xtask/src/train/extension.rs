//! Fits the trees of an extension on top of the ranker's points.
//!
//! The ranker knows the questions that it was fitted to, so that its points for them say more than they do for others. The points that
//! an extension is fitted to come from two rankers, each fitted to one half of the repositories and asked about the other.

use std::fs;
use std::hash::{DefaultHasher, Hasher};
use std::path::Path;

use anyhow::{Context, Result};
use distiq_index::{FEATURES, PLACED, extended, placed};
use distiq_ml::Trees;

use super::boost::{Settings, fit};
use super::ranker::{self, learnable, told};
use super::rows::{Asked, Split, Told, read};
use crate::bench::retrieval::score::gain;

const SETTINGS: Settings = Settings {
    trees: 160,
    leaves: 8,
    rate: 0.06,
    rows: 60,
    ridge: 1.0,
    feature_share: 0.6,
    question_share: 0.5,
    seed: 1,
};
/// How much a question for files counts beside one for a function, of which there are twice as many.
const FILES: f32 = 3.0;
/// As many rows as the product looks at again.
const SECOND_LOOK: usize = 60;
/// Into how many parts the repositories are cut, each left out once.
const PARTS: usize = 4;
/// After how many trees the figures are printed.
const EVERY: usize = 20;

/// Fits and writes an extension's trees, and tells how they do on repositories that they were not fitted to.
pub fn run(folder: &Path, signal: &Told<'_>) -> Result<()> {
    let Some(extension) = signal.extension() else { return Ok(()) };
    let halves = halves(folder)?;
    let all = read(folder, "train", signal)?;
    let repos = repos(folder)?;
    let half = |asked: &Asked| repos.iter().position(|repo| *repo == asked.repo).unwrap_or(0) % 2;
    let all = second_look(&all, |asked| halves.get(1 - half(asked)));
    println!("{} questions, {} rows", all.rows.questions.len(), all.rows.gains.len());
    cross(&all, &repos);
    let train = learnable(&all.rows, all.rows.questions.iter());
    let trees = fit(&train, SETTINGS, |_| true);
    let name = format!("{extension:?}").to_lowercase();
    let path = crate::root().join(format!("crates/index/src/rank/{name}.bin"));
    let bytes = trees.write();
    println!("{} bytes", bytes.len());
    fs::write(&path, bytes).with_context(|| format!("Cannot write `{}`", path.display()))
}

/// Tells how the trees in the product do on the repositories of the other split.
pub fn test(folder: &Path, signal: &Told<'_>) -> Result<()> {
    let Some(extension) = signal.extension() else { return Ok(()) };
    let read_trees = |name: &str| -> Result<Trees> {
        let path = crate::root().join(format!("crates/index/src/rank/{name}.bin"));
        Ok(Trees::read(&fs::read(path)?)?)
    };
    let base = read_trees("ranker")?;
    let all = second_look(&read(folder, "test", signal)?, |_| Some(&base));
    let trees = read_trees(&format!("{extension:?}").to_lowercase())?;
    let mut scores = all.rows.scores.clone();
    for (row, score) in scores.iter_mut().enumerate() {
        *score += trees.score(all.rows.row(row));
    }
    figures("all trees", &all, &scores);
    Ok(())
}

/// Returns the repositories that are fitted to, in order.
fn repos(folder: &Path) -> Result<Vec<String>> {
    let all = super::rows::groups(folder, "train")?;
    let mut repos: Vec<String> = all.into_keys().map(|(repo, _)| repo).collect();
    repos.dedup();
    Ok(repos)
}

/// Returns rankers, each fitted to the repositories of one half; they are kept for the ranker that is in the product.
fn halves(folder: &Path) -> Result<Vec<Trees>> {
    let mut key = DefaultHasher::new();
    key.write(&fs::read(crate::root().join("crates/index/src/rank/ranker.bin"))?);
    key.write(&fs::read(folder.join("questions.jsonl"))?);
    let path = |half: usize| folder.join(format!("half{half}-{:016x}.bin", key.finish()));
    let kept = |half: usize| Trees::read(&fs::read(path(half)).ok()?).ok();
    if let (Some(first), Some(second)) = (kept(0), kept(1)) {
        return Ok(vec![first, second]);
    }
    let (all, repos) = (read(folder, "train", &Told::Words)?, repos(folder)?);
    let half = |asked: &Asked| repos.iter().position(|repo| *repo == asked.repo).unwrap_or(0) % 2;
    let mut halves = Vec::new();
    for own in 0..2 {
        let questions = all.asked.iter().zip(&all.rows.questions);
        let questions = questions.filter(|(asked, _)| half(asked) == own);
        let train = learnable(&all.rows, questions.map(|(_, question)| question));
        let trees = fit(&train, ranker::SETTINGS, |_| true);
        fs::write(path(own), trees.write())?;
        println!("fitted to half {own}: {} questions", train.questions.len());
        halves.push(trees);
    }
    Ok(halves)
}

/// Returns the rows that the product would look at again, as the extension's trees see them, with their points.
fn second_look<'a>(all: &Split, ranker: impl Fn(&Asked) -> Option<&'a Trees>) -> Split {
    let own = all.rows.features - FEATURES.len() - 1;
    let mut looked = Split::default();
    looked.rows.features = FEATURES.len() + PLACED.len() + own;
    for (asked, question) in all.asked.iter().zip(&all.rows.questions) {
        let Some(trees) = ranker(asked) else { continue };
        let points =
            |row: usize| trees.score(all.rows.row(row).get(..FEATURES.len()).unwrap_or_default());
        let mut rows: Vec<(usize, f32)> = question.clone().map(|row| (row, points(row))).collect();
        rows.sort_by(|a, b| b.1.total_cmp(&a.1));
        let is_strong = |row: usize| all.rows.row(row).last().is_some_and(|strong| *strong > 0.0);
        let mut at = 0;
        rows.retain(|(row, _)| {
            at += 1;
            at <= SECOND_LOOK || is_strong(*row)
        });
        let points: Vec<f32> = rows.iter().map(|(_, points)| *points).collect();
        let start = looked.rows.gains.len();
        let mut paths = Vec::new();
        for ((row, points), placed) in rows.iter().zip(placed(&points)) {
            let (words, own) = all.rows.row(*row).split_at(FEATURES.len());
            let own = own.split_last().map_or(own, |(_, own)| own);
            looked.rows.values.extend(extended(words, &placed, own));
            looked.rows.gains.extend(all.rows.gains.get(*row));
            looked.rows.scores.push(*points);
            paths.extend(asked.paths.get(row - question.start).cloned());
        }
        looked.rows.questions.push(start..looked.rows.gains.len());
        looked.rows.weights.push(if asked.is_files { FILES } else { 1.0 });
        looked.asked.push(Asked { repo: asked.repo.clone(), paths, ..*asked });
    }
    looked
}

/// Asks every repository by trees that were fitted to others.
fn cross(all: &Split, repos: &[String]) {
    let part = |repo: &str| repos.iter().position(|other| other == repo).unwrap_or(0) / 2 % PARTS;
    let mut left_out = vec![all.rows.scores.clone(); SETTINGS.trees / EVERY];
    for out in 0..PARTS {
        let questions = all.asked.iter().zip(&all.rows.questions);
        let (own, others): (Vec<_>, Vec<_>) =
            questions.partition(|(asked, _)| part(&asked.repo) == out);
        let train = learnable(&all.rows, others.iter().map(|(_, question)| *question));
        let trees = fit(&train, SETTINGS, |_| true).trees;
        for row in own.iter().flat_map(|(_, question)| (*question).clone()) {
            let mut sum = 0.0;
            for (at, tree) in trees.iter().enumerate() {
                sum += tree.value(all.rows.row(row));
                let kept = ((at + 1) % EVERY == 0).then(|| left_out.get_mut(at / EVERY)).flatten();
                if let Some(score) = kept.and_then(|scores| scores.get_mut(row)) {
                    *score += sum;
                }
            }
        }
    }
    for (at, scores) in left_out.iter().enumerate() {
        figures(&format!("{} trees", (at + 1) * EVERY), all, scores);
    }
}

/// Prints the figures of both, and what the extension gains.
fn figures(name: &str, all: &Split, scores: &[f32]) {
    let with = ranker::reciprocals(all, scores);
    let without = ranker::reciprocals(all, &all.rows.scores);
    println!("{name}: {}; without: {}", told(all, scores), told(all, &all.rows.scores));
    for is_files in [false, true] {
        let part = |ranks: &[f64]| -> Vec<f64> {
            let pairs = ranks.iter().zip(&all.asked);
            pairs.filter(|(_, asked)| asked.is_files == is_files).map(|(rank, _)| *rank).collect()
        };
        let (mean, low, high) = gain(&part(&with), &part(&without));
        let kind = if is_files { "files" } else { "functions" };
        println!("  {kind} gain {mean:+.3} ({low:+.3} to {high:+.3}) in MRR@10");
    }
}
