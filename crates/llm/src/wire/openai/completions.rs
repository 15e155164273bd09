//! The older `POST /completions`: a text that is continued, for providers that only know chats.

use distiq_base::{Content, Delta, Request, Response, StopReason, StreamEvent, Usage};
use serde_json::{Map, Value, json};

use crate::error::ProviderErrorKind;
use crate::wire::openai::{StreamOptions, decode_request, failure, response, usage};
use crate::wire::sse::frame;
use crate::wire::{WireError, field};

/// What makes a chat model continue instead of answer.
const CONTINUE: &str = "Continue the user's text from its very last character. Write the continuation \
                        alone: no repetition, no remarks, no marks around it.";
const FILL: &str = "The user gives a text with a gap, marked <GAP>. Write what stands in the gap, and that \
                    alone: no repetition of the text around it, no remarks, no marks around it.";
const GAP: &str = "<GAP>";

/// Reads the body of `POST /completions` as a chat.
///
/// # Errors
/// [`WireError::Malformed`] tells the field; several prompts or answers, prompts as tokens and `echo`
/// are refused.
pub fn decode_completion(body: &[u8]) -> Result<Request, WireError> {
    let mut json: Value = serde_json::from_slice(body)
        .map_err(|error| WireError::malformed("body", error.to_string()))?;
    let prompt = prompt(&json)?;
    let suffix =
        field::typed(&json, "suffix", "a text", Value::as_str)?.unwrap_or_default().to_owned();
    if field::flag(&json, "echo") == Some(true) {
        return Err(WireError::malformed(
            "echo",
            "is not possible here; put the prompt before the answer",
        ));
    }
    if json.get("best_of").and_then(Value::as_u64).is_some_and(|best_of| best_of > 1) {
        return Err(WireError::malformed("best_of", "only 1 is possible here"));
    }
    let Some(fields) = json.as_object_mut() else {
        return Err(WireError::malformed("body", "expected a JSON object"));
    };
    for key in ["prompt", "suffix", "echo", "best_of"] {
        fields.shift_remove(key);
    }
    let (told, text) = match suffix.is_empty() {
        true => (CONTINUE, prompt),
        false => (FILL, format!("{prompt}{GAP}{suffix}")),
    };
    let messages =
        json!([{ "role": "system", "content": told }, { "role": "user", "content": text }]);
    fields.insert("messages".into(), messages);
    decode_request(json.to_string().as_bytes())
}

fn prompt(json: &Value) -> Result<String, WireError> {
    let one = match json.get("prompt") {
        Some(Value::Array(texts)) => match texts.as_slice() {
            [one] => one,
            _ => {
                return Err(WireError::malformed(
                    "prompt",
                    "expected one text; send one request each",
                ));
            }
        },
        Some(one) => one,
        None => return Err(WireError::malformed("prompt", "is required")),
    };
    match one.as_str() {
        Some("") => Err(WireError::malformed("prompt", "is empty")),
        Some(text) => Ok(text.to_owned()),
        None => Err(WireError::malformed("prompt", "expected a text; tokens are another model's")),
    }
}

/// Returns a whole answer of `POST /completions`.
pub fn encode_completion(answer: &Response, created: i64) -> Value {
    let texts = answer.content.iter().filter_map(|part| match part {
        Content::Text { text } => Some(text.as_str()),
        _ => None,
    });
    let text: String = texts.collect();
    let stop = response::encode_stop(&answer.stop);
    let mut body = head(&answer.id, &answer.model, created, vec![choice(&text, stop)]);
    if let Some(counted) = &answer.usage {
        body.insert("usage".into(), usage::encode(counted));
    }
    Value::Object(body)
}

fn choice(text: &str, stop: impl Into<Value>) -> Value {
    json!({ "text": text, "index": 0, "logprobs": null, "finish_reason": stop.into() })
}

fn head(id: &str, model: &str, created: i64, choices: Vec<Value>) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("id".into(), id.into());
    body.insert("object".into(), "text_completion".into());
    body.insert("created".into(), created.into());
    body.insert("model".into(), model.into());
    body.insert("choices".into(), choices.into());
    body
}

