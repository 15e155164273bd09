//! Why a folder gives no embedder.

use std::io;
use std::path::{Path, PathBuf};

/// Why a folder gives no embedder, or a text no vector.
#[derive(Debug, thiserror::Error)]
pub enum TransformerError {
    /// A file cannot be read.
    #[error("Cannot read `{path}`")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file is no JSON, or not of the shape it should have.
    #[error("`{path}` is not what it should be")]
    Json {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A file holds something else than its name says.
    #[error("`{path}` is damaged: {what}")]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A model of another kind than those that are known.
    #[error("The model in `{path}` cannot be used: {what}")]
    Unsupported {
        /// Its folder or file.
        path: PathBuf,
        /// What is not known.
        what: String,
    },
}

impl TransformerError {
    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_path_buf(), source }
    }

    pub(super) fn damaged(path: &Path, what: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_path_buf(), what: what.into() }
    }

    pub(super) fn unsupported(path: &Path, what: impl Into<String>) -> Self {
        Self::Unsupported { path: path.to_path_buf(), what: what.into() }
    }
}
