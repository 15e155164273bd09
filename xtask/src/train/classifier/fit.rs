//! Multinomial logistic regression by AdaGrad (Duchi, Hazan and Singer 2011). The same rows and settings
//! give the same weights.

use distiq_router::classify::model::softmax;
use distiq_router::classify::{Label, Model, PLACES};

use super::Sample;

/// What the trainer is told; found by five folds.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub rounds: usize,
    pub rate: f32,
    /// The pull of every weight towards 0.
    pub ridge: f32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { rounds: 20, rate: 0.07, ridge: 0.001 }
    }
}

fn place_of(label: Label) -> usize {
    Label::ALL.iter().position(|other| *other == label).unwrap_or_default()
}

/// Fits weights to rows.
pub fn fit(samples: &[&Sample], settings: Settings, temperature: f32) -> Model {
    let mut weights = vec![[0.0_f32; 3]; PLACES];
    let mut moved = vec![[1e-3_f32; 3]; PLACES];
    let mut order: Vec<usize> = (0..samples.len()).collect();
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..settings.rounds {
        for at in (1..order.len()).rev() {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            order.swap(at, usize::try_from((seed >> 33) % (at as u64 + 1)).unwrap_or_default());
        }
        for at in &order {
            let Some(sample) = samples.get(*at) else { continue };
            learn(sample, settings, &mut weights, &mut moved);
        }
    }
    Model::new(&weights, temperature)
}

fn learn(sample: &Sample, settings: Settings, weights: &mut [[f32; 3]], moved: &mut [[f32; 3]]) {
    let values = &sample.features.values;
    let row = |place: u32| usize::try_from(place).unwrap_or_default();
    let mut sums = [0.0_f32; 3];
    for (place, value) in values {
        let Some(weights) = weights.get(row(*place)) else { continue };
        for (sum, weight) in sums.iter_mut().zip(weights) {
            *sum += weight * value;
        }
    }
    let mut errors = softmax(&sums, 1.0);
    if let Some(error) = errors.get_mut(place_of(sample.row.label)) {
        *error -= 1.0;
    }
    for (place, value) in values {
        let at = row(*place);
        let (Some(weights), Some(moved)) = (weights.get_mut(at), moved.get_mut(at)) else {
            continue;
        };
        for ((weight, moved), error) in weights.iter_mut().zip(moved).zip(errors) {
            let slope = error * value * sample.weight + settings.ridge * *weight;
            *moved += slope * slope;
            *weight -= settings.rate * slope / moved.sqrt();
        }
    }
}

/// Returns probabilities at another temperature.
pub fn warmed(shares: [f32; 3], temperature: f32) -> [f32; 3] {
    softmax(&shares.map(|share| share.max(1e-9).ln()), temperature)
}

/// Returns the temperature at which rows are the least surprising (Guo and others 2017).
pub fn temperature(judged: &[(Label, [f32; 3], f32)]) -> f32 {
    let surprise = |temperature: f32| -> f32 {
        judged
            .iter()
            .map(|(label, shares, weight)| {
                let share = warmed(*shares, temperature).get(place_of(*label)).copied();
                -share.unwrap_or(0.0).max(1e-9).ln() * weight
            })
            .sum()
    };
    let steps = (5..60).map(|step| step as f32 / 20.0);
    steps.min_by(|a, b| surprise(*a).total_cmp(&surprise(*b))).unwrap_or(1.0)
}
