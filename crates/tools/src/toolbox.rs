//! The door: definitions for the model, and calls.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use distiq_base::{Answer, Ask, CodeIndex, Mode, Question, ToolDef};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use crate::bench::Bench;
use crate::outcome::{Asked, Outcome, Refusal, RefusalKind};
use crate::page::Page;
use crate::permission::{self, Decision, Memory, Rules, Terms, Verdict};
use crate::place::{Grounds, resolve};
use crate::sandbox::{Grant, SandboxConfig};
use crate::watch::{Touched, Watch};
use crate::{edit, find, git, more, read, search, shell, test_runner, write};

/// Every name that can be called; the first eight are shown to the model.
const NAMES: [&str; 9] =
    ["read", "find", "search", "edit", "write", "shell", "test", "more", "git"];

/// The longest that a command runs, unless the call says otherwise.
const SHELL_TIMEOUT_MS: u64 = 120_000;

/// What the prompt says about tools.
const GUIDELINES: &str = "\
- One edit call per file, with `edits` for several places; keep `search` as small as it stays unique. All old texts refer to the \
file as it was before the call.
- Calls of one answer run in order, and a failed edit stops those after it: put an edit and its test in one answer.
- Search shows the code around few hits; read only what you still miss.";

/// What a toolbox needs; [`ToolboxConfig::new`] fills in what is usual.
pub struct ToolboxConfig {
    /// The project's root; nothing outside is touched.
    pub root: PathBuf,
    /// What may be done without asking.
    pub mode: Mode,
    /// Who is asked.
    pub ask: Arc<dyn Ask>,
    /// Where full outputs go; made when first needed.
    pub outputs: PathBuf,
    /// Where the journals of edits under way go; made when first needed.
    pub journal: PathBuf,
    /// Names of environment variables that commands must not see, beside the well-known keys.
    pub secret_env: Vec<String>,
    /// How long a command may take where the call does not say.
    pub shell_timeout_ms: u64,
    /// What commands may reach.
    pub sandbox: SandboxConfig,
    /// The program that supervises commands when called as [`supervise`](crate::supervise) says: this
    /// one. Without it a command that hides may outlive its call.
    pub launcher: Option<PathBuf>,
    /// The rules of the settings.
    pub rules: Arc<Rules>,
    /// Who remembers what the user allows for good.
    pub memory: Option<Arc<dyn Memory>>,
    /// Who knows the project's definitions and finds code by its meaning.
    pub code: Option<Arc<dyn CodeIndex>>,
    /// Who is told of every change, such as the session's checkpoints.
    pub watch: Option<Arc<dyn Watch>>,
}

impl ToolboxConfig {
    /// Returns the settings of a toolbox that asks before anything that is not harmless.
    pub fn new(root: impl Into<PathBuf>, ask: Arc<dyn Ask>, outputs: impl Into<PathBuf>) -> Self {
        let outputs = outputs.into();
        Self {
            root: root.into(),
            mode: Mode::default(),
            ask,
            journal: outputs.with_file_name("journal"),
            outputs,
            secret_env: Vec::new(),
            shell_timeout_ms: SHELL_TIMEOUT_MS,
            sandbox: SandboxConfig::off(),
            launcher: None,
            rules: Arc::default(),
            memory: None,
            code: None,
            watch: None,
        }
    }
}

/// Why there is no toolbox.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// The root cannot be used.
    #[error("cannot use {path} as the project's root: it must be a folder you can read")]
    Root {
        /// The root as given.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// A call of a tool.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The model's id of it.
    pub id: String,
    /// The tool.
    pub name: String,
    /// Its arguments.
    pub input: Value,
}

/// The tools of one session.
pub struct Toolbox {
    bench: Arc<Bench>,
}

/// A call whose arguments are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Parsed {
    Read(read::Input),
    Find(find::Input),
    Search(search::Input),
    Edit(edit::Input),
    Write(write::Input),
    Shell(shell::Input),
    Git(git::Input),
    Test(test_runner::Input),
    List,
}

/// Makes a definition: only what the model needs to call it.
pub(crate) fn define(
    name: &str,
    description: &str,
    properties: Value,
    required: &[&str],
) -> ToolDef {
    let mut schema = json!({"type": "object", "properties": properties});
    if let (Some(object), false) = (schema.as_object_mut(), required.is_empty()) {
        object.insert("required".to_owned(), json!(required));
    }
    ToolDef {
        name: name.to_owned(),
        description: description.to_owned(),
        schema,
        extra: Map::new(),
    }
}

