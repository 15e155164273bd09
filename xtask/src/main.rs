//! Distiq's own checks and generators: `cargo xtask check|arrows|env|docs`.
//!
//! It must never be needed by a user. Checks know the crates only through their files and through
//! `cargo metadata`; what measures and trains the index uses its doors.

#![allow(clippy::print_stdout, clippy::print_stderr)] // A terminal program.

mod arrows;
mod bench;
mod check;
mod docs;
mod env_table;
mod fuzz;
mod licenses;
mod real;
mod train;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use nix::sys::resource::Resource;

const HELP: &str = "\
Usage: cargo xtask COMMAND

  check [--since REV]  format, lints and tests of what changed since REV (default HEAD)
  arrows               which crate may import which, held against `cargo metadata`
  env                  every environment variable that code reads, held against its table
  bench                what Distiq's own work costs, each figure beside a baseline
  bench gateway        what the gateway adds to a request, beside nginx, Portkey and LiteLLM
  bench bill           what two scripted tasks cost, beside a loop of 60 lines (--distiq PROGRAM: another build)
  bench index          what indexing and searching cost, beside ctags, grep and (--aider) aider's repo map (--project DIR;
                       --retrieval DIR: 100,000 chunks and the questions of `bench retrieval`)
  bench retrieval      does a sentence find its function, a commit's message its files (--repos DIR)
  train words|ranker|ablation FOLDER
                       what `search` has learned, from the questions of `bench retrieval`
  train classifier [--cv [--errors] | --without FILE…]
                       what the router has learned of how hard requests are; `--cv` only compares
  soak                 a thousand streams through the gateway for five minutes, with random faults
  real llama           the gateway before llama.cpp's server, which is built once
  fuzz [TARGET...]     the fuzz targets by coverage, two minutes each
  docs [--check]       writes docs/ from the code, or tells whether they are up to date
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["check"] => check::run("HEAD"),
        ["check", "--since", revision] => check::run(revision),
        ["bench"] => bench::run(),
        ["bench", "retrieval", rest @ ..] => bench::retrieval::run(rest),
        ["bench", "bill", rest @ ..] => bench::bill::run(rest),
        ["bench", "gateway", rest @ ..] => bench::gateway::run(rest),
        ["bench", "index", rest @ ..] => bench::index::run(rest),
        ["train", rest @ ..] => train::run(rest),
        ["soak"] => soak(),
        ["real", rest @ ..] => real::run(rest),
        ["fuzz", rest @ ..] => fuzz::run(rest),
        ["arrows"] => arrows::run(),
        ["env"] => env_table::run(),
        ["docs"] => docs::run(docs::Action::Write),
        ["docs", "--check"] => docs::run(docs::Action::Check),
        [] | ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            Ok(())
        }
        _ => bail!("Unknown command `{}`\n{HELP}", words.join(" ")),
    }
}

/// Returns the repository's root.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).to_path_buf()
}

/// Returns where cargo puts what it builds.
fn target_dir() -> Result<PathBuf> {
    let metadata = output("cargo", &["metadata", "--no-deps", "--format-version", "1"])?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata)?;
    let folder = metadata.get("target_directory").and_then(|d| d.as_str());
    Ok(PathBuf::from(folder.context("cargo metadata names no target directory")?))
}

/// Lets this process and what it starts open as many files as the system allows.
fn raise_open_files() -> Result<()> {
    let (_, most) = nix::sys::resource::getrlimit(Resource::RLIMIT_NOFILE)?;
    Ok(nix::sys::resource::setrlimit(Resource::RLIMIT_NOFILE, most, most)?)
}

/// Runs the soak of the tests at its full size.
fn soak() -> Result<()> {
    raise_open_files()?;
    let status = Command::new("cargo")
        .args([
            "test",
            "--release",
            "-p",
            "distiq",
            "--test",
            "suite",
            "soak::",
            "--",
            "--nocapture",
        ])
        .env("DISTIQ_SOAK_SECONDS", "300")
        .env("DISTIQ_SOAK_STREAMS", "1000")
        .current_dir(root())
        .status()
        .context("Cannot run `cargo`")?;
    if status.success() { Ok(()) } else { bail!("The soak failed") }
}

/// Runs a program in the root with the terminal as it is; failing is an error.
fn step(program: &str, arguments: &[&str]) -> Result<()> {
    eprintln!("$ {program} {}", arguments.join(" "));
    let status = Command::new(program)
        .args(arguments)
        .current_dir(root())
        .status()
        .with_context(|| format!("Cannot run `{program}`"))?;
    if status.success() { Ok(()) } else { bail!("`{program}` failed") }
}

/// Runs a program in the root and returns its standard output.
fn output(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(root())
        .output()
        .with_context(|| format!("Cannot run `{program}`"))?;
    if !output.status.success() {
        bail!("`{program}` failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{program}` printed no UTF-8"))
}
