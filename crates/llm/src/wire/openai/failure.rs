//! Errors, both ways.

use serde_json::{Value, json};

use crate::error::{ProviderError, ProviderErrorKind as Kind};
use crate::wire::status::{self, Parts};
use crate::wire::{HeaderView, field};

/// Reads the error of an answer that is no success; the provider's name is left to the caller.
///
/// The kind goes by `code` and `type`, else by status, never by the words.
pub fn decode_error(status: u16, headers: &HeaderView, body: &[u8]) -> ProviderError {
    status::decode(status, headers, body, read)
}

/// Reads an error that came inside a successful answer or stream.
pub(crate) fn in_answer(json: &Value) -> ProviderError {
    let Some(parts) = read(json) else {
        return ProviderError::new(Kind::Server, json.to_string());
    };
    let code = parts.code.as_deref().unwrap_or_default();
    let by_code = match code.parse::<u16>() {
        // OpenRouter's code is the status that the answer would have had.
        Ok(status) if (400..600).contains(&status) => status::kind_of(status),
        _ if code == "invalid_request_error" => Kind::InvalidRequest,
        _ => Kind::Server,
    };
    let kind = parts.kind.unwrap_or(by_code);
    let mut error = ProviderError::new(kind, parts.message);
    error.code = parts.code;
    error
}

/// Tells whether a successful answer or chunk is an error all the same.
pub(super) fn is_error(json: &Value) -> bool {
    field::present(json, "error").is_some() || field::text(json, "object") == Some("error")
}

fn read(json: &Value) -> Option<Parts> {
    // Google's compatible server wraps its errors in an array.
    let json = json.as_array().and_then(|list| list.first()).unwrap_or(json);
    let error = field::present(json, "error")
        .or_else(|| field::present(json, "message").map(|_| json))
        .or_else(|| field::present(json, "detail"))?;
    let message = match error {
        Value::Object(_) => error.get("message").unwrap_or(error),
        other => other,
    };
    let kind = field::text(error, "type");
    let code = status::code(error, "code");
    Some(Parts {
        kind: code.as_deref().and_then(kind_of).or_else(|| kind.and_then(kind_of)),
        message: match message {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        },
        code: code.or_else(|| kind.map(str::to_owned)),
        request_id: None,
    })
}

/// Returns the kind that a code or a type tells; `invalid_request_error` tells nothing, as it comes
/// with every 4xx.
fn kind_of(code: &str) -> Option<Kind> {
    Some(match code {
        "invalid_api_key" | "authentication_error" => Kind::Auth,
        "insufficient_quota" | "credit_balance_exhausted" | "billing_error" => Kind::Billing,
        "organization_spend_limit_exceeded"
        | "project_spend_limit_exceeded"
        | "organization_usage_limit_exceeded" => Kind::SpendLimit,
        "permission_error" => Kind::Permission,
        "model_not_found" | "not_found_error" => Kind::UnknownModel,
        // The second is llama.cpp's type.
        "context_length_exceeded" | "exceed_context_size_error" => Kind::ContextTooLong,
        "string_above_max_length" => Kind::InvalidRequest,
        "request_too_large" => Kind::TooLarge,
        "rate_limit_exceeded" | "rate_limit_error" | "slow_down" => Kind::RateLimited,
        // The second is llama.cpp's while it loads a model.
        "overloaded_error" | "unavailable_error" => Kind::Overloaded,
        "server_error" => Kind::Server,
        _ => return None,
    })
}

/// Returns the status and body that tell a client of this dialect about a failure.
pub fn encode_error(kind: Kind, message: &str) -> (u16, Value) {
    let (status, name, code) = match kind {
        Kind::Auth => (401, "invalid_request_error", Some("invalid_api_key")),
        Kind::Billing => (429, "insufficient_quota", Some("insufficient_quota")),
        Kind::Permission => (403, "permission_error", None),
        Kind::UnknownModel => (404, "invalid_request_error", Some("model_not_found")),
        Kind::InvalidRequest => (400, "invalid_request_error", None),
        Kind::ContextTooLong => (400, "invalid_request_error", Some("context_length_exceeded")),
        Kind::TooLarge => (413, "invalid_request_error", Some("request_too_large")),
        Kind::RateLimited => (429, "rate_limit_error", Some("rate_limit_exceeded")),
        Kind::SpendLimit => (429, "rate_limit_error", Some("project_spend_limit_exceeded")),
        Kind::Overloaded => (503, "overloaded_error", None),
        _ => (status::status_of(kind), "server_error", None),
    };
    let error = json!({ "message": message, "type": name, "param": null, "code": code });
    (status, json!({ "error": error }))
}
