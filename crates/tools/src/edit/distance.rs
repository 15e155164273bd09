//! How many characters two lines are apart.

/// Returns the least number of characters inserted, deleted or replaced that makes `a` of `b`;
/// `limit + 1` where it is more than `limit`.
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
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.iter().enumerate() {
        let mut diagonal = i;
        let mut before = i + 1;
        let mut least = before;
        let (head, rest) = match row.split_first_mut() {
            Some(parts) => parts,
            None => break,
        };
        *head = before;
        for (cell, right) in rest.iter_mut().zip(b) {
            let replaced = diagonal + usize::from(left != right);
            diagonal = *cell;
            before = replaced.min(diagonal + 1).min(before + 1);
            *cell = before;
            least = least.min(before);
        }
        if least > limit {
            return limit + 1;
        }
    }
    row.last().copied().unwrap_or(0).min(limit + 1)
}

/// Returns a number of characters that two lines are at least apart, from their sketches.
pub(super) fn at_least(a: u128, b: u128) -> usize {
    // A replaced character takes two pairs away and brings two.
    (a ^ b).count_ones().div_ceil(4) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::edit::page::sketch;

    #[test]
    fn counts() {
        for (a, b, expected) in
            [("", "", 0), ("kitten", "sitting", 3), ("abc", "abc", 0), ("é", "e", 1), ("a", "", 1)]
        {
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
