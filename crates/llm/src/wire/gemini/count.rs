//! `countTokens`, both ways.

use distiq_base::Request;
use serde_json::{Map, Value, json};

use crate::wire::gemini::{case, decode_request, encode_request, failure};
use crate::wire::{Quirks, WireError, field, status};

/// Reads the body of `countTokens`: contents alone, or a whole request.
///
/// # Errors
/// As for a request.
pub fn decode_count_request(model: &str, body: &[u8]) -> Result<Request, WireError> {
    let mut json: Value = serde_json::from_slice(body)
        .map_err(|error| WireError::malformed("body", error.to_string()))?;
    case::to_camel(&mut json);
    let inner = json.get_mut("generateContentRequest").map(Value::take);
    decode_request::from_json(model, false, inner.unwrap_or(json))
}

/// Returns the body that asks for a request's tokens.
pub fn encode_count_request(request: &Request, quirks: &Quirks) -> Value {
    let mut inner = Map::new();
    inner.insert("model".into(), format!("models/{}", request.model).into());
    if let Value::Object(body) = encode_request(request, quirks) {
        inner.extend(body);
    }
    json!({ "generateContentRequest": inner })
}

/// Reads a count of tokens.
///
/// # Errors
/// Where the body is an error or no count.
pub fn decode_count(body: &[u8]) -> Result<u64, WireError> {
    let json = status::parse_body(body)?;
    if failure::is_error(&json) {
        return Err(failure::in_answer(&json).into());
    }
    field::count(&json, "totalTokens")
        .ok_or_else(|| WireError::malformed("totalTokens", "expected a count"))
}

/// Returns the body of a count of tokens.
pub fn encode_count(tokens: u64) -> Value {
    json!({ "totalTokens": tokens })
}
