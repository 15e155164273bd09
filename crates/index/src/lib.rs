//! The index of a project: the right code for a request, in milliseconds, with nothing to install.
//!
//! [`Index`] is the door for writing: it reads what changed in the project into segments. [`Snapshot`] is
//! the door for reading: a state of the index that no later change touches. What is derived from several
//! files (whom a name means, how often a word occurs) is worked out when it is asked, so that a change
//! of a file makes nothing else stale.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # std::fs::write(folder.path().join("a.py"), "def parse_header(line):\n    return line.split(':')\n")?;
//! use distiq_index::{Index, Query, Control};
//!
//! let index = Index::open(folder.path(), &folder.path().join("cache"))?;
//! index.refresh(&Control::default())?;
//! let hits = index.snapshot()?.search(&Query::new("where are headers parsed"))?;
//! assert_eq!((hits[0].path.as_str(), hits[0].name.as_str()), ("a.py", "parse_header"));
//! # Ok(()) }
//! ```
//!
//! This crate must never know a model, a session or a network.

mod chunk;
mod documents;
mod error;
mod files;
mod fuzzed;
pub mod graph;
mod history;
mod place;
mod rank;
mod refresh;
mod sealed;
pub mod search;
mod segment;

mod snapshot;
mod table;
mod vector;
mod walk;
mod watch;
pub mod words;

pub use chunk::{Chunk, FIELDS, Field};
pub use documents::is_document;
pub use error::IndexError;
pub use fuzzed::fuzzed;
pub use graph::{EdgeKind, Graph, Need, Span};
pub use place::temporary_folder;
pub use rank::{Candidate, Extension, FEATURES, PLACED, Retrieved, extended, placed};
pub use refresh::{Control, Index, Patience, Progress, Refreshed, Unreadable};
pub use search::{Hit, Mode, NamedFiles, Query, Tests, is_test, searched_name};
pub use segment::{FileFacts, ImportFact, Mention, UnitFact};
pub use snapshot::{FileView, Snapshot, Stats};
pub use vector::Vectors;
pub use walk::{MAX_FILES, has_more_files};
pub use watch::Seen;
