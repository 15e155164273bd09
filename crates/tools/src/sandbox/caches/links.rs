//! Makes a home's folders and links.
//!
//! Commands of the sandbox may have written into the home before, while this runs outside of the
//! sandbox. So nothing here follows a link below the project's folder.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open, openat, readlinkat};
use nix::sys::stat::{Mode, SFlag, fstatat, mkdirat};
use nix::unistd::{UnlinkatFlags, symlinkat, unlinkat};

use super::{Place, Reach, users};

/// How long the home of a project is kept that nobody works on.
const UNUSED: Duration = Duration::from_secs(30 * 24 * 3600);

/// Most links of one folder; a registry has one for each crate.
const MAX_ENTRIES: usize = 20_000;

/// Folders that every home has.
const FOLDERS: &[&str] = &[".cache", ".config", ".local/share", ".distiq"];

/// What lies in a project's home.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Links {
    /// Links: where each lies, and where it leads.
    single: BTreeMap<PathBuf, PathBuf>,
    /// Folders in which something will be mounted, or under which.
    places: BTreeSet<PathBuf>,
    /// The user's cargo home, whose registry is linked entry by entry so that new ones can be added.
    cargo: Option<PathBuf>,
}

impl Links {
    pub(super) fn plan(place: &Place<'_>, settings: &[PathBuf]) -> Self {
        let mut links = Self::default();
        let trees = place.read.iter().map(PathBuf::as_path).chain([place.root]);
        for path in trees.chain(settings.iter().map(PathBuf::as_path)) {
            let Ok(below) = path.strip_prefix(place.home) else { continue };
            let Some(above) = below.parent() else { continue };
            if place.in_place {
                links.places.insert(if path.is_dir() { below } else { above }.to_path_buf());
            } else if !below.ancestors().any(|above| links.single.contains_key(above)) {
                // What lies in a linked folder is there with it.
                links.single.insert(below.to_path_buf(), path.to_path_buf());
            }
        }
        links.cargo =
            users(place, "CARGO_HOME", ".cargo").filter(|_| place.reach != Reach::Nothing);
        links
    }
}

pub(super) fn prepare(folder: &Path, links: &Links) -> io::Result<()> {
    let private = |path: &Path| DirBuilder::new().recursive(true).mode(0o700).create(path);
    if !folder.is_dir() {
        if let Some(above) = folder.parent() {
            private(above)?;
            sweep(above);
        }
        private(folder)?;
    }
    let top = Folder::open(folder)?;
    for path in FOLDERS {
        top.descend(Path::new(path))?;
    }
    for path in &links.places {
        top.descend(path)?;
    }
    for (path, target) in &links.single {
        top.link(path, target)?;
    }
    let mut stamp = String::new();
    if let Some(cargo) = &links.cargo {
        stamp = cargo_stamp(cargo);
        if !fs::read_to_string(stamp_of(folder)).is_ok_and(|old| old == stamp) {
            link_cargo(&top, cargo)?;
        }
    }
    // Its change time tells when the home was used last.
    fs::write(stamp_of(folder), stamp)
}

fn stamp_of(folder: &Path) -> PathBuf {
    folder.with_extension("stamp")
}

/// Removes homes that were not used for long.
fn sweep(folder: &Path) {
    let now = SystemTime::now();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten().take(MAX_ENTRIES) {
        let stamp = entry.path();
        let is_old = || {
            let changed = entry.metadata().ok()?.modified().ok()?;
            Some(now.duration_since(changed).ok()? > UNUSED)
        };
        if stamp.extension() == Some(OsStr::new("stamp")) && is_old() == Some(true) {
            // What cannot be removed now is tried again with the next new project.
            if fs::remove_dir_all(stamp.with_extension("")).is_ok() {
                let _ = fs::remove_file(stamp);
            }
        }
    }
}

const CARGO_HOME: &str = ".distiq/cargo";

/// The folders of a cargo home whose entries are linked, and how deep these lie.
const CARGO: &[(&str, usize)] = &[
    ("registry/cache", 2),
    ("registry/src", 2),
    ("registry/index", 2),
    ("git/db", 1),
    ("git/checkouts", 1),
];

