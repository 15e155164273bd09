//! Dialects: Distiq's vocabulary to a vendor's bytes and back. Pure: nothing here does I/O.
//!
//! Each dialect is a module with the same door: `encode_request`, `decode_request`,
//! `decode_response`, `encode_response`, `StreamDecoder`, `StreamEncoder`, `decode_error` and
//! `encode_error`. What one dialect has and the vocabulary has not is kept as
//! [`Content::Other`](distiq_base::Content::Other), [`Request::extra`](distiq_base::Request::extra)
//! or [`ToolDef::extra`](distiq_base::ToolDef::extra), and goes back out in that dialect only.
//!
//! A request always becomes the same bytes, and appending messages to it appends elements to the
//! body's `messages` without changing the earlier ones, cache marks aside: vendors cache prompts by
//! exact prefix.

pub mod anthropic;
mod arguments;
mod documents;
pub mod embed;
mod field;
pub mod frames;
pub mod gemini;
mod headers;
mod history;
mod marks;
pub mod model_rules;
pub mod notes;
pub mod ollama;
pub mod openai;
mod plain;
mod quirks;
pub mod responses;
mod shared;
mod signature;
pub mod sse;
mod status;

pub use headers::HeaderView;
pub use notes::{Fate, Note, notes};
pub use quirks::{PartMarks, Quirks, ToolCallIds};

use crate::error::{ProviderError, ProviderErrorKind};

/// Most blocks of one answer.
pub const MAX_ANSWER_BLOCKS: usize = 10_000;
/// Most bytes of text and arguments in one answer.
pub const MAX_ANSWER_BYTES: usize = 64 << 20;
/// Most content blocks of one request that is decoded.
pub const MAX_REQUEST_BLOCKS: usize = 100_000;

/// Finds the count of tokens in a JSON answer that is no model's, such as a list of embeddings.
pub fn read_usage(body: &[u8]) -> Option<distiq_base::Usage> {
    let json = serde_json::from_slice(body).ok()?;
    openai::find_usage(&json).or_else(|| {
        // Ollama's embeddings.
        let input = field::count(&json, "prompt_eval_count")?;
        Some(distiq_base::Usage { input, ..distiq_base::Usage::default() })
    })
}

/// Why bytes could not be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Not JSON, or not the dialect's shape.
    #[error("{at}: {problem}")]
    Malformed {
        /// Where, such as `messages[3].content`.
        at: String,
        /// What is wrong there, or what was expected.
        problem: String,
    },
    /// The answer stopped before its end mark.
    #[error("the answer was cut off before its end")]
    Truncated,
    /// Larger than a sane peer sends.
    #[error("{what} is larger than the limit of {limit}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// The most that is taken.
        limit: usize,
    },
    /// The vendor reported a failure where an answer, or the rest of one, should be.
    #[error(transparent)]
    Vendor(#[from] ProviderError),
}

impl WireError {
    pub(crate) fn malformed(at: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Malformed { at: at.into(), problem: problem.into() }
    }
}

impl From<WireError> for ProviderError {
    fn from(error: WireError) -> Self {
        let kind = match &error {
            WireError::Vendor(inner) => return inner.clone(),
            WireError::Truncated => ProviderErrorKind::Truncated,
            WireError::Malformed { .. } | WireError::TooLarge { .. } => {
                ProviderErrorKind::Malformed
            }
        };
        Self::new(kind, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wire_error_becomes_the_providers() {
        let kind = |error: WireError| ProviderError::from(error).kind;
        assert_eq!(kind(WireError::Truncated), ProviderErrorKind::Truncated);
        assert_eq!(kind(WireError::malformed("a", "b")), ProviderErrorKind::Malformed);
        let vendor = ProviderError::new(ProviderErrorKind::Overloaded, "busy");
        assert_eq!(ProviderError::from(WireError::Vendor(vendor.clone())), vendor);
    }
}
