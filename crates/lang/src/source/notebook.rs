//! What a notebook's cells hold, whichever way its JSON is laid out.

use std::ops::Range;
use std::path::Path;

/// Where a cell's own keys stand: in an object of the list `cells` of the whole.
const CELL_DEPTH: usize = 3;

/// The cells of a notebook.
#[derive(Debug, Default)]
pub(super) struct Notebook {
    cells: Vec<Cell>,
    /// Whether it is of another language than Python.
    pub is_foreign: bool,
}

#[derive(Debug, Default)]
struct Cell {
    is_code: bool,
    /// What it holds: the bytes within quotes.
    strings: Vec<Range<usize>>,
}

/// A part of JSON's text.
enum Token {
    /// A string, by the bytes within its quotes.
    Text(Range<usize>),
    /// A brace, a bracket, a colon.
    Mark(u8),
}

impl Notebook {
    /// Reads a notebook; `None` where it has no cells with anything in them, or is no JSON.
    pub fn read(text: &str) -> Option<Self> {
        let mut notebook = Self::default();
        let mut cell = Cell::default();
        let mut tokens = Tokens { text, at: 0 }.peekable();
        let (mut depth, mut part, mut key) = (0_usize, "", "");
        let mut is_source = false;
        while let Some(token) = tokens.next() {
            let in_cell = part == "cells" && depth == CELL_DEPTH;
            match token {
                Token::Mark(b'{' | b'[') => {
                    is_source = in_cell && key == "source";
                    depth += 1;
                }
                Token::Mark(b'}' | b']') => {
                    depth = depth.checked_sub(1)?;
                    is_source = false;
                    if in_cell {
                        notebook.cells.push(std::mem::take(&mut cell));
                    }
                }
                Token::Mark(_) => {}
                Token::Text(bytes) if matches!(tokens.peek(), Some(Token::Mark(b':'))) => {
                    key = text.get(bytes)?;
                    part = if depth == 1 { key } else { part };
                }
                Token::Text(bytes) if is_source => cell.strings.push(bytes),
                Token::Text(bytes) => match key {
                    "cell_type" if in_cell => cell.is_code = text.get(bytes) == Some("code"),
                    "source" if in_cell => cell.strings.push(bytes),
                    "language" if part == "metadata" => {
                        notebook.is_foreign |= !text.get(bytes)?.starts_with("python");
                    }
                    _ => {}
                },
            }
        }
        notebook.cells.iter().any(|cell| !cell.strings.is_empty()).then_some(notebook)
    }

    /// Returns the strings that cells hold, in order, each with whether it is code.
    pub fn strings(&self) -> impl Iterator<Item = (bool, Range<usize>)> {
        let of = |cell: &Cell| {
            let is_code = cell.is_code;
            cell.strings.clone().into_iter().map(move |bytes| (is_code, bytes))
        };
        self.cells.iter().flat_map(of)
    }
}

/// Returns the lines of a file of another format as they read: of a notebook those of its cells, each where it stands, with
/// several in one where a cell is one string; `None` where the file's own lines are what there is to read.
pub fn readable(path: &Path, text: &str) -> Option<Vec<String>> {
    if path.extension()? != "ipynb" {
        return None;
    }
    let notebook = Notebook::read(text)?;
    let mut shown = vec![String::new(); text.lines().count()];
    let mut lines = Lines::default();
    for (_, string) in notebook.strings() {
        let at = usize::try_from(lines.at(text, string.start)).ok()?.checked_sub(1)?;
        let quoted = text.get(string.start - 1..=string.end)?;
        let content: String = serde_json::from_str(quoted).ok()?;
        let line = shown.get_mut(at)?;
        if !line.is_empty() && !line.ends_with('\n') {
            line.push('\n');
        }
        line.push_str(&content);
    }
    for line in &mut shown {
        line.truncate(line.trim_end_matches('\n').len());
    }
    Some(shown)
}

/// Counts lines up to bytes that come in their order.
#[derive(Default)]
pub(super) struct Lines {
    byte: usize,
    before: u32,
}

impl Lines {
    /// Returns the 1-based line of a byte.
    pub fn at(&mut self, text: &str, byte: usize) -> u32 {
        let between = text.as_bytes().get(self.byte..byte).unwrap_or_default();
        let breaks = between.iter().filter(|byte| **byte == b'\n').count();
        self.byte = self.byte.max(byte);
        self.before = self.before.saturating_add(u32::try_from(breaks).unwrap_or(u32::MAX));
        self.before.saturating_add(1)
    }
}

struct Tokens<'a> {
    text: &'a str,
    at: usize,
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        let bytes = self.text.as_bytes();
        loop {
            let byte = *bytes.get(self.at)?;
            self.at += 1;
            match byte {
                b'{' | b'}' | b'[' | b']' | b':' => return Some(Token::Mark(byte)),
                b'"' => {
                    let start = self.at;
                    loop {
                        match bytes.get(self.at)? {
                            b'"' => break,
                            b'\\' => self.at += 2,
                            _ => self.at += 1,
                        }
                    }
                    self.at += 1;
                    return Some(Token::Text(start..self.at - 1));
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Option<Vec<String>> {
        readable(Path::new("a.ipynb"), text)
    }

    #[test]
    fn lines_read_as_those_of_the_cells() {
        let text = "{\"cells\": [\n{\"source\": [\n  \"a = \\\"\\u0436\\\"\\n\",\n  \"\\n\",\n  \"    b\"\n], \"cell_type\": \"code\"},\n{\"cell_type\": \"markdown\", \"source\": \"one\\ntwo\"}, {\"source\": \"x\"}],\n\"source\": \"no\"}";
        let expected = ["", "", "a = \"ж\"", "", "    b", "", "one\ntwo\nx", ""];
        assert_eq!(lines(text).unwrap(), expected);
        assert_eq!(readable(Path::new("a.json"), text), None);
    }

    #[test]
    fn what_is_no_notebook_has_its_own_lines() {
        for text in ["", "{\"cells\": []}", "[]", "}{", "{\"cells\": [{\"source\": \"a", "\"\\"] {
            assert_eq!(lines(text), None, "{text}");
        }
    }
}
