//! Commands that go on behind the call that started them: kept by number, looked at later, ended
//! with the session.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::job::{How, Job, State, Stop, off_thread};
use super::ready::{Awaited, LOOK_EVERY, Port, Ready};
use super::report::{self, Shown};
use super::tree;
use super::{Input, Start};
use crate::bench::Bench;
use crate::outcome::{Outcome, Refusal, RefusalKind};

/// Most commands that run behind at once.
pub(super) const MOST: usize = 20;

/// How long a command may take to fail at once, before it counts as running behind.
const FIRST_LOOK: Duration = Duration::from_millis(250);

/// How long a command that is killed has to end by itself.
const KILL_GRACE: Duration = Duration::from_millis(1_000);

/// How long all have to end with the session.
const CLOSE_TIME: Duration = Duration::from_millis(1_500);

/// Longest part of a command that a list shows.
const SHOWN_COMMAND: usize = 80;

/// The commands of a session that are not waited for.
#[derive(Default)]
pub(crate) struct Background {
    all: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    last: u64,
    behind: Vec<Entry>,
    started: Vec<Weak<Job>>,
}

#[derive(Clone)]
struct Entry {
    id: u64,
    command: String,
    job: Arc<Job>,
    output: Option<PathBuf>,
}

impl Background {
    fn all(&self) -> MutexGuard<'_, Entries> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers a command that was started, so that it ends with the session whatever happens.
    pub(super) fn adopt(&self, job: &Arc<Job>) {
        let mut all = self.all();
        // One stays, to tell that there were any.
        all.started.retain(|job| job.strong_count() > 0);
        all.started.push(Arc::downgrade(job));
    }

    /// Gives a command that goes on a number; `None` where there are too many.
    pub(super) fn keep(&self, command: &str, job: &Arc<Job>) -> Option<u64> {
        let output = job.state().capture.keep().map(PathBuf::from);
        let mut all = self.all();
        if all.behind.iter().filter(|entry| !entry.job.state().done).count() >= MOST {
            return None;
        }
        if all.behind.len() >= 2 * MOST {
            let oldest = all.behind.iter().position(|entry| entry.job.state().done);
            oldest.map(|index| all.behind.remove(index));
        }
        all.last += 1;
        let id = all.last;
        let command = command.lines().next().unwrap_or_default();
        let command = crate::measure::cut_line(command, SHOWN_COMMAND).into_owned();
        all.behind.push(Entry { id, command, job: Arc::clone(job), output });
        Some(id)
    }

    fn find(&self, id: u64) -> Result<Entry, Refusal> {
        let all = self.all();
        all.behind.iter().find(|entry| entry.id == id).cloned().ok_or_else(|| {
            let mut text = format!("shell: no background command {id}; ");
            text.push_str(&list(&all.behind));
            Refusal::new(RefusalKind::NotFound, text)
        })
    }

    /// Tells whether any command runs behind the calls.
    pub(crate) fn is_any_running(&self) -> bool {
        self.all().behind.iter().any(|entry| !entry.job.state().done)
    }

    fn forget(&self, id: u64) {
        self.all().behind.retain(|entry| entry.id != id);
    }

    /// Ends all commands of the session, without a runtime. Where they had no supervisors, `marker` finds those that hid.
    pub(crate) fn close(&self, marker: &str, supervised: bool) {
        let jobs: Vec<Arc<Job>> = {
            let all = self.all();
            if all.started.is_empty() {
                return;
            }
            all.started.iter().filter_map(Weak::upgrade).collect()
        };
        jobs.iter().for_each(|job| job.close());
        let until = std::time::Instant::now() + CLOSE_TIME;
        jobs.iter().for_each(|job| job.wait_closed(until));
        if !supervised {
            tree::kill_session(&format!("{marker}-"));
        }
    }
}

fn list(entries: &[Entry]) -> String {
    let mut text = String::new();
    for entry in entries.iter().filter(|entry| !entry.job.state().done) {
        let seconds = entry.job.began.elapsed().as_secs();
        let comma = if text.is_empty() { "running: " } else { ", " };
        let _ = write!(text, "{comma}{} `{}` ({seconds} s)", entry.id, entry.command);
    }
    if text.is_empty() { "none is running".to_owned() } else { text }
}

/// Starts a command and leaves it running.
pub(super) async fn start(
    bench: &Bench,
    input: &Input,
    start: Start,
    cancel: &CancellationToken,
) -> Result<Outcome, Refusal> {
    let Start { spec, capture } = start;
    let timeout = spec.timeout;
    let ready = input.ready.as_deref().map(Ready::parse);
    let port = match ready {
        Some(Ready::Port(number)) => Some(Port::new(number)),
        _ => None,
    };
    let job = super::begin(bench, &spec, capture)?;
    let Some(id) = bench.background.keep(&input.command, &job) else {
        job.end(Duration::ZERO).await;
        let text = list(&bench.background.all().behind);
        return Err(Refusal::new(
            RefusalKind::Failed,
            format!("shell: {MOST} commands run in the background; kill one first; {text}"),
        ));
    };
    let entry = bench.background.find(id)?;
    let waited = match (ready, port) {
        (Some(Ready::Port(_)), Some(port)) => {
            until_port(&job, Arc::new(port), job.began + timeout, cancel).await
        }
        (Some(Ready::Line(pattern)), _) => {
            until_line(&job, &pattern, job.began + timeout, cancel).await?
        }
        _ => {
            job.until(job.began + FIRST_LOOK, cancel, |state| state.ended.is_some()).await;
            Waited::Not
        }
    };
    job.started().map_err(|error| super::not_started(&error))?;
    if waited == Waited::Cancelled {
        job.end(Duration::ZERO).await;
    }
    Ok(tell(bench, &entry, waited).await)
}

