//! What `read` puts into its variables, where that can only be numbers.

use super::{Command, Expands, Word, counters, grammar};

/// Programs that only leave lines out or order them.
const SELECTING: [&str; 4] = ["sort", "head", "tail", "tac"];

/// Tells whether what the `read` puts into `name` can only be a number, or is not its doing.
pub(super) fn brings_numbers(commands: &[Command], read: &Command, name: &str) -> bool {
    let names = || read.words.iter().skip(1).filter(|word| !word.text.starts_with('-'));
    let Some(at) = names().position(|word| word.text == name) else { return true };
    if here_string_is_plain(commands, read) {
        return true;
    }
    // Other ends of lines and fields would make other fields.
    let options = read.words.iter().skip(1).filter(|word| word.text.starts_with('-'));
    let splits = commands.iter().flat_map(|command| &command.assignments).any(|a| a.name == "IFS");
    !splits
        && options.into_iter().all(|word| word.text == "-r")
        && feeds(commands, read).is_some_and(|source| counts(source, at))
}

/// What feeds a `read`.
enum Source<'c> {
    Command(&'c Command),
    Script(&'c str),
}

/// Returns what a `read` is fed by: `… | while read`, `done < <(…)`.
fn feeds<'c>(commands: &'c [Command], read: &Command) -> Option<Source<'c>> {
    let at = commands.iter().position(|other| std::ptr::eq(other, read))?;
    if let Some(pipe) = read.pipe.filter(|pipe| pipe.stage > 0) {
        return printer(commands.get(..at)?, pipe.id, pipe.stage).map(Source::Command);
    }
    // The redirections of a loop stand right before its first command.
    let before = commands.get(at.checked_sub(1)?).filter(|other| other.words.is_empty())?;
    let [redirect] = before.redirects.as_slice() else { return None };
    match redirect.target.spans.as_slice() {
        [span] if span.expands == Expands::Process && redirect.op == "<" => {
            redirect.target.text.strip_prefix("<(")?.strip_suffix(')').map(Source::Script)
        }
        _ => None,
    }
}

/// Returns the command whose lines come to a stage of a pipeline, those left out that only select.
fn printer(commands: &[Command], id: u32, mut stage: u32) -> Option<&Command> {
    loop {
        stage = stage.checked_sub(1)?;
        let of_stage = |command: &&Command| {
            command.pipe.is_some_and(|pipe| pipe.id == id && pipe.stage == stage)
        };
        let mut found = commands.iter().filter(of_stage);
        let only = found.next()?;
        if found.next().is_some() {
            return None;
        }
        if !only.program().is_some_and(|program| SELECTING.contains(&program)) {
            return Some(only);
        }
    }
}

/// Tells whether the field at `at` of what a source prints is a number.
fn counts(source: Source<'_>, at: usize) -> bool {
    match source {
        Source::Command(command) => prints_number(command, at),
        Source::Script(text) => {
            let Ok(script) = grammar::parse(text, 1) else { return false };
            let Some(last) = script.commands.last() else { return false };
            let pipe = last.pipe;
            let one = script.commands.len() == 1
                || pipe.is_some_and(|pipe| {
                    script.commands.iter().all(|c| c.pipe.is_some_and(|other| other.id == pipe.id))
                });
            let printer = match pipe {
                Some(pipe) => printer(&script.commands, pipe.id, pipe.stage + 1),
                None => Some(last),
            };
            one && printer.is_some_and(|command| prints_number(command, at))
        }
    }
}

fn prints_number(command: &Command, at: usize) -> bool {
    let args: Vec<&str> = command.words.iter().skip(1).map(|word| word.text.as_str()).collect();
    match command.program() {
        Some("uniq") => at == 0 && args == ["-c"],
        Some("wc") => at == 0,
        // Binary files have `-`, which names no variable.
        Some("git") => {
            at < 2
                && args.contains(&"--numstat")
                && args.iter().all(|arg| {
                    !arg.starts_with('-')
                        || matches!(
                            *arg,
                            "--numstat" | "--format=" | "--cached" | "--staged" | "--"
                        )
                })
                && (args.contains(&"diff") || args.contains(&"--format="))
        }
        _ => at == 0 && counters::is_counter(command),
    }
}

/// Tells whether a command takes the numbers of the lines that `grep -n` found in one file: `grep -n x f | cut -d: -f1`.
pub(super) fn picks_line_numbers(commands: &[&Command], picks: &Command) -> bool {
    let texts = |command: &Command| -> Vec<String> {
        command.words.iter().skip(1).map(|word| word.text.clone()).collect()
    };
    let takes_first = picks.program() == Some("cut") && {
        let args = texts(picks);
        args == ["-d:", "-f1"] || args == ["-f1", "-d:"] || args == ["-d", ":", "-f", "1"]
    };
    let Some(pipe) = picks.pipe.filter(|_| takes_first) else { return false };
    let before = commands
        .iter()
        .filter(|command| command.pipe.is_some_and(|p| p.id == pipe.id && p.stage < pipe.stage));
    let mut printers =
        before.filter(|c| !c.program().is_some_and(|program| SELECTING.contains(&program)));
    let search = printers.next().filter(|command| command.program() == Some("grep"));
    let Some(search) = search.filter(|_| printers.next().is_none()) else { return false };
    let args = texts(search);
    let (options, operands): (Vec<&String>, Vec<&String>) =
        args.iter().partition(|arg| arg.starts_with('-'));
    let plain = |option: &&String| {
        let letters = option.trim_start_matches('-').trim_end_matches(|c: char| c.is_ascii_digit());
        !option.starts_with("--") && letters.chars().all(|c| "niwxEFPom".contains(c))
    };
    operands.len() == 2
        && options.iter().any(|option| option.contains('n'))
        && options.iter().all(plain)
        && search.words.iter().all(|word| !word.splits)
        && search.words.get(1).is_some_and(|word| word.literal)
}

/// Tells whether `read … <<< TEXT` reads nothing but digits and marks that cannot name a variable.
fn here_string_is_plain(commands: &[Command], read: &Command) -> bool {
    let plain = |text: &str| text.chars().all(|c| c.is_ascii_digit() || " .,:;/+-".contains(c));
    let [redirect] = read.redirects.as_slice() else { return false };
    let known = |name: &str| {
        commands.iter().all(|command| {
            let mut assigned = command.assignments.iter().filter(|a| a.name == name);
            assigned.all(|assignment| assignment.value.literal && plain(&assignment.value.text))
                && !may_set(command, name)
        })
    };
    let target = &redirect.target;
    let whole = match target.spans.as_slice() {
        [] => target.literal && plain(&target.text),
        [span] => {
            let rest = target.text.get(..span.start).into_iter().chain(target.text.get(span.end..));
            rest.into_iter().all(plain)
                && matches!(&span.expands, Expands::Variable(name) if known(name))
        }
        _ => false,
    };
    redirect.op == "<<<" && whole
}

fn may_set(command: &Command, name: &str) -> bool {
    let sets = [
        "read",
        "mapfile",
        "readarray",
        "getopts",
        "printf",
        "wait",
        "let",
        "declare",
        "typeset",
        "local",
        "export",
        "readonly",
        "eval",
        "source",
        ".",
    ];
    let names = |word: &Word| !word.literal || word.text.contains(name);
    command.program().is_some_and(|program| sets.contains(&program))
        && command.words.iter().skip(1).any(names)
}
