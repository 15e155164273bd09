//! Streamed answers, inwards.

use distiq_base::{BlockStart, Content, Delta, StreamEvent};
use serde_json::Value;

use crate::wire::openai::content::{self, DETAILS};
use crate::wire::openai::response::{self, End};
use crate::wire::openai::{failure, usage};
use crate::wire::sse::SseEvent;
use crate::wire::{MAX_ANSWER_BLOCKS, MAX_ANSWER_BYTES, Quirks, WireError, field, plain};

use calls::Calls;

mod calls;

/// Reads a stream of chunks that ends in `[DONE]`; chunks of no known shape are passed over, and of
/// several choices all but the first.
#[derive(Debug, Default)]
pub struct StreamDecoder {
    lenient_end: bool,
    begun: bool,
    ended: bool,
    thinking: Option<usize>,
    text: Option<usize>,
    calls: Calls,
    /// The vendor's `reasoning_details`, fragments joined.
    details: Vec<Value>,
    finish_reason: Option<String>,
    refused: bool,
    out: Output,
}

/// Events on their way out, within the limits of an answer.
#[derive(Debug, Default)]
struct Output {
    events: Vec<StreamEvent>,
    next_index: usize,
    bytes: usize,
}

impl StreamDecoder {
    /// Starts at the beginning of an answer of a server that sends `[DONE]`, as all known ones do.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts at the beginning of an answer; [`Quirks::lenient_end`] tells what its end is.
    pub fn with_quirks(quirks: &Quirks) -> Self {
        Self { lenient_end: quirks.lenient_end, ..Self::default() }
    }

    /// Takes one event in.
    ///
    /// # Errors
    /// [`WireError::Vendor`] for an error in the stream, [`WireError::Malformed`] for what is no
    /// JSON, [`WireError::Truncated`] for `[DONE]` without a finish reason (gateways send it when
    /// their own vendor hangs up), [`WireError::TooLarge`] past the limits of an answer. No error is
    /// a whole answer, and the rest of the stream is of no use.
    pub fn feed(&mut self, event: &SseEvent) -> Result<Vec<StreamEvent>, WireError> {
        let data = event.data.trim();
        if self.ended || data.is_empty() {
            return Ok(Vec::new());
        }
        if data == "[DONE]" {
            return self.end();
        }
        if self.begun
            && event.event.is_none()
            && let Some(text) = plain::read::<plain::Chunk>(data).and_then(plain::Chunk::into_text)
        {
            self.say(text)?;
            return Ok(std::mem::take(&mut self.out.events));
        }
        let json: Value = serde_json::from_str(data)
            .map_err(|error| WireError::malformed("chunk", error.to_string()))?;
        if failure::is_error(&json) || event.event.as_deref() == Some("error") {
            return Err(failure::in_answer(&json).into());
        }
        let choices = field::items(&json, "choices").iter();
        let choice = choices.into_iter().find(|c| field::count(c, "index").unwrap_or(0) == 0);
        if let Some(choice) = choice {
            self.begin(&json);
            self.take(choice)?;
        }
        if let Some(usage) = usage::find(&json) {
            self.begin(&json);
            self.out.events.push(StreamEvent::Usage { usage });
        }
        Ok(std::mem::take(&mut self.out.events))
    }

    /// Closes the stream when its bytes are over, and returns the last events where only a finish
    /// reason ended it and [`Quirks::lenient_end`] allows that.
    ///
    /// # Errors
    /// [`WireError::Truncated`] unless the end has come.
    pub fn finish(&mut self) -> Result<Vec<StreamEvent>, WireError> {
        match self.ended {
            true => Ok(Vec::new()),
            false if self.lenient_end => self.end(),
            false => Err(WireError::Truncated),
        }
    }

    fn begin(&mut self, json: &Value) {
        if self.begun {
            return;
        }
        self.begun = true;
        let id = field::text(json, "id").unwrap_or_default();
        let created = field::count(json, "created").unwrap_or(0);
        self.calls = Calls::of(format!("{id}{created}"));
        self.out.events.push(StreamEvent::Start {
            id: id.to_owned(),
            model: field::text(json, "model").unwrap_or_default().to_owned(),
        });
    }

