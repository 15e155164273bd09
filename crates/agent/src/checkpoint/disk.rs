//! What stands at a path on the disk right now.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::known::Stat;
use super::node::{Hash, Node, RawText};
use super::pack::read_bounded;
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
