//! Here-documents.

use super::grammar::Parser;
use super::word::{Building, Inside};
use super::{ShellError, Word};

/// A here-document whose text is still to come.
pub(super) struct Waiting {
    body: usize,
    delimiter: String,
    quoted: bool,
    strip_tabs: bool,
    operator_end: usize,
}

/// Fails where a here-document's text never came.
pub(super) fn none_waiting(parser: &Parser<'_>) -> Result<(), ShellError> {
    match parser.waiting.first() {
        None => Ok(()),
        Some(waiting) => Err(parser
            .cursor
            .fail(format!("a here-document without its last line `{}`", waiting.delimiter))),
    }
}

impl Parser<'_> {
    /// Reads the delimiter behind `<<`; returns the number of the here-document.
    pub(super) fn here_doc(&mut self, strip_tabs: bool) -> Result<usize, ShellError> {
        let mut delimiter = String::new();
        let mut quoted = false;
        loop {
            match self.cursor.peek() {
                None | Some(' ' | '\t' | '\n' | ';' | '&' | '|' | '<' | '>' | ')') => break,
                Some(quote @ ('\'' | '"')) => {
                    quoted = true;
                    self.cursor.bump_raw();
                    let rest = self.cursor.rest();
                    let (text, _) =
                        rest.split_once(quote).ok_or_else(|| self.cursor.unexpected())?;
                    // Bash is alone in how it reads these.
                    if text.contains(['\\', '\n', '$', '`']) {
                        return Err(self.cursor.unexpected());
                    }
                    delimiter.push_str(text);
                    self.cursor.seek(self.cursor.pos() + text.len() + 1);
                }
                Some('\\') => {
                    quoted = true;
                    self.cursor.bump_raw();
                    delimiter.extend(self.cursor.bump_raw());
                }
                Some(c) if c.is_alphanumeric() || "_-.,+@%/:!".contains(c) => {
                    self.cursor.bump_raw();
                    delimiter.push(c);
                }
                Some(_) => return Err(self.cursor.unexpected()),
            }
        }
        if delimiter.is_empty() {
            return Err(self.cursor.fail("a here-document without a delimiter"));
        }
        self.bodies.push(None);
        let body = self.bodies.len() - 1;
        let operator_end = self.cursor.pos();
        self.waiting.push(Waiting { body, delimiter, quoted, strip_tabs, operator_end });
        Ok(body)
    }

    /// Keeps the here-documents of the line around a substitution out of it.
    pub(super) fn set_here_docs_aside(&mut self) -> Vec<Waiting> {
        std::mem::take(&mut self.waiting)
    }

    pub(super) fn bring_here_docs_back(&mut self, aside: Vec<Waiting>) -> Result<(), ShellError> {
        none_waiting(self)?;
        self.waiting = aside;
        Ok(())
    }

    /// Reads the here-documents of the line that has just ended.
    pub(super) fn read_here_docs(&mut self) -> Result<(), ShellError> {
        let line_end = self.cursor.pos().saturating_sub(1);
        for waiting in std::mem::take(&mut self.waiting) {
            // A quote or substitution over several lines behind the operator: shells differ on
            // where the text begins then.
            if self.cursor.between(waiting.operator_end, line_end).contains('\n') {
                return Err(self.cursor.fail("a line break between a here-document and its text"));
            }
            let text = self.here_doc_text(&waiting)?;
            let word = if waiting.quoted {
                Word { raw: text.clone(), text, literal: true, ..Word::default() }
            } else {
                self.expand_here_doc(text)?
            };
            if let Some(slot) = self.bodies.get_mut(waiting.body) {
                *slot = Some(word);
            }
        }
        Ok(())
    }

    fn here_doc_text(&mut self, waiting: &Waiting) -> Result<String, ShellError> {
        let mut text = String::new();
        while !self.cursor.rest().is_empty() {
            let line = self.here_doc_line(!waiting.quoted);
            let line =
                if waiting.strip_tabs { line.trim_start_matches('\t') } else { line.as_str() };
            if line.strip_suffix('\n').unwrap_or(line) == waiting.delimiter {
                return Ok(text);
            }
            text.push_str(line);
        }
        Err(self
            .cursor
            .fail(format!("a here-document without its last line `{}`", waiting.delimiter)))
    }

    /// Returns the next line with its line break; `join` drops backslash-newline pairs first.
    fn here_doc_line(&mut self, join: bool) -> String {
        let mut line = String::new();
        while let Some(c) = self.cursor.bump_raw() {
            if join && c == '\\' {
                if self.cursor.rest().starts_with('\n') {
                    self.cursor.bump_raw();
                    continue;
                }
                line.push(c);
                line.extend(self.cursor.bump_raw());
                continue;
            }
            line.push(c);
            if c == '\n' {
                break;
            }
        }
        line
    }

    fn expand_here_doc(&mut self, text: String) -> Result<Word, ShellError> {
        let mut word = Building::default();
        self.within(&text, |inner| {
            while inner.cursor.peek().is_some() {
                inner.expanded_char(Inside::HereDoc, &mut word)?;
            }
            Ok(())
        })?;
        Ok(word.finish(&text))
    }
}
