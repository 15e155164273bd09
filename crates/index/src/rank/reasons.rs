//! Why a chunk was found, in words.

use super::query::Query;
use crate::chunk::FIELDS;

/// Most reasons of a hit.
const MAX_REASONS: usize = 6;
const FIELD_NAMES: [&str; FIELDS] =
    ["name", "class", "signature", "path", "documentation", "code", "string", "comment"];

/// Returns what the request names of a chunk, then its rarest terms with the best field that holds each.
pub(crate) fn of(query: &Query, counts: &[[u8; FIELDS]], named: &[(&str, bool)]) -> Vec<String> {
    let named = named.iter().filter(|(_, is)| *is).map(|(reason, _)| (*reason).to_owned());
    let words = query.terms.iter().zip(counts).filter_map(|(term, counts)| {
        let (_, field) = counts.iter().zip(FIELD_NAMES).find(|(count, _)| **count > 0)?;
        Some(format!("{field} `{}`", term.word))
    });
    named.chain(words).take(MAX_REASONS).collect()
}
