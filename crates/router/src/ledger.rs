//! The ledger: every request and what it cost, on disk before the money is spent.
//!
//! A request is one row: `open` is committed before the request is sent, with the most it can cost
//! set aside; the end is committed before the caller sees the last of the answer. Both survive a
//! killed process; a power cut takes at most the last 100 ms. A row whose process died is closed
//! as `estimated`, with the cost last known of it or else the one estimated before the send.

mod book;
pub(crate) mod limits;
pub(crate) mod metrics;
pub(crate) mod outcomes;
mod owner;
pub mod period;
pub(crate) mod query;
pub(crate) mod rows;
mod schema;
mod writer;

use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock, mpsc};

use distiq_base::clock::Clock;
use distiq_base::kill::kill_point;
use distiq_base::{ErrorKind, Money, RequestId};
use distiq_store::{Database, StoreError, Tx};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::oneshot;

use book::Account;
use limits::{Alert, BudgetError, Limits, allow};
use owner::Owner;
use rows::{FinalRow, OpenRow, Progress, Reservation};
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
        let shared = Arc::new(Shared {
            owner: Owner::current(),
            clock: options.clock,
            zone: options.zone.map_or_else(OnceLock::new, OnceLock::from),
        });
        let rows = db.read(book::open_rows)?;
        let dead = book::left_behind(rows, &shared.owner, shared.clock.now_ms());
        if !dead.is_empty() {
            db.write(|tx| book::close_left_behind(tx, &dead))?;
        }
        Ok(Self { writer: Writer::start(&db).map_err(LedgerError::Thread)?, db, shared })
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
        async move { answer?.await.map_err(|_| LedgerError::Stopped)? }
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
        let answer = self.queue_reserve(row, limits, channel_reply)?;
        answer.recv().map_err(|_| LedgerError::Stopped)?
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
        let (shared, limits) = (Arc::clone(&self.shared), limits.clone());
        let answer = self.queue(
            oneshot_reply,
            || (),
            move |tx| {
                book::set_reserved(tx, row.id.as_str(), Some(already))?;
                let granted = grant(tx, &shared, &row, shared.clock.now(), &limits)?;
                let reserved = granted.reserved.map(|reserved| reserved.plus(already));
                book::redirect(tx, &row)?;
                book::set_reserved(tx, row.id.as_str(), reserved)?;
                Ok::<_, BudgetError>(Reservation { reserved, ..granted })
            },
        );
        async move { answer?.await.map_err(|_| LedgerError::Stopped)? }
    }

    /// Keeps what is known so far of a request under way; does not wait for it to be written.
    pub fn progress(&self, id: &RequestId, progress: Progress) {
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
        async move { answer?.await.map_err(|_| LedgerError::Stopped)? }
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
        let answer = self.queue_finish(id, row, limits, channel_reply)?;
        answer.recv().map_err(|_| LedgerError::Stopped)?
    }

    /// Writes the end of a request without waiting; for a caller that is going away.
    pub fn finish_later(&self, id: &RequestId, row: FinalRow, limits: &Limits) {
        // A row that stays open by a failure here is closed at the next start.
        let _ = self.writer.queue(self.finish_task(id, row, limits, Box::new(drop)));
    }

    /// Returns the time zone in which days and months are counted.
    pub fn zone(&self) -> &TimeZone {
        self.shared.zone()
    }

    pub(crate) const fn database(&self) -> &Arc<Database> {
        &self.db
    }

    fn queue_reserve<R>(
        &self,
        row: OpenRow,
        limits: &Limits,
        reply: impl FnOnce() -> (Reply<Result<Reservation, BudgetError>>, R),
    ) -> Result<R, BudgetError> {
        if let Some(error) = self.writer.take_failure() {
            return Err(LedgerError::Store(error).into());
        }
        let (shared, limits) = (Arc::clone(&self.shared), limits.clone());
        let written = || kill_point("after_open_row");
        let (reply, receiver) = reply();
        let ends = self.writer.ends();
        let reply = Box::new(move |outcome: Result<Reservation, BudgetError>| {
            // What is refused never comes to its end.
            if outcome.is_err() {
                ends();
            }
            reply(outcome);
        });
        self.writer.begins();
        let work = move |tx: &Tx<'_>| reserve(tx, &shared, &row, &limits);
        match self.writer.run(task(reply, written, work)) {
            true => Ok(receiver),
            false => Err(LedgerError::Stopped.into()),
        }
    }

    fn queue_finish<R>(
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
        let ends = self.writer.ends();
        let reply = Box::new(move |outcome| {
            ends();
            reply(outcome);
        });
        task(reply, written, move |tx: &Tx<'_>| {
            kill_point("before_final_row");
            let alerts = book::finish(tx, id.as_str(), &row, &limits, shared.zone())?;
            alerts.ok_or_else(|| LedgerError::Unknown(id.clone()))
        })
    }

    /// Has work done; `written` is called once it is committed: tests kill the process there.
    fn queue<T: Send + 'static, E: From<StoreError> + Failure + Send + 'static, R>(
        &self,
        reply: impl FnOnce() -> (Reply<Result<T, E>>, R),
        written: fn(),
        work: impl FnMut(&Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<R, LedgerError> {
        let (reply, receiver) = reply();
        match self.writer.run(task(reply, written, work)) {
            true => Ok(receiver),
            false => Err(LedgerError::Stopped),
        }
    }
}

fn task<W, T, E>(reply: Reply<Result<T, E>>, written: fn(), work: W) -> Task<W, T, E>
where
    W: FnMut(&Tx<'_>) -> Result<T, E>,
{
    Task { work, reply, written, outcome: None }
}

/// Work on the database, and who waits for it.
struct Task<W, T, E> {
    work: W,
    reply: Reply<Result<T, E>>,
    written: fn(),
    outcome: Option<Result<T, E>>,
}

/// An error of a job.
trait Failure {
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
type Reply<T> = Box<dyn FnOnce(T) + Send>;

fn oneshot_reply<T: Send + 'static>() -> (Reply<T>, oneshot::Receiver<T>) {
    let (sender, receiver) = oneshot::channel();
    (Box::new(move |value| drop(sender.send(value))), receiver)
}

fn channel_reply<T: Send + 'static>() -> (Reply<T>, mpsc::Receiver<T>) {
    let (sender, receiver) = mpsc::channel();
    (Box::new(move |value| drop(sender.send(value))), receiver)
}

fn reserve(
    tx: &Tx<'_>,
    shared: &Shared,
    row: &OpenRow,
    limits: &Limits,
) -> Result<Reservation, BudgetError> {
    let at = shared.clock.now();
    let granted = grant(tx, shared, row, at, limits)?;
    book::open(tx, row, at, granted.reserved, &shared.owner)?;
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
            false => Ok(Reservation { max_tokens: wanted, reserved: None }),
        };
    };
    let mut max_tokens = wanted;
    if limits.any() {
        let account = Account {
            session: row.session.as_ref().map(|session| session.as_str().to_owned()),
            run: row.run.clone(),
            key: row.key.clone(),
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
    use distiq_base::RequestKind;

    use super::*;

    #[test]
    fn who_was_refused_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&folder.path().join("ledger.db")).unwrap();
        let row = || OpenRow::new(RequestKind::Gateway, "p", "m");
        let limited = Limits { day: Some(Money::from_nanos(1)), ..Limits::default() };
        let error = ledger.reserve_blocking(row(), &limited).unwrap_err();
        assert!(matches!(error, BudgetError::Unpriced { .. }), "{error}");
        assert_eq!(ledger.writer.crowd(), 0);
        let open = row();
        let id = open.id.clone();
        ledger.reserve_blocking(open, &Limits::default()).unwrap();
        assert_eq!(ledger.writer.crowd(), 1);
        ledger.finish_blocking(&id, FinalRow::default(), &Limits::default()).unwrap();
        assert_eq!(ledger.writer.crowd(), 0);
    }
}
