//! What a folder has in it.

use std::ops::Range;
use std::os::fd::BorrowedFd;

use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, openat, statat};
use rustix::io::Errno;

/// The entries of a folder; read again and again, so that its room is made once.
#[derive(Debug, Default)]
pub(super) struct Entries {
    /// Names, one behind the other.
    names: Vec<u8>,
    /// Where each name ends, and what it is.
    ends: Vec<(usize, FileType)>,
    buffer: Vec<u8>,
}

impl Entries {
    /// Reads a folder; what cannot be read of it is not there.
    pub fn read(&mut self, folder: BorrowedFd<'_>) {
        let Self { names, ends, buffer } = self;
        names.clear();
        ends.clear();
        list(folder, buffer, |name, kind| {
            if name != b"." && name != b".." {
                names.extend_from_slice(name);
                // Some file systems do not say.
                let kind = match kind {
                    FileType::Unknown => kind_of(folder, name),
                    kind => kind,
                };
                ends.push((names.len(), kind));
            }
        });
    }

    pub fn iter(&self) -> impl Iterator<Item = (&[u8], FileType)> {
        self.some(0..self.ends.len())
    }

    /// Returns how many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Returns those at some places.
    pub fn some(&self, places: Range<usize>) -> impl Iterator<Item = (&[u8], FileType)> {
        let before = places.start.checked_sub(1).and_then(|before| self.ends.get(before));
        let mut start = before.map_or(0, |(end, _)| *end);
        self.ends.get(places).unwrap_or_default().iter().map(move |(end, kind)| {
            let name = self.names.get(start..*end).unwrap_or_default();
            start = *end;
            (name, *kind)
        })
    }

    pub fn has(&self, name: &str) -> bool {
        self.iter().any(|(other, _)| other == name.as_bytes())
    }
}

fn kind_of(folder: BorrowedFd<'_>, name: &[u8]) -> FileType {
    let stat = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW);
    stat.map_or(FileType::Unknown, |stat| FileType::from_raw_mode(stat.st_mode))
}

#[cfg(target_os = "linux")]
fn list(folder: BorrowedFd<'_>, buffer: &mut Vec<u8>, mut each: impl FnMut(&[u8], FileType)) {
    /// Large enough for any name, and for most folders at once.
    const ROOM: usize = 32 << 10;
    buffer.clear();
    buffer.reserve(ROOM);
    let mut entries = rustix::fs::RawDir::new(folder, buffer.spare_capacity_mut());
    while let Some(Ok(entry)) = entries.next() {
        each(entry.file_name().to_bytes(), entry.file_type());
    }
}

#[cfg(not(target_os = "linux"))]
fn list(folder: BorrowedFd<'_>, _: &mut Vec<u8>, mut each: impl FnMut(&[u8], FileType)) {
    let Ok(entries) = rustix::fs::Dir::read_from(folder) else { return };
    for entry in entries.flatten() {
        each(entry.file_name().to_bytes(), entry.file_type());
    }
}

/// Opens a folder by its path, relative to the root; no link in the path is followed, also one that was a folder a
/// moment ago.
#[cfg(target_os = "linux")]
pub(super) fn open(root: BorrowedFd<'_>, path: &str) -> Result<OwnedFd, Errno> {
    use rustix::fs::{ResolveFlags, openat2};
    let whole = if path.is_empty() { "." } else { path };
    let within = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    match openat2(root, whole, FLAGS, Mode::empty(), within) {
        // Kernels before 5.6, and sandboxes that do not know it.
        Err(Errno::NOSYS | Errno::PERM) => step_by_step(root, path),
        opened => opened,
    }
}

/// Opens a folder by its path, relative to the root; no link in the path is followed.
#[cfg(not(target_os = "linux"))]
pub(super) fn open(root: BorrowedFd<'_>, path: &str) -> Result<OwnedFd, Errno> {
    step_by_step(root, path)
}

const FLAGS: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Opens one folder after the other.
pub(super) fn step_by_step(root: BorrowedFd<'_>, path: &str) -> Result<OwnedFd, Errno> {
    let mut opened = openat(root, ".", FLAGS, Mode::empty())?;
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part == ".." {
            return Err(Errno::NOENT);
        }
        opened = openat(&opened, part, FLAGS, Mode::empty())?;
    }
    Ok(opened)
}

/// Returns a file's length and when it was last written or given its place, in nanoseconds; `None` where it is no file any
/// more. Programs set the time of writing as they like (archives, `touch -r`, `cp -p`), but not the other.
pub(super) fn stat(folder: BorrowedFd<'_>, name: &[u8]) -> Result<Option<(u64, i64)>, Errno> {
    let stat: Stat = match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => stat,
        Err(Errno::NOENT) => return Ok(None),
        Err(error) => return Err(error),
    };
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Ok(None);
    }
    let written = (i128::from(stat.st_mtime), i128::from(stat.st_mtime_nsec));
    let (seconds, nanoseconds) = written.max((stat.st_ctime.into(), stat.st_ctime_nsec.into()));
    let changed_ns = i64::try_from(seconds * 1_000_000_000 + nanoseconds).unwrap_or(0);
    Ok(Some((u64::try_from(stat.st_size).unwrap_or(0), changed_ns.max(0))))
}
