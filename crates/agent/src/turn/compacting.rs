//! Makes the history shorter between two requests of a turn.

use std::time::Duration;

use distiq_base::{Content, Event, Message, Money, Request, RequestKind, SystemBlock};
use distiq_router::economy::compaction::{
    Compaction, CompactionQuestion, SummaryAsked, USUAL_WINDOW, most_prompt,
};
use distiq_router::{Candidate, Purpose};

use super::{TurnError, Turning, pruning};
use crate::compact::{self, Draft, Drafter, LAST_WHOLE_STEP, Room, STEPS, SUMMARY_TOKENS};
use crate::facts;

/// Histories of less text than this are never worth a thought.
const LEAST_BYTES: usize = 12_000;
/// A planned compaction must leave less than this of the prompt, in percent, and one that is forced
/// less than this of what fits, so that the next is not due at once.
const LEFT_PERCENT: u64 = 60;
/// A prompt must have grown by this much, in percent, before it is made shorter once more.
const GROWN_PERCENT: u64 = 15;
/// What a planned compaction deals out room for: this part of the prompt.
const PLANNED_SHARE: u64 = 4;
/// Digests shorter than this stand for themselves.
const LEAST_DIGEST_BYTES: usize = 1_600;
const BYTES_PER_TOKEN: u64 = 4;
/// The longest answer of the model that writes the summary; its reasoning counts.
const MOST_ANSWER_TOKENS: u64 = 4_000;
/// How often a summary is asked for.
const MOST_ASKED: u32 = 2;

/// What the next request is, and what it comes to.
struct Due {
    reason: String,
    before: u64,
    /// What the prompt may have at most; `None` where it saves money alone.
    most: Option<u64>,
    /// What it is likely to save, where it saves money alone.
    saves: Money,
}

/// Makes the history shorter where that is cheaper or cannot be avoided; returns the next request.
pub async fn next_request(turn: &mut Turning<'_>) -> Result<Request, TurnError> {
    let request = turn.request();
    if bytes(turn.history.messages.iter().flat_map(|message| &message.content)) < LEAST_BYTES {
        return Ok(request);
    }
    // The vendor has nothing of it cached for a model that goes on from another.
    let idle = match &turn.before {
        Some(before) if before.is_of_another(&turn.seat.way) => Duration::MAX,
        _ => turn.history.idle(turn.bench.config.clock.now()),
    };
    let due = due(turn, &request, idle);
    let is_forced = due.as_ref().is_some_and(|due| due.most.is_some());
    let cut = if is_forced { None } else { pruning::worth(turn, &request, idle) };
    match (due, cut) {
        (None, None) => return Ok(request),
        // Of two ways to save the one that saves more; a summary loses more than it says.
        (Some(due), Some(cut)) if cut.why.saves >= due.saves => {
            pruning::leave_out(turn, cut).await?;
        }
        (Some(due), _) => drop(shorten(turn, due).await?),
        (None, Some(cut)) => pruning::leave_out(turn, cut).await?,
    }
    Ok(turn.request())
}

/// Makes the history shorter since the vendor says that it is too long; tells whether it could.
pub async fn by_force(turn: &mut Turning<'_>) -> Result<bool, TurnError> {
    let config = &turn.bench.config;
    if !config.compaction.enabled {
        return Ok(false);
    }
    let before = config.router.prompt_tokens(&turn.request());
    let window = config.compaction.window_tokens.unwrap_or(USUAL_WINDOW);
    let most = most_prompt(window, turn.seat.max_output_tokens).min(before * LEFT_PERCENT / 100);
    let reason = "the vendor says that the prompt is too long".to_owned();
    shorten(turn, Due { reason, before, most: Some(most), saves: Money::ZERO }).await
}

