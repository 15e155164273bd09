//! A vendor's client: one request out, its answer back as a stream of events.

mod adapt;
mod codec;
mod exchange;
mod http;
mod lane;
mod models;
mod place;
mod raw;
mod reading;
mod stream;
mod unpack;
mod window;

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use distiq_base::{Dialect, Request, Secret};
use jiff::Timestamp;
use reqwest::header::{HeaderName, HeaderValue};
use url::{Host, Url};

pub use models::ModelListing;
pub use raw::{RawAnswer, RawBody, RawRefusal, RawReply, RawRequest};
pub use reading::AnswerReader;
pub use reqwest::header::HeaderMap;
pub use stream::ModelStream;

use crate::error::{ProviderError, ProviderErrorKind};
use crate::wire::{Quirks, anthropic, model_rules, notes};

/// Most times a request is sent again with other fields, because the server did not know one.
const MAX_ADAPTATIONS: usize = 4;

/// How a provider is reached.
#[derive(Clone, Debug)]
pub struct ProviderConfig {
    /// The name by which the user knows it.
    pub name: String,
    /// How it is spoken to.
    pub dialect: Dialect,
    /// Its address; with `/v1` for the OpenAI dialects, without for the others.
    pub base_url: String,
    /// The key; servers on the user's own machine need none.
    pub key: Option<Secret>,
    /// Further headers of every request.
    pub headers: Vec<(String, Secret)>,
    /// How it differs from a plain server of its dialect.
    pub quirks: Quirks,
    /// How long to wait.
    pub timeouts: Timeouts,
    /// A PEM file of certificate authorities, trusted beside the system's.
    pub ca_file: Option<PathBuf>,
}

/// How long to wait, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For the status and the headers, the connection included.
    pub head_ms: u64,
    /// From there for the first byte of the body.
    pub first_byte_ms: u64,
    /// For each next byte; comments and pings count, for five times as long.
    pub idle_ms: u64,
}

impl Timeouts {
    /// Returns how long comments and pings alone keep an answer alive.
    pub const fn longest_without_event(&self) -> Duration {
        Duration::from_millis(self.idle_ms.saturating_mul(5))
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { head_ms: 60_000, first_byte_ms: 60_000, idle_ms: 120_000 }
    }
}

/// Why a provider cannot be set up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProviderSetupError {
    /// The base URL is none.
    #[error("The base URL of `{provider}` is not usable: {problem}")]
    BaseUrl {
        /// The provider.
        provider: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// The key cannot be sent.
    #[error("The key of `{provider}` has characters that no key has; copy it again")]
    Key {
        /// The provider.
        provider: String,
    },
    /// A header cannot be sent.
    #[error("The header `{header}` of `{provider}` cannot be sent")]
    Header {
        /// The provider.
        provider: String,
        /// The header's name.
        header: String,
    },
}

/// A vendor's client. Making one is cheap: the HTTP client comes with the first request, and
/// certificates are read only for `https`.
pub struct Provider {
    config: ProviderConfig,
    base: Url,
    headers: HeaderMap,
    /// Where it is reached without TLS and without a proxy.
    lanes: OnceLock<Option<Arc<lane::Lanes>>>,
    client: OnceLock<reqwest::Client>,
    places: place::Places,
    /// The configured ones, less what the server turned out not to know.
    quirks: Mutex<Quirks>,
    /// What was encoded for the last request.
    memory: Mutex<anthropic::Memory>,
    /// When the vendor's limit is full again; 0 where it is not known to be empty.
    exhausted_until_ms: AtomicI64,
    /// What is known of the models of an Ollama server.
    windows: window::Windows,
}

impl Provider {
    /// Makes a client; nothing is contacted.
    ///
    /// # Errors
    /// Where the base URL, the key or a header cannot be used.
    pub fn new(config: ProviderConfig) -> Result<Self, ProviderSetupError> {
        let base = parse_base(&config)?;
        let headers = headers(&config)?;
        let quirks = Mutex::new(config.quirks.clone());
        let (client, memory) = (OnceLock::new(), Mutex::default());
        let exhausted_until_ms = AtomicI64::new(0);
        let windows = window::Windows::default();
        Ok(Self {
            config,
            base,
            headers,
            lanes: OnceLock::new(),
            client,
            places: place::Places::default(),
            quirks,
            memory,
            exhausted_until_ms,
            windows,
        })
    }

