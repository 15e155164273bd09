//! Whole answers, lists and failures of every dialect.

use distiq_base::Response;
use distiq_llm::wire::{
    HeaderView, WireError, anthropic, gemini, ollama, openai, read_usage, responses,
};

/// Holds what was made out of bytes in proportion to them: escapes, names of fields and defaults may
/// multiply a text, and no more.
pub(super) fn check_size(made: usize, bytes: &[u8]) {
    let most = bytes.len().saturating_mul(200) + 65_536;
    assert!(made <= most, "{made} bytes out of {}", bytes.len());
}

fn all_ways(read: Result<Response, WireError>, bytes: &[u8]) {
    let Ok(response) = read else { return };
    for body in [
        anthropic::encode_response(&response),
        openai::encode_response(&response),
        responses::encode_response(&response),
        gemini::encode_response(&response),
        ollama::encode_response(&response, &ollama::AnswerOptions::default()),
    ] {
        check_size(body.to_string().len(), bytes);
    }
    let _ = read_usage(bytes);
}

/// Returns a status out of the first byte, headers out of the first line, and the rest.
fn failure(bytes: &[u8]) -> (u16, HeaderView, &[u8]) {
    let status = 400 + u16::from(bytes.first().copied().unwrap_or_default()) % 200;
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or_default();
    let (line, rest) = bytes.split_at(end);
    let line = String::from_utf8_lossy(line);
    let pairs = line.split(';').filter_map(|pair| {
        let (name, value) = pair.split_once(':')?;
        Some((name.to_owned(), value.to_owned()))
    });
    (status, HeaderView::new(jiff::Timestamp::UNIX_EPOCH, pairs), rest)
}

fn headers(view: &HeaderView) {
    let _ = (view.retry_after(), view.exhausted_until());
}

/// Anthropic's.
pub(super) fn anthropic(bytes: &[u8]) {
    all_ways(anthropic::decode_response(bytes), bytes);
    let (status, view, body) = failure(bytes);
    anthropic::decode_error(status, &view, body);
    headers(&view);
}

/// OpenAI's, with embeddings and models.
pub(super) fn openai(bytes: &[u8]) {
    all_ways(openai::decode_response(bytes), bytes);
    let _ = (openai::decode_embed_response(bytes), openai::decode_models(bytes));
    let (status, view, body) = failure(bytes);
    openai::decode_error(status, &view, body);
    headers(&view);
}

/// The answers of `/v1/responses`.
pub(super) fn responses(bytes: &[u8]) {
    all_ways(responses::decode_response(bytes), bytes);
    let (status, view, body) = failure(bytes);
    responses::decode_error(status, &view, body);
}

/// Gemini's.
pub(super) fn gemini(bytes: &[u8]) {
    all_ways(gemini::decode_response(bytes), bytes);
    let _ = (gemini::decode_models(bytes), gemini::decode_embed_response(bytes));
    let _ = gemini::decode_count(bytes);
    let (status, view, body) = failure(bytes);
    gemini::decode_error(status, &view, body);
    headers(&view);
}

/// Ollama's.
pub(super) fn ollama(bytes: &[u8]) {
    all_ways(ollama::decode_response(bytes), bytes);
    let _ = (ollama::decode_tags(bytes), ollama::decode_show(bytes));
    let _ = (ollama::decode_embed_response(bytes), ollama::decode_version(bytes));
    let (status, view, body) = failure(bytes);
    ollama::decode_error(status, &view, body);
}
