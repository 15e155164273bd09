//! The right to change an index, how far whoever has it is, and how long it is waited for.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use nix::fcntl::Flock;

use crate::error::IndexError;
use crate::refresh::Progress;

/// How often whoever changes the index says how far it is. What takes less time says nothing.
const SAY_EVERY: Duration = Duration::from_millis(250);
/// How long the change of another process is waited for where much can be done without.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// How long one that says nothing new is waited for.
const STILL: Duration = Duration::from_secs(60);

/// The right to change the index; given back when dropped, and when the process dies.
#[derive(Debug)]
pub(crate) struct Turn {
    lock: Flock<File>,
    said: Mutex<Said>,
}

#[derive(Debug)]
struct Said {
    at: Instant,
    times: u64,
    progress: Progress,
}

/// How somebody waits for a turn.
pub(crate) struct Wait<'a> {
    pub is_cancelled: &'a dyn Fn() -> bool,
    /// Told now and then how far the other is.
    pub tell: &'a dyn Fn(Progress),
    /// Returns why it is waited no longer.
    pub given_up: &'a dyn Fn(Waited) -> Option<IndexError>,
}

/// How long it was waited, and how long the other has not moved meanwhile.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Waited {
    pub all: Duration,
    pub still: Duration,
}

impl Waited {
    /// Tells whether the other has made no progress for too long.
    pub fn is_stuck(self) -> bool {
        self.still > STILL
    }
}

impl Wait<'static> {
    /// Waits not at all.
    pub const NOT: Self =
        Self { is_cancelled: &|| false, tell: &|_| (), given_up: &|_| Some(IndexError::Busy) };
    /// Waits twenty seconds.
    pub const A_WHILE: Self = Self {
        given_up: &|waited| (waited.all > PATIENCE).then_some(IndexError::Busy),
        ..Self::NOT
    };
    /// Waits as long as the other makes progress.
    pub const ON: Self =
        Self { given_up: &|waited| waited.is_stuck().then_some(IndexError::Busy), ..Self::NOT };
}

impl Turn {
    pub(super) fn new(lock: Flock<File>) -> Self {
        let said = Said { at: Instant::now(), times: 0, progress: Progress::default() };
        Self { lock, said: Mutex::new(said) }
    }

    /// Says to whoever waits that the work goes on, and how far it is where that is known. May be called often.
    pub fn say(&self, progress: Option<Progress>) {
        let Ok(mut said) = self.said.try_lock() else { return };
        said.progress = progress.unwrap_or(said.progress);
        if said.at.elapsed() < SAY_EVERY {
            return;
        }
        (said.at, said.times) = (Instant::now(), said.times + 1);
        let Progress { done, total } = said.progress;
        // Of one length, so that each takes the whole place of the one before.
        let text = format!("{:20} {done:20} {total:20}\n", said.times);
        // Without it others wait less patiently.
        let _ = self.lock.write_all_at(text.as_bytes(), 0);
    }
}

/// Returns what was said last in a lock's file: how many times, and how far the work is.
pub(super) fn hear(path: &Path) -> Option<(u64, Progress)> {
    let text = String::from_utf8(super::read(path, 1 << 10)?).ok()?;
    let mut numbers = text.split_whitespace().map(str::parse);
    let mut next = || numbers.next()?.ok();
    Some((next()?, Progress { done: next()?, total: next()? }))
}

/// A file that is written, which is progress.
pub(crate) struct Writing<'a> {
    pub file: &'a mut File,
    pub turn: &'a Turn,
}

impl Write for Writing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.turn.say(None);
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
