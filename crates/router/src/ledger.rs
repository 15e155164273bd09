//! The ledger: every request and what it cost, on disk before the money is spent.
//!
//! A request is one row: `open` is written before the request is sent, with the most it can cost
//! set aside; the end is written before the caller sees the last of the answer. Both survive a
//! killed process; a power cut takes at most the last 100 ms. A row whose process died is closed
//! as `estimated`, with the cost last known of it or else the one estimated before the send.
//!
//! A request under a limit is held against what is spent in one transaction with its row. The rows of others, and all
//! ends of which nobody asks whether a limit came near, are appended to a journal, which is folded into the database
//! soon after, and before anything is read or held against a limit.

pub(crate) mod answers;
mod book;
mod journal;
pub(crate) mod limits;
pub(crate) mod metrics;
pub(crate) mod outcomes;
mod owner;
pub mod period;
pub(crate) mod query;
pub(crate) mod rows;
mod schema;
mod task;
mod writer;

use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use distiq_base::clock::Clock;
use distiq_base::kill::kill_point;
use distiq_base::{ErrorKind, Money, RequestId};
use distiq_store::{Database, StoreError, Tx};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::oneshot;

use book::Account;
use journal::Journals;
use journal::record::Redirect;
use limits::{Alert, BudgetError, Limits, allow};
use owner::Owner;
use rows::{FinalRow, OpenRow, Opening, Progress, Reservation};
use task::{Reply, channel_reply, oneshot_reply, task};
use writer::{Job, Writer};

/// The ledger of one user, shared by all processes.
///
/// Writes are made, or queued, by the call itself, in order; where another process writes, the futures wait for
/// the ledger's own thread and never block theirs. The `_blocking` calls are for code without a runtime. Dropping it writes what is queued and syncs.
#[derive(Debug)]
pub struct Ledger {
    // First, so that it ends before the database closes.
    writer: Writer,
    db: Arc<Database>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    owner: Owner,
    clock: Clock,
    zone: OnceLock<TimeZone>,
}

/// How a ledger tells time.
#[derive(Clone, Debug, Default)]
pub struct LedgerOptions {
    /// The zone in which days and months are counted; the machine's where `None`.
    pub zone: Option<TimeZone>,
    /// The clock.
    pub clock: Clock,
}

/// Why the ledger failed.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No thread could be started.
    #[error("Cannot start the ledger's threads")]
    Thread(#[source] io::Error),
    /// The ledger's thread did not answer.
    #[error("The ledger has stopped")]
    Stopped,
    /// No such request is on the ledger.
    #[error("Request `{0}` is not on the ledger")]
    Unknown(RequestId),
}

impl LedgerError {
    /// Returns the kind that sets the exit code.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            LedgerError::Store(error) => error.kind(),
            LedgerError::Thread(_) => ErrorKind::User,
            LedgerError::Stopped | LedgerError::Unknown(_) => ErrorKind::Bug,
        }
    }

    /// Returns what the user can do.
    pub fn hint(&self) -> String {
        match self {
            LedgerError::Store(error) => error.hint(),
            LedgerError::Thread(_) => "Raise the limit on processes (`ulimit -u`)".into(),
            LedgerError::Stopped | LedgerError::Unknown(_) => {
                "This is a fault of Distiq; please report it".into()
            }
        }
    }
}

impl Shared {
    fn zone(&self) -> &TimeZone {
        self.zone.get_or_init(TimeZone::system)
    }
}

