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
mod known;
mod node;
mod pack;
pub mod plan;
mod project;
mod restore;
pub mod rewind;
mod scan;
#[cfg(test)]
mod tests;
mod walk;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use distiq_base::SessionId;
use distiq_base::paths::Home;
use distiq_tools::{Touched, Watch};

pub use node::{Change, Hash, Manifest, Node, RawText};
use project::{Cause, Project};
pub use project::{Stored, stored};
use scan::{Purpose, Tracker};

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
    config: CheckpointConfig,
    state: Mutex<State>,
}

/// How it was before a call that runs.
#[derive(Debug)]
enum Pending {
    Paths(Vec<(RawText, Option<Node>)>),
    Anything { others: Vec<(PathBuf, usize)> },
}

#[derive(Debug)]
struct State {
    session: SessionId,
    turn: u32,
    project: Option<Project>,
    tracker: Tracker,
    pending: Option<Pending>,
    /// Why commands are not covered.
    refused: Option<String>,
    notices: Vec<String>,
    kept: Vec<Kept>,
}

impl Checkpoints {
    /// Prepares checkpoints; nothing is read or made before the first change.
    pub fn new(config: CheckpointConfig) -> Self {
        let Home { config: settings, data, cache } = &config.home;
        let own = [settings, data, cache].map(|p| p.canonicalize().unwrap_or_else(|_| p.clone()));
        let tracker = Tracker::new(&config.root, own.to_vec());
        let refused = guard::refusal(&config.root, config.user_home.as_deref());
        let state = State {
            session: SessionId::generate(),
            turn: 0,
            project: None,
            tracker,
            pending: None,
            refused: None,
            notices: Vec::new(),
            kept: Vec::new(),
        };
        let checkpoints = Self { config, state: Mutex::new(state) };
        if let Some(why) = refused {
            checkpoints.state().refuse(&why);
        }
        checkpoints
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells whose changes the next ones are.
    pub fn begin(&self, session: &SessionId, turn: u32) {
        let mut state = self.state();
        state.session = session.clone();
        state.turn = turn;
    }

    /// Returns what was kept, and what the user should know, since this was last asked.
    pub fn drain(&self) -> (Vec<Kept>, Vec<String>) {
        let mut state = self.state();
        (std::mem::take(&mut state.kept), std::mem::take(&mut state.notices))
    }

    /// Tells whether changes by commands are seen.
    pub fn covers_commands(&self) -> bool {
        self.state().refused.is_none()
    }

    /// Ends a turn: what was kept survives a power cut, and the store stays within its bounds. What
    /// processes that commands left running have changed by now is returned and counts as the turn's,
    /// where `still_running` says that there are some.
    pub fn end_turn(&self, still_running: bool) -> Vec<String> {
        let mut state = self.state();
        let mut changed = Vec::new();
        if state.pending.is_some() || still_running {
            changed = self.after_in(&mut state, true);
        }
        let session = state.session.clone();
        if let Some(project) = &mut state.project {
            project.packs.sync();
            if project.packs.bytes() > self.config.max_bytes {
                // Too much of the current session stays; the next one clears it.
                let _ =
                    project.clear_up(self.config.max_bytes, self.config.max_age, Some(&session));
            }
        }
        changed
    }

    fn open(&self, state: &mut State) -> Result<(), CheckpointError> {
        if state.project.is_none() {
            let mut project = Project::open(&self.config.home, &self.config.root)?;
            let session = state.session.clone();
            project.clear_up(self.config.max_bytes, self.config.max_age, Some(&session))?;
            project.live();
            state.project = Some(project);
        }
        Ok(())
    }

    fn before_in(&self, state: &mut State, touched: &Touched) -> Result<(), CheckpointError> {
        self.open(state)?;
        let Some(project) = &mut state.project else { return Ok(()) };
        let _locked = project.lock()?;
        let pending = match touched {
            Touched::Paths(paths) => {
                let mut nodes = Vec::new();
                for path in with_missing_folders(&self.config.root, paths) {
                    let disk = disk::look(&self.config.root, &path);
                    if let Some(bytes) = &disk.bytes {
                        project.packs.keep(bytes)?;
                    }
                    nodes.push((path, disk.node));
                }
                project.packs.flush()?;
                Pending::Paths(nodes)
            }
            Touched::Anything if state.refused.is_some() => return Ok(()),
            Touched::Anything => {
                let known = project.known.clone();
                match state.tracker.scan(&mut project.packs, &known, Purpose::Learn) {
                    Ok(_) => Pending::Anything { others: project.others(&state.session) },
                    Err(CheckpointError::TooLarge(what)) => {
                        state.refuse(&format!("the project has {what}"));
                        return Ok(());
                    }
                    Err(error) => return Err(error),
                }
            }
        };
        state.pending = Some(pending);
        Ok(())
    }

    /// Keeps what changed since [`Watch::before`] and returns the files.
    fn after_in(&self, state: &mut State, anything: bool) -> Vec<String> {
        let pending = state.pending.take();
        let changes = match self.changes(state, pending, anything) {
            Ok(changes) => changes,
            Err(error) => {
                let why = error.hint();
                state
                    .notices
                    .push(format!("What the call changed cannot be undone: {error}; {why}"));
                return Vec::new();
            }
        };
        if changes.is_empty() {
            return Vec::new();
        }
        let lost =
            changes.iter().filter(|change| matches!(change.before, Some(Node::Unkept { .. })));
        for change in lost.take(3) {
            let message = "was too large to keep, or could not be read: undo cannot bring it back";
            state.notices.push(format!("{} {message}", change.path.shown()));
        }
        let manifest = Manifest { changes };
        let files: Vec<String> = manifest.files().collect();
        let (session, turn) = (state.session.clone(), state.turn);
        let kept = match &mut state.project {
            Some(project) => project
                .lock()
                .and_then(|_locked| project.keep(&session, turn, Cause::Turn, &manifest)),
            None => return files,
        };
        match kept {
            Ok(id) => state.kept.push(Kept { turn, id, files: files.clone() }),
            Err(error) => {
                state.notices.push(format!("What the call changed cannot be undone: {error}"));
            }
        }
        files
    }

    fn changes(
        &self,
        state: &mut State,
        pending: Option<Pending>,
        anything: bool,
    ) -> Result<Vec<Change>, CheckpointError> {
        let Some(project) = &mut state.project else { return Ok(Vec::new()) };
        let _locked = project.lock()?;
        let mut changes = Vec::new();
        if let Some(Pending::Paths(nodes)) = &pending {
            for (path, before) in nodes {
                let disk = disk::look(&self.config.root, path);
                if node::same(before.as_ref(), disk.node.as_ref()) {
                    continue;
                }
                if let Some(bytes) = &disk.bytes {
                    keep_against(&mut project.packs, bytes, before.as_ref())?;
                }
                let (path, before) = (path.clone(), before.clone());
                changes.push(Change { path, before, after: disk.node, minor: false });
            }
            project.packs.flush()?;
        }
        let others = match pending {
            Some(Pending::Anything { others }) => others,
            _ if anything && state.refused.is_none() => project.others(&state.session),
            _ => return Ok(changes),
        };
        let known = project.known.clone();
        changes.extend(state.tracker.scan(&mut project.packs, &known, Purpose::Tell)?);
        // What another session changed in the meantime is that session's.
        let theirs = project.changed_by_others(&state.session, &others);
        let theirs = theirs.iter().flat_map(|manifest| &manifest.changes);
        let theirs: std::collections::HashMap<&RawText, &Change> =
            theirs.map(|change| (&change.path, change)).collect();
        changes.retain(|change| {
            let theirs = theirs.get(&change.path);
            !theirs.is_some_and(|theirs| node::same(theirs.after.as_ref(), change.after.as_ref()))
        });
        Ok(changes)
    }
}

impl State {
    fn refuse(&mut self, why: &str) {
        self.notices.push(format!("What commands change here cannot be undone: {why}. Edits can"));
        self.refused = Some(why.to_owned());
    }
}

impl Watch for Checkpoints {
    fn before(&self, touched: &Touched) -> Result<(), String> {
        let mut state = self.state();
        if state.pending.is_some() {
            // A call that never came to its end.
            self.after_in(&mut state, false);
        }
        self.before_in(&mut state, touched).map_err(|error| {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            format!("{error}{}; {}", cause.unwrap_or_default(), error.hint())
        })
    }

