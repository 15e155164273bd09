//! What the words of a command become: variables of the line and simple substitutions are followed.
//!
//! A variable may hold whatever any command of the line puts there, in whatever order; each such value is judged. What
//! comes from elsewhere stays an expansion, of which [`Class`] tells as much as is sure.

use distiq_lang::shell::{self, Command, Expands, Script, Span, Word};

use super::fields::Fields;
use super::parameters;
use super::paths::Base;
use super::printed::prints;

/// Most combinations of values that one command is judged with.
const MAX_COMBINATIONS: usize = 16;
/// How far a value is followed through variables and substitutions.
const MAX_DEPTH: u32 = 4;
/// What parts words where the line says nothing else.
const BLANKS: &str = " \t\n";

/// Follows the values of one line.
pub(super) struct Values<'s> {
    pub(super) script: &'s Script,
}

/// What a variable stands for in one reading of a command.
type Choice<'n> = (&'n str, Word);

/// How words are read: with these values, parted by these characters.
#[derive(Clone, Copy)]
struct Reading<'r> {
    choice: &'r [Choice<'r>],
    separators: &'r str,
    depth: u32,
}

impl Values<'_> {
    /// Returns the command in every reading that the values of its variables give, at most a few; the
    /// command itself where it has none that are known.
    pub(super) fn readings(&self, command: &Command, base: &Base<'_>) -> Vec<Command> {
        let mut choices: Vec<Vec<Choice<'_>>> = vec![Vec::new()];
        for name in variables(command) {
            let Some(values) = self.variable(name, base, 0) else { continue };
            if choices.len() * values.len() > MAX_COMBINATIONS {
                continue;
            }
            choices = choices
                .iter()
                .flat_map(|choice| {
                    values.iter().map(move |value| {
                        let mut choice = choice.clone();
                        choice.push((name, value.clone()));
                        choice
                    })
                })
                .collect();
        }
        let unquoted = command.words.iter().flat_map(|word| &word.spans).any(|span| !span.quoted);
        let separators = if unquoted { self.separators() } else { vec![BLANKS] };
        choices
            .iter()
            .flat_map(|choice| separators.iter().map(move |separators| (choice, *separators)))
            .map(|(choice, separators)| {
                self.reading(command, Reading { choice, separators, depth: 0 }, base)
            })
            .collect()
    }

    /// Returns what may part words: blanks, and each text that the line makes of `IFS`.
    fn separators(&self) -> Vec<&str> {
        let assigned = self.script.commands.iter().flat_map(|command| {
            let declared = command.words.iter().filter_map(|word| word.text.strip_prefix("IFS="));
            let set = command.assignments.iter().filter(|a| a.name == "IFS");
            set.map(|a| a.value.text.as_str()).chain(declared)
        });
        let mut all = vec![BLANKS];
        for text in assigned.take(4) {
            if !all.contains(&text) {
                all.push(text);
            }
        }
        all
    }

    fn reading(&self, command: &Command, reading: Reading<'_>, base: &Base<'_>) -> Command {
        let expand = |word: &Word| self.expand(word, reading, base);
        let written = command;
        let mut reading = written.clone();
        reading.words = written.words.iter().flat_map(expand).collect();
        for assignment in &mut reading.assignments {
            if let [value] = expand(&assignment.value).as_slice() {
                assignment.value = value.clone();
            }
        }
        for redirect in &mut reading.redirects {
            // A here-document is no file's name.
            if !redirect.op.starts_with("<<")
                && let [target] = expand(&redirect.target).as_slice()
            {
                redirect.target = target.clone();
            }
        }
        reading
    }

    /// Returns everything that the line puts into a variable, or `None` where that is not known.
    pub(super) fn variable(&self, name: &str, base: &Base<'_>, depth: u32) -> Option<Vec<Word>> {
        if depth > MAX_DEPTH {
            return None;
        }
        if name == "@" || name == "*" || name.parse::<u8>().is_ok() {
            return self.argument(name, base, depth);
        }
        let mut values = Vec::new();
        for (at, command) in self.script.commands.iter().enumerate() {
            // The redirections of a loop stand right before its first command.
            let around = at.checked_sub(1).and_then(|at| self.script.commands.get(at));
            let around = around.filter(|before| before.words.is_empty());
            if let Some(value) = read_from_here(command, around, name) {
                values.push((value, false));
                continue;
            }
            for assignment in command.assignments.iter().filter(|a| a.name == name) {
                if is_list(&assignment.value) {
                    return None;
                }
                // What a loop goes over is split before, all else is not.
                values.push((assignment.value.clone(), assignment.each));
            }
            let mut declared = Vec::new();
            if sets_otherwise(command, name, &mut declared) {
                return None;
            }
            values.extend(declared.into_iter().map(|value| (value, false)));
        }
        if values.is_empty() {
            return standing(name, base).map(|word| vec![word]);
        }
        if depth >= MAX_DEPTH || values.len() > MAX_COMBINATIONS {
            return None;
        }
        let mut words = Vec::new();
        for (value, each) in &values {
            let mut choices = vec![Vec::new()];
            for inner in names_of(value) {
                if let Some(known) = self.variable(inner, base, depth + 1).filter(|_| inner != name)
                {
                    choices = choices
                        .iter()
                        .flat_map(|choice: &Vec<Choice<'_>>| {
                            known.iter().map(move |word| {
                                let mut choice = choice.clone();
                                choice.push((inner, word.clone()));
                                choice
                            })
                        })
                        .take(MAX_COMBINATIONS)
                        .collect();
                }
            }
            for choice in &choices {
                let mut value = value.clone();
                if !each {
                    value.spans.iter_mut().for_each(|span| span.quoted = true);
                }
                for separators in self.separators().iter().filter(|s| *each || **s == BLANKS) {
                    let reading = Reading { choice, separators, depth: depth + 1 };
                    let mut expanded = self.expand(&value, reading, base);
                    for word in expanded.iter_mut().filter(|_| *each) {
                        // It was split already.
                        word.spans.iter_mut().for_each(|span| span.quoted = true);
                        word.splits = word.pattern;
                    }
                    words.extend(expanded);
                }
            }
        }
        (words.len() <= MAX_COMBINATIONS).then_some(words)
    }

    /// Returns what an argument of a function, or of `bash -c SCRIPT`, may be.
    fn argument(&self, name: &str, base: &Base<'_>, depth: u32) -> Option<Vec<Word>> {
        let commands = &self.script.commands;
        let shifts = commands.iter().any(|command| command.program() == Some("shift"));
        let mut values = Vec::new();
        for command in commands {
            let called =
                command.name().is_some_and(|name| self.script.functions.iter().any(|f| f == name));
            let arguments: Vec<Word> = match command.program() {
                _ if called => command.words.clone(),
                Some("set") => match self.positional(command, base, depth)? {
                    set if set.is_empty() => continue,
                    set => set,
                },
                Some("bash" | "sh" | "dash" | "zsh") => {
                    let script = command.words.iter().position(|word| {
                        word.text.starts_with('-')
                            && !word.text.starts_with("--")
                            && word.text.ends_with('c')
                    });
                    let Some(script) = script else { continue };
                    command.words.iter().skip(script + 2).cloned().collect()
                }
                _ => continue,
            };
            if command.partial || arguments.iter().any(|word| !word.literal && !word.tilde) {
                return None;
            }
            match name.parse::<usize>() {
                Ok(index) if !shifts => values.extend(arguments.get(index).cloned()),
                Ok(_) => values.extend(arguments.iter().skip(1).cloned()),
                Err(_) => {
                    let texts: Vec<&str> =
                        arguments.iter().skip(1).map(|word| word.text.as_str()).collect();
                    if texts.iter().any(|text| text.is_empty() || text.contains([' ', '\n', '\t']))
                    {
                        return None;
                    }
                    values.push(Word { splits: true, ..literal(&texts.join(" ")) });
                }
            }
        }
        if values.is_empty() {
            return None;
        }
        (values.len() <= MAX_COMBINATIONS).then_some(values)
    }

    /// Returns what `set` makes of the arguments, behind its own name; nothing where it only sets options, `None`
    /// where only the run tells.
    fn positional(&self, command: &Command, base: &Base<'_>, depth: u32) -> Option<Vec<Word>> {
        let words = command.words.get(1..).unwrap_or_default();
        let given = match words.iter().position(|word| word.text == "--") {
            Some(at) => words.get(at + 1..).unwrap_or_default(),
            None if words.iter().any(|word| word.text.starts_with(['-', '+'])) => {
                // `set -o pipefail` has a word that is no argument.
                let plain = words.iter().filter(|word| !word.text.starts_with(['-', '+'])).count();
                let named = words.iter().filter(|word| word.text.ends_with('o')).count();
                return (plain <= named).then(Vec::new);
            }
            None => words,
        };
        if given.is_empty() || depth >= MAX_DEPTH {
            return given.is_empty().then(Vec::new);
        }
        let mut choice = Vec::new();
        for name in given.iter().flat_map(names_of).filter(|name| name.len() > 1) {
            let known = self.variable(name, base, depth + 1).filter(|values| values.len() == 1);
            choice.extend(known.into_iter().flatten().map(|value| (name, value)));
        }
        let reading = Reading { choice: &choice, separators: BLANKS, depth: depth + 1 };
        let expanded = given.iter().flat_map(|word| self.expand(word, reading, base));
        Some(command.words.iter().take(1).cloned().chain(expanded).collect())
    }

    /// Returns what a word becomes.
    fn expand(&self, word: &Word, reading: Reading<'_>, base: &Base<'_>) -> Vec<Word> {
        let Reading { choice, separators, depth } = reading;
        if word.spans.is_empty() {
            return vec![word.clone()];
        }
        let mut fields = Fields::new(word, separators);
        let mut at = 0;
        for span in &word.spans {
            fields.text(word.text.get(at..span.start).unwrap_or_default());
            at = span.end;
            let value = match &span.expands {
                Expands::Variable(name) => {
                    choice.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
                }
                Expands::Command(script) => self.output(script, base, depth),
                Expands::Number => Some(literal("12345")),
                Expands::Other => parameters::expand(
                    word.text.get(span.start..span.end).unwrap_or_default(),
                    self,
                    base,
                    depth,
                ),
                Expands::Process => None,
            };
            match value {
                // `"$@"` becomes several words, quoted as it is.
                Some(value) => {
                    let several = matches!(&span.expands, Expands::Variable(name) if name == "@");
                    fields.value(&value, span.quoted && !several);
                }
                None => {
                    fields.unknown(word.text.get(span.start..span.end).unwrap_or_default(), span)
                }
            }
        }
        fields.text(word.text.get(at..).unwrap_or_default());
        fields.finish()
    }

    /// Returns what a script prints, where the text tells.
    fn output(&self, script: &str, base: &Base<'_>, depth: u32) -> Option<Word> {
        if depth >= MAX_DEPTH || script.len() > 512 {
            return None;
        }
        if shell::prints_numbers(script) {
            return Some(literal("12345"));
        }
        let inner = shell::parse(script).ok()?;
        let [command] = inner.commands.as_slice() else { return None };
        if !command.assignments.is_empty()
            || !command.redirects.iter().all(|r| is_silencing(&r.target.text))
        {
            return None;
        }
        let mut choice = Vec::new();
        for name in variables(command) {
            if let Some(mut values) = self.variable(name, base, depth + 1).filter(|v| v.len() == 1)
            {
                choice.push((name, values.pop()?));
            }
        }
        let reading = Reading { choice: &choice, separators: BLANKS, depth: depth + 1 };
        let words: Vec<Word> =
            command.words.iter().flat_map(|word| self.expand(word, reading, base)).collect();
        let (name, arguments) = words.split_first()?;
        if !words.iter().all(|word| word.literal || word.tilde) {
            return None;
        }
        prints(
            &name.text,
            &arguments.iter().map(|word| word.text.as_str()).collect::<Vec<_>>(),
            base,
        )
    }

    /// Tells whether any command of the line puts something into a variable.
    pub(super) fn is_set(&self, name: &str) -> bool {
        self.script.commands.iter().any(|command| {
            command.assignments.iter().any(|assignment| assignment.name == name)
                || sets_otherwise(command, name, &mut Vec::new())
                || command.words.iter().any(|word| word.text.starts_with(&format!("{name}=")))
        })
    }
}

