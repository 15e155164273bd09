//! The embedder of any short text, with no project and no model beside it.
//!
//! A text becomes the sum of its features, each thrown to a few places of the vector by its hash (a sparse
//! random projection: D. Achlioptas, "Database-friendly random projections", 2003). Features are stems,
//! pairs of neighbouring stems, and the groups of three and four letters of each word, so that a word that
//! was never met, or is misspelled, lies near its like.

use crate::words::{Stems, is_stop, parts, tokens};

/// Longest text that is read, in bytes.
const MAX_TEXT: usize = 64 * 1024;
/// Most parts of one token.
const MAX_PARTS: usize = 16;
/// To how many places a feature is thrown.
const PLACES: u32 = 8;
/// What a stop word is worth beside a telling one.
const STOP_WEIGHT: f32 = 0.15;
/// What a number is worth: another number is another question.
const NUMBER_WEIGHT: f32 = 1.6;
/// What all groups of letters of a word are worth together.
const GRAMS_WEIGHT: f32 = 0.8;
/// What a pair of neighbours is worth.
const PAIR_WEIGHT: f32 = 0.4;
/// Words without which a text means the opposite; the first is English, the others Russian.
const NEGATIONS: &[&str] = &["no", "not", "never", "without", "не", "нет", "без", "ни", "никогда"];

/// Turns any text into a vector of length one, in microseconds.
///
/// ```
/// use distiq_ml::{TextEmbedder, cosine};
///
/// let embedder = TextEmbedder::default();
/// let question = embedder.embed("How do I parse a JSON file?");
/// let same = embedder.embed("parsing of JSON files");
/// let other = embedder.embed("restart the database server");
/// assert!(cosine(&question, &same) > 0.5);
/// assert!(cosine(&question, &other) < 0.3);
/// ```
#[derive(Debug, Default)]
pub struct TextEmbedder {
    stems: Stems,
}

impl TextEmbedder {
    /// Names the embedder; vectors of another name mean something else.
    pub const ID: &'static str = "text-1";
    /// How long its vectors are.
    pub const DIMENSIONS: usize = 256;

    /// Returns the vector of a text, of length one; of a text without words, all zeros. Of more than 64 KB
    /// the beginning is read.
    pub fn embed(&self, text: &str) -> Vec<f32> {
        let text = text.get(..text.floor_char_boundary(MAX_TEXT)).unwrap_or_default();
        let mut vector = vec![0.0; Self::DIMENSIONS];
        for (feature, weight) in self.features(text) {
            throw(feature, weight, &mut vector);
        }
        normalize(&mut vector);
        vector
    }

    /// Returns the hashes of a text's features with what each is worth.
    fn features(&self, text: &str) -> Vec<(u64, f32)> {
        let mut all = Vec::with_capacity(text.len());
        let mut before: Option<(u64, f32)> = None;
        for token in tokens(text) {
            for part in parts(token).take(MAX_PARTS) {
                let word = part.to_lowercase();
                let weight = weight(&word);
                let stem = hash(self.stems.stem(&word).as_bytes(), 1);
                all.push((stem, weight));
                if weight > STOP_WEIGHT {
                    grams(&word, weight, &mut all);
                }
                if let Some((other, its_weight)) = before {
                    let pair = mix(other.rotate_left(17) ^ stem);
                    all.push((pair, PAIR_WEIGHT * (weight * its_weight).sqrt()));
                }
                before = Some((stem, weight));
            }
        }
        // What is said often counts more, but less each time.
        all.sort_unstable_by_key(|(feature, _)| *feature);
        let groups = all.chunk_by(|a, b| a.0 == b.0);
        groups
            .filter_map(|group| {
                let (feature, _) = group.first()?;
                let sum: f32 = group.iter().map(|(_, weight)| weight).sum();
                #[allow(clippy::cast_precision_loss)]
                let count = group.len() as f32;
                Some((*feature, sum / count * (1.0 + count.ln())))
            })
            .collect()
    }
}

/// Returns the cosine between two vectors of one embedder: 1 for the same direction, about 0 for texts that
/// have nothing in common.
pub fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let (mut dot, mut of_a, mut of_b) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        dot += a * b;
        of_a += a * a;
        of_b += b * b;
    }
    let length: f32 = of_a * of_b;
    if length > 0.0 { dot / length.sqrt() } else { 0.0 }
}

