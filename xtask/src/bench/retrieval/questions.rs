//! Makes trees and questions, once: `OUT/owner+name/{a,b}` and `OUT/questions.jsonl`.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::random::Random;
use super::repos::{REPOS, Repo, Split};
use super::{Options, commits, documented, is_source, is_test};

/// The most questions of each kind that one repository gives.
const MOST_SENTENCES: usize = 60;
const MOST_COMMITS: usize = 30;
/// Fitting takes this many times as many.
const TRAIN_TIMES: usize = 4;
/// Every sentence with its function's name, beside the trees of a repository.
pub const PAIRS: &str = "pairs.jsonl";
/// A file over this is generated; its documentation asks nothing.
const FILE_BYTES: u64 = 1 << 20;

/// Makes what is missing and returns how many questions there are.
pub fn make(options: &Options) -> Result<usize> {
    let mut all = Vec::new();
    for repo in REPOS {
        let is_needed = options.only_make || repo.split == options.split;
        let folder = options.out.join(repo.name.replace('/', "+"));
        let kept = folder.join("questions.jsonl");
        if !kept.is_file() && !is_needed {
            continue;
        }
        if !kept.is_file() {
            let bare = options.repos.as_deref().map(|repos| bare(repos, repo.name));
            let Some(bare) = bare.filter(|bare| bare.join("HEAD").is_file()) else {
                eprintln!("{}: no copy of it", repo.name);
                continue;
            };
            fs::create_dir_all(&folder)?;
            let mut rows = sentences(&bare, repo, &folder, options.seed)?;
            rows.extend(changes(&bare, repo, &folder, options.seed)?);
            let text: String = rows.iter().map(|row| format!("{row}\n")).collect();
            fs::write(&kept, text)?;
            eprintln!("{}: {} questions", repo.name, rows.len());
        }
        all.push(fs::read_to_string(&kept)?);
    }
    let all = all.concat();
    ensure!(
        !all.is_empty(),
        "No questions: `--repos DIR` must hold `owner+name/repo` of {}",
        REPOS
            .iter()
            .map(|repo| format!("{} ({})", repo.name, repo.licence))
            .collect::<Vec<_>>()
            .join(", ")
    );
    fs::write(options.out.join("questions.jsonl"), &all)?;
    Ok(all.lines().count())
}

fn times(repo: &Repo) -> usize {
    if repo.split == Split::Train { TRAIN_TIMES } else { 1 }
}

/// Returns where a repository's bare copy lies.
pub fn bare(repos: &Path, name: &str) -> PathBuf {
    let folder = repos.join(name.replace('/', "+")).join("repo");
    if folder.join("HEAD").is_file() { folder } else { folder.join(".git") }
}

/// Writes the files of a revision into a folder. What the repository's copy lacks is left out.
fn check_out(bare: &Path, revision: &str, into: &Path) -> Result<()> {
    let list = commits::git(bare, &["ls-tree", "-r", revision])?;
    let mut files = Vec::new();
    for line in list.lines() {
        let Some((head, path)) = line.split_once('\t') else { continue };
        if let ["100644" | "100755", "blob", id] = *head.split(' ').collect::<Vec<_>>() {
            files.push((id.to_owned(), path));
        }
    }
    let mut objects = Command::new("git")
        .arg("--git-dir")
        .arg(bare)
        .args(["cat-file", "--batch"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("Cannot run `git`")?;
    let mut ids = objects.stdin.take().context("No pipe to `git`")?;
    let asked: String = files.iter().map(|(id, _)| format!("{id}\n")).collect();
    let asking = std::thread::spawn(move || ids.write_all(asked.as_bytes()));
    let mut answers = BufReader::new(objects.stdout.take().context("No pipe from `git`")?);
    for (_, path) in &files {
        let mut head = String::new();
        answers.read_line(&mut head)?;
        let Some(size) = head.trim().rsplit_once(" blob ").map(|(_, size)| size.parse()) else {
            continue;
        };
        let mut body = vec![0; size?];
        answers.read_exact(&mut body)?;
        answers.read_exact(&mut [0])?;
        let file = into.join(path);
        fs::create_dir_all(file.parent().unwrap_or(into))?;
        fs::write(file, body)?;
    }
    let _ = asking.join();
    ensure!(objects.wait()?.success(), "`git cat-file` failed");
    Ok(())
}

fn sentences(bare: &Path, repo: &Repo, folder: &Path, seed: u64) -> Result<Vec<Value>> {
    let tree = folder.join("a");
    check_out(bare, "HEAD", &tree)?;
    let names = commits::git(bare, &["ls-tree", "-r", "--name-only", "HEAD"])?;
    let mut found = Vec::new();
    for path in names.lines().filter(|path| is_source(Path::new(path))) {
        let file = tree.join(path);
        if !fs::symlink_metadata(&file).is_ok_and(|meta| meta.is_file() && meta.len() <= FILE_BYTES)
        {
            continue;
        }
        let Ok(text) = fs::read_to_string(&file) else { continue };
        let stripped = documented::strip(Path::new(path), &text);
        fs::write(&file, stripped.text)?;
        if !is_test(path) {
            found.extend(stripped.documented.into_iter().map(|function| (path, function)));
        }
    }
    let pairs = found.iter().map(|(_, f)| json!([f.sentence, f.name]).to_string() + "\n");
    fs::write(folder.join(PAIRS), pairs.collect::<String>())?;
    // A sentence that stands on several functions asks for none of them.
    let count = |sentence: &str| found.iter().filter(|(_, f)| f.sentence == sentence).count();
    let mut unique: Vec<&(&str, documented::Documented)> =
        found.iter().filter(|(_, f)| count(&f.sentence) == 1).collect();
    Random::named(seed, repo.name).shuffle(&mut unique);
    unique.truncate(MOST_SENTENCES * times(repo));
    let row = |(at, (path, function)): (usize, &&(&str, documented::Documented))| {
        json!({
            "id": format!("{}/a{at}", repo.name), "kind": "a", "repo": repo.name,
            "split": repo.split.name(), "query": function.sentence,
            "path": path, "name": function.name,
            "start_line": function.start_line, "end_line": function.end_line,
        })
    };
    Ok(unique.iter().enumerate().map(row).collect())
}

fn changes(bare: &Path, repo: &Repo, folder: &Path, seed: u64) -> Result<Vec<Value>> {
    let mut commits = commits::usable(bare)?;
    let Some(oldest) = commits.last() else { return Ok(Vec::new()) };
    let before = format!("{}^", oldest.id);
    let revision = commits::git(bare, &["rev-parse", &before])?.trim().to_owned();
    check_out(bare, &revision, &folder.join("b"))?;
    fs::write(folder.join("revision"), &revision)?;
    commits = commits::present(bare, &revision, commits)?;
    Random::named(seed, repo.name).shuffle(&mut commits);
    commits.truncate(MOST_COMMITS * times(repo));
    let row = |(at, commit): (usize, &commits::Commit)| {
        json!({
            "id": format!("{}/b{at}", repo.name), "kind": "b", "repo": repo.name,
            "split": repo.split.name(), "query": commit.message,
            "files": commit.files,
        })
    };
    Ok(commits.iter().enumerate().map(row).collect())
}
