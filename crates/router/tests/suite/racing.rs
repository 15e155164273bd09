//! Two models raced for one answer: who wins, what is shown, what both cost.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use distiq_base::clock::Clock;
use distiq_base::{
    BlockStart, Delta, Dialect, Message, Money, Price, Request, RequestKind, StopReason,
    StreamEvent, ToolDef, Usage,
};
use distiq_llm::retry::Policy;
use distiq_llm::{Catalogue, Prices, ProviderError, ProviderErrorKind, RegistryError};
use distiq_router::{
    Candidate, EventStream, Ledger, LedgerOptions, Limits, Purpose, Race, Receipt, RequestRow,
    Router, RouterConfig, RouterEvent, RowFilter, Upstream, Upstreams,
};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use jiff::tz::TimeZone;

use crate::support::cents;

const FIRST: &str = "cheap";
const RIVAL: &str = "dear";

/// What a model does.
#[derive(Clone, Copy)]
enum Part {
    /// It answers.
    Says(&'static str),
    /// It is cut at its longest answer.
    Cut(&'static str),
    /// It says this, and then nothing.
    Hangs(&'static str),
    /// It never answers.
    Silent,
    /// It refuses.
    Refuses,
    /// It breaks off.
    Breaks(&'static str),
}

/// Models by name, and how many of their answers are under way.
struct Played {
    parts: HashMap<String, Part>,
    seen: Mutex<Vec<(String, Option<u64>)>>,
    open: Arc<AtomicUsize>,
}

struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn refused() -> ProviderError {
    ProviderError::new(ProviderErrorKind::InvalidRequest, "no")
}

fn said(text: &str) -> Vec<Result<StreamEvent, ProviderError>> {
    let delta = Delta::Text { text: text.to_owned() };
    vec![
        Ok(StreamEvent::Start { id: "i".into(), model: String::new() }),
        Ok(StreamEvent::Usage { usage: Usage { input: 100, ..Usage::default() } }),
        Ok(StreamEvent::BlockStart { index: 0, block: BlockStart::Text }),
        Ok(StreamEvent::BlockDelta { index: 0, delta }),
        Ok(StreamEvent::BlockStop { index: 0 }),
    ]
}

fn ended(text: &str, reason: StopReason) -> Vec<Result<StreamEvent, ProviderError>> {
    let usage = Usage { input: 100, output: 10, ..Usage::default() };
    let end =
        [StreamEvent::Usage { usage }, StreamEvent::Stop { reason }, StreamEvent::End].map(Ok);
    said(text).into_iter().chain(end).collect()
}

impl Upstream for Played {
    fn dialect(&self) -> Dialect {
        Dialect::Openai
    }

    fn stream<'a>(
        &'a self,
        request: &'a Request,
    ) -> BoxFuture<'a, Result<EventStream, ProviderError>> {
        async move {
            self.seen.lock().unwrap().push((request.model.clone(), request.max_tokens));
            self.open.fetch_add(1, Ordering::SeqCst);
            let open = Open(Arc::clone(&self.open));
            let steps = match self.parts[&request.model] {
                Part::Refuses => return Err(refused()),
                Part::Silent => futures::future::pending().await,
                Part::Says(text) => stream::iter(ended(text, StopReason::EndTurn)).boxed(),
                Part::Cut(text) => stream::iter(ended(text, StopReason::MaxTokens)).boxed(),
                Part::Hangs(text) => stream::iter(said(text)).chain(stream::pending()).boxed(),
                Part::Breaks(text) => {
                    stream::iter(said(text)).chain(stream::iter([Err(refused())])).boxed()
                }
            };
            let steps = steps.map(move |step| {
                let _ = &open;
                step
            });
            Ok(steps.boxed() as EventStream)
        }
        .boxed()
    }
}

struct Both(Arc<Played>);

impl Upstreams for Both {
    fn upstream(&self, _: &str) -> Result<Arc<dyn Upstream>, RegistryError> {
        Ok(Arc::clone(&self.0) as Arc<dyn Upstream>)
    }
}

struct Stage {
    _folder: tempfile::TempDir,
    ledger: Arc<Ledger>,
    played: Arc<Played>,
    router: Router,
}

/// What came of a race.
struct Outcome {
    text: String,
    receipt: Receipt,
    notices: Vec<String>,
}

impl Stage {
    fn new(first: Part, rival: Part) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = LedgerOptions { zone: Some(TimeZone::UTC), clock: Clock::System };
        let ledger =
            Arc::new(Ledger::open_with(&folder.path().join("ledger.db"), options).unwrap());
        let parts = HashMap::from([(FIRST.to_owned(), first), (RIVAL.to_owned(), rival)]);
        let played =
            Arc::new(Played { parts, seen: Mutex::default(), open: Arc::new(AtomicUsize::new(0)) });
        let mut catalogue = Catalogue::builtin();
        for (model, dollars) in [(FIRST, 1), (RIVAL, 10)] {
            let price = |times: i64| Price(dollars * times * 1_000_000_000);
            let prices = Prices { input: price(1), output: price(5), ..Prices::default() };
            catalogue.set_price("test", model, prices);
        }
        let router = Router::new(RouterConfig {
            premium: None,
            registry: Arc::new(Both(Arc::clone(&played))),
            catalogue: Arc::new(catalogue),
            ledger: Arc::clone(&ledger),
            limits: Limits::default(),
            run: None,
            retry: Policy { attempts: 1, ..Policy::default() },
            clock: Clock::System,
        });
        Self { _folder: folder, ledger, played, router }
    }

    fn reply(&self, race: Race, tools: Vec<ToolDef>) -> distiq_router::Reply {
        let request = Request {
            model: FIRST.into(),
            messages: vec![Message::user("why?")],
            max_tokens: Some(2_000),
            tools,
            stream: true,
            ..Request::default()
        };
        let purpose = Purpose { race: Some(race), ..Purpose::new(RequestKind::Execute, "test") };
        self.router.send(request, purpose)
    }

    async fn race(&self, race: Race) -> Outcome {
        self.run(self.reply(race, Vec::new())).await
    }

    async fn run(&self, mut reply: distiq_router::Reply) -> Outcome {
        let (mut text, mut notices) = (String::new(), Vec::new());
        loop {
            match reply.next().await.unwrap() {
                RouterEvent::Model(StreamEvent::BlockDelta {
                    delta: Delta::Text { text: more },
                    ..
                }) => text.push_str(&more),
                RouterEvent::Notice(message) => notices.push(message),
                RouterEvent::Finished(receipt) => {
                    assert!(reply.next().await.is_none(), "more behind the end");
                    return Outcome { text, receipt, notices };
                }
                _ => {}
            }
        }
    }

    /// The rows: model, error, and whether they cost something; the first that was sent first.
    fn rows(&self) -> Vec<(String, Option<String>, bool)> {
        let mut rows: Vec<RequestRow> =
            self.ledger.requests(&RowFilter::default(), 10).unwrap().into_iter().collect();
        rows.sort_by(|a, b| a.model.cmp(&b.model));
        let cost = |row: &RequestRow| row.cost_nanousd.unwrap() > Money::ZERO;
        rows.into_iter().map(|row| (row.model.clone(), row.error.clone(), cost(&row))).collect()
    }

    fn asked(&self) -> Vec<String> {
        self.played.seen.lock().unwrap().iter().map(|(model, _)| model.clone()).collect()
    }

    fn open(&self) -> usize {
        self.played.open.load(Ordering::SeqCst)
    }
}

fn race(delay_s: u64) -> Race {
    let rival = Candidate::new("test", RIVAL);
    Race { rival, delay: Duration::from_secs(delay_s), cap: cents(100) }
}

fn row(model: &str, error: Option<&str>, cost: bool) -> (String, Option<String>, bool) {
    (model.to_owned(), error.map(str::to_owned), cost)
}

#[tokio::test]
async fn the_first_sound_answer_wins_and_the_other_is_given_up_and_paid_for() {
    let stage = Stage::new(Part::Hangs("Because of"), Part::Says("It is B."));
    let outcome = stage.race(race(0)).await;
    assert_eq!((outcome.text.as_str(), outcome.receipt.model.as_str()), ("It is B.", RIVAL));
    assert!(outcome.receipt.error.is_none());
    assert!(outcome.notices[0].contains("was raced and given up"), "{:?}", outcome.notices);
    assert_eq!(stage.rows(), [row(FIRST, Some("cancelled"), true), row(RIVAL, None, true)]);
    assert_eq!(stage.open(), 0, "an upstream is still open");
    let rows = stage.ledger.requests(&RowFilter::default(), 10).unwrap();
    let lost = rows.iter().find(|row| row.model == FIRST).unwrap();
    assert_eq!(lost.savings.route, Some(Money::ZERO.minus(lost.cost_nanousd.unwrap())));
}

#[tokio::test]
async fn a_rival_waits_its_turn_and_is_not_asked_where_the_first_is_sound() {
    let stage = Stage::new(Part::Says("It is A."), Part::Says("It is B."));
    let outcome = stage.race(race(600)).await;
    assert_eq!((outcome.text.as_str(), stage.asked()), ("It is A.", vec![FIRST.to_owned()]));
    assert_eq!(stage.rows(), [row(FIRST, None, true)]);
}

#[tokio::test(start_paused = true)]
async fn a_first_that_hangs_is_overtaken_after_the_delay() {
    for first in [Part::Silent, Part::Hangs("Well,")] {
        let stage = Stage::new(first, Part::Says("It is B."));
        let outcome = stage.race(race(5)).await;
        assert_eq!(outcome.text, "It is B.");
        assert_eq!((stage.asked().len(), stage.open()), (2, 0));
    }
    // A rival that hangs holds nobody up.
    let stage = Stage::new(Part::Says("It is A."), Part::Silent);
    assert_eq!(stage.race(race(0)).await.text, "It is A.");
    assert_eq!(stage.open(), 0);
}

#[tokio::test]
async fn an_answer_that_is_not_sound_calls_the_rival_at_once() {
    for first in [
        Part::Says("I'm not sure, maybe A."),
        Part::Says(" "),
        Part::Cut("It is"),
        Part::Refuses,
        Part::Breaks("It is"),
    ] {
        let stage = Stage::new(first, Part::Says("It is B."));
        let outcome = stage.race(race(600)).await;
        assert_eq!((outcome.text.as_str(), outcome.receipt.error.is_none()), ("It is B.", true));
        assert_eq!(stage.rows().len(), 2);
    }
}

#[tokio::test]
async fn where_nobody_is_sound_the_better_end_is_told() {
    let unsure = Part::Says("I'm not sure, maybe A.");
    for (first, rival, text, fails) in [
        (unsure, Part::Cut("It is B, for"), "It is B, for", false),
        (unsure, Part::Refuses, "I'm not sure, maybe A.", false),
        (Part::Refuses, Part::Cut("It is B, for"), "It is B, for", false),
        (Part::Refuses, Part::Refuses, "", true),
    ] {
        let outcome = Stage::new(first, rival).race(race(0)).await;
        assert_eq!((outcome.text.as_str(), outcome.receipt.error.is_some()), (text, fails));
    }
}

#[tokio::test]
async fn requests_with_tools_and_what_the_cap_does_not_cover_are_not_raced() {
    let stage = Stage::new(Part::Says("It is A."), Part::Says("It is B."));
    let tool = ToolDef {
        name: "read".into(),
        description: "d".into(),
        schema: serde_json::json!({"type": "object"}),
        extra: serde_json::Map::new(),
    };
    stage.run(stage.reply(race(0), vec![tool])).await;
    assert_eq!(stage.asked(), [FIRST]);
    let outcome = stage.race(Race { cap: cents(1), ..race(0) }).await;
    assert!(
        outcome.receipt.reasons.iter().any(|why| why.contains("not covered")),
        "{outcome:?}",
        outcome = outcome.receipt.reasons
    );
    assert_eq!(stage.asked().len(), 2);
    // Part of an answer is covered: it may be no longer.
    stage.race(Race { cap: cents(8), ..race(0) }).await;
    let seen = stage.played.seen.lock().unwrap().clone();
    let longest = seen.iter().filter(|(model, _)| model == RIVAL).map(|(_, most)| most.unwrap());
    assert!(longest.clone().all(|most| (1_024..2_000).contains(&most)), "{seen:?}");
}

#[tokio::test]
async fn a_race_that_is_cancelled_leaves_nothing_open() {
    let stage = Stage::new(Part::Hangs("a"), Part::Hangs("b"));
    let mut reply = stage.reply(race(0), Vec::new());
    for _ in 0..100 {
        assert!(reply.next().now_or_never().is_none());
        tokio::task::yield_now().await;
        if stage.open() == 2 {
            break;
        }
    }
    let receipt = reply.cancel().await;
    assert!(receipt.error.is_some());
    assert_eq!(stage.open(), 0);
    let errors: Vec<Option<String>> = stage.rows().into_iter().map(|row| row.1).collect();
    assert!(errors.iter().all(|error| error.as_deref() == Some("cancelled")), "{errors:?}");
}
