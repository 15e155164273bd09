//! How long the fixed part of a prompt should be.
//!
//! Vendors cache only prefixes from a minimum length on. A prompt just below it is billed in full
//! until the conversation has grown past the minimum; a little longer, it is cached from the start.

use distiq_base::Price;

/// What a session's prompts will probably cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrefixCosts {
    /// The shortest prompt that the vendor caches, in tokens; 0 where it caches nothing.
    pub min_tokens: u64,
    /// A prompt token that no cache knew.
    pub input: Price,
    /// A prompt token written to the cache.
    pub write: Price,
    /// A prompt token read from the cache.
    pub read: Price,
    /// The first prompt without optional facts, in tokens.
    pub base_tokens: u64,
    /// Requests in the session.
    pub expected_requests: u32,
    /// What each request adds to the prompt, in tokens.
    pub growth_per_request: u64,
}

/// Our own counts are estimates: aim this far above the minimum, in percent.
const MARGIN_PERCENT: u64 = 8;
/// Longer sessions are decided as sessions of this length.
const MOST_REQUESTS: u32 = 1_000;

/// Returns how many tokens of optional project facts the first prompt should carry: just enough
/// to be cached, or none, by what the session costs with each.
///
/// More facts than that are a question of their worth, not of the cache.
pub fn prefix_target(costs: &PrefixCosts) -> u64 {
    let aim =
        costs.min_tokens.saturating_add(costs.min_tokens.saturating_mul(MARGIN_PERCENT) / 100);
    let facts = aim.saturating_sub(costs.base_tokens);
    if facts > 0 && session_cost(costs, facts) < session_cost(costs, 0) { facts } else { 0 }
}

/// Returns what all prompts of a session cost, in millionths of a nano-dollar.
fn session_cost(costs: &PrefixCosts, facts: u64) -> i128 {
    let mut prompt = costs.base_tokens.saturating_add(facts);
    let (mut cached, mut total) = (0, 0);
    for _ in 0..costs.expected_requests.min(MOST_REQUESTS) {
        if costs.min_tokens > 0 && prompt >= costs.min_tokens {
            total += costs.read.micro_nanos(cached) + costs.write.micro_nanos(prompt - cached);
            cached = prompt;
        } else {
            total += costs.input.micro_nanos(prompt);
        }
        prompt = prompt.saturating_add(costs.growth_per_request);
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    /// $3 per million, written at 1.25 times and read at a tenth of it.
    const SONNET: PrefixCosts = PrefixCosts {
        min_tokens: 1024,
        input: Price(3_000_000_000),
        write: Price(3_750_000_000),
        read: Price(300_000_000),
        base_tokens: 900,
        expected_requests: 7,
        growth_per_request: 30,
    };

    #[test]
    fn facts_are_added_only_where_caching_earns_them_back() {
        let check =
            |costs: PrefixCosts, facts| assert_eq!(prefix_target(&costs), facts, "{costs:?}");
        // Slow growth would leave the prompts uncached for long.
        check(SONNET, 205);
        // One request never reads what it wrote.
        check(PrefixCosts { expected_requests: 1, ..SONNET }, 0);
        // The second request is past the minimum anyway: only what is nearly there is lifted.
        check(PrefixCosts { growth_per_request: 2_000, ..SONNET }, 205);
        check(PrefixCosts { growth_per_request: 2_000, base_tokens: 500, ..SONNET }, 0);
        // Far below the minimum, filling up costs more than it saves.
        check(PrefixCosts { base_tokens: 100, min_tokens: 4_096, ..SONNET }, 0);
        // Above it there is nothing to gain, and a vendor without a cache gives nothing.
        check(PrefixCosts { base_tokens: 1_200, ..SONNET }, 0);
        check(PrefixCosts { min_tokens: 0, ..SONNET }, 0);
    }

    #[test]
    fn a_longer_session_never_makes_facts_less_worth() {
        let mut earned = false;
        for expected_requests in 1..100 {
            let adds = prefix_target(&PrefixCosts { expected_requests, ..SONNET }) > 0;
            assert!(adds || !earned, "{expected_requests}");
            earned |= adds;
        }
        assert!(earned);
    }
}
