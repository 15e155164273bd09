//! One turn: from the user's message to the model's last word.
//!
//! Whatever ends it (an answer, a limit, a fault, the user), the history stays valid: every call has
//! a result, and nothing half is in it.

mod answer;
mod calls;
mod changes;
mod compacting;
mod correcting;
mod escalating;
mod keeping_warm;
mod kept;
mod planning;
mod pruning;
mod repeats;
mod wait;

use std::pin::pin;
use std::time::SystemTime;

use distiq_base::{
    ErrorKind, Event, Failure, Message, Request, RequestKind, Role, StopReason, TurnStatus,
};
use distiq_router::economy::Pace;
use distiq_router::economy::compaction::USUAL_WINDOW;
use distiq_router::escalate::Ending;
use distiq_router::{Candidate, LeftOut, Purpose, SendError};
use tokio_util::sync::CancellationToken;

use crate::checkpoint::{Kept, MAX_SHOWN};
use crate::history::History;
use crate::journal::Journal;
use crate::local::{self, Asked};
use crate::log::LogError;
use crate::workbench::{Bench, Shared};
use answer::{Got, Spent};
use calls::Trace;
pub(crate) use escalating::Seat;
pub(crate) use keeping_warm::Sent;
use wait::{Stop, Waiting};

/// How often a broken or empty answer is asked for again in one turn.
const MAX_ASK_AGAIN: u32 = 2;
const GO_ON: &str = "Your answer was cut at its token limit. Go on where it ended.";
const EMPTY: &str = "Your answer was empty. Go on, or say that you are done.";
/// What the agent says in the user's place.
pub(crate) const NUDGES: &[&str] = &[GO_ON, EMPTY];

/// Tells why a turn could not even be recorded.
#[derive(Debug, thiserror::Error)]
pub enum TurnError {
    /// The log cannot be written: nothing more may be shown.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A fault of ours.
    #[error("Internal fault: {0}")]
    Bug(&'static str),
}

/// Whether the turn goes on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    GoOn,
    Done,
    Ended(TurnStatus, Failure),
}

impl Step {
    fn ended(status: TurnStatus, kind: ErrorKind, message: impl Into<String>, hint: &str) -> Self {
        let hint = (!hint.is_empty()).then(|| hint.to_owned());
        Step::Ended(status, Failure { kind, message: message.into(), hint })
    }

    fn failed(message: impl Into<String>, hint: &str) -> Self {
        Step::ended(TurnStatus::Failed, ErrorKind::User, message, hint)
    }
}

/// A turn that runs.
pub(crate) struct Turning<'a> {
    bench: &'a Bench,
    shared: &'a Shared,
    journal: &'a mut Journal,
    history: &'a mut History,
    /// Who is asked; a stronger model may go on.
    seat: &'a mut Seat,
    /// What the user asked for.
    asked_for: String,
    /// What the turn came to before another model went on that has not answered yet.
    before: Option<escalating::Before>,
    waiting: Waiting,
    trace: Trace,
    spent: Spent,
    asked_again: u32,
    last_words: String,
    /// Whether the user said something meanwhile.
    steered: bool,
    /// Whether an answer of the turn could not be relied on, so that work is done again.
    again: bool,
    /// Whether the answer was judged too unsure to be given again.
    unsure: bool,
    /// What the history came to when it was last made shorter.
    shortened_to: Option<u64>,
    /// From how many tokens on the history is looked through again for what can be left out.
    looked_at: Option<u64>,
}

/// Waits for what the user says next, and keeps the vendor's cache alive meanwhile where that is likely to pay.
pub(crate) async fn between<T>(
    bench: &Bench,
    shared: &Shared,
    state: (&mut Journal, &mut History, &mut Seat),
    next: impl Future<Output = T>,
) -> Result<T, TurnError> {
    let nothing = (String::new(), CancellationToken::new());
    keeping_warm::between_turns(&mut Turning::new(bench, shared, state, nothing), next).await
}

