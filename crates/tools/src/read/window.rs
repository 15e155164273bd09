//! Chooses what of a text is shown, within a budget.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::time::{Duration, Instant};

use serde_json::json;

use super::ranges::Range;
use crate::measure::{LINE_CHARS, cut_line, tokens};
use crate::outcome::{Outcome, Refusal};
use crate::place::Place;

/// The share of the budget that an outline may take.
const OUTLINE_SHARE: (usize, usize) = (3, 5);

/// Shows a text: whole where it fits, by range where asked, else outline and head.
pub(super) fn show(
    place: &Place,
    text: &str,
    ranges: &[Range],
    numbers: bool,
    budget: usize,
) -> Result<String, Refusal> {
    let lines: Vec<&str> = text.lines().collect();
    if lines.is_empty() {
        return Ok("[empty file]".to_owned());
    }
    if !ranges.is_empty() {
        return by_range(place, &lines, ranges, numbers, budget);
    }
    let mut page = Page::new(numbers, budget);
    if lines.iter().enumerate().all(|(index, line)| page.push(index + 1, line)) {
        return Ok(page.text);
    }
    let mut out = String::new();
    let outline = outline(place, text, budget * OUTLINE_SHARE.0 / OUTLINE_SHARE.1);
    if let Some(outline) = &outline {
        let _ = writeln!(out, "[{} lines; outline, then head]\n{outline}[head]", lines.len());
    }
    let mut page = Page::new(numbers, budget.saturating_sub(tokens(&out)));
    let shown = lines.iter().enumerate().take_while(|(i, line)| page.push(i + 1, line)).count();
    let _ = write!(out, "{}\n{}", page.text, footer(shown + 1, lines.len()));
    Ok(out)
}

fn by_range(
    place: &Place,
    lines: &[&str],
    ranges: &[Range],
    numbers: bool,
    budget: usize,
) -> Result<String, Refusal> {
    let total = lines.len() as u64;
    if ranges.iter().all(|range| range.first > total) {
        return Err(Refusal::invalid(format!("{}: has only {total} lines", place.shown)));
    }
    let mut page = Page::new(numbers, budget);
    for (index, range) in ranges.iter().enumerate() {
        if range.first > total {
            continue;
        }
        if ranges.len() > 1 && !numbers {
            page.heading(&format!(
                "[lines {}-{}]",
                range.first,
                range.last.unwrap_or(total).min(total)
            ));
        } else if index > 0 {
            page.heading("…");
        }
        let last = range.last.unwrap_or(total).min(total);
        for number in range.first..=last {
            let index = usize::try_from(number - 1).unwrap_or(usize::MAX);
            if !page.push(index + 1, lines.get(index).copied().unwrap_or_default()) {
                let rest = last - number + 1;
                let _ = write!(page.text, "\n[{rest} more lines; lines: \"{number}-{last}\"]");
                return Ok(page.text);
            }
        }
    }
    Ok(page.text)
}

fn footer(next: usize, total: usize) -> String {
    if next > total {
        return String::new();
    }
    // The next page as large as this one tends to be; the model may ask for any other.
    let last = total.min(next + 250);
    format!("[{} more lines; lines: \"{next}-{last}\"]", total + 1 - next)
}

/// Returns an outline within a budget: deeper levels go first, then the end.
fn outline(place: &Place, text: &str, budget: usize) -> Option<String> {
    let items = distiq_lang::outline(&place.path, text)?;
    if items.is_empty() {
        return None;
    }
    let deepest = items.iter().map(|item| item.depth).max().unwrap_or(0);
    for depth in (0..=deepest).rev() {
        let mut out = String::new();
        let mut left = budget;
        let shown: Vec<_> = items.iter().filter(|item| item.depth <= depth).collect();
        for (index, item) in shown.iter().enumerate() {
            let indent = "  ".repeat(item.depth);
            let line =
                format!("{indent}{}-{} {}\n", item.start_line, item.end_line, item.signature);
            match left.checked_sub(tokens(&line)) {
                Some(rest) => left = rest,
                None if depth > 0 => break,
                None => {
                    let _ = writeln!(out, "[{} more]", shown.len() - index);
                    return Some(out);
                }
            }
            out.push_str(&line);
            if index + 1 == shown.len() {
                return Some(out);
            }
        }
    }
    None
}