impl Parsed {
    pub(crate) fn new(name: &str, input: &Value) -> Result<Self, Refusal> {
        Ok(match name {
            "read" => Parsed::Read(read::parse(input)?),
            "find" => Parsed::Find(find::parse(input)?),
            "search" => Parsed::Search(search::parse(input)?),
            "edit" => Parsed::Edit(edit::parse(input)?),
            "write" => Parsed::Write(write::parse(input)?),
            "shell" => Parsed::Shell(shell::parse(input)?),
            "git" => Parsed::Git(git::parse(input)?),
            "test" => Parsed::Test(test_runner::parse(input)?),
            "more" => match more::parse(input)? {
                Some((tool, input)) => Parsed::new(&tool, &input)?,
                None => Parsed::List,
            },
            other => {
                let name: String = other.chars().take(60).collect();
                return Err(Refusal::invalid(format!(
                    "there is no tool `{name}`; there are {}",
                    NAMES.join(", ")
                )));
            }
        })
    }

    /// Returns the paths that an edit or a write names.
    fn paths(&self) -> Vec<&str> {
        match self {
            Parsed::Edit(input) => input
                .changes
                .iter()
                .flat_map(|change| {
                    let to = match &change.kind {
                        edit::Kind::Edit { to, .. } => to.as_deref(),
                        _ => None,
                    };
                    std::iter::once(change.path.as_str()).chain(to)
                })
                .collect(),
            Parsed::Write(input) => vec![input.path.as_str()],
            _ => Vec::new(),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Parsed::Read(_) => "read",
            Parsed::Find(_) => "find",
            Parsed::Search(_) => "search",
            Parsed::Edit(_) => "edit",
            Parsed::Write(_) => "write",
            Parsed::Shell(_) => "shell",
            Parsed::Git(_) => "git",
            Parsed::Test(_) => "test",
            Parsed::List => "more",
        }
    }
}

impl Toolbox {
    /// Makes the tools of a session.
    ///
    /// # Errors
    /// [`ToolError::Root`] where the root is no folder.
    pub fn new(config: ToolboxConfig) -> Result<Self, ToolError> {
        let root = config.root.clone();
        let found = root.canonicalize().and_then(|path| std::fs::read_dir(&path).map(|_| path));
        let root = found.map_err(|source| ToolError::Root { path: root, source })?;
        let outputs = std::path::absolute(&config.outputs)
            .and_then(|path| resolve(&path))
            .unwrap_or_else(|_| config.outputs.clone());
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let marker = format!("{:x}-{:x}", std::process::id(), since.as_nanos());
        let grounds = Grounds { root, outputs };
        Ok(Self { bench: Arc::new(Bench::new(grounds, config, marker)) })
    }

    /// Returns what the model is shown, always in the same order.
    pub fn definitions(&self) -> Vec<ToolDef> {
        definitions()
    }

    /// Returns the lines of the prompt that belong to the tools.
    pub fn guidelines(&self) -> &'static str {
        GUIDELINES
    }

    /// Returns the names that can be called.
    pub fn names(&self) -> &'static [&'static str] {
        &NAMES
    }

    /// Returns what is weaker here than the sandbox promises, a line each; empty where nothing is, or where none is
    /// wanted. The first look at it takes some milliseconds.
    pub fn sandbox_gaps(&self) -> Vec<String> {
        self.bench.sandbox.gaps()
    }

    /// Tells whether a call changes nothing, so that it may run beside others.
    pub fn is_read_only(&self, name: &str, input: &Value) -> bool {
        match Parsed::new(name, input) {
            Ok(Parsed::Edit(_) | Parsed::Write(_)) => false,
            Ok(call) => {
                let decision = permission::judge(Mode::Ask, &call, &self.bench.grounds);
                decision.verdict == Verdict::Allow
            }
            Err(_) => true,
        }
    }

    /// Returns the verdict on a call, without asking or doing anything.
    ///
    /// # Errors
    /// Where the arguments are wrong.
    pub fn decide(&self, name: &str, input: &Value) -> Result<Decision, Refusal> {
        Ok(judge(&self.bench, &Parsed::new(name, input)?))
    }

    /// Begins a turn of the conversation, counted from 1, so that a repeated read can say when it was shown.
    pub fn begin_turn(&self, turn: u32) {
        self.bench.session().begin_turn(turn);
    }

    /// Hears what the user typed: a command that rewrites git's history is theirs only where their words hold it.
    pub fn heard(&self, words: &str) {
        self.bench.heard().hear(words);
    }

    /// Hears that lines of a file stand in the conversation, so that a search only names them.
    pub fn shown(&self, path: &Path, lines: &str) {
        self.bench.session().showed(path, lines);
    }

    /// Forgets which texts were shown; for when the history no longer holds them.
    pub fn forget(&self) {
        self.bench.session().forget();
    }

    /// Removes the temporary files that a call left whose process was killed.
    pub fn clear_after(&self, name: &str, input: &Value) {
        let Ok(call) = Parsed::new(name, input) else { return };
        for place in
            call.paths().into_iter().filter_map(|path| self.bench.grounds.writable(path).ok())
        {
            if let Some(folder) = place.path.parent() {
                distiq_base::atomic::sweep(folder);
            }
        }
    }

    /// Tells whether commands of the session run behind its calls.
    pub fn runs_behind(&self) -> bool {
        self.bench.background.is_any_running()
    }

    /// Runs a call to its end, or until it is cancelled. Never fails: what goes wrong is in the
    /// outcome.
    pub async fn call(&self, call: Call, cancel: CancellationToken) -> Outcome {
        let bench = Arc::clone(&self.bench);
        let name = call.name.clone();
        // Who drops this future cancels the call: nothing is left running unseen.
        let cancel = cancel.child_token();
        let _guard = cancel.clone().drop_guard();
        // In a task of its own, so that a panic ends this call only.
        let task = tokio::spawn(async move { run(bench, call, cancel).await });
        task.await.unwrap_or_else(|error| {
            let what =
                if error.is_panic() { "a bug ended the call" } else { "the call was stopped" };
            Refusal::new(RefusalKind::Failed, format!("{name}: {what}; try another way")).into()
        })
    }
}

