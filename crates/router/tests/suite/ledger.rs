//! Rows, totals and metrics.

use std::path::PathBuf;

use distiq_base::{Money, RequestId, RequestKind, Scope, SessionId, Usage};
use distiq_router::{
    FinalRow, GroupBy, Ledger, LedgerError, Limits, OpenRow, Progress, RequestRow, RowFilter,
    RowState, Savings,
};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::support::{Desk, again, berlin, cents, paid, row};

fn state(ledger: &Ledger, id: &RequestId) -> (RowState, Option<Money>, Option<String>) {
    let row = ledger.request(id).unwrap().unwrap();
    (row.state, row.cost_nanousd, row.error)
}

fn record(ledger: &Ledger, open: OpenRow, end: FinalRow) -> RequestId {
    let id = open.id.clone();
    ledger.reserve_blocking(open, &Limits::default()).unwrap();
    ledger.finish_blocking(&id, end, &Limits::default()).unwrap();
    id
}

#[test]
fn a_row_keeps_everything_that_is_known_of_a_request() {
    let desk = Desk::new();
    let open = OpenRow {
        run: Some("run-1".into()),
        key: Some("key-1".into()),
        owner: Some("ann".into()),
        client: Some("openai".into()),
        tier: Some("premium".into()),
        route: "policy".into(),
        reasons: vec!["hard".into(), "long \"prompt\"".into()],
        scope: Scope(vec!["abc".into()]),
        ..row("s1")
    };
    let id = open.id.clone();
    let reservation = desk.ledger.reserve_blocking(open, &Limits::default()).unwrap();
    assert_eq!((reservation.max_tokens, reservation.reserved), (10_000, Some(cents(25))));
    assert_eq!(state(&desk.ledger, &id), (RowState::Open, None, None));
    let usage = Usage {
        input: 1,
        cache_read: 2,
        cache_write: 3,
        cache_write_long: 4,
        output: 5,
        reasoning: 6,
        cost: None,
    };
    let savings = Savings {
        baseline_premium: Some(cents(1)),
        baseline_append_only: Some(cents(2)),
        route: Some(cents(3)),
        prompt_cache: Some(cents(4)),
        response_cache: Some(cents(5)),
        compression: Some(cents(6)),
        zero_token: Some(cents(7)),
        context: Some(cents(8)),
    };
    let end = FinalRow {
        usage,
        savings,
        error: Some("server".into()),
        fallbacks: 2,
        node: Some("http://a".into()),
        status: Some(503),
        ..paid(cents(9))
    };
    desk.ledger.finish_blocking(&id, end, &Limits::default()).unwrap();
    let expected = RequestRow {
        id: id.clone(),
        at: "2026-11-21T10:00:00Z".parse().unwrap(),
        session: SessionId::parse("s1"),
        project: Some("distiq".into()),
        run: Some("run-1".into()),
        key: Some("key-1".into()),
        owner: Some("ann".into()),
        client: Some("openai".into()),
        kind: "execute".into(),
        provider: "anthropic".into(),
        model: "claude-sonnet-4-5".into(),
        tier: Some("premium".into()),
        route: "policy".into(),
        reasons: vec!["hard".into(), "long \"prompt\"".into()],
        scope: Scope(vec!["abc".into()]),
        usage,
        cost_nanousd: Some(cents(9)),
        reserved_nanousd: Some(cents(25)),
        savings,
        latency_ms: Some(1200),
        first_token_ms: Some(300),
        attempts: 1,
        fallbacks: 2,
        node: Some("http://a".into()),
        status: Some(503),
        stop: Some("end_turn".into()),
        state: RowState::Final,
        error: Some("server".into()),
    };
    assert_eq!(desk.ledger.request(&id).unwrap(), Some(expected.clone()));
    assert_eq!(desk.ledger.requests(&RowFilter::default(), 10).unwrap(), [expected]);
    assert_eq!(desk.ledger.request(&RequestId::generate()).unwrap(), None);
}

#[test]
fn ending_an_unknown_request_is_an_error() {
    let desk = Desk::new();
    let id = RequestId::generate();
    let result = desk.ledger.finish_blocking(&id, paid(cents(1)), &Limits::default());
    assert!(matches!(result, Err(LedgerError::Unknown(unknown)) if unknown == id));
}

