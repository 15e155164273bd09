//! Spans on their way: queued, sent in batches, tried again, and counted where they are lost.

use std::sync::Mutex;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, StatusCode, redirect};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::context::{Trace, TraceContext};
use super::encode::{self, Span};
use super::made;
use super::settings::{Protocol, SpanSettings};
use crate::seeing::Record;
use crate::seeing::metrics::Metrics;

/// Requests whose spans may wait; more are lost, because requests do not wait for them.
const BACKLOG: usize = 4_096;
/// Spans of one batch.
const BATCH: usize = 512;
/// How long a batch is gathered (OpenTelemetry's default is 5 s; a look at a trace is sooner).
const GATHER: Duration = Duration::from_secs(1);
/// How long the last batch may take when the gateway stops.
const LAST_SEND: Duration = Duration::from_secs(2);
/// The longest pause that a collector's word makes.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Pauses before a batch is sent again.
const PAUSES: [Duration; 3] =
    [Duration::from_millis(500), Duration::from_secs(2), Duration::from_secs(5)];

/// Sends spans.
pub(crate) struct Exporter {
    settings: SpanSettings,
    queue: Mutex<Option<Sender<Vec<Span>>>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Exporter {
    /// Starts the task that sends.
    pub fn start(settings: &SpanSettings, metrics: &Arc<Metrics>) -> Self {
        let (sender, queue) = channel(BACKLOG);
        let sending = Sending {
            settings: settings.clone(),
            client: client(settings),
            metrics: Arc::clone(metrics),
        };
        let task = tokio::spawn(sending.run(queue));
        Self {
            settings: settings.clone(),
            queue: Mutex::new(Some(sender)),
            task: Mutex::new(Some(task)),
        }
    }

    /// Decides whether a request is traced, and where.
    pub fn begin(&self, context: &TraceContext) -> Option<Trace> {
        context.sample(self.settings.sampler)
    }

    /// Queues a request's spans; returns how many were lost.
    pub fn export(&self, record: &Record) -> u64 {
        let Some(trace) = &record.trace else { return 0 };
        let spans = made::spans(record, trace);
        let count = spans.len() as u64;
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        match queue.as_ref().map(|queue| queue.try_send(spans)) {
            Some(Ok(())) => 0,
            _ => count,
        }
    }

    /// Sends what is queued and ends.
    pub async fn close(&self) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            let _ = timeout(LAST_SEND, task).await;
        }
    }
}

struct Sending {
    settings: SpanSettings,
    client: Option<Client>,
    metrics: Arc<Metrics>,
}

impl Sending {
    async fn run(self, mut queue: Receiver<Vec<Span>>) {
        while let Some(mut batch) = queue.recv().await {
            let gathering = async {
                while batch.len() < BATCH {
                    match queue.recv().await {
                        Some(more) => batch.extend(more),
                        None => break,
                    }
                }
            };
            let _ = timeout(GATHER, gathering).await;
            if !self.send(&batch).await {
                self.metrics.spans_lost(batch.len() as u64);
            }
        }
    }

    /// Sends a batch, again where the collector asks for that or cannot be reached.
    async fn send(&self, batch: &[Span]) -> bool {
        let resource = &self.settings.resource;
        let (kind, body) = match self.settings.protocol {
            Protocol::Protobuf => ("application/x-protobuf", encode::protobuf(resource, batch)),
            Protocol::Json => ("application/json", encode::json(resource, batch)),
        };
        let body = bytes::Bytes::from(body);
        for pause in PAUSES {
            match self.post(kind, body.clone()).await {
                Outcome::Taken => return true,
                Outcome::Refused => return false,
                Outcome::Later(asked) => sleep(asked.unwrap_or(pause).min(LONGEST_PAUSE)).await,
            }
        }
        matches!(self.post(kind, body).await, Outcome::Taken)
    }

    async fn post(&self, kind: &'static str, body: bytes::Bytes) -> Outcome {
        let Some(client) = &self.client else { return Outcome::Refused };
        let mut request = client
            .post(&self.settings.endpoint)
            .timeout(self.settings.timeout)
            .header(CONTENT_TYPE, kind)
            .body(body);
        for (name, value) in &self.settings.headers {
            let value = HeaderValue::from_str(value.expose());
            if let (Ok(name), Ok(mut value)) = (HeaderName::try_from(name.as_str()), value) {
                value.set_sensitive(true);
                request = request.header(name, value);
            }
        }
        let Ok(answer) = request.send().await else { return Outcome::Later(None) };
        let asked = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let asked = asked.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
        match answer.status() {
            status if status.is_success() => Outcome::Taken,
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => Outcome::Later(asked),
            _ => Outcome::Refused,
        }
    }
}

/// How a send went.
enum Outcome {
    Taken,
    /// It would be refused again.
    Refused,
    Later(Option<Duration>),
}

fn client(settings: &SpanSettings) -> Option<Client> {
    let mut builder = Client::builder()
        .user_agent(concat!("distiq/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none());
    let is_https = settings.endpoint.starts_with("https://");
    let after = settings.endpoint.split_once("://").map_or("", |(_, after)| after);
    if ["127.", "localhost", "[::1]"].iter().any(|start| after.starts_with(start)) {
        builder = builder.no_proxy();
    }
    // Somebody else in the process may have been first; any provider will do.
    let _ = rustls::crypto::ring::default_provider().install_default();
    if !is_https {
        // It never speaks TLS: no certificates need be read from disk.
        let config = rustls::ClientConfig::builder()
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        builder = builder.tls_backend_preconfigured(config);
    }
    builder.build().ok()
}
