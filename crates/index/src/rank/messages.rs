//! Messages as they are pasted, without quotes: `File not open for reading`, whole lines of logs too. What holds such a text in a
//! string, with values of its own where the message has others, comes first.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use distiq_ml::words::is_stop;

use super::query;
use super::recall::Recall;
use crate::chunk::Field;
use crate::error::IndexError;
use crate::search::{Hit, Query, Wanted, is_test};
use crate::snapshot::Snapshot;
use crate::words::{Analyzer, tokens};

/// Most chunks that are read.
const MAX_READ: usize = 24;
/// Longest message, in words.
const MAX_WORDS: usize = 64;
/// Most words of a chunk at which a message may begin.
const MAX_STARTS: usize = 8_000;
/// So many places come first.
const BEST: usize = 5;
/// Fewest words that stand in a string as they stand in the message.
const LEAST: usize = 3;
/// So many are no chance, even where the string goes on.
const SURE: usize = 5;
/// Most words of a message, and of a string, that stand in the place of a value.
const MAX_VALUE: usize = 4;
/// So many words beside the message only ask for it.
const BESIDE: usize = 2;
/// What places of values begin with, and the ends of strings.
const VALUES: [char; 7] = ['%', '{', '$', '<', '"', '\'', '`'];
/// Longest head of a line of a log, in words.
const MAX_HEAD: usize = 24;
/// What the head of such a line ends with.
const LEVELS: [&str; 11] = [
    "CRITICAL", "DEBUG", "ERR", "ERROR", "FATAL", "INFO", "NOTICE", "SEVERE", "TRACE", "WARN",
    "WARNING",
];
/// How names of errors end, in lower case.
const ERRORS: [&str; 9] =
    ["error", "exception", "failure", "fault", "fatal", "panic", "warning", "interrupt", "abort"];
/// What questions open with: their small words do not count.
const ASKING: [&str; 13] = [
    "how",
    "what",
    "when",
    "where",
    "which",
    "who",
    "why",
    "где",
    "как",
    "когда",
    "кто",
    "откуда",
    "почему",
];
/// Most messages of a request that are looked for.
const MAX_MESSAGES: usize = 4;
/// Why a place comes first.
pub(super) const REASON: &str = "holds the message";

/// Returns the chunks with a string that says what a request says, or what its lines say that tell of errors: of each those that say
/// most of it first, then what is no test, then in the order of the hits; the best few.
pub(super) fn holders(
    snapshot: &Snapshot,
    asked: &Query<'_>,
    wanted: &Wanted,
    (query, recall): (&query::Query, &Recall),
    hits: &[Hit],
) -> Result<Vec<u32>, IndexError> {
    let mut all: Vec<u32> = Vec::new();
    let ranks: HashMap<u32, usize> =
        hits.iter().enumerate().map(|(rank, hit)| (hit.number, rank)).collect();
    let rank = |number: u32| ranks.get(&number).copied().unwrap_or(usize::MAX);
    let mut texts: HashMap<&str, String> = HashMap::new();
    for message in messages(asked.text()) {
        let words: Vec<String> = tokens(&message).map(str::to_lowercase).collect();
        if !(LEAST..=MAX_WORDS).contains(&words.len()) {
            continue;
        }
        let mut found = Vec::new();
        for number in with_strings(snapshot, query, recall, &message, rank) {
            let path = snapshot.file_of(number)?.path;
            if !wanted.shows_file(path) {
                continue;
            }
            let text = texts.entry(path).or_insert_with(|| snapshot.text(path).unwrap_or_default());
            let chunk = snapshot.chunk(number)?;
            let lines = chunk.start_line.max(1) - 1..chunk.end_line;
            let lines = text.lines().skip(index(lines.start)).take(lines.len());
            let code = lines.collect::<Vec<_>>().join("\n");
            let is_test = is_test(path);
            let count = said(&code, &words).filter(|count| !is_test || *count == words.len());
            found.extend(count.map(|count| (Reverse(count), is_test, rank(number), number)));
        }
        found.sort_unstable();
        all.extend(found.into_iter().take(BEST).map(|(.., number)| number));
    }
    let mut seen = HashSet::new();
    all.retain(|number| seen.insert(*number));
    Ok(all)
}

