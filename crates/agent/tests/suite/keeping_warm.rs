//! The vendor's cache is read again while a question waits for the user.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use distiq_agent::{Config, Workbench, history, sessions};
use distiq_base::clock::Clock;
use distiq_base::{Answer, Ask, Event, Message, Mode, Money, Op, Question, Request};
use distiq_router::{GroupBy, Limits, RowFilter};
use distiq_tools::{Toolbox, ToolboxConfig};
use jiff::tz::TimeZone;

use crate::support::{Plan, PlannedModel, World, write};

/// About when Anthropic's cache is to be read again.
const DUE_MS: i64 = 280_000;

/// A user who lets so many lives of the cache pass before the answer.
struct Slow {
    model: Arc<PlannedModel>,
    now_ms: Arc<AtomicI64>,
    lives: usize,
}

impl Ask for Slow {
    fn ask(&self, _: &Question) -> Answer {
        for life in 1..=self.lives {
            self.now_ms.fetch_add(DUE_MS, Ordering::SeqCst);
            let begun = Instant::now();
            let is_read = || *self.model.kept_alive.lock().unwrap() >= life;
            while !is_read() && begun.elapsed() < Duration::from_millis(400) {
                std::thread::yield_now();
            }
        }
        Answer::Once
    }
}

/// Returns the requests that only kept the cache alive.
fn kept(model: &PlannedModel) -> Vec<Request> {
    let requests = model.requests.lock().unwrap();
    requests.iter().filter(|request| request.max_tokens == Some(1)).cloned().collect()
}

struct Stage {
    world: World,
    model: Arc<PlannedModel>,
    now_ms: Arc<AtomicI64>,
}

