//! The layers over an encoder's vectors that score pairs of texts and classes of pieces.

use std::path::Path;

use super::TransformerError;
use super::bert::Bert;
use super::config::Config;
use super::layer::{Desk, Linear};
use super::safetensors::Weights;

/// The layers over the first piece's vector that tell how well two texts fit.
#[derive(Debug)]
pub(super) struct Judge {
    pooler: Linear,
    last: Linear,
}

impl Judge {
    pub fn read(path: &Path, config: &Config) -> Result<Self, TransformerError> {
        let mut weights = Weights::open(path)?;
        let known = ["bert.pooler.dense", "pooler.dense"];
        let pooler = known.into_iter().find(|name| weights.has(&format!("{name}.weight")));
        let pooler = pooler.ok_or_else(|| {
            TransformerError::damaged(path, "it has no tensor `bert.pooler.dense.weight`")
        })?;
        let width = config.hidden_size;
        Ok(Self {
            pooler: Linear::read(&mut weights, pooler, width, width)?,
            last: Linear::read(&mut weights, "classifier", 1, width)?,
        })
    }

    /// Returns the score of a text that begins another one at piece `second`.
    pub fn score(&self, bert: &Bert, text: Vec<u32>, second: usize, desk: &mut Desk) -> f32 {
        let rows = bert.rows_of_pairs(&[text], second, desk);
        let mut pooled = Vec::new();
        self.pooler.apply(rows.get(..bert.width).unwrap_or_default(), &mut pooled);
        pooled.iter_mut().for_each(|value| *value = value.tanh());
        let mut score = Vec::new();
        self.last.apply(&pooled, &mut score);
        score.first().copied().unwrap_or(0.0)
    }

    /// Returns a part of its numbers, to tell models apart.
    pub fn sample(&self) -> Vec<u8> {
        let numbers = self.last.weights.iter().chain(&self.last.bias);
        let numbers = numbers.chain(self.pooler.weights.iter().step_by(97));
        numbers.flat_map(|number| number.to_le_bytes()).collect()
    }
}

/// The layer over every piece's vector that tells classes apart.
#[derive(Debug)]
pub(super) struct Head(Linear);

impl Head {
    pub fn read(path: &Path, config: &Config, classes: usize) -> Result<Self, TransformerError> {
        let mut weights = Weights::open(path)?;
        Ok(Self(Linear::read(&mut weights, "classifier", classes, config.hidden_size)?))
    }

    /// Returns the scores of the classes, piece by piece.
    pub fn apply(&self, rows: &[f32]) -> Vec<f32> {
        let mut scores = Vec::new();
        self.0.apply(rows, &mut scores);
        scores
    }

    /// Returns its numbers, to tell models apart.
    pub fn sample(&self) -> Vec<u8> {
        self.0.weights.iter().chain(&self.0.bias).flat_map(|it| it.to_le_bytes()).collect()
    }
}
