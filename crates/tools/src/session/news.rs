//! What changed in a file since the model saw it, in few words.

use std::ops::Range;
use std::time::{Duration, Instant};

use similar::{ChangeTag, DiffOp, TextDiff};

use crate::measure::cut_line;

/// Most lines shown.
const SHOWN_LINES: usize = 8;

/// Longest part of a line that is shown.
const LINE_CHARS: usize = 100;

/// Most places that are named.
const NAMED: usize = 6;

/// Longest time spent on a comparison; beyond it a coarser one has to do.
const DEADLINE: Duration = Duration::from_millis(50);

/// What changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct News {
    places: Vec<Place>,
}

/// A place that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    /// Lines of the text as it is now, from 0; empty where lines went.
    lines: Range<usize>,
    /// How many lines there were before.
    before: usize,
    text: Vec<String>,
}

impl News {
    /// Compares two texts; `None` where they are the same.
    pub(crate) fn between(seen: &str, now: &str) -> Option<Self> {
        let deadline = Instant::now() + DEADLINE;
        let diff = TextDiff::configure().deadline(deadline).diff_lines(seen, now);
        let changed = diff.ops().iter().filter(|op| !matches!(op, DiffOp::Equal { .. }));
        let places: Vec<Place> = changed
            .map(|op| {
                let new = diff.iter_changes(op).filter(|change| change.tag() == ChangeTag::Insert);
                let text = new.take(SHOWN_LINES).map(|change| {
                    cut_line(change.value().trim_end_matches(['\r', '\n']), LINE_CHARS).into_owned()
                });
                Place { lines: op.new_range(), before: op.old_range().len(), text: text.collect() }
            })
            .collect();
        (!places.is_empty()).then_some(Self { places })
    }

    /// Names the places: `lines 3-4, 10`.
    pub(crate) fn lines(&self) -> String {
        let mut named: Vec<String> = self.places.iter().take(NAMED).map(Place::name).collect();
        if self.places.len() > NAMED {
            named.push(format!("and {} more places", self.places.len() - NAMED));
        }
        named.join(", ")
    }

    /// Tells whether [`shown`](Self::shown) leaves nothing out.
    pub(crate) fn is_shown_whole(&self) -> bool {
        let lines: usize = self.places.iter().map(|place| place.lines.len().max(1)).sum();
        let is_whole = |line: &String| line.chars().count() < LINE_CHARS;
        lines <= SHOWN_LINES && self.places.iter().flat_map(|place| &place.text).all(is_whole)
    }

    /// Shows the places as they are now, within bounds.
    pub(crate) fn shown(&self) -> String {
        let mut text = String::new();
        let mut left = SHOWN_LINES;
        for (index, place) in self.places.iter().enumerate() {
            if left == 0 {
                text.push_str(&format!("\n[{} more places]", self.places.len() - index));
                break;
            }
            if place.lines.is_empty() {
                text.push_str(&format!("\n{}", place.name()));
            }
            for (number, line) in (place.lines.start + 1..).zip(place.text.iter().take(left)) {
                text.push_str(&format!("\n{number}: {line}"));
            }
            let shown = place.text.len().min(left);
            if shown < place.lines.len() {
                text.push_str(&format!("\n[{} more lines]", place.lines.len() - shown));
            }
            left -= shown.max(1).min(left);
        }
        text
    }
}

impl Place {
    fn name(&self) -> String {
        let first = self.lines.start + 1;
        match self.lines.len() {
            0 => format!("{} gone after line {}", count(self.before), self.lines.start),
            1 => format!("line {first}"),
            _ => format!("lines {first}-{}", self.lines.end),
        }
    }
}

fn count(lines: usize) -> String {
    if lines == 1 { "1 line".to_owned() } else { format!("{lines} lines") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_where_and_what() {
        let check = |now: &str, lines: &str, shown: &str| {
            let news = News::between("one\ntwo\nthree\nfour\n", now).unwrap();
            assert_eq!((news.lines().as_str(), news.shown().as_str()), (lines, shown));
        };
        check("one\n2\nthree\nfour\n", "line 2", "\n2: 2");
        check("zero\none\ntwo\nthree\n4\n5\n", "line 1, lines 5-6", "\n1: zero\n5: 4\n6: 5");
        check("one\nfour\n", "2 lines gone after line 1", "\n2 lines gone after line 1");
        assert!(News::between("a\n", "b\n").unwrap().is_shown_whole());
        assert!(!News::between("a\n", &"b".repeat(200)).unwrap().is_shown_whole());
        check("one\r\ntwo\nthree\nfour\n", "line 1", "\n1: one");
        assert_eq!(News::between("a\n", "a\n"), None);
        let (old, new): (String, String) = (
            (0..50).map(|i| format!("{i}\n")).collect(),
            (0..50).map(|i| format!("<{i}>\n")).collect(),
        );
        let news = News::between(&old, &new).unwrap();
        assert!(!news.is_shown_whole());
        assert!(news.shown().ends_with("\n8: <7>\n[42 more lines]"), "{}", news.shown());
    }
}
