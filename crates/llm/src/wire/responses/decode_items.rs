//! A conversation's items, inwards.

use distiq_base::{CacheMark, CacheTtl, Content, Dialect, MarkPlace, Message, Role, SystemBlock};
use serde_json::Value;

use crate::wire::responses::kept::{self, Kept, WithId};
use crate::wire::responses::parts::{self, Part};
use crate::wire::responses::reasoning::Sender;
use crate::wire::responses::{reasoning, tools};
use crate::wire::{MAX_REQUEST_BLOCKS, WireError, field};

/// Gathers items into messages; blocks are counted, so that a body cannot hold them without end.
#[derive(Debug, Default)]
pub(super) struct Items {
    pub system: Vec<SystemBlock>,
    pub messages: Vec<Message>,
    pub marks: Vec<CacheMark>,
    sender: Sender,
    run: Run,
    with_id: WithId,
    blocks: usize,
}

/// What the last message is made of, which the next item may join.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Run {
    /// Nothing joins it.
    #[default]
    Closed,
    /// What the model said and called.
    Answer,
    /// Results of tools.
    Results,
}

impl Items {
    /// Begins a conversation, or the part of one that somebody sends.
    pub(super) fn of(sender: Sender) -> Self {
        Self { sender, ..Self::default() }
    }

