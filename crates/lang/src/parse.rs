//! Parsing, bounded in size and time.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use tree_sitter::{ParseOptions, Parser, Tree};

use crate::Language;
use crate::language::Reader;

/// The largest text that is parsed.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// How long a text may take. Grammars with ambiguities take seconds for some broken texts. Builds that are not
/// optimised, as in tests beside others, get longer.
const MAX_TIME: Duration = Duration::from_secs(if cfg!(debug_assertions) { 20 } else { 2 });

thread_local! {
    /// Parsers are cheap to switch between languages and not to be shared between threads.
    static PARSER: RefCell<Option<Parser>> = const { RefCell::new(None) };
}

/// The most angle brackets that one statement of C# may open without closing any.
const MAX_OPENED: usize = 1_000;

/// How deep blocks may nest in the languages below.
const MAX_BLOCKS: usize = 200;

/// Tells whether a text is small enough to be parsed.
pub(crate) const fn can_parse(text: &str) -> bool {
    text.len() <= MAX_BYTES
}

/// Parses a text; `None` where it is too large, takes too long or nests too deep.
pub(crate) fn parse(language: Language, text: &str) -> Option<Tree> {
    parse_again(language, text, None)
}

/// Parses a text of which `old` tells the tree before the edits that it was told of.
pub(crate) fn parse_again(language: Language, text: &str, old: Option<&Tree>) -> Option<Tree> {
    let Reader::Grammar(grammar) = language.spec().reader else {
        return None;
    };
    if !can_parse(text) || overruns(language, text) {
        return None;
    }
    PARSER.with_borrow_mut(|slot| {
        let parser = slot.get_or_insert_with(Parser::new);
        parser.set_language(&grammar()).ok()?;
        let end = Instant::now() + MAX_TIME;
        let mut progress = |_: &tree_sitter::ParseState| {
            if Instant::now() < end { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        let options = ParseOptions::new().progress_callback(&mut progress);
        let masked = (language == Language::Bash && !text.is_ascii()).then(|| masked(text));
        let bytes = masked.as_deref().unwrap_or(text.as_bytes());
        let mut read = |at: usize, _| bytes.get(at..).unwrap_or_default();
        let tree = parser.parse_with_options(&mut read, old, Some(options));
        // A parse that was cut would be taken up again by the next one.
        parser.reset();
        tree
    })
}

/// Puts a letter for each byte that is not ASCII: the scanner of Bash 0.25.1 looks characters up in
/// C's table of 256 and reads past its end. To bash they are letters all the same.
fn masked(text: &str) -> Vec<u8> {
    text.bytes().map(|byte| if byte.is_ascii() { byte } else { b'x' }).collect()
}

/// Tells whether a text may overrun the 1,024 bytes in which some grammars keep their state: the
/// scanners of YAML 0.7.2 and Python 0.25.0 write past them (and debug builds abort) from about 250
/// and 500 open blocks on, and the one of Bash 0.25.1 counts here-documents in a byte. With C# 0.23.1, `a<b<b<…` without an end branches so that
/// the parser takes minutes to gather what it read, and does not ask meanwhile whether to go on.
fn overruns(language: Language, text: &str) -> bool {
    match language {
        Language::Python => {
            let mut widths: Vec<usize> = text.lines().map(indent).collect();
            widths.sort_unstable();
            widths.dedup();
            widths.len() > MAX_BLOCKS
        }
        Language::Yaml => text.lines().any(|line| indent(line) + indicators(line) > MAX_BLOCKS),
        Language::Bash => text.matches("<<").count() > MAX_BLOCKS,
        Language::CSharp => {
            let mut parts = text.split(['>', ';', '{', '}']);
            parts.any(|part| part.matches('<').count() > MAX_OPENED)
        }
        _ => false,
    }
}

/// The columns before a line's text; open blocks have different ones.
fn indent(line: &str) -> usize {
    line.chars().take_while(|c| c.is_whitespace()).map(|c| if c == '\t' { 8 } else { 1 }).sum()
}

/// Counts what may open a block within a line of YAML.
fn indicators(line: &str) -> usize {
    let bytes = line.as_bytes();
    let opens =
        |pair: &[u8]| matches!(pair, [b'-' | b'?' | b':', next] if next.is_ascii_whitespace());
    bytes.windows(2).filter(|pair| opens(pair)).count()
        + usize::from(line.ends_with(['-', '?', ':']))
}
