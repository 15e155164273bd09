//! One database file: opening it and running transactions.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::error::StoreError;
use crate::place::{self, Journal};
use crate::transaction::Tx;

/// How long a transaction waits for another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How many statements stay prepared.
const CACHED_STATEMENTS: usize = 64;

/// What a database holds, as the list of steps that made it so.
#[derive(Debug)]
pub struct Schema {
    /// The database's name, kept in the file so that another's is refused.
    pub name: &'static str,
    /// SQL that leads from one version to the next. Steps are only ever added: the version of a
    /// file is the number of steps it has taken.
    pub steps: &'static [&'static str],
}

/// An open database; shared between threads by reference.
///
/// Reads run beside writes on a connection of their own. Committed data survives a killed
/// process; it survives a power cut after [`Database::sync`].
#[derive(Debug)]
pub struct Database {
    path: PathBuf,
    journal: Journal,
    writer: Mutex<Connection>,
    reader: Mutex<Connection>,
    /// Folds the log into the file; opened when it first does.
    folder: Mutex<Option<Connection>>,
    checkpoints_apart: AtomicBool,
    log: OnceLock<File>,
}

// Within one process, opens take turns: a file that is just being made must not be closed beside
// a connection to it (POSIX locks belong to the process).
static OPENING: Mutex<()> = Mutex::new(());

impl Database {
    /// Opens the database, making it, or bringing it up to date after a copy, where needed.
    ///
    /// The copy is `PATH.bak-vN`, N being the old version. The migration is one transaction.
    ///
    /// # Errors
    /// One of [`StoreError`]; a file from a newer version is left as it is.
    pub fn open(path: &Path, schema: &'static Schema) -> Result<Self, StoreError> {
        let _turn = OPENING.lock().unwrap_or_else(PoisonError::into_inner);
        place::prepare(path).map_err(|error| StoreError::from_io(path, error))?;
        Self::open_with(path, schema, place::journal(path))
    }

    fn open_with(
        path: &Path,
        schema: &'static Schema,
        journal: Journal,
    ) -> Result<Self, StoreError> {
        let fail = |error| StoreError::from_sql(path, error);
        let mut writer = connect(path).map_err(fail)?;
        let version = crate::migrate::check(&writer, path, schema)?;
        set_journal(&writer, journal).map_err(fail)?;
        if version < crate::migrate::known(schema) {
            crate::migrate::run(&mut writer, path, schema)?;
        }
        let reader = connect(path).map_err(fail)?;
        reader.pragma_update(None, "query_only", true).map_err(fail)?;
        Ok(Self {
            path: path.to_path_buf(),
            journal,
            writer: Mutex::new(writer),
            reader: Mutex::new(reader),
            folder: Mutex::new(None),
            checkpoints_apart: AtomicBool::new(false),
            log: OnceLock::new(),
        })
    }

