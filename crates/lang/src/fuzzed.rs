//! What is read of a file, as one plain function for fuzzing.

use std::ops::Range;
use std::path::Path;

use distiq_base::SyntaxCheck;

use crate::{Source, Syntax, enclosing, outline, source};

/// Takes a file's name as the first line and its text behind it, and holds what is read of it against the text. For tests; a
/// panic is a defect.
#[doc(hidden)]
pub fn fuzzed(bytes: &[u8]) {
    let whole = String::from_utf8_lossy(bytes);
    let (name, text) = whole.split_once('\n').unwrap_or(("a.py", &whole));
    let path = Path::new(name);
    let lines = u32::try_from(text.split('\n').count()).unwrap_or(u32::MAX);
    if let Some(source) = source(path, text) {
        examine(&source, text, lines);
    }
    for item in outline(path, text).unwrap_or_default() {
        assert!(1 <= item.start_line && item.start_line <= item.end_line, "{item:?}");
        assert!(item.end_line <= lines && !item.name.is_empty(), "{item:?} of {lines}");
    }
    let _ = enclosing(path, text, lines / 2);
    for error in Syntax.check(path, text).unwrap_or_default() {
        assert!(1 <= error.line && error.line <= lines && error.column >= 1, "{error:?}");
    }
}

fn examine(source: &Source, text: &str, lines: u32) {
    let whole = |range: &Range<u32>| {
        let ends = usize::try_from(range.start).ok().zip(usize::try_from(range.end).ok());
        let part = ends.and_then(|(start, end)| text.get(start..end));
        assert!(part.is_some_and(|part| !part.is_empty()), "{range:?} of {}", text.len());
    };
    for (count, unit) in (0_u32..).zip(&source.units) {
        whole(&unit.bytes);
        unit.doc.iter().for_each(whole);
        assert!(unit.parent.is_none_or(|parent| parent < count), "{unit:?}");
        assert!(1 <= unit.start_line && unit.start_line <= unit.end_line, "{unit:?}");
        assert!(unit.end_line <= lines && unit.signature.chars().count() <= 160, "{unit:?}");
        assert!(!unit.name.is_empty(), "{unit:?}");
    }
    let mut end = 0;
    for piece in &source.pieces {
        whole(&piece.bytes);
        assert!(end <= piece.bytes.start && 1 <= piece.line && piece.line <= lines, "{piece:?}");
        end = piece.bytes.end;
    }
    // Each takes a byte of the file at least, so no file gives more than it has.
    assert!(source.imports.len() + source.objects.len() <= text.len());
    assert!(source.told.len().max(source.meant.len()) <= text.len());
}
