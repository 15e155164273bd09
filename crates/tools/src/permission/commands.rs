//! Judges one command by its program.

use distiq_lang::shell::{Command, Script, Word};

use super::parameters::lists_of;
use super::paths::{Base, Secret};
use super::shell_line::Setting;
use super::values::Values;
use super::{Part, Verdict, code, danger, git_rules, hunts, known, readers, specials, wrappers};

/// Where a command stands.
pub(super) struct Context<'a> {
    pub(super) base: Base<'a>,
    pub(super) script: &'a Script,
    pub(super) values: &'a Values<'a>,
    /// Which of the script's commands it is.
    pub(super) index: usize,
    pub(super) setting: Setting<'a>,
}

/// Folders whose programs are the system's.
const SYSTEM_BIN: [&str; 5] = ["/bin/", "/usr/bin/", "/usr/local/bin/", "/sbin/", "/usr/sbin/"];

pub(super) fn ask(reason: impl Into<String>) -> Part {
    Part::new("", Verdict::Ask, reason)
}

pub(super) fn deny(reason: impl Into<String>) -> Part {
    Part { outside: true, ..Part::new("", Verdict::Deny, reason) }
}

pub(super) fn allow(reason: impl Into<String>) -> Part {
    Part::new("", Verdict::Allow, reason)
}

/// Returns the verdict on a command that has words.
pub(super) fn judge(command: &Command, context: &Context<'_>) -> Part {
    let arguments: Vec<&Word> = command.words.iter().skip(1).collect();
    let Some((name, program)) = command.name().zip(command.program()) else {
        return unnamed(command, &arguments, context);
    };
    if context.script.functions.iter().any(|function| function == name) {
        // Its body is in the line and judged there.
        return allow("a function of this line");
    }
    let own =
        name.contains('/') && !SYSTEM_BIN.iter().any(|bin| name.strip_prefix(bin) == Some(program));
    if !own && !command.opaque && known::says_version(program, &arguments) {
        return allow("says its version or its help");
    }
    if let Some(part) = danger::judge(program, &arguments, command, context) {
        return part;
    }
    let code = code::judge(program, &arguments, command, context);
    if let Some(part) = code.clone().filter(|part| part.verdict == Verdict::Deny) {
        return part;
    }
    if let Some(part) = secret(program, &arguments, command, context) {
        return part;
    }
    if let Some(part) = code {
        return part;
    }
    if own {
        return Part { writes: true, ..ask("runs a program of its own path") };
    }
    if command.opaque {
        let seen = by_name(program, &arguments, command, context);
        let reason = "only the run tells what it runs".to_owned();
        return match seen.verdict {
            Verdict::Deny => seen,
            _ => Part { writes: true, verdict: Verdict::Ask, reason, ..seen },
        };
    }
    if let Some(part) = wrappers::judge(program, &arguments, command, context) {
        return part;
    }
    by_name(program, &arguments, command, context)
}

fn by_name(program: &str, arguments: &[&Word], command: &Command, context: &Context<'_>) -> Part {
    match program {
        "git" => git_rules::judge(arguments, context),
        _ => readers::judge(program, arguments, command, context)
            .unwrap_or_else(|| known::judge(program, arguments, command, context)),
    }
}

/// Judges a command whose name comes at run time: what its name may be, and what its arguments name.
fn unnamed(command: &Command, arguments: &[&Word], context: &Context<'_>) -> Part {
    let unsure = Part { writes: true, ..ask("only the run tells what program it is") };
    if let Some(part) = array(command, context) {
        return part;
    }
    let Some(name) = command.words.first().filter(|word| word.glob) else {
        return secret("", arguments, command, context).unwrap_or(unsure);
    };
    let pattern = name.text.rsplit('/').next().unwrap_or_default();
    let Ok(pattern) = globset::Glob::new(pattern) else { return unsure };
    let pattern = pattern.compile_matcher();
    let mut worst = unsure;
    for program in danger::NAMES.iter().filter(|name| pattern.is_match(name)) {
        let mut named = command.clone();
        if let Some(first) = named.words.first_mut() {
            *first = super::values::literal(program);
        }
        let part = judge(&named, context);
        if part.verdict > worst.verdict {
            worst = part;
        }
    }
    worst
}

