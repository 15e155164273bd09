//! Bringing an old file up to date, with a copy first.

use std::fs::{self, File};
use std::path::Path;

use distiq_base::kill::kill_point;
use rusqlite::backup::Backup;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use crate::database::{Schema, with_suffix};
use crate::error::StoreError;
use crate::place;

/// Says whose file it is and who wrote it last.
const FACTS: &str =
    "CREATE TABLE IF NOT EXISTS store_facts(name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT";

/// Returns the newest version that `schema` knows.
pub(crate) fn known(schema: &Schema) -> u32 {
    u32::try_from(schema.steps.len()).unwrap_or(u32::MAX)
}

/// Returns the file's version, having seen that it is ours to open; changes nothing.
pub(crate) fn check(
    connection: &Connection,
    path: &Path,
    schema: &Schema,
) -> Result<u32, StoreError> {
    let fail = |error| StoreError::from_sql(path, error);
    let found = version(connection).map_err(fail)?;
    let tables: u32 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", params![], |row| row.get(0))
        .map_err(fail)?;
    if tables > 0 && fact(connection, "name").map_err(fail)?.as_deref() != Some(schema.name) {
        return Err(StoreError::Foreign { path: path.to_path_buf(), expected: schema.name });
    }
    if found > known(schema) {
        return Err(StoreError::Newer {
            path: path.to_path_buf(),
            found,
            known: known(schema),
            written_by: fact(connection, "written_by").map_err(fail)?,
        });
    }
    Ok(found)
}

/// Takes the steps that the file lacks, in one transaction; nothing changes when one fails.
pub(crate) fn run(
    connection: &mut Connection,
    path: &Path,
    schema: &Schema,
) -> Result<(), StoreError> {
    let fail = |error| StoreError::from_sql(path, error);
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fail)?;
    // Another process may have done it while this one waited.
    let found = check(&tx, path, schema)?;
    if found == known(schema) {
        return Ok(());
    }
    if found > 0 {
        copy(path, found)?;
    }
    for step in schema.steps.iter().skip(usize::try_from(found).unwrap_or(usize::MAX)) {
        tx.execute_batch(step).map_err(fail)?;
    }
    tx.execute_batch(FACTS).map_err(fail)?;
    for (name, value) in [("name", schema.name), ("written_by", env!("CARGO_PKG_VERSION"))] {
        tx.execute("INSERT OR REPLACE INTO store_facts VALUES (?1, ?2)", params![name, value])
            .map_err(fail)?;
    }
    tx.pragma_update(None, "user_version", known(schema)).map_err(fail)?;
    tx.commit().map_err(fail)
}

/// Copies the file's last committed state to `PATH.bak-vN`, whole or not at all.
///
/// Runs on a connection of its own while the caller holds the write lock: SQLite does not copy
/// from a connection that is writing, and copying the bytes would miss the log and, by closing
/// the file, drop this process's locks.
fn copy(path: &Path, version: u32) -> Result<(), StoreError> {
    let target = with_suffix(path, &format!(".bak-v{version}"));
    let temporary = with_suffix(&target, ".tmp");
    let fail_io = |error| StoreError::from_io(&target, error);
    let fail = |error| StoreError::from_sql(&target, error);
    let _ = fs::remove_file(&temporary);
    place::prepare(&temporary).map_err(fail_io)?;
    {
        let source = Connection::open(path).map_err(fail)?;
        let mut copy = Connection::open(&temporary).map_err(fail)?;
        Backup::new(&source, &mut copy).and_then(|backup| backup.step(-1)).map_err(fail)?;
    }
    File::open(&temporary).and_then(|file| file.sync_all()).map_err(fail_io)?;
    kill_point("before_backup_rename");
    fs::rename(&temporary, &target).map_err(fail_io)?;
    kill_point("after_backup_rename");
    Ok(())
}

fn version(connection: &Connection) -> rusqlite::Result<u32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Returns a fact; `None` also where the table is missing.
fn fact(connection: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    let has_table = connection
        .prepare("SELECT 1 FROM sqlite_schema WHERE name = 'store_facts'")?
        .exists(params![])?;
    if !has_table {
        return Ok(None);
    }
    connection
        .query_row("SELECT value FROM store_facts WHERE name = ?1", params![name], |row| row.get(0))
        .optional()
}
