//! Texts that repeat one thing thousands of times: what is found of them, and that it is found before the runner's patience ends.

use std::path::Path;

use distiq_lang::{Source, source};

fn of(path: &str, text: &str) -> Source {
    source(Path::new(path), text).unwrap()
}

/// Each node was looked for from the root, once for every level around it: minutes.
#[test]
fn what_nests_deep_is_read_once() {
    const DEPTH: usize = 3_000;
    let nested =
        |open: &str, close: &str| format!("{}1{}", open.repeat(DEPTH), close.repeat(DEPTH));
    let found = of("a.ts", &format!("const a: T = {};", nested("{ a: ", "}")));
    assert_eq!(found.objects.len(), DEPTH);
    let found = of("a.go", &format!("package a\nvar x = T{}\n", nested("{A: ", "}")));
    assert_eq!(found.objects.len(), DEPTH);
    let found = of("a.js", &format!("x = a{};", ".b".repeat(DEPTH)));
    assert_eq!(found.pieces.len(), DEPTH + 2);
    let types = vec!["\"B\""; DEPTH].join(" | ");
    let found = of("a.py", &format!("def f(a: {types}): pass\n"));
    assert_eq!(found.pieces.len(), DEPTH + 2);
}

/// Each part was looked up of each name that may come from there.
#[test]
fn paths_longer_than_those_of_modules_are_no_imports() {
    let path = |parts: usize, between: &str| vec!["ab"; parts].join(between);
    let count = |parts: usize| {
        let java = format!("import {0};\nclass A {{}}", path(parts, "."));
        let rust = format!("use {};\nuse {}{{a, b}};\n", path(parts, "::"), "ab::".repeat(parts));
        let files = [
            ("A.java", java),
            ("a.kt", format!("import {}\n", path(parts, "."))),
            ("a.scala", format!("import {}\n", path(parts, "."))),
            ("a.php", format!("<?php\nuse {};\n", path(parts, "\\"))),
            ("a.cs", format!("using {};\n", path(parts, "."))),
            (
                "a.py",
                format!("import {}\nfrom {}a import b\n", path(parts, "."), ".".repeat(parts)),
            ),
            ("a.go", format!("package a\nimport \"{}\"\n", path(parts, "/"))),
            ("a.ts", format!("import a from \"{}\";\n", path(parts, "/"))),
            ("a.c", format!("#include \"{}\"\n", path(parts, "/"))),
            ("a.rs", rust),
        ];
        files.map(|(name, text)| (name, of(name, &text).imports.len()))
    };
    let one = |name| (name, 1);
    assert_eq!(
        count(50),
        [
            one("A.java"),
            one("a.kt"),
            one("a.scala"),
            one("a.php"),
            one("a.cs"),
            ("a.py", 2),
            one("a.go"),
            one("a.ts"),
            one("a.c"),
            ("a.rs", 3),
        ]
    );
    assert!(count(3_000).iter().all(|(_, imports)| *imports == 0), "{:?}", count(3_000));
    let package = |parts| of("A.java", &format!("package {};\n", path(parts, "."))).package;
    assert_eq!(package(50), Some(path(50, ".")));
    assert_eq!(package(3_000), None);
}

/// The parser took minutes to give up, and did not ask whether it should.
#[test]
fn comparisons_of_c_sharp_without_an_end_are_not_parsed() {
    let of = |count: usize| {
        let text = format!("class A {{ void F() {{ x = a{}; }} }}\n", "<b".repeat(count));
        source(Path::new("a.cs"), &text).is_some()
    };
    assert!(of(100) && !of(4_000));
}
