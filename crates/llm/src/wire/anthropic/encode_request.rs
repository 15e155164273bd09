//! Requests, outwards.

use distiq_base::{
    Content, Dialect, Effort, MarkPlace, Message, OutputFormat, Request, Role, ThinkingMode,
    ToolChoice, ToolDef,
};
use serde_json::{Map, Value, json};

use crate::wire::anthropic::content;
use crate::wire::anthropic::marks;
use crate::wire::marks::Marks;
use crate::wire::{Quirks, field, shared};

/// The answer's token limit where the request has none, since the vendor demands one.
pub const DEFAULT_MAX_TOKENS: u64 = 8192;

/// The largest body whose messages are remembered.
const MOST_REMEMBERED_BYTES: usize = 16 << 20;

/// Returns the body of `POST /v1/messages`.
///
/// Tool results go first in their message, empty texts and what the dialect lacks are left out, and
/// so is a message of nothing else.
pub fn encode_request(request: &Request, quirks: &Quirks) -> Value {
    let native = is_native(request);
    let marks = marks::choose(request, native);
    let mut body = encode_head(request, native, &marks);
    let messages: Vec<Value> = request
        .messages
        .iter()
        .enumerate()
        .filter_map(|(index, message)| encode_message(index, message, quirks, &marks))
        .collect();
    body.insert("messages".into(), messages.into());
    match &request.extra {
        Some((Dialect::Anthropic, extra)) => field::fill(&mut body, extra),
        Some((other, extra)) => shared::carry((*other, extra), Dialect::Anthropic, &mut body),
        None => {}
    }
    for (key, value) in &quirks.body {
        body.insert(key.clone(), value.clone());
    }
    Value::Object(body)
}

/// The messages of a conversation as they were encoded last, so that its next request encodes only
/// what is new.
#[derive(Debug, Default)]
pub struct Memory {
    messages: Vec<Option<(Message, Vec<u8>)>>,
}

/// Returns the bytes of [`encode_request`], faster where `memory` knows the conversation.
pub fn encode_body(request: &Request, quirks: &Quirks, memory: &mut Memory) -> Vec<u8> {
    let plain = request.extra.is_none() && quirks.body.is_empty() && !quirks.replay_reasoning;
    if !plain || request.messages.is_empty() {
        return bytes_of(&encode_request(request, quirks));
    }
    let marks = marks::choose(request, true);
    let mut body = bytes_of(&Value::Object(encode_head(request, true, &marks)));
    body.pop();
    body.extend_from_slice(b",\"messages\":[");
    memory.messages.resize_with(request.messages.len(), || None);
    let mut separator: &[u8] = b"";
    for (at, (message, slot)) in request.messages.iter().zip(&mut memory.messages).enumerate() {
        let known = slot.as_ref().is_some_and(|(known, _)| known == message);
        if marks.any_in(at) || !known {
            let encoded = encode_message(at, message, quirks, &marks);
            let bytes = encoded.as_ref().map(bytes_of).unwrap_or_default();
            append(&mut body, &mut separator, &bytes);
            if !marks.any_in(at) {
                *slot = Some((message.clone(), bytes));
            }
        } else if let Some((_, bytes)) = slot {
            append(&mut body, &mut separator, bytes);
        }
    }
    body.extend_from_slice(b"]}");
    if body.len() > MOST_REMEMBERED_BYTES {
        *memory = Memory::default();
    }
    body
}

/// Adds a message behind the ones before it; one of nothing is left out.
fn append(body: &mut Vec<u8>, separator: &mut &[u8], message: &[u8]) {
    if !message.is_empty() {
        body.extend_from_slice(separator);
        body.extend_from_slice(message);
        *separator = b",";
    }
}

fn bytes_of(value: &Value) -> Vec<u8> {
    // A value always serialises: its keys are texts and its numbers finite.
    serde_json::to_vec(value).unwrap_or_default()
}

fn is_native(request: &Request) -> bool {
    request.extra.as_ref().is_none_or(|(dialect, _)| *dialect == Dialect::Anthropic)
}

/// Returns all of the body that stands before the messages.
fn encode_head(request: &Request, native: bool, marks: &Marks) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("model".into(), request.model.as_str().into());
    body.insert("max_tokens".into(), request.max_tokens.unwrap_or(DEFAULT_MAX_TOKENS).into());
    if request.stream {
        body.insert("stream".into(), true.into());
    }
    put_controls(request, &mut body);
    let tools = encode_tools(request, native, marks);
    if !tools.is_empty() {
        if let Some(choice) = encode_choice(request) {
            body.insert("tool_choice".into(), choice);
        }
        body.insert("tools".into(), tools.into());
    }
    let system = encode_system(request, marks);
    if !system.is_empty() {
        body.insert("system".into(), system.into());
    }
    body
}

fn put_controls(request: &Request, body: &mut Map<String, Value>) {
    if let Some(temperature) = request.temperature {
        body.insert("temperature".into(), temperature.into());
    }
    if let Some(top_p) = request.top_p {
        body.insert("top_p".into(), top_p.into());
    }
    if !request.stop.is_empty() {
        body.insert("stop_sequences".into(), request.stop.clone().into());
    }
    if let Some(thinking) = &request.thinking {
        let thinking = match thinking {
            ThinkingMode::Disabled => json!({ "type": "disabled" }),
            ThinkingMode::Adaptive => json!({ "type": "adaptive" }),
            ThinkingMode::Budget(tokens) => json!({ "type": "enabled", "budget_tokens": tokens }),
        };
        body.insert("thinking".into(), thinking);
    }
    let mut output = Map::new();
    if let Some(effort) = request.effort {
        output.insert("effort".into(), effort_name(effort).into());
    }
    if let Some(OutputFormat::JsonSchema { schema, .. }) = &request.output {
        output.insert("format".into(), json!({ "type": "json_schema", "schema": schema }));
    }
    if !output.is_empty() {
        body.insert("output_config".into(), output.into());
    }
}

