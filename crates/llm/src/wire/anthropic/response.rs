//! Whole answers and stop reasons, both ways.

use distiq_base::{Content, Response, StopReason};
use serde_json::{Value, json};

use crate::wire::anthropic::content::{self, Budget};
use crate::wire::anthropic::{failure, usage};
use crate::wire::{MAX_ANSWER_BLOCKS, WireError, field, plain, status};

/// Reads the body of a successful answer.
///
/// # Errors
/// [`WireError::Vendor`] where the body is an error or a web page all the same,
/// [`WireError::Truncated`] where it ends early, [`WireError::Malformed`] otherwise.
pub fn decode_response(body: &[u8]) -> Result<Response, WireError> {
    if let Some(mut plain) = plain::read_whole::<plain::Message<'_>>(body)
        && let Some(text) = plain.take_text()
    {
        return Ok(Response {
            id: plain.id,
            model: plain.model,
            content: vec![Content::Text { text }],
            stop: decode_stop(&plain.stop_reason),
            usage: (!plain.usage.is_null()).then(|| usage::decode(&plain.usage)),
        });
    }
    let json = status::parse_body(body)?;
    if field::text(&json, "type") == Some("error")
        || json.get("error").is_some_and(Value::is_object)
    {
        return Err(failure::in_answer(&json).into());
    }
    let blocks = json.get("content").and_then(Value::as_array);
    let blocks = blocks.ok_or_else(|| WireError::malformed("content", "expected an array"))?;
    if blocks.len() > MAX_ANSWER_BLOCKS {
        return Err(WireError::TooLarge { what: "the number of blocks", limit: MAX_ANSWER_BLOCKS });
    }
    let mut budget = Budget::default();
    let mut content = Vec::with_capacity(blocks.len());
    for (i, block) in blocks.iter().enumerate() {
        content.push(content::decode(block, &format!("content[{i}]"), &mut budget)?.0);
    }
    let stop = match field::text(&json, "stop_reason") {
        Some(reason) => decode_stop(reason),
        None if content.iter().any(|c| matches!(c, Content::ToolCall { .. })) => {
            StopReason::ToolUse
        }
        None => StopReason::EndTurn,
    };
    Ok(Response {
        id: field::text(&json, "id").unwrap_or_default().to_owned(),
        model: field::text(&json, "model").unwrap_or_default().to_owned(),
        content,
        stop,
        usage: field::present(&json, "usage").map(usage::decode),
    })
}

/// Returns the body of a successful answer.
pub fn encode_response(response: &Response) -> Value {
    let content: Vec<Value> = response
        .content
        .iter()
        .filter_map(|part| content::encode(part, true))
        .map(Value::Object)
        .collect();
    json!({
        "id": response.id,
        "type": "message",
        "role": "assistant",
        "model": response.model,
        "content": content,
        "stop_reason": encode_stop(&response.stop),
        "stop_sequence": null,
        "usage": usage::encode(&response.usage.unwrap_or_default()),
    })
}

pub(super) fn decode_stop(reason: &str) -> StopReason {
    match reason {
        "end_turn" => StopReason::EndTurn,
        "tool_use" => StopReason::ToolUse,
        "max_tokens" => StopReason::MaxTokens,
        "stop_sequence" => StopReason::StopSequence,
        "refusal" => StopReason::Refusal,
        "pause_turn" => StopReason::PauseTurn,
        "model_context_window_exceeded" => StopReason::ContextWindow,
        other => StopReason::Other(other.to_owned()),
    }
}

pub(super) fn encode_stop(stop: &StopReason) -> &str {
    match stop {
        StopReason::EndTurn => "end_turn",
        StopReason::ToolUse => "tool_use",
        StopReason::MaxTokens => "max_tokens",
        StopReason::StopSequence => "stop_sequence",
        StopReason::Refusal => "refusal",
        StopReason::PauseTurn => "pause_turn",
        StopReason::ContextWindow => "model_context_window_exceeded",
        StopReason::Other(other) => other,
    }
}
