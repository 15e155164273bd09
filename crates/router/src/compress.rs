//! Natural language, shorter: pure, deterministic, and without a model unless one is given.
//!
//! What is not plain prose stays byte for byte and in order: code (fenced, indented, inline), tables, JSON, quotations, addresses,
//! paths, identifiers, numbers and denials. Of prose, sentences that say little go, and of the others words that say nothing. What
//! a request names keeps its sentences as they are. A text comes out the same wherever it stands, and a second time nothing
//! changes any more.

mod blocks;
mod lexicon;
mod model;
mod prose;
mod request;
mod words;

use std::collections::HashSet;

use blocks::{Block, blocks};
pub use model::WordModel;
use prose::{Counts, Paragraph, Sentence};
pub use request::documents;

/// Stands where sentences were left out; a text that has it is not shortened by sentences again.
pub const GAP: &str = "[…]";
/// The longest text that is compressed, in bytes; a longer one stays as it is.
pub const MAX_TEXT: usize = 64 << 20;
/// The most prose that a model reads, in bytes; more of it is shortened by the rules. A model of BERT's base size takes about a
/// second of a core for a kilobyte.
pub const MAX_MODEL_TEXT: usize = 128 << 10;
/// A word of the request that this share of all sentences has tells none of them apart.
const COMMON_SHARE: usize = 2;

/// How a text is compressed.
#[derive(Clone, Copy, Debug)]
pub struct CompressOptions<'r> {
    /// How many times shorter prose is to be; from 1 on.
    pub ratio: f32,
    /// What the text is needed for: sentences that it names stay.
    pub request: Option<&'r str>,
    /// Tells which words say something, in the place of the rules.
    pub model: Option<&'r dyn WordModel>,
}

impl Default for CompressOptions<'_> {
    fn default() -> Self {
        Self { ratio: 2.3, request: None, model: None }
    }
}

/// A compressed text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compressed {
    /// The text.
    pub text: String,
    /// Sentences of prose that it had.
    pub sentences: usize,
    /// Those that were left out.
    pub dropped: usize,
    /// Lines that said the same as the one before.
    pub collapsed: usize,
    /// Whether the text was left as it is, because what the request needs would have gone.
    pub refused: bool,
    /// Whether the model chose the words; the rules did else.
    pub by_model: bool,
}

/// Compresses a text.
pub fn compress(text: &str, options: &CompressOptions<'_>) -> Compressed {
    if text.len() > MAX_TEXT {
        return Compressed { text: text.to_owned(), ..Compressed::default() };
    }
    let blocks = blocks(text);
    let prose = blocks.iter().filter_map(|block| match block {
        Block::Prose(text) => Some(*text),
        Block::Verbatim(_) | Block::Repeated(..) => None,
    });
    let mut paragraphs = Paragraph::read_all(&prose.collect::<Vec<_>>());
    let terms = options.request.map(words::terms).unwrap_or_default();
    hold_what_is_asked(&mut paragraphs, &terms);
    let mut by_model = false;
    if !text.contains(GAP) && options.ratio > 1.0 {
        let bytes: usize = paragraphs.iter().map(|paragraph| paragraph.text.len()).sum();
        let model = options.model.filter(|_| bytes > 0 && bytes <= MAX_MODEL_TEXT);
        by_model = model.is_some_and(|it| model::choose(&mut paragraphs, options.ratio, it));
        if !by_model {
            choose(&mut paragraphs, options.ratio);
        }
    }
    let out = Compressed { by_model, ..write(&blocks, &paragraphs) };
    // A gap alone says nothing: a short text stays rather than go as a whole.
    let says_nothing = out.dropped > 0 && out.text.replace(GAP, "").trim().is_empty();
    match keeps(text, &out.text, &terms) && out.text.len() <= text.len() && !says_nothing {
        true => out,
        false => Compressed { text: text.to_owned(), refused: true, ..Compressed::default() },
    }
}

