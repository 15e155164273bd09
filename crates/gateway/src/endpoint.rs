//! The table of endpoints: what a method and a path ask for, and in whose words.

use hyper::Method;

use crate::dialect::{self, Codec};

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// Whether the process lives.
    Health,
    /// Whether it takes requests.
    Ready,
    /// An answer of a model.
    Chat(Route),
    /// How long a prompt is.
    Count(Route),
    /// The models.
    Models,
    /// One of them.
    Model(String),
    /// What became of a request.
    Request(String),
    /// A caller's word on an answer.
    Feedback,
    /// The keys.
    Keys,
    /// One of them.
    Key(String),
    /// Nothing that is known.
    Unknown,
}

/// What a path tells beside its endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Route {
    /// The model that the path names.
    pub model: Option<String>,
    /// Whether the path asks for a stream; `None` where the body does.
    pub stream: Option<bool>,
}

/// An endpoint, the methods it knows, and who words its errors.
pub(crate) struct Found {
    pub endpoint: Endpoint,
    pub methods: &'static [Method],
    pub codec: &'static dyn Codec,
}

const GET: &[Method] = &[Method::GET, Method::HEAD];
const POST: &[Method] = &[Method::POST];
const KEYS: &[Method] = &[Method::GET, Method::POST];
const KEY: &[Method] = &[Method::GET, Method::DELETE];
const ANY: &[Method] = &[];

/// Finds what a path asks for.
pub(crate) fn find(path: &str, speaks_anthropic: bool) -> Found {
    let openai: &'static dyn Codec = &dialect::OPENAI;
    let anthropic: &'static dyn Codec = &dialect::ANTHROPIC;
    let either = if speaks_anthropic { anthropic } else { openai };
    let found = |endpoint, methods, codec| Found { endpoint, methods, codec };
    let path = path.strip_suffix('/').unwrap_or(path);
    match path {
        "/health" => return found(Endpoint::Health, GET, openai),
        "/ready" => return found(Endpoint::Ready, GET, openai),
        _ => {}
    }
    // A base URL is given with `/v1` to some libraries and without to others; some get it twice.
    let below = path.strip_prefix("/v1").filter(|rest| rest.is_empty() || rest.starts_with('/'));
    let below = below.map_or(path, |rest| match rest.strip_prefix("/v1/") {
        Some(_) => rest.strip_prefix("/v1").unwrap_or(rest),
        None => rest,
    });
    let chat = || Endpoint::Chat(Route::default());
    match below {
        "/chat/completions" => found(chat(), POST, openai),
        "/messages" => found(chat(), POST, anthropic),
        "/messages/count_tokens" => found(Endpoint::Count(Route::default()), POST, anthropic),
        "/models" => found(Endpoint::Models, GET, either),
        "/distiq/feedback" => found(Endpoint::Feedback, POST, openai),
        "/distiq/keys" => found(Endpoint::Keys, KEYS, openai),
        _ => {
            let one = |start: &str| below.strip_prefix(start).map(str::to_owned);
            if let Some(id) = one("/models/") {
                return found(Endpoint::Model(id), GET, either);
            }
            if let Some(id) = one("/distiq/requests/") {
                return found(Endpoint::Request(id), GET, openai);
            }
            if let Some(id) = one("/distiq/keys/") {
                return found(Endpoint::Key(id), KEY, openai);
            }
            let codec = if below.starts_with("/messages") { anthropic } else { either };
            found(Endpoint::Unknown, ANY, codec)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_found_with_and_without_their_version() {
        let endpoint = |path| find(path, false).endpoint;
        let chat = Endpoint::Chat(Route::default());
        for path in ["/v1/chat/completions", "/chat/completions", "/v1/v1/messages", "/messages/"] {
            assert_eq!(endpoint(path), chat, "{path}");
        }
        assert_eq!(endpoint("/v1/models/openai/gpt-x"), Endpoint::Model("openai/gpt-x".into()));
        assert_eq!(endpoint("/v1beta"), Endpoint::Unknown);
        assert_eq!(endpoint("/"), Endpoint::Unknown);
        assert_eq!(endpoint("/health"), Endpoint::Health);
    }
}
