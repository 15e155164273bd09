//! Journals: rows of requests that no limit holds, and ends of all, appended to a file before they are in the database.
//!
//! Each process that sends requests has a file beside the ledger, which it alone appends to and holds a lock on.
//! What is appended survives a killed process, as a commit does. Any process folds any journal into the database,
//! up to its last whole record, in a transaction that also notes how far it came: so each record is
//! folded once, and whoever reads, or asks what is spent, folds before. A journal goes once it is folded, that is synced, and its
//! lock is free or our own.

mod fold;
pub(crate) mod record;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use distiq_base::kill::kill_point;
use distiq_base::{RequestId, atomic};
use distiq_store::{Database, StoreError, Tx, params};

use super::count;
use super::owner::Owner;
use super::rows::{FinalRow, Opening, Progress};
use fold::Batch;
use record::{MAGIC, Record, Redirect};

/// Size from which a process goes on in another file.
const FILE_BYTES: u64 = 4 << 20;
/// Most bytes that wait to be folded; where they do not get there, transactions say why.
const MOST_BEHIND: u64 = 32 << 20;

/// The journals of one ledger; this process appends to its own.
#[derive(Debug)]
pub(crate) struct Journals {
    folder: PathBuf,
    owner: Owner,
    /// What the names of this one's files begin with.
    name: String,
    file_bytes: u64,
    writing: Mutex<Writing>,
    /// Bytes appended since the start, and how many of these are known to be folded.
    appended: AtomicU64,
    folded: AtomicU64,
    /// Up to where each file was read when it was last folded.
    seen: Mutex<HashMap<String, u64>>,
}

#[derive(Debug, Default)]
struct Writing {
    current: Option<Own>,
    /// Files that are full, or that failed.
    full: Vec<Own>,
    files: u32,
    /// Requests whose end is still to be appended.
    under_way: HashSet<String>,
    bytes: Vec<u8>,
}

/// A file of this process.
#[derive(Debug)]
struct Own {
    name: String,
    /// Holds the lock.
    file: File,
    len: u64,
}

/// How far a journal is folded, and whose it is.
struct Mark {
    folded: u64,
    owner: Owner,
}

/// What a journal has beyond its mark.
struct Tail {
    name: String,
    from: u64,
    bytes: Vec<u8>,
    owner: Owner,
}

/// How far a transaction has folded; it counts once that is committed.
pub(crate) struct Folded {
    appended: u64,
    seen: HashMap<String, u64>,
}

impl Journals {
    pub fn new(ledger: &Path, owner: Owner) -> Self {
        Self {
            folder: ledger.with_extension("journal"),
            name: format!("{}-{}", owner.pid, RequestId::generate().as_str()),
            owner,
            file_bytes: FILE_BYTES,
            writing: Mutex::default(),
            appended: AtomicU64::new(0),
            folded: AtomicU64::new(0),
            seen: Mutex::default(),
        }
    }

    /// Appends a row that is about to be sent; `false` where a transaction must write it.
    pub fn open(&self, opening: Opening<'_>) -> bool {
        let mut writing = self.writing();
        let id = opening.id;
        let is_kept = self.append(&mut writing, &Record::Open(opening));
        if is_kept {
            writing.under_way.insert(id.to_owned());
        }
        is_kept
    }

    /// Appends where a request goes instead; `false` where a transaction must write it.
    pub fn again(&self, to: Redirect<'_>) -> bool {
        let mut writing = self.writing();
        writing.under_way.contains(to.id) && self.append(&mut writing, &Record::Again(to))
    }

    /// Appends what is known of a request; `false` where a transaction must write it.
    pub fn progress(&self, id: &str, progress: Progress) -> bool {
        let mut writing = self.writing();
        writing.under_way.contains(id) && self.append(&mut writing, &Record::Progress(id, progress))
    }

    /// Appends a request's end; `false` where a transaction must write it.
    pub fn end(&self, id: &str, row: &FinalRow) -> bool {
        let mut writing = self.writing();
        writing.under_way.remove(id)
            && self.append(&mut writing, &Record::End(id, Cow::Borrowed(row)))
    }

    /// Lets the end of a request whose row a transaction has written be appended.
    pub fn admit(&self, id: &str) {
        self.writing().under_way.insert(id.to_owned());
    }

    /// Leaves a request's end to a transaction.
    pub fn forget(&self, id: &str) {
        self.writing().under_way.remove(id);
    }

    /// Returns how many requests' ends are still to be appended.
    #[cfg(test)]
    pub fn under_way(&self) -> usize {
        self.writing().under_way.len()
    }

    /// Returns how many bytes are not known to be folded.
    pub fn behind(&self) -> u64 {
        let folded = self.folded.load(Ordering::Acquire);
        self.appended.load(Ordering::Acquire).saturating_sub(folded)
    }

