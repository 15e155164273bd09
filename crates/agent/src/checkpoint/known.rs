//! What is known of every file since the last look, so that a scan only asks the file system for
//! times and sizes.
//!
//! Kept in one file a project. It can be made again from the files, at the price of reading them all.

use std::collections::HashMap;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use super::node::{Hash, Node, Oid, RawText};

const MAGIC: &[u8] = b"DQK1";
/// The largest file that is read back.
const MAX_BYTES: u64 = 512 << 20;

/// What the file system tells of a path without reading it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stat {
    /// Kind and permission bits.
    pub mode: u32,
    /// Length in bytes.
    pub size: u64,
    /// When the content was written, in nanoseconds since 1970.
    pub mtime_ns: i64,
    /// When anything was changed.
    pub ctime_ns: i64,
    /// The file's number in its file system.
    pub ino: u64,
}

impl Stat {
    /// Takes what is needed.
    pub fn of(meta: &Metadata) -> Self {
        let ns =
            |seconds: i64, rest: i64| seconds.saturating_mul(1_000_000_000).saturating_add(rest);
        Self {
            mode: meta.mode(),
            size: meta.len(),
            mtime_ns: ns(meta.mtime(), meta.mtime_nsec()),
            ctime_ns: ns(meta.ctime(), meta.ctime_nsec()),
            ino: meta.ino(),
        }
    }

    /// Returns the permission bits.
    pub const fn permissions(&self) -> u32 {
        self.mode & 0o7777
    }
}

/// Where a file's content is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// In the store.
    Kept(Hash),
    /// In git, byte for byte.
    Git(Oid),
    /// Nowhere: too large, or not to be read.
    No,
}

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A file.
    File(Held),
    /// A link to this.
    Link(Vec<u8>),
    /// A folder.
    Folder,
}

/// What is known of a path.
#[derive(Debug)]
pub struct Known {
    /// As it was when it was looked at.
    pub stat: Stat,
    /// What it is.
    pub what: What,
    /// Whether nobody would miss it: an ignored file or a tool's cache.
    pub minor: bool,
    /// Whether it was written so shortly before it was looked at that a later write may have left
    /// the same times.
    pub unsure: bool,
    /// The number of the last scan that met it.
    pub seen: AtomicU32,
}

impl Known {
    /// Tells whether the file is certainly still the same.
    pub fn is_unchanged(&self, stat: &Stat) -> bool {
        match self.what {
            // A folder's times tell of its entries.
            What::Folder => self.stat.mode == stat.mode,
            _ => !self.unsure && self.stat == *stat,
        }
    }

    /// Marks it as met.
    pub fn see(&self, scan: u32) {
        self.seen.store(scan, Ordering::Relaxed);
    }

    /// Returns it as others see it; `None` for what only git holds, which must be read first.
    pub fn node(&self) -> Option<Node> {
        let mode = self.stat.permissions();
        let size = self.stat.size;
        Some(match &self.what {
            What::File(Held::Kept(hash)) => Node::File { mode, size, hash: *hash, git: None },
            What::File(Held::Git(_)) => return None,
            What::File(Held::No) => Node::Unkept { mode, size, mtime_ns: self.stat.mtime_ns },
            What::Link(target) => Node::Link { target: RawText(target.clone()) },
            What::Folder => Node::Folder { mode },
        })
    }
}

/// All that is known, by path relative to the root.
#[derive(Debug, Default)]
pub struct Index {
    /// The files.
    pub files: HashMap<Vec<u8>, Known>,
    /// The number of the last scan.
    pub scan: u32,
}

impl Index {
    /// Reads the file; `None` where it is missing or damaged, which only costs time.
    pub fn load(path: &Path) -> Option<Self> {
        let bytes = super::disk::read_bounded(path, MAX_BYTES).ok()??;
        let (body, sum) = bytes.split_last_chunk::<32>()?;
        let is_whole = Hash::of(body) == Hash(*sum);
        let mut rest = body.strip_prefix(MAGIC).filter(|_| is_whole)?;
        let mut files = HashMap::new();
        while !rest.is_empty() {
            let (path, known) = read_one(&mut rest)?;
            files.insert(path, known);
        }
        Some(Self { files, scan: 0 })
    }

