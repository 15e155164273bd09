//! Request bodies as a vendor's cache sees them: without marks, and a plain string as one text block.

use serde_json::{Map, Value, json};

/// The parts of a body that make the prompt, each element as compact JSON in the order it was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Canonical {
    /// The tool definitions.
    pub tools: Vec<String>,
    /// The system blocks (empty for OpenAI, where they are messages).
    pub system: Vec<String>,
    /// The messages.
    pub messages: Vec<String>,
}

/// Fields that only steer a vendor's cache, on any block.
const MARKS: [&str; 2] = ["cache_control", "prompt_cache_breakpoint"];

impl Canonical {
    /// Reads a body of any dialect; what is missing or of the wrong type is empty.
    pub fn of(body: &Value) -> Self {
        let (list, system) = if body.get("input").is_some() {
            ("input", body.get("instructions"))
        } else if body.get("contents").is_some() {
            ("contents", body.get("systemInstruction").and_then(|system| system.get("parts")))
        } else {
            ("messages", body.get("system"))
        };
        Self {
            tools: elements(body.get("tools")).map(|tool| block(tool).to_string()).collect(),
            system: blocks(system).iter().map(Value::to_string).collect(),
            messages: elements(body.get(list)).map(|m| message(m).to_string()).collect(),
        }
    }
}

/// Returns an array's elements; nothing for anything else.
pub fn elements(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}

/// Returns content as blocks without marks; a string becomes one text block.
pub fn blocks(content: Option<&Value>) -> Vec<Value> {
    match content {
        Some(Value::String(text)) => vec![json!({"type": "text", "text": text})],
        other => elements(other).map(block).collect(),
    }
}

/// Returns a string field, or the empty string.
pub fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// Counts the cache marks of a body, the top-level one included.
pub fn count_marks(body: &Value) -> usize {
    let own = |value: &Value| MARKS.iter().filter(|mark| is_set(value.get(**mark))).count();
    let of_message = |message: &Value| {
        elements(message.get("content"))
            .map(|block| own(block) + elements(block.get("content")).map(own).sum::<usize>())
            .chain(elements(message.get("output")).map(own))
            .sum::<usize>()
    };
    own(body)
        + elements(body.get("tools")).map(own).sum::<usize>()
        + elements(body.get("system")).map(own).sum::<usize>()
        + elements(body.get("messages")).map(of_message).sum::<usize>()
        + elements(body.get("input")).map(of_message).sum::<usize>()
}

/// Tells whether a mark is there and not null.
pub fn is_set(mark: Option<&Value>) -> bool {
    mark.is_some_and(|mark| !mark.is_null())
}

fn message(message: &Value) -> Value {
    let mut message = message.clone();
    if let Some(content) = message.get_mut("content")
        && (content.is_string() || content.is_array())
    {
        *content = Value::Array(blocks(Some(content)));
    }
    message
}

fn block(block: &Value) -> Value {
    let mut block = block.clone();
    if let Value::Object(fields) = &mut block {
        strip(fields);
        if let Some(Value::Array(inner)) = fields.get_mut("content") {
            inner.iter_mut().filter_map(Value::as_object_mut).for_each(strip);
        }
    }
    block
}

fn strip(fields: &mut Map<String, Value>) {
    for mark in MARKS {
        // The order of the other fields is part of what is compared.
        fields.shift_remove(mark);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_go_and_order_stays() {
        let marked = json!({
            "system": "be brief",
            "tools": [{"name": "a", "cache_control": {"type": "ephemeral"}, "description": "d"}],
            "messages": [
                {"role": "user", "content": "hi"},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t",
                    "cache_control": {"type": "ephemeral"},
                    "content": [{"type": "text", "cache_control": {"type": "ephemeral"}, "text": "x"}]}]},
            ],
        });
        assert_eq!(count_marks(&marked), 3);
        let plain = json!({
            "system": [{"type": "text", "text": "be brief"}],
            "tools": [{"name": "a", "description": "d"}],
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "hi"}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t",
                    "content": [{"type": "text", "text": "x"}]}]},
            ],
        });
        assert_eq!(Canonical::of(&marked), Canonical::of(&plain));
        let turned = json!({"tools": [{"description": "d", "name": "a"}]});
        assert_ne!(Canonical::of(&marked).tools, Canonical::of(&turned).tools);
    }

    #[test]
    fn a_field_named_like_a_mark_inside_arguments_is_kept() {
        let body = json!({"messages": [{"role": "assistant", "content": [
            {"type": "tool_use", "id": "t", "name": "n", "input": {"cache_control": 1}}]}]});
        assert!(Canonical::of(&body).messages[0].contains(r#""input":{"cache_control":1}"#));
        assert_eq!(count_marks(&body), 0);
    }
}
