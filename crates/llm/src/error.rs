//! How a provider fails, by what can be done about it.

use std::fmt;
use std::time::Duration;

/// A provider's failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderError {
    /// What kind.
    pub kind: ProviderErrorKind,
    /// The vendor's words, or ours where there are none; at most 2,000 characters.
    pub message: String,
    /// The provider's configured name; empty until the client fills it in.
    pub provider: String,
    /// The HTTP status, where an answer came.
    pub status: Option<u16>,
    /// The vendor's own code for it.
    pub code: Option<String>,
    /// The vendor's id of the request, for their support.
    pub request_id: Option<String>,
    /// How long the vendor asks to wait.
    pub retry_after: Option<Duration>,
    /// Whether the vendor says that trying again helps (`x-should-retry`).
    pub should_retry: Option<bool>,
}

/// What kind of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProviderErrorKind {
    /// The key is missing, wrong or revoked.
    Auth,
    /// The account has no money.
    Billing,
    /// The key may not do this.
    Permission,
    /// The vendor does not know the model.
    UnknownModel,
    /// The vendor does not accept the request.
    InvalidRequest,
    /// The prompt is longer than the model's context.
    ContextTooLong,
    /// The body is larger than the vendor takes.
    TooLarge,
    /// Too many requests or tokens for now.
    RateLimited,
    /// A spend limit set at the vendor was met; waiting does not help.
    SpendLimit,
    /// The vendor has too much to do.
    Overloaded,
    /// The vendor failed.
    Server,
    /// Nothing came in time.
    Timeout(Phase),
    /// No connection.
    Connect,
    /// No trusted connection.
    Tls,
    /// The answer was cut off.
    Truncated,
    /// The answer is not what the dialect says.
    Malformed,
    /// Something else answered, such as a proxy's web page.
    NotTheApi,
    /// The server points to another address; keys are not sent there.
    Redirect,
}

/// What was waited for when time ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The answer's status and headers.
    Head,
    /// The first byte of the body.
    FirstByte,
    /// The next byte of the body.
    Idle,
}

impl ProviderError {
    /// Makes an error that knows its kind and words only; anything past 2,000 characters is cut.
    pub fn new(kind: ProviderErrorKind, message: impl Into<String>) -> Self {
        let mut message = message.into();
        if let Some((end, _)) = message.char_indices().nth(2000) {
            message.truncate(end);
        }
        Self {
            kind,
            message,
            provider: String::new(),
            status: None,
            code: None,
            request_id: None,
            retry_after: None,
            should_retry: None,
        }
    }

    /// Names the provider.
    #[must_use]
    pub fn at(mut self, provider: &str) -> Self {
        provider.clone_into(&mut self.provider);
        self
    }

    /// Tells whether the same request may succeed later: the vendor's word, else by kind.
    pub fn is_retryable(&self) -> bool {
        use ProviderErrorKind as K;
        self.should_retry.unwrap_or(matches!(
            self.kind,
            K::RateLimited | K::Overloaded | K::Server | K::Timeout(_) | K::Connect | K::Truncated
        ))
    }

    /// Returns what the user can do about it, in one sentence.
    pub fn hint(&self) -> String {
        use ProviderErrorKind as K;
        let name = if self.provider.is_empty() { "the provider" } else { &self.provider };
        match self.kind {
            K::Auth => format!("Check the API key for {name}: it is missing, wrong or revoked."),
            K::Billing => format!("Add credit to the account at {name}, or use another provider."),
            K::Permission => {
                format!("This key may not do that at {name}; ask its owner, or use another model.")
            }
            K::UnknownModel => format!(
                "{name} does not know the model; `distiq models` lists what it offers. If it \
                 should, check the base URL."
            ),
            K::InvalidRequest => {
                format!("{name} refused the request; the model may lack a feature it uses.")
            }
            K::ContextTooLong => {
                "Start a new session or use a model with a larger context.".to_owned()
            }
            K::TooLarge => "Send smaller images or less text.".to_owned(),
            K::RateLimited => format!("Wait, or raise the rate limit at {name}."),
            K::SpendLimit => format!("Raise the spend limit at {name}; waiting does not help."),
            K::Overloaded | K::Server => format!("{name} has trouble; try again in a while."),
            K::Timeout(_) => format!("{name} did not answer in time; try again."),
            K::Connect => format!("Check the network and the base URL of {name}."),
            K::Tls => format!(
                "Check the base URL of {name} and the clock; behind a company proxy, set its \
                 certificate file."
            ),
            K::Truncated => format!("{name} hung up in the middle of the answer; try again."),
            K::Malformed => {
                format!("{name} did not speak the dialect that is set for it; check `dialect`.")
            }
            K::NotTheApi => format!(
                "Something other than {name}'s API answered; check the base URL and any proxy."
            ),
            K::Redirect => format!("Set the base URL of {name} to the address it now has."),
        }
    }
}

impl ProviderErrorKind {
    /// Returns the name used in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Billing => "billing",
            Self::Permission => "permission",
            Self::UnknownModel => "unknown_model",
            Self::InvalidRequest => "invalid_request",
            Self::ContextTooLong => "context_too_long",
            Self::TooLarge => "too_large",
            Self::RateLimited => "rate_limited",
            Self::SpendLimit => "spend_limit",
            Self::Overloaded => "overloaded",
            Self::Server => "server",
            Self::Timeout(_) => "timeout",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Truncated => "truncated",
            Self::Malformed => "malformed",
            Self::NotTheApi => "not_the_api",
            Self::Redirect => "redirect",
        }
    }
}

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.provider.is_empty() {
            write!(f, "{}: ", self.provider)?;
        }
        if let Some(status) = self.status {
            write!(f, "HTTP {status}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for ProviderError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vendors_word_on_retrying_wins() {
        let mut error = ProviderError::new(ProviderErrorKind::Server, "x").at("groq");
        assert!(error.is_retryable());
        error.should_retry = Some(false);
        assert!(!error.is_retryable());
        error.kind = ProviderErrorKind::InvalidRequest;
        error.should_retry = Some(true);
        assert!(error.is_retryable());
        error.status = Some(400);
        assert_eq!(error.to_string(), "groq: HTTP 400: x");
        assert!(error.hint().contains("groq"));
    }

    #[test]
    fn words_are_bounded_by_whole_characters() {
        let error = ProviderError::new(ProviderErrorKind::Server, "é".repeat(5000));
        assert_eq!(error.message.chars().count(), 2000);
    }
}
