//! The history: what a log says the model has heard and said, ready for the next request.
//!
//! Append-only: nothing that was sent is ever changed or left out, but where the whole was made shorter or old results
//! of tools were left out, both of which the log tells.
//! What a crash left open is closed by appending (every call gets a result), never by rewriting.

use std::path::Path;
use std::time::Duration;

use distiq_base::clock::Clock;
use distiq_base::event::EVENT_SCHEMA;
use distiq_base::{
    CacheTtl, Carried, Content, Event, Message, PrunedResult, Record, Role, SystemBlock, ToolDef,
    Usage,
};
use distiq_router::economy::Rhythm;
use distiq_router::economy::keep_alive::WaitFor;
use distiq_router::economy::switch::is_bound;
use jiff::Timestamp;
use serde::Deserialize;

use crate::compact::prune;
use crate::log::{LogError, RawRecord, SessionLog};
use crate::turn::Sent;

/// What every request of a session begins with.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Prefix {
    /// The system prompt.
    pub system: Vec<SystemBlock>,
    /// The tools.
    pub tools: Vec<ToolDef>,
    /// The key for the vendor's prompt cache.
    pub cache_key: String,
}

/// A session's conversation so far.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// What requests begin with; `None` before the first turn.
    pub prefix: Option<Prefix>,
    /// The conversation.
    pub messages: Vec<Message>,
    /// How many messages another model than the one in use answered: their reasoning is bound to it.
    pub bound_until: usize,
    /// What was carried over when it was made shorter; the first message tells it then.
    pub carried: Option<Carried>,
    /// Tokens that every prompt has less since it was made shorter.
    pub dropped_tokens: u64,
    /// How its requests came so far.
    pub rhythm: Rhythm,
    /// How long what was written last to the vendor's cache was to live.
    pub ttl: CacheTtl,
    /// When the last one ended.
    pub asked_at: Option<Timestamp>,
    /// In which turn.
    pub asked_in: u32,
    /// When one that only kept the vendor's cache alive did.
    pub kept_alive_at: Option<Timestamp>,
    /// How many of those there were.
    pub kept_alive: u32,
    /// What was sent last by this process, where the vendor was told to keep it.
    pub(crate) sent_last: Option<Sent>,
    /// Turns begun.
    pub turns: u32,
    /// The model of the last turn.
    pub model: Option<String>,
    /// The provider of the last turn.
    pub provider: Option<String>,
    /// The project's root.
    pub root: String,
}

/// Results of tools that ended after the last message; lost unless they join it on resume.
type LooseResults = Vec<(String, String, bool)>;

#[derive(Deserialize)]
struct MessageLine {
    message: Message,
}

#[derive(Deserialize)]
struct StartedLine {
    schema: u32,
    root: String,
}

#[derive(Deserialize)]
struct TurnLine {
    turn: u32,
    provider: String,
    model: String,
}

#[derive(Debug, Deserialize)]
struct WayLine {
    provider: String,
    model: String,
}

#[derive(Deserialize)]
struct ToolLine {
    call_id: String,
    ok: bool,
    text: String,
}

#[derive(Deserialize)]
struct MovedLine {
    turn: u32,
    conversation: bool,
}

#[derive(Deserialize)]
struct CompactedLine {
    tokens_before: u64,
    tokens_after: u64,
    carried: Carried,
    messages: Vec<Message>,
}

#[derive(Deserialize)]
struct PrunedLine {
    tokens_before: u64,
    tokens_after: u64,
    results: Vec<PrunedResult>,
}

#[derive(Deserialize)]
struct RequestLine {
    at: Timestamp,
    latency_ms: u64,
    #[serde(default)]
    usage: Usage,
    #[serde(default)]
    keeps_warm: bool,
}

/// What is said, and since where in it each turn that can be rewound goes on.
#[derive(Clone, Debug, Default)]
struct Said {
    messages: Vec<Message>,
    bound_until: usize,
    carried: Option<Carried>,
    /// Turns: their numbers and the first of their messages.
    begun: Vec<(u32, usize)>,
}