    /// Writes the file by way of a temporary one; not synced, since it can be made again.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn save(&self, path: &Path) -> std::io::Result<()> {
        let mut bytes = Vec::with_capacity(self.files.len() * 128 + 64);
        bytes.extend(MAGIC);
        for (path, known) in &self.files {
            write_one(&mut bytes, path, known);
        }
        let sum = Hash::of(&bytes);
        bytes.extend(sum.0);
        let temporary = path.with_extension("new");
        fs::write(&temporary, &bytes)?;
        fs::rename(&temporary, path)
    }
}

fn write_one(bytes: &mut Vec<u8>, path: &[u8], known: &Known) {
    let text = |bytes: &mut Vec<u8>, text: &[u8]| {
        bytes.extend(u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend(text);
    };
    text(bytes, path);
    let stat = &known.stat;
    bytes.extend(stat.mode.to_le_bytes());
    bytes.extend(stat.size.to_le_bytes());
    bytes.extend(stat.mtime_ns.to_le_bytes());
    bytes.extend(stat.ctime_ns.to_le_bytes());
    bytes.extend(stat.ino.to_le_bytes());
    bytes.push(u8::from(known.minor) | u8::from(known.unsure) << 1);
    match &known.what {
        What::File(Held::Kept(hash)) => {
            bytes.push(0);
            bytes.extend(hash.0);
        }
        What::File(Held::Git(oid)) => {
            bytes.push(1);
            bytes.extend(oid.0);
        }
        What::File(Held::No) => bytes.push(2),
        What::Link(target) => {
            bytes.push(3);
            text(bytes, target);
        }
        What::Folder => bytes.push(4),
    }
}

fn read_one(rest: &mut &[u8]) -> Option<(Vec<u8>, Known)> {
    fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
        let (taken, after) = rest.split_first_chunk::<N>()?;
        *rest = after;
        Some(*taken)
    }
    fn text(rest: &mut &[u8]) -> Option<Vec<u8>> {
        let length = u32::from_le_bytes(take(rest)?) as usize;
        let (text, after) = rest.split_at_checked(length)?;
        *rest = after;
        Some(text.to_vec())
    }
    let path = text(rest)?;
    let stat = Stat {
        mode: u32::from_le_bytes(take(rest)?),
        size: u64::from_le_bytes(take(rest)?),
        mtime_ns: i64::from_le_bytes(take(rest)?),
        ctime_ns: i64::from_le_bytes(take(rest)?),
        ino: u64::from_le_bytes(take(rest)?),
    };
    let [flags, kind] = take(rest)?;
    let what = match kind {
        0 => What::File(Held::Kept(Hash(take(rest)?))),
        1 => What::File(Held::Git(Oid(take(rest)?))),
        2 => What::File(Held::No),
        3 => What::Link(text(rest)?),
        4 => What::Folder,
        _ => return None,
    };
    let (minor, unsure) = (flags & 1 != 0, flags & 2 != 0);
    Some((path, Known { stat, what, minor, unsure, seen: AtomicU32::new(0) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_saved_is_read_back_and_damage_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("known");
        let stat = Stat { mode: 0o100_644, size: 7, mtime_ns: -5, ctime_ns: 9, ino: 3 };
        let whats = [
            What::File(Held::Kept(Hash::of(b"x"))),
            What::File(Held::Git(Oid::of(b"x"))),
            What::File(Held::No),
            What::Link(b"a/\xff".to_vec()),
            What::Folder,
        ];
        let mut index = Index::default();
        for (n, what) in whats.into_iter().enumerate() {
            let known =
                Known { stat, what, minor: n % 2 == 0, unsure: n == 3, seen: AtomicU32::new(0) };
            index.files.insert(format!("path\n{n}").into_bytes(), known);
        }
        index.save(&path).unwrap();
        let again = Index::load(&path).unwrap();
        assert_eq!(again.files.len(), 5);
        for (path, known) in &index.files {
            let other = &again.files[path];
            assert_eq!(
                (&known.stat, &known.what, known.minor, known.unsure),
                (&other.stat, &other.what, other.minor, other.unsure)
            );
        }
        let mut bytes = fs::read(&path).unwrap();
        bytes[20] ^= 1;
        fs::write(&path, bytes).unwrap();
        assert!(Index::load(&path).is_none());
    }
}
