//! The list of models (`GET /models`, `GET /models/{id}`), both ways.

use serde_json::{Value, json};

use crate::wire::{WireError, field, status};

/// A model as a list names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelEntry {
    /// The id on the wire.
    pub id: String,
    /// When it was made, in seconds since 1970; 0 where nobody knows.
    pub created: i64,
    /// Whose it is.
    pub owned_by: String,
}

/// Returns the body of `GET /models`.
pub fn encode_models(models: &[ModelEntry]) -> Value {
    let data: Vec<Value> = models.iter().map(encode_model).collect();
    json!({ "object": "list", "data": data })
}

/// Returns the body of `GET /models/{id}`.
pub fn encode_model(model: &ModelEntry) -> Value {
    json!({
        "id": model.id,
        "object": "model",
        "created": model.created,
        "owned_by": model.owned_by,
    })
}

/// Reads a list of models, or the bare array that Together sends; entries without an id are passed
/// over.
///
/// # Errors
/// Where the body is no list.
pub fn decode_models(body: &[u8]) -> Result<Vec<ModelEntry>, WireError> {
    let json = status::parse_body(body)?;
    let list = json.get("data").unwrap_or(&json).as_array();
    let list = list.ok_or_else(|| WireError::malformed("data", "expected an array of models"))?;
    let entry = |model: &Value| {
        Some(ModelEntry {
            id: field::text(model, "id")?.to_owned(),
            created: field::count(model, "created")
                .and_then(|seconds| i64::try_from(seconds).ok())
                .unwrap_or(0),
            owned_by: field::text(model, "owned_by").unwrap_or_default().to_owned(),
        })
    };
    Ok(list.iter().filter_map(entry).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_survives() {
        let models = [
            ModelEntry { id: "gpt-6-sol".into(), created: 7, owned_by: "openai".into() },
            ModelEntry { id: "m".into(), ..ModelEntry::default() },
        ];
        let body = encode_models(&models).to_string();
        assert_eq!(
            body,
            r#"{"object":"list","data":[{"id":"gpt-6-sol","object":"model","created":7,"owned_by":"openai"},{"id":"m","object":"model","created":0,"owned_by":""}]}"#
        );
        assert_eq!(decode_models(body.as_bytes()).unwrap(), models);
        let bare = decode_models(br#"[{"id":"org/Name"},{"name":"no id"}]"#).unwrap();
        assert_eq!(bare.len(), 1);
        assert!(decode_models(b"{}").is_err());
    }
}
