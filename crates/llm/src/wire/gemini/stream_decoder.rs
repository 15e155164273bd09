//! Streamed answers, inwards.

use distiq_base::{BlockStart, Content, Delta, Dialect, Role, StopReason, StreamEvent};
use serde_json::{Map, Value, json};

use crate::wire::gemini::content::{self, CANDIDATE, FOREIGN_CALL};
use crate::wire::gemini::{case, failure, response, usage};
use crate::wire::history::Calls;
use crate::wire::signature::{self, Place};
use crate::wire::sse::SseEvent;
use crate::wire::{MAX_ANSWER_BLOCKS, MAX_ANSWER_BYTES, WireError, field};

/// What a candidate has beside its parts that is kept.
const KEPT: [&str; 4] =
    ["groundingMetadata", "citationMetadata", "urlContextMetadata", "continuationToken"];

/// Reads a stream of chunks, each a whole answer of new parts; of several candidates, the first.
///
/// The dialect has no end mark: an answer is whole when a finish reason has come and the body ends.
#[derive(Debug, Default)]
pub struct StreamDecoder {
    begun: bool,
    ended: bool,
    open: Option<Open>,
    calls: Calls,
    has_calls: bool,
    finish_reason: Option<String>,
    blocked: bool,
    kept: Map<String, Value>,
    next_index: usize,
    bytes: usize,
    out: Vec<StreamEvent>,
}

/// The block that grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Text(usize),
    Thought(usize),
}

impl StreamDecoder {
    /// Starts at the beginning of an answer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one chunk in.
    ///
    /// # Errors
    /// [`WireError::Vendor`] for an error in the stream, [`WireError::Malformed`] for what is no
    /// JSON, [`WireError::TooLarge`] past the limits of an answer. No error is a whole answer, and
    /// the rest of the stream is of no use.
    pub fn feed(&mut self, event: &SseEvent) -> Result<Vec<StreamEvent>, WireError> {
        let data = event.data.trim();
        // Some proxies add the end mark of another dialect.
        if self.ended || data.is_empty() || data == "[DONE]" {
            return Ok(Vec::new());
        }
        let json: Value = serde_json::from_str(data)
            .map_err(|error| WireError::malformed("chunk", error.to_string()))?;
        if failure::is_error(&json) || event.event.as_deref() == Some("error") {
            return Err(failure::in_answer(&json).into());
        }
        self.take(&json)
    }

    /// Closes the stream when its bytes are over, and returns the last events.
    ///
    /// # Errors
    /// [`WireError::Truncated`] unless a finish reason has come or the prompt was blocked,
    /// [`WireError::Vendor`] where the finish reason tells of a failure.
    pub fn finish(&mut self) -> Result<Vec<StreamEvent>, WireError> {
        if self.ended {
            return Ok(Vec::new());
        }
        if self.finish_reason.is_none() && !self.blocked {
            return Err(WireError::Truncated);
        }
        self.close()
    }

    /// Tells whether the vendor has said why the answer is over.
    pub(crate) const fn is_finished(&self) -> bool {
        self.finish_reason.is_some()
    }

    /// Closes an answer that is known to be whole.
    pub(super) fn close(&mut self) -> Result<Vec<StreamEvent>, WireError> {
        self.ended = true;
        self.stop_open();
        if !self.kept.is_empty() {
            let json = json!({ CANDIDATE: std::mem::take(&mut self.kept) });
            self.whole(BlockStart::Other { dialect: Dialect::Gemini, json }, None)?;
        }
        let reason = match self.finish_reason.take() {
            Some(reason) => response::decode_stop(&reason, self.has_calls)?,
            None if self.blocked => StopReason::Refusal,
            None => response::decode_stop("STOP", self.has_calls)?,
        };
        self.out.push(StreamEvent::Stop { reason });
        self.out.push(StreamEvent::End);
        Ok(std::mem::take(&mut self.out))
    }

    /// Takes one parsed chunk in.
    pub(super) fn take(&mut self, chunk: &Value) -> Result<Vec<StreamEvent>, WireError> {
        self.begin(chunk);
        let first = |candidate: &&Value| field::count(candidate, "index").unwrap_or(0) == 0;
        let candidate = field::items(chunk, "candidates").iter().find(first);
        if let Some(candidate) = candidate {
            let content = candidate.get("content").unwrap_or(&Value::Null);
            for part in field::items(content, "parts") {
                self.part(part)?;
            }
            for key in KEPT {
                if let Some(value) = field::present(candidate, key) {
                    self.kept.insert(key.to_owned(), value.clone());
                }
            }
            if let Some(reason) = field::text(candidate, "finishReason")
                && !reason.is_empty()
                && reason != "FINISH_REASON_UNSPECIFIED"
            {
                self.finish_reason = Some(reason.to_owned());
            }
        }
        let feedback = chunk.get("promptFeedback").unwrap_or(&Value::Null);
        self.blocked |= field::text(feedback, "blockReason").is_some();
        if let Some(report) = field::present(chunk, "usageMetadata") {
            self.out.push(StreamEvent::Usage { usage: usage::decode(report) });
        }
        Ok(std::mem::take(&mut self.out))
    }

    fn begin(&mut self, chunk: &Value) {
        if std::mem::replace(&mut self.begun, true) {
            return;
        }
        let id = field::text(chunk, "responseId").unwrap_or_default();
        let seed = if id.is_empty() { chunk.to_string() } else { id.to_owned() };
        self.calls = Calls::of(seed);
        self.out.push(StreamEvent::Start {
            id: id.to_owned(),
            model: field::text(chunk, "modelVersion").unwrap_or_default().to_owned(),
        });
    }