/// Stretches a vector to length one, where it is not all zeros.
pub fn normalize(vector: &mut [f32]) {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    if length > 0.0 && length.is_finite() {
        vector.iter_mut().for_each(|value| *value /= length);
    }
}

fn weight(word: &str) -> f32 {
    if word.chars().all(char::is_numeric) {
        NUMBER_WEIGHT
    } else if NEGATIONS.contains(&word) {
        1.0
    } else if is_stop(word) {
        STOP_WEIGHT
    } else {
        1.0
    }
}

/// Adds the groups of three and four letters of a word, its ends marked.
fn grams(word: &str, weight: f32, all: &mut Vec<(u64, f32)>) {
    let marked: Vec<char> =
        std::iter::once('^').chain(word.chars().take(32)).chain(std::iter::once('$')).collect();
    let count = marked.len().saturating_sub(2) + marked.len().saturating_sub(3);
    #[allow(clippy::cast_precision_loss)]
    let each = GRAMS_WEIGHT * weight / (count.max(1) as f32).sqrt();
    for size in [3, 4] {
        for gram in marked.windows(size) {
            let key = gram.iter().fold(2, |key, c| mix(key ^ u64::from(u32::from(*c))));
            all.push((key, each));
        }
    }
}

/// Adds a feature to eight places that its hash says, with the signs that it says; a vector of more than 256 places
/// gets them in the first.
pub fn throw(feature: u64, weight: f32, vector: &mut [f32]) {
    let mut bits = feature;
    let places = vector.len().clamp(1, 256);
    for place in 0..PLACES {
        if place % 4 == 0 {
            bits = mix(feature ^ u64::from(place));
        }
        let at = usize::try_from(bits & 0xff).unwrap_or(0) % places;
        let sign = if bits >> 8 & 1 == 0 { 1.0 } else { -1.0 };
        if let Some(value) = vector.get_mut(at) {
            *value += sign * weight;
        }
        bits >>= 9;
    }
}

/// Returns a hash that is the same everywhere and in every version (FNV-1a, then mixed).
pub fn hash(bytes: &[u8], seed: u64) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325 ^ seed;
    mix(bytes
        .iter()
        .fold(start, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)))
}

/// The last step of SplitMix64.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_say_the_same_lie_nearer_than_others() {
        let embedder = TextEmbedder::default();
        let near = |a: &str, b: &str| cosine(&embedder.embed(a), &embedder.embed(b));
        let check = |text: &str, same: &str, other: &str| {
            let (same_is, other_is) = (near(text, same), near(text, other));
            assert!(same_is > other_is + 0.12, "{text}: {same_is} {other_is}");
        };
        check("how to open a file", "How do I open files?", "how to close a socket");
        check("parseHttpHeaders", "parse HTTP headers", "render html page");
        check("где разбираются заголовки", "разбор заголовка", "где открывается файл");
        check("retrieve the configuration", "retreive the configuraton", "delete the database");
        check("sum of 17 and 25", "the sum of 17 and 25", "the sum of 17 and 26");
        check("run with tests", "run with the tests", "run without tests");
        check("数据库连接", "数据库连接池", "图像处理");
    }

    #[test]
    fn vectors_have_length_one_or_none_at_all() {
        let embedder = TextEmbedder::default();
        for text in ["a", "the", "parse", "x_1", "!", "", &"long ".repeat(100_000)] {
            let vector = embedder.embed(text);
            let length = vector.iter().map(|value| value * value).sum::<f32>();
            assert_eq!(vector.len(), TextEmbedder::DIMENSIONS);
            let is_empty = tokens(text).next().is_none();
            assert!((length - if is_empty { 0.0 } else { 1.0 }).abs() < 1e-4, "{text:.20}");
        }
    }

    #[test]
    fn a_vector_is_the_same_in_every_version() {
        // Stored vectors are compared with new ones: who changes what comes out here changes the id too.
        let vector = TextEmbedder::default().embed("parse the header");
        let sum: f32 = vector.iter().enumerate().map(|(at, v)| v * (at % 7) as f32).sum();
        assert_eq!((TextEmbedder::ID, (sum * 1000.0).round()), ("text-1", -687.0));
    }
}
