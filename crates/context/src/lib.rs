//! What a request needs to see of a project, within a budget of tokens.
//!
//! [`build`] is the door: it takes what the index finds and packs a shortlist of heads and telling lines,
//! whole units, or both. The text is never longer than the budget, by the counter that is given.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # std::fs::write(folder.path().join("a.py"), "def parse_header(line):\n    return line.split(':')\n")?;
//! use distiq_context::{Request, Shape, build};
//! use distiq_index::{Control, Index};
//! use distiq_ml::Tokenizer;
//!
//! let index = Index::open(folder.path(), &folder.path().join("cache"))?;
//! index.refresh(&Control::default())?;
//! let request = Request::new("where are headers parsed", 100, Shape::Code);
//! let context = build(&index.snapshot()?, &request, Tokenizer::o200k())?;
//! assert_eq!(context.text, "a.py:1-2\ndef parse_header(line):\n    return line.split(':')\n");
//! # Ok(()) }
//! ```
//!
//! This crate must never know a model, a session or a network.

mod code;
mod hits;
mod lines;
mod needs;
mod pack;

use distiq_base::CountTokens;
use distiq_index::{IndexError, Snapshot};

use pack::Pack;

/// Of a mixed budget, the share of the shortlist.
const MIXED_HITS: f64 = 0.5;

/// How what was found is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// A shortlist of heads, the first ones with their most telling line.
    Hits,
    /// Whole units.
    Code,
    /// A shortlist, then whole units.
    #[default]
    Mixed,
}

impl Shape {
    /// Returns the shape's name.
    pub const fn name(self) -> &'static str {
        match self {
            Shape::Hits => "hits",
            Shape::Code => "code",
            Shape::Mixed => "mixed",
        }
    }
}

/// What is asked, and how much may be shown.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The words of whoever asks.
    pub text: &'a str,
    /// The most tokens of the whole text.
    pub tokens: u64,
    /// How it is shown.
    pub shape: Shape,
    /// Files that whoever asks has open, relative to the root with `/`.
    pub open: &'a [String],
}

impl<'a> Request<'a> {
    /// Returns a request of one who has no file open.
    pub fn new(text: &'a str, tokens: u64, shape: Shape) -> Self {
        Self { text, tokens, shape, open: &[] }
    }
}

/// A piece of the context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Relative to the root, with `/`.
    pub path: String,
    /// 1-based first line.
    pub start_line: u32,
    /// 1-based last line.
    pub end_line: u32,
    /// [`Shape::Hits`] or [`Shape::Code`].
    pub shape: Shape,
    /// What is shown of it.
    pub text: String,
    /// Why it is shown.
    pub reasons: Vec<String>,
}

/// What a model gets to see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// How many tokens the text has.
    pub tokens_used: u64,
    /// What it is made of, in order.
    pub items: Vec<Item>,
    /// All of it, with the lines that name paths.
    pub text: String,
}

/// Packs what fits a request.
///
/// # Errors
/// When the index is damaged.
pub fn build(
    snapshot: &Snapshot,
    request: &Request<'_>,
    counter: &dyn CountTokens,
) -> Result<Context, IndexError> {
    let found = snapshot.retrieve(request.text, request.open)?;
    let mut lines = lines::Lines::new(snapshot);
    let mut pack = Pack::new(counter);
    let for_hits = match request.shape {
        Shape::Hits => request.tokens,
        Shape::Code => 0,
        // Rounded down; the units take what is left.
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_sign_loss,
            clippy::cast_possible_truncation
        )]
        Shape::Mixed => (request.tokens as f64 * MIXED_HITS) as u64,
    };
    hits::shortlist(&found, request.text, for_hits, &mut lines, &mut pack);
    match request.shape {
        Shape::Hits => hits::neighbours(&found, snapshot, request.tokens, &mut pack),
        _ => code::units(&found, request.text, snapshot, request.tokens, &mut lines, &mut pack)?,
    }
    Ok(pack.finish(request.tokens))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;
