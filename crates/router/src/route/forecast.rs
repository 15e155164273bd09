//! Where a request of a difficulty goes, and what that is likely to cost. Pure.

use distiq_base::{Money, Usage};
use distiq_llm::{Catalogue, PriceContext};
use jiff::Timestamp;
use serde::Serialize;

use super::{Candidate, Policy, Table, Tier};
use crate::classify::{Label, Verdict};

/// How a row of the ledger tells what a request was taken for, and that it may be harder.
const IS: &str = "the request is ";
const MAY_BE_COMPLEX: &str = "because it may be complex";

/// What a request is taken for where its tier is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difficulty {
    /// The label.
    pub label: Label,
    /// Whether it may be complex, though it is called simple or medium.
    pub may_be_complex: bool,
}

impl Difficulty {
    /// Takes it from the classifier.
    pub fn of(verdict: &Verdict) -> Self {
        let [.., complex] = verdict.probabilities;
        Self { label: verdict.label, may_be_complex: complex > RISK }
    }

    /// Reads it from the reasons of a row; `None` where no label chose the model.
    pub fn told_in(reasons: &[String]) -> Option<Self> {
        let label = reasons.iter().find_map(|reason| {
            let (label, _) = reason.strip_prefix(IS)?.split_once(" (")?;
            Label::parse(label)
        })?;
        let may_be_complex = reasons.iter().any(|reason| reason.contains(MAY_BE_COMPLEX));
        Some(Self { label, may_be_complex })
    }

    /// Returns the tier that a policy chooses.
    pub fn tier(self, policy: Policy) -> Tier {
        let tier = policy.tier_for(self.label);
        let above = tier.above().filter(|_| self.may_be_complex && tier <= Tier::Budget);
        above.unwrap_or(tier)
    }
}

impl Verdict {
    /// Tells what a request was taken for, as [`Difficulty::told_in`] reads it.
    pub fn told(&self) -> String {
        format!("{IS}{} ({:.2})", self.label, self.confidence)
    }
}

/// What a route is decided by.
#[derive(Clone, Debug)]
pub struct Inputs<'a> {
    /// What the request is.
    pub verdict: &'a Verdict,
    /// The user's policy.
    pub policy: Policy,
    /// When; prices have dates and hours.
    pub at: Timestamp,
}

/// A request that is complex with this likelihood does not go to the cheapest tier, though it is called
/// simple: one such request done twice costs what a dozen simple ones save.
const RISK: f32 = 0.1;

impl Inputs<'_> {
    /// Returns the tier, and why it is above that of the label where it is.
    pub fn tier(&self) -> (Tier, Option<String>) {
        let [.., complex] = self.verdict.probabilities;
        let usual = self.policy.tier_for(self.verdict.label);
        let tier = Difficulty::of(self.verdict).tier(self.policy);
        let risk = || format!("above {usual}, {MAY_BE_COMPLEX} ({complex:.2})");
        (tier, (tier > usual).then(risk))
    }

    /// Returns what the request is taken for where it is decided who plans it and who carries it out: one that may be
    /// complex, though it is called simple, is worth as much care as a medium one.
    pub fn care(&self) -> Label {
        match self.tier() {
            (_, Some(_)) => self.verdict.label.max(Label::Medium),
            (_, None) => self.verdict.label,
        }
    }
}

/// Where a request would go.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Forecast {
    /// The tier.
    pub tier: Tier,
    /// The first model of the tier that is set up.
    pub model: Option<Candidate>,
    /// Why.
    pub reasons: Vec<String>,
    /// What the work is likely to cost.
    pub expected_cost: Option<Money>,
}

/// The work that a request usually is: requests to a model, tokens of each prompt and answer.
pub const fn typical(label: Label) -> (u64, u64, u64) {
    match label {
        Label::Simple => (2, 3_000, 300),
        Label::Medium => (8, 12_000, 500),
        Label::Complex => (25, 30_000, 700),
    }
}

