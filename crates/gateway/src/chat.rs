//! Answers of models: from a caller's body to the caller's dialect again.

use std::sync::Arc;

use bytes::Bytes;
use distiq_base::{Assembler, Request, RequestKind, Response as Answer};
use distiq_llm::ProviderErrorKind as Kind;
use distiq_router::{Purpose, Reply, RouterEvent};
use futures::StreamExt;
use hyper::Response;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde_json::Value;

use crate::answer::json;
use crate::body::Out;
use crate::call::{Call, Caller};
use crate::dialect::Codec;
use crate::dropped::dropped;
use crate::endpoint::Route;
use crate::head::Head;
use crate::refusal::Refusal;
use crate::resolve::{Target, resolve};
use crate::setup::Setup;
use crate::shared::Shared;
use crate::stream::{AnswerStream, Keep, Started, Tab};
use crate::{kept, pass};

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
    let purpose = purpose(&asked, &target);
    if passes(&asked, &setup, &target) {
        return pass::answer(&asked, &setup, target, purpose, tab).await;
    }
    // A conversation that is kept here is put in the place of its id.
    let joined = match asked.codec.keeps_answers() {
        true => Some(kept::join(asked.shared, asked.caller, &asked.body)?),
        false => None,
    };
    let mut request = match &joined {
        Some(joined) => asked.codec.decode(asked.route, joined.to_string().as_bytes())?,
        None => asked.codec.decode(asked.route, &asked.body)?,
    };
    if let Some(body) = asked.codec.without_model(&request) {
        return Ok(json(&body));
    }
    let as_asked = request.clone();
    let headers = facts(&setup, &request, &target);
    optimize(&asked, &setup, &target, &mut request);
    request.model = target.model;
    // So that a long answer is no long silence, and one that is given up is billed for what came.
    request.stream = true;
    let keep = joined.filter(kept::is_wanted).map(|joined| keep(&asked, joined, as_asked.clone()));
    let reply = setup.router.send(request, purpose);
    match asked.route.stream.unwrap_or(as_asked.stream) {
        true => stream(&asked, reply, &as_asked, headers, tab, keep).await,
        false => whole(&asked, reply, &as_asked, headers, tab, keep).await,
    }
}

/// Tells whether the caller's own bytes can go to the target: it speaks the dialect, and nobody asked
/// for a change.
fn passes(asked: &Asked<'_>, setup: &Setup, target: &Target) -> bool {
    let speaks = setup.registry.get(&target.provider).map(|provider| provider.dialect());
    speaks.is_ok_and(|dialect| dialect == asked.codec.dialect()) && !wants_optimizing(asked)
}

fn wants_optimizing(asked: &Asked<'_>) -> bool {
    asked.call.wants_optimizing() || asked.caller.key().is_some_and(|key| key.optimize)
}

async fn stream(
    asked: &Asked<'_>,
    reply: Reply,
    request: &Request,
    headers: HeaderMap,
    tab: Tab,
    keep: Option<Keep>,
) -> Result<Response<Out>, Refusal> {
    let encoder = asked.codec.encoder(request);
    let mut stream = AnswerStream::new(reply, encoder, tab, asked.codec.has_comments(), keep);
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

async fn whole(
    asked: &Asked<'_>,
    reply: Reply,
    request: &Request,
    headers: HeaderMap,
    tab: Tab,
    keep: Option<Keep>,
) -> Result<Response<Out>, Refusal> {
    let (answer, begun) = gather(reply, tab).await?;
    if let Some(keep) = keep {
        keep(&answer);
    }
    let mut response = json(&asked.codec.whole(request, &answer));
    let fields = response.headers_mut();
    fields.extend(headers);
    started(fields, begun.as_ref(), asked.codec);
    Ok(response)
}

/// Returns what keeps the answer of a request.
fn keep(asked: &Asked<'_>, joined: Value, request: Request) -> Keep {
    let (shared, codec) = (Arc::clone(asked.shared), asked.codec);
    let key = asked.caller.key().map(|key| key.id.clone());
    Box::new(move |response| {
        kept::keep(&shared, key.as_deref(), &joined, codec.whole(&request, response));
    })
}

/// Lets the vendor's cache hold the prompt, where the caller asked for that and set no marks itself.
fn optimize(asked: &Asked<'_>, setup: &Setup, target: &Target, request: &mut Request) {
    let key = asked.caller.key();
    if wants_optimizing(asked) && request.cache.marks.is_empty() {
        let session = request.cache.key.clone().or_else(|| key.map(|key| key.id.clone()));
        let session = session.unwrap_or_else(|| "distiq".to_owned());
        request.cache = setup.router.cache_plan(&target.provider, request, &session);
    }
}

pub(crate) fn check_model(caller: &Caller, name: &str, target: &Target) -> Result<(), Refusal> {
    let Some(key) = caller.key() else { return Ok(()) };
    let full = format!("{}/{}", target.provider, target.model);
    if key.allows(&[name, &target.model, &full]) {
        return Ok(());
    }
    let message = format!("This key may not use the model `{name}`");
    Err(Refusal::new(Kind::Permission, message))
}

/// Takes the request out of what the key has left for this minute.
pub(crate) fn take_rate(asked: &Asked<'_>) -> Result<Tab, Refusal> {
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

fn purpose(asked: &Asked<'_>, target: &Target) -> Purpose {
    Purpose {
        route: target.route,
        key: asked.caller.key_use(),
        client: Some(asked.codec.dialect()),
        ..Purpose::new(RequestKind::Gateway, target.provider.clone())
    }
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

pub(crate) fn started(headers: &mut HeaderMap, started: Option<&Started>, codec: &dyn Codec) {
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
async fn gather(mut reply: Reply, mut tab: Tab) -> Result<(Answer, Option<Started>), Refusal> {
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
    Ok((response, begun))
}
