//! Requests through the router, against a model played by hand.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use distiq_base::clock::Clock;
use distiq_base::{
    BlockStart, Delta, Dialect, ErrorKind, Message, Money, Price, Request, RequestId, RequestKind,
    SessionId, StopReason, StreamEvent, ThinkingMode, Usage,
};
use distiq_llm::retry::Policy;
use distiq_llm::{Catalogue, Prices, ProviderError, ProviderErrorKind, RegistryError};
use distiq_router::economy::Pace;
use distiq_router::{
    EventStream, Ledger, LedgerOptions, Limits, Purpose, Receipt, Reply, RequestRow, Router,
    RouterConfig, RouterEvent, RowFilter, RowState, SendError, Upstream, Upstreams,
};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use jiff::tz::TimeZone;
use tempfile::TempDir;

use crate::support::{again, cents};

type Step = Result<StreamEvent, ProviderError>;

/// What becomes of one attempt.
enum Attempt {
    /// It is refused.
    Refused(ProviderError),
    /// It is answered with these steps, and then silence.
    Answer(Vec<Step>),
    /// Nothing ever comes.
    Silence,
}

/// A model that follows a script and remembers what it was asked.
#[derive(Default)]
struct Played {
    script: Mutex<VecDeque<Attempt>>,
    seen: Mutex<Vec<Request>>,
    /// States of the ledger's rows when a request came in.
    rows: Mutex<Vec<Option<RowState>>>,
    ledger: Mutex<Option<Arc<Ledger>>>,
    /// Answers that the router let go of.
    dropped: Arc<AtomicUsize>,
    openai: bool,
}

struct CountDrop(Arc<AtomicUsize>);

impl Drop for CountDrop {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Upstream for Played {
    fn dialect(&self) -> Dialect {
        if self.openai { Dialect::Openai } else { Dialect::Anthropic }
    }

    fn stream<'a>(
        &'a self,
        request: &'a Request,
    ) -> BoxFuture<'a, Result<EventStream, ProviderError>> {
        async move {
            self.seen.lock().unwrap().push(request.clone());
            if let Some(ledger) = &*self.ledger.lock().unwrap() {
                let rows = ledger.requests(&RowFilter::default(), 1).unwrap();
                self.rows.lock().unwrap().push(rows.first().map(|row| row.state));
            }
            let attempt = self.script.lock().unwrap().pop_front();
            match attempt.expect("an attempt in the script") {
                Attempt::Refused(error) => Err(error),
                Attempt::Silence => futures::future::pending().await,
                Attempt::Answer(steps) => {
                    let guard = CountDrop(Arc::clone(&self.dropped));
                    let ends = steps.iter().any(|s| matches!(s, Ok(StreamEvent::End) | Err(_)));
                    let steps = stream::iter(steps).map(move |step| {
                        let _ = &guard;
                        step
                    });
                    Ok(if ends { steps.boxed() } else { steps.chain(stream::pending()).boxed() })
                }
            }
        }
        .boxed()
    }
}

struct Only(Arc<Played>);

impl Upstreams for Only {
    fn upstream(&self, provider: &str) -> Result<Arc<dyn Upstream>, RegistryError> {
        if provider == "test" {
            Ok(Arc::clone(&self.0) as Arc<dyn Upstream>)
        } else {
            Err(RegistryError::UnknownProvider { name: provider.into(), known: Vec::new() })
        }
    }
}

struct Stage {
    _folder: TempDir,
    path: PathBuf,
    ledger: Arc<Ledger>,
    model: Arc<Played>,
    router: Router,
}

/// $2 a million in, $10 out, $2.50 written, $0.20 read.
fn prices() -> Prices {
    let dollars = |cents: i64| Price(cents * 10_000_000);
    Prices {
        input: dollars(200),
        output: dollars(1000),
        cache_read: Some(dollars(20)),
        cache_write: Some(dollars(250)),
        cache_write_long: None,
    }
}

fn stage(script: Vec<Attempt>, limits: Limits) -> Stage {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let options = LedgerOptions { zone: Some(TimeZone::UTC), clock: Clock::System };
    let ledger = Arc::new(Ledger::open_with(&path, options).unwrap());
    let model = Arc::new(Played { script: Mutex::new(script.into()), ..Played::default() });
    *model.ledger.lock().unwrap() = Some(Arc::clone(&ledger));
    let mut catalogue = Catalogue::builtin();
    catalogue.set_price("test", "m1", prices());
    let router = Router::new(RouterConfig {
        premium: None,
        registry: Arc::new(Only(Arc::clone(&model))),
        catalogue: Arc::new(catalogue),
        ledger: Arc::clone(&ledger),
        limits,
        run: Some("run".into()),
        retry: Policy::default(),
        clock: Clock::System,
    });
    Stage { _folder: folder, path, ledger, model, router }
}

