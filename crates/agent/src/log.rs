//! The session's log: one JSON record a line, appended before anything is shown.
//!
//! A record reaches the operating system in one write, so that a killed process leaves whole lines
//! and at most one torn one at the end, which was never shown and is cut off when the log is opened
//! again. An exclusive lock keeps a second process from continuing the same session.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use distiq_base::atomic;
use distiq_base::clock::Clock;
use distiq_base::kill::kill_point;
use distiq_base::{Event, Record};

/// The longest line that is read back; longer ones are a damaged file.
pub const MAX_LINE_BYTES: usize = 64 << 20;

/// How much is read at a time.
const CHUNK_BYTES: usize = 256 << 10;

/// Tells why a log cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// There is no such session.
    #[error("No session log at `{0}`")]
    NotFound(PathBuf),
    /// Another process continues the session.
    #[error("Session log `{0}` is in use by another distiq process")]
    InUse(PathBuf),
    /// A line is no record.
    #[error("Session log `{path}` is damaged at line {line}")]
    Damaged {
        /// The log.
        path: PathBuf,
        /// 1-based.
        line: u64,
        /// What the parser says.
        #[source]
        source: Option<serde_json::Error>,
    },
    /// The log was written by a newer version.
    #[error("Session log `{path}` has schema {found}; this version knows up to {known}")]
    Newer {
        /// The log.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// The file system failed.
    #[error("Cannot use session log `{path}`")]
    Io {
        /// The log.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

impl LogError {
    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::NotFound => LogError::NotFound(path.to_owned()),
            _ => LogError::Io { path: path.to_owned(), source },
        }
    }

    /// Returns what the user can do.
    pub fn hint(&self) -> String {
        match self {
            LogError::NotFound(_) => "`distiq sessions list` shows the sessions there are".into(),
            LogError::InUse(_) => "wait until it ends, or stop it".into(),
            LogError::Damaged { .. } => {
                "`distiq sessions export` shows what stands before the damage; start a new session"
                    .into()
            }
            LogError::Newer { .. } => "install the newer distiq that wrote it".into(),
            LogError::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                "the disk is full: free some space (`distiq data size`), then `distiq resume`"
                    .into()
            }
            LogError::Io { .. } => "check the folder's permissions (`distiq data path`)".into(),
        }
    }
}

/// An open log that records are appended to.
#[derive(Debug)]
pub struct SessionLog {
    path: PathBuf,
    file: Option<File>,
    clock: Clock,
    next_seq: u64,
    line: Vec<u8>,
    bytes: u64,
}

impl SessionLog {
    /// Begins a new log; its folders are made, readable by the user alone.
    ///
    /// # Errors
    /// [`LogError::Io`] where the file cannot be made.
    pub fn create(path: &Path, clock: Clock) -> Result<Self, LogError> {
        let io = |source| LogError::Io { path: path.to_owned(), source };
        if let Some(folder) = path.parent() {
            atomic::create_private_dir(folder).map_err(io)?;
        }
        let file =
            OpenOptions::new().append(true).create_new(true).mode(0o600).open(path).map_err(io)?;
        Self::locked(path, file, clock)
    }

    /// Makes a log that is kept nowhere.
    pub fn unsaved(clock: Clock) -> Self {
        Self { path: PathBuf::new(), file: None, clock, next_seq: 0, line: Vec::new(), bytes: 0 }
    }

