//! Content blocks, both ways.

use distiq_base::{CacheTtl, Content, Dialect, DocumentSource, ImageSource};
use serde_json::{Map, Value, json};

use crate::wire::anthropic::marks;
use crate::wire::{MAX_REQUEST_BLOCKS, WireError, arguments, field, signature};

/// Returns a block as this dialect has it; `None` where it has no such block or refuses it, as it
/// does empty texts.
pub(super) fn encode(content: &Content, unsigned_thinking: bool) -> Option<Map<String, Value>> {
    let block = match content {
        Content::Text { text } if text.is_empty() => return None,
        Content::Text { text } => json!({ "type": "text", "text": text }),
        Content::Image { source } => json!({ "type": "image", "source": encode_source(source) }),
        Content::Document { source, title, extra } => {
            return Some(encode_document(source, title.as_deref(), extra));
        }
        Content::Thinking { signature: None, .. } if !unsigned_thinking => return None,
        Content::Thinking { signature: Some(signature), .. }
            if !unsigned_thinking && signature::origin(signature) != Dialect::Anthropic =>
        {
            return None;
        }
        Content::Thinking { text, signature } => json!({
            "type": "thinking",
            "thinking": text,
            "signature": signature.as_deref().unwrap_or_default(),
        }),
        Content::RedactedThinking { data } => {
            json!({ "type": "redacted_thinking", "data": data })
        }
        Content::ToolCall { id, name, arguments } => json!({
            "type": "tool_use",
            "id": arguments::anthropic_id(id),
            "name": name,
            "input": arguments::to_object(arguments),
        }),
        Content::ToolResult { call_id, content, is_error } => {
            return Some(encode_result(call_id, content, *is_error));
        }
        Content::Other { dialect: Dialect::Anthropic, json } => json.clone(),
        Content::Other { .. } => return None,
    };
    match block {
        Value::Object(block) => Some(block),
        _ => None,
    }
}

fn encode_source(source: &ImageSource) -> Value {
    match source {
        ImageSource::Base64 { media_type, data } => {
            json!({ "type": "base64", "media_type": media_type, "data": data })
        }
        ImageSource::Url { url } => json!({ "type": "url", "url": url }),
    }
}

fn encode_document(
    source: &DocumentSource,
    title: Option<&str>,
    extra: &Map<String, Value>,
) -> Map<String, Value> {
    let source = match source {
        DocumentSource::Base64 { media_type, data } => {
            json!({ "type": "base64", "media_type": media_type, "data": data })
        }
        DocumentSource::Text { text } => {
            json!({ "type": "text", "media_type": "text/plain", "data": text })
        }
        DocumentSource::Url { url } => json!({ "type": "url", "url": url }),
    };
    let mut block = Map::new();
    block.insert("type".into(), "document".into());
    block.insert("source".into(), source);
    if let Some(title) = title {
        block.insert("title".into(), title.into());
    }
    field::fill(&mut block, extra);
    block
}

fn encode_result(call_id: &str, content: &[Content], is_error: bool) -> Map<String, Value> {
    let mut block = Map::new();
    block.insert("type".into(), "tool_result".into());
    block.insert("tool_use_id".into(), arguments::anthropic_id(call_id).into());
    let parts: Vec<_> =
        content.iter().filter_map(|part| encode(part, false)).map(Value::Object).collect();
    if !parts.is_empty() {
        block.insert("content".into(), parts.into());
    }
    if is_error {
        block.insert("is_error".into(), true.into());
    }
    block
}

/// Counts what is decoded, so that a body cannot hold blocks without end.
#[derive(Debug, Default)]
pub(super) struct Budget(usize);

impl Budget {
    fn take(&mut self) -> Result<(), WireError> {
        self.0 += 1;
        if self.0 > MAX_REQUEST_BLOCKS {
            return Err(WireError::TooLarge {
                what: "the number of blocks",
                limit: MAX_REQUEST_BLOCKS,
            });
        }
        Ok(())
    }
}

/// A decoded block and the cache mark on it.
pub(super) type Marked = (Content, Option<CacheTtl>);

