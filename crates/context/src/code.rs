//! The best units, whole; one that would take too much of the budget shows its beginning.

use distiq_index::Hit;

use crate::lines::Lines;
use crate::pack::Pack;
use crate::{Item, Shape};

/// The share of what is left that one unit may take.
const SHARE: u64 = 4;
/// A unit may always take this many tokens.
const LEAST: u64 = 160;
/// Fewest lines that are worth showing of a longer unit.
const FEWEST_LINES: usize = 3;

/// Adds units, best first, so that the whole stays within `most` tokens.
pub(crate) fn units(hits: &[Hit], most: u64, lines: &mut Lines, pack: &mut Pack<'_>) {
    let whole = most.saturating_sub(pack.used());
    let bound = (whole / SHARE).max(LEAST);
    for hit in hits {
        if pack.used() >= most {
            return;
        }
        if pack.shows(&hit.path, hit.start_line, hit.end_line) {
            continue;
        }
        let Some(unit) = lines.get(&hit.path, hit.start_line, hit.end_line) else { continue };
        let left = most.saturating_sub(pack.used());
        let fitting = fitting(hit, &unit, left.min(bound), pack);
        if fitting == 0 || (fitting < unit.len() && fitting < FEWEST_LINES) {
            continue;
        }
        let (item, text) = block(hit, unit.get(..fitting).unwrap_or_default());
        pack.add(vec![item], text, most);
    }
}

/// Returns how many lines of a unit stay within `most` tokens with its head line.
fn fitting(hit: &Hit, unit: &[&str], most: u64, pack: &Pack<'_>) -> usize {
    let fits =
        |count: usize| pack.count(&block(hit, unit.get(..count).unwrap_or_default()).1) <= most;
    if fits(unit.len()) {
        return unit.len();
    }
    let (mut low, mut high) = (0, unit.len());
    while low + 1 < high {
        let middle = low.midpoint(high);
        if fits(middle) { low = middle } else { high = middle }
    }
    low
}

fn block(hit: &Hit, unit: &[&str]) -> (Item, String) {
    let count = u32::try_from(unit.len().saturating_sub(1)).unwrap_or(u32::MAX);
    let end_line = hit.start_line.saturating_add(count);
    let mut text = unit.join("\n");
    text.push('\n');
    let whole = format!("{}:{}-{end_line}\n{text}", hit.path, hit.start_line);
    let item = Item {
        path: hit.path.clone(),
        start_line: hit.start_line,
        end_line,
        shape: Shape::Code,
        text,
        reasons: hit.reasons.clone(),
    };
    (item, whole)
}
