//! What a file holds, one sample per language.

use std::path::Path;

use distiq_lang::{PieceKind, Source, source};

/// Shows a source: units, imports, then the pieces of each line.
fn show(source: &Source, text: &str) -> String {
    let mut shown = String::new();
    let at = |range: &std::ops::Range<u32>| &text[range.start as usize..range.end as usize];
    if let Some(package) = &source.package {
        shown.push_str(&format!("package {package}\n"));
    }
    for unit in &source.units {
        let mut depth = 0;
        let mut parent = unit.parent;
        while let Some(index) = parent {
            depth += 1;
            parent = source.units[index as usize].parent;
        }
        let class = unit.class.as_ref().map(|class| format!("{class}.")).unwrap_or_default();
        shown.push_str(&format!(
            "{}{}-{} {}{} {class}{}",
            "  ".repeat(depth),
            unit.start_line,
            unit.end_line,
            if unit.is_exported { "+" } else { "" },
            unit.kind,
            unit.name
        ));
        if !unit.bases.is_empty() {
            shown.push_str(&format!(" ({})", unit.bases.join(", ")));
        }
        shown.push_str(&format!(": {}\n", unit.signature));
        if let Some(doc) = &unit.doc {
            shown.push_str(&format!("{}  # {}\n", "  ".repeat(depth), at(doc).replace('\n', "⏎")));
        }
    }
    for import in &source.imports {
        let names = import.names.iter().map(|name| match &name.alias {
            Some(alias) => format!("{} as {alias}", name.name),
            None => name.name.clone(),
        });
        let names: Vec<_> = names.chain(import.is_wildcard.then(|| "*".to_owned())).collect();
        shown.push_str(&format!(
            "{} {} `{}`{}: {}\n",
            import.line,
            if import.is_reexport { "reexports" } else { "imports" },
            import.from,
            import.alias.as_ref().map(|alias| format!(" as {alias}")).unwrap_or_default(),
            names.join(", ")
        ));
    }
    let mut line = 0;
    for piece in &source.pieces {
        let word = at(&piece.bytes).replace('\n', "⏎");
        let kind = match piece.kind {
            PieceKind::Identifier(role) => format!("{role:?}"),
            kind => format!("{kind:?}"),
        };
        let start = if piece.line == line { " ".to_owned() } else { format!("\n{}: ", piece.line) };
        line = piece.line;
        shown.push_str(&format!("{start}{word}/{kind}"));
    }
    shown.push('\n');
    shown
}

/// Each file under `sources` holds a source text and, behind a line of `====`, what it holds.
#[test]
fn sources_are_as_in_the_samples() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sources");
    let mut wrong = Vec::new();
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let sample = std::fs::read_to_string(&path).unwrap();
        let (text, expected) = sample.split_once("====\n").unwrap();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let found = show(&source(Path::new(name), text).unwrap(), text);
        count += 1;
        if found != expected {
            if std::env::var_os("DISTIQ_WRITE_SAMPLES").is_some() {
                std::fs::write(&path, format!("{text}====\n{found}")).unwrap();
            }
            wrong.push(format!("{name}:\n{found}"));
        }
    }
    assert!(count >= 25, "{count}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_no_language_is_known_for_is_no_source() {
    assert_eq!(source(Path::new("a.unknown"), "x"), None);
    assert_eq!(source(Path::new("a.rs"), &" ".repeat(5 << 20)), None);
    assert_eq!(source(Path::new("a.rs"), "").unwrap().units, []);
}

/// A tree as deep as the text is long is neither followed to its end nor does it overflow.
#[test]
fn a_deep_tree_is_walked() {
    let sum = format!("x = {}y\n", "a + ".repeat(12_000));
    assert!(source(Path::new("a.py"), &sum).is_some_and(|source| !source.pieces.is_empty()));
    let _ = source(Path::new("a.js"), &"(".repeat(100_000));
}
