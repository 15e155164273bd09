//! `POST /api/generate`: one prompt instead of a conversation.

use distiq_base::{Content, Dialect, Message, Request, Role, SystemBlock};
use serde_json::{Map, Value};

use crate::wire::ollama::decode_request::{begin, decode_images};
use crate::wire::ollama::encode_request::{Said, finish};
use crate::wire::ollama::settings;
use crate::wire::{Quirks, WireError};

/// Reads the body of `POST /api/generate`. What only this door has (`suffix`, `template`, `context`,
/// `raw`) stays in [`Request::extra`].
///
/// # Errors
/// [`WireError::Malformed`] tells the field and what was expected there.
pub fn decode_generate(body: &[u8]) -> Result<Request, WireError> {
    let (mut request, mut fields) = begin(body)?;
    let mut take = |key: &str| match fields.shift_remove(key) {
        None => Ok(String::new()),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(WireError::malformed(key, "expected a text")),
    };
    let (prompt, system) = (take("prompt")?, take("system")?);
    if !system.is_empty() {
        request.system.push(SystemBlock { text: system });
    }
    let images = fields.shift_remove("images").unwrap_or(Value::Null);
    let mut content = Vec::new();
    if !prompt.is_empty() {
        content.push(Content::text(prompt));
    }
    content.extend(decode_images(&Value::Object(Map::from_iter([("images".into(), images)]))));
    if !content.is_empty() {
        request.messages.push(Message { role: Role::User, content });
    }
    request.extra = Some((Dialect::Ollama, fields));
    Ok(request)
}

/// Returns the body of `POST /api/generate` for a request of one question.
pub fn encode_generate(request: &Request, quirks: &Quirks) -> Value {
    let mut body = Map::new();
    body.insert("model".into(), request.model.as_str().into());
    body.insert("stream".into(), request.stream.into());
    let system: Vec<&str> = request.system.iter().map(|block| block.text.as_str()).collect();
    if !system.is_empty() {
        body.insert("system".into(), system.join("\n\n").into());
    }
    let said: Vec<Said> = request.messages.iter().map(Said::of).collect();
    let prompt: Vec<String> = said.iter().map(Said::text).collect();
    body.insert("prompt".into(), prompt.join("\n\n").into());
    let images: Vec<Value> = said.into_iter().flat_map(|said| said.images).collect();
    if !images.is_empty() {
        body.insert("images".into(), images.into());
    }
    settings::encode(request, quirks, &mut body);
    finish(request, quirks, &mut body);
    Value::Object(body)
}
