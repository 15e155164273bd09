//! What the writer runs: work on the database, and who waits for it.

use std::sync::mpsc;

use distiq_store::{StoreError, Tx};
use tokio::sync::oneshot;

use super::LedgerError;
use super::limits::BudgetError;
use super::writer::Job;

pub(crate) fn task<W, T, E>(reply: Reply<Result<T, E>>, written: fn(), work: W) -> Task<W, T, E>
where
    W: FnMut(&Tx<'_>) -> Result<T, E>,
{
    Task { work, reply, written, outcome: None }
}

/// Work on the database, and who waits for it.
pub(crate) struct Task<W, T, E> {
    work: W,
    reply: Reply<Result<T, E>>,
    written: fn(),
    outcome: Option<Result<T, E>>,
}

/// An error of a job.
pub(crate) trait Failure {
    /// Tells whether the database failed; else nothing was written that must not stay.
    fn is_stores(&self) -> bool;
}

impl Failure for LedgerError {
    fn is_stores(&self) -> bool {
        matches!(self, LedgerError::Store(_))
    }
}

impl Failure for BudgetError {
    fn is_stores(&self) -> bool {
        matches!(self, BudgetError::Ledger(error) if error.is_stores())
    }
}

impl<W, T: Send, E: From<StoreError> + Failure + Send> Job for Task<W, T, E>
where
    W: FnMut(&Tx<'_>) -> Result<T, E> + Send,
{
    fn run(&mut self, tx: &Tx<'_>) -> bool {
        // A panic leaves nothing of the run before.
        self.outcome = None;
        let outcome = (self.work)(tx);
        let keeps = !outcome.as_ref().is_err_and(Failure::is_stores);
        self.outcome = Some(outcome);
        keeps
    }

    fn done(self: Box<Self>, error: Option<StoreError>) {
        (self.written)();
        let outcome = match error {
            Some(error) => Some(Err(error.into())),
            None => self.outcome,
        };
        if let Some(outcome) = outcome {
            (self.reply)(outcome);
        }
    }
}

/// Takes an answer to the one who waits for it, if anybody still does.
pub(crate) type Reply<T> = Box<dyn FnOnce(T) + Send>;

pub(crate) fn oneshot_reply<T: Send + 'static>() -> (Reply<T>, oneshot::Receiver<T>) {
    let (sender, receiver) = oneshot::channel();
    (Box::new(move |value| drop(sender.send(value))), receiver)
}

pub(crate) fn channel_reply<T: Send + 'static>() -> (Reply<T>, mpsc::Receiver<T>) {
    let (sender, receiver) = mpsc::channel();
    (Box::new(move |value| drop(sender.send(value))), receiver)
}
