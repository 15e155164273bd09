//! What bash evaluates as arithmetic, and whether it can only be numbers.
//!
//! A variable in arithmetic is evaluated by its text: `x='a[$(rm f)]'; echo $((x))` runs `rm`. So every such variable must
//! be known to hold a number; where one is not, all commands of the script become opaque.

use super::compound::is_name;
use super::grammar::Parser;
use super::word::{Building, Inside};
use super::{Command, Expands, ShellError, Word, grammar};

/// A term that is evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Term {
    /// What a variable holds.
    Variable(String),
    /// What a script prints.
    Output(String),
    /// Something else.
    Other,
}

impl Term {
    fn of(expands: &Expands) -> Option<Self> {
        match expands {
            Expands::Variable(name) => Some(Self::Variable(name.clone())),
            Expands::Command(script) => Some(Self::Output(script.clone())),
            Expands::Number => None,
            Expands::Process | Expands::Other => Some(Self::Other),
        }
    }
}

impl Parser<'_> {
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
                        parser.dollar(Inside::Quotes, &mut word)?;
                        parser.evaluated_spans(&mut word);
                        continue;
                    }
                    Some('`') => {
                        parser.backticks(Inside::Quotes, &mut word)?;
                        parser.evaluated_spans(&mut word);
                        continue;
                    }
                    Some('<' | '>') if parser.cursor.second() == Some('(') => {
                        return Err(parser.cursor.unexpected());
                    }
                    Some(c) if c.is_ascii_alphanumeric() || c == '_' => {
                        parser.evaluated_term();
                        continue;
                    }
                    Some(c) if " \t\n+-*/%^&|!~<>=?:,.#@[];".contains(c) => {}
                    _ => return Err(parser.cursor.unexpected()),
                }
                parser.cursor.bump_raw();
            }
        })
    }

    /// Passes a name or a number; a name is evaluated.
    pub(super) fn evaluated_term(&mut self) {
        let term = self.cursor.eat_while(|c| c.is_ascii_alphanumeric() || "_#@".contains(c));
        if is_name(&term) {
            self.terms.push(Term::Variable(term));
        } else if term.contains(['#', '@']) && !term.starts_with(|c: char| c.is_ascii_digit()) {
            self.terms.push(Term::Other);
        }
    }

    /// Notes the expansions read since the last time as evaluated.
    pub(super) fn evaluated_spans(&mut self, word: &mut Building) {
        self.terms.extend(word.spans.drain(..).filter_map(|span| Term::of(&span.expands)));
    }

    /// Notes a word that stands beside `-eq` and the like.
    pub(super) fn evaluated_word(&mut self, word: &Word) {
        if word.spans.is_empty() {
            if is_name(&word.text) {
                self.terms.push(Term::Variable(word.text.clone()));
            } else if !is_number(&word.text) {
                self.terms.push(Term::Other);
            }
        }
        self.terms.extend(word.spans.iter().filter_map(|span| Term::of(&span.expands)));
    }

    /// Tells whether what follows in `${ }` is evaluated: a subscript, an offset, or `@P`.
    pub(super) fn begins_evaluation(&mut self, c: char) -> bool {
        let next = self.cursor.second();
        match c {
            '[' => !matches!(next, Some('@' | '*')),
            ':' => !matches!(next, Some('-' | '=' | '?' | '+')),
            '@' => {
                self.evaluates |= next == Some('P');
                false
            }
            _ => false,
        }
    }

    /// Tells whether `!NAME[@]}` or `!NAME*}` stands here.
    pub(super) fn tells_keys(&self) -> bool {
        let rest = self.cursor.rest();
        let inner = rest.split('}').next().unwrap_or(rest).strip_prefix('!').unwrap_or_default();
        let name = ["[@]", "[*]", "@", "*"].iter().find_map(|end| inner.strip_suffix(end));
        name.is_some_and(is_name)
    }
}

fn is_number(text: &str) -> bool {
    let digits = text.trim().trim_start_matches(['-', '+']);
    digits.is_empty() || digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// How many variables are followed from one to the next.
const MAX_STEPS: u32 = 64;

/// Tells whether all terms can only be numbers.
pub(super) fn are_numbers(terms: &[Term], commands: &[Command], functions: &[String]) -> bool {
    let mut judge = Numbers { commands, functions, seen: Vec::new(), steps: 0 };
    terms.iter().all(|term| match term {
        Term::Variable(name) => judge.variable(name),
        Term::Output(script) => judge.output(script),
        Term::Other => false,
    })
}

struct Numbers<'c> {
    commands: &'c [Command],
    functions: &'c [String],
    seen: Vec<String>,
    steps: u32,
}

