//! Requests, outwards.

use distiq_base::{
    Content, Dialect, Effort, MarkPlace, Message, OutputFormat, Request, Role, ThinkingMode,
    ToolChoice, ToolDef,
};
use serde_json::{Map, Value, json};

use crate::wire::anthropic::content;
use crate::wire::anthropic::marks;
use crate::wire::marks::Marks;
use crate::wire::{Quirks, field};

/// The answer's token limit where the request has none, since the vendor demands one.
pub const DEFAULT_MAX_TOKENS: u64 = 8192;

/// Returns the body of `POST /v1/messages`.
///
/// Tool results go first in their message, empty texts and what the dialect lacks are left out, and
/// so is a message of nothing else.
pub fn encode_request(request: &Request, quirks: &Quirks) -> Value {
    let native = request.extra.as_ref().is_none_or(|(dialect, _)| *dialect == Dialect::Anthropic);
    let marks = marks::choose(request, native);
    let mut body = Map::new();
    body.insert("model".into(), request.model.as_str().into());
    body.insert("max_tokens".into(), request.max_tokens.unwrap_or(DEFAULT_MAX_TOKENS).into());
    if request.stream {
        body.insert("stream".into(), true.into());
    }
    put_controls(request, &mut body);
    let tools = encode_tools(request, native, &marks);
    if !tools.is_empty() {
        if let Some(choice) = encode_choice(request) {
            body.insert("tool_choice".into(), choice);
        }
        body.insert("tools".into(), tools.into());
    }
    let system = encode_system(request, &marks);
    if !system.is_empty() {
        body.insert("system".into(), system.into());
    }
    let messages: Vec<Value> = request
        .messages
        .iter()
        .enumerate()
        .filter_map(|(index, message)| encode_message(index, message, quirks, &marks))
        .collect();
    body.insert("messages".into(), messages.into());
    if let Some((Dialect::Anthropic, extra)) = &request.extra {
        field::fill(&mut body, extra);
    }
    for (key, value) in &quirks.body {
        body.insert(key.clone(), value.clone());
    }
    Value::Object(body)
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
