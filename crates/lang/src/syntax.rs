//! Syntax errors.

use std::collections::HashMap;
use std::path::Path;

use distiq_base::{SyntaxCheck, SyntaxError};
use tree_sitter::{Node, TreeCursor};

use crate::Language;
use crate::language::language_of_text;
use crate::parse::{can_parse, parse};

mod json;
mod piece;

/// The most errors that are returned.
const MAX_ERRORS: usize = 20;
/// The longest text quoted in a message, in characters.
const QUOTED_CHARS: usize = 40;

/// Finds syntax errors with the grammars of this crate.
///
/// A grammar may lack new syntax, so compare a file's errors before and after an edit
/// ([`added_errors`]) rather than refuse every error.
#[derive(Clone, Copy, Debug, Default)]
pub struct Syntax;

impl SyntaxCheck for Syntax {
    fn check(&self, path: &Path, text: &str) -> Option<Vec<SyntaxError>> {
        let language = language_of_text(path, text)?;
        let mut finder = Finder { text, errors: Vec::new() };
        if matches!(language, Language::Json | Language::Jsonc) && can_parse(text) {
            finder.errors.extend(json::check(text, language == Language::Jsonc));
            // The grammar allows comments and no trailing commas in both.
            if finder.errors.is_empty() || language == Language::Jsonc {
                return Some(finder.errors);
            }
        }
        let tree = parse(language, text)?;
        if tree.root_node().has_error() {
            finder.find(&mut tree.walk());
        }
        if language != Language::Json {
            finder.errors.sort_by_key(|error| (error.line, error.column));
        }
        finder.errors.dedup();
        finder.errors.truncate(MAX_ERRORS);
        Some(finder.errors)
    }
}

impl Syntax {
    /// Returns the errors of `new` that `old` did not have; none where the language is not known.
    ///
    /// Errors outside the change stay: that one of them is now told elsewhere or in other words is not the
    /// change's fault.
    pub fn added(&self, path: &Path, old: &str, new: &str) -> Vec<SyntaxError> {
        if self.piece_is_clean(path, old, new) {
            return Vec::new();
        }
        let after = self.check(path, new).unwrap_or_default();
        if after.is_empty() {
            return after;
        }
        let before = self.check(path, old).unwrap_or_default();
        let changed = piece::changed_lines(old, new);
        let standing = before.iter().filter(|error| !changed.contains(&error.line)).count();
        if after.len() <= standing && after.len() < MAX_ERRORS {
            return Vec::new();
        }
        added_errors(&before, &after)
    }

    /// Tells whether the declarations around a change have no errors, before and after.
    fn piece_is_clean(&self, path: &Path, old: &str, new: &str) -> bool {
        let by_lines = language_of_text(path, new)
            .is_some_and(|language| !matches!(language, Language::Json | Language::Jsonc));
        let Some((old, new)) = by_lines.then(|| piece::around(old, new)).flatten() else {
            return false;
        };
        let clean = |text: &str| self.check(path, text).is_some_and(|errors| errors.is_empty());
        clean(new) && clean(old)
    }
}

/// Returns the errors of `after` that `before` did not have. Errors go by their messages, since an
/// edit moves the lines of all that follow.
pub fn added_errors(before: &[SyntaxError], after: &[SyntaxError]) -> Vec<SyntaxError> {
    let mut known: HashMap<&str, usize> = HashMap::new();
    for error in before {
        *known.entry(error.message.as_str()).or_default() += 1;
    }
    let mut left: HashMap<&str, usize> = HashMap::new();
    for error in after {
        *left.entry(error.message.as_str()).or_default() += 1;
    }
    let mut added = Vec::new();
    for error in after {
        let message = error.message.as_str();
        let old = known.get(message).copied().unwrap_or(0);
        let new = left.get(message).copied().unwrap_or(0);
        // Where a message comes up more often than before, the ones on lines that had it are old.
        if new > old {
            let same_place = before
                .iter()
                .any(|known| known.message == error.message && known.line == error.line);
            if same_place && old > 0 {
                known.insert(message, old - 1);
                left.insert(message, new - 1);
                continue;
            }
            left.insert(message, new - 1);
            added.push(error.clone());
        }
    }
    added
}

