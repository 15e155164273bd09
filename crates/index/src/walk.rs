//! The files of a project that are worth reading.

mod folder;
mod rules;
#[cfg(test)]
mod tests;

use std::ffi::OsStr;
use std::ops::Range;
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
/// So many entries of a folder are looked at by one thread; those of a larger one are shared out. Few in tests, whose folders are
/// small.
const PART: usize = if cfg!(test) { 3 } else { 4_096 };

/// Folders whose name begins with a dot and that are read all the same.
const OPEN_FOLDERS: &[&str] = &[".github", ".circleci", ".gitlab", ".config", ".cargo"];
/// Folders that hold others' code or what was built, even where nobody ignores them.
const CLOSED_FOLDERS: &[&str] =
    &["node_modules", "bower_components", "__pycache__", "site-packages", FOLDER];
/// What marks a folder whose contents a tool can make again.
const CACHE_MARK: &str = "CACHEDIR.TAG";

/// A file of the project.
#[derive(Default, Clone, Debug, PartialEq, Eq)]
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
        queue: Mutex::new(Queue { tasks: vec![Task::Folder(top)], ..Queue::default() }),
        more: Condvar::new(),
        count: AtomicUsize::new(0),
        is_over: AtomicBool::new(false),
    };
    std::thread::scope(|scope| {
        let mut own = Worker::new(&walk);
        own.work(Some(MANY));
        let threads = if walk.lock().tasks.is_empty() { 1 } else { crate::rank::threads() };
        let work = || {
            let mut worker = Worker::new(&walk);
            worker.work(None);
            std::mem::take(&mut worker.walked)
        };
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        own.work(None);
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
        // Each part of a large one tells.
        walked.closed.sort_unstable();
        walked.closed.dedup();
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

/// What is still to be done.
enum Task {
    Folder(Folder),
    /// Some of the files of a large folder, by their places in it.
    Files(Arc<Listing>, Range<usize>),
}

/// A large folder that was read; its files are still to be looked at.
struct Listing {
    folder: OwnedFd,
    /// Relative to the root.
    path: String,
    rules: Arc<Rules>,
    entries: Entries,
}

#[derive(Default)]
struct Queue {
    tasks: Vec<Task>,
    /// How many tasks are being done.
    working: usize,
    /// How many threads wait for tasks.
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

    /// Returns the next task, where not more than `most` wait, and no files of a large folder; waits while others may still
    /// find some. Any number may wait where nobody says how many.
    fn next(&self, most: Option<usize>) -> Option<Task> {
        let mut queue = self.lock();
        loop {
            let is_file_part = matches!(queue.tasks.last(), Some(Task::Files(..)));
            let are_many = most.is_some_and(|most| queue.tasks.len() > most || is_file_part);
            if self.is_over.load(Ordering::Relaxed) || are_many {
                return None;
            }
            if let Some(task) = queue.tasks.pop() {
                queue.working += 1;
                return Some(task);
            }
            if queue.working == 0 {
                return None;
            }
            queue.waiting += 1;
            queue = self.more.wait(queue).unwrap_or_else(PoisonError::into_inner);
            queue.waiting -= 1;
        }
    }

    /// Takes the tasks that one who has done a task found.
    fn add(&self, found: &mut Vec<Task>) {
        let mut queue = self.lock();
        queue.working -= 1;
        queue.tasks.append(found);
        let is_news = queue.tasks.len() > 1 || queue.working == 0;
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
    /// Folders in the one that is read, and its files where they are many.
    below: Vec<Task>,
}

impl<'a> Worker<'a> {
    fn new(walk: &'a Walk<'a>) -> Self {
        let (walked, entries) = (Walked::default(), Entries::default());
        Self { walk, walked, entries, path: Vec::new(), below: Vec::new() }
    }

    /// Does what is to be done until there is nothing, or more than `most` wait.
    fn work(&mut self, most: Option<usize>) {
        while let Some(task) = self.walk.next(most) {
            // What cannot be looked at is left out, as ripgrep does.
            let _ = match task {
                Task::Folder(folder) => self.read(&folder),
                Task::Files(listing, places) => self.look_at(&listing, places),
            };
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
                note_closed(&mut self.walked, &task.path, error);
                return None;
            }
        };
        let folder = opened.as_fd();
        let mut entries = std::mem::take(&mut self.entries);
        entries.read(folder);
        let is_marked = task.depth > 0 && entries.has(CACHE_MARK);
        // A link that leads nowhere marks nothing.
        if is_marked && statat(folder, CACHE_MARK, AtFlags::empty()).is_ok() {
            self.entries = entries;
            return None;
        }
        let mut rules = Arc::clone(&task.rules);
        if entries.iter().any(|(name, _)| Rules::is_told_by(name)) {
            rules = Arc::new(rules.inside(folder, &task.path, |name| entries.has(name)));
        }
        let count = entries.len();
        let path = task.path.clone();
        let listing = Arc::new(Listing { folder: opened, path, rules, entries });
        let is_large = count > PART;
        if is_large || self.look_at(&listing, 0..count).is_some() {
            self.add_folders(&listing, task.depth + 1);
        }
        if is_large {
            let end = self.end_of_most(&listing);
            let parts = (0..end).step_by(PART).map(|start| start..end.min(start + PART));
            self.below.extend(parts.map(|part| Task::Files(Arc::clone(&listing), part)));
        }
        // Its room is used again.
        self.entries = Arc::into_inner(listing).map(|listing| listing.entries).unwrap_or_default();
        Some(())
    }

    /// Adds the folders of a folder to what is still to be read.
    fn add_folders(&mut self, listing: &Listing, depth: usize) {
        let start = self.begin_path(&listing.path);
        let folders = listing.entries.iter().filter(|(_, kind)| *kind == FileType::Directory);
        for (name, _) in folders.filter(|(name, _)| depth < MAX_DEPTH && is_open(name)) {
            self.path.truncate(start);
            self.path.extend_from_slice(name);
            if listing.rules.ignore(&self.path, true) {
                continue;
            }
            if holds_key(name) {
                self.walked.left_out += 1;
            } else if let Ok(path) = str::from_utf8(&self.path) {
                let (path, rules) = (path.to_owned(), Arc::clone(&listing.rules));
                self.below.push(Task::Folder(Folder { path, depth, rules }));
            }
        }
    }

    /// Puts a folder's path before those of its entries; returns how long it is then.
    fn begin_path(&mut self, path: &str) -> usize {
        self.path.clear();
        self.path.extend_from_slice(path.as_bytes());
        if !path.is_empty() {
            self.path.push(b'/');
        }
        self.path.len()
    }

    /// Returns how many entries of a large folder are looked at: those before the first file that is one too many, the same ones
    /// each time, whoever looks at them first.
    fn end_of_most(&mut self, listing: &Listing) -> usize {
        let count = listing.entries.len();
        if count <= self.walk.most {
            return count;
        }
        let start = self.begin_path(&listing.path);
        let secrets = SecretFolder::new(Path::new(&listing.path));
        let mut wanted = 0;
        for (at, (name, kind)) in listing.entries.iter().enumerate() {
            self.path.truncate(start);
            self.path.extend_from_slice(name);
            wanted += usize::from(is_wanted(listing, &secrets, &self.path, (name, kind)));
            if wanted > self.walk.most {
                self.walked.is_full = true;
                return at;
            }
        }
        count
    }

    /// Looks at some of a folder's files.
    fn look_at(&mut self, listing: &Listing, places: Range<usize>) -> Option<()> {
        let start = self.begin_path(&listing.path);
        let secrets = SecretFolder::new(Path::new(&listing.path));
        for (name, kind) in listing.entries.some(places) {
            self.path.truncate(start);
            self.path.extend_from_slice(name);
            if !is_wanted(listing, &secrets, &self.path, (name, kind)) {
                continue;
            }
            let Some(path) = str::from_utf8(&self.path).ok().filter(|_| !holds_key(name)) else {
                self.walked.left_out += 1;
                continue;
            };
            let (bytes, modified_ns) = match folder::stat(listing.folder.as_fd(), name) {
                Ok(Some(found)) => found,
                Ok(None) => continue,
                Err(error) => {
                    // Its names may be read, and nothing else.
                    note_closed(&mut self.walked, &listing.path, error);
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

/// Tells by its path whether an entry of a folder is a file that is read.
fn is_wanted(
    listing: &Listing,
    secrets: &SecretFolder,
    path: &[u8],
    (name, kind): (&[u8], FileType),
) -> bool {
    // Of a worktree or a submodule: where its repository is on this machine.
    kind == FileType::RegularFile
        && name != b".git"
        && !listing.rules.ignore(path, false)
        && !secrets.holds(OsStr::from_bytes(name))
}

/// Notes a folder where the user lacks the permission to look into it; one that has just gone is no news.
fn note_closed(walked: &mut Walked, path: &str, error: Errno) {
    if matches!(error, Errno::ACCESS | Errno::PERM) && !path.is_empty() {
        walked.closed.push(format!("{path}/"));
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
