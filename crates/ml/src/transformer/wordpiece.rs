//! The tokenizer of BERT: words and marks, each cut into the longest pieces that the vocabulary has.
//!
//! As in `tokenization.py` of google-research/bert and the `BertNormalizer` of Hugging Face's tokenizers, which
//! `tokenizer.json` names. What looks like a special token in a text is text.

use std::collections::HashMap;
use std::path::Path;

use icu_normalizer::DecomposingNormalizerBorrowed;
use icu_properties::CodePointMapData;
use icu_properties::props::{GeneralCategory, GeneralCategoryGroup};
use serde_json::Value;

use super::TransformerError;
use super::config::{read_json, read_text};

/// Words that are longer are unknown.
const LONGEST_WORD: usize = 100;
/// Largest vocabulary.
const MOST_PIECES: usize = 4_000_000;

/// Cuts texts into the numbers of pieces.
#[derive(Debug)]
pub(super) struct WordPiece {
    /// Pieces that begin a word, and those that go on with one.
    heads: HashMap<Box<str>, u32>,
    tails: HashMap<Box<str>, u32>,
    lowercase: bool,
    strip_accents: bool,
    unknown: u32,
    first: u32,
    last: u32,
}

impl WordPiece {
    /// Sees that there is a file to open.
    pub fn look(folder: &Path) -> Result<(), TransformerError> {
        if folder.join("tokenizer.json").is_file() {
            return Ok(());
        }
        let path = folder.join("vocab.txt");
        std::fs::metadata(&path).map(|_| ()).map_err(|error| TransformerError::io(&path, error))
    }

    /// Reads `tokenizer.json`, or `vocab.txt` where there is none.
    pub fn open(folder: &Path) -> Result<Self, TransformerError> {
        let path = folder.join("tokenizer.json");
        if path.is_file() {
            let json = read_json(&path)?;
            return Self::of_json(&path, &json);
        }
        let path = folder.join("vocab.txt");
        let text = read_text(&path)?;
        let pieces = text.lines().zip(0..).map(|(piece, id)| (piece.trim_end(), id));
        let config = folder.join("tokenizer_config.json");
        let settings = if config.is_file() { read_json(&config)? } else { Value::Null };
        let lowercase = flag(&settings, "do_lower_case").unwrap_or(true);
        let accents = flag(&settings, "strip_accents").unwrap_or(lowercase);
        Self::new(&path, pieces, lowercase, accents)
    }

    fn of_json(path: &Path, json: &Value) -> Result<Self, TransformerError> {
        let at = |pointer: &str| json.pointer(pointer).unwrap_or(&Value::Null);
        let unsupported = |what: String| TransformerError::unsupported(path, what);
        match at("/model/type").as_str() {
            Some("WordPiece") => {}
            other => {
                let kind = other.unwrap_or("none");
                return Err(unsupported(format!("its tokenizer is `{kind:.30}`, not `WordPiece`")));
            }
        }
        let normalizer = at("/normalizer/type").as_str();
        if normalizer.is_some_and(|kind| kind != "BertNormalizer") {
            let kind = normalizer.unwrap_or_default();
            return Err(unsupported(format!("its normalizer is `{kind:.30}`")));
        }
        let prefix = at("/model/continuing_subword_prefix").as_str().unwrap_or("##");
        if prefix != "##" {
            return Err(unsupported("pieces within a word are not marked by `##`".into()));
        }
        let lowercase =
            normalizer.is_some() && flag(at("/normalizer"), "lowercase").unwrap_or(true);
        let accents = flag(at("/normalizer"), "strip_accents").unwrap_or(lowercase);
        let vocabulary = at("/model/vocab").as_object();
        let pieces = vocabulary
            .into_iter()
            .flatten()
            .filter_map(|(piece, id)| Some((piece.as_str(), u32::try_from(id.as_u64()?).ok()?)));
        Self::new(path, pieces, lowercase, accents)
    }

