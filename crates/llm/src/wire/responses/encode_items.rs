//! A conversation's items, outwards.

use std::borrow::Cow;

use distiq_base::{Content, Dialect, MarkPlace, Message, Request, Role};
use serde_json::{Map, Value, json};

use crate::wire::marks::{MOST_MARKS, Marks};
use crate::wire::responses::kept::Kept;
use crate::wire::responses::parts::{self, Side};
use crate::wire::responses::{reasoning, tools};
use crate::wire::{PartMarks, Quirks, ToolCallIds, arguments};

/// The longest id of a call that the vendor takes.
const MAX_CALL_ID_BYTES: usize = 64;

/// Returns `input`. What of the system prompt is not in `instructions` comes first.
pub(super) fn encode(request: &Request, system_from: usize, quirks: &Quirks) -> Vec<Value> {
    let marks = match quirks.part_marks {
        PartMarks::Breakpoint => {
            Marks::of(request, MOST_MARKS, |place| fits(request, system_from, place))
        }
        PartMarks::Off | PartMarks::CacheControl => Marks::default(),
    };
    let stored = matches!(&request.extra, Some((Dialect::Responses, extra))
        if extra.get("store").and_then(Value::as_bool) != Some(false));
    let writer = Writer { quirks, marks, stored };
    let mut out = Vec::new();
    for (index, block) in request.system.iter().enumerate().skip(system_from) {
        if let Some(mut part) = parts::encode(&Content::text(&block.text), None, Side::Input) {
            parts::mark(&mut part, writer.marks.at(MarkPlace::System(index)));
            let mut item = writer.open(Role::System);
            item.insert("content".into(), json!([part]));
            out.push(Value::Object(item));
        }
    }
    for (index, message) in request.messages.iter().enumerate() {
        writer.message(index, message, &mut out);
    }
    out
}

fn fits(request: &Request, system_from: usize, place: MarkPlace) -> bool {
    match place {
        MarkPlace::Tool(_) => false,
        MarkPlace::System(index) => {
            index >= system_from && request.system.get(index).is_some_and(|s| !s.text.is_empty())
        }
        MarkPlace::Block { message, block } => {
            let message = request.messages.get(message);
            let side = match message.map(|message| message.role) {
                Some(Role::Assistant) => return false,
                _ => Side::Input,
            };
            match message.and_then(|message| message.content.get(block)) {
                Some(Content::ToolResult { content, .. }) => {
                    content.iter().any(|part| parts::encode(part, None, side).is_some())
                }
                Some(content) => parts::encode(content, None, side).is_some(),
                None => false,
            }
        }
    }
}

struct Writer<'a> {
    quirks: &'a Quirks,
    marks: Marks,
    /// The vendor keeps the conversation, so that an id alone may stand for reasoning.
    stored: bool,
}

/// One message on its way into items.
#[derive(Default)]
struct Draft {
    /// Results, which go before all else.
    results: Vec<Value>,
    rest: Vec<Value>,
    /// Reasoning that waits for the item that must follow it.
    reasoning: Vec<Value>,
    /// A message item that is open for parts, with what is kept of it.
    open: Option<(Map<String, Value>, Vec<Value>)>,
    kept: Kept,
    /// What is kept came with the last block, so that it is of the next.
    fresh: bool,
    /// How many parts the open item has.
    parts: usize,
}

impl Draft {
    fn push(&mut self, item: Value) {
        self.close();
        self.rest.append(&mut self.reasoning);
        self.rest.push(item);
    }

    fn close(&mut self) {
        let kept = std::mem::take(&mut self.kept);
        self.parts = 0;
        let Some((mut item, parts)) = self.open.take() else { return };
        item.insert("content".into(), parts.into());
        kept.put(&mut item);
        self.rest.append(&mut self.reasoning);
        self.rest.push(Value::Object(item));
    }

    /// Closes what is open and returns what is kept of the item that comes.
    fn next(&mut self, fresh: bool) -> Kept {
        let kept = if fresh { std::mem::take(&mut self.kept) } else { Kept::default() };
        self.close();
        kept
    }
}

