//! Answers of models: from a caller's body to the caller's dialect again.

use std::sync::Arc;

use bytes::Bytes;
use distiq_base::{Assembler, Dialect, Request, RequestKind, Response as Answer, Role};
use distiq_llm::ProviderErrorKind as Kind;
use distiq_llm::wire::{Fate, notes, responses};
use distiq_router::economy::Pace;
use distiq_router::{CacheSlot, CacheUse, Purpose, Reply, Route as Ways, RouterEvent, Verdict};
use futures::StreamExt;
use hyper::Response;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use serde_json::Value;

use crate::answer::{REQUEST_ID, json};
use crate::body::Out;
use crate::call::{Call, Caller};
use crate::dialect::{self, Codec};
use crate::endpoint::Route;
use crate::head::Head;
use crate::refusal::Refusal;
use crate::resolve::{first_dialect, may_use, resolve, resolve_for};
use crate::seeing::Watch;
use crate::setup::Setup;
use crate::shared::Shared;
use crate::stream::{AnswerStream, Keep, Started, Tab};
use crate::{kept, pass};

/// Bytes of a body to a token, for the limit of tokens a minute until the vendor has counted.
const BYTES_PER_TOKEN: u64 = 4;

/// Most names that `x-distiq-dropped` tells.
const MOST_NAMES: usize = 20;

/// What a chat request came with.
pub(crate) struct Asked<'a> {
    pub shared: &'a Arc<Shared>,
    pub call: &'a Call,
    pub watch: &'a Arc<Watch>,
    pub caller: &'a Caller,
    pub codec: &'static dyn Codec,
    pub route: &'a Route,
    pub body: Bytes,
}

