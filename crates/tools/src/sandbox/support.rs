//! What this system offers, found out by trying it, and the namespaces that a session's commands share.
//!
//! A short-lived process makes the namespaces, tries the rest, and hands both over; as long as their
//! descriptors are open the namespaces live. So a server that one command left running is reached by the next.

use std::fs;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::TcpListener;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, getegid, geteuid};
use serde::{Deserialize, Serialize};

use super::kernel::{bring_up_loopback, has_filters, landlock_version};
use super::launch::Fault;
use super::{Policy, egress, init, native, rules, view};

/// How long the holder may take; it takes milliseconds.
const LONGEST: Duration = Duration::from_secs(10);

/// What the kernel offers to this user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Support {
    /// Landlock's version, 0 where there is none.
    pub landlock: u32,
    /// Filters of system calls.
    pub filters: bool,
    /// User namespaces.
    pub users: bool,
    /// Mount and process namespaces, with all that a view of the files needs.
    pub view: bool,
    /// A `/proc` of the process namespace's own.
    pub fresh_proc: bool,
    /// Network namespaces with loopback.
    pub network: bool,
    /// Namespaces for shared memory and queues.
    pub ipc: bool,
}

impl Support {
    /// Tells whether commands can be held in at all: files by a view or by Landlock, calls by a filter.
    pub fn is_usable(&self) -> bool {
        self.filters && (self.view || self.landlock >= rules::ENOUGH_ALONE)
    }

    /// Returns what is weaker here than promised, a line each; empty where nothing is.
    pub fn gaps(&self) -> Vec<String> {
        let mut gaps = Vec::new();
        if !self.filters {
            gaps.push("no filter of system calls (seccomp)".to_owned());
        }
        if !self.view && self.landlock < rules::ENOUGH_ALONE {
            gaps.push(format!(
                "files cannot be guarded: no mount namespaces, and Landlock {} (3 is needed)",
                self.landlock
            ));
        } else if !self.view {
            gaps.push(
                "no mount and process namespaces: `.git` and the modes and times of your files are \
                 not guarded from commands; `/tmp` is out of reach (`TMPDIR` is set); Unix sockets, shared memory and debuggers do not work"
                    .to_owned(),
            );
            if self.landlock < rules::SCOPES {
                gaps.push("commands can signal your other processes".to_owned());
            }
        }
        if self.is_usable() && !self.network {
            gaps.push(
                "no network namespaces: commands have no loopback and cannot start servers"
                    .to_owned(),
            );
        }
        gaps
    }
}

/// Namespaces that the commands of a session share.
#[derive(Debug, Default)]
pub(super) struct Namespaces {
    pub(super) user: Option<Arc<OwnedFd>>,
    pub(super) network: Option<Arc<OwnedFd>>,
    pub(super) ipc: Option<Arc<OwnedFd>>,
    /// A socket that listens in the network namespace at the proxy's address.
    pub(super) listener: Mutex<Option<OwnedFd>>,
}

/// Returns what the system offers to commands that are started by `launcher`, a binary that knows `__sandbox`.
///
/// # Errors
/// Where the launcher does not run.
pub fn support(launcher: &Path) -> io::Result<Support> {
    Ok(obtain(launcher)?.0)
}

/// Starts the holder and takes over what it made.
pub(super) fn obtain(launcher: &Path) -> io::Result<(Support, Namespaces)> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_read_timeout(Some(LONGEST))?;
    let mut command = Command::new(launcher);
    command.args(["__sandbox", "hold"]).stdin(OwnedFd::from(theirs));
    command.stdout(Stdio::null()).stderr(Stdio::null());
    for name in native::loader_variables() {
        command.env_remove(name);
    }
    let mut holder = command.spawn()?;
    // The other end is the holder's alone now, so that its death is seen.
    drop(command);
    let received = receive(&ours);
    if received.is_err() {
        let _ = holder.kill();
    }
    holder.wait()?;
    received
}

fn receive(socket: &UnixStream) -> io::Result<(Support, Namespaces)> {
    let mut bytes = [0; 1024];
    let mut space = nix::cmsg_space!([RawFd; 4]);
    let mut slices = [IoSliceMut::new(&mut bytes)];
    let message = recvmsg::<()>(
        socket.as_raw_fd(),
        &mut slices,
        Some(&mut space),
        MsgFlags::MSG_CMSG_CLOEXEC,
    )?;
    let mut files = Vec::new();
    for control in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(numbers) = control {
            files.extend(numbers.into_iter().map(own));
        }
    }
    let length = message.bytes;
    let support: Support = serde_json::from_slice(bytes.get(..length).unwrap_or_default())?;
    let mut files = files.into_iter();
    let mut next = |has: bool| if has { files.next() } else { None };
    let namespaces = Namespaces {
        user: next(support.users).map(Arc::new),
        network: next(support.network).map(Arc::new),
        ipc: next(support.ipc).map(Arc::new),
        listener: Mutex::new(next(true)),
    };
    Ok((support, namespaces))
}

