//! Looks before and after each call of a session, and keeps the difference.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use distiq_base::SessionId;
use distiq_base::clock::Clock;
use distiq_base::paths::Home;
use distiq_tools::Touched;
use serde::{Deserialize, Serialize};

use super::interrupted::{self, OpenCall};
use super::node::{Change, Manifest, Node, RawText, same};
use super::pack::Packs;
use super::project::{self, Cause, Length, Project};
use super::rewind::Rewinder;
use super::scan::{Purpose, Tracker};
use super::{CheckpointConfig, CheckpointError, Kept, disk, guard};

/// Most files that a notice names.
const MAX_TOLD: usize = 3;

/// How it was before a call that runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Pending {
    /// The files that an edit names.
    Paths(Vec<(RawText, Option<Node>)>),
    /// All files are as they are known; and how far the lists of other sessions went.
    Anything(Vec<Length>),
}

/// Keeps what a session changes.
#[derive(Debug)]
pub struct Keeper {
    config: CheckpointConfig,
    session: SessionId,
    turn: u32,
    project: Option<Project>,
    tracker: Tracker,
    pending: Option<Pending>,
    open: Option<OpenCall>,
    /// What edits made of files since the last look at all of them.
    edited: HashMap<RawText, Option<Node>>,
    /// How far the lists of other sessions went at that look.
    others: Vec<Length>,
    /// Whether commands run behind the calls.
    pub runs_behind: bool,
    /// Why commands are not covered.
    pub refused: Option<String>,
    /// What the user should know.
    pub notices: Vec<String>,
    /// What was kept.
    pub kept: Vec<Kept>,
}

impl Keeper {
    /// Begins; nothing is read or made before the first change.
    pub fn new(config: CheckpointConfig) -> Self {
        let refused = guard::refusal(&config.root, config.user_home.as_deref());
        let mut keeper = Self {
            session: SessionId::generate(),
            turn: 0,
            project: None,
            tracker: Tracker::new(&config.root, own_folders(&config.home)),
            pending: None,
            open: None,
            edited: HashMap::new(),
            others: Vec::new(),
            runs_behind: false,
            refused: None,
            notices: Vec::new(),
            kept: Vec::new(),
            config,
        };
        if let Some(why) = refused {
            keeper.refuse(&why);
        }
        keeper
    }

    /// Tells whose changes the next ones are.
    pub fn begin(&mut self, session: &SessionId, turn: u32) {
        self.session = session.clone();
        self.turn = turn;
    }

    #[cfg(test)]
    pub fn session(&self) -> &SessionId {
        &self.session
    }

    #[cfg(test)]
    pub fn project(&mut self) -> Option<&mut Project> {
        self.project.as_mut()
    }

    fn refuse(&mut self, why: &str) {
        self.notices.push(format!("What commands change here cannot be undone: {why}. Edits can"));
        self.refused = Some(why.to_owned());
    }

    fn open(&mut self) -> Result<(), CheckpointError> {
        let CheckpointConfig { root, home, max_bytes, max_age, .. } = &self.config;
        let journal = project::folder_of(&home.snapshots(), root).join(project::JOURNAL);
        if journal.exists() {
            // An undo that was killed comes to its end before anything else changes.
            let rewinder = Rewinder { home: home.clone(), clock: Clock::System };
            if let Err(error) = rewinder.recover(root) {
                self.notices.push(format!("An interrupted undo cannot be finished: {error}"));
            }
        }
        if self.project.is_none() {
            project::clear_abandoned(&home.snapshots(), *max_age);
            let mut project = Project::open(home, root)?;
            interrupted::recover(&mut project, &mut self.tracker, root, &home.sessions())?;
            project.clear_up(*max_bytes, *max_age, Some(&self.session))?;
            project.live();
            self.open = OpenCall::begin(&project.folder, &self.session);
            self.project = Some(project);
        }
        Ok(())
    }

    /// Looks at what a call may change.
    ///
    /// # Errors
    /// [`CheckpointError`] where the old state cannot be kept.
    pub fn before(&mut self, touched: &Touched) -> Result<(), CheckpointError> {
        if self.pending.is_some() {
            // A call that never came to its end.
            self.after();
        }
        self.open()?;
        let pending = match touched {
            Touched::Paths(paths) => Pending::Paths(self.look_at(paths)?),
            Touched::Anything if self.refused.is_some() => return Ok(()),
            Touched::Anything => match self.look_at_all() {
                Err(CheckpointError::TooLarge(what)) => {
                    self.refuse(&format!("the project has {what}"));
                    return Ok(());
                }
                looked => {
                    looked?;
                    Pending::Anything(self.others.clone())
                }
            },
        };
        if let Some(open) = &mut self.open {
            open.write(self.turn, &pending);
        }
        self.pending = Some(pending);
        Ok(())
    }

    fn look_at(
        &mut self,
        paths: &[PathBuf],
    ) -> Result<Vec<(RawText, Option<Node>)>, CheckpointError> {
        let Some(project) = &mut self.project else { return Ok(Vec::new()) };
        let _locked = project.lock()?;
        let mut nodes = Vec::new();
        for path in with_missing_folders(&self.config.root, paths) {
            let disk = disk::look(&self.config.root, &path);
            if let Some(bytes) = &disk.bytes {
                project.packs.keep(bytes)?;
            }
            nodes.push((path, disk.node));
        }
        project.packs.flush()?;
        Ok(nodes)
    }

