//! Many streams at once through the gateway while everything goes wrong: every client is answered or told why,
//! every request is on the ledger once, and memory stays flat.
//!
//! `cargo xtask soak` runs it with a thousand streams for five minutes; as a test it takes some seconds.

mod talk;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use distiq_base::RequestId;
use distiq_router::{GroupBy, Ledger, RowFilter, RowState};
use distiq_testkit::{Answer, Fault, RetryAfter, Script, ScriptedModel, Step, TestEnv};
use serde_json::Value;

use talk::{Dialect, End, Told, talk};

const KEY: &str = "sk-gateway-key-of-the-soak";
/// Longest that a client waits for anything.
const PATIENCE: Duration = Duration::from_secs(30);
/// What memory may grow by from the first third of the time to the end.
const GROWTH_KB: u64 = 24 << 10;

/// How long, and how many at once.
struct Size {
    seconds: u64,
    streams: u64,
}

impl Size {
    fn of_environment() -> Self {
        let number = |name: &str, usual| {
            std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
        };
        Self {
            seconds: number("DISTIQ_SOAK_SECONDS", 8),
            streams: number("DISTIQ_SOAK_STREAMS", 64),
        }
    }
}

/// Numbers that follow from a seed (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

/// What goes wrong with a request, by its number; most go well.
fn fault(number: u64) -> Option<Fault> {
    Some(match number % 24 {
        0 => Fault::CutAtEvent { event: 3 },
        1 => Fault::ResetAtEvent { event: 4 },
        2 => Fault::CutBeforeFirstByte,
        3 => Fault::Status { status: 529 },
        4 => Fault::RateLimited { retry_after: RetryAfter::Milliseconds(5) },
        5 => Fault::BrokenEvent { event: 2 },
        6 => Fault::NoEndMark,
        7 => Fault::ErrorEvent { event: 3 },
        8 => Fault::HtmlPage { status: 502 },
        9 => Fault::UnknownEvents,
        10 => Fault::SplitUtf8,
        11 => Fault::EmptyBody,
        12 => Fault::Reset,
        13 => Fault::StallAtEvent { event: 3 },
        _ => return None,
    })
}

/// What the model says to a request, which its client knows too.
fn words(number: u64) -> String {
    (0..10 + number % 40).fold(format!("Answer {number}:"), |mut text, word| {
        let _ = write!(text, " слово{word}");
        text
    })
}

fn number_of(request: &distiq_base::Request) -> u64 {
    let text = request.messages.last().map(distiq_base::Message::text).unwrap_or_default();
    text.rsplit(' ').next().and_then(|word| word.parse().ok()).unwrap_or_default()
}

fn model() -> ScriptedModel {
    let script = Script::function(|request| {
        let number = number_of(request);
        let answer = Answer { pace_ms: number % 3, ..Answer::text(words(number)) };
        match fault(number) {
            // A fault comes each time, or only the first time.
            Some(fault) if number.is_multiple_of(2) => {
                Step::Faulty { faults: vec![fault; 50], answer }
            }
            Some(fault) => Step::Faulty { faults: vec![fault], answer },
            None => answer.into(),
        }
    });
    ScriptedModel::start(script).unwrap()
}

fn settings(model: &ScriptedModel) -> String {
    let root = model.base_url_anthropic();
    let ends = [
        ("anthropic", ""),
        ("openai", "/v1"),
        ("responses", "/v1"),
        ("gemini", "/v1beta"),
        ("ollama", ""),
    ];
    ends.iter().fold(String::new(), |mut text, (dialect, path)| {
        let _ = writeln!(
            text,
            "[providers.up_{dialect}]\nbase_url = \"{root}{path}\"\ndialect = \"{dialect}\""
        );
        text
    })
}

#[derive(Default)]
struct Tally {
    sent: AtomicU64,
    whole: AtomicU64,
    told: AtomicU64,
    left: AtomicU64,
    ids: Mutex<HashMap<String, u64>>,
    wrong: Mutex<Vec<String>>,
}

