//! The `shell` tool: a command line, bounded in time and output.

pub(crate) mod background;
mod bell;
mod capture;
mod definition;
mod environment;
mod fold;
mod job;
mod kept;
mod launch;
mod ready;
mod report;
mod screen;
pub(crate) mod supervisor;
pub(crate) mod terminal;
mod tree;
mod wire;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

pub(crate) use self::capture::Capture;
pub(crate) use self::definition::{definition, page};
pub(crate) use self::job::How;
use self::job::Job;
pub(crate) use self::launch::Spec;
pub(crate) use self::report::{CROWD, Shown, home_short};
use crate::bench::Bench;
use crate::fields::Fields;
use crate::outcome::{Outcome, Refusal, RefusalKind};
use crate::outputs;
use crate::sandbox::{Confine, Grant};

/// Longest time that a call may ask for.
const MAX_TIMEOUT_S: u64 = 3_600;

/// Longest command; the kernel takes no argument over 128 kB.
const MAX_COMMAND: usize = 100_000;

/// What a call asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Input {
    /// Empty where the call is about a command that runs already.
    pub(crate) command: String,
    pub(crate) cwd: String,
    timeout: Option<Duration>,
    background: bool,
    ready: Option<String>,
    /// The command started earlier that the call is about.
    pub(crate) id: Option<u64>,
    kill: bool,
}

pub(crate) fn parse(input: &Value) -> Result<Input, Refusal> {
    let mut fields = Fields::new("shell", input)?;
    let command = fields.text(("command", &["cmd", "script"]))?;
    let seconds = fields.number(("timeout_s", &["timeout_seconds"]))?;
    let milliseconds = fields.number(("timeout_ms", &["timeout"]))?;
    let cwd = fields.text(("cwd", &["workdir", "working_directory", "dir"]))?;
    let background = fields.switch(("background", &["run_in_background", "is_background"]))?;
    // A port may come as the number that it is.
    let ready = fields.text_or_number(("ready", &["wait_for"]))?.filter(|text| !text.is_empty());
    let id = fields.number(("id", &["job", "shell_id"]))?;
    let kill = fields.switch(("kill", &[]))?;
    // Models add what they know from elsewhere; it changes nothing.
    let _ = fields.any(("description", &[]));
    let missing = fields.missing("command", "a string, or `id` a command started before");
    fields.finish().map_err(|mut refusal| {
        refusal.message = refusal.message.replace(", timeout_ms", "").replace(", description", "");
        refusal
    })?;
    let timeout = match (seconds, milliseconds) {
        (Some(0), _) => return Err(Refusal::invalid("shell: `timeout_s` must be from 1 up")),
        (Some(seconds), _) => Some(Duration::from_secs(seconds.min(MAX_TIMEOUT_S))),
        (None, Some(ms)) => Some(Duration::from_millis(ms.clamp(1_000, MAX_TIMEOUT_S * 1_000))),
        (None, None) => None,
    };
    let background = background || ready.is_some();
    let cwd = cwd.filter(|cwd| !cwd.is_empty()).unwrap_or_else(|| ".".to_owned());
    let command = match (command.filter(|command| !command.trim().is_empty()), id) {
        (Some(_), Some(_)) => {
            return Err(Refusal::invalid("shell: give `command` or `id`, not both"));
        }
        (None, None) => return Err(missing),
        (command, _) => command.unwrap_or_default(),
    };
    if command.len() > MAX_COMMAND || command.contains('\0') {
        return Err(Refusal::invalid(
            "shell: `command` is over 100 kB or has a NUL in it; write a script file and run that",
        ));
    }
    if kill && id.is_none() {
        return Err(Refusal::invalid("shell: `kill` needs the `id` of a command"));
    }
    Ok(Input { command, cwd, timeout, background, ready, id, kill })
}

pub(crate) async fn run(
    bench: &Bench,
    input: &Input,
    grant: Grant,
    cancel: &CancellationToken,
) -> Result<Outcome, Refusal> {
    if let Some(id) = input.id {
        return background::look(bench, input, id, cancel).await;
    }
    let cwd = bench.grounds.readable(&input.cwd)?;
    if !cwd.path.is_dir() {
        return Err(Refusal::invalid(format!("shell: `cwd`: {} is no folder", cwd.shown)));
    }
    let timeout = input.timeout.unwrap_or(Duration::from_millis(bench.config.shell_timeout_ms));
    let mut spec = spec(bench, cwd.path, timeout, grant);
    spec.arguments = vec!["-c".into(), input.command.clone().into()];
    let start = Start { spec, capture: Capture::new(output_path(bench)) };
    if input.background {
        return background::start(bench, input, start, cancel).await;
    }
    foreground(bench, input, start, cancel).await
}

