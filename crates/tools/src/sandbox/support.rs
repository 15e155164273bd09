//! What this system offers, found out by trying it.
//!
//! Trying takes a process and some milliseconds, so that what holds without a gap is remembered until the system is started
//! again or its settings change.

use std::fs::{self, DirBuilder};
use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::sched::{CloneFlags, unshare};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, geteuid};
use serde::{Deserialize, Serialize};

use super::kernel::{has_filters, landlock_version};
use super::launch::Fault;
use super::namespaces::{LONGEST, Namespaces, hand_over, receive};
use super::{Policy, egress, init, native, rules, view};

/// What the kernel's answer depends on, as far as files tell it: the start of the system, its settings about namespaces, and
/// what holds this process itself.
const DEPENDS: [&str; 4] = [
    "/proc/sys/kernel/random/boot_id",
    "/proc/sys/user/max_user_namespaces",
    "/proc/sys/kernel/unprivileged_userns_clone",
    "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
];

/// Lines of `/proc/self/status` that tell what holds this process.
const HELD: [&str; 6] = ["Uid", "Gid", "CapEff", "CapBnd", "NoNewPrivs", "Seccomp"];

/// The file of what is remembered.
const REMEMBERED: &str = "support.json";

/// An answer that is remembered.
#[derive(Serialize, Deserialize)]
struct Known {
    under: String,
    support: Support,
}

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

/// Returns what the system offers to commands that are started by `launcher`, a binary that knows `__sandbox`.
///
/// # Errors
/// Where the launcher does not run.
pub fn support(launcher: &Path) -> io::Result<Support> {
    Ok(obtain(launcher)?.0)
}

/// Returns what is remembered of an earlier look, where it still holds.
pub(super) fn known(folder: &Path) -> Option<Support> {
    let known: Known = serde_json::from_slice(&fs::read(folder.join(REMEMBERED)).ok()?).ok()?;
    (known.under == under() && known.support.gaps().is_empty()).then_some(known.support)
}

/// Remembers an answer without gaps; one with gaps is found out each time, so that what was mended is noticed.
pub(super) fn remember(folder: &Path, support: &Support) {
    if !support.gaps().is_empty() {
        return;
    }
    let known = Known { under: under(), support: support.clone() };
    // Without it, the next session looks again.
    if let Ok(text) = serde_json::to_vec(&known) {
        let _ = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        let _ = distiq_base::atomic::write(&folder.join(REMEMBERED), &text, None);
    }
}

/// Forgets the answer: it turned out to hold no more.
pub(super) fn forget(folder: &Path) {
    let _ = fs::remove_file(folder.join(REMEMBERED));
}

fn under() -> String {
    let mut text = String::new();
    for path in DEPENDS {
        text.push_str(fs::read_to_string(path).unwrap_or_default().trim());
        text.push('\n');
    }
    for kind in ["user", "mnt"] {
        let link = fs::read_link(Path::new("/proc/self/ns").join(kind)).unwrap_or_default();
        text.push_str(&link.to_string_lossy());
    }
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let held = status.lines().filter(|line| HELD.iter().any(|name| line.starts_with(name)));
    held.for_each(|line| text.push_str(line));
    blake3::hash(text.as_bytes()).to_hex().to_string()
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

/// Makes namespaces, tries what can be done in them, and hands all over on standard input.
pub(super) fn hold() -> Result<u8, Fault> {
    let mut support =
        Support { landlock: landlock_version(), filters: has_filters(), ..Support::default() };
    support.enter_new();
    if support.users || geteuid().is_root() {
        support.fresh_proc = try_view(true);
        support.view = support.fresh_proc || (support.landlock > 0 && try_view(false));
    }
    // Nobody is there yet to have taken the address.
    let listener = support.network.then(|| TcpListener::bind(egress::ADDRESS).ok()).flatten();
    let listener = listener.as_ref().map(AsRawFd::as_raw_fd);
    hand_over(&support, listener, io::stdin().as_fd())?;
    Ok(0)
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
