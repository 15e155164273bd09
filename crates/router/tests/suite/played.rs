//! Models played by hand behind a router with a clock moved by hand.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use distiq_base::clock::Clock;
use distiq_base::{
    BlockStart, Delta, Dialect, Message, Price, Request, RequestKind, StopReason, StreamEvent,
    Usage,
};
use distiq_llm::provider::{
    AnswerReader, HeaderMap, RawAnswer, RawBody, RawRefusal, RawReply, RawRequest,
};
use distiq_llm::retry::Policy;
use distiq_llm::wire::Quirks;
use distiq_llm::{Catalogue, Prices, ProviderError, ProviderErrorKind as Kind, RegistryError};
use distiq_router::nodes::BreakerState;
use distiq_router::{
    Balance, Candidate, EventStream, Ledger, LedgerOptions, Limits, NodeSet, NodeSpec, Purpose,
    Receipt, Reply, RequestRow, Router, RouterConfig, RouterEvent, RowFilter, Upstream, Upstreams,
};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use jiff::tz::TimeZone;
use tempfile::TempDir;

/// What becomes of one attempt.
#[derive(Clone)]
pub enum Attempt {
    /// It is refused.
    Refused(ProviderError),
    /// It answers with this text.
    Text(&'static str),
    /// It answers with signed thinking and this text.
    Signed(&'static str),
    /// It shows this text and then breaks.
    Broken(&'static str),
    /// It answers, and says that nothing is left of a limit until this moment.
    Last(&'static str, i64),
    /// These bytes come.
    Bytes(&'static [&'static str]),
    /// These bytes come, and then nothing.
    Stalls(&'static [&'static str]),
}

/// One node.
pub struct Played {
    dialect: Dialect,
    script: Mutex<VecDeque<Attempt>>,
    /// What it answers once the script is over.
    usual: Attempt,
    pub seen: Mutex<Vec<Request>>,
    pub bodies: Mutex<Vec<String>>,
    exhausted_ms: AtomicI64,
    pub well: Mutex<bool>,
    /// Answers under way.
    pub open: Arc<AtomicUsize>,
}

impl Played {
    fn attempt(&self) -> Attempt {
        self.script.lock().unwrap().pop_front().unwrap_or_else(|| self.usual.clone())
    }

    pub fn seen(&self) -> usize {
        self.seen.lock().unwrap().len() + self.bodies.lock().unwrap().len()
    }
}

struct CountOpen(Arc<AtomicUsize>);

impl CountOpen {
    fn new(open: &Arc<AtomicUsize>) -> Self {
        open.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(open))
    }
}

impl Drop for CountOpen {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn text(text: &str, signed: bool) -> Vec<Result<StreamEvent, ProviderError>> {
    let delta = |index, delta| StreamEvent::BlockDelta { index, delta };
    let mut events = vec![StreamEvent::Start { id: "i".into(), model: String::new() }];
    if signed {
        events.push(StreamEvent::BlockStart { index: 0, block: BlockStart::Thinking });
        for signature in ["sig-", "of-it"] {
            events.push(delta(0, Delta::Signature { signature: signature.into() }));
        }
        events.push(StreamEvent::BlockStop { index: 0 });
    }
    events.push(StreamEvent::BlockStart { index: 1, block: BlockStart::Text });
    events.push(delta(1, Delta::Text { text: text.into() }));
    events.into_iter().map(Ok).collect()
}

fn ending() -> Vec<Result<StreamEvent, ProviderError>> {
    let usage = Usage { input: 100, output: 10, ..Usage::default() };
    let stop = StreamEvent::Stop { reason: StopReason::EndTurn };
    vec![Ok(StreamEvent::Usage { usage }), Ok(stop), Ok(StreamEvent::End)]
}

impl Upstream for Played {
    fn dialect(&self) -> Dialect {
        self.dialect
    }

