//! The journal of a batch: what its files were, kept outside the project until all of them are new.
//!
//! It is written whole, and on disk, before the first file is touched, and removed after the last one is new. One
//! that a killed process left says how to take back what was done ([`recover`]). Its writer holds a lock
//! on it, so that nobody takes a living process's work back.

mod recover;

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use distiq_base::atomic::create_private_dir;
use distiq_base::kill::kill_point;
use serde::{Deserialize, Serialize};

use crate::session::{Digest, digest};

pub use self::recover::{Recovered, recover};
pub(crate) use self::recover::{is_any, recover_in, spare_name};

/// The first words of a journal, with its format's number.
const MAGIC: &[u8] = b"distiq journal 1\n";

/// How journals' names end.
const ENDING: &str = ".journal";

static SEQUENCE: AtomicU32 = AtomicU32::new(0);

/// What a batch is about to do.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// The project's root, whose lock is held meanwhile.
    pub(crate) root: OsString,
    /// The changes, in the order in which they are made.
    pub(crate) entries: Vec<Entry>,
    /// Folders that are made on the way, outer ones first.
    pub(crate) folders: Vec<OsString>,
}

/// What is about to happen to one file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Where it is, absolute, without links.
    pub(crate) path: OsString,
    /// A second name in the same folder: of the new file before, of the old one after.
    pub(crate) spare: OsString,
    pub(crate) way: Way,
    /// What it was; `None` where there was none.
    pub(crate) old: Option<Old>,
    /// What it will be; `None` where it goes.
    pub(crate) new: Option<Content>,
}

/// How a file is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Way {
    /// A new file takes the old one's name.
    Swap,
    /// The old file is written: it has other names, or something that a new one could not be given.
    InPlace,
    /// There was none.
    Create,
    /// It goes.
    Remove,
}

/// What a file was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Old {
    pub(crate) content: Content,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) mtime: i64,
    pub(crate) mtime_nsec: i64,
}

/// A content: its digest, and where the journal has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Content {
    pub(crate) digest: Digest,
    pub(crate) bytes: usize,
    /// Where in the journal its bytes begin; `None` where it does not have them.
    pub(crate) at: Option<usize>,
}

impl Old {
    /// Describes a file.
    pub(crate) fn of(metadata: &fs::Metadata, content: Content) -> Self {
        Self {
            content,
            mode: metadata.mode(),
            uid: metadata.uid(),
            gid: metadata.gid(),
            mtime: metadata.mtime(),
            mtime_nsec: metadata.mtime_nsec(),
        }
    }
}

/// Contents to be kept, one behind the other.
#[derive(Debug, Default)]
pub(crate) struct Kept<'a> {
    parts: Vec<&'a [u8]>,
    bytes: usize,
}

impl<'a> Kept<'a> {
    /// Describes a content, and keeps its bytes where wanted.
    pub(crate) fn content(&mut self, bytes: &'a [u8], keep: Keep) -> Content {
        let at = (keep == Keep::Bytes).then_some(self.bytes);
        if at.is_some() {
            self.parts.push(bytes);
            self.bytes += bytes.len();
        }
        Content { digest: digest(bytes), bytes: bytes.len(), at }
    }
}

/// Whether a journal has a content's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    Bytes,
    DigestOnly,
}

/// A journal that is written, and locked while this lives.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    _locked: File,
}

impl Journal {
    /// Writes a plan down; once this returns it survives a kill, and if `sync` is [`Sync::Disk`] a power cut.
    pub(crate) fn write(
        folder: &Path,
        plan: &Plan,
        kept: &Kept<'_>,
        sync: Sync,
    ) -> io::Result<Self> {
        create_private_dir(folder)?;
        let (mut file, path) = create(folder)?;
        let written = (|| {
            let plan = serde_json::to_vec(plan)?;
            let length = (plan.len() as u64).to_le_bytes();
            let mut out = Summed { hasher: blake3::Hasher::new(), file: BufWriter::new(&mut file) };
            for part in [MAGIC, &length, &plan] {
                out.write(part)?;
            }
            out.file.flush()?;
            kill_point("within_journal");
            for part in &kept.parts {
                out.write(part)?;
            }
            let sum = out.hasher.finalize();
            out.file.write_all(sum.as_bytes())?;
            out.file.flush()?;
            drop(out);
            if sync == Sync::Disk {
                file.sync_all()?;
                let _ = File::open(folder).and_then(|folder| folder.sync_all());
            }
            kill_point("after_journal");
            Ok(())
        })();
        match written {
            Ok(()) => Ok(Self { path, _locked: file }),
            Err(error) => {
                let _ = fs::remove_file(&path);
                Err(error)
            }
        }
    }

