//! What can go wrong with a database, by what the user can do about it.

use std::io;
use std::path::{Path, PathBuf};

use distiq_base::ErrorKind;
use rusqlite::ErrorCode;

/// Why a database could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A newer Distiq wrote it; the file is left as it is.
    #[error(
        "Database `{}` has format {found}, this version knows up to {known}",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The format it has.
        found: u32,
        /// The newest format known here.
        known: u32,
        /// The version of Distiq that wrote it, where it says so.
        written_by: Option<String>,
    },
    /// The file holds something else.
    #[error("`{}` is not the database `{expected}`", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The name of the database that was wanted.
        expected: &'static str,
    },
    /// The file is damaged.
    #[error("Database `{}` is damaged", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What the database engine says.
        #[source]
        source: rusqlite::Error,
    },
    /// Another process holds it for longer than the wait allows.
    #[error("Database `{}` is in use by another process", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
        /// What the database engine says.
        #[source]
        source: rusqlite::Error,
    },
    /// No space is left; nothing of the transaction was kept.
    #[error("No space left to write database `{}`", path.display())]
    Full {
        /// The file.
        path: PathBuf,
        /// What the system or the database engine says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The file or its folder may not be read or written.
    #[error("No permission to write database `{}`", path.display())]
    Permission {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The file system failed in another way.
    #[error("Database `{}` cannot be reached", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The database engine failed in another way.
    #[error("Database `{}` failed", path.display())]
    Sql {
        /// The file.
        path: PathBuf,
        /// What the database engine says.
        #[source]
        source: rusqlite::Error,
    },
}

impl StoreError {
    /// Sorts an engine's error.
    pub(crate) fn from_sql(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_path_buf();
        let extended = source.sqlite_error().map(|error| error.extended_code);
        if extended == Some(rusqlite::ffi::SQLITE_IOERR_SHMSIZE) {
            // The index of the log beside the file could not grow.
            return StoreError::Full { path, source: Box::new(source) };
        }
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                StoreError::Corrupt { path, source }
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                StoreError::Locked { path, source }
            }
            Some(ErrorCode::DiskFull) => StoreError::Full { path, source: Box::new(source) },
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
                StoreError::Permission { path, source: Box::new(source) }
            }
            Some(ErrorCode::SystemIoFailure) => {
                StoreError::Io { path, source: io::Error::other(source) }
            }
            _ => StoreError::Sql { path, source },
        }
    }

    /// Sorts a system's error, of the database or of a file beside it.
    pub fn from_io(path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                StoreError::Permission { path, source: Box::new(source) }
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                StoreError::Full { path, source: Box::new(source) }
            }
            _ => StoreError::Io { path, source },
        }
    }

    /// Returns the kind that sets the exit code.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            StoreError::Sql { .. } => ErrorKind::Bug,
            _ => ErrorKind::User,
        }
    }

    /// Returns what the user can do.
    pub fn hint(&self) -> String {
        match self {
            StoreError::Newer { written_by: Some(version), .. } => {
                format!("Install Distiq {version} or newer, or name another home with DISTIQ_HOME")
            }
            StoreError::Newer { .. } => {
                "Install a newer Distiq, or name another home with DISTIQ_HOME".into()
            }
            StoreError::Foreign { .. } => {
                "Move the file away, or name another home with DISTIQ_HOME".into()
            }
            StoreError::Corrupt { path, .. } => format!(
                "Move `{}` and its `-wal` and `-shm` files away and start again; copies from \
                 before earlier updates lie beside it as `*.bak-v*`",
                path.display()
            ),
            StoreError::Locked { .. } => {
                "Wait for the other Distiq to end, or look for one that hangs, then try again"
                    .into()
            }
            StoreError::Full { .. } => "Free some space on the disk, then try again".into(),
            StoreError::Permission { path, .. } => format!(
                "Make `{}` and its folder writable for you, or name another home with DISTIQ_HOME",
                path.display()
            ),
            StoreError::Io { .. } => {
                "Check that the disk is there and writable, or name another home with DISTIQ_HOME"
                    .into()
            }
            StoreError::Sql { .. } => "This is a fault of Distiq; please report it".into(),
        }
    }
}