struct Finder<'t> {
    text: &'t str,
    errors: Vec<SyntaxError>,
}

impl Finder<'_> {
    /// Walks only into nodes with errors below them, without recursion: broken texts nest deep.
    fn find(&mut self, cursor: &mut TreeCursor<'_>) {
        loop {
            let node = cursor.node();
            let inside = node.has_error() && !self.take(node);
            if inside && self.errors.len() < MAX_ERRORS && cursor.goto_first_child() {
                continue;
            }
            while !cursor.goto_next_sibling() {
                if !cursor.goto_parent() {
                    return;
                }
            }
        }
    }

    /// Takes a node's error; tells whether the errors below it are told with it.
    fn take(&mut self, node: Node<'_>) -> bool {
        if self.errors.len() >= MAX_ERRORS {
            return true;
        }
        if node.is_missing() {
            let what = match node.kind() {
                kind if node.is_named() => kind.replace('_', " "),
                "\n" => "line break".to_owned(),
                kind => format!("`{kind}`"),
            };
            self.push(node, format!("Missing {what}"));
            return true;
        }
        if !node.is_error() {
            return false;
        }
        let lines = node.end_position().row > node.start_position().row;
        if lines && let Some((at, message)) = unbalanced(node) {
            self.push(at, message);
            return true;
        }
        // In a long error the parser's own place is more exact than its beginning.
        if lines && has_inner_error(node) {
            return false;
        }
        let message = self.quote(node);
        self.push(node, message);
        true
    }

    fn quote(&self, node: Node<'_>) -> String {
        let text = self.text.get(node.byte_range()).unwrap_or("");
        let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or("").trim();
        if line.is_empty() {
            return "Unexpected end of the file".to_owned();
        }
        if line.chars().count() <= QUOTED_CHARS {
            return format!("Unexpected `{line}`");
        }
        let start: String = line.chars().take(QUOTED_CHARS).collect();
        format!("Unexpected `{start}…`")
    }

    fn push(&mut self, node: Node<'_>, message: String) {
        let start = node.start_position();
        let before = node.start_byte().saturating_sub(start.column)..node.start_byte();
        let column = self.text.get(before).map_or(start.column, |before| before.chars().count());
        self.errors.push(SyntaxError {
            line: u32::try_from(start.row).unwrap_or(u32::MAX - 1) + 1,
            column: u32::try_from(column).unwrap_or(u32::MAX - 1) + 1,
            message,
        });
    }
}

fn has_inner_error(node: Node<'_>) -> bool {
    let mut cursor = node.walk();
    node.children(&mut cursor).any(|child| child.has_error() && child.id() != node.id())
}

/// Returns the bracket without a partner among a node's tokens; strings and comments are tokens of
/// their own, so brackets in them do not count.
fn unbalanced(node: Node<'_>) -> Option<(Node<'_>, String)> {
    let mut open: Vec<Node<'_>> = Vec::new();
    let mut cursor = node.walk();
    loop {
        let token = cursor.node();
        if token.child_count() == 0 && !token.is_missing() {
            match token.kind() {
                "{" | "(" | "[" => open.push(token),
                close @ ("}" | ")" | "]") => {
                    let expected = match close {
                        "}" => "{",
                        ")" => "(",
                        _ => "[",
                    };
                    match open.pop() {
                        Some(opener) if opener.kind() == expected => {}
                        Some(opener) => {
                            return Some((opener, format!("Unclosed `{}`", opener.kind())));
                        }
                        None => return Some((token, format!("Unexpected `{close}`"))),
                    }
                }
                _ => {}
            }
        }
        if cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return open.pop().map(|opener| (opener, format!("Unclosed `{}`", opener.kind())));
            }
        }
    }
}
