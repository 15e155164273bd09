//! Kind B: a commit's message must find the source files that it touched, in the tree as it was
//! before the oldest commit that is asked about.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::is_source;

/// How many of the newest commits are looked at.
const NEWEST: &str = "1500";
/// How far apart the oldest and the newest question may be, in usable commits.
const WINDOW: usize = 120;
const MOST_FILES: usize = 4;
const FEWEST_WORDS: usize = 5;
const MOST_CHARS: usize = 2_000;

/// A commit that says what it does and touches few files.
pub struct Commit {
    pub id: String,
    pub message: String,
    pub files: Vec<String>,
}

/// Runs git in a repository and returns what it prints.
pub fn git(repository: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new("git")
        .arg("--git-dir")
        .arg(repository)
        .args(["-c", "core.quotepath=off"])
        .args(arguments)
        .output()
        .context("Cannot run `git`")?;
    ensure!(
        output.status.success(),
        "`git {}` failed: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Returns the newest usable commits, newest first.
pub fn usable(repository: &Path) -> Result<Vec<Commit>> {
    let format = "--format=%x1e%H%x1f%B%x1f";
    let log = git(
        repository,
        &["log", "--no-merges", "--no-renames", "--name-status", "-n", NEWEST, format],
    )?;
    let mut commits: Vec<Commit> = log.split('\u{1e}').filter_map(commit).collect();
    commits.truncate(WINDOW);
    Ok(commits)
}

fn commit(record: &str) -> Option<Commit> {
    let mut parts = record.split('\u{1f}');
    let id = parts.next()?.trim().to_owned();
    let message = message(parts.next()?);
    let mut files = Vec::new();
    for line in parts.next()?.lines() {
        let Some((status, path)) = line.split_once('\t') else { continue };
        if is_source(Path::new(path)) {
            if status != "M" {
                return None;
            }
            files.push(path.to_owned());
        }
    }
    let is_few = (1..=MOST_FILES).contains(&files.len());
    let words = message
        .split_whitespace()
        .filter(|word| word.chars().filter(|c| c.is_alphabetic()).count() > 1);
    let lower = message.to_lowercase();
    let by_rote = [
        "bump ",
        "merge ",
        "release ",
        "revert ",
        "update dependency",
        "prepare ",
        "[automated",
        "chore(deps",
    ];
    let is_told =
        words.count() >= FEWEST_WORDS && !by_rote.iter().any(|start| lower.starts_with(start));
    (is_few && is_told).then_some(Commit { id, message, files })
}

/// A message without trailers, numbers of pull requests and links.
fn message(text: &str) -> String {
    let mut lines = Vec::new();
    for line in text.trim().lines() {
        let lower = line.to_lowercase();
        let is_trailer = lower.contains("-by: ")
            || lower.contains("co-authored")
            || lower.starts_with("change-id:")
            || lower.starts_with("pr-url:");
        if !is_trailer && !lower.contains("git-svn-id") {
            let words =
                line.split(' ').filter(|word| !word.contains("://") && !word.starts_with("(#"));
            lines.push(words.collect::<Vec<_>>().join(" "));
        }
    }
    lines.join("\n").trim().chars().take(MOST_CHARS).collect()
}

/// Returns the commits all of whose files are in the tree `revision`.
pub fn present(repository: &Path, revision: &str, commits: Vec<Commit>) -> Result<Vec<Commit>> {
    let names = git(repository, &["ls-tree", "-r", "--name-only", revision])?;
    let names: BTreeSet<&str> = names.lines().collect();
    Ok(commits
        .into_iter()
        .filter(|c| c.files.iter().all(|file| names.contains(file.as_str())))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_that_tell_and_touch_little_are_asked_about() {
        let record = |message: &str, files: &str| format!("abc\u{1f}{message}\u{1f}\n{files}\n");
        let message =
            "Fix the parser for empty lines (#12)\n\nSee https://a.b/c\n\nSigned-off-by: A\n";
        let found = commit(&record(message, "M\ta.py\nM\tREADME.md")).unwrap();
        assert_eq!(found.message, "Fix the parser for empty lines\n\nSee");
        assert_eq!(found.files, ["a.py"]);
        assert!(
            commit(&record(message, "A\ta.py\nM\tb.py")).is_none(),
            "a new file is not there yet"
        );
        assert!(commit(&record(message, "M\tREADME.md")).is_none(), "no source");
        assert!(commit(&record("Fix it", "M\ta.py")).is_none(), "says nothing");
        assert!(commit(&record("Bump a from 1 to 2 in the lock", "M\ta.py")).is_none());
    }
}
