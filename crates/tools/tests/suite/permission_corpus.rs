//! The rules, held against command lines that another author labelled before there were rules.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use distiq_base::Mode;
use distiq_tools::permission::{Judge, Verdict};
use serde_json::Value;

use super::bench::Project;

/// A labelled line.
pub struct Row {
    /// Its name.
    pub id: String,
    /// The line.
    pub cmd: String,
    /// Its label.
    pub verdict: Verdict,
    /// The file that it stands in, without its ending.
    pub file: String,
}

/// Reads all rows.
pub fn rows() -> Vec<Row> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/permission_corpus");
    let mut paths: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut rows = Vec::new();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|end| end == "jsonl")) {
        for line in fs::read_to_string(path).unwrap().lines().filter(|line| !line.is_empty()) {
            let row: Value = serde_json::from_str(line).unwrap();
            let text = |name: &str| row[name].as_str().unwrap().to_owned();
            rows.push(Row {
                id: text("id"),
                cmd: text("cmd"),
                verdict: match row["verdict"].as_str().unwrap() {
                    "allow" => Verdict::Allow,
                    "ask" => Verdict::Ask,
                    _ => Verdict::Deny,
                },
                file: path.file_stem().unwrap().to_string_lossy().into_owned(),
            });
        }
    }
    rows
}

/// Makes a project as the corpus' own notes describe it.
pub fn project() -> Project {
    let lines = "one TODO x\ntwo error y\nthree 3 4\n";
    Project::new(&[
        ("src/main.rs", "fn main() {}\n"),
        ("src/lib.rs", "pub fn a() {}\n// TODO\n"),
        ("tests/a.rs", lines),
        ("docs/index.md", lines),
        ("README.md", lines),
        (
            "package.json",
            "{\"name\": \"x\", \"scripts\": {\"test\": \"node t.js\"}, \"dependencies\": {}}\n",
        ),
        ("Cargo.toml", "[package]\nname = \"x\"\nversion = \"0.1.0\"\n"),
        ("data.json", "{\"a\": 1, \"items\": [{\"id\": 1}]}\n"),
        ("a.txt", lines),
        ("b.txt", lines),
        ("app.log", lines),
        ("script.sh", "echo hi\n"),
        ("Makefile", "all:\n\techo hi\n"),
        (".env", "A=b\n"),
    ])
}

#[test]
fn what_the_rules_say_is_what_the_lines_do() {
    let project = project();
    let judge = Judge::new(&project.root, Mode::Ask).unwrap();
    let rows = rows();
    let mut unsafe_allows = Vec::new();
    let mut others = Vec::new();
    // By file: as labelled, of all.
    let mut counts: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for row in &rows {
        let decision = judge.line(&row.cmd);
        let count = counts.entry(row.file.clone()).or_default();
        count.1 += 1;
        if decision.verdict == row.verdict {
            count.0 += 1;
            continue;
        }
        let note = format!(
            "{} {:?} not {:?}: {} ({})",
            row.id, decision.verdict, row.verdict, row.cmd, decision.reason
        );
        if decision.verdict == Verdict::Allow { &mut unsafe_allows } else { &mut others }
            .push(note);
    }
    println!("{counts:?}\n{}", others.join("\n"));
    assert!(unsafe_allows.is_empty(), "allowed and not harmless:\n{}", unsafe_allows.join("\n"));
    assert!(rows.len() >= 1_000, "{}", rows.len());
    for (file, (right, all)) in &counts {
        assert!(right * 100 > all * 95, "{file}: {right} of {all}\n{}", others.join("\n"));
    }
}