/// Holds the sentences that the request names, and those that go on about them.
fn hold_what_is_asked(paragraphs: &mut [Paragraph<'_>], terms: &HashSet<u64>) {
    if terms.is_empty() {
        return;
    }
    let sentences = || paragraphs.iter().flat_map(|paragraph| &paragraph.sentences);
    let count = sentences().count();
    let has = |sentence: &Sentence<'_>, term: &u64| sentence.stems.contains(term);
    let rare: HashSet<&u64> = terms
        .iter()
        .filter(|term| {
            let found = sentences().filter(|sentence| has(sentence, term)).count();
            count < 6 || found * COMMON_SHARE <= count
        })
        .collect();
    // Where all are common, each counts.
    let telling: Vec<&u64> = match rare.is_empty() {
        true => terms.iter().collect(),
        false => rare.into_iter().collect(),
    };
    for paragraph in paragraphs {
        let mut before = false;
        for sentence in &mut paragraph.sentences {
            let named = telling.iter().any(|term| has(sentence, term));
            let all = terms.iter().filter(|term| has(sentence, term)).count();
            sentence.is_asked = named || all >= 2 || before && sentence.goes_on();
            before = sentence.is_asked;
        }
    }
}

/// Chooses the sentences that go: those that say least, until the rest is short enough.
fn choose(paragraphs: &mut [Paragraph<'_>], ratio: f32) {
    let before: usize = paragraphs.iter().map(|paragraph| paragraph.text.len()).sum();
    let target = (before as f32 / ratio.max(1.0)) as usize;
    let mut counts = Counts::default();
    for sentence in paragraphs.iter().flat_map(|paragraph| &paragraph.sentences) {
        for stem in &sentence.stems {
            *counts.entry(*stem).or_insert(0_usize) += 1;
        }
    }
    let mut left: usize = 0;
    let mut open: Vec<(f32, usize, usize)> = Vec::new();
    for (at, paragraph) in paragraphs.iter().enumerate() {
        for (number, sentence) in paragraph.sentences.iter().enumerate() {
            left += sentence.short_bytes();
            if sentence.may_go() {
                let first = if number == 0 { 0.8 } else { 0.0 };
                open.push((sentence.weight(&counts) + first, at, number));
            }
        }
    }
    open.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)).then(b.2.cmp(&a.2)));
    let has_lost = |sentence: &Sentence<'_>| !sentence.is_asked && sentence.has_lost();
    // Where words went, a sentence goes too, so that the gap tells that nothing is to be done a second time.
    let mut owes_a_gap = paragraphs.iter().flat_map(|paragraph| &paragraph.sentences).any(has_lost);
    for (_, at, number) in open {
        if left <= target && !owes_a_gap {
            break;
        }
        owes_a_gap = false;
        if let Some(sentence) =
            paragraphs.get_mut(at).and_then(|paragraph| paragraph.sentences.get_mut(number))
        {
            left = left.saturating_sub(sentence.short_bytes());
            sentence.goes = true;
        }
    }
}

fn write(blocks: &[Block<'_>], paragraphs: &[Paragraph<'_>]) -> Compressed {
    let mut out = Compressed::default();
    let mut paragraphs = paragraphs.iter();
    // Whether the last that was written is a gap alone: gaps in a row are one.
    let mut after_gap = false;
    let mut skipped_gap = false;
    for block in blocks {
        match block {
            Block::Verbatim(text) => {
                if skipped_gap && text.trim().is_empty() {
                    continue;
                }
                skipped_gap = false;
                after_gap = after_gap && text.trim().is_empty();
                out.text.push_str(text);
            }
            Block::Repeated(line, times) => {
                (after_gap, skipped_gap) = (false, false);
                let (body, end) = line.split_at(line.trim_end_matches(['\r', '\n']).len());
                out.text.push_str(&format!("{body} [×{times}]{end}"));
                out.collapsed += times - 1;
            }
            Block::Prose(_) => {
                let Some(paragraph) = paragraphs.next() else { continue };
                let dropped = paragraph.sentences.iter().filter(|sentence| sentence.goes).count();
                out.sentences += paragraph.sentences.len();
                out.dropped += dropped;
                let is_gone = dropped > 0 && dropped == paragraph.sentences.len();
                skipped_gap = is_gone && after_gap;
                if !skipped_gap {
                    paragraph.write(&mut out.text);
                }
                after_gap = is_gone;
            }
        }
    }
    out
}

/// Tells whether what the request names is still there.
fn keeps(before: &str, after: &str, terms: &HashSet<u64>) -> bool {
    if terms.is_empty() {
        return true;
    }
    let (before, after) = (words::stems(before), words::stems(after));
    terms.iter().all(|term| !before.contains(term) || after.contains(term))
}
