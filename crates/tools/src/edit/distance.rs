//! How many characters two lines are apart.

/// Returns the least number of characters inserted, deleted, replaced or swapped with their neighbour that
/// makes `a` of `b`; `limit + 1` where it is more than `limit`.
pub(super) fn distance(a: &str, b: &str, limit: usize) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let start = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let (a, b) = (a.get(start..).unwrap_or_default(), b.get(start..).unwrap_or_default());
    let end = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    let a = a.get(..a.len() - end).unwrap_or_default();
    let b = b.get(..b.len() - end).unwrap_or_default();
    if a.len().abs_diff(b.len()) > limit {
        return limit + 1;
    }
    if a.is_empty() || b.is_empty() {
        return a.len().max(b.len()).min(limit + 1);
    }
    let mut above: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    let mut before = None;
    for (i, left) in a.iter().enumerate() {
        let next = next_row(&above, &row, (before, *left), b, i + 1);
        // A swap looks back two rows.
        if next.iter().chain(&row).min().is_none_or(|least| *least > limit) {
            return limit + 1;
        }
        before = Some(*left);
        above = std::mem::replace(&mut row, next);
    }
    row.last().copied().unwrap_or(0).min(limit + 1)
}

/// Returns the distances of one more character of one line to all beginnings of the other.
fn next_row(
    above: &[usize],
    row: &[usize],
    (before, left): (Option<char>, char),
    b: &[char],
    first: usize,
) -> Vec<usize> {
    let mut next = Vec::with_capacity(row.len());
    next.push(first);
    let mut last = first;
    let mut right_before = None;
    for (j, (right, (diagonal, up))) in b.iter().zip(row.iter().zip(row.iter().skip(1))).enumerate()
    {
        let mut least = (diagonal + usize::from(left != *right)).min(up + 1).min(last + 1);
        if before == Some(*right) && right_before == Some(left) {
            let swapped = j.checked_sub(1).and_then(|j| above.get(j));
            least = least.min(swapped.map_or(least, |swapped| swapped + 1));
        }
        next.push(least);
        last = least;
        right_before = Some(*right);
    }
    next
}

/// Returns a number of characters that two lines are at least apart, from their sketches.
pub(super) fn at_least(a: u128, b: u128) -> usize {
    // Two swapped characters take three pairs away and bring three.
    (a ^ b).count_ones().div_ceil(6) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::edit::page::sketch;

    #[test]
    fn counts() {
        for (a, b, expected) in [
            ("", "", 0),
            ("kitten", "sitting", 3),
            ("abc", "abc", 0),
            ("é", "e", 1),
            ("a", "", 1),
            ("thier", "their", 1),
        ] {
            assert_eq!(distance(a, b, 9), expected, "{a} {b}");
        }
        assert_eq!(distance("abcdef", "uvwxyz", 2), 3);
    }

    proptest! {
        #[test]
        fn the_sketch_never_tells_too_much(a in "[a-c]{0,12}", b in "[a-c]{0,12}") {
            prop_assert!(at_least(sketch(&a), sketch(&b)) <= distance(&a, &b, 20));
            prop_assert_eq!(distance(&a, &b, 20), distance(&b, &a, 20));
            prop_assert!(distance(&a, &b, 2) <= 3);
        }
    }
}
