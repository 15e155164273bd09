//! One exchange over HTTP: the client, the request, and what can go wrong with both.

use std::error::Error;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use distiq_base::Dialect;
use http_body_util::Full;
use jiff::Timestamp;
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT,
};
use reqwest::{Client, ClientBuilder, Method, redirect};
use tokio::time::timeout;
use url::Url;

use super::exchange::{Exchange, Fault};
use super::lane::Lanes;
use super::place::Place;
use super::reading::AnswerReader;
use super::{Provider, codec, is_loopback, stream};
use crate::error::{Phase, ProviderError, ProviderErrorKind as Kind};
use crate::wire::{HeaderView, WireError};

/// Most bytes of an answer's headers.
pub const MAX_HEAD_BYTES: usize = 64 << 10;
/// How we name ourselves.
const AGENT: &str = concat!("distiq/", env!("CARGO_PKG_VERSION"));
/// Most bytes of an answer that are kept of an error.
const MAX_ERROR_BYTES: usize = 256 << 10;

impl Provider {
    /// Sends a body and returns the answer's head; anything but success becomes an error.
    pub(super) async fn post(
        &self,
        path: &str,
        query: Option<&str>,
        body: &[u8],
    ) -> Result<Exchange, ProviderError> {
        self.send(path, query, body, &[]).await
    }

    /// Sends a body along with headers of its own.
    pub(super) async fn send(
        &self,
        path: &str,
        query: Option<&str>,
        body: &[u8],
        along: &[(String, String)],
    ) -> Result<Exchange, ProviderError> {
        let mut url = self.url(path);
        url.set_query(query);
        let mut headers = self.headers.clone();
        for (name, value) in along {
            let (name, value) = (HeaderName::try_from(name), HeaderValue::try_from(value));
            if let (Ok(name), Ok(value)) = (name, value) {
                headers.entry(name).or_insert(value);
            }
        }
        self.exchange_with(Method::POST, url, headers, Some(body)).await
    }

    pub(super) async fn exchange(
        &self,
        method: Method,
        url: Url,
        body: Option<&[u8]>,
    ) -> Result<Exchange, ProviderError> {
        self.exchange_with(method, url, self.headers.clone(), body).await
    }

    async fn exchange_with(
        &self,
        method: Method,
        url: Url,
        mut headers: HeaderMap,
        body: Option<&[u8]>,
    ) -> Result<Exchange, ProviderError> {
        if body.is_some() {
            headers.insert("content-type", HeaderValue::from_static("application/json"));
        }
        let body = body.map(Bytes::copy_from_slice);
        let place = Place::of(url);
        let head_ms = self.config.timeouts.head_ms;
        let response = self.begin(method, &place, headers, body, head_ms).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(self.refusal(response).await.1)
    }

    /// Sends a request and returns the answer's head, whatever its status.
    pub(super) async fn begin(
        &self,
        method: Method,
        place: &Place,
        headers: HeaderMap,
        body: Option<Bytes>,
        head_ms: u64,
    ) -> Result<Exchange, ProviderError> {
        let head = Duration::from_millis(head_ms);
        let response = match timeout(head, self.send_once(method, place, headers, body)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(self.fail(error)),
            Err(_) => return Err(self.fail(late(Phase::Head, head))),
        };
        let head_bytes: usize =
            response.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        if head_bytes > MAX_HEAD_BYTES {
            let message = format!("The answer's headers are over {MAX_HEAD_BYTES} bytes long");
            return Err(self.fail(ProviderError::new(Kind::Malformed, message)));
        }
        self.note_limits(&response);
        Ok(response)
    }

