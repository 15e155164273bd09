//! Any text at all: no panic, and every line within the file.

use std::path::Path;
use std::sync::LazyLock;

use distiq_base::SyntaxCheck;
use distiq_lang::{Syntax, enclosing, fuzzed, outline, shell};
use proptest::prelude::*;

/// The samples' names and texts.
static SAMPLES: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let folders = [root.join("samples"), root.join("sources")];
    folders
        .iter()
        .flat_map(|folder| std::fs::read_dir(folder).unwrap())
        .map(|entry| {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            let text = text.split_once("====\n").unwrap().0.to_owned();
            (path.file_stem().unwrap().to_str().unwrap().to_owned(), text)
        })
        .collect()
});

/// A sample with some parts cut out, doubled or overwritten.
fn mutated() -> impl Strategy<Value = (String, String)> {
    let cut =
        (any::<prop::sample::Index>(), 0_usize..30, "[{}()\\[\\]\"'`;:,<>/*#\\\\\n\t é]{0,3}");
    (0..SAMPLES.len(), prop::collection::vec(cut, 0..6)).prop_map(|(sample, cuts)| {
        let (name, text) = &SAMPLES[sample];
        let mut text = text.clone();
        for (at, length, put) in cuts {
            let start = text.floor_char_boundary(at.index(text.len() + 1));
            let end = text.floor_char_boundary((start + length).min(text.len()));
            text.replace_range(start..end, &put);
        }
        (name.clone(), text)
    })
}

fn examine(name: &str, text: &str) {
    let path = Path::new(name);
    let lines = text.split('\n').count() as u32;
    for item in outline(path, text).unwrap_or_default() {
        assert!(1 <= item.start_line && item.start_line <= item.end_line, "{item:?}");
        assert!(item.end_line <= lines, "{item:?} of {lines}");
        assert!(item.signature.chars().count() <= 160 && !item.signature.contains('\n'));
        assert!(!item.name.is_empty());
    }
    for line in [0, 1, lines / 2, lines, u32::MAX] {
        if let Some(item) = enclosing(path, text, line) {
            assert!(item.start_line <= line && line <= item.end_line, "{item:?} around {line}");
        }
    }
    fuzzed(format!("{name}\n{text}").as_bytes());
    let errors = Syntax.check(path, text).unwrap_or_default();
    assert!(errors.len() <= 20);
    for error in errors {
        assert!(1 <= error.line && error.line <= lines, "{error:?} of {lines}");
        assert!(error.column >= 1 && error.message.chars().count() < 120, "{error:?}");
    }
    let _ = shell::parse(text);
}

fn cases() -> u32 {
    std::env::var("SOURCE_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(300)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn mutated_sources((name, text) in mutated()) {
        examine(&name, &text);
    }

    #[test]
    fn arbitrary_texts(sample in 0..SAMPLES.len(), text in "\\PC{0,200}|(?s).{0,200}") {
        examine(&SAMPLES[sample].0, &text);
    }
}

#[test]
fn deep_nesting_is_survived() {
    let opens = ["(", "[", "{", "<", "if (", "fn f() {", "def f(", "a: ", "- ", "? ", "cat <<a "];
    for (name, _) in SAMPLES.iter() {
        for open in opens {
            let _ = Syntax.check(Path::new(name), &open.repeat(600));
        }
    }
}

/// Blocks within blocks within blocks, as far as a grammar's scanner holds them and further.
#[test]
fn deep_blocks_are_survived() {
    for (name, open) in [("a.py", "if x:\n"), ("a.yaml", "a:\n"), ("a.yaml", "-\n")] {
        for (step, depth) in [(1, 150), (1, 600), (4, 600), (1, 1_200)] {
            let text: String =
                (0..depth).map(|level| format!("{}{open}", " ".repeat(level * step))).collect();
            let _ = outline(Path::new(name), &format!("{text}{}f'{{x", " ".repeat(depth * step)));
        }
    }
}