fn ask() -> Request {
    Request {
        model: "m1".into(),
        messages: vec![Message::user("word ".repeat(800))],
        max_tokens: Some(8_000),
        ..Request::default()
    }
}

fn purpose() -> Purpose {
    Purpose {
        session: SessionId::parse("s1"),
        project: Some("/p".into()),
        reasons: vec!["asked for".into()],
        ..Purpose::new(RequestKind::Execute, "test")
    }
}

fn start() -> Step {
    Ok(StreamEvent::Start { id: "a".into(), model: "m1-2026".into() })
}

fn block() -> Step {
    Ok(StreamEvent::BlockStart { index: 0, block: BlockStart::Text })
}

fn text(text: &str) -> Step {
    Ok(StreamEvent::BlockDelta { index: 0, delta: Delta::Text { text: text.into() } })
}

fn usage(input: u64, cache_read: u64, output: u64) -> Step {
    Ok(StreamEvent::Usage { usage: Usage { input, cache_read, output, ..Usage::default() } })
}

fn ending() -> Vec<Step> {
    vec![
        Ok(StreamEvent::BlockStop { index: 0 }),
        Ok(StreamEvent::Stop { reason: StopReason::EndTurn }),
        Ok(StreamEvent::End),
    ]
}

fn whole() -> Vec<Step> {
    let mut steps =
        vec![start(), usage(1_000, 0, 1), block(), text("hello"), usage(1_000, 9_000, 100)];
    steps.extend(ending());
    steps
}

/// 1,000 tokens at $2, 9,000 at $0.20 and 100 at $10 a million.
const WHOLE: Money = Money::from_nanos(2_000_000 + 1_800_000 + 1_000_000);

fn error(kind: ProviderErrorKind) -> ProviderError {
    ProviderError::new(kind, "no")
}

async fn all(mut reply: Reply) -> (Vec<RouterEvent>, Receipt) {
    let mut events = Vec::new();
    while let Some(event) = reply.next().await {
        events.push(event);
    }
    match events.pop() {
        Some(RouterEvent::Finished(receipt)) => (events, receipt),
        other => panic!("the last event is {other:?}"),
    }
}

fn shown(events: &[RouterEvent]) -> Vec<String> {
    let show = |event: &RouterEvent| match event {
        RouterEvent::Started { .. } => "started".into(),
        RouterEvent::Retried { attempt, .. } => format!("retried {attempt}"),
        RouterEvent::FellBack { provider, model, .. } => format!("fell back to {provider}/{model}"),
        RouterEvent::Notice(text) => text.clone(),
        RouterEvent::Finished(_) => "finished".into(),
        RouterEvent::Model(event) => match event {
            StreamEvent::BlockDelta { delta: Delta::Text { text }, .. } => text.clone(),
            StreamEvent::Start { .. } => "start".into(),
            StreamEvent::End => "end".into(),
            _ => "…".into(),
        },
    };
    events.iter().map(show).collect()
}

impl Stage {
    fn send(&self) -> Reply {
        self.router.send(ask(), purpose())
    }

    fn only_row(&self) -> RequestRow {
        let rows = self.ledger.requests(&RowFilter::default(), 10).unwrap();
        assert_eq!(rows.len(), 1, "{rows:?}");
        rows.into_iter().next().unwrap()
    }

    /// Waits for the row to be closed by a reply that was dropped.
    fn closed_row(&self) -> RequestRow {
        // The ledger takes its jobs in order: behind another's end, the dropped one's is written.
        let _ = self.ledger.finish_blocking(
            &RequestId::generate(),
            distiq_router::FinalRow::default(),
            &Limits::default(),
        );
        self.only_row()
    }
}

