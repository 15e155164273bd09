//! A request as terms, with what it names literally.

use std::collections::{HashMap, HashSet};

use distiq_ml::words::is_stop;

use super::shelf::{Held, Shelf};
use super::{related, russian};
use crate::search::MAX_QUERY;
use crate::segment::{Damaged, ListPlace, name_grams};
use crate::words::{Analyzer, is_key_like, tokens};

/// Most different terms of a request; the rarest are kept.
const MAX_TERMS: usize = 40;
/// Most entries of lists that are read for the terms, and for related ones; the commonest terms of a large
/// project say least and cost most.
const MAX_ENTRIES: u32 = 60_000;
const MAX_RELATED_ENTRIES: u32 = 30_000;
/// How much a word counts that a Russian one may mean besides the likeliest.
const OTHER: f32 = 0.4;
/// Terms that are read whatever they cost.
const FEW_TERMS: usize = 8;
/// How much a repaired word counts.
const REPAIRED: f32 = 0.7;
/// Fewest letters of a word that is repaired.
const REPAIR_LETTERS: usize = 5;
/// Words that are repaired, the first ones: each goes through all terms with its first letter, and a pasted log has thousands that
/// nobody uses.
const MAX_REPAIRED: usize = 64;
/// Words for which related ones are looked up, the rarest first.
const MAX_RELATED: usize = 16;
/// Most names of code that are looked up.
const MAX_MENTIONS: usize = 24;
/// Words whose letters names are looked up by.
const MAX_GRAM_WORDS: usize = 24;
/// Letters of a word that are looked at in groups.
const MOST_LETTERS: usize = 64;
/// How many bits mark groups of letters; a power of two.
const GRAM_MARKS: usize = 4096;
/// Longest scope before a colon, in bytes.
const MAX_SCOPE: usize = 40;
/// Words of requests for a yes or no.
const WHETHER: &[&str] =
    &["whether", "true", "false", "boolean", "bool", "check", "checks", "tests", "determines"];
/// How requests open that want something made.
const MAKING: &[&str] = &["creat", "construct", "mak", "build", "initiali", "instantiat", "new"];

/// A term of the request.
#[derive(Clone, Debug)]
pub(crate) struct Term {
    pub text: String,
    /// How rare it is, times how much it counts.
    pub weight: f32,
    /// The place of its first word among the request's words that say something, from 0.
    pub place: usize,
    /// Whether the request's first line holds it.
    pub in_title: bool,
    /// The word as the request writes it.
    pub word: String,
    /// Who holds it.
    pub held: Held,
}

/// A term that stands for another in code: `len` for `number`.
#[derive(Clone, Debug)]
pub(crate) struct Related {
    pub text: String,
    /// The place of the request's term in [`Query::terms`].
    pub term: usize,
    /// How much of the term it is worth, up to 1.
    pub share: f32,
    /// Where its lists lie, by shard.
    pub places: Vec<Option<ListPlace>>,
}

/// A request, ready to be looked up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query {
    /// Terms that some chunk holds.
    pub terms: Vec<Term>,
    pub related: Vec<Related>,
    /// All terms, also those that no chunk holds, each with how much it counts.
    pub asked: Vec<(String, f32)>,
    /// The sum of the weights.
    pub whole: f32,
    /// Which share of the request's words no chunk holds.
    pub unknown: f32,
    /// Tokens in lower case.
    pub words: HashSet<String>,
    /// Tokens that look like names of code, in lower case.
    pub identifiers: HashSet<String>,
    /// What looks like a path or a file's name.
    pub paths: Vec<String>,
    /// Names of code as they are written, in order.
    pub mentions: Vec<String>,
    /// The words of what stands before the first colon: `parser` of `parser: take empty lines`.
    pub scope: Vec<String>,
    /// Groups of three to five letters of its words, in order.
    pub grams: Vec<u64>,
    /// A bit for each of them, by its upper bits: most groups of letters of names are none of them.
    gram_marks: Vec<u64>,
    /// Groups of letters that names are looked up by.
    pub name_grams: Vec<u16>,
    /// How many words it has.
    pub length: usize,
    pub has_lines: bool,
    /// Whether it opens as a change does: "fix", "add".
    pub tells_a_change: bool,
    pub reads_as_change: bool,
    pub tells_of_tests: bool,
    /// Whether it asks for a yes or no.
    pub asks_whether: bool,
    /// Whether it opens with the making of something.
    pub makes: bool,
}

