//! Runs one program: no stdin, its own session, its whole tree ended at the timeout.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::capture::Capture;
use super::tree;
use crate::sandbox::Confine;

/// How long output is waited for once the program has ended; who still holds the pipe then is a
/// process left behind.
const GRACE: Duration = Duration::from_millis(200);

/// How long a tree has to end by itself before it is killed.
const TERM_GRACE: Duration = Duration::from_millis(300);

/// The variable by which processes of a call are found.
pub(crate) const MARKER: &str = "DISTIQ_SHELL_ID";

/// What is run, and how.
pub(crate) struct Spec {
    pub(crate) program: &'static str,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) cwd: PathBuf,
    /// Variables set on top of the inherited ones.
    pub(crate) set: Vec<(&'static str, String)>,
    /// Variables taken away.
    pub(crate) unset: Vec<String>,
    pub(crate) timeout: Duration,
    /// What it may reach.
    pub(crate) confine: Confine,
    /// The value of [`MARKER`], unique to the call.
    pub(crate) marker: String,
}

/// How a program ended.
pub(crate) struct Ended {
    pub(crate) how: How,
    /// Processes that go on behind it, by name.
    pub(crate) left: Vec<(i32, String)>,
}

/// The ways to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// By itself, with this code.
    Exit(i32),
    /// By this signal.
    Signal(i32),
    /// It took too long.
    TimedOut,
    /// The user cancelled.
    Cancelled,
}

/// Output that a process left behind may still write.
pub(crate) struct Open(Receiver);

impl Open {
    /// Goes on filling a capture until the last writer is gone.
    pub(crate) async fn drain(mut self, mut capture: Capture) {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(length) = self.0.read(&mut buffer).await {
            if length == 0 {
                break;
            }
            capture.push(buffer.get(..length).unwrap_or_default());
        }
        capture.finish();
    }
}

/// Runs a program to its end; its output goes to `capture` as it comes.
pub(crate) async fn run(
    spec: Spec,
    capture: &mut Capture,
    cancel: &CancellationToken,
) -> io::Result<(Ended, Option<Open>)> {
    let (reader, writer) = io::pipe()?;
    let deadline = Instant::now() + spec.timeout;
    let mut child = spawn(&spec, writer)?;
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).unwrap_or(0);
    let mut output = Some(Receiver::from_owned_fd(OwnedFd::from(reader))?);
    let mut how = follow(&mut child, &mut output, capture, deadline, cancel).await;
    if matches!(how, How::TimedOut | How::Cancelled) {
        end(&mut child, pid, &spec.marker).await;
        // What it wrote before its end is still in the pipe.
        let rest = follow(&mut child, &mut output, capture, Instant::now() + TERM_GRACE, cancel);
        let _ = timeout(TERM_GRACE, rest).await;
        capture.finish();
        return Ok((Ended { how, left: Vec::new() }, None));
    }
    capture.finish();
    let mut left = Vec::new();
    if output.is_some() || tree::group_lives(pid) {
        left = off_thread(move || tree::marked(&spec.marker)).await;
    }
    if let How::Exit(code) = how
        && let Some(signal) = code.checked_sub(128).filter(|_| code > 128 && code < 160)
    {
        // bash tells a signal that ended its last command this way.
        how = How::Signal(signal);
    }
    Ok((Ended { how, left }, output.map(Open)))
}

fn spawn(spec: &Spec, writer: io::PipeWriter) -> io::Result<Child> {
    let wrapped = spec.confine.wrap(OsStr::new(spec.program), &spec.arguments, &spec.cwd)?;
    let mut command = Command::new(&wrapped.program);
    command
        .args(&wrapped.arguments)
        .current_dir(&spec.cwd)
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .kill_on_drop(true);
    for name in &spec.unset {
        command.env_remove(name);
    }
    for (name, value) in &spec.set {
        command.env(name, value);
    }
    for name in &wrapped.unset {
        command.env_remove(name);
    }
    for (name, value) in &wrapped.set {
        command.env(name, value);
    }
    command.env(MARKER, &spec.marker);
    own_session(&mut command, wrapped.keep);
    command.spawn()
}

/// Gives the child its own session: no terminal to ask on, and a group to be killed by. It inherits `keep`.
#[allow(unsafe_code)]
fn own_session(command: &mut Command, keep: Vec<Arc<OwnedFd>>) {
    // SAFETY: between fork and exec only `setsid` and `fcntl` run, which are async-signal-safe and allocate nothing.
    unsafe {
        command.pre_exec(move || {
            nix::unistd::setsid().map_err(io::Error::from)?;
            for file in &keep {
                fcntl(file.as_fd(), FcntlArg::F_SETFD(FdFlag::empty())).map_err(io::Error::from)?;
            }
            Ok(())
        });
    }
}

/// Reads output until the program has ended and its output too, or nearly so.
async fn follow(
    child: &mut Child,
    output: &mut Option<Receiver>,
    capture: &mut Capture,
    deadline: Instant,
    cancel: &CancellationToken,
) -> How {
    let mut buffer = vec![0; 1 << 16];
    let mut ended: Option<ExitStatus> = None;
    let mut grace = deadline;
    loop {
        if let (Some(status), None) = (ended, &output) {
            return how(status);
        }
        tokio::select! {
            biased;
            () = cancel.cancelled(), if ended.is_none() => return How::Cancelled,
            () = sleep_until(deadline), if ended.is_none() => return How::TimedOut,
            () = sleep_until(grace), if ended.is_some() => {
                return ended.map_or(How::TimedOut, how);
            }
            status = child.wait(), if ended.is_none() => {
                // A child that cannot be waited for has been reaped by somebody else.
                ended = Some(status.unwrap_or_else(|_| ExitStatus::from_raw(0)));
                grace = Instant::now() + GRACE;
            }
            length = read(output, &mut buffer), if output.is_some() => {
                match length {
                    0 => *output = None,
                    length => capture.push(buffer.get(..length).unwrap_or_default()),
                }
            }
        }
    }
}

async fn read(output: &mut Option<Receiver>, buffer: &mut [u8]) -> usize {
    match output {
        Some(output) => output.read(buffer).await.unwrap_or(0),
        None => 0,
    }
}

fn how(status: ExitStatus) -> How {
    match (status.code(), status.signal()) {
        (Some(code), _) => How::Exit(code),
        (None, signal) => How::Signal(signal.unwrap_or(0)),
    }
}

/// Ends a child and everything it started: asks its group first, then kills all.
async fn end(child: &mut Child, pid: i32, marker: &str) {
    tree::terminate_group(pid);
    let _ = timeout(TERM_GRACE, child.wait()).await;
    let marker = marker.to_owned();
    off_thread(move || tree::kill_all(pid, &marker)).await;
    let _ = timeout(Duration::from_millis(500), child.wait()).await;
}

async fn off_thread<T: Default + Send + 'static>(job: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(job).await.unwrap_or_default()
}
