//! What all requests of a router share: nodes, prices, limits, the cache of answers.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use distiq_base::{Money, Price, Request, RequestKind, Usage};
use distiq_llm::{Estimator, PriceContext, RegistryError};

use super::{PromptCaching, Purpose, RouterConfig};
use crate::cache::ResponseCache;
use crate::economy::PrefixCosts;
use crate::economy::compaction::PromptPrices;
use crate::ledger::limits::{Limits, WorstCase};
use crate::nodes::Pool;
use crate::pins::Pins;
use crate::route::{Candidate, Stays};
use crate::savings::Warm;

/// What a session of the agent looks like before it has begun: requests, and tokens that each adds.
const TYPICAL_REQUESTS: u32 = 6;
const TYPICAL_GROWTH: u64 = 300;
/// The shortest prompt that most vendors cache, at the prices that most ask (2026-11): a write costs
/// a quarter more than input, a read a tenth.
const USUAL_MIN_TOKENS: u64 = 1_024;

/// What all requests of a router share.
pub(crate) struct Desk {
    pub config: RouterConfig,
    pub estimator: Estimator,
    pub(super) pools: RwLock<HashMap<String, Arc<Pool>>>,
    pub pins: Pins,
    pub stays: Stays,
    pub warm: Warm,
    pub(super) cache: RwLock<Option<Arc<ResponseCache>>>,
    pub(super) caching: RwLock<PromptCaching>,
}

impl Desk {
    /// Returns the cache of answers.
    pub fn cache(&self) -> Option<Arc<ResponseCache>> {
        self.cache.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the nodes of a provider; made at the first call and kept.
    pub fn pool(&self, provider: &str) -> Result<Arc<Pool>, RegistryError> {
        let read = self.pools.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = read.get(provider) {
            return Ok(Arc::clone(pool));
        }
        drop(read);
        let pool = Arc::new(Pool::new(self.config.registry.nodes(provider)?));
        let mut pools = self.pools.write().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(pools.entry(provider.to_owned()).or_insert(pool)))
    }

    /// Tells whether a node may be chosen by the prompt's beginning.
    pub fn goes_by_prefix(&self, candidates: &[Candidate]) -> bool {
        candidates
            .iter()
            .any(|way| self.pool(&way.provider).is_ok_and(|pool| pool.goes_by_prefix()))
    }

    pub(super) async fn check_nodes(&self) {
        let pools = self.pools();
        let now_ms = || self.config.clock.now_ms();
        futures::future::join_all(pools.iter().map(|(_, pool)| pool.check(now_ms))).await;
    }

    pub(super) fn pools(&self) -> Vec<(String, Arc<Pool>)> {
        let pools = self.pools.read().unwrap_or_else(PoisonError::into_inner);
        pools.iter().map(|(name, pool)| (name.clone(), Arc::clone(pool))).collect()
    }

    /// Returns the limits of a request: everybody's, and those of its key.
    pub fn limits(&self, purpose: &Purpose) -> Limits {
        let mut limits = self.config.limits.clone();
        if let Some(key) = &purpose.key {
            (limits.key_day, limits.key_month) = (key.day, key.month);
        }
        // A guess at what will be needed is not worth the last of a budget.
        if purpose.kind == RequestKind::KeepAlive { limits.but_the_last() } else { limits }
    }

    pub(super) fn prefix_costs(&self, provider: &str, first: &Request) -> Option<PrefixCosts> {
        // Only what is surely counted lifts a prompt over the minimum.
        let base_tokens = self.estimator.estimate_least(first);
        let usual = PrefixCosts {
            min_tokens: USUAL_MIN_TOKENS,
            input: Price(100),
            write: Price(125),
            read: Price(10),
            base_tokens,
            expected_requests: TYPICAL_REQUESTS,
            growth_per_request: TYPICAL_GROWTH,
        };
        let Some(info) = self.config.catalogue.find(provider, &first.model) else {
            return Some(usual);
        };
        // Of a model without a window nothing is known but the price that the user gave.
        let unknown = info.context_tokens.is_none().then_some(USUAL_MIN_TOKENS);
        let now = self.config.clock.now();
        let prices = info.row(now)?.prices(now, base_tokens);
        Some(PrefixCosts {
            min_tokens: info.cache_min_tokens.or(unknown)?,
            input: prices.input,
            write: prices.write(),
            read: prices.read(),
            ..usual
        })
    }

    /// Returns the window of a model, where it is known.
    pub fn window(&self, way: &Candidate) -> Option<u64> {
        self.config.catalogue.find(&way.provider, &way.model)?.context_tokens
    }

    /// Returns what a prompt of a length costs by the token now.
    pub(super) fn prompt_prices(
        &self,
        provider: &str,
        model: &str,
        tokens: u64,
    ) -> Option<PromptPrices> {
        let now = self.config.clock.now();
        let prices = self.config.catalogue.find(provider, model)?.row(now)?.prices(now, tokens);
        Some(PromptPrices { input: prices.input, write: prices.write(), read: prices.read() })
    }

    /// Returns the cost of tokens, as the vendor tells it or where the price is known.
    pub fn price(
        &self,
        provider: &str,
        model: &str,
        usage: &Usage,
        context: &PriceContext,
    ) -> Option<Money> {
        let own = || self.config.catalogue.price(provider, model, usage, context);
        usage.cost.or_else(own).map(|cost| with_fee(provider, cost))
    }

    /// Returns the most that a request with a prompt of up to `prompt_tokens` can cost.
    pub fn worst_case(
        &self,
        provider: &str,
        model: &str,
        prompt_tokens: u64,
        context: &PriceContext,
    ) -> Option<WorstCase> {
        const MILLION: u64 = 1_000_000;
        let most = |output| {
            let catalogue = &self.config.catalogue;
            let bill = catalogue.worst_case(provider, model, prompt_tokens, output, context)?;
            Some(with_fee(provider, bill))
        };
        let (prompt, whole) = (most(0)?, most(MILLION)?);
        // Each was rounded by itself.
        let rounding = Money::from_nanos(if whole == Money::ZERO { 0 } else { 2 });
        Some(WorstCase {
            prompt: prompt.plus(rounding),
            output: Price(whole.minus(prompt).nanos()),
        })
    }
}

/// Adds what paying a vendor costs on top of its bill, rounded up.
fn with_fee(provider: &str, bill: Money) -> Money {
    let permille = i64::from(distiq_llm::registry::fee_permille(provider));
    let fee = bill.nanos().saturating_mul(permille);
    bill.plus(Money::from_nanos(fee / 1_000 + i64::from(fee % 1_000 > 0)))
}
