//! Parts, both ways.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use distiq_base::{Content, Dialect, DocumentSource, ImageSource, Role};
use serde_json::{Map, Value, json};

use crate::wire::history::Calls;
use crate::wire::signature::{self, Place};
use crate::wire::{MAX_REQUEST_BLOCKS, WireError, arguments, documents, field};

/// What the vendor's own documents say to put where a call came from another model.
pub(super) const FOREIGN_CALL: &str = "skip_thought_signature_validator";

/// The key under which what a candidate has beside its parts is kept.
pub(super) const CANDIDATE: &str = "candidate";

/// What stands before encrypted thinking in a wrapped signature.
const REDACTED: &str = "redacted\n";

/// Reads the parts of one content; `calls` names calls and pairs results with them.
pub(super) fn decode_parts(
    parts: &[Value],
    at: &str,
    role: Role,
    calls: &mut Calls,
) -> Result<Vec<Content>, WireError> {
    if parts.len() > MAX_REQUEST_BLOCKS {
        return Err(WireError::TooLarge { what: "the number of parts", limit: MAX_REQUEST_BLOCKS });
    }
    let mut out = Vec::with_capacity(parts.len());
    for (i, part) in parts.iter().enumerate() {
        decode_part(part, &format!("{at}[{i}]"), role, calls, &mut out)?;
    }
    Ok(out)
}

fn decode_part(
    part: &Value,
    at: &str,
    role: Role,
    calls: &mut Calls,
    out: &mut Vec<Content>,
) -> Result<(), WireError> {
    let signature = field::text(part, "thoughtSignature").filter(|text| !text.is_empty());
    if let Some(text) = field::text(part, "text") {
        if field::flag(part, "thought") == Some(true) {
            push_thought(text, signature, out);
        } else {
            push_text(text, signature, role, out);
        }
        return Ok(());
    }
    if let Some(call) = field::present(part, "functionCall") {
        let name = field::text(call, "name").ok_or_else(|| {
            WireError::malformed(format!("{at}.functionCall.name"), "is required")
        })?;
        if let Some(signature) = signature.filter(|signature| *signature != FOREIGN_CALL) {
            out.push(bare(Place::Next, signature));
        }
        let arguments = arguments::to_text(call.get("args").unwrap_or(&Value::Null));
        out.push(Content::ToolCall {
            id: calls.called(field::text(call, "id"), name),
            name: name.to_owned(),
            arguments,
        });
        return Ok(());
    }
    if let Some(result) = field::present(part, "functionResponse") {
        out.push(decode_result(result, calls));
        return Ok(());
    }
    if !part.is_object() {
        return Err(WireError::malformed(at, "expected a part"));
    }
    out.push(decode_media(part, role).unwrap_or_else(|| keep(part)));
    Ok(())
}

/// Keeps what the vocabulary lacks.
pub(super) fn keep(part: &Value) -> Content {
    Content::Other { dialect: Dialect::Gemini, json: part.clone() }
}

/// Returns the block that stands for a signature without thinking.
pub(super) fn bare(place: Place, signature: &str) -> Content {
    Content::Thinking { text: String::new(), signature: Some(signature::tag(place, signature)) }
}

/// Reads a thought's signature as the vocabulary has it.
pub(super) fn thought_signature(wire: Option<&str>) -> String {
    let wire = wire.unwrap_or_default();
    signature::unwrap(wire).unwrap_or_else(|| signature::tag(Place::Own, wire))
}

fn push_thought(text: &str, wire: Option<&str>, out: &mut Vec<Content>) {
    let found = thought_signature(wire);
    if let Some(data) = found.strip_prefix(REDACTED) {
        out.push(Content::RedactedThinking { data: data.to_owned() });
        return;
    }
    let unsigned = signature::tag(Place::Own, "");
    // A streamed thought comes in pieces, and clients keep them so.
    if let Some(Content::Thinking { text: begun, signature: Some(known) }) = out.last_mut()
        && *known == unsigned
    {
        begun.push_str(text);
        *known = found;
        return;
    }
    out.push(Content::Thinking { text: text.to_owned(), signature: Some(found) });
}

fn push_text(text: &str, wire: Option<&str>, role: Role, out: &mut Vec<Content>) {
    match wire {
        Some(wire) if text.is_empty() => out.push(bare(Place::Alone, wire)),
        Some(wire) => {
            out.push(bare(Place::Next, wire));
            out.push(Content::text(text));
        }
        None => {
            // Pieces of a stream, unless the piece before is signed: those are never joined.
            let signed = match out.as_slice() {
                [
                    ..,
                    Content::Thinking { signature: Some(signature), .. },
                    Content::Text { .. },
                ] => {
                    matches!(signature::gemini(signature), Some((Place::Next, _)))
                }
                _ => false,
            };
            match out.last_mut() {
                Some(Content::Text { text: begun }) if role == Role::Assistant && !signed => {
                    begun.push_str(text);
                }
                _ => out.push(Content::text(text)),
            }
        }
    }
}

