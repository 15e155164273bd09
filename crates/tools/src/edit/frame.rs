//! Tells whose indentation a new text is written in, where the old text's is not the file's.

use std::cmp::Ordering;

use super::block::Solid;
use super::indents::{Indents, columns};

/// Whose indentation the new text is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// The old text's.
    Old,
    /// The file's.
    File,
}

/// The lines of the old text, of the new one, and of the file at the old one's place.
pub(super) struct Texts<'a> {
    pub(super) old: &'a [Solid<'a>],
    pub(super) new: &'a [Solid<'a>],
    pub(super) file: &'a [Solid<'a>],
}

/// Finds the frame; `None` where it cannot be told and matters.
///
/// `aligned` tells for each line of the new text the one of the old that it was.
pub(super) fn find(
    indents: &Indents,
    texts: &Texts<'_>,
    aligned: &[Option<usize>],
) -> Option<Frame> {
    if texts.new.is_empty() {
        return Some(Frame::Old);
    }
    if let Some(frame) = by_style(texts) {
        return Some(frame);
    }
    let new = outline(texts.new);
    // A text seldom goes left of the one that it replaces; lines that come into a new block are a step
    // further right, which is easily taken for the file's own indentation.
    match (new.margin >= outline(texts.old).margin, new.margin >= outline(texts.file).margin) {
        (true, false) => return Some(Frame::Old),
        (false, true) => return Some(Frame::File),
        _ => {}
    }
    let (old, file) = votes(indents, texts, aligned);
    let by_lines = old.cmp(&file);
    let by_outline = likeness(&new, texts.old).cmp(&likeness(&new, texts.file));
    match by_lines.then(by_outline).then_with(|| by_indents(texts)) {
        Ordering::Greater => Some(Frame::Old),
        Ordering::Less => Some(Frame::File),
        // Where both say the same it does not matter.
        Ordering::Equal => {
            let mut lines = texts.new.iter().map(|line| line.indent);
            lines.all(|line| indents.map(line).as_deref() == Some(line)).then_some(Frame::Old)
        }
    }
}

/// Tells the frame where only one of them is written with tabs.
fn by_style(texts: &Texts<'_>) -> Option<Frame> {
    let tabs = |lines: &[Solid<'_>]| {
        let mut indented = lines.iter().map(|line| line.indent).filter(|blanks| !blanks.is_empty());
        let first = indented.next()?.contains('\t');
        indented.all(|blanks| blanks.contains('\t') == first).then_some(first)
    };
    let (old, new, file) = (tabs(texts.old)?, tabs(texts.new)?, tabs(texts.file)?);
    (old != file).then_some(if new == old { Frame::Old } else { Frame::File })
}

/// Compares how many lines of the new text have an indentation that only the old text has, or only the file.
fn by_indents(texts: &Texts<'_>) -> Ordering {
    let has = |lines: &[Solid<'_>], blanks: &str| lines.iter().any(|line| line.indent == blanks);
    let only = |one: &[Solid<'_>], other: &[Solid<'_>]| {
        let lines = texts.new.iter().map(|line| line.indent);
        lines.filter(|blanks| has(one, blanks) && !has(other, blanks)).count()
    };
    only(texts.old, texts.file).cmp(&only(texts.file, texts.old))
}

/// Counts the lines of the new text that stand where the old text has them, and where the file has.
fn votes(indents: &Indents, texts: &Texts<'_>, aligned: &[Option<usize>]) -> (usize, usize) {
    let (mut old_votes, mut file_votes) = (0, 0);
    for (new, old) in texts.new.iter().zip(aligned) {
        let Some(old) = old.filter(|i| !(indents.first_is_bare && *i == 0)) else { continue };
        let (Some(was), Some(is)) = (texts.old.get(old), texts.file.get(old)) else { continue };
        // A bracket of its own is like any other.
        if was.indent != is.indent && new.body.contains(char::is_alphanumeric) {
            old_votes += usize::from(was.indent == new.indent);
            file_votes += usize::from(is.indent == new.indent);
        }
    }
    (old_votes, file_votes)
}

/// How a text stands on the page.
struct Outline<'a> {
    begins: &'a str,
    /// The columns of its first line and of the leftmost one.
    first: usize,
    margin: usize,
}

fn outline<'a>(lines: &[Solid<'a>]) -> Outline<'a> {
    let begins = lines.first().map_or("", |line| line.indent);
    let margin = lines.iter().map(|line| columns(line.indent, 4)).min().unwrap_or(0);
    Outline { begins, first: columns(begins, 4), margin }
}

fn likeness(new: &Outline<'_>, lines: &[Solid<'_>]) -> usize {
    let other = outline(lines);
    let same = [new.begins == other.begins, new.first == other.first, new.margin == other.margin];
    same.into_iter().filter(|same| *same).count()
}
