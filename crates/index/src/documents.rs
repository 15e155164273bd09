//! Documents whose files are no text: what their reader made of them is kept beside an index of their own.
//!
//! That index lies in a folder beside the code's and is made only for who asks for documents, so that nobody waits for them
//! who looks for code, and no answer about code depends on whether somebody asked for documents before.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use distiq_base::{DocumentError, ReadDocument, atomic};

use crate::files::{self, Skip};
use crate::place;
use crate::walk::MAX_BYTES;
use crate::words::{without_keys, without_secrets};

/// The folder of the index.
pub(crate) const FOLDER: &str = "documents";
/// How the files end that hold texts.
pub(crate) const KEPT: &str = ".txt";
/// How documents end.
const ENDINGS: &[&str] = &["pdf"];

/// Tells by its name whether a file is a document that a [`ReadDocument`] reads.
pub fn is_document(path: &str) -> bool {
    let ending = path.rsplit_once('.').map(|(_, ending)| ending).unwrap_or_default();
    ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known))
}

/// Where the texts of documents are kept, and who reads them.
#[derive(Clone, Debug)]
pub(crate) struct Documents {
    pub folder: PathBuf,
    pub reader: Arc<dyn ReadDocument>,
}

impl Documents {
    /// Reads a document of the project and keeps its text, without what looks like a key or a secret.
    pub fn read(&self, root: &File, path: &str) -> Result<String, Skip> {
        let file = files::open(root, path).map_err(|_| Skip::Unreadable)?;
        if !file.metadata().is_ok_and(|data| data.is_file()) {
            return Err(Skip::Unreadable);
        }
        let text = self.reader.text(file).map_err(|error| match error {
            DocumentError::Locked => Skip::Locked,
            DocumentError::Broken => Skip::Broken,
            DocumentError::Large => Skip::Large,
            DocumentError::Reader => Skip::Unreadable,
        })?;
        if text.trim().is_empty() {
            return Err(Skip::NoText);
        }
        let end = text.floor_char_boundary(usize::try_from(MAX_BYTES).unwrap_or(usize::MAX));
        let text = without_secrets(path, text.get(..end).unwrap_or_default());
        let text: String = text.split_inclusive('\n').map(without_keys).collect();
        let kept = self.folder.join(file_name(path));
        atomic::write(&kept, text.as_bytes(), None).map_err(|_| Skip::Unreadable)?;
        Ok(text)
    }
}

/// Returns the name of the file that holds a document's text.
pub(crate) fn file_name(path: &str) -> String {
    let hash = blake3::hash(path.as_bytes()).to_hex();
    format!("{}{KEPT}", hash.get(..32).unwrap_or_default())
}

/// Returns what is kept of a document.
pub(crate) fn kept(folder: &Path, path: &str) -> Option<String> {
    String::from_utf8(place::read(&folder.join(file_name(path)), 2 * MAX_BYTES)?).ok()
}
