//! BM25F: words by the fields they stand in.
//!
//! S. Robertson, H. Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009), section 3.6.

use super::{MAX_REASONS, begins};
use crate::chunk::{FIELD_NAMES, FIELDS};
use crate::error::IndexError;
use crate::rank::Weights;
use crate::segment::{Postings, decode_length};
use crate::snapshot::{Part, Snapshot};
use crate::words::{Analyzer, tokens};

/// Most different terms of a query.
const MAX_TERMS: usize = 400;

/// A term of a query.
#[derive(Clone, Debug)]
pub(crate) struct QueryTerm {
    pub text: String,
    /// The word as the query writes it.
    word: String,
    /// How often it stands there.
    count: f32,
}

/// Returns a text's terms, each once, in the order of their first places.
pub(crate) fn terms(analyzer: &Analyzer, text: &str) -> Vec<QueryTerm> {
    let mut terms: Vec<QueryTerm> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for token in tokens(text) {
        for text in analyzer.terms_of(token) {
            let place = *places.entry(text.clone()).or_insert(terms.len());
            if let Some(term) = terms.get_mut(place) {
                term.count += 1.0;
            } else if terms.len() < MAX_TERMS {
                let word = analyzer.word_of(token, &text).to_owned();
                terms.push(QueryTerm { text, word, count: 1.0 });
            }
        }
    }
    terms
}

/// Where a term was found.
#[derive(Clone, Debug)]
pub(crate) struct TermHits {
    /// The word as the query writes it.
    pub word: String,
    pub idf: f32,
    /// Chunks by rising number, each with the term's weighted frequency and its fields.
    pub chunks: Vec<(u32, f32, u8)>,
}

/// What the words of a query found.
#[derive(Debug)]
pub(crate) struct Lexical {
    pub terms: Vec<TermHits>,
    /// By chunk number.
    scores: Vec<f32>,
    /// Chunks with a score.
    touched: Vec<u32>,
}

impl Lexical {
    /// Reads the terms' lists and sums up the scores; a word that is in none stands for those that begin so.
    pub fn read(
        snapshot: &Snapshot,
        terms: &[QueryTerm],
        weights: &Weights,
    ) -> Result<Self, IndexError> {
        let tables = Tables::new(&snapshot.averages(), weights);
        let mut lexical = Self {
            terms: Vec::with_capacity(terms.len()),
            scores: vec![0.0; usize::try_from(snapshot.numbers()).unwrap_or(0)],
            touched: Vec::new(),
        };
        for QueryTerm { text, word, count } in terms {
            let mut chunks = Vec::new();
            for part in snapshot.parts() {
                push_list(part, text, &tables, &mut chunks)?;
            }
            let mut word = word.clone();
            if !chunks.iter().any(|(_, frequency, _)| *frequency > 0.0) {
                chunks = begins::holders(snapshot, &word.to_lowercase(), &tables)?;
                word.push('…');
            }
            if chunks.is_empty() {
                continue;
            }
            let idf = idf(snapshot.stats().chunks, chunks.len());
            lexical.add(&chunks, idf * count.min(3.0), weights.k1);
            lexical.terms.push(TermHits { word, idf, chunks });
        }
        Ok(lexical)
    }

    fn add(&mut self, chunks: &[(u32, f32, u8)], weight: f32, k1: f32) {
        for (number, frequency, _) in chunks {
            let score = usize::try_from(*number).ok().and_then(|at| self.scores.get_mut(at));
            let Some(score) = score else { continue };
            if *score == 0.0 {
                self.touched.push(*number);
            }
            *score += weight * frequency / (k1 + frequency);
        }
    }

    /// Returns a chunk's score.
    pub fn score(&self, number: u32) -> f32 {
        usize::try_from(number).ok().and_then(|at| self.scores.get(at)).copied().unwrap_or(0.0)
    }

