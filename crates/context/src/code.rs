//! The best units, whole; one that would take too much of the budget shows its beginning.

use std::collections::HashSet;
use std::ops::Range;

use distiq_base::paths::one_line;
use distiq_index::{Hit, IndexError, NamedFiles, Retrieved, Snapshot, is_test};

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
/// So many pieces of documents and tests come first whose files a request names.
const ASKED_FOR: usize = 2;
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
    request: &str,
    snapshot: &Snapshot,
    most: u64,
    lines: &mut Lines<'_>,
    pack: &mut Pack<'_>,
) -> Result<(), IndexError> {
    let mut chosen = choose(found, &NamedFiles::of(request), most, lines, pack);
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
    lines: &mut Lines<'_>,
    pack: &Pack<'_>,
) -> Option<Chosen> {
    let hit = found.hits.get(filler.place)?;
    let unit = lines.get(&hit.path, hit.start_line, hit.end_line)?;
    let index = |line: u32| usize::try_from(line.saturating_sub(hit.start_line)).unwrap_or(0);
    let room = index(filler.item.start_line)..index(filler.item.end_line) + 1;
    let shown = fitting(hit, &unit, room, most.saturating_sub(pack.used()), pack);
    if shown.len() < FEWEST_LINES {
        return None;
    }
    let (item, text) = block(hit, &unit, shown);
    let tokens = pack.count(&text);
    Some(Chosen { item, text, tokens, ..filler })
}

/// Tells whether a unit only fills what was left, and its file is shown without it.
fn may_go(chosen: &[Chosen], at: usize) -> bool {
    let Some(own) = chosen.get(at).filter(|own| own.is_filler) else { return false };
    chosen.iter().any(|other| !other.is_filler && other.item.path == own.item.path)
}

fn choose(
    found: &Retrieved,
    files: &NamedFiles,
    most: u64,
    lines: &mut Lines<'_>,
    pack: &Pack<'_>,
) -> Vec<Chosen> {
    let whole = most.saturating_sub(pack.used());
    let share = if found.is_change { SHARE_OF_A_CHANGE } else { SHARE };
    let bound = (whole / share).max(LEAST);
    let mut chosen = named(found, most, lines, pack);
    let mut used = chosen.iter().fold(pack.used(), |used, chosen| used + chosen.tokens);
    for place in order(found, files, lines) {
        if used >= most {
            break;
        }
        let Some(hit) = found.hits.get(place) else { continue };
        if pack.shows(&hit.path, hit.start_line, hit.end_line) || holds(&chosen, hit) {
            continue;
        }
        let Some(unit) = lines.get(&hit.path, hit.start_line, hit.end_line) else { continue };
        let left = most.saturating_sub(used);
        let room = new_lines(&chosen, hit, unit.len());
        let shown = fitting(hit, &unit, room, left.min(bound), pack);
        let shown = before_others(&chosen, hit, shown);
        let is_cut = shown.end < unit.len();
        if shown.is_empty() || (is_cut && shown.len() < FEWEST_LINES) {
            continue;
        }
        let (item, text) = block(hit, &unit, shown);
        let tokens = pack.count(&text);
        if used.saturating_add(tokens) <= most {
            // What lies in it is shown with it.
            let is_inside = |other: &Chosen| is_within(&other.item, &item);
            let inside: u64 =
                chosen.iter().filter(|other| is_inside(other)).map(|it| it.tokens).sum();
            chosen.retain(|other| !is_inside(other));
            used = used.saturating_add(tokens).saturating_sub(inside);
            let is_filler = is_cut && left < bound;
            chosen.push(Chosen { place, item, text, tokens, is_filler });
        }
    }
    chosen
}

/// Gives room to what the request names lines of, in its order: units whole, of longer ones the lines around those.
fn named(found: &Retrieved, most: u64, lines: &mut Lines<'_>, pack: &Pack<'_>) -> Vec<Chosen> {
    let whole = most.saturating_sub(pack.used());
    let count = u64::try_from(found.named.len()).unwrap_or(u64::MAX);
    let bound = (whole / count.max(SHARE)).max(LEAST);
    let mut used = pack.used();
    let mut chosen: Vec<Chosen> = Vec::new();
    for (place, line) in found.named.iter().copied() {
        let Some(hit) = found.hits.get(place) else { continue };
        let is_shown = |it: &Chosen| {
            it.item.path == hit.path && (it.item.start_line..=it.item.end_line).contains(&line)
        };
        if chosen.iter().any(is_shown) {
            continue;
        }
        let Some(unit) = lines.get(&hit.path, hit.start_line, hit.end_line) else { continue };
        let Ok(at) = usize::try_from(line.saturating_sub(hit.start_line)) else { continue };
        let most_of_it = most.saturating_sub(used).min(bound);
        let room = clear_of(&chosen, hit, at, unit.len());
        let shown = fitting_around(hit, &unit, at, room, most_of_it, pack);
        if !shown.is_empty() {
            let (item, text) = block(hit, &unit, shown);
            let tokens = pack.count(&text);
            used = used.saturating_add(tokens);
            chosen.push(Chosen { place, item, text, tokens, is_filler: false });
        }
    }
    chosen
}

fn holds(chosen: &[Chosen], hit: &Hit) -> bool {
    chosen.iter().any(|Chosen { item, .. }| {
        item.path == hit.path && item.start_line <= hit.start_line && hit.end_line <= item.end_line
    })
}

fn is_within(inner: &Item, outer: &Item) -> bool {
    inner.path == outer.path
        && outer.start_line <= inner.start_line
        && inner.end_line <= outer.end_line
}

