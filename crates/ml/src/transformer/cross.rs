//! A model that reads a request and a passage together, and tells how well they fit.
//!
//! R. Nogueira and K. Cho, "Passage Re-ranking with BERT" (2019): an encoder over both texts, and a layer over its first vector.
//! It knows more of the two than vectors that were made apart, and must be run for each pair.

use std::path::Path;

use distiq_base::{Rerank, RerankError};

use super::bert::Bert;
use super::config::Config;
use super::head::Judge;
use super::wordpiece::WordPiece;
use super::{MOST_THREADS, TransformerError, check_vocabulary, cores, side_by_side, weights_of};
use crate::text::hash;

/// Most pieces of a request, and of both texts with what stands between them: more costs time, and tells little.
const REQUEST_PIECES: usize = 96;
const PIECES: usize = 256;

/// A cross-encoder of one score from a folder as Hugging Face's libraries write it.
#[derive(Debug)]
pub struct CrossEncoder {
    id: String,
    bert: Bert,
    judge: Judge,
    tokenizer: WordPiece,
    /// Most pieces of both texts.
    pieces: usize,
    threads: usize,
}

impl CrossEncoder {
    /// Reads a model from its folder.
    ///
    /// # Errors
    /// When a file is missing, damaged or too large, or the model is of another kind.
    pub fn open(folder: &Path) -> Result<Self, TransformerError> {
        let config = Config::open_bert(folder)?;
        let tokenizer = WordPiece::open(folder)?;
        let path = weights_of(folder)?;
        check_vocabulary(folder, tokenizer.greatest(), &config)?;
        let bert = Bert::read(&path, &config)?;
        let judge = Judge::read(&path, &config)?;
        let sample = [bert.sample(), judge.sample()].concat();
        let id = format!("cross-{:016x}", hash(&sample, hash(format!("{config:?}").as_bytes(), 0)));
        let pieces = PIECES.min(config.max_position_embeddings).max(8);
        Ok(Self { id, bert, judge, tokenizer, pieces, threads: cores() })
    }

    /// Returns the model as one that takes at most so many threads.
    pub fn with_threads(self, threads: usize) -> Self {
        Self { threads: threads.clamp(1, MOST_THREADS), ..self }
    }

    /// Names the model, with all that decides what it says.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns how well each passage fits a request; greater is better, and only scores of one request can be compared. Of texts
    /// that are too long, the beginnings count.
    pub fn scores(&self, request: &str, passages: &[&str]) -> Vec<f32> {
        let most = REQUEST_PIECES.min(self.pieces / 2);
        let mut request = self.tokenizer.pieces(request, most);
        request.truncate(most.saturating_sub(2));
        let start = self.tokenizer.around(&request);
        let room = self.pieces.saturating_sub(start.len());
        side_by_side(self.threads, passages, |passage, desk| {
            let passage = self.tokenizer.encode(passage, room);
            // What begins a text stands once.
            let text = [start.as_slice(), passage.get(1..).unwrap_or_default()].concat();
            self.judge.score(&self.bert, text, start.len(), desk)
        })
    }
}

impl Rerank for CrossEncoder {
    fn scores(&self, request: &str, passages: &[&str]) -> Result<Vec<f32>, RerankError> {
        Ok(CrossEncoder::scores(self, request, passages))
    }
}