impl Stage {
    fn new() -> Self {
        let world = World::new();
        write(&world.project(), "long.txt", &"the reader goes on over the next line\n".repeat(150));
        let model = Arc::new(PlannedModel::default());
        let write = Plan::calls(&[("write", r#"{"path":"b.txt","content":"x"}"#)]);
        let read = Plan::calls(&[("read", r#"{"path":"long.txt"}"#)]);
        model.plans.lock().unwrap().extend([read, write, Plan::says("done")]);
        Self { world, model, now_ms: Arc::new(AtomicI64::new(1_795_000_000_000)) }
    }

    fn config(&self, lives: usize, limits: Limits) -> Config {
        let mut config = self.world.config(&self.model);
        let (model, now_ms) = (self.model.clone(), self.now_ms.clone());
        let slow = Arc::new(Slow { model, now_ms, lives });
        let toolbox = ToolboxConfig::new(self.world.project(), slow, self.world.home().outputs());
        config.toolbox =
            Arc::new(Toolbox::new(ToolboxConfig { mode: Mode::Ask, ..toolbox }).unwrap());
        config.router = self.world.router(&self.model, limits);
        config.mode = Mode::Ask;
        config.clock = Clock::Manual(self.now_ms.clone());
        config.limits.heartbeat = Duration::from_millis(1);
        config.keep_alive = true;
        config
    }

    /// Takes the turn; returns the costs of its requests that only kept the cache alive, and of the turn.
    async fn turn(&self, config: Config) -> (Vec<Money>, Money) {
        let (bench, mut records) = Workbench::start(config).unwrap();
        let id = bench.session_id().clone();
        bench.submit(Op::Turn(Message::user("Write it.")));
        let (mut kept, mut all, mut whole) = (Vec::new(), Money::ZERO, Money::ZERO);
        while let Some(record) = records.recv().await {
            match record.event {
                Event::RequestFinished { keeps_warm, cost_nanousd, error, .. } => {
                    assert_eq!(error, None);
                    all = all.plus(cost_nanousd.unwrap());
                    kept.extend(cost_nanousd.filter(|_| keeps_warm));
                    *self.model.kept_alive.lock().unwrap() = kept.len();
                }
                Event::TurnFinished { error, cost_nanousd, requests, .. } => {
                    assert_eq!((error, requests), (None, 3));
                    whole = cost_nanousd.unwrap();
                    break;
                }
                _ => {}
            }
        }
        assert_eq!(all, whole, "what keeps it alive is paid for, too");
        bench.finish().await.unwrap();
        // A resumed session knows as much.
        let path = sessions::path_of(&self.world.sessions(), &id);
        let history = history::read(&path).unwrap();
        assert_eq!(history.kept_alive as usize, kept.len());
        (kept, whole)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wait_for_the_user_keeps_the_cache_alive_for_a_while() {
    let stage = Stage::new();
    let (costs, _) = stage.turn(stage.config(9, Limits::default())).await;
    // Four times; a wait that lasts so long lasts on.
    assert_eq!(costs.len(), 4);
    let kept = kept(&stage.model);
    assert_eq!(kept.len(), 4);
    let all = stage.model.requests.lock().unwrap().clone();
    let asked = &all[1];
    for request in &kept {
        // What the vendor hashes is as it was.
        assert_eq!(request.messages, asked.messages);
        assert_eq!((&request.system, &request.tools), (&asked.system, &asked.tools));
        assert_eq!(request.cache, asked.cache);
    }
    let next = all.last().unwrap();
    assert_eq!(next.messages[..asked.messages.len()], asked.messages);
    let rows = stage.world.ledger.totals(&RowFilter::default(), GroupBy::Kind, &TimeZone::UTC);
    let row = rows.unwrap().into_iter().find(|row| row.name == "keep_alive").unwrap();
    assert_eq!(row.requests, 4);
    // It counts against what the vendor's cache saves.
    let paid = costs.iter().fold(Money::ZERO, |sum, cost| sum.plus(*cost));
    assert_eq!(row.saved.prompt_cache_nanousd, Money::ZERO.minus(paid));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_let_go_where_nobody_wants_it_or_the_budget_is_near() {
    let stage = Stage::new();
    let config = Config { keep_alive: false, ..stage.config(2, Limits::default()) };
    assert_eq!(stage.turn(config).await.0, []);
    // The limit covers the turn; of what is behind the point where the user is told nothing is for this.
    for (alert_share, times) in [(0.8, 1), (0.001, 0)] {
        let stage = Stage::new();
        let limits = Limits {
            session: Some(Money::from_nanos(1_000_000_000)),
            alert_share,
            ..Limits::default()
        };
        assert_eq!(stage.turn(stage.config(1, limits)).await.0.len(), times);
    }
}

/// Submits a turn and waits for its end; returns how many requests only kept the cache alive since.
async fn turn(bench: &Workbench, records: &mut Records, words: &str) -> usize {
    bench.submit(Op::Turn(Message::user(words)));
    let mut kept = 0;
    loop {
        match records.recv().await.unwrap().event {
            Event::RequestFinished { keeps_warm, error, .. } => {
                assert_eq!(error, None);
                kept += usize::from(keeps_warm);
            }
            Event::TurnFinished { error, .. } => {
                assert_eq!(error, None);
                return kept;
            }
            _ => {}
        }
    }
}

type Records = tokio::sync::mpsc::Receiver<distiq_base::Record>;

/// Lets so many lives of the cache pass, in the first `kept` of which it is to be kept alive; returns how often it was.
async fn pass(stage: &Stage, records: &mut Records, lives: usize, kept: usize) -> usize {
    let mut times = 0;
    for life in 0..lives {
        stage.now_ms.fetch_add(DUE_MS, Ordering::SeqCst);
        let wait = Duration::from_millis(if life < kept { 20_000 } else { 300 });
        let until = tokio::time::Instant::now() + wait;
        while let Ok(record) = tokio::time::timeout_at(until, records.recv()).await {
            if let Event::RequestFinished { keeps_warm: true, .. } = record.unwrap().event {
                times += 1;
                break;
            }
        }
    }
    times
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn between_turns_it_is_kept_alive_by_how_long_the_user_usually_thinks() {
    let stage = Stage::new();
    let says: Vec<Plan> = (0..12).map(|_| Plan::says("So it is.")).collect();
    let mut plans = vec![Plan::calls(&[("read", r#"{"path":"long.txt"}"#)])];
    plans.extend(says);
    *stage.model.plans.lock().unwrap() = plans.into();
    let (bench, mut records) = Workbench::start(stage.config(0, Limits::default())).unwrap();
    assert_eq!(pass(&stage, &mut records, 1, 0).await, 0, "nothing was sent yet");
    turn(&bench, &mut records, "Read it.").await;
    // A user of whom nothing is known may never come back: once.
    assert_eq!(pass(&stage, &mut records, 4, 1).await, 1);
    for _ in 0..9 {
        turn(&bench, &mut records, "And then?").await;
        stage.now_ms.fetch_add(3 * DUE_MS + 100_000, Ordering::SeqCst);
    }
    // One who comes back after a quarter of an hour each time is waited for, three times at the most.
    turn(&bench, &mut records, "And then?").await;
    assert_eq!(pass(&stage, &mut records, 5, 3).await, 3);
    // What is kept alive between turns is what was sent last.
    let all = stage.model.requests.lock().unwrap().clone();
    let last = all.iter().rev().find(|request| request.max_tokens != Some(1)).unwrap();
    assert_eq!(all.last().unwrap().messages, last.messages);
    assert_eq!(all.last().unwrap().cache, last.cache);
    // A session that is closed does not wait for anything, and asks for nothing more.
    turn(&bench, &mut records, "Enough.").await;
    let sent = stage.model.requests.lock().unwrap().len();
    tokio::time::timeout(Duration::from_secs(20), bench.finish()).await.unwrap().unwrap();
    assert_eq!(stage.model.requests.lock().unwrap().len(), sent);
}
