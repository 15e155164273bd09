//! A session's events: what its log holds, what `--output-format stream-json` prints.
//!
//! The log is the session: an event is appended before it is shown, and everything else (history,
//! resume, export, cost) is read from it. The schema only grows.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::carried::{Carried, PrunedResult};
use crate::error::ErrorKind;
use crate::ids::{RequestId, SessionId};
use crate::message::Message;
use crate::money::Money;
use crate::plan::Plan;
use crate::request::{SystemBlock, ToolDef};
use crate::stream::StopReason;
use crate::usage::Usage;

/// The version of the event schema.
pub const EVENT_SCHEMA: u32 = 1;

/// One line of a session's log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Counts from 0, without gaps.
    pub seq: u64,
    /// When, UTC.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub event: Event,
}

/// What the agent is asked to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// Take a turn with this user message.
    Turn(Message),
    /// Say this to the model before its next request.
    Steer(String),
    /// Stop the turn that runs.
    Cancel,
}

/// What may be done without asking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Nothing that writes, runs or reaches out.
    ReadOnly,
    /// Reads; asks for the rest.
    #[default]
    Ask,
    /// Reads and edits in the project; asks for commands.
    AutoEdit,
    /// Everything inside the project.
    Full,
}

/// How a turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TurnStatus {
    /// The model was done.
    Done,
    /// It failed.
    Failed,
    /// A limit of turns or time was met.
    Limit,
    /// A money limit was met.
    Budget,
    /// Something was not allowed, or nobody could answer.
    Denied,
    /// The user cancelled.
    Cancelled,
}