fn index(line: u32) -> usize {
    usize::try_from(line).unwrap_or(usize::MAX)
}

/// Returns what a request of one line says, or the messages of the lines that tell of errors.
fn messages(request: &str) -> Vec<String> {
    let mut lines = request.lines().filter(|line| !line.trim().is_empty());
    let (Some(line), more) = (lines.next(), lines.next()) else { return Vec::new() };
    if more.is_none() {
        let line = without_error(line).unwrap_or(line);
        return vec![of_log(line).unwrap_or_else(|| line.to_owned())];
    }
    let told = request
        .lines()
        .filter_map(|line| of_log(line).or_else(|| without_error(line).map(str::to_owned)));
    told.take(MAX_MESSAGES).collect()
}

/// Returns what stands behind the name of an error: `ValueError: no such key`, `error[E0308]: mismatched types`.
fn without_error(line: &str) -> Option<&str> {
    let (head, message) = line.trim_start().split_once(": ")?;
    let head = head.trim_end_matches(|c: char| !c.is_alphabetic());
    let head = head.split('[').next().unwrap_or_default().to_lowercase();
    let is_name = !head.contains(char::is_whitespace);
    (is_name && ERRORS.iter().any(|end| head.ends_with(end))).then_some(message)
}

/// Returns the message of a line of a log: what it has without the time, the level and the thread that stand beside it.
fn of_log(line: &str) -> Option<String> {
    let level = tokens(line).take(MAX_HEAD).find(|token| LEVELS.contains(token))?;
    let end = offset(line, level) + level.len();
    let mut rest = line.get(end..).filter(|_| line.contains(|c: char| c.is_ascii_digit()))?;
    let mut message = String::new();
    // `[main-3]` and `(pid 12)` are of the log, too.
    while let Some(open) = rest.find(['[', '(']) {
        let (before, inside) = rest.split_at(open);
        let close = inside.find([']', ')']).map_or(inside.len(), |close| close + 1);
        let (inside, behind) = inside.split_at(close);
        message.push_str(before);
        if !inside.contains(|c: char| c.is_ascii_digit()) {
            message.push_str(inside);
        }
        rest = behind;
    }
    Some(message + rest)
}

/// Returns the chunks whose strings hold most of the terms of a message that the project knows, at least half of them; values that
/// a message has are seldom known.
fn with_strings(
    snapshot: &Snapshot,
    query: &query::Query,
    recall: &Recall,
    message: &str,
    rank: impl Fn(u32) -> usize,
) -> Vec<u32> {
    let told: HashSet<String> = Analyzer::default().analyze(message).into_iter().collect();
    let terms: Vec<_> = query.terms.iter().zip(&recall.held).collect();
    let terms: Vec<_> = terms.into_iter().filter(|(term, _)| told.contains(&term.text)).collect();
    let least = terms.len().div_ceil(2).min(terms.len().saturating_sub(BESIDE)).max(1);
    let mut best: Vec<(usize, usize, u32)> = Vec::new();
    for (shard, part) in snapshot.parts().iter().enumerate() {
        let chunks = usize::try_from(part.segment.chunks()).unwrap_or(0);
        let mut counts = vec![0_u8; chunks];
        for found in terms.iter().filter_map(|(_, shards)| shards.get(shard)).flatten() {
            let count = usize::try_from(found.document).ok().and_then(|at| counts.get_mut(at));
            if let Some(count) = count.filter(|_| found.mask & (1 << Field::Strings as u8) != 0) {
                *count += 1;
            }
        }
        for (chunk, count) in (0..).zip(counts) {
            let count = usize::from(count);
            if count >= least && part.holds(chunk) {
                let number = snapshot.number(shard, chunk);
                best.push((terms.len() - count, rank(number), number));
            }
        }
    }
    best.sort_unstable();
    best.truncate(MAX_READ);
    best.into_iter().map(|(.., number)| number).collect()
}

