//! Message content, both ways.

use distiq_base::{CacheTtl, Content, Dialect, DocumentSource, ImageSource};
use serde_json::{Map, Value, json};

use crate::wire::anthropic::marks;
use crate::wire::{MAX_REQUEST_BLOCKS, PartMarks, Quirks, WireError, arguments, documents, field};

/// The `type` under which a vendor's `reasoning_details` are kept.
pub(super) const DETAILS: &str = "reasoning_details";

/// Returns a text part.
pub(super) fn text_part(text: &str) -> Value {
    json!({ "type": "text", "text": text })
}

/// Returns a picture part.
pub(super) fn image_part(source: &ImageSource) -> Value {
    let url = match source {
        ImageSource::Base64 { media_type, data } => format!("data:{media_type};base64,{data}"),
        ImageSource::Url { url } => url.clone(),
    };
    json!({ "type": "image_url", "image_url": { "url": url } })
}

/// Returns a document's part; `None` for an address, which the dialect cannot carry.
pub(super) fn document_part(source: &DocumentSource, title: Option<&str>) -> Option<Value> {
    match source {
        DocumentSource::Base64 { media_type, data } => Some(json!({ "type": "file", "file": {
            "filename": title.unwrap_or("document.pdf"),
            "file_data": format!("data:{media_type};base64,{data}"),
        }})),
        DocumentSource::Text { text } => Some(text_part(&documents::as_text(text, title))),
        DocumentSource::Url { .. } => None,
    }
}

/// Puts a cache mark on a part.
pub(super) fn mark(part: &mut Value, ttl: Option<CacheTtl>, quirks: &Quirks) {
    let (Some(ttl), Some(part)) = (ttl, part.as_object_mut()) else { return };
    match (quirks.part_marks, ttl) {
        (PartMarks::Off, _) => {}
        (PartMarks::CacheControl, _) => {
            part.insert("cache_control".into(), marks::encode(ttl));
        }
        (PartMarks::Breakpoint, CacheTtl::Short) => {
            part.insert("prompt_cache_breakpoint".into(), json!({ "mode": "explicit" }));
        }
        (PartMarks::Breakpoint, CacheTtl::Long) => {
            let mark = json!({ "mode": "explicit", "ttl": "12h" });
            part.insert("prompt_cache_breakpoint".into(), mark);
        }
    }
}

fn mark_of(part: &Value) -> Option<CacheTtl> {
    let breakpoint = || {
        let mark = field::present(part, "prompt_cache_breakpoint")?;
        Some(match field::text(mark, "ttl") {
            Some("12h") => CacheTtl::Long,
            _ => CacheTtl::Short,
        })
    };
    marks::decode(part).or_else(breakpoint)
}

/// Returns parts in the plainest form that the server takes: one text as a string, several as parts
/// or joined. With cache marks they stay parts, marked or not, so that a mark changes no shape.
pub(super) fn join(parts: Vec<Value>, quirks: &Quirks) -> Value {
    let texts: Option<Vec<&str>> = parts
        .iter()
        .map(|part| field::text(part, "text").filter(|_| part["type"] == "text"))
        .collect();
    match texts.as_deref() {
        _ if quirks.part_marks != PartMarks::Off => Value::Array(parts),
        Some([text]) => Value::from(*text),
        Some(texts) if !quirks.text_parts => Value::from(texts.join("\n\n")),
        _ => Value::Array(parts),
    }
}

/// A decoded part and the cache mark on it.
pub(super) type Marked = (Content, Option<CacheTtl>);

/// Reads content: a text, or an array of parts; null is nothing.
pub(super) fn decode_all(content: &Value, at: &str) -> Result<Vec<Marked>, WireError> {
    match content {
        Value::Null => Ok(Vec::new()),
        Value::String(text) if text.is_empty() => Ok(Vec::new()),
        Value::String(text) => Ok(vec![(Content::text(text), None)]),
        Value::Array(parts) if parts.len() > MAX_REQUEST_BLOCKS => {
            Err(WireError::TooLarge { what: "the number of parts", limit: MAX_REQUEST_BLOCKS })
        }
        Value::Array(parts) => {
            let parts = parts.iter().enumerate();
            parts.map(|(i, part)| decode(part, || format!("{at}[{i}]"))).collect()
        }
        _ => Err(WireError::malformed(at, "expected a text or an array of parts")),
    }
}

fn decode(part: &Value, at: impl Fn() -> String) -> Result<Marked, WireError> {
    if let Value::String(text) = part {
        return Ok((Content::text(text), None));
    }
    let need = |found: Option<String>, what: &str| {
        found.ok_or_else(|| WireError::malformed(at(), format!("expected {what}")))
    };
    let own = |key| field::text(part, key).map(str::to_owned);
    let content = match need(own("type"), "a part with a type")?.as_str() {
        "text" => Content::Text { text: need(own("text"), "a text")? },
        "refusal" => Content::Text { text: need(own("refusal"), "a text")? },
        "image_url" => {
            let image = part.get("image_url").unwrap_or(&Value::Null);
            // Some clients put the address there without an object.
            let url = field::text(image, "url").or(image.as_str()).map(str::to_owned);
            Content::Image { source: decode_url(need(url, "an image address")?) }
        }
        "thinking" => Content::Thinking { text: chunk_text(part), signature: None },
        "file" => decode_file(part).unwrap_or_else(|| keep(part)),
        _ => keep(part),
    };
    Ok((content, mark_of(part)))
}