    fn stream<'a>(
        &'a self,
        request: &'a Request,
    ) -> BoxFuture<'a, Result<EventStream, ProviderError>> {
        async move {
            self.seen.lock().unwrap().push(request.clone());
            let steps = match self.attempt() {
                Attempt::Refused(error) => return Err(error),
                Attempt::Signed(words) => [text(words, true), ending()].concat(),
                Attempt::Last(words, until_ms) => {
                    self.exhausted_ms.store(until_ms, Ordering::SeqCst);
                    [text(words, false), ending()].concat()
                }
                Attempt::Broken(words) => {
                    [text(words, false), vec![Err(error(Kind::Truncated))]].concat()
                }
                Attempt::Text(words) => [text(words, false), ending()].concat(),
                Attempt::Bytes(_) | Attempt::Stalls(_) => panic!("bytes are for forwarding"),
            };
            let open = CountOpen::new(&self.open);
            let steps = stream::iter(steps).map(move |step| {
                let _ = &open;
                step
            });
            Ok(steps.boxed())
        }
        .boxed()
    }

    fn forward<'a>(
        &'a self,
        request: &'a RawRequest,
    ) -> BoxFuture<'a, Result<RawReply, ProviderError>> {
        async move {
            let body = String::from_utf8(request.body.to_vec()).unwrap();
            self.bodies.lock().unwrap().push(body);
            let (pieces, stalls) = match self.attempt() {
                Attempt::Refused(error) => match error.status {
                    None => return Err(error),
                    Some(status) => {
                        let body = Bytes::from(format!("refused: {}", error.message));
                        let mut headers = HeaderMap::new();
                        headers.insert("x-vendor", "1".parse().unwrap());
                        let refusal = RawRefusal { status, headers, body, error };
                        return Ok(RawReply::Refusal(refusal));
                    }
                },
                Attempt::Bytes(pieces) => (pieces, false),
                Attempt::Stalls(pieces) => (pieces, true),
                _ => panic!("only bytes can be forwarded"),
            };
            let is_stream = pieces.first().is_some_and(|piece| !piece.starts_with('{'));
            let kind = if is_stream { "text/event-stream" } else { "application/json" };
            let open = CountOpen::new(&self.open);
            let pieces = pieces.iter().map(|piece| Ok(Bytes::from_static(piece.as_bytes())));
            let pieces = stream::iter(pieces).map(move |piece| {
                let _ = &open;
                piece
            });
            let body = match stalls {
                false => RawBody::new(pieces),
                true => RawBody::new(pieces.chain(stream::pending())),
            };
            let mut headers = HeaderMap::new();
            headers.insert("content-type", kind.parse().unwrap());
            Ok(RawReply::Answer(RawAnswer {
                status: 200,
                headers,
                body,
                reader: AnswerReader::new(self.dialect, &Quirks::default()),
                patience: Duration::from_secs(600),
            }))
        }
        .boxed()
    }

    fn take_exhausted_until(&self) -> Option<jiff::Timestamp> {
        let until_ms = self.exhausted_ms.swap(0, Ordering::SeqCst);
        (until_ms > 0).then(|| jiff::Timestamp::from_millisecond(until_ms).unwrap())
    }

    fn check<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<(), ProviderError>> {
        assert_eq!(path, "/health");
        let found = if *self.well.lock().unwrap() { Ok(()) } else { Err(error(Kind::Connect)) };
        futures::future::ready(found).boxed()
    }
}

/// Providers and their nodes.
pub struct World {
    balance: Balance,
    providers: HashMap<&'static str, Vec<Arc<Played>>>,
}

impl Upstreams for World {
    fn upstream(&self, provider: &str) -> Result<Arc<dyn Upstream>, RegistryError> {
        Ok(Arc::clone(&self.nodes(provider)?.nodes[0].upstream))
    }

    fn nodes(&self, provider: &str) -> Result<NodeSet, RegistryError> {
        let unknown =
            || RegistryError::UnknownProvider { name: provider.into(), known: Vec::new() };
        let nodes = self.providers.get(provider).ok_or_else(unknown)?;
        let spec = |(index, node): (usize, &Arc<Played>)| NodeSpec {
            name: format!("http://{provider}-{index}"),
            weight: 1,
            upstream: Arc::clone(node) as Arc<dyn Upstream>,
        };
        Ok(NodeSet {
            balance: self.balance,
            nodes: nodes.iter().enumerate().map(spec).collect(),
            health_path: Some("/health".into()),
        })
    }
}

pub struct Stage {
    _folder: TempDir,
    pub ledger: Arc<Ledger>,
    pub router: Router,
    world: Arc<World>,
    pub now_ms: Arc<AtomicI64>,
}

fn node(dialect: Dialect, usual: Attempt) -> Arc<Played> {
    Arc::new(Played {
        dialect,
        script: Mutex::default(),
        usual,
        seen: Mutex::default(),
        bodies: Mutex::default(),
        exhausted_ms: AtomicI64::new(0),
        well: Mutex::new(true),
        open: Arc::default(),
    })
}

