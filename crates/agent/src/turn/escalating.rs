//! Judges the answer that a turn ends with, and lets a stronger model go on where one cannot be sure of it.

use std::pin::pin;

use distiq_base::{Assembler, Event, Message, Request, RequestKind, SystemBlock, TurnStatus};
use distiq_router::escalate::{Confidence, Ending, Then, assess};
use distiq_router::{Candidate, Purpose, RouterEvent, Tier};
use futures::StreamExt;

use super::answer::{finished, started};
use super::correcting::correct;
use super::{Step, TurnError, Turning};
use crate::workbench::{Config, EscalationConfig, Rung};

/// What a cheap model is told that is asked about an answer.
const SELF_CHECK: &str = "You are told what somebody asked of a coding agent, what the agent did, and its answer. \
     Say how likely the answer does what was asked: a whole number from 0 to 100, and nothing else.";
/// Most bytes of the request and of the answer that it is told, and most tokens of its own.
const MOST_BYTES: usize = 6_000;
const MOST_TOKENS: u64 = 2_000;

/// Who is asked.
#[derive(Clone, Debug)]
pub(crate) struct Seat {
    /// The model.
    pub way: Candidate,
    /// Why it is this one; `None` where the settings name it.
    pub reasons: Option<Vec<String>>,
    /// Most tokens of one answer.
    pub max_output_tokens: u64,
    /// Where else a request may go.
    pub fallbacks: Vec<Candidate>,
    /// Whether a stronger one has told it already what to do.
    pub corrected: bool,
    /// The next step of the ladder.
    rung: usize,
}

impl Seat {
    /// Returns who is asked first.
    pub fn new(config: &Config) -> Self {
        let tier = config.chosen.as_ref().map(|chosen| chosen.tier);
        Self {
            way: Candidate {
                tier,
                ..Candidate::new(config.provider.clone(), config.model.clone())
            },
            reasons: config.chosen.as_ref().map(|chosen| chosen.reasons.clone()),
            max_output_tokens: config.max_output_tokens,
            fallbacks: config.fallbacks.clone(),
            corrected: false,
            rung: 0,
        }
    }

    /// Returns who is asked instead of one who was chosen for a part of the work alone.
    pub fn instead(config: &Config, rung: &Rung, reasons: &[String]) -> Self {
        let ladder = config.escalation.iter().flat_map(|escalation| &escalation.ladder);
        let below = ladder.take_while(|step| step.way.tier <= rung.way.tier).count();
        Self {
            way: rung.way.clone(),
            reasons: Some(reasons.to_vec()),
            max_output_tokens: rung.max_output_tokens,
            rung: below,
            ..Self::new(config)
        }
    }
}

/// What a turn came to before another model went on, in case that one cannot.
pub(crate) struct Before {
    seat: Seat,
    bound_until: usize,
    step: Step,
    words: String,
}

impl Before {
    fn of(turn: &mut Turning<'_>, seat: Seat, step: Step) -> Self {
        let words = std::mem::take(&mut turn.last_words);
        turn.again = true;
        Self { seat, bound_until: turn.history.bound_until, step, words }
    }

    /// Tells whether another model has taken over from it.
    pub fn is_of_another(&self, way: &Candidate) -> bool {
        (&self.seat.way.provider, &self.seat.way.model) != (&way.provider, &way.model)
    }
}

