//! What is sure of a text that only the run brings: by the command that prints it.

use distiq_lang::shell::{self, Command, Expands, Span, Word};

use super::values::{Values, sets_otherwise};

/// Programs that leave lines out or order them, and change none.
const SELECTING: [&str; 8] = ["grep", "egrep", "fgrep", "sort", "uniq", "head", "tail", "tac"];

/// What is sure of a text that only the run brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    /// Names of files that are surely none that hold secrets.
    Names,
    /// Names of any files below the working directory.
    AnyNames,
    /// Any text.
    Text,
}

impl Values<'_> {
    /// Tells what is sure of the text that comes to a command through its pipe.
    pub(super) fn piped(&self, index: usize) -> Class {
        let commands = &self.script.commands;
        let Some(pipe) = commands.get(index).and_then(|command| command.pipe) else {
            return Class::Text;
        };
        let mut stage = pipe.stage;
        while stage > 0 {
            stage -= 1;
            let source = commands.iter().rev().find(|command| {
                command.pipe.is_some_and(|p| p.id == pipe.id && p.stage == stage)
                    && command.via.is_none()
                    && !command.words.is_empty()
            });
            let Some(source) = source else { return Class::Text };
            if source.program().is_none_or(|program| !SELECTING.contains(&program)) {
                return printed(source);
            }
        }
        Class::Text
    }

    /// Tells what is sure of the names that a search hands to the command at `index`.
    pub(super) fn handed_by_find(&self, index: usize) -> Class {
        let commands = &self.script.commands;
        let Some(via) = commands.get(index).and_then(|command| command.via.as_deref()) else {
            return Class::Text;
        };
        let source = commands.iter().take(index).rev().find(|other| other.program() == Some(via));
        source.map_or(Class::Text, printed)
    }

    /// Tells what is sure of the expansions in a word, which stands in the command at `index`.
    pub(super) fn class(&self, word: &Word, index: usize) -> Class {
        let classes = word.spans.iter().map(|span| match &span.expands {
            Expands::Command(script) => script_class(script),
            Expands::Variable(name) => self.variable_class(name, index),
            Expands::Number => Class::Names,
            Expands::Process => Class::Names,
            Expands::Other => Class::Text,
        });
        classes.max().unwrap_or(Class::Text)
    }

    fn variable_class(&self, name: &str, index: usize) -> Class {
        let mut class: Option<Class> = None;
        let worse =
            |class: Option<Class>, found: Class| Some(class.map_or(found, |c| c.max(found)));
        for (at, command) in self.script.commands.iter().enumerate() {
            for assignment in command.assignments.iter().filter(|a| a.name == name) {
                let value = &assignment.value;
                class = worse(
                    class,
                    match value.spans.as_slice() {
                        [] => Class::Names,
                        [Span { expands: Expands::Command(script), .. }] => script_class(script),
                        _ => Class::Text,
                    },
                );
            }
            if matches!(command.program(), Some("read"))
                && command.words.iter().any(|word| word.text == name)
            {
                class = worse(class, self.read_class(at));
            } else if sets_otherwise(command, name, &mut Vec::new()) {
                return Class::Text;
            }
            if at >= index && class.is_none() {
                return Class::Text;
            }
        }
        class.unwrap_or(Class::Text)
    }

    /// Tells what `read` reads: its pipe, or the process behind its loop.
    fn read_class(&self, index: usize) -> Class {
        let Some(command) = self.script.commands.get(index) else { return Class::Text };
        if command.pipe.is_some() {
            return self.piped(index);
        }
        // `done < <(…)`: the redirection stands before the loop's commands.
        let before = self.script.commands.iter().take(index).rev();
        let fed =
            before.flat_map(|c| c.redirects.iter().filter(move |_| c.words.is_empty())).next();
        match fed {
            Some(redirect) if redirect.op == "<" && redirect.target.text.starts_with("<(") => {
                let text = redirect.target.text.trim_start_matches("<(").trim_end_matches(')');
                script_class(text)
            }
            _ => Class::Text,
        }
    }
}