    fn take(&mut self, choice: &Value) -> Result<(), WireError> {
        if failure::is_error(choice) {
            return Err(failure::in_answer(choice).into());
        }
        // A few servers put a whole message where the delta belongs.
        let delta = field::present(choice, "delta").or_else(|| field::present(choice, "message"));
        let delta = delta.unwrap_or(&Value::Null);
        if let Some(text) = content::reasoning(delta) {
            self.think(text)?;
        }
        for detail in field::items(delta, DETAILS) {
            self.take_detail(detail)?;
        }
        match delta.get("content") {
            Some(Value::String(text)) => self.say(text.clone())?,
            Some(Value::Array(parts)) => {
                for part in parts {
                    match field::text(part, "type") {
                        Some("thinking") => self.think(content::chunk_text(part))?,
                        _ => self.say(field::text(part, "text").unwrap_or_default().to_owned())?,
                    }
                }
            }
            _ => {}
        }
        if let Some(text) = field::text(delta, "refusal").filter(|text| !text.is_empty()) {
            self.refused = true;
            self.say(text.to_owned())?;
        }
        for fragment in field::items(delta, "tool_calls") {
            self.pause();
            self.calls.take(fragment, &mut self.out)?;
        }
        if let Some(reason) = field::text(choice, "finish_reason").filter(|r| !r.is_empty()) {
            self.finish_reason = Some(reason.to_owned());
        }
        Ok(())
    }

    fn think(&mut self, text: String) -> Result<(), WireError> {
        if text.is_empty() {
            return Ok(());
        }
        self.out.stop(&mut self.text);
        let index = self.out.open(&mut self.thinking, BlockStart::Thinking)?;
        self.out.grow(index, Delta::Thinking { text })
    }

    fn say(&mut self, text: String) -> Result<(), WireError> {
        if text.is_empty() {
            return Ok(());
        }
        self.out.stop(&mut self.thinking);
        let index = self.out.open(&mut self.text, BlockStart::Text)?;
        self.out.grow(index, Delta::Text { text })
    }

    /// Closes text and thinking, as a tool call begins.
    fn pause(&mut self) {
        self.out.stop(&mut self.thinking);
        self.out.stop(&mut self.text);
    }

    /// Joins a fragment of `reasoning_details` to the last one, where it goes on with it.
    fn take_detail(&mut self, detail: &Value) -> Result<(), WireError> {
        let texts = ["text", "summary", "data"].into_iter();
        self.out.spend(texts.filter_map(|key| field::text(detail, key)).map(str::len).sum())?;
        let goes_on = |last: &Value| {
            last.get("type") == detail.get("type")
                && last.get("index") == detail.get("index")
                && field::text(detail, "data").is_none()
        };
        let Some(Value::Object(last)) = self.details.last_mut().filter(|last| goes_on(last)) else {
            self.details.push(detail.clone());
            if self.details.len() > MAX_ANSWER_BLOCKS {
                return Err(WireError::TooLarge {
                    what: "the number of blocks",
                    limit: MAX_ANSWER_BLOCKS,
                });
            }
            return Ok(());
        };
        for (key, value) in detail.as_object().into_iter().flatten() {
            match (last.get_mut(key), value) {
                (Some(Value::String(text)), Value::String(more))
                    if key == "text" || key == "summary" =>
                {
                    text.push_str(more);
                }
                (_, Value::Null) => {}
                _ => {
                    last.insert(key.clone(), value.clone());
                }
            }
        }
        Ok(())
    }

    fn end(&mut self) -> Result<Vec<StreamEvent>, WireError> {
        let Some(reason) = self.finish_reason.take() else { return Err(WireError::Truncated) };
        self.pause();
        let has_calls = self.calls.close(&mut self.out)?;
        let reason = response::decode_stop(&reason, End { has_calls, refused: self.refused })?;
        if !self.details.is_empty()
            && let Content::Other { dialect, json } =
                content::keep_details(std::mem::take(&mut self.details))
        {
            let mut place = None;
            self.out.open(&mut place, BlockStart::Other { dialect, json })?;
            self.out.stop(&mut place);
        }
        self.ended = true;
        self.out.events.push(StreamEvent::Stop { reason });
        self.out.events.push(StreamEvent::End);
        Ok(std::mem::take(&mut self.out.events))
    }
}

impl Output {
    fn open(&mut self, place: &mut Option<usize>, block: BlockStart) -> Result<usize, WireError> {
        if let Some(index) = *place {
            return Ok(index);
        }
        let index = self.next_index;
        if index >= MAX_ANSWER_BLOCKS {
            return Err(WireError::TooLarge {
                what: "the number of blocks",
                limit: MAX_ANSWER_BLOCKS,
            });
        }
        self.next_index += 1;
        *place = Some(index);
        self.events.push(StreamEvent::BlockStart { index, block });
        Ok(index)
    }

    fn grow(&mut self, index: usize, delta: Delta) -> Result<(), WireError> {
        let (Delta::Text { text: piece }
        | Delta::Thinking { text: piece }
        | Delta::Signature { signature: piece }
        | Delta::Arguments { json: piece }) = &delta;
        self.spend(piece.len())?;
        self.events.push(StreamEvent::BlockDelta { index, delta });
        Ok(())
    }

    fn stop(&mut self, place: &mut Option<usize>) {
        if let Some(index) = place.take() {
            self.events.push(StreamEvent::BlockStop { index });
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
