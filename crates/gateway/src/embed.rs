//! Texts as vectors, between the dialects that have them.

use std::sync::Arc;

use distiq_base::{Dialect, EmbedRequest, EmbedResponse, RequestKind};
use distiq_llm::ProviderErrorKind as Kind;
use distiq_llm::provider::RawRequest;
use distiq_llm::wire::gemini::{self, Action};
use distiq_llm::wire::ollama::{self, EmbedForm};
use distiq_llm::wire::{WireError, embed, openai};
use distiq_router::{Call as Passed, ForwardBody, Reads};
use hyper::Response;
use hyper::header::{HeaderMap, HeaderName};
use serde_json::Value;

use crate::answer::json;
use crate::body::Out;
use crate::chat::{Asked, purpose, started, take_rate};
use crate::endpoint::EmbedDoor;
use crate::head::Head;
use crate::refusal::Refusal;
use crate::resolve::{first_dialect, resolve};
use crate::stream::Started;

/// Answers a request for vectors.
pub(crate) async fn answer(door: EmbedDoor, asked: Asked<'_>) -> Result<Response<Out>, Refusal> {
    let head = Head::read(&asked.body)?;
    let setup = asked.shared.setup();
    let name = asked.route.model.clone().or(head.model).unwrap_or_default();
    asked.watch.asks(&name, Some(false), &asked.body);
    let route = resolve(&setup, asked.caller, asked.codec.dialect(), &name)?;
    let mut tab = take_rate(&asked)?;
    let mut request = decode(door, &name, &asked.body)?;
    let dialect = first_dialect(&setup, &route).unwrap_or(Dialect::Openai);
    let (purpose, model) = purpose(&asked, RequestKind::Embed, route);
    request.model.clone_from(&model);
    let (path, body) = encode(dialect, &request)?;
    let name = |name: String| HeaderName::try_from(name).ok();
    let trace = asked.call.trace().into_iter();
    let headers: HeaderMap =
        trace.filter_map(|(n, value)| Some((name(n)?, value.parse().ok()?))).collect();
    let passed = Passed {
        dialect,
        reads: Reads::Count,
        model,
        request: RawRequest {
            path: path.into(),
            body: body.into(),
            headers: Arc::new(headers),
            ..RawRequest::default()
        },
        fields: None,
    };
    let forwarded = setup.router.forward(passed, purpose).await.map_err(|refused| refused.error)?;
    if let Some(receipt) = forwarded.receipt.get() {
        tab.settle(&receipt);
    }
    let ForwardBody::Whole(body) = forwarded.body else {
        return Err(Refusal::new(Kind::Malformed, "The provider streams its vectors"));
    };
    let mut answer = embed::decode(dialect, &body).map_err(|error| {
        Refusal::new(Kind::Malformed, format!("{}: {error}", forwarded.provider))
    })?;
    if answer.model.is_empty() {
        answer.model = request.model.clone();
    }
    let mut response = json(&write(door, &answer, &request));
    let told = Started {
        request_id: forwarded.request_id,
        provider: forwarded.provider,
        model: forwarded.model,
    };
    started(response.headers_mut(), Some(&told), asked.codec);
    Ok(response)
}

fn decode(door: EmbedDoor, model: &str, body: &[u8]) -> Result<EmbedRequest, WireError> {
    match door {
        EmbedDoor::OpenAi => openai::decode_embed_request(body),
        EmbedDoor::Gemini(_) => gemini::decode_embed_request(model, body),
        EmbedDoor::Ollama | EmbedDoor::OlderOllama => ollama::decode_embed_request(body),
    }
}

fn encode(dialect: Dialect, request: &EmbedRequest) -> Result<(&'static str, Vec<u8>), Refusal> {
    embed::encode(dialect, request).ok_or_else(|| {
        let message = "This provider has no embeddings; name one that has, as `PROVIDER/MODEL`";
        Refusal::invalid(message)
    })
}

fn write(door: EmbedDoor, answer: &EmbedResponse, request: &EmbedRequest) -> Value {
    match door {
        EmbedDoor::OpenAi => openai::encode_embed_response(answer, request.encoding),
        EmbedDoor::Gemini(Action::BatchEmbed) => {
            gemini::encode_embed_response(answer, Action::BatchEmbed)
        }
        EmbedDoor::Gemini(_) => gemini::encode_embed_response(answer, Action::Embed),
        EmbedDoor::Ollama => ollama::encode_embed_response(answer, EmbedForm::Embed),
        EmbedDoor::OlderOllama => ollama::encode_embed_response(answer, EmbedForm::Older),
    }
}
