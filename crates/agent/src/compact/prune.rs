//! Old results of tools that need not be sent any more, and what stands in for each: a line that says what was there.
//!
//! A call keeps its result, so that vendors find every call answered; only the text is another. The newest exchanges stay,
//! and lines of a result that no summary may blur stay with the line, as far as they are not shown further on.

use std::collections::{HashMap, HashSet};

use distiq_base::{Content, Message, PrunedResult, Role};
use distiq_router::economy::switch::is_bound;

use super::calls::{Calls, line, paths};
use super::notes::{self, Finder, LEFT_OUT, Note, STRONG};

/// The newest answers whose results always stay, and those behind which a long one is old.
const NEWEST: usize = 4;
const OLD_BEHIND: usize = 8;
/// Shorter results stay, and shorter ones that only are old.
const LEAST_BYTES: usize = 400;
const LEAST_OLD_BYTES: usize = 1_500;
/// Lines of a read that must stand in later ones, in percent.
const SHOWN_PERCENT: usize = 90;
/// How much room the lines have that are kept: this part of the text.
const KEPT_SHARE: usize = 8;

/// Why a result need not be sent any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// Its lines stand in results further on.
    ShownAgain,
    /// The same command ran again.
    RanAgain,
    /// What it found was read.
    Followed,
    /// The file was changed since.
    Changed,
    /// It is long, and long ago.
    Old,
}

/// Results that can be left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prunable {
    /// What stands in for each, in the order of the history.
    pub results: Vec<PrunedResult>,
    /// How many of the bytes that are left out are likely to be asked for again.
    pub again_bytes: usize,
}

/// Finds what can be left out of a history.
pub fn find(messages: &[Message]) -> Prunable {
    let calls = Calls::of(messages);
    let mut later = Later::default();
    let mut prunable = Prunable::default();
    let mut answers = 0;
    for (at, message) in messages.iter().enumerate().rev() {
        if message.role == Role::Assistant {
            answers += 1;
            continue;
        }
        for content in message.content.iter().rev() {
            let Content::ToolResult { call_id, content, .. } = content else { continue };
            let Some((name, arguments)) = calls.get(call_id) else { continue };
            let call = Call { name, arguments, paths: paths(arguments) };
            if let [Content::Text { text }] = content.as_slice() {
                let why = (answers >= NEWEST).then(|| why(&call, text, &later, answers)).flatten();
                if let Some((why, stands)) =
                    why.and_then(|why| Some((why, stands_in(&call, text, why, &later)?)))
                {
                    prunable.again_bytes += (text.len() - stands.len()) * why.again_percent() / 100;
                    prunable.results.push(PrunedResult {
                        message: at,
                        call_id: call_id.clone(),
                        text: stands,
                    });
                } else {
                    later.shows(&call, text);
                }
            }
            later.take(call);
        }
    }
    prunable.results.reverse();
    prunable
}

/// Puts in what stands in for results; what is not there is passed over. Reasoning behind the first of them is left
/// out: vendors bind it to what went before.
pub fn apply(messages: &mut [Message], results: &[PrunedResult]) {
    let first = results.iter().map(|result| result.message).min().unwrap_or(usize::MAX);
    for message in messages.iter_mut().skip(first) {
        if message.content.iter().all(is_bound) {
            // No vendor takes a message without anything.
            message.content.push(Content::text("[…]"));
        }
        message.content.retain(|content| !is_bound(content));
    }
    for PrunedResult { message, call_id, text } in results {
        let contents = messages.get_mut(*message).map(|message| &mut message.content);
        for content in contents.into_iter().flatten() {
            if let Content::ToolResult { call_id: of, content, .. } = content
                && of == call_id
            {
                *content = vec![Content::text(text.as_str())];
            }
        }
    }
}

struct Call<'a> {
    name: &'a str,
    arguments: &'a str,
    paths: Vec<String>,
}

/// What comes behind a result.
#[derive(Default)]
struct Later<'a> {
    /// Commands that ran.
    ran: HashSet<(&'a str, &'a str)>,
    read: HashSet<String>,
    changed: HashSet<String>,
    /// Lines that reads show, by path.
    lines: HashMap<String, HashSet<&'a str>>,
}

