//! Who goes on where an answer is not sure enough, and what that switch costs.

use distiq_base::{Money, Request, Usage};
use distiq_llm::PriceContext;
use jiff::Timestamp;

use super::correction::{self, CorrectionDecision, CorrectionInputs};
use super::{Confidence, Then};
use crate::ledger::answers::{CORRECTED, Judged};
use crate::route::{Candidate, Table, Tier};
use crate::router::{Purpose, Router};

/// Tokens by which models are held against each other: a prompt of which most is cached, and an answer.
const TYPICAL: Usage = Usage {
    input: 0,
    cache_read: 12_000,
    cache_write: 1_000,
    cache_write_long: 0,
    output: 500,
    reasoning: 0,
    cost: None,
};

impl Table {
    /// Returns who goes on from a model of a tier, tier by tier: of each the first model that is set up, where
    /// it is another than those below and does not cost less than the one it goes on from.
    pub fn ladder(&self, from: &Candidate, tier: Tier, at: Timestamp) -> Vec<Candidate> {
        let mut ladder: Vec<Candidate> = Vec::new();
        let mut next = tier.above();
        while let Some(tier) = next {
            next = tier.above();
            let listed =
                |way: &Candidate| self.models(tier).iter().any(|name| *name == way.to_string());
            let Ok(route) = self.tier(tier, "auto") else { continue };
            let below = ladder.last().unwrap_or(from);
            let found = route.candidates.into_iter().filter(listed).find(|way| {
                let is =
                    |other: &Candidate| other.provider == way.provider && other.model == way.model;
                !is(from) && !ladder.iter().any(is) && !self.is_cheaper(way, below, at)
            });
            ladder.extend(found);
        }
        ladder
    }

    fn is_cheaper(&self, way: &Candidate, than: &Candidate, at: Timestamp) -> bool {
        let price = |way: &Candidate| {
            self.catalogue.price(&way.provider, &way.model, &TYPICAL, &PriceContext::at(at))
        };
        price(way).zip(price(than)).is_some_and(|(way, than)| way < than)
    }
}

impl Router {
    /// Returns what a request costs more at a model whose vendor has nothing of it cached than at the one that
    /// the conversation was at, which would read it; `None` where a price is unknown.
    pub fn switch_cost(
        &self,
        request: &Request,
        from: &Candidate,
        to: &Candidate,
    ) -> Option<Money> {
        let tokens = self.prompt_tokens(request);
        let at = PriceContext::at(self.desk.config.clock.now());
        let price =
            |way: &Candidate, usage: Usage| self.desk.price(&way.provider, &way.model, &usage, &at);
        let stays = price(from, Usage { cache_read: tokens, ..Usage::default() })?;
        let goes = price(to, Usage { cache_write: tokens, ..Usage::default() })?;
        Some(goes.minus(stays))
    }

    /// Decides whether the stronger model does the rest, or says what is to be done.
    pub fn correction(&self, inputs: &CorrectionInputs<'_>) -> CorrectionDecision {
        correction::decide(inputs, &self.desk.config.catalogue)
    }

    /// Tells whether a request fits into a model's window with an answer of this length.
    pub fn fits(&self, request: &Request, way: &Candidate, answer_tokens: u64) -> bool {
        let most = crate::economy::compaction::most_prompt;
        let window = self.window(&way.provider, &way.model);
        window.is_none_or(|window| self.prompt_tokens(request) <= most(window, answer_tokens))
    }

    /// Puts on the ledger how an answer was judged, and what came of it.
    pub fn record_judged(
        &self,
        purpose: &Purpose,
        by: Candidate,
        confidence: &Confidence,
        then: Then,
    ) {
        let mut judged = Judged::new(by, confidence);
        match then {
            Then::Stands => {}
            Then::Escalated(to) => judged.escalated_to = Some(to),
            Then::Corrected(_) => judged.reasons.push(CORRECTED),
        }
        self.ledger().judged(Judged {
            session: purpose.session.clone(),
            project: purpose.project.clone(),
            run: self.desk.config.run.clone(),
            ..judged
        });
    }
}