/// What messages of changes open with.
const CHANGE_WORDS: &[&str] = &[
    "add",
    "added",
    "adding",
    "allow",
    "avoid",
    "bug",
    "bugfix",
    "change",
    "chore",
    "clean",
    "cleanup",
    "correct",
    "deprecate",
    "disable",
    "do",
    "don",
    "drop",
    "enable",
    "ensure",
    "enhance",
    "expose",
    "feat",
    "feature",
    "fix",
    "fixed",
    "fixes",
    "fixing",
    "handle",
    "implement",
    "implemented",
    "improve",
    "improved",
    "improvement",
    "introduce",
    "issue",
    "make",
    "minor",
    "move",
    "optimize",
    "perf",
    "prevent",
    "refactor",
    "remove",
    "removed",
    "rename",
    "replace",
    "rework",
    "simplify",
    "style",
    "support",
    "switch",
    "test",
    "tests",
    "tweak",
    "update",
    "updated",
    "upgrade",
    "use",
];

/// Of these, what descriptions of functions open with too.
const OF_BOTH: &[&str] = &[
    "add", "change", "do", "handle", "issue", "make", "move", "remove", "replace", "test", "tests",
    "update", "use",
];

impl Query {
    /// Reads a request.
    pub fn new(text: &str, shelf: &Shelf<'_>, analyzer: &Analyzer) -> Result<Self, Damaged> {
        let text = text.get(..text.floor_char_boundary(MAX_QUERY)).unwrap_or_default();
        let translated = russian::translate(text, shelf, analyzer)?;
        let asks_whether = translated.is_some() && tokens(text).any(|token| token == "ли");
        let others = translated.as_ref().map(|translated| translated.others.clone());
        let text = translated.as_ref().map_or(text, |translated| translated.text.as_str());
        let mut query = Self { has_lines: text.trim().contains('\n'), ..Self::default() };
        query.read_names(text);
        query.asks_whether |= asks_whether;
        let mut heard = heard(text, analyzer);
        for text in others.into_iter().flatten() {
            if !heard.iter().any(|term| term.text == text) {
                let (weight, place, in_title) = (OTHER, heard.len(), true);
                let word = text.clone();
                let held = Held::default();
                heard.push(Term { text, weight, place, in_title, word, held });
            }
        }
        let asked = heard.len().max(1);
        let (mut unknown, mut tried) = (0, 0);
        for mut term in heard {
            query.asked.push((term.text.clone(), term.weight));
            term.held = shelf.look_up(&term.text)?;
            let mut share = 1.0;
            if term.held.documents == 0 {
                let is_tried = tried < MAX_REPAIRED && may_be_repaired(&term.text);
                tried += usize::from(is_tried);
                let repaired = if is_tried { shelf.repair(&term.text)? } else { None };
                let Some(repaired) = repaired else {
                    unknown += 1;
                    continue;
                };
                term.held = shelf.look_up(&repaired)?;
                share = REPAIRED;
                term.text = repaired;
            }
            term.weight *= share * shelf.rarity(term.held.documents);
            query.terms.push(term);
        }
        query.unknown = unknown as f32 / asked as f32;
        query.terms.sort_by(|a, b| b.weight.total_cmp(&a.weight).then_with(|| a.text.cmp(&b.text)));
        query.terms.truncate(affordable(&query.terms));
        query.whole = query.terms.iter().map(|term| term.weight).sum::<f32>().max(1e-6);
        query.relate(shelf)?;
        Ok(query)
    }

    /// Tells whether a word of the request has this group of letters.
    pub fn holds_gram(&self, gram: u64) -> bool {
        let (word, bit) = gram_place(gram);
        let may = self.gram_marks.get(word).is_some_and(|marks| marks & bit != 0);
        may && self.grams.binary_search(&gram).is_ok()
    }

    /// Returns the sum of the weights of what the first line holds.
    pub fn title_whole(&self) -> f32 {
        self.terms
            .iter()
            .filter(|term| term.in_title)
            .map(|term| term.weight)
            .sum::<f32>()
            .max(1e-6)
    }

