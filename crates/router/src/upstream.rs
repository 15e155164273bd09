//! What the router sends through: vendors' clients, or a test's stand-in.

use std::sync::Arc;

use distiq_base::{Dialect, Request, StreamEvent};
use distiq_llm::provider::{RawReply, RawRequest};
use distiq_llm::{Provider, ProviderError, ProviderErrorKind, Registry, RegistryError};
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use jiff::Timestamp;

use crate::nodes::Balance;

/// An answer as it comes. After an error or [`StreamEvent::End`] nothing follows; an end without
/// either is a cut. Dropping it gives the request up.
pub type EventStream = BoxStream<'static, Result<StreamEvent, ProviderError>>;

/// One way to a model.
pub trait Upstream: Send + Sync {
    /// Returns the dialect it is spoken to in; prompts are laid out for its cache.
    fn dialect(&self) -> Dialect;

    /// Sends a request once. Dropping the future gives the request up.
    fn stream<'a>(
        &'a self,
        request: &'a Request,
    ) -> BoxFuture<'a, Result<EventStream, ProviderError>>;

    /// Passes a body on as it is, once. Dropping the future, or the reply, gives the request up.
    fn forward<'a>(
        &'a self,
        request: &'a RawRequest,
    ) -> BoxFuture<'a, Result<RawReply, ProviderError>> {
        let _ = request;
        let kind = ProviderErrorKind::InvalidRequest;
        async move { Err(ProviderError::new(kind, "Nothing can be passed on to it")) }.boxed()
    }

    /// Returns what to heed in a body that is passed on.
    fn traits(&self) -> RawTraits {
        RawTraits::default()
    }

    /// Returns until when the vendor's headers say that a limit is empty, once for each answer that
    /// says so.
    fn take_exhausted_until(&self) -> Option<Timestamp> {
        None
    }

    /// Asks at a path, from the root of its address, whether the server is well.
    fn check<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<(), ProviderError>> {
        let _ = path;
        futures::future::ready(Ok(())).boxed()
    }
}

/// What to heed in a body that is passed on.
#[derive(Clone, Copy, Debug)]
pub struct RawTraits {
    /// Whether OpenAI streams may be asked for usage.
    pub stream_options: bool,
    /// The field for the longest answer.
    pub max_tokens_field: &'static str,
}

impl Default for RawTraits {
    fn default() -> Self {
        Self { stream_options: true, max_tokens_field: "max_tokens" }
    }
}

/// The nodes of one provider.
#[derive(Clone)]
pub struct NodeSet {
    /// How requests are spread over them.
    pub balance: Balance,
    /// The nodes, at least one.
    pub nodes: Vec<NodeSpec>,
    /// Where they answer while they are well, from the root of their addresses.
    pub health_path: Option<String>,
}

/// One node: an address that serves the provider's models.
#[derive(Clone)]
pub struct NodeSpec {
    /// Its name, unique among the provider's: its address.
    pub name: String,
    /// Its share against the others'.
    pub weight: u32,
    /// The way to it.
    pub upstream: Arc<dyn Upstream>,
}

/// All ways to models, by provider.
pub trait Upstreams: Send + Sync {
    /// Returns the provider of that name.
    ///
    /// # Errors
    /// Where it is unknown or not set up.
    fn upstream(&self, provider: &str) -> Result<Arc<dyn Upstream>, RegistryError>;

    /// Returns the nodes of the provider of that name; one, where nothing else is set.
    ///
    /// # Errors
    /// As [`Upstreams::upstream`].
    fn nodes(&self, provider: &str) -> Result<NodeSet, RegistryError> {
        let upstream = self.upstream(provider)?;
        let node = NodeSpec { name: provider.to_owned(), weight: 1, upstream };
        Ok(NodeSet { balance: Balance::default(), nodes: vec![node], health_path: None })
    }
}

impl Upstream for Provider {
    fn dialect(&self) -> Dialect {
        Provider::dialect(self)
    }

    fn stream<'a>(
        &'a self,
        request: &'a Request,
    ) -> BoxFuture<'a, Result<EventStream, ProviderError>> {
        async move { Provider::stream(self, request).await.map(StreamExt::boxed) }.boxed()
    }

    fn forward<'a>(
        &'a self,
        request: &'a RawRequest,
    ) -> BoxFuture<'a, Result<RawReply, ProviderError>> {
        Provider::forward(self, request).boxed()
    }

    fn traits(&self) -> RawTraits {
        let (stream_options, max_tokens_field) = self.raw_traits();
        RawTraits { stream_options, max_tokens_field }
    }

    fn check<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<(), ProviderError>> {
        Provider::check(self, path).boxed()
    }

    fn take_exhausted_until(&self) -> Option<Timestamp> {
        Provider::take_exhausted_until(self)
    }
}

impl Upstreams for Registry {
    fn upstream(&self, provider: &str) -> Result<Arc<dyn Upstream>, RegistryError> {
        self.get(provider).map(|provider| provider as Arc<dyn Upstream>)
    }

    fn nodes(&self, provider: &str) -> Result<NodeSet, RegistryError> {
        let nodes: Vec<NodeSpec> = Registry::nodes(self, provider)?
            .into_iter()
            .map(|(node, weight)| NodeSpec {
                name: node.base_url().to_owned(),
                weight,
                upstream: node as Arc<dyn Upstream>,
            })
            .collect();
        let usual = match nodes.iter().any(|node| node.weight > 1) {
            true => Balance::Weighted,
            false => Balance::RoundRobin,
        };
        let balance = self.balance(provider).and_then(Balance::parse).unwrap_or(usual);
        let health_path = self.health_path(provider).map(str::to_owned);
        Ok(NodeSet { balance, nodes, health_path })
    }
}
