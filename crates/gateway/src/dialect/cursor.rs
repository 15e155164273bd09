//! Cursor, which calls Chat Completions with bodies of other dialects and wants its answers.

use distiq_base::{Dialect, Request, Response};
use distiq_llm::ProviderErrorKind;
use distiq_llm::wire::{WireError, openai};
use jiff::Timestamp;
use serde_json::Value;

use super::{Codec, Encode};
use crate::endpoint::Route;

/// Cursor.
pub(crate) struct Cursor;

impl Codec for Cursor {
    fn dialect(&self) -> Dialect {
        Dialect::Openai
    }

    fn decode(&self, _: &Route, body: &[u8]) -> Result<Request, WireError> {
        openai::decode_cursor(body)
    }

    fn encoder(&self, request: &Request) -> Box<dyn Encode> {
        let created = Timestamp::now().as_second();
        let options = openai::StreamOptions { include_usage: true, created };
        Box::new(openai::StreamEncoder::new(options).with_custom(openai::custom_tools(request)))
    }

    fn whole(&self, request: &Request, response: &Response) -> Value {
        let mut body = super::OPENAI.whole(request, response);
        openai::put_custom(&mut body, &openai::custom_tools(request));
        body
    }

    fn error(&self, kind: ProviderErrorKind, message: &str) -> (u16, Value) {
        super::OPENAI.error(kind, message)
    }

    /// A body in another dialect's form cannot be passed to a vendor as it is.
    fn can_pass(&self) -> bool {
        false
    }
}