/// Takes one turn, without a model where what is `asked` is found, and returns how it ended.
pub(crate) async fn run(
    bench: &Bench,
    shared: &Shared,
    (journal, history, seat): (&mut Journal, &mut History, &mut Seat),
    (message, asked): (Message, Option<Asked>),
    cancel: CancellationToken,
) -> Result<TurnStatus, TurnError> {
    let began = SystemTime::now();
    let asked_for = crate::workbench::first_words(&message).to_owned();
    let mut turn = Turning::new(bench, shared, (journal, history, seat), (asked_for, cancel));
    let began_at = turn.seat.way.clone();
    turn.open().await?;
    turn.say(message.clone()).await?;
    if let Some(asked) = asked
        && turn.answer_locally(&asked).await?
    {
        return turn.close(Step::Done, began, &began_at).await;
    }
    let wants_plan = bench.config.plan.as_ref().is_some_and(|plan| plan.is_asked);
    let keeping = kept::Keeping::of(&turn).filter(|_| !wants_plan);
    if let Some(keeping) = &keeping
        && keeping.give(&mut turn).await?
    {
        return turn.close(Step::Done, began, &began_at).await;
    }
    // What is known already needs no plan.
    if let Some(end) = planning::plan(&mut turn, &message).await? {
        return turn.close(end, began, &began_at).await;
    }
    let end = loop {
        match turn.step().await? {
            Step::GoOn => {}
            end => {
                if let Some(end) = escalating::judge(&mut turn, end).await? {
                    break end;
                }
            }
        }
    };
    if let (Step::Done, Some(keeping)) = (&end, keeping) {
        keeping.keep(&turn);
    }
    turn.close(end, began, &began_at).await
}