impl<'a> Later<'a> {
    /// Takes in the lines of a result that stays.
    fn shows(&mut self, call: &Call<'a>, text: &'a str) {
        if call.name == "read" {
            for path in &call.paths {
                let lines = self.lines.entry(path.clone()).or_default();
                lines.extend(telling_lines(text));
            }
        }
    }

    fn take(&mut self, call: Call<'a>) {
        match call.name {
            "read" => self.read.extend(call.paths),
            "edit" | "write" => self.changed.extend(call.paths),
            name => drop(self.ran.insert((name, call.arguments))),
        }
    }
}

impl Why {
    /// How much of what is left out is asked for again, in percent: guesses; the last is compaction's.
    const fn again_percent(self) -> usize {
        match self {
            Self::ShownAgain | Self::RanAgain | Self::Followed => 5,
            Self::Changed | Self::Old => 25,
        }
    }
}

fn why(call: &Call<'_>, text: &str, later: &Later<'_>, answers: usize) -> Option<Why> {
    if text.len() < LEAST_BYTES || text.starts_with(LEFT_OUT) {
        return None;
    }
    let any = |of: &HashSet<String>| call.paths.iter().any(|path| of.contains(path));
    match call.name {
        "read" if is_shown(call, text, later) => return Some(Why::ShownAgain),
        "read" if any(&later.changed) => return Some(Why::Changed),
        "search" | "find" if later.read.iter().chain(&later.changed).any(|p| text.contains(p)) => {
            return Some(Why::Followed);
        }
        "read" => {}
        name if later.ran.contains(&(name, call.arguments)) => return Some(Why::RanAgain),
        _ => {}
    }
    (answers >= OLD_BEHIND && text.len() >= LEAST_OLD_BYTES).then_some(Why::Old)
}

/// Tells whether nearly all lines of a read stand in later ones of the same file.
fn is_shown(call: &Call<'_>, text: &str, later: &Later<'_>) -> bool {
    let [path] = call.paths.as_slice() else { return false };
    let Some(shown) = later.lines.get(path) else { return false };
    let (mut all, mut there) = (0, 0);
    for line in telling_lines(text) {
        all += 1;
        there += usize::from(shown.contains(line));
    }
    all > 0 && there * 100 >= all * SHOWN_PERCENT
}

/// Returns the lines by which a text is known again.
fn telling_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| line.len() >= 4)
}

/// Returns what stands in for a result; `None` where it would be hardly shorter.
fn stands_in(call: &Call<'_>, text: &str, why: Why, later: &Later<'_>) -> Option<String> {
    let what = line(call.name, call.arguments);
    let bytes = text.len();
    let line = match why {
        Why::ShownAgain => format!("{LEFT_OUT}{what}: shown again further on]"),
        Why::RanAgain => format!("{LEFT_OUT}{what}: called again further on]"),
        Why::Followed => {
            format!(
                "{LEFT_OUT}{what}: {bytes} bytes of places, looked at further on; call it again for all]"
            )
        }
        Why::Changed => {
            format!(
                "{LEFT_OUT}{what}: {bytes} bytes from before the file was changed; call it again for the text]"
            )
        }
        Why::Old => {
            format!("{LEFT_OUT}{what}: {bytes} bytes; call it again where they are needed]")
        }
    };
    let mut stands = line;
    if why != Why::ShownAgain {
        for note in kept_lines(call, text, later) {
            stands.push('\n');
            stands.push_str(&note.text);
        }
    }
    (stands.len() * 2 < bytes).then_some(stands)
}

/// Returns the lines that hold a rule, a decision, a code or an address and that are not shown further on.
fn kept_lines(call: &Call<'_>, text: &str, later: &Later<'_>) -> Vec<Note> {
    let mut finder = Finder::default();
    finder.look(text);
    let shown = |line: &str| {
        call.paths.iter().any(|path| later.lines.get(path).is_some_and(|it| it.contains(line)))
    };
    let strong = |note: &Note| note.worth >= STRONG && !shown(&note.text);
    let found: Vec<Note> = finder.take_notes().filter(strong).collect();
    notes::choose(&found, text.len() / KEPT_SHARE, 0)
}

#[cfg(test)]
mod tests;
