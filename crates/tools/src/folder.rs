//! A folder held open: what is done in it stays in it, whatever link takes its place meanwhile.

use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

/// Opens a folder or a file without reading it, which needs no right to read.
#[cfg(target_os = "linux")]
const LOOK: OFlags = OFlags::PATH;
#[cfg(not(target_os = "linux"))]
const LOOK: OFlags = OFlags::RDONLY;

/// A file that turns out to be a FIFO or a terminal must not hold the call up.
const NEVER_WAIT: OFlags =
    OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// An open folder.
#[derive(Debug)]
pub(crate) struct Folder {
    fd: OwnedFd,
    path: PathBuf,
}

impl Folder {
    /// Opens an absolute path that has no links in it; a link that came into it since is an error.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let fd = open_folder(path).map_err(told)?;
        Ok(Self { fd, path: path.to_path_buf() })
    }

    /// Opens a folder and makes those that are missing; adds them to `made`.
    pub(crate) fn open_or_make(path: &Path, made: &mut Vec<PathBuf>) -> io::Result<Self> {
        match Self::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            opened => return opened,
        }
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let parent = Self::open_or_make(parent, made)?;
        match rustix::fs::mkdirat(&parent.fd, name, Mode::from_raw_mode(0o777)) {
            Ok(()) => made.push(path.to_path_buf()),
            // Somebody else was faster.
            Err(Errno::EXIST) => {}
            Err(error) => return Err(told(error)),
        }
        let flags = LOOK | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&parent.fd, name, flags, Mode::empty()).map_err(told)?;
        Ok(Self { fd, path: path.to_path_buf() })
    }

    /// Returns where it was when it was opened.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Tells what is at a name, links not followed; `None` where nothing is.
    pub(crate) fn look(&self, name: &OsStr) -> io::Result<Option<Metadata>> {
        let flags = LOOK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match rustix::fs::openat(&self.fd, name, flags, Mode::empty()) {
            Ok(fd) => File::from(fd).metadata().map(Some),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(told(error)),
        }
    }

    /// Opens a file for reading; a link is an error.
    pub(crate) fn read(&self, name: &OsStr) -> io::Result<File> {
        self.file(name, OFlags::RDONLY, 0)
    }

    /// Opens a file for writing in place; a link is an error.
    pub(crate) fn write(&self, name: &OsStr) -> io::Result<File> {
        self.file(name, OFlags::WRONLY, 0)
    }

    /// Makes a file that must not exist yet; `mode` is what the umask and default ACLs leave of it.
    pub(crate) fn create(&self, name: &OsStr, mode: u32) -> io::Result<File> {
        self.file(name, OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL, mode)
    }

    fn file(&self, name: &OsStr, flags: OFlags, mode: u32) -> io::Result<File> {
        let mode = Mode::from_raw_mode(mode);
        rustix::fs::openat(&self.fd, name, flags | NEVER_WAIT, mode).map(File::from).map_err(told)
    }

    /// Gives a file another name; what has that name goes.
    pub(crate) fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        rustix::fs::renameat(&self.fd, from, &self.fd, to).map_err(told)
    }

    /// Gives a file a name that must be free.
    pub(crate) fn rename_new(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        match self.rename_with(from, to, RenameFlags::NOREPLACE) {
            Err(error) if is_unsupported(&error) => {}
            done => return done,
        }
        // A hard link is refused where the name is taken; else the look has to do.
        match rustix::fs::linkat(&self.fd, from, &self.fd, to, AtFlags::empty()) {
            Ok(()) => self.remove(from),
            Err(Errno::EXIST) => Err(io::ErrorKind::AlreadyExists.into()),
            Err(_) if self.look(to)?.is_some() => Err(io::ErrorKind::AlreadyExists.into()),
            Err(_) => self.rename(from, to),
        }
    }

    /// Lets two files change their names; `false` where the file system cannot.
    pub(crate) fn exchange(&self, one: &OsStr, other: &OsStr) -> io::Result<bool> {
        match self.rename_with(one, other, RenameFlags::EXCHANGE) {
            Ok(()) => Ok(true),
            Err(error) if is_unsupported(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn rename_with(&self, from: &OsStr, to: &OsStr, flags: RenameFlags) -> io::Result<()> {
        rustix::fs::renameat_with(&self.fd, from, &self.fd, to, flags).map_err(io::Error::from)
    }

    /// Removes a file.
    pub(crate) fn remove(&self, name: &OsStr) -> io::Result<()> {
        rustix::fs::unlinkat(&self.fd, name, AtFlags::empty()).map_err(told)
    }

    /// Makes new names survive a power cut, where the file system can.
    pub(crate) fn sync(&self) {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        if let Ok(fd) = rustix::fs::openat(&self.fd, ".", flags, Mode::empty()) {
            let _ = File::from(fd).sync_all();
        }
    }
}

/// Opens a file for reading by a path that has no links in it; a link that came into it since is an error.
pub(crate) fn open_file(path: &Path) -> io::Result<File> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::ResolveFlags;

        let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let flags = OFlags::RDONLY | NEVER_WAIT;
        match rustix::fs::openat2(CWD, path, flags, Mode::empty(), resolve) {
            Err(Errno::NOSYS | Errno::PERM) => {}
            opened => return opened.map(File::from).map_err(told),
        }
    }
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::IsADirectory.into());
    };
    Folder::open(parent)?.read(name)
}

