//! The sandbox: what a command of the project may reach, enforced by the kernel.
//!
//! A [`Policy`] is pure data: which folders one command may read and write, and whether it has the
//! network. A backend turns it into a program to start ([`Wrapped`]). The native one starts this
//! binary again as `distiq __sandbox`, which shuts itself in and then runs the command.

pub mod bubblewrap;
pub mod caches;
pub mod container;
pub mod egress;
#[cfg(target_os = "linux")]
mod filter;
mod foreign;
mod grant;
mod hint;
#[cfg(target_os = "linux")]
pub(crate) mod init;
#[cfg(target_os = "linux")]
mod kernel;
#[cfg(target_os = "linux")]
mod launch;
#[cfg(target_os = "linux")]
mod namespaces;
#[cfg(target_os = "linux")]
mod native;
mod places;
mod repository;
#[cfg(target_os = "linux")]
mod rules;
pub mod seatbelt;
mod session;
#[cfg(target_os = "linux")]
mod support;
#[cfg(target_os = "linux")]
mod view;

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;

use distiq_base::config::Sandbox as Mode;
use serde::{Deserialize, Serialize};

#[cfg(target_os = "linux")]
pub(crate) use self::launch::UNUSABLE;
#[cfg(target_os = "linux")]
pub use self::launch::{LAUNCH, launch};
pub(crate) use self::session::{Confine, Sandbox};
#[cfg(target_os = "linux")]
pub use self::support::{Support, support};

/// What a session's sandbox is made of.
#[derive(Clone, Debug)]
pub struct SandboxConfig {
    /// Whether there has to be one.
    pub mode: Mode,
    /// A binary that knows `__sandbox`; without one there is no native sandbox.
    pub launcher: Option<PathBuf>,
    /// Distiq's cache folder: private temporary folders and the toolchains' caches lie in it.
    pub cache: PathBuf,
    /// Distiq's own folders with settings, keys and logs; never seen by a command.
    pub hide: Vec<PathBuf>,
    /// Further folders and files that commands may read.
    pub read: Vec<PathBuf>,
    /// Further folders that commands may write.
    pub write: Vec<PathBuf>,
    /// What commands may reach over the network unasked.
    pub network: Network,
    /// What shuts commands in.
    pub backend: Backend,
}

impl SandboxConfig {
    /// Returns the settings of a session whose commands run free.
    pub fn off() -> Self {
        Self {
            mode: Mode::Off,
            launcher: None,
            cache: PathBuf::new(),
            hide: Vec::new(),
            read: Vec::new(),
            write: Vec::new(),
            network: Network::Off,
            backend: Backend::Native,
        }
    }
}

/// What may be reached over the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Network {
    /// Loopback among the session's own commands.
    Off,
    /// These hosts, by way of a proxy.
    Hosts(Vec<String>),
    /// Everything.
    On,
}

/// What shuts commands in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backend {
    /// The kernel's own means, by way of this binary.
    Native,
    /// bubblewrap.
    Bubblewrap,
    /// Docker, with this image.
    Docker {
        /// The image.
        image: String,
    },
    /// Podman, with this image.
    Podman {
        /// The image.
        image: String,
    },
}

/// What one call was allowed beyond the usual.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    /// The user allowed a part that uses the network.
    pub network: bool,
    /// The line is made of allowed git commands that write.
    pub git_write: bool,
    /// Those may write settings of git's too.
    pub git_config: bool,
}

/// What one command may do; pure data. Paths are absolute, links resolved.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// The project's root.
    pub root: PathBuf,
    /// Where the command starts.
    pub cwd: PathBuf,
    /// The session's private folder that stands for `/tmp`.
    pub temp: PathBuf,
    /// What may be read and executed, whole trees.
    pub read: Vec<PathBuf>,
    /// What may also be written, whole trees; the root is among them.
    pub write: Vec<PathBuf>,
    /// What is read-only although it lies in a tree that may be written.
    pub frozen: Vec<PathBuf>,
    /// What is not even readable although it lies in such a tree.
    pub hidden: Vec<PathBuf>,
    /// Folders that are seen elsewhere and may be written: where, and what. The private `/tmp` is one, the commands' own
    /// home another.
    pub stand_ins: Vec<(PathBuf, PathBuf)>,
    /// Links outside those trees that lead to them, and their targets as written.
    pub links: Vec<(PathBuf, PathBuf)>,
    /// Variables set for the command.
    pub env: Vec<(String, String)>,
    /// Variables taken away from it.
    pub unset: Vec<String>,
    /// Whether it has the network.
    pub network: bool,
    /// Whether it may write the repository.
    pub git_write: bool,
}

/// A program to start that holds a command in.
#[derive(Debug, Default)]
pub(crate) struct Wrapped {
    pub(crate) program: OsString,
    pub(crate) arguments: Vec<OsString>,
    /// Variables set on top of the command's own.
    pub(crate) set: Vec<(String, String)>,
    /// Variables taken away.
    pub(crate) unset: Vec<String>,
    /// What the program inherits, under the same numbers.
    pub(crate) keep: Vec<Arc<OwnedFd>>,
}