fn keep(part: &Value) -> Content {
    let mut json = part.clone();
    if let Some(map) = json.as_object_mut() {
        map.shift_remove("cache_control");
        map.shift_remove("prompt_cache_breakpoint");
    }
    Content::Other { dialect: Dialect::Openai, json }
}

/// Reads a file whose bytes are in the part; one that the vendor stores is `None`.
fn decode_file(part: &Value) -> Option<Content> {
    let file = part.get("file")?;
    let (media_type, data) =
        field::text(file, "file_data")?.strip_prefix("data:")?.split_once(";base64,")?;
    let title = field::text(file, "filename").map(str::to_owned);
    Some(documents::of_bytes(media_type, data, title))
}

fn decode_url(url: String) -> ImageSource {
    let inline = url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
    match inline {
        Some((media_type, data)) => {
            ImageSource::Base64 { media_type: media_type.to_owned(), data: data.to_owned() }
        }
        None => ImageSource::Url { url },
    }
}

/// Returns the text of a thinking chunk: a text, or a list of text chunks (Mistral).
pub(super) fn chunk_text(chunk: &Value) -> String {
    match chunk.get("thinking") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => parts.iter().filter_map(|p| field::text(p, "text")).collect(),
        _ => String::new(),
    }
}

/// Returns the reasoning in a message or a delta, wherever the vendor puts it.
pub(super) fn reasoning(json: &Value) -> Option<String> {
    let named = |key| field::text(json, key).filter(|text| !text.is_empty());
    if let Some(text) = named("reasoning_content").or_else(|| named("reasoning")) {
        return Some(text.to_owned());
    }
    let details = field::items(json, DETAILS).iter();
    let text: String = details
        .filter_map(|detail| field::text(detail, "text").or_else(|| field::text(detail, "summary")))
        .collect();
    Some(text).filter(|text| !text.is_empty())
}

/// Keeps `reasoning_details`, to be sent back unchanged.
pub(super) fn keep_details(details: Vec<Value>) -> Content {
    Content::Other { dialect: Dialect::Openai, json: json!({ "type": DETAILS, DETAILS: details }) }
}

/// Reads arguments: a text, or (some servers) an object.
pub(super) fn decode_arguments(function: &Value) -> String {
    match function.get("arguments") {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => arguments::to_text(value),
    }
}

/// Reads an assistant's message. `answer` seeds ids for calls that lack one; without it that is an
/// error.
pub(super) fn decode_assistant(
    message: &Value,
    at: &str,
    answer: Option<&str>,
) -> Result<Vec<Marked>, WireError> {
    let mut out: Vec<Marked> = Vec::new();
    if let Some(text) = reasoning(message) {
        out.push((Content::Thinking { text, signature: None }, None));
    }
    let content = message.get("content").unwrap_or(&Value::Null);
    out.extend(decode_all(content, &format!("{at}.content"))?);
    if let Some(text) = field::text(message, "refusal").filter(|text| !text.is_empty()) {
        out.push((Content::text(text), None));
    }
    let calls = field::items(message, "tool_calls");
    if calls.len() > MAX_REQUEST_BLOCKS {
        return Err(WireError::TooLarge { what: "the tool calls", limit: MAX_REQUEST_BLOCKS });
    }
    for (i, call) in calls.iter().enumerate() {
        out.push((decode_call(call, &format!("{at}.tool_calls[{i}]"), answer, i)?, None));
    }
    let details = field::items(message, DETAILS);
    if !details.is_empty() {
        out.push((keep_details(details.to_vec()), None));
    }
    Ok(out)
}

fn decode_call(
    call: &Value,
    at: &str,
    answer: Option<&str>,
    index: usize,
) -> Result<Content, WireError> {
    let Some(function) = field::present(call, "function") else {
        if field::text(call, "type").is_some_and(|kind| kind != "function") {
            return Ok(Content::Other { dialect: Dialect::Openai, json: call.clone() });
        }
        return Err(WireError::malformed(format!("{at}.function"), "is required"));
    };
    let name = field::text(function, "name");
    let id = field::text(call, "id").filter(|id| !id.is_empty()).map(str::to_owned);
    let id = id.or_else(|| answer.map(|answer| arguments::generated_id(answer, index)));
    let arguments = decode_arguments(function);
    Ok(Content::ToolCall {
        id: id.ok_or_else(|| WireError::malformed(format!("{at}.id"), "is required"))?,
        name: name
            .ok_or_else(|| WireError::malformed(format!("{at}.function.name"), "is required"))?
            .to_owned(),
        arguments: if arguments.trim().is_empty() { "{}".to_owned() } else { arguments },
    })
}

/// Returns a tool call.
pub(super) fn encode_call(id: &str, name: &str, arguments: &str) -> Map<String, Value> {
    // Servers parse it, and an empty text is no JSON.
    let arguments = if arguments.trim().is_empty() { "{}" } else { arguments };
    let mut call = Map::new();
    call.insert("id".into(), id.into());
    call.insert("type".into(), "function".into());
    call.insert("function".into(), json!({ "name": name, "arguments": arguments }));
    call
}
