//! A model that tells of each word of a text whether it is to stay.
//!
//! Z. Pan and others, "LLMLingua-2: Data Distillation for Efficient and Faithful Task-Agnostic Prompt Compression" (2024): an
//! encoder with a linear layer of two classes over every token; a word's chance to stay is the mean of its pieces'.

use std::path::Path;

use serde_json::Value;

use super::bert::Bert;
use super::config::{Config, read_json};
use super::head::Head;
use super::layer::Desk;
use super::wordpiece::WordPiece;
use super::{TransformerError, check_vocabulary, cores, side_by_side, weights_of};
use crate::text::hash;

/// Most pieces of one pass, with those of beginning and end: what such models are trained with.
const PASS_PIECES: usize = 512;
/// What a folder calls the words that stay, beside `LABEL_1` and its like.
const KEPT: &[&str] = &["keep", "kept", "preserve", "retain", "true", "yes"];
/// What it calls those that go.
const DROPPED: &[&str] = &["drop", "dropped", "discard", "delete", "remove", "false", "no"];

/// A token classifier of two classes, keep and drop, from a folder as Hugging Face's libraries write it.
#[derive(Debug)]
pub struct TokenClassifier {
    id: String,
    bert: Bert,
    head: Head,
    tokenizer: WordPiece,
    /// Which of the two classes is that of the words that stay.
    keep: usize,
    /// Most pieces of a pass.
    pieces: usize,
    threads: usize,
}

/// Words that go through the model at once: the first one's place, how many pieces each has, and all pieces.
#[derive(Debug, Default)]
struct Pass {
    first: usize,
    lengths: Vec<usize>,
    pieces: Vec<u32>,
}

impl TokenClassifier {
    /// Reads a model from its folder.
    ///
    /// # Errors
    /// When a file is missing, damaged or too large, or the model is of another kind.
    pub fn open(folder: &Path) -> Result<Self, TransformerError> {
        let config = Config::open_bert(folder)?;
        let keep = kept_class(folder)?;
        let tokenizer = WordPiece::open(folder)?;
        let path = weights_of(folder)?;
        check_vocabulary(folder, tokenizer.greatest(), &config)?;
        let bert = Bert::read(&path, &config)?;
        let head = Head::read(&path, &config, 2)?;
        let sample = [bert.sample(), head.sample()].concat();
        let settings = format!("{config:?} {keep}");
        let id = format!("classifier-{:016x}", hash(&sample, hash(settings.as_bytes(), 0)));
        let pieces = PASS_PIECES.min(config.max_position_embeddings).max(8);
        Ok(Self { id, bert, head, tokenizer, keep, pieces, threads: cores() })
    }

    /// Names the model, with all that decides what it says.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the chance, 0 to 1, of each word of a text to stay; the words stand in the text's order. The same words get the
    /// same chances, however many threads there are.
    pub fn chances(&self, words: &[&str]) -> Vec<f32> {
        let passes = self.passes(words);
        let chances = side_by_side(self.threads, &passes, |pass, desk| self.chances_of(pass, desk));
        let mut all = vec![0.0; words.len()];
        for (pass, chances) in passes.iter().zip(chances) {
            for (slot, chance) in all.iter_mut().skip(pass.first).zip(chances) {
                *slot = chance;
            }
        }
        all
    }

    /// Parts the words into passes, as many words to each as it takes; of a word that fills a pass alone the beginning is read.
    fn passes(&self, words: &[&str]) -> Vec<Pass> {
        let room = self.pieces - 2;
        let mut passes = Vec::new();
        let mut pass = Pass::default();
        for (place, word) in words.iter().enumerate() {
            let mut pieces = self.tokenizer.pieces(word, room);
            pieces.truncate(room);
            if pass.pieces.len() + pieces.len() > room {
                passes.push(std::mem::take(&mut pass));
                pass.first = place;
            }
            pass.lengths.push(pieces.len());
            pass.pieces.extend(pieces);
        }
        passes.push(pass);
        passes.retain(|pass| !pass.pieces.is_empty());
        passes
    }

    fn chances_of(&self, pass: &Pass, desk: &mut Desk) -> Vec<f32> {
        let text = self.tokenizer.around(&pass.pieces);
        let rows = self.bert.rows(std::slice::from_ref(&text), desk);
        let scores = self.head.apply(&rows);
        // The first row is that of the beginning.
        let mut scores = scores.chunks_exact(2).skip(1).map(|pair| match (pair, self.keep) {
            ([one, two], 0) => chance(*one, *two),
            ([one, two], _) => chance(*two, *one),
            _ => 0.0,
        });
        let mean = |length: &usize| {
            let sum: f32 = scores.by_ref().take(*length).sum();
            // A word without a piece, of control characters alone, says nothing.
            #[allow(clippy::cast_precision_loss)]
            let count = (*length).max(1) as f32;
            sum / count
        };
        pass.lengths.iter().map(mean).collect()
    }
}

/// Returns the chance of one of two classes by their scores.
fn chance(this: f32, other: f32) -> f32 {
    let chance = 1.0 / (1.0 + (other - this).exp());
    // What is no number drops nothing.
    if chance.is_nan() { 1.0 } else { chance }
}

/// Returns the number of the class whose words stay, by what the folder calls it.
fn kept_class(folder: &Path) -> Result<usize, TransformerError> {
    let path = folder.join("config.json");
    let json = read_json(&path)?;
    let unsupported = |what: String| Err(TransformerError::unsupported(folder, what));
    let Some(labels) = json.get("id2label").and_then(Value::as_object) else {
        // The libraries write none where there are two classes without names.
        return match json.get("num_labels").and_then(Value::as_u64) {
            None | Some(2) => Ok(1),
            Some(count) => unsupported(format!("it tells {count} classes apart, not two")),
        };
    };
    let name = |number: &str| {
        let name = labels.get(number).and_then(Value::as_str).unwrap_or_default();
        name.to_lowercase()
    };
    if labels.len() != 2 {
        return unsupported(format!("it tells {} classes apart, not two", labels.len()));
    }
    let (first, second) = (name("0"), name("1"));
    let is = |name: &str, known: &[&str]| known.contains(&name);
    match () {
        () if first == "label_0" && second == "label_1" => Ok(1),
        () if is(&second, KEPT) || is(&first, DROPPED) => Ok(1),
        () if is(&first, KEPT) || is(&second, DROPPED) => Ok(0),
        () => unsupported(format!("its classes are `{first:.30}` and `{second:.30}`")),
    }
}
