//! How long a prompt is.

use distiq_base::Dialect;
use distiq_llm::Estimator;
use distiq_llm::wire::gemini;
use serde_json::{Value, json};

use crate::dialect::Codec;
use crate::endpoint::Route;
use crate::head::Head;
use crate::refusal::Refusal;

/// Estimates a prompt's tokens; the vendors' own counts are estimates too.
pub(crate) fn count(codec: &dyn Codec, route: &Route, body: &[u8]) -> Result<Value, Refusal> {
    Head::read(body)?;
    let request = match codec.dialect() {
        Dialect::Gemini => {
            gemini::decode_count_request(route.model.as_deref().unwrap_or_default(), body)?
        }
        _ => codec.decode(route, body)?,
    };
    let tokens = Estimator::default().estimate(&request.model, &request);
    Ok(match codec.dialect() {
        Dialect::Gemini => gemini::encode_count(tokens),
        _ => json!({ "input_tokens": tokens }),
    })
}