/// Returns what `read NAME… <<< TEXT` puts into a variable.
fn read_from_here(command: &Command, around: Option<&Command>, name: &str) -> Option<Word> {
    let own = command.redirects.as_slice();
    let [redirect] = around.filter(|_| own.is_empty()).map_or(own, |loops| &loops.redirects) else {
        return None;
    };
    if command.program() != Some("read") || redirect.op != "<<<" {
        return None;
    }
    let (options, names): (Vec<&Word>, Vec<&Word>) =
        command.words.iter().skip(1).partition(|word| word.text.starts_with('-'));
    let at = names.iter().position(|word| word.text == name)?;
    if names.len() == 1 {
        return Some(redirect.target.clone());
    }
    if !redirect.target.literal || options.iter().any(|word| word.text != "-r") {
        return None;
    }
    let set = command.assignments.iter().find(|assignment| assignment.name == "IFS");
    let separators = set.map_or(BLANKS, |assignment| assignment.value.text.as_str());
    let mut fields = redirect.target.text.splitn(names.len(), |c| separators.contains(c));
    fields.nth(at).map(|field| literal(field.trim()))
}

/// Returns what a variable holds that the line does not set.
fn standing(name: &str, base: &Base<'_>) -> Option<Word> {
    let path = match name {
        "HOME" => crate::place::home()?,
        "PWD" => base.cwd.clone()?,
        // Blanks, as far as words are split.
        "IFS" => return Some(literal(" ")),
        "HISTFILE" => crate::place::home()?.join(".bash_history"),
        _ => return None,
    };
    path.to_str().map(literal)
}

