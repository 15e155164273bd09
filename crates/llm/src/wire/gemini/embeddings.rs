//! Embeddings (`embedContent`, `batchEmbedContents`), both ways.

use distiq_base::{Dialect, EmbedEncoding, EmbedInput, EmbedRequest, EmbedResponse};
use serde_json::{Map, Value, json};

use crate::wire::gemini::{Action, case, failure};
use crate::wire::ollama::embeddings::vector;
use crate::wire::openai::MAX_EMBED_INPUTS;
use crate::wire::{MAX_ANSWER_BYTES, WireError, field, status};

/// Returns the body of `batchEmbedContents`, which takes one input as well as several; an input that
/// is no text is left out.
pub fn encode_embed_request(request: &EmbedRequest) -> Value {
    let requests: Vec<Value> = request
        .input
        .iter()
        .filter_map(|input| match input {
            EmbedInput::Text(text) => Some(text),
            EmbedInput::Tokens(_) => None,
        })
        .map(|text| {
            let mut each = Map::new();
            each.insert("model".into(), format!("models/{}", request.model).into());
            each.insert("content".into(), json!({ "parts": [{ "text": text }] }));
            if let Some(dimensions) = request.dimensions {
                each.insert("outputDimensionality".into(), dimensions.into());
            }
            if let Some((Dialect::Gemini, extra)) = &request.extra {
                field::fill(&mut each, extra);
            }
            Value::Object(each)
        })
        .collect();
    json!({ "requests": requests })
}

/// Reads the body of `embedContent` or `batchEmbedContents`; the model comes from the address.
///
/// The settings of a batch are those of its first input.
///
/// # Errors
/// [`WireError::Malformed`] tells the field and what was expected there, [`WireError::TooLarge`]
/// past the most inputs.
pub fn decode_embed_request(model: &str, body: &[u8]) -> Result<EmbedRequest, WireError> {
    let mut json: Value = serde_json::from_slice(body)
        .map_err(|error| WireError::malformed("body", error.to_string()))?;
    case::to_camel(&mut json);
    let requests = match field::typed(&json, "requests", "an array", Value::as_array)? {
        Some(requests) => requests.as_slice(),
        None => std::slice::from_ref(&json),
    };
    if requests.len() > MAX_EMBED_INPUTS {
        return Err(WireError::TooLarge { what: "the number of inputs", limit: MAX_EMBED_INPUTS });
    }
    let first = requests.first().ok_or_else(|| WireError::malformed("requests", "is empty"))?;
    let input = requests.iter().enumerate().map(|(i, request)| {
        let wrong =
            || WireError::malformed(format!("requests[{i}].content"), "expected text parts");
        let content = request.get("content").ok_or_else(wrong)?;
        let texts = field::items(content, "parts").iter().map(|part| field::text(part, "text"));
        let text: String = texts.collect::<Option<_>>().ok_or_else(wrong)?;
        Ok(EmbedInput::Text(text))
    });
    let input: Vec<EmbedInput> = input.collect::<Result<_, WireError>>()?;
    let ours = ["model", "content", "outputDimensionality"];
    let fields = first.as_object().into_iter().flatten();
    let extra: Map<String, Value> = fields
        .filter(|(key, value)| !ours.contains(&key.as_str()) && !value.is_null())
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    Ok(EmbedRequest {
        model: model.strip_prefix("models/").unwrap_or(model).to_owned(),
        input,
        dimensions: field::typed(first, "outputDimensionality", "a count", Value::as_u64)?
            // Where the newest SDK puts it.
            .or_else(|| field::count(first.get("embedContentConfig")?, "outputDimensionality")),
        encoding: EmbedEncoding::Float,
        extra: (!extra.is_empty()).then_some((Dialect::Gemini, extra)),
    })
}

/// Returns the body of a successful answer to [`Action::Embed`] or [`Action::BatchEmbed`].
pub fn encode_embed_response(response: &EmbedResponse, action: Action) -> Value {
    let each = |vector: &Vec<f32>| json!({ "values": vector });
    match action {
        Action::Embed => json!({ "embedding": response.vectors.first().map(each) }),
        _ => {
            let all: Vec<Value> = response.vectors.iter().map(each).collect();
            json!({ "embeddings": all })
        }
    }
}

/// Reads the body of a successful answer of either kind.
///
/// # Errors
/// [`WireError::Vendor`] where the body is an error all the same, [`WireError::Truncated`] where it
/// ends early, [`WireError::Malformed`] otherwise.
pub fn decode_embed_response(body: &[u8]) -> Result<EmbedResponse, WireError> {
    if body.len() > MAX_ANSWER_BYTES {
        return Err(WireError::TooLarge { what: "the answer", limit: MAX_ANSWER_BYTES });
    }
    let json = status::parse_body(body)?;
    if failure::is_error(&json) {
        return Err(failure::in_answer(&json).into());
    }
    let values = |embedding: &Value| embedding.get("values").and_then(vector);
    let vectors = match (json.get("embeddings"), json.get("embedding")) {
        (Some(Value::Array(list)), _) => list.iter().map(values).collect::<Option<_>>(),
        (_, Some(one)) => values(one).map(|vector| vec![vector]),
        _ => None,
    };
    let usage = json.get("usageMetadata").unwrap_or(&Value::Null);
    Ok(EmbedResponse {
        model: String::new(),
        vectors: vectors
            .ok_or_else(|| WireError::malformed("embeddings", "expected arrays of numbers"))?,
        tokens: field::count(usage, "promptTokenCount"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_and_several_go_both_ways() {
        let one = br#"{"content":{"parts":[{"text":"a"}]},"task_type":"RETRIEVAL_QUERY","output_dimensionality":2}"#;
        let request = decode_embed_request("models/gemini-embedding-2", one).unwrap();
        assert_eq!(request.input, [EmbedInput::Text("a".into())]);
        let written = encode_embed_request(&request);
        assert_eq!(
            written,
            json!({"requests": [{"model": "models/gemini-embedding-2",
                "content": {"parts": [{"text": "a"}]}, "outputDimensionality": 2,
                "taskType": "RETRIEVAL_QUERY"}]})
        );
        let again =
            decode_embed_request("gemini-embedding-2", written.to_string().as_bytes()).unwrap();
        assert_eq!(again, request);
        let response = decode_embed_response(br#"{"embedding":{"values":[0.5,-1]}}"#).unwrap();
        assert_eq!(response.vectors, [vec![0.5, -1.0]]);
        for action in [Action::Embed, Action::BatchEmbed] {
            let written = encode_embed_response(&response, action).to_string();
            assert_eq!(decode_embed_response(written.as_bytes()).unwrap(), response);
        }
        assert!(
            decode_embed_request("m", br#"{"content":{"parts":[{"inlineData":{}}]}}"#).is_err()
        );
    }
}
