//! The list of models, both ways.

use serde_json::{Map, Value, json};

use crate::provider::ModelListing;
use crate::wire::gemini::failure;
use crate::wire::{WireError, field, status};

/// Reads a page of the list, and the token of the next one.
///
/// # Errors
/// Where the body is an error or no list.
pub fn decode_models(body: &[u8]) -> Result<(Vec<ModelListing>, Option<String>), WireError> {
    let json = status::parse_body(body)?;
    if failure::is_error(&json) {
        return Err(failure::in_answer(&json).into());
    }
    if !json.is_object() {
        return Err(WireError::malformed("models", "expected an array"));
    }
    let models = field::items(&json, "models").iter().filter_map(|model| {
        let name = field::text(model, "name")?;
        Some(ModelListing {
            id: name.strip_prefix("models/").unwrap_or(name).to_owned(),
            display_name: field::text(model, "displayName").map(str::to_owned),
            context_tokens: field::count(model, "inputTokenLimit"),
            max_output_tokens: field::count(model, "outputTokenLimit"),
        })
    });
    let next = field::text(&json, "nextPageToken").filter(|token| !token.is_empty());
    Ok((models.collect(), next.map(str::to_owned)))
}

/// Returns one model.
pub fn encode_model(model: &ModelListing) -> Value {
    let mut json = Map::new();
    json.insert("name".into(), format!("models/{}", model.id).into());
    json.insert("version".into(), "001".into());
    json.insert("displayName".into(), model.display_name.as_deref().unwrap_or(&model.id).into());
    if let Some(tokens) = model.context_tokens {
        json.insert("inputTokenLimit".into(), tokens.into());
    }
    if let Some(tokens) = model.max_output_tokens {
        json.insert("outputTokenLimit".into(), tokens.into());
    }
    json.insert(
        "supportedGenerationMethods".into(),
        json!(["generateContent", "streamGenerateContent", "countTokens"]),
    );
    Value::Object(json)
}

/// Returns a page of the list; `next` is the token of the next one.
pub fn encode_models(models: &[ModelListing], next: Option<&str>) -> Value {
    let models: Vec<Value> = models.iter().map(encode_model).collect();
    match next {
        Some(next) => json!({ "models": models, "nextPageToken": next }),
        None => json!({ "models": models }),
    }
}
