//! What stands at a path on the disk right now.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use super::known::Stat;
use super::node::{Hash, Node, RawText};
use super::scan::MAX_FILE_BYTES;

/// A path as it is, with its content where that can be kept.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    /// `None` where nothing is there.
    pub node: Option<Node>,
    /// The content of a file.
    pub bytes: Option<Vec<u8>>,
}

/// Looks at a path below the root; what lies beyond a link or a file is not there.
pub fn look(root: &Path, path: &RawText) -> Disk {
    let relative = path.path();
    let mut above: Vec<&Path> = relative.ancestors().skip(1).collect();
    above.pop();
    let is_reachable = above
        .iter()
        .all(|folder| fs::symlink_metadata(root.join(folder)).is_ok_and(|meta| meta.is_dir()));
    if !is_reachable {
        return Disk::default();
    }
    let absolute = root.join(&relative);
    let Ok(meta) = fs::symlink_metadata(&absolute) else { return Disk::default() };
    let stat = Stat::of(&meta);
    let mode = stat.permissions();
    if meta.is_symlink() {
        let target = RawText::of(&fs::read_link(&absolute).unwrap_or_default());
        return Disk { node: Some(Node::Link { target }), bytes: None };
    }
    if meta.is_dir() {
        return Disk { node: Some(Node::Folder { mode }), bytes: None };
    }
    let is_kept = meta.is_file() && meta.size() <= MAX_FILE_BYTES;
    let bytes = is_kept.then(|| read_bounded(&absolute, MAX_FILE_BYTES).ok()).flatten().flatten();
    let node = match &bytes {
        Some(bytes) => {
            Node::File { mode, size: bytes.len() as u64, hash: Hash::of(bytes), git: None }
        }
        None => Node::Unkept { mode, size: stat.size, mtime_ns: stat.mtime_ns },
    };
    Disk { node: Some(node), bytes }
}

/// Reads a whole file of at most `most` bytes; `None` where it is longer.
pub fn read_bounded(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    use std::io::Read as _;
    let mut options = OpenOptions::new();
    // A FIFO that took the file's place must not be waited for, nor a link followed.
    let file = options
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC)
        .open(path)?;
    let length = file.metadata()?.len();
    let mut bytes = Vec::with_capacity(usize::try_from(length.min(most)).unwrap_or(0) + 1);
    file.take(most + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= most).then_some(bytes))
}
