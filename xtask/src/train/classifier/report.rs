//! What is printed of a fit: right or wrong by class and language, calibration, and what mistakes cost
//! beside simpler ways to route.

use distiq_router::classify::{Label, Model, decide};

use super::{Sample, fit};
use crate::bench::retrieval::random::Random;

/// What a choice costs above the right one, in units of a simple request at the cheapest model: rows are
/// what the request is, columns what it was taken for. Assumed: models at 1, 3 and 10; 1, 4 and 15 times the
/// work; half of what is sent too low fails, is paid for and done again; a complex one always.
const REGRET: [[f64; 3]; 3] = [[0.0, 2.0, 9.0], [6.0, 0.0, 28.0], [165.0, 45.0, 0.0]];

/// How often what was taken for what.
#[derive(Clone, Debug, Default)]
pub struct Counts([[usize; 3]; 3]);

fn at(label: Label) -> usize {
    Label::ALL.iter().position(|other| *other == label).unwrap_or_default()
}

impl Counts {
    pub fn of(judged: &[(Label, [f32; 3], f32)], temperature: f32) -> Self {
        let mut counts = Self::default();
        for (label, shares, _) in judged {
            counts.add(*label, decide(fit::warmed(*shares, temperature)));
        }
        counts
    }

    fn add(&mut self, is: Label, said: Label) {
        if let Some(cell) = self.0.get_mut(at(is)).and_then(|row| row.get_mut(at(said))) {
            *cell += 1;
        }
    }

    fn cell(&self, is: usize, said: usize) -> f64 {
        self.0.get(is).and_then(|row| row.get(said)).copied().unwrap_or(0) as f64
    }

    fn row(&self, is: usize) -> f64 {
        (0..3).map(|said| self.cell(is, said)).sum::<f64>().max(1.0)
    }

    fn all(&self) -> f64 {
        (0..3).map(|is| self.row(is)).sum()
    }

    pub fn accuracy(&self) -> f64 {
        (0..3).map(|label| self.cell(label, label)).sum::<f64>() / self.all()
    }

    /// Returns the share of complex requests that were taken for simple ones.
    pub fn complex_as_simple(&self) -> f64 {
        self.cell(2, 0) / self.row(2)
    }

    fn regret(&self) -> f64 {
        let cell = |is: usize, said: usize| {
            REGRET.get(is).and_then(|row| row.get(said)).copied().unwrap_or(0.0)
                * self.cell(is, said)
        };
        (0..3).flat_map(|is| (0..3).map(move |said| cell(is, said))).sum::<f64>() / self.all()
    }

    fn print(&self, name: &str) {
        println!(
            "{name:<26} right {:5.1} %  (simple {:5.1}, medium {:5.1}, complex {:5.1})  complex→simple {:4.1} %  simple→complex {:4.1} %  regret {:5.2}",
            self.accuracy() * 100.0,
            self.cell(0, 0) / self.row(0) * 100.0,
            self.cell(1, 1) / self.row(1) * 100.0,
            self.cell(2, 2) / self.row(2) * 100.0,
            self.complex_as_simple() * 100.0,
            self.cell(0, 2) / self.row(0) * 100.0,
            self.regret(),
        );
    }
}

/// Prints what five folds found.
pub fn print_folds(judged: &[(Label, [f32; 3], f32)], temperature: f32) {
    Counts::of(judged, temperature).print("five folds");
    let (brier, ece) = calibration(judged, temperature);
    println!("temperature {temperature:.2}, Brier {brier:.3}, ECE {ece:.3}");
}

