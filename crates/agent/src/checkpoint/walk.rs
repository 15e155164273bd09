//! Walks the project and tells what differs from what is known.
//!
//! Folders are read side by side. A path that is known and has the same times and size costs one `stat`;
//! ignore rules are asked only about paths that are not known. What is known stays covered until it is gone
//! from the disk: a new ignore rule must not look like a deletion.

use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::git::Git;
use super::known::{Index, Known, Stat};

/// Most threads; more do not make one disk faster.
const MAX_THREADS: usize = 8;
/// Below so many known paths, one thread is faster than several.
const FEW: usize = 400;
/// The largest ignored file that is kept.
const MAX_MINOR_BYTES: u64 = 1 << 20;
/// The most that ignored files and caches may take together.
const MAX_MINOR_SUM: u64 = 16 << 20;
/// Folders that a tool can fill again; not looked into, unless git tracks something there.
const REFILLED: [&str; 13] = [
    ".distiq",
    "node_modules",
    "bower_components",
    ".tox",
    ".nox",
    ".gradle",
    ".terraform",
    ".hg",
    ".svn",
    ".jj",
    ".next",
    ".yarn",
    ".eggs",
];
/// Folders of small caches: covered, but nobody misses them.
const CACHES: [&str; 5] = ["__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".cache"];
/// Files that mark a folder which a tool can fill again.
const MARKS: [&str; 2] = ["CACHEDIR.TAG", "pyvenv.cfg"];

/// What a path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    File,
    /// A symbolic link.
    Link,
    /// A folder.
    Folder,
}

/// A path that is new or differs from what is known.
#[derive(Debug)]
pub struct Found {
    /// Relative to the root.
    pub path: Vec<u8>,
    /// As the file system tells.
    pub stat: Stat,
    /// What it is.
    pub kind: Kind,
    /// Whether nobody would miss it.
    pub minor: bool,
}

/// What a walk saw.
#[derive(Debug, Default)]
pub struct Walked {
    /// What is new or differs.
    pub found: Vec<Found>,
    /// Folders that could not be read: what is known below them is still taken to be there.
    pub blind: Vec<Vec<u8>>,
    /// Attribute files of git.
    pub attributes: Vec<PathBuf>,
    /// There is more than may be covered.
    pub is_too_large: bool,
}

/// What a walk needs.
pub struct Walk<'a> {
    /// The project's root.
    pub root: &'a Path,
    /// What is known.
    pub index: &'a Index,
    /// The repository.
    pub git: Option<&'a Git>,
    /// Rules that stand outside the work tree.
    pub rules: Arc<Rules>,
    /// Folders that are not looked into, absolute: Distiq's own.
    pub without: &'a [PathBuf],
    /// Most paths.
    pub max_files: u64,
}

/// Ignore rules of one folder, and those above.
#[derive(Debug, Default)]
pub struct Rules {
    above: Option<Arc<Rules>>,
    folder: PathBuf,
    file: Option<PathBuf>,
    compiled: OnceLock<Gitignore>,
}

impl Rules {
    /// Returns the rules that hold at the root: the user's own, the repository's, and those of the
    /// folders between the repository's top and the root.
    pub fn outside(root: &Path, git: Option<&Git>) -> Arc<Self> {
        let (global, _) = Gitignore::global();
        let mut rules = Arc::new(Rules { compiled: global.into(), ..Rules::default() });
        let Some(git) = git else { return rules };
        let top = root.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(root);
        rules = rules.below(top.to_owned(), git.exclude_file());
        let between: Vec<&Path> =
            root.ancestors().skip(1).take_while(|a| a.starts_with(top)).collect();
        for folder in between.into_iter().rev() {
            rules = rules.below(folder.to_owned(), folder.join(".gitignore"));
        }
        rules
    }

    fn below(self: &Arc<Self>, folder: PathBuf, file: PathBuf) -> Arc<Self> {
        Arc::new(Rules {
            above: Some(self.clone()),
            folder,
            file: Some(file),
            compiled: OnceLock::new(),
        })
    }

    fn matcher(&self) -> &Gitignore {
        self.compiled.get_or_init(|| {
            let Some(file) = &self.file else { return Gitignore::empty() };
            let mut builder = GitignoreBuilder::new(&self.folder);
            // Lines that do not parse are passed over, as git does.
            let _ = builder.add(file);
            builder.build().unwrap_or_else(|_| Gitignore::empty())
        })
    }

