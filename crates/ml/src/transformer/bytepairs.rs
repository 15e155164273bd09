//! The tokenizer of RoBERTa and GPT-2: words' bytes, of which the pair that was learned first is made one until none is left.
//!
//! R. Sennrich and others, "Neural Machine Translation of Rare Words with Subword Units" (2016), over bytes as in A. Radford and
//! others, "Language Models are Unsupervised Multitask Learners" (2019), and as `tokenizer.json` of Hugging Face's tokenizers
//! has it (`BPE` behind `ByteLevel`). What looks like a special token in a text is text.

use std::collections::HashMap;
use std::path::Path;

use icu_properties::CodePointMapData;
use icu_properties::props::{GeneralCategory, GeneralCategoryGroup};
use serde_json::Value;

use super::TransformerError;

/// Longest run of bytes whose pairs are joined together; longer words are cut, for the time grows with its square.
const LONGEST_WORD: usize = 2048;
/// Most pairs that are read.
const MOST_PAIRS: usize = 4_000_000;
/// What English shortens, which are words by themselves.
const SHORT: &[&str] = &["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"];

/// Cuts texts into the numbers of pieces.
#[derive(Debug)]
pub(super) struct BytePairs {
    /// The piece of each byte.
    bytes: Vec<u32>,
    /// For two pieces that stand next to each other, which pair of all it is, and the piece that they make.
    pairs: HashMap<(u32, u32), (u32, u32)>,
    /// Whether a blank is set before the first word.
    adds_blank: bool,
    first: u32,
    last: u32,
}

impl BytePairs {
    /// Tells whether a `tokenizer.json` is of this kind.
    pub fn is_of(json: &Value) -> bool {
        json.pointer("/model/type").and_then(Value::as_str) == Some("BPE")
    }

    /// Reads a `tokenizer.json`.
    pub fn of_json(path: &Path, json: &Value) -> Result<Self, TransformerError> {
        let adds_blank =
            check_steps(json).map_err(|what| TransformerError::unsupported(path, what))?;
        let damaged = |what: String| TransformerError::damaged(path, what);
        let (first, last) = ends(json).ok_or_else(|| {
            TransformerError::unsupported(path, "it sets no piece before and behind a text")
        })?;
        let vocabulary = json.pointer("/model/vocab").and_then(Value::as_object);
        let id = |piece: &str| u32::try_from(vocabulary?.get(piece)?.as_u64()?).ok();
        let unknown = json.pointer("/model/unk_token").and_then(Value::as_str).unwrap_or("<unk>");
        let unknown = id(unknown);
        let mut text = [0; 4];
        let bytes = letters().map(|letter| id(letter.encode_utf8(&mut text)).or(unknown));
        let bytes: Option<Vec<u32>> = bytes.collect();
        let bytes = bytes.ok_or_else(|| damaged("some bytes have no piece".into()))?;
        let merges = json.pointer("/model/merges").and_then(Value::as_array);
        let mut pairs = HashMap::new();
        for (merge, rank) in merges.into_iter().flatten().take(MOST_PAIRS).zip(0..) {
            let pair = halves(merge).and_then(|(left, right)| {
                Some(((id(left)?, id(right)?), id(&format!("{left}{right}"))?))
            });
            let (pair, whole) =
                pair.ok_or_else(|| damaged(format!("its pair {rank} is not in its vocabulary")))?;
            pairs.entry(pair).or_insert((rank, whole));
        }
        Ok(Self { bytes, pairs, adds_blank, first, last })
    }

    /// Returns the greatest number of a piece.
    pub fn greatest(&self) -> u32 {
        let wholes = self.pairs.values().map(|(_, whole)| whole);
        let all = self.bytes.iter().chain(wholes).chain([&self.first, &self.last]);
        all.copied().max().unwrap_or(0)
    }

    /// Returns the numbers of a text's pieces, between those of beginning and end, at most `most` altogether.
    pub fn encode(&self, text: &str, most: usize) -> Vec<u32> {
        let most = most.max(2) - 1;
        let mut ids = vec![self.first];
        let needs_blank = self.adds_blank && !text.is_empty() && !text.starts_with(' ');
        let blanked = if needs_blank { format!(" {text}") } else { String::new() };
        let mut rest = if needs_blank { blanked.as_str() } else { text };
        while !rest.is_empty() && ids.len() < most {
            let (word, behind) = rest.split_at_checked(next_word(rest)).unwrap_or((rest, ""));
            for run in word.as_bytes().chunks(LONGEST_WORD) {
                self.join(run, &mut ids);
            }
            rest = behind;
        }
        ids.truncate(most);
        ids.push(self.last);
        ids
    }

