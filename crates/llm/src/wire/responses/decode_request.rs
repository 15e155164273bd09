//! Requests, inwards.

use distiq_base::{
    CachePlan, Dialect, Effort, OutputFormat, Request, Scope, SystemBlock, ThinkingMode,
};
use serde_json::{Map, Value};

use crate::wire::responses::decode_items::Items;
use crate::wire::responses::reasoning::Sender;
use crate::wire::responses::tools;
use crate::wire::{WireError, field};

/// Fields that the vocabulary holds; all others are kept in [`Request::extra`].
const KNOWN: [&str; 10] = [
    "model",
    "input",
    "instructions",
    "tools",
    "parallel_tool_calls",
    "max_output_tokens",
    "temperature",
    "top_p",
    "stream",
    "prompt_cache_key",
];

/// Reads the body of `POST /responses` or `/responses/input_tokens`.
///
/// What goes on from a stored conversation (`previous_response_id`, `conversation`) stays in
/// [`Request::extra`]; [`Stored::join`](super::Stored::join) puts the conversation into the body.
///
/// # Errors
/// [`WireError::Malformed`] tells the field and what was expected there.
pub fn decode_request(body: &[u8]) -> Result<Request, WireError> {
    let json: Value = serde_json::from_slice(body)
        .map_err(|error| WireError::malformed("body", error.to_string()))?;
    let object =
        json.as_object().ok_or_else(|| WireError::malformed("body", "expected a JSON object"))?;
    let mut extra: Map<String, Value> = object
        .iter()
        .filter(|(key, value)| !KNOWN.contains(&key.as_str()) && !value.is_null())
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let items = decode_conversation(&json)?;
    let tools = tools::decode(&json)?;
    let tool_choice = tools::decode_choice(&mut extra);
    let (effort, thinking) = decode_reasoning(&mut extra);
    let output = decode_output(&mut extra);
    let flag = |key| field::typed(&json, key, "true or false", Value::as_bool);
    let text = |key| field::typed(&json, key, "a text", Value::as_str);
    Ok(Request {
        headers: Vec::new(),
        model: text("model")?
            .ok_or_else(|| WireError::malformed("model", "is required"))?
            .to_owned(),
        system: items.system,
        tools,
        tool_choice,
        parallel_tool_calls: flag("parallel_tool_calls")?,
        messages: items.messages,
        max_tokens: field::typed(&json, "max_output_tokens", "a count", Value::as_u64)?,
        stop: Vec::new(),
        temperature: field::typed(&json, "temperature", "a number", Value::as_f64)?,
        top_p: field::typed(&json, "top_p", "a number", Value::as_f64)?,
        effort,
        thinking,
        output,
        stream: flag("stream")?.unwrap_or(false),
        cache: CachePlan { key: text("prompt_cache_key")?.map(str::to_owned), marks: items.marks },
        scope: Scope::default(),
        // Even empty it tells whose request this is: what a tool leaves out depends on it.
        extra: Some((Dialect::Responses, extra)),
    })
}

fn decode_conversation(json: &Value) -> Result<Items, WireError> {
    let mut items = Items::of(Sender::Client);
    match field::present(json, "instructions") {
        None => {}
        Some(Value::String(text)) => items.system.push(SystemBlock { text: text.clone() }),
        Some(_) => return Err(WireError::malformed("instructions", "expected a text")),
    }
    match field::present(json, "input") {
        Some(input) => items.take_input(input)?,
        None => {
            let elsewhere = ["previous_response_id", "conversation", "prompt"];
            if !elsewhere.iter().any(|key| field::present(json, key).is_some()) {
                return Err(WireError::malformed("input", "is required"));
            }
        }
    }
    Ok(items)
}

/// Takes `reasoning.effort` out of `extra`; a summary that is asked for means thinking to be shown.
fn decode_reasoning(extra: &mut Map<String, Value>) -> (Option<Effort>, Option<ThinkingMode>) {
    let Some(Value::Object(reasoning)) = extra.get_mut("reasoning") else { return (None, None) };
    let effort = reasoning.get("effort").and_then(Value::as_str).and_then(effort_of);
    if effort.is_some() {
        reasoning.shift_remove("effort");
    }
    let shown = reasoning.get("summary").is_some_and(Value::is_string);
    reasoning.retain(|_, value| !value.is_null());
    if reasoning.is_empty() {
        extra.shift_remove("reasoning");
    }
    let thinking = (shown && effort != Some(Effort::None)).then_some(ThinkingMode::Adaptive);
    (effort, thinking)
}

fn effort_of(name: &str) -> Option<Effort> {
    Some(match name {
        "none" => Effort::None,
        "minimal" => Effort::Minimal,
        "low" => Effort::Low,
        "medium" => Effort::Medium,
        "high" => Effort::High,
        "xhigh" => Effort::Xhigh,
        "max" => Effort::Max,
        _ => return None,
    })
}

/// Takes `text.format` out of `extra`, as far as the vocabulary holds it.
fn decode_output(extra: &mut Map<String, Value>) -> Option<OutputFormat> {
    let Some(Value::Object(text)) = extra.get_mut("text") else { return None };
    let format = text.get("format")?;
    let mut description = None;
    let output = match field::text(format, "type")? {
        "text" => None,
        "json_object" => Some(OutputFormat::JsonObject),
        "json_schema" => {
            description = field::present(format, "description").cloned();
            Some(OutputFormat::JsonSchema {
                name: field::text(format, "name").unwrap_or("output").to_owned(),
                schema: format.get("schema").cloned().unwrap_or(Value::Null),
                strict: field::flag(format, "strict"),
            })
        }
        _ => return None,
    };
    text.shift_remove("format");
    if let Some(description) = description {
        text.insert("format".into(), serde_json::json!({ "description": description }));
    }
    if text.is_empty() {
        extra.shift_remove("text");
    }
    output
}
