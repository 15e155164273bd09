//! Gemini `generateContent` and `streamGenerateContent` (API versions `v1beta` and `v1`).
//!
//! The model and whether the answer streams stand in the address: [`path`] writes it, [`read_path`]
//! reads it. What has no place in this dialect is left out: other vendors' thinking and forbidding
//! parallel calls. A system message in the middle becomes a user's, thinking becomes a budget
//! (Gemini 2.5) or a level (3 and later).
//!
//! Schemas of tools and answers go out whole, in `parametersJsonSchema` and `responseJsonSchema`,
//! less `$schema`. For servers that know only the OpenAPI subset
//! ([`Quirks::schema_subset`](crate::wire::Quirks)) they are reduced: references are put in place,
//! `const` becomes `enum`, `oneOf` becomes `anyOf`, a list of types becomes `nullable` or `anyOf`,
//! `allOf` is joined, and what the subset lacks is left out.
//!
//! A `thoughtSignature` on a text or a call becomes a thinking block without text before it, so that
//! it survives clients of other dialects. Ids of calls are made where the vendor gave none, and left
//! out again on the way back.

mod address;
mod case;
mod content;
mod count;
mod decode_request;
mod embeddings;
mod encode_request;
mod failure;
mod models;
mod response;
mod schema;
mod settings;
mod stream_decoder;
mod stream_encoder;
mod tools;
mod usage;

pub use address::{Action, Address, path, read_path};
pub use count::{decode_count, decode_count_request, encode_count, encode_count_request};
pub use decode_request::decode_request;
pub use embeddings::{
    decode_embed_request, decode_embed_response, encode_embed_request, encode_embed_response,
};
pub use encode_request::encode_request;
pub use failure::{decode_error, encode_error};
pub use models::{decode_models, encode_model, encode_models};
pub use response::{decode_response, encode_response};
pub use stream_decoder::StreamDecoder;
pub use stream_encoder::{StreamEncoder, StreamForm};
