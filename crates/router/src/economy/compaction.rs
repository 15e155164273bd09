//! When a history is made shorter.
//!
//! A shorter history is a planned break of the prefix: what was cached is written anew, and something of
//! what was known is read again. That pays where the vendor's cache has gone cold, so that all would be
//! written anew anyway, or where many requests are still to come. Where the window is full it must be.

use std::time::Duration;

use distiq_base::{CacheTtl, Money, Price, Request};

use super::lifetimes::LONG_WRITE;
use crate::route::Candidate;

/// What is known when it is decided whether a history is made shorter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CompactionInputs {
    /// The next prompt.
    pub prompt_tokens: u64,
    /// The part of it that stays whatever happens: tools and system prompt.
    pub fixed_tokens: u64,
    /// The model's window; `None` where nobody knows it.
    pub window_tokens: Option<u64>,
    /// The longest answer that is asked for.
    pub answer_tokens: u64,
    /// How long nothing was asked of the model with this prefix.
    pub idle: Duration,
    /// How long the vendor's cache lives.
    pub cache_life: Duration,
    /// Prices of a prompt token; `None` where nobody knows them.
    pub prices: Option<PromptPrices>,
    /// Requests of the session so far.
    pub requests: u32,
    /// What is asked for the summary, at the prices of the model that writes it.
    pub summary: Money,
}

/// The request for a summary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SummaryAsked {
    /// Who writes it.
    pub by: Candidate,
    /// Its prompt.
    pub prompt_tokens: u64,
    /// Its answer.
    pub answer_tokens: u64,
}

/// What is asked when it is decided whether a session's history is made shorter before its next request.
#[derive(Clone, Debug)]
pub struct CompactionQuestion<'a> {
    /// The provider that the request goes to.
    pub provider: &'a str,
    /// The next request.
    pub request: &'a Request,
    /// How long nothing was asked of the model with this prefix.
    pub idle: Duration,
    /// How long what it wrote last to the vendor's cache was to live.
    pub ttl: CacheTtl,
    /// Requests of the session so far.
    pub requests: u32,
    /// The window to keep to, where it is smaller than the model's.
    pub window_tokens: Option<u64>,
    /// The summary, where one is asked for.
    pub summary: Option<SummaryAsked>,
}

/// What a prompt token costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PromptPrices {
    /// One that no cache knew.
    pub input: Price,
    /// One that is written to the cache.
    pub write: Price,
    /// One that is read from it.
    pub read: Price,
}

impl PromptPrices {
    /// Returns the prices where tokens are written for the short life and for the long one.
    pub fn by_lifetime(self) -> [PromptPrices; 2] {
        [self, PromptPrices { write: Price(self.input.0.saturating_mul(LONG_WRITE)), ..self }]
    }
}

/// Whether a history is made shorter, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compaction {
    /// It stays.
    Keep,
    /// It saves money.
    Planned {
        /// Why.
        reason: String,
        /// What that is likely to be within the next requests.
        saves: Money,
        /// What the prompt is likely to come to.
        after_tokens: u64,
    },
    /// The window is full.
    Forced {
        /// Why.
        reason: String,
        /// What the prompt may have at most.
        most_tokens: u64,
    },
}

/// Shorter histories than this stay while the cache is cold, and while it is warm.
const LEAST_COLD: u64 = 30_000;
const LEAST_WARM: u64 = 100_000;
/// The window that is assumed where nobody knows it.
pub const USUAL_WINDOW: u64 = 128_000;
/// The most of a window that an answer keeps free, and in percent what estimates may be off.
const MOST_ANSWER_SHARE: u64 = 4;
const MARGIN_PERCENT: u64 = 6;
/// What is left of a history, in percent, and at the least.
const LEFT_PERCENT: u64 = 15;
const LEAST_LEFT: u64 = 4_000;
/// How much of what is dropped is read again, in percent.
const READ_AGAIN_PERCENT: u64 = 25;
/// Millionths of a nano-dollar in one.
const MICRO: i128 = 1_000_000;
/// It must be cheaper by this much.
const GAIN_PERCENT: i128 = 20;
/// Requests that a turn takes, and the most that are believed in.
const LEAST_REQUESTS: u32 = 6;
const MOST_REQUESTS: u32 = 30;

