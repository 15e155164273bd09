//! `cargo xtask train words|ranker`: what `search` has learned, fitted to the training repositories.

pub mod boost;
mod ranker;
mod rows;
mod words;

use std::path::PathBuf;

use anyhow::{Result, bail};

/// Trains a part on the questions in a folder, which `bench retrieval` makes.
pub fn run(arguments: &[&str]) -> Result<()> {
    match arguments {
        ["words", questions] => words::run(&PathBuf::from(questions)),
        ["ranker", questions] => ranker::run(&PathBuf::from(questions)),
        _ => bail!("`cargo xtask train words|ranker FOLDER`: the folder of `bench retrieval`"),
    }
}
