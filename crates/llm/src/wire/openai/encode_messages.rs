//! The conversation, outwards.

use std::borrow::Cow;

use distiq_base::{CacheTtl, Content, Dialect, MarkPlace, Message, Request, Role};
use serde_json::{Map, Value, json};

use crate::wire::marks::{MOST_MARKS, Marks};
use crate::wire::openai::content::{self, DETAILS, image_part, join, text_part};
use crate::wire::{PartMarks, Quirks, ToolCallIds, arguments};

/// Returns `messages`, the system prompt first.
///
/// Within a run of user messages all tool results come first, as they must follow their calls; what
/// else a user message holds follows as one message.
pub(super) fn encode(request: &Request, quirks: &Quirks) -> Vec<Value> {
    let marks = match quirks.part_marks {
        PartMarks::Off => Marks::default(),
        _ => Marks::of(request, MOST_MARKS, |place| fits(request, place)),
    };
    let writer = Writer { quirks, marks };
    let mut out: Vec<Value> = writer.system(request).into_iter().collect();
    let mut index = 0;
    for run in request.messages.chunk_by(|a, b| a.role == Role::User && b.role == Role::User) {
        if run.first().is_some_and(|message| message.role == Role::User) {
            for (i, message) in (index..).zip(run) {
                writer.results(i, message, &mut out);
            }
        }
        for (i, message) in (index..).zip(run) {
            out.extend(match message.role {
                Role::System => writer.plain(i, message, writer.system_role()),
                Role::User => writer.plain(i, message, "user"),
                Role::Assistant => writer.assistant(i, message),
            });
        }
        index += run.len();
    }
    out
}

fn fits(request: &Request, place: MarkPlace) -> bool {
    match place {
        MarkPlace::Tool(_) => false,
        MarkPlace::System(index) => request.system.get(index).is_some_and(|s| !s.text.is_empty()),
        MarkPlace::Block { message, block } => {
            let message = request.messages.get(message);
            match message.and_then(|message| message.content.get(block)) {
                Some(Content::Text { text }) => !text.is_empty(),
                Some(Content::Image { .. } | Content::Document { .. }) => true,
                Some(Content::ToolResult { content, .. }) => {
                    content.iter().any(|part| is_text(part) || is_attachment(part))
                }
                _ => false,
            }
        }
    }
}

const fn is_text(part: &Content) -> bool {
    matches!(part, Content::Text { text } if !text.is_empty())
}

const fn is_attachment(part: &Content) -> bool {
    matches!(part, Content::Image { .. } | Content::Document { .. })
}

fn attachment(part: &Content) -> Option<Value> {
    match part {
        Content::Image { source } => Some(image_part(source)),
        Content::Document { source, title, .. } => content::document_part(source, title.as_deref()),
        _ => None,
    }
}

struct Writer<'a> {
    quirks: &'a Quirks,
    marks: Marks,
}

