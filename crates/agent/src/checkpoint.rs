//! Checkpoints: what every turn changed in the project's files, so that it can be taken back.
//!
//! The door is [`Checkpoints`], a [`Watch`] of the tools: it looks at the files just before and just after
//! every call that may change some, and keeps the old and the new contents in a store of its own, outside
//! the project. Before an edit only the files that it names are looked at; before a command all are, by
//! their times and sizes. What changed in between is the agent's; what changed at other times is the
//! user's, and is never taken back.
//!
//! Git is only read: what it holds unchanged is not stored again. Its folder is not covered.

mod disk;
mod git;
mod guard;
mod interrupted;
mod keeper;
mod known;
mod node;
mod pack;
pub mod plan;
mod project;
mod record;
mod restore;
pub mod rewind;
mod scan;
#[cfg(test)]
mod tests;
mod walk;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use distiq_base::SessionId;
use distiq_base::paths::Home;
use distiq_tools::{Touched, Watch};

use keeper::Keeper;
pub use node::{Change, Hash, Manifest, Node, RawText};
pub use project::{Stored, stored};

/// Most files that a record of the log names.
pub(crate) const MAX_SHOWN: usize = 200;

/// Tells why a state cannot be kept or had again.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The store cannot be used.
    #[error("Cannot use the checkpoints at `{path}`")]
    Store {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The project cannot be read.
    #[error("Cannot look at `{0}`")]
    Project(PathBuf, #[source] io::Error),
    /// A file of the project cannot be changed.
    #[error("Cannot restore `{0}`")]
    File(PathBuf, #[source] io::Error),
    /// The project is too large to look at before every command.
    #[error("The project has {0}")]
    TooLarge(&'static str),
    /// It is not known how the files were.
    #[error("How the files were before is not known any more")]
    Forgotten,
    /// Another process holds the store.
    #[error("Another distiq process has been using this project's checkpoints for a minute")]
    Busy,
    /// A content is not in the store.
    #[error("The content {0} is not kept any more")]
    Missing(Hash),
    /// A content is not what it was.
    #[error("The content {0} is damaged in the store")]
    Damaged(Hash),
}

impl CheckpointError {
    pub(crate) fn store(path: &Path, source: io::Error) -> Self {
        Self::Store { path: path.to_owned(), source }
    }

    /// Returns what the user can do.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Store { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                "the disk is full: free some space (`distiq data size`), or set `checkpoints.enabled` to `false`"
            }
            Self::Store { .. } | Self::Project(..) => {
                "check the folder's permissions (`distiq data path`)"
            }
            Self::File(..) => "nothing was changed; check the file's permissions, then try again",
            Self::TooLarge(_) => "work in a smaller folder with `--root`",
            Self::Forgotten => "Distiq's cache or its checkpoints were removed while it ran",
            Self::Busy => "wait until it ends, or stop it",
            Self::Missing(_) => {
                "the store keeps only so much and so long: see `checkpoints.max_mb` and `checkpoints.max_days`"
            }
            Self::Damaged(_) => {
                "the disk may be failing; nothing was changed. `--skip-conflicts` leaves such files"
            }
        }
    }
}

/// What checkpoints need.
#[derive(Clone, Debug)]
pub struct CheckpointConfig {
    /// The project's root, absolute, links resolved.
    pub root: PathBuf,
    /// Distiq's folders; never looked into.
    pub home: Home,
    /// The user's home folder, which is never looked through.
    pub user_home: Option<PathBuf>,
    /// How much a project's store may hold.
    pub max_bytes: u64,
    /// How long a session's checkpoints are kept.
    pub max_age: Duration,
}

/// A checkpoint that was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The turn.
    pub turn: u32,
    /// The manifest.
    pub id: Hash,
    /// The files that changed, fit to be shown.
    pub files: Vec<String>,
}

/// Keeps what a session changes.
#[derive(Debug)]
pub struct Checkpoints {
    keeper: Mutex<Keeper>,
}

impl Checkpoints {
    /// Prepares checkpoints; nothing is read or made before the first change.
    pub fn new(config: CheckpointConfig) -> Self {
        Self { keeper: Mutex::new(Keeper::new(config)) }
    }

    fn keeper(&self) -> MutexGuard<'_, Keeper> {
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells whose changes the next ones are.
    pub fn begin(&self, session: &SessionId, turn: u32) {
        self.keeper().begin(session, turn);
    }

    /// Tells whether commands of the session run behind its calls: what changes between two calls may be
    /// theirs or the user's then, and an undo asks about it.
    pub fn runs_behind(&self, yes: bool) {
        self.keeper().runs_behind |= yes;
    }

    /// Returns what was kept, and what the user should know, since this was last asked.
    pub fn drain(&self) -> (Vec<Kept>, Vec<String>) {
        let mut keeper = self.keeper();
        (std::mem::take(&mut keeper.kept), std::mem::take(&mut keeper.notices))
    }

    /// Tells whether changes by commands are seen.
    pub fn covers_commands(&self) -> bool {
        self.keeper().refused.is_none()
    }

    /// Ends a turn: what was kept survives a power cut, and the store stays within its bounds. Returns the
    /// files that changed and that no call has told.
    pub fn end_turn(&self) -> Vec<String> {
        self.keeper().end_turn()
    }
}

impl Watch for Checkpoints {
    fn before(&self, touched: &Touched) -> Result<(), String> {
        self.keeper().before(touched).map_err(|error| {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            format!("{error}{}; {}", cause.unwrap_or_default(), error.hint())
        })
    }

    fn after(&self, _: &Touched) -> Vec<String> {
        self.keeper().after()
    }
}
