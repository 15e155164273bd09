//! A project's folder in the store: its packs, what is known of its files, who needs which manifest.
//!
//! `root` names the project, `lock` is held by whoever writes, `live` by every session that runs,
//! `refs/SESSION` lists the manifests of a session, `packs/` has the contents and `restore.json` an undo that
//! is under way. What the last scan saw can be made again, so it lies in the cache.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use distiq_base::SessionId;
use distiq_base::atomic;
use distiq_base::paths::Home;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::CheckpointError;
use super::disk::read_bounded;
use super::known::{Held, Index, What};
use super::node::{Change, Hash, Manifest, Node, RawText, same};
use super::pack::Packs;

/// How long another process's scan is waited for; the first one of a large project takes seconds.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// The largest list of a session's manifests.
const MAX_REFS_BYTES: u64 = 64 << 20;

/// What a manifest was kept for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A call of a turn changed files.
    Turn,
    /// An undo did.
    Undo,
    /// A redo did.
    Redo,
}

/// A manifest that a session needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ref {
    /// The turn that was under way, or that was undone.
    pub turn: u32,
    /// What for.
    pub cause: Cause,
    /// Where the manifest is.
    pub id: Hash,
    /// When.
    pub at: Timestamp,
}

/// How long the list of a session's manifests is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Length {
    session: String,
    length: u64,
}

/// The file of an undo that is under way.
pub const JOURNAL: &str = "restore.json";

/// A project in the store.
#[derive(Debug)]
pub struct Project {
    /// Its folder.
    pub folder: PathBuf,
    /// The contents.
    pub packs: Packs,
    /// Where what is known of its files is kept.
    pub known: PathBuf,
    live: Option<File>,
}

/// The right to write, until dropped.
#[derive(Debug)]
pub struct Locked {
    _file: File,
}

/// Returns the folder of a project's checkpoints.
pub fn folder_of(snapshots: &Path, root: &Path) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    let name: String = Hash::of(root.as_os_str().as_bytes()).to_string().chars().take(16).collect();
    snapshots.join(name)
}

impl Project {
    /// Opens the folder, which is made where it is missing, readable by the user alone.
    ///
    /// # Errors
    /// [`CheckpointError::Store`].
    pub fn open(home: &Home, root: &Path) -> Result<Self, CheckpointError> {
        let folder = folder_of(&home.snapshots(), root);
        let known = folder_of(&home.cache.join("snapshots"), root);
        let refs = folder.join("refs");
        atomic::create_private_dir(&refs).map_err(|e| CheckpointError::store(&refs, e))?;
        let name = folder.join("root");
        if !name.exists() {
            let text = super::node::RawText::of(root).0;
            atomic::write(&name, &text, None).map_err(|e| CheckpointError::store(&name, e))?;
        }
        let packs = Packs::open(&folder.join("packs"))?;
        atomic::create_private_dir(&known).map_err(|e| CheckpointError::store(&known, e))?;
        Ok(Self { folder, packs, known: known.join("known"), live: None })
    }

    /// Waits until nobody else writes, and sees what others wrote.
    ///
    /// # Errors
    /// [`CheckpointError::Busy`] after a minute.
    pub fn lock(&mut self) -> Result<Locked, CheckpointError> {
        let locked = lock_file(&self.folder.join("lock"))?;
        self.packs.refresh()?;
        Ok(locked)
    }

    /// Marks the project as in use, so that nobody clears up what is not yet listed.
    pub fn live(&mut self) {
        if self.live.is_none()
            && let Ok(file) = open_lock(&self.folder.join("live"))
            && file.try_lock_shared().is_ok()
        {
            self.live = Some(file);
        }
    }

    /// Returns where an undo that is under way is kept.
    pub fn journal(&self) -> PathBuf {
        self.folder.join(JOURNAL)
    }

    fn refs(&self, session: &SessionId) -> PathBuf {
        self.folder.join("refs").join(session.as_str())
    }

    /// Keeps a manifest for a session; its contents must be written.
    ///
    /// # Errors
    /// [`CheckpointError::Store`].
    pub fn keep(
        &mut self,
        session: &SessionId,
        turn: u32,
        cause: Cause,
        manifest: &Manifest,
    ) -> Result<Hash, CheckpointError> {
        let bytes = serde_json::to_vec(manifest).unwrap_or_default();
        let id = self.packs.keep(&bytes)?;
        self.packs.flush()?;
        let path = self.refs(session);
        let entry = Ref { turn, cause, id, at: Timestamp::now() };
        let mut line = serde_json::to_vec(&entry).unwrap_or_default();
        line.push(b'\n');
        let mut options = OpenOptions::new();
        let file = options.append(true).create(true).mode(0o600).open(&path);
        let written = file.and_then(|mut file| file.write_all(&line));
        written.map_err(|source| CheckpointError::store(&path, source))?;
        Ok(id)
    }