    fn ignores(&self, path: &Path, is_folder: bool) -> bool {
        let matched = self.matcher().matched(path, is_folder);
        if matched.is_none() {
            return self.above.as_ref().is_some_and(|above| above.ignores(path, is_folder));
        }
        matched.is_ignore()
    }
}

/// A folder that is to be read.
struct Task {
    path: Vec<u8>,
    rules: Arc<Rules>,
    minor: bool,
    /// An ignore file above it changed: what is known of "minor" may be out of date.
    rematch: bool,
}

#[derive(Default)]
struct Queue {
    tasks: Vec<Task>,
    working: usize,
}

/// What the threads of a walk share.
struct Shared<'a> {
    walk: &'a Walk<'a>,
    device: u64,
    queue: Mutex<Queue>,
    more: Condvar,
    entries: AtomicU64,
    minor_bytes: AtomicU64,
    is_over: AtomicBool,
}

impl Walk<'_> {
    /// Walks the project; every known path that is there is marked with the index's scan number.
    pub fn run(&self) -> std::io::Result<Walked> {
        let device = fs::metadata(self.root)?.dev();
        let minor =
            self.index.files.values().filter(|known| known.minor).map(|known| known.stat.size);
        let first =
            Task { path: Vec::new(), rules: self.rules.clone(), minor: false, rematch: false };
        let shared = Shared {
            walk: self,
            device,
            queue: Mutex::new(Queue { tasks: vec![first], working: 0 }),
            more: Condvar::new(),
            entries: AtomicU64::new(0),
            minor_bytes: AtomicU64::new(minor.sum()),
            is_over: AtomicBool::new(false),
        };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let is_small = !self.index.files.is_empty() && self.index.files.len() < FEW;
        let threads = if is_small { 1 } else { cores.min(MAX_THREADS) };
        let mut all = Walked::default();
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(|| shared.work())).collect();
            let mut parts = vec![shared.work()];
            parts.extend(others.into_iter().filter_map(|thread| thread.join().ok()));
            for part in parts {
                all.found.extend(part.found);
                all.blind.extend(part.blind);
                all.attributes.extend(part.attributes);
            }
        });
        all.is_too_large = shared.is_over.load(Ordering::Relaxed);
        Ok(all)
    }
}

impl Shared<'_> {
    fn work(&self) -> Walked {
        let mut walked = Walked::default();
        while let Some(task) = self.next() {
            let below = self.read(&task, &mut walked);
            let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            queue.working -= 1;
            queue.tasks.extend(below);
            drop(queue);
            self.more.notify_all();
        }
        walked
    }

    /// Returns the next folder; waits while others may still find some.
    fn next(&self) -> Option<Task> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if self.is_over.load(Ordering::Relaxed) {
                return None;
            }
            if let Some(task) = queue.tasks.pop() {
                queue.working += 1;
                return Some(task);
            }
            if queue.working == 0 {
                return None;
            }
            queue = self.more.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn read(&self, task: &Task, walked: &mut Walked) -> Vec<Task> {
        let folder = self.walk.root.join(std::ffi::OsStr::from_bytes(&task.path));
        let Ok(entries) = fs::read_dir(&folder) else {
            walked.blind.push(task.path.clone());
            return Vec::new();
        };
        let entries: Vec<fs::DirEntry> = entries.flatten().collect();
        let count = self.entries.fetch_add(entries.len() as u64, Ordering::Relaxed);
        if count + entries.len() as u64 > self.walk.max_files {
            self.is_over.store(true, Ordering::Relaxed);
            return Vec::new();
        }
        let mut inside = Inside {
            shared: self,
            task,
            rules: task.rules.clone(),
            rematch: task.rematch,
            only_known: false,
            below: Vec::new(),
        };
        inside.prepare(&folder, &entries);
        for entry in &entries {
            inside.take(&folder, entry, walked);
        }
        inside.below
    }
}

/// A folder that is being read.
struct Inside<'a> {
    shared: &'a Shared<'a>,
    task: &'a Task,
    rules: Arc<Rules>,
    rematch: bool,
    /// A tool fills this folder: only what is known of it is looked at.
    only_known: bool,
    below: Vec<Task>,
}

