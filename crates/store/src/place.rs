//! Where a database lies: its folder, its permissions, and whether the disk is a network's.

use std::fs::{self, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use distiq_base::atomic;

/// How changes are made safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Journal {
    /// Write-ahead log: readers and the writer do not wait for each other.
    Wal,
    /// Rollback journal: slower, but needs no memory shared between processes.
    Rollback,
}

/// Makes the folder (0700) and an empty file (0600) where there are none, and narrows the
/// permissions of an old file; SQLite gives its side files the same ones.
pub(crate) fn prepare(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        atomic::create_private_dir(folder)?;
    }
    match fs::metadata(path) {
        Ok(metadata) => {
            if metadata.permissions().mode() & 0o077 != 0 {
                // Not ours to narrow when another user owns it; opening tells the rest.
                let _ = fs::set_permissions(path, Permissions::from_mode(0o600));
            }
            Ok(())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(path),
        Err(error) => Err(error),
    }
}

// An existing file is never opened and closed here: closing it would drop the POSIX locks that
// other connections of this process hold on it.
fn create(path: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Returns the journal that is safe on the disk that holds `path`.
#[cfg(target_os = "linux")]
pub(crate) fn journal(path: &Path) -> Journal {
    // The field's type differs between C libraries.
    #[allow(clippy::useless_conversion, clippy::unnecessary_fallible_conversions)]
    let magic = |disk: nix::sys::statfs::Statfs| i64::try_from(disk.filesystem_type().0);
    match nix::sys::statfs::statfs(path).map(magic) {
        Ok(Ok(magic)) if is_network(magic) => Journal::Rollback,
        _ => Journal::Wal,
    }
}

/// Returns the journal that is safe on the disk that holds `path`.
#[cfg(not(target_os = "linux"))]
pub(crate) fn journal(_path: &Path) -> Journal {
    Journal::Wal
}

/// Tells whether a file system's magic number (statfs(2)) names one that several machines may
/// share, or (FUSE, 9p) one that need not share memory maps.
#[cfg(target_os = "linux")]
fn is_network(magic: i64) -> bool {
    const MAGICS: &[u32] = &[
        0x0000_6969, // NFS
        0x0000_517b, // SMB
        0xff53_4d42, // CIFS
        0xfe53_4d42, // SMB2
        0x6573_5546, // FUSE: sshfs, virtiofs
        0x0102_1997, // 9p: folders of the host in virtual machines and WSL
        0x5346_414f, // AFS
        0x6b41_4653, // AFS, in the kernel
        0x7375_7245, // Coda
        0x00c3_6400, // Ceph
        0x0bd0_0bd0, // Lustre
        0x4750_4653, // GPFS
        0x0116_1970, // GFS2
        0x7461_636f, // OCFS2
        0x1983_0326, // BeeGFS
    ];
    // The kernel's field is signed on some machines: compare the low 32 bits.
    MAGICS.iter().any(|known| i64::from(*known) == magic & 0xffff_ffff)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn knows_network_disks_whatever_the_sign() {
        for magic in [0x6969, 0xff53_4d42, 0x6573_5546, -11_317_950] {
            assert!(is_network(magic), "{magic:x}");
        }
        // ext4, btrfs, xfs, tmpfs, overlayfs, zfs.
        for magic in [0xef53, 0x9123_683e, 0x5846_5342, 0x0102_1994, 0x794c_7630, 0x2fc1_2fc1] {
            assert!(!is_network(magic), "{magic:x}");
        }
    }
}
