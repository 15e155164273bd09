//! Outlines, one sample per language.

use std::path::Path;

use distiq_lang::{enclosing, outline};

/// Shows an outline, one item a line: indent by depth, lines, kind, name, signature.
fn show(path: &str, text: &str) -> String {
    let lines = text.lines().count();
    outline(Path::new(path), text)
        .unwrap()
        .iter()
        .map(|item| {
            assert!(item.start_line >= 1 && item.start_line <= item.end_line, "{item:?}");
            assert!(item.end_line as usize <= lines, "{item:?}");
            format!(
                "{}{}-{} {} {}: {}\n",
                "  ".repeat(item.depth),
                item.start_line,
                item.end_line,
                item.kind,
                item.name,
                item.signature
            )
        })
        .collect()
}

/// Each file under `samples` holds a source text and, behind a line of `====`, its outline.
#[test]
fn outlines_are_as_in_the_samples() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples");
    let mut wrong = String::new();
    let mut names: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    assert!(names.len() >= 13, "{names:?}");
    for path in names {
        let sample = std::fs::read_to_string(&path).unwrap();
        let (text, expected) = sample.split_once("====\n").unwrap();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let found = show(name, text);
        if found != expected {
            wrong.push_str(&format!("{name}:\n{found}\n"));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn unknown_and_large_files_have_none() {
    assert_eq!(outline(Path::new("a.txt"), "# a"), None);
    assert_eq!(outline(Path::new("a"), "fn a() {}"), None);
    assert_eq!(outline(Path::new("a.rs"), &"// x\n".repeat(1_000_000)), None);
    assert_eq!(outline(Path::new("a.rs"), ""), Some(Vec::new()));
    assert_eq!(enclosing(Path::new("a.txt"), "# a", 1), None);
}

#[test]
fn signatures_are_bounded() {
    let text = format!("fn a({}) {{}}", "x: u8, ".repeat(1_000));
    let items = outline(Path::new("a.rs"), &text).unwrap();
    assert_eq!(items[0].signature.chars().count(), 160);
    assert!(items[0].signature.starts_with("fn a(x: u8, x") && items[0].signature.ends_with('…'));
}

#[test]
fn the_signature_of_a_type_of_go_ends_before_what_it_holds() {
    let text = "package a\n\ntype A struct {\n\t// Not (yet) used.\n\tx int\n}\n\n\
                type B interface {\n\tDo(x int)\n}\n\ntype C struct{}\n\ntype D func(x int) struct{}\n";
    let items = outline(Path::new("a.go"), text).unwrap();
    let types = items.iter().filter(|item| item.depth == 0);
    let signatures: Vec<&str> = types.map(|item| item.signature.as_str()).collect();
    let expected =
        ["type A struct", "type B interface", "type C struct{}", "type D func(x int) struct{}"];
    assert_eq!(signatures, expected);
}

#[test]
fn broken_files_keep_their_outline() {
    let text = "fn a() {}\nfn b( {\n}\nfn c() {}\n";
    let names: Vec<_> =
        outline(Path::new("a.rs"), text).unwrap().into_iter().map(|item| item.name).collect();
    assert!(names.contains(&"a".into()) && names.contains(&"c".into()), "{names:?}");
}

#[test]
fn the_innermost_item_encloses_a_line() {
    let rust = "use x;\n\nmod m {\n    struct S { a: u8 }\n    impl S {\n        fn f(&self) {\n            let g = |x| {\n                x\n            };\n            fn h() {\n                1;\n            }\n        }\n    }\n    const C: u8 = 1;\n}\n";
    let python = "import a\n\n@d\nclass A:\n    x: int = 1\n\n    @p\n    def f(self):\n        def g():\n            return 1\n        return g\n\n\nB = 1\n";
    let js = "const a = () => {\n  return 1;\n};\nexport class B {\n  c() {\n    return [1].map((x) => {\n      return x;\n    });\n  }\n}\n";
    let cases = [
        ("a.rs", rust, 1, None),
        ("a.rs", rust, 3, Some(("module", "m", 3, 16))),
        ("a.rs", rust, 4, Some(("struct", "S", 4, 4))),
        ("a.rs", rust, 5, Some(("impl", "S", 5, 14))),
        ("a.rs", rust, 6, Some(("method", "f", 6, 13))),
        ("a.rs", rust, 8, Some(("method", "f", 6, 13))),
        ("a.rs", rust, 11, Some(("function", "h", 10, 12))),
        ("a.rs", rust, 15, Some(("module", "m", 3, 16))),
        ("a.rs", rust, 99, None),
        ("a.rs", rust, 0, None),
        ("a.py", python, 2, None),
        ("a.py", python, 3, Some(("class", "A", 3, 11))),
        ("a.py", python, 5, Some(("class", "A", 3, 11))),
        ("a.py", python, 7, Some(("method", "f", 7, 11))),
        ("a.py", python, 10, Some(("function", "g", 9, 10))),
        ("a.py", python, 11, Some(("method", "f", 7, 11))),
        ("a.py", python, 14, None),
        ("a.js", js, 2, Some(("function", "a", 1, 3))),
        ("a.js", js, 7, Some(("method", "c", 5, 9))),
        ("a.js", js, 10, Some(("class", "B", 4, 10))),
    ];
    for (path, text, line, expected) in cases {
        let found = enclosing(Path::new(path), text, line);
        let found = found.as_ref().map(|i| (i.kind, i.name.as_str(), i.start_line, i.end_line));
        assert_eq!(found, expected, "{path} line {line}");
    }
}
