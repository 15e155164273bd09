//! Callers that speak OpenAI Responses.

use distiq_base::{Dialect, Request, Response, StreamEvent};
use distiq_llm::ProviderErrorKind;
use distiq_llm::wire::{WireError, responses};
use jiff::Timestamp;
use serde_json::Value;

use super::{Codec, Encode};
use crate::endpoint::Route;

/// OpenAI Responses.
pub(crate) struct Responses;

fn asked(request: &Request) -> responses::Asked {
    responses::Asked::of(request, Timestamp::now().as_second())
}

impl Codec for Responses {
    fn dialect(&self) -> Dialect {
        Dialect::Responses
    }

    fn decode(&self, _: &Route, body: &[u8]) -> Result<Request, WireError> {
        responses::decode_request(body)
    }

    fn encoder(&self, request: &Request) -> Box<dyn Encode> {
        Box::new(responses::StreamEncoder::new(asked(request)))
    }

    fn whole(&self, request: &Request, response: &Response) -> Value {
        responses::encode_answer(response, &asked(request))
    }

    fn error(&self, kind: ProviderErrorKind, message: &str) -> (u16, Value) {
        responses::encode_error(kind, message)
    }

    fn keeps_answers(&self) -> bool {
        true
    }
}

impl Encode for responses::StreamEncoder {
    fn encode(&mut self, event: &StreamEvent) -> String {
        self.encode(event)
    }

    fn error(&mut self, kind: ProviderErrorKind, message: &str) -> String {
        self.error(kind, message)
    }
}
