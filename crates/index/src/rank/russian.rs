//! A request in Russian in the words that code is written in: `вершина` is `node` or `vertex`.
//!
//! The table is general vocabulary of programming, written by hand: a line is Russian words that mean the same,
//! joined by commas, then English ones, the likeliest first.

use std::collections::HashMap;
use std::sync::LazyLock;

use distiq_ml::words::is_stop;

use super::shelf::Shelf;
use crate::segment::Damaged;
use crate::words::{Analyzer, tokens};

static TABLE: LazyLock<HashMap<String, Vec<&'static str>>> =
    LazyLock::new(|| read(include_str!("russian.txt")));

/// A request in English, as far as the table goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Translated {
    pub text: String,
    /// Terms that may be meant as well as the words that were chosen.
    pub others: Vec<String>,
}

/// Returns a request with its Russian words put into English; `None` where it has none that are known. Of
/// several words for one the first that the project uses is chosen.
pub(super) fn translate(
    text: &str,
    shelf: &Shelf<'_>,
    analyzer: &Analyzer,
) -> Result<Option<Translated>, Damaged> {
    if !text.chars().any(is_cyrillic) {
        return Ok(None);
    }
    let mut translated = Translated::default();
    let mut is_known = false;
    let mut end = 0;
    for token in tokens(text) {
        let at = token.as_ptr() as usize - text.as_ptr() as usize;
        translated.text.push_str(text.get(end..at).unwrap_or_default());
        end = at + token.len();
        let lower = token.to_lowercase();
        let stem = analyzer.stem(&lower);
        let words = if lower.chars().all(is_cyrillic) && !is_stop(&lower) {
            TABLE.get(&stem).map(Vec::as_slice).unwrap_or_default()
        } else {
            &[]
        };
        let mut used = Vec::new();
        for word in words {
            if shelf.documents(&analyzer.stem(word))? > 0 {
                used.push(*word);
            }
        }
        let Some((first, others)) = used.split_first() else {
            translated.text.push_str(token);
            continue;
        };
        is_known = true;
        translated.text.push_str(first);
        translated.others.extend(others.iter().map(|word| analyzer.stem(word)));
        // Comments may be in Russian too.
        if shelf.documents(&stem)? > 0 {
            translated.others.push(stem);
        }
    }
    translated.text.push_str(text.get(end..).unwrap_or_default());
    Ok(is_known.then_some(translated))
}

fn is_cyrillic(c: char) -> bool {
    ('\u{400}'..='\u{4ff}').contains(&c)
}

fn read(text: &'static str) -> HashMap<String, Vec<&'static str>> {
    let analyzer = Analyzer::default();
    let mut table: HashMap<String, Vec<&'static str>> = HashMap::new();
    for line in text.lines() {
        let Some((russian, english)) = line.split_once(' ') else { continue };
        for word in russian.split(',') {
            let words = table.entry(analyzer.stem(word)).or_default();
            for other in english.split_whitespace() {
                if !words.contains(&other) {
                    words.push(other);
                }
            }
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_has_words_of_both_languages() {
        for line in include_str!("russian.txt").lines() {
            let (russian, english) = line.split_once(' ').unwrap();
            assert!(russian.split(',').all(|word| word.chars().all(is_cyrillic)), "{line}");
            assert!(english.split(' ').all(|word| word.chars().all(|c| c.is_ascii_lowercase())));
        }
    }

    #[test]
    fn forms_of_a_word_are_found() {
        let analyzer = Analyzer::default();
        for (word, english) in [
            ("вершинами", "node"),
            ("файлов", "file"),
            ("разбирает", "parse"),
            ("строкой", "line"),
            ("куки", "cookie"),
            ("хендлеры", "handler"),
            ("роутера", "router"),
            ("цитату", "quote"),
            ("попытками", "attempt"),
            ("перезагружает", "reload"),
            ("отписываться", "unsubscribe"),
        ] {
            let words = TABLE.get(&analyzer.stem(word)).unwrap_or_else(|| panic!("{word}"));
            assert!(words.contains(&english), "{word}: {words:?}");
        }
        // "Almost" has the stem of mail, "or" that of the slang for a library.
        assert!(["почти", "либо"].iter().all(|word| !TABLE.contains_key(&analyzer.stem(word))));
    }
}
