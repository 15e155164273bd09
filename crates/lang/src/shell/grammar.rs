//! Lists, pipelines and what a parser gathers on its way.

use super::assoc::{self, Associative};
use super::cursor::Cursor;
use super::heredoc::{self, Waiting};
use super::judge::{self, Evaluated};
use super::{Command, MAX_BYTES, MAX_COMMANDS, MAX_NESTING, Pipe, Script, ShellError, Word};

/// Words that are syntax where a command may begin.
const RESERVED: [&str; 21] = [
    "!", "[[", "]]", "case", "coproc", "do", "done", "elif", "else", "esac", "fi", "for",
    "function", "if", "in", "select", "then", "until", "while", "{", "}",
];

/// A command as it is gathered: its here-documents come only after its line.
pub(super) struct Entry {
    pub(super) command: Command,
    /// Which redirection gets which of the parser's here-documents.
    pub(super) here_docs: Vec<(usize, usize)>,
    /// The here-document that this shell reads as its script.
    pub(super) script: Option<usize>,
}

/// Reads one text.
pub(super) struct Parser<'t> {
    pub(super) cursor: Cursor<'t>,
    pub(super) entries: Vec<Entry>,
    pub(super) functions: Vec<String>,
    nesting: u32,
    /// How many scripts and wrappers stand around this text.
    pub(super) scripts: u32,
    /// Here-documents whose operator was read and whose text was not.
    pub(super) waiting: Vec<Waiting>,
    /// Here-documents that were read.
    pub(super) bodies: Vec<Option<Word>>,
    /// What is evaluated beyond the text itself.
    pub(super) evaluated: Evaluated,
    /// The arrays that surely have texts for keys.
    associative: Vec<Associative>,
    /// The subshell that is read, and which each of them stands in.
    pub(super) subshell: u32,
    pub(super) subshells: Vec<u32>,
    /// How many pipelines were found.
    pub(super) pipes: u32,
    /// How many rows of commands joined by `&&` were found.
    pub(super) chains: u32,
}

/// Reads a whole script; `scripts` counts the scripts and wrappers around it.
pub(super) fn parse(text: &str, scripts: u32) -> Result<Script, ShellError> {
    parse_evaluated(text, scripts).map(|(script, _)| script)
}

/// Reads a whole script and tells what it evaluates, which the scripts around it may have set.
pub(super) fn parse_evaluated(text: &str, scripts: u32) -> Result<(Script, Evaluated), ShellError> {
    if text.len() > MAX_BYTES {
        return Err(ShellError::TooLong);
    }
    let mut parser = Parser {
        cursor: Cursor::new(text),
        entries: Vec::new(),
        functions: Vec::new(),
        nesting: 0,
        scripts,
        waiting: Vec::new(),
        bodies: Vec::new(),
        evaluated: Evaluated::default(),
        associative: Vec::new(),
        subshell: 0,
        subshells: vec![0],
        pipes: 0,
        chains: 0,
    };
    if let Some(at) = text.find('\0') {
        parser.cursor.seek(at);
        return Err(parser.cursor.fail("a zero byte"));
    }
    parser.list(&[])?;
    heredoc::none_waiting(&parser)?;
    parser.finish()
}

