//! What a request is for, and on whose account.

use distiq_base::{Dialect, Money, RequestKind, SessionId};

use crate::cache::CacheUse;
use crate::race::Race;
use crate::route::{Candidate, Route, Tier};
use crate::savings::LeftOut;
use crate::ticket::ReceiptSlot;

/// What a request is for.
#[derive(Clone, Debug)]
pub struct Purpose {
    /// The kind, for the ledger.
    pub kind: RequestKind,
    /// The session it belongs to.
    pub session: Option<SessionId>,
    /// The project it is for.
    pub project: Option<String>,
    /// The provider to send it to.
    pub provider: String,
    /// The tier that provider and model were chosen for.
    pub tier: Option<Tier>,
    /// Where else it may go if that fails, in order.
    pub fallbacks: Vec<Candidate>,
    /// How provider and model were chosen.
    pub route: &'static str,
    /// Why.
    pub reasons: Vec<String>,
    /// The gateway key it came with.
    pub key: Option<KeyUse>,
    /// The dialect that its sender speaks, where it came through the gateway.
    pub client: Option<Dialect>,
    /// Where its receipt is to be found.
    pub receipt: Option<ReceiptSlot>,
    /// What its prompt would hold besides, but for what Distiq does.
    pub left_out: LeftOut,
    /// Whether it does what a model before could not be said to have done: without Distiq it would not have been sent.
    pub again: bool,
    /// How it is raced, where it is; requests with tools never are.
    pub race: Option<Race>,
    /// Where an answer of before may answer it, and its own be kept; `None` where not.
    pub cache: Option<CacheUse>,
}

/// A gateway key as the ledger knows it: never the key itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyUse {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub owner: Option<String>,
    /// What it may spend in the local day.
    pub day: Option<Money>,
    /// What it may spend in the local month.
    pub month: Option<Money>,
}

impl Purpose {
    /// Makes the purpose of a request that goes to a provider and nowhere else.
    pub fn new(kind: RequestKind, provider: impl Into<String>) -> Self {
        Self {
            kind,
            session: None,
            project: None,
            provider: provider.into(),
            tier: None,
            fallbacks: Vec::new(),
            route: "fixed",
            reasons: Vec::new(),
            key: None,
            client: None,
            receipt: None,
            left_out: LeftOut::default(),
            again: false,
            race: None,
            cache: None,
        }
    }

    /// Returns the purpose of another kind of request that goes to another provider and nowhere else.
    #[must_use]
    pub fn at(self, kind: RequestKind, provider: impl Into<String>) -> Self {
        Self { kind, provider: provider.into(), tier: None, fallbacks: Vec::new(), ..self }
    }

    /// Makes the purpose of a request along a route, with the model that it is to ask first.
    pub fn along(kind: RequestKind, route: Route) -> (Self, String) {
        let mut candidates = route.candidates.into_iter();
        let first = candidates.next().unwrap_or_else(|| Candidate::new("", ""));
        let purpose = Self {
            tier: first.tier,
            fallbacks: candidates.collect(),
            route: route.name,
            reasons: route.reasons,
            ..Self::new(kind, first.provider)
        };
        (purpose, first.model)
    }
}
