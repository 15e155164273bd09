//! Words: quotes, expansions and the substitutions in them.

use super::arithmetic::Behind;
use super::compound::is_name;
use super::grammar::Parser;
use super::terms::is_part;
use super::{Expands, ShellError, Span, Word};

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
    pub(super) spans: Vec<Span>,
}

impl Building {
    pub(super) fn finish(self, raw: &str) -> Word {
        let fixed = !self.expands && !self.brace_list;
        Word {
            literal: fixed && !self.pattern && !self.tilde,
            glob: fixed && self.pattern,
            tilde: self.tilde,
            splits: self.splits || self.pattern || self.brace_list,
            pattern: self.pattern,
            spans: self.spans,
            text: self.text,
            raw: raw.to_owned(),
        }
    }

    /// Takes in an expansion as it is written.
    fn expansion(&mut self, raw: &str, expands: Expands, quoted: bool) {
        self.expands = true;
        let start = self.text.len();
        self.text.push_str(raw);
        self.spans.push(Span { start, end: self.text.len(), quoted, expands });
    }

    /// Tells whether braces in it make several words.
    pub(super) fn has_brace_list(&self) -> bool {
        self.brace_list
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
        let (word, raw) = self.building(ends)?;
        Ok(word.finish(raw))
    }

    /// Reads a word and returns it unfinished, with its source.
    pub(super) fn building(&mut self, ends: Ends) -> Result<(Building, &'_ str), ShellError> {
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
                '<' | '>' if word.text.starts_with('{') && word.text.ends_with("]}") => {
                    // `{a[x]}>f` evaluates `x`.
                    return Err(self.cursor.unexpected());
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
        Ok((word, self.cursor.since(start)))
    }

    /// Reads what a `$` begins.
    pub(super) fn dollar(&mut self, inside: Inside, word: &mut Building) -> Result<(), ShellError> {
        let start = self.cursor.pos();
        self.cursor.bump_raw();
        let expands;
        match self.cursor.peek() {
            Some('(') => {
                if self.cursor.eat("((") {
                    self.arithmetic()?;
                    expands = Expands::Number;
                } else {
                    self.cursor.bump_raw();
                    let inner = self.cursor.pos();
                    self.substitution()?;
                    let end = self.cursor.pos().saturating_sub(1);
                    expands = Expands::Command(self.cursor.between(inner, end).to_owned());
                }
            }
            Some('{') => {
                self.cursor.bump_raw();
                self.braces(inside)?;
                expands = plain_variable(self.cursor.since(start));
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
                let name = self.cursor.eat_while(|c| c.is_ascii_alphanumeric() || c == '_');
                expands = Expands::Variable(name);
            }
            Some(c) if c.is_ascii_digit() || "@*#?-$!".contains(c) => {
                self.cursor.bump_raw();
                // Bash takes `$${` and `$$(` for the beginning of an expansion where it looks for a bracket's end.
                if c == '$' && matches!(self.cursor.peek(), Some('{' | '(')) {
                    return Err(self.cursor.unexpected());
                }
                expands = match c {
                    '#' | '?' | '$' | '!' => Expands::Number,
                    '-' => Expands::Other,
                    c => Expands::Variable(c.to_string()),
                };
            }
            _ => {
                word.text.push('$');
                return Ok(());
            }
        }
        let expansion = self.cursor.since(start);
        // `"$@"` and `"${a[@]}"` become several words even so.
        word.splits |= inside == Inside::Word || expansion.contains('@');
        word.expansion(expansion, expands, inside != Inside::Word);
        Ok(())
    }

    /// Reads `$( )`, the cursor behind the parenthesis.
    fn substitution(&mut self) -> Result<(), ShellError> {
        self.deeper(|parser| {
            let first = parser.found();
            let waiting = parser.set_here_docs_aside();
            parser.in_subshell(|inner| inner.list(&[")"]))?;
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
        word.expansion(self.cursor.since(start), Expands::Process, true);
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
        word.splits |= inside == Inside::Word;
        let expands = Expands::Command(script.clone());
        word.expansion(self.cursor.since(start), expands, inside != Inside::Word);
        let first = self.found();
        self.deeper(|parser| {
            parser.in_subshell(|outer| outer.within(&script, |inner| inner.list(&[])))
        })?;
        self.mark(first, |command| command.in_substitution = true);
        Ok(())
    }

    /// Reads `${ }`, the cursor behind the brace. What its end depends on is refused: quotes in
    /// quotes and braces in braces, which shells and their versions read differently.
    fn braces(&mut self, inside: Inside) -> Result<(), ShellError> {
        self.deeper(|parser| {
            let start = parser.cursor.pos();
            let mut word = Building::default();
            let mut array = None;
            let mut behind = Behind::default();
            match parser.cursor.peek() {
                Some(c) if c.is_ascii_alphanumeric() || "_#@*?-$!".contains(c) => {}
                _ => return Err(parser.cursor.unexpected()),
            }
            parser.evaluated_parameter();
            let mut first = true;
            let mut evaluates = false;
            let mut brackets = 0_u32;
            loop {
                match parser.cursor.peek() {
                    Some('}') if !first => {
                        parser.cursor.bump_raw();
                        return Ok(());
                    }
                    Some('$') if first => {
                        parser.cursor.bump_raw();
                    }
                    Some('$' | '`') if evaluates => {
                        parser.evaluated(start, &mut behind, array.as_deref())?;
                    }
                    Some('\'' | '"' | '\\') if evaluates => {
                        if brackets == 0 {
                            return Err(parser.cursor.unexpected());
                        }
                        parser.quoted_subscript(inside, array.as_deref())?;
                    }
                    Some('\'') if inside == Inside::Word => {
                        parser.cursor.bump_raw();
                        parser.single_quoted(&mut word)?;
                    }
                    Some('"') if inside == Inside::Word => {
                        parser.cursor.bump_raw();
                        parser.double_quoted(&mut word)?;
                    }
                    Some('"') if removes_pattern(parser.cursor.since(start)) => {
                        parser.quotes_in_quotes(&mut word)?;
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
                    Some('$')
                        if inside == Inside::Quotes
                            && parser.cursor.second() == Some('\'')
                            && removes_pattern(parser.cursor.since(start)) =>
                    {
                        parser.escapes_in_quotes()?;
                    }
                    Some('$') => parser.dollar(inside, &mut word)?,
                    Some('`') => parser.backticks(inside, &mut word)?,
                    Some(c) if evaluates && is_part(c) => {
                        parser.evaluated(start, &mut behind, array.as_deref())?;
                    }
                    Some(c) => {
                        if !evaluates && parser.begins_evaluation(start, c) {
                            evaluates = true;
                            let name = parser.cursor.since(start);
                            array = Some(name.to_owned()).filter(|name| c == '[' && is_name(name));
                            brackets = u32::from(c == '[');
                        } else if evaluates && brackets > 0 && c == '[' {
                            brackets += 1;
                        } else if evaluates && brackets > 0 && c == ']' {
                            brackets -= 1;
                            evaluates = brackets > 0;
                        }
                        parser.cursor.bump_raw();
                    }
                }
                first = false;
            }
        })
    }
}

/// Tells whether what was read of `${ }` is a name with `#` or `%` behind it.
fn removes_pattern(read: &str) -> bool {
    let end = read.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(read.len());
    let (name, operator) = read.split_at_checked(end).unwrap_or_default();
    is_name(name) && operator.starts_with(['#', '%'])
}

/// Tells the variable of `${NAME}`, or that an expansion is a number.
fn plain_variable(raw: &str) -> Expands {
    let inner = raw.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).unwrap_or(raw);
    match inner.strip_prefix('#') {
        Some(_) => Expands::Number,
        None if is_name(inner) || inner.parse::<u8>().is_ok() || matches!(inner, "@" | "*") => {
            Expands::Variable(inner.to_owned())
        }
        None => Expands::Other,
    }
}
