//! Commands that a command runs.

use super::grammar::{self, Entry, Parser};
use super::judge::Evaluated;
use super::terms::Term;
use super::{Command, MAX_SCRIPTS, Script, ShellError, Word};
use super::{assoc, evaluating, programs, wrappers};

/// Variables whose text bash runs or evaluates.
pub(super) const RUN_VARIABLES: [&str; 11] = [
    "PS0",
    "PS1",
    "PS2",
    "PS4",
    "PROMPT_COMMAND",
    "BASH_ENV",
    "ENV",
    "SHELLOPTS",
    "BASHOPTS",
    "BASH_CMDS",
    "BASH_ALIASES",
];

/// What one command runs besides itself.
pub(super) enum Runs {
    /// A command of these words; `partial` where more come at run time.
    Words { words: Vec<Word>, partial: bool },
    /// A shell script.
    Script { text: String, literal: bool, partial: bool },
    /// The script that comes by its standard input.
    Stdin,
    /// Something that the text does not tell.
    Unknown,
    /// What is evaluated, in which a substitution would run.
    Evaluates(Vec<Term>),
}

impl Runs {
    /// The script of some words joined by blanks, as `eval` joins them.
    pub(super) fn joined(words: &[Word]) -> Runs {
        let text = words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
        Runs::Script { text, literal: words.iter().all(|word| word.literal), partial: false }
    }

    pub(super) fn script(word: &Word) -> Runs {
        Runs::Script { text: word.text.clone(), literal: word.literal, partial: false }
    }
}

impl Parser<'_> {
    /// Returns the command with the commands that it runs behind it.
    pub(super) fn run(&mut self, mut entry: Entry) -> Result<Vec<Entry>, ShellError> {
        if self.scripts > MAX_SCRIPTS {
            return Err(ShellError::TooComplex);
        }
        let mut inner = Vec::new();
        for runs in runs(&entry.command) {
            match runs {
                Runs::Unknown => entry.command.opaque = true,
                Runs::Evaluates(terms) => self.evaluated.terms.extend(terms),
                Runs::Stdin => inner.extend(self.run_stdin(&mut entry)?),
                Runs::Words { words, partial } => {
                    inner.extend(self.run_words(&entry, words, partial)?);
                }
                Runs::Script { text, literal, partial } => {
                    let mut commands = self.run_script(&mut entry.command, &text, literal)?;
                    for command in commands.iter_mut().filter(|_| partial) {
                        command.partial = true;
                        // `parallel {}`: the name comes at run time.
                        command.opaque |= command.name().is_none_or(|name| name.contains('{'));
                    }
                    inner.extend(commands.into_iter().map(entry_of));
                }
            }
        }
        let mut entries = vec![entry];
        entries.extend(inner);
        if entries.len() > super::MAX_COMMANDS {
            return Err(ShellError::TooComplex);
        }
        Ok(entries)
    }

    /// Numbers the subshells of an inner script among ours; returns the number of its outermost one and
    /// what is added to the others'.
    fn inner_subshells(&mut self, command: &Command, inner: &[u32]) -> (u32, u32) {
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let outermost = if matches!(command.program(), Some("eval" | "trap" | "." | "source")) {
            self.subshell
        } else {
            self.subshells.push(self.subshell);
            number(self.subshells.len() - 1)
        };
        let added = number(self.subshells.len()) - 1;
        self.subshells.extend(
            inner.iter().skip(1).map(|above| if *above == 0 { outermost } else { above + added }),
        );
        (outermost, added)
    }

    fn run_words(
        &mut self,
        outer: &Entry,
        words: Vec<Word>,
        partial: bool,
    ) -> Result<Vec<Entry>, ShellError> {
        let text = words.iter().map(|word| word.raw.as_str()).collect::<Vec<_>>().join(" ");
        let command = Command {
            words,
            text,
            partial: partial || outer.command.partial,
            via: outer.command.program().map(str::to_owned),
            // A shell behind `sudo` reads what `sudo` is given.
            redirects: outer.command.redirects.clone(),
            ..Command::default()
        };
        self.scripts += 1;
        let inner = self.run(Entry { command, here_docs: outer.here_docs.clone(), script: None });
        self.scripts -= 1;
        let mut inner = inner?;
        if let Some(first) = inner.first_mut() {
            first.command.redirects.clear();
            first.here_docs.clear();
        }
        Ok(inner)
    }

    /// A shell that reads its script from its input: a here-document or here-string can be read.
    fn run_stdin(&mut self, entry: &mut Entry) -> Result<Vec<Entry>, ShellError> {
        let last = entry.command.redirects.iter().enumerate().rfind(|(_, redirect)| {
            redirect.op.starts_with('<') && matches!(redirect.fd.as_deref(), None | Some("0"))
        });
        match last {
            Some((_, redirect)) if redirect.op == "<<<" => {
                let (text, literal) = (redirect.target.text.clone(), redirect.target.literal);
                let commands = self.run_script(&mut entry.command, &text, literal)?;
                Ok(commands.into_iter().map(entry_of).collect())
            }
            Some((index, redirect)) if redirect.op.starts_with("<<") => {
                entry.script =
                    entry.here_docs.iter().find(|(at, _)| *at == index).map(|(_, body)| *body);
                Ok(Vec::new())
            }
            _ => {
                entry.command.opaque = true;
                Ok(Vec::new())
            }
        }
    }

    /// Returns the commands of a script that `command` runs. One that is not literal makes the
    /// command opaque and is read as well as it can be.
    pub(super) fn run_script(
        &mut self,
        command: &mut Command,
        text: &str,
        literal: bool,
    ) -> Result<Vec<Command>, ShellError> {
        if self.scripts >= MAX_SCRIPTS {
            return Err(ShellError::TooComplex);
        }
        // Behind such a text bash 5.2 does not know the next line's first word: it runs `!` as a program.
        if text.ends_with("\\\n") {
            command.opaque = true;
        }
        let (script, evaluated) = match grammar::parse_evaluated(text, self.scripts + 1) {
            Ok(read) => read,
            Err(ShellError::TooComplex) => return Err(ShellError::TooComplex),
            // What is no shell of this kind reads its text by other rules.
            Err(fault) if literal && !programs::is_foreign(command) => return Err(fault),
            Err(_) => (Script::default(), Evaluated::default()),
        };
        self.evaluated.terms.extend(assoc::without_keys(evaluated.terms));
        self.evaluated.elements.extend(evaluated.elements);
        command.opaque |= !literal || programs::reads_otherwise(command, text);
        self.functions.extend(script.functions);
        let via = command.program().map(str::to_owned);
        let mut commands = script.commands;
        // A script of its own is a shell of its own, unless the shell itself reads it.
        let base = self.inner_subshells(command, &script.subshells);
        let (pipes, chains) = (self.pipes, self.chains);
        for inner in &mut commands {
            inner.chain += chains;
            self.chains = self.chains.max(inner.chain);
            if let Some(pipe) = &mut inner.pipe {
                pipe.id += pipes;
                self.pipes = self.pipes.max(pipe.id);
            }
            inner.subshell = if inner.subshell == 0 { base.0 } else { inner.subshell + base.1 };
            inner.via = inner.via.take().or_else(|| via.clone());
            inner.in_substitution |= command.in_substitution;
        }
        Ok(commands)
    }
}

