//! The process between Distiq and a command, by which nothing of the command outlives it.
//!
//! Distiq starts itself again as a supervisor, which starts the command. Whatever the command
//! starts, however it hides (own session, cleared environment, double fork), becomes a child of the supervisor
//! once its parent is gone, so the supervisor reaps it and can find it. When Distiq asks, or is
//! gone itself, even by `kill -9`, the supervisor ends all of them and then itself.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
#[cfg(target_os = "linux")]
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::bell::Bell;
use super::tree::{self, Roundup};
use super::wire::{Report, Status, parse_end_request};
#[cfg(target_os = "linux")]
use crate::sandbox::{self, LAUNCH};

/// The first argument of a process that is a supervisor.
pub const SUPERVISE: &str = "__supervise";

/// How long what a command leaves behind may take to end before it counts as left.
const SETTLE: Duration = Duration::from_millis(100);

/// How long all have to end by themselves when nobody says.
const GRACE: Duration = Duration::from_millis(250);

/// How long the dead are looked for; only what cannot be killed, such as a program of another user,
/// lives longer.
const LONGEST_END: Duration = Duration::from_secs(30);

/// How often processes are counted.
const CENSUS_EVERY: Duration = Duration::from_millis(200);

/// More processes than this are a fork bomb.
const CROWD: usize = 2_000;

/// Most processes told as left behind.
const TOLD: usize = 20;

/// Runs a program, and ends all it started when standard input, a socket, says so or is closed.
///
/// The arguments, those after [`SUPERVISE`], are the numbers of the files that the program inherits, with commas between, its name
/// and its arguments. Must be called by a process with one thread, before anything else; it returns
/// when nothing of the program lives any more.
///
/// # Errors
/// Where standard input is no socket; a program that cannot be started is told over it.
pub fn supervise(arguments: impl IntoIterator<Item = OsString>) -> io::Result<()> {
    let mut control = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    become_reaper();
    go_first();
    keep_files_from_children();
    let bell = Bell::new()?;
    match start(arguments) {
        Ok(main) => Supervisor { control, bell, main, ended: None, last: None, empty: false }.run(),
        Err(error) => {
            let report = Report::Failed(error.raw_os_error().unwrap_or(libc::EINVAL));
            control.write_all(report.to_string().as_bytes())
        }
    }
}

fn start(arguments: impl IntoIterator<Item = OsString>) -> io::Result<Pid> {
    let mut arguments = arguments.into_iter();
    let inherited = inherit(&arguments.next().unwrap_or_default())?;
    let program = arguments.next().ok_or(io::ErrorKind::InvalidInput)?;
    let arguments: Vec<OsString> = arguments.collect();
    #[cfg(target_os = "linux")]
    let sandboxed = shut_in(&arguments, &inherited)?;
    #[cfg(not(target_os = "linux"))]
    let sandboxed = None;
    let main = match sandboxed {
        Some(pid) => pid,
        None => {
            let mut command = Command::new(program);
            command.args(arguments).stdin(Stdio::null());
            own_session(&mut command);
            bind(&mut command);
            Pid::from_raw(i32::try_from(command.spawn()?.id()).map_err(io::Error::other)?)
        }
    };
    drop(inherited);
    // The output must end with the command, and its folder may be removed.
    let nothing = std::fs::File::options().read(true).write(true).open("/dev/null")?;
    nix::unistd::dup2_stdin(&nothing)?;
    nix::unistd::dup2_stdout(&nothing)?;
    nix::unistd::dup2_stderr(&nothing)?;
    std::env::set_current_dir("/")?;
    // The command must not take its supervisor over.
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_dumpable(false);
    Ok(main)
}

/// Forks the sandbox's launcher, where that is what is to be started: this is the program already, and starting it
/// again would cost more than all that the sandbox does.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
fn shut_in(arguments: &[OsString], inherited: &[OwnedFd]) -> io::Result<Option<Pid>> {
    use nix::unistd::{ForkResult, fork};

    let Some((_, orders)) = arguments.split_first().filter(|(first, _)| **first == *LAUNCH) else {
        return Ok(None);
    };
    // SAFETY: this process has one thread, so that the child finds no lock held by one that is gone.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => Ok(Some(child)),
        ForkResult::Child => {
            let ready = (|| {
                nix::unistd::setsid()?;
                nix::sys::signal::SigSet::empty().thread_set_mask()?;
                nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
                nix::unistd::dup2_stdin(std::fs::File::open("/dev/null")?)?;
                close_others(inherited)
            })();
            let code = match ready {
                Ok(()) => sandbox::launch(orders.iter().cloned()),
                Err(_) => sandbox::UNUSABLE,
            };
            std::process::exit(i32::from(code))
        }
    }
}

