//! Makes a history shorter without losing what must not be lost.
//!
//! Carried over word for word ([`Carried`]): what the user said, files touched with what they define, what
//! failed, decisions, open todos, and the lines of answers and results that hold a rule, a path or a code.
//! The newest exchanges stay as they are; the rest goes into a summary. Pure: who calls it asks a model
//! for the summary and proves that the result is smaller.

mod calls;
mod digest;
mod draft;
pub mod notes;
pub mod prune;
mod tail;

pub use self::digest::{INSTRUCTION, most_bytes as most_digest_bytes};
pub use self::draft::{Draft, Drafter};

use std::fmt::Write;

use distiq_base::{Carried, Content, Message, Role, TouchedFile};
use distiq_router::escalate::NOTE;

use self::calls::Calls;

/// Most tokens of a summary, and the bytes that are cut off behind.
pub const SUMMARY_TOKENS: u64 = 500;
const MOST_SUMMARY_BYTES: usize = 2_000;
/// Bytes to a token where room is dealt out; what comes out is counted.
const BYTES_PER_TOKEN: u64 = 4;

/// How much room each part may take.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// Tokens of the newest messages that stay as they are.
    pub tail_tokens: u64,
    /// Bytes of notes that should not be lost, and of others.
    pub strong_bytes: usize,
    /// Bytes of other notes.
    pub weak_bytes: usize,
    /// The longest result of a tool that stays whole in the tail.
    pub result_bytes: usize,
    /// The longest message of the user that is carried whole.
    pub user_bytes: usize,
}

/// The steps by which room is taken away until a history fits; from the third on the user's longest
/// messages are cut too, which happens only where the window is full.
pub const STEPS: u32 = 8;
/// The last step that cuts nothing that the user said.
pub const LAST_WHOLE_STEP: u32 = 3;

impl Room {
    /// Returns the room at a step, for a prompt that may take `most_tokens`.
    pub fn at(step: u32, most_tokens: u64) -> Self {
        let bytes = |share: u64, most: u64, step: u32| {
            usize::try_from(((most_tokens / share).min(most) * BYTES_PER_TOKEN) >> step)
                .unwrap_or(usize::MAX)
        };
        // The newest messages can be read again; what was kept word for word cannot.
        let late = step.saturating_sub(LAST_WHOLE_STEP);
        Self {
            tail_tokens: (most_tokens / 6).min(16_000) >> (2 * step),
            strong_bytes: bytes(3, 24_000, late).max(1_200),
            weak_bytes: bytes(40, 1_000, step),
            result_bytes: bytes(8, 8_000, step).max(400),
            user_bytes: if late > 0 { bytes(2, 64_000, step).max(500) } else { usize::MAX },
        }
    }
}

/// Returns the messages that stand for the history from now on.
pub fn render(draft: &Draft) -> Vec<Message> {
    let at_hand = !draft.kept.iter().any(|message| typed(message).is_some());
    let mut messages = vec![Message::user(floor(&draft.carried, at_hand))];
    messages.extend(draft.kept.iter().cloned());
    messages
}

/// Returns what went on in messages, in few words.
pub fn told(messages: &[Message]) -> String {
    digest::write(messages, &Calls::of(messages))
}

/// Returns a summary as it is carried over: short, without blank lines.
pub fn trim_summary(text: &str) -> String {
    let text: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    let text = text.join("\n");
    let (head, _) = cut_at_sentence(&text, MOST_SUMMARY_BYTES);
    head.to_owned()
}

/// Returns what the user typed of a message: what tools returned and what the agent said itself is not.
pub fn typed(message: &Message) -> Option<&str> {
    match (message.role, message.content.first()) {
        (Role::User, Some(Content::Text { text })) if !is_our_own(text) => Some(text),
        _ => None,
    }
}

fn is_our_own(text: &str) -> bool {
    crate::turn::NUDGES.contains(&text) || text.starts_with(NOTE)
}

/// Returns the results in a message: the call's id, the text, whether it failed.
fn results(message: &Message) -> impl Iterator<Item = (&str, String, bool)> {
    message.content.iter().filter_map(|content| match content {
        Content::ToolResult { call_id, content, is_error } => {
            let text = Message { role: Role::User, content: content.clone() }.text();
            Some((call_id.as_str(), text, *is_error))
        }
        _ => None,
    })
}

/// Splits a text at the last end of a sentence or a line within `most` bytes.
fn cut_at_sentence(text: &str, most: usize) -> (&str, &str) {
    if text.len() <= most {
        return (text, "");
    }
    let mut end = most;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let head = text.get(..end).unwrap_or_default();
    let at = head.rfind(['\n', '.']).map_or(end, |at| at + 1);
    text.split_at(if at > most / 2 { at } else { end })
}

/// Writes what is carried over as one text.
fn floor(carried: &Carried, at_hand: bool) -> String {
    let mut text = String::from(
        "[The conversation so far was shortened. What follows is what was kept of it; read files again where \
         you need them.]",
    );
    let (last, earlier) = match carried.user.split_last() {
        Some((last, earlier)) if at_hand => (Some(last), earlier),
        _ => (None, carried.user.as_slice()),
    };
    section(&mut text, "What the user said, word for word", earlier);
    section(&mut text, "Lines of answers and results, word for word", &carried.notes);
    let files: Vec<String> = carried.changed.iter().map(file_line).collect();
    section(&mut text, "Files changed, with what they define", &files);
    if !carried.read.is_empty() {
        let _ = write!(text, "\n\n# Files read\n{}", carried.read.join(" "));
    }
    section(&mut text, "What failed", &carried.failed);
    section(&mut text, "Decisions", &carried.decisions);
    section(&mut text, "Still to do", &carried.todos);
    if !carried.summary.is_empty() {
        let _ = write!(text, "\n\n# Summary\n{}", carried.summary);
    }
    if let Some(last) = last {
        let _ = write!(text, "\n\n# The request at hand, word for word\n{last}");
    }
    text
}

fn section(text: &mut String, title: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    let _ = write!(text, "\n\n# {title}");
    for line in lines {
        let _ = write!(text, "\n- {line}");
    }
}

fn file_line(file: &TouchedFile) -> String {
    match file.signatures.as_slice() {
        [] => file.path.clone(),
        signatures => format!("{}: {}", file.path, signatures.join(" · ")),
    }
}

#[cfg(test)]
mod tests;
