//! Questions that are answered without a model.

use std::sync::Arc;

use distiq_agent::{ProjectCode, Workbench};
use distiq_base::{Event, Message, Op, TurnStatus};
use distiq_router::{GroupBy, RowFilter};

use crate::support::{Plan, PlannedModel, World, write};

/// Asks in one session; returns the last words and how many requests the model got.
async fn ask(world: &World, words: &[&str]) -> (String, usize) {
    let model = Arc::new(PlannedModel::default());
    model.plans.lock().unwrap().extend(words.iter().map(|_| Plan::says("the model answers")));
    let mut config = world.config(&model);
    config.local_answers = true;
    config.code = Some(Arc::new(ProjectCode::new(&world.project(), &world.home().cache)));
    let (bench, mut records) = Workbench::start(config).unwrap();
    let mut last = String::new();
    for words in words {
        bench.submit(Op::Turn(Message::user(*words)));
        while let Some(record) = records.recv().await {
            if let Event::TurnFinished { text, status, .. } = record.event {
                assert_eq!(status, TurnStatus::Done);
                last = text;
                break;
            }
        }
    }
    bench.finish().await.unwrap();
    let asked = model.requests.lock().unwrap().len();
    (last, asked)
}

fn world() -> World {
    let world = World::new();
    write(
        &world.project(),
        "cart.py",
        "class Cart:\n    def total(self):\n        return 0  # TODO: sum up\n",
    );
    write(
        &world.project(),
        "shop.py",
        "from cart import Cart\n\ndef pay(cart):\n    return cart.total()\n",
    );
    world
}

#[tokio::test]
async fn places_go_along_with_what_means_the_project_alone() {
    let world = world();
    // What a turn tells of itself is none of the user's words.
    std::fs::create_dir_all(world.project().join(".git")).unwrap();
    write(&world.project(), ".git/HEAD", "ref: refs/heads/cart/total-of-the-cart\n");
    distiq_index::Index::open(&world.project(), &world.home().cache).unwrap();
    for (words, is_meant) in [("hello", false), ("how does the total of a cart work", true)] {
        let model = Arc::new(PlannedModel::default());
        model.plans.lock().unwrap().push_back(Plan::says("done"));
        let mut config = world.config(&model);
        config.code = Some(Arc::new(ProjectCode::new(&world.project(), &world.home().cache)));
        let (bench, mut records) = Workbench::start(config).unwrap();
        bench.submit(Op::Turn(Message::user(words)));
        while let Some(record) = records.recv().await {
            if matches!(record.event, Event::TurnFinished { .. }) {
                break;
            }
        }
        bench.finish().await.unwrap();
        let opening = model.requests.lock().unwrap()[0].messages[0].text();
        assert!(opening.contains("git branch cart/total"), "{opening}");
        assert_eq!(opening.contains("Places it may be about"), is_meant, "{opening}");
    }
}

#[tokio::test]
async fn what_the_index_knows_costs_nothing() {
    let world = world();
    for (question, expected) in [
        ("Where is `Cart` defined?", "cart.py:1"),
        ("где используется метод Cart.total?", "shop.py\n4: return cart.total()"),
        ("what does cart.py define?", "1: class Cart"),
        ("find files named *.py", "shop.py"),
        ("show all TODOs", "cart.py"),
    ] {
        let (answer, asked) = ask(&world, &[question]).await;
        assert!(answer.contains(expected), "{question}: {answer}");
        assert!(answer.contains("without a model"), "{answer}");
        assert_eq!(asked, 0, "{question}");
    }
    let zone = jiff::tz::TimeZone::UTC;
    let total = &world.ledger.totals(&RowFilter::default(), GroupBy::All, &zone).unwrap()[0];
    assert_eq!((total.requests, total.cost_nanousd.nanos()), (5, 0));
    assert!(total.saved.zero_token_nanousd.nanos() > 0);
    assert_eq!(total.saved.zero_token_nanousd, total.saved.baseline_premium_nanousd);
}

#[tokio::test]
async fn what_is_not_found_goes_to_a_model_that_hears_what_was_answered() {
    let world = world();
    let (answer, asked) = ask(&world, &["where is `Basket` defined?"]).await;
    assert_eq!((answer.as_str(), asked), ("the model answers", 1));
    let (_, asked) = ask(&world, &["where is `Cart` defined?", "And why there?"]).await;
    assert_eq!(asked, 1);
}