fn due(turn: &Turning<'_>, request: &Request, idle: Duration) -> Option<Due> {
    let config = &turn.bench.config;
    if !config.compaction.enabled {
        return None;
    }
    let decision = decide(turn, request, &turn.seat.way, idle);
    let (reason, most, saves) = match decision {
        Compaction::Keep => return None,
        Compaction::Planned { reason, saves, .. } => (reason, None, saves),
        Compaction::Forced { reason, most_tokens } => (reason, Some(most_tokens), Money::ZERO),
    };
    let before = config.router.prompt_tokens(request);
    let grown = turn.shortened_to.is_none_or(|to| before > to + to * GROWN_PERCENT / 100);
    grown.then_some(Due { reason, before, most, saves })
}

/// Decides whether the history is made shorter before a request to `way`, which nothing with its prefix was asked of
/// for `idle`.
pub fn decide(
    turn: &Turning<'_>,
    request: &Request,
    way: &Candidate,
    idle: Duration,
) -> Compaction {
    let question =
        CompactionQuestion { summary: summary_asked(turn), ..question(turn, request, way, idle) };
    turn.bench.config.router.compaction(&question)
}

/// Returns what is to be decided about a request to `way`, without a summary.
pub fn question<'a>(
    turn: &Turning<'_>,
    request: &'a Request,
    way: &'a Candidate,
    idle: Duration,
) -> CompactionQuestion<'a> {
    CompactionQuestion {
        provider: &way.provider,
        request,
        idle,
        ttl: turn.history.ttl,
        requests: turn.history.rhythm.requests,
        window_tokens: turn.bench.config.compaction.window_tokens,
        summary: None,
    }
}

/// Returns what would be asked for the summary; `None` where too little happened to be worth a request.
fn summary_asked(turn: &Turning<'_>) -> Option<SummaryAsked> {
    let digest = compact::most_digest_bytes(&turn.history.messages);
    let before = turn.history.carried.as_ref().map_or(0, |carried| carried.summary.len());
    let bytes = digest + before + compact::INSTRUCTION.len();
    (digest >= LEAST_DIGEST_BYTES).then(|| SummaryAsked {
        by: summarizer(turn),
        prompt_tokens: bytes as u64 / BYTES_PER_TOKEN,
        answer_tokens: SUMMARY_TOKENS,
    })
}

/// Returns who writes summaries: the cheapest model that can.
fn summarizer(turn: &Turning<'_>) -> Candidate {
    turn.bench.config.compaction.model.clone().unwrap_or_else(|| turn.seat.way.clone())
}

/// Returns about how much text contents are.
fn bytes<'a>(contents: impl IntoIterator<Item = &'a Content>) -> usize {
    let of = |content: &Content| match content {
        Content::Text { text } => text.len(),
        Content::ToolCall { arguments, .. } => arguments.len(),
        Content::ToolResult { content, .. } => bytes(content),
        _ => 1_000,
    };
    contents.into_iter().map(of).sum()
}

async fn shorten(turn: &mut Turning<'_>, due: Due) -> Result<bool, TurnError> {
    let Some((mut draft, digest)) = drafted(turn, &due) else { return Ok(false) };
    draft.carried.summary = summary(turn, &draft, &digest).await?;
    let messages = compact::render(&draft);
    let after = tokens(turn, &messages);
    // Proven before it is switched to.
    if after >= due.before {
        return Ok(false);
    }
    let percent = 100 - after * 100 / due.before.max(1);
    let message = format!(
        "The conversation was made shorter: {} tokens, {percent} % less ({})",
        after, due.reason
    );
    turn.journal
        .emit(Event::Compacted {
            reason: due.reason,
            tokens_before: due.before,
            tokens_after: after,
            carried: draft.carried.clone(),
            messages: messages.clone(),
        })
        .await?;
    turn.journal.emit(Event::Notice { message }).await?;
    // What was shown is not in view any more.
    turn.bench.config.toolbox.forget();
    turn.history.dropped_tokens += due.before - after;
    turn.history.messages = messages;
    turn.history.bound_until = 0;
    turn.history.carried = Some(draft.carried);
    turn.shortened_to = Some(after);
    Ok(true)
}

