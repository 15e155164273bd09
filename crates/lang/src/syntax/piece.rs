//! The piece of a large file around a change, so that not all of it needs to be parsed.
//!
//! A piece begins and ends where a line at the margin follows a blank one: between declarations. Where both
//! the old and the new piece parse without an error, the new file has no more errors than the old one.
//! Anything else is left to the whole file.

use std::ops::{Range, RangeInclusive};

/// Smaller texts are parsed whole: it takes a millisecond or two.
const LEAST_BYTES: usize = 24 * 1024;

/// Pieces larger than this are not worth it.
const MOST_BYTES: usize = 64 * 1024;

/// Returns the old and the new piece around what differs.
pub(super) fn around<'a>(old: &'a str, new: &'a str) -> Option<(&'a str, &'a str)> {
    if new.len() < LEAST_BYTES {
        return None;
    }
    let head = common(old.bytes(), new.bytes());
    let most = old.len().min(new.len()) - head;
    let tail = common(old.bytes().rev(), new.bytes().rev()).min(most);
    let start = seam_before(new, head)?;
    let end = seam_after(new, new.len() - tail)?;
    let behind = new.len() - end;
    let old_piece = old.get(range(start, old.len().checked_sub(behind)?)?)?;
    let new_piece = new.get(range(start, end)?)?;
    (new_piece.len() <= MOST_BYTES && old_piece.len() <= MOST_BYTES)
        .then_some((old_piece, new_piece))
}

/// Returns the lines (from 1) of the old text that differ.
pub(super) fn changed_lines(old: &str, new: &str) -> RangeInclusive<u32> {
    let head = common(old.bytes(), new.bytes());
    let most = old.len().min(new.len()) - head;
    let tail = common(old.bytes().rev(), new.bytes().rev()).min(most);
    let line = |at: usize| {
        let before = old.as_bytes().get(..at).unwrap_or_default();
        let lines = before.iter().filter(|c| **c == b'\n').count();
        u32::try_from(lines).unwrap_or(u32::MAX - 1) + 1
    };
    line(head)..=line(old.len() - tail)
}

fn range(start: usize, end: usize) -> Option<Range<usize>> {
    (start <= end).then_some(start..end)
}

fn common(a: impl Iterator<Item = u8>, b: impl Iterator<Item = u8>) -> usize {
    a.zip(b).take_while(|(a, b)| a == b).count()
}

/// Tells whether a declaration may begin with the line at `at`, which follows a blank one.
fn is_seam(text: &str, at: usize) -> bool {
    let first = text.as_bytes().get(at);
    let before = text.get(..at).unwrap_or_default();
    let blank_before = before.ends_with("\n\n") || before.ends_with("\n\r\n");
    let begins = first.is_some_and(|c| {
        !c.is_ascii_whitespace() && !matches!(c, b'}' | b')' | b']' | b'{' | b'*')
    });
    blank_before && begins
}

/// Returns the last seam whose whole line lies before `end`; the beginning where there is none.
fn seam_before(text: &str, end: usize) -> Option<usize> {
    let head = text.as_bytes().get(..end)?;
    let mut line_end = head.iter().rposition(|c| *c == b'\n')?;
    loop {
        let start = head.get(..line_end)?.iter().rposition(|c| *c == b'\n').map_or(0, |at| at + 1);
        if start == 0 || is_seam(text, start) {
            return Some(start);
        }
        if end - start > MOST_BYTES {
            return None;
        }
        line_end = start - 1;
    }
}

/// Returns the first seam from `start` on, where only what did not change follows; the end where there is none.
fn seam_after(text: &str, start: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = start;
    loop {
        let Some(line_end) = bytes.get(at..)?.iter().position(|c| *c == b'\n') else {
            return Some(text.len());
        };
        at += line_end + 1;
        // The blank line before it must not have changed either.
        if at > start + 2 && is_seam(text, at) {
            return Some(at);
        }
        if at - start > MOST_BYTES {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_ends_between_declarations() {
        let item = |i: usize| format!("fn f{i}() {{\n    let x = {i};\n\n    g(x);\n}}\n\n");
        let old: String = (0..2_000).map(item).collect();
        let new = old.replacen("let x = 700;", "let xx = 701;", 1);
        let (before, after) = around(&old, &new).unwrap();
        assert_eq!(before, item(700));
        assert_eq!(after, item(700).replace("x = 700", "xx = 701"));
        assert_eq!(around("a", "b"), None);
        assert_eq!(around(&old, &old).map(|(a, b)| a == b), Some(true));
        assert_eq!(around(&old, &"x".repeat(30_000)), None);
    }
}