/// Lines put together until a budget is spent.
struct Page {
    text: String,
    numbers: bool,
    left: usize,
    empty: bool,
}

impl Page {
    fn new(numbers: bool, budget: usize) -> Self {
        Self { text: String::new(), numbers, left: budget, empty: true }
    }

    /// Adds a line; tells whether it fitted. The first one always does.
    fn push(&mut self, number: usize, line: &str) -> bool {
        let line = cut_line(line, LINE_CHARS);
        let line = if self.numbers { format!("{number}: {line}").into() } else { line };
        let cost = tokens(&line) + 1;
        if cost > self.left && !self.empty {
            return false;
        }
        self.left = self.left.saturating_sub(cost);
        self.heading(&line);
        true
    }

    fn heading(&mut self, line: &str) {
        if !self.empty {
            self.text.push('\n');
        }
        self.text.push_str(line);
        self.empty = false;
    }
}

/// Longest time spent on the way to a range of a huge file.
const HUGE_DEADLINE: Duration = Duration::from_secs(5);

/// Reads lines of a file too large to be held.
pub(super) fn read_huge(
    place: &Place,
    file: File,
    size: u64,
    ranges: &[Range],
    budget: usize,
) -> Result<Outcome, Refusal> {
    let whole = [Range { first: 1, last: None }];
    let ranges = if ranges.is_empty() { &whole } else { ranges };
    let mut reader = BufReader::with_capacity(1 << 18, file);
    let mut page = Page::new(false, budget);
    let deadline = Instant::now() + HUGE_DEADLINE;
    let mut number = 1;
    for range in ranges {
        let skipped = skip_lines(&mut reader, range.first.saturating_sub(number), deadline)
            .map_err(|error| Refusal::io(&place.shown, &error))?;
        number += skipped;
        if number < range.first && Instant::now() > deadline {
            return Err(Refusal::invalid(format!(
                "{}: line {} is too far into a file of {size} bytes; use tail or sed",
                place.shown, range.first
            )));
        }
        while range.last.is_none_or(|last| number <= last) {
            let Some(line) =
                take_line(&mut reader).map_err(|error| Refusal::io(&place.shown, &error))?
            else {
                break;
            };
            if line.contains('\0') {
                return Err(Refusal::invalid(format!(
                    "{}: a binary file of {size} bytes; look at it with a shell command",
                    place.shown
                )));
            }
            if !page.push(usize::try_from(number).unwrap_or(usize::MAX), &line) {
                let _ = write!(page.text, "\n[more; lines: \"{number}-{}\"]", number + 250);
                break;
            }
            number += 1;
        }
    }
    let text = format!("[{} MB]\n{}", size >> 20, page.text);
    Ok(Outcome::done(text).with_data(json!({"path": place.shown, "bytes": size})))
}

/// Skips lines; returns how many there were before the end or the deadline.
fn skip_lines(reader: &mut impl BufRead, wanted: u64, deadline: Instant) -> std::io::Result<u64> {
    let mut skipped = 0;
    while skipped < wanted && Instant::now() <= deadline {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            break;
        }
        let here = memchr::memchr_iter(b'\n', buffer).count() as u64;
        let length = if skipped + here < wanted {
            skipped += here;
            buffer.len()
        } else {
            let last = usize::try_from(wanted - skipped - 1).unwrap_or(usize::MAX);
            skipped = wanted;
            memchr::memchr_iter(b'\n', buffer).nth(last).map_or(buffer.len(), |at| at + 1)
        };
        reader.consume(length);
    }
    Ok(skipped)
}

/// Takes one line, of which at most 64 kB are kept.
fn take_line(reader: &mut impl BufRead) -> std::io::Result<Option<String>> {
    const KEPT: usize = 64 << 10;
    let mut line = Vec::new();
    let mut any = false;
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            break;
        }
        any = true;
        let end = memchr::memchr(b'\n', buffer);
        let part = buffer.get(..end.unwrap_or(buffer.len())).unwrap_or_default();
        let room = KEPT.saturating_sub(line.len()).min(part.len());
        line.extend_from_slice(part.get(..room).unwrap_or_default());
        let used = part.len() + usize::from(end.is_some());
        reader.consume(used);
        // A file without line ends is not read to its end for one line.
        if end.is_some() || line.len() >= KEPT {
            break;
        }
    }
    Ok(any.then(|| String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned()))
}
