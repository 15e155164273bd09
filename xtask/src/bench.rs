//! `cargo xtask bench`: what Distiq's own work costs, each figure beside a baseline of the same minute.
//!
//! The model is a loopback server that answers at once, so that only our side is timed. Baselines do
//! the least that the same job can take: an empty Rust program, `curl`, reading a file.

mod batch;
pub mod bill;
mod edits;
pub mod gateway;
pub mod index;
mod installs;
mod model;
pub mod process;
mod report;
pub mod retrieval;
mod sessions;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use model::{Arrival, Model};
use report::{Row, median, print_rows};

const STARTS: usize = 40;
const SESSIONS_ON_DISK: usize = 10_000;
const TURNS: usize = 200;
const LOG_BYTES: u64 = 100 << 20;

/// Builds what is measured, measures it, prints a table.
pub fn run() -> Result<()> {
    crate::step("cargo", &["build", "--release", "-q", "-p", "distiq"])?;
    let bench = Bench::new()?;
    let rows = vec![
        bench.version()?,
        bench.first_request()?,
        bench.resume()?,
        bench.memory_and_overhead()?,
        edits::rows(&bench.distiq, &bench.folder)?,
        batch::rows(&bench.distiq, &bench.folder)?,
    ];
    print_rows(&rows.into_iter().flatten().collect::<Vec<_>>());
    crate::step("cargo", &["bench", "-q", "-p", "distiq-agent", "--bench", "checkpoint"])?;
    crate::step("cargo", &["bench", "-q", "-p", "distiq-agent", "--bench", "compact"])?;
    crate::step("cargo", &["bench", "-q", "-p", "distiq-router", "--bench", "ledger"])
}

