//! Which lines of answers and results are worth keeping word for word when the rest goes.
//!
//! A line is worth what it holds that no summary may blur: a rule ("never …"), a decision, a code, a
//! path, an address, a number with a name. Lines of one pattern, such as a log's, are soon worth little.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

/// The longest note in bytes; longer lines are kept around what counts in them.
pub const MAX_NOTE_BYTES: usize = 320;
/// Notes worth this much are kept as far as the window allows, others for little room.
pub const STRONG: u32 = 4;
/// Lines of one pattern in one text that count in full; a log has thousands.
const MOST_OF_A_PATTERN: u32 = 12;
/// How a line begins that tells what was left out.
pub const LEFT_OUT: &str = "[… ";
/// Most text of one result that is looked through; its beginning and its end.
const MOST_LOOKED_AT: usize = 4 << 20;

/// A line and what it is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The line, trimmed, or its part that counts.
    pub text: String,
    /// From 1; [`STRONG`] and more should not be lost.
    pub worth: u32,
}

/// What a rule makes of a line.
const RULE: u32 = 5;

const RULES: &[&str] = &[
    "never",
    "must not",
    "mustn't",
    "do not",
    "don't",
    "cannot",
    "can't",
    "forbidden",
    "not allowed",
    "prohibited",
    "under no circumstances",
    "no one may",
    "is not to",
    "only ever",
    "without exception",
    "никогда",
    "нельзя",
    "запрещ",
    "не надо",
    "не трог",
    "ни в коем случае",
    "не меня",
    "не удал",
];
const WEIGHTY: &[&str] = &[
    "always",
    "must",
    "only",
    "important",
    "warning",
    "caution",
    "remember",
    "required",
    "note:",
    "beware",
    "secret",
    "всегда",
    "обязательн",
    "важно",
    "только",
    "должн",
    "помни",
    "внимание",
];
const DECISIONS: &[&str] = &[
    "decided",
    "decision",
    "we chose",
    "i chose",
    "chosen",
    "agreed",
    "conclusion",
    "root cause",
    "turns out",
    "the cause",
    "the fix is",
    "instead of",
    "решил",
    "решен",
    "выбра",
    "причин",
    "договор",
    "вместо",
];

/// Finds the notes of texts, in the order in which they stand; each line once.
#[derive(Debug, Default)]
pub struct Finder {
    patterns: HashMap<u64, u32>,
    seen: HashSet<u64>,
    notes: Vec<Note>,
}

impl Finder {
    /// Leaves out lines that are kept already.
    pub fn knows(&mut self, text: &str) {
        for line in text.lines() {
            self.seen.insert(hash(line.trim()));
        }
    }

    /// Looks through a text.
    pub fn look(&mut self, text: &str) {
        self.patterns.clear();
        let (head, tail) = ends(text, MOST_LOOKED_AT);
        for line in head.lines().chain(tail.lines()) {
            for sentence in sentences(line) {
                self.take(sentence.trim());
            }
        }
    }

    /// Returns what was found since it was last taken.
    pub fn take_notes(&mut self) -> std::vec::Drain<'_, Note> {
        self.notes.drain(..)
    }

    fn take(&mut self, line: &str) {
        if line.len() < 4 || line.starts_with(LEFT_OUT) || !self.seen.insert(hash(line)) {
            return;
        }
        let (mut worth, at) = worth(line);
        if worth == 0 {
            return;
        }
        let times = self.patterns.entry(pattern(line)).or_default();
        *times += 1;
        if *times > MOST_OF_A_PATTERN {
            worth = worth.saturating_sub(3 + times.ilog2());
        }
        if worth > 0 {
            let text = cut_around(line, at, MAX_NOTE_BYTES).to_owned();
            self.notes.push(Note { text, worth });
        }
    }
}

/// What words make of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Said {
    /// Where a rule begins.
    rule: Option<usize>,
    weighty: bool,
    decision: bool,
}

/// Finds all words at once.
static WORDS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let words = RULES.iter().chain(WEIGHTY).chain(DECISIONS);
    let kind = Some(AhoCorasickKind::DFA);
    AhoCorasick::builder().ascii_case_insensitive(true).kind(kind).build(words).ok()
});

fn said(line: &str) -> Said {
    // Only other letters than ASCII's have to be made small first.
    if line.is_ascii() { said_in(line) } else { said_in(&line.to_lowercase()) }
}

fn said_in(lower: &str) -> Said {
    let mut said = Said::default();
    let Some(words) = WORDS.as_ref() else { return said };
    for found in words.find_overlapping_iter(lower) {
        let before = lower.get(..found.start()).and_then(|before| before.chars().next_back());
        if before.is_some_and(char::is_alphanumeric) {
            continue;
        }
        match found.pattern().as_usize() {
            word if word < RULES.len() => {
                said.rule = Some(said.rule.map_or(found.start(), |at| at.min(found.start())));
            }
            word if word < RULES.len() + WEIGHTY.len() => said.weighty = true,
            _ => said.decision = true,
        }
    }
    said
}

