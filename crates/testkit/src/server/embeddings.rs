//! Embeddings: the same text gives the same vector, another text another one.

use distiq_base::{EmbedInput, EmbedResponse};
use distiq_llm::wire::openai;
use serde_json::Value;

use crate::vendor::{Refusal, Vendors};

/// The length of vectors where none is asked for.
const DIMENSIONS: u64 = 64;

/// The longest vector that the vendor gives.
const MOST_DIMENSIONS: u64 = 3072;

/// Answers the body of `POST /v1/embeddings`.
pub(super) fn answer(body: &[u8], vendors: &mut Vendors) -> Result<Value, Refusal> {
    let request = openai::decode_embed_request(body)
        .map_err(|error| Refusal::invalid(format!("Invalid request: {error}")))?;
    let dimensions = request.dimensions.unwrap_or(DIMENSIONS);
    if !(1..=MOST_DIMENSIONS).contains(&dimensions) {
        return Err(Refusal::invalid(format!("Invalid value for 'dimensions' = {dimensions}.")));
    }
    let mut tokens = 0;
    let mut vectors = Vec::new();
    for input in &request.input {
        let seed = match input {
            EmbedInput::Text(text) => {
                tokens += vendors.tokens(text);
                text.clone()
            }
            EmbedInput::Tokens(ids) => {
                tokens += u64::try_from(ids.len()).unwrap_or(u64::MAX);
                format!("{ids:?}")
            }
        };
        vectors.push(vector(&seed, dimensions));
    }
    let response = EmbedResponse { model: request.model, vectors, tokens: Some(tokens) };
    Ok(openai::encode_embed_response(&response, request.encoding))
}

/// Returns a vector of length one that depends on the text alone.
fn vector(text: &str, dimensions: u64) -> Vec<f32> {
    let length = usize::try_from(dimensions).unwrap_or_default();
    let mut bytes = vec![0; length];
    blake3::Hasher::new().update(text.as_bytes()).finalize_xof().fill(&mut bytes);
    let numbers: Vec<f32> = bytes.iter().map(|byte| f32::from(*byte) - 127.5).collect();
    let norm = numbers.iter().map(|x| x * x).sum::<f32>().sqrt();
    numbers.iter().map(|x| x / norm).collect()
}
