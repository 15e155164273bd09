//! The table of endpoints: what a method and a path ask for, and in whose words.

use distiq_llm::wire::gemini::{self, Action};
use hyper::Method;

use crate::dialect::{self, Codec};
use crate::seeing::Asset;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// Whether the process lives.
    Health,
    /// Whether it takes requests.
    Ready,
    /// An answer of a model.
    Chat(Route),
    /// A text that is continued.
    Complete,
    /// How long a prompt is.
    Count(Route),
    /// Texts as vectors.
    Embed(EmbedDoor, Route),
    /// The models.
    Models,
    /// One of them.
    Model(String),
    /// One of them, named in the body.
    ShowModel,
    /// The models that Ollama's clients take for loaded.
    Loaded,
    /// The version that Ollama's clients ask for.
    Version,
    /// An answer that is kept.
    Kept(String),
    /// What led to an answer that is kept.
    KeptInput(String),
    /// The batches.
    Batches,
    /// One of them.
    Batch(String),
    /// Its end.
    CancelBatch(String),
    /// Its answers.
    BatchResults(String),
    /// What became of a request.
    Request(String),
    /// A caller's word on an answer.
    Feedback,
    /// The keys.
    Keys,
    /// One of them.
    Key(String),
    /// A file of the dashboard.
    Asset(Asset),
    /// What the ledger adds up to.
    Stats,
    /// What happens now.
    Live,
    /// The metrics.
    Metrics,
    /// Nothing that is known.
    Unknown,
}

impl Endpoint {
    /// Returns the name in metrics, logs and traces.
    pub const fn name(&self) -> &'static str {
        match self {
            Endpoint::Health => "health",
            Endpoint::Ready => "ready",
            Endpoint::Chat(_) => "chat",
            Endpoint::Complete => "completions",
            Endpoint::Count(_) => "count_tokens",
            Endpoint::Embed(..) => "embeddings",
            Endpoint::Models | Endpoint::Loaded => "models",
            Endpoint::Model(_) | Endpoint::ShowModel => "model",
            Endpoint::Version => "version",
            Endpoint::Kept(_) | Endpoint::KeptInput(_) => "kept",
            Endpoint::Batches => "batches",
            Endpoint::Batch(_) | Endpoint::CancelBatch(_) | Endpoint::BatchResults(_) => "batch",
            Endpoint::Request(_) => "request",
            Endpoint::Feedback => "feedback",
            Endpoint::Keys => "keys",
            Endpoint::Key(_) => "key",
            Endpoint::Asset(_) => "dashboard",
            Endpoint::Stats => "stats",
            Endpoint::Live => "live",
            Endpoint::Metrics => "metrics",
            Endpoint::Unknown => "other",
        }
    }

    /// Tells whether a model is asked.
    pub const fn asks_model(&self) -> bool {
        matches!(self, Endpoint::Chat(_) | Endpoint::Complete | Endpoint::Embed(..))
    }
}

/// What a path tells beside its endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Route {
    /// The model that the path names.
    pub model: Option<String>,
    /// Whether the path asks for a stream; `None` where the body does.
    pub stream: Option<bool>,
}

/// The forms in which vectors are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EmbedDoor {
    /// `/v1/embeddings`
    OpenAi,
    /// `:embedContent` and `:batchEmbedContents`
    Gemini(Action),
    /// `/api/embed`
    Ollama,
    /// `/api/embeddings`
    OlderOllama,
}

/// An endpoint, the methods it knows, and who words its errors.
pub(crate) struct Found {
    pub endpoint: Endpoint,
    pub methods: &'static [Method],
    pub codec: &'static dyn Codec,
}

const GET: &[Method] = &[Method::GET, Method::HEAD];
const POST: &[Method] = &[Method::POST];
const GET_POST: &[Method] = &[Method::GET, Method::POST];
const GET_DELETE: &[Method] = &[Method::GET, Method::DELETE];
const ANY: &[Method] = &[];

fn found(endpoint: Endpoint, methods: &'static [Method], codec: &'static dyn Codec) -> Found {
    Found { endpoint, methods, codec }
}

