//! What Cursor sends to `POST /chat/completions`, inwards (seen in 2026; nowhere documented).
//!
//! For OpenAI's models a body of the Responses API (`input`, flat tools, `reasoning`), to be answered
//! as Chat Completions; for others a list of messages with Anthropic's blocks (`tool_use`,
//! `tool_result`) and tools (`input_schema`) among OpenAI's.

use distiq_base::Request;
use serde_json::{Map, Value, json};

use crate::wire::{WireError, field, openai, responses};

/// Tells whether the body of a chat request is one of the Responses API.
pub fn is_items(body: &Map<String, Value>) -> bool {
    body.contains_key("input") && !body.contains_key("messages")
}

/// Reads a body in any of the forms.
///
/// # Errors
/// As the dialects' own readers.
pub fn decode_cursor(body: &[u8]) -> Result<Request, WireError> {
    let mut json: Value = serde_json::from_slice(body)
        .map_err(|error| WireError::malformed("body", error.to_string()))?;
    let Some(fields) = json.as_object_mut() else {
        return Err(WireError::malformed("body", "expected a JSON object"));
    };
    let is_items = is_items(fields);
    for tool in fields.get_mut("tools").and_then(Value::as_array_mut).into_iter().flatten() {
        put_right(tool, is_items);
    }
    if is_items {
        // Chat Completions' field; the other API refuses it.
        fields.shift_remove("stream_options");
        if let Some(function) = fields.get("tool_choice").and_then(|choice| choice.get("function"))
        {
            let flat = json!({ "type": "function", "name": function.get("name") });
            fields.insert("tool_choice".into(), flat);
        }
        return responses::decode_request(json.to_string().as_bytes());
    }
    if let Some(choice) = fields.get_mut("tool_choice") {
        put_choice_right(choice);
    }
    if let Some(Value::Array(messages)) = fields.get_mut("messages") {
        *messages = std::mem::take(messages).into_iter().flat_map(spread).collect();
    }
    openai::decode_request(json.to_string().as_bytes())
}

/// Brings a tool's definition into the form of its API.
fn put_right(tool: &mut Value, is_flat: bool) {
    let kind = field::text(tool, "type").unwrap_or_default().to_owned();
    let Some(fields) = tool.as_object_mut() else { return };
    let mut inner = match fields.get_mut(&kind).map(Value::take) {
        Some(Value::Object(inner)) => inner,
        _ => std::mem::take(fields),
    };
    inner.shift_remove("type");
    let is_anthropics = inner.contains_key("input_schema");
    if let Some(schema) = inner.shift_remove("input_schema") {
        inner.insert("parameters".into(), schema);
    }
    let is_function = is_anthropics || matches!(kind.as_str(), "" | "function");
    let custom = kind == "custom" && !is_anthropics;
    if custom && !is_flat {
        // Chat Completions has no tool with free text that every provider knows.
        inner.shift_remove("format");
        let text = json!({ "input": { "type": "string" } });
        let schema = json!({ "type": "object", "properties": text, "required": ["input"] });
        inner.insert("parameters".into(), schema);
    }
    let kind = if is_function || (custom && !is_flat) { "function" } else { kind.as_str() };
    let mut right = Map::new();
    right.insert("type".into(), kind.into());
    match is_flat || kind != "function" {
        true => right.extend(inner),
        false => drop(right.insert("function".into(), inner.into())),
    }
    *tool = right.into();
}

/// Brings Anthropic's choice of a tool, or a flat one, into OpenAI's form.
fn put_choice_right(choice: &mut Value) {
    let named = |name: &str| json!({ "type": "function", "function": { "name": name } });
    let right = match (field::text(choice, "type"), field::text(choice, "name")) {
        (Some("auto" | "none"), None) => choice.get("type").cloned(),
        (Some("any"), None) => Some("required".into()),
        (Some("tool" | "function" | "custom"), Some(name)) => Some(named(name)),
        _ => None,
    };
    if let Some(right) = right {
        *choice = right;
    }
}

/// Takes Anthropic's calls and results out of a message's content; results are messages of their own.
fn spread(mut message: Value) -> Vec<Value> {
    let Some(Value::Array(blocks)) = message.get_mut("content") else { return vec![message] };
    let (mut rest, mut calls, mut results) = (Vec::new(), Vec::new(), Vec::new());
    for block in std::mem::take(blocks) {
        match field::text(&block, "type") {
            Some("tool_use") => calls.push(call(&block)),
            Some("tool_result") => results.push(json!({
                "role": "tool",
                "tool_call_id": block.get("tool_use_id"),
                "content": block.get("content").cloned().unwrap_or_else(|| "".into()),
            })),
            Some("image") => rest.push(image(block)),
            _ => rest.push(block),
        }
    }
    let is_results_alone = rest.is_empty() && calls.is_empty() && !results.is_empty();
    let Some(fields) = message.as_object_mut() else { return results };
    let content = if rest.is_empty() && !calls.is_empty() { Value::Null } else { rest.into() };
    fields.insert("content".into(), content);
    if !calls.is_empty() {
        match fields.get_mut("tool_calls").and_then(Value::as_array_mut) {
            Some(known) => known.extend(calls),
            None => drop(fields.insert("tool_calls".into(), calls.into())),
        }
    }
    if !is_results_alone {
        results.push(message);
    }
    results
}

fn call(block: &Value) -> Value {
    let input = block.get("input").map_or_else(|| "{}".to_owned(), Value::to_string);
    json!({
        "id": block.get("id"),
        "type": "function",
        "function": { "name": block.get("name"), "arguments": input },
    })
}

