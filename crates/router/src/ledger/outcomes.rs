//! How requests ended and how long they took, for whoever watches.

use std::collections::BTreeMap;

use distiq_store::{Row, SqlError, params_from_iter};
use serde::Serialize;

use super::metrics::percentile;
use super::query::RowFilter;
use super::{Ledger, LedgerError};

/// How a set of requests that are over ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Outcomes {
    /// Failures by kind, the most frequent first; `cancelled` is one.
    pub errors: Vec<Count>,
    /// How often requests were sent to a vendor.
    pub attempts: u64,
    /// How often another model or provider was gone to.
    pub fallbacks: u64,
    /// Requests of whose prompt a part was read from the vendor's cache.
    pub cache_hits: u64,
    /// How long successful requests took, by provider, the most used first.
    pub waits: Vec<Waits>,
    /// How long all successful requests took.
    pub all_waits: Waits,
}

/// How often something was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Count {
    /// What.
    pub name: String,
    /// How often.
    pub count: u64,
}

/// Percentiles of successful requests, in milliseconds, each a value that occurred.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct Waits {
    /// The provider; empty for all.
    pub name: String,
    /// Requests that were counted.
    pub requests: u64,
    pub p50_ms: Option<u64>,
    pub p95_ms: Option<u64>,
    pub p99_ms: Option<u64>,
    pub first_token_p50_ms: Option<u64>,
    pub first_token_p95_ms: Option<u64>,
    pub first_token_p99_ms: Option<u64>,
}

#[derive(Default)]
struct Samples {
    latencies: Vec<u64>,
    first_tokens: Vec<u64>,
}

impl Ledger {
    /// Returns how the requests that match ended.
    ///
    /// # Errors
    /// When the database fails.
    pub fn outcomes(&self, filter: &RowFilter) -> Result<Outcomes, LedgerError> {
        let (condition, values) = filter.condition();
        let over = format!("FROM request WHERE state <> 'open' AND {condition}");
        let errors = format!("SELECT error, count(*) {over} AND error IS NOT NULL GROUP BY 1");
        let sums = format!(
            "SELECT coalesce(sum(attempts), 0), coalesce(sum(fallbacks), 0),
                 coalesce(sum(cache_read > 0), 0) {over}"
        );
        let waits = format!("SELECT provider, latency_ms, first_token_ms {over} AND error IS NULL");
        self.read(|tx| {
            let mut errors = tx.all(&errors, params_from_iter(values.clone()), |row| {
                Ok(Count { name: row.get(0)?, count: unsigned(row, 1)? })
            })?;
            errors.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.name.cmp(&b.name)));
            let sums = tx.one(&sums, params_from_iter(values.clone()), |row| {
                Ok((unsigned(row, 0)?, unsigned(row, 1)?, unsigned(row, 2)?))
            })?;
            let (attempts, fallbacks, cache_hits) = sums.unwrap_or_default();
            let mut by_provider: BTreeMap<String, Samples> = BTreeMap::new();
            tx.all(&waits, params_from_iter(values), |row| {
                let samples = by_provider.entry(row.get(0)?).or_default();
                samples.latencies.extend(optional(row, 1)?);
                samples.first_tokens.extend(optional(row, 2)?);
                Ok(())
            })?;
            let (waits, all_waits) = conclude(by_provider);
            Ok(Outcomes { errors, attempts, fallbacks, cache_hits, waits, all_waits })
        })
    }
}

fn conclude(by_provider: BTreeMap<String, Samples>) -> (Vec<Waits>, Waits) {
    let mut all = Samples::default();
    let mut waits: Vec<Waits> = by_provider
        .into_iter()
        .map(|(name, samples)| {
            all.latencies.extend_from_slice(&samples.latencies);
            all.first_tokens.extend_from_slice(&samples.first_tokens);
            samples.waits(name)
        })
        .collect();
    waits.sort_by_key(|waits| std::cmp::Reverse(waits.requests));
    (waits, all.waits(String::new()))
}

impl Samples {
    fn waits(mut self, name: String) -> Waits {
        self.latencies.sort_unstable();
        self.first_tokens.sort_unstable();
        let (all, first) = (&self.latencies, &self.first_tokens);
        Waits {
            name,
            requests: all.len() as u64,
            p50_ms: percentile(all, 50),
            p95_ms: percentile(all, 95),
            p99_ms: percentile(all, 99),
            first_token_p50_ms: percentile(first, 50),
            first_token_p95_ms: percentile(first, 95),
            first_token_p99_ms: percentile(first, 99),
        }
    }
}

fn unsigned(row: &Row<'_>, index: usize) -> Result<u64, SqlError> {
    Ok(u64::try_from(row.get::<_, i64>(index)?).unwrap_or(0))
}

fn optional(row: &Row<'_>, index: usize) -> Result<Option<u64>, SqlError> {
    Ok(row.get::<_, Option<i64>>(index)?.and_then(|ms| u64::try_from(ms).ok()))
}
