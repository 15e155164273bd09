//! What a month came to.

use std::collections::BTreeMap;

use distiq_base::{Money, Usage};
use distiq_router::classify::Label;
use distiq_router::{GroupBy, Ledger, RowFilter, Saved, Tier};
use jiff::tz::TimeZone;
use serde::Serialize;

use super::baseline::Sums;
use super::schedule::Task;
use crate::failure::Failure;

/// An attempt at a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answers {
    /// The tier that was asked.
    pub tier: Tier,
    /// What the classifier took the request for.
    pub label: Label,
    /// Where the answer came from.
    pub source: Source,
    /// What it cost.
    pub cost: Money,
    /// Whether the work was done.
    pub succeeds: bool,
    /// How often a stronger model said what to do, and how often that was enough.
    pub corrected: (u64, u64),
}

/// Where an answer came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A model.
    Model,
    /// The project's index or a tool.
    Project,
    /// An answer that was kept.
    Kept {
        /// Whether it was kept of the same question.
        is_same: bool,
    },
}

/// Requests of a tier, a model or a class and what they cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Requests: of the user for a class, to a model for a model or tier.
    pub requests: u64,
    /// What they cost.
    pub cost_nanousd: Money,
}

/// What a month came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Month {
    /// Requests of the user.
    pub requests: u64,
    /// Attempts that a model made at them.
    pub attempts: u64,
    /// Requests whose first attempt failed.
    pub failed_first: u64,
    /// Requests that no attempt did.
    pub not_done: u64,
    /// How often a stronger model said what to do after a failure, and left the work to who failed.
    pub corrections: u64,
    /// Those after which the work was done.
    pub corrections_done: u64,
    /// Requests that were answered without a model.
    pub without_model: u64,
    /// Requests that asked again what was asked before.
    pub repeats: u64,
    /// Requests that were answered by an answer that was kept, and of these those that asked something else.
    pub kept_hits: u64,
    /// Of these, those that asked something else.
    pub kept_false: u64,
    /// Requests whose work the classifier judged as it is.
    pub judged_right: u64,
    /// Requests to a model.
    pub model_requests: u64,
    /// What they cost.
    pub cost_nanousd: Money,
    /// Their tokens.
    pub usage: Usage,
    /// By the tier that was asked.
    pub tiers: BTreeMap<String, Part>,
    /// By the model.
    pub models: BTreeMap<String, Part>,
    /// By how hard the requests really were.
    pub classes: BTreeMap<String, Part>,
    /// By what the request was for.
    pub kinds: BTreeMap<String, Part>,
    /// What each mechanism saved, as the ledger has it.
    pub saved: Saved,
    /// The model that they are held against.
    pub premium: String,
    /// What the same requests would cost in plain loops.
    pub baselines: Sums,
}

impl Month {
    /// Takes in how a request went.
    pub fn note(&mut self, task: &Task, answers: &[Answers]) {
        let class = self.classes.entry(task.label.to_string()).or_default();
        class.requests += 1;
        for answer in answers {
            class.cost_nanousd = class.cost_nanousd.plus(answer.cost);
        }
        self.requests += 1;
        self.repeats += u64::from(task.is_repeat);
        let asked = answers.iter().filter(|answer| answer.source == Source::Model);
        self.attempts += asked.count() as u64;
        for (asked, enough) in answers.iter().map(|answer| answer.corrected) {
            self.corrections += asked;
            self.corrections_done += enough;
        }
        let Some((first, last)) = answers.first().zip(answers.last()) else { return };
        self.failed_first += u64::from(!first.succeeds);
        self.not_done += u64::from(!last.succeeds);
        self.without_model += u64::from(first.source == Source::Project);
        self.kept_hits += u64::from(matches!(first.source, Source::Kept { .. }));
        self.kept_false += u64::from(first.source == Source::Kept { is_same: false });
        self.judged_right += u64::from(first.label == task.label);
    }

    /// Takes in what the ledger has.
    pub fn take_ledger(&mut self, ledger: &Ledger) -> Result<(), Failure> {
        let all = |by| ledger.totals(&RowFilter::default(), by, &TimeZone::UTC);
        for total in all(GroupBy::All)? {
            self.cost_nanousd = self.cost_nanousd.plus(total.cost_nanousd);
            self.usage.add(&total.usage);
            self.saved.add(&total.saved);
        }
        for (by, into) in [
            (GroupBy::Tier, &mut self.tiers),
            (GroupBy::Model, &mut self.models),
            (GroupBy::Kind, &mut self.kinds),
        ] {
            for total in all(by)? {
                let part = Part { requests: total.requests, cost_nanousd: total.cost_nanousd };
                into.insert(total.name, part);
            }
        }
        self.model_requests = self
            .models
            .iter()
            .filter(|(name, _)| *name != "index")
            .map(|(_, it)| it.requests)
            .sum();
        Ok(())
    }

    /// Adds another's.
    pub fn add(&mut self, more: &Month) {
        self.premium.clone_from(&more.premium);
        self.kept_hits += more.kept_hits;
        self.kept_false += more.kept_false;
        self.requests += more.requests;
        self.attempts += more.attempts;
        self.failed_first += more.failed_first;
        self.not_done += more.not_done;
        self.corrections += more.corrections;
        self.corrections_done += more.corrections_done;
        self.without_model += more.without_model;
        self.repeats += more.repeats;
        self.judged_right += more.judged_right;
        self.model_requests += more.model_requests;
        self.cost_nanousd = self.cost_nanousd.plus(more.cost_nanousd);
        self.usage.add(&more.usage);
        self.saved.add(&more.saved);
        self.baselines.add(&more.baselines);
        for (own, theirs) in [
            (&mut self.tiers, &more.tiers),
            (&mut self.models, &more.models),
            (&mut self.kinds, &more.kinds),
            (&mut self.classes, &more.classes),
        ] {
            for (name, part) in theirs {
                let sum = own.entry(name.clone()).or_default();
                sum.requests += part.requests;
                sum.cost_nanousd = sum.cost_nanousd.plus(part.cost_nanousd);
            }
        }
    }
}
