//! Streamed answers, outwards.

use std::collections::HashMap;

use distiq_base::{BlockStart, Delta, Dialect, StopReason, StreamEvent, Usage};
use serde_json::{Map, Value, json};

use crate::error::ProviderErrorKind;
use crate::wire::gemini::content::{self, CANDIDATE};
use crate::wire::gemini::{failure, response, usage};
use crate::wire::signature::{self, Place};
use crate::wire::sse::frame;

/// How a client asked for its stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StreamForm {
    /// `?alt=sse`: server-sent events.
    #[default]
    Sse,
    /// Without: one JSON array, an element at a time.
    Array,
}

impl StreamForm {
    /// Returns the content type of the answer.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Sse => "text/event-stream",
            Self::Array => "application/json; charset=UTF-8",
        }
    }
}

/// Writes a stream of chunks; the finish reason and usage come at the end, so that an answer that is
/// cut never looks whole.
#[derive(Debug, Default)]
pub struct StreamEncoder {
    form: StreamForm,
    id: String,
    model: String,
    blocks: HashMap<usize, Block>,
    /// A signature for the text or call that follows.
    pending: Option<String>,
    candidate: Map<String, Value>,
    usage: Option<Usage>,
    stop: Option<StopReason>,
    called_tool: bool,
    written: bool,
    ended: bool,
}

#[derive(Debug)]
enum Block {
    Text,
    Thinking {
        signature: String,
    },
    /// A call, which goes out whole.
    Call {
        id: String,
        name: String,
        arguments: String,
        signature: Option<String>,
    },
}

impl StreamEncoder {
    /// Starts at the beginning of an answer.
    pub fn new(form: StreamForm) -> Self {
        Self { form, ..Self::default() }
    }

