//! Stronger models that go on: when, from which state, told what, and when not.

use std::sync::Arc;

use distiq_agent::{Chosen, Config, EscalationConfig, Rung, Workbench, history, sessions};
use distiq_base::{Answer, Content, Event, Message, Mode, Money, Op, Record, Request, TurnStatus};
use distiq_llm::{ProviderError, ProviderErrorKind};
use distiq_router::{Candidate, GroupBy, Limits, RowFilter, Tier};

use crate::support::{Plan, PlannedModel, World, write};

const CHEAP: &str = "claude-haiku-5-5";
const MIDDLE: &str = "claude-sonnet-5-5";
const DEAR: &str = "claude-opus-5-5";

fn rung(model: &str, tier: Tier) -> Rung {
    let way = Candidate { tier: Some(tier), ..Candidate::new("anthropic", model) };
    Rung { way, max_output_tokens: 8_192 }
}

/// A session under a policy that chose the cheap model, with two above it.
fn under_policy(config: &mut Config) {
    config.model = CHEAP.into();
    config.chosen = Some(Chosen { tier: Tier::Budget, reasons: vec!["it is simple".into()] });
    config.escalation = Some(EscalationConfig {
        threshold: 0.85,
        corrections: true,
        ladder: vec![rung(MIDDLE, Tier::Balanced), rung(DEAR, Tier::Premium)],
        self_check: None,
    });
}

struct Played {
    world: World,
    model: Arc<PlannedModel>,
    records: Vec<Record>,
}

/// What a test changes.
type Adapt = fn(&World, &Arc<PlannedModel>, &mut Config);

async fn play(plans: Vec<Plan>, adapt: Adapt) -> Played {
    play_on(World::new(), "fix it", plans, adapt).await
}

async fn play_on(world: World, words: &str, plans: Vec<Plan>, adapt: Adapt) -> Played {
    let model = Arc::new(PlannedModel::default());
    model.plans.lock().unwrap().extend(plans);
    let mut config = world.config(&model);
    under_policy(&mut config);
    adapt(&world, &model, &mut config);
    let (bench, mut listener) = Workbench::start(config).unwrap();
    bench.submit(Op::Turn(Message::user(words)));
    let records = follow(bench, &mut listener).await;
    Played { world, model, records }
}

async fn follow(
    bench: Workbench,
    listener: &mut tokio::sync::mpsc::Receiver<Record>,
) -> Vec<Record> {
    let mut records = Vec::new();
    while let Some(record) = listener.recv().await {
        let end = matches!(record.event, Event::TurnFinished { .. });
        records.push(record);
        if end {
            break;
        }
    }
    bench.finish().await.unwrap();
    records
}

impl Played {
    fn requests(&self) -> Vec<Request> {
        self.model.requests.lock().unwrap().clone()
    }

    fn models(&self) -> Vec<String> {
        self.requests().into_iter().map(|request| request.model).collect()
    }

    fn end(&self) -> (TurnStatus, String) {
        match &self.records.last().unwrap().event {
            Event::TurnFinished { status, text, .. } => (*status, text.clone()),
            other => panic!("{other:?}"),
        }
    }

    /// The escalations: to whom, and why.
    fn escalated(&self) -> Vec<(String, Vec<String>)> {
        let of = |record: &Record| match &record.event {
            Event::Escalated { model, reasons, .. } => Some((model.clone(), reasons.clone())),
            _ => None,
        };
        self.records.iter().filter_map(of).collect()
    }

    fn session(&self) -> distiq_base::SessionId {
        match &self.records.first().unwrap().event {
            Event::SessionStarted { session_id, .. } => session_id.clone(),
            other => panic!("{other:?}"),
        }
    }
}

fn shell(command: &str) -> Plan {
    let arguments = serde_json::json!({ "command": command }).to_string();
    Plan::calls(&[("shell", &arguments)])
}

