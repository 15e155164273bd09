//! Requests, outwards.

use std::collections::HashMap;

use distiq_base::{Content, Dialect, Message, Request, Role};
use serde_json::{Map, Value, json};

use crate::wire::gemini::content::{self, CANDIDATE, For};
use crate::wire::gemini::{settings, tools};
use crate::wire::{Quirks, arguments, shared};

/// Returns the body of `generateContent` and `streamGenerateContent`; the model and whether it
/// streams stand in the address.
///
/// Results go in a content of their own, in the order of their calls, before what else their message
/// holds. Empty texts and what the dialect lacks are left out, and so is a content of nothing else.
pub fn encode_request(request: &Request, quirks: &Quirks) -> Value {
    let native = request.extra.as_ref().is_none_or(|(dialect, _)| *dialect == Dialect::Gemini);
    let mut body = Map::new();
    let system: Vec<Value> = request
        .system
        .iter()
        .filter(|block| !block.text.is_empty())
        .map(|block| json!({ "text": block.text }))
        .collect();
    if !system.is_empty() {
        body.insert("systemInstruction".into(), json!({ "parts": system }));
    }
    let tools = tools::encode(request, native, quirks);
    if !tools.is_empty() {
        body.insert("tools".into(), tools.into());
        if let Some(choice) = &request.tool_choice {
            body.insert("toolConfig".into(), tools::encode_choice(choice));
        }
    }
    let config = settings::encode(request, quirks);
    if !config.is_empty() {
        body.insert("generationConfig".into(), config.into());
    }
    if let Some(token) = continuation(request) {
        body.insert("continuationToken".into(), token.clone());
    }
    match &request.extra {
        Some((Dialect::Gemini, extra)) => fill(&mut body, extra),
        Some((other, extra)) => shared::carry((*other, extra), Dialect::Gemini, &mut body),
        None => {}
    }
    // Last, so that a longer conversation begins with the same bytes.
    body.insert("contents".into(), encode_contents(request).into());
    for (key, value) in &quirks.body {
        body.insert(key.clone(), value.clone());
    }
    Value::Object(body)
}

/// Adds `extra` to `body` where it has no such field, at any depth.
fn fill(body: &mut Map<String, Value>, extra: &Map<String, Value>) {
    for (key, value) in extra {
        match (body.get_mut(key), value) {
            (None, _) => {
                body.insert(key.clone(), value.clone());
            }
            (Some(Value::Object(ours)), Value::Object(more)) => fill(ours, more),
            _ => {}
        }
    }
}

/// Returns the token by which the vendor goes on with a long answer.
fn continuation(request: &Request) -> Option<&Value> {
    let last = request.messages.iter().rfind(|message| message.role == Role::Assistant)?;
    last.content.iter().rev().find_map(|part| match part {
        Content::Other { dialect: Dialect::Gemini, json } => {
            json.get(CANDIDATE)?.get("continuationToken")
        }
        _ => None,
    })
}

fn encode_contents(request: &Request) -> Vec<Value> {
    let reader = For::Vendor { sign_calls: settings::wants_signatures(&request.model) };
    // Where each call stands, and its name: results need both.
    let mut calls: HashMap<&str, (usize, &str)> = HashMap::new();
    let mut out = Vec::new();
    for message in &request.messages {
        match message.role {
            Role::Assistant => {
                for (id, name, _) in message.tool_calls() {
                    calls.insert(id, (calls.len(), name));
                }
                push(&mut out, "model", content::encode_said(&message.content, reader));
            }
            Role::User => encode_user(message, &calls, &mut out),
            Role::System => {
                let text = message.text();
                if !text.is_empty() {
                    push(&mut out, "user", vec![json!({ "text": as_user(&text) })]);
                }
            }
        }
    }
    out
}

/// Returns a system message in the form in which it stands in a user's.
fn as_user(text: &str) -> String {
    format!("<system>\n{text}\n</system>")
}

fn push(out: &mut Vec<Value>, role: &str, parts: Vec<Value>) {
    if !parts.is_empty() {
        out.push(json!({ "role": role, "parts": parts }));
    }
}

fn encode_user(message: &Message, calls: &HashMap<&str, (usize, &str)>, out: &mut Vec<Value>) {
    let mut results = Vec::new();
    let mut rest = Vec::new();
    for part in &message.content {
        match part {
            Content::ToolResult { call_id, content, is_error } => {
                let (place, name) =
                    calls.get(call_id.as_str()).copied().unwrap_or((usize::MAX, "unknown"));
                results.push((place, encode_result(call_id, name, content, *is_error)));
            }
            other => rest.extend(content::encode_media(other)),
        }
    }
    results.sort_by_key(|(place, _)| *place);
    push(out, "user", results.into_iter().map(|(_, result)| result).collect());
    push(out, "user", rest);
}

fn encode_result(call_id: &str, name: &str, content: &[Content], is_error: bool) -> Value {
    let mut result = Map::new();
    if !arguments::is_made(call_id) {
        result.insert("id".into(), call_id.into());
    }
    result.insert("name".into(), name.into());
    result.insert("response".into(), content::encode_response_object(content, is_error));
    let media: Vec<Value> = content
        .iter()
        .filter(|part| !matches!(part, Content::Text { .. }))
        .filter_map(content::encode_media)
        .collect();
    if !media.is_empty() {
        result.insert("parts".into(), media.into());
    }
    json!({ "functionResponse": result })
}