/// Returns the tokens of that work, with prompts that grow evenly up to twice the mean and are read from
/// the vendor's cache as far as the request before reached.
pub fn typical_usage(label: Label) -> Usage {
    let (requests, prompt, answer) = typical(label);
    let all = requests * prompt;
    let longest = prompt * 2 * requests / (requests + 1);
    Usage {
        cache_write: longest,
        cache_read: all.saturating_sub(longest),
        output: requests * answer,
        ..Usage::default()
    }
}

impl Table {
    /// Tells where a request would go by a policy.
    pub fn forecast(&self, inputs: &Inputs) -> Forecast {
        let label = inputs.verdict.label;
        let (tier, risk) = inputs.tier();
        let mut reasons = inputs.verdict.reasons.clone();
        let policy = match inputs.policy {
            Policy::Fixed => Policy::Balanced,
            policy => policy,
        };
        reasons.push(format!("policy {}: {label} goes to the tier {tier}", policy.as_str()));
        reasons.extend(risk);
        self.forecast_at(tier, reasons, inputs)
    }

    /// Tells where a request of a tier would go.
    pub(super) fn forecast_at(
        &self,
        tier: Tier,
        mut reasons: Vec<String>,
        inputs: &Inputs,
    ) -> Forecast {
        let model =
            self.tier(tier, "auto").ok().and_then(|route| route.candidates.into_iter().next());
        let usual = || {
            let (provider, model) = self.models(tier).first()?.split_once('/')?;
            Some(Candidate::new(provider, model))
        };
        let priced = model.clone().or_else(usual);
        let label = inputs.verdict.label;
        let cost = priced.as_ref().and_then(|way| self.expected_cost(way, label, inputs.at));
        if let (None, Some(way)) = (&model, &priced) {
            reasons.push(format!("no provider is set up; the cost is that of {way}"));
        }
        Forecast { tier, model, reasons, expected_cost: cost }
    }

    /// Returns what the work of a label is likely to cost at a model; `None` where its price is unknown.
    pub fn expected_cost(&self, way: &Candidate, label: Label, at: Timestamp) -> Option<Money> {
        expected_cost(&self.catalogue, way, label, at)
    }
}

/// Returns what the work of a label is likely to cost at a model; `None` where its price is unknown.
pub(crate) fn expected_cost(
    catalogue: &Catalogue,
    way: &Candidate,
    label: Label,
    at: Timestamp,
) -> Option<Money> {
    let (requests, _, _) = typical(label);
    let usage = typical_usage(label);
    // One request's price rather than that of all at once, which would reach tiers of long prompts.
    let one = Usage {
        cache_write: usage.cache_write / requests,
        cache_read: usage.cache_read / requests,
        output: usage.output / requests,
        ..Usage::default()
    };
    let price = catalogue.price(&way.provider, &way.model, &one, &PriceContext::at(at))?;
    let requests = i64::try_from(requests).ok()?;
    Some(Money::from_nanos(price.nanos().saturating_mul(requests)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_row_tells_is_read_back() {
        for (label, complex) in
            [(Label::Simple, 0.05), (Label::Simple, 0.15), (Label::Complex, 0.9)]
        {
            let verdict = Verdict {
                label,
                confidence: 0.8,
                probabilities: [0.8, 0.0, complex],
                reasons: Vec::new(),
            };
            for policy in [Policy::Cheapest, Policy::Balanced] {
                let inputs = Inputs { verdict: &verdict, policy, at: Timestamp::UNIX_EPOCH };
                let (tier, risk) = inputs.tier();
                let reasons: Vec<String> = [verdict.told()].into_iter().chain(risk).collect();
                let told = Difficulty::told_in(&reasons).unwrap();
                assert_eq!((told.label, told.tier(policy)), (label, tier), "{reasons:?}");
            }
        }
        let other =
            ["`auto` is the tier budget", "the request is quick (1.00)", "the request is simple"];
        assert_eq!(Difficulty::told_in(&other.map(str::to_owned)), None);
    }
}