impl Inside<'_> {
    /// Looks for files that say how the folder is to be read.
    fn prepare(&mut self, folder: &Path, entries: &[fs::DirEntry]) {
        for entry in entries {
            let name = entry.file_name();
            if name == ".gitignore" {
                let known = self.known(&self.path_of(name.as_bytes()));
                let stat = entry.metadata().map(|meta| Stat::of(&meta)).unwrap_or_default();
                self.rematch |= known.is_none_or(|known| !known.is_unchanged(&stat));
                self.rules = self.task.rules.below(folder.to_owned(), entry.path());
            } else if MARKS.iter().any(|mark| name == *mark) && !self.task.path.is_empty() {
                let is_tracked = self.shared.tracks_below(&self.task.path);
                self.only_known |=
                    !is_tracked && self.known(&self.path_of(name.as_bytes())).is_none();
            }
        }
    }

    fn path_of(&self, name: &[u8]) -> Vec<u8> {
        let mut path = Vec::with_capacity(self.task.path.len() + name.len() + 1);
        if !self.task.path.is_empty() {
            path.extend(&self.task.path);
            path.push(b'/');
        }
        path.extend(name);
        path
    }

    fn known(&self, path: &[u8]) -> Option<&Known> {
        self.shared.walk.index.files.get(path)
    }

    fn take(&mut self, folder: &Path, entry: &fs::DirEntry, walked: &mut Walked) {
        let name = entry.file_name();
        if name.eq_ignore_ascii_case(".git") || is_temporary(name.as_bytes()) {
            return;
        }
        let Ok(meta) = entry.metadata() else { return };
        let kind = match meta.file_type() {
            kind if kind.is_file() => Kind::File,
            kind if kind.is_symlink() => Kind::Link,
            kind if kind.is_dir() => Kind::Folder,
            _ => return,
        };
        let path = self.path_of(&name.clone().into_vec());
        let absolute = || folder.join(&name);
        if kind == Kind::Folder && meta.dev() != self.shared.device {
            walked.blind.push(path);
            return;
        }
        if kind == Kind::Folder && self.shared.walk.without.iter().any(|own| absolute() == *own) {
            return;
        }
        if name == ".gitattributes" {
            walked.attributes.push(absolute());
        }
        let stat = Stat::of(&meta);
        let known = self.known(&path);
        let minor = match known {
            Some(known) if !self.rematch => known.minor,
            _ => match self.coverage(&path, &absolute(), kind, &stat, known.is_some()) {
                Some(minor) => minor,
                None => return,
            },
        };
        known.inspect(|known| known.see(self.shared.walk.index.scan));
        if known.is_none_or(|known| !known.is_unchanged(&stat) || known.minor != minor) {
            walked.found.push(Found { path: path.clone(), stat, kind, minor });
        }
        if kind == Kind::Folder {
            let (rules, rematch) = (self.rules.clone(), self.rematch);
            self.below.push(Task { path, rules, minor, rematch });
        }
    }

    /// Tells whether a path is covered, and whether it is minor.
    fn coverage(
        &self,
        path: &[u8],
        absolute: &Path,
        kind: Kind,
        stat: &Stat,
        is_known: bool,
    ) -> Option<bool> {
        let git = self.shared.walk.git;
        let is_tracked = match kind {
            Kind::Folder => self.shared.tracks_below(path),
            _ => git.is_some_and(|git| git.tracked(path).is_some()),
        };
        if is_tracked {
            return Some(false);
        }
        let name = absolute.file_name().unwrap_or_default();
        let is_folder = kind == Kind::Folder;
        let is_refilled = is_folder && REFILLED.iter().any(|refilled| name == *refilled);
        if !is_known && (self.only_known || is_refilled) {
            return None;
        }
        let is_ignored = self.rules.ignores(absolute, is_folder);
        let minor =
            self.task.minor || is_ignored || is_folder && CACHES.iter().any(|cache| name == *cache);
        if !minor || is_known {
            return Some(minor);
        }
        if is_folder {
            return (!is_ignored).then_some(true);
        }
        let sum = self.shared.minor_bytes.fetch_add(stat.size, Ordering::Relaxed);
        let fits = stat.size <= MAX_MINOR_BYTES && sum + stat.size <= MAX_MINOR_SUM;
        if !fits {
            self.shared.minor_bytes.fetch_sub(stat.size, Ordering::Relaxed);
        }
        fits.then_some(true)
    }
}

impl Shared<'_> {
    fn tracks_below(&self, path: &[u8]) -> bool {
        self.walk.git.is_some_and(|git| git.tracks_below(path))
    }
}

/// Tells whether a name is that of a file which Distiq is about to put in its place.
fn is_temporary(name: &[u8]) -> bool {
    name.starts_with(b".distiq-") && name.ends_with(b".tmp")
}
