//! Words: quotes, expansions and the substitutions in them.

use super::grammar::Parser;
use super::{ShellError, Word};

/// A word as it is read.
#[derive(Default)]
pub(super) struct Building {
    pub(super) text: String,
    /// Holds an expansion or a substitution.
    pub(super) expands: bool,
    splits: bool,
    tilde: bool,
    pattern: bool,
    bracket_open: bool,
    brace_open: bool,
    brace_list: bool,
    last_unquoted: Option<char>,
}

impl Building {
    pub(super) fn finish(self, raw: &str) -> Word {
        let fixed = !self.expands && !self.brace_list;
        Word {
            literal: fixed && !self.pattern && !self.tilde,
            glob: fixed && self.pattern,
            tilde: self.tilde,
            splits: self.splits || self.pattern || self.brace_list,
            text: self.text,
            raw: raw.to_owned(),
        }
    }

    fn unquoted(&mut self, c: char, at_start: bool) {
        match c {
            '*' | '?' => self.pattern = true,
            '[' => self.bracket_open = true,
            ']' => self.pattern |= self.bracket_open,
            '{' => self.brace_open = true,
            ',' => self.brace_list |= self.brace_open,
            '.' => self.brace_list |= self.brace_open && self.last_unquoted == Some('.'),
            '~' => self.tilde |= at_start || matches!(self.last_unquoted, Some('=' | ':')),
            _ => {}
        }
        self.last_unquoted = Some(c);
        self.text.push(c);
    }
}

/// Where an expansion stands; it decides which quotes mean something.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Inside {
    /// In a word, unquoted.
    Word,
    /// In double quotes or arithmetic.
    Quotes,
    /// In the text of a here-document.
    HereDoc,
}

/// What ends a word.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ends {
    /// Blanks and operators.
    Operators,
    /// Blanks, and operators other than `(`, `)` and `|`: the right side of `=~`.
    Regex,
}

