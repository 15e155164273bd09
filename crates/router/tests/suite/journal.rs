//! Requests without a limit: their rows go by a journal, and nobody sees less for it.

use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use distiq_base::{Money, RequestId};
use distiq_router::{
    BudgetError, GroupBy, Ledger, Limits, OpenRow, Progress, RequestRow, RowFilter, RowState,
};
use jiff::tz::TimeZone;

use crate::support::{Desk, again, block_on, cents, paid, row};

const FREE: fn() -> Limits = Limits::default;

fn numbered(n: usize) -> OpenRow {
    OpenRow { id: id(n), ..row("s") }
}

fn id(n: usize) -> RequestId {
    RequestId::parse(&format!("request-{n}")).unwrap()
}

fn rows(ledger: &Ledger) -> Vec<RequestRow> {
    ledger.requests(&RowFilter::default(), 10_000).unwrap()
}

/// Returns what the ledger's sums say of the session.
fn spent(ledger: &Ledger) -> Money {
    let nothing = Limits { session: Some(Money::ZERO), ..FREE() };
    match ledger.reserve_blocking(row("s"), &nothing) {
        Err(BudgetError::Exceeded { spent, .. }) => spent,
        other => panic!("{other:?}"),
    }
}

fn journals(ledger: &Path) -> Vec<PathBuf> {
    let folder = fs::read_dir(ledger.with_extension("journal"));
    folder.map(|all| all.map(|entry| entry.unwrap().path()).collect()).unwrap_or_default()
}

#[test]
fn another_process_sees_a_request_at_each_step() {
    let desk = Desk::new();
    let other = Ledger::open(&desk.path()).unwrap();
    let state = |n| other.request(&id(n)).unwrap().map(|row| (row.state, row.usage.output));
    for n in 0..20 {
        assert_eq!(state(n), None);
        desk.ledger.reserve_blocking(numbered(n), &FREE()).unwrap();
        assert_eq!(state(n), Some((RowState::Open, 0)));
        let usage = distiq_base::Usage { output: 7, ..Default::default() };
        desk.ledger.progress(&id(n), Progress { usage, cost: None });
        assert_eq!(state(n), Some((RowState::Open, 7)));
        desk.ledger.finish_blocking(&id(n), paid(cents(2)), &FREE()).unwrap();
        assert_eq!(state(n), Some((RowState::Final, 100)));
        let all = &other.totals(&RowFilter::default(), GroupBy::All, &TimeZone::UTC).unwrap()[0];
        assert_eq!(all.requests, n as u64 + 1);
        assert_eq!(other.outcomes(&RowFilter::default()).unwrap().attempts, n as u64 + 1);
        assert_eq!(other.metrics(&RowFilter::default()).unwrap().requests, n as u64 + 1);
    }
    assert_eq!(spent(&other), cents(40));
}

#[test]
fn a_limit_counts_what_requests_without_one_cost_and_hold() {
    let desk = Desk::new();
    let other = Ledger::open(&desk.path()).unwrap();
    let session = |limit| Limits { session: Some(cents(limit)), ..FREE() };
    // 25 cents are held until it turns out to have cost 3.
    desk.ledger.reserve_blocking(numbered(0), &FREE()).unwrap();
    for ledger in [&desk.ledger, &other] {
        let error = ledger.reserve_blocking(row("s"), &session(30)).unwrap_err();
        assert!(
            matches!(error, BudgetError::Exceeded { spent, .. } if spent == cents(25)),
            "{error}"
        );
    }
    desk.ledger.finish_blocking(&id(0), paid(cents(3)), &FREE()).unwrap();
    let granted = other.reserve_blocking(numbered(1), &session(30)).unwrap();
    assert_eq!(granted.reserved, Some(cents(25)));
    // One that began without a limit and ends under one is told that it came near.
    desk.ledger.reserve_blocking(numbered(2), &FREE()).unwrap();
    let alerts = desk.ledger.finish_blocking(&id(2), paid(cents(40)), &session(50)).unwrap();
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    other.finish_blocking(&id(1), paid(cents(1)), &session(50)).unwrap();
    assert_eq!(spent(&other), cents(44));
}