impl<'a> Turning<'a> {
    fn new(
        bench: &'a Bench,
        shared: &'a Shared,
        (journal, history, seat): (&'a mut Journal, &'a mut History, &'a mut Seat),
        (asked_for, cancel): (String, CancellationToken),
    ) -> Self {
        Self {
            bench,
            shared,
            journal,
            history,
            asked_for,
            before: None,
            seat,
            waiting: Waiting::new(cancel, &bench.config.limits),
            trace: Trace::default(),
            spent: Spent::default(),
            asked_again: 0,
            last_words: String::new(),
            steered: false,
            again: false,
            unsure: false,
            shortened_to: None,
            looked_at: None,
        }
    }

    async fn open(&mut self) -> Result<(), TurnError> {
        self.history.turns += 1;
        if let Some(checkpoints) = &self.bench.config.checkpoints {
            checkpoints.begin(&self.bench.session, self.history.turns);
        }
        self.bench.config.toolbox.begin_turn(self.history.turns);
        self.journal
            .emit(Event::TurnStarted {
                turn: self.history.turns,
                provider: self.seat.way.provider.clone(),
                model: self.seat.way.model.clone(),
                mode: self.bench.config.mode,
            })
            .await?;
        Ok(())
    }

    /// Answers what needs no model, where the answer is found; the ledger tells what that saved.
    async fn answer_locally(&mut self, asked: &Asked) -> Result<bool, TurnError> {
        let config = &self.bench.config;
        let (code, cancel) = (config.code.as_ref(), self.waiting.token());
        let looking = local::answer(asked, &config.root, code, &config.toolbox, cancel);
        let found = self.waiting.until(&mut pin!(looking), "the index", self.journal).await?;
        let Ok(Some(text)) = found else { return Ok(false) };
        let (request, purpose) = (self.request(), self.purpose());
        if let Err(error) = config.router.record_local(&request, &text, purpose).await {
            // What is not on the ledger is not claimed, but it may be shown.
            self.journal.emit(Event::Notice { message: error.to_string() }).await?;
        }
        self.journal.emit(Event::TextDelta { text: text.clone() }).await?;
        self.say(Message::assistant(text.as_str())).await?;
        self.last_words = text;
        Ok(true)
    }

    /// Adds a message to the log and the history.
    async fn say(&mut self, message: Message) -> Result<(), TurnError> {
        self.journal.emit(Event::Message { message: message.clone() }).await?;
        self.history.messages.push(message);
        Ok(())
    }

    async fn step(&mut self) -> Result<Step, TurnError> {
        if let Some(stop) = self.waiting.over() {
            return Ok(stopped(stop));
        }
        if let Some(why) = &self.bench.config.no_model {
            return Ok(Step::Ended(TurnStatus::Failed, why.clone()));
        }
        if self.spent.requests >= self.bench.config.limits.max_requests {
            let message =
                format!("Limit of {} requests met", self.bench.config.limits.max_requests);
            return Ok(Step::ended(TurnStatus::Limit, ErrorKind::Limit, message, RESUME));
        }
        for words in self.shared.take_steering() {
            self.steered = true;
            self.bench.config.toolbox.heard(&words);
            self.say(Message::user(words)).await?;
        }
        let request = compacting::next_request(self).await?;
        match answer::get(self, request).await? {
            Got::Whole(message, stop) => self.take(message, &stop).await,
            Got::Broken(error) => self.again_after(error).await,
            // Some vendors have no code of their own for a prompt that is too long.
            Got::Failed(error) if error.is_too_long() || error.is_refusal() && self.is_long() => {
                self.window_is_full(failed(&error)).await
            }
            Got::Failed(error) => Ok(failed(&error)),
            Got::Stopped(stop, partial) => {
                if let Some(message) = partial {
                    self.say(message).await?;
                }
                Ok(stopped(stop))
            }
        }
    }

    async fn take(&mut self, message: Message, stop: &StopReason) -> Result<Step, TurnError> {
        // Whoever answers has taken over.
        self.before = None;
        let calls = calls::Asked::of(&message);
        let text = message.text();
        if !text.trim().is_empty() {
            self.last_words.clone_from(&text);
        }
        let empty = message.content.is_empty();
        if !empty {
            self.say(message).await?;
        }
        if !calls.is_empty() {
            let results = calls::run(self, &calls).await?;
            self.say(Message { role: Role::User, content: results.contents }).await?;
            return Ok(results.step);
        }
        match stop {
            StopReason::PauseTurn => Ok(Step::GoOn),
            StopReason::MaxTokens => {
                self.nudge(GO_ON, "The answer was cut at its token limit", Ending::Cut).await
            }
            StopReason::Refusal => Ok(Step::failed("The model refused to answer", "")),
            StopReason::ContextWindow => {
                let message = "The model's context window is full";
                self.window_is_full(Step::failed(message, "start a new session")).await
            }
            _ if text.trim().is_empty() => {
                self.nudge(EMPTY, "The model answered nothing", Ending::Empty).await
            }
            _ => self.check(&text).await,
        }
    }

    /// Holds the last word against the shape that was asked for.
    async fn check(&mut self, text: &str) -> Result<Step, TurnError> {
        let check = self.bench.config.check_answer.as_ref();
        match check.map_or(Ok(()), |check| check(text)) {
            Ok(()) => Ok(Step::Done),
            Err(problem) => {
                let words = format!("{problem}. Answer again with the JSON alone.");
                let what = format!("The answer has not the asked shape: {problem}");
                self.nudge(&words, &what, Ending::Misshapen).await
            }
        }
    }

    /// Says one more word to the model, a bounded number of times a turn.
    async fn nudge(&mut self, words: &str, what: &str, ending: Ending) -> Result<Step, TurnError> {
        if self.asked_again >= MAX_ASK_AGAIN {
            self.trace.gathered.ending = ending;
            return Ok(Step::failed(what, "try again, or another model with `--model`"));
        }
        self.asked_again += 1;
        self.say(Message::user(words)).await?;
        Ok(Step::GoOn)
    }

    /// Tells whether the prompt may be too long for its model.
    fn is_long(&self) -> bool {
        let config = &self.bench.config;
        let window = config.router.window(&self.seat.way.provider, &self.seat.way.model);
        config.router.prompt_tokens(&self.request()) > window.unwrap_or(USUAL_WINDOW) / 2
    }

    /// Makes the history shorter and goes on, where that can be done; else the turn ends with `failure`.
    async fn window_is_full(&mut self, failure: Step) -> Result<Step, TurnError> {
        if self.asked_again < MAX_ASK_AGAIN && compacting::by_force(self).await? {
            self.asked_again += 1;
            return Ok(Step::GoOn);
        }
        Ok(failure)
    }

    async fn again_after(&mut self, error: SendError) -> Result<Step, TurnError> {
        if self.asked_again >= MAX_ASK_AGAIN || !error.is_retryable() {
            return Ok(failed(&error));
        }
        self.asked_again += 1;
        let message = format!(
            "The answer broke off ({error}); what was shown of it is dropped, asking again"
        );
        self.journal.emit(Event::Notice { message }).await?;
        Ok(Step::GoOn)
    }

    fn request(&self) -> Request {
        let prefix = self.history.prefix.clone().unwrap_or_default();
        let mut request = Request {
            model: self.seat.way.model.clone(),
            system: prefix.system,
            tools: prefix.tools,
            messages: self.history.to_send(),
            max_tokens: Some(self.seat.max_output_tokens),
            output: self.bench.config.output.clone(),
            stream: true,
            ..Request::default()
        };
        let config = &self.bench.config;
        let pace = Pace {
            rhythm: self.history.rhythm,
            idle: self.history.idle(config.clock.now()),
            ttl: self.history.ttl,
            keeps_alive: config.keep_alive,
            shortens: config.compaction.enabled,
        };
        let provider = &self.seat.way.provider;
        request.cache = config.router.cache_plan(provider, &request, &prefix.cache_key, &pace);
        request
    }

    fn purpose(&self) -> Purpose {
        let usual = || vec!["model chosen by the user's settings".to_owned()];
        let Seat { way, reasons, fallbacks, .. } = &*self.seat;
        Purpose {
            tier: way.tier,
            route: if reasons.is_some() { "auto" } else { "fixed" },
            session: Some(self.bench.session.clone()),
            project: Some(self.bench.config.root.display().to_string()),
            fallbacks: fallbacks.clone(),
            reasons: reasons.clone().unwrap_or_else(usual),
            left_out: LeftOut { context_tokens: self.history.dropped_tokens, ..LeftOut::default() },
            again: self.again,
            ..Purpose::new(RequestKind::Execute, way.provider.clone())
        }
    }

    /// Tells what was kept since this was last told.
    async fn tell_checkpoints(&mut self) -> Result<(), TurnError> {
        let Some(checkpoints) = &self.bench.config.checkpoints else { return Ok(()) };
        checkpoints.runs_behind(self.bench.config.toolbox.runs_behind());
        let (kept, notices) = checkpoints.drain();
        for Kept { turn, id, mut files } in kept {
            files.truncate(MAX_SHOWN);
            let id = id.to_string();
            self.journal.emit(Event::Checkpoint { turn, id, files_changed: files }).await?;
        }
        for message in notices {
            self.journal.emit(Event::Notice { message }).await?;
        }
        Ok(())
    }

    /// Takes in what commands changed that no call was told of.
    async fn end_checkpoints(&mut self, began: SystemTime) -> Result<(), TurnError> {
        let checkpoints = self.bench.config.checkpoints.clone();
        let root = self.bench.config.root.clone();
        let ran_commands = self.trace.ran_commands;
        let looking = tokio::task::spawn_blocking(move || match checkpoints {
            Some(checkpoints) => {
                let mut changed = checkpoints.end_turn();
                if ran_commands && !checkpoints.covers_commands() {
                    changed.extend(changes::since(&root, began));
                }
                changed
            }
            None if ran_commands => changes::since(&root, began),
            None => Vec::new(),
        });
        let changed = looking.await.map_err(|_| TurnError::Bug("looking for changes failed"))?;
        self.trace.files_changed.extend(changed);
        self.tell_checkpoints().await
    }

    async fn close(
        mut self,
        end: Step,
        began: SystemTime,
        began_at: &Candidate,
    ) -> Result<TurnStatus, TurnError> {
        let (status, error) = match end {
            Step::Ended(status, failure) => (status, Some(failure)),
            Step::GoOn | Step::Done => (TurnStatus::Done, None),
        };
        self.end_checkpoints(began).await?;
        let Candidate { provider, model, .. } = self.seat.way.clone();
        let is_other = provider != began_at.provider || model != began_at.model;
        self.journal
            .emit(Event::TurnFinished {
                turn: self.history.turns,
                status,
                text: std::mem::take(&mut self.last_words),
                error,
                requests: self.spent.requests,
                usage: self.spent.usage,
                cost_nanousd: self.spent.cost,
                files_changed: std::mem::take(&mut self.trace.files_changed).into_iter().collect(),
                provider: is_other.then_some(provider),
                model: is_other.then_some(model),
            })
            .await?;
        self.journal.sync();
        Ok(status)
    }
}

const RESUME: &str = "`distiq resume` goes on where it ended";

fn stopped(stop: Stop) -> Step {
    match stop {
        Stop::Cancelled => {
            Step::ended(TurnStatus::Cancelled, ErrorKind::Cancelled, "Cancelled", RESUME)
        }
        Stop::Deadline => {
            Step::ended(TurnStatus::Limit, ErrorKind::Limit, "Time limit met", RESUME)
        }
    }
}

fn failed(error: &SendError) -> Step {
    let status = match error.kind() {
        ErrorKind::Budget => TurnStatus::Budget,
        ErrorKind::Denied => TurnStatus::Denied,
        _ => TurnStatus::Failed,
    };
    Step::ended(status, error.kind(), error.to_string(), &error.hint())
}
