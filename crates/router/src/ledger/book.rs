//! What is done inside one transaction: opening a row, settling it, summing what is spent.

use distiq_base::{Money, Usage};
use distiq_store::{StoreError, Tx, Value, params};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::journal::record::Redirect;
use super::limits::{Alert, LimitScope, Limits, Room};
use super::owner::{Life, Owner, UNKNOWN_OWNER_MS};
use super::rows::{FinalRow, Opening, Progress, Savings};
use super::schema::QUARTER_MS;
use super::{count, period};

/// Whose spending is summed, and when.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub session: Option<String>,
    pub run: Option<String>,
    pub key: Option<String>,
    pub project: Option<String>,
    pub at: Timestamp,
    pub zone: TimeZone,
}

impl Account {
    fn start(&self, scope: LimitScope) -> i64 {
        let (start, _) = match scope {
            LimitScope::Month | LimitScope::KeyMonth | LimitScope::ProjectMonth => {
                period::month(self.at, &self.zone)
            }
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
        LimitScope::ProjectDay | LimitScope::ProjectMonth => {
            spent_on(tx, account.start(scope), account.project.as_deref())
        }
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

/// Sums a project's rows, by their index: few limit projects, so that no sums run for them.
fn spent_on(tx: &Tx<'_>, start_ms: i64, project: Option<&str>) -> Result<Money, StoreError> {
    let Some(project) = project else { return Ok(Money::ZERO) };
    let sql = "SELECT sum(cost) FROM request INDEXED BY request_project
               WHERE project = ?1 AND at_ms >= ?2 AND state <> 'open'";
    let nanos = tx.one(sql, params![project, start_ms], |row| row.get::<_, Option<i64>>(0))?;
    Ok(Money::from_nanos(nanos.flatten().unwrap_or(0)))
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
        LimitScope::ProjectDay | LimitScope::ProjectMonth => {
            ("at_ms >= ?1 AND project = ?2", account.start(scope).into())
        }
    };
    // Through the index of open rows: the few under way, not a session's thousands.
    let sql = format!("{OPEN} AND +{condition}");
    let read = |row: &distiq_store::Row<'_>| row.get::<_, Option<i64>>(0);
    let owner = if condition.contains("key") { &account.key } else { &account.project };
    let nanos = match condition.contains("?2") {
        true => tx.one(&sql, params![value, owner], read)?,
        false => tx.one(&sql, params![value], read)?,
    };
    Ok(Money::from_nanos(nanos.flatten().unwrap_or(0)))
}

/// Writes the row of a request, with what is known of it besides; returns whether it is new.
pub(crate) fn insert(
    tx: &Tx<'_>,
    opening: &Opening<'_>,
    progress: Option<&Progress>,
    end: Option<&FinalRow>,
    owner: &Owner,
) -> Result<bool, StoreError> {
    let nothing = FinalRow::default();
    let (row, is_over) = (end.unwrap_or(&nothing), end.is_some());
    let usage = match (end, progress) {
        (None, Some(progress)) => &progress.usage,
        _ => &row.usage,
    };
    let nanos = |money: Option<Money>| money.map(Money::nanos);
    let savings = &row.savings;
    let inserted = tx.execute(
        "INSERT INTO request(id, at_ms, session, project, run, key, kind, provider, model, tier,
             route, reasons, scope, reserved, estimate, state, pid, process, owner, client,
             input, cache_read, cache_write, cache_write_long, output, reasoning, cost, latency_ms,
             first_token_ms, attempts, stop, error, baseline_premium, baseline_append_only,
             saved_route, saved_prompt_cache, saved_response_cache, saved_compression,
             saved_zero_token, saved_context, node, fallbacks, status)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,
             ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34,
             ?35, ?36, ?37, ?38, ?39, ?40, ?41, ?42, ?43)
         ON CONFLICT(id) DO NOTHING",
        params![
            opening.id,
            opening.at_ms,
            opening.session,
            opening.project,
            opening.run,
            opening.key,
            opening.kind,
            opening.provider,
            opening.model,
            opening.tier,
            opening.route,
            opening.reasons,
            opening.scope,
            nanos(opening.reserved),
            nanos(progress.and_then(|progress| progress.cost).or(opening.estimate)),
            end.map_or("open", state_of),
            owner.pid,
            owner.process,
            opening.owner,
            opening.client,
            count(usage.input),
            count(usage.cache_read),
            count(usage.cache_write),
            count(usage.cache_write_long),
            count(usage.output),
            count(usage.reasoning),
            nanos(row.cost),
            is_over.then(|| count(row.latency_ms)),
            row.first_token_ms.map(count),
            row.attempts,
            row.stop,
            row.error,
            nanos(savings.baseline_premium),
            nanos(savings.baseline_append_only),
            nanos(savings.route),
            nanos(savings.prompt_cache),
            nanos(savings.response_cache),
            nanos(savings.compression),
            nanos(savings.zero_token),
            nanos(savings.context),
            row.node,
            row.fallbacks,
            row.status,
        ],
    )?;
    Ok(inserted > 0)
}

