//! Programs and builtins that run what some argument says (`bash -c`, `find -exec`, `eval`).

use super::run::Runs;
use super::wrappers::hide_replaced;
use super::{Command, Word};

/// Shells that read scripts as POSIX says.
const POSIX_SHELLS: [&str; 4] = ["sh", "dash", "ash", "posh"];
/// Shells that read scripts in their own ways.
const OTHER_SHELLS: [&str; 13] = [
    "zsh",
    "ksh",
    "ksh93",
    "mksh",
    "yash",
    "fish",
    "csh",
    "tcsh",
    "pwsh",
    "powershell",
    "nu",
    "elvish",
    "xonsh",
];
/// Programs that give their script to such a shell, or to the user's own.
const POSIX_SCRIPTS: [&str; 9] =
    ["watch", "at", "batch", "parallel", "flock", "script", "git", "su", "runuser"];
/// What bash reads differently from POSIX shells.
const BASH_ONLY: [&str; 6] = ["$'", "$\"", "&>", "|&", "((", "[["];

/// Options by which a program runs another one; an exact argument or the part before its `=`.
static RUNNING_OPTIONS: &[(&[&str], &[&str])] = &[
    (&["rg"], &["--pre", "--hostname-bin"]),
    (
        &["tar", "gtar", "bsdtar"],
        &[
            "--to-command",
            "--checkpoint-action",
            "--use-compress-program",
            "-I",
            "--rsh-command",
            "--info-script",
            "--new-volume-script",
            "-F",
        ],
    ),
    (&["sort"], &["--compress-program"]),
    (&["split"], &["--filter"]),
    (&["rsync"], &["-e", "--rsh", "--rsync-path"]),
    (&["scp", "sftp"], &["-S", "-o", "-F"]),
    (&["man"], &["-P", "--pager", "-H"]),
    (&["vi", "vim", "nvim", "ex", "view"], &["-c", "--cmd", "-S", "-s", "-u"]),
    (&["zip"], &["-TT", "--unzip-command"]),
    (&["make", "gmake"], &["SHELL", "--eval", "-E"]),
    (&["enable"], &["-f"]),
    (&["hash"], &["-p"]),
    (&["bind"], &["-x"]),
];

/// Tells whether `command` is a shell whose language is not ours at all.
pub(super) fn is_foreign(command: &Command) -> bool {
    let foreign = ["fish", "csh", "tcsh", "pwsh", "powershell", "nu", "elvish", "xonsh"];
    command.program().is_some_and(|program| foreign.contains(&program))
}

