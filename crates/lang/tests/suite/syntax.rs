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
        ("a.rs", "fn a() { let = 1; }", ""),
        ("a.rs", "fn a() { let x = 1 }", ""),
        ("a.py", "def f(:\n    pass\n", ""),
        ("a.py", "def f()\n    pass\n", ""),
        ("a.py", "x = (1,\ny = 2\n", ""),
        ("a.py", "print 'a' +\n", ""),
        ("a.js", "function f() {\n  return 1;\n", ""),
        ("a.js", "const = 1;\n", ""),
        ("a.ts", "let x: = 1;\n", ""),
        ("a.tsx", "const a = <div>;\n", ""),
        ("a.go", "package a\nfunc f( {\n}\n", ""),
        ("A.java", "class A { int f( { } }\n", ""),
        ("a.c", "int f(void) { return 1 }\n", ""),
        ("a.cpp", "class A { int x }\n", ""),
        ("a.toml", "a = \n[b]\n", ""),
        ("a.yaml", "a: [1, 2\nb: 3\n", ""),
        ("a.sh", "if a; then\n  b\n", ""),
        ("日.rs", "// 日本\nfn a() { /* é */ b(; }\n", ""),
    ] {
        let found = check(path, text).unwrap();
        println!("(\"{path}\", {text:?}, {:?}),", found.first().cloned().unwrap_or_default());
        assert!(!found.is_empty(), "{path} {text:?}");
        if !expected.is_empty() {
            assert_eq!(found[0], expected, "{path} {text:?}");
        }
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