/// Finds what a path asks for; `wants_events` is Gemini's `alt=sse`.
pub(crate) fn find(path: &str, wants_events: bool, speaks_anthropic: bool) -> Found {
    let path = path.strip_suffix('/').unwrap_or(path);
    if let Some(asset) = Asset::at(path) {
        return found(Endpoint::Asset(asset), GET, &dialect::OPENAI);
    }
    match path {
        "/metrics" => return found(Endpoint::Metrics, GET, &dialect::OPENAI),
        "/health" => return found(Endpoint::Health, GET, &dialect::OPENAI),
        "/ready" => return found(Endpoint::Ready, GET, &dialect::OPENAI),
        _ => {}
    }
    if let Some(below) = path.strip_prefix("/api/") {
        return ollama(below);
    }
    if let Some(found) = gemini(path, wants_events) {
        return found;
    }
    // A base URL is given with `/v1` to some libraries and without to others; some get it twice.
    let below = path.strip_prefix("/v1").filter(|rest| rest.is_empty() || rest.starts_with('/'));
    let below = below.map_or(path, |rest| match rest.strip_prefix("/v1/") {
        Some(_) => rest.strip_prefix("/v1").unwrap_or(rest),
        None => rest,
    });
    // Cursor's own door, since it calls this endpoint with bodies of other dialects.
    if let Some(rest) = below.strip_prefix("/cursor/") {
        let rest = rest.strip_prefix("v1/").unwrap_or(rest);
        return match rest {
            "chat/completions" => found(Endpoint::Chat(Route::default()), POST, &dialect::CURSOR),
            _ => vendors(&format!("/{rest}"), false),
        };
    }
    if let Some(rest) = below.strip_prefix("/distiq/") {
        return distiq(rest);
    }
    vendors(below, speaks_anthropic)
}

/// OpenAI's and Anthropic's paths.
fn vendors(below: &str, speaks_anthropic: bool) -> Found {
    let (openai, responses): (&'static dyn Codec, &'static dyn Codec) =
        (&dialect::OPENAI, &dialect::RESPONSES);
    let anthropic: &'static dyn Codec = &dialect::ANTHROPIC;
    let either = if speaks_anthropic { anthropic } else { openai };
    let chat = || Endpoint::Chat(Route::default());
    match below {
        "/chat/completions" => return found(chat(), POST, openai),
        "/completions" => return found(Endpoint::Complete, POST, &dialect::COMPLETIONS),
        "/responses" => return found(chat(), POST, responses),
        "/messages" => return found(chat(), POST, anthropic),
        "/messages/count_tokens" => {
            return found(Endpoint::Count(Route::default()), POST, anthropic);
        }
        "/messages/batches" => return found(Endpoint::Batches, GET_POST, anthropic),
        "/embeddings" => {
            return found(Endpoint::Embed(EmbedDoor::OpenAi, Route::default()), POST, openai);
        }
        "/models" => return found(Endpoint::Models, GET, either),
        _ => {}
    }
    if let Some(id) = below.strip_prefix("/models/") {
        return found(Endpoint::Model(id.to_owned()), GET, either);
    }
    if let Some(id) = below.strip_prefix("/responses/") {
        return match id.strip_suffix("/input_items") {
            Some(id) => found(Endpoint::KeptInput(id.to_owned()), GET, responses),
            None if id.contains('/') => found(Endpoint::Unknown, ANY, responses),
            None => found(Endpoint::Kept(id.to_owned()), GET_DELETE, responses),
        };
    }
    if let Some(id) = below.strip_prefix("/messages/batches/") {
        return match id.split_once('/') {
            None => found(Endpoint::Batch(id.to_owned()), GET_DELETE, anthropic),
            Some((id, "cancel")) => found(Endpoint::CancelBatch(id.to_owned()), POST, anthropic),
            Some((id, "results")) => found(Endpoint::BatchResults(id.to_owned()), GET, anthropic),
            Some(_) => found(Endpoint::Unknown, ANY, anthropic),
        };
    }
    let codec = if below.starts_with("/messages") { anthropic } else { either };
    found(Endpoint::Unknown, ANY, codec)
}

/// Distiq's own paths.
fn distiq(rest: &str) -> Found {
    let openai: &'static dyn Codec = &dialect::OPENAI;
    let one = |start: &str| rest.strip_prefix(start).map(str::to_owned);
    match rest {
        "stats" => found(Endpoint::Stats, GET, openai),
        "live" => found(Endpoint::Live, GET, openai),
        "feedback" => found(Endpoint::Feedback, POST, openai),
        "keys" => found(Endpoint::Keys, GET_POST, openai),
        _ => match (one("requests/"), one("keys/")) {
            (Some(id), _) => found(Endpoint::Request(id), GET, openai),
            (_, Some(id)) => found(Endpoint::Key(id), GET_DELETE, openai),
            _ => found(Endpoint::Unknown, ANY, openai),
        },
    }
}

