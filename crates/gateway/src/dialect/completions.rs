//! Callers of OpenAI's older completions.

use distiq_base::{Dialect, Request, Response, StreamEvent};
use distiq_llm::ProviderErrorKind;
use distiq_llm::wire::{WireError, openai};
use jiff::Timestamp;
use serde_json::Value;

use super::{Codec, Encode};
use crate::endpoint::Route;

/// OpenAI's older completions.
pub(crate) struct Completions;

impl Codec for Completions {
    fn dialect(&self) -> Dialect {
        Dialect::Openai
    }

    fn decode(&self, _: &Route, body: &[u8]) -> Result<Request, WireError> {
        openai::decode_completion(body)
    }

    fn encoder(&self, request: &Request) -> Box<dyn Encode> {
        Box::new(openai::CompletionEncoder::new(openai::StreamOptions {
            include_usage: openai::wants_usage(request),
            created: Timestamp::now().as_second(),
        }))
    }

    fn whole(&self, _: &Request, response: &Response) -> Value {
        openai::encode_completion(response, Timestamp::now().as_second())
    }

    fn error(&self, kind: ProviderErrorKind, message: &str) -> (u16, Value) {
        super::OPENAI.error(kind, message)
    }

    /// Passed on it would land among the chats.
    fn can_pass(&self) -> bool {
        false
    }
}

impl Encode for openai::CompletionEncoder {
    fn encode(&mut self, event: &StreamEvent) -> String {
        self.encode(event)
    }

    fn error(&mut self, kind: ProviderErrorKind, message: &str) -> String {
        self.error(kind, message)
    }
}