/// Returns the first draft that is short enough, or the shortest where it must be, and what went on in what it drops.
fn drafted(turn: &Turning<'_>, due: &Due) -> Option<(Draft, String)> {
    let config = &turn.bench.config;
    let room_for = due.most.unwrap_or(due.before / PLANNED_SHARE);
    let wanted = due.most.unwrap_or(due.before) * LEFT_PERCENT / 100;
    let last = if due.most.is_some() { STEPS } else { LAST_WHOLE_STEP + 1 };
    let signatures = |path: &str| facts::signatures(&config.root, path);
    let count = |messages: &[Message]| message_tokens(turn, messages);
    let history = &turn.history;
    let drafter = Drafter::new(&history.messages, history.carried.as_ref(), &signatures, &count)?;
    let mut found = None;
    for step in 0..last {
        let draft = drafter.draft(Room::at(step, room_for))?;
        let after = tokens(turn, &compact::render(&draft)) + SUMMARY_TOKENS;
        let most = if step > LAST_WHOLE_STEP { due.most.unwrap_or(wanted) } else { wanted };
        // Where it only saves money, what is not short enough is not worth it.
        if after <= most || due.most.is_some() {
            found = Some(draft);
        }
        if after <= most {
            break;
        }
    }
    let draft = found?;
    let digest = drafter.digest(&draft);
    Some((draft, digest))
}

/// Returns what a request with these messages comes to.
pub fn tokens(turn: &Turning<'_>, messages: &[Message]) -> u64 {
    let prefix = turn.history.prefix.clone().unwrap_or_default();
    let request = Request {
        model: turn.seat.way.model.clone(),
        system: prefix.system,
        tools: prefix.tools,
        messages: messages.to_vec(),
        ..Request::default()
    };
    turn.bench.config.router.prompt_tokens(&request)
}

fn message_tokens(turn: &Turning<'_>, messages: &[Message]) -> u64 {
    let model = turn.seat.way.model.clone();
    let request = Request { model, messages: messages.to_vec(), ..Request::default() };
    turn.bench.config.router.prompt_tokens(&request)
}

/// Returns a summary of what is dropped: in a model's words, else its beginning and its end.
async fn summary(turn: &mut Turning<'_>, draft: &Draft, digest: &str) -> Result<String, TurnError> {
    let before = &draft.carried.summary;
    let text = match before.is_empty() {
        true => digest.to_owned(),
        false => format!("Summary of what went before:\n{before}\n\n{digest}"),
    };
    if digest.len() >= LEAST_DIGEST_BYTES {
        for _ in 0..MOST_ASKED {
            let words = compact::trim_summary(&ask_summary(turn, &text).await?.unwrap_or_default());
            if !words.is_empty() {
                return Ok(words);
            }
            if turn.waiting.over().is_some() {
                break;
            }
        }
    }
    let (head, tail) = compact::notes::ends(&text, LEAST_DIGEST_BYTES);
    let gap = if tail.is_empty() { "" } else { "\n[…]\n" };
    Ok(compact::trim_summary(&format!("{head}{gap}{tail}")))
}

/// Asks the cheapest model that can; `None` where no whole answer came.
async fn ask_summary(turn: &mut Turning<'_>, text: &str) -> Result<Option<String>, TurnError> {
    let Candidate { provider, model, .. } = summarizer(turn);
    let request = Request {
        model,
        system: vec![SystemBlock { text: compact::INSTRUCTION.to_owned() }],
        messages: vec![Message::user(text)],
        max_tokens: Some(MOST_ANSWER_TOKENS.min(turn.seat.max_output_tokens)),
        stream: true,
        ..Request::default()
    };
    let purpose = Purpose {
        reasons: vec!["summary of a history that is made shorter".to_owned()],
        ..turn.purpose().at(RequestKind::Summarize, provider)
    };
    super::escalating::ask(turn, request, purpose).await
}
