//! Exact token counts by OpenAI's public vocabularies.

use std::sync::LazyLock;

use distiq_base::CountTokens;
use tiktoken_rs::CoreBPE;

/// The largest piece counted at once. The splitting regex backtracks, so its time and its stack
/// grow faster than the text where a text has no words (a megabyte of one character).
const CHUNK_BYTES: usize = 40 * 1024;

/// Counts tokens as `o200k_base` does, the vocabulary of GPT-4o and later.
///
/// Special tokens such as `<|endoftext|>` are counted as the plain text they are in a prompt.
pub struct Tokenizer {
    bpe: Option<CoreBPE>,
}

static O200K: LazyLock<Tokenizer> =
    LazyLock::new(|| Tokenizer { bpe: tiktoken_rs::o200k_base().ok() });

impl Tokenizer {
    /// Returns the tokenizer, loading its vocabulary on the first call of the process.
    pub fn o200k() -> &'static Tokenizer {
        &O200K
    }
}

impl CountTokens for Tokenizer {
    fn count(&self, text: &str) -> u64 {
        let Some(bpe) = &self.bpe else {
            return text.len().div_ceil(4) as u64;
        };
        chunks(text).map(|chunk| bpe.count_ordinary(chunk) as u64).sum()
    }

    fn name(&self) -> &'static str {
        if self.bpe.is_some() { "o200k" } else { "estimate" }
    }
}

/// Cuts a text into pieces of at most [`CHUNK_BYTES`], after a line break where the second half of
/// a piece has one: no token of code spans the start of a line that is not blank.
fn chunks(mut text: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        if text.is_empty() {
            return None;
        }
        let (chunk, rest) = text.split_at(cut(text));
        text = rest;
        Some(chunk)
    })
}

fn cut(text: &str) -> usize {
    if text.len() <= CHUNK_BYTES {
        return text.len();
    }
    let bound = text.floor_char_boundary(CHUNK_BYTES);
    let window = text.get(..bound).unwrap_or(text);
    let line = |i: usize| (i > bound / 2).then_some(i);
    // A line that begins with a letter: white space joins across line breaks.
    let bytes = window.as_bytes();
    let whole = bytes
        .windows(2)
        .rposition(|pair| matches!(pair, [b'\n', next] if !next.is_ascii_whitespace()))
        .and_then(|i| line(i + 1));
    whole
        .or_else(|| window.rfind('\n').and_then(|i| line(i + 1)))
        .or_else(|| window.rfind(' ').and_then(line))
        .unwrap_or(bound)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn count(text: &str) -> u64 {
        Tokenizer::o200k().count(text)
    }

    #[test]
    fn counts_as_published() {
        for (text, tokens) in [
            ("", 0),
            ("a", 1),
            ("hello world", 2),
            ("tiktoken is great!", 6),
            ("antidisestablishmentarianism", 6),
            ("2 + 2 = 4", 7),
            ("お誕生日おめでとう", 8),
            ("fn main() {\n    println!(\"hi\");\n}\n", 10),
            ("<|endoftext|>", 7),
        ] {
            assert_eq!(count(text), tokens, "{text:?}");
        }
        assert_eq!(Tokenizer::o200k().name(), "o200k");
    }

    #[test]
    fn long_code_counts_as_if_it_were_not_cut() {
        let line = "    let value = compute(&input, 17)?; // and so on\n";
        let text = line.repeat(5_000);
        assert_eq!(count(&text), count(line) * 5_000);
        assert!(chunks(&text).all(|chunk| chunk.ends_with('\n')));
    }

    /// These take minutes where the whole text goes through the regex or the merge at once.
    #[test]
    fn texts_without_words_are_counted() {
        for (piece, tokens) in [
            ("a", 50_000),
            (" ", 3_135),
            ("\n", 25_000),
            ("=", 6_250),
            ("aA", 200_010),
            ("\t \n", 133_333),
        ] {
            assert_eq!(count(&piece.repeat(400_000 / piece.len())), tokens, "{piece:?}");
        }
    }

    proptest! {
        #[test]
        fn chunks_are_the_text(
            parts in prop::collection::vec(("[a ñ日\n]{0,4}", 1_usize..30_000), 0..6),
        ) {
            let text: String = parts.iter().map(|(part, times)| part.repeat(*times)).collect();
            prop_assert!(chunks(&text).all(|chunk| !chunk.is_empty() && chunk.len() <= CHUNK_BYTES));
            prop_assert_eq!(chunks(&text).collect::<String>(), text);
        }

        #[test]
        fn any_text_is_counted(text in "\\PC*|[ \t\n\r\u{a0}a'A1]{0,300}") {
            let tokens = count(&text);
            prop_assert!(tokens <= text.len() as u64);
            prop_assert_eq!(tokens == 0, text.is_empty());
        }
    }
}