/// Returns how many words of a message code says in the same order, with values of its own in between; `None` where they are too
/// few of them, or only part of what the code says.
fn said(code: &str, message: &[String]) -> Option<usize> {
    let asks = message.first().is_some_and(|word| ASKING.contains(&word.as_str()));
    let counts: Vec<bool> = message.iter().map(|word| !asks || !is_stop(word)).collect();
    // Words of the message by number, other words of the code without one.
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    let message: Vec<usize> = message
        .iter()
        .enumerate()
        .map(|(place, word)| *numbers.entry(word).or_insert(place))
        .collect();
    let places: Vec<&str> = tokens(code).collect();
    let words: Vec<Option<usize>> =
        places.iter().map(|token| numbers.get(token.to_lowercase().as_str()).copied()).collect();
    let is_same = |at: usize, place: usize| {
        let word = words.get(at).copied().flatten();
        word.is_some() && word == message.get(place).copied()
    };
    let mut best = None;
    let of_message = (0..words.len()).filter(|at| words.get(*at).is_some_and(Option::is_some));
    for at in of_message.take(MAX_STARTS) {
        for place in 0..message.len() {
            if !is_same(at, place) || at > 0 && place > 0 && is_same(at - 1, place - 1) {
                continue;
            }
            let (mut end, mut next, mut values) = (at, place, 0);
            loop {
                while is_same(end, next) {
                    (end, next) = (end + 1, next + 1);
                }
                let (Some(last), rest) = (places.get(end - 1), places.get(end..)) else { break };
                let Some((over, left)) = behind_value(&is_same, end, next, message.len()) else {
                    break;
                };
                let until = rest.and_then(|rest| rest.get(over));
                if !until.is_some_and(|until| is_value(between(code, last, until))) {
                    break;
                }
                (end, next, values) = (end + over, next + left, values + left);
            }
            let (Some(first), Some(last)) = (places.get(at), places.get(end - 1)) else { continue };
            let count = next - place - values;
            // The string leaves values their place.
            let left = |from: usize, to: usize, takes: bool| {
                let left = counts.get(from..to).into_iter().flatten().filter(|counts| **counts);
                left.count().saturating_sub(if takes { MAX_VALUE } else { 0 })
            };
            let beside = left(0, place, follows_value(code, first))
                + left(next, message.len(), takes_value(code, last));
            let is_all = count == message.len() && count >= SURE;
            let is_whole = is_all || starts(code, first) && ends(code, last);
            if count >= LEAST && count >= 2 * beside && is_whole {
                best = best.max(Some(count));
            }
        }
    }
    best
}

/// Returns how many words of the code and of the message a value takes there, where both go on alike behind it.
fn behind_value(
    is_same: &impl Fn(usize, usize) -> bool,
    at: usize,
    place: usize,
    end: usize,
) -> Option<(usize, usize)> {
    // The shortest values first.
    let mut sizes = (0..=2 * MAX_VALUE).flat_map(|both| {
        (both.saturating_sub(MAX_VALUE)..=both.min(MAX_VALUE)).map(move |over| (over, both - over))
    });
    sizes.find(|(over, left)| {
        let (at, place) = (at + over, place + left);
        is_same(at, place) && (place + 1 == end || is_same(at + 1, place + 1))
    })
}

/// Returns the code between two of its tokens.
fn between<'a>(code: &'a str, token: &str, next: &str) -> &'a str {
    code.get(offset(code, token) + token.len()..offset(code, next)).unwrap_or_default()
}

