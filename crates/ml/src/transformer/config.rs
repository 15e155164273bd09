//! What a model's folder says of the model.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::TransformerError;

/// Longest file of settings or words that is read.
const MOST_BYTES: u64 = 64 << 20;

/// How a model is built, in `config.json`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Config {
    pub hidden_size: usize,
    pub num_hidden_layers: usize,
    pub num_attention_heads: usize,
    pub intermediate_size: usize,
    pub max_position_embeddings: usize,
    pub vocab_size: usize,
    #[serde(default)]
    pub type_vocab_size: usize,
    #[serde(default = "gelu")]
    pub hidden_act: String,
    #[serde(default = "epsilon")]
    pub layer_norm_eps: f32,
    #[serde(default = "absolute")]
    pub position_embedding_type: String,
}

fn gelu() -> String {
    "gelu".into()
}

fn epsilon() -> f32 {
    1e-12
}

fn absolute() -> String {
    "absolute".into()
}

/// What becomes of the tokens' vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pooling {
    /// Their mean.
    Mean,
    /// That of the first token.
    First,
    /// The greatest of each place.
    Greatest,
}

/// What a folder says beside the model itself.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Use {
    pub pooling: Pooling,
    /// Most tokens of a text.
    pub tokens: usize,
    /// What is set before a request and before a passage.
    pub query_prompt: String,
    pub passage_prompt: String,
}

impl Config {
    pub fn open(folder: &Path) -> Result<Self, TransformerError> {
        let path = folder.join("config.json");
        let json = read_json(&path)?;
        let kind = json.get("model_type").and_then(Value::as_str).unwrap_or("bert").to_owned();
        if kind != "bert" {
            let what = format!("its kind is `{kind:.40}`; models of the kind `bert` can be used");
            return Err(TransformerError::unsupported(folder, what));
        }
        let config: Self = serde_json::from_value(json)
            .map_err(|source| TransformerError::Json { path: path.clone(), source })?;
        config.check(&path)?;
        Ok(config)
    }

    fn check(&self, path: &Path) -> Result<(), TransformerError> {
        let bounds = [
            ("hidden_size", self.hidden_size, 8192),
            ("num_hidden_layers", self.num_hidden_layers, 128),
            ("num_attention_heads", self.num_attention_heads, 256),
            ("intermediate_size", self.intermediate_size, 65_536),
            ("max_position_embeddings", self.max_position_embeddings, 65_536),
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
        if self.position_embedding_type != "absolute" {
            let what = format!("its positions are `{:.40}`", self.position_embedding_type);
            return Err(TransformerError::unsupported(path, what));
        }
        if !(self.layer_norm_eps > 0.0 && self.layer_norm_eps < 1.0) {
            return Err(TransformerError::damaged(path, "`layer_norm_eps` makes no sense"));
        }
        Ok(())
    }
}

impl Use {
    pub fn open(folder: &Path, config: &Config) -> Result<Self, TransformerError> {
        let mut pooling = Pooling::Mean;
        let modules = folder.join("modules.json");
        if modules.is_file() {
            let modules = read_json(&modules)?;
            for module in modules.as_array().into_iter().flatten() {
                let text = |key: &str| module.get(key).and_then(Value::as_str).unwrap_or_default();
                let kind = text("type").rsplit('.').next().unwrap_or_default();
                match kind {
                    "Pooling" => pooling = Pooling::open(folder, text("path"))?,
                    "Transformer" | "Normalize" => {}
                    other => {
                        let what = format!("it has a module `{other:.40}`");
                        return Err(TransformerError::unsupported(folder, what));
                    }
                }
            }
        } else if folder.join("1_Pooling/config.json").is_file() {
            pooling = Pooling::open(folder, "1_Pooling")?;
        }
        let number = |file: &str, key: &str| {
            let path = folder.join(file);
            let json = if path.is_file() { read_json(&path)? } else { Value::Null };
            let number = json.get(key).and_then(Value::as_u64);
            Ok(number.and_then(|number| usize::try_from(number).ok()))
        };
        let tokens = number("sentence_bert_config.json", "max_seq_length")?.unwrap_or(usize::MAX);
        let path = folder.join("config_sentence_transformers.json");
        let prompts = if path.is_file() { read_json(&path)? } else { Value::Null };
        let prompt = |names: &[&str]| {
            let prompts = prompts.get("prompts");
            let named = names.iter().find_map(|name| prompts?.get(name)?.as_str());
            named.filter(|prompt| prompt.len() < 1000).unwrap_or_default().to_owned()
        };
        Ok(Self {
            pooling,
            tokens: tokens.clamp(8, config.max_position_embeddings.max(8)),
            query_prompt: prompt(&["query", "search_query"]),
            passage_prompt: prompt(&["document", "passage", "search_document"]),
        })
    }
}

impl Pooling {
    fn open(folder: &Path, path: &str) -> Result<Self, TransformerError> {
        // A folder's file names no file outside the folder.
        let is_inside = !path.starts_with('/') && !path.split('/').any(|part| part == "..");
        if !is_inside {
            let what = format!("it has a module at `{path:.80}`");
            return Err(TransformerError::unsupported(folder, what));
        }
        let path = folder.join(path).join("config.json");
        let json = read_json(&path)?;
        let is_on = |name: &str| json.get(name).and_then(Value::as_bool).unwrap_or(false);
        let known = [
            ("pooling_mode_mean_tokens", Self::Mean),
            ("pooling_mode_cls_token", Self::First),
            ("pooling_mode_max_tokens", Self::Greatest),
        ];
        let mut on = known.iter().filter(|(name, _)| is_on(name));
        let others = [
            "pooling_mode_mean_sqrt_len_tokens",
            "pooling_mode_weightedmean_tokens",
            "pooling_mode_lasttoken",
        ];
        match (on.next(), on.next()) {
            (Some((_, pooling)), None) if !others.iter().any(|name| is_on(name)) => Ok(*pooling),
            _ => {
                let what =
                    "its pooling is neither the mean, the first token nor the greatest values";
                Err(TransformerError::unsupported(&path, what))
            }
        }
    }
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
