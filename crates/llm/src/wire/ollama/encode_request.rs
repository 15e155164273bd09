//! Requests, outwards.

use std::collections::HashMap;

use distiq_base::{
    Content, Dialect, DocumentSource, ImageSource, Message, Request, Role, ToolChoice, ToolDef,
};
use serde_json::{Map, Value, json};

use crate::wire::ollama::settings;
use crate::wire::signature::{self, Place};
use crate::wire::{Quirks, arguments, documents, field, shared};

/// Returns the body of `POST /api/chat`.
///
/// Results come first in their message, each as a message of its own. Empty texts and what the
/// dialect lacks are left out, and so is a message of nothing else.
pub fn encode_request(request: &Request, quirks: &Quirks) -> Value {
    let mut body = Map::new();
    body.insert("model".into(), request.model.as_str().into());
    body.insert("stream".into(), request.stream.into());
    settings::encode(request, quirks, &mut body);
    let tools = encode_tools(request);
    if !tools.is_empty() {
        body.insert("tools".into(), tools.into());
    }
    finish(request, quirks, &mut body);
    // Last, so that a longer conversation begins with the same bytes.
    body.insert("messages".into(), encode_messages(request).into());
    Value::Object(body)
}

/// Adds what every body has beside its prompt.
pub(super) fn finish(request: &Request, quirks: &Quirks, body: &mut Map<String, Value>) {
    match &request.extra {
        Some((Dialect::Ollama, extra)) => field::fill(body, extra),
        Some((other, extra)) => shared::carry((*other, extra), Dialect::Ollama, body),
        None => {}
    }
    // Without these the server drops the beginning of a long prompt and says nothing.
    for key in ["truncate", "shift"] {
        body.entry(key).or_insert(Value::Bool(false));
    }
    for (key, value) in &quirks.body {
        body.insert(key.clone(), value.clone());
    }
}

fn encode_tools(request: &Request) -> Vec<Value> {
    let native = request.extra.as_ref().is_none_or(|(dialect, _)| *dialect == Dialect::Ollama);
    let wanted = |tool: &&ToolDef| match &request.tool_choice {
        Some(ToolChoice::None) => false,
        Some(ToolChoice::Tool(name)) => tool.name == *name,
        _ => true,
    };
    let tools = request.tools.iter().filter(wanted);
    tools
        .filter_map(|tool| {
            if tool.schema.is_null() && tool.extra.contains_key("type") {
                return native.then(|| Value::Object(tool.extra.clone()));
            }
            let mut function = Map::new();
            function.insert("name".into(), tool.name.as_str().into());
            if !tool.description.is_empty() {
                function.insert("description".into(), tool.description.as_str().into());
            }
            let schema = match &tool.schema {
                Value::Null => json!({ "type": "object", "properties": {} }),
                schema => schema.clone(),
            };
            function.insert("parameters".into(), schema);
            if native {
                field::fill(&mut function, &tool.extra);
            }
            Some(json!({ "type": "function", "function": function }))
        })
        .collect()
}

fn encode_messages(request: &Request) -> Vec<Value> {
    let mut out = Vec::new();
    let system = joined(request.system.iter().map(|block| block.text.as_str()), "\n\n");
    if !system.is_empty() {
        out.push(json!({ "role": "system", "content": system }));
    }
    let mut names: HashMap<&str, &str> = HashMap::new();
    for message in &request.messages {
        match message.role {
            Role::System => {
                let text = joined(texts(&message.content), "\n\n");
                if !text.is_empty() {
                    out.push(json!({ "role": "system", "content": text }));
                }
            }
            Role::User => {
                for part in &message.content {
                    if let Content::ToolResult { call_id, content, .. } = part {
                        let name = names.get(call_id.as_str()).copied();
                        out.push(encode_result(call_id, name, content));
                    }
                }
                out.extend(encode_user(message));
            }
            Role::Assistant => {
                names.extend(message.tool_calls().map(|(id, name, _)| (id, name)));
                out.extend(encode_said(message).map(Value::Object));
            }
        }
    }
    out
}

fn texts(content: &[Content]) -> impl Iterator<Item = &str> {
    content.iter().filter_map(|part| match part {
        Content::Text { text } => Some(text.as_str()),
        _ => None,
    })
}

