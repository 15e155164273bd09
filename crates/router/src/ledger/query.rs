//! Reading the ledger: totals and rows.

use distiq_base::{Money, RequestId, RequestKind, Scope, SessionId, Usage};
use distiq_store::{Row, SqlError, Tx, Value, params, params_from_iter};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::rows::{RequestRow, RowState, Savings};
use super::{Ledger, LedgerError, period, time};

/// Which rows. `None` is any.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)]
pub struct RowFilter {
    /// Sent at this moment or later.
    pub from: Option<Timestamp>,
    /// Sent before this moment.
    pub until: Option<Timestamp>,
    pub session: Option<SessionId>,
    pub project: Option<String>,
    pub run: Option<String>,
    pub key: Option<String>,
    pub owner: Option<String>,
    pub tier: Option<String>,
    pub kind: Option<RequestKind>,
    pub provider: Option<String>,
    pub model: Option<String>,
}

impl RowFilter {
    /// Returns the rows of a session.
    pub fn session(session: SessionId) -> Self {
        Self { session: Some(session), ..Self::default() }
    }

    /// Returns a condition and the values of its `?`s.
    pub(super) fn condition(&self) -> (String, Vec<Value>) {
        let ms = |at: Timestamp| Value::from(at.as_millisecond());
        let text = |text: &str| Value::from(text.to_owned());
        let parts = [
            ("at_ms >= ?", self.from.map(ms)),
            ("at_ms < ?", self.until.map(ms)),
            ("session = ?", self.session.as_ref().map(|id| text(id.as_str()))),
            ("project = ?", self.project.as_deref().map(text)),
            ("run = ?", self.run.as_deref().map(text)),
            ("key = ?", self.key.as_deref().map(text)),
            ("owner = ?", self.owner.as_deref().map(text)),
            ("tier = ?", self.tier.as_deref().map(text)),
            ("kind = ?", self.kind.map(|kind| text(kind.as_str()))),
            ("provider = ?", self.provider.as_deref().map(text)),
            ("model = ?", self.model.as_deref().map(text)),
        ];
        let (conditions, values): (Vec<&str>, Vec<Value>) =
            parts.into_iter().filter_map(|(condition, value)| Some((condition, value?))).unzip();
        let condition =
            if conditions.is_empty() { "1".to_owned() } else { conditions.join(" AND ") };
        (condition, values)
    }
}

/// By what totals are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum GroupBy {
    /// Not at all: one total, even of nothing.
    All,
    Provider,
    Model,
    Kind,
    Project,
    Session,
    Tier,
    Route,
    Key,
    Owner,
    Client,
    Node,
    /// Local days, named `2026-11-21`.
    Day,
    /// Local months, named `2026-11`.
    Month,
}

impl GroupBy {
    /// Returns the column, or `None` for stretches of time.
    const fn column(self) -> Option<&'static str> {
        match self {
            GroupBy::All => Some("NULL"),
            GroupBy::Provider => Some("provider"),
            GroupBy::Model => Some("model"),
            GroupBy::Kind => Some("kind"),
            GroupBy::Project => Some("project"),
            GroupBy::Session => Some("session"),
            GroupBy::Tier => Some("tier"),
            GroupBy::Route => Some("route"),
            GroupBy::Key => Some("key"),
            GroupBy::Owner => Some("owner"),
            GroupBy::Client => Some("client"),
            GroupBy::Node => Some("node"),
            GroupBy::Day | GroupBy::Month => None,
        }
    }
}

/// What a group of requests that are over adds up to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// The group's name; empty for rows that have none.
    pub name: String,
    /// Requests.
    pub requests: u64,
    /// Requests that failed or were cancelled.
    pub failed: u64,
    /// Requests whose cost is our estimate.
    pub estimated: u64,
    /// Requests without a known price; they are not part of the cost.
    pub unpriced: u64,
    /// Tokens.
    pub usage: Usage,
    /// Cost of the priced requests.
    pub cost_nanousd: Money,
    /// What the vendors' prompt caches saved against the full input price.
    pub saved_prompt_cache_nanousd: Money,
    /// What was saved, and against what.
    pub saved: Saved,
}

