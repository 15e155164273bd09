//! `distiq __sandbox`: shuts itself in as a policy says, then runs a command.
//!
//! Started once a command, so that everything here is straight: one thread, no scanning, no files read.

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::fd::{AsFd, FromRawFd, OwnedFd, RawFd};
use std::path::Path;

use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::ForkResult;
use serde::{Deserialize, Serialize};

use super::filter::{Surroundings, filter};
use super::init;
use super::kernel::{close_on_exec, drop_capabilities, install_filter};
use super::{Policy, namespaces, rules, support, view};

/// The first argument of a process that shuts a command in.
pub const LAUNCH: &str = "__sandbox";

/// The exit code of a sandbox that could not be set up; the command did not run.
pub(crate) const UNUSABLE: u8 = 125;

/// The first words of what is said then.
pub(crate) const UNUSABLE_WORDS: &str = "distiq: the sandbox could not be set up: cannot ";

/// What a launcher is told.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Orders {
    pub(super) policy: Policy,
    /// Where to hand the session's namespaces over, for the command that makes them.
    pub(super) make: Option<RawFd>,
    /// Namespaces of the session, by inherited descriptor.
    pub(super) user: Option<RawFd>,
    pub(super) network: Option<RawFd>,
    pub(super) ipc: Option<RawFd>,
    /// Whether to make a view of the file system, in a process namespace; else Landlock stands alone.
    pub(super) view: bool,
    /// Whether `/proc` can be made for the process namespace.
    pub(super) fresh_proc: bool,
    /// Variables that only the command gets.
    pub(super) env: Vec<(String, String)>,
}

/// A command and how it is to be run.
pub(super) struct Errand {
    pub(super) orders: Orders,
    pub(super) program: OsString,
    pub(super) arguments: Vec<OsString>,
}

impl Errand {
    /// Reads the arguments after `run`: the orders, the program, its arguments.
    fn read(mut arguments: impl Iterator<Item = OsString>) -> io::Result<Self> {
        let mut next = || arguments.next().ok_or(io::ErrorKind::InvalidInput);
        let orders = next()?.into_string().map_err(|_| io::ErrorKind::InvalidInput)?;
        let orders = serde_json::from_str(&orders)?;
        Ok(Self { orders, program: next()?, arguments: arguments.collect() })
    }
}

/// Why the command did not run.
#[derive(Debug, thiserror::Error)]
#[error("{doing}: {source}")]
pub(super) struct Fault {
    doing: String,
    source: io::Error,
}

impl Fault {
    pub(super) fn new(doing: &str, source: impl Into<io::Error>) -> Self {
        Self { doing: doing.to_owned(), source: source.into() }
    }

    pub(super) fn at(doing: &str, path: &Path, source: impl Into<io::Error>) -> Self {
        Self { doing: format!("{doing} `{}`", path.display()), source: source.into() }
    }
}

/// Does what `distiq __sandbox` was started for, with the arguments after that word. Returns the exit code.
pub fn launch(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let mut arguments = arguments.into_iter();
    let done = match arguments.next().as_deref().and_then(|word| word.to_str()) {
        Some("run") => run(arguments),
        Some("hold") => support::hold(),
        _ => Err(Fault::new("read the order", io::Error::from(io::ErrorKind::InvalidInput))),
    };
    done.unwrap_or_else(|fault| {
        let _ = writeln!(io::stderr(), "{UNUSABLE_WORDS}{fault}");
        UNUSABLE
    })
}

fn run(arguments: impl Iterator<Item = OsString>) -> Result<u8, Fault> {
    let errand = Errand::read(arguments).map_err(|error| Fault::new("read the order", error))?;
    let orders = &errand.orders;
    close_on_exec(3).map_err(|error| Fault::new("close files", error))?;
    if !orders.view {
        lock(orders)?;
        return Err(init::execute(&errand));
    }
    enter_namespaces(orders)?;
    let (reader, writer) = io::pipe().map_err(|error| Fault::new("make a pipe", error))?;
    match init::fork_single()? {
        ForkResult::Parent { child } => {
            drop(writer);
            init::wait_outside(child, reader).map_err(|error| Fault::new("wait", error))
        }
        ForkResult::Child => {
            drop(reader);
            let doing = |error| Fault::new("tie the processes together", error);
            prctl::set_pdeathsig(Signal::SIGKILL).map_err(doing)?;
            unshare(CloneFlags::CLONE_NEWNS)
                .map_err(|error| Fault::new("make a mount namespace", error))?;
            view::enter(&orders.policy, orders.fresh_proc)?;
            lock(orders)?;
            // Its memory holds no more than the command may know, and the session must find it to end it.
            prctl::set_dumpable(true).map_err(doing)?;
            init::run_inside(&errand, writer)?;
            Ok(0)
        }
    }
}

/// Takes a descriptor that was inherited for us.
#[allow(unsafe_code)]
fn adopt(number: RawFd) -> OwnedFd {
    // SAFETY: the session hands each of these descriptors to this process alone, and each is adopted once.
    unsafe { OwnedFd::from_raw_fd(number) }
}

/// Enters the session's namespaces, and one of its own for processes.
fn enter_namespaces(orders: &Orders) -> Result<(), Fault> {
    if let Some(number) = orders.make {
        namespaces::make_for_session(adopt(number).as_fd())?;
    }
    let session = [
        (orders.user, CloneFlags::CLONE_NEWUSER, "enter the user namespace"),
        (orders.ipc, CloneFlags::CLONE_NEWIPC, "enter the IPC namespace"),
        (orders.network, CloneFlags::CLONE_NEWNET, "enter the network namespace"),
    ];
    for (number, kind, doing) in session {
        if let Some(number) = number {
            setns(adopt(number), kind).map_err(|error| Fault::new(doing, error))?;
        }
    }
    unshare(CloneFlags::CLONE_NEWPID).map_err(|error| Fault::new("make a process namespace", error))
}

/// Gives up, for good, what the policy does not name.
fn lock(orders: &Orders) -> Result<(), Fault> {
    drop_capabilities().map_err(|error| Fault::new("give up capabilities", error))?;
    prctl::set_no_new_privs().map_err(|error| Fault::new("give up privileges", error))?;
    let own_network = orders.network.is_some() || orders.make.is_some();
    rules::enforce(&orders.policy, orders.view, own_network)?;
    let surroundings = Surroundings {
        network: orders.policy.network || own_network,
        // Sockets with a path are out of sight in a view; those without one belong to the network.
        unix_sockets: orders.view && (own_network || rules::scopes_sockets()),
        own_memory: orders.ipc.is_some() || orders.make.is_some(),
        own_processes: orders.view && orders.fresh_proc,
    };
    install_filter(&filter(surroundings)).map_err(|error| Fault::new("filter system calls", error))
}
