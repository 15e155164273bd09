//! `cargo xtask bench retrieval`: does a sentence find its function, and a commit's message its files?
//!
//! The questions are made from repositories with a history (`--repos DIR`, each a bare copy in
//! `owner+name/repo`) or from published archives. What is measured is the program as users get it.

mod commits;
mod documented;
mod measure;
mod plain;
mod product;
pub mod questions;
pub mod random;
pub mod repos;
mod russian;
pub mod score;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use repos::Split;
use serde_json::Value;

/// The options of the command.
pub struct Options {
    /// The folder of bare repositories; nothing new is made without it.
    pub repos: Option<PathBuf>,
    /// Where trees and questions are kept between runs.
    pub out: PathBuf,
    /// Which repositories are measured.
    pub split: Split,
    pub seed: u64,
    /// The program; the release build where none is given.
    pub distiq: Option<PathBuf>,
    /// Whether the questions are made for the training too, and nothing is measured.
    pub only_make: bool,
    /// Whether the requests in Russian are asked, and no others.
    pub russian: bool,
}

/// Makes the questions and scores the program's answers.
pub fn run(arguments: &[&str]) -> Result<()> {
    let options = options(arguments)?;
    let made = questions::make(&options)?;
    println!("{made} questions in {}", options.out.display());
    if options.only_make && !options.russian {
        return Ok(());
    }
    let distiq = match &options.distiq {
        Some(distiq) => distiq.clone(),
        None => {
            crate::step("cargo", &["build", "--release", "-q", "-p", "distiq"])?;
            crate::target_dir()?.join("release/distiq")
        }
    };
    let home = std::env::temp_dir().join(format!("distiq-retrieval-{}", std::process::id()));
    let product = product::Product { distiq, home: home.clone() };
    let measured = if options.russian {
        russian::run(&options.out, &product)
    } else {
        measure::run(&options.out, &product, &[options.split.name()])
    };
    let _ = std::fs::remove_dir_all(home);
    measured
}

fn options(arguments: &[&str]) -> Result<Options> {
    let mut options = Options {
        repos: None,
        out: crate::target_dir()?.join("retrieval"),
        split: Split::Test,
        seed: 20_261_122,
        distiq: None,
        only_make: false,
        russian: false,
    };
    let mut rest = arguments.iter();
    while let Some(flag) = rest.next() {
        if *flag == "--only-make" {
            options.only_make = true;
            continue;
        }
        if *flag == "--russian" {
            // Its repositories are of several splits.
            (options.russian, options.only_make) = (true, true);
            continue;
        }
        let value = rest.next().with_context(|| format!("`{flag}` needs a value"))?;
        match *flag {
            "--repos" => options.repos = Some(PathBuf::from(value)),
            "--out" => options.out = PathBuf::from(value),
            "--distiq" => options.distiq = Some(PathBuf::from(value)),
            "--seed" => options.seed = value.parse().context("Bad `--seed`")?,
            "--split" => {
                options.split = Split::named(value).context("`--split` is train or test")?;
            }
            _ => bail!("Unknown option `{flag}`"),
        }
    }
    Ok(options)
}

/// Tells whether a path is source code in a language whose functions are known.
fn is_source(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let known = [
        "rs", "py", "js", "mjs", "cjs", "jsx", "ts", "mts", "cts", "tsx", "go", "java", "c", "h",
        "cc", "cpp", "hpp",
    ];
    known.contains(&extension) && !path.to_string_lossy().ends_with(".d.ts")
}

/// Tells whether a path is a test, by the usual places and names.
fn is_test(path: &str) -> bool {
    let lower = path.to_lowercase();
    let in_folder = lower.split('/').any(|part| {
        matches!(
            part,
            "test"
                | "tests"
                | "testing"
                | "spec"
                | "__tests__"
                | "examples"
                | "benches"
                | "docs"
                | "vendor"
        )
    });
    let name = lower.rsplit('/').next().unwrap_or_default();
    in_folder
        || name.starts_with("test_")
        || name.contains("_test.")
        || name.contains(".test.")
        || name.contains(".spec.")
}

/// Tells whether lines are the function that a question of kind A wants. Attributes and decorators
/// may or may not be told as part of it.
pub fn is_function(question: &Value, path: &str, start_line: u32, end_line: u32) -> bool {
    let number = |key: &str| question.get(key).and_then(Value::as_u64).unwrap_or(0);
    let (start, end) = (u64::from(start_line), u64::from(end_line));
    let is_same = start == number("start_line") || end == number("end_line");
    let is_near = start <= number("start_line") + 2 && start + 12 >= number("start_line");
    question.get("path").and_then(Value::as_str) == Some(path) && is_same && is_near
}
