//! The forward pass of BERT and of the encoders after it, nomic's and jina's.
//!
//! J. Devlin and others, "BERT: Pre-training of Deep Bidirectional Transformers" (2018), after A. Vaswani and others, "Attention
//! Is All You Need" (2017), section 3; Z. Nussbaum and others, "Nomic Embed: Training a Reproducible Long Context Text Embedder"
//! (2024); M. Günther and others, "Jina Embeddings 2" (2023). Texts of one batch stand behind each other, none is padded.

use std::path::Path;

use super::TransformerError;
use super::config::{Config, Places};
use super::layer::{Desk, Heads, Layer, Norm};
use super::positions::Positions;
use super::safetensors::Weights;
use super::usage::Pooling;
use crate::kernels::add_scaled;
use crate::text::normalize;

/// A model's weights.
#[derive(Debug)]
pub(super) struct Bert {
    pub width: usize,
    heads: usize,
    words: Vec<f32>,
    positions: Positions,
    /// What is added to every token of the first text, then to those of the second one.
    kinds: Vec<f32>,
    norm: Norm,
    layers: Vec<Layer>,
}

impl Bert {
    pub fn read(path: &Path, config: &Config) -> Result<Self, TransformerError> {
        let mut weights = Weights::open(path)?;
        let word = "embeddings.word_embeddings.weight";
        let known = ["", "bert.", "model.", "0.auto_model."];
        let prefix = known.into_iter().find(|prefix| weights.has(&format!("{prefix}{word}")));
        let prefix = prefix
            .ok_or_else(|| TransformerError::damaged(path, format!("it has no tensor `{word}`")))?;
        let width = config.hidden_size;
        let mut read = |name: &str, rows: usize| {
            weights.read(&format!("{prefix}embeddings.{name}.weight"), &[rows, width])
        };
        let words = read("word_embeddings", config.vocab_size)?;
        let heads = config.num_attention_heads;
        let positions = match config.places {
            Places::Learned => {
                Positions::Learned(read("position_embeddings", config.max_position_embeddings)?)
            }
            Places::Rotary { dimensions, base } => {
                Positions::rotary(dimensions, base, config.max_position_embeddings)
            }
            Places::Slopes => Positions::slopes(heads),
        };
        let mut kinds = match config.type_vocab_size {
            0 => vec![0.0; width],
            kinds => read("token_type_embeddings", kinds)?,
        };
        kinds.truncate(2 * width);
        let is_nomic = weights.has(&format!("{prefix}emb_ln.weight"));
        let norm = if is_nomic { "emb_ln" } else { "embeddings.LayerNorm" };
        let norm = Norm::read(&mut weights, &format!("{prefix}{norm}"), config)?;
        let layer = |at| Layer::read(&mut weights, prefix, at, config);
        let layers = (0..config.num_hidden_layers).map(layer).collect::<Result<_, _>>()?;
        Ok(Self { width, heads, words, positions, kinds, norm, layers })
    }

    /// Returns a part of what decides its answers, to tell models apart.
    pub fn sample(&self) -> Vec<u8> {
        let last = self.layers.last().map(|layer| layer.narrow.weights.as_slice());
        let kind = self.kinds.get(..self.width);
        let runs = [Some(self.words.as_slice()), kind, last];
        let some = runs.into_iter().flatten().flat_map(|run| run.iter().step_by(97).take(50_000));
        some.flat_map(|number| number.to_le_bytes()).collect()
    }

    /// Returns the vectors of all pieces of some texts, given as their numbers, one behind the other.
    pub fn rows(&self, texts: &[Vec<u32>], desk: &mut Desk) -> Vec<f32> {
        self.rows_of_pairs(texts, usize::MAX, desk)
    }

    /// As [`Self::rows`], where in each text a second one begins at piece `second`.
    pub fn rows_of_pairs(&self, texts: &[Vec<u32>], second: usize, desk: &mut Desk) -> Vec<f32> {
        let lengths: Vec<usize> = texts.iter().map(Vec::len).collect();
        let mut rows = Vec::with_capacity(lengths.iter().sum::<usize>() * self.width);
        for (position, id) in texts.iter().flat_map(|text| text.iter().enumerate()) {
            let row = rows.len();
            let (first, other) = self.kinds.split_at_checked(self.width).unwrap_or_default();
            let is_second = position >= second && other.len() == self.width;
            rows.extend_from_slice(if is_second { other } else { first });
            let row = rows.get_mut(row..).unwrap_or_default();
            let word = usize::try_from(*id).unwrap_or(usize::MAX);
            let mut add = |table: &[f32], at: usize| {
                let start = at.saturating_mul(self.width);
                let values = table.get(start..start.saturating_add(self.width));
                add_scaled(1.0, values.unwrap_or_default(), row);
            };
            add(&self.words, word);
            if let Positions::Learned(table) = &self.positions {
                add(table, position);
            }
        }
        self.norm.apply(&mut rows);
        let heads = Heads { width: self.width, count: self.heads, positions: &self.positions };
        for layer in &self.layers {
            layer.apply(heads, &lengths, &mut rows, desk);
        }
        rows
    }

    /// Returns a vector of length one for each text, given as its pieces' numbers.
    pub fn embed(&self, texts: &[Vec<u32>], pooling: Pooling, desk: &mut Desk) -> Vec<Vec<f32>> {
        let rows = self.rows(texts, desk);
        let mut rest = rows.as_slice();
        let pooled = texts.iter().map(|text| {
            let length = text.len() * self.width;
            let (text, others) = rest.split_at_checked(length).unwrap_or_default();
            rest = others;
            let mut vector = pool(text, self.width, pooling);
            normalize(&mut vector);
            vector
        });
        pooled.collect()
    }
}

fn pool(rows: &[f32], width: usize, pooling: Pooling) -> Vec<f32> {
    let mut rows = rows.chunks_exact(width.max(1));
    let mut vector = rows.next().unwrap_or_default().to_vec();
    match pooling {
        Pooling::First => {}
        // The vector is stretched to length one: the sum does as well as the mean.
        Pooling::Mean => rows.for_each(|row| add_scaled(1.0, row, &mut vector)),
        Pooling::Greatest => {
            for row in rows {
                vector.iter_mut().zip(row).for_each(|(most, value)| *most = most.max(*value));
            }
        }
    }
    vector
}
