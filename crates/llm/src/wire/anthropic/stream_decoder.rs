//! Streamed answers, inwards.

use std::collections::BTreeMap;

use distiq_base::{BlockStart, Content, Delta, StreamEvent};
use serde_json::{Map, Value};

use crate::wire::anthropic::content::{self, Budget};
use crate::wire::anthropic::{failure, response, usage};
use crate::wire::sse::SseEvent;
use crate::wire::{MAX_ANSWER_BLOCKS, MAX_ANSWER_BYTES, WireError, arguments, field, plain};

/// Reads a stream of events; unknown events and deltas are passed over.
#[derive(Debug, Default)]
pub struct StreamDecoder {
    begun: bool,
    ended: bool,
    /// What all usage reports so far amount to.
    usage: Map<String, Value>,
    /// Blocks that have not stopped, by the vendor's index.
    open: BTreeMap<u64, Open>,
    next_index: usize,
    blocks: usize,
    bytes: usize,
}

#[derive(Debug)]
enum Open {
    /// Its events go on as they come.
    Flowing {
        index: usize,
        is_call: bool,
        /// Arguments that came whole with the start, used if no pieces follow.
        whole: Option<String>,
    },
    /// A block unknown here, held until it is whole; with the pieces of its `input`.
    Held { json: Value, input: String },
}

impl Open {
    /// Returns what a piece adds to a block that flows.
    fn grown(&mut self, kind: &str, piece: String) -> Option<(usize, Delta)> {
        let Open::Flowing { index, is_call, whole } = self else { return None };
        let delta = match kind {
            "input_json_delta" if *is_call => {
                if !piece.is_empty() {
                    *whole = None;
                }
                Delta::Arguments { json: piece }
            }
            "text_delta" => Delta::Text { text: piece },
            "thinking_delta" => Delta::Thinking { text: piece },
            "signature_delta" => Delta::Signature { signature: piece },
            _ => return None,
        };
        Some((*index, delta))
    }
}

impl StreamDecoder {
    /// Starts at the beginning of an answer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one event in.
    ///
    /// # Errors
    /// [`WireError::Vendor`] for an `error` event, [`WireError::Malformed`] for what is no event of
    /// this dialect, [`WireError::TooLarge`] past the limits of an answer. No error is a whole
    /// answer, and the rest of the stream is of no use.
    pub fn feed(&mut self, event: &SseEvent) -> Result<Vec<StreamEvent>, WireError> {
        let mut out = Vec::new();
        if self.ended || event.data.trim().is_empty() {
            return Ok(out);
        }
        if let Some(delta) = plain::read::<plain::BlockDelta<'_>>(&event.data)
            && let (index, Some((kind, piece))) = (delta.index, delta.into_piece())
            && let Some(open @ Open::Flowing { .. }) = self.open.get_mut(&index)
        {
            if let Some((index, delta)) = open.grown(kind, piece) {
                self.flow(index, delta, &mut out)?;
            }
            return Ok(out);
        }
        let json: Value = serde_json::from_str(&event.data)
            .map_err(|error| WireError::malformed("event", error.to_string()))?;
        let name = field::text(&json, "type").or(event.event.as_deref());
        match name.unwrap_or_default() {
            "error" => return Err(failure::in_answer(&json).into()),
            "message_start" => self.start(&json, &mut out),
            "content_block_start" => self.start_block(&json, &mut out)?,
            "content_block_delta" => self.grow_block(&json, &mut out)?,
            "content_block_stop" => {
                let open = self.open.remove(&index_of(&json)?);
                let open = open.ok_or_else(|| {
                    WireError::malformed("content_block_stop", "of a block that is not open")
                })?;
                self.stop_block(open, &mut out)?;
            }
            "message_delta" => self.update(&json, &mut out),
            "message_stop" => self.end(&mut out)?,
            _ => {}
        }
        Ok(out)
    }

    /// Closes the stream when its bytes are over.
    ///
    /// # Errors
    /// [`WireError::Truncated`] unless the end mark has come.
    pub fn finish(&mut self) -> Result<Vec<StreamEvent>, WireError> {
        if self.ended { Ok(Vec::new()) } else { Err(WireError::Truncated) }
    }

    fn start(&mut self, json: &Value, out: &mut Vec<StreamEvent>) {
        let message = json.get("message").unwrap_or(&Value::Null);
        // Some gateways send it twice.
        if !self.begun {
            self.begun = true;
            out.push(StreamEvent::Start {
                id: field::text(message, "id").unwrap_or_default().to_owned(),
                model: field::text(message, "model").unwrap_or_default().to_owned(),
            });
        }
        self.count(message, out);
    }

    fn count(&mut self, json: &Value, out: &mut Vec<StreamEvent>) {
        if let Some(report) = field::present(json, "usage") {
            usage::overlay(&mut self.usage, report);
            // The map only moves in and out of a value; nothing is copied.
            let known = Value::Object(std::mem::take(&mut self.usage));
            out.push(StreamEvent::Usage { usage: usage::decode(&known) });
            if let Value::Object(known) = known {
                self.usage = known;
            }
        }
    }

    fn update(&mut self, json: &Value, out: &mut Vec<StreamEvent>) {
        let reason = json.get("delta").and_then(|delta| field::text(delta, "stop_reason"));
        if let Some(reason) = reason {
            out.push(StreamEvent::Stop { reason: response::decode_stop(reason) });
        }
        self.count(json, out);
    }

    fn end(&mut self, out: &mut Vec<StreamEvent>) -> Result<(), WireError> {
        if !self.begun {
            return Err(WireError::malformed("message_stop", "came before message_start"));
        }
        for open in std::mem::take(&mut self.open).into_values() {
            self.stop_block(open, out)?;
        }
        self.ended = true;
        out.push(StreamEvent::End);
        Ok(())
    }

