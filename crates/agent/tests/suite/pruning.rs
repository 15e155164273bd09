//! Old results of tools that are left out: when, and that resume and fork go on with the same bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use distiq_agent::{Config, Workbench, history, sessions};
use distiq_base::clock::Clock;
use distiq_base::{Content, Event, Message, Op, PrunedResult, Record, Request};
use distiq_router::economy::shared_prefix;
use tokio::sync::mpsc::Receiver;

use crate::prefix::{bodies, pairs};
use crate::support::{Plan, PlannedModel, World, write};

const MINUTE_MS: i64 = 60_000;
const FILES: usize = 12;

/// A session whose clock is moved by hand.
struct Stage {
    world: World,
    model: Arc<PlannedModel>,
    now_ms: Arc<AtomicI64>,
}

impl Stage {
    fn new() -> Self {
        let world = World::new();
        for at in 0..FILES {
            let filler = "the reader goes on over the next line of it\n".repeat(40);
            let text = format!("{filler}Never print the code RC-{at}-77F aloud.\n{filler}");
            write(&world.project(), &format!("long{at}.txt"), &text);
        }
        let now_ms = Arc::new(AtomicI64::new(1_795_000_000_000));
        Self { world, model: Arc::default(), now_ms }
    }

    fn config(&self) -> Config {
        let mut config = self.world.config(&self.model);
        config.clock = Clock::Manual(Arc::clone(&self.now_ms));
        config
    }

    fn wait(&self, minutes: i64) {
        self.now_ms.fetch_add(minutes * MINUTE_MS, Ordering::SeqCst);
    }

    /// Reads files one after the other, with signed thinking in between, and answers.
    fn plan_reads(&self, files: impl Iterator<Item = usize>) {
        let read = |at: usize| {
            let path = format!(r#"{{"path":"long{at}.txt"}}"#);
            Plan { thinking: Some(format!("hm {at}")), ..Plan::calls(&[("read", &path)]) }
        };
        let plans = files.map(read).chain([Plan::says("I read them.")]);
        self.model.plans.lock().unwrap().extend(plans);
    }

    async fn turn(&self, bench: &Workbench, records: &mut Receiver<Record>) -> Vec<PrunedResult> {
        bench.submit(Op::Turn(Message::user("Read on.")));
        let mut pruned = Vec::new();
        while let Some(record) = records.recv().await {
            match record.event {
                Event::Pruned { results, tokens_before, tokens_after, .. } => {
                    assert!(tokens_after < tokens_before);
                    pruned.extend(results);
                }
                Event::Compacted { .. } => panic!("too short for that"),
                Event::TurnFinished { error, .. } => {
                    assert_eq!(error, None);
                    break;
                }
                _ => {}
            }
        }
        pruned
    }

    fn last(&self) -> Request {
        self.model.requests.lock().unwrap().last().cloned().unwrap()
    }
}

/// Tells that a request begins with another, in both dialects.
fn goes_on(before: &Request, after: &Request) {
    pairs(after, 0);
    for (before, after) in bodies(before).iter().zip(&bodies(after)) {
        shared_prefix(before, after).unwrap();
    }
}

fn text(request: &Request) -> String {
    serde_json::to_string(&request.messages).unwrap()
}

#[tokio::test]
async fn a_cold_cache_has_old_results_left_out_and_all_go_on_from_there() {
    let stage = Stage::new();
    let (bench, mut records) = Workbench::start(stage.config()).unwrap();
    let id = bench.session_id().clone();
    stage.plan_reads(0..FILES);
    assert_eq!(stage.turn(&bench, &mut records).await, [], "its cache is warm");
    let long = stage.last();
    // Within the life of the cache nothing changes.
    stage.wait(4);
    stage.plan_reads(0..0);
    assert_eq!(stage.turn(&bench, &mut records).await, []);
    goes_on(&long, &stage.last());
    let before = stage.last();

    stage.wait(6);
    stage.plan_reads(1..2);
    let pruned = stage.turn(&bench, &mut records).await;
    assert!(pruned.len() >= 4, "{pruned:?}");
    let after = stage.last();
    pairs(&after, 0);
    let shorter = text(&after);
    assert!(shorter.len() * 4 < text(&before).len() * 3, "{shorter}");
    for (at, result) in pruned.iter().enumerate() {
        let line = format!("[… read long{at}.txt: ");
        assert!(result.text.starts_with(&line), "{result:?}");
        assert!(shorter.contains(&line), "{shorter}");
        // A rule stands, whatever goes.
        assert!(shorter.contains(&format!("Never print the code RC-{at}-77F aloud.")));
    }
    // What is read again is shown again: it is not in view any more.
    let [.., result] = after.messages.as_slice() else { panic!("{after:?}") };
    let Some(Content::ToolResult { content, .. }) = result.content.first() else { panic!() };
    let shown = Message { role: result.role, content: content.clone() }.text();
    assert!(shown.len() > 3_000, "{shown}");
    bench.finish().await.unwrap();

    let (bench, mut records) = Workbench::resume(stage.config(), id.clone()).unwrap();
    stage.plan_reads(0..0);
    assert_eq!(stage.turn(&bench, &mut records).await, []);
    goes_on(&after, &stage.last());
    let resumed = stage.last();
    bench.finish().await.unwrap();

    let (bench, mut records) = Workbench::fork(stage.config(), &id).unwrap();
    stage.plan_reads(0..0);
    assert_eq!(stage.turn(&bench, &mut records).await, []);
    goes_on(&resumed, &stage.last());
    bench.finish().await.unwrap();

    // The log holds the savings that later requests are told.
    let path = sessions::path_of(&stage.world.sessions(), &id);
    assert!(history::read(&path).unwrap().dropped_tokens > 4_000);
}

#[tokio::test]
async fn it_can_be_switched_off() {
    let stage = Stage::new();
    let mut config = stage.config();
    config.compaction.prunes = false;
    let (bench, mut records) = Workbench::start(config).unwrap();
    stage.plan_reads(0..FILES);
    stage.turn(&bench, &mut records).await;
    let before = stage.last();
    stage.wait(10);
    stage.plan_reads(0..0);
    assert_eq!(stage.turn(&bench, &mut records).await, []);
    goes_on(&before, &stage.last());
    bench.finish().await.unwrap();
}

#[tokio::test]
async fn undo_goes_back_behind_it() {
    let stage = Stage::new();
    let (bench, mut records) = Workbench::start(stage.config()).unwrap();
    let id = bench.session_id().clone();
    stage.plan_reads(0..FILES);
    stage.turn(&bench, &mut records).await;
    stage.wait(10);
    stage.plan_reads(0..0);
    assert_ne!(stage.turn(&bench, &mut records).await, []);
    bench.finish().await.unwrap();
    let path = sessions::path_of(&stage.world.sessions(), &id);
    let whole = history::read(&path).unwrap().messages;
    let (mut log, _) = history::reopen(&path, Clock::System).unwrap();
    log.append(Event::Undone {
        turn: 2,
        files: false,
        conversation: true,
        id: None,
        files_changed: Vec::new(),
    })
    .unwrap();
    drop(log);
    // The first turn stays as it was last sent, so that what the vendor has cached of it is read.
    let undone = history::read(&path).unwrap().messages;
    assert_eq!(undone, whole[..undone.len()]);
    assert_eq!(undone.len(), 2 * FILES + 2);
}
