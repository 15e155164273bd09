//! The edit engine: a text and edits in, the new text or refusals out; touches no file.
//!
//! An edit is applied only where its place is certain. Matching goes in steps, from exact to
//! tolerant; the first step with any place decides, and more than one place there is a refusal.

use std::ops::Range;

use super::closest;
use super::hunk::{self, Hunk};
use super::lines::{Ending, LastEnd, Lines, indent, slice};
use super::placeholder;
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
    /// Blanks at line ends, and one indentation shift for all lines.
    Blanks,
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
    pub(super) note: Option<String>,
}

/// Applies edits, all or none; their old texts are looked for in `original`, not in each other's results.
///
/// # Errors
/// Every edit that cannot be applied; the others would be fine.
pub fn apply(original: &str, edits: &[Edit], tolerance: Tolerance) -> Result<Edited, Vec<Failure>> {
    let lines = Lines::new(original);
    let mut located = Vec::new();
    let mut failures = Vec::new();
    for (index, edit) in edits.iter().enumerate() {
        let found = match edit {
            Edit::Replace { search, replace } => {
                locate(original, &lines, search, replace, tolerance)
            }
            Edit::Hunk(hunk) => hunk::locate(original, &lines, hunk, tolerance),
        };
        match found.and_then(|l| complete(original, l)) {
            Ok(found) => located.push((index, found)),
            Err(why) => {
                let closest = closest_places(&lines, edit, &why);
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
    if failures.is_empty() { Ok(assemble(original, &lines, located)) } else { Err(failures) }
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
        if let Some(note) = found.note.filter(|note| !edited.notes.contains(note)) {
            edited.notes.push(note);
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
    original: &str,
    lines: &Lines<'_>,
    search: &str,
    replace: &str,
    tolerance: Tolerance,
) -> Result<Located, Why> {
    if search.is_empty() {
        return match original.trim().is_empty() {
            true => Ok(Located { range: 0..original.len(), text: replace.into(), note: None }),
            false => Err(Why::EmptySearch),
        };
    }
    if search == replace {
        return Err(Why::Identical);
    }
    let exact = exact_places(original, search);
    let exact = if exact.is_empty() { any_ending_places(original, search) } else { exact };
    if let Some(range) = only(exact, |range| lines.line_at(range.start))? {
        let text = with_endings(original, lines, &range, replace);
        return Ok(Located { range, text, note: None });
    }
    let wanted: Vec<&str> = search.lines().collect();
    if tolerance == Tolerance::Exact || wanted.iter().all(|line| line.trim().is_empty()) {
        return Err(not_found(original, lines, replace));
    }
    let last_end = if search.ends_with('\n') { LastEnd::With } else { LastEnd::Without };
    for step in [blank_places, shifted_places] {
        let Some(place) = only(step(lines, &wanted), |place| place.line)? else { continue };
        let range = lines.block(place.line, place.line + wanted.len(), last_end);
        let Some(new) = place.shift.apply(replace) else { continue };
        let mut text = with_endings(original, lines, &range, &new);
        // The file ends without a line end there, and goes on doing so.
        if last_end == LastEnd::With && !slice(original, &range).ends_with('\n') {
            text = text.strip_suffix('\n').map(|t| t.trim_end_matches('\r').into()).unwrap_or(text);
        }
        return Ok(Located { range, text, note: place.shift.note() });
    }
    Err(not_found(original, lines, replace))
}

fn not_found(original: &str, lines: &Lines<'_>, replace: &str) -> Why {
    let telling = replace.trim().len() >= 8;
    let place = exact_places(original, replace).into_iter().next().filter(|_| telling);
    Why::NotFound { already_at: place.map(|range| lines.line_at(range.start) + 1) }
}

/// Returns the only place, none, or a refusal that names the lines of all.
pub(super) fn only<P>(places: Vec<P>, line: impl Fn(&P) -> usize) -> Result<Option<P>, Why> {
    if places.len() > 1 {
        return Err(Why::Ambiguous(places.iter().map(|place| line(place) + 1).collect()));
    }
    Ok(places.into_iter().next())
}

/// Finds every place of a text, overlapping ones too.
fn exact_places(text: &str, wanted: &str) -> Vec<Range<usize>> {
    let mut places = Vec::new();
    if wanted.is_empty() {
        return places;
    }
    let finder = memchr::memmem::Finder::new(wanted);
    let mut from = 0;
    while let Some(at) = text.as_bytes().get(from..).and_then(|rest| finder.find(rest)) {
        places.push(from + at..from + at + wanted.len());
        from += at + 1;
    }
    places
}

/// Finds every place of a text where `\r\n` and `\n` are the same.
fn any_ending_places(text: &str, wanted: &str) -> Vec<Range<usize>> {
    if !text.contains("\r\n") && !wanted.contains("\r\n") {
        return Vec::new();
    }
    let mut returns = Vec::new();
    let mut plain = String::with_capacity(text.len());
    for part in text.split_inclusive("\r\n") {
        match part.strip_suffix("\r\n") {
            Some(line) => {
                plain.push_str(line);
                returns.push(plain.len());
                plain.push('\n');
            }
            None => plain.push_str(part),
        }
    }
    // A `\r` that was dropped at a place lies before that place's `\n`.
    let back = |at: usize| at + returns.partition_point(|dropped| *dropped < at);
    exact_places(&plain, &wanted.replace("\r\n", "\n"))
        .into_iter()
        .map(|range| back(range.start)..back(range.end))
        .collect()
}

/// Gives a new text the line ends of the place it goes to.
pub(super) fn with_endings(
    original: &str,
    lines: &Lines<'_>,
    range: &Range<usize>,
    new: &str,
) -> String {
    let whole = Ending::of(original);
    let ending = if whole == Ending::Mixed {
        let within = Ending::of(slice(original, range));
        if within != Ending::None {
            return within.apply(new);
        }
        let first = lines.line_at(range.start);
        let last = lines.line_at(range.end.saturating_sub(1).max(range.start));
        Ending::of(slice(original, &lines.block(first, last + 1, LastEnd::With)))
    } else {
        whole
    };
    ending.apply(new)
}

/// A place of whole lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LinePlace {
    /// The first line, from 0.
    pub(super) line: usize,
    /// What the new text's indentation needs.
    pub(super) shift: Shift,
}

/// What is done to the indentation of every line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Shift {
    /// Nothing.
    #[default]
    None,
    /// These blanks come first.
    Add(String),
    /// These blanks go.
    Remove(String),
}

impl Shift {
    /// Returns the shift that makes `wanted`'s indentation the one of `actual`.
    fn between(wanted: &str, actual: &str) -> Option<Self> {
        let (from, to) = (indent(wanted), indent(actual));
        if from == to {
            Some(Shift::None)
        } else if let Some(more) = to.strip_suffix(from) {
            Some(Shift::Add(more.to_owned()))
        } else {
            from.strip_suffix(to).map(|less| Shift::Remove(less.to_owned()))
        }
    }

    /// Shifts every line that is not blank; `None` where a line lacks the blanks to remove.
    pub(super) fn apply(&self, text: &str) -> Option<String> {
        let mut shifted = String::with_capacity(text.len());
        for line in text.split_inclusive('\n') {
            match self {
                _ if line.trim().is_empty() => shifted.push_str(line),
                Shift::None => shifted.push_str(line),
                Shift::Add(more) => {
                    shifted.push_str(more);
                    shifted.push_str(line);
                }
                Shift::Remove(less) => shifted.push_str(line.strip_prefix(less.as_str())?),
            }
        }
        Some(shifted)
    }

    /// Says what was done.
    pub(super) fn note(&self) -> Option<String> {
        let (sign, blanks) = match self {
            Shift::None => return None,
            Shift::Add(more) => ('+', more),
            Shift::Remove(less) => ('-', less),
        };
        let tabs = blanks.chars().filter(|c| *c == '\t').count();
        let unit = if tabs == blanks.len() { if tabs == 1 { " tab" } else { " tabs" } } else { "" };
        Some(format!("re-indented by {sign}{}{unit}", blanks.len()))
    }
}

/// Finds the places of whole lines that are the same up to blanks at their ends.
pub(super) fn blank_places(lines: &Lines<'_>, wanted: &[&str]) -> Vec<LinePlace> {
    windows(lines, wanted, |place| {
        place.iter().all(|(want, have)| want.trim_end() == have.trim_end()).then_some(Shift::None)
    })
}

/// Finds the places of whole lines that are the same up to one shift of the indentation.
pub(super) fn shifted_places(lines: &Lines<'_>, wanted: &[&str]) -> Vec<LinePlace> {
    windows(lines, wanted, |place| {
        let mut shift = None;
        for (want, have) in place {
            if want.trim() != have.trim() {
                return None;
            }
            if want.trim().is_empty() {
                continue;
            }
            let here = Shift::between(want, have)?;
            if *shift.get_or_insert_with(|| here.clone()) != here {
                return None;
            }
        }
        shift
    })
}

fn windows(
    lines: &Lines<'_>,
    wanted: &[&str],
    fits: impl Fn(&[(&str, &str)]) -> Option<Shift>,
) -> Vec<LinePlace> {
    // The first line that says something sorts out nearly every place at once.
    let Some((lead, key)) = wanted.iter().enumerate().find(|(_, line)| !line.trim().is_empty())
    else {
        return Vec::new();
    };
    let mut places = Vec::new();
    for line in 0..(lines.len() + 1).saturating_sub(wanted.len()) {
        if lines.get(line + lead).trim() != key.trim() {
            continue;
        }
        let pairs: Vec<_> =
            wanted.iter().enumerate().map(|(i, want)| (*want, lines.get(line + i))).collect();
        if let Some(shift) = fits(&pairs) {
            places.push(LinePlace { line, shift });
        }
    }
    places
}