#[test]
fn what_a_settled_request_held_is_free_at_once_also_for_others() {
    let desk = Desk::new();
    let other = Ledger::open(&desk.path()).unwrap();
    let session = Limits { session: Some(cents(26)), ..FREE() };
    for n in 0..12 {
        let (mine, theirs) =
            if n % 2 == 0 { (&desk.ledger, &other) } else { (&other, &desk.ledger) };
        mine.reserve_blocking(numbered(n), &session).unwrap();
        assert!(theirs.reserve_blocking(row("s"), &session).is_err(), "25 of 26 cents are held");
        let usage = distiq_base::Usage { output: 9, ..Default::default() };
        mine.progress(&id(n), Progress { usage, cost: Some(cents(0)) });
        block_on(mine.settle(&id(n), paid(Money::ZERO), &session)).unwrap();
        assert_eq!(theirs.request(&id(n)).unwrap().unwrap().state, RowState::Final);
        // The truth that comes late takes a transaction, and is seen all the same.
        mine.finish_blocking(&id(n), paid(Money::from_nanos(1)), &session).unwrap();
    }
    assert_eq!(spent(&other), Money::from_nanos(12));
}

#[test]
fn a_ledger_that_is_closed_leaves_no_journal() {
    let desk = Desk::new();
    let path = desk.path();
    desk.ledger.reserve_blocking(numbered(0), &FREE()).unwrap();
    assert_eq!(journals(&path).len(), 1);
    let Desk { folder, ledger, .. } = desk;
    ledger.finish_later(&id(0), paid(cents(2)), &FREE());
    drop(ledger);
    assert_eq!(journals(&path), Vec::<PathBuf>::new());
    assert_eq!(spent(&Ledger::open(&path).unwrap()), cents(2));
    drop(folder);
}

/// Sends requests and tells on standard output what of them is on the ledger.
fn work(path: &Path, requests: usize) {
    let tell = |n, what: &str| {
        std::io::stdout().write_all(format!("\ntold {n} {what}\n").as_bytes()).unwrap();
    };
    let ledger = Ledger::open(path).unwrap();
    for n in 0..requests {
        // Each other one is held to a limit: a transaction writes its row, the journal its end.
        let limits = Limits { day: (n % 2 == 1).then(|| cents(1_000)), ..FREE() };
        ledger.reserve_blocking(numbered(n), &limits).unwrap();
        tell(n, "open");
        if n % 3 == 1 {
            // It folds, as the ledger's thread does in time.
            rows(&ledger);
        }
        block_on(ledger.settle(&id(n), paid(cents(2)), &limits)).unwrap();
        tell(n, "final");
    }
    drop(ledger);
    tell(requests, "over");
}

#[test]
fn a_kill_anywhere_loses_nothing_that_was_told_and_counts_nothing_twice() {
    const TEST: &str =
        "journal::a_kill_anywhere_loses_nothing_that_was_told_and_counts_nothing_twice";
    const REQUESTS: usize = 7;
    if let Some(path) = std::env::var_os("ROUTER_TEST_LEDGER") {
        return work(Path::new(&path), REQUESTS);
    }
    let points = [
        "after_open_row",
        "after_open_row:5",
        "before_final_row:3",
        "after_final_row",
        "after_final_row:6",
        "before_fold_commit",
        "before_fold_commit:3",
        "after_fold_commit",
        "after_fold_commit:3",
        "before_journal_removal",
        "after_journal_removal",
    ];
    for point in points {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let command = &mut again(TEST);
        command.env("ROUTER_TEST_LEDGER", &path).env("DISTIQ_TEST_KILL_AT", point);
        let output = command.output().unwrap();
        assert!(!output.status.success(), "{point} was not come to");
        let text = String::from_utf8(output.stdout).unwrap();
        let told = |what: &str| -> HashSet<RequestId> {
            let line = |line: &str| -> Option<usize> {
                line.strip_prefix("told ")?.strip_suffix(what)?.trim().parse().ok()
            };
            text.lines().filter_map(line).map(id).collect()
        };
        // The second opening finds nothing to do.
        for _ in 0..2 {
            let ledger = Ledger::open(&path).unwrap();
            let rows = rows(&ledger);
            let ids: HashSet<RequestId> = rows.iter().map(|row| row.id.clone()).collect();
            assert_eq!(ids.len(), rows.len(), "{point}");
            assert!(ids.is_superset(&told("open")), "{point}");
            for row in &rows {
                let is_final = row.state == RowState::Final;
                assert!(is_final || !told("final").contains(&row.id), "{point}: {row:?}");
                let cost = if is_final { cents(2) } else { cents(11) };
                assert_eq!(row.cost_nanousd, Some(cost), "{point}");
                assert_ne!(row.state, RowState::Open, "{point}");
            }
            let costs = rows.iter().filter_map(|row| row.cost_nanousd);
            assert_eq!(spent(&ledger), costs.fold(Money::ZERO, Money::plus), "{point}");
            assert_eq!(journals(&path), Vec::<PathBuf>::new(), "{point}");
        }
    }
}

