//! A piece of a patch: lines that stay, go and come, and hints where.

use super::engine::{Located, Tolerance, Why, near_where, not_found};
use super::lines::{Ending, Lines, indent, slice};
use super::page::Page;

/// One piece of a patch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hunk {
    /// Its lines, in order, without their ends.
    pub lines: Vec<HunkLine>,
    /// Lines that the place lies below, outermost first; decide only between several places.
    pub anchors: Vec<String>,
    /// The old line number (from 1) that the patch tells; decides only between several places.
    pub line: Option<usize>,
    /// Whether it is at the end of the file.
    pub at_end: bool,
}

/// One line of a piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HunkLine {
    /// Stays.
    Keep(String),
    /// Goes.
    Remove(String),
    /// Comes.
    Add(String),
}

impl Hunk {
    /// Returns the lines that must be there.
    pub fn old(&self) -> Vec<&str> {
        let old = self.lines.iter().filter_map(|line| match line {
            HunkLine::Keep(text) | HunkLine::Remove(text) => Some(text.as_str()),
            HunkLine::Add(_) => None,
        });
        old.collect()
    }

    /// Returns the lines that are there afterwards.
    fn new_lines(&self) -> Vec<&str> {
        let new = self.lines.iter().filter_map(|line| match line {
            HunkLine::Keep(text) | HunkLine::Add(text) => Some(text.as_str()),
            HunkLine::Remove(_) => None,
        });
        new.collect()
    }
}

/// Finds the places of the very lines; blank ones too, since a line number may decide between them.
fn exact_places(lines: &Lines<'_>, wanted: &[&str]) -> Vec<usize> {
    (0..(lines.len() + 1).saturating_sub(wanted.len()))
        .filter(|line| wanted.iter().zip(*line..).all(|(want, at)| *want == lines.get(at)))
        .collect()
}

pub(super) fn locate(page: &Page<'_>, hunk: &Hunk, tolerance: Tolerance) -> Result<Located, Why> {
    let old = hunk.old();
    if old.is_empty() {
        return insert(page.text, &page.lines, hunk);
    }
    let places = exact_places(&page.lines, &old);
    if !places.is_empty() {
        let place = choose(&page.lines, hunk, old.len(), &places)?;
        return Ok(build(page.text, &page.lines, hunk, place));
    }
    let (old, new) = (lines_of(&old), lines_of(&hunk.new_lines()));
    if tolerance == Tolerance::Exact {
        return Err(not_found(page, &new));
    }
    let decide = |places: &[usize]| {
        let chosen = choose(&page.lines, hunk, hunk.old().len(), places).ok()?;
        places.iter().position(|place| *place == chosen)
    };
    let found = near_where(page, &old, &new, decide)?;
    let line = page.lines.line_at(found.range.start);
    choose(&page.lines, hunk, hunk.old().len(), &[line])?;
    Ok(found)
}

fn lines_of(lines: &[&str]) -> String {
    lines.iter().flat_map(|line| [*line, "\n"]).collect()
}

/// A piece that only adds, without a line around it.
fn insert(original: &str, lines: &Lines<'_>, hunk: &Hunk) -> Result<Located, Why> {
    let at = match hunk.line {
        // A unified diff without context names the line before.
        Some(line) if line <= lines.len() => lines.start(line),
        _ if hunk.anchors.is_empty() => original.len(),
        _ => return Err(Why::EmptySearch),
    };
    let mut text = String::new();
    let ending = line_end(original);
    if at == original.len() && !original.is_empty() && !original.ends_with('\n') {
        text.push_str(ending);
    }
    for line in &hunk.lines {
        if let HunkLine::Add(line) = line {
            text.push_str(line);
            text.push_str(ending);
        }
    }
    Ok(Located { range: at..at, text, notes: Vec::new() })
}

