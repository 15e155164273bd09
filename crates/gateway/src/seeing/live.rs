//! What happens now: a stream of server-sent events for the page, and for whoever else looks.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use distiq_llm::ProviderErrorKind as Kind;
use futures::Stream;
use serde_json::{Value, json};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio_util::sync::CancellationToken;

use super::{Record, Watch};
use crate::call::Caller;
use crate::refusal::Refusal;

/// Events that a slow reader may fall behind by; then it is sent the whole anew.
const BACKLOG: usize = 256;
/// Readers at once.
const MOST_READERS: usize = 64;
/// Requests under way that a reader is told of when it begins.
const MOST_SHOWN: usize = 200;
/// Silence after which a comment keeps the connection open.
const PAUSE: Duration = Duration::from_secs(15);

/// Requests under way, and those who watch them.
pub(crate) struct Live {
    numbers: AtomicU64,
    /// By number, so in the order in which they came.
    under_way: Mutex<BTreeMap<u64, Weak<Watch>>>,
    readers: Arc<AtomicUsize>,
    events: broadcast::Sender<Event>,
}

/// A stream of events as bytes.
pub(super) type Events = Pin<Box<dyn Stream<Item = Bytes> + Send>>;

/// One change.
#[derive(Clone, Debug)]
struct Event {
    name: &'static str,
    /// The id of the key whose request it is.
    key: Option<Arc<str>>,
    data: Arc<str>,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            numbers: AtomicU64::new(1),
            under_way: Mutex::default(),
            readers: Arc::default(),
            events: broadcast::channel(BACKLOG).0,
        }
    }
}

/// Who may see which events.
#[derive(Clone, Debug)]
enum Sight {
    All,
    Key(String),
}

impl Sight {
    fn sees(&self, key: Option<&str>) -> bool {
        match self {
            Sight::All => true,
            Sight::Key(id) => key == Some(id),
        }
    }
}

impl Live {
    pub fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    fn under_way(&self) -> MutexGuard<'_, BTreeMap<u64, Weak<Watch>>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the requests under way. They are held once the lock is free: who lets go of one last takes it off the list.
    fn watches(&self) -> Vec<Arc<Watch>> {
        self.under_way().values().filter_map(Weak::upgrade).collect()
    }

    /// A model is asked.
    pub fn begun(&self, record: &Record, watch: Weak<Watch>) {
        self.under_way().insert(record.number, watch);
        self.tell("begun", record, begun);
    }

    /// A request is over.
    pub fn over(&self, record: &Record) {
        if self.under_way().remove(&record.number).is_some() {
            self.tell("over", record, over);
        }
    }

    /// Words an event, where somebody listens.
    fn tell(&self, name: &'static str, record: &Record, words: fn(&Record) -> Value) {
        if self.events.receiver_count() > 0 {
            let key = key(record).map(Into::into);
            let _ = self.events.send(Event { name, key, data: words(record).to_string().into() });
        }
    }

    /// Begins a stream of what this caller may see.
    pub fn watch(&self, caller: &Caller, stopping: CancellationToken) -> Result<Events, Refusal> {
        let seat = Seat::take(&self.readers).ok_or_else(|| {
            let message = format!("Over {MOST_READERS} pages are open; close one");
            Refusal::new(Kind::RateLimited, message).after(PAUSE)
        })?;
        let sight = match caller.key().filter(|_| !caller.is_admin()) {
            Some(key) => Sight::Key(key.id.clone()),
            None => Sight::All,
        };
        let events = self.events.subscribe();
        let first = self.snapshot(&sight);
        Ok(follow(events, sight, first, seat, stopping))
    }

    fn snapshot(&self, sight: &Sight) -> Bytes {
        let watches = self.watches();
        let (mut count, mut shown) = (0, Vec::new());
        for watch in &watches {
            let record = watch.record();
            if sight.sees(key(&record)) {
                count += 1;
                shown.extend((count <= MOST_SHOWN).then(|| begun(&record)));
            }
        }
        frame("now", &json!({ "in_flight": count, "requests": shown }).to_string())
    }

    /// Returns how many requests to models are under way, of one key or of all.
    pub fn in_flight(&self, of: Option<&str>) -> usize {
        match of {
            None => self.under_way().len(),
            Some(_) => {
                let watches = self.watches();
                watches.iter().filter(|watch| key(&watch.record()) == of).count()
            }
        }
    }
}

fn key(record: &Record) -> Option<&str> {
    record.key.as_ref().map(|(id, _)| id.as_str())
}

fn frame(name: &str, data: &str) -> Bytes {
    let mut text = String::with_capacity(data.len() + 32);
    let _ = write!(text, "event: {name}\ndata: {data}\n\n");
    text.into()
}

fn begun(record: &Record) -> Value {
    json!({
        "n": record.number,
        "at": record.at.to_string(),
        "dialect": record.dialect.as_str(),
        "asked": record.asked.model,
        "stream": record.asked.streams,
        "key": record.key.as_ref().map(|(id, _)| id),
        "owner": record.key.as_ref().map(|(_, owner)| owner),
    })
}

fn over(record: &Record) -> Value {
    let mut value = begun(record);
    let took_ms = u64::try_from(record.began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let mut more = json!({ "status": record.status, "took_ms": took_ms });
    if let Some(receipt) = &record.receipt {
        more = json!({
            "status": record.status,
            "took_ms": took_ms,
            "id": receipt.request_id,
            "provider": receipt.provider,
            "model": receipt.model,
            "tier": receipt.tier,
            "input": receipt.usage.prompt(),
            "cache_read": receipt.usage.cache_read,
            "output": receipt.usage.output,
            "cost_nanousd": receipt.cost,
            "first_token_ms": receipt.first_token_ms,
            "attempts": receipt.attempts,
            "fallbacks": receipt.fallbacks,
            "error": receipt.error.as_ref().map(|error| error.code()),
        });
    }
    if let (Some(fields), Value::Object(more)) = (value.as_object_mut(), more) {
        fields.extend(more);
    }
    value
}

/// A reader's place; freed when its stream is dropped.
struct Seat(Arc<AtomicUsize>);

impl Seat {
    fn take(readers: &Arc<AtomicUsize>) -> Option<Self> {
        let seat = Seat(Arc::clone(readers));
        (readers.fetch_add(1, Ordering::Relaxed) < MOST_READERS).then_some(seat)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Follower {
    events: broadcast::Receiver<Event>,
    sight: Sight,
    first: Option<Bytes>,
    stopping: CancellationToken,
    _seat: Seat,
}

fn follow(
    events: broadcast::Receiver<Event>,
    sight: Sight,
    first: Bytes,
    seat: Seat,
    stopping: CancellationToken,
) -> Events {
    let follower = Follower { events, sight, first: Some(first), stopping, _seat: seat };
    Box::pin(futures::stream::unfold(follower, |mut follower| async move {
        let bytes = follower.next().await?;
        Some((bytes, follower))
    }))
}

impl Follower {
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        loop {
            let event = tokio::select! {
                event = tokio::time::timeout(PAUSE, self.events.recv()) => event,
                () = self.stopping.cancelled() => return None,
            };
            match event {
                Err(_) => return Some(Bytes::from_static(b": keep-alive\n\n")),
                Ok(Ok(event)) if self.sight.sees(event.key.as_deref()) => {
                    return Some(frame(event.name, &event.data));
                }
                Ok(Ok(_)) => {}
                // The page asks for everything anew.
                Ok(Err(RecvError::Lagged(_))) => return Some(frame("missed", "{}")),
                Ok(Err(RecvError::Closed)) => return None,
            }
        }
    }
}
