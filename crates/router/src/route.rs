//! Where a request may go: tiers, policies, and the ways that a name stands for.

mod choosing;
mod examples;
mod forecast;
mod staying;
mod table;

use std::fmt;

use serde::Serialize;

use crate::classify::Label;

pub use examples::Examples;
pub(crate) use forecast::expected_cost;
pub use forecast::{Difficulty, Forecast, Inputs};
pub(crate) use staying::Stays;
pub use staying::{Decision, Standing, SwitchInputs, What, decide};
pub use table::{RouteError, Table, Task};

/// How much a model costs and can do, the cheapest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// No model at all: answered from the index.
    Zero,
    /// A model on this machine.
    Local,
    /// A model that costs nothing.
    Free,
    /// Cheap and quick.
    Budget,
    /// Good at most work.
    Balanced,
    /// The best at hard work.
    Premium,
    /// Thinks longest, and costs the most.
    Reasoning,
}

impl Tier {
    /// All tiers, the cheapest first.
    pub const ALL: [Tier; 7] = [
        Tier::Zero,
        Tier::Local,
        Tier::Free,
        Tier::Budget,
        Tier::Balanced,
        Tier::Premium,
        Tier::Reasoning,
    ];
    /// Those that ask a model.
    pub const ASKED: [Tier; 6] =
        [Tier::Local, Tier::Free, Tier::Budget, Tier::Balanced, Tier::Premium, Tier::Reasoning];

    /// Returns the name used in settings, names such as `auto:budget`, and the ledger.
    pub const fn as_str(self) -> &'static str {
        match self {
            Tier::Zero => "zero",
            Tier::Local => "local",
            Tier::Free => "free",
            Tier::Budget => "budget",
            Tier::Balanced => "balanced",
            Tier::Premium => "premium",
            Tier::Reasoning => "reasoning",
        }
    }

    /// Returns the name that it had while there were three, which is still read.
    pub const fn former(self) -> Option<&'static str> {
        match self {
            Tier::Budget => Some("cheap"),
            Tier::Balanced => Some("standard"),
            Tier::Premium => Some("best"),
            _ => None,
        }
    }

    /// Reads a name, or a former one.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tier| tier.as_str() == text || tier.former() == Some(text))
    }

    /// Returns the tier above, which a request goes to that this one could not answer.
    pub const fn above(self) -> Option<Self> {
        match self {
            Tier::Zero | Tier::Local | Tier::Free => Some(Tier::Budget),
            Tier::Budget => Some(Tier::Balanced),
            Tier::Balanced => Some(Tier::Premium),
            Tier::Premium => Some(Tier::Reasoning),
            Tier::Reasoning => None,
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How models are chosen where none is named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// The model that is named; `auto` is chosen as by `balanced`.
    #[default]
    Fixed,
    /// The cheapest that may do.
    Cheapest,
    /// What costs and yields a middling amount.
    Balanced,
    /// The best there is.
    Best,
}

impl Policy {
    /// Returns the name used in settings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Policy::Fixed => "fixed",
            Policy::Cheapest => "cheapest",
            Policy::Balanced => "balanced",
            Policy::Best => "best",
        }
    }

    /// Reads a name.
    pub fn parse(text: &str) -> Option<Self> {
        [Policy::Fixed, Policy::Cheapest, Policy::Balanced, Policy::Best]
            .into_iter()
            .find(|policy| policy.as_str() == text)
    }

    /// Returns the tier that `auto` stands for where nothing is known of the request.
    pub const fn tier(self) -> Tier {
        match self {
            Policy::Cheapest => Tier::Budget,
            Policy::Fixed | Policy::Balanced => Tier::Balanced,
            Policy::Best => Tier::Premium,
        }
    }

    /// Returns the tier of a request by how hard it is. A complex request never goes to the cheapest
    /// tier: what it costs to do it again is more than what is saved.
    pub const fn tier_for(self, label: Label) -> Tier {
        match (self, label) {
            (Policy::Cheapest, Label::Simple | Label::Medium)
            | (Policy::Fixed | Policy::Balanced, Label::Simple) => Tier::Budget,
            (Policy::Cheapest, Label::Complex)
            | (Policy::Fixed | Policy::Balanced, Label::Medium)
            | (Policy::Best, Label::Simple) => Tier::Balanced,
            (Policy::Fixed | Policy::Balanced, Label::Complex)
            | (Policy::Best, Label::Medium | Label::Complex) => Tier::Premium,
        }
    }
}

/// One model at one provider.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Candidate {
    /// The provider's name.
    pub provider: String,
    /// The model's id on its wire.
    pub model: String,
    /// The tier that it was chosen for.
    pub tier: Option<Tier>,
}

impl Candidate {
    /// Makes a candidate that no tier chose.
    pub fn new(provider: impl Into<String>, model: impl Into<String>) -> Self {
        Self { provider: provider.into(), model: model.into(), tier: None }
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider, self.model)
    }
}

/// Where a request goes, and where next if that fails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Route {
    /// How it was chosen, for the ledger: `fixed`, `alias` or `auto`.
    pub name: &'static str,
    /// The ways, the first choice first; never empty.
    pub candidates: Vec<Candidate>,
    /// Why these.
    pub reasons: Vec<String>,
}
