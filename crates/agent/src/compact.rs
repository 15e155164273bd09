//! Makes a history shorter without losing what must not be lost.
//!
//! Carried over word for word ([`Carried`]): what the user said, files touched with what they define, what
//! failed, decisions, open todos, and the lines of answers and results that hold a rule, a path or a code.
//! The newest exchanges stay as they are; the rest goes into a summary. Pure: who calls it asks a model
//! for the summary and proves that the result is smaller.

mod calls;
mod digest;
pub mod notes;
mod tail;

pub use self::digest::INSTRUCTION;

use std::fmt::Write;

use distiq_base::{Carried, Content, Message, Role, TouchedFile};
use distiq_router::escalate::NOTE;

use self::calls::Calls;
use self::notes::{Finder, Note};

/// Most entries of each list that is carried over; the oldest go first.
const MOST_FILES: usize = 40;
const MOST_READ: usize = 40;
const MOST_FAILED: usize = 24;
const MOST_DECISIONS: usize = 60;
const MOST_TODOS: usize = 60;
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

/// A shorter history that still wants its summary.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// What is carried over; its summary is still the one before.
    pub carried: Carried,
    /// The newest messages, which stay.
    pub kept: Vec<Message>,
    /// What went on in what is dropped, for who writes the summary.
    pub digest: String,
}

/// Drafts a shorter history; `None` where there is nothing to drop.
///
/// `before` is what an earlier one carried over: then `messages` begins with its rendering. `signatures`
/// tells what a file defines now, `count` how many tokens messages have.
pub fn draft(
    messages: &[Message],
    before: Option<&Carried>,
    room: Room,
    signatures: &dyn Fn(&str) -> Vec<String>,
    count: &dyn Fn(&[Message]) -> u64,
) -> Option<Draft> {
    let skip = usize::from(before.is_some());
    let messages = messages.get(skip..)?;
    let start = tail::start(messages, room.tail_tokens, count);
    let (dropped, kept) = messages.split_at_checked(start)?;
    let mut carried = before.cloned().unwrap_or_default();
    let (kept, cut) = tail::fit(kept, room.result_bytes);
    if dropped.is_empty() && !cut && room.user_bytes == usize::MAX {
        return None;
    }
    let calls = Calls::of(messages);
    let mut finder = Finder::default();
    carried.user.extend(dropped.iter().filter_map(typed).map(str::to_owned));
    carried.user.iter().for_each(|text| finder.knows(text));
    carried.notes.iter().chain(&carried.decisions).for_each(|line| finder.knows(line));
    // A result that is cut in the tail is looked through as well.
    let looked_through = if cut { messages } else { dropped };
    for message in looked_through {
        match message.role {
            Role::Assistant => said(message, &mut carried, &mut finder),
            _ => results(message).for_each(|(_, text, _)| finder.look(&text)),
        }
    }
    calls.collect(dropped, &mut carried, signatures);
    let mut notes: Vec<Note> = carried.notes.iter().flat_map(|line| again(line)).collect();
    notes.extend(finder.into_notes());
    let user = std::mem::take(&mut carried.user);
    carried.user = user.into_iter().map(|text| cut_words(text, room.user_bytes)).collect();
    let chosen = notes::choose(&notes, room.strong_bytes, room.weak_bytes);
    carried.notes = chosen.into_iter().map(|note| note.text).collect();
    bound(&mut carried);
    let digest = digest::write(dropped, &calls);
    Some(Draft { carried, kept, digest })
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

/// Takes the decisions and todos out of an answer, and looks for its notes.
fn said(message: &Message, carried: &mut Carried, finder: &mut Finder) {
    let text = message.text();
    for line in text.lines().map(str::trim) {
        if let Some(open) = open_todo(line) {
            push_new(&mut carried.todos, open);
        } else if let Some(done) = done_todo(line) {
            carried.todos.retain(|open| open != done);
        } else if line.len() <= notes::MAX_NOTE_BYTES && notes::is_decision(line) {
            finder.knows(line);
            push_new(&mut carried.decisions, line);
        }
    }
    finder.look(&text);
}

fn push_new(list: &mut Vec<String>, line: &str) {
    if !list.iter().any(|known| known == line) {
        list.push(line.to_owned());
    }
}

fn open_todo(line: &str) -> Option<&str> {
    let item = line.trim_start_matches(['-', '*', '+', ' ']);
    item.strip_prefix("[ ]").map(str::trim).filter(|text| !text.is_empty())
}

fn done_todo(line: &str) -> Option<&str> {
    let item = line.trim_start_matches(['-', '*', '+', ' ']);
    item.strip_prefix("[x]").or_else(|| item.strip_prefix("[X]")).map(str::trim)
}

/// Returns a note that was kept before with what it is worth.
fn again(line: &str) -> Vec<Note> {
    let mut finder = Finder::default();
    finder.look(line);
    let worth = finder.into_notes().iter().map(|note| note.worth).max().unwrap_or(1);
    vec![Note { text: line.to_owned(), worth }]
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

fn bound(carried: &mut Carried) {
    let oldest_off = |list: &mut Vec<String>, most: usize| {
        list.drain(..list.len().saturating_sub(most));
    };
    oldest_off(&mut carried.read, MOST_READ);
    oldest_off(&mut carried.failed, MOST_FAILED);
    oldest_off(&mut carried.decisions, MOST_DECISIONS);
    oldest_off(&mut carried.todos, MOST_TODOS);
    let files = carried.changed.len();
    carried.changed.drain(..files.saturating_sub(MOST_FILES));
}

/// Shortens a long message of the user: its ends and the lines that count stay.
fn cut_words(text: String, most: usize) -> String {
    if text.len() <= most {
        return text;
    }
    let (head, tail) = notes::ends(&text, most / 2);
    let middle = text.get(head.len()..text.len() - tail.len()).unwrap_or_default();
    let mut finder = Finder::default();
    finder.look(middle);
    let kept = notes::choose(&finder.into_notes(), most / 2, 0);
    let lines: Vec<&str> = kept.iter().map(|note| note.text.as_str()).collect();
    format!(
        "{head}\n[… {} bytes left out, but for:]\n{}\n[…]\n{tail}",
        middle.len(),
        lines.join("\n")
    )
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
