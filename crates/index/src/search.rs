//! Searching a snapshot.

mod begins;
mod lexical;
mod symbol;
mod tests_of;
mod wanted;
mod within;

use crate::chunk::Chunk;
use crate::error::IndexError;
use crate::rank::UNITS;
use crate::snapshot::Snapshot;
use crate::words::Analyzer;

pub(crate) use lexical::{Lexical, Tables};
pub use symbol::searched_name;
pub use tests_of::is_test;
pub(crate) use tests_of::{FileKind, belong_together, stem};
pub use wanted::NamedFiles;
pub(crate) use wanted::Wanted;

/// Longest query that is read, in bytes.
pub const MAX_QUERY: usize = 64 * 1024;
/// Most reasons of a hit that words give.
pub(crate) const MAX_REASONS: usize = 6;
/// The number of a hit that is no chunk: lines between chunks that a request names.
pub const NO_CHUNK: u32 = u32::MAX;
/// Most hits.
pub const MAX_HITS: usize = 200;

/// By what is searched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// By all that is known.
    #[default]
    Hybrid,
    /// By words alone.
    Text,
    /// By meaning: by the company that words keep in the project.
    Vector,
    /// By the names of definitions.
    Symbol,
}

/// What becomes of tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tests {
    /// They are found like all else.
    #[default]
    Include,
    /// They are left out.
    Exclude,
}

/// What is searched.
#[derive(Clone, Debug)]
pub struct Query<'a> {
    /// The words; of more than 64 KB the first are read.
    pub text: &'a str,
    /// Most hits, at most 200.
    pub limit: usize,
    /// By what.
    pub mode: Mode,
    /// What becomes of tests.
    pub tests: Tests,
    /// Files that whoever asks has open, relative to the root with `/`; what fits comes sooner where it is in one of them.
    pub open: &'a [String],
}

impl<'a> Query<'a> {
    /// Returns a search for the ten best hits by all that is known.
    pub fn new(text: &'a str) -> Self {
        Self { text, limit: 10, mode: Mode::default(), tests: Tests::default(), open: &[] }
    }

    /// Returns the text that is read.
    pub(crate) fn text(&self) -> &'a str {
        self.text.get(..self.text.floor_char_boundary(MAX_QUERY)).unwrap_or_default()
    }
}

/// A chunk that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// Its number in the snapshot, or [`NO_CHUNK`].
    pub number: u32,
    /// Its file, relative to the root, with `/`.
    pub path: String,
    /// 1-based first line.
    pub start_line: u32,
    /// 1-based last line.
    pub end_line: u32,
    /// `function`, `class`, `text`, …
    pub kind: String,
    /// Its name; empty for blocks and windows.
    pub name: String,
    /// The names of the types around it, joined by `.`.
    pub class: String,
    /// Its head on one line.
    pub signature: String,
    /// How good it is; comparable within one search.
    pub score: f32,
    /// Why it was found.
    pub reasons: Vec<String>,
}

impl Snapshot {
    /// Returns the chunks that fit best, best first.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn search(&self, query: &Query<'_>) -> Result<Vec<Hit>, IndexError> {
        let limit = query.limit.min(MAX_HITS);
        if query.mode == Mode::Symbol {
            return symbol::search(self, query, limit);
        }
        if query.mode == Mode::Hybrid {
            return crate::rank::search(self, query, limit);
        }
        if query.mode == Mode::Vector {
            return crate::vector::search(self, query, limit);
        }
        let analyzer = Analyzer::default();
        let terms = lexical::terms(&analyzer, query.text());
        let lexical = Lexical::read(self, &terms, &UNITS)?;
        let mut hits = Vec::with_capacity(limit);
        let wanted = Wanted::of(self, query)?;
        let is_wanted = |number| -> Result<bool, IndexError> {
            wanted.shows(self.file_of(number)?.path, || Ok(self.chunk(number)?.name))
        };
        // Where tests are left out, more must be looked at.
        for (number, score) in
            lexical.best(self, limit * if query.tests == Tests::Include { 1 } else { 8 })
        {
            if hits.len() >= limit {
                break;
            }
            if is_wanted(number)? {
                let hit = self.hit(number, score, lexical.reasons(number))?;
                hits.push(hit);
            }
        }
        Ok(hits)
    }

    /// Makes a hit of a chunk.
    pub(crate) fn hit(
        &self,
        number: u32,
        score: f32,
        reasons: Vec<String>,
    ) -> Result<Hit, IndexError> {
        let Chunk { kind, name, class, signature, start_line, end_line, .. } =
            self.chunk(number)?;
        let path = self.file_of(number)?.path.to_owned();
        Ok(Hit { number, path, start_line, end_line, kind, name, class, signature, score, reasons })
    }
}
