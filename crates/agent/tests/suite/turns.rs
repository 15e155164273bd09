//! Turns: order of calls, faults, limits, cancellation.

use std::sync::Arc;
use std::time::Duration;

use distiq_agent::{Config, TurnLimits, Workbench};
use distiq_base::{Answer, Content, Event, Message, Mode, Op, Record, Role, TurnStatus};
use distiq_llm::{ProviderError, ProviderErrorKind};

use crate::support::{Plan, PlannedModel, World, write};

/// Runs one turn over `plans` and returns its records.
async fn turn(world: &World, plans: Vec<Plan>, adapt: impl FnOnce(&mut Config)) -> Turn {
    turn_on(world, "do it", plans, adapt).await
}

async fn turn_on(
    world: &World,
    words: &str,
    plans: Vec<Plan>,
    adapt: impl FnOnce(&mut Config),
) -> Turn {
    let model = Arc::new(PlannedModel::default());
    model.plans.lock().unwrap().extend(plans);
    let mut config = world.config(&model);
    adapt(&mut config);
    let (bench, mut listener) = Workbench::start(config).unwrap();
    let id = bench.session_id().clone();
    bench.submit(Op::Turn(Message::user(words)));
    let mut records = Vec::new();
    while let Some(record) = listener.recv().await {
        let end = matches!(record.event, Event::TurnFinished { .. });
        records.push(record);
        if end {
            break;
        }
    }
    bench.finish().await.unwrap();
    assert_eq!(crate::log_of(&world.sessions(), &id), records, "shown and logged differ");
    Turn { records, model }
}

struct Turn {
    records: Vec<Record>,
    model: Arc<PlannedModel>,
}

impl Turn {
    fn status(&self) -> TurnStatus {
        match &self.records.last().unwrap().event {
            Event::TurnFinished { status, .. } => *status,
            other => panic!("{other:?}"),
        }
    }

    fn error(&self) -> String {
        match &self.records.last().unwrap().event {
            Event::TurnFinished { error, .. } => error.clone().unwrap().message,
            other => panic!("{other:?}"),
        }
    }

    /// The results of tools as (text, failed), in the history's order.
    fn results(&self) -> Vec<(String, bool)> {
        let mut results = Vec::new();
        for message in self.messages() {
            for content in message.content {
                if let Content::ToolResult { content, is_error, .. } = content {
                    results.push((Message { role: Role::User, content }.text(), is_error));
                }
            }
        }
        results
    }

    fn messages(&self) -> Vec<Message> {
        self.records
            .iter()
            .filter_map(|r| match &r.event {
                Event::Message { message } => Some(message.clone()),
                _ => None,
            })
            .collect()
    }

    fn requests(&self) -> usize {
        self.model.requests.lock().unwrap().len()
    }
}

fn broken() -> ProviderError {
    ProviderError::new(ProviderErrorKind::Truncated, "the stream ended early")
}

