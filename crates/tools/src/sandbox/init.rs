//! The two processes around a command: the one that waits outside, and the first one inside.
//!
//! The first process of a process namespace reaps what others leave, and when it is killed, the kernel kills
//! all the rest: nothing slips away. It lives as long as anything that the command left running.

use std::ffi::CStr;
use std::fs::OpenOptions;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal, killpg, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitStatus, wait};
use nix::unistd::{ForkResult, Pid, dup2_stderr, dup2_stdin, dup2_stdout, fork, setsid};

use super::launch::{Errand, Fault, UNUSABLE};

/// What the first process inside is called in lists of processes.
pub(crate) const NAME: &CStr = c"distiq-sandbox";

/// Signals that are passed on to the command.
const PASSED: [Signal; 6] = [
    Signal::SIGTERM,
    Signal::SIGINT,
    Signal::SIGHUP,
    Signal::SIGQUIT,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
];

/// Waits outside for the command's end, passing signals on. Returns the exit code, or ends by the command's signal.
pub(super) fn wait_outside(inner: Pid, mut status: PipeReader) -> io::Result<u8> {
    let signals = SigSet::from_iter(PASSED);
    signals.thread_block()?;
    let received = SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC)?;
    loop {
        let mut files = [
            PollFd::new(status.as_fd(), PollFlags::POLLIN),
            PollFd::new(received.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut files, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let [ended, signalled] = files.map(|file| file.any().unwrap_or(false));
        if signalled
            && let Ok(Some(info)) = received.read_signal()
            && let Ok(signal) = Signal::try_from(i32::try_from(info.ssi_signo).unwrap_or(0))
        {
            // The first process inside leads the command's group.
            let _ = killpg(inner, signal);
        }
        if ended {
            break;
        }
    }
    let mut bytes = [0; 4];
    if status.read_exact(&mut bytes).is_err() {
        // It was killed, and the kernel killed all inside with it.
        let _ = raise(Signal::SIGKILL);
    }
    let code = i32::from_le_bytes(bytes);
    if code < 0 {
        end_by(-code);
    }
    Ok(u8::try_from(code).unwrap_or(UNUSABLE))
}

/// Ends this process as the command was ended.
fn end_by(signal: i32) {
    let Ok(signal) = Signal::try_from(signal) else { return };
    // One core is enough, and it is the command's.
    let _ = prctl::set_dumpable(false);
    let mut unblocked = SigSet::empty();
    unblocked.add(signal);
    let _ = unblocked.thread_unblock();
    // The standard library waits for faults of its own: it takes the first and gives way to the second.
    let _ = raise(signal);
    let _ = raise(signal);
}

/// Runs the command as the first process inside: starts it, reports its end, and reaps the rest.
pub(super) fn run_inside(command: &Errand, mut status: PipeWriter) -> Result<(), Fault> {
    let _ = setsid();
    let _ = prctl::set_name(NAME);
    let command_pid = match fork_single()? {
        ForkResult::Child => return Err(execute(command)),
        ForkResult::Parent { child } => child,
    };
    // Who reads the command's output waits until nobody holds it any more.
    let null = OpenOptions::new().read(true).write(true).open("/dev/null");
    if let Ok(null) = null {
        let _ = dup2_stdin(&null);
        let _ = dup2_stdout(&null);
        let _ = dup2_stderr(&null);
    }
    let code = loop {
        match wait() {
            Ok(WaitStatus::Exited(pid, code)) if pid == command_pid => break code,
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == command_pid => {
                break -(signal as i32);
            }
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => break i32::from(UNUSABLE),
        }
    };
    // What was left running outlives the one that waits outside.
    let _ = prctl::set_pdeathsig(None);
    let _ = status.write_all(&code.to_le_bytes());
    drop(status);
    while !matches!(wait(), Err(Errno::ECHILD)) {}
    Ok(())
}

/// Forks; this process must have one thread.
#[allow(unsafe_code)]
pub(super) fn fork_single() -> Result<ForkResult, Fault> {
    // SAFETY: the launcher never starts a thread, so that the child finds no lock held by one that is gone.
    unsafe { fork() }.map_err(|error| Fault::new("start a process", error))
}

/// Becomes the command; returns only where that failed.
pub(super) fn execute(errand: &Errand) -> Fault {
    let cwd = &errand.orders.policy.cwd;
    if let Err(error) = std::env::set_current_dir(cwd) {
        return Fault::at("enter", cwd, error);
    }
    let mut command = Command::new(&errand.program);
    command.args(&errand.arguments);
    for (name, value) in &errand.orders.env {
        command.env(name, value);
    }
    Fault::at("run", Path::new(&errand.program), command.exec())
}