impl Numbers<'_> {
    /// Tells whether everything that the script puts into a variable is a number. What it never sets is
    /// the environment's, which is the user's own.
    fn variable(&mut self, name: &str) -> bool {
        if self.seen.iter().any(|seen| seen == name) {
            return true;
        }
        self.seen.push(name.to_owned());
        if !is_name(name) {
            return self.argument();
        }
        self.commands.iter().all(|command| {
            let assigned = command.assignments.iter().filter(|a| a.name == name);
            assigned.map(|a| &a.value).all(|value| self.word(value, 0))
                && self.builtin(command, name)
        })
    }

    /// Tells whether all arguments of functions can only be numbers.
    fn argument(&mut self) -> bool {
        self.commands.iter().all(|command| {
            let called =
                command.name().is_some_and(|name| self.functions.iter().any(|f| f == name));
            let sets = matches!(
                command.program(),
                Some("set" | "bash" | "sh" | "xargs" | "find" | "source" | ".")
            );
            !sets && (!called || command.words.iter().skip(1).all(|word| self.word(word, 0)))
        })
    }

    /// Tells whether a builtin leaves the variable alone or puts a number there.
    fn builtin(&mut self, command: &Command, name: &str) -> bool {
        let Some(program) = command.program() else { return true };
        let mut args = command.words.iter().skip(1);
        match program {
            "read" | "mapfile" | "readarray" | "getopts" | "unset" | "wait" => {
                args.all(|word| word.literal && word.text != name)
            }
            "printf" => {
                let first = args.next();
                let sets = first.is_some_and(|word| word.text.starts_with("-v"));
                !sets || args.next().is_some_and(|word| word.literal && word.text != name)
            }
            "declare" | "typeset" | "local" | "export" | "readonly" => {
                args.all(|word| match word.text.split_once('=') {
                    Some((left, _)) if left == name => self.word(word, left.len() + 1),
                    Some((left, _)) => is_name(left.trim_end_matches('+')),
                    None => word.literal && !word.text.starts_with("-n"),
                })
            }
            _ => true,
        }
    }

    /// Tells whether a word from `skip` on can only be a number.
    fn word(&mut self, word: &Word, skip: usize) -> bool {
        self.steps += 1;
        if self.steps > MAX_STEPS || word.tilde || word.pattern {
            return false;
        }
        let mut at = skip;
        for span in &word.spans {
            let fixed = word.text.get(at..span.start).unwrap_or("x");
            at = span.end;
            let number = match &span.expands {
                Expands::Number => true,
                Expands::Variable(name) => self.variable(name),
                Expands::Command(script) => self.output(script),
                Expands::Process | Expands::Other => false,
            };
            if !number || !is_number(fixed) {
                return false;
            }
        }
        (word.literal || !word.spans.is_empty()) && is_number(word.text.get(at..).unwrap_or("x"))
    }

    fn output(&mut self, script: &str) -> bool {
        self.steps += 1;
        self.steps <= MAX_STEPS && prints_numbers(script)
    }
}

/// Tells whether a script surely prints nothing but numbers.
pub(super) fn prints_numbers(script: &str) -> bool {
    let Ok(script) = grammar::parse(script, 1) else { return false };
    let outer: Vec<&Command> =
        script.commands.iter().filter(|command| !command.in_substitution).collect();
    let Some(last) = outer.last() else { return false };
    let one = match last.pipe {
        Some(pipe) => outer.iter().all(|c| c.pipe.is_some_and(|other| other.id == pipe.id)),
        None => outer.len() == 1,
    };
    let mut stages = outer.iter().rev();
    // What only leaves characters or lines out comes after the numbers.
    let printer = stages.find(|command| match command.program() {
        Some("head" | "tail" | "sort" | "uniq") => false,
        Some("tr") => command.words.get(1).is_none_or(|word| word.text != "-d"),
        _ => true,
    });
    one && script.functions.is_empty() && printer.is_some_and(|command| is_counter(command))
}

fn is_counter(command: &Command) -> bool {
    let args: Vec<&str> = command.words.iter().skip(1).map(|word| word.text.as_str()).collect();
    let literal = command.words.iter().all(|word| word.literal);
    match command.program() {
        Some("wc") => matches!(args.as_slice(), ["-l" | "-c" | "-w" | "-m"]),
        Some("nproc") => true,
        Some("seq") => literal && args.iter().all(|arg| is_number(arg)),
        Some("date") => {
            let digits = |format: &str| {
                let letters = format.replace("%-", "%");
                letters.split('%').skip(1).all(|part| {
                    matches!(part, "s" | "Y" | "m" | "d" | "H" | "M" | "S" | "j" | "u" | "N")
                }) && letters.starts_with('%')
            };
            args.last().and_then(|last| last.strip_prefix('+')).is_some_and(digits) && literal
        }
        Some("stat") => matches!(args.as_slice(), ["-c" | "-f", "%s" | "%Y" | "%z" | "%m", _]),
        Some("git") => matches!(args.as_slice(), ["rev-list", "--count", ..]) && literal,
        Some("grep") => {
            let counts = args.iter().any(|arg| *arg == "-c" || *arg == "--count");
            counts && args.iter().filter(|arg| !arg.starts_with('-')).count() <= 2 && literal
        }
        Some("echo" | "printf") => literal && args.iter().all(|arg| is_number(arg)),
        Some("tput") => matches!(args.as_slice(), ["cols" | "lines"]),
        _ => false,
    }
}
