//! The file's side of a match: its lines that say something, with what is compared of each.

use std::cell::OnceCell;
use std::collections::HashMap;

use super::block::Solid;
use super::fold;
use super::lines::Lines;

/// A text that edits look for their places in; what a step needs is worked out when it is needed.
pub(super) struct Page<'a> {
    pub(super) text: &'a str,
    pub(super) lines: Lines<'a>,
    solid: OnceCell<Vec<Mark>>,
    sketches: OnceCell<Vec<u128>>,
    words: OnceCell<HashMap<&'a str, u32>>,
}

/// A line that says something.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    /// Its number, from 0.
    pub(super) line: usize,
    /// The same for all lines that say the same.
    pub(super) key: u64,
}

impl<'a> Page<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            lines: Lines::new(text),
            solid: OnceCell::new(),
            sketches: OnceCell::new(),
            words: OnceCell::new(),
        }
    }

    /// Returns the lines that say something.
    pub(super) fn solid(&self) -> &[Mark] {
        self.solid.get_or_init(|| {
            let lines = (0..self.lines.len()).map(|line| (line, self.lines.get(line)));
            let solid = lines.filter(|(_, text)| !text.trim().is_empty());
            solid.map(|(line, text)| Mark { line, key: fold::key(text) }).collect()
        })
    }

    /// Returns the `index`th line that says something; an empty one beyond the last.
    pub(super) fn line(&self, index: usize) -> Solid<'a> {
        let line = self.solid().get(index).map(|mark| mark.line);
        let gap = match index.checked_sub(1).and_then(|before| self.solid().get(before)) {
            Some(before) => line.unwrap_or(0).saturating_sub(before.line + 1),
            None => line.unwrap_or(0),
        };
        Solid::new(line.map_or("", |line| self.lines.get(line)), gap)
    }

    /// Returns the number (from 0) of the `index`th line that says something.
    pub(super) fn number(&self, index: usize) -> usize {
        self.solid().get(index).map_or(self.lines.len(), |mark| mark.line)
    }

    /// Returns sketches of the same lines, to tell quickly which are far from each other.
    pub(super) fn sketches(&self) -> &[u128] {
        self.sketches.get_or_init(|| {
            self.solid().iter().map(|mark| sketch(&fold::fold(self.lines.get(mark.line)))).collect()
        })
    }

    /// Returns how often each word is in the text.
    pub(super) fn words(&self) -> &HashMap<&'a str, u32> {
        self.words.get_or_init(|| {
            let mut words = HashMap::new();
            for word in words_of(self.text) {
                *words.entry(word).or_insert(0) += 1;
            }
            words
        })
    }

    /// Tells whether most of the text's indented lines begin with a tab.
    pub(super) fn prefers_tabs(&self) -> bool {
        /// Lines looked at; files keep to one style.
        const LOOKED_AT: usize = 400;
        let lines = (0..self.lines.len()).map(|line| self.lines.get(line));
        let indented = lines.filter(|line| line.starts_with([' ', '\t'])).take(LOOKED_AT);
        let (mut tabs, mut spaces) = (0, 0);
        indented.for_each(|line| if line.starts_with('\t') { tabs += 1 } else { spaces += 1 });
        tabs > spaces
    }
}

/// Returns the words of a text: runs of letters, digits and `_`.
pub(super) fn words_of(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !is_word(c)).filter(|word| !word.is_empty())
}

/// Tells whether a character may stand within a word.
pub(super) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Returns which pairs of neighbouring characters a line has, thrown onto 128 places.
pub(super) fn sketch(line: &str) -> u128 {
    let chars = line.chars().map(u32::from);
    chars.clone().zip(chars.skip(1)).fold(0, |pairs, (a, b)| {
        // Any spread will do.
        pairs | 1_u128 << ((a * 31 + b * 7) % 127)
    })
}