#[test]
fn totals_tell_groups_apart() {
    let desk = Desk::new();
    let ledger = &desk.ledger;
    record(ledger, row("a"), paid(cents(1)));
    record(ledger, row("a"), paid(cents(2)));
    let summary = OpenRow {
        kind: RequestKind::Summarize,
        provider: "openai".into(),
        project: None,
        ..row("b")
    };
    record(ledger, summary, FinalRow { estimated: true, ..paid(cents(4)) });
    let unpriced = OpenRow { model: "mystery".into(), worst: None, ..row("b") };
    let failed = FinalRow { cost: None, error: Some("server".into()), ..paid(Money::ZERO) };
    record(ledger, unpriced, failed);
    // Not over, so not in the totals.
    ledger.reserve_blocking(row("a"), &Limits::default()).unwrap();

    let totals = |filter: &RowFilter, by| {
        ledger
            .totals(filter, by, &TimeZone::UTC)
            .unwrap()
            .into_iter()
            .map(|total| (total.name, total.requests, total.cost_nanousd))
            .collect::<Vec<_>>()
    };
    let name = str::to_owned;
    let any = RowFilter::default();
    assert_eq!(totals(&any, GroupBy::All), [(name(""), 4, cents(7))]);
    assert_eq!(
        totals(&any, GroupBy::Provider),
        [(name("openai"), 1, cents(4)), (name("anthropic"), 3, cents(3))]
    );
    assert_eq!(
        totals(&any, GroupBy::Kind),
        [(name("summarize"), 1, cents(4)), (name("execute"), 3, cents(3))]
    );
    assert_eq!(
        totals(&any, GroupBy::Project),
        [(name(""), 1, cents(4)), (name("distiq"), 3, cents(3))]
    );
    assert_eq!(
        totals(&any, GroupBy::Session),
        [(name("b"), 2, cents(4)), (name("a"), 2, cents(3))]
    );
    let session = RowFilter::session(SessionId::parse("a").unwrap());
    assert_eq!(totals(&session, GroupBy::Model), [(name("claude-sonnet-4-5"), 2, cents(3))]);
    let nothing = RowFilter { provider: Some("groq".into()), ..any.clone() };
    assert_eq!(totals(&nothing, GroupBy::All), [(name(""), 0, Money::ZERO)]);
    assert_eq!(totals(&nothing, GroupBy::Model), []);

    let all = &ledger.totals(&any, GroupBy::All, &TimeZone::UTC).unwrap()[0];
    assert_eq!((all.failed, all.estimated, all.unpriced), (1, 1, 1));
    assert_eq!((all.usage.input, all.usage.cache_read, all.usage.output), (4000, 36_000, 400));
}

#[test]
fn days_and_months_are_those_of_the_wall_clock_through_both_changes_of_it() {
    let desk = Desk::at("2026-01-01T00:00:00Z", berlin());
    // Moments in UTC and the local day that each belongs to.
    let moments = [
        ("2026-03-28T22:59:59Z", "2026-03-28"),
        ("2026-03-28T23:00:00Z", "2026-03-29"),
        ("2026-03-29T21:59:59Z", "2026-03-29"),
        ("2026-03-29T22:00:00Z", "2026-03-30"),
        ("2026-10-24T21:59:59Z", "2026-10-24"),
        ("2026-10-24T22:00:00Z", "2026-10-25"),
        ("2026-10-25T00:30:00Z", "2026-10-25"),
        ("2026-10-25T22:59:59Z", "2026-10-25"),
        ("2026-10-25T23:00:00Z", "2026-10-26"),
        ("2026-10-31T23:30:00Z", "2026-11-01"),
    ];
    let mut expected: Vec<(String, u64)> = Vec::new();
    for (moment, day) in moments {
        desk.set(moment);
        record(&desk.ledger, row("s"), paid(cents(1)));
        match expected.last_mut() {
            Some((last, count)) if last == day => *count += 1,
            _ => expected.push((day.to_owned(), 1)),
        }
    }
    let any = RowFilter::default();
    let count = |by| {
        let totals = desk.ledger.totals(&any, by, &berlin()).unwrap();
        totals.into_iter().map(|total| (total.name, total.requests)).collect::<Vec<_>>()
    };
    assert_eq!(count(GroupBy::Day), expected);
    let months = [("2026-03", 4), ("2026-10", 5), ("2026-11", 1)];
    assert_eq!(count(GroupBy::Month), months.map(|(month, n)| (month.to_owned(), n)));
    let daily = desk.ledger.daily_metrics(&any, &berlin()).unwrap();
    let daily: Vec<_> = daily.into_iter().map(|d| (d.day, d.metrics.requests)).collect();
    assert_eq!(daily, expected);

    // A filter by local day takes that day's rows and no others.
    let at: Timestamp = "2026-10-25T12:00:00Z".parse().unwrap();
    let (from, until) = distiq_router::ledger::period::day(at, &berlin());
    let day = RowFilter { from: Some(from), until: Some(until), ..any };
    assert_eq!(desk.ledger.requests(&day, 100).unwrap().len(), 3);
}