    /// Returns the bytes that this event adds.
    pub fn encode(&mut self, event: &StreamEvent) -> String {
        if self.ended {
            return String::new();
        }
        match event {
            StreamEvent::Start { id, model } => {
                self.id.clone_from(id);
                self.model.clone_from(model);
                String::new()
            }
            StreamEvent::BlockStart { index, block } => self.start_block(*index, block),
            StreamEvent::BlockDelta { index, delta } => self.grow_block(*index, delta),
            StreamEvent::BlockStop { index } => self.stop_block(*index),
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

    /// Returns the bytes that tell a client that the answer failed; nothing follows them.
    pub fn error(&mut self, kind: ProviderErrorKind, message: &str) -> String {
        self.ended = true;
        let (_, body) = failure::encode_error(kind, message);
        let mut out = self.send(&body);
        if self.form == StreamForm::Array {
            out.push_str("\r\n]");
        }
        out
    }

    fn start_block(&mut self, index: usize, block: &BlockStart) -> String {
        match block {
            BlockStart::Text => {
                self.blocks.insert(index, Block::Text);
            }
            BlockStart::Thinking => {
                self.blocks.insert(index, Block::Thinking { signature: String::new() });
            }
            BlockStart::ToolCall { id, name } => {
                self.called_tool = true;
                let (id, name) = (id.clone(), name.clone());
                let signature = self.pending.take();
                let call = Block::Call { id, name, arguments: String::new(), signature };
                self.blocks.insert(index, call);
            }
            BlockStart::RedactedThinking { data } => return self.part(content::redacted(data)),
            BlockStart::Other { dialect: Dialect::Gemini, json } => match json.get(CANDIDATE) {
                Some(Value::Object(more)) => self.candidate.extend(more.clone()),
                _ => {
                    let flushed = self.flush();
                    return flushed + &self.part(json.clone());
                }
            },
            BlockStart::Other { .. } => {}
        }
        String::new()
    }

    fn grow_block(&mut self, index: usize, delta: &Delta) -> String {
        match (self.blocks.get_mut(&index), delta) {
            (_, Delta::Text { text }) => {
                let mut part = json!({ "text": text });
                sign(&mut part, self.pending.take());
                self.part(part)
            }
            (_, Delta::Thinking { text }) => {
                let flushed = self.flush();
                flushed + &self.part(content::thought(text, ""))
            }
            (Some(Block::Thinking { signature }), Delta::Signature { signature: piece }) => {
                signature.push_str(piece);
                String::new()
            }
            (Some(Block::Call { arguments, .. }), Delta::Arguments { json }) => {
                arguments.push_str(json);
                String::new()
            }
            _ => String::new(),
        }
    }

    fn stop_block(&mut self, index: usize) -> String {
        match self.blocks.remove(&index) {
            Some(Block::Call { id, name, arguments, signature }) => {
                let mut part = content::encode_call(&id, &name, &arguments);
                sign(&mut part, signature);
                self.part(part)
            }
            Some(Block::Thinking { signature }) if !signature.is_empty() => {
                match signature::gemini(&signature) {
                    Some((Place::Own, "")) => String::new(),
                    Some((Place::Own, own)) => self.part(content::thought("", own)),
                    Some((Place::Alone, own)) => {
                        let flushed = self.flush();
                        flushed + &self.part(json!({ "text": "", "thoughtSignature": own }))
                    }
                    Some((Place::Next, own)) => {
                        let flushed = self.flush();
                        self.pending = Some(own.to_owned());
                        flushed
                    }
                    None => self.part(content::thought("", &signature::wrap(&signature))),
                }
            }
            _ => String::new(),
        }
    }

    /// Writes a signature that nothing followed.
    fn flush(&mut self) -> String {
        match self.pending.take() {
            Some(signature) => self.part(json!({ "text": "", "thoughtSignature": signature })),
            None => String::new(),
        }
    }

    fn end(&mut self) -> String {
        let mut open: Vec<usize> = self.blocks.keys().copied().collect();
        open.sort_unstable();
        let mut out: String = open.into_iter().map(|index| self.stop_block(index)).collect();
        out.push_str(&self.flush());
        self.ended = true;
        let default = if self.called_tool { StopReason::ToolUse } else { StopReason::EndTurn };
        let stop = self.stop.take().unwrap_or(default);
        let mut candidate = json!({
            "content": { "parts": [{ "text": "" }], "role": "model" },
            "finishReason": response::encode_stop(&stop),
            "index": 0,
        });
        if let Some(fields) = candidate.as_object_mut() {
            fields.extend(std::mem::take(&mut self.candidate));
        }
        out.push_str(&self.chunk(candidate, true));
        if self.form == StreamForm::Array {
            out.push_str("\r\n]");
        }
        out
    }

    fn part(&mut self, part: Value) -> String {
        let candidate = json!({ "content": { "parts": [part], "role": "model" }, "index": 0 });
        self.chunk(candidate, false)
    }

    fn chunk(&mut self, candidate: Value, last: bool) -> String {
        let mut chunk = Map::new();
        chunk.insert("candidates".into(), json!([candidate]));
        if let (true, Some(usage)) = (last, &self.usage) {
            chunk.insert("usageMetadata".into(), usage::encode(usage));
        }
        chunk.insert("modelVersion".into(), self.model.as_str().into());
        chunk.insert("responseId".into(), self.id.as_str().into());
        self.send(&Value::Object(chunk))
    }

    fn send(&mut self, json: &Value) -> String {
        let first = !std::mem::replace(&mut self.written, true);
        match (self.form, first) {
            (StreamForm::Sse, _) => frame(None, &json.to_string()),
            (StreamForm::Array, true) => format!("[{json}"),
            (StreamForm::Array, false) => format!(",\r\n{json}"),
        }
    }
}

fn sign(part: &mut Value, signature: Option<String>) {
    if let (Some(signature), Some(fields)) = (signature, part.as_object_mut()) {
        fields.insert("thoughtSignature".into(), signature.into());
    }
}
