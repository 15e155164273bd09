//! The shortlist: many places in few tokens, grouped by file, the best file first.

use std::collections::{HashMap, HashSet};

use distiq_base::paths::{folder, one_line};
use distiq_index::words::Analyzer;
use distiq_index::{Hit, Retrieved, Snapshot};

use crate::lines::Lines;
use crate::pack::Pack;
use crate::{Item, Shape};

/// The files that show several hits each, and how many.
const OPEN_FILES: usize = 6;
const HITS_A_FILE: usize = 2;
/// The hits that show their most telling line too.
const TELLING: usize = 5;
/// The files from which on heads are cut shorter.
const LONG_HEADS: usize = 12;
/// Of the budget, what heads may take; more files are named alone.
const HEADS_PERCENT: u64 = 60;
/// Most files that show heads.
const HEADS: usize = 60;
/// Longest line, in characters, of the first files and of the others.
const MAX_CHARS: usize = 100;
const SHORT_CHARS: usize = 56;

/// Adds a shortlist of at most `most` tokens.
pub(crate) fn shortlist(
    found: &Retrieved,
    request: &str,
    most: u64,
    lines: &mut Lines<'_>,
    pack: &mut Pack<'_>,
) {
    if most == 0 {
        return;
    }
    let terms: HashSet<String> = Analyzer::default().analyze(request).into_iter().collect();
    let mut order: Vec<&str> = Vec::new();
    let mut files: HashMap<&str, Vec<(&Hit, Vec<u32>)>> = HashMap::new();
    for (place, hit) in found.hits.iter().enumerate() {
        let hits = files.entry(hit.path.as_str()).or_default();
        if hits.is_empty() {
            order.push(&hit.path);
        }
        let named = found.named.iter().filter(|(of, _)| *of == place).map(|(_, line)| *line);
        hits.push((hit, named.collect()));
    }
    let mut told = 0;
    let mut named: HashSet<&str> = HashSet::new();
    for (place, path) in order.iter().enumerate().take(HEADS) {
        let hits = files.get(path).map(Vec::as_slice).unwrap_or_default();
        if pack.used() > most.saturating_mul(HEADS_PERCENT) / 100 {
            break;
        }
        named.insert(path);
        let shown = if place < OPEN_FILES { HITS_A_FILE } else { 1 };
        let chars = if place < LONG_HEADS { MAX_CHARS } else { SHORT_CHARS };
        let mut items = Vec::new();
        let mut of_lines = Vec::new();
        for (at, (hit, named)) in hits.iter().enumerate() {
            if !named.is_empty() {
                let item = item(hit, &of_named(hit, named, lines), chars, lines);
                of_lines.push(item.clone());
                items.push(item);
            } else if at < shown {
                let telling = if told < TELLING { telling(hit, &terms, lines) } else { None };
                let telling: Vec<_> = telling.into_iter().collect();
                items.push(item(hit, &telling, chars, lines));
            }
            told += usize::from(at < shown);
        }
        // Where its heads are too long, a file shows lines that are named, or may still be named itself.
        let is_added = add_items(path, items, most, pack)
            || !of_lines.is_empty() && add_items(path, of_lines, most, pack);
        if !is_added {
            let Some((hit, _)) = hits.first() else { continue };
            let named = Item { text: String::new(), ..item(hit, &[], chars, lines) };
            if !pack.add(vec![named], format!("{}\n", one_line(path)), most) {
                return;
            }
        }
    }
    let rest = order.iter().copied().chain(found.files.iter().map(String::as_str));
    for path in rest {
        if named.insert(path) && !add_path(path, "words of the whole file", most, pack) {
            return;
        }
    }
}

/// Names the files that hold no word of the request, those beside what was found first.
pub(crate) fn neighbours(found: &Retrieved, snapshot: &Snapshot, most: u64, pack: &mut Pack<'_>) {
    if found.hits.is_empty() {
        return;
    }
    let mut places: HashMap<&str, usize> = HashMap::new();
    for (place, hit) in found.hits.iter().enumerate() {
        places.entry(folder(&hit.path)).or_insert(place);
    }
    let place = |path: &str| places.get(folder(path)).copied().unwrap_or(usize::MAX);
    let mut files: Vec<&str> = snapshot.files().map(|file| file.path).collect();
    files.sort_by_key(|path| (place(path), *path));
    let named: HashSet<String> = pack.paths().map(str::to_owned).collect();
    for path in files.into_iter().filter(|path| !named.contains(*path)) {
        if !add_path(path, "beside what was found", most, pack) {
            return;
        }
    }
}

