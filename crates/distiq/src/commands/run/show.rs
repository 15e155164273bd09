//! What a run prints: words for people, one object, or every event.

use std::io::{self, IsTerminal};

use distiq_base::{
    ErrorKind, Event, Failure as Told, Money, Plan, Record, SessionId, TurnStatus, Usage,
};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::{output, terminal};

/// What to print.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// The answer; what is done meanwhile goes to standard error
    #[default]
    Text,
    /// One object at the end
    Json,
    /// Every event as a line
    StreamJson,
}

/// How a turn ended.
struct End {
    status: TurnStatus,
    text: String,
    error: Option<Told>,
    requests: u32,
    usage: Usage,
    cost: Option<Money>,
    files_changed: Vec<String>,
}

/// Shows records as they come, and remembers what the end needs.
pub struct Show {
    format: Format,
    session: SessionId,
    /// Text is shown as it comes only to people; a pipe gets the answer whole.
    is_live: bool,
    is_mid_line: bool,
    turns: u32,
    escalations: u32,
    plan: Option<Plan>,
    /// The plan is the answer.
    is_plan_only: bool,
    end: Option<End>,
}

impl Show {
    /// Begins to show a session.
    pub fn new(format: Format, session: SessionId) -> Self {
        let is_live = format == Format::Text && io::stdout().is_terminal();
        Self {
            format,
            session,
            is_live,
            is_mid_line: false,
            turns: 0,
            escalations: 0,
            plan: None,
            is_plan_only: false,
            end: None,
        }
    }

    /// The run ends with a plan, which is its answer.
    #[must_use]
    pub const fn of_plan(mut self, is_plan_only: bool) -> Self {
        self.is_plan_only = is_plan_only;
        self
    }

    /// Shows a record.
    pub fn record(&mut self, record: &Record) {
        if self.format == Format::StreamJson {
            output::json_line(record);
        }
        if let Event::TurnFinished { .. } = record.event {
            self.turns += 1;
            self.end = end(record.event.clone());
        }
        if let Event::Planned { plan, .. } = &record.event {
            self.plan = Some(plan.clone());
        }
        self.escalations += u32::from(matches!(record.event, Event::Escalated { .. }));
        if self.format == Format::Text {
            self.words(&record.event);
        }
    }

    /// Tells whether the turn is over.
    pub const fn is_over(&self) -> bool {
        self.end.is_some()
    }

    fn words(&mut self, event: &Event) {
        match event {
            Event::TextDelta { text } if self.is_live => {
                output::piece(text);
                self.is_mid_line = !text.ends_with('\n');
            }
            Event::ToolStarted { name, input, .. } => {
                self.end_line();
                terminal::say(&terminal::faint(&format!("· {name} {}", told(input))));
            }
            Event::ToolFinished { ok: false, name, text, .. } => {
                let first = text.lines().next().unwrap_or_default();
                terminal::say(&terminal::faint(&format!("  {name} refused: {}", short(first))));
            }
            Event::RequestRetried { attempt, reason, delay_ms, .. } => {
                self.end_line();
                let after = format!("{}.{} s", delay_ms / 1000, delay_ms % 1000 / 100);
                let attempt = attempt + 1;
                terminal::say(&format!("note: {reason}; attempt {attempt} in {after}"));
            }
            Event::Planned { plan, model, reasons, .. } if !self.is_plan_only => {
                self.end_line();
                let by = model.as_deref().unwrap_or("you");
                terminal::say(&format!("plan of {by} ({})", reasons.join("; ")));
                plan.to_text().lines().for_each(|line| terminal::say(&format!("  {line}")));
            }
            Event::Escalated { from_model, model, confidence, reasons, .. } => {
                self.end_line();
                let why = reasons.join("; ");
                terminal::say(&format!(
                    "note: {model} goes on from {from_model}: {confidence:.2} sure ({why})"
                ));
            }
            Event::Corrected { from_model, model, plan, confidence, reasons, .. } => {
                self.end_line();
                let why = reasons.join("; ");
                terminal::say(&format!(
                    "note: {model} says what {from_model} is to do: {confidence:.2} sure ({why})"
                ));
                plan.to_text().lines().for_each(|line| terminal::say(&format!("  {line}")));
            }
            Event::Notice { message } => {
                self.end_line();
                terminal::say(&format!("note: {message}"));
            }
            Event::Heartbeat { elapsed_ms, waiting_for } => {
                self.end_line();
                let seconds = elapsed_ms / 1000;
                terminal::say(&terminal::faint(&format!("· {seconds} s, waits for {waiting_for}")));
            }
            _ => {}
        }
    }

