//! Requests, outwards.

use distiq_base::{Dialect, Effort, OutputFormat, Request, ThinkingMode, ToolChoice, ToolDef};
use serde_json::{Map, Value, json};

use crate::wire::openai::encode_messages;
use crate::wire::{Quirks, field, shared};

/// Returns the body of `POST /chat/completions`.
///
/// Empty texts and what the dialect or the server lacks are left out, and so is a message of
/// nothing else.
pub fn encode_request(request: &Request, quirks: &Quirks) -> Value {
    let native = request.extra.as_ref().is_none_or(|(dialect, _)| *dialect == Dialect::Openai);
    let mut body = Map::new();
    body.insert("model".into(), request.model.as_str().into());
    if let Some(tokens) = request.max_tokens {
        body.insert(quirks.max_tokens_field.into(), tokens.into());
    }
    if request.stream {
        body.insert("stream".into(), true.into());
        if quirks.stream_options {
            body.insert("stream_options".into(), json!({ "include_usage": true }));
        }
    }
    put_controls(request, quirks, &mut body);
    // An empty list is refused by several servers.
    let tools: Vec<Value> =
        request.tools.iter().filter_map(|tool| encode_tool(tool, native, quirks)).collect();
    if !tools.is_empty() {
        if let Some(choice) = &request.tool_choice {
            body.insert("tool_choice".into(), encode_choice(choice));
        }
        if let Some(parallel) = request.parallel_tool_calls {
            body.insert("parallel_tool_calls".into(), parallel.into());
        }
        body.insert("tools".into(), tools.into());
    }
    if let (true, Some(key)) = (quirks.prompt_cache_key, &request.cache.key) {
        body.insert("prompt_cache_key".into(), key.as_str().into());
    }
    body.insert("messages".into(), encode_messages::encode(request, quirks).into());
    match &request.extra {
        Some((Dialect::Openai, extra)) => {
            field::fill(&mut body, extra);
            if !quirks.stream_options {
                body.shift_remove("stream_options");
            }
        }
        Some((other, extra)) => shared::carry((*other, extra), Dialect::Openai, &mut body),
        None => {}
    }
    for (key, value) in &quirks.body {
        body.insert(key.clone(), value.clone());
    }
    Value::Object(body)
}

fn put_controls(request: &Request, quirks: &Quirks, body: &mut Map<String, Value>) {
    if let Some(temperature) = request.temperature {
        body.insert("temperature".into(), temperature.into());
    }
    if let Some(top_p) = request.top_p {
        body.insert("top_p".into(), top_p.into());
    }
    if !request.stop.is_empty() {
        body.insert("stop".into(), request.stop.clone().into());
    }
    if let (true, Some(effort)) = (quirks.reasoning_effort, request.effort) {
        body.insert("reasoning_effort".into(), effort_name(effort).into());
    }
    if let (true, Some(thinking)) = (quirks.thinking_field, &request.thinking) {
        let kind = match thinking {
            ThinkingMode::Disabled => "disabled",
            ThinkingMode::Adaptive | ThinkingMode::Budget(_) => "enabled",
        };
        body.insert("thinking".into(), json!({ "type": kind }));
    }
    match &request.output {
        None => {}
        Some(OutputFormat::JsonObject) => {
            body.insert("response_format".into(), json!({ "type": "json_object" }));
        }
        Some(OutputFormat::JsonSchema { name, schema, strict }) => {
            let mut inner = Map::new();
            inner.insert("name".into(), name.as_str().into());
            inner.insert("schema".into(), schema.clone());
            if let Some(strict) = strict {
                inner.insert("strict".into(), (*strict).into());
            }
            let format = json!({ "type": "json_schema", "json_schema": inner });
            body.insert("response_format".into(), format);
        }
    }
}

const fn effort_name(effort: Effort) -> &'static str {
    match effort {
        Effort::None => "none",
        Effort::Minimal => "minimal",
        Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
        Effort::Xhigh => "xhigh",
        Effort::Max => "max",
    }
}

fn encode_choice(choice: &ToolChoice) -> Value {
    match choice {
        ToolChoice::Auto => "auto".into(),
        ToolChoice::Required => "required".into(),
        ToolChoice::None => "none".into(),
        ToolChoice::Tool(name) => json!({ "type": "function", "function": { "name": name } }),
    }
}

/// Returns a tool's definition; a vendor's own tool of another dialect is `None`.
fn encode_tool(tool: &ToolDef, native: bool, quirks: &Quirks) -> Option<Value> {
    if tool.schema.is_null() && tool.extra.contains_key("type") {
        return native.then(|| Value::Object(tool.extra.clone()));
    }
    let mut function = Map::new();
    function.insert("name".into(), tool.name.as_str().into());
    if !tool.description.is_empty() {
        function.insert("description".into(), tool.description.as_str().into());
    }
    if !tool.schema.is_null() {
        function.insert("parameters".into(), tool.schema.clone());
    }
    for (key, value) in &tool.extra {
        let wanted = if key == "strict" {
            quirks.strict_tools && value.is_boolean()
        } else {
            native && key != "type"
        };
        if wanted && !function.contains_key(key) {
            function.insert(key.clone(), value.clone());
        }
    }
    Some(json!({ "type": "function", "function": function }))
}
