//! One database file: opening it and running transactions.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

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
        let mut connection = lock(&self.writer);
        let fail = |error| StoreError::from_sql(&self.path, error);
        let tx =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fail)?;
        let value = work(&Tx::new(&tx, &self.path))?;
        tx.commit().map_err(fail)?;
        Ok(value)
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

    /// Returns the file's path.
    pub fn path(&self) -> &Path {
        &self.path
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
