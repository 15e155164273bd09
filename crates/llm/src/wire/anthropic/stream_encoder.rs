//! Streamed answers, outwards.

use std::collections::VecDeque;

use distiq_base::{BlockStart, Delta, Dialect, StopReason, StreamEvent, Usage};
use serde_json::{Value, json};

use crate::error::ProviderErrorKind;
use crate::wire::anthropic::{failure, response, usage};
use crate::wire::sse::frame;

/// Writes a stream of events in the order that the vendor keeps: one block at a time.
///
/// `message_start` waits for the first block, so that it can tell the prompt's tokens where they
/// are known by then. A block that begins before another has stopped waits for it.
#[derive(Debug, Default)]
pub struct StreamEncoder {
    start: Option<(String, String)>,
    usage: Usage,
    stop: Option<StopReason>,
    called_tool: bool,
    next_index: usize,
    current: Option<Current>,
    /// Blocks that wait, in the order of their start, with their events.
    waiting: VecDeque<(usize, Vec<StreamEvent>)>,
    ended: bool,
}

#[derive(Debug)]
struct Current {
    /// The index in the events.
    index: usize,
    /// The index on the wire; `None` for a block that this dialect lacks.
    wire_index: Option<usize>,
    /// Sent whole before the block stops: clients replace it by each piece.
    signature: String,
}

impl StreamEncoder {
    /// Starts at the beginning of an answer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the bytes that this event adds; often none, as events are held back and joined.
    pub fn encode(&mut self, event: &StreamEvent) -> String {
        let mut out = String::new();
        match event {
            _ if self.ended => {}
            StreamEvent::Start { id, model } => self.start = Some((id.clone(), model.clone())),
            StreamEvent::Usage { usage } => self.usage = *usage,
            StreamEvent::Stop { reason } => self.stop = Some(reason.clone()),
            StreamEvent::BlockStart { index, .. } => {
                self.begin_message(&mut out);
                if self.current.is_none() {
                    self.write(event, &mut out);
                } else {
                    self.waiting.push_back((*index, vec![event.clone()]));
                }
            }
            StreamEvent::BlockDelta { index, .. } | StreamEvent::BlockStop { index } => {
                if self.current.as_ref().is_some_and(|current| current.index == *index) {
                    self.write(event, &mut out);
                    self.go_on(&mut out);
                } else if let Some((_, events)) =
                    self.waiting.iter_mut().rev().find(|(i, _)| i == index)
                {
                    events.push(event.clone());
                }
            }
            StreamEvent::End => self.end(&mut out),
        }
        out
    }

    /// Returns the bytes that tell a client that the answer failed; nothing follows them.
    pub fn error(&mut self, kind: ProviderErrorKind, message: &str) -> String {
        self.ended = true;
        let (_, body) = failure::encode_error(kind, message);
        frame(Some("error"), &body.to_string())
    }

    fn begin_message(&mut self, out: &mut String) {
        let Some((id, model)) = self.start.take() else { return };
        // The output so far is a small number in the vendor's own streams; the end corrects it.
        let usage =
            usage::encode(&Usage { output: self.usage.output.min(1), reasoning: 0, ..self.usage });
        send(
            out,
            "message_start",
            json!({ "message": {
                "id": id,
                "type": "message",
                "role": "assistant",
                "model": model,
                "content": [],
                "stop_reason": null,
                "stop_sequence": null,
                "usage": usage,
            }}),
        );
    }

    /// Lets waiting blocks follow once the current one has stopped.
    fn go_on(&mut self, out: &mut String) {
        while self.current.is_none() {
            let Some((_, events)) = self.waiting.pop_front() else { return };
            for event in &events {
                self.write(event, out);
            }
        }
    }

    fn end(&mut self, out: &mut String) {
        self.begin_message(out);
        while let Some(current) = &self.current {
            self.write(&StreamEvent::BlockStop { index: current.index }, out);
            self.go_on(out);
        }
        let default = if self.called_tool { StopReason::ToolUse } else { StopReason::EndTurn };
        let stop = self.stop.take().unwrap_or(default);
        let delta = json!({
            "delta": { "stop_reason": response::encode_stop(&stop), "stop_sequence": null },
            "usage": usage::encode(&self.usage),
        });
        send(out, "message_delta", delta);
        send(out, "message_stop", json!({}));
        self.ended = true;
    }

    fn write(&mut self, event: &StreamEvent, out: &mut String) {
        match event {
            StreamEvent::BlockStart { index, block } => self.write_start(*index, block, out),
            StreamEvent::BlockDelta { delta, .. } => self.write_delta(delta, out),
            StreamEvent::BlockStop { .. } => {
                let Some(current) = self.current.take() else { return };
                let Some(index) = current.wire_index else { return };
                if !current.signature.is_empty() {
                    let delta =
                        json!({ "type": "signature_delta", "signature": current.signature });
                    send(out, "content_block_delta", json!({ "index": index, "delta": delta }));
                }
                send(out, "content_block_stop", json!({ "index": index }));
            }
            _ => {}
        }
    }

    fn write_start(&mut self, index: usize, block: &BlockStart, out: &mut String) {
        let mut input = None;
        let block = match block {
            BlockStart::Text => Some(json!({ "type": "text", "text": "" })),
            BlockStart::Thinking => {
                Some(json!({ "type": "thinking", "thinking": "", "signature": "" }))
            }
            BlockStart::RedactedThinking { data } => {
                Some(json!({ "type": "redacted_thinking", "data": data }))
            }
            BlockStart::ToolCall { id, name } => {
                self.called_tool = true;
                let id = crate::wire::arguments::anthropic_id(id);
                Some(json!({ "type": "tool_use", "id": id, "name": name, "input": {} }))
            }
            BlockStart::Other { dialect: Dialect::Anthropic, json } => {
                let mut json = json.clone();
                // Clients build `input` from pieces, as the vendor sends it.
                if let Some(whole @ Value::Object(_)) = json.get_mut("input") {
                    input = Some(std::mem::replace(whole, json!({})).to_string());
                }
                Some(json)
            }
            BlockStart::Other { .. } => None,
        };
        let wire_index = block.is_some().then_some(self.next_index);
        self.current = Some(Current { index, wire_index, signature: String::new() });
        if let Some(block) = block {
            let index = self.next_index;
            self.next_index += 1;
            send(out, "content_block_start", json!({ "index": index, "content_block": block }));
            if let Some(json) = input {
                let delta = json!({ "type": "input_json_delta", "partial_json": json });
                send(out, "content_block_delta", json!({ "index": index, "delta": delta }));
            }
        }
    }

    fn write_delta(&mut self, delta: &Delta, out: &mut String) {
        let Some(current) = &mut self.current else { return };
        let Some(index) = current.wire_index else { return };
        let delta = match delta {
            Delta::Text { text } => json!({ "type": "text_delta", "text": text }),
            Delta::Thinking { text } => json!({ "type": "thinking_delta", "thinking": text }),
            Delta::Arguments { json } => {
                json!({ "type": "input_json_delta", "partial_json": json })
            }
            Delta::Signature { signature } => {
                current.signature.push_str(signature);
                return;
            }
        };
        send(out, "content_block_delta", json!({ "index": index, "delta": delta }));
    }
}

/// Writes one event, whose JSON begins with its name as the vendor's does.
fn send(out: &mut String, name: &str, fields: Value) {
    let mut json = json!({ "type": name });
    if let (Some(json), Value::Object(fields)) = (json.as_object_mut(), fields) {
        json.extend(fields);
    }
    out.push_str(&frame(Some(name), &json.to_string()));
}
