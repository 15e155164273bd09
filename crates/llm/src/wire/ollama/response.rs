//! Whole answers and the reason for their end, both ways.

use distiq_base::{Assembler, Content, Response, Role, StopReason, Usage};
use serde_json::{Map, Value};

use crate::wire::ollama::encode_request::encode_said;
use crate::wire::ollama::stream_decoder::StreamDecoder;
use crate::wire::ollama::stream_encoder::{AnswerOptions, Endpoint};
use crate::wire::{WireError, field, status};

/// Reads the body of a successful answer of chat or generate.
///
/// # Errors
/// [`WireError::Vendor`] where the body is an error or a web page all the same,
/// [`WireError::Truncated`] where it ends early, [`WireError::Malformed`] otherwise.
pub fn decode_response(body: &[u8]) -> Result<Response, WireError> {
    let json = status::parse_body(body)?;
    let shaped =
        ["message", "response", "error"].iter().any(|key| field::present(&json, key).is_some());
    if !shaped {
        return Err(WireError::malformed("message", "is required"));
    }
    let mut decoder = StreamDecoder::new();
    let mut assembler = Assembler::default();
    decoder.take(&json)?.iter().for_each(|event| assembler.push(event));
    decoder.finish()?;
    Ok(assembler.into_response())
}

/// Returns the body of a successful answer.
pub fn encode_response(response: &Response, options: &AnswerOptions) -> Value {
    let mut body = options.head(&response.model);
    // Thinking is shown whoever signed it.
    let content: Vec<Content> = response
        .content
        .iter()
        .map(|part| match part {
            Content::Thinking { text, .. } => {
                Content::Thinking { text: text.clone(), signature: None }
            }
            other => other.clone(),
        })
        .collect();
    let message = distiq_base::Message { role: Role::Assistant, content };
    let mut said = encode_said(&message).unwrap_or_default();
    if said.is_empty() {
        said.insert("role".into(), "assistant".into());
        said.insert("content".into(), "".into());
        let thinking = thinking(&message.content);
        if !thinking.is_empty() {
            said.insert("thinking".into(), thinking.into());
        }
    }
    match options.endpoint {
        Endpoint::Chat => {
            body.insert("message".into(), said.into());
        }
        Endpoint::Generate => {
            body.insert("response".into(), said.remove("content").unwrap_or_default());
            if let Some(thinking) = said.remove("thinking") {
                body.insert("thinking".into(), thinking);
            }
        }
    }
    close(&mut body, &response.stop, response.usage.as_ref());
    Value::Object(body)
}

fn thinking(content: &[Content]) -> String {
    let texts = content.iter().filter_map(|part| match part {
        Content::Thinking { text, .. } => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

/// Returns the answer to a request without a prompt: the model is loaded, or freed.
pub fn encode_loaded(model: &str, freed: bool, options: &AnswerOptions) -> Value {
    let reason = if freed { "unload" } else { "load" };
    let response = Response {
        id: String::new(),
        model: model.to_owned(),
        content: Vec::new(),
        stop: StopReason::Other(reason.to_owned()),
        usage: None,
    };
    encode_response(&response, options)
}

/// Writes the end of an answer. Durations are left out: they are not known here, and zero is a lie.
pub(super) fn close(body: &mut Map<String, Value>, stop: &StopReason, usage: Option<&Usage>) {
    body.insert("done".into(), true.into());
    body.insert("done_reason".into(), encode_stop(stop).into());
    if let Some(usage) = usage {
        body.insert("prompt_eval_count".into(), usage.prompt().into());
        body.insert("eval_count".into(), usage.output.into());
    }
}

fn encode_stop(stop: &StopReason) -> &str {
    match stop {
        StopReason::EndTurn | StopReason::ToolUse | StopReason::StopSequence => "stop",
        StopReason::MaxTokens | StopReason::ContextWindow | StopReason::PauseTurn => "length",
        // The dialect has no word for it, and clients show the reason as it is.
        StopReason::Refusal => "refusal",
        StopReason::Other(other) => other,
    }
}
