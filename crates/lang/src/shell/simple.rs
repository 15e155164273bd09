//! Simple commands: assignments, words, redirections.

use super::braces;
use super::compound::is_name;
use super::grammar::{Entry, Parser};
use super::judge::Elements;
use super::setters::attached_value;
use super::terms;
use super::word::Ends;
use super::{Assignment, Command, Redirect, ShellError, Word};

/// Redirection operators, longer ones before their beginnings.
const OPERATORS: [&str; 12] =
    ["&>>", "&>", "<<<", "<<-", "<<", "<&", "<>", "<", ">>", ">&", ">|", ">"];

/// Builtins whose arguments may be arrays.
const DECLARATIONS: [&str; 6] = ["declare", "typeset", "local", "export", "readonly", "eval"];

impl Parser<'_> {
    pub(super) fn simple(&mut self) -> Result<(), ShellError> {
        let first = self.found();
        let start = self.cursor.pos();
        let mut entry = Entry { command: Command::default(), here_docs: Vec::new(), script: None };
        let mut end = start;
        loop {
            self.blanks();
            if self.redirect(&mut entry)? {
                end = self.cursor.pos();
                continue;
            }
            let command = &mut entry.command;
            match self.cursor.peek() {
                None | Some('\n' | ';' | '&' | '|' | ')') => break,
                Some('(') => {
                    let [name] = command.words.as_slice() else {
                        return Err(self.cursor.unexpected());
                    };
                    let name = name.clone();
                    let bare = command.assignments.is_empty() && command.redirects.is_empty();
                    self.cursor.bump_raw();
                    self.blanks();
                    if !bare || !self.cursor.eat(")") {
                        return Err(self.cursor.unexpected());
                    }
                    return self.function_body(&name);
                }
                Some(_) => {}
            }
            let assigned = if command.words.is_empty() { self.assignment()? } else { None };
            match assigned {
                Some(assignment) => command.assignments.push(assignment),
                None => {
                    let words = self.argument(command)?;
                    command.words.extend(words);
                }
            }
            end = self.cursor.pos();
        }
        if end == start {
            return Err(self.cursor.unexpected());
        }
        let here = self.cursor.pos();
        self.cursor.seek(end);
        self.cursor.since(start).clone_into(&mut entry.command.text);
        self.cursor.seek(here);
        let entries = self.run(entry)?;
        self.insert(first, entries)
    }

    fn argument(&mut self, command: &Command) -> Result<Vec<Word>, ShellError> {
        let declares = command.name().is_some_and(|name| DECLARATIONS.contains(&name));
        let keyed = command.words.get(1).is_some_and(|word| word.raw == "-A");
        if declares && let Some(array) = self.array_argument(keyed)? {
            return Ok(vec![array]);
        }
        self.words()
    }

    /// Reads a word that must be there; lists in braces make several of it.
    pub(super) fn words(&mut self) -> Result<Vec<Word>, ShellError> {
        let (word, raw) = self.building(Ends::Operators)?;
        let lists = word.has_brace_list();
        let raw = raw.to_owned();
        let whole = word.finish(&raw);
        if raw.is_empty() {
            return Err(self.cursor.unexpected());
        }
        let Some(pieces) = lists.then(|| braces::expand(&raw)).flatten() else {
            return Ok(vec![whole]);
        };
        let mut words = Vec::with_capacity(pieces.len());
        for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
            self.within(piece, |inner| {
                let word = inner.word(Ends::Operators)?;
                // Braces that are left are no list.
                let fits = word.raw == *piece;
                words.push(word);
                if fits { Ok(()) } else { Err(inner.cursor.unexpected()) }
            })?;
        }
        Ok(words)
    }

    /// Reads `NAME=( … )` where it stands as an argument; `keyed` where the keys are surely texts.
    fn array_argument(&mut self, keyed: bool) -> Result<Option<Word>, ShellError> {
        self.cursor.peek();
        let start = self.cursor.pos();
        let name = self.cursor.eat_while(|c| c.is_ascii_alphanumeric() || c == '_');
        if !is_name(&name) || !(self.cursor.eat("=(") || self.cursor.eat("+=(")) {
            self.cursor.seek(start);
            return Ok(None);
        }
        self.array(&name, keyed)?;
        let raw = self.cursor.since(start).to_owned();
        Ok(Some(Word { text: raw.clone(), raw, ..Word::default() }))
    }

    /// Reads `NAME=value`, `NAME+=value`, `NAME=( … )` or `NAME[…]=value` where one stands.
    fn assignment(&mut self) -> Result<Option<Assignment>, ShellError> {
        let start = self.cursor.pos();
        let name = self.cursor.eat_while(|c| c.is_ascii_alphanumeric() || c == '_');
        if is_name(&name) && (self.cursor.eat("=") || self.cursor.eat("+=")) {
            self.cursor.peek();
            let value_start = self.cursor.pos();
            if self.cursor.eat("(") {
                self.array(&name, false)?;
                let raw = self.cursor.since(value_start).to_owned();
                let value = Word { text: raw.clone(), raw, ..Word::default() };
                return Ok(Some(Assignment { name, value, each: false }));
            }
            let value = self.word(Ends::Operators)?;
            return Ok(Some(Assignment { name, value, each: false }));
        }
        let subscript = is_name(&name) && self.cursor.peek() == Some('[');
        self.cursor.seek(start);
        if !subscript {
            return Ok(None);
        }
        let word = self.word(Ends::Operators)?;
        let (_, subscript) = word.raw.split_once('[').unwrap_or_default();
        let Some((index, rest)) = subscript.split_once(']') else {
            return Err(self.cursor.fail("a subscript with blanks in it"));
        };
        let value = rest.strip_prefix('=').or_else(|| rest.strip_prefix("+="));
        let unclear = ['[', '\'', '"', '\\', '`'];
        let Some(value) = value.filter(|_| !index.contains(unclear)) else {
            if word.raw.contains("]=") || word.raw.contains("]+=") || index.contains(unclear) {
                return Err(self.cursor.fail("a subscript whose end is not clear"));
            }
            self.cursor.seek(start);
            return Ok(None);
        };
        self.subscript(&name, &word, name.len() + 1);
        let value = Word { text: value.to_owned(), raw: value.to_owned(), ..Word::default() };
        Ok(Some(Assignment { name, value, each: false }))
    }

    /// Notes what is evaluated in the brackets of `array` that open before `start` of a word's text; returns where
    /// the value behind them begins, if one does.
    fn subscript(&mut self, array: &str, word: &Word, start: usize) -> Option<usize> {
        let within = |at: usize| word.spans.iter().any(|span| span.start <= at && at < span.end);
        let ends = word.text.match_indices(']').map(|(at, _)| at).filter(|at| !within(*at));
        // A bracket in quotes may stand before the last one.
        let mut signs = ends.filter_map(|at| {
            let rest = word.text.get(at + 1..)?;
            let sign = if rest.starts_with("+=") { 2 } else { usize::from(rest.starts_with('=')) };
            (sign > 0).then_some((at, at + 1 + sign))
        });
        let (end, value) = signs.next_back()?;
        let keys = terms::expression(word, start, end);
        self.evaluated.terms.extend(keys.into_iter().map(|key| terms::in_brackets(array, key)));
        Some(value)
    }

    /// Reads an array's elements, the cursor behind the parenthesis.
    fn array(&mut self, name: &str, keyed: bool) -> Result<(), ShellError> {
        let mut words = Vec::new();
        loop {
            self.gap()?;
            if self.cursor.eat(")") {
                // What follows at once would be a part of the word.
                let ends = self.cursor.peek().is_none_or(|next| " \t\n;&|<>)".contains(next));
                self.evaluated.elements.push(Elements { array: name.to_owned(), words });
                return if ends { Ok(()) } else { Err(self.cursor.unexpected()) };
            }
            let word = self.word(Ends::Operators)?;
            if word.raw.is_empty() {
                return Err(self.cursor.unexpected());
            }
            words.push(if word.raw.starts_with('[') {
                self.element(name, word, keyed)
            } else {
                word
            });
        }
    }

    /// Returns the value of `[key]=value` among an array's elements, or the word where it is none.
    fn element(&mut self, array: &str, word: Word, keyed: bool) -> Word {
        let terms = self.evaluated.terms.len();
        let Some(skip) = self.subscript(array, &word, 1) else { return word };
        if keyed {
            self.evaluated.terms.truncate(terms);
        }
        let mut value = attached_value(&word, skip);
        value.pattern = value.text.contains(['*', '?', '[']);
        value.literal = value.spans.is_empty() && !value.pattern && !value.tilde;
        value
    }

    /// Fails on `>&-rm x`, which bash reads as `>&- rm x`, and other shells as the name of a file.
    fn closing(&mut self, op: &str) -> Result<(), ShellError> {
        let dash = matches!(op, ">&" | "<&") && self.cursor.peek() == Some('-');
        match self.cursor.second() {
            Some(next) if dash && !" \t\n;&|<>()".contains(next) => Err(self.cursor.unexpected()),
            _ => Ok(()),
        }
    }

    /// Reads a redirection where one stands.
    pub(super) fn redirect(&mut self, entry: &mut Entry) -> Result<bool, ShellError> {
        self.cursor.peek();
        let start = self.cursor.pos();
        let mut fd = self.cursor.eat_while(|c| c.is_ascii_digit());
        if fd.is_empty() && self.cursor.eat("{") {
            let name = self.cursor.eat_while(|c| c.is_ascii_alphanumeric() || c == '_');
            if is_name(&name) && self.cursor.eat("}") {
                fd = format!("{{{name}}}");
            } else {
                self.cursor.seek(start);
                return Ok(false);
            }
        }
        let substitution =
            matches!(self.cursor.peek(), Some('<' | '>')) && self.cursor.second() == Some('(');
        let op = OPERATORS.into_iter().find(|op| self.cursor.looking_at(op));
        let Some(op) = op.filter(|op| !substitution && (fd.is_empty() || !op.starts_with('&')))
        else {
            if substitution && !fd.is_empty() {
                return Err(self.cursor.unexpected());
            }
            self.cursor.seek(start);
            return Ok(false);
        };
        self.cursor.eat(op);
        self.blanks();
        self.closing(op)?;
        let redirects = &mut entry.command.redirects;
        let target = if op == "<<" || op == "<<-" {
            entry.here_docs.push((redirects.len(), self.here_doc(op == "<<-")?));
            Word::default()
        } else {
            let target = self.word(Ends::Operators)?;
            if target.raw.is_empty() {
                return Err(self.cursor.unexpected());
            }
            // Bash expands the name of this file once more.
            if op == ">&" && matches!(fd.trim_start_matches('0'), "" | "1") {
                self.evaluated.terms.extend(terms::text(&target));
            }
            target
        };
        redirects.push(Redirect { op, target, fd: Some(fd).filter(|fd| !fd.is_empty()) });
        Ok(true)
    }
}
