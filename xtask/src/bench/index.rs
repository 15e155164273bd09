//! `cargo xtask bench index`: what indexing and searching cost, beside tools that look through the same tree.
//!
//! The tree is this project's own, or `--project DIR`, which is copied first: nothing is written to it. With
//! `--retrieval DIR`, the folder of `bench retrieval`, it is trees of several repositories side by side, over 100,000
//! chunks, and the questions are those of these repositories. Figures are wall time of the program as its user runs it,
//! start and end of the process with it, on two cores (`--cores LIST`).

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::installs;
use super::report::{Row, median, print_rows};

/// What asks this program's release build how long an index takes to open.
const OPENING: &str = "--opening";
const QUERIES: usize = 300;
const CHANGES: usize = 15;
/// Together over 100,000 chunks.
const LARGE: &[&str] = &[
    "netty/netty",
    "sphinx-doc/sphinx",
    "networkx/networkx",
    "apache/commons-lang",
    "nodejs/undici",
];
/// Words of a question that counts.
const WORDS: std::ops::RangeInclusive<usize> = 10..=60;

/// Measures and prints a table.
pub fn run(arguments: &[&str]) -> Result<()> {
    if let [OPENING, tree, cache] = arguments {
        return open(Path::new(tree), Path::new(cache));
    }
    let (mut project, mut binary, mut aider) = (crate::root(), None, false);
    let (mut retrieval, mut cores) = (None, "0,1".to_owned());
    let mut rest = arguments.iter();
    while let Some(flag) = rest.next() {
        match (*flag, rest.as_slice().first()) {
            ("--aider", _) => aider = true,
            ("--project", Some(value)) => project = PathBuf::from(value),
            ("--binary", Some(value)) => binary = Some(PathBuf::from(value)),
            ("--retrieval", Some(value)) => retrieval = Some(PathBuf::from(value)),
            ("--cores", Some(value)) => cores = (*value).to_owned(),
            _ => bail!(
                "Unknown option `{flag}`: there are --project DIR, --retrieval DIR, --binary FILE, --cores LIST, --aider"
            ),
        }
        if *flag != "--aider" {
            rest.next();
        }
    }
    let binary = match binary {
        Some(binary) => binary,
        None => {
            crate::step("cargo", &["build", "--release", "-q", "-p", "distiq"])?;
            crate::target_dir()?.join("release/distiq")
        }
    };
    // For what is measured in one process.
    crate::step("cargo", &["build", "--release", "-q", "-p", "xtask"])?;
    let folder = std::env::temp_dir().join(format!("distiq-bench-index-{}", std::process::id()));
    let bench = Bench { binary, tree: folder.join("tree"), folder, retrieval };
    match &bench.retrieval {
        Some(retrieval) => bench.copy_many(retrieval)?,
        None => bench.copy(&project)?,
    }
    // What is started from here on runs there.
    let pid = std::process::id().to_string();
    crate::step("taskset", &["-a", "-p", "-c", &cores, &pid])?;
    let mut rows = bench.indexing(aider)?;
    rows.push(bench.change()?);
    rows.push(bench.opening()?);
    rows.extend(bench.searching()?);
    print_rows(&rows);
    Ok(())
}

/// Opens an index again and again, and prints the median in nanoseconds.
fn open(tree: &Path, cache: &Path) -> Result<()> {
    let mut times = Vec::new();
    for _ in 0..CHANGES {
        let begin = Instant::now();
        let snapshot = distiq_index::Index::open(tree, cache)?.snapshot()?;
        times.push(begin.elapsed());
        ensure!(snapshot.stats().chunks > 0, "The index is empty");
    }
    println!("{}", median(&mut times).as_nanos());
    Ok(())
}

