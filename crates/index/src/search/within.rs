//! Definitions that lie within another's chunk: short functions, and classes, inside functions.

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
    let mut found = Vec::new();
    for file in snapshot.files_that_mention(name)?.into_iter().take(MOST_FILES) {
        let of_file: Vec<&Hit> = hits.iter().filter(|hit| hit.path == file.path).collect();
        for unit in file.facts()?.units {
            // Of a class with members the chunk is the head alone.
            let is_hit = |hit: &&Hit| hit.name == name && hit.start_line == unit.start_line;
            if unit.name != name
                || PARTS.contains(&unit.kind.as_str())
                || of_file.iter().any(is_hit)
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
