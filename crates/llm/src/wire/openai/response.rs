//! Whole answers and finish reasons, both ways.

use distiq_base::{Content, Dialect, Response, StopReason};
use serde_json::{Map, Value, json};

use crate::error::{ProviderError, ProviderErrorKind};
use crate::wire::openai::content::{self, DETAILS};
use crate::wire::openai::{failure, usage};
use crate::wire::{MAX_ANSWER_BLOCKS, WireError, field, plain, status};

/// Reads the body of a successful answer; of several choices, the first.
///
/// # Errors
/// [`WireError::Vendor`] where the body is an error or a web page all the same,
/// [`WireError::Truncated`] where it ends early, [`WireError::Malformed`] otherwise.
pub fn decode_response(body: &[u8]) -> Result<Response, WireError> {
    if let Some(mut plain) = plain::read_whole::<plain::Completion<'_>>(body)
        && let Some((text, reason)) = plain.take_text()
    {
        let end = End { has_calls: false, refused: false };
        return Ok(Response {
            id: plain.id,
            model: plain.model,
            content: vec![Content::Text { text }],
            stop: decode_stop(&reason, end)?,
            usage: usage::read(plain.usage),
        });
    }
    let json = status::parse_body(body)?;
    if failure::is_error(&json) {
        return Err(failure::in_answer(&json).into());
    }
    let choice = field::items(&json, "choices").first();
    let choice = choice.ok_or_else(|| WireError::malformed("choices", "expected one choice"))?;
    if failure::is_error(choice) {
        return Err(failure::in_answer(choice).into());
    }
    let message = field::present(choice, "message")
        .ok_or_else(|| WireError::malformed("choices[0].message", "is required"))?;
    let id = field::text(&json, "id").unwrap_or_default();
    let created = field::count(&json, "created").unwrap_or(0);
    let parts =
        content::decode_assistant(message, "choices[0].message", Some(&format!("{id}{created}")))?;
    if parts.len() > MAX_ANSWER_BLOCKS {
        return Err(WireError::TooLarge { what: "the number of blocks", limit: MAX_ANSWER_BLOCKS });
    }
    let content: Vec<Content> = parts.into_iter().map(|(part, _)| part).collect();
    let end = End {
        has_calls: content.iter().any(|part| matches!(part, Content::ToolCall { .. })),
        refused: field::text(message, "refusal").is_some_and(|text| !text.is_empty()),
    };
    Ok(Response {
        id: id.to_owned(),
        model: field::text(&json, "model").unwrap_or_default().to_owned(),
        content,
        stop: decode_stop(field::text(choice, "finish_reason").unwrap_or("stop"), end)?,
        usage: usage::find(&json),
    })
}

/// Returns the body of a successful answer; `created` is left 0 for the caller to set.
pub fn encode_response(response: &Response) -> Value {
    let mut text = None;
    let mut reasoning = String::new();
    let mut details = None;
    let mut calls: Vec<Value> = Vec::new();
    for part in &response.content {
        match part {
            Content::Text { text: more } => text.get_or_insert_with(String::new).push_str(more),
            Content::Thinking { text, .. } => reasoning.push_str(text),
            Content::ToolCall { id, name, arguments } => {
                calls.push(content::encode_call(id, name, arguments).into());
            }
            Content::Other { dialect: Dialect::Openai, json } => {
                details = json.get(DETAILS).cloned().or(details);
            }
            _ => {}
        }
    }
    let mut message = Map::new();
    message.insert("role".into(), "assistant".into());
    message.insert("content".into(), text.map_or(Value::Null, Value::from));
    message.insert("refusal".into(), Value::Null);
    if !reasoning.is_empty() {
        message.insert("reasoning_content".into(), reasoning.into());
    }
    if let Some(details) = details {
        message.insert(DETAILS.into(), details);
    }
    if !calls.is_empty() {
        message.insert("tool_calls".into(), calls.into());
    }
    let mut body = json!({
        "id": response.id,
        "object": "chat.completion",
        "created": 0,
        "model": response.model,
        "choices": [{
            "index": 0,
            "message": message,
            "logprobs": null,
            "finish_reason": encode_stop(&response.stop),
        }],
    });
    if let (Some(usage), Some(body)) = (&response.usage, body.as_object_mut()) {
        body.insert("usage".into(), usage::encode(usage));
    }
    body
}

/// What an answer's end depends on beside its finish reason.
#[derive(Clone, Copy)]
pub(super) struct End {
    pub has_calls: bool,
    pub refused: bool,
}

/// Reads a finish reason; those that tell of a failure are one.
pub(super) fn decode_stop(reason: &str, end: End) -> Result<StopReason, WireError> {
    let failed = |kind, message: &str| {
        let mut error = ProviderError::new(kind, message);
        error.code = Some(reason.to_owned());
        Err(WireError::Vendor(error))
    };
    match reason {
        // Several servers say `stop` though the model called tools, or the other way round.
        "stop" | "tool_calls" | "function_call" | "eos" | "eos_token" => Ok(match end {
            End { refused: true, .. } => StopReason::Refusal,
            End { has_calls: true, .. } => StopReason::ToolUse,
            End { .. } => StopReason::EndTurn,
        }),
        "length" => Ok(StopReason::MaxTokens),
        "content_filter" => Ok(StopReason::Refusal),
        // Mistral.
        "model_length" => Ok(StopReason::ContextWindow),
        "error" => failed(ProviderErrorKind::Server, "the vendor broke the answer off"),
        // DeepSeek.
        "insufficient_system_resource" => {
            failed(ProviderErrorKind::Overloaded, "the vendor broke the answer off")
        }
        other => Ok(StopReason::Other(other.to_owned())),
    }
}

/// Returns the finish reason; clients know no others than these four.
pub(super) const fn encode_stop(stop: &StopReason) -> &'static str {
    match stop {
        StopReason::ToolUse => "tool_calls",
        StopReason::MaxTokens | StopReason::ContextWindow => "length",
        StopReason::Refusal => "content_filter",
        StopReason::EndTurn
        | StopReason::StopSequence
        | StopReason::PauseTurn
        | StopReason::Other(_) => "stop",
    }
}