struct Bench {
    folder: PathBuf,
    tree: PathBuf,
    binary: PathBuf,
    /// Where trees and questions of repositories are.
    retrieval: Option<PathBuf>,
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Bench {
    /// Copies what git tracks, or all where there is no git.
    fn copy(&self, project: &Path) -> Result<()> {
        fs::create_dir_all(&self.tree)?;
        let tree = self.tree.display();
        let line = match project.join(".git").exists() {
            true => format!(
                "git archive HEAD | tar x -C {tree} && git -C {tree} init -q && git -C {tree} add -A"
            ),
            false => format!("cp -a . {tree}"),
        };
        installs::run_in(project, "sh", &["-c", &line])
    }

    /// Copies the trees of several repositories side by side.
    fn copy_many(&self, retrieval: &Path) -> Result<()> {
        for name in LARGE {
            let name = name.replace('/', "+");
            let (from, to) = (retrieval.join(&name).join("a"), self.tree.join(&name));
            ensure!(
                from.is_dir(),
                "No `{}`: `bench retrieval --only-make` makes it",
                from.display()
            );
            fs::create_dir_all(&to)?;
            let line = format!("tar c --exclude=./.distiq . | tar x -C {}", to.display());
            installs::run_in(&from, "sh", &["-c", &line])?;
        }
        Ok(())
    }

    fn distiq(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.arg("--root").arg(&self.tree).args(arguments);
        command.env_clear().env("DISTIQ_HOME", self.folder.join("home"));
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command
    }

    fn indexing(&self, aider: bool) -> Result<Vec<Row>> {
        let (ours, text) = timed(&mut self.distiq(&["index", "--rebuild", "--json"]))?;
        let done: Value = serde_json::from_str(&text)?;
        let number = |name: &str| done.get(name).and_then(Value::as_f64).unwrap_or(0.0);
        println!(
            "{} files, {} lines, {} chunks: {:.0} lines a second",
            number("files"),
            number("lines"),
            number("chunks"),
            number("lines") / ours.as_secs_f64()
        );
        let ctags = installs::debian("universal-ctags", "usr/bin/ctags-universal")?;
        let mut command = Command::new(ctags);
        let tags = self.folder.join("tags");
        command.arg("-R").arg("-f").arg(&tags).arg(".").current_dir(&self.tree);
        let ctags = timed(&mut command)?.0;
        ensure!(size(&self.folder, &|path| path == tags) > 0, "ctags wrote no tags");
        let mut rows = vec![Row::time("cold index", ours, "ctags", ctags)];
        if aider {
            let map = self.aider()?;
            rows.push(
                Row::time("cold index", ours, "aider's repo map", map)
                    .goal("a tenth of it", ours * 10 < map),
            );
        }
        let (nothing, _) = timed(&mut self.distiq(&["index", "--json"]))?;
        let mut find = Command::new("find");
        find.arg(&self.tree).args(["-newer", "/proc/version"]);
        rows.push(Row::time("index, nothing changed", nothing, "find -newer", timed(&mut find)?.0));
        Ok(rows)
    }

    fn aider(&self) -> Result<Duration> {
        let folder = installs::cache("aider")?;
        let program = folder.join("bin/aider");
        if !program.exists() {
            installs::run_in(&folder, "python3", &["-m", "venv", "."])?;
            installs::run_in(&folder, "bin/pip", &["install", "-q", "aider-chat"])?;
        }
        let mut command = Command::new(program);
        command
            .args([
                "--show-repo-map",
                "--map-tokens",
                "4096",
                "--no-check-update",
                "--no-analytics",
            ])
            .args(["--model", "gpt-4o", "--yes-always", "--no-show-model-warnings"])
            .env("OPENAI_API_KEY", "none")
            .env("HOME", &self.folder)
            .current_dir(&self.tree);
        Ok(timed(&mut command)?.0)
    }

    /// From a file's change to its being found.
    fn change(&self) -> Result<Row> {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for step in 0..CHANGES {
            let name = format!("frobnicate_the_{step}");
            fs::write(self.tree.join("changed.py"), format!("def {name}():\n    return {step}\n"))?;
            let (time, text) =
                timed(&mut self.distiq(&["search", "--json", "-n", "1", "--", &name]))?;
            ensure!(text.contains(&name), "`{name}` was not found: {text}");
            ours.push(time);
            let mut rg = Command::new("grep");
            rg.args(["-rl", &name, "--include=*.py", "."]).current_dir(&self.tree);
            theirs.push(timed(&mut rg)?.0);
        }
        let ours = median(&mut ours);
        Ok(Row::time("a change is found", ours, "grep -r", median(&mut theirs))
            .goal("50 ms", ours <= Duration::from_millis(50)))
    }

    /// From nothing to an index that can be searched, in one process; this one is built for quick compiling.
    fn opening(&self) -> Result<Row> {
        let (tree, cache) = (self.tree.display().to_string(), self.folder.join("home/cache"));
        let cache = cache.display().to_string();
        let arguments = ["run", "--release", "-q", "-p", "xtask", "--", "bench", "index", OPENING];
        let text = crate::output("cargo", &[&arguments[..], &[&tree, &cache]].concat())?;
        let ours = Duration::from_nanos(text.trim().parse()?);
        Ok(Row::time("an index is opened", ours, "the same", ours)
            .goal("20 ms", ours <= Duration::from_millis(20)))
    }

    fn searching(&self) -> Result<Vec<Row>> {
        let queries = match &self.retrieval {
            Some(retrieval) => asked(retrieval)?,
            None => self.queries()?,
        };
        println!("{} questions", queries.len());
        let mut child = self
            .distiq(&["search", "--jsonl", "--no-refresh"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut input = child.stdin.take().context("No input")?;
        let mut output = BufReader::new(child.stdout.take().context("No output")?);
        let mut times = Vec::new();
        let mut memory = 0;
        for (id, query) in queries.iter().enumerate() {
            writeln!(input, "{}", json!({ "id": id, "query": query }))?;
            let mut line = String::new();
            output.read_line(&mut line)?;
            let row: Value = serde_json::from_str(&line)?;
            let ms = row.get("ms").and_then(Value::as_f64).context("No time")?;
            times.push(Duration::from_secs_f64(ms / 1000.0));
            memory = memory.max(resident_kb(child.id()));
        }
        drop(input);
        child.wait()?;
        times.sort_unstable();
        let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default();
        let grep = self.grep(&queries)?;
        let source =
            size(&self.tree, &|path| !path.ends_with(".distiq") && !path.ends_with(".git"));
        let index = size(&self.tree.join(".distiq"), &|_| true);
        Ok(vec![
            Row::time("search, p50", at(50), "grep for its words", grep),
            Row::time("search, p95", at(95), "grep for its words", grep)
                .goal("10 ms", at(95) <= Duration::from_millis(10)),
            Row::memory("memory while searching", memory, "the tree's text", source / 1024)
                .goal("300 MB", memory < 300 * 1024),
            Row::memory("on the disk", index / 1024, "the tree's text", source / 1024)
                .goal("twice the text", index < 2 * source),
        ])
    }

    /// Takes runs of 10 to 60 words out of the tree's own files.
    fn queries(&self) -> Result<Vec<String>> {
        let listed = Command::new("sh")
            .args(["-c", "find . -type f -size -200k -name '*.[a-z]*' -not -path './.*' | sort"])
            .current_dir(&self.tree)
            .output()?;
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        let paths: Vec<&str> = listed.lines().collect();
        let step = (paths.len() / QUERIES).max(1);
        let mut queries = Vec::new();
        for (at, path) in paths.iter().step_by(step).enumerate() {
            let Ok(text) = fs::read_to_string(self.tree.join(path)) else { continue };
            let middle = text.lines().skip(text.lines().count() / 2);
            let words: Vec<_> = middle.flat_map(str::split_whitespace).take(10 + at % 50).collect();
            queries.push(words.join(" "));
        }
        queries.retain(|query| query.split_whitespace().count() >= 10 && query.len() < 10_000);
        Ok(queries)
    }

    /// What it takes to count the files with any of a query's words.
    fn grep(&self, queries: &[String]) -> Result<Duration> {
        let mut times = Vec::new();
        for query in queries.iter().step_by(queries.len() / 10 + 1) {
            let mut command = Command::new("grep");
            command.args(["-rciF", "--exclude-dir=.?*"]).current_dir(&self.tree);
            for word in query.split_whitespace().filter(|word| word.len() > 3) {
                command.args(["-e", word]);
            }
            times.push(timed(command.arg("."))?.0);
        }
        Ok(median(&mut times))
    }
}

/// Returns questions to the repositories, of both kinds, spread over them.
fn asked(retrieval: &Path) -> Result<Vec<String>> {
    let text = fs::read_to_string(retrieval.join("questions.jsonl")).context("No questions")?;
    let mut queries = Vec::new();
    for line in text.lines() {
        let row: Value = serde_json::from_str(line)?;
        let text = |key: &str| row.get(key).and_then(Value::as_str).unwrap_or_default();
        let is_fit = WORDS.contains(&text("query").split_whitespace().count());
        if LARGE.contains(&text("repo")) && is_fit {
            queries.push(text("query").to_owned());
        }
    }
    let step = (queries.len() / QUERIES).max(1);
    Ok(queries.into_iter().step_by(step).take(QUERIES).collect())
}

/// Runs a program to its end; returns how long it took and what it printed.
fn timed(command: &mut Command) -> Result<(Duration, String)> {
    let begin = Instant::now();
    let output = command.stderr(Stdio::null()).stdin(Stdio::null()).output();
    let time = begin.elapsed();
    let output = output.with_context(|| format!("Cannot run {command:?}"))?;
    Ok((time, String::from_utf8_lossy(&output.stdout).into_owned()))
}

fn resident_kb(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

fn size(folder: &Path, is_counted: &dyn Fn(&Path) -> bool) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes =
        entries.filter(|entry| is_counted(&entry.path())).map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => size(&entry.path(), is_counted),
            Ok(kind) if kind.is_file() => entry.metadata().map_or(0, |data| data.len()),
            _ => 0,
        });
    sizes.sum()
}
