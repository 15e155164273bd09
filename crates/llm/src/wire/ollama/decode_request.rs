//! Requests, inwards.

use distiq_base::{Content, Dialect, ImageSource, Message, Request, Role, SystemBlock, ToolDef};
use serde_json::{Map, Value};

use crate::wire::history::Calls;
use crate::wire::ollama::settings;
use crate::wire::{MAX_REQUEST_BLOCKS, WireError, arguments, field};

/// Reads the body of `POST /api/chat`; it streams unless it says otherwise.
///
/// # Errors
/// [`WireError::Malformed`] tells the field and what was expected there.
pub fn decode_request(body: &[u8]) -> Result<Request, WireError> {
    let (mut request, mut fields) = begin(body)?;
    let messages = match fields.shift_remove("messages") {
        None => Vec::new(),
        Some(Value::Array(messages)) => messages,
        Some(_) => return Err(WireError::malformed("messages", "expected an array")),
    };
    request.tools = decode_tools(fields.shift_remove("tools").as_ref())?;
    let mut gathered = Gathered::default();
    for (index, message) in messages.iter().enumerate() {
        gathered.take(message, &format!("messages[{index}]"))?;
    }
    request.system = gathered.system;
    request.messages = gathered.messages;
    request.extra = Some((Dialect::Ollama, fields));
    Ok(request)
}

/// Tells whether a request has no prompt and only loads its model, or with `keep_alive` 0 frees it.
pub fn is_load(request: &Request) -> bool {
    request.messages.is_empty() && request.system.is_empty()
}

/// Reads what the bodies of chat and generate share, and returns the fields that are left.
pub(super) fn begin(body: &[u8]) -> Result<(Request, Map<String, Value>), WireError> {
    let json: Value = serde_json::from_slice(body)
        .map_err(|error| WireError::malformed("body", error.to_string()))?;
    let model = field::typed(&json, "model", "a text", Value::as_str)?
        .ok_or_else(|| WireError::malformed("model", "is required"));
    let mut request = Request {
        stream: field::typed(&json, "stream", "true or false", Value::as_bool)?.unwrap_or(true),
        ..Request::default()
    };
    let Value::Object(_) = json else {
        return Err(WireError::malformed("body", "expected a JSON object"));
    };
    model?.clone_into(&mut request.model);
    let Value::Object(mut fields) = json else { return Ok((request, Map::new())) };
    fields.retain(|_, value| !value.is_null());
    fields.shift_remove("model");
    fields.shift_remove("stream");
    settings::decode(&mut fields, &mut request)?;
    Ok((request, fields))
}

fn decode_tools(tools: Option<&Value>) -> Result<Vec<ToolDef>, WireError> {
    let tools = match tools {
        None => return Ok(Vec::new()),
        Some(tools) => {
            tools.as_array().ok_or_else(|| WireError::malformed("tools", "expected an array"))?
        }
    };
    let mut out = Vec::with_capacity(tools.len());
    for (index, tool) in tools.iter().enumerate() {
        let function = field::present(tool, "function").unwrap_or(tool);
        let name = field::text(function, "name").ok_or_else(|| {
            WireError::malformed(format!("tools[{index}].function.name"), "is required")
        })?;
        let ours = ["name", "description", "parameters"];
        let rest = function.as_object().into_iter().flatten();
        out.push(ToolDef {
            name: name.to_owned(),
            description: field::text(function, "description").unwrap_or_default().to_owned(),
            schema: function.get("parameters").cloned().unwrap_or(Value::Null),
            extra: rest
                .filter(|(key, value)| !ours.contains(&key.as_str()) && !value.is_null())
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
        });
    }
    Ok(out)
}

/// Gathers messages; blocks are counted, so that a body cannot hold them without end.
#[derive(Default)]
struct Gathered {
    system: Vec<SystemBlock>,
    messages: Vec<Message>,
    calls: Calls,
    /// The last message is made of tool messages, which the next one joins.
    in_results: bool,
    blocks: usize,
}

