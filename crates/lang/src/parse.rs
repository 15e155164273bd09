//! Parsing, bounded in size and time.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use tree_sitter::{ParseOptions, Parser, Tree};

use crate::Language;

/// The largest text that is parsed.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// How long a text may take. Grammars with ambiguities take seconds for some broken texts.
const MAX_TIME: Duration = Duration::from_secs(3);

thread_local! {
    /// Parsers are cheap to switch between languages and not to be shared between threads.
    static PARSER: RefCell<Option<Parser>> = const { RefCell::new(None) };
}

/// Parses a text; `None` where it is too large, takes too long or has zero bytes.
pub(crate) fn parse(language: Language, text: &str) -> Option<Tree> {
    if text.len() > MAX_BYTES {
        return None;
    }
    PARSER.with_borrow_mut(|slot| {
        let parser = slot.get_or_insert_with(Parser::new);
        parser.set_language(&(language.spec().grammar)()).ok()?;
        let end = Instant::now() + MAX_TIME;
        let mut progress = |_: &tree_sitter::ParseState| {
            if Instant::now() < end { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        let options = ParseOptions::new().progress_callback(&mut progress);
        let bytes = text.as_bytes();
        let mut read = |at: usize, _| bytes.get(at..).unwrap_or_default();
        let tree = parser.parse_with_options(&mut read, None, Some(options));
        // A parse that was cut would be taken up again by the next one.
        parser.reset();
        tree
    })
}
