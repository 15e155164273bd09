//! Which lines of a new text stand for which of the old.

use super::block::{Block, Solid};
use super::fold;
use super::page::sketch;

/// Most pairs of lines that are compared; of longer texts only the same beginning and end count.
const MOST_PAIRS: usize = 400_000;

/// From this likeness on (of 100) a line is an old one that was changed.
const ALIKE: u32 = 30;

/// Returns for each line of `new` the line of `old` that it is or was made from; both in order.
pub(super) fn align(old: &Block<'_>, new: &Block<'_>) -> Vec<Option<usize>> {
    let mut aligned = vec![None; new.solid.len()];
    let unchanged = |(a, b): &(&Solid<'_>, &Solid<'_>)| a.body == b.body && a.indent == b.indent;
    let head = old.solid.iter().zip(&new.solid).take_while(unchanged).count();
    let left = old.solid.get(head..).unwrap_or_default();
    let right = new.solid.get(head..).unwrap_or_default();
    let tail = left.iter().rev().zip(right.iter().rev()).take_while(unchanged).count();
    let mut set = |old: usize, new: usize| {
        if let Some(slot) = aligned.get_mut(new) {
            *slot = Some(old);
        }
    };
    (0..head).for_each(|i| set(i, i));
    (1..=tail).for_each(|back| set(old.solid.len() - back, new.solid.len() - back));
    let left: Vec<Side<'_>> =
        left.get(..left.len() - tail).unwrap_or_default().iter().map(Side::new).collect();
    let right: Vec<Side<'_>> =
        right.get(..right.len() - tail).unwrap_or_default().iter().map(Side::new).collect();
    if left.len().saturating_mul(right.len()) <= MOST_PAIRS {
        let weight = |i: usize, j: usize| match (left.get(i), right.get(j)) {
            // As many lines as before are likely the same ones in order.
            (Some(old), Some(new)) => {
                old.likeness(new).max(u32::from(i == j && left.len() == right.len()))
            }
            _ => 0,
        };
        best(left.len(), right.len(), weight)
            .into_iter()
            .for_each(|(i, j)| set(head + i, head + j));
    }
    aligned
}

/// A line with what is compared of it.
struct Side<'a> {
    line: &'a Solid<'a>,
    key: u64,
    sketch: u128,
}

impl<'a> Side<'a> {
    fn new(line: &'a Solid<'a>) -> Self {
        Self { line, key: fold::key(line.body), sketch: sketch(&fold::fold(line.body)) }
    }

    /// Returns how much speaks for two lines being the same one; 0 nothing.
    fn likeness(&self, other: &Self) -> u32 {
        let same_indent = u32::from(self.line.indent == other.line.indent);
        if self.key == other.key {
            let telling = u32::try_from(self.line.body.len().min(40)).unwrap_or(0);
            return 200 + 2 * telling + 20 * same_indent;
        }
        let shared = (self.sketch & other.sketch).count_ones();
        let all = (self.sketch | other.sketch).count_ones().max(1);
        let share = shared * 100 / all;
        if share < ALIKE { 0 } else { share + same_indent }
    }
}

/// Returns the pairs, in order on both sides, of the greatest weight together.
pub(super) fn best(
    left: usize,
    right: usize,
    weight: impl Fn(usize, usize) -> u32,
) -> Vec<(usize, usize)> {
    let width = right + 1;
    let mut sums = vec![0_u32; (left + 1) * width];
    let at = |sums: &[u32], i: usize, j: usize| sums.get(i * width + j).copied().unwrap_or(0);
    let mut weights = vec![0_u32; left * right];
    for i in (0..left).rev() {
        for j in (0..right).rev() {
            let pair = weight(i, j);
            let with = if pair > 0 { at(&sums, i + 1, j + 1) + pair } else { 0 };
            let sum = with.max(at(&sums, i + 1, j)).max(at(&sums, i, j + 1));
            if let Some(cell) = sums.get_mut(i * width + j) {
                *cell = sum;
            }
            if let Some(cell) = weights.get_mut(i * right + j) {
                *cell = pair;
            }
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut pairs = Vec::new();
    while i < left && j < right {
        let here = at(&sums, i, j);
        let pair = weights.get(i * right + j).copied().unwrap_or(0);
        if pair > 0 && here == at(&sums, i + 1, j + 1) + pair {
            pairs.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if here == at(&sums, i + 1, j) {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_find_what_they_were() {
        let old = Block::new("fn a() {\n    one(1);\n    two(2);\n}\n");
        let new = Block::new("fn a() {\n    zero();\n    one(7);\n    two(2);\n}\n");
        assert_eq!(align(&old, &new), [Some(0), None, Some(1), Some(2), Some(3)]);
        assert_eq!(align(&old, &Block::new("")), []);
    }
}
