//! Builtins whose arguments are expressions or names of variables.

use super::Word;
use super::setters::{assigns, attached_value, is_option, printf_target, read_targets};
use super::terms::{self, Term, Use};

/// Returns what a builtin evaluates of its arguments.
pub(super) fn terms(program: &str, args: &[Word]) -> Vec<Term> {
    let whole = |word: &Word| terms::name(word, word.text.len());
    match program {
        "let" => {
            let expression = |word: &Word| terms::expression(word, 0, word.text.len());
            let patterns = args.iter().filter_map(terms::pattern);
            args.iter().flat_map(expression).chain(patterns).collect()
        }
        "read" => read_targets(args).iter().flat_map(whole).collect(),
        "printf" => printf(args),
        "unset" => args.iter().filter(|word| !is_option(word)).flat_map(whole).collect(),
        "test" | "[" => test(args),
        "wait" => wait(args),
        "declare" | "typeset" | "local" => declare(args),
        "export" | "readonly" => {
            let lists = args.iter().any(|word| is_option(word) && word.text.contains(['a', 'A']));
            if lists { declare(args) } else { Vec::new() }
        }
        "compgen" => word_list(args),
        _ => Vec::new(),
    }
}

fn printf(args: &[Word]) -> Vec<Term> {
    let mut evaluated = terms::options(args.iter().take(1));
    if let Some(target) = printf_target(args) {
        evaluated.extend(terms::name(&target, target.text.len()));
    } else if let Some(format) = args.first()
        && matches!(format.spans.as_slice(), [span] if span.start == 0 && span.end == format.text.len())
    {
        // It may be `-va[…]`.
        evaluated.extend(terms::text(format));
    }
    evaluated
}

fn test(args: &[Word]) -> Vec<Term> {
    let mut evaluated = terms::options(args.iter());
    for (operator, operand) in args.iter().zip(args.iter().skip(1)) {
        if operator.text == "-v" {
            evaluated.extend(terms::name(operand, operand.text.len()));
        }
    }
    evaluated
}

fn wait(args: &[Word]) -> Vec<Term> {
    let mut evaluated = terms::options(args.iter());
    for (at, word) in args.iter().enumerate() {
        let Some(option) = word.text.starts_with('-').then(|| word.text.find('p')).flatten() else {
            continue;
        };
        let target = match args.get(at + 1) {
            Some(next) if word.text.len() == option + 1 => next.clone(),
            _ => attached_value(word, option + 1),
        };
        evaluated.extend(terms::name(&target, target.text.len()));
    }
    evaluated
}

/// The list of `compgen -W` is expanded.
fn word_list(args: &[Word]) -> Vec<Term> {
    let mut evaluated = terms::options(args.iter());
    for (at, word) in args.iter().enumerate() {
        match word.text.strip_prefix("-W") {
            Some("") => evaluated.extend(args.get(at + 1).into_iter().flat_map(terms::text)),
            Some(_) => evaluated.extend(terms::text(&attached_value(word, 2))),
            None => {}
        }
    }
    evaluated
}

fn declare(args: &[Word]) -> Vec<Term> {
    let options = || args.iter().filter(|word| is_option(word));
    let has = |letter: char| options().any(|word| word.text.contains(letter));
    let (refers, integer, lists) = (has('n'), has('i'), has('a') || has('A'));
    let mut evaluated = terms::options(args.iter().filter(|word| !assigns(word)));
    for word in args.iter().filter(|word| !is_option(word)) {
        let within = |at: usize| word.spans.iter().any(|span| span.start <= at && at < span.end);
        let mut signs = word.text.match_indices('=').map(|(at, _)| at);
        let sign = signs.find(|at| !within(*at)).unwrap_or(word.text.len());
        let left = word.text.get(..sign).unwrap_or_default();
        let name = left.trim_end_matches('+');
        evaluated.extend(terms::name(word, name.len()));
        // `declare -i a[1]=2` makes all of `a` numbers.
        let name = name.split('[').next().unwrap_or_default();
        if refers {
            evaluated.push(Term::name(Use::Name, name));
        }
        if integer {
            evaluated.push(Term::name(Use::Expression, name));
        }
        // Its elements were read where they stand.
        let listed = word.raw.get(left.len()..).is_some_and(|raw| raw.starts_with("=("));
        if sign < word.text.len() && !listed {
            let value = attached_value(word, sign + 1);
            evaluated.extend(elements(name, &value, lists));
        }
    }
    evaluated
}

/// Returns what is evaluated in a value that bash takes for a list in parentheses if the variable is an array.
fn elements(name: &str, value: &Word, lists: bool) -> Vec<Term> {
    let begins = value.text.starts_with('(') || value.spans.first().is_some_and(|s| s.start == 0);
    if !begins {
        return Vec::new();
    }
    let listed = value.text.strip_prefix('(').unwrap_or(&value.text);
    let mut inner = attached_value(value, value.text.len() - listed.len());
    inner.text = inner.text.trim_end_matches(')').to_owned();
    let inner = terms::text(&inner);
    if lists {
        return inner;
    }
    let within = |value| Term::Elements { array: name.to_owned(), value: Box::new(value) };
    inner.into_iter().map(within).collect()
}
