//! The vendors' standing words: headers, error bodies, the list of models, a proxy's page.

use std::time::Duration;

use distiq_base::Dialect;
use serde_json::{Value, json};

use super::play::{Body, Reply};
use crate::vendor::Refusal;

/// Returns the headers that every answer has.
pub(super) fn headers(dialect: Dialect, streams: bool, number: usize) -> Vec<(String, String)> {
    let kind = if streams { "text/event-stream; charset=utf-8" } else { "application/json" };
    let id = match dialect {
        Dialect::Anthropic => "request-id",
        Dialect::Gemini | Dialect::Ollama => return vec![("content-type".into(), kind.into())],
        Dialect::Openai | Dialect::Responses => "x-request-id",
    };
    [("content-type", kind.to_owned()), (id, format!("req_scripted_{:04}", number + 1))]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
}

/// Returns a JSON body.
pub(super) fn json_reply(dialect: Dialect, status: u16, body: &Value) -> Reply {
    let body = Body::Whole(body.to_string().into_bytes());
    Reply { dialect, status, headers: headers(dialect, false, 0), body, pace: Duration::ZERO }
}

/// Returns what a proxy in between says, longer than any message of an error should be.
pub(super) fn html(dialect: Dialect, status: u16) -> Reply {
    let filler = "<p>If you are the owner of this website, look into the log.</p>\n".repeat(80);
    let page = format!(
        "<!DOCTYPE html>\n<html><head><title>{status} Gateway</title></head>\n<body>\n{filler}\
         </body></html>\n"
    );
    let headers = vec![("content-type".to_owned(), "text/html; charset=utf-8".to_owned())];
    let body = Body::Whole(page.into_bytes());
    Reply { dialect, status, headers, body, pace: Duration::ZERO }
}

/// Returns the list of models.
pub(super) fn models(names: &[String], dialect: Dialect) -> Value {
    let created = "2026-01-01T00:00:00Z";
    let data: Vec<Value> = names
        .iter()
        .map(|id| match dialect {
            Dialect::Anthropic => json!({
                "type": "model", "id": id, "display_name": id, "created_at": created,
            }),
            Dialect::Openai | Dialect::Responses | Dialect::Gemini | Dialect::Ollama => json!({
                "id": id, "object": "model", "created": 1_767_225_600, "owned_by": "script",
            }),
        })
        .collect();
    match dialect {
        Dialect::Anthropic => json!({
            "data": data, "has_more": false, "first_id": names.first(), "last_id": names.last(),
        }),
        Dialect::Openai | Dialect::Responses | Dialect::Gemini | Dialect::Ollama => {
            json!({"object": "list", "data": data})
        }
    }
}

/// Returns what a vendor says with a status.
pub(super) fn status_refusal(dialect: Dialect, status: u16) -> Refusal {
    let (anthropic, openai, code, message) = match status {
        401 => {
            ("authentication_error", "invalid_request_error", "invalid_api_key", "invalid API key")
        }
        402 => ("billing_error", "insufficient_quota", "credit_balance_exhausted", "no credit"),
        403 => ("permission_error", "invalid_request_error", "forbidden", "not permitted"),
        404 => ("not_found_error", "invalid_request_error", "model_not_found", "model: unknown"),
        413 => ("request_too_large", "invalid_request_error", "too_large", "too large"),
        429 => (
            "rate_limit_error",
            "requests",
            "rate_limit_exceeded",
            "This request would exceed your rate limit",
        ),
        503 => ("api_error", "server_error", "slow_down", "The engine is overloaded"),
        529 => ("overloaded_error", "server_error", "overloaded", "Overloaded"),
        400..=499 => ("invalid_request_error", "invalid_request_error", "invalid", "refused"),
        _ => ("api_error", "server_error", "server_error", "Internal server error"),
    };
    match dialect {
        Dialect::Anthropic => Refusal::new(status, anthropic, message),
        Dialect::Gemini => Refusal::new(status, gemini_name(status), message),
        Dialect::Ollama => Refusal::new(status, "", message),
        Dialect::Openai | Dialect::Responses => {
            Refusal { code: Some(code.to_owned()), ..Refusal::new(status, openai, message) }
        }
    }
}

/// Returns Gemini's name of a status.
const fn gemini_name(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        402 => "FAILED_PRECONDITION",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        503 | 529 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        400..=499 => "INVALID_ARGUMENT",
        _ => "INTERNAL",
    }
}
