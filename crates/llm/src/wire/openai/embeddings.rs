//! Embeddings (`POST /embeddings`), both ways.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use distiq_base::{Dialect, EmbedEncoding, EmbedInput, EmbedRequest, EmbedResponse};
use serde_json::{Map, Value, json};

use crate::wire::openai::failure;
use crate::wire::{MAX_ANSWER_BYTES, WireError, field, status};

/// Most inputs of one request, at OpenAI too.
pub const MAX_EMBED_INPUTS: usize = 2048;

/// Fields that the vocabulary holds; all others are kept in [`EmbedRequest::extra`].
const KNOWN: [&str; 4] = ["model", "input", "dimensions", "encoding_format"];

/// Returns the body of `POST /embeddings`.
pub fn encode_embed_request(request: &EmbedRequest) -> Value {
    let mut body = Map::new();
    body.insert("model".into(), request.model.as_str().into());
    let input: Vec<Value> = request
        .input
        .iter()
        .map(|input| match input {
            EmbedInput::Text(text) => Value::from(text.as_str()),
            EmbedInput::Tokens(ids) => Value::from(ids.clone()),
        })
        .collect();
    body.insert("input".into(), input.into());
    if let Some(dimensions) = request.dimensions {
        body.insert("dimensions".into(), dimensions.into());
    }
    if request.encoding == EmbedEncoding::Base64 {
        body.insert("encoding_format".into(), "base64".into());
    }
    if let Some((Dialect::Openai, extra)) = &request.extra {
        field::fill(&mut body, extra);
    }
    Value::Object(body)
}

/// Reads the body of `POST /embeddings`: one text, texts, the tokens of one text, or of several.
///
/// # Errors
/// [`WireError::Malformed`] tells the field and what was expected there, [`WireError::TooLarge`]
/// past [`MAX_EMBED_INPUTS`].
pub fn decode_embed_request(body: &[u8]) -> Result<EmbedRequest, WireError> {
    let json: Value = serde_json::from_slice(body)
        .map_err(|error| WireError::malformed("body", error.to_string()))?;
    let object =
        json.as_object().ok_or_else(|| WireError::malformed("body", "expected a JSON object"))?;
    let model = field::typed(&json, "model", "a text", Value::as_str)?;
    let encoding = match field::typed(&json, "encoding_format", "a text", Value::as_str)? {
        None | Some("float") => EmbedEncoding::Float,
        Some("base64") => EmbedEncoding::Base64,
        Some(_) => {
            return Err(WireError::malformed("encoding_format", "expected float or base64"));
        }
    };
    let extra: Map<String, Value> = object
        .iter()
        .filter(|(key, value)| !KNOWN.contains(&key.as_str()) && !value.is_null())
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    Ok(EmbedRequest {
        model: model.ok_or_else(|| WireError::malformed("model", "is required"))?.to_owned(),
        input: decode_input(&json)?,
        dimensions: field::typed(&json, "dimensions", "a count", Value::as_u64)?,
        encoding,
        extra: (!extra.is_empty()).then_some((Dialect::Openai, extra)),
    })
}

fn decode_input(json: &Value) -> Result<Vec<EmbedInput>, WireError> {
    let wrong = || WireError::malformed("input", "expected a text, texts, tokens, or their lists");
    let input = field::present(json, "input")
        .ok_or_else(|| WireError::malformed("input", "is required"))?;
    let inputs = match input {
        Value::String(text) => vec![EmbedInput::Text(text.clone())],
        Value::Array(list) if list.first().is_some_and(Value::is_number) => {
            vec![EmbedInput::Tokens(tokens(list).ok_or_else(wrong)?)]
        }
        Value::Array(list) if list.len() > MAX_EMBED_INPUTS => {
            return Err(WireError::TooLarge {
                what: "the number of inputs",
                limit: MAX_EMBED_INPUTS,
            });
        }
        Value::Array(list) => {
            let each = |item: &Value| match item {
                Value::String(text) => Some(EmbedInput::Text(text.clone())),
                Value::Array(ids) => tokens(ids).map(EmbedInput::Tokens),
                _ => None,
            };
            list.iter().map(each).collect::<Option<_>>().ok_or_else(wrong)?
        }
        _ => return Err(wrong()),
    };
    let empty = |input: &EmbedInput| match input {
        EmbedInput::Text(text) => text.is_empty(),
        EmbedInput::Tokens(ids) => ids.is_empty(),
    };
    if inputs.is_empty() || inputs.iter().any(empty) {
        return Err(WireError::malformed("input", "must not be empty"));
    }
    Ok(inputs)
}

fn tokens(list: &[Value]) -> Option<Vec<u32>> {
    list.iter().map(|id| id.as_u64().and_then(|id| u32::try_from(id).ok())).collect()
}

/// Returns the body of a successful answer, the vectors written as they were asked for.
pub fn encode_embed_response(response: &EmbedResponse, encoding: EmbedEncoding) -> Value {
    let data: Vec<Value> = response
        .vectors
        .iter()
        .enumerate()
        .map(|(index, vector)| {
            let embedding = match encoding {
                EmbedEncoding::Float => Value::from(vector.as_slice()),
                EmbedEncoding::Base64 => {
                    let bytes: Vec<u8> = vector.iter().flat_map(|x| x.to_le_bytes()).collect();
                    STANDARD.encode(bytes).into()
                }
            };
            json!({ "object": "embedding", "index": index, "embedding": embedding })
        })
        .collect();
    let tokens = response.tokens.unwrap_or(0);
    json!({
        "object": "list",
        "data": data,
        "model": response.model,
        "usage": { "prompt_tokens": tokens, "total_tokens": tokens },
    })
}

