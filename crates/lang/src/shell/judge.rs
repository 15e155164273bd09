//! Whether what a line evaluates can only be numbers, names or plain texts.
//!
//! Everything that the line puts into a variable, in whatever order, is looked at. What it never sets is the
//! environment's, which is the user's own.

use super::compound::is_name;
use super::counters;
use super::setters::{self, SET_BY_BASH};
use super::terms::{Term, Use, is_number, is_plain, names_in};
use super::{Command, Expands, Word, fed};

/// How many values are followed from one to the next.
const MAX_STEPS: u32 = 256;

/// Variables whose values bash evaluates as they are set.
const INTEGERS: [&str; 5] = ["RANDOM", "SRANDOM", "HISTCMD", "OPTIND", "BASHPID"];

/// The elements of an array that a line writes down.
#[derive(Clone, Debug)]
pub(super) struct Elements {
    pub(super) array: String,
    pub(super) words: Vec<Word>,
}

/// What a script evaluates, and the arrays in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Evaluated {
    pub(super) terms: Vec<Term>,
    pub(super) elements: Vec<Elements>,
}

impl Evaluated {
    /// Returns the variables that stand in expressions.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for term in &self.terms {
            let mut term = term;
            while let Term::Key { key: inner, .. } | Term::Elements { value: inner, .. } = term {
                term = inner;
            }
            if let Term::Variable(Use::Expression, name) = term
                && is_name(name)
                && !names.contains(name)
            {
                names.push(name.clone());
            }
        }
        names
    }
}

/// Tells whether nothing that is evaluated can run a substitution.
pub(super) fn is_harmless(
    evaluated: &Evaluated,
    commands: &[Command],
    functions: &[String],
) -> bool {
    let elements = &evaluated.elements;
    let mut judge = Judge { commands, functions, elements, seen: Vec::new(), steps: 0 };
    evaluated.terms.iter().all(|term| judge.term(term))
        && INTEGERS.iter().all(|name| judge.variable(Use::Expression, name))
}

struct Judge<'c> {
    commands: &'c [Command],
    functions: &'c [String],
    elements: &'c [Elements],
    seen: Vec<(Use, String)>,
    steps: u32,
}