impl Drop for Toolbox {
    /// Ends what commands of this session left running.
    fn drop(&mut self) {
        let supervised = self.bench.config.launcher.is_some();
        self.bench.background.close(&self.bench.marker, supervised);
    }
}

/// Returns the definitions; they depend on nothing, so that a session's prefix never changes.
pub fn definitions() -> Vec<ToolDef> {
    vec![
        read::definition(),
        find::definition(),
        search::definition(),
        edit::definition(),
        write::definition(),
        shell::definition(),
        test_runner::definition(),
        more::definition(),
    ]
}

/// Returns every tool's reference page.
pub fn pages() -> Vec<Page> {
    vec![
        read::page(),
        find::page(),
        search::page(),
        edit::page(),
        write::page(),
        shell::page(),
        test_runner::page(),
        more::page(),
        git::page(),
    ]
}

async fn run(bench: Arc<Bench>, call: Call, cancel: CancellationToken) -> Outcome {
    let parsed = match Parsed::new(&call.name, &call.input) {
        Ok(parsed) => parsed,
        Err(refusal) => return refusal.into(),
    };
    let mut asked = Vec::new();
    let grant = match permit(&bench, &parsed, &cancel, &mut asked).await {
        Ok(grant) => grant,
        Err(refusal) => return Outcome { asked, ..refusal.into() },
    };
    let recovering = Arc::clone(&bench);
    let recovered = tokio::task::spawn_blocking(move || recovering.recover());
    recovered.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    let touched = touched(&bench, &parsed);
    if let Err(refusal) = before(&bench, touched.as_ref()).await {
        return Outcome { asked, ..refusal.into() };
    }
    let result = match parsed {
        Parsed::Shell(input) => shell::run(&bench, &input, grant, &cancel).await,
        Parsed::Git(input) => git::run(&bench, &input, grant, &cancel).await,
        Parsed::Test(input) => test_runner::run(&bench, &input, grant, &cancel).await,
        parsed => {
            // An edit once begun is finished; a search looks at the token itself.
            let bench = Arc::clone(&bench);
            tokio::task::spawn_blocking(move || run_blocking(&bench, &parsed, &cancel))
                .await
                .unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
        }
    };
    let mut outcome = Outcome { asked, ..result.unwrap_or_else(Outcome::from) };
    for note in bench.take_notes() {
        outcome.text.push_str(&format!("\n[{note}]"));
    }
    after(&bench, touched, outcome).await
}

/// Returns what a call may change; `None` where it changes nothing.
fn touched(bench: &Bench, call: &Parsed) -> Option<Touched> {
    let paths = match call {
        Parsed::Edit(_) | Parsed::Write(_) => call.paths(),
        Parsed::Shell(_) | Parsed::Git(_) | Parsed::Test(_) => {
            let harmless = permission::judge(Mode::Ask, call, &bench.grounds);
            return (harmless.verdict != Verdict::Allow).then_some(Touched::Anything);
        }
        _ => return None,
    };
    let places = paths.into_iter().filter_map(|path| bench.grounds.writable(path).ok());
    Some(Touched::Paths(places.map(|place| place.path).collect()))
}

/// Tells the watch that a change is about to be made; a watch that cannot keep the old state ends the call.
async fn before(bench: &Arc<Bench>, touched: Option<&Touched>) -> Result<(), Refusal> {
    let (Some(watch), Some(touched)) = (bench.config.watch.clone(), touched.cloned()) else {
        return Ok(());
    };
    let told = tokio::task::spawn_blocking(move || watch.before(&touched));
    let told = told.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    told.map_err(|why| {
        Refusal::new(RefusalKind::Failed, format!("cannot keep the state before the change: {why}"))
    })
}

