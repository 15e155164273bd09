//! Bytes passed through: a body goes out as it is, and the answer's bytes come back as they come.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use distiq_base::Dialect;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use reqwest::Method;
use reqwest::header::{CONNECTION, CONTENT_TYPE, HeaderMap, HeaderValue};
use tokio::time::timeout;

use super::exchange::Exchange;
use super::http::{describe, late, request_id};
use super::place::Place;
use super::reading::AnswerReader;
use super::stream::Guard;
use super::{Provider, Timeouts};
use crate::error::{Phase, ProviderError, ProviderErrorKind as Kind};

/// How long a server that is asked whether it is well may take.
const HEALTH_WAIT: Duration = Duration::from_secs(2);
/// Headers of one connection or one hop, and those that say who asks: never passed on.
const NOT_PASSED: [&str; 21] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "expect",
    "host",
    "content-length",
    "accept-encoding",
    "authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "cookie",
    "forwarded",
    "x-forwarded-for",
    "x-real-ip",
];
/// Headers of an answer that do not fit the bytes as they are given on, or are the vendor's own.
const NOT_GIVEN_ON: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "content-length",
    "content-encoding",
    "set-cookie",
];

/// How many headers are mostly added to those that are passed on, either way.
const OWN_HEADERS: usize = 5;

/// How long a whole answer may take, where the user has set no wait: as long as the vendors' own
/// libraries wait.
const WHOLE_ANSWER_MS: u64 = 600_000;

/// A request that is passed on.
#[derive(Clone, Debug, Default)]
pub struct RawRequest {
    /// The method, `POST` where empty.
    pub method: String,
    /// Where to, below the base URL: `v1/messages` for Anthropic, `chat/completions` for OpenAI.
    pub path: String,
    /// What follows `?`, without keys.
    pub query: Option<String>,
    /// The caller's headers; those of one hop, keys and cookies are left out here in any case.
    pub headers: Arc<HeaderMap>,
    /// The body, sent as it is.
    pub body: Bytes,
    /// Whether the answer comes as a whole, so that its head takes as long as all of it.
    pub is_whole: bool,
}

/// What came back.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one a request, and taken apart at once")]
pub enum RawReply {
    /// A success.
    Answer(RawAnswer),
    /// The vendor's refusal.
    Refusal(RawRefusal),
}

/// A success whose body is still coming.
#[derive(Debug)]
pub struct RawAnswer {
    /// The status.
    pub status: u16,
    /// The headers that fit the body as it is given on.
    pub headers: HeaderMap,
    /// The body.
    pub body: RawBody,
    /// Understands the body, for whoever counts.
    pub reader: AnswerReader,
    /// How long comments and pings alone keep it alive.
    pub patience: Duration,
}

/// A refusal.
#[derive(Debug)]
pub struct RawRefusal {
    /// The status.
    pub status: u16,
    /// The headers that fit the body as it is given on.
    pub headers: HeaderMap,
    /// The body, at most 256 KB of it.
    pub body: Bytes,
    /// What it means.
    pub error: ProviderError,
}

/// An answer's bytes as they come; dropping it closes the connection. After an error nothing
/// follows; an end without one is the body's own.
pub struct RawBody(BoxStream<'static, Result<Bytes, ProviderError>>);

impl RawBody {
    /// Wraps a stream of bytes.
    pub fn new(bytes: impl Stream<Item = Result<Bytes, ProviderError>> + Send + 'static) -> Self {
        // Readers may ask once more behind the end.
        Self(bytes.fuse().boxed())
    }
}

impl fmt::Debug for RawBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RawBody")
    }
}

impl Stream for RawBody {
    type Item = Result<Bytes, ProviderError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(cx)
    }
}

