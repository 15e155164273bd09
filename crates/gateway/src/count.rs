//! How long a prompt is.

use bytes::Bytes;
use distiq_base::Dialect;
use distiq_llm::Estimator;
use distiq_llm::wire::gemini;
use hyper::Response;
use serde_json::json;

use crate::answer::json as answer_of;
use crate::body::Out;
use crate::chat::Asked;
use crate::head::Head;
use crate::pass;
use crate::refusal::Refusal;
use crate::resolve::{first_dialect, resolve};

/// Counts a prompt's tokens: a vendor that speaks the dialect counts its own, which costs nothing; for
/// others, or where it has no such endpoint, they are estimated.
pub(crate) async fn count(asked: Asked<'_>) -> Result<Response<Out>, Refusal> {
    let head = Head::read(&asked.body)?;
    let codec = asked.codec;
    let name = asked.route.model.clone().or(head.model).unwrap_or_default();
    let request = match codec.dialect() {
        Dialect::Gemini => gemini::decode_count_request(&name, &asked.body)?,
        _ => codec.decode(asked.route, &asked.body)?,
    };
    let setup = asked.shared.setup();
    let route = resolve(&setup, asked.caller, codec.dialect(), &name)?;
    if first_dialect(&setup, &route) == Some(codec.dialect())
        && let Some(first) = route.candidates.into_iter().next()
        && let Some(counted) = pass::count(&asked, &setup, first).await
    {
        return Ok(counted);
    }
    let tokens = Estimator::default().estimate(&request.model, &request);
    Ok(answer_of(&match codec.dialect() {
        Dialect::Gemini => gemini::encode_count(tokens),
        _ => json!({ "input_tokens": tokens }),
    }))
}

/// Returns where a dialect counts, below a base URL, and the body with the model's own name.
pub(crate) fn place(dialect: Dialect, body: &Bytes, model: &str) -> Option<(&'static str, Bytes)> {
    match dialect {
        Dialect::Anthropic => {
            let mut json: serde_json::Map<String, serde_json::Value> =
                serde_json::from_slice(body).ok()?;
            json.insert("model".into(), model.into());
            let body = serde_json::to_vec(&json).ok()?;
            Some(("v1/messages/count_tokens", body.into()))
        }
        Dialect::Gemini => Some(("models/{model}:countTokens", body.clone())),
        _ => None,
    }
}
