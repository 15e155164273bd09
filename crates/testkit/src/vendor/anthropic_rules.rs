//! What Anthropic's server refuses, with its own words where they are known.

use std::collections::HashSet;

use serde_json::Value;

use super::Refusal;
use super::models::Claude;
use crate::canonical::{count_marks, elements, is_set, text};

type Verdict = Result<(), Refusal>;

/// Fields of a request; another one is an error.
const FIELDS: [&str; 22] = [
    "model",
    "max_tokens",
    "messages",
    "system",
    "tools",
    "tool_choice",
    "stop_sequences",
    "stream",
    "metadata",
    "service_tier",
    "thinking",
    "output_config",
    "cache_control",
    "speed",
    "inference_geo",
    "container",
    "diagnostics",
    "temperature",
    "top_p",
    "top_k",
    "context_management",
    "mcp_servers",
];

/// Block types of a request that are known; vendor tools add more, all of them ending alike.
const BLOCKS: [&str; 9] = [
    "text",
    "image",
    "document",
    "search_result",
    "thinking",
    "redacted_thinking",
    "tool_use",
    "tool_result",
    "server_tool_use",
];

/// Refuses what the vendor refuses.
///
/// # Errors
/// The first rule that is broken.
pub fn check(body: &Value) -> Verdict {
    let Some(fields) = body.as_object() else {
        return refuse("request body must be a JSON object");
    };
    if let Some(field) = fields.keys().find(|field| !FIELDS.contains(&field.as_str())) {
        return refuse(format!("{field}: Extra inputs are not permitted"));
    }
    if text(body, "model").is_empty() {
        return refuse("model: Field required");
    }
    let max_tokens = body.get("max_tokens").map(Value::as_u64);
    match max_tokens {
        None => return refuse("max_tokens: Field required"),
        Some(None) => return refuse("max_tokens: Input should be a valid integer"),
        Some(Some(_)) => {}
    }
    settings(body, max_tokens.flatten().unwrap_or_default())?;
    tools(body)?;
    marks(body)?;
    system(body)?;
    messages(body)
}

fn settings(body: &Value, max_tokens: u64) -> Verdict {
    let claude = Claude::parse(text(body, "model"));
    let sampling = ["temperature", "top_p", "top_k"];
    if let Some(field) = sampling.iter().find(|field| is_set(body.get(**field)))
        && !claude.allows_sampling()
    {
        return refuse(format!("`{field}` is not supported by this model."));
    }
    let Some(thinking) = body.get("thinking").filter(|t| is_set(Some(t))) else { return Ok(()) };
    let budget = thinking.get("budget_tokens").and_then(Value::as_u64);
    match (text(thinking, "type"), budget) {
        ("adaptive" | "between_tools", _) => Ok(()),
        ("disabled", _) if claude.allows_thinking_off() => Ok(()),
        ("disabled", _) => refuse("thinking.type: this model cannot disable thinking"),
        ("enabled", _) if !claude.allows_thinking_budget() => {
            refuse("thinking.type.enabled: not supported by this model, use adaptive")
        }
        ("enabled", Some(budget)) if budget < 1024 => {
            refuse("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")
        }
        ("enabled", Some(budget)) if budget >= max_tokens => {
            refuse("`max_tokens` must be greater than `thinking.budget_tokens`")
        }
        ("enabled", Some(_)) => Ok(()),
        ("enabled", None) => refuse("thinking.enabled.budget_tokens: Field required"),
        (other, _) => refuse(format!("thinking: Input tag '{other}' does not match any tag")),
    }
}

fn tools(body: &Value) -> Verdict {
    let mut names = HashSet::new();
    for (at, tool) in elements(body.get("tools")).enumerate() {
        let name = text(tool, "name");
        if name.is_empty() || name.len() > 128 || !name.bytes().all(is_name_byte) {
            return refuse(format!(
                "tools.{at}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"
            ));
        }
        if !names.insert(name) {
            return refuse("tools: Tool names must be unique.");
        }
        let is_custom = matches!(text(tool, "type"), "" | "custom");
        let schema = tool.get("input_schema").unwrap_or(&Value::Null);
        if is_custom && text(schema, "type") != "object" {
            return refuse(format!("tools.{at}.custom.input_schema.type: Field required"));
        }
    }
    let Some(choice) = body.get("tool_choice").filter(|c| is_set(Some(c))) else { return Ok(()) };
    let kind = text(choice, "type");
    if names.is_empty() && kind != "none" {
        return refuse("tool_choice: tool_choice may only be specified while providing tools.");
    }
    let forced = matches!(kind, "any" | "tool");
    if forced && !Claude::parse(text(body, "model")).allows_forced_tools() {
        return refuse("tool_choice: forced tool use is not supported by this model");
    }
    match kind {
        "auto" | "any" | "none" => Ok(()),
        "tool" if names.contains(text(choice, "name")) => Ok(()),
        "tool" => {
            let name = text(choice, "name");
            refuse(format!("Tool '{name}' not found in provided tools"))
        }
        other => refuse(format!("tool_choice: Input tag '{other}' does not match any tag")),
    }
}

