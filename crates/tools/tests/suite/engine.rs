//! The engine over random texts: never at an unsure place, and exact edits are exactly that.

use distiq_tools::engine::{Edit, Tolerance, Why, apply};
use distiq_tools::patch::{self, FileChange};
use proptest::prelude::*;

fn replace(search: &str, with: &str) -> Edit {
    Edit::Replace { search: search.to_owned(), replace: with.to_owned() }
}

/// Few letters, so that texts repeat.
fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(
        prop::sample::select(vec!["a", "b", "  ", "\n", "ab\n", "    a\n", "é"]),
        0..40,
    )
    .prop_map(|pieces| pieces.concat())
}

fn places(text: &str, search: &str) -> usize {
    (0..text.len())
        .filter(|at| text.get(*at..).is_some_and(|rest| rest.starts_with(search)))
        .count()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn exact_edits_are_replacen_and_ambiguous_ones_are_refused(
        text in text(),
        at in any::<prop::sample::Index>(),
        length in 1usize..12,
        new in "([a-c][a-c \n]{0,7})?",
    ) {
        let starts: Vec<usize> = text.char_indices().map(|(i, _)| i).collect();
        prop_assume!(!starts.is_empty());
        let start = starts[at.index(starts.len())];
        let search: String = text[start..].chars().take(length).collect();
        prop_assume!(search != new);
        // From within a line's indentation on, a text stands for whole lines.
        if text[..start].ends_with(' ') && search.starts_with(' ') {
            return Ok(());
        }
        let result = apply(&text, &[replace(&search, &new)], Tolerance::Near);
        match places(&text, &search) {
            1 => prop_assert_eq!(result.unwrap().text, text.replacen(&search, &new, 1)),
            count => {
                let failures = result.unwrap_err();
                let Why::Ambiguous(lines) = &failures[0].why else { panic!("{failures:?}") };
                prop_assert_eq!(lines.len(), count);
            }
        }
    }

    /// Whatever is tolerated, the lines replaced are the wanted ones up to blanks, and nothing else
    /// changes.
    #[test]
    fn tolerant_edits_change_only_lines_that_say_the_same(
        text in text(),
        search in text(),
    ) {
        prop_assume!(!search.trim().is_empty());
        let mark = "CHANGED";
        let Ok(edited) = apply(&text, &[replace(&search, mark)], Tolerance::Near) else { return Ok(()) };
        let at = edited.text.find(mark).unwrap();
        let (head, tail) = (&edited.text[..at], &edited.text[at + mark.len()..]);
        let indented = head.trim_end_matches([' ', '\t']);
        prop_assert!(text.starts_with(indented) && text.ends_with(tail));
        let old = &text[indented.len()..text.len() - tail.len()];
        let squash = |s: &str| s.split_whitespace().collect::<Vec<_>>().join(" ");
        prop_assert_eq!(squash(old), squash(&search));
    }
}

fn lines() -> impl Strategy<Value = String> {
    prop::collection::vec(
        prop::sample::select(vec!["a", "b", "", "  a", "-- x", "+ y", "@@"]),
        1..30,
    )
    .prop_map(|lines| lines.join("\n") + "\n")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// What another program's diff says is what comes out, however often lines repeat.
    #[test]
    fn unified_diffs_apply_exactly(old in lines(), new in lines(), context in 0usize..4) {
        prop_assume!(old != new);
        let diff = similar::TextDiff::from_lines(&old, &new);
        let text = diff.unified_diff().context_radius(context).header("a/f", "b/f").to_string();
        let changes = patch::parse(&text).unwrap();
        let [FileChange::Update { path, to: None, hunks }] = &changes[..] else { panic!("{changes:?}") };
        prop_assert_eq!(path, "f");
        let edits: Vec<Edit> = hunks.iter().cloned().map(Edit::Hunk).collect();
        prop_assert_eq!(apply(&old, &edits, Tolerance::Near).map(|e| e.text).map_err(|e| format!("{e:?}\n{text}")), Ok(new));
    }

    #[test]
    fn any_patch_is_read_or_refused(text in "[-+@* a\n]{0,80}", begin in any::<bool>()) {
        let text = if begin { format!("*** Begin Patch\n*** Update File: f\n{text}") } else { format!("--- a/f\n+++ b/f\n@@ -1 +1 @@\n{text}") };
        if let Ok(changes) = patch::parse(&text) {
            prop_assert!(!changes.is_empty());
        }
    }
}

#[test]
fn several_edits_refer_to_the_original() {
    let edits = [replace("one", "two"), replace("two", "three")];
    assert_eq!(apply("one two", &edits, Tolerance::Exact).unwrap().text, "two three");
    let overlap = [replace("one two", "x"), replace("two", "y")];
    let failures = apply("one two", &overlap, Tolerance::Exact).unwrap_err();
    assert_eq!((failures[0].index, &failures[0].why), (1, &Why::Overlap(0)));
}

#[test]
fn endings_and_the_last_line_stay() {
    for (text, search, new, expected) in [
        ("a\r\nb\r\nc", "b\nc", "x\ny", "a\r\nx\r\ny"),
        ("a\r\nb\nc\n", "a\nb", "x\ny", "x\r\ny\nc\n"),
        ("a\nb", "b\n", "x\n", "a\nx"),
        ("a\n\tb\n\tc\n", "b\nc", "x\ny", "a\n\tx\n\ty\n"),
        ("x\n\ta\n\n\tb\n", "a\n\nb\n", "c\n\nd\n", "x\n\tc\n\n\td\n"),
    ] {
        let edited = apply(text, &[replace(search, new)], Tolerance::Near);
        assert_eq!(
            edited.map(|e| e.text).map_err(|f| f[0].why.clone()),
            Ok(expected.to_owned()),
            "{text:?}"
        );
    }
}

#[test]
fn counts_lines() {
    let edited = apply("a\nb\nc\n", &[replace("b", "x\ny")], Tolerance::Exact).unwrap();
    assert_eq!((edited.added, edited.removed), (2, 1));
    let edited = apply("a\nb\nc\n", &[replace("b\n", "")], Tolerance::Exact).unwrap();
    assert_eq!((edited.added, edited.removed), (0, 1));
}
