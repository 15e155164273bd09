//! What surely prints nothing but numbers.

use super::terms::is_number;
use super::{Command, fed, grammar};

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

/// Programs that print one word without brackets, with these first arguments.
static ONE_WORD: &[(&str, &[&str])] = &[
    ("uname", &[]),
    ("whoami", &[]),
    ("id", &[]),
    ("arch", &[]),
    ("getconf", &[]),
    ("git", &["rev-parse", "branch", "symbolic-ref"]),
    ("dpkg", &["--print-architecture"]),
    ("rustc", &["--print", "--version"]),
    ("node", &["-v", "--version"]),
];

/// Tells whether a script surely prints no brackets, nor anything that an expansion would change.
pub(super) fn prints_one_word(script: &str) -> bool {
    let Ok(script) = grammar::parse(script, 1) else { return false };
    let [command] = script.commands.as_slice() else { return false };
    let first = command.words.get(1).map(|word| word.text.as_str());
    let known = |(program, arguments): &(&str, &[&str])| {
        command.name() == Some(*program)
            && (arguments.is_empty() || first.is_some_and(|first| arguments.contains(&first)))
    };
    script.functions.is_empty()
        && command.words.iter().all(|word| word.literal)
        && ONE_WORD.iter().any(known)
}
