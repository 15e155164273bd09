//! Fall-back chains, breakers and nodes, against models played by hand and a clock moved by hand.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use distiq_base::{Content, Message, Money, Request, RequestKind, Role};
use distiq_llm::{Phase, ProviderError, ProviderErrorKind as Kind};
use distiq_router::nodes::BreakerState;
use distiq_router::{Balance, Candidate, KeyUse, Limits, Purpose, RowFilter, RowState};
use jiff::tz::TimeZone;

use super::played::{Attempt, all, ask, error, purpose, stage, stage_with};

/// Every kind of failure: `~` is another attempt there, `>` another way.
#[tokio::test(start_paused = true)]
async fn the_table_of_remedies() {
    for (kind, expected) in [
        (Kind::InvalidRequest, ""),
        (Kind::ContextTooLong, ""),
        (Kind::TooLarge, ""),
        (Kind::Auth, ">b"),
        (Kind::Billing, ">b"),
        (Kind::Permission, ">b"),
        (Kind::UnknownModel, ">b"),
        (Kind::SpendLimit, ">b"),
        (Kind::Tls, ">b"),
        (Kind::Malformed, ">b"),
        (Kind::NotTheApi, ">b"),
        (Kind::Redirect, ">b"),
        (Kind::RateLimited, "~>b"),
        (Kind::Overloaded, "~>b"),
        (Kind::Server, "~>b"),
        (Kind::Timeout(Phase::Head), "~>b"),
        (Kind::Timeout(Phase::FirstByte), "~>b"),
        (Kind::Timeout(Phase::Idle), "~>b"),
        (Kind::Connect, "~>b"),
        (Kind::Truncated, "~>b"),
    ] {
        let stage = stage();
        let refused = Attempt::Refused(error(kind));
        stage.play("a", 0, &[refused.clone(), refused]);
        let (shown, receipt) = all(stage.router.send(ask("x"), purpose())).await;
        assert_eq!(shown, expected, "{kind:?}");
        let row = &stage.rows()[0];
        if expected.is_empty() {
            assert_eq!((row.provider.as_str(), row.fallbacks), ("a", 0));
            assert!(receipt.error.is_some());
        } else {
            assert!(receipt.error.is_none() && receipt.complete);
            assert_eq!((row.provider.as_str(), row.model.as_str(), row.fallbacks), ("b", "n", 1));
            // 110 tokens at $10 a million: the price of the way that answered.
            assert_eq!(row.cost_nanousd, Some(Money::from_nanos(1_100_000)));
            assert_eq!(receipt.fallbacks, 1);
            assert!(receipt.reasons.iter().any(|reason| reason.contains("passed over a/m")));
        }
        assert_eq!((stage.rows().len(), row.state), (1, RowState::Final), "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_wait_is_not_waited_where_there_is_another_way() {
    let stage = stage();
    let limited =
        ProviderError { retry_after: Some(Duration::from_secs(30)), ..error(Kind::RateLimited) };
    stage.play("a", 0, &[Attempt::Refused(limited)]);
    let began = tokio::time::Instant::now();
    assert_eq!(stage.ask("x").await, ">b");
    assert!(began.elapsed() < Duration::from_millis(10));
    // While it lasts, the first way is not even asked.
    assert_eq!(stage.ask("x").await, "b");
    assert_eq!(stage.node("a", 0).seen(), 1);
    stage.pass(30_001);
    assert_eq!(stage.ask("x").await, "a0");
}

#[tokio::test(start_paused = true)]
async fn what_was_shown_is_never_continued_by_another() {
    let stage = stage();
    stage.play("a", 0, &[Attempt::Broken("half")]);
    let (shown, receipt) = all(stage.router.send(ask("x"), purpose())).await;
    assert_eq!(shown, "half");
    assert!(receipt.error.is_some() && !receipt.complete);
    assert_eq!(stage.node("b", 0).seen(), 0);
    assert_eq!(stage.rows()[0].error.as_deref(), Some("truncated"));
}

#[tokio::test(start_paused = true)]
async fn ways_that_are_not_set_up_are_passed_over() {
    let stage = stage();
    let purpose = Purpose {
        fallbacks: vec![Candidate::new("nowhere", "x"), Candidate::new("b", "n")],
        ..Purpose::new(RequestKind::Gateway, "elsewhere")
    };
    let (shown, receipt) = all(stage.router.send(ask("x"), purpose)).await;
    assert_eq!((shown.as_str(), receipt.fallbacks), ("b", 2));
    assert_eq!(stage.rows()[0].provider, "b");
}

#[tokio::test(start_paused = true)]
async fn a_limit_counts_the_dearer_way_and_holds() {
    // Enough for an answer of `a`, not for one of `b`.
    let limits = Limits { day: Some(Money::from_nanos(5_000_000)), ..Limits::default() };
    let stage = stage_with(1, Balance::RoundRobin, limits);
    stage.play("a", 0, &[Attempt::Refused(error(Kind::Auth))]);
    let (shown, receipt) = all(stage.router.send(ask("x"), purpose())).await;
    assert_eq!((shown.as_str(), stage.node("b", 0).seen()), (">", 0));
    assert_eq!(receipt.error.unwrap().kind(), distiq_base::ErrorKind::Budget);
    assert_eq!(stage.rows()[0].cost_nanousd, Some(Money::ZERO));
}

#[tokio::test(start_paused = true)]
async fn signed_thinking_stays_with_its_model_or_is_left_out() {
    let signed = |text: &str| {
        let mut request = ask("hi");
        let thinking =
            Content::Thinking { text: String::new(), signature: Some("sig-of-it".into()) };
        request
            .messages
            .push(Message { role: Role::Assistant, content: vec![thinking, Content::text("x")] });
        request.messages.push(Message::user(text));
        request
    };
    let stage = stage();
    stage.play("a", 0, &[Attempt::Refused(error(Kind::Auth))]);
    stage.play("b", 0, &[Attempt::Signed("b")]);
    let auto = || Purpose { route: "auto", ..purpose() };
    assert_eq!(all(stage.router.send(ask("hi"), auto())).await.0, ">b");
    // No model is named: the one that signed goes on.
    assert_eq!(all(stage.router.send(signed("more"), auto())).await.0, "b");
    assert_eq!(stage.node("b", 0).seen.lock().unwrap()[1].messages, signed("more").messages);
    // The other is named: it gets what it can read.
    assert_eq!(all(stage.router.send(signed("more"), purpose())).await.0, "a0");
    let seen = stage.node("a", 0).seen.lock().unwrap()[1].messages.clone();
    assert_eq!(seen[1].content, [Content::text("x")]);
}

#[tokio::test(start_paused = true)]
async fn a_sick_node_leaves_and_returns() {
    let stage = stage_with(2, Balance::RoundRobin, Limits::default());
    stage.play("a", 0, &vec![Attempt::Refused(error(Kind::Connect)); 5]);
    let mut shown = Vec::new();
    for _ in 0..14 {
        shown.push(stage.ask("x").await);
    }
    // Each failure is mended by the other node at once; after five the sick one is left alone.
    assert_eq!(shown.iter().filter(|text| *text == "~a1").count(), 5, "{shown:?}");
    assert_eq!(shown.iter().filter(|text| *text == "a1").count(), 9, "{shown:?}");
    assert_eq!(stage.state("a"), [BreakerState::Open, BreakerState::Closed]);
    assert_eq!(stage.node("b", 0).seen(), 0);
    stage.pass(2_000);
    let back: Vec<String> = [stage.ask("x").await, stage.ask("x").await].into();
    assert!(back.contains(&"a0".to_owned()), "{back:?}");
    assert_eq!(stage.state("a"), [BreakerState::Closed; 2]);
}

#[tokio::test(start_paused = true)]
async fn the_only_way_is_asked_though_it_failed_and_with_all_down_the_next_is() {
    let stage = stage();
    stage.play("a", 0, &vec![Attempt::Refused(error(Kind::Connect)); 5]);
    for expected in ["~>b", "~>b", "~>b"] {
        assert_eq!(stage.ask("x").await, expected);
    }
    assert_eq!(stage.state("a"), [BreakerState::Open]);
    assert_eq!(stage.ask("x").await, "b", "passed over while it is open");
    let only = Purpose::new(RequestKind::Gateway, "a");
    assert_eq!(all(stage.router.send(ask("x"), only)).await.0, "a0", "nothing is lost by it");
}

#[tokio::test(start_paused = true)]
async fn checks_find_the_sick_and_the_well_before_requests_do() {
    let stage = stage_with(2, Balance::RoundRobin, Limits::default());
    stage.ask("x").await;
    *stage.node("a", 0).well.lock().unwrap() = false;
    stage.router.check_nodes().await;
    assert_eq!(stage.state("a"), [BreakerState::Open, BreakerState::Closed]);
    for _ in 0..4 {
        assert_eq!(stage.ask("x").await, "a1");
    }
    *stage.node("a", 0).well.lock().unwrap() = true;
    stage.router.check_nodes().await;
    let back = [stage.ask("x").await, stage.ask("x").await];
    assert!(back.contains(&"a0".to_owned()), "{back:?}");
}

#[tokio::test(start_paused = true)]
async fn an_empty_limit_is_heeded() {
    let stage = stage_with(2, Balance::RoundRobin, Limits::default());
    let until = stage.now_ms.load(Ordering::SeqCst) + 60_000;
    stage.play("a", 0, &[Attempt::Last("last", until)]);
    let shown: Vec<String> =
        [stage.ask("x").await, stage.ask("x").await, stage.ask("x").await].into();
    assert_eq!(shown.iter().filter(|text| *text == "last").count(), 1);
    assert_eq!(stage.node("a", 0).seen(), 1);
    // Of another model nothing is known.
    let other = Request { model: "m2".into(), ..ask("x") };
    let purpose = || Purpose::new(RequestKind::Gateway, "a");
    let shown = [
        all(stage.router.send(other.clone(), purpose())).await.0,
        all(stage.router.send(other, purpose())).await.0,
    ];
    assert!(shown.contains(&"a0".to_owned()), "{shown:?}");
    // The only node of the only way: a short wait is waited.
    let alone = stage_with(1, Balance::RoundRobin, Limits::default());
    let until = alone.now_ms.load(Ordering::SeqCst) + 1_500;
    alone.play("a", 0, &[Attempt::Last("last", until)]);
    all(alone.router.send(ask("x"), purpose())).await;
    let began = tokio::time::Instant::now();
    all(alone.router.send(ask("x"), purpose())).await;
    assert_eq!(began.elapsed().as_millis(), 1_500);
}

#[tokio::test(start_paused = true)]
async fn a_conversation_keeps_to_its_node() {
    let stage = stage_with(4, Balance::Prefix, Limits::default());
    let mut used = std::collections::BTreeSet::new();
    for n in 0..20 {
        let first = stage.ask(&format!("conversation {n}")).await;
        for _ in 0..3 {
            assert_eq!(stage.ask(&format!("conversation {n}")).await, first);
        }
        used.insert(first);
    }
    assert_eq!(used.len(), 4, "{used:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_keys_budget_holds_under_64_clients() {
    const LIMIT: Money = Money::from_nanos(40_000_000);
    let stage = Arc::new(stage());
    let key = |id: &str| KeyUse { id: id.into(), day: Some(LIMIT), ..KeyUse::default() };
    let send = |id: &str| {
        let purpose = Purpose { key: Some(key(id)), ..Purpose::new(RequestKind::Gateway, "a") };
        let stage = Arc::clone(&stage);
        tokio::spawn(async move {
            let mut refused = 0;
            for _ in 0..40 {
                refused += usize::from(
                    all(stage.router.send(ask("x"), purpose.clone())).await.1.error.is_some(),
                );
            }
            refused
        })
    };
    let clients: Vec<_> = (0..64).map(|_| send("k1")).collect();
    let mut refused = 0;
    for client in clients {
        refused += client.await.unwrap();
    }
    assert!(refused > 0);
    let spent: i64 = stage.rows().iter().filter_map(|row| row.cost_nanousd).map(Money::nanos).sum();
    assert!(spent <= LIMIT.nanos(), "{spent}");
    let by_key = stage
        .ledger
        .totals(
            &RowFilter { key: Some("k1".into()), ..RowFilter::default() },
            distiq_router::GroupBy::Key,
            &TimeZone::UTC,
        )
        .unwrap();
    assert!(by_key[0].requests > 100, "{by_key:?}");
    // Another key has a budget of its own.
    assert_eq!(send("k2").await.unwrap(), 0);
}
