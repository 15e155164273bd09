//! Limits of money, alone, in parallel and between processes.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use distiq_base::clock::Clock;
use distiq_base::{Money, Price, RequestId, SessionId};
use distiq_router::{
    BudgetError, FinalRow, Ledger, LedgerOptions, LimitScope, Limits, OpenRow, WorstCase,
};
use jiff::tz::TimeZone;

use crate::support::{Desk, again, berlin, block_on, cents, paid, row};

fn limits(scope: LimitScope, limit: Money) -> Limits {
    let mut limits = Limits::default();
    match scope {
        LimitScope::Run => limits.run = Some(limit),
        LimitScope::Session => limits.session = Some(limit),
        LimitScope::Day => limits.day = Some(limit),
        LimitScope::ProjectDay => limits.project_day = Some(limit),
        LimitScope::ProjectMonth => limits.project_month = Some(limit),
        LimitScope::KeyDay => limits.key_day = Some(limit),
        LimitScope::KeyMonth => limits.key_month = Some(limit),
        LimitScope::Month => limits.month = Some(limit),
    }
    limits
}

fn in_run(run: &str, session: &str) -> OpenRow {
    OpenRow { run: Some(run.into()), ..row(session) }
}

fn spend(ledger: &Ledger, open: OpenRow, cost: Money, limits: &Limits) {
    let id = open.id.clone();
    ledger.reserve_blocking(open, &Limits::default()).unwrap();
    ledger.finish_blocking(&id, paid(cost), limits).unwrap();
}

#[test]
fn each_limit_counts_its_own_requests() {
    let desk = Desk::at("2026-11-21T22:30:00Z", berlin());
    let ledger = &desk.ledger;
    let first = OpenRow { project: Some("/home/me/a".into()), ..in_run("r1", "s1") };
    spend(ledger, first, cents(90), &Limits::default());
    let check = |open: OpenRow, scope, fits: bool| {
        let id = open.id.clone();
        let result = ledger.reserve_blocking(open, &limits(scope, cents(100)));
        match result {
            Ok(_) => {
                assert!(fits, "{scope}");
                ledger.finish_blocking(&id, paid(Money::ZERO), &Limits::default()).unwrap();
            }
            Err(BudgetError::Exceeded { scope: met, limit, spent, needed }) => {
                assert!(!fits, "{scope}");
                assert_eq!((met, limit, spent), (scope, cents(100), cents(90)));
                // The prompt and 1,024 tokens at 15,000 nano-dollars.
                assert_eq!(needed, cents(10).plus(Money::from_nanos(15_360_000)));
                assert_eq!(ledger.request(&id).unwrap(), None);
            }
            Err(error) => panic!("{error}"),
        }
    };
    check(in_run("r1", "s2"), LimitScope::Run, false);
    check(in_run("r2", "s1"), LimitScope::Run, true);
    check(row("s1"), LimitScope::Run, true);
    check(in_run("r2", "s1"), LimitScope::Session, false);
    check(in_run("r1", "s2"), LimitScope::Session, true);
    check(row("s2"), LimitScope::Day, false);
    check(row("s2"), LimitScope::Month, false);
    let of = |project: &str| OpenRow { project: Some(project.into()), ..row("s2") };
    check(of("/home/me/a"), LimitScope::ProjectDay, false);
    check(of("/home/me/a"), LimitScope::ProjectMonth, false);
    check(of("/home/me/b"), LimitScope::ProjectDay, true);
    check(row("s2"), LimitScope::ProjectMonth, true);
    // Half an hour before midnight in Berlin becomes half an hour after.
    desk.set("2026-11-21T23:30:00Z");
    check(row("s2"), LimitScope::Day, true);
    check(row("s2"), LimitScope::Month, false);
    desk.set("2026-11-30T22:59:00Z");
    check(row("s2"), LimitScope::Month, false);
    desk.set("2026-11-30T23:00:00Z");
    check(row("s2"), LimitScope::Month, true);
}

