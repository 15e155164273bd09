//! The forward pass of BERT.
//!
//! J. Devlin and others, "BERT: Pre-training of Deep Bidirectional Transformers" (2018), after A. Vaswani and others, "Attention
//! Is All You Need" (2017), section 3. Texts of one batch stand behind each other, none is padded.

use std::path::Path;

use super::TransformerError;
use super::config::{Config, Pooling};
use super::matrix::{View, gelu, gelu_tanh, multiply, normalize_layer, softmax};
use super::safetensors::Weights;
use crate::kernels::add_scaled;
use crate::text::normalize;

/// A linear layer: `out` rows of `in` weights, as they are stored.
#[derive(Debug)]
struct Linear {
    inputs: usize,
    weights: Vec<f32>,
    bias: Vec<f32>,
}

#[derive(Debug)]
struct Norm {
    stretch: Vec<f32>,
    shift: Vec<f32>,
    epsilon: f32,
}

#[derive(Debug)]
struct Layer {
    query: Linear,
    key: Linear,
    value: Linear,
    mixed: Linear,
    after_attention: Norm,
    wide: Linear,
    narrow: Linear,
    after_layer: Norm,
}

/// A model's weights.
#[derive(Debug)]
pub(super) struct Bert {
    width: usize,
    heads: usize,
    words: Vec<f32>,
    positions: Vec<f32>,
    /// What is added to every token of the first text, then to those of the second one.
    kinds: Vec<f32>,
    norm: Norm,
    layers: Vec<Layer>,
    activation: fn(&mut [f32]),
}

/// Where results stand meanwhile; kept from batch to batch.
#[derive(Debug, Default)]
pub(super) struct Desk {
    query: Vec<f32>,
    key: Vec<f32>,
    value: Vec<f32>,
    mixed: Vec<f32>,
    wide: Vec<f32>,
    scores: Vec<f32>,
}

impl Linear {
    fn read(
        weights: &mut Weights,
        name: &str,
        outputs: usize,
        inputs: usize,
    ) -> Result<Self, TransformerError> {
        Ok(Self {
            inputs,
            weights: weights.read(&format!("{name}.weight"), &[outputs, inputs])?,
            bias: weights.read(&format!("{name}.bias"), &[outputs])?,
        })
    }

    /// Writes the layer's values for some rows of inputs.
    fn apply(&self, input: &[f32], output: &mut Vec<f32>) {
        let (rows, outputs) = (input.len() / self.inputs.max(1), self.bias.len());
        output.clear();
        (0..rows).for_each(|_| output.extend_from_slice(&self.bias));
        let input = View::rows(input, rows, self.inputs, self.inputs);
        let weights = View::rows(&self.weights, outputs, self.inputs, self.inputs).turned();
        multiply(1.0, input, weights, true, output, outputs);
    }
}

impl Norm {
    fn read(weights: &mut Weights, name: &str, config: &Config) -> Result<Self, TransformerError> {
        // Models that were converted long ago have the older names.
        let is_old = !weights.has(&format!("{name}.weight"));
        let (stretch, shift) = if is_old { ("gamma", "beta") } else { ("weight", "bias") };
        Ok(Self {
            stretch: weights.read(&format!("{name}.{stretch}"), &[config.hidden_size])?,
            shift: weights.read(&format!("{name}.{shift}"), &[config.hidden_size])?,
            epsilon: config.layer_norm_eps,
        })
    }

    fn apply(&self, rows: &mut [f32]) {
        for row in rows.chunks_exact_mut(self.stretch.len().max(1)) {
            normalize_layer(row, &self.stretch, &self.shift, self.epsilon);
        }
    }
}

impl Layer {
    fn read(weights: &mut Weights, name: &str, config: &Config) -> Result<Self, TransformerError> {
        let (width, wide) = (config.hidden_size, config.intermediate_size);
        let mut linear = |part: &str, outputs, inputs| {
            Linear::read(weights, &format!("{name}.{part}"), outputs, inputs)
        };
        let query = linear("attention.self.query", width, width)?;
        let key = linear("attention.self.key", width, width)?;
        let value = linear("attention.self.value", width, width)?;
        let mixed = linear("attention.output.dense", width, width)?;
        let wider = linear("intermediate.dense", wide, width)?;
        let narrow = linear("output.dense", width, wide)?;
        let after_attention =
            Norm::read(weights, &format!("{name}.attention.output.LayerNorm"), config)?;
        let after_layer = Norm::read(weights, &format!("{name}.output.LayerNorm"), config)?;
        Ok(Self { query, key, value, mixed, after_attention, wide: wider, narrow, after_layer })
    }

