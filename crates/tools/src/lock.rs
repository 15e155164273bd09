//! The lock of a project: one process of ours at a time changes its files.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::time::{Duration, Instant};

use distiq_base::atomic::create_private_dir;

use crate::session::digest;

/// How long another process's edit is waited for; one takes milliseconds.
const LONGEST_EDIT: Duration = Duration::from_secs(5);

/// The lock, until dropped; a process that is killed lets it go.
#[derive(Debug)]
pub struct ProjectLock {
    _held: Option<File>,
}

impl ProjectLock {
    /// Waits for the lock of a project, and goes on without it where another one hangs: each file is looked at
    /// once more when it is replaced.
    ///
    /// The root folder itself is locked, so that processes with different homes exclude each other; where
    /// its file system knows no locks, a file below `spare` stands for it.
    pub fn take(root: &Path, spare: &Path) -> Self {
        let wait = |file| wait(file, LONGEST_EDIT);
        let held = match File::open(root).map(wait) {
            Ok(Waited::Locked(folder)) => Some(folder),
            Ok(Waited::TooLong) => None,
            Ok(Waited::NoLocks) | Err(_) => match spare_file(root, spare).map(wait) {
                Some(Waited::Locked(file)) => Some(file),
                _ => None,
            },
        };
        Self { _held: held }
    }
}

enum Waited {
    Locked(File),
    TooLong,
    NoLocks,
}

fn wait(file: File, longest: Duration) -> Waited {
    let end = Instant::now() + longest;
    loop {
        match file.try_lock() {
            Ok(()) => return Waited::Locked(file),
            Err(TryLockError::WouldBlock) if Instant::now() < end => {
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(TryLockError::WouldBlock) => return Waited::TooLong,
            Err(TryLockError::Error(_)) => return Waited::NoLocks,
        }
    }
}

fn spare_file(root: &Path, spare: &Path) -> Option<File> {
    let name = blake3::Hash::from_bytes(digest(root.as_os_str().as_encoded_bytes())).to_hex();
    create_private_dir(spare).ok()?;
    let name = spare.join(format!("{name}.lock"));
    OpenOptions::new().create(true).truncate(false).write(true).open(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_and_a_spare_where_folders_cannot_be_locked() {
        let folder = tempfile::tempdir().unwrap();
        let held = ProjectLock::take(folder.path(), folder.path());
        let other = File::open(folder.path()).unwrap();
        assert!(matches!(other.try_lock(), Err(TryLockError::WouldBlock)));
        // Whoever holds it too long is not waited for.
        let waited = wait(File::open(folder.path()).unwrap(), Duration::from_millis(3));
        assert!(matches!(waited, Waited::TooLong));
        drop(held);
        other.try_lock().unwrap();
        let gone = folder.path().join("gone");
        let held = ProjectLock::take(&gone, &folder.path().join("locks"));
        assert!(held._held.is_some());
        let spare = spare_file(&gone, &folder.path().join("locks")).unwrap();
        assert!(matches!(spare.try_lock(), Err(TryLockError::WouldBlock)));
    }
}
