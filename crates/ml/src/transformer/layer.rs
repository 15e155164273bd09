//! The layers of an encoder: attention, then what widens and narrows each vector, each added to what went in and normalized.
//!
//! Gated ones multiply two widened vectors, one of them activated: N. Shazeer, "GLU Variants Improve Transformer" (2020).

use super::TransformerError;
use super::config::{Activation, Config, Family};
use super::matrix::{View, gelu, gelu_tanh, multiply, normalize_layer, relu, silu, softmax};
use super::positions::Positions;
use super::safetensors::Weights;
use crate::kernels::{add_scaled, multiply_each};

/// A linear layer: `outputs` rows of `inputs` weights, as they are stored, and a bias or none.
#[derive(Debug)]
pub(super) struct Linear {
    inputs: usize,
    outputs: usize,
    pub weights: Vec<f32>,
    /// Empty where there is none.
    pub bias: Vec<f32>,
}

#[derive(Debug)]
pub(super) struct Norm {
    stretch: Vec<f32>,
    shift: Vec<f32>,
    epsilon: f32,
}

#[derive(Debug)]
pub(super) struct Layer {
    query: Linear,
    key: Linear,
    value: Linear,
    /// What normalizes the queries and the keys, where the model does so.
    query_and_key: Option<(Norm, Norm)>,
    mixed: Linear,
    after_attention: Norm,
    /// Where the input is added and normalized a second time.
    again: Option<Norm>,
    /// Of a gated layer, what is activated and multiplied with what `wide` gives; else that is activated.
    gate: Option<Linear>,
    wide: Linear,
    pub narrow: Linear,
    after_layer: Norm,
    activation: fn(&mut [f32]),
}

/// How the heads of a layer share a vector, and what they know of places.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heads<'a> {
    pub width: usize,
    pub count: usize,
    pub positions: &'a Positions,
}

/// Where results stand meanwhile; kept from batch to batch.
#[derive(Debug, Default)]
pub(super) struct Desk {
    query: Vec<f32>,
    key: Vec<f32>,
    value: Vec<f32>,
    mixed: Vec<f32>,
    wide: Vec<f32>,
    gate: Vec<f32>,
    scores: Vec<f32>,
}

impl Linear {
    /// Reads a layer with a bias.
    pub fn read(
        weights: &mut Weights,
        name: &str,
        outputs: usize,
        inputs: usize,
    ) -> Result<Self, TransformerError> {
        let layer = Self::read_plain(weights, name, outputs, inputs)?;
        Ok(Self { bias: weights.read(&format!("{name}.bias"), &[outputs])?, ..layer })
    }

    /// Reads a layer without one.
    fn read_plain(
        weights: &mut Weights,
        name: &str,
        outputs: usize,
        inputs: usize,
    ) -> Result<Self, TransformerError> {
        let weights = weights.read(&format!("{name}.weight"), &[outputs, inputs])?;
        Ok(Self { inputs, outputs, weights, bias: Vec::new() })
    }

    /// Parts a layer after its first outputs.
    fn split_at(mut self, outputs: usize) -> (Self, Self) {
        let weights = self.weights.split_off((outputs * self.inputs).min(self.weights.len()));
        let bias = self.bias.split_off(outputs.min(self.bias.len()));
        let rest = self.outputs.saturating_sub(outputs);
        let second = Self { inputs: self.inputs, outputs: rest, weights, bias };
        (Self { outputs: outputs.min(self.outputs), ..self }, second)
    }

    /// Writes the layer's values for some rows of inputs.
    pub fn apply(&self, input: &[f32], output: &mut Vec<f32>) {
        let rows = input.len() / self.inputs.max(1);
        output.clear();
        if self.bias.is_empty() {
            output.resize(rows * self.outputs, 0.0);
        } else {
            (0..rows).for_each(|_| output.extend_from_slice(&self.bias));
        }
        let input = View::rows(input, rows, self.inputs, self.inputs);
        let weights = View::rows(&self.weights, self.outputs, self.inputs, self.inputs).turned();
        multiply(1.0, input, weights, !self.bias.is_empty(), output, self.outputs);
    }
}

impl Norm {
    pub fn read(
        weights: &mut Weights,
        name: &str,
        config: &Config,
    ) -> Result<Self, TransformerError> {
        // Models that were converted long ago have the older names.
        let is_old = !weights.has(&format!("{name}.weight"));
        let (stretch, shift) = if is_old { ("gamma", "beta") } else { ("weight", "bias") };
        Ok(Self {
            stretch: weights.read(&format!("{name}.{stretch}"), &[config.hidden_size])?,
            shift: weights.read(&format!("{name}.{shift}"), &[config.hidden_size])?,
            epsilon: config.layer_norm_eps,
        })
    }