#[test]
fn a_journal_that_was_cut_ends_with_its_last_whole_record() {
    const TEST: &str = "journal::a_journal_that_was_cut_ends_with_its_last_whole_record";
    if let Some(path) = std::env::var_os("ROUTER_TEST_LEDGER") {
        let ledger = Ledger::open(&PathBuf::from(path)).unwrap();
        ledger.reserve_blocking(numbered(0), &FREE()).unwrap();
        ledger.finish_blocking(&id(0), paid(cents(2)), &FREE()).unwrap();
        ledger.reserve_blocking(numbered(1), &FREE()).unwrap();
        ledger.finish_blocking(&id(1), paid(cents(3)), &FREE()).unwrap();
        std::process::abort();
    }
    let killed = tempfile::tempdir().unwrap();
    let status = again(TEST)
        .env("ROUTER_TEST_LEDGER", killed.path().join("ledger.db"))
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(!status.success());
    let journal = journals(&killed.path().join("ledger.db")).pop().unwrap();
    let bytes = fs::read(&journal).unwrap();
    let mut seen = Vec::new();
    for length in (0..=bytes.len()).rev().step_by(23) {
        for is_zeroed in [false, true] {
            // A power cut may leave a file as long as it was, with zeros at its end.
            let mut cut = bytes[..length].to_vec();
            cut.resize(if is_zeroed { bytes.len() } else { length }, 0);
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("ledger.db");
            fs::create_dir(path.with_extension("journal")).unwrap();
            let copy = path.with_extension("journal").join(journal.file_name().unwrap());
            fs::write(&copy, cut).unwrap();
            let ledger = Ledger::open(&path).unwrap();
            let costs: Vec<i64> = rows(&ledger)
                .iter()
                .rev()
                .map(|row| row.cost_nanousd.unwrap().nanos() / 10_000_000)
                .collect();
            assert_eq!(spent(&ledger), cents(costs.iter().sum()));
            let is_magic_lost = is_zeroed && length < 8;
            assert_eq!(copy.exists(), is_magic_lost, "{length}");
            seen.push(costs);
        }
    }
    seen.dedup();
    assert_eq!(seen, [vec![2, 3], vec![2, 11], vec![2], vec![11], vec![]]);
}

#[test]
fn many_fold_the_same_journals_at_once() {
    const TEST: &str = "journal::many_fold_the_same_journals_at_once";
    const REQUESTS: usize = 400;
    if let Some(path) = std::env::var_os("ROUTER_TEST_LEDGER") {
        let ledger = Ledger::open(&PathBuf::from(path)).unwrap();
        while rows(&ledger).iter().filter(|row| row.state == RowState::Final).count() < REQUESTS {}
        return;
    }
    let desk = Desk::new();
    let mut readers: Vec<_> = (0..2)
        .map(|_| again(TEST).env("ROUTER_TEST_LEDGER", desk.path()).spawn().unwrap())
        .collect();
    std::thread::scope(|scope| {
        for part in 0..4 {
            let ledger = &desk.ledger;
            scope.spawn(move || {
                for n in (0..REQUESTS).filter(|n| n % 4 == part) {
                    ledger.reserve_blocking(numbered(n), &FREE()).unwrap();
                    ledger.finish_blocking(&id(n), paid(cents(2)), &FREE()).unwrap();
                    assert!(ledger.request(&id(n)).unwrap().is_some());
                }
            });
        }
    });
    for reader in &mut readers {
        assert!(reader.wait().unwrap().success());
    }
    assert_eq!(rows(&desk.ledger).len(), REQUESTS);
    assert_eq!(spent(&desk.ledger), cents(2 * REQUESTS as i64));
}
