//! Which way an attempt goes, and what comes after one that failed.

use std::sync::Arc;
use std::time::Duration;

use distiq_llm::{ProviderError, ProviderErrorKind as Kind, RegistryError};

use crate::nodes::{Chosen, Flight, Pool};
use crate::route::Candidate;
use crate::router::Desk;

/// How long a request waits at one way while there is another.
const PATIENCE: Duration = Duration::from_secs(2);

/// What to do about a failure before anything of the answer was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// The request itself is refused: the same everywhere, so it ends.
    Stop,
    /// This way will not work; another may.
    FallBack,
    /// The same way may work in a while; another may, too.
    RetryThenFallBack,
}

/// Returns the remedy for each kind of failure.
pub const fn remedy(kind: Kind) -> Remedy {
    match kind {
        Kind::InvalidRequest | Kind::ContextTooLong | Kind::TooLarge => Remedy::Stop,
        Kind::Auth
        | Kind::Billing
        | Kind::Permission
        | Kind::UnknownModel
        | Kind::SpendLimit
        | Kind::Tls
        | Kind::Malformed
        | Kind::NotTheApi
        | Kind::Redirect => Remedy::FallBack,
        Kind::RateLimited
        | Kind::Overloaded
        | Kind::Server
        | Kind::Timeout(_)
        | Kind::Connect
        | Kind::Truncated => Remedy::RetryThenFallBack,
    }
}

/// What comes after a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// It ends with the failure.
    Stop,
    /// The same candidate is tried again after a pause.
    Again(Duration),
    /// The next candidate is tried at once.
    Next,
}

/// The ways of one request and how far it is along them.
pub(crate) struct Course {
    desk: Arc<Desk>,
    candidates: Vec<Candidate>,
    at: usize,
    failed_here: u32,
    /// The node that failed last; another is taken where there is one.
    avoid: Option<usize>,
    prefix: u64,
    /// How often another candidate was gone to.
    pub fallbacks: u32,
    /// What was passed over, and why.
    pub notes: Vec<String>,
}

/// Where an attempt goes.
pub(crate) struct Leg {
    pub candidate: Candidate,
    /// The node; being held, it counts as one request under way there.
    pub flight: Flight,
    /// How long to wait first, because the node is known to refuse until then.
    pub wait: Duration,
}

impl Course {
    pub fn new(desk: Arc<Desk>, candidates: Vec<Candidate>, prefix: u64) -> Self {
        Self {
            desk,
            candidates,
            at: 0,
            failed_here: 0,
            avoid: None,
            prefix,
            fallbacks: 0,
            notes: Vec::new(),
        }
    }

    /// Returns where the next attempt goes: candidates that are not set up, or whose nodes are all
    /// known not to answer, are passed over while there is another.
    ///
    /// # Errors
    /// Where no candidate is set up.
    pub fn pick(&mut self) -> Result<Leg, RegistryError> {
        loop {
            let Some(candidate) = self.candidates.get(self.at).cloned() else {
                return Err(RegistryError::NoProvider);
            };
            let pool = match self.desk.pool(&candidate.provider) {
                Ok(pool) => pool,
                Err(error) if self.is_last() => return Err(error),
                Err(error) => {
                    self.pass_over(&candidate, &error.to_string());
                    continue;
                }
            };
            let now_ms = self.desk.config.clock.now_ms();
            match pool.choose(&candidate.model, self.prefix, self.avoid, now_ms) {
                Chosen::Ready(flight) => {
                    return Ok(Leg { candidate, flight, wait: Duration::ZERO });
                }
                Chosen::NotBefore(at_ms) if !self.is_last() => {
                    let wait = Duration::from_millis(at_ms.saturating_sub(now_ms).unsigned_abs());
                    let why = format!("no node answers for another {} ms", wait.as_millis());
                    self.pass_over(&candidate, &why);
                }
                Chosen::NotBefore(at_ms) => return Ok(self.go_anyway(&pool, candidate, at_ms)),
            }
        }
    }

    /// Takes the only way left, though its nodes are known not to answer before `at_ms`: a short
    /// wait is waited for, a longer one is a guess that the vendor may judge better.
    fn go_anyway(&self, pool: &Arc<Pool>, candidate: Candidate, at_ms: i64) -> Leg {
        let now_ms = self.desk.config.clock.now_ms();
        let wait = Duration::from_millis(at_ms.saturating_sub(now_ms).max(0).unsigned_abs());
        let wait = if wait <= PATIENCE { wait } else { Duration::ZERO };
        let flight = pool.soonest(&candidate.model, now_ms);
        Leg { candidate, flight, wait }
    }

    fn pass_over(&mut self, candidate: &Candidate, why: &str) {
        self.notes.push(format!("passed over {candidate}: {why}"));
        self.at += 1;
        self.fallbacks += 1;
        self.failed_here = 0;
        self.avoid = None;
    }

    fn is_last(&self) -> bool {
        self.at + 1 >= self.candidates.len()
    }

    /// Returns how many attempts at the way in use failed.
    pub const fn failed_here(&self) -> u32 {
        self.failed_here
    }

    /// Decides what comes after an attempt that failed before anything of its answer was shown.
    pub fn after(&mut self, leg: &Leg, error: &ProviderError, jitter: f64) -> After {
        self.failed_here += 1;
        self.avoid = Some(leg.flight.index());
        let has_next = !self.is_last();
        let falls_back = remedy(error.kind) != Remedy::Stop && has_next;
        let now_ms = self.desk.config.clock.now_ms();
        match self.desk.config.retry.delay(self.failed_here, error, jitter) {
            // A failure of one node is no reason to wait for another.
            Some(_) if leg.flight.has_other(&leg.candidate.model, now_ms) => {
                After::Again(Duration::ZERO)
            }
            Some(delay) if !(falls_back && delay > PATIENCE) => After::Again(delay),
            _ if falls_back => {
                self.pass_over(&leg.candidate.clone(), &error.to_string());
                After::Next
            }
            _ => After::Stop,
        }
    }
}
