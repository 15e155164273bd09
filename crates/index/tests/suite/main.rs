//! The index on projects that the tests make.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod documents;
mod embedders;
mod fresh;
mod graph;
mod history;
mod hostile;
mod meaning;
mod ranking;
mod watch;

use std::fs;
use std::path::Path;

use distiq_index::{Control, Hit, Index, Mode, Query, Refreshed, Snapshot, Tests};

/// A project in a folder of its own.
struct Project {
    folder: tempfile::TempDir,
}

impl Project {
    /// Makes a project of `--- path` lines, each before its file's text.
    fn new(files: &str) -> Self {
        let project = Self { folder: tempfile::tempdir().unwrap() };
        for file in files.split("--- ").skip(1) {
            let (path, text) = file.split_once('\n').unwrap();
            project.write(path, text);
        }
        project
    }

    fn root(&self) -> std::path::PathBuf {
        self.folder.path().join("project")
    }

    fn cache(&self) -> std::path::PathBuf {
        self.folder.path().join("cache")
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn index(&self) -> Index {
        Index::open(&self.root(), &self.cache()).unwrap()
    }

    fn refresh(&self) -> Refreshed {
        self.index().refresh(&Control::default()).unwrap()
    }

    fn snapshot(&self) -> Snapshot {
        let index = self.index();
        index.refresh(&Control::default()).unwrap();
        index.snapshot().unwrap()
    }

    fn find(&self, text: &str, mode: Mode) -> Vec<Hit> {
        let query = Query { limit: 50, mode, ..Query::new(text) };
        self.snapshot().search(&query).unwrap()
    }

    /// Returns what is found, each as `path:line name`.
    fn found(&self, text: &str) -> Vec<String> {
        self.find(text, Mode::Hybrid).iter().map(shown).collect()
    }
}

fn shown(hit: &Hit) -> String {
    format!("{}:{} {}", hit.path, hit.start_line, hit.name)
}

const SHOP: &str = "--- shop/cart.py
\"\"\"What a customer wants to buy.\"\"\"
from shop.money import Price

class Cart:
    def __init__(self):
        self.lines = []

    def add_line(self, article, count=1):
        \"\"\"Puts an article into the cart.\"\"\"
        self.lines.append((article, count))

    def total(self):
        return sum(a.price * n for a, n in self.lines)
--- shop/money.py
class Price:
    \"\"\"An amount in cents.\"\"\"