    async fn send_once(
        &self,
        method: Method,
        place: &Place,
        mut headers: HeaderMap,
        body: Option<Bytes>,
    ) -> Result<Exchange, ProviderError> {
        let describe = |fault: Fault| describe(fault, Kind::Connect);
        let Some(lanes) = self.lanes.get_or_init(|| Lanes::to(&self.base)) else {
            let mut request = self.client()?.request(method, place.url.clone()).headers(headers);
            if let Some(body) = body {
                request = request.body(body);
            }
            let response = request.send().await.map_err(|error| describe(error.into()))?;
            return Ok(Exchange::Client(Box::new(response)));
        };
        if let Some(host) = &place.host {
            headers.insert(HOST, host.clone());
        }
        headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(AGENT));
        if !self.is_loopback() {
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        }
        headers.entry(ACCEPT).or_insert(HeaderValue::from_static("*/*"));
        let mut request = hyper::Request::new(Full::new(body.unwrap_or_default()));
        *request.method_mut() = method;
        *request.headers_mut() = headers;
        let no_target = || ProviderError::new(Kind::InvalidRequest, "No such address");
        *request.uri_mut() = place.target.clone().ok_or_else(no_target)?;
        let answer = lanes.send(request).await.map_err(|error| describe(error.into()))?;
        Ok(Exchange::Lane(Box::new(answer)))
    }

    /// Reads the body of an answer that is no success, as far as it comes in time.
    pub(super) async fn refusal(&self, mut response: Exchange) -> (Bytes, ProviderError) {
        let status = response.status().as_u16();
        let headers = view(&response);
        let idle = Duration::from_millis(self.config.timeouts.first_byte_ms);
        let mut body = Vec::new();
        while let Ok(Ok(Some(chunk))) = timeout(idle, response.chunk()).await {
            let room = MAX_ERROR_BYTES.saturating_sub(body.len());
            body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
            if room < chunk.len() {
                break;
            }
        }
        let mut error = codec::decode_error(self.config.dialect, status, &headers, &body);
        error.status = Some(status);
        (body.into(), self.fail(error))
    }

    /// Keeps what the vendor tells of its limits.
    fn note_limits(&self, response: &Exchange) {
        let tells = |name: &HeaderName| name.as_str().contains("ratelimit");
        if !response.headers().keys().any(tells) {
            return;
        }
        let until = view(response).exhausted_until();
        let until_ms = until.map_or(0, |until| until.as_millisecond());
        self.exhausted_until_ms.store(until_ms, Ordering::Relaxed);
    }

    /// Wraps an answer's body.
    pub(super) fn answer(&self, response: Exchange) -> stream::ModelStream {
        let request_id = request_id(response.headers());
        let guard = self.guard(request_id);
        stream::ModelStream::new(response, self.reader(), self.config.timeouts, guard)
    }

    /// Returns an address below the base URL, whether or not that ends in a slash or, for Anthropic,
    /// in the `/v1` that its own tools leave out. For Gemini the version is the path's, else the base
    /// URL's, else `v1beta`.
    pub(super) fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        let mut base = url.path().trim_end_matches('/').to_owned();
        if self.config.dialect == Dialect::Anthropic {
            base = base.strip_suffix("/v1").unwrap_or(&base).to_owned();
        }
        if self.config.dialect == Dialect::Gemini {
            let versions = ["v1beta", "v1alpha", "v1"];
            let own = versions.iter().find(|version| base.ends_with(&format!("/{version}")));
            let asked = path.split('/').next().unwrap_or_default();
            match (own, versions.contains(&asked)) {
                (Some(own), true) => base.truncate(base.len() - own.len() - 1),
                (None, false) => base.push_str("/v1beta"),
                _ => {}
            }
        }
        url.set_path(&format!("{base}/{path}"));
        url
    }

    fn client(&self) -> Result<&Client, ProviderError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = self.build_client().map_err(|error| self.fail(error))?;
        Ok(self.client.get_or_init(|| client))
    }

    fn build_client(&self) -> Result<Client, ProviderError> {
        let mut builder = Client::builder()
            .user_agent(AGENT)
            .redirect(redirect::Policy::none())
            .tcp_nodelay(true)
            .connect_timeout(Duration::from_millis(self.config.timeouts.head_ms));
        if is_loopback(&self.base) {
            builder = builder.no_proxy();
        }
        builder =
            if self.base.scheme() == "https" { self.trust(builder)? } else { plain(builder)? };
        builder.build().map_err(|error| match describe(error.into(), Kind::Tls) {
            error if error.kind == Kind::Tls => ProviderError {
                message: format!(
                    "{}; install `ca-certificates`, or point SSL_CERT_FILE or the setting `ca_file` \
                     at a file of them",
                    error.message
                ),
                ..error
            },
            error => error,
        })
    }

    /// Trusts the system's certificate authorities and those of the user's file.
    ///
    /// The system's, by way of reqwest's own verifier, because companies install theirs there and
    /// SSL_CERT_FILE is honoured; a compiled-in list would go stale with the binary. With `ring`
    /// nothing but a C compiler is needed to build, unlike with aws-lc or OpenSSL.
    fn trust(&self, builder: ClientBuilder) -> Result<ClientBuilder, ProviderError> {
        // Somebody else in the process may have been first; any provider will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let Some(path) = &self.config.ca_file else { return Ok(builder) };
        let fail = |problem: String| {
            let message = format!("The certificate file `{}` {problem}", path.display());
            ProviderError::new(Kind::Tls, message)
        };
        let pem = std::fs::read(path).map_err(|error| fail(format!("cannot be read: {error}")))?;
        let certificates = reqwest::Certificate::from_pem_bundle(&pem)
            .map_err(|_| fail("holds no PEM certificates".to_owned()))?;
        if certificates.is_empty() {
            return Err(fail("holds no PEM certificates".to_owned()));
        }
        Ok(builder.tls_certs_merge(certificates))
    }

    /// Puts the provider's name on an error and takes the key and the headers out of it.
    pub(super) fn fail(&self, error: ProviderError) -> ProviderError {
        self.guard(None).seal(error)
    }

    pub(super) fn reader(&self) -> AnswerReader {
        AnswerReader::new(self.config.dialect, &self.quirks())
    }

    pub(super) fn guard(&self, request_id: Option<String>) -> stream::Guard {
        let headers = self.config.headers.iter().map(|(_, value)| value.clone());
        stream::Guard {
            provider: self.config.name.clone(),
            secrets: self.config.key.iter().cloned().chain(headers).collect(),
            request_id,
        }
    }
}