    /// Returns a session's manifests, oldest first; a line that a kill tore is passed over.
    pub fn refs_of(&self, session: &SessionId) -> Vec<Ref> {
        read_refs(&self.refs(session))
    }

    /// Returns how much other sessions have listed, to see later what they added.
    pub fn others(&self, session: &SessionId) -> Vec<Length> {
        let entries = fs::read_dir(self.folder.join("refs")).into_iter().flatten().flatten();
        let own = session.as_str();
        let lengths = entries.filter_map(|entry| {
            let length = entry.metadata().ok()?.len();
            Some(Length { session: entry.file_name().into_string().ok()?, length })
        });
        lengths.filter(|length| length.session != own).collect()
    }

    /// Leaves out of `changes` what other sessions say they changed since `before` was taken.
    pub fn without_others(
        &mut self,
        session: &SessionId,
        before: &[Length],
        changes: &mut Vec<Change>,
    ) {
        let mut theirs: HashMap<RawText, Vec<Option<Node>>> = HashMap::new();
        for Length { session, length } in self.others(session) {
            let old = before.iter().find(|known| known.session == session).map_or(0, |l| l.length);
            if changes.is_empty() || length <= old {
                continue;
            }
            let bytes = fs::read(self.folder.join("refs").join(session)).unwrap_or_default();
            let new = bytes.get(usize::try_from(old).unwrap_or(usize::MAX)..).unwrap_or_default();
            for entry in parse_refs(new) {
                for change in self.manifest(&entry.id).unwrap_or_default().changes {
                    theirs.entry(change.path).or_default().push(change.after);
                }
            }
        }
        changes.retain(|change| {
            let states = theirs.get(&change.path);
            !states.is_some_and(|states| {
                states.iter().any(|state| same(state.as_ref(), change.after.as_ref()))
            })
        });
    }

    /// Returns a manifest.
    ///
    /// # Errors
    /// [`CheckpointError::Missing`] or [`CheckpointError::Damaged`].
    pub fn manifest(&mut self, id: &Hash) -> Result<Manifest, CheckpointError> {
        let bytes = self.packs.get(id)?;
        serde_json::from_slice(&bytes).map_err(|_| CheckpointError::Damaged(*id))
    }

    /// Removes what no session needs any more: manifests older than `max_age`, and the oldest ones until
    /// the rest fits into `max_bytes`. Does nothing while a session of the project runs elsewhere.
    ///
    /// `keep` is the session that is going on; its manifests stay.
    ///
    /// # Errors
    /// [`CheckpointError`].
    pub fn clear_up(
        &mut self,
        max_bytes: u64,
        max_age: Duration,
        keep: Option<&SessionId>,
    ) -> Result<u64, CheckpointError> {
        let had_live = self.live.take().is_some();
        let alone =
            open_lock(&self.folder.join("live")).ok().filter(|file| file.try_lock().is_ok());
        let done = if alone.is_some() { self.clear(max_bytes, max_age, keep) } else { Ok(0) };
        drop(alone);
        if had_live {
            self.live();
        }
        done
    }

    fn clear(
        &mut self,
        max_bytes: u64,
        max_age: Duration,
        keep: Option<&SessionId>,
    ) -> Result<u64, CheckpointError> {
        let _locked = self.lock()?;
        let oldest = SystemTime::now().checked_sub(max_age);
        let mut sessions: Vec<(SystemTime, PathBuf)> = Vec::new();
        for entry in fs::read_dir(self.folder.join("refs")).into_iter().flatten().flatten() {
            let written = entry.metadata().and_then(|meta| meta.modified());
            sessions.push((written.unwrap_or(SystemTime::UNIX_EPOCH), entry.path()));
        }
        sessions.sort();
        let is_kept =
            |path: &Path| keep.is_some_and(|id| path.file_name() == Some(id.as_str().as_ref()));
        sessions.retain(|(written, path)| {
            let is_old = oldest.is_some_and(|oldest| *written < oldest) && !is_kept(path);
            if is_old {
                let _ = fs::remove_file(path);
            }
            !is_old
        });
        let mut won = self.compact(&sessions)?;
        let mut rest = sessions.into_iter().peekable();
        while self.packs.bytes() > max_bytes {
            let Some((_, path)) = rest.next() else { break };
            if is_kept(&path) {
                continue;
            }
            let _ = fs::remove_file(&path);
            let left: Vec<_> = fs::read_dir(self.folder.join("refs"))
                .into_iter()
                .flatten()
                .flatten()
                .map(|entry| (SystemTime::UNIX_EPOCH, entry.path()))
                .collect();
            won += self.compact(&left)?;
        }
        Ok(won)
    }