fn edit() -> Plan {
    Plan::calls(&[("edit", r#"{"path":"a.txt","search":"one","replace":"1"}"#)])
}

fn thinks(plan: Plan) -> Plan {
    Plan { thinking: Some("hm".into()), ..plan }
}

fn is_thinking(content: &Content) -> bool {
    matches!(content, Content::Thinking { .. })
}

#[tokio::test]
async fn the_next_tier_goes_on_from_the_same_state_and_is_told_what_failed() {
    let world = World::new();
    write(&world.project(), "check.sh", "grep -q TWO a.txt\n");
    let plans = vec![
        thinks(edit()),
        thinks(shell("sh check.sh")),
        thinks(Plan::says("All tests pass!")),
        thinks(Plan::calls(&[("edit", r#"{"path":"a.txt","search":"two","replace":"TWO"}"#)])),
        shell("sh check.sh"),
        Plan::says("Mended."),
    ];
    let played = play_on(world, "fix it", plans, |_, _, _| {}).await;
    assert_eq!(played.end(), (TurnStatus::Done, "Mended.".to_owned()));
    assert_eq!(played.models(), [CHEAP, CHEAP, CHEAP, MIDDLE, MIDDLE, MIDDLE]);
    let escalated = played.escalated();
    assert_eq!(escalated.len(), 1);
    assert_eq!(escalated[0].0, MIDDLE);
    assert_eq!(escalated[0].1[0], "`sh check.sh` ended with exit 1");

    let requests = played.requests();
    // Tools and system prompt stay, the words of the conversation too, and the note stands behind them.
    let (before, after) = (&requests[2], &requests[3]);
    assert_eq!((&before.system, &before.tools), (&after.system, &after.tools));
    let note = after.messages.last().unwrap().text();
    assert!(note.contains("`sh check.sh` ended with exit 1"), "{note}");
    assert!(!after.messages.iter().flat_map(|m| &m.content).any(is_thinking), "{after:?}");
    let plain = |messages: &[Message]| -> Vec<Content> {
        let contents = messages.iter().flat_map(|m| m.content.clone());
        contents.filter(|content| !is_thinking(content)).collect()
    };
    let plain_before = plain(&before.messages);
    assert_eq!(plain(&after.messages)[..plain_before.len()], plain_before);
    // The new model's own thinking stays, and its prefix is never changed.
    for pair in requests[3..].windows(2) {
        assert_eq!(pair[1].messages[..pair[0].messages.len()], pair[0].messages);
    }
    assert!(requests[5].messages.iter().flat_map(|m| &m.content).any(is_thinking));

    let rates = played.world.ledger.escalations(&RowFilter::default()).unwrap();
    assert_eq!((rates.answers, rates.escalated, rates.rate), (2, 1, Some(0.5)));
    assert_eq!(rates.models[0].tier, "budget");
    assert_eq!(rates.reasons[0].name, "failed");
    // What the stronger one does is the price of having asked the cheaper first: it is no saving.
    let zone = jiff::tz::TimeZone::UTC;
    let totals = played.world.ledger.totals(&RowFilter::default(), GroupBy::Model, &zone).unwrap();
    let of = |model: &str| totals.iter().find(|total| total.name.ends_with(model)).unwrap();
    assert_eq!(of(MIDDLE).saved.route_nanousd, Money::ZERO.minus(of(MIDDLE).cost_nanousd));
    assert_eq!(of(MIDDLE).saved.baseline_premium_nanousd, Money::ZERO);
    assert!(of(CHEAP).saved.baseline_premium_nanousd > Money::ZERO);
    let rows = played.world.ledger.requests(&RowFilter::default(), 10).unwrap();
    assert_eq!(rows[0].tier.as_deref(), Some("balanced"));
    assert!(
        rows[0].reasons[0].starts_with("went on from anthropic/claude-haiku-5-5: 0."),
        "{rows:?}"
    );
}

#[tokio::test]
async fn a_session_that_was_escalated_goes_on_with_the_same_bytes() {
    let plans = vec![
        thinks(shell("true")),
        thinks(Plan::says("I could not do it.")),
        thinks(Plan::says("Done.")),
        Plan::says("Thanks."),
    ];
    let played = play(plans, |_, _, _| {}).await;
    assert_eq!(played.models(), [CHEAP, CHEAP, MIDDLE]);
    let id = played.session();
    let history = history::read(&sessions::path_of(&played.world.sessions(), &id)).unwrap();
    assert_eq!(history.model.as_deref(), Some(MIDDLE));
    let summary = sessions::summary(&played.world.sessions(), &id).unwrap();
    assert_eq!(summary.model.as_deref(), Some(MIDDLE));
    let last = played.requests().pop().unwrap();

    for is_fork in [false, true] {
        played.model.plans.lock().unwrap().push_back(Plan::says("Yes."));
        let mut config = played.world.config(&played.model);
        config.model = MIDDLE.into();
        let opened = match is_fork {
            true => Workbench::fork(config, &id),
            false => Workbench::resume(config, id.clone()),
        };
        let (bench, mut listener) = opened.unwrap();
        bench.submit(Op::Turn(Message::user("go on")));
        follow(bench, &mut listener).await;
        let resumed = played.requests().pop().unwrap();
        let sent = last.messages.len();
        assert_eq!(resumed.messages[..sent], last.messages, "fork: {is_fork}");
        // What the model in use thought itself stays.
        assert!(resumed.messages[sent].content.iter().any(is_thinking));
    }
}

#[tokio::test]
async fn each_tier_is_asked_once_and_then_it_ends() {
    let unsure = || Plan::says("I was unable to do it.");
    let played = play(vec![unsure(), unsure(), unsure(), unsure()], |_, _, _| {}).await;
    assert_eq!(played.models(), [CHEAP, MIDDLE, DEAR]);
    assert_eq!(played.end(), (TurnStatus::Done, "I was unable to do it.".to_owned()));
}

#[tokio::test]
async fn an_end_without_an_answer_is_gone_on_from() {
    let plans = vec![Plan::says(""), Plan::says(""), Plan::says(""), Plan::says("Done.")];
    let played = play(plans, |_, _, _| {}).await;
    assert_eq!(played.models(), [CHEAP, CHEAP, CHEAP, MIDDLE]);
    assert_eq!(played.end(), (TurnStatus::Done, "Done.".to_owned()));

    let circles = (0..6).map(|_| shell("sh -c 'exit 3'")).chain([Plan::says("Done.")]);
    let played = play(circles.collect(), |_, _, _| {}).await;
    assert_eq!(played.models().last().map(String::as_str), Some(MIDDLE));
    assert_eq!(played.end().0, TurnStatus::Done);
}

#[tokio::test]
async fn nobody_goes_on_where_that_is_not_wanted() {
    let unsure = || Plan::says("I was unable to do it.");
    // A model that is named, or a setting.
    let named = play(vec![unsure(), unsure()], |_, _, config| config.escalation = None).await;
    assert_eq!((named.models().len(), named.end().0), (1, TurnStatus::Done));
    assert!(!named.records.iter().any(|r| matches!(r.event, Event::Judged { .. })));
    // A lower bar.
    let lower = play(vec![unsure(), unsure()], |_, _, config| {
        config.escalation.as_mut().unwrap().threshold = 0.2;
    })
    .await;
    assert_eq!(lower.models().len(), 1);
    assert!(lower.records.iter().any(|r| matches!(r.event, Event::Judged { .. })));
    // The limit of requests.
    let limited =
        play(vec![unsure(), unsure()], |_, _, config| config.limits.max_requests = 1).await;
    assert_eq!((limited.models().len(), limited.end().0), (1, TurnStatus::Done));
    // Nobody may be asked: the turn ends as before.
    let denied = play(vec![shell("touch x"), unsure()], |world, _, config| {
        config.toolbox = world.toolbox(Mode::Ask, Answer::Nobody);
    })
    .await;
    assert_eq!((denied.models().len(), denied.end().0), (1, TurnStatus::Denied));
    // A provider that fails is for fall-backs.
    let error = ProviderError::new(ProviderErrorKind::InvalidRequest, "no");
    let failed = Plan { fails: Some(error), ..Plan::default() };
    let failed = play(vec![failed, unsure()], |_, _, _| {}).await;
    assert_eq!((failed.models().len(), failed.end().0), (1, TurnStatus::Failed));
}

#[tokio::test]
async fn an_answer_stands_where_nobody_can_go_on() {
    // The dear model costs too much for the limit.
    let played = play(vec![Plan::says("I was unable to do it.")], |world, model, config| {
        let limits = Limits { run: Some(Money::from_nanos(9_000_000)), ..Limits::default() };
        config.router = world.router(model, limits);
        config.escalation.as_mut().unwrap().ladder.remove(0);
    })
    .await;
    assert_eq!(played.end(), (TurnStatus::Done, "I was unable to do it.".to_owned()));
    assert_eq!(played.models(), [CHEAP]);
    let is_told = |record: &Record| match &record.event {
        Event::Notice { message } => message.contains("the answer before stands"),
        _ => false,
    };
    assert!(played.records.iter().any(is_told), "{:?}", played.records);

    // Its provider refuses.
    let error = ProviderError::new(ProviderErrorKind::Auth, "no key");
    let refused = Plan { fails: Some(error), ..Plan::default() };
    let played = play(vec![Plan::says("I was unable to do it."), refused], |_, _, _| {}).await;
    assert_eq!(played.end(), (TurnStatus::Done, "I was unable to do it.".to_owned()));
    let id = played.session();
    let history = history::read(&sessions::path_of(&played.world.sessions(), &id)).unwrap();
    assert_eq!(history.model.as_deref(), Some(CHEAP), "who never answered has not taken over");
}

#[tokio::test]
async fn a_cheap_model_may_be_asked_about_the_answer() {
    for (says, models) in [("20", 2), ("I would say 97.", 1), ("no idea", 1), ("", 1)] {
        let model = Arc::new(PlannedModel::default());
        let world = World::new();
        model.plans.lock().unwrap().extend([Plan::says("It is A."), Plan::says("It is B.")]);
        model.summaries.lock().unwrap().extend([says, "99"].map(Plan::says));
        let mut config = world.config(&model);
        under_policy(&mut config);
        let escalation = config.escalation.as_mut().unwrap();
        escalation.self_check = Some(Candidate::new("anthropic", CHEAP));
        let (bench, mut listener) = Workbench::start(config).unwrap();
        bench.submit(Op::Turn(Message::user("what is it?")));
        follow(bench, &mut listener).await;
        let requests = model.requests.lock().unwrap();
        let asked = |request: &&Request| !request.tools.is_empty();
        assert_eq!(requests.iter().filter(asked).count(), models, "{says}");
        let check = requests.iter().find(|request| request.tools.is_empty()).unwrap();
        let told = check.messages[0].text();
        assert!(told.contains("what is it?") && told.contains("It is A."), "{told}");
    }
}

const CORRECTION: &str = r#"{"summary":"the word is written small","files":[],"changes":[{"file":"a.txt",
    "what":"write TWO in capitals","reason":"check.sh looks for them"}],"tests":["sh check.sh"],"complexity":"simple"}"#;

/// A turn with a long conversation, so that to hand it over costs more than to ask what is to be done.
async fn play_long(answer: &str, then: Vec<Plan>, adapt: Adapt) -> Played {
    let world = World::new();
    write(&world.project(), "check.sh", "grep -q TWO a.txt\n");
    let words = format!("fix it\n{}", "the log says nothing of it\n".repeat(3_000));
    let model = Arc::new(PlannedModel::default());
    let first = [edit(), shell("sh check.sh"), Plan::says("All tests pass!")];
    model.plans.lock().unwrap().extend(first.into_iter().chain(then));
    model.summaries.lock().unwrap().push_back(Plan::says(answer));
    let mut config = world.config(&model);
    under_policy(&mut config);
    adapt(&world, &model, &mut config);
    let (bench, mut listener) = Workbench::start(config).unwrap();
    bench.submit(Op::Turn(Message::user(words.as_str())));
    let records = follow(bench, &mut listener).await;
    Played { world, model, records }
}

fn capitals() -> Plan {
    Plan::calls(&[("edit", r#"{"path":"a.txt","search":"two","replace":"TWO"}"#)])
}

#[tokio::test]
async fn who_failed_is_told_what_to_do_where_that_costs_less() {
    let then = vec![capitals(), shell("sh check.sh"), Plan::says("Mended.")];
    let played = play_long(CORRECTION, then, |_, _, _| {}).await;
    assert_eq!(played.end(), (TurnStatus::Done, "Mended.".to_owned()));
    assert_eq!(played.models(), [CHEAP, CHEAP, CHEAP, MIDDLE, CHEAP, CHEAP, CHEAP]);
    assert!(played.escalated().is_empty());
    let of = |record: &Record| match &record.event {
        Event::Corrected { from_model, model, plan, reasons, .. } => {
            Some((from_model.clone(), model.clone(), plan.clone(), reasons.clone()))
        }
        _ => None,
    };
    let told: Vec<_> = played.records.iter().filter_map(of).collect();
    let [(from, by, plan, reasons)] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!((from.as_str(), by.as_str()), (CHEAP, MIDDLE));
    assert_eq!(plan.changes[0].what, "write TWO in capitals");
    assert_eq!(reasons[0], "`sh check.sh` ended with exit 1");

    // It is shown what was asked, done, changed and run, in short, and has no tools.
    let requests = played.requests();
    let asked = requests[3].messages[0].text();
    for part in ["fix it", "a.txt", "\"replace\":\"1\"", "sh check.sh", "exit 1", "All tests pass!"]
    {
        assert!(asked.contains(part), "{part}: {asked}");
    }
    assert!(requests[3].tools.is_empty() && asked.len() < 20_000, "{}", asked.len());
    // Who goes on reads its own conversation from the cache, and what it is told stands behind it.
    let (before, after) = (&requests[2].messages, &requests[4].messages);
    assert_eq!(after[..before.len()], before[..]);
    assert!(after.last().unwrap().text().contains("write TWO in capitals"));

    let rates = played.world.ledger.escalations(&RowFilter::default()).unwrap();
    assert_eq!((rates.answers, rates.escalated, rates.corrected), (2, 0, 1));
    let rows = played.world.ledger.requests(&RowFilter::default(), 10).unwrap();
    let row = rows.iter().find(|row| row.model == MIDDLE).unwrap();
    assert_eq!(row.reasons, ["says what anthropic/claude-haiku-5-5 is to do"]);
}

#[tokio::test]
async fn the_next_tier_goes_on_where_being_told_does_not_help_or_is_not_wanted() {
    let mends = || vec![capitals(), shell("sh check.sh"), Plan::says("Mended.")];
    // It fails again.
    let then = [vec![shell("sh check.sh"), Plan::says("Done!")], mends()].concat();
    let again = play_long(CORRECTION, then, |_, _, _| {}).await;
    let cheap = [CHEAP, CHEAP, CHEAP];
    let all = [&cheap[..], &[MIDDLE], &cheap[..2], &[MIDDLE; 3]].concat();
    assert_eq!(
        (again.models(), again.end().1),
        (all.iter().map(|m| (*m).to_owned()).collect(), "Mended.".to_owned())
    );
    assert_eq!(again.escalated().len(), 1);
    // What it is told is unclear.
    let unclear = play_long("I would look at it again.", mends(), |_, _, _| {}).await;
    assert_eq!(unclear.models()[3..], [MIDDLE; 4]);
    assert_eq!((unclear.escalated().len(), unclear.end().1), (1, "Mended.".to_owned()));
    // A setting.
    let off = play_long(CORRECTION, mends(), |_, _, config| {
        config.escalation.as_mut().unwrap().corrections = false;
    })
    .await;
    assert_eq!(off.models()[3..], [MIDDLE; 3]);
    // Who was told cannot be asked any more: the answer before stands.
    let error = ProviderError::new(ProviderErrorKind::Auth, "no key");
    let refused = vec![Plan { fails: Some(error), ..Plan::default() }];
    let stands = play_long(CORRECTION, refused, |_, _, _| {}).await;
    assert_eq!(stands.end(), (TurnStatus::Done, "All tests pass!".to_owned()));
}
