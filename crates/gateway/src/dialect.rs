//! The callers' dialects behind one face; each is one small file, and one line here.

mod anthropic;
mod completions;
mod cursor;
mod gemini;
mod ollama;
mod openai;
mod responses;

use distiq_base::{Dialect, Request, Response, StreamEvent};
use distiq_llm::ProviderErrorKind;
use distiq_llm::wire::WireError;
use distiq_llm::wire::gemini::StreamForm;
use distiq_llm::wire::ollama::Endpoint;
use hyper::header::HeaderName;
use serde_json::Value;

use crate::endpoint::Route;

/// Anthropic Messages.
pub(crate) static ANTHROPIC: anthropic::Anthropic = anthropic::Anthropic;
/// OpenAI Chat Completions.
pub(crate) static OPENAI: openai::OpenAi = openai::OpenAi;
/// OpenAI's older completions.
pub(crate) static COMPLETIONS: completions::Completions = completions::Completions;
/// Cursor.
pub(crate) static CURSOR: cursor::Cursor = cursor::Cursor;
/// OpenAI Responses.
pub(crate) static RESPONSES: responses::Responses = responses::Responses;
/// Gemini, its streams as events.
pub(crate) static GEMINI: gemini::Gemini = gemini::Gemini(StreamForm::Sse);
/// Gemini, its streams as one array.
pub(crate) static GEMINI_ARRAY: gemini::Gemini = gemini::Gemini(StreamForm::Array);
/// Ollama's chat.
pub(crate) static OLLAMA_CHAT: ollama::Ollama = ollama::Ollama(Endpoint::Chat);
/// Ollama's answers to a prompt alone.
pub(crate) static OLLAMA_GENERATE: ollama::Ollama = ollama::Ollama(Endpoint::Generate);

/// A caller's dialect.
pub(crate) trait Codec: Sync + Send {
    /// Returns its name.
    fn dialect(&self) -> Dialect;

    /// Reads a request.
    fn decode(&self, route: &Route, body: &[u8]) -> Result<Request, WireError>;

    /// Starts the stream that answers a request.
    fn encoder(&self, request: &Request) -> Box<dyn Encode>;

    /// Starts a stream of which only a failure is written, behind another's bytes.
    fn error_encoder(&self) -> Box<dyn Encode> {
        self.encoder(&Request::default())
    }

    /// Writes a whole answer.
    fn whole(&self, request: &Request, response: &Response) -> Value;

    /// Writes a failure: its status and body.
    fn error(&self, kind: ProviderErrorKind, message: &str) -> (u16, Value);

    /// Returns the content type of its streams.
    fn stream_type(&self) -> &'static str {
        EVENT_STREAM
    }

    /// Tells whether its streams have comments, which keep a silent one open.
    fn has_comments(&self) -> bool {
        true
    }

    /// Tells whether its answers are kept, for requests that go on from them by id.
    fn keeps_answers(&self) -> bool {
        false
    }

    /// Tells whether its clients send JSON as any content type.
    fn takes_any_type(&self) -> bool {
        false
    }

    /// Tells whether a caller's body may reach a vendor of the dialect as it is.
    fn can_pass(&self) -> bool {
        true
    }

    /// Answers what needs no model.
    fn without_model(&self, request: &Request) -> Option<Value> {
        let _ = request;
        None
    }

    /// Returns the header that its vendor names a request in.
    fn id_header(&self) -> HeaderName {
        const { HeaderName::from_static("x-request-id") }
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
