//! Sessions on disk: where they are, which there are, what is in them.
//!
//! A session's path follows from its id (the id tells its time), so nothing is scanned to resume one,
//! however many there are.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use distiq_base::{Event, Money, Record, Role, SessionId, TurnStatus, Usage};
use jiff::Timestamp;
use serde::Serialize;

use crate::log::{self, LogError, RawRecord};

/// Returns where the log of a session is, below the folder of sessions: `YYYY/MM/ID.jsonl`, UTC.
pub fn path_of(sessions: &Path, id: &SessionId) -> PathBuf {
    let time = created_at(id).unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC);
    sessions
        .join(format!("{:04}", time.year()))
        .join(format!("{:02}", time.month()))
        .join(format!("{id}.jsonl"))
}

/// Returns the time that an id was made at, to the millisecond (RFC 9562, version 7).
fn created_at(id: &SessionId) -> Option<Timestamp> {
    let hex: String = id.as_str().chars().filter(char::is_ascii_hexdigit).take(12).collect();
    let ms = i64::from_str_radix(&hex, 16).ok()?;
    Timestamp::from_millisecond(ms).ok()
}

/// Finds a session by its whole id, or by a beginning or end of it that only one session has.
///
/// # Errors
/// [`FindError`].
pub fn find(sessions: &Path, text: &str) -> Result<SessionId, FindError> {
    let missing = || FindError::NotFound(text.to_owned());
    let id = SessionId::parse(text).ok_or_else(missing)?;
    if path_of(sessions, &id).is_file() {
        return Ok(id);
    }
    let mut hits = newest_first(sessions)
        .filter(|id| id.as_str().starts_with(text) || id.as_str().ends_with(text));
    let first = hits.next().ok_or_else(missing)?;
    match hits.next() {
        Some(_) => Err(FindError::Ambiguous(text.to_owned())),
        None => Ok(first),
    }
}

/// Tells why no session was found.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FindError {
    /// None has the id.
    #[error("No session `{0}`")]
    NotFound(String),
    /// Several do.
    #[error("Several sessions match `{0}`")]
    Ambiguous(String),
}

/// Returns the newest session of a project; only as many logs are opened as are newer.
pub fn latest(sessions: &Path, root: &Path) -> Option<SessionId> {
    newest_first(sessions)
        .find(|id| first_root(&path_of(sessions, id)).is_some_and(|r| Path::new(&r) == root))
}

/// Returns all sessions, newest first.
pub fn newest_first(sessions: &Path) -> impl Iterator<Item = SessionId> {
    let mut months: VecDeque<PathBuf> = names(sessions)
        .into_iter()
        .flat_map(|year| {
            let year = sessions.join(year);
            names(&year).into_iter().map(move |month| year.join(month))
        })
        .collect();
    let mut ids: std::vec::IntoIter<SessionId> = Vec::new().into_iter();
    std::iter::from_fn(move || {
        loop {
            if let Some(id) = ids.next() {
                return Some(id);
            }
            let month = months.pop_front()?;
            let found: Vec<SessionId> = names(&month)
                .iter()
                .filter_map(|name| SessionId::parse(name.strip_suffix(".jsonl")?))
                .collect();
            ids = found.into_iter();
        }
    })
}

/// Returns the names in a folder, last first; none where it cannot be read.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    names.sort_unstable_by(|a, b| b.cmp(a));
    names
}

fn first_root(path: &Path) -> Option<String> {
    let mut head = Vec::new();
    File::open(path).ok()?.take(16 << 10).read_to_end(&mut head).ok()?;
    let record: Record = serde_json::from_slice(head.split(|b| *b == b'\n').next()?).ok()?;
    match record.event {
        Event::SessionStarted { root, .. } => Some(root),
        _ => None,
    }
}

/// A session in a list.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// The session.
    pub id: SessionId,
    /// Its name, where it has one.
    pub name: Option<String>,
    /// The project's root.
    pub root: String,
    /// When it began, UTC.
    pub started: Timestamp,
    /// When something last happened, UTC.
    pub updated: Timestamp,
    /// The user's first words, at most 200 characters.
    pub title: String,
    /// The provider of its newest turn that is near an edge of the log.
    pub provider: Option<String>,
    /// The model of that turn.
    pub model: Option<String>,
    /// How its last turn ended; `None` while it runs or after a kill.
    pub status: Option<TurnStatus>,
    /// Turns begun.
    pub turns: u32,
    /// The size of its log.
    pub bytes: u64,
}

const EDGE_BYTES: u64 = 64 << 10;

/// Summarises a session from both ends of its log, whatever its size; `None` where it cannot be read.
pub fn summary(sessions: &Path, id: &SessionId) -> Option<Summary> {
    let path = path_of(sessions, id);
    let mut file = File::open(&path).ok()?;
    let bytes = file.metadata().ok()?.len();
    let mut summary = Summary {
        id: id.clone(),
        name: None,
        root: String::new(),
        started: created_at(id).unwrap_or_default(),
        updated: created_at(id).unwrap_or_default(),
        title: String::new(),
        provider: None,
        model: None,
        status: None,
        turns: 0,
        bytes,
    };
    let mut head = Vec::new();
    file.by_ref().take(EDGE_BYTES).read_to_end(&mut head).ok()?;
    summarise(&path, &head, &mut summary);
    if bytes > EDGE_BYTES {
        let mut tail = Vec::new();
        file.seek(SeekFrom::Start(bytes.saturating_sub(EDGE_BYTES).max(EDGE_BYTES))).ok()?;
        file.take(EDGE_BYTES).read_to_end(&mut tail).ok()?;
        summarise(&path, &tail, &mut summary);
    }
    (!summary.root.is_empty()).then_some(summary)
}

