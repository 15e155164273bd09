//! How a model is built, in its folder's `config.json`.

mod nomic;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::TransformerError;

/// Longest file of settings or words that is read.
const MOST_BYTES: u64 = 64 << 20;
/// Most tokens of a text where no table of places bounds them: the time and memory of attention grow with their square.
const MOST_PLACES: usize = 2048;

/// How a model is built.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Config {
    pub family: Family,
    pub hidden_size: usize,
    pub num_hidden_layers: usize,
    pub num_attention_heads: usize,
    pub intermediate_size: usize,
    /// Most tokens of a text.
    pub max_position_embeddings: usize,
    pub vocab_size: usize,
    pub type_vocab_size: usize,
    pub activation: Activation,
    pub layer_norm_eps: f32,
    pub places: Places,
    pub biases: Biases,
}

/// Whose layers a model has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Bert,
    Nomic,
    Jina,
}

/// What stands between two linear layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Activation {
    Gelu,
    GeluTanh,
    Relu,
    Silu,
}

/// How a model knows where a token stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Places {
    /// By a table.
    Learned,
    /// By turning so many numbers of each head.
    Rotary { dimensions: usize, base: f32 },
    /// By scores that fall with the distance.
    Slopes,
}

/// Which linear layers of a model of nomic's have a bias; those of the others always have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Biases {
    pub attention: bool,
    pub wide: bool,
    pub narrow: bool,
}

/// The names that BERT and jina have for it.
#[derive(Debug, Deserialize)]
struct Bert {
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    max_position_embeddings: usize,
    vocab_size: usize,
    #[serde(default)]
    type_vocab_size: usize,
    hidden_act: Option<String>,
    #[serde(default = "epsilon")]
    layer_norm_eps: f32,
    position_embedding_type: Option<String>,
    /// Jina's alone.
    feed_forward_type: Option<String>,
}

fn epsilon() -> f32 {
    1e-12
}

impl Config {
    /// Reads the settings of a model of any family.
    pub fn open(folder: &Path) -> Result<Self, TransformerError> {
        let path = folder.join("config.json");
        let json = read_json(&path)?;
        let kind = json.get("model_type").and_then(Value::as_str).unwrap_or("bert").to_owned();
        let unsupported = |what: String| TransformerError::unsupported(folder, what);
        let config = match kind.as_str() {
            "bert" | "jina_bert" => {
                of_json::<Bert>(&path, json)?.settle(&kind).map_err(unsupported)?
            }
            "nomic_bert" if json.get("n_embd").is_some() => {
                of_json::<nomic::Published>(&path, json)?.settle().map_err(unsupported)?
            }
            "nomic_bert" => {
                of_json::<nomic::Converted>(&path, json)?.settle().map_err(unsupported)?
            }
            _ => {
                let known = "models of the kinds `bert`, `jina_bert` and `nomic_bert` can be used";
                return Err(unsupported(format!("its kind is `{kind:.40}`; {known}")));
            }
        };
        config.check(&path)?;
        Ok(config)
    }

    /// Reads the settings of a model whose layers must be BERT's own.
    pub fn open_bert(folder: &Path) -> Result<Self, TransformerError> {
        let config = Self::open(folder)?;
        let kind = match config.family {
            Family::Bert => return Ok(config),
            Family::Nomic => "nomic's",
            Family::Jina => "jina's",
        };
        let what = format!("its layers are {kind}; for this, those of BERT can be used");
        Err(TransformerError::unsupported(folder, what))
    }