impl Judge<'_> {
    fn term(&mut self, term: &Term) -> bool {
        match term {
            Term::Variable(taken, name) => self.variable(*taken, name),
            Term::Derived(taken, raw) => self.derived(*taken, raw),
            Term::Output(taken, script) => self.output(*taken, script),
            Term::Key { array, key } => {
                matches!(&**key, Term::Variable(_, name) if self.only_keys(array, name))
                    || self.term(key)
            }
            Term::Elements { array, value } => !self.is_array(array) || self.term(value),
            Term::Other => false,
        }
    }

    /// Tells whether everything that the script puts into a variable may be taken so.
    fn variable(&mut self, taken: Use, name: &str) -> bool {
        // What is appended may touch what is there.
        let appended = || {
            let plus = format!("{name}+=");
            self.commands.iter().any(|command| command.text.contains(&plus))
        };
        let taken = if taken == Use::Expression && appended() { Use::Number } else { taken };
        if self.seen.iter().any(|(seen, of)| *seen == taken && of == name) {
            return true;
        }
        self.seen.push((taken, name.to_owned()));
        if !is_name(name) {
            return self.argument(taken);
        }
        if SET_BY_BASH.contains(&name) {
            return false;
        }
        let elements = self.elements;
        let listed = elements.iter().filter(|elements| elements.array == name);
        listed.flat_map(|elements| &elements.words).all(|word| self.word(taken, word, 0))
            && self.commands.iter().all(|command| self.leaves(taken, command, name))
    }

    /// Tells whether a command leaves a variable alone or puts something harmless there.
    fn leaves(&mut self, taken: Use, command: &Command, name: &str) -> bool {
        let assigned = command.assignments.iter().filter(|a| a.name == name);
        for assignment in assigned {
            if !is_list(&assignment.value) && !self.word(taken, &assignment.value, 0) {
                return false;
            }
        }
        // As of `export`, `env` and `set -k`.
        for word in &command.words {
            let value = word.text.strip_prefix(name).and_then(|rest| {
                rest.strip_prefix('=').map(|_| 1).or_else(|| rest.strip_prefix("+=").map(|_| 2))
            });
            let Some(skip) = value else { continue };
            if !is_list_of(word, name) && !self.word(taken, word, name.len() + skip) {
                return false;
            }
        }
        let fields = command.program() == Some("read")
            && command.words.iter().all(|word| word.literal && !word.text.starts_with("-a"))
            && command.words.iter().any(|word| word.text == name);
        !setters::sets(command, name) || fields && fed::brings_numbers(self.commands, command, name)
    }

    /// Tells whether a variable only goes over the keys of that array: then they are numbers, or nothing is evaluated.
    fn only_keys(&self, array: &str, variable: &str) -> bool {
        let keys = [format!("${{!{array}[@]}}"), format!("${{!{array}[*]}}")];
        let mut found = false;
        self.commands.iter().all(|command| {
            let mut assigned = command.assignments.iter().filter(|a| a.name == variable);
            let named = |word: &Word| word.text.starts_with(&format!("{variable}="));
            assigned.all(|assignment| {
                found = true;
                keys.contains(&assignment.value.text)
            }) && !setters::sets(command, variable)
                && !command.words.iter().any(named)
        }) && found
    }

    /// Tells whether a variable may be an array.
    fn is_array(&self, name: &str) -> bool {
        self.elements.iter().any(|elements| elements.array == name)
            || self.commands.iter().any(|command| {
                let element = format!("{name}[");
                let options = command.words.iter().skip(1).filter(|word| setters::is_option(word));
                setters::sets(command, name)
                    || command.text.contains(&element)
                    || options.into_iter().any(|word| word.text.contains(['a', 'A']))
                        && command.text.contains(name)
            })
    }

    /// Tells whether no array of the script has texts for keys.
    fn has_numbered_keys(&self) -> bool {
        let declares = ["declare", "typeset", "local", "readonly", "export", "eval", "source", "."];
        !self.commands.iter().any(|command| {
            command.program().is_some_and(|program| declares.contains(&program))
                && command.words.iter().skip(1).any(|word| {
                    !word.literal && word.raw.starts_with(['$', '`'])
                        || word.text.starts_with('-') && word.text.contains('A')
                })
        })
    }

    /// Tells whether all arguments of functions may be taken so.
    fn argument(&mut self, taken: Use) -> bool {
        self.commands.iter().all(|command| {
            let called =
                command.name().is_some_and(|name| self.functions.iter().any(|f| f == name));
            let sets = matches!(
                command.program(),
                Some("set" | "bash" | "sh" | "xargs" | "find" | "source" | ".")
            );
            !sets && (!called || command.words.iter().skip(1).all(|word| self.word(taken, word, 0)))
        })
    }

    /// Tells whether a word from `skip` on may be taken so.
    fn word(&mut self, taken: Use, word: &Word, skip: usize) -> bool {
        self.steps += 1;
        if self.steps > MAX_STEPS || word.tilde || word.pattern {
            return false;
        }
        let end = word.text.len();
        if word.spans.is_empty() {
            return word.literal && self.fixed(taken, word.text.get(skip..).unwrap_or("$"));
        }
        let whole =
            matches!(word.spans.as_slice(), [span] if span.start == skip && span.end == end);
        // What touches a number would make another name of a name.
        let inner = if taken == Use::Expression && !whole { Use::Number } else { taken };
        let mut at = skip;
        for span in word.spans.iter().filter(|span| span.start >= skip) {
            let raw = word.text.get(span.start..span.end).unwrap_or_default();
            let before = word.text.get(at..span.start).unwrap_or("$");
            at = span.end;
            let harmless = match &span.expands {
                Expands::Number => true,
                Expands::Variable(name) => self.variable(inner, name),
                Expands::Command(script) => self.output(inner, script),
                Expands::Other => self.derived(inner, raw),
                Expands::Process => false,
            };
            if !harmless || !self.fixed(inner, before) {
                return false;
            }
        }
        self.fixed(inner, word.text.get(at..).unwrap_or("$"))
    }

    /// Tells whether a text without expansions may be taken so.
    fn fixed(&mut self, taken: Use, text: &str) -> bool {
        match taken {
            Use::Expression => names_in(text)
                .is_some_and(|names| names.iter().all(|name| self.variable(taken, name))),
            Use::Number => is_number(text),
            Use::Digits => text.bytes().all(|byte| byte.is_ascii_alphanumeric()),
            Use::Name => text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'),
            Use::Text => text.chars().all(is_plain),
        }
    }

    /// Tells whether `${NAME%…}`, `${NAME:-…}`, an element of an array or `${!NAME[@]}` may be taken so.
    fn derived(&mut self, taken: Use, raw: &str) -> bool {
        self.steps += 1;
        let inner = raw.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
        let Some(inner) = inner.filter(|_| self.steps <= MAX_STEPS) else { return false };
        if inner.starts_with('!') {
            return inner.ends_with("[@]") && self.has_numbered_keys();
        }
        let end = inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let (name, operator) =
            inner.split_at_checked(end.unwrap_or(inner.len())).unwrap_or_default();
        let parameter = is_name(name) || name.parse::<u8>().is_ok();
        let default = operator.strip_prefix(":-").or_else(|| operator.strip_prefix('-'));
        if let Some(default) = default {
            return parameter && self.fixed(taken, default) && self.variable(taken, name);
        }
        // What is evaluated in the brackets is a term of its own.
        let element = operator.starts_with('[') && operator.find(']') == Some(operator.len() - 1);
        if element {
            return is_name(name) && self.variable(taken, name);
        }
        // A piece of a number is one, a piece of a name another name.
        let taken = if taken == Use::Expression { Use::Number } else { taken };
        is_name(name) && operator.starts_with(['#', '%']) && self.variable(taken, name)
    }

    fn output(&mut self, taken: Use, script: &str) -> bool {
        self.steps += 1;
        self.steps <= MAX_STEPS
            && (counters::prints_numbers(script)
                || matches!(taken, Use::Text | Use::Digits) && counters::prints_one_word(script))
    }
}

/// Tells whether a value is a list of elements, which are looked at apart.
fn is_list(value: &Word) -> bool {
    !value.literal && value.spans.is_empty() && value.raw.starts_with('(')
}

/// Tells whether a word is `NAME=(…)`, whose elements are looked at apart.
fn is_list_of(word: &Word, name: &str) -> bool {
    let rest = word.raw.strip_prefix(name).unwrap_or_default();
    rest.starts_with("=(") || rest.starts_with("+=(")
}
