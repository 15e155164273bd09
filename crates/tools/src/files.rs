//! Files, opened and written with care: bounded, never a device, never torn.

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use distiq_base::kill::kill_point;

use crate::outcome::{Refusal, RefusalKind};
use crate::place::Place;

/// The largest file that is edited or shown whole.
pub(crate) const MAX_TEXT: u64 = 16 << 20;

/// What a file holds, and what it is.
pub(crate) struct Loaded {
    pub(crate) bytes: Vec<u8>,
    pub(crate) metadata: Metadata,
}

/// Opens a regular file for reading; says what it is where it is none.
pub(crate) fn open(place: &Place) -> Result<(File, Metadata), Refusal> {
    let io = |e: &io::Error| Refusal::io(&place.shown, e);
    // Opening a FIFO waits for its other end, opening a device may act: look first, and do not
    // wait should it have become one meanwhile.
    check_kind(place, &fs::metadata(&place.path).map_err(|e| io(&e))?)?;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOFOLLOW | libc::O_NOCTTY)
        .open(&place.path)
        .map_err(|e| io(&e))?;
    let metadata = file.metadata().map_err(|e| io(&e))?;
    check_kind(place, &metadata)?;
    Ok((file, metadata))
}

fn check_kind(place: &Place, metadata: &Metadata) -> Result<(), Refusal> {
    let kind = metadata.file_type();
    let what = if kind.is_file() {
        return Ok(());
    } else if kind.is_dir() {
        "a folder, not a file"
    } else if kind.is_fifo() {
        "a FIFO, not a file"
    } else if kind.is_socket() {
        "a socket, not a file"
    } else {
        "a device, not a file"
    };
    Err(Refusal::invalid(format!("{}: {what}", place.shown)))
}

/// Reads a regular file of at most [`MAX_TEXT`] bytes.
pub(crate) fn load(place: &Place) -> Result<Loaded, Refusal> {
    let (file, metadata) = open(place)?;
    let too_large = || {
        Refusal::invalid(format!(
            "{}: larger than {} MB; change it with a shell command",
            place.shown,
            MAX_TEXT >> 20
        ))
    };
    if metadata.len() > MAX_TEXT {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
    file.take(MAX_TEXT + 1).read_to_end(&mut bytes).map_err(|e| Refusal::io(&place.shown, &e))?;
    if bytes.len() as u64 > MAX_TEXT {
        return Err(too_large());
    }
    Ok(Loaded { bytes, metadata })
}

/// One file's change: from old bytes (or nothing) to new bytes (or nothing).
pub(crate) struct Change {
    pub(crate) place: Place,
    pub(crate) old: Option<Loaded>,
    pub(crate) new: Option<Vec<u8>>,
}

/// Makes all changes, or none: where one fails, those made are taken back.
pub(crate) fn write_all(changes: &[Change]) -> Result<(), Refusal> {
    changes.iter().try_for_each(still_as_loaded)?;
    for (index, change) in changes.iter().enumerate() {
        if let Err(error) = write_one(change) {
            let undone = changes.iter().take(index).rev().map(take_back);
            let failed = undone.filter(|result| result.is_err()).count();
            let mut refusal = Refusal::io(&change.place.shown, &error);
            if failed > 0 {
                refusal
                    .message
                    .push_str(&format!("; {failed} files written before could not be put back"));
            } else {
                refusal.message.push_str("; nothing was changed");
            }
            refusal.kind = RefusalKind::Failed;
            return Err(refusal);
        }
        kill_point("between_files");
    }
    Ok(())
}

/// Refuses where somebody else wrote the file since it was loaded.
fn still_as_loaded(change: &Change) -> Result<(), Refusal> {
    let now = match fs::symlink_metadata(&change.place.path) {
        Ok(metadata) => Some(metadata),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(Refusal::io(&change.place.shown, &error)),
    };
    let stamp = |m: &Metadata| (m.dev(), m.ino(), m.len(), m.mtime(), m.mtime_nsec());
    if now.as_ref().map(stamp) == change.old.as_ref().map(|old| stamp(&old.metadata)) {
        return Ok(());
    }
    let message =
        format!("{}: changed just now by somebody else; read it again", change.place.shown);
    Err(Refusal::new(RefusalKind::Stale, message))
}

fn write_one(change: &Change) -> io::Result<()> {
    let path = &change.place.path;
    let Some(new) = &change.new else { return fs::remove_file(path) };
    if let Some(old) = &change.old {
        if old.metadata.mode() & 0o222 == 0 {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "read-only file"));
        }
        distiq_base::atomic::write(path, new, Some(old.metadata.permissions()))?;
        keep_owner(path, &old.metadata);
        return Ok(());
    }
    let made = make_parents(path)?;
    let written = distiq_base::atomic::write(path, new, Some(new_file_mode()));
    if written.is_err() {
        // Only folders that are empty go, and they are ours.
        for folder in made.iter().rev() {
            let _ = fs::remove_dir(folder);
        }
    }
    written
}

/// A file that is written anew belongs to whoever writes it; as root that would take a user's file away.
fn keep_owner(path: &Path, old: &Metadata) {
    if let Ok(new) = fs::metadata(path)
        && (new.uid(), new.gid()) != (old.uid(), old.gid())
    {
        let _ = std::os::unix::fs::chown(path, Some(old.uid()), Some(old.gid()));
    }
}

fn make_parents(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut missing: Vec<PathBuf> = path
        .ancestors()
        .skip(1)
        .take_while(|folder| !folder.exists())
        .map(Path::to_path_buf)
        .collect();
    missing.reverse();
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    Ok(missing)
}

fn take_back(change: &Change) -> io::Result<()> {
    match &change.old {
        Some(old) => distiq_base::atomic::write(
            &change.place.path,
            &old.bytes,
            Some(old.metadata.permissions()),
        ),
        None => fs::remove_file(&change.place.path),
    }
}

/// Returns the mode of a new file: 0666 without what the umask takes.
fn new_file_mode() -> Permissions {
    // Asking the kernel means setting the umask, and other threads make files meanwhile.
    let umask = fs::read_to_string("/proc/self/status").ok().and_then(|status| {
        let line = status.lines().find_map(|line| line.strip_prefix("Umask:"))?;
        u32::from_str_radix(line.trim(), 8).ok()
    });
    Permissions::from_mode(0o666 & !umask.unwrap_or(0o022))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_written_meanwhile_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| Place { path: folder.path().join(name), shown: name.to_owned() };
        fs::write(folder.path().join("a"), "one").unwrap();
        fs::write(folder.path().join("b"), "one").unwrap();
        let load_change = |name: &str| {
            let old = load(&place(name)).unwrap();
            Change { place: place(name), old: Some(old), new: Some(b"mine".to_vec()) }
        };
        let changes = [load_change("a"), load_change("b")];
        fs::write(folder.path().join("b"), "theirs").unwrap();
        assert_eq!(write_all(&changes).unwrap_err().kind, RefusalKind::Stale);
        assert_eq!(fs::read(folder.path().join("a")).unwrap(), b"one");
        assert_eq!(fs::read(folder.path().join("b")).unwrap(), b"theirs");
        let new = Change { place: place("a"), old: None, new: Some(b"new".to_vec()) };
        assert_eq!(write_all(&[new]).unwrap_err().kind, RefusalKind::Stale);
    }
}
