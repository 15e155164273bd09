//! Seeing what the gateway does: metrics, an access log, traces, and a page that shows them.
//!
//! Every request has one [`Watch`], which is told facts as they come to be known and gives them away
//! once, when its last holder lets it go: the handler, or the stream that goes on after it. Nothing
//! is done for a streamed event. A request's tokens and cost are the router's receipt, so what is
//! shown is what the ledger holds, cancelled requests too.

mod access;
mod live;
mod metrics;
mod page;
mod process;
mod spans;
mod stats;
mod watch;

use std::sync::Arc;

use hyper::Response;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};

use crate::body::Out;
use crate::call::Caller;
use crate::dialect::EVENT_STREAM;
use crate::refusal::Refusal;
use crate::shared::Shared;
pub use access::{AccessLog, AccessLogError, AccessLogTo};
use live::Live;
use metrics::Metrics;
pub(crate) use page::Asset;
use spans::Exporter;
pub use spans::{Protocol, SpanSettings, SpanSettingsError};
pub(crate) use stats::stats;
pub(crate) use watch::{Denial, Record, Watch};

/// What is written of requests, beside what can be asked for.
#[derive(Clone, Debug, Default)]
pub struct SeeingOptions {
    /// One line for each request.
    pub access_log: Option<AccessLog>,
    /// Where spans go.
    pub spans: Option<SpanSettings>,
}

/// What all requests are seen by.
pub(crate) struct Seeing {
    metrics: Arc<Metrics>,
    live: Live,
    stats: stats::Cache,
    access: Option<access::Writer>,
    spans: Option<Exporter>,
}

impl Seeing {
    /// Opens what is written to. Must be called inside a tokio runtime.
    pub fn new(options: &SeeingOptions) -> Result<Arc<Self>, AccessLogError> {
        let metrics = Arc::new(Metrics::default());
        let access = options.access_log.as_ref().map(access::Writer::start).transpose()?;
        let spans = options.spans.as_ref().map(|spans| Exporter::start(spans, &metrics));
        let (live, stats) = (Live::default(), stats::Cache::default());
        Ok(Arc::new(Self { metrics, live, stats, access, spans }))
    }

    /// Takes in a request that is over.
    fn over(&self, record: &Record) {
        self.metrics.record(record);
        self.live.over(record);
        if self.access.as_ref().is_some_and(|access| !access.write(record)) {
            self.metrics.log_line_lost();
        }
        if let Some(spans) = &self.spans {
            self.metrics.spans_lost(spans.export(record));
        }
    }

    /// Writes what is still held back, as far as that takes no longer than a moment.
    pub async fn close(&self) {
        if let Some(access) = &self.access {
            access.close();
        }
        if let Some(spans) = &self.spans {
            spans.close().await;
        }
    }
}

/// Answers with the metrics.
pub(crate) fn metrics(shared: &Shared) -> Response<Out> {
    let text = shared.seeing.metrics.text(&shared.setup().router.nodes());
    let mut response = Response::new(text.into_bytes().into());
    let kind = HeaderValue::from_static(metrics::CONTENT_TYPE);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

/// Answers with what happens from now on.
pub(crate) fn live(shared: &Shared, caller: &Caller) -> Result<Response<Out>, Refusal> {
    let events = shared.seeing.live.watch(caller, shared.stopping.clone())?;
    let mut response = Response::new(Out::Events(events));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(EVENT_STREAM));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}
