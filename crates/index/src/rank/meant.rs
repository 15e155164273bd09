//! Whether a request may be about the project at all: it has words that say something, and enough of them stand there.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::query;
use crate::error::IndexError;
use crate::segment::{MENTION, NAME, Postings, STEM};
use crate::snapshot::Snapshot;
use crate::words::Analyzer;

/// Most bytes of a request that are looked at.
const MOST_BYTES: usize = 16 * 1024;
/// Fewest bytes of what may be encoded data.
const SHORTEST: usize = 24;
/// Fewest small letters that follow each other as in a word.
const RUN: usize = 3;

/// Words of conversation: what greets, thanks, agrees, or asks for anything at all. The project may hold them, and is not
/// meant by them.
static TALK: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let analyzer = Analyzer::default();
    include_str!("talk.txt").split_whitespace().map(|word| analyzer.stem(word)).collect()
});

impl Snapshot {
    /// Tells whether a request may be about the project: of its words that say something three stand there, or half. One
    /// alone must be a name, too. Encoded data and numbers are no words, and words of conversation say nothing.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn may_be_meant(&self, text: &str) -> Result<bool, IndexError> {
        let analyzer = Analyzer::default();
        let is_talk = |word: &&str| {
            let word = word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
            !word.chars().any(char::is_alphabetic) || TALK.contains(&analyzer.stem(&word))
        };
        let text = text.get(..text.floor_char_boundary(MOST_BYTES)).unwrap_or_default();
        let words = text.split_whitespace().filter(|word| !is_encoded(word) && !is_talk(word));
        let text = words.collect::<Vec<_>>().join(" ");
        let shelf = self.shelf()?;
        let query = query::Query::new(&text, &shelf, &analyzer)?;
        // Numbers alone are no words.
        let is_word = |term: &str| term.chars().any(char::is_alphabetic) && !TALK.contains(term);
        let asked = query.asked.iter().map(|(term, _)| term.as_str());
        let asked: HashSet<&str> = asked.filter(|term| is_word(term)).collect();
        // A word that was repaired is none that was asked.
        let held = query.terms.iter().filter(|term| asked.contains(term.text.as_str()));
        let held: Vec<&query::Term> = held.collect();
        Ok(match held.as_slice() {
            [] => false,
            // One word alone is meant where something is called so.
            [one] => asked.len() <= 2 && self.is_name(&one.word.to_lowercase())?,
            [_, _] => asked.len() <= 4,
            _ => true,
        })
    }

    /// Tells whether code of the project has a name in lower case, or a definition in any, or a file but for its ending.
    fn is_name(&self, name: &str) -> Result<bool, IndexError> {
        for part in self.parts() {
            if let Some(list) = part.segment.terms().find(&format!("{NAME}{name}"))?
                && part.living(list)? > 0
            {
                return Ok(true);
            }
            for kind in [MENTION, STEM] {
                let Some(list) = part.segment.terms().find(&format!("{kind}{name}"))? else {
                    continue;
                };
                let bytes = part.segment.list(list)?;
                let mut files = Postings::new(&bytes);
                let lives = |file: u32| part.lives.get(usize::try_from(file).ok()?).copied();
                if files.any(|found| lives(found.document) == Some(true)) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}

/// Tells whether a word is encoded data, as base64: it has capitals, small letters and digits, and few of its letters stand in
/// runs of small ones, as those of names do.
fn is_encoded(word: &str) -> bool {
    let is_of_it = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=-_".contains(byte);
    let bytes = word.as_bytes();
    let has = |kind: fn(&u8) -> bool| bytes.iter().any(kind);
    let runs = bytes.split(|byte| !byte.is_ascii_lowercase());
    let in_runs: usize = runs.map(<[u8]>::len).filter(|length| *length >= RUN).sum();
    word.len() >= SHORTEST
        && bytes.iter().all(is_of_it)
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_digit)
        && in_runs * 3 < word.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_data_is_told_from_names() {
        for data in [
            "aGVsbG8gd29ybGQsIHRoaXMgaXMgYmFzZTY0",
            "iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4",
            "//8/w38GIAXDIBKE0DHxgljNBAAO9TXL0Y4OHwAAAABJRU5ErkJggg==",
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
        ] {
            assert!(is_encoded(data), "{data}");
        }
        for name in [
            "AbstractSingletonProxyFactoryBean",
            "src/jinja2/Environment2/HTMLFilters",
            "TEMPLATE_STRING_IF_INVALID_V2",
            "x86_64-unknown-linux-gnu-toolchain",
            "convertUtf8ToUtf16LittleEndian",
        ] {
            assert!(!is_encoded(name), "{name}");
        }
    }
}
