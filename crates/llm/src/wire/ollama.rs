//! Ollama's own API: `/api/chat`, `/api/generate`, embeddings, and its lists.
//!
//! Answers stream as JSON objects, one a line; the last says `done`. Arguments of calls are objects
//! here. What has no place in this dialect is left out: other vendors' signed thinking, addresses of
//! pictures, documents that are no text. There is no choice of tools: forbidding them leaves them
//! out, and a choice of one leaves the others out.
//!
//! The window is asked for by need ([`context_for`], [`Quirks::num_ctx`](crate::wire::Quirks)), and
//! `truncate` and `shift` are off, so that the server never drops the beginning of a prompt in
//! silence. Ids of calls are made where the server gave none, and left out again on the way back.

mod context;
mod decode_request;
pub(super) mod embeddings;
mod encode_request;
mod failure;
mod generate;
mod lists;
mod response;
mod settings;
mod stream_decoder;
mod stream_encoder;

pub use context::context_for;
pub use decode_request::{decode_request, is_load};
pub use embeddings::{
    EmbedForm, decode_embed_request, decode_embed_response, encode_embed_request,
    encode_embed_response,
};
pub use encode_request::encode_request;
pub use failure::{decode_error, encode_error};
pub use generate::{decode_generate, encode_generate};
pub use lists::{
    Shown, decode_show, decode_tags, decode_version, encode_ps, encode_show, encode_tags,
    encode_version,
};
pub use response::{decode_response, encode_loaded, encode_response};
pub use stream_decoder::StreamDecoder;
pub use stream_encoder::{AnswerOptions, Endpoint, StreamEncoder};
