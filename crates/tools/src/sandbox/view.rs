//! The command's own view of the file system: what the policy names, and nothing else.
//!
//! Built in a mount namespace of its own, on an empty root. What is not put there does not exist: no
//! home, no sockets of daemons, no other process. Paths that an earlier command could have replaced by
//! links are opened once, without following any, and used by their descriptor from then on.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, openat, openat2};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::stat::{Mode, SFlag, fstat, mkdirat, umask};
use nix::unistd::{chdir, fchdir, pivot_root, symlinkat};

use super::Policy;
use super::kernel::{clone_file, clone_path, put_mount, set_mount};
use super::launch::Fault;

/// Any folder that always exists; the new root is made on it, out of everybody's sight.
const STAGE: &str = "/proc";

/// Where the stand-ins of hidden places lie in the new root.
const BLANKS: &str = ".hidden";

/// Devices that programs expect.
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];

/// Names in `/dev` that stand for others.
const DEVICE_LINKS: [(&str, &str); 5] = [
    ("/proc/self/fd", "fd"),
    ("/proc/self/fd/0", "stdin"),
    ("/proc/self/fd/1", "stdout"),
    ("/proc/self/fd/2", "stderr"),
    ("pts/ptmx", "ptmx"),
];

const READ_ONLY: u64 = libc::MOUNT_ATTR_RDONLY;
const PLAIN: u64 = libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV;

/// What is done at a path, from the shallow paths to the deep ones.
enum Step {
    /// A tree of the host is seen, and may be written.
    Show(OwnedFd),
    /// A tree of the host is seen, unless a command put a link in its way.
    Look(OwnedFd),
    /// A folder that only leads to what is shown below it.
    Way,
    /// What is there becomes read-only.
    Freeze,
    /// What is there is hidden.
    Hide,
}

/// The new root while it is made.
struct View {
    root: OwnedFd,
    /// Mounts that are closed for writing at the end.
    open: Vec<OwnedFd>,
    blanks: u32,
}

/// Enters the view. The process must have a mount namespace of its own and, for a fresh `/proc`, be the first of
/// its process namespace.
pub(super) fn enter(policy: &Policy, fresh_proc: bool) -> Result<(), Fault> {
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)
        .map_err(|error| Fault::new("cut the mounts off", error))?;
    // All is opened before the first is put, because the stage and each other may hide it.
    let steps = steps(policy)?;
    let devices = DEVICES.map(|name| clone_path(&Path::new("/dev").join(name)));
    let system = clone_path(Path::new("/sys"));
    let processes = if fresh_proc { None } else { Some(clone_path(Path::new("/proc"))) };
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("tmpfs"), STAGE, Some("tmpfs"), flags, Some("mode=755,size=4m"))
        .map_err(|error| Fault::new("make an empty root", error))?;
    let root = openat(AT_FDCWD, STAGE, OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
        .map_err(|error| Fault::new("open the empty root", error))?;
    fchdir(&root).map_err(|error| Fault::new("enter the empty root", error))?;
    // The modes of what is made here are meant as written; the command gets its own mask back.
    let mask = umask(Mode::empty());
    let mut view = View { root, open: Vec::new(), blanks: 0 };
    view.base(policy).map_err(|error| Fault::new("furnish the root", error))?;
    for (path, step) in &steps {
        view.take(path, step).map_err(|error| Fault::at(step.verb(), path, error))?;
    }
    view.devices(devices).map_err(|error| Fault::new("make `/dev`", error))?;
    if let Ok(system) = system {
        view.system(&system).map_err(|error| Fault::new("show `/sys`", error))?;
    }
    view.processes(processes).map_err(|error| Fault::new("make `/proc`", error))?;
    view.close().map_err(|error| Fault::new("close the root", error))?;
    umask(mask);
    Ok(())
}

fn steps(policy: &Policy) -> Result<Vec<(PathBuf, Step)>, Fault> {
    let mut steps = Vec::new();
    let same = policy.write.iter().map(|path| (path, path));
    let elsewhere = policy.stand_ins.iter().map(|(seen, path)| (seen, path));
    for (seen, path) in elsewhere.chain(same) {
        steps.push((seen.clone(), Step::Show(open(path, PLAIN)?)));
    }
    let ways: BTreeSet<PathBuf> =
        policy.write.iter().filter_map(|path| way(path, &policy.stand_ins)).collect();
    for path in &policy.read {
        // A toolchain that this user may not open is none for the command either.
        if let Ok(tree) = clone_path(path) {
            restrict(&tree, PLAIN | READ_ONLY, path)?;
            steps.push((path.clone(), Step::Look(tree)));
        }
    }
    steps.extend(ways.into_iter().map(|path| (path, Step::Way)));
    steps.extend(policy.frozen.iter().map(|path| (path.clone(), Step::Freeze)));
    steps.extend(policy.hidden.iter().map(|path| (path.clone(), Step::Hide)));
    steps.sort_by_key(|(path, step)| (path.components().count(), matches!(step, Step::Hide)));
    Ok(steps)
}

