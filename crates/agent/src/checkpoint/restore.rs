//! Makes files what a manifest says: each is old or new, never torn, and a kill in the middle is mended by
//! the next command.
//!
//! What is to be done is written to the journal first, with all contents in the store; then it is done; then
//! the session's log is told; then the journal goes. Doing a part twice does no harm.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use distiq_base::kill::kill_point;
use distiq_base::{Event, SessionId};
use serde::{Deserialize, Serialize};

use super::CheckpointError;
use super::disk::look;
use super::disk::read_bounded;
use super::node::{Change, Hash, Manifest, Node, RawText, same};
use super::pack::Packs;

/// The largest journal that is read.
const MAX_JOURNAL_BYTES: u64 = 16 << 20;
static SEQUENCE: AtomicU32 = AtomicU32::new(0);

/// An undo or a redo that is under way.
#[derive(Debug, Serialize, Deserialize)]
pub struct Journal {
    /// The session whose log is told.
    pub session: SessionId,
    /// What the log is told.
    pub event: Event,
    /// What is done to the files.
    pub manifest: Hash,
}

impl Journal {
    /// Writes it; from then on what it says will be done.
    ///
    /// # Errors
    /// [`CheckpointError::Store`].
    pub fn write(&self, path: &Path) -> Result<(), CheckpointError> {
        kill_point("before_undo_journal");
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        let written = distiq_base::atomic::write(path, &bytes, None);
        written.map_err(|source| CheckpointError::store(path, source))?;
        kill_point("after_undo_journal");
        Ok(())
    }

    /// Reads it; `None` where none is there, or it cannot be one of ours.
    pub fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&read_bounded(path, MAX_JOURNAL_BYTES).ok()??).ok()
    }
}

/// Makes the files below `root` what the manifest says they are after it; returns the paths that somebody
/// else has changed in the meantime and that were left.
///
/// # Errors
/// [`CheckpointError`]; a part may be done then.
pub fn apply(
    root: &Path,
    packs: &mut Packs,
    manifest: &Manifest,
) -> Result<Vec<RawText>, CheckpointError> {
    let mut left = Vec::new();
    let mut changes: Vec<&Change> = manifest.changes.iter().collect();
    changes.sort_by(|a, b| a.path.cmp(&b.path));
    let mut wanted = Vec::new();
    for change in changes {
        let now = look(root, &change.path).node;
        let (before, after) = (change.before.as_ref(), change.after.as_ref());
        if same(now.as_ref(), after) {
            continue;
        }
        // Nothing is there between the removal of the old kind and the making of the new one.
        if same(now.as_ref(), before) || now.is_none() {
            wanted.push((change, now));
        } else {
            left.push(change.path.clone());
        }
    }
    for (change, now) in wanted.iter().rev() {
        let stays = now.as_ref().zip(change.after.as_ref()).is_some_and(|(a, b)| a.same_kind(b));
        if let (Some(now), false) = (now, stays) {
            remove(root, &change.path, now).map_err(|e| fault(root, &change.path, e))?;
            kill_point("undo_step");
        }
    }
    let mut folders = Vec::new();
    for (change, _) in &wanted {
        if let Some(after) = &change.after {
            make(root, packs, &change.path, after)?;
            kill_point("undo_step");
            if let Node::Folder { mode } = after {
                folders.push((&change.path, *mode));
            }
        }
    }
    // Last, because a folder may be one that nobody may write to.
    for (path, mode) in folders.into_iter().rev() {
        let set = fs::set_permissions(root.join(path.path()), Permissions::from_mode(mode));
        set.map_err(|source| fault(root, path, source))?;
    }
    Ok(left)
}

fn fault(root: &Path, path: &RawText, source: io::Error) -> CheckpointError {
    CheckpointError::File(root.join(path.path()), source)
}

fn remove(root: &Path, path: &RawText, now: &Node) -> io::Result<()> {
    let absolute = root.join(path.path());
    let removed = opened(&absolute, || {
        if now.is_folder() { fs::remove_dir(&absolute) } else { fs::remove_file(&absolute) }
    });
    match removed {
        // The user has put something into it: it stays.
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn make(
    root: &Path,
    packs: &mut Packs,
    path: &RawText,
    node: &Node,
) -> Result<(), CheckpointError> {
    let absolute = root.join(path.path());
    let failed = |source| fault(root, path, source);
    if let Some(folder) = absolute.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    match node {
        Node::Folder { .. } => match opened(&absolute, || fs::create_dir(&absolute)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            made => made.map_err(failed),
        },
        Node::Link { target } => {
            let link = |temporary: &Path| std::os::unix::fs::symlink(target.path(), temporary);
            opened(&absolute, || in_place(&absolute, link)).map_err(failed)
        }
        Node::File { mode, hash, .. } => {
            let same_content = fs::symlink_metadata(&absolute).is_ok_and(|meta| meta.is_file())
                && look(root, path).bytes.is_some_and(|bytes| Hash::of(&bytes) == *hash);
            let permissions = Permissions::from_mode(*mode);
            if same_content {
                return fs::set_permissions(&absolute, permissions).map_err(failed);
            }
            let bytes = packs.get(hash)?;
            let write = |temporary: &Path| {
                let mut options = OpenOptions::new();
                let mut file = options.write(true).create_new(true).mode(0o600).open(temporary)?;
                // Whoever clears temporary files away leaves those that are locked.
                let _ = file.try_lock();
                file.write_all(&bytes)?;
                file.set_permissions(permissions.clone())?;
                file.sync_all()
            };
            opened(&absolute, || in_place(&absolute, write)).map_err(failed)
        }
        Node::Unkept { .. } => Ok(()),
    }
}

/// Makes something beside `path` and renames it there.
fn in_place(path: &Path, make: impl Fn(&Path) -> io::Result<()>) -> io::Result<()> {
    let number = SEQUENCE.fetch_add(1, Ordering::Relaxed);
    let name = format!(".distiq-{}-undo{number}.tmp", std::process::id());
    let temporary = path.with_file_name(name);
    let _ = fs::remove_file(&temporary);
    let done = make(&temporary).and_then(|()| fs::rename(&temporary, path));
    if done.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    done
}

/// Does something in a folder; one that may not be written to is opened for it.
fn opened(path: &Path, act: impl Fn() -> io::Result<()>) -> io::Result<()> {
    let done = act();
    let is_denied = done.as_ref().is_err_and(|e| e.kind() == io::ErrorKind::PermissionDenied);
    let Some(folder) = path.parent().filter(|_| is_denied) else { return done };
    let permissions = fs::metadata(folder)?.permissions();
    let open = Permissions::from_mode(permissions.mode() | 0o700);
    if open == permissions || fs::set_permissions(folder, open).is_err() {
        return done;
    }
    let done = act();
    let _ = fs::set_permissions(folder, permissions);
    done
}

/// Returns the manifest that takes another one back.
pub fn inverse(manifest: &Manifest) -> Manifest {
    let turned = manifest.changes.iter().map(|change| Change {
        path: change.path.clone(),
        before: change.after.clone(),
        after: change.before.clone(),
        minor: change.minor,
        unsure: false,
    });
    Manifest { changes: turned.collect() }
}
