//! Undo and redo: a session goes back to before a turn, files and conversation together or apart.
//!
//! What was undone follows from the session's log alone: `undone` and `redone` records say what happened, the
//! history leaves out what was rewound, and a new turn ends what can be redone.

use std::fs;
use std::path::{Path, PathBuf};

use distiq_base::clock::Clock;
use distiq_base::kill::kill_point;
use distiq_base::paths::Home;
use distiq_base::{Event, SessionId};
use distiq_tools::ProjectLock;
use serde::Deserialize;

use super::CheckpointError;
use super::interrupted;
use super::keeper::own_folders;
use super::node::{Hash, Manifest, RawText};
use super::plan::{Plan, Planner};
use super::project::{Cause, JOURNAL, Project, folder_of, interrupted as interrupted_undos};
use super::restore::{self, Journal};
use super::scan::Tracker;
use crate::history;
use crate::log::{self, LogError, RawRecord, SessionLog};
use crate::sessions;

/// Tells why nothing was rewound.
#[derive(Debug, thiserror::Error)]
pub enum RewindError {
    /// The session's log cannot be used.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The store cannot be used.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// No turn is left to undo.
    #[error("Nothing to undo in session {0}")]
    NothingToUndo(SessionId),
    /// Nothing was undone since the last turn.
    #[error("Nothing to redo in session {0}")]
    NothingToRedo(SessionId),
    /// The session has no such turn, or it was undone already.
    #[error("No turn {turn} to undo; there are {there}")]
    NoTurn {
        /// What was asked for.
        turn: u32,
        /// What there is.
        there: String,
    },
    /// The project is not where it was.
    #[error("The session's project is gone: {0}")]
    ProjectGone(PathBuf),
}

impl RewindError {
    /// Returns what the user can do.
    pub fn hint(&self) -> String {
        match self {
            Self::Log(error) => error.hint(),
            Self::Checkpoint(error) => error.hint().to_owned(),
            Self::NothingToUndo(_) => {
                "only what a session changed can be undone; `--session ID` names another one".into()
            }
            Self::NothingToRedo(_) => {
                "what was undone can be redone until the next turn of the session".into()
            }
            Self::NoTurn { .. } => "`distiq undo --preview` shows the last one".into(),
            Self::ProjectGone(_) => "put it back where it was".into(),
        }
    }
}

/// What is rewound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts {
    /// The project's files.
    pub files: bool,
    /// What the model has heard and said.
    pub conversation: bool,
}

/// What is to be done with a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Do it; only where nothing is in conflict.
    Go,
    /// Do it, and overwrite what is in conflict; what is there now can be had again by a redo.
    Force,
    /// Do it, and leave what is in conflict.
    Skip,
    /// Do nothing.
    Stop,
}

/// Looks at what would happen to the files of these turns, and decides.
pub type Decide<'a> = &'a mut dyn FnMut(&Plan, &[u32]) -> Decision;

/// What was done, or would be.
#[derive(Debug)]
pub struct Rewound {
    /// The session.
    pub session: SessionId,
    /// The turns that are taken back, or come back.
    pub turns: Vec<u32>,
    /// Which parts of them.
    pub parts: Parts,
    /// What happens to the files.
    pub plan: Plan,
    /// Whether it was done.
    pub is_done: bool,
}

/// Goes back and forth in sessions.
#[derive(Clone, Debug)]
pub struct Rewinder {
    /// Distiq's folders.
    pub home: Home,
    /// The clock of the log's records.
    pub clock: Clock,
}

/// A turn, as the log tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Turn {
    number: u32,
    files_undone: bool,
    conversation_undone: bool,
}

/// An undo that can be redone.
#[derive(Clone, Debug)]
struct Undo {
    parts: Parts,
    id: Option<Hash>,
    /// The turns as they were before it.
    turns: Vec<Turn>,
}

/// What the log says of turns.
#[derive(Debug, Default)]
struct Turns {
    root: PathBuf,
    turns: Vec<Turn>,
    undone: Vec<Undo>,
    /// The manifest of the last undo or redo.
    last: Option<Hash>,
}

#[derive(Deserialize)]
struct Begun {
    turn: u32,
}

#[derive(Deserialize)]
struct Started {
    root: PathBuf,
}

#[derive(Deserialize)]
struct Moved {
    turn: u32,
    files: bool,
    conversation: bool,
    id: Option<Hash>,
}

impl Turns {
    fn read(path: &Path) -> Result<Self, LogError> {
        let mut turns = Self::default();
        log::scan(path, &mut |line| turns.take(line))?;
        Ok(turns)
    }

    fn take(&mut self, line: RawRecord<'_>) -> Result<(), LogError> {
        match line.kind() {
            b"session_started" => self.root = line.parse::<Started>()?.root,
            b"turn_started" => {
                let number = line.parse::<Begun>()?.turn;
                self.turns.push(Turn { number, files_undone: false, conversation_undone: false });
                self.undone.clear();
            }
            b"undone" => {
                let Moved { turn, files, conversation, id } = line.parse()?;
                let parts = Parts { files, conversation };
                self.undone.push(Undo { parts, id, turns: self.turns.clone() });
                for known in self.turns.iter_mut().filter(|known| known.number >= turn) {
                    known.files_undone |= files;
                    known.conversation_undone |= conversation;
                }
                self.last = id;
            }
            b"redone" => {
                if let Some(undo) = self.undone.pop() {
                    self.turns = undo.turns;
                }
                self.last = line.parse::<Moved>()?.id;
            }
            _ => {}
        }
        Ok(())
    }

