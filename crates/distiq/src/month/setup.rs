//! What a month is run with, and the settings, vendors and models that follow from it.

use std::sync::Arc;

use distiq_base::ErrorKind;
use distiq_base::config::Settings;
use distiq_llm::{Catalogue, Registry};
use distiq_router::{Candidate, Policy, Table, Tier};
use distiq_testkit::ScriptedModel;

use super::mix::Mix;
use crate::failure::Failure;

/// What a month is run with.
#[derive(Clone, Debug)]
pub struct Setup {
    /// What it is made of.
    pub mix: Mix,
    /// The user's settings: tiers, tasks, economy.
    pub settings: Settings,
    /// What models cost.
    pub catalogue: Arc<Catalogue>,
    /// How models are chosen.
    pub policy: Policy,
    /// The chance.
    pub seed: u64,
    /// What is switched off.
    pub switches: Switches,
}

/// What may be switched off, one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Switches {
    pub routing: bool,
    pub local_answers: bool,
    pub prompt_cache: bool,
    pub compaction: bool,
    pub pruning: bool,
    pub kept_answers: bool,
    pub other_words: bool,
    pub long_cache: bool,
    pub keep_alive: bool,
    pub plans: bool,
    pub corrections: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            routing: true,
            local_answers: true,
            prompt_cache: true,
            compaction: true,
            pruning: true,
            kept_answers: true,
            other_words: true,
            long_cache: true,
            keep_alive: true,
            plans: true,
            corrections: true,
        }
    }
}

/// Returns the user's settings with the mix's vendors and nobody else.
pub(super) fn settings(setup: &Setup) -> Settings {
    let mut settings = setup.settings.clone();
    settings.providers.clear();
    (settings.provider, settings.model) = (None, None);
    let Switches {
        local_answers,
        prompt_cache,
        compaction,
        pruning,
        kept_answers,
        other_words,
        long_cache,
        keep_alive,
        plans,
        corrections,
        ..
    } = setup.switches;
    let economy = &mut settings.economy;
    economy.local_answers &= local_answers;
    economy.prompt_cache &= prompt_cache;
    economy.compaction &= compaction;
    economy.pruning &= pruning;
    economy.kept_answers &= kept_answers;
    economy.long_cache &= long_cache;
    economy.keep_alive &= keep_alive;
    economy.plans &= plans;
    economy.corrections &= corrections;
    settings.cache.semantic &= other_words;
    setup.policy.as_str().clone_into(&mut settings.policy);
    settings
}

/// Fails where the mix names a vendor that nobody knows.
pub(super) fn check_vendors(setup: &Setup, registry: &Registry) -> Result<(), Failure> {
    let offers = registry.offers();
    let is_known =
        |name: &&String| offers.iter().any(|offer| offer.name == **name && offer.problem.is_none());
    match setup.mix.providers.iter().find(|name| !is_known(name)) {
        None => Ok(()),
        Some(name) => {
            let message = format!(
                "The mix's `providers` name `{name}`, which is no vendor that can be simulated"
            );
            Err(Failure::new(ErrorKind::Config, message)
                .with_hint("`distiq models` lists the vendors by their names"))
        }
    }
}

/// Returns the server's address as the vendors' variables tell it.
pub(super) fn address(setup: &Setup, server: &ScriptedModel, variable: &str) -> Option<String> {
    let vendor = variable.strip_suffix("_BASE_URL")?.to_ascii_lowercase();
    let is_set = setup.mix.providers.contains(&vendor);
    is_set.then(|| match vendor.as_str() {
        "anthropic" => server.base_url_anthropic(),
        "gemini" => server.base_url_gemini(),
        "ollama" => server.base_url_ollama(),
        _ => server.base_url_openai(),
    })
}

/// Returns the model that baselines are held against: the first of the best tier.
pub(super) fn premium(table: &Table) -> Result<Candidate, Failure> {
    let found = table.tier(Tier::Premium, "auto:premium");
    let route =
        found.map_err(|error| Failure::of(ErrorKind::Config, &error).with_hint(error.hint()))?;
    route.candidates.into_iter().next().ok_or_else(|| {
        Failure::new(ErrorKind::Config, "None of the mix's `providers` has a model of a tier")
            .with_hint("`distiq models` lists the vendors; `[tiers]` names models")
    })
}