fn open(path: &Path, attributes: u64) -> Result<OwnedFd, Fault> {
    let tree = clone_path(path).map_err(|error| Fault::at("open", path, error))?;
    restrict(&tree, attributes, path)?;
    Ok(tree)
}

fn restrict(tree: &OwnedFd, attributes: u64, path: &Path) -> Result<(), Fault> {
    set_mount(tree.as_fd(), attributes, libc::AT_RECURSIVE)
        .map_err(|error| Fault::at("restrict", path, error))
}

/// Returns the folder of a stand-in that leads to a path further down. It holds nothing else, so that what lies
/// beside a project in `/tmp` or at home does not seem writable.
fn way(path: &Path, stand_ins: &[(PathBuf, PathBuf)]) -> Option<PathBuf> {
    let around = stand_ins.iter().filter(|(seen, _)| path.starts_with(seen));
    let (seen, _) = around.max_by_key(|(seen, _)| seen.components().count())?;
    let mut inside = path.strip_prefix(seen).ok()?.components();
    let first = inside.next()?;
    inside.next().map(|_| seen.join(first))
}

impl Step {
    fn verb(&self) -> &'static str {
        match self {
            Step::Show(_) | Step::Look(_) | Step::Way => "show",
            Step::Freeze => "protect",
            Step::Hide => "hide",
        }
    }
}