fn summarise(path: &Path, bytes: &[u8], summary: &mut Summary) {
    for line in bytes.split_inclusive(|b| *b == b'\n') {
        let Some(json) = line.strip_suffix(b"\n") else { continue };
        let Ok(record) = (RawRecord { path, number: 0, json }).parse::<Record>() else { continue };
        summary.updated = record.at;
        match record.event {
            Event::SessionStarted { root, .. } => {
                summary.root = root;
                summary.started = record.at;
            }
            Event::TurnStarted { turn, provider, model, .. } => {
                summary.provider = Some(provider);
                summary.model = Some(model);
                summary.turns = turn;
                summary.status = None;
            }
            Event::Message { message }
                if summary.title.is_empty() && message.role == Role::User =>
            {
                summary.title = title(&message);
            }
            // A fork's log begins with a whole history, and its turn with it may be between the edges.
            Event::RequestStarted { provider, model, .. } if summary.model.is_none() => {
                (summary.provider, summary.model) = (Some(provider), Some(model));
            }
            Event::TurnFinished { turn, status, provider, model, .. } => {
                summary.turns = turn;
                summary.status = Some(status);
                if model.is_some() {
                    (summary.provider, summary.model) = (provider, model);
                }
            }
            Event::Named { name } => summary.name = Some(name),
            _ => {}
        }
    }
}

fn title(message: &distiq_base::Message) -> String {
    let first = message.content.iter().find_map(|c| match c {
        distiq_base::Content::Text { text } => Some(text.as_str()),
        _ => None,
    });
    first
        .unwrap_or_default()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .take(200)
        .collect()
}

/// A place where a searched text was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hit {
    /// The session.
    pub id: SessionId,
    /// The record's number in it.
    pub seq: u64,
    /// When, UTC.
    pub at: Timestamp,
    /// Who said it: `user`, `assistant` or `tool`.
    pub who: &'static str,
    /// The line that holds it, at most 300 characters.
    pub text: String,
}

/// Searches messages of all sessions, newest first, ignoring case; at most `limit` hits.
pub fn search(sessions: &Path, text: &str, limit: usize) -> Vec<Hit> {
    let needle = text.to_lowercase();
    let mut hits = Vec::new();
    for id in newest_first(sessions) {
        if hits.len() >= limit {
            break;
        }
        // A damaged log gives the hits before the damage.
        let _ = log::scan(&path_of(sessions, &id), &mut |line| {
            if line.kind() == b"message" && hits.len() < limit {
                let record: Record = line.parse()?;
                if let Event::Message { message } = &record.event {
                    find_in(&id, &record, message, &needle, &mut hits);
                }
            }
            Ok(())
        });
        hits.truncate(limit);
    }
    hits
}

fn find_in(
    id: &SessionId,
    record: &Record,
    message: &distiq_base::Message,
    needle: &str,
    hits: &mut Vec<Hit>,
) {
    use distiq_base::{Content, Role};
    for content in &message.content {
        let (who, texts): (_, Vec<&str>) = match content {
            Content::Text { text } if message.role == Role::Assistant => ("assistant", vec![text]),
            Content::Text { text } => ("user", vec![text]),
            Content::ToolResult { content, .. } => (
                "tool",
                content
                    .iter()
                    .filter_map(|c| {
                        if let Content::Text { text } = c { Some(text.as_str()) } else { None }
                    })
                    .collect(),
            ),
            _ => continue,
        };
        let line = texts.iter().flat_map(|t| t.lines()).find(|l| l.to_lowercase().contains(needle));
        if let Some(line) = line {
            let text = line.trim().chars().take(300).collect();
            hits.push(Hit { id: id.clone(), seq: record.seq, at: record.at, who, text });
        }
    }
}

/// What a session used and cost, by its own log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Requests that ended.
    pub requests: u32,
    /// Their tokens.
    pub usage: Usage,
    /// Their cost where it is known.
    #[serde(rename = "cost_nanousd")]
    pub cost: Money,
    /// Requests whose model has no known price.
    pub unpriced: u32,
}

/// Adds up the requests among `records`.
pub fn totals(records: &[Record]) -> Totals {
    let mut totals = Totals::default();
    for record in records {
        if let Event::RequestFinished { usage, cost_nanousd, .. } = &record.event {
            totals.requests += 1;
            totals.usage.add(usage);
            match cost_nanousd {
                Some(cost) => totals.cost = totals.cost.plus(*cost),
                None => totals.unpriced += 1,
            }
        }
    }
    totals
}

/// Reads all records of a session.
///
/// # Errors
/// As [`LogError`] tells.
pub fn records(sessions: &Path, id: &SessionId) -> Result<Vec<Record>, LogError> {
    log::read(&path_of(sessions, id))
}
