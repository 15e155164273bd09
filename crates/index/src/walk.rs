//! The files of a project that are worth reading.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::UNIX_EPOCH;

use distiq_base::secret_files;
use ignore::{DirEntry, WalkBuilder, WalkState};

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
            Box::new(|entry| {
                if ends.load(Ordering::Relaxed) || is_cancelled() {
                    return WalkState::Quit;
                }
                // What cannot be looked at is left out, as ripgrep does.
                let Ok(entry) = entry else { return WalkState::Continue };
                match look(root, &entry) {
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

fn look(root: &Path, entry: &DirEntry) -> Look {
    if !entry.file_type().is_some_and(|kind| kind.is_file()) {
        return Look::Nothing;
    }
    let Ok(path) = entry.path().strip_prefix(root) else { return Look::Nothing };
    if secret_files::is_secret(path) {
        return Look::Nothing;
    }
    let Some(path) = path.to_str() else { return Look::Odd };
    let Ok(metadata) = entry.metadata() else { return Look::Nothing };
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    Look::File(Found {
        path: path.to_owned(),
        bytes: metadata.len(),
        modified_ns: modified.and_then(|time| i64::try_from(time.as_nanos()).ok()).unwrap_or(0),
    })
}
