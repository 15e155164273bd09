//! A file cut into chunks: its smallest units, the heads of what holds units, what stands between.

mod cut;
mod fields;

use distiq_lang::Source;

pub(crate) use cut::cut;
pub(crate) use fields::{FIELD_NAMES, Scribe};
pub use fields::{FIELDS, Field};

/// Most lines of a chunk that is no unit.
const WINDOW_LINES: u32 = 40;
/// Most chunks of one file.
const MAX_CHUNKS: usize = 20_000;

/// A piece of a file that can be found.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Chunk {
    /// `function`, `method`, `class`, … as outlines name them; `block` for code between units,
    /// `text` for a window of what does not parse.
    pub kind: String,
    /// Its own name; empty for blocks and windows.
    pub name: String,
    /// The names of the types around it, joined by `.`.
    pub class: String,
    /// Its head on one line.
    pub signature: String,
    /// 1-based first line.
    pub start_line: u32,
    /// 1-based last line.
    pub end_line: u32,
    /// Whether other chunks lie in it: it is then the head of a class or the like.
    pub is_head: bool,
}

/// A file as it was read, and what its language tells of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileText<'a> {
    /// Relative to the root, with `/`.
    pub path: &'a str,
    pub text: &'a str,
    pub source: Option<&'a Source>,
}
