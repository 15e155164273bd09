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
        (
            "impl A\nwhere\n    T: B,\n{\n",
            "    impl A\n    where\n        T: B,\n    {\n",
            "    new {\n        x\n",
            "new {\n    x\n",
        ),
        ("fn a() {\n    b\n}\n", "fn a() {\n\tb\n}", "// gone", "// gone\n"),
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

/// Applies a patch to the one file that it names.
fn patched(text: &str, patch: &str) -> Result<String, String> {
    let changes = patch::parse(patch).map_err(|error| error.to_string())?;
    let [FileChange::Update { hunks, .. }] = &changes[..] else {
        return Err(format!("{changes:?}"));
    };
    let edits: Vec<Edit> = hunks.iter().cloned().map(Edit::Hunk).collect();
    apply(text, &edits, Tolerance::Near).map(|e| e.text).map_err(|f| format!("{:?}", f[0].why))
}

/// Patches as models write them, and what must come of them; `None` for a refusal.
#[test]
fn patches_with_slips() {
    const FILE: &str = "class A:\n    def f(self):\n        x = 1\n        return x\n\n    def g(self):\n        x = 1\n        \
                        return x\n\n\nclass B:\n    def f(self):\n        x = 1\n        return x\n";
    let second = |old: &str| {
        FILE.replacen("def g(self):\n        x = 1", &format!("def g(self):\n        x = {old}"), 1)
    };
    let last = FILE.replace(
        "class B:\n    def f(self):\n        x = 1",
        "class B:\n    def f(self):\n        x = 2",
    );
    let g = second("2");
    for (name, patch, expected) in [
        (
            "anchors narrow",
            "*** Begin Patch\n*** Update File: a\n@@ class A:\n@@     def g(self):\n-        x = 1\n+        x = 2\n*** End Patch",
            Some(&g),
        ),
        (
            "anchor of another class",
            "*** Begin Patch\n*** Update File: a\n@@ class B:\n@@ def f(self):\n-        x = 1\n+        x = 2\n*** End Patch",
            Some(&last),
        ),
        (
            "one header for two anchors is no line of the file",
            "*** Update File: a\n@@ class C:\n-        x = 1\n+        x = 2\n",
            None,
        ),
        (
            "no anchor, several places",
            "*** Update File: a\n@@\n-        x = 1\n+        x = 2\n",
            None,
        ),
        (
            "only before its anchor",
            "*** Update File: a\n@@ class B:\n     def g(self):\n-        x = 1\n+        x = 2\n",
            None,
        ),
        (
            "marks in other letters, no end",
            "*** begin patch\n***Update file: `a`\n@@ def g(self):\n-        x = 1\n+        x = 2",
            Some(&g),
        ),
        (
            "context without its blank",
            "*** Update File: a\n@@\n    def g(self):\n-        x = 1\n+        x = 2\n        return x\n",
            Some(&g),
        ),
        (
            "indented too little",
            "*** Update File: a\n@@\n def g(self):\n-    x = 1\n+    x = 2\n     return x\n",
            Some(&g),
        ),
        (
            "at the end of the file",
            "*** Update File: a\n@@\n-        x = 1\n+        x = 2\n         return x\n*** End of File\n",
            Some(&last),
        ),
        (
            "a fence around it",
            "```diff\n--- a/a\n+++ b/a\n@@ -7 +7 @@\n-        x = 1\n+        x = 2\n```\n",
            Some(&g),
        ),
        (
            "wrong numbers, unique text",
            "--- a/a\n+++ b/a\n@@ -90,9 +91,2 @@\n     def g(self):\n-        x = 1\n+        x = 2\n",
            Some(&g),
        ),
        (
            "wrong numbers, several places",
            "--- a/a\n+++ b/a\n@@ -90,9 +91,2 @@\n-        x = 1\n+        x = 2\n",
            None,
        ),
        (
            "no @@ at all",
            "--- a/a\n+++ b/a\n     def g(self):\n-        x = 1\n+        x = 2\n         return x\n",
            Some(&g),
        ),
        (
            "a line that is not there",
            "*** Update File: a\n@@ def g(self):\n-        y = 1\n+        y = 2\n",
            None,
        ),
    ] {
        match (patched(FILE, patch), expected) {
            (Ok(text), Some(expected)) => assert_eq!(&text, expected, "{name}"),
            (Err(_), None) => {}
            (result, _) => panic!("{name}: {result:?}"),
        }
    }
    let changes = patch::parse("*** Add File: b\nplain\n\nlines\n*** End Patch").unwrap();
    let content = "plain\n\nlines\n".to_owned();
    assert_eq!(changes, [FileChange::Add { path: "b".to_owned(), content }]);
}

fn odd_text() -> impl Strategy<Value = String> {
    prop::collection::vec(
        prop::sample::select(vec![
            "a", "é", "“", "\u{a0}", "\t", " ", "\n", "\r\n", "  x", "}", "-", "—", "…", "total",
            "0", "\u{feff}", "日本",
        ]),
        0..30,
    )
    .prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Nothing panics, and where no place is like it nothing changes; lines far from the place stay.
    #[test]
    fn any_texts_are_edited_or_refused(
        before in odd_text(),
        block in odd_text(),
        after in odd_text(),
        search in odd_text(),
        new in odd_text(),
    ) {
        let fence = "fence of the file that no search knows";
        let text = format!("{before}\n{fence}\n{block}\n{fence} two\n{after}");
        for search in [&search, &block] {
            if let Ok(edited) = apply(&text, &[replace(search, &new)], Tolerance::Near) {
                let at = edited.text.find(fence);
                prop_assert!(at.is_some(), "{search:?} {:?}", edited.text);
                let (head, tail) = (&edited.text[..at.unwrap()], format!("{fence} two\n{after}"));
                let kept = head == format!("{before}\n") || edited.text.ends_with(&tail);
                prop_assert!(kept, "{search:?} -> {:?}", edited.text);
            }
        }
    }

    #[test]
    fn any_hunk_is_applied_or_refused(text in odd_text(), patch in odd_text(), header in "@@ ?[-+0-9, a}é]{0,12}") {
        for patch in [
            format!("*** Update File: f\n{header}\n{patch}"),
            format!("--- a/f\n+++ b/f\n{header}\n{patch}"),
        ] {
            let _ = patched(&text, &patch);
        }
    }
}
