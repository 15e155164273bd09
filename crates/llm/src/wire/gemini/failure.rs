//! Errors, both ways.

use std::time::Duration;

use serde_json::{Value, json};

use crate::error::{Phase, ProviderError, ProviderErrorKind as Kind};
use crate::wire::status::{self, Parts};
use crate::wire::{HeaderView, field};

/// Reads the error of an answer that is no success; the provider's name is left to the caller.
///
/// The kind goes by `error.status` and the reasons in `error.details`, else by status, never by the
/// words. The wait comes from `google.rpc.RetryInfo`, as there are no headers for it.
pub fn decode_error(status: u16, headers: &HeaderView, body: &[u8]) -> ProviderError {
    let mut error = status::decode(status, headers, body, read);
    if error.retry_after.is_none() {
        let json = serde_json::from_slice::<Value>(body).unwrap_or_default();
        error.retry_after = retry_delay(&json);
    }
    error
}

/// Reads an error that came inside a successful answer or stream.
pub(super) fn in_answer(json: &Value) -> ProviderError {
    let Some(parts) = read(json) else {
        return ProviderError::new(Kind::Server, json.to_string());
    };
    let status = json.get("error").and_then(|error| field::count(error, "code"));
    let by_status = status.and_then(|status| u16::try_from(status).ok()).map(status::kind_of);
    let mut error =
        ProviderError::new(parts.kind.or(by_status).unwrap_or(Kind::Server), parts.message);
    error.code = parts.code;
    error.retry_after = retry_delay(json);
    error
}

/// Tells whether a successful answer or chunk is an error all the same.
pub(super) fn is_error(json: &Value) -> bool {
    field::present(json, "error").is_some()
}

fn read(json: &Value) -> Option<Parts> {
    // A stream that is an array wraps its error in one.
    let json = json.as_array().and_then(|list| list.first()).unwrap_or(json);
    let error = field::present(json, "error")?;
    if let Some(text) = error.as_str() {
        return Some(Parts { kind: None, message: text.into(), code: None, request_id: None });
    }
    let name = field::text(error, "status");
    let reason = details(error).find_map(|detail| field::text(detail, "reason"));
    Some(Parts {
        kind: kind_of(error, name, reason),
        message: field::text(error, "message").unwrap_or("no message").to_owned(),
        code: reason.or(name).map(str::to_owned),
        request_id: None,
    })
}

fn details(error: &Value) -> impl Iterator<Item = &Value> {
    field::items(error, "details").iter()
}

fn kind_of(error: &Value, name: Option<&str>, reason: Option<&str>) -> Option<Kind> {
    match reason {
        Some("API_KEY_INVALID" | "API_KEY_EXPIRED" | "ACCESS_TOKEN_EXPIRED") => {
            return Some(Kind::Auth);
        }
        Some("CONTEXT_LENGTH_EXCEEDED") => return Some(Kind::ContextTooLong),
        _ => {}
    }
    Some(match name? {
        "INVALID_ARGUMENT" if field::count(error, "code") == Some(413) => Kind::TooLarge,
        "INVALID_ARGUMENT" | "OUT_OF_RANGE" | "CANCELLED" => Kind::InvalidRequest,
        // The free tier is not offered there, or billing is off.
        "FAILED_PRECONDITION" => Kind::Billing,
        "UNAUTHENTICATED" => Kind::Auth,
        "PERMISSION_DENIED" => Kind::Permission,
        "NOT_FOUND" => Kind::UnknownModel,
        "RESOURCE_EXHAUSTED" if is_daily(error) => Kind::SpendLimit,
        "RESOURCE_EXHAUSTED" => Kind::RateLimited,
        "DEADLINE_EXCEEDED" => Kind::Timeout(Phase::Head),
        "INTERNAL" | "ABORTED" | "UNKNOWN" | "DATA_LOSS" => Kind::Server,
        "UNAVAILABLE" => Kind::Overloaded,
        _ => return None,
    })
}

/// Tells whether a quota is spent that does not come back in minutes.
fn is_daily(error: &Value) -> bool {
    details(error)
        .flat_map(|detail| field::items(detail, "violations"))
        .filter_map(|violation| field::text(violation, "quotaId"))
        .any(|quota| quota.contains("PerDay"))
}

fn retry_delay(json: &Value) -> Option<Duration> {
    let json = json.as_array().and_then(|list| list.first()).unwrap_or(json);
    let delay = details(json.get("error")?).find_map(|detail| field::text(detail, "retryDelay"))?;
    Duration::try_from_secs_f64(delay.strip_suffix('s')?.parse().ok()?).ok()
}

/// Returns the status and body that tell a client of this dialect about a failure.
pub fn encode_error(kind: Kind, message: &str) -> (u16, Value) {
    let (status, name) = match kind {
        Kind::Auth => (401, "UNAUTHENTICATED"),
        Kind::Billing => (400, "FAILED_PRECONDITION"),
        Kind::Permission => (403, "PERMISSION_DENIED"),
        Kind::UnknownModel => (404, "NOT_FOUND"),
        Kind::InvalidRequest | Kind::ContextTooLong => (400, "INVALID_ARGUMENT"),
        Kind::TooLarge => (413, "INVALID_ARGUMENT"),
        Kind::RateLimited | Kind::SpendLimit => (429, "RESOURCE_EXHAUSTED"),
        Kind::Overloaded => (503, "UNAVAILABLE"),
        Kind::Timeout(_) => (504, "DEADLINE_EXCEEDED"),
        _ => (status::status_of(kind), "INTERNAL"),
    };
    let mut error = json!({ "code": status, "message": message, "status": name });
    let detail = match kind {
        Kind::SpendLimit => Some(json!({
            "@type": "type.googleapis.com/google.rpc.QuotaFailure",
            "violations": [{ "quotaId": "SpendLimitPerDay" }],
        })),
        Kind::ContextTooLong => Some(json!({
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "CONTEXT_LENGTH_EXCEEDED",
        })),
        _ => None,
    };
    if let (Some(detail), Some(error)) = (detail, error.as_object_mut()) {
        error.insert("details".into(), json!([detail]));
    }
    (status, json!({ "error": error }))
}
