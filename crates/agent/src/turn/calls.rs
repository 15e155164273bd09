//! Runs the calls of one answer: in the order written, only reads side by side, and a failed edit
//! stops the later ones.

use std::collections::BTreeSet;
use std::time::Instant;

use distiq_base::kill::kill_point;
use distiq_base::{Content, ErrorKind, Event, TurnStatus};
use distiq_router::escalate::Ending;
use distiq_tools::{Call, Outcome, Refusal};
use futures::future::join_all;
use serde_json::Value;

use crate::confidence::Gathered;

use super::kept::Looks;
use super::repeats::{Repeats, STOP_AT, WARN_AT};
use super::wait::Stop;
use super::{Step, TurnError, Turning, keeping_warm};

const CANCELLED: &str = "Cancelled by the user before it ended.";
const NOT_RUN: &str = "Not run: an earlier edit in this answer failed.";
const BLANK: &str = "[nothing but blanks]";
const OUT_OF_TIME: &str = "Stopped: the time limit was met.";

/// What the calls of a turn have left behind so far.
#[derive(Debug, Default)]
pub struct Trace {
    /// Paths that tools changed.
    pub files_changed: BTreeSet<String>,
    /// Whether a command ran that may have changed files.
    pub ran_commands: bool,
    /// What tells how sure one can be of the answer.
    pub gathered: Gathered,
    /// What it looked at, where it did nothing else.
    pub looks: Looks,
    repeats: Repeats,
}

impl Trace {
    /// Another model goes on.
    pub fn hand_over(&mut self) {
        self.gathered.hand_over();
        self.repeats = Repeats::default();
    }
}

/// A call as the model wrote it.
#[derive(Clone, Debug)]
pub struct Asked {
    id: String,
    name: String,
    arguments: String,
}

impl Asked {
    /// Takes the calls out of an answer.
    pub fn of(message: &distiq_base::Message) -> Vec<Asked> {
        message
            .tool_calls()
            .map(|(id, name, arguments)| Asked {
                id: id.to_owned(),
                name: name.to_owned(),
                arguments: arguments.to_owned(),
            })
            .collect()
    }

    fn input(&self) -> Result<Value, String> {
        match serde_json::from_str::<Value>(&self.arguments) {
            Ok(value @ Value::Object(_)) => Ok(value),
            Ok(_) => Err("The arguments are no JSON object. Send the call again.".to_owned()),
            Err(e) => Err(format!(
                "The arguments are not valid JSON ({e}); they may have been cut. Send the call again, \
                 in smaller parts if it was long."
            )),
        }
    }
}

/// The results of an answer's calls, one for each, in order, and whether the turn must end.
pub struct Results {
    /// What the model is told.
    pub contents: Vec<Content>,
    /// Why the turn ends, where it does.
    pub step: Step,
}

/// Runs all calls; every call gets a result, whatever happens.
pub async fn run(turn: &mut Turning<'_>, calls: &[Asked]) -> Result<Results, TurnError> {
    let mut contents = Vec::new();
    let mut step = Step::GoOn;
    let mut rest = calls;
    let mut not_run = None;
    while let Some((first, _)) = rest.split_first() {
        if let Some(why) = not_run {
            contents.extend(rest.iter().map(|c| Content::tool_result(&c.id, why, true)));
            break;
        }
        let side_by_side = rest.iter().take_while(|c| reads(turn, c)).count().max(1);
        let (group, later) = rest.split_at(side_by_side);
        rest = later;
        let outcomes = run_group(turn, group).await?;
        for (call, mut outcome) in group.iter().zip(outcomes) {
            let failed_edit = !outcome.ok && matches!(first.name.as_str(), "edit" | "write");
            if failed_edit {
                not_run = Some(NOT_RUN);
            }
            if outcome.ended {
                not_run = Some(if turn.waiting.cancelled() { CANCELLED } else { OUT_OF_TIME });
            }
            if let Some(end) = outcome.step.take() {
                step = end;
                not_run = Some("Not run: the turn has ended.");
            }
            contents.push(outcome.content(&call.id));
        }
    }
    Ok(Results { contents, step })
}

fn reads(turn: &Turning<'_>, call: &Asked) -> bool {
    call.input().is_ok_and(|input| turn.bench.config.toolbox.is_read_only(&call.name, &input))
}

