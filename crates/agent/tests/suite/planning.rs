//! Turns that are planned first: by whom, shown, approved by mode, told to who carries the plan out.

use std::sync::Arc;

use distiq_agent::{Chosen, Config, PlanConfig, Rung, Workbench, sessions};
use distiq_base::{Answer, Event, Message, Mode, Op, Plan as Planned, Record, Request, TurnStatus};
use distiq_router::{Candidate, RowFilter, Tier};

use crate::support::{Always, Plan, PlannedModel, World};

const PLAN: &str = r#"{"summary": "Mend a.txt", "files": ["a.txt"], "changes":
    [{"file": "a.txt", "what": "say 1", "reason": "it is shorter"}], "tests": ["none"], "complexity": "simple"}"#;
const CHEAP: &str = "claude-haiku-5-5";
const DEAR: &str = "claude-opus-5-5";

fn rung(model: &str, tier: Tier) -> Rung {
    let way = Candidate { tier: Some(tier), ..Candidate::new("anthropic", model) };
    Rung { way, max_output_tokens: 8_192 }
}

/// A session whose turns are planned by the dear model and carried out by the cheap one.
fn planned(config: &mut Config, answer: Answer) {
    config.model = CHEAP.into();
    config.chosen = Some(Chosen { tier: Tier::Budget, reasons: vec!["carries out".into()] });
    config.plan = Some(PlanConfig {
        given: None,
        planners: vec![rung("claude-sonnet-5-5", Tier::Balanced), rung(DEAR, Tier::Premium)],
        only: false,
        is_asked: true,
        reasons: vec!["asked for".into()],
        without: Some((rung(DEAR, Tier::Premium), vec!["it is complex".into()])),
        ask: Arc::new(Always(answer)),
    });
}

struct Played {
    world: World,
    records: Vec<Record>,
    requests: Vec<Request>,
}

/// Plays a turn; `plans` is what who plans says.
async fn play(plans: &[&str], adapt: impl FnOnce(&mut Config)) -> Played {
    play_for("mend it", plans, adapt).await
}

