//! A session as a document: Markdown, JSON or HTML.

mod html;
mod markdown;

use distiq_base::{Content, Event, Message, Record, Role, SessionId, Usage};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

pub use html::html;
pub use markdown::markdown;

use crate::sessions::{Totals, totals};

/// The version of the JSON export.
pub const EXPORT_SCHEMA: u32 = 1;

/// A session as JSON exports it.
#[derive(Debug, Serialize)]
pub struct Export<'a> {
    /// The version of this format.
    pub schema: u32,
    /// The session.
    pub session_id: Option<&'a SessionId>,
    /// Its name, where it has one.
    pub name: Option<&'a str>,
    /// The project's root.
    pub root: &'a str,
    /// When it began, UTC.
    pub started: Option<Timestamp>,
    /// What it used and cost.
    pub totals: Totals,
    /// What was said, in order.
    pub messages: Vec<&'a Message>,
    /// Everything that happened, without signs of life and the pieces that a message repeats.
    pub events: Vec<&'a Record>,
}

/// Gathers a session's records into one value.
pub fn gather(records: &[Record]) -> Export<'_> {
    let mut export = Export {
        schema: EXPORT_SCHEMA,
        session_id: None,
        name: None,
        root: "",
        started: None,
        totals: totals(records),
        messages: Vec::new(),
        events: Vec::new(),
    };
    for record in records {
        match &record.event {
            Event::SessionStarted { session_id, root, .. } => {
                export.session_id = Some(session_id);
                export.root = root;
                export.started = Some(record.at);
            }
            Event::Named { name } => export.name = Some(name),
            Event::Message { message } => export.messages.push(message),
            _ => {}
        }
    }
    export.events = without_repetition(records);
    export
}

/// Leaves out the pieces of an answer that came whole; of one that broke off they are all there is.
fn without_repetition(records: &[Record]) -> Vec<&Record> {
    let mut events: Vec<&Record> = Vec::new();
    let mut answer_from = 0;
    for record in records {
        match &record.event {
            Event::Heartbeat { .. } => continue,
            Event::RequestStarted { .. } => answer_from = events.len(),
            Event::Message { message } if message.role == Role::Assistant => {
                let has_thinking =
                    message.content.iter().any(|part| matches!(part, Content::Thinking { .. }));
                let answer = events.split_off(answer_from);
                events.extend(answer.into_iter().filter(|record| match record.event {
                    Event::TextDelta { .. } => false,
                    Event::ThinkingDelta { .. } => !has_thinking,
                    _ => true,
                }));
            }
            _ => {}
        }
        events.push(record);
    }
    events
}

/// Exports as pretty-printed JSON.
pub fn json(records: &[Record]) -> String {
    serde_json::to_string_pretty(&gather(records)).unwrap_or_else(|_| Value::Null.to_string())
}

/// Returns the text of a tool result.
fn result_text(content: &[Content]) -> String {
    content
        .iter()
        .map(|part| match part {
            Content::Text { text } => text.as_str(),
            Content::Image { .. } => "[image]",
            Content::Document { .. } => "[document]",
            _ => "",
        })
        .collect()
}

/// Returns one line of what a session used and cost.
fn cost_line(totals: &Totals) -> String {
    let Usage { output, .. } = totals.usage;
    let cost = if totals.unpriced > 0 {
        format!("{} and {} unpriced requests", totals.cost, totals.unpriced)
    } else {
        totals.cost.to_string()
    };
    format!(
        "{} requests, {} prompt tokens ({} read from cache), {output} answer tokens, {cost}",
        totals.requests,
        totals.usage.prompt(),
        totals.usage.cache_read,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records() -> Vec<Record> {
        let events = vec![
            Event::SessionStarted {
                session_id: SessionId::parse("s-1").unwrap(),
                schema: 1,
                version: "0".into(),
                root: "/p".into(),
                forked_from: None,
            },
            Event::Message { message: Message::user("fix <b> & ```x```") },
            Event::TextDelta { text: "on".into() },
            Event::Message {
                message: Message {
                    role: Role::Assistant,
                    content: vec![
                        Content::text("on it"),
                        Content::ToolCall {
                            id: "c".into(),
                            name: "read".into(),
                            arguments: "{\"path\":\"a\"}".into(),
                        },
                    ],
                },
            },
            Event::Message {
                message: Message {
                    role: Role::User,
                    content: vec![Content::tool_result("c", "````\n</script>", true)],
                },
            },
        ];
        events
            .into_iter()
            .enumerate()
            .map(|(seq, event)| Record { seq: seq as u64, at: Timestamp::UNIX_EPOCH, event })
            .collect()
    }

    #[test]
    fn pieces_of_an_answer_that_broke_off_are_kept() {
        let started = |request: &str| Event::RequestStarted {
            request_id: distiq_base::RequestId::parse(request).unwrap(),
            provider: "p".into(),
            model: "m".into(),
        };
        let whole = Message { role: Role::Assistant, content: vec![Content::text("whole")] };
        let events = [
            started("r-1"),
            Event::TextDelta { text: "bro".into() },
            started("r-2"),
            Event::ThinkingDelta { text: "hm".into() },
            Event::TextDelta { text: "whole".into() },
            Event::Message { message: whole },
        ];
        let records: Vec<Record> = (0..)
            .zip(events)
            .map(|(seq, event)| Record { seq, at: Timestamp::UNIX_EPOCH, event })
            .collect();
        let kept: Vec<u64> = gather(&records).events.iter().map(|record| record.seq).collect();
        assert_eq!(kept, [0, 1, 2, 3, 5]);
    }

    #[test]
    fn json_has_messages_and_no_pieces() {
        let json: Value = serde_json::from_str(&json(&records())).unwrap();
        assert_eq!(json["session_id"], "s-1");
        assert_eq!(json["messages"].as_array().unwrap().len(), 3);
        assert_eq!(json["events"].as_array().unwrap().len(), 4);
    }

    #[test]
    fn markdown_fences_are_longer_than_what_they_hold() {
        let text = markdown(&records());
        assert!(text.contains("`````\n````\n</script>\n`````"), "{text}");
        assert!(text.contains("fix <b> & ```x```"));
    }

    #[test]
    fn html_escapes_everything() {
        let text = html(&records());
        assert!(text.contains("fix &lt;b&gt; &amp;"));
        assert!(!text.contains("</script>"));
    }
}