impl Ledger {
    /// Opens the ledger in the machine's time zone and closes rows that dead processes left.
    ///
    /// # Errors
    /// When the database cannot be opened.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        Self::open_with(path, LedgerOptions::default())
    }

    /// Opens the ledger and closes rows that dead processes left.
    ///
    /// # Errors
    /// When the database cannot be opened.
    pub fn open_with(path: &Path, options: LedgerOptions) -> Result<Self, LedgerError> {
        let db = Arc::new(Database::open(path, &schema::LEDGER)?);
        // States are written by `book` alone.
        db.skip_checks()?;
        let shared = Arc::new(Shared {
            owner: Owner::current(),
            clock: options.clock,
            zone: options.zone.map_or_else(OnceLock::new, OnceLock::from),
        });
        let journals =
            (!db.waits_for_disk()).then(|| Arc::new(Journals::new(path, shared.owner.clone())));
        if let Some(journals) = &journals {
            journals.catch_up(&db)?;
        }
        let rows = db.read(book::open_rows)?;
        let dead = book::left_behind(rows, &shared.owner, shared.clock.now_ms());
        if !dead.is_empty() {
            db.write(|tx| book::close_left_behind(tx, &dead))?;
        }
        let writer = Writer::start(&db, journals).map_err(LedgerError::Thread)?;
        if let Some(journals) = writer.journals() {
            journals.clear_left(&db)?;
        }
        Ok(Self { writer, db, shared })
    }

    /// Sets the most that a request can cost aside and writes its row, in one transaction.
    ///
    /// # Errors
    /// When a limit does not cover the request, or the ledger fails: nothing may be sent then.
    pub fn reserve(
        &self,
        row: OpenRow,
        limits: &Limits,
    ) -> impl Future<Output = Result<Reservation, BudgetError>> + Send + use<> {
        let answer = self.queue_reserve(row, limits, oneshot_reply);
        async move {
            match answer? {
                Answer::Now(granted) => Ok(granted),
                Answer::Later(answer) => answer.await.map_err(|_| LedgerError::Stopped)?,
            }
        }
    }

    /// Does as [`Ledger::reserve`], on the caller's thread.
    ///
    /// # Errors
    /// As [`Ledger::reserve`].
    pub fn reserve_blocking(
        &self,
        row: OpenRow,
        limits: &Limits,
    ) -> Result<Reservation, BudgetError> {
        match self.queue_reserve(row, limits, channel_reply)? {
            Answer::Now(granted) => Ok(granted),
            Answer::Later(answer) => answer.recv().map_err(|_| LedgerError::Stopped)?,
        }
    }

    /// Sets money aside anew for another attempt of a request whose earlier ones cost `already`, and
    /// notes the model and provider that it goes to.
    ///
    /// # Errors
    /// As [`Ledger::reserve`]; what the earlier attempts cost stays set aside.
    pub fn reserve_again(
        &self,
        row: OpenRow,
        already: Money,
        limits: &Limits,
    ) -> impl Future<Output = Result<Reservation, BudgetError>> + Send + use<> {
        let answer = match self.append_again(&row, already, limits) {
            Some(granted) => Ok(Answer::Now(granted)),
            None => self.queue_again(row, already, limits).map(Answer::Later),
        };
        async move {
            match answer? {
                Answer::Now(granted) => Ok(granted),
                Answer::Later(answer) => answer.await.map_err(|_| LedgerError::Stopped)?,
            }
        }
    }

    /// Keeps what is known so far of a request under way; does not wait for it to be written.
    pub fn progress(&self, id: &RequestId, progress: Progress) {
        if let Some(journals) = self.writer.journals()
            && journals.progress(id.as_str(), progress)
        {
            return self.writer.appended(journals);
        }
        let id = id.clone();
        // Losing it costs precision after a kill, no more.
        let task = task(
            Box::new(drop),
            || (),
            move |tx: &Tx<'_>| Ok::<_, LedgerError>(book::progress(tx, id.as_str(), &progress)?),
        );
        let _ = self.writer.queue(task);
    }

    /// Writes the end of a request and frees what was set aside; returns the limits that came
    /// near by it.
    ///
    /// # Errors
    /// When the ledger fails.
    pub fn finish(
        &self,
        id: &RequestId,
        row: FinalRow,
        limits: &Limits,
    ) -> impl Future<Output = Result<Vec<Alert>, LedgerError>> + Send + use<> {
        let answer = self.queue_finish(id, row, limits, oneshot_reply);
        async move {
            match answer? {
                Answer::Now(alerts) => Ok(alerts),
                Answer::Later(answer) => answer.await.map_err(|_| LedgerError::Stopped)?,
            }
        }
    }

    /// Does as [`Ledger::finish`], on the caller's thread.
    ///
    /// # Errors
    /// As [`Ledger::finish`].
    pub fn finish_blocking(
        &self,
        id: &RequestId,
        row: FinalRow,
        limits: &Limits,
    ) -> Result<Vec<Alert>, LedgerError> {
        match self.queue_finish(id, row, limits, channel_reply)? {
            Answer::Now(alerts) => Ok(alerts),
            Answer::Later(answer) => answer.recv().map_err(|_| LedgerError::Stopped)?,
        }
    }

    /// Does as [`Ledger::finish`] for who need not know which limits came near: that takes no transaction.
    ///
    /// # Errors
    /// As [`Ledger::finish`].
    pub fn settle(
        &self,
        id: &RequestId,
        row: FinalRow,
        limits: &Limits,
    ) -> impl Future<Output = Result<(), LedgerError>> + Send + use<> {
        let answer = match self.append_end(id, &row, limits) {
            true => None,
            false => Some(self.queue_end(id, row, limits, oneshot_reply)),
        };
        async move {
            let Some(answer) = answer else { return Ok(()) };
            answer?.await.map_err(|_| LedgerError::Stopped)?.map(drop)
        }
    }

    /// Writes the end of a request without waiting; for a caller that is going away.
    pub fn finish_later(&self, id: &RequestId, row: FinalRow, limits: &Limits) {
        if self.append_end(id, &row, limits) {
            return;
        }
        // A row that stays open by a failure here is closed at the next start.
        let _ = self.writer.queue(self.finish_task(id, row, limits, Box::new(drop)));
    }

    /// Returns the time zone in which days and months are counted.
    pub fn zone(&self) -> &TimeZone {
        self.shared.zone()
    }

    /// Reads what is in the database once it has what is in the journals.
    pub(crate) fn read<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        if let Some(journals) = self.writer.journals() {
            match journals.catch_up(&self.db) {
                // What there is can be looked at on a full disk, too.
                Ok(()) | Err(StoreError::Full { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.db.read(work)
    }

    /// Appends the row of a request without a limit to the journal; `None` where a transaction must write it.
    fn append_open(&self, row: &OpenRow, limits: &Limits) -> Option<Reservation> {
        let journals = self.writer.journals().filter(|_| !limits.any())?;
        let granted = unlimited(row);
        let opening = Opening::new(row, self.shared.clock.now(), granted.reserved);
        journals.open(opening).then(|| {
            self.writer.appended(journals);
            kill_point("after_open_row");
            granted
        })
    }

    fn append_again(&self, row: &OpenRow, already: Money, limits: &Limits) -> Option<Reservation> {
        let journals = self.writer.journals().filter(|_| !limits.any())?;
        let granted = unlimited(row).with(already);
        journals.again(Redirect::new(row, granted.reserved)).then(|| {
            self.writer.appended(journals);
            granted
        })
    }

    fn append_end(&self, id: &RequestId, row: &FinalRow, limits: &Limits) -> bool {
        let Some(journals) = self.writer.journals() else { return false };
        kill_point("before_final_row");
        let is_appended = journals.end(id.as_str(), row);
        if is_appended {
            self.writer.appended(journals);
            if limits.any() {
                self.writer.ends()();
            }
            kill_point("after_final_row");
        }
        is_appended
    }

    fn queue_reserve<R>(
        &self,
        row: OpenRow,
        limits: &Limits,
        reply: impl FnOnce() -> (Reply<Result<Reservation, BudgetError>>, R),
    ) -> Result<Answer<Reservation, R>, BudgetError> {
        if let Some(error) = self.writer.take_failure() {
            return Err(LedgerError::Store(error).into());
        }
        if let Some(granted) = self.append_open(&row, limits) {
            return Ok(Answer::Now(granted));
        }
        let (shared, limits) = (Arc::clone(&self.shared), limits.clone());
        let written = || kill_point("after_open_row");
        let (reply, receiver) = reply();
        let (ends, id) = (self.writer.ends(), row.id.clone());
        let journals = self.writer.journals().cloned();
        let reply = Box::new(move |outcome: Result<Reservation, BudgetError>| {
            match (&outcome, journals) {
                (Ok(_), Some(journals)) => journals.admit(id.as_str()),
                (Ok(_), None) => {}
                // What is refused never comes to its end.
                (Err(_), _) => ends(),
            }
            reply(outcome);
        });
        self.writer.begins();
        let work = move |tx: &Tx<'_>| reserve(tx, &shared, &row, &limits);
        match self.writer.run(task(reply, written, work)) {
            true => Ok(Answer::Later(receiver)),
            false => Err(LedgerError::Stopped.into()),
        }
    }

    fn queue_again(
        &self,
        row: OpenRow,
        already: Money,
        limits: &Limits,
    ) -> Result<oneshot::Receiver<Result<Reservation, BudgetError>>, LedgerError> {
        let (shared, limits) = (Arc::clone(&self.shared), limits.clone());
        let (reply, receiver) = oneshot_reply();
        let work = move |tx: &Tx<'_>| {
            book::set_reserved(tx, row.id.as_str(), Some(already))?;
            let granted = grant(tx, &shared, &row, shared.clock.now(), &limits)?.with(already);
            book::redirect(tx, &Redirect::new(&row, granted.reserved))?;
            Ok::<_, BudgetError>(granted)
        };
        match self.writer.run(task(reply, || (), work)) {
            true => Ok(receiver),
            false => Err(LedgerError::Stopped),
        }
    }

    fn queue_finish<R>(
        &self,
        id: &RequestId,
        row: FinalRow,
        limits: &Limits,
        reply: impl FnOnce() -> (Reply<Result<Vec<Alert>, LedgerError>>, R),
    ) -> Result<Answer<Vec<Alert>, R>, LedgerError> {
        match (limits.any(), self.writer.journals()) {
            // Which limits come near is a question for the database.
            (true, Some(journals)) => journals.forget(id.as_str()),
            (false, _) if self.append_end(id, &row, limits) => return Ok(Answer::Now(Vec::new())),
            _ => {}
        }
        self.queue_end(id, row, limits, reply).map(Answer::Later)
    }

    fn queue_end<R>(
        &self,
        id: &RequestId,
        row: FinalRow,
        limits: &Limits,
        reply: impl FnOnce() -> (Reply<Result<Vec<Alert>, LedgerError>>, R),
    ) -> Result<R, LedgerError> {
        let (reply, receiver) = reply();
        match self.writer.run(self.finish_task(id, row, limits, reply)) {
            true => Ok(receiver),
            false => Err(LedgerError::Stopped),
        }
    }

    fn finish_task(
        &self,
        id: &RequestId,
        row: FinalRow,
        limits: &Limits,
        reply: Reply<Result<Vec<Alert>, LedgerError>>,
    ) -> impl Job + 'static + use<> {
        let (shared, id, limits) = (Arc::clone(&self.shared), id.clone(), limits.clone());
        let written = || kill_point("after_final_row");
        let (ends, journals) = (self.writer.ends(), self.writer.journals().cloned());
        let over = id.clone();
        let reply = Box::new(move |outcome| {
            ends();
            // Who gave up before the row was there.
            journals.iter().for_each(|journals| journals.forget(over.as_str()));
            reply(outcome);
        });
        task(reply, written, move |tx: &Tx<'_>| {
            kill_point("before_final_row");
            let alerts = book::finish(tx, id.as_str(), &row, &limits, shared.zone())?;
            alerts.ok_or_else(|| LedgerError::Unknown(id.clone()))
        })
    }
}