/// Tells whether the shell `command` may read `text` differently from bash.
pub(super) fn reads_otherwise(command: &Command, text: &str) -> bool {
    let Some(program) = command.program() else { return false };
    if POSIX_SHELLS.contains(&program) || POSIX_SCRIPTS.contains(&program) {
        return BASH_ONLY.iter().any(|mark| text.contains(mark));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || " _./,:;&|'\"@%+-".contains(c);
    OTHER_SHELLS.contains(&program)
        && !(["zsh", "ksh", "ksh93", "mksh", "yash"].contains(&program) && text.chars().all(plain))
}

/// Returns what `program` runs by its arguments.
pub(super) fn runs(program: &str, args: &[Word], partial: bool) -> Vec<Runs> {
    if program == "bash"
        || program == "rbash"
        || POSIX_SHELLS.contains(&program)
        || OTHER_SHELLS.contains(&program)
    {
        return vec![shell(args, partial)].into_iter().flatten().collect();
    }
    match program {
        "eval" if args.is_empty() => Vec::new(),
        "eval" => vec![Runs::joined(args)],
        "trap" => trap(args),
        "find" | "gfind" => find(args),
        "fd" | "fdfind" => fd(args),
        "watch" => watch(args),
        "parallel" => parallel(args),
        "ssh" | "mosh" => ssh(args),
        "git" => git(args),
        "su" | "runuser" | "script" | "flock" => command_option(program, args),
        "source" | "." => source(args),
        "at" | "batch" => vec![Runs::Stdin],
        "alias" => alias(args),
        "fc" => vec![Runs::Unknown],
        "mapfile" | "readarray" | "complete" | "compgen" => callbacks(args),
        "set" | "shopt" => reading_options(program, args),
        _ => running_options(program, args),
    }
}

fn shell(args: &[Word], partial: bool) -> Option<Runs> {
    let mut rest = args.iter();
    let mut command = false;
    let mut stdin = false;
    let file = loop {
        let Some(word) = rest.next() else { break None };
        if !word.literal {
            break Some(word);
        }
        match word.text.as_str() {
            "--" | "-" => break rest.next(),
            "--rcfile" | "--init-file" => drop(rest.next()),
            // PowerShell and others name their options in full.
            "-Command" | "-EncodedCommand" | "-e" | "--command" if command => {}
            long if long.starts_with("--") => {
                if long != "--norc"
                    && long != "--noprofile"
                    && long != "--login"
                    && long != "--posix"
                {
                    return Some(Runs::Unknown);
                }
            }
            options if options.len() > 1 && options.starts_with(['-', '+']) => {
                command |= options.starts_with('-') && options.contains('c');
                stdin |= options.starts_with('-') && options.contains('s');
                for _ in options.matches(['o', 'O']) {
                    rest.next();
                }
            }
            _ => break Some(word),
        }
    };
    match file {
        Some(word) if command => Some(Runs::script(word)),
        None if command || partial => Some(Runs::Unknown),
        Some(word) if !stdin => match word.text.as_str() {
            _ if !word.literal => Some(Runs::Unknown),
            "/dev/stdin" | "/dev/fd/0" | "/proc/self/fd/0" => Some(Runs::Stdin),
            _ => None,
        },
        _ => Some(Runs::Stdin),
    }
}

fn trap(args: &[Word]) -> Vec<Runs> {
    let args: Vec<&Word> = args.iter().skip_while(|word| word.raw == "--").collect();
    match args.as_slice() {
        [] | [_] => Vec::new(),
        [action, ..] if action.text == "-" || action.text.is_empty() => Vec::new(),
        [action, ..] if action.raw == "-p" || action.raw == "-l" => Vec::new(),
        [action, ..] => vec![Runs::script(action)],
    }
}

fn find(args: &[Word]) -> Vec<Runs> {
    let mut runs = Vec::new();
    let mut rest = args;
    while let Some((word, after)) = rest.split_first() {
        rest = after;
        if word.splits && !word.glob {
            // It may become `-exec` and a command.
            runs.push(Runs::Unknown);
        }
        if !["-exec", "-execdir", "-ok", "-okdir"].contains(&word.text.as_str()) {
            continue;
        }
        let end = after.iter().position(|word| word.text == ";" || word.text == "+");
        let (command, after) = after.split_at(end.unwrap_or(after.len()));
        rest = after;
        let mut words = command.to_vec();
        words.iter_mut().for_each(|word| hide_replaced(word, "{}"));
        if words.is_empty() {
            runs.push(Runs::Unknown);
        } else {
            runs.push(Runs::Words { words, partial: true });
        }
    }
    runs
}

fn fd(args: &[Word]) -> Vec<Runs> {
    let options = ["-x", "-X", "--exec", "--exec-batch"];
    let Some(at) = args.iter().position(|word| options.contains(&word.text.as_str())) else {
        let clustered = args.iter().any(|word| {
            word.text.starts_with("--exec")
                || (word.text.starts_with('-')
                    && !word.text.starts_with("--")
                    && word.text.contains(['x', 'X']))
        });
        return if clustered { vec![Runs::Unknown] } else { Vec::new() };
    };
    let mut words: Vec<Word> =
        args.iter().skip(at + 1).take_while(|word| word.text != ";").cloned().collect();
    words.iter_mut().for_each(|word| hide_replaced(word, "{"));
    if words.is_empty() { vec![Runs::Unknown] } else { vec![Runs::Words { words, partial: true }] }
}

fn watch(args: &[Word]) -> Vec<Runs> {
    let mut rest = args;
    let mut runs = Vec::new();
    let mut exec = false;
    while let Some((word, after)) = rest.split_first() {
        if !word.text.starts_with('-') {
            break;
        }
        rest = after;
        match word.text.as_str() {
            "-n" | "--interval" => rest = after.split_first().map_or(after, |(_, rest)| rest),
            "-x" | "--exec" => exec = true,
            "--" => break,
            "-d" | "-t" | "-b" | "-e" | "-g" | "-c" | "-p" | "--differences" | "--no-title"
            | "--color" | "--errexit" | "--chgexit" | "--beep" | "--precise" => {}
            interval if interval.starts_with("-n") || interval.starts_with("--interval=") => {}
            _ => runs.push(Runs::Unknown),
        }
    }
    if exec {
        runs.push(Runs::Words { words: rest.to_vec(), partial: false });
    } else if !rest.is_empty() {
        runs.push(Runs::joined(rest));
    }
    runs
}

fn parallel(args: &[Word]) -> Vec<Runs> {
    let mut rest = args;
    let mut runs = Vec::new();
    let valued = ["-j", "-n", "-N", "-L", "-I", "-P", "-C", "-d", "-a", "--jobs", "--colsep"];
    let flags = ["-k", "-u", "-v", "-0", "-m", "-X", "-t", "-r", "--bar", "--tag", "--keep-order"];
    while let Some((word, after)) = rest.split_first() {
        if !word.text.starts_with('-') {
            break;
        }
        rest = after;
        if valued.contains(&word.text.as_str()) {
            rest = after.split_first().map_or(after, |(_, rest)| rest);
        } else if !flags.contains(&word.text.as_str()) && !word.text.starts_with("-j") {
            runs.push(Runs::Unknown);
        }
    }
    let end = rest.iter().position(|word| word.text.starts_with(":::")).unwrap_or(rest.len());
    let (command, _) = rest.split_at(end);
    if command.is_empty() {
        // Its arguments or its input are the commands.
        runs.push(Runs::Unknown);
    } else if let Runs::Script { text, literal, .. } = Runs::joined(command) {
        runs.push(Runs::Script { text, literal, partial: true });
    }
    runs
}

fn ssh(args: &[Word]) -> Vec<Runs> {
    // Options may run local commands, and what runs there depends on the other side.
    let mut runs = vec![Runs::Unknown];
    let mut rest = args;
    while let Some((word, after)) = rest.split_first() {
        rest = after;
        let Some(option) = word.text.strip_prefix('-') else { break };
        let mut letters = option.chars().skip_while(|c| !"BbcDEeFIiJLlmOopPQRSWw".contains(*c));
        if letters.next().is_some() && letters.next().is_none() {
            rest = after.split_first().map_or(after, |(_, rest)| rest);
        }
    }
    if !rest.is_empty()
        && let Runs::Script { text, .. } = Runs::joined(rest)
    {
        // Not literal: another machine's shell reads it.
        runs.push(Runs::Script { text, literal: false, partial: false });
    }
    runs
}

/// Settings of git that run nothing: by their beginning, or whole with their value.
const HARMLESS_GIT: [&str; 14] = [
    "advice.",
    "color.",
    "column.",
    "user.",
    "log.",
    "status.",
    "core.quotepath",
    "core.autocrlf",
    "init.defaultbranch",
    "safe.directory",
    "commit.gpgsign=false",
    "core.pager=cat",
    "gc.auto",
    "diff.renames",
];

fn git(args: &[Word]) -> Vec<Runs> {
    let mut runs = Vec::new();
    let mut rest = args;
    let subcommand = loop {
        let Some((word, after)) = rest.split_first() else { break "" };
        rest = after;
        match word.text.as_str() {
            "-c" => {
                let Some((setting, after)) = after.split_first() else { break "" };
                rest = after;
                let text = setting.text.to_ascii_lowercase();
                // A value must be the whole one: `core.pager=cat; rm x` is another.
                let harmless = |start: &&str| match start.contains('=') {
                    true => text == *start,
                    false => text.starts_with(*start),
                };
                if !setting.literal || !HARMLESS_GIT.iter().any(harmless) {
                    runs.push(Runs::Unknown);
                }
                if let Some((_, script)) = setting.text.split_once("=!") {
                    runs.push(Runs::Script {
                        text: script.to_owned(),
                        literal: setting.literal,
                        partial: true,
                    });
                }
            }
            "-C" | "--git-dir" | "--work-tree" | "--namespace" => {
                rest = after.split_first().map_or(after, |(_, rest)| rest);
            }
            option if option.starts_with("--exec-path=") || option.starts_with("--config-env") => {
                runs.push(Runs::Unknown);
            }
            option if option.starts_with('-') => {}
            subcommand => break subcommand,
        }
    };
    runs.extend(git_subcommand(subcommand, rest));
    let reaches = |word: &Word| {
        word.text.contains("ext::")
            || ["--upload-pack", "--receive-pack", "--open-files-in-pager", "--extcmd"]
                .iter()
                .any(|option| word.text.starts_with(option))
    };
    if args.iter().any(reaches) {
        runs.push(Runs::Unknown);
    }
    runs
}

fn git_subcommand(subcommand: &str, args: &[Word]) -> Vec<Runs> {
    let first = args.first().map_or("", |word| word.text.as_str());
    match subcommand {
        "bisect" if first == "run" => {
            let words: Vec<Word> = args.iter().skip(1).cloned().collect();
            if words.is_empty() { Vec::new() } else { vec![Runs::Words { words, partial: false }] }
        }
        "submodule" if first == "foreach" => {
            let words: Vec<Word> =
                args.iter().skip(1).filter(|word| word.text != "--recursive").cloned().collect();
            if words.is_empty() { Vec::new() } else { vec![Runs::joined(&words)] }
        }
        "rebase" | "filter-branch" | "difftool" => option_values(args, |option| {
            ["-x", "--exec", "--extcmd"].contains(&option) || option.ends_with("-filter")
        }),
        "config" if args.iter().any(|word| word.text.starts_with('!')) => vec![Runs::Unknown],
        _ => Vec::new(),
    }
}

/// Returns the scripts that are values of options, apart (`-x cmd`) or behind `=`.
fn option_values(args: &[Word], takes: impl Fn(&str) -> bool) -> Vec<Runs> {
    let mut runs = Vec::new();
    let mut rest = args;
    while let Some((word, after)) = rest.split_first() {
        rest = after;
        if takes(&word.text) {
            let Some((value, after)) = after.split_first() else { break };
            rest = after;
            runs.push(Runs::script(value));
        } else if let Some((option, value)) = word.text.split_once('=')
            && takes(option)
        {
            let (text, literal) = (value.to_owned(), word.literal);
            runs.push(Runs::Script { text, literal, partial: false });
        }
    }
    runs
}

/// `su -c`, `script -c`, `flock FILE -c`.
fn command_option(program: &str, args: &[Word]) -> Vec<Runs> {
    let runs = option_values(args, |option| {
        option == "--command"
            || option == "--session-command"
            || (option.starts_with('-') && !option.starts_with("--") && option.ends_with('c'))
    });
    if !runs.is_empty() {
        return runs;
    }
    if program == "flock" {
        let words: Vec<Word> =
            args.iter().skip_while(|word| word.text.starts_with('-')).skip(1).cloned().collect();
        // An option may have had a value.
        let mut runs = vec![];
        if args.first().is_some_and(|word| word.text.starts_with('-')) {
            runs.push(Runs::Unknown);
        }
        if !words.is_empty() {
            runs.push(Runs::Words { words, partial: false });
        }
        return runs;
    }
    vec![Runs::Unknown]
}

fn source(args: &[Word]) -> Vec<Runs> {
    match args.first() {
        Some(file) if file.text.starts_with("/dev/") => vec![Runs::Stdin],
        Some(file) if file.literal || file.tilde => Vec::new(),
        _ => vec![Runs::Unknown],
    }
}

fn alias(args: &[Word]) -> Vec<Runs> {
    // An alias changes how later lines are read.
    let mut runs = Vec::new();
    for word in args {
        if let Some((_, value)) = word.text.split_once('=') {
            runs.push(Runs::Unknown);
            let text = value.to_owned();
            runs.push(Runs::Script { text, literal: false, partial: false });
        }
    }
    runs
}

fn callbacks(args: &[Word]) -> Vec<Runs> {
    let mut runs = option_values(args, |option| option == "-C");
    if args.iter().any(|word| word.text.starts_with("-C") && word.text.len() > 2) {
        runs.push(Runs::Unknown);
    }
    runs
}

/// Options that change how the lines behind them are read: `set -k` takes assignments from anywhere, with a history
/// `!!` is another line.
fn reading_options(program: &str, args: &[Word]) -> Vec<Runs> {
    let named = |word: &Word| ["keyword", "history", "histexpand"].contains(&word.text.as_str());
    let options = args.iter().take_while(|word| word.text != "--");
    let changes = match program {
        "set" => options.into_iter().any(|word| {
            let letters = word.text.starts_with('-') && word.text.contains(['k', 'H']);
            letters || named(word) || word.splits && !word.pattern
        }),
        _ => options.into_iter().any(|word| named(word) || !word.literal),
    };
    if changes { vec![Runs::Unknown] } else { Vec::new() }
}

fn running_options(program: &str, args: &[Word]) -> Vec<Runs> {
    let runs = RUNNING_OPTIONS
        .iter()
        .filter(|(programs, _)| programs.contains(&program))
        .flat_map(|(_, options)| options.iter())
        .any(|option| {
            args.iter().any(|word| {
                word.text == *option
                    || word.text.strip_prefix(option).is_some_and(|rest| {
                        rest.starts_with('=') || (option.len() == 2 && option.starts_with('-'))
                    })
            })
        });
    if runs { vec![Runs::Unknown] } else { Vec::new() }
}