fn joined<'a>(texts: impl Iterator<Item = &'a str>, between: &str) -> String {
    texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join(between)
}

fn encode_result(call_id: &str, name: Option<&str>, content: &[Content]) -> Value {
    let mut text = joined(texts(content), "\n\n");
    if text.is_empty() && content.iter().any(|part| matches!(part, Content::Image { .. })) {
        "The result is the image below.".clone_into(&mut text);
    }
    let mut json = Map::new();
    json.insert("role".into(), "tool".into());
    if let Some(name) = name {
        json.insert("tool_name".into(), name.into());
    }
    if !arguments::is_made(call_id) {
        json.insert("tool_call_id".into(), call_id.into());
    }
    json.insert("content".into(), text.into());
    Value::Object(json)
}

/// What a user's message holds beside results.
#[derive(Default)]
pub(super) struct Said {
    texts: Vec<String>,
    pub images: Vec<Value>,
}

impl Said {
    pub fn of(message: &Message) -> Self {
        let mut said = Self::default();
        for part in &message.content {
            match part {
                Content::ToolResult { call_id, content, .. } => {
                    let before = said.images.len();
                    let place = said.texts.len();
                    content.iter().for_each(|part| said.take_attachment(part));
                    if said.images.len() > before {
                        said.texts.insert(place, format!("Image of tool result {call_id}:"));
                    }
                }
                Content::Text { text } => said.texts.push(text.clone()),
                other => said.take_attachment(other),
            }
        }
        said
    }

    fn take_attachment(&mut self, part: &Content) {
        match part {
            Content::Image { source: ImageSource::Base64 { data, .. } } => {
                self.images.push(data.as_str().into());
            }
            Content::Document { source: DocumentSource::Text { text }, title, .. } => {
                self.texts.push(documents::as_text(text, title.as_deref()));
            }
            _ => {}
        }
    }

    pub fn text(&self) -> String {
        joined(self.texts.iter().map(String::as_str), "\n\n")
    }
}

fn encode_user(message: &Message) -> Option<Value> {
    let said = Said::of(message);
    let text = said.text();
    if text.is_empty() && said.images.is_empty() {
        return None;
    }
    let mut json = Map::new();
    json.insert("role".into(), "user".into());
    json.insert("content".into(), text.into());
    if !said.images.is_empty() {
        json.insert("images".into(), said.images.into());
    }
    Some(Value::Object(json))
}

/// Writes what the assistant said; `None` where that is nothing.
pub(super) fn encode_said(message: &Message) -> Option<Map<String, Value>> {
    let mut text = String::new();
    let mut thinking = String::new();
    let mut calls: Vec<Value> = Vec::new();
    for part in &message.content {
        match part {
            Content::Text { text: more } => text.push_str(more),
            Content::Thinking { text: more, signature } if is_plain(signature.as_deref()) => {
                thinking.push_str(more);
            }
            Content::ToolCall { id, name, arguments } => {
                calls.push(encode_call(id, name, arguments, calls.len()));
            }
            _ => {}
        }
    }
    if text.is_empty() && calls.is_empty() {
        return None;
    }
    let mut json = Map::new();
    json.insert("role".into(), "assistant".into());
    json.insert("content".into(), text.into());
    if !thinking.is_empty() {
        json.insert("thinking".into(), thinking.into());
    }
    if !calls.is_empty() {
        json.insert("tool_calls".into(), calls.into());
    }
    Some(json)
}

/// Tells whether thinking is bound to no vendor.
fn is_plain(signature: Option<&str>) -> bool {
    signature.is_none_or(|signature| signature::gemini(signature) == Some((Place::Own, "")))
}

/// Writes a call.
pub(super) fn encode_call(id: &str, name: &str, text: &str, index: usize) -> Value {
    let mut call = Map::new();
    if !id.is_empty() && !arguments::is_made(id) {
        call.insert("id".into(), id.into());
    }
    let arguments = arguments::to_object(text);
    call.insert("function".into(), json!({ "index": index, "name": name, "arguments": arguments }));
    Value::Object(call)
}
