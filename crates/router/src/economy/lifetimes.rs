//! How long vendors' caches live, and which lifetime pays.

use std::time::Duration;

use distiq_base::{CacheTtl, Money, Price};

use super::compaction::{PromptPrices, requests_to_come};
use super::keep_alive::{WaitFor, Waits};

const MINUTE: u64 = 60;
/// Prices are for so many tokens.
const TOKENS_OF_A_PRICE: f64 = 1_000_000.0;
/// Written for an hour, a token costs so many times its input price.
pub(super) const LONG_WRITE: i64 = 2;
/// Anthropic's two lifetimes, refreshed by each read (2026-11).
pub const SHORT_LIFE: Duration = Duration::from_secs(5 * MINUTE);
const LONG_LIFE: Duration = Duration::from_secs(60 * MINUTE);

/// Returns how long a vendor surely keeps a prompt that was written with `ttl` and that nobody asks for again.
pub fn life_of(provider: &str, model: &str, ttl: CacheTtl) -> Duration {
    match ttl {
        CacheTtl::Short => cache_life(provider, model),
        CacheTtl::Long => cache_life(provider, model).max(LONG_LIFE),
    }
}

/// Returns how long a vendor surely keeps a prompt that nobody asks for again (as of 2026-11): five minutes
/// where nothing else is known.
pub fn cache_life(provider: &str, model: &str) -> Duration {
    let model = model.rsplit_once('/').map_or(model, |(_, model)| model);
    match provider {
        // On disk, for hours to days.
        "deepseek" => Duration::from_secs(2 * 60 * MINUTE),
        "openai" if has_long_life(model) => Duration::from_secs(30 * MINUTE),
        // Local servers hold it until another prompt needs the room.
        "ollama" | "vllm" | "llamacpp" | "lmstudio" => Duration::from_secs(30 * MINUTE),
        _ => SHORT_LIFE,
    }
}

/// GPT-5.6 and later keep it for half an hour at the least.
fn has_long_life(model: &str) -> bool {
    let Some(version) = model.strip_prefix("gpt-") else { return false };
    let mut numbers =
        version.split(|c: char| !c.is_ascii_digit()).map(|n| n.parse::<u32>().unwrap_or(0));
    let (major, minor) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    (major, minor) >= (5, 6)
}

/// How a session has been going.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rhythm {
    /// Requests so far.
    pub requests: u32,
    /// How long the waits for tools were that outlived a short life.
    pub for_tools: Waits,
    /// And those for what the user says next.
    pub for_next_turn: Waits,
}

impl Default for Rhythm {
    fn default() -> Self {
        let [for_tools, for_next_turn] = WaitFor::ALL.map(Waits::none);
        Self { requests: 0, for_tools, for_next_turn }
    }
}

impl Rhythm {
    /// Takes a request in that came so long after the one before.
    pub fn note(&mut self, wait: Option<(WaitFor, Duration)>) {
        self.requests = self.requests.saturating_add(1);
        match wait {
            Some((WaitFor::Tools, wait)) => self.for_tools.note(wait),
            Some((WaitFor::NextTurn, wait)) => self.for_next_turn.note(wait),
            None => {}
        }
    }

    /// Returns the waits for one thing.
    pub const fn waits(&self, wait_for: WaitFor) -> Waits {
        match wait_for {
            WaitFor::Tools => self.for_tools,
            WaitFor::NextTurn => self.for_next_turn,
        }
    }

    /// Tells whether there were waits that a short life does not outlive, and a long one does.
    pub fn has_long_waits(&self) -> bool {
        WaitFor::ALL.iter().any(|wait_for| {
            let (all, an_hour) = self.waits(*wait_for).long();
            all > an_hour
        })
    }
}

/// What is known of a session where a lifetime is chosen for its next request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    /// How its requests came.
    pub rhythm: Rhythm,
    /// How long nothing was asked with its prefix.
    pub idle: Duration,
    /// How long what was written last was to live.
    pub ttl: CacheTtl,
    /// Whether its cache is kept alive where that pays.
    pub keeps_alive: bool,
    /// Whether its conversation is made shorter where that pays.
    pub shortens: bool,
}

/// A first wait says little of those to come: it is weighed as if so many requests had come without one. With 4 the
/// longer life lost money in simulated months of which 4 % of the answers were waited after.
const PRIOR_REQUESTS: u32 = 16;

/// What a lifetime is chosen by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LifetimeInputs {
    /// How the session has been going.
    pub rhythm: Rhythm,
    /// The next prompt.
    pub prompt_tokens: u64,
    /// What each request adds to it.
    pub growth_tokens: u64,
    /// Prices of a prompt token, to write one for the short life.
    pub prices: PromptPrices,
    /// Whether the vendor has forgotten it, so that all of it is written.
    pub is_cold: bool,
    /// Whether a cache of the short life is kept alive where that pays.
    pub keeps_alive: bool,
    /// What a cold cache would make cheaper where it was written for the short and for the long life: the conversation may
    /// be made shorter then.
    pub saved_if_cold: [Money; 2],
}