/// Tells whether a line says what was decided.
pub fn is_decision(line: &str) -> bool {
    said(line).decision
}

/// Returns the notes of most worth that fit, in the order in which they stood. Of two of the same worth
/// the newer stays.
pub fn choose(notes: &[Note], strong_bytes: usize, weak_bytes: usize) -> Vec<Note> {
    let mut order: Vec<usize> = (0..notes.len()).collect();
    let worth = |at: &usize| notes.get(*at).map_or(0, |note| note.worth);
    order.sort_by_key(|at| std::cmp::Reverse((worth(at), *at)));
    let (mut strong_left, mut weak_left) = (strong_bytes, weak_bytes);
    let mut kept = BTreeMap::new();
    for at in order {
        let Some(note) = notes.get(at) else { continue };
        let left = if note.worth >= STRONG { &mut strong_left } else { &mut weak_left };
        if let Some(rest) = left.checked_sub(note.text.len() + 3) {
            *left = rest;
            kept.insert(at, note.clone());
        }
    }
    kept.into_values().collect()
}

/// Returns what a line is worth, and where in it what counts most stands.
fn worth(line: &str) -> (u32, usize) {
    let said = said(line);
    let (mut worth, mut at, mut best) = (0, 0, 0);
    if let Some(place) = said.rule {
        (worth, at, best) = (RULE, place, RULE);
    } else if said.weighty {
        worth = 2;
    }
    if said.decision {
        worth += STRONG;
    }
    let mut codes = 0;
    let mut words = 0;
    for (place, token) in tokens(line) {
        words += 1;
        let this = token_worth(token, place == 0);
        if this > best {
            (at, best) = (place, this);
        }
        codes += this;
    }
    // Many codes on a line are data, not a fact more; a word that stands alone is an entry of a list.
    worth += codes.min(if words == 1 { 2 } else { 6 });
    if named_value(line) {
        worth += 1;
    }
    if is_code_line(line) {
        worth = worth.saturating_sub(3);
    }
    (worth, at)
}

/// Returns a line's words without the punctuation around them, and where they stand.
fn tokens(line: &str) -> impl Iterator<Item = (usize, &str)> {
    let edge = |c: char| !c.is_alphanumeric() && !matches!(c, '/' | '~' | '_' | '$' | '@' | '#');
    line.split_whitespace().filter_map(move |word| {
        let inner = word.trim_matches(edge);
        (!inner.is_empty()).then(|| (inner.as_ptr() as usize - line.as_ptr() as usize, inner))
    })
}

/// Returns what a word is worth; a path that begins its line is a place in a list of finds.
fn token_worth(token: &str, is_first: bool) -> u32 {
    // Most words are plain.
    if token.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return 0;
    }
    let has = |test: fn(&char) -> bool| token.chars().any(|c| test(&c));
    let digits = token.chars().filter(char::is_ascii_digit).count();
    let letters = has(|c| c.is_alphabetic());
    let upper = has(|c| c.is_uppercase());
    if token.len() > 200 || token.chars().count() < 3 {
        return 0;
    }
    if token.contains("://") {
        return 4;
    }
    let path_like = token.matches('/').count() >= 2
        || (token.contains('/') && (token.contains('.') || token.starts_with('/')))
        || has_extension(token);
    if path_like && letters {
        return if is_first { 1 } else { 4 };
    }
    if digits > 0 && letters {
        let joined = token.contains('-') || token.contains('_');
        return match (joined || upper, token.len()) {
            (true, 4..) => 4,
            (false, 6..) => 3,
            _ => 1,
        };
    }
    if digits >= 4 {
        return 2;
    }
    if upper && token.contains('_') && !token.chars().any(char::is_lowercase) {
        return 3;
    }
    if upper && token.contains('-') && !token.chars().any(char::is_lowercase) {
        return 3;
    }
    0
}

fn has_extension(token: &str) -> bool {
    let Some((stem, extension)) = token.rsplit_once('.') else { return false };
    !stem.is_empty()
        && (1..=6).contains(&extension.len())
        && extension.chars().all(|c| c.is_ascii_alphanumeric())
        && extension.chars().any(|c| c.is_ascii_alphabetic())
        && stem.chars().any(|c| c.is_alphanumeric())
}

/// Tells whether a line gives a value to a name.
fn named_value(line: &str) -> bool {
    line.split_once([':', '=']).is_some_and(|(name, value)| {
        name.chars().any(char::is_alphabetic) && value.chars().any(char::is_alphanumeric)
    })
}

/// Tells whether a line is of a program and no comment.
fn is_code_line(line: &str) -> bool {
    let comment = ["//", "#", "--", "/*", "*", ";", "<!--", "\"\"\""];
    // Numbered lines of a read begin with digits and a tab or a bar.
    let bare = line
        .trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '\t' | '|' | ':' | ' '));
    if comment.iter().any(|mark| bare.starts_with(mark))
        || bare.contains(" # ")
        || bare.contains("// ")
    {
        return false;
    }
    line.ends_with(['{', '}', ';', '('])
        || line.ends_with("->")
        || line.ends_with("):")
        || line.ends_with(");")
}