/// Returns the lines of a hit, counted from its first one, that were chosen already.
fn taken<'a>(chosen: &'a [Chosen], hit: &'a Hit) -> impl Iterator<Item = Range<usize>> + 'a {
    let of_file = chosen.iter().filter(|chosen| chosen.item.path == hit.path);
    of_file.filter_map(|Chosen { item, .. }| {
        let index = |line: u32| usize::try_from(line.checked_sub(hit.start_line)?).ok();
        let end = index(item.end_line)? + 1;
        Some(index(item.start_line).unwrap_or(0)..end)
    })
}

/// Returns the lines of a unit without those at its beginning that are chosen already.
fn new_lines(chosen: &[Chosen], hit: &Hit, count: usize) -> Range<usize> {
    let ends = taken(chosen, hit).filter(|taken| taken.start == 0).map(|taken| taken.end);
    ends.max().unwrap_or(0).min(count)..count
}

/// Returns the beginning of some lines of a unit, so that it ends before what it would show a part of once more.
fn before_others(chosen: &[Chosen], hit: &Hit, shown: Range<usize>) -> Range<usize> {
    let is_cut = |taken: &Range<usize>| taken.start < shown.end && shown.end < taken.end;
    let end = taken(chosen, hit).filter(is_cut).map(|taken| taken.start).min();
    shown.start..end.unwrap_or(shown.end).max(shown.start)
}

/// Returns the lines around one of a unit up to others that are chosen already.
fn clear_of(chosen: &[Chosen], hit: &Hit, at: usize, count: usize) -> Range<usize> {
    taken(chosen, hit).fold(0..count, |room, taken| {
        if taken.end <= at {
            room.start.max(taken.end)..room.end
        } else {
            room.start..room.end.min(taken.start.max(at + 1))
        }
    })
}

/// Returns the places of the hits in the order in which room is given to them: documents, blocks and tests behind all units, but
/// where they are the best hit; the best of those whose file the request names before them.
fn order(found: &Retrieved, files: &NamedFiles, lines: &mut Lines<'_>) -> Vec<usize> {
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
    let weight = |place: &usize, lines: &mut Lines<'_>| {
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
    let is_named = |place: &usize| hit(place).is_some_and(|hit| files.hold(&hit.path));
    let asked_for = places.iter().filter(|place| is_beside(place) && is_named(place));
    let asked_for: HashSet<usize> = asked_for.take(ASKED_FOR).copied().collect();
    let tier = |place: &usize| match is_beside(place) {
        true if asked_for.contains(place) => 0,
        true if *place > 0 && !is_named(place) => 2,
        _ => 1,
    };
    let mut keyed: Vec<(u8, f64, usize)> =
        places.iter().map(|place| (tier(place), weight(place, lines), *place)).collect();
    keyed.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.cmp(&b.2)));
    keyed.into_iter().map(|(.., place)| place).collect()
}

/// Returns as many of some lines of a unit, from the first on, as stay within `most` tokens with their head line.
fn fitting(
    hit: &Hit,
    unit: &[&str],
    room: Range<usize>,
    most: u64,
    pack: &Pack<'_>,
) -> Range<usize> {
    let start = room.start;
    let count = most_that(room.len(), |count| {
        pack.count(&block(hit, unit, start..start + count).1) <= most
    });
    start..start + count
}

/// Returns as many of some lines of a unit around the one at `at` as stay within `most` tokens with their head line.
fn fitting_around(
    hit: &Hit,
    unit: &[&str],
    at: usize,
    room: Range<usize>,
    most: u64,
    pack: &Pack<'_>,
) -> Range<usize> {
    let around = |count: usize| {
        let last = room.end.saturating_sub(count).max(room.start);
        let start = at.saturating_sub(count / 2).clamp(room.start, last);
        start..start + count
    };
    let count =
        most_that(room.len(), |count| pack.count(&block(hit, unit, around(count)).1) <= most);
    around(count)
}

/// Returns the most up to `count` that fits, where less fits if more does.
fn most_that(count: usize, fits: impl Fn(usize) -> bool) -> usize {
    if fits(count) {
        return count;
    }
    let (mut low, mut high) = (0, count);
    while low + 1 < high {
        let middle = low.midpoint(high);
        if fits(middle) { low = middle } else { high = middle }
    }
    low
}

/// Returns some lines of a unit, and how they stand in the text: behind a head line, with a mark where the unit has more lines
/// before them or goes on.
fn block(hit: &Hit, unit: &[&str], shown: Range<usize>) -> (Item, String) {
    // A line of a notebook may be several of a cell.
    let count =
        |lines: &[&str]| lines.iter().map(|line| line.lines().count().max(1)).sum::<usize>();
    let mark = |lines: Option<&[&str]>| match lines.map_or(0, count) {
        0 => String::new(),
        rest => format!("[{rest} more lines]\n"),
    };
    let lines = unit.get(shown.clone()).unwrap_or_default();
    let line =
        |index: usize| hit.start_line.saturating_add(u32::try_from(index).unwrap_or(u32::MAX));
    let (start_line, end_line) = (line(shown.start), line(shown.end.saturating_sub(1)));
    let mut text = lines.join("\n");
    text.push('\n');
    let (before, behind) = (mark(unit.get(..shown.start)), mark(unit.get(shown.end..)));
    let path = one_line(&hit.path);
    let whole = format!("{path}:{start_line}-{end_line}\n{before}{text}{behind}");
    let item = Item {
        path: hit.path.clone(),
        start_line,
        end_line,
        shape: Shape::Code,
        text,
        reasons: hit.reasons.clone(),
    };
    (item, whole)
}
