//! Text to terms: words and identifiers, split, whole and stemmed.
//!
//! A token is a run of letters, digits and `_`. It gives one term for each of its parts
//! (`parseHTTPHeaders` has three), stemmed as English or Russian, and where it has several, one for
//! the whole, so that `parse_http_headers` finds it too. Words that say nothing are left out, and so
//! is what looks like a key.

mod key_like;
mod secrets;

use std::collections::HashMap;

use distiq_ml::words::{Stems, is_stop};

pub use distiq_ml::words::{parts, tokens};
pub(crate) use key_like::{is_key_like, without_keys};
pub(crate) use secrets::holds_key;
pub use secrets::without_secrets;

/// Most parts of one token that are looked at.
const MAX_PARTS: usize = 16;
/// How many analysed tokens are remembered.
const MAX_CACHED: usize = 200_000;

/// Turns tokens into terms; remembers what it has seen, since code repeats itself.
#[derive(Default)]
pub struct Analyzer {
    stems: Stems,
    seen: HashMap<Box<str>, Vec<u32>>,
    terms: Terms,
}

/// The terms met so far, numbered.
#[derive(Default)]
pub(crate) struct Terms {
    ids: HashMap<Box<str>, u32>,
    texts: Vec<Box<str>>,
}

impl Terms {
    /// Returns a term's number.
    pub fn id(&mut self, text: &str) -> u32 {
        if let Some(id) = self.ids.get(text) {
            return *id;
        }
        let id = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        self.ids.insert(text.into(), id);
        self.texts.push(text.into());
        id
    }

    /// Returns the terms in the order of their numbers.
    pub fn texts(&self) -> &[Box<str>] {
        &self.texts
    }
}

impl std::fmt::Debug for Analyzer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Analyzer({} terms)", self.terms.texts.len())
    }
}

impl Analyzer {
    /// Gives the number of each term of a text to `each`, in order.
    pub(crate) fn numbers(&mut self, text: &str, mut each: impl FnMut(u32)) {
        for token in tokens(text) {
            if !self.seen.contains_key(token) {
                let ids = self.terms_of(token).iter().map(|term| self.terms.id(term)).collect();
                if self.seen.len() >= MAX_CACHED {
                    self.seen.clear();
                }
                self.seen.insert(token.into(), ids);
            }
            self.seen.get(token).into_iter().flatten().for_each(|id| each(*id));
        }
    }

    pub(crate) fn terms(&mut self) -> &mut Terms {
        &mut self.terms
    }

    /// Returns the terms of a text, in order, with repetitions.
    pub fn analyze(&self, text: &str) -> Vec<String> {
        tokens(text).flat_map(|token| self.terms_of(token)).collect()
    }

    /// Returns the terms of one token: those of its parts, then the whole where it has several.
    pub fn terms_of(&self, token: &str) -> Vec<String> {
        if is_key_like(token) {
            return Vec::new();
        }
        let mut terms = Vec::new();
        let mut whole = String::new();
        let mut count = 0;
        for part in parts(token).take(MAX_PARTS) {
            count += 1;
            let part = part.to_lowercase();
            whole.push_str(&part);
            if !is_stop(&part) {
                terms.push(self.stem(&part));
            }
        }
        if count > 1 {
            terms.push(self.stem(&whole));
        }
        terms
    }

    /// Returns the part of a token that a term of it is made of: the token itself where it is the whole.
    pub(crate) fn word_of<'t>(&self, token: &'t str, term: &str) -> &'t str {
        let is_it = |part: &&str| self.stem(&part.to_lowercase()) == term;
        parts(token).take(MAX_PARTS).find(is_it).unwrap_or(token)
    }

    /// Returns the stem of a word in lower case.
    pub fn stem(&self, word: &str) -> String {
        self.stems.stem(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_give_the_stems_of_their_parts_and_the_whole() {
        let analyzer = Analyzer::default();
        let check = |text: &str, expected: &[&str]| {
            assert_eq!(analyzer.analyze(text), expected, "{text}");
        };
        check("parseHTTPHeaders", &["pars", "http", "header", "parsehttphead"]);
        check("parse_http_headers", &["pars", "http", "header", "parsehttphead"]);
        check("the files are opened", &["file", "open"]);
        check("utf8", &["utf", "8", "utf8"]);
        check("X-Request-Id: 404", &["request", "id", "404"]);
        check("разобрать заголовки запроса", &["разобра", "заголовк", "запрос"]);
        check("где открывается файл", &["открыва", "файл"]);
        check("i x y", &[]);
        check("", &[]);
        check("数据 größe", &["数据", "größe"]);
    }

    #[test]
    fn keys_give_no_terms() {
        let analyzer = Analyzer::default();
        for key in ["ghp_16C7e42F292c6912E7710c838347Ae178B4a", "AKIAIOSFODNN7EXAMPLE"] {
            assert_eq!(analyzer.analyze(key), Vec::<String>::new(), "{key}");
        }
    }
}
