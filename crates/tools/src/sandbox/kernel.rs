//! Calls of the kernel that no crate wraps: the mount API of Linux 5.12, capabilities, loopback, the filter.

#![allow(unsafe_code)]

use std::ffi::{CStr, CString};
use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Highest number of a capability that is tried; the kernel has 41 in 2026 and refuses higher ones.
const CAPABILITIES: libc::c_ulong = 63;

/// Makes a path fit for a system call.
pub(super) fn c_path(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes())
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "NUL in a path"))
}

fn outcome(result: libc::c_long) -> io::Result<libc::c_long> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

fn open_tree(folder: RawFd, path: &CStr, flags: libc::c_int) -> io::Result<OwnedFd> {
    let flags = flags as libc::c_uint
        | libc::OPEN_TREE_CLONE
        | libc::OPEN_TREE_CLOEXEC
        | libc::AT_RECURSIVE as libc::c_uint;
    // SAFETY: `path` ends with NUL and outlives the call; the kernel writes nothing.
    let fd = outcome(unsafe { libc::syscall(libc::SYS_open_tree, folder, path.as_ptr(), flags) })?;
    // SAFETY: the kernel just made this descriptor for us, and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

/// Clones what is mounted at a path, with all below; a link at its end is an error.
pub(super) fn clone_path(path: &Path) -> io::Result<OwnedFd> {
    open_tree(libc::AT_FDCWD, &c_path(path)?, libc::AT_SYMLINK_NOFOLLOW)
}

/// Clones what is mounted at an open file or folder, with all below.
pub(super) fn clone_file(file: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    open_tree(file.as_raw_fd(), c"", libc::AT_EMPTY_PATH)
}

/// Attributes of a mount: `libc::MOUNT_ATTR_*`; set on it and, with `AT_RECURSIVE`, on all below.
pub(super) fn set_mount(tree: BorrowedFd<'_>, set: u64, flags: libc::c_int) -> io::Result<()> {
    let attributes = libc::mount_attr { attr_set: set, attr_clr: 0, propagation: 0, userns_fd: 0 };
    // SAFETY: both pointers are valid for the call, and the size is that of the structure.
    outcome(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH | flags,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    })?;
    Ok(())
}

/// Puts a cloned tree on an open file or folder.
pub(super) fn put_mount(tree: BorrowedFd<'_>, on: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: both paths are empty strings that outlive the call.
    outcome(unsafe {
        libc::syscall(
            libc::SYS_move_mount,
            tree.as_raw_fd(),
            c"".as_ptr(),
            on.as_raw_fd(),
            c"".as_ptr(),
            libc::MOVE_MOUNT_F_EMPTY_PATH | libc::MOVE_MOUNT_T_EMPTY_PATH,
        )
    })?;
    Ok(())
}

/// Lets no descriptor from `first` up survive an exec.
pub(super) fn close_on_exec(first: RawFd) -> io::Result<()> {
    // SAFETY: marks descriptors only; none is closed here.
    outcome(unsafe {
        libc::syscall(
            libc::SYS_close_range,
            first as libc::c_uint,
            libc::c_uint::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        )
    })?;
    Ok(())
}

#[repr(C)]
struct CapabilityHeader {
    version: u32,
    pid: libc::c_int,
}

/// Gives up every capability of this process, for good: root is a user like others then.
pub(super) fn drop_capabilities() -> io::Result<()> {
    const VERSION_3: u32 = 0x2008_0522;
    for capability in 0..=CAPABILITIES {
        // SAFETY: takes numbers only. Fails with EINVAL past the last capability.
        if unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) } != 0 {
            let error = io::Error::last_os_error();
            match error.raw_os_error() {
                Some(libc::EINVAL) if capability > 0 => break,
                // Without the capability for it, there is none to lose either.
                Some(libc::EPERM) => break,
                _ => return Err(error),
            }
        }
    }
    // SAFETY: takes numbers only.
    let cleared =
        unsafe { libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) };
    outcome(cleared.into())?;
    let header = CapabilityHeader { version: VERSION_3, pid: 0 };
    // Two sets of effective, permitted and inheritable, as version 3 has them.
    let none = [0_u32; 6];
    // SAFETY: the header and the sets have the layout of version 3 and outlive the call.
    outcome(unsafe { libc::syscall(libc::SYS_capset, &raw const header, none.as_ptr()) })?;
    Ok(())
}

/// Brings the loopback interface of the current network namespace up.
pub(super) fn bring_up_loopback() -> io::Result<()> {
    // SAFETY: takes numbers only; the descriptor is owned below.
    let fd = outcome(unsafe {
        libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0).into()
    })?;
    // SAFETY: the kernel just made this descriptor for us.
    let socket = unsafe { OwnedFd::from_raw_fd(fd as RawFd) };
    // SAFETY: all zeros is a valid `ifreq`: plain numbers and bytes.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = *from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    // SAFETY: `request` is a whole `ifreq` that the kernel only reads here.
    outcome(unsafe {
        libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS as _, &raw const request).into()
    })?;
    Ok(())
}

/// Puts a filter before every system call from here on; needs `no_new_privs`.
pub(super) fn install_filter(filter: &[libc::sock_filter]) -> io::Result<()> {
    let length = u16::try_from(filter.len())
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "the filter is too long"))?;
    let program = libc::sock_fprog { len: length, filter: filter.as_ptr().cast_mut() };
    // SAFETY: `program` points to `length` instructions that outlive the call; the kernel copies them.
    outcome(unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const program)
    })?;
    Ok(())
}

/// Tells whether the kernel knows filters.
pub(super) fn has_filters() -> bool {
    let action: u32 = libc::SECCOMP_RET_ERRNO;
    // SAFETY: the kernel reads one number.
    unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_GET_ACTION_AVAIL, 0, &raw const action) == 0
    }
}

/// Returns the version of Landlock; 0 where there is none.
pub(super) fn landlock_version() -> u32 {
    const VERSION: libc::c_uint = 1;
    // SAFETY: with this flag the kernel takes no structure.
    let version = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::null::<libc::c_void>(),
            0_usize,
            VERSION,
        )
    };
    u32::try_from(version).unwrap_or(0)
}