#[allow(unsafe_code)]
fn own(number: RawFd) -> OwnedFd {
    // SAFETY: the kernel made this descriptor for the message just received, and nobody else owns it.
    unsafe { OwnedFd::from_raw_fd(number) }
}

/// Makes namespaces, tries what can be done in them, and hands all over on standard input.
pub(super) fn hold() -> Result<u8, Fault> {
    let mut support =
        Support { landlock: landlock_version(), filters: has_filters(), ..Support::default() };
    support.users = new_user().is_ok();
    if support.users || geteuid().is_root() {
        support.ipc = unshare(CloneFlags::CLONE_NEWIPC).is_ok();
        support.network = unshare(CloneFlags::CLONE_NEWNET).is_ok() && bring_up_loopback().is_ok();
        support.fresh_proc = try_view(true);
        support.view = support.fresh_proc || (support.landlock > 0 && try_view(false));
    }
    let kinds = [(support.users, "user"), (support.network, "net"), (support.ipc, "ipc")];
    let kinds = kinds.into_iter().filter(|(has, _)| *has);
    let files: io::Result<Vec<fs::File>> =
        kinds.map(|(_, kind)| fs::File::open(Path::new("/proc/self/ns").join(kind))).collect();
    let files = files.map_err(|error| Fault::new("open a namespace", error))?;
    let mut numbers: Vec<RawFd> = files.iter().map(AsRawFd::as_raw_fd).collect();
    // Nobody is there yet to have taken the address.
    let listener = support.network.then(|| TcpListener::bind(egress::ADDRESS).ok()).flatten();
    numbers.extend(listener.as_ref().map(AsRawFd::as_raw_fd));
    let text = serde_json::to_vec(&support)
        .map_err(|error| Fault::new("tell what there is", io::Error::from(error)))?;
    let control = [ControlMessage::ScmRights(&numbers)];
    let control = if numbers.is_empty() { &[][..] } else { &control };
    sendmsg::<()>(0, &[IoSlice::new(&text)], control, MsgFlags::empty(), None)
        .map_err(|error| Fault::new("hand the namespaces over", error))?;
    Ok(0)
}

/// Enters a user namespace in which this user is who it was.
fn new_user() -> io::Result<()> {
    let (user, group) = (geteuid(), getegid());
    unshare(CloneFlags::CLONE_NEWUSER)?;
    // The kernel wants it before a group may be mapped.
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("{user} {user} 1"))?;
    fs::write("/proc/self/gid_map", format!("{group} {group} 1"))
}

/// Makes a small view in a child, as a command's is made.
fn try_view(fresh_proc: bool) -> bool {
    let policy = Policy {
        stand_ins: vec![(PathBuf::from("/tmp"), PathBuf::from("/etc"))],
        read: vec![PathBuf::from("/usr")],
        ..Policy::default()
    };
    in_child(|| {
        unshare(CloneFlags::CLONE_NEWPID).is_ok()
            && in_child(|| {
                unshare(CloneFlags::CLONE_NEWNS).is_ok() && view::enter(&policy, fresh_proc).is_ok()
            })
    })
}

fn in_child(job: impl FnOnce() -> bool) -> bool {
    match init::fork_single() {
        Ok(ForkResult::Child) => std::process::exit(i32::from(!job())),
        Ok(ForkResult::Parent { child }) => {
            matches!(waitpid(child, None), Ok(WaitStatus::Exited(_, 0)))
        }
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_said() {
        let full = Support {
            landlock: 7,
            filters: true,
            users: true,
            view: true,
            fresh_proc: true,
            network: true,
            ipc: true,
        };
        assert!(full.is_usable() && full.gaps().is_empty());
        let bare = Support { landlock: 3, filters: true, ..Support::default() };
        assert!(bare.is_usable() && bare.gaps().len() == 3);
        let old = Support { landlock: 2, ..bare };
        assert!(!old.is_usable() && old.gaps().len() == 1);
        assert!(!Support { filters: false, ..full }.is_usable());
    }
}
