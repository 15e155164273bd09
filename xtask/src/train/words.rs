//! Which words of names stand for which words of documentation: `len` for `number`, `new` for `create`.
//!
//! Counted over the documented functions of the training repositories. A pair counts where it is met in
//! several of them, far more often than chance would have it; its share is how often the name has the one
//! word, set against how often it has the very word of the documentation.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use distiq_index::words::{Analyzer, parts, tokens};
use serde_json::Value;

use crate::bench::retrieval::questions::PAIRS;
use crate::bench::retrieval::repos::{REPOS, Split};

/// A pair is kept from this many functions and repositories on.
const FEWEST_FUNCTIONS: f32 = 8.0;
const FEWEST_REPOS: usize = 6;
/// How much more often than by chance a pair is met.
const LIFT: f32 = 4.0;
/// No repository counts a pair more often.
const MOST_A_REPO: u32 = 12;
/// Related words of a word.
const MOST_RELATED: usize = 6;
/// A pair that is worth less, in hundredths, is left out.
const LEAST_SHARE: u32 = 8;

#[derive(Default)]
struct Pair {
    functions: f32,
    repos: usize,
}

/// Counts the words and writes the table.
pub fn run(questions: &Path) -> Result<()> {
    let analyzer = Analyzer::default();
    let (mut docs, mut names) = (BTreeMap::new(), BTreeMap::new());
    let mut pairs: BTreeMap<(String, String), Pair> = BTreeMap::new();
    let mut all = 0.0_f32;
    for repo in REPOS.iter().filter(|repo| repo.split == Split::Train) {
        let path = questions.join(repo.name.replace('/', "+")).join(PAIRS);
        let Ok(text) = fs::read_to_string(path) else { continue };
        let mut counts: BTreeMap<(String, String), u32> = BTreeMap::new();
        for line in text.lines() {
            let row: Value = serde_json::from_str(line).context("Bad pair")?;
            let word = |at: usize| row.get(at).and_then(Value::as_str).unwrap_or_default();
            let (doc, name) = (stems(&analyzer, word(0)), stems(&analyzer, word(1)));
            all += 1.0;
            for stem in &name {
                *names.entry(stem.clone()).or_insert(0.0) += 1.0;
            }
            for stem in &doc {
                *docs.entry(stem.clone()).or_insert(0.0) += 1.0;
                for other in &name {
                    *counts.entry((stem.clone(), other.clone())).or_insert(0) += 1;
                }
            }
        }
        for (pair, count) in counts {
            let sum = pairs.entry(pair).or_default();
            sum.functions += count.min(MOST_A_REPO) as f32;
            sum.repos += 1;
        }
    }
    let table = table(&docs, &names, &pairs, all);
    let path = crate::root().join("crates/index/src/rank/related.txt");
    println!("{all} functions, {} words, {} bytes", table.lines().count(), table.len());
    fs::write(&path, table).with_context(|| format!("Cannot write `{}`", path.display()))
}

/// Returns the stems of a text's words; wholes of several words are left out.
fn stems(analyzer: &Analyzer, text: &str) -> BTreeSet<String> {
    let words = tokens(text).flat_map(parts).map(str::to_lowercase);
    let stems = words.flat_map(|word| analyzer.terms_of(&word));
    stems.filter(|stem| stem.len() > 1 && !stem.bytes().all(|byte| byte.is_ascii_digit())).collect()
}

fn table(
    docs: &BTreeMap<String, f32>,
    names: &BTreeMap<String, f32>,
    pairs: &BTreeMap<(String, String), Pair>,
    all: f32,
) -> String {
    let mut rows: BTreeMap<&str, Vec<(u32, &str)>> = BTreeMap::new();
    for ((doc, name), pair) in pairs {
        let (Some(with_doc), Some(with_name)) = (docs.get(doc), names.get(name)) else { continue };
        let lift = pair.functions * all / (with_doc * with_name);
        let is_rare = pair.functions < FEWEST_FUNCTIONS || pair.repos < FEWEST_REPOS || lift < LIFT;
        if doc == name || is_rare {
            continue;
        }
        let own = pairs.get(&(doc.clone(), doc.clone())).map_or(0.0, |pair| pair.functions);
        let own = (own / with_doc).max(0.08);
        let share = (100.0 * pair.functions / with_doc / own).min(90.0) as u32;
        if share >= LEAST_SHARE {
            rows.entry(doc).or_default().push((share, name));
        }
    }
    let mut text = String::new();
    for (doc, mut words) in rows {
        words.sort_by(|a, b| b.cmp(a));
        let _ = write!(text, "{doc}");
        for (share, word) in words.into_iter().take(MOST_RELATED) {
            let _ = write!(text, " {word}:{share}");
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_met_together_are_related_and_common_ones_are_not() {
        let count =
            |rows: &[(&str, f32)]| rows.iter().map(|(word, n)| ((*word).to_owned(), *n)).collect();
        let docs: BTreeMap<String, f32> = count(&[("creat", 40.0), ("file", 30.0)]);
        let names: BTreeMap<String, f32> = count(&[("new", 30.0), ("creat", 25.0), ("get", 300.0)]);
        let pair = |a: &str, b: &str, functions, repos| {
            ((a.to_owned(), b.to_owned()), Pair { functions, repos })
        };
        let pairs = [
            pair("creat", "creat", 20.0, 9),
            pair("creat", "get", 10.0, 9),
            pair("creat", "new", 12.0, 9),
            pair("file", "new", 12.0, 2),
        ];
        assert_eq!(table(&docs, &names, &pairs.into_iter().collect(), 1000.0), "creat new:60\n");
    }
}