    /// Runs `work` in a transaction that sees one state and changes nothing.
    ///
    /// # Errors
    /// What `work` returns, or why the transaction failed.
    pub fn read<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut connection = lock(&self.reader);
        let tx = connection.transaction().map_err(|e| StoreError::from_sql(&self.path, e))?;
        work(&Tx::new(&tx, &self.path))
    }

    /// Runs `work` in a transaction that no other writer, of any process, runs beside; an error
    /// undoes it.
    ///
    /// # Errors
    /// What `work` returns, or why the transaction failed.
    pub fn write<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let connection = lock(&self.writer);
        let fail = |error| StoreError::from_sql(&self.path, error);
        let turn = Turn::begin(&connection).map_err(fail)?;
        let value = work(&Tx::new(&connection, &self.path))?;
        turn.commit().map_err(fail)?;
        Ok(value)
    }

    /// Does as [`Database::write`] where nobody else writes at this moment, and never waits; `None`
    /// where somebody does, or where a commit waits for the disk: `work` was not called then.
    ///
    /// # Errors
    /// What `work` returns, or why the transaction failed.
    pub fn try_write<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&Tx<'_>) -> Result<T, E>,
    ) -> Result<Option<T>, E> {
        if self.journal == Journal::Rollback || !self.checkpoints_apart.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let connection = match self.writer.try_lock() {
            Ok(connection) => connection,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Ok(None),
        };
        let fail = |error| StoreError::from_sql(&self.path, error);
        connection.busy_timeout(Duration::ZERO).map_err(fail)?;
        let begun = Turn::begin(&connection);
        connection.busy_timeout(BUSY_TIMEOUT).map_err(fail)?;
        let turn = match begun {
            Err(error) if is_busy(&error) => return Ok(None),
            begun => begun.map_err(fail)?,
        };
        let value = work(&Tx::new(&connection, &self.path))?;
        turn.commit().map_err(fail)?;
        Ok(Some(value))
    }

    /// Leaves folding the log into the file to [`Database::checkpoint`], so that no commit takes the
    /// longer for it.
    ///
    /// # Errors
    /// When the engine refuses.
    pub fn checkpoint_apart(&self) -> Result<(), StoreError> {
        let fail = |error| StoreError::from_sql(&self.path, error);
        lock(&self.writer).pragma_update(None, "wal_autocheckpoint", 0).map_err(fail)?;
        self.checkpoints_apart.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Leaves the log beside the file when this closes, unless it has more than `most` bytes: for what is opened anew for each
    /// small change, where each close would wait for the disk three times. Whoever opens the file next reads the log, so that it
    /// must stay short.
    ///
    /// # Errors
    /// When the engine refuses.
    pub fn keep_log(&self, most: u64) -> Result<(), StoreError> {
        let log = std::fs::metadata(with_suffix(&self.path, "-wal")).map_or(0, |log| log.len());
        if self.journal == Journal::Rollback || log > most {
            return Ok(());
        }
        for connection in [&self.writer, &self.reader] {
            lock(connection)
                .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
                .map_err(|error| StoreError::from_sql(&self.path, error))?;
        }
        Ok(())
    }

    /// Leaves out the tables' `CHECK`s when writing: for whoever writes only what they allow. A list of three values is a
    /// tree of its own to the engine, made anew for each row.
    ///
    /// # Errors
    /// When the engine refuses.
    pub fn skip_checks(&self) -> Result<(), StoreError> {
        let fail = |error| StoreError::from_sql(&self.path, error);
        lock(&self.writer).pragma_update(None, "ignore_check_constraints", true).map_err(fail)
    }

    /// Folds the log into the file, as far as no reader needs it; runs beside transactions.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn checkpoint(&self) -> Result<(), StoreError> {
        if self.journal == Journal::Rollback {
            return Ok(());
        }
        let fail = |error| StoreError::from_sql(&self.path, error);
        let mut folder = self.folder.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = match &mut *folder {
            Some(connection) => connection,
            none => none.insert(connect(&self.path).map_err(fail)?),
        };
        connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())).map_err(fail)
    }

    /// Makes what was committed survive a power cut; runs beside transactions.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn sync(&self) -> Result<(), StoreError> {
        if self.journal == Journal::Rollback {
            // Each commit was synced.
            return Ok(());
        }
        let fail = |error| StoreError::from_io(&self.path, error);
        if self.log.get().is_none() {
            let Ok(file) = File::open(with_suffix(&self.path, "-wal")) else {
                // No log: everything is in the file already, and a checkpoint syncs it.
                return Ok(());
            };
            // The log's name must survive, too.
            if let Some(folder) = self.path.parent().filter(|f| !f.as_os_str().is_empty()) {
                let _ = File::open(folder).and_then(|folder| folder.sync_all());
            }
            let _ = self.log.set(file);
        }
        self.log.get().map_or(Ok(()), |log| log.sync_data().map_err(fail))
    }

    /// Tells whether each commit waits for the disk, as on one that machines share.
    pub fn waits_for_disk(&self) -> bool {
        self.journal == Journal::Rollback
    }

    /// Returns the file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// A write transaction; dropping it undoes it.
struct Turn<'a>(&'a Connection);

impl<'a> Turn<'a> {
    fn begin(connection: &'a Connection) -> rusqlite::Result<Self> {
        // Prepared once: with small transactions, reading these words would be felt.
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        Ok(Self(connection))
    }

    fn commit(self) -> rusqlite::Result<()> {
        self.0.prepare_cached("COMMIT")?.execute([]).map(drop)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if !self.0.is_autocommit() {
            // Where it fails, the engine has undone it already.
            let _ = self.0.execute_batch("ROLLBACK");
        }
    }
}

