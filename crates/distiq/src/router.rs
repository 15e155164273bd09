//! The router of commands that ask a model themselves.

use std::sync::Arc;

use distiq_base::RequestId;
use distiq_base::clock::Clock;
use distiq_base::config::Settings;
use distiq_llm::retry::Policy;
use distiq_llm::{Catalogue, Registry};
use distiq_router::{Limits, PromptCaching, Router, RouterConfig};

use crate::failure::Failure;
use crate::ledger;
use crate::providers;
use crate::world::World;

/// Makes the router of one run, under the limits of the settings.
pub fn open(world: &World, registry: Registry, catalogue: Catalogue) -> Result<Router, Failure> {
    let settings = &world.settings;
    let catalogue = Arc::new(catalogue);
    let caching = prompt_caching(settings);
    let router = Router::new(RouterConfig {
        premium: providers::premium(settings, &registry, &catalogue),
        registry: Arc::new(registry),
        catalogue,
        ledger: ledger::open(world)?,
        limits: Limits {
            session: settings.limits.session,
            day: settings.limits.day,
            month: settings.limits.month,
            project_day: settings.limits.project_day,
            project_month: settings.limits.project_month,
            run: settings.max_cost,
            alert_share: settings.limits.alert_share,
            ..Limits::default()
        },
        run: Some(RequestId::generate().to_string()),
        retry: Policy::from_settings(&settings.retry),
        clock: Clock::System,
    });
    router.set_prompt_caching(caching);
    Ok(router)
}

/// Returns what vendors' prompt caches are told, as the settings want it.
pub const fn prompt_caching(settings: &Settings) -> PromptCaching {
    match (settings.economy.prompt_cache, settings.economy.long_cache) {
        (false, _) => PromptCaching::Off,
        (true, false) => PromptCaching::Short,
        (true, true) => PromptCaching::On,
    }
}