#[tokio::test]
async fn an_answer_is_on_the_ledger_before_its_end_is_seen() {
    let stage = stage(vec![Attempt::Answer(whole())], Limits::default());
    let mut reply = stage.send();
    let mut events = Vec::new();
    while let Some(event) = reply.next().await {
        if matches!(event, RouterEvent::Model(StreamEvent::End)) {
            assert_eq!(stage.only_row().state, RowState::Final);
        }
        events.push(event);
    }
    assert_eq!(*stage.model.rows.lock().unwrap(), [Some(RowState::Open)]);
    assert_eq!(
        shown(&events),
        ["started", "start", "…", "…", "hello", "…", "…", "…", "end", "finished"]
    );
    let Some(RouterEvent::Finished(receipt)) = events.pop() else { panic!() };
    assert_eq!(receipt.model, "m1-2026");
    assert_eq!((receipt.cost, receipt.estimated, receipt.complete), (Some(WHOLE), false, true));
    assert_eq!((receipt.attempts, receipt.stop), (1, Some(StopReason::EndTurn)));
    assert!(receipt.error.is_none() && receipt.first_token_ms.is_some());
    let row = stage.only_row();
    assert_eq!(
        (row.cost_nanousd, row.error, row.stop),
        (Some(WHOLE), None, Some("end_turn".into()))
    );
    assert_eq!((row.run.as_deref(), row.model.as_str()), (Some("run"), "m1"));
    // 9,000 tokens at $1.80 a million less than in full.
    assert_eq!(row.savings.prompt_cache, Some(Money::from_nanos(16_200_000)));
}

#[tokio::test(start_paused = true)]
async fn a_refused_attempt_is_repeated_and_costs_nothing() {
    let mut limited = error(ProviderErrorKind::RateLimited);
    limited.retry_after = Some(Duration::from_secs(7));
    let script = vec![
        Attempt::Refused(limited),
        Attempt::Refused(error(ProviderErrorKind::Overloaded)),
        Attempt::Answer(whole()),
    ];
    let stage = stage(script, Limits::default());
    let began = tokio::time::Instant::now();
    let (events, receipt) = all(stage.send()).await;
    assert_eq!(shown(&events)[..4], ["started", "retried 1", "retried 2", "start"]);
    let RouterEvent::Retried { delay_ms, .. } = &events[1] else { panic!() };
    assert_eq!(*delay_ms, 7_000);
    assert!(began.elapsed() >= Duration::from_millis(7_500));
    assert_eq!((receipt.attempts, receipt.cost), (3, Some(WHOLE)));
}

#[tokio::test(start_paused = true)]
async fn after_the_last_attempt_the_error_is_told_and_nothing_is_billed() {
    let refused = || Attempt::Refused(error(ProviderErrorKind::Server));
    let stage = stage(vec![refused(), refused(), refused(), refused()], Limits::default());
    let (events, receipt) = all(stage.send()).await;
    assert_eq!(shown(&events), ["started", "retried 1", "retried 2", "retried 3"]);
    assert_eq!((receipt.attempts, receipt.cost, receipt.estimated), (4, Some(Money::ZERO), false));
    let error = receipt.error.unwrap();
    assert_eq!(error.kind(), ErrorKind::Provider);
    let row = stage.only_row();
    assert_eq!((row.state, row.error.as_deref()), (RowState::Final, Some("server")));
}

#[tokio::test(start_paused = true)]
async fn a_fault_that_repeating_cannot_mend_ends_it_at_once() {
    let stage = stage(vec![Attempt::Refused(error(ProviderErrorKind::Auth))], Limits::default());
    let (events, receipt) = all(stage.send()).await;
    assert_eq!(shown(&events), ["started"]);
    assert_eq!(receipt.error.unwrap().kind(), ErrorKind::Config);
}

#[tokio::test(start_paused = true)]
async fn an_answer_cut_before_anything_was_shown_is_repeated_and_both_are_billed() {
    let cut = vec![start(), usage(1_000, 0, 1), block(), Err(error(ProviderErrorKind::Truncated))];
    let stage = stage(vec![Attempt::Answer(cut), Attempt::Answer(whole())], Limits::default());
    let (events, receipt) = all(stage.send()).await;
    assert_eq!(shown(&events)[..4], ["started", "retried 1", "start", "…"]);
    assert_eq!(shown(&events).iter().filter(|event| *event == "start").count(), 1);
    // 1,000 tokens at $2 and 1 at $10 a million more.
    assert_eq!(receipt.cost, Some(WHOLE.plus(Money::from_nanos(2_010_000))));
    assert_eq!((receipt.usage.input, receipt.usage.output), (2_000, 101));
    assert!(receipt.estimated && receipt.complete);
}

