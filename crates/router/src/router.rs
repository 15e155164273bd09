//! The router: what it is made of, and what it decides before a request goes out.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use distiq_base::clock::Clock;
use distiq_base::{
    CachePlan, CacheTtl, Dialect, Message, Money, Price, Request, RequestKind, SessionId, Usage,
};
use distiq_llm::retry::Policy;
use distiq_llm::{Catalogue, Estimator, PriceContext, RegistryError};
use jiff::Timestamp;

use crate::cache::{CacheUse, Found, ResponseCache};
use crate::economy::compaction::{
    self, Compaction, CompactionInputs, CompactionQuestion, PromptPrices, SummaryAsked,
};
use crate::economy::keep_alive::{self, KeepAlive, KeepAliveInputs, KeepAliveQuestion};
use crate::economy::lifetimes::{LifetimeInputs, Pace, life_of, lifetime};
use crate::economy::pruning::{self, PromptCut, Pruning, PruningInputs};
use crate::economy::{self, CacheRules, PrefixCosts};

use crate::ledger::Ledger;
use crate::ledger::limits::{Limits, WorstCase};
use crate::nodes::{NodeStatus, Pool};
use crate::pins::Pins;
use crate::race::{self, Race};
use crate::receipt::SendError;
use crate::route::{Candidate, Route, Stays, Tier};
use crate::savings::{LeftOut, Warm};
use crate::send::account::Account;
use crate::send::{DEFAULT_ANSWER_TOKENS, Reply};
use crate::ticket::ReceiptSlot;
use crate::upstream::Upstreams;

/// What a session of the agent looks like before it has begun: requests, and tokens that each adds.
const TYPICAL_REQUESTS: u32 = 6;
const TYPICAL_GROWTH: u64 = 300;
/// The shortest prompt that most vendors cache, at the prices that most ask (2026-11): a write costs
/// a quarter more than input, a read a tenth.
const USUAL_MIN_TOKENS: u64 = 1_024;
/// Lists of paths have fewer tokens to the byte than most text; rather a little over the minimum.
const BYTES_PER_FACT_TOKEN: u64 = 4;

/// What a router works with.
pub struct RouterConfig {
    /// The ways to models.
    pub registry: Arc<dyn Upstreams>,
    /// What models cost.
    pub catalogue: Arc<Catalogue>,
    /// Where requests are recorded.
    pub ledger: Arc<Ledger>,
    /// What may be spent.
    pub limits: Limits,
    /// The model that savings are held against where none is named.
    pub premium: Option<Candidate>,
    /// The run that requests belong to; [`Limits::run`] counts those of the same run.
    pub run: Option<String>,
    /// How failed attempts are tried again.
    pub retry: Policy,
    /// The clock.
    pub clock: Clock,
}

/// What a request is for.
#[derive(Clone, Debug)]
pub struct Purpose {
    /// The kind, for the ledger.
    pub kind: RequestKind,
    /// The session it belongs to.
    pub session: Option<SessionId>,
    /// The project it is for.
    pub project: Option<String>,
    /// The provider to send it to.
    pub provider: String,
    /// The tier that provider and model were chosen for.
    pub tier: Option<Tier>,
    /// Where else it may go if that fails, in order.
    pub fallbacks: Vec<Candidate>,
    /// How provider and model were chosen.
    pub route: &'static str,
    /// Why.
    pub reasons: Vec<String>,
    /// The gateway key it came with.
    pub key: Option<KeyUse>,
    /// The dialect that its sender speaks, where it came through the gateway.
    pub client: Option<Dialect>,
    /// Where its receipt is to be found.
    pub receipt: Option<ReceiptSlot>,
    /// What its prompt would hold besides, but for what Distiq does.
    pub left_out: LeftOut,
    /// Whether it does what a model before could not be said to have done: without Distiq it would not have been sent.
    pub again: bool,
    /// How it is raced, where it is; requests with tools never are.
    pub race: Option<Race>,
    /// Where an answer of before may answer it, and its own be kept; `None` where not.
    pub cache: Option<CacheUse>,
}

/// What vendors' prompt caches are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PromptCaching {
    /// What to keep, and for how long.
    #[default]
    On,
    /// What to keep, never for longer than usual.
    Short,
    /// Nothing.
    Off,
}

