//! The newest messages, which stay as they are.

use distiq_base::{Content, Message, Role};

use super::notes;

/// Returns where the tail begins: as far back as fits, at the beginning of an exchange. The newest
/// exchange is always in it.
pub fn start(messages: &[Message], most_tokens: u64, count: &dyn Fn(&[Message]) -> u64) -> usize {
    let begins = |at: &usize| messages.get(*at).is_some_and(begins_an_exchange);
    let mut starts = (0..messages.len()).rev().filter(begins);
    let Some(mut best) = starts.next() else { return 0 };
    let mut tokens = count(messages.get(best..).unwrap_or_default());
    for start in starts {
        tokens += count(messages.get(start..best).unwrap_or_default());
        if tokens > most_tokens {
            break;
        }
        best = start;
    }
    best
}

/// Results of tools belong to the answer before them.
fn begins_an_exchange(message: &Message) -> bool {
    match message.role {
        Role::Assistant => true,
        _ => !message.content.iter().any(|content| matches!(content, Content::ToolResult { .. })),
    }
}

/// Returns the tail as it is sent on: without reasoning, which vendors bind to the conversation that is
/// no more, and with results cut that are too long. Tells whether any was.
pub fn fit(messages: &[Message], result_bytes: usize) -> (Vec<Message>, bool) {
    let mut cut = false;
    let mut fitted = Vec::with_capacity(messages.len());
    for message in messages {
        let mut message = message.clone();
        message.content.retain(|content| !is_reasoning(content));
        for content in &mut message.content {
            let Content::ToolResult { content, .. } = content else { continue };
            for part in content {
                if let Content::Text { text } = part
                    && text.len() > result_bytes
                {
                    *text = shorten(text, result_bytes);
                    cut = true;
                }
            }
        }
        if !message.content.is_empty() {
            fitted.push(message);
        }
    }
    (fitted, cut)
}

fn shorten(text: &str, most: usize) -> String {
    let (head, tail) = notes::ends(text, most);
    let left_out = text.len() - head.len() - tail.len();
    format!("{head}\n{}{left_out} bytes left out]\n{tail}", notes::LEFT_OUT)
}

fn is_reasoning(content: &Content) -> bool {
    match content {
        Content::Thinking { .. } | Content::RedactedThinking { .. } => true,
        Content::Other { json, .. } => {
            json.get("type").and_then(|kind| kind.as_str()) == Some("reasoning")
        }
        _ => false,
    }
}