#[tokio::test(start_paused = true)]
async fn an_answer_cut_after_something_was_shown_is_an_error_and_billed_as_far_as_known() {
    let cut = vec![
        start(),
        usage(1_000, 500, 1),
        block(),
        text(&"word ".repeat(300)),
        Err(error(ProviderErrorKind::Truncated)),
    ];
    let stage = stage(vec![Attempt::Answer(cut)], Limits::default());
    let (events, receipt) = all(stage.send()).await;
    assert!(!shown(&events).contains(&"end".to_owned()));
    assert!(receipt.estimated && !receipt.complete);
    // 1,500 bytes were seen, at three to a token.
    assert_eq!((receipt.usage.input, receipt.usage.output), (1_000, 500));
    assert!(receipt.error.as_ref().unwrap().is_retryable());
    let row = stage.only_row();
    assert_eq!((row.state, row.error.as_deref()), (RowState::Estimated, Some("truncated")));
}

#[tokio::test]
async fn an_end_without_the_end_mark_is_a_cut() {
    struct Quiet;
    impl Upstream for Quiet {
        fn dialect(&self) -> Dialect {
            Dialect::Openai
        }
        fn stream<'a>(
            &'a self,
            _: &'a Request,
        ) -> BoxFuture<'a, Result<EventStream, ProviderError>> {
            async { Ok(stream::iter([start(), block(), text("half")]).boxed()) }.boxed()
        }
    }
    impl Upstreams for Quiet {
        fn upstream(&self, _: &str) -> Result<Arc<dyn Upstream>, RegistryError> {
            Ok(Arc::new(Quiet))
        }
    }
    let stage = stage(Vec::new(), Limits::default());
    let router = Router::new(RouterConfig {
        premium: None,
        registry: Arc::new(Quiet),
        catalogue: Arc::new(Catalogue::builtin()),
        ledger: Arc::clone(&stage.ledger),
        limits: Limits::default(),
        run: None,
        retry: Policy::default(),
        clock: Clock::System,
    });
    let (_, receipt) = all(router.send(ask(), purpose())).await;
    let Some(SendError::Provider(error)) = receipt.error else { panic!() };
    assert_eq!(error.kind, ProviderErrorKind::Truncated);
    assert_eq!((receipt.cost, receipt.priced), (None, false));
}

#[tokio::test]
async fn a_whole_answer_without_a_count_is_estimated() {
    let mut steps = vec![start(), block(), text(&"x".repeat(300))];
    steps.extend(ending());
    let stage = stage(vec![Attempt::Answer(steps)], Limits::default());
    let (_, receipt) = all(stage.send()).await;
    assert!(receipt.estimated && receipt.complete && receipt.error.is_none());
    assert_eq!(receipt.usage.output, 100);
    assert!((700..1_300).contains(&receipt.usage.input), "{:?}", receipt.usage);
    assert_eq!(stage.only_row().state, RowState::Estimated);
}

#[tokio::test]
async fn dropping_a_reply_closes_connection_and_row() {
    let steps = vec![start(), usage(1_000, 0, 1), block(), text("hello "), text("world")];
    let stage = stage(vec![Attempt::Answer(steps)], Limits::default());
    let mut reply = stage.send();
    while let Some(event) = reply.next().await {
        if shown(&[event]) == ["world"] {
            break;
        }
    }
    drop(reply);
    assert_eq!(stage.model.dropped.load(Ordering::SeqCst), 1);
    let row = stage.closed_row();
    assert_eq!((row.state, row.error.as_deref()), (RowState::Estimated, Some("cancelled")));
    assert_eq!((row.usage.input, row.usage.output), (1_000, 4));
}

#[tokio::test]
async fn cancelling_tells_what_it_cost() {
    let stage = stage(vec![Attempt::Silence], Limits::default());
    let mut reply = stage.send();
    assert!(matches!(reply.next().await, Some(RouterEvent::Started { .. })));
    // The vendor has the request and may well bill its prompt.
    assert!(reply.next().now_or_never().is_none());
    let receipt = reply.cancel().await;
    assert!(matches!(receipt.error, Some(SendError::Cancelled)));
    assert!(receipt.estimated && receipt.cost > Some(Money::ZERO));
    assert_eq!((receipt.usage.output, receipt.attempts), (0, 1));
    let row = stage.only_row();
    assert_eq!((row.state, row.cost_nanousd), (RowState::Estimated, receipt.cost));
}