/// Two providers, `a` with `nodes` nodes, each answering with its own name.
pub fn stage_with(nodes: usize, balance: Balance, limits: Limits) -> Stage {
    const NAMES: [&str; 4] = ["a0", "a1", "a2", "a3"];
    let folder = tempfile::tempdir().unwrap();
    let now_ms = Arc::new(AtomicI64::new(1_795_000_000_000));
    let clock = Clock::Manual(Arc::clone(&now_ms));
    let options = LedgerOptions { zone: Some(TimeZone::UTC), clock: clock.clone() };
    let ledger = Arc::new(Ledger::open_with(&folder.path().join("ledger.db"), options).unwrap());
    let all = NAMES[..nodes].iter().map(|name| node(Dialect::Anthropic, Attempt::Text(name)));
    let providers = HashMap::from([
        ("a", all.collect()),
        ("b", vec![node(Dialect::Anthropic, Attempt::Text("b"))]),
        ("o", vec![node(Dialect::Openai, Attempt::Text("o"))]),
    ]);
    let world = Arc::new(World { balance, providers });
    let mut catalogue = Catalogue::builtin();
    for (provider, model, cents) in [("a", "m", 100), ("b", "n", 1_000), ("o", "p", 100)] {
        let price = Price(cents * 10_000_000);
        let prices = Prices {
            input: price,
            output: price,
            cache_read: None,
            cache_write: None,
            cache_write_long: None,
        };
        catalogue.set_price(provider, model, prices);
    }
    let router = Router::new(RouterConfig {
        premium: None,
        registry: Arc::clone(&world) as Arc<dyn Upstreams>,
        catalogue: Arc::new(catalogue),
        ledger: Arc::clone(&ledger),
        limits,
        run: None,
        retry: Policy { attempts: 2, ..Policy::default() },
        clock,
    });
    Stage { _folder: folder, ledger, router, world, now_ms }
}

pub fn stage() -> Stage {
    stage_with(1, Balance::RoundRobin, Limits::default())
}

pub fn error(kind: Kind) -> ProviderError {
    ProviderError::new(kind, "no")
}

pub fn ask(text: &str) -> Request {
    Request {
        model: "m".into(),
        messages: vec![Message::user(text)],
        max_tokens: Some(2_000),
        ..Request::default()
    }
}

pub fn purpose() -> Purpose {
    Purpose { fallbacks: vec![Candidate::new("b", "n")], ..Purpose::new(RequestKind::Gateway, "a") }
}

pub async fn all(mut reply: Reply) -> (String, Receipt) {
    let mut shown = String::new();
    while let Some(event) = reply.next().await {
        match event {
            RouterEvent::Model(StreamEvent::BlockDelta { delta: Delta::Text { text }, .. }) => {
                shown.push_str(&text);
            }
            RouterEvent::Retried { .. } => shown.push('~'),
            RouterEvent::FellBack { .. } => shown.push('>'),
            RouterEvent::Finished(receipt) => return (shown, receipt),
            _ => {}
        }
    }
    panic!("no receipt")
}

impl Stage {
    pub fn play(&self, provider: &str, index: usize, attempts: &[Attempt]) {
        self.node(provider, index).script.lock().unwrap().extend(attempts.iter().cloned());
    }

    pub fn node(&self, provider: &str, index: usize) -> &Arc<Played> {
        &self.world.providers[provider][index]
    }

    pub async fn ask(&self, text: &str) -> String {
        all(self.router.send(ask(text), purpose())).await.0
    }

    pub fn pass(&self, ms: i64) {
        self.now_ms.fetch_add(ms, Ordering::SeqCst);
    }

    pub fn rows(&self) -> Vec<RequestRow> {
        // Behind another's end, those of dropped requests are written.
        let id = distiq_base::RequestId::generate();
        let _ = self.ledger.finish_blocking(
            &id,
            distiq_router::FinalRow::default(),
            &Limits::default(),
        );
        self.ledger.requests(&RowFilter::default(), 1_000).unwrap()
    }

    pub fn state(&self, provider: &str) -> Vec<BreakerState> {
        let nodes = self.router.nodes();
        nodes.iter().filter(|node| node.provider == provider).map(|node| node.state).collect()
    }
}