/// Decides whether a history is made shorter before the next request.
pub fn decide(inputs: &CompactionInputs) -> Compaction {
    let CompactionInputs { prompt_tokens, fixed_tokens, .. } = *inputs;
    if let Some(window) = inputs.window_tokens {
        let most = most_prompt(window, inputs.answer_tokens);
        if prompt_tokens > most {
            let reason = format!(
                "{prompt_tokens} tokens do not fit into the window of {window} with an answer"
            );
            return Compaction::Forced { reason, most_tokens: most };
        }
    }
    let cold = inputs.idle >= inputs.cache_life;
    let history = prompt_tokens.saturating_sub(fixed_tokens);
    let Some(prices) = inputs.prices else { return Compaction::Keep };
    if history < if cold { LEAST_COLD } else { LEAST_WARM } {
        return Compaction::Keep;
    }
    let left = (history * LEFT_PERCENT / 100).max(LEAST_LEFT);
    let requests = requests_to_come(inputs.requests);
    let reads = |tokens| prices.read.micro_nanos(tokens) * i128::from(requests - 1);
    let first = |tokens, warm: u64| {
        if cold {
            prices.write.micro_nanos(tokens)
        } else {
            prices.read.micro_nanos(warm) + prices.write.micro_nanos(tokens - warm)
        }
    };
    let keep = first(prompt_tokens, prompt_tokens) + reads(prompt_tokens);
    let after = fixed_tokens + left;
    let again = (history - left.min(history)) * READ_AGAIN_PERCENT / 100;
    let shorter = first(after, fixed_tokens)
        + reads(after)
        + prices.write.micro_nanos(again)
        + i128::from(inputs.summary.nanos()) * MICRO;
    if shorter * (100 + GAIN_PERCENT) >= keep * 100 {
        return Compaction::Keep;
    }
    let why =
        if cold { "the vendor's cache is cold" } else { "reading all of it again costs more" };
    let percent = 100 - shorter * 100 / keep.max(1);
    Compaction::Planned {
        after_tokens: after,
        saves: Money::from_micro_nanos(keep - shorter),
        reason: format!("{why}: about {percent} % less for the next {requests} requests"),
    }
}

/// Returns how many requests are likely to follow: a session goes on about half as long again as it has, and a new
/// turn takes a few.
pub(super) fn requests_to_come(so_far: u32) -> u32 {
    (so_far / 2).clamp(LEAST_REQUESTS, MOST_REQUESTS)
}

/// Returns the longest prompt that leaves room for an answer in a window.
pub fn most_prompt(window: u64, answer_tokens: u64) -> u64 {
    let answer = answer_tokens.min(window / MOST_ANSWER_SHARE);
    (window - answer).saturating_sub(window * MARGIN_PERCENT / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SONNET: PromptPrices = PromptPrices {
        input: Price(3_000_000_000),
        write: Price(3_750_000_000),
        read: Price(300_000_000),
    };

    fn inputs(prompt_tokens: u64, idle_s: u64, requests: u32) -> CompactionInputs {
        CompactionInputs {
            prompt_tokens,
            fixed_tokens: 2_000,
            window_tokens: Some(200_000),
            answer_tokens: 32_000,
            idle: Duration::from_secs(idle_s),
            cache_life: Duration::from_secs(300),
            prices: Some(SONNET),
            requests,
            summary: Money::from_nanos(15_000_000),
        }
    }

    #[test]
    fn a_history_is_made_shorter_where_that_is_cheaper() {
        let planned = |inputs| matches!(decide(&inputs), Compaction::Planned { .. });
        // Cold: all is written anew anyway.
        assert!(planned(inputs(80_000, 600, 5)));
        assert!(!planned(inputs(20_000, 600, 5)));
        // Warm: only where much is read often.
        assert!(!planned(inputs(80_000, 10, 60)));
        assert!(!planned(inputs(120_000, 10, 8)));
        assert!(planned(inputs(150_000, 10, 60)));
        // Without prices nobody can tell.
        assert!(!planned(CompactionInputs { prices: None, ..inputs(80_000, 600, 5) }));
    }

    #[test]
    fn a_summary_that_costs_more_than_it_saves_is_not_asked_for() {
        let planned = |summary| {
            let summary = Money::from_nanos(summary);
            let inputs = CompactionInputs { summary, ..inputs(32_000, 600, 5) };
            matches!(decide(&inputs), Compaction::Planned { .. })
        };
        // A cheap model writes it for a cent at the most, a dear one for ten.
        assert!(planned(0) && planned(10_000_000));
        assert!(!planned(100_000_000));
    }

    #[test]
    fn a_full_window_leaves_no_choice() {
        let forced = |inputs| matches!(decide(&inputs), Compaction::Forced { .. });
        assert!(forced(CompactionInputs { prices: None, ..inputs(160_000, 0, 1) }));
        assert!(!forced(inputs(150_000, 0, 1)));
        assert!(!forced(CompactionInputs { window_tokens: None, ..inputs(900_000, 0, 1) }));
        // A tiny window keeps a quarter for the answer.
        assert_eq!(most_prompt(8_000, 32_000), 5_520);
        assert_eq!(most_prompt(0, 32_000), 0);
    }

    #[test]
    fn a_cache_that_reads_for_nothing_is_never_given_up_while_warm() {
        let free = PromptPrices { read: Price(0), ..SONNET };
        let inputs = CompactionInputs { prices: Some(free), ..inputs(150_000, 1, 100) };
        assert_eq!(decide(&inputs), Compaction::Keep);
    }
}
