//! Requests of every dialect, into every other.

use distiq_base::{Dialect, Request};
use distiq_llm::wire::{
    Quirks, WireError, anthropic, gemini, notes, ollama, openai, read_usage, responses,
};

use super::answers::check_size;

/// Writes a request in every dialect; what was read has to be readable again in its own.
fn all_ways(read: Result<Request, WireError>, bytes: &[u8]) {
    let Ok(request) = read else { return };
    for dialect in
        [Dialect::Anthropic, Dialect::Openai, Dialect::Responses, Dialect::Gemini, Dialect::Ollama]
    {
        let _ = notes(&request, dialect);
    }
    for quirks in [Quirks::default(), Quirks::openai()] {
        for body in [
            anthropic::encode_request(&request, &quirks),
            openai::encode_request(&request, &quirks),
            responses::encode_request(&request, &quirks),
            gemini::encode_request(&request, &quirks),
            gemini::encode_count_request(&request, &quirks),
            ollama::encode_request(&request, &quirks),
            ollama::encode_generate(&request, &quirks),
        ] {
            check_size(body.to_string().len(), bytes);
        }
        anthropic::encode_body(&request, &quirks, &mut anthropic::Memory::default());
    }
}

/// Anthropic's messages.
pub(super) fn anthropic(bytes: &[u8]) {
    all_ways(anthropic::decode_request(bytes), bytes);
}

/// OpenAI's chat, embeddings and models.
pub(super) fn openai(bytes: &[u8]) {
    all_ways(openai::decode_request(bytes), bytes);
    if let Ok(request) = openai::decode_embed_request(bytes) {
        openai::encode_embed_request(&request);
        gemini::encode_embed_request(&request);
        ollama::encode_embed_request(&request);
    }
}

/// OpenAI's responses, and items on which an answer is built that is kept.
pub(super) fn responses(bytes: &[u8]) {
    all_ways(responses::decode_request(bytes), bytes);
    let Ok(value) = serde_json::from_slice::<serde_json::Value>(bytes) else { return };
    let stored = responses::Stored::of(&value, value.clone());
    if let Some(request) = value.as_object() {
        let _ = stored.join(request);
    }
    let _ = (stored.output().len(), stored.bytes());
    let _ = stored.input_items(&responses::PageQuery::default());
}

/// Gemini's contents and embeddings; what is counted; its paths.
pub(super) fn gemini(bytes: &[u8]) {
    all_ways(gemini::decode_request("gemini-3.8-flash", true, bytes), bytes);
    let _ = gemini::decode_count_request("m", bytes);
    let _ = gemini::decode_embed_request("m", bytes);
    if let Ok(path) = std::str::from_utf8(bytes) {
        let _ = gemini::read_path(path);
    }
}

/// Ollama's chats, prompts and embeddings.
pub(super) fn ollama(bytes: &[u8]) {
    all_ways(ollama::decode_request(bytes), bytes);
    all_ways(ollama::decode_generate(bytes), bytes);
    let _ = ollama::decode_embed_request(bytes);
    let _ = read_usage(bytes);
}