/// Reads the body of a successful answer, however its vectors are written.
///
/// # Errors
/// [`WireError::Vendor`] where the body is an error all the same, [`WireError::Truncated`] where it
/// ends early, [`WireError::Malformed`] where a vector is missing or none.
pub fn decode_embed_response(body: &[u8]) -> Result<EmbedResponse, WireError> {
    if body.len() > MAX_ANSWER_BYTES {
        return Err(WireError::TooLarge { what: "the answer", limit: MAX_ANSWER_BYTES });
    }
    let json = status::parse_body(body)?;
    if failure::is_error(&json) {
        return Err(failure::in_answer(&json).into());
    }
    let data = field::typed(&json, "data", "an array", Value::as_array)?
        .ok_or_else(|| WireError::malformed("data", "is required"))?;
    let mut vectors = vec![None; data.len()];
    for (at, item) in data.iter().enumerate() {
        let place = field::count(item, "index").and_then(|index| usize::try_from(index).ok());
        let slot = vectors.get_mut(place.unwrap_or(at));
        let slot = slot.ok_or_else(|| {
            WireError::malformed(format!("data[{at}].index"), "is past the number of vectors")
        })?;
        let vector = item.get("embedding").and_then(vector);
        *slot = Some(vector.ok_or_else(|| {
            WireError::malformed(format!("data[{at}].embedding"), "expected numbers or base64")
        })?);
    }
    let vectors: Option<Vec<Vec<f32>>> = vectors.into_iter().collect();
    let usage = json.get("usage");
    Ok(EmbedResponse {
        model: field::text(&json, "model").unwrap_or_default().to_owned(),
        vectors: vectors
            .ok_or_else(|| WireError::malformed("data", "gives an index twice, another never"))?,
        tokens: usage.and_then(|usage| {
            field::count(usage, "prompt_tokens").or_else(|| field::count(usage, "total_tokens"))
        }),
    })
}

fn vector(json: &Value) -> Option<Vec<f32>> {
    match json {
        Value::String(text) => {
            let bytes = STANDARD.decode(text).ok()?;
            let (floats, rest) = bytes.as_chunks::<4>();
            rest.is_empty().then(|| floats.iter().map(|four| f32::from_le_bytes(*four)).collect())
        }
        Value::Array(numbers) => {
            // Vectors are single precision everywhere; JSON only writes them longer.
            numbers.iter().map(|n| n.as_f64().map(|n| n as f32)).collect()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(json: Value) -> Result<Vec<EmbedInput>, WireError> {
        let body = json!({ "model": "m", "input": json }).to_string();
        decode_embed_request(body.as_bytes()).map(|request| request.input)
    }

    #[test]
    fn every_form_of_input_is_read() {
        let text = |text: &str| EmbedInput::Text(text.into());
        assert_eq!(input(json!("a")).unwrap(), [text("a")]);
        assert_eq!(input(json!(["a", "b"])).unwrap(), [text("a"), text("b")]);
        assert_eq!(input(json!([1, 2])).unwrap(), [EmbedInput::Tokens(vec![1, 2])]);
        let two = [EmbedInput::Tokens(vec![1]), EmbedInput::Tokens(vec![2, 3])];
        assert_eq!(input(json!([[1], [2, 3]])).unwrap(), two);
        for bad in [json!(""), json!([]), json!([""]), json!([[]]), json!(7), json!([1, "a"])] {
            assert!(input(bad.clone()).is_err(), "{bad}");
        }
        for bad in [json!([-1]), json!([1.5]), json!([4_294_967_296_u64]), json!(null)] {
            assert!(input(bad.clone()).is_err(), "{bad}");
        }
        let many = vec!["x"; MAX_EMBED_INPUTS + 1];
        assert!(matches!(input(json!(many)), Err(WireError::TooLarge { .. })));
    }

    #[test]
    fn requests_survive_with_what_is_unknown() {
        let body = br#"{"model":"text-embedding-3-small","input":["a",[1,2]],"dimensions":2,"encoding_format":"base64","user":"u"}"#;
        let request = decode_embed_request(body).unwrap();
        assert_eq!(encode_embed_request(&request).to_string().as_bytes(), body);
    }

    #[test]
    fn vectors_are_read_in_both_forms() {
        // The SDK asks for base64 and unpacks `<f4`: 1.0 is 0000803f, -2.5 is 000020c0.
        let body = br#"{"object":"list","data":[
            {"object":"embedding","index":1,"embedding":"AACAPwAAIMA="},
            {"object":"embedding","index":0,"embedding":[0.5,-1]}],
            "model":"m","usage":{"prompt_tokens":3,"total_tokens":3}}"#;
        let response = decode_embed_response(body).unwrap();
        assert_eq!(response.vectors, [vec![0.5, -1.0], vec![1.0, -2.5]]);
        assert_eq!(response.tokens, Some(3));
        for encoding in [EmbedEncoding::Float, EmbedEncoding::Base64] {
            let again = encode_embed_response(&response, encoding).to_string();
            assert_eq!(decode_embed_response(again.as_bytes()).unwrap(), response);
        }
    }

    #[test]
    fn answers_that_lack_a_vector_are_errors() {
        for bad in [
            r#"{"data":[{"index":0,"embedding":[1]},{"index":0,"embedding":[2]}]}"#,
            r#"{"data":[{"index":5,"embedding":[1]}]}"#,
            r#"{"data":[{"embedding":["x"]}]}"#,
            r#"{"data":[{"embedding":"AAA="}]}"#,
            r#"{"data":[{}]}"#,
            r#"{"object":"list"}"#,
            r#"{"error":{"message":"no"}}"#,
            r#"{"data":[{"embedding":[1"#,
        ] {
            assert!(decode_embed_response(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
