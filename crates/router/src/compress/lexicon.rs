//! The words that compression goes by, and what kinds each is of: one look-up a word.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::OnceLock;

const TEXT: &str = include_str!("../../data/prose.txt");

/// Kinds of words, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Kinds(u16);

impl Kinds {
    /// A paragraph of language has such words.
    pub const FUNCTION: Self = Self(1);
    /// Says nothing.
    pub const FILLER: Self = Self(1 << 1);
    /// Denies.
    pub const DENIAL: Self = Self(1 << 2);
    /// Is a number.
    pub const NUMBER: Self = Self(1 << 3);
    /// Binds: must, only, always.
    pub const BINDING: Self = Self(1 << 4);
    /// Says little by itself.
    pub const COMMON: Self = Self(1 << 5);
    /// Is short for another; its full stop ends no sentence.
    pub const SHORT: Self = Self(1 << 6);
    /// Goes on about what was said before.
    pub const GOING_ON: Self = Self(1 << 7);
    /// Begins a phrase.
    const BEGINS: Self = Self(1 << 8);

    const SECTIONS: [(&'static str, Self); 8] = [
        ("function", Self::FUNCTION),
        ("filler", Self::FILLER),
        ("denial", Self::DENIAL),
        ("number", Self::NUMBER),
        ("binding", Self::BINDING),
        ("common", Self::COMMON),
        ("short form", Self::SHORT),
        ("going on", Self::GOING_ON),
    ];

    /// Tells whether a word is of a kind.
    pub const fn has(self, kind: Self) -> bool {
        self.0 & kind.0 != 0
    }
}

/// A phrase and what it comes to.
#[derive(Debug)]
pub(super) struct Phrase {
    pub words: Vec<&'static str>,
    pub instead: &'static str,
}

type Table<T> = HashMap<&'static str, T, BuildHasherDefault<Fnv>>;

#[derive(Debug, Default)]
struct Lexicon {
    words: Table<Kinds>,
    /// By their first word, longest first.
    phrases: Table<Vec<Phrase>>,
}

/// Returns the kinds of a word in small letters.
pub(super) fn kinds(word: &str) -> Kinds {
    lexicon().words.get(word).copied().unwrap_or_default()
}

/// Returns the phrases that begin with a word in small letters, longest first.
pub(super) fn phrases(first: &str) -> &'static [Phrase] {
    match kinds(first).has(Kinds::BEGINS) {
        true => lexicon().phrases.get(first).map_or(&[], Vec::as_slice),
        false => &[],
    }
}

fn lexicon() -> &'static Lexicon {
    static LEXICON: OnceLock<Lexicon> = OnceLock::new();
    LEXICON.get_or_init(|| Lexicon::read(TEXT))
}

impl Lexicon {
    fn read(text: &'static str) -> Self {
        let mut lexicon = Self::default();
        let mut kind = None;
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            if let Some(section) = line.strip_prefix('[') {
                let name = section.split(']').next().unwrap_or_default();
                kind = Kinds::SECTIONS.into_iter().find(|(known, _)| *known == name);
            } else if let Some((_, kind)) = kind {
                line.split_whitespace().for_each(|word| lexicon.add(word, kind));
            } else if let Some((phrase, instead)) = line.split_once("->") {
                let words: Vec<&str> = phrase.split_whitespace().collect();
                let Some(first) = words.first() else { continue };
                lexicon.add(first, Kinds::BEGINS);
                let phrase = Phrase { words, instead: instead.trim() };
                lexicon
                    .phrases
                    .entry(phrase.words.first().unwrap_or(&""))
                    .or_default()
                    .push(phrase);
            }
        }
        for phrases in lexicon.phrases.values_mut() {
            phrases.sort_by_key(|phrase| std::cmp::Reverse(phrase.words.len()));
        }
        lexicon
    }

    fn add(&mut self, word: &'static str, kind: Kinds) {
        let kinds = self.words.entry(word).or_default();
        kinds.0 |= kind.0;
    }
}

/// A quick hash of short words.
#[derive(Debug)]
pub(super) struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_section_is_read() {
        let sections = TEXT.lines().filter_map(|line| line.strip_prefix('[')?.split(']').next());
        let known = Kinds::SECTIONS.iter().map(|(name, _)| *name).chain(["phrase"]);
        assert!(sections.eq(known));
        for (word, kind) in [
            ("the", Kinds::FUNCTION),
            ("basically", Kinds::FILLER),
            ("never", Kinds::DENIAL),
            ("seven", Kinds::NUMBER),
            ("must", Kinds::BINDING),
            ("vs", Kinds::SHORT),
        ] {
            assert!(kinds(word).has(kind), "{word}");
        }
        assert_eq!(kinds("harbour"), Kinds::default());
        let longest = phrases("in").first().unwrap();
        assert!(longest.words.len() >= 5, "{longest:?}");
        assert!(phrases("due").iter().any(|phrase| phrase.instead == "because"));
        assert!(phrases("harbour").is_empty());
    }
}
