//! Streamed answers, outwards.

use std::collections::{HashMap, HashSet};

use distiq_base::{BlockStart, Delta, Dialect, StopReason, StreamEvent, Usage};
use serde_json::{Map, Value, json};

use crate::error::ProviderErrorKind;
use crate::wire::openai::content::DETAILS;
use crate::wire::openai::{custom, failure, response, usage};
use crate::wire::sse::frame;

/// How a client asked for its stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamOptions {
    /// `stream_options.include_usage`: a last chunk without choices tells the usage.
    pub include_usage: bool,
    /// When the answer began, in seconds since 1970.
    pub created: i64,
}

/// Writes a stream of chunks that ends in `[DONE]`.
#[derive(Debug, Default)]
pub struct StreamEncoder {
    options: StreamOptions,
    id: String,
    model: String,
    /// Block index to the index among tool calls.
    calls: HashMap<usize, usize>,
    /// Tools that take free text.
    custom: HashSet<String>,
    /// Their calls as far as they have come, by block.
    gathered: HashMap<usize, String>,
    usage: Option<Usage>,
    stop: Option<StopReason>,
    ended: bool,
}

impl StreamEncoder {
    /// Starts at the beginning of an answer.
    pub fn new(options: StreamOptions) -> Self {
        Self { options, ..Self::default() }
    }

    /// Writes calls of these tools as calls with free text, each in one piece.
    pub fn with_custom(mut self, names: HashSet<String>) -> Self {
        self.custom = names;
        self
    }

    /// Returns the bytes that this event adds; the finish reason and usage come at the end, so that
    /// an answer that is cut never looks whole.
    pub fn encode(&mut self, event: &StreamEvent) -> String {
        if self.ended {
            return String::new();
        }
        match event {
            StreamEvent::Start { id, model } => {
                self.id.clone_from(id);
                self.model.clone_from(model);
                self.delta(json!({ "role": "assistant", "content": "" }))
            }
            StreamEvent::BlockStart { index, block } => self.start_block(*index, block),
            StreamEvent::BlockDelta { index, delta } => match delta {
                Delta::Text { text } => self.delta(json!({ "content": text })),
                Delta::Thinking { text } => self.delta(json!({ "reasoning_content": text })),
                Delta::Signature { .. } => String::new(),
                Delta::Arguments { json } if self.gathered.contains_key(index) => {
                    self.gathered.entry(*index).or_default().push_str(json);
                    String::new()
                }
                Delta::Arguments { json } => match self.calls.get(index) {
                    Some(call) => self.delta(json!({ "tool_calls": [
                        { "index": call, "function": { "arguments": json } }
                    ]})),
                    None => String::new(),
                },
            },
            StreamEvent::BlockStop { index } => match self.gathered.remove(index) {
                Some(arguments) => {
                    let input = custom::input(&arguments);
                    let call = self.calls.get(index);
                    self.delta(json!({ "tool_calls": [
                        { "index": call, "custom": { "input": input } }
                    ]}))
                }
                None => String::new(),
            },
            StreamEvent::Usage { usage } => {
                self.usage = Some(*usage);
                String::new()
            }
            StreamEvent::Stop { reason } => {
                self.stop = Some(reason.clone());
                String::new()
            }
            StreamEvent::End => self.end(),
        }
    }

    /// Returns the bytes that tell a client that the answer failed; nothing follows them, `[DONE]`
    /// least of all.
    pub fn error(&mut self, kind: ProviderErrorKind, message: &str) -> String {
        self.ended = true;
        let (_, body) = failure::encode_error(kind, message);
        frame(None, &body.to_string())
    }

    fn start_block(&mut self, index: usize, block: &BlockStart) -> String {
        match block {
            BlockStart::ToolCall { id, name } => {
                let call = self.calls.len();
                self.calls.insert(index, call);
                if self.custom.contains(name) {
                    self.gathered.insert(index, String::new());
                    return self.delta(json!({ "tool_calls": [{
                        "index": call,
                        "id": id,
                        "type": "custom",
                        "custom": { "name": name, "input": "" },
                    }]}));
                }
                self.delta(json!({ "tool_calls": [{
                    "index": call,
                    "id": id,
                    "type": "function",
                    "function": { "name": name, "arguments": "" },
                }]}))
            }
            BlockStart::Other { dialect: Dialect::Openai, json } => match json.get(DETAILS) {
                Some(details) => self.delta(json!({ DETAILS: details })),
                None => String::new(),
            },
            _ => String::new(),
        }
    }

    fn end(&mut self) -> String {
        self.ended = true;
        let default = if self.calls.is_empty() { StopReason::EndTurn } else { StopReason::ToolUse };
        let stop = self.stop.take().unwrap_or(default);
        let mut out = self.chunk(
            json!([{
                "index": 0,
                "delta": {},
                "logprobs": null,
                "finish_reason": response::encode_stop(&stop),
            }]),
            None,
        );
        if let (true, Some(usage)) = (self.options.include_usage, self.usage) {
            out.push_str(&self.chunk(json!([]), Some(&usage)));
        }
        out.push_str(&frame(None, "[DONE]"));
        out
    }

    fn delta(&self, delta: Value) -> String {
        let choice = json!({ "index": 0, "delta": delta, "logprobs": null, "finish_reason": null });
        self.chunk(json!([choice]), None)
    }

    fn chunk(&self, choices: Value, usage: Option<&Usage>) -> String {
        let mut chunk = Map::new();
        chunk.insert("id".into(), self.id.as_str().into());
        chunk.insert("object".into(), "chat.completion.chunk".into());
        chunk.insert("created".into(), self.options.created.into());
        chunk.insert("model".into(), self.model.as_str().into());
        chunk.insert("choices".into(), choices);
        if self.options.include_usage {
            chunk.insert("usage".into(), usage.map_or(Value::Null, usage::encode));
        }
        frame(None, &Value::Object(chunk).to_string())
    }
}