fn image(block: Value) -> Value {
    let source = block.get("source").unwrap_or(&Value::Null);
    let url = match (field::text(source, "media_type"), field::text(source, "data")) {
        (Some(kind), Some(data)) => format!("data:{kind};base64,{data}"),
        _ => match field::text(source, "url") {
            Some(url) => url.to_owned(),
            None => return block,
        },
    };
    json!({ "type": "image_url", "image_url": { "url": url } })
}

#[cfg(test)]
mod tests {
    use distiq_base::{Content, Role, ToolChoice};

    use super::*;

    fn read(body: Value) -> Request {
        decode_cursor(body.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_body_of_the_other_api_is_read() {
        let request = read(json!({
            "model": "gpt-5.5", "stream": true,
            "stream_options": {"include_usage": true},
            "include": ["reasoning.encrypted_content"],
            "reasoning": {"effort": "medium", "summary": "auto"},
            "text": {"verbosity": "low"},
            "input": [
                {"role": "system", "content": "Be short."},
                {"role": "user", "content": [{"type": "input_text", "text": "Mend it."}]},
                {"type": "function_call", "call_id": "c1", "name": "read", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c1", "output": "text"}
            ],
            "tools": [
                {"type": "function", "name": "read", "parameters": {"type": "object"}},
                {"type": "function", "function": {"name": "list", "parameters": {"type": "object"}}},
                {"type": "custom", "name": "ApplyPatch", "format": {"type": "text"}}
            ],
            "tool_choice": {"type": "function", "function": {"name": "list"}},
        }));
        let names: Vec<&str> = request.tools.iter().map(|tool| tool.name.as_str()).collect();
        assert_eq!(names, ["read", "list", "ApplyPatch"]);
        assert_eq!(request.tool_choice, Some(ToolChoice::Tool("list".into())));
        assert!(request.stream);
        assert!(!request.extra.unwrap().1.contains_key("stream_options"));
        assert_eq!(request.messages.len(), 3, "{:?}", request.messages);
    }

    #[test]
    fn anthropics_blocks_among_messages_are_read() {
        let request = read(json!({
            "model": "claude-opus-5-5",
            "messages": [
                {"role": "system", "content": "Be short."},
                {"role": "user", "content": [{"type": "text", "text": "Mend it."}]},
                {"role": "assistant", "content": [
                    {"type": "text", "text": "I look."},
                    {"type": "tool_use", "id": "t1", "name": "read", "input": {"path": "a"}},
                    {"type": "tool_use", "id": "t2", "name": "read", "input": {"path": "b"}}]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "t1",
                     "content": [{"type": "text", "text": "one"}]},
                    {"type": "tool_result", "tool_use_id": "t2", "content": "two"},
                    {"type": "text", "text": "And now?"}]}
            ],
            "tools": [
                {"name": "read", "description": "Reads", "input_schema": {"type": "object"}},
                {"type": "function", "name": "flat", "parameters": {"type": "object"}},
                {"type": "custom", "name": "patch", "format": {"type": "text"}}
            ],
            "tool_choice": {"type": "tool", "name": "read"},
        }));
        let names: Vec<&str> = request.tools.iter().map(|tool| tool.name.as_str()).collect();
        assert_eq!(names, ["read", "flat", "patch"]);
        assert!(request.tools.iter().all(|tool| tool.schema["type"] == "object"));
        assert!(request.tools.iter().all(|tool| tool.extra.is_empty()), "{:?}", request.tools);
        assert_eq!(request.tool_choice, Some(ToolChoice::Tool("read".into())));
        let calls = |content: &[Content]| {
            content.iter().filter(|part| matches!(part, Content::ToolCall { .. })).count()
        };
        let results: Vec<&str> = request
            .messages
            .iter()
            .filter(|message| message.role == Role::User)
            .flat_map(|message| &message.content)
            .filter_map(|part| match part {
                Content::ToolResult { call_id, .. } => Some(call_id.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(request.messages.iter().map(|m| calls(&m.content)).sum::<usize>(), 2);
        assert_eq!(results, ["t1", "t2"]);
    }

    #[test]
    fn a_plain_chat_request_stays_what_it_is() {
        let body = json!({
            "model": "m", "max_tokens": 5, "stop": ["x"],
            "messages": [{"role": "user", "content": "hi"},
                         {"role": "assistant", "content": null, "tool_calls": [
                            {"id": "c", "type": "function",
                             "function": {"name": "f", "arguments": "{\"a\":1}"}}]},
                         {"role": "tool", "tool_call_id": "c", "content": "ok"}],
            "tools": [{"type": "function", "function": {"name": "f", "strict": true,
                       "parameters": {"type": "object"}}}],
            "tool_choice": "auto",
        });
        let plain = openai::decode_request(body.to_string().as_bytes()).unwrap();
        assert_eq!(read(body), plain);
    }

    #[test]
    fn nonsense_is_an_error() {
        for body in ["", "[]", "{}", r#"{"messages": 1, "model": "m"}"#, r#"{"input": 1}"#] {
            assert!(decode_cursor(body.as_bytes()).is_err(), "{body}");
        }
        let odd = json!({"model": "m", "tools": [1, {}, {"type": 3}], "messages": [
            {"content": [{"type": "tool_result"}, {"type": "tool_use"}, 7]}]});
        assert!(decode_cursor(odd.to_string().as_bytes()).is_err());
    }
}
