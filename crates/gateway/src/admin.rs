//! Keys over HTTP: made, listed and revoked by those who may.

use distiq_llm::ProviderErrorKind as Kind;
use hyper::Method;
use serde_json::{Value, json};

use crate::call::Caller;
use crate::keys::{KeyError, NewKey};
use crate::refusal::Refusal;
use crate::shared::Shared;

/// Lists the keys, or makes one.
pub(crate) fn keys(
    shared: &Shared,
    caller: &Caller,
    method: &Method,
    body: &[u8],
) -> Result<Value, Refusal> {
    check(caller)?;
    if method != Method::POST {
        return Ok(json!({ "keys": shared.keys.list().map_err(refuse)? }));
    }
    let new: NewKey = serde_json::from_slice(body)
        .map_err(|error| Refusal::invalid(format!("The body is not a new key: {error}")))?;
    let made = shared.keys.create(&new).map_err(refuse)?;
    let mut value = serde_json::to_value(&made.key).unwrap_or_default();
    if let Some(fields) = value.as_object_mut() {
        fields.insert("key".into(), made.secret.expose().into());
    }
    Ok(value)
}

/// Tells of a key, or revokes it.
pub(crate) fn key(
    shared: &Shared,
    caller: &Caller,
    method: &Method,
    id: &str,
) -> Result<Value, Refusal> {
    check(caller)?;
    let key = match *method {
        Method::DELETE => shared.keys.revoke(id),
        _ => shared.keys.get(id),
    };
    key.map(|key| json!(key)).map_err(refuse)
}

fn check(caller: &Caller) -> Result<(), Refusal> {
    match caller.is_admin() {
        true => Ok(()),
        false => Err(Refusal::new(Kind::Permission, "Only a key made with `--admin` may do this")),
    }
}

fn refuse(error: KeyError) -> Refusal {
    let message = format!("{error}. {}", error.hint());
    match error {
        KeyError::Unknown(_) => Refusal::with_status(404, message),
        KeyError::Field { .. } => Refusal::invalid(message),
        KeyError::Store(_) | KeyError::Random(_) => Refusal::new(Kind::Server, message),
    }
}
