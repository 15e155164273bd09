//! Callers that speak OpenAI Chat Completions.

use distiq_base::{Dialect, Request, Response, StreamEvent};
use distiq_llm::ProviderErrorKind;
use distiq_llm::wire::{WireError, openai};
use jiff::Timestamp;
use serde_json::Value;

use super::{Codec, Encode};
use crate::endpoint::Route;

/// OpenAI Chat Completions.
pub(crate) struct OpenAi;

impl Codec for OpenAi {
    fn dialect(&self) -> Dialect {
        Dialect::Openai
    }

    fn decode(&self, _: &Route, body: &[u8]) -> Result<Request, WireError> {
        openai::decode_request(body)
    }

    fn encoder(&self, request: &Request) -> Box<dyn Encode> {
        Box::new(openai::StreamEncoder::new(openai::StreamOptions {
            include_usage: openai::wants_usage(request),
            created: Timestamp::now().as_second(),
        }))
    }

    fn whole(&self, _: &Request, response: &Response) -> Value {
        let mut body = openai::encode_response(response);
        if let Some(body) = body.as_object_mut() {
            body.insert("created".into(), Timestamp::now().as_second().into());
        }
        body
    }

    fn error(&self, kind: ProviderErrorKind, message: &str) -> (u16, Value) {
        openai::encode_error(kind, message)
    }
}

impl Encode for openai::StreamEncoder {
    fn encode(&mut self, event: &StreamEvent) -> String {
        self.encode(event)
    }

    fn error(&mut self, kind: ProviderErrorKind, message: &str) -> String {
        self.error(kind, message)
    }
}