/// Closes the supervisor's own files in the launcher, which outlives it otherwise in Distiq's eyes.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
fn close_others(inherited: &[OwnedFd]) -> io::Result<()> {
    let mut kept: Vec<libc::c_uint> =
        inherited.iter().filter_map(|file| file.as_raw_fd().try_into().ok()).collect();
    kept.sort_unstable();
    let mut first: libc::c_uint = 3;
    for end in kept.into_iter().chain([libc::c_uint::MAX]) {
        if end > first {
            // SAFETY: the files between are owned by values that this process never uses or drops again.
            unsafe { libc::syscall(libc::SYS_close_range, first, end - 1, 0) };
        }
        first = end.saturating_add(1);
    }
    Ok(())
}

/// Gives the program its own session: no terminal to ask on, and a group to be signalled by.
#[allow(unsafe_code)]
pub(super) fn own_session(command: &mut Command) {
    // SAFETY: between fork and exec only system calls run, which are async-signal-safe and allocate nothing.
    unsafe {
        command.pre_exec(|| {
            nix::unistd::setsid().map_err(io::Error::from)?;
            Ok(())
        });
    }
}

/// Gives the program its signals back, and has it killed with its supervisor, for who kills that.
#[allow(unsafe_code)]
fn bind(command: &mut Command) {
    #[cfg(target_os = "linux")]
    // SAFETY: the parent has one thread, so that the child may do anything; its end is the parent's.
    unsafe {
        command.pre_exec(|| {
            bound_processes()?;
            nix::sys::signal::SigSet::empty().thread_set_mask()?;
            nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).map_err(io::Error::from)
        });
    }
    #[cfg(not(target_os = "linux"))]
    let _ = command;
}

/// Makes orphans of the program children of this process.
fn become_reaper() {
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_child_subreaper(true);
}

/// Lets this process run before thousands of others, where that is allowed: it sleeps nearly always.
#[allow(unsafe_code)]
fn go_first() {
    #[cfg(target_os = "linux")]
    {
        let first = libc::sched_param { sched_priority: 1 };
        // SAFETY: the pointer is to a local of the right type; children get the usual rank again.
        unsafe {
            libc::sched_setscheduler(
                0,
                libc::SCHED_RR | libc::SCHED_RESET_ON_FORK,
                &raw const first,
            );
        }
    }
}

/// Bounds how many threads and processes the user of this process may have once the program runs, so that a fork bomb
/// runs into it; root is not bound.
#[cfg(target_os = "linux")]
fn bound_processes() -> io::Result<()> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NPROC)?;
    let most = match threads() {
        0 => return Ok(()),
        threads => (threads + CROWD) as u64,
    };
    setrlimit(Resource::RLIMIT_NPROC, soft.min(most), hard.min(most))?;
    Ok(())
}

/// Marks every file beyond the standard three, of whoever started Distiq, so that the program does
/// not get it.
#[allow(unsafe_code)]
fn keep_files_from_children() {
    #[cfg(target_os = "linux")]
    // SAFETY: the call takes three numbers and changes only flags of descriptors of this process.
    unsafe {
        libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC);
    }
}

/// Opens what the program inherits, and only that; to be closed once it has it.
#[allow(unsafe_code)]
fn inherit(numbers: &OsStr) -> io::Result<Vec<OwnedFd>> {
    let numbers = numbers.to_string_lossy();
    let numbers = numbers.split(',').filter_map(|number| number.parse().ok());
    numbers
        .map(|number| {
            // SAFETY: whoever started this process gave it these files, and nothing else here knows their numbers.
            let file = unsafe { OwnedFd::from_raw_fd(number) };
            fcntl(&file, FcntlArg::F_SETFD(FdFlag::empty()))?;
            Ok(file)
        })
        .collect()
}

struct Supervisor {
    control: UnixStream,
    bell: Bell,
    main: Pid,
    ended: Option<Status>,
    /// How the last of the others ended.
    last: Option<Status>,
    empty: bool,
}

impl Supervisor {
    fn run(mut self) -> io::Result<()> {
        let quiet = threads();
        let mut told = false;
        let mut counted = Instant::now();
        loop {
            self.reap();
            if let (Some(status), false) = (self.ended, told) {
                told = true;
                self.settle();
                self.tell_left(status);
            }
            if self.empty {
                self.tell(&Report::Done(self.last));
                return Ok(());
            }
            if let Some(grace) = self.wait(CENSUS_EVERY) {
                self.end(grace);
            } else if counted.elapsed() >= CENSUS_EVERY {
                counted = Instant::now();
                if threads().saturating_sub(quiet) > CROWD && tree::below(own_pid()).len() > CROWD {
                    self.tell(&Report::Crowd);
                    self.end(Duration::ZERO);
                }
            }
        }
    }

