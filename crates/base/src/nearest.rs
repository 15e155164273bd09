//! Which known names a mistyped one may mean.

/// Returns the known names that differ from `name` in at most a third of its letters (one at least), at most `most` of them:
/// the nearest first, then those of the same length, then by the alphabet.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>, most: usize) -> Vec<&'a str> {
    nearest_within(usize::MAX, name, known, most)
}

/// Does as [`nearest`], with names that differ in at most `farthest` letters.
pub fn nearest_within<'a>(
    farthest: usize,
    name: &str,
    known: impl Iterator<Item = &'a str>,
    most: usize,
) -> Vec<&'a str> {
    let letters = name.chars().count();
    let farthest = (letters / 3).max(1).min(farthest);
    let mut near: Vec<(usize, usize, &str)> = known
        .map(|candidate| (candidate.chars().count().abs_diff(letters), candidate))
        .filter(|(longer, _)| *longer <= farthest)
        .map(|(longer, candidate)| (distance(name, candidate), longer, candidate))
        .filter(|(distance, ..)| *distance <= farthest)
        .collect();
    near.sort_unstable();
    near.dedup();
    near.into_iter().take(most).map(|(.., candidate)| candidate).collect()
}

/// Counts the insertions, deletions, replacements and swaps of neighbours between two texts (Damerau and Levenshtein, by optimal
/// string alignment).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    let mut above_row = row.clone();
    let mut last = None;
    for (i, from) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for (j, to) in b.iter().enumerate() {
            let at = |row: &[usize], place: usize| row.get(place).copied().unwrap_or(usize::MAX);
            let replaced = at(&row, j) + usize::from(from != *to);
            let mut least = replaced.min(at(&row, j + 1) + 1).min(at(&next, j) + 1);
            let before = j.checked_sub(1);
            if let Some(before) = before.filter(|at| b.get(*at) == Some(&from) && last == Some(*to))
            {
                least = least.min(at(&above_row, before) + 1);
            }
            next.push(least);
        }
        above_row = std::mem::replace(&mut row, next);
        last = Some(from);
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
        assert_eq!(nearest("modle", known(), 1), ["model"]);
        assert_eq!(nearest("moddel", known(), 2), ["model", "mode"]);
        assert!(nearest("colour", known(), 3).is_empty());
        assert_eq!(nearest("max_turn_count", ["max_turns"].into_iter(), 1), [""; 0]);
        assert_eq!(nearest("max_turncoat", ["max_turns"].into_iter(), 1), ["max_turns"]);
        assert_eq!(nearest_within(2, "max_turncoat", ["max_turns"].into_iter(), 1), [""; 0]);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("price", "prcie"), 1);
        assert_eq!(distance("", "ab") + distance("ab", ""), 4);
    }
}
