//! What paths tell: which files are tests, made by tools or examples, and which belong together.

use distiq_base::paths::file_name;
use serde::{Deserialize, Serialize};

/// What a file's path tells of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileKind {
    pub is_test: bool,
    /// Whether a tool made it, or others did: `dist`, `vendor`, `.min.js`.
    pub is_foreign: bool,
    /// Whether it shows how something is used: `examples`, `docs`, `benches`.
    pub is_example: bool,
}

impl FileKind {
    /// Reads a path.
    pub fn of(path: &str) -> Self {
        let lower = path.to_lowercase();
        let (folders, name) = lower.rsplit_once('/').unwrap_or(("", &lower));
        let is_in = |names: &[&str]| folders.split('/').any(|folder| names.contains(&folder));
        let is_made = [".min.", "-min.", ".umd.", ".pb.", ".generated.", "_pb2.", ".bundle."];
        Self {
            is_test: is_test(path),
            is_foreign: folders.split('/').any(|folder| folder.ends_with("dist"))
                || is_in(&[
                    "build",
                    "vendor",
                    "third_party",
                    "third-party",
                    "thirdparty",
                    "3rdparty",
                    "external",
                    "node_modules",
                    "generated",
                ])
                || is_made.iter().any(|part| name.contains(part)),
            is_example: is_in(&[
                "example",
                "examples",
                "demo",
                "demos",
                "sample",
                "samples",
                "docs",
                "doc",
                "bench",
                "benches",
                "benchmark",
                "benchmarks",
                "fixtures",
                "testdata",
            ]),
        }
    }
}

/// Tells by a file's path whether it holds tests.
pub fn is_test(path: &str) -> bool {
    let lower = path.to_lowercase();
    let (folders, name) = lower.rsplit_once('/').unwrap_or(("", &lower));
    let (stem, ending) = name.split_once('.').unwrap_or((name, ""));
    folders.split('/').any(|folder| {
        matches!(folder, "test" | "tests" | "testing" | "__tests__" | "spec" | "specs" | "e2e")
            || folder.ends_with("_test")
            || folder.ends_with("-tests")
    }) || stem.starts_with("test_")
        || stem.ends_with("_test")
        || stem.ends_with("_tests")
        || stem.ends_with("-test")
        || stem.ends_with("_spec") && SPECS.contains(&ending)
        || name.contains(".test.")
        || name.contains(".spec.")
        || matches!(stem, "conftest" | "tests" | "test")
        || is_java_test(path)
}

/// The languages whose tests are called `parser_spec`.
const SPECS: [&str; 8] = ["rb", "lua", "cr", "js", "ts", "coffee", "moon", "ex"];

/// Tells `FooTest.java` from `Latest.java`; in `src/main`, a `BinomialTest` is one of statistics.
fn is_java_test(path: &str) -> bool {
    let is_called = [".java", ".kt", ".cs", ".scala"].iter().any(|ending| {
        path.strip_suffix(ending)
            .is_some_and(|stem| stem.ends_with("Test") || stem.ends_with("Tests"))
    });
    is_called && !format!("/{path}").contains("/src/main/")
}

/// What stands before and behind a stem in the name of its test, or of the other half of a header.
const BEFORE: [&str; 2] = ["test_", "test-"];
const BEHIND: [&str; 9] =
    ["_test", "-test", "_tests", "-tests", "_spec", "tests", "test", "-inl", "_impl"];

/// Returns what the names of a file and of its twins share: `parser` of `parser.c`, `parser.h`, `test_parser.c`, `parser-inl.h`,
/// `ParserTest.java` and `parser.spec.ts`. Empty where nothing is left.
pub(crate) fn stem(path: &str) -> String {
    let name = file_name(path).to_lowercase();
    let mut stem = name.split('.').next().unwrap_or_default();
    stem = BEFORE.iter().find_map(|mark| stem.strip_prefix(mark)).unwrap_or(stem);
    stem = BEHIND.iter().find_map(|mark| stem.strip_suffix(mark)).unwrap_or(stem);
    stem.to_owned()
}

