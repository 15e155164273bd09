//! Asks a stronger model what is wrong and what is to be done, and leaves the rest to who did not do it, where that is
//! likely to cost less than to let the stronger one go on.

use std::time::Duration;

use distiq_base::{
    Content, Event, Message, OutputFormat, Plan, Request, RequestKind, Role, SystemBlock,
};
use distiq_router::classify::Classifier;
use distiq_router::economy::compaction::Compaction;
use distiq_router::economy::lifetimes::life_of;
use distiq_router::escalate::Confidence;
use distiq_router::escalate::correction::{CorrectionDecision, CorrectionInputs};
use distiq_router::{Candidate, Purpose};

use super::escalating::{Seat, ask};
use super::planning::PLAN;
use super::{TurnError, Turning, compacting};
use crate::compact::{self, notes};

/// What who is asked is told.
const INSTRUCTION: &str = "Another model worked on what the user asks for and was not sure to have done it. From what is shown \
     find out what is wrong, and say what is to be done now: that model goes on from its own state of the files and sees only what you \
     say. Name the files and say for each what is changed and why, concretely enough that nothing is left to decide. Leave out what \
     is right already, and what you do not know rather than guess it. Answer with one JSON object and nothing else: {\"summary\": what \
     is wrong, \"files\": [path], \"changes\": [{\"file\": path, \"what\": text, \"reason\": text}], \"tests\": [text], \"complexity\": \
     \"simple\"|\"medium\"|\"complex\"}";
/// How the message begins that holds a correction.
const CORRECTION: &str = "A stronger model looked at what was done. What is to be done now; where it turns out wrong, say so and \
     do what is right:";
/// The longest answer, reasoning included.
const MOST_TOKENS: u64 = 6_000;
/// Most bytes of each part that is shown: what was asked, the plan, what went on, what was changed, what was run last, and
/// the answer.
const ASKED_BYTES: usize = 6_000;
const WENT_ON_BYTES: usize = 5_000;
const CHANGED_BYTES: usize = 5_000;
const RAN_BYTES: usize = 3_000;
const ANSWER_BYTES: usize = 2_000;
/// The newest results of commands that are shown.
const MOST_RAN: usize = 2;
/// Tokens of the answer's shape, which is sent with it, and bytes to a token.
const SHAPE_TOKENS: u64 = 500;
const BYTES_PER_TOKEN: u64 = 3;

/// Has `next` say what is to be done, where that pays and was not done yet; tells whether the one that failed goes on.
pub(crate) async fn correct(
    turn: &mut Turning<'_>,
    next: &Seat,
    confidence: &Confidence,
) -> Result<bool, TurnError> {
    let Some(about) = worth(turn, next) else { return Ok(false) };
    let Some(plan) = asked(turn, next, confidence, about).await? else { return Ok(false) };
    let Candidate { provider: from_provider, model: from_model, .. } = turn.seat.way.clone();
    let Candidate { provider, model, .. } = next.way.clone();
    turn.seat.corrected = true;
    turn.journal
        .emit(Event::Corrected {
            from_provider,
            from_model,
            provider,
            model,
            plan: plan.clone(),
            confidence: confidence.score,
            reasons: confidence.words(),
        })
        .await?;
    turn.asked_again = 0;
    turn.trace.hand_over();
    turn.say(Message::user(format!("{CORRECTION}\n{}", plan.to_text()))).await?;
    Ok(true)
}

/// Returns what the stronger model is shown, where to ask it costs less than to let it go on.
fn worth(turn: &Turning<'_>, next: &Seat) -> Option<String> {
    let config = &turn.bench.config;
    let is_wanted = config.escalation.as_ref().is_some_and(|escalation| escalation.corrections);
    if !is_wanted || turn.seat.corrected {
        return None;
    }
    let about = about(turn);
    let request = turn.request();
    let way = &turn.seat.way;
    let at = config.clock.now();
    let inputs = CorrectionInputs {
        label: Classifier::builtin().classify(&turn.asked_for).label,
        from: way,
        to: &next.way,
        at,
        prompt_tokens: config.router.prompt_tokens(&request),
        handed_tokens: handed(turn, request, next),
        told_tokens: SHAPE_TOKENS + about.len() as u64 / BYTES_PER_TOKEN,
        is_warm: turn.history.idle(at) < life_of(&way.provider, &way.model, turn.history.ttl),
        requests: turn.spent.requests.into(),
        answer_tokens: turn.spent.usage.output,
    };
    let CorrectionDecision { pays, .. } = config.router.correction(&inputs);
    pays.then_some(about)
}