/// A gateway key as the ledger knows it: never the key itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyUse {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub owner: Option<String>,
    /// What it may spend in the local day.
    pub day: Option<Money>,
    /// What it may spend in the local month.
    pub month: Option<Money>,
}

impl Purpose {
    /// Makes the purpose of a request that goes to a provider and nowhere else.
    pub fn new(kind: RequestKind, provider: impl Into<String>) -> Self {
        Self {
            kind,
            session: None,
            project: None,
            provider: provider.into(),
            tier: None,
            fallbacks: Vec::new(),
            route: "fixed",
            reasons: Vec::new(),
            key: None,
            client: None,
            receipt: None,
            left_out: LeftOut::default(),
            again: false,
            race: None,
            cache: None,
        }
    }

    /// Returns the purpose of another kind of request that goes to another provider and nowhere else.
    #[must_use]
    pub fn at(self, kind: RequestKind, provider: impl Into<String>) -> Self {
        Self { kind, provider: provider.into(), tier: None, fallbacks: Vec::new(), ..self }
    }

    /// Makes the purpose of a request along a route, with the model that it is to ask first.
    pub fn along(kind: RequestKind, route: Route) -> (Self, String) {
        let mut candidates = route.candidates.into_iter();
        let first = candidates.next().unwrap_or_else(|| Candidate::new("", ""));
        let purpose = Self {
            tier: first.tier,
            fallbacks: candidates.collect(),
            route: route.name,
            reasons: route.reasons,
            ..Self::new(kind, first.provider)
        };
        (purpose, first.model)
    }
}

/// The one door to a model.
///
/// Every request is paid for in advance: the most it can cost is set aside and its row is on disk
/// before it is sent, and its end is on disk before the caller sees the last of the answer.
pub struct Router {
    pub(crate) desk: Arc<Desk>,
}

/// What all requests of a router share.
pub(crate) struct Desk {
    pub config: RouterConfig,
    pub estimator: Estimator,
    pools: RwLock<HashMap<String, Arc<Pool>>>,
    pub pins: Pins,
    pub stays: Stays,
    pub warm: Warm,
    cache: RwLock<Option<Arc<ResponseCache>>>,
    caching: RwLock<PromptCaching>,
}

impl std::fmt::Debug for Router {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Router").field("limits", &self.desk.config.limits).finish_non_exhaustive()
    }
}

impl Router {
    /// Makes a router; nothing is contacted.
    pub fn new(config: RouterConfig) -> Self {
        let (estimator, pools) = (Estimator::default(), RwLock::default());
        Self {
            desk: Arc::new(Desk {
                config,
                estimator,
                pools,
                pins: Pins::default(),
                stays: Stays::default(),
                warm: Warm::default(),
                cache: RwLock::default(),
                caching: RwLock::default(),
            }),
        }
    }

    /// Gives it a cache of answers, for the requests that ask for one.
    pub fn set_cache(&self, cache: Arc<ResponseCache>) {
        *self.desk.cache.write().unwrap_or_else(PoisonError::into_inner) = Some(cache);
    }

    /// Returns its cache of answers.
    pub fn answers(&self) -> Option<Arc<ResponseCache>> {
        self.desk.cache()
    }

    /// Switches off what is told to vendors' prompt caches.
    pub fn set_prompt_caching(&self, caching: PromptCaching) {
        *self.desk.caching.write().unwrap_or_else(PoisonError::into_inner) = caching;
    }

    /// Tells whether its cache of answers serves also those who do not ask for it.
    pub fn caches_all(&self) -> bool {
        self.desk.cache().is_some_and(|cache| cache.options().serves_all)
    }

    /// Sends a request and returns its answer as it comes.
    ///
    /// Nothing happens before the reply is first polled, which must be inside a tokio runtime.
    /// Attempts that fail before anything of the answer was shown are repeated by the policy.
    /// Dropping the reply gives the request up; its row is closed with what was known.
    pub fn send(&self, request: Request, mut purpose: Purpose) -> Reply {
        if purpose.race.is_some()
            && let Some(race) = race::start(&self.desk, &request, &mut purpose)
        {
            return race;
        }
        Reply::new(Arc::clone(&self.desk), request, purpose)
    }