/// Reads a message's content: a text, or an array of blocks.
pub(super) fn decode_all(
    content: &Value,
    at: &str,
    budget: &mut Budget,
) -> Result<Vec<Marked>, WireError> {
    match content {
        Value::String(text) => {
            budget.take()?;
            Ok(vec![(Content::text(text), None)])
        }
        Value::Array(blocks) => {
            let mut out = Vec::with_capacity(blocks.len());
            for (i, block) in blocks.iter().enumerate() {
                budget.take()?;
                out.push(decode(block, &format!("{at}[{i}]"), budget)?);
            }
            Ok(out)
        }
        _ => Err(WireError::malformed(at, "expected a text or an array of blocks")),
    }
}

/// Reads one block; a type that the vocabulary lacks is kept as it is.
pub(super) fn decode(block: &Value, at: &str, budget: &mut Budget) -> Result<Marked, WireError> {
    let need = |key: &str| {
        let text = field::text(block, key);
        text.ok_or_else(|| WireError::malformed(format!("{at}.{key}"), "expected a text"))
    };
    let mut mark = marks::decode(block);
    let content = match need("type")? {
        "text" => Content::text(need("text")?),
        "image" => match block.get("source").and_then(decode_source) {
            Some(source) => Content::Image { source },
            None => keep(block),
        },
        "document" => decode_document(block).unwrap_or_else(|| keep(block)),
        "thinking" => Content::Thinking {
            text: need("thinking")?.to_owned(),
            signature: field::text(block, "signature").filter(|s| !s.is_empty()).map(str::to_owned),
        },
        "redacted_thinking" => Content::RedactedThinking { data: need("data")?.to_owned() },
        "tool_use" => Content::ToolCall {
            id: need("id")?.to_owned(),
            name: need("name")?.to_owned(),
            arguments: arguments::to_text(block.get("input").unwrap_or(&Value::Null)),
        },
        "tool_result" => {
            let parts = match field::present(block, "content") {
                Some(content) => decode_all(content, &format!("{at}.content"), budget)?,
                None => Vec::new(),
            };
            // A mark inside a result ends nearly the same prefix as one on it.
            mark = mark.or(parts.iter().rev().find_map(|(_, mark)| *mark));
            Content::ToolResult {
                call_id: need("tool_use_id")?.to_owned(),
                content: parts.into_iter().map(|(part, _)| part).collect(),
                is_error: field::flag(block, "is_error").unwrap_or(false),
            }
        }
        _ => keep(block),
    };
    Ok((content, mark))
}

/// Keeps a block as it is, less its cache mark, which the request's plan holds.
pub(super) fn keep(block: &Value) -> Content {
    let mut json = block.clone();
    if let Some(map) = json.as_object_mut() {
        map.shift_remove("cache_control");
    }
    Content::Other { dialect: Dialect::Anthropic, json }
}

fn decode_source(source: &Value) -> Option<ImageSource> {
    match field::text(source, "type")? {
        "base64" => Some(ImageSource::Base64 {
            media_type: field::text(source, "media_type")?.to_owned(),
            data: field::text(source, "data")?.to_owned(),
        }),
        "url" => Some(ImageSource::Url { url: field::text(source, "url")?.to_owned() }),
        _ => None,
    }
}

/// Reads a document; one whose source the vocabulary lacks (a file of theirs) is `None`.
fn decode_document(block: &Value) -> Option<Content> {
    let source = block.get("source")?;
    let data = || field::text(source, "data").map(str::to_owned);
    let source = match field::text(source, "type")? {
        "base64" => DocumentSource::Base64 {
            media_type: field::text(source, "media_type")?.to_owned(),
            data: data()?,
        },
        "text" => DocumentSource::Text { text: data()? },
        "url" => DocumentSource::Url { url: field::text(source, "url")?.to_owned() },
        _ => return None,
    };
    let ours = ["type", "source", "title", "cache_control"];
    let extra = block.as_object()?.iter();
    let extra = extra.filter(|(key, value)| !ours.contains(&key.as_str()) && !value.is_null());
    Some(Content::Document {
        source,
        title: field::text(block, "title").map(str::to_owned),
        extra: extra.map(|(key, value)| (key.clone(), value.clone())).collect(),
    })
}