/// Tells the state of a cargo home: it changes with every entry added or removed.
fn cargo_stamp(cargo: &Path) -> String {
    let mut stamp = format!("{}\n", cargo.display());
    for (path, depth) in CARGO {
        for (folder, _) in folders(&cargo.join(path), depth - 1) {
            let changed = fs::metadata(&folder).and_then(|metadata| metadata.modified());
            stamp.push_str(&format!("{} {changed:?}\n", folder.display()));
        }
    }
    stamp
}

/// Returns the folders that lie `depth` below, with their names from there.
fn folders(top: &Path, depth: usize) -> Vec<(PathBuf, PathBuf)> {
    if depth == 0 {
        return vec![(top.to_path_buf(), PathBuf::new())];
    }
    let entries = fs::read_dir(top).into_iter().flatten().flatten().take(100);
    let folders = entries.filter(|entry| entry.path().is_dir());
    folders.map(|entry| (entry.path(), PathBuf::from(entry.file_name()))).collect()
}

fn link_cargo(top: &Folder, cargo: &Path) -> io::Result<()> {
    for (path, depth) in CARGO {
        for (folder, name) in folders(&cargo.join(path), depth - 1) {
            let below = top.descend(&Path::new(CARGO_HOME).join(path).join(name))?;
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten().take(MAX_ENTRIES) {
                below.link(Path::new(&entry.file_name()), &entry.path())?;
            }
            below.drop_dead_links()?;
        }
    }
    for name in ["bin", "config.toml", "config"] {
        let target = cargo.join(name);
        if target.exists() {
            top.link(&Path::new(CARGO_HOME).join(name), &target)?;
        }
    }
    Ok(())
}

/// An open folder, below which no link is followed.
struct Folder(OwnedFd);

const DIRECTORY: OFlag = OFlag::O_DIRECTORY.union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

impl Folder {
    fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(open(path, DIRECTORY, Mode::empty())?))
    }

    /// Opens a folder below, made where it is not there. What is in the way is moved aside.
    fn descend(&self, path: &Path) -> io::Result<Self> {
        let mut folder = Self(self.0.try_clone()?);
        for part in path.components() {
            let Component::Normal(name) = part else {
                return Err(io::Error::from(io::ErrorKind::InvalidInput));
            };
            match mkdirat(&folder.0, name, Mode::S_IRWXU) {
                Ok(()) | Err(Errno::EEXIST) => {}
                Err(error) => return Err(error.into()),
            }
            let next = match openat(&folder.0, name, DIRECTORY, Mode::empty()) {
                Ok(next) => next,
                Err(Errno::ENOTDIR | Errno::ELOOP) => {
                    unlinkat(&folder.0, name, UnlinkatFlags::NoRemoveDir)?;
                    mkdirat(&folder.0, name, Mode::S_IRWXU)?;
                    openat(&folder.0, name, DIRECTORY, Mode::empty())?
                }
                Err(error) => return Err(error.into()),
            };
            folder = Self(next);
        }
        Ok(folder)
    }

    /// Makes a link, unless the command has put a folder of its own there.
    fn link(&self, path: &Path, target: &Path) -> io::Result<()> {
        let (Some(name), Some(above)) = (path.file_name(), path.parent()) else {
            return Err(io::Error::from(io::ErrorKind::InvalidInput));
        };
        let folder = self.descend(above)?;
        match readlinkat(&folder.0, name) {
            Ok(old) if old == target.as_os_str() => return Ok(()),
            Ok(_) => unlinkat(&folder.0, name, UnlinkatFlags::NoRemoveDir)?,
            Err(Errno::ENOENT) => {}
            Err(_) => return Ok(()),
        }
        match symlinkat(target, &folder.0, name) {
            // Another process of ours prepares the same home.
            Ok(()) | Err(Errno::EEXIST) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes links whose target is gone.
    fn drop_dead_links(&self) -> io::Result<()> {
        let mut listed = nix::dir::Dir::from_fd(self.0.try_clone()?)?;
        for entry in listed.iter().flatten().take(MAX_ENTRIES) {
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            let is_link = fstatat(&self.0, name, AtFlags::AT_SYMLINK_NOFOLLOW)
                .is_ok_and(|stat| stat.st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFLNK.bits());
            if is_link && fstatat(&self.0, name, AtFlags::empty()) == Err(Errno::ENOENT) {
                unlinkat(&self.0, name, UnlinkatFlags::NoRemoveDir)?;
            }
        }
        Ok(())
    }
}