fn entry_of(command: Command) -> Entry {
    Entry { command, here_docs: Vec::new(), script: None }
}

/// Returns what a command runs besides itself.
fn runs(command: &Command) -> Vec<Runs> {
    let mut runs = Vec::new();
    let declared = command.words.iter().filter_map(|word| word.text.split_once('='));
    let names = command.assignments.iter().map(|assignment| assignment.name.as_str());
    let set = |name: &str| {
        RUN_VARIABLES.contains(&name.split(['[', '+']).next().unwrap_or_default())
            || name.starts_with("BASH_FUNC_")
    };
    if names.chain(declared.map(|(name, _)| name)).any(set) {
        runs.push(Runs::Unknown);
    }
    let Some((_, args)) = command.words.split_first() else {
        return runs;
    };
    let Some(program) = command.program() else {
        runs.push(Runs::Unknown);
        return runs;
    };
    let assigns = [
        "read",
        "printf",
        "mapfile",
        "readarray",
        "getopts",
        "declare",
        "typeset",
        "local",
        "wait",
    ]
    .contains(&program);
    if assigns && args.iter().any(|word| RUN_VARIABLES.iter().any(|name| word.text.contains(name)))
    {
        runs.push(Runs::Unknown);
    }
    let evaluated = evaluating::terms(program, args);
    if !evaluated.is_empty() {
        runs.push(Runs::Evaluates(evaluated));
    }
    runs.extend(programs::runs(program, args, command.partial));
    runs.extend(wrappers::runs(program, args, command.partial));
    runs
}
