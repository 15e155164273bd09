//! `GET /v1/distiq/stats`: what the ledger adds up to, for the page and for scripts.
//!
//! Every figure is the ledger's own sum, so it equals `distiq cost` of the same period. What nobody
//! counts yet (savings but the vendors' prompt caches, a response cache) is absent, never zero.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use distiq_base::Money;
use distiq_llm::ProviderErrorKind as Kind;
use distiq_router::ledger::period;
use distiq_router::{GroupBy, Ledger, LedgerError, RequestRow, RowFilter, Totals};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::Serialize;
use serde_json::{Value, json};

use crate::call::{Call, Caller};
use crate::refusal::Refusal;
use crate::shared::Shared;

/// How long an answer is given out again: many open pages cost one look at the ledger.
const FRESH: Duration = Duration::from_secs(1);
/// Answers that are kept.
const MOST_KEPT: usize = 32;
/// Groups that are told apart; those after them, the cheapest, are summed up.
const MOST_GROUPS: usize = 100;
/// Latest requests that are told.
const LATEST: u32 = 30;
/// Keys whose budgets are told.
const MOST_BUDGETS: usize = 100;

/// The stretch of time that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Period {
    All,
    Today,
    Week,
    Month,
}

impl Period {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "all" => Period::All,
            "today" => Period::Today,
            "week" => Period::Week,
            "month" => Period::Month,
            _ => return None,
        })
    }

    const fn as_str(self) -> &'static str {
        match self {
            Period::All => "all",
            Period::Today => "today",
            Period::Week => "week",
            Period::Month => "month",
        }
    }

    /// Returns the first moment of it.
    fn from(self, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Period::All => None,
            Period::Today => Some(period::day(now, zone).0),
            // Today and the six days before.
            Period::Week => {
                let day = now.to_zoned(zone.clone()).checked_sub(6.days()).ok()?;
                Some(period::day(day.timestamp(), zone).0)
            }
            Period::Month => Some(period::month(now, zone).0),
        }
    }
}

/// Answers that were given a moment ago.
#[derive(Default)]
pub(crate) struct Cache {
    by_asked: Mutex<HashMap<Asked, (Instant, Arc<Value>)>>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Asked {
    period: Period,
    /// The key whose requests alone are told of.
    key: Option<String>,
}

impl Cache {
    fn get(&self, asked: &Asked) -> Option<Arc<Value>> {
        let by_asked = self.by_asked.lock().unwrap_or_else(PoisonError::into_inner);
        by_asked
            .get(asked)
            .filter(|(at, _)| at.elapsed() < FRESH)
            .map(|(_, value)| Arc::clone(value))
    }

