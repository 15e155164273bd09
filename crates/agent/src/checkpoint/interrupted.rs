//! Calls whose process was killed before it could look at what they changed.
//!
//! Every session says in a file of its own what it is about to run. A file that says something, and that nobody
//! holds, is a killed call's: what differs is that call's, as far as it happened while the session lived.

use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use distiq_base::SessionId;
use serde::{Deserialize, Serialize};

use super::CheckpointError;
use super::disk::read_bounded;
use super::keeper::{Pending, changes_of};
use super::node::{Change, Manifest};
use super::project::{Cause, Project};
use super::scan::{Purpose, Tracker};
use crate::sessions;

/// The largest note of a call.
const MAX_NOTE_BYTES: u64 = 64 << 20;
/// A session that lives writes to its log at least so often.
const LIVES: Duration = Duration::from_secs(11);

/// What is written of a call.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    turn: u32,
    pending: Pending,
}

/// The file that tells of a session's calls, held as long as the session lives.
#[derive(Debug)]
pub struct OpenCall {
    file: File,
}

fn folder_of(project: &Path) -> PathBuf {
    project.join("open")
}

impl OpenCall {
    /// Makes the file; `None` where that does not work, which only a kill would tell.
    pub fn begin(project: &Path, session: &SessionId) -> Option<Self> {
        let folder = folder_of(project);
        distiq_base::atomic::create_private_dir(&folder).ok()?;
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(folder.join(session.as_str())).ok()?;
        file.try_lock().ok()?;
        Some(Self { file })
    }

    /// Says what is about to run.
    pub fn write(&mut self, turn: u32, pending: &Pending) {
        let note = Note { turn, pending: pending.clone() };
        let bytes = serde_json::to_vec(&note).unwrap_or_default();
        self.clear();
        let _ = self.file.write_all(&bytes);
    }

    /// Says that nothing runs.
    pub fn clear(&mut self) {
        let _ = self.file.set_len(0);
        let _ = self.file.seek(SeekFrom::Start(0));
    }
}

/// Keeps what killed calls changed in a project.
///
/// # Errors
/// [`CheckpointError`]; the next command tries again.
pub fn recover(
    project: &mut Project,
    tracker: &mut Tracker,
    root: &Path,
    sessions: &Path,
) -> Result<(), CheckpointError> {
    let entries = fs::read_dir(folder_of(&project.folder)).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()) {
        let Ok(file) = File::open(&path) else { continue };
        // Who lives holds it.
        if file.try_lock().is_err() {
            continue;
        }
        let note = read_bounded(&path, MAX_NOTE_BYTES).ok().flatten().unwrap_or_default();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if let (Ok(note), Some(session)) = (serde_json::from_slice(&note), SessionId::parse(&name))
        {
            let log = sessions::path_of(sessions, &session);
            take_up(project, tracker, root, &session, note, &log)?;
        }
        let _ = fs::remove_file(&path);
    }
    Ok(())
}

fn take_up(
    project: &mut Project,
    tracker: &mut Tracker,
    root: &Path,
    session: &SessionId,
    note: Note,
    log: &Path,
) -> Result<(), CheckpointError> {
    let _locked = project.lock()?;
    let changes = match &note.pending {
        Pending::Paths(nodes) => changes_of(root, &mut project.packs, nodes)?,
        Pending::Anything(others) => {
            let known = project.known.clone();
            let mut changes = match tracker.scan(&mut project.packs, &known, Purpose::Tell) {
                Err(CheckpointError::TooLarge(_) | CheckpointError::Forgotten) => return Ok(()),
                changes => changes?,
            };
            project.without_others(session, others, &mut changes);
            let lived = fs::metadata(log).and_then(|meta| meta.modified());
            let lived = lived.unwrap_or(SystemTime::UNIX_EPOCH) + LIVES;
            for change in &mut changes {
                change.unsure = happened(root, change) > lived;
            }
            changes
        }
    };
    if !changes.is_empty() {
        project.keep(session, note.turn, Cause::Turn, &Manifest { changes })?;
    }
    Ok(())
}

/// Returns when a path was changed last; for one that is gone, its folder.
fn happened(root: &Path, change: &Change) -> SystemTime {
    let path = root.join(change.path.path());
    let there = path.ancestors().find_map(|path| fs::symlink_metadata(path).ok());
    let since = there.map_or(0, |meta| meta.ctime());
    SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(since).unwrap_or(0))
}
