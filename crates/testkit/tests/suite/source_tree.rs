//! Published sources, as tests of the agent get them.

use distiq_testkit::{Archive, SourceTree};

#[test]
fn a_published_archive_becomes_a_repository_with_a_planted_bug() {
    for (archive, file, old, new) in [
        (Archive::HECK, "src/kebab.rs", r#"write!(f, "-")"#, r#"write!(f, "_")"#),
        (
            Archive::MORE_ITERTOOLS,
            "more_itertools/more.py",
            "def chunked(iterable, n, strict=False):",
            "def chunked(iterable, n, strict=True):",
        ),
        (Archive::MINIMIST, "index.js", "'use strict';", ""),
    ] {
        let tree = SourceTree::unpack(&archive).unwrap();
        assert_eq!(tree.git(&["status", "--porcelain"]).unwrap(), "");
        let before = tree.git(&["rev-parse", "HEAD"]).unwrap();
        let again = SourceTree::unpack(&archive).unwrap();
        assert_eq!(again.git(&["rev-parse", "HEAD"]).unwrap(), before, "the same every time");
        tree.plant(file, old, new).unwrap();
        assert!(tree.git(&["show", "--stat"]).unwrap().contains(file));
        let error = tree.plant(file, old, new).unwrap_err().to_string();
        assert!(error.contains("occurs 0 times"), "{error}");
    }
}
