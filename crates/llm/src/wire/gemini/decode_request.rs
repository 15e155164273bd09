//! Requests, inwards.

use distiq_base::{CachePlan, Dialect, Message, Request, Role, Scope, SystemBlock};
use serde_json::{Map, Value};

use crate::wire::gemini::{case, content, settings, tools};
use crate::wire::history::Calls;
use crate::wire::{MAX_REQUEST_BLOCKS, WireError, field};

/// Reads the body of `generateContent` or, where `stream` says so, `streamGenerateContent`; the
/// model comes from the address.
///
/// Field names may be in camel or snake case.
///
/// # Errors
/// [`WireError::Malformed`] tells the field and what was expected there.
pub fn decode_request(model: &str, stream: bool, body: &[u8]) -> Result<Request, WireError> {
    let mut json: Value = serde_json::from_slice(body)
        .map_err(|error| WireError::malformed("body", error.to_string()))?;
    case::to_camel(&mut json);
    from_json(model, stream, json)
}

/// Reads a body whose names are in camel case.
pub(super) fn from_json(model: &str, stream: bool, json: Value) -> Result<Request, WireError> {
    let Value::Object(mut fields) = json else {
        return Err(WireError::malformed("body", "expected a JSON object"));
    };
    fields.retain(|_, value| !value.is_null());
    let system = decode_system(fields.shift_remove("systemInstruction"))?;
    let tools = tools::decode(fields.shift_remove("tools").as_ref())?;
    let messages = decode_contents(fields.shift_remove("contents"))?;
    let tool_choice = inner(&mut fields, "toolConfig", |config| Ok(tools::decode_choice(config)))?;
    let settings =
        inner(&mut fields, "generationConfig", |config| settings::decode(config).map(Some))?;
    let settings = settings.unwrap_or_default();
    // The address names it.
    fields.shift_remove("model");
    Ok(Request {
        headers: Vec::new(),
        model: model.strip_prefix("models/").unwrap_or(model).to_owned(),
        system,
        tools,
        tool_choice,
        parallel_tool_calls: None,
        messages,
        max_tokens: settings.max_tokens,
        stop: settings.stop,
        temperature: settings.temperature,
        top_p: settings.top_p,
        effort: settings.effort,
        thinking: settings.thinking,
        output: settings.output,
        stream,
        cache: CachePlan::default(),
        scope: Scope::default(),
        extra: Some((Dialect::Gemini, fields)),
    })
}

/// Reads an object field; what `read` leaves of it stays.
fn inner<T>(
    fields: &mut Map<String, Value>,
    key: &str,
    read: impl FnOnce(&mut Map<String, Value>) -> Result<Option<T>, WireError>,
) -> Result<Option<T>, WireError> {
    let Some(value) = fields.get_mut(key) else { return Ok(None) };
    let config =
        value.as_object_mut().ok_or_else(|| WireError::malformed(key, "expected an object"))?;
    let found = read(config)?;
    if config.is_empty() {
        fields.shift_remove(key);
    }
    Ok(found)
}

fn decode_system(system: Option<Value>) -> Result<Vec<SystemBlock>, WireError> {
    let Some(system) = system else { return Ok(Vec::new()) };
    if let Value::String(text) = system {
        return Ok(vec![SystemBlock { text }]);
    }
    let parts = field::items(&system, "parts").iter().enumerate();
    parts
        .map(|(i, part)| {
            let text = field::text(part, "text").map(str::to_owned);
            let text = text.ok_or_else(|| {
                WireError::malformed(format!("systemInstruction.parts[{i}]"), "expected a text")
            });
            text.map(|text| SystemBlock { text })
        })
        .collect()
}

fn decode_contents(contents: Option<Value>) -> Result<Vec<Message>, WireError> {
    let contents = match contents {
        None => return Err(WireError::malformed("contents", "is required")),
        Some(Value::Array(contents)) => contents,
        Some(one @ Value::Object(_)) => vec![one],
        Some(_) => return Err(WireError::malformed("contents", "expected an array")),
    };
    let mut calls = Calls::default();
    let mut blocks = 0usize;
    let mut out: Vec<Message> = Vec::with_capacity(contents.len().min(MAX_REQUEST_BLOCKS));
    for (index, content) in contents.iter().enumerate() {
        let role = match field::text(content, "role") {
            None | Some("user" | "function" | "") => Role::User,
            Some("model") => Role::Assistant,
            Some(_) => {
                return Err(WireError::malformed(
                    format!("contents[{index}].role"),
                    "expected user or model",
                ));
            }
        };
        if role == Role::Assistant {
            calls.next_turn();
        }
        let at = format!("contents[{index}].parts");
        let content = content::decode_parts(field::items(content, "parts"), &at, role, &mut calls)?;
        blocks = blocks.saturating_add(content.len()).saturating_add(1);
        if blocks > MAX_REQUEST_BLOCKS {
            return Err(WireError::TooLarge {
                what: "the number of parts",
                limit: MAX_REQUEST_BLOCKS,
            });
        }
        out.push(Message { role, content });
    }
    Ok(out)
}