fn script_class(script: &str) -> Class {
    let Ok(script) = shell::parse(script) else { return Class::Text };
    let outer: Vec<usize> = (0..script.commands.len())
        .filter(|at| {
            script.commands.get(*at).is_some_and(|c| !c.in_substitution && c.via.is_none())
        })
        .collect();
    let commands = &script.commands;
    let one = |at: &usize| commands.get(*at).and_then(|command| command.pipe);
    match outer.as_slice() {
        [only] => commands.get(*only).map_or(Class::Text, printed),
        [first, .., last] => match (one(first), one(last)) {
            (Some(a), Some(b)) if a.id == b.id => {
                let ends = commands.get(*last);
                let selects = ends
                    .and_then(Command::program)
                    .is_some_and(|program| SELECTING.contains(&program));
                if selects { Values { script: &script }.piped(*last) } else { Class::Text }
            }
            _ => Class::Text,
        },
        [] => Class::Text,
    }
}

/// Tells what is sure of a command's output.
fn printed(command: &Command) -> Class {
    let texts: Vec<&str> = command.words.iter().skip(1).map(|word| word.text.as_str()).collect();
    let narrow = |pattern: &str| {
        let pattern = pattern.to_lowercase();
        let ending = pattern.rsplit('.').next().unwrap_or_default();
        pattern.contains('.')
            && !ending.is_empty()
            && !["pem", "key", "env", "*", "p12", "pfx"].contains(&ending)
            && !ending.contains(['*', '?', '['])
            && !pattern.starts_with(".env")
            && !pattern.contains("credential")
            && !pattern.contains("secret")
    };
    let outside = |text: &&str| text.starts_with(['/', '~']) || text.contains("..");
    match command.program() {
        Some("git") => match texts.first() {
            // What git does not track may be anything.
            Some(&"ls-files")
                if texts.iter().any(|text| {
                    matches!(*text, "--others" | "--ignored")
                        || (text.starts_with('-')
                            && !text.starts_with("--")
                            && text.contains(['o', 'i']))
                }) =>
            {
                Class::AnyNames
            }
            Some(&"ls-files") => Class::Names,
            Some(&"diff" | &"show" | &"log" | &"diff-tree") if texts.contains(&"--name-only") => {
                Class::Names
            }
            Some(&"rev-parse" | &"merge-base" | &"rev-list" | &"describe") => Class::Names,
            Some(&"grep")
                if texts
                    .iter()
                    .any(|t| matches!(*t, "-l" | "--files-with-matches" | "--name-only")) =>
            {
                Class::Names
            }
            _ => Class::Text,
        },
        Some("find") if !texts.iter().any(outside) => {
            let branches = texts.split(|text| matches!(*text, "-o" | "-or" | ","));
            let narrows = |branch: &[&str]| {
                branch.contains(&"-prune")
                    || branch.iter().enumerate().any(|(at, option)| {
                        let negated = at > 0
                            && branch.get(at - 1).is_some_and(|t| matches!(*t, "!" | "-not"));
                        matches!(*option, "-name" | "-iname")
                            && !negated
                            && branch.get(at + 1).is_some_and(|pattern| narrow(pattern))
                    })
            };
            let named = texts.iter().any(|text| matches!(*text, "-name" | "-iname"));
            let mut branches = branches;
            if named && branches.all(narrows) { Class::Names } else { Class::AnyNames }
        }
        Some("rg" | "fd" | "fdfind")
            if !texts.iter().any(|text| {
                text.contains("hidden")
                    || matches!(*text, "-u" | "-uu" | "-H" | "-.")
                    || outside(text)
            }) =>
        {
            // Files of one kind, or those that hold a text.
            let chosen = texts.iter().any(|text| {
                matches!(
                    *text,
                    "-e" | "-g"
                        | "-t"
                        | "-l"
                        | "--files-with-matches"
                        | "--extension"
                        | "--glob"
                        | "--type"
                ) || text.starts_with("--glob=")
                    || text.starts_with("-t")
            });
            if chosen { Class::Names } else { Class::AnyNames }
        }
        Some("grep")
            if texts.iter().any(|t| t.starts_with("--include=")) && !texts.iter().any(outside) =>
        {
            let includes = texts.iter().filter_map(|t| t.strip_prefix("--include="));
            if includes.clone().all(narrow) { Class::Names } else { Class::AnyNames }
        }
        Some("ls")
            if texts.iter().any(|t| !t.starts_with('-') && narrow(t))
                && !texts.iter().any(outside) =>
        {
            Class::Names
        }
        Some("ls") if !texts.iter().any(outside) => Class::AnyNames,
        Some("echo" | "printf")
            if command.words.iter().all(|word| word.literal) && !texts.iter().any(outside) =>
        {
            Class::AnyNames
        }
        Some("seq" | "nproc") => Class::Names,
        _ => Class::Text,
    }
}
