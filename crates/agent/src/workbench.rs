//! The agent's door: give it an [`Op`], receive [`Record`]s.
//!
//! A session runs as one task that owns its log and history; the workbench is the handle to it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use distiq_base::clock::Clock;
use distiq_base::event::EVENT_SCHEMA;
use distiq_base::paths::Home;
use distiq_base::{
    Ask, Content, Event, Failure, Message, Mode, Op, OutputFormat, Plan, Record, Role, SessionId,
};
use distiq_router::{Candidate, Router, Tier};
use distiq_tools::Toolbox;
use jiff::tz::TimeZone;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::ProjectCode;
use crate::checkpoint::Checkpoints;
use crate::history::{self, History, Prefix};
use crate::journal::Journal;
use crate::local::{self, Asked};
use crate::log::{LogError, SessionLog};
use crate::prompt::{self, Tail};
use crate::turn::{self, Seat, TurnError};
use crate::{facts, memory, sessions};

/// Records that may wait for a slow listener before the agent waits too.
const LISTENER_ROOM: usize = 256;

/// What a turn may take.
#[derive(Clone, Copy, Debug)]
pub struct TurnLimits {
    /// Requests to the model.
    pub max_requests: u32,
    /// Time.
    pub max_time: Option<Duration>,
    /// The longest silence in the events while work goes on.
    pub heartbeat: Duration,
}

impl Default for TurnLimits {
    fn default() -> Self {
        Self { max_requests: 100, max_time: None, heartbeat: Duration::from_secs(10) }
    }
}

/// When and how a history is made shorter.
#[derive(Clone, Debug)]
pub struct CompactionConfig {
    /// Whether it ever is.
    pub enabled: bool,
    /// Whether old results of tools are left out where that is cheaper.
    pub prunes: bool,
    /// The window to keep to, where it is smaller than the model's.
    pub window_tokens: Option<u64>,
    /// The model that writes the summary; default the session's.
    pub model: Option<Candidate>,
}

impl Default for CompactionConfig {
    fn default() -> Self {
        Self { enabled: true, prunes: true, window_tokens: None, model: None }
    }
}

/// When and how a stronger model goes on from an answer.
#[derive(Clone, Debug)]
pub struct EscalationConfig {
    /// How sure one must be of an answer, from 0 to 1.
    pub threshold: f64,
    /// Who goes on, tier by tier.
    pub ladder: Vec<Rung>,
    /// Whether the next one may only say what is wrong, where that is likely to cost less.
    pub corrections: bool,
    /// The cheap model that is asked about the answer, too.
    pub self_check: Option<Candidate>,
}

/// How a turn is planned before it is carried out.
pub struct PlanConfig {
    /// The user's own plan, which nobody is asked for.
    pub given: Option<Plan>,
    /// Who is asked for a plan, and who is where that one's is unclear.
    pub planners: Vec<Rung>,
    /// Whether the turn ends with the plan.
    pub only: bool,
    /// Whether the user asked for one, whatever else would answer.
    pub is_asked: bool,
    /// Why one is made.
    pub reasons: Vec<String>,
    /// Who does the work where no plan comes, where that is another than who carries one out.
    pub without: Option<(Rung, Vec<String>)>,
    /// Whom the user approves a plan by, in a mode that asks.
    pub ask: Arc<dyn Ask>,
}

/// One step up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rung {
    /// The model.
    pub way: Candidate,
    /// Most tokens of one answer.
    pub max_output_tokens: u64,
}

/// Whether answers of earlier turns are given again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeptAnswers {
    /// They are, and new ones are kept.
    #[default]
    On,
    /// A model is asked, and its answer kept in the place of the one before.
    Renew,
    /// Never.
    Off,
}

/// Says what is wrong with an answer, where something is.
pub type CheckAnswer = Box<dyn Fn(&str) -> Result<(), String> + Send + Sync>;

/// How a model was chosen by what the user wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// The tier that it was chosen for.
    pub tier: Tier,
    /// Why, for the ledger.
    pub reasons: Vec<String>,
}

