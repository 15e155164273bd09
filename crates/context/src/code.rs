//! The best units, whole; one that would take too much of the budget shows its beginning.

use std::collections::HashSet;

use distiq_index::{Hit, Retrieved, is_test};

use crate::lines::Lines;
use crate::pack::Pack;
use crate::{Item, Shape};

/// The share of the budget that one unit may take; of a change less, so that more files are seen.
const SHARE: u64 = 4;
const SHARE_OF_A_CHANGE: u64 = 16;
/// A unit may always take this many tokens.
const LEAST: u64 = 160;
/// Fewest lines that are worth showing of a longer unit.
const FEWEST_LINES: usize = 3;
/// How much a unit's length speaks against it: 0 for not at all, 1 for as much as its place speaks for it.
const LENGTH: f64 = 0.5;

/// Adds units so that the whole stays within `most` tokens, best first. A short unit is taken before a
/// long one that is hardly better, so that more of them fit.
pub(crate) fn units(found: &Retrieved, most: u64, lines: &mut Lines, pack: &mut Pack<'_>) {
    let whole = most.saturating_sub(pack.used());
    let share = if found.is_change { SHARE_OF_A_CHANGE } else { SHARE };
    let bound = (whole / share).max(LEAST);
    let mut used = pack.used();
    let mut chosen: Vec<(usize, Item, String)> = Vec::new();
    for place in order(found, lines) {
        if used >= most {
            break;
        }
        let Some(hit) = found.hits.get(place) else { continue };
        if pack.shows(&hit.path, hit.start_line, hit.end_line) || holds(&chosen, hit) {
            continue;
        }
        let Some(unit) = lines.get(&hit.path, hit.start_line, hit.end_line) else { continue };
        let left = most.saturating_sub(used);
        let fitting = fitting(hit, &unit, left.min(bound), pack);
        if fitting == 0 || (fitting < unit.len() && fitting < FEWEST_LINES) {
            continue;
        }
        let (item, text) = block(hit, unit.get(..fitting).unwrap_or_default());
        let count = pack.count(&text);
        if used.saturating_add(count) <= most {
            used = used.saturating_add(count);
            chosen.push((place, item, text));
        }
    }
    chosen.sort_by_key(|(place, ..)| *place);
    for (_, item, text) in chosen {
        pack.add(vec![item], text, most);
    }
}

fn holds(chosen: &[(usize, Item, String)], hit: &Hit) -> bool {
    chosen.iter().any(|(_, item, _)| {
        item.path == hit.path && item.start_line <= hit.start_line && hit.end_line <= item.end_line
    })
}

/// Returns the places of the hits in the order in which room is given to them.
fn order(found: &Retrieved, lines: &mut Lines) -> Vec<usize> {
    let mut places: Vec<usize> = (0..found.hits.len()).collect();
    let hit = |place: &usize| found.hits.get(*place);
    if found.is_change {
        // A change is one of a file: each file's best unit comes before any second one.
        let mut seen = HashSet::new();
        let first: HashSet<usize> = places
            .iter()
            .copied()
            .filter(|place| hit(place).is_some_and(|hit| seen.insert(hit.path.as_str())))
            .collect();
        places.sort_by_key(|place| (!first.contains(place), *place));
        return places;
    }
    let weight = |place: &usize, lines: &mut Lines| {
        let unit = hit(place).and_then(|hit| lines.get(&hit.path, hit.start_line, hit.end_line));
        let bytes: usize = unit.map_or(0, |unit| unit.iter().map(|line| line.len() + 1).sum());
        // A unit's head line weighs too.
        let weight = f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)) + 40.0;
        LENGTH * weight.ln() + (f64::from(u32::try_from(*place).unwrap_or(u32::MAX)) + 1.5).ln()
    };
    let is_beside = |place: &usize| {
        hit(place).is_some_and(|hit| {
            let is_unit = !matches!(hit.kind.as_str(), "block" | "text" | "section");
            !is_unit || !found.asks_for_tests && is_test(&hit.path)
        })
    };
    let mut keyed: Vec<(bool, f64, usize)> =
        places.iter().map(|place| (is_beside(place), weight(place, lines), *place)).collect();
    keyed.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.cmp(&b.2)));
    keyed.into_iter().map(|(.., place)| place).collect()
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
