//! OpenAI Responses (`POST /responses`) and the servers that speak it.
//!
//! A conversation is a flat list of items here. What a turn of the model holds becomes one assistant
//! message, results of tools a user message behind it. A reasoning item is kept whole: its texts as
//! thinking, its id and encrypted content as the thinking's signature. Items that the vocabulary
//! lacks (`item_reference`, calls of hosted tools, compactions, …) are kept as they are. Fields of
//! an item that matter to the vendor, such as `phase`, stand in a block before it (`kept`).
//!
//! A tool with free text as its input (`custom`) is a tool with one argument `input` elsewhere.
//!
//! What has no place in this dialect is left out: whether a tool result is an error, stop texts,
//! thinking that another vendor signed.

mod asked;
mod decode_items;
mod decode_request;
mod encode_items;
mod encode_request;
mod failure;
mod kept;
mod parts;
mod reasoning;
mod response;
mod stored;
mod stream_decoder;
mod stream_encoder;
mod tools;
mod usage;

pub use asked::Asked;
pub use decode_request::decode_request;
pub use encode_request::encode_request;
pub use failure::{decode_error, encode_error};
pub use reasoning::reasoning_signature;
pub use response::{decode_response, encode_answer, encode_response};
pub use stored::{PageQuery, Stored, stand_alone};
pub use stream_decoder::StreamDecoder;
pub use stream_encoder::StreamEncoder;
pub(super) use tools::{arguments_to_input, is_custom};
