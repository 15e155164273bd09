//! What is done inside one transaction: opening a row, settling it, summing what is spent.

use distiq_base::{Money, Usage};
use distiq_store::{StoreError, Tx, Value, params};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::limits::{Alert, LimitScope, Limits, Room};
use super::owner::{Life, Owner, UNKNOWN_OWNER_MS};
use super::rows::{FinalRow, OpenRow, Progress, Savings};
use super::schema::QUARTER_MS;
use super::{count, period};

/// Whose spending is summed, and when.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub session: Option<String>,
    pub run: Option<String>,
    pub key: Option<String>,
    pub at: Timestamp,
    pub zone: TimeZone,
}

impl Account {
    fn start(&self, scope: LimitScope) -> i64 {
        let (start, _) = match scope {
            LimitScope::Month | LimitScope::KeyMonth => period::month(self.at, &self.zone),
            _ => period::day(self.at, &self.zone),
        };
        start.as_millisecond()
    }
}

/// Returns every limit that is set with what is spent and reserved of it.
pub(crate) fn rooms(
    tx: &Tx<'_>,
    account: &Account,
    limits: &Limits,
) -> Result<Vec<Room>, StoreError> {
    limits
        .set()
        .map(|(scope, limit)| {
            let spent = spent(tx, account, scope)?.plus(reserved(tx, account, scope)?);
            Ok(Room { scope, limit, spent })
        })
        .collect()
}

/// Returns the cost of all requests of the scope that are over.
pub(crate) fn spent(
    tx: &Tx<'_>,
    account: &Account,
    scope: LimitScope,
) -> Result<Money, StoreError> {
    match scope {
        LimitScope::Run => spent_by(tx, "run", account.run.as_deref()),
        LimitScope::Session => spent_by(tx, "session", account.session.as_deref()),
        LimitScope::Day | LimitScope::Month => spent_since(tx, account.start(scope), None),
        LimitScope::KeyDay | LimitScope::KeyMonth => match account.key.as_deref() {
            Some(key) => spent_since(tx, account.start(scope), Some(key)),
            None => Ok(Money::ZERO),
        },
    }
}

fn spent_by(tx: &Tx<'_>, scope: &str, name: Option<&str>) -> Result<Money, StoreError> {
    let sql = "SELECT nanos FROM spent WHERE scope = ?1 AND name = ?2";
    let nanos = tx.one(sql, params![scope, name], |row| row.get(0))?;
    Ok(Money::from_nanos(nanos.unwrap_or(0)))
}

/// Sums whole quarters of an hour, of one key or of all; where a zone's day begins within one, its
/// rows are read.
fn spent_since(tx: &Tx<'_>, start_ms: i64, key: Option<&str>) -> Result<Money, StoreError> {
    let first = start_ms.div_euclid(QUARTER_MS) + i64::from(start_ms.rem_euclid(QUARTER_MS) > 0);
    let sum = |sql, scope: Option<&str>, from: i64, to: i64| {
        let nanos = tx.one(sql, params![from, to, scope], |row| row.get::<_, Option<i64>>(0))?;
        Ok::<_, StoreError>(Money::from_nanos(nanos.flatten().unwrap_or(0)))
    };
    let scope = key.map_or_else(|| QUARTER.to_owned(), key_scope);
    let whole = sum(
        "SELECT sum(nanos) FROM spent WHERE scope = ?3 AND name >= ?1 AND name < ?2",
        Some(&scope),
        first,
        i64::MAX,
    )?;
    if start_ms == first.saturating_mul(QUARTER_MS) {
        return Ok(whole);
    }
    let part = sum(
        "SELECT sum(cost) FROM request WHERE at_ms >= ?1 AND at_ms < ?2 AND state <> 'open'
             AND (?3 IS NULL OR key = ?3)",
        key,
        start_ms,
        first.saturating_mul(QUARTER_MS),
    )?;
    Ok(whole.plus(part))
}

/// The running sums of everybody, by quarter of an hour.
const QUARTER: &str = "quarter";

/// Returns the name of a key's running sums.
fn key_scope(key: &str) -> String {
    format!("key/{key}")
}

/// Returns what is set aside for the scope's requests under way.
fn reserved(tx: &Tx<'_>, account: &Account, scope: LimitScope) -> Result<Money, StoreError> {
    const OPEN: &str = "SELECT sum(reserved) FROM request WHERE state = 'open'";
    let (condition, value) = match scope {
        LimitScope::Run => ("run = ?1", Value::from(account.run.clone())),
        LimitScope::Session => ("session = ?1", Value::from(account.session.clone())),
        LimitScope::Day | LimitScope::Month => ("at_ms >= ?1", account.start(scope).into()),
        LimitScope::KeyDay | LimitScope::KeyMonth => {
            ("at_ms >= ?1 AND key = ?2", account.start(scope).into())
        }
    };
    // Through the index of open rows: the few under way, not a session's thousands.
    let sql = format!("{OPEN} AND +{condition}");
    let read = |row: &distiq_store::Row<'_>| row.get::<_, Option<i64>>(0);
    let nanos = match condition.contains("?2") {
        true => tx.one(&sql, params![value, account.key], read)?,
        false => tx.one(&sql, params![value], read)?,
    };
    Ok(Money::from_nanos(nanos.flatten().unwrap_or(0)))
}