    /// Adds the pieces of a word.
    fn join(&self, word: &[u8], ids: &mut Vec<u32>) {
        let piece = |byte: &u8| self.bytes.get(usize::from(*byte)).copied();
        let mut pieces: Vec<u32> = word.iter().filter_map(piece).collect();
        loop {
            let found = pieces.windows(2).filter_map(|two| match two {
                [left, right] => self.pairs.get(&(*left, *right)),
                _ => None,
            });
            let Some((rank, whole)) = found.min().copied() else { break };
            // All places of that pair, from the left.
            let mut joined: Vec<u32> = Vec::with_capacity(pieces.len());
            let mut rest = pieces.as_slice();
            while let [left, others @ ..] = rest {
                let pair = others.first().and_then(|right| self.pairs.get(&(*left, *right)));
                if pair.is_some_and(|(this, _)| *this == rank) {
                    joined.push(whole);
                    rest = others.get(1..).unwrap_or_default();
                } else {
                    joined.push(*left);
                    rest = others;
                }
            }
            pieces = joined;
        }
        ids.extend(pieces);
    }
}

/// Sees that what happens before and behind the pairs is what is known here; tells whether a blank is set before a text.
fn check_steps(json: &Value) -> Result<bool, String> {
    let at = |pointer: &str| json.pointer(pointer).filter(|value| !value.is_null());
    if let Some(normalizer) = at("/normalizer") {
        let kind = normalizer.get("type").and_then(Value::as_str).unwrap_or("none");
        return Err(format!("its normalizer is `{kind:.30}`"));
    }
    let split = at("/pre_tokenizer/type").and_then(Value::as_str).unwrap_or("none");
    let is_on = |pointer: &str, usual: bool| at(pointer).and_then(Value::as_bool).unwrap_or(usual);
    if split != "ByteLevel" || !is_on("/pre_tokenizer/use_regex", true) {
        return Err(format!("its words are cut by `{split:.30}`"));
    }
    let is_set = |name: &str| match at(&format!("/model/{name}")) {
        None | Some(Value::Bool(false)) => false,
        Some(value) => value.as_str() != Some(""),
    };
    let unknown =
        ["continuing_subword_prefix", "end_of_word_suffix", "byte_fallback", "ignore_merges"];
    match unknown.iter().find(|name| is_set(name)) {
        Some(name) => Err(format!("its tokenizer has `{name}`")),
        None => Ok(is_on("/pre_tokenizer/add_prefix_space", true)),
    }
}

/// Returns the pieces before and behind a text.
fn ends(json: &Value) -> Option<(u32, u32)> {
    let processor = json.get("post_processor")?;
    let number = |value: &Value| u32::try_from(value.as_u64()?).ok();
    match processor.get("type")?.as_str()? {
        "RobertaProcessing" | "BertProcessing" => {
            let piece = |name: &str| number(processor.get(name)?.get(1)?);
            Some((piece("cls")?, piece("sep")?))
        }
        "TemplateProcessing" => {
            let [first, text, last] = processor.get("single")?.as_array()?.as_slice() else {
                return None;
            };
            text.get("Sequence")?;
            let piece = |part: &Value| {
                let name = part.pointer("/SpecialToken/id")?.as_str()?;
                match processor.get("special_tokens")?.get(name)?.get("ids")?.as_array()?.as_slice()
                {
                    [id] => number(id),
                    _ => None,
                }
            };
            Some((piece(first)?, piece(last)?))
        }
        _ => None,
    }
}

/// Returns the halves of a pair, which is written as two texts or as one with a blank.
fn halves(merge: &Value) -> Option<(&str, &str)> {
    match merge {
        Value::String(text) => text.split_once(' '),
        Value::Array(two) => match two.as_slice() {
            [left, right] => Some((left.as_str()?, right.as_str()?)),
            _ => None,
        },
        _ => None,
    }
}

/// Gives the letter that stands for each byte in the vocabulary: itself, or one from 256 on for those that cannot be seen.
fn letters() -> impl Iterator<Item = char> {
    let mut hidden = (256_u32..).filter_map(char::from_u32);
    (0_u8..=255).map(move |byte| match byte {
        b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff => char::from(byte),
        _ => hidden.next().unwrap_or('\0'),
    })
}

/// What a character is in a word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Blank,
    Letter,
    Number,
    Other,
}

fn kind(c: char) -> Kind {
    let category = || CodePointMapData::<GeneralCategory>::new().get(c);
    match c {
        _ if c.is_whitespace() => Kind::Blank,
        _ if GeneralCategoryGroup::Letter.contains(category()) => Kind::Letter,
        _ if GeneralCategoryGroup::Number.contains(category()) => Kind::Number,
        _ => Kind::Other,
    }
}

