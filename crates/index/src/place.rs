//! Where a project's index lies, and whose turn it is to change it.

mod own;
mod turn;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use distiq_base::atomic;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag};

use crate::error::IndexError;
use own::Own;
pub use own::temporary_folder;
pub(crate) use turn::{PATIENCE, Turn, Wait, Waited, Writing};

/// The folder in a project that holds what Distiq keeps of it.
pub(crate) const FOLDER: &str = ".distiq";
/// The name of the table's file; those of its log begin so.
pub(crate) const TABLE: &str = "index.db";
/// The name of the file that is locked by whoever changes the index.
pub(crate) const LOCK: &str = "lock";
/// How often it is looked whether somebody else's change is done, and how far it is.
const LOOK_EVERY: Duration = Duration::from_millis(10);
const HEAR_EVERY: Duration = Duration::from_millis(200);

/// The most bytes of a file of vectors that is read.
pub(crate) const MOST_VECTORS: u64 = 1 << 30;

/// Where a project's index lies: in the project, or in the user's cache where that cannot be written.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub folder: PathBuf,
}

impl Place {
    /// Finds the folder of a name, and makes it where there is none; one in the project that has links, or is another user's, is
    /// left alone.
    pub fn find(root: &Path, cache: &Path, name: &str) -> Result<Self, IndexError> {
        let own = Own::find(cache).map_err(|error| IndexError::io(cache, error))?;
        let inside = root.join(FOLDER);
        let folder = inside.join(name).join(&own.name);
        let beside = inside.join(name);
        let is_new = !folder.exists();
        let are_plain = [&inside, &beside, &folder].into_iter().all(|path| is_plain(path));
        if are_plain && make(&inside, &folder).is_ok() && is_own(&folder) {
            if is_new {
                own::sweep(&beside, &own.name);
            }
            return Ok(Self { folder });
        }
        let hash = blake3::hash(root.as_os_str().as_bytes()).to_hex();
        let above = own.cache.join("index").join(hash.get(..16).unwrap_or_default());
        let folder = above.join(name);
        make(&above, &folder).map_err(|error| IndexError::io(&folder, error))?;
        Ok(Self { folder })
    }

    /// Returns the folder of a name in the project, where this user has one there; makes none.
    pub fn known(root: &Path, cache: &Path, name: &str) -> Option<Self> {
        let own = Own::known(cache)?;
        let folder = root.join(FOLDER).join(name).join(own.name);
        folder.is_dir().then_some(Self { folder })
    }

    pub fn database(&self) -> PathBuf {
        self.folder.join(TABLE)
    }

    pub fn segment(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Waits until nobody else changes the index.
    pub fn lock(&self, wait: &Wait<'_>) -> Result<Turn, IndexError> {
        self.lock_file(LOCK, wait)
    }

    /// Returns the turn to embed, or that somebody else is at it.
    pub fn lock_vectors(&self) -> Result<Turn, IndexError> {
        self.lock_file("vectors.lock", &Wait::NOT)
    }

    /// Returns the turn to read the history, or that somebody else is at it.
    pub fn lock_history(&self) -> Result<Turn, IndexError> {
        self.lock_file("history.lock", &Wait::NOT)
    }

    fn lock_file(&self, name: &str, wait: &Wait<'_>) -> Result<Turn, IndexError> {
        let path = self.folder.join(name);
        let begin = Instant::now();
        let (mut heard, mut heard_at, mut moved) = (None, begin, begin);
        let mut file = open_lock(&path).map_err(|error| IndexError::io(&path, error))?;
        loop {
            match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(lock) => return Ok(Turn::new(lock)),
                Err((back, Errno::EWOULDBLOCK | Errno::EINTR)) => file = back,
                Err((_, error)) => return Err(IndexError::io(&path, error.into())),
            }
            if (wait.is_cancelled)() {
                return Err(IndexError::Cancelled);
            }
            if heard_at.elapsed() >= HEAR_EVERY {
                heard_at = Instant::now();
                let said = turn::hear(&path);
                if said != heard {
                    (heard, moved) = (said, heard_at);
                }
                (wait.tell)(heard.map(|(_, progress)| progress).unwrap_or_default());
            }
            let waited = Waited { all: begin.elapsed(), still: moved.elapsed() };
            if let Some(error) = (wait.given_up)(waited) {
                return Err(error);
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }
}

/// Tells whether a folder is none yet, or is one without links and pipes in it: a project that somebody else made must not lead what is
/// written out of it.
fn is_plain(folder: &Path) -> bool {
    match fs::symlink_metadata(folder) {
        Err(error) => error.kind() == io::ErrorKind::NotFound,
        Ok(data) if !data.is_dir() => false,
        Ok(_) => fs::read_dir(folder).is_ok_and(|mut entries| {
            entries.all(|entry| {
                let kind = entry.and_then(|entry| entry.file_type());
                kind.is_ok_and(|kind| kind.is_file() || kind.is_dir())
            })
        }),
    }
}

/// Makes the folder and, in that `above` it, what keeps both out of git; sees that it can be written.
fn make(above: &Path, folder: &Path) -> io::Result<()> {
    if !folder.is_dir() {
        fs::create_dir_all(folder.parent().unwrap_or(above))?;
        atomic::create_private_dir(folder)?;
    }
    let ignore = above.join(".gitignore");
    if !ignore.exists() {
        fs::write(&ignore, "*\n")?;
    }
    // The folder may be older than its being read-only.
    open_lock(&folder.join(LOCK)).map(|_| ())
}

/// Opens a file to be locked, and makes it where there is none.
fn open_lock(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    // A pipe must not be waited for.
    options.custom_flags(OFlag::O_NONBLOCK.bits()).open(path)
}

/// Tells whether a folder belongs to who runs this.
fn is_own(folder: &Path) -> bool {
    let user = nix::unistd::geteuid().as_raw();
    fs::symlink_metadata(folder).is_ok_and(|data| data.is_dir() && data.uid() == user)
}

/// Opens a file of an index, unless it is no plain one: a pipe must not be waited for.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let file = options.read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::InvalidData.into()) }
}

/// Reads a file of an index; `None` where there is none, it is no plain file, or it has more than `most` bytes.
pub(crate) fn read(path: &Path, most: u64) -> Option<Vec<u8>> {
    let file = open(path).ok()?;
    let length = file.metadata().ok()?.len();
    if length > most {
        return None;
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).ok()?);
    file.take(most).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}
