//! Where a request of a difficulty goes, and what that is likely to cost. Pure.

use distiq_base::{Money, Usage};
use distiq_llm::{Catalogue, PriceContext};
use jiff::Timestamp;
use serde::Serialize;

use super::{Candidate, Policy, Table, Tier};
use crate::classify::{Label, Verdict};

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
        let tier = self.policy.tier_for(self.verdict.label);
        match tier.above() {
            Some(above) if tier <= Tier::Budget && complex > RISK => {
                (above, Some(format!("above {tier}, because it may be complex ({complex:.2})")))
            }
            _ => (tier, None),
        }
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
