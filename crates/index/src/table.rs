//! The table of an index: its segments, and where each file's text is.

use std::collections::HashMap;

use distiq_store::{Database, Schema, StoreError, Tx, params};

/// The fact of an index whose first reading is not done.
const UNFINISHED: &str = "unfinished";

pub(crate) static INDEX: Schema = Schema { name: "index", steps: &[STEP_1] };

// `segment` and `slot` say where a file's text is, NULL where it was not read and `note` says why.
// A slot in `dead` belongs to a file that has changed since or is gone. `fact` has what is known of the whole.
const STEP_1: &str = "
CREATE TABLE file(
    path TEXT PRIMARY KEY,
    bytes INTEGER NOT NULL,
    modified_ns INTEGER NOT NULL,
    hash BLOB NOT NULL,
    segment INTEGER,
    slot INTEGER,
    note TEXT
) STRICT, WITHOUT ROWID;
CREATE TABLE segment(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE dead(segment INTEGER NOT NULL, slot INTEGER NOT NULL, PRIMARY KEY (segment, slot))
    STRICT, WITHOUT ROWID;
CREATE TABLE fact(name TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;
";

/// What the table knows of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileRow {
    pub path: String,
    pub bytes: u64,
    pub modified_ns: i64,
}

/// What is known of a file's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text {
    pub bytes: u64,
    /// Empty where none was read.
    pub hash: Vec<u8>,
}

/// Where the text of a file is that was read last, and its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TextPlace {
    pub hash: Vec<u8>,
    /// The name of its segment.
    pub segment: String,
    pub slot: u32,
}

/// Returns the hash of a text, of 16 bytes.
pub(crate) fn hash_of(text: &str) -> Vec<u8> {
    blake3::hash(text.as_bytes()).as_bytes().get(..16).unwrap_or_default().to_vec()
}

/// A file's new row.
#[derive(Clone, Debug)]
pub(crate) struct NewRow {
    pub path: String,
    pub bytes: u64,
    pub modified_ns: i64,
    pub hash: Vec<u8>,
    pub slot: Option<u32>,
    pub note: Option<&'static str>,
}

/// A segment as the table names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SegmentRow {
    pub id: i64,
    pub name: String,
    pub dead: Vec<u32>,
}

/// Returns what is known of the files, by rising path.
pub(crate) fn files(db: &Database) -> Result<Vec<FileRow>, StoreError> {
    db.read(|tx| {
        tx.all("SELECT path, bytes, modified_ns FROM file ORDER BY path", params![], |row| {
            let (path, bytes, modified_ns) = (row.get(0)?, count(row.get(1)?), row.get(2)?);
            Ok(FileRow { path, bytes, modified_ns })
        })
    })
}

/// Returns the texts that were read last of files that the table knows, by path.
pub(crate) fn texts(tx: &Tx<'_>, paths: Vec<String>) -> Result<HashMap<String, Text>, StoreError> {
    let mut texts = HashMap::with_capacity(paths.len());
    for path in paths {
        let sql = "SELECT bytes, hash FROM file WHERE path = ?1";
        let text = tx.one(sql, params![path], |row| {
            Ok(Text { bytes: count(row.get(0)?), hash: row.get(1)? })
        })?;
        texts.extend(text.map(|text| (path, text)));
    }
    Ok(texts)
}

/// Returns where a file's text is; `None` where it was not read.
pub(crate) fn text_of(tx: &Tx<'_>, path: &str) -> Result<Option<TextPlace>, StoreError> {
    let sql = "SELECT file.hash, segment.name, file.slot
               FROM file JOIN segment ON segment.id = file.segment WHERE file.path = ?1";
    tx.one(sql, params![path], |row| {
        Ok(TextPlace { hash: row.get(0)?, segment: row.get(1)?, slot: row.get(2)? })
    })
}

/// Returns the segments, oldest first.
pub(crate) fn segments(tx: &Tx<'_>) -> Result<Vec<SegmentRow>, StoreError> {
    let mut rows = tx.all("SELECT id, name FROM segment ORDER BY id", params![], |row| {
        Ok(SegmentRow { id: row.get(0)?, name: row.get(1)?, dead: Vec::new() })
    })?;
    let dead: Vec<(i64, u32)> =
        tx.all("SELECT segment, slot FROM dead", params![], |row| Ok((row.get(0)?, row.get(1)?)))?;
    for (segment, slot) in dead {
        if let Some(row) = rows.iter_mut().find(|row| row.id == segment) {
            row.dead.push(slot);
        }
    }
    Ok(rows)
}

/// Adds a segment and returns its number.
pub(crate) fn add_segment(tx: &Tx<'_>, name: &str) -> Result<i64, StoreError> {
    tx.execute("INSERT INTO segment(name) VALUES (?1)", params![name])?;
    let sql = "SELECT id FROM segment WHERE name = ?1";
    Ok(tx.one(sql, params![name], |row| row.get(0))?.unwrap_or_default())
}

