//! What a line evaluates beyond its own text.
//!
//! Bash takes some texts for more than data: an expression names variables whose values are expressions in turn, a
//! variable's name may have a subscript that is an expression, and some words are expanded a second time. In each of
//! them a substitution would run: `x='a[$(rm f)]'; echo $((x))` runs `rm`.

use super::compound::is_name;
use super::{Expands, Span, Word};

/// What a text is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// An arithmetic expression.
    Expression,
    /// A part of an expression that other characters touch: only a number stays what it is.
    Number,
    /// The digits behind the base of a number: `16#$x`, `0x$x`.
    Digits,
    /// The name of a variable, which may have a subscript.
    Name,
    /// A word that is expanded once more, or parted into words that may be options.
    Text,
}

/// What is evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Term {
    /// What a variable or an argument holds.
    Variable(Use, String),
    /// What an expansion such as `${x:-1}` becomes, as it is written.
    Derived(Use, String),
    /// What a script prints.
    Output(Use, String),
    /// A term in the brackets of an array, where it is evaluated unless the array has texts for keys.
    Key { array: String, key: Box<Term> },
    /// A value for a variable, which holds the elements of an array if the variable is one.
    Elements { array: String, value: Box<Term> },
    /// Something else.
    Other,
}

impl Term {
    /// Returns what an expansion brings; nothing where that is a number.
    pub(super) fn of(taken: Use, expands: &Expands, raw: &str) -> Option<Self> {
        match expands {
            Expands::Variable(name) => Some(Self::Variable(taken, name.clone())),
            Expands::Command(script) => Some(Self::Output(taken, script.clone())),
            Expands::Other => Some(Self::Derived(taken, raw.to_owned())),
            Expands::Number => None,
            Expands::Process => Some(Self::Other),
        }
    }

    fn of_span(taken: Use, word: &Word, span: &Span) -> Option<Self> {
        Self::of(taken, &span.expands, word.text.get(span.start..span.end).unwrap_or_default())
    }

    pub(super) fn name(taken: Use, name: &str) -> Self {
        Self::Variable(taken, name.to_owned())
    }
}

