//! Following the project's changes as they happen.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use crate::error::IndexError;
use crate::place::FOLDER;
use crate::refresh::{Control, Index, Refreshed, file_id};

/// How long nothing must happen before the index is brought up to date.
const QUIET: Duration = Duration::from_millis(500);
/// How long that is put off at most.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often the caller is asked whether to end.
const ASK_EVERY: Duration = Duration::from_millis(100);
/// How often the project is looked through where the kernel does not tell of its changes.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Most folders that are watched, well below what a user may have.
const MAX_FOLDERS: usize = 20_000;

/// What a watch tells of.
#[derive(Debug)]
pub enum Seen {
    /// Changes are followed from now on; `false` where the kernel tells of none and the project is looked
    /// through now and then.
    Following(bool),
    /// The index was brought up to date, or could not be, in so much time.
    Refreshed(Result<Refreshed, IndexError>, Duration),
}

impl Index {
    /// Brings the index up to date again and again, half a second after the project's last change, until
    /// `control` is cancelled. Changes of files that are ignored, or lie in folders that are, do nothing.
    ///
    /// # Errors
    /// When the project's folder is gone for longer than such a while.
    pub fn watch(
        &self,
        control: &Control<'_>,
        tell: &mut dyn FnMut(Seen),
    ) -> Result<(), IndexError> {
        // A full channel is as good as one event: something has changed.
        let (send, changes) = sync_channel(1);
        let mut root = file_id(self.root());
        let mut eyes = Eyes::open(send.clone());
        // The folders are known before their changes are followed, and what changed meanwhile is seen then.
        let _ = self.refresh(control);
        let _ = self.look(&mut eyes);
        let mut sees = self.settle(&mut eyes, control, tell);
        tell(Seen::Following(sees));
        while !control.is_cancelled() {
            let wait = if sees { Duration::MAX } else { LOOK_EVERY };
            // A folder above the root may be the one that moves, of which no event tells.
            let is_there = || root.is_some() && file_id(self.root()) == root;
            if !changed(&changes, control, wait, &is_there) {
                continue;
            }
            if !is_there() {
                self.await_project(control)?;
                root = file_id(self.root());
                eyes = Eyes::open(send.clone());
            }
            sees = self.settle(&mut eyes, control, tell);
        }
        Ok(())
    }

    /// Waits for the project's folder, which whoever puts another in its place has away for a moment.
    fn await_project(&self, control: &Control<'_>) -> Result<(), IndexError> {
        let begin = Instant::now();
        while !self.root().is_dir() && !control.is_cancelled() {
            if begin.elapsed() >= QUIET {
                return Err(IndexError::NoProject { root: self.root().to_path_buf() });
            }
            std::thread::sleep(ASK_EVERY);
        }
        Ok(())
    }

    /// Brings the index up to date until all folders are watched that it has then: what happened in a new one before it
    /// was, nobody tells. Returns `false` where not all can be watched.
    fn settle(
        &self,
        eyes: &mut Option<Eyes>,
        control: &Control<'_>,
        tell: &mut dyn FnMut(Seen),
    ) -> bool {
        loop {
            self.follow(control, tell);
            let look = self.look(eyes);
            if look != Look::New || control.is_cancelled() {
                return look != Look::Blind;
            }
        }
    }

    /// Brings the index up to date and tells of it where there was anything to do.
    fn follow(&self, control: &Control<'_>, tell: &mut dyn FnMut(Seen)) {
        let begin = Instant::now();
        match self.refresh(control) {
            // Whether the project stays away, the watch sees.
            Err(IndexError::Cancelled | IndexError::NoProject { .. }) => {}
            Ok(refreshed) if refreshed.read + refreshed.removed == 0 => {}
            other => tell(Seen::Refreshed(other, begin.elapsed())),
        }
    }

    /// Turns the eyes to the folders that have files now.
    fn look(&self, eyes: &mut Option<Eyes>) -> Look {
        let Some(open) = eyes.as_mut() else { return Look::Blind };
        let Ok(folders) = self.folders() else { return Look::Same };
        let is_new = !folders.is_subset(&open.folders);
        if folders.len() > MAX_FOLDERS || !open.look_at(folders) {
            *eyes = None;
            return Look::Blind;
        }
        if is_new { Look::New } else { Look::Same }
    }

    /// Returns the folders that have files of the index, and those around them.
    fn folders(&self) -> Result<BTreeSet<PathBuf>, IndexError> {
        let snapshot = self.snapshot()?;
        let mut folders = BTreeSet::from([self.root().to_path_buf()]);
        for file in snapshot.files() {
            let mut folder = Path::new(file.path).parent();
            while let Some(inside) = folder.filter(|folder| !folder.as_os_str().is_empty()) {
                if !folders.insert(self.root().join(inside)) {
                    break;
                }
                folder = inside.parent();
            }
        }
        Ok(folders)
    }
}

/// What the eyes see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// All folders, each of which they saw before.
    Same,
    /// All folders, some of them from now on.
    New,
    /// Not all folders can be watched.
    Blind,
}

/// Waits until something has changed and then nothing for a while, or the project's folder is no longer there; `false` where
/// the caller gave up.
fn changed(
    changes: &Receiver<()>,
    control: &Control<'_>,
    wait: Duration,
    is_there: &dyn Fn() -> bool,
) -> bool {
    let begin = Instant::now();
    loop {
        match changes.recv_timeout(ASK_EVERY) {
            Ok(()) => break,
            Err(RecvTimeoutError::Disconnected) => {
                // Nobody tells: time alone does.
                std::thread::sleep(ASK_EVERY);
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
        if control.is_cancelled() {
            return false;
        }
        if begin.elapsed() >= wait || !is_there() {
            return true;
        }
    }
    let first = Instant::now();
    let mut last = first;
    while last.elapsed() < QUIET && first.elapsed() < PATIENCE && !control.is_cancelled() {
        if changes.recv_timeout(ASK_EVERY).is_ok() {
            last = Instant::now();
        }
    }
    true
}

/// The kernel's word of changes in some folders.
struct Eyes {
    watcher: RecommendedWatcher,
    folders: BTreeSet<PathBuf>,
}

impl Eyes {
    fn open(send: SyncSender<()>) -> Option<Self> {
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            let is_own = |path: &PathBuf| path.components().any(|part| part.as_os_str() == FOLDER);
            let is_change = match &event {
                Ok(event) => {
                    !matches!(event.kind, EventKind::Access(_)) && !event.paths.iter().all(is_own)
                }
                Err(_) => true,
            };
            if is_change {
                let _ = send.try_send(());
            }
        });
        Some(Self { watcher: watcher.ok()?, folders: BTreeSet::new() })
    }

    /// Watches these folders and no others; `false` where the kernel refuses.
    fn look_at(&mut self, folders: BTreeSet<PathBuf>) -> bool {
        for gone in self.folders.difference(&folders) {
            let _ = self.watcher.unwatch(gone);
        }
        for new in folders.difference(&self.folders) {
            let watched = self.watcher.watch(new, RecursiveMode::NonRecursive);
            // A folder may have gone meanwhile; the one around it tells.
            if watched.is_err() && new.is_dir() {
                return false;
            }
        }
        self.folders = folders;
        true
    }
}
