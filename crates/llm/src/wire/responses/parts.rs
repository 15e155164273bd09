//! Parts of messages and of results, both ways.

use distiq_base::{CacheTtl, Content, Dialect, DocumentSource, ImageSource};
use serde_json::{Map, Value, json};

use crate::wire::{MAX_REQUEST_BLOCKS, WireError, documents, field};

/// A decoded part.
#[derive(Debug)]
pub(super) struct Part {
    pub content: Content,
    /// The cache mark on it.
    pub mark: Option<CacheTtl>,
    /// Its other fields.
    pub rest: Map<String, Value>,
}

/// Reads content: a text, or an array of parts; null is nothing.
pub(super) fn decode_all(content: &Value, at: &str) -> Result<Vec<Part>, WireError> {
    match content {
        Value::Null => Ok(Vec::new()),
        Value::String(text) if text.is_empty() => Ok(Vec::new()),
        Value::String(text) => Ok(vec![plain(Content::text(text))]),
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

fn plain(content: Content) -> Part {
    Part { content, mark: None, rest: Map::new() }
}

fn decode(part: &Value, at: impl Fn() -> String) -> Result<Part, WireError> {
    let need = |found: Option<&str>, what: &str| match found {
        Some(text) => Ok(text.to_owned()),
        None => Err(WireError::malformed(at(), format!("expected {what}"))),
    };
    let own = |key| field::text(part, key);
    let (content, known): (Content, &[&str]) =
        match need(own("type"), "a part with a type")?.as_str() {
            "input_text" | "output_text" | "text" => {
                (Content::Text { text: need(own("text"), "a text")? }, &["type", "text"])
            }
            // The type is kept, as a refusal reads like any text elsewhere.
            "refusal" => (Content::Text { text: need(own("refusal"), "a text")? }, &["refusal"]),
            "input_image" if own("image_url").is_some() => {
                let source = decode_url(own("image_url").unwrap_or_default());
                (Content::Image { source }, &["type", "image_url"])
            }
            "input_file" => match decode_file(part) {
                Some(document) => (document, &["type", "file_data", "file_url", "filename"]),
                None => return Ok(keep(part)),
            },
            _ => return Ok(keep(part)),
        };
    let auto = |key: &str, value: &Value| key == "detail" && value == "auto";
    let fields = part.as_object().into_iter().flatten();
    let rest = fields
        .filter(|(key, value)| {
            let empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
            !empty && !known.contains(&key.as_str()) && *key != BREAKPOINT && !auto(key, value)
        })
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    Ok(Part { content, mark: mark_of(part), rest })
}

/// The field of an explicit cache mark.
const BREAKPOINT: &str = "prompt_cache_breakpoint";

fn mark_of(part: &Value) -> Option<CacheTtl> {
    let mark = field::present(part, BREAKPOINT)?;
    Some(match field::text(mark, "ttl") {
        Some("12h") => CacheTtl::Long,
        _ => CacheTtl::Short,
    })
}

/// Puts a cache mark on a part.
pub(super) fn mark(part: &mut Map<String, Value>, ttl: Option<CacheTtl>) {
    let mark = match ttl {
        None => return,
        Some(CacheTtl::Short) => json!({ "mode": "explicit" }),
        Some(CacheTtl::Long) => json!({ "mode": "explicit", "ttl": "12h" }),
    };
    part.insert(BREAKPOINT.into(), mark);
}

fn keep(part: &Value) -> Part {
    let mut json = part.clone();
    if let Some(map) = json.as_object_mut() {
        map.shift_remove(BREAKPOINT);
    }
    Part {
        content: Content::Other { dialect: Dialect::Responses, json },
        mark: mark_of(part),
        rest: Map::new(),
    }
}

fn decode_url(url: &str) -> ImageSource {
    match inline(url) {
        Some((media_type, data)) => {
            ImageSource::Base64 { media_type: media_type.to_owned(), data: data.to_owned() }
        }
        None => ImageSource::Url { url: url.to_owned() },
    }
}

fn inline(url: &str) -> Option<(&str, &str)> {
    url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"))
}

/// Reads a file whose bytes or address are in the part; one that the vendor stores is `None`.
fn decode_file(part: &Value) -> Option<Content> {
    let title = field::text(part, "filename").map(str::to_owned);
    if let Some(data) = field::text(part, "file_data") {
        // The vendor takes bare base64 too, of which only the name tells what it is.
        let (media_type, data) = inline(data).unwrap_or(("application/pdf", data));
        return Some(documents::of_bytes(media_type, data, title));
    }
    let source = DocumentSource::Url { url: field::text(part, "file_url")?.to_owned() };
    Some(Content::Document { source, title, extra: Map::new() })
}

/// Whose message a part stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// The user's, the instructions' or a tool's.
    Input,
    /// The model's.
    Output,
}

/// Tells whether a block is a part of a message, not an item of its own.
pub(super) fn is_part(json: &Value) -> bool {
    let kind = field::text(json, "type").unwrap_or_default();
    ["input_", "output_"].iter().any(|prefix| kind.starts_with(prefix))
        || matches!(kind, "refusal" | "text" | "computer_screenshot")
}

/// Writes a part, with what is kept of it; `None` for what is no part, and for empty texts.
pub(super) fn encode(
    content: &Content,
    rest: Option<&Map<String, Value>>,
    side: Side,
) -> Option<Map<String, Value>> {
    let refused = rest.and_then(|rest| rest.get("type")).is_some_and(|kind| kind == "refusal");
    let part = match content {
        Content::Text { text } if text.is_empty() => return None,
        Content::Text { text } if refused => json!({ "type": "refusal", "refusal": text }),
        Content::Text { text } => match side {
            Side::Input => json!({ "type": "input_text", "text": text }),
            Side::Output => json!({ "type": "output_text", "text": text }),
        },
        Content::Image { source } if side == Side::Input => {
            let url = match source {
                ImageSource::Base64 { media_type, data } => {
                    format!("data:{media_type};base64,{data}")
                }
                ImageSource::Url { url } => url.clone(),
            };
            let detail = rest.and_then(|rest| rest.get("detail")).cloned();
            json!({ "type": "input_image", "image_url": url,
                "detail": detail.unwrap_or_else(|| "auto".into()) })
        }
        Content::Document { source, title, .. } if side == Side::Input => {
            document(source, title.as_deref())
        }
        Content::Other { dialect: Dialect::Responses, json } if is_part(json) => json.clone(),
        _ => return None,
    };
    let Value::Object(mut part) = part else { return None };
    if let Some(rest) = rest {
        field::fill(&mut part, rest);
    }
    Some(part)
}

fn document(source: &DocumentSource, title: Option<&str>) -> Value {
    match source {
        DocumentSource::Base64 { media_type, data } => json!({
            "type": "input_file",
            "filename": title.unwrap_or("document.pdf"),
            "file_data": format!("data:{media_type};base64,{data}"),
        }),
        DocumentSource::Text { text } => {
            json!({ "type": "input_text", "text": documents::as_text(text, title) })
        }
        DocumentSource::Url { url } => json!({ "type": "input_file", "file_url": url }),
    }
}
