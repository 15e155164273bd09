//! Heads of what the shown units call, inherit or name, where room is left.

use std::collections::HashMap;

use distiq_base::paths::one_line;
use distiq_index::{EdgeKind, Hit, IndexError, Need, Retrieved, Snapshot, Span};

use crate::hits::cut;
use crate::pack::Pack;
use crate::{Item, Shape};

/// Fewest tokens that a head with its path takes.
const LEAST: u64 = 16;
/// Most heads.
const MOST: usize = 40;
/// Longest head, in characters.
const MAX_CHARS: usize = 100;

/// Returns blocks of heads, one for each file, of at most `left` tokens, for units that are shown; `units` come with the
/// places of their hits.
pub(crate) fn heads(
    found: &Retrieved,
    units: &[(usize, &Item)],
    snapshot: &Snapshot,
    mut left: u64,
    pack: &Pack<'_>,
) -> Result<Vec<(Vec<Item>, String)>, IndexError> {
    if left < LEAST {
        return Ok(Vec::new());
    }
    let hits = || units.iter().filter_map(|(place, item)| Some((found.hits.get(*place)?, *item)));
    let span = |(hit, item): (&Hit, &Item)| Span {
        path: item.path.clone(),
        number: hit.number,
        start_line: item.start_line,
        end_line: item.end_line,
    };
    let spans: Vec<Span> = hits().map(span).collect();
    let names: Vec<&str> = hits().map(|(hit, _)| hit.name.as_str()).collect();
    let mut order: Vec<String> = Vec::new();
    let mut files: HashMap<String, Vec<Item>> = HashMap::new();
    for need in snapshot.needs(&spans)?.into_iter().take(MOST) {
        if need.signature.is_empty() || pack.names(&need.path, need.start_line) {
            continue;
        }
        let by = names.get(need.span).copied().unwrap_or_default();
        let heads = files.entry(need.path.clone()).or_default();
        if heads.is_empty() {
            order.push(need.path.clone());
        }
        heads.push(item(need, by));
    }
    let mut blocks = Vec::new();
    for path in order {
        let mut heads = files.remove(&path).unwrap_or_default();
        // As many as fit.
        while !heads.is_empty() {
            let lines: String = heads.iter().map(|head| head.text.as_str()).collect();
            let text = format!("{}\n{lines}", one_line(&path));
            let count = pack.count(&text);
            if count <= left {
                left -= count;
                blocks.push((heads, text));
                break;
            }
            heads.pop();
        }
    }
    Ok(blocks)
}

fn item(need: Need, by: &str) -> Item {
    let Need { kind, path, start_line, end_line, signature, .. } = need;
    let how = match kind {
        EdgeKind::Call => "called",
        EdgeKind::Inherit => "inherited",
        EdgeKind::Implement => "implemented",
        _ => "used",
    };
    let reason = if by.is_empty() { how.to_owned() } else { format!("{how} by `{by}`") };
    let range = if start_line == end_line {
        start_line.to_string()
    } else {
        format!("{start_line}-{end_line}")
    };
    let text = format!("  {range} {}\n", cut(&signature, MAX_CHARS));
    Item { path, start_line, end_line, shape: Shape::Hits, text, reasons: vec![reason] }
}
