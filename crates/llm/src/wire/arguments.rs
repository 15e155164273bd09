//! Arguments and ids of tool calls, which dialects write differently.

use serde_json::{Map, Value, json};

/// Returns arguments as the object that some dialects need; text that is none travels as
/// `{"_raw": text}`, so that the model sees what it wrote.
pub(crate) fn to_object(text: &str) -> Value {
    if text.trim().is_empty() {
        return Value::Object(Map::new());
    }
    match serde_json::from_str::<Value>(text) {
        Ok(value @ Value::Object(_)) => value,
        _ => json!({ "_raw": text }),
    }
}

/// Returns an object as the text that the model would have written; undoes [`to_object`].
pub(crate) fn to_text(value: &Value) -> String {
    match value {
        Value::Object(map) if map.len() == 1 => match map.get("_raw") {
            Some(Value::String(raw)) if !is_object(raw) => raw.clone(),
            _ => value.to_string(),
        },
        Value::Null => "{}".to_owned(),
        Value::String(text) => text.clone(),
        _ => value.to_string(),
    }
}

fn is_object(text: &str) -> bool {
    text.trim().is_empty() || matches!(serde_json::from_str(text), Ok(Value::Object(_)))
}

/// Returns `id` where Anthropic takes it (`[a-zA-Z0-9_-]+`), else a stand-in that depends on
/// nothing else, so that a call and its result keep matching.
pub(crate) fn anthropic_id(id: &str) -> String {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    if !id.is_empty() && id.len() <= 64 && id.bytes().all(fits) {
        return id.to_owned();
    }
    let hash = blake3::hash(id.as_bytes()).to_hex();
    format!("toolu_{}", hash.get(..24).unwrap_or_default())
}

/// Returns `id` where Mistral takes it (exactly nine letters or digits), else a stand-in.
pub(crate) fn nine_alphanumeric(id: &str) -> String {
    if id.len() == 9 && id.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return id.to_owned();
    }
    blake3::hash(id.as_bytes()).to_hex().get(..9).unwrap_or_default().to_owned()
}

/// Returns an id for a call that came without one: the same for the same place of the same answer.
pub(crate) fn generated_id(answer: &str, index: usize) -> String {
    let hash = blake3::hash(format!("{answer}\n{index}").as_bytes()).to_hex();
    format!("call_{}", hash.get(..24).unwrap_or_default())
}

/// What stands before ids that are left out again on the way back to their vendor.
const MADE: &str = "call_made_";

/// Returns an id for a call of a vendor that gives none: the same for the same place of the same
/// answer.
pub(crate) fn made_id(answer: &str, index: usize) -> String {
    let hash = blake3::hash(format!("{answer}\n{index}").as_bytes()).to_hex();
    format!("{MADE}{}", hash.get(..24).unwrap_or_default())
}

/// Tells whether an id came from [`made_id`].
pub(crate) fn is_made(id: &str) -> bool {
    id.starts_with(MADE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_survive_as_objects() {
        for (text, object) in [
            ("{\"b\":1,\"a\":[2]}", "{\"b\":1,\"a\":[2]}"),
            ("{\"path\": \"x", "{\"_raw\":\"{\\\"path\\\": \\\"x\"}"),
            ("[1]", "{\"_raw\":\"[1]\"}"),
            ("{\"_raw\":\"{}\"}", "{\"_raw\":\"{}\"}"),
        ] {
            assert_eq!(to_object(text).to_string(), object);
            assert_eq!(to_text(&to_object(text)), text);
        }
        assert_eq!(to_object(" ").to_string(), "{}");
    }

    #[test]
    fn ids_are_kept_where_they_fit_and_stable_where_not() {
        assert_eq!(anthropic_id("toolu_01-x"), "toolu_01-x");
        assert_eq!(anthropic_id("functions.read:0"), anthropic_id("functions.read:0"));
        assert_ne!(anthropic_id("functions.read:0"), anthropic_id("functions.read:1"));
        assert!(anthropic_id("").starts_with("toolu_"));
        assert_eq!(nine_alphanumeric("abcDEF123"), "abcDEF123");
        assert_eq!(nine_alphanumeric("call_1").len(), 9);
        assert_ne!(generated_id("a", 1), generated_id("a", 2));
    }
}