/// Folds log lines into a history; lines that it does not need are not parsed.
#[derive(Debug, Default)]
pub struct Folder {
    history: History,
    loose: LooseResults,
    said: Said,
    /// What was said before it was made shorter, the newest last.
    longer: Vec<Said>,
    /// What was rewound and may come back, the newest last, with what was longer then.
    rewound: Vec<(Said, Vec<Said>)>,
    /// Who goes on with the turn, before the first answer.
    taking_over: Option<WayLine>,
}

impl Folder {
    /// Takes one line in.
    ///
    /// # Errors
    /// [`LogError::Damaged`] or [`LogError::Newer`].
    pub fn take(&mut self, line: RawRecord<'_>) -> Result<(), LogError> {
        match line.kind() {
            b"message" => self.heard(line.parse::<MessageLine>()?.message),
            b"escalated" => self.taking_over = Some(line.parse()?),
            b"compacted" => {
                let CompactedLine { tokens_before, tokens_after, carried, messages } =
                    line.parse()?;
                self.history.dropped_tokens += tokens_before.saturating_sub(tokens_after);
                let carried = Some(carried);
                let shorter = Said { messages, carried, ..Said::default() };
                self.longer.push(std::mem::replace(&mut self.said, shorter));
            }
            b"pruned" => {
                let PrunedLine { tokens_before, tokens_after, results } = line.parse()?;
                self.history.dropped_tokens += tokens_before.saturating_sub(tokens_after);
                prune::apply(&mut self.said.messages, &results);
            }
            b"request_finished" => {
                let RequestLine { at, latency_ms, usage, keeps_warm } = line.parse()?;
                match keeps_warm {
                    true => self.history.kept_warm(at),
                    false => self.history.asked(at, latency_ms, &usage),
                }
            }
            b"tool_finished" => {
                let tool: ToolLine = line.parse()?;
                self.loose.push((tool.call_id, tool.text, tool.ok));
            }
            b"turn_started" => {
                let turn: TurnLine = line.parse()?;
                self.history.turns = turn.turn;
                self.said.begun.push((turn.turn, self.said.messages.len()));
                self.rewound.clear();
                self.taking_over = None;
                self.history.model = Some(turn.model);
                self.history.provider = Some(turn.provider);
            }
            b"undone" => self.rewind(&line.parse()?),
            b"redone" => {
                if line.parse::<MovedLine>()?.conversation
                    && let Some((said, longer)) = self.rewound.pop()
                {
                    (self.said, self.longer) = (said, longer);
                }
            }
            b"prefix" => self.history.prefix = Some(line.parse()?),
            b"session_started" => {
                let started: StartedLine = line.parse()?;
                if started.schema > EVENT_SCHEMA {
                    return Err(LogError::Newer {
                        path: line.path.to_owned(),
                        found: started.schema,
                        known: EVENT_SCHEMA,
                    });
                }
                self.history.root = started.root;
            }
            // No line of ours: it may have been one that the history needs.
            b"" => drop(line.parse::<Record>()?),
            _ => {}
        }
        Ok(())
    }

    fn heard(&mut self, message: Message) {
        // A model that takes over and never answers has changed nothing.
        if message.role == Role::Assistant
            && let Some(WayLine { provider, model }) = self.taking_over.take()
        {
            self.said.bound_until = self.said.messages.len();
            (self.history.provider, self.history.model) = (Some(provider), Some(model));
        }
        self.said.messages.push(message);
        self.loose.clear();
    }