/// Looks at a command that was started earlier, waits for it, or ends it.
pub(super) async fn look(
    bench: &Bench,
    input: &Input,
    id: u64,
    cancel: &CancellationToken,
) -> Result<Outcome, Refusal> {
    let entry = bench.background.find(id)?;
    let job = &entry.job;
    if input.kill {
        let was_over = job.state().done;
        job.end(KILL_GRACE).await;
        let waited = if was_over { Waited::Not } else { Waited::Killed };
        return Ok(tell(bench, &entry, waited).await);
    }
    let default = Duration::from_millis(bench.config.shell_timeout_ms);
    let until = Instant::now() + input.timeout.unwrap_or(default);
    let waited = match input.ready.as_deref().map(Ready::parse) {
        Some(Ready::Port(number)) => {
            let port = Port::any(number);
            until_port(job, Arc::new(port), until, cancel).await
        }
        Some(Ready::Line(pattern)) => until_line(job, &pattern, until, cancel).await?,
        None => {
            if input.timeout.is_some() {
                job.until(until, cancel, |state| is_over(state)).await;
            }
            Waited::Not
        }
    };
    Ok(tell(bench, &entry, waited).await)
}

/// What came of waiting until a server is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waited {
    /// Nothing was waited for.
    Not,
    Ready,
    NotReady,
    Cancelled,
    Killed,
}

impl Waited {
    fn of(stop: Stop, met: bool) -> Self {
        match stop {
            Stop::Met | Stop::TimedOut if met => Waited::Ready,
            Stop::Met | Stop::TimedOut => Waited::NotReady,
            Stop::Cancelled => Waited::Cancelled,
        }
    }
}

fn is_over(state: &State) -> bool {
    state.done || state.ended.is_some() && state.left.is_empty()
}

async fn until_port(
    job: &Job,
    port: Arc<Port>,
    deadline: Instant,
    cancel: &CancellationToken,
) -> Waited {
    loop {
        let (pid, looked) = (job.pid, Arc::clone(&port));
        if off_thread(move || looked.is_open(pid)).await == Some(true) {
            return Waited::Ready;
        }
        let next = (Instant::now() + LOOK_EVERY).min(deadline);
        match job.until(next, cancel, |state| is_over(state)).await {
            Stop::TimedOut if Instant::now() < deadline => {}
            stop => return Waited::of(stop, false),
        }
    }
}

async fn until_line(
    job: &Job,
    pattern: &str,
    deadline: Instant,
    cancel: &CancellationToken,
) -> Result<Waited, Refusal> {
    let mut awaited = Awaited::new(pattern)
        .ok_or_else(|| Refusal::invalid("shell: `ready` is too long a pattern"))?;
    {
        let mut state = job.state();
        awaited.feed(state.capture.text().0.as_bytes());
        state.awaited = Some(awaited);
    }
    let met = |state: &State| state.awaited.as_ref().is_some_and(Awaited::is_met);
    let stop = job.until(deadline, cancel, |state| met(state) || is_over(state)).await;
    // What was written last is read before the end is believed.
    if stop == Stop::Met && !met(&job.state()) {
        sleep(LOOK_EVERY).await;
    }
    let mut state = job.state();
    let ready = met(&state);
    state.awaited = None;
    Ok(Waited::of(stop, ready))
}

/// Tells what is new, and how it stands.
async fn tell(bench: &Bench, entry: &Entry, waited: Waited) -> Outcome {
    let job = &entry.job;
    if is_over(&job.state()) {
        // The rest of what it wrote is still in the pipe.
        let soon = Instant::now() + LOOK_EVERY;
        job.until(soon, &CancellationToken::new(), |state| !state.open).await;
    }
    let (text, dropped, over, how) = {
        let mut state = job.state();
        let (text, dropped) = state.capture.take();
        let how = state.final_how();
        (text, dropped, is_over(&state), how)
    };
    let shown = match how {
        Some(how) if over => Shown::of(text, dropped, how),
        _ => Shown::of(text, dropped, How::TimedOut),
    };
    let seconds = job.began.elapsed().as_secs();
    let id = entry.id;
    let status = match (waited, over) {
        (Waited::Killed, _) => format!("[{id}: killed]"),
        (Waited::NotReady, true) => format!("[{id}: ended before it was ready{}]", code(how)),
        (_, true) => format!("[{id}: ended{}]", code(how)),
        (Waited::Ready, _) => format!("[{id}: ready after {seconds} s, running]"),
        (Waited::NotReady, _) => format!("[{id}: not ready after {seconds} s, still running]"),
        (_, false) => format!("[{id}: running for {seconds} s]"),
    };
    if over || waited == Waited::Killed {
        bench.background.forget(id);
    }
    let output = entry.output.as_deref();
    let data = serde_json::json!({
        "id": id,
        "running": !over,
        "ready": matches!(waited, Waited::Ready),
        "exit_code": how.filter(|_| over).and_then(report::exit_code),
        "duration_ms": u64::try_from(job.began.elapsed().as_millis()).unwrap_or(u64::MAX),
        "output_file": output.map(|path| path.to_string_lossy()),
    });
    let text = report::with_note(shown, output, &status);
    Outcome::done(text).with_data(data)
}

fn code(how: Option<How>) -> String {
    match how {
        Some(How::Exit(code)) => format!(", exit {code}"),
        Some(How::Signal(signal)) => format!(", killed by {}", report::signal_name(signal)),
        Some(How::Crowd) => format!(", {}", report::CROWD),
        _ => String::new(),
    }
}
