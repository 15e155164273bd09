//! What the server tells of itself and its models, both ways.

use serde_json::{Map, Value, json};

use crate::provider::ModelListing;
use crate::wire::ollama::failure;
use crate::wire::{WireError, field, status};

/// What `/api/show` tells of a model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// The longest window it can have, in tokens.
    pub context_tokens: Option<u64>,
    /// The window that its own file sets.
    pub num_ctx: Option<u64>,
    /// What it can do: `completion`, `tools`, `vision`, `thinking`, …
    pub capabilities: Vec<String>,
}

/// Reads the list of installed models.
///
/// # Errors
/// Where the body is an error or no list.
pub fn decode_tags(body: &[u8]) -> Result<Vec<ModelListing>, WireError> {
    let json = parse(body)?;
    let models = json.get("models").and_then(Value::as_array);
    let models = models.ok_or_else(|| WireError::malformed("models", "expected an array"))?;
    let listing = |model: &Value| {
        let details = model.get("details").unwrap_or(&Value::Null);
        Some(ModelListing {
            id: field::text(model, "model").or(field::text(model, "name"))?.to_owned(),
            display_name: None,
            context_tokens: field::count(details, "context_length"),
            max_output_tokens: None,
        })
    };
    Ok(models.iter().filter_map(listing).collect())
}

/// Returns the list of models; `modified_at` is when the list was made, as RFC 3339.
pub fn encode_tags(models: &[ModelListing], modified_at: &str) -> Value {
    let models: Vec<Value> = models
        .iter()
        .map(|model| {
            json!({
                "name": model.id,
                "model": model.id,
                "modified_at": modified_at,
                "size": 0,
                "digest": "",
                "details": details(model),
            })
        })
        .collect();
    json!({ "models": models })
}

fn details(model: &ModelListing) -> Value {
    let mut details = json!({
        "parent_model": "",
        "format": "",
        "family": "",
        "families": [],
        "parameter_size": "",
        "quantization_level": "",
    });
    if let (Some(tokens), Some(details)) = (model.context_tokens, details.as_object_mut()) {
        details.insert("context_length".into(), tokens.into());
    }
    details
}

/// Reads what `/api/show` tells.
///
/// # Errors
/// Where the body is an error or no description.
pub fn decode_show(body: &[u8]) -> Result<Shown, WireError> {
    let json = parse(body)?;
    if !json.is_object() {
        return Err(WireError::malformed("body", "expected an object"));
    }
    let info = json.get("model_info").unwrap_or(&Value::Null);
    let architecture = field::text(info, "general.architecture").unwrap_or_default();
    let capabilities = field::items(&json, "capabilities").iter().filter_map(Value::as_str);
    let parameters = field::text(&json, "parameters").unwrap_or_default();
    let num_ctx = parameters.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        (words.next() == Some("num_ctx")).then(|| words.next()?.parse().ok()).flatten()
    });
    Ok(Shown {
        context_tokens: field::count(info, &format!("{architecture}.context_length")),
        num_ctx,
        capabilities: capabilities.map(str::to_owned).collect(),
    })
}

/// Returns what `/api/show` tells of a model that is no local one.
pub fn encode_show(model: &ModelListing, capabilities: &[&str]) -> Value {
    let mut info = Map::new();
    info.insert("general.architecture".into(), "remote".into());
    if let Some(tokens) = model.context_tokens {
        info.insert("remote.context_length".into(), tokens.into());
    }
    json!({
        "modelfile": "",
        "parameters": "",
        "template": "",
        "details": details(model),
        "model_info": info,
        "capabilities": capabilities,
    })
}

/// Returns the list of loaded models; `expires_at` is when they go, as RFC 3339.
pub fn encode_ps(models: &[ModelListing], expires_at: &str) -> Value {
    let models: Vec<Value> = models
        .iter()
        .map(|model| {
            let mut json = json!({
                "name": model.id,
                "model": model.id,
                "size": 0,
                "digest": "",
                "details": details(model),
                "expires_at": expires_at,
                "size_vram": 0,
            });
            if let (Some(tokens), Some(json)) = (model.context_tokens, json.as_object_mut()) {
                json.insert("context_length".into(), tokens.into());
            }
            json
        })
        .collect();
    json!({ "models": models })
}

/// Returns the answer of `/api/version`.
pub fn encode_version(version: &str) -> Value {
    json!({ "version": version })
}

/// Reads the answer of `/api/version`.
///
/// # Errors
/// Where something else answers.
pub fn decode_version(body: &[u8]) -> Result<String, WireError> {
    let json = parse(body)?;
    let version = field::text(&json, "version").map(str::to_owned);
    version.ok_or_else(|| WireError::malformed("version", "expected a text"))
}

fn parse(body: &[u8]) -> Result<Value, WireError> {
    let json = status::parse_body(body)?;
    match field::present(&json, "error") {
        Some(_) => Err(failure::in_answer(&json).into()),
        None => Ok(json),
    }
}