    fn new<'a>(
        path: &Path,
        pieces: impl Iterator<Item = (&'a str, u32)>,
        lowercase: bool,
        strip_accents: bool,
    ) -> Result<Self, TransformerError> {
        let (mut heads, mut tails) = (HashMap::new(), HashMap::new());
        for (piece, id) in pieces.take(MOST_PIECES) {
            match piece.strip_prefix("##").filter(|tail| !tail.is_empty()) {
                Some(tail) => tails.insert(tail.into(), id),
                None => heads.insert(Box::from(piece), id),
            };
        }
        let special = |name: &str| {
            let missing = || TransformerError::damaged(path, format!("it has no `{name}`"));
            heads.get(name).copied().ok_or_else(missing)
        };
        let (unknown, first, last) = (special("[UNK]")?, special("[CLS]")?, special("[SEP]")?);
        Ok(Self { heads, tails, lowercase, strip_accents, unknown, first, last })
    }

    /// Returns the greatest number of a piece.
    pub fn greatest(&self) -> u32 {
        self.heads.values().chain(self.tails.values()).copied().max().unwrap_or(0)
    }

    /// Returns the numbers of a text's pieces, between those of beginning and end, at most `most` altogether.
    pub fn encode(&self, text: &str, most: usize) -> Vec<u32> {
        let most = most.max(2);
        let mut ids = self.pieces(text, most - 1);
        ids.truncate(most - 2);
        self.around(&ids)
    }

    /// Returns pieces between those of beginning and end.
    pub fn around(&self, pieces: &[u32]) -> Vec<u32> {
        let mut ids = Vec::with_capacity(pieces.len() + 2);
        ids.push(self.first);
        ids.extend_from_slice(pieces);
        ids.push(self.last);
        ids
    }

    /// Returns the numbers of a text's pieces alone: at least its first `most`, where it has so many, and at most a word's more.
    pub fn pieces(&self, text: &str, most: usize) -> Vec<u32> {
        let mut ids = Vec::new();
        // So much text can be read that all pieces have the length of the longest word.
        let longest = most.saturating_add(1).saturating_mul(LONGEST_WORD * 4);
        let text = text.get(..text.floor_char_boundary(longest)).unwrap_or_default();
        let text = self.normal(text);
        for word in words(&text) {
            if ids.len() >= most {
                break;
            }
            self.cut(word, &mut ids);
        }
        ids
    }

    /// Returns the text as the vocabulary has it: no control characters, blanks around Chinese characters, small letters,
    /// no accents.
    fn normal(&self, text: &str) -> String {
        let mut clean = String::with_capacity(text.len() + text.len() / 4);
        for c in text.chars() {
            match c {
                '\0' | '\u{fffd}' => {}
                '\t' | '\n' | '\r' => clean.push(' '),
                _ if is_control(c) => {}
                _ if c.is_whitespace() => clean.push(' '),
                _ if is_chinese(c) => clean.extend([' ', c, ' ']),
                _ => clean.push(c),
            }
        }
        if self.strip_accents && !clean.is_ascii() {
            let decomposed = DecomposingNormalizerBorrowed::new_nfd().normalize(&clean);
            clean = decomposed
                .chars()
                .filter(|c| category(*c) != GeneralCategory::NonspacingMark)
                .collect();
        }
        if self.lowercase {
            // Each character by itself, as the vocabulary was made: no final sigma.
            clean = clean.chars().flat_map(char::to_lowercase).collect();
        }
        clean
    }

    fn cut(&self, word: &str, ids: &mut Vec<u32>) {
        let before = ids.len();
        if word.chars().count() > LONGEST_WORD {
            ids.push(self.unknown);
            return;
        }
        let (mut rest, mut map) = (word, &self.heads);
        while !rest.is_empty() {
            let ends = rest.char_indices().map(|(at, c)| at + c.len_utf8()).rev();
            let longest = ends.filter_map(|end| Some((end, *map.get(rest.get(..end)?)?))).next();
            let Some((end, id)) = longest else {
                // A word of which a part is unknown is unknown.
                ids.truncate(before);
                ids.push(self.unknown);
                return;
            };
            ids.push(id);
            rest = rest.get(end..).unwrap_or_default();
            map = &self.tails;
        }
    }
}

fn flag(value: &Value, name: &str) -> Option<bool> {
    value.get(name)?.as_bool()
}