/// Reads a picture or a document; other media, and a model's own, are `None`.
fn decode_media(part: &Value, role: Role) -> Option<Content> {
    let fields = part.as_object()?;
    if role == Role::Assistant || fields.len() != 1 {
        return None;
    }
    if let Some(data) = part.get("inlineData") {
        let kind = field::text(data, "mimeType")?;
        let bytes = standard(field::text(data, "data")?);
        let name = field::text(data, "displayName");
        if kind.starts_with("image/") && name.is_none() {
            return Some(Content::Image {
                source: ImageSource::Base64 {
                    media_type: kind.to_owned(),
                    data: bytes.into_owned(),
                },
            });
        }
        let known = kind == "application/pdf" || kind == "text/plain";
        return known.then(|| documents::of_bytes(kind, &bytes, name.map(str::to_owned)));
    }
    let file = part.get("fileData")?;
    let url = field::text(file, "fileUri")?;
    let guessed = guess_type(url)?;
    let own = !url.starts_with("http") || url.contains("googleapis.com/");
    let same = field::text(file, "mimeType").is_none_or(|kind| kind == guessed);
    if own || !same || field::text(file, "displayName").is_some() {
        return None;
    }
    let url = url.to_owned();
    Some(if guessed.starts_with("image/") {
        Content::Image { source: ImageSource::Url { url } }
    } else {
        Content::Document { source: DocumentSource::Url { url }, title: None, extra: Map::new() }
    })
}

/// Returns base64 in the standard alphabet; the vendor's own SDK writes the one for addresses.
fn standard(data: &str) -> Cow<'_, str> {
    if !data.contains(['-', '_']) {
        return Cow::Borrowed(data);
    }
    let mut data = data.replace('-', "+").replace('_', "/");
    while !data.len().is_multiple_of(4) {
        data.push('=');
    }
    Cow::Owned(data)
}

/// Returns the media type that an address's ending tells.
fn guess_type(url: &str) -> Option<&'static str> {
    let path = url.split(['?', '#']).next()?;
    let ending = path.rsplit_once('.')?.1.to_ascii_lowercase();
    Some(match ending.as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "gif" => "image/gif",
        "heic" => "image/heic",
        "heif" => "image/heif",
        "pdf" => "application/pdf",
        "txt" => "text/plain",
        _ => return None,
    })
}

fn decode_result(result: &Value, calls: &mut Calls) -> Content {
    let name = field::text(result, "name").unwrap_or_default();
    let response = result.get("response").unwrap_or(&Value::Null);
    let only = response.as_object().filter(|fields| fields.len() == 1);
    let only = |key: &str| only.and_then(|fields| fields.get(key)).and_then(Value::as_str);
    let (text, is_error) = match (only("output").or_else(|| only("result")), only("error")) {
        (Some(text), _) => (text.to_owned(), false),
        (None, Some(text)) => (text.to_owned(), true),
        (None, None) if response.is_null() => (String::new(), false),
        (None, None) => (response.to_string(), false),
    };
    let mut content = Vec::new();
    if !text.is_empty() {
        content.push(Content::text(text));
    }
    for part in field::items(result, "parts") {
        content.push(decode_media(part, Role::User).unwrap_or_else(|| keep(part)));
    }
    Content::ToolResult {
        call_id: calls.answered(field::text(result, "id"), name),
        content,
        is_error,
    }
}

/// For whom parts are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum For {
    /// The vendor: other vendors' thinking stays out. Whether a call without a signature must say
    /// that it came from elsewhere.
    Vendor { sign_calls: bool },
    /// A client, who gets all thinking and gives it back.
    Client,
}

/// Writes what the assistant said.
pub(super) fn encode_said(content: &[Content], reader: For) -> Vec<Value> {
    let mut out = Vec::new();
    let mut pending: Option<String> = None;
    let mut called = false;
    for part in content {
        let mut json = match part {
            Content::Thinking { text, signature } => {
                encode_thought(text, signature.as_deref(), reader, &mut pending, &mut out);
                continue;
            }
            Content::Text { text } if text.is_empty() && pending.is_none() => continue,
            Content::Text { text } => json!({ "text": text }),
            Content::ToolCall { id, name, arguments } => {
                let first = !std::mem::replace(&mut called, true);
                if pending.is_none() && first && reader == (For::Vendor { sign_calls: true }) {
                    pending = Some(FOREIGN_CALL.to_owned());
                }
                encode_call(id, name, arguments)
            }
            other => {
                flush(&mut pending, &mut out);
                out.extend(encode_rest(other, reader));
                continue;
            }
        };
        if let (Some(signature), Some(fields)) = (pending.take(), json.as_object_mut()) {
            fields.insert("thoughtSignature".into(), signature.into());
        }
        out.push(json);
    }
    flush(&mut pending, &mut out);
    out
}