fn marks(body: &Value) -> Verdict {
    let found = count_marks(body);
    if found > 4 {
        return refuse(format!(
            "A maximum of 4 blocks with cache_control may be provided. Found {found}."
        ));
    }
    let messages = elements(body.get("messages")).flat_map(|m| elements(m.get("content")));
    let prompt = elements(body.get("tools")).chain(elements(body.get("system"))).chain(messages);
    let mut short_seen = false;
    for block in prompt {
        let inner = elements(block.get("content"));
        for block in std::iter::once(block).chain(inner) {
            let Some(mark) = block.get("cache_control").filter(|m| is_set(Some(m))) else {
                continue;
            };
            one_mark(block, mark, short_seen)?;
            short_seen |= text(mark, "ttl") != "1h";
        }
    }
    match body.get("cache_control").filter(|m| is_set(Some(m))) {
        Some(mark) => one_mark(&Value::Null, mark, short_seen),
        None => Ok(()),
    }
}

fn one_mark(block: &Value, mark: &Value, short_seen: bool) -> Verdict {
    if text(mark, "type") != "ephemeral" {
        return refuse("cache_control.type: Input should be 'ephemeral'");
    }
    if let Some(ttl) = mark.get("ttl")
        && !matches!(ttl.as_str(), Some("5m" | "1h"))
    {
        return refuse("cache_control.ephemeral.ttl: Input should be '5m' or '1h'");
    }
    if short_seen && text(mark, "ttl") == "1h" {
        return refuse(
            "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block",
        );
    }
    match text(block, "type") {
        kind @ ("thinking" | "redacted_thinking") => {
            refuse(format!("{kind}.cache_control: Extra inputs are not permitted"))
        }
        "text" if text(block, "text").is_empty() => {
            refuse("cache_control cannot be set for empty text blocks")
        }
        _ => Ok(()),
    }
}

fn system(body: &Value) -> Verdict {
    match body.get("system") {
        None | Some(Value::Null | Value::String(_)) => Ok(()),
        Some(Value::Array(blocks)) => {
            if blocks.iter().any(|block| text(block, "type") != "text") {
                return refuse("system: Input should be text blocks");
            }
            if blocks.iter().any(|block| text(block, "text").is_empty()) {
                return refuse("system: text content blocks must be non-empty");
            }
            Ok(())
        }
        Some(_) => refuse("system: Input should be a valid string or a valid array"),
    }
}

fn messages(body: &Value) -> Verdict {
    let Some(messages) = body.get("messages").and_then(Value::as_array) else {
        return refuse("messages: Field required");
    };
    let (Some(first), Some(last)) = (messages.first(), messages.last()) else {
        return refuse("messages: at least one message is required");
    };
    if text(first, "role") != "user" {
        return refuse("messages: first message must use the \"user\" role");
    }
    let prefill = Claude::parse(text(body, "model")).allows_prefill();
    if text(last, "role") == "assistant" && !prefill {
        return refuse(
            "This model does not support assistant message prefill. The conversation must end \
             with a user message.",
        );
    }
    let mut turns: Vec<(&str, Vec<&Value>)> = Vec::new();
    for (at, message) in messages.iter().enumerate() {
        let role = text(message, "role");
        system_turn(messages, at, role)?;
        contents(at, role, message.get("content"))?;
        let content = message.get("content");
        // A plain string is a block like any other, as far as the order goes.
        let plain = content.filter(|content| content.is_string());
        let blocks = plain.into_iter().chain(elements(content));
        match turns.last_mut() {
            Some((before, merged)) if *before == role => merged.extend(blocks),
            _ => turns.push((role, blocks.collect())),
        }
    }
    pairs(&turns)
}

fn system_turn(messages: &[Value], at: usize, role: &str) -> Verdict {
    match role {
        "user" | "assistant" => Ok(()),
        "system" => {
            let role_at = |at: usize| messages.get(at).map(|m| text(m, "role"));
            let behind = at.checked_sub(1).and_then(role_at);
            if behind != Some("user") || !matches!(role_at(at + 1), None | Some("assistant")) {
                return refuse(format!(
                    "messages.{at}: a system message must follow a user message and be last or \
                     followed by an assistant message"
                ));
            }
            Ok(())
        }
        other => refuse(format!(
            "messages.{at}.role: Input should be 'user', 'assistant' or 'system', not '{other}'"
        )),
    }
}

