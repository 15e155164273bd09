//! Where a request may go: tiers, policies, and the ways that a name stands for.

mod table;

use std::fmt;

use serde::Serialize;

pub use table::{RouteError, Table, Task};

/// How much a model costs and can do, in three steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Cheap and quick.
    Cheap,
    /// Good at most work.
    Standard,
    /// The best there is.
    Best,
}

impl Tier {
    /// All tiers, the cheapest first.
    pub const ALL: [Tier; 3] = [Tier::Cheap, Tier::Standard, Tier::Best];

    /// Returns the name used in settings, names such as `auto:cheap`, and the ledger.
    pub const fn as_str(self) -> &'static str {
        match self {
            Tier::Cheap => "cheap",
            Tier::Standard => "standard",
            Tier::Best => "best",
        }
    }

    /// Reads a name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tier| tier.as_str() == text)
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
    /// The model that is named; `auto` is the standard tier.
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

    /// Returns the tier that `auto` stands for.
    pub const fn tier(self) -> Tier {
        match self {
            Policy::Cheapest => Tier::Cheap,
            Policy::Fixed | Policy::Balanced => Tier::Standard,
            Policy::Best => Tier::Best,
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