    fn writing(&self) -> MutexGuard<'_, Writing> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn append(&self, writing: &mut Writing, record: &Record<'_>) -> bool {
        if self.behind() > MOST_BEHIND {
            return false;
        }
        let Writing { current, full, files, bytes, .. } = writing;
        full.extend(current.take_if(|own| own.len >= self.file_bytes));
        if current.is_none() {
            *current = self.create(files).ok();
        }
        let Some(own) = current else { return false };
        bytes.clear();
        record::append(bytes, record);
        if own.file.write_all_at(bytes, own.len).is_err() {
            // What was written of it holds no checksum; the next record is written over it.
            let _ = own.file.set_len(own.len);
            return false;
        }
        own.len += bytes.len() as u64;
        self.appended.fetch_add(bytes.len() as u64, Ordering::Release);
        true
    }

    /// Makes this process's next file, with its lock held before anything is in it.
    fn create(&self, files: &mut u32) -> io::Result<Own> {
        atomic::create_private_dir(&self.folder)?;
        loop {
            *files = files.checked_add(1).ok_or(io::ErrorKind::AlreadyExists)?;
            let name = format!("{}-{files:06}", self.name);
            let mut options = OpenOptions::new();
            options.read(true).write(true).create_new(true).mode(0o600);
            let file = options.open(self.folder.join(&name))?;
            match file.try_lock() {
                // Another process may have taken it for one that was left.
                Err(TryLockError::WouldBlock) => continue,
                Err(TryLockError::Error(error)) => return Err(error),
                Ok(()) if file.metadata()?.nlink() == 0 => continue,
                Ok(()) => {}
            }
            let mut bytes = MAGIC.to_vec();
            record::append(&mut bytes, &Record::Owner(self.owner.clone()));
            file.write_all_at(&bytes, 0)?;
            return Ok(Own { name, file, len: bytes.len() as u64 });
        }
    }

    /// Tells whether some journal may have what the database has not.
    pub fn is_behind(&self) -> Result<bool, StoreError> {
        if self.behind() > 0 {
            return Ok(true);
        }
        let files = self.files()?;
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(files.iter().any(|(name, size)| seen.get(name) != Some(size)))
    }

    /// Returns the journals there are and their sizes; those of one process in order.
    fn files(&self) -> Result<BTreeMap<String, u64>, StoreError> {
        let fail = |error| StoreError::from_io(&self.folder, error);
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if is_missing(&error) => return Ok(BTreeMap::new()),
            entries => entries.map_err(fail)?,
        };
        let mut files = BTreeMap::new();
        for entry in entries {
            let entry = entry.map_err(fail)?;
            // One that goes meanwhile is folded.
            let Ok(metadata) = entry.metadata() else { continue };
            if let (true, Ok(name)) = (metadata.is_file(), entry.file_name().into_string()) {
                files.insert(name, metadata.len());
            }
        }
        Ok(files)
    }

    /// Folds what all journals have into the database.
    pub fn fold(&self, tx: &Tx<'_>) -> Result<Folded, StoreError> {
        let appended = self.appended.load(Ordering::Acquire);
        let mut marks = marks(tx)?;
        let mut seen = HashMap::new();
        let mut tails = Vec::new();
        for (name, size) in self.files()? {
            let mark = marks.remove(&name);
            if mark.as_ref().is_some_and(|mark| mark.folded >= size) {
                seen.insert(name, size);
                continue;
            }
            let (tail, end) = self.tail(&name, mark)?;
            seen.insert(name, end);
            tails.extend(tail);
        }
        for gone in marks.keys() {
            tx.execute("DELETE FROM journal WHERE name = ?1", params![gone])?;
        }
        fold(tx, &tails)?;
        kill_point("before_fold_commit");
        Ok(Folded { appended, seen })
    }

    /// Notes that a fold is committed.
    pub fn committed(&self, folded: Folded) {
        self.folded.fetch_max(folded.appended, Ordering::AcqRel);
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = folded.seen;
        kill_point("after_fold_commit");
    }

    /// Folds in a transaction of its own where there is anything to fold.
    pub fn catch_up(&self, db: &Database) -> Result<(), StoreError> {
        if self.is_behind()? {
            self.committed(db.write(|tx| self.fold(tx))?);
        }
        Ok(())
    }

    /// Reads what is behind a mark; nothing where it is no journal of this version. Also returns where the reading ended.
    fn tail(&self, name: &str, mark: Option<Mark>) -> Result<(Option<Tail>, u64), StoreError> {
        let path = self.folder.join(name);
        let read = |from: u64| {
            let mut bytes = Vec::new();
            let mut file = File::open(&path)?;
            file.seek(SeekFrom::Start(from))?;
            file.read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let from = mark.as_ref().map_or(0, |mark| mark.folded);
        let mut bytes = read(from).map_err(|error| StoreError::from_io(&path, error))?;
        let end = from + bytes.len() as u64;
        let name = name.to_owned();
        if let Some(Mark { folded, owner }) = mark {
            return Ok((Some(Tail { name, from: folded, bytes, owner }), end));
        }
        let Some(mut rest) = bytes.strip_prefix(MAGIC) else { return Ok((None, end)) };
        let Some(Record::Owner(owner)) = record::take(&mut rest) else { return Ok((None, end)) };
        let header = bytes.len() - rest.len();
        bytes.drain(..header);
        Ok((Some(Tail { name, from: header as u64, bytes, owner }), end))
    }

    /// Removes the journals that other processes left.
    pub fn clear_left(&self, db: &Database) -> Result<(), StoreError> {
        let mut left = Vec::new();
        for name in self.files()?.into_keys().filter(|name| !name.starts_with(&self.name)) {
            let file = OpenOptions::new().read(true).write(true).open(self.folder.join(&name));
            let Ok(file) = file else { continue };
            if file.try_lock().is_ok() {
                left.push(Own { name, file, len: 0 });
            }
        }
        self.remove(db, left).map(drop)
    }

    /// Removes this process's journals that are full, or all of them at its end.
    pub fn clear_own(&self, db: &Database, is_end: bool) -> Result<(), StoreError> {
        let mut writing = self.writing();
        let mut over = std::mem::take(&mut writing.full);
        if is_end {
            over.extend(writing.current.take());
        }
        drop(writing);
        let rest = self.remove(db, over)?;
        self.writing().full.extend(rest);
        Ok(())
    }

    /// Removes journals that nobody appends to and that are folded; returns those that are not, and all where another
    /// process writes at this moment.
    fn remove(&self, db: &Database, over: Vec<Own>) -> Result<Vec<Own>, StoreError> {
        if over.is_empty() {
            return Ok(over);
        }
        let removed = db.try_write(|tx| {
            let mut marks = marks(tx)?;
            let mut removed = Vec::new();
            for Own { name, .. } in &over {
                let path = self.folder.join(name);
                if !path.exists() || !self.is_folded(name, marks.remove(name))? {
                    continue;
                }
                if removed.is_empty() {
                    // What stands for it must survive a power cut before it goes.
                    db.sync()?;
                    kill_point("before_journal_removal");
                }
                fs::remove_file(&path).map_err(|error| StoreError::from_io(&path, error))?;
                kill_point("after_journal_removal");
                tx.execute("DELETE FROM journal WHERE name = ?1", params![name])?;
                removed.push(name.clone());
            }
            Ok::<_, StoreError>(removed)
        })?;
        let is_left = |own: &Own| removed.as_ref().is_none_or(|names| !names.contains(&own.name));
        Ok(over.into_iter().filter(is_left).collect())
    }

    /// Tells whether a journal has no record behind its mark. One without a mark was never more than begun, or is
    /// another version's.
    fn is_folded(&self, name: &str, mark: Option<Mark>) -> Result<bool, StoreError> {
        let is_known = mark.is_some();
        if let (Some(tail), _) = self.tail(name, mark)? {
            return Ok(is_known && record::take(&mut tail.bytes.as_slice()).is_none());
        }
        let path = self.folder.join(name);
        let mut head = Vec::new();
        let file = File::open(&path).and_then(|file| file.take(8).read_to_end(&mut head));
        file.map_err(|error| StoreError::from_io(&path, error))?;
        Ok(MAGIC.starts_with(&head))
    }

    /// Makes this process's journals survive a power cut, where they cannot be folded now.
    pub fn sync(&self) -> Result<(), StoreError> {
        let writing = self.writing();
        let clones: io::Result<Vec<File>> =
            writing.full.iter().chain(&writing.current).map(|own| own.file.try_clone()).collect();
        drop(writing);
        clones
            .and_then(|files| files.iter().try_for_each(File::sync_data))
            .map_err(|error| StoreError::from_io(&self.folder, error))
    }
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn fold(tx: &Tx<'_>, tails: &[Tail]) -> Result<(), StoreError> {
    let mut batch = Batch::default();
    for Tail { name, from, bytes, owner } in tails {
        let mut rest = bytes.as_slice();
        while let Some(record) = record::take(&mut rest) {
            batch.take(tx, record, owner)?;
        }
        let folded = from + (bytes.len() - rest.len()) as u64;
        tx.execute(
            "INSERT INTO journal VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET folded = excluded.folded",
            params![name, count(folded), owner.pid, owner.process],
        )?;
    }
    batch.write(tx)
}

fn marks(tx: &Tx<'_>) -> Result<HashMap<String, Mark>, StoreError> {
    let all = tx.all("SELECT name, folded, pid, process FROM journal", params![], |row| {
        let folded = u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0);
        let owner = Owner { pid: row.get(2)?, process: row.get(3)? };
        Ok((row.get(0)?, Mark { folded, owner }))
    })?;
    Ok(all.into_iter().collect())
}

#[cfg(test)]
mod tests;