impl Parser<'_> {
    fn finish(mut self) -> Result<(Script, Evaluated), ShellError> {
        let mut commands = Vec::with_capacity(self.entries.len());
        for mut entry in std::mem::take(&mut self.entries) {
            for (redirect, body) in entry.here_docs {
                let body = self.bodies.get(body).cloned().flatten();
                if let (Some(redirect), Some(body)) =
                    (entry.command.redirects.get_mut(redirect), body)
                {
                    redirect.target = body;
                }
            }
            let script = entry.script.and_then(|body| self.bodies.get(body).cloned().flatten());
            let run = match script {
                Some(body) => self.run_script(&mut entry.command, &body.text, body.literal)?,
                None => Vec::new(),
            };
            commands.push(entry.command);
            commands.extend(run);
            if commands.len() > MAX_COMMANDS {
                return Err(ShellError::TooComplex);
            }
        }
        let named = self.evaluated.names();
        assoc::forget_keys(
            &mut self.evaluated.terms,
            &self.associative,
            &commands,
            &self.functions,
        );
        // What an inner script evaluates may be set around it.
        if self.scripts == 0 && !judge::is_harmless(&self.evaluated, &commands, &self.functions) {
            commands.iter_mut().for_each(|command| command.opaque = true);
        }
        let script = Script {
            commands,
            functions: self.functions,
            subshells: self.subshells,
            evaluated: named,
        };
        Ok((script, self.evaluated))
    }

    /// Reads another text, such as the one between backticks, as part of this script.
    pub(super) fn within(
        &mut self,
        text: &str,
        read: impl FnOnce(&mut Parser<'_>) -> Result<(), ShellError>,
    ) -> Result<(), ShellError> {
        let mut inner = Parser {
            cursor: Cursor::new(text),
            entries: std::mem::take(&mut self.entries),
            functions: std::mem::take(&mut self.functions),
            nesting: self.nesting,
            scripts: self.scripts,
            waiting: Vec::new(),
            bodies: std::mem::take(&mut self.bodies),
            evaluated: std::mem::take(&mut self.evaluated),
            associative: Vec::new(),
            subshell: self.subshell,
            subshells: std::mem::take(&mut self.subshells),
            pipes: self.pipes,
            chains: self.chains,
        };
        read(&mut inner)?;
        heredoc::none_waiting(&inner)?;
        self.entries = inner.entries;
        self.functions = inner.functions;
        self.bodies = inner.bodies;
        self.evaluated = inner.evaluated;
        self.subshells = inner.subshells;
        self.pipes = inner.pipes;
        self.chains = inner.chains;
        Ok(())
    }

    /// Reads one level deeper.
    pub(super) fn deeper(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<(), ShellError>,
    ) -> Result<(), ShellError> {
        if self.nesting >= MAX_NESTING {
            return Err(ShellError::TooComplex);
        }
        self.nesting += 1;
        let result = read(self);
        self.nesting -= 1;
        result
    }

    pub(super) fn found(&self) -> usize {
        self.entries.len()
    }

    /// Marks every command found since `first`.
    pub(super) fn mark(&mut self, first: usize, mark: impl Fn(&mut Command)) {
        self.entries.iter_mut().skip(first).for_each(|entry| mark(&mut entry.command));
    }

    fn mark_pipe(&mut self, first: usize, pipe: Pipe) {
        self.mark(first, |command| {
            // Inner pipelines were there first.
            command.pipe.get_or_insert(pipe);
        });
    }

    /// Reads a subshell.
    pub(super) fn in_subshell(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<(), ShellError>,
    ) -> Result<(), ShellError> {
        let outer = self.subshell;
        self.subshells.push(outer);
        self.subshell = u32::try_from(self.subshells.len() - 1).unwrap_or(u32::MAX);
        let result = read(self);
        self.subshell = outer;
        result
    }

    /// Takes `entries` in before the commands found since `at`.
    pub(super) fn insert(&mut self, at: usize, mut entries: Vec<Entry>) -> Result<(), ShellError> {
        for entry in &mut entries {
            // Those of an inner script were numbered already.
            if entry.command.subshell == 0 {
                entry.command.subshell = self.subshell;
            }
        }
        if self.entries.len() + entries.len() > MAX_COMMANDS {
            return Err(ShellError::TooComplex);
        }
        let at = at.min(self.entries.len());
        self.entries.splice(at..at, entries);
        Ok(())
    }

    /// Passes blanks and a comment; only where a word may begin.
    pub(super) fn blanks(&mut self) {
        while matches!(self.cursor.peek(), Some(' ' | '\t')) {
            self.cursor.bump_raw();
        }
        if self.cursor.peek() == Some('#') {
            let length = self.cursor.rest().find('\n').unwrap_or(self.cursor.rest().len());
            self.cursor.seek(self.cursor.pos() + length);
        }
    }

    /// Passes blanks, comments and line breaks, with the here-documents behind them.
    pub(super) fn gap(&mut self) -> Result<(), ShellError> {
        loop {
            self.blanks();
            if self.cursor.peek() != Some('\n') {
                return Ok(());
            }
            self.cursor.bump_raw();
            self.read_here_docs()?;
        }
    }

    /// Returns the reserved word that stands here, unquoted and whole.
    pub(super) fn reserved(&mut self) -> Option<&'static str> {
        self.cursor.peek();
        RESERVED.into_iter().find(|word| self.stands(word))
    }

    /// Tells whether exactly this word stands here.
    pub(super) fn stands(&self, word: &str) -> bool {
        let mut ahead = self.cursor.clone();
        ahead.eat(word)
            && ahead.peek().is_none_or(|next| " \t\n;&|<>()".contains(next))
            // `<(` goes on with the word.
            && !(matches!(ahead.peek(), Some('<' | '>')) && ahead.second() == Some('('))
    }

    pub(super) fn expect(&mut self, word: &str) -> Result<(), ShellError> {
        if self.stands(word) && self.cursor.eat(word) {
            return Ok(());
        }
        let found = self.cursor.unexpected();
        match found {
            ShellError::Syntax { line, column, message } => Err(ShellError::Syntax {
                line,
                column,
                message: format!("{message} instead of `{word}`"),
            }),
            other => Err(other),
        }
    }

    /// Reads commands up to one of `stops`, which it leaves, or to the end where there are none.
    pub(super) fn list(&mut self, stops: &[&str]) -> Result<(), ShellError> {
        loop {
            self.gap()?;
            if self.stops(stops) {
                return Ok(());
            }
            let first = self.found();
            let start = self.cursor.pos();
            self.and_or()?;
            if self.nesting == 0 {
                self.note_associative(first, start);
            }
            self.blanks();
            match self.cursor.peek() {
                Some('&') => {
                    self.cursor.bump_raw();
                    self.mark(first, |command| command.background = true);
                }
                Some(';') if !self.case_ends() => {
                    self.cursor.bump_raw();
                }
                None | Some('\n') => {}
                Some(_) if self.stops(stops) => {}
                Some(_) => return Err(self.cursor.unexpected()),
            }
        }
    }

    /// Notes the arrays that a command declares which stands alone and surely runs.
    fn note_associative(&mut self, first: usize, start: usize) {
        let text = self.cursor.since(start).trim();
        let (before, added) = self.entries.split_at(first.min(self.entries.len()));
        let Some(entry) = added.first().filter(|entry| entry.command.text == text) else { return };
        if self.cursor.rest().trim_start().starts_with('&') {
            return;
        }
        let before: Vec<&Command> = before.iter().map(|entry| &entry.command).collect();
        let terms = &self.evaluated.terms;
        let declared = assoc::declared(&entry.command, &before, &self.functions, terms);
        self.associative.extend(declared);
    }

    fn case_ends(&self) -> bool {
        self.cursor.looking_at(";;") || self.cursor.looking_at(";&")
    }

    fn stops(&mut self, stops: &[&str]) -> bool {
        if self.cursor.peek().is_none() {
            return stops.is_empty();
        }
        stops.iter().any(|stop| match *stop {
            ")" => self.cursor.looking_at(")"),
            ";;" => self.case_ends(),
            word => self.stands(word),
        })
    }

    fn and_or(&mut self) -> Result<(), ShellError> {
        self.chains += 1;
        let (mut chain, mut conditional) = (self.chains, false);
        loop {
            let first = self.found();
            self.pipeline()?;
            self.mark(first, |command| {
                // Those within were numbered already.
                if command.chain == 0 {
                    command.chain = chain;
                }
                command.conditional |= conditional;
            });
            self.blanks();
            if self.cursor.eat("||") {
                self.chains += 1;
                chain = self.chains;
            } else if !self.cursor.eat("&&") {
                return Ok(());
            }
            conditional = true;
            self.gap()?;
        }
    }

    fn pipeline(&mut self) -> Result<(), ShellError> {
        if self.prefixes() {
            return Ok(());
        }
        let begin = self.found();
        self.command()?;
        let mut stage = 0;
        let mut id = 0;
        loop {
            self.blanks();
            if self.cursor.looking_at("||") || !self.cursor.eat("|") {
                return Ok(());
            }
            self.cursor.eat("&");
            self.gap()?;
            if stage == 0 {
                self.pipes += 1;
                id = self.pipes;
                self.mark_pipe(begin, Pipe { id, stage });
            }
            stage += 1;
            let first = self.found();
            self.command()?;
            self.mark(first, |command| command.reads_pipe = true);
            self.mark_pipe(first, Pipe { id, stage });
        }
    }

    /// Passes `!` and `time`; tells whether nothing follows, as after a bare `time`.
    fn prefixes(&mut self) -> bool {
        loop {
            self.blanks();
            if self.stands("!") {
                self.cursor.eat("!");
            } else if self.stands("time") {
                let start = self.cursor.pos();
                self.cursor.eat("time");
                self.blanks();
                while (self.stands("-p") && self.cursor.eat("-p"))
                    || (self.stands("--") && self.cursor.eat("--"))
                {
                    self.blanks();
                }
                match self.cursor.peek() {
                    None | Some('\n' | ';' | ')' | '&') => return true,
                    // Options of the program `time`, which other shells run.
                    Some('-') => {
                        self.cursor.seek(start);
                        return false;
                    }
                    Some(_) => {}
                }
            } else {
                return false;
            }
        }
    }
}
