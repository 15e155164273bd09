//! Definitions that lie within another's chunk: short functions, and classes, inside functions.

use std::collections::HashSet;

use super::{Hit, NO_CHUNK};
use crate::error::IndexError;
use crate::snapshot::Snapshot;

/// Kinds that are found by their names where they are chunks alone: a name has a great many of them.
const PARTS: [&str; 10] = [
    "const",
    "field",
    "key",
    "module",
    "namespace",
    "package",
    "property",
    "static",
    "variable",
    "variant",
];

/// Most files that are looked through.
const MOST_FILES: usize = 1_000;

/// Returns the definitions of a name, as it is written, that are none of the hits; those of the first thousand files that have it.
pub(super) fn definitions(
    snapshot: &Snapshot,
    name: &str,
    hits: &[Hit],
) -> Result<Vec<Hit>, IndexError> {
    // Of a class with members the chunk is the head alone.
    let of_name = hits.iter().filter(|hit| hit.name == name);
    let known: HashSet<(&str, u32)> =
        of_name.map(|hit| (hit.path.as_str(), hit.start_line)).collect();
    let mut found = Vec::new();
    for file in snapshot.files_that_mention(name)?.into_iter().take(MOST_FILES) {
        for unit in file.facts()?.units {
            if unit.name != name
                || PARTS.contains(&unit.kind.as_str())
                || known.contains(&(file.path, unit.start_line))
            {
                continue;
            }
            found.push(Hit {
                number: NO_CHUNK,
                path: file.path.to_owned(),
                start_line: unit.start_line,
                end_line: unit.end_line,
                kind: unit.kind,
                name: unit.name,
                class: unit.class.unwrap_or_default(),
                signature: unit.signature,
                score: 0.0,
                reasons: Vec::new(),
            });
        }
    }
    Ok(found)
}
