//! Starts a program under a supervisor, and gives the two ends that are left: its output and the
//! supervisor's socket.

use std::ffi::{OsStr, OsString};
use std::io::{self, PipeReader, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;

use super::supervisor::{SUPERVISE, own_session};
use super::tree;
use super::wire::{Report, Status, parse_end_request};
use crate::sandbox::{Confine, Wrapped};

/// The variable by which processes of a call are found where nothing better finds them.
pub(crate) const MARKER: &str = "DISTIQ_SHELL_ID";

/// How often it is looked whether what was left behind has ended.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What is run, and how.
pub(crate) struct Spec {
    pub(crate) program: &'static str,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) cwd: PathBuf,
    /// Variables set on top of the inherited ones.
    pub(crate) set: Vec<(&'static str, String)>,
    /// Variables taken away.
    pub(crate) unset: Vec<OsString>,
    pub(crate) timeout: Duration,
    /// What it may reach.
    pub(crate) confine: Confine,
    /// The value of [`MARKER`], unique to the call.
    pub(crate) marker: String,
    /// The program that becomes the supervisor; without one a thread does what it can.
    pub(crate) launcher: Option<PathBuf>,
}

/// A program that was started.
pub(crate) struct Launched {
    /// The supervisor's end of things, see `wire`.
    pub(crate) control: UnixStream,
    /// Both outputs of the program.
    pub(crate) output: PipeReader,
    /// The supervisor, or without one the program itself.
    pub(crate) pid: i32,
    /// The supervisor's process, to be waited for once it is done.
    pub(crate) supervisor: Option<Child>,
}

/// Starts a program.
pub(crate) fn launch(spec: &Spec) -> io::Result<Launched> {
    let (output, writer) = io::pipe()?;
    let (control, theirs) = UnixStream::pair()?;
    let wrapped = spec.confine.wrap(OsStr::new(spec.program), &spec.arguments, &spec.cwd)?;
    let mut command = match &spec.launcher {
        Some(launcher) => under_supervisor(launcher, &wrapped),
        None => Command::new(&wrapped.program),
    };
    command
        .args(&wrapped.arguments)
        .current_dir(&spec.cwd)
        .stdout(writer.try_clone()?)
        .stderr(writer);
    for name in &spec.unset {
        command.env_remove(name);
    }
    command.envs(spec.set.iter().map(|(name, value)| (name, value)));
    for name in &wrapped.unset {
        command.env_remove(name);
    }
    command.envs(wrapped.set.iter().map(|(name, value)| (name, value)));
    command.env(MARKER, &spec.marker);
    own_session(&mut command);
    pass_on(&mut command, wrapped.keep);
    if spec.launcher.is_some() {
        command.stdin(OwnedFd::from(theirs));
        let child = command.spawn()?;
        let pid = pid_of(&child);
        return Ok(Launched { control, output, pid, supervisor: Some(child) });
    }
    let child = command.stdin(Stdio::null()).spawn()?;
    // It holds the pipe's other end.
    drop(command);
    let pid = pid_of(&child);
    stand_in(child, theirs, output.try_clone()?, spec.marker.clone())?;
    Ok(Launched { control, output, pid, supervisor: None })
}

/// Returns a supervisor that starts the program, for [`supervise`](super::supervisor::supervise) to read.
fn under_supervisor(launcher: &Path, wrapped: &Wrapped) -> Command {
    let mut command = Command::new(launcher);
    let keep: Vec<String> = wrapped.keep.iter().map(|file| file.as_raw_fd().to_string()).collect();
    command.arg0("distiq").arg(SUPERVISE).arg(keep.join(",")).arg(&wrapped.program);
    command
}

/// Has the program inherit these files, under their numbers.
#[allow(unsafe_code)]
fn pass_on(command: &mut Command, keep: Vec<Arc<OwnedFd>>) {
    // SAFETY: between fork and exec only `fcntl` runs, which is async-signal-safe and allocates nothing.
    unsafe {
        command.pre_exec(move || {
            for file in &keep {
                fcntl(file.as_fd(), FcntlArg::F_SETFD(FdFlag::empty())).map_err(io::Error::from)?;
            }
            Ok(())
        });
    }
}

fn pid_of(child: &Child) -> i32 {
    i32::try_from(child.id()).unwrap_or(0)
}

/// Does a supervisor's work from this process, as well as that goes: an orphan that has cleared its
/// environment and left the session is not found.
fn stand_in(
    mut child: Child,
    control: UnixStream,
    output: PipeReader,
    marker: String,
) -> io::Result<()> {
    let pid = pid_of(&child);
    let mut heard = control.try_clone()?;
    let mark = marker.clone();
    let over = Arc::new(AtomicBool::new(false));
    let is_over = Arc::clone(&over);
    thread::Builder::new().name("command-end".to_owned()).spawn(move || {
        let mut buffer = [0; 256];
        let length = heard.read(&mut buffer).unwrap_or(0);
        let text = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default());
        if let Some(grace) = text.lines().find_map(parse_end_request) {
            tree::signal_group(pid, Signal::SIGTERM);
            let until = Instant::now() + Duration::from_millis(grace);
            while Instant::now() < until && !tree::family(pid, &mark).is_empty() {
                thread::sleep(Duration::from_millis(5));
            }
        }
        // Its number may be somebody else's by then.
        if !is_over.load(Ordering::Acquire) {
            tree::kill_all(pid, &mark);
        }
    })?;
    let mut control = control;
    thread::Builder::new().name("command".to_owned()).spawn(move || {
        // A child that cannot be waited for has been reaped by somebody else.
        let status = child.wait().map_or(Status::Exit(0), status_of);
        // To look at every process takes a while, so it is done only where somebody may be left.
        let some = tree::group_lives(pid) || !is_closed(&output);
        drop(output);
        let left = if some { tree::family(pid, &marker) } else { Vec::new() };
        let mut said: String = left
            .iter()
            .map(|process| {
                Report::Left { pid: process.pid, name: process.name.clone() }.to_string()
            })
            .collect();
        said.push_str(&Report::Ended(status).to_string());
        let _ = control.write_all(said.as_bytes());
        if !left.is_empty() {
            while !tree::family(pid, &marker).is_empty() {
                thread::sleep(LOOK_EVERY);
            }
        }
        over.store(true, Ordering::Release);
        let _ = control.write_all(Report::Done(None).to_string().as_bytes());
        let _ = control.shutdown(std::net::Shutdown::Both);
    })?;
    Ok(())
}

/// Tells whether nobody can write to a pipe any more.
fn is_closed(pipe: &PipeReader) -> bool {
    let mut files = [PollFd::new(pipe.as_fd(), PollFlags::empty())];
    let _ = poll(&mut files, PollTimeout::ZERO);
    files.iter().filter_map(PollFd::revents).any(|events| events.contains(PollFlags::POLLHUP))
}

fn status_of(status: ExitStatus) -> Status {
    match (status.code(), status.signal()) {
        (Some(code), _) => Status::Exit(code),
        (None, signal) => Status::Signal(signal.unwrap_or(0)),
    }
}
