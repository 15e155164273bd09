//! The name of this user's folder among those of a project's indexes.
//!
//! It is drawn once and kept with the user's caches. A project that somebody else made can hold an index, not one in a folder of
//! a name that nobody else knows: what lies there was written by a Distiq of this user. Nothing has to be hashed for it, and
//! whoever has another home (a container, another user, a machine that got the project as a copy) has an index of its own.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use distiq_base::atomic;

/// The file below the caches that holds the name.
const KEPT: &str = "own-folder";
/// How long a name is.
const LENGTH: usize = 32;
/// How long the folder of another user's index, or of an earlier name, stays unchanged before it is removed.
const STALE: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// What was changed since may be in use now.
const IN_USE: Duration = Duration::from_secs(24 * 60 * 60);

/// How many such folders are left beside a new one.
const MOST_OTHERS: usize = 4;

/// The folder of the user's caches that can be written, and the name that is kept in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Own {
    pub cache: PathBuf,
    pub name: String,
}

impl Own {
    /// Reads the name, drawing one where there is none; where the caches cannot be written, in a folder of the user's among the
    /// temporary ones.
    pub fn find(cache: &Path) -> io::Result<Self> {
        Self::find_beside(cache, &std::env::temp_dir())
    }

    /// Reads the name; draws none.
    pub fn known(cache: &Path) -> Option<Self> {
        Self::kept(cache).or_else(|| Self::kept(&temporary_folder()?))
    }

    fn find_beside(cache: &Path, temporaries: &Path) -> io::Result<Self> {
        let at = |cache: &Path| Self::kept(cache).map_or_else(|| Self::draw(cache), Ok);
        at(cache).or_else(|error| temporary(temporaries).map_or(Err(error), |folder| at(&folder)))
    }

    fn kept(cache: &Path) -> Option<Self> {
        let mut name = String::new();
        let file = File::open(file(cache)).ok()?;
        file.take(LENGTH as u64 + 1).read_to_string(&mut name).ok()?;
        let is_name = name.len() == LENGTH && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_name.then(|| Self { cache: cache.to_path_buf(), name })
    }

    fn draw(cache: &Path) -> io::Result<Self> {
        let path = file(cache);
        let folder = path.parent().unwrap_or(cache);
        atomic::create_private_dir(folder)?;
        let mut bytes = [0; LENGTH / 2];
        File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        let name: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        // Of two who draw at once the first to give the file its name wins; a file of something else goes.
        let drawn = folder.join(format!("{KEPT}-{name}"));
        let mut options = OpenOptions::new();
        let mut new = options.write(true).create_new(true).mode(0o600).open(&drawn)?;
        let written = new.write_all(name.as_bytes()).and_then(|()| new.sync_all());
        let linked = written.and_then(|()| match fs::hard_link(&drawn, &path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if Self::kept(cache).is_some() { Ok(()) } else { fs::rename(&drawn, &path) }
            }
            // A file system without such links.
            Err(_) => fs::rename(&drawn, &path),
            linked => linked,
        });
        let _ = fs::remove_file(&drawn);
        linked?;
        Self::kept(cache).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
}

fn file(cache: &Path) -> PathBuf {
    cache.join("index").join(KEPT)
}

/// Returns the user's own folder among the temporary ones, for who has no other; `None` where somebody else could write to it.
pub fn temporary_folder() -> Option<PathBuf> {
    temporary(&std::env::temp_dir())
}

fn temporary(temporaries: &Path) -> Option<PathBuf> {
    let user = nix::unistd::geteuid().as_raw();
    let folder = temporaries.join(format!("distiq-{user}"));
    let _ = atomic::create_private_dir(&folder);
    let data = fs::symlink_metadata(&folder).ok()?;
    let is_own = data.is_dir() && data.uid() == user && data.permissions().mode() & 0o077 == 0;
    is_own.then_some(folder)
}

/// Removes from the folder of a project's indexes what an earlier version kept in it, folders that nobody has changed for long, and
/// of the others all but the newest that nobody changed for a day: a project that goes from machine to machine with its indexes does not gather them.
pub(super) fn sweep(folder: &Path, own: &str) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut others = Vec::new();
    for entry in entries.flatten().filter(|entry| entry.file_name() != own) {
        let Ok(data) = entry.metadata() else { continue };
        if data.is_dir() {
            others.push((data.modified().unwrap_or(SystemTime::UNIX_EPOCH), entry.path()));
        } else {
            // What cannot be removed is in nobody's way.
            let _ = fs::remove_file(entry.path());
        }
    }
    others.sort_by(|a, b| b.cmp(a));
    for (place, (changed, path)) in others.into_iter().enumerate() {
        let age = changed.elapsed().unwrap_or_default();
        if age > STALE || place >= MOST_OTHERS && age > IN_USE {
            let _ = fs::remove_dir_all(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_drawn_once_whoever_asks() {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("cache");
        assert_eq!(Own::kept(&cache), None);
        let names: Vec<Own> = std::thread::scope(|scope| {
            let works: Vec<_> = (0..8).map(|_| scope.spawn(|| Own::find(&cache))).collect();
            works.into_iter().map(|work| work.join().unwrap().unwrap()).collect()
        });
        assert!(names.iter().all(|own| *own == names[0]), "{names:?}");
        assert_eq!(Own::known(&cache).as_ref(), Some(&names[0]));
        assert_eq!(fs::read_dir(cache.join("index")).unwrap().count(), 1, "no drafts are left");
        let mode = fs::metadata(file(&cache)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0);
        for broken in ["", "../../../../../../../../../../etc", "short"] {
            fs::write(file(&cache), broken).unwrap();
            let anew = Own::find(&cache).unwrap();
            assert_ne!(anew.name, names[0].name);
            assert_eq!(Own::find(&cache).unwrap(), anew);
        }
    }

    #[test]
    fn caches_that_cannot_be_written_stop_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("a file");
        fs::write(&cache, "").unwrap();
        let find = || Own::find_beside(&cache, folder.path());
        let own = find().unwrap();
        assert_eq!(find().unwrap(), own);
        fs::set_permissions(&own.cache, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(find().is_err(), "anybody could have written the name");
    }

    #[test]
    fn of_many_the_newest_stay() {
        let folder = tempfile::tempdir().unwrap();
        for (name, hours) in (0..9).map(|at| (at, at * 2)).chain([(9, 24 * 2), (10, 24 * 3)]) {
            let path = folder.path().join(format!("{name}"));
            fs::create_dir(&path).unwrap();
            let changed = SystemTime::now() - Duration::from_secs(hours * 3600);
            File::open(path).unwrap().set_modified(changed).unwrap();
        }
        sweep(folder.path(), "10");
        let mut left: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        let expected = ["0", "1", "10", "2", "3", "4", "5", "6", "7", "8"];
        assert_eq!(left, expected, "what others may be using stays");
    }

    #[test]
    fn only_what_is_old_is_swept() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["own", "other", "old"] {
            fs::create_dir(at(name)).unwrap();
            fs::write(at(name).join("index.db"), "").unwrap();
        }
        fs::write(at("index.db"), "of an earlier version").unwrap();
        let long_ago = SystemTime::now() - 2 * STALE;
        for name in ["own", "old"] {
            File::open(at(name)).unwrap().set_modified(long_ago).unwrap();
        }
        sweep(folder.path(), "own");
        let mut left: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["other", "own"]);
    }
}
