//! One request from its head to its end, whoever holds it last.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use distiq_base::Dialect;
use distiq_router::{Receipt, ReceiptSlot};
use hyper::header::USER_AGENT;
use hyper::{HeaderMap, Method};
use jiff::Timestamp;
use serde::Deserialize;

use super::Seeing;
use super::spans::{Trace, TraceContext};
use crate::call::{Call, Caller};
use crate::endpoint::Found;

/// Bytes of a path, a model's name or a client's name that are kept.
const MOST_TEXT: usize = 200;

/// Why a request was turned away before it could cost anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Denial {
    /// It came without a key.
    NoKey,
    /// Its key is wrong, expired or revoked.
    WrongKey,
    /// Too many wrong keys came from its address.
    Guessing,
    /// Its key may not do this, or not with this model.
    Forbidden,
    /// Its key's limit a minute was used up.
    RateLimit,
    /// A page of another site sent it.
    Origin,
}

impl Denial {
    /// All of them, in the order of their names' table.
    pub const ALL: [Denial; 6] = [
        Denial::NoKey,
        Denial::WrongKey,
        Denial::Guessing,
        Denial::Forbidden,
        Denial::RateLimit,
        Denial::Origin,
    ];

    /// Returns the name in metrics and the access log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Denial::NoKey => "no_key",
            Denial::WrongKey => "wrong_key",
            Denial::Guessing => "guessing",
            Denial::Forbidden => "forbidden",
            Denial::RateLimit => "rate_limit",
            Denial::Origin => "origin",
        }
    }
}

/// What is known of a request.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// Counts up from the gateway's start.
    pub number: u64,
    pub at: Timestamp,
    pub began: Instant,
    pub method: &'static str,
    pub endpoint: &'static str,
    /// Without the query, which may hold a key.
    pub path: String,
    pub peer: IpAddr,
    pub client: Option<String>,
    /// The dialect that its path is of.
    pub dialect: Dialect,
    /// Whether its path is for asking a model.
    pub asks_model: bool,
    pub asked: Asked,
    pub key: Option<(String, String)>,
    /// 0 until the answer's head is known.
    pub status: u16,
    pub denial: Option<Denial>,
    pub receipt: Option<Arc<Receipt>>,
    pub trace: Option<Trace>,
}

/// What a caller asked of a model, without any contents.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    pub model: String,
    pub streams: bool,
    pub numbers: Numbers,
}

/// What a body says beside its contents, where it is there and of the type that is expected.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Numbers {
    #[serde(alias = "max_completion_tokens", alias = "max_output_tokens")]
    pub max_tokens: Option<u64>,
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,
}

/// A request that is watched; its end is the drop of its last holder.
pub(crate) struct Watch {
    seeing: Arc<Seeing>,
    receipt: ReceiptSlot,
    record: Mutex<Record>,
}

impl Watch {
    pub fn begin(seeing: &Arc<Seeing>, call: &Call, found: &Found) -> Arc<Self> {
        let asks_model = found.endpoint.asks_model() && call.method == Method::POST;
        let trace = seeing.spans.as_ref().filter(|_| asks_model);
        let trace = trace.and_then(|spans| spans.begin(&TraceContext::read(&call.headers)));
        let dialect = found.codec.dialect();
        let record = Record {
            number: seeing.live.next_number(),
            at: Timestamp::now(),
            began: Instant::now(),
            method: method(&call.method),
            endpoint: found.endpoint.name(),
            path: short(call.uri.path()),
            peer: call.peer,
            client: call.header(USER_AGENT).map(short),
            dialect,
            asks_model,
            asked: Asked::default(),
            key: None,
            status: 0,
            denial: None,
            receipt: None,
            trace,
        };
        if asks_model {
            seeing.metrics.begin(dialect);
        }
        let (seeing, receipt) = (Arc::clone(seeing), ReceiptSlot::default());
        Arc::new(Self { seeing, receipt, record: Mutex::new(record) })
    }

    /// Returns what is known of it. Nothing else may be locked meanwhile.
    pub fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes who asks; never the key itself.
    pub fn caller(&self, caller: &Caller) {
        if let Some(key) = caller.key() {
            self.record().key = Some((key.id.clone(), key.owner.clone()));
        }
    }

    /// Notes why it is turned away; the first reason counts.
    pub fn denied(&self, denial: Denial) {
        self.record().denial.get_or_insert(denial);
    }

    /// Notes what is asked of a model; of the body only some numbers are read, and only for a trace.
    pub fn asks(self: &Arc<Self>, model: &str, streams: Option<bool>, body: &[u8]) {
        let mut record = self.record();
        record.asked.model = short(model);
        // Ollama streams unless told otherwise.
        record.asked.streams = streams.unwrap_or(record.dialect == Dialect::Ollama);
        if record.trace.is_some() {
            record.asked.numbers = serde_json::from_slice(body).unwrap_or_default();
        }
        self.seeing.live.begun(&record, Arc::downgrade(self));
    }

    /// Returns the place for its receipt.
    pub fn receipt(&self) -> ReceiptSlot {
        self.receipt.clone()
    }

    /// Notes the status of its answer.
    pub fn answered(&self, status: u16) {
        self.record().status = status;
    }

    /// Puts the gateway's own span in the place of the caller's, where it is traced here, so that
    /// the vendor's part is found below it.
    pub fn trace(&self, headers: &mut HeaderMap) {
        let record = self.record();
        let trace = record.trace.as_ref().map(|trace| trace.traceparent().try_into());
        if let Some(Ok(value)) = trace {
            headers.insert("traceparent", value);
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let record = self.record.get_mut().unwrap_or_else(PoisonError::into_inner);
        record.receipt = self.receipt.get();
        // With a receipt it is the vendor's word.
        let by_status = match record.status {
            403 if record.receipt.is_none() => Some(Denial::Forbidden),
            429 if record.receipt.is_none() => Some(Denial::RateLimit),
            _ => None,
        };
        record.denial = record.denial.or(by_status);
        if record.asks_model {
            self.seeing.metrics.end(record.dialect);
        }
        self.seeing.over(record);
    }
}

/// Returns a method's name; those that no endpoint knows are alike.
fn method(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        _ => "_OTHER",
    }
}

fn short(text: &str) -> String {
    let mut end = text.len().min(MOST_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().to_owned()
}
