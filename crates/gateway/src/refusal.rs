//! Why a request is not answered, before it is written in the caller's dialect.

use std::time::Duration;

use distiq_llm::ProviderErrorKind as Kind;
use distiq_llm::wire::WireError;
use distiq_router::{Receipt, SendError};

/// Why a request is not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// What kind; each dialect has its own words and status for it.
    pub kind: Kind,
    /// The status, where HTTP's own fits better than the dialect's.
    pub status: Option<u16>,
    /// What failed, and what to do.
    pub message: String,
    /// How long to wait before another attempt.
    pub retry_after: Option<Duration>,
    /// What the caller's library is told about trying again, where it would guess wrong.
    pub should_retry: Option<bool>,
    /// The request on the ledger, where it was sent.
    pub request_id: Option<String>,
    /// The connection cannot be used again: its request was not read to the end.
    pub close: bool,
}

impl Refusal {
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            status: None,
            message: message.into(),
            retry_after: None,
            should_retry: None,
            request_id: None,
            close: false,
        }
    }

    /// Refuses what the client did wrong.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Kind::InvalidRequest, message)
    }

    /// Refuses with a status of HTTP's own.
    pub fn with_status(status: u16, message: impl Into<String>) -> Self {
        let kind = match status {
            404 => Kind::UnknownModel,
            413 => Kind::TooLarge,
            500.. => Kind::Server,
            _ => Kind::InvalidRequest,
        };
        Self { status: Some(status), ..Self::new(kind, message) }
    }

    pub const fn after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Names the request, so that it can be looked up.
    pub fn of(mut self, receipt: &Receipt) -> Self {
        self.request_id = (receipt.attempts > 0).then(|| receipt.request_id.to_string());
        self
    }

    pub const fn closing(mut self) -> Self {
        self.close = true;
        self
    }
}

impl From<WireError> for Refusal {
    fn from(error: WireError) -> Self {
        match error {
            WireError::TooLarge { .. } => Self::new(Kind::TooLarge, error.to_string()),
            _ => Self::invalid(error.to_string()),
        }
    }
}

impl From<SendError> for Refusal {
    fn from(error: SendError) -> Self {
        let message = |error: &SendError| format!("{error}. {}", error.hint());
        match &error {
            SendError::Provider(inner) => Self {
                retry_after: inner.retry_after,
                should_retry: inner.should_retry,
                ..Self::new(inner.kind, inner.to_string())
            },
            // Waiting a second, as libraries do after a 429, does not bring money.
            SendError::Budget { .. } | SendError::Unpriced { .. } => {
                Self { should_retry: Some(false), ..Self::new(Kind::Billing, message(&error)) }
            }
            SendError::UnknownProvider(_) => Self::new(Kind::UnknownModel, message(&error)),
            SendError::Cancelled => Self::new(Kind::Server, error.to_string()),
            _ => Self::new(Kind::Server, message(&error)),
        }
    }
}