/// Ollama's paths.
fn ollama(below: &str) -> Found {
    let codec: &'static dyn Codec = &dialect::OLLAMA_CHAT;
    let embed = |door| Endpoint::Embed(door, Route::default());
    match below {
        "chat" => found(Endpoint::Chat(Route::default()), POST, codec),
        "generate" => found(Endpoint::Chat(Route::default()), POST, &dialect::OLLAMA_GENERATE),
        "embed" => found(embed(EmbedDoor::Ollama), POST, codec),
        "embeddings" => found(embed(EmbedDoor::OlderOllama), POST, codec),
        "tags" => found(Endpoint::Models, GET, codec),
        "show" => found(Endpoint::ShowModel, POST, codec),
        "ps" => found(Endpoint::Loaded, GET, codec),
        "version" => found(Endpoint::Version, GET, codec),
        _ => found(Endpoint::Unknown, ANY, codec),
    }
}

/// Gemini's paths, which have a version or an action of their own.
fn gemini(path: &str, wants_events: bool) -> Option<Found> {
    let codec: &'static dyn Codec = match wants_events {
        true => &dialect::GEMINI,
        false => &dialect::GEMINI_ARRAY,
    };
    if let Some(address) = gemini::read_path(path) {
        let route = |stream| Route { model: Some(address.model.clone()), stream: Some(stream) };
        let endpoint = match address.action {
            Action::Generate => Endpoint::Chat(route(false)),
            Action::Stream => Endpoint::Chat(route(true)),
            Action::Count => Endpoint::Count(route(false)),
            Action::Embed | Action::BatchEmbed => {
                Endpoint::Embed(EmbedDoor::Gemini(address.action), route(false))
            }
        };
        return Some(found(endpoint, POST, codec));
    }
    let below = path.strip_prefix("/v1beta").or_else(|| path.strip_prefix("/v1alpha"))?;
    // Google's own door for OpenAI's clients.
    if let Some(below) = below.strip_prefix("/openai") {
        return Some(vendors(below, false));
    }
    Some(match below {
        "/models" => found(Endpoint::Models, GET, codec),
        _ => match below.strip_prefix("/models/") {
            Some(id) => found(Endpoint::Model(id.to_owned()), GET, codec),
            None => found(Endpoint::Unknown, ANY, codec),
        },
    })
}

#[cfg(test)]
mod tests {
    use distiq_base::Dialect;

    use super::*;

    #[test]
    fn paths_are_found_with_and_without_their_version() {
        let endpoint = |path| find(path, false, false).endpoint;
        let chat = Endpoint::Chat(Route::default());
        for path in ["/v1/chat/completions", "/chat/completions", "/v1/v1/messages", "/messages/"] {
            assert_eq!(endpoint(path), chat, "{path}");
        }
        for path in ["/cursor/chat/completions", "/cursor/v1/chat/completions"] {
            assert_eq!(endpoint(path), chat, "{path}");
        }
        assert_eq!(endpoint("/cursor/v1/models"), Endpoint::Models);
        assert_eq!(endpoint("/v1/models/openai/gpt-x"), Endpoint::Model("openai/gpt-x".into()));
        assert_eq!(endpoint("/v1beta"), Endpoint::Unknown);
        assert_eq!(endpoint("/"), Endpoint::Asset(Asset::Page));
        assert_eq!(endpoint("/dashboard/"), Endpoint::Asset(Asset::Page));
        assert_eq!(endpoint("/metrics"), Endpoint::Metrics);
        assert_eq!(endpoint("/v1/distiq/stats"), Endpoint::Stats);
        assert_eq!(endpoint("/health"), Endpoint::Health);
        assert_eq!(endpoint("/v1/responses/resp_1"), Endpoint::Kept("resp_1".into()));
        assert_eq!(
            endpoint("/v1/responses/resp_1/input_items"),
            Endpoint::KeptInput("resp_1".into())
        );
        assert_eq!(endpoint("/v1/responses/resp_1/cancel"), Endpoint::Unknown);
        assert_eq!(endpoint("/v1/messages/batches/b/results"), Endpoint::BatchResults("b".into()));
        assert_eq!(endpoint("/v1beta/openai/chat/completions"), chat);
    }

    #[test]
    fn a_path_tells_the_dialect() {
        let dialect = |path| find(path, true, false).codec.dialect();
        assert_eq!(dialect("/v1/messages"), Dialect::Anthropic);
        assert_eq!(dialect("/v1/responses"), Dialect::Responses);
        assert_eq!(dialect("/api/chat"), Dialect::Ollama);
        assert_eq!(dialect("/v1beta/models/g:generateContent"), Dialect::Gemini);
        assert_eq!(dialect("/v1/models/g:generateContent"), Dialect::Gemini);
        let route = Route { model: Some("openai/gpt-x".into()), stream: Some(true) };
        let found = find("/v1beta/models/openai/gpt-x:streamGenerateContent", true, false);
        assert_eq!(found.endpoint, Endpoint::Chat(route));
    }
}
