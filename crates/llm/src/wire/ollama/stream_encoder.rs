//! Streamed answers, outwards.

use std::collections::HashMap;

use distiq_base::{BlockStart, Delta, StopReason, StreamEvent, Usage};
use serde_json::{Map, Value, json};

use crate::error::ProviderErrorKind;
use crate::wire::ollama::encode_request::encode_call;
use crate::wire::ollama::{failure, response};

/// Which door the client came through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Endpoint {
    /// `/api/chat`.
    #[default]
    Chat,
    /// `/api/generate`.
    Generate,
}

/// How an answer is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnswerOptions {
    /// Which door the client came through.
    pub endpoint: Endpoint,
    /// When the answer began, as RFC 3339 (`2026-11-21T10:00:00Z`).
    pub created_at: String,
}

impl AnswerOptions {
    /// Returns the fields that every object begins with.
    pub(super) fn head(&self, model: &str) -> Map<String, Value> {
        let mut head = Map::new();
        head.insert("model".into(), model.into());
        head.insert("created_at".into(), self.created_at.as_str().into());
        head
    }
}

/// Writes a stream of objects, one a line; the last one says `done`.
#[derive(Debug, Default)]
pub struct StreamEncoder {
    options: AnswerOptions,
    model: String,
    /// Calls, which go out whole: id, name, arguments.
    calls: HashMap<usize, (String, String, String)>,
    called: usize,
    usage: Option<Usage>,
    stop: Option<StopReason>,
    ended: bool,
}

impl StreamEncoder {
    /// Starts at the beginning of an answer.
    pub fn new(options: AnswerOptions) -> Self {
        Self { options, ..Self::default() }
    }

    /// Returns the bytes that this event adds; the end comes last, so that an answer that is cut
    /// never looks whole.
    pub fn encode(&mut self, event: &StreamEvent) -> String {
        if self.ended {
            return String::new();
        }
        match event {
            StreamEvent::Start { model, .. } => {
                self.model.clone_from(model);
                String::new()
            }
            StreamEvent::BlockStart { index, block: BlockStart::ToolCall { id, name } } => {
                self.calls.insert(*index, (id.clone(), name.clone(), String::new()));
                String::new()
            }
            StreamEvent::BlockStart { .. } => String::new(),
            StreamEvent::BlockDelta { index, delta } => match delta {
                Delta::Text { text } => self.say("content", text),
                Delta::Thinking { text } => self.say("thinking", text),
                Delta::Signature { .. } => String::new(),
                Delta::Arguments { json } => {
                    if let Some((_, _, arguments)) = self.calls.get_mut(index) {
                        arguments.push_str(json);
                    }
                    String::new()
                }
            },
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
        format!("{body}\n")
    }

    fn stop_block(&mut self, index: usize) -> String {
        let Some((id, name, arguments)) = self.calls.remove(&index) else { return String::new() };
        let call = encode_call(&id, &name, &arguments, self.called);
        self.called += 1;
        // Generate has no calls; nobody there can have asked for one.
        let message = json!({ "role": "assistant", "content": "", "tool_calls": [call] });
        match self.options.endpoint {
            Endpoint::Chat => self.line(message, String::new()),
            Endpoint::Generate => String::new(),
        }
    }

    fn say(&self, key: &str, text: &str) -> String {
        match self.options.endpoint {
            Endpoint::Chat => {
                let mut message = Map::new();
                message.insert("role".into(), "assistant".into());
                message.insert("content".into(), "".into());
                message.insert(key.into(), text.into());
                self.line(message.into(), String::new())
            }
            Endpoint::Generate if key == "content" => self.line(Value::Null, text.to_owned()),
            Endpoint::Generate => {
                let mut json = self.options.head(&self.model);
                json.insert("response".into(), "".into());
                json.insert("thinking".into(), text.into());
                json.insert("done".into(), false.into());
                format!("{}\n", Value::Object(json))
            }
        }
    }

    fn line(&self, message: Value, response: String) -> String {
        let mut json = self.options.head(&self.model);
        match self.options.endpoint {
            Endpoint::Chat => json.insert("message".into(), message),
            Endpoint::Generate => json.insert("response".into(), response.into()),
        };
        json.insert("done".into(), false.into());
        format!("{}\n", Value::Object(json))
    }

    fn end(&mut self) -> String {
        let mut open: Vec<usize> = self.calls.keys().copied().collect();
        open.sort_unstable();
        let mut out: String = open.into_iter().map(|index| self.stop_block(index)).collect();
        self.ended = true;
        let default = if self.called > 0 { StopReason::ToolUse } else { StopReason::EndTurn };
        let stop = self.stop.take().unwrap_or(default);
        let mut json = self.options.head(&self.model);
        match self.options.endpoint {
            Endpoint::Chat => {
                json.insert("message".into(), json!({ "role": "assistant", "content": "" }))
            }
            Endpoint::Generate => json.insert("response".into(), "".into()),
        };
        response::close(&mut json, &stop, self.usage.as_ref());
        out.push_str(&format!("{}\n", Value::Object(json)));
        out
    }
}