/// What the requests of which that is known would have cost otherwise, and what each mechanism saved:
/// the parts and what was paid add up to `baseline_premium_nanousd`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Saved {
    /// How many requests these are.
    pub requests: u64,
    /// On the premium model, or the one that was named, without any of this.
    pub baseline_premium_nanousd: Money,
    /// On that model in a plain loop that only appends, with the vendor's cache.
    pub baseline_append_only_nanousd: Money,
    /// By making conversations shorter; what that costs is taken off.
    pub context_nanousd: Money,
    /// By compressing texts.
    pub compression_nanousd: Money,
    /// By asking another model.
    pub route_nanousd: Money,
    /// By the vendors' prompt caches.
    pub prompt_cache_nanousd: Money,
    /// By answers that were kept.
    pub response_cache_nanousd: Money,
    /// By answering from the index.
    pub zero_token_nanousd: Money,
    /// What was paid for them.
    pub paid_nanousd: Money,
}

impl Saved {
    /// Adds another's.
    pub fn add(&mut self, more: &Saved) {
        self.requests += more.requests;
        for (sum, part) in [
            (&mut self.baseline_premium_nanousd, more.baseline_premium_nanousd),
            (&mut self.baseline_append_only_nanousd, more.baseline_append_only_nanousd),
            (&mut self.context_nanousd, more.context_nanousd),
            (&mut self.compression_nanousd, more.compression_nanousd),
            (&mut self.route_nanousd, more.route_nanousd),
            (&mut self.prompt_cache_nanousd, more.prompt_cache_nanousd),
            (&mut self.response_cache_nanousd, more.response_cache_nanousd),
            (&mut self.zero_token_nanousd, more.zero_token_nanousd),
            (&mut self.paid_nanousd, more.paid_nanousd),
        ] {
            *sum = sum.plus(part);
        }
    }

    /// Returns the parts with their names, in the order in which they are taken off.
    pub const fn parts(&self) -> [(&'static str, Money); 6] {
        [
            ("shorter conversations", self.context_nanousd),
            ("compressed texts", self.compression_nanousd),
            ("cheaper models", self.route_nanousd),
            ("vendors' prompt caches", self.prompt_cache_nanousd),
            ("answers that were kept", self.response_cache_nanousd),
            ("answers of the index", self.zero_token_nanousd),
        ]
    }
}

impl Ledger {
    /// Returns totals of the requests that are over: days and months in order, else the dearest
    /// first.
    ///
    /// # Errors
    /// When the database fails.
    pub fn totals(
        &self,
        filter: &RowFilter,
        by: GroupBy,
        zone: &TimeZone,
    ) -> Result<Vec<Totals>, LedgerError> {
        let mut groups = self.read(|tx| match by.column() {
            Some(column) => sums(tx, filter, column),
            None => sums_over_time(tx, filter, by, zone),
        })?;
        match by {
            GroupBy::All if groups.is_empty() => groups.push(Totals::default()),
            GroupBy::Day | GroupBy::Month => {}
            _ => groups.sort_by(|a, b| {
                b.cost_nanousd.cmp(&a.cost_nanousd).then_with(|| a.name.cmp(&b.name))
            }),
        }
        Ok(groups)
    }

    /// Returns rows, newest first, at most `limit`; open ones, too.
    ///
    /// # Errors
    /// When the database fails.
    pub fn requests(&self, filter: &RowFilter, limit: u32) -> Result<Vec<RequestRow>, LedgerError> {
        let (condition, mut values) = filter.condition();
        values.push(i64::from(limit).into());
        let sql = format!(
            "SELECT {COLUMNS} FROM request WHERE {condition} ORDER BY at_ms DESC, seq DESC LIMIT ?"
        );
        self.read(|tx| Ok(tx.all(&sql, params_from_iter(values), row)?))
    }

