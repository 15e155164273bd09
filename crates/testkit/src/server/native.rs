//! What only Gemini and Ollama have: models in the address, lists, counts, signatures, lines.

use distiq_base::{Content, Dialect, EmbedResponse, Request, Response, StreamEvent};
use distiq_llm::provider::ModelListing;
use distiq_llm::wire::WireError;
use distiq_llm::wire::gemini::{self, Action, StreamForm};
use distiq_llm::wire::ollama::{self, AnswerOptions, Endpoint};
use serde_json::{Value, json};

use crate::http::HttpRequest;
use crate::vendor::{Refusal, Vendors};

/// When every answer of Ollama says that it was made.
const CREATED_AT: &str = "2026-01-01T00:00:00Z";

/// The window of every model.
const CONTEXT_TOKENS: u64 = 131_072;

/// The signature that Gemini's models put on the first call, or on the end of an answer.
const SIGNATURE: &str = "c2NyaXB0ZWQgc2lnbmF0dXJl";

/// Returns the dialect of a request to a model, by its path.
pub(super) fn dialect_of(request: &HttpRequest) -> Option<Dialect> {
    if request.method != "POST" {
        return None;
    }
    match request.path.as_str() {
        "/api/chat" | "/api/generate" => Some(Dialect::Ollama),
        path => match gemini::read_path(path)?.action {
            Action::Generate | Action::Stream => Some(Dialect::Gemini),
            Action::Count | Action::Embed | Action::BatchEmbed => None,
        },
    }
}

/// Returns a body with the model that stands in the address.
pub(super) fn with_model(request: &HttpRequest, body: &Value) -> Value {
    let mut body = body.clone();
    if let (Some(address), Some(fields)) = (gemini::read_path(&request.path), body.as_object_mut())
    {
        fields.insert("model".into(), address.model.into());
    }
    body
}

/// Reads a request to a model of either dialect.
pub(super) fn decode(request: &HttpRequest) -> Result<Request, WireError> {
    match gemini::read_path(&request.path) {
        Some(address) => {
            let stream = address.action == Action::Stream;
            gemini::decode_request(&address.model, stream, &request.body)
        }
        None if request.path == "/api/generate" => ollama::decode_generate(&request.body),
        None => ollama::decode_request(&request.body),
    }
}

/// Gives an answer the signatures that the dialect's models give.
pub(super) fn sign(content: &mut Vec<Content>, dialect: Dialect, model: &str) {
    let proof =
        |signature: String| Content::Thinking { text: String::new(), signature: Some(signature) };
    for part in content.iter_mut() {
        if let Content::Thinking { signature, .. } = part {
            *signature = (dialect == Dialect::Gemini).then(|| "gemini:".to_owned());
        }
    }
    if dialect != Dialect::Gemini || !crate::vendor::native_rules::signs(model) {
        return;
    }
    match content.iter().position(|part| matches!(part, Content::ToolCall { .. })) {
        Some(first) => content.insert(first, proof(format!("gemini>{SIGNATURE}"))),
        None => content.push(proof(format!("gemini.{SIGNATURE}"))),
    }
}

/// How the answer to a request is written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    Gemini(StreamForm),
    Ollama(Endpoint),
}

impl Form {
    /// Returns the form that a path asks for; `None` for other dialects.
    pub(super) fn of(path: &str, query: &str) -> Option<Self> {
        if gemini::read_path(path).is_some() {
            let sse = query.split('&').any(|pair| pair == "alt=sse");
            return Some(Self::Gemini(if sse { StreamForm::Sse } else { StreamForm::Array }));
        }
        match path {
            "/api/chat" => Some(Self::Ollama(Endpoint::Chat)),
            "/api/generate" => Some(Self::Ollama(Endpoint::Generate)),
            _ => None,
        }
    }

    /// Returns the content type of a stream.
    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Gemini(form) => form.content_type(),
            Self::Ollama(_) => "application/x-ndjson",
        }
    }

    /// Returns an answer as whole bytes.
    pub(super) fn whole(self, response: &Response) -> Value {
        match self {
            Self::Gemini(_) => gemini::encode_response(response),
            Self::Ollama(endpoint) => {
                let mut body = ollama::encode_response(response, &options(endpoint));
                durations(&mut body);
                body
            }
        }
    }

    /// Returns an answer as the frames of a stream, the end last.
    pub(super) fn frames(self, events: &[StreamEvent]) -> Vec<String> {
        let frames: Vec<String> = match self {
            Self::Gemini(form) => {
                let mut encoder = gemini::StreamEncoder::new(form);
                events.iter().map(|event| encoder.encode(event)).collect()
            }
            Self::Ollama(endpoint) => {
                let mut encoder = ollama::StreamEncoder::new(options(endpoint));
                events.iter().map(|event| encoder.encode(event)).collect()
            }
        };
        let mut frames: Vec<String> =
            frames.into_iter().filter(|frame| !frame.is_empty()).collect();
        if let (Self::Ollama(_), Some(last)) = (self, frames.last_mut())
            && let Ok(mut body) = serde_json::from_str::<Value>(last)
        {
            durations(&mut body);
            *last = format!("{body}\n");
        }
        frames
    }
}

