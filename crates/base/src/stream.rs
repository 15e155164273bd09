//! A model's answer, as it comes and as a whole.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::message::{Content, Dialect, Message, Role};
use crate::usage::Usage;

/// One step of an answer. The order is `Start`, then per block `BlockStart`, `BlockDelta`…,
/// `BlockStop` (blocks may interleave), `Usage` at any time, `Stop`, `End`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum StreamEvent {
    /// The answer begins.
    Start {
        /// The vendor's id of the answer.
        id: String,
        /// The model that answers, as the vendor names it.
        model: String,
    },
    /// A block begins; indices count from 0 and are never reused within an answer.
    BlockStart {
        /// Which block.
        index: usize,
        /// What it is.
        block: BlockStart,
    },
    /// A block grows.
    BlockDelta {
        /// Which block.
        index: usize,
        /// By what.
        delta: Delta,
    },
    /// A block is complete.
    BlockStop {
        /// Which block.
        index: usize,
    },
    /// The vendor's count so far; each report stands for the whole request and replaces the last.
    Usage {
        /// The count.
        usage: Usage,
    },
    /// Why the answer ended.
    Stop {
        /// The reason.
        reason: StopReason,
    },
    /// The vendor's end mark; an answer without it was cut.
    End,
}

/// What a block is, as far as its first event tells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum BlockStart {
    Text,
    Thinking,
    RedactedThinking { data: String },
    ToolCall { id: String, name: String },
    Other { dialect: Dialect, json: Value },
}

/// What a block grows by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Delta {
    Text { text: String },
    Thinking { text: String },
    Signature { signature: String },
    Arguments { json: String },
}

/// Why an answer ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// The model was done.
    EndTurn,
    /// The model called tools.
    ToolUse,
    /// The token limit cut it.
    MaxTokens,
    /// A stop text was met.
    StopSequence,
    /// The vendor refused.
    Refusal,
    /// A long server-side turn paused; send it again to go on.
    PauseTurn,
    /// The model's context window is full.
    ContextWindow,
    /// Another reason, verbatim.
    Other(String),
}

/// A whole answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Response {
    /// The vendor's id.
    pub id: String,
    /// The model that answered.
    pub model: String,
    /// The answer's blocks.
    pub content: Vec<Content>,
    /// Why it ended.
    pub stop: StopReason,
    /// Its count, where the vendor told one.
    pub usage: Option<Usage>,
}

impl Response {
    /// Returns the answer as the message that goes into the history.
    pub fn into_message(self) -> Message {
        Message { role: Role::Assistant, content: self.content }
    }
}

/// Builds a whole answer from its events; linear in their size.
#[derive(Clone, Debug, Default)]
pub struct Assembler {
    id: String,
    model: String,
    blocks: Vec<(usize, Content)>,
    stop: Option<StopReason>,
    usage: Option<Usage>,
    ended: bool,
}

impl Assembler {
    /// Takes one event in; deltas for unknown blocks are passed over.
    pub fn push(&mut self, event: &StreamEvent) {
        match event {
            StreamEvent::Start { id, model } => {
                self.id.clone_from(id);
                self.model.clone_from(model);
            }
            StreamEvent::BlockStart { index, block } => {
                self.blocks.push((*index, begin(block)));
            }
            StreamEvent::BlockDelta { index, delta } => {
                if let Some((_, content)) = self.blocks.iter_mut().rev().find(|(i, _)| i == index) {
                    grow(content, delta);
                }
            }
            StreamEvent::BlockStop { .. } => {}
            StreamEvent::Usage { usage } => self.usage = Some(*usage),
            StreamEvent::Stop { reason } => self.stop = Some(reason.clone()),
            StreamEvent::End => self.ended = true,
        }
    }

    /// Tells whether the vendor's end mark came.
    pub const fn is_complete(&self) -> bool {
        self.ended
    }

    /// Returns the count so far.
    pub const fn usage(&self) -> Option<Usage> {
        self.usage
    }

    /// Returns what has come, complete or not; blocks are in the order of their start.
    pub fn into_response(self) -> Response {
        let content = self.blocks.into_iter().map(|(_, content)| finish(content)).collect();
        Response {
            id: self.id,
            model: self.model,
            content,
            stop: self.stop.unwrap_or(StopReason::EndTurn),
            usage: self.usage,
        }
    }
}

fn begin(block: &BlockStart) -> Content {
    match block {
        BlockStart::Text => Content::text(""),
        BlockStart::Thinking => Content::Thinking { text: String::new(), signature: None },
        BlockStart::RedactedThinking { data } => Content::RedactedThinking { data: data.clone() },
        BlockStart::ToolCall { id, name } => {
            Content::ToolCall { id: id.clone(), name: name.clone(), arguments: String::new() }
        }
        BlockStart::Other { dialect, json } => {
            Content::Other { dialect: *dialect, json: json.clone() }
        }
    }
}

fn grow(content: &mut Content, delta: &Delta) {
    match (content, delta) {
        (Content::Text { text }, Delta::Text { text: more })
        | (Content::Thinking { text, .. }, Delta::Thinking { text: more }) => text.push_str(more),
        (Content::Thinking { signature, .. }, Delta::Signature { signature: more }) => {
            signature.get_or_insert_default().push_str(more);
        }
        (Content::ToolCall { arguments, .. }, Delta::Arguments { json }) => {
            arguments.push_str(json);
        }
        _ => {}
    }
}

fn finish(content: Content) -> Content {
    match content {
        Content::ToolCall { id, name, arguments } if arguments.trim().is_empty() => {
            Content::ToolCall { id, name, arguments: "{}".to_owned() }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assembles_interleaved_blocks() {
        let call = |index, id: &str| StreamEvent::BlockStart {
            index,
            block: BlockStart::ToolCall { id: id.into(), name: "read".into() },
        };
        let json = |index, json: &str| StreamEvent::BlockDelta {
            index,
            delta: Delta::Arguments { json: json.into() },
        };
        let mut assembler = Assembler::default();
        for event in [
            StreamEvent::Start { id: "m".into(), model: "x".into() },
            call(0, "a"),
            call(1, "b"),
            json(0, "{\"p\""),
            json(1, ""),
            json(0, ":1}"),
            StreamEvent::Stop { reason: StopReason::ToolUse },
        ] {
            assembler.push(&event);
        }
        assert!(!assembler.is_complete());
        let message = assembler.into_response().into_message();
        let calls: Vec<_> = message.tool_calls().collect();
        assert_eq!(calls, [("a", "read", "{\"p\":1}"), ("b", "read", "{}")]);
    }
}
