//! The cache of answers: found at once, written beside the request.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;

use distiq_base::{Money, Usage};
use distiq_store::{Database, StoreError};
use serde::{Deserialize, Serialize};

use super::agree::agree;
use super::asked::{Asked, Key};
use super::disk;
use super::question::Question;
use super::{CacheOptions, Verdict};

/// The longest answer that is kept, in bytes.
const MAX_ANSWER: usize = 256 << 10;
/// Most answers that wait to be written.
const MAX_WAITING: usize = 1_000;
/// How far a clock may have gone back before an answer is taken for one of another time.
const CLOCK_SLACK_MS: i64 = 60_000;
/// Most jobs of one transaction.
const BATCH: usize = 256;
/// How many answers are kept between two looks at the bounds.
const TRIM_EVERY: usize = 64;

/// An answer that is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// The model that answered.
    pub model: String,
    /// Its texts, in order.
    pub texts: Vec<String>,
    /// What it was billed by.
    pub usage: Usage,
    /// What it cost.
    pub cost: Option<Money>,
}

/// An answer that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The entry, as `distiq cache evict` names it.
    pub id: String,
    /// The answer.
    pub answer: Kept,
    /// How it was found.
    pub verdict: Verdict,
}

/// What is in the cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CacheStats {
    /// Answers.
    pub entries: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How often they were given again.
    pub hits: u64,
    /// What that would have cost.
    pub saved_nanousd: Money,
    /// When the oldest came, in milliseconds since 1970.
    pub oldest_ms: Option<i64>,
}

/// An entry as it is kept.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub id: String,
    pub key: Key,
    pub form: Option<Key>,
    pub question: Option<String>,
    pub owner: String,
    pub model: String,
    pub at_ms: i64,
    pub body: String,
}

/// What is to be written.
pub(crate) enum Job {
    Keep(Arc<Entry>),
    Used(String, i64),
    Drop(String),
}

/// Answers of earlier requests, in a database that processes share. Nothing of it ever fails its caller.
pub struct ResponseCache {
    options: CacheOptions,
    shared: Arc<Shared>,
    writer: Mutex<Option<(Sender<Job>, JoinHandle<()>)>>,
}

struct Shared {
    db: OnceLock<Option<Database>>,
    /// What is not written yet.
    waiting: Mutex<HashMap<Key, Arc<Entry>>>,
    broken: AtomicBool,
}

impl std::fmt::Debug for ResponseCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResponseCache").field("options", &self.options).finish_non_exhaustive()
    }
}

impl ResponseCache {
    /// Makes a cache; its database is opened when it is first asked.
    pub fn new(options: CacheOptions) -> Self {
        let shared = Shared {
            db: OnceLock::new(),
            waiting: Mutex::default(),
            broken: AtomicBool::new(false),
        };
        Self { options, shared: Arc::new(shared), writer: Mutex::default() }
    }

    /// Returns how it is kept.
    pub const fn options(&self) -> &CacheOptions {
        &self.options
    }

    /// Finds an answer.
    pub fn find(&self, asked: &Asked, now_ms: i64) -> Option<Found> {
        let waiting = self.waiting(|waiting| waiting.get(&asked.key).cloned());
        let exact = waiting
            .map(|entry| (*entry).clone())
            .or_else(|| self.read(|db| disk::by_key(db, &asked.key)));
        if let Some(found) = exact.and_then(|entry| self.open(&entry, Verdict::Hit, now_ms)) {
            return Some(found);
        }
        let (form, _, question) = asked.question.as_ref().filter(|_| self.options.semantic)?;
        let waiting = self.waiting(|waiting| {
            let same = waiting.values().filter(|entry| entry.form.as_ref() == Some(form));
            same.map(|entry| (**entry).clone()).collect::<Vec<_>>()
        });
        let kept = self.read(|db| disk::by_form(db, form).map(Some)).unwrap_or_default();
        waiting.iter().chain(&kept).find_map(|entry| {
            let other = Question::read(entry.question.as_deref()?)?;
            agree(question, &other).ok()?;
            self.open(entry, Verdict::Semantic, now_ms)
        })
    }

    /// Keeps an answer; one that is empty or too long is not.
    pub fn keep(&self, asked: &Asked, answer: &Kept, now_ms: i64) {
        let bytes: usize = answer.texts.iter().map(String::len).sum();
        if bytes == 0 || bytes > MAX_ANSWER {
            return;
        }
        let Ok(body) = serde_json::to_string(answer) else { return };
        let (form, question) =
            asked.question.as_ref().map(|(form, text, _)| (*form, text.clone())).unzip();
        let entry = Arc::new(Entry {
            id: id(&asked.key, now_ms),
            key: asked.key,
            form,
            question,
            owner: asked.owner.clone(),
            model: asked.model.clone(),
            at_ms: now_ms,
            body,
        });
        let is_taken = self.waiting(|waiting| {
            let has_room = waiting.len() < MAX_WAITING;
            if has_room {
                waiting.insert(entry.key, Arc::clone(&entry));
            }
            has_room
        });
        if is_taken && !self.queue(Job::Keep(Arc::clone(&entry))) {
            self.waiting(|waiting| waiting.remove(&entry.key));
        }
    }

