//! Errors, both ways: the bodies are those of the vendor's other dialect, the events this one's own.

use serde_json::Value;

use crate::error::{ProviderError, ProviderErrorKind as Kind};
use crate::wire::openai::{self, in_answer};
use crate::wire::{HeaderView, field};

/// Reads the error of an answer that is no success; the provider's name is left to the caller.
pub fn decode_error(status: u16, headers: &HeaderView, body: &[u8]) -> ProviderError {
    openai::decode_error(status, headers, body)
}

/// Returns the status and body that tell a client of this dialect about a failure.
pub fn encode_error(kind: Kind, message: &str) -> (u16, Value) {
    openai::encode_error(kind, message)
}

/// Reads an error that came inside a successful answer or stream: an `error` event, flat or with the
/// error in a field of its own, or a response that failed.
pub(super) fn of_answer(json: &Value) -> ProviderError {
    let has = |json: &Value| field::present(json, "error").is_some();
    let holder = json.get("response").filter(|response| has(response)).unwrap_or(json);
    let mut error = in_answer(holder);
    let refused = error.code.as_deref().is_some_and(|code| {
        matches!(code, "invalid_prompt" | "bio_policy" | "misalignment_policy_violation")
            || code.contains("image")
    });
    if error.kind == Kind::Server && refused {
        error.kind = Kind::InvalidRequest;
    }
    error
}

/// Tells whether a successful body is an error all the same.
pub(super) fn is_error(json: &Value) -> bool {
    field::present(json, "error").is_some() || field::text(json, "type") == Some("error")
}
