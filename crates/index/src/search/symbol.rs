//! Searching the names of definitions.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use distiq_base::nearest::nearest_within;
use distiq_ml::words::is_stop;

use super::{Hit, Lexical, Query, Wanted, lexical, within};
use crate::error::IndexError;
use crate::rank::Weights;
use crate::segment::{NAME, Postings};
use crate::snapshot::Snapshot;
use crate::words::{Analyzer, parts, tokens};

/// Most names that begin like the one that is searched.
const MAX_PREFIXED: usize = 500;
/// What a name is worth that is the searched one, or begins with it; words of it are worth less.
const SAME: f32 = 100.0;
const PREFIX: f32 = 50.0;
const NEAR: f32 = 25.0;
/// Letters by which a name is taken for the searched one though others hold some of its words.
const SLIPS: usize = 2;
/// So many of the best names by words are looked at for all of them.
const LOOKED_AT: usize = 20;
/// Most names that are nearly the searched one.
const MAX_NEAR: usize = 8;
/// What stands before a name where it is defined.
const KEYWORDS: [&str; 26] = [
    "abstract",
    "async",
    "class",
    "const",
    "def",
    "enum",
    "export",
    "final",
    "fn",
    "fun",
    "func",
    "function",
    "impl",
    "interface",
    "let",
    "macro_rules!",
    "method",
    "mut",
    "private",
    "protected",
    "pub",
    "public",
    "static",
    "struct",
    "trait",
    "type",
];

/// What stands behind a name where it is defined.
const BEHIND: [&str; 9] =
    [" struct", " interface", " extends ", " implements ", " for ", " where ", " =", "<", "{"];

/// Counts words in names and classes alone.
const NAMES: Weights = Weights {
    k1: 2.0,
    fields: [4.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    lengths: [0.75, 0.75, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
};

pub(super) fn search(
    snapshot: &Snapshot,
    query: &Query<'_>,
    limit: usize,
) -> Result<Vec<Hit>, IndexError> {
    let name = bare(query.text());
    let (class, last) = parted(name);
    if last.is_empty() {
        return Ok(Vec::new());
    }
    let mut found: Vec<(u32, f32, &str)> = Vec::new();
    for (number, is_same) in named(snapshot, &last.to_lowercase())? {
        found.push(match is_same {
            true => (number, SAME, "its name"),
            false => (number, PREFIX, "its name begins so"),
        });
    }
    let terms = lexical::terms(&Analyzer::default(), name);
    let lexical = Lexical::read(snapshot, &terms, &NAMES)?;
    let mut by_words = lexical.best(snapshot, 4 * limit);
    let known: HashSet<u32> = found.iter().map(|(number, ..)| *number).collect();
    by_words.retain(|(number, score)| *score > 0.0 && !known.contains(number));
    if found.is_empty() && !holds_all(snapshot, name, &by_words)? {
        // Beside names that hold some of its words only a slip or two are forgiven.
        let farthest = if by_words.is_empty() { usize::MAX } else { SLIPS };
        for near in nearly(snapshot, &last.to_lowercase(), farthest)? {
            let same = named(snapshot, &near)?.into_iter().filter(|(_, is_same)| *is_same);
            found.extend(same.map(|(number, _)| (number, NEAR, "its name is nearly so")));
        }
        by_words.retain(|(number, _)| !found.iter().any(|(other, ..)| other == number));
    }
    // The more words, the more they are worth, but never as much as the name.
    let words = |score: f32| NEAR * score / (NEAR + score);
    found.extend(by_words.iter().map(|(at, score)| (*at, words(*score), "words of its name")));
    let mut seen = BTreeSet::new();
    found.retain(|(number, ..)| seen.insert(*number));
    let wanted = Wanted::of(snapshot, query)?;
    let mut hits = Vec::new();
    for (number, score, reason) in found {
        let hit = snapshot.hit(number, score, vec![reason.to_owned()])?;
        hits.push(hit);
    }
    for hit in within::definitions(snapshot, last, &hits)? {
        hits.push(Hit { score: SAME, reasons: vec!["its name".to_owned()], ..hit });
    }
    let mut shown = Vec::with_capacity(hits.len());
    for mut hit in hits {
        if !wanted.shows(&hit.path, || Ok(hit.name.clone()))? {
            continue;
        }
        if hit.name == last {
            hit.score += 10.0;
        }
        let of = hit.class.rsplit('.').next().unwrap_or_default();
        if !class.is_empty() && class.rsplit(['.', ':']).next() == Some(of) {
            hit.score += 20.0;
        }
        shown.push(hit);
    }
    let key = |hit: &Hit| (hit.path.len(), hit.path.clone(), hit.start_line);
    shown.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| key(a).cmp(&key(b))));
    shown.truncate(limit);
    Ok(shown)
}