/// Judges how a turn ends; `None` where another model goes on instead.
pub(crate) async fn judge(turn: &mut Turning<'_>, end: Step) -> Result<Option<Step>, TurnError> {
    let Some(config) = &turn.bench.config.escalation else { return Ok(Some(end)) };
    if let Some(before) = turn.before.take_if(|_| is_helpless(&end)) {
        return go_back(turn, before, &end).await.map(Some);
    }
    let is_judged = match &end {
        Step::Done => true,
        Step::Ended(status, _) => {
            *status == TurnStatus::Failed && turn.trace.gathered.ending != Ending::Answered
        }
        Step::GoOn => false,
    };
    if !is_judged {
        return Ok(Some(end));
    }
    let confidence = confidence(turn, config).await?;
    let Candidate { provider, model, .. } = turn.seat.way.clone();
    let (score, reasons) = (confidence.score, confidence.words());
    turn.journal.emit(Event::Judged { provider, model, confidence: score, reasons }).await?;
    turn.unsure = score < config.threshold;
    let is_over = turn.waiting.over().is_some()
        || turn.spent.requests >= turn.bench.config.limits.max_requests;
    let next = match score < config.threshold && !is_over {
        true => next(turn, config),
        false => None,
    };
    let corrected = match &next {
        Some(seat) => correct(turn, seat, &confidence).await?,
        None => false,
    };
    let (purpose, by) = (turn.purpose(), turn.seat.way.clone());
    let then = match &next {
        Some(seat) if corrected => Then::Corrected(seat.way.clone()),
        Some(seat) => Then::Escalated(seat.way.clone()),
        None => Then::Stands,
    };
    turn.bench.config.router.record_judged(&purpose, by, &confidence, then);
    match next.filter(|_| !corrected) {
        None if corrected => {
            let before = Before::of(turn, turn.seat.clone(), end);
            turn.before = Some(before);
            Ok(None)
        }
        Some(seat) => hand_over(turn, seat, end, &confidence).await.map(|()| None),
        None => Ok(Some(end)),
    }
}

/// Tells whether a model could not even begin: it is not paid for, or cannot be asked.
fn is_helpless(end: &Step) -> bool {
    matches!(end, Step::Ended(TurnStatus::Budget | TurnStatus::Failed, _))
}

async fn confidence(
    turn: &mut Turning<'_>,
    config: &EscalationConfig,
) -> Result<Confidence, TurnError> {
    let mut evidence = turn.trace.gathered.evidence(&turn.asked_for, &turn.last_words);
    let confidence = assess(&evidence);
    let is_worth = confidence.score >= config.threshold && !confidence.codes().contains(&"tested");
    let Some(cheap) = config.self_check.as_ref().filter(|_| is_worth) else {
        return Ok(confidence);
    };
    evidence.self_check = self_check(turn, cheap).await?;
    Ok(assess(&evidence))
}

/// Returns who goes on, where the conversation fits into its window.
fn next(turn: &Turning<'_>, config: &EscalationConfig) -> Option<Seat> {
    let request = turn.request();
    let router = &turn.bench.config.router;
    let rungs = config.ladder.iter().enumerate().skip(turn.seat.rung);
    let (at, rung) = rungs
        .into_iter()
        .find(|(_, rung)| router.fits(&request, &rung.way, rung.max_output_tokens))?;
    let is_left = |way: &Candidate| {
        let left = config.ladder.iter().take(at + 1).map(|rung| &rung.way).chain([&turn.seat.way]);
        left.into_iter().any(|other| other.provider == way.provider && other.model == way.model)
    };
    let first = turn.bench.config.fallbacks.iter().filter(|way| !is_left(way));
    let tier = rung.way.tier.unwrap_or(Tier::Premium);
    Some(Seat {
        way: Candidate { tier: Some(tier), ..rung.way.clone() },
        reasons: None,
        max_output_tokens: rung.max_output_tokens,
        fallbacks: first.cloned().collect(),
        corrected: false,
        rung: at + 1,
    })
}

