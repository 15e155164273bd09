//! A segment: some files of the project, cut into chunks, with the words of each. Never changed once
//! written; a file that changes is read into a new segment and dead in its old one.
//!
//! ```text
//! postings ┊ chunks ┊ facts ┊ blocks of terms ┊ blocks of names ┊ terms ┊ files ┊ lengths ┊ places ┊ names ┊ footer
//! ```
//! A record of the first five parts is read when it is asked for, and carries its own checksum; blocks stay in memory
//! then. What the names have beside their blocks is read when the first request asks, the other parts when the segment is
//! opened. Numbers are little-endian.

mod blocks;
mod build;
mod facts;
mod image;
mod merge;
mod names;
mod postings;
mod read;
mod restamp;
mod terms;

pub(crate) use build::{Builder, decode_length};
pub use facts::{FileFacts, ImportFact, Mention, UnitFact};
pub(crate) use image::PARTS;
pub(crate) use merge::{Input, merge};
pub(crate) use names::{NameGrams, name_grams};
pub(crate) use postings::{Found, Postings};
pub(crate) use read::Segment;
pub(crate) use restamp::{restamp, row, span};
pub(crate) use terms::ListPlace;

/// What leads a name in lower case: the chunks that are called so.
pub(crate) const NAME: char = '\u{1}';
/// What leads an identifier as written: the files, by their places in the segment, that mention it.
pub(crate) const MENTION: char = '\u{2}';
/// What leads a path's last part in lower case: the files called so.
pub(crate) const FILE: char = '\u{3}';
/// What leads what the names of a file and of its twins share, as [`crate::search::stem`] tells: the files that have it.
pub(crate) const STEM: char = '\u{4}';

/// What a segment keeps of a file beside its chunks.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct FileEntry {
    /// Relative to the root, with `/`.
    pub path: String,
    /// Its first chunk in the segment.
    pub first_chunk: u32,
    pub chunks: u32,
    /// How many terms each field of its chunks has, all together.
    pub lengths: [u64; crate::chunk::FIELDS],
    pub lines: u32,
    pub bytes: u64,
    pub kind: crate::search::FileKind,
}

/// Why a segment was not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unwritten {
    /// One that goes into it is damaged.
    #[error(transparent)]
    Damaged(#[from] Damaged),
    /// Its file cannot be written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// A segment's bytes are not what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("The index is damaged")]
pub(crate) struct Damaged;
