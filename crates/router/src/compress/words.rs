//! Words: which say nothing, which must stay, and how much the others tell.

use std::borrow::Cow;
use std::collections::HashSet;

use super::lexicon::{Kinds, Phrase, kinds, phrases};

/// What a sentence's words tell.
#[derive(Debug, Default)]
pub(super) struct Read {
    /// Hashes of the plain forms of the words that say something.
    pub stems: Vec<u64>,
    /// How much those words tell by themselves, together.
    pub told: f32,
    /// Whether a word is a number, a name of code, a path or a denial.
    pub is_held: bool,
    /// Whether a word binds: must, only, always.
    pub binds: bool,
}

/// Tells whether a text is a natural language's.
pub(super) fn is_language(text: &str, fewest: usize) -> bool {
    let (mut all, mut plain, mut function) = (0_usize, 0_usize, 0_usize);
    for word in text.split_whitespace() {
        all += 1;
        let core = core(word);
        if !core.is_empty() && core.chars().all(|c| is_letter(c) || matches!(c, '-' | '\'' | '’'))
        {
            plain += 1;
            function += usize::from(kinds(&lower(core)).has(Kinds::FUNCTION));
        }
    }
    all >= fewest && plain * 10 >= all * 6 && function * 14 >= all
}

/// Returns what is protected and has blanks in it: quotations and inline code, in order.
pub(super) fn protected(text: &str) -> Vec<(usize, usize)> {
    const LONGEST: usize = 4_000;
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(offset) =
        text.get(at..).and_then(|rest| rest.find(['`', '"', '«', '“', '„', '‘', '\'']))
    {
        let start = at + offset;
        let rest = text.get(start..).unwrap_or_default();
        let mark = rest.chars().next().unwrap_or('"');
        at = start + mark.len_utf8();
        let before = text.get(..start).and_then(|before| before.chars().next_back());
        let opens_word = before.is_none_or(|c| !c.is_alphanumeric());
        let close: &[char] = match mark {
            '`' => &['`'],
            '"' => &['"'],
            '«' => &['»'],
            '“' | '„' => &['”', '“'],
            '\'' | '‘' if opens_word => &['\'', '’'],
            _ => continue,
        };
        let inside = text.get(at..).unwrap_or_default();
        let end = inside.char_indices().take_while(|(at, _)| *at < LONGEST).find(|(place, c)| {
            let ends_word = || {
                let after = inside.get(place + c.len_utf8()..).and_then(|rest| rest.chars().next());
                after.is_none_or(|c| !c.is_alphanumeric())
            };
            close.contains(c) && (!matches!(mark, '\'' | '‘') || ends_word())
        });
        if let Some((place, c)) = end {
            at += place + c.len_utf8();
            found.push((start, at));
        }
    }
    found
}

/// Cuts a text at blanks that stand in nothing protected.
fn tokens<'t>(text: &'t str, protected: &[(usize, usize)]) -> Vec<(usize, &'t str)> {
    let mut out = Vec::new();
    let mut start: Option<usize> = None;
    let mut guard = protected.iter().peekable();
    for (at, c) in text.char_indices() {
        while guard.peek().is_some_and(|(_, to)| *to <= at) {
            guard.next();
        }
        let inside = guard.peek().is_some_and(|(from, _)| *from <= at);
        if c.is_whitespace() && !inside {
            if let Some(start) = start.take() {
                out.push((start, text.get(start..at).unwrap_or_default()));
            }
        } else if start.is_none() {
            start = Some(at);
        }
    }
    if let Some(start) = start {
        out.push((start, text.get(start..).unwrap_or_default()));
    }
    out
}

/// Leaves out the words of a sentence that say nothing.
pub(super) fn shorten(text: &str, protected: &[(usize, usize)]) -> String {
    let tokens = tokens(text, protected);
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    // Where the last blanks begin.
    let mut end = 0;
    while let Some((start, token)) = tokens.get(at).copied() {
        let blanks = text.get(end..start).unwrap_or_default();
        let is_last = at + 1 >= tokens.len();
        end = start + token.len();
        let mut put = |word: &str| {
            if !out.is_empty() {
                out.push_str(if blanks.is_empty() { " " } else { blanks });
            }
            out.push_str(word);
        };
        if let Some((count, instead)) =
            phrase(&tokens, at).filter(|(count, _)| at + count < tokens.len())
        {
            if let Some((start, token)) = tokens.get(at + count - 1) {
                end = start + token.len();
            }
            if !instead.is_empty() {
                put(instead);
            }
            at += count;
            continue;
        }
        if is_last || !says_nothing(token, at == 0) {
            put(token);
        }
        at += 1;
    }
    out
}

