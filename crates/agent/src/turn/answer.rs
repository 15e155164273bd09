//! Gets one answer from the model: shows it as it comes, and says whether it is whole.

use std::pin::pin;

use distiq_base::{
    Assembler, Content, Delta, Event, Message, Money, Request, RequestId, Role, StopReason,
    StreamEvent, Usage,
};
use distiq_router::{Receipt, RouterEvent, SendError};
use futures::StreamExt;

use super::keeping_warm::Sent;
use super::wait::Stop;
use super::{TurnError, Turning};

/// What came of a request.
pub enum Got {
    /// A whole answer.
    Whole(Message, StopReason),
    /// The stream broke after something was shown; what came is not part of the history.
    Broken(SendError),
    /// Nothing came.
    Failed(SendError),
    /// The turn ended meanwhile; the text that was shown, as far as it goes.
    Stopped(Stop, Option<Message>),
}

/// What a turn's requests add up to.
#[derive(Clone, Copy, Debug)]
pub struct Spent {
    /// Requests sent.
    pub requests: u32,
    /// Their tokens.
    pub usage: Usage,
    /// Their cost; `None` once one had no known price.
    pub cost: Option<Money>,
}

impl Default for Spent {
    fn default() -> Self {
        Self { requests: 0, usage: Usage::default(), cost: Some(Money::ZERO) }
    }
}

/// Sends a request and follows its answer to the end.
pub async fn get(turn: &mut Turning<'_>, request: Request) -> Result<Got, TurnError> {
    turn.history.sent_last = (!request.cache.marks.is_empty())
        .then(|| Sent { messages: turn.history.messages.len(), cache: request.cache.clone() });
    let mut reply = turn.bench.config.router.send(request, turn.purpose());
    let mut assembler = Assembler::default();
    let mut shown = false;
    loop {
        let next = turn.waiting.until(&mut pin!(reply.next()), "model", turn.journal).await?;
        let event = match next {
            Ok(Some(event)) => event,
            // A reply ends with its receipt; without one it is a fault of ours.
            Ok(None) => return Err(TurnError::Bug("a reply without a receipt")),
            Err(stop) => {
                let receipt = reply.cancel().await;
                finished(turn, &receipt).await?;
                return Ok(Got::Stopped(stop, partial(assembler)));
            }
        };
        match event {
            RouterEvent::Started { request_id, provider, model } => {
                started(turn, request_id, provider, model).await?;
            }
            RouterEvent::Retried { request_id, attempt, reason, delay_ms } => {
                let event = Event::RequestRetried { request_id, attempt, reason, delay_ms };
                turn.journal.emit(event).await?;
            }
            RouterEvent::FellBack { provider, model, reason, .. } => {
                // What another vendor keeps cannot be read here.
                turn.history.sent_last = None;
                let message = format!("{provider}/{model} is asked instead: {reason}");
                turn.journal.emit(Event::Notice { message }).await?;
            }
            RouterEvent::Notice(message) => turn.journal.emit(Event::Notice { message }).await?,
            RouterEvent::Model(event) => {
                shown |= show(turn, &event).await?;
                assembler.push(&event);
            }
            RouterEvent::Finished(receipt) => {
                let Usage { cache_read, cache_write, cache_write_long, .. } = receipt.usage;
                if cache_read + cache_write + cache_write_long == 0 {
                    turn.history.sent_last = None;
                }
                finished(turn, &receipt).await?;
                return Ok(conclude(receipt, assembler, shown));
            }
        }
    }
}

fn conclude(receipt: Receipt, assembler: Assembler, shown: bool) -> Got {
    match receipt.error {
        Some(error) if shown => Got::Broken(error),
        Some(error) => Got::Failed(error),
        None => {
            let response = assembler.into_response();
            let stop = response.stop.clone();
            Got::Whole(response.into_message(), stop)
        }
    }
}

/// Keeps the text that was shown; calls and reasoning that were not finished cannot be replayed.
fn partial(assembler: Assembler) -> Option<Message> {
    let texts: Vec<Content> = assembler
        .into_response()
        .content
        .into_iter()
        .filter(|c| matches!(c, Content::Text { text } if !text.trim().is_empty()))
        .collect();
    (!texts.is_empty()).then_some(Message { role: Role::Assistant, content: texts })
}

async fn show(turn: &mut Turning<'_>, event: &StreamEvent) -> Result<bool, TurnError> {
    let StreamEvent::BlockDelta { delta, .. } = event else { return Ok(false) };
    match delta {
        Delta::Text { text } if !text.is_empty() => {
            turn.journal.emit(Event::TextDelta { text: text.clone() }).await?;
            Ok(true)
        }
        Delta::Thinking { text } if !text.is_empty() => {
            turn.journal.emit(Event::ThinkingDelta { text: text.clone() }).await?;
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// Tells that a request goes out.
pub async fn started(
    turn: &mut Turning<'_>,
    request_id: RequestId,
    provider: String,
    model: String,
) -> Result<(), TurnError> {
    Ok(turn.journal.emit(Event::RequestStarted { request_id, provider, model }).await?)
}

/// Tells that a request is over, and adds it up.
pub async fn finished(turn: &mut Turning<'_>, receipt: &Receipt) -> Result<(), TurnError> {
    turn.history.asked(turn.bench.config.clock.now(), receipt.latency_ms, &receipt.usage);
    if receipt.attempts > 0 {
        turn.spent.requests += 1;
    }
    over(turn, receipt, false).await
}

/// Tells that a request is over that kept the vendor's cache alive.
pub async fn kept_warm(turn: &mut Turning<'_>, receipt: &Receipt) -> Result<(), TurnError> {
    turn.history.kept_warm(turn.bench.config.clock.now());
    over(turn, receipt, true).await
}

async fn over(
    turn: &mut Turning<'_>,
    receipt: &Receipt,
    keeps_warm: bool,
) -> Result<(), TurnError> {
    if receipt.attempts > 0 {
        turn.spent.usage.add(&receipt.usage);
        turn.spent.cost = match (turn.spent.cost, receipt.cost) {
            (Some(sum), Some(cost)) => Some(sum.plus(cost)),
            _ => None,
        };
    }
    turn.journal
        .emit(Event::RequestFinished {
            request_id: receipt.request_id.clone(),
            model: receipt.model.clone(),
            usage: receipt.usage,
            cost_nanousd: receipt.cost,
            estimated: receipt.estimated,
            latency_ms: receipt.latency_ms,
            first_token_ms: receipt.first_token_ms,
            stop: receipt.stop.clone(),
            error: receipt.error.as_ref().map(ToString::to_string),
            keeps_warm,
        })
        .await?;
    Ok(())
}
