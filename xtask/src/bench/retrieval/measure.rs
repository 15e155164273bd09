//! Asks the program and prints how it did.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use super::plain;
use super::product::Product;
use super::score::{Score, Table, gain, line, mean, score};

/// Budgets and shapes of contexts, as the aims are set.
const CONTEXTS: &[(&str, &str)] = &[
    ("hits", "2000"),
    ("hits", "4000"),
    ("hits", "8000"),
    ("code", "2000"),
    ("code", "4000"),
    ("code", "8000"),
    ("mixed", "2000"),
];

/// How hard the sets were by which aims are set: the share of what is wanted that plain BM25 has among the first ten, of functions and
/// of files. Repositories differ more in that than ways of searching do.
const LEVELS: [(&str, f64); 2] = [("a", 0.702), ("b", 0.849)];

/// What rank fusion adds to each place.
const FUSED: f64 = 60.0;

/// One of a score's figures.
type Part = fn(&Score) -> f64;

/// Measures all questions of the splits in `splits`.
pub fn run(folder: &Path, product: &Product, splits: &[&str]) -> Result<()> {
    let text = fs::read_to_string(folder.join("questions.jsonl")).context("No questions")?;
    let mut groups: BTreeMap<(String, String), Vec<Value>> = BTreeMap::new();
    for line in text.lines() {
        let row: Value = serde_json::from_str(line)?;
        if splits.contains(&text_of(&row, "split")) {
            let key = (text_of(&row, "kind").to_owned(), text_of(&row, "repo").to_owned());
            groups.entry(key).or_default().push(row);
        }
    }
    for (kind, title) in [("a", "A: sentence to function"), ("b", "B: commit to files")] {
        let of_kind = groups.iter().filter(|((of, _), _)| of == kind);
        let groups: Vec<(&str, &Vec<Value>)> =
            of_kind.map(|((_, repo), rows)| (repo.as_str(), rows)).collect();
        let level = LEVELS.iter().find(|(of, _)| *of == kind).map_or(0.0, |(_, level)| *level);
        let easiest = searches(folder, product, (kind, title), level, &groups)?;
        contexts(folder, product, kind, &easiest, &groups)?;
    }
    Ok(())
}

/// Returns the repositories that are as hard as `level`.
fn searches(
    folder: &Path,
    product: &Product,
    (kind, title): (&str, &str),
    level: f64,
    groups: &[(&str, &Vec<Value>)],
) -> Result<BTreeSet<String>> {
    let [mut ranked, mut words, mut vectors, mut plainest, mut fused] =
        [(); 5].map(|()| Table::default());
    let mut times = Vec::new();
    for (repo, questions) in groups {
        let tree = folder.join(repo.replace('/', "+")).join(kind);
        let modes = [("hybrid", &mut ranked), ("text", &mut words), ("vector", &mut vectors)];
        let mut near: Vec<Value> = Vec::new();
        for (mode, table) in modes {
            let answers = product.ask(&tree, questions, &["search", "--mode", mode])?;
            for (question, answer) in questions.iter().zip(&answers) {
                table.add(repo, score(question, results(answer)));
                if mode == "hybrid" {
                    times.extend(answer.get("ms").and_then(Value::as_f64));
                }
            }
            // The last mode is that of vectors.
            near = answers;
        }
        let cache = folder.join("cache").join(format!("{}-{kind}", repo.replace('/', "+")));
        let plain = plain::ask(&tree, &cache, questions, kind == "a")?;
        for ((question, plain), near) in questions.iter().zip(plain).zip(&near) {
            plainest.add(repo, score(question, &plain));
            fused.add(repo, score(question, &fuse(&[&plain, results(near)])));
        }
    }
    plainest.print(&format!("{title}, plain BM25"));
    fused.print(&format!("{title}, plain BM25 and vectors by rank fusion"));
    vectors.print(&format!("{title}, vectors alone"));
    words.print(&format!("{title}, words alone"));
    ranked.print(&format!("{title}, as users get it"));
    times.sort_by(f64::total_cmp);
    let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or(0.0);
    println!("  {:.1} ms in the middle, {:.1} ms at the 95th percentile", at(50), at(95));
    let part = |table: &Table, part: Part| table.all().iter().map(part).collect::<Vec<f64>>();
    let parts: [(&str, Part); 2] =
        [("MRR@10", |score| score.reciprocal), ("R@10", |score| score.found)];
    for (title, table) in
        [("plain BM25", &plainest), ("rank fusion", &fused), ("words alone", &words)]
    {
        for (name, of) in parts {
            let (gain, low, high) = gain(&part(&ranked, of), &part(table, of));
            println!("  {name} over {title}: {gain:+.3}, 95 % within {low:+.3} and {high:+.3}");
        }
    }
    let easiest = plainest.easiest(level);
    let (count, of) = (easiest.len(), groups.len());
    println!("  the {count} of {of} repositories in which plain BM25 finds {level:.3} and more:");
    for (title, table) in
        [("plain BM25", &plainest), ("rank fusion", &fused), ("as users get it", &ranked)]
    {
        line(&format!("    {title}"), &table.of(&easiest));
    }
    Ok(easiest)
}

