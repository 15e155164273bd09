//! The dialects behind one face, for the client.

use distiq_base::{BlockStart, Content, Delta, Dialect, Request, Response, StreamEvent};

use crate::error::ProviderError;
use crate::wire::sse::SseEvent;
use crate::wire::{HeaderView, Quirks, WireError, anthropic, gemini, ollama, openai, responses};

/// Returns where a request goes, below the base URL, and what follows `?`.
pub(super) fn path(dialect: Dialect, request: &Request) -> (String, Option<&'static str>) {
    match dialect {
        Dialect::Anthropic => ("v1/messages".to_owned(), None),
        Dialect::Responses => ("responses".to_owned(), None),
        Dialect::Openai => ("chat/completions".to_owned(), None),
        Dialect::Gemini if request.stream => {
            (gemini::path(&request.model, gemini::Action::Stream), Some("alt=sse"))
        }
        Dialect::Gemini => (gemini::path(&request.model, gemini::Action::Generate), None),
        Dialect::Ollama => ("api/chat".to_owned(), None),
    }
}

pub(super) fn encode(
    dialect: Dialect,
    request: &Request,
    quirks: &Quirks,
    memory: &mut anthropic::Memory,
) -> Vec<u8> {
    let json = match dialect {
        Dialect::Anthropic => return anthropic::encode_body(request, quirks, memory),
        Dialect::Responses => responses::encode_request(request, quirks),
        Dialect::Openai => openai::encode_request(request, quirks),
        Dialect::Gemini => gemini::encode_request(request, quirks),
        Dialect::Ollama => ollama::encode_request(request, quirks),
    };
    serde_json::to_vec(&json).unwrap_or_default()
}

pub(super) fn decode_error(
    dialect: Dialect,
    status: u16,
    headers: &HeaderView,
    body: &[u8],
) -> ProviderError {
    match dialect {
        Dialect::Anthropic => anthropic::decode_error(status, headers, body),
        Dialect::Responses => responses::decode_error(status, headers, body),
        Dialect::Openai => openai::decode_error(status, headers, body),
        Dialect::Gemini => gemini::decode_error(status, headers, body),
        Dialect::Ollama => ollama::decode_error(status, headers, body),
    }
}

/// Returns a whole answer as the events by which it would have streamed.
pub(super) fn decode_whole(dialect: Dialect, body: &[u8]) -> Result<Vec<StreamEvent>, WireError> {
    let response = match dialect {
        Dialect::Anthropic => anthropic::decode_response(body)?,
        Dialect::Responses => responses::decode_response(body)?,
        Dialect::Openai => openai::decode_response(body)?,
        Dialect::Gemini => gemini::decode_response(body)?,
        Dialect::Ollama => ollama::decode_response(body)?,
    };
    Ok(events(response))
}

/// Reads a stream in one dialect.
#[derive(Debug)]
pub(super) enum Decoder {
    Anthropic(anthropic::StreamDecoder),
    Openai(openai::StreamDecoder),
    Responses(responses::StreamDecoder),
    Gemini(gemini::StreamDecoder),
    Ollama(ollama::StreamDecoder),
}

impl Decoder {
    pub(super) fn new(dialect: Dialect, quirks: &Quirks) -> Self {
        match dialect {
            Dialect::Anthropic => Self::Anthropic(anthropic::StreamDecoder::new()),
            Dialect::Responses => Self::Responses(responses::StreamDecoder::new()),
            Dialect::Openai => Self::Openai(openai::StreamDecoder::with_quirks(quirks)),
            Dialect::Gemini => Self::Gemini(gemini::StreamDecoder::new()),
            Dialect::Ollama => Self::Ollama(ollama::StreamDecoder::new()),
        }
    }

    pub(super) fn feed(&mut self, event: &SseEvent) -> Result<Vec<StreamEvent>, WireError> {
        match self {
            Self::Anthropic(decoder) => decoder.feed(event),
            Self::Openai(decoder) => decoder.feed(event),
            Self::Responses(decoder) => decoder.feed(event),
            Self::Gemini(decoder) => decoder.feed(event),
            Self::Ollama(decoder) => decoder.feed(event),
        }
    }

    /// Takes the end of the body and returns what a server that never marks its end still owes.
    pub(super) fn finish(&mut self) -> Result<Vec<StreamEvent>, WireError> {
        match self {
            Self::Anthropic(decoder) => decoder.finish(),
            Self::Openai(decoder) => decoder.finish(),
            Self::Responses(decoder) => decoder.finish(),
            Self::Gemini(decoder) => decoder.finish(),
            Self::Ollama(decoder) => decoder.finish(),
        }
    }
}

fn events(response: Response) -> Vec<StreamEvent> {
    // One text makes seven.
    let mut events = Vec::with_capacity(4 + 3 * response.content.len());
    events.push(StreamEvent::Start { id: response.id, model: response.model });
    for (index, content) in response.content.into_iter().enumerate() {
        let (block, deltas) = block(content);
        events.push(StreamEvent::BlockStart { index, block });
        let deltas = deltas.into_iter();
        events.extend(deltas.map(|delta| StreamEvent::BlockDelta { index, delta }));
        events.push(StreamEvent::BlockStop { index });
    }
    events.extend(response.usage.map(|usage| StreamEvent::Usage { usage }));
    events.push(StreamEvent::Stop { reason: response.stop });
    events.push(StreamEvent::End);
    events
}

fn block(content: Content) -> (BlockStart, Vec<Delta>) {
    match content {
        Content::Text { text } => (BlockStart::Text, vec![Delta::Text { text }]),
        Content::Thinking { text, signature } => {
            let signature = signature.map(|signature| Delta::Signature { signature });
            let deltas = std::iter::once(Delta::Thinking { text }).chain(signature).collect();
            (BlockStart::Thinking, deltas)
        }
        Content::RedactedThinking { data } => (BlockStart::RedactedThinking { data }, Vec::new()),
        Content::ToolCall { id, name, arguments } => {
            (BlockStart::ToolCall { id, name }, vec![Delta::Arguments { json: arguments }])
        }
        Content::Other { dialect, json } => (BlockStart::Other { dialect, json }, Vec::new()),
        // No vendor answers with these; a text keeps the indices of the others.
        Content::Image { .. } | Content::Document { .. } | Content::ToolResult { .. } => {
            (BlockStart::Text, Vec::new())
        }
    }
}

#[cfg(test)]
mod tests {
    use distiq_base::{Assembler, StopReason, Usage};

    use super::*;

    #[test]
    fn a_whole_answer_survives_as_events() {
        let response = Response {
            id: "m".into(),
            model: "x".into(),
            content: vec![
                Content::Thinking { text: "hm".into(), signature: Some("s".into()) },
                Content::RedactedThinking { data: "d".into() },
                Content::text("hi"),
                Content::ToolCall { id: "c".into(), name: "read".into(), arguments: "{}".into() },
            ],
            stop: StopReason::ToolUse,
            usage: Some(Usage { input: 3, ..Usage::default() }),
        };
        let mut assembler = Assembler::default();
        events(response.clone()).iter().for_each(|event| assembler.push(event));
        assert!(assembler.is_complete());
        assert_eq!(assembler.into_response(), response);
    }
}