    /// Returns a request's row, if it is on the ledger.
    ///
    /// # Errors
    /// When the database fails.
    pub fn request(&self, id: &RequestId) -> Result<Option<RequestRow>, LedgerError> {
        let sql = format!("SELECT {COLUMNS} FROM request WHERE id = ?1");
        self.read(|tx| Ok(tx.one(&sql, params![id.as_str()], row)?))
    }

    /// Returns when the first request was sent, if there was one.
    ///
    /// # Errors
    /// When the database fails.
    pub fn first_at(&self) -> Result<Option<Timestamp>, LedgerError> {
        let sql = "SELECT min(at_ms) FROM request";
        let first = self.read(|tx| {
            tx.one(sql, params![], |row| row.get::<_, Option<i64>>(0)).map_err(LedgerError::from)
        })?;
        Ok(first.flatten().map(time))
    }
}

fn sums(tx: &Tx<'_>, filter: &RowFilter, column: &str) -> Result<Vec<Totals>, LedgerError> {
    let (condition, values) = filter.condition();
    let sql = format!(
        "SELECT {column}, count(*), count(error), sum(state = 'estimated'), sum(cost IS NULL),
             total(input), total(cache_read), total(cache_write), total(cache_write_long),
             total(output), total(reasoning), coalesce(sum(cost), 0),
             coalesce(sum(saved_prompt_cache), 0), count(baseline_premium),
             coalesce(sum(baseline_premium), 0), coalesce(sum(baseline_append_only), 0),
             coalesce(sum(saved_context), 0), coalesce(sum(saved_compression), 0),
             coalesce(sum(saved_route), 0),
             coalesce(sum(saved_prompt_cache) FILTER (WHERE baseline_premium IS NOT NULL), 0),
             coalesce(sum(saved_response_cache), 0), coalesce(sum(saved_zero_token), 0),
             coalesce(sum(cost) FILTER (WHERE baseline_premium IS NOT NULL), 0)
         FROM request WHERE state <> 'open' AND {condition} GROUP BY 1"
    );
    Ok(tx.all(&sql, params_from_iter(values), total)?)
}

/// Sums one local day or month after the other, by the index on time; empty ones are skipped.
fn sums_over_time(
    tx: &Tx<'_>,
    filter: &RowFilter,
    by: GroupBy,
    zone: &TimeZone,
) -> Result<Vec<Totals>, LedgerError> {
    let mut groups = Vec::new();
    let mut rest = filter.clone();
    loop {
        let (condition, values) = rest.condition();
        let sql = format!("SELECT min(at_ms) FROM request WHERE state <> 'open' AND {condition}");
        let first = tx.one(&sql, params_from_iter(values), |row| row.get::<_, Option<i64>>(0))?;
        let Some(first) = first.flatten().map(time) else { return Ok(groups) };
        let ((_, end), format) = match by {
            GroupBy::Month => (period::month(first, zone), "%Y-%m"),
            _ => (period::day(first, zone), "%Y-%m-%d"),
        };
        if end <= first {
            // The end of time.
            return Ok(groups);
        }
        let name = first.to_zoned(zone.clone()).strftime(format).to_string();
        let until = filter.until.map_or(end, |until| until.min(end));
        let span = RowFilter { from: Some(first), until: Some(until), ..rest };
        groups.extend(
            sums(tx, &span, "NULL")?.into_iter().map(|t| Totals { name: name.clone(), ..t }),
        );
        rest = RowFilter { from: Some(end), until: filter.until, ..span };
    }
}

fn total(row: &Row<'_>) -> Result<Totals, SqlError> {
    // Sums of counts are floats in SQL so that they cannot overflow; exact up to 2^53.
    let tokens = |index| Ok::<_, SqlError>(row.get::<_, f64>(index)? as u64);
    let money = |index| Ok::<_, SqlError>(Money::from_nanos(row.get(index)?));
    Ok(Totals {
        name: row.get::<_, Option<String>>(0)?.unwrap_or_default(),
        requests: unsigned(row.get(1)?),
        failed: unsigned(row.get(2)?),
        estimated: unsigned(row.get(3)?),
        unpriced: unsigned(row.get(4)?),
        usage: Usage {
            input: tokens(5)?,
            cache_read: tokens(6)?,
            cache_write: tokens(7)?,
            cache_write_long: tokens(8)?,
            output: tokens(9)?,
            reasoning: tokens(10)?,
            cost: None,
        },
        cost_nanousd: money(11)?,
        saved_prompt_cache_nanousd: money(12)?,
        saved: Saved {
            requests: unsigned(row.get(13)?),
            baseline_premium_nanousd: money(14)?,
            baseline_append_only_nanousd: money(15)?,
            context_nanousd: money(16)?,
            compression_nanousd: money(17)?,
            route_nanousd: money(18)?,
            prompt_cache_nanousd: money(19)?,
            response_cache_nanousd: money(20)?,
            zero_token_nanousd: money(21)?,
            paid_nanousd: money(22)?,
        },
    })
}

const COLUMNS: &str = "id, at_ms, session, project, run, key, kind, provider, model, tier, route,
    reasons, scope, input, cache_read, cache_write, cache_write_long, output, reasoning, cost,
    reserved, baseline_premium, baseline_append_only, saved_route, saved_prompt_cache,
    saved_response_cache, saved_compression, saved_zero_token, saved_context, latency_ms,
    first_token_ms, attempts, stop, state, error, owner, client, node, fallbacks, status";

fn row(row: &Row<'_>) -> Result<RequestRow, SqlError> {
    let money = |name| Ok::<_, SqlError>(row.get::<_, Option<i64>>(name)?.map(Money::from_nanos));
    let tokens = |name| Ok::<_, SqlError>(unsigned(row.get(name)?));
    let ms = |name| Ok::<_, SqlError>(row.get::<_, Option<i64>>(name)?.map(unsigned));
    let texts = |name| {
        let json: String = row.get(name)?;
        Ok::<_, SqlError>(serde_json::from_str::<Vec<String>>(&json).unwrap_or_default())
    };
    let session: Option<String> = row.get("session")?;
    let id: String = row.get("id")?;
    Ok(RequestRow {
        id: RequestId::parse(&id).unwrap_or_else(RequestId::generate),
        at: time(row.get("at_ms")?),
        session: session.as_deref().and_then(SessionId::parse),
        project: row.get("project")?,
        run: row.get("run")?,
        key: row.get("key")?,
        owner: row.get("owner")?,
        client: row.get("client")?,
        kind: row.get("kind")?,
        provider: row.get("provider")?,
        model: row.get("model")?,
        tier: row.get("tier")?,
        route: row.get("route")?,
        reasons: texts("reasons")?,
        scope: Scope(texts("scope")?),
        usage: Usage {
            input: tokens("input")?,
            cache_read: tokens("cache_read")?,
            cache_write: tokens("cache_write")?,
            cache_write_long: tokens("cache_write_long")?,
            output: tokens("output")?,
            reasoning: tokens("reasoning")?,
            cost: None,
        },
        cost_nanousd: money("cost")?,
        reserved_nanousd: money("reserved")?,
        savings: Savings {
            baseline_premium: money("baseline_premium")?,
            baseline_append_only: money("baseline_append_only")?,
            route: money("saved_route")?,
            prompt_cache: money("saved_prompt_cache")?,
            response_cache: money("saved_response_cache")?,
            compression: money("saved_compression")?,
            zero_token: money("saved_zero_token")?,
            context: money("saved_context")?,
        },
        latency_ms: ms("latency_ms")?,
        first_token_ms: ms("first_token_ms")?,
        attempts: row.get("attempts")?,
        fallbacks: row.get("fallbacks")?,
        node: row.get("node")?,
        status: row.get("status")?,
        stop: row.get("stop")?,
        state: RowState::parse(&row.get::<_, String>("state")?),
        error: row.get("error")?,
    })
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
