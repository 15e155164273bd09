//! Callers that speak Anthropic Messages.

use distiq_base::{Dialect, Request, Response, StreamEvent};
use distiq_llm::ProviderErrorKind;
use distiq_llm::wire::{WireError, anthropic};
use hyper::header::HeaderName;
use serde_json::Value;

use super::{Codec, Encode};
use crate::endpoint::Route;

/// Anthropic Messages.
pub(crate) struct Anthropic;

impl Codec for Anthropic {
    fn dialect(&self) -> Dialect {
        Dialect::Anthropic
    }

    fn decode(&self, _: &Route, body: &[u8]) -> Result<Request, WireError> {
        anthropic::decode_request(body)
    }

    fn encoder(&self, _: &Request) -> Box<dyn Encode> {
        Box::new(anthropic::StreamEncoder::new())
    }

    fn whole(&self, _: &Request, response: &Response) -> Value {
        anthropic::encode_response(response)
    }

    fn error(&self, kind: ProviderErrorKind, message: &str) -> (u16, Value) {
        anthropic::encode_error(kind, message)
    }

    fn id_header(&self) -> HeaderName {
        const { HeaderName::from_static("request-id") }
    }
}

impl Encode for anthropic::StreamEncoder {
    fn encode(&mut self, event: &StreamEvent) -> String {
        self.encode(event)
    }

    fn error(&mut self, kind: ProviderErrorKind, message: &str) -> String {
        self.error(kind, message)
    }
}
