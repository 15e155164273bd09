//! Errors, both ways.

use serde_json::{Value, json};

use crate::error::{ProviderError, ProviderErrorKind as Kind};
use crate::wire::status::{self, Parts};
use crate::wire::{HeaderView, field};

/// Reads the error of an answer that is no success; the provider's name is left to the caller.
///
/// The dialect has words alone, so the kind goes by the status.
pub fn decode_error(status: u16, headers: &HeaderView, body: &[u8]) -> ProviderError {
    status::decode(status, headers, body, read)
}

/// Reads an error that came inside a successful answer or stream.
pub(super) fn in_answer(json: &Value) -> ProviderError {
    let message = read(json).map_or_else(|| json.to_string(), |parts| parts.message);
    let status = field::count(json, "status_code").and_then(|status| u16::try_from(status).ok());
    let kind = status.filter(|status| *status >= 400).map_or(Kind::Server, status::kind_of);
    ProviderError::new(kind, message)
}

fn read(json: &Value) -> Option<Parts> {
    let error = field::present(json, "error")?;
    let message = error.as_str().or_else(|| field::text(error, "message"));
    let message = message.map_or_else(|| error.to_string(), str::to_owned);
    Some(Parts { kind: None, message, code: None, request_id: None })
}

/// Returns the status and body that tell a client of this dialect about a failure.
pub fn encode_error(kind: Kind, message: &str) -> (u16, Value) {
    (status::status_of(kind), json!({ "error": message }))
}
