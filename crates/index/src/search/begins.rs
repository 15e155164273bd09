//! Terms that begin like a word that nothing holds: who types `semicol` means `semicolon`.

use std::collections::BTreeMap;

use super::lexical::{Tables, push_list};
use crate::error::IndexError;
use crate::snapshot::Snapshot;

/// Fewest letters of a word that stands for longer ones.
const LEAST: usize = 3;
/// Most terms that it stands for, the first in their order.
const MOST: usize = 100;
/// Fewest letters of a term that is shorter than the word, since terms are stems: `configur` for `configurat`.
const LEAST_STEM: usize = 5;
/// What stems are cut off from; a word that was not typed to its end has a part of it.
const ENDINGS: [&str; 12] = [
    "able", "ability", "aliz", "ally", "ation", "ement", "ently", "ing", "ions", "ious", "ively",
    "ization",
];

/// Returns the chunks that hold a term which begins like a word in lower case, by rising number, each with the terms' weighted
/// frequency and their fields.
pub(super) fn holders(
    snapshot: &Snapshot,
    word: &str,
    tables: &Tables,
) -> Result<Vec<(u32, f32, u8)>, IndexError> {
    if word.chars().count() < LEAST {
        return Ok(Vec::new());
    }
    let found = with_prefix(snapshot, word, tables)?;
    if !found.is_empty() {
        return Ok(found);
    }
    // Shorter and shorter, until something begins so.
    for (end, _) in word.char_indices().rev() {
        let (stem, rest) = word.split_at(end);
        if stem.chars().count() < LEAST_STEM {
            break;
        }
        if ENDINGS.iter().any(|ending| ending.starts_with(rest)) {
            let mut exact = Vec::new();
            for part in snapshot.parts() {
                push_list(part, stem, tables, &mut exact)?;
            }
            if !exact.is_empty() {
                return Ok(exact);
            }
        }
    }
    Ok(Vec::new())
}

fn with_prefix(
    snapshot: &Snapshot,
    word: &str,
    tables: &Tables,
) -> Result<Vec<(u32, f32, u8)>, IndexError> {
    // By term, so that the first of all parts are taken, however many parts there are.
    let mut by_term: BTreeMap<&str, Vec<(u32, f32, u8)>> = BTreeMap::new();
    for part in snapshot.parts() {
        let mut own = 0;
        for term in part.segment.terms().with_prefix(word) {
            let mut chunks = Vec::new();
            let (text, _) = term?;
            push_list(part, text, tables, &mut chunks)?;
            if chunks.iter().any(|(_, frequency, _)| *frequency > 0.0) {
                by_term.entry(text).or_default().extend(chunks);
                own += 1;
            }
            if own == MOST {
                break;
            }
        }
    }
    let mut all: BTreeMap<u32, (f32, u8)> = BTreeMap::new();
    for (number, frequency, mask) in by_term.into_values().take(MOST).flatten() {
        let (sum, fields) = all.entry(number).or_default();
        *sum += frequency;
        *fields |= mask;
    }
    Ok(all.into_iter().map(|(number, (frequency, mask))| (number, frequency, mask)).collect())
}