    fn keep(&self, asked: Asked, value: &Arc<Value>) {
        let mut by_asked = self.by_asked.lock().unwrap_or_else(PoisonError::into_inner);
        by_asked.retain(|_, (at, _)| at.elapsed() < FRESH);
        if by_asked.len() < MOST_KEPT {
            by_asked.insert(asked, (Instant::now(), Arc::clone(value)));
        }
    }
}

/// Answers with the sums of a period.
pub(crate) async fn stats(
    shared: &Arc<Shared>,
    caller: &Caller,
    call: &Call,
) -> Result<Arc<Value>, Refusal> {
    let period = call.query("period").unwrap_or_else(|| "all".to_owned());
    let period = Period::parse(&period)
        .ok_or_else(|| Refusal::invalid("`period` is `all`, `today`, `week` or `month`"))?;
    let key = caller.key().filter(|_| !caller.is_admin()).map(|key| key.id.clone());
    let asked = Asked { period, key };
    if let Some(kept) = shared.seeing.stats.get(&asked) {
        return Ok(kept);
    }
    let worker = Arc::clone(shared);
    let of = asked.clone();
    // The ledger is read from the disk, which must hold up no stream.
    let summed = tokio::task::spawn_blocking(move || sum(&worker, &of)).await;
    let value = match summed {
        Ok(Ok(value)) => Arc::new(value),
        Ok(Err(error)) => {
            return Err(Refusal::new(Kind::Server, format!("{error}. {}", error.hint())));
        }
        Err(_) => return Err(Refusal::new(Kind::Server, "The ledger could not be read")),
    };
    shared.seeing.stats.keep(asked, &value);
    Ok(value)
}

fn sum(shared: &Shared, asked: &Asked) -> Result<Value, LedgerError> {
    let setup = shared.setup();
    let ledger = setup.router.ledger();
    let zone = ledger.zone();
    let now = Timestamp::now();
    let from = asked.period.from(now, zone);
    let filter = RowFilter { from, key: asked.key.clone(), ..RowFilter::default() };
    let owners = owners(shared);
    let group = |by| groups(ledger, &filter, by, zone);
    let (totals, outcomes) = (total(ledger, &filter, zone)?, ledger.outcomes(&filter)?);
    let share = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
    let cancelled = outcomes.errors.iter().find(|error| error.name == "cancelled");
    let judged = totals.requests - cancelled.map_or(0, |error| error.count);
    let mut by_key = group(GroupBy::Key)?;
    by_key.name_owners(&owners);
    let is_admin = asked.key.is_none();
    Ok(json!({
        "version": 1,
        "at": now,
        "period": asked.period.as_str(),
        "from": from,
        "zone": zone.iana_name(),
        "of": if is_admin { "all" } else { "key" },
        "totals": without_name(&totals),
        "success_rate": share(totals.requests - totals.failed, judged),
        "cache_read_share": share(totals.usage.cache_read, totals.usage.prompt()),
        "outcomes": outcomes,
        "by": {
            "day": group(GroupBy::Day)?,
            "tier": group(GroupBy::Tier)?,
            "provider": group(GroupBy::Provider)?,
            "model": group(GroupBy::Model)?,
            "key": by_key,
            "client": group(GroupBy::Client)?,
        },
        "budgets": budgets(shared, asked, now)?,
        "nodes": is_admin.then(|| setup.router.nodes()),
        "in_flight": shared.seeing.live.in_flight(asked.key.as_deref()),
        "denied_since_start": is_admin.then(|| shared.seeing.metrics.denials()),
        "latest": latest(ledger, &filter, &owners)?,
    }))
}

/// Groups, and what the rest of them adds up to.
#[derive(Serialize)]
struct Groups {
    groups: Vec<Value>,
    /// How many more there are.
    others: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    rest: Option<Value>,
}

impl Groups {
    fn name_owners(&mut self, owners: &HashMap<String, String>) {
        for group in self.groups.iter_mut().filter_map(Value::as_object_mut) {
            let owner = group.get("name").and_then(Value::as_str).and_then(|id| owners.get(id));
            if let Some(owner) = owner.filter(|owner| !owner.is_empty()) {
                group.insert("owner".to_owned(), owner.as_str().into());
            }
        }
    }
}

fn groups(
    ledger: &Ledger,
    filter: &RowFilter,
    by: GroupBy,
    zone: &TimeZone,
) -> Result<Groups, LedgerError> {
    let mut all = ledger.totals(filter, by, zone)?;
    // Days come in order: the latest are told apart.
    let rest: Vec<Totals> = match by {
        GroupBy::Day => {
            let older = all.len().saturating_sub(MOST_GROUPS);
            all.drain(..older).collect()
        }
        _ => all.split_off(all.len().min(MOST_GROUPS)),
    };
    let others = rest.len();
    let rest = (others > 0).then(|| without_name(&rest.iter().fold(Totals::default(), plus)));
    let groups = all.iter().map(|total| json!(total)).collect();
    Ok(Groups { groups, others, rest })
}

fn plus(mut sum: Totals, more: &Totals) -> Totals {
    sum.requests += more.requests;
    sum.failed += more.failed;
    sum.estimated += more.estimated;
    sum.unpriced += more.unpriced;
    sum.usage.add(&more.usage);
    sum.cost_nanousd = sum.cost_nanousd.plus(more.cost_nanousd);
    sum.saved_prompt_cache_nanousd =
        sum.saved_prompt_cache_nanousd.plus(more.saved_prompt_cache_nanousd);
    sum.saved.add(&more.saved);
    sum
}

fn total(ledger: &Ledger, filter: &RowFilter, zone: &TimeZone) -> Result<Totals, LedgerError> {
    Ok(ledger.totals(filter, GroupBy::All, zone)?.into_iter().next().unwrap_or_default())
}

fn without_name(totals: &Totals) -> Value {
    let mut value = json!(totals);
    if let Some(fields) = value.as_object_mut() {
        fields.shift_remove("name");
    }
    value
}

fn owners(shared: &Shared) -> HashMap<String, String> {
    let keys = shared.keys.list().unwrap_or_default();
    keys.into_iter().map(|key| (key.id, key.owner)).collect()
}

/// Returns the limits and what is spent of them; a key is told its own.
fn budgets(shared: &Shared, asked: &Asked, now: Timestamp) -> Result<Vec<Value>, LedgerError> {
    let setup = shared.setup();
    let ledger = setup.router.ledger();
    let zone = ledger.zone();
    let spent = |from: Timestamp, key: Option<&str>| -> Result<Money, LedgerError> {
        let key = key.map(str::to_owned);
        let filter = RowFilter { from: Some(from), key, ..RowFilter::default() };
        Ok(total(ledger, &filter, zone)?.cost_nanousd)
    };
    let (day, month) = (period::day(now, zone).0, period::month(now, zone).0);
    let mut budgets = Vec::new();
    if asked.key.is_none() {
        let limits = setup.router.limits();
        for (scope, limit, from) in [("day", limits.day, day), ("month", limits.month, month)] {
            if let Some(limit) = limit {
                let spent = spent(from, None)?;
                budgets.push(
                    json!({ "scope": scope, "limit_nanousd": limit, "spent_nanousd": spent }),
                );
            }
        }
    }
    let keys = shared.keys.list().unwrap_or_default();
    let own = |id: &str| asked.key.as_deref().is_none_or(|own| own == id);
    for key in keys.iter().filter(|key| own(&key.id) && key.revoked.is_none()) {
        for (scope, limit, from) in
            [("day", key.day_nanousd, day), ("month", key.month_nanousd, month)]
        {
            let Some(limit) = limit.filter(|_| budgets.len() < MOST_BUDGETS) else { continue };
            budgets.push(json!({
                "scope": scope,
                "key": key.id,
                "owner": key.owner,
                "limit_nanousd": limit,
                "spent_nanousd": spent(from, Some(&key.id))?,
            }));
        }
    }
    Ok(budgets)
}

fn latest(
    ledger: &Ledger,
    filter: &RowFilter,
    owners: &HashMap<String, String>,
) -> Result<Vec<Value>, LedgerError> {
    let rows = ledger.requests(filter, LATEST)?;
    Ok(rows.iter().map(|row| told(row, owners)).collect())
}

/// What is told of a request: no contents, no project, no session.
fn told(row: &RequestRow, owners: &HashMap<String, String>) -> Value {
    json!({
        "id": row.id,
        "at": row.at,
        "state": row.state,
        "dialect": row.client,
        "kind": row.kind,
        "provider": row.provider,
        "model": row.model,
        "tier": row.tier,
        "key": row.key,
        "owner": row.key.as_ref().and_then(|key| owners.get(key)),
        "input": row.usage.prompt(),
        "cache_read": row.usage.cache_read,
        "output": row.usage.output,
        "cost_nanousd": row.cost_nanousd,
        "took_ms": row.latency_ms,
        "first_token_ms": row.first_token_ms,
        "attempts": row.attempts,
        "fallbacks": row.fallbacks,
        "error": row.error,
    })
}
