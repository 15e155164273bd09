//! The learned ranker, and a plain sum for when its bytes do not fit these features.

use std::sync::LazyLock;

use distiq_ml::{Forest, Trees};

use super::features::FEATURES;

/// So many trees tell which rows are worth the others.
const FIRST: usize = 80;

/// Those trees, and the others.
static TREES: LazyLock<Option<[Forest; 2]>> = LazyLock::new(|| {
    let trees = Trees::read(include_bytes!("ranker.bin")).ok()?;
    if usize::from(trees.features) != FEATURES.len() {
        return None;
    }
    let (first, rest) = trees.trees.split_at_checked(FIRST)?;
    Some([Forest::new(first)?, Forest::new(rest)?])
});

/// What the plain sum adds up.
const SUM: &[(&str, f32)] = &[
    ("unit_score", 1.0),
    ("related_head", 0.15),
    ("name_grams", 0.05),
    ("file_score", 0.6),
    ("name_mentioned", 0.2),
    ("path_mentioned", 0.3),
    ("rank_in_file", -0.01),
    ("is_test", -0.03),
];

/// Returns what the first trees say of each row.
pub(crate) fn first(rows: &[&[f32]]) -> Vec<f32> {
    match TREES.as_ref() {
        Some([first, _]) => first.scores(rows),
        None => rows.iter().map(|values| sum(values)).collect(),
    }
}

/// Returns what the others add.
pub(crate) fn rest(rows: &[&[f32]]) -> Vec<f32> {
    match TREES.as_ref() {
        Some([_, rest]) => rest.scores(rows),
        None => vec![0.0; rows.len()],
    }
}

/// Returns a row's plain sum.
fn sum(values: &[f32]) -> f32 {
    let value = |name: &str| {
        let place = FEATURES.iter().position(|feature| *feature == name);
        place.and_then(|place| values.get(place)).copied().unwrap_or(0.0)
    };
    SUM.iter().map(|(name, weight)| weight * value(name)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trees_fit_the_features_and_the_sum_names_features() {
        assert!(TREES.is_some(), "train it anew: `cargo xtask train ranker`");
        for (name, _) in SUM {
            assert!(FEATURES.contains(name), "{name}");
        }
        let mut better = vec![0.0; FEATURES.len()];
        let worse = better.clone();
        better[0] = 0.5;
        assert!(sum(&better) > sum(&worse));
    }
}
