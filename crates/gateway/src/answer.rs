//! From a request to its answer: who asks, what for, and how a failure is worded.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::Bytes;
use distiq_llm::ProviderErrorKind as Kind;
use futures::FutureExt;
use hyper::body::Incoming;
use hyper::header::{
    ALLOW, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, EXPECT, HeaderName, HeaderValue, ORIGIN,
    RETRY_AFTER,
};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::Value;

use crate::body::{self, Out};
use crate::call::{Call, Caller};
use crate::chat::{self, Asked};
use crate::dialect::Codec;
use crate::endpoint::{self, Endpoint, Found, Route};
use crate::gateway::RequestCame;
use crate::refusal::Refusal;
use crate::seeing::{self, Denial, Watch};
use crate::setup::Access;
use crate::shared::Shared;
use crate::{
    admin, batch, completions, count, embed, facts, guard, health, kept, keys, models, unknown,
};

const ANTHROPIC_VERSION: HeaderName = HeaderName::from_static("anthropic-version");
/// Names a request as the ledger does.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-distiq-request-id");

/// Answers a request; a fault of ours ends this one alone.
pub(crate) async fn handle(
    shared: Arc<Shared>,
    peer: IpAddr,
    request: Request<Incoming>,
) -> Response<Out> {
    let (mut parts, incoming) = request.into_parts();
    let came = parts.extensions.remove::<RequestCame>().unwrap_or_default();
    let mut call = Call { method: parts.method, uri: parts.uri, headers: parts.headers, peer };
    let speaks_anthropic = call.headers.contains_key(ANTHROPIC_VERSION);
    let wants_events = call.query("alt").is_some_and(|alt| alt == "sse");
    let found = endpoint::find(call.uri.path(), wants_events, speaks_anthropic);
    let (codec, methods) = (found.codec, found.methods);
    let is_head = call.method == Method::HEAD;
    let watch = Watch::begin(&shared.seeing, &call, &found);
    watch.trace(&mut call.headers);
    let work =
        AssertUnwindSafe(serve(&shared, &call, &watch, found, (incoming, came))).catch_unwind();
    let mut response = match work.await {
        Ok(Ok(response)) => response,
        Ok(Err(refusal)) => worded(codec, &refusal),
        Err(_) => {
            let message = "The gateway met a fault of its own with this request";
            worded(codec, &Refusal::new(Kind::Server, message))
        }
    };
    if let Some(origin) = call.headers.get(ORIGIN).filter(|_| response.status() != 403) {
        response.headers_mut().insert("access-control-allow-origin", origin.clone());
    }
    if response.status() == StatusCode::METHOD_NOT_ALLOWED && !methods.is_empty() {
        let names: Vec<&str> = methods.iter().map(Method::as_str).collect();
        if let Ok(names) = HeaderValue::try_from(names.join(", ")) {
            response.headers_mut().insert(ALLOW, names);
        }
    }
    watch.answered(response.status().as_u16());
    if is_head {
        *response.body_mut() = Out::Full(None);
    }
    response
}

async fn serve(
    shared: &Arc<Shared>,
    call: &Call,
    watch: &Arc<Watch>,
    found: Found,
    (incoming, came): (Incoming, RequestCame),
) -> Result<Response<Out>, Refusal> {
    let options = &shared.options;
    guard::check_origin(call, options.listen.ip().is_loopback(), &options.hosts)
        .inspect_err(|_| watch.denied(Denial::Origin))?;
    if call.method == Method::OPTIONS {
        return Ok(preflight());
    }
    match found.endpoint {
        Endpoint::Asset(asset) if found.methods.contains(&call.method) => {
            return Ok(asset.answer());
        }
        Endpoint::Health => return Ok(json(&health::health())),
        Endpoint::Ready => return health::ready(shared).map(|body| json(&body)),
        _ => {}
    }
    let caller = identify(shared, call, watch)?;
    watch.caller(&caller);
    let is_known = found.endpoint != Endpoint::Unknown;
    if is_known && !found.methods.contains(&call.method) {
        let message = format!("`{}` is not asked by {}", shown(call.uri.path()), call.method);
        return Err(Refusal::with_status(405, message));
    }
    let body = match call.method {
        Method::GET | Method::HEAD => Bytes::new(),
        _ => {
            if is_known && call.method == Method::POST {
                check_type(call, found.codec)?;
            }
            let waits = call.headers.contains_key(EXPECT);
            body::read(incoming, waits, &options.bounds).await?
        }
    };
    came.note();
    dispatch(shared, call, watch, &caller, found, body).await
}