/// What is known at once, or comes from the writer.
enum Answer<T, R> {
    Now(T),
    Later(R),
}

fn reserve(
    tx: &Tx<'_>,
    shared: &Shared,
    row: &OpenRow,
    limits: &Limits,
) -> Result<Reservation, BudgetError> {
    let at = shared.clock.now();
    let granted = grant(tx, shared, row, at, limits)?;
    book::insert(tx, &Opening::new(row, at, granted.reserved), None, None, &shared.owner)?;
    Ok(granted)
}

/// Decides how much of what is wanted the limits cover.
fn grant(
    tx: &Tx<'_>,
    shared: &Shared,
    row: &OpenRow,
    at: Timestamp,
    limits: &Limits,
) -> Result<Reservation, BudgetError> {
    let wanted = row.wanted_tokens;
    let Some(worst) = row.worst else {
        return match limits.any() {
            true => Err(BudgetError::Unpriced { model: row.model.clone() }),
            false => Ok(unlimited(row)),
        };
    };
    let mut max_tokens = wanted;
    if limits.any() {
        let account = Account {
            session: row.session.as_ref().map(|session| session.as_str().to_owned()),
            run: row.run.clone(),
            key: row.key.clone(),
            project: row.project.clone(),
            at,
            zone: shared.zone().clone(),
        };
        let allowed = allow(&book::rooms(tx, &account, limits)?, &worst, wanted);
        max_tokens = match allowed {
            Ok(tokens) if tokens == wanted => tokens,
            // Perhaps a process that died since holds money back.
            _ => {
                let open = book::open_rows(tx)?;
                let dead = book::left_behind(open, &shared.owner, at.as_millisecond());
                book::close_left_behind(tx, &dead)?;
                allow(&book::rooms(tx, &account, limits)?, &worst, wanted)?
            }
        };
    }
    Ok(Reservation { max_tokens, reserved: Some(worst.with_answer(max_tokens)) })
}

