//! `cargo xtask fuzz`: the fuzz targets by coverage, with libFuzzer.
//!
//! Instrumenting is an LLVM pass that a stable compiler runs too (`-C passes`); no sanitizer is used,
//! since the targets are safe code. Where it cannot be built, that is said and nothing is pretended.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

const HELP: &str = "\
Usage: cargo xtask fuzz [TARGET...] [--seconds N] [--store]

  TARGET       one of the folders of tests/fuzz (default: all)
  --seconds N  how long for each (default 120)
  --store      afterwards, adds to tests/fuzz the few new inputs that reach more code
";

/// What cargo-fuzz passes too, less what needs a nightly compiler.
const INSTRUMENTED: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares \
    --cfg fuzzing";

/// Most bytes of an input that is stored.
const STORED_BYTES: u64 = 8 << 10;
/// Most inputs that one run adds to a corpus.
const STORED_AT_ONCE: usize = 24;

struct Choice {
    targets: Vec<String>,
    seconds: u64,
    stores: bool,
}

fn choice(arguments: &[&str]) -> Result<Choice> {
    let mut choice = Choice { targets: Vec::new(), seconds: 120, stores: false };
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match *word {
            "--seconds" => choice.seconds = words.next().context(HELP)?.parse().context(HELP)?,
            "--store" => choice.stores = true,
            name if !name.starts_with('-') && corpora().join(name).is_dir() => {
                choice.targets.push(name.to_owned());
            }
            _ => bail!("{HELP}"),
        }
    }
    if choice.targets.is_empty() {
        let folders = fs::read_dir(corpora())?.flatten().filter(|entry| entry.path().is_dir());
        choice.targets = folders.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        choice.targets.sort();
    }
    Ok(choice)
}

fn corpora() -> PathBuf {
    crate::root().join("tests/fuzz")
}

/// Runs each target for some time; a finding is kept below the target folder and fails the run.
pub fn run(arguments: &[&str]) -> Result<()> {
    let choice = choice(arguments)?;
    let work = crate::target_dir()?.join("fuzz");
    let program = build(&work)?;
    let mut found = Vec::new();
    for name in &choice.targets {
        let target = Target::new(name, &program, &work)?;
        println!("{name}: {} s", choice.seconds);
        if !target.fuzz(choice.seconds)? {
            found.push(name.as_str());
        } else if choice.stores {
            println!("{name}: {} inputs added", target.store()?);
        }
    }
    ensure!(
        found.is_empty(),
        "Found something in {}; the inputs are in {}",
        found.join(", "),
        work.join("found").display()
    );
    Ok(())
}

fn build(work: &Path) -> Result<PathBuf> {
    // With a target named, the flags are not used for build scripts, which could not be linked with them.
    let host = crate::output("rustc", &["--print", "host-tuple"])?;
    let host = host.trim();
    let status = Command::new("cargo")
        .args(["build", "--release", "--manifest-path", "fuzz/Cargo.toml", "--target", host])
        .arg("--target-dir")
        .arg(work)
        .env("RUSTFLAGS", INSTRUMENTED)
        .current_dir(crate::root())
        .status()
        .context("Cannot run `cargo`")?;
    ensure!(
        status.success(),
        "The targets could not be built with coverage here: it needs a C++ compiler and an LLVM with \
         `sancov-module`. Without, `cargo nextest run fuzz` drives them by the stored corpora alone"
    );
    Ok(work.join(host).join("release/distiq-fuzz"))
}

struct Target {
    program: PathBuf,
    /// What libFuzzer found to reach more.
    grown: PathBuf,
    stored: PathBuf,
    found: PathBuf,
}

impl Target {
    fn new(name: &str, program: &Path, work: &Path) -> Result<Self> {
        let named = work.join("named").join(name);
        let grown = work.join("grown").join(name);
        let found = work.join("found");
        fs::create_dir_all(work.join("named"))?;
        fs::create_dir_all(&grown)?;
        fs::create_dir_all(&found)?;
        let _ = fs::remove_file(&named);
        fs::hard_link(program, &named)?;
        Ok(Self { program: named, grown, stored: corpora().join(name), found })
    }

    /// Tells whether nothing was found.
    fn fuzz(&self, seconds: u64) -> Result<bool> {
        let name = self.stored.file_name().unwrap_or_default().to_string_lossy();
        let prefix = format!("-artifact_prefix={}/{name}-", self.found.display());
        let run = Command::new(&self.program)
            .arg(format!("-max_total_time={seconds}"))
            .args(["-max_len=16384", "-timeout=10", "-rss_limit_mb=1024", "-print_final_stats=1"])
            .args(["-verbosity=0", &prefix])
            .args([&self.grown, &self.stored])
            .output()
            .context("Cannot run the target")?;
        let told = String::from_utf8_lossy(&run.stderr);
        match run.status.success() {
            true => {
                told.lines().filter(|l| l.contains("executed_units")).for_each(|l| println!("{l}"))
            }
            false => println!("{told}"),
        }
        Ok(run.status.success())
    }

    /// Adds the smallest inputs that reach what the stored ones do not.
    fn store(&self) -> Result<usize> {
        let merged = self.grown.with_extension("merged");
        let _ = fs::remove_dir_all(&merged);
        fs::create_dir_all(&merged)?;
        for entry in fs::read_dir(&self.stored)?.flatten() {
            fs::copy(entry.path(), merged.join(entry.file_name()))?;
        }
        let status = Command::new(&self.program)
            .args(["-merge=1", "-max_len=8192", "-verbosity=0"])
            .args([&merged, &self.grown])
            .status()?;
        ensure!(status.success(), "The corpus could not be merged");
        let mut new: Vec<(u64, PathBuf)> = fs::read_dir(&merged)?
            .flatten()
            .filter(|entry| !self.stored.join(entry.file_name()).exists())
            .filter_map(|entry| Some((entry.metadata().ok()?.len(), entry.path())))
            .filter(|(bytes, _)| *bytes <= STORED_BYTES)
            .collect();
        new.sort();
        // The larger ones reach the most of what is behind.
        let few: Vec<_> =
            new.iter().rev().step_by(new.len().div_ceil(STORED_AT_ONCE).max(1)).collect();
        for (_, path) in few.iter().take(STORED_AT_ONCE) {
            if let Some(name) = path.file_name() {
                fs::copy(path, self.stored.join(name))?;
            }
        }
        Ok(few.len().min(STORED_AT_ONCE))
    }
}
