//! Where a project's index lies, and whose turn it is to change it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use crate::error::IndexError;

/// The folder in a project that holds what Distiq keeps of it.
pub(crate) const FOLDER: &str = ".distiq";
/// How long somebody else's change is waited for.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Where a project's index lies: in the project, or in the user's cache where that cannot be written.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub folder: PathBuf,
}

impl Place {
    /// Finds the folder of a name, and makes it where there is none; one in the project that has links is left alone.
    pub fn find(root: &Path, cache: &Path, name: &str) -> Result<Self, IndexError> {
        let inside = root.join(FOLDER);
        if is_plain(&inside) && is_plain(&inside.join(name)) && make(&inside, name).is_ok() {
            return Ok(Self { folder: inside.join(name) });
        }
        let hash = blake3::hash(root.as_os_str().as_bytes()).to_hex();
        let folder = cache.join("index").join(hash.get(..16).unwrap_or_default());
        make(&folder, name).map_err(|error| IndexError::io(&folder, error))?;
        Ok(Self { folder: folder.join(name) })
    }

    pub fn database(&self) -> PathBuf {
        self.folder.join("index.db")
    }

    pub fn segment(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Waits until nobody else changes the index.
    pub fn lock(&self, is_cancelled: &dyn Fn() -> bool) -> Result<Turn, IndexError> {
        self.lock_file("lock", PATIENCE, is_cancelled)
    }

    /// Returns the turn to embed, or that somebody else is at it.
    pub fn lock_vectors(&self) -> Result<Turn, IndexError> {
        self.lock_file("vectors.lock", Duration::ZERO, &|| false)
    }

    /// Returns the turn to read the history, or that somebody else is at it.
    pub fn lock_history(&self) -> Result<Turn, IndexError> {
        self.lock_file("history.lock", Duration::ZERO, &|| false)
    }

    fn lock_file(
        &self,
        name: &str,
        patience: Duration,
        is_cancelled: &dyn Fn() -> bool,
    ) -> Result<Turn, IndexError> {
        let path = self.folder.join(name);
        let begin = Instant::now();
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let mut file: File = options.open(&path).map_err(|error| IndexError::io(&path, error))?;
        loop {
            match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(lock) => return Ok(Turn { _lock: lock }),
                Err((back, Errno::EWOULDBLOCK | Errno::EINTR)) => file = back,
                Err((_, error)) => return Err(IndexError::io(&path, error.into())),
            }
            if is_cancelled() {
                return Err(IndexError::Cancelled);
            }
            if begin.elapsed() > patience {
                return Err(IndexError::Busy);
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }
}

/// The right to change the index; given back when dropped, and when the process dies.
#[derive(Debug)]
pub(crate) struct Turn {
    _lock: Flock<File>,
}

/// Tells whether a folder is none yet, or is one without links in it: a project that somebody else made must not lead what is
/// written out of it.
fn is_plain(folder: &Path) -> bool {
    match fs::symlink_metadata(folder) {
        Err(error) => error.kind() == io::ErrorKind::NotFound,
        Ok(data) if !data.is_dir() => false,
        Ok(_) => fs::read_dir(folder).is_ok_and(|mut entries| {
            entries.all(|entry| {
                entry.and_then(|entry| entry.file_type()).is_ok_and(|kind| !kind.is_symlink())
            })
        }),
    }
}

/// Makes the folder with what keeps it out of git, and sees that it can be written.
fn make(folder: &Path, name: &str) -> io::Result<()> {
    fs::create_dir_all(folder.join(name))?;
    let ignore = folder.join(".gitignore");
    if !ignore.exists() {
        fs::write(&ignore, "*\n")?;
    }
    // The folder may be older than its being read-only.
    let probe = folder.join(name).join("lock");
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(probe).map(|_| ())
}