/// What a session works with.
pub struct Config {
    /// The project's root, absolute.
    pub root: PathBuf,
    /// The folder the user stands in, at or below the root.
    pub cwd: PathBuf,
    /// Where sessions and memory files are kept.
    pub home: Home,
    /// The door to models.
    pub router: Arc<Router>,
    /// The tools.
    pub toolbox: Arc<Toolbox>,
    /// Finds the places that a request may be about; without it the model finds them itself.
    pub code: Option<Arc<ProjectCode>>,
    /// Keeps what the tools change, so that it can be undone; the toolbox must watch for it.
    pub checkpoints: Option<Arc<Checkpoints>>,
    /// The provider's name.
    pub provider: String,
    /// The model's id.
    pub model: String,
    /// Where else a request may go where all attempts fail, in order.
    pub fallbacks: Vec<Candidate>,
    /// How the model was chosen, where that was by the request; `None` where the settings name it.
    pub chosen: Option<Chosen>,
    /// What may be done without asking.
    pub mode: Mode,
    /// What a turn may take.
    pub limits: TurnLimits,
    /// Whether questions that need no model are answered without one.
    pub local_answers: bool,
    /// Whether a question may be answered by the answer of an earlier turn, where that still holds; the router's cache of
    /// answers keeps them.
    pub kept_answers: KeptAnswers,
    /// Why no model can be asked, where none can: what needs one ends so.
    pub no_model: Option<Failure>,
    /// When and how the history is made shorter.
    pub compaction: CompactionConfig,
    /// Whether the vendor's cache is kept alive while tools run, where that is likely to cost less than to write it anew.
    pub keep_alive: bool,
    /// When and how a stronger model goes on; `None` where nobody does, as with a model that is named.
    pub escalation: Option<EscalationConfig>,
    /// How turns are planned; `None` where they are not.
    pub plan: Option<PlanConfig>,
    /// Most tokens of one answer.
    pub max_output_tokens: u64,
    /// The shape of the answer, where one is asked for.
    pub output: Option<OutputFormat>,
    /// Says what is wrong with an answer's shape; the model is asked again then.
    pub check_answer: Option<CheckAnswer>,
    /// Whether the session is kept on disk.
    pub save: bool,
    /// The clock.
    pub clock: Clock,
    /// The zone of dates that the model is told.
    pub tz: TimeZone,
    /// Distiq's version, for the log.
    pub version: String,
}

/// Tells why a session cannot begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// Its log cannot be used.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// A session that runs.
#[derive(Debug)]
pub struct Workbench {
    session: SessionId,
    turns: mpsc::UnboundedSender<(Message, CancellationToken)>,
    shared: Arc<Shared>,
    task: JoinHandle<Result<(), TurnError>>,
}

/// What the handle and the session's task share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    current: Mutex<CancellationToken>,
    steering: Mutex<Vec<String>>,
}

