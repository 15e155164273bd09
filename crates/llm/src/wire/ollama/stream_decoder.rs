//! Streamed answers, inwards.

use distiq_base::{BlockStart, Delta, StopReason, StreamEvent, Usage};
use serde_json::Value;

use crate::wire::history::Calls;
use crate::wire::ollama::failure;
use crate::wire::sse::SseEvent;
use crate::wire::{MAX_ANSWER_BLOCKS, MAX_ANSWER_BYTES, WireError, arguments, field, plain};

/// Reads a stream of objects, of chat and of generate alike; the one that says `done` ends it.
#[derive(Debug, Default)]
pub struct StreamDecoder {
    begun: bool,
    ended: bool,
    open: Option<(Kind, usize)>,
    calls: Calls,
    has_calls: bool,
    next_index: usize,
    bytes: usize,
    out: Vec<StreamEvent>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Thinking,
}

impl StreamDecoder {
    /// Starts at the beginning of an answer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one object in.
    ///
    /// # Errors
    /// [`WireError::Vendor`] for an error in the stream, [`WireError::Malformed`] for what is no
    /// object, [`WireError::TooLarge`] past the limits of an answer. No error is a whole answer, and
    /// the rest of the stream is of no use.
    pub fn feed(&mut self, event: &SseEvent) -> Result<Vec<StreamEvent>, WireError> {
        let data = event.data.trim();
        if self.ended || data.is_empty() {
            return Ok(Vec::new());
        }
        if self.begun
            && let Some(text) = plain::read::<plain::Line>(data).and_then(plain::Line::into_text)
        {
            self.say(Kind::Text, &text)?;
            return Ok(std::mem::take(&mut self.out));
        }
        let json: Value = serde_json::from_str(data)
            .map_err(|error| WireError::malformed("line", error.to_string()))?;
        self.take(&json)
    }

    /// Closes the stream when its bytes are over.
    ///
    /// # Errors
    /// [`WireError::Truncated`] unless the last object has come.
    pub fn finish(&mut self) -> Result<Vec<StreamEvent>, WireError> {
        if self.ended { Ok(Vec::new()) } else { Err(WireError::Truncated) }
    }

    /// Takes one parsed object in.
    pub(super) fn take(&mut self, json: &Value) -> Result<Vec<StreamEvent>, WireError> {
        if !json.is_object() {
            return Err(WireError::malformed("line", "expected an object"));
        }
        if field::present(json, "error").is_some() {
            return Err(failure::in_answer(json).into());
        }
        self.begin(json);
        let message = field::present(json, "message").unwrap_or(json);
        if let Some(text) = field::text(message, "thinking") {
            self.say(Kind::Thinking, text)?;
        }
        let text = field::text(message, "content").or_else(|| field::text(message, "response"));
        self.say(Kind::Text, text.unwrap_or_default())?;
        for call in field::items(message, "tool_calls") {
            self.call(call)?;
        }
        if field::flag(json, "done") == Some(true) {
            self.end(json);
        }
        Ok(std::mem::take(&mut self.out))
    }

    fn begin(&mut self, json: &Value) {
        if std::mem::replace(&mut self.begun, true) {
            return;
        }
        let model = field::text(json, "model").unwrap_or_default();
        let seed = format!("{}\n{model}", field::text(json, "created_at").unwrap_or_default());
        let hash = blake3::hash(seed.as_bytes()).to_hex();
        self.calls = Calls::of(seed);
        self.out.push(StreamEvent::Start {
            id: format!("ollama-{}", hash.get(..16).unwrap_or_default()),
            model: model.to_owned(),
        });
    }

    fn say(&mut self, kind: Kind, text: &str) -> Result<(), WireError> {
        if text.is_empty() {
            return Ok(());
        }
        self.spend(text.len())?;
        let index = match self.open {
            Some((open, index)) if open == kind => index,
            _ => {
                self.stop_open();
                let block = match kind {
                    Kind::Text => BlockStart::Text,
                    Kind::Thinking => BlockStart::Thinking,
                };
                let index = self.start(block)?;
                self.open = Some((kind, index));
                index
            }
        };
        let text = text.to_owned();
        let delta = match kind {
            Kind::Text => Delta::Text { text },
            Kind::Thinking => Delta::Thinking { text },
        };
        self.out.push(StreamEvent::BlockDelta { index, delta });
        Ok(())
    }

    fn call(&mut self, call: &Value) -> Result<(), WireError> {
        self.stop_open();
        let function = call.get("function").unwrap_or(&Value::Null);
        let name = field::text(function, "name").unwrap_or_default().to_owned();
        let json = arguments::to_text(function.get("arguments").unwrap_or(&Value::Null));
        self.spend(json.len())?;
        self.has_calls = true;
        let id = self.calls.called(field::text(call, "id"), &name);
        let index = self.start(BlockStart::ToolCall { id, name })?;
        self.out.push(StreamEvent::BlockDelta { index, delta: Delta::Arguments { json } });
        self.out.push(StreamEvent::BlockStop { index });
        Ok(())
    }

    fn end(&mut self, json: &Value) {
        self.ended = true;
        self.stop_open();
        let input = field::count(json, "prompt_eval_count");
        let output = field::count(json, "eval_count");
        if input.is_some() || output.is_some() {
            let (input, output) = (input.unwrap_or(0), output.unwrap_or(0));
            let usage = Usage { input, output, ..Usage::default() };
            self.out.push(StreamEvent::Usage { usage });
        }
        let reason = match field::text(json, "done_reason").unwrap_or("stop") {
            "stop" | "" if self.has_calls => StopReason::ToolUse,
            "stop" | "" => StopReason::EndTurn,
            "length" => StopReason::MaxTokens,
            other => StopReason::Other(other.to_owned()),
        };
        self.out.push(StreamEvent::Stop { reason });
        self.out.push(StreamEvent::End);
    }

    fn start(&mut self, block: BlockStart) -> Result<usize, WireError> {
        let index = self.next_index;
        if index >= MAX_ANSWER_BLOCKS {
            return Err(WireError::TooLarge {
                what: "the number of blocks",
                limit: MAX_ANSWER_BLOCKS,
            });
        }
        self.next_index += 1;
        self.out.push(StreamEvent::BlockStart { index, block });
        Ok(index)
    }

    fn stop_open(&mut self) {
        if let Some((_, index)) = self.open.take() {
            self.out.push(StreamEvent::BlockStop { index });
        }
    }

    fn spend(&mut self, bytes: usize) -> Result<(), WireError> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > MAX_ANSWER_BYTES {
            return Err(WireError::TooLarge { what: "the answer", limit: MAX_ANSWER_BYTES });
        }
        Ok(())
    }
}
