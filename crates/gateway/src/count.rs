//! How long a prompt is.

use distiq_llm::Estimator;
use serde_json::{Value, json};

use crate::dialect::Codec;
use crate::endpoint::Route;
use crate::head::Head;
use crate::refusal::Refusal;
use crate::shared::Shared;

/// Estimates a prompt's tokens; the vendors' own counts are estimates too.
pub(crate) fn count(
    shared: &Shared,
    codec: &dyn Codec,
    route: &Route,
    body: &[u8],
) -> Result<Value, Refusal> {
    let _ = shared;
    Head::read(body)?;
    let request = codec.decode(route, body)?;
    Ok(json!({ "input_tokens": Estimator::default().estimate(&request.model, &request) }))
}