    fn check(&self, path: &Path) -> Result<(), TransformerError> {
        let names = match self.family {
            Family::Bert | Family::Jina => [
                "hidden_size",
                "num_hidden_layers",
                "num_attention_heads",
                "intermediate_size",
                "max_position_embeddings",
            ],
            Family::Nomic => ["n_embd", "n_layer", "n_head", "n_inner", "n_positions"],
        };
        let [width, layers, heads, wide, positions] = names;
        let bounds = [
            (width, self.hidden_size, 8192),
            (layers, self.num_hidden_layers, 128),
            (heads, self.num_attention_heads, 256),
            (wide, self.intermediate_size, 65_536),
            (positions, self.max_position_embeddings, 65_536),
            ("vocab_size", self.vocab_size, 4_000_000),
        ];
        for (name, value, most) in bounds {
            if value == 0 || value > most {
                return Err(TransformerError::damaged(path, format!("`{name}` is {value}")));
            }
        }
        if !self.hidden_size.is_multiple_of(self.num_attention_heads) {
            return Err(TransformerError::damaged(path, "its heads do not share its width evenly"));
        }
        if !(self.layer_norm_eps > 0.0 && self.layer_norm_eps < 1.0) {
            return Err(TransformerError::damaged(path, "the epsilon of its norms makes no sense"));
        }
        Ok(())
    }
}

impl Bert {
    /// Returns the settings, or what of them is not known.
    fn settle(self, kind: &str) -> Result<Config, String> {
        let places = self.position_embedding_type.as_deref().unwrap_or("absolute");
        let (family, places) = match (kind, places) {
            ("bert", "absolute") => (Family::Bert, Places::Learned),
            (_, "alibi") => (Family::Jina, Places::Slopes),
            (_, other) => return Err(format!("its positions are `{other:.40}`")),
        };
        let activation = match (family, self.feed_forward_type.as_deref()) {
            (Family::Jina, Some("geglu")) => Activation::Gelu,
            (Family::Jina, Some("reglu")) => Activation::Relu,
            (Family::Jina, other) => {
                return Err(format!("its layers are `{:.30}`", other.unwrap_or("original")));
            }
            _ => activation(self.hidden_act.as_deref().unwrap_or("gelu"))?,
        };
        let most = if places == Places::Learned { usize::MAX } else { MOST_PLACES };
        Ok(Config {
            family,
            hidden_size: self.hidden_size,
            num_hidden_layers: self.num_hidden_layers,
            num_attention_heads: self.num_attention_heads,
            intermediate_size: self.intermediate_size,
            max_position_embeddings: self.max_position_embeddings.min(most),
            vocab_size: self.vocab_size,
            type_vocab_size: self.type_vocab_size,
            activation,
            layer_norm_eps: self.layer_norm_eps,
            places,
            biases: Biases { attention: true, wide: family == Family::Bert, narrow: true },
        })
    }
}

fn activation(name: &str) -> Result<Activation, String> {
    match name {
        "gelu" => Ok(Activation::Gelu),
        "gelu_new" | "gelu_pytorch_tanh" | "gelu_fast" => Ok(Activation::GeluTanh),
        "relu" => Ok(Activation::Relu),
        other => Err(format!("its activation is `{other:.30}`")),
    }
}

fn of_json<T: DeserializeOwned>(path: &Path, json: Value) -> Result<T, TransformerError> {
    serde_json::from_value(json)
        .map_err(|source| TransformerError::Json { path: path.to_path_buf(), source })
}

pub(super) fn read_text(path: &Path) -> Result<String, TransformerError> {
    let io = |error| TransformerError::io(path, error);
    let mut text = String::new();
    // Opening a pipe would wait for somebody who writes.
    if !std::fs::metadata(path).map_err(io)?.is_file() {
        return Err(TransformerError::damaged(path, "it is no file"));
    }
    let file = File::open(path).map_err(io)?;
    file.take(MOST_BYTES + 1).read_to_string(&mut text).map_err(io)?;
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > MOST_BYTES {
        return Err(TransformerError::damaged(path, "it is longer than 64 MB"));
    }
    Ok(text)
}

pub(super) fn read_json(path: &Path) -> Result<Value, TransformerError> {
    serde_json::from_str(&read_text(path)?)
        .map_err(|source| TransformerError::Json { path: path.to_path_buf(), source })
}
