//! When old results of tools are left out of a history.
//!
//! What is left out changes the prompt in its middle: all behind is written to the vendor's cache anew. That costs
//! nothing where the cache has gone cold anyway; else what is read less must come to more than is written.

use std::time::Duration;

use distiq_base::Money;

use super::compaction::{PromptPrices, requests_to_come};

/// A prompt with results of tools and without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PromptCut {
    /// The next prompt, with all of them.
    pub prompt_tokens: u64,
    /// And without.
    pub left_tokens: u64,
    /// The part of both before the first that is left out.
    pub same_tokens: u64,
    /// What of it is likely to be asked for again.
    pub again_tokens: u64,
}

/// What is known when it is decided whether results are left out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PruningInputs {
    /// What would be left out.
    pub cut: PromptCut,
    /// How long nothing was asked of the model with this prefix.
    pub idle: Duration,
    /// How long the vendor's cache lives.
    pub cache_life: Duration,
    /// Prices of a prompt token; `None` where nobody knows them.
    pub prices: Option<PromptPrices>,
    /// Requests of the session so far.
    pub requests: u32,
}

/// Why results are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pruning {
    /// In words.
    pub reason: String,
    /// What that is likely to save within the next requests.
    pub saves: Money,
}

/// Less than this is not worth a change.
const LEAST_TOKENS: u64 = 1_500;
/// It must be cheaper by this much, in percent: warm, the guess of how many requests follow decides.
const GAIN_COLD: i128 = 3;
const GAIN_WARM: i128 = 20;
/// What is asked for again takes a request of its own for so many tokens.
const TOKENS_A_REQUEST: u64 = 2_000;

/// Decides whether results are left out before the next request; `None` where they stay.
pub fn decide(inputs: &PruningInputs) -> Option<Pruning> {
    let PromptCut { prompt_tokens, left_tokens, same_tokens, again_tokens } = inputs.cut;
    let prices = inputs.prices?;
    if left_tokens + LEAST_TOKENS > prompt_tokens {
        return None;
    }
    let cold = inputs.idle >= inputs.cache_life;
    let requests = requests_to_come(inputs.requests);
    let read = |tokens: u64, times: u64| prices.read.micro_nanos(tokens) * i128::from(times);
    let later = u64::from(requests - 1);
    let keep = match cold {
        true => prices.write.micro_nanos(prompt_tokens) + read(prompt_tokens, later),
        false => read(prompt_tokens, later + 1),
    };
    let first = match cold {
        true => prices.write.micro_nanos(left_tokens),
        false => {
            let same = same_tokens.min(left_tokens);
            read(same, 1) + prices.write.micro_nanos(left_tokens - same)
        }
    };
    let again = prices.write.micro_nanos(again_tokens)
        + read(again_tokens, later)
        + read(left_tokens, again_tokens / TOKENS_A_REQUEST);
    let without = first + read(left_tokens, later) + again;
    let gain = if cold { GAIN_COLD } else { GAIN_WARM };
    if without * (100 + gain) >= keep * 100 {
        return None;
    }
    let why =
        if cold { "the vendor's cache is cold" } else { "reading all of it again costs more" };
    let percent = 100 - without * 100 / keep.max(1);
    Some(Pruning {
        reason: format!("{why}: about {percent} % less for the next {requests} requests"),
        saves: Money::from_micro_nanos(keep - without),
    })
}

#[cfg(test)]
mod tests {
    use distiq_base::Price;

    use super::*;

    const SONNET: PromptPrices = PromptPrices {
        input: Price(3_000_000_000),
        write: Price(3_750_000_000),
        read: Price(300_000_000),
    };

    /// 12,000 tokens can go, the first of them behind 10,000.
    const CUT: PromptCut = PromptCut {
        prompt_tokens: 40_000,
        left_tokens: 28_000,
        same_tokens: 10_000,
        again_tokens: 600,
    };

    fn inputs(idle_s: u64, cut: PromptCut) -> PruningInputs {
        PruningInputs {
            cut,
            idle: Duration::from_secs(idle_s),
            cache_life: Duration::from_secs(300),
            prices: Some(SONNET),
            requests: 20,
        }
    }

    #[test]
    fn a_cold_cache_is_the_moment_to_leave_things_out() {
        let cold = |cut| decide(&inputs(300, cut));
        let pruning = cold(CUT).unwrap();
        // 12,000 tokens: not written at $3.75, not read nine times at $0.30; 600 are asked for again.
        let again = 600 * 3_750 + 600 * 9 * 300;
        assert_eq!(pruning.saves, Money::from_nanos(12_000 * 3_750 + 12_000 * 9 * 300 - again));
        let words = "the vendor's cache is cold: about 29 % less for the next 10 requests";
        assert_eq!(pruning.reason, words);
        // All of it is asked for again, or there is next to nothing.
        assert_eq!(cold(PromptCut { again_tokens: 12_000, ..CUT }), None);
        assert_eq!(cold(PromptCut { left_tokens: 39_000, again_tokens: 0, ..CUT }), None);
        assert_eq!(decide(&PruningInputs { prices: None, ..inputs(300, CUT) }), None);
    }

    #[test]
    fn a_warm_cache_is_given_up_only_where_much_is_still_to_be_read() {
        assert_eq!(decide(&inputs(299, CUT)), None);
        let cut = PromptCut { left_tokens: 15_000, ..CUT };
        let warm = PruningInputs { requests: 60, ..inputs(0, cut) };
        let pruning = decide(&warm).unwrap();
        assert!(pruning.reason.starts_with("reading all of it again"), "{pruning:?}");
        // Nothing before what is left out stays warm then, and few requests follow.
        let all = PromptCut { same_tokens: 0, ..cut };
        assert_eq!(decide(&PruningInputs { cut: all, requests: 12, ..warm }), None);
        // A cache that is read for nothing is never given up.
        let free = PromptPrices { read: Price(0), ..SONNET };
        assert_eq!(decide(&PruningInputs { prices: Some(free), ..warm }), None);
    }

    #[test]
    fn it_never_costs_more_by_its_own_reckoning() {
        for prompt_tokens in [3_000, 30_000, 300_000] {
            for (left, again) in [10, 50, 90].into_iter().flat_map(|l| [0, 25, 100].map(|a| (l, a)))
            {
                for (idle, requests) in [(0, 2), (0, 100), (400, 2), (400, 100)] {
                    let left_tokens = prompt_tokens * left / 100;
                    let again_tokens = (prompt_tokens - left_tokens) * again / 100;
                    let same_tokens = left_tokens / 2;
                    let cut = PromptCut { prompt_tokens, left_tokens, same_tokens, again_tokens };
                    let decision = decide(&PruningInputs { requests, ..inputs(idle, cut) });
                    assert!(decision.is_none_or(|it| it.saves > Money::ZERO));
                }
            }
        }
    }
}
