//! Keeps the vendor's cache alive while a turn waits for its tools, or for the user whom they ask, and while a session
//! that is open waits for its next turn, where that is likely to cost less than to write all anew.

use std::pin::{Pin, pin};
use std::time::Duration;

use distiq_base::{CachePlan, Money, Request, RequestKind};
use distiq_router::economy::compaction::Compaction;
use distiq_router::economy::keep_alive::{self, KeepAlive, KeepAliveQuestion, WaitFor};
use distiq_router::{Purpose, Receipt, Reply, RouterEvent};
use futures::StreamExt;
use tokio::time::timeout;

use super::answer::{kept_warm, started};
use super::wait::Stop;
use super::{TurnError, Turning, compacting, pruning};

/// The clock is looked at so often, since a computer that sleeps stops the time of its timers.
const LOOK: Duration = Duration::from_secs(5);
/// How long is waited where nothing is to be looked at.
const LONG: Duration = Duration::from_secs(86_400);
/// The shortest answer that every vendor gives.
const ANSWER_TOKENS: u64 = 1;

/// What was sent last, by which it can be sent again.
#[derive(Clone, Debug)]
pub struct Sent {
    /// How many messages of the history.
    pub messages: usize,
    /// What the vendor was told to keep.
    pub cache: CachePlan,
}

/// One wait.
#[derive(Default)]
struct Wait {
    for_what: WaitFor,
    times: u32,
    /// What is saved where the cache goes cold; worked out once.
    saved_if_cold: Option<Money>,
}

/// Waits for tools; on cancellation or the deadline they are told to stop and waited for, so that every call has its own
/// result.
pub async fn on_tools<T>(
    turn: &mut Turning<'_>,
    work: impl Future<Output = T>,
    name: &str,
) -> Result<(T, Option<Stop>), TurnError> {
    let mut work = pin!(work);
    let mut wait = Wait::default();
    loop {
        let mut piece = pin!(timeout(next_look(turn), work.as_mut()));
        match turn.waiting.until(&mut piece, name, turn.journal).await? {
            Ok(Ok(output)) => return Ok((output, None)),
            Ok(Err(_)) => {}
            Err(stop) => {
                turn.waiting.token().cancel();
                return Ok((work.await, Some(stop)));
            }
        }
        let Some((request, keep)) = due(turn, &mut wait) else { continue };
        if let Some(output) = keep_alive(turn, &mut wait, (request, keep), work.as_mut()).await? {
            return Ok((output, None));
        }
    }
}

/// Waits for what comes next after a turn; a session that is closed meanwhile asks for nothing any more.
pub async fn between_turns<T>(
    turn: &mut Turning<'_>,
    next: impl Future<Output = T>,
) -> Result<T, TurnError> {
    let mut next = pin!(next);
    let mut wait = Wait { for_what: WaitFor::NextTurn, ..Wait::default() };
    loop {
        if let Ok(output) = timeout(next_look(turn), next.as_mut()).await {
            return Ok(output);
        }
        let Some((request, keep)) = due(turn, &mut wait) else { continue };
        if let Some(output) = keep_alive(turn, &mut wait, (request, keep), next.as_mut()).await? {
            return Ok(output);
        }
    }
}

fn next_look(turn: &Turning<'_>) -> Duration {
    let is_kept = turn.bench.config.keep_alive && turn.history.sent_last.is_some();
    if is_kept { LOOK.min(turn.bench.config.limits.heartbeat) } else { LONG }
}

