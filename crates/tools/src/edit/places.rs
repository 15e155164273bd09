//! Finds the place of an old text by its lines: first where all say the same, then by likeness.

use super::block::Block;
use super::fold;
use super::fuzzy;
use super::indents::{Indents, Overlook};
use super::lines::slice;
use super::page::Page;

/// Where an old text is, and how it differs from what is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The first of its lines, counted among those that say something.
    pub(super) first: usize,
    /// How the indentation follows; `None` where only lines that are there already can be placed.
    pub(super) indents: Option<Indents>,
    /// How many lines had wrong characters.
    pub(super) typos: usize,
}

/// Why there is no certain place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unsure {
    /// Nothing is like it, or not like it enough.
    Nowhere,
    /// All lines are the same at these places (by their first line, as in [`Place::first`]).
    Several(Vec<usize>),
    /// These places are too much like it.
    Alike(Vec<usize>),
}

/// Finds the only place of `want`; `decide` may tell which one of several equal places is meant.
///
/// `hints` are indentations of the new text.
pub(super) fn find(
    page: &Page<'_>,
    want: &Block<'_>,
    hints: &[&str],
    decide: impl Fn(&[usize]) -> Option<usize>,
) -> Result<Place, Unsure> {
    if want.solid.is_empty() {
        return Err(Unsure::Nowhere);
    }
    let all = same_places(page, want);
    let kept: Vec<usize> =
        all.iter().copied().filter(|first| kept_indents(page, want, *first)).collect();
    let first = match (all.as_slice(), kept.as_slice()) {
        ([], _) => return fuzzy::find(page, want, hints),
        ([only], _) => *only,
        // The others differ in their indentation or their blank lines, and it tells lines apart.
        (_, [only]) if want.solid.len() > 1 => *only,
        _ => decide(&all).ok_or_else(|| Unsure::Several(all.clone()))?,
    };
    if all.len() == 1
        && let Some(other) = repeated(page, want, first)
    {
        return Err(Unsure::Several(vec![first, other]));
    }
    match fit(page, want, first, hints, Overlook::Nothing) {
        Some(indents) => Ok(Place { first, indents: Some(indents), typos: 0 }),
        None if all.len() > 1 => Err(Unsure::Nowhere),
        None => fuzzy::find(page, want, hints).or(Ok(Place { first, indents: None, typos: 0 })),
    }
}

/// Returns the places where every line says the same.
pub(super) fn same_places(page: &Page<'_>, want: &Block<'_>) -> Vec<usize> {
    let keys: Vec<u64> = want.solid.iter().map(|line| fold::key(line.body)).collect();
    let solid = page.solid();
    let windows = solid.windows(keys.len().max(1)).enumerate();
    windows
        .filter(|(_, window)| window.iter().zip(&keys).all(|(have, want)| have.key == *want))
        .map(|(first, _)| first)
        .filter(|first| {
            let lines = want.solid.iter().zip(*first..);
            lines.into_iter().all(|(want, at)| fold::same(want.body, page.line(at).body))
        })
        .collect()
}

/// Tells whether a place has the very indentation and blank lines that are wanted.
fn kept_indents(page: &Page<'_>, want: &Block<'_>, first: usize) -> bool {
    want.solid.iter().enumerate().all(|(i, want)| {
        let have = page.line(first + i);
        want.indent == have.indent && (i == 0 || want.gap == have.gap) && want.body == have.body
    })
}

/// Returns where the file's own text of a place is once more, be it within a line: even the exact old
/// text would be unsure then.
pub(super) fn repeated(page: &Page<'_>, want: &Block<'_>, first: usize) -> Option<usize> {
    let start = page.lines.start(page.number(first));
    let last = page.number(first + want.solid.len().saturating_sub(1));
    let end = page.lines.start(last) + page.lines.get(last).trim_end().len();
    let own = slice(page.text, &(start..end));
    let ends_a_line = |at: usize| {
        let rest = slice(page.text, &(at + own.len()..page.text.len()));
        want.tail == 0 || rest.trim_start_matches([' ', '\t', '\r']).starts_with('\n')
    };
    let mut places = memchr::memmem::find_iter(page.text.as_bytes(), own);
    let other = places.find(|at| *at != start && ends_a_line(*at))?;
    let line = page.lines.line_at(other);
    Some(page.solid().partition_point(|mark| mark.line < line))
}

/// Finds how the indentation of the wanted lines stands to that of a place.
pub(super) fn fit(
    page: &Page<'_>,
    want: &Block<'_>,
    first: usize,
    hints: &[&str],
    overlook: Overlook,
) -> Option<Indents> {
    let pairs = want.solid.iter().enumerate();
    let pairs: Vec<(&str, &str)> =
        pairs.map(|(i, want)| (want.indent, page.line(first + i).indent)).collect();
    Indents::fit(&pairs, hints, page.prefers_tabs(), overlook)
}