#[tokio::test]
async fn cancelling_what_is_over_or_was_never_sent_changes_nothing() {
    let stage = stage(vec![Attempt::Answer(whole())], Limits::default());
    let receipt = stage.send().cancel().await;
    assert_eq!((receipt.attempts, receipt.cost), (0, Some(Money::ZERO)));
    assert_eq!(stage.ledger.requests(&RowFilter::default(), 1).unwrap(), []);
    let mut reply = stage.send();
    while let Some(event) = reply.next().await {
        if matches!(event, RouterEvent::Model(StreamEvent::End)) {
            break;
        }
    }
    let receipt = reply.cancel().await;
    assert!(receipt.error.is_none() && receipt.complete);
    assert_eq!(stage.only_row().state, RowState::Final);
}

#[tokio::test]
async fn a_limit_lowers_the_answer_and_then_stops_everything() {
    // The prompt's worst case is under a cent; 3 cents cover over 2,000 tokens at $10 a million.
    let limits = Limits { run: Some(cents(3)), alert_share: 0.0, ..Limits::default() };
    let answer = || {
        let mut steps = vec![start(), block(), text("x"), usage(1_000, 0, 1_600)];
        steps.extend(ending());
        Attempt::Answer(steps)
    };
    let stage = stage(vec![answer(), answer(), answer()], limits);
    let (_, first) = all(stage.send()).await;
    assert_eq!(first.cost, Some(Money::from_nanos(18_000_000)));
    let (events, second) = all(stage.send()).await;
    assert_eq!(shown(&events), [""; 0]);
    assert_eq!((second.attempts, second.cost), (0, Some(Money::ZERO)));
    let error = second.error.unwrap();
    assert_eq!(error.kind(), ErrorKind::Budget);
    assert!(error.hint().contains("--max-cost"));
    let seen = stage.model.seen.lock().unwrap();
    assert_eq!(seen.len(), 1);
    let max_tokens = seen[0].max_tokens.unwrap();
    assert!((2_000..2_999).contains(&max_tokens), "{max_tokens}");
}

#[tokio::test]
async fn a_lowered_answer_keeps_its_thinking_within_it() {
    let limits = Limits { run: Some(cents(4)), ..Limits::default() };
    let stage = stage(vec![Attempt::Answer(whole())], limits);
    let thinking = Some(ThinkingMode::Budget(6_000));
    all(stage.router.send(Request { thinking, ..ask() }, purpose())).await;
    let seen = stage.model.seen.lock().unwrap();
    let Some(ThinkingMode::Budget(budget)) = seen[0].thinking else { panic!("{seen:?}") };
    assert_eq!(budget, seen[0].max_tokens.unwrap() - 1_024);
}

#[tokio::test]
async fn a_limit_that_is_near_is_told() {
    let limits = Limits { day: Some(cents(100)), alert_share: 0.004, ..Limits::default() };
    let stage = stage(vec![Attempt::Answer(whole())], limits);
    let (events, _) = all(stage.send()).await;
    let notice = "$0.0048 of the day limit of $1.00 is spent".to_owned();
    assert!(shown(&events).contains(&notice), "{:?}", shown(&events));
}

#[tokio::test]
async fn without_a_price_a_limit_refuses() {
    let stage = stage(Vec::new(), Limits { month: Some(cents(100)), ..Limits::default() });
    let request = Request { model: "mystery".into(), ..ask() };
    let (_, receipt) = all(stage.router.send(request, purpose())).await;
    assert!(matches!(receipt.error, Some(SendError::Unpriced { model }) if model == "mystery"));
    assert!(!receipt.priced);
}

