//! Has a turn planned before it is carried out: shown, approved by mode, and told to who carries it out.

use distiq_base::{
    Answer, Content, ErrorKind, Event, Message, Mode, OutputFormat, Plan, Question, Request,
    RequestKind, Role, SystemBlock, TurnStatus,
};
use distiq_router::Purpose;

use super::escalating::{Seat, ask};
use super::{Step, TurnError, Turning};
use crate::workbench::{PlanConfig, Rung};

/// What who plans is told.
const INSTRUCTION: &str = "Plan the change that the user asks for; another model carries it out and sees only your plan and the \
     project. Name the files and say for each what is changed and why, concretely enough that nothing is left to decide. Leave out \
     what you do not know rather than guess a path. Answer with one JSON object and nothing else: {\"summary\": text, \"files\": \
     [path], \"changes\": [{\"file\": path, \"what\": text, \"reason\": text}], \"tests\": [text], \"complexity\": \
     \"simple\"|\"medium\"|\"complex\"}";
/// The longest answer, reasoning included.
const MOST_TOKENS: u64 = 8_000;
/// Most bytes of what is known of the project and of the conversation.
const MOST_BYTES: usize = 6_000;
/// How the message begins that holds a plan.
pub(crate) const PLAN: &str =
    "Plan, to be carried out; where it turns out wrong, say so and do what is right:";

/// Plans the turn that a message opened, where that is wanted; the plan is said behind it. Returns how the turn ends,
/// where it ends with that.
pub(crate) async fn plan(
    turn: &mut Turning<'_>,
    message: &Message,
) -> Result<Option<Step>, TurnError> {
    let bench = turn.bench;
    let Some(config) = &bench.config.plan else { return Ok(None) };
    if bench.config.no_model.is_some() {
        return Ok(None);
    }
    let made = match &config.given {
        Some(plan) => Some((plan.clone(), None)),
        None => made(turn, config, message).await?,
    };
    let Some((plan, by)) = made else { return without(turn, config).await };
    let (provider, model) = match by {
        Some(way) => (Some(way.provider), Some(way.model)),
        None => (None, None),
    };
    let reasons = config.reasons.clone();
    turn.journal.emit(Event::Planned { plan: plan.clone(), provider, model, reasons }).await?;
    if config.only {
        return end_with(turn, &plan).await.map(Some);
    }
    turn.say(Message::user(format!("{PLAN}\n{}", plan.to_text()))).await?;
    approved(turn, config, &plan).await
}

/// Asks for a plan; one that is unclear is asked for once more, one tier up.
async fn made(
    turn: &mut Turning<'_>,
    config: &PlanConfig,
    message: &Message,
) -> Result<Option<(Plan, Option<distiq_router::Candidate>)>, TurnError> {
    let mut unclear = None;
    for rung in &config.planners {
        if turn.waiting.over().is_some() {
            break;
        }
        let request = request(turn, rung, message, unclear.as_deref());
        let purpose = Purpose {
            tier: rung.way.tier,
            reasons: config.reasons.clone(),
            ..turn.purpose().at(RequestKind::Plan, rung.way.provider.clone())
        };
        let why = match ask(turn, request, purpose).await? {
            None => "no answer came".to_owned(),
            Some(answer) => match Plan::parse(&answer) {
                Ok(plan) => return Ok(Some((plan, Some(rung.way.clone())))),
                Err(why) => why,
            },
        };
        let message = format!("The plan of {} is unclear: {why}", rung.way);
        turn.journal.emit(Event::Notice { message }).await?;
        unclear = Some(why);
    }
    Ok(None)
}