/// A scratch home and project, the programs, and a model.
struct Bench {
    folder: PathBuf,
    distiq: PathBuf,
    empty: PathBuf,
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Bench {
    fn new() -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("distiq-bench-{}", std::process::id()));
        fs::create_dir_all(folder.join("project/src"))?;
        fs::create_dir_all(folder.join("home/data"))?;
        fs::write(folder.join("project/src/a.py"), "def add(a, b):\n    return a + b\n")?;
        let git =
            Command::new("git").args(["init", "-q"]).current_dir(folder.join("project")).status();
        ensure!(git.context("Cannot run `git`")?.success(), "`git init` failed");
        let source = folder.join("empty.rs");
        let empty = folder.join("empty");
        fs::write(&source, "fn main() {}\n")?;
        let built = Command::new("rustc").arg("-O").arg("-o").args([&empty, &source]).status();
        ensure!(built.context("Cannot run `rustc`")?.success(), "`rustc` failed");
        Ok(Self { folder, distiq: crate::target_dir()?.join("release/distiq"), empty })
    }

    fn project(&self) -> PathBuf {
        self.folder.join("project")
    }

    fn distiq(&self, model: &Model) -> Command {
        let mut command = Command::new(&self.distiq);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.join("home"))
            .env("DISTIQ_HOME", self.folder.join("home"))
            .env("ANTHROPIC_BASE_URL", model.url())
            .current_dir(self.project())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    fn version(&self) -> Result<Vec<Row>> {
        let time = |program: &Path, arguments: &[&str]| -> Result<Duration> {
            let mut times = Vec::new();
            for _ in 0..STARTS {
                let begun = Instant::now();
                let status =
                    Command::new(program).args(arguments).stdout(Stdio::null()).status()?;
                ensure!(status.success(), "`{}` failed", program.display());
                times.push(begun.elapsed());
            }
            Ok(median(&mut times))
        };
        time(&self.empty, &[])?;
        let empty = time(&self.empty, &[])?;
        let ours = time(&self.distiq, &["version"])?;
        Ok(vec![
            Row::time("distiq version", ours, "an empty Rust program", empty)
                .goal("at most 5 ms above", ours.saturating_sub(empty) <= Duration::from_millis(5)),
        ])
    }

    fn first_request(&self) -> Result<Vec<Row>> {
        sessions::fill(&self.folder.join("home/data/sessions"), SESSIONS_ON_DISK, &self.project())?;
        let model = Model::start(0)?;
        let mut ours = Vec::new();
        let mut baseline = Vec::new();
        for _ in 0..STARTS / 2 {
            let mut command = self.distiq(&model);
            command.args(["run", "--mode", "full", "--model", "claude-sonnet-4-5", "--", "Say hi"]);
            ours.push(to_first_request(command, &model)?);
            let mut curl = Command::new("curl");
            curl.args([
                "-s",
                "-o",
                "/dev/null",
                "-d",
                "{}",
                &format!("{}/v1/messages", model.url()),
            ]);
            baseline.push(to_first_request(curl, &model)?);
        }
        let (ours, baseline) = (median(&mut ours), median(&mut baseline));
        let name = format!("start to first request, {SESSIONS_ON_DISK} sessions on disk");
        Ok(vec![
            Row::time(name, ours, "curl", baseline)
                .goal("under 30 ms", ours < Duration::from_millis(30)),
        ])
    }

    fn resume(&self) -> Result<Vec<Row>> {
        let folder = self.folder.join("home/data/sessions");
        let (id, path) = sessions::large(&folder, LOG_BYTES, &self.project())?;
        let model = Model::start(0)?;
        let mut ours = Vec::new();
        let mut baseline = Vec::new();
        for _ in 0..5 {
            let begun = Instant::now();
            let counted = Command::new("wc").arg("-l").arg(&path).stdout(Stdio::null()).status()?;
            ensure!(counted.success(), "`wc` failed");
            baseline.push(begun.elapsed());
            let mut command = self.distiq(&model);
            command.args([
                "resume",
                &id,
                "--mode",
                "full",
                "--model",
                "claude-sonnet-4-5",
                "--",
                "hi",
            ]);
            ours.push(to_first_request(command, &model)?);
        }
        let (ours, baseline) = (median(&mut ours), median(&mut baseline));
        let name = format!("resume a {} MB log, to first request", LOG_BYTES >> 20);
        Ok(vec![
            Row::time(name, ours, "wc -l", baseline)
                .goal("under 200 ms", ours < Duration::from_millis(200)),
        ])
    }

    fn memory_and_overhead(&self) -> Result<Vec<Row>> {
        let model = Model::start(TURNS - 1)?;
        let mut command = self.distiq(&model);
        command.args(["run", "--mode", "full", "--model", "claude-sonnet-4-5"]);
        command.args(["--max-turns", "1000", "--", "Read a lot"]);
        let mut child = command.spawn()?;
        let mut peak_kb = 0;
        let mut gaps = Vec::new();
        for turn in 0..TURNS {
            let arrival = next(&model, &mut child)?;
            peak_kb = peak_kb.max(peak_memory_kb(child.id()).unwrap_or(0));
            if turn > 0 {
                gaps.push(arrival.after_last_answer);
            }
        }
        ensure!(child.wait()?.success(), "the {TURNS}-turn run failed");
        let mut bare = model::ping_pong(&model, TURNS)?;
        let (overhead, bare) = (median(&mut gaps), median(&mut bare));
        Ok(vec![
            Row::memory(format!("peak memory of a {TURNS}-turn run"), peak_kb, "limit", 40 * 1024)
                .goal("under 40 MB", peak_kb < 40 * 1024),
            Row::time(
                "between an answer and the next request",
                overhead,
                "a bare loopback client",
                bare,
            )
            .goal("under 2 ms", overhead < Duration::from_millis(2)),
        ])
    }
}

fn next(model: &Model, child: &mut Child) -> Result<Arrival> {
    loop {
        if let Some(arrival) = model.next(Duration::from_millis(200)) {
            return Ok(arrival);
        }
        ensure!(child.try_wait()?.is_none(), "distiq ended before it sent a request");
    }
}

fn to_first_request(mut command: Command, model: &Model) -> Result<Duration> {
    model.clear();
    let begun = Instant::now();
    let mut child = command.spawn().with_context(|| format!("Cannot run {command:?}"))?;
    let arrival = next(model, &mut child)?;
    let took = arrival.at.duration_since(begun);
    child.wait()?;
    Ok(took)
}

/// Returns the largest resident size so far, in kB (`VmHWM`).
fn peak_memory_kb(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}