#[test]
fn a_day_that_begins_within_a_quarter_of_an_hour_is_summed_exactly() {
    // No zone of today does this; the sums must not rely on it.
    let zone = TimeZone::posix("<+0507>-5:07").unwrap();
    let desk = Desk::at("2026-11-20T18:52:59Z", zone);
    let day = limits(LimitScope::Day, cents(90));
    spend(&desk.ledger, row("s"), cents(60), &Limits::default());
    desk.set("2026-11-20T18:53:00Z");
    spend(&desk.ledger, row("s"), cents(50), &Limits::default());
    desk.set("2026-11-20T19:30:00Z");
    spend(&desk.ledger, row("s"), cents(30), &Limits::default());
    let error = desk.ledger.reserve_blocking(row("s"), &day).unwrap_err();
    assert!(matches!(error, BudgetError::Exceeded { spent, .. } if spent == cents(80)), "{error}");
}

#[test]
fn money_under_way_is_not_given_twice() {
    let desk = Desk::new();
    let session = limits(LimitScope::Session, cents(45));
    let first = row("s");
    let id = first.id.clone();
    assert_eq!(desk.ledger.reserve_blocking(first, &session).unwrap().max_tokens, 10_000);
    // 20 cents are left: the prompt takes 10, the rest covers 6,666 tokens.
    let second = desk.ledger.reserve_blocking(row("s"), &session).unwrap();
    assert_eq!(second.max_tokens, 6_666);
    assert!(desk.ledger.reserve_blocking(row("s"), &session).is_err());
    // Once the first turns out cheap, its reserve is free again.
    desk.ledger.finish_blocking(&id, paid(cents(1)), &session).unwrap();
    assert!(desk.ledger.reserve_blocking(row("s"), &session).is_ok());
}

#[test]
fn a_model_without_a_price_is_refused_only_under_a_limit() {
    let desk = Desk::new();
    let unpriced = || OpenRow { worst: None, ..row("s") };
    let limits = limits(LimitScope::Month, cents(10_000));
    let error = desk.ledger.reserve_blocking(unpriced(), &limits).unwrap_err();
    assert!(matches!(&error, BudgetError::Unpriced { model } if model == "claude-sonnet-4-5"));
    assert!(error.hint().contains("--price"));
    let reservation = desk.ledger.reserve_blocking(unpriced(), &Limits::default()).unwrap();
    assert_eq!((reservation.max_tokens, reservation.reserved), (10_000, None));
}

#[test]
fn the_user_is_told_once_that_a_limit_is_near() {
    let desk = Desk::new();
    let limits = Limits { day: Some(cents(100)), alert_share: 0.5, ..Limits::default() };
    let mut told = Vec::new();
    for cost in [30, 19, 1, 10, 60] {
        let open = row("s");
        let id = open.id.clone();
        desk.ledger.reserve_blocking(open, &Limits::default()).unwrap();
        let alerts = desk.ledger.finish_blocking(&id, paid(cents(cost)), &limits).unwrap();
        told.push(alerts.iter().map(ToString::to_string).collect::<Vec<_>>());
    }
    let nothing = Vec::<String>::new;
    let once = vec!["$0.50 of the day limit of $1.00 is spent".to_owned()];
    assert_eq!(told, [nothing(), nothing(), once, nothing(), nothing()]);
}

#[test]
fn a_late_truth_replaces_the_estimate() {
    let desk = Desk::new();
    let session = limits(LimitScope::Session, cents(100));
    let open = row("s");
    let id = open.id.clone();
    desk.ledger.reserve_blocking(open, &Limits::default()).unwrap();
    let finish = |end| desk.ledger.finish_blocking(&id, end, &Limits::default()).unwrap();
    finish(FinalRow { estimated: true, ..paid(cents(95)) });
    assert!(desk.ledger.reserve_blocking(row("s"), &session).is_err());
    finish(paid(cents(5)));
    assert!(desk.ledger.reserve_blocking(row("s"), &session).is_ok());
}

#[test]
fn money_held_by_a_process_that_died_is_freed_when_it_is_needed() {
    const TEST: &str = "budgets::money_held_by_a_process_that_died_is_freed_when_it_is_needed";
    let session = limits(LimitScope::Session, cents(50));
    if let Some(path) = std::env::var_os("ROUTER_TEST_LEDGER") {
        let ledger = Ledger::open(Path::new(&path)).unwrap();
        ledger.reserve_blocking(row("s"), &session).unwrap();
        ledger.reserve_blocking(row("s"), &session).unwrap();
        std::process::abort();
    }
    let desk = Desk::new();
    let status = again(TEST).env("ROUTER_TEST_LEDGER", desk.path()).status().unwrap();
    assert!(!status.success());
    // Both held 25 cents; closed, they count as the 11 that were estimated.
    let reservation = desk.ledger.reserve_blocking(row("s"), &session).unwrap();
    assert_eq!(reservation.reserved, Some(cents(25)));
}

