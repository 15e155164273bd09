//! Fall-back chains, breakers and nodes, against models played by hand and a clock moved by hand.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use distiq_base::clock::Clock;
use distiq_base::{
    BlockStart, Content, Delta, Dialect, Message, Money, Price, Request, RequestKind, Role,
    StopReason, StreamEvent, Usage,
};
use distiq_llm::provider::{
    AnswerReader, HeaderMap, RawAnswer, RawBody, RawRefusal, RawReply, RawRequest,
};
use distiq_llm::retry::Policy;
use distiq_llm::wire::Quirks;
use distiq_llm::{
    Catalogue, Phase, Prices, ProviderError, ProviderErrorKind as Kind, RegistryError,
};
use distiq_router::nodes::BreakerState;
use distiq_router::{
    Balance, Call, Candidate, EventStream, ForwardBody, KeyUse, Ledger, LedgerOptions, Limits,
    NodeSet, NodeSpec, Purpose, Reads, Receipt, Reply, RequestRow, Router, RouterConfig,
    RouterEvent, RowFilter, RowState, Upstream, Upstreams,
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
    seen: Mutex<Vec<Request>>,
    bodies: Mutex<Vec<String>>,
    exhausted_ms: AtomicI64,
    well: Mutex<bool>,
    /// Answers under way.
    open: Arc<AtomicUsize>,
}

impl Played {
    fn attempt(&self) -> Attempt {
        self.script.lock().unwrap().pop_front().unwrap_or_else(|| self.usual.clone())
    }

