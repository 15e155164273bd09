//! What is decided about a prompt before its request goes out: caching, length, what keeps a cache alive.

use std::sync::PoisonError;
use std::time::Duration;

use distiq_base::{CachePlan, CacheTtl, Dialect, Money, Request, Usage};
use distiq_llm::PriceContext;

use super::{PromptCaching, Router};
use crate::economy::compaction::{
    self, Compaction, CompactionInputs, CompactionQuestion, PromptPrices, SummaryAsked,
};
use crate::economy::keep_alive::{self, KeepAlive, KeepAliveInputs, KeepAliveQuestion};
use crate::economy::lifetimes::{LifetimeInputs, Pace, life_of, lifetime};
use crate::economy::pruning::{self, PromptCut, Pruning, PruningInputs};
use crate::economy::{self, CacheRules};
use crate::send::DEFAULT_ANSWER_TOKENS;

/// Lists of paths have fewer tokens to the byte than most text; rather a little over the minimum.
const BYTES_PER_FACT_TOKEN: u64 = 4;

impl Router {
    /// Returns what the provider's prompt cache is to be told about a request of the session that
    /// `key` names, which went on at this `pace` so far.
    pub fn cache_plan(
        &self,
        provider: &str,
        request: &Request,
        key: &str,
        pace: &Pace,
    ) -> CachePlan {
        let caching = *self.desk.caching.read().unwrap_or_else(PoisonError::into_inner);
        if caching == PromptCaching::Off {
            return CachePlan::default();
        }
        let rules = match self.desk.config.registry.upstream(provider).map(|up| up.dialect()) {
            Ok(Dialect::Anthropic) => CacheRules {
                ttl: match caching {
                    PromptCaching::On => self.lifetime(provider, request, pace),
                    _ => CacheTtl::Short,
                },
                ..CacheRules::anthropic()
            },
            _ => CacheRules::automatic(Some(key)),
        };
        economy::marks(request, &rules)
    }

    fn lifetime(&self, provider: &str, request: &Request, pace: &Pace) -> CacheTtl {
        let Pace { rhythm, idle, ttl, .. } = *pace;
        // Most sessions have no long wait: nothing needs to be counted.
        if !rhythm.has_long_waits() {
            return CacheTtl::Short;
        }
        let prompt_tokens = self.prompt_tokens(request);
        let Some(prices) = self.desk.prompt_prices(provider, &request.model, prompt_tokens) else {
            return CacheTtl::Short;
        };
        let saved_if_cold = prices.by_lifetime().map(|prices| {
            let question = CompactionQuestion {
                provider,
                request,
                idle: Duration::MAX,
                ttl,
                requests: rhythm.requests,
                window_tokens: None,
                summary: None,
            };
            match self.compaction_at(&question, Some(prices)) {
                Compaction::Planned { saves, .. } if pace.shortens => saves,
                _ => Money::ZERO,
            }
        });
        lifetime(&LifetimeInputs {
            rhythm,
            prompt_tokens,
            growth_tokens: prompt_tokens / u64::from(rhythm.requests.max(1)),
            prices,
            is_cold: idle >= life_of(provider, &request.model, ttl),
            keeps_alive: pace.keeps_alive,
            saved_if_cold,
        })
    }

    /// Returns how many bytes of optional project facts a session's first request should carry:
    /// as many as bring it just above the vendor's minimum for caching, or none, by expected cost.
    pub fn facts_budget(&self, provider: &str, first: &Request) -> usize {
        let tokens = self
            .desk
            .prefix_costs(provider, first)
            .map_or(0, |costs| economy::prefix_target(&costs));
        usize::try_from(tokens.saturating_mul(BYTES_PER_FACT_TOKEN)).unwrap_or(usize::MAX)
    }

    /// Decides whether a session's history is made shorter before its next request.
    pub fn compaction(&self, question: &CompactionQuestion<'_>) -> Compaction {
        let CompactionQuestion { provider, request, .. } = *question;
        let prompt_tokens = self.prompt_tokens(request);
        let prices = self.desk.prompt_prices(provider, &request.model, prompt_tokens);
        self.compaction_at(question, prices)
    }

    fn compaction_at(
        &self,
        question: &CompactionQuestion<'_>,
        prices: Option<PromptPrices>,
    ) -> Compaction {
        let CompactionQuestion { provider, request, idle, requests, .. } = *question;
        let known = self.window(provider, &request.model);
        let window_tokens = known.into_iter().chain(question.window_tokens).min();
        let fixed = Request {
            model: request.model.clone(),
            system: request.system.clone(),
            tools: request.tools.clone(),
            ..Request::default()
        };
        compaction::decide(&CompactionInputs {
            prompt_tokens: self.prompt_tokens(request),
            fixed_tokens: self.prompt_tokens(&fixed),
            window_tokens,
            answer_tokens: request.max_tokens.unwrap_or(DEFAULT_ANSWER_TOKENS),
            idle,
            cache_life: life_of(provider, &request.model, question.ttl),
            prices,
            requests,
            summary: self.summary_cost(question),
        })
    }

    /// Decides whether old results of tools are left out before a session's next request; the rest of the question is as
    /// for [`Self::compaction`].
    pub fn pruning(&self, question: &CompactionQuestion<'_>, cut: &PromptCut) -> Option<Pruning> {
        let CompactionQuestion { provider, request, idle, requests, .. } = *question;
        pruning::decide(&PruningInputs {
            cut: *cut,
            idle,
            cache_life: life_of(provider, &request.model, question.ttl),
            prices: self.desk.prompt_prices(provider, &request.model, cut.prompt_tokens),
            requests,
        })
    }

    /// Decides whether a vendor's cache is read once more, only to keep it alive.
    pub fn keep_alive(&self, question: &KeepAliveQuestion<'_>) -> Option<KeepAlive> {
        let KeepAliveQuestion { provider, request, ttl, waited, idle, times, waits, saved_if_cold } =
            *question;
        let prompt_tokens = self.prompt_tokens(request);
        keep_alive::decide(&KeepAliveInputs {
            prompt_tokens,
            prices: self.desk.prompt_prices(provider, &request.model, prompt_tokens),
            ttl,
            waited,
            idle,
            times,
            waits,
            saved_if_cold,
        })
    }

    /// Returns what a summary costs at who writes it; where that has no known price, at the model that goes on.
    fn summary_cost(&self, question: &CompactionQuestion<'_>) -> Money {
        let Some(SummaryAsked { by, prompt_tokens, answer_tokens }) = &question.summary else {
            return Money::ZERO;
        };
        let usage = Usage { input: *prompt_tokens, output: *answer_tokens, ..Usage::default() };
        let at = PriceContext::at(self.desk.config.clock.now());
        let price = |provider: &str, model: &str| self.desk.price(provider, model, &usage, &at);
        price(&by.provider, &by.model)
            .or_else(|| price(question.provider, &question.request.model))
            .unwrap_or(Money::ZERO)
    }
}
