//! What became of a request, and what its caller says of the answer.

use distiq_base::RequestId;
use distiq_llm::ProviderErrorKind as Kind;
use distiq_router::RequestRow;
use distiq_store::params;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::call::Caller;
use crate::refusal::Refusal;
use crate::shared::Shared;

/// The longest comment, in bytes.
const MOST_COMMENT: usize = 10_000;

/// Tells the ledger's row of a request; what nobody knows is left out.
pub(crate) fn request(shared: &Shared, caller: &Caller, id: &str) -> Result<Value, Refusal> {
    let mut value = serde_json::to_value(row(shared, caller, id)?).unwrap_or_default();
    leave_out_nulls(&mut value);
    Ok(value)
}

fn row(shared: &Shared, caller: &Caller, id: &str) -> Result<RequestRow, Refusal> {
    let unknown = || Refusal::new(Kind::UnknownModel, "No such request of this key");
    let id = RequestId::parse(id).ok_or_else(unknown)?;
    let row = shared
        .setup()
        .router
        .ledger()
        .request(&id)
        .map_err(|error| Refusal::new(Kind::Server, format!("{error}. {}", error.hint())))?;
    let own = |row: &RequestRow| {
        caller.is_admin() || caller.key().map(|key| key.id.as_str()) == row.key.as_deref()
    };
    row.filter(own).ok_or_else(unknown)
}

fn leave_out_nulls(value: &mut Value) {
    if let Value::Object(fields) = value {
        fields.retain(|_, field| {
            leave_out_nulls(field);
            !field.is_null() && !field.as_object().is_some_and(serde_json::Map::is_empty)
        });
    }
}

#[derive(Deserialize)]
struct Word {
    request_id: String,
    score: i8,
    #[serde(default)]
    comment: String,
}

/// Keeps a caller's word on an answer: -1 bad, 0 neither, 1 good.
pub(crate) fn feedback(shared: &Shared, caller: &Caller, body: &[u8]) -> Result<Value, Refusal> {
    let word: Word = serde_json::from_slice(body).map_err(|error| {
        Refusal::invalid(format!(
            "Expected {{\"request_id\", \"score\": -1|0|1, \"comment\"?}}: {error}"
        ))
    })?;
    if !(-1..=1).contains(&word.score) || word.comment.len() > MOST_COMMENT {
        let message = format!("`score` is -1, 0 or 1; `comment` at most {MOST_COMMENT} bytes");
        return Err(Refusal::invalid(message));
    }
    let row = row(shared, caller, &word.request_id)?;
    let key = caller.key().map(|key| key.id.clone());
    let at = Timestamp::now().as_millisecond();
    let written: Result<(), distiq_store::StoreError> = shared.keys.database().write(|tx| {
        tx.execute(
            "INSERT INTO feedback(request_id, at_ms, key, score, comment) VALUES (?1,?2,?3,?4,?5)",
            params![row.id.as_str(), at, key, word.score, word.comment],
        )
        .map(drop)
    });
    written.map_err(|error| Refusal::new(Kind::Server, format!("{error}. {}", error.hint())))?;
    Ok(json!({ "request_id": row.id, "kept": true }))
}
