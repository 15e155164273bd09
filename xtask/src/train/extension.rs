//! Fits the trees of an extension on top of the ranker's points.
//!
//! The ranker knows the questions that it was fitted to, so that its points for them say more than they do for others. The points that
//! an extension is fitted to come from two rankers, each fitted to one half of the repositories and asked about the other.

use std::fs;
use std::hash::{DefaultHasher, Hasher};
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result};
use distiq_index::{Extension, FEATURES, PLACED, extended, placed};
use distiq_ml::{Tree, Trees};

use super::boost::{Settings, fit};
use super::ranker::{self, learnable, told};
use super::rows::{Asked, Split, Told, read};
use crate::bench::retrieval::score::gain;

const SETTINGS: Settings = Settings {
    trees: 120,
    leaves: 12,
    rate: 0.1,
    rows: 60,
    ridge: 1.0,
    first: 0,
    feature_share: 0.6,
    question_share: 0.5,
    seed: 1,
};
/// Vectors are known of few repositories: small trees that see nothing of the words learn nothing by heart.
const OF_VECTORS: Settings =
    Settings { leaves: 4, rate: 0.05, rows: 200, first: FEATURES.len(), ..SETTINGS };
/// What keeps two kinds of requests apart, each with trees of its own: trees that were fitted to both gained files a third less.
const APART: &str = "query_reads_as_change";
/// Where a candidate stands by its vector, and by its words.
const NEAR_RANK: &str = "near_rank";
const WORDS_RANK: &str = "unit_rank";
/// What rank fusion adds to each place.
const FUSED: f32 = 60.0;
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
    let own = extension.features().iter().position(|name| *name == APART);
    let apart = own.map(|own| FEATURES.len() + PLACED.len() + own);
    let settings = match extension {
        Extension::Vectors => OF_VECTORS,
        Extension::Past => SETTINGS,
    };
    cross(&all, &repos, apart, settings);
    let trees = forest(&all, all.rows.questions.iter(), apart, settings);
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
    if matches!(extension, Extension::Vectors) {
        println!("vectors alone: {}", told(&all, &by_ranks(&all, &[NEAR_RANK])));
        let both = by_ranks(&all, &[NEAR_RANK, WORDS_RANK]);
        println!("words and vectors by rank fusion: {}", told(&all, &both));
    }
    Ok(())
}

/// Returns what rank fusion (Cormack 2009) makes of the places that features tell.
fn by_ranks(all: &Split, features: &[&str]) -> Vec<f32> {
    let own = Extension::Vectors.features().iter();
    let names: Vec<&str> = FEATURES.iter().chain(&PLACED).chain(own).copied().collect();
    let at: Vec<usize> =
        features.iter().filter_map(|name| names.iter().position(|other| other == name)).collect();
    // Places are told as the logarithm of the place from 1.
    let share = |row: usize, at: &usize| {
        1.0 / (FUSED + all.rows.row(row).get(*at).map_or(f32::INFINITY, |place| place.exp()))
    };
    (0..all.rows.gains.len()).map(|row| at.iter().map(|at| share(row, at)).sum()).collect()
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
        looked.rows.weights.push(1.0);
        looked.asked.push(Asked { repo: asked.repo.clone(), paths, ..*asked });
    }
    looked
}

/// Fits trees to questions; where a feature keeps two kinds of requests apart, to each kind by itself.
fn forest<'a>(
    all: &Split,
    questions: impl Iterator<Item = &'a Range<usize>>,
    apart: Option<usize>,
    settings: Settings,
) -> Trees {
    let grow = |questions: &[&'a Range<usize>]| {
        fit(&learnable(&all.rows, questions.iter().copied()), settings, |_| true)
    };
    let is_above = |question: &&Range<usize>| {
        apart.is_some_and(|at| all.rows.row(question.start).get(at).is_some_and(|x| *x > 0.5))
    };
    let (above, below): (Vec<_>, Vec<_>) = questions.partition(is_above);
    let Some(feature) = apart.and_then(|at| u16::try_from(at).ok()) else { return grow(&below) };
    let (below, above) = (grow(&below), grow(&above));
    let pairs = below.trees.iter().zip(&above.trees);
    let trees = pairs.map(|(below, above)| joined(feature, below, above)).collect();
    Trees { trees, ..below }
}

/// Joins two trees to one, of which a row goes to the first where its feature is at most a half.
fn joined(feature: u16, below: &Tree, above: &Tree) -> Tree {
    let mut tree = Tree::default();
    let count = |count: usize| i16::try_from(count).unwrap_or(0);
    let moved = |child: i16, splits: i16, leaves: i16| {
        if child < 0 { child - leaves } else { child + splits }
    };
    let root = |tree: &Tree| if tree.splits.is_empty() { -1 } else { 0 };
    let (behind, leaves) = (1 + count(below.splits.len()), count(below.leaves.len()));
    let (left, right) = (moved(root(below), 1, 0), moved(root(above), behind, leaves));
    tree.splits.push(distiq_ml::Split { feature, threshold: 0.5, left, right });
    for (part, splits, leaves) in [(below, 1, 0), (above, behind, leaves)] {
        tree.splits.extend(part.splits.iter().map(|split| distiq_ml::Split {
            left: moved(split.left, splits, leaves),
            right: moved(split.right, splits, leaves),
            ..*split
        }));
        tree.leaves.extend(&part.leaves);
    }
    tree
}

/// Asks every repository by trees that were fitted to others.
fn cross(all: &Split, repos: &[String], apart: Option<usize>, settings: Settings) {
    let part = |repo: &str| repos.iter().position(|other| other == repo).unwrap_or(0) / 2 % PARTS;
    let mut left_out = vec![all.rows.scores.clone(); settings.trees / EVERY];
    for out in 0..PARTS {
        let questions = all.asked.iter().zip(&all.rows.questions);
        let (own, others): (Vec<_>, Vec<_>) =
            questions.partition(|(asked, _)| part(&asked.repo) == out);
        let others = others.iter().map(|(_, question)| *question);
        let trees = forest(all, others, apart, settings).trees;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_trees_say_what_each_says() {
        let split =
            |feature, threshold| distiq_ml::Split { feature, threshold, left: -1, right: -2 };
        let (low, high) = (split(0, 1.0), split(0, 2.0));
        let below = Tree { splits: vec![low], leaves: vec![1.0, 2.0] };
        let above = Tree {
            splits: vec![
                distiq_ml::Split { right: 1, ..low },
                distiq_ml::Split { left: -2, right: -3, ..high },
            ],
            leaves: vec![3.0, 4.0, 5.0],
        };
        let leaf = Tree { splits: Vec::new(), leaves: vec![6.0] };
        let tree = joined(1, &below, &above);
        for value in [0.5, 1.5, 2.5] {
            assert_eq!(tree.value(&[value, 0.0]), below.value(&[value]));
            assert_eq!(tree.value(&[value, 1.0]), above.value(&[value]));
            assert_eq!(joined(1, &leaf, &above).value(&[value, 0.0]), 6.0);
            assert_eq!(joined(1, &above, &leaf).value(&[value, 1.0]), 6.0);
        }
        let trees = Trees { features: 2, trees: vec![tree] };
        assert_eq!(Trees::read(&trees.write()), Ok(trees), "parents before their children");
    }
}
