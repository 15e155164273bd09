//! What a file has beside its content: owner, mode, extended attributes, access lists.

use std::ffi::{CStr, CString};
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;

use rustix::fs::{Gid, Mode, Timespec, Timestamps, Uid, XattrFlags};
use rustix::io::Errno;

/// The bits of a mode that can be set.
const MODE: u32 = 0o7777;

/// The largest value that Linux allows.
const MAX_VALUE: usize = 64 << 10;

/// Gives a new file what an old one has; tells whether all could be given.
pub(crate) fn copy(old: &File, new: &File) -> io::Result<bool> {
    let wanted = old.metadata()?;
    // The mode comes last: a change of owner takes its set-user-ID bit.
    if !give_owner(new, &wanted)? || !copy_extended(old, new)? {
        return Ok(false);
    }
    set_mode(new, wanted.mode())?;
    Ok(new.metadata()?.mode() == wanted.mode())
}

/// Sets the permission bits of a mode.
pub(crate) fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    Ok(rustix::fs::fchmod(file, Mode::from_raw_mode(mode & MODE))?)
}

/// Sets when a file was last changed.
pub(crate) fn set_time(file: &File, seconds: i64, nanos: i64) -> io::Result<()> {
    let last_modification = Timespec { tv_sec: seconds, tv_nsec: nanos };
    let last_access = Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_OMIT };
    Ok(rustix::fs::futimens(file, &Timestamps { last_access, last_modification })?)
}

fn give_owner(file: &File, wanted: &Metadata) -> io::Result<bool> {
    let now = file.metadata()?;
    if (now.uid(), now.gid()) == (wanted.uid(), wanted.gid()) {
        return Ok(true);
    }
    let (uid, gid) = (Uid::from_raw(wanted.uid()), Gid::from_raw(wanted.gid()));
    match rustix::fs::fchown(file, Some(uid), Some(gid)) {
        Ok(()) => Ok(true),
        Err(Errno::PERM | Errno::INVAL | Errno::NOSYS) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Copies extended attributes, access lists among them, and removes those that the folder gave.
fn copy_extended(old: &File, new: &File) -> io::Result<bool> {
    let (wanted, given) = (names(old)?, names(new)?);
    for name in given.iter().filter(|name| !wanted.contains(name)) {
        if !is_of_content(name) && rustix::fs::fremovexattr(new, name.as_c_str()).is_err() {
            return Ok(false);
        }
    }
    for name in wanted.iter().filter(|name| !is_of_content(name)) {
        let Some(value) = value(old, name)? else { continue };
        let set = rustix::fs::fsetxattr(new, name.as_c_str(), &value, XattrFlags::empty());
        // A label that may not be set is often there already.
        if set.is_err() && self::value(new, name)? != Some(value) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Tells whether an attribute is made from the content, and wrong once that changes.
fn is_of_content(name: &CStr) -> bool {
    matches!(name.to_bytes(), b"security.ima" | b"security.evm" | b"security.capability")
}

fn names(file: &File) -> io::Result<Vec<CString>> {
    let mut list = Vec::new();
    let size = match rustix::fs::flistxattr_query(file) {
        Ok(size) => size,
        // The file system has none.
        Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::PERM) => 0,
        Err(error) => return Err(error.into()),
    };
    if size > 0 {
        list.resize(size, 0);
        let used = rustix::fs::flistxattr(file, &mut list[..])?;
        list.truncate(used);
    }
    let names = list.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    Ok(names.filter_map(|name| CString::new(name).ok()).collect())
}

fn value(file: &File, name: &CStr) -> io::Result<Option<Vec<u8>>> {
    let mut value = vec![0; MAX_VALUE];
    match rustix::fs::fgetxattr(file, name, &mut value[..]) {
        Ok(size) => {
            value.truncate(size);
            Ok(Some(value))
        }
        Err(Errno::NODATA | Errno::OPNOTSUPP | Errno::ACCESS | Errno::PERM) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
