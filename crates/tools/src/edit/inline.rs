//! Differences within a line, and what two lines make of a third.

use std::ops::Range;

use super::page::{is_word, words_of};

/// Most words and marks of a line that are compared one by one.
const MOST_TOKENS: usize = 400;

/// A part of one line that is another text in another line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hunk<'a> {
    /// Where it is in the first line.
    pub(super) base: Range<usize>,
    /// Where it is in the other line.
    pub(super) at: usize,
    /// What stands there.
    pub(super) text: &'a str,
}

/// Returns a line's words, runs of blanks and other characters, each by its place.
fn tokens(line: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let kind = |c: char| (is_word(c), c.is_whitespace());
        let run = match kind(first) {
            (false, false) => first.len_utf8(),
            of => rest.find(|c| kind(c) != of).unwrap_or(rest.len()),
        };
        let (token, after) = rest.split_at(run);
        tokens.push(token);
        rest = after;
    }
    tokens
}

/// Returns what to change in `base` to get `other`: by words first, then without what a changed
/// part has in common at its ends.
pub(super) fn hunks<'a>(base: &str, other: &'a str) -> Vec<Hunk<'a>> {
    let (from, to) = (tokens(base), tokens(other));
    let mut hunks: Vec<Hunk<'a>> = Vec::new();
    let (mut base_at, mut other_at) = (0, 0);
    let mut push = |base_part: &str, base_at: usize, other_at: usize, length: usize| {
        let part = other.get(other_at..other_at + length).unwrap_or_default();
        if base_part == part {
            return;
        }
        let head: usize = common(base_part.chars(), part.chars());
        let (left, right) =
            (base_part.get(head..).unwrap_or_default(), part.get(head..).unwrap_or_default());
        let tail = common(left.chars().rev(), right.chars().rev());
        hunks.push(Hunk {
            base: base_at + head..base_at + base_part.len() - tail,
            at: other_at + head,
            text: right.get(..right.len() - tail).unwrap_or_default(),
        });
    };
    let mut changed = (0, 0);
    for (i, j) in in_common(&from, &to).into_iter().chain([(from.len(), to.len())]) {
        let length = |tokens: &[&str], range: Range<usize>| {
            tokens.get(range).unwrap_or_default().iter().map(|token| token.len()).sum::<usize>()
        };
        let (gone, new) = (length(&from, changed.0..i), length(&to, changed.1..j));
        push(base.get(base_at..base_at + gone).unwrap_or_default(), base_at, other_at, new);
        let kept = from.get(i).map_or(0, |token| token.len());
        base_at += gone + kept;
        other_at += new + kept;
        changed = (i + 1, j + 1);
    }
    hunks
}

fn common(a: impl Iterator<Item = char>, b: impl Iterator<Item = char>) -> usize {
    a.zip(b).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum()
}

/// Returns the places of a longest common part of two lists.
fn in_common(a: &[&str], b: &[&str]) -> Vec<(usize, usize)> {
    let head = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let mut common: Vec<(usize, usize)> = (0..head).map(|i| (i, i)).collect();
    let (left, right) = (a.get(head..).unwrap_or_default(), b.get(head..).unwrap_or_default());
    let tail = left.iter().rev().zip(right.iter().rev()).take_while(|(a, b)| a == b).count();
    let left = left.get(..left.len() - tail).unwrap_or_default();
    let right = right.get(..right.len() - tail).unwrap_or_default();
    if left.len() <= MOST_TOKENS && right.len() <= MOST_TOKENS {
        let found = super::align::best(left.len(), right.len(), |i, j| {
            match (left.get(i), right.get(j)) {
                // A word says more than a bracket or a blank.
                (Some(a), Some(b)) if a == b => {
                    if a.contains(is_word) {
                        4
                    } else if a.trim().is_empty() {
                        1
                    } else {
                        2
                    }
                }
                _ => 0,
            }
        });
        common.extend(found.into_iter().map(|(i, j)| (head + i, head + j)));
    }
    common.extend((0..tail).rev().map(|back| (a.len() - 1 - back, b.len() - 1 - back)));
    common
}