fn says_nothing(token: &str, is_first: bool) -> bool {
    match token {
        "a" | "an" | "the" => return true,
        "A" | "An" | "The" => return is_first,
        _ => {}
    }
    let core = token.strip_suffix(',').unwrap_or(token);
    if core.len() < 4 || !core.chars().all(is_letter) {
        return false;
    }
    // A name in the middle of a sentence is none.
    let is_big = core.chars().next().is_some_and(char::is_uppercase);
    (!is_big || is_first) && kinds(&lower(core)).has(Kinds::FILLER)
}

/// Finds a phrase at a place: how many words it takes, and what it comes to.
fn phrase(tokens: &[(usize, &str)], at: usize) -> Option<(usize, &'static str)> {
    let first = lower(core_comma(tokens.get(at)?.1));
    phrases(&first).iter().find_map(|phrase| {
        let Phrase { words, instead } = phrase;
        let fits = words.iter().enumerate().all(|(more, word)| {
            let Some((_, token)) = tokens.get(at + more) else { return false };
            let is_last = more + 1 == words.len();
            // A comma may stand behind the phrase, and before Russian `что` and `чтобы`.
            let has_comma = token.ends_with(',');
            let next_is_that =
                words.get(more + 1).is_some_and(|next| matches!(*next, "что" | "чтобы" | "если"));
            let comma_fits = !has_comma || next_is_that || (is_last && instead.is_empty());
            comma_fits && *lower(core_comma(token)) == **word
        });
        fits.then_some((words.len(), *instead))
    })
}

/// Reads a sentence's words.
pub(super) fn read(text: &str) -> Read {
    let mut read = Read::default();
    for token in text.split_whitespace() {
        let core = core(token);
        if core.is_empty() {
            read.is_held |= token
                .chars()
                .any(|c| !matches!(c, '-' | '–' | '—' | '.' | ',' | '…' | '*' | ':' | ';'));
            continue;
        }
        if holds(token, core) {
            read.is_held = true;
        }
        let low = lower(core);
        let kinds = kinds(&low);
        if kinds.has(Kinds::DENIAL) || low.ends_with("n't") || low.ends_with("n’t") {
            read.is_held = true;
            continue;
        }
        read.is_held |= kinds.has(Kinds::NUMBER);
        read.binds |= kinds.has(Kinds::BINDING);
        if kinds.has(Kinds::FUNCTION) {
            continue;
        }
        let is_common = kinds.has(Kinds::COMMON);
        let letters = low.chars().count();
        read.told += if is_common { 0.2 } else { (1.0 + letters as f32 / 4.0).min(3.0) };
        if !is_common {
            read.stems.push(stem(&low));
        }
    }
    read
}

/// Returns the words of a sentence, what is protected as one, each with whether it must stay: what is protected, a number, a name
/// of code, a path, a word that binds, the word behind a number and the two behind a denial.
pub(super) fn held(text: &str) -> Vec<(&str, bool)> {
    const DENIED: usize = 2;
    let protected = protected(text);
    let mut guard = protected.iter().peekable();
    // How many words still belong to what stands before them.
    let mut bound = 0_usize;
    let read = |(start, token): (usize, &'_ str)| {
        let end = start + token.len();
        while guard.peek().is_some_and(|(_, to)| *to <= start) {
            guard.next();
        }
        let core = core(token);
        let low = lower(core);
        let kinds = kinds(&low);
        let is_denial = kinds.has(Kinds::DENIAL) || low.ends_with("n't") || low.ends_with("n’t");
        let is_held = guard.peek().is_some_and(|(from, _)| *from < end)
            || core.is_empty()
            || holds(token, core)
            || kinds.has(Kinds::NUMBER)
            || kinds.has(Kinds::BINDING)
            || is_denial
            || bound > 0;
        // A number's unit stands behind it.
        let is_number = kinds.has(Kinds::NUMBER) || core.chars().any(is_numeric);
        bound = match is_denial {
            true => DENIED,
            false if is_number => bound.max(1),
            false if says_nothing(token, false) => bound,
            false => bound.saturating_sub(1),
        };
        is_held
    };
    let tokens = tokens(text, &protected);
    let held: Vec<bool> = tokens.iter().copied().map(read).collect();
    tokens.into_iter().map(|(_, token)| token).zip(held).collect()
}

