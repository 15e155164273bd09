//! The learned weights: a multinomial logistic regression, kept as bytes, and its calibration.
//!
//! The bytes: `DQCL`, the version, the number of places (u32), the temperature (f32), for each of the three
//! labels a scale (f32), then for each place three weights of one byte each; little-endian.

use super::features::{Features, PLACES};

const MAGIC: &[u8; 4] = b"DQCL";
const VERSION: u16 = 1;
const HEAD: usize = 4 + 2 + 4 + 4 + 12;

/// Weights of each place for each label.
#[derive(Clone, Debug)]
pub struct Model {
    weights: Vec<[i8; 3]>,
    scales: [f32; 3],
    temperature: f32,
}

impl Model {
    /// Makes a model of trained weights, each rounded to one of 255 steps.
    pub fn new(weights: &[[f32; 3]], temperature: f32) -> Self {
        let mut scales = [0.0_f32; 3];
        for place in weights {
            for (scale, weight) in scales.iter_mut().zip(place) {
                *scale = scale.max(weight.abs() / 127.0);
            }
        }
        #[allow(clippy::cast_possible_truncation)] // Within ±127 by the scale.
        let round = |weight: f32, scale: f32| {
            if scale > 0.0 { (weight / scale).round() as i8 } else { 0 }
        };
        let rounded = weights.iter().map(|place| {
            let mut row = [0_i8; 3];
            for ((to, weight), scale) in row.iter_mut().zip(place).zip(scales) {
                *to = round(*weight, scale);
            }
            row
        });
        Self { weights: rounded.collect(), scales, temperature }
    }

    /// Reads a model; damaged bytes are `None`.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (head, body) = bytes.split_at_checked(HEAD)?;
        let float = |at: usize| -> Option<f32> {
            Some(f32::from_le_bytes(head.get(at..at + 4)?.try_into().ok()?))
        };
        let version = u16::from_le_bytes(head.get(4..6)?.try_into().ok()?);
        let places = u32::from_le_bytes(head.get(6..10)?.try_into().ok()?);
        let is_ours = head.starts_with(MAGIC) && version == VERSION;
        if !is_ours || usize::try_from(places).ok()? != PLACES || body.len() != PLACES * 3 {
            return None;
        }
        let weights = body.as_chunks::<3>().0.iter().map(|row| row.map(u8::cast_signed)).collect();
        let scales = [float(14)?, float(18)?, float(22)?];
        let temperature = float(10)?;
        let is_sound = temperature > 0.0 && scales.iter().all(|scale| scale.is_finite());
        is_sound.then_some(Self { weights, scales, temperature })
    }

    /// Returns the bytes that [`Model::read`] reads.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(u32::try_from(self.weights.len()).unwrap_or_default().to_le_bytes());
        bytes.extend(self.temperature.to_le_bytes());
        self.scales.iter().for_each(|scale| bytes.extend(scale.to_le_bytes()));
        bytes.extend(self.weights.iter().flatten().map(|weight| weight.cast_unsigned()));
        bytes
    }

    /// Returns how likely each label is.
    pub fn probabilities(&self, features: &Features) -> [f32; 3] {
        let mut sums = [0.0_f32; 3];
        for (place, value) in &features.values {
            let row = usize::try_from(*place).ok().and_then(|place| self.weights.get(place));
            for (sum, weight) in sums.iter_mut().zip(row.copied().unwrap_or_default()) {
                *sum += f32::from(weight) * value;
            }
        }
        let logits: Vec<f32> =
            sums.iter().zip(self.scales).map(|(sum, scale)| sum * scale).collect();
        softmax(&logits, self.temperature)
    }

    /// Returns how much one place speaks for each label.
    pub fn weight(&self, place: usize) -> [f32; 3] {
        let row = self.weights.get(place).copied().unwrap_or_default();
        let mut weights = [0.0; 3];
        for ((to, weight), scale) in weights.iter_mut().zip(row).zip(self.scales) {
            *to = f32::from(weight) * scale;
        }
        weights
    }
}

/// Turns sums into probabilities; a higher temperature makes them more even.
pub fn softmax(logits: &[f32], temperature: f32) -> [f32; 3] {
    let most = logits.iter().copied().fold(f32::MIN, f32::max);
    let mut shares = [0.0_f32; 3];
    for (share, logit) in shares.iter_mut().zip(logits) {
        *share = ((logit - most) / temperature).exp();
    }
    let sum: f32 = shares.iter().sum();
    shares.map(|share| share / sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_back() {
        let mut weights = vec![[0.0; 3]; PLACES];
        weights[7] = [1.0, -0.5, 0.25];
        let model = Model::new(&weights, 1.5);
        let again = Model::read(&model.bytes()).unwrap();
        assert_eq!(model.bytes(), again.bytes());
        let features = Features { values: vec![(7, 2.0)], ..Features::default() };
        let shares = again.probabilities(&features);
        assert!(shares[0] > shares[2] && shares[2] > shares[1], "{shares:?}");
        assert!((shares.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        let mut damaged = model.bytes();
        damaged.pop();
        assert!(Model::read(&damaged).is_none() && Model::read(b"DQCL").is_none());
    }
}