/// Decides whether the cache is to be read now, and by which request.
fn due(turn: &mut Turning<'_>, wait: &mut Wait) -> Option<(Request, KeepAlive)> {
    let now = turn.bench.config.clock.now();
    let idle = turn.history.idle(now);
    let is_kept = turn.bench.config.keep_alive && wait.times < wait.for_what.most();
    keep_alive::due_in(turn.history.ttl, idle).filter(|due| is_kept && due.is_zero())?;
    let saved_if_cold = match wait.saved_if_cold {
        Some(saved) => saved,
        None => *wait.saved_if_cold.insert(saved_if_cold(turn)),
    };
    let request = again(turn)?;
    let keep = turn.bench.config.router.keep_alive(&KeepAliveQuestion {
        provider: &turn.seat.way.provider,
        request: &request,
        ttl: turn.history.ttl,
        waited: turn.history.waited(now),
        idle,
        times: (wait.times, turn.history.kept_alive),
        waits: turn.history.rhythm.waits(wait.for_what),
        saved_if_cold,
    })?;
    Some((request, keep))
}

/// Returns what a shorter conversation saves once the cache is cold.
fn saved_if_cold(turn: &mut Turning<'_>) -> Money {
    let (request, way) = (turn.request(), turn.seat.way.clone());
    let compacted = match compacting::decide(turn, &request, &way, Duration::MAX) {
        Compaction::Planned { saves, .. } if turn.bench.config.compaction.enabled => saves,
        _ => Money::ZERO,
    };
    let cut = pruning::worth(turn, &request, Duration::MAX);
    cut.map_or(compacted, |cut| cut.why.saves.max(compacted))
}

/// Returns what was sent last, for the shortest answer; `None` where the vendor was told to keep nothing of it.
fn again(turn: &Turning<'_>) -> Option<Request> {
    let Sent { messages, cache } = turn.history.sent_last.clone()?;
    let messages = turn.history.messages.get(..messages)?;
    Some(Request {
        messages: turn.history.sent(messages),
        max_tokens: Some(ANSWER_TOKENS),
        cache,
        ..turn.request()
    })
}

/// Reads the cache, while the work goes on; returns what came of it where it ended meanwhile.
async fn keep_alive<F: Future>(
    turn: &mut Turning<'_>,
    wait: &mut Wait,
    (request, keep): (Request, KeepAlive),
    mut work: Pin<&mut F>,
) -> Result<Option<F::Output>, TurnError> {
    let percent = (keep.chance * 100.0).round();
    let reason = format!(
        "keeps the vendor's cache alive: {percent} % likely to be needed, {} for {}",
        keep.costs, keep.saves
    );
    let purpose = Purpose {
        session: Some(turn.bench.session.clone()),
        project: Some(turn.bench.config.root.display().to_string()),
        tier: turn.seat.way.tier,
        reasons: vec![reason],
        ..Purpose::new(RequestKind::KeepAlive, turn.seat.way.provider.clone())
    };
    wait.times += 1;
    let mut reply = turn.bench.config.router.send(request, purpose);
    let mut output = None;
    let receipt = loop {
        let event = tokio::select! {
            done = work.as_mut(), if output.is_none() => {
                output = Some(done);
                // Whoever goes on, or leaves, does not wait for it.
                if wait.for_what == WaitFor::NextTurn {
                    break reply.cancel().await;
                }
                continue;
            }
            event = next(turn, &mut reply) => event?,
        };
        if let Some(receipt) = event {
            break receipt;
        }
    };
    // What is not allowed, fails or finds nothing to read is not tried again.
    if receipt.error.is_some() || receipt.usage.cache_read == 0 {
        wait.times = wait.for_what.most();
    }
    if receipt.attempts > 0 {
        kept_warm(turn, &receipt).await?;
    }
    Ok(output)
}

/// Follows a reply by one event; returns its receipt at the end.
async fn next(turn: &mut Turning<'_>, reply: &mut Reply) -> Result<Option<Receipt>, TurnError> {
    match reply.next().await {
        Some(RouterEvent::Started { request_id, provider, model }) => {
            started(turn, request_id, provider, model).await?;
            Ok(None)
        }
        Some(RouterEvent::Finished(receipt)) => Ok(Some(receipt)),
        Some(_) => Ok(None),
        None => Err(TurnError::Bug("a reply without a receipt")),
    }
}
