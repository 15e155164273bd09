//! Failures before the answer, in the parts that every dialect shares.

use serde_json::Value;

use crate::error::{Phase, ProviderError, ProviderErrorKind as Kind};
use crate::wire::{HeaderView, WireError, field};

/// Returns the kind that an HTTP status alone tells.
pub(crate) const fn kind_of(status: u16) -> Kind {
    match status {
        300..=399 => Kind::Redirect,
        401 => Kind::Auth,
        402 => Kind::Billing,
        403 => Kind::Permission,
        404 => Kind::UnknownModel,
        408 => Kind::Timeout(Phase::Head),
        407 | 511 => Kind::NotTheApi,
        413 => Kind::TooLarge,
        429 => Kind::RateLimited,
        // 498 is Groq's "no flex capacity", 529 Anthropic's overload.
        498 | 503 | 529 => Kind::Overloaded,
        // 409 is a conflict with another request; vendors' own clients try again.
        409 | 500..=599 => Kind::Server,
        _ => Kind::InvalidRequest,
    }
}

/// Returns the HTTP status that an error of this kind answers with.
pub(crate) const fn status_of(kind: Kind) -> u16 {
    match kind {
        Kind::Auth => 401,
        Kind::Billing => 402,
        Kind::Permission => 403,
        Kind::UnknownModel => 404,
        Kind::InvalidRequest | Kind::ContextTooLong => 400,
        Kind::TooLarge => 413,
        Kind::RateLimited | Kind::SpendLimit => 429,
        Kind::Overloaded => 503,
        Kind::Timeout(_) => 504,
        Kind::Server => 500,
        Kind::Connect
        | Kind::Tls
        | Kind::Truncated
        | Kind::Malformed
        | Kind::NotTheApi
        | Kind::Redirect => 502,
    }
}

/// Where a dialect's error body keeps its parts.
pub(crate) struct Parts {
    pub kind: Option<Kind>,
    pub message: String,
    pub code: Option<String>,
    pub request_id: Option<String>,
}

/// Builds the error of an answer that is no success; `read` finds the parts in a body of the
/// dialect, or says that it is none.
pub(crate) fn decode(
    status: u16,
    headers: &HeaderView,
    body: &[u8],
    read: impl Fn(&Value) -> Option<Parts>,
) -> ProviderError {
    let json = serde_json::from_slice::<Value>(body).ok();
    let mut error = match json.as_ref().and_then(read) {
        Some(parts) => {
            let kind = weigh(status, parts.kind);
            let mut error = ProviderError::new(kind, parts.message);
            error.code = parts.code;
            error.request_id = parts.request_id;
            error
        }
        None => foreign(status, headers, body, json.is_some()),
    };
    error.status = Some(status);
    let request_id = headers.get("request-id").or_else(|| headers.get("x-request-id"));
    error.request_id = request_id.map(str::to_owned).or(error.request_id);
    error.retry_after = headers.retry_after();
    if status == 429 && error.retry_after.is_none() {
        error.retry_after = headers.exhausted_for();
    }
    error.should_retry = headers.should_retry();
    error
}

/// Weighs what a body says against its status: a body tells more of the same failure, and many a
/// server words all of them as one type.
const fn weigh(status: u16, told: Option<Kind>) -> Kind {
    let by_status = kind_of(status);
    let Some(told) = told else { return by_status };
    match (by_status, told) {
        // A limit may be one of money, and nothing else.
        (Kind::RateLimited, Kind::Billing | Kind::SpendLimit) => told,
        (Kind::RateLimited, _) => by_status,
        // What the vendor could not do is not the caller's fault, whatever its words.
        (
            Kind::Server | Kind::Overloaded,
            Kind::InvalidRequest | Kind::Auth | Kind::Permission | Kind::UnknownModel,
        )
        | (Kind::Overloaded, Kind::Server) => by_status,
        // Neither is the caller's fault the vendor's.
        (
            Kind::Auth
            | Kind::Billing
            | Kind::Permission
            | Kind::UnknownModel
            | Kind::TooLarge
            | Kind::InvalidRequest,
            Kind::Server | Kind::Overloaded | Kind::Timeout(_),
        ) => by_status,
        _ => told,
    }
}

/// Describes the failure in a body that is not of the dialect.
fn foreign(status: u16, headers: &HeaderView, body: &[u8], is_json: bool) -> ProviderError {
    let kind = match kind_of(status) {
        kind if is_json => kind,
        // A proxy in front of the API answers for it when it is down, and that passes.
        kind @ (Kind::Redirect | Kind::Server | Kind::Overloaded | Kind::RateLimited) => kind,
        kind @ (Kind::Timeout(_) | Kind::TooLarge | Kind::Auth) => kind,
        // An error that is too long to be read whole, or words without a form.
        kind if matches!(status, 400 | 402 | 403 | 422) && !is_page(body) => kind,
        _ => Kind::NotTheApi,
    };
    match (kind, headers.get("location")) {
        (Kind::Redirect, Some(place)) => {
            ProviderError::new(kind, format!("the server points to {place}"))
        }
        _ => ProviderError::new(kind, describe(body)),
    }
}

/// Says in a line what a body holds.
fn describe(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body.get(..4096).unwrap_or(body));
    let text = text.trim();
    if is_page(body) {
        match title(text) {
            Some(title) => format!("a web page answered: {title}"),
            None => "a web page answered".to_owned(),
        }
    } else if text.is_empty() {
        "an empty answer".to_owned()
    } else {
        text.chars().take(300).collect()
    }
}

fn is_page(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"<")
}

fn title(page: &str) -> Option<String> {
    let (_, rest) = page.split_once("<title>")?;
    let (title, _) = rest.split_once("</title>")?;
    Some(title.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(200).collect())
}

/// Parses the body of a success; a body that is no JSON is described as its kind of surprise.
pub(crate) fn parse_body(body: &[u8]) -> Result<Value, WireError> {
    serde_json::from_slice(body).map_err(|error| {
        if is_page(body) {
            ProviderError::new(Kind::NotTheApi, describe(body)).into()
        } else if error.is_eof() {
            WireError::Truncated
        } else {
            WireError::malformed("body", error.to_string())
        }
    })
}

/// Returns an error code that may be a text or a number.
pub(crate) fn code(json: &Value, key: &str) -> Option<String> {
    match field::present(json, key)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
