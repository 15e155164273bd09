//! What a model's folder says of how its model is used: pooling, longest text, prompts.

use std::path::Path;

use serde_json::Value;

use super::TransformerError;
use super::config::{Config, Family, read_json};

/// What models of nomic's were trained with before requests and passages; their folders do not say so.
const NOMIC_PROMPTS: (&str, &str) = ("search_query: ", "search_document: ");

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
        let prompts = prompts.get("prompts").and_then(Value::as_object);
        let prompts = prompts.filter(|prompts| !prompts.is_empty());
        let prompt = |names: &[&str], usual: &str| {
            let Some(prompts) = prompts else { return usual.to_owned() };
            let named = names.iter().find_map(|name| prompts.get(*name)?.as_str());
            named.filter(|prompt| prompt.len() < 1000).unwrap_or_default().to_owned()
        };
        let (query, passage) = match config.family {
            Family::Nomic => NOMIC_PROMPTS,
            Family::Bert | Family::Jina => ("", ""),
        };
        Ok(Self {
            pooling,
            tokens: tokens.clamp(8, config.max_position_embeddings.max(8)),
            query_prompt: prompt(&["query", "search_query"], query),
            passage_prompt: prompt(&["document", "passage", "search_document"], passage),
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
