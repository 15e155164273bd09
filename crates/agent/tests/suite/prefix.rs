//! Request n+1 begins with request n, over thousands of generated sessions, in both dialects.

use std::sync::Arc;

use distiq_agent::Workbench;
use distiq_base::{Content, Event, ImageSource, Message, Op, Record, Request, Role};
use distiq_llm::wire::{Quirks, anthropic, openai};
use distiq_router::economy::shared_prefix;
use serde_json::Value;
use tokio::sync::mpsc::Receiver;

use crate::support::{Plan, PlannedCall, PlannedModel, World};

/// Sessions of the property; a fifth of them must hold each feature.
const SESSIONS: u64 = 10_000;

/// A small generator of numbers (SplitMix64), so that a session follows from its seed alone.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Histogram {
    images: u64,
    parallel: u64,
    cancelled: u64,
    errors: u64,
    resumed: u64,
    forked: u64,
    requests: u64,
}

impl Histogram {
    fn add(&mut self, other: &Histogram) {
        self.images += other.images.min(1);
        self.parallel += other.parallel.min(1);
        self.cancelled += other.cancelled.min(1);
        self.errors += other.errors.min(1);
        self.resumed += other.resumed.min(1);
        self.forked += other.forked.min(1);
        self.requests += other.requests;
    }
}

#[test]
fn every_request_begins_with_the_one_before() {
    let threads = std::thread::available_parallelism().map_or(2, usize::from) as u64;
    let workers: Vec<_> = (0..threads)
        .map(|worker| {
            std::thread::spawn(move || {
                let runtime =
                    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                let world = World::new();
                let mut histogram = Histogram::default();
                for seed in (worker..SESSIONS).step_by(threads as usize) {
                    histogram.add(&runtime.block_on(session(&world, seed)));
                }
                histogram
            })
        })
        .collect();
    let mut histogram = Histogram::default();
    for worker in workers {
        let part = worker.join().unwrap();
        histogram.images += part.images;
        histogram.parallel += part.parallel;
        histogram.cancelled += part.cancelled;
        histogram.errors += part.errors;
        histogram.resumed += part.resumed;
        histogram.forked += part.forked;
        histogram.requests += part.requests;
    }
    let Histogram { images, parallel, cancelled, errors, resumed, forked, requests } = histogram;
    for (name, count) in [
        ("images", images),
        ("parallel calls", parallel),
        ("cancelled streams", cancelled),
        ("error results", errors),
        ("resumed", resumed),
        ("forked", forked),
    ] {
        assert!(count >= SESSIONS / 5, "{name}: {count} of {SESSIONS} sessions");
    }
    assert!(requests > 3 * SESSIONS, "{requests}");
}

async fn session(world: &World, seed: u64) -> Histogram {
    let mut dice = Dice(seed);
    let mut seen = Histogram::default();
    let model = Arc::new(PlannedModel::default());
    let (mut bench, mut records) = Workbench::start(world.config(&model)).unwrap();
    for turn in 0..2 + dice.below(2) {
        if turn > 0 {
            let id = bench.session_id().clone();
            bench.finish().await.unwrap();
            (bench, records) = if dice.percent(50) {
                seen.forked += 1;
                Workbench::fork(world.config(&model), &id).unwrap()
            } else {
                seen.resumed += 1;
                Workbench::resume(world.config(&model), id).unwrap()
            };
        }
        let cancel = plan_turn(&mut dice, &model, &mut seen);
        bench.submit(Op::Turn(user_message(&mut dice, &mut seen)));
        follow(&bench, &mut records, cancel).await;
        model.plans.lock().unwrap().clear();
    }
    bench.finish().await.unwrap();
    let requests = model.requests.lock().unwrap();
    seen.requests += requests.len() as u64;
    check(&requests, seed);
    seen
}

fn user_message(dice: &mut Dice, seen: &mut Histogram) -> Message {
    let mut message = Message::user(format!("request {} \"q\" привет", dice.below(1000)));
    if dice.percent(20) {
        seen.images += 1;
        let source = ImageSource::Base64 { media_type: "image/png".into(), data: "aGk=".into() };
        message.content.push(Content::Image { source });
    }
    message
}

