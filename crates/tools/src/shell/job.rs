//! A command that was started: its output as it comes, its end, and how to end it.

use std::io::{self, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::Child;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::net::unix::pipe::Receiver;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::capture::Capture;
use super::launch::{Launched, Spec, launch};
use super::ready::{Awaited, served};
use super::tree;
use super::wire::{Report, Status, end_request};

/// How long output is waited for once the program has ended; who still holds the pipe then is a
/// process left behind.
const GRACE: Duration = Duration::from_millis(200);

/// After so much silence lines count as final, for who reads the file of a server.
const QUIET: Duration = Duration::from_millis(500);

/// How long a tree has to end by itself before it is killed.
const END_GRACE: Duration = Duration::from_millis(250);

/// How long the supervisor has to kill a tree.
const KILL_TIME: Duration = Duration::from_millis(400);

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
    /// It started processes without end.
    Crowd,
}

/// How waiting ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// What was waited for is there.
    Met,
    /// The time is over.
    TimedOut,
    /// The user cancelled.
    Cancelled,
}

/// A command that was started.
pub(crate) struct Job {
    pub(crate) began: Instant,
    /// The supervisor's process, or without one the program's.
    pub(crate) pid: i32,
    supervised: bool,
    marker: String,
    control: UnixStream,
    supervisor: Mutex<Option<Child>>,
    state: Mutex<State>,
    changes: watch::Sender<()>,
}

/// What is known of it so far.
pub(crate) struct State {
    pub(crate) capture: Capture,
    /// How the command itself ended.
    pub(crate) ended: Option<How>,
    /// Processes that went on behind it, by number and name.
    pub(crate) left: Vec<(i32, String)>,
    /// How the last of those ended.
    pub(crate) last: Option<Status>,
    /// Nothing of it lives any more.
    pub(crate) done: bool,
    /// Whether somebody may still write output.
    pub(crate) open: bool,
    /// What its output is held against.
    pub(crate) awaited: Option<Awaited>,
    /// Ports that it listened on when its time was over.
    pub(crate) served: Vec<u16>,
    failed: Option<i32>,
    crowd: bool,
}

impl State {
    /// Returns how it ended, or where more was left behind, how the last of that did.
    pub(crate) fn final_how(&self) -> Option<How> {
        let last = self.last.filter(|_| self.done && !self.left.is_empty());
        last.map(how).or(self.ended)
    }
}

impl Job {
    /// Starts a command; its output goes to `capture` as it comes.
    pub(crate) fn start(spec: &Spec, capture: Capture) -> io::Result<Arc<Self>> {
        let Launched { control, output, pid, supervisor } = launch(spec)?;
        control.set_nonblocking(true)?;
        let heard = tokio::net::UnixStream::from_std(control.try_clone()?)?;
        let output = Receiver::from_owned_fd(OwnedFd::from(output))?;
        let state = State {
            capture,
            ended: None,
            left: Vec::new(),
            last: None,
            done: false,
            open: true,
            awaited: None,
            served: Vec::new(),
            failed: None,
            crowd: false,
        };
        let job = Arc::new(Self {
            began: Instant::now(),
            pid,
            supervised: supervisor.is_some(),
            marker: spec.marker.clone(),
            control,
            supervisor: Mutex::new(supervisor),
            state: Mutex::new(state),
            changes: watch::Sender::new(()),
        });
        tokio::spawn(Arc::clone(&job).follow(output, BufReader::new(heard).lines()));
        Ok(job)
    }

    /// Returns what is known so far.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in output and reports until neither can come any more.
    async fn follow(
        self: Arc<Self>,
        output: Receiver,
        mut reports: Lines<BufReader<tokio::net::UnixStream>>,
    ) {
        let mut output = Some(output);
        let mut buffer = vec![0; 1 << 16];
        let mut done = false;
        while !done || output.is_some() {
            tokio::select! {
                line = reports.next_line(), if !done => match line {
                    Ok(Some(line)) => self.heard(&line),
                    _ => {
                        self.supervisor_ended().await;
                        done = true;
                    }
                },
                () = sleep(QUIET), if self.state().capture.is_behind() => {
                    self.state().capture.settle();
                }
                length = read(&mut output, &mut buffer), if output.is_some() => match length {
                    0 => {
                        output = None;
                        self.state().open = false;
                    }
                    length => {
                        let bytes = buffer.get(..length).unwrap_or_default();
                        let mut state = self.state();
                        state.capture.push(bytes);
                        if let Some(awaited) = &mut state.awaited {
                            awaited.feed(bytes);
                        }
                    }
                },
            }
            self.changes.send_replace(());
        }
        self.state().capture.close();
    }

    fn heard(&self, line: &str) {
        let mut state = self.state();
        match Report::parse(line) {
            Some(Report::Failed(errno)) => state.failed = Some(errno),
            Some(Report::Left { pid, name }) => state.left.push((pid, name)),
            Some(Report::Ended(status)) => {
                state.ended = Some(if state.crowd { How::Crowd } else { how(status) });
            }
            Some(Report::Crowd) => state.crowd = true,
            Some(Report::Done(last)) => {
                state.last = last;
                state.done = true;
            }
            None => {}
        }
    }

