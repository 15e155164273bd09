//! Takes back what a killed process left half done.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use distiq_base::atomic::create_private_dir;
use distiq_base::kill::kill_point;
use rustix::fs::{Gid, Uid};

use super::{Content, ENDING, Entry, Old, Read, Way, unique};
use crate::attributes;
use crate::folder::Folder;
use crate::lock::ProjectLock;
use crate::session::digest;

/// How long a journal waits for a project that is not there, such as a disk that is not mounted.
const PATIENCE: Duration = Duration::from_secs(30 * 24 * 3600);

/// What was done about one batch that a kill had cut short.
#[derive(Debug, Default)]
pub struct Recovered {
    /// The project.
    pub root: PathBuf,
    /// Files that are as they were before.
    pub restored: Vec<PathBuf>,
    /// Files that somebody changed since, which stay; and where the content is that they had before the batch.
    pub left: Vec<(PathBuf, PathBuf)>,
    /// Files that could not be put back yet, and why.
    pub failed: Vec<(PathBuf, io::Error)>,
}

impl Recovered {
    /// Says what the user must know: what is not as it was before the batch. Nothing where all went well.
    pub fn notes(&self) -> Vec<String> {
        let left = self.left.iter().map(|(file, kept)| {
            format!(
                "an edit of several files was killed and is taken back; {} was changed since and stays, what it was \
                 before is in {}",
                file.display(),
                kept.display()
            )
        });
        let failed = self.failed.iter().map(|(file, error)| {
            format!("an edit was killed; {} cannot be put back yet: {error}", file.display())
        });
        left.chain(failed).collect()
    }
}

/// Takes back, or ends, every batch whose process was killed; batches of living processes are left alone.
///
/// Cheap where there is none: one folder is read.
pub fn recover(folder: &Path) -> Vec<Recovered> {
    let mut done = Vec::new();
    for path in journals(folder) {
        let Some((file, read)) = peek(&path) else { continue };
        // The project's lock first: who holds that and looks for journals must not find this one in use.
        drop(file);
        let root = PathBuf::from(&read.plan.root);
        let _lock = ProjectLock::take(&root, folder);
        if let Some((_file, read)) = peek(&path) {
            done.push(Recovery::new(folder, &read).run(&path));
        }
    }
    done
}

/// Does so for the project whose lock the caller holds.
pub(crate) fn recover_in(folder: &Path, root: &Path) -> Vec<Recovered> {
    let mut done = Vec::new();
    for path in journals(folder) {
        if let Some((_file, read)) = peek(&path)
            && Path::new(&read.plan.root) == root
        {
            done.push(Recovery::new(folder, &read).run(&path));
        }
    }
    done
}

/// Tells whether any journal is there, of a living process or a dead one.
pub(crate) fn is_any(folder: &Path) -> bool {
    !journals(folder).is_empty()
}

fn journals(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.to_string_lossy().ends_with(ENDING))
        .collect();
    paths.sort();
    paths
}

/// Reads a journal of a dead process; one that was never finished goes, since nothing was done.
fn peek(path: &Path) -> Option<(File, Read)> {
    let mut options = OpenOptions::new();
    let mut file =
        options.read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path).ok()?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return None,
        // Without locks, the process's number in the name has to do.
        Err(TryLockError::Error(_)) if is_alive(path) => return None,
        Err(TryLockError::Error(_)) => {}
    }
    let metadata = file.metadata().ok().filter(|metadata| metadata.nlink() > 0)?;
    let mut all = Vec::new();
    file.read_to_end(&mut all).ok()?;
    let Some(read) = Read::parse(all) else {
        let _ = fs::remove_file(path);
        return None;
    };
    if Path::new(&read.plan.root).is_dir() {
        return Some((file, read));
    }
    let age = metadata.modified().ok().and_then(|at| at.elapsed().ok()).unwrap_or_default();
    if age > PATIENCE {
        let _ = fs::remove_file(path);
    }
    None
}

fn is_alive(journal: &Path) -> bool {
    let name = journal.file_name().unwrap_or_default().to_string_lossy();
    let pid = name.split('-').next().and_then(|pid| pid.parse().ok());
    pid.is_none_or(|pid| nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), None).is_ok())
}

/// How a file stands to its entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Old,
    New,
    /// Old and new are the same.
    Both,
    /// Written in place, half.
    Torn,
    /// Somebody else's; whether the batch had come to it before.
    Foreign {
        was_done: bool,
    },
}

/// One batch that is looked at.
struct Recovery<'a> {
    folder: &'a Path,
    read: &'a Read,
    told: Recovered,
}

impl<'a> Recovery<'a> {
    fn new(folder: &'a Path, read: &'a Read) -> Self {
        let told = Recovered { root: PathBuf::from(&read.plan.root), ..Recovered::default() };
        Self { folder, read, told }
    }

