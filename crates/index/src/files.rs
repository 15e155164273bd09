//! A file's text, or why it is not read.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use distiq_base::paths::file_name;

use crate::walk::MAX_BYTES;
use crate::words::without_secrets;

/// Where a binary file shows itself.
const HEAD: usize = 8 * 1024;
/// A file with longer lines than this on average was not written by hand.
const LONG_LINES: usize = 1_000;
/// From which size that is looked at.
const LOOK_FROM: usize = 32 * 1024;

/// The reasons of what the user may mend: of a file, and of a folder.
pub(crate) const UNREADABLE: &str = "unreadable";
pub(crate) const FOLDER: &str = "unreadable folder";

/// Why a file's text is not in the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Skip {
    Large,
    Binary,
    /// Made by a tool from other files.
    Generated,
    Unreadable,
    /// A folder that may not be looked into.
    Folder,
    /// A document that takes a password.
    Locked,
    /// A document that its reader cannot make out.
    Broken,
    /// A document whose pages hold no letters, as with scans.
    NoText,
}

impl Skip {
    pub fn as_str(self) -> &'static str {
        match self {
            Skip::Large => "large",
            Skip::Binary => "binary",
            Skip::Generated => "generated",
            Skip::Unreadable => UNREADABLE,
            Skip::Folder => FOLDER,
            Skip::Locked => "locked by a password",
            Skip::Broken => "broken",
            Skip::NoText => "without text",
        }
    }
}

/// Endings of files that hold no text.
const BINARY: &[&str] = &[
    "png",
    "jpg",
    "jpeg",
    "gif",
    "webp",
    "ico",
    "bmp",
    "tiff",
    "avif",
    "mp3",
    "mp4",
    "mov",
    "webm",
    "ogg",
    "wav",
    "flac",
    "zip",
    "gz",
    "bz2",
    "xz",
    "zst",
    "7z",
    "rar",
    "tar",
    "jar",
    "war",
    "class",
    "o",
    "a",
    "so",
    "dll",
    "dylib",
    "exe",
    "bin",
    "pyc",
    "pyo",
    "wasm",
    "woff",
    "woff2",
    "ttf",
    "otf",
    "eot",
    "pdf",
    "db",
    "sqlite",
    "sqlite3",
    "parquet",
    "npy",
    "npz",
    "pt",
    "onnx",
    "safetensors",
    "psd",
    "xcf",
    "blend",
    "map",
];
/// Lists of pinned versions.
const LOCKS: &[&str] = &[
    "package-lock.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "cargo.lock",
    "poetry.lock",
    "uv.lock",
    "go.sum",
    "composer.lock",
    "gemfile.lock",
    "npm-shrinkwrap.json",
    "bun.lock",
];

/// Tells what a name says of a file without a look at it.
pub(crate) fn skip_by_name(path: &str, bytes: u64) -> Option<Skip> {
    let name = file_name(path).to_lowercase();
    let ending = name.rsplit_once('.').map(|(_, ending)| ending).unwrap_or_default();
    if BINARY.contains(&ending) {
        return Some(Skip::Binary);
    }
    if LOCKS.contains(&name.as_str()) || name.contains(".min.") {
        return Some(Skip::Generated);
    }
    (bytes > MAX_BYTES).then_some(Skip::Large)
}

/// Reads a file of the project; no link in its path is followed.
pub(crate) fn read(root: &File, path: &str) -> Result<String, Skip> {
    let file = open(root, path).map_err(|_| Skip::Unreadable)?;
    let metadata = file.metadata().map_err(|_| Skip::Unreadable)?;
    if !metadata.is_file() {
        return Err(Skip::Unreadable);
    }
    let size = usize::try_from(metadata.len().min(MAX_BYTES)).unwrap_or(0);
    let mut bytes = Vec::with_capacity(size + 1);
    // It may have grown meanwhile.
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|_| Skip::Unreadable)?;
    if bytes.len() > size.max(usize::try_from(MAX_BYTES).unwrap_or(0)) {
        return Err(Skip::Large);
    }
    if bytes.get(..HEAD.min(bytes.len())).unwrap_or_default().contains(&0) {
        return Err(Skip::Binary);
    }
    let text = String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    if text.len() > LOOK_FROM && text.len() / (text.lines().count() + 1) > LONG_LINES {
        return Err(Skip::Generated);
    }
    Ok(match without_secrets(path, &text) {
        Cow::Owned(hidden) => hidden,
        Cow::Borrowed(_) => text,
    })
}

#[cfg(target_os = "linux")]
pub(crate) fn open(root: &File, path: &str) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    Ok(openat2(root, Path::new(path), flags, Mode::empty(), resolve)?.into())
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn open(root: &File, path: &str) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags, openat};
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOFOLLOW;
    Ok(openat(root, Path::new(path), flags, Mode::empty())?.into())
}
