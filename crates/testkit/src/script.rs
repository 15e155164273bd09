//! What a scripted model says: a list of steps, or a function of the request.

mod file;
mod template;

use std::fmt;

use distiq_base::{Content, Message, Request, Role, StopReason, Usage};
use serde_json::Value;

pub use file::ScriptError;

use crate::fault::Fault;

/// A scripted model's part.
pub struct Script {
    source: Source,
    /// What comes when the steps are used up.
    pub at_end: AtEnd,
    /// The models that `GET /v1/models` lists.
    pub models: Vec<String>,
}

enum Source {
    InOrder { steps: Vec<Step>, next: usize },
    ByTurn { steps: Vec<Step> },
    Function(Box<dyn FnMut(&Request) -> Step + Send>),
}

/// One request's answer.
#[derive(Clone, Debug)]
pub enum Step {
    /// An answer.
    Answer(Answer),
    /// A fault, and nothing else; it harms a built-in answer of text and a tool call.
    Fault(Fault),
    /// Faults that harm this answer, one per request, then the answer itself.
    Faulty {
        /// The faults, first one first.
        faults: Vec<Fault>,
        /// The answer.
        answer: Answer,
    },
}

/// What comes when the steps are used up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AtEnd {
    /// A 400 that no client retries, and a violation in [`check`](crate::ScriptedModel::check).
    #[default]
    Refuse,
    /// The last step again.
    Repeat,
}

/// What the model says in one answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// Its blocks. Empty ids of tool calls are filled in by the server.
    pub content: Vec<Content>,
    /// Why it ends; left out, it follows from the content.
    pub stop: Option<StopReason>,
    /// The count it reports.
    pub count: Count,
    /// Between two events of its stream, in milliseconds.
    pub pace_ms: u64,
    /// What the newest tool result must contain; otherwise the request is refused.
    pub expects: Vec<String>,
}

/// The count that an answer reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Count {
    /// What the vendor's rules give.
    #[default]
    Counted,
    /// None at all.
    Missing,
    /// This.
    Exactly(Usage),
}

/// What a request gets.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Play {
    pub answer: Answer,
    pub fault: Option<Fault>,
}

impl Script {
    /// Makes a script whose steps answer the requests in the order of their coming.
    pub fn steps(steps: impl IntoIterator<Item = impl Into<Step>>) -> Self {
        let steps = steps.into_iter().map(Into::into).collect();
        Self::new(Source::InOrder { steps, next: 0 })
    }

    /// Makes a script whose steps answer by place in the conversation: a request with `n` answers in
    /// its history gets step `n`, so that any number of sessions can play it at once.
    pub fn by_turn(steps: impl IntoIterator<Item = impl Into<Step>>) -> Self {
        let steps = steps.into_iter().map(Into::into).collect();
        Self::new(Source::ByTurn { steps })
    }

    /// Makes a script that looks at each request.
    pub fn function(function: impl FnMut(&Request) -> Step + Send + 'static) -> Self {
        Self::new(Source::Function(Box::new(function)))
    }

    /// Sets what comes when the steps are used up.
    pub const fn at_end(mut self, at_end: AtEnd) -> Self {
        self.at_end = at_end;
        self
    }

    fn new(source: Source) -> Self {
        Self { source, at_end: AtEnd::default(), models: vec!["scripted-1".to_owned()] }
    }

    /// Returns how many steps of a list were not reached; 0 for other scripts.
    pub fn steps_left(&self) -> usize {
        match &self.source {
            Source::InOrder { steps, next } => steps.len().saturating_sub(*next),
            Source::ByTurn { .. } | Source::Function(_) => 0,
        }
    }

    /// Takes the next answer out of the script.
    pub(crate) fn play(&mut self, request: &Request) -> Result<Play, ScriptError> {
        let repeats = self.at_end == AtEnd::Repeat;
        let last = |length: usize| length.saturating_sub(1);
        let mut play = match &mut self.source {
            Source::InOrder { steps, next } => {
                if repeats {
                    *next = (*next).min(last(steps.len()));
                }
                let step = steps.get_mut(*next).ok_or(ScriptError::Over { steps: *next })?;
                let (play, done) = take(step);
                *next += usize::from(done);
                play
            }
            Source::ByTurn { steps } => {
                let answers = request.messages.iter().filter(|m| m.role == Role::Assistant);
                let mut turn = answers.count();
                if repeats {
                    turn = turn.min(last(steps.len()));
                }
                let step = steps.get_mut(turn).ok_or(ScriptError::Over { steps: turn })?;
                take(step).0
            }
            Source::Function(function) => take(&mut function(request)).0,
        };
        let results = tool_results(request);
        for expected in &play.answer.expects {
            if !results.last().is_some_and(|result| result.contains(expected)) {
                return Err(ScriptError::Unexpected {
                    expected: expected.clone(),
                    found: results.last().cloned().unwrap_or_default(),
                });
            }
        }
        template::fill(&mut play.answer, &results)?;
        Ok(play)
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, steps) = match &self.source {
            Source::InOrder { steps, .. } => ("in order", steps.len()),
            Source::ByTurn { steps, .. } => ("by turn", steps.len()),
            Source::Function(_) => ("function", 0),
        };
        f.debug_struct("Script").field("kind", &kind).field("steps", &steps).finish_non_exhaustive()
    }
}

