//! How good answers are, and whether one way of answering is better than another.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::random::Random;

/// Only the first so many count.
const FIRST: usize = 10;
const RESAMPLES: usize = 2_000;

/// How a question was answered.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Score {
    /// One by the place of the first that was wanted, or 0.
    pub reciprocal: f64,
    /// Which share of what was wanted stands within the first ten.
    pub found: f64,
}

/// Returns the score of results, best first; of a kind B question files count, each once.
pub fn score(question: &Value, results: &[Value]) -> Score {
    let path = |row: &Value| row.get("path").and_then(Value::as_str).unwrap_or_default().to_owned();
    let number = |row: &Value, key: &str| {
        row.get(key).and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok()).unwrap_or(0)
    };
    let Some(files) = question.get("files").and_then(Value::as_array) else {
        let place = results.iter().take(FIRST).position(|row| {
            let lines = (number(row, "start_line"), number(row, "end_line"));
            super::is_function(question, &path(row), lines.0, lines.1)
        });
        return of(&place.into_iter().collect::<Vec<_>>(), 1);
    };
    let mut seen: Vec<String> = Vec::new();
    for row in results {
        if seen.len() == FIRST {
            break;
        }
        if !seen.contains(&path(row)) {
            seen.push(path(row));
        }
    }
    let is_wanted = |path: &String| files.iter().any(|file| file.as_str() == Some(path));
    let places: Vec<usize> = seen
        .iter()
        .enumerate()
        .filter(|(_, path)| is_wanted(path))
        .map(|(place, _)| place)
        .collect();
    of(&places, files.len())
}

fn of(places: &[usize], wanted: usize) -> Score {
    Score {
        reciprocal: places.first().map_or(0.0, |place| 1.0 / (*place as f64 + 1.0)),
        found: places.len() as f64 / wanted.max(1) as f64,
    }
}

/// Returns the mean of numbers.
pub fn mean(numbers: impl IntoIterator<Item = f64>) -> f64 {
    let (sum, count) = numbers.into_iter().fold((0.0, 0.0), |(s, n), x| (s + x, n + 1.0));
    if count > 0.0 { sum / count } else { 0.0 }
}

/// Returns the mean gain of `new` over `old`, question by question, with its 95 % interval (bootstrap).
pub fn gain(new: &[f64], old: &[f64]) -> (f64, f64, f64) {
    let gains: Vec<f64> = new.iter().zip(old).map(|(new, old)| new - old).collect();
    let mut random = Random::named(1, "bootstrap");
    let mut means: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let draw =
                (0..gains.len()).filter_map(|_| gains.get(random.below(gains.len())).copied());
            mean(draw.collect::<Vec<_>>())
        })
        .collect();
    means.sort_by(f64::total_cmp);
    let at = |share: usize| means.get(RESAMPLES * share / 1_000).copied().unwrap_or(0.0);
    (mean(gains.iter().copied()), at(25), at(975))
}

/// Scores by repository.
#[derive(Default)]
pub struct Table {
    rows: BTreeMap<String, Vec<Score>>,
}

impl Table {
    pub fn add(&mut self, repo: &str, score: Score) {
        self.rows.entry(repo.to_owned()).or_default().push(score);
    }

    /// Returns all scores in the table's order.
    pub fn all(&self) -> Vec<Score> {
        self.rows.values().flatten().copied().collect()
    }

    /// Returns the scores of some repositories, in the table's order.
    pub fn of(&self, repos: &BTreeSet<String>) -> Vec<Score> {
        let rows = self.rows.iter().filter(|(repo, _)| repos.contains(*repo));
        rows.flat_map(|(_, scores)| scores).copied().collect()
    }

    /// Returns the repositories in which most is found, as many as keep the share of what is found in all of them at `level`.
    pub fn easiest(&self, level: f64) -> BTreeSet<String> {
        let found = |scores: &[Score]| mean(scores.iter().map(|score| score.found));
        let mut order: Vec<(&String, &Vec<Score>)> = self.rows.iter().collect();
        order.sort_by(|a, b| found(b.1).total_cmp(&found(a.1)));
        let mut scores = Vec::new();
        let is_easy = |(_, more): &&(&String, &Vec<Score>)| {
            scores.extend_from_slice(more);
            found(&scores) >= level
        };
        order.iter().take_while(is_easy).map(|(repo, _)| (*repo).clone()).collect()
    }

    /// Prints each repository and the whole.
    pub fn print(&self, title: &str) {
        println!("\n{title:<44} MRR@10   R@10");
        let all = self.all();
        for (repo, scores) in &self.rows {
            line(&format!("  {repo}"), scores);
        }
        line(&format!("  all {} questions", all.len()), &all);
    }
}

/// Prints a row of a table.
pub fn line(name: &str, scores: &[Score]) {
    let reciprocal = mean(scores.iter().map(|score| score.reciprocal));
    let found = mean(scores.iter().map(|score| score.found));
    println!("{name:<44}   {reciprocal:.3}  {found:.3}");
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn functions_count_by_their_lines_and_files_once() {
        let row = |path: &str, start: u32, end: u32| json!({"path": path, "start_line": start, "end_line": end});
        let question = json!({"path": "a.py", "start_line": 5, "end_line": 9});
        let results = [row("b.py", 5, 9), row("a.py", 4, 9)];
        assert_eq!(score(&question, &results), Score { reciprocal: 0.5, found: 1.0 });
        let question = json!({"files": ["c.py", "d.py"]});
        let results = [row("a.py", 1, 2), row("a.py", 3, 4), row("c.py", 1, 1)];
        assert_eq!(score(&question, &results), Score { reciprocal: 0.5, found: 0.5 });
        assert_eq!(score(&question, &[]), Score::default());
    }

    #[test]
    fn the_easiest_are_as_many_as_keep_the_level() {
        let mut table = Table::default();
        for (repo, found) in [("a", 0.2), ("b", 0.9), ("c", 0.7), ("d", 0.8)] {
            table.add(repo, Score { reciprocal: 0.5, found });
        }
        let easiest = |level| table.easiest(level).into_iter().collect::<Vec<_>>().concat();
        assert_eq!(easiest(0.85), "bd");
        assert_eq!(easiest(0.79), "bcd");
        assert_eq!((easiest(0.1), easiest(0.95)), ("abcd".into(), String::new()));
        assert_eq!(table.of(&table.easiest(0.85)).len(), 2);
    }

    #[test]
    fn a_gain_that_is_none_has_an_interval_around_zero() {
        let old: Vec<f64> = (0..400).map(|n| f64::from(n % 3) / 2.0).collect();
        let better: Vec<f64> = old.iter().map(|x| x + 0.1).collect();
        let (mean, low, high) = gain(&better, &old);
        assert!((mean - 0.1).abs() < 1e-9 && low > 0.09 && high < 0.11);
        let mixed: Vec<f64> = old
            .iter()
            .enumerate()
            .map(|(n, x)| if n % 2 == 0 { x + 0.5 } else { x - 0.5 })
            .collect();
        let (_, low, high) = gain(&mixed, &old);
        assert!(low < 0.0 && high > 0.0);
    }
}
