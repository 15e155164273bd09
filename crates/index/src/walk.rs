//! The files of a project that are worth reading.

mod folder;
mod rules;
#[cfg(test)]
mod tests;

use std::ffi::OsStr;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use distiq_base::secret_files::SecretFolder;
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, statat};
use rustix::io::Errno;

use crate::place::FOLDER;
use crate::words;
use folder::Entries;
use rules::Rules;

/// Most files of a project.
pub const MAX_FILES: usize = 400_000;
/// Largest file whose text is read.
pub(crate) const MAX_BYTES: u64 = 4 << 20;
/// Deepest nesting of folders.
const MAX_DEPTH: usize = 256;
/// Shorter names hold no key.
const SHORTEST_KEY: usize = 20;
/// Folders still to be read from which on others help.
const MANY: usize = 16;

/// Folders whose name begins with a dot and that are read all the same.
const OPEN_FOLDERS: &[&str] = &[".github", ".circleci", ".gitlab", ".config", ".cargo"];
/// Folders that hold others' code or what was built, even where nobody ignores them.
const CLOSED_FOLDERS: &[&str] =
    &["node_modules", "bower_components", "__pycache__", "site-packages", FOLDER];
/// What marks a folder whose contents a tool can make again.
const CACHE_MARK: &str = "CACHEDIR.TAG";

/// A file of the project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Relative to the root, with `/`.
    pub path: String,
    pub bytes: u64,
    /// When it was last written or given its place.
    pub modified_ns: i64,
}

/// What a walk saw.
#[derive(Debug, Default)]
pub(crate) struct Walked {
    pub files: Vec<Found>,
    /// Folders that may not be looked into, as paths that end with `/`.
    pub closed: Vec<String>,
    /// How many were left out because of their names.
    pub left_out: usize,
    /// Whether there were more than the most.
    pub is_full: bool,
    /// Whether a part of it failed, so that files may be missing.
    pub is_cut: bool,
}

/// Tells whether an index of a folder would have more files than `most`; no more of it is looked through than that takes.
pub fn has_more_files(root: &Path, most: usize) -> bool {
    walk_most(root, most, &|| false).is_full
}

/// Lists the files, in no order; those that ignore files name are left out, and links are not followed.
pub(crate) fn walk(root: &Path, is_cancelled: &(dyn Fn() -> bool + Sync)) -> Walked {
    walk_most(root, MAX_FILES, is_cancelled)
}

fn walk_most(root: &Path, most: usize, is_cancelled: &(dyn Fn() -> bool + Sync)) -> Walked {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let Ok(folder) = rustix::fs::open(root, flags, Mode::empty()) else { return Walked::default() };
    let top = Folder { path: String::new(), depth: 0, rules: Arc::new(Rules::outside(root)) };
    let walk = Walk {
        root: folder,
        most,
        is_cancelled,
        queue: Mutex::new(Queue { folders: vec![top], ..Queue::default() }),
        more: Condvar::new(),
        count: AtomicUsize::new(0),
        is_over: AtomicBool::new(false),
    };
    std::thread::scope(|scope| {
        let mut own = Worker::new(&walk);
        own.work(MANY);
        let threads = if walk.lock().folders.is_empty() { 1 } else { crate::rank::threads() };
        let work = || {
            let mut worker = Worker::new(&walk);
            worker.work(usize::MAX);
            std::mem::take(&mut worker.walked)
        };
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        own.work(usize::MAX);
        let mut walked = std::mem::take(&mut own.walked);
        for other in others {
            match other.join() {
                Ok(other) => {
                    walked.files.extend(other.files);
                    walked.closed.extend(other.closed);
                    walked.left_out += other.left_out;
                    walked.is_full |= other.is_full;
                }
                Err(_) => walked.is_cut = true,
            }
        }
        walked
    })
}

/// A folder that is still to be read.
struct Folder {
    /// Relative to the root.
    path: String,
    depth: usize,
    /// The rules that hold where it stands.
    rules: Arc<Rules>,
}

#[derive(Default)]
struct Queue {
    folders: Vec<Folder>,
    /// How many folders are being read.
    working: usize,
    /// How many threads wait for folders.
    waiting: usize,
}

/// What the threads of a walk share.
struct Walk<'a> {
    root: OwnedFd,
    /// Most files.
    most: usize,
    is_cancelled: &'a (dyn Fn() -> bool + Sync),
    queue: Mutex<Queue>,
    more: Condvar,
    /// Files found.
    count: AtomicUsize,
    is_over: AtomicBool,
}

impl Walk<'_> {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the next folder, where not more than `most` wait; waits while others may still find some.
    fn next(&self, most: usize) -> Option<Folder> {
        let mut queue = self.lock();
        loop {
            if self.is_over.load(Ordering::Relaxed) || queue.folders.len() > most {
                return None;
            }
            if let Some(folder) = queue.folders.pop() {
                queue.working += 1;
                return Some(folder);
            }
            if queue.working == 0 {
                return None;
            }
            queue.waiting += 1;
            queue = self.more.wait(queue).unwrap_or_else(PoisonError::into_inner);
            queue.waiting -= 1;
        }
    }

    /// Takes the folders that one who has read a folder found in it.
    fn add(&self, found: &mut Vec<Folder>) {
        let mut queue = self.lock();
        queue.working -= 1;
        queue.folders.append(found);
        let is_news = queue.folders.len() > 1 || queue.working == 0;
        // To wake takes a call of the system, also where nobody sleeps.
        let is_awaited = queue.waiting > 0;
        drop(queue);
        if is_news && is_awaited {
            self.more.notify_all();
        }
    }
}