fn flush(pending: &mut Option<String>, out: &mut Vec<Value>) {
    if let Some(signature) = pending.take() {
        out.push(json!({ "text": "", "thoughtSignature": signature }));
    }
}

fn encode_thought(
    text: &str,
    signature: Option<&str>,
    reader: For,
    pending: &mut Option<String>,
    out: &mut Vec<Value>,
) {
    match signature.and_then(signature::gemini) {
        Some((Place::Next, signature)) => {
            flush(pending, out);
            *pending = Some(signature.to_owned());
        }
        Some((Place::Alone, signature)) => {
            flush(pending, out);
            out.push(json!({ "text": "", "thoughtSignature": signature }));
        }
        Some((Place::Own, signature)) => {
            flush(pending, out);
            out.push(thought(text, signature));
        }
        None if reader == For::Client => {
            flush(pending, out);
            out.push(thought(text, &signature.map(signature::wrap).unwrap_or_default()));
        }
        None => {}
    }
}

pub(super) fn thought(text: &str, signature: &str) -> Value {
    let mut part = json!({ "text": text, "thought": true });
    if let (false, Some(fields)) = (signature.is_empty(), part.as_object_mut()) {
        fields.insert("thoughtSignature".into(), signature.into());
    }
    part
}

/// Returns the thought by which a client holds encrypted thinking.
pub(super) fn redacted(data: &str) -> Value {
    thought("", &signature::wrap(&format!("{REDACTED}{data}")))
}

pub(super) fn encode_call(id: &str, name: &str, text: &str) -> Value {
    let mut call = Map::new();
    if !id.is_empty() && !arguments::is_made(id) {
        call.insert("id".into(), id.into());
    }
    call.insert("name".into(), name.into());
    call.insert("args".into(), arguments::to_object(text));
    json!({ "functionCall": call })
}

fn encode_rest(content: &Content, reader: For) -> Option<Value> {
    match content {
        Content::RedactedThinking { data } => (reader == For::Client).then(|| redacted(data)),
        Content::Other { dialect: Dialect::Gemini, json } => {
            (json.get(CANDIDATE).is_none()).then(|| json.clone())
        }
        other => encode_media(other),
    }
}

/// Writes a picture, a document or a text; anything else is `None`.
pub(super) fn encode_media(content: &Content) -> Option<Value> {
    match content {
        Content::Text { text } if text.is_empty() => None,
        Content::Text { text } => Some(json!({ "text": text })),
        Content::Image { source: ImageSource::Base64 { media_type, data } } => {
            Some(inline(media_type, data, None))
        }
        Content::Image { source: ImageSource::Url { url } } => {
            Some(file(url, guess_type(url).unwrap_or("image/jpeg")))
        }
        Content::Document { source, title, .. } => Some(match source {
            DocumentSource::Base64 { media_type, data } => {
                inline(media_type, data, title.as_deref())
            }
            DocumentSource::Text { text } => {
                inline("text/plain", &STANDARD.encode(text), title.as_deref())
            }
            DocumentSource::Url { url } => file(url, guess_type(url).unwrap_or("application/pdf")),
        }),
        Content::Other { dialect: Dialect::Gemini, json } => Some(json.clone()),
        _ => None,
    }
}

fn inline(media_type: &str, data: &str, name: Option<&str>) -> Value {
    let mut blob = Map::new();
    blob.insert("mimeType".into(), media_type.into());
    blob.insert("data".into(), data.into());
    if let Some(name) = name {
        blob.insert("displayName".into(), name.into());
    }
    json!({ "inlineData": blob })
}

fn file(url: &str, media_type: &str) -> Value {
    json!({ "fileData": { "mimeType": media_type, "fileUri": url } })
}

/// Returns a result's object: the text's own where it is one, else under `output` or `error`.
pub(super) fn encode_response_object(content: &[Content], is_error: bool) -> Value {
    let texts = content.iter().filter_map(|part| match part {
        Content::Text { text } => Some(text.as_str()),
        _ => None,
    });
    let text = texts.collect::<Vec<_>>().join("\n\n");
    if is_error {
        return json!({ "error": text });
    }
    match serde_json::from_str::<Value>(&text) {
        // An object that another dialect's client writes differently stays a text.
        Ok(value @ Value::Object(_)) if is_written(&value, &text) && !looks_wrapped(&value) => {
            value
        }
        _ => json!({ "output": text }),
    }
}

/// Tells whether a text is what we would write for a value.
fn is_written(value: &Value, text: &str) -> bool {
    let written = value.to_string();
    written == text
}

/// Tells whether an object would be taken for the frame around a text.
fn looks_wrapped(value: &Value) -> bool {
    let fields = value.as_object().filter(|fields| fields.len() == 1);
    fields.is_some_and(|fields| {
        ["output", "result", "error"]
            .iter()
            .any(|key| fields.get(*key).is_some_and(Value::is_string))
    })
}
