//! The jobs that write, one transaction at a time, and the thread that makes them last.
//!
//! A caller who finds nobody writing writes on its own thread, without ever waiting for another process; else
//! the writer's thread does. What is queued while a transaction runs goes into the next one together. Where one of the jobs
//! fails, each goes into a transaction of its own: savepoints would copy every page that is touched,
//! and a failure is as rare as a full disk. Each transaction begins with what the journals have, so that it sees all
//! requests. Folding them and syncing to the disk takes milliseconds, so it runs beside the writes: within
//! 50 ms of a commit or an append, for all since the last time.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use distiq_store::{Database, StoreError, Tx};

use super::journal::Journals;

/// Together with the sync itself this stays below the 100 ms that a power cut may take.
const SYNC_EVERY: Duration = Duration::from_millis(50);
/// Most jobs of one transaction.
const MAX_BATCH: usize = 128;
/// Requests under way from which on writes are gathered.
const CROWD: usize = 6;
/// How long.
const GATHERING: Duration = Duration::from_micros(400);
/// Most transactions that a caller makes on its own thread before it goes on.
const MOST_TURNS: usize = 3;
/// Transactions, of about ten pages each, after which the log is folded into the file.
const CHECKPOINT_EVERY: u32 = 200;
/// How many of them the folding of a journal is as long as.
const TRANSACTIONS_OF_A_FOLD: u32 = 20;
/// Bytes of journals that are not left waiting.
const MANY_BYTES: u64 = 256 << 10;

/// Something to be written.
pub(crate) trait Job: Send {
    /// Does it; `false` where what it has written must be undone. It may be called again where a
    /// transaction with others failed.
    fn run(&mut self, tx: &Tx<'_>) -> bool;

    /// Tells whoever waits: it is committed, or `error` says why not.
    fn done(self: Box<Self>, error: Option<StoreError>);
}

/// Runs jobs in order; dropping it runs what is queued, syncs and ends the threads.
#[derive(Debug)]
pub(crate) struct Writer {
    db: Arc<Database>,
    /// None where each commit waits for the disk, and so must each row.
    journals: Option<Arc<Journals>>,
    queue: Arc<Queue>,
    unsynced: Arc<Unsynced>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Queue {
    state: Mutex<Queued>,
    changed: Condvar,
    under_way: AtomicUsize,
}

#[derive(Default)]
struct Queued {
    jobs: VecDeque<Box<dyn Job>>,
    /// How many jobs the thread waits for.
    wanted: usize,
    /// How many jobs the last transaction had.
    last: usize,
    /// Somebody writes: the thread, or a caller who found nobody writing.
    is_taken: bool,
    ending: bool,
    over: bool,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Queue")
    }
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, Queued> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes the thread where it has enough to do.
    fn tell(&self, state: MutexGuard<'_, Queued>) {
        let is_enough = !state.is_taken && state.jobs.len() >= state.wanted;
        drop(state);
        if is_enough {
            self.changed.notify_one();
        }
    }

    /// Returns how many requests are under way, each of which will write again.
    fn crowd(&self) -> usize {
        self.under_way.load(Ordering::Relaxed)
    }

    /// Returns how many jobs are worth a moment's wait: none, where the last transaction had to itself
    /// what it wrote, as among streams that are open for long.
    fn expected(&self, state: &Queued) -> usize {
        let crowd = self.crowd();
        match crowd < CROWD || state.last <= 1 {
            true => 1,
            false => (crowd - crowd / 4).min(state.last * 2).min(MAX_BATCH),
        }
    }