/// A call's result on its way to the model.
struct Done {
    ok: bool,
    text: String,
    images: Vec<distiq_base::ImageSource>,
    step: Option<Step>,
    ended: bool,
}

impl Done {
    fn content(self, id: &str) -> Content {
        let mut content = vec![Content::text(self.text)];
        content.extend(self.images.into_iter().map(|source| Content::Image { source }));
        Content::ToolResult { call_id: id.to_owned(), content, is_error: !self.ok }
    }
}

async fn run_group(turn: &mut Turning<'_>, group: &[Asked]) -> Result<Vec<Done>, TurnError> {
    for call in group {
        let input = call.input().unwrap_or_else(|_| Value::String(call.arguments.clone()));
        let (call_id, name) = (call.id.clone(), call.name.clone());
        turn.journal.emit(Event::ToolStarted { call_id, name, input }).await?;
    }
    let toolbox = turn.bench.config.toolbox.clone();
    let cancel = turn.waiting.token();
    let name = group.first().map(|c| c.name.clone()).unwrap_or_default();
    let started = Instant::now();
    let outcomes = join_all(group.iter().map(|call| {
        let (toolbox, cancel) = (toolbox.clone(), cancel.clone());
        async move {
            let outcome = match call.input() {
                Ok(input) => {
                    let (id, name) = (call.id.clone(), call.name.clone());
                    toolbox.call(Call { id, name, input }, cancel).await
                }
                Err(message) => Outcome::from(Refusal::invalid(message)),
            };
            (outcome, started.elapsed())
        }
    }));
    let (outcomes, stop) = keeping_warm::on_tools(turn, outcomes, &name).await?;
    kill_point("after_tool");
    turn.tell_checkpoints().await?;
    let mut done = Vec::new();
    for (call, (outcome, took)) in group.iter().zip(outcomes) {
        done.push(finish(turn, call, outcome, took, stop).await?);
    }
    Ok(done)
}

async fn finish(
    turn: &mut Turning<'_>,
    call: &Asked,
    outcome: Outcome,
    took: std::time::Duration,
    stop: Option<Stop>,
) -> Result<Done, TurnError> {
    let mut nobody = false;
    for asked in &outcome.asked {
        nobody |= asked.answer == "nobody";
        turn.journal
            .emit(Event::Asked {
                tool: call.name.clone(),
                summary: asked.summary.clone(),
                answer: asked.answer.clone(),
            })
            .await?;
    }
    let again = turn.trace.repeats.note(&call.name, &call.arguments, &outcome.text);
    turn.trace.gathered.note(&call.name, &call.arguments, &outcome, again);
    let is_fine = outcome.ok && outcome.images.is_empty() && outcome.asked.is_empty();
    turn.trace.looks.note(&call.name, &call.arguments, &outcome.text, is_fine);
    // Vendors refuse a text of nothing but blanks, with all of the conversation behind it.
    let mut text = match outcome.text.trim().is_empty() && !outcome.text.is_empty() {
        true => BLANK.to_owned(),
        false => outcome.text,
    };
    let mut step = nobody.then(|| denied(&call.name));
    if again >= STOP_AT {
        let message = format!("The model made the same `{}` call {again} times", call.name);
        turn.trace.gathered.ending = Ending::InCircles;
        step = Some(Step::failed(message, "say more about the request, or try another model"));
    } else if again >= WARN_AT {
        text.push_str("\n[The same call gave the same result before. Try something else.]");
    }
    turn.trace.ran_commands |= call.name == "shell" || call.name == "more";
    turn.trace.files_changed.extend(outcome.files_changed.iter().cloned());
    turn.journal
        .emit(Event::ToolFinished {
            call_id: call.id.clone(),
            name: call.name.clone(),
            ok: outcome.ok,
            text: text.clone(),
            files_changed: outcome.files_changed,
            duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        })
        .await?;
    let ended = stop.is_some();
    Ok(Done { ok: outcome.ok, text, images: outcome.images, step, ended })
}

fn denied(tool: &str) -> Step {
    Step::ended(
        TurnStatus::Denied,
        ErrorKind::Denied,
        format!("`{tool}` needs the user's permission and nobody could answer"),
        "run it on a terminal, or allow more with `--mode auto-edit` or `--mode full`",
    )
}