async fn hand_over(
    turn: &mut Turning<'_>,
    mut seat: Seat,
    end: Step,
    confidence: &Confidence,
) -> Result<(), TurnError> {
    let from = turn.seat.way.clone();
    let router = &turn.bench.config.router;
    let switch_cost_nanousd = router.switch_cost(&turn.request(), &from, &seat.way);
    let tier = |way: &Candidate| way.tier.map(|tier| tier.as_str().to_owned());
    let cost = switch_cost_nanousd.map(|cost| format!("; to switch costs about {cost}"));
    let reason =
        format!("went on from {from}: {:.2} sure{}", confidence.score, cost.unwrap_or_default());
    let reasons = [vec![reason], confidence.words()].concat();
    seat.reasons = Some(reasons);
    turn.journal
        .emit(Event::Escalated {
            from_tier: tier(&from),
            from_provider: from.provider,
            from_model: from.model,
            tier: tier(&seat.way).unwrap_or_default(),
            provider: seat.way.provider.clone(),
            model: seat.way.model.clone(),
            confidence: confidence.score,
            reasons: confidence.words(),
            switch_cost_nanousd,
        })
        .await?;
    let former = std::mem::replace(turn.seat, seat);
    turn.before = Some(Before::of(turn, former, end));
    turn.history.bound_until = turn.history.messages.len();
    turn.asked_again = 0;
    turn.trace.hand_over();
    turn.say(Message::user(confidence.note())).await
}

/// The model that should go on could not: what was there before stands.
async fn go_back(turn: &mut Turning<'_>, before: Before, end: &Step) -> Result<Step, TurnError> {
    let why = match end {
        Step::Ended(_, failure) => failure.message.clone(),
        Step::GoOn | Step::Done => String::new(),
    };
    let message = format!("{} could not go on ({why}); the answer before stands", turn.seat.way);
    turn.journal.emit(Event::Notice { message }).await?;
    *turn.seat = before.seat;
    turn.history.bound_until = before.bound_until;
    turn.last_words = before.words;
    Ok(before.step)
}

/// Asks a cheap model how likely the answer does what was asked; `None` where it does not say.
async fn self_check(turn: &mut Turning<'_>, cheap: &Candidate) -> Result<Option<f64>, TurnError> {
    let cut = |text: &str| text.chars().take(MOST_BYTES).collect::<String>();
    let files: Vec<&str> = turn.trace.files_changed.iter().map(String::as_str).collect();
    let text = format!(
        "Asked:\n{}\n\nFiles changed: {}\n\nAnswer:\n{}",
        cut(&turn.asked_for),
        if files.is_empty() { "none".to_owned() } else { cut(&files.join(", ")) },
        cut(&turn.last_words)
    );
    let request = Request {
        model: cheap.model.clone(),
        system: vec![SystemBlock { text: SELF_CHECK.to_owned() }],
        messages: vec![Message::user(text)],
        max_tokens: Some(MOST_TOKENS),
        stream: true,
        ..Request::default()
    };
    let purpose = Purpose {
        reasons: vec!["asked about an answer".to_owned()],
        ..turn.purpose().at(RequestKind::Classify, cheap.provider.clone())
    };
    let answer = ask(turn, request, purpose).await?.unwrap_or_default();
    let number: String = answer
        .chars()
        .skip_while(|c| !c.is_ascii_digit())
        .take_while(char::is_ascii_digit)
        .collect();
    Ok(number.parse::<f64>().ok().map(|percent| (percent / 100.0).clamp(0.0, 1.0)))
}

/// Asks a model beside the conversation and returns its words; `None` where no whole answer came.
pub(crate) async fn ask(
    turn: &mut Turning<'_>,
    request: Request,
    purpose: Purpose,
) -> Result<Option<String>, TurnError> {
    let mut reply = turn.bench.config.router.send(request, purpose);
    let mut assembler = Assembler::default();
    loop {
        let next = turn.waiting.until(&mut pin!(reply.next()), "model", turn.journal).await?;
        match next {
            Ok(Some(RouterEvent::Started { request_id, provider, model })) => {
                started(turn, request_id, provider, model).await?;
            }
            Ok(Some(RouterEvent::Model(event))) => assembler.push(&event),
            Ok(Some(RouterEvent::Finished(receipt))) => {
                finished(turn, &receipt).await?;
                let text = assembler.into_response().into_message().text();
                return Ok(receipt.error.is_none().then_some(text));
            }
            Ok(Some(_)) => {}
            Ok(None) => return Err(TurnError::Bug("a reply without a receipt")),
            Err(_) => {
                let receipt = reply.cancel().await;
                finished(turn, &receipt).await?;
                return Ok(None);
            }
        }
    }
}
