//! `cargo xtask train classifier`: how hard a request is, fitted to prompts that people labelled.
//!
//! The templates of `crates/router/data/prompts/families` are written and labelled by hand, before any
//! rule. They are expanded to `prompts.jsonl`, split by family: a third is held out and never looked at
//! while anything is chosen; on the others every choice is made by five folds. What is printed of the
//! held-out third is of a fit to the rest; the weights that are written are fitted to all.

mod corpus;
mod fit;
mod report;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use distiq_router::classify::{Classifier, Features, Label, Model, Scales};

use corpus::Row;
use fit::Settings;

const FOLDS: u64 = 5;

fn data() -> PathBuf {
    crate::root().join("crates/router/data")
}

/// A row as the model sees it.
pub struct Sample {
    row: Row,
    features: Features,
    weight: f32,
}

/// Makes the corpus, fits, reports and writes; `--cv` only compares by five folds, `--without` only tells what the templates
/// of some files are worth.
pub fn run(arguments: &[&str]) -> Result<()> {
    let path = data().join("prompts/prompts.jsonl");
    let rows = corpus::make(&data().join("prompts/families"))?;
    let samples = samples(rows, &Scales::default());
    let (held, train): (Vec<_>, Vec<_>) = samples.iter().partition(|sample| sample.row.is_held());
    let settings = Settings::default();
    match arguments {
        [] => {}
        ["--cv", rest @ ..] => return cross_validate(&train, settings, rest),
        ["--without", files @ ..] => {
            without(&train, &held, settings, files);
            return Ok(());
        }
        _ => bail!("`cargo xtask train classifier [--cv | --without FILE…]`"),
    }
    fs::write(&path, corpus::lines(samples.iter().map(|sample| &sample.row))?)?;
    let temperature = fit::temperature(&folds(&train, settings));
    let model = fit::fit(&train, settings, temperature);
    report::print(&samples, &train, &held, &model);
    let all: Vec<&Sample> = samples.iter().collect();
    let model = fit::fit(&all, settings, temperature);
    fs::write(data().join("classifier.bin"), model.bytes()).context("Cannot write the weights")?;
    println!("temperature {temperature:.2}; wrote {} prompts and the weights", samples.len());
    Ok(())
}

/// Returns the rows as the model sees them; each family counts about the same.
fn samples(rows: Vec<Row>, scales: &Scales) -> Vec<Sample> {
    let reader = Classifier::with_model(Model::new(&[], 1.0), *scales);
    let mut sizes = std::collections::BTreeMap::new();
    for row in &rows {
        *sizes.entry(row.family.clone()).or_insert(0.0_f32) += 1.0;
    }
    rows.into_iter()
        .map(|row| {
            let size = sizes.get(&row.family).copied().unwrap_or(1.0);
            Sample { features: reader.features(&row.text), weight: size.powf(-0.7), row }
        })
        .collect()
}

/// Returns for each row what a fit to the other folds says of it, uncalibrated.
fn folds(train: &[&Sample], settings: Settings) -> Vec<(Label, [f32; 3], f32)> {
    let judged = std::thread::scope(|scope| {
        let work = |fold| {
            let (test, rest): (Vec<&Sample>, Vec<&Sample>) =
                train.iter().partition(|sample| sample.row.fold(FOLDS) == fold);
            let model = fit::fit(&rest, settings, 1.0);
            let judge = |sample: &&Sample| {
                (sample.row.label, model.probabilities(&sample.features), sample.weight)
            };
            test.iter().map(judge).collect::<Vec<_>>()
        };
        let threads: Vec<_> = (0..FOLDS).map(|fold| scope.spawn(move || work(fold))).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).collect::<Vec<_>>()
    });
    judged.into_iter().flatten().collect()
}

/// Prints how a fit to all does on what is held out, and one to the templates of other files, on all of it and on what is
/// of other files.
fn without(train: &[&Sample], held: &[&Sample], settings: Settings, files: &[&str]) {
    let is_other = |sample: &&Sample| !files.contains(&sample.row.file);
    let others: Vec<&Sample> = train.iter().copied().filter(is_other).collect();
    let held_others: Vec<&Sample> = held.iter().copied().filter(is_other).collect();
    for (name, train) in [("with them", train), ("without them", &others)] {
        let model = fit::fit(train, settings, 1.0);
        println!("{name}: {} prompts to learn from", train.len());
        report::print_held(held, &model);
        println!("  of other files");
        report::print_held(&held_others, &model);
    }
}

/// Prints what five folds say of the settings; `--errors` prints what was wrong.
fn cross_validate(train: &[&Sample], settings: Settings, arguments: &[&str]) -> Result<()> {
    let judged = folds(train, settings);
    let temperature = fit::temperature(&judged);
    report::print_folds(&judged, temperature);
    if arguments.contains(&"--errors") {
        let mut at = judged.iter();
        for fold in 0..FOLDS {
            for sample in train.iter().filter(|sample| sample.row.fold(FOLDS) == fold) {
                let (_, shares, _) = at.next().context("A fold is short")?;
                let label = distiq_router::classify::decide(fit::warmed(*shares, temperature));
                if label != sample.row.label {
                    let text: String = sample.row.text.chars().take(150).collect();
                    println!("{} -> {label} {shares:.2?} {text:?}", sample.row.label);
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use distiq_router::classify::Classifier;

    use super::*;

    /// The committed prompts are those of the templates, and enough of them.
    #[test]
    fn the_corpus_is_what_the_templates_say() {
        let rows = corpus::make(&data().join("prompts/families")).unwrap();
        let text = fs::read_to_string(data().join("prompts/prompts.jsonl")).unwrap();
        assert!(corpus::lines(rows.iter()).unwrap() == text, "run `cargo xtask train classifier`");
        let families: std::collections::BTreeSet<&str> =
            rows.iter().map(|row| row.family.as_str()).collect();
        assert!(rows.len() > 2_000 && families.len() > 600);
        for language in ["en", "ru"] {
            let share =
                rows.iter().filter(|row| row.language == language).count() * 100 / rows.len();
            assert!(share >= 35, "{language}: {share} %");
        }
    }

    /// A fit to two thirds of the families tells the labels of the others.
    #[test]
    fn families_that_were_never_seen_are_told() {
        let rows = corpus::make(&data().join("prompts/families")).unwrap();
        let samples = samples(rows, &Scales::default());
        let (held, train): (Vec<_>, Vec<_>) =
            samples.iter().partition(|sample| sample.row.is_held());
        let settings = Settings { rounds: 8, ..Settings::default() };
        let model = fit::fit(&train, settings, 1.0);
        let judged: Vec<_> = held
            .iter()
            .map(|sample| (sample.row.label, model.probabilities(&sample.features), 1.0))
            .collect();
        let found = report::Counts::of(&judged, 1.0);
        assert!(found.accuracy() > 0.80, "{}", found.accuracy());
        assert!(found.complex_as_simple() < 0.04, "{}", found.complex_as_simple());
    }

    /// The committed weights know what they were fitted to.
    #[test]
    fn the_weights_fit_the_corpus() {
        let rows = corpus::make(&data().join("prompts/families")).unwrap();
        let right = rows
            .iter()
            .filter(|row| Classifier::builtin().classify(&row.text).label == row.label)
            .count();
        assert!(right * 100 >= rows.len() * 95, "{right} of {}", rows.len());
    }
}
