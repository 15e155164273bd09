//! What is sure of a text that only the run brings: by the command that prints it.

use distiq_lang::shell::{self, Command, Expands, Span, Word};

use super::values::{Values, sets_otherwise};

/// Programs that leave lines out or order them, and change none.
const SELECTING: [&str; 8] = ["grep", "egrep", "fgrep", "sort", "uniq", "head", "tail", "tac"];

/// Tells what is sure of a value without expansions, one of too many to follow each.
fn written_class(value: &Word) -> Class {
    let list = !value.literal && !value.glob;
    let below = !value.text.starts_with(['/', '~', '-', '.']) && !value.text.contains("..");
    match below && !list {
        true if value.text.chars().all(|c| c.is_ascii_alphanumeric() || " _".contains(c)) => {
            Class::Names
        }
        true => Class::AnyNames,
        false => Class::Text,
    }
}

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
            if picks_field(source) && stage > 0 {
                let at = commands.iter().position(|command| std::ptr::eq(command, source));
                return at.map_or(Class::Text, |at| self.first_fields(at));
            }
            if source.program().is_none_or(|program| !SELECTING.contains(&program)) || stage == 0 {
                return printed(source);
            }
        }
        Class::Text
    }

    /// Tells what is sure of what stands before the colons of the lines that come to a command through its pipe.
    fn first_fields(&self, index: usize) -> Class {
        let commands = &self.script.commands;
        let Some(pipe) = commands.get(index).and_then(|command| command.pipe) else {
            return Class::Text;
        };
        for stage in (0..pipe.stage).rev() {
            let source = commands.iter().rev().find(|command| {
                command.pipe.is_some_and(|p| p.id == pipe.id && p.stage == stage)
                    && command.via.is_none()
                    && !command.words.is_empty()
            });
            let Some(source) = source else { return Class::Text };
            if source.program().is_none_or(|program| !SELECTING.contains(&program)) || stage == 0 {
                return if locates(source) { searched(source) } else { Class::Text };
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
        if name.parse::<u8>().is_ok() {
            return self.handed_argument(index);
        }
        let mut class: Option<Class> = None;
        let worse =
            |class: Option<Class>, found: Class| Some(class.map_or(found, |c| c.max(found)));
        for (at, command) in self.script.commands.iter().enumerate() {
            for assignment in command.assignments.iter().filter(|a| a.name == name) {
                let value = &assignment.value;
                class = worse(
                    class,
                    match value.spans.as_slice() {
                        [] => written_class(value),
                        [Span { expands: Expands::Command(script), .. }] => script_class(script),
                        _ => Class::Text,
                    },
                );
            }
            if matches!(command.program(), Some("read"))
                && command.words.iter().any(|word| word.text == name)
            {
                class = worse(class, self.read_class(at, name));
            } else if sets_otherwise(command, name, &mut Vec::new()) {
                return Class::Text;
            }
            if at >= index && class.is_none() {
                return Class::Text;
            }
        }
        class.unwrap_or(Class::Text)
    }

    /// Tells what is sure of the arguments that `find -exec sh -c SCRIPT` hands to the script at `index`.
    fn handed_argument(&self, index: usize) -> Class {
        let commands = &self.script.commands;
        let sets = |command: &Command| matches!(command.program(), Some("set" | "shift"));
        if !self.script.functions.is_empty() || commands.iter().any(sets) {
            return Class::Text;
        }
        let shell = commands.iter().take(index).rposition(|command| {
            matches!(command.program(), Some("sh" | "bash" | "dash")) && command.partial
        });
        let Some((at, shell)) = shell.and_then(|at| Some((at, commands.get(at)?))) else {
            return Class::Text;
        };
        match shell.via.as_deref() {
            Some("xargs") => self.piped(at),
            _ => self.handed_by_find(at),
        }
    }

    /// Tells what `read` reads: its pipe, or the process behind its loop.
    fn read_class(&self, index: usize, name: &str) -> Class {
        let Some(command) = self.script.commands.get(index) else { return Class::Text };
        let mut names = command.words.iter().skip(1).filter(|word| !word.text.starts_with('-'));
        let by_colons = command.assignments.iter().any(|a| a.name == "IFS" && a.value.text == ":");
        if by_colons
            && command.pipe.is_some_and(|pipe| pipe.stage > 0)
            && names.next().is_some_and(|word| word.text == name)
            && names.next().is_some()
        {
            return self.first_fields(index);
        }
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
    let commands = &script.commands;
    let is_outer = |command: &Command| !command.in_substitution && command.via.is_none();
    // The last command of each pipeline prints.
    let printing = (0..commands.len()).filter(|at| {
        let Some(command) = commands.get(*at).filter(|command| is_outer(command)) else {
            return false;
        };
        let mut later = commands.iter().skip(at + 1).filter(|other| is_outer(other));
        command.pipe.is_none_or(|pipe| {
            !later.any(|other| other.pipe.is_some_and(|p| p.id == pipe.id && p.stage > pipe.stage))
        })
    });
    let values = Values { script: &script };
    let class = |at: usize| {
        let Some(command) = commands.get(at) else { return Class::Text };
        let selects = command.program().is_some_and(|program| SELECTING.contains(&program));
        match command.pipe {
            Some(pipe) if pipe.stage > 0 && selects => values.piped(at),
            Some(pipe) if pipe.stage > 0 && picks_field(command) => values.first_fields(at),
            _ => printed(command),
        }
    };
    printing.map(class).max().unwrap_or(Class::Text)
}

/// Tells whether a command takes what stands before the first colon: `cut -d: -f1`, `awk -F: '{print $1}'`.
fn picks_field(command: &Command) -> bool {
    let texts: Vec<&str> = command.words.iter().skip(1).map(|word| word.text.as_str()).collect();
    match command.program() {
        Some("cut") => matches!(
            texts.as_slice(),
            ["-d:", "-f1"] | ["-f1", "-d:"] | ["-d", ":", "-f", "1"] | ["-d", ":", "-f1"]
        ),
        Some("awk") => {
            matches!(texts.as_slice(), ["-F:", "{print $1}"] | ["-F", ":", "{print $1}"])
        }
        _ => false,
    }
}

/// Tells whether a search prints the name of a file before each colon, and no line without one.
fn locates(command: &Command) -> bool {
    let texts = || command.words.iter().skip(1).map(|word| word.text.as_str());
    let short = |letters: &str| {
        texts().any(|text| {
            text.starts_with('-')
                && !text.starts_with("--")
                && text.contains(|c| letters.contains(c))
        })
    };
    let long = |options: &[&str]| texts().any(|text| options.iter().any(|o| text.starts_with(o)));
    if !command.words.iter().all(|word| word.literal || word.glob)
        // What is printed in other ways, or beside the lines that fit.
        || long(&[
            "--no-filename", "--null", "--context", "--after", "--before", "--json", "--heading",
            "--stats", "--format", "--label", "--replace", "--field", "--color", "--pre", "--file",
            "--vimgrep", "--passthru", "--pretty", "--max-columns", "--trim", "--type-list",
            "--hostname", "--hyperlink", "--path-separator", "--context-separator",
            "--group-separator", "--break", "--column", "--function", "--show-function",
        ])
        || short("hzZABCpWrI0123456789") && command.program() != Some("grep")
    {
        return false;
    }
    match command.program() {
        Some("grep" | "egrep" | "fgrep") => {
            !short("hzZABC0123456789L")
                && (short("rRH") || long(&["--recursive", "--with-filename"]))
        }
        Some("git") => {
            texts().next() == Some("grep") && !texts().skip(1).any(|text| text.contains(':'))
        }
        _ => false,
    }
}

/// Tells what is sure of a command's output.
fn printed(command: &Command) -> Class {
    let texts: Vec<&str> = command.words.iter().skip(1).map(|word| word.text.as_str()).collect();
    let lists_names = lists_names(&texts);
    match command.program() {
        // No branch that git made begins with a dash.
        Some("git")
            if texts.first() == Some(&"for-each-ref")
                && texts.iter().skip(1).all(|text| match text.strip_prefix("--format=") {
                    Some("%(refname)" | "%(objectname)") => true,
                    Some("%(refname:short)") => texts.contains(&"refs/heads"),
                    Some(_) => false,
                    None => !text.starts_with('-') || text.starts_with("--sort="),
                }) =>
        {
            return Class::Names;
        }
        // A text of their own would be no name, and might be an option.
        Some("git")
            if texts.iter().any(|text| {
                ["--format", "--pretty", "--line-prefix", "--output", "--src", "--dst"]
                    .iter()
                    .any(|option| text.starts_with(option) && *text != "--format=")
            }) =>
        {
            return Class::Text;
        }
        Some("find")
            if texts
                .iter()
                .zip(texts.iter().skip(1))
                .any(|(option, format)| *option == "-printf" && !format.starts_with('%')) =>
        {
            return Class::Text;
        }
        Some("seq") if texts.iter().any(|text| text.starts_with('-') && *text != "-w") => {
            return Class::Text;
        }
        Some("echo" | "printf")
            if texts.iter().any(|text| text.contains(['-', '\\', '%']))
                && !matches!(texts.first(), Some(&"%s\\n" | &"%s" | &"%s\n")) =>
        {
            return Class::Text;
        }
        Some("rg") if !lists_names => return Class::Text,
        Some("true" | "false" | ":" | "test" | "[" | "[[" | "cd" | "exit" | "return") => {
            return Class::Names;
        }
        Some("grep" | "egrep" | "fgrep") if lists_names => return searched(command),
        Some("grep" | "egrep" | "fgrep") => return Class::Text,
        _ => {}
    }
    named(command, &texts)
}

/// Tells whether a search prints nothing but the names of files.
fn lists_names(texts: &[&str]) -> bool {
    const VALUED: &str = "efABCmdDtTgjrEM";
    let mut rest = texts.iter();
    while let Some(text) = rest.next() {
        if matches!(
            *text,
            "--files-with-matches" | "--files-without-match" | "--files" | "--name-only"
        ) {
            return true;
        }
        let Some(letters) = text.strip_prefix('-').filter(|letters| !letters.starts_with('-'))
        else {
            if *text == "--" {
                return false;
            }
            continue;
        };
        // `grep -r` takes no value, `rg -r` does.
        let end = letters.find(|c| c != 'r' && VALUED.contains(c)).unwrap_or(letters.len());
        if letters.get(..end).is_some_and(|flags| flags.contains(['l', 'L'])) {
            return true;
        }
        if letters.len() == end + 1 {
            rest.next();
        }
    }
    false
}

/// Tells what is sure of the names of the files that a search finds something in.
fn searched(command: &Command) -> Class {
    let texts: Vec<&str> = command.words.iter().skip(1).map(|word| word.text.as_str()).collect();
    if texts.iter().any(outside) {
        return Class::Text;
    }
    if command.program() == Some("git") {
        return Class::Names;
    }
    let mut includes = texts.iter().filter_map(|text| text.strip_prefix("--include=")).peekable();
    if includes.peek().is_some() && includes.all(narrow) { Class::Names } else { Class::AnyNames }
}

fn outside(text: &&str) -> bool {
    text.starts_with(['/', '~']) || text.contains("..")
}

/// Tells whether a pattern of names surely fits no secret.
fn narrow(pattern: &str) -> bool {
    let pattern = pattern.to_lowercase();
    let ending = pattern.rsplit('.').next().unwrap_or_default();
    pattern.contains('.')
        && !ending.is_empty()
        && !["pem", "key", "env", "*", "p12", "pfx"].contains(&ending)
        && !ending.contains(['*', '?', '['])
        && !pattern.starts_with(".env")
        && !pattern.contains("credential")
        && !pattern.contains("secret")
}

/// Returns what a `find` is told up to the command that it runs.
fn expression<'t, 'w>(texts: &'t [&'w str]) -> &'t [&'w str] {
    let end = texts.iter().position(|text| text.starts_with("-exec") || text.starts_with("-ok"));
    texts.get(..end.unwrap_or(texts.len())).unwrap_or_default()
}

/// Tells what is sure of the names that a command prints.
fn named(command: &Command, texts: &[&str]) -> Class {
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
            // It prints the options that it does not know.
            Some(&"rev-parse")
                if texts.iter().skip(1).any(|text| {
                    text.starts_with('-')
                        && !matches!(
                            *text,
                            "--short"
                                | "--verify"
                                | "-q"
                                | "--quiet"
                                | "--abbrev-ref"
                                | "--show-toplevel"
                                | "--show-prefix"
                                | "--show-cdup"
                        )
                        && !text.starts_with("--short=")
                }) =>
            {
                Class::Text
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
        Some("find") if !expression(texts).iter().any(outside) => {
            let texts = expression(texts);
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