/// Tells whether a word must not be lost: a number, a path, an address, a name of code.
fn holds(token: &str, core: &str) -> bool {
    let bare = token.trim_matches('*');
    let signs = |c: char| {
        is_numeric(c)
            || matches!(
                c,
                '_' | '/'
                    | '\\'
                    | '@'
                    | '#'
                    | '$'
                    | '%'
                    | '&'
                    | '*'
                    | '+'
                    | '='
                    | '<'
                    | '>'
                    | '|'
                    | '~'
                    | '^'
                    | '{'
                    | '}'
                    | '['
                    | ']'
                    | '`'
            )
    };
    if bare.chars().any(signs) || core.contains("::") || core.contains('(') {
        return true;
    }
    if token.starts_with('-') && token.len() > 1 {
        return true;
    }
    if core.contains(['.', ':']) && !kinds(&lower(core)).has(Kinds::SHORT) {
        return true;
    }
    let mut before_small = false;
    let mut big = 0;
    for c in core.chars() {
        if is_big(c) {
            big += 1;
            if before_small {
                return true;
            }
        }
        before_small = matches!(c, 'а'..='я' | 'ё') || c.is_lowercase();
    }
    big > 1
}

/// Returns the words that a request is about.
pub(super) fn terms(request: &str) -> HashSet<u64> {
    let mut terms = HashSet::new();
    for sentence in request.lines() {
        terms.extend(read(sentence).stems);
    }
    terms
}

/// Returns the plain forms of all words of a text.
pub(super) fn stems(text: &str) -> HashSet<u64> {
    text.split_whitespace().map(|token| stem(&lower(core(token)))).collect()
}

/// Tells whether a sentence begins by going on about the one before.
pub(super) fn goes_on(text: &str) -> bool {
    let first = text.split_whitespace().next().unwrap_or_default();
    kinds(&lower(core(first))).has(Kinds::GOING_ON)
}

/// Tells whether what stands before a full stop is a short form.
pub(super) fn is_short(before: &str) -> bool {
    let last =
        before.split(|c: char| c.is_whitespace() || c == '(').next_back().unwrap_or_default();
    last.chars().count() == 1 && last.chars().all(is_letter)
        || kinds(&lower(last)).has(Kinds::SHORT)
}

/// Returns a hash of a word's plain form: its beginning, without endings.
fn stem(low: &str) -> u64 {
    const ENGLISH: usize = 6;
    const RUSSIAN: usize = 5;
    // What names one thing of many that begin alike has no endings.
    let low = low.trim_matches('`');
    if low.contains(|c: char| c == '_' || c.is_ascii_digit()) {
        return crate::cache::vector::hash(low);
    }
    let is_ascii = low.is_ascii();
    let base = match is_ascii {
        true if low.len() >= 4 && !low.ends_with("ss") => low.strip_suffix('s').unwrap_or(low),
        true => low,
        false => low.trim_end_matches([
            'а', 'е', 'и', 'о', 'у', 'ы', 'ь', 'э', 'ю', 'я', 'й', 'м', 'х', 'в',
        ]),
    };
    let base = if base.is_empty() { low } else { base };
    let most = if is_ascii { ENGLISH } else { RUSSIAN };
    let end = base.char_indices().nth(most).map_or(base.len(), |(at, _)| at);
    crate::cache::vector::hash(base.get(..end).unwrap_or(base))
}

/// Returns a word without the marks around it.
fn core(token: &str) -> &str {
    token.trim_matches(|c: char| {
        matches!(
            c,
            '.' | ','
                | ';'
                | ':'
                | '!'
                | '?'
                | '('
                | ')'
                | '"'
                | '\''
                | '«'
                | '»'
                | '“'
                | '”'
                | '„'
                | '…'
                | '*'
                | '–'
                | '—'
                | '-'
        )
    })
}

fn core_comma(token: &str) -> &str {
    token.strip_suffix(',').unwrap_or(token)
}

fn lower(word: &str) -> Cow<'_, str> {
    let has_big = match word.is_ascii() {
        true => word.bytes().any(|byte| byte.is_ascii_uppercase()),
        false => word.chars().any(is_big),
    };
    if has_big { Cow::Owned(word.to_lowercase()) } else { Cow::Borrowed(word) }
}

/// Tells whether a character is a letter; those of English and Russian without a look into Unicode's tables.
fn is_letter(c: char) -> bool {
    c.is_ascii_alphabetic() || is_russian(c) || (!c.is_ascii() && c.is_alphabetic())
}

fn is_big(c: char) -> bool {
    match c {
        'А'..='Я' | 'Ё' => true,
        'а'..='я' | 'ё' => false,
        _ => c.is_uppercase(),
    }
}

fn is_numeric(c: char) -> bool {
    c.is_ascii_digit() || (!c.is_ascii() && !is_russian(c) && c.is_numeric())
}

const fn is_russian(c: char) -> bool {
    matches!(c, 'А'..='я' | 'ё' | 'Ё')
}
