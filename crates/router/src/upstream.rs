//! What the router sends through: vendors' clients, or a test's stand-in.

use std::sync::Arc;

use distiq_base::{Dialect, Request, StreamEvent};
use distiq_llm::{Provider, ProviderError, Registry, RegistryError};
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};

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
}

/// All ways to models, by provider.
pub trait Upstreams: Send + Sync {
    /// Returns the provider of that name.
    ///
    /// # Errors
    /// Where it is unknown or not set up.
    fn upstream(&self, provider: &str) -> Result<Arc<dyn Upstream>, RegistryError>;
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
}

impl Upstreams for Registry {
    fn upstream(&self, provider: &str) -> Result<Arc<dyn Upstream>, RegistryError> {
        self.get(provider).map(|provider| provider as Arc<dyn Upstream>)
    }
}
