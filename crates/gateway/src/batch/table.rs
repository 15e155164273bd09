//! Batches in the database.

use distiq_base::RequestId;
use distiq_store::{Database, Row, SqlError, StoreError, params};
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

/// A batch and how far it is.
pub(super) struct Batch {
    pub id: String,
    pub key: String,
    at: Timestamp,
    cancelled: bool,
    ended: Option<Timestamp>,
    waiting: i64,
    succeeded: i64,
    errored: i64,
    canceled: i64,
}

const SELECT: &str = "SELECT id, key, at_ms, cancelled, ended_ms, \
    (SELECT count(*) FROM batch_item i WHERE i.batch = b.id AND outcome IS NULL), \
    (SELECT count(*) FROM batch_item i WHERE i.batch = b.id AND outcome = 'succeeded'), \
    (SELECT count(*) FROM batch_item i WHERE i.batch = b.id AND outcome = 'errored'), \
    (SELECT count(*) FROM batch_item i WHERE i.batch = b.id AND outcome = 'canceled') FROM batch b";

fn read(row: &Row<'_>) -> Result<Batch, SqlError> {
    let time = |ms| Timestamp::from_millisecond(ms).unwrap_or_default();
    Ok(Batch {
        id: row.get(0)?,
        key: row.get(1)?,
        at: time(row.get(2)?),
        cancelled: row.get(3)?,
        ended: row.get::<_, Option<i64>>(4)?.map(time),
        waiting: row.get(5)?,
        succeeded: row.get(6)?,
        errored: row.get(7)?,
        canceled: row.get(8)?,
    })
}

impl Batch {
    /// Returns it in Anthropic's form.
    pub fn json(&self) -> Value {
        let status = match (self.ended, self.cancelled) {
            (Some(_), _) => "ended",
            (None, true) => "canceling",
            (None, false) => "in_progress",
        };
        let results = self.ended.map(|_| format!("/v1/messages/batches/{}/results", self.id));
        json!({
            "id": self.id,
            "type": "message_batch",
            "processing_status": status,
            "request_counts": {
                "processing": self.waiting,
                "succeeded": self.succeeded,
                "errored": self.errored,
                "canceled": self.canceled,
                "expired": 0,
            },
            "created_at": self.at.to_string(),
            "expires_at": self.at.checked_add(24.hours()).unwrap_or(self.at).to_string(),
            "ended_at": self.ended.map(|at| at.to_string()),
            "cancel_initiated_at": null,
            "archived_at": null,
            "results_url": results,
        })
    }
}

pub(super) fn insert<'a>(
    db: &Database,
    key: &str,
    items: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<String, StoreError> {
    let id = format!("msgbatch_{}", RequestId::generate().as_str().replace('-', ""));
    db.write(|tx| {
        tx.execute(
            "INSERT INTO batch(id, at_ms, key, cancelled) VALUES (?1,?2,?3,0)",
            params![id, Timestamp::now().as_millisecond(), key],
        )?;
        for (number, (custom_id, request)) in items.enumerate() {
            tx.execute(
                "INSERT INTO batch_item(batch, number, custom_id, request) VALUES (?1,?2,?3,?4)",
                params![id, i64::try_from(number).unwrap_or(i64::MAX), custom_id, request],
            )?;
        }
        Ok::<_, StoreError>(())
    })?;
    Ok(id)
}

pub(super) fn get(db: &Database, id: &str) -> Result<Option<Batch>, StoreError> {
    db.read(|tx| tx.one(&format!("{SELECT} WHERE id = ?1"), params![id], read))
}

pub(super) fn list(db: &Database, key: Option<&str>, limit: u32) -> Result<Vec<Batch>, StoreError> {
    let sql = format!("{SELECT} WHERE ?1 IS NULL OR key = ?1 ORDER BY at_ms DESC LIMIT ?2");
    db.read(|tx| tx.all(&sql, params![key, limit], read))
}

pub(super) fn cancel(db: &Database, id: &str) -> Result<(), StoreError> {
    db.write(|tx| {
        let sql = "UPDATE batch SET cancelled = 1 WHERE id = ?1 AND ended_ms IS NULL";
        tx.execute(sql, params![id]).map(drop)
    })
}

pub(super) fn delete(db: &Database, id: &str) -> Result<(), StoreError> {
    db.write(|tx| tx.execute("DELETE FROM batch WHERE id = ?1", params![id]).map(drop))
}

/// Returns the results in the order of the requests, a line of JSON each.
pub(super) fn results(db: &Database, id: &str) -> Result<String, StoreError> {
    let sql = "SELECT custom_id, result FROM batch_item WHERE batch = ?1 ORDER BY number";
    let rows: Vec<(String, String)> =
        db.read(|tx| tx.all(sql, params![id], |row| Ok((row.get(0)?, row.get(1)?))))?;
    let mut lines = String::new();
    for (custom_id, result) in rows {
        lines.push_str(&format!("{{\"custom_id\":{},\"result\":{result}}}\n", json!(custom_id)));
    }
    Ok(lines)
}

/// Returns the ids of the batches that have not ended.
pub(super) fn unfinished(db: &Database) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT id FROM batch WHERE ended_ms IS NULL";
    db.read(|tx| tx.all(sql, params![], |row| row.get(0)))
}

/// Returns the next requests that have no result: number and body.
pub(super) fn waiting(
    db: &Database,
    id: &str,
    after: i64,
    limit: u32,
) -> Result<Vec<(i64, String)>, StoreError> {
    let sql = "SELECT number, request FROM batch_item WHERE batch = ?1 AND outcome IS NULL \
               AND number > ?2 ORDER BY number LIMIT ?3";
    db.read(|tx| tx.all(sql, params![id, after, limit], |row| Ok((row.get(0)?, row.get(1)?))))
}

pub(super) fn set_result(
    db: &Database,
    id: &str,
    number: i64,
    outcome: &str,
    result: &Value,
) -> Result<(), StoreError> {
    db.write(|tx| {
        let sql =
            "UPDATE batch_item SET outcome = ?3, result = ?4 WHERE batch = ?1 AND number = ?2";
        tx.execute(sql, params![id, number, outcome, result.to_string()]).map(drop)
    })
}

/// Ends a batch; what was not asked is cancelled.
pub(super) fn end(db: &Database, id: &str) -> Result<(), StoreError> {
    db.write(|tx| {
        tx.execute(
            "UPDATE batch_item SET outcome = 'canceled', result = '{\"type\":\"canceled\"}' \
             WHERE batch = ?1 AND outcome IS NULL",
            params![id],
        )?;
        let now = Timestamp::now().as_millisecond();
        tx.execute("UPDATE batch SET ended_ms = ?2 WHERE id = ?1", params![id, now]).map(drop)
    })
}

pub(super) fn is_cancelled(db: &Database, id: &str) -> Result<bool, StoreError> {
    let sql = "SELECT cancelled FROM batch WHERE id = ?1";
    Ok(db.read(|tx| tx.one(sql, params![id], |row| row.get(0)))?.unwrap_or(true))
}
