//! When a vendor's cache is read only to keep it alive.
//!
//! While a session waits, for a tool or for the user, its prompt is forgotten after a while and has to be written again. To
//! read it once more before that costs a tenth of the writing or less, and is lost where the wait does not end within the
//! lives that it gains. How likely that is, the session's own waits say, those for tools and those for the user's next
//! words each for themselves.

use std::time::Duration;

use distiq_base::{CacheTtl, Money, Request};

use super::compaction::PromptPrices;
use super::lifetimes::SHORT_LIFE;

/// Waits that are told apart: by how many readings they outlive; the last ones outlive an hour.
const READINGS: usize = 14;
/// What is believed of waits before there were any weighs as much as so many.
const PRIOR_WAITS: f64 = 4.0;
/// Most readings in a session.
const MOST_A_SESSION: u32 = 100;
/// What is saved must be more than what is paid by so much, since chances are guessed.
const GAIN: f64 = 1.2;
/// So long before its end a cache is read.
const AHEAD: Duration = Duration::from_secs(30);
/// And so long after the reading before.
const STEP: Duration = Duration::from_secs(SHORT_LIFE.as_secs() - AHEAD.as_secs());

/// What a session waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WaitFor {
    /// A tool, or the user whom it asks.
    #[default]
    Tools,
    /// What the user says next, who may never come back.
    NextTurn,
}

impl WaitFor {
    /// Both.
    pub const ALL: [WaitFor; 2] = [WaitFor::Tools, WaitFor::NextTurn];

    /// Returns the most readings in one wait.
    pub const fn most(self) -> u32 {
        match self {
            WaitFor::Tools => 6,
            WaitFor::NextTurn => 3,
        }
    }

    /// Returns how likely a wait ends at all, before there were any: set by hand.
    const fn ends(self) -> f64 {
        match self {
            WaitFor::Tools => 1.0,
            WaitFor::NextTurn => 0.5,
        }
    }
}

/// How long a session's waits for one thing were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waits {
    by_readings: [u32; READINGS],
    wait_for: WaitFor,
}

impl Waits {
    /// Makes those of a session that has not waited yet.
    pub const fn none(wait_for: WaitFor) -> Self {
        Self { by_readings: [0; READINGS], wait_for }
    }

    /// Takes a wait in; those within the first life need nothing.
    pub fn note(&mut self, wait: Duration) {
        let readings = steps(wait.saturating_sub(AHEAD)).min(READINGS - 1);
        if let Some(count) = self.by_readings.get_mut(readings).filter(|_| readings > 0) {
            *count = count.saturating_add(1);
        }
    }

    /// Returns how many outlived the first life, and how many of these an hour, too.
    pub fn long(&self) -> (u32, u32) {
        let [.., an_hour] = self.by_readings;
        (self.by_readings.iter().sum(), an_hour)
    }

    /// Returns how likely a wait ends within the life that the next reading gains, the first, the second and so on.
    ///
    /// Before a session has shown any, the chance that it lasts twice as long as it has is taken for 1 in √2, if it is a
    /// wait that ends.
    pub fn chance(&self, reading: usize) -> f64 {
        let reading = reading.clamp(1, READINGS - 1);
        let so_far = reading as f64;
        let prior = (1.0 - (so_far / (so_far + 1.0)).sqrt()) * self.wait_for.ends();
        let ends: u32 = self.by_readings.get(reading).copied().unwrap_or_default();
        let lasted: u32 = self.by_readings.iter().skip(reading).sum();
        (f64::from(ends) + PRIOR_WAITS * prior) / (f64::from(lasted) + PRIOR_WAITS)
    }

    /// Returns how likely a wait that outlived the first life outlives an hour, too.
    pub fn outlives_an_hour(&self) -> f64 {
        (1..READINGS - 1).map(|reading| 1.0 - self.chance(reading)).product()
    }

    /// Returns what a wait is likely to cost from a reading on, where the cache is read at `read` as long as that is
    /// likely to be cheaper than a writing, `rewrite` more than a reading, and at most `times` more.
    pub(super) fn expected_cost(&self, reading: usize, times: u32, read: f64, rewrite: f64) -> f64 {
        let last = reading.saturating_add(times as usize);
        (reading..last).rev().fold(rewrite, |after, reading| {
            rewrite.min(read * GAIN + (1.0 - self.chance(reading)) * after)
        })
    }
}

