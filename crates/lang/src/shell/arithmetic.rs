//! What bash evaluates as arithmetic, and whether it can only be numbers.
//!
//! A variable in arithmetic is evaluated by its text: `x='a[$(rm f)]'; echo $((x))` runs `rm`. So every such variable must
//! be known to hold a number; where one is not, all commands of the script become opaque.

use super::compound::is_name;
use super::grammar::Parser;
use super::word::{Building, Inside};
use super::{Command, Expands, ShellError, Word, fed, grammar};

/// A term that is evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Term {
    /// What a variable holds.
    Variable(String),
    /// What a variable holds, behind the base of a number: `16#$x`, `0x$x`.
    Digits(String),
    /// What a variable holds, within the brackets of an array.
    Key { array: String, variable: String },
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

    fn of_digits(expands: &Expands) -> Option<Self> {
        match expands {
            Expands::Variable(name) if is_name(name) => Some(Self::Digits(name.clone())),
            other => Self::of(other),
        }
    }
}

/// Tells whether a text ends in the beginning of a number of another base.
fn based_number(text: &str) -> bool {
    let end = text.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || "_#@".contains(c));
    let number = text.get(end.len()..).unwrap_or_default();
    matches!(number, "0x" | "0X")
        || number
            .strip_suffix('#')
            .is_some_and(|base| !base.is_empty() && base.bytes().all(|byte| byte.is_ascii_digit()))
}

