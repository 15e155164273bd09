//! Callers that speak Ollama's own API.

use distiq_base::{Dialect, Request, Response, StreamEvent};
use distiq_llm::ProviderErrorKind;
use distiq_llm::wire::WireError;
use distiq_llm::wire::ollama::{self, AnswerOptions, Endpoint};
use jiff::Timestamp;
use serde_json::Value;

use super::{Codec, Encode};
use crate::endpoint::Route;

/// Ollama, by the door that is asked.
pub(crate) struct Ollama(pub Endpoint);

impl Ollama {
    fn options(&self) -> AnswerOptions {
        AnswerOptions { endpoint: self.0, created_at: Timestamp::now().to_string() }
    }
}

impl Codec for Ollama {
    fn dialect(&self) -> Dialect {
        Dialect::Ollama
    }

    fn decode(&self, _: &Route, body: &[u8]) -> Result<Request, WireError> {
        match self.0 {
            Endpoint::Chat => ollama::decode_request(body),
            Endpoint::Generate => ollama::decode_generate(body),
        }
    }

    fn encoder(&self, _: &Request) -> Box<dyn Encode> {
        Box::new(ollama::StreamEncoder::new(self.options()))
    }

    fn whole(&self, _: &Request, response: &Response) -> Value {
        ollama::encode_response(response, &self.options())
    }

    fn error(&self, kind: ProviderErrorKind, message: &str) -> (u16, Value) {
        ollama::encode_error(kind, message)
    }

    fn stream_type(&self) -> &'static str {
        "application/x-ndjson"
    }

    fn has_comments(&self) -> bool {
        false
    }

    /// Its clients ask for a model without a question, to have it loaded or let go.
    fn without_model(&self, request: &Request) -> Option<Value> {
        let is_load = ollama::is_load(request);
        is_load.then(|| ollama::encode_loaded(&request.model, false, &self.options()))
    }

    fn takes_any_type(&self) -> bool {
        true
    }
}

impl Encode for ollama::StreamEncoder {
    fn encode(&mut self, event: &StreamEvent) -> String {
        self.encode(event)
    }

    fn error(&mut self, kind: ProviderErrorKind, message: &str) -> String {
        self.error(kind, message)
    }
}