impl Parser<'_> {
    /// Reads a word; it may be empty where no word stands.
    pub(super) fn word(&mut self, ends: Ends) -> Result<Word, ShellError> {
        self.cursor.peek();
        let start = self.cursor.pos();
        let mut word = Building::default();
        while let Some(c) = self.cursor.peek() {
            let at_start = self.cursor.pos() == start;
            match c {
                ' ' | '\t' | '\n' | ';' | '&' => break,
                '|' | '(' | ')' if ends == Ends::Operators => break,
                '<' | '>' if self.cursor.second() == Some('(') => {
                    self.process_substitution(&mut word)?;
                }
                '<' | '>' => break,
                '\\' => {
                    self.cursor.bump_raw();
                    let Some(escaped) = self.cursor.bump_raw() else {
                        return Err(self.cursor.unexpected());
                    };
                    word.last_unquoted = None;
                    self.quoted_char(escaped, &mut word);
                }
                '\'' | '"' => {
                    self.cursor.bump_raw();
                    word.last_unquoted = None;
                    if c == '"' {
                        self.double_quoted(&mut word)?;
                    } else {
                        self.single_quoted(&mut word)?;
                    }
                }
                '$' => {
                    word.last_unquoted = None;
                    self.dollar(Inside::Word, &mut word)?;
                }
                '`' => self.backticks(Inside::Word, &mut word)?,
                _ => {
                    self.cursor.bump_raw();
                    word.unquoted(c, at_start);
                }
            }
        }
        Ok(word.finish(self.cursor.since(start)))
    }

    /// Reads what a `$` begins.
    pub(super) fn dollar(&mut self, inside: Inside, word: &mut Building) -> Result<(), ShellError> {
        let start = self.cursor.pos();
        self.cursor.bump_raw();
        match self.cursor.peek() {
            Some('(') => {
                if self.cursor.eat("((") {
                    self.arithmetic()?;
                } else {
                    self.cursor.bump_raw();
                    self.substitution()?;
                }
            }
            Some('{') => {
                self.cursor.bump_raw();
                self.braces(inside)?;
            }
            Some('[') => return Err(self.cursor.fail("`$[` is not read; write `$((`")),
            Some('\'') if inside == Inside::Word => {
                self.cursor.bump_raw();
                return self.ansi_quoted(word);
            }
            Some('"') if inside == Inside::Word => {
                self.cursor.bump_raw();
                // The text is looked up in a translation.
                word.expands = true;
                return self.double_quoted(word);
            }
            Some(c) if c.is_ascii_alphabetic() || c == '_' => {
                self.cursor.eat_while(|c| c.is_ascii_alphanumeric() || c == '_');
            }
            Some(c) if c.is_ascii_digit() || "@*#?-$!".contains(c) => {
                self.cursor.bump_raw();
            }
            _ => {
                word.text.push('$');
                return Ok(());
            }
        }
        let expansion = self.cursor.since(start);
        word.expands = true;
        // `"$@"` and `"${a[@]}"` become several words even so.
        word.splits |= inside == Inside::Word || expansion.contains('@');
        word.text.push_str(expansion);
        Ok(())
    }

    /// Reads `$( )`, the cursor behind the parenthesis.
    fn substitution(&mut self) -> Result<(), ShellError> {
        self.deeper(|parser| {
            let first = parser.found();
            let waiting = parser.set_here_docs_aside();
            parser.list(&[")"])?;
            if !parser.cursor.eat(")") {
                return Err(parser.cursor.unexpected());
            }
            parser.bring_here_docs_back(waiting)?;
            parser.mark(first, |command| command.in_substitution = true);
            Ok(())
        })
    }

    fn process_substitution(&mut self, word: &mut Building) -> Result<(), ShellError> {
        let start = self.cursor.pos();
        self.cursor.bump();
        self.cursor.bump();
        self.substitution()?;
        word.expands = true;
        word.text.push_str(self.cursor.since(start));
        Ok(())
    }

    /// Reads a command in backticks: it ends at the next one without a backslash, whatever quotes
    /// stand between, and its escapes are taken off before it is read.
    pub(super) fn backticks(
        &mut self,
        inside: Inside,
        word: &mut Building,
    ) -> Result<(), ShellError> {
        let start = self.cursor.pos();
        self.cursor.bump_raw();
        let mut script = String::new();
        loop {
            match self.cursor.bump_raw() {
                Some('`') => break,
                Some('\\') => match self.cursor.bump_raw() {
                    Some(c @ ('`' | '\\' | '$')) => script.push(c),
                    Some('"') if inside != Inside::Word => {
                        return Err(self
                            .cursor
                            .fail("`\\\"` in backticks in quotes; write `$( )`"));
                    }
                    Some(c) => script.extend(['\\', c]),
                    None => break,
                },
                Some(c) => script.push(c),
                None => return Err(self.cursor.fail("a backtick is never closed")),
            }
        }
        word.expands = true;
        word.splits |= inside == Inside::Word;
        word.text.push_str(self.cursor.since(start));
        let first = self.found();
        self.deeper(|parser| parser.within(&script, |inner| inner.list(&[])))?;
        self.mark(first, |command| command.in_substitution = true);
        Ok(())
    }

    /// Reads `${ }`, the cursor behind the brace. What its end depends on is refused: quotes in
    /// quotes and braces in braces, which shells and their versions read differently.
    fn braces(&mut self, inside: Inside) -> Result<(), ShellError> {
        self.deeper(|parser| {
            let mut word = Building::default();
            match parser.cursor.peek() {
                Some(c) if c.is_ascii_alphanumeric() || "_#@*?-$".contains(c) => {}
                // What the variable holds is taken as a name, with its subscript evaluated.
                Some('!') => parser.evaluates = true,
                _ => return Err(parser.cursor.unexpected()),
            }
            let mut first = true;
            loop {
                match parser.cursor.peek() {
                    Some('}') if !first => {
                        parser.cursor.bump_raw();
                        return Ok(());
                    }
                    Some('$') if first => {
                        parser.cursor.bump_raw();
                    }
                    Some('\'') if inside == Inside::Word => {
                        parser.cursor.bump_raw();
                        parser.single_quoted(&mut word)?;
                    }
                    Some('"') if inside == Inside::Word => {
                        parser.cursor.bump_raw();
                        parser.double_quoted(&mut word)?;
                    }
                    Some('\'' | '"' | '{') | None => return Err(parser.cursor.unexpected()),
                    Some('<' | '>') if parser.cursor.second() == Some('(') => {
                        return Err(parser.cursor.unexpected());
                    }
                    Some('\\') => {
                        parser.cursor.bump_raw();
                        if let Some(c) = parser.cursor.bump_raw() {
                            parser.quoted_char(c, &mut word);
                        }
                    }
                    Some('$') => parser.dollar(inside, &mut word)?,
                    Some('`') => parser.backticks(inside, &mut word)?,
                    Some(c) => {
                        parser.notice_evaluation(c);
                        parser.cursor.bump_raw();
                    }
                }
                first = false;
            }
        })
    }

    /// Notes the parts of `${ }` that evaluate a text at run time: subscripts, substring offsets
    /// and `@P`.
    fn notice_evaluation(&mut self, c: char) {
        let next = self.cursor.second();
        self.evaluates |= match c {
            '[' => !matches!(next, Some('@' | '*' | '0'..='9')),
            ':' => !matches!(next, Some('-' | '=' | '?' | '+')),
            '@' => next == Some('P'),
            _ => false,
        };
    }

    /// Reads `… ))`, the cursor behind the opening parentheses.
    pub(super) fn arithmetic(&mut self) -> Result<(), ShellError> {
        self.deeper(|parser| {
            let mut open = 0_u32;
            let mut word = Building::default();
            loop {
                match parser.cursor.peek() {
                    Some('(') => open += 1,
                    Some(')') if open > 0 => open -= 1,
                    Some(')') => {
                        if parser.cursor.eat("))") {
                            return Ok(());
                        }
                        return Err(parser.cursor.fail(
                            "`((` that is not arithmetic; put a space between the parentheses",
                        ));
                    }
                    Some('$') => {
                        parser.evaluates = true;
                        parser.dollar(Inside::Quotes, &mut word)?;
                        continue;
                    }
                    Some('`') => {
                        parser.evaluates = true;
                        parser.backticks(Inside::Quotes, &mut word)?;
                        continue;
                    }
                    Some('<' | '>') if parser.cursor.second() == Some('(') => {
                        return Err(parser.cursor.unexpected());
                    }
                    Some(c) if c.is_ascii_alphabetic() || c == '_' => parser.evaluates = true,
                    Some(c) if c.is_ascii_digit() || " \t\n+-*/%^&|!~<>=?:,.#@[];".contains(c) => {}
                    _ => return Err(parser.cursor.unexpected()),
                }
                parser.cursor.bump_raw();
            }
        })
    }
}
