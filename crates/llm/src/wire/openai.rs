//! OpenAI Chat Completions (`POST /chat/completions`) and the servers that speak it, whose
//! differences are [`Quirks`](crate::wire::Quirks).
//!
//! What has no place in this dialect is left out: whether a tool result is an error, signatures of
//! thinking, thinking itself where the server does not want it back. Pictures in tool results go in
//! a user message behind the results, as tool messages carry text only.

mod completions;
mod content;
mod cursor;
mod custom;
mod decode_request;
mod embeddings;
mod encode_messages;
mod encode_request;
mod failure;
mod models;
mod response;
mod stream_decoder;
mod stream_encoder;
mod usage;

pub use completions::{CompletionEncoder, decode_completion, encode_completion};
pub use cursor::decode_cursor;
pub use custom::{custom_tools, put_custom};
pub use decode_request::{decode_request, wants_usage};
pub use embeddings::{
    MAX_EMBED_INPUTS, decode_embed_request, decode_embed_response, encode_embed_request,
    encode_embed_response,
};
pub use encode_request::encode_request;
pub(crate) use failure::in_answer;
pub use failure::{decode_error, encode_error};
pub use models::{ModelEntry, decode_models, encode_model, encode_models};
pub use response::{decode_response, encode_response};
pub use stream_decoder::StreamDecoder;
pub use stream_encoder::{StreamEncoder, StreamOptions};
pub(super) use usage::find as find_usage;