/// Returns all that is wanted.
fn unlimited(row: &OpenRow) -> Reservation {
    let reserved = row.worst.map(|worst| worst.with_answer(row.wanted_tokens));
    Reservation { max_tokens: row.wanted_tokens, reserved }
}

/// Returns a count as the database keeps it.
fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Returns the time of a row.
fn time(at_ms: i64) -> Timestamp {
    let edge = if at_ms < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_millisecond(at_ms).unwrap_or(edge)
}

#[cfg(test)]
mod tests {
    use distiq_base::{Price, RequestKind};

    use super::limits::WorstCase;
    use super::*;

    #[test]
    fn who_gives_up_before_its_row_is_there_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&folder.path().join("ledger.db")).unwrap();
        let free = WorstCase { prompt: Money::ZERO, output: Price(0) };
        let limited = Limits { day: Some(Money::from_nanos(1)), ..Limits::default() };
        let row = || OpenRow { worst: Some(free), ..OpenRow::new(RequestKind::Gateway, "p", "m") };
        for limits in [&limited, &Limits::default()] {
            let open = row();
            let id = open.id.clone();
            drop(ledger.reserve(open, limits));
            ledger.finish_later(&id, FinalRow::default(), limits);
        }
        // Behind them in the queue.
        let last = row();
        let id = last.id.clone();
        ledger.reserve_blocking(last, &limited).unwrap();
        ledger.finish_blocking(&id, FinalRow::default(), &limited).unwrap();
        assert_eq!(ledger.writer.journals().unwrap().under_way(), 0);
        let all = ledger.requests(&query::RowFilter::default(), 10).unwrap();
        assert!(all.len() == 3 && all.iter().all(|row| row.state == rows::RowState::Final));
    }

    #[test]
    fn who_was_refused_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&folder.path().join("ledger.db")).unwrap();
        let row = || OpenRow::new(RequestKind::Gateway, "p", "m");
        let limited = Limits { day: Some(Money::from_nanos(1)), ..Limits::default() };
        let free = WorstCase { prompt: Money::ZERO, output: Price(0) };
        let error = ledger.reserve_blocking(row(), &limited).unwrap_err();
        assert!(matches!(error, BudgetError::Unpriced { .. }), "{error}");
        assert_eq!(ledger.writer.crowd(), 0);
        let open = OpenRow { worst: Some(free), ..row() };
        let id = open.id.clone();
        ledger.reserve_blocking(open, &limited).unwrap();
        assert_eq!(ledger.writer.crowd(), 1);
        ledger.finish_blocking(&id, FinalRow::default(), &limited).unwrap();
        assert_eq!(ledger.writer.crowd(), 0);
    }
}
