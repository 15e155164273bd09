//! Shows hits: few with the code around them, many as lines.

use std::fmt::Write as _;

use super::scan::{FileHits, Scanned};
use crate::bench::Bench;
use crate::files;
use crate::measure::{RESULT_TOKENS, cut_line, tokens};
use crate::place::Place;
use crate::session::digest;

/// Up to so many hits come with code.
pub(super) const FEW: usize = 5;

/// Most lines shown around one hit.
const AROUND: usize = 40;

/// Code of more lines than this is only named where it stands in the conversation.
const WORTH_NAMING: usize = 5;

/// Most characters of a hit's line.
const HIT_CHARS: usize = 200;

pub(super) fn text(bench: &Bench, scanned: &Scanned) -> String {
    let hits = scanned.hits();
    let mut text = match hits {
        0 => format!("no match in {} files", scanned.looked_at),
        1..=FEW => with_code(bench, scanned).unwrap_or_else(|| as_lines(scanned)),
        _ => as_lines(scanned),
    };
    if hits == 0 {
        text.push_str(" (ignored, hidden, binary and secret files are left out)");
    }
    if scanned.too_large > 0 {
        let _ = write!(text, "\n[{} files over 10 MB left out]", scanned.too_large);
    }
    if scanned.timed_out {
        text.push_str("\n[time ran out; give a `path` or `glob`]");
    }
    text
}

/// Shows each function that has a hit, verbatim, and only names one that stands in the conversation; `None` where that is
/// too much.
fn with_code(bench: &Bench, scanned: &Scanned) -> Option<String> {
    let mut out = String::new();
    let mut shown = Vec::new();
    for file in &scanned.files {
        let place = Place { path: file.path.clone(), shown: file.shown.clone() };
        let bytes = files::load(&place).ok()?.bytes;
        let source = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = source.lines().collect();
        for (from, to) in blocks(file, &source, lines.len()) {
            let hits = || file.hits.iter().filter(|hit| (from..=to).contains(&(hit.line as usize)));
            let code = lines.get(from - 1..to)?;
            let text = code.join("\n");
            if is_worth_naming(&text) && bench.session().has_in_view(&file.path, &text) {
                let _ = writeln!(out, "{}:{from}-{to}, as shown above", file.shown);
                for hit in hits() {
                    let line = cut_line(hit.text.trim(), HIT_CHARS);
                    let _ = writeln!(out, "{}: {line}", hit.line);
                }
                continue;
            }
            let hit_lines: Vec<String> = hits().map(|hit| hit.line.to_string()).collect();
            let _ = writeln!(out, "{}:{from}-{to} (hit {})", file.shown, hit_lines.join(", "));
            for line in code {
                out.push_str(&cut_line(line, HIT_CHARS * 3));
                out.push('\n');
            }
            shown.push((&file.path, text));
        }
        bench.session().saw(&file.path, digest(&bytes), Some(&source));
    }
    out.truncate(out.trim_end().len());
    if tokens(&out) > RESULT_TOKENS {
        return None;
    }
    let mut session = bench.session();
    shown.iter().for_each(|(path, text)| session.showed(path, text));
    Some(out)
}

/// Tells whether code is long enough to be named where it stands in the conversation.
pub(super) fn is_worth_naming(code: &str) -> bool {
    code.lines().count() > WORTH_NAMING
}

/// Returns the lines to show for a file's hits, first to last, without overlaps.
fn blocks(file: &FileHits, source: &str, total: usize) -> Vec<(usize, usize)> {
    let mut blocks: Vec<(usize, usize)> = Vec::new();
    for hit in &file.hits {
        let line = hit.line as usize;
        if blocks.last().is_some_and(|(from, to)| (*from..=*to).contains(&line)) {
            continue;
        }
        let around = distiq_lang::enclosing(&file.path, source, hit.line as u32)
            .map(|item| (item.start_line as usize, item.end_line as usize))
            .filter(|(from, to)| from <= to && *from >= 1 && *to <= total);
        let (from, to) = match around {
            Some((from, to)) if to - from < AROUND => (from, to),
            // Too long: the lines nearest to the hit, not beyond the function.
            Some((from, to)) => {
                (from.max(line.saturating_sub(AROUND / 4)), to.min(line + AROUND / 4))
            }
            None => (line.saturating_sub(2).max(1), (line + 2).min(total)),
        };
        match blocks.last_mut() {
            Some(last) if from <= last.1 + 1 => last.1 = last.1.max(to),
            _ => blocks.push((from, to)),
        }
    }
    blocks
}

/// Shows hits by file, one line each, without the indentation they share.
fn as_lines(scanned: &Scanned) -> String {
    let mut out = String::new();
    let mut left = RESULT_TOKENS - 60;
    let mut files_left = scanned.files.len();
    let mut untold = 0;
    for (index, file) in scanned.files.iter().enumerate() {
        // Each file may take its share of what is left, so that a crowded one hides no other.
        let share = (left / files_left).max(left.min(150));
        files_left -= 1;
        let shown = one_file(file, share);
        let cost = tokens(&shown);
        if cost > left {
            untold = scanned.files.len() - index;
            break;
        }
        left -= cost;
        out.push_str(&shown);
    }
    if untold > 0 {
        let rest: Vec<_> = scanned.files.iter().skip(scanned.files.len() - untold).collect();
        let hits: usize = rest.iter().map(|file| file.count).sum();
        let _ = write!(out, "[{hits} more hits in {untold} more files]");
    }
    out.truncate(out.trim_end().len());
    out
}

fn one_file(file: &FileHits, share: usize) -> String {
    let indent = file.hits.iter().map(|hit| blanks(&hit.text)).min().unwrap_or(0);
    let mut out = format!("{}\n", file.shown);
    let mut spent = tokens(&out);
    let mut told = 0;
    for hit in &file.hits {
        let text = hit.text.get(indent..).unwrap_or(&hit.text).trim_end();
        let line = format!("{}: {}\n", hit.line, cut_line(text, HIT_CHARS));
        spent += tokens(&line);
        if told > 0 && spent > share {
            break;
        }
        out.push_str(&line);
        told += 1;
    }
    if told < file.count {
        let _ = writeln!(out, "[{} more here]", file.count - told);
    }
    out
}

fn blanks(line: &str) -> usize {
    line.len() - line.trim_start_matches([' ', '\t']).len()
}