    fn after(&self, _: &Touched) -> Vec<String> {
        let mut state = self.state();
        self.after_in(&mut state, false)
    }
}

/// Keeps a content, as the difference from what was there before where that is shorter.
fn keep_against(
    packs: &mut pack::Packs,
    bytes: &[u8],
    before: Option<&Node>,
) -> Result<(), CheckpointError> {
    let base = match before {
        Some(Node::File { hash, .. }) => packs.get(hash).ok().map(|bytes| (*hash, bytes)),
        _ => None,
    };
    let packed = packs.pack(bytes, base.as_ref().map(|(hash, bytes)| (*hash, bytes.as_slice())));
    packs.put(packed).map(drop)
}

/// Returns paths relative to the root, each after the folders above it that are not there yet.
fn with_missing_folders(root: &Path, paths: &[PathBuf]) -> Vec<RawText> {
    let mut all: Vec<RawText> = Vec::new();
    let mut add = |path: &Path| {
        let path = RawText::of(path);
        if !all.contains(&path) {
            all.push(path);
        }
    };
    for path in paths {
        let Ok(relative) = path.strip_prefix(root) else { continue };
        let above: Vec<&Path> = relative.ancestors().skip(1).collect();
        for folder in above.into_iter().rev().filter(|folder| !folder.as_os_str().is_empty()) {
            if fs::symlink_metadata(root.join(folder)).is_err() {
                add(folder);
            }
        }
        add(relative);
    }
    all
}
