//! What words are about, in several languages, so that what is learned in one language holds in others.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasherDefault;

use super::hash::Fnv;
use super::tokens::Token;

const TABLE: &str = include_str!("../../data/lexicon.txt");
/// Words of a phrase.
const MAX_WORDS: usize = 4;
/// Letters of a word that are compared.
const MAX_LETTERS: usize = 18;
/// Most concepts that there can be; features count on it.
pub const MAX_CONCEPTS: usize = 192;

type Map<T> = HashMap<String, T, BuildHasherDefault<Fnv>>;

/// The words of the table by how they are looked up.
#[derive(Debug, Default)]
pub struct Lexicon {
    names: Vec<&'static str>,
    whole: Map<Vec<u16>>,
    starts: Map<Vec<u16>>,
    runs: Map<Vec<u16>>,
    longest_run: usize,
    phrase_starts: HashSet<String, BuildHasherDefault<Fnv>>,
}

impl Lexicon {
    /// Reads the table.
    pub fn builtin() -> Self {
        let mut lexicon = Self::default();
        for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
            let Some((name, words)) = line.split_once(':') else { continue };
            if lexicon.names.len() >= MAX_CONCEPTS {
                break;
            }
            let concept = u16::try_from(lexicon.names.len()).unwrap_or(u16::MAX);
            lexicon.names.push(name);
            words.split_whitespace().for_each(|word| lexicon.add(word, concept));
        }
        lexicon
    }

    fn add(&mut self, word: &str, concept: u16) {
        let start = word.strip_suffix('*');
        let text = start.unwrap_or(word).replace('_', " ");
        let (is_run, length) =
            (text.chars().next().is_some_and(super::tokens::is_run), text.chars().count());
        if let Some((first, _)) = text.split_once(' ') {
            self.phrase_starts.insert(first.to_owned());
        }
        let map = match (is_run, start) {
            (true, _) => {
                self.longest_run = self.longest_run.max(length);
                &mut self.runs
            }
            (false, Some(_)) => &mut self.starts,
            (false, None) => &mut self.whole,
        };
        let list = map.entry(text).or_default();
        if !list.contains(&concept) {
            list.push(concept);
        }
    }

    /// Returns a concept's name.
    pub fn name(&self, concept: u16) -> &'static str {
        self.names.get(usize::from(concept)).copied().unwrap_or_default()
    }

    /// Returns how many concepts there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Returns what each token is about, in order, with the words that said so.
    pub fn find(&self, tokens: &[Token]) -> Vec<(u16, String)> {
        let mut found = Vec::new();
        for (at, token) in tokens.iter().enumerate() {
            match token {
                Token::Word(word) => {
                    if self.phrase_starts.contains(word) {
                        self.phrases(tokens.get(at..).unwrap_or_default(), &mut found);
                    }
                    self.word(word, &mut found);
                }
                Token::Run(run) => self.run(run, &mut found),
                _ => {}
            }
        }
        found
    }

    fn phrases(&self, tokens: &[Token], found: &mut Vec<(u16, String)>) {
        let mut text = String::new();
        for (count, token) in tokens.iter().take(MAX_WORDS).enumerate() {
            let Token::Word(word) = token else { return };
            if count > 0 {
                text.push(' ');
            }
            text.push_str(word);
            if count > 0 {
                self.word(&text, found);
            }
        }
    }

    /// Adds what a word or a phrase says as a whole and by its longest known beginning.
    fn word(&self, word: &str, found: &mut Vec<(u16, String)>) {
        let mut add = |concepts: &[u16]| {
            found.extend(concepts.iter().map(|concept| (*concept, word.to_owned())));
        };
        if let Some(concepts) = self.whole.get(word) {
            add(concepts);
        }
        let last_space = word.rfind(' ').map_or(0, |at| at + 1);
        let most = word.char_indices().map(|(at, c)| at + c.len_utf8());
        let ends: Vec<usize> = most.filter(|end| *end > last_space + 1).take(MAX_LETTERS).collect();
        let longest = ends.iter().rev().find_map(|end| self.starts.get(word.get(..*end)?));
        if let Some(concepts) = longest {
            add(concepts);
        }
    }

    /// Adds what stands anywhere in a run, the longest first.
    fn run(&self, run: &str, found: &mut Vec<(u16, String)>) {
        let ends: Vec<usize> =
            run.char_indices().map(|(at, _)| at).chain([run.len()]).take(400).collect();
        for (first, start) in ends.iter().enumerate() {
            let candidates = ends.iter().skip(first + 1).take(self.longest_run).rev();
            let longest = candidates
                .filter_map(|end| run.get(*start..*end))
                .find_map(|text| Some((text, self.runs.get(text)?)));
            if let Some((text, concepts)) = longest {
                found.extend(concepts.iter().map(|concept| (*concept, text.to_owned())));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tokens::tokens;
    use super::*;

    #[test]
    fn words_of_several_languages_say_the_same() {
        let lexicon = Lexicon::builtin();
        let names = |text: &str| -> Vec<&str> {
            lexicon
                .find(&tokens(text))
                .into_iter()
                .map(|(concept, _)| lexicon.name(concept))
                .collect()
        };
        assert!(lexicon.len() > 100 && lexicon.len() <= MAX_CONCEPTS);
        for text in
            ["rename it", "переименуй это", "重命名这个", "bitte umbenennen", "名前を変更して"]
        {
            assert!(names(text).contains(&"rename"), "{text}: {:?}", names(text));
        }
        assert!(names("build it from scratch").contains(&"from_scratch"));
        assert!(names("никто не знает почему").contains(&"unknown"));
        assert_eq!(names(""), Vec::<&str>::new());
    }
}
