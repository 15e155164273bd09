//! What the tests of the ledger share.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use distiq_base::clock::Clock;
use distiq_base::{Money, Price, RequestKind, SessionId, Usage};
use distiq_router::{FinalRow, Ledger, LedgerOptions, OpenRow, WorstCase};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tempfile::TempDir;

/// A ledger in a folder of its own, with a clock moved by hand.
pub struct Desk {
    pub folder: TempDir,
    pub ledger: Ledger,
    pub now_ms: Arc<AtomicI64>,
}

impl Desk {
    pub fn at(time: &str, zone: TimeZone) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let now_ms = Arc::new(AtomicI64::new(0));
        let options = LedgerOptions { zone: Some(zone), clock: Clock::Manual(Arc::clone(&now_ms)) };
        let ledger = Ledger::open_with(&folder.path().join("ledger.db"), options).unwrap();
        let desk = Self { folder, ledger, now_ms };
        desk.set(time);
        desk
    }

    pub fn new() -> Self {
        Self::at("2026-11-21T10:00:00Z", TimeZone::UTC)
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("ledger.db")
    }

    pub fn set(&self, time: &str) {
        let time: Timestamp = time.parse().unwrap();
        self.now_ms.store(time.as_millisecond(), std::sync::atomic::Ordering::SeqCst);
    }
}

/// Berlin's rule since 1996, without a time zone database.
pub fn berlin() -> TimeZone {
    TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap()
}

pub fn cents(cents: i64) -> Money {
    Money::from_nanos(cents * 10_000_000)
}

/// A prompt of at most 10 cents and answers at $15 per million tokens.
pub fn worst() -> WorstCase {
    WorstCase { prompt: cents(10), output: Price(15_000_000_000) }
}

/// A priced row whose answer may cost 15 cents, 25 with its prompt.
pub fn row(session: &str) -> OpenRow {
    OpenRow {
        session: SessionId::parse(session),
        project: Some("distiq".into()),
        worst: Some(worst()),
        wanted_tokens: 10_000,
        estimate: Some(cents(11)),
        ..OpenRow::new(RequestKind::Execute, "anthropic", "claude-sonnet-4-5")
    }
}

pub fn paid(cost: Money) -> FinalRow {
    FinalRow {
        usage: Usage { input: 1000, cache_read: 9000, output: 100, ..Usage::default() },
        cost: Some(cost),
        latency_ms: 1200,
        first_token_ms: Some(300),
        attempts: 1,
        stop: Some("end_turn".into()),
        ..FinalRow::default()
    }
}

/// Runs one test of this binary again as a process of its own.
pub fn again(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]);
    command
}

/// Waits for a future on a thread that has no runtime.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime =
            tokio::runtime::Builder::new_current_thread().build().unwrap();
    }
    RUNTIME.with(|runtime| runtime.block_on(future))
}