/// Forgets a file; its text is dead.
pub(crate) fn remove(tx: &Tx<'_>, path: &str) -> Result<(), StoreError> {
    bury(tx, path)?;
    tx.execute("DELETE FROM file WHERE path = ?1", params![path])?;
    Ok(())
}

fn bury(tx: &Tx<'_>, path: &str) -> Result<(), StoreError> {
    let sql = "INSERT OR IGNORE INTO dead
               SELECT segment, slot FROM file WHERE path = ?1 AND segment IS NOT NULL";
    tx.execute(sql, params![path])?;
    Ok(())
}

/// Writes a file's row anew; its old text is dead.
pub(crate) fn put(tx: &Tx<'_>, row: &NewRow, segment: Option<i64>) -> Result<(), StoreError> {
    bury(tx, &row.path)?;
    let sql = "INSERT OR REPLACE INTO file(path, bytes, modified_ns, hash, segment, slot, note)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let slot = row.slot.filter(|_| segment.is_some());
    let segment = segment.filter(|_| slot.is_some());
    tx.execute(
        sql,
        params![
            row.path,
            i64::try_from(row.bytes).unwrap_or(i64::MAX),
            row.modified_ns,
            row.hash,
            segment,
            slot,
            row.note
        ],
    )?;
    Ok(())
}

/// Notes that a file was touched, not changed.
pub(crate) fn touch(tx: &Tx<'_>, path: &str, modified_ns: i64) -> Result<(), StoreError> {
    let sql = "UPDATE file SET modified_ns = ?2 WHERE path = ?1";
    tx.execute(sql, params![path, modified_ns])?;
    Ok(())
}

/// Replaces segments by one that holds what lived in them.
pub(crate) fn replace(
    tx: &Tx<'_>,
    old: &[i64],
    name: &str,
    paths: &[String],
) -> Result<(), StoreError> {
    let id = add_segment(tx, name)?;
    for (slot, path) in (0_u32..).zip(paths) {
        let sql = "UPDATE file SET segment = ?2, slot = ?3 WHERE path = ?1";
        tx.execute(sql, params![path, id, slot])?;
    }
    drop_segments(tx, old)
}

/// Forgets segments of which nothing lives.
pub(crate) fn drop_segments(tx: &Tx<'_>, old: &[i64]) -> Result<(), StoreError> {
    for segment in old {
        tx.execute("DELETE FROM segment WHERE id = ?1", params![segment])?;
        tx.execute("DELETE FROM dead WHERE segment = ?1", params![segment])?;
    }
    Ok(())
}

/// Writes a fact of the whole index.
pub(crate) fn set_fact(tx: &Tx<'_>, name: &str, value: i64) -> Result<(), StoreError> {
    tx.execute("INSERT OR REPLACE INTO fact VALUES (?1, ?2)", params![name, value])?;
    Ok(())
}

/// Reads a fact of the whole index.
pub(crate) fn fact(tx: &Tx<'_>, name: &str) -> Result<Option<i64>, StoreError> {
    tx.one("SELECT value FROM fact WHERE name = ?1", params![name], |row| row.get(0))
}

/// Tells whether all files of the project were read at some time.
pub(crate) fn is_finished(tx: &Tx<'_>) -> Result<bool, StoreError> {
    let sql =
        "SELECT EXISTS(SELECT 1 FROM file) AND NOT EXISTS(SELECT 1 FROM fact WHERE name = ?1)";
    Ok(tx.one(sql, params![UNFINISHED], |row| row.get(0))?.unwrap_or(false))
}

/// Notes whether all files of the project were read at some time.
pub(crate) fn set_finished(tx: &Tx<'_>, is_finished: bool) -> Result<(), StoreError> {
    match is_finished {
        true => tx.execute("DELETE FROM fact WHERE name = ?1", params![UNFINISHED]).map(|_| ()),
        false => set_fact(tx, UNFINISHED, 1),
    }
}

/// Returns the files that were not read, each with the reason, by path.
pub(crate) fn noted(tx: &Tx<'_>) -> Result<Vec<(String, String)>, StoreError> {
    let sql = "SELECT path, note FROM file WHERE note IS NOT NULL ORDER BY path";
    tx.all(sql, params![], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// Returns the first `most` paths of files that were not read for one of two reasons.
pub(crate) fn noted_as(
    tx: &Tx<'_>,
    [one, other]: &[&str; 2],
    most: i64,
) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT path FROM file WHERE note IN (?1, ?2) ORDER BY path LIMIT ?3";
    tx.all(sql, params![one, other, most], |row| row.get(0))
}

/// Returns why files were not read, each reason with its count.
pub(crate) fn notes(tx: &Tx<'_>) -> Result<Vec<(String, u64)>, StoreError> {
    let sql = "SELECT note, count(*) FROM file WHERE note IS NOT NULL GROUP BY note ORDER BY note";
    tx.all(sql, params![], |row| Ok((row.get(0)?, count(row.get(1)?))))
}

fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
