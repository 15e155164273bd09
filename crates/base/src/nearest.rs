//! Which known names a mistyped one may mean.

/// Returns the known names that differ from `name` in at most a third of its letters (one at least), at most `most` of them:
/// the nearest first, equals by the alphabet.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>, most: usize) -> Vec<&'a str> {
    let letters = name.chars().count();
    let farthest = (letters / 3).max(1);
    let mut near: Vec<(usize, &str)> = known
        .filter(|candidate| candidate.chars().count().abs_diff(letters) <= farthest)
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= farthest)
        .collect();
    near.sort_unstable();
    near.dedup();
    near.into_iter().take(most).map(|(_, candidate)| candidate).collect()
}

/// Counts the insertions, deletions and replacements between two texts (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for ((to, above_left), above) in b.iter().zip(&row).zip(row.iter().skip(1)) {
            let left = next.last().copied().unwrap_or_default();
            let replaced = above_left + usize::from(from != *to);
            next.push(replaced.min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_names_are_found_or_none() {
        let known = || ["max_cost", "max_turns", "mode", "model"].into_iter();
        assert_eq!(nearest("max_costs", known(), 1), ["max_cost"]);
        assert_eq!(nearest("modle", known(), 1), ["mode"]);
        assert_eq!(nearest("moddel", known(), 2), ["model", "mode"]);
        assert!(nearest("colour", known(), 3).is_empty());
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