    /// Takes out what was said since before a turn, so that the history is what it was then: also
    /// where it was made shorter since.
    fn rewind(&mut self, to: &MovedLine) {
        if !to.conversation {
            return;
        }
        self.rewound.push((self.said.clone(), self.longer.clone()));
        self.loose.clear();
        let begins = |said: &Said| said.begun.iter().position(|(turn, _)| *turn >= to.turn);
        let found = self.longer.iter().position(|said| begins(said).is_some());
        if let Some(at) = found {
            self.longer.truncate(at + 1);
            self.said = self.longer.pop().unwrap_or_default();
        }
        if let Some(begun) = begins(&self.said) {
            let kept = self.said.begun.get(begun).map_or(usize::MAX, |(_, message)| *message);
            self.said.messages.truncate(kept);
            self.said.begun.truncate(begun);
            self.said.bound_until = self.said.bound_until.min(self.said.messages.len());
        }
    }

    /// Returns the history and, where the last message has calls without results, the message that
    /// closes them.
    pub fn finish(self) -> (History, Option<Message>) {
        let repair = close_calls(&self.said.messages, &self.loose);
        let Said { messages, carried, bound_until, .. } = self.said;
        (History { messages, carried, bound_until, ..self.history }, repair)
    }
}

const INTERRUPTED: &str = "Interrupted: distiq ended before this call's result was recorded. It may have run; \
     check before you repeat it.";

fn close_calls(messages: &[Message], loose: &LooseResults) -> Option<Message> {
    let last = messages.last().filter(|m| m.role == Role::Assistant)?;
    let results: Vec<Content> = last
        .tool_calls()
        .map(|(id, ..)| match loose.iter().find(|(call, ..)| call == id) {
            Some((_, text, ok)) => Content::tool_result(id, text, !ok),
            None => Content::tool_result(id, INTERRUPTED, true),
        })
        .collect();
    (!results.is_empty()).then_some(Message { role: Role::User, content: results })
}

impl History {
    /// Returns the conversation as the model in use is told it: reasoning that another one signed, which it
    /// would be refused for, is left out.
    pub fn to_send(&self) -> Vec<Message> {
        self.sent(&self.messages)
    }

    /// Returns messages of the conversation, from its beginning, as the model in use is told them.
    pub fn sent(&self, messages: &[Message]) -> Vec<Message> {
        let (others, own) = messages.split_at(self.bound_until.min(messages.len()));
        let unbound = |message: &Message| {
            let content: Vec<Content> =
                message.content.iter().filter(|content| !is_bound(content)).cloned().collect();
            (!content.is_empty()).then_some(Message { role: message.role, content })
        };
        others.iter().filter_map(unbound).chain(own.iter().cloned()).collect()
    }

    /// Takes in that a request ended.
    pub fn asked(&mut self, at: Timestamp, latency_ms: u64, usage: &Usage) {
        let took = Duration::from_millis(latency_ms);
        let wait = self.asked_at.map(|last| since(last, at).saturating_sub(took));
        let wait_for = match self.asked_in == self.turns {
            true => WaitFor::Tools,
            false => WaitFor::NextTurn,
        };
        self.asked_in = self.turns;
        self.rhythm.note(wait.map(|wait| (wait_for, wait)));
        if usage.cache_write + usage.cache_write_long > 0 {
            self.ttl = match usage.cache_write_long {
                0 => CacheTtl::Short,
                _ => CacheTtl::Long,
            };
        }
        self.asked_at = Some(at);
    }

    /// Takes in that a request ended that only kept the vendor's cache alive.
    pub fn kept_warm(&mut self, at: Timestamp) {
        self.kept_alive += 1;
        self.kept_alive_at = Some(at);
    }

    /// Returns how long no request ended.
    pub fn idle(&self, now: Timestamp) -> Duration {
        let last = self.asked_at.max(self.kept_alive_at);
        last.map_or(Duration::ZERO, |last| since(last, now))
    }

    /// Returns how long none ended but to keep the vendor's cache alive.
    pub fn waited(&self, now: Timestamp) -> Duration {
        self.asked_at.map_or(Duration::ZERO, |last| since(last, now))
    }

