//! The text of a PDF file: what its pages show as letters, line by line.
//!
//! [`text`] is the door. A file of the wild may be broken or made to do harm: what is read is bounded in pages, operators, nesting
//! and length, and a panic of the reading library is an error here. What a compressed stream swells to is bounded by nobody
//! in this process, so whoever does not know where a file comes from reads it in a process with a limit on its memory
//! ([`EXTRACT`] is the word by which the binary does so).
//!
//! ```
//! assert_eq!(distiq_pdf::text(b"no such file".to_vec()), Err(distiq_pdf::PdfError::Invalid));
//! ```
//!
//! This crate must never know a path, a project or a network.

mod content;
mod lines;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use hayro_font::{CMapResolverFn, FontCache, FontQuery, FontResolverFn};
use hayro_syntax::{LoadPdfError, Pdf};

use content::Reader;
use lines::Lines;

/// The first argument that makes the binary read a PDF from standard input and write its text to standard output.
pub const EXTRACT: &str = "__pdf";
/// Begins the first line of each page after the first.
pub const PAGE: char = '\u{c}';
/// Largest file.
pub const MAX_FILE_BYTES: u64 = 64 << 20;
/// Longest text; what comes behind it is left out.
pub const MAX_TEXT_BYTES: usize = 4 << 20;
/// Most pages; the others are left out.
pub const MAX_PAGES: usize = 5_000;
/// Most operators of the whole file.
const MAX_OPERATORS: u64 = 20_000_000;

/// Why there is no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PdfError {
    /// It takes a password to read it.
    #[error("it is locked by a password")]
    Locked,
    /// It is no PDF, or one that is broken beyond reading.
    #[error("it is no PDF that can be read")]
    Invalid,
    /// It is larger than what is read.
    #[error("it is larger than 64 MB")]
    Large,
}

/// Returns the text of a PDF file: a line for each line that is shown, in the order in which the file has them, each page after the
/// first begun by [`PAGE`]. Empty where no page holds letters, as with scans.
///
/// # Errors
/// When it cannot be read.
pub fn text(bytes: Vec<u8>) -> Result<String, PdfError> {
    if u64::try_from(bytes.len()).is_ok_and(|len| len > MAX_FILE_BYTES) {
        return Err(PdfError::Large);
    }
    // The library does not panic on purpose; a file may still make it.
    catch_unwind(AssertUnwindSafe(|| read(bytes))).unwrap_or(Err(PdfError::Invalid))
}

/// Reads any bytes as a PDF, without catching a panic. For tests.
#[doc(hidden)]
pub fn fuzzed(bytes: &[u8]) {
    if let Ok(text) = read(bytes.to_vec()) {
        assert!(text.len() <= MAX_TEXT_BYTES);
        assert!(text.chars().all(|c| c == '\n' || c == PAGE || !c.is_control()));
    }
}

fn read(bytes: Vec<u8>) -> Result<String, PdfError> {
    let pdf = Pdf::new(bytes).map_err(|error| match error {
        LoadPdfError::Decryption(_) => PdfError::Locked,
        LoadPdfError::Invalid => PdfError::Invalid,
    })?;
    let fonts = FontCache::new();
    let (font_of, cmap_of) = resolvers();
    let mut reader = Reader::new(&fonts, &font_of, &cmap_of, MAX_OPERATORS);
    let mut text = String::new();
    for (number, page) in pdf.pages().iter().take(MAX_PAGES).enumerate() {
        if number > 0 {
            text.push(PAGE);
        }
        let mut lines = Lines::default();
        reader.page(page, &mut lines);
        text.push_str(&lines.finish());
        if text.len() > MAX_TEXT_BYTES || reader.is_spent() {
            break;
        }
    }
    text.truncate(text.floor_char_boundary(MAX_TEXT_BYTES));
    let is_blank = text.chars().all(|c| c.is_whitespace() || c == PAGE);
    Ok(if is_blank { String::new() } else { text })
}

/// Returns where fonts and character maps come from that a file names but does not hold.
fn resolvers() -> (FontResolverFn, CMapResolverFn) {
    let font_of: FontResolverFn = Arc::new(|query| match query {
        FontQuery::Standard(font) => Some(font.get_font_data()),
        FontQuery::Fallback(font) => Some(font.pick_standard_font().get_font_data()),
    });
    (font_of, Arc::new(hayro_cmap::load_embedded))
}
