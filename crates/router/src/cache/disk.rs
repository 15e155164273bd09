//! Kept answers in the database.

use std::path::Path;

use distiq_base::Money;
use distiq_store::{Database, Row, Schema, SqlError, StoreError, Tx, params};

use super::CacheOptions;
use super::asked::Key;
use super::kept::{CacheStats, Entry, Job};

/// `sum` is a hash of what was kept, so that what was damaged or changed since is no answer.
static ANSWERS: Schema = Schema {
    name: "cache",
    steps: &["CREATE TABLE answer(
        id TEXT PRIMARY KEY,
        key BLOB NOT NULL UNIQUE,
        form BLOB,
        question TEXT,
        owner TEXT NOT NULL,
        model TEXT NOT NULL,
        at_ms INTEGER NOT NULL,
        used_ms INTEGER NOT NULL,
        hits INTEGER NOT NULL DEFAULT 0,
        cost INTEGER,
        bytes INTEGER NOT NULL,
        body TEXT NOT NULL,
        sum BLOB NOT NULL
    ) STRICT;
    CREATE INDEX answer_form ON answer(form, used_ms) WHERE form IS NOT NULL;
    CREATE INDEX answer_used ON answer(used_ms, bytes);
    CREATE INDEX answer_at ON answer(at_ms);"],
};

const COLUMNS: &str = "id, key, form, question, owner, model, at_ms, body, sum";
/// Most answers to questions of one form that are looked at.
const MOST_OF_A_FORM: i64 = 8;

pub(super) fn open(path: &Path) -> Result<Database, StoreError> {
    Database::open(path, &ANSWERS)
}

/// Opens the database; one that is damaged is made anew, since it holds nothing that cannot be had again.
pub(super) fn open_or_replace(path: &Path) -> Option<Database> {
    match open(path) {
        Ok(db) => Some(db),
        Err(StoreError::Corrupt { .. }) => {
            for ending in ["", "-wal", "-shm"] {
                let mut file = path.as_os_str().to_owned();
                file.push(ending);
                let _ = std::fs::remove_file(file);
            }
            open(path).ok()
        }
        Err(_) => None,
    }
}

pub(super) fn by_key(db: &Database, key: &Key) -> Result<Option<Entry>, StoreError> {
    let sql = const_format(COLUMNS, "WHERE key = ?1");
    let found = db.read(|tx| tx.one(&sql, params![key], read))?;
    Ok(found.and_then(Checked::entry))
}

pub(super) fn by_form(db: &Database, form: &Key) -> Result<Vec<Entry>, StoreError> {
    let sql = const_format(COLUMNS, "WHERE form = ?1 ORDER BY used_ms DESC LIMIT ?2");
    let found = db.read(|tx| tx.all(&sql, params![form, MOST_OF_A_FORM], read))?;
    Ok(found.into_iter().filter_map(Checked::entry).collect())
}

fn const_format(columns: &str, rest: &str) -> String {
    format!("SELECT {columns} FROM answer {rest}")
}

/// Does jobs in one transaction.
pub(super) fn write(db: &Database, jobs: &[Job]) -> Result<(), StoreError> {
    db.write(|tx| {
        for job in jobs {
            match job {
                Job::Keep(entry) => insert(tx, entry)?,
                Job::Used(id, now_ms) => {
                    let sql = "UPDATE answer SET used_ms = max(used_ms, ?2), hits = hits + 1 WHERE id = ?1";
                    tx.execute(sql, params![id, now_ms])?;
                }
                Job::Drop(id) => {
                    tx.execute("DELETE FROM answer WHERE id = ?1", params![id])?;
                }
            }
        }
        Ok(())
    })
}

fn insert(tx: &Tx<'_>, entry: &Entry) -> Result<(), StoreError> {
    let cost = serde_json::from_str::<super::Kept>(&entry.body).ok().and_then(|kept| kept.cost);
    let bytes = entry.body.len() + entry.question.as_ref().map_or(0, String::len) + 200;
    let sql = "INSERT OR REPLACE INTO answer
        (id, key, form, question, owner, model, at_ms, used_ms, cost, bytes, body, sum)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8, ?9, ?10, ?11)";
    let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
    tx.execute(
        sql,
        params![
            entry.id,
            entry.key,
            entry.form,
            entry.question,
            entry.owner,
            entry.model,
            entry.at_ms,
            cost.map(Money::nanos),
            bytes,
            entry.body,
            sum(entry)
        ],
    )?;
    Ok(())
}