/// Splits a long line at the ends of its sentences.
fn sentences(line: &str) -> Vec<&str> {
    if line.len() <= MAX_NOTE_BYTES / 2 {
        return vec![line];
    }
    let mut parts = Vec::new();
    let mut rest = line;
    while let Some(at) = [". ", "! ", "? ", "; "].iter().filter_map(|end| rest.find(end)).min() {
        let (sentence, after) = rest.split_at(at + 1);
        parts.push(sentence);
        rest = after;
    }
    parts.push(rest);
    parts
}

/// Returns the pattern of a line: its words without digits, so that lines of a log are alike.
fn pattern(line: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    for word in line.split_whitespace() {
        if word.chars().any(|c| c.is_ascii_digit()) {
            0_u8.hash(&mut hasher);
        } else {
            word.hash(&mut hasher);
        }
    }
    hasher.finish()
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// Returns the beginning and the end of a text that is too long, or all of it and nothing.
pub fn ends(text: &str, most: usize) -> (&str, &str) {
    if text.len() <= most {
        return (text, "");
    }
    let (mut head, mut tail) = (most / 2, text.len() - most / 2);
    while !text.is_char_boundary(head) {
        head -= 1;
    }
    while !text.is_char_boundary(tail) {
        tail += 1;
    }
    (text.get(..head).unwrap_or_default(), text.get(tail..).unwrap_or_default())
}

/// Returns at most `most` bytes of a line around a place, cut between words where there are any.
fn cut_around(line: &str, at: usize, most: usize) -> &str {
    if line.len() <= most {
        return line;
    }
    let mut from = at.saturating_sub(most / 2).min(line.len() - most);
    let mut to = from + most;
    while !line.is_char_boundary(from) {
        from += 1;
    }
    while !line.is_char_boundary(to) {
        to -= 1;
    }
    let part = line.get(from..to).unwrap_or_default();
    let first = if from == 0 { 0 } else { part.find(' ').map_or(0, |space| space + 1) };
    let last = if to == line.len() { part.len() } else { part.rfind(' ').unwrap_or(part.len()) };
    part.get(first..last).filter(|cut| cut.len() > most / 2).unwrap_or(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let mut finder = Finder::default();
        finder.look(text);
        choose(&finder.take_notes().collect::<Vec<_>>(), 4_000, 0)
            .into_iter()
            .map(|note| note.text)
            .collect()
    }

    #[test]
    fn rules_codes_and_paths_are_kept_word_for_word() {
        for line in [
            "Never run the migration on a Friday.",
            "The deploy code is ZX-4417-Q, ask Ana before using it",
            "ticket INC-20391 is about the retry loop in src/net/retry.rs",
            "Никогда не удаляй таблицу accounts без копии",
            "Config lives at /srv/app/config/prod.yaml on port 8443",
            "We decided to keep the v1 endpoint because of the mobile app",
            "# never edit by hand: generated by tools/gen.py",
            "token prefix: tok_9f8e7d6c",
        ] {
            let text = format!("The quick brown fox jumps\n{line}\nover the lazy dog and so on");
            assert_eq!(found(&text), [line]);
        }
    }

    #[test]
    fn lines_of_one_pattern_do_not_crowd_out_the_rest() {
        let mut log: String = (0..5_000)
            .map(|n| format!("2026-11-22T10:{n:05} INFO worker-{n} took job-{n}\n"))
            .collect();
        log.push_str("NOTE the canary host is cn-77-b, do not restart it\n");
        let kept = found(&log);
        assert!(kept.len() < 20, "{kept:?}");
        assert!(kept.iter().any(|line| line.contains("cn-77-b")), "{kept:?}");
    }

    #[test]
    fn facts_of_one_shape_in_several_texts_are_all_kept() {
        let mut finder = Finder::default();
        for n in 0..100 {
            finder.look(&format!("some words\nthe code is RC-{n}-X\nmore words"));
        }
        assert_eq!(finder.take_notes().filter(|note| note.worth >= STRONG).count(), 100);
    }

    #[test]
    fn a_fact_in_a_very_long_line_is_found() {
        let filler = "lorem ipsum dolor sit amet consectetur ".repeat(400);
        let line = format!("{filler}the vault path is /secure/vault-42/blue {filler}");
        let kept = found(&line);
        assert_eq!(kept.len(), 1);
        assert!(kept[0].contains("/secure/vault-42/blue") && kept[0].len() <= MAX_NOTE_BYTES);
        assert!(line.contains(&kept[0]));
        let cyrillic = format!("{0}Код сборки АБ-77-Х{0}", "слово ".repeat(4_000));
        assert!(found(&cyrillic)[0].contains("АБ-77-Х"));
    }

    #[test]
    fn code_and_prose_without_facts_are_left_out() {
        for line in [
            "fn main() {",
            "    let x = compute(y);",
            "return value;",
            "I looked at the file and it seems fine so far.",
            "    }",
        ] {
            assert_eq!(found(line), Vec::<String>::new(), "{line}");
        }
    }
}
