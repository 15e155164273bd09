//! What a file holds, one sample per language.

use std::path::Path;

use distiq_lang::{PieceKind, Role, Source, source};

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

/// Shows the names of units with their lines.
fn ends(path: &str, text: &str) -> Vec<String> {
    let units = source(Path::new(path), text).unwrap().units;
    units
        .iter()
        .map(|unit| format!("{} {}-{}", unit.name, unit.start_line, unit.end_line))
        .collect()
}

/// Braces that each branch of a conditional opens, and one behind them closes.
#[test]
fn functions_of_c_end_where_their_braces_do() {
    let text = "int poll(int a) {
#ifdef A
  if (a) {
    one(\"{\"); // {
#else
  if (!a) {
    two('{');
#endif
    a++;
  }
  return a;
}

int next(void) {
  return 1;
}

#if B
static int guarded(int a)
{
#elif C
static int guarded(long a)
{
  three();
#endif
  return a;
}

#ifdef __cplusplus
extern \"C\" {
#endif
int last(void) {
#if X
  if (x) {
#endif
    four();
#if X
  } else {
# if Y
    five();
# endif
  }
#endif
  return 2;
}
#ifdef __cplusplus
}
#endif
";
    let expected = ["poll 1-12", "next 14-16", "guarded 19-27", "last 32-45"];
    assert_eq!(ends("a.c", text), expected);
    let calls = source(Path::new("a.c"), text).unwrap().pieces.into_iter();
    let calls: Vec<(String, u32)> = calls
        .filter(|piece| matches!(piece.kind, PieceKind::Identifier(Role::Call)))
        .map(|p| (text[p.bytes.start as usize..p.bytes.end as usize].to_owned(), p.line))
        .collect();
    let expected = [("one", 4), ("two", 7), ("three", 24), ("four", 36), ("five", 40)];
    assert_eq!(
        calls,
        expected.map(|(name, line)| (name.to_owned(), line)),
        "those of every branch"
    );
}

/// Macros that stand for members or for a statement's head, without a semicolon.
#[test]
fn structures_of_c_end_where_their_braces_do() {
    let text = "struct timer_s {
  HANDLE_FIELDS
  int before;
  PRIVATE_FIELDS(timer)
};

struct plain_s {
  int a;
};

enum kind {
  FIRST,
  LAST
};

int next(void) {
  return 1;
}
";
    let expected = ["timer_s 1-5", "plain_s 7-9", "kind 11-14", "next 16-18"];
    assert_eq!(ends("a.h", text), expected);
    let text = "struct A {
    int at(int i) const
    {
        JSON_TRY
        {
            return items.at(i);
        }
        JSON_CATCH (std::out_of_range&)
        {
            fail(i);
        }
    }
    int size() { return 1; }
};
int after() { return 2; }
";
    assert_eq!(ends("a.cpp", text), ["A 1-14", "at 2-12", "size 13-13", "after 15-15"]);
}

#[test]
fn functions_behind_the_macros_that_export_them_are_functions() {
    let text = "namespace YAML {
YAML_CPP_API std::vector<Node> LoadAll(const std::string& input);
DB_EXPORT
Result<std::string> Region(const std::string& bucket);
class Store {
  static DB_EXPORT Result<int> open(int a) { return a; }
};
}
";
    let found = source(Path::new("a.cpp"), text).unwrap();
    let unit = |unit: &distiq_lang::Unit| format!("{} {:?} {}", unit.kind, unit.class, unit.name);
    assert_eq!(
        found.units.iter().map(unit).collect::<Vec<_>>(),
        [
            "namespace None YAML",
            "function None LoadAll",
            "function None Region",
            "class None Store",
            "method None open",
        ]
    );
    let is_macro = |piece: &distiq_lang::Piece| {
        &text[piece.bytes.start as usize..piece.bytes.end as usize] == "YAML_CPP_API"
    };
    assert_eq!(found.pieces.iter().filter(|piece| is_macro(piece)).count(), 1);
}