/// Prepares a client that will never speak TLS, so that no certificates are read from disk.
fn plain(builder: ClientBuilder) -> Result<ClientBuilder, ProviderError> {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| ProviderError::new(Kind::Tls, error.to_string()))?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    Ok(builder.tls_backend_preconfigured(config))
}

/// Returns an answer's headers as the codecs read them.
pub(super) fn view(response: &Exchange) -> HeaderView {
    let pairs = response.headers().iter().filter_map(|(name, value)| {
        value.to_str().ok().map(|value| (name.as_str().to_owned(), value.to_owned()))
    });
    HeaderView::new(Timestamp::now(), pairs)
}

/// Returns the vendor's id of a request.
pub(super) fn request_id(headers: &HeaderMap) -> Option<String> {
    const ID: HeaderName = HeaderName::from_static("request-id");
    const OTHER: HeaderName = HeaderName::from_static("x-request-id");
    let id = headers.get(ID).or_else(|| headers.get(OTHER))?;
    id.to_str().ok().map(|id| id.trim().to_owned())
}

/// Makes the error of a wait that was too long.
pub(super) fn late(phase: Phase, waited: Duration) -> ProviderError {
    let what = match phase {
        Phase::Head => "No answer",
        Phase::FirstByte => "The answer did not begin",
        Phase::Idle => "The answer stopped",
    };
    ProviderError::new(Kind::Timeout(phase), format!("{what} for {} ms", waited.as_millis()))
}

/// Describes a failed exchange by its innermost cause; `otherwise` is its kind where the causes do
/// not tell.
pub(super) fn describe(fault: Fault, otherwise: Kind) -> ProviderError {
    let error = match fault {
        Fault::Lane(error) => return innermost(&error, otherwise, otherwise),
        // The address may carry what the user would not show; the provider's name is enough.
        Fault::Client(error) => error.without_url(),
    };
    if error.is_timeout() && otherwise == Kind::Connect {
        return ProviderError::new(Kind::Timeout(Phase::Head), "No connection in time");
    }
    innermost(&error, otherwise, if error.is_builder() { Kind::Tls } else { otherwise })
}

fn innermost(error: &(dyn Error + 'static), otherwise: Kind, mut kind: Kind) -> ProviderError {
    let mut cause = error;
    loop {
        let io = cause.downcast_ref::<std::io::Error>();
        if otherwise == Kind::Truncated
            && io.is_some_and(|io| io.kind() == std::io::ErrorKind::UnexpectedEof)
        {
            // What follows tells where in the encoding of the body, which helps nobody.
            return ProviderError::new(otherwise, WireError::Truncated.to_string());
        }
        if cause.is::<rustls::Error>() {
            kind = Kind::Tls;
        }
        match inner(cause) {
            Some(inner) => cause = inner,
            None => break,
        }
    }
    ProviderError::new(kind, cause.to_string())
}

/// Returns what an error came from. An I/O error does not name what it wraps as its source, only
/// that one's own.
fn inner<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    wrapped.map(|wrapped| wrapped as &(dyn Error + 'static)).or_else(|| error.source())
}
