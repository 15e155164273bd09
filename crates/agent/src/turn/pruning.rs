//! Leaves old results of tools out of what is sent, where that is cheaper.

use std::time::Duration;

use distiq_base::{Event, Message, PrunedResult, Request};
use distiq_router::economy::lifetimes::life_of;
use distiq_router::economy::pruning::{PromptCut, Pruning};

use super::{TurnError, Turning, compacting};
use crate::compact::prune::{self, Prunable};

/// Shorter prompts are not looked through while the vendor's cache is warm, and longer ones once they have grown by
/// this much, in percent, since.
const LEAST_WARM: u64 = 40_000;
const GROWN_PERCENT: u64 = 15;
const BYTES_PER_TOKEN: usize = 4;

/// What is left out before a request.
pub struct Cut {
    /// Why.
    pub why: Pruning,
    results: Vec<PrunedResult>,
    messages: Vec<Message>,
    before: u64,
    after: u64,
}

/// Returns what is worth being left out before a request, with whose prefix nothing was asked for `idle`.
pub fn worth(turn: &mut Turning<'_>, request: &Request, idle: Duration) -> Option<Cut> {
    let config = &turn.bench.config;
    if !config.compaction.prunes {
        return None;
    }
    let before = config.router.prompt_tokens(request);
    let way = &turn.seat.way;
    if idle < life_of(&way.provider, &way.model, turn.history.ttl) {
        let looked_at = turn.looked_at.unwrap_or(LEAST_WARM);
        if before < looked_at {
            return None;
        }
        turn.looked_at = Some(before + before * GROWN_PERCENT / 100);
    }
    let Prunable { results, again_bytes } = prune::find(&turn.history.messages);
    let same = turn.history.messages.get(..results.first()?.message)?;
    let mut messages = turn.history.messages.clone();
    prune::apply(&mut messages, &results);
    // Reasoning that another model signed is left out either way.
    let after = compacting::tokens(turn, &turn.history.sent(&messages));
    let cut = PromptCut {
        prompt_tokens: before,
        left_tokens: after,
        same_tokens: compacting::tokens(turn, &turn.history.sent(same)),
        again_tokens: (again_bytes / BYTES_PER_TOKEN) as u64,
    };
    let question = compacting::question(turn, request, &turn.seat.way, idle);
    let why = turn.bench.config.router.pruning(&question, &cut)?;
    Some(Cut { why, results, messages, before, after })
}

/// Leaves it out from now on.
pub async fn leave_out(turn: &mut Turning<'_>, cut: Cut) -> Result<(), TurnError> {
    let Cut { why, results, messages, before, after } = cut;
    let percent = 100 - after * 100 / before.max(1);
    let message = format!(
        "{} old results of tools are not sent any more: {after} tokens, {percent} % less ({})",
        results.len(),
        why.reason
    );
    turn.journal
        .emit(Event::Pruned {
            reason: why.reason,
            tokens_before: before,
            tokens_after: after,
            results,
        })
        .await?;
    turn.journal.emit(Event::Notice { message }).await?;
    // What was shown is not in view any more.
    turn.bench.config.toolbox.forget();
    turn.history.dropped_tokens += before - after;
    turn.history.messages = messages;
    Ok(())
}