/// Returns where the first word of a text ends: one that English shortens; letters, digits or other marks, with a blank
/// before; blanks, of which the last belongs to what follows.
fn next_word(text: &str) -> usize {
    if let Some(short) = SHORT.iter().find(|short| text.starts_with(**short)) {
        return short.len();
    }
    let start = usize::from(text.starts_with(' '));
    let run = |from: usize, of: Kind| {
        let rest = text.get(from..).unwrap_or_default();
        from + rest.find(|c| kind(c) != of).unwrap_or(rest.len())
    };
    match text.get(start..).and_then(|rest| rest.chars().next()).map(kind) {
        Some(of) if of != Kind::Blank => run(start, of),
        _ => {
            let end = run(0, Kind::Blank);
            let last = text.get(..end).and_then(|blanks| blanks.chars().next_back());
            let before = end - last.map_or(0, char::len_utf8);
            if end == text.len() || before == 0 { end } else { before }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const SETTINGS: &str = include_str!("../../tests/reference/bytepairs.json");
    const PIECES: &str = include_str!("../../tests/reference/bytepairs.txt");

    fn read(change: impl Fn(&mut Value)) -> Result<BytePairs, TransformerError> {
        let mut json: Value = serde_json::from_str(SETTINGS).unwrap();
        change(&mut json);
        assert!(BytePairs::is_of(&json));
        BytePairs::of_json(Path::new("tokenizer.json"), &json)
    }

    /// The settings with or without a blank before a text.
    fn blanked(adds_blank: bool) -> BytePairs {
        read(|json| json["pre_tokenizer"]["add_prefix_space"] = json!(adds_blank)).unwrap()
    }

    #[test]
    fn texts_are_cut_as_by_the_reference() {
        for line in PIECES.lines() {
            let [adds_blank, text, ids] = line.split('\t').collect::<Vec<_>>()[..] else {
                panic!()
            };
            let text: String = serde_json::from_str(text).unwrap();
            let ids: Vec<u32> = ids.split(' ').map(|id| id.parse().unwrap()).collect();
            let tokenizer = blanked(adds_blank == "True");
            assert_eq!(tokenizer.encode(&text, usize::MAX), ids, "{line}");
            // The beginning of a long one, between the same ends.
            let cut = tokenizer.encode(&text, 8);
            let middle = ids.len().min(8) - 1;
            assert_eq!((&cut[..middle], &cut[middle..]), (&ids[..middle], &[2][..]), "{line}");
        }
        assert_eq!(blanked(false).greatest(), 599);
    }

    #[test]
    fn pairs_may_be_two_texts_and_ends_a_template() {
        let other = read(|json| {
            for merge in json["model"]["merges"].as_array_mut().unwrap() {
                let (left, right) = halves(merge).unwrap();
                *merge = match merge {
                    Value::String(_) => json!([left, right]),
                    _ => json!(format!("{left} {right}")),
                };
            }
            json["post_processor"] = json!({
                "type": "TemplateProcessing",
                "single": [
                    { "SpecialToken": { "id": "<s>", "type_id": 0 } },
                    { "Sequence": { "id": "A", "type_id": 0 } },
                    { "SpecialToken": { "id": "</s>", "type_id": 0 } },
                ],
                "special_tokens": { "<s>": { "ids": [0] }, "</s>": { "ids": [2] } },
            });
        });
        let text = "the attention of tokens, again";
        assert_eq!(other.unwrap().encode(text, 100), blanked(false).encode(text, 100));
    }

    #[test]
    fn other_tokenizers_are_refused_in_words() {
        let check = |pointer: &str, value: Value, expected: &str| {
            let change = |json: &mut Value| *json.pointer_mut(pointer).unwrap() = value.clone();
            let error = read(change).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check("/normalizer", json!({ "type": "NFC" }), "its normalizer is `NFC`");
        check("/pre_tokenizer", json!({ "type": "Whitespace" }), "words are cut by `Whitespace`");
        check("/pre_tokenizer/use_regex", json!(false), "words are cut by `ByteLevel`");
        check("/model/byte_fallback", json!(true), "has `byte_fallback`");
        check("/model/end_of_word_suffix", json!("</w>"), "has `end_of_word_suffix`");
        check("/post_processor", json!(null), "sets no piece before and behind");
        check("/model/merges", json!(["a zzzz"]), "its pair 0 is not in its vocabulary");
        check("/model/merges", json!([7]), "its pair 0 is not in its vocabulary");
        check("/model/vocab", json!({ "a": 1 }), "some bytes have no piece");
    }

    proptest! {
        #[test]
        fn any_text_is_cut_within_the_bound(text in "\\PC*", most in 0_usize..40) {
            let tokenizer = blanked(true);
            let ids = tokenizer.encode(&text, most);
            prop_assert!(ids.len() <= most.max(2) && ids.iter().all(|id| *id <= 599));
        }
    }

    #[test]
    fn a_word_without_end_takes_no_time() {
        let tokenizer = blanked(false);
        assert_eq!(tokenizer.encode(&"ab".repeat(2_000_000), 512).len(), 512);
    }
}
