//! How well requests went: shares, success and latency.

use std::collections::BTreeMap;

use distiq_base::Money;
use distiq_store::params_from_iter;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::query::RowFilter;
use super::{Ledger, LedgerError, period, time};

/// How a set of requests that are over went.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Metrics {
    /// Requests.
    pub requests: u64,
    /// Those that failed, not counting cancelled ones.
    pub failed: u64,
    /// Those that the user cancelled.
    pub cancelled: u64,
    /// The share of successes among the requests that were not cancelled; `None` without any.
    pub success_rate: Option<f64>,
    /// Requests per tier, the most used first.
    pub tiers: Vec<TierShare>,
    /// The latency that half of the successful requests stayed within (nearest rank).
    pub p50_ms: Option<u64>,
    /// The one that 95 % stayed within.
    pub p95_ms: Option<u64>,
    /// The one that 99 % stayed within.
    pub p99_ms: Option<u64>,
    /// The time to the first token that half of the successful requests stayed within.
    pub first_token_p50_ms: Option<u64>,
    /// The share of prompt tokens that were read from the vendors' caches.
    pub cache_read_share: Option<f64>,
    /// Cost of the priced requests.
    pub cost_nanousd: Money,
}

/// How many requests went to a tier.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TierShare {
    /// The tier; empty where no policy chose one.
    pub tier: String,
    /// Requests.
    pub requests: u64,
    /// Their share of all, 0 to 1.
    pub share: f64,
}

/// A local day's metrics.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DayMetrics {
    /// The day, `2026-11-21`.
    pub day: String,
    /// How its requests went.
    #[serde(flatten)]
    pub metrics: Metrics,
}

/// What is gathered of requests on the way to [`Metrics`].
#[derive(Default)]
struct Gathered {
    tiers: BTreeMap<String, u64>,
    latencies: Vec<u64>,
    first_tokens: Vec<u64>,
    failed: u64,
    cancelled: u64,
    prompt: u64,
    cache_read: u64,
    cost: Money,
}

/// The columns that metrics are made of.
struct Sample {
    at_ms: i64,
    tier: Option<String>,
    latency_ms: Option<i64>,
    first_token_ms: Option<i64>,
    error: Option<String>,
    prompt: i64,
    cache_read: i64,
    cost: Option<i64>,
}

impl Ledger {
    /// Returns the metrics of all rows that match.
    ///
    /// # Errors
    /// When the database fails.
    pub fn metrics(&self, filter: &RowFilter) -> Result<Metrics, LedgerError> {
        let mut gathered = Gathered::default();
        for sample in self.samples(filter)? {
            gathered.add(sample);
        }
        Ok(gathered.conclude())
    }

    /// Returns the metrics of every local day that has requests, in order.
    ///
    /// # Errors
    /// When the database fails.
    pub fn daily_metrics(
        &self,
        filter: &RowFilter,
        zone: &TimeZone,
    ) -> Result<Vec<DayMetrics>, LedgerError> {
        let mut days: Vec<(Timestamp, Gathered)> = Vec::new();
        let mut end = Timestamp::MIN;
        for sample in self.samples(filter)? {
            let at = time(sample.at_ms);
            if at >= end || days.is_empty() {
                let (start, next) = period::day(at, zone);
                days.push((start, Gathered::default()));
                end = next;
            }
            if let Some((_, gathered)) = days.last_mut() {
                gathered.add(sample);
            }
        }
        Ok(days
            .into_iter()
            .map(|(start, gathered)| DayMetrics {
                day: start.to_zoned(zone.clone()).strftime("%Y-%m-%d").to_string(),
                metrics: gathered.conclude(),
            })
            .collect())
    }

    fn samples(&self, filter: &RowFilter) -> Result<Vec<Sample>, LedgerError> {
        let (condition, values) = filter.condition();
        let sql = format!(
            "SELECT at_ms, tier, latency_ms, first_token_ms, error,
                 input + cache_read + cache_write + cache_write_long, cache_read, cost
             FROM request WHERE state <> 'open' AND {condition} ORDER BY at_ms"
        );
        self.read(|tx| {
            let samples = tx.all(&sql, params_from_iter(values), |row| {
                Ok(Sample {
                    at_ms: row.get(0)?,
                    tier: row.get(1)?,
                    latency_ms: row.get(2)?,
                    first_token_ms: row.get(3)?,
                    error: row.get(4)?,
                    prompt: row.get(5)?,
                    cache_read: row.get(6)?,
                    cost: row.get(7)?,
                })
            })?;
            Ok(samples)
        })
    }
}

impl Gathered {
    fn add(&mut self, sample: Sample) {
        let unsigned = |number: i64| u64::try_from(number).unwrap_or(0);
        *self.tiers.entry(sample.tier.unwrap_or_default()).or_default() += 1;
        match sample.error.as_deref() {
            None => {
                self.latencies.extend(sample.latency_ms.map(unsigned));
                self.first_tokens.extend(sample.first_token_ms.map(unsigned));
            }
            Some("cancelled") => self.cancelled += 1,
            Some(_) => self.failed += 1,
        }
        self.prompt += unsigned(sample.prompt);
        self.cache_read += unsigned(sample.cache_read);
        self.cost = self.cost.plus(Money::from_nanos(sample.cost.unwrap_or(0)));
    }

    fn conclude(mut self) -> Metrics {
        let requests: u64 = self.tiers.values().sum();
        self.latencies.sort_unstable();
        self.first_tokens.sort_unstable();
        let mut tiers: Vec<TierShare> = self
            .tiers
            .into_iter()
            .map(|(tier, of_tier)| TierShare {
                tier,
                requests: of_tier,
                share: share(of_tier, requests).unwrap_or(0.0),
            })
            .collect();
        tiers.sort_by_key(|tier| std::cmp::Reverse(tier.requests));
        let judged = requests - self.cancelled;
        Metrics {
            requests,
            failed: self.failed,
            cancelled: self.cancelled,
            success_rate: share(judged - self.failed, judged),
            tiers,
            p50_ms: percentile(&self.latencies, 50),
            p95_ms: percentile(&self.latencies, 95),
            p99_ms: percentile(&self.latencies, 99),
            first_token_p50_ms: percentile(&self.first_tokens, 50),
            cache_read_share: share(self.cache_read, self.prompt),
            cost_nanousd: self.cost,
        }
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Returns the smallest value that `percent` of the sorted values do not exceed.
pub(super) fn percentile(sorted: &[u64], percent: usize) -> Option<u64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let hundred: Vec<u64> = (1..=100).collect();
        assert_eq!([50, 95, 99].map(|p| percentile(&hundred, p)), [Some(50), Some(95), Some(99)]);
        assert_eq!([50, 95, 99].map(|p| percentile(&[1, 2, 30], p)), [Some(2), Some(30), Some(30)]);
        assert_eq!(percentile(&[], 50), None);
    }
}