async fn play_for(words: &str, plans: &[&str], adapt: impl FnOnce(&mut Config)) -> Played {
    let world = World::new();
    let model = Arc::new(PlannedModel::default());
    model.summaries.lock().unwrap().extend(plans.iter().map(|text| Plan::says(text)));
    model
        .plans
        .lock()
        .unwrap()
        .extend([Plan::calls(&[("read", r#"{"path":"a.txt"}"#)]), Plan::says("Done.")]);
    let mut config = world.config(&model);
    planned(&mut config, Answer::Once);
    adapt(&mut config);
    let (bench, mut listener) = Workbench::start(config).unwrap();
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
    let requests = model.requests.lock().unwrap().clone();
    Played { world, records, requests }
}

impl Played {
    fn end(&self) -> (TurnStatus, String) {
        match &self.records.last().unwrap().event {
            Event::TurnFinished { status, text, .. } => (*status, text.clone()),
            other => panic!("{other:?}"),
        }
    }

    fn models(&self) -> Vec<&str> {
        self.requests.iter().map(|request| request.model.as_str()).collect()
    }

    fn plans(&self) -> Vec<Planned> {
        let of = |record: &Record| match &record.event {
            Event::Planned { plan, .. } => Some(plan.clone()),
            _ => None,
        };
        self.records.iter().filter_map(of).collect()
    }
}

#[tokio::test]
async fn a_plan_is_made_kept_and_told_behind_the_users_words() {
    let played = play(&[PLAN], |_| {}).await;
    assert_eq!(played.end(), (TurnStatus::Done, "Done.".to_owned()));
    assert_eq!(played.models(), ["claude-sonnet-5-5", CHEAP, CHEAP]);
    assert_eq!(played.plans(), [Planned::parse(PLAN).unwrap()]);
    // Who plans has a tiny prompt without tools.
    let [asked, first, second] = played.requests.as_slice() else { panic!() };
    assert!(asked.tools.is_empty() && asked.output.is_some() && asked.system[0].text.len() < 1_000);
    assert!(asked.messages[0].text().contains("mend it"));
    // The plan is in the turn's tail: the fixed beginning knows nothing of it, and later requests keep it.
    let tail = first.messages[1].content.last().unwrap();
    let tail = Message { role: distiq_base::Role::User, content: vec![tail.clone()] }.text();
    assert!(tail.starts_with("Plan") && tail.contains("1. a.txt: say 1 (it is shorter)"), "{tail}");
    assert!(!first.system.iter().any(|block| block.text.contains("Mend a.txt")));
    assert_eq!(second.messages[..first.messages.len()], first.messages);
    let id = match &played.records[0].event {
        Event::SessionStarted { session_id, .. } => session_id.clone(),
        other => panic!("{other:?}"),
    };
    let kept = sessions::records(&played.world.sessions(), &id).unwrap();
    assert_eq!(kept, played.records);
    let rows = played.world.ledger.requests(&RowFilter::default(), 10).unwrap();
    let kinds: Vec<&str> = rows.iter().rev().map(|row| row.kind.as_str()).collect();
    assert_eq!(kinds, ["plan", "execute", "execute"]);
}

#[tokio::test]
async fn an_unclear_plan_is_made_again_one_tier_up_and_then_done_without() {
    let played = play(&["First, I would look.", PLAN], |_| {}).await;
    assert_eq!(played.models(), ["claude-sonnet-5-5", DEAR, CHEAP, CHEAP]);
    assert_eq!(played.plans().len(), 1);
    let told = played.requests[1].messages[0].text();
    assert!(told.contains("no JSON object"), "{told}");

    let played =
        play(&["{\"summary\": \"cut", "{\"summary\": \"x\", \"changes\": []}"], |_| {}).await;
    assert_eq!(played.models(), ["claude-sonnet-5-5", DEAR, DEAR, DEAR]);
    assert_eq!((played.plans().len(), played.end().0), (0, TurnStatus::Done));
    let is_told = |record: &Record| match &record.event {
        Event::Notice { message } => message.contains("works without one"),
        _ => false,
    };
    assert!(played.records.iter().any(is_told));
}

#[tokio::test]
async fn a_plan_is_approved_in_a_mode_that_asks() {
    for (mode, answer, status) in [
        (Mode::Ask, Answer::Once, TurnStatus::Done),
        (Mode::Ask, Answer::No("not so".into()), TurnStatus::Denied),
        (Mode::Ask, Answer::Nobody, TurnStatus::Denied),
        (Mode::AutoEdit, Answer::Nobody, TurnStatus::Done),
        (Mode::ReadOnly, Answer::Nobody, TurnStatus::Done),
    ] {
        let told = format!("{mode:?} {answer:?}");
        let played = play(&[PLAN], |config| {
            planned(config, answer);
            config.mode = mode;
        })
        .await;
        assert_eq!(played.end().0, status, "{told}");
        let requests = if status == TurnStatus::Done { 3 } else { 1 };
        assert_eq!((played.requests.len(), played.plans().len()), (requests, 1), "{told}");
    }
}

#[tokio::test]
async fn a_plan_may_be_all_that_is_wanted_or_be_given() {
    let only = play(&[PLAN], |config| config.plan.as_mut().unwrap().only = true).await;
    assert_eq!((only.end().0, only.requests.len()), (TurnStatus::Done, 1));
    assert_eq!(Planned::parse(&only.end().1), Planned::parse(PLAN));
    let none = play(&["no", "no"], |config| config.plan.as_mut().unwrap().only = true).await;
    assert_eq!((none.end().0, none.requests.len()), (TurnStatus::Failed, 2));

    let given = play(&[], |config| {
        planned(config, Answer::Nobody);
        config.mode = Mode::Ask;
        config.plan.as_mut().unwrap().given = Some(Planned::parse(PLAN).unwrap());
    })
    .await;
    assert_eq!((given.end().0, given.models()), (TurnStatus::Done, vec![CHEAP, CHEAP]));
    assert!(given.requests[0].messages[1].text().contains("1. a.txt: say 1"));
}

#[tokio::test]
async fn what_is_known_already_is_not_planned_unless_the_user_asks_for_a_plan() {
    for is_asked in [false, true] {
        let played = play_for("show the TODOs", &[PLAN], |config| {
            std::fs::write(config.root.join("todo.py"), "# TODO: add the tax\n").unwrap();
            config.local_answers = true;
            config.plan.as_mut().unwrap().is_asked = is_asked;
        })
        .await;
        assert_eq!(played.end().1.contains("without a model"), !is_asked, "{}", played.end().1);
        assert_eq!(played.requests.is_empty(), !is_asked);
    }
}