    /// Lets go of the turn to write; the thread goes on where something is left.
    fn release(&self, mut state: MutexGuard<'_, Queued>) {
        state.is_taken = false;
        let is_left = !state.jobs.is_empty() || state.ending;
        drop(state);
        if is_left {
            self.changed.notify_one();
        }
    }
}

#[derive(Debug, Default)]
struct Unsynced {
    state: Mutex<SyncState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct SyncState {
    dirty: bool,
    /// So much is in the journals that it should be folded now.
    many: bool,
    ending: bool,
    /// Transactions since the log was folded into the file.
    unfolded: u32,
    failure: Option<StoreError>,
}

impl Unsynced {
    fn state(&self) -> MutexGuard<'_, SyncState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a commit.
    fn note(&self) {
        let mut state = self.state();
        state.unfolded = state.unfolded.saturating_add(1);
        // While it is dirty, the thread has been told.
        if !std::mem::replace(&mut state.dirty, true) {
            drop(state);
            self.changed.notify_one();
        }
    }

    /// Notes that something was appended to a journal, and how much of them waits.
    fn note_append(&self, behind: u64) {
        let mut state = self.state();
        let many = behind >= MANY_BYTES && !state.many;
        state.many |= many;
        if !std::mem::replace(&mut state.dirty, true) || many {
            drop(state);
            self.changed.notify_one();
        }
    }

    fn end(&self) {
        self.state().ending = true;
        self.changed.notify_one();
    }
}

impl Writer {
    pub fn start(db: &Arc<Database>, journals: Option<Arc<Journals>>) -> std::io::Result<Self> {
        // Where the engine refuses, commits fold the log themselves, and the thread makes them.
        let _ = db.checkpoint_apart();
        let (queue, unsynced) = (Arc::<Queue>::default(), Arc::<Unsynced>::default());
        let mut writer =
            Self { db: Arc::clone(db), journals, queue, unsynced, threads: Vec::new() };
        writer.spawn("ledger-write", {
            let (place, queue) = (writer.place(), Arc::clone(&writer.queue));
            let unsynced = Arc::clone(&writer.unsynced);
            move || write_all(&place, &queue, &unsynced)
        })?;
        writer.spawn("ledger-sync", {
            let (place, unsynced) = (writer.place(), Arc::clone(&writer.unsynced));
            move || sync_all(&place, &unsynced)
        })?;
        Ok(writer)
    }

    fn place(&self) -> Place {
        Place { db: Arc::clone(&self.db), journals: self.journals.clone() }
    }

    /// Returns the journals, where rows may go there.
    pub fn journals(&self) -> Option<&Arc<Journals>> {
        self.journals.as_ref()
    }

    /// Notes that something was appended to a journal.
    pub fn appended(&self, journals: &Journals) {
        self.unsynced.note_append(journals.behind());
    }

    fn spawn(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        self.threads.push(thread::Builder::new().name(name.to_owned()).spawn(work)?);
        Ok(())
    }

    /// Queues a job; `false` when the thread is gone.
    pub fn queue(&self, job: impl Job + 'static) -> bool {
        let mut state = self.queue.state();
        if state.over {
            return false;
        }
        state.jobs.push_back(Box::new(job));
        self.queue.tell(state);
        true
    }

    /// Runs a job at once, with what is queued, where nobody writes at this moment and few are about to; else it
    /// is queued. `false` when the thread is gone.
    ///
    /// To wake a thread and to be woken by it takes as long as the write itself; but of many writes, those that
    /// share a transaction cost a fraction.
    pub fn run(&self, job: impl Job + 'static) -> bool {
        let mut state = self.queue.state();
        if state.over {
            return false;
        }
        state.jobs.push_back(Box::new(job));
        if state.is_taken || self.queue.expected(&state) > 1 {
            self.queue.tell(state);
            return true;
        }
        state.is_taken = true;
        for _ in 0..MOST_TURNS {
            let batch = take_batch(&mut state);
            if batch.is_empty() {
                break;
            }
            drop(state);
            let left = write_batch(&self.db, self.journals.as_deref(), batch, Way::Now);
            self.unsynced.note();
            state = self.queue.state();
            if !left.is_empty() {
                left.into_iter().rev().for_each(|job| state.jobs.push_front(job));
                break;
            }
        }
        self.queue.release(state);
        true
    }

