//! Builtins that put something into variables.

use super::compound::is_name;
use super::{Command, Word};

/// Variables that bash sets by itself from what it reads.
pub(super) const SET_BY_BASH: [&str; 17] = [
    "REPLY",
    "MAPFILE",
    "OPTARG",
    "BASH_REMATCH",
    "_",
    "BASH_ARGV",
    "BASH_ARGV0",
    "BASH_COMMAND",
    "BASH_EXECUTION_STRING",
    "BASH_SOURCE",
    "FUNCNAME",
    "PWD",
    "OLDPWD",
    "DIRSTACK",
    "COPROC",
    "BASH_ALIASES",
    "BASH_CMDS",
];

/// Tells whether a builtin may put into a variable what neither [`Command::assignments`] nor a word `NAME=value` tells.
pub fn sets(command: &Command, name: &str) -> bool {
    let args = command.words.get(1..).unwrap_or_default();
    let named = |word: &Word| may_name(word, name);
    match command.program() {
        Some("read") => read_targets(args).iter().any(named),
        Some("mapfile" | "readarray" | "getopts") => args.iter().any(named),
        Some("printf") => printf_target(args).iter().any(named),
        Some("wait") => {
            let option = |word: &Word| word.text.starts_with('-') && word.text.contains('p');
            args.iter().any(option)
                && args.iter().any(|word| named(word) || word.text.ends_with(name))
        }
        Some("declare" | "typeset" | "local" | "export" | "readonly") => {
            let refers = command.program() != Some("export")
                && args.iter().any(|word| is_option(word) && word.text.contains('n'));
            refers
                || args.iter().any(|word| {
                    let plain = word.text == name || assigns(word);
                    !plain && !is_option(word) && may_name(word, name)
                })
        }
        _ => false,
    }
}

/// Tells whether a word is an option of a builtin.
pub(super) fn is_option(word: &Word) -> bool {
    word.text.len() > 1 && word.text.starts_with(['-', '+'])
}

/// Tells whether a word is `NAME=value`, which `export` and the like do not split.
pub(super) fn assigns(word: &Word) -> bool {
    word.text.split_once('=').is_some_and(|(left, _)| is_name(left.trim_end_matches('+')))
}

/// Tells whether a word that is a target may name a variable, or an element of it.
fn may_name(word: &Word, name: &str) -> bool {
    let stem = word.text.split(['[', '=', '+']).next().unwrap_or_default();
    let known = word.spans.iter().all(|span| span.start >= stem.len());
    stem == name || !known || word.splits && !word.pattern
}

/// Returns the variables that `read` fills.
pub(super) fn read_targets(args: &[Word]) -> Vec<Word> {
    let mut targets = Vec::new();
    let mut rest = args;
    while let Some((word, after)) = rest.split_first() {
        let Some(letters) = word.text.strip_prefix('-').filter(|letters| !letters.is_empty())
        else {
            break;
        };
        rest = after;
        if letters == "-" {
            break;
        }
        let Some(at) = letters.find(|c| "adinNptu".contains(c)) else { continue };
        let array = letters.get(at..).is_some_and(|letters| letters.starts_with('a'));
        let attached = letters.get(at + 1..).unwrap_or_default();
        let value = if attached.is_empty() {
            let Some((value, after)) = rest.split_first() else { break };
            rest = after;
            value.clone()
        } else {
            attached_value(word, 2 + at)
        };
        if array {
            targets.push(value);
        }
    }
    targets.extend(rest.iter().cloned());
    targets
}

/// Returns the variable that `printf` fills.
pub(super) fn printf_target(args: &[Word]) -> Option<Word> {
    let (first, rest) = args.split_first()?;
    match first.text.strip_prefix("-v")? {
        "" => rest.first().cloned(),
        _ => Some(attached_value(first, 2)),
    }
}

/// Returns the value that is attached to an option, from `skip` on.
pub(super) fn attached_value(word: &Word, skip: usize) -> Word {
    let mut value = word.clone();
    value.text = word.text.get(skip..).unwrap_or_default().to_owned();
    value.spans.retain(|span| span.start >= skip);
    for span in &mut value.spans {
        span.start -= skip;
        span.end -= skip;
    }
    value
}