/// Decides between several places by what the patch tells beside its lines.
fn choose(lines: &Lines<'_>, hunk: &Hunk, length: usize, places: &[usize]) -> Result<usize, Why> {
    let several = places.len() > 1;
    let fits = |place: &usize| {
        if !hunk.anchors.iter().all(|anchor| may_be_below(lines, anchor, *place)) {
            return false;
        }
        if let Some(line) = hunk.line {
            return !several || place + 1 == line;
        }
        if hunk.at_end {
            return !several || place + length == lines.len();
        }
        let in_scope = hunk.anchors.iter().all(|anchor| in_scope(lines, anchor, *place));
        !several || !hunk.anchors.is_empty() && in_scope
    };
    let left: Vec<usize> = places.iter().copied().filter(fits).collect();
    match left.as_slice() {
        [place] => Ok(*place),
        [] if !several => Err(Why::NotFound { already_at: None }),
        _ => Err(Why::Ambiguous(places.iter().map(|place| place + 1).collect())),
    }
}

fn anchor_lines<'a>(lines: &'a Lines<'_>, anchor: &'a str) -> impl Iterator<Item = usize> + 'a {
    let anchor = anchor.trim();
    (0..lines.len()).filter(move |line| lines.get(*line).trim().starts_with(anchor))
}

/// Tells whether a line can be what a patch means that names an anchor: not before it, and in its
/// block where it opens one. An anchor that the file lacks tells nothing.
fn may_be_below(lines: &Lines<'_>, anchor: &str, line: usize) -> bool {
    let mut anchors = anchor_lines(lines, anchor).peekable();
    if anchors.peek().is_none() {
        return true;
    }
    let opens_a_block = |opening: usize| {
        let mut below = (opening + 1..lines.len()).map(|l| lines.get(l));
        let next = below.find(|text| !text.trim().is_empty()).unwrap_or_default();
        indent(next).len() > indent(lines.get(opening)).len()
    };
    let mut before = anchors.filter(|opening| *opening <= line);
    before.any(|opening| !opens_a_block(opening) || is_in_block(lines, opening, line))
}

/// Tells whether a line lies below an anchor, in the block that the anchor opens.
fn in_scope(lines: &Lines<'_>, anchor: &str, line: usize) -> bool {
    anchor_lines(lines, anchor)
        .take_while(|opening| *opening <= line)
        .any(|opening| is_in_block(lines, opening, line))
}

fn is_in_block(lines: &Lines<'_>, opening: usize, line: usize) -> bool {
    let depth = indent(lines.get(opening)).len();
    (opening + 1..line).all(|l| {
        let text = lines.get(l);
        let closes = text.trim_start().starts_with(['}', ')', ']', '{']);
        text.trim().is_empty() || closes || indent(text).len() > depth
    })
}

fn build(original: &str, lines: &Lines<'_>, hunk: &Hunk, place: usize) -> Located {
    let range = lines.block(place, place + hunk.old().len());
    let ending = line_end(slice(original, &range));
    let ending = if Ending::of(slice(original, &range)) == Ending::None {
        line_end(original)
    } else {
        ending
    };
    let mut text = String::new();
    let mut line = place;
    for piece in &hunk.lines {
        match piece {
            HunkLine::Remove(_) => line += 1,
            HunkLine::Keep(_) => {
                let full = slice(original, &lines.full(line));
                text.push_str(full);
                if !full.ends_with('\n') {
                    text.push_str(ending);
                }
                line += 1;
            }
            HunkLine::Add(new) => {
                text.push_str(new);
                text.push_str(ending);
            }
        }
    }
    // The file ends without a line end there, and goes on doing so.
    if !slice(original, &range).ends_with('\n') {
        text.truncate(text.strip_suffix(ending).unwrap_or(&text).len());
    }
    Located { range, text, notes: Vec::new() }
}

fn line_end(text: &str) -> &'static str {
    match Ending::of(text) {
        Ending::Crlf => "\r\n",
        _ => "\n",
    }
}