/// Returns the Brier score of three classes and the expected calibration error of ten bins.
fn calibration(judged: &[(Label, [f32; 3], f32)], temperature: f32) -> (f64, f64) {
    let mut brier = 0.0;
    let mut bins = [(0.0_f64, 0.0_f64, 0.0_f64); 10];
    for (label, shares, _) in judged {
        let shares = fit::warmed(*shares, temperature);
        for (place, share) in shares.iter().enumerate() {
            let truth = if place == at(*label) { 1.0 } else { 0.0 };
            brier += (f64::from(*share) - truth).powi(2);
        }
        let said = decide(shares);
        let sure = f64::from(shares.get(at(said)).copied().unwrap_or(0.0));
        if let Some(bin) = bins.get_mut(((sure * 10.0) as usize).min(9)) {
            bin.0 += 1.0;
            bin.1 += sure;
            bin.2 += if said == *label { 1.0 } else { 0.0 };
        }
    }
    let count = judged.len().max(1) as f64;
    let ece = bins.iter().map(|(_, sure, right)| (sure - right).abs()).sum::<f64>() / count;
    (brier / count, ece)
}

/// Languages of fewer prompts have no bounds that say anything.
const LEAST_FOR_BOUNDS: usize = 100;

/// Prints how a fit does on what is held out, and on each language of it.
pub fn print_held(held: &[&Sample], model: &Model) -> Counts {
    let judge = |rows: &[&Sample]| -> Vec<(Label, [f32; 3], f32)> {
        rows.iter()
            .map(|sample| (sample.row.label, model.probabilities(&sample.features), 1.0))
            .collect()
    };
    let judged = judge(held);
    let counts = Counts::of(&judged, 1.0);
    counts.print("held out");
    let (brier, ece) = calibration(&judged, 1.0);
    println!("  {}; Brier {brier:.3}, ECE {ece:.3}", bounds(held, model));
    let mut languages: Vec<&str> = held.iter().map(|sample| sample.row.language.as_str()).collect();
    languages.sort_unstable();
    languages.dedup();
    for language in languages {
        let rows: Vec<&Sample> =
            held.iter().copied().filter(|sample| sample.row.language == language).collect();
        Counts::of(&judge(&rows), 1.0).print(&format!("  {language} ({})", rows.len()));
        if rows.len() >= LEAST_FOR_BOUNDS {
            println!("    {}", bounds(&rows, model));
            for label in Label::ALL {
                let rows: Vec<&Sample> =
                    rows.iter().copied().filter(|sample| sample.row.label == label).collect();
                println!("    {label}: {}", bounds(&rows, model));
            }
        }
    }
    counts
}

fn bounds(held: &[&Sample], model: &Model) -> String {
    let (low, high) = interval(held, model);
    format!("95 % by bootstrap of families: {:.1} to {:.1} %", low * 100.0, high * 100.0)
}

/// Prints how a fit to the training families does on those held out, beside the baselines.
pub fn print(samples: &[Sample], train: &[&Sample], held: &[&Sample], model: &Model) {
    let families = |rows: &[&Sample]| {
        let names: std::collections::BTreeSet<&str> =
            rows.iter().map(|sample| sample.row.family.as_str()).collect();
        names.len()
    };
    println!(
        "{} prompts; {} of {} families to learn from, {} of {} families held out",
        samples.len(),
        train.len(),
        families(train),
        held.len(),
        families(held)
    );
    let counts = print_held(held, model);
    baselines(train, held, &counts);
}

/// Returns between which accuracies 95 of 100 draws of families lie.
fn interval(held: &[&Sample], model: &Model) -> (f64, f64) {
    let mut families: std::collections::BTreeMap<&str, (f64, f64)> = Default::default();
    for sample in held {
        let label = decide(model.probabilities(&sample.features));
        let family = families.entry(&sample.row.family).or_default();
        family.0 += if label == sample.row.label { 1.0 } else { 0.0 };
        family.1 += 1.0;
    }
    let families: Vec<(f64, f64)> = families.into_values().collect();
    let mut random = Random::named(1, "report");
    let mut draws: Vec<f64> = (0..1_000)
        .map(|_| {
            let mut sum = (0.0, 0.0);
            for _ in 0..families.len() {
                let (right, all) =
                    families.get(random.below(families.len())).copied().unwrap_or_default();
                sum = (sum.0 + right, sum.1 + all);
            }
            sum.0 / f64::max(sum.1, 1.0)
        })
        .collect();
    draws.sort_by(f64::total_cmp);
    (draws.get(25).copied().unwrap_or(0.0), draws.get(975).copied().unwrap_or(1.0))
}