    fn compact(&mut self, sessions: &[(SystemTime, PathBuf)]) -> Result<u64, CheckpointError> {
        let mut live = HashSet::new();
        let known = Index::load(&self.known).unwrap_or_default();
        live.extend(known.files.values().filter_map(|known| match known.what {
            What::File(Held::Kept(hash)) => Some(hash),
            _ => None,
        }));
        for (_, path) in sessions {
            for entry in read_refs(path) {
                live.insert(entry.id);
                if let Ok(manifest) = self.manifest(&entry.id) {
                    live.extend(manifest.contents());
                }
            }
        }
        self.packs.compact(&live)
    }
}

fn read_refs(path: &Path) -> Vec<Ref> {
    parse_refs(&read_bounded(path, MAX_REFS_BYTES).ok().flatten().unwrap_or_default())
}

fn parse_refs(bytes: &[u8]) -> Vec<Ref> {
    bytes
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect()
}

fn open_lock(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

fn lock_file(path: &Path) -> Result<Locked, CheckpointError> {
    let file = open_lock(path).map_err(|source| CheckpointError::store(path, source))?;
    let end = Instant::now() + LONGEST_WAIT;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Locked { _file: file }),
            Err(TryLockError::WouldBlock) if Instant::now() < end => {
                std::thread::sleep(Duration::from_millis(2));
            }
            Err(TryLockError::WouldBlock) => return Err(CheckpointError::Busy),
            // A file system without locks: one process at a time is the user's to see to.
            Err(TryLockError::Error(_)) => return Ok(Locked { _file: file }),
        }
    }
}

/// The checkpoints of one project.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Where they are.
    pub folder: PathBuf,
    /// Their size.
    pub bytes: u64,
    /// When something was last added.
    pub written: SystemTime,
    /// Whether a session that runs uses them, or an undo is under way.
    pub is_in_use: bool,
}

/// Lists the checkpoints of all projects.
pub fn stored(snapshots: &Path) -> Vec<Stored> {
    let folders = fs::read_dir(snapshots).into_iter().flatten().flatten();
    folders
        .map(|entry| entry.path())
        .filter(|folder| folder.is_dir())
        .map(|folder| {
            let live = File::open(folder.join("live"));
            let is_live =
                live.is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)));
            let refs = folder.join("refs");
            let lists =
                fs::read_dir(&refs).into_iter().flatten().flatten().map(|entry| entry.path());
            let times = lists
                .chain([refs.clone()])
                .filter_map(|path| path.metadata().ok()?.modified().ok());
            Stored {
                bytes: bytes_below(&folder),
                written: times.max().unwrap_or(SystemTime::UNIX_EPOCH),
                is_in_use: is_live || folder.join(JOURNAL).exists(),
                folder,
            }
        })
        .collect()
}

/// Removes the checkpoints of projects in which nothing was changed for so long.
pub fn clear_abandoned(snapshots: &Path, max_age: Duration) {
    let oldest = SystemTime::now().checked_sub(max_age);
    for stored in stored(snapshots) {
        if !stored.is_in_use && oldest.is_some_and(|oldest| stored.written < oldest) {
            let _ = fs::remove_dir_all(stored.folder);
        }
    }
}

/// Returns the roots of projects with an undo that was interrupted.
pub fn interrupted(snapshots: &Path) -> Vec<PathBuf> {
    let folders = fs::read_dir(snapshots).into_iter().flatten().flatten().map(|entry| entry.path());
    let open = folders.filter(|folder| folder.join(JOURNAL).exists());
    open.filter_map(|folder| Some(RawText(fs::read(folder.join("root")).ok()?).path())).collect()
}

/// Returns the size of all files at and below a folder.
pub fn bytes_below(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() => bytes_below(&entry.path()),
            Ok(meta) => meta.len(),
            Err(_) => 0,
        })
        .sum()
}