    def with_discount(self, percent):
        # Rounds half up, as the tax office wants it.
        return self
--- web/src/checkout.ts
export function payInvoice(invoice: Invoice): Receipt {
  return sendToBank(invoice.amount);
}
--- README.md
# The shop

Sells articles.
";

#[test]
fn words_find_functions_by_name_documentation_and_code() {
    let project = Project::new(SHOP);
    for (query, first) in [
        ("how is an article put into the cart", "shop/cart.py:8 add_line"),
        ("total", "shop/cart.py:12 total"),
        ("discounted prices", "shop/money.py:4 with_discount"),
        ("rounding half up for the tax office", "shop/money.py:4 with_discount"),
        ("pay_invoice", "web/src/checkout.ts:1 payInvoice"),
        ("PayInvoices", "web/src/checkout.ts:1 payInvoice"),
        ("checkout", "web/src/checkout.ts:1 payInvoice"),
    ] {
        assert_eq!(project.found(query).first().map(String::as_str), Some(first), "{query}");
    }
    assert_eq!(project.found("zebra"), [""; 0]);
    assert_eq!(project.found(""), [""; 0]);
}

#[test]
fn names_are_found_as_code_has_them_and_misspelt() {
    let project = Project::new(SHOP);
    for query in [
        "def add_line",
        "def add_line(self, article, count=1):",
        "add_lnie",
        "addLine",
        "AddLine()",
    ] {
        let hits = project.find(query, Mode::Symbol);
        assert_eq!(hits.first().map(shown), Some("shop/cart.py:8 add_line".to_owned()), "{query}");
    }
    let hits = project.find("class Prcie", Mode::Symbol);
    assert_eq!(
        (hits[0].name.as_str(), hits[0].reasons[0].as_str()),
        ("Price", "its name is nearly so")
    );
    // Words of the name that are right do not hide it; a name that has all words is meant as it is.
    project.write("shop/parse.py", "def parse_header_line(): pass\ndef parse_heading_list(): pass\ndef reader(): pass\ndef FileHeader(): pass\n");
    for (query, first, reason) in [
        ("parse_haeder_line", "parse_header_line", "its name is nearly so"),
        ("header", "FileHeader", "words of its name"),
    ] {
        let hits = project.find(query, Mode::Symbol);
        assert_eq!((hits[0].name.as_str(), hits[0].reasons[0].as_str()), (first, reason));
        assert!(hits.is_sorted_by(|a, b| a.score >= b.score));
    }
    assert!(project.find("zebra", Mode::Symbol).is_empty());
    assert!(project.find("class", Mode::Symbol).is_empty());
}

#[test]
fn symbols_are_found_by_their_names_alone() {
    let project = Project::new(SHOP);
    for (query, first) in [
        ("Cart.total", "shop/cart.py:12 total"),
        ("total()", "shop/cart.py:12 total"),
        ("with_disc", "shop/money.py:4 with_discount"),
        ("price", "shop/money.py:1 Price"),
    ] {
        let hits = project.find(query, Mode::Symbol);
        assert_eq!(hits.first().map(shown).as_deref(), Some(first), "{query}");
    }
}

#[test]
fn every_definition_of_a_name_is_found_by_it() {
    let project = Project::new("");
    let text = "class A:\n    def run(self):\n        return 1\n\nclass DA:\n    def run(self):\n        return 1\n\n\
                def make(run_it):\n    def run(x): return x\n    class Run: pass\n    run = 3\n    return run\n";
    project.write("a.py", text);
    project.write("b.py", text);
    let found = |query: &str| -> Vec<String> {
        project
            .find(query, Mode::Symbol)
            .iter()
            .filter(|hit| hit.name == "run")
            .map(shown)
            .collect()
    };
    let lines = [2, 6, 10];
    let all: Vec<String> = ["a", "b"]
        .iter()
        .flat_map(|file| lines.map(|line| format!("{file}.py:{line} run")))
        .collect();
    assert_eq!(found("run"), all);
    // The class that is named stands first, not another whose name ends so.
    assert_eq!(found("A.run")[..2], ["a.py:2 run", "b.py:2 run"]);
    assert_eq!(project.find("Run", Mode::Symbol)[0].start_line, 11);
    // The head of a class stands for it.
    let classes: Vec<String> = project.find("DA", Mode::Symbol).iter().map(shown).collect();
    assert_eq!(classes[..2], ["a.py:5 DA", "b.py:5 DA"]);
    assert!(classes[2..].iter().all(|it| !it.ends_with("DA")), "{classes:?}");
    assert_eq!(project.find(" ", Mode::Symbol), []);
}

#[test]
fn tests_that_are_named_are_shown_where_tests_are_left_out() {
    let project = Project::new("");
    project.write("http.py", "def parse_cookie(x):\n    return x\n\ndef parse(x):\n    return x\n");
    let tests =
        "def test_parse_cookie():\n    parse_cookie('a')\n\ndef parse_cookie():\n    pass\n";
    project.write("tests/test_http.py", tests);
    let snapshot = project.snapshot();
    for mode in [Mode::Hybrid, Mode::Text, Mode::Symbol, Mode::Vector] {
        let paths = |text| -> Vec<String> {
            let query = Query { mode, tests: Tests::Exclude, ..Query::new(text) };
            let hits = snapshot.search(&query).unwrap();
            hits.iter().map(shown).filter(|it| it.starts_with("tests/")).collect()
        };
        assert_eq!(
            paths("test_parse_cookie"),
            ["tests/test_http.py:1 test_parse_cookie"],
            "{mode:?}"
        );
        // What is not of tests alone is meant where it is not of tests.
        assert_eq!(paths("parse_cookie"), [""; 0], "{mode:?}");
        assert_eq!(paths("parse the cookie"), [""; 0], "{mode:?}");
        if mode != Mode::Symbol {
            assert_eq!(paths("parse_cookie in test_http.py").len(), 2, "{mode:?}");
        }
    }
}

#[test]
fn an_index_of_nothing_finds_nothing() {
    let project = Project::new("");
    fs::create_dir_all(project.root()).unwrap();
    assert_eq!(project.found("anything"), [""; 0]);
    assert_eq!(project.snapshot().stats().files, 0);
}

/// Returns the names of what lies in a folder.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_word_that_nothing_holds_stands_for_those_that_begin_so() {
    let project = Project::new(
        "--- a.py
def remove_trailing_semicolon(line):
    return line

def configuration(path):
    return path

def dropSemicolons(line):
    return line
",
    );
    let names = |text: &str, mode| {
        let mut names: Vec<String> =
            project.find(text, mode).into_iter().map(|hit| hit.name).collect();
        names.sort();
        names
    };
    for mode in [Mode::Text, Mode::Symbol] {
        let both = ["dropSemicolons", "remove_trailing_semicolon"];
        assert_eq!(names("semicol", mode), both, "{mode:?}");
        // Longer than its stem.
        assert_eq!(names("configurat", mode), ["configuration"], "{mode:?}");
        assert!(names("se", mode).is_empty(), "{mode:?}");
        assert!(names("semicolxx", mode).is_empty(), "{mode:?}");
    }
    let reasons = &project.find("semicol", Mode::Text)[0].reasons;
    assert_eq!(reasons, &["name `semicol…`"]);
    // What stands somewhere means itself.
    project.write("b.py", "def semicol(x):\n    return x\n");
    assert_eq!(names("semicol", Mode::Text), ["semicol"]);
}