    /// Returns the provider's name.
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// Returns how it is spoken to.
    pub const fn dialect(&self) -> Dialect {
        self.config.dialect
    }

    /// Returns its address.
    pub fn base_url(&self) -> &str {
        &self.config.base_url
    }

    /// Tells whether it runs on this machine.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.base)
    }

    /// Returns until when the headers of the last answer said that nothing is left of a limit;
    /// once, since limits are the model's and the next answer may be another's.
    pub fn take_exhausted_until(&self) -> Option<Timestamp> {
        let until_ms = self.exhausted_until_ms.swap(0, Ordering::Relaxed);
        (until_ms > 0).then(|| Timestamp::from_millisecond(until_ms).ok()).flatten()
    }

    /// Sends a request once and returns its answer as it comes.
    ///
    /// A body that is one JSON object instead of a stream is taken too. Where the server refuses a
    /// field by name, the request is sent again without it, and that is remembered.
    ///
    /// # Errors
    /// The vendor's refusal or what stood between; neither names the key.
    pub async fn stream(&self, request: &Request) -> Result<ModelStream, ProviderError> {
        if let Some(reason) = notes::refusal(request, self.config.dialect) {
            return Err(self.fail(ProviderError::new(ProviderErrorKind::InvalidRequest, reason)));
        }
        let fitted = model_rules::fit(request, self.config.dialect);
        let request = fitted.as_ref();
        let mut adaptations = 0;
        loop {
            let mut quirks = self.quirks().clone();
            if self.config.dialect == Dialect::Ollama {
                quirks.num_ctx = self.window(request).await;
            }
            let body = {
                let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
                codec::encode(self.config.dialect, request, &quirks, &mut memory)
            };
            let (path, query) = codec::path(self.config.dialect, request);
            let error = match self.send(&path, query, &body, &request.headers).await {
                Ok(response) => return Ok(self.answer(response)),
                Err(error) => self.advise(error, &request.model),
            };
            let better = adapt::without_refused(&quirks, self.config.dialect, &error);
            match better {
                Some(better) if adaptations < MAX_ADAPTATIONS => {
                    let num_ctx = self.config.quirks.num_ctx;
                    *self.quirks() = Quirks { num_ctx, ..better };
                }
                _ => return Err(error),
            }
            adaptations += 1;
        }
    }

    fn quirks(&self) -> MutexGuard<'_, Quirks> {
        self.quirks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("config", &self.config).finish_non_exhaustive()
    }
}

/// Tells whether an address is on this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

fn parse_base(config: &ProviderConfig) -> Result<Url, ProviderSetupError> {
    let fail = |problem| ProviderSetupError::BaseUrl { provider: config.name.clone(), problem };
    let url = Url::parse(config.base_url.trim())
        .map_err(|_| fail("expected an address such as `https://api.example.com/v1`"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(fail("it must begin with `https://` or `http://`"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(fail("it must not hold a user name or a key; set the key's variable instead"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(fail("it must end before `?` and `#`"));
    }
    Ok(url)
}

fn headers(config: &ProviderConfig) -> Result<HeaderMap, ProviderSetupError> {
    let mut headers = HeaderMap::new();
    if config.dialect == Dialect::Anthropic {
        headers.insert("anthropic-version", HeaderValue::from_static("2023-06-01"));
    }
    if let Some(key) = &config.key {
        let (name, text) = match config.dialect {
            Dialect::Anthropic => ("x-api-key", key.expose().to_owned()),
            Dialect::Gemini => ("x-goog-api-key", key.expose().to_owned()),
            Dialect::Openai | Dialect::Responses | Dialect::Ollama => {
                ("authorization", format!("Bearer {}", key.expose()))
            }
        };
        let fail = |_| ProviderSetupError::Key { provider: config.name.clone() };
        let mut value = HeaderValue::from_str(&text).map_err(fail)?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    for (name, value) in &config.headers {
        let fail =
            || ProviderSetupError::Header { provider: config.name.clone(), header: name.clone() };
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| fail())?;
        let mut value = HeaderValue::from_str(value.expose()).map_err(|_| fail())?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}