    fn run(mut self, journal: &Path) -> Recovered {
        let entries = &self.read.plan.entries;
        let states: Vec<State> = entries.iter().map(|entry| self.state(entry)).collect();
        let is_done = |state: &State| {
            matches!(state, State::New | State::Both | State::Foreign { was_done: true })
        };
        let is_whole = states.iter().all(is_done);
        if !is_whole {
            // Last one first, so that a kill in between leaves a batch that is still to be taken back.
            for (entry, state) in entries.iter().zip(&states).rev() {
                self.take_back(entry, *state);
                kill_point("within_recovery");
            }
        }
        if self.told.failed.is_empty() {
            self.clear(is_whole);
            kill_point("after_recovery");
            let _ = fs::remove_file(journal);
        }
        self.told
    }

    fn state(&self, entry: &Entry) -> State {
        let (Some(folder), name) = place(entry) else {
            let old = if entry.old.is_none() { State::Old } else { State::New };
            let gone = entry.new.is_none() || entry.old.is_none();
            return if gone { old } else { State::Foreign { was_done: false } };
        };
        let old = entry.old.as_ref().map(|old| &old.content);
        match (holds(&folder, name, old), holds(&folder, name, entry.new.as_ref())) {
            (true, true) => State::Both,
            (true, false) => State::Old,
            (false, true) => State::New,
            (false, false) if self.is_torn(&folder, name, entry) => State::Torn,
            (false, false) => State::Foreign { was_done: was_done(&folder, entry) },
        }
    }

    /// Tells whether a file is the beginning of the new content before the rest of the old one, as a kill
    /// while it was written leaves it.
    fn is_torn(&self, folder: &Folder, name: &OsStr, entry: &Entry) -> bool {
        let (Way::InPlace, Some(old), Some(new)) = (entry.way, &entry.old, &entry.new) else {
            return false;
        };
        let (Some(old), Some(new)) = (self.read.bytes(&old.content), self.read.bytes(new)) else {
            return false;
        };
        let most = old.len().max(new.len());
        load(folder, name, most).is_some_and(|now| is_mixture(&now, old, new))
    }

    fn take_back(&mut self, entry: &Entry, state: State) {
        let path = PathBuf::from(&entry.path);
        match state {
            State::Old | State::Both => {}
            State::New | State::Torn => match self.restore(entry) {
                Ok(()) => self.told.restored.push(path),
                Err(error) => self.told.failed.push((path, error)),
            },
            State::Foreign { .. } => match self.keep(entry) {
                Ok(Some(kept)) => self.told.left.push((path, kept)),
                Ok(None) => {}
                Err(error) => self.told.failed.push((path, error)),
            },
        }
    }

    /// Puts a file back as it was.
    fn restore(&self, entry: &Entry) -> io::Result<()> {
        let path = Path::new(&entry.path);
        let parent = path.parent().unwrap_or(Path::new("/"));
        let name = path.file_name().unwrap_or_default();
        let Some(old) = &entry.old else { return Folder::open(parent)?.remove(name) };
        let folder = Folder::open_or_make(parent, &mut Vec::new())?;
        let has_spare = holds(&folder, &entry.spare, Some(&old.content));
        match entry.way {
            Way::InPlace => {
                let file = folder.write(name)?;
                let bytes = self.bytes(old)?;
                file.write_all_at(bytes, 0)?;
                file.set_len(bytes.len() as u64)?;
                finish(&file, old)?;
            }
            Way::Swap if has_spare => folder.rename(&entry.spare, name)?,
            Way::Remove if has_spare => folder.rename_new(&entry.spare, name)?,
            _ => self.restore_bytes(&folder, name, old)?,
        }
        folder.sync();
        Ok(())
    }

    /// Makes a file anew from the journal's bytes.
    fn restore_bytes(&self, folder: &Folder, name: &OsStr, old: &Old) -> io::Result<()> {
        let spare = spare_name();
        let made = (|| {
            let mut file = folder.create(&spare, 0o600)?;
            file.write_all(self.bytes(old)?)?;
            // The new file was given what the old one had.
            if let Ok(now) = folder.read(name) {
                attributes::copy(&now, &file)?;
            }
            finish(&file, old)?;
            folder.rename(&spare, name)
        })();
        if made.is_err() {
            let _ = folder.remove(&spare);
        }
        made
    }

