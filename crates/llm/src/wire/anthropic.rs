//! Anthropic Messages (`POST /v1/messages`, versions 2023-06-01 and 2026-10-21).
//!
//! What has no place in this dialect is left out: JSON mode without a schema, the OpenAI cache key,
//! thinking without a signature (unless [`Quirks::replay_reasoning`](crate::wire::Quirks)).
//! Efforts below `low` become `low`.

mod content;
mod decode_request;
mod encode_request;
mod failure;
pub(super) mod marks;
mod response;
mod stream_decoder;
mod stream_encoder;
mod usage;

pub use decode_request::decode_request;
pub use encode_request::{DEFAULT_MAX_TOKENS, Memory, encode_body, encode_request};
pub use failure::{decode_error, encode_error};
pub use response::{decode_response, encode_response};
pub use stream_decoder::StreamDecoder;
pub use stream_encoder::StreamEncoder;
