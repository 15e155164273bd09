//! Plain BM25 (Robertson, Zaragoza 2009) over the same chunks of source files: how hard the questions are.
//!
//! Identifiers count whole and split, words by their stems; a chunk's name counts four times, its path twice.

use std::collections::HashMap;
use std::path::Path;

use anyhow::Result;
use distiq_index::words::Analyzer;
use distiq_index::{Control, Index};
use serde_json::{Value, json};

use super::is_source;

/// How late counts saturate, and how far a chunk's length is set off.
const K1: f32 = 1.2;
const B: f32 = 0.75;
/// How often a chunk's name and its path are counted.
const NAME: f32 = 4.0;
const PATH: f32 = 2.0;
/// Results of a question; of one that wants files several may be of one file.
const MOST: usize = 200;

/// What of each chunk is printed, and who holds each word how often.
#[derive(Default)]
struct Plain {
    chunks: Vec<Value>,
    lengths: Vec<f32>,
    lists: HashMap<String, Vec<(usize, f32)>>,
}

/// Returns the results of each question about a tree, best first; where functions are wanted, nothing else is one.
pub fn ask(
    tree: &Path,
    cache: &Path,
    questions: &[Value],
    wants_functions: bool,
) -> Result<Vec<Vec<Value>>> {
    let plain = Plain::read(tree, cache, wants_functions)?;
    let text =
        |row: &Value| row.get("query").and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok(questions.iter().map(|question| plain.best(&text(question))).collect())
}

impl Plain {
    fn read(tree: &Path, cache: &Path, wants_functions: bool) -> Result<Self> {
        let index = Index::open(tree, cache)?;
        index.refresh(&Control::default())?;
        let (snapshot, analyzer) = (index.snapshot()?, Analyzer::default());
        let mut plain = Self::default();
        for file in snapshot.files().filter(|file| is_source(Path::new(file.path))) {
            let Some(text) = snapshot.text(file.path) else { continue };
            let lines: Vec<&str> = text.lines().collect();
            for number in file.chunks() {
                let chunk = snapshot.chunk(number)?;
                let is_function =
                    matches!(chunk.kind.as_str(), "function" | "method" | "constructor");
                if wants_functions && !is_function {
                    continue;
                }
                let line = |line: u32| usize::try_from(line).unwrap_or(0).min(lines.len());
                let (first, last) =
                    (line(chunk.start_line.saturating_sub(1)), line(chunk.end_line));
                let body = lines.get(first..last).unwrap_or_default().join("\n");
                let row = json!({
                    "path": file.path, "start_line": chunk.start_line, "end_line": chunk.end_line,
                });
                // The name stands in the body once.
                let parts = [(body.as_str(), 1.0), (&chunk.name, NAME - 1.0), (file.path, PATH)];
                plain.add(row, &parts, &analyzer);
            }
        }
        Ok(plain)
    }

    fn add(&mut self, row: Value, parts: &[(&str, f32)], analyzer: &Analyzer) {
        let mut counts: HashMap<String, f32> = HashMap::new();
        for (text, times) in parts {
            for term in analyzer.analyze(text) {
                *counts.entry(term).or_default() += times;
            }
        }
        let at = self.chunks.len();
        self.lengths.push(counts.values().sum());
        for (term, count) in counts {
            self.lists.entry(term).or_default().push((at, count));
        }
        self.chunks.push(row);
    }

    fn best(&self, text: &str) -> Vec<Value> {
        let mut terms = Analyzer::default().analyze(text);
        terms.sort_unstable();
        terms.dedup();
        let all = self.chunks.len() as f32;
        let mean = self.lengths.iter().sum::<f32>() / all.max(1.0);
        let mut scores = vec![0.0_f32; self.chunks.len()];
        for list in terms.iter().filter_map(|term| self.lists.get(term)) {
            let held = list.len() as f32;
            let weight = (1.0 + (all - held + 0.5) / (held + 0.5)).ln();
            for (at, count) in list {
                let length = self.lengths.get(*at).copied().unwrap_or(mean) / mean;
                let strength = count * (K1 + 1.0) / (count + K1 * (1.0 - B + B * length));
                if let Some(score) = scores.get_mut(*at) {
                    *score += weight * strength;
                }
            }
        }
        let mut order: Vec<(usize, f32)> =
            scores.into_iter().enumerate().filter(|(_, score)| *score > 0.0).collect();
        order.sort_by(|(a, x), (b, y)| y.total_cmp(x).then(a.cmp(b)));
        order.iter().take(MOST).filter_map(|(at, _)| self.chunks.get(*at).cloned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_counts_more_than_a_body_and_rare_words_more_than_common_ones() {
        let mut plain = Plain::default();
        let analyzer = Analyzer::default();
        let mut add = |path: &str, name: &str, body: &str| {
            let parts = [(body, 1.0), (name, NAME - 1.0), (path, PATH)];
            plain.add(json!({ "path": path }), &parts, &analyzer);
        };
        add("a.py", "parseCookie", "def parseCookie(header): return header.split()");
        add("b.py", "read", "def read(header): cookie = parse(header); return cookie");
        add("c.py", "write", "def write(header): return header");
        let paths = |text: &str| -> Vec<String> {
            let path = |row: Value| row["path"].as_str().unwrap_or_default().to_owned();
            plain.best(text).into_iter().map(path).collect()
        };
        assert_eq!(paths("parses the cookies of a header"), ["a.py", "b.py", "c.py"]);
        assert_eq!(paths("writes a header").first().map(String::as_str), Some("c.py"));
        assert!(paths("zebra").is_empty());
    }
}