fn options(endpoint: Endpoint) -> AnswerOptions {
    AnswerOptions { endpoint, created_at: CREATED_AT.to_owned() }
}

/// Adds the times that a server of its own measures.
fn durations(body: &mut Value) {
    let Some(fields) = body.as_object_mut() else { return };
    for (key, nanos) in [
        ("total_duration", 5_191_566_416_u64),
        ("load_duration", 2_154_458),
        ("prompt_eval_duration", 383_809_000),
        ("eval_duration", 4_799_921_000),
    ] {
        fields.insert(key.into(), nanos.into());
    }
}

/// Answers what is no request to a model; `None` for a path of another dialect.
pub(super) fn side_door(
    request: &HttpRequest,
    models: &[String],
    vendors: &mut Vendors,
) -> Option<(Dialect, Result<Value, Refusal>)> {
    let path = request.path.as_str();
    let listing = |id: &String| ModelListing {
        id: id.clone(),
        display_name: Some(id.clone()),
        context_tokens: Some(CONTEXT_TOKENS),
        max_output_tokens: Some(8_192),
    };
    let list: Vec<ModelListing> = models.iter().map(listing).collect();
    if path.starts_with("/api/") {
        return Some((Dialect::Ollama, ollama_door(request, &list, vendors)));
    }
    if let Some(address) = gemini::read_path(path) {
        let answer = gemini_call(request, &address, vendors);
        return Some((Dialect::Gemini, answer));
    }
    let below = path.strip_prefix("/v1beta/models")?;
    let answer = match (request.method.as_str(), below.strip_prefix('/')) {
        ("GET", None) if below.is_empty() => Ok(gemini::encode_models(&list, None)),
        ("GET", Some(id)) => list
            .iter()
            .find(|model| model.id == id)
            .map(gemini::encode_model)
            .ok_or_else(|| Refusal::new(404, "NOT_FOUND", format!("models/{id} is not found"))),
        _ => Err(Refusal::new(404, "NOT_FOUND", "Requested entity was not found.")),
    };
    Some((Dialect::Gemini, answer))
}

fn gemini_call(
    request: &HttpRequest,
    address: &gemini::Address,
    vendors: &mut Vendors,
) -> Result<Value, Refusal> {
    let wrong = |error: WireError| Refusal::new(400, "INVALID_ARGUMENT", error.to_string());
    let body: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
    match address.action {
        Action::Count => {
            let inner = body.get("generateContentRequest").unwrap_or(&body);
            Ok(gemini::encode_count(vendors.count(Dialect::Gemini, "", inner).usage.prompt()))
        }
        action => {
            let asked =
                gemini::decode_embed_request(&address.model, &request.body).map_err(wrong)?;
            Ok(gemini::encode_embed_response(&vectors(&asked), action))
        }
    }
}

fn ollama_door(
    request: &HttpRequest,
    list: &[ModelListing],
    vendors: &mut Vendors,
) -> Result<Value, Refusal> {
    let wrong = |error: WireError| Refusal::new(400, "", error.to_string());
    let body: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
    let model = body.get("model").and_then(Value::as_str).unwrap_or_default();
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/api/version") => Ok(ollama::encode_version("0.12.3")),
        ("GET", "/api/tags") => Ok(ollama::encode_tags(list, CREATED_AT)),
        ("GET", "/api/ps") => Ok(ollama::encode_ps(list, CREATED_AT)),
        ("POST", "/api/show") => {
            let known = ModelListing {
                id: model.to_owned(),
                display_name: None,
                context_tokens: Some(CONTEXT_TOKENS),
                max_output_tokens: None,
            };
            Ok(ollama::encode_show(&known, &["completion", "tools", "thinking", "vision"]))
        }
        ("POST", "/api/embed" | "/api/embeddings") => {
            let asked = ollama::decode_embed_request(&request.body).map_err(wrong)?;
            let older = request.path.ends_with("embeddings");
            let form = if older { ollama::EmbedForm::Older } else { ollama::EmbedForm::Embed };
            let mut answer = vectors(&asked);
            let text = serde_json::to_string(&asked.input).unwrap_or_default();
            answer.tokens = Some(vendors.tokens(&text));
            Ok(ollama::encode_embed_response(&answer, form))
        }
        _ => Err(Refusal::new(404, "", "404 page not found")),
    }
}

/// Returns a vector for each input, the same for the same text.
fn vectors(asked: &distiq_base::EmbedRequest) -> EmbedResponse {
    let length = asked.dimensions.map_or(4, |n| usize::try_from(n.min(4_096)).unwrap_or(4));
    let vector = |input: &distiq_base::EmbedInput| {
        let hash = blake3::hash(json!(input).to_string().as_bytes());
        let bytes = hash.as_bytes().iter().cycle().take(length);
        bytes.map(|byte| f32::from(*byte) / 255.0 - 0.5).collect()
    };
    EmbedResponse {
        model: asked.model.clone(),
        vectors: asked.input.iter().map(vector).collect(),
        tokens: None,
    }
}