/// Plans a turn's answers and tells whether it is to be cancelled in its last stream.
fn plan_turn(dice: &mut Dice, model: &PlannedModel, seen: &mut Histogram) -> bool {
    let mut plans = Vec::new();
    for _ in 0..1 + dice.below(3) {
        let calls: Vec<PlannedCall> = (0..1 + dice.below(3)).map(|_| call(dice, seen)).collect();
        seen.parallel += u64::from(calls.len() > 1);
        let text = if dice.percent(50) { "looking".to_owned() } else { String::new() };
        let thinking = dice.percent(40).then(|| format!("hm {}", dice.below(100)));
        plans.push(Plan { thinking, text, calls, ..Plan::default() });
    }
    let cancel = dice.percent(20);
    seen.cancelled += u64::from(cancel);
    plans.push(Plan { text: "the end".into(), stalls: cancel, ..Plan::default() });
    model.plans.lock().unwrap().extend(plans);
    cancel
}

fn call(dice: &mut Dice, seen: &mut Histogram) -> PlannedCall {
    let (tool, arguments) = match dice.below(8) {
        0 => {
            seen.images += 1;
            ("read", r#"{"path":"pic.png"}"#.to_owned())
        }
        1 => {
            seen.errors += 1;
            ("read", r#"{"path":"missing.txt"}"#.to_owned())
        }
        2 => {
            seen.errors += 1;
            ("read", "{\"path\":".to_owned())
        }
        3 => {
            seen.errors += 1;
            ("no_such_tool", "{}".to_owned())
        }
        4 => ("find", r#"{"pattern":"*.txt"}"#.to_owned()),
        5 => ("search", format!(r#"{{"pattern":"t{}"}}"#, ["wo", "hree"][dice.below(2) as usize])),
        _ => ("read", r#"{"path":"a.txt"}"#.to_owned()),
    };
    PlannedCall { tool, arguments }
}

/// Follows a turn to its end; cancels it once the stalling answer has shown its text.
async fn follow(bench: &Workbench, records: &mut Receiver<Record>, cancel: bool) {
    while let Some(record) = records.recv().await {
        match record.event {
            Event::TextDelta { text } if cancel && text == "the end" => bench.submit(Op::Cancel),
            Event::TurnFinished { .. } => return,
            _ => {}
        }
    }
    panic!("the session ended before its turn");
}

pub fn bodies(request: &Request) -> [Value; 2] {
    let bare = Request { cache: Default::default(), ..request.clone() };
    [
        anthropic::encode_request(&bare, &Quirks::default()),
        openai::encode_request(&bare, &Quirks::openai()),
    ]
}

fn check(requests: &[Request], seed: u64) {
    let mut last: Option<[Value; 2]> = None;
    for (number, request) in requests.iter().enumerate() {
        let bodies = bodies(request);
        for (body, before) in bodies.iter().zip(last.iter().flatten()) {
            if let Err(at) = shared_prefix(before, body) {
                panic!("session {seed}, request {number}: {at:?}");
            }
        }
        pairs(request, seed);
        last = Some(bodies);
    }
}

/// Every call has exactly one result, in the message behind it.
pub fn pairs(request: &Request, seed: u64) {
    for (at, message) in request.messages.iter().enumerate() {
        let calls: Vec<&str> = message.tool_calls().map(|(id, ..)| id).collect();
        if calls.is_empty() {
            continue;
        }
        let next = request.messages.get(at + 1).expect("results behind calls");
        assert_eq!(next.role, Role::User, "session {seed}");
        let results: Vec<&str> = next
            .content
            .iter()
            .filter_map(|c| match c {
                Content::ToolResult { call_id, .. } => Some(call_id.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(calls, results, "session {seed}");
    }
}

#[test]
fn a_planted_date_and_a_reordered_key_are_caught() {
    let base = Request {
        model: "m".into(),
        system: vec![distiq_base::SystemBlock { text: "You are. 2026-11-21".into() }],
        messages: vec![Message::user("hi")],
        ..Request::default()
    };
    let mut dated = base.clone();
    dated.system[0].text = "You are. 2026-11-22".into();
    for (before, after) in bodies(&base).iter().zip(&bodies(&dated)) {
        assert!(shared_prefix(before, after).is_err(), "a changed date passed");
    }
    let with = |arguments: &str| {
        let mut request = base.clone();
        request.messages.push(Message {
            role: Role::Assistant,
            content: vec![Content::ToolCall {
                id: "c".into(),
                name: "read".into(),
                arguments: arguments.into(),
            }],
        });
        request
    };
    let (one, other) = (with(r#"{"path":"a","lines":"1"}"#), with(r#"{"lines":"1","path":"a"}"#));
    for (before, after) in bodies(&one).iter().zip(&bodies(&other)) {
        assert!(shared_prefix(before, after).is_err(), "a re-ordered key passed");
    }
}