/// Prints the baselines on the same prompts.
fn baselines(train: &[&Sample], held: &[&Sample], ours: &Counts) {
    for (name, label) in [
        ("always the cheapest", Label::Simple),
        ("best single: the middle", Label::Medium),
        ("always premium", Label::Complex),
    ] {
        counted(held, |_| label).print(name);
    }
    let mut random = Random::named(2, "report");
    // As often each tier as ours, so at equal cost.
    let shares: Vec<usize> =
        (0..3).map(|said| (0..3).map(|is| ours.cell(is, said) as usize).sum()).collect();
    let all = shares.iter().sum::<usize>().max(1);
    counted(held, |_| {
        let mut left = random.below(all);
        for (share, label) in shares.iter().zip(Label::ALL) {
            if left < *share {
                return label;
            }
            left -= share;
        }
        Label::Complex
    })
    .print("random at equal cost");
    let cuts = best_cuts(train);
    counted(held, |sample| by_length(sample, cuts)).print("length alone");
    let points: Vec<(Vec<u32>, Label)> =
        train.iter().map(|sample| (places(&sample.row.text), sample.row.label)).collect();
    counted(held, |sample| nearest(&points, &places(&sample.row.text)))
        .print("kNN of hashed n-grams");
}

fn counted(held: &[&Sample], mut judge: impl FnMut(&Sample) -> Label) -> Counts {
    let mut counts = Counts::default();
    for sample in held {
        counts.add(sample.row.label, judge(sample));
    }
    counts
}

fn by_length(sample: &Sample, (low, high): (usize, usize)) -> Label {
    match sample.row.text.chars().count() {
        length if length < low => Label::Simple,
        length if length < high => Label::Medium,
        _ => Label::Complex,
    }
}

/// Returns the two lengths that tell the training prompts apart best.
fn best_cuts(train: &[&Sample]) -> (usize, usize) {
    let steps = [1, 10, 20, 30, 40, 50, 60, 70, 80, 100, 120, 150, 200, 300, 100_000];
    let pairs = steps.iter().flat_map(|low| steps.iter().map(move |high| (*low, *high)));
    let right = |cuts: (usize, usize)| {
        train.iter().filter(|sample| by_length(sample, cuts) == sample.row.label).count()
    };
    pairs.filter(|(low, high)| low <= high).max_by_key(|cuts| right(*cuts)).unwrap_or((50, 100))
}

/// Returns the hashed runs of four letters of a text, sorted.
fn places(text: &str) -> Vec<u32> {
    let letters: Vec<char> = text.to_lowercase().chars().collect();
    let mut places: Vec<u32> = letters
        .windows(4)
        .map(|part| super::corpus::hash(&part.iter().collect::<String>()) as u32)
        .collect();
    places.sort_unstable();
    places.dedup();
    places
}

/// Returns what most of the seven most alike prompts are.
fn nearest(points: &[(Vec<u32>, Label)], text: &[u32]) -> Label {
    let mut alike: Vec<(f64, Label)> = points
        .iter()
        .map(|(other, label)| {
            let both = text.iter().filter(|place| other.binary_search(place).is_ok()).count();
            (both as f64 / ((text.len() * other.len()) as f64).sqrt().max(1.0), *label)
        })
        .collect();
    alike.sort_by(|a, b| b.0.total_cmp(&a.0));
    let votes = |label: Label| {
        alike
            .iter()
            .take(7)
            .filter(|(_, other)| *other == label)
            .map(|(alike, _)| alike)
            .sum::<f64>()
    };
    Label::ALL.into_iter().max_by(|a, b| votes(*a).total_cmp(&votes(*b))).unwrap_or(Label::Medium)
}