    /// Ends it: the batch is whole.
    pub(crate) fn remove(self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// A file that is written, and the sum of what was.
struct Summed<'a> {
    hasher: blake3::Hasher,
    file: BufWriter<&'a mut File>,
}

impl Summed<'_> {
    fn write(&mut self, part: &[u8]) -> io::Result<()> {
        self.hasher.update(part);
        self.file.write_all(part)
    }
}

/// What a journal must survive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sync {
    /// The death of the process.
    Memory,
    /// That of the machine.
    Disk,
}

/// Makes a journal's file, locked.
fn create(folder: &Path) -> io::Result<(File, PathBuf)> {
    const ATTEMPTS: usize = 100;
    for _ in 0..ATTEMPTS {
        let path = folder.join(format!("{}{ENDING}", unique()));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        // Who looks for what killed processes left may have had it before it was locked.
        let taken = matches!(file.try_lock(), Err(TryLockError::WouldBlock))
            || file.metadata()?.nlink() == 0;
        if !taken {
            return Ok((file, path));
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Returns a name that no other process and no other call has.
pub(crate) fn unique() -> String {
    let number = SEQUENCE.fetch_add(1, Ordering::Relaxed);
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{}-{:x}-{number}", std::process::id(), since.as_nanos())
}

/// A journal that was read.
#[derive(Debug)]
struct Read {
    plan: Plan,
    all: Vec<u8>,
    /// Where the contents begin.
    contents: usize,
}

impl Read {
    /// Takes a journal apart; `None` where its end was never written: then no file was touched.
    fn parse(all: Vec<u8>) -> Option<Self> {
        let (body, sum) = all.split_at_checked(all.len().checked_sub(32)?)?;
        if digest(body) != *sum {
            return None;
        }
        let (length, rest) = body.strip_prefix(MAGIC)?.split_at_checked(8)?;
        let length = usize::try_from(u64::from_le_bytes(length.try_into().ok()?)).ok()?;
        let plan = serde_json::from_slice(rest.get(..length)?).ok()?;
        let contents = MAGIC.len() + 8 + length;
        Some(Self { plan, all, contents })
    }

    /// Returns the bytes of a content, where the journal has them.
    fn bytes(&self, content: &Content) -> Option<&[u8]> {
        let start = self.contents.checked_add(content.at?)?;
        self.all.get(start..start.checked_add(content.bytes)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_is_read_back_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let mut kept = Kept::default();
        let first = kept.content(b"first", Keep::Bytes);
        let second = kept.content(b"second", Keep::DigestOnly);
        let third = kept.content(b"third", Keep::Bytes);
        let entry = Entry {
            path: "/p/a".into(),
            spare: ".spare".into(),
            way: Way::Swap,
            old: None,
            new: Some(third.clone()),
        };
        let plan = Plan { root: "/p".into(), entries: vec![entry], folders: vec!["/p/x".into()] };
        let journal = Journal::write(folder.path(), &plan, &kept, Sync::Disk).unwrap();
        assert_eq!(fs::metadata(&journal.path).unwrap().mode() & 0o777, 0o600);
        let all = fs::read(&journal.path).unwrap();
        let read = Read::parse(all.clone()).unwrap();
        assert_eq!(read.plan, plan);
        assert_eq!(read.bytes(&first), Some(&b"first"[..]));
        assert_eq!(read.bytes(&second), None);
        assert_eq!(read.bytes(&third), Some(&b"third"[..]));
        for end in 0..all.len() {
            assert!(Read::parse(all[..end].to_vec()).is_none());
        }
        journal.remove();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