    /// Opens a log to continue it: `visit` sees the raw lines that are there; a torn last line is
    /// cut off.
    ///
    /// # Errors
    /// [`LogError::InUse`] while another process has it, else as [`LogError`] tells.
    pub fn reopen(
        path: &Path,
        clock: Clock,
        visit: &mut dyn FnMut(RawRecord<'_>) -> Result<(), LogError>,
    ) -> Result<Self, LogError> {
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .open(path)
            .map_err(|source| LogError::io(path, source))?;
        let mut log = Self::locked(path, file, clock)?;
        let Some(file) = &mut log.file else { return Ok(log) };
        let read = read_lines(path, file, visit)?;
        file.set_len(read.whole_bytes).map_err(|source| LogError::io(path, source))?;
        log.next_seq = read.lines;
        log.bytes = read.whole_bytes;
        Ok(log)
    }

    fn locked(path: &Path, file: File, clock: Clock) -> Result<Self, LogError> {
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LogError::InUse(path.to_owned())),
            // A file system without locks (some network disks) is no reason to refuse.
            Err(TryLockError::Error(_)) => {}
        }
        let path = path.to_owned();
        Ok(Self { path, file: Some(file), clock, next_seq: 0, line: Vec::new(), bytes: 0 })
    }

    /// Appends an event and returns its record, which may be shown from then on.
    ///
    /// # Errors
    /// [`LogError::Io`], for example on a full disk; the log then ends with its last whole record.
    pub fn append(&mut self, event: Event) -> Result<Record, LogError> {
        let record = Record { seq: self.next_seq, at: self.clock.now(), event };
        if let Some(file) = &mut self.file {
            let fail = |source| LogError::Io { path: self.path.clone(), source };
            self.line.clear();
            serde_json::to_writer(&mut self.line, &record).map_err(|e| fail(e.into()))?;
            self.line.push(b'\n');
            kill_point("before_log_append");
            if let Err(source) = file.write_all(&self.line) {
                // What was written of the line must not stand before the next record.
                let _ = file.set_len(self.bytes);
                return Err(fail(source));
            }
            self.bytes += self.line.len() as u64;
            if self.line.capacity() > 1 << 20 {
                self.line = Vec::new();
            }
            kill_point("after_log_append");
        }
        self.next_seq += 1;
        Ok(record)
    }

    /// Makes what was appended survive a power cut.
    pub fn sync(&self) {
        if let Some(file) = &self.file {
            let _ = file.sync_data();
        }
    }

    /// Returns where the log is; empty when it is kept nowhere.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// A line of a log that was not parsed yet.
#[derive(Clone, Copy, Debug)]
pub struct RawRecord<'a> {
    /// The log, for errors.
    pub path: &'a Path,
    /// 1-based.
    pub number: u64,
    /// The line without its end.
    pub json: &'a [u8],
}

impl RawRecord<'_> {
    /// Returns the event's type without parsing the line; empty when it stands not where we put it.
    pub fn kind(&self) -> &[u8] {
        const KEY: &[u8] = b"\"type\":\"";
        static FINDER: LazyLock<memchr::memmem::Finder<'static>> =
            LazyLock::new(|| memchr::memmem::Finder::new(KEY));
        let head = self.json.get(..self.json.len().min(160)).unwrap_or_default();
        let Some(start) = FINDER.find(head).map(|at| at + KEY.len()) else { return &[] };
        let rest = head.get(start..).unwrap_or_default();
        let end = memchr::memchr(b'"', rest).unwrap_or(0);
        rest.get(..end).unwrap_or_default()
    }

    /// Parses the line as `T`.
    ///
    /// # Errors
    /// [`LogError::Damaged`] where it does not fit.
    pub fn parse<'a, T: serde::Deserialize<'a>>(&'a self) -> Result<T, LogError> {
        serde_json::from_slice(self.json).map_err(|source| LogError::Damaged {
            path: self.path.to_owned(),
            line: self.number,
            source: Some(source),
        })
    }
}