#[tokio::test]
async fn calls_run_in_order_and_a_failed_edit_stops_the_later_ones() {
    let world = World::new();
    let turn = turn(
        &world,
        vec![
            Plan::calls(&[
                ("write", r#"{"path":"b.txt","content":"b\n"}"#),
                ("shell", r#"{"command":"cat b.txt"}"#),
                ("edit", r#"{"path":"a.txt","search":"no such text","replace":"x"}"#),
                ("shell", r#"{"command":"echo ran > ran.txt"}"#),
            ]),
            Plan::says("done"),
        ],
        |_| {},
    )
    .await;
    let results = turn.results();
    assert_eq!(turn.status(), TurnStatus::Done);
    assert!(results[1].0.contains('b') && !results[1].1, "{results:?}");
    assert!(results[2].1);
    assert_eq!(results[3], ("Not run: an earlier edit in this answer failed.".to_owned(), true));
    assert!(!world.project().join("ran.txt").exists());
    let Event::TurnFinished { files_changed, .. } = &turn.records.last().unwrap().event else {
        panic!("no end")
    };
    assert_eq!(files_changed, &["b.txt"]);
}

#[tokio::test]
async fn files_that_commands_change_are_told() {
    let world = World::new();
    let plans =
        vec![Plan::calls(&[("shell", r#"{"command":"sed -i s/one/1/ a.txt"}"#)]), Plan::says("ok")];
    let turn = turn(&world, plans, |_| {}).await;
    let Event::TurnFinished { files_changed, .. } = &turn.records.last().unwrap().event else {
        panic!("no end")
    };
    assert_eq!(files_changed, &["a.txt"]);
}

#[tokio::test]
async fn a_broken_stream_is_asked_again_and_leaves_nothing_half() {
    let world = World::new();
    let cut = Plan { breaks: Some(broken()), ..Plan::says("half of an ans") };
    let turn = turn(&world, vec![cut, Plan::says("whole")], |_| {}).await;
    assert_eq!(turn.status(), TurnStatus::Done);
    let texts: Vec<String> = turn.messages().iter().map(Message::text).collect();
    assert!(texts.iter().all(|t| !t.contains("half")), "{texts:?}");
    assert!(turn.records.iter().any(|r| matches!(&r.event, Event::Notice { .. })));
    assert_eq!(turn.requests(), 2);
}

#[tokio::test]
async fn a_stream_that_keeps_breaking_fails_the_turn() {
    let world = World::new();
    let cut = || Plan { breaks: Some(broken()), ..Plan::says("half") };
    let turn = turn(&world, vec![cut(), cut(), cut(), cut()], |_| {}).await;
    assert_eq!(turn.status(), TurnStatus::Failed);
    assert_eq!(turn.requests(), 3);
}

#[tokio::test]
async fn arguments_that_are_no_json_come_back_as_an_error() {
    let world = World::new();
    let plans = vec![Plan::calls(&[("read", r#"{"path":"a.t"#)]), Plan::says("ok")];
    let turn = turn(&world, plans, |_| {}).await;
    let (text, failed) = &turn.results()[0];
    assert!(*failed && text.contains("not valid JSON"), "{text}");
}

#[tokio::test]
async fn a_result_of_blanks_alone_is_told_in_words() {
    let world = World::new();
    crate::support::write(&world.project(), "blank.txt", "a\n\n\nb\n");
    let read = Plan::calls(&[("read", r#"{"path":"blank.txt","lines":"2-3"}"#)]);
    let turn = turn(&world, vec![read, Plan::says("ok")], |_| {}).await;
    let (text, failed) = &turn.results()[0];
    assert!(!failed && !text.trim().is_empty(), "{text:?}");
}

#[tokio::test]
async fn limits_end_a_turn_with_a_valid_history() {
    let world = World::new();
    let read = || Plan::calls(&[("read", r#"{"path":"a.txt"}"#)]);
    let turn = turn(&world, vec![read(), read(), read()], |config| {
        config.limits = TurnLimits { max_requests: 2, ..TurnLimits::default() };
    })
    .await;
    assert_eq!(turn.status(), TurnStatus::Limit);
    assert_eq!(turn.requests(), 2);
    assert_eq!(turn.messages().last().unwrap().role, Role::User);
}

#[tokio::test]
async fn the_time_limit_ends_a_stalled_answer() {
    let world = World::new();
    let stall = Plan { stalls: true, ..Plan::says("thinking…") };
    let turn = turn(&world, vec![stall], |config| {
        config.limits =
            TurnLimits { max_time: Some(Duration::from_millis(50)), ..TurnLimits::default() };
    })
    .await;
    assert_eq!(turn.status(), TurnStatus::Limit);
    assert_eq!(turn.messages().last().unwrap().text(), "thinking…");
}

#[tokio::test]
async fn nobody_to_ask_ends_the_turn_as_denied() {
    let world = World::new();
    let plans = vec![
        Plan::calls(&[("shell", r#"{"command":"touch x.txt"}"#), ("read", r#"{"path":"a.txt"}"#)]),
        Plan::says("never asked for"),
    ];
    let turn = turn(&world, plans, |config| {
        config.toolbox = world.toolbox(Mode::Ask, Answer::Nobody);
        config.mode = Mode::Ask;
    })
    .await;
    assert_eq!(turn.status(), TurnStatus::Denied);
    assert_eq!(turn.results().len(), 2, "every call has a result");
    assert!(!world.project().join("x.txt").exists());
    assert_eq!(turn.requests(), 1);
}

#[tokio::test]
async fn history_is_rewritten_unasked_only_for_who_typed_it() {
    let plans = || {
        vec![Plan::calls(&[("shell", r#"{"command":"git tag -d old"}"#)]), Plan::says("so be it")]
    };
    for (words, status) in [
        ("tidy up the tags", TurnStatus::Denied),
        ("never git tag -d anything", TurnStatus::Denied),
        ("please `git tag  -d old`", TurnStatus::Done),
    ] {
        let world = World::new();
        let turn = turn_on(&world, words, plans(), |_| {}).await;
        assert_eq!(turn.status(), status, "{words}");
    }
}

#[tokio::test]
async fn a_user_who_says_no_is_heard_by_the_model() {
    let world = World::new();
    let plans =
        vec![Plan::calls(&[("shell", r#"{"command":"touch x.txt"}"#)]), Plan::says("then not")];
    let turn = turn(&world, plans, |config| {
        config.toolbox = world.toolbox(Mode::Ask, Answer::No("use y.txt".into()));
    })
    .await;
    assert_eq!(turn.status(), TurnStatus::Done);
    assert!(turn.results()[0].0.contains("use y.txt"), "{:?}", turn.results());
}

#[tokio::test]
async fn going_in_circles_is_told_and_then_ended() {
    let world = World::new();
    write(&world.project(), "t.sh", "exit 3\n");
    let again = || Plan::calls(&[("shell", r#"{"command":"sh t.sh"}"#)]);
    let turn = turn(&world, (0..20).map(|_| again()).collect(), |_| {}).await;
    assert_eq!(turn.status(), TurnStatus::Failed);
    assert_eq!(turn.requests(), 6);
    assert!(turn.results()[2].0.contains("Try something else"));
    assert!(turn.error().contains("shell"), "{}", turn.error());
}

#[tokio::test]
async fn steering_reaches_the_model_before_its_next_request() {
    let world = World::new();
    let model = Arc::new(PlannedModel::default());
    model
        .plans
        .lock()
        .unwrap()
        .extend([Plan::calls(&[("read", r#"{"path":"a.txt"}"#)]), Plan::says("as you like")]);
    let (bench, mut listener) = Workbench::start(world.config(&model)).unwrap();
    bench.submit(Op::Turn(Message::user("go")));
    while let Some(record) = listener.recv().await {
        match record.event {
            Event::ToolStarted { .. } => bench.submit(Op::Steer("only line two".into())),
            Event::TurnFinished { .. } => break,
            _ => {}
        }
    }
    bench.finish().await.unwrap();
    let requests = model.requests.lock().unwrap();
    assert_eq!(requests[1].messages.last().unwrap().text(), "only line two");
}

#[tokio::test]
async fn a_command_is_cancelled_with_its_children() {
    let world = World::new();
    let model = Arc::new(PlannedModel::default());
    let sleep =
        Plan::calls(&[("shell", r#"{"command":"sleep 300"}"#), ("read", r#"{"path":"a.txt"}"#)]);
    model.plans.lock().unwrap().push_back(sleep);
    let (bench, mut listener) = Workbench::start(world.config(&model)).unwrap();
    bench.submit(Op::Turn(Message::user("go")));
    let mut last = None;
    while let Some(record) = listener.recv().await {
        match &record.event {
            Event::ToolStarted { .. } => bench.submit(Op::Cancel),
            Event::Message { message } => last = Some(message.clone()),
            Event::TurnFinished { status, .. } => {
                assert_eq!(*status, TurnStatus::Cancelled);
                break;
            }
            _ => {}
        }
    }
    bench.finish().await.unwrap();
    assert_eq!(last.unwrap().content.len(), 2, "both calls have a result");
}

#[tokio::test]
async fn a_silent_command_is_told_of_again_and_again() {
    let world = World::new();
    let model = Arc::new(PlannedModel::default());
    let wait = r#"{"command":"until [ -e go ]; do sleep 0.01; done; echo gone"}"#;
    model.plans.lock().unwrap().push_back(Plan::calls(&[("shell", wait)]));
    let mut config = world.config(&model);
    assert_eq!(config.limits.heartbeat, Duration::from_secs(10));
    config.limits.heartbeat = Duration::from_millis(20);
    let (bench, mut listener) = Workbench::start(config).unwrap();
    bench.submit(Op::Turn(Message::user("go")));
    let (mut beats, mut running) = (Vec::new(), false);
    while let Some(record) = listener.recv().await {
        match &record.event {
            Event::ToolStarted { .. } => running = true,
            Event::Heartbeat { elapsed_ms, waiting_for } if running => {
                assert_eq!(waiting_for, "shell");
                beats.push(*elapsed_ms);
                if beats.len() == 3 {
                    write(&world.project(), "go", "");
                }
            }
            Event::TurnFinished { status, .. } => {
                assert_eq!(*status, TurnStatus::Done);
                break;
            }
            _ => {}
        }
    }
    bench.finish().await.unwrap();
    assert!(beats.len() >= 3 && beats.is_sorted(), "{beats:?}");
}

#[tokio::test]
async fn an_answer_of_another_shape_is_asked_for_again() {
    let world = World::new();
    let check = |config: &mut Config| {
        config.check_answer = Some(Box::new(|text| match text.trim() {
            "{}" => Ok(()),
            _ => Err("not an empty object".into()),
        }));
    };
    let right = turn(&world, vec![Plan::says("Sure: {}"), Plan::says("{}")], check).await;
    assert_eq!((right.status(), right.requests()), (TurnStatus::Done, 2));
    let wrong = turn(&world, (0..9).map(|_| Plan::says("no")).collect(), check).await;
    assert_eq!((wrong.status(), wrong.requests()), (TurnStatus::Failed, 3));
    assert!(wrong.error().contains("not an empty object"), "{}", wrong.error());
}

#[tokio::test]
async fn a_search_only_names_what_the_first_message_shows() {
    let world = World::new();
    let code =
        "def first(a):\n    b = a + 1\n    c = b + 1\n    d = c + 1\n    e = d + 1\n    return e\n";
    write(&world.project(), "a.py", code);
    let search = || Plan::calls(&[("search", r#"{"pattern":"d = c"}"#)]);
    let turn = turn(&world, vec![search(), search(), Plan::says("done")], |_| {}).await;
    let opening = turn.messages()[0].text();
    assert!(opening.contains("a.py:\n```\ndef first(a):"), "{opening}");
    let [first, again] = &turn.results()[..] else { panic!("{:?}", turn.results()) };
    assert_eq!(first.0, "a.py:1-6, as shown above\n4: d = c + 1");
    // Who looks for it once more has lost it.
    assert!(again.0.contains("    return e"), "{again:?}");
}

#[tokio::test]
async fn a_search_of_the_index_only_names_what_stands_above_too() {
    let world = World::new();
    let code =
        "def first(a):\n    b = a + 1\n    c = b + 1\n    d = c + 1\n    e = d + 1\n    return e\n";
    write(&world.project(), "a.py", code);
    let search = |view: &str| {
        let input = format!(r#"{{"pattern":"first","in":"{view}"}}"#);
        Plan::calls(&[("search", input.as_str())])
    };
    let plans = [search("symbol"), search("meaning"), search("symbol"), Plan::says("done")];
    let turn = turn(&world, plans.into(), |_| {}).await;
    let opening = turn.messages()[0].text();
    assert!(opening.contains("a.py:\n```\ndef first(a):"), "{opening}");
    let results: Vec<String> = turn.results().into_iter().map(|result| result.0).collect();
    assert_eq!(results[0].trim_end(), "a.py:1-6, as shown above");
    // Who looks for it once more has lost it.
    assert!(results[1].starts_with(&format!("a.py:1-6\n{code}")), "{results:?}");
    assert_eq!(results[2].trim_end(), "a.py:1-6, as shown above");
}
