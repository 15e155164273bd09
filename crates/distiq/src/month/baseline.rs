//! What the same requests would cost in other ways: computed from their sizes and times, never sent. Pure.

use std::sync::Arc;
use std::time::Duration;

use distiq_base::{ErrorKind, Money, Usage};
use distiq_llm::{Catalogue, PriceContext};
use distiq_router::Candidate;
use distiq_router::economy::lifetimes::cache_life;
use jiff::Timestamp;
use serde::Serialize;

use super::mix::Class;
use super::schedule::Task;
use crate::failure::Failure;

/// What the same requests would cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sums {
    /// In a plain loop that only appends, with the vendor's cache.
    pub append_only_nanousd: Money,
    /// Without any cache.
    pub uncached_nanousd: Money,
    /// Requests to the model.
    pub requests: u64,
    /// Tokens of the prompts, and of the answers.
    pub prompt_tokens: u64,
    /// Tokens of the answers.
    pub output_tokens: u64,
}

/// A request of the user as a plain loop does it.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The request.
    pub task: &'a Task,
    /// Its work.
    pub work: Class,
    /// Tokens of its first prompt.
    pub first_tokens: u64,
    /// When it began, in milliseconds since 1970.
    pub begin_ms: i64,
}

/// Adds up what plain loops would cost on one model, all of whose attempts succeed.
#[derive(Debug)]
pub struct Baselines {
    catalogue: Arc<Catalogue>,
    model: Candidate,
    life: Duration,
    least_tokens: u64,
    /// When the fixed part of the prompts was last read or written, and its tokens.
    fixed: Option<(i64, u64)>,
    sums: Sums,
}

impl Baselines {
    /// Makes the sums of a model.
    pub fn new(catalogue: &Arc<Catalogue>, model: Candidate) -> Self {
        let info = catalogue.find(&model.provider, &model.model);
        Self {
            life: cache_life(&model.provider, &model.model),
            least_tokens: info.and_then(|info| info.cache_min_tokens).unwrap_or(0),
            catalogue: Arc::clone(catalogue),
            model,
            fixed: None,
            sums: Sums::default(),
        }
    }

    /// Returns what it comes to.
    pub const fn sum(&self) -> Sums {
        self.sums
    }

    /// Adds a request of the user.
    ///
    /// Its prompts grow evenly. Each reads what the one before wrote, where the vendor still has it, and the first
    /// one reads what all sessions begin with.
    pub fn add(&mut self, asked: &Asked<'_>) -> Result<(), Failure> {
        let Asked { task, work, first_tokens, begin_ms } = *asked;
        let first = match work.requests {
            1 => work.prompt_tokens,
            _ => first_tokens.min(work.prompt_tokens),
        };
        let steps = u64::from(work.requests);
        let growth = 2 * (work.prompt_tokens - first) / steps.saturating_sub(1).max(1);
        let mut now_ms = begin_ms;
        let mut last = self.fixed;
        for (at, step) in task.steps.iter().enumerate() {
            let prompt = first + growth * at as u64;
            now_ms += step.answer_ms;
            let warm = last.filter(|(at_ms, _)| self.lives(now_ms - at_ms));
            let read = warm.map_or(0, |(_, tokens)| tokens.min(prompt));
            let read = if read >= self.least_tokens { read } else { 0 };
            let whole = Usage { input: prompt, output: work.answer_tokens, ..Usage::default() };
            let cached = match prompt >= self.least_tokens {
                true => Usage { input: 0, cache_read: read, cache_write: prompt - read, ..whole },
                false => whole,
            };
            self.count(&whole, &cached, now_ms)?;
            if at == 0 {
                self.fixed = Some((now_ms, first));
            } else if let Some(fixed) = &mut self.fixed {
                // A longer prompt that begins so refreshes it.
                fixed.0 = now_ms;
            }
            last = Some((now_ms, prompt));
            now_ms += step.wait_ms;
        }
        Ok(())
    }

    fn lives(&self, after_ms: i64) -> bool {
        after_ms.unsigned_abs() < u64::try_from(self.life.as_millis()).unwrap_or(u64::MAX)
    }

    fn count(&mut self, whole: &Usage, cached: &Usage, now_ms: i64) -> Result<(), Failure> {
        let at = PriceContext::at(Timestamp::from_millisecond(now_ms).unwrap_or_default());
        let Candidate { provider, model, .. } = &self.model;
        let price = |usage: &Usage| self.catalogue.price(provider, model, usage, &at);
        let (Some(uncached), Some(append_only)) = (price(whole), price(cached)) else {
            let message = format!("{} has no known price, so nothing can be compared", self.model);
            return Err(Failure::new(ErrorKind::Config, message).with_hint(
                "Give it a price in the price file, or name another model in `[tiers]`",
            ));
        };
        let sums = &mut self.sums;
        sums.uncached_nanousd = sums.uncached_nanousd.plus(uncached);
        sums.append_only_nanousd = sums.append_only_nanousd.plus(append_only);
        sums.requests += 1;
        sums.prompt_tokens += whole.input;
        sums.output_tokens += whole.output;
        Ok(())
    }
}

impl Sums {
    /// Adds another's.
    pub fn add(&mut self, more: &Sums) {
        self.append_only_nanousd = self.append_only_nanousd.plus(more.append_only_nanousd);
        self.uncached_nanousd = self.uncached_nanousd.plus(more.uncached_nanousd);
        self.requests += more.requests;
        self.prompt_tokens += more.prompt_tokens;
        self.output_tokens += more.output_tokens;
    }
}
