//! Who does a request of the user, and by chance whether they can.

use std::collections::BTreeMap;
use std::sync::Arc;

use distiq_agent::{Chosen, EscalationConfig, PlanConfig, Rung};
use distiq_base::ErrorKind;
use distiq_base::clock::Clock;
use distiq_router::classify::Label;
use distiq_router::escalate::correction::second_chance;
use distiq_router::planning::with_plan;
use distiq_router::{Candidate, Task as Job, Tier};

use super::dice::Dice;
use super::run::{MAX_OUTPUT_TOKENS, Place};
use super::schedule::Task;
use super::stage::Tries;
use crate::failure::Failure;
use crate::providers::{self, Choice};

/// Who does a request of the user.
pub(super) struct Cast {
    pub(super) choice: Choice,
    pub(super) plan: Option<PlanConfig>,
    pub(super) escalation: Option<EscalationConfig>,
    /// Whether each model does the work.
    pub(super) does: BTreeMap<String, Tries>,
}

impl Place<'_> {
    /// Tells who does the work of a request, as a run decides it, and by chance whether they can.
    pub(super) fn cast(&self, task: &Task, label: Label, chosen: Chosen) -> Result<Cast, Failure> {
        let route = self
            .table
            .tier(chosen.tier, "auto")
            .map_err(|error| Failure::of(ErrorKind::Config, &error).with_hint(error.hint()))?;
        let Candidate { provider, model, .. } =
            route.candidates.into_iter().next().unwrap_or_else(|| self.premium.clone());
        let mut choice = Choice { provider, model, chosen: Some(chosen) };
        let economy = &self.settings.economy;
        let (mut plan, mut escalation, mut planner) = (None, None, None);
        if self.setup.switches.routing {
            let at = Clock::Manual(Arc::clone(&self.now_ms)).now();
            let chosen = choice.chosen.as_ref().filter(|_| economy.plans);
            let decision =
                chosen.and_then(|chosen| providers::plan(&self.table, chosen, label, at));
            if let Some(decision) = decision.filter(|decision| decision.pays) {
                planner = decision.planner.tier;
                let rung = |way: Candidate| Rung { way, max_output_tokens: MAX_OUTPUT_TOKENS };
                plan = Some(PlanConfig {
                    given: None,
                    planners: [Some(decision.planner.clone()), decision.above.clone()]
                        .into_iter()
                        .flatten()
                        .map(rung)
                        .collect(),
                    only: false,
                    is_asked: false,
                    reasons: decision.reasons.clone(),
                    without: providers::carry_out(&self.table, decision, &mut choice, label),
                    ask: Arc::clone(&self.stage) as Arc<_>,
                });
            }
            escalation = providers::escalation(economy, &self.table, &choice, None)
                .filter(|_| economy.escalation);
        }
        let first = choice.chosen.as_ref().map_or(Tier::Premium, |chosen| chosen.tier);
        let ladder = escalation.iter().flat_map(|it| &it.ladder);
        let ladder = ladder.filter_map(|rung| Some((rung.way.model.clone(), rung.way.tier?)));
        let all: Vec<_> = std::iter::once((choice.model.clone(), first)).chain(ladder).collect();
        let next = all.iter().skip(1).map(|(_, tier)| Some(*tier)).chain([None]);
        let does = all.iter().zip(next);
        let does = does
            .map(|((model, tier), next)| (model.clone(), self.tries(task, *tier, planner, next)))
            .collect();
        Ok(Cast { choice, plan, escalation, does })
    }

    /// Tells by chance whether a model of a tier does a request, carrying out a planner's plan where there is one, and
    /// whether it does once it failed and is told what to do by the next.
    fn tries(&self, task: &Task, tier: Tier, planner: Option<Tier>, next: Option<Tier>) -> Tries {
        let mix = &self.setup.mix;
        let chance = |tier| mix.success(tier, task.label) / 100.0;
        let first = planner.map_or(chance(tier), |by| with_plan(chance(tier), chance(by)));
        let again = |by| second_chance(chance(tier), chance(by), mix.second_try / 100.0);
        let dice = task.seed.wrapping_add(tier as u64);
        Tries {
            first: Dice::new(dice, 3).happens(first * 100.0),
            told: Dice::new(dice, 5).happens(next.map_or(0.0, again) * 100.0),
        }
    }

    /// Returns the model that writes summaries, as a run chooses it.
    pub(super) fn summarizer(&self, way: &Candidate) -> Option<Candidate> {
        let named = self.table.task(Job::Summarize).ok().flatten();
        let cheap = || self.table.tier(Tier::Budget, "auto:budget").ok();
        let same = |it: &Candidate| it.provider == way.provider;
        match named {
            Some(route) => route.candidates.into_iter().next(),
            None => cheap()?.candidates.into_iter().find(same),
        }
    }
}
