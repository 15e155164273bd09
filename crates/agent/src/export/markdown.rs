//! A session as Markdown.

use std::fmt::Write;

use distiq_base::{Content, Message, Record, Role};

use super::{cost_line, gather, result_text};

/// Exports as Markdown; what was said stays verbatim, calls and results are fenced.
pub fn markdown(records: &[Record]) -> String {
    let export = gather(records);
    let mut text = String::new();
    let id = export.session_id.map_or("", |id| id.as_str());
    let _ = writeln!(text, "# {}\n", export.name.unwrap_or("Session"));
    let _ = writeln!(text, "- Session: `{id}`\n- Project: `{}`", export.root);
    if let Some(started) = export.started {
        let _ = writeln!(text, "- Started: {started}");
    }
    let _ = writeln!(text, "- {}", cost_line(&export.totals));
    for message in export.messages {
        write_message(&mut text, message);
    }
    text
}

fn write_message(text: &mut String, message: &Message) {
    let is_results = message.content.iter().all(|c| matches!(c, Content::ToolResult { .. }));
    if !is_results {
        let who = match message.role {
            Role::User => "User",
            Role::Assistant => "Assistant",
            Role::System => "System",
        };
        let _ = write!(text, "\n## {who}\n");
    }
    for content in &message.content {
        match content {
            Content::Text { text: words } => {
                let _ = write!(text, "\n{words}\n");
            }
            Content::Thinking { text: words, .. } if !words.is_empty() => {
                let _ = write!(text, "\n> {}\n", words.replace('\n', "\n> "));
            }
            Content::ToolCall { name, arguments, .. } => {
                let _ = write!(text, "\n**{name}**\n\n{}", fenced(arguments, "json"));
            }
            Content::ToolResult { content, is_error, .. } => {
                let mark = if *is_error { "Result (failed)" } else { "Result" };
                let _ = write!(text, "\n{mark}:\n\n{}", fenced(&result_text(content), ""));
            }
            Content::Image { .. } => text.push_str("\n[image]\n"),
            Content::Document { .. } => text.push_str("\n[document]\n"),
            Content::Thinking { .. } | Content::RedactedThinking { .. } | Content::Other { .. } => {
            }
        }
    }
}

/// Fences a text with more backticks than it holds in a row (CommonMark 4.5).
fn fenced(text: &str, language: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}{language}\n{}\n{fence}\n", text.trim_end_matches('\n'))
}