impl Shared {
    pub(crate) fn take_steering(&self) -> Vec<String> {
        std::mem::take(&mut *self.steering.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What every turn of a session needs.
pub(crate) struct Bench {
    pub session: SessionId,
    pub config: Config,
}

impl Workbench {
    /// Begins a session; its first record is [`Event::SessionStarted`].
    ///
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`AgentError::Log`] where the log cannot be made.
    pub fn start(config: Config) -> Result<(Self, mpsc::Receiver<Record>), AgentError> {
        let session = SessionId::generate();
        let log = new_log(&config, &session)?;
        let opening = vec![started(&config, &session, None)];
        Ok(Self::spawn(config, session, log, History::default(), opening))
    }

    /// Goes on with a session; calls that a crash left open are closed first.
    ///
    /// # Errors
    /// [`AgentError::Log`] where the log cannot be read or is in use.
    pub fn resume(
        config: Config,
        session: SessionId,
    ) -> Result<(Self, mpsc::Receiver<Record>), AgentError> {
        let path = sessions::path_of(&config.home.sessions(), &session);
        let (log, history) = history::reopen(&path, config.clock.clone())?;
        for (name, arguments) in history.interrupted() {
            if let Ok(input) = serde_json::from_str(arguments) {
                config.toolbox.clear_after(name, &input);
            }
        }
        let opening = vec![Event::SessionResumed {
            session_id: session.clone(),
            version: config.version.clone(),
        }];
        Ok(Self::spawn(config, session, log, history, opening))
    }

    /// Begins a session with the history of another, which stays as it is; requests go on with the
    /// same bytes, so that the vendor's cache is read.
    ///
    /// # Errors
    /// [`AgentError::Log`] where a log cannot be read or made.
    pub fn fork(
        config: Config,
        from: &SessionId,
    ) -> Result<(Self, mpsc::Receiver<Record>), AgentError> {
        let mut history = history::read(&sessions::path_of(&config.home.sessions(), from))?;
        (history.messages, history.bound_until) = (history.to_send(), 0);
        let session = SessionId::generate();
        let log = new_log(&config, &session)?;
        let mut opening = vec![started(&config, &session, Some(from.clone()))];
        opening.extend(history.prefix.clone().map(prefix_event));
        let messages = history.messages.iter().cloned();
        match history.carried.clone() {
            Some(carried) => opening.push(Event::Compacted {
                reason: "forked".to_owned(),
                tokens_before: history.dropped_tokens,
                tokens_after: 0,
                carried,
                messages: messages.collect(),
            }),
            None => opening.extend(messages.map(|message| Event::Message { message })),
        }
        Ok(Self::spawn(config, session, log, history, opening))
    }

    fn spawn(
        config: Config,
        session: SessionId,
        log: SessionLog,
        history: History,
        opening: Vec<Event>,
    ) -> (Self, mpsc::Receiver<Record>) {
        let (records, listener) = mpsc::channel(LISTENER_ROOM);
        let (turns, queue) = mpsc::unbounded_channel();
        // What opened a turn has the tail behind it; what the agent said itself has not.
        let typed = history.messages.iter().filter(|m| m.role == Role::User && m.content.len() > 1);
        typed.for_each(|message| config.toolbox.heard(first_words(message)));
        let carried = history.carried.iter().flat_map(|carried| &carried.user);
        carried.for_each(|words| config.toolbox.heard(words));
        let shared = Arc::new(Shared::default());
        let journal = Journal::new(log, records);
        let seat = Seat::new(&config);
        let bench = Bench { session: session.clone(), config };
        let state = Session { bench, journal, history, seat };
        let task = tokio::spawn(state.run(opening, queue, shared.clone()));
        (Self { session, turns, shared, task }, listener)
    }

    /// Returns the session's id.
    pub const fn session_id(&self) -> &SessionId {
        &self.session
    }

    /// Asks for something; turns queue, steering and cancellation take effect at once.
    pub fn submit(&self, op: Op) {
        match op {
            Op::Turn(message) => {
                let token = CancellationToken::new();
                *self.shared.current.lock().unwrap_or_else(PoisonError::into_inner) = token.clone();
                // The session's task ends only with this handle or with an error that `finish` tells.
                let _ = self.turns.send((message, token));
            }
            Op::Steer(words) => {
                self.shared.steering.lock().unwrap_or_else(PoisonError::into_inner).push(words);
            }
            Op::Cancel => {
                self.shared.current.lock().unwrap_or_else(PoisonError::into_inner).cancel();
            }
        }
    }

    /// Waits until all turns are over and the log is closed.
    ///
    /// # Errors
    /// [`TurnError`] where the log could not be written.
    pub async fn finish(self) -> Result<(), TurnError> {
        drop(self.turns);
        match self.task.await {
            Ok(result) => result,
            Err(_) => Err(TurnError::Bug("the session's task ended early")),
        }
    }
}

/// Returns what the user typed of a message.
pub(crate) fn first_words(message: &Message) -> &str {
    match message.content.first() {
        Some(Content::Text { text }) => text,
        _ => "",
    }
}

/// Makes the log of a new session; unsaved where the user wants none.
fn new_log(config: &Config, session: &SessionId) -> Result<SessionLog, AgentError> {
    if !config.save {
        return Ok(SessionLog::unsaved(config.clock.clone()));
    }
    let path = sessions::path_of(&config.home.sessions(), session);
    Ok(SessionLog::create(&path, config.clock.clone())?)
}

fn started(config: &Config, session: &SessionId, forked_from: Option<SessionId>) -> Event {
    Event::SessionStarted {
        session_id: session.clone(),
        schema: EVENT_SCHEMA,
        version: config.version.clone(),
        root: config.root.display().to_string(),
        forked_from,
    }
}

fn prefix_event(prefix: Prefix) -> Event {
    Event::Prefix { system: prefix.system, tools: prefix.tools, cache_key: prefix.cache_key }
}

/// The task that owns a session.
struct Session {
    bench: Bench,
    journal: Journal,
    history: History,
    seat: Seat,
}

impl Session {
    async fn run(
        mut self,
        opening: Vec<Event>,
        mut queue: mpsc::UnboundedReceiver<(Message, CancellationToken)>,
        shared: Arc<Shared>,
    ) -> Result<(), TurnError> {
        for event in opening {
            self.journal.emit(event).await?;
        }
        loop {
            let Session { bench, journal, history, seat } = &mut self;
            let next = turn::between(bench, &shared, (journal, history, seat), queue.recv());
            let Some((message, cancel)) = next.await? else { break };
            let Config { clock, tz, root, cwd, .. } = &self.bench.config;
            let tail = Tail::read(clock.now(), tz, root, cwd);
            self.bench.config.toolbox.heard(first_words(&message));
            // The turn's tail is none of the user's words.
            let request = message.text();
            let message = prompt::open_turn(message, &tail);
            let asked = self.recognise(&message);
            // Nothing is looked up twice.
            let places = if asked.is_some() { String::new() } else { self.places(request).await };
            let message = self.ensure_prefix(message).await?;
            let message = prompt::add_places(message, &places);
            let Session { bench, journal, history, seat } = &mut self;
            let state = (journal, history, seat);
            turn::run(bench, &shared, state, (message, asked), cancel).await?;
        }
        self.journal.sync();
        Ok(())
    }

    fn wants_plan(&self) -> bool {
        self.bench.config.plan.as_ref().is_some_and(|plan| plan.is_asked)
    }

    /// Recognises a request that may need no model.
    fn recognise(&self, message: &Message) -> Option<Asked> {
        let config = &self.bench.config;
        // A picture is for a model, and so is a shape of the answer.
        let has_picture = message.content.iter().any(|part| !matches!(part, Content::Text { .. }));
        if !config.local_answers || self.wants_plan() || has_picture || config.output.is_some() {
            return None;
        }
        local::recognise(first_words(message))
    }

    /// Finds the places that a request may be about, beside the runtime's threads.
    async fn places(&self, request: String) -> String {
        let Some(code) = self.bench.config.code.clone() else { return String::new() };
        // Without them the model looks for itself.
        tokio::task::spawn_blocking(move || code.places(&request)).await.unwrap_or_default()
    }

    /// Fixes, before the first request, what all requests of the session begin with; returns the
    /// first message with what was looked up for it.
    async fn ensure_prefix(&mut self, first: Message) -> Result<Message, TurnError> {
        if self.history.prefix.is_some() {
            return Ok(first);
        }
        let (prefix, texts) = self.prefix(&first);
        self.journal.emit(prefix_event(prefix.clone())).await?;
        self.history.prefix = Some(prefix);
        Ok(prompt::add_texts(first, &texts))
    }

    fn prefix(&self, first: &Message) -> (Prefix, String) {
        let config = &self.bench.config;
        let memory = memory::read(&config.home.config, &config.root, &config.cwd);
        let guidelines = config.toolbox.guidelines();
        let tools = config.toolbox.definitions();
        let mut request = distiq_base::Request {
            model: config.model.clone(),
            system: prompt::system(guidelines, &memory, ""),
            tools,
            messages: vec![first.clone()],
            ..distiq_base::Request::default()
        };
        let room = config.router.facts_budget(&config.provider, &request);
        let facts = facts::gather(&config.root, room);
        request.system = prompt::system(guidelines, &memory, &facts.outline);
        for (path, text) in &facts.shown {
            config.toolbox.shown(&config.root.join(path), text);
        }
        let prefix = Prefix {
            system: request.system,
            tools: request.tools,
            cache_key: self.bench.session.as_str().to_owned(),
        };
        (prefix, facts.texts)
    }
}
