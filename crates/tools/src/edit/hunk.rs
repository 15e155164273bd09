//! A piece of a patch: lines that stay, go and come, and hints where.

use super::engine::{LinePlace, Located, Shift, Tolerance, Why, blank_places, shifted_places};
use super::lines::{Ending, LastEnd, Lines, indent, slice};

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
}

/// A way to look for lines.
type Step = fn(&Lines<'_>, &[&str]) -> Vec<LinePlace>;

/// Finds the places of the very lines; blank ones too, since a line number may decide between them.
fn exact_places(lines: &Lines<'_>, wanted: &[&str]) -> Vec<LinePlace> {
    (0..(lines.len() + 1).saturating_sub(wanted.len()))
        .filter(|line| wanted.iter().zip(*line..).all(|(want, at)| *want == lines.get(at)))
        .map(|line| LinePlace { line, shift: Shift::None })
        .collect()
}

pub(super) fn locate(
    original: &str,
    lines: &Lines<'_>,
    hunk: &Hunk,
    tolerance: Tolerance,
) -> Result<Located, Why> {
    let old = hunk.old();
    if old.is_empty() {
        return insert(original, lines, hunk);
    }
    let steps: &[Step] = match tolerance {
        Tolerance::Exact => &[exact_places],
        Tolerance::Blanks => &[exact_places, blank_places, shifted_places],
    };
    for step in steps {
        let places = step(lines, &old);
        if places.is_empty() {
            continue;
        }
        let place = choose(lines, hunk, old.len(), places)?;
        if let Some(found) = build(original, lines, hunk, &place) {
            return Ok(found);
        }
    }
    Err(Why::NotFound { already_at: already(lines, hunk) })
}

fn already(lines: &Lines<'_>, hunk: &Hunk) -> Option<usize> {
    let new: Vec<&str> = hunk
        .lines
        .iter()
        .filter_map(|line| match line {
            HunkLine::Keep(text) | HunkLine::Add(text) => Some(text.as_str()),
            HunkLine::Remove(_) => None,
        })
        .collect();
    let telling = new.iter().map(|line| line.trim().len()).sum::<usize>() >= 8;
    blank_places(lines, &new).first().filter(|_| telling).map(|place| place.line + 1)
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
    Ok(Located { range: at..at, text, note: None })
}

/// Decides between several places by what the patch tells beside its lines.
fn choose(
    lines: &Lines<'_>,
    hunk: &Hunk,
    length: usize,
    places: Vec<LinePlace>,
) -> Result<LinePlace, Why> {
    let all: Vec<usize> = places.iter().map(|place| place.line + 1).collect();
    let fits = |place: &LinePlace| {
        if let Some(line) = hunk.line {
            return place.line + 1 == line;
        }
        if hunk.at_end {
            return place.line + length == lines.len();
        }
        !hunk.anchors.is_empty()
            && hunk.anchors.iter().all(|anchor| in_scope(lines, anchor, place.line))
    };
    let several = places.len() > 1;
    let mut left = places.into_iter().filter(|place| !several || fits(place));
    match (left.next(), left.next()) {
        (Some(place), None) => Ok(place),
        _ => Err(Why::Ambiguous(all)),
    }
}

/// Tells whether a line lies below an anchor, in the block that the anchor opens.
fn in_scope(lines: &Lines<'_>, anchor: &str, line: usize) -> bool {
    let anchor = anchor.trim();
    let is_anchor = |l: usize| {
        let text = lines.get(l).trim();
        text == anchor || text.starts_with(anchor)
    };
    (0..=line).rev().filter(|l| is_anchor(*l)).any(|opening| {
        let depth = indent(lines.get(opening)).len();
        (opening + 1..line).all(|l| {
            let text = lines.get(l);
            let closes = text.trim_start().starts_with(['}', ')', ']', '{']);
            text.trim().is_empty() || closes || indent(text).len() > depth
        })
    })
}

fn build(original: &str, lines: &Lines<'_>, hunk: &Hunk, place: &LinePlace) -> Option<Located> {
    let range = lines.block(place.line, place.line + hunk.old().len(), LastEnd::With);
    let ending = line_end(slice(original, &range));
    let ending = if ending.is_empty() { line_end(original) } else { ending };
    let mut text = String::new();
    let mut line = place.line;
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
                text.push_str(&place.shift.apply(new)?);
                text.push_str(ending);
            }
        }
    }
    // The file ends without a line end there, and goes on doing so.
    if !slice(original, &range).ends_with('\n') {
        text.truncate(text.strip_suffix(ending).unwrap_or(&text).len());
    }
    let note = if place.shift == Shift::None { None } else { place.shift.note() };
    Some(Located { range, text, note })
}

fn line_end(text: &str) -> &'static str {
    match Ending::of(text) {
        Ending::Crlf => "\r\n",
        _ => "\n",
    }
}
