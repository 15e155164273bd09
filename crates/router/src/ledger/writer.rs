//! The one thread that writes, and the one that makes it last.
//!
//! Syncing to the disk takes milliseconds, so it runs beside the writes: within 50 ms of a commit,
//! for all commits since the last time.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use distiq_store::{Database, StoreError};

/// Together with the sync itself this stays below the 100 ms that a power cut may take.
const SYNC_EVERY: Duration = Duration::from_millis(50);

type Job = Box<dyn FnOnce(&Database) + Send>;

/// Runs jobs in order on a thread; dropping it runs what is queued, syncs and ends the threads.
#[derive(Debug)]
pub(crate) struct Writer {
    jobs: Option<mpsc::Sender<Job>>,
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
        let (jobs, queue) = mpsc::channel::<Job>();
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
    pub fn queue(&self, job: impl FnOnce(&Database) + Send + 'static) -> bool {
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

fn write_all(db: &Database, queue: &mpsc::Receiver<Job>, unsynced: &Unsynced) {
    for job in queue {
        // The one who waits for a job that panics sees its answer missing; the next job is sound.
        let _ = catch_unwind(AssertUnwindSafe(|| job(db)));
        unsynced.set(|state| state.dirty = true);
    }
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

    #[test]
    fn survives_a_panicking_job_and_finishes_the_queue_before_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let db = Arc::new(Database::open(&folder.path().join("w.db"), &SCHEMA).unwrap());
        let writer = Writer::start(&db).unwrap();
        std::panic::set_hook(Box::new(|_| ()));
        assert!(writer.queue(|_| panic!("a fault")));
        for n in 0..100 {
            assert!(writer.queue(move |db| {
                db.write(|tx| tx.execute("INSERT INTO t VALUES (?1)", params![n])).unwrap();
            }));
        }
        drop(writer);
        let count = db.read(|tx| tx.one("SELECT count(*) FROM t", params![], |row| row.get(0)));
        assert_eq!(count.unwrap(), Some(100_i64));
    }
}
