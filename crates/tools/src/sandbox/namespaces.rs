//! The namespaces that a session's commands share: for users, for the network, for shared memory.
//!
//! Whoever makes them, a short-lived process or the session's first command, hands them over as descriptors; as long as
//! those are open the namespaces live. So a server that one command left running is reached by the next.

use std::fs;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};
use nix::unistd::{getegid, geteuid};

use super::kernel::bring_up_loopback;
use super::launch::Fault;
use super::support::{Support, obtain};

/// How long making them may take; it takes milliseconds.
pub(super) const LONGEST: Duration = Duration::from_secs(10);

/// Namespaces that the commands of a session share.
#[derive(Debug, Default)]
pub(super) struct Namespaces {
    pub(super) user: Option<Arc<OwnedFd>>,
    pub(super) network: Option<Arc<OwnedFd>>,
    pub(super) ipc: Option<Arc<OwnedFd>>,
    /// A socket that listens in the network namespace at the proxy's address.
    pub(super) listener: Mutex<Option<OwnedFd>>,
}

/// The namespaces of a session, which its first command may make.
#[derive(Debug)]
pub(super) struct Shared(Mutex<Link>);

#[derive(Debug)]
enum Link {
    Unmade,
    Awaited(UnixStream),
    Made(Arc<Namespaces>),
}

/// How a command comes to the session's namespaces.
pub(super) enum Way {
    /// It enters them.
    Enter(Arc<Namespaces>),
    /// It makes them, and hands them over here.
    Make(Arc<OwnedFd>),
}

impl Shared {
    /// Holds what is made, or nothing yet.
    pub(super) fn new(made: Option<Namespaces>) -> Self {
        Self(Mutex::new(made.map_or(Link::Unmade, |made| Link::Made(Arc::new(made)))))
    }

    /// Returns the way of the next command; one that uses the user's own network makes none for others.
    ///
    /// # Errors
    /// Where the launcher does not run.
    pub(super) fn way(&self, launcher: &Path, own_network: bool) -> io::Result<Way> {
        let mut link = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Link::Awaited(socket) = &*link {
            *link = match receive(socket) {
                Ok((_, made)) => Link::Made(Arc::new(made)),
                // The first command could not be started.
                Err(_) => Link::Unmade,
            };
        }
        if let Link::Made(made) = &*link {
            return Ok(Way::Enter(Arc::clone(made)));
        }
        if own_network {
            let (ours, theirs) = UnixStream::pair()?;
            ours.set_read_timeout(Some(LONGEST))?;
            *link = Link::Awaited(ours);
            return Ok(Way::Make(Arc::new(theirs.into())));
        }
        let made = Arc::new(obtain(launcher)?.1);
        *link = Link::Made(Arc::clone(&made));
        Ok(Way::Enter(made))
    }
}

/// Takes over what somebody hands over.
pub(super) fn receive(socket: &UnixStream) -> io::Result<(Support, Namespaces)> {
    let mut bytes = [0; 1024];
    let mut space = nix::cmsg_space!([RawFd; 4]);
    let mut slices = [IoSliceMut::new(&mut bytes)];
    let message = match recvmsg::<()>(
        socket.as_raw_fd(),
        &mut slices,
        Some(&mut space),
        MsgFlags::MSG_CMSG_CLOEXEC,
    ) {
        // A tracer that stops us, or a signal, says nothing of what comes.
        Err(Errno::EINTR) => return receive(socket),
        message => message?,
    };
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

/// Makes the namespaces of a session and hands them over, by way of its first command. Whatever else there is, is known from
/// an earlier session.
pub(super) fn make_for_session(to: BorrowedFd<'_>) -> Result<(), Fault> {
    let mut support = Support::default();
    support.enter_new();
    if !(support.users || geteuid().is_root()) || !support.network || !support.ipc {
        return Err(Fault::new(
            "make namespaces",
            io::Error::from(io::ErrorKind::PermissionDenied),
        ));
    }
    hand_over(&support, None, to)
}

/// Hands the namespaces of this process over.
pub(super) fn hand_over(
    support: &Support,
    listener: Option<RawFd>,
    to: BorrowedFd<'_>,
) -> Result<(), Fault> {
    let kinds = [(support.users, "user"), (support.network, "net"), (support.ipc, "ipc")];
    let kinds = kinds.into_iter().filter(|(has, _)| *has);
    let files: io::Result<Vec<fs::File>> =
        kinds.map(|(_, kind)| fs::File::open(Path::new("/proc/self/ns").join(kind))).collect();
    let files = files.map_err(|error| Fault::new("open a namespace", error))?;
    let mut numbers: Vec<RawFd> = files.iter().map(AsRawFd::as_raw_fd).collect();
    numbers.extend(listener);
    let text = serde_json::to_vec(support)
        .map_err(|error| Fault::new("tell what there is", io::Error::from(error)))?;
    let control = [ControlMessage::ScmRights(&numbers)];
    let control = if numbers.is_empty() { &[][..] } else { &control };
    sendmsg::<()>(to.as_raw_fd(), &[IoSlice::new(&text)], control, MsgFlags::empty(), None)
        .map_err(|error| Fault::new("hand the namespaces over", error))?;
    Ok(())
}

impl Support {
    /// Enters namespaces of the kinds that there are, and notes which.
    pub(super) fn enter_new(&mut self) {
        self.users = new_user().is_ok();
        if self.users || geteuid().is_root() {
            self.ipc = unshare(CloneFlags::CLONE_NEWIPC).is_ok();
            self.network = unshare(CloneFlags::CLONE_NEWNET).is_ok() && bring_up_loopback().is_ok();
        }
    }
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