    /// Reads `input`: a text, or an array of items.
    pub(super) fn take_input(&mut self, input: &Value) -> Result<(), WireError> {
        match input {
            Value::String(text) => self.push(Role::User, vec![(Content::text(text), None)]),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.take(item, &format!("input[{index}]"))?;
                }
                Ok(())
            }
            _ => Err(WireError::malformed("input", "expected a text or an array of items")),
        }
    }

    /// Reads one item, of a request or of an answer.
    pub(super) fn take(&mut self, item: &Value, at: &str) -> Result<(), WireError> {
        let kind = field::text(item, "type").unwrap_or_else(|| match item.get("role") {
            Some(_) => "message",
            None => "item_reference",
        });
        if !item.is_object() {
            return Err(WireError::malformed(at, "expected an item"));
        }
        match kind {
            "message" => self.message(item, at),
            "reasoning" => {
                if reasoning::is_reference(item) {
                    self.with_id = WithId::Yes;
                }
                self.join(Run::Answer, vec![(reasoning::decode(item, self.sender), None)])
            }
            "function_call" | "custom_tool_call" => self.call(item, kind, at),
            "function_call_output" | "custom_tool_call_output"
                if field::text(item, "call_id").is_some() =>
            {
                self.result(item, kind, at)
            }
            _ => self.keep(item, kind),
        }
    }

    fn message(&mut self, item: &Value, at: &str) -> Result<(), WireError> {
        let role = match field::text(item, "role").unwrap_or_default() {
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "system" | "developer" => Role::System,
            _ => {
                return Err(WireError::malformed(
                    format!("{at}.role"),
                    "expected user, assistant, system or developer",
                ));
            }
        };
        let content = item.get("content").unwrap_or(&Value::Null);
        let parts = parts::decode_all(content, &format!("{at}.content"))?;
        if role == Role::System && self.messages.is_empty() && parts.iter().all(is_text) {
            for part in parts {
                let Content::Text { text } = part.content else { continue };
                if let Some(ttl) = part.mark {
                    self.marks.push(CacheMark { place: MarkPlace::System(self.system.len()), ttl });
                }
                self.system.push(SystemBlock { text });
            }
            return Ok(());
        }
        let fields = kept::fields(item, &["type", "role", "content"], self.with_id);
        let blocks = with_kept(Kept { fields, ..Kept::default() }, parts);
        // Two texts in a row stay two messages, unless what is kept stands between them.
        let kept = blocks.first().is_some_and(|(block, _)| is_kept(block));
        let apart = self.run == Run::Answer && self.ends_in_text();
        let joins = role == Role::Assistant && (kept || !apart);
        if joins {
            return self.join(Run::Answer, blocks);
        }
        self.push(role, blocks)?;
        if role == Role::Assistant {
            self.run = Run::Answer;
        }
        Ok(())
    }

    fn ends_in_text(&self) -> bool {
        let last = self.messages.last().and_then(|message| message.content.last());
        matches!(last, Some(Content::Text { .. }))
    }

    fn call(&mut self, item: &Value, kind: &str, at: &str) -> Result<(), WireError> {
        let need = |key: &str| {
            field::text(item, key)
                .map(str::to_owned)
                .ok_or_else(|| WireError::malformed(format!("{at}.{key}"), "is required"))
        };
        let custom = kind == "custom_tool_call";
        let arguments = if custom {
            tools::input_to_arguments(field::text(item, "input").unwrap_or_default())
        } else {
            field::text(item, "arguments").unwrap_or_default().to_owned()
        };
        let known = ["type", "call_id", "name", "arguments", "input"];
        let fields = kept::fields(item, &known, self.with_id);
        let kept = Kept { fields, custom, ..Kept::default() }.content();
        let call = Content::ToolCall {
            id: need("call_id")?,
            name: need("name")?,
            arguments: if arguments.trim().is_empty() { "{}".to_owned() } else { arguments },
        };
        self.join(Run::Answer, kept.into_iter().chain([call]).map(|block| (block, None)).collect())
    }

    fn result(&mut self, item: &Value, kind: &str, at: &str) -> Result<(), WireError> {
        let output = item.get("output").unwrap_or(&Value::Null);
        let parts = parts::decode_all(output, &format!("{at}.output"))?;
        let mark = parts.iter().rev().find_map(|part| part.mark);
        let kept = Kept {
            fields: kept::fields(item, &["type", "call_id", "output"], WithId::No),
            parts: parts.iter().map(|part| part.rest.clone()).collect(),
            custom: kind == "custom_tool_call_output",
        };
        let result = Content::ToolResult {
            call_id: field::text(item, "call_id").unwrap_or_default().to_owned(),
            content: parts.into_iter().map(|part| part.content).collect(),
            is_error: false,
        };
        let kept = kept.content().map(|kept| (kept, None));
        self.join(Run::Results, kept.into_iter().chain([(result, mark)]).collect())
    }

    /// Keeps an item that the vocabulary lacks, on the side it belongs to.
    fn keep(&mut self, item: &Value, kind: &str) -> Result<(), WireError> {
        let run = match (kind, self.run) {
            ("item_reference" | "compaction_trigger", Run::Closed) => Run::Results,
            ("item_reference" | "compaction_trigger", run) => run,
            ("mcp_approval_response", _) => Run::Results,
            (kind, _) if kind.ends_with("_output") => Run::Results,
            _ => Run::Answer,
        };
        let block = Content::Other { dialect: Dialect::Responses, json: item.clone() };
        self.join(run, vec![(block, None)])
    }

    fn join(
        &mut self,
        run: Run,
        blocks: Vec<(Content, Option<CacheTtl>)>,
    ) -> Result<(), WireError> {
        if self.run == run && !self.messages.is_empty() {
            return self.append(blocks);
        }
        self.push(if run == Run::Answer { Role::Assistant } else { Role::User }, blocks)?;
        self.run = run;
        Ok(())
    }

    fn push(
        &mut self,
        role: Role,
        blocks: Vec<(Content, Option<CacheTtl>)>,
    ) -> Result<(), WireError> {
        self.run = Run::Closed;
        self.messages.push(Message { role, content: Vec::with_capacity(blocks.len()) });
        self.append(blocks)
    }

    fn append(&mut self, blocks: Vec<(Content, Option<CacheTtl>)>) -> Result<(), WireError> {
        // An empty message counts too.
        self.blocks = self.blocks.saturating_add(blocks.len().max(1));
        if self.blocks > MAX_REQUEST_BLOCKS {
            return Err(WireError::TooLarge {
                what: "the number of parts",
                limit: MAX_REQUEST_BLOCKS,
            });
        }
        let at = self.messages.len().saturating_sub(1);
        let Some(message) = self.messages.last_mut() else { return Ok(()) };
        for (block, ttl) in blocks {
            if let Some(ttl) = ttl {
                let place = MarkPlace::Block { message: at, block: message.content.len() };
                self.marks.push(CacheMark { place, ttl });
            }
            message.content.push(block);
        }
        Ok(())
    }
}

const fn is_text(part: &Part) -> bool {
    matches!(part.content, Content::Text { .. })
}

fn is_kept(block: &Content) -> bool {
    matches!(block, Content::Other { json, .. } if Kept::read(json).is_some())
}

/// Returns the blocks of parts, before them what is kept of the item and of each.
fn with_kept(kept: Kept, parts: Vec<Part>) -> Vec<(Content, Option<CacheTtl>)> {
    let kept = Kept { parts: parts.iter().map(|part| part.rest.clone()).collect(), ..kept };
    let kept = kept.content().map(|kept| (kept, None));
    kept.into_iter().chain(parts.into_iter().map(|part| (part.content, part.mark))).collect()
}