/// Removes what is too old, and what was used longest ago where the bounds are passed.
pub(super) fn trim(db: &Database, options: &CacheOptions, now_ms: i64) -> Result<(), StoreError> {
    db.write(|tx| {
        let oldest = now_ms.saturating_sub(options.ttl_ms);
        tx.execute("DELETE FROM answer WHERE at_ms < ?1", params![oldest])?;
        let sums = "SELECT count(*), coalesce(sum(bytes), 0) FROM answer";
        let (mut entries, mut bytes): (u64, u64) = tx
            .one(sums, params![], |row| Ok((number(row, 0)?, number(row, 1)?)))?
            .unwrap_or_default();
        while entries > options.max_entries || bytes > options.max_bytes {
            // A part at a time, so that few bounds are passed again at once.
            let part = i64::try_from((entries / 20).max(1)).unwrap_or(i64::MAX);
            let sql =
                "DELETE FROM answer WHERE id IN (SELECT id FROM answer ORDER BY used_ms LIMIT ?1)";
            if tx.execute(sql, params![part])? == 0 {
                break;
            }
            (entries, bytes) = tx
                .one(sums, params![], |row| Ok((number(row, 0)?, number(row, 1)?)))?
                .unwrap_or_default();
        }
        Ok(())
    })
}

pub(super) fn stats(db: &Database) -> Result<CacheStats, StoreError> {
    let sql = "SELECT count(*), coalesce(sum(bytes), 0), coalesce(sum(hits), 0),
        coalesce(sum(hits * coalesce(cost, 0)), 0), min(at_ms) FROM answer";
    let found = db.read(|tx| {
        tx.one(sql, params![], |row| {
            Ok(CacheStats {
                entries: number(row, 0)?,
                bytes: number(row, 1)?,
                hits: number(row, 2)?,
                saved_nanousd: Money::from_nanos(row.get(3)?),
                oldest_ms: row.get(4)?,
            })
        })
    });
    found.map(Option::unwrap_or_default)
}

pub(super) fn evict(db: &Database, id: &str) -> Result<bool, StoreError> {
    let count = db.write(|tx| tx.execute("DELETE FROM answer WHERE id = ?1", params![id]));
    Ok(count? > 0)
}

pub(super) fn clear(db: &Database) -> Result<u64, StoreError> {
    Ok(db.write(|tx| tx.execute("DELETE FROM answer", params![]))? as u64)
}

fn number(row: &Row<'_>, at: usize) -> Result<u64, SqlError> {
    Ok(u64::try_from(row.get::<_, i64>(at)?).unwrap_or_default())
}

/// An entry and the hash that was kept of it.
struct Checked(Entry, Vec<u8>);

impl Checked {
    fn entry(self) -> Option<Entry> {
        (sum(&self.0) == self.1).then_some(self.0)
    }
}

fn read(row: &Row<'_>) -> Result<Checked, SqlError> {
    let entry = Entry {
        id: row.get(0)?,
        key: row.get(1)?,
        form: row.get(2)?,
        question: row.get(3)?,
        owner: row.get(4)?,
        model: row.get(5)?,
        at_ms: row.get(6)?,
        body: row.get(7)?,
    };
    Ok(Checked(entry, row.get(8)?))
}

fn sum(entry: &Entry) -> Vec<u8> {
    let mut hash = blake3::Hasher::new();
    for part in [
        entry.id.as_bytes(),
        &entry.key,
        entry.form.as_ref().map_or(&[][..], |form| &form[..]),
        entry.question.as_deref().unwrap_or_default().as_bytes(),
        entry.owner.as_bytes(),
        entry.model.as_bytes(),
        &entry.at_ms.to_le_bytes(),
        entry.body.as_bytes(),
    ] {
        hash.update(&(part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().as_bytes().to_vec()
}