    fn start_block(&mut self, json: &Value, out: &mut Vec<StreamEvent>) -> Result<(), WireError> {
        let place = index_of(json)?;
        if !self.begun {
            return Err(WireError::malformed("content_block_start", "came before message_start"));
        }
        if self.open.contains_key(&place) {
            return Err(WireError::malformed("content_block_start", "of a block that is open"));
        }
        self.blocks += 1;
        if self.blocks > MAX_ANSWER_BLOCKS {
            return Err(WireError::TooLarge {
                what: "the number of blocks",
                limit: MAX_ANSWER_BLOCKS,
            });
        }
        let block = json.get("content_block").unwrap_or(&Value::Null);
        let (content, _) = content::decode(block, "content_block", &mut Budget::default())?;
        let open = match content {
            Content::Text { text } => {
                let index = self.begin(BlockStart::Text, out);
                self.flow(index, Delta::Text { text }, out)?;
                Open::Flowing { index, is_call: false, whole: None }
            }
            Content::Thinking { text, signature } => {
                let index = self.begin(BlockStart::Thinking, out);
                self.flow(index, Delta::Thinking { text }, out)?;
                let signature = signature.unwrap_or_default();
                self.flow(index, Delta::Signature { signature }, out)?;
                Open::Flowing { index, is_call: false, whole: None }
            }
            Content::RedactedThinking { data } => {
                let index = self.begin(BlockStart::RedactedThinking { data }, out);
                Open::Flowing { index, is_call: false, whole: None }
            }
            Content::ToolCall { id, name, arguments } => {
                let index = self.begin(BlockStart::ToolCall { id, name }, out);
                let whole = Some(arguments).filter(|text| text != "{}");
                Open::Flowing { index, is_call: true, whole }
            }
            _ => Open::Held { json: block.clone(), input: String::new() },
        };
        self.open.insert(place, open);
        Ok(())
    }

    fn begin(&mut self, block: BlockStart, out: &mut Vec<StreamEvent>) -> usize {
        let index = self.next_index;
        self.next_index += 1;
        out.push(StreamEvent::BlockStart { index, block });
        index
    }

    /// Passes a piece on unless it is empty.
    fn flow(
        &mut self,
        index: usize,
        delta: Delta,
        out: &mut Vec<StreamEvent>,
    ) -> Result<(), WireError> {
        let (Delta::Text { text: piece }
        | Delta::Thinking { text: piece }
        | Delta::Signature { signature: piece }
        | Delta::Arguments { json: piece }) = &delta;
        if !piece.is_empty() {
            take(&mut self.bytes, piece.len())?;
            out.push(StreamEvent::BlockDelta { index, delta });
        }
        Ok(())
    }

    fn grow_block(&mut self, json: &Value, out: &mut Vec<StreamEvent>) -> Result<(), WireError> {
        let place = index_of(json)?;
        let delta = json.get("delta").unwrap_or(&Value::Null);
        let piece = |key| field::text(delta, key).unwrap_or_default().to_owned();
        let kind = field::text(delta, "type").unwrap_or_default();
        let Some(open) = self.open.get_mut(&place) else {
            return Err(WireError::malformed("content_block_delta", "of a block that is not open"));
        };
        if let Open::Held { json, input } = open {
            return hold(json, input, kind, delta, &mut self.bytes);
        }
        let text = match kind {
            "input_json_delta" => piece("partial_json"),
            "text_delta" => piece("text"),
            "thinking_delta" => piece("thinking"),
            _ => piece("signature"),
        };
        match open.grown(kind, text) {
            Some((index, delta)) => self.flow(index, delta, out),
            None => Ok(()),
        }
    }

    fn stop_block(&mut self, open: Open, out: &mut Vec<StreamEvent>) -> Result<(), WireError> {
        let index = match open {
            Open::Flowing { index, whole, .. } => {
                if let Some(json) = whole {
                    self.flow(index, Delta::Arguments { json }, out)?;
                }
                index
            }
            Open::Held { mut json, input } => {
                if let (false, Some(map)) = (input.is_empty(), json.as_object_mut()) {
                    map.insert("input".into(), arguments::to_object(&input));
                }
                let Content::Other { dialect, json } = content::keep(&json) else { return Ok(()) };
                self.begin(BlockStart::Other { dialect, json }, out)
            }
        };
        out.push(StreamEvent::BlockStop { index });
        Ok(())
    }
}

/// Grows a block that is held.
fn hold(
    json: &mut Value,
    input: &mut String,
    kind: &str,
    delta: &Value,
    bytes: &mut usize,
) -> Result<(), WireError> {
    match (kind, json.as_object_mut()) {
        ("input_json_delta", _) => {
            let piece = field::text(delta, "partial_json").unwrap_or_default();
            take(bytes, piece.len())?;
            input.push_str(piece);
        }
        ("compaction_delta", Some(block)) => {
            for key in ["content", "encrypted_content"] {
                if let Some(value) = field::present(delta, key) {
                    take(bytes, value.as_str().map_or(0, str::len))?;
                    block.insert(key.to_owned(), value.clone());
                }
            }
        }
        _ => {}
    }
    Ok(())
}

fn take(bytes: &mut usize, more: usize) -> Result<(), WireError> {
    *bytes = bytes.saturating_add(more);
    if *bytes > MAX_ANSWER_BYTES {
        return Err(WireError::TooLarge { what: "the answer", limit: MAX_ANSWER_BYTES });
    }
    Ok(())
}

fn index_of(json: &Value) -> Result<u64, WireError> {
    field::count(json, "index").ok_or_else(|| WireError::malformed("index", "expected a count"))
}