impl Gathered {
    fn take(&mut self, message: &Value, at: &str) -> Result<(), WireError> {
        let in_results = std::mem::take(&mut self.in_results);
        let text = field::typed(message, "content", "a text", Value::as_str)?.unwrap_or_default();
        let (role, content) = match field::text(message, "role").unwrap_or_default() {
            "system" if self.messages.is_empty() => {
                self.system.push(SystemBlock { text: text.to_owned() });
                return self.spend(1);
            }
            "system" => (Role::System, vec![Content::text(text)]),
            "user" => (Role::User, decode_user(message, text)),
            "assistant" => (Role::Assistant, self.decode_said(message, text, at)?),
            "tool" => {
                self.in_results = true;
                let name = field::text(message, "tool_name").or(field::text(message, "name"));
                let id = field::text(message, "tool_call_id");
                let call_id = self.calls.answered(id, name.unwrap_or_default());
                (Role::User, vec![Content::tool_result(call_id, text, false)])
            }
            _ => {
                return Err(WireError::malformed(
                    format!("{at}.role"),
                    "expected system, user, assistant or tool",
                ));
            }
        };
        self.spend(content.len().max(1))?;
        match self.messages.last_mut() {
            Some(last) if in_results && self.in_results => last.content.extend(content),
            _ => self.messages.push(Message { role, content }),
        }
        Ok(())
    }

    fn spend(&mut self, blocks: usize) -> Result<(), WireError> {
        self.blocks = self.blocks.saturating_add(blocks);
        if self.blocks > MAX_REQUEST_BLOCKS {
            return Err(WireError::TooLarge {
                what: "the number of parts",
                limit: MAX_REQUEST_BLOCKS,
            });
        }
        Ok(())
    }

    fn decode_said(
        &mut self,
        message: &Value,
        text: &str,
        at: &str,
    ) -> Result<Vec<Content>, WireError> {
        self.calls.next_turn();
        let mut content = Vec::new();
        if let Some(text) = field::text(message, "thinking").filter(|text| !text.is_empty()) {
            content.push(Content::Thinking { text: text.to_owned(), signature: None });
        }
        if !text.is_empty() {
            content.push(Content::text(text));
        }
        for (i, call) in field::items(message, "tool_calls").iter().enumerate() {
            let function = call.get("function").unwrap_or(&Value::Null);
            let name = field::text(function, "name").ok_or_else(|| {
                WireError::malformed(format!("{at}.tool_calls[{i}].function.name"), "is required")
            })?;
            content.push(Content::ToolCall {
                id: self.calls.called(field::text(call, "id"), name),
                name: name.to_owned(),
                arguments: arguments::to_text(function.get("arguments").unwrap_or(&Value::Null)),
            });
        }
        Ok(content)
    }
}

fn decode_user(message: &Value, text: &str) -> Vec<Content> {
    let mut content = Vec::new();
    if !text.is_empty() {
        content.push(Content::text(text));
    }
    content.extend(decode_images(message));
    content
}

/// Reads pictures, which come without their type: it shows in their first bytes.
pub(super) fn decode_images(json: &Value) -> impl Iterator<Item = Content> {
    field::items(json, "images").iter().filter_map(Value::as_str).map(|data| {
        let (kind, data) = match data.strip_prefix("data:").and_then(|d| d.split_once(";base64,")) {
            Some((kind, data)) => (kind, data),
            None => (image_type(data), data),
        };
        let source = ImageSource::Base64 { media_type: kind.to_owned(), data: data.to_owned() };
        Content::Image { source }
    })
}

fn image_type(data: &str) -> &'static str {
    match data {
        _ if data.starts_with("/9j/") => "image/jpeg",
        _ if data.starts_with("UklGR") => "image/webp",
        _ if data.starts_with("R0lGOD") => "image/gif",
        _ => "image/png",
    }
}