/// Tells whether code in the middle of a string stands for a value, `%s`, `{name}`, `" + name + "`, or goes on with the string.
fn is_value(code: &str) -> bool {
    let is_sign = |c: char| !c.is_alphanumeric() && !VALUES.contains(&c);
    code.trim_start_matches(is_sign).starts_with(VALUES)
}

/// Tells whether a value stands in a string behind a token, or behind the string.
fn takes_value(code: &str, token: &str) -> bool {
    let behind = code.get(offset(code, token) + token.len()..).unwrap_or_default();
    let behind = behind.trim_start_matches([' ', ':', '=', '(', '[', '\'', '"', '`']);
    behind.starts_with(['%', '{', '$', '+', ',', '<', '.'])
}

fn offset(code: &str, token: &str) -> usize {
    token.as_ptr() as usize - code.as_ptr() as usize
}

/// Tells whether a value stands in a string before a token: `%s`, `{}`.
fn follows_value(code: &str, token: &str) -> bool {
    let before = code.get(..offset(code, token)).unwrap_or_default();
    let before = before.trim_end_matches([' ', ':', ')', ']', '\'', '"', '`']);
    before.ends_with('}') || before.trim_end_matches(char::is_alphanumeric).ends_with('%')
}

/// Tells whether a text begins with a token of code: no word of it stands before, but for the place of a value, `%s`.
fn starts(code: &str, token: &str) -> bool {
    let before = code.get(..offset(code, token)).unwrap_or_default().trim_end_matches(' ');
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let bare = before.trim_end_matches(is_word);
    bare.len() == before.len() || bare.ends_with(['%', '\\'])
}

/// Tells whether a text ends with a token of code.
fn ends(code: &str, token: &str) -> bool {
    let behind = code.get(offset(code, token) + token.len()..).unwrap_or_default();
    !behind.trim_start_matches(' ').starts_with(|c: char| c.is_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        tokens(text).map(str::to_lowercase).collect()
    }

    #[test]
    fn messages_stand_without_what_logs_and_errors_write_before_them() {
        for (request, expected) in [
            ("File not open for reading\n", &["File not open for reading"][..]),
            ("2026-11-02T10:04:31Z ERROR [main-3] File not open (pid 41)", &["  File not open "]),
            ("10:04 WARN a.b.Pool - too many (open) files", &[" a.b.Pool - too many (open) files"]),
            ("ERROR when a file is read", &["ERROR when a file is read"]),
            ("a.b.KeyError: no such key", &["no such key"]),
            ("error[E0308]: mismatched types", &["mismatched types"]),
            ("parser: takes empty lines", &["parser: takes empty lines"]),
            (
                "It fails:\n  File \"a.py\"\nValueError: bad: key\npanic: no rows\nwhy?",
                &["bad: key", "no rows"],
            ),
            ("two\nlines", &[]),
            (" \n", &[]),
        ] {
            assert_eq!(messages(request), expected, "{request}");
        }
    }

    #[test]
    fn code_says_a_message_with_places_for_its_values() {
        for (code, asked, expected) in [
            ("raise IOError(\"File not open for reading\")", "File not open for reading", Some(5)),
            ("f(\"cannot open {} of the user\")", "cannot open a.txt of the user", Some(5)),
            ("f(\"%s is no file: %d\", a)", "a.txt is no file: 7", Some(3)),
            ("f(\"the name \"\n  \"is not known\")", "the name is not known", Some(5)),
            ("f(\"Unsupported key length: {}\")", "Unsupported key length: 12", Some(3)),
            // Part of something longer.
            ("f(\"cannot parse the header line\")", "parse the header line", None),
            ("f(\"the header line is too long\")", "the header line", None),
            // Too little of it.
            ("f(\"not open\")", "not open", None),
            ("open = not file", "file not open", None),
        ] {
            assert_eq!(said(code, &words(asked)), expected, "{code}");
        }
    }
}
