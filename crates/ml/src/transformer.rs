//! Models of the BERT family, embedders, cross-encoders and token classifiers, read from a folder as Hugging Face's libraries write it.
//!
//! A folder has `config.json`, `model.safetensors`, `tokenizer.json` (WordPiece; of an embedder also byte pairs) or `vocab.txt`,
//! and perhaps what Sentence Transformers adds: `modules.json`, `1_Pooling/config.json`, `sentence_bert_config.json`, prompts.
//! MiniLM, bge, e5 and gte are such models; embedders may also be nomic's (rotary positions, gated layers, prompts of their own)
//! and jina's second ones (slopes, gated layers).

mod bert;
mod bytepairs;
mod classifier;
mod config;
mod cross;
mod error;
mod head;
mod layer;
mod matrix;
mod positions;
mod safetensors;
mod tokenizer;
mod usage;
mod wordpiece;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use distiq_base::{Embed, EmbedError, EmbedRole};

pub use classifier::TokenClassifier;
pub use cross::CrossEncoder;
pub use error::TransformerError;

use bert::Bert;
use config::Config;
use layer::Desk;
use safetensors::Weights;
use tokenizer::Tokenizer;
use usage::Use;
use wordpiece::WordPiece;

use crate::text::hash;

/// Tokens that go through the model at once, unless one text alone has more.
const BATCH_TOKENS: usize = 512;
/// Most threads.
const MOST_THREADS: usize = 16;

/// An embedder from a folder.
///
/// Each text goes through the model as often as it is embedded; a text of a hundred tokens takes tens of milliseconds of a core.
#[derive(Debug)]
pub struct Transformer {
    id: String,
    bert: Bert,
    tokenizer: Tokenizer,
    usage: Use,
    threads: usize,
}

impl Transformer {
    /// Reads a model from its folder.
    ///
    /// # Errors
    /// When a file is missing, damaged or too large, or the model is of another kind.
    pub fn open(folder: &Path) -> Result<Self, TransformerError> {
        let config = Config::open(folder)?;
        let usage = Use::open(folder, &config)?;
        let tokenizer = Tokenizer::open(folder)?;
        let path = weights_of(folder)?;
        check_vocabulary(folder, tokenizer.greatest(), &config)?;
        let bert = Bert::read(&path, &config)?;
        let sample = bert.sample();
        let settings = format!("{config:?} {usage:?}");
        let id = format!("transformer-{:016x}", hash(&sample, hash(settings.as_bytes(), 0)));
        Ok(Self { id, bert, tokenizer, usage, threads: cores() })
    }

    /// Looks whether a folder is that of a model, without reading all of it: what its settings say, and whether its weights and
    /// its tokenizer are there and whole as far as their lengths tell.
    ///
    /// # Errors
    /// When they are not.
    pub fn check(folder: &Path) -> Result<(), TransformerError> {
        let config = Config::open(folder)?;
        Use::open(folder, &config)?;
        WordPiece::look(folder)?;
        Weights::open(&weights_of(folder)?)?.check_length()
    }

    /// Returns the model as one that takes at most so many threads.
    pub fn with_threads(self, threads: usize) -> Self {
        Self { threads: threads.clamp(1, MOST_THREADS), ..self }
    }

    /// Returns a vector of length one for each text. Of a text that is longer than the model reads, the beginning counts.
    pub fn vectors(&self, texts: &[&str], role: EmbedRole) -> Vec<Vec<f32>> {
        let prompt = match role {
            EmbedRole::Query => &self.usage.query_prompt,
            EmbedRole::Passage => &self.usage.passage_prompt,
        };
        let encode = |text: &&str| match prompt.is_empty() {
            true => self.tokenizer.encode(text, self.usage.tokens),
            false => self.tokenizer.encode(&format!("{prompt}{text}"), self.usage.tokens),
        };
        let mut encoded: Vec<(usize, Vec<u32>)> = texts.iter().map(encode).enumerate().collect();
        // Long ones first, so that no thread ends up with them alone.
        encoded.sort_by_key(|(_, ids)| std::cmp::Reverse(ids.len()));
        let batches = batches(encoded);
        let vectors = side_by_side(self.threads, &batches, |(_, ids), desk| {
            self.bert.embed(ids, self.usage.pooling, desk)
        });
        let mut all = vec![Vec::new(); texts.len()];
        for ((places, _), vectors) in batches.iter().zip(vectors) {
            for (place, vector) in places.iter().zip(vectors) {
                if let Some(slot) = all.get_mut(*place) {
                    *slot = vector;
                }
            }
        }
        all
    }
}

/// Returns how many threads a model takes.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS)
}

/// Does works on so many threads, and returns what came of each, in their order.
fn side_by_side<T: Sync, R: Send>(
    threads: usize,
    works: &[T],
    work: impl Fn(&T, &mut Desk) -> R + Sync,
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let some = || {
        let (mut desk, mut done) = (Desk::default(), Vec::new());
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(one) = works.get(at) else { return done };
            done.push((at, work(one, &mut desk)));
        }
    };
    let threads = threads.min(works.len());
    let mut done = if threads <= 1 {
        some()
    } else {
        std::thread::scope(|scope| {
            let all: Vec<_> = (0..threads).map(|_| scope.spawn(some)).collect();
            let joined = all.into_iter().map(|one| one.join());
            // What panicked there panics here.
            joined
                .flat_map(|one| one.unwrap_or_else(|why| std::panic::resume_unwind(why)))
                .collect()
        })
    };
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Returns the file with a model's weights.
fn weights_of(folder: &Path) -> Result<PathBuf, TransformerError> {
    let path = folder.join("model.safetensors");
    let is_there = |name: &str| folder.join(name).exists();
    if !path.exists() && (is_there("pytorch_model.bin") || is_there("model.safetensors.index.json"))
    {
        let what = "its weights are not in one file `model.safetensors`";
        return Err(TransformerError::unsupported(folder, what));
    }
    Ok(path)
}

/// Holds the greatest number of a tokenizer's pieces against the vocabulary that the model has vectors for.
fn check_vocabulary(folder: &Path, greatest: u32, config: &Config) -> Result<(), TransformerError> {
    let pieces = usize::try_from(greatest).unwrap_or(usize::MAX);
    if pieces >= config.vocab_size {
        let what =
            format!("its tokenizer has a piece {pieces}, its vocabulary {}", config.vocab_size);
        return Err(TransformerError::damaged(folder, what));
    }
    Ok(())
}

/// Texts that go through the model at once: their places, and their pieces.
type Batch = (Vec<usize>, Vec<Vec<u32>>);

fn batches(texts: Vec<(usize, Vec<u32>)>) -> Vec<Batch> {
    let mut batches: Vec<Batch> = Vec::new();
    let mut tokens = usize::MAX;
    for (place, ids) in texts {
        if tokens.saturating_add(ids.len()) > BATCH_TOKENS {
            batches.push(Batch::default());
            tokens = 0;
        }
        tokens += ids.len();
        if let Some((places, texts)) = batches.last_mut() {
            places.push(place);
            texts.push(ids);
        }
    }
    batches
}

impl Embed for Transformer {
    fn id(&self) -> &str {
        &self.id
    }

    fn is_local(&self) -> bool {
        true
    }

    fn embed(&self, texts: &[&str], role: EmbedRole) -> Result<Vec<Vec<f32>>, EmbedError> {
        Ok(self.vectors(texts, role))
    }
}
