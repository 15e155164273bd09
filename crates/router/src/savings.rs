//! What a request would have cost otherwise, and what each mechanism saved of it. Pure.
//!
//! The parts follow from each other: the whole conversation on the premium model, nothing cached; then
//! without what was left out of it; then on the model that was asked; then with the vendor's cache, which
//! is what was paid. Each part is the difference of two steps, so that they add up to the whole exactly.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use distiq_base::{Money, Usage};
use jiff::Timestamp;

use crate::ledger::rows::Savings;

/// Tokens that are not in a prompt because of what Distiq does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Because the conversation was made shorter.
    pub context_tokens: u64,
    /// Because texts were compressed.
    pub compression_tokens: u64,
}

impl LeftOut {
    /// Returns all of them.
    pub const fn tokens(&self) -> u64 {
        self.context_tokens.saturating_add(self.compression_tokens)
    }

    /// Returns what of it could have been sent: beside a prompt, nothing beyond the model's window.
    #[must_use]
    pub fn within(self, window: Option<u64>, prompt_tokens: u64) -> Self {
        let room = window.map_or(u64::MAX, |window| window.saturating_sub(prompt_tokens));
        let compression_tokens = self.compression_tokens.min(room);
        let context_tokens = self.context_tokens.min(room - compression_tokens);
        Self { context_tokens, compression_tokens }
    }
}

/// What sessions last sent, as a loop that only appends would have.
#[derive(Debug, Default)]
pub(crate) struct Warm(Mutex<HashMap<String, (u64, Timestamp)>>);

/// Most sessions remembered; then all are forgotten, which costs no more than a claim.
const MOST_SESSIONS: usize = 10_000;

impl Warm {
    /// Returns how much of a prompt of `tokens` the last one of its session covers, if a cache of that
    /// `life` still has it, and remembers it.
    pub fn note(&self, session: &str, tokens: u64, life: Duration, now: Timestamp) -> u64 {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if sessions.len() >= MOST_SESSIONS && !sessions.contains_key(session) {
            sessions.clear();
        }
        let last = sessions.insert(session.to_owned(), (tokens, now));
        let warm =
            |at: Timestamp| Duration::try_from(now.duration_since(at)).unwrap_or_default() < life;
        last.filter(|(_, at)| warm(*at)).map_or(0, |(last, _)| last.min(tokens))
    }
}

/// What came of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Tokens of the attempt that answered.
    pub usage: Usage,
    /// What all attempts cost; nothing for an answer that was kept.
    pub paid: Money,
    /// What the attempts before the last cost.
    pub earlier: Money,
    /// What is not in the prompt.
    pub left_out: LeftOut,
    /// How much of the prompt a loop that only appends would have read from the vendor's cache.
    pub warm_tokens: u64,
    /// Where the answer came from.
    pub source: Source,
}

/// Where an answer came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// A model, asked for the answer itself.
    #[default]
    Model,
    /// A model, asked for something that only Distiq wants, such as a summary.
    Overhead,
    /// A model, asked so that a cheaper one does the work: a plan, a look at an answer, what is done again after one that
    /// could not be relied on.
    Routing,
    /// A model, asked so that its vendor's cache lives on.
    KeepAlive,
    /// An answer that was kept.
    ResponseCache,
    /// The index, without a model.
    Local,
}

/// What tokens cost on a model; `None` where nobody knows.
pub type Pricing<'a> = &'a dyn Fn(&Usage) -> Option<Money>;

/// Tells what was saved, held against the `premium` model; `asked` is the model that answered, or would
/// have. Without prices nothing is claimed.
pub fn savings(outcome: &Outcome, premium: Pricing<'_>, asked: Pricing<'_>) -> Savings {
    priced(outcome, premium, asked).unwrap_or_default()
}

fn priced(outcome: &Outcome, premium: Pricing<'_>, asked: Pricing<'_>) -> Option<Savings> {
    let Outcome { usage, paid, earlier, left_out, .. } = *outcome;
    if matches!(outcome.source, Source::Overhead | Source::Routing | Source::KeepAlive) {
        // Without Distiq it would not have been sent.
        let lost = Some(Money::ZERO.minus(paid));
        let none = Some(Money::ZERO);
        let baselines = Savings { baseline_premium: none, baseline_append_only: none, ..zero() };
        return Some(match outcome.source {
            Source::Routing => Savings { route: lost, ..baselines },
            Source::KeepAlive => Savings { prompt_cache: lost, ..baselines },
            _ => Savings { context: lost, ..baselines },
        });
    }
    let plain = |more: u64| Usage {
        input: usage.prompt().saturating_add(more),
        output: usage.output,
        reasoning: usage.reasoning,
        ..Usage::default()
    };
    let sent = premium(&plain(0))?;
    // Mostly nothing is left out, and prices are asked for with every request.
    let shorter = match left_out.compression_tokens {
        0 => sent,
        more => premium(&plain(more))?,
    };
    let whole = match left_out.context_tokens {
        0 => shorter,
        _ => premium(&plain(left_out.tokens()))?,
    };
    let routed = asked(&plain(0))?.plus(earlier);
    let rest = Some(routed.minus(paid));
    let mut savings = Savings {
        baseline_premium: Some(whole),
        baseline_append_only: premium(&appended(outcome)),
        context: Some(whole.minus(shorter)),
        compression: Some(shorter.minus(sent)),
        route: Some(sent.minus(routed)),
        ..zero()
    };
    match outcome.source {
        Source::Model | Source::Overhead | Source::Routing | Source::KeepAlive => {
            savings.prompt_cache = rest;
        }
        Source::ResponseCache => savings.response_cache = rest,
        Source::Local => savings.zero_token = rest,
    }
    Some(savings)
}