    /// Returns what is in it.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn stats(path: &Path) -> Result<CacheStats, StoreError> {
        disk::stats(&disk::open(path)?)
    }

    /// Removes an answer; tells whether there was one. Part of an id will do where it is one's alone.
    ///
    /// # Errors
    /// Where the database cannot be written.
    pub fn evict(path: &Path, id: &str) -> Result<bool, StoreError> {
        disk::evict(&disk::open(path)?, id)
    }

    /// Removes all answers, and returns how many there were.
    ///
    /// # Errors
    /// Where the database cannot be written.
    pub fn clear(path: &Path) -> Result<u64, StoreError> {
        disk::clear(&disk::open(path)?)
    }

    /// Takes an entry for an answer, where it is whole and of its time; else it is removed.
    fn open(&self, entry: &Entry, verdict: Verdict, now_ms: i64) -> Option<Found> {
        let age = now_ms.saturating_sub(entry.at_ms);
        let is_live = age >= -CLOCK_SLACK_MS && age < self.options.ttl_ms;
        let answer: Option<Kept> = serde_json::from_str(&entry.body).ok();
        let answer = answer.filter(|answer| {
            let bytes: usize = answer.texts.iter().map(String::len).sum();
            bytes > 0 && bytes <= MAX_ANSWER
        });
        let Some(answer) = answer.filter(|_| is_live) else {
            self.queue(Job::Drop(entry.id.clone()));
            return None;
        };
        self.queue(Job::Used(entry.id.clone(), now_ms));
        Some(Found { id: entry.id.clone(), answer, verdict })
    }

    fn waiting<T>(&self, look: impl FnOnce(&mut HashMap<Key, Arc<Entry>>) -> T) -> T {
        look(&mut self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn read<T>(&self, look: impl FnOnce(&Database) -> Result<Option<T>, StoreError>) -> Option<T> {
        look(self.shared.db(&self.options)?).ok().flatten()
    }

    /// Hands a job to the writer, which is started by the first.
    fn queue(&self, job: Job) -> bool {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if writer.is_none() {
            let (sender, jobs) = channel();
            let (shared, options) = (Arc::clone(&self.shared), self.options.clone());
            let thread = std::thread::Builder::new().name("answers".into());
            let Ok(handle) = thread.spawn(move || write(&shared, &options, &jobs)) else {
                return false;
            };
            *writer = Some((sender, handle));
        }
        writer.as_ref().is_some_and(|(sender, _)| sender.send(job).is_ok())
    }
}

impl Drop for ResponseCache {
    fn drop(&mut self) {
        let writer = self.writer.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((sender, handle)) = writer {
            drop(sender);
            // What waits is written first.
            let _ = handle.join();
        }
    }
}

impl Shared {
    fn db(&self, options: &CacheOptions) -> Option<&Database> {
        if self.broken.load(Ordering::Relaxed) {
            return None;
        }
        self.db.get_or_init(|| disk::open_or_replace(&options.path)).as_ref()
    }
}

fn write(shared: &Shared, options: &CacheOptions, jobs: &Receiver<Job>) {
    // So that bounds of an earlier run hold at once.
    let mut since_trim = TRIM_EVERY;
    while let Ok(first) = jobs.recv() {
        let batch: Vec<Job> =
            std::iter::once(first).chain(jobs.try_iter().take(BATCH - 1)).collect();
        let kept = batch.iter().filter(|job| matches!(job, Job::Keep(_))).count();
        let outcome = shared.db(options).map(|db| disk::write(db, &batch));
        if matches!(outcome, Some(Err(StoreError::Corrupt { .. }))) {
            // Its file is replaced at the next start; until then nothing is found in it.
            shared.broken.store(true, Ordering::Relaxed);
        }
        let mut waiting = shared.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        for job in &batch {
            if let Job::Keep(entry) = job
                && waiting.get(&entry.key).is_some_and(|other| Arc::ptr_eq(other, entry))
            {
                waiting.remove(&entry.key);
            }
        }
        drop(waiting);
        since_trim += kept;
        if kept > 0 && since_trim >= TRIM_EVERY {
            since_trim = 0;
            let last = batch.iter().rev().find_map(|job| match job {
                Job::Keep(entry) => Some(entry.at_ms),
                _ => None,
            });
            if let (Some(db), Some(now_ms)) = (shared.db(options), last) {
                let _ = disk::trim(db, options, now_ms);
            }
        }
    }
}

/// Names an entry: short enough to be typed.
fn id(key: &Key, now_ms: i64) -> String {
    let mut hash = blake3::Hasher::new();
    hash.update(key);
    hash.update(&now_ms.to_le_bytes());
    let hex = hash.finalize().to_hex();
    format!("a{}", hex.get(..12).unwrap_or_default())
}
