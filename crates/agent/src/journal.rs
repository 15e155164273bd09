//! The one way out for events: into the log first, then to whoever listens.

use distiq_base::{Event, Record};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::log::{LogError, SessionLog};

/// Writes events to the log and hands the records on.
#[derive(Debug)]
pub struct Journal {
    log: SessionLog,
    listener: mpsc::Sender<Record>,
    last: Instant,
}

impl Journal {
    /// Joins a log and a listener.
    pub fn new(log: SessionLog, listener: mpsc::Sender<Record>) -> Self {
        Self { log, listener, last: Instant::now() }
    }

    /// Appends an event, then shows it; waits while the listener is behind. A listener that is gone
    /// is no error: the log has everything.
    ///
    /// # Errors
    /// [`LogError`]; the event was not shown then.
    pub async fn emit(&mut self, event: Event) -> Result<(), LogError> {
        let record = self.log.append(event)?;
        self.last = Instant::now();
        let _ = self.listener.send(record).await;
        Ok(())
    }

    /// Returns when something last happened.
    pub const fn last(&self) -> Instant {
        self.last
    }

    /// Makes everything survive a power cut.
    pub fn sync(&self) {
        self.log.sync();
    }
}
