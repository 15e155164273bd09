//! Working batches off, a few requests at a time; a batch that a stop interrupted goes on at the start.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use distiq_llm::ProviderErrorKind as Kind;
use distiq_store::StoreError;
use futures::StreamExt;
use hyper::body::Body;
use hyper::{HeaderMap, Method, Response, Uri};
use serde_json::{Value, json};

use super::table;
use crate::answer::worded;
use crate::body::Out;
use crate::call::{Call, Caller};
use crate::chat::{self, Asked};
use crate::dialect::{ANTHROPIC, Codec};
use crate::endpoint::{self, Route};
use crate::head::Head;
use crate::refusal::Refusal;
use crate::seeing::Watch;
use crate::shared::Shared;

/// Requests of one batch at once.
const AT_ONCE: usize = 8;
/// Requests that are read of the database at once.
const PAGE: u32 = 64;

/// Goes on with the batches that were interrupted.
pub(crate) fn resume(shared: &Arc<Shared>) {
    for id in table::unfinished(shared.keys.database()).unwrap_or_default() {
        begin(Arc::clone(shared), id);
    }
}

/// Works a batch off beside everything else; what the database refuses is left for the next start.
pub(super) fn begin(shared: Arc<Shared>, id: String) {
    tokio::spawn(async move {
        let _ = work(&shared, &id).await;
    });
}

async fn work(shared: &Arc<Shared>, id: &str) -> Result<(), StoreError> {
    let db = shared.keys.database();
    let Some(batch) = table::get(db, id)? else { return Ok(()) };
    let mut after = -1;
    loop {
        let page = table::waiting(db, id, after, PAGE)?;
        let Some((last, _)) = page.last() else { break };
        after = *last;
        let answers = futures::stream::iter(page).map(|(number, request)| {
            let caller = holder(shared, &batch.key);
            async move {
                let answer = match caller {
                    Ok(caller) => ask(shared, &caller, request).await,
                    Err(refusal) => refused(&refusal).await,
                };
                (number, answer)
            }
        });
        let mut answers = answers.buffer_unordered(AT_ONCE);
        while let Some((number, (outcome, result))) = answers.next().await {
            if shared.stopping.is_cancelled() && outcome != "succeeded" {
                // It may be the stop that failed it; the next start asks again.
                return Ok(());
            }
            table::set_result(db, id, number, outcome, &result)?;
        }
        if shared.stopping.is_cancelled() {
            return Ok(());
        }
        if table::is_cancelled(db, id)? {
            break;
        }
    }
    table::end(db, id)
}

/// Returns who made a batch: a key only for as long as it may be used.
fn holder(shared: &Shared, key: &str) -> Result<Caller, Refusal> {
    if key.is_empty() {
        return Ok(Caller::Operator);
    }
    let live = shared.keys.live(key).map(Caller::Key);
    live.ok_or_else(|| Refusal::new(Kind::Auth, "The key of this batch is expired or revoked"))
}

async fn refused(refusal: &Refusal) -> (&'static str, Value) {
    let body = whole(worded(&ANTHROPIC, refusal)).await;
    ("errored", json!({ "type": "errored", "error": body }))
}

/// Asks one request as if its holder had sent it.
async fn ask(shared: &Arc<Shared>, caller: &Caller, request: String) -> (&'static str, Value) {
    let call = Call {
        method: Method::POST,
        uri: Uri::from_static("/v1/messages"),
        headers: HeaderMap::new(),
        peer: IpAddr::from([127, 0, 0, 1]),
    };
    let codec: &'static dyn Codec = &ANTHROPIC;
    let route = Route { model: None, stream: Some(false) };
    let body = Bytes::from(request);
    if Head::read(&body).is_ok_and(|head| head.stream == Some(true)) {
        return refused(&Refusal::invalid("A request of a batch does not stream")).await;
    }
    let found = endpoint::find(call.uri.path(), false, true);
    let watch = &Watch::begin(&shared.seeing, &call, &found);
    watch.caller(caller);
    let asked = Asked { shared, call: &call, watch, caller, codec, route: &route, body };
    let response = match chat::answer(asked).await {
        Ok(response) => response,
        Err(refusal) => worded(codec, &refusal),
    };
    watch.answered(response.status().as_u16());
    let is_success = response.status().is_success();
    let body = whole(response).await;
    match is_success {
        true => ("succeeded", json!({ "type": "succeeded", "message": body })),
        false => ("errored", json!({ "type": "errored", "error": body })),
    }
}

async fn whole(response: Response<Out>) -> Value {
    let mut body = std::pin::pin!(response.into_body());
    let mut bytes = Vec::new();
    while let Some(Ok(frame)) =
        std::future::poll_fn(|context| body.as_mut().poll_frame(context)).await
    {
        if let Ok(data) = frame.into_data() {
            bytes.extend_from_slice(&data);
        }
    }
    serde_json::from_slice(&bytes).unwrap_or(Value::Null)
}