const fn state_of(row: &FinalRow) -> &'static str {
    if row.estimated { "estimated" } else { "final" }
}

/// Says where a request under way has gone instead.
pub(crate) fn redirect(tx: &Tx<'_>, to: &Redirect<'_>) -> Result<(), StoreError> {
    let sql = "UPDATE request SET provider = ?2, model = ?3, tier = ?4, reserved = ?5
               WHERE id = ?1 AND state = 'open'";
    tx.execute(sql, params![to.id, to.provider, to.model, to.tier, to.reserved.map(Money::nanos)])?;
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
pub(crate) struct Settled {
    at_ms: i64,
    session: Option<String>,
    run: Option<String>,
    key: Option<String>,
    project: Option<String>,
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
    let Some((settled, change)) = settle(tx, id, row)? else { return Ok(None) };
    add(tx, &settled, change)?;
    let account = Account {
        at: Timestamp::from_millisecond(settled.at_ms).unwrap_or_default(),
        session: settled.session,
        run: settled.run,
        key: settled.key,
        project: settled.project,
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

/// Writes the end of a request into its row; returns what its sums change by, or `None` where no such row is.
pub(crate) fn settle(
    tx: &Tx<'_>,
    id: &str,
    row: &FinalRow,
) -> Result<Option<(Settled, Money)>, StoreError> {
    let Some(settled) = find(tx, id)? else { return Ok(None) };
    write_end(tx, id, row)?;
    let change = row.cost.unwrap_or(Money::ZERO).minus(settled.counted);
    Ok(Some((settled, change)))
}

fn find(tx: &Tx<'_>, id: &str) -> Result<Option<Settled>, StoreError> {
    let sql = "SELECT at_ms, session, run, iif(state = 'open', 0, coalesce(cost, 0)), key,
                      project
               FROM request WHERE id = ?1";
    tx.one(sql, params![id], |row| {
        Ok(Settled {
            at_ms: row.get(0)?,
            session: row.get(1)?,
            run: row.get(2)?,
            counted: Money::from_nanos(row.get(3)?),
            key: row.get(4)?,
            project: row.get(5)?,
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
            state_of(row),
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
    settled.sums().try_for_each(|sum| sum.add(tx, change))
}

impl Settled {
    /// Returns the running sums that it is part of.
    pub fn sums(&self) -> impl Iterator<Item = Sum<'_>> {
        let Self { at_ms, session, run, key, .. } = self;
        Sum::all(*at_ms, key.as_deref(), session.as_deref(), run.as_deref())
    }
}

/// A running sum that a request is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Sum<'a> {
    /// Everybody's, in a quarter of an hour.
    Quarter(i64),
    /// A key's, in a quarter of an hour.
    Key(&'a str, i64),
    Session(&'a str),
    Run(&'a str),
}

impl<'a> Sum<'a> {
    /// Returns those of a request.
    pub fn all(
        at_ms: i64,
        key: Option<&'a str>,
        session: Option<&'a str>,
        run: Option<&'a str>,
    ) -> impl Iterator<Item = Self> {
        let quarter = at_ms.div_euclid(QUARTER_MS);
        let of_key = key.map(|key| Sum::Key(key, quarter));
        [Some(Sum::Quarter(quarter)), of_key, session.map(Sum::Session), run.map(Sum::Run)]
            .into_iter()
            .flatten()
    }

    /// Adds to it.
    pub fn add(self, tx: &Tx<'_>, change: Money) -> Result<(), StoreError> {
        if change == Money::ZERO {
            return Ok(());
        }
        let sql = "INSERT INTO spent VALUES (?1, ?2, ?3)
                   ON CONFLICT DO UPDATE SET nanos = nanos + excluded.nanos";
        let nanos = change.nanos();
        match self {
            Sum::Quarter(quarter) => tx.execute(sql, params![QUARTER, quarter, nanos]),
            Sum::Key(key, quarter) => tx.execute(sql, params![key_scope(key), quarter, nanos]),
            Sum::Session(name) => tx.execute(sql, params!["session", name, nanos]),
            Sum::Run(name) => tx.execute(sql, params!["run", name, nanos]),
        }?;
        Ok(())
    }
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