/// Calls what serves the endpoint.
async fn dispatch(
    shared: &Arc<Shared>,
    call: &Call,
    watch: &Arc<Watch>,
    caller: &Caller,
    found: Found,
    body: Bytes,
) -> Result<Response<Out>, Refusal> {
    let codec = found.codec;
    let dialect = codec.dialect();
    let asked = |route, body| Asked { shared, call, watch, caller, codec, route, body };
    // Boxed: each takes kilobytes, which are copied wherever its future is handed on.
    let value = match found.endpoint {
        Endpoint::Chat(route) => return Box::pin(chat::answer(asked(&route, body))).await,
        Endpoint::Complete => {
            return Box::pin(completions::answer(asked(&Route::default(), body))).await;
        }
        Endpoint::Count(route) => return Box::pin(count::count(asked(&route, body))).await,
        Endpoint::Embed(door, route) => {
            return Box::pin(embed::answer(door, asked(&route, body))).await;
        }
        Endpoint::Unknown => {
            return Box::pin(unknown::answer(asked(&Route::default(), body))).await;
        }
        Endpoint::Models => Ok(models::list(shared, caller, dialect)),
        Endpoint::Model(id) => models::one(shared, caller, dialect, &id),
        Endpoint::ShowModel => models::show(shared, caller, &body),
        Endpoint::Loaded => Ok(models::loaded()),
        Endpoint::Version => Ok(models::version()),
        Endpoint::Kept(id) if call.method == Method::DELETE => kept::delete(shared, caller, &id),
        Endpoint::Kept(id) => kept::get(shared, caller, &id),
        Endpoint::KeptInput(id) => kept::input(shared, caller, call, &id),
        Endpoint::Batches if call.method == Method::POST => batch::create(shared, caller, &body),
        Endpoint::Batches => batch::list(shared, caller, call),
        Endpoint::Batch(id) if call.method == Method::DELETE => batch::delete(shared, caller, &id),
        Endpoint::Batch(id) => batch::get(shared, caller, &id),
        Endpoint::CancelBatch(id) => batch::cancel(shared, caller, &id),
        Endpoint::BatchResults(id) => return batch::results(shared, caller, &id),
        Endpoint::Request(id) => facts::request(shared, caller, &id),
        Endpoint::Feedback => facts::feedback(shared, caller, &body),
        Endpoint::Keys => admin::keys(shared, caller, &call.method, &body),
        Endpoint::Key(id) => admin::key(shared, caller, &call.method, &id),
        Endpoint::Metrics => return Ok(seeing::metrics(shared)),
        Endpoint::Stats => seeing::stats(shared, caller, call).await.map(|v| Value::clone(&v)),
        Endpoint::Live => return seeing::live(shared, caller),
        Endpoint::Asset(asset) => return Ok(asset.answer()),
        Endpoint::Health => Ok(health::health()),
        Endpoint::Ready => health::ready(shared),
    };
    value.map(|body| json(&body))
}

/// Finds out who asks.
fn identify(shared: &Shared, call: &Call, watch: &Watch) -> Result<Caller, Refusal> {
    if shared.options.access == Access::Open {
        return Ok(Caller::Open);
    }
    let Some(text) = call.key() else {
        watch.denied(Denial::NoKey);
        let message = "A key is needed: send it as your library sends its vendor's; `distiq keys \
                       create` makes one";
        return Err(Refusal::new(Kind::Auth, message));
    };
    let given = keys::hash(&text);
    if shared.operator.is_some_and(|own| keys::same(&given, &own)) {
        return Ok(Caller::Operator);
    }
    if let Some(key) = shared.keys.find_hashed(&text, &given) {
        return Ok(Caller::Key(key));
    }
    match shared.guesses.note(call.peer) {
        Some(wait) => {
            watch.denied(Denial::Guessing);
            let message = "Too many wrong keys from this address; wait before the next";
            Err(Refusal::new(Kind::RateLimited, message).after(wait))
        }
        None => {
            watch.denied(Denial::WrongKey);
            Err(Refusal::new(Kind::Auth, "The key is wrong, expired or revoked"))
        }
    }
}

/// Holds a body to be JSON by its own word; without one it is taken as such.
fn check_type(call: &Call, codec: &dyn Codec) -> Result<(), Refusal> {
    if let Some(coding) = call.header(CONTENT_ENCODING)
        && !coding.eq_ignore_ascii_case("identity")
    {
        let message = "Compressed bodies are not taken; send it as it is";
        return Err(Refusal::with_status(415, message).closing());
    }
    let Some(text) = call.headers.get(CONTENT_TYPE) else { return Ok(()) };
    let kind = text.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    let kind = kind.trim();
    let is_json = kind.eq_ignore_ascii_case("application/json")
        || kind.to_ascii_lowercase().ends_with("+json");
    if is_json || codec.takes_any_type() {
        return Ok(());
    }
    let message = "The body must be JSON: send `content-type: application/json`";
    Err(Refusal::with_status(415, message).closing())
}

/// Answers a page on this machine that asks whether it may.
fn preflight() -> Response<Out> {
    let mut response = Response::new(Out::Full(None));
    *response.status_mut() = StatusCode::NO_CONTENT;
    for (name, value) in [
        ("access-control-allow-methods", "GET, POST, DELETE"),
        ("access-control-allow-headers", "*, authorization"),
        ("access-control-max-age", "600"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Makes an answer of JSON.
pub(crate) fn json(body: &Value) -> Response<Out> {
    let mut response = Response::new(body.to_string().into_bytes().into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Words a refusal in a dialect.
pub(crate) fn worded(codec: &dyn Codec, refusal: &Refusal) -> Response<Out> {
    let (status, body) = codec.error(refusal.kind, &refusal.message);
    let mut response = json(&body);
    let status = StatusCode::from_u16(refusal.status.unwrap_or(status));
    *response.status_mut() = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    if let Some(wait) = refusal.retry_after {
        let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        headers.insert(RETRY_AFTER, HeaderValue::from(millis.div_ceil(1000)));
        headers.insert("retry-after-ms", HeaderValue::from(millis));
    }
    if let Some(should) = refusal.should_retry {
        let value = if should { "true" } else { "false" };
        headers.insert("x-should-retry", HeaderValue::from_static(value));
    }
    if let Some(id) = refusal.request_id.as_ref().and_then(|id| HeaderValue::try_from(id).ok()) {
        headers.insert(REQUEST_ID, id.clone());
        headers.insert(codec.id_header(), id);
    }
    if refusal.close {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    if refusal.kind == Kind::Auth {
        headers.insert("www-authenticate", HeaderValue::from_static("Bearer"));
    }
    response
}

fn shown(path: &str) -> String {
    path.chars().take(200).collect()
}
