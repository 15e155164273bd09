//! What the ledger costs a request: `cargo bench -p distiq-router`, and part of `cargo xtask bench`.
//!
//! Sixteen tasks set money aside and settle, against limits of the day and of a key each. The
//! baseline is the least that keeping a row can be: one transaction with one insert, by one thread.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::cast_precision_loss)]

use std::sync::Arc;
use std::time::Instant;

use distiq_base::{Money, Price, RequestKind};
use distiq_router::{FinalRow, Ledger, Limits, OpenRow, WorstCase};

const TASKS: usize = 16;
const REQUESTS: usize = 2_000;

/// Returns this process's processor time in seconds (`proc_pid_stat`, fields 14 and 15).
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let (_, fields) = stat.rsplit_once(')').unwrap_or_default();
    let ticks = fields.split_whitespace().skip(11).take(2);
    ticks.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

fn row(task: usize) -> OpenRow {
    OpenRow {
        key: Some(format!("key-{task}")),
        worst: Some(WorstCase { prompt: Money::from_nanos(1_000), output: Price(1_000_000) }),
        estimate: Some(Money::from_nanos(500)),
        ..OpenRow::new(RequestKind::Gateway, "anthropic", "claude-sonnet-5-5")
    }
}

async fn requests(ledger: Arc<Ledger>, task: usize, limits: Limits) {
    for _ in 0..REQUESTS {
        let row = row(task);
        let id = row.id.clone();
        ledger.reserve(row, &limits).await.unwrap();
        let end = FinalRow { cost: Some(Money::from_nanos(700)), ..FinalRow::default() };
        ledger.settle(&id, end, &limits).await.unwrap();
    }
}

fn measure(name: &str, limits: &Limits) {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Arc::new(Ledger::open(&folder.path().join("ledger.db")).unwrap());
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (began, before) = (Instant::now(), cpu());
    runtime.block_on(async {
        let tasks: Vec<_> = (0..TASKS)
            .map(|task| tokio::spawn(requests(Arc::clone(&ledger), task, limits.clone())))
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    report(name, began, before, TASKS * REQUESTS);
}

fn report(name: &str, began: Instant, before: f64, requests: usize) {
    let micros = |seconds: f64| seconds * 1e6 / requests as f64;
    println!(
        "{name:<44} {:>7.1} µs CPU {:>9.0} a second",
        micros(cpu() - before),
        requests as f64 / began.elapsed().as_secs_f64()
    );
}

fn main() {
    // `cargo test --benches` only builds.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    measure("ledger: a request, 16 at once", &Limits::default());
    let limit = Some(Money::from_nanos(i64::MAX / 4));
    let limits = Limits { day: limit, key_day: limit, key_month: limit, ..Limits::default() };
    measure("ledger: the same, with three limits", &limits);
    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(&folder.path().join("ledger.db")).unwrap();
    let (began, before) = (Instant::now(), cpu());
    for _ in 0..REQUESTS {
        ledger.reserve_blocking(row(0), &Limits::default()).unwrap();
    }
    report("baseline: one row after the other", began, before, REQUESTS);
}