/// Writes the row of a request that is about to be sent.
pub(crate) fn open(
    tx: &Tx<'_>,
    row: &OpenRow,
    at: Timestamp,
    reserved: Option<Money>,
    owner: &Owner,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO request(id, at_ms, session, project, run, key, kind, provider, model, tier,
             route, reasons, scope, reserved, estimate, state, pid, process, owner, client)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, 'open', ?16, ?17,
             ?18, ?19)",
        params![
            row.id.as_str(),
            at.as_millisecond(),
            row.session.as_ref().map(|session| session.as_str()),
            row.project,
            row.run,
            row.key,
            row.kind.as_str(),
            row.provider,
            row.model,
            row.tier,
            row.route,
            json(&row.reasons),
            json(&row.scope.0),
            reserved.map(Money::nanos),
            row.estimate.map(Money::nanos),
            owner.pid,
            owner.process,
            row.owner,
            row.client,
        ],
    )?;
    Ok(())
}

/// Says where a request under way has gone instead.
pub(crate) fn redirect(tx: &Tx<'_>, row: &OpenRow) -> Result<(), StoreError> {
    let sql = "UPDATE request SET provider = ?2, model = ?3, tier = ?4
               WHERE id = ?1 AND state = 'open'";
    tx.execute(sql, params![row.id.as_str(), row.provider, row.model, row.tier])?;
    Ok(())
}

/// Changes what is set aside for a request under way.
pub(crate) fn set_reserved(
    tx: &Tx<'_>,
    id: &str,
    reserved: Option<Money>,
) -> Result<(), StoreError> {
    let sql = "UPDATE request SET reserved = ?2 WHERE id = ?1 AND state = 'open'";
    tx.execute(sql, params![id, reserved.map(Money::nanos)])?;
    Ok(())
}

fn json(texts: &[String]) -> String {
    serde_json::Value::from(texts).to_string()
}

/// Keeps what is known so far of a request under way.
pub(crate) fn progress(tx: &Tx<'_>, id: &str, progress: &Progress) -> Result<(), StoreError> {
    let Usage { input, cache_read, cache_write, cache_write_long, output, reasoning, .. } =
        progress.usage;
    tx.execute(
        "UPDATE request SET input = ?2, cache_read = ?3, cache_write = ?4, cache_write_long = ?5,
             output = ?6, reasoning = ?7, estimate = coalesce(?8, estimate)
         WHERE id = ?1 AND state = 'open'",
        params![
            id,
            count(input),
            count(cache_read),
            count(cache_write),
            count(cache_write_long),
            count(output),
            count(reasoning),
            progress.cost.map(Money::nanos),
        ],
    )?;
    Ok(())
}

/// What settling a row needs to know of it.
struct Settled {
    at_ms: i64,
    session: Option<String>,
    run: Option<String>,
    key: Option<String>,
    /// What the sums hold for it already.
    counted: Money,
}

/// Writes the end of a request and tells which limits it brought near; `None` where no such row
/// is.
///
/// A row that was closed as another process's leftover is settled anew: the truth came late.
pub(crate) fn finish(
    tx: &Tx<'_>,
    id: &str,
    row: &FinalRow,
    limits: &Limits,
    zone: &TimeZone,
) -> Result<Option<Vec<Alert>>, StoreError> {
    let Some(settled) = find(tx, id)? else { return Ok(None) };
    write_end(tx, id, row)?;
    let change = row.cost.unwrap_or(Money::ZERO).minus(settled.counted);
    add(tx, &settled, change)?;
    let account = Account {
        at: Timestamp::from_millisecond(settled.at_ms).unwrap_or_default(),
        session: settled.session,
        run: settled.run,
        key: settled.key,
        zone: zone.clone(),
    };
    let mut alerts = Vec::new();
    for (scope, limit) in limits.set() {
        let Some(threshold) = limits.threshold(limit) else { continue };
        let spent = spent(tx, &account, scope)?;
        if spent >= threshold && spent.minus(change) < threshold {
            alerts.push(Alert { scope, limit, spent });
        }
    }
    Ok(Some(alerts))
}