/// A generator that gives the same numbers for the same seed.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        // SplitMix64 (Steele, Lea, Flood 2014).
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

const RUNS: u64 = 1_000;
const WORKERS: u64 = 3;

/// The limits of a run; each run has its own month, so that day and month limits are its own, too.
fn limits_of(run: u64) -> Limits {
    let mut numbers = Numbers(run);
    let mut limit = || {
        let limit = cents(i64::try_from(numbers.below(300)).unwrap());
        (numbers.below(2) == 0).then_some(limit)
    };
    Limits {
        session: limit(),
        day: limit(),
        month: limit(),
        run: limit(),
        alert_share: 0.0,
        ..Limits::default()
    }
}

fn start_ms(run: u64) -> i64 {
    // 40 days apart, half an hour before midnight.
    i64::try_from((run * 40 + 1) * 86_400_000 - 1_800_000).unwrap()
}

/// What one worker did in one run: what it spent by day, in nano-dollars.
#[derive(Default)]
struct Done {
    days: [i64; 2],
    refused: u32,
    lowered: u32,
}

/// Sends requests in run `run` until a few were refused; usage stays within what was reserved.
fn work(ledger: &Ledger, now_ms: &AtomicI64, run: u64, worker: u64) -> Done {
    let mut numbers = Numbers(run.wrapping_mul(1_000_003) + worker + 1);
    let limits = limits_of(run);
    let mut done = Done::default();
    for _ in 0..4 {
        let day = usize::from(numbers.below(3) == 0);
        now_ms.store(start_ms(run) + day as i64 * 3_600_000, Ordering::SeqCst);
        let worst = WorstCase {
            prompt: Money::from_nanos(i64::try_from(numbers.below(200_000_000)).unwrap()),
            output: Price(i64::try_from(numbers.below(75_000_000_000)).unwrap()),
        };
        let open = OpenRow {
            session: SessionId::parse(&format!("s{run}")),
            run: Some(format!("r{run}")),
            worst: Some(worst),
            wanted_tokens: 500 + numbers.below(32_000),
            ..row("s")
        };
        let (id, wanted): (RequestId, u64) = (open.id.clone(), open.wanted_tokens);
        match ledger.reserve_blocking(open, &limits) {
            Ok(reservation) => {
                done.lowered += u32::from(reservation.max_tokens < wanted);
                let most = u64::try_from(reservation.reserved.unwrap().nanos()).unwrap();
                // Often all of it: that is where a race would show.
                let cost = if numbers.below(2) == 0 { most } else { numbers.below(most + 1) };
                let cost = i64::try_from(cost).unwrap();
                done.days[day] += cost;
                let estimated = numbers.below(5) == 0;
                let end = FinalRow { estimated, ..paid(Money::from_nanos(cost)) };
                // By the journal or by a transaction: who reserves next counts both.
                match cost % 2 {
                    0 => block_on(ledger.settle(&id, end, &limits)).unwrap(),
                    _ => drop(ledger.finish_blocking(&id, end, &limits).unwrap()),
                }
            }
            Err(BudgetError::Exceeded { .. }) => done.refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    done
}

fn open_at(path: &Path, now_ms: &Arc<AtomicI64>) -> Ledger {
    let clock = Clock::Manual(Arc::clone(now_ms));
    Ledger::open_with(path, LedgerOptions { zone: Some(TimeZone::UTC), clock }).unwrap()
}

/// Holds what all workers say they spent against the limits; the ledger's own sums are not asked.
fn check_overspend(done: &HashMap<u64, Vec<Done>>) {
    let (mut refused, mut lowered, mut spent_runs) = (0, 0, 0);
    for (run, workers) in done {
        let limits = limits_of(*run);
        let day = |day: usize| workers.iter().map(|done| done.days[day]).sum::<i64>();
        let whole = day(0) + day(1);
        let over = |limit: Option<Money>, spent: i64| limit.is_some_and(|l| spent > l.nanos());
        assert!(!over(limits.run, whole), "run {run}: {whole} over {limits:?}");
        assert!(!over(limits.session, whole), "run {run}: {whole} over {limits:?}");
        assert!(!over(limits.day, day(0)), "run {run}: {} over {limits:?}", day(0));
        assert!(!over(limits.day, day(1)), "run {run}: {} over {limits:?}", day(1));
        assert!(!over(limits.month, month_of(*run, day(0), day(1))), "run {run} {limits:?}");
        refused += workers.iter().map(|done| done.refused).sum::<u32>();
        lowered += workers.iter().map(|done| done.lowered).sum::<u32>();
        spent_runs += u32::from(whole > 0);
    }
    // The limits were felt, and left room.
    let runs = u32::try_from(done.len()).unwrap();
    assert!(
        refused > runs && lowered > runs / 4 && spent_runs > runs / 2,
        "{refused} {lowered} {spent_runs} of {runs}"
    );
}

/// Returns what the dearer of the months that the run touched has spent.
fn month_of(run: u64, first: i64, second: i64) -> i64 {
    let month = |ms: i64| {
        jiff::Timestamp::from_millisecond(ms)
            .unwrap()
            .to_zoned(TimeZone::UTC)
            .date()
            .first_of_month()
    };
    let start = start_ms(run);
    if month(start) == month(start + 3_600_000) { first + second } else { first.max(second) }
}

#[test]
fn parallel_threads_never_overspend() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let workers: Vec<(Ledger, Arc<AtomicI64>)> = (0..WORKERS)
        .map(|_| {
            let now_ms = Arc::new(AtomicI64::new(0));
            (open_at(&path, &now_ms), now_ms)
        })
        .collect();
    let barrier = std::sync::Barrier::new(workers.len());
    let mut done: HashMap<u64, Vec<Done>> = HashMap::new();
    std::thread::scope(|scope| {
        let threads: Vec<_> = workers
            .iter()
            .zip(0_u64..)
            .map(|((ledger, now_ms), worker)| {
                let barrier = &barrier;
                scope.spawn(move || {
                    (0..RUNS)
                        .map(|run| {
                            barrier.wait();
                            (run, work(ledger, now_ms, run, worker))
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        for thread in threads {
            for (run, result) in thread.join().unwrap() {
                done.entry(run).or_default().push(result);
            }
        }
    });
    assert_eq!(done.len() as u64, RUNS);
    check_overspend(&done);
}

#[test]
fn parallel_processes_never_overspend() {
    const TEST: &str = "budgets::parallel_processes_never_overspend";
    const PROCESS_RUNS: u64 = 100;
    if let Some(worker) = std::env::var_os("ROUTER_TEST_WORKER") {
        let worker: u64 = worker.to_str().unwrap().parse().unwrap();
        let path = PathBuf::from(std::env::var_os("ROUTER_TEST_LEDGER").unwrap());
        let now_ms = Arc::new(AtomicI64::new(0));
        let ledger = open_at(&path, &now_ms);
        let mut lines = String::from("\n");
        for run in 0..PROCESS_RUNS {
            let done = work(&ledger, &now_ms, run, worker);
            let [first, second] = done.days;
            lines += &format!("did {run} {first} {second} {} {}\n", done.refused, done.lowered);
        }
        std::io::stdout().write_all(lines.as_bytes()).unwrap();
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let children: Vec<_> = (0..WORKERS)
        .map(|worker| {
            again(TEST)
                .env("ROUTER_TEST_LEDGER", &path)
                .env("ROUTER_TEST_WORKER", worker.to_string())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let mut done: HashMap<u64, Vec<Done>> = HashMap::new();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        for line in String::from_utf8(output.stdout).unwrap().lines() {
            let Some(line) = line.strip_prefix("did ") else { continue };
            let numbers: Vec<i64> = line.split(' ').map(|n| n.parse().unwrap()).collect();
            done.entry(numbers[0] as u64).or_default().push(Done {
                days: [numbers[1], numbers[2]],
                refused: numbers[3] as u32,
                lowered: numbers[4] as u32,
            });
        }
    }
    assert!((0..PROCESS_RUNS).all(|run| done[&run].len() as u64 == WORKERS));
    check_overspend(&done);
}