    /// Returns the best chunks with their scores, best first; equal ones by their paths and places.
    pub fn best(&self, snapshot: &Snapshot, limit: usize) -> Vec<(u32, f32)> {
        let mut all: Vec<(u32, f32)> =
            self.touched.iter().map(|number| (*number, self.score(*number))).collect();
        let by_score = |a: &(u32, f32), b: &(u32, f32)| {
            b.1.total_cmp(&a.1).then_with(|| snapshot.in_order(a.0, b.0))
        };
        if all.len() > limit && limit > 0 {
            all.select_nth_unstable_by(limit - 1, by_score);
        }
        all.truncate(limit);
        all.sort_unstable_by(by_score);
        all
    }

    /// Returns a chunk's fields that hold a term, with the term's weighted frequency.
    pub fn at(&self, term: &TermHits, number: u32) -> Option<(f32, u8)> {
        let at = term.chunks.binary_search_by_key(&number, |(number, ..)| *number).ok()?;
        term.chunks.get(at).map(|(_, frequency, mask)| (*frequency, *mask))
    }

    /// Tells by which words a chunk was found, the most telling ones first.
    pub fn reasons(&self, number: u32) -> Vec<String> {
        let mut found: Vec<(f32, String)> = Vec::new();
        for term in &self.terms {
            let Some((frequency, mask)) = self.at(term, number) else { continue };
            found.push((term.idf * frequency, format!("{} `{}`", best_field(mask), term.word)));
        }
        found.sort_by(|a, b| b.0.total_cmp(&a.0));
        found.into_iter().take(MAX_REASONS).map(|(_, reason)| reason).collect()
    }
}

/// Names the most telling of the fields.
fn best_field(mask: u8) -> &'static str {
    let field = usize::try_from(mask.trailing_zeros()).unwrap_or(FIELDS);
    FIELD_NAMES.get(field).copied().unwrap_or("code")
}

/// How telling a term is that stands in `found` of `all` chunks.
#[allow(clippy::cast_precision_loss)]
fn idf(all: u64, found: usize) -> f32 {
    let (all, found) = (all as f32, found as f32);
    (1.0 + (all - found + 0.5).max(0.0) / (found + 0.5)).ln()
}

/// For each field what one occurrence counts, by the byte of the field's length.
pub(crate) struct Tables {
    by_field: Box<[[f32; 256]; FIELDS]>,
}

impl Tables {
    #[allow(clippy::cast_precision_loss)]
    pub fn new(averages: &[f32; FIELDS], weights: &Weights) -> Self {
        let mut by_field = Box::new([[0.0; 256]; FIELDS]);
        let rows = by_field.iter_mut().zip(weights.fields).zip(weights.lengths).zip(averages);
        for (((row, weight), b), average) in rows {
            for (byte, value) in (0..=u8::MAX).zip(row.iter_mut()) {
                let length = decode_length(byte) as f32 / average.max(f32::MIN_POSITIVE);
                *value = weight / (1.0 - b + b * length);
            }
        }
        Self { by_field }
    }

    /// Returns what counts in the fields add up to.
    #[inline]
    pub fn frequency(&self, counts: &[u8; FIELDS], lengths: &[u8; FIELDS]) -> f32 {
        let mut sum = 0.0;
        for ((row, count), length) in self.by_field.iter().zip(counts).zip(lengths) {
            if *count > 0 {
                sum += f32::from(*count) * row.get(usize::from(*length)).copied().unwrap_or(0.0);
            }
        }
        sum
    }
}

/// Adds the living chunks of a part that hold a term.
pub(super) fn push_list(
    part: &Part,
    text: &str,
    tables: &Tables,
    chunks: &mut Vec<(u32, f32, u8)>,
) -> Result<(), IndexError> {
    let Some(place) = part.segment.terms().find(text)? else { return Ok(()) };
    let bytes = part.segment.list(place)?;
    // A list never has more entries than bytes, whatever it says.
    chunks.reserve(usize::try_from(place.documents).unwrap_or(0).min(bytes.len()));
    let mut postings = Postings::new(&bytes);
    for found in postings.by_ref() {
        if !part.holds(found.document) {
            continue;
        }
        let lengths = part.segment.lengths(found.document).ok_or(IndexError::Damaged)?;
        let frequency = tables.frequency(&found.counts, lengths);
        chunks.push((part.base + found.document, frequency, found.mask));
    }
    Ok(postings.check()?)
}
