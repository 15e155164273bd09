//! Whether and when a failed attempt is tried again. Pure: it decides, others wait.

use std::time::Duration;

use distiq_base::config::RetrySettings;

use crate::error::ProviderError;

/// The longest wait a vendor can ask for; beyond it the user is better told at once.
pub const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(120);

/// How failed attempts are tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Most attempts, the first included.
    pub attempts: u32,
    /// The pause after the first failure; it doubles with each further one.
    pub base: Duration,
    /// The longest pause of our own choosing.
    pub max_delay: Duration,
    /// The longest wait that a vendor may ask for; beyond it, whoever asked is told at once.
    pub longest_wait: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            attempts: 4,
            base: Duration::from_millis(500),
            max_delay: Duration::from_secs(8),
            longest_wait: LONGEST_RETRY_AFTER,
        }
    }
}

impl Policy {
    /// Makes the policy that the user set.
    pub const fn from_settings(settings: &RetrySettings) -> Self {
        Self {
            attempts: settings.attempts,
            base: Duration::from_millis(settings.base_ms),
            max_delay: Duration::from_millis(settings.max_delay_ms),
            longest_wait: LONGEST_RETRY_AFTER,
        }
    }

    /// Returns how long to wait before the next attempt, or `None` where there must be none.
    ///
    /// `failed_attempt` counts from 1. `jitter` is a random number from 0 to 1: our own pauses lie
    /// between half and the whole of the doubling delay, so that many clients do not come back at
    /// once. A wait that the vendor asks for is kept exactly; one over the longest that is allowed is not tried.
    pub fn delay(
        &self,
        failed_attempt: u32,
        error: &ProviderError,
        jitter: f64,
    ) -> Option<Duration> {
        if failed_attempt >= self.attempts || !error.is_retryable() {
            return None;
        }
        if let Some(asked) = error.retry_after {
            return (asked <= self.longest_wait).then_some(asked);
        }
        let doubled = 2_u32.saturating_pow(failed_attempt.saturating_sub(1));
        let delay = self.base.saturating_mul(doubled).min(self.max_delay);
        Some(delay.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ProviderErrorKind as Kind;

    fn error(kind: Kind, retry_after: Option<u64>, should_retry: Option<bool>) -> ProviderError {
        ProviderError {
            retry_after: retry_after.map(Duration::from_secs),
            should_retry,
            ..ProviderError::new(kind, "")
        }
    }

    #[test]
    fn doubles_up_to_the_cap_and_gives_up_after_the_last_attempt() {
        let policy = Policy { attempts: 8, ..Policy::default() };
        let failed = error(Kind::Server, None, None);
        let delays = |jitter| -> Vec<_> {
            (1..=8).map(|n| policy.delay(n, &failed, jitter).map(|d| d.as_millis())).collect()
        };
        let half = [250, 500, 1000, 2000, 4000, 4000, 4000].map(Some);
        let whole = [500, 1000, 2000, 4000, 8000, 8000, 8000].map(Some);
        assert_eq!(delays(0.0), [&half[..], &[None]].concat());
        assert_eq!(delays(1.0), [&whole[..], &[None]].concat());
        assert_eq!(delays(f64::MAX), delays(1.0), "jitter is bounded");
        let default = Policy::default();
        assert!(default.delay(3, &failed, 0.5).is_some());
        assert_eq!(default.delay(4, &failed, 0.5), None, "three retries");
    }

    #[test]
    fn the_vendors_word_wins() {
        let policy = Policy::default();
        let check = |kind, retry_after, should_retry, expected: Option<u64>| {
            let error = error(kind, retry_after, should_retry);
            assert_eq!(policy.delay(1, &error, 1.0), expected.map(Duration::from_millis));
        };
        check(Kind::RateLimited, Some(3), None, Some(3_000));
        check(Kind::RateLimited, Some(0), None, Some(0));
        check(Kind::RateLimited, Some(120), None, Some(120_000));
        check(Kind::RateLimited, Some(121), None, None);
        check(Kind::Overloaded, None, Some(false), None);
        check(Kind::InvalidRequest, None, Some(true), Some(500));
        check(Kind::InvalidRequest, Some(1), None, None);
        check(Kind::Auth, None, None, None);
        check(Kind::SpendLimit, Some(1), None, None);
        let hasty = Policy { longest_wait: Duration::from_secs(2), ..policy };
        let wait = |seconds| hasty.delay(1, &error(Kind::RateLimited, Some(seconds), None), 1.0);
        assert_eq!((wait(2), wait(3)), (Some(Duration::from_secs(2)), None));
    }

    #[test]
    fn huge_attempts_do_not_overflow() {
        let policy = Policy { attempts: u32::MAX, ..Policy::default() };
        let failed = error(Kind::Server, None, None);
        assert_eq!(policy.delay(u32::MAX - 1, &failed, 1.0), Some(Duration::from_secs(8)));
    }
}
