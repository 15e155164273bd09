//! Groups, conditions, loops, `case`, `[[ ]]` and functions.

use super::grammar::{Entry, Parser};
use super::run::RUN_VARIABLES;
use super::terms::{self, Term};
use super::word::Ends;
use super::{Assignment, Command, Expands, ShellError, Span, Word};

impl Parser<'_> {
    /// Reads a simple or a compound command.
    pub(super) fn command(&mut self) -> Result<(), ShellError> {
        self.deeper(Self::command_here)
    }

    fn command_here(&mut self) -> Result<(), ShellError> {
        self.blanks();
        let first = self.found();
        if self.cursor.looking_at("((") {
            self.cursor.eat("((");
            self.arithmetic()?;
        } else if self.cursor.peek() == Some('(') {
            self.cursor.bump_raw();
            self.in_subshell(|parser| parser.list(&[")"]))?;
            if !self.cursor.eat(")") {
                return Err(self.cursor.unexpected());
            }
        } else {
            let word = self.reserved();
            let grouped = matches!(word, Some("{" | "[["));
            match word {
                Some("{") => self.block("{", "}")?,
                Some("if") => self.condition()?,
                Some("while") => self.conditional_loop("while")?,
                Some("until") => self.conditional_loop("until")?,
                Some("for") => self.counted_loop("for")?,
                Some("select") => self.counted_loop("select")?,
                Some("case") => self.case()?,
                Some("[[") => self.test()?,
                Some("function") => return self.function_keyword(),
                Some("coproc") => {
                    // Bash 5.2 runs another command than it reads where one is in `$( )`.
                    return Err(self.cursor.fail("`coproc` is not read"));
                }
                Some("in") | None => return self.simple(),
                Some(_) => return Err(self.cursor.unexpected()),
            }
            if !grouped {
                self.mark(first, |command| command.conditional = true);
            }
        }
        self.group_redirects(first)
    }

    /// Reads the redirections behind a compound command.
    fn group_redirects(&mut self, first: usize) -> Result<(), ShellError> {
        self.blanks();
        let start = self.cursor.pos();
        let mut entry = Entry { command: Command::default(), here_docs: Vec::new(), script: None };
        while self.redirect(&mut entry)? {
            self.blanks();
        }
        if entry.command.redirects.is_empty() {
            return Ok(());
        }
        entry.command.text = self.cursor.since(start).trim().to_owned();
        self.insert(first, vec![entry])
    }

    /// Reads `open list close`.
    fn block(&mut self, open: &str, close: &'static str) -> Result<(), ShellError> {
        self.expect(open)?;
        self.list(&[close])?;
        self.expect(close)
    }

    fn condition(&mut self) -> Result<(), ShellError> {
        self.block("if", "then")?;
        loop {
            self.list(&["elif", "else", "fi"])?;
            if self.stands("elif") {
                self.block("elif", "then")?;
            } else if self.stands("else") {
                return self.block("else", "fi");
            } else {
                return self.expect("fi");
            }
        }
    }

    fn conditional_loop(&mut self, word: &str) -> Result<(), ShellError> {
        self.expect(word)?;
        let start = self.cursor.pos();
        let first = self.found();
        self.list(&["do"])?;
        let condition = self.cursor.since(start).trim().trim_end_matches(';').trim();
        let endless = match word {
            "while" => {
                matches!(condition, "true" | ":" | "[ 1 ]" | "((1))" | "(( 1 ))" | "[[ 1 ]]")
            }
            _ => matches!(condition, "false" | "[ ]" | "((0))" | "(( 0 ))"),
        };
        self.block("do", "done")?;
        self.mark(first, |command| command.endless |= endless);
        Ok(())
    }

    /// Reads `for` and `select`.
    fn counted_loop(&mut self, word: &str) -> Result<(), ShellError> {
        let start = self.cursor.pos();
        self.expect(word)?;
        self.blanks();
        if self.cursor.eat("((") {
            self.arithmetic()?;
            let endless = self.cursor.since(start).replace(' ', "").contains(";;");
            self.separator()?;
            let first = self.found();
            if self.stands("{") {
                self.block("{", "}")?;
            } else {
                self.block("do", "done")?;
            }
            self.mark(first, |command| command.endless |= endless);
            return Ok(());
        }
        let name = self.word(Ends::Operators)?;
        if !is_name(&name.raw) {
            return Err(self.cursor.fail("a loop without a variable's name"));
        }
        if RUN_VARIABLES.contains(&name.raw.as_str()) {
            self.evaluated.terms.push(Term::Other);
        }
        let mut end = self.cursor.pos();
        self.gap()?;
        let mut values = Vec::new();
        if self.stands("in") {
            self.cursor.eat("in");
            loop {
                end = self.cursor.pos();
                self.blanks();
                if matches!(self.cursor.peek(), None | Some('\n' | ';')) {
                    break;
                }
                values.extend(self.words()?);
            }
        } else {
            values.push(arguments());
        }
        self.binds(name.raw, values, (start, end))?;
        self.separator()?;
        self.block("do", "done")
    }

    /// Lists what a loop puts into its variable as a command that only assigns.
    fn binds(
        &mut self,
        name: String,
        values: Vec<Word>,
        (start, end): (usize, usize),
    ) -> Result<(), ShellError> {
        let text = self.cursor.between(start, end).trim().to_owned();
        let each = |value| Assignment { name: name.clone(), value, each: true };
        let assignments = values.into_iter().map(each).collect();
        let command = Command { assignments, text, ..Command::default() };
        let entry = Entry { command, here_docs: Vec::new(), script: None };
        self.insert(self.found(), vec![entry])
    }

    /// Passes a `;` and line breaks.
    fn separator(&mut self) -> Result<(), ShellError> {
        self.blanks();
        if !self.cursor.looking_at(";;") {
            self.cursor.eat(";");
        }
        self.gap()
    }

    fn case(&mut self) -> Result<(), ShellError> {
        self.expect("case")?;
        self.blanks();
        if self.word(Ends::Operators)?.raw.is_empty() {
            return Err(self.cursor.unexpected());
        }
        self.gap()?;
        self.expect("in")?;
        loop {
            self.gap()?;
            if self.stands("esac") {
                return self.expect("esac");
            }
            self.case_patterns()?;
            self.list(&[";;", "esac"])?;
            let ended = self.cursor.eat(";;&") || self.cursor.eat(";;") || self.cursor.eat(";&");
            if !ended && !self.stands("esac") {
                return Err(self.cursor.unexpected());
            }
        }
    }

    fn case_patterns(&mut self) -> Result<(), ShellError> {
        self.cursor.eat("(");
        loop {
            self.blanks();
            if self.word(Ends::Operators)?.raw.is_empty() {
                return Err(self.cursor.unexpected());
            }
            self.blanks();
            if self.cursor.eat(")") {
                return Ok(());
            }
            if !self.cursor.eat("|") {
                return Err(self.cursor.unexpected());
            }
        }
    }

    /// Reads `[[ ]]`: only the substitutions in it matter.
    fn test(&mut self) -> Result<(), ShellError> {
        let first = self.found();
        let start = self.cursor.pos();
        self.expect("[[")?;
        let mut words =
            vec![Word { text: "[[".into(), raw: "[[".into(), literal: true, ..Word::default() }];
        loop {
            while matches!(self.cursor.peek(), Some(' ' | '\t' | '\n')) {
                self.cursor.bump_raw();
            }
            let regex = words.last().is_some_and(|word| word.raw == "=~");
            match self.cursor.peek() {
                Some('(' | ')') if !regex => {
                    self.cursor.bump_raw();
                }
                Some('&' | '|') if self.cursor.eat("&&") || self.cursor.eat("||") => {}
                Some('<' | '>') if self.cursor.second() != Some('(') => {
                    self.cursor.bump_raw();
                }
                _ => {
                    let ends = if regex { Ends::Regex } else { Ends::Operators };
                    let word = self.word(ends)?;
                    if word.raw.is_empty() || (word.raw.starts_with('#') && !regex) {
                        return Err(self.cursor.unexpected());
                    }
                    let last = word.raw == "]]";
                    words.push(word);
                    if last {
                        break;
                    }
                }
            }
        }
        let evaluated = &mut self.evaluated.terms;
        for (operator, right) in words.iter().zip(words.iter().skip(1)) {
            if operator.text == "-v" {
                evaluated.extend(terms::name(right, right.text.len()));
            }
        }
        for (left, (operator, right)) in
            words.iter().zip(words.iter().skip(1).zip(words.iter().skip(2)))
        {
            if ["-eq", "-ne", "-lt", "-le", "-gt", "-ge"].contains(&&*operator.text) {
                for word in [left, right] {
                    evaluated.extend(terms::expression(word, 0, word.text.len()));
                }
            }
        }
        let text = self.cursor.since(start).to_owned();
        let command = Command { words, text, ..Command::default() };
        self.insert(first, vec![Entry { command, here_docs: Vec::new(), script: None }])
    }

    fn function_keyword(&mut self) -> Result<(), ShellError> {
        self.expect("function")?;
        self.blanks();
        let name = self.word(Ends::Operators)?;
        self.blanks();
        if self.cursor.eat("(") {
            self.blanks();
            if !self.cursor.eat(")") {
                return Err(self.cursor.unexpected());
            }
        }
        self.function_body(&name)
    }

    /// Reads a function's body; it runs when the function is called, so its commands count.
    pub(super) fn function_body(&mut self, name: &Word) -> Result<(), ShellError> {
        if name.raw.is_empty() || !name.literal || name.raw != name.text {
            return Err(self.cursor.fail("a function without a plain name"));
        }
        self.functions.push(name.text.clone());
        self.gap()?;
        let compound = self.cursor.peek() == Some('(')
            || matches!(
                self.reserved(),
                Some("{" | "if" | "while" | "until" | "for" | "select" | "case" | "[[")
            );
        if !compound {
            return Err(self.cursor.unexpected());
        }
        let first = self.found();
        self.command()?;
        self.mark(first, |command| command.conditional = true);
        Ok(())
    }
}

/// What a loop without words goes over: `"$@"`.
fn arguments() -> Word {
    let text = "\"$@\"".to_owned();
    let span = Span {
        start: 0,
        end: text.len(),
        quoted: true,
        expands: Expands::Variable("@".to_owned()),
    };
    Word { raw: text.clone(), text, splits: true, spans: vec![span], ..Word::default() }
}

pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
