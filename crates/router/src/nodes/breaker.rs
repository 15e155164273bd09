//! A circuit breaker: a node that fails again and again is left alone, then tried by one request.
//! Pure: it is told the time.

use serde::Serialize;

/// Failures in a row that open it.
const FAILURES_IN_A_ROW: u32 = 5;
/// The stretch in which the share of failures is taken.
const WINDOW_MS: i64 = 30_000;
/// Requests in it from which the share tells something.
const LEAST_IN_WINDOW: u32 = 20;
/// How long it stays open at first; each trial that fails doubles it.
const FIRST_OPEN_MS: i64 = 2_000;
const LONGEST_OPEN_MS: i64 = 60_000;
/// How long one stays open that a check found sick; the next check comes before that.
const SICK_MS: i64 = 15_000;

/// The state, as shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// The node is asked.
    #[default]
    Closed,
    /// It is not.
    Open,
    /// One request tries it.
    HalfOpen,
}

impl BreakerState {
    /// Returns the name used in JSON and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            BreakerState::Closed => "closed",
            BreakerState::Open => "open",
            BreakerState::HalfOpen => "half_open",
        }
    }
}

/// A node's breaker.
#[derive(Clone, Debug, Default)]
pub struct Breaker {
    state: BreakerState,
    in_a_row: u32,
    window: Window,
    open_until_ms: i64,
    open_for_ms: i64,
}

/// Counts of the running stretch of time.
#[derive(Clone, Debug, Default)]
struct Window {
    began_ms: i64,
    requests: u32,
    failures: u32,
}

impl Window {
    fn count(&mut self, failed: bool, now_ms: i64) {
        if now_ms.saturating_sub(self.began_ms) >= WINDOW_MS {
            *self = Self { began_ms: now_ms, requests: 0, failures: 0 };
        }
        self.requests = self.requests.saturating_add(1);
        self.failures = self.failures.saturating_add(u32::from(failed));
    }

    const fn is_bad(&self) -> bool {
        self.requests >= LEAST_IN_WINDOW && self.failures >= self.requests / 2
    }
}

impl Breaker {
    /// Returns the state.
    pub const fn state(&self) -> BreakerState {
        self.state
    }

    /// Returns the moment from which a request may go.
    pub const fn ready_at(&self, now_ms: i64) -> i64 {
        match self.state {
            BreakerState::Closed => i64::MIN,
            BreakerState::Open => self.open_until_ms,
            // Somebody is trying; a moment later it is known.
            BreakerState::HalfOpen => now_ms.saturating_add(1),
        }
    }

    /// Lets a request go: `Some(true)` where it is the trial, `None` where it must not.
    pub fn enter(&mut self, now_ms: i64) -> Option<bool> {
        match self.state {
            BreakerState::Closed => Some(false),
            BreakerState::Open if now_ms >= self.open_until_ms => {
                self.state = BreakerState::HalfOpen;
                Some(true)
            }
            BreakerState::Open | BreakerState::HalfOpen => None,
        }
    }

    /// A request went well.
    pub fn succeed(&mut self, now_ms: i64) {
        self.in_a_row = 0;
        if self.state == BreakerState::Closed {
            self.window.count(false, now_ms);
        } else {
            *self = Self::default();
        }
    }

    /// A request failed by the node's fault.
    pub fn fail(&mut self, now_ms: i64) {
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.window.count(true, now_ms);
        let opens = match self.state {
            BreakerState::Closed => self.in_a_row >= FAILURES_IN_A_ROW || self.window.is_bad(),
            BreakerState::HalfOpen => true,
            // It was asked because there was no other; that says nothing about the next time.
            BreakerState::Open => false,
        };
        if opens {
            self.open(now_ms);
        }
    }

    fn open(&mut self, now_ms: i64) {
        self.open_for_ms = match self.open_for_ms {
            0 => FIRST_OPEN_MS,
            before => before.saturating_mul(2).min(LONGEST_OPEN_MS),
        };
        self.open_until_ms = now_ms.saturating_add(self.open_for_ms);
        self.state = BreakerState::Open;
        self.window = Window::default();
    }

    /// The trial ended without telling anything: the next request is one.
    pub fn release(&mut self) {
        if self.state == BreakerState::HalfOpen {
            self.state = BreakerState::Open;
        }
    }

    /// A check found the node well: one that was left alone is tried at once.
    pub fn well(&mut self, now_ms: i64) {
        if self.state == BreakerState::Open {
            self.open_until_ms = self.open_until_ms.min(now_ms);
        }
    }

    /// A check found the node sick.
    pub fn sick(&mut self, now_ms: i64) {
        self.open_for_ms = 0;
        self.open(now_ms);
        self.open_until_ms = now_ms.saturating_add(SICK_MS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_after_five_in_a_row_tries_once_and_closes() {
        let mut breaker = Breaker::default();
        for _ in 0..4 {
            breaker.fail(0);
        }
        breaker.succeed(0);
        for _ in 0..4 {
            breaker.fail(0);
        }
        assert_eq!((breaker.state(), breaker.enter(0)), (BreakerState::Closed, Some(false)));
        breaker.fail(0);
        assert_eq!((breaker.state(), breaker.ready_at(0)), (BreakerState::Open, 2_000));
        assert_eq!(breaker.enter(1_999), None);
        assert_eq!(breaker.enter(2_000), Some(true));
        assert_eq!((breaker.state(), breaker.enter(2_000)), (BreakerState::HalfOpen, None));
        breaker.succeed(2_500);
        assert_eq!((breaker.state(), breaker.enter(2_500)), (BreakerState::Closed, Some(false)));
    }

    #[test]
    fn a_failed_trial_doubles_the_pause_up_to_a_minute() {
        let mut breaker = Breaker::default();
        (0..5).for_each(|_| breaker.fail(0));
        let mut now = 0;
        let mut pauses = Vec::new();
        for _ in 0..7 {
            pauses.push(breaker.ready_at(now) - now);
            now = breaker.ready_at(now);
            assert_eq!(breaker.enter(now), Some(true));
            breaker.fail(now);
        }
        assert_eq!(pauses, [2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
    }

    #[test]
    fn opens_when_half_of_a_stretch_fails() {
        let run = |requests: u32, every: u32, step_ms: i64| {
            let mut breaker = Breaker::default();
            for n in 0..requests {
                let now = i64::from(n) * step_ms;
                match breaker.enter(now) {
                    None => break,
                    Some(_) if n % every == 0 => breaker.succeed(now),
                    Some(_) => breaker.fail(now),
                }
            }
            breaker.state()
        };
        assert_eq!(run(30, 2, 100), BreakerState::Open);
        assert_eq!(run(19, 2, 100), BreakerState::Closed, "too few to tell");
        assert_eq!(run(40, 2, 3_000), BreakerState::Closed, "too far apart");
        assert_eq!(run(30, 1, 100), BreakerState::Closed, "none fails");
    }

    #[test]
    fn a_given_up_trial_frees_the_place_and_checks_open_and_shorten() {
        let mut breaker = Breaker::default();
        (0..5).for_each(|_| breaker.fail(0));
        assert_eq!(breaker.enter(2_000), Some(true));
        breaker.release();
        assert_eq!(breaker.enter(2_000), Some(true));
        breaker.fail(2_000);
        breaker.well(2_100);
        assert_eq!(breaker.enter(2_100), Some(true));
        breaker.succeed(2_100);
        breaker.sick(3_000);
        assert_eq!((breaker.state(), breaker.ready_at(0)), (BreakerState::Open, 18_000));
    }
}
