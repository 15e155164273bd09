//! The best units, whole; one that would take too much of the budget shows its beginning.

use std::collections::HashSet;

use distiq_base::paths::one_line;
use distiq_index::{Hit, IndexError, Retrieved, Snapshot, is_test};

use crate::lines::Lines;
use crate::pack::Pack;
use crate::{Item, Shape, needs};

/// The share of the budget that one unit may take; of a change less, so that more files are seen.
const SHARE: u64 = 4;
const SHARE_OF_A_CHANGE: u64 = 16;
/// A unit may always take this many tokens.
const LEAST: u64 = 160;
/// Fewest lines that are worth showing of a longer unit.
const FEWEST_LINES: usize = 3;
/// How much a unit's length speaks against it: 0 for not at all, 1 for as much as its place speaks for it.
const LENGTH: f64 = 0.5;

/// A unit that has got room.
struct Chosen {
    /// The place of its hit.
    place: usize,
    item: Item,
    text: String,
    tokens: u64,
    /// Whether it shows only as much of its beginning as room was left for.
    is_filler: bool,
}

/// Adds units so that the whole stays within `most` tokens, best first, and heads of what they need where room is left. A
/// short unit is taken before a long one that is hardly better, so that more of them fit.
pub(crate) fn units(
    found: &Retrieved,
    snapshot: &Snapshot,
    most: u64,
    lines: &mut Lines,
    pack: &mut Pack<'_>,
) -> Result<(), IndexError> {
    let mut chosen = choose(found, most, lines, pack);
    let may_go: Vec<bool> = (0..chosen.len()).map(|at| may_go(&chosen, at)).collect();
    let stay = chosen.iter().zip(&may_go).filter(|(_, goes)| !**goes);
    let stay: Vec<(usize, &Item)> = stay.map(|(chosen, _)| (chosen.place, &chosen.item)).collect();
    let used: u64 = chosen
        .iter()
        .zip(&may_go)
        .filter(|(_, goes)| !**goes)
        .map(|(chosen, _)| chosen.tokens)
        .sum();
    let left = most.saturating_sub(pack.used()).saturating_sub(used);
    let heads = needs::heads(found, &stay, snapshot, left, pack)?;
    if !heads.is_empty() {
        // What only fills gives way, and comes back behind the heads as far as it fits.
        let mut goes = may_go.into_iter();
        let (fillers, stay): (Vec<Chosen>, Vec<Chosen>) =
            chosen.into_iter().partition(|_| goes.next() == Some(true));
        add(stay, most, pack);
        for (items, text) in heads {
            pack.add(items, text, most);
        }
        chosen = fillers.into_iter().filter_map(|it| again(found, it, most, lines, pack)).collect();
    }
    add(chosen, most, pack);
    Ok(())
}

fn add(mut chosen: Vec<Chosen>, most: u64, pack: &mut Pack<'_>) {
    chosen.sort_by_key(|chosen| chosen.place);
    for Chosen { item, text, .. } in chosen {
        pack.add(vec![item], text, most);
    }
}

/// Cuts a filler to the room that there is now.
fn again(
    found: &Retrieved,
    filler: Chosen,
    most: u64,
    lines: &mut Lines,
    pack: &Pack<'_>,
) -> Option<Chosen> {
    let hit = found.hits.get(filler.place)?;
    let unit = lines.get(&hit.path, hit.start_line, hit.end_line)?;
    let fitting = fitting(hit, &unit, most.saturating_sub(pack.used()), pack);
    let (item, text) = block(hit, &unit, fitting);
    let tokens = pack.count(&text);
    (fitting >= FEWEST_LINES).then_some(Chosen { item, text, tokens, ..filler })
}

/// Tells whether a unit only fills what was left, and its file is shown without it.
fn may_go(chosen: &[Chosen], at: usize) -> bool {
    let Some(own) = chosen.get(at).filter(|own| own.is_filler) else { return false };
    chosen.iter().any(|other| !other.is_filler && other.item.path == own.item.path)
}

fn choose(found: &Retrieved, most: u64, lines: &mut Lines, pack: &Pack<'_>) -> Vec<Chosen> {
    let whole = most.saturating_sub(pack.used());
    let share = if found.is_change { SHARE_OF_A_CHANGE } else { SHARE };
    let bound = (whole / share).max(LEAST);
    let mut used = pack.used();
    let mut chosen: Vec<Chosen> = Vec::new();
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
        let (item, text) = block(hit, &unit, fitting);
        let tokens = pack.count(&text);
        if used.saturating_add(tokens) <= most {
            used = used.saturating_add(tokens);
            let is_filler = fitting < unit.len() && left < bound;
            chosen.push(Chosen { place, item, text, tokens, is_filler });
        }
    }
    chosen
}

fn holds(chosen: &[Chosen], hit: &Hit) -> bool {
    chosen.iter().any(|Chosen { item, .. }| {
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
    let fits = |count: usize| pack.count(&block(hit, unit, count).1) <= most;
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

/// Returns the first `shown` lines of a unit, and how they stand in the text: behind a head line, with a mark where the unit goes on.
fn block(hit: &Hit, unit: &[&str], shown: usize) -> (Item, String) {
    let (lines, rest) = unit.split_at(shown.min(unit.len()));
    let count = u32::try_from(lines.len().saturating_sub(1)).unwrap_or(u32::MAX);
    let end_line = hit.start_line.saturating_add(count);
    let mut text = lines.join("\n");
    text.push('\n');
    let path = one_line(&hit.path);
    let mut whole = format!("{path}:{}-{end_line}\n{text}", hit.start_line);
    if !rest.is_empty() {
        // A line of a notebook may be several of a cell.
        let rest: usize = rest.iter().map(|line| line.lines().count().max(1)).sum();
        whole.push_str(&format!("[{rest} more lines]\n"));
    }
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