impl Provider {
    /// Passes a request on, once, with this provider's address and key.
    ///
    /// # Errors
    /// Where no answer came; a refusal is a reply.
    pub async fn forward(&self, request: &RawRequest) -> Result<RawReply, ProviderError> {
        let method = match request.method.as_str() {
            "" => Method::POST,
            name => Method::from_bytes(name.as_bytes()).map_err(|_| {
                self.fail(ProviderError::new(Kind::InvalidRequest, "No such HTTP method"))
            })?,
        };
        let place = self.place(request);
        let mut headers = passed_on(&request.headers);
        self.sign(&mut headers);
        let body = (!request.body.is_empty()).then(|| request.body.clone());
        if body.is_some() && !headers.contains_key(CONTENT_TYPE) {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let usual = self.config.timeouts.head_ms;
        // A wait that the user has set holds for everything.
        let is_usual = usual == Timeouts::default().head_ms;
        let head_ms = if request.is_whole && is_usual { WHOLE_ANSWER_MS } else { usual };
        let response = self.begin(method, &place, headers, body, head_ms).await?;
        let status = response.status().as_u16();
        let headers = given_on(response.headers());
        if !response.status().is_success() {
            let (body, error) = self.refusal(response).await;
            return Ok(RawReply::Refusal(RawRefusal { status, headers, body, error }));
        }
        let guard = self.guard(request_id(response.headers()));
        let body = self.raw_body(response, guard);
        let (reader, patience) = (self.reader(), self.config.timeouts.longest_without_event());
        Ok(RawReply::Answer(RawAnswer { status, headers, body, reader, patience }))
    }

    /// Asks whether the server is well: `path`, from the root of its address, answers with a success.
    ///
    /// # Errors
    /// Where it does not, or not within two seconds.
    pub async fn check(&self, path: &str) -> Result<(), ProviderError> {
        let mut url = self.base.clone();
        url.set_path(path);
        let place = Place::of(url);
        let headers = self.headers.clone();
        match timeout(
            HEALTH_WAIT,
            self.begin(Method::GET, &place, headers, None, self.config.timeouts.head_ms),
        )
        .await
        {
            Ok(Ok(response)) if response.status().is_success() => Ok(()),
            Ok(Ok(response)) => {
                let message = format!("`{path}` answers with {}", response.status());
                Err(self.fail(ProviderError::new(Kind::Server, message)))
            }
            Ok(Err(error)) => Err(error),
            Err(_) => Err(self.fail(late(Phase::Head, HEALTH_WAIT))),
        }
    }

    /// Tells whether the server knows `stream_options`, and its field for the longest answer.
    pub fn raw_traits(&self) -> (bool, &'static str) {
        let quirks = self.quirks();
        let field = match self.config.dialect {
            Dialect::Responses => "max_output_tokens",
            _ => quirks.max_tokens_field,
        };
        (quirks.stream_options, field)
    }

    /// Returns where a request goes; queries are the callers' own, so that those are not remembered.
    fn place(&self, request: &RawRequest) -> Arc<Place> {
        let path = request.path.trim_start_matches('/');
        let Some(query) = &request.query else { return self.places.at(path, || self.url(path)) };
        let mut url = self.url(path);
        url.set_query(Some(query));
        Arc::new(Place::of(url))
    }

    /// Puts our key and the user's headers in.
    fn sign(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.headers {
            // The caller's version of the dialect is the one that its body is written in.
            let is_theirs = self.config.dialect == Dialect::Anthropic
                && name == "anthropic-version"
                && headers.contains_key(name);
            if !is_theirs {
                headers.insert(name.clone(), value.clone());
            }
        }
    }

    fn raw_body(&self, response: Exchange, guard: Guard) -> RawBody {
        let timeouts = self.config.timeouts;
        let state = Some((response, guard, false));
        RawBody::new(futures::stream::unfold(state, move |state| async move {
            let (mut response, guard, begun) = state?;
            let (phase, limit_ms) = match begun {
                false => (Phase::FirstByte, timeouts.first_byte_ms),
                true => (Phase::Idle, timeouts.idle_ms),
            };
            let limit = Duration::from_millis(limit_ms);
            match timeout(limit, response.chunk()).await {
                Ok(Ok(Some(chunk))) => Some((Ok(chunk), Some((response, guard, true)))),
                Ok(Ok(None)) => None,
                Ok(Err(error)) => Some((Err(guard.seal(describe(error, Kind::Truncated))), None)),
                Err(_) => Some((Err(guard.seal(late(phase, limit))), None)),
            }
        }))
    }
}

/// Returns the caller's headers that another server may see.
fn passed_on(headers: &HeaderMap) -> HeaderMap {
    let connection: Vec<String> = headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(|value| {
            let value = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
            value.split(',').map(|name| name.trim().to_owned()).collect::<Vec<_>>()
        })
        .collect();
    let fits = |name: &str| {
        !NOT_PASSED.contains(&name)
            && !connection.iter().any(|hop| hop == name)
            && !name.starts_with("x-distiq-")
    };
    let kept = || headers.iter().filter(|(name, _)| fits(name.as_str()));
    // Room for the provider's own.
    let mut map = HeaderMap::with_capacity(kept().count() + OWN_HEADERS);
    for (name, value) in kept() {
        map.append(name.clone(), value.clone());
    }
    map
}

/// Returns the answer's headers that still fit.
fn given_on(headers: &HeaderMap) -> HeaderMap {
    let fits = |name: &str| !NOT_GIVEN_ON.contains(&name);
    let kept = || headers.iter().filter(|(name, _)| fits(name.as_str()));
    // Room for the gateway's own.
    let mut map = HeaderMap::with_capacity(kept().count() + OWN_HEADERS);
    for (name, value) in kept() {
        map.append(name.clone(), value.clone());
    }
    map
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderName;

    use super::*;

    #[test]
    fn keys_cookies_and_one_hops_headers_stay_behind() {
        let given = [
            ("Anthropic-Beta", "a"),
            ("anthropic-beta", "b"),
            ("X-Api-Key", "k"),
            ("Authorization", "Bearer k"),
            ("x-goog-api-key", "k"),
            ("Cookie", "c"),
            ("Connection", "close, X-Hop"),
            ("x-hop", "1"),
            ("Transfer-Encoding", "chunked"),
            ("x-distiq-optimize", "on"),
            ("x-unknown", "kept"),
        ];
        let given: HeaderMap = given
            .iter()
            .map(|(n, v)| (HeaderName::from_bytes(n.as_bytes()).unwrap(), v.parse().unwrap()))
            .collect();
        let passed = passed_on(&given);
        let names: Vec<_> = passed.iter().map(|(n, v)| (n.as_str(), v.as_bytes())).collect();
        assert_eq!(
            names,
            [
                ("anthropic-beta", &b"a"[..]),
                ("anthropic-beta", &b"b"[..]),
                ("x-unknown", &b"kept"[..]),
            ]
        );
    }
}