/// Writes a stream of `POST /completions`.
#[derive(Debug)]
pub struct CompletionEncoder {
    options: StreamOptions,
    id: String,
    model: String,
    stop: Option<StopReason>,
    usage: Option<Usage>,
    ended: bool,
}

impl CompletionEncoder {
    /// Starts at the beginning of an answer.
    pub const fn new(options: StreamOptions) -> Self {
        Self {
            options,
            id: String::new(),
            model: String::new(),
            stop: None,
            usage: None,
            ended: false,
        }
    }

    /// Returns the bytes that this event adds; how it ended comes at the end.
    pub fn encode(&mut self, event: &StreamEvent) -> String {
        if self.ended {
            return String::new();
        }
        match event {
            StreamEvent::Start { id, model } => {
                self.id.clone_from(id);
                self.model.clone_from(model);
            }
            StreamEvent::BlockDelta { delta: Delta::Text { text }, .. } => {
                return self.chunk(vec![choice(text, Value::Null)], None);
            }
            StreamEvent::Usage { usage } => self.usage = Some(*usage),
            StreamEvent::Stop { reason } => self.stop = Some(reason.clone()),
            StreamEvent::End => return self.end(),
            _ => {}
        }
        String::new()
    }

    /// Returns the bytes that tell of a failure; nothing follows them.
    pub fn error(&mut self, kind: ProviderErrorKind, message: &str) -> String {
        self.ended = true;
        let (_, body) = failure::encode_error(kind, message);
        frame(None, &body.to_string())
    }

    fn end(&mut self) -> String {
        self.ended = true;
        let stop = self.stop.take().unwrap_or(StopReason::EndTurn);
        let mut out = self.chunk(vec![choice("", response::encode_stop(&stop))], None);
        if let (true, Some(counted)) = (self.options.include_usage, self.usage) {
            out.push_str(&self.chunk(Vec::new(), Some(&counted)));
        }
        out.push_str(&frame(None, "[DONE]"));
        out
    }

    fn chunk(&self, choices: Vec<Value>, counted: Option<&Usage>) -> String {
        let mut body = head(&self.id, &self.model, self.options.created, choices);
        if self.options.include_usage {
            body.insert("usage".into(), counted.map_or(Value::Null, usage::encode));
        }
        frame(None, &Value::Object(body).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_becomes_a_chat() {
        let read = |body: Value| decode_completion(body.to_string().as_bytes()).unwrap();
        let request = read(
            json!({"model": "m", "prompt": ["Once upon"], "max_tokens": 9, "stop": "\n",
                                  "temperature": 0.2, "stream": true, "echo": false, "best_of": 1}),
        );
        assert_eq!(request.messages[0].content, [Content::text("Once upon")]);
        assert_eq!(request.system[0].text, CONTINUE);
        assert_eq!((request.max_tokens, request.temperature), (Some(9), Some(0.2)));
        assert_eq!((request.stop.as_slice(), request.stream), (["\n".to_owned()].as_slice(), true));
        assert_eq!(request.extra, None);
        let request = read(json!({"model": "m", "prompt": "def f(", "suffix": "return x"}));
        assert_eq!(request.messages[0].content, [Content::text("def f(<GAP>return x")]);
    }

    #[test]
    fn what_a_chat_cannot_do_is_refused() {
        let refused = |body: Value| {
            let error = decode_completion(body.to_string().as_bytes()).unwrap_err();
            error.to_string().split(':').next().unwrap().to_owned()
        };
        assert_eq!(refused(json!({"model": "m"})), "prompt");
        assert_eq!(refused(json!({"model": "m", "prompt": ""})), "prompt");
        assert_eq!(refused(json!({"model": "m", "prompt": ["a", "b"]})), "prompt");
        assert_eq!(refused(json!({"model": "m", "prompt": [1, 2]})), "prompt");
        assert_eq!(refused(json!({"model": "m", "prompt": [[1, 2]]})), "prompt");
        assert_eq!(refused(json!({"model": "m", "prompt": "a", "echo": true})), "echo");
        assert_eq!(refused(json!({"model": "m", "prompt": "a", "best_of": 3})), "best_of");
        assert_eq!(refused(json!([1])), "prompt");
    }
}
