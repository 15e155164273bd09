//! Errors, both ways.

use serde_json::{Value, json};

use crate::error::{Phase, ProviderError, ProviderErrorKind as Kind};
use crate::wire::status::{self, Parts};
use crate::wire::{HeaderView, field};

/// Reads the error of an answer that is no success; the provider's name is left to the caller.
///
/// The kind goes by `error.type` and `details.error_code`, else by status, never by the words. So a
/// prompt that is too long stays [`Kind::InvalidRequest`] at Anthropic itself, which has no code
/// for it.
pub fn decode_error(status: u16, headers: &HeaderView, body: &[u8]) -> ProviderError {
    status::decode(status, headers, body, read)
}

/// Reads an `error` event, or an error body that came as a success.
pub(super) fn in_answer(json: &Value) -> ProviderError {
    let Some(parts) = read(json) else {
        return ProviderError::new(Kind::Server, json.to_string());
    };
    let mut error = ProviderError::new(parts.kind.unwrap_or(Kind::Server), parts.message);
    error.code = parts.code;
    error.request_id = parts.request_id;
    error
}

fn read(json: &Value) -> Option<Parts> {
    let error = json.get("error").filter(|error| error.is_object())?;
    let kind = field::text(error, "type");
    let code = error.get("details").and_then(|details| field::text(details, "error_code"));
    Some(Parts {
        kind: kind_of(kind, code),
        message: field::text(error, "message").unwrap_or("no message").to_owned(),
        code: code.or(kind).map(str::to_owned),
        request_id: field::text(json, "request_id").map(str::to_owned),
    })
}

fn kind_of(kind: Option<&str>, code: Option<&str>) -> Option<Kind> {
    match code {
        Some("enforced_spend_limit_reached" | "contract_spend_limit_reached") => {
            return Some(Kind::SpendLimit);
        }
        Some("context_length_exceeded") => return Some(Kind::ContextTooLong),
        _ => {}
    }
    Some(match kind? {
        "invalid_request_error" => Kind::InvalidRequest,
        "authentication_error" => Kind::Auth,
        "billing_error" => Kind::Billing,
        "permission_error" => Kind::Permission,
        "not_found_error" => Kind::UnknownModel,
        "request_too_large" => Kind::TooLarge,
        "rate_limit_error" => Kind::RateLimited,
        "timeout_error" => Kind::Timeout(Phase::Head),
        "conflict_error" | "api_error" => Kind::Server,
        "overloaded_error" | "compaction_unavailable" => Kind::Overloaded,
        // llama.cpp and others that speak the dialect.
        "exceed_context_size_error" => Kind::ContextTooLong,
        _ => return None,
    })
}

/// Returns the status and body that tell a client of this dialect about a failure.
pub fn encode_error(kind: Kind, message: &str) -> (u16, Value) {
    let (status, name) = match kind {
        Kind::Auth => (401, "authentication_error"),
        Kind::Billing => (402, "billing_error"),
        Kind::Permission => (403, "permission_error"),
        Kind::UnknownModel => (404, "not_found_error"),
        Kind::InvalidRequest | Kind::ContextTooLong => (400, "invalid_request_error"),
        Kind::TooLarge => (413, "request_too_large"),
        Kind::RateLimited | Kind::SpendLimit => (429, "rate_limit_error"),
        Kind::Overloaded => (529, "overloaded_error"),
        Kind::Timeout(_) => (504, "timeout_error"),
        _ => (status::status_of(kind), "api_error"),
    };
    let mut error = json!({ "type": name, "message": message });
    let code = match kind {
        Kind::SpendLimit => Some("enforced_spend_limit_reached"),
        Kind::ContextTooLong => Some("context_length_exceeded"),
        _ => None,
    };
    if let (Some(code), Some(error)) = (code, error.as_object_mut()) {
        error.insert("details".into(), json!({ "error_code": code }));
    }
    (status, json!({ "type": "error", "error": error, "request_id": null }))
}
