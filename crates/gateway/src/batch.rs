//! Batches in Anthropic's form, worked off by the gateway itself before any provider.

mod table;
mod work;

use std::sync::Arc;

use distiq_llm::ProviderErrorKind as Kind;
use distiq_store::StoreError;
use hyper::Response;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::body::Out;
use crate::call::{Call, Caller};
use crate::refusal::Refusal;
use crate::shared::Shared;

pub(crate) use work::resume;

/// Most requests of a batch.
const MOST_REQUESTS: usize = 10_000;

#[derive(Deserialize)]
struct New<'a> {
    #[serde(borrow)]
    requests: Vec<Item<'a>>,
}

#[derive(Deserialize)]
struct Item<'a> {
    custom_id: String,
    #[serde(borrow)]
    params: &'a RawValue,
}

/// Takes a batch and begins to work it off.
pub(crate) fn create(shared: &Arc<Shared>, caller: &Caller, body: &[u8]) -> Result<Value, Refusal> {
    let new: New<'_> = serde_json::from_slice(body).map_err(|error| {
        Refusal::invalid(format!("Expected {{\"requests\": [{{custom_id, params}}]}}: {error}"))
    })?;
    if new.requests.is_empty() || new.requests.len() > MOST_REQUESTS {
        return Err(Refusal::invalid(format!("`requests` has from 1 to {MOST_REQUESTS} of them")));
    }
    let mut ids: Vec<&str> = new.requests.iter().map(|item| item.custom_id.as_str()).collect();
    ids.sort_unstable();
    if ids.windows(2).any(|pair| matches!(pair, [a, b] if a == b)) {
        return Err(Refusal::invalid("`custom_id` is not unique"));
    }
    if ids.iter().any(|id| id.is_empty() || id.len() > 64) {
        return Err(Refusal::invalid("`custom_id` has from 1 to 64 bytes"));
    }
    let items = new.requests.iter().map(|item| (item.custom_id.as_str(), item.params.get()));
    let id = table::insert(shared.keys.database(), owner(caller), items).map_err(failed)?;
    work::begin(Arc::clone(shared), id.clone());
    get(shared, caller, &id)
}

/// Tells how far a batch is.
pub(crate) fn get(shared: &Shared, caller: &Caller, id: &str) -> Result<Value, Refusal> {
    let found = table::get(shared.keys.database(), id).map_err(failed)?;
    let own = |batch: &table::Batch| caller.is_admin() || batch.key == owner(caller);
    found.filter(own).map(|batch| batch.json()).ok_or_else(|| unknown(id))
}

/// Lists the caller's batches, the newest first.
pub(crate) fn list(shared: &Shared, caller: &Caller, call: &Call) -> Result<Value, Refusal> {
    let limit = call.query("limit").and_then(|text| text.parse().ok()).unwrap_or(20_u32);
    let key = (!caller.is_admin()).then(|| owner(caller));
    let all = table::list(shared.keys.database(), key, limit.clamp(1, 1000)).map_err(failed)?;
    let data: Vec<Value> = all.iter().map(table::Batch::json).collect();
    let id = |item: Option<&Value>| item.and_then(|item| item.get("id").cloned());
    let (first, last) = (id(data.first()), id(data.last()));
    Ok(serde_json::json!({ "data": data, "has_more": false, "first_id": first, "last_id": last }))
}

/// Ends a batch; requests under way are finished.
pub(crate) fn cancel(shared: &Shared, caller: &Caller, id: &str) -> Result<Value, Refusal> {
    get(shared, caller, id)?;
    table::cancel(shared.keys.database(), id).map_err(failed)?;
    get(shared, caller, id)
}

/// Forgets a batch that has ended.
pub(crate) fn delete(shared: &Shared, caller: &Caller, id: &str) -> Result<Value, Refusal> {
    let batch = get(shared, caller, id)?;
    if batch.get("processing_status").and_then(Value::as_str) != Some("ended") {
        return Err(Refusal::invalid("The batch has not ended; cancel it first"));
    }
    table::delete(shared.keys.database(), id).map_err(failed)?;
    Ok(serde_json::json!({ "id": id, "type": "message_batch_deleted" }))
}

/// Returns the answers of a batch that has ended, one a line.
pub(crate) fn results(
    shared: &Shared,
    caller: &Caller,
    id: &str,
) -> Result<Response<Out>, Refusal> {
    let batch = get(shared, caller, id)?;
    if batch.get("processing_status").and_then(Value::as_str) != Some("ended") {
        return Err(Refusal::invalid("The batch has not ended"));
    }
    let lines = table::results(shared.keys.database(), id).map_err(failed)?;
    let mut response = Response::new(lines.into_bytes().into());
    let kind = HeaderValue::from_static("application/x-jsonl");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    Ok(response)
}

fn owner(caller: &Caller) -> &str {
    caller.key().map_or("", |key| key.id.as_str())
}

fn unknown(id: &str) -> Refusal {
    let id: String = id.chars().take(100).collect();
    Refusal::with_status(404, format!("No batch `{id}` of this key"))
}

fn failed(error: StoreError) -> Refusal {
    Refusal::new(Kind::Server, format!("{error}. {}", error.hint()))
}