/// Returns what the next model would be handed of the conversation, shortened where that pays.
fn handed(turn: &Turning<'_>, mut request: Request, next: &Seat) -> u64 {
    let config = &turn.bench.config;
    request.model.clone_from(&next.way.model);
    let whole = config.router.prompt_tokens(&request);
    if !config.compaction.enabled {
        return whole;
    }
    match compacting::decide(turn, &request, &next.way, Duration::MAX) {
        Compaction::Keep => whole,
        Compaction::Planned { after_tokens, .. } => after_tokens,
        Compaction::Forced { most_tokens, .. } => most_tokens,
    }
}

/// Asks; `None` where no clear answer came.
async fn asked(
    turn: &mut Turning<'_>,
    next: &Seat,
    confidence: &Confidence,
    about: String,
) -> Result<Option<Plan>, TurnError> {
    let output = OutputFormat::JsonSchema {
        name: "plan".to_owned(),
        schema: Plan::schema(),
        strict: Some(true),
    };
    let failed = confidence.words().join("\n- ");
    let request = Request {
        model: next.way.model.clone(),
        system: vec![SystemBlock { text: INSTRUCTION.to_owned() }],
        messages: vec![Message::user(format!("{about}\n\n# What speaks against it\n- {failed}"))],
        max_tokens: Some(MOST_TOKENS.min(next.max_output_tokens)),
        output: Some(output),
        stream: true,
        ..Request::default()
    };
    let purpose = Purpose {
        tier: next.way.tier,
        reasons: vec![format!("says what {} is to do", turn.seat.way)],
        ..turn.purpose().at(RequestKind::Plan, next.way.provider.clone())
    };
    let why = match ask(turn, request, purpose).await? {
        None => "no answer came".to_owned(),
        Some(answer) => match Plan::parse(&answer) {
            Ok(plan) => return Ok(Some(plan)),
            Err(why) => why,
        },
    };
    let message = format!("What {} says is to be done is unclear: {why}", next.way);
    turn.journal.emit(Event::Notice { message }).await?;
    Ok(None)
}

/// Writes down what was asked and what was done.
fn about(turn: &Turning<'_>) -> String {
    let messages = turn.history.messages.as_slice();
    let words = |message: &Message| compact::typed(message).map(str::to_owned);
    let plan = messages.iter().rev().filter_map(words).find(|text| text.starts_with(PLAN));
    let (ran, changed) = done(messages);
    let mut text = String::new();
    let mut add = |title: &str, part: &str, most: usize| {
        if !part.trim().is_empty() {
            let (head, tail) = notes::ends(part.trim(), most);
            let gap = if tail.is_empty() { "" } else { "\n[…]\n" };
            text.push_str(&format!("\n\n# {title}\n{head}{gap}{tail}"));
        }
    };
    add("What the user asks for", &turn.asked_for, ASKED_BYTES);
    add("What was planned", &plan.unwrap_or_default(), ASKED_BYTES);
    add("What went on", &compact::told(messages), WENT_ON_BYTES);
    add("What was changed", &changed, CHANGED_BYTES);
    add("What was run last", &ran, RAN_BYTES);
    add("The answer", &turn.last_words, ANSWER_BYTES);
    text.trim_start().to_owned()
}

/// Returns what the newest commands printed, and what was changed, as the calls have it.
fn done(messages: &[Message]) -> (String, String) {
    let mut calls: Vec<(&str, &str, &str)> = Vec::new();
    let mut ran: Vec<String> = Vec::new();
    for message in messages {
        calls.extend(message.tool_calls());
        for content in message.content.iter().filter(|_| message.role == Role::User) {
            let Content::ToolResult { call_id, content, .. } = content else { continue };
            let is_run = |(id, name, _): &&(&str, &str, &str)| {
                id == call_id && ["shell", "test"].contains(name)
            };
            if let Some((.., arguments)) = calls.iter().find(is_run) {
                let text = Message { role: Role::User, content: content.clone() }.text();
                ran.push(format!("{arguments}\n{text}"));
            }
        }
    }
    let changed: Vec<&str> = calls
        .iter()
        .filter(|(_, name, _)| ["edit", "write"].contains(name))
        .map(|(.., arguments)| *arguments)
        .collect();
    let newest = ran.len().saturating_sub(MOST_RAN);
    (ran.split_off(newest).join("\n"), changed.join("\n"))
}