    fn seen(&self) -> usize {
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
struct World {
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

struct Stage {
    _folder: TempDir,
    ledger: Arc<Ledger>,
    router: Router,
    world: Arc<World>,
    now_ms: Arc<AtomicI64>,
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
fn stage_with(nodes: usize, balance: Balance, limits: Limits) -> Stage {
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

fn stage() -> Stage {
    stage_with(1, Balance::RoundRobin, Limits::default())
}

fn error(kind: Kind) -> ProviderError {
    ProviderError::new(kind, "no")
}

fn ask(text: &str) -> Request {
    Request {
        model: "m".into(),
        messages: vec![Message::user(text)],
        max_tokens: Some(2_000),
        ..Request::default()
    }
}

fn purpose() -> Purpose {
    Purpose { fallbacks: vec![Candidate::new("b", "n")], ..Purpose::new(RequestKind::Gateway, "a") }
}

async fn all(mut reply: Reply) -> (String, Receipt) {
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
    fn play(&self, provider: &str, index: usize, attempts: &[Attempt]) {
        self.node(provider, index).script.lock().unwrap().extend(attempts.iter().cloned());
    }

    fn node(&self, provider: &str, index: usize) -> &Arc<Played> {
        &self.world.providers[provider][index]
    }

    async fn ask(&self, text: &str) -> String {
        all(self.router.send(ask(text), purpose())).await.0
    }

    fn pass(&self, ms: i64) {
        self.now_ms.fetch_add(ms, Ordering::SeqCst);
    }

    fn rows(&self) -> Vec<RequestRow> {
        // Behind another's end, those of dropped requests are written.
        let id = distiq_base::RequestId::generate();
        let _ = self.ledger.finish_blocking(
            &id,
            distiq_router::FinalRow::default(),
            &Limits::default(),
        );
        self.ledger.requests(&RowFilter::default(), 1_000).unwrap()
    }

    fn state(&self, provider: &str) -> Vec<BreakerState> {
        let nodes = self.router.nodes();
        nodes.iter().filter(|node| node.provider == provider).map(|node| node.state).collect()
    }
}

/// Every kind of failure: `~` is another attempt there, `>` another way.
#[tokio::test(start_paused = true)]
async fn the_table_of_remedies() {
    for (kind, expected) in [
        (Kind::InvalidRequest, ""),
        (Kind::ContextTooLong, ""),
        (Kind::TooLarge, ""),
        (Kind::Auth, ">b"),
        (Kind::Billing, ">b"),
        (Kind::Permission, ">b"),
        (Kind::UnknownModel, ">b"),
        (Kind::SpendLimit, ">b"),
        (Kind::Tls, ">b"),
        (Kind::Malformed, ">b"),
        (Kind::NotTheApi, ">b"),
        (Kind::Redirect, ">b"),
        (Kind::RateLimited, "~>b"),
        (Kind::Overloaded, "~>b"),
        (Kind::Server, "~>b"),
        (Kind::Timeout(Phase::Head), "~>b"),
        (Kind::Timeout(Phase::FirstByte), "~>b"),
        (Kind::Timeout(Phase::Idle), "~>b"),
        (Kind::Connect, "~>b"),
        (Kind::Truncated, "~>b"),
    ] {
        let stage = stage();
        let refused = Attempt::Refused(error(kind));
        stage.play("a", 0, &[refused.clone(), refused]);
        let (shown, receipt) = all(stage.router.send(ask("x"), purpose())).await;
        assert_eq!(shown, expected, "{kind:?}");
        let row = &stage.rows()[0];
        if expected.is_empty() {
            assert_eq!((row.provider.as_str(), row.fallbacks), ("a", 0));
            assert!(receipt.error.is_some());
        } else {
            assert!(receipt.error.is_none() && receipt.complete);
            assert_eq!((row.provider.as_str(), row.model.as_str(), row.fallbacks), ("b", "n", 1));
            // 110 tokens at $10 a million: the price of the way that answered.
            assert_eq!(row.cost_nanousd, Some(Money::from_nanos(1_100_000)));
            assert_eq!(receipt.fallbacks, 1);
            assert!(receipt.reasons.iter().any(|reason| reason.contains("passed over a/m")));
        }
        assert_eq!((stage.rows().len(), row.state), (1, RowState::Final), "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_wait_is_not_waited_where_there_is_another_way() {
    let stage = stage();
    let limited =
        ProviderError { retry_after: Some(Duration::from_secs(30)), ..error(Kind::RateLimited) };
    stage.play("a", 0, &[Attempt::Refused(limited)]);
    let began = tokio::time::Instant::now();
    assert_eq!(stage.ask("x").await, ">b");
    assert!(began.elapsed() < Duration::from_millis(10));
    // While it lasts, the first way is not even asked.
    assert_eq!(stage.ask("x").await, "b");
    assert_eq!(stage.node("a", 0).seen(), 1);
    stage.pass(30_001);
    assert_eq!(stage.ask("x").await, "a0");
}

#[tokio::test(start_paused = true)]
async fn what_was_shown_is_never_continued_by_another() {
    let stage = stage();
    stage.play("a", 0, &[Attempt::Broken("half")]);
    let (shown, receipt) = all(stage.router.send(ask("x"), purpose())).await;
    assert_eq!(shown, "half");
    assert!(receipt.error.is_some() && !receipt.complete);
    assert_eq!(stage.node("b", 0).seen(), 0);
    assert_eq!(stage.rows()[0].error.as_deref(), Some("truncated"));
}

#[tokio::test(start_paused = true)]
async fn ways_that_are_not_set_up_are_passed_over() {
    let stage = stage();
    let purpose = Purpose {
        fallbacks: vec![Candidate::new("nowhere", "x"), Candidate::new("b", "n")],
        ..Purpose::new(RequestKind::Gateway, "elsewhere")
    };
    let (shown, receipt) = all(stage.router.send(ask("x"), purpose)).await;
    assert_eq!((shown.as_str(), receipt.fallbacks), ("b", 2));
    assert_eq!(stage.rows()[0].provider, "b");
}

#[tokio::test(start_paused = true)]
async fn a_limit_counts_the_dearer_way_and_holds() {
    // Enough for an answer of `a`, not for one of `b`.
    let limits = Limits { day: Some(Money::from_nanos(5_000_000)), ..Limits::default() };
    let stage = stage_with(1, Balance::RoundRobin, limits);
    stage.play("a", 0, &[Attempt::Refused(error(Kind::Auth))]);
    let (shown, receipt) = all(stage.router.send(ask("x"), purpose())).await;
    assert_eq!((shown.as_str(), stage.node("b", 0).seen()), (">", 0));
    assert_eq!(receipt.error.unwrap().kind(), distiq_base::ErrorKind::Budget);
    assert_eq!(stage.rows()[0].cost_nanousd, Some(Money::ZERO));
}

#[tokio::test(start_paused = true)]
async fn signed_thinking_stays_with_its_model_or_is_left_out() {
    let signed = |text: &str| {
        let mut request = ask("hi");
        let thinking =
            Content::Thinking { text: String::new(), signature: Some("sig-of-it".into()) };
        request
            .messages
            .push(Message { role: Role::Assistant, content: vec![thinking, Content::text("x")] });
        request.messages.push(Message::user(text));
        request
    };
    let stage = stage();
    stage.play("a", 0, &[Attempt::Refused(error(Kind::Auth))]);
    stage.play("b", 0, &[Attempt::Signed("b")]);
    let auto = || Purpose { route: "auto", ..purpose() };
    assert_eq!(all(stage.router.send(ask("hi"), auto())).await.0, ">b");
    // No model is named: the one that signed goes on.
    assert_eq!(all(stage.router.send(signed("more"), auto())).await.0, "b");
    assert_eq!(stage.node("b", 0).seen.lock().unwrap()[1].messages, signed("more").messages);
    // The other is named: it gets what it can read.
    assert_eq!(all(stage.router.send(signed("more"), purpose())).await.0, "a0");
    let seen = stage.node("a", 0).seen.lock().unwrap()[1].messages.clone();
    assert_eq!(seen[1].content, [Content::text("x")]);
}

#[tokio::test(start_paused = true)]
async fn a_sick_node_leaves_and_returns() {
    let stage = stage_with(2, Balance::RoundRobin, Limits::default());
    stage.play("a", 0, &vec![Attempt::Refused(error(Kind::Connect)); 5]);
    let mut shown = Vec::new();
    for _ in 0..14 {
        shown.push(stage.ask("x").await);
    }
    // Each failure is mended by the other node at once; after five the sick one is left alone.
    assert_eq!(shown.iter().filter(|text| *text == "~a1").count(), 5, "{shown:?}");
    assert_eq!(shown.iter().filter(|text| *text == "a1").count(), 9, "{shown:?}");
    assert_eq!(stage.state("a"), [BreakerState::Open, BreakerState::Closed]);
    assert_eq!(stage.node("b", 0).seen(), 0);
    stage.pass(2_000);
    let back: Vec<String> = [stage.ask("x").await, stage.ask("x").await].into();
    assert!(back.contains(&"a0".to_owned()), "{back:?}");
    assert_eq!(stage.state("a"), [BreakerState::Closed; 2]);
}

#[tokio::test(start_paused = true)]
async fn the_only_way_is_asked_though_it_failed_and_with_all_down_the_next_is() {
    let stage = stage();
    stage.play("a", 0, &vec![Attempt::Refused(error(Kind::Connect)); 5]);
    for expected in ["~>b", "~>b", "~>b"] {
        assert_eq!(stage.ask("x").await, expected);
    }
    assert_eq!(stage.state("a"), [BreakerState::Open]);
    assert_eq!(stage.ask("x").await, "b", "passed over while it is open");
    let only = Purpose::new(RequestKind::Gateway, "a");
    assert_eq!(all(stage.router.send(ask("x"), only)).await.0, "a0", "nothing is lost by it");
}

#[tokio::test(start_paused = true)]
async fn checks_find_the_sick_and_the_well_before_requests_do() {
    let stage = stage_with(2, Balance::RoundRobin, Limits::default());
    stage.ask("x").await;
    *stage.node("a", 0).well.lock().unwrap() = false;
    stage.router.check_nodes().await;
    assert_eq!(stage.state("a"), [BreakerState::Open, BreakerState::Closed]);
    for _ in 0..4 {
        assert_eq!(stage.ask("x").await, "a1");
    }
    *stage.node("a", 0).well.lock().unwrap() = true;
    stage.router.check_nodes().await;
    let back = [stage.ask("x").await, stage.ask("x").await];
    assert!(back.contains(&"a0".to_owned()), "{back:?}");
}

#[tokio::test(start_paused = true)]
async fn an_empty_limit_is_heeded() {
    let stage = stage_with(2, Balance::RoundRobin, Limits::default());
    let until = stage.now_ms.load(Ordering::SeqCst) + 60_000;
    stage.play("a", 0, &[Attempt::Last("last", until)]);
    let shown: Vec<String> =
        [stage.ask("x").await, stage.ask("x").await, stage.ask("x").await].into();
    assert_eq!(shown.iter().filter(|text| *text == "last").count(), 1);
    assert_eq!(stage.node("a", 0).seen(), 1);
    // Of another model nothing is known.
    let other = Request { model: "m2".into(), ..ask("x") };
    let purpose = || Purpose::new(RequestKind::Gateway, "a");
    let shown = [
        all(stage.router.send(other.clone(), purpose())).await.0,
        all(stage.router.send(other, purpose())).await.0,
    ];
    assert!(shown.contains(&"a0".to_owned()), "{shown:?}");
    // The only node of the only way: a short wait is waited.
    let alone = stage_with(1, Balance::RoundRobin, Limits::default());
    let until = alone.now_ms.load(Ordering::SeqCst) + 1_500;
    alone.play("a", 0, &[Attempt::Last("last", until)]);
    all(alone.router.send(ask("x"), purpose())).await;
    let began = tokio::time::Instant::now();
    all(alone.router.send(ask("x"), purpose())).await;
    assert_eq!(began.elapsed().as_millis(), 1_500);
}

#[tokio::test(start_paused = true)]
async fn a_conversation_keeps_to_its_node() {
    let stage = stage_with(4, Balance::Prefix, Limits::default());
    let mut used = std::collections::BTreeSet::new();
    for n in 0..20 {
        let first = stage.ask(&format!("conversation {n}")).await;
        for _ in 0..3 {
            assert_eq!(stage.ask(&format!("conversation {n}")).await, first);
        }
        used.insert(first);
    }
    assert_eq!(used.len(), 4, "{used:?}");
}

const STREAM: &[&str] = &[
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"i\",\"model\":\"m\",\"usage\":{\"input_tokens\":100,\"output_tokens\":1}}}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"hello \"}}\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\nevent: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":10}}\n\n",
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
];
const WHOLE: &str = "{\"id\":\"i\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"}],\"stop_reason\":\"end_turn\",\"usage\":{\"input_tokens\":100,\"output_tokens\":10},\"new\":1.50}";
const BODY: &str = "{ \"model\":\"m\", \"max_tokens\":2000,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"unknown\":{\"a\":1e3} }";

fn call(dialect: Dialect, model: &str, body: &'static str) -> Call {
    let path = match dialect {
        Dialect::Anthropic => "v1/messages",
        _ => "chat/completions",
    };
    Call {
        dialect,
        reads: Reads::Answer,
        model: model.into(),
        request: RawRequest {
            path: path.into(),
            body: Bytes::from_static(body.as_bytes()),
            ..RawRequest::default()
        },
        fields: None,
    }
}

async fn bytes(body: ForwardBody) -> Result<String, (String, bool)> {
    let mut all = Vec::new();
    match body {
        ForwardBody::Whole(bytes) => all.extend_from_slice(&bytes),
        ForwardBody::Stream(mut stream) => {
            while let Some(next) = stream.next().await {
                match next {
                    Ok(bytes) => all.extend_from_slice(&bytes),
                    Err(broken) => return Err((String::from_utf8(all).unwrap(), broken.is_told)),
                }
            }
        }
    }
    Ok(String::from_utf8(all).unwrap())
}

/// 110 tokens at $1 a million.
const COST: Option<Money> = Some(Money::from_nanos(110_000));

#[tokio::test(start_paused = true)]
async fn bytes_pass_both_ways_unchanged_and_are_on_the_ledger() {
    let stage = stage();
    stage.play("a", 0, &[Attempt::Bytes(STREAM), Attempt::Bytes(&[WHOLE])]);
    let key = KeyUse { id: "k1".into(), owner: Some("ann".into()), ..KeyUse::default() };
    let purpose = Purpose {
        key: Some(key),
        client: Some(Dialect::Anthropic),
        ..Purpose::new(RequestKind::Gateway, "a")
    };
    let forwarded =
        stage.router.forward(call(Dialect::Anthropic, "m", BODY), purpose.clone()).await.unwrap();
    assert!(forwarded.receipt.get().is_none());
    let receipt = forwarded.receipt.clone();
    assert_eq!(bytes(forwarded.body).await, Ok(STREAM.concat()));
    let receipt = receipt.get().unwrap();
    assert_eq!((receipt.cost, receipt.estimated, receipt.complete), (COST, false, true));
    let forwarded =
        stage.router.forward(call(Dialect::Anthropic, "m", BODY), purpose).await.unwrap();
    assert_eq!(forwarded.receipt.get().unwrap().cost, COST);
    assert_eq!(bytes(forwarded.body).await, Ok(WHOLE.to_owned()));
    assert_eq!(*stage.node("a", 0).bodies.lock().unwrap(), [BODY, BODY]);
    for row in stage.rows() {
        assert_eq!((row.state, row.cost_nanousd, row.status), (RowState::Final, COST, Some(200)));
        assert_eq!((row.key.as_deref(), row.owner.as_deref()), (Some("k1"), Some("ann")));
        assert_eq!((row.client.as_deref(), row.error), (Some("anthropic"), None));
    }
}

#[tokio::test(start_paused = true)]
async fn an_openai_stream_is_asked_for_usage_and_nobody_sees_it() {
    const CHUNKS: &[&str] = &[
        "data: {\"id\":\"i\",\"model\":\"p\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}]}\n\n",
        "data: {\"id\":\"i\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
        "data: {\"id\":\"i\",\"choices\":[],\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":10}}\n\n",
        "data: [DONE]\n\n",
    ];
    let refused = ProviderError {
        status: Some(400),
        ..ProviderError::new(Kind::InvalidRequest, "Unknown field `stream_options`")
    };
    let stage = stage();
    stage.play(
        "o",
        0,
        &[
            Attempt::Bytes(CHUNKS),
            Attempt::Bytes(CHUNKS),
            Attempt::Refused(refused),
            Attempt::Bytes(CHUNKS),
        ],
    );
    let forward = |body| {
        stage
            .router
            .forward(call(Dialect::Openai, "p", body), Purpose::new(RequestKind::Gateway, "o"))
    };
    let silent = "{\"model\":\"p\",\"stream\":true}";
    let got = bytes(forward(silent).await.unwrap().body).await.unwrap();
    assert_eq!(got, [CHUNKS[0], CHUNKS[1], CHUNKS[3]].concat());
    let asking = "{\"model\":\"p\",\"stream\":true,\"stream_options\":{\"include_usage\":true}}";
    let got = bytes(forward(asking).await.unwrap().body).await.unwrap();
    assert_eq!(got, CHUNKS.concat());
    // A server that does not know the question is asked without it.
    bytes(forward(silent).await.unwrap().body).await.unwrap();
    assert_eq!(
        *stage.node("o", 0).bodies.lock().unwrap(),
        [
            "{\"model\":\"p\",\"stream\":true,\"stream_options\":{\"include_usage\":true}}",
            asking,
            "{\"model\":\"p\",\"stream\":true,\"stream_options\":{\"include_usage\":true}}",
            silent,
        ]
    );
    assert!(stage.rows().iter().all(|row| row.cost_nanousd == COST));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_passed_back_as_it_came_and_falls_back_by_the_table() {
    let refusal =
        |status, kind| Attempt::Refused(ProviderError { status: Some(status), ..error(kind) });
    let stage = stage();
    stage.play(
        "a",
        0,
        &[refusal(400, Kind::InvalidRequest), refusal(401, Kind::Auth), refusal(401, Kind::Auth)],
    );
    stage.play("b", 0, &[Attempt::Bytes(&[WHOLE])]);
    let refused =
        stage.router.forward(call(Dialect::Anthropic, "m", BODY), purpose()).await.unwrap_err();
    let reply = refused.reply.unwrap();
    assert_eq!((reply.status, &reply.body[..]), (400, &b"refused: no"[..]));
    let forwarded =
        stage.router.forward(call(Dialect::Anthropic, "m", BODY), purpose()).await.unwrap();
    assert_eq!((forwarded.provider.as_str(), forwarded.model.as_str()), ("b", "n"));
    assert_eq!(*stage.node("b", 0).bodies.lock().unwrap(), [BODY.replace("\"m\"", "\"n\"")]);
    // What another model would refuse is not sent to it, and neither is another dialect's body.
    let signed =
        "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"content\":[{\"signature\":\"s\"}]}]}";
    assert!(stage.router.forward(call(Dialect::Anthropic, "m", signed), purpose()).await.is_err());
    assert_eq!(stage.node("b", 0).seen(), 1);
    stage.play("a", 0, &[refusal(401, Kind::Auth)]);
    let elsewhere = Purpose { fallbacks: vec![Candidate::new("o", "p")], ..purpose() };
    assert!(stage.router.forward(call(Dialect::Anthropic, "m", BODY), elsewhere).await.is_err());
    assert_eq!((stage.node("o", 0).seen(), stage.rows().len()), (0, 4));
    assert!(stage.rows().iter().all(|row| row.state == RowState::Final));
}

#[tokio::test(start_paused = true)]
async fn a_cut_stream_is_never_whole_and_the_vendors_own_error_is_told_once() {
    const OVERLOADED: &str = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"}}\n\n";
    const ERROR: &[&str] = &[STREAM[0], STREAM[1], OVERLOADED];
    const FIRST: &[&str] = &[OVERLOADED];
    let forward = async |stage: &Stage| {
        stage.router.forward(call(Dialect::Anthropic, "m", BODY), purpose()).await
    };
    let cut = stage();
    cut.play("a", 0, &[Attempt::Bytes(&STREAM[..3])]);
    let got = bytes(forward(&cut).await.unwrap().body).await;
    assert_eq!(got, Err((STREAM[..3].concat(), false)));
    let row = &cut.rows()[0];
    assert_eq!((row.error.as_deref(), row.state), (Some("truncated"), RowState::Estimated));
    assert_eq!(row.cost_nanousd, COST);
    let told = stage();
    told.play("a", 0, &[Attempt::Bytes(ERROR)]);
    assert_eq!(bytes(forward(&told).await.unwrap().body).await, Err((ERROR.concat(), true)));
    assert_eq!(told.rows()[0].error.as_deref(), Some("overloaded"));
    // One that begins with an error has shown nothing: it is tried again, and then elsewhere.
    let before = stage();
    before.play("a", 0, &[Attempt::Bytes(FIRST), Attempt::Bytes(FIRST)]);
    before.play("b", 0, &[Attempt::Bytes(STREAM)]);
    let forwarded = forward(&before).await.unwrap();
    assert_eq!(forwarded.provider, "b");
    assert_eq!(bytes(forwarded.body).await, Ok(STREAM.concat()));
    let half = stage();
    half.play(
        "a",
        0,
        &[Attempt::Bytes(&["{\"id\":\"i\",\"cont"]), Attempt::Bytes(&["{\"id\":\"i\",\"cont"])],
    );
    half.play("b", 0, &[Attempt::Bytes(&[WHOLE])]);
    assert_eq!(bytes(forward(&half).await.unwrap().body).await, Ok(WHOLE.to_owned()));
}

#[tokio::test(start_paused = true)]
async fn whoever_leaves_closes_the_connection_and_the_row_at_any_point() {
    for pieces in 0..=3 {
        let stage = stage();
        stage.play("a", 0, &[Attempt::Stalls(&STREAM[..pieces])]);
        let open = Arc::clone(&stage.node("a", 0).open);
        let forward = stage
            .router
            .forward(call(Dialect::Anthropic, "m", BODY), Purpose::new(RequestKind::Gateway, "a"));
        if pieces == 0 {
            let mut forward = Box::pin(forward);
            while stage.node("a", 0).seen() == 0 {
                assert!(futures::poll!(&mut forward).is_pending());
                tokio::task::yield_now().await;
            }
            drop(forward);
        } else {
            let ForwardBody::Stream(mut stream) = forward.await.unwrap().body else { panic!() };
            for _ in 0..pieces {
                stream.next().await.unwrap().unwrap();
            }
            assert_eq!(open.load(Ordering::SeqCst), 1);
            drop(stream);
        }
        assert_eq!(open.load(Ordering::SeqCst), 0, "{pieces}");
        let rows = stage.rows();
        assert_eq!(rows.len(), 1);
        let end = (rows[0].state, rows[0].error.as_deref());
        assert_eq!(end, (RowState::Estimated, Some("cancelled")), "{pieces} {rows:?}");
        assert!(rows[0].cost_nanousd > Some(Money::ZERO), "{pieces}: billed for what came");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_keys_budget_holds_under_64_clients() {
    const LIMIT: Money = Money::from_nanos(40_000_000);
    let stage = Arc::new(stage());
    let key = |id: &str| KeyUse { id: id.into(), day: Some(LIMIT), ..KeyUse::default() };
    let send = |id: &str| {
        let purpose = Purpose { key: Some(key(id)), ..Purpose::new(RequestKind::Gateway, "a") };
        let stage = Arc::clone(&stage);
        tokio::spawn(async move {
            let mut refused = 0;
            for _ in 0..40 {
                refused += usize::from(
                    all(stage.router.send(ask("x"), purpose.clone())).await.1.error.is_some(),
                );
            }
            refused
        })
    };
    let clients: Vec<_> = (0..64).map(|_| send("k1")).collect();
    let mut refused = 0;
    for client in clients {
        refused += client.await.unwrap();
    }
    assert!(refused > 0);
    let spent: i64 = stage.rows().iter().filter_map(|row| row.cost_nanousd).map(Money::nanos).sum();
    assert!(spent <= LIMIT.nanos(), "{spent}");
    let by_key = stage
        .ledger
        .totals(
            &RowFilter { key: Some("k1".into()), ..RowFilter::default() },
            distiq_router::GroupBy::Key,
            &TimeZone::UTC,
        )
        .unwrap();
    assert!(by_key[0].requests > 100, "{by_key:?}");
    // Another key has a budget of its own.
    assert_eq!(send("k2").await.unwrap(), 0);
}