/// Returns `new` as if it had been made from `have` and not from `old`: what `new` keeps of `old` is as it is in `have`.
pub(super) fn merge(old: &str, have: &str, new: &str) -> String {
    if old == have || new == have {
        return new.to_owned();
    }
    if old == new {
        return have.to_owned();
    }
    let changes = hunks(old, new);
    let one_word = words_of(old).count() == 1 && words_of(new).count() == 1;
    if !one_word && !words_of(old).any(|word| words_of(new).any(|other| word == other)) {
        return new.to_owned();
    }
    if cost(&hunks(have, new)) < cost(&changes) {
        // It was written with the file's line in mind.
        return new.to_owned();
    }
    let own = hunks(old, have);
    let own = own.iter().filter(|own| !changes.iter().any(|change| clash(own, change)));
    let mut all: Vec<&Hunk<'_>> = changes.iter().chain(own).collect();
    all.sort_by_key(|hunk| (hunk.base.start, hunk.base.end));
    let mut merged = String::with_capacity(new.len());
    let mut at = 0;
    for hunk in all {
        merged.push_str(old.get(at..hunk.base.start).unwrap_or_default());
        merged.push_str(hunk.text);
        at = at.max(hunk.base.end);
    }
    merged.push_str(old.get(at..).unwrap_or_default());
    merged
}

fn cost(hunks: &[Hunk<'_>]) -> usize {
    hunks.iter().map(|hunk| hunk.base.len() + hunk.text.len()).sum()
}

/// Tells whether two changes touch the same characters, or the same word's.
fn clash(own: &Hunk<'_>, change: &Hunk<'_>) -> bool {
    let (a, b) = (&own.base, &change.base);
    let overlap = a.start < b.end && b.start < a.end;
    let same_spot = a == b || a.is_empty() && b.is_empty() && a.start == b.start;
    let own_first = (a.start, a.end) < (b.start, b.end);
    let (left, right) = if own_first { (own, change) } else { (change, own) };
    let one_word = left.base.end == right.base.start
        && left.text.ends_with(is_word)
        && right.text.starts_with(is_word);
    overlap || same_spot || one_word
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_new_text_keeps_the_files_characters() {
        for (old, have, new, expected) in [
            ("let totol = f(x);", "let total = f(x);", "let totol = f(y);", "let total = f(y);"),
            ("let totol = f(x);", "let total = f(x);", "let total = f(y);", "let total = f(y);"),
            ("say \"hi\" - x", "say “hi” — x", "say \"hi\" - y", "say “hi” — y"),
            ("say \"hi\"", "say “hi”", "say “hi” twice", "say “hi” twice"),
            ("letx = 1", "let x = 1", "let x = 2", "let x = 2"),
            ("letx = 1", "let x = 1", "letx = 2", "let x = 2"),
            ("f(totol)", "f(total)", "f(totol_2)", "f(total_2)"),
            ("f(sel)", "f(self)", "f(other)", "f(other)"),
            ("'mport', x", "'import', x", "'value', x", "'value', x"),
            ("a  b", "a b", "a  c", "a c"),
            ("abc", "abd", "xyz", "xyz"),
        ] {
            assert_eq!(merge(old, have, new), expected, "{old} {have} {new}");
        }
    }

    proptest! {
        #[test]
        fn hunks_make_the_other_line(a in "[ab _(é]{0,14}", b in "[ab _(é]{0,14}") {
            let mut made = String::new();
            let mut at = 0;
            for hunk in hunks(&a, &b) {
                made.push_str(a.get(at..hunk.base.start).unwrap());
                made.push_str(hunk.text);
                prop_assert!(b.get(hunk.at..).unwrap().starts_with(hunk.text));
                at = hunk.base.end;
            }
            made.push_str(a.get(at..).unwrap());
            prop_assert_eq!(&made, &b);
            prop_assert_eq!(merge(&a, &b, &a), b.clone());
            prop_assert_eq!(merge(&a, &a, &b), b.clone());
            prop_assert_eq!(merge(&a, &b, &b), b);
        }
    }
}