/// Tells whether a text is a whole number.
pub(super) fn is_number(text: &str) -> bool {
    let digits = text.trim().trim_start_matches(['-', '+']);
    let hexadecimal = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
    digits.bytes().all(|byte| byte.is_ascii_digit())
        || hexadecimal.is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Tells whether a text ends in the beginning of a number of another base.
pub(super) fn ends_in_base(text: &str) -> bool {
    let end = text.trim_end_matches(is_part);
    let number = text.get(end.len()..).unwrap_or_default();
    matches!(number, "0x" | "0X")
        || number
            .strip_suffix('#')
            .is_some_and(|base| !base.is_empty() && base.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Tells whether a character belongs to a name or a number of an expression.
pub(super) fn is_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_#@".contains(c)
}

/// Returns the names in an expression without expansions, or `None` where it is more than names, numbers and operators.
pub(super) fn names_in(text: &str) -> Option<Vec<&str>> {
    let plain = |c: char| is_part(c) || " \t\n+-*/%^&|!~<>=?:,()[]".contains(c);
    if !text.chars().all(plain) {
        return None;
    }
    let mut names = Vec::new();
    for part in text.split(|c| !is_part(c)).filter(|part| !part.is_empty()) {
        if is_name(part) {
            names.push(part);
        } else if !is_number(part) && !is_based(part) {
            return None;
        }
    }
    Some(names)
}

/// Tells whether a text is a number with its base: `16#ff`.
fn is_based(text: &str) -> bool {
    text.split_once('#').is_some_and(|(base, digits)| {
        !base.is_empty()
            && base.bytes().all(|byte| byte.is_ascii_digit())
            && digits.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '@')
    })
}

/// Returns what an expression in a word evaluates, from `start` to `end` of its text.
pub(super) fn expression(word: &Word, start: usize, end: usize) -> Vec<Term> {
    let mut terms = Vec::new();
    let mut at = start;
    let mut touches = false;
    for span in word.spans.iter().filter(|span| span.start >= start && span.end <= end) {
        let before = word.text.get(at..span.start).unwrap_or("$");
        fixed(before, touches, &mut terms);
        let named = before.split(|c| !is_part(c)).next_back().is_some_and(is_name);
        if named || touches && before.is_empty() {
            terms.push(Term::Other);
        }
        let taken = if ends_in_base(before) { Use::Digits } else { Use::Expression };
        terms.extend(Term::of_span(taken, word, span));
        (at, touches) = (span.end, true);
    }
    fixed(word.text.get(at..end).unwrap_or("$"), touches, &mut terms);
    terms
}

/// A pattern may become the names of files.
pub(super) fn pattern(word: &Word) -> Option<Term> {
    (word.pattern && word.text.contains(['*', '?'])).then_some(Term::Other)
}

/// Takes in the names of a text within an expression; `touches` where an expansion stands right before it.
fn fixed(text: &str, touches: bool, terms: &mut Vec<Term>) {
    if touches && text.starts_with(is_part) {
        terms.push(Term::Other);
    }
    match names_in(text) {
        Some(names) => {
            terms.extend(names.into_iter().map(|name| Term::name(Use::Expression, name)));
        }
        None => terms.push(Term::Other),
    }
}

/// Returns what bash evaluates where a word, up to `end` of its text, is taken for the name of a variable.
pub(super) fn name(word: &Word, end: usize) -> Vec<Term> {
    let text = word.text.get(..end).unwrap_or_default();
    let within = |at: usize| word.spans.iter().any(|span| span.start <= at && at < span.end);
    let open = text.match_indices('[').map(|(at, _)| at).find(|at| !within(*at));
    let mut terms = Vec::new();
    terms.extend(pattern(word));
    let stem = open.unwrap_or(end);
    let named = word.spans.iter().filter(|span| span.start < stem);
    terms.extend(named.filter_map(|span| Term::of_span(Use::Name, word, span)));
    let Some(open) = open else { return terms };
    // `unset m[@]` takes all elements.
    let close = if text.ends_with(']') { end - 1 } else { end };
    if matches!(text.get(open + 1..close), Some("@" | "*")) {
        return terms;
    }
    let keys = expression(word, open + 1, close);
    let array = text.get(..open).unwrap_or_default();
    // Expansions are done before the name is read, so that a key is expanded twice.
    let whole =
        is_name(array) && !word.spans.iter().any(|span| span.end > open && span.start < end);
    terms.extend(keys.into_iter().map(|key| if whole { in_brackets(array, key) } else { key }));
    terms
}

/// Returns a term as the key of an array.
pub(super) fn in_brackets(array: &str, key: Term) -> Term {
    Term::Key { array: array.to_owned(), key: Box::new(key) }
}

/// Returns what bash evaluates where a word is expanded once more.
pub(super) fn text(word: &Word) -> Vec<Term> {
    let mut terms: Vec<Term> =
        word.spans.iter().filter_map(|span| Term::of_span(Use::Text, word, span)).collect();
    let mut at = 0;
    let ends = word.spans.iter().map(|span| (span.start, span.end));
    for (start, end) in ends.chain([(word.text.len(), word.text.len())]) {
        if !word.text.get(at..start).unwrap_or("$").chars().all(is_plain) {
            terms.push(Term::Other);
        }
        at = end;
    }
    terms
}

/// Tells whether a character stays as it is in whatever a word is expanded to, and begins no subscript.
pub(super) fn is_plain(c: char) -> bool {
    c.is_alphanumeric() || " \t\n_./,:;+@%^=-".contains(c)
}

/// Returns what is evaluated where the expansions that are split in these words might bring options.
pub(super) fn options<'w>(words: impl Iterator<Item = &'w Word>) -> Vec<Term> {
    let split = words.flat_map(|word| {
        word.spans
            .iter()
            // `"$@"` becomes several words, too.
            .filter(|span| !span.quoted || word.splits)
            .filter_map(|span| Term::of_span(Use::Text, word, span))
    });
    split.collect()
}