/// Returns how many readings such a wait takes.
fn steps(wait: Duration) -> usize {
    usize::try_from(wait.as_secs() / STEP.as_secs()).unwrap_or(READINGS)
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
    /// The session's waits for the same.
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
    is_warm.then(|| STEP.saturating_sub(idle))
}

/// Decides whether the cache is read once more, now that its life is about to end; `None` where it is let go.
pub fn decide(inputs: &KeepAliveInputs) -> Option<KeepAlive> {
    let prices = inputs.prices?;
    let (in_wait, in_session) = inputs.times;
    let is_due = due_in(inputs.ttl, inputs.idle).is_some_and(|due| due.is_zero());
    if !is_due || in_wait >= inputs.waits.wait_for.most() || in_session >= MOST_A_SESSION {
        return None;
    }
    let cost = |price: distiq_base::Price| price.micro_nanos(inputs.prompt_tokens);
    let costs = Money::from_micro_nanos(cost(prices.read));
    let rewrite = Money::from_micro_nanos(cost(prices.write) - cost(prices.read));
    let saves = rewrite.minus(inputs.saved_if_cold);
    let reading = steps(inputs.waited).max(1);
    let chance = inputs.waits.chance(reading);
    let (read, cold) = (costs.nanos() as f64, saves.nanos() as f64);
    let times = inputs.waits.wait_for.most() - in_wait;
    let after = inputs.waits.expected_cost(reading + 1, times - 1, read, cold);
    let pays = read * GAIN + (1.0 - chance) * after < cold;
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
        let lasts: Vec<bool> = (1..10).map(|n| decide(&inputs(n * 275)).is_some()).collect();
        assert_eq!(lasts, [true, true, true, true, false, false, false, false, false]);
    }

    #[test]
    fn the_sessions_own_waits_say_how_likely_that_is() {
        let with = |minutes: &[u64], waited_s| {
            decide(&KeepAliveInputs { waits: waits(minutes), ..inputs(waited_s) }).is_some()
        };
        // Who comes back after an hour each time is not waited for; half an hour is read over from its beginning on.
        assert!(with(&[], 275) && !with(&[70; 12], 275) && with(&[28; 12], 275));
        assert!(!with(&[], 1_375) && with(&[24, 25, 26], 1_375));
        let short = waits(&[1, 2, 4]);
        assert_eq!(short, Waits::default());
        let chance = |lives| waits(&[6, 7, 12, 300]).chance(lives);
        assert!(chance(1) > 0.35 && chance(READINGS) < 0.6 && chance(0) == chance(1));
    }

    #[test]
    fn the_user_who_may_not_come_back_is_waited_for_less() {
        let lasts = |waits: Waits| -> Vec<bool> {
            let at = |n: u32| KeepAliveInputs {
                times: (n, n),
                waits,
                ..inputs(u64::from(n) * 300 + 275)
            };
            (0..5).map(|n| decide(&at(n)).is_some()).collect()
        };
        let none = Waits::none(WaitFor::NextTurn);
        assert_eq!(lasts(none), [true, false, false, false, false]);
        let mut back_soon = none;
        (0..8).for_each(|_| back_soon.note(Duration::from_secs(700)));
        assert_eq!(lasts(back_soon), [true, true, false, false, false]);
        // Never more than three times.
        let mut later = none;
        (0..90).for_each(|_| later.note(Duration::from_secs(1_100)));
        assert_eq!(lasts(later), [true, true, true, false, false]);
        let mut next_day = none;
        (0..3).for_each(|_| next_day.note(Duration::from_secs(50_000)));
        assert_eq!(lasts(next_day), [false; 5]);
        assert_eq!((next_day.long(), back_soon.long()), ((3, 3), (8, 0)));
        assert!(next_day.outlives_an_hour() > 0.7 && back_soon.outlives_an_hour() < 0.3);
    }

    #[test]
    fn it_is_let_go_where_that_is_cheaper_or_the_bounds_are_met() {
        let lets_go = |inputs| assert_eq!(decide(&inputs), None, "{inputs:?}");
        let at = inputs(275);
        // A conversation that is made shorter when it is cold is cheaper cold.
        lets_go(KeepAliveInputs { saved_if_cold: Money::from_nanos(100_000_000), ..at });
        lets_go(KeepAliveInputs { times: (WaitFor::Tools.most(), 9), ..at });
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