    /// Returns the turns of which one of these parts is not undone yet.
    fn open(&self, parts: Parts) -> Vec<u32> {
        let is_open = |turn: &&Turn| {
            parts.files && !turn.files_undone || parts.conversation && !turn.conversation_undone
        };
        self.turns.iter().filter(is_open).map(|turn| turn.number).collect()
    }
}

impl Rewinder {
    fn log_path(&self, session: &SessionId) -> PathBuf {
        sessions::path_of(&self.home.sessions(), session)
    }

    /// Goes back to before a turn; without one, to before the last that is not undone yet. With
    /// `is_preview` nothing is changed, whatever is decided.
    ///
    /// # Errors
    /// [`RewindError`]; nothing was changed then.
    pub fn undo(
        &self,
        session: &SessionId,
        turn: Option<u32>,
        parts: Parts,
        is_preview: bool,
        decide: Decide<'_>,
    ) -> Result<Rewound, RewindError> {
        let mut desk = Desk::open(self, session, is_preview)?;
        let open = desk.turns.open(parts);
        let only_files = !parts.conversation;
        let has_files = |turn: &u32| desk.refs.iter().any(|(t, _)| t == turn);
        let last = open.iter().rev().find(|turn| !only_files || has_files(turn)).copied();
        let Some(last) = last else { return Err(RewindError::NothingToUndo(session.clone())) };
        let turn = turn.unwrap_or(last);
        if !open.contains(&turn) {
            let there: Vec<String> = open.iter().map(u32::to_string).collect();
            return Err(RewindError::NoTurn { turn, there: there.join(", ") });
        }
        let turns: Vec<u32> = open.into_iter().filter(|number| *number >= turn).collect();
        let done =
            |number: &u32| desk.turns.turns.iter().any(|t| t.number == *number && t.files_undone);
        let ids: Vec<Hash> = desk
            .refs
            .iter()
            .filter(|(number, _)| parts.files && *number >= turn && !done(number))
            .map(|(_, id)| *id)
            .collect();
        let manifests = desk.manifests(&ids)?;
        let event = move |id: Option<String>, files_changed| Event::Undone {
            turn,
            files: parts.files,
            conversation: parts.conversation,
            id,
            files_changed,
        };
        desk.go(&manifests, Cause::Undo, turns, parts, decide, &event)
    }

    /// Brings back what the last undo took back.
    ///
    /// # Errors
    /// [`RewindError`]; nothing was changed then.
    pub fn redo(
        &self,
        session: &SessionId,
        is_preview: bool,
        decide: Decide<'_>,
    ) -> Result<Rewound, RewindError> {
        let mut desk = Desk::open(self, session, is_preview)?;
        let Some(undo) = desk.turns.undone.last().cloned() else {
            return Err(RewindError::NothingToRedo(session.clone()));
        };
        let manifests = desk.manifests(undo.id.as_slice())?;
        let now = &desk.turns.turns;
        let back = undo.turns.iter().zip(now).filter(|(then, now)| then != now);
        let turns: Vec<u32> = back.map(|(turn, _)| turn.number).collect();
        let turn = turns.first().copied().unwrap_or_default();
        let parts = undo.parts;
        let event = move |id: Option<String>, files_changed| Event::Redone {
            turn,
            files: parts.files,
            conversation: parts.conversation,
            id,
            files_changed,
        };
        desk.go(&manifests, Cause::Redo, turns, parts, decide, &event)
    }

    /// Ends every undo and redo that was interrupted, in all projects; tells of each how that went.
    pub fn recover_all(&self) -> Vec<Result<bool, RewindError>> {
        interrupted_undos(&self.home.snapshots()).iter().map(|root| self.recover(root)).collect()
    }

    /// Ends an undo or a redo of a project that a kill or a power cut interrupted. Cheap where there is none.
    ///
    /// # Errors
    /// [`RewindError`]; the next command tries again.
    pub fn recover(&self, root: &Path) -> Result<bool, RewindError> {
        let folder = folder_of(&self.home.snapshots(), root);
        if !folder.join(JOURNAL).exists() {
            return Ok(false);
        }
        let mut project = Project::open(&self.home, root)?;
        let _locked = project.lock()?;
        let path = project.journal();
        // Another process may have ended it while this one waited.
        let Some(journal) = Journal::read(&path) else { return Ok(false) };
        let manifest = project.manifest(&journal.manifest)?;
        restore::apply(root, &mut project.packs, &manifest)?;
        let log_path = self.log_path(&journal.session);
        if log_path.exists() && Turns::read(&log_path)?.last != Some(journal.manifest) {
            let (mut log, _) = history::reopen(&log_path, self.clock.clone())?;
            log.append(journal.event)?;
            log.sync();
        }
        fs::remove_file(&path).map_err(|source| CheckpointError::store(&path, source))?;
        Ok(true)
    }
}

