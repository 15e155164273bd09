//! A session as one HTML page: no scripts, nothing fetched, everything escaped.

use std::fmt::Write;

use distiq_base::{Content, Message, Record, Role};

use super::{cost_line, gather, result_text};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;\
color:#1a1a1a;background:#fff}section{border-left:4px solid #bbb;padding:.2rem 1rem;margin:1rem 0}\
.user{border-color:#0072b2}.assistant{border-color:#009e73}pre{background:#f4f4f4;padding:.6rem;\
overflow:auto;white-space:pre-wrap;overflow-wrap:anywhere}summary{cursor:pointer}.failed{color:#a33}\
@media(prefers-color-scheme:dark){body{color:#ddd;background:#161616}pre{background:#222}}";

/// Exports as HTML.
pub fn html(records: &[Record]) -> String {
    let export = gather(records);
    let id = export.session_id.map_or("", |id| id.as_str());
    let title = escape(export.name.unwrap_or("Session"));
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; \
         img-src data:\"><title>{title}</title><style>{STYLE}</style></head><body>\n<h1>{title}</h1>\n"
    );
    let _ = writeln!(
        page,
        "<p>Session <code>{}</code>, project <code>{}</code><br>{}</p>",
        escape(id),
        escape(export.root),
        escape(&cost_line(&export.totals)),
    );
    for message in export.messages {
        write_message(&mut page, message);
    }
    page.push_str("</body></html>\n");
    page
}

fn write_message(page: &mut String, message: &Message) {
    let (class, who) = match message.role {
        Role::User => ("user", "User"),
        Role::Assistant => ("assistant", "Assistant"),
        Role::System => ("system", "System"),
    };
    let is_results = message.content.iter().all(|c| matches!(c, Content::ToolResult { .. }));
    let who = if is_results { "Tools" } else { who };
    let _ = writeln!(page, "<section class=\"{class}\"><h2>{who}</h2>");
    for content in &message.content {
        match content {
            Content::Text { text } => {
                let _ = writeln!(page, "<pre>{}</pre>", escape(text));
            }
            Content::Thinking { text, .. } if !text.is_empty() => {
                folded(page, "Reasoning", text, "");
            }
            Content::ToolCall { name, arguments, .. } => folded(page, name, arguments, ""),
            Content::ToolResult { content, is_error, .. } => {
                let (title, class) = if *is_error {
                    ("Result (failed)", " class=\"failed\"")
                } else {
                    ("Result", "")
                };
                folded(page, title, &result_text(content), class);
            }
            Content::Image { .. } => page.push_str("<p>[image]</p>\n"),
            Content::Document { .. } => page.push_str("<p>[document]</p>\n"),
            Content::Thinking { .. } | Content::RedactedThinking { .. } | Content::Other { .. } => {
            }
        }
    }
    page.push_str("</section>\n");
}

fn folded(page: &mut String, title: &str, text: &str, class: &str) {
    let _ = writeln!(
        page,
        "<details><summary{class}>{}</summary><pre>{}</pre></details>",
        escape(title),
        escape(text)
    );
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + text.len() / 8);
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // Bidi overrides and controls could make a page show what was not said.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => escaped.push('\u{fffd}'),
            c if c.is_control() && c != '\n' && c != '\t' => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}
