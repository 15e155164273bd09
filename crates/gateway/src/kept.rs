//! Answers that are kept, so that a request may go on from one by its id (`previous_response_id`).

use distiq_llm::ProviderErrorKind as Kind;
use distiq_llm::wire::responses::{PageQuery, Stored};
use distiq_store::{StoreError, params};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::call::{Call, Caller};
use crate::refusal::Refusal;
use crate::shared::Shared;

/// How long an answer is kept, as OpenAI keeps its own.
const DAYS: i64 = 30;
/// The largest conversation that is kept.
const MOST_BYTES: usize = 32 << 20;
/// The most that all of them may take; the oldest go first.
const MOST_IN_ALL: i64 = 2 << 30;

/// Joins a request with the conversation that it goes on from.
pub(crate) fn join(shared: &Shared, caller: &Caller, body: &[u8]) -> Result<Value, Refusal> {
    let request: Map<String, Value> = serde_json::from_slice(body)
        .map_err(|error| Refusal::invalid(format!("The body is not a request: {error}")))?;
    let Some(id) = request.get("previous_response_id").and_then(Value::as_str) else {
        return Ok(Value::Object(request));
    };
    let stored = read(shared, caller, id)?;
    Ok(Value::Object(stored.join(&request)?))
}

/// Tells whether an answer is kept here, so that no vendor knows its id.
pub(crate) fn is_kept(shared: &Shared, id: &str) -> Result<bool, Refusal> {
    let sql = "SELECT 1 FROM response WHERE id = ?1";
    let found: Result<Option<i64>, StoreError> =
        shared.keys.database().read(|tx| tx.one(sql, params![id], |row| row.get(0)));
    Ok(found.map_err(failed)?.is_some())
}

/// Tells whether a body asks to be kept.
pub(crate) fn is_wanted(request: &Value) -> bool {
    request.get("store") != Some(&Value::Bool(false))
}

/// Keeps an answer with the request that led to it; one that cannot be kept is still an answer.
pub(crate) fn keep(shared: &Shared, key: Option<&str>, request: &Value, response: Value) {
    let Some(id) = response.get("id").and_then(Value::as_str).map(str::to_owned) else { return };
    let stored = Stored::of(request, response);
    let text = json!({ "input": stored.input, "response": stored.response }).to_string();
    if text.len() > MOST_BYTES {
        return;
    }
    let now = Timestamp::now().as_millisecond();
    let old = now - DAYS * 86_400_000;
    let _: Result<(), StoreError> = shared.keys.database().write(|tx| {
        tx.execute("DELETE FROM response WHERE at_ms < ?1", params![old])?;
        tx.execute(
            "DELETE FROM response WHERE id IN (SELECT id FROM (SELECT id, sum(length(body)) \
             OVER (ORDER BY at_ms DESC) AS total FROM response) WHERE total > ?1)",
            params![MOST_IN_ALL],
        )?;
        tx.execute(
            "INSERT OR REPLACE INTO response(id, at_ms, key, body) VALUES (?1,?2,?3,?4)",
            params![id, now, key.unwrap_or_default(), text],
        )
        .map(drop)
    });
}

/// Returns an answer that is kept.
pub(crate) fn get(shared: &Shared, caller: &Caller, id: &str) -> Result<Value, Refusal> {
    read(shared, caller, id).map(|stored| stored.response)
}

/// Forgets an answer.
pub(crate) fn delete(shared: &Shared, caller: &Caller, id: &str) -> Result<Value, Refusal> {
    read(shared, caller, id)?;
    let deleted: Result<(), StoreError> = shared
        .keys
        .database()
        .write(|tx| tx.execute("DELETE FROM response WHERE id = ?1", params![id]).map(drop));
    deleted.map_err(failed)?;
    Ok(Stored::deleted(id))
}

/// Returns what led to an answer, a page of it.
pub(crate) fn input(
    shared: &Shared,
    caller: &Caller,
    call: &Call,
    id: &str,
) -> Result<Value, Refusal> {
    let query = PageQuery {
        limit: call.query("limit").and_then(|text| text.parse().ok()),
        order: call.query("order"),
        after: call.query("after"),
    };
    Ok(read(shared, caller, id)?.input_items(&query)?)
}

fn read(shared: &Shared, caller: &Caller, id: &str) -> Result<Stored, Refusal> {
    let found: Result<Option<(String, String)>, StoreError> = shared.keys.database().read(|tx| {
        tx.one("SELECT key, body FROM response WHERE id = ?1", params![id], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
    });
    let own = caller.key().map(|key| key.id.as_str());
    let found = found.map_err(failed)?.filter(|(key, _)| caller.is_admin() || own == Some(key));
    let stored = found.and_then(|(_, body)| {
        let mut json: Value = serde_json::from_str(&body).ok()?;
        let input = match json.get_mut("input")?.take() {
            Value::Array(items) => items,
            _ => return None,
        };
        Some(Stored { input, response: json.get_mut("response")?.take() })
    });
    stored.ok_or_else(|| {
        let id: String = id.chars().take(100).collect();
        let message = format!("No answer `{id}` is kept here for this key");
        Refusal::with_status(404, message)
    })
}

fn failed(error: StoreError) -> Refusal {
    Refusal::new(Kind::Server, format!("{error}. {}", error.hint()))
}
