//! When a vendor's cache is read only to keep it alive.
//!
//! While a session waits, for a tool or for the user, its prompt is forgotten after a while and has to be written again. To
//! read it once more before that costs a tenth of the writing or less, and is lost where the wait does not end within the
//! life that it gains. How likely that is, the session's own waits say.

use std::time::Duration;

use distiq_base::{CacheTtl, Money, Request};

use super::compaction::PromptPrices;
use super::lifetimes::SHORT_LIFE;

/// Waits that are told apart: by how many lives of the cache they lasted.
const LIVES: usize = 13;
/// What is believed of waits before there were any weighs as much as so many.
const PRIOR_WAITS: f64 = 4.0;
/// Most readings in one wait.
pub const MOST_A_WAIT: u32 = 6;
/// And in a session.
const MOST_A_SESSION: u32 = 100;
/// What is saved must be more than what is paid by so much, since chances are guessed.
const GAIN: f64 = 1.2;
/// So long before its end a cache is read.
pub const AHEAD: Duration = Duration::from_secs(30);

/// How long a session's waits were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waits([u32; LIVES]);

impl Waits {
    /// Takes a wait in; those within the first life need nothing.
    pub fn note(&mut self, wait: Duration) {
        let lives = usize::try_from(wait.as_secs() / SHORT_LIFE.as_secs()).unwrap_or(LIVES);
        if let Some(count) = self.0.get_mut(lives.min(LIVES - 1)).filter(|_| lives > 0) {
            *count = count.saturating_add(1);
        }
    }

    /// Returns how likely a wait ends within the next life, where it lasted for so many, from 1.
    ///
    /// Before a session has shown any, the chance that it lasts twice as long as it has is taken for 1 in √2.
    pub fn chance(&self, lives: usize) -> f64 {
        let lives = lives.clamp(1, LIVES - 1);
        let so_far = lives as f64;
        let prior = 1.0 - (so_far / (so_far + 1.0)).sqrt();
        let ends: u32 = self.0.get(lives).copied().unwrap_or_default();
        let lasted: u32 = self.0.iter().skip(lives).sum();
        (f64::from(ends) + PRIOR_WAITS * prior) / (f64::from(lasted) + PRIOR_WAITS)
    }
}

/// What is known when it is decided whether the cache is kept alive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KeepAliveInputs {
    /// What the vendor has cached.
    pub prompt_tokens: u64,
    /// Prices of a prompt token; `None` where nobody knows them.
    pub prices: Option<PromptPrices>,
    /// How long it was to live.
    pub ttl: CacheTtl,
    /// How long nothing was asked but to keep it alive.
    pub waited: Duration,
    /// How long ago that was, or the last request.
    pub idle: Duration,
    /// How often it was kept alive in this wait, and in the session.
    pub times: (u32, u32),
    /// The session's waits.
    pub waits: Waits,
    /// What a cold cache would make cheaper: the conversation may be made shorter then.
    pub saved_if_cold: Money,
}

/// What is asked when it is decided whether the cache is kept alive; the fields are those of [`KeepAliveInputs`].
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct KeepAliveQuestion<'a> {
    pub provider: &'a str,
    /// What was sent last.
    pub request: &'a Request,
    pub ttl: CacheTtl,
    pub waited: Duration,
    pub idle: Duration,
    pub times: (u32, u32),
    pub waits: Waits,
    pub saved_if_cold: Money,
}

/// Why the cache is kept alive.
#[derive(Clone, Debug, PartialEq)]
pub struct KeepAlive {
    /// How likely the wait ends in time.
    pub chance: f64,
    /// What the reading costs, about.
    pub costs: Money,
    /// What it saves where the wait ends in time.
    pub saves: Money,
}

/// Returns how long it takes, from `idle` on, until it is to be decided; `None` where the cache is cold or lives long.
pub fn due_in(ttl: CacheTtl, idle: Duration) -> Option<Duration> {
    let is_warm = ttl == CacheTtl::Short && idle < SHORT_LIFE;
    is_warm.then(|| (SHORT_LIFE - AHEAD).saturating_sub(idle))
}

/// Decides whether the cache is read once more, now that its life is about to end; `None` where it is let go.
pub fn decide(inputs: &KeepAliveInputs) -> Option<KeepAlive> {
    let prices = inputs.prices?;
    let (in_wait, in_session) = inputs.times;
    let is_due = due_in(inputs.ttl, inputs.idle).is_some_and(|due| due.is_zero());
    if !is_due || in_wait >= MOST_A_WAIT || in_session >= MOST_A_SESSION {
        return None;
    }
    let cost = |price: distiq_base::Price| price.micro_nanos(inputs.prompt_tokens);
    let costs = Money::from_micro_nanos(cost(prices.read));
    let rewrite = Money::from_micro_nanos(cost(prices.write) - cost(prices.read));
    let saves = rewrite.minus(inputs.saved_if_cold);
    let lives = (inputs.waited + AHEAD).as_secs() / SHORT_LIFE.as_secs();
    let chance = inputs.waits.chance(usize::try_from(lives).unwrap_or(LIVES));
    let pays = chance * saves.nanos() as f64 > costs.nanos() as f64 * GAIN;
    pays.then_some(KeepAlive { chance, costs, saves })
}

