//! What comes back from a request: events, then the receipt.

use std::sync::Arc;

use distiq_base::{ErrorKind, Money, RequestId, StopReason, StreamEvent, Usage};
use distiq_llm::{ProviderError, ProviderErrorKind, RegistryError};

use crate::ledger::LedgerError;
use crate::ledger::limits::{BudgetError, LimitScope};
use crate::route::Tier;

/// One step of a request.
// The receipt is large, but comes once a request; a box would only burden its readers.
#[allow(clippy::large_enum_variant)]
#[derive(Clone, Debug)]
pub enum RouterEvent {
    /// The money is set aside and the request goes out; comes at most once.
    Started {
        /// The request.
        request_id: RequestId,
        /// The provider's name.
        provider: String,
        /// The model.
        model: String,
    },
    /// An attempt failed before anything was shown; the next follows after the delay.
    Retried {
        /// The request.
        request_id: RequestId,
        /// The attempt that failed, from 1.
        attempt: u32,
        /// Why.
        reason: String,
        /// How long until the next, in milliseconds.
        delay_ms: u64,
    },
    /// All attempts at one way failed before anything was shown; another is gone to.
    FellBack {
        /// The request.
        request_id: RequestId,
        /// The provider that is asked now.
        provider: String,
        /// Its model.
        model: String,
        /// Why the one before is not.
        reason: String,
    },
    /// A step of the answer.
    Model(StreamEvent),
    /// Something the user should know, such as a limit that is near.
    Notice(String),
    /// It is over and on the ledger; always the last event.
    Finished(Receipt),
}

/// How a request went and what it cost.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// The request.
    pub request_id: RequestId,
    /// The provider's name.
    pub provider: String,
    /// The model that answered, or that was asked where none did.
    pub model: String,
    /// The tier that the model was chosen for.
    pub tier: Option<Tier>,
    /// The node that was asked last, where the provider has several.
    pub node: Option<String>,
    /// How often another model or provider was gone to.
    pub fallbacks: u32,
    /// Tokens of all attempts.
    pub usage: Usage,
    /// Cost of all attempts; `None` where the model has no known price.
    pub cost: Option<Money>,
    /// Whether the model has a known price.
    pub priced: bool,
    /// Whether usage and cost are our estimate, because the vendor did not tell.
    pub estimated: bool,
    /// From the first sending to the end.
    pub latency_ms: u64,
    /// From the first sending to the first piece of the answer.
    pub first_token_ms: Option<u64>,
    /// How often it was sent; 0 where it was refused before.
    pub attempts: u32,
    /// Why the answer ended.
    pub stop: Option<StopReason>,
    /// Whether the vendor's end mark came.
    pub complete: bool,
    /// Why it failed, where it did.
    pub error: Option<SendError>,
    /// Why the model was chosen.
    pub reasons: Vec<String>,
}

/// Why a request failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SendError {
    /// A limit does not cover it; nothing was sent.
    #[error(
        "The {scope} limit of {limit} does not cover the next request: {spent} is spent or \
         reserved, and up to {needed} is needed"
    )]
    Budget {
        /// Which limit.
        scope: LimitScope,
        /// The limit.
        limit: Money,
        /// What is spent, and reserved by requests under way.
        spent: Money,
        /// What the smallest useful answer could cost.
        needed: Money,
    },
    /// A limit is set, and nobody knows what the model costs; nothing was sent.
    #[error("A limit is set, but model `{model}` has no known price")]
    Unpriced {
        /// The model.
        model: String,
    },
    /// The vendor failed, or the way to it.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The provider is unknown or not set up.
    #[error(transparent)]
    UnknownProvider(#[from] RegistryError),
    /// The ledger failed: what is not recorded is not sent.
    #[error(transparent)]
    Ledger(Arc<LedgerError>),
    /// The caller gave it up.
    #[error("The request was cancelled")]
    Cancelled,
}

impl SendError {
    /// Returns the kind that sets the exit code.
    pub fn kind(&self) -> ErrorKind {
        match self {
            SendError::Budget { .. } | SendError::Unpriced { .. } => ErrorKind::Budget,
            SendError::Provider(error) => match error.kind {
                ProviderErrorKind::Auth => ErrorKind::Config,
                _ => ErrorKind::Provider,
            },
            SendError::UnknownProvider(error) => error.kind(),
            SendError::Ledger(error) => error.kind(),
            SendError::Cancelled => ErrorKind::Cancelled,
        }
    }

    /// Returns what the user can do.
    pub fn hint(&self) -> String {
        match self {
            SendError::Budget { scope, .. } => BudgetError::hint_for(*scope),
            SendError::Unpriced { .. } => BudgetError::UNPRICED_HINT.into(),
            SendError::Provider(error) => error.hint(),
            SendError::UnknownProvider(error) => error.hint(),
            SendError::Ledger(error) => error.hint(),
            SendError::Cancelled => "Send it again".into(),
        }
    }

    /// Tells whether the same request may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, SendError::Provider(error) if error.is_retryable())
    }

    /// Tells whether the vendor says that the prompt is too long for the model.
    pub fn is_too_long(&self) -> bool {
        self.is_of(&[ProviderErrorKind::ContextTooLong, ProviderErrorKind::TooLarge])
    }

    /// Tells whether the vendor does not accept the request as it is.
    pub fn is_refusal(&self) -> bool {
        self.is_of(&[ProviderErrorKind::InvalidRequest])
    }

    fn is_of(&self, kinds: &[ProviderErrorKind]) -> bool {
        matches!(self, SendError::Provider(error) if kinds.contains(&error.kind))
    }

    /// Returns the name kept on the ledger.
    pub const fn code(&self) -> &'static str {
        match self {
            SendError::Budget { .. } => "budget",
            SendError::Unpriced { .. } => "unpriced",
            SendError::Provider(error) => error.kind.as_str(),
            SendError::UnknownProvider(_) => "unknown_provider",
            SendError::Ledger(_) => "ledger",
            SendError::Cancelled => "cancelled",
        }
    }
}

impl From<BudgetError> for SendError {
    fn from(error: BudgetError) -> Self {
        match error {
            BudgetError::Exceeded { scope, limit, spent, needed } => {
                SendError::Budget { scope, limit, spent, needed }
            }
            BudgetError::Unpriced { model } => SendError::Unpriced { model },
            BudgetError::Ledger(error) => error.into(),
        }
    }
}

impl From<LedgerError> for SendError {
    fn from(error: LedgerError) -> Self {
        SendError::Ledger(Arc::new(error))
    }
}