fn find(tx: &Tx<'_>, id: &str) -> Result<Option<Settled>, StoreError> {
    let sql = "SELECT at_ms, session, run, iif(state = 'open', 0, coalesce(cost, 0)), key
               FROM request WHERE id = ?1";
    tx.one(sql, params![id], |row| {
        Ok(Settled {
            at_ms: row.get(0)?,
            session: row.get(1)?,
            run: row.get(2)?,
            counted: Money::from_nanos(row.get(3)?),
            key: row.get(4)?,
        })
    })
}

fn write_end(tx: &Tx<'_>, id: &str, row: &FinalRow) -> Result<(), StoreError> {
    let Usage { input, cache_read, cache_write, cache_write_long, output, reasoning, .. } =
        row.usage;
    let nanos = |money: Option<Money>| money.map(Money::nanos);
    let Savings {
        baseline_premium,
        baseline_append_only,
        route,
        prompt_cache,
        response_cache,
        compression,
        zero_token,
        context,
    } = row.savings;
    tx.execute(
        "UPDATE request SET input = ?2, cache_read = ?3, cache_write = ?4, cache_write_long = ?5,
             output = ?6, reasoning = ?7, cost = ?8, state = ?9, latency_ms = ?10,
             first_token_ms = ?11, attempts = ?12, stop = ?13, error = ?14, baseline_premium = ?15,
             baseline_append_only = ?16, saved_route = ?17, saved_prompt_cache = ?18,
             saved_response_cache = ?19, saved_compression = ?20, saved_zero_token = ?21,
             saved_context = ?22, node = ?23, fallbacks = ?24, status = ?25
         WHERE id = ?1",
        params![
            id,
            count(input),
            count(cache_read),
            count(cache_write),
            count(cache_write_long),
            count(output),
            count(reasoning),
            nanos(row.cost),
            if row.estimated { "estimated" } else { "final" },
            count(row.latency_ms),
            row.first_token_ms.map(count),
            row.attempts,
            row.stop,
            row.error,
            nanos(baseline_premium),
            nanos(baseline_append_only),
            nanos(route),
            nanos(prompt_cache),
            nanos(response_cache),
            nanos(compression),
            nanos(zero_token),
            nanos(context),
            row.node,
            row.fallbacks,
            row.status,
        ],
    )?;
    Ok(())
}

fn add(tx: &Tx<'_>, settled: &Settled, change: Money) -> Result<(), StoreError> {
    if change == Money::ZERO {
        return Ok(());
    }
    let quarter = Value::from(settled.at_ms.div_euclid(QUARTER_MS));
    let key = settled.key.as_deref().map(key_scope);
    let names = [
        (QUARTER, Some(quarter.clone())),
        (key.as_deref().unwrap_or_default(), key.is_some().then_some(quarter)),
        ("session", settled.session.clone().map(Value::from)),
        ("run", settled.run.clone().map(Value::from)),
    ];
    for (scope, name) in names {
        let Some(name) = name else { continue };
        tx.execute(
            "INSERT INTO spent VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET nanos = nanos + excluded.nanos",
            params![scope, name, change.nanos()],
        )?;
    }
    Ok(())
}

/// A row that is open.
pub(crate) struct OpenOne {
    id: String,
    at_ms: i64,
    owner: Owner,
}

/// Returns the open rows.
pub(crate) fn open_rows(tx: &Tx<'_>) -> Result<Vec<OpenOne>, StoreError> {
    let sql = "SELECT id, at_ms, pid, process FROM request WHERE state = 'open'";
    tx.all(sql, params![], |row| {
        Ok(OpenOne {
            id: row.get(0)?,
            at_ms: row.get(1)?,
            owner: Owner { pid: row.get(2)?, process: row.get(3)? },
        })
    })
}

/// Tells which of the rows were left by processes that died.
pub(crate) fn left_behind(rows: Vec<OpenOne>, me: &Owner, now_ms: i64) -> Vec<String> {
    rows.into_iter()
        .filter(|row| match me.life_of(&row.owner) {
            Life::Alive => false,
            Life::Dead => true,
            Life::Unknown => now_ms.saturating_sub(row.at_ms) > UNKNOWN_OWNER_MS,
        })
        .map(|row| row.id)
        .collect()
}

/// Closes rows that nobody will finish: their cost is what was last known of it, or what was
/// estimated before the send.
pub(crate) fn close_left_behind(tx: &Tx<'_>, ids: &[String]) -> Result<(), StoreError> {
    for id in ids {
        let Some(settled) = find(tx, id)? else { continue };
        let sql = "UPDATE request SET state = 'estimated', cost = estimate, error = 'killed'
                   WHERE id = ?1 AND state = 'open' RETURNING cost";
        let cost = tx.one(sql, params![id], |row| row.get::<_, Option<i64>>(0))?;
        if let Some(cost) = cost.flatten() {
            add(tx, &settled, Money::from_nanos(cost))?;
        }
    }
    Ok(())
}
