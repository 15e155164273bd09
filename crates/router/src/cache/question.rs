//! A question in a plain form: two questions that ask the same in other words have the same form.
//!
//! The form is a list of words in order. Only closed lists take anything away from it (politeness, ways to begin a
//! question, articles, a few other words for one thing); what no list names stays, and two forms that differ in one such
//! word ask something else. Quotations, code and what stands behind a colon or a line's end stay letter for letter.

mod english;
mod form;
mod russian;
mod words;

use form::Form;
use words::{Word, has_digit};

/// The language whose manners of speaking are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Language {
    /// English.
    English,
    /// Russian.
    Russian,
    /// Any other: nothing but letters' case and marks at the edges is passed over.
    Other,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Asks {
    /// How something is done.
    HowTo,
    /// For a reason.
    Why,
    /// For a place.
    Where,
    /// Whether something can be done.
    May,
    /// Whether something is so.
    Whether,
    /// What something is.
    What,
    /// Something else: the words tell.
    Plain,
}

/// A question in its plain form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Its language.
    pub language: Language,
    /// What it asks for.
    pub asks: Asks,
    /// Its words in their plain forms, in order.
    pub words: Vec<String>,
    /// The same words as they were written, in small letters.
    pub surface: Vec<String>,
    /// What must agree whatever the words say.
    pub facts: Facts,
    /// Whether it is about words, so that no word stands for another.
    pub mentions: bool,
    /// Whether its answer depends on the moment, on chance or on what was said before.
    pub passing: bool,
}

/// What of a question must agree, read from its text without regard to its form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Words with a digit in them, sorted.
    pub numbers: Vec<String>,
    /// How often something is denied.
    pub negations: usize,
    /// Quotations, code and texts that were handed over.
    pub pieces: Vec<String>,
    /// Names in capitals, and words that are a name by their first letter, sorted.
    pub names: Vec<String>,
}

const NEGATIONS: &[&str] = &[
    "not",
    "no",
    "never",
    "without",
    "none",
    "nothing",
    "nobody",
    "neither",
    "nor",
    "nowhere",
    "hardly",
    "except",
    "не",
    "ни",
    "нет",
    "без",
    "никогда",
    "ничего",
    "никто",
    "никак",
    "нельзя",
    "кроме",
    "нигде",
    "nicht",
    "kein",
    "keine",
    "keinen",
    "ohne",
    "nie",
    "sans",
    "pas",
    "jamais",
    "sin",
    "nunca",
    "senza",
    "non",
    "nunca",
    "não",
    "sem",
];

/// Words whose questions have another answer each time.
const PASSING: &[&str] = &[
    "today",
    "today's",
    "tonight",
    "yesterday",
    "tomorrow",
    "now",
    "current",
    "currently",
    "latest",
    "newest",
    "recent",
    "recently",
    "random",
    "randomly",
    "another",
    "again",
    "else",
    "previous",
    "above",
    "earlier",
    "continue",
    "сегодня",
    "вчера",
    "завтра",
    "сейчас",
    "текущий",
    "текущая",
    "текущее",
    "текущие",
    "последняя",
    "свежий",
    "случайное",
    "еще",
    "опять",
    "снова",
    "другой",
    "другую",
    "другое",
    "выше",
    "предыдущий",
    "продолжи",
    "продолжай",
];

impl Question {
    /// Reads a question; `None` where it is empty or too long to be compared.
    pub fn read(text: &str) -> Option<Self> {
        let sentences = words::sentences(text)?;
        let language = language(&sentences);
        let facts = Facts::of(&sentences, language);
        let mentions = {
            let list = match language {
                Language::English => english::MENTION,
                Language::Russian => russian::MENTION,
                Language::Other => &[],
            };
            language == Language::Other
                || sentences.iter().flatten().any(|word| list.contains(&word.low.as_str()))
        };
        let passing = sentences.iter().flatten().any(|word| PASSING.contains(&word.low.as_str()));
        let mut form =
            Form { language, mentions, asks: Asks::Plain, words: Vec::new(), surface: Vec::new() };
        for sentence in sentences {
            form.add(sentence);
        }
        if form.words.is_empty() {
            return None;
        }
        let Form { asks, words, surface, .. } = form;
        Some(Self { language, asks, words, surface, facts, mentions, passing })
    }