fn request(turn: &Turning<'_>, rung: &Rung, message: &Message, unclear: Option<&str>) -> Request {
    let system = turn.history.prefix.iter().flat_map(|prefix| &prefix.system);
    let mut about: Vec<Content> = message.content.clone();
    let project = system.filter_map(|block| block.text.split_once("\n# Project\n")).next();
    if let Some((_, outline)) = project {
        about.push(Content::text(format!("The project:\n{}", cut(outline))));
    }
    let said = turn.history.messages.iter().rev().find(|message| message.role == Role::Assistant);
    if let Some(said) = said.map(Message::text).filter(|text| !text.trim().is_empty()) {
        about.push(Content::text(format!("What was answered before:\n{}", cut(&said))));
    }
    if let Some(why) = unclear {
        about.push(Content::text(format!("A plan that was made before was refused: {why}.")));
    }
    let output = OutputFormat::JsonSchema {
        name: "plan".to_owned(),
        schema: Plan::schema(),
        strict: Some(true),
    };
    Request {
        model: rung.way.model.clone(),
        system: vec![SystemBlock { text: INSTRUCTION.to_owned() }],
        messages: vec![Message { role: Role::User, content: about }],
        max_tokens: Some(MOST_TOKENS.min(rung.max_output_tokens)),
        output: Some(output),
        stream: true,
        ..Request::default()
    }
}

fn cut(text: &str) -> String {
    text.chars().take(MOST_BYTES).collect()
}

/// No plan came: the work is done by who does it without one.
async fn without(turn: &mut Turning<'_>, config: &PlanConfig) -> Result<Option<Step>, TurnError> {
    if config.only && turn.waiting.over().is_none() {
        let hint = "say more about the request, or try another model with `tasks.plan`";
        return Ok(Some(Step::failed("No plan could be made", hint)));
    }
    if let Some((rung, reasons)) = &config.without {
        *turn.seat = Seat::instead(&turn.bench.config, rung, reasons);
    }
    let message_text = format!("No plan could be made; {} works without one", turn.seat.way);
    turn.journal.emit(Event::Notice { message: message_text }).await?;
    Ok(None)
}

/// Ends the turn with the plan as its answer.
async fn end_with(turn: &mut Turning<'_>, plan: &Plan) -> Result<Step, TurnError> {
    let text = serde_json::to_string_pretty(plan).unwrap_or_default();
    turn.journal.emit(Event::TextDelta { text: text.clone() }).await?;
    turn.say(Message::assistant(text.as_str())).await?;
    turn.last_words = text;
    Ok(Step::Done)
}

/// Has the plan approved in a mode that asks; returns how the turn ends where it is not. What the user wrote is
/// approved already.
async fn approved(
    turn: &mut Turning<'_>,
    config: &PlanConfig,
    plan: &Plan,
) -> Result<Option<Step>, TurnError> {
    if turn.bench.config.mode != Mode::Ask || config.given.is_some() {
        return Ok(None);
    }
    let mut parts: Vec<String> = plan.to_text().lines().map(str::to_owned).collect();
    parts.truncate(60);
    let summary = format!("to carry out a plan: {}", plan.summary.trim());
    let question = Question {
        tool: "plan".to_owned(),
        summary: summary.clone(),
        parts,
        reason: "changes files".to_owned(),
    };
    let ask = config.ask.clone();
    let answer = tokio::task::spawn_blocking(move || ask.ask(&question));
    let answer = turn.waiting.until(&mut std::pin::pin!(answer), "the user", turn.journal).await?;
    let answer = match answer {
        Ok(answer) => answer.unwrap_or(Answer::Nobody),
        Err(stop) => return Ok(Some(super::stopped(stop))),
    };
    let (told, end) = match &answer {
        Answer::Once | Answer::Always => ("once", None),
        Answer::No(why) if why.is_empty() => ("no", Some("The plan was not approved".to_owned())),
        Answer::No(why) => ("no", Some(format!("The plan was not approved: {why}"))),
        Answer::Nobody => (
            "nobody",
            Some("The plan needs the user's approval and nobody could answer".to_owned()),
        ),
    };
    let (tool, answer) = ("plan".to_owned(), told.to_owned());
    turn.journal.emit(Event::Asked { tool, summary, answer }).await?;
    let hint = "carry it out with `--mode auto-edit`, or edit it: `--plan=only` prints it, `--plan-file` takes it";
    Ok(end.map(|message| Step::ended(TurnStatus::Denied, ErrorKind::Denied, message, hint)))
}