    /// Returns the calls whose process ended before their results were recorded, where nothing was
    /// said since: their names and arguments.
    pub fn interrupted(&self) -> Vec<(&str, &str)> {
        let [.., asked, answered] = self.messages.as_slice() else { return Vec::new() };
        let is_open =
            |id: &str| answered.content.contains(&Content::tool_result(id, INTERRUPTED, true));
        let calls = asked.tool_calls().filter(|(id, ..)| is_open(id));
        calls.map(|(_, name, arguments)| (name, arguments)).collect()
    }
}

/// A clock that jumped back makes no time.
fn since(earlier: Timestamp, later: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(earlier)).unwrap_or_default()
}

/// Opens a session's log and its history; calls that a crash left open are closed in both.
///
/// # Errors
/// As [`LogError`] tells.
pub fn reopen(path: &Path, clock: Clock) -> Result<(SessionLog, History), LogError> {
    let mut folder = Folder::default();
    let mut log = SessionLog::reopen(path, clock, &mut |line| folder.take(line))?;
    let (mut history, repair) = folder.finish();
    if let Some(message) = repair {
        log.append(Event::Message { message: message.clone() })?;
        history.messages.push(message);
    }
    Ok((log, history))
}

/// Reads a session's history without continuing it.
///
/// # Errors
/// As [`LogError`] tells.
pub fn read(path: &Path) -> Result<History, LogError> {
    let mut folder = Folder::default();
    crate::log::scan(path, &mut |line| folder.take(line))?;
    let (mut history, repair) = folder.finish();
    history.messages.extend(repair);
    Ok(history)
}

#[cfg(test)]
mod tests {
    use distiq_base::SessionId;

    use super::*;

    fn write(path: &Path, events: Vec<Event>) {
        let mut log = SessionLog::create(path, Clock::System).unwrap();
        for event in events {
            log.append(event).unwrap();
        }
    }

    fn call(id: &str) -> Content {
        Content::ToolCall { id: id.into(), name: "read".into(), arguments: "{}".into() }
    }

    #[test]
    fn a_line_that_is_no_record_is_damage_and_no_gap() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.jsonl");
        write(&path, vec![Event::Message { message: Message::user("go") }]);
        let good = std::fs::read_to_string(&path).unwrap();
        for bad in ["{\"seq\": bro", "", "{\"seq\":1}"] {
            std::fs::write(&path, format!("{good}{bad}\n{good}")).unwrap();
            let error = reopen(&path, Clock::System).unwrap_err();
            assert!(matches!(error, LogError::Damaged { line: 2, .. }), "{bad:?}: {error}");
        }
    }

    #[test]
    fn open_calls_are_closed_once_with_the_results_that_were_recorded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.jsonl");
        write(
            &path,
            vec![
                Event::SessionStarted {
                    session_id: SessionId::generate(),
                    schema: EVENT_SCHEMA,
                    version: "0".into(),
                    root: "/p".into(),
                    forked_from: None,
                },
                Event::Message { message: Message::user("go") },
                Event::Message {
                    message: Message { role: Role::Assistant, content: vec![call("a"), call("b")] },
                },
                Event::ToolFinished {
                    call_id: "a".into(),
                    name: "read".into(),
                    ok: true,
                    text: "seen".into(),
                    files_changed: vec![],
                    duration_ms: 1,
                },
            ],
        );
        let (log, history) = reopen(&path, Clock::System).unwrap();
        drop(log);
        assert_eq!(
            history.messages[2].content,
            [
                Content::tool_result("a", "seen", false),
                Content::tool_result("b", INTERRUPTED, true)
            ]
        );
        let (_log, again) = reopen(&path, Clock::System).unwrap();
        assert_eq!(again.interrupted(), [("read", "{}")]);
        assert_eq!(again.messages, history.messages);
    }

    #[test]
    fn a_newer_log_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.jsonl");
        let line = r#"{"seq":0,"at":"2026-11-21T00:00:00Z","type":"session_started","schema":99,"root":"/"}"#;
        std::fs::write(&path, format!("{line}\n")).unwrap();
        assert!(matches!(read(&path), Err(LogError::Newer { found: 99, .. })));
    }
}
