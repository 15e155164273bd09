//! The callers' dialects behind one face; each is one small file, and one line here.

mod anthropic;
mod openai;

use distiq_base::{Dialect, Request, Response, StreamEvent};
use distiq_llm::ProviderErrorKind;
use distiq_llm::wire::WireError;
use serde_json::Value;

use crate::endpoint::Route;

pub(crate) use anthropic::Anthropic;
pub(crate) use openai::OpenAi;

/// Anthropic Messages.
pub(crate) static ANTHROPIC: Anthropic = Anthropic;
/// OpenAI Chat Completions.
pub(crate) static OPENAI: OpenAi = OpenAi;

/// A caller's dialect.
pub(crate) trait Codec: Sync + Send {
    /// Returns its name.
    fn dialect(&self) -> Dialect;

    /// Reads a request.
    fn decode(&self, route: &Route, body: &[u8]) -> Result<Request, WireError>;

    /// Starts the stream that answers a request.
    fn encoder(&self, request: &Request) -> Box<dyn Encode>;

    /// Writes a whole answer.
    fn whole(&self, request: &Request, response: &Response) -> Value;

    /// Writes a failure: its status and body.
    fn error(&self, kind: ProviderErrorKind, message: &str) -> (u16, Value);

    /// Returns the content type of its streams.
    fn stream_type(&self) -> &'static str {
        EVENT_STREAM
    }

    /// Returns the headers that its vendor names a request in.
    fn id_header(&self) -> &'static str {
        "x-request-id"
    }
}

/// The content type of server-sent events.
pub(crate) const EVENT_STREAM: &str = "text/event-stream; charset=utf-8";

/// A stream in a caller's dialect.
pub(crate) trait Encode: Send {
    /// Returns the bytes that an event adds; often none.
    fn encode(&mut self, event: &StreamEvent) -> String;

    /// Returns the bytes that tell of a failure; nothing follows them.
    fn error(&mut self, kind: ProviderErrorKind, message: &str) -> String;
}