/// Why something failed, in words for the user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// What kind of failure; sets the exit code.
    pub kind: ErrorKind,
    /// What failed and on what.
    pub message: String,
    /// What the user can do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// Everything that happens in a session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// The session begins; always the first event of its log.
    SessionStarted {
        /// The session.
        session_id: SessionId,
        /// The event schema's version.
        schema: u32,
        /// The version of Distiq that wrote it.
        version: String,
        /// The project's root, absolute.
        root: String,
        /// The session this one was forked from.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        forked_from: Option<SessionId>,
    },
    /// The session goes on in another process.
    SessionResumed {
        /// The session.
        session_id: SessionId,
        /// The version of Distiq that goes on with it.
        version: String,
    },
    /// What every request of the session begins with, kept so that a resumed one sends the same bytes.
    Prefix {
        /// The system prompt.
        system: Vec<SystemBlock>,
        /// The tools.
        tools: Vec<ToolDef>,
        /// The key for the vendor's prompt cache.
        cache_key: String,
    },
    /// A turn begins.
    TurnStarted {
        /// Counts from 1.
        turn: u32,
        /// The provider's name.
        provider: String,
        /// The model.
        model: String,
        /// What may be done without asking.
        mode: Mode,
    },
    /// A message joins the history.
    Message {
        /// The message.
        message: Message,
    },
    /// A request goes out.
    RequestStarted {
        /// The request.
        request_id: RequestId,
        /// The provider's name.
        provider: String,
        /// The model.
        model: String,
    },
    /// An attempt failed before anything was shown, and another follows.
    RequestRetried {
        /// The request.
        request_id: RequestId,
        /// The attempt that failed, from 1.
        attempt: u32,
        /// Why.
        reason: String,
        /// How long until the next, in milliseconds.
        delay_ms: u64,
    },
    /// A piece of the answer.
    TextDelta {
        /// The piece.
        text: String,
    },
    /// A piece of the reasoning.
    ThinkingDelta {
        /// The piece.
        text: String,
    },
    /// A request is over and on the ledger.
    RequestFinished {
        /// The request.
        request_id: RequestId,
        /// The model that answered.
        model: String,
        /// Its tokens.
        usage: Usage,
        /// Its cost in nano-dollars; `None` where the model has no known price.
        cost_nanousd: Option<Money>,
        /// Whether usage and cost are our estimate, because the vendor did not tell.
        estimated: bool,
        /// From sending to the end, in milliseconds.
        latency_ms: u64,
        /// From sending to the first token, in milliseconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        first_token_ms: Option<u64>,
        /// Why the answer ended, where it did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stop: Option<StopReason>,
        /// Why the request failed, where it did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
        /// Whether it was sent only so that the vendor's cache lives on.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        keeps_warm: bool,
    },
    /// A tool begins.
    ToolStarted {
        /// The model's call.
        call_id: String,
        /// The tool's name.
        name: String,
        /// Its arguments.
        input: Value,
    },
    /// A tool has ended.
    ToolFinished {
        /// The model's call.
        call_id: String,
        /// The tool's name.
        name: String,
        /// Whether it did what it was asked.
        ok: bool,
        /// What the model is told.
        text: String,
        /// Paths it changed, relative to the root.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        files_changed: Vec<String>,
        /// How long it took, in milliseconds.
        duration_ms: u64,
    },
    /// The user was asked.
    Asked {
        /// The tool.
        tool: String,
        /// What it would do.
        summary: String,
        /// The answer: `once`, `always`, `no` or `nobody`.
        answer: String,
    },
    /// Work goes on; comes at least every 10 seconds when nothing else does.
    Heartbeat {
        /// Since the turn began, in milliseconds.
        elapsed_ms: u64,
        /// What is waited for: `model` or a tool's name.
        waiting_for: String,
    },
    /// Something the user should know.
    Notice {
        /// What.
        message: String,
    },
    /// A turn is over.
    TurnFinished {
        /// Counts from 1.
        turn: u32,
        /// How it ended.
        status: TurnStatus,
        /// The model's last words.
        text: String,
        /// Why it ended, where it was not done.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<Failure>,
        /// Requests of the turn.
        requests: u32,
        /// Tokens of the turn.
        usage: Usage,
        /// Cost of the turn in nano-dollars; `None` where a request had no known price.
        cost_nanousd: Option<Money>,
        /// Paths changed in the turn, relative to the root.
        files_changed: Vec<String>,
        /// The provider that it ended at, where that is another than it began with.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        provider: Option<String>,
        /// The model that it ended at, where that is another than it began with.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<String>,
    },
    /// A plan was made, or given, for the turn.
    Planned {
        /// The plan.
        plan: Plan,
        /// The provider that made it; absent where the user gave it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        provider: Option<String>,
        /// The model that made it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<String>,
        /// Why one was made.
        reasons: Vec<String>,
    },
    /// An answer was judged: how likely it does what was asked.
    Judged {
        /// The provider that answered.
        provider: String,
        /// The model that answered.
        model: String,
        /// From 0 to 1.
        confidence: f64,
        /// Why, what weighs most first.
        reasons: Vec<String>,
    },
    /// A stronger model goes on with the turn, because one could not be sure enough of the answer.
    Escalated {
        /// The provider that answered.
        from_provider: String,
        /// The model that answered.
        from_model: String,
        /// The tier that it was chosen for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from_tier: Option<String>,
        /// The provider that is asked now.
        provider: String,
        /// The model that is asked now.
        model: String,
        /// Its tier.
        tier: String,
        /// How likely the answer did what was asked, from 0 to 1.
        confidence: f64,
        /// Why, what weighs most first.
        reasons: Vec<String>,
        /// What the new model reads of the conversation costs more than if the former had gone on, in
        /// nano-dollars; null where a price is unknown.
        switch_cost_nanousd: Option<Money>,
    },
    /// A stronger model said what is wrong and what to do, and leaves the rest to who did not do it.
    Corrected {
        /// The provider that goes on.
        from_provider: String,
        /// The model that goes on.
        from_model: String,
        /// The provider that was asked.
        provider: String,
        /// The model that was asked.
        model: String,
        /// What is to be done.
        plan: Plan,
        /// How likely the answer did what was asked, from 0 to 1.
        confidence: f64,
        /// Why, what weighs most first.
        reasons: Vec<String>,
    },
    /// What a call changed was kept, so that it can be undone.
    Checkpoint {
        /// The turn.
        turn: u32,
        /// Where it is kept.
        id: String,
        /// Paths that changed, relative to the root; at most 200.
        files_changed: Vec<String>,
    },
    /// The session went back to before a turn.
    Undone {
        /// The turn.
        turn: u32,
        /// Whether the files did.
        files: bool,
        /// Whether the conversation did: what was said since is not in the history any more.
        conversation: bool,
        /// Where is kept how the files were changed, where any were.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// Paths that changed, relative to the root; at most 200.
        files_changed: Vec<String>,
    },
    /// What the last undo took back came back.
    Redone {
        /// The first turn that came back.
        turn: u32,
        /// Whether the files did.
        files: bool,
        /// Whether the conversation did.
        conversation: bool,
        /// Where is kept how the files were changed, where any were.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// Paths that changed, relative to the root; at most 200.
        files_changed: Vec<String>,
    },
    /// The history was made shorter: requests go on with `messages` in the place of all before.
    Compacted {
        /// Why now.
        reason: String,
        /// The prompt's tokens before, as estimated.
        tokens_before: u64,
        /// And after.
        tokens_after: u64,
        /// What was carried over, for the next time.
        carried: Carried,
        /// The whole history from here on.
        messages: Vec<Message>,
    },
    /// Old results of tools are not sent any more: requests go on with a line in the place of each, and without the
    /// reasoning behind the first, which vendors bind to what was sent before it.
    Pruned {
        /// Why now.
        reason: String,
        /// The prompt's tokens before, as estimated.
        tokens_before: u64,
        /// And after.
        tokens_after: u64,
        /// What stands in for each.
        results: Vec<PrunedResult>,
    },
    /// The session got a name.
    Named {
        /// The name.
        name: String,
    },
}

impl Mode {
    /// Returns the name used on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Mode::ReadOnly => "read-only",
            Mode::Ask => "ask",
            Mode::AutoEdit => "auto-edit",
            Mode::Full => "full",
        }
    }

    /// Reads a mode's name.
    pub fn parse(text: &str) -> Option<Self> {
        [Mode::ReadOnly, Mode::Ask, Mode::AutoEdit, Mode::Full]
            .into_iter()
            .find(|mode| mode.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_one_flat_line_with_its_type_near_the_front() {
        let record = Record {
            seq: 7,
            at: "2026-11-21T10:00:00Z".parse().unwrap(),
            event: Event::TextDelta { text: "hi\n".into() },
        };
        let line = serde_json::to_string(&record).unwrap();
        assert_eq!(
            line,
            r#"{"seq":7,"at":"2026-11-21T10:00:00Z","type":"text_delta","text":"hi\n"}"#
        );
        assert_eq!(serde_json::from_str::<Record>(&line).unwrap(), record);
    }
}
