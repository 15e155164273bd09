//! Embeddings (`/api/embed`, and the older `/api/embeddings`), both ways.

use distiq_base::{Dialect, EmbedEncoding, EmbedInput, EmbedRequest, EmbedResponse};
use serde_json::{Map, Value, json};

use crate::wire::ollama::failure;
use crate::wire::openai::MAX_EMBED_INPUTS;
use crate::wire::{MAX_ANSWER_BYTES, WireError, field, status};

/// Which door is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EmbedForm {
    /// `/api/embed`: one input or several, `embeddings`.
    #[default]
    Embed,
    /// `/api/embeddings`: one `prompt`, one `embedding`.
    Older,
}

/// Returns the body of `POST /api/embed`; an input that is no text is left out.
pub fn encode_embed_request(request: &EmbedRequest) -> Value {
    let mut body = Map::new();
    body.insert("model".into(), request.model.as_str().into());
    let input: Vec<&str> = request
        .input
        .iter()
        .filter_map(|input| match input {
            EmbedInput::Text(text) => Some(text.as_str()),
            EmbedInput::Tokens(_) => None,
        })
        .collect();
    body.insert("input".into(), input.into());
    if let Some(dimensions) = request.dimensions {
        body.insert("dimensions".into(), dimensions.into());
    }
    if let Some((Dialect::Ollama, extra)) = &request.extra {
        field::fill(&mut body, extra);
    }
    // Without it a long text is cut in silence.
    body.entry("truncate").or_insert(Value::Bool(false));
    Value::Object(body)
}

/// Reads the body of either door.
///
/// # Errors
/// [`WireError::Malformed`] tells the field and what was expected there, [`WireError::TooLarge`]
/// past the most inputs.
pub fn decode_embed_request(body: &[u8]) -> Result<EmbedRequest, WireError> {
    let json: Value = serde_json::from_slice(body)
        .map_err(|error| WireError::malformed("body", error.to_string()))?;
    let object =
        json.as_object().ok_or_else(|| WireError::malformed("body", "expected a JSON object"))?;
    let model = field::typed(&json, "model", "a text", Value::as_str)?;
    let wrong = || WireError::malformed("input", "expected a text or texts");
    let input = match field::present(&json, "input").or_else(|| field::present(&json, "prompt")) {
        None => return Err(WireError::malformed("input", "is required")),
        Some(Value::String(text)) => vec![EmbedInput::Text(text.clone())],
        Some(Value::Array(texts)) if texts.len() > MAX_EMBED_INPUTS => {
            return Err(WireError::TooLarge {
                what: "the number of inputs",
                limit: MAX_EMBED_INPUTS,
            });
        }
        Some(Value::Array(texts)) => {
            let each = |text: &Value| text.as_str().map(|text| EmbedInput::Text(text.to_owned()));
            texts.iter().map(each).collect::<Option<_>>().ok_or_else(wrong)?
        }
        Some(_) => return Err(wrong()),
    };
    let ours = ["model", "input", "prompt", "dimensions"];
    let extra: Map<String, Value> = object
        .iter()
        .filter(|(key, value)| !ours.contains(&key.as_str()) && !value.is_null())
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    Ok(EmbedRequest {
        model: model.ok_or_else(|| WireError::malformed("model", "is required"))?.to_owned(),
        input,
        dimensions: field::typed(&json, "dimensions", "a count", Value::as_u64)?,
        encoding: EmbedEncoding::Float,
        extra: (!extra.is_empty()).then_some((Dialect::Ollama, extra)),
    })
}

/// Returns the body of a successful answer.
pub fn encode_embed_response(response: &EmbedResponse, form: EmbedForm) -> Value {
    match form {
        EmbedForm::Older => {
            let first = response.vectors.first().map(Vec::as_slice).unwrap_or_default();
            json!({ "embedding": first })
        }
        EmbedForm::Embed => {
            let mut body = json!({ "model": response.model, "embeddings": response.vectors });
            if let (Some(tokens), Some(body)) = (response.tokens, body.as_object_mut()) {
                body.insert("prompt_eval_count".into(), tokens.into());
            }
            body
        }
    }
}

/// Reads the body of a successful answer of either door.
///
/// # Errors
/// [`WireError::Vendor`] where the body is an error all the same, [`WireError::Truncated`] where it
/// ends early, [`WireError::Malformed`] otherwise.
pub fn decode_embed_response(body: &[u8]) -> Result<EmbedResponse, WireError> {
    if body.len() > MAX_ANSWER_BYTES {
        return Err(WireError::TooLarge { what: "the answer", limit: MAX_ANSWER_BYTES });
    }
    let json = status::parse_body(body)?;
    if field::present(&json, "error").is_some() {
        return Err(failure::in_answer(&json).into());
    }
    let wrong = || WireError::malformed("embeddings", "expected arrays of numbers");
    let vectors = match (json.get("embeddings"), json.get("embedding")) {
        (Some(Value::Array(list)), _) => list.iter().map(vector).collect::<Option<_>>(),
        (_, Some(one)) => vector(one).map(|vector| vec![vector]),
        _ => None,
    };
    Ok(EmbedResponse {
        model: field::text(&json, "model").unwrap_or_default().to_owned(),
        vectors: vectors.ok_or_else(wrong)?,
        tokens: field::count(&json, "prompt_eval_count"),
    })
}

/// Reads a vector; they are single precision everywhere, and JSON only writes them longer.
pub(crate) fn vector(json: &Value) -> Option<Vec<f32>> {
    json.as_array()?.iter().map(|number| number.as_f64().map(|number| number as f32)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_doors_go_both_ways() {
        let body = br#"{"model":"nomic","input":["a","b"],"truncate":true,"keep_alive":"5m"}"#;
        let request = decode_embed_request(body).unwrap();
        assert_eq!(encode_embed_request(&request).to_string().as_bytes(), body);
        let older = decode_embed_request(br#"{"model":"nomic","prompt":"a"}"#).unwrap();
        assert_eq!(older.input, [EmbedInput::Text("a".into())]);
        let response = EmbedResponse {
            model: "nomic".into(),
            vectors: vec![vec![0.5, -1.0]],
            tokens: Some(3),
        };
        let written = encode_embed_response(&response, EmbedForm::Embed).to_string();
        assert_eq!(written, r#"{"model":"nomic","embeddings":[[0.5,-1.0]],"prompt_eval_count":3}"#);
        assert_eq!(decode_embed_response(written.as_bytes()).unwrap(), response);
        let written = encode_embed_response(&response, EmbedForm::Older).to_string();
        assert_eq!(decode_embed_response(written.as_bytes()).unwrap().vectors, response.vectors);
        assert!(decode_embed_response(br#"{"embeddings":[["x"]]}"#).is_err());
        assert!(decode_embed_request(br#"{"model":"m","input":[1]}"#).is_err());
    }
}
