//! `/health`: the process lives. `/ready`: it takes requests.

use serde_json::{Value, json};

use crate::refusal::Refusal;
use crate::shared::Shared;

/// Answers as long as the process can.
pub(crate) fn health() -> Value {
    json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") })
}

/// Answers 503 once the gateway stops, or where no provider can be used.
pub(crate) fn ready(shared: &Shared) -> Result<Value, Refusal> {
    if shared.stopping.is_cancelled() {
        return Err(Refusal::with_status(503, "The gateway stops"));
    }
    let setup = shared.setup();
    let providers = setup.registry.names();
    if providers.is_empty() {
        return Err(Refusal::with_status(503, "No provider can be used; `distiq doctor` says why"));
    }
    Ok(json!({ "status": "ready", "providers": providers.len() }))
}