    fn part(&mut self, part: &Value) -> Result<(), WireError> {
        let wire = field::text(part, "thoughtSignature").filter(|text| !text.is_empty());
        self.spend(wire.map_or(0, str::len))?;
        if let Some(text) = field::text(part, "text") {
            return match field::flag(part, "thought") {
                Some(true) => self.think(text, wire),
                _ => self.say(text, wire),
            };
        }
        self.stop_open();
        if let Some(call) = field::present(part, "functionCall") {
            if let Some(wire) = wire.filter(|wire| *wire != FOREIGN_CALL) {
                self.bare(Place::Next, wire)?;
            }
            let name = field::text(call, "name").unwrap_or_default().to_owned();
            let json = crate::wire::arguments::to_text(call.get("args").unwrap_or(&Value::Null));
            self.spend(json.len())?;
            self.has_calls = true;
            let id = self.calls.called(field::text(call, "id"), &name);
            return self.whole(BlockStart::ToolCall { id, name }, Some(Delta::Arguments { json }));
        }
        if part.as_object().is_none_or(Map::is_empty) {
            return Ok(());
        }
        let mut json = part.clone();
        case::to_camel(&mut json);
        self.spend(json.to_string().len())?;
        self.whole(BlockStart::Other { dialect: Dialect::Gemini, json }, None)
    }

    fn say(&mut self, text: &str, wire: Option<&str>) -> Result<(), WireError> {
        match wire {
            None if text.is_empty() => Ok(()),
            None => {
                let index = match self.open {
                    Some(Open::Text(index)) => index,
                    _ => self.start(BlockStart::Text, Open::Text)?,
                };
                self.grow(index, Delta::Text { text: text.to_owned() })
            }
            Some(wire) => {
                self.stop_open();
                let place = if text.is_empty() { Place::Alone } else { Place::Next };
                self.bare(place, wire)?;
                if text.is_empty() {
                    return Ok(());
                }
                // A signed part is never joined with another.
                self.spend(text.len())?;
                self.whole(BlockStart::Text, Some(Delta::Text { text: text.to_owned() }))
            }
        }
    }

    fn think(&mut self, text: &str, wire: Option<&str>) -> Result<(), WireError> {
        if text.is_empty() && wire.is_none() {
            return Ok(());
        }
        let mut signed = Vec::new();
        if let Some(wire) = wire {
            let part = content::thought(text, wire);
            signed =
                content::decode_parts(&[part], "part", Role::Assistant, &mut Calls::default())?;
        }
        if let Some(Content::RedactedThinking { data }) = signed.first() {
            self.stop_open();
            return self.whole(BlockStart::RedactedThinking { data: data.clone() }, None);
        }
        let index = match self.open {
            Some(Open::Thought(index)) => index,
            _ => self.start(BlockStart::Thinking, Open::Thought)?,
        };
        if !text.is_empty() {
            self.grow(index, Delta::Thinking { text: text.to_owned() })?;
        }
        if wire.is_some() {
            let signature = content::thought_signature(wire);
            self.open = None;
            self.grow(index, Delta::Signature { signature })?;
            self.out.push(StreamEvent::BlockStop { index });
        }
        Ok(())
    }

    /// Writes a signature without thinking.
    fn bare(&mut self, place: Place, wire: &str) -> Result<(), WireError> {
        let signature = signature::tag(place, wire);
        self.whole(BlockStart::Thinking, Some(Delta::Signature { signature }))
    }

    /// Writes a block that is whole at once.
    fn whole(&mut self, block: BlockStart, delta: Option<Delta>) -> Result<(), WireError> {
        let index = self.take_index()?;
        self.out.push(StreamEvent::BlockStart { index, block });
        self.out.extend(delta.map(|delta| StreamEvent::BlockDelta { index, delta }));
        self.out.push(StreamEvent::BlockStop { index });
        Ok(())
    }

    fn start(
        &mut self,
        block: BlockStart,
        open: impl Fn(usize) -> Open,
    ) -> Result<usize, WireError> {
        self.stop_open();
        let index = self.take_index()?;
        self.out.push(StreamEvent::BlockStart { index, block });
        self.open = Some(open(index));
        Ok(index)
    }

    fn grow(&mut self, index: usize, delta: Delta) -> Result<(), WireError> {
        if let Delta::Text { text } | Delta::Thinking { text } = &delta {
            self.spend(text.len())?;
        }
        self.out.push(StreamEvent::BlockDelta { index, delta });
        Ok(())
    }

    fn stop_open(&mut self) {
        let Some(open) = self.open.take() else { return };
        let (Open::Text(index) | Open::Thought(index)) = open;
        if matches!(open, Open::Thought(_)) {
            let signature = signature::tag(Place::Own, "");
            let delta = Delta::Signature { signature };
            self.out.push(StreamEvent::BlockDelta { index, delta });
        }
        self.out.push(StreamEvent::BlockStop { index });
    }

    fn take_index(&mut self) -> Result<usize, WireError> {
        let index = self.next_index;
        if index >= MAX_ANSWER_BLOCKS {
            return Err(WireError::TooLarge {
                what: "the number of blocks",
                limit: MAX_ANSWER_BLOCKS,
            });
        }
        self.next_index += 1;
        Ok(index)
    }

    fn spend(&mut self, bytes: usize) -> Result<(), WireError> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > MAX_ANSWER_BYTES {
            return Err(WireError::TooLarge { what: "the answer", limit: MAX_ANSWER_BYTES });
        }
        Ok(())
    }
}
