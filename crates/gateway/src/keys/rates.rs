//! Requests and tokens a minute, by key: buckets that fill up evenly.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Key;

/// The buckets of all keys that have limits. Each process has its own: two gateways beside each other
/// let through what both allow.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    by_key: Mutex<HashMap<String, Buckets>>,
}

#[derive(Debug)]
struct Buckets {
    requests: f64,
    /// Below zero after an answer that was longer than what was left.
    tokens: f64,
    at: Instant,
}

impl Rates {
    /// Takes a request of about so many prompt tokens, or tells how long to wait.
    pub fn take(&self, key: &Key, tokens: u64) -> Result<(), Duration> {
        self.take_at(key, tokens, Instant::now())
    }

    fn take_at(&self, key: &Key, tokens: u64, now: Instant) -> Result<(), Duration> {
        if key.requests_per_minute.is_none() && key.tokens_per_minute.is_none() {
            return Ok(());
        }
        let requests = f64::from(key.requests_per_minute.unwrap_or(u32::MAX));
        let most_tokens = f64::from(key.tokens_per_minute.unwrap_or(u32::MAX));
        let mut by_key = self.by_key.lock().unwrap_or_else(PoisonError::into_inner);
        let buckets = by_key.entry(key.id.clone()).or_insert(Buckets {
            requests,
            tokens: most_tokens,
            at: now,
        });
        let minutes = now.duration_since(buckets.at).as_secs_f64() / 60.0;
        buckets.at = now;
        buckets.requests = (buckets.requests + requests * minutes).min(requests);
        buckets.tokens = (buckets.tokens + most_tokens * minutes).min(most_tokens);
        let wait = |missing: f64, per_minute: f64| match per_minute > 0.0 {
            true => Duration::from_secs_f64((missing * 60.0 / per_minute).clamp(0.001, 3600.0)),
            false => Duration::from_secs(3600),
        };
        if buckets.requests < 1.0 {
            return Err(wait(1.0 - buckets.requests, requests));
        }
        if buckets.tokens <= 0.0 {
            return Err(wait(1.0 - buckets.tokens, most_tokens));
        }
        buckets.requests -= 1.0;
        buckets.tokens -= tokens as f64;
        Ok(())
    }

    /// Puts the count of a finished request in the place of what was taken for it.
    pub fn settle(&self, key: &str, taken: u64, counted: u64) {
        let mut by_key = self.by_key.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(buckets) = by_key.get_mut(key) {
            buckets.tokens += taken as f64 - counted as f64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{Keys, NewKey};

    #[test]
    fn requests_and_tokens_a_minute_are_held_and_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::open(&folder.path().join("k.db")).unwrap();
        let key = |requests, tokens| {
            let (requests_per_minute, tokens_per_minute) = (requests, tokens);
            keys.create(&NewKey { requests_per_minute, tokens_per_minute, ..NewKey::default() })
                .unwrap()
                .key
        };
        let (rates, now) = (Rates::default(), Instant::now());
        let after = |seconds| now + Duration::from_secs(seconds);
        let two = key(Some(2), None);
        assert_eq!(rates.take_at(&two, 5, now), Ok(()));
        assert_eq!(rates.take_at(&two, 5, now), Ok(()));
        assert_eq!(rates.take_at(&two, 5, now), Err(Duration::from_secs(30)));
        assert_eq!(rates.take_at(&two, 5, after(30)), Ok(()));
        let tokens = key(None, Some(600));
        assert_eq!(rates.take_at(&tokens, 100, now), Ok(()));
        rates.settle(&tokens.id, 100, 900);
        assert!(rates.take_at(&tokens, 100, now).is_err(), "300 over");
        assert!(rates.take_at(&tokens, 100, after(29)).is_err());
        assert_eq!(rates.take_at(&tokens, 100, after(31)), Ok(()));
        assert_eq!(rates.take_at(&key(None, None), 1 << 40, now), Ok(()), "no limits");
    }
}