    fn apply(&self, bert: &Bert, lengths: &[usize], rows: &mut [f32], desk: &mut Desk) {
        self.query.apply(rows, &mut desk.query);
        self.key.apply(rows, &mut desk.key);
        self.value.apply(rows, &mut desk.value);
        attend(bert, lengths, desk);
        // What is mixed lies where the queries were.
        self.mixed.apply(&desk.query, &mut desk.mixed);
        add_scaled(1.0, &desk.mixed, rows);
        self.after_attention.apply(rows);
        self.wide.apply(rows, &mut desk.wide);
        (bert.activation)(&mut desk.wide);
        self.narrow.apply(&desk.wide, &mut desk.mixed);
        add_scaled(1.0, &desk.mixed, rows);
        self.after_layer.apply(rows);
    }
}

/// Mixes the values of each text's tokens, head by head, and writes them over the queries.
fn attend(bert: &Bert, lengths: &[usize], desk: &mut Desk) {
    let (width, part) = (bert.width, bert.width / bert.heads.max(1));
    #[allow(clippy::cast_precision_loss)]
    let scale = 1.0 / (part.max(1) as f32).sqrt();
    let mut start = 0;
    for length in lengths {
        desk.scores.resize(length * length, 0.0);
        for head in 0..bert.heads {
            let from = start * width + head * part;
            let of = |values| {
                let values: &[f32] = values;
                View::rows(values.get(from..).unwrap_or_default(), *length, part, width)
            };
            multiply(
                scale,
                of(&desk.query),
                of(&desk.key).turned(),
                false,
                &mut desk.scores,
                *length,
            );
            desk.scores.chunks_exact_mut((*length).max(1)).for_each(softmax);
            let scores = View::rows(&desk.scores, *length, *length, *length);
            let out = desk.query.get_mut(from..).unwrap_or_default();
            let values =
                View::rows(desk.value.get(from..).unwrap_or_default(), *length, part, width);
            multiply(1.0, scores, values, false, out, width);
        }
        start += length;
    }
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
        let positions = read("position_embeddings", config.max_position_embeddings)?;
        let mut kinds = match config.type_vocab_size {
            0 => vec![0.0; width],
            kinds => read("token_type_embeddings", kinds)?,
        };
        kinds.truncate(2 * width);
        let norm = Norm::read(&mut weights, &format!("{prefix}embeddings.LayerNorm"), config)?;
        let layer = |at| Layer::read(&mut weights, &format!("{prefix}encoder.layer.{at}"), config);
        let layers = (0..config.num_hidden_layers).map(layer).collect::<Result<_, _>>()?;
        let activation: fn(&mut [f32]) = match config.hidden_act.as_str() {
            "gelu" => gelu,
            "gelu_new" | "gelu_pytorch_tanh" | "gelu_fast" => gelu_tanh,
            "relu" => |values| values.iter_mut().for_each(|value| *value = value.max(0.0)),
            other => {
                let what = format!("its activation is `{other:.30}`");
                return Err(TransformerError::unsupported(path, what));
            }
        };
        let heads = config.num_attention_heads;
        Ok(Self { width, heads, words, positions, kinds, norm, layers, activation })
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
    fn rows_of_pairs(&self, texts: &[Vec<u32>], second: usize, desk: &mut Desk) -> Vec<f32> {
        let lengths: Vec<usize> = texts.iter().map(Vec::len).collect();
        let mut rows = Vec::with_capacity(lengths.iter().sum::<usize>() * self.width);
        for (position, id) in texts.iter().flat_map(|text| text.iter().enumerate()) {
            let row = rows.len();
            let (first, other) = self.kinds.split_at_checked(self.width).unwrap_or_default();
            let is_second = position >= second && other.len() == self.width;
            rows.extend_from_slice(if is_second { other } else { first });
            let row = rows.get_mut(row..).unwrap_or_default();
            let word = usize::try_from(*id).unwrap_or(usize::MAX);
            for (table, at) in [(&self.words, word), (&self.positions, position)] {
                let start = at.saturating_mul(self.width);
                let values = table.get(start..start.saturating_add(self.width));
                add_scaled(1.0, values.unwrap_or_default(), row);
            }
        }
        self.norm.apply(&mut rows);
        for layer in &self.layers {
            layer.apply(self, &lengths, &mut rows, desk);
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