impl Parser<'_> {
    /// Reads `… ))`, the cursor behind the opening parentheses.
    pub(super) fn arithmetic(&mut self) -> Result<(), ShellError> {
        self.deeper(|parser| {
            let mut open = 0_u32;
            let mut word = Building::default();
            let start = parser.cursor.pos();
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
                        let based = based_number(parser.cursor.since(start));
                        parser.dollar(Inside::Quotes, &mut word)?;
                        let digits = word.spans.pop_if(|_| based);
                        parser.terms.extend(digits.and_then(|span| Term::of_digits(&span.expands)));
                        parser.evaluated_spans(&mut word, None);
                        continue;
                    }
                    Some('`') => {
                        parser.backticks(Inside::Quotes, &mut word)?;
                        parser.evaluated_spans(&mut word, None);
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

    /// Notes the expansions read since the last time as evaluated, in the brackets of `array` where they stand there.
    pub(super) fn evaluated_spans(&mut self, word: &mut Building, array: Option<&str>) {
        let term = |expands: &Expands| match (expands, array) {
            (Expands::Variable(variable), Some(array)) => {
                Some(Term::Key { array: array.to_owned(), variable: variable.clone() })
            }
            _ => Term::of(expands),
        };
        self.terms.extend(word.spans.drain(..).filter_map(|span| term(&span.expands)));
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
    let hexadecimal = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
    digits.bytes().all(|byte| byte.is_ascii_digit())
        || hexadecimal.is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// How many variables are followed from one to the next.
const MAX_STEPS: u32 = 64;

/// Tells whether all terms can only be numbers.
pub(super) fn are_numbers(terms: &[Term], commands: &[Command], functions: &[String]) -> bool {
    let mut judge = Numbers { commands, functions, seen: Vec::new(), steps: 0 };
    terms.iter().all(|term| match term {
        Term::Variable(name) => judge.variable(name),
        Term::Digits(name) => judge.digits(name),
        Term::Key { array, variable } => {
            judge.only_keys(array, variable) || judge.variable(variable)
        }
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

    /// Tells whether everything that the script puts into a variable is made of digits and letters.
    fn digits(&mut self, name: &str) -> bool {
        self.commands.iter().all(|command| {
            let mut assigned = command.assignments.iter().filter(|a| a.name == name);
            assigned.all(|assignment| {
                let value = &assignment.value;
                value.literal && value.text.bytes().all(|byte| byte.is_ascii_alphanumeric())
            }) && self.builtin(command, name)
        })
    }

    /// Tells whether a variable only goes over the keys of that array: then they are numbers, or nothing is evaluated.
    fn only_keys(&self, array: &str, variable: &str) -> bool {
        let keys = [format!("${{!{array}[@]}}"), format!("${{!{array}[*]}}")];
        let mut found = false;
        self.commands.iter().all(|command| {
            let mut assigned = command.assignments.iter().filter(|a| a.name == variable);
            assigned.all(|assignment| {
                found = true;
                keys.contains(&assignment.value.text)
            }) && !sets(command, variable)
        }) && found
    }

    /// Tells whether no array of the script has texts for keys.
    fn has_numbered_keys(&self) -> bool {
        !self.commands.iter().any(|command| {
            matches!(
                command.program(),
                Some(
                    "declare"
                        | "typeset"
                        | "local"
                        | "readonly"
                        | "export"
                        | "eval"
                        | "source"
                        | "."
                )
            ) && command.words.iter().skip(1).any(|word| {
                !word.literal && word.raw.starts_with(['$', '`'])
                    || word.text.starts_with('-') && word.text.contains('A')
            })
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
            "read" if command.words.iter().all(|word| word.literal) => {
                fed::brings_numbers(self.commands, command, name)
            }
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
        // A name is evaluated in its turn.
        if word.literal && skip == 0 && is_name(&word.text) {
            return self.variable(&word.text);
        }
        let mut at = skip;
        for span in &word.spans {
            let fixed = word.text.get(at..span.start).unwrap_or("x");
            at = span.end;
            let number = match &span.expands {
                Expands::Number => true,
                Expands::Variable(name) => self.variable(name),
                Expands::Command(script) => self.output(script),
                Expands::Other => {
                    self.derived(word.text.get(span.start..span.end).unwrap_or_default())
                }
                Expands::Process => false,
            };
            if !number || !is_number(fixed) {
                return false;
            }
        }
        (word.literal || !word.spans.is_empty()) && is_number(word.text.get(at..).unwrap_or("x"))
    }

    /// Tells whether `${NAME%…}` and the like can only be a number, or `${!NAME[@]}` numbers.
    fn derived(&mut self, raw: &str) -> bool {
        let inner = raw.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
        let Some(inner) = inner else { return false };
        if inner.starts_with('!') {
            return inner.ends_with("[@]") && self.has_numbered_keys();
        }
        let end = inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let (name, operator) =
            inner.split_at_checked(end.unwrap_or(inner.len())).unwrap_or_default();
        // A piece of a number is one.
        is_name(name) && operator.starts_with(['#', '%']) && self.variable(name)
    }

    fn output(&mut self, script: &str) -> bool {
        self.steps += 1;
        self.steps <= MAX_STEPS && prints_numbers(script)
    }
}

/// Tells whether a command may set a variable in another way than by an assignment.
fn sets(command: &Command, name: &str) -> bool {
    let words = || command.words.iter().skip(1);
    match command.program() {
        Some("read" | "mapfile" | "readarray" | "getopts" | "printf" | "wait" | "let") => words()
            .any(|word| !word.literal && command.program() != Some("printf") || word.text == name),
        Some("declare" | "typeset" | "local" | "export" | "readonly") => words().any(|word| {
            !is_name(word.text.split('=').next().unwrap_or_default()) && !word.literal
                || word.text.split(['=', '+', '[']).next() == Some(name)
                || word.text.starts_with("-n")
        }),
        _ => false,
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
    let counts = printer.is_some_and(|command| is_counter(command))
        || printer.is_some_and(|command| fed::picks_line_numbers(&outer, command));
    one && script.functions.is_empty() && counts
}

pub(super) fn is_counter(command: &Command) -> bool {
    let args: Vec<&str> = command.words.iter().skip(1).map(|word| word.text.as_str()).collect();
    let literal = command.words.iter().all(|word| word.literal);
    match command.program() {
        Some("wc") => matches!(args.as_slice(), ["-l" | "-c" | "-w" | "-m"]),
        Some("nproc") => true,
        Some("pgrep" | "pidof") => args.iter().all(|arg| {
            !arg.starts_with('-') || matches!(*arg, "-x" | "-f" | "-o" | "-n" | "-u" | "-s")
        }),
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
