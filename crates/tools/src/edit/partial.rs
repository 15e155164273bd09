//! Finds a part of one line where only punctuation and spaces that look alike differ.

use std::ops::Range;

use super::engine::Located;
use super::fold::fold;
use super::inline;
use super::page::Page;

/// Shorter texts are looked for exactly only.
const LEAST_BYTES: usize = 6;

/// Returns the places of a text of one line.
pub(super) fn places(page: &Page<'_>, search: &str) -> Vec<Range<usize>> {
    let wanted = fold(search);
    if search.contains('\n') || wanted.len() < LEAST_BYTES {
        return Vec::new();
    }
    let mut places = Vec::new();
    for line in 0..page.lines.len() {
        let text = page.lines.get(line);
        if text.is_ascii() && search.is_ascii() && !text.contains(['\t', ' ']) {
            continue;
        }
        if fold(text).contains(wanted.as_ref()) {
            let start = page.lines.start(line);
            places.extend(
                within(text, &wanted).into_iter().map(|at| start + at.start..start + at.end),
            );
        }
    }
    places
}

/// Finds the shortest parts of a line that fold to `wanted`.
fn within(text: &str, wanted: &str) -> Vec<Range<usize>> {
    let ends: Vec<usize> = text.char_indices().map(|(at, c)| at + c.len_utf8()).collect();
    let mut found: Vec<Range<usize>> = Vec::new();
    for (start, first) in text.char_indices() {
        if first.is_whitespace() {
            continue;
        }
        let from = ends.partition_point(|end| *end <= start);
        for end in ends.get(from..).unwrap_or_default() {
            let part = fold(text.get(start..*end).unwrap_or_default());
            if part.len() > wanted.len() + 2 || !wanted.starts_with(part.trim_end()) {
                break;
            }
            if part == wanted {
                found.push(start..*end);
                break;
            }
        }
    }
    found
}

/// Puts the new text there; what it keeps of the old one stays as the file has it.
pub(super) fn build(page: &Page<'_>, range: Range<usize>, search: &str, replace: &str) -> Located {
    let have = page.text.get(range.clone()).unwrap_or_default();
    let (old, new) = (search.trim(), replace);
    let text = if new.contains('\n') {
        super::exact::with_endings(page.text, &page.lines, &range, new)
    } else {
        inline::merge(old, have, new.trim())
    };
    Located { range, text, notes: vec!["punctuation and spaces as in the file".to_owned()] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_parts_of_lines() {
        let page = Page::new("a = say(“hi there”) + b\nc = 1\n");
        let search = "say(\"hi there\")";
        let found = places(&page, search);
        assert_eq!(found.len(), 1);
        let located = build(&page, found[0].clone(), search, "shout(\"hi there\")");
        assert_eq!(located.text, "shout(“hi there”)");
        assert_eq!(page.text.get(located.range), Some("say(“hi there”)"));
        assert!(places(&page, "say(\"hi here\")").is_empty());
    }
}
