//! The rows of all questions of a split, as the product itself tells them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, anyhow};
use distiq_index::{Candidate, Control, Extension, FEATURES, Index};
use serde_json::Value;

use super::boost::Rows;
use super::kept::Kept;
use super::remembered::Remembered;
use crate::bench::retrieval::questions;

const THREADS: usize = 4;
/// Most chunks of a tree that is embedded, for questions about functions and about files: a model takes a core's second
/// for ten to thirty.
const MOST_EMBEDDED: [u64; 2] = [2_000, 1_300];

/// A question with its rows' files, for measuring.
pub struct Asked {
    /// The repository, where it was read with others.
    pub repo: String,
    pub is_files: bool,
    /// How many files or functions are wanted, found or not.
    pub wanted: usize,
    /// Each row's file.
    pub paths: Vec<String>,
}

/// The rows of a split.
#[derive(Default)]
pub struct Split {
    pub rows: Rows,
    /// As `rows.questions`.
    pub asked: Vec<Asked>,
}

/// What is told of each candidate.
pub enum Told<'a> {
    /// The ranker's features.
    Words,
    /// Behind them what the vectors of a model in a folder tell, and 1 where they have it looked at again; of trees
    /// that are small enough.
    Vectors(&'a Path),
    /// Behind them what past commits tell, and 1 where they have it looked at again; of repositories in a folder.
    Past(&'a Path),
}

impl Told<'_> {
    /// Returns how many values a row has.
    pub fn width(&self) -> usize {
        FEATURES.len() + self.extension().map_or(0, |extension| extension.features().len() + 1)
    }

    pub fn extension(&self) -> Option<Extension> {
        match self {
            Self::Words => None,
            Self::Vectors(_) => Some(Extension::Vectors),
            Self::Past(_) => Some(Extension::Past),
        }
    }
}

/// Returns the questions of a split, by repository and kind.
pub fn groups(folder: &Path, split: &str) -> Result<BTreeMap<(String, String), Vec<Value>>> {
    let mut groups: BTreeMap<(String, String), Vec<Value>> = BTreeMap::new();
    let text = fs::read_to_string(folder.join("questions.jsonl"))
        .context("No questions: `cargo xtask bench retrieval --repos DIR` makes them")?;
    for line in text.lines() {
        let row: Value = serde_json::from_str(line)?;
        if text_of(&row, "split") == split {
            let key = (text_of(&row, "repo").to_owned(), text_of(&row, "kind").to_owned());
            groups.entry(key).or_default().push(row);
        }
    }
    Ok(groups)
}

/// Reads the questions of a split and what the index tells of each candidate.
pub fn read(folder: &Path, split: &str, told: &Told<'_>) -> Result<Split> {
    let groups: Vec<_> = groups(folder, split)?.into_iter().collect();
    let (next, done) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some((at, ((repo, kind), questions))) = {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    groups.get(at).map(|group| (at, group))
                } {
                    let read = group(folder, repo, kind, questions, told);
                    if let Ok(mut done) = done.lock() {
                        done.insert(at, read);
                    }
                }
            });
        }
    });
    let done = done.into_inner().map_err(|_| anyhow!("A thread failed"))?;
    let mut all =
        Split { rows: Rows { features: told.width(), ..Rows::default() }, ..Split::default() };
    for ((_, read), ((repo, _), _)) in done.into_iter().zip(&groups) {
        for (mut asked, gains, values) in read? {
            asked.repo.clone_from(repo);
            let start = all.rows.gains.len();
            all.rows.gains.extend(gains);
            all.rows.values.extend(values);
            all.rows.questions.push(start..all.rows.gains.len());
            all.rows.weights.push(1.0);
            all.asked.push(asked);
        }
    }
    Ok(all)
}

/// A question with the gains and the values of its rows.
pub type Read = (Asked, Vec<f32>, Vec<f32>);

