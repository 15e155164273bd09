//! Words chosen by a model: which of them may go is told by the same rules as without one.
//!
//! As in LLMLingua-2 (Z. Pan and others, 2024): a model gives each word's chance to stay, and those with the least go until the text
//! is short enough. Unlike there, what the rules hold is never asked about: quotations, inline code, numbers, names, paths,
//! denials with what they deny, words that bind, and sentences that the request names.

use std::collections::HashSet;
use std::fmt::Debug;

use distiq_ml::TokenClassifier;

use super::prose::{Paragraph, Sentence};

/// Tells how likely each word of a text says something.
pub trait WordModel: Debug + Sync {
    /// Returns the chance, 0 to 1, of each word to be needed; the words stand in the text's order. The same words always get the same.
    fn chances(&self, words: &[&str]) -> Vec<f32>;
}

impl WordModel for TokenClassifier {
    fn chances(&self, words: &[&str]) -> Vec<f32> {
        TokenClassifier::chances(self, words)
    }
}

/// A word that may go.
struct Open {
    chance: f32,
    /// Its paragraph, sentence and place in that.
    at: (usize, usize, usize),
    bytes: usize,
}

/// A sentence's words, each with whether the rules hold it.
type Words<'t> = Vec<(&'t str, bool)>;

/// What is left of a sentence.
struct Left {
    /// Its paragraph and its place in that.
    at: (usize, usize),
    /// How likely its words are needed, on average.
    mean: f32,
    goes: bool,
    kept: String,
}

/// Shortens the sentences to the words that `model` keeps, and tells whether it did; where it did not, they are as before.
///
/// At least one sentence goes as a whole, so that the gap tells that nothing is to be done a second time.
pub(super) fn choose(paragraphs: &mut [Paragraph<'_>], ratio: f32, model: &dyn WordModel) -> bool {
    let before: usize = paragraphs.iter().map(|paragraph| paragraph.text.len()).sum();
    let target = (before as f32 / ratio.max(1.0)) as usize;
    let all: Vec<Vec<Words<'_>>> = paragraphs
        .iter()
        .map(|paragraph| paragraph.sentences.iter().map(Sentence::words).collect())
        .collect();
    let words: Vec<&str> = all.iter().flatten().flatten().map(|(word, _)| *word).collect();
    let chances = model.chances(&words);
    if chances.len() != words.len() {
        return false;
    }
    let mut bytes: usize = words.iter().map(|word| word.len() + 1).sum();
    let mut open = open(paragraphs, &all, &chances);
    open.sort_by(|a, b| a.chance.total_cmp(&b.chance).then(b.at.cmp(&a.at)));
    let mut gone = HashSet::new();
    for word in open {
        if bytes <= target {
            break;
        }
        bytes = bytes.saturating_sub(word.bytes);
        gone.insert(word.at);
    }
    let mut left = left(paragraphs, &all, &chances, &gone);
    if left.iter().all(|sentence| !sentence.goes) {
        let may_go = |it: &&mut Left| sentence(paragraphs, it.at).is_some_and(|it| it.may_go());
        let least = left.iter_mut().filter(may_go).min_by(|a, b| a.mean.total_cmp(&b.mean));
        let Some(least) = least else { return false };
        least.goes = true;
    }
    for Left { at, goes, kept, .. } in left {
        let sentence = sentence(paragraphs, at);
        if let Some(sentence) = sentence.filter(|sentence| !sentence.is_asked) {
            sentence.goes = goes;
            sentence.keep(&kept);
        }
    }
    true
}

fn sentence<'p, 't>(
    paragraphs: &'p mut [Paragraph<'t>],
    (paragraph, sentence): (usize, usize),
) -> Option<&'p mut Sentence<'t>> {
    paragraphs.get_mut(paragraph)?.sentences.get_mut(sentence)
}

/// Returns what is left of each sentence without the words at `gone`, in order.
fn left(
    paragraphs: &[Paragraph<'_>],
    all: &[Vec<Words<'_>>],
    chances: &[f32],
    gone: &HashSet<(usize, usize, usize)>,
) -> Vec<Left> {
    let mut chances = chances.iter();
    let mut all_left = Vec::new();
    for (at, (paragraph, sentences)) in paragraphs.iter().zip(all).enumerate() {
        for (number, (sentence, words)) in paragraph.sentences.iter().zip(sentences).enumerate() {
            let said: f32 = chances.by_ref().take(words.len()).sum();
            let kept: Vec<&str> = (0..)
                .zip(words)
                .filter(|(place, _)| !gone.contains(&(at, number, *place)))
                .map(|(_, (word, _))| *word)
                .collect();
            // A last word that nobody holds says nothing alone.
            let last_is_held = words.last().is_some_and(|(_, is_held)| *is_held);
            let is_gone = kept.len() <= 1 && !last_is_held && !words.is_empty();
            all_left.push(Left {
                at: (at, number),
                mean: said / words.len().max(1) as f32,
                goes: is_gone && !sentence.is_asked,
                kept: kept.join(" "),
            });
        }
    }
    all_left
}

/// Returns the words that may go. The last of a sentence stays for its full stop, while others of the sentence do.
fn open(paragraphs: &[Paragraph<'_>], all: &[Vec<Words<'_>>], chances: &[f32]) -> Vec<Open> {
    let mut open = Vec::new();
    let mut chances = chances.iter();
    for (at, (paragraph, sentences)) in paragraphs.iter().zip(all).enumerate() {
        for (number, (sentence, words)) in paragraph.sentences.iter().zip(sentences).enumerate() {
            for (place, (word, is_held)) in words.iter().enumerate() {
                let Some(chance) = chances.next() else { return open };
                let is_last = place + 1 == words.len();
                if !is_held && !is_last && !sentence.is_asked {
                    let bytes = word.len() + 1;
                    open.push(Open { chance: *chance, at: (at, number, place), bytes });
                }
            }
        }
    }
    open
}