/// Returns the lifetime that costs less for the requests that are likely to follow: the long one costs more to write, now
/// and with each request, and spares the writing of everything after each wait that it outlives; the short one may be
/// kept alive over such a wait instead.
pub fn lifetime(inputs: &LifetimeInputs) -> CacheTtl {
    let LifetimeInputs { rhythm, prompt_tokens, growth_tokens, prices, .. } = *inputs;
    if !rhythm.has_long_waits() {
        return CacheTtl::Short;
    }
    let requests = f64::from(requests_to_come(rhythm.requests));
    let first = if inputs.is_cold { prompt_tokens } else { growth_tokens } as f64;
    let written = first + growth_tokens as f64 * (requests - 1.0);
    let waits_of = |wait_for| {
        let waits = rhythm.waits(wait_for);
        let times = f64::from(waits.long().0) / f64::from(rhythm.requests + PRIOR_REQUESTS);
        (waits, times * requests, wait_for)
    };
    let price = |price: Price| price.0 as f64;
    let read = price(prices.read);
    let [write, long_write] = prices.by_lifetime().map(|prices| price(prices.write));
    let all = |price: f64, saved: Money| {
        let rewrite = (price - read) * prompt_tokens as f64;
        (rewrite - saved.nanos() as f64 * TOKENS_OF_A_PRICE).max(0.0)
    };
    let [saved_short, saved_long] = inputs.saved_if_cold;
    let short = WaitFor::ALL.map(waits_of).map(|(waits, times, wait_for)| {
        let most = if inputs.keeps_alive { wait_for.most() } else { 0 };
        let reading = read * prompt_tokens as f64;
        times * waits.expected_cost(1, most, reading, all(write, saved_short))
    });
    let long = WaitFor::ALL
        .map(waits_of)
        .map(|(waits, times, _)| times * waits.outlives_an_hour() * all(long_write, saved_long));
    let short = write * written + short.iter().sum::<f64>();
    let long = long_write * written + long.iter().sum::<f64>();
    if long < short { CacheTtl::Long } else { CacheTtl::Short }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SONNET: PromptPrices = PromptPrices {
        input: Price(3_000_000_000),
        write: Price(3_750_000_000),
        read: Price(300_000_000),
    };

    /// A session with so many waits of so many minutes.
    fn inputs(requests: u32, waits: u32, minutes: u64, prompt_tokens: u64) -> LifetimeInputs {
        let mut rhythm = Rhythm::default();
        for at in 0..requests {
            let wait = Duration::from_secs(minutes * 60);
            rhythm.note((at < waits).then_some((WaitFor::Tools, wait)));
        }
        LifetimeInputs {
            rhythm,
            prompt_tokens,
            growth_tokens: 1_000,
            prices: SONNET,
            is_cold: false,
            keeps_alive: false,
            saved_if_cold: [Money::ZERO; 2],
        }
    }

    #[test]
    fn a_long_life_pays_where_waits_come_again() {
        let check = |requests, waits, prompt, expected| {
            let inputs = inputs(requests, waits, 30, prompt);
            assert_eq!(lifetime(&inputs), expected, "{inputs:?}");
        };
        check(40, 0, 100_000, CacheTtl::Short);
        check(10, 2, 30_000, CacheTtl::Long);
        check(10, 2, 2_000, CacheTtl::Short);
        check(400, 1, 30_000, CacheTtl::Short);
        check(400, 40, 30_000, CacheTtl::Long);
        // An hour is outlived by none of these waits.
        assert_eq!(lifetime(&inputs(20, 10, 70, 60_000)), CacheTtl::Short);
    }

    #[test]
    fn the_three_ways_are_held_against_each_other() {
        let with = |at: LifetimeInputs, expected| assert_eq!(lifetime(&at), expected, "{at:?}");
        // Waits of six minutes cost a reading each where the cache is kept alive, those of half an hour five.
        for (minutes, expected) in [(6, CacheTtl::Short), (28, CacheTtl::Long)] {
            let at = LifetimeInputs { growth_tokens: 3_000, ..inputs(30, 10, minutes, 40_000) };
            with(at, CacheTtl::Long);
            with(LifetimeInputs { keeps_alive: true, ..at }, expected);
        }
        // A conversation that is made shorter once it is cold is cheaper cold.
        let at = LifetimeInputs { growth_tokens: 3_000, ..inputs(30, 10, 28, 40_000) };
        let saved_if_cold = [Money::from_nanos(120_000_000); 2];
        with(LifetimeInputs { saved_if_cold, ..at }, CacheTtl::Short);
        // To write all of it for an hour now costs more than the few waits to come.
        let at = inputs(20, 2, 28, 40_000);
        with(at, CacheTtl::Long);
        with(LifetimeInputs { is_cold: true, keeps_alive: true, ..at }, CacheTtl::Short);
    }

    #[test]
    fn waits_count_that_only_a_long_life_outlives() {
        let mut rhythm = Rhythm::default();
        for seconds in [1, 299, 3_600, 300] {
            assert!(!rhythm.has_long_waits());
            rhythm.note(Some((WaitFor::NextTurn, Duration::from_secs(seconds))));
        }
        rhythm.note(None);
        assert!(rhythm.has_long_waits());
        assert_eq!((rhythm.requests, rhythm.for_next_turn.long()), (5, (2, 1)));
        assert_eq!(rhythm.for_tools.long(), (0, 0));
    }

    #[test]
    fn vendors_keep_prompts_for_different_times() {
        let minutes = |provider, model| cache_life(provider, model).as_secs() / 60;
        assert_eq!(minutes("anthropic", "claude-sonnet-5-5"), 5);
        assert_eq!(minutes("openai", "gpt-5"), 5);
        assert_eq!(minutes("openai", "gpt-5.6-luna"), 30);
        assert_eq!(minutes("openai", "gpt-6"), 30);
        assert_eq!(minutes("deepseek", "deepseek-v4"), 120);
    }
}
