//! Callers that speak Gemini; the model and whether the answer streams stand in their path.

use distiq_base::{Dialect, Request, Response, StreamEvent};
use distiq_llm::ProviderErrorKind;
use distiq_llm::wire::WireError;
use distiq_llm::wire::gemini::{self, StreamForm};
use serde_json::Value;

use super::{Codec, Encode};
use crate::endpoint::Route;

/// Gemini, with the form that its streams are asked for in.
pub(crate) struct Gemini(pub StreamForm);

impl Codec for Gemini {
    fn dialect(&self) -> Dialect {
        Dialect::Gemini
    }

    fn decode(&self, route: &Route, body: &[u8]) -> Result<Request, WireError> {
        let model = route.model.as_deref().unwrap_or_default();
        gemini::decode_request(model, route.stream == Some(true), body)
    }

    fn encoder(&self, _: &Request) -> Box<dyn Encode> {
        Box::new(gemini::StreamEncoder::new(self.0))
    }

    fn whole(&self, _: &Request, response: &Response) -> Value {
        gemini::encode_response(response)
    }

    fn error(&self, kind: ProviderErrorKind, message: &str) -> (u16, Value) {
        gemini::encode_error(kind, message)
    }

    fn stream_type(&self) -> &'static str {
        self.0.content_type()
    }

    fn has_comments(&self) -> bool {
        self.0 == StreamForm::Sse
    }
}

impl Encode for gemini::StreamEncoder {
    fn encode(&mut self, event: &StreamEvent) -> String {
        self.encode(event)
    }

    fn error(&mut self, kind: ProviderErrorKind, message: &str) -> String {
        self.error(kind, message)
    }
}
