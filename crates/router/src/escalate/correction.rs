//! Whether a stronger model does the rest itself, or only says what is wrong and leaves the work to who failed at it,
//! by what either is likely to cost. Pure.
//!
//! To say what is wrong takes one short request. Who failed reads its own conversation from the vendor's cache and works
//! at its own price; where it fails again, the stronger model goes on after all, so that a correction that helps too
//! seldom costs more than it spares.

use distiq_base::{Money, Usage};
use distiq_llm::{Catalogue, PriceContext};
use jiff::Timestamp;

use crate::classify::Label;
use crate::planning::{chance, with_plan};
use crate::route::{Candidate, Tier};

/// What is left, of its own chance, to a model that has failed at the same work before. Set by hand, not measured.
pub const SECOND_TRY: f64 = 0.5;
/// The requests that are left where a turn has failed, in percent of those that it took.
const LEFT_PERCENT: u64 = 50;
/// What a correction comes to.
const CORRECTION_TOKENS: u64 = 1_000;
/// It must be cheaper by this much, in percent: the user waits for it.
const GAIN_PERCENT: f64 = 10.0;

/// What is known when it is decided who does the rest.
#[derive(Clone, Copy, Debug)]
pub struct CorrectionInputs<'a> {
    /// How hard the request is.
    pub label: Label,
    /// Who failed.
    pub from: &'a Candidate,
    /// Who is next.
    pub to: &'a Candidate,
    /// When; prices have dates and hours.
    pub at: Timestamp,
    /// Tokens of the conversation.
    pub prompt_tokens: u64,
    /// What of it the next one would be handed.
    pub handed_tokens: u64,
    /// What it reads to say what is wrong.
    pub told_tokens: u64,
    /// Whether the vendor still has the conversation cached for who failed.
    pub is_warm: bool,
    /// Requests of the turn so far, and tokens of their answers.
    pub requests: u64,
    /// Tokens of their answers.
    pub answer_tokens: u64,
}

/// Who does the rest.
#[derive(Clone, Debug, PartialEq)]
pub struct CorrectionDecision {
    /// Whether a correction is likely to cost less.
    pub pays: bool,
    /// What the rest is likely to cost with one; `None` where a price is unknown.
    pub with_correction: Option<Money>,
    /// And where the next one does it.
    pub in_full: Option<Money>,
}

/// Returns how likely a model does the rest of what it failed at, told what to do by another; both from their chances
/// at the whole.
pub fn second_chance(own: f64, corrector: f64, second_try: f64) -> f64 {
    with_plan(own * second_try, corrector)
}

/// Decides who does the rest.
pub fn decide(inputs: &CorrectionInputs<'_>, catalogue: &Catalogue) -> CorrectionDecision {
    let CorrectionInputs { label, from, to, .. } = *inputs;
    let desk = Desk { inputs, catalogue };
    let asked = Usage { input: inputs.told_tokens, output: CORRECTION_TOKENS, ..Usage::default() };
    let in_full = desk.rest(to, inputs.handed_tokens, false);
    let back = desk.rest(from, inputs.prompt_tokens, inputs.is_warm);
    let of = |way: &Candidate| chance(way.tier.unwrap_or(Tier::Balanced), label);
    let fails = 1.0 - second_chance(of(from), of(to), SECOND_TRY);
    let with_correction = desk
        .price(to, &asked)
        .zip(back)
        .zip(in_full)
        .map(|((asked, back), in_full)| asked + back + fails * in_full);
    let pays = with_correction
        .zip(in_full)
        .is_some_and(|(with, full)| with * (100.0 + GAIN_PERCENT) < full * 100.0);
    let money = |nanos: f64| Money::from_nanos(nanos as i64);
    CorrectionDecision {
        pays,
        with_correction: with_correction.map(money),
        in_full: in_full.map(money),
    }
}

struct Desk<'a> {
    inputs: &'a CorrectionInputs<'a>,
    catalogue: &'a Catalogue,
}

