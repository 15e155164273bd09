//! `Mode::Vector`: by the company that words keep.

use std::fs;
use std::path::PathBuf;

use distiq_index::{Mode, Query, Tests};

use crate::{Project, names, shown};

/// A project about bills and about pictures, in functions that share no word.
fn two_topics() -> Project {
    let project = Project::new("");
    let topics = [
        ("bills", ["invoice", "payment", "customer", "amount", "debtor", "ledger"]),
        ("pictures", ["pixel", "canvas", "brush", "colour", "palette", "shade"]),
    ];
    for (file, words) in topics {
        let mut text = String::new();
        for at in 0..24 {
            let word = |step: usize| words[(at * step + step) % words.len()];
            let (a, b, c) = (word(1), word(2), word(5));
            text += &format!("def {a}_{b}_{at}(x):\n    return {c}({a}, {b}, x)\n\n");
        }
        project.write(&format!("{file}.py"), text);
    }
    project.write("odd.py", "def settle(debtor):\n    return debtor.ledger\n");
    project
}

fn best(project: &Project, text: &str) -> Vec<String> {
    project.find(text, Mode::Vector).iter().map(shown).collect()
}

fn folder(project: &Project) -> PathBuf {
    project.index().folder().to_path_buf()
}

#[test]
fn words_find_what_keeps_their_company() {
    let project = two_topics();
    // No function but `settle` lacks the words; it is found by those that stand beside its own elsewhere.
    let hits = best(&project, "customer invoice payment");
    let place = hits.iter().position(|hit| hit.starts_with("odd.py"));
    let other = hits.iter().position(|hit| hit.starts_with("pictures.py"));
    assert!(place.is_some(), "{hits:?}");
    assert!(other.is_none_or(|other| place < Some(other)), "{hits:?}");
    assert_eq!(project.find("pixel", Mode::Text).iter().filter(|h| h.path == "odd.py").count(), 0);
    let first = &project.find("pixel canvas", Mode::Vector)[0];
    assert_eq!(first.path, "pictures.py");
    assert!(first.reasons[0].starts_with("meaning 0."), "{:?}", first.reasons);
    assert_eq!(best(&project, ""), [""; 0]);
    assert_eq!(best(&project, "zebra"), [""; 0]);
}

#[test]
fn the_same_files_give_the_same_vectors_and_order_whatever_the_segments() {
    let (whole, grown) = (two_topics(), two_topics());
    for project in [&whole, &grown] {
        // Twins, whose vectors are the same.
        for name in ["b", "a", "c"] {
            project.write(
                &format!("same_{name}.py"),
                "def settle(debtor):\n    return debtor.ledger\n",
            );
        }
    }
    // One is read at once, the other file by file, the last ones first.
    let moved = ["bills.py", "pictures.py", "odd.py", "same_a.py", "same_b.py"];
    let texts = moved.map(|name| fs::read(grown.root().join(name)).unwrap());
    moved.iter().for_each(|name| fs::remove_file(grown.root().join(name)).unwrap());
    grown.refresh();
    for (name, text) in moved.iter().zip(texts).rev() {
        grown.write(name, text);
        grown.refresh();
    }
    for request in ["debtor ledger", "customer invoice payment", "pixel canvas"] {
        let rows = |project: &Project| -> Vec<(String, u32)> {
            let hits = project.find(request, Mode::Vector);
            hits.iter().map(|hit| (shown(hit), hit.score.to_bits())).collect()
        };
        assert_eq!(rows(&whole), rows(&grown), "{request}");
    }
    let hits = best(&whole, "debtor ledger");
    let same: Vec<&String> = hits.iter().filter(|hit| hit.starts_with("same_")).collect();
    assert!(same.len() == 3 && same.is_sorted(), "{hits:?}");
}

#[test]
fn what_changes_is_folded_in_and_what_is_gone_is_not_found() {
    let project = two_topics();
    best(&project, "pixel");
    let model = fs::read(folder(&project).join("lsa.model")).unwrap();
    project.write("new.py", "def paint(x):\n    return canvas(brush, colour, pixel, shade)\n");
    fs::remove_file(project.root().join("odd.py")).unwrap();
    let hits = best(&project, "canvas brush colour shade pixel");
    assert_eq!(hits[0], "new.py:1 paint");
    assert!(!best(&project, "debtor ledger").iter().any(|hit| hit.starts_with("odd.py")));
    assert_eq!(fs::read(folder(&project).join("lsa.model")).unwrap(), model);
}

#[test]
fn vectors_lie_beside_their_segments_and_damaged_ones_are_made_anew() {
    let project = two_topics();
    let before = best(&project, "invoice customer");
    let of = |ending: &str| {
        let names = names(&folder(&project)).into_iter().filter(|name| name.ends_with(ending));
        names.map(|name| name.replace(ending, "")).collect::<Vec<_>>()
    };
    assert_eq!(of(".vec"), of(".seg"));
    for name in of(".vec").iter().map(|stem| format!("{stem}.vec")).chain(["lsa.model".into()]) {
        let path = folder(&project).join(name);
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&path, bytes).unwrap();
        assert_eq!(best(&project, "invoice customer"), before);
    }
    // Segments that are merged away take their vectors along.
    for at in 0..14 {
        project.write(&format!("more{at}.py"), format!("def more_{at}(x):\n    return pixel\n"));
        best(&project, "pixel");
    }
    assert_eq!(of(".vec"), of(".seg"));
}

#[test]
fn tests_can_be_left_out() {
    let project = two_topics();
    project
        .write("tests/test_pay.py", "def test_invoice_payment():\n    assert invoice(payment)\n");
    let snapshot = project.snapshot();
    let count = |tests| {
        let query = Query { mode: Mode::Vector, tests, limit: 50, ..Query::new("invoice payment") };
        let hits = snapshot.search(&query).unwrap();
        (hits.len() > 5, hits.iter().filter(|hit| hit.path.starts_with("tests/")).count())
    };
    assert_eq!(count(Tests::Include), (true, 1));
    assert_eq!(count(Tests::Exclude), (true, 0));
}
