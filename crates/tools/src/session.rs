//! What the model has seen in this session, so that nothing is said twice and no change is missed.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// A digest of a file's bytes.
pub(crate) type Digest = [u8; 32];

/// Most remembered reads; beyond it all are forgotten, which costs a repeated text at worst.
const MOST: usize = 10_000;

/// The session's memory.
#[derive(Debug, Default)]
pub(crate) struct Session {
    files: HashMap<PathBuf, Digest>,
    reads: HashMap<String, (Digest, bool)>,
}

/// How a file stands to what the model knows of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// It was never shown.
    Unseen,
    /// It is as it was shown or written last.
    Current,
    /// Somebody else changed it since.
    Changed,
}

/// Returns the digest of a file's bytes.
pub(crate) fn digest(bytes: &[u8]) -> Digest {
    *blake3::hash(bytes).as_bytes()
}

impl Session {
    /// Remembers that the model knows these bytes of the file.
    pub(crate) fn saw(&mut self, path: &Path, digest: Digest) {
        if self.files.len() >= MOST {
            self.files.clear();
        }
        self.files.insert(path.to_path_buf(), digest);
    }

    /// Tells whether the model knows the file as it is.
    pub(crate) fn known(&self, path: &Path, digest: Digest) -> Known {
        match self.files.get(path) {
            None => Known::Unseen,
            Some(seen) if *seen == digest => Known::Current,
            Some(_) => Known::Changed,
        }
    }

    /// Forgets a file that is gone.
    pub(crate) fn gone(&mut self, path: &Path) {
        self.files.remove(path);
    }

    /// Tells whether this very read was answered before with these bytes; remembers it.
    ///
    /// Only every other time: who asks again after "unchanged" has lost the text.
    pub(crate) fn is_repeat(&mut self, read: &str, digest: Digest) -> bool {
        if self.reads.len() >= MOST {
            self.reads.clear();
        }
        let told = matches!(self.reads.get(read), Some((seen, false)) if *seen == digest);
        self.reads.insert(read.to_owned(), (digest, told));
        told
    }

    /// Forgets everything shown: the history no longer holds it.
    pub(crate) fn forget(&mut self) {
        self.reads.clear();
    }
}