    pub fn apply(&self, rows: &mut [f32]) {
        for row in rows.chunks_exact_mut(self.stretch.len().max(1)) {
            normalize_layer(row, &self.stretch, &self.shift, self.epsilon);
        }
    }
}

impl Layer {
    /// Reads the layer with a number of a model whose tensors' names begin with `prefix`.
    pub fn read(
        weights: &mut Weights,
        prefix: &str,
        at: usize,
        config: &Config,
    ) -> Result<Self, TransformerError> {
        match config.family {
            Family::Bert => {
                Self::read_bert(weights, &format!("{prefix}encoder.layer.{at}"), config)
            }
            Family::Jina => {
                Self::read_jina(weights, &format!("{prefix}encoder.layer.{at}"), config)
            }
            Family::Nomic => {
                let converted = format!("{prefix}layers.{at}");
                if weights.has(&format!("{converted}.self_attn.q_proj.weight")) {
                    return Self::read_converted(weights, &converted, config);
                }
                Self::read_nomic(weights, &format!("{prefix}encoder.layers.{at}"), config)
            }
        }
    }

    fn read_bert(
        weights: &mut Weights,
        name: &str,
        config: &Config,
    ) -> Result<Self, TransformerError> {
        let (width, wide) = (config.hidden_size, config.intermediate_size);
        let mut linear = |part: &str, outputs, inputs| {
            Linear::read(weights, &format!("{name}.{part}"), outputs, inputs)
        };
        Ok(Self {
            query: linear("attention.self.query", width, width)?,
            key: linear("attention.self.key", width, width)?,
            value: linear("attention.self.value", width, width)?,
            query_and_key: None,
            mixed: linear("attention.output.dense", width, width)?,
            gate: None,
            wide: linear("intermediate.dense", wide, width)?,
            narrow: linear("output.dense", width, wide)?,
            after_attention: Norm::read(
                weights,
                &format!("{name}.attention.output.LayerNorm"),
                config,
            )?,
            again: None,
            after_layer: Norm::read(weights, &format!("{name}.output.LayerNorm"), config)?,
            activation: activate(config.activation),
        })
    }

    /// As BERT's with a gated second half, after `jinaai/jina-bert-implementation`; the models for code have other names for its
    /// tensors, the gate behind and not before, and three more norms (`jinaai/jina-bert-v2-qk-post-norm`).
    fn read_jina(
        weights: &mut Weights,
        name: &str,
        config: &Config,
    ) -> Result<Self, TransformerError> {
        let (width, wide) = (config.hidden_size, config.intermediate_size);
        let is_code = weights.has(&format!("{name}.mlp.up_gated_layer.weight"));
        let of = |part: &str| format!("{name}.{part}");
        let mut square = |part: &str| Linear::read(weights, &of(part), width, width);
        let query = square("attention.self.query")?;
        let key = square("attention.self.key")?;
        let value = square("attention.self.value")?;
        let mixed = square("attention.output.dense")?;
        let mut norm = |part: &str| Norm::read(weights, &of(part), config);
        let after_attention = norm("attention.output.LayerNorm")?;
        let (mut query_and_key, mut again) = (None, None);
        if is_code {
            let both = (norm("attention.self.layer_norm_q")?, norm("attention.self.layer_norm_k")?);
            query_and_key = Some(both);
            again = Some(norm("layer_norm_1")?);
        }
        let after_layer = norm(if is_code { "layer_norm_2" } else { "mlp.layernorm" })?;
        let (up, down) = match is_code {
            true => ("mlp.up_gated_layer", "mlp.down_layer"),
            false => ("mlp.gated_layers", "mlp.wo"),
        };
        let both = Linear::read_plain(weights, &of(up), 2 * wide, width)?;
        let (first, second) = both.split_at(wide);
        let (gate, plain) = if is_code { (second, first) } else { (first, second) };
        let narrow = Linear::read(weights, &of(down), width, wide)?;
        let activation = activate(config.activation);
        Ok(Self {
            query,
            key,
            value,
            query_and_key,
            mixed,
            after_attention,
            again,
            gate: Some(gate),
            wide: plain,
            narrow,
            after_layer,
            activation,
        })
    }

