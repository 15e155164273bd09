//! The project's past, as git has it: which files past commits changed, and in which words.
//!
//! It lies in one file beside the index ([`stored`]) and is read with git ([`log`]) when what is checked out has changed:
//! new commits alone where they follow those that are known, else all. Nothing but terms, paths and times is kept of a
//! commit. A search asks it ([`look`]) where it is there, and goes without where it is not.

mod log;
mod look;
mod message;
mod signal;
mod stored;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use distiq_base::atomic;

pub(crate) use log::moved_head;
pub(crate) use look::{History, PAST};
pub(crate) use signal::OfPast;
pub(crate) use stored::fuzzed;

use crate::place::{self, Place};
use log::{Ending, Range, Source};
use stored::{MOST_COMMITS, Stored};

/// How long a reading may take in all.
const PATIENCE: Duration = Duration::from_secs(60);
/// How many commits are read at a time.
const STEP: u32 = 1_000;
/// A longer file is not what was written.
const MOST_BYTES: u64 = 128 << 20;
/// The file's name.
const NAME: &str = "history";

/// Length and time of a file, by which it is known to be the same.
type Seen = (u64, Option<SystemTime>);

/// The history's file, and what was read of it last.
#[derive(Debug)]
pub(crate) struct Record {
    place: Place,
    state: Mutex<Option<(Seen, Arc<History>)>>,
}

impl Record {
    pub fn new(place: Place) -> Self {
        Self { place, state: Mutex::default() }
    }

    fn path(&self) -> PathBuf {
        self.place.folder.join(NAME)
    }

    /// Returns what is known; `None` where nothing is. A damaged file is removed, so that the next reading makes it anew.
    pub fn history(&self) -> Option<Arc<History>> {
        let path = self.path();
        let data = fs::metadata(&path).ok()?;
        let seen = (data.len(), data.modified().ok());
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, history)) = state.as_ref().filter(|(known, _)| *known == seen) {
            return Some(Arc::clone(history));
        }
        let Some(stored) = read(&path) else {
            let _ = fs::remove_file(&path);
            return None;
        };
        let history = Arc::new(History::new(stored));
        *state = Some((seen, Arc::clone(&history)));
        Some(history)
    }

    /// Tells whether git may know more than the file; takes microseconds.
    pub fn is_behind(&self, root: &Path) -> bool {
        let file = place::open(&self.path());
        match (log::stamp(root), file) {
            (Some(stamp), Ok(mut file)) => !Stored::is_current(&mut file, &stamp),
            (stamp, file) => stamp.is_some() || file.is_ok(),
        }
    }

    /// Reads what is new; `true` where nothing is left to be read. What was read until it was given up is kept. Nothing is
    /// done where another process is at it.
    pub fn update(&self, root: &Path, is_cancelled: &(dyn Fn() -> bool + Sync)) -> bool {
        let Ok(_turn) = self.place.lock_history() else { return false };
        let path = self.path();
        let Some(stamp) = log::stamp(root) else {
            let _ = fs::remove_file(&path);
            return true;
        };
        let ending = Ending { at: Instant::now() + PATIENCE, is_cancelled };
        let source = Source::Folder(root.to_path_buf());
        let Some(head) = source.head(&ending) else {
            // No commit yet, no git, or one who does not trust the repository's owner.
            let _ = fs::remove_file(&path);
            return true;
        };
        let known = read(&path)
            .filter(|known| known.stamp.ground == stamp.ground && known.head.prefix == head.prefix);
        let read = match known {
            Some(known) => follow(&source, known, head, &ending),
            None => anew(&source, head, &ending),
        };
        let Some(stored) = read.map(|read| Stored { stamp, ..read }) else { return false };
        let is_whole = stored.rest.is_none();
        // What cannot be written is read again by the next.
        atomic::write(&path, &stored.bytes(), None).is_ok() && is_whole
    }
}

/// Reads the history's file; `None` where it is not what was written.
fn read(path: &Path) -> Option<Stored> {
    Stored::read(&place::read(path, MOST_BYTES)?)
}

/// Returns the past of a revision in a repository without files; `None` where git cannot read it.
pub(crate) fn of_revision(repository: &Path, revision: &str) -> Option<History> {
    let ending = Ending { at: Instant::now() + PATIENCE, is_cancelled: &|| false };
    let head = log::Head { id: revision.to_owned(), ..log::Head::default() };
    anew(&Source::Bare(repository.to_path_buf()), head, &ending).map(History::new)
}

fn anew(source: &Source, head: log::Head, ending: &Ending<'_>) -> Option<Stored> {
    let rest = Some((head.id.clone(), 0));
    go_on(source, Stored { head, rest, ..Stored::default() }, ending)
}

/// Reads what came since, where the new commits follow the known ones; else all.
fn follow(source: &Source, known: Stored, head: log::Head, ending: &Ending<'_>) -> Option<Stored> {
    if known.head != head {
        if !source.is_before(&known.head.id, &head.id, ending) {
            return anew(source, head, ending);
        }
        let range = range(&head, Some(&known.head.id), 0);
        let (commits, is_all) = source.log(&range, ending)?;
        if !is_all {
            // Between these and the known ones others are missing.
            let rest = Some((head.id.clone(), count(&commits)));
            return Some(Stored { head, rest, ..Stored::default() }.with(&[], &commits));
        }
        return go_on(source, Stored { head, ..known.with(&commits, &[]) }, ending);
    }
    go_on(source, known, ending)
}

/// Reads older commits, as far as they are not read yet and there is time, some at a time: what they say takes longer to take in
/// than to read.
fn go_on(source: &Source, mut stored: Stored, ending: &Ending<'_>) -> Option<Stored> {
    while let Some((from, skip)) = stored.rest.clone().filter(|_| !ending.is_reached()) {
        let begin = log::Head { id: from.clone(), prefix: stored.head.prefix.clone() };
        let range = Range { most: STEP, ..range(&begin, None, skip) };
        let (commits, is_all) = source.log(&range, ending)?;
        let read = skip.saturating_add(count(&commits));
        // A commit that alone is more than is read of an answer ends it, too.
        let is_stuck = commits.is_empty() && !ending.is_reached();
        let is_end = is_stuck || is_all && count(&commits) < STEP || read >= MOST_COMMITS;
        stored.rest = (!is_end).then_some((from, read));
        stored = stored.with(&[], &commits);
    }
    Some(stored)
}

fn range<'a>(head: &'a log::Head, until: Option<&'a str>, skip: u32) -> Range<'a> {
    let most = MOST_COMMITS.saturating_sub(skip);
    Range { from: &head.id, until, skip, most, is_below: !head.prefix.is_empty() }
}

fn count(commits: &[log::Commit]) -> u32 {
    u32::try_from(commits.len()).unwrap_or(u32::MAX)
}
