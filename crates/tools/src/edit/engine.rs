//! The edit engine: a text and edits in, the new text or refusals out; touches no file.
//!
//! An edit is applied only where its place is certain. Matching goes in steps: exact; blanks at line
//! ends, one shift of the indentation, tabs or spaces, typographic punctuation, blank lines; then by
//! likeness. A step applies only where its best place beats every other one by a margin. What the
//! new text keeps of the old one stays as the file has it.

use std::ops::Range;

use super::block::Block;
use super::closest;
use super::exact;
use super::hunk::{self, Hunk};
use super::lines::{Ending, Lines, slice};
use super::merge;
use super::page::Page;
use super::partial;
use super::placeholder;
use super::places::{self, Unsure};
use crate::outcome::Closest;

/// One edit of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Replaces the only place of a text.
    Replace {
        /// The old text.
        search: String,
        /// The new one.
        replace: String,
    },
    /// Applies a piece of a patch.
    Hunk(Hunk),
}

/// How far an edit's old text may be from the file's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tolerance {
    /// Line ends only.
    Exact,
    /// Blanks, punctuation that looks alike, and a few wrong characters.
    Near,
}

/// A text with its edits applied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edited {
    /// The new text.
    pub text: String,
    /// Lines added.
    pub added: usize,
    /// Lines removed.
    pub removed: usize,
    /// What was corrected on the way, such as "re-indented by -2".
    pub notes: Vec<String>,
}

/// Why one of the edits cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which edit, from 0.
    pub index: usize,
    /// Why.
    pub why: Why,
    /// The places that nearly match.
    pub closest: Vec<Closest>,
}

/// The reasons not to apply an edit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The old text is nowhere; the new one may already be, at this line (from 1).
    NotFound {
        /// Where the new text already stands.
        already_at: Option<usize>,
    },
    /// The old text is at all these lines (from 1).
    Ambiguous(Vec<usize>),
    /// The old text is nowhere exactly, and too much like several places, at these lines (from 1).
    Alike(Vec<usize>),
    /// Old and new are the same.
    Identical,
    /// There is no old text, but the file has one.
    EmptySearch,
    /// It changes lines that another edit (from 0) changes.
    Overlap(usize),
    /// A line of the new text stands for code that was left out.
    Placeholder(String),
}

/// Where an edit goes and what it puts there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Located {
    pub(super) range: Range<usize>,
    pub(super) text: String,
    pub(super) notes: Vec<String>,
}

/// Applies edits, all or none; their old texts are looked for in `original`, not in each other's results.
///
/// # Errors
/// Every edit that cannot be applied; the others would be fine.
pub fn apply(original: &str, edits: &[Edit], tolerance: Tolerance) -> Result<Edited, Vec<Failure>> {
    let page = Page::new(original);
    let lines = &page.lines;
    let mut located = Vec::new();
    let mut failures = Vec::new();
    for (index, edit) in edits.iter().enumerate() {
        let found = match edit {
            Edit::Replace { search, replace } => locate(&page, search, replace, tolerance),
            Edit::Hunk(hunk) => hunk::locate(&page, hunk, tolerance),
        };
        match found.and_then(|l| complete(original, l)) {
            Ok(found) => located.push((index, found)),
            Err(why) => {
                let closest = closest_places(lines, edit, &why);
                failures.push(Failure { index, why, closest });
            }
        }
    }
    located.sort_by_key(|(index, found)| (found.range.start, found.range.end, *index));
    for (before, after) in located.iter().zip(located.iter().skip(1)) {
        let same_spot = before.1.range.is_empty() && before.1.range == after.1.range;
        if before.1.range.end > after.1.range.start && !same_spot {
            let why = Why::Overlap(before.0);
            failures.push(Failure { index: after.0, why, closest: Vec::new() });
        }
    }
    if failures.is_empty() { Ok(assemble(original, lines, located)) } else { Err(failures) }
}

fn complete(original: &str, found: Located) -> Result<Located, Why> {
    if slice(original, &found.range) == found.text {
        return Err(Why::Identical);
    }
    match placeholder::find(&found.text, original) {
        Some(line) => Err(Why::Placeholder(line.to_owned())),
        None => Ok(found),
    }
}

fn closest_places(lines: &Lines<'_>, edit: &Edit, why: &Why) -> Vec<Closest> {
    match why {
        Why::NotFound { .. } => {
            let old = match edit {
                Edit::Replace { search, .. } => search.lines().collect::<Vec<_>>(),
                Edit::Hunk(hunk) => hunk.old(),
            };
            closest::find(lines, &old)
        }
        _ => Vec::new(),
    }
}

fn assemble(original: &str, lines: &Lines<'_>, located: Vec<(usize, Located)>) -> Edited {
    let mut edited = Edited::default();
    let mut done = 0;
    for (_, found) in located {
        let (added, removed) = count(original, lines, &found);
        edited.added += added;
        edited.removed += removed;
        edited.text.push_str(slice(original, &(done..found.range.start)));
        edited.text.push_str(&found.text);
        done = found.range.end;
        for note in found.notes {
            if !edited.notes.contains(&note) {
                edited.notes.push(note);
            }
        }
    }
    edited.text.push_str(slice(original, &(done..original.len())));
    edited
}

/// Counts whole lines that come and go, without those at both ends that stay the same.
fn count(original: &str, lines: &Lines<'_>, found: &Located) -> (usize, usize) {
    let first = lines.start(lines.line_at(found.range.start));
    let rest = slice(original, &(found.range.end..original.len()));
    let open = found.range.is_empty() || !slice(original, &found.range).ends_with('\n');
    let tail = if open { rest.lines().next().unwrap_or_default() } else { "" };
    let old = slice(original, &(first..found.range.end)).to_owned() + tail;
    let new = slice(original, &(first..found.range.start)).to_owned() + &found.text + tail;
    let (old, new): (Vec<_>, Vec<_>) = (old.lines().collect(), new.lines().collect());
    let same = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let (old_rest, new_rest) = (old.len() - same, new.len() - same);
    let same_end = old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count();
    let same_end = same_end.min(old_rest).min(new_rest);
    (new_rest - same_end, old_rest - same_end)
}

