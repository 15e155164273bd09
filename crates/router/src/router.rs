//! The router: what it is made of, and what it decides before a request goes out.

use std::sync::Arc;

use distiq_base::clock::Clock;
use distiq_base::{CachePlan, Dialect, Money, Price, Request, RequestKind, SessionId, Usage};
use distiq_llm::retry::Policy;
use distiq_llm::{Catalogue, Estimator, PriceContext};
use jiff::Timestamp;

use crate::economy::{self, CacheRules, PrefixCosts};

use crate::ledger::Ledger;
use crate::ledger::limits::{Limits, WorstCase};
use crate::send::Reply;
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
    /// How provider and model were chosen.
    pub route: &'static str,
    /// Why.
    pub reasons: Vec<String>,
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
}

impl std::fmt::Debug for Router {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Router").field("limits", &self.desk.config.limits).finish_non_exhaustive()
    }
}

impl Router {
    /// Makes a router; nothing is contacted.
    pub fn new(config: RouterConfig) -> Self {
        Self { desk: Arc::new(Desk { config, estimator: Estimator::default() }) }
    }

    /// Sends a request and returns its answer as it comes.
    ///
    /// Nothing happens before the reply is first polled, which must be inside a tokio runtime.
    /// Attempts that fail before anything of the answer was shown are repeated by the policy.
    /// Dropping the reply gives the request up; its row is closed with what was known.
    pub fn send(&self, request: Request, purpose: Purpose) -> Reply {
        Reply::new(Arc::clone(&self.desk), request, purpose)
    }

    /// Returns what the provider's prompt cache is to be told about a request of the session that
    /// `key` names.
    pub fn cache_plan(&self, provider: &str, request: &Request, key: &str) -> CachePlan {
        let rules = match self.desk.config.registry.upstream(provider).map(|up| up.dialect()) {
            Ok(Dialect::Anthropic) => CacheRules::anthropic(),
            _ => CacheRules::automatic(Some(key)),
        };
        economy::marks(request, &rules)
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

    /// Returns the ledger.
    pub fn ledger(&self) -> &Arc<Ledger> {
        &self.desk.config.ledger
    }
}

impl Desk {
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

    /// Returns the cost of tokens, where the price is known.
    pub fn price(
        &self,
        provider: &str,
        model: &str,
        usage: &Usage,
        context: &PriceContext,
    ) -> Option<Money> {
        self.config.catalogue.price(provider, model, usage, context)
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
            self.config.catalogue.worst_case(provider, model, prompt_tokens, output, context)
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
