//! How long vendors' caches live, and which lifetime pays.

use std::time::Duration;

use distiq_base::CacheTtl;

use super::compaction::PromptPrices;
use super::keep_alive::Waits;

const MINUTE: u64 = 60;
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rhythm {
    /// Requests so far.
    pub requests: u32,
    /// Waits between two of them in which a short life ended and a long one did not.
    pub long_waits: u32,
    /// How long those were that outlived a short life.
    pub waits: Waits,
}

impl Rhythm {
    /// Takes a request in that came `wait` after the one before.
    pub fn note(&mut self, wait: Option<Duration>) {
        self.requests = self.requests.saturating_add(1);
        wait.into_iter().for_each(|wait| self.waits.note(wait));
        if wait.is_some_and(|wait| (SHORT_LIFE..LONG_LIFE).contains(&wait)) {
            self.long_waits += 1;
        }
    }
}

/// A first wait says little of those to come: it is weighed as if so many requests had come without one. With 4 the
/// longer life lost money in simulated months of which 4 % of the answers were waited after.
const PRIOR_REQUESTS: u64 = 16;

/// Returns the lifetime that costs less for a prompt of `prompt_tokens` to which each request adds
/// `growth_tokens`: the long one costs more to write, and saves a writing of everything for each wait
/// that it outlives.
pub fn lifetime(
    rhythm: Rhythm,
    prompt_tokens: u64,
    growth_tokens: u64,
    prices: PromptPrices,
) -> CacheTtl {
    if rhythm.long_waits == 0 {
        return CacheTtl::Short;
    }
    // Written for an hour, a token costs twice its input price.
    let long_write = prices.input.micro_nanos(2 * growth_tokens);
    let dearer = long_write - prices.write.micro_nanos(growth_tokens);
    let saved = prices.write.micro_nanos(prompt_tokens) - prices.read.micro_nanos(prompt_tokens);
    let requests = i128::from(u64::from(rhythm.requests) + PRIOR_REQUESTS);
    if saved * i128::from(rhythm.long_waits) > dearer * requests {
        CacheTtl::Long
    } else {
        CacheTtl::Short
    }
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

    #[test]
    fn a_long_life_pays_where_waits_come_again() {
        let check = |requests, long_waits, prompt, expected| {
            let rhythm = Rhythm { requests, long_waits, ..Rhythm::default() };
            assert_eq!(lifetime(rhythm, prompt, 1_000, SONNET), expected, "{rhythm:?} {prompt}");
        };
        check(40, 0, 100_000, CacheTtl::Short);
        check(10, 1, 30_000, CacheTtl::Long);
        check(10, 1, 2_000, CacheTtl::Short);
        check(400, 1, 30_000, CacheTtl::Short);
        check(400, 40, 30_000, CacheTtl::Long);
    }

    #[test]
    fn waits_count_that_only_a_long_life_outlives() {
        let mut rhythm = Rhythm::default();
        for seconds in [1, 299, 300, 3_599, 3_600] {
            rhythm.note(Some(Duration::from_secs(seconds)));
        }
        rhythm.note(None);
        assert_eq!((rhythm.requests, rhythm.long_waits), (6, 2));
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