impl Writer<'_> {
    fn open(&self, role: Role) -> Map<String, Value> {
        let role = match role {
            Role::System if self.quirks.developer_role => "developer",
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        let mut item = Map::new();
        item.insert("type".into(), "message".into());
        item.insert("role".into(), role.into());
        item
    }

    fn id<'i>(&self, id: &'i str) -> Cow<'i, str> {
        match self.quirks.tool_call_ids {
            ToolCallIds::NineAlphanumeric => Cow::Owned(arguments::nine_alphanumeric(id)),
            ToolCallIds::Any if id.len() > MAX_CALL_ID_BYTES => {
                Cow::Owned(arguments::generated_id(id, 0))
            }
            ToolCallIds::Any => Cow::Borrowed(id),
        }
    }

    fn message(&self, at: usize, message: &Message, out: &mut Vec<Value>) {
        let mut draft = Draft::default();
        for (block, content) in message.content.iter().enumerate() {
            self.block(content, MarkPlace::Block { message: at, block }, message.role, &mut draft);
        }
        draft.close();
        // Reasoning with nothing behind it is refused, so what still waits is left out.
        out.append(&mut draft.results);
        out.append(&mut draft.rest);
    }

    fn block(&self, content: &Content, place: MarkPlace, role: Role, draft: &mut Draft) {
        let fresh = std::mem::take(&mut draft.fresh);
        match content {
            Content::Other { dialect: Dialect::Responses, json } => {
                if let Some(kept) = Kept::read(json) {
                    draft.close();
                    (draft.kept, draft.fresh) = (kept, true);
                } else if parts::is_part(json) {
                    self.part(content, place, role, draft);
                } else {
                    draft.push(json.clone());
                }
            }
            Content::Thinking { text, signature } if role == Role::Assistant => {
                let item = reasoning::encode_for_vendor(text, signature.as_deref(), self.stored);
                draft.close();
                draft.reasoning.extend(item);
            }
            Content::ToolCall { id, name, arguments } if role == Role::Assistant => {
                let kept = draft.next(fresh);
                draft.push(self.call(&kept, id, name, arguments));
            }
            Content::ToolResult { call_id, content, .. } if role == Role::User => {
                let kept = draft.next(fresh);
                draft.results.push(self.result(&kept, call_id, content, place));
            }
            Content::Text { .. } | Content::Image { .. } | Content::Document { .. } => {
                self.part(content, place, role, draft);
            }
            _ => {}
        }
    }

    fn part(&self, content: &Content, place: MarkPlace, role: Role, draft: &mut Draft) {
        let side = if role == Role::Assistant { Side::Output } else { Side::Input };
        let part = parts::encode(content, draft.kept.part(draft.parts), side);
        draft.parts += 1;
        let Some(mut part) = part else { return };
        parts::mark(&mut part, self.marks.at(place));
        let (_, parts) = draft.open.get_or_insert_with(|| (self.open(role), Vec::new()));
        parts.push(Value::Object(part));
    }

    fn call(&self, kept: &Kept, id: &str, name: &str, arguments: &str) -> Value {
        let mut item = call_item(kept.custom, &self.id(id), name, arguments);
        kept.put(&mut item);
        Value::Object(item)
    }

    /// Writes a tool's result: a text as a text, anything else as parts. With cache marks results
    /// are always parts, so that a mark changes no shape.
    fn result(&self, kept: &Kept, call_id: &str, content: &[Content], place: MarkPlace) -> Value {
        let encoded = content.iter().enumerate();
        let mut parts: Vec<Map<String, Value>> = encoded
            .filter_map(|(index, part)| parts::encode(part, kept.part(index), Side::Input))
            .collect();
        if let Some(last) = parts.last_mut() {
            parts::mark(last, self.marks.at(place));
        }
        let plain = self.quirks.part_marks != PartMarks::Breakpoint && kept.parts.is_empty();
        let output = match (parts.as_slice(), content) {
            ([], _) => Value::from(""),
            ([_], [Content::Text { text }]) if plain => Value::from(text.as_str()),
            _ => parts.into_iter().map(Value::Object).collect(),
        };
        let kind = if kept.custom { "custom_tool_call_output" } else { "function_call_output" };
        let mut item = Map::new();
        item.insert("type".into(), kind.into());
        item.insert("call_id".into(), self.id(call_id).as_ref().into());
        item.insert("output".into(), output);
        kept.put(&mut item);
        Value::Object(item)
    }
}

/// Returns the item of a call, without its own id.
pub(super) fn call_item(custom: bool, id: &str, name: &str, arguments: &str) -> Map<String, Value> {
    let mut item = Map::new();
    item.insert("type".into(), if custom { "custom_tool_call" } else { "function_call" }.into());
    item.insert("call_id".into(), id.into());
    item.insert("name".into(), name.into());
    if custom {
        item.insert("input".into(), tools::arguments_to_input(arguments).into());
    } else {
        let arguments = if arguments.trim().is_empty() { "{}" } else { arguments };
        item.insert("arguments".into(), arguments.into());
    }
    item
}