    /// Notes that a request begins.
    pub fn begins(&self) {
        self.queue.under_way.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns what notes that a request is over.
    pub fn ends(&self) -> impl FnOnce() + Send + 'static + use<> {
        let queue = Arc::clone(&self.queue);
        move || {
            let less = |count: usize| count.checked_sub(1);
            let _ = queue.under_way.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        }
    }

    /// Returns how many requests are under way.
    #[cfg(test)]
    pub fn crowd(&self) -> usize {
        self.queue.crowd()
    }

    /// Returns why the last sync failed, once.
    pub fn take_failure(&self) -> Option<StoreError> {
        self.unsynced.state().failure.take()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue.state().ending = true;
        self.queue.changed.notify_one();
        for (index, thread) in self.threads.drain(..).enumerate() {
            if index > 0 {
                self.unsynced.end();
            }
            // A panic there was caught; there is nobody to tell of another.
            let _ = thread.join();
        }
    }
}

fn take_batch(state: &mut Queued) -> Vec<Box<dyn Job>> {
    let count = state.jobs.len().min(MAX_BATCH);
    if count > 0 {
        state.last = count;
    }
    state.jobs.drain(..count).collect()
}

/// What the threads write to.
struct Place {
    db: Arc<Database>,
    journals: Option<Arc<Journals>>,
}

fn write_all(place: &Place, queue: &Queue, unsynced: &Unsynced) {
    loop {
        let mut state = queue.state();
        state.wanted = 1;
        let is_idle =
            |state: &mut Queued| state.is_taken || (state.jobs.is_empty() && !state.ending);
        let waited = queue.changed.wait_while(state, is_idle);
        let mut state = gather(queue, waited.unwrap_or_else(PoisonError::into_inner));
        if state.is_taken {
            continue;
        }
        let batch = take_batch(&mut state);
        if batch.is_empty() {
            // A caller may have written what was waited with.
            state.over = state.ending;
            match state.over {
                true => return,
                false => continue,
            }
        }
        state.is_taken = true;
        drop(state);
        write_batch(&place.db, place.journals.as_deref(), batch, Way::Patiently);
        unsynced.note();
        queue.state().is_taken = false;
    }
}

/// Waits a little for more jobs, where many requests are under way.
fn gather<'a>(queue: &'a Queue, mut state: MutexGuard<'a, Queued>) -> MutexGuard<'a, Queued> {
    let wanted = queue.expected(&state);
    if wanted <= 1 || state.ending {
        return state;
    }
    state.wanted = wanted;
    let is_few = |state: &mut Queued| state.jobs.len() < wanted && !state.ending && !state.is_taken;
    let waited = queue.changed.wait_timeout_while(state, GATHERING, is_few);
    waited.unwrap_or_else(PoisonError::into_inner).0
}

/// How long a transaction may take to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// It waits for other processes.
    Patiently,
    /// It begins now or not at all.
    Now,
}

/// Writes jobs in one transaction; where that fails, each in its own, so that each hears its own
/// error. Returns the jobs that would have had to wait.
fn write_batch(
    db: &Database,
    journals: Option<&Journals>,
    mut batch: Vec<Box<dyn Job>>,
    way: Way,
) -> Vec<Box<dyn Job>> {
    let work = |tx: &Tx<'_>| {
        let folded = match journals {
            Some(journals) if journals.is_behind()? => Some(journals.fold(tx)?),
            _ => None,
        };
        match batch.iter_mut().all(|job| run(tx, job.as_mut())) {
            true => Ok(folded),
            false => Err(Fault::Job),
        }
    };
    let written = match way {
        Way::Patiently => db.write(work).map(Some),
        Way::Now => db.try_write(work),
    };
    match written {
        Ok(None) => return batch,
        Ok(Some(folded)) => {
            if let (Some(journals), Some(folded)) = (journals, folded) {
                journals.committed(folded);
            }
            batch.into_iter().for_each(|job| done(job, None));
        }
        Err(fault) if batch.len() == 1 => {
            let mut error = match fault {
                Fault::Store(error) => Some(error),
                Fault::Job => None,
            };
            batch.into_iter().for_each(|job| done(job, error.take()));
        }
        Err(_) => {
            let alone = |job| write_batch(db, journals, vec![job], way);
            return batch.into_iter().flat_map(alone).collect();
        }
    }
    Vec::new()
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

fn sync_all(place: &Place, unsynced: &Unsynced) {
    loop {
        let idle = unsynced
            .changed
            .wait_while(unsynced.state(), |state| !state.dirty && !state.ending)
            .unwrap_or_else(PoisonError::into_inner);
        // Others join this sync until it begins.
        let (mut state, _) = unsynced
            .changed
            .wait_timeout_while(idle, SYNC_EVERY, |state| !state.ending && !state.many)
            .unwrap_or_else(PoisonError::into_inner);
        let ending = state.ending;
        state.many = false;
        if std::mem::take(&mut state.dirty) {
            drop(state);
            if let Err(error) = place.fold(unsynced, ending).and_then(|()| place.sync(unsynced)) {
                let mut state = unsynced.state();
                // What is not in the database yet is tried again.
                state.dirty |= !ending && place.is_behind();
                state.failure = Some(error);
            }
        } else {
            drop(state);
        }
        if ending {
            // Who opens the ledger next folds and removes what stays.
            let _ = place.journals.as_ref().map(|journals| journals.clear_own(&place.db, true));
            return;
        }
    }
}

impl Place {
    fn is_behind(&self) -> bool {
        self.journals.as_ref().is_some_and(|journals| journals.behind() > 0)
    }