impl View {
    /// Makes what the root has by itself: folders that programs expect, and links.
    fn base(&mut self, policy: &Policy) -> io::Result<()> {
        for folder in ["tmp", "run", "dev", "proc", "sys", "var", BLANKS] {
            mkdirat(&self.root, folder, mode(0o755))?;
        }
        for (path, target) in &policy.links {
            let Ok(inside) = path.strip_prefix("/") else { continue };
            if let Some(parent) = path.parent().filter(|parent| parent.parent().is_some()) {
                self.make(parent, true)?;
            }
            match symlinkat(target, &self.root, inside) {
                Ok(()) | Err(Errno::EEXIST) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn take(&mut self, path: &Path, step: &Step) -> io::Result<()> {
        match step {
            Step::Show(tree) => {
                let is_folder = kind(tree.as_fd())? == SFlag::S_IFDIR;
                let on = self.make(path, is_folder)?;
                put_mount(tree.as_fd(), on.as_fd())
            }
            Step::Look(tree) => {
                let is_folder = kind(tree.as_fd())? == SFlag::S_IFDIR;
                match self.make(path, is_folder) {
                    Ok(on) => put_mount(tree.as_fd(), on.as_fd()),
                    Err(error) if error.raw_os_error() == Some(libc::ELOOP) => Ok(()),
                    Err(error) => Err(error),
                }
            }
            Step::Way => {
                let on = self.make(path, true)?;
                self.blank(&on, 0o755)
            }
            Step::Freeze => {
                let Some(on) = self.find(path)? else { return Ok(()) };
                let tree = clone_file(on.as_fd())?;
                set_mount(tree.as_fd(), READ_ONLY, libc::AT_RECURSIVE)?;
                put_mount(tree.as_fd(), on.as_fd())
            }
            Step::Hide => match self.find(path)? {
                Some(on) => self.blank(&on, 0),
                None => Ok(()),
            },
        }
    }

    /// Opens what a path leads to, following no link; `None` where nothing is.
    fn find(&self, path: &Path) -> io::Result<Option<OwnedFd>> {
        let inside = path.strip_prefix("/").unwrap_or(path);
        let inside = if inside.as_os_str().is_empty() { Path::new(".") } else { inside };
        let how = OpenHow::new()
            .flags(OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC)
            .resolve(ResolveFlag::RESOLVE_NO_SYMLINKS | ResolveFlag::RESOLVE_BENEATH);
        match openat2(&self.root, inside, how) {
            Ok(file) => Ok(Some(file)),
            Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens a path, making what is missing of it.
    fn make(&self, path: &Path, is_folder: bool) -> io::Result<OwnedFd> {
        if let Some(found) = self.find(path)? {
            return Ok(found);
        }
        let missing = || io::Error::from(Errno::ENOENT);
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(missing());
        };
        let parent = self.make(parent, true)?;
        if is_folder {
            match mkdirat(&parent, name, mode(0o755)) {
                Ok(()) | Err(Errno::EEXIST) => {}
                Err(error) => return Err(error.into()),
            }
        } else {
            let flags = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_WRONLY | OFlag::O_CLOEXEC;
            openat(&parent, name, flags, mode(0o600))?;
        }
        self.find(path)?.ok_or_else(missing)
    }

    /// Puts an empty folder or file of the root over something.
    fn blank(&mut self, on: &OwnedFd, permissions: libc::mode_t) -> io::Result<()> {
        self.blanks += 1;
        let path = Path::new("/").join(BLANKS).join(self.blanks.to_string());
        let is_folder = kind(on.as_fd())? == SFlag::S_IFDIR;
        let blank = self.make(&path, is_folder)?;
        // A descriptor that only names a file cannot change it; the root is the working directory.
        let here = path.strip_prefix("/").unwrap_or(&path);
        std::fs::set_permissions(here, std::os::unix::fs::PermissionsExt::from_mode(permissions))?;
        let tree = clone_file(blank.as_fd())?;
        put_mount(tree.as_fd(), on.as_fd())?;
        self.open.push(tree);
        Ok(())
    }

    /// Makes `/dev` of the few devices that harm nobody, a terminal of its own and shared memory.
    fn devices(&self, devices: [io::Result<OwnedFd>; 6]) -> io::Result<()> {
        for (name, device) in DEVICES.iter().zip(devices) {
            let Ok(device) = device else { continue };
            let flags = libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NOEXEC;
            set_mount(device.as_fd(), flags, libc::AT_RECURSIVE)?;
            let on = self.make(&Path::new("/dev").join(name), false)?;
            put_mount(device.as_fd(), on.as_fd())?;
        }
        let folder = self.make(Path::new("/dev"), true)?;
        for (target, name) in DEVICE_LINKS {
            symlinkat(target, &folder, name)?;
        }
        let quiet = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
        mkdirat(&folder, "pts", mode(0o755))?;
        let options = Some("newinstance,ptmxmode=0666,mode=620");
        // Without it there are no pseudo-terminals, which few commands miss.
        let _ = mount(Some("devpts"), "dev/pts", Some("devpts"), quiet, options);
        mkdirat(&folder, "shm", mode(0o1777))?;
        let plain = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        mount(Some("tmpfs"), "dev/shm", Some("tmpfs"), plain, Some("mode=1777"))?;
        Ok(())
    }

    fn system(&self, system: &OwnedFd) -> io::Result<()> {
        let flags = PLAIN | READ_ONLY | libc::MOUNT_ATTR_NOEXEC;
        set_mount(system.as_fd(), flags, libc::AT_RECURSIVE)?;
        let on = self.make(Path::new("/sys"), true)?;
        put_mount(system.as_fd(), on.as_fd())
    }

    /// Makes `/proc`, without a way to write the kernel's settings: their files ask for root's number only, and
    /// for no capability.
    fn processes(&self, host: Option<io::Result<OwnedFd>>) -> io::Result<()> {
        let Some(host) = host else {
            let flags =
                MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC | MsFlags::MS_RDONLY;
            return Ok(mount(Some("proc"), "proc", Some("proc"), flags, None::<&str>)?);
        };
        let host = host?;
        set_mount(host.as_fd(), PLAIN | READ_ONLY, libc::AT_RECURSIVE)?;
        let on = self.make(Path::new("/proc"), true)?;
        put_mount(host.as_fd(), on.as_fd())
    }

    /// Closes what was open for furnishing, and makes the new root the only one.
    fn close(self) -> io::Result<()> {
        for mount in &self.open {
            set_mount(mount.as_fd(), READ_ONLY, 0)?;
        }
        set_mount(self.root.as_fd(), READ_ONLY, 0)?;
        pivot_root(".", ".")?;
        umount2(".", MntFlags::MNT_DETACH)?;
        chdir("/")?;
        Ok(())
    }
}

fn mode(bits: libc::mode_t) -> Mode {
    Mode::from_bits_truncate(bits)
}

fn kind(file: BorrowedFd<'_>) -> io::Result<SFlag> {
    Ok(SFlag::from_bits_truncate(fstat(file)?.st_mode) & SFlag::S_IFMT)
}