    fn bytes(&self, old: &Old) -> io::Result<&[u8]> {
        self.read.bytes(&old.content).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Keeps what a file was before the batch, since the file itself is somebody else's now.
    fn keep(&self, entry: &Entry) -> io::Result<Option<PathBuf>> {
        let Some(bytes) = entry.old.as_ref().and_then(|old| self.read.bytes(&old.content)) else {
            return Ok(None);
        };
        let folder = self.folder.join("kept");
        create_private_dir(&folder)?;
        let name = Path::new(&entry.path).file_name().unwrap_or_default().to_string_lossy();
        let name: String = name.chars().take(60).collect();
        let path = folder.join(format!("{}-{name}", unique()));
        distiq_base::atomic::write(&path, bytes, None)?;
        Ok(Some(path))
    }

    /// Removes second names, and folders that were made for files that are not there.
    fn clear(&self, is_whole: bool) {
        for entry in &self.read.plan.entries {
            let (Some(folder), name) = place(entry) else { continue };
            if !matches!(folder.look(&entry.spare), Ok(Some(found)) if found.is_file()) {
                continue;
            }
            let old = entry.old.as_ref().map(|old| &old.content);
            if entry.way == Way::Swap
                && holds(&folder, name, entry.new.as_ref())
                && !holds(&folder, &entry.spare, old)
            {
                // What came out was somebody's change, and the kill came before it went back.
                let _ = folder.rename(&entry.spare, name);
            } else {
                let _ = folder.remove(&entry.spare);
            }
        }
        if !is_whole {
            for folder in self.read.plan.folders.iter().rev() {
                // Only what is empty goes.
                let _ = fs::remove_dir(folder);
            }
        }
    }
}

/// Opens an entry's folder.
fn place(entry: &Entry) -> (Option<Folder>, &OsStr) {
    let path = Path::new(&entry.path);
    let folder = path.parent().and_then(|parent| Folder::open(parent).ok());
    (folder, path.file_name().unwrap_or_default())
}

/// Returns a name for a temporary file.
pub(crate) fn spare_name() -> OsString {
    format!(".distiq-{}.tmp", unique()).into()
}

/// Tells whether a file has a content, or is not there where there should be none.
fn holds(folder: &Folder, name: &OsStr, content: Option<&Content>) -> bool {
    let Some(content) = content else { return matches!(folder.look(name), Ok(None)) };
    load(folder, name, content.bytes)
        .is_some_and(|now| now.len() == content.bytes && digest(&now) == content.digest)
}

/// Reads a regular file of at most so many bytes.
fn load(folder: &Folder, name: &OsStr, most: usize) -> Option<Vec<u8>> {
    let metadata = folder.look(name).ok()??;
    if !metadata.is_file() || metadata.len() > most as u64 {
        return None;
    }
    let mut bytes = Vec::new();
    folder.read(name).ok()?.take(most as u64 + 1).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// Tells by its second name whether the batch had come to a file that is somebody else's now.
fn was_done(folder: &Folder, entry: &Entry) -> bool {
    let is_new = |content: &Content| holds(folder, &entry.spare, Some(content));
    match entry.way {
        Way::Swap | Way::Create => !entry.new.as_ref().is_some_and(is_new),
        Way::Remove => entry.old.as_ref().is_some_and(|old| is_new(&old.content)),
        Way::InPlace => false,
    }
}

/// Tells whether bytes begin as `new` does and end as `old` does, each at its place.
fn is_mixture(now: &[u8], old: &[u8], new: &[u8]) -> bool {
    let same = now.iter().zip(new).take_while(|(a, b)| a == b).count();
    match now.get(same..) {
        Some([]) => now.len() >= old.len(),
        Some(rest) => now.len() == old.len() && old.get(same..) == Some(rest),
        None => false,
    }
}

/// Gives a file that was written its old mode and times, and what else can be given.
fn finish(file: &File, old: &Old) -> io::Result<()> {
    let metadata = file.metadata()?;
    if (metadata.uid(), metadata.gid()) != (old.uid, old.gid) {
        let _ =
            rustix::fs::fchown(file, Some(Uid::from_raw(old.uid)), Some(Gid::from_raw(old.gid)));
    }
    if file.metadata()?.mode() != old.mode {
        let _ = attributes::set_mode(file, old.mode);
    }
    let _ = attributes::set_time(file, old.mtime, old.mtime_nsec);
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_file_is_told_from_a_changed_one() {
        let check = |now: &str, torn: bool| {
            assert_eq!(is_mixture(now.as_bytes(), b"old old", b"new new new"), torn, "{now}");
        };
        check("new old", true);
        check("nld old", true);
        check("new new new", true);
        check("new new n", true);
        check("new new", true);
        check("new ne", false);
        check("old new", false);
        check("mine", false);
        assert!(!is_mixture(b"new5678", b"1234567", b"new"));
        assert!(is_mixture(b"new4567", b"1234567", b"new"));
        assert!(!is_mixture(b"ne", b"1234567", b"new"));
    }
}
