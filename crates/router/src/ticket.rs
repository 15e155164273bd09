//! One request on the ledger: its row is opened once and closed once, whatever becomes of it.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::ledger::limits::Alert;
use crate::ledger::rows::FinalRow;
use crate::ledger::{Ledger, LedgerError};
use crate::receipt::{Receipt, SendError};
use crate::router::Desk;
use crate::send::account::Account;

/// What the running request and the one who may give it up both see.
pub(crate) struct Ticket {
    pub desk: Arc<Desk>,
    state: Mutex<State>,
}

/// A place in which a request's receipt is found once it is over, however it ended: also where its
/// reply, or the future of it, was dropped.
#[derive(Clone, Default)]
pub struct ReceiptSlot(Arc<OnceLock<Arc<Ticket>>>);

impl ReceiptSlot {
    /// Returns the receipt; `None` where the request is under way or was never made.
    pub fn get(&self) -> Option<Arc<Receipt>> {
        self.0.get()?.receipt()
    }
}

impl std::fmt::Debug for ReceiptSlot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReceiptSlot")
    }
}

pub(crate) struct State {
    pub account: Account,
    stage: Stage,
}

enum Stage {
    /// Nothing is on the ledger.
    New,
    /// A row is on the ledger, or about to be.
    Open,
    /// The row is closed.
    Closed(Arc<Receipt>),
}

impl Ticket {
    pub fn new(desk: Arc<Desk>, mut account: Account) -> Arc<Self> {
        let slot = account.take_slot();
        let ticket = Self { desk, state: Mutex::new(State { account, stage: Stage::New }) };
        let ticket = Arc::new(ticket);
        if let Some(ReceiptSlot(slot)) = slot {
            // One slot is for one request; the first stays.
            let _ = slot.set(Arc::clone(&ticket));
        }
        ticket
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that the row is about to be on the ledger.
    pub fn open(&self) {
        self.state().stage = Stage::Open;
    }

    /// Ends a request that is not on the ledger.
    pub fn refuse(&self, error: SendError) -> Receipt {
        let mut state = self.state();
        let (_, receipt) = state.account.close(Some(error));
        state.stage = Stage::Closed(Arc::new(receipt.clone()));
        receipt
    }

    /// Returns the receipt of a request that is over.
    pub fn receipt(&self) -> Option<Arc<Receipt>> {
        match &self.state().stage {
            Stage::Closed(receipt) => Some(Arc::clone(receipt)),
            Stage::New | Stage::Open => None,
        }
    }

    /// Puts the end on the ledger and returns the receipt and the limits that came near.
    ///
    /// From the call on the request is closed: the ledger does the rest even if nobody polls.
    pub fn close(
        &self,
        error: Option<SendError>,
    ) -> impl Future<Output = (Arc<Receipt>, Vec<Alert>)> + use<> {
        let (written, receipt) = self
            .end(error, |ledger, account, row| ledger.finish(&account.id, row, &account.limits));
        async move {
            let alerts = match written {
                Some(written) => written.await,
                None => Ok(Vec::new()),
            };
            match alerts {
                Ok(alerts) => (receipt, alerts),
                Err(error) => (failed(receipt, error), Vec::new()),
            }
        }
    }

    /// Does as [`Ticket::close`] where nobody is told of limits.
    pub fn settle(&self, error: Option<SendError>) -> impl Future<Output = Arc<Receipt>> + use<> {
        let (written, receipt) = self
            .end(error, |ledger, account, row| ledger.settle(&account.id, row, &account.limits));
        async move {
            match written {
                Some(written) => match written.await {
                    Ok(()) => receipt,
                    Err(error) => failed(receipt, error),
                },
                None => receipt,
            }
        }
    }

    /// Closes the request, and has its end written where a row is open.
    fn end<W>(
        &self,
        error: Option<SendError>,
        write: impl FnOnce(&Ledger, &Account, FinalRow) -> W,
    ) -> (Option<W>, Arc<Receipt>) {
        let mut state = self.state();
        if let Stage::Closed(receipt) = &state.stage {
            return (None, Arc::clone(receipt));
        }
        let is_open = matches!(state.stage, Stage::Open);
        let (row, receipt) = state.account.close(error);
        let receipt = Arc::new(receipt);
        state.stage = Stage::Closed(Arc::clone(&receipt));
        let written = is_open.then(|| write(&self.desk.config.ledger, &state.account, row));
        (written, receipt)
    }

    /// Gives the request up, if it is not over, without waiting for the ledger.
    pub fn abandon(&self) {
        let mut state = self.state();
        if matches!(state.stage, Stage::Open) {
            let (row, receipt) = state.account.close(Some(SendError::Cancelled));
            let account = &state.account;
            self.desk.config.ledger.finish_later(&account.id, row, &account.limits);
            state.stage = Stage::Closed(Arc::new(receipt));
        }
    }
}

/// Tells that the ledger failed, where nothing else did.
fn failed(mut receipt: Arc<Receipt>, error: LedgerError) -> Arc<Receipt> {
    if receipt.error.is_none() {
        Arc::make_mut(&mut receipt).error = Some(error.into());
    }
    receipt
}
