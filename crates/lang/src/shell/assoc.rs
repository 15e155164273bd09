//! Arrays that surely have texts for keys, which bash does not evaluate.

use super::compound::is_name;
use super::terms::Term;
use super::{Command, Word};

/// Builtins that may make another variable of an array.
const CHANGING: [&str; 12] = [
    "declare",
    "typeset",
    "local",
    "export",
    "readonly",
    "unset",
    "source",
    ".",
    "enable",
    "read",
    "mapfile",
    "readarray",
];

/// An array declared with `declare -A`, and how many terms stood before it.
#[derive(Clone, Debug)]
pub(super) struct Associative {
    array: String,
    from: usize,
}

/// Returns the arrays that a command declares, where nothing before it could have made something else of them.
pub(super) fn declared(
    command: &Command,
    before: &[&Command],
    functions: &[String],
    terms: &[Term],
) -> Vec<Associative> {
    let declares = matches!(command.name(), Some("declare" | "typeset"));
    let words = command.words.get(1..).unwrap_or_default();
    // Behind the first name `-A` is no option any more.
    let Some((option, names)) = words.split_first() else { return Vec::new() };
    let plain = names
        .iter()
        .all(|word| is_name(declared_name(word)) && (word.literal || word.raw.contains("=(")));
    let shadowed = functions.iter().any(|name| CHANGING.contains(&name.as_str()));
    if !declares || !option.literal || option.text != "-A" || !plain || shadowed {
        return Vec::new();
    }
    let arrays = names.iter().map(stem);
    arrays
        .filter(|array| !before.iter().any(|command| touches(command, array)))
        .filter(|array| !terms.iter().any(|term| evaluates(term, array)))
        .map(|array| Associative { array: array.to_owned(), from: terms.len() })
        .collect()
}

/// Leaves out the keys of such arrays.
pub(super) fn forget_keys(
    terms: &mut Vec<Term>,
    arrays: &[Associative],
    commands: &[Command],
    functions: &[String],
) {
    let changes = |name: &str| {
        let mut declarations = 0;
        let changed = commands.iter().any(|command| {
            let declares = command.words.iter().any(|word| word.text == "-A");
            declarations += u32::from(declares && touches(command, name));
            let changing = command.program().is_some_and(|program| CHANGING.contains(&program));
            changing && !declares && may_touch(command, name)
        });
        changed || declarations != 1
    };
    if functions.iter().any(|name| CHANGING.contains(&name.as_str())) {
        return;
    }
    for array in arrays.iter().filter(|array| !changes(&array.array)) {
        let mut at = 0;
        terms.retain(|term| {
            at += 1;
            !(at > array.from && matches!(term, Term::Key { array: of, .. } if *of == array.array))
        });
    }
}

/// Makes keys of the terms of a script for another shell, which has none of these arrays, plain terms.
pub(super) fn without_keys(terms: Vec<Term>) -> impl Iterator<Item = Term> {
    terms.into_iter().map(|term| match term {
        Term::Key { key, .. } => *key,
        other => other,
    })
}

/// Tells whether a command assigns an array, or names it in a word.
fn touches(command: &Command, array: &str) -> bool {
    command.assignments.iter().any(|assignment| assignment.name == array)
        || command.words.iter().skip(1).any(|word| stem(word) == array)
}

/// Tells whether a builtin may name an array.
fn may_touch(command: &Command, array: &str) -> bool {
    let unknown = |word: &Word| word.spans.iter().any(|span| span.start < stem(word).len());
    command.words.iter().skip(1).any(unknown)
        || matches!(command.program(), Some("source" | "." | "enable"))
        || touches(command, array)
}

/// Tells whether a term may make an array of its own of a name: `((m[1] = 2))`.
fn evaluates(term: &Term, array: &str) -> bool {
    match term {
        Term::Variable(_, name) => name == array,
        Term::Key { array: of, key } => of == array || evaluates(key, array),
        Term::Elements { array: of, .. } => of == array,
        Term::Derived(..) | Term::Output(..) | Term::Other => false,
    }
}

/// Returns the variable of a word such as `NAME=value` or `NAME[key]`.
fn stem(word: &Word) -> &str {
    word.text.split(['=', '+', '[']).next().unwrap_or_default()
}

/// Returns what stands before the value in a declaration.
fn declared_name(word: &Word) -> &str {
    word.text.split('=').next().unwrap_or_default().trim_end_matches('+')
}