/// Tells the watch that the change is made; what it saw change counts beside what the tool says.
async fn after(bench: &Arc<Bench>, touched: Option<Touched>, mut outcome: Outcome) -> Outcome {
    let (Some(watch), Some(touched)) = (bench.config.watch.clone(), touched) else {
        return outcome;
    };
    let seen = tokio::task::spawn_blocking(move || watch.after(&touched));
    let seen = seen.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    for path in seen {
        if !outcome.files_changed.contains(&path) {
            outcome.files_changed.push(path);
        }
    }
    outcome
}

fn run_blocking(
    bench: &Bench,
    call: &Parsed,
    cancel: &CancellationToken,
) -> Result<Outcome, Refusal> {
    if cancel.is_cancelled() {
        return Err(cancelled());
    }
    match call {
        Parsed::Read(input) => read::run(bench, input),
        Parsed::Find(input) => find::run(bench, input),
        Parsed::Search(input) => search::run(bench, input, cancel),
        Parsed::Edit(input) => edit::run(bench, input),
        Parsed::Write(input) => write::run(bench, input),
        Parsed::List | Parsed::Shell(_) | Parsed::Git(_) | Parsed::Test(_) => Ok(more::list()),
    }
}

fn cancelled() -> Refusal {
    Refusal::new(RefusalKind::Cancelled, "cancelled")
}

fn judge(bench: &Bench, call: &Parsed) -> Decision {
    let heard = bench.heard();
    let terms = Terms { rules: &bench.config.rules, mode: bench.config.mode, heard: &heard };
    permission::judge_by(terms, call, &bench.grounds)
}

/// Lets a call pass, asks, or refuses.
async fn permit(
    bench: &Arc<Bench>,
    call: &Parsed,
    cancel: &CancellationToken,
    asked: &mut Vec<Asked>,
) -> Result<Grant, Refusal> {
    let mut decision = judge(bench, call);
    // Looking for a sandbox costs milliseconds, which only commands shall pay.
    if matches!(call, Parsed::Shell(_) | Parsed::Test(_))
        && let Some(why) = bench.sandbox.missing()
    {
        decision.ask_for_all(&why);
    }
    let granted = || {
        let plain = permission::judge(Mode::Ask, call, &bench.grounds);
        Grant::of(&plain.parts, &decision.parts)
    };
    let reason = &decision.reason;
    match decision.verdict {
        Verdict::Allow => return Ok(granted()),
        Verdict::Deny => return Err(Refusal::denied(format!("not allowed: {reason}"))),
        Verdict::Ask => {}
    }
    let open: Vec<String> = decision
        .parts
        .iter()
        .filter(|part| part.verdict == Verdict::Ask)
        .map(|part| part.text.clone())
        .filter(|part| !bench.granted().contains(&grant(call, part)))
        .collect();
    if open.is_empty() {
        return Ok(granted());
    }
    let question = Question {
        tool: call.name().to_owned(),
        summary: open.join(" · "),
        parts: open.clone(),
        reason: reason.clone(),
    };
    let summary = question.summary.clone();
    let asker = Arc::clone(&bench.config.ask);
    let waiting = tokio::task::spawn_blocking(move || asker.ask(&question));
    let answer = tokio::select! {
        () = cancel.cancelled() => return Err(cancelled()),
        // A question that cannot be put is one that nobody answers.
        answer = waiting => answer.unwrap_or(Answer::Nobody),
    };
    let word = match &answer {
        Answer::Once => "once",
        Answer::Always => "always",
        Answer::No(_) => "no",
        Answer::Nobody => "nobody",
    };
    asked.push(Asked { summary, answer: word.to_owned() });
    match answer {
        Answer::Once => Ok(granted()),
        Answer::Always => {
            let grants: Vec<String> = open.iter().map(|part| grant(call, part)).collect();
            if let Some(memory) = &bench.config.memory {
                memory.keep(call.name(), &open);
            }
            bench.granted().extend(grants);
            Ok(granted())
        }
        Answer::No(why) if why.trim().is_empty() => Err(Refusal::denied("the user said no")),
        Answer::No(why) => Err(Refusal::denied(format!("the user said no: {why}"))),
        Answer::Nobody => Err(Refusal::denied(format!(
            "needs the user's consent, and nobody is there to give it: {reason}"
        ))),
    }
}

/// What "always" remembers: this part, of this tool.
fn grant(call: &Parsed, part: &str) -> String {
    permission::grant(call.name(), part)
}
