//! What cuts a text into the pieces that a model knows.

use std::path::Path;

use super::TransformerError;
use super::bytepairs::BytePairs;
use super::config::read_json;
use super::wordpiece::WordPiece;

/// The tokenizer of a folder.
#[derive(Debug)]
pub(super) enum Tokenizer {
    WordPiece(WordPiece),
    BytePairs(BytePairs),
}

impl Tokenizer {
    /// Reads `tokenizer.json`, or `vocab.txt` where there is none.
    pub fn open(folder: &Path) -> Result<Self, TransformerError> {
        let path = folder.join("tokenizer.json");
        if path.is_file() {
            let json = read_json(&path)?;
            if BytePairs::is_of(&json) {
                return BytePairs::of_json(&path, &json).map(Self::BytePairs);
            }
        }
        WordPiece::open(folder).map(Self::WordPiece)
    }

    /// Returns the greatest number of a piece.
    pub fn greatest(&self) -> u32 {
        match self {
            Self::WordPiece(tokenizer) => tokenizer.greatest(),
            Self::BytePairs(tokenizer) => tokenizer.greatest(),
        }
    }

    /// Returns the numbers of a text's pieces, between those of beginning and end, at most `most` altogether.
    pub fn encode(&self, text: &str, most: usize) -> Vec<u32> {
        match self {
            Self::WordPiece(tokenizer) => tokenizer.encode(text, most),
            Self::BytePairs(tokenizer) => tokenizer.encode(text, most),
        }
    }
}