    /// Returns the form as one text, by which it is found.
    pub fn key(&self) -> String {
        let mut key = format!("{:?} {:?}", self.language, self.asks);
        for word in &self.words {
            key.push('\u{1f}');
            key.push_str(word);
        }
        key
    }
}

impl Facts {
    fn of(sentences: &[Vec<Word>], language: Language) -> Self {
        let mut facts = Self::default();
        for word in sentences.iter().flatten() {
            if word.verbatim {
                facts.pieces.push(word.raw.clone());
                continue;
            }
            let low = word.low.as_str();
            if has_digit(low) {
                facts.numbers.push(low.to_owned());
            }
            if NEGATIONS.contains(&low)
                || low.ends_with("n't")
                || matches!(low, "cannot" | "cant" | "dont" | "doesnt" | "isnt" | "didnt")
            {
                facts.negations += 1;
            }
            if is_name(word, language) {
                facts.names.push(word.raw.clone());
            }
        }
        facts.numbers.sort();
        facts.names.sort();
        facts
    }
}

/// Tells whether a word is a name only by its capitals.
fn is_name(word: &Word, language: Language) -> bool {
    let starts_big = word.raw.chars().next().is_some_and(char::is_uppercase);
    let is_big =
        starts_big && word.raw.chars().count() > 1 && !word.raw.chars().any(char::is_lowercase);
    let is_cased = language == Language::English && english::CASED.contains(&word.low.as_str());
    // A sentence's first word has its capital from there.
    starts_big && is_cased && !word.first || is_big && is_cased
}

fn language(sentences: &[Vec<Word>]) -> Language {
    let (mut english, mut russian, mut other) = (0_usize, 0_usize, 0_usize);
    for word in sentences.iter().flatten().filter(|word| !word.verbatim) {
        if word.low.chars().any(|c| ('а'..='я').contains(&c)) {
            match word
                .low
                .chars()
                .any(|c| matches!(c, 'і' | 'ї' | 'є' | 'ґ' | 'ў' | 'ј' | 'љ' | 'њ'))
            {
                true => other += 5,
                false => russian += 1,
            }
        } else if ENGLISH.contains(&word.low.as_str()) {
            english += 1;
        } else if OTHER.contains(&word.low.as_str())
            || word.low.chars().any(|c| c.is_alphabetic() && !c.is_ascii())
        {
            other += 1;
        }
    }
    match (english, russian, other) {
        (_, 0, 0) if english > 0 => Language::English,
        (_, 1.., 0) => Language::Russian,
        (_, 0, _) if english >= 3 && other <= 1 => Language::English,
        _ => Language::Other,
    }
}

const ENGLISH: &[&str] = &[
    "the",
    "a",
    "an",
    "how",
    "what",
    "why",
    "where",
    "when",
    "who",
    "which",
    "is",
    "are",
    "do",
    "does",
    "can",
    "could",
    "to",
    "of",
    "in",
    "i",
    "my",
    "you",
    "please",
    "with",
    "for",
    "and",
    "write",
    "explain",
    "give",
    "make",
    "what's",
    "should",
    "will",
    "set",
    "translate",
    "list",
    "show",
    "tell",
    "me",
    "on",
    "from",
    "this",
    "it",
    "did",
    "was",
];

const OTHER: &[&str] = &[
    "der", "die", "das", "und", "wie", "ist", "ein", "eine", "ich", "nicht", "kann", "le", "la",
    "les", "est", "un", "une", "comment", "je", "el", "los", "las", "como", "cómo", "qué", "que",
    "es", "una", "il", "che", "come", "di", "per", "de", "du", "des", "en", "para", "por", "o",
    "os", "um", "uma", "het", "een", "hoe", "jak", "jest", "se",
];