    fn end_line(&mut self) {
        if std::mem::take(&mut self.is_mid_line) {
            output::text("");
        }
    }

    /// Shows the end; a turn that was not done is a failure.
    pub fn finish(mut self) -> Result<(), Failure> {
        self.end_line();
        let Some(end) = self.end.take() else {
            return Err(Failure::new(
                ErrorKind::Bug,
                "The session ended without an end of its turn",
            )
            .with_hint(format!("`distiq resume {}` goes on", self.session)));
        };
        match self.format {
            Format::Text => {
                if !self.is_live && end.status == TurnStatus::Done {
                    output::text(end.text.trim_end());
                }
                terminal::say(&summary(&end, &self.session));
            }
            Format::Json => {
                let mut told = object(&end, &self.session, (self.turns, self.escalations));
                if let (Some(plan), Some(told)) = (&self.plan, told.as_object_mut()) {
                    told.insert("plan".to_owned(), json!(plan));
                }
                output::json_line(&told);
            }
            Format::StreamJson => {}
        }
        failure(&end, &self.session, self.format)
    }
}

fn end(event: Event) -> Option<End> {
    match event {
        Event::TurnFinished {
            status,
            text,
            error,
            requests,
            usage,
            cost_nanousd,
            files_changed,
            ..
        } => Some(End { status, text, error, requests, usage, cost: cost_nanousd, files_changed }),
        _ => None,
    }
}

/// Shows a tool's arguments in one line: the first text, where it tells enough.
fn told(input: &Value) -> String {
    let text = ["path", "command", "pattern", "query", "name"]
        .iter()
        .find_map(|key| input.get(key)?.as_str().map(str::to_owned))
        .unwrap_or_else(|| input.to_string());
    short(&text)
}

fn short(text: &str) -> String {
    const MOST: usize = 120;
    let line = text.lines().next().unwrap_or_default();
    let cut: String = line.chars().take(MOST).collect();
    if cut.len() < text.trim_end().len() { format!("{cut} …") } else { cut }
}

/// The cost line.
fn summary(end: &End, session: &SessionId) -> String {
    let plural = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
    let cost = end.cost.map_or_else(|| "cost unknown (no price)".to_owned(), |c| c.to_string());
    format!(
        "{cost} · {} · {} tokens in ({} from cache), {} out · {} changed · session {session}",
        plural(end.requests as usize, "request"),
        end.usage.prompt(),
        end.usage.cache_read,
        end.usage.output,
        plural(end.files_changed.len(), "file"),
    )
}

fn object(end: &End, session: &SessionId, (turns, escalations): (u32, u32)) -> Value {
    let mut object = json!({
        "session_id": session,
        "status": end.status,
        "text": end.text,
        "turns": turns,
        "requests": end.requests,
        "usage": {
            "input": end.usage.input,
            "output": end.usage.output,
            "cache_read": end.usage.cache_read,
            "cache_write": end.usage.cache_write.saturating_add(end.usage.cache_write_long),
        },
        "cost_nanousd": end.cost,
        "priced": end.cost.is_some(),
        "files_changed": end.files_changed,
        "escalations": escalations,
    });
    if let (Some(error), Some(object)) = (&end.error, object.as_object_mut()) {
        object.insert("error".to_owned(), json!(error));
    }
    object
}

fn failure(end: &End, session: &SessionId, format: Format) -> Result<(), Failure> {
    let kind = match end.status {
        TurnStatus::Done => return Ok(()),
        TurnStatus::Failed => end.error.as_ref().map_or(ErrorKind::User, |error| error.kind),
        TurnStatus::Limit => ErrorKind::Limit,
        TurnStatus::Budget => ErrorKind::Budget,
        TurnStatus::Denied => ErrorKind::Denied,
        TurnStatus::Cancelled => ErrorKind::Cancelled,
    };
    if format != Format::Text {
        return Err(Failure::told(kind.exit_code()));
    }
    let (message, hint) = match &end.error {
        Some(error) => (error.message.clone(), error.hint.clone()),
        None => (end.text.clone(), None),
    };
    let go_on = format!("`distiq resume {session}` goes on");
    let hint = hint.map_or_else(|| go_on.clone(), |hint| format!("{hint}\n{go_on}"));
    Err(Failure::new(kind, message).with_hint(hint))
}
