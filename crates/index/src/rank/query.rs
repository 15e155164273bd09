//! A request as terms, with what it names literally.

use std::collections::{HashMap, HashSet};

use super::related;
use super::shelf::Shelf;
use crate::segment::Damaged;
use crate::words::{Analyzer, tokens};

/// Most different terms of a request; the rarest are kept.
const MAX_TERMS: usize = 40;
/// How much a repaired word counts.
const REPAIRED: f32 = 0.7;
/// Fewest letters of a word that is repaired.
const REPAIR_LETTERS: usize = 5;
/// Words for which related ones are looked up, the rarest first.
const MAX_RELATED: usize = 16;
/// Most bytes of a request that are looked at.
const MAX_BYTES: usize = 64 * 1024;

/// A term of the request.
#[derive(Clone, Debug)]
pub(crate) struct Term {
    pub text: String,
    /// How rare it is, times how much it counts.
    pub weight: f32,
}

/// A term that stands for another in code: `len` for `number`.
#[derive(Clone, Debug)]
pub(crate) struct Related {
    pub text: String,
    /// The place of the request's term in [`Query::terms`].
    pub term: usize,
    /// How much of the term it is worth, up to 1.
    pub share: f32,
}

/// A request, ready to be looked up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query {
    /// Terms that some chunk holds.
    pub terms: Vec<Term>,
    pub related: Vec<Related>,
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
    /// Groups of three to five letters of its words, in order.
    pub grams: Vec<u64>,
    /// How many words it has.
    pub length: usize,
    pub has_lines: bool,
    /// Whether it opens as a change does: "fix", "add".
    pub tells_a_change: bool,
    pub tells_of_tests: bool,
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

impl Query {
    /// Reads a request.
    pub fn new(text: &str, shelf: &Shelf<'_>, analyzer: &Analyzer) -> Result<Self, Damaged> {
        let text = text.get(..text.floor_char_boundary(MAX_BYTES)).unwrap_or_default();
        let mut query = Self { has_lines: text.trim().contains('\n'), ..Self::default() };
        query.read_names(text);
        let mut counts: Vec<(String, u32)> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        for token in tokens(text) {
            query.length += 1;
            for term in analyzer.terms_of(token) {
                let place = *places.entry(term.clone()).or_insert(counts.len());
                match counts.get_mut(place) {
                    Some((_, count)) => *count += 1,
                    None => counts.push((term, 1)),
                }
            }
        }
        let asked = counts.len().max(1);
        let mut unknown = 0;
        for (term, count) in counts {
            let weight = (1.0 + (count as f32).ln()).min(2.0);
            let documents = shelf.documents(&term)?;
            if documents > 0 {
                query.terms.push(Term { weight: weight * shelf.rarity(documents), text: term });
            } else if let Some(repaired) = shelf.repair(&term, REPAIR_LETTERS) {
                let rarity = shelf.rarity(shelf.documents(&repaired)?);
                query.terms.push(Term { weight: weight * REPAIRED * rarity, text: repaired });
            } else {
                unknown += 1;
            }
        }
        query.unknown = unknown as f32 / asked as f32;
        query.terms.sort_by(|a, b| b.weight.total_cmp(&a.weight).then_with(|| a.text.cmp(&b.text)));
        query.terms.truncate(MAX_TERMS);
        query.whole = query.terms.iter().map(|term| term.weight).sum::<f32>().max(1e-6);
        query.relate();
        Ok(query)
    }

    /// Tells whether a word of the request has this group of letters.
    pub fn holds_gram(&self, gram: u64) -> bool {
        self.grams.binary_search(&gram).is_ok()
    }

    fn relate(&mut self) {
        for (at, term) in self.terms.iter().enumerate().take(MAX_RELATED) {
            for (text, share) in related::of(&term.text) {
                self.related.push(Related { text: text.to_owned(), term: at, share });
            }
        }
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
                if is_code || is_identifier(token) {
                    self.identifiers.insert(token.to_lowercase());
                }
            }
        }
        for token in tokens(text) {
            let lower = token.to_lowercase();
            grams(&lower, |gram| self.grams.push(gram));
            self.words.insert(lower);
        }
        self.grams.sort_unstable();
        self.grams.dedup();
        let first = tokens(text).next().unwrap_or_default().to_lowercase();
        self.tells_a_change = CHANGE_WORDS.contains(&first.as_str()) || starts_scoped(text);
        self.tells_of_tests =
            ["test", "tests", "testing"].iter().any(|word| self.words.contains(*word));
    }
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
fn is_identifier(token: &str) -> bool {
    let inner_capital =
        token.chars().skip(1).any(char::is_uppercase) && token.chars().any(char::is_lowercase);
    let has_both = token.chars().any(char::is_alphabetic) && token.chars().any(char::is_numeric);
    token.trim_matches('_').contains('_') || token.starts_with('_') || inner_capital || has_both
}

/// Gives the groups of three to five characters of a word, its ends marked.
pub(crate) fn grams(word: &str, mut each: impl FnMut(u64)) {
    let marked: Vec<char> =
        std::iter::once('^').chain(word.chars().take(64)).chain(['$']).collect();
    for size in 3..=5 {
        for window in marked.windows(size) {
            let hash = window.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, c| {
                (hash ^ u64::from(u32::from(*c))).wrapping_mul(0x0100_0000_01b3)
            });
            each(hash);
        }
    }
}
