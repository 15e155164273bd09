//! Quotes: what stands between them, and where they end.

use super::ShellError;
use super::grammar::Parser;
use super::word::{Building, Inside};

impl Parser<'_> {
    /// Reads `'…'`, the cursor behind the opening quote.
    pub(super) fn single_quoted(&mut self, word: &mut Building) -> Result<(), ShellError> {
        loop {
            match self.cursor.bump_raw() {
                Some('\'') => return Ok(()),
                Some(c) => self.quoted_char(c, word),
                None => return Err(self.cursor.fail("a `'` is never closed")),
            }
        }
    }

    /// Reads `"…"`, the cursor behind the opening quote.
    pub(super) fn double_quoted(&mut self, word: &mut Building) -> Result<(), ShellError> {
        loop {
            match self.cursor.peek() {
                Some('"') => {
                    self.cursor.bump_raw();
                    return Ok(());
                }
                Some(_) => self.expanded_char(Inside::Quotes, word)?,
                None => return Err(self.cursor.fail("a `\"` is never closed")),
            }
        }
    }

    /// Reads `"…"` in a pattern of `"${x#…}"`, the cursor before its first quote. Only what ends at the same place
    /// whichever way the quotes are read: no blanks, no operators, no other quotes.
    pub(super) fn quotes_in_quotes(&mut self, word: &mut Building) -> Result<(), ShellError> {
        self.cursor.bump_raw();
        loop {
            match self.cursor.peek() {
                Some('"') => {
                    self.cursor.bump_raw();
                    return Ok(());
                }
                Some('$') if self.cursor.second() == Some('{') => {
                    self.dollar(Inside::Quotes, word)?;
                }
                Some(c) if c.is_ascii_alphanumeric() || "*?[]!:^@._,/%#=+~-".contains(c) => {
                    self.cursor.bump_raw();
                }
                _ => return Err(self.cursor.unexpected()),
            }
        }
    }

    /// Passes `$'…'` in a pattern of `"${x#…}"`, the cursor before the `$`: only what ends at the same place where
    /// the quotes mean nothing.
    pub(super) fn escapes_in_quotes(&mut self) -> Result<(), ShellError> {
        self.cursor.bump_raw();
        self.cursor.bump_raw();
        loop {
            match self.cursor.bump_raw() {
                Some('\'') => return Ok(()),
                Some('\\')
                    if self.cursor.peek().is_some_and(|escape| "abefnrtv".contains(escape)) =>
                {
                    self.cursor.bump_raw();
                }
                Some(c) if !"\\\"`${}'".contains(c) => {}
                _ => return Err(self.cursor.fail("a `$'…'` in `\"${ }\"`")),
            }
        }
    }

    /// Reads one character, escape or expansion of a text in which only `\`, `$` and backticks
    /// mean something: double quotes and here-documents.
    pub(super) fn expanded_char(
        &mut self,
        inside: Inside,
        word: &mut Building,
    ) -> Result<(), ShellError> {
        match self.cursor.peek() {
            Some('\\') => {
                self.cursor.bump_raw();
                let next = self.cursor.rest().chars().next();
                let escaped = match next {
                    Some('$' | '`' | '\\') => true,
                    Some('"') => inside == Inside::Quotes,
                    _ => false,
                };
                match next.filter(|_| escaped) {
                    Some(c) => {
                        self.cursor.bump_raw();
                        self.quoted_char(c, word);
                    }
                    None => word.text.push('\\'),
                }
                Ok(())
            }
            Some('$') => self.dollar(inside, word),
            Some('`') => self.backticks(inside, word),
            Some(c) => {
                self.cursor.bump_raw();
                word.text.push(c);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Reads `$'…'`, the cursor behind the opening quote.
    pub(super) fn ansi_quoted(&mut self, word: &mut Building) -> Result<(), ShellError> {
        loop {
            match self.cursor.bump_raw() {
                Some('\'') => return Ok(()),
                Some('\\') => self.ansi_escape(word)?,
                Some(c) => self.quoted_char(c, word),
                None => return Err(self.cursor.fail("a `$'` is never closed")),
            }
        }
    }

    fn ansi_escape(&mut self, word: &mut Building) -> Result<(), ShellError> {
        let c = match self.cursor.bump_raw() {
            Some('a') => '\x07',
            Some('b') => '\x08',
            Some('e' | 'E') => '\x1b',
            Some('f') => '\x0c',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('v') => '\x0b',
            Some(c @ ('\\' | '\'' | '"' | '?')) => c,
            Some('x') => self.ansi_number(16, 2, word)?,
            Some('u') => self.ansi_number(16, 4, word)?,
            Some('U') => self.ansi_number(16, 8, word)?,
            Some(c @ '0'..='7') => {
                self.cursor.seek(self.cursor.pos() - c.len_utf8());
                self.ansi_number(8, 3, word)?
            }
            _ => return Err(self.cursor.fail("an escape in `$'…'` that is not known")),
        };
        self.quoted_char(c, word);
        Ok(())
    }

    fn ansi_number(
        &mut self,
        radix: u32,
        digits: usize,
        word: &mut Building,
    ) -> Result<char, ShellError> {
        let taken: String =
            self.cursor.rest().chars().take(digits).take_while(|c| c.is_digit(radix)).collect();
        self.cursor.seek(self.cursor.pos() + taken.len());
        let code = u32::from_str_radix(&taken, radix).unwrap_or(0);
        if code == 0 {
            // Bash ends the text at a zero byte; other shells do not.
            return Err(self.cursor.fail("a zero byte or an empty number in `$'…'`"));
        }
        // Above 0x7f `\x` and octal numbers are bytes, not characters.
        if code > 0x7f {
            word.expands = true;
        }
        Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    /// Takes a character in that quotes or a backslash made plain.
    pub(super) fn quoted_char(&mut self, c: char, word: &mut Building) {
        word.text.push(c);
    }
}
