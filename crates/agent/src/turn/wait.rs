//! Waiting that never goes quiet and always can be ended: cancellation, the deadline, a heartbeat.

use std::pin::Pin;
use std::time::Duration;

use distiq_base::Event;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::TurnError;
use crate::journal::Journal;
use crate::workbench::TurnLimits;

/// Why waiting ended before the work did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The user cancelled.
    Cancelled,
    /// The time limit was met.
    Deadline,
}

/// What can end the waiting of a turn.
#[derive(Debug)]
pub struct Waiting {
    user: CancellationToken,
    work: CancellationToken,
    started: Instant,
    deadline: Option<Instant>,
    heartbeat: Duration,
}

impl Waiting {
    /// Begins a turn that `user` can cancel and that has these limits.
    pub fn new(user: CancellationToken, limits: &TurnLimits) -> Self {
        let started = Instant::now();
        let deadline = limits.max_time.and_then(|time| started.checked_add(time));
        let heartbeat = limits.heartbeat;
        Self { work: user.child_token(), user, started, deadline, heartbeat }
    }

    /// Returns the token that work of this turn must heed.
    pub fn token(&self) -> CancellationToken {
        self.work.clone()
    }

    /// Tells whether the user cancelled.
    pub fn cancelled(&self) -> bool {
        self.user.is_cancelled()
    }

    /// Returns why the turn must end now, if it must.
    pub fn over(&self) -> Option<Stop> {
        if self.user.is_cancelled() {
            return Some(Stop::Cancelled);
        }
        self.deadline.filter(|d| Instant::now() >= *d).map(|_| Stop::Deadline)
    }

    /// Waits for `work`, with a heartbeat event whenever nothing else happened for a while.
    pub async fn until<F: Future>(
        &mut self,
        work: &mut Pin<&mut F>,
        waiting_for: &str,
        journal: &mut Journal,
    ) -> Result<Result<F::Output, Stop>, TurnError> {
        let deadline =
            self.deadline.unwrap_or_else(|| Instant::now() + Duration::from_secs(86_400 * 365));
        loop {
            let beat = journal.last() + self.heartbeat;
            tokio::select! {
                biased;
                output = work.as_mut() => return Ok(Ok(output)),
                () = self.user.cancelled() => return Ok(Err(Stop::Cancelled)),
                () = sleep_until(deadline) => return Ok(Err(Stop::Deadline)),
                () = sleep_until(beat) => {
                    let elapsed = self.started.elapsed().as_millis();
                    journal.emit(Event::Heartbeat {
                        elapsed_ms: u64::try_from(elapsed).unwrap_or(u64::MAX),
                        waiting_for: waiting_for.to_owned(),
                    }).await?;
                }
            }
        }
    }
}
