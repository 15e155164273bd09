//! The numbers that a prompt is judged by.
//!
//! Some have a place of their own: what the words are about, how long and how concrete the request is,
//! what was pasted. The others (pairs of such facts, words, parts of words) share hashed places.

use super::hash::hash;
use super::lexicon::{Lexicon, MAX_CONCEPTS};
use super::own::Own;
use super::tokens::Token;

/// Places of one model, and those that are not hashed.
pub const PLACES: usize = 1 << 15;
const FIXED: usize = 1 << 10;

const AT_CONCEPT: usize = 1;
const AT_LEADING: usize = AT_CONCEPT + MAX_CONCEPTS;
const AT_SHAPE: usize = AT_LEADING + MAX_CONCEPTS;
/// Concepts of which pairs are made.
const PAIRED: usize = 14;
/// Words whose parts are looked at.
const SPELLED: usize = 60;

/// How much each kind of fact counts; found by cross-validation.
#[derive(Clone, Copy, Debug)]
pub struct Scales {
    /// What words are about.
    pub concept: f32,
    /// What the first words are about.
    pub leading: f32,
    /// Two of them in one request.
    pub pair: f32,
    /// One of them with the request's length and concreteness.
    pub crossed: f32,
    /// Length, questions, pasted text.
    pub shape: f32,
    /// Words and two words.
    pub word: f32,
    /// Parts of words.
    pub part: f32,
}

impl Default for Scales {
    fn default() -> Self {
        Self {
            concept: 1.0,
            leading: 0.7,
            pair: 2.0,
            crossed: 1.0,
            shape: 0.6,
            word: 1.0,
            part: 1.0,
        }
    }
}

/// A prompt as places and values, with what reasons are made of.
#[derive(Clone, Debug, Default)]
pub struct Features {
    /// Place and value; a place may come twice.
    pub values: Vec<(u32, f32)>,
    /// What the words are about, each once, with the words.
    pub concepts: Vec<(u16, String)>,
    /// The user's own words.
    pub words: usize,
    /// Names, paths, numbers and quotations.
    pub exact: usize,
    /// Whether something is asked rather than wanted.
    pub asks: bool,
}

struct Maker<'a> {
    features: Features,
    scales: &'a Scales,
}

/// Returns the numbers of a prompt.
pub fn features(own: &Own, tokens: &[Token], lexicon: &Lexicon, scales: &Scales) -> Features {
    let mut maker = Maker { features: Features::default(), scales };
    maker.put(0, 1.0);
    let found = lexicon.find(tokens);
    let length = length(tokens);
    let count = |wanted: &Token| tokens.iter().filter(|token| *token == wanted).count();
    let exact = [Token::Name, Token::Path, Token::Number, Token::Quote].iter().map(count).sum();
    maker.features.words = length;
    maker.features.exact = exact;
    maker.features.asks = count(&Token::Question) > 0;
    maker.shape(own, tokens, exact);
    maker.concepts(&found, length, exact);
    maker.words(tokens);
    maker.features
}

/// Returns how many words a text has; scripts without spaces have one for every two characters.
fn length(tokens: &[Token]) -> usize {
    tokens
        .iter()
        .map(|token| match token {
            Token::Run(run) => run.chars().count().div_ceil(2),
            Token::Stop | Token::Question | Token::Comma => 0,
            _ => 1,
        })
        .sum()
}

/// Returns the number of the step that a count stands on.
fn step(count: usize, steps: &[usize]) -> usize {
    steps.iter().filter(|step| count >= **step).count()
}

#[allow(clippy::cast_precision_loss)] // Small counts.
fn share(scale: f32, count: usize) -> f32 {
    scale / (count.max(1) as f32).sqrt()
}