const fn effort_name(effort: Effort) -> &'static str {
    match effort {
        Effort::None | Effort::Minimal | Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
        Effort::Xhigh => "xhigh",
        Effort::Max => "max",
    }
}

fn encode_choice(request: &Request) -> Option<Value> {
    let one_only = request.parallel_tool_calls == Some(false);
    let mut choice = match &request.tool_choice {
        Some(ToolChoice::None) => return Some(json!({ "type": "none" })),
        Some(ToolChoice::Required) => json!({ "type": "any" }),
        Some(ToolChoice::Tool(name)) => json!({ "type": "tool", "name": name }),
        Some(ToolChoice::Auto) => json!({ "type": "auto" }),
        None if one_only => json!({ "type": "auto" }),
        None => return None,
    };
    if let (true, Some(choice)) = (one_only, choice.as_object_mut()) {
        choice.insert("disable_parallel_tool_use".into(), true.into());
    }
    Some(choice)
}

fn encode_tools(request: &Request, native: bool, marks: &Marks) -> Vec<Value> {
    let tools = request.tools.iter().enumerate();
    tools
        .filter_map(|(index, tool)| {
            let mut json = encode_tool(tool, native)?;
            marks::put(marks, MarkPlace::Tool(index), &mut json);
            Some(Value::Object(json))
        })
        .collect()
}

/// Returns a tool's definition; a vendor's own tool of another dialect is `None`.
fn encode_tool(tool: &ToolDef, native: bool) -> Option<Map<String, Value>> {
    let mut json = Map::new();
    json.insert("name".into(), tool.name.as_str().into());
    if !tool.description.is_empty() {
        json.insert("description".into(), tool.description.as_str().into());
    }
    if !tool.schema.is_null() {
        json.insert("input_schema".into(), tool.schema.clone());
    } else if !native {
        return None;
    } else if !tool.extra.contains_key("type") {
        json.insert("input_schema".into(), json!({ "type": "object" }));
    }
    if native {
        field::fill(&mut json, &tool.extra);
    } else if let Some(strict @ Value::Bool(_)) = tool.extra.get("strict") {
        json.insert("strict".into(), strict.clone());
    }
    Some(json)
}

fn encode_system(request: &Request, marks: &Marks) -> Vec<Value> {
    let blocks = request.system.iter().enumerate().filter(|(_, block)| !block.text.is_empty());
    blocks
        .map(|(index, block)| {
            let mut json = Map::new();
            json.insert("type".into(), "text".into());
            json.insert("text".into(), block.text.as_str().into());
            marks::put(marks, MarkPlace::System(index), &mut json);
            Value::Object(json)
        })
        .collect()
}

fn encode_message(at: usize, message: &Message, quirks: &Quirks, marks: &Marks) -> Option<Value> {
    let mut results = Vec::new();
    let mut rest = Vec::new();
    for (index, part) in message.content.iter().enumerate() {
        let Some(mut block) = content::encode(part, quirks.replay_reasoning) else { continue };
        marks::put(marks, MarkPlace::Block { message: at, block: index }, &mut block);
        match part {
            Content::ToolResult { .. } => results.push(Value::Object(block)),
            _ => rest.push(Value::Object(block)),
        }
    }
    // The vendor demands results before all else in the message after their calls.
    results.append(&mut rest);
    if results.is_empty() {
        return None;
    }
    let role = match message.role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
    };
    Some(json!({ "role": role, "content": results }))
}

#[cfg(test)]
mod tests {
    use distiq_base::{CacheMark, CachePlan, CacheTtl};

    use super::*;

    fn message(number: usize) -> Message {
        let id = format!("toolu_{number}");
        match number % 4 {
            0 => Message::user(format!("request {number} \"q\" привет")),
            1 => Message {
                role: Role::Assistant,
                content: vec![Content::ToolCall {
                    id,
                    name: "read".into(),
                    arguments: "{\"path\":\"a\"}".into(),
                }],
            },
            2 => Message {
                role: Role::User,
                content: vec![
                    Content::text("look"),
                    Content::tool_result(format!("toolu_{}", number - 1), "seen\n", false),
                ],
            },
            // Nothing that the vendor takes: left out.
            _ => Message { role: Role::Assistant, content: vec![Content::text("")] },
        }
    }

    #[test]
    fn a_remembered_conversation_gives_the_same_bytes() {
        let mut memory = Memory::default();
        let mut request = Request { model: "m".into(), stream: true, ..Request::default() };
        let check = |request: &Request, memory: &mut Memory| {
            let whole = encode_request(request, &Quirks::default()).to_string();
            let body = encode_body(request, &Quirks::default(), memory);
            assert_eq!(String::from_utf8(body).unwrap(), whole);
        };
        for number in 0..60 {
            request.messages.push(message(number));
            let last = MarkPlace::Block { message: number, block: 0 };
            let earlier = MarkPlace::Block { message: number / 2, block: 0 };
            request.cache = CachePlan {
                marks: [earlier, last]
                    .map(|place| CacheMark { place, ttl: CacheTtl::Short })
                    .to_vec(),
                key: None,
            };
            check(&request, &mut memory);
        }
        // Another conversation, a shorter one, and one that differs in its middle.
        request.messages.truncate(20);
        request.messages[8] = Message::user("something else");
        check(&request, &mut memory);
        request.messages = vec![Message::user("new")];
        check(&request, &mut memory);
    }
}
