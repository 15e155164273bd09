//! A large JSON document: its shape, the first of many alike, and whatever speaks of an error.

use serde_json::{Map, Value};

use crate::measure::tokens;

/// What a document may cost before it is folded.
const WHOLE_TOKENS: usize = 700;

/// What the folded document may cost.
const FOLDED_TOKENS: usize = 1_500;

/// The largest document that is read.
const MAX_BYTES: usize = 4 << 20;

/// Longest text that is shown whole.
const MAX_TEXT: usize = 200;

/// How much is shown.
#[derive(Clone, Copy)]
struct Step {
    /// Items of a list.
    items: usize,
    /// Fields of an object.
    fields: usize,
    /// Levels.
    depth: usize,
}

const fn step(items: usize, fields: usize, depth: usize) -> Step {
    Step { items, fields, depth }
}

/// Tried in this order.
const STEPS: [Step; 5] =
    [step(20, 60, 16), step(8, 40, 10), step(4, 25, 8), step(2, 15, 6), step(1, 8, 4)];

/// Folds a document; `None` where the output is none, or is short.
pub(super) fn fold(text: &str) -> Option<String> {
    let text = text.trim();
    if !text.starts_with(['{', '[']) || text.len() > MAX_BYTES || tokens(text) <= WHOLE_TOKENS {
        return None;
    }
    let value: Value = serde_json::from_str(text).ok()?;
    let mut folded = String::new();
    for step in STEPS {
        folded = serde_json::to_string_pretty(&shorten(&value, step)).ok()?;
        if tokens(&folded) <= FOLDED_TOKENS {
            break;
        }
    }
    // No gain: better the text as it is.
    (folded.len() < text.len() * 3 / 4).then(|| format!("[JSON, shortened]\n{folded}"))
}

/// Tells whether a field speaks of an error.
fn is_bad_field(key: &str, value: &Value) -> bool {
    let key = key.to_ascii_lowercase();
    let named = ["error", "err", "exception", "fail", "fatal", "panic", "stderr"];
    let empty = match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(true) => false,
    };
    (!empty && named.iter().any(|word| key.contains(word))) || is_bad(value)
}

/// Tells whether something in it speaks of an error.
fn is_bad(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.iter().any(|(key, value)| is_bad_field(key, value)),
        Value::Array(items) => items.iter().any(is_bad),
        Value::String(text) => {
            let text = text.to_ascii_lowercase();
            ["error", "failed", "failure", "exception", "panic"].iter().any(|w| text.contains(w))
        }
        _ => false,
    }
}

fn shorten(value: &Value, step: Step) -> Value {
    let deeper = Step { depth: step.depth.saturating_sub(1), ..step };
    let one_line = |what: String| Value::String(format!("[{what}]"));
    match value {
        Value::Array(list) if step.depth == 0 && !list.is_empty() && !is_bad(value) => {
            one_line(format!("{} items", list.len()))
        }
        Value::Object(map) if step.depth == 0 && !map.is_empty() && !is_bad(value) => {
            one_line(format!("{} fields", map.len()))
        }
        Value::Array(list) => {
            let mut shown: Vec<Value> =
                list.iter().take(step.items).map(|v| shorten(v, deeper)).collect();
            let bad = list.iter().skip(step.items).filter(|item| is_bad(item));
            let bad: Vec<Value> = bad.take(step.items.max(3)).map(|v| shorten(v, deeper)).collect();
            let hidden = list.len().saturating_sub(step.items) - bad.len();
            if hidden > 0 {
                shown.push(one_line(format!("{hidden} more items")));
            }
            shown.extend(bad);
            Value::Array(shown)
        }
        Value::Object(map) => {
            let mut shown = Map::new();
            let mut hidden = 0;
            for (index, (key, value)) in map.iter().enumerate() {
                if index < step.fields || is_bad_field(key, value) {
                    shown.insert(key.clone(), shorten(value, deeper));
                } else {
                    hidden += 1;
                }
            }
            if hidden > 0 {
                shown.insert("…".to_owned(), one_line(format!("{hidden} more fields")));
            }
            Value::Object(shown)
        }
        Value::String(text) if text.len() > MAX_TEXT => {
            let head = text.get(..text.floor_char_boundary(MAX_TEXT * 2 / 3)).unwrap_or_default();
            let tail = text.get(text.ceil_char_boundary(text.len() - MAX_TEXT / 4)..);
            let gone = text.len() - head.len() - tail.map_or(0, str::len);
            Value::String(format!("{head} … [{gone} bytes] … {}", tail.unwrap_or_default()))
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn many_alike_are_shown_once_and_errors_always() {
        let mut items: Vec<Value> = (0..500)
            .map(|i| json!({"id": i, "name": format!("item {i}"), "error": null}))
            .collect();
        items[400]["error"] = json!("disk full");
        let text = json!({"count": 500, "items": items}).to_string();
        let folded = fold(&text).unwrap();
        assert!(folded.contains("item 0") && folded.contains("disk full"), "{folded}");
        assert!(folded.contains(" more items]") && tokens(&folded) < 1_600, "{folded}");
        assert!(serde_json::from_str::<Value>(folded.split_once('\n').unwrap().1).is_ok());
    }

    #[test]
    fn short_ones_and_other_texts_stay() {
        assert_eq!(fold("{\"a\": [1, 2, 3]}"), None);
        assert_eq!(fold(&"[not json ".repeat(1_000)), None);
        assert_eq!(fold(&"plain text\n".repeat(1_000)), None);
    }

    #[test]
    fn wide_deep_and_long_ones_are_bounded() {
        let wide: Map<String, Value> = (0..2_000)
            .map(|i| (format!("key_{i}"), json!({"a": vec![i; 20], "b": "x".repeat(999)})))
            .collect();
        let folded = fold(&Value::Object(wide).to_string()).unwrap();
        assert!(tokens(&folded) <= 2_300, "{}", tokens(&folded));
        let mut deep = json!("end");
        for i in 0..100 {
            deep = json!({"next": deep, "values": vec![i; 30], "text": "y".repeat(300)});
        }
        assert!(fold(&deep.to_string()).is_some());
    }
}