    /// Folds this process's journals; where another one writes meanwhile, they are synced themselves, and at the end
    /// left to who opens the ledger next.
    fn fold(&self, unsynced: &Unsynced, is_end: bool) -> Result<(), StoreError> {
        let Some(journals) = self.journals.as_ref().filter(|journals| journals.behind() > 0) else {
            return Ok(());
        };
        match self.db.try_write(|tx| journals.fold(tx))? {
            Some(folded) => journals.committed(folded),
            None if is_end => return journals.sync(),
            None => {
                journals.sync()?;
                journals.catch_up(&self.db)?;
            }
        }
        let mut state = unsynced.state();
        state.unfolded = state.unfolded.saturating_add(TRANSACTIONS_OF_A_FOLD);
        drop(state);
        journals.clear_own(&self.db, false)
    }

    /// Syncs what is committed, and folds the log into the file from time to time.
    fn sync(&self, unsynced: &Unsynced) -> Result<(), StoreError> {
        let folds = {
            let mut state = unsynced.state();
            let folds = state.unfolded >= CHECKPOINT_EVERY;
            if folds {
                state.unfolded = 0;
            }
            folds
        };
        self.db.sync()?;
        if folds { self.db.checkpoint() } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

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
        let writer = Writer::start(&db, None).unwrap();
        std::panic::set_hook(Box::new(|_| ()));
        let (reply, replies) = mpsc::channel();
        assert!(writer.queue(Insert { n: -1, reply: reply.clone() }));
        for n in 0..500 {
            assert!(writer.queue(Insert { n, reply: reply.clone() }));
        }
        assert!(writer.run(Insert { n: -1, reply: reply.clone() }));
        thread::scope(|scope| {
            for part in 0..5 {
                let (writer, reply) = (&writer, reply.clone());
                scope.spawn(move || {
                    for n in 500 + part * 100..600 + part * 100 {
                        assert!(writer.run(Insert { n, reply: reply.clone() }));
                    }
                });
            }
        });
        drop((writer, reply));
        let count = db.read(|tx| tx.one("SELECT count(*) FROM t", params![], |row| row.get(0)));
        assert_eq!(count.unwrap(), Some(900_i64));
        assert!(replies.iter().all(|error| error.is_none()));
    }
}
