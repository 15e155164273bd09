//! Documents in an index of their own, and both indexes searched as one.

use std::fs::{self, File};
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use distiq_base::{DocumentError, ReadDocument};
use distiq_index::{Control, Index, Mode, Query, Snapshot};

use crate::Project;

const WORDS: [&str; 14] = [
    "anchor", "buoy", "crane", "dock", "estuary", "ferry", "gull", "hawser", "inlet", "jetty",
    "keel", "lock", "mast", "net",
];

/// Reads what stands behind `%PDF `, and counts how often it is asked.
#[derive(Debug, Default)]
struct Plain {
    asked: AtomicUsize,
}

impl ReadDocument for Plain {
    fn text(&self, mut file: File) -> Result<String, DocumentError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        text.strip_prefix("%PDF ").map(str::to_owned).ok_or(DocumentError::Broken)
    }
}

struct Shelf {
    project: Project,
    reader: Arc<Plain>,
}

impl Shelf {
    fn new(files: &str) -> Self {
        Self { project: Project::new(files), reader: Arc::default() }
    }

    /// Writes a file that is old enough to be believed unchanged.
    fn write(&self, path: &str, text: &str) {
        self.project.write(path, text);
        std::thread::sleep(Duration::from_millis(70));
    }

    fn documents(&self) -> Index {
        let reader: Arc<dyn ReadDocument> = Arc::clone(&self.reader) as _;
        Index::open_documents(&self.project.root(), &self.project.cache(), reader).unwrap()
    }

    /// Returns what code and documents hold now.
    fn joined(&self) -> Snapshot {
        let documents = self.documents();
        documents.refresh(&Control::default()).unwrap();
        self.project.refresh();
        let code = self.project.snapshot();
        code.with_documents(&documents.snapshot().unwrap()).unwrap()
    }

    fn found(&self, text: &str, mode: Mode) -> Vec<String> {
        let hits = self.joined().search(&Query { mode, ..Query::new(text) }).unwrap();
        hits.into_iter().map(|hit| hit.path).collect()
    }

    fn asked(&self) -> usize {
        self.reader.asked.load(Ordering::Relaxed)
    }

    fn kept(&self) -> usize {
        let names = fs::read_dir(self.documents().folder())
            .unwrap()
            .flatten()
            .map(|entry| entry.file_name());
        names.filter(|name| name.to_str().unwrap().ends_with(".txt")).count()
    }
}

#[test]
fn secrets_of_documents_are_not_kept() {
    let shelf = Shelf::new("--- a.py\ndef anchor(): pass\n");
    shelf.write("a.pdf", "%PDF The anchor is sold.\nPassword: tr0ub4dorhorse\n");
    let joined = shelf.joined();
    let text = joined.text("a.pdf").unwrap();
    assert_eq!(text, "The anchor is sold.\nPassword: **************\n");
    let query = Query { mode: Mode::Text, ..Query::new("tr0ub4dorhorse") };
    assert!(joined.search(&query).unwrap().is_empty());
}

#[test]
fn documents_are_found_beside_code_by_who_asks_for_them() {
    let shelf = Shelf::new("--- a.py\ndef moor(vessel):\n    return vessel.ropes\n");
    shelf.write("b.PDF", "%PDF A vessel is moored with two ropes.\n\u{c}Dogs stay away.\n");
    for mode in [Mode::Hybrid, Mode::Text] {
        let mut found = shelf.found("vessel ropes", mode);
        found.sort();
        assert_eq!(found, ["a.py", "b.PDF"], "{mode:?}");
        assert_eq!(shelf.project.found("dogs"), [""; 0]);
    }
    assert_eq!(shelf.asked(), 1);
    let joined = shelf.joined();
    assert_eq!(joined.text("b.PDF").unwrap().lines().nth(1), Some("\u{c}Dogs stay away."));
    assert!(shelf.project.index().has_documents().unwrap());
}

#[test]
fn documents_are_read_when_they_change_and_forgotten_when_they_go() {
    let shelf = Shelf::new("--- a.py\nx = 1\n");
    // More changes than an index keeps segments.
    let next = WORDS.iter().cycle();
    for ((at, one), two) in WORDS.iter().enumerate().zip(next.skip(1)) {
        shelf.write(&format!("docs/{at}.pdf"), &format!("%PDF harbour\n{one} {two}\n"));
        shelf.joined();
    }
    assert_eq!((shelf.asked(), shelf.kept()), (14, 14));
    shelf.write("docs/3.pdf", "%PDF lighthouse\n");
    fs::remove_file(shelf.project.root().join("docs/4.pdf")).unwrap();
    assert_eq!(shelf.found("lighthouse", Mode::Text), ["docs/3.pdf"]);
    assert_eq!(shelf.found(WORDS[3], Mode::Text), ["docs/2.pdf"]);
    assert_eq!(shelf.found(WORDS[13], Mode::Text), ["docs/12.pdf", "docs/13.pdf"]);
    assert!(shelf.found(WORDS[6], Mode::Vector).contains(&"docs/6.pdf".to_owned()));
    assert_eq!((shelf.asked(), shelf.kept()), (15, 13));
}

#[test]
fn what_cannot_be_read_is_told_once_and_read_when_it_changes() {
    let shelf = Shelf::new("--- a.py\nx = 1\n");
    shelf.write("a.pdf", "broken");
    shelf.write("b.pdf", "%PDF  \n\u{c}\n");
    shelf.joined();
    let left_out = || shelf.documents().left_out().unwrap();
    let row = |path: &str, why: &str| (path.to_owned(), why.to_owned());
    assert_eq!(left_out(), [row("a.pdf", "broken"), row("b.pdf", "without text")]);
    shelf.write("a.pdf", "%PDF mended\n");
    assert_eq!(shelf.found("mended", Mode::Text), ["a.pdf"]);
    assert_eq!(left_out(), [row("b.pdf", "without text")]);
}
