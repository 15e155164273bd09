//! Words of texts and code: tokens, the parts of identifiers, stems.

mod split;
mod stop;

use rust_stemmers::{Algorithm, Stemmer};

pub use split::{parts, tokens};
pub use stop::is_stop;

/// Longest word that is stemmed, in bytes; longer ones are cut.
const MAX_WORD: usize = 48;

/// Stems English and Russian words, each by its letters.
pub struct Stems {
    english: Stemmer,
    russian: Stemmer,
}

impl std::fmt::Debug for Stems {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stems")
    }
}

impl Default for Stems {
    fn default() -> Self {
        Self {
            english: Stemmer::create(Algorithm::English),
            russian: Stemmer::create(Algorithm::Russian),
        }
    }
}

impl Stems {
    /// Returns the stem of a word in lower case.
    pub fn stem(&self, word: &str) -> String {
        let word = word.get(..word.floor_char_boundary(MAX_WORD)).unwrap_or_default();
        let stem = match word.bytes().next() {
            Some(byte) if byte.is_ascii_alphabetic() && word.is_ascii() => self.english.stem(word),
            _ if word.chars().all(is_cyrillic) => self.russian.stem(word),
            _ => word.into(),
        };
        stem.into_owned()
    }
}

fn is_cyrillic(c: char) -> bool {
    ('\u{400}'..='\u{4ff}').contains(&c)
}
