//! Syntax errors, by language.

use std::path::Path;

use distiq_base::{SyntaxCheck, SyntaxError};
use distiq_lang::{Syntax, added_errors};

fn check(path: &str, text: &str) -> Option<Vec<String>> {
    let errors = Syntax.check(Path::new(path), text)?;
    Some(errors.iter().map(|e| format!("{}:{} {}", e.line, e.column, e.message)).collect())
}

#[test]
fn whole_files_have_no_errors() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let sample = std::fs::read_to_string(&path).unwrap();
        let (text, _) = sample.split_once("====\n").unwrap();
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert_eq!(check(name, text), Some(Vec::new()), "{name}");
        assert_eq!(check(name, &text.replace('\n', "\r\n")), Some(Vec::new()), "{name} CRLF");
    }
}

#[test]
fn errors_are_told_with_their_place() {
    for (path, text, expected) in [
        ("a.rs", "fn a() {\n    let x = (1 + 2;\n}\n", "2:19 Missing `)`"),
        ("a.rs", "fn a() {\n    b();\n", "1:8 Unclosed `{`"),
        ("a.rs", "fn a() {}\n}\n", "2:1 Unexpected `}`"),
        ("a.rs", "fn a() { let = 1; }", "1:14 Unexpected `=`"),
        ("a.rs", "fn a() { let x = 1 }", "1:19 Missing `;`"),
        ("a.py", "def f(:\n    pass\n", "1:7 Missing `)`"),
        ("a.py", "def f()\n    pass\n", "1:1 Unexpected `def f()`"),
        ("a.py", "x = (1,\ny = 2\n", "1:5 Unclosed `(`"),
        ("a.py", "print 'a' +\n", "1:1 Unexpected `print 'a' +`"),
        ("a.js", "function f() {\n  return 1;\n", "2:12 Missing `}`"),
        ("a.js", "const = 1;\n", "1:1 Unexpected `const =`"),
        ("a.ts", "let x: = 1;\n", "1:6 Unexpected `:`"),
        ("a.tsx", "const a = <div>;\n", "1:1 Unexpected `const a = <div>;`"),
        ("a.go", "package a\nfunc f( {\n}\n", "2:8 Missing `)`"),
        ("A.java", "class A { int f( { } }\n", "1:17 Missing `)`"),
        ("a.c", "int f(void) { return 1 }\n", "1:23 Missing `;`"),
        ("a.cpp", "class A { int x }\n", "1:1 Unexpected `class A { int x }`"),
        ("a.toml", "a = \n[b]\n", "1:1 Unexpected `a =`"),
        ("a.yaml", "a: [1, 2\nb: 3\n", "1:4 Unexpected `[1, 2`"),
        ("a.sh", "if a; then\n  b\n", "3:1 Missing `fi`"),
        ("日.rs", "// 日本\nfn a() { /* é */ b(; }\n", "2:19 Unexpected `(`"),
    ] {
        let found = check(path, text).unwrap();
        assert_eq!(found.first().map(String::as_str), Some(expected), "{path} {text:?}");
    }
}

#[test]
fn json_is_strict() {
    for (text, expected) in [
        ("{}", ""),
        (" [1, -0.5e+3, \"\\u00e9\\n\", true, null] \n", ""),
        ("\u{feff}{}", ""),
        ("", "1:1 Expected a value, found the end of the file"),
        ("{\"a\": 1,}", "1:9 Expected a name in double quotes, found `}`"),
        ("[1,]", "1:4 Expected a value, found `]`"),
        ("[1 2]", "1:4 Expected `,` or `]`, found `2`"),
        ("{\"a\" 1}", "1:6 Expected `:`, found `1`"),
        ("{a: 1}", "1:2 Expected a name in double quotes, found `a`"),
        ("{'a': 1}", "1:2 Expected a name in double quotes, found `'`"),
        ("{\n // c\n}", "2:2 Comments are not allowed in JSON"),
        ("{} {}", "1:4 Expected the end of the file, found `{`"),
        ("01", "1:2 A number must not begin with 0"),
        ("1.", "1:3 Expected a digit, found the end of the file"),
        ("\"a\nb\"", "1:3 Expected `\"`, found the end of the line"),
        ("\"\\x\"", "1:4 Unknown escape in a string"),
        ("\"\\u12\"", "1:6 Expected a hexadecimal digit, found `\"`"),
        ("NaN", "1:1 Expected a value, found `N`"),
        ("{\"é\": tru}", "1:7 Expected a value, found `t`"),
        ("[1", "1:3 Expected `,` or `]`, found the end of the file"),
    ] {
        let found = check("a.json", text).unwrap();
        assert_eq!(found.first().map_or("", String::as_str), expected, "{text:?}");
    }
    assert_eq!(check("a.json", &"[".repeat(100_000)).map(|errors| errors.len() <= 20), Some(true));
}

