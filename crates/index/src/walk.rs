//! The files of a project that are worth reading.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use distiq_base::secret_files;
use ignore::{DirEntry, WalkBuilder, WalkState};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, statat};

use crate::place::FOLDER;

/// Most files of a project.
pub(crate) const MAX_FILES: usize = 400_000;
/// Largest file whose text is read.
pub(crate) const MAX_BYTES: u64 = 4 << 20;
/// Deepest nesting of folders.
const MAX_DEPTH: usize = 100;

/// Folders whose name begins with a dot and that are read all the same.
const OPEN_FOLDERS: &[&str] = &[".github", ".circleci", ".gitlab", ".config", ".cargo"];
/// Folders that hold others' code or what was built, even where nobody ignores them.
const CLOSED_FOLDERS: &[&str] =
    &["node_modules", "bower_components", "__pycache__", "site-packages", FOLDER];

/// A file of the project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Relative to the root, with `/`.
    pub path: String,
    pub bytes: u64,
    pub modified_ns: i64,
}

/// What a walk saw.
#[derive(Debug, Default)]
pub(crate) struct Walked {
    pub files: Vec<Found>,
    /// How many were left out because of their names, or because there were too many.
    pub left_out: usize,
}

/// Lists the files, by path; those that ignore files name are left out, and links are not followed.
pub(crate) fn walk(root: &Path, is_cancelled: &(dyn Fn() -> bool + Sync)) -> Walked {
    let found = Mutex::new(Vec::new());
    let (count, left_out) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let ends = AtomicBool::new(false);
    // Where the part of a path begins that is relative to the root.
    let start = root.join("").as_os_str().len();
    let threads = std::thread::available_parallelism().map_or(2, |count| count.get().min(4));
    WalkBuilder::new(root)
        .hidden(false)
        .require_git(false)
        .follow_links(false)
        .max_depth(Some(MAX_DEPTH))
        .add_custom_ignore_filename(".distiqignore")
        .filter_entry(|entry| entry.depth() == 0 || is_open(entry))
        .threads(threads)
        .build_parallel()
        .run(|| {
            let mut beside = Beside::default();
            let (found, count, left_out, ends) = (&found, &count, &left_out, &ends);
            Box::new(move |entry| {
                if ends.load(Ordering::Relaxed) || is_cancelled() {
                    return WalkState::Quit;
                }
                // What cannot be looked at is left out, as ripgrep does.
                let Ok(entry) = entry else { return WalkState::Continue };
                match look(start, &entry, &mut beside) {
                    Look::File(file) => {
                        if count.fetch_add(1, Ordering::Relaxed) >= MAX_FILES {
                            left_out.fetch_add(1, Ordering::Relaxed);
                            ends.store(true, Ordering::Relaxed);
                            return WalkState::Quit;
                        }
                        if let Ok(mut found) = found.lock() {
                            found.push(file);
                        }
                    }
                    Look::Odd => {
                        left_out.fetch_add(1, Ordering::Relaxed);
                    }
                    Look::Nothing => {}
                }
                WalkState::Continue
            })
        });
    let mut files = found.into_inner().unwrap_or_default();
    files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    Walked { files, left_out: left_out.into_inner() }
}

fn is_open(entry: &DirEntry) -> bool {
    if !entry.file_type().is_some_and(|kind| kind.is_dir()) {
        return true;
    }
    let Some(name) = entry.file_name().to_str() else { return false };
    let is_hidden = name.starts_with('.') && !OPEN_FOLDERS.contains(&name);
    !is_hidden && !CLOSED_FOLDERS.contains(&name) && !entry.path().join("CACHEDIR.TAG").exists()
}

enum Look {
    File(Found),
    /// Its name cannot be kept.
    Odd,
    Nothing,
}

fn look(start: usize, entry: &DirEntry, beside: &mut Beside) -> Look {
    if !entry.file_type().is_some_and(|kind| kind.is_file()) {
        return Look::Nothing;
    }
    let path = entry.path().as_os_str().as_bytes().get(start..).unwrap_or_default();
    if path.is_empty() || secret_files::is_secret(Path::new(OsStr::from_bytes(path))) {
        return Look::Nothing;
    }
    let Ok(path) = str::from_utf8(path) else { return Look::Odd };
    let Some((bytes, modified_ns)) = beside.stat(entry.path()) else { return Look::Nothing };
    Look::File(Found { path: path.to_owned(), bytes, modified_ns })
}

/// The folder of the last file, held open: files of a folder come one after the other, and are found faster from there
/// than along their whole paths.
#[derive(Debug, Default)]
struct Beside {
    path: PathBuf,
    folder: Option<OwnedFd>,
}

impl Beside {
    /// Returns a file's length and the time of its last change, in nanoseconds; `None` where it is no file any more.
    fn stat(&mut self, path: &Path) -> Option<(u64, i64)> {
        let (parent, name) = (path.parent()?, path.file_name()?);
        if self.folder.is_none() || self.path != parent {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            self.folder = Some(rustix::fs::open(parent, flags, Mode::empty()).ok()?);
            self.path.clear();
            self.path.push(parent);
        }
        let stat = statat(self.folder.as_ref()?, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return None;
        }
        let seconds = i128::from(stat.st_mtime) * 1_000_000_000;
        let modified_ns = i64::try_from(seconds + i128::from(stat.st_mtime_nsec)).unwrap_or(0);
        Some((u64::try_from(stat.st_size).unwrap_or(0), modified_ns.max(0)))
    }
}
