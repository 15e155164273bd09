//! Field names: the vendor writes camel case and reads snake case too.

use serde_json::{Map, Value};

/// Fields whose own keys are the user's and stay as they are.
const OPAQUE: [&str; 10] = [
    "args",
    "response",
    "parameters",
    "parametersJsonSchema",
    "responseSchema",
    "responseJsonSchema",
    "labels",
    "partMetadata",
    "customMetadata",
    "mcpServers",
];

/// Puts all keys of the dialect in camel case.
pub(super) fn to_camel(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(to_camel),
        Value::Object(fields) => {
            if fields.keys().any(|key| key.contains('_')) {
                let renamed: Map<String, Value> = std::mem::take(fields)
                    .into_iter()
                    .map(|(key, value)| (camel(&key), value))
                    .collect();
                *fields = renamed;
            }
            for (key, value) in fields {
                if !OPAQUE.contains(&key.as_str()) {
                    to_camel(value);
                }
            }
        }
        _ => {}
    }
}

fn camel(key: &str) -> String {
    let mut out = String::with_capacity(key.len());
    let mut raise = false;
    for character in key.chars() {
        match character {
            '_' if !out.is_empty() => raise = true,
            _ if raise => {
                raise = false;
                out.extend(character.to_uppercase());
            }
            _ => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_dialects_keys_change_and_the_users_stay() {
        let mut body = json!({"system_instruction": {"parts": [{"text": "a_b"}]}, "contents": [
            {"parts": [{"function_call": {"name": "f", "args": {"my_key": {"x_y": 1}}}}]}],
            "tools": [{"function_declarations": [{"name": "f",
                "parameters_json_schema": {"properties": {"my_key": {}}}}]}]});
        to_camel(&mut body);
        let expected = json!({"systemInstruction": {"parts": [{"text": "a_b"}]}, "contents": [
            {"parts": [{"functionCall": {"name": "f", "args": {"my_key": {"x_y": 1}}}}]}],
            "tools": [{"functionDeclarations": [{"name": "f",
                "parametersJsonSchema": {"properties": {"my_key": {}}}}]}]});
        assert_eq!(body, expected);
    }
}