#[test]
fn json_with_comments_is_not() {
    for (text, expected) in [
        ("{\n // c\n \"a\": [1, /* d */ 2,],\n}", ""),
        ("{\"a\": 1,,}", "1:9 Expected a name in double quotes, found `,`"),
        ("{ /* }", "1:3 Unclosed `/*`"),
        ("{ / }", "1:3 Expected a comment, found `/`"),
    ] {
        let found = check("tsconfig.json", text).unwrap();
        assert_eq!(found.join("\n"), expected, "{text:?}");
    }
}

#[test]
fn what_cannot_be_checked_is_not() {
    assert_eq!(check("a.md", "((("), None);
    assert_eq!(check("a.rs", &" ".repeat(4 * 1024 * 1024 + 1)), None);
    let many = "}\n".repeat(1_000);
    assert!(check("a.rs", &many).unwrap().len() <= 20);
    assert!(check("a.rs", &"x ) ; ".repeat(1_000)).unwrap().len() <= 20);
}

#[test]
fn an_edit_answers_for_its_own_errors() {
    let error = |line, message: &str| SyntaxError { line, column: 1, message: message.into() };
    let (a, b) = (|line| error(line, "a"), |line| error(line, "b"));
    for (before, after, added) in [
        (vec![], vec![a(1)], vec![a(1)]),
        (vec![a(1)], vec![a(1)], vec![]),
        (vec![a(1)], vec![a(9)], vec![]),
        (vec![a(1)], vec![], vec![]),
        (vec![a(1)], vec![b(1)], vec![b(1)]),
        (vec![a(1)], vec![a(1), a(5)], vec![a(5)]),
        (vec![a(5)], vec![a(1), a(5)], vec![a(1)]),
        (vec![a(1), b(2)], vec![a(3), b(4), b(5)], vec![b(4)]),
        (vec![a(1), a(2)], vec![a(3)], vec![]),
    ] {
        assert_eq!(added_errors(&before, &after), added, "{before:?} {after:?}");
    }
    let path = Path::new("a.rs");
    let before = "fn a( { }\nfn b() {}\n";
    let after = "use x;\n\nfn a( { }\nfn b() {\n";
    let errors = |text| Syntax.check(path, text).unwrap();
    let added = added_errors(&errors(before), &errors(after));
    assert_eq!(added.len(), 1, "{added:?}");
    let moved = format!("use x;\n\n{before}");
    assert_eq!(added_errors(&errors(before), &errors(&moved)), []);
}

/// The piece around a change tells the same as the whole file.
#[test]
fn a_large_file_answers_for_its_change_alone() {
    let path = Path::new("a.rs");
    let item = |i: usize| {
        format!("/// Doc.\nfn f{i}(a: u32) -> u32 {{\n    let x = a + {i};\n\n    g(x)\n}}\n\n")
    };
    let old: String = (0..1_500).map(item).collect();
    for (was, is, errors) in [
        ("let x = a + 700;", "let y = a + 701;", 0),
        ("let x = a + 700;", "let y = (a + 701;", 1),
        ("fn f700(a: u32) -> u32 {", "fn f700(a: u32) -> u32 {{", 1),
        ("/// Doc.\nfn f700", "/* no end\nfn f700", 1),
        ("    let x = a + 1499;\n\n    g(x)\n}\n", "", 1),
    ] {
        assert!(old.contains(was));
        let new = old.replacen(was, is, 1);
        let added = Syntax.added(path, &old, &new);
        assert_eq!(added.len().min(1), errors, "{is}: {added:?}");
        let whole = Syntax.check(path, &new).unwrap();
        assert_eq!(whole.first(), added.first());
    }
    // A file that had an error keeps it, in other words or at another place.
    let broken = old.replacen("let x = a + 20;", "let x = a + ;", 1);
    let new = broken.replacen("let x = a + ;\n\n", "let x = b + ;\n", 1);
    assert_eq!(Syntax.added(path, &broken, &new), []);
}