/// Gives the words of a text, and each mark as a word.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(char::is_whitespace).flat_map(|word| {
        word.split_inclusive(is_mark).flat_map(|part| {
            let end = part.char_indices().next_back().filter(|(_, c)| is_mark(*c));
            let (word, mark) = part.split_at(end.map_or(part.len(), |(at, _)| at));
            [word, mark].into_iter().filter(|part| !part.is_empty())
        })
    })
}

fn category(c: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(c)
}

fn is_control(c: char) -> bool {
    // As the reference has it: everything in category C, which has no visible form.
    !c.is_ascii_graphic() && GeneralCategoryGroup::Other.contains(category(c))
}

fn is_mark(c: char) -> bool {
    if c.is_ascii() {
        c.is_ascii_punctuation()
    } else {
        GeneralCategoryGroup::Punctuation.contains(category(c))
    }
}

fn is_chinese(c: char) -> bool {
    matches!(u32::from(c),
        0x4e00..=0x9fff | 0x3400..=0x4dbf | 0x20000..=0x2a6df | 0x2a700..=0x2b73f
        | 0x2b740..=0x2b81f | 0x2b820..=0x2ceaf | 0xf900..=0xfaff | 0x2f800..=0x2fa1f)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const PIECES: &[&str] = &[
        "[PAD]", "[UNK]", "[CLS]", "[SEP]", "pars", "##e", "##r", "a", "file", "!", "的", "и",
        "##и", "cafe", "_", "s",
    ];

    fn tokenizer(lowercase: bool) -> WordPiece {
        let pieces = PIECES.iter().zip(0..).map(|(piece, id)| (*piece, id));
        WordPiece::new(Path::new("vocab.txt"), pieces, lowercase, lowercase).unwrap()
    }

    #[test]
    fn texts_are_cut_into_the_longest_pieces() {
        let check = |text: &str, expected: &[&str]| {
            let ids = tokenizer(true).encode(text, 20);
            let pieces: Vec<&str> =
                ids.iter().map(|id| PIECES[usize::try_from(*id).unwrap()]).collect();
            let inner = &pieces[1..pieces.len() - 1];
            assert_eq!((pieces[0], inner, *pieces.last().unwrap()), ("[CLS]", expected, "[SEP]"));
        };
        check("Parser", &["pars", "##e", "##r"]);
        check("parse_file!", &["pars", "##e", "_", "file", "!"]);
        check("CAFÉ a\u{301}", &["cafe", "a"]);
        check("йи", &["и", "##и"]);
        check("a的a", &["a", "的", "a"]);
        check("parsex", &["[UNK]"]);
        check(&"a".repeat(101), &["[UNK]"]);
        check("\u{0}\u{200b}a\u{a0}\tfile\u{7}", &["a", "file"]);
        check("[SEP]", &["[UNK]", "[UNK]", "[UNK]"]);
        check("", &[]);
        assert_eq!(tokenizer(false).encode("A", 9), [2, 1, 3]);
        assert_eq!(tokenizer(true).encode("a a a a", 4), [2, 7, 7, 3]);
    }

    #[test]
    fn other_tokenizers_are_refused_in_words() {
        let path = Path::new("tokenizer.json");
        let check = |json: Value, expected: &str| {
            let error = WordPiece::of_json(path, &json).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check(json!({}), "its tokenizer is `none`");
        check(json!({ "model": { "type": "Unigram" } }), "`Unigram`, not `WordPiece`");
        check(json!({ "model": { "type": "WordPiece", "vocab": { "a": 1 } } }), "no `[UNK]`");
        let json = json!({ "model": { "type": "WordPiece" }, "normalizer": { "type": "NFC" } });
        check(json, "normalizer is `NFC`");
    }

    proptest! {
        #[test]
        fn any_text_is_cut_within_the_bound(text in "\\PC{0,300}|[a-z !é的]{0,300}", most in 2_usize..40) {
            let ids = tokenizer(true).encode(&text, most);
            prop_assert!(ids.len() <= most && ids.len() >= 2);
            prop_assert_eq!((ids[0], *ids.last().unwrap()), (2, 3));
        }
    }
}
