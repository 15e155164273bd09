//! The settings of nomic's models.

use serde::Deserialize;

use super::{Activation, Biases, Config, Family, MOST_PLACES, Places, epsilon};

/// As nomic published them, with names after GPT-2's; what is missing has the value that their code gives it.
#[derive(Debug, Deserialize)]
pub(super) struct Published {
    n_embd: usize,
    n_layer: usize,
    n_head: usize,
    n_inner: usize,
    n_positions: usize,
    vocab_size: usize,
    #[serde(default = "one")]
    pad_vocab_size_multiple: usize,
    #[serde(default = "two")]
    type_vocab_size: usize,
    activation_function: String,
    layer_norm_epsilon: f32,
    #[serde(default)]
    rotary_emb_fraction: f32,
    #[serde(default = "rotary_base")]
    rotary_emb_base: f32,
    #[serde(default)]
    rotary_emb_interleaved: bool,
    rotary_emb_scale_base: Option<f32>,
    max_trained_positions: Option<usize>,
    #[serde(default = "yes")]
    qkv_proj_bias: bool,
    #[serde(default = "yes")]
    mlp_fc1_bias: bool,
    #[serde(default = "yes")]
    mlp_fc2_bias: bool,
    #[serde(default)]
    prenorm: bool,
    #[serde(default)]
    parallel_block: bool,
    #[serde(default)]
    use_rms_norm: bool,
    #[serde(default)]
    causal: bool,
    num_experts: Option<usize>,
    moe_every_n_layers: Option<usize>,
}

/// As Hugging Face's library has them since its version 5, which knows no model but one with SwiGLU, without biases.
#[derive(Debug, Deserialize)]
pub(super) struct Converted {
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    max_position_embeddings: usize,
    vocab_size: usize,
    #[serde(default = "two")]
    type_vocab_size: usize,
    hidden_act: String,
    #[serde(default = "epsilon")]
    layer_norm_eps: f32,
    rope_parameters: Rope,
    head_dim: Option<usize>,
}

#[derive(Debug, Deserialize)]
struct Rope {
    rope_type: Option<String>,
    rope_theta: f32,
    partial_rotary_factor: Option<f32>,
}

fn rotary_base() -> f32 {
    10_000.0
}

fn one() -> usize {
    1
}

fn two() -> usize {
    2
}

fn yes() -> bool {
    true
}

impl Published {
    /// Returns the settings, or what of them is not known.
    pub fn settle(self) -> Result<Config, String> {
        let unknown = [
            ("it is a mixture of experts", self.has_experts()),
            ("it normalizes before its layers", self.prenorm),
            ("its halves of a layer stand side by side", self.parallel_block),
            ("its norms are RMS norms", self.use_rms_norm),
            ("it looks at what is before a token alone", self.causal),
            ("its rotary positions are interleaved", self.rotary_emb_interleaved),
            ("its rotary positions have a scale", self.rotary_emb_scale_base.is_some()),
        ];
        if let Some((what, _)) = unknown.iter().find(|(_, is_so)| *is_so) {
            return Err((*what).into());
        }
        let places =
            rotary(self.n_embd, self.n_head, self.rotary_emb_fraction, self.rotary_emb_base)?;
        let activation = match self.activation_function.as_str() {
            "swiglu" => Activation::Silu,
            "geglu" => Activation::Gelu,
            other => return Err(format!("its activation is `{other:.30}`")),
        };
        // Farther places than those it was trained with are turned otherwise (`rotary_scaling_factor`).
        let most = MOST_PLACES.min(self.max_trained_positions.unwrap_or(MOST_PLACES));
        let multiple = self.pad_vocab_size_multiple.max(1);
        Ok(Config {
            family: Family::Nomic,
            hidden_size: self.n_embd,
            num_hidden_layers: self.n_layer,
            num_attention_heads: self.n_head,
            intermediate_size: self.n_inner,
            max_position_embeddings: self.n_positions.min(most),
            vocab_size: self.vocab_size.checked_next_multiple_of(multiple).unwrap_or(usize::MAX),
            type_vocab_size: self.type_vocab_size,
            activation,
            layer_norm_eps: self.layer_norm_epsilon,
            places,
            biases: Biases {
                attention: self.qkv_proj_bias,
                wide: self.mlp_fc1_bias,
                narrow: self.mlp_fc2_bias,
            },
        })
    }

    fn has_experts(&self) -> bool {
        self.num_experts.is_some_and(|count| count > 1)
            || self.moe_every_n_layers.is_some_and(|every| every > 0)
    }
}

impl Converted {
    /// Returns the settings, or what of them is not known.
    pub fn settle(self) -> Result<Config, String> {
        let rope = self.rope_parameters;
        if let Some(kind) = rope.rope_type.filter(|kind| kind != "default") {
            return Err(format!("its rotary positions are `{kind:.30}`"));
        }
        let part = self.hidden_size / self.num_attention_heads.max(1);
        if self.head_dim.is_some_and(|own| own != part) {
            return Err("its heads are wider or narrower than their share".into());
        }
        if self.hidden_act != "silu" {
            return Err(format!("its activation is `{:.30}`", self.hidden_act));
        }
        let share = rope.partial_rotary_factor.unwrap_or(1.0);
        Ok(Config {
            family: Family::Nomic,
            hidden_size: self.hidden_size,
            num_hidden_layers: self.num_hidden_layers,
            num_attention_heads: self.num_attention_heads,
            intermediate_size: self.intermediate_size,
            max_position_embeddings: self.max_position_embeddings.min(MOST_PLACES),
            vocab_size: self.vocab_size,
            type_vocab_size: self.type_vocab_size,
            activation: Activation::Silu,
            layer_norm_eps: self.layer_norm_eps,
            places: rotary(self.hidden_size, self.num_attention_heads, share, rope.rope_theta)?,
            biases: Biases { attention: false, wide: false, narrow: false },
        })
    }
}

/// Returns the places of a model that turns a share of each head.
fn rotary(width: usize, heads: usize, share: f32, base: f32) -> Result<Places, String> {
    let part = width / heads.max(1);
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let dimensions = (part as f32 * share) as usize;
    if dimensions == 0 || dimensions > part || !dimensions.is_multiple_of(2) {
        return Err(format!("its rotary positions turn {dimensions} of {part} numbers"));
    }
    if !(base > 0.0 && base.is_finite()) {
        return Err("the base of its rotary positions makes no sense".into());
    }
    Ok(Places::Rotary { dimensions, base })
}