fn add_items(path: &str, items: Vec<Item>, most: u64, pack: &mut Pack<'_>) -> bool {
    let lines: String = items.iter().map(|item| item.text.as_str()).collect();
    pack.add(items, format!("{}\n{lines}", one_line(path)), most)
}

fn add_path(path: &str, reason: &str, most: u64, pack: &mut Pack<'_>) -> bool {
    let item = Item {
        path: path.to_owned(),
        start_line: 1,
        end_line: 1,
        shape: Shape::Hits,
        text: String::new(),
        reasons: vec![reason.to_owned()],
    };
    pack.add(vec![item], format!("{}\n", one_line(path)), most)
}

/// Returns a hit with lines of it; the head of a block is the first of its own lines.
fn item(hit: &Hit, shown: &[(u32, String)], chars: usize, lines: &mut Lines<'_>) -> Item {
    let head = match hit.signature.as_str() {
        "" => first_line(hit, chars, lines).unwrap_or_default(),
        signature => cut(signature, chars),
    };
    let is_one = hit.start_line == hit.end_line;
    let range = if is_one {
        hit.start_line.to_string()
    } else {
        format!("{}-{}", hit.start_line, hit.end_line)
    };
    let is_line = is_one && hit.signature.is_empty() && !shown.is_empty();
    let mut text = if is_line { String::new() } else { format!("  {range} {head}\n") };
    for (number, line) in shown {
        text.push_str(&format!("  {number}: {line}\n"));
    }
    Item {
        path: hit.path.clone(),
        start_line: hit.start_line,
        end_line: hit.end_line,
        shape: Shape::Hits,
        text,
        reasons: hit.reasons.clone(),
    }
}

/// Returns the lines of a hit that the request names.
fn of_named(hit: &Hit, named: &[u32], lines: &mut Lines<'_>) -> Vec<(u32, String)> {
    let mut shown = Vec::new();
    for number in named {
        for line in lines.get(&hit.path, *number, *number).unwrap_or_default() {
            shown.extend(line.lines().map(|line| (*number, cut(line, MAX_CHARS))));
        }
    }
    shown
}

fn first_line(hit: &Hit, chars: usize, lines: &mut Lines<'_>) -> Option<String> {
    let lines = lines.get(&hit.path, hit.start_line, hit.end_line)?;
    lines
        .iter()
        .flat_map(|line| line.lines())
        .map(str::trim)
        .find(|line| line.chars().any(char::is_alphanumeric))
        .map(|line| cut(line, chars))
}

/// Returns the line behind the head that holds most of the request's terms.
fn telling(hit: &Hit, terms: &HashSet<String>, lines: &mut Lines<'_>) -> Option<(u32, String)> {
    let analyzer = Analyzer::default();
    let mut best: Option<(usize, u32, &str)> = None;
    let from = hit.start_line.checked_add(1)?;
    let lines = (from..).zip(lines.get(&hit.path, from, hit.end_line)?).take(400);
    for (number, line) in lines.flat_map(|(at, line)| line.lines().map(move |line| (at, line))) {
        let found: HashSet<String> =
            analyzer.analyze(line).into_iter().filter(|term| terms.contains(term)).collect();
        if found.len() > best.map_or(0, |(count, ..)| count) {
            best = Some((found.len(), number, line));
        }
    }
    best.map(|(_, number, line)| (number, cut(line, MAX_CHARS)))
}

pub(crate) fn cut(line: &str, chars: usize) -> String {
    let line = line.trim();
    match line.char_indices().nth(chars) {
        Some((at, _)) => format!("{}…", line.get(..at).unwrap_or_default()),
        None => line.to_owned(),
    }
}