#[cfg(test)]
mod tests {
    use distiq_base::Price;

    use super::*;

    /// Anthropic's multipliers at $3 a million.
    const SONNET: PromptPrices = PromptPrices {
        input: Price(3_000_000_000),
        write: Price(3_750_000_000),
        read: Price(300_000_000),
    };

    fn inputs(waited_s: u64) -> KeepAliveInputs {
        KeepAliveInputs {
            prompt_tokens: 40_000,
            prices: Some(SONNET),
            ttl: CacheTtl::Short,
            waited: Duration::from_secs(waited_s),
            idle: Duration::from_secs(275),
            times: (0, 0),
            waits: Waits::default(),
            saved_if_cold: Money::ZERO,
        }
    }

    fn waits(minutes: &[u64]) -> Waits {
        let mut waits = Waits::default();
        minutes.iter().for_each(|minutes| waits.note(Duration::from_secs(minutes * 60)));
        waits
    }

    #[test]
    fn it_is_kept_alive_while_the_wait_is_likely_to_end() {
        let keep = decide(&inputs(275)).unwrap();
        assert_eq!((keep.costs.nanos(), keep.saves.nanos()), (12_000_000, 138_000_000));
        assert!((0.29..0.30).contains(&keep.chance), "{keep:?}");
        // A wait that lasted long lasts on: the reading costs a twelfth of what it may save.
        let lasts: Vec<bool> = (1..10).map(|n| decide(&inputs(n * 300 - 25)).is_some()).collect();
        assert_eq!(lasts, [true, true, true, true, false, false, false, false, false]);
    }

    #[test]
    fn the_sessions_own_waits_say_how_likely_that_is() {
        let with = |minutes: &[u64], waited_s| {
            decide(&KeepAliveInputs { waits: waits(minutes), ..inputs(waited_s) }).is_some()
        };
        // Who comes back after an hour each time is not waited for.
        assert!(with(&[], 275) && !with(&[70; 12], 275));
        assert!(!with(&[], 1_475) && with(&[26, 27, 28], 1_475));
        let short = waits(&[1, 2, 4]);
        assert_eq!(short, Waits::default());
        let chance = |lives| waits(&[6, 7, 12, 300]).chance(lives);
        assert!(chance(1) > 0.35 && chance(LIVES) < 0.6 && chance(0) == chance(1));
    }

    #[test]
    fn it_is_let_go_where_that_is_cheaper_or_the_bounds_are_met() {
        let lets_go = |inputs| assert_eq!(decide(&inputs), None, "{inputs:?}");
        let at = inputs(275);
        // A conversation that is made shorter when it is cold is cheaper cold.
        lets_go(KeepAliveInputs { saved_if_cold: Money::from_nanos(100_000_000), ..at });
        lets_go(KeepAliveInputs { times: (MOST_A_WAIT, 9), ..at });
        lets_go(KeepAliveInputs { times: (0, MOST_A_SESSION), ..at });
        lets_go(KeepAliveInputs { prices: None, ..at });
        // Too early, too late, or it lives for an hour.
        lets_go(KeepAliveInputs { idle: Duration::from_secs(269), ..at });
        lets_go(KeepAliveInputs { idle: Duration::from_secs(300), ..at });
        lets_go(KeepAliveInputs { ttl: CacheTtl::Long, ..at });
        // Where writing costs nothing more, nothing is saved.
        let free = PromptPrices { write: SONNET.read, ..SONNET };
        lets_go(KeepAliveInputs { prices: Some(free), ..at });
    }

    #[test]
    fn a_wait_costs_less_than_a_writing() {
        for prompt_tokens in [1_000, 40_000, 900_000] {
            let mut paid = Money::ZERO;
            for times in 0..20 {
                let waited = u64::from(times) * 275 + 275;
                let waits = waits(&[28; 50]);
                let at =
                    KeepAliveInputs { prompt_tokens, times: (times, 0), waits, ..inputs(waited) };
                let Some(keep) = decide(&at) else { continue };
                paid = paid.plus(keep.costs);
                assert!(paid < keep.saves, "{at:?}");
            }
        }
    }
}
