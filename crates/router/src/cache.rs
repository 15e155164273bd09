//! Answers that are given again, so that nobody pays for them twice.
//!
//! [`ResponseCache`] keeps whole answers in a database that processes share. An answer is found by all that its request
//! said ([`Asked`]), or by a question that asks the same in other words: [`question`] brings it to a plain form, and
//! [`agree`] decides whether one may be answered by another's answer. Both are pure.
//!
//! Nothing here fails its caller: what cannot be read, kept or trusted is a miss.

pub mod agree;
mod asked;
mod disk;
mod kept;
pub mod question;
pub(crate) mod serving;
pub mod vector;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

pub use asked::Asked;
pub use kept::{CacheStats, Found, Kept, ResponseCache};

/// How a cache of answers is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheOptions {
    /// The database.
    pub path: PathBuf,
    /// How long an answer is given again, in milliseconds.
    pub ttl_ms: i64,
    /// Most answers.
    pub max_entries: u64,
    /// Most bytes of answers.
    pub max_bytes: u64,
    /// Whether questions in other words count.
    pub semantic: bool,
    /// Whether it serves all that may be answered by it, not only who asks for it.
    pub serves_all: bool,
}

impl CacheOptions {
    /// Returns the usual bounds: a day, 100,000 answers, 256 MB.
    pub fn at(path: PathBuf) -> Self {
        Self {
            path,
            ttl_ms: 24 * 60 * 60 * 1_000,
            max_entries: 100_000,
            max_bytes: 256 << 20,
            semantic: true,
            serves_all: false,
        }
    }
}

/// That a request may be answered by an answer that was kept, and its own kept.
#[derive(Clone, Debug, Default)]
pub struct CacheUse {
    /// The model or route as the caller named it: answers of others are not its own.
    pub model: String,
    /// What became of it.
    pub told: CacheSlot,
}

/// Where is found what the cache did, once the request has begun.
#[derive(Clone, Debug, Default)]
pub struct CacheSlot(Arc<OnceLock<(Verdict, Option<String>)>>);

impl CacheSlot {
    /// Returns what the cache did; `None` before it was asked, or where there is none.
    pub fn get(&self) -> Option<Verdict> {
        self.0.get().map(|(verdict, _)| *verdict)
    }

    /// Returns the entry that answered, as `distiq cache evict` names it.
    pub fn entry(&self) -> Option<&str> {
        self.0.get()?.1.as_deref()
    }

    pub(crate) fn tell(&self, verdict: Verdict, entry: Option<&str>) {
        // The first word stays.
        let _ = self.0.set((verdict, entry.map(str::to_owned)));
    }
}

/// What the cache did with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It answered: the same request was answered before.
    Hit,
    /// It answered: the same was asked in other words.
    Semantic,
    /// It had no answer.
    Miss,
    /// It was not asked: such requests are never answered by it.
    Bypass,
}

impl Verdict {
    /// Returns the name in headers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Verdict::Hit => "hit",
            Verdict::Semantic => "semantic",
            Verdict::Miss => "miss",
            Verdict::Bypass => "bypass",
        }
    }
}