fn contents(at: usize, role: &str, content: Option<&Value>) -> Verdict {
    let blocks = match content {
        Some(Value::String(text)) if !text.is_empty() => return Ok(()),
        Some(Value::Array(blocks)) if !blocks.is_empty() => blocks,
        Some(Value::String(_) | Value::Array(_)) => {
            return refuse(format!("messages.{at}: all messages must have non-empty content"));
        }
        _ => return refuse(format!("messages.{at}.content: Field required")),
    };
    for (number, block) in blocks.iter().enumerate() {
        let path = format!("messages.{at}.content.{number}");
        let kind = text(block, "type");
        let vendor =
            kind.ends_with("_tool_result") || kind.contains("tool_") || kind == "compaction";
        if !BLOCKS.contains(&kind) && !vendor {
            return refuse(format!("{path}: Input tag '{kind}' does not match any tag"));
        }
        if matches!(kind, "tool_use" | "thinking" | "redacted_thinking") && role != "assistant" {
            return refuse(format!("{path}: `{kind}` blocks can only be in `assistant` messages"));
        }
        if kind == "tool_result" && role != "user" {
            return refuse(format!("{path}: `tool_result` blocks can only be in `user` messages"));
        }
        one_block(&path, kind, block)?;
    }
    Ok(())
}

fn one_block(path: &str, kind: &str, block: &Value) -> Verdict {
    match kind {
        "text" if text(block, "text").is_empty() => {
            refuse("messages: text content blocks must be non-empty")
        }
        "text" if text(block, "text").trim().is_empty() => {
            refuse("messages: text content blocks must contain non-whitespace text")
        }
        "tool_use" if !block.get("input").is_some_and(Value::is_object) => {
            refuse(format!("{path}.tool_use.input: Input should be a valid dictionary"))
        }
        "thinking" if text(block, "signature").is_empty() => {
            refuse(format!("{path}.thinking.signature: Field required"))
        }
        "image" => image(path, block),
        "tool_result" => {
            for inner in elements(block.get("content")) {
                one_block(path, text(inner, "type"), inner)?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn image(path: &str, block: &Value) -> Verdict {
    let source = block.get("source").unwrap_or(&Value::Null);
    let media = ["image/png", "image/jpeg", "image/gif", "image/webp"];
    match text(source, "type") {
        "url" | "file" => Ok(()),
        "base64" if !media.contains(&text(source, "media_type")) => {
            refuse(format!("{path}.image.source.base64.media_type: unknown media type"))
        }
        "base64" if text(source, "data").is_empty() => {
            refuse(format!("{path}.image.source.base64: image cannot be empty"))
        }
        "base64" => Ok(()),
        _ => refuse(format!("{path}.image.source: Field required")),
    }
}

/// Holds each turn's calls against the results at the head of the next turn.
fn pairs(turns: &[(&str, Vec<&Value>)]) -> Verdict {
    let mut seen = HashSet::new();
    let mut open: Vec<&str> = Vec::new();
    for (at, (_, blocks)) in turns.iter().enumerate() {
        let mut results = Vec::new();
        let mut others = false;
        for block in blocks {
            if text(block, "type") != "tool_result" {
                others = true;
                continue;
            }
            let id = text(block, "tool_use_id");
            if !open.contains(&id) {
                return refuse(format!(
                    "messages.{at}: unexpected `tool_use_id` found in `tool_result` blocks: {id}. \
                     Each `tool_result` block must have a corresponding `tool_use` block in the \
                     previous message."
                ));
            }
            if others {
                return refuse(format!(
                    "messages.{at}: `tool_result` blocks must come first in the content"
                ));
            }
            if results.contains(&id) {
                return refuse(format!(
                    "messages.{at}: each tool_use must have a single result. Found multiple \
                     `tool_result` blocks with id: {id}"
                ));
            }
            results.push(id);
        }
        let missing: Vec<&str> = open.iter().filter(|id| !results.contains(*id)).copied().collect();
        if !missing.is_empty() {
            return refuse(format!(
                "messages.{at}: `tool_use` ids were found without `tool_result` blocks \
                 immediately after: {}. Each `tool_use` block must have a corresponding \
                 `tool_result` block in the next message.",
                missing.join(", ")
            ));
        }
        open.clear();
        for block in blocks.iter().filter(|block| text(block, "type") == "tool_use") {
            let id = text(block, "id");
            if !seen.insert(id) {
                return refuse("messages: `tool_use` ids must be unique");
            }
            open.push(id);
        }
    }
    match open.first() {
        None => Ok(()),
        Some(id) => refuse(format!(
            "messages: `tool_use` ids were found without `tool_result` blocks immediately after: {id}"
        )),
    }
}

const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

fn refuse(message: impl Into<String>) -> Verdict {
    Err(Refusal::invalid(message))
}