    fn relate(&mut self, shelf: &Shelf<'_>) -> Result<(), Damaged> {
        let mut entries = 0_u32;
        for (at, term) in self.terms.iter().enumerate().take(MAX_RELATED) {
            for (text, share) in related::of(&term.text) {
                let Held { places, documents } = shelf.look_up(text)?;
                let all = entries.saturating_add(documents);
                if documents > 0 && all <= MAX_RELATED_ENTRIES {
                    entries = all;
                    self.related.push(Related { text: text.to_owned(), term: at, share, places });
                }
            }
        }
        Ok(())
    }

    fn read_names(&mut self, text: &str) {
        for word in text.split_whitespace() {
            let trimmed = word.trim_matches(|c: char| !c.is_alphanumeric() && c != '_');
            let is_code = word.contains(['`', '(']) || word.contains("::");
            let lower = trimmed.to_lowercase();
            if trimmed.contains('/')
                || trimmed.rsplit_once('.').is_some_and(|(_, end)| is_ending(end))
            {
                self.paths.push(lower.clone());
            }
            for token in tokens(trimmed) {
                let is_new = (is_code || is_identifier(token))
                    && self.identifiers.insert(token.to_lowercase());
                if is_new && self.mentions.len() < MAX_MENTIONS {
                    self.mentions.push(token.to_owned());
                }
            }
        }
        for token in tokens(text) {
            let lower = token.to_lowercase();
            grams(&lower, |gram| self.grams.push(gram));
            if self.words.len() < MAX_GRAM_WORDS
                && !is_stop(&lower)
                && !is_key_like(token)
                && self.words.insert(lower.clone())
            {
                name_grams(&lower, |gram| self.name_grams.push(gram));
            }
            self.words.insert(lower);
        }
        self.grams.sort_unstable();
        self.grams.dedup();
        self.gram_marks = vec![0; GRAM_MARKS / 64];
        for gram in &self.grams {
            let (word, bit) = gram_place(*gram);
            if let Some(marks) = self.gram_marks.get_mut(word) {
                *marks |= bit;
            }
        }
        self.name_grams.sort_unstable();
        self.name_grams.dedup();
        self.scope = scope(text);
        let first = tokens(text).next().unwrap_or_default().to_lowercase();
        self.asks_whether = WHETHER.iter().any(|word| self.words.contains(*word));
        self.makes = MAKING.iter().any(|start| first.starts_with(start));
        self.tells_a_change = CHANGE_WORDS.contains(&first.as_str()) || starts_scoped(text);
        self.reads_as_change = reads_as_change(text);
        self.tells_of_tests = tells_of_tests(text);
    }
}

/// Tells whether a term that nobody uses may be a word with a slip in it.
fn may_be_repaired(term: &str) -> bool {
    term.chars().count() >= REPAIR_LETTERS && term.chars().all(char::is_alphabetic)
}

/// Returns how many of the terms, the rarest first, are looked up.
fn affordable(terms: &[Term]) -> usize {
    let mut entries = 0_u32;
    let fits = terms.iter().enumerate().take(MAX_TERMS).take_while(|(at, term)| {
        entries = entries.saturating_add(term.held.documents);
        *at < FEW_TERMS || entries <= MAX_ENTRIES
    });
    fits.count()
}

/// Returns the terms of a text, each with how much it counts by how often it stands there.
fn heard(text: &str, analyzer: &Analyzer) -> Vec<Term> {
    let title = text.trim_start().lines().next().map_or(0, str::len)
        + (text.len() - text.trim_start().len());
    let mut heard: Vec<(Term, u32)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut telling = 0;
    for token in tokens(text) {
        let at = token.as_ptr() as usize - text.as_ptr() as usize;
        let terms = analyzer.terms_of(token);
        let place = telling;
        telling += usize::from(!terms.is_empty());
        for text in terms {
            let slot = *places.entry(text.clone()).or_insert(heard.len());
            if let Some((_, count)) = heard.get_mut(slot) {
                *count += 1;
                continue;
            }
            let (in_title, word) = (at < title, analyzer.word_of(token, &text).to_owned());
            let held = Held::default();
            heard.push((Term { text, weight: 0.0, place, in_title, word, held }, 1));
        }
    }
    let weighed = heard.into_iter().map(|(term, count)| {
        let weight = (1.0 + (count as f32).ln()).min(2.0);
        Term { weight, ..term }
    });
    weighed.collect()
}