    /// Takes leave of the supervisor; one that was killed leaves its work to us.
    async fn supervisor_ended(&self) {
        let lost = {
            let state = self.state();
            !state.done && state.failed.is_none()
        };
        let child = self.supervisor.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (pid, marker) = (self.pid, self.marker.clone());
        let end = move || {
            if lost {
                tree::kill_all(pid, &marker);
            }
            child.map(|mut child| child.wait())
        };
        off_thread(end).await;
        let mut state = self.state();
        state.ended.get_or_insert(How::Signal(Signal::SIGKILL as i32));
        state.done = true;
    }

    /// Waits until `met` holds, at most until the deadline.
    pub(crate) async fn until(
        &self,
        deadline: Instant,
        cancel: &CancellationToken,
        mut met: impl FnMut(&mut State) -> bool,
    ) -> Stop {
        let mut changes = self.changes.subscribe();
        loop {
            if met(&mut self.state()) {
                return Stop::Met;
            }
            tokio::select! {
                biased;
                () = cancel.cancelled() => return Stop::Cancelled,
                () = sleep_until(deadline) => return Stop::TimedOut,
                _ = changes.changed() => {}
            }
        }
    }

    /// Returns why the program could not be started, once that is known.
    pub(crate) fn started(&self) -> io::Result<()> {
        self.state().failed.map_or(Ok(()), |errno| Err(io::Error::from_raw_os_error(errno)))
    }

    /// Waits for the command's end; at the deadline, or when the user cancels, ends all of it.
    pub(crate) async fn finish(
        &self,
        timeout: Duration,
        cancel: &CancellationToken,
    ) -> io::Result<How> {
        let is_over = |state: &mut State| state.ended.is_some();
        let stop = self.until(self.began + timeout, cancel, is_over).await;
        self.started()?;
        let how = match stop {
            Stop::Met => self.state().ended.unwrap_or(How::Cancelled),
            Stop::TimedOut => How::TimedOut,
            Stop::Cancelled => How::Cancelled,
        };
        if stop != Stop::Met {
            let pid = self.pid;
            self.state().served = off_thread(move || served(pid)).await.unwrap_or_default();
            self.end(END_GRACE).await;
        }
        // The rest of what it wrote is still in the pipe.
        self.until(Instant::now() + GRACE, &CancellationToken::new(), |state| !state.open).await;
        self.state().capture.finish();
        Ok(how)
    }

    /// Ends everything of it: asks, and kills what has not gone after `grace`. Where the system is too busy for that,
    /// the supervisor goes on with it behind.
    pub(crate) async fn end(&self, grace: Duration) {
        let until = Instant::now() + grace + KILL_TIME;
        self.wake();
        let request = end_request(u64::try_from(grace.as_millis()).unwrap_or(0));
        let _ = (&self.control).write_all(request.as_bytes());
        self.until(until, &CancellationToken::new(), |state| state.done).await;
    }

    /// Lets a supervisor go on that the command stopped.
    fn wake(&self) {
        if self.supervised && self.pid > 1 && !self.state().done {
            let _ = kill(Pid::from_raw(self.pid), Signal::SIGCONT);
        }
    }

    /// Has everything ended without waiting for it.
    pub(crate) fn close(&self) {
        self.wake();
        let _ = self.control.shutdown(Shutdown::Write);
    }

    /// Waits, without a runtime, until the supervisor is done or the time is over.
    pub(crate) fn wait_closed(&self, until: std::time::Instant) {
        let mut buffer = [0; 1 << 10];
        loop {
            let left = until.saturating_duration_since(std::time::Instant::now());
            if self.state().done || left.is_zero() {
                break;
            }
            let mut files = [PollFd::new(self.control.as_fd(), PollFlags::POLLIN)];
            let _ = poll(&mut files, PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO));
            match io::Read::read(&mut &self.control, &mut buffer) {
                Ok(0) => break,
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => break,
                _ => {}
            }
        }
        let child = self.supervisor.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut child) = child {
            let _ = child.try_wait();
        }
    }
}

/// Does a job elsewhere; `None` where no thread can be had, which a fork bomb may bring about.
pub(super) async fn off_thread<T: Send + 'static>(
    job: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (done, result) = tokio::sync::oneshot::channel();
    thread::Builder::new().spawn(move || drop(done.send(job()))).ok()?;
    result.await.ok()
}

async fn read(output: &mut Option<Receiver>, buffer: &mut [u8]) -> usize {
    match output {
        Some(output) => output.read(buffer).await.unwrap_or(0),
        None => 0,
    }
}

fn how(status: Status) -> How {
    match status {
        // bash tells a signal that ended its last command this way.
        Status::Exit(code) if code > 128 && code < 160 => How::Signal(code - 128),
        Status::Exit(code) => How::Exit(code),
        Status::Signal(signal) => How::Signal(signal),
    }
}
