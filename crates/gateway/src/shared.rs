//! What all requests of a gateway share.

use std::sync::{Arc, PoisonError, RwLock};

use tokio_util::sync::CancellationToken;

use crate::guard::Guesses;
use crate::keys::{self, Keys, Rates};
use crate::seeing::Seeing;
use crate::setup::{Options, Setup};

/// What all requests share.
pub(crate) struct Shared {
    pub options: Options,
    pub keys: Keys,
    /// The hash of the operator's key.
    pub operator: Option<[u8; 32]>,
    pub rates: Rates,
    pub guesses: Guesses,
    pub seeing: Arc<Seeing>,
    setup: RwLock<Arc<Setup>>,
    /// No new requests.
    pub stopping: CancellationToken,
    /// No more time for those under way.
    pub cut: CancellationToken,
}

impl Shared {
    pub fn new(options: Options, keys: Keys, setup: Setup, seeing: Arc<Seeing>) -> Self {
        Self {
            operator: options.operator_key.as_ref().map(|key| keys::hash(key.expose())),
            options,
            keys,
            rates: Rates::default(),
            guesses: Guesses::default(),
            seeing,
            setup: RwLock::new(Arc::new(setup)),
            stopping: CancellationToken::new(),
            cut: CancellationToken::new(),
        }
    }

    /// Returns the setup of a request that begins now.
    pub fn setup(&self) -> Arc<Setup> {
        Arc::clone(&self.setup.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts a new setup in place; requests under way keep theirs.
    pub fn replace(&self, setup: Setup) {
        *self.setup.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(setup);
    }
}