    /// Learns what changed since the last look; where commands run behind, it may be theirs.
    fn look_at_all(&mut self) -> Result<(), CheckpointError> {
        if self.runs_behind {
            self.keep_stray()?;
        }
        let Some(project) = &mut self.project else { return Ok(()) };
        let _locked = project.lock()?;
        let known = project.known.clone();
        self.tracker.scan(&mut project.packs, &known, Purpose::Learn)?;
        self.others = project.others(&self.session);
        self.edited.clear();
        Ok(())
    }

    /// Keeps what changed between calls, as what may be the user's.
    fn keep_stray(&mut self) -> Result<Vec<String>, CheckpointError> {
        let before = std::mem::take(&mut self.others);
        let mut changes = self.scanned(&before)?;
        changes.retain(|change| {
            let edited = self.edited.get(&change.path);
            !edited.is_some_and(|edited| same(edited.as_ref(), change.after.as_ref()))
        });
        changes.iter_mut().for_each(|change| change.unsure = true);
        self.keep(changes)
    }

    /// Returns what changed since the last look, without what other sessions changed.
    fn scanned(&mut self, before: &[Length]) -> Result<Vec<Change>, CheckpointError> {
        let Some(project) = &mut self.project else { return Ok(Vec::new()) };
        let _locked = project.lock()?;
        let known = project.known.clone();
        let mut changes = self.tracker.scan(&mut project.packs, &known, Purpose::Tell)?;
        project.without_others(&self.session, before, &mut changes);
        self.others = project.others(&self.session);
        Ok(changes)
    }

    /// Keeps what a call changed, and returns the files.
    pub fn after(&mut self) -> Vec<String> {
        let changes = match self.pending.take() {
            None => return Vec::new(),
            Some(Pending::Paths(nodes)) => self.edited(&nodes),
            Some(Pending::Anything(others)) => self.scanned(&others),
        };
        let kept = changes.and_then(|changes| self.keep(changes));
        if let Some(open) = &mut self.open {
            open.clear();
        }
        kept.unwrap_or_else(|error| {
            let hint = error.hint();
            self.notices.push(format!("What the call changed cannot be undone: {error}; {hint}"));
            Vec::new()
        })
    }

    fn edited(
        &mut self,
        nodes: &[(RawText, Option<Node>)],
    ) -> Result<Vec<Change>, CheckpointError> {
        let Some(project) = &mut self.project else { return Ok(Vec::new()) };
        let _locked = project.lock()?;
        let changes = changes_of(&self.config.root, &mut project.packs, nodes)?;
        let after = changes.iter().map(|change| (change.path.clone(), change.after.clone()));
        self.edited.extend(after);
        Ok(changes)
    }

    fn keep(&mut self, changes: Vec<Change>) -> Result<Vec<String>, CheckpointError> {
        let Some(project) = &mut self.project else { return Ok(Vec::new()) };
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        let is_lost = |change: &&Change| matches!(change.before, Some(Node::Unkept { .. }));
        for change in changes.iter().filter(is_lost).take(MAX_TOLD) {
            let why = "was too large to keep, or could not be read: undo cannot bring it back";
            self.notices.push(format!("{} {why}", change.path.shown()));
        }
        let manifest = Manifest { changes };
        let files: Vec<String> = manifest.files().collect();
        let _locked = project.lock()?;
        let id = project.keep(&self.session, self.turn, Cause::Turn, &manifest)?;
        self.kept.push(Kept { turn: self.turn, id, files: files.clone() });
        Ok(files)
    }

    /// Ends a turn; returns files that changed and that no call has told.
    pub fn end_turn(&mut self) -> Vec<String> {
        let mut files = self.after();
        if std::mem::take(&mut self.runs_behind) && self.refused.is_none() {
            // Nothing is lost where it fails: the next look finds it.
            files.extend(self.keep_stray().unwrap_or_default());
        }
        if let Some(project) = &mut self.project {
            project.packs.sync();
            let CheckpointConfig { max_bytes, max_age, .. } = self.config;
            if project.packs.bytes() > max_bytes {
                let _ = project.clear_up(max_bytes, max_age, Some(&self.session));
            }
        }
        files
    }
}

/// Returns Distiq's own folders; what lies there is nobody's project.
pub fn own_folders(home: &Home) -> Vec<PathBuf> {
    let own = [&home.config, &home.data, &home.cache];
    own.map(|folder| folder.canonicalize().unwrap_or_else(|_| folder.clone())).to_vec()
}

/// Returns how paths differ from what they were, and keeps their contents.
///
/// # Errors
/// [`CheckpointError::Store`].
pub fn changes_of(
    root: &Path,
    packs: &mut Packs,
    nodes: &[(RawText, Option<Node>)],
) -> Result<Vec<Change>, CheckpointError> {
    let mut changes = Vec::new();
    for (path, before) in nodes {
        let disk = disk::look(root, path);
        if same(before.as_ref(), disk.node.as_ref()) {
            continue;
        }
        if let Some(bytes) = &disk.bytes {
            let base = match before {
                Some(Node::File { hash, .. }) => packs.get(hash).ok().map(|old| (*hash, old)),
                _ => None,
            };
            let base = base.as_ref().map(|(hash, old)| (*hash, old.as_slice()));
            let packed = packs.pack(bytes, base);
            packs.put(packed)?;
        }
        let (path, before) = (path.clone(), before.clone());
        changes.push(Change { path, before, after: disk.node, minor: false, unsure: false });
    }
    packs.flush()?;
    Ok(changes)
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