/// Reads a log without continuing it; a torn last line is passed over.
///
/// # Errors
/// As [`LogError`] tells, or what `visit` returns.
pub fn scan(
    path: &Path,
    visit: &mut dyn FnMut(RawRecord<'_>) -> Result<(), LogError>,
) -> Result<(), LogError> {
    let mut file = File::open(path).map_err(|source| LogError::io(path, source))?;
    read_lines(path, &mut file, visit).map(drop)
}

/// Reads all records of a log.
///
/// # Errors
/// As [`LogError`] tells.
pub fn read(path: &Path) -> Result<Vec<Record>, LogError> {
    let mut records = Vec::new();
    scan(path, &mut |line| {
        records.push(line.parse()?);
        Ok(())
    })?;
    Ok(records)
}

struct Lines {
    lines: u64,
    whole_bytes: u64,
}

fn read_lines(
    path: &Path,
    file: &mut File,
    visit: &mut dyn FnMut(RawRecord<'_>) -> Result<(), LogError>,
) -> Result<Lines, LogError> {
    let io = |source| LogError::io(path, source);
    file.seek(SeekFrom::Start(0)).map_err(io)?;
    let mut done = Lines { lines: 0, whole_bytes: 0 };
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut filled = 0;
    loop {
        if filled == buffer.len() {
            buffer.resize(buffer.len() * 2, 0);
        }
        let got = file.read(buffer.get_mut(filled..).unwrap_or_default()).map_err(io)?;
        if got == 0 {
            return Ok(done);
        }
        // What was left over from the last chunk has no line end.
        let fresh = filled;
        filled += got;
        let mut begun = 0;
        let chunk = buffer.get(..filled).unwrap_or_default();
        for end in memchr::memchr_iter(b'\n', chunk.get(fresh..).unwrap_or_default()) {
            let end = fresh + end;
            let json = chunk.get(begun..end).unwrap_or_default();
            visit(RawRecord { path, number: done.lines + 1, json })?;
            done.lines += 1;
            begun = end + 1;
        }
        done.whole_bytes += begun as u64;
        buffer.copy_within(begun..filled, 0);
        filled -= begun;
        if filled > MAX_LINE_BYTES {
            let line = done.lines + 1;
            return Err(LogError::Damaged { path: path.to_owned(), line, source: None });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(message: &str) -> Event {
        Event::Notice { message: message.into() }
    }

    #[test]
    fn a_torn_last_line_is_cut_and_the_log_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("2026/11/x.jsonl");
        let mut log = SessionLog::create(&path, Clock::System).unwrap();
        log.append(notice("one")).unwrap();
        log.append(notice("two")).unwrap();
        assert!(matches!(
            SessionLog::reopen(&path, Clock::System, &mut |_| Ok(())),
            Err(LogError::InUse(_))
        ));
        drop(log);
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"seq\":2,\"at\":\"20").unwrap();
        let mut kinds = Vec::new();
        let mut log = SessionLog::reopen(&path, Clock::System, &mut |line| {
            kinds.push(String::from_utf8(line.kind().to_vec()).unwrap());
            Ok(())
        })
        .unwrap();
        assert_eq!(kinds, ["notice", "notice"]);
        log.append(notice("three")).unwrap();
        let records = read(&path).unwrap();
        assert_eq!(records.iter().map(|r| r.seq).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(records[2].event, notice("three"));
    }

    #[test]
    fn lines_longer_than_a_chunk_are_read_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.jsonl");
        let mut log = SessionLog::create(&path, Clock::System).unwrap();
        let lengths = [1, CHUNK_BYTES - 60, CHUNK_BYTES, 3 * CHUNK_BYTES + 7, 2];
        for length in lengths {
            log.append(notice(&"x".repeat(length))).unwrap();
        }
        let read: Vec<usize> = read(&path)
            .unwrap()
            .iter()
            .map(|r| match &r.event {
                Event::Notice { message } => message.len(),
                _ => 0,
            })
            .collect();
        assert_eq!(read, lengths);
    }

    #[test]
    fn damage_is_told_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.jsonl");
        std::fs::write(&path, "{\"seq\":0}\nnot json\n").unwrap();
        let error = read(&path).unwrap_err();
        assert!(matches!(error, LogError::Damaged { line: 1, .. }), "{error}");
        assert!(matches!(read(&folder.path().join("no")), Err(LogError::NotFound(_))));
    }
}
