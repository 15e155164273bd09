//! Names that very many have, files that name very many others: ties grow with the text, not with its square.

use distiq_index::graph::{EdgeKind, Graph};

use super::graph_of;

/// The most definitions of one scope that a name means.
const MOST_MEANT: usize = 64;

fn calls(graph: &Graph) -> usize {
    graph.edges().iter().filter(|edge| edge.kind == EdgeKind::Call).count()
}

#[test]
fn a_name_with_many_definitions_means_the_first_of_them() {
    let define = |count: usize, text: &str| text.repeat(count);
    for (path, text) in [
        ("a.py", "def same():\n    return same()\n"),
        ("a.ts", "export function same() {\n  return same()\n}\n"),
        ("a.rs", "fn same() -> u8 {\n    same()\n}\n"),
        ("a.c", "static int same(void) {\n    return same();\n}\n"),
    ] {
        let graph = graph_of(&format!("--- {path}\n{}", define(3, text)));
        assert!(calls(&graph) >= 2, "{path}: a few mean all");
        let graph = graph_of(&format!("--- {path}\n{}", define(1_000, text)));
        assert!(calls(&graph) <= 1_000 * MOST_MEANT, "{path}: {}", calls(&graph));
        assert!(!graph.references(graph.find("same")[0]).is_empty(), "{path}");
    }
}

#[test]
fn names_of_a_package_are_found_whether_few_or_many_have_them() {
    for count in [3, 900] {
        let mut files = String::from("--- go.mod\nmodule shop\n");
        for file in 0..count {
            files.push_str(&format!("--- p{file}/a.go\npackage p{file}\nfunc Same() {{}}\n"));
            files
                .push_str(&format!("--- p{file}/b.go\npackage p{file}\nfunc Use() {{ Same() }}\n"));
        }
        let graph = graph_of(&files);
        let meant = |file: usize| super::meant(&graph, &format!("p{file}/b.go"), 2, "Same");
        for file in [0, count / 2, count - 1] {
            assert_eq!(meant(file), format!("p{file}/a.go:2"), "of {count}");
        }
        assert_eq!(calls(&graph), count);
    }
}

#[test]
fn a_declaration_in_what_is_included_is_found_among_many() {
    let mut files =
        String::from("--- main.c\n#include \"d7/own.h\"\nint main(void) { return same(); }\n");
    for file in 0..900 {
        files.push_str(&format!("--- d{file}/own.h\nint same(void);\n"));
    }
    assert_eq!(super::meant(&graph_of(&files), "main.c", 2, "same"), "d7/own.h:1");
}

#[test]
fn one_of_very_many_imports_is_found() {
    let mut files = String::from("--- a.py\n");
    for import in 0..3_000 {
        files.push_str(&format!("from m{import} import f{import} as g{import}\n"));
    }
    files.push_str("g2999()\ng0()\n--- m0.py\ndef f0(): pass\n--- m2999.py\ndef f2999(): pass\n");
    let graph = graph_of(&files);
    assert_eq!(super::meant(&graph, "a.py", 3001, "g2999"), "m2999.py:1");
    assert_eq!(super::meant(&graph, "a.py", 3002, "g0"), "m0.py:1");
    assert_eq!(super::meant(&graph, "a.py", 1, "f0"), "m0.py:1");
}

#[test]
fn a_name_of_an_import_of_very_many_is_found() {
    let names: String = (0..6_000).map(|name| format!("  f{name} as g{name},\n")).collect();
    let graph = graph_of(&format!(
        "--- x.ts\nexport function f5() {{}}\nexport function f5999() {{}}\n--- a.ts\nimport {{\n{names}}} from './x';\ng5();\ng5999();\n"
    ));
    assert_eq!(super::meant(&graph, "a.ts", 6_003, "g5"), "x.ts:1");
    assert_eq!(super::meant(&graph, "a.ts", 6_004, "g5999"), "x.ts:2");
    assert_eq!(super::meant(&graph, "a.ts", 6_001, "g5999"), "x.ts:2");
}

#[test]
fn uses_of_many_are_those_of_each() {
    let mut files = String::from("--- a.ts\n");
    for class in 0..300 {
        files.push_str(&format!(
            "export class C{class} {{\n  same() {{ this.same(); }}\n}}\nexport function f{class}(of: C{class}) {{\n  of.same();\n}}\n"
        ));
    }
    let graph = graph_of(&files);
    let ids = graph.find("same");
    assert_eq!(ids.len(), 300);
    let of_each: Vec<_> = ids.iter().map(|id| graph.references(*id)).collect();
    assert_eq!(graph.references_of(&ids), of_each);
    assert!(of_each.iter().all(|uses| uses.len() >= 2), "{of_each:?}");
    assert!(graph.references_of(&[]).is_empty());
}

/// Each was asked for each name: minutes.
#[test]
fn very_many_wildcards_find_what_few_do() {
    const COUNT: usize = 2_000;
    let names: String = (0..COUNT).map(|name| format!("  x{name}();\n")).collect();
    let own = "--- p/B.java\npackage p;\npublic class B { public static void own() {} }\n";
    let all: String = (0..COUNT).map(|at| format!("import p{at}.*;\n")).collect();
    let java = format!(
        "{own}--- A.java\n{all}import p.*;\nclass A {{ void f() {{ B.own();\n{names}}}}}\n"
    );
    let line = u32::try_from(COUNT).unwrap() + 2;
    assert_eq!(super::meant(&graph_of(&java), "A.java", line, "own"), "p/B.java:2");
    let all = "from b import *\nfrom a import *\n".repeat(COUNT);
    let names = names.replace([' ', ';'], "");
    let python = format!("--- b.py\ndef own(): pass\n--- a.py\n{all}own()\n{names}");
    let line = 2 * u32::try_from(COUNT).unwrap() + 1;
    assert_eq!(super::meant(&graph_of(&python), "a.py", line, "own"), "b.py:1");
}