/// One thread of a walk.
struct Worker<'a> {
    walk: &'a Walk<'a>,
    walked: Walked,
    entries: Entries,
    /// The path that is looked at.
    path: Vec<u8>,
    /// Folders in the one that is read.
    below: Vec<Folder>,
}

impl<'a> Worker<'a> {
    fn new(walk: &'a Walk<'a>) -> Self {
        let (walked, entries) = (Walked::default(), Entries::default());
        Self { walk, walked, entries, path: Vec::new(), below: Vec::new() }
    }

    /// Reads folders until there are none, or more than `most` wait.
    fn work(&mut self, most: usize) {
        while let Some(folder) = self.walk.next(most) {
            // What cannot be looked at is left out, as ripgrep does.
            let _ = self.read(&folder);
            if (self.walk.is_cancelled)() {
                self.walk.is_over.store(true, Ordering::Relaxed);
            }
            self.walk.add(&mut self.below);
        }
    }

    fn read(&mut self, task: &Folder) -> Option<()> {
        let opened = match folder::open(self.walk.root.as_fd(), &task.path) {
            Ok(opened) => opened,
            Err(error) => {
                note_closed(&mut self.walked, task, error);
                return None;
            }
        };
        let folder = opened.as_fd();
        self.entries.read(folder);
        let is_marked = task.depth > 0 && self.entries.has(CACHE_MARK);
        // A link that leads nowhere marks nothing.
        if is_marked && statat(folder, CACHE_MARK, AtFlags::empty()).is_ok() {
            return None;
        }
        let mut rules = Arc::clone(&task.rules);
        if self.entries.iter().any(|(name, _)| Rules::is_told_by(name)) {
            rules = Arc::new(rules.inside(folder, &task.path, |name| self.entries.has(name)));
        }
        self.path.clear();
        self.path.extend_from_slice(task.path.as_bytes());
        if !task.path.is_empty() {
            self.path.push(b'/');
        }
        let start = self.path.len();
        let secrets = SecretFolder::new(Path::new(&task.path));
        for (name, kind) in self.entries.iter() {
            self.path.truncate(start);
            self.path.extend_from_slice(name);
            if kind == FileType::Directory {
                let is_read = task.depth + 1 < MAX_DEPTH && is_open(name);
                if !is_read || rules.ignore(&self.path, true) {
                    continue;
                }
                if holds_key(name) {
                    self.walked.left_out += 1;
                } else if let Ok(path) = str::from_utf8(&self.path) {
                    let (path, rules) = (path.to_owned(), Arc::clone(&rules));
                    self.below.push(Folder { path, depth: task.depth + 1, rules });
                }
                continue;
            }
            // Of a worktree or a submodule: where its repository is on this machine.
            let is_git = name == b".git";
            if kind != FileType::RegularFile || is_git || rules.ignore(&self.path, false) {
                continue;
            }
            if secrets.holds(OsStr::from_bytes(name)) {
                continue;
            }
            let Some(path) = str::from_utf8(&self.path).ok().filter(|_| !holds_key(name)) else {
                self.walked.left_out += 1;
                continue;
            };
            let (bytes, modified_ns) = match folder::stat(folder, name) {
                Ok(Some(found)) => found,
                Ok(None) => continue,
                Err(error) => {
                    // Its names may be read, and nothing else.
                    note_closed(&mut self.walked, task, error);
                    return None;
                }
            };
            if self.walk.count.fetch_add(1, Ordering::Relaxed) >= self.walk.most {
                self.walked.is_full = true;
                self.walk.is_over.store(true, Ordering::Relaxed);
                return None;
            }
            self.walked.files.push(Found { path: path.to_owned(), bytes, modified_ns });
        }
        Some(())
    }
}

/// Notes a folder where the user lacks the permission to look into it; one that has just gone is no news.
fn note_closed(walked: &mut Walked, folder: &Folder, error: Errno) {
    if matches!(error, Errno::ACCESS | Errno::PERM) && !folder.path.is_empty() {
        walked.closed.push(format!("{}/", folder.path));
    }
}

/// Tells whether a name has a key in it, which would be shown wherever the name is.
fn holds_key(name: &[u8]) -> bool {
    name.len() >= SHORTEST_KEY && str::from_utf8(name).is_ok_and(words::holds_key)
}

impl Drop for Worker<'_> {
    fn drop(&mut self) {
        // Nobody else must wait for what it found.
        if std::thread::panicking() {
            self.walk.is_over.store(true, Ordering::Relaxed);
            // Whoever is about to wait has looked before it, or looks behind it.
            drop(self.walk.lock());
            self.walk.more.notify_all();
        }
    }
}

/// Tells by its name whether a folder is read.
fn is_open(name: &[u8]) -> bool {
    let Ok(name) = str::from_utf8(name) else { return false };
    let is_hidden = name.starts_with('.') && !OPEN_FOLDERS.contains(&name);
    !is_hidden && !CLOSED_FOLDERS.contains(&name)
}