impl Desk<'_> {
    /// Returns what the rest costs at a model that begins with a prompt of so many tokens, which grows as it did.
    fn rest(&self, way: &Candidate, prompt_tokens: u64, is_warm: bool) -> Option<f64> {
        let CorrectionInputs { requests, answer_tokens, .. } = *self.inputs;
        let requests = requests.max(1);
        let (growth, answer) = (self.inputs.prompt_tokens / requests, answer_tokens / requests);
        let left = (requests * LEFT_PERCENT).div_ceil(100).max(1);
        let mut sum = 0.0;
        let mut read = if is_warm { prompt_tokens } else { 0 };
        for at in 0..left {
            let prompt = prompt_tokens + growth * at;
            let usage = Usage {
                cache_read: read,
                cache_write: prompt - read,
                output: answer,
                ..Usage::default()
            };
            sum += self.price(way, &usage)?;
            read = prompt;
        }
        Some(sum)
    }

    fn price(&self, way: &Candidate, usage: &Usage) -> Option<f64> {
        let context = PriceContext::at(self.inputs.at);
        let price = self.catalogue.price(&way.provider, &way.model, usage, &context)?;
        Some(price.nanos() as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(model: &str, tier: Tier) -> Candidate {
        Candidate { tier: Some(tier), ..Candidate::new("anthropic", model) }
    }

    fn decided(
        label: Label,
        (from, to): (&Candidate, &Candidate),
        adapt: fn(&mut CorrectionInputs<'_>),
    ) -> CorrectionDecision {
        let mut inputs = CorrectionInputs {
            label,
            from,
            to,
            at: "2026-11-21T12:00:00Z".parse().unwrap(),
            prompt_tokens: 14_000,
            handed_tokens: 14_000,
            told_tokens: 4_000,
            is_warm: true,
            requests: 8,
            answer_tokens: 4_000,
        };
        adapt(&mut inputs);
        decide(&inputs, &Catalogue::builtin())
    }

    #[test]
    fn a_correction_is_asked_for_where_the_rest_costs_less_with_it() {
        let (cheap, middle) =
            (way("claude-haiku-5-5", Tier::Budget), way("claude-sonnet-5-5", Tier::Balanced));
        let dear = way("claude-opus-5-5", Tier::Premium);
        let usual = decided(Label::Medium, (&cheap, &middle), |_| {});
        assert!(usual.pays && usual.with_correction < usual.in_full, "{usual:?}");
        // One request is all that is left: it may as well be the answer.
        assert!(
            !decided(Label::Simple, (&cheap, &middle), |inputs| {
                (inputs.requests, inputs.answer_tokens) = (2, 300);
                (inputs.prompt_tokens, inputs.handed_tokens) = (3_000, 3_000);
            })
            .pays
        );
        // Who is half as dear and fails as often is not worth the question once its own cache is cold.
        let cold = decided(Label::Complex, (&middle, &dear), |inputs| inputs.is_warm = false);
        let warm = decided(Label::Complex, (&middle, &dear), |_| {});
        assert!(warm.with_correction < cold.with_correction && warm.in_full == cold.in_full);
        // What would be handed over short is cheap to hand over.
        let short =
            decided(Label::Medium, (&cheap, &middle), |inputs| inputs.handed_tokens = 3_000);
        assert!(short.in_full < usual.in_full);
        // A long look costs more than it spares.
        let long = decided(Label::Medium, (&cheap, &middle), |inputs| inputs.told_tokens = 40_000);
        assert!(!long.pays, "{long:?}");
        // Without prices nobody can tell.
        let unknown = way("nobody-knows", Tier::Balanced);
        let blind = decided(Label::Medium, (&cheap, &unknown), |_| {});
        assert_eq!((blind.pays, blind.in_full), (false, None));
    }

    #[test]
    fn who_failed_before_is_less_likely_to_do_it() {
        for (own, corrector) in [(0.4, 0.75), (0.8, 0.93), (0.9, 0.5), (0.0, 1.0)] {
            let again = second_chance(own, corrector, SECOND_TRY);
            assert!(again < with_plan(own, corrector) || own == 0.0, "{own} {corrector} {again}");
            assert!((0.0..1.0).contains(&again));
        }
        assert_eq!((second_chance(0.4, 0.75, 0.5) * 1000.0).round() as i64, 585);
    }
}
