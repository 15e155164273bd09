//! Whole answers and finish reasons, both ways.

use distiq_base::{Assembler, Content, Dialect, Response, StopReason};
use serde_json::{Map, Value, json};

use crate::error::{ProviderError, ProviderErrorKind};
use crate::wire::gemini::content::{self, CANDIDATE, For};
use crate::wire::gemini::stream_decoder::StreamDecoder;
use crate::wire::gemini::{failure, usage};
use crate::wire::{WireError, status};

/// Reads the body of a successful answer; of several candidates, the first. The array of a stream
/// that came whole is taken too.
///
/// # Errors
/// [`WireError::Vendor`] where the body is an error or a web page all the same, or the finish reason
/// tells of a failure; [`WireError::Truncated`] where it ends early, [`WireError::Malformed`]
/// otherwise.
pub fn decode_response(body: &[u8]) -> Result<Response, WireError> {
    let json = status::parse_body(body)?;
    let (chunks, whole) = match json {
        Value::Array(chunks) => (chunks, false),
        one => (vec![one], true),
    };
    let mut decoder = StreamDecoder::new();
    let mut assembler = Assembler::default();
    for chunk in chunks {
        if !chunk.is_object() {
            return Err(WireError::malformed("body", "expected an answer"));
        }
        if failure::is_error(&chunk) {
            return Err(failure::in_answer(&chunk).into());
        }
        if whole && chunk.get("candidates").is_none() && chunk.get("promptFeedback").is_none() {
            return Err(WireError::malformed("candidates", "expected one candidate"));
        }
        decoder.take(&chunk)?.iter().for_each(|event| assembler.push(event));
    }
    let last = if whole { decoder.close()? } else { decoder.finish()? };
    last.iter().for_each(|event| assembler.push(event));
    Ok(assembler.into_response())
}

/// Returns the body of a successful answer.
pub fn encode_response(response: &Response) -> Value {
    let mut candidate = Map::new();
    candidate.insert(
        "content".into(),
        json!({ "parts": content::encode_said(&response.content, For::Client), "role": "model" }),
    );
    candidate.insert("finishReason".into(), encode_stop(&response.stop).into());
    candidate.insert("index".into(), 0.into());
    for part in &response.content {
        if let Content::Other { dialect: Dialect::Gemini, json } = part
            && let Some(Value::Object(more)) = json.get(CANDIDATE)
        {
            candidate.extend(more.clone());
        }
    }
    let mut body = Map::new();
    body.insert("candidates".into(), json!([candidate]));
    if let Some(usage) = &response.usage {
        body.insert("usageMetadata".into(), usage::encode(usage));
    }
    body.insert("modelVersion".into(), response.model.as_str().into());
    body.insert("responseId".into(), response.id.as_str().into());
    Value::Object(body)
}

/// Reads a finish reason; those that tell of a failure are one.
pub(super) fn decode_stop(reason: &str, has_calls: bool) -> Result<StopReason, WireError> {
    let failed = |kind, message: &str| {
        let mut error = ProviderError::new(kind, message);
        error.code = Some(reason.to_owned());
        Err(WireError::Vendor(error))
    };
    match reason {
        "STOP" if has_calls => Ok(StopReason::ToolUse),
        "STOP" => Ok(StopReason::EndTurn),
        "MAX_TOKENS" => Ok(StopReason::MaxTokens),
        "SAFETY"
        | "RECITATION"
        | "LANGUAGE"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "IMAGE_RECITATION"
        | "MODEL_ARMOR" => Ok(StopReason::Refusal),
        "CONTINUATION" => Ok(StopReason::PauseTurn),
        // The model stumbled; the same request may well succeed.
        "MALFORMED_FUNCTION_CALL" | "MALFORMED_RESPONSE" | "UNEXPECTED_TOOL_CALL" => {
            failed(ProviderErrorKind::Server, "the model wrote a tool call that cannot be read")
        }
        "MISSING_THOUGHT_SIGNATURE" => failed(
            ProviderErrorKind::InvalidRequest,
            "a call in the history lacks the signature that came with it",
        ),
        other => Ok(StopReason::Other(other.to_owned())),
    }
}

/// Returns the finish reason.
pub(super) fn encode_stop(stop: &StopReason) -> &str {
    match stop {
        StopReason::EndTurn | StopReason::ToolUse | StopReason::StopSequence => "STOP",
        StopReason::MaxTokens | StopReason::ContextWindow => "MAX_TOKENS",
        StopReason::Refusal => "SAFETY",
        StopReason::PauseTurn => "CONTINUATION",
        StopReason::Other(other) => match other.as_str() {
            known @ ("TOO_MANY_TOOL_CALLS" | "IMAGE_OTHER" | "NO_IMAGE" | "ESCALATION") => known,
            _ => "OTHER",
        },
    }
}
