//! Requests for vectors, in whichever dialect has them.

use distiq_base::{Dialect, EmbedRequest, EmbedResponse};

use super::{WireError, gemini, ollama, openai};

/// Returns the path below the provider's address and the body; `{model}` in the path stands for the model's name. `None`
/// where the dialect has no embeddings.
pub fn encode(dialect: Dialect, request: &EmbedRequest) -> Option<(&'static str, Vec<u8>)> {
    let (path, body) = match dialect {
        Dialect::Openai | Dialect::Responses => {
            ("embeddings", openai::encode_embed_request(request))
        }
        Dialect::Gemini => {
            ("models/{model}:batchEmbedContents", gemini::encode_embed_request(request))
        }
        Dialect::Ollama => ("api/embed", ollama::encode_embed_request(request)),
        Dialect::Anthropic => return None,
    };
    Some((path, body.to_string().into_bytes()))
}

/// Reads the answer.
///
/// # Errors
/// When it is none.
pub fn decode(dialect: Dialect, body: &[u8]) -> Result<EmbedResponse, WireError> {
    match dialect {
        Dialect::Gemini => gemini::decode_embed_response(body),
        Dialect::Ollama => ollama::decode_embed_response(body),
        _ => openai::decode_embed_response(body),
    }
}
