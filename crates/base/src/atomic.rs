//! Files that are whole: old or new, never torn.

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::kill::kill_point;

static SEQUENCE: AtomicU32 = AtomicU32::new(0);

/// Most entries of a folder that are looked at for strays.
const MOST_SWEPT: usize = 10_000;

/// Writes `bytes` to `path` by way of a temporary file beside it and a rename, synced before it.
///
/// `permissions` is the new file's mode; `None` gives 0600. A reader sees the old file or the new
/// one; a crash leaves one of them and at most a stray `.distiq-*.tmp`, which the next write in the
/// folder removes.
///
/// # Errors
/// Whatever the file system says; the old file is untouched then.
pub fn write(path: &Path, bytes: &[u8], permissions: Option<Permissions>) -> io::Result<()> {
    write_with(path, permissions, |file| file.write_all(bytes))
}

/// Writes what `put` writes to `path`, as [`write`] does; fails as `put` does, with the old file untouched.
///
/// # Errors
/// What `put` says, or the file system.
pub fn write_with<E: From<io::Error>>(
    path: &Path,
    permissions: Option<Permissions>,
    put: impl FnOnce(&mut File) -> Result<(), E>,
) -> Result<(), E> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    sweep(folder);
    let (mut file, temporary) = create_temporary(folder)?;
    let result = (|| {
        put(&mut file)?;
        if let Some(permissions) = permissions {
            file.set_permissions(permissions)?;
        }
        file.sync_all()?;
        kill_point("before_rename");
        fs::rename(&temporary, path)?;
        kill_point("after_rename");
        // The rename itself survives a power cut only once the folder is synced; not every file
        // system can, and the data is safe without it.
        let _ = File::open(folder).and_then(|f| f.sync_all());
        Ok(())
    })();
    if result.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    result
}

/// Makes a temporary file that is locked as long as its writer lives.
fn create_temporary(folder: &Path) -> io::Result<(File, PathBuf)> {
    const ATTEMPTS: usize = 100;
    for _ in 0..ATTEMPTS {
        let number = SEQUENCE.fetch_add(1, Ordering::Relaxed);
        let temporary = folder.join(format!(".distiq-{}-{number}.tmp", std::process::id()));
        let mut options = OpenOptions::new();
        match options.write(true).create_new(true).mode(0o600).open(&temporary) {
            Ok(file) => {
                // Somebody who sweeps may have taken it for a stray before it was locked.
                let swept = matches!(file.try_lock(), Err(TryLockError::WouldBlock))
                    || file.metadata()?.nlink() == 0;
                if !swept {
                    return Ok((file, temporary));
                }
            }
            // A stray of an earlier process with our number.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Removes temporary files from a folder whose writers were killed; those in use are locked.
pub fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.take(MOST_SWEPT).flatten() {
        let name = entry.file_name();
        let is_ours = name
            .to_str()
            .is_some_and(|name| name.starts_with(".distiq-") && name.ends_with(".tmp"));
        if !is_ours || !entry.file_type().is_ok_and(|kind| kind.is_file()) {
            continue;
        }
        let path = entry.path();
        let mut options = OpenOptions::new();
        let opened =
            options.read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(&path);
        let Ok(file) = opened else { continue };
        // Where locks do not work nobody knows who writes: it stays. Locked until it is gone, so that whoever has just made it
        // sees that.
        if file.try_lock().is_ok() {
            let _ = fs::remove_file(&path);
        }
        drop(file);
    }
}

/// Makes a folder and its parents, readable by the user alone.
///
/// # Errors
/// Whatever the file system says.
pub fn create_private_dir(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn replaces_whole_files_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write(&path, b"one", None).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        write(&path, b"two", Some(Permissions::from_mode(0o755))).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o755);
        assert!(write(&folder.path().join("no/such"), b"x", None).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn many_may_write_in_one_folder_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let at = |writer: usize, number: usize| folder.path().join(format!("{writer}-{number}"));
        let at = &at;
        std::thread::scope(|scope| {
            for writer in 0..8 {
                scope.spawn(move || {
                    for number in 0..100 {
                        write(&at(writer, number), b"whole", None).unwrap();
                    }
                });
            }
        });
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 800);
    }

    #[test]
    fn strays_of_killed_writers_go_and_files_in_use_stay() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        // The next names this process would take are in the way.
        let next = SEQUENCE.load(Ordering::Relaxed);
        for number in next..next + 3 {
            fs::write(at(&format!(".distiq-{}-{number}.tmp", std::process::id())), "half").unwrap();
        }
        let used = File::create(at(".distiq-1-0.tmp")).unwrap();
        used.lock().unwrap();
        fs::write(at(".distiq-notes"), "the user's").unwrap();
        fs::write(at("x.tmp"), "the user's").unwrap();
        std::os::unix::fs::symlink(at("x.tmp"), at(".distiq-link.tmp")).unwrap();
        write(&at("a"), b"one", None).unwrap();
        let mut left: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, [".distiq-1-0.tmp", ".distiq-link.tmp", ".distiq-notes", "a", "x.tmp"]);
        drop(used);
        sweep(folder.path());
        assert!(!at(".distiq-1-0.tmp").exists());
    }
}