#[test]
fn metrics_tell_failures_from_cancellations() {
    let desk = Desk::new();
    for n in 1..=20_u64 {
        let tier = if n <= 15 { "cheap" } else { "premium" };
        let end = FinalRow {
            latency_ms: n * 100,
            error: match n {
                19 => Some("cancelled".into()),
                20 => Some("server".into()),
                _ => None,
            },
            ..paid(cents(1))
        };
        record(&desk.ledger, OpenRow { tier: Some(tier.into()), ..row("s") }, end);
    }
    let metrics = desk.ledger.metrics(&RowFilter::default()).unwrap();
    assert_eq!((metrics.requests, metrics.failed, metrics.cancelled), (20, 1, 1));
    assert_eq!(metrics.success_rate, Some(18.0 / 19.0));
    assert_eq!(
        (metrics.p50_ms, metrics.p95_ms, metrics.p99_ms),
        (Some(900), Some(1800), Some(1800))
    );
    assert_eq!(metrics.cache_read_share, Some(0.9));
    assert_eq!(metrics.cost_nanousd, cents(20));
    let tiers: Vec<_> = metrics.tiers.iter().map(|t| (t.tier.as_str(), t.share)).collect();
    assert_eq!(tiers, [("cheap", 0.75), ("premium", 0.25)]);
}

#[test]
fn rows_of_a_killed_process_are_closed_with_what_was_known_of_them() {
    const TEST: &str = "ledger::rows_of_a_killed_process_are_closed_with_what_was_known_of_them";
    let ids = ["never-heard-of", "seen-in-part"].map(|id| RequestId::parse(id).unwrap());
    if let Some(path) = std::env::var_os("ROUTER_TEST_LEDGER") {
        let ledger = Ledger::open(&PathBuf::from(path)).unwrap();
        for id in &ids {
            let open = OpenRow { id: id.clone(), ..row("s") };
            ledger.reserve_blocking(open, &Limits::default()).unwrap();
        }
        let usage = Usage { input: 5, output: 7, ..Usage::default() };
        ledger.progress(&ids[1], Progress { usage, cost: Some(cents(3)) });
        // Behind it in the queue: once this is answered, the progress is written.
        ledger.reserve_blocking(row("other"), &Limits::default()).unwrap();
        std::process::abort();
    }
    let desk = Desk::new();
    let status = again(TEST).env("ROUTER_TEST_LEDGER", desk.path()).status().unwrap();
    assert!(!status.success());
    // A ledger that was open meanwhile sees them as open until somebody needs the money.
    assert_eq!(state(&desk.ledger, &ids[0]).0, RowState::Open);
    let reopened = Ledger::open(&desk.path()).unwrap();
    let killed = |cost| (RowState::Estimated, Some(cost), Some("killed".to_owned()));
    assert_eq!(state(&reopened, &ids[0]), killed(cents(11)));
    assert_eq!(state(&reopened, &ids[1]), killed(cents(3)));
    assert_eq!(reopened.request(&ids[1]).unwrap().unwrap().usage.output, 7);
}

#[test]
fn a_kill_after_the_open_row_leaves_the_row() {
    const TEST: &str = "ledger::a_kill_after_the_open_row_leaves_the_row";
    let id = RequestId::parse("about-to-be-sent").unwrap();
    if let Some(path) = std::env::var_os("ROUTER_TEST_LEDGER") {
        let ledger = Ledger::open(&PathBuf::from(path)).unwrap();
        let open = OpenRow { id, ..row("s") };
        ledger.reserve_blocking(open, &Limits::default()).unwrap();
        panic!("it went on behind the point");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let output = again(TEST)
        .env("ROUTER_TEST_LEDGER", &path)
        .env("DISTIQ_TEST_KILL_AT", "after_open_row")
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(!String::from_utf8_lossy(&output.stderr).contains("went on"));
    let ledger = Ledger::open(&path).unwrap();
    assert_eq!(state(&ledger, &id).0, RowState::Estimated);
}

#[test]
fn dropping_the_ledger_writes_what_is_queued() {
    let desk = Desk::new();
    let path = desk.path();
    let open = row("s");
    let id = open.id.clone();
    desk.ledger.reserve_blocking(open, &Limits::default()).unwrap();
    desk.ledger.finish_later(&id, paid(cents(2)), &Limits::default());
    let Desk { folder, ledger, .. } = desk;
    drop(ledger);
    let ledger = Ledger::open(&path).unwrap();
    assert_eq!(state(&ledger, &id), (RowState::Final, Some(cents(2)), None));
    drop(folder);
}