    /// Takes note of all that ended.
    fn reap(&mut self) {
        loop {
            let (pid, status) = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) => (pid, Status::Exit(code)),
                Ok(WaitStatus::Signaled(pid, signal, _)) => (pid, Status::Signal(signal as i32)),
                Ok(WaitStatus::StillAlive) => return,
                Ok(_) | Err(Errno::EINTR) => continue,
                Err(_) => {
                    self.empty = true;
                    return;
                }
            };
            if pid == self.main {
                self.ended = Some(status);
            } else {
                self.last = Some(status);
            }
        }
    }

    /// Gives those who are about to end the time for it.
    fn settle(&mut self) {
        let until = Instant::now() + SETTLE;
        while !self.empty && Instant::now() < until && !self.bell.asked() {
            if tree::only_holder() {
                return;
            }
            self.bell.wait(until.saturating_duration_since(Instant::now()));
            self.reap();
        }
    }

    fn tell_left(&mut self, status: Status) {
        if !self.empty && !tree::only_holder() {
            let below = tree::below(own_pid()).into_iter();
            for process in below.filter(|process| process.name != tree::HOLDER).take(TOLD) {
                self.tell(&Report::Left { pid: process.pid, name: process.name });
            }
        }
        self.tell(&Report::Ended(status));
    }

    /// Says something; who is gone is found out by reading.
    fn tell(&mut self, report: &Report) {
        let _ = self.control.write_all(report.to_string().as_bytes());
    }

    /// Waits for the next thing to happen; returns how much time all have when the end is wanted.
    fn wait(&mut self, longest: Duration) -> Option<Duration> {
        let mut files = vec![PollFd::new(self.control.as_fd(), PollFlags::POLLIN)];
        files.extend(self.bell.file().map(|file| PollFd::new(file, PollFlags::POLLIN)));
        let longest = longest.min(self.bell.longest());
        let _ = poll(&mut files, PollTimeout::try_from(longest).unwrap_or(PollTimeout::ZERO));
        let spoken = files.first().and_then(PollFd::any).unwrap_or(false);
        if self.bell.asked() {
            return Some(GRACE);
        }
        if !spoken {
            return None;
        }
        let mut buffer = [0; 256];
        match self.control.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => None,
            Ok(0) | Err(_) => Some(GRACE),
            Ok(length) => {
                let text = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default());
                text.lines().rev().find_map(parse_end_request).map(Duration::from_millis)
            }
        }
    }

    /// Ends everything: asks, stops what still runs so that nothing new begins, kills.
    fn end(&mut self, grace: Duration) {
        self.ask_to_end(grace);
        let until = Instant::now() + LONGEST_END;
        while !self.empty && Instant::now() < until {
            if own_pid() == 1 {
                // All others of this process namespace are below.
                let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
            } else {
                self.signal_main(Signal::SIGSTOP);
                let mut roundup = Roundup::default();
                while roundup.stop_new() > 0 && Instant::now() < until {}
                roundup.kill();
                self.signal_main(Signal::SIGKILL);
            }
            self.bell.wait(Duration::from_millis(5));
            self.reap();
        }
        self.empty = true;
    }

    fn ask_to_end(&mut self, grace: Duration) {
        if grace.is_zero() {
            return;
        }
        let all = tree::below(own_pid());
        self.signal_main(Signal::SIGTERM);
        tree::signal_all(&all, Signal::SIGTERM);
        tree::signal_all(&all, Signal::SIGCONT);
        let until = Instant::now() + grace;
        while !self.empty && Instant::now() < until {
            self.bell.wait(until.saturating_duration_since(Instant::now()));
            self.reap();
        }
    }

    /// Sends a signal to the command's group; once the command is reaped, its number may be a
    /// stranger's.
    fn signal_main(&self, signal: Signal) {
        if self.ended.is_none() {
            tree::signal_group(self.main.as_raw(), signal);
        }
    }
}

fn own_pid() -> i32 {
    nix::unistd::getpid().as_raw()
}

/// Returns how many threads the system has: cheap, so that processes are counted only where
/// there may be many.
fn threads() -> usize {
    // `0.20 0.18 0.12 1/80 11206`, see proc_loadavg(5).
    std::fs::read_to_string("/proc/loadavg")
        .ok()
        .and_then(|text| text.split_whitespace().nth(3)?.split_once('/')?.1.parse().ok())
        .unwrap_or(0)
}
