//! A place in a shell text.

use super::ShellError;

/// Reads a text; the methods without `raw` in their name do not see backslash-newline pairs, which
/// bash drops everywhere but in single quotes, comments and quoted here-documents.
#[derive(Clone)]
pub(super) struct Cursor<'t> {
    text: &'t str,
    pos: usize,
}

impl<'t> Cursor<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, pos: 0 }
    }

    pub(super) fn pos(&self) -> usize {
        self.pos
    }

    pub(super) fn seek(&mut self, pos: usize) {
        self.pos = pos.min(self.text.len());
    }

    pub(super) fn rest(&self) -> &'t str {
        self.text.get(self.pos..).unwrap_or("")
    }

    /// Returns the text from `start` to here.
    pub(super) fn since(&self, start: usize) -> &'t str {
        self.between(start, self.pos)
    }

    pub(super) fn between(&self, start: usize, end: usize) -> &'t str {
        self.text.get(start..end).unwrap_or("")
    }

    pub(super) fn bump_raw(&mut self) -> Option<char> {
        let c = self.rest().chars().next()?;
        self.pos += c.len_utf8();
        Some(c)
    }

    pub(super) fn peek(&mut self) -> Option<char> {
        while self.rest().starts_with("\\\n") {
            self.pos += 2;
        }
        self.rest().chars().next()
    }

    pub(super) fn bump(&mut self) -> Option<char> {
        self.peek()?;
        self.bump_raw()
    }

    /// Returns the character after the next one.
    pub(super) fn second(&self) -> Option<char> {
        let mut ahead = self.clone();
        ahead.bump()?;
        ahead.peek()
    }

    pub(super) fn looking_at(&self, token: &str) -> bool {
        self.clone().eat(token)
    }

    pub(super) fn eat(&mut self, token: &str) -> bool {
        let start = self.pos;
        for c in token.chars() {
            if self.bump() != Some(c) {
                self.pos = start;
                return false;
            }
        }
        true
    }

    pub(super) fn eat_while(&mut self, accept: impl Fn(char) -> bool) -> String {
        let mut eaten = String::new();
        while let Some(c) = self.peek().filter(|c| accept(*c)) {
            eaten.push(c);
            self.bump_raw();
        }
        eaten
    }

    pub(super) fn fail(&self, message: impl Into<String>) -> ShellError {
        let before = self.text.get(..self.pos).unwrap_or(self.text);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        ShellError::Syntax {
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(column).unwrap_or(u32::MAX),
            message: message.into(),
        }
    }

    /// Fails on what stands here.
    pub(super) fn unexpected(&mut self) -> ShellError {
        match self.peek() {
            Some('\n') => self.fail("unexpected end of the line"),
            Some(c) => self.fail(format!("unexpected `{c}`")),
            None => self.fail("unexpected end of the command"),
        }
    }
}