/// All that a rewind of one session works with, locked.
struct Desk {
    session: SessionId,
    root: PathBuf,
    /// `None` for a preview.
    log: Option<SessionLog>,
    turns: Turns,
    /// Turns and manifests of what the session's calls changed, oldest first.
    refs: Vec<(u32, Hash)>,
    project: Project,
    tracker: Tracker,
    _locked: super::project::Locked,
    _project: ProjectLock,
}

impl Desk {
    fn open(
        rewinder: &Rewinder,
        session: &SessionId,
        is_preview: bool,
    ) -> Result<Self, RewindError> {
        let path = rewinder.log_path(session);
        let root = Turns::read(&path)?.root;
        if !root.is_dir() {
            return Err(RewindError::ProjectGone(root));
        }
        rewinder.recover(&root)?;
        let log = match is_preview {
            true => None,
            false => Some(history::reopen(&path, rewinder.clock.clone())?.0),
        };
        let turns = Turns::read(&path)?;
        let held = ProjectLock::take(&root, &rewinder.home.journal());
        let mut project = Project::open(&rewinder.home, &root)?;
        project.live();
        let mut tracker = Tracker::new(&root, own_folders(&rewinder.home));
        if !is_preview {
            interrupted::recover(&mut project, &mut tracker, &root, &rewinder.home.sessions())?;
        }
        let locked = project.lock()?;
        let refs = project.refs_of(session).into_iter();
        let refs =
            refs.filter(|entry| entry.cause == Cause::Turn).map(|entry| (entry.turn, entry.id));
        Ok(Self {
            session: session.clone(),
            log,
            turns,
            refs: refs.collect(),
            tracker,
            root,
            project,
            _locked: locked,
            _project: held,
        })
    }

    fn manifests(&mut self, ids: &[Hash]) -> Result<Vec<Manifest>, CheckpointError> {
        ids.iter().map(|id| self.project.manifest(id)).collect()
    }

    /// Plans, has it decided, and does it.
    fn go(
        mut self,
        manifests: &[Manifest],
        cause: Cause,
        turns: Vec<u32>,
        parts: Parts,
        decide: Decide<'_>,
        event: &dyn Fn(Option<String>, Vec<String>) -> Event,
    ) -> Result<Rewound, RewindError> {
        let needs_git = manifests.iter().any(|manifest| manifest.needs_git());
        let git = if needs_git { self.tracker.git() } else { None };
        let mut planner = Planner { root: &self.root, packs: &mut self.project.packs, git };
        let mut plan = planner.plan(manifests)?;
        let decision = decide(&plan, &turns);
        let asked = plan.clone();
        match decision {
            Decision::Force => plan.force(),
            Decision::Skip => plan.skip(),
            Decision::Go | Decision::Stop => {}
        }
        let session = self.session.clone();
        let mut rewound = Rewound { session, turns, parts, plan: asked, is_done: false };
        if self.log.is_none() || decision == Decision::Stop || !plan.conflicts.is_empty() {
            return Ok(rewound);
        }
        let turn = rewound.turns.first().copied().unwrap_or_default();
        let left = self.carry_out(&plan, cause, turn, event)?;
        plan.left.extend(left);
        rewound.plan = plan;
        rewound.is_done = true;
        Ok(rewound)
    }

    fn carry_out(
        &mut self,
        plan: &Plan,
        cause: Cause,
        turn: u32,
        event: &dyn Fn(Option<String>, Vec<String>) -> Event,
    ) -> Result<Vec<RawText>, RewindError> {
        let Some(log) = &mut self.log else { return Ok(Vec::new()) };
        let manifest = plan.manifest();
        if manifest.changes.is_empty() {
            log.append(event(None, Vec::new()))?;
            log.sync();
            return Ok(Vec::new());
        }
        let id = self.project.keep(&self.session, turn, cause, &manifest)?;
        self.project.packs.sync();
        let event = event(Some(id.to_string()), shown(&manifest));
        let path = self.project.journal();
        let journal = Journal { session: self.session.clone(), event: event.clone(), manifest: id };
        journal.write(&path)?;
        let left = match restore::apply(&self.root, &mut self.project.packs, &manifest) {
            Ok(left) => left,
            Err(error) => {
                // All or nothing: what was done already is taken back.
                let back = restore::inverse(&manifest);
                if restore::apply(&self.root, &mut self.project.packs, &back).is_ok() {
                    let _ = fs::remove_file(&path);
                }
                return Err(error.into());
            }
        };
        kill_point("before_undo_log");
        log.append(event)?;
        log.sync();
        kill_point("after_undo_log");
        fs::remove_file(&path).map_err(|source| CheckpointError::store(&path, source))?;
        Ok(left)
    }
}

/// Returns the files of a manifest as they are shown, at most so many as a record should hold.
fn shown(manifest: &Manifest) -> Vec<String> {
    manifest.files().take(super::MAX_SHOWN).collect()
}