/// Returns the name that a search for a symbol looks for: `total` of `def Cart.total(self)`.
pub fn searched_name(text: &str) -> &str {
    parted(bare(text)).1
}

/// Returns the class and the name of `Class.method`, `module::function`: the last part is the name, what stands before it the class.
fn parted(name: &str) -> (&str, &str) {
    match name.rsplit_once(['.', ':', '#']) {
        Some((class, last)) if !last.is_empty() => (class.trim_end_matches(':'), last),
        _ => ("", name),
    }
}

/// Returns a name without the words and the parameters that stand around it in code: `pub fn parse(text: &str)`.
fn bare(text: &str) -> &str {
    let mut rest = text.trim();
    while let Some((word, name)) = rest.split_once(char::is_whitespace) {
        if !KEYWORDS.contains(&word) || name.trim().is_empty() {
            break;
        }
        rest = name.trim_start();
    }
    let is_head = rest.len() < text.trim().len();
    // The receiver of a method of Go.
    if is_head && let Some((_, name)) = rest.strip_prefix('(').and_then(|it| it.split_once(')')) {
        rest = name.trim_start();
    }
    let end = rest.find('(').filter(|at| *at > 0).unwrap_or(rest.len());
    let name = rest.get(..end).unwrap_or(rest).trim_end();
    if !is_head {
        return name;
    }
    let ends = BEHIND.iter().filter_map(|behind| name.find(behind)).filter(|at| *at > 0);
    name.get(..ends.min().unwrap_or(name.len())).unwrap_or(name).trim_end()
}

/// Tells whether a chunk has all words of a name in its own name or that of its class: then they are meant as they are.
fn holds_all(snapshot: &Snapshot, name: &str, chunks: &[(u32, f32)]) -> Result<bool, IndexError> {
    let analyzer = Analyzer::default();
    let words = |text: &str| -> BTreeSet<String> {
        let parts = tokens(text).flat_map(parts).map(str::to_lowercase);
        parts.filter(|part| !is_stop(part)).map(|part| analyzer.stem(&part)).collect()
    };
    let asked = words(name);
    for (number, _) in chunks.iter().take(LOOKED_AT) {
        let chunk = snapshot.chunk(*number)?;
        let held = words(&format!("{} {}", chunk.name, chunk.class));
        if asked.is_subset(&held) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns names that are nearly one in lower case, the nearest first, of those that differ in at most `farthest` letters.
fn nearly(snapshot: &Snapshot, name: &str, farthest: usize) -> Result<Vec<String>, IndexError> {
    let prefix = NAME.to_string();
    let mut known = Vec::new();
    for part in snapshot.parts() {
        for called in part.segment.terms().with_prefix(&prefix) {
            known.push(called?.0);
        }
    }
    let names = known.iter().filter_map(|term| term.strip_prefix(NAME));
    let near = nearest_within(farthest, name, names, MAX_NEAR);
    Ok(near.into_iter().map(str::to_owned).collect())
}

/// Returns the chunks whose name is, or begins with, `name` in lower case, and which of both.
pub(super) fn named(snapshot: &Snapshot, name: &str) -> Result<Vec<(u32, bool)>, IndexError> {
    let mut found = Vec::new();
    if name.is_empty() {
        return Ok(found);
    }
    let term = format!("{NAME}{name}");
    // By name, those of each segment that something alive has.
    let mut called: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
    for part in snapshot.parts() {
        let mut own = 0;
        for found in part.segment.terms().with_prefix(&term) {
            let (text, place) = found?;
            let bytes = part.segment.list(place)?;
            let chunks = Postings::new(&bytes).filter(|found| part.holds(found.document));
            let mut chunks =
                chunks.map(|found| part.base.saturating_add(found.document)).peekable();
            if chunks.peek().is_some() {
                called.entry(text).or_default().extend(chunks);
                own += 1;
            }
            if own == MAX_PREFIXED {
                break;
            }
        }
    }
    for (text, chunks) in called.into_iter().take(MAX_PREFIXED) {
        found.extend(chunks.into_iter().map(|chunk| (chunk, text == term)));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_of_definitions_give_their_names() {
        for (text, expected) in [
            ("parse_cookie", ("", "parse_cookie")),
            ("pub fn parse<T>(text: &str)", ("", "parse")),
            ("func (r *Repository) Push(o *Options) error", ("", "Push")),
            ("type Commit struct", ("", "Commit")),
            ("class AxiosError<T = unknown> extends Error {", ("", "AxiosError")),
            ("public final class Foo implements Bar", ("", "Foo")),
            ("let mut total = 0", ("", "total")),
            ("def Cart.total(self)", ("Cart", "total")),
            ("parse a < b", ("", "parse a < b")),
            ("", ("", "")),
        ] {
            assert_eq!(parted(bare(text)), expected, "{text}");
        }
    }
}