/// Returns the words before the first colon, where it stands early in the first line.
fn scope(text: &str) -> Vec<String> {
    let line = text.trim_start().lines().next().unwrap_or_default();
    let Some((scope, _)) = line.split_once(": ").filter(|(scope, _)| scope.len() <= MAX_SCOPE)
    else {
        return Vec::new();
    };
    let words = tokens(scope).map(str::to_lowercase);
    words.filter(|word| !CHANGE_WORDS.contains(&word.as_str())).take(6).collect()
}

/// Tells whether a request speaks of tests.
pub(crate) fn tells_of_tests(text: &str) -> bool {
    let is_test = |word: &str| ["test", "tests", "testing", "тест", "тесты"].contains(&word);
    tokens(text).any(|token| is_test(&token.to_lowercase()))
}

/// Tells whether a request reads as what a change does, not as what code does: it has several lines, opens
/// with a scope or with such a word, and with one that tells of both only where it is no sentence.
pub(crate) fn reads_as_change(text: &str) -> bool {
    let text = text.trim();
    let first = tokens(text).next().unwrap_or_default().to_lowercase();
    let opens = CHANGE_WORDS.contains(&first.as_str());
    let is_sure = opens && !OF_BOTH.contains(&first.as_str());
    text.contains('\n') || starts_scoped(text) || is_sure || opens && !text.ends_with(['.', '?'])
}

/// Tells whether a message opens as `scope: what` does.
fn starts_scoped(text: &str) -> bool {
    let first = text.split_whitespace().next().unwrap_or_default();
    first.len() > 1 && first.ends_with(':')
}

fn is_ending(end: &str) -> bool {
    (1..=4).contains(&end.len())
        && end.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        && end.chars().any(|c| c.is_ascii_lowercase())
}

/// Tells whether a token is written as names of code are and words are not.
pub(crate) fn is_identifier(token: &str) -> bool {
    let inner_capital =
        token.chars().skip(1).any(char::is_uppercase) && token.chars().any(char::is_lowercase);
    let has_both = token.chars().any(char::is_alphabetic) && token.chars().any(char::is_numeric);
    token.trim_matches('_').contains('_') || token.starts_with('_') || inner_capital || has_both
}

/// Returns the word and the bit that mark a group of letters.
fn gram_place(gram: u64) -> (usize, u64) {
    let at = gram >> (u64::BITS - GRAM_MARKS.ilog2());
    (usize::try_from(at / 64).unwrap_or(usize::MAX), 1 << (at % 64))
}

/// Gives the groups of three to five characters of a word, its ends marked.
pub(crate) fn grams(word: &str, mut each: impl FnMut(u64)) {
    let mut letters = [0_u32; MOST_LETTERS + 2];
    let mut count = 0;
    for letter in std::iter::once('^').chain(word.chars().take(MOST_LETTERS)).chain(['$']) {
        if let Some(place) = letters.get_mut(count) {
            (*place, count) = (u32::from(letter), count + 1);
        }
    }
    let letters = letters.get(..count).unwrap_or_default();
    for start in 0..count.saturating_sub(2) {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for (at, letter) in letters.iter().skip(start).take(5).enumerate() {
            hash = (hash ^ u64::from(*letter)).wrapping_mul(0x0100_0000_01b3);
            if at >= 2 {
                each(hash);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_of_letters_are_those_of_the_request() {
        let mut query = Query::default();
        query.read_names("Parse the headers of a request, and of its answer");
        let (mut held, mut others) = (0, 0);
        for word in ["parser", "headers", "quest", "answering", "unrelated", "zzz", "ё"] {
            grams(word, |gram| {
                let holds = query.grams.contains(&gram);
                assert_eq!(query.holds_gram(gram), holds, "{word}");
                *(if holds { &mut held } else { &mut others }) += 1;
            });
        }
        assert!(held > 20 && others > 20, "{held} {others}");
        assert!(!Query::default().holds_gram(7));
    }
}