/// Returns the tokens of the same request in a loop that only appends and lets its vendor cache.
fn appended(outcome: &Outcome) -> Usage {
    let prompt = outcome.usage.prompt().saturating_add(outcome.left_out.tokens());
    let read = outcome.warm_tokens.min(prompt);
    Usage {
        cache_read: read,
        cache_write: prompt - read,
        output: outcome.usage.output,
        reasoning: outcome.usage.reasoning,
        ..Usage::default()
    }
}

const fn zero() -> Savings {
    let none = Some(Money::ZERO);
    Savings {
        baseline_premium: none,
        baseline_append_only: none,
        route: none,
        prompt_cache: none,
        response_cache: none,
        compression: none,
        zero_token: none,
        context: none,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Dollars a million: input, write, read, output.
    fn price(rates: [i64; 4]) -> impl Fn(&Usage) -> Option<Money> {
        move |usage| {
            let of = |tokens: u64, rate: i64| i64::try_from(tokens).unwrap() * rate / 7;
            Some(Money::from_nanos(
                of(usage.input, rates[0])
                    + of(usage.cache_write + usage.cache_write_long, rates[1])
                    + of(usage.cache_read, rates[2])
                    + of(usage.output, rates[3]),
            ))
        }
    }

    fn sum(savings: &Savings) -> Money {
        let Savings {
            context, compression, route, prompt_cache, response_cache, zero_token, ..
        } = *savings;
        [context, compression, route, prompt_cache, response_cache, zero_token]
            .into_iter()
            .fold(Money::ZERO, |sum, part| sum.plus(part.unwrap()))
    }

    #[test]
    fn each_part_is_told_apart() {
        let usage =
            Usage { cache_read: 8_000, cache_write: 2_000, output: 100, ..Usage::default() };
        let (premium, asked) = (price([21, 26, 2, 105]), price([7, 9, 1, 35]));
        let outcome = Outcome {
            usage,
            paid: asked(&usage).unwrap(),
            left_out: LeftOut { context_tokens: 5_000, compression_tokens: 1_000 },
            warm_tokens: 14_000,
            ..Outcome::default()
        };
        let savings = savings(&outcome, &premium, &asked);
        assert_eq!(savings.baseline_premium, Some(Money::from_nanos(48_000 + 1_500)));
        // 14,000 read, 2,000 written.
        assert_eq!(savings.baseline_append_only, Some(Money::from_nanos(4_000 + 7_428 + 1_500)));
        assert_eq!(savings.context, Some(Money::from_nanos(15_000)));
        assert_eq!(savings.compression, Some(Money::from_nanos(3_000)));
        assert_eq!(savings.route, Some(Money::from_nanos(30_000 + 1_500 - 10_000 - 500)));
        let whole = savings.baseline_premium.unwrap().minus(outcome.paid);
        assert_eq!(sum(&savings), whole);
    }

    #[test]
    fn nothing_is_claimed_without_prices_and_overhead_is_no_saving() {
        let asked = price([7, 9, 1, 35]);
        let outcome = Outcome { paid: Money::from_nanos(9), ..Outcome::default() };
        assert_eq!(savings(&outcome, &|_| None, &asked), Savings::default());
        assert_eq!(savings(&outcome, &asked, &|_| None), Savings::default());
        let overhead = Outcome { source: Source::Overhead, ..outcome };
        let savings = savings(&overhead, &asked, &asked);
        assert_eq!(savings.baseline_premium, Some(Money::ZERO));
        assert_eq!(sum(&savings), Money::from_nanos(-9));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]
        #[test]
        fn the_parts_add_up_to_the_whole(
            counts in prop::array::uniform6(0_u64..3_000_000),
            more in prop::array::uniform3(0_u64..400_000),
            rates in prop::array::uniform8(0_i64..100_000),
            earlier in 0_i64..1_000_000_000,
            source in 0_u8..5,
        ) {
            let usage = Usage {
                input: counts[0], cache_read: counts[1], cache_write: counts[2],
                cache_write_long: counts[3], output: counts[4], reasoning: counts[5].min(counts[4]),
                cost: None,
            };
            let premium = price([rates[0], rates[1], rates[2], rates[3]]);
            let asked = price([rates[4], rates[5], rates[6], rates[7]]);
            let source = match source {
                0 => Source::Model,
                1 => Source::Overhead,
                2 => Source::ResponseCache,
                3 => Source::Routing,
                _ => Source::Local,
            };
            let earlier = Money::from_nanos(earlier);
            let paid = match source {
                Source::Model | Source::Overhead | Source::Routing => asked(&usage).unwrap().plus(earlier),
                _ => Money::ZERO,
            };
            let outcome = Outcome {
                usage, paid, earlier, source, warm_tokens: more[2],
                left_out: LeftOut { context_tokens: more[0], compression_tokens: more[1] },
            };
            let savings = savings(&outcome, &premium, &asked);
            prop_assert_eq!(sum(&savings), savings.baseline_premium.unwrap().minus(paid));
        }
    }
}