fn is_unsupported(error: &io::Error) -> bool {
    [Errno::INVAL, Errno::NOSYS, Errno::OPNOTSUPP]
        .iter()
        .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

/// Says what the kernel's refusal of a link means here.
fn told(error: Errno) -> io::Error {
    if error == Errno::LOOP {
        return io::Error::other("a link took its place just now; try again");
    }
    error.into()
}

#[cfg(target_os = "linux")]
fn open_folder(path: &Path) -> Result<OwnedFd, Errno> {
    use rustix::fs::ResolveFlags;

    let flags = LOOK | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    match rustix::fs::openat2(CWD, path, flags, Mode::empty(), resolve) {
        // Kernels before 5.6, and filters that do not know the call.
        Err(Errno::NOSYS | Errno::PERM) => walk(path),
        opened => opened,
    }
}

#[cfg(not(target_os = "linux"))]
fn open_folder(path: &Path) -> Result<OwnedFd, Errno> {
    walk(path)
}

/// Opens a folder part by part, so that no link is followed.
fn walk(path: &Path) -> Result<OwnedFd, Errno> {
    let flags = LOOK | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut folder = rustix::fs::openat(CWD, "/", flags, Mode::empty())?;
    for part in path.components() {
        match part {
            Component::Normal(name) => {
                folder = match rustix::fs::openat(&folder, name, flags, Mode::empty()) {
                    // So it says of a link.
                    Err(Errno::NOTDIR) if is_link(&folder, name) => return Err(Errno::LOOP),
                    opened => opened?,
                };
            }
            Component::RootDir | Component::CurDir => {}
            Component::ParentDir | Component::Prefix(_) => return Err(Errno::INVAL),
        }
    }
    Ok(folder)
}

fn is_link(folder: &OwnedFd, name: &OsStr) -> bool {
    rustix::fs::readlinkat(folder, name, Vec::new()).is_ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_on_the_way_is_an_error() {
        let base = tempfile::tempdir().unwrap();
        let base = base.path().canonicalize().unwrap();
        std::fs::create_dir_all(base.join("real/deep")).unwrap();
        std::fs::write(base.join("real/file"), "").unwrap();
        symlink("real", base.join("link")).unwrap();
        let kind = |error: io::Error| error.kind();
        for open in [open_folder, walk] {
            let open = |path: &str| open(&base.join(path)).map(drop).map_err(told).map_err(kind);
            assert_eq!(open("real/deep"), Ok(()));
            assert_eq!(open("link"), Err(io::ErrorKind::Other));
            assert_eq!(open("link/deep"), Err(io::ErrorKind::Other));
            assert_eq!(open("none"), Err(io::ErrorKind::NotFound));
            assert_eq!(open("real/file"), Err(io::ErrorKind::NotADirectory));
        }
        assert!(open_file(&base.join("real/file")).is_ok());
        assert!(open_file(&base.join("link/file")).is_err());
        let mut made = Vec::new();
        let folder = Folder::open_or_make(&base.join("real/deep/a/b"), &mut made).unwrap();
        assert_eq!(made, [base.join("real/deep/a"), base.join("real/deep/a/b")]);
        assert!(Folder::open_or_make(&base.join("link/x"), &mut made).is_err());
        drop(folder.create(OsStr::new("one"), 0o600).unwrap());
        drop(folder.create(OsStr::new("two"), 0o600).unwrap());
        let taken = folder.rename_new(OsStr::new("one"), OsStr::new("two"));
        assert_eq!(taken.map_err(kind), Err(io::ErrorKind::AlreadyExists));
        symlink("one", folder.path().join("to_one")).unwrap();
        assert!(folder.write(OsStr::new("to_one")).is_err());
        assert!(folder.look(OsStr::new("to_one")).unwrap().unwrap().is_symlink());
    }
}
