//! Answers of models: from a caller's body to the caller's dialect again.

use std::sync::Arc;

use bytes::Bytes;
use distiq_base::{Assembler, Request, RequestKind};
use distiq_llm::ProviderErrorKind as Kind;
use distiq_router::{Purpose, Reply, RouterEvent};
use futures::StreamExt;
use hyper::Response;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue};

use crate::body::Out;
use crate::call::{Call, Caller};
use crate::dialect::{Codec, EVENT_STREAM};
use crate::dropped::dropped;
use crate::endpoint::Route;
use crate::head::Head;
use crate::refusal::Refusal;
use crate::resolve::{Target, resolve};
use crate::setup::Setup;
use crate::shared::Shared;
use crate::stream::{AnswerStream, Started, Tab};

/// Bytes of a body to a token, for the limit of tokens a minute until the vendor has counted.
const BYTES_PER_TOKEN: u64 = 4;

/// What a chat request came with.
pub(crate) struct Asked<'a> {
    pub shared: &'a Arc<Shared>,
    pub call: &'a Call,
    pub caller: &'a Caller,
    pub codec: &'static dyn Codec,
    pub route: &'a Route,
    pub body: Bytes,
}

/// Answers a request to a model.
pub(crate) async fn answer(asked: Asked<'_>) -> Result<Response<Out>, Refusal> {
    let head = Head::read(&asked.body)?;
    let setup = asked.shared.setup();
    let name = asked.route.model.clone().or(head.model).unwrap_or_default();
    let target = resolve(&setup, asked.codec.dialect(), &name)?;
    check_model(asked.caller, &name, &target)?;
    let tab = take_rate(&asked)?;
    let mut request = asked.codec.decode(asked.route, &asked.body)?;
    let streams = asked.route.stream.unwrap_or(request.stream);
    let encoder = asked.codec.encoder(&request);
    let headers = facts(&setup, &request, &target);
    request.model.clone_from(&target.model);
    optimize(&asked, &setup, &target, &mut request);
    // So that a long answer is no long silence, and one that is given up is billed for what came.
    request.stream = true;
    let for_whole = (!streams).then(|| request.clone());
    let reply = setup.router.send(request, purpose(asked.caller, target));
    match for_whole {
        None => {
            let is_events = asked.codec.stream_type() == EVENT_STREAM;
            let mut stream = AnswerStream::new(reply, encoder, tab, is_events);
            let first = stream.first().await?;
            let mut response = Response::new(Out::Full(None));
            *response.headers_mut() = headers;
            let fields = response.headers_mut();
            fields.insert(CONTENT_TYPE, HeaderValue::from_static(asked.codec.stream_type()));
            fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
            started(fields, stream.started.as_ref(), asked.codec);
            *response.body_mut() = Out::Stream(first, Box::new(stream));
            Ok(response)
        }
        Some(request) => {
            let (body, begun) = whole(reply, tab, asked.codec, &request).await?;
            let mut response = Response::new(body.into());
            *response.headers_mut() = headers;
            let fields = response.headers_mut();
            fields.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            started(fields, begun.as_ref(), asked.codec);
            Ok(response)
        }
    }
}

/// Lets the vendor's cache hold the prompt, where the caller asked for that and set no marks itself.
fn optimize(asked: &Asked<'_>, setup: &Setup, target: &Target, request: &mut Request) {
    let key = asked.caller.key();
    let is_on = asked.call.wants_optimizing() || key.is_some_and(|key| key.optimize);
    if is_on && request.cache.marks.is_empty() {
        let session = request.cache.key.clone().or_else(|| key.map(|key| key.id.clone()));
        let session = session.unwrap_or_else(|| "distiq".to_owned());
        request.cache = setup.router.cache_plan(&target.provider, request, &session);
    }
}

fn check_model(caller: &Caller, name: &str, target: &Target) -> Result<(), Refusal> {
    let Some(key) = caller.key() else { return Ok(()) };
    let full = format!("{}/{}", target.provider, target.model);
    if key.allows(&[name, &target.model, &full]) {
        return Ok(());
    }
    let message = format!("This key may not use the model `{name}`");
    Err(Refusal::new(Kind::Permission, message))
}

/// Takes the request out of what the key has left for this minute.
fn take_rate(asked: &Asked<'_>) -> Result<Tab, Refusal> {
    let shared = Arc::clone(asked.shared);
    let Some(key) = asked.caller.key() else { return Ok(Tab { shared, key: None }) };
    let tokens = asked.body.len() as u64 / BYTES_PER_TOKEN;
    match shared.rates.take(key, tokens) {
        Ok(()) => Ok(Tab { shared, key: Some((key.id.clone(), tokens)) }),
        Err(wait) => {
            Err(Refusal::new(Kind::RateLimited, "This key's limit a minute is used up").after(wait))
        }
    }
}

fn purpose(caller: &Caller, target: Target) -> Purpose {
    let _ = caller;
    Purpose { route: target.route, ..Purpose::new(RequestKind::Gateway, target.provider) }
}

/// Returns the headers that tell what is known before the answer.
fn facts(setup: &Setup, request: &Request, target: &Target) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let dialect = setup.registry.get(&target.provider).map(|provider| provider.dialect());
    let names = dialect.ok().and_then(|dialect| dropped(request, dialect));
    if let Some(names) = names.and_then(|names| HeaderValue::try_from(names).ok()) {
        headers.insert("x-distiq-dropped", names);
    }
    headers
}

fn started(headers: &mut HeaderMap, started: Option<&Started>, codec: &dyn Codec) {
    let Some(started) = started else { return };
    if let Ok(id) = HeaderValue::try_from(started.request_id.as_str()) {
        headers.insert("x-distiq-request-id", id.clone());
        headers.insert(codec.id_header(), id);
    }
    let route = format!("{}/{}", started.provider, started.model);
    if let Ok(route) = HeaderValue::try_from(route) {
        headers.insert("x-distiq-route", route);
    }
}

/// Waits for a whole answer.
async fn whole(
    mut reply: Reply,
    mut tab: Tab,
    codec: &dyn Codec,
    request: &Request,
) -> Result<(Vec<u8>, Option<Started>), Refusal> {
    let cut = tab.shared.cut.clone();
    let mut assembler = Assembler::default();
    let mut begun: Option<Started> = None;
    loop {
        let event = tokio::select! {
            biased;
            event = reply.next() => event,
            () = cut.cancelled() => {
                let message = "The gateway stops; send the request again";
                return Err(Refusal::new(Kind::Overloaded, message));
            }
        };
        match event {
            Some(RouterEvent::Started { request_id, provider, model }) => {
                begun = Some(Started { request_id, provider, model });
            }
            Some(RouterEvent::Model(event)) => assembler.push(&event),
            Some(RouterEvent::Finished(receipt)) => {
                tab.settle(&receipt);
                if let Some(error) = receipt.error {
                    return Err(error.into());
                }
                break;
            }
            Some(
                RouterEvent::Retried { .. } | RouterEvent::FellBack { .. } | RouterEvent::Notice(_),
            ) => {}
            None => break,
        }
    }
    if !assembler.is_complete() {
        return Err(Refusal::new(Kind::Truncated, "The answer was cut off before its end"));
    }
    let mut response = assembler.into_response();
    if response.id.is_empty()
        && let Some(begun) = &begun
    {
        response.id = begun.request_id.to_string();
    }
    let body = serde_json::to_vec(&codec.whole(request, &response)).unwrap_or_default();
    Ok((body, begun))
}
