//! Requests, inwards.

use distiq_base::{
    CacheMark, CachePlan, Dialect, Effort, MarkPlace, Message, OutputFormat, Request, Role,
    SystemBlock, ThinkingMode, ToolChoice, ToolDef,
};
use serde_json::{Map, Value};

use crate::wire::anthropic::content::{self, Budget};
use crate::wire::anthropic::marks;
use crate::wire::{WireError, field};

/// Fields that the vocabulary holds; all others are kept in [`Request::extra`].
const KNOWN: [&str; 11] = [
    "model",
    "max_tokens",
    "messages",
    "system",
    "tools",
    "tool_choice",
    "stop_sequences",
    "stream",
    "temperature",
    "top_p",
    "output_config",
];

/// Reads the body of `POST /v1/messages` or `/v1/messages/count_tokens`.
///
/// # Errors
/// [`WireError::Malformed`] tells the field and what was expected there.
pub fn decode_request(body: &[u8]) -> Result<Request, WireError> {
    let json: Value = serde_json::from_slice(body)
        .map_err(|error| WireError::malformed("body", error.to_string()))?;
    let object =
        json.as_object().ok_or_else(|| WireError::malformed("body", "expected a JSON object"))?;
    let mut cache = CachePlan::default();
    let mut extra: Map<String, Value> = object
        .iter()
        .filter(|(key, _)| !KNOWN.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let tools = decode_tools(&json, &mut cache)?;
    let system = decode_system(&json, &mut cache)?;
    let messages = decode_messages(&json, &mut cache)?;
    let (tool_choice, parallel_tool_calls) = decode_choice(&json)?;
    let (effort, output) = decode_output(&json, &mut extra);
    let thinking = decode_thinking(&mut extra);
    let native = !extra.is_empty() || tools.iter().any(|tool| !tool.extra.is_empty());
    Ok(Request {
        headers: Vec::new(),
        model: field::typed(&json, "model", "a text", Value::as_str)?
            .ok_or_else(|| WireError::malformed("model", "is required"))?
            .to_owned(),
        system,
        tools,
        tool_choice,
        parallel_tool_calls,
        messages,
        max_tokens: field::typed(&json, "max_tokens", "a count", Value::as_u64)?,
        stop: decode_stop(&json)?,
        temperature: field::typed(&json, "temperature", "a number", Value::as_f64)?,
        top_p: field::typed(&json, "top_p", "a number", Value::as_f64)?,
        effort,
        thinking,
        output,
        stream: field::typed(&json, "stream", "true or false", Value::as_bool)?.unwrap_or(false),
        cache,
        scope: distiq_base::Scope::default(),
        extra: native.then_some((Dialect::Anthropic, extra)),
    })
}

fn decode_tools(json: &Value, cache: &mut CachePlan) -> Result<Vec<ToolDef>, WireError> {
    let tools = field::typed(json, "tools", "an array", Value::as_array)?;
    let mut out = Vec::new();
    for (index, tool) in tools.into_iter().flatten().enumerate() {
        let name = field::text(tool, "name").or_else(|| field::text(tool, "type"));
        let name = name.ok_or_else(|| {
            WireError::malformed(format!("tools[{index}].name"), "expected a text")
        })?;
        if let Some(ttl) = marks::decode(tool) {
            cache.marks.push(CacheMark { place: MarkPlace::Tool(index), ttl });
        }
        let ours = ["name", "description", "input_schema", "cache_control"];
        let extra = tool.as_object().into_iter().flatten();
        out.push(ToolDef {
            name: name.to_owned(),
            description: field::text(tool, "description").unwrap_or_default().to_owned(),
            schema: tool.get("input_schema").cloned().unwrap_or(Value::Null),
            extra: extra
                .filter(|(key, _)| !ours.contains(&key.as_str()))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
        });
    }
    Ok(out)
}

fn decode_system(json: &Value, cache: &mut CachePlan) -> Result<Vec<SystemBlock>, WireError> {
    let blocks = match field::present(json, "system") {
        None => return Ok(Vec::new()),
        Some(Value::String(text)) if text.is_empty() => return Ok(Vec::new()),
        Some(Value::String(text)) => return Ok(vec![SystemBlock { text: text.clone() }]),
        Some(Value::Array(blocks)) => blocks,
        Some(_) => return Err(WireError::malformed("system", "expected a text or an array")),
    };
    let mut out = Vec::with_capacity(blocks.len());
    for (index, block) in blocks.iter().enumerate() {
        let text = field::text(block, "text").ok_or_else(|| {
            WireError::malformed(format!("system[{index}]"), "expected a text block")
        })?;
        if let Some(ttl) = marks::decode(block) {
            cache.marks.push(CacheMark { place: MarkPlace::System(index), ttl });
        }
        out.push(SystemBlock { text: text.to_owned() });
    }
    Ok(out)
}

fn decode_messages(json: &Value, cache: &mut CachePlan) -> Result<Vec<Message>, WireError> {
    let messages = field::typed(json, "messages", "an array", Value::as_array)?
        .ok_or_else(|| WireError::malformed("messages", "is required"))?;
    let mut budget = Budget::default();
    let mut out = Vec::with_capacity(messages.len());
    for (index, message) in messages.iter().enumerate() {
        let role = match field::text(message, "role") {
            Some("user") => Role::User,
            Some("assistant") => Role::Assistant,
            Some("system") => Role::System,
            _ => {
                return Err(WireError::malformed(
                    format!("messages[{index}].role"),
                    "expected user, assistant or system",
                ));
            }
        };
        let at = format!("messages[{index}].content");
        let blocks =
            content::decode_all(message.get("content").unwrap_or(&Value::Null), &at, &mut budget)?;
        let mut content = Vec::with_capacity(blocks.len());
        for (block, (part, ttl)) in blocks.into_iter().enumerate() {
            if let Some(ttl) = ttl {
                let place = MarkPlace::Block { message: index, block };
                cache.marks.push(CacheMark { place, ttl });
            }
            content.push(part);
        }
        out.push(Message { role, content });
    }
    Ok(out)
}

fn decode_stop(json: &Value) -> Result<Vec<String>, WireError> {
    let texts = field::typed(json, "stop_sequences", "an array", Value::as_array)?;
    let texts = texts.into_iter().flatten().map(|text| text.as_str().map(str::to_owned));
    texts
        .collect::<Option<_>>()
        .ok_or_else(|| WireError::malformed("stop_sequences", "expected texts"))
}

fn decode_choice(json: &Value) -> Result<(Option<ToolChoice>, Option<bool>), WireError> {
    let Some(choice) = field::present(json, "tool_choice") else { return Ok((None, None)) };
    let one_only = field::flag(choice, "disable_parallel_tool_use") == Some(true);
    let tool_choice = match (field::text(choice, "type"), field::text(choice, "name")) {
        (Some("auto"), _) => ToolChoice::Auto,
        (Some("any"), _) => ToolChoice::Required,
        (Some("none"), _) => ToolChoice::None,
        (Some("tool"), Some(name)) => ToolChoice::Tool(name.to_owned()),
        _ => {
            return Err(WireError::malformed(
                "tool_choice",
                "expected type auto, any, none, or tool with a name",
            ));
        }
    };
    Ok((Some(tool_choice), one_only.then_some(false)))
}

/// Reads `output_config`; what the vocabulary lacks of it stays in `extra`.
fn decode_output(
    json: &Value,
    extra: &mut Map<String, Value>,
) -> (Option<Effort>, Option<OutputFormat>) {
    let mut effort = None;
    let mut output = None;
    let mut rest = Map::new();
    let config = json.get("output_config").and_then(Value::as_object);
    for (key, value) in config.into_iter().flatten() {
        match (key.as_str(), value.as_str()) {
            ("effort", Some("low")) => effort = Some(Effort::Low),
            ("effort", Some("medium")) => effort = Some(Effort::Medium),
            ("effort", Some("high")) => effort = Some(Effort::High),
            ("effort", Some("xhigh")) => effort = Some(Effort::Xhigh),
            ("effort", Some("max")) => effort = Some(Effort::Max),
            ("format", _) if field::text(value, "type") == Some("json_schema") => {
                output = Some(OutputFormat::JsonSchema {
                    // The dialect has no name for it, and others demand one.
                    name: "output".to_owned(),
                    schema: value.get("schema").cloned().unwrap_or(Value::Null),
                    strict: None,
                });
            }
            _ => {
                rest.insert(key.clone(), value.clone());
            }
        }
    }
    if !rest.is_empty() {
        extra.insert("output_config".into(), rest.into());
    }
    (effort, output)
}

/// Takes `thinking` out of `extra`, as far as the vocabulary holds it.
fn decode_thinking(extra: &mut Map<String, Value>) -> Option<ThinkingMode> {
    let thinking = extra.get_mut("thinking")?;
    let mode = match field::text(thinking, "type")? {
        "disabled" => ThinkingMode::Disabled,
        "adaptive" => ThinkingMode::Adaptive,
        "enabled" => ThinkingMode::Budget(field::count(thinking, "budget_tokens")?),
        _ => return None,
    };
    let rest = thinking.as_object_mut()?;
    rest.shift_remove("type");
    rest.shift_remove("budget_tokens");
    if rest.is_empty() {
        extra.shift_remove("thinking");
    }
    Some(mode)
}