    /// One tensor for queries, keys and values, and a gated second half, after `nomic-ai/nomic-bert-2048`.
    fn read_nomic(
        weights: &mut Weights,
        name: &str,
        config: &Config,
    ) -> Result<Self, TransformerError> {
        let (width, wide) = (config.hidden_size, config.intermediate_size);
        let biases = config.biases;
        let mut linear = |part: &str, outputs, inputs, has_bias| {
            let name = format!("{name}.{part}");
            match has_bias {
                true => Linear::read(weights, &name, outputs, inputs),
                false => Linear::read_plain(weights, &name, outputs, inputs),
            }
        };
        let all = linear("attn.Wqkv", 3 * width, width, biases.attention)?;
        let (query, others) = all.split_at(width);
        let (key, value) = others.split_at(width);
        Ok(Self {
            query,
            key,
            value,
            query_and_key: None,
            mixed: linear("attn.out_proj", width, width, biases.attention)?,
            wide: linear("mlp.fc11", wide, width, biases.wide)?,
            gate: Some(linear("mlp.fc12", wide, width, biases.wide)?),
            narrow: linear("mlp.fc2", width, wide, biases.narrow)?,
            after_attention: Norm::read(weights, &format!("{name}.norm1"), config)?,
            again: None,
            after_layer: Norm::read(weights, &format!("{name}.norm2"), config)?,
            activation: activate(config.activation),
        })
    }

    /// The same under the names that Hugging Face's library has since its version 5.
    fn read_converted(
        weights: &mut Weights,
        name: &str,
        config: &Config,
    ) -> Result<Self, TransformerError> {
        let (width, wide) = (config.hidden_size, config.intermediate_size);
        let mut linear = |part: &str, outputs, inputs| {
            Linear::read_plain(weights, &format!("{name}.{part}"), outputs, inputs)
        };
        Ok(Self {
            query: linear("self_attn.q_proj", width, width)?,
            key: linear("self_attn.k_proj", width, width)?,
            value: linear("self_attn.v_proj", width, width)?,
            query_and_key: None,
            mixed: linear("self_attn.o_proj", width, width)?,
            wide: linear("mlp.up_proj", wide, width)?,
            gate: Some(linear("mlp.gate_proj", wide, width)?),
            narrow: linear("mlp.down_proj", width, wide)?,
            after_attention: Norm::read(
                weights,
                &format!("{name}.post_attention_layernorm"),
                config,
            )?,
            again: None,
            after_layer: Norm::read(weights, &format!("{name}.post_mlp_layernorm"), config)?,
            activation: activate(config.activation),
        })
    }

    /// Puts the rows of some texts, `lengths` long, through the layer.
    pub fn apply(&self, heads: Heads<'_>, lengths: &[usize], rows: &mut [f32], desk: &mut Desk) {
        self.query.apply(rows, &mut desk.query);
        self.key.apply(rows, &mut desk.key);
        self.value.apply(rows, &mut desk.value);
        if let Some((query, key)) = &self.query_and_key {
            query.apply(&mut desk.query);
            key.apply(&mut desk.key);
        }
        heads.positions.turn(heads, lengths, &mut desk.query);
        heads.positions.turn(heads, lengths, &mut desk.key);
        attend(heads, lengths, desk);
        // What is mixed lies where the queries were.
        self.mixed.apply(&desk.query, &mut desk.mixed);
        match &self.again {
            None => {
                add_scaled(1.0, &desk.mixed, rows);
                self.after_attention.apply(rows);
            }
            Some(again) => {
                add_scaled(1.0, rows, &mut desk.mixed);
                self.after_attention.apply(&mut desk.mixed);
                add_scaled(1.0, &desk.mixed, rows);
                again.apply(rows);
            }
        }
        self.wide.apply(rows, &mut desk.wide);
        if let Some(gate) = &self.gate {
            gate.apply(rows, &mut desk.gate);
            (self.activation)(&mut desk.gate);
            multiply_each(&desk.gate, &mut desk.wide);
        } else {
            (self.activation)(&mut desk.wide);
        }
        self.narrow.apply(&desk.wide, &mut desk.mixed);
        add_scaled(1.0, &desk.mixed, rows);
        self.after_layer.apply(rows);
    }
}

/// Mixes the values of each text's tokens, head by head, and writes them over the queries.
fn attend(heads: Heads<'_>, lengths: &[usize], desk: &mut Desk) {
    let (width, part) = (heads.width, heads.width / heads.count.max(1));
    #[allow(clippy::cast_precision_loss)]
    let scale = 1.0 / (part.max(1) as f32).sqrt();
    let mut start = 0;
    for length in lengths {
        desk.scores.resize(length * length, 0.0);
        for head in 0..heads.count {
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
            heads.positions.slope(head, *length, &mut desk.scores);
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

fn activate(activation: Activation) -> fn(&mut [f32]) {
    match activation {
        Activation::Gelu => gelu,
        Activation::GeluTanh => gelu_tanh,
        Activation::Relu => relu,
        Activation::Silu => silu,
    }
}