#[tokio::test]
async fn an_unknown_provider_is_told() {
    let stage = stage(Vec::new(), Limits::default());
    let elsewhere = Purpose { provider: "nowhere".into(), ..purpose() };
    let (events, receipt) = all(stage.router.send(ask(), elsewhere)).await;
    assert!(events.is_empty());
    assert_eq!(receipt.error.unwrap().kind(), ErrorKind::Config);
    assert_eq!(stage.ledger.requests(&RowFilter::default(), 1).unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn a_repeat_is_paid_for_anew_and_refused_where_the_limit_does_not_cover_it() {
    // What the first attempt cost leaves too little for a second.
    let limits = Limits { run: Some(cents(3)), alert_share: 0.0, ..Limits::default() };
    let cut = vec![start(), usage(1_000, 0, 1_500), Err(error(ProviderErrorKind::Truncated))];
    let stage = stage(vec![Attempt::Answer(cut)], limits);
    let (_, receipt) = all(stage.send()).await;
    assert!(matches!(receipt.error, Some(SendError::Budget { .. })), "{receipt:?}");
    assert_eq!(receipt.cost, Some(Money::from_nanos(17_000_000)));
    let row = stage.only_row();
    assert_eq!((row.error.as_deref(), row.cost_nanousd), (Some("budget"), receipt.cost));
}

#[tokio::test]
async fn estimates_learn_from_what_vendors_count() {
    let answer = || {
        let mut steps = vec![start(), usage(2_500, 0, 1), block(), text("x")];
        steps.extend(ending());
        Attempt::Answer(steps)
    };
    let uncounted = || {
        let mut steps = vec![start(), block(), text("x")];
        steps.extend(ending());
        Attempt::Answer(steps)
    };
    let stage = stage(vec![uncounted(), answer(), uncounted()], Limits::default());
    let mut inputs = Vec::new();
    for _ in 0..3 {
        inputs.push(all(stage.send()).await.1.usage.input);
    }
    assert!(inputs[0] < 1_200, "{inputs:?}");
    assert!((2_450..=2_550).contains(&inputs[2]), "{inputs:?}");
}

#[test]
fn a_kill_in_the_middle_of_an_answer_keeps_what_the_vendor_had_reported() {
    const TEST: &str =
        "sending::a_kill_in_the_middle_of_an_answer_keeps_what_the_vendor_had_reported";
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    if let Some(path) = std::env::var_os("ROUTER_TEST_LEDGER") {
        let stage = stage(vec![Attempt::Answer(whole())], Limits::default());
        let ledger = Arc::new(Ledger::open(&PathBuf::from(path)).unwrap());
        let mut catalogue = Catalogue::builtin();
        catalogue.set_price("test", "m1", prices());
        let router = Router::new(RouterConfig {
            premium: None,
            registry: Arc::new(Only(Arc::clone(&stage.model))),
            catalogue: Arc::new(catalogue),
            ledger: Arc::clone(&ledger),
            limits: Limits::default(),
            run: None,
            retry: Policy::default(),
            clock: Clock::System,
        });
        runtime.block_on(async {
            let mut reply = router.send(ask(), purpose());
            while let Some(event) = reply.next().await {
                // Behind the vendor's first report in the ledger's queue.
                if matches!(event, RouterEvent::Model(StreamEvent::Start { .. })) {
                    let row = distiq_router::FinalRow::default();
                    let _ = ledger.finish(&RequestId::generate(), row, &Limits::default()).await;
                }
            }
        });
        panic!("it went on behind the point");
    }
    let stage = stage(Vec::new(), Limits::default());
    let status = again(TEST)
        .env("ROUTER_TEST_LEDGER", &stage.path)
        .env("DISTIQ_TEST_KILL_AT", "mid_stream:2")
        .stderr(std::process::Stdio::null())
        .status()
        .unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9));
    let ledger = Ledger::open(&stage.path).unwrap();
    let row = ledger.requests(&RowFilter::default(), 1).unwrap().remove(0);
    assert_eq!((row.state, row.error.as_deref()), (RowState::Estimated, Some("killed")));
    assert_eq!(row.usage.input, 1_000);
    assert_eq!(row.cost_nanousd, Some(Money::from_nanos(2_010_000)));
}

#[test]
fn a_sessions_layout_goes_by_the_vendor() {
    let stage = stage(Vec::new(), Limits::default());
    let plan = stage.router.cache_plan("test", &ask(), "s1", &Pace::default());
    assert_eq!((plan.marks.len(), plan.key), (1, None));
    let plan = stage.router.cache_plan("elsewhere", &ask(), "s1", &Pace::default());
    assert_eq!((plan.marks.len(), plan.key.as_deref()), (0, Some("s1")));
    // A model whose vendor caches from 1,024 tokens on: a little below, facts fill up.
    let first = |words: usize| Request {
        model: "claude-sonnet-4-5".into(),
        messages: vec![Message::user("word ".repeat(words))],
        ..Request::default()
    };
    let facts = |words| stage.router.facts_budget("anthropic", &first(words));
    assert!((200..1_600).contains(&facts(750)), "{}", facts(750));
    assert_eq!(facts(2_000), 0);
    assert_eq!(facts(10), 0);
    // A model that nobody knows is taken as most are.
    let unknown = Request { model: "some-model".into(), ..first(750) };
    assert!((200..1_600).contains(&stage.router.facts_budget("elsewhere", &unknown)));
}