impl Writer<'_> {
    const fn system_role(&self) -> &'static str {
        if self.quirks.developer_role { "developer" } else { "system" }
    }

    fn mark(&self, message: usize, block: usize) -> Option<CacheTtl> {
        self.marks.at(MarkPlace::Block { message, block })
    }

    fn marked(&self, mut part: Value, ttl: Option<CacheTtl>) -> Value {
        content::mark(&mut part, ttl, self.quirks);
        part
    }

    fn id<'i>(&self, id: &'i str) -> Cow<'i, str> {
        match self.quirks.tool_call_ids {
            ToolCallIds::Any => Cow::Borrowed(id),
            ToolCallIds::NineAlphanumeric => Cow::Owned(arguments::nine_alphanumeric(id)),
        }
    }

    fn system(&self, request: &Request) -> Option<Value> {
        let blocks = request.system.iter().enumerate().filter(|(_, block)| !block.text.is_empty());
        let parts: Vec<Value> = blocks
            .map(|(i, block)| {
                self.marked(text_part(&block.text), self.marks.at(MarkPlace::System(i)))
            })
            .collect();
        if parts.is_empty() {
            return None;
        }
        Some(json!({ "role": self.system_role(), "content": join(parts, self.quirks) }))
    }

    /// Writes a message's tool results, each as a message of its own.
    fn results(&self, at: usize, message: &Message, out: &mut Vec<Value>) {
        for (block, part) in message.content.iter().enumerate() {
            let Content::ToolResult { call_id, content, .. } = part else { continue };
            let texts = content.iter().filter_map(|part| match part {
                Content::Text { text } if !text.is_empty() => Some(text_part(text)),
                _ => None,
            });
            let mut parts: Vec<Value> = texts.collect();
            if parts.is_empty() && content.iter().any(is_attachment) {
                let is_image = content.iter().any(|part| matches!(part, Content::Image { .. }));
                let kind = if is_image { "image" } else { "document" };
                parts.push(text_part(&format!("The result is the {kind} below.")));
            }
            let content = match parts.last_mut() {
                Some(last) => {
                    content::mark(last, self.mark(at, block), self.quirks);
                    join(parts, self.quirks)
                }
                None => Value::from(""),
            };
            out.push(json!({
                "role": "tool",
                "tool_call_id": self.id(call_id),
                "content": content,
            }));
        }
    }

    /// Writes a user or system message, less its tool results but with their pictures.
    fn plain(&self, at: usize, message: &Message, role: &str) -> Option<Value> {
        let mut parts = Vec::new();
        for (block, part) in message.content.iter().enumerate() {
            let part = match part {
                Content::Text { text } if !text.is_empty() => text_part(text),
                Content::Image { .. } | Content::Document { .. } if message.role == Role::User => {
                    let Some(part) = attachment(part) else { continue };
                    part
                }
                Content::Other { dialect: Dialect::Openai, json } => json.clone(),
                Content::ToolResult { call_id, content, .. } if message.role == Role::User => {
                    self.result_attachments(call_id, content, &mut parts);
                    continue;
                }
                _ => continue,
            };
            parts.push(self.marked(part, self.mark(at, block)));
        }
        if parts.is_empty() {
            return None;
        }
        Some(json!({ "role": role, "content": join(parts, self.quirks) }))
    }

    /// Adds a result's pictures and documents, under a line that says what they are.
    fn result_attachments(&self, call_id: &str, content: &[Content], parts: &mut Vec<Value>) {
        let mut named = false;
        for part in content {
            let Some(attachment) = attachment(part) else { continue };
            if !std::mem::replace(&mut named, true) {
                let is_image = matches!(part, Content::Image { .. });
                let kind = if is_image { "Image" } else { "Document" };
                parts.push(text_part(&format!("{kind} of tool result {}:", self.id(call_id))));
            }
            parts.push(attachment);
        }
    }

    fn assistant(&self, at: usize, message: &Message) -> Option<Value> {
        let mut parts = Vec::new();
        let mut calls = Vec::new();
        let mut reasoning = String::new();
        let mut details = None;
        for (block, part) in message.content.iter().enumerate() {
            match part {
                Content::Text { text } if !text.is_empty() => {
                    parts.push(self.marked(text_part(text), self.mark(at, block)));
                }
                Content::Thinking { text, .. } => reasoning.push_str(text),
                Content::ToolCall { id, name, arguments } => {
                    calls.push(content::encode_call(&self.id(id), name, arguments).into());
                }
                Content::Other { dialect: Dialect::Openai, json } => match json.get(DETAILS) {
                    Some(list) => details = Some(list.clone()),
                    None if json.get("id").is_some() => calls.push(json.clone()),
                    None => parts.push(json.clone()),
                },
                _ => {}
            }
        }
        if parts.is_empty() && calls.is_empty() {
            return None;
        }
        let mut json = Map::new();
        json.insert("role".into(), "assistant".into());
        let content = if parts.is_empty() { Value::Null } else { join(parts, self.quirks) };
        json.insert("content".into(), content);
        // DeepSeek and Moonshot demand it with tool calls, be it empty, and pass over it elsewhere.
        if self.quirks.replay_reasoning && !calls.is_empty() {
            json.insert("reasoning_content".into(), reasoning.into());
        }
        if let (true, Some(details)) = (self.quirks.reasoning_details, details) {
            json.insert(DETAILS.into(), details);
        }
        if !calls.is_empty() {
            json.insert("tool_calls".into(), calls.into());
        }
        Some(Value::Object(json))
    }
}
