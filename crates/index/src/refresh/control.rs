//! How a long work is followed and ended, and what came of it.

use std::time::Duration;

/// How a caller follows a long work and ends it.
#[derive(Clone, Copy, Default)]
pub struct Control<'a> {
    /// Told now and then how far it is.
    pub progress: Option<&'a (dyn Fn(Progress) + Sync)>,
    /// Asked often whether to give up.
    pub is_cancelled: Option<&'a (dyn Fn() -> bool + Sync)>,
    /// Most threads that read files. How many there were says nothing of what a search finds; the bytes of the index
    /// are the same each time only where there is one.
    pub threads: Option<usize>,
    /// From how many bytes of text on what a thread has read is kept before it reads on: 4 MiB where not said.
    pub keep_bytes: Option<u64>,
    /// How long a change that another process makes is waited for.
    pub patience: Patience,
    /// Told now and then, while another process is waited for, how far that is; all 0 where it does not say.
    pub waiting: Option<&'a (dyn Fn(Progress) + Sync)>,
}

/// How long a change that another process makes is waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Patience {
    /// Twenty seconds where the index was finished once, else as long as the other makes progress.
    #[default]
    ToSearch,
    /// As long as the other makes progress.
    ToTheEnd,
    /// At most so long.
    AtMost(Duration),
}

impl std::fmt::Debug for Control<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Control")
    }
}

impl Control<'_> {
    pub(crate) fn is_cancelled(&self) -> bool {
        self.is_cancelled.is_some_and(|is_cancelled| is_cancelled())
    }
}

/// How far a refresh is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Files read.
    pub done: u64,
    /// Files to read.
    pub total: u64,
}

/// Files and folders that the user has no permission to read, or that failed to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unreadable {
    /// How many.
    pub count: u64,
    /// The first of them by their paths, at most [`Unreadable::MOST`]; those of folders end with `/`.
    pub paths: Vec<String>,
}

impl Unreadable {
    /// Most paths that are told.
    pub const MOST: usize = 5;

    pub(super) fn add(&mut self, path: &str) {
        self.count += 1;
        self.paths.push(path.to_owned());
        self.paths.sort();
        self.paths.truncate(Self::MOST);
    }
}

/// What a refresh did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refreshed {
    /// Files seen.
    pub files: u64,
    /// Files read anew: new ones and those that changed.
    pub read: u64,
    /// Files that are gone.
    pub removed: u64,
    /// Files and folders that were left out, since their names are no text or hold a key.
    pub left_out: u64,
    /// Files and folders that were found to be unreadable, and were not known to be.
    pub unreadable: Unreadable,
    /// Whether there are more files than [`MAX_FILES`](crate::MAX_FILES); the others are left out, and nobody counted them.
    pub is_full: bool,
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::mpsc::channel;
    use std::{fs, thread};

    use super::*;
    use crate::place::{Wait, Waited};
    use crate::{Index, IndexError};

    fn project(folder: &Path) -> Index {
        let root = folder.join("project");
        fs::create_dir_all(&root).unwrap();
        fs::write(root.join("a.py"), "def only_one():\n    return 1\n").unwrap();
        Index::open(&root, &folder.join("cache")).unwrap()
    }

    #[test]
    fn an_index_that_another_process_builds_is_waited_for_while_that_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let index = project(folder.path());
        let turn = index.place.lock(&Wait::ON).unwrap();
        let far = Progress { done: 3, total: 4 };
        let (send, waiting) = channel();
        thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let own = project(folder.path());
                let tell = |progress| {
                    let _ = send.send(progress);
                };
                own.refresh(&Control { waiting: Some(&tell), ..Control::default() })
            });
            while waiting.recv().unwrap() != far {
                turn.say(Some(far));
            }
            assert!(!reader.is_finished());
            drop(turn);
            assert_eq!(reader.join().unwrap().unwrap().files, 1);
        });
        let is_stuck = |seconds| {
            let still = Duration::from_secs(seconds);
            Waited { all: still * 100, still }.is_stuck()
        };
        assert!(!is_stuck(59) && is_stuck(61));
    }

    #[test]
    fn what_is_searched_without_a_wait_depends_on_whether_there_is_anything() {
        let folder = tempfile::tempdir().unwrap();
        let index = project(folder.path());
        let briefly = Patience::AtMost(Duration::from_millis(30));
        let busy = || {
            let _turn = index.place.lock(&Wait::ON).unwrap();
            let other = project(folder.path());
            other.refresh(&Control { patience: briefly, ..Control::default() }).unwrap_err()
        };
        assert!(matches!(busy(), IndexError::Building));
        index.refresh(&Control::default()).unwrap();
        assert!(matches!(busy(), IndexError::Busy));
        Index::rebuild(index.root(), &folder.path().join("cache")).unwrap();
        let rebuilt = project(folder.path());
        let _turn = rebuilt.place.lock(&Wait::ON).unwrap();
        let other = project(folder.path());
        let error = other.refresh(&Control { patience: briefly, ..Control::default() });
        assert!(matches!(error.unwrap_err(), IndexError::Building));
    }
}