impl Maker<'_> {
    fn put(&mut self, place: usize, value: f32) {
        self.features.values.push((u32::try_from(place).unwrap_or_default(), value));
    }

    fn put_hashed(&mut self, parts: &[&[u8]], value: f32) {
        let room = u64::try_from(PLACES - FIXED).unwrap_or(1);
        let place = usize::try_from(hash(parts) % room).unwrap_or_default();
        self.put(FIXED + place, value);
    }

    /// Adds how the request is made, whatever its words.
    fn shape(&mut self, own: &Own, tokens: &[Token], exact: usize) {
        let count = |wanted: &Token| tokens.iter().filter(|token| *token == wanted).count();
        let length = length(tokens);
        let pasted = own.pasted;
        let steps: [(usize, &[usize]); 15] = [
            (length, &[1, 3, 5, 8, 12, 18, 28, 45, 80]),
            (count(&Token::Name), &[1, 2, 3, 5]),
            (count(&Token::Path), &[1, 2, 3]),
            (count(&Token::Number), &[1, 2, 4]),
            (count(&Token::Quote), &[1, 2]),
            (count(&Token::Question), &[1, 2]),
            (count(&Token::Stop), &[1, 2, 3, 5]),
            (count(&Token::Comma), &[1, 2, 4, 7]),
            (own.items, &[1, 3, 5]),
            (pasted.code, &[1, 40]),
            (pasted.log, &[1, 40]),
            (pasted.trace, &[1, 40]),
            (pasted.diff, &[1, 40]),
            (exact, &[1, 2, 3, 5]),
            (
                usize::from(matches!(
                    tokens.iter().rfind(|t| **t != Token::Stop),
                    Some(Token::Question)
                )),
                &[1],
            ),
        ];
        for (at, (count, steps)) in steps.iter().enumerate() {
            self.put(AT_SHAPE + at * 12 + step(*count, steps), self.scales.shape);
        }
        let crossed = step(length, &[3, 6, 10, 16, 28]) * 4 + step(exact, &[1, 2, 3]);
        self.put(AT_SHAPE + 200 + crossed, self.scales.shape);
    }

    /// Adds what the words are about.
    fn concepts(&mut self, found: &[(u16, String)], length: usize, exact: usize) {
        let mut once: Vec<(u16, String)> = Vec::new();
        for (concept, word) in found {
            if !once.iter().any(|(known, _)| known == concept) {
                once.push((*concept, word.clone()));
            }
        }
        // In a long text many things are named in passing.
        let concept = share(self.scales.concept, once.len() / 6 + 1);
        for (at, (one, _)) in once.iter().enumerate() {
            self.put(AT_CONCEPT + usize::from(*one), concept);
            if at < 2 {
                let half = if at == 0 { 1.0 } else { 0.5 };
                self.put(AT_LEADING + usize::from(*one), self.scales.leading * half);
            }
        }
        let paired: Vec<u16> = once.iter().take(PAIRED).map(|(one, _)| *one).collect();
        let pairs = paired.len() * paired.len().saturating_sub(1) / 2;
        let value = share(self.scales.pair, pairs);
        let short = [u8::try_from(step(length, &[5, 12, 30])).unwrap_or_default()];
        let exact = [u8::try_from(step(exact, &[1, 3])).unwrap_or_default()];
        let crossed = share(self.scales.crossed, paired.len());
        for (at, one) in paired.iter().enumerate() {
            let one = one.to_le_bytes();
            self.put_hashed(&[b"short", &one, &short], crossed);
            self.put_hashed(&[b"exact", &one, &exact], crossed);
            for other in paired.iter().skip(at + 1) {
                let other = other.to_le_bytes();
                let (low, high) = if one <= other { (one, other) } else { (other, one) };
                self.put_hashed(&[b"pair", &low, &high], value);
            }
        }
        self.features.concepts = once;
    }

    /// Adds words, two words that stand together, and parts of words.
    fn words(&mut self, tokens: &[Token]) {
        let words: Vec<&str> = tokens
            .iter()
            .map(|token| match token {
                Token::Word(word) | Token::Run(word) => word.as_str(),
                Token::Name => "\u{1}name",
                Token::Path => "\u{1}path",
                Token::Number => "\u{1}number",
                Token::Quote => "\u{1}quote",
                Token::Stop => "\u{1}stop",
                Token::Question => "\u{1}question",
                Token::Comma => "\u{1}comma",
            })
            .collect();
        let value = share(self.scales.word, words.len());
        let mut before = "\u{1}begin";
        for word in &words {
            self.put_hashed(&[b"word", word.as_bytes()], value);
            self.put_hashed(&[b"two", before.as_bytes(), b" ", word.as_bytes()], value);
            before = word;
        }
        let spelled: Vec<&str> =
            words.iter().copied().filter(|word| !word.starts_with('\u{1}')).take(SPELLED).collect();
        let letters: usize = spelled.iter().map(|word| word.chars().count()).sum();
        let value = share(self.scales.part, letters * 2);
        for word in spelled {
            self.parts(word, value);
        }
    }

    /// Adds runs of three to five letters of a word, its ends marked; of one to three where a script
    /// sets no spaces.
    fn parts(&mut self, word: &str, value: f32) {
        let is_run = word.chars().next().is_some_and(super::tokens::is_run);
        let marked = if is_run { word.to_owned() } else { format!("^{word}$") };
        let ends: Vec<usize> =
            marked.char_indices().map(|(at, _)| at).chain([marked.len()]).take(120).collect();
        let sizes = if is_run { 1..=3 } else { 3..=5 };
        for size in sizes {
            for (start, end) in ends.iter().zip(ends.iter().skip(size)) {
                let part = marked.get(*start..*end).unwrap_or_default();
                self.put_hashed(&[b"part", part.as_bytes()], value);
            }
        }
    }
}

/// Returns the place of what a word is about.
pub fn concept_place(concept: u16) -> usize {
    AT_CONCEPT + usize::from(concept)
}