/// One client after the other, until the time is over.
fn client(address: SocketAddr, worker: u64, until: Instant, tally: &Tally) {
    let mut dice = Dice(worker);
    while Instant::now() < until {
        let number = tally.sent.fetch_add(1, Ordering::Relaxed);
        let caller = Dialect::ALL[dice.below(5) as usize];
        let upstream = Dialect::ALL[dice.below(5) as usize];
        let leaves = dice.below(10) == 0;
        let Told { end, text, id, seen } =
            talk(address, KEY, caller, upstream, number, leaves, PATIENCE);
        if let Some(id) = id {
            *tally.ids.lock().unwrap().entry(id).or_default() += 1;
        }
        let what = format!("{number}: {caller:?} over {upstream:?}, {:?}", fault(number));
        match end {
            End::Whole if text == words(number) => tally.whole.fetch_add(1, Ordering::Relaxed),
            End::Told => tally.told.fetch_add(1, Ordering::Relaxed),
            End::Left => tally.left.fetch_add(1, Ordering::Relaxed),
            End::Whole | End::Silent => {
                tally.wrong.lock().unwrap().push(format!("{what}: {end:?}\n{text}\n{seen}"));
                0
            }
        };
    }
}

/// Returns the memory that a process holds, in kilobytes.
fn memory_kb(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.trim().split(' ').next()?.parse().ok()).unwrap_or_default()
}

#[test]
fn streams_under_random_faults_are_whole_or_told_and_each_is_on_the_ledger_once() {
    let size = Size::of_environment();
    let model = model();
    let mut env = TestEnv::new(env!("CARGO_BIN_EXE_distiq")).unwrap();
    env.set("DISTIQ_GATEWAY_KEY", KEY)
        .set("DISTIQ_RETRY_BASE_MS", "1")
        .set("DISTIQ_IDLE_TIMEOUT_MS", "1500");
    let config = env.write("gateway.toml", settings(&model)).unwrap();
    let config = config.to_str().unwrap();
    let mut command = env.command(["start", "--listen", "127.0.0.1:0", "--config", config]);
    let mut gateway = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let stdout = gateway.stdout.take().unwrap();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line).unwrap();
    let told: Value = serde_json::from_str(&line).unwrap();
    let address =
        told["listening"].as_str().unwrap().trim_start_matches("http://").parse().unwrap();

    let tally = Arc::new(Tally::default());
    let begun = Instant::now();
    let until = begun + Duration::from_secs(size.seconds);
    let clients: Vec<_> = (0..size.streams)
        .map(|worker| {
            let tally = Arc::clone(&tally);
            thread::Builder::new()
                .stack_size(256 << 10)
                .spawn(move || client(address, worker, until, &tally))
                .unwrap()
        })
        .collect();
    thread::sleep(Duration::from_secs(size.seconds) / 3);
    let early = memory_kb(gateway.id());
    for client in clients {
        client.join().unwrap();
    }
    let late = memory_kb(gateway.id());
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(gateway.id().cast_signed()),
        nix::sys::signal::Signal::SIGTERM,
    )
    .unwrap();
    assert!(gateway.wait().unwrap().success(), "it drains");
    eprintln!(
        "{} sent, {:?} whole, {:?} told, {:?} left; {early} kB, then {late} kB",
        tally.sent.load(Ordering::Relaxed),
        tally.whole,
        tally.told,
        tally.left
    );
    check(&tally, &env, early, late);
}

fn check(tally: &Tally, env: &TestEnv, early: u64, late: u64) {
    let wrong = tally.wrong.lock().unwrap();
    assert!(wrong.is_empty(), "{} wrong, such as\n{}", wrong.len(), wrong[0]);
    let whole = tally.whole.load(Ordering::Relaxed);
    let told = tally.told.load(Ordering::Relaxed);
    assert!(whole > 0 && told > 0 && tally.left.load(Ordering::Relaxed) > 0);
    assert!(late < early + GROWTH_KB, "memory grew from {early} to {late} kB");
    let ledger = Ledger::open(&env.distiq_home().join("data/ledger.db")).unwrap();
    let ids = tally.ids.lock().unwrap();
    for (id, count) in ids.iter() {
        assert_eq!(*count, 1, "{id} was given out twice");
        let row = ledger.request(&RequestId::parse(id).unwrap()).unwrap().expect(id);
        assert_ne!(row.state, RowState::Open, "{id}");
    }
    let zone = jiff::tz::TimeZone::UTC;
    let totals = ledger.totals(&RowFilter::default(), GroupBy::All, &zone).unwrap();
    // Those that were refused before a word of the answer have rows too, and no client hears its number.
    assert!(totals[0].requests >= ids.len() as u64);
    assert!(totals[0].requests <= tally.sent.load(Ordering::Relaxed));
}