/// Judges `"${a[@]}"` by what the line puts into the array.
fn array(command: &Command, context: &Context<'_>) -> Option<Part> {
    let (first, rest) = command.words.split_first()?;
    let name = first.text.strip_prefix("${")?.split(['[', '}']).next()?;
    let commands = &context.script.commands;
    // `read -ra a <<< 'rm -rf x'`
    let read = commands.iter().filter(|other| {
        other.program() == Some("read") && other.words.iter().any(|word| word.text == name)
    });
    let here = read.flat_map(|other| &other.redirects).filter(|redirect| redirect.op == "<<<");
    let lists: Vec<&str> = commands
        .iter()
        .flat_map(|other| lists_of(other, name))
        .chain(here.map(|redirect| redirect.target.text.as_str()))
        .collect();
    if lists.is_empty() {
        return None;
    }
    let elements = lists.join(" ");
    let rest: Vec<&str> = rest.iter().map(|word| word.raw.as_str()).collect();
    let mut parts =
        super::shell_line::judge_inner(&format!("{elements} {}", rest.join(" ")), context)
            .into_iter();
    let mut worst = Part { writes: true, ..ask("only the run tells what program it is") };
    // Set once and run alone, it is these words or none.
    let assigned = commands.iter().filter(|c| c.assignments.iter().any(|a| a.name == name));
    let otherwise =
        commands.iter().any(|other| super::values::sets_otherwise(other, name, &mut Vec::new()));
    if rest.is_empty() && assigned.count() == 1 && lists.len() == 1 && !otherwise {
        worst = parts.next().unwrap_or(worst);
    }
    parts.by_ref().for_each(|part| super::shell_line::take_worse(&mut worst, part));
    Some(worst)
}

/// Programs whose arguments are texts or names, not files that are read.
const NAMES_ONLY: &[&str] = &[
    "echo", "printf", "test", "[", "[[", "basename", "dirname", "ls", "stat", "which", "type",
    "mkdir", "cd", "export", "read", "let", "expr", "seq", "rm", "rmdir", "touch", "chmod",
    "chown", "realpath", "readlink", "du", "tree", "command", "case", "set", "trap", "alias",
    "cargo", "npm", "kill", "exit", "return", "", "find", "fd", "fdfind", "id", "unlink", "shred",
    "file", "true", "false", ":",
];

/// Judges a command whose arguments name a secret.
fn secret(
    program: &str,
    arguments: &[&Word],
    command: &Command,
    context: &Context<'_>,
) -> Option<Part> {
    let certificate = program == "openssl"
        && arguments.first().is_some_and(|word| word.text == "x509")
        && specials::tells_certificate(arguments);
    let shows_names = certificate || NAMES_ONLY.contains(&program) && !program.is_empty();
    // What a search of names finds may be read by the command behind it.
    let fed = |next: &&Command| {
        next.via.as_deref() == Some("xargs")
            && !matches!(next.program(), Some(program) if NAMES_ONLY.contains(&program))
            && next.pipe.map(|pipe| pipe.id) == command.pipe.map(|pipe| pipe.id)
            && command.pipe.is_some()
    };
    let mut after = context.script.commands.iter().skip(context.index + 1);
    let hands_on =
        match program {
            "find" | "fd" | "fdfind" => {
                command.in_substitution || after.clone().next().is_some_and(|next| {
                    next.via.as_deref() == Some(program)
                        && !matches!(next.program(), Some(program) if NAMES_ONLY.contains(&program))
                }) || after.any(|next| fed(&next))
            }
            "ls" | "echo" | "printf" => after.any(|next| fed(&next)),
            _ => false,
        };
    if hands_on && hunts::finds_secrets(program, arguments, context)
        || hunts::searches_for_keys(program, arguments, context)
    {
        return Some(deny("reads keys, passwords or history"));
    }
    if shows_names && !hands_on {
        return None;
    }
    let skipped = readers::pattern_arguments(program, arguments);
    let is_text = |index: usize| match program {
        // A message is a text.
        "git" => {
            index > 0
                && arguments
                    .get(index - 1)
                    .is_some_and(|word| matches!(word.text.as_str(), "-m" | "--message" | "-am"))
        }
        "gh" => true,
        _ => false,
    };
    let found = arguments
        .iter()
        .enumerate()
        .filter(|(index, _)| !skipped.contains(index) && !is_text(*index))
        .filter_map(|(_, word)| {
            let value = match word.text.split_once('=') {
                Some((_, value)) if word.text.starts_with('-') || matches!(program, "dd") => {
                    Word { text: value.to_owned(), spans: Vec::new(), ..(*word).clone() }
                }
                // `git show HEAD:.env`
                None if program == "git" && word.text.contains(':') => {
                    let path = word.text.rsplit(':').next().unwrap_or_default();
                    Word { text: path.to_owned(), spans: Vec::new(), ..(*word).clone() }
                }
                // `curl -F f=@~/.ssh/id_rsa`
                _ => {
                    let text = word.text.rsplit('@').next().unwrap_or_default();
                    let text = if word.text.starts_with('@') || word.text.contains("=@") {
                        text
                    } else {
                        &word.text
                    };
                    Word { text: text.to_owned(), ..(*word).clone() }
                }
            };
            context.base.secret(&value)
        });
    match found.max_by_key(|secret| *secret == Secret::Beyond)? {
        // `tar -C ~ -c .gnupg`
        Secret::OfProject if program == "tar" && hunts::begins_elsewhere(arguments, context) => {
            Some(deny("reads keys, passwords or history"))
        }
        Secret::Beyond => Some(deny("reads keys, passwords or history")),
        Secret::OfProject if known::says_version(program, arguments) => None,
        Secret::OfProject => Some(Part {
            writes: known::may_write(program),
            ..ask("touches a file that may hold keys or passwords")
        }),
    }
}
