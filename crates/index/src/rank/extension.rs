//! More trees, for candidates of which more is known than their words.
//!
//! The ranker is fitted without such signals, so that its order stays what it is where they are missing. The trees of an
//! extension are fitted on top of its points, and add to them; they see what the ranker saw, how it placed the candidate
//! ([`placed`]), and their own signal.

use std::sync::LazyLock;

use distiq_ml::Trees;

use super::features::{FEATURES, Row};
use crate::history::PAST;
use crate::vector::NEAR;

/// What is known beyond words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extension {
    /// Vectors of an embedder from outside.
    Vectors,
    /// Commits of the project's past.
    Past,
}

/// What an extension's trees are told of how the ranker placed a candidate.
pub const PLACED: [&str; 3] = ["points", "points_behind", "points_rank"];

static VECTORS: LazyLock<Option<Trees>> =
    LazyLock::new(|| read(Extension::Vectors, include_bytes!("vectors.bin")));

static OF_PAST: LazyLock<Option<Trees>> =
    LazyLock::new(|| read(Extension::Past, include_bytes!("past.bin")));

fn read(extension: Extension, bytes: &[u8]) -> Option<Trees> {
    let trees = Trees::read(bytes).ok()?;
    let width = FEATURES.len() + PLACED.len() + extension.features().len();
    (usize::from(trees.features) == width).then_some(trees)
}

impl Extension {
    /// Returns the names of what it tells of a candidate, in the order of their places.
    pub fn features(self) -> &'static [&'static str] {
        match self {
            Self::Vectors => &NEAR,
            Self::Past => &PAST,
        }
    }

    fn trees(self) -> Option<&'static Trees> {
        match self {
            Self::Vectors => VECTORS.as_ref(),
            Self::Past => OF_PAST.as_ref(),
        }
    }
}

/// What is known beyond words for one request.
pub(crate) trait Signal {
    /// Whose trees make points of what it tells; `None` where it tells points.
    fn extension(&self) -> Option<Extension>;

    /// Returns shard and chunk of what it finds itself, best first.
    fn found(&self) -> &[(usize, u32)] {
        &[]
    }

    /// Returns shard and place of files that it finds itself, of which the best chunk comes in.
    fn files(&self) -> &[(usize, usize)] {
        &[]
    }

    /// Returns what it tells of a candidate.
    fn values(&self, row: &Row) -> Vec<f32>;

    /// Whether a candidate is worth the second look for it.
    fn is_strong(&self, row: &Row) -> bool;

    /// Returns why a candidate was found.
    fn reason(&self, row: &Row) -> Option<String>;
}

/// A request's signals.
pub(crate) type Signals<'a> = Vec<Box<dyn Signal + 'a>>;

/// Returns how candidates stand by their points; best first.
pub fn placed(points: &[f32]) -> Vec<[f32; PLACED.len()]> {
    let best = points.first().copied().unwrap_or(0.0);
    (1_u16..)
        .zip(points)
        .map(|(rank, points)| [*points, best - points, f32::from(rank).ln()])
        .collect()
}

/// Returns a row of an extension's trees.
pub fn extended(features: &[f32], placed: &[f32; PLACED.len()], own: &[f32]) -> Vec<f32> {
    [features, placed, own].concat()
}

/// Adds to the points of rows, which are in order, what the signals say.
pub(crate) fn extend(rows: &mut [Row], signals: &Signals<'_>) {
    let points: Vec<f32> = rows.iter().map(|row| row.points).collect();
    let placed = placed(&points);
    for signal in signals {
        for (row, placed) in rows.iter_mut().zip(&placed) {
            let told = signal.values(row);
            row.points += match signal.extension() {
                Some(extension) => extension
                    .trees()
                    .map_or(0.0, |trees| trees.score(&extended(&row.values, placed, &told))),
                None => told.iter().sum(),
            };
            row.reasons.more.extend(signal.reason(row));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trees_fit_what_they_are_told() {
        for extension in [Extension::Past, Extension::Vectors] {
            let is_there = extension.trees().is_some_and(|trees| !trees.trees.is_empty());
            assert!(is_there, "train it anew: `cargo xtask train past`, `vectors`");
        }
    }
}
