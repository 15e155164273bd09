//! Whether a conversation stays with the model it is at, where a new request would go elsewhere.
//!
//! A switch costs what the new model must write to its cache, and loses what the old one would have read
//! from its own. A harder request goes up all the same: what a weak model does wrong is paid for twice.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use distiq_base::{Money, Usage};
use distiq_llm::{Catalogue, PriceContext};
use jiff::Timestamp;

use super::forecast::typical;
use super::{Candidate, Tier};
use crate::classify::Label;

/// Most conversations that are remembered.
const MOST: usize = 10_000;
/// A switch must save this share of what staying costs; the guess of what is to come is no better.
const LEAST_SAVING: i64 = 20;

/// Where a conversation is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The model.
    pub way: Candidate,
    /// The tier that it was chosen for.
    pub tier: Tier,
}

/// What a switch is decided by.
#[derive(Clone, Debug)]
pub struct SwitchInputs<'a> {
    /// Where the conversation is.
    pub now: &'a Standing,
    /// Where the new request would go.
    pub wanted: &'a Standing,
    /// How hard the new request is.
    pub label: Label,
    /// Tokens of the prompt so far.
    pub history_tokens: u64,
    /// When; prices have dates and hours.
    pub at: Timestamp,
}

/// Stay or switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// With the model that the conversation is at.
    Stay,
    /// To the one that the new request would go to.
    Switch,
}

/// What is done, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What.
    pub what: What,
    /// Why.
    pub reasons: Vec<String>,
}

/// Decides whether a conversation stays. Pure.
pub fn decide(inputs: &SwitchInputs, catalogue: &Catalogue) -> Decision {
    let SwitchInputs { now, wanted, label, history_tokens, at } = inputs;
    let decided = |what, reason: String| Decision { what, reasons: vec![reason] };
    if now.way == wanted.way {
        return decided(What::Stay, format!("the conversation is at {} already", now.way));
    }
    if wanted.tier > now.tier {
        let reason = format!("from {} up to {}: the request is {label}", now.tier, wanted.tier);
        return decided(What::Switch, reason);
    }
    let (requests, _, answer) = typical(*label);
    let price = |way: &Candidate, written: u64, read: u64| -> Option<Money> {
        let usage = Usage {
            cache_write: written,
            cache_read: read,
            output: requests * answer,
            ..Usage::default()
        };
        catalogue.price(&way.provider, &way.model, &usage, &PriceContext::at(*at))
    };
    let grown = requests * answer;
    let stay = price(&now.way, grown, history_tokens * requests);
    let switch = price(&wanted.way, history_tokens + grown, history_tokens * (requests - 1));
    match (stay, switch) {
        (Some(stay), Some(switch))
            if switch.nanos().saturating_mul(100)
                < stay.nanos().saturating_mul(100 - LEAST_SAVING) =>
        {
            let reason =
                format!("{} costs {switch} with a new cache, {} {stay}", wanted.way, now.way);
            decided(What::Switch, reason)
        }
        (Some(stay), Some(switch)) => {
            let reason = format!("stayed with {}: {stay}, a switch {switch}", now.way);
            decided(What::Stay, reason)
        }
        _ => decided(What::Stay, format!("stayed with {}: a price is unknown", now.way)),
    }
}

/// Where conversations are, by the hash of how they begin.
#[derive(Debug, Default)]
pub(crate) struct Stays(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    by: HashMap<u64, Standing>,
    order: VecDeque<u64>,
}

impl Stays {
    pub fn find(&self, conversation: u64) -> Option<Standing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).by.get(&conversation).cloned()
    }

    pub fn keep(&self, conversation: u64, standing: Standing) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.by.insert(conversation, standing).is_none() {
            kept.order.push_back(conversation);
        }
        if kept.order.len() > MOST
            && let Some(oldest) = kept.order.pop_front()
        {
            kept.by.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(model: &str, tier: Tier) -> Standing {
        Standing { way: Candidate::new("anthropic", model), tier }
    }

    fn check(now: &Standing, wanted: &Standing, label: Label, tokens: u64, expected: What) {
        let at = "2026-11-21T12:00:00Z".parse().unwrap();
        let inputs = SwitchInputs { now, wanted, label, history_tokens: tokens, at };
        let decision = decide(&inputs, &Catalogue::builtin());
        assert_eq!(decision.what, expected, "{decision:?}");
        assert_eq!(decision.reasons.len(), 1);
    }

    #[test]
    fn a_switch_is_made_for_harder_work_or_where_it_saves_more_than_its_cache() {
        let cheap = standing("claude-haiku-4-5", Tier::Budget);
        let middle = standing("claude-sonnet-5-5", Tier::Balanced);
        let dear = standing("claude-opus-5", Tier::Premium);
        check(&cheap, &dear, Label::Complex, 100_000, What::Switch);
        check(&cheap, &cheap, Label::Simple, 1_000, What::Stay);
        // A read of Sonnet 5.5 costs as much as one of Haiku 4.5, which would have to write all.
        check(&middle, &cheap, Label::Simple, 80_000, What::Stay);
        check(
            &dear,
            &standing("claude-haiku-5-5", Tier::Budget),
            Label::Medium,
            20_000,
            What::Switch,
        );
        check(&dear, &standing("nobody-knows", Tier::Budget), Label::Simple, 1_000, What::Stay);
    }

    #[test]
    fn where_conversations_are_is_kept_within_bounds() {
        let stays = Stays::default();
        for conversation in 0..=MOST as u64 {
            stays.keep(conversation, standing("m", Tier::Budget));
        }
        assert_eq!((stays.find(0), stays.find(1).is_some()), (None, true));
    }
}
