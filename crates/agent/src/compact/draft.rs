//! Shorter histories of one history, by how much room there is. What takes long is done once for all of them.

use std::cell::RefCell;
use std::collections::HashMap;

use distiq_base::{Carried, Message, Role};

use super::calls::Calls;
use super::notes::{self, Finder, Note};
use super::{Room, digest, results, tail, typed};

/// Most entries of each list that is carried over; the oldest go first.
const MOST_FILES: usize = 40;
const MOST_READ: usize = 40;
const MOST_FAILED: usize = 24;
const MOST_DECISIONS: usize = 60;
const MOST_TODOS: usize = 60;

/// A shorter history that still wants its summary.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// What is carried over; its summary is still the one before.
    pub carried: Carried,
    /// The newest messages, which stay.
    pub kept: Vec<Message>,
    /// How many messages are dropped.
    dropped: usize,
}

/// What files define now, by their paths.
pub type Signatures<'a> = &'a dyn Fn(&str) -> Vec<String>;
/// How many tokens messages have.
pub type Count<'a> = &'a dyn Fn(&[Message]) -> u64;

/// Drafts shorter histories of one.
pub struct Drafter<'a> {
    messages: &'a [Message],
    before: Option<&'a Carried>,
    calls: Calls<'a>,
    found: Found,
    signatures: Signatures<'a>,
    /// Those that were asked for.
    known: RefCell<HashMap<String, Vec<String>>>,
    count: Count<'a>,
}

/// What is worth keeping, with the messages that it stands in.
#[derive(Default)]
struct Found {
    notes: Vec<(usize, Note)>,
    said: Vec<(usize, Said)>,
}

/// A line of an answer that says what stands, or is to be done.
enum Said {
    Open(String),
    Done(String),
    Decision(String),
}

impl<'a> Drafter<'a> {
    /// Looks a history through; `None` where there is none.
    ///
    /// `before` is what an earlier draft carried over: then `messages` begins with its rendering.
    pub fn new(
        messages: &'a [Message],
        before: Option<&'a Carried>,
        signatures: Signatures<'a>,
        count: Count<'a>,
    ) -> Option<Self> {
        let messages = messages.get(usize::from(before.is_some())..)?;
        let found = Found::look_through(messages, before);
        let (calls, known) = (Calls::of(messages), RefCell::default());
        Some(Self { messages, before, calls, found, signatures, known, count })
    }

    /// Drafts a shorter history; `None` where there is nothing to drop.
    pub fn draft(&self, room: Room) -> Option<Draft> {
        let messages = self.messages;
        let start = tail::start(messages, room.tail_tokens, self.count);
        let (dropped, kept) = messages.split_at_checked(start)?;
        let mut carried = self.before.cloned().unwrap_or_default();
        let (kept, cut) = tail::fit(kept, room.result_bytes);
        if dropped.is_empty() && !cut && room.user_bytes == usize::MAX {
            return None;
        }
        carried.user.extend(dropped.iter().filter_map(typed).map(str::to_owned));
        // A result that is cut in the tail is looked through as well.
        let end = if cut { messages.len() } else { start };
        for (_, said) in self.found.said.iter().take_while(|(at, _)| *at < end) {
            said.put(&mut carried);
        }
        self.calls.collect(dropped, &mut carried, &|path| self.signatures(path));
        let mut notes: Vec<Note> = carried.notes.iter().flat_map(|line| again(line)).collect();
        let found = self.found.notes.iter().take_while(|(at, _)| *at < end);
        notes.extend(found.map(|(_, note)| note.clone()));
        let user = std::mem::take(&mut carried.user);
        carried.user = user.into_iter().map(|text| cut_words(text, room.user_bytes)).collect();
        let chosen = notes::choose(&notes, room.strong_bytes, room.weak_bytes);
        carried.notes = chosen.into_iter().map(|note| note.text).collect();
        bound(&mut carried);
        Some(Draft { carried, kept, dropped: start })
    }

    /// Returns what went on in what a draft drops, for who writes the summary.
    pub fn digest(&self, draft: &Draft) -> String {
        digest::write(self.messages.get(..draft.dropped).unwrap_or_default(), &self.calls)
    }

    fn signatures(&self, path: &str) -> Vec<String> {
        let mut known = self.known.borrow_mut();
        known.entry(path.to_owned()).or_insert_with(|| (self.signatures)(path)).clone()
    }
}

impl Found {
    fn look_through(messages: &[Message], before: Option<&Carried>) -> Self {
        let mut finder = Finder::default();
        // The user's words stay, wherever they stand.
        messages.iter().filter_map(typed).for_each(|text| finder.knows(text));
        let known = before.into_iter().flat_map(|it| [&it.user, &it.notes, &it.decisions]);
        known.flatten().for_each(|line| finder.knows(line));
        let mut found = Self::default();
        for (at, message) in messages.iter().enumerate() {
            match message.role {
                Role::Assistant => {
                    let text = message.text();
                    for line in text.lines().filter_map(Said::of) {
                        if let Said::Decision(line) = &line {
                            finder.knows(line);
                        }
                        found.said.push((at, line));
                    }
                    finder.look(&text);
                }
                _ => results(message).for_each(|(_, text, _)| finder.look(&text)),
            }
            found.notes.extend(finder.take_notes().map(|note| (at, note)));
        }
        found
    }
}

impl Said {
    fn of(line: &str) -> Option<Self> {
        let line = line.trim();
        let item = line.trim_start_matches(['-', '*', '+', ' ']);
        let done = || item.strip_prefix("[x]").or_else(|| item.strip_prefix("[X]"));
        if let Some(open) = item.strip_prefix("[ ]").map(str::trim).filter(|text| !text.is_empty())
        {
            return Some(Self::Open(open.to_owned()));
        }
        if let Some(done) = done() {
            return Some(Self::Done(done.trim().to_owned()));
        }
        let is_decision = line.len() <= notes::MAX_NOTE_BYTES && notes::is_decision(line);
        is_decision.then(|| Self::Decision(line.to_owned()))
    }

    fn put(&self, carried: &mut Carried) {
        let push_new = |list: &mut Vec<String>, line: &String| {
            if !list.contains(line) {
                list.push(line.clone());
            }
        };
        match self {
            Said::Open(todo) => push_new(&mut carried.todos, todo),
            Said::Done(todo) => carried.todos.retain(|open| open != todo),
            Said::Decision(line) => push_new(&mut carried.decisions, line),
        }
    }
}

/// Returns a note that was kept before with what it is worth.
fn again(line: &str) -> Vec<Note> {
    let mut finder = Finder::default();
    finder.look(line);
    let worth = finder.take_notes().map(|note| note.worth).max().unwrap_or(1);
    vec![Note { text: line.to_owned(), worth }]
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
    let found: Vec<Note> = finder.take_notes().collect();
    let kept = notes::choose(&found, most / 2, 0);
    let lines: Vec<&str> = kept.iter().map(|note| note.text.as_str()).collect();
    format!(
        "{head}\n[… {} bytes left out, but for:]\n{}\n[…]\n{tail}",
        middle.len(),
        lines.join("\n")
    )
}
