//! Why the index failed.

use std::io;
use std::path::{Path, PathBuf};

use distiq_base::{EmbedError, ErrorKind, RerankError};
use distiq_store::StoreError;

use crate::segment::Damaged;

/// Why the index failed.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// Its table failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A folder or file of the index could not be used.
    #[error("Cannot use the index at `{path}`")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// What it holds is not what was written.
    #[error("The index is damaged")]
    Damaged,
    /// Its folder was removed, or emptied by another process, since it was opened.
    #[error("The index was removed while it was open")]
    Replaced,
    /// The project's folder was removed or moved away.
    #[error("The project's folder `{root}` is gone")]
    NoProject {
        /// Where it was.
        root: PathBuf,
    },
    /// Another process has been changing it for too long.
    #[error("Another process is changing the index")]
    Busy,
    /// Another process is building it, and there is nothing to be searched before that is done.
    #[error("Another process is building the index")]
    Building,
    /// The embedder that makes its vectors failed.
    #[error(transparent)]
    Embed(#[from] EmbedError),
    /// The embedder that makes its vectors cannot be opened.
    #[error(transparent)]
    NoEmbedder(EmbedError),
    /// The model that reads the best places failed.
    #[error(transparent)]
    Rerank(#[from] RerankError),
    /// The caller gave it up.
    #[error("Indexing was cancelled")]
    Cancelled,
}

impl IndexError {
    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        IndexError::Io { path: path.to_path_buf(), source }
    }

    /// Tells whether there is no space left to write it; what was there may still be read.
    pub fn is_full(&self) -> bool {
        use io::ErrorKind::{QuotaExceeded, StorageFull};
        match self {
            IndexError::Store(error) => matches!(error, StoreError::Full { .. }),
            IndexError::Io { source, .. } => matches!(source.kind(), StorageFull | QuotaExceeded),
            _ => false,
        }
    }

    /// Returns the kind that sets the exit code.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            IndexError::Store(error) => error.kind(),
            IndexError::Io { .. }
            | IndexError::Damaged
            | IndexError::Replaced
            | IndexError::NoProject { .. }
            | IndexError::Busy
            | IndexError::Building => ErrorKind::User,
            IndexError::Embed(error) | IndexError::NoEmbedder(error) => error.kind,
            IndexError::Rerank(_) => ErrorKind::Config,
            IndexError::Cancelled => ErrorKind::Cancelled,
        }
    }

    /// Returns what the user can do.
    pub fn hint(&self) -> String {
        match self {
            IndexError::Store(error) => error.hint(),
            IndexError::Io { .. } => "Free space or mend the folder's permissions".into(),
            IndexError::Damaged => "Build it anew with `distiq index --rebuild`".into(),
            IndexError::Replaced => "Try again; it is built anew".into(),
            IndexError::NoProject { .. } => {
                "Put it back, or start again in the folder where it is now".into()
            }
            IndexError::Busy => "Try again, or search with `--no-refresh`".into(),
            IndexError::Building => {
                "Try again; if it hangs, end it: the next command goes on with what it read".into()
            }
            IndexError::Embed(_) | IndexError::NoEmbedder(_) => {
                "Look at the setting `index.embedder`; words find without it".into()
            }
            IndexError::Rerank(_) => {
                "Look at the setting `index.reranker`; search finds without it".into()
            }
            IndexError::Cancelled => "Go on with `distiq index`; what was read is kept".into(),
        }
    }
}

impl From<Damaged> for IndexError {
    fn from(_: Damaged) -> Self {
        IndexError::Damaged
    }
}