fn group(
    folder: &Path,
    repo: &str,
    kind: &str,
    questions: &[Value],
    told: &Told<'_>,
) -> Result<Vec<Read>> {
    let name = repo.replace('/', "+");
    let asked = serde_json::to_string(questions)?;
    let beside = told.extension().map_or_else(String::new, |extension| format!("-{extension:?}"));
    let kept = Kept::new(folder, &format!("{name}-{kind}{beside}"), &asked)?;
    if let Some(rows) = kept.read() {
        return Ok(rows);
    }
    let tree = folder.join(&name).join(kind);
    // Made anew by one thread: candidates of equal scores then stand in the same order each time.
    let _ = fs::remove_dir_all(tree.join(".distiq"));
    let mut index = Index::open(&tree, &folder.join("cache").join(format!("{name}-{kind}")))?;
    index.refresh(&Control { threads: Some(1), ..Control::default() })?;
    if let Told::Vectors(model) = told {
        let [functions, files] = MOST_EMBEDDED;
        let most = if kind == "a" { functions } else { files };
        if index.snapshot()?.stats().chunks > most {
            kept.write(&[])?;
            return Ok(Vec::new());
        }
        let vectors = folder.join("vectors").join(format!("{name}-{kind}"));
        index = index.with_embedder(Arc::new(Remembered::new(model, &vectors)?));
        index.embed(&Control::default())?;
    }
    let mut snapshot = index.snapshot()?;
    if let Told::Past(repositories) = told {
        let repository = questions::bare(repositories, repo);
        // Nothing that came after the tree.
        let revision = match kind {
            "b" => fs::read_to_string(folder.join(&name).join("revision"))?,
            _ => "HEAD".to_owned(),
        };
        let past = snapshot.with_past(&repository, revision.trim());
        snapshot = past.with_context(|| format!("No past in `{}`", repository.display()))?;
    }
    let rows: Vec<Read> = questions
        .iter()
        .map(|question| {
            let candidates = snapshot.candidates(text_of(question, "query"), told.extension())?;
            let (gains, wanted) = gains(question, &candidates);
            let mut values = Vec::with_capacity(candidates.len() * told.width());
            for row in &candidates {
                values.extend(&row.features);
                if told.extension().is_some() {
                    values.extend(&row.own);
                    // It may know nothing of a request.
                    values.resize(
                        values.len() + told.width() - FEATURES.len() - 1 - row.own.len(),
                        0.0,
                    );
                    values.push(if row.is_strong { 1.0 } else { 0.0 });
                }
            }
            let paths = candidates.into_iter().map(|row| row.hit.path).collect();
            let asked = Asked { repo: String::new(), is_files: kind == "b", wanted, paths };
            Ok((asked, gains, values))
        })
        .collect::<Result<_>>()?;
    kept.write(&rows)?;
    Ok(rows)
}

/// Returns what each candidate is worth: the function itself; of each wanted file the best chunk.
fn gains(question: &Value, candidates: &[Candidate]) -> (Vec<f32>, usize) {
    let mut gains = vec![0.0; candidates.len()];
    if let Some(files) = question.get("files").and_then(Value::as_array) {
        for file in files.iter().filter_map(Value::as_str) {
            let best = candidates
                .iter()
                .enumerate()
                .filter(|(_, row)| row.hit.path == file)
                .max_by(|(_, a), (_, b)| a.hit.score.total_cmp(&b.hit.score));
            if let Some(gain) = best.and_then(|(at, _)| gains.get_mut(at)) {
                *gain = 1.0;
            }
        }
        return (gains, files.len());
    }
    for (gain, row) in gains.iter_mut().zip(candidates) {
        let hit = &row.hit;
        if crate::bench::retrieval::is_function(question, &hit.path, hit.start_line, hit.end_line) {
            *gain = 1.0;
        }
    }
    (gains, 1)
}

fn text_of<'a>(row: &'a Value, key: &str) -> &'a str {
    row.get(key).and_then(Value::as_str).unwrap_or_default()
}