fn results(answer: &Value) -> &[Value] {
    answer.get("results").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Puts the results of several ways in one order, each place worth one by itself and [`FUSED`] (Cormack 2009).
fn fuse(ways: &[&[Value]]) -> Vec<Value> {
    let mut sums: Vec<(f64, &Value)> = Vec::new();
    let mut places = HashMap::new();
    for way in ways {
        for (place, row) in way.iter().enumerate() {
            let number = |key: &str| row.get(key).and_then(Value::as_u64);
            let key = (text_of(row, "path"), number("start_line"), number("end_line"));
            let at = *places.entry(key).or_insert_with(|| {
                sums.push((0.0, row));
                sums.len() - 1
            });
            if let Some((sum, _)) = sums.get_mut(at) {
                *sum += 1.0 / (FUSED + place as f64 + 1.0);
            }
        }
    }
    sums.sort_by(|a, b| b.0.total_cmp(&a.0));
    sums.into_iter().map(|(_, row)| row.clone()).collect()
}

fn contexts(
    folder: &Path,
    product: &Product,
    kind: &str,
    easiest: &BTreeSet<String>,
    groups: &[(&str, &Vec<Value>)],
) -> Result<()> {
    for (shape, tokens) in CONTEXTS {
        let (mut named, mut held, mut over) = (Vec::new(), Vec::new(), 0);
        let mut of_easiest = (Vec::new(), Vec::new());
        for (repo, questions) in groups {
            let tree = folder.join(repo.replace('/', "+")).join(kind);
            let arguments = ["context", "--no-refresh", "--shape", shape, "--tokens", tokens];
            let answers = product.ask(&tree, questions, &arguments)?;
            for (question, answer) in questions.iter().zip(&answers) {
                let items =
                    answer.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
                let (name, code) = (share(question, &items, false), share(question, &items, true));
                named.push(name);
                held.push(code);
                if easiest.contains(*repo) {
                    of_easiest.0.push(name);
                    of_easiest.1.push(code);
                }
                let used = answer.get("tokens_used").and_then(Value::as_u64).unwrap_or(u64::MAX);
                over += u32::from(tokens.parse().is_ok_and(|most: u64| used > most));
            }
        }
        println!(
            "  {shape:<5} {tokens} tokens: file named {:.3}, its chunk held {:.3}, {over} over the budget; of the easiest {:.3}, {:.3}",
            mean(named),
            mean(held),
            mean(of_easiest.0),
            mean(of_easiest.1)
        );
    }
    Ok(())
}

/// Returns which share of what is wanted a context names, or holds as code.
fn share(question: &Value, items: &[Value], as_code: bool) -> f64 {
    let is_shown = |item: &Value, path: &str| {
        text_of(item, "path") == path && (!as_code || text_of(item, "shape") == "code")
    };
    let Some(files) = question.get("files").and_then(Value::as_array) else {
        let number = |row: &Value, key: &str| row.get(key).and_then(Value::as_u64).unwrap_or(0);
        let holds = |item: &Value| {
            number(item, "start_line") <= number(question, "start_line")
                && number(item, "end_line") >= number(question, "end_line")
        };
        let path = text_of(question, "path");
        let is_there = items.iter().any(|item| is_shown(item, path) && (!as_code || holds(item)));
        return if is_there { 1.0 } else { 0.0 };
    };
    mean(files.iter().map(|file| {
        let path = file.as_str().unwrap_or_default();
        if items.iter().any(|item| is_shown(item, path)) { 1.0 } else { 0.0 }
    }))
}

fn text_of<'a>(row: &'a Value, key: &str) -> &'a str {
    row.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_several_ways_find_comes_before_what_one_finds() {
        let row = |path: &str| json!({"path": path, "start_line": 1, "end_line": 2});
        let (words, vectors) = ([row("a"), row("b"), row("c")], [row("d"), row("c")]);
        let fused = fuse(&[&words, &vectors]);
        let paths: Vec<&str> = fused.iter().map(|row| text_of(row, "path")).collect();
        assert_eq!(paths, ["c", "a", "d", "b"]);
    }
}
