//! Reads fields of JSON that a peer wrote: absent, null and oddly typed ones alike are `None`.

use serde_json::{Map, Value};

use crate::wire::WireError;

/// Returns a text field.
pub(crate) fn text<'a>(json: &'a Value, key: &str) -> Option<&'a str> {
    json.get(key).and_then(Value::as_str)
}

/// Returns a count; fractions are cut, negative numbers are `None`.
pub(crate) fn count(json: &Value, key: &str) -> Option<u64> {
    let value = json.get(key)?;
    // A float to integer cast saturates.
    value.as_u64().or_else(|| value.as_f64().filter(|n| *n >= 0.0).map(|n| n as u64))
}

/// Returns a flag.
pub(crate) fn flag(json: &Value, key: &str) -> Option<bool> {
    json.get(key).and_then(Value::as_bool)
}

/// Returns an array field's items; none where it is absent.
pub(crate) fn items<'a>(json: &'a Value, key: &str) -> &'a [Value] {
    json.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Returns a field that is there and not null.
pub(crate) fn present<'a>(json: &'a Value, key: &str) -> Option<&'a Value> {
    json.get(key).filter(|value| !value.is_null())
}

/// Returns a field that a client may leave out but not fill with something else.
pub(crate) fn typed<'a, T>(
    json: &'a Value,
    key: &str,
    expected: &str,
    read: impl Fn(&'a Value) -> Option<T>,
) -> Result<Option<T>, WireError> {
    match present(json, key) {
        None => Ok(None),
        Some(value) => read(value)
            .map(Some)
            .ok_or_else(|| WireError::malformed(key, format!("expected {expected}"))),
    }
}

/// Adds `extra` to `body` where it has no such field; objects on both sides are joined so.
pub(crate) fn fill(body: &mut Map<String, Value>, extra: &Map<String, Value>) {
    for (key, value) in extra {
        match (body.get_mut(key), value) {
            (None, _) => {
                body.insert(key.clone(), value.clone());
            }
            (Some(Value::Object(ours)), Value::Object(more)) => {
                for (key, value) in more {
                    if !ours.contains_key(key) {
                        ours.insert(key.clone(), value.clone());
                    }
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn odd_fields_are_absent() {
        let json = json!({"a": -1, "b": 2.9, "c": null, "d": "x", "e": 1e300});
        assert_eq!(count(&json, "a"), None);
        assert_eq!(count(&json, "b"), Some(2));
        assert_eq!(count(&json, "d"), None);
        assert_eq!(count(&json, "e"), Some(u64::MAX));
        assert_eq!(present(&json, "c"), None);
        assert_eq!(text(&json, "d"), Some("x"));
        assert!(items(&json, "d").is_empty());
    }

    #[test]
    fn filling_never_replaces() {
        let mut body = json!({"a": 1, "o": {"x": 1}}).as_object().cloned().unwrap();
        fill(&mut body, json!({"a": 2, "o": {"x": 2, "y": 3}, "b": 4}).as_object().unwrap());
        assert_eq!(Value::Object(body), json!({"a": 1, "o": {"x": 1, "y": 3}, "b": 4}));
    }
}
