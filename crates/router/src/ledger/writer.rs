//! The one thread that writes, and the one that makes it last.
//!
//! What is queued while a transaction runs goes into the next one together. Where one of the jobs
//! fails, each goes into a transaction of its own: savepoints would copy every page that is touched,
//! and a failure is as rare as a full disk. Syncing to the disk takes milliseconds, so it runs beside the writes: within
//! 50 ms of a commit, for all commits since the last time.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use distiq_store::{Database, StoreError, Tx};

/// Together with the sync itself this stays below the 100 ms that a power cut may take.
const SYNC_EVERY: Duration = Duration::from_millis(50);
/// Most jobs of one transaction.
const MAX_BATCH: usize = 128;

/// Something to be written.
pub(crate) trait Job: Send {
    /// Does it; `false` where what it has written must be undone. It may be called again where a
    /// transaction with others failed.
    fn run(&mut self, tx: &Tx<'_>) -> bool;

    /// Tells whoever waits: it is committed, or `error` says why not.
    fn done(self: Box<Self>, error: Option<StoreError>);
}

/// Runs jobs in order on a thread; dropping it runs what is queued, syncs and ends the threads.
#[derive(Debug)]
pub(crate) struct Writer {
    jobs: Option<mpsc::Sender<Box<dyn Job>>>,
    unsynced: Arc<Unsynced>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Unsynced {
    state: Mutex<SyncState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct SyncState {
    dirty: bool,
    ending: bool,
    failure: Option<StoreError>,
}

impl Unsynced {
    fn state(&self) -> MutexGuard<'_, SyncState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, change: impl FnOnce(&mut SyncState)) {
        change(&mut self.state());
        self.changed.notify_one();
    }
}

impl Writer {
    pub fn start(db: &Arc<Database>) -> std::io::Result<Self> {
        let (jobs, queue) = mpsc::channel::<Box<dyn Job>>();
        let unsynced = Arc::new(Unsynced::default());
        let mut writer = Self { jobs: Some(jobs), unsynced, threads: Vec::new() };
        writer.spawn("ledger-write", {
            let (db, unsynced) = (Arc::clone(db), Arc::clone(&writer.unsynced));
            move || write_all(&db, &queue, &unsynced)
        })?;
        writer.spawn("ledger-sync", {
            let (db, unsynced) = (Arc::clone(db), Arc::clone(&writer.unsynced));
            move || sync_all(&db, &unsynced)
        })?;
        Ok(writer)
    }

    fn spawn(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        self.threads.push(thread::Builder::new().name(name.to_owned()).spawn(work)?);
        Ok(())
    }

    /// Queues a job; `false` when the thread is gone.
    pub fn queue(&self, job: impl Job + 'static) -> bool {
        self.jobs.as_ref().is_some_and(|jobs| jobs.send(Box::new(job)).is_ok())
    }

    /// Returns why the last sync failed, once.
    pub fn take_failure(&self) -> Option<StoreError> {
        self.unsynced.state().failure.take()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        for (index, thread) in self.threads.drain(..).enumerate() {
            if index > 0 {
                self.unsynced.set(|state| state.ending = true);
            }
            // A panic there was caught; there is nobody to tell of another.
            let _ = thread.join();
        }
    }
}

fn write_all(db: &Database, queue: &mpsc::Receiver<Box<dyn Job>>, unsynced: &Unsynced) {
    while let Ok(first) = queue.recv() {
        let mut batch = vec![first];
        batch.extend(queue.try_iter().take(MAX_BATCH - 1));
        write_batch(db, batch);
        unsynced.set(|state| state.dirty = true);
    }
}

/// Writes jobs in one transaction; where that fails, each in its own, so that each hears its own
/// error.
fn write_batch(db: &Database, mut batch: Vec<Box<dyn Job>>) {
    let written = db.write(|tx| match batch.iter_mut().all(|job| run(tx, job.as_mut())) {
        true => Ok(()),
        false => Err(Fault::Job),
    });
    match written {
        Ok(()) => batch.into_iter().for_each(|job| done(job, None)),
        Err(fault) if batch.len() == 1 => {
            let mut error = match fault {
                Fault::Store(error) => Some(error),
                Fault::Job => None,
            };
            batch.into_iter().for_each(|job| done(job, error.take()));
        }
        Err(_) => batch.into_iter().for_each(|job| write_batch(db, vec![job])),
    }
}

/// Why a transaction is undone.
enum Fault {
    Store(StoreError),
    /// A job failed; it knows why.
    Job,
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Fault::Store(error)
    }
}

/// Runs a job. The one who waits for a job that panics sees its answer missing.
fn run(tx: &Tx<'_>, job: &mut dyn Job) -> bool {
    catch_unwind(AssertUnwindSafe(|| job.run(tx))).unwrap_or(false)
}

fn done(job: Box<dyn Job>, error: Option<StoreError>) {
    let _ = catch_unwind(AssertUnwindSafe(|| job.done(error)));
}

fn sync_all(db: &Database, unsynced: &Unsynced) {
    loop {
        let idle = unsynced
            .changed
            .wait_while(unsynced.state(), |state| !state.dirty && !state.ending)
            .unwrap_or_else(PoisonError::into_inner);
        // Others join this sync until it begins.
        let (mut state, _) = unsynced
            .changed
            .wait_timeout_while(idle, SYNC_EVERY, |state| !state.ending)
            .unwrap_or_else(PoisonError::into_inner);
        let ending = state.ending;
        if std::mem::take(&mut state.dirty) {
            drop(state);
            if let Err(error) = db.sync() {
                unsynced.state().failure = Some(error);
            }
        }
        if ending {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use distiq_store::{Schema, params};

    use super::*;

    static SCHEMA: Schema = Schema { name: "w", steps: &["CREATE TABLE t(n INTEGER) STRICT"] };

    struct Insert {
        n: i64,
        reply: mpsc::Sender<Option<String>>,
    }

    impl Job for Insert {
        fn run(&mut self, tx: &Tx<'_>) -> bool {
            tx.execute("INSERT INTO t VALUES (?1)", params![self.n]).unwrap();
            assert!(self.n >= 0, "a fault");
            self.n % 10 != 3
        }

        fn done(self: Box<Self>, error: Option<StoreError>) {
            let _ = self.reply.send(error.map(|error| error.to_string()));
        }
    }

    #[test]
    fn survives_a_panicking_job_undoes_what_failed_and_finishes_the_queue_before_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let db = Arc::new(Database::open(&folder.path().join("w.db"), &SCHEMA).unwrap());
        let writer = Writer::start(&db).unwrap();
        std::panic::set_hook(Box::new(|_| ()));
        let (reply, replies) = mpsc::channel();
        assert!(writer.queue(Insert { n: -1, reply: reply.clone() }));
        for n in 0..1_000 {
            assert!(writer.queue(Insert { n, reply: reply.clone() }));
        }
        drop((writer, reply));
        let count = db.read(|tx| tx.one("SELECT count(*) FROM t", params![], |row| row.get(0)));
        assert_eq!(count.unwrap(), Some(900_i64));
        assert!(replies.iter().all(|error| error.is_none()));
    }
}
