//! Keys in the database, which also holds what callers said of answers.

use distiq_base::Money;
use distiq_store::{Database, Row, Schema, SqlError, StoreError, params};
use jiff::Timestamp;

use super::Key;

/// The gateway's database.
pub(super) static SCHEMA: Schema = Schema {
    name: "gateway",
    steps: &["CREATE TABLE key(
        id TEXT PRIMARY KEY,
        hash BLOB NOT NULL,
        owner TEXT NOT NULL,
        day_nanousd INTEGER,
        month_nanousd INTEGER,
        requests_per_minute INTEGER,
        tokens_per_minute INTEGER,
        models TEXT NOT NULL,
        admin INTEGER NOT NULL,
        optimize INTEGER NOT NULL,
        created_ms INTEGER NOT NULL,
        expires_ms INTEGER,
        revoked_ms INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE feedback(
        request_id TEXT NOT NULL,
        at_ms INTEGER NOT NULL,
        key TEXT,
        score INTEGER NOT NULL,
        comment TEXT NOT NULL
    ) STRICT;
    CREATE INDEX feedback_by_request ON feedback(request_id);
    CREATE TABLE response(
        id TEXT PRIMARY KEY,
        at_ms INTEGER NOT NULL,
        key TEXT NOT NULL,
        body TEXT NOT NULL
    ) STRICT;
    CREATE INDEX response_by_time ON response(at_ms);
    CREATE TABLE batch(
        id TEXT PRIMARY KEY,
        at_ms INTEGER NOT NULL,
        key TEXT NOT NULL,
        cancelled INTEGER NOT NULL,
        ended_ms INTEGER
    ) STRICT;
    CREATE TABLE batch_item(
        batch TEXT NOT NULL REFERENCES batch(id) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        custom_id TEXT NOT NULL,
        request TEXT NOT NULL,
        result TEXT,
        outcome TEXT,
        PRIMARY KEY (batch, number)
    ) STRICT, WITHOUT ROWID;"],
};

const COLUMNS: &str = "id, hash, owner, day_nanousd, month_nanousd, requests_per_minute, \
                       tokens_per_minute, models, admin, optimize, created_ms, expires_ms, revoked_ms";

pub(super) fn insert(db: &Database, key: &Key) -> Result<(), StoreError> {
    let models = key.models.join("\n");
    db.write(|tx| {
        tx.execute(
            &format!(
                "INSERT INTO key({COLUMNS}) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13)"
            ),
            params![
                key.id,
                key.hash,
                key.owner,
                key.day_nanousd.map(Money::nanos),
                key.month_nanousd.map(Money::nanos),
                key.requests_per_minute,
                key.tokens_per_minute,
                models,
                key.admin,
                key.optimize,
                key.created.as_millisecond(),
                key.expires.map(Timestamp::as_millisecond),
                key.revoked.map(Timestamp::as_millisecond),
            ],
        )
        .map(drop)
    })
}

pub(super) fn revoke(db: &Database, id: &str, now: Timestamp) -> Result<bool, StoreError> {
    let changed = db.write(|tx| {
        tx.execute(
            "UPDATE key SET revoked_ms = coalesce(revoked_ms, ?2) WHERE id = ?1",
            params![id, now.as_millisecond()],
        )
    })?;
    Ok(changed > 0)
}

pub(super) fn all(db: &Database) -> Result<Vec<Key>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM key ORDER BY created_ms, id");
    db.read(|tx| tx.all(&sql, params![], read))
}

fn read(row: &Row<'_>) -> Result<Key, SqlError> {
    let time = |ms: Option<i64>| ms.and_then(|ms| Timestamp::from_millisecond(ms).ok());
    let models: String = row.get(7)?;
    Ok(Key {
        id: row.get(0)?,
        hash: row.get(1)?,
        owner: row.get(2)?,
        day_nanousd: row.get::<_, Option<i64>>(3)?.map(Money::from_nanos),
        month_nanousd: row.get::<_, Option<i64>>(4)?.map(Money::from_nanos),
        requests_per_minute: row.get(5)?,
        tokens_per_minute: row.get(6)?,
        models: models.lines().map(str::to_owned).collect(),
        admin: row.get(8)?,
        optimize: row.get(9)?,
        created: time(Some(row.get(10)?)).unwrap_or_default(),
        expires: time(row.get(11)?),
        revoked: time(row.get(12)?),
    })
}
