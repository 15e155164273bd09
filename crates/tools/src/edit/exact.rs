//! Finds a text as it is, up to `\r\n` and `\n`.

use std::ops::Range;

use super::lines::{Ending, Lines, slice};

/// Finds every place of a text, overlapping ones too.
pub(super) fn places(text: &str, wanted: &str) -> Vec<Range<usize>> {
    let exact = same_bytes(text, wanted);
    if exact.is_empty() { any_ending(text, wanted) } else { exact }
}

fn same_bytes(text: &str, wanted: &str) -> Vec<Range<usize>> {
    let mut places = Vec::new();
    if wanted.is_empty() {
        return places;
    }
    let finder = memchr::memmem::Finder::new(wanted);
    let mut from = 0;
    while let Some(at) = text.as_bytes().get(from..).and_then(|rest| finder.find(rest)) {
        places.push(from + at..from + at + wanted.len());
        from += at + 1;
    }
    places
}

fn any_ending(text: &str, wanted: &str) -> Vec<Range<usize>> {
    if !text.contains("\r\n") && !wanted.contains("\r\n") {
        return Vec::new();
    }
    let mut returns = Vec::new();
    let mut plain = String::with_capacity(text.len());
    for part in text.split_inclusive("\r\n") {
        match part.strip_suffix("\r\n") {
            Some(line) => {
                plain.push_str(line);
                returns.push(plain.len());
                plain.push('\n');
            }
            None => plain.push_str(part),
        }
    }
    // A `\r` that was dropped at a place lies before that place's `\n`.
    let back = |at: usize| at + returns.partition_point(|dropped| *dropped < at);
    same_bytes(&plain, &wanted.replace("\r\n", "\n"))
        .into_iter()
        .map(|range| back(range.start)..back(range.end))
        .collect()
}

/// Gives a new text the line ends of the place it goes to.
pub(super) fn with_endings(
    original: &str,
    lines: &Lines<'_>,
    range: &Range<usize>,
    new: &str,
) -> String {
    let whole = Ending::of(original);
    let ending = if whole == Ending::Mixed {
        let within = Ending::of(slice(original, range));
        if within != Ending::None {
            return within.apply(new);
        }
        let first = lines.line_at(range.start);
        let last = lines.line_at(range.end.saturating_sub(1).max(range.start));
        Ending::of(slice(original, &lines.block(first, last + 1)))
    } else {
        whole
    };
    ending.apply(new)
}
