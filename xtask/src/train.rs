//! `cargo xtask train words|ranker|vectors|classifier`: what `search` and the router have learned.

mod ablation;
pub mod boost;
mod classifier;
mod extension;
mod kept;
mod ranker;
mod remembered;
mod rows;
mod words;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

/// Trains a part on the questions in a folder, which `bench retrieval` makes.
pub fn run(arguments: &[&str]) -> Result<()> {
    match arguments {
        ["rows", questions] => {
            for split in ["test", "train"] {
                rows::read(&PathBuf::from(questions), split, &rows::Told::Words)?;
            }
            Ok(())
        }
        ["classifier", rest @ ..] => classifier::run(rest),
        ["words", questions] => words::run(&PathBuf::from(questions)),
        ["ranker", questions] => ranker::run(&PathBuf::from(questions)),
        ["cross", questions] => ranker::cross(&PathBuf::from(questions)),
        ["vectors", questions, model, "test"] => {
            extension::test(&PathBuf::from(questions), &rows::Told::Vectors(Path::new(model)))
        }
        ["vectors", questions, model] => {
            extension::run(&PathBuf::from(questions), &rows::Told::Vectors(Path::new(model)))
        }
        ["past", questions, repositories, "test"] => {
            extension::test(&PathBuf::from(questions), &rows::Told::Past(Path::new(repositories)))
        }
        ["past", questions, repositories] => {
            extension::run(&PathBuf::from(questions), &rows::Told::Past(Path::new(repositories)))
        }
        ["ablation", questions] => ablation::run(&PathBuf::from(questions), 1),
        ["ablation", questions, share] => ablation::run(&PathBuf::from(questions), share.parse()?),
        _ => bail!(
            "`cargo xtask train words|ranker|cross|ablation FOLDER`, `vectors FOLDER MODEL`, `past FOLDER REPOSITORIES`: the folder of `bench retrieval`, of a model, of bare repositories"
        ),
    }
}