/// A command that is about to be started.
struct Start {
    spec: Spec,
    capture: Capture,
}

/// Runs a command and waits for it; what it leaves behind is kept.
async fn foreground(
    bench: &Bench,
    input: &Input,
    Start { spec, capture }: Start,
    cancel: &CancellationToken,
) -> Result<Outcome, Refusal> {
    let job = begin(bench, &spec, capture)?;
    let how = job.finish(spec.timeout, cancel).await.map_err(|error| not_started(&error))?;
    let took = job.began.elapsed();
    let goes_on = !job.state().left.is_empty() && !job.state().done;
    let id = if goes_on { bench.background.keep(&input.command, &job) } else { None };
    if goes_on && id.is_none() {
        job.end(Duration::ZERO).await;
    }
    let (shown, file, note) = {
        let mut state = job.state();
        let (text, dropped) = if goes_on { state.capture.take() } else { state.capture.text() };
        let hints = spec.confine.explain(&text, how == How::Exit(0));
        let shown = Shown::of(text, dropped, how);
        let file = if shown.cut || goes_on { state.capture.keep() } else { None };
        let file = file.map(PathBuf::from);
        let mut note = report::ending(how, spec.timeout, &state.served);
        if goes_on {
            note.push_str(&left(&state.left, id));
        }
        for hint in hints {
            note.push_str(&format!("\n{hint}"));
        }
        (shown, file, note)
    };
    let text = report::with_note(shown, file.as_deref(), note.trim_start());
    let data = json!({
        "exit_code": report::exit_code(how),
        "signal": match how { How::Signal(signal) => Some(signal), _ => None },
        "timed_out": how == How::TimedOut,
        "duration_ms": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        "output_file": file.map(|path| path.to_string_lossy().into_owned()),
        "id": id,
    });
    let outcome = Outcome::done(text).with_data(data);
    let stopped = match how {
        How::TimedOut | How::Crowd => RefusalKind::Failed,
        How::Cancelled => RefusalKind::Cancelled,
        How::Exit(_) | How::Signal(_) => return Ok(outcome),
    };
    let refusal = Some(Refusal::new(stopped, outcome.text.clone()));
    Ok(Outcome { ok: false, refusal, ..outcome })
}

/// Starts a command, which ends with the session at the latest.
fn begin(bench: &Bench, spec: &Spec, capture: Capture) -> Result<Arc<Job>, Refusal> {
    let job = Job::start(spec, capture).map_err(|error| not_started(&error))?;
    bench.background.adopt(&job);
    Ok(job)
}

/// Runs a program to its end and returns what it printed.
pub(crate) async fn run_to_end(
    bench: &Bench,
    spec: &Spec,
    cancel: &CancellationToken,
) -> Result<(How, Capture), Refusal> {
    let job = begin(bench, spec, Capture::new(output_path(bench)))?;
    let how = job.finish(spec.timeout, cancel).await.map_err(|error| not_started(&error))?;
    let capture = std::mem::replace(&mut job.state().capture, Capture::new(PathBuf::new()));
    Ok((how, capture))
}

fn not_started(error: &std::io::Error) -> Refusal {
    Refusal::io("the command could not be started", error)
}

/// Returns the note on what goes on behind a command.
fn left(processes: &[(i32, String)], id: Option<u64>) -> String {
    let names: Vec<String> =
        processes.iter().take(5).map(|(pid, name)| format!("{pid} {name}")).collect();
    let names = names.join(", ");
    match id {
        Some(id) => format!("\n[still running as id {id}: {names}]"),
        None => format!("\n[killed, too many run in the background: {names}]"),
    }
}

/// Returns a program's surroundings.
pub(crate) fn spec(bench: &Bench, cwd: PathBuf, timeout: Duration, grant: Grant) -> Spec {
    let variables: Vec<OsString> = std::env::vars_os().map(|(name, _)| name).collect();
    let names = variables.iter().map(OsString::as_os_str);
    Spec {
        program: if PathBuf::from("/bin/bash").exists() { "/bin/bash" } else { "sh" },
        arguments: Vec::new(),
        cwd,
        set: environment::SET.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
        unset: environment::unset(names, &bench.config.secret_env),
        timeout,
        confine: Confine { sandbox: Arc::clone(&bench.sandbox), grant },
        marker: format!("{}-{}", bench.marker, bench.next_command()),
        launcher: bench.config.launcher.clone(),
    }
}

/// Returns where a call's full output would go.
fn output_path(bench: &Bench) -> PathBuf {
    let number = bench.next_command();
    if number == 1 {
        outputs::clean_beside(bench.grounds.outputs.clone());
    }
    bench.grounds.outputs.join(format!("{}-{number}.txt", bench.marker))
}
