//! The cache of answers, as the settings want it.

use std::path::PathBuf;
use std::sync::Arc;

use distiq_base::config::{CacheAnswers, CacheSettings};
use distiq_router::{CacheOptions, ResponseCache, Router};

use crate::world::World;

/// Returns how answers are kept.
pub fn options(world: &World) -> CacheOptions {
    options_at(world.home.answers(), &world.settings.cache)
}

/// Does as [`options`], elsewhere.
pub fn options_at(path: PathBuf, settings: &CacheSettings) -> CacheOptions {
    CacheOptions {
        path,
        ttl_ms: i64::try_from(settings.ttl_s.saturating_mul(1_000)).unwrap_or(i64::MAX),
        max_entries: settings.max_entries,
        max_bytes: settings.max_mb << 20,
        semantic: settings.semantic,
        serves_all: settings.answers == CacheAnswers::On,
    }
}

/// How long answers of turns are kept: before each is given again, all that it was based on is looked at anew.
const TURNS_MS: i64 = 30 * 24 * 60 * 60 * 1_000;

/// Returns how answers of turns are kept.
pub fn of_turns(path: PathBuf, settings: &CacheSettings) -> CacheOptions {
    let options = options_at(path, settings);
    CacheOptions { ttl_ms: options.ttl_ms.max(TURNS_MS), ..options }
}

/// Gives a router the answers of turns, unless the cache is switched off.
pub fn serve_turns(world: &World, router: &Router) {
    let settings = &world.settings.cache;
    if settings.answers != CacheAnswers::Off {
        let options = of_turns(world.home.answers(), settings);
        router.set_cache(Arc::new(ResponseCache::new(options)));
    }
}

/// Gives a router the cache, unless it is switched off.
pub fn serve(world: &World, router: &Router) {
    if world.settings.cache.answers != CacheAnswers::Off {
        router.set_cache(Arc::new(ResponseCache::new(options(world))));
    }
}
