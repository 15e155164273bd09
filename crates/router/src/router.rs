//! The router: what it is made of, and what it decides before a request goes out.

mod deciding;
mod desk;
mod purpose;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use distiq_base::clock::Clock;
use distiq_base::{Message, Request, Usage};
use distiq_llm::retry::Policy;
use distiq_llm::{Catalogue, Estimator, PriceContext};
use jiff::Timestamp;

pub(crate) use desk::Desk;
pub use purpose::{KeyUse, Purpose};

use crate::cache::{Found, ResponseCache};
use crate::ledger::Ledger;
use crate::ledger::limits::Limits;
use crate::nodes::NodeStatus;
use crate::pins::Pins;
use crate::race;
use crate::receipt::SendError;
use crate::route::{Candidate, Stays};
use crate::savings::Warm;
use crate::send::Reply;
use crate::send::account::Account;
use crate::upstream::Upstreams;

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

/// The one door to a model.
///
/// Every request is paid for in advance: the most it can cost is set aside and its row is on disk
/// before it is sent, and its end is on disk before the caller sees the last of the answer.
pub struct Router {
    pub(crate) desk: Arc<Desk>,
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

    /// Returns how many tokens a prompt will probably have.
    pub fn prompt_tokens(&self, request: &Request) -> u64 {
        self.desk.estimator.estimate(&request.model, request)
    }

    /// Returns the window of a model, in tokens, where it is known.
    pub fn window(&self, provider: &str, model: &str) -> Option<u64> {
        self.desk.window(&Candidate::new(provider, model))
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