/// Answers a request to a model.
pub(crate) async fn answer(mut asked: Asked<'_>) -> Result<Response<Out>, Refusal> {
    let (head, fields) = Head::read_with_fields(&asked.body)?;
    if head.has_items && asked.codec.dialect() == Dialect::Openai {
        asked.codec = &dialect::CURSOR;
    }
    let setup = asked.shared.setup();
    // Ollama's answers stream unless told not to.
    let by_default = asked.codec.dialect() == Dialect::Ollama;
    let streams = asked.route.stream.or(head.stream).unwrap_or(by_default);
    let name = asked.route.model.clone().or(head.model).unwrap_or_default();
    asked.watch.asks(&name, asked.route.stream.or(head.stream), &asked.body);
    let is_open = setup.table.is_open(&name);
    let route = match is_open {
        // What the user said decides; a body that cannot be read is refused below, as by name.
        true => match asked.codec.decode(asked.route, &asked.body) {
            Ok(request) => {
                resolve_for(&setup, asked.caller, asked.codec.dialect(), &name, &request)?
            }
            Err(_) => resolve(&setup, asked.caller, asked.codec.dialect(), &name)?,
        },
        false => resolve(&setup, asked.caller, asked.codec.dialect(), &name)?,
    };
    let tab = take_rate(&asked)?;
    let target = first_dialect(&setup, &route);
    let is_changed = route.name == "auto" || wants_optimizing(&asked);
    let wants_cache = asked.call.wants_cache().unwrap_or(is_changed || setup.router.caches_all());
    let goes_on_here = match &head.previous {
        Some(id) if asked.codec.keeps_answers() => kept::is_kept(asked.shared, id)?,
        _ => false,
    };
    let race = route.candidates.first().filter(|_| is_open).and_then(|chosen| {
        let race = setup.table.race(chosen, Timestamp::now())?;
        may_use(asked.caller, &name, &race.rival).then_some(race)
    });
    let (mut purpose, model) = purpose(&asked, RequestKind::Gateway, route);
    purpose.race = race;
    // The caller's own bytes, where the target speaks the dialect and nobody asked for a change.
    let as_is = !is_changed && !wants_cache && !goes_on_here && asked.codec.can_pass();
    if target == Some(asked.codec.dialect()) && as_is {
        return pass::answer(&asked, &setup, (streams, fields), model, purpose, tab).await;
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
    request.headers = asked.call.trace();
    let as_asked = request.clone();
    responses::stand_alone(&mut request);
    request.model = model;
    let headers = target.map_or_else(|| Ok(HeaderMap::new()), |target| facts(&request, target))?;
    if is_changed {
        let saved = distiq_router::compress::documents(&mut request);
        purpose.left_out.compression_tokens = saved;
    }
    let at_marks = target == Some(Dialect::Anthropic) && counts_on_cache(&asked, &request);
    if is_changed || at_marks {
        mark(&asked, &setup, &purpose.provider, &mut request);
    }
    // So that a long answer is no long silence, and one that is given up is billed for what came.
    request.stream = true;
    let keep = joined.filter(kept::is_wanted).map(|joined| keep(&asked, joined, as_asked.clone()));
    let mut told = CacheSlot::default();
    if wants_cache {
        let used = CacheUse { model: name, ..CacheUse::default() };
        told = used.told.clone();
        purpose.cache = Some(used);
    }
    let reply = setup.router.send(request, purpose);
    let answer = match asked.route.stream.unwrap_or(as_asked.stream) {
        true => stream(&asked, reply, &as_asked, headers, tab, keep).await,
        false => whole(&asked, reply, &as_asked, headers, tab, keep).await,
    };
    let is_off = is_changed && !wants_cache;
    answer.map(|answer| tell_cache(answer, &told, is_off))
}

/// Tells in the head what the cache of answers did.
fn tell_cache(mut response: Response<Out>, told: &CacheSlot, is_off: bool) -> Response<Out> {
    let Some(verdict) = told.get().or(is_off.then_some(Verdict::Bypass)) else { return response };
    let fields = response.headers_mut();
    fields.insert("x-distiq-cache", HeaderValue::from_static(verdict.as_str()));
    if let Some(entry) = told.entry().and_then(|entry| HeaderValue::try_from(entry).ok()) {
        fields.insert("x-distiq-cache-id", entry);
    }
    response
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
    let mut stream = AnswerStream::new(reply, encoder, tab, asked.codec, keep);
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
    let (mut answer, begun) = gather(reply, tab).await?;
    if let Some(begun) = &begun {
        begun.name(asked.codec, &mut answer.id);
    }
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

/// Tells whether the caller may count on the vendor's cache without a mark of its own: its dialect has
/// none, since its vendors find prefixes by themselves, and the conversation goes on or will.
///
/// Of a prompt that is sent once, a mark would only make the writing dearer.
fn counts_on_cache(asked: &Asked<'_>, request: &Request) -> bool {
    let has_no_marks =
        matches!(asked.codec.dialect(), Dialect::Openai | Dialect::Responses | Dialect::Gemini);
    let goes_on = request.cache.key.is_some()
        || !request.tools.is_empty()
        || request.messages.iter().any(|message| message.role == Role::Assistant);
    has_no_marks && goes_on && !asked.call.refuses_optimizing()
}

/// Lets the vendor's cache hold the prompt, where the caller set no marks itself.
fn mark(asked: &Asked<'_>, setup: &Setup, provider: &str, request: &mut Request) {
    if request.cache.marks.is_empty() {
        let key = asked.caller.key().map(|key| key.id.clone());
        let session = request.cache.key.clone().or(key).unwrap_or_else(|| "distiq".to_owned());
        request.cache = setup.router.cache_plan(provider, request, &session, &Pace::default());
    }
}

/// Takes the request out of what the key has left for this minute.
pub(crate) fn take_rate(asked: &Asked<'_>) -> Result<Tab, Refusal> {
    let shared = Arc::clone(asked.shared);
    let watch = Arc::clone(asked.watch);
    let Some(key) = asked.caller.key() else { return Ok(Tab { shared, key: None, _watch: watch }) };
    let tokens = asked.body.len() as u64 / BYTES_PER_TOKEN;
    match shared.rates.take(key, tokens) {
        Ok(()) => Ok(Tab { shared, key: Some((key.id.clone(), tokens)), _watch: watch }),
        Err(wait) => {
            Err(Refusal::new(Kind::RateLimited, "This key's limit a minute is used up").after(wait))
        }
    }
}

/// Returns what a request along a route is for, and the model that it is to ask first.
pub(crate) fn purpose(asked: &Asked<'_>, kind: RequestKind, route: Ways) -> (Purpose, String) {
    let (mut purpose, model) = Purpose::along(kind, route);
    purpose.key = asked.caller.key_use();
    purpose.client = Some(asked.codec.dialect());
    purpose.receipt = Some(asked.watch.receipt());
    (purpose, model)
}

/// Returns the headers that tell what the target cannot say; where that would change the meaning, the
/// request is refused.
fn facts(request: &Request, target: Dialect) -> Result<HeaderMap, Refusal> {
    let mut headers = HeaderMap::new();
    let mut dropped: Vec<String> = Vec::new();
    for note in notes(request, target) {
        match note.fate {
            Fate::Refused(reason) => {
                return Err(Refusal::invalid(format!("{}: {reason}", note.what)));
            }
            Fate::Dropped(_) if dropped.len() < MOST_NAMES => dropped.push(plain(&note.what)),
            _ => {}
        }
    }
    if !dropped.is_empty()
        && let Ok(names) = HeaderValue::try_from(dropped.join(", "))
    {
        headers.insert("x-distiq-dropped", names);
    }
    Ok(headers)
}

/// Returns a name as a header can hold it; the caller may have made it up.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').take(64).collect()
}

pub(crate) fn started(headers: &mut HeaderMap, started: Option<&Started>, codec: &dyn Codec) {
    let Some(started) = started else { return };
    if let Ok(id) = HeaderValue::try_from(started.request_id.as_str()) {
        headers.insert(REQUEST_ID, id.clone());
        headers.insert(codec.id_header(), id);
    }
    let route = [&*started.provider, "/", &*started.model].concat();
    if let Ok(route) = HeaderValue::try_from(route) {
        headers.insert(const { HeaderName::from_static("x-distiq-route") }, route);
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
            Some(
                RouterEvent::Started { request_id, provider, model }
                | RouterEvent::FellBack { request_id, provider, model, .. },
            ) => {
                begun = Some(Started { request_id, provider, model });
            }
            Some(RouterEvent::Model(event)) => assembler.push(&event),
            Some(RouterEvent::Finished(receipt)) => {
                tab.settle(&receipt);
                if let Some(error) = &receipt.error {
                    return Err(Refusal::from(error.clone()).of(&receipt));
                }
                break;
            }
            Some(RouterEvent::Retried { .. } | RouterEvent::Notice(_)) => {}
            None => break,
        }
    }
    if !assembler.is_complete() {
        return Err(Refusal::new(Kind::Truncated, "The answer was cut off before its end"));
    }
    Ok((assembler.into_response(), begun))
}