/// Endings of headers, and of what they are headers of.
const HEADERS: [&str; 5] = ["h", "hh", "hpp", "hxx", "h++"];
const SOURCES: [&str; 9] = ["c", "cc", "cpp", "cxx", "c++", "m", "mm", "inl", "ipp"];
/// Folders that say of what sort their files are, not what they are about.
const SORTS: [&str; 15] = [
    "src",
    "lib",
    "include",
    "source",
    "main",
    "java",
    "kotlin",
    "scala",
    "test",
    "tests",
    "testing",
    "__tests__",
    "spec",
    "specs",
    "unit",
];

/// Tells of two files with the same stem whether they belong together: they lie in one folder, or one is the other's test or
/// header and their folders do not part ways.
pub(crate) fn belong_together(one: &str, other: &str) -> bool {
    let split = |path: &str| {
        let lower = path.to_lowercase();
        let (folders, name) = lower.rsplit_once('/').unwrap_or(("", &lower));
        let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending).to_owned();
        (folders.split('/').map(str::to_owned).collect::<Vec<_>>(), ending)
    };
    let ((one_folders, one_ending), (other_folders, other_ending)) = (split(one), split(other));
    if one_folders == other_folders {
        return true;
    }
    let is_header = |a: &str, b: &str| HEADERS.contains(&a) && SOURCES.contains(&b);
    let are_halves = is_header(&one_ending, &other_ending) || is_header(&other_ending, &one_ending);
    if is_test(one) == is_test(other) && !are_halves {
        return false;
    }
    let about = |folders: &[String]| -> Vec<String> {
        let says = |folder: &&String| !folder.is_empty() && !SORTS.contains(&folder.as_str());
        folders.iter().filter(says).cloned().collect()
    };
    let (short, long) = (about(&one_folders), about(&other_folders));
    let (short, long) = if short.len() <= long.len() { (short, long) } else { (long, short) };
    let mut rest = long.iter();
    short.iter().all(|folder| rest.any(|other| other == folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_known_by_their_paths() {
        for path in [
            "tests/a.py",
            "src/test/java/A.java",
            "test_a.py",
            "a_test.go",
            "a.test.ts",
            "b.spec.js",
            "pkg/__tests__/x.js",
            "conftest.py",
            "src/FooTest.java",
            "src/tests.rs",
            "spec_of/parser_spec.rb",
        ] {
            assert!(is_test(path), "{path}");
        }
        for path in [
            "src/a.py",
            "contest.py",
            "latest.go",
            "attest/a.rs",
            "testimony.md",
            "src/Latest.java",
            "stat/src/main/java/stat/BinomialTest.java",
            "src/discovery/py_spec.py",
        ] {
            assert!(!is_test(path), "{path}");
        }
    }

    #[test]
    fn a_test_and_what_it_tests_share_their_stem() {
        for path in [
            "src/parser.c",
            "include/Parser.h",
            "tests/test_parser.c",
            "a/parser-inl.h",
            "src/test/java/ParserTest.java",
            "web/parser.spec.ts",
            "parser_test.go",
            "parser.d.ts",
        ] {
            assert_eq!(stem(path), "parser", "{path}");
        }
        for (one, other, belong) in [
            ("tests/test_utils.py", "src/jinja2/utils.py", true),
            ("router_test.go", "router.go", true),
            ("web/cart.ts", "web/cart.html", true),
            ("include/net/Url.h", "src/url.cc", true),
            ("src/main/java/a/b/Foo.java", "src/test/java/a/b/FooTest.java", true),
            ("rt/tests/queue.rs", "rt/scheduler/queue.rs", true),
            ("cors/config.go", "csrf/config.go", false),
            ("cors/config_test.go", "csrf/config.go", false),
            ("a/index.ts", "b/index.ts", false),
            ("a/b/url.h", "a/c/url.cc", false),
        ] {
            assert_eq!(belong_together(one, other), belong, "{one} {other}");
            assert_eq!(belong_together(other, one), belong, "{other} {one}");
        }
        assert_eq!(stem("src/lib.rs"), "lib");
        assert_eq!(stem(".gitignore"), "");
        assert_eq!(stem("tests/test.py"), "");
    }
}
