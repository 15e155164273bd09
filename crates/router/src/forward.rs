//! Bodies passed through: the budget and the ledger as with a request that is understood, but the
//! caller's bytes go out as they are, and the vendor's bytes come back as they come.
//!
//! What is changed in a body, and nothing else: the model's name where the route names another, the
//! longest answer where a limit does not cover it, and for OpenAI's streams a question for usage,
//! whose one chunk is taken out of the stream again.

mod body;
mod passing;
mod stream;
mod strip;

use std::sync::Arc;

use distiq_base::{Dialect, RequestId};
use distiq_llm::provider::{HeaderMap, RawRefusal, RawRequest};

use crate::receipt::{Receipt, SendError};
use crate::router::{Purpose, Router};
use crate::ticket::Ticket;

pub use body::Fields;
pub use stream::{Broken, ForwardStream};

/// A body to pass on.
#[derive(Clone, Debug)]
pub struct Call {
    /// The dialect that it is written in; only providers that speak it are asked.
    pub dialect: Dialect,
    /// What is read of the answer.
    pub reads: Reads,
    /// The model that it is to ask first; the body's own name is replaced where it differs.
    pub model: String,
    /// Where to, with what. In its path, `{model}` stands for the model's name.
    pub request: RawRequest,
    /// Where the body's fields stand, where that is known.
    pub fields: Option<Fields>,
}

/// What is read of an answer that is passed through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// An answer of a model: tokens, its end, errors within it.
    Answer,
    /// A JSON object that may hold a count of tokens, such as embeddings.
    Count,
    /// Nothing; it costs nothing, as far as is known.
    Nothing,
}

/// A success on its way back.
#[derive(Debug)]
pub struct Forwarded {
    /// The request, as on the ledger.
    pub request_id: RequestId,
    /// The provider that answers.
    pub provider: String,
    /// The model that was asked.
    pub model: String,
    /// The node that answers, where the provider has several.
    pub node: Option<String>,
    /// The status.
    pub status: u16,
    /// The vendor's headers, but for those of one hop and of the body's packing.
    pub headers: HeaderMap,
    /// The body.
    pub body: ForwardBody,
    /// The receipt, once there is one.
    pub receipt: ReceiptHandle,
}

/// The body of a success.
#[derive(Debug)]
pub enum ForwardBody {
    /// All of it; the row is closed.
    Whole(bytes::Bytes),
    /// As it comes; the row is closed before the last of it is given out.
    Stream(ForwardStream),
}

/// Why nothing was passed back.
#[derive(Debug)]
pub struct Refused {
    /// Why.
    pub error: SendError,
    /// What it came to.
    pub receipt: Box<Receipt>,
    /// The vendor's own words, where the last attempt got any: to be passed back as they are.
    pub reply: Option<Box<RawRefusal>>,
}

/// Finds the receipt of a request that was passed through.
#[derive(Clone)]
pub struct ReceiptHandle(Arc<Ticket>);

impl ReceiptHandle {
    /// Returns the receipt; `None` while the request is under way.
    pub fn get(&self) -> Option<Arc<Receipt>> {
        self.0.receipt()
    }
}

impl std::fmt::Debug for ReceiptHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReceiptHandle")
    }
}

impl Router {
    /// Passes a body on and returns the answer's bytes as they come.
    ///
    /// Attempts that fail before the first bytes of an answer are repeated, and other ways gone to,
    /// as with [`Router::send`]. Dropping the future or the body closes the connection at once and
    /// the row with it.
    ///
    /// # Errors
    /// Where no attempt got an answer, or nothing may be sent.
    pub async fn forward(&self, call: Call, purpose: Purpose) -> Result<Forwarded, Refused> {
        passing::Passing::new(Arc::clone(&self.desk), call, purpose).run().await
    }
}