/// Plays a step once and tells whether it is used up.
fn take(step: &mut Step) -> (Play, bool) {
    match step {
        Step::Answer(answer) => (Play { answer: answer.clone(), fault: None }, true),
        Step::Fault(fault) => (Play { answer: Answer::sample(), fault: Some(fault.clone()) }, true),
        Step::Faulty { faults, answer } => {
            let fault = (!faults.is_empty()).then(|| faults.remove(0));
            let done = fault.is_none();
            (Play { answer: answer.clone(), fault }, done)
        }
    }
}

/// Returns the texts of the newest message's tool results, in order.
fn tool_results(request: &Request) -> Vec<String> {
    let newest = request.messages.iter().rev().find_map(|message| {
        let results: Vec<String> = message
            .content
            .iter()
            .filter_map(|content| match content {
                Content::ToolResult { content, .. } => Some(plain_text(content)),
                _ => None,
            })
            .collect();
        (!results.is_empty()).then_some(results)
    });
    newest.unwrap_or_default()
}

fn plain_text(content: &[Content]) -> String {
    let texts = content.iter().filter_map(|part| match part {
        Content::Text { text } => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

impl Answer {
    /// Makes an answer of one text.
    pub fn text(text: impl Into<String>) -> Self {
        Self { content: vec![Content::text(text)], ..Self::default() }
    }

    /// Makes an answer of one tool call.
    pub fn call(name: impl Into<String>, input: Value) -> Self {
        Self::default().and_call(name, input)
    }

    /// Makes an answer of several tool calls.
    pub fn calls<N: Into<String>>(calls: impl IntoIterator<Item = (N, Value)>) -> Self {
        calls
            .into_iter()
            .fold(Self::default(), |answer, (name, input)| answer.and_call(name, input))
    }

    /// Adds a text.
    pub fn and_text(mut self, text: impl Into<String>) -> Self {
        self.content.push(Content::text(text));
        self
    }

    /// Adds a tool call; the server gives it an id.
    pub fn and_call(self, name: impl Into<String>, input: Value) -> Self {
        self.and_raw_call(name, input.to_string())
    }

    /// Adds a tool call whose arguments need not be JSON.
    pub fn and_raw_call(mut self, name: impl Into<String>, arguments: impl Into<String>) -> Self {
        self.content.push(Content::ToolCall {
            id: String::new(),
            name: name.into(),
            arguments: arguments.into(),
        });
        self
    }

    /// Puts a signed thought before everything else.
    pub fn after_thinking(mut self, text: impl Into<String>, signature: &str) -> Self {
        let signature = Some(signature.to_owned());
        self.content.insert(0, Content::Thinking { text: text.into(), signature });
        self
    }

    /// Sets why it ends.
    pub fn stopping(mut self, stop: StopReason) -> Self {
        self.stop = Some(stop);
        self
    }

    /// Sets the count it reports.
    pub const fn counting(mut self, count: Count) -> Self {
        self.count = count;
        self
    }

    /// Sets the time between two events of its stream.
    pub const fn paced(mut self, pace_ms: u64) -> Self {
        self.pace_ms = pace_ms;
        self
    }

    /// Refuses the request unless its newest tool result contains a text.
    pub fn expecting(mut self, text: impl Into<String>) -> Self {
        self.expects.push(text.into());
        self
    }

    /// Makes a step of it that fails first, once per fault.
    pub fn after_faults(self, faults: impl IntoIterator<Item = Fault>) -> Step {
        Step::Faulty { faults: faults.into_iter().collect(), answer: self }
    }

    /// Returns an answer that any fault can harm: text with wide characters and a tool call.
    pub fn sample() -> Self {
        let text = "Here is a first look — naïve, but 日本語 and 🦀 survive the way.";
        Self::text(text).and_call("read", serde_json::json!({"path": "src/日本.rs", "start": 1}))
    }

    /// Returns the answer as a message of the history.
    pub fn into_message(self) -> Message {
        Message { role: Role::Assistant, content: self.content }
    }

    /// Returns why the answer ends.
    pub(crate) fn stop_reason(&self) -> StopReason {
        let calls = self.content.iter().any(|c| matches!(c, Content::ToolCall { .. }));
        self.stop.clone().unwrap_or(if calls { StopReason::ToolUse } else { StopReason::EndTurn })
    }
}

impl From<Answer> for Step {
    fn from(answer: Answer) -> Self {
        Step::Answer(answer)
    }
}

impl From<Fault> for Step {
    fn from(fault: Fault) -> Self {
        Step::Fault(fault)
    }
}
