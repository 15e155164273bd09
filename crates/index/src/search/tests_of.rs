//! Which files are tests, and which are made by tools or only show how something is used.

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
        let is_made = [".min.", ".pb.", ".generated.", "_pb2.", ".bundle."];
        Self {
            is_test: is_test(path),
            is_foreign: folders.split('/').any(|folder| folder.ends_with("dist"))
                || is_in(&[
                    "build",
                    "vendor",
                    "third_party",
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
    let path = path.to_lowercase();
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", &path));
    let stem = name.split('.').next().unwrap_or(name);
    folders.split('/').any(|folder| {
        matches!(folder, "test" | "tests" | "testing" | "__tests__" | "spec" | "specs" | "e2e")
            || folder.ends_with("_test")
            || folder.ends_with("-tests")
    }) || stem.starts_with("test_")
        || stem.ends_with("_test")
        || stem.ends_with("_tests")
        || stem.ends_with("-test")
        || stem.ends_with("_spec")
        || name.contains(".test.")
        || name.contains(".spec.")
        || matches!(stem, "conftest" | "tests" | "test")
        || is_java_test(&path)
}

/// `FooTest.java`: in lower case only the ending tells it from `latest`.
fn is_java_test(path: &str) -> bool {
    [".java", ".kt", ".cs", ".scala"].iter().any(|ending| {
        path.strip_suffix(ending)
            .is_some_and(|stem| stem.ends_with("test") || stem.ends_with("tests"))
    })
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
        ] {
            assert!(is_test(path), "{path}");
        }
        for path in ["src/a.py", "contest.py", "latest.go", "attest/a.rs", "testimony.md"] {
            assert!(!is_test(path), "{path}");
        }
    }
}