    /// Records an answer that no model was asked for: it cost nothing, and saved at least one request.
    ///
    /// # Errors
    /// When the ledger fails.
    pub async fn record_local(
        &self,
        request: &Request,
        answer: &str,
        purpose: Purpose,
    ) -> Result<(), SendError> {
        let context = price_context(request, self.desk.config.clock.now());
        let model = request.model.clone();
        let usage = Usage {
            input: self.prompt_tokens(request),
            output: self.prompt_tokens(&Request {
                model: model.clone(),
                messages: vec![Message::assistant(answer)],
                ..Request::default()
            }),
            ..Usage::default()
        };
        let mut account =
            Account::new(Arc::clone(&self.desk), purpose, model, context, usage.input);
        let row = account.local_row();
        let limits = Limits::default();
        let ledger = &self.desk.config.ledger;
        ledger.reserve(row, &limits).await?;
        ledger.settle(&account.id.clone(), account.local_end(usage), &limits).await?;
        Ok(())
    }

    /// Records that a whole turn was answered by a kept answer: it cost nothing, and saved what the turn had cost.
    ///
    /// # Errors
    /// When the ledger fails.
    pub async fn record_kept(
        &self,
        request: &Request,
        found: &Found,
        purpose: Purpose,
    ) -> Result<(), SendError> {
        let context = price_context(request, self.desk.config.clock.now());
        let (model, tokens) = (request.model.clone(), found.answer.usage.prompt());
        let mut account = Account::new(Arc::clone(&self.desk), purpose, model, context, tokens);
        account.takes_kept(found);
        let row = account.kept_row();
        let limits = Limits::default();
        let ledger = &self.desk.config.ledger;
        ledger.reserve(row, &limits).await?;
        ledger.settle(&account.id.clone(), account.close(None).0, &limits).await?;
        Ok(())
    }

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

    /// Returns how many tokens a prompt will probably have.
    pub fn prompt_tokens(&self, request: &Request) -> u64 {
        self.desk.estimator.estimate(&request.model, request)
    }

    /// Returns the window of a model, in tokens, where it is known.
    pub fn window(&self, provider: &str, model: &str) -> Option<u64> {
        self.desk.window(&Candidate::new(provider, model))
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

    /// Returns what is known of the nodes that were asked so far, by provider.
    pub fn nodes(&self) -> Vec<NodeStatus> {
        let mut all: Vec<NodeStatus> =
            self.desk.pools().iter().flat_map(|(name, pool)| pool.status(name)).collect();
        all.sort_by(|a, b| (&a.provider, &a.node).cmp(&(&b.provider, &b.node)));
        all
    }

    /// Asks every node that can tell whether it is well, again and again while the router lives, so
    /// that a sick one leaves before a request finds out and returns as soon as it is well.
    ///
    /// Without a tokio runtime around the call nothing is asked.
    pub fn watch_nodes(&self, every: Duration) {
        let desk = Arc::downgrade(&self.desk);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            loop {
                tokio::time::sleep(every).await;
                let Some(desk) = desk.upgrade() else { return };
                desk.check_nodes().await;
            }
        });
    }

    /// Asks every node once, as [`Router::watch_nodes`] does again and again.
    pub async fn check_nodes(&self) {
        self.desk.check_nodes().await;
    }

    /// Returns what may be spent by all.
    pub fn limits(&self) -> &Limits {
        &self.desk.config.limits
    }

    /// Returns the ledger.
    pub fn ledger(&self) -> &Arc<Ledger> {
        &self.desk.config.ledger
    }
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

    async fn check_nodes(&self) {
        let pools = self.pools();
        let now_ms = || self.config.clock.now_ms();
        futures::future::join_all(pools.iter().map(|(_, pool)| pool.check(now_ms))).await;
    }

    fn pools(&self) -> Vec<(String, Arc<Pool>)> {
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

    fn prefix_costs(&self, provider: &str, first: &Request) -> Option<PrefixCosts> {
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
    fn prompt_prices(&self, provider: &str, model: &str, tokens: u64) -> Option<PromptPrices> {
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

/// Returns what besides its tokens sets a request's price.
pub(crate) fn price_context(request: &Request, at: Timestamp) -> PriceContext {
    let field = |name: &str| {
        let (_, extra) = request.extra.as_ref()?;
        extra.get(name)?.as_str().map(str::to_owned)
    };
    PriceContext {
        service_tier: field("service_tier"),
        speed: field("speed"),
        geo: field("inference_geo"),
        ..PriceContext::at(at)
    }
}
