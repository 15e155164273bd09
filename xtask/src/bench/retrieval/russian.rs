//! Requests in Russian over English code, beside the same requests in English.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::product::Product;
use super::score::mean;

/// Sixty requests with what they want: a file and names of which any one will do. Written before any of them
/// was ranked.
const REQUESTS: &str = include_str!("russian.jsonl");
/// Only the first so many count.
const FIRST: usize = 10;

/// Asks all requests in both languages; the trees are those of the questions of kind A.
pub fn run(folder: &Path, product: &Product) -> Result<()> {
    let mut repos: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for line in REQUESTS.lines() {
        let row: Value = serde_json::from_str(line).context("Bad request")?;
        repos.entry(text_of(&row, "repo").to_owned()).or_default().push(row);
    }
    for language in ["russian", "english"] {
        let (mut reciprocal, mut found) = (Vec::new(), Vec::new());
        for (repo, rows) in &repos {
            let tree = folder.join(repo.replace('/', "+")).join("a");
            ensure!(tree.is_dir(), "No tree of {repo}: `--repos DIR` must hold it");
            let questions: Vec<Value> =
                rows.iter().map(|row| json!({ "query": text_of(row, language) })).collect();
            let answers = product.ask(&tree, &questions, &["search"])?;
            for (row, answer) in rows.iter().zip(&answers) {
                let results = answer.get("results").and_then(Value::as_array);
                let place = place(row, results.map(Vec::as_slice).unwrap_or_default());
                reciprocal.push(place.map_or(0.0, |place| 1.0 / (place as f64 + 1.0)));
                found.push(if place.is_some() { 1.0 } else { 0.0 });
            }
        }
        let count = found.len();
        let (reciprocal, found) = (mean(reciprocal), mean(found));
        println!("{count} requests in {language:<8} MRR@10 {reciprocal:.3}  R@10 {found:.3}");
    }
    Ok(())
}

/// Returns the place of the first result that is wanted, from 0.
fn place(row: &Value, results: &[Value]) -> Option<usize> {
    let names: Vec<&str> = row.get("names")?.as_array()?.iter().filter_map(Value::as_str).collect();
    results.iter().take(FIRST).position(|result| {
        let name = text_of(result, "name").rsplit('.').next().unwrap_or_default();
        text_of(result, "path") == text_of(row, "path") && names.contains(&name)
    })
}

fn text_of<'a>(row: &'a Value, key: &str) -> &'a str {
    row.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_requests_are_whole_and_any_of_the_names_will_do() {
        let rows: Vec<Value> =
            REQUESTS.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(rows.len(), 60);
        for row in &rows {
            assert!(text_of(row, "russian").chars().any(|c| ('а'..='я').contains(&c)), "{row}");
            assert!(text_of(row, "english").is_ascii(), "{row}");
        }
        let row = json!({ "path": "a.py", "names": ["f", "g"] });
        let results =
            [json!({ "path": "b.py", "name": "f" }), json!({ "path": "a.py", "name": "A.g" })];
        assert_eq!(place(&row, &results), Some(1));
        assert_eq!(place(&row, &results[..1]), None);
    }
}