fn locate(
    page: &Page<'_>,
    search: &str,
    replace: &str,
    tolerance: Tolerance,
) -> Result<Located, Why> {
    let original = page.text;
    if search.is_empty() {
        return match original.trim().is_empty() {
            true => {
                Ok(Located { range: 0..original.len(), text: replace.into(), notes: Vec::new() })
            }
            false => Err(Why::EmptySearch),
        };
    }
    if search == replace {
        return Err(Why::Identical);
    }
    let line = |range: &Range<usize>| page.lines.line_at(range.start);
    if let Some(range) = only(exact::places(original, search), line)? {
        let whole =
            tolerance == Tolerance::Near && is_rather_whole_lines(page, &range, search, replace);
        if let Some(found) =
            Some(()).filter(|()| whole).and_then(|()| near(page, search, replace).ok())
        {
            return Ok(found);
        }
        let text = exact::with_endings(original, &page.lines, &range, replace);
        return Ok(Located { range, text, notes: Vec::new() });
    }
    if tolerance == Tolerance::Exact {
        return Err(not_found(page, replace));
    }
    match near(page, search, replace) {
        Err(Why::NotFound { .. }) => match only(partial::places(page, search), line)? {
            Some(range) => Ok(partial::build(page, range, search, replace)),
            None => Err(not_found(page, replace)),
        },
        found => found,
    }
}

/// Tells whether an old text that is there exactly stands for whole lines all the same: it has some
/// of its line's indentation but not all, or the new text has it all.
fn is_rather_whole_lines(
    page: &Page<'_>,
    range: &Range<usize>,
    search: &str,
    replace: &str,
) -> bool {
    let start = page.lines.start(page.lines.line_at(range.start));
    let before = slice(page.text, &(start..range.start));
    let one_line = !search.trim_end().contains('\n');
    let to_the_end = slice(page.text, &(range.start + search.trim_end().len()..page.text.len()));
    let to_the_end = to_the_end.lines().next().unwrap_or_default().trim().is_empty();
    let mixed = Ending::of(page.text) == Ending::Mixed && search.contains('\n');
    if before.is_empty() {
        return mixed && to_the_end_of_line(page, range);
    }
    let indented = before.trim().is_empty() && one_line && to_the_end;
    let new = replace.get(..replace.len() - replace.trim_start_matches([' ', '\t']).len());
    let redoubled = new == Some(before) && search.trim() != replace.trim();
    !replace.trim().is_empty() && indented && (search.starts_with([' ', '\t']) || redoubled)
}

fn to_the_end_of_line(page: &Page<'_>, range: &Range<usize>) -> bool {
    let rest = slice(page.text, &(range.end..page.text.len()));
    slice(page.text, range).ends_with('\n') || rest.is_empty() || rest.starts_with(['\r', '\n'])
}

/// Finds the place of whole lines that are not there exactly.
pub(super) fn near(page: &Page<'_>, search: &str, replace: &str) -> Result<Located, Why> {
    near_where(page, search, replace, |_| None)
}

/// As [`near`]; `decide` may tell which of several equal places (by their lines, from 0) is meant.
pub(super) fn near_where(
    page: &Page<'_>,
    search: &str,
    replace: &str,
    decide: impl Fn(&[usize]) -> Option<usize>,
) -> Result<Located, Why> {
    let (old, new) = (Block::new(search), Block::new(replace));
    let hints: Vec<&str> = new.solid.iter().map(|line| line.indent).collect();
    let decide = |places: &[usize]| {
        let lines: Vec<usize> = places.iter().map(|first| page.number(*first)).collect();
        places.get(decide(&lines)?).copied()
    };
    let lines = |places: &[usize]| places.iter().map(|first| page.number(*first) + 1).collect();
    let place = match places::find(page, &old, &hints, decide) {
        Ok(place) => place,
        Err(Unsure::Nowhere) => return Err(not_found(page, replace)),
        Err(Unsure::Several(all)) => return Err(Why::Ambiguous(lines(&all))),
        Err(Unsure::Alike(all)) => return Err(Why::Alike(lines(&all))),
    };
    let merged = merge::merge(page, &place, &old, &new).ok_or_else(|| not_found(page, replace))?;
    Ok(Located { range: merged.range, text: merged.text, notes: merged.notes })
}

pub(super) fn not_found(page: &Page<'_>, replace: &str) -> Why {
    /// Shorter new texts are anywhere.
    const LEAST_TELLING: usize = 8;
    let new = Block::new(replace);
    let telling = new.solid.iter().map(|line| line.body.len()).sum::<usize>() >= LEAST_TELLING;
    let place = places::same_places(page, &new).first().copied().filter(|_| telling);
    let line = place.map(|first| page.number(first)).or_else(|| {
        let places = exact::places(page.text, replace);
        places.first().filter(|_| telling).map(|range| page.lines.line_at(range.start))
    });
    Why::NotFound { already_at: line.map(|line| line + 1) }
}

/// Returns the only place, none, or a refusal that names the lines of all.
pub(super) fn only<P>(places: Vec<P>, line: impl Fn(&P) -> usize) -> Result<Option<P>, Why> {
    if places.len() > 1 {
        return Err(Why::Ambiguous(places.iter().map(|place| line(place) + 1).collect()));
    }
    Ok(places.into_iter().next())
}