fn lock(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    // A panic in a transaction has rolled it back; the connection is sound.
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    // SQLite's own locks are not needed: each connection stands behind a mutex.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(connection)
}

/// Sets how commits are made safe. SQLite does not wait for others here, so this does.
fn set_journal(connection: &Connection, journal: Journal) -> rusqlite::Result<()> {
    let (mode, synchronous) = match journal {
        Journal::Wal => ("wal", "normal"),
        Journal::Rollback => ("delete", "full"),
    };
    let started = Instant::now();
    loop {
        let result: rusqlite::Result<String> =
            connection.pragma_update_and_check(None, "journal_mode", mode, |row| row.get(0));
        match result {
            Err(error) if is_busy(&error) && started.elapsed() < BUSY_TIMEOUT => {
                thread::sleep(Duration::from_millis(2));
            }
            Err(error) => return Err(error),
            Ok(_) => break,
        }
    }
    connection.pragma_update(None, "synchronous", synchronous)
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked)
    )
}

/// Returns `path` with `suffix` behind its whole name.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params;

    static NUMBERS: Schema =
        Schema { name: "numbers", steps: &["CREATE TABLE number(n INTEGER NOT NULL) STRICT"] };

    #[test]
    fn a_write_that_would_wait_is_not_begun_and_the_log_is_folded_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("numbers.db");
        let insert = |tx: &Tx<'_>| tx.execute("INSERT INTO number VALUES (?1)", params![7]);
        let db = Database::open(&path, &NUMBERS).unwrap();
        assert!(db.try_write(insert).unwrap().is_none(), "its commits may fold the log");
        db.checkpoint_apart().unwrap();
        let other = Database::open(&path, &NUMBERS).unwrap();
        other
            .write(|tx| {
                assert!(db.try_write(insert).unwrap().is_none());
                insert(tx)
            })
            .unwrap();
        for _ in 0..3_000 {
            assert_eq!(db.try_write(insert).unwrap(), Some(1));
        }
        let failed = db.try_write(|tx| insert(tx).and_then(|_| tx.execute("nonsense", params![])));
        assert!(failed.is_err());
        let before = path.metadata().unwrap().len();
        db.checkpoint().unwrap();
        assert!(path.metadata().unwrap().len() > before);
        let count = db.read(|tx| tx.one("SELECT count(*) FROM number", params![], |r| r.get(0)));
        assert_eq!(count.unwrap(), Some(3_001_i64));
    }

    #[test]
    fn a_log_that_is_kept_is_read_by_the_next_and_stays_short() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("numbers.db");
        let log = || with_suffix(&path, "-wal").metadata().map_or(0, |log| log.len());
        let mut lengths = Vec::new();
        for count in 1..=60_i64 {
            let db = Database::open(&path, &NUMBERS).unwrap();
            db.keep_log(100_000).unwrap();
            let number = "INSERT INTO number VALUES (randomblob(0) IS NULL)";
            db.write(|tx| tx.execute(number, params![])).unwrap();
            let read = db.read(|tx| tx.one("SELECT count(*) FROM number", params![], |r| r.get(0)));
            assert_eq!(read.unwrap(), Some(count));
            drop(db);
            lengths.push(log());
        }
        assert!(lengths.iter().all(|length| *length < 120_000), "{lengths:?}");
        assert!(lengths.iter().filter(|length| **length > 0).count() > 50, "{lengths:?}");
        // Who does not keep it folds it in.
        drop(Database::open(&path, &NUMBERS).unwrap());
        assert_eq!(log(), 0);
    }

    #[test]
    fn works_the_same_with_a_rollback_journal() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("numbers.db");
        place::prepare(&path).unwrap();
        let db = Database::open_with(&path, &NUMBERS, Journal::Rollback).unwrap();
        db.write(|tx| tx.execute("INSERT INTO number VALUES (?1)", params![7])).unwrap();
        db.sync().unwrap();
        let other = Database::open_with(&path, &NUMBERS, Journal::Rollback).unwrap();
        let sum = other.read(|tx| tx.one("SELECT sum(n) FROM number", params![], |r| r.get(0)));
        assert_eq!(sum.unwrap(), Some(7_i64));
        assert!(!with_suffix(&path, "-wal").exists());
    }
}
