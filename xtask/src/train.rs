//! `cargo xtask train words|ranker|classifier`: what `search` and the router have learned.

mod ablation;
pub mod boost;
mod classifier;
mod kept;
mod ranker;
mod rows;
mod words;

use std::path::PathBuf;

use anyhow::{Result, bail};

/// Trains a part on the questions in a folder, which `bench retrieval` makes.
pub fn run(arguments: &[&str]) -> Result<()> {
    match arguments {
        ["rows", questions] => {
            for split in ["test", "train"] {
                rows::read(&PathBuf::from(questions), split)?;
            }
            Ok(())
        }
        ["classifier", rest @ ..] => classifier::run(rest),
        ["words", questions] => words::run(&PathBuf::from(questions)),
        ["ranker", questions] => ranker::run(&PathBuf::from(questions)),
        ["cross", questions] => ranker::cross(&PathBuf::from(questions)),
        ["ablation", questions] => ablation::run(&PathBuf::from(questions), 1),
        ["ablation", questions, share] => ablation::run(&PathBuf::from(questions), share.parse()?),
        _ => bail!(
            "`cargo xtask train words|ranker|cross|ablation FOLDER`: the folder of `bench retrieval`"
        ),
    }
}