/// Tells whether a command puts something into a variable that its assignments do not tell; those of
/// `export NAME=value` go to `values`.
pub(super) fn sets_otherwise(command: &Command, name: &str, values: &mut Vec<Word>) -> bool {
    let Some(program) = command.program() else { return false };
    let mut arguments = command.words.iter().skip(1);
    match program {
        "unset" | "let" => arguments.any(|word| {
            word.text.trim_end_matches(']').split(['[', '=', '+']).next() == Some(name)
        }),
        "export" | "declare" | "typeset" | "local" | "readonly" => {
            for word in arguments {
                let Some(value) =
                    word.text.strip_prefix(name).and_then(|rest| rest.strip_prefix('='))
                else {
                    let rest = word.text.strip_prefix(name);
                    if rest.is_some_and(|rest| rest.starts_with("+="))
                        || word.text == name && program != "export" && program != "readonly"
                    {
                        return true;
                    }
                    continue;
                };
                if value.starts_with('(') {
                    return true;
                }
                let skip = name.len() + 1;
                let spans = word
                    .spans
                    .iter()
                    .map(|span| Span {
                        start: span.start.saturating_sub(skip),
                        end: span.end.saturating_sub(skip),
                        ..span.clone()
                    })
                    .collect();
                values.push(Word { text: value.to_owned(), spans, ..word.clone() });
            }
            shell::sets(command, name)
        }
        _ => shell::sets(command, name),
    }
}

/// Tells whether a value is a list of elements: `(a b)`.
fn is_list(value: &Word) -> bool {
    !value.literal && value.spans.is_empty() && value.raw.starts_with('(')
}

/// Returns the variables in a command's words and targets, each once.
fn variables(command: &Command) -> Vec<&str> {
    let words = command
        .words
        .iter()
        .chain(command.assignments.iter().map(|assignment| &assignment.value))
        .chain(command.redirects.iter().filter(|r| !r.op.starts_with("<<")).map(|r| &r.target));
    let mut names: Vec<&str> = Vec::new();
    for name in words.flat_map(names_of) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn names_of(word: &Word) -> impl Iterator<Item = &str> {
    word.spans.iter().filter_map(|span| match &span.expands {
        Expands::Variable(name) => Some(name.as_str()),
        _ => None,
    })
}

fn is_silencing(target: &str) -> bool {
    matches!(target, "/dev/null" | "1" | "2")
}

/// Makes a word that is exactly this text.
pub(super) fn literal(text: &str) -> Word {
    Word { text: text.to_owned(), raw: text.to_owned(), literal: true, ..Word::default() }
}
