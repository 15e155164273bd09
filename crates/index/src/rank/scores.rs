//! BM25F of every chunk and every file, from the lists of a request's terms.

use super::query::Query;
use super::shelf::Shelf;
use super::weights::{FILES, Factors, UNITS, Weights};
use crate::chunk::{FIELDS, Field};
use crate::segment::{Damaged, Found, Postings, Segment};

/// The lists of a term, one for each shard.
pub(crate) type Lists = Vec<Vec<u8>>;

/// Returns a term's lists.
pub(crate) fn lists(shelf: &Shelf<'_>, term: &str) -> Result<Lists, Damaged> {
    let list = |segment: &Segment| match segment.terms().find(term)? {
        Some(place) => segment.list(place),
        None => Ok(Vec::new()),
    };
    shelf.shards.iter().map(|shard| list(shard.segment)).collect()
}

/// Scores of one shard.
pub(super) struct Scores {
    pub units: Vec<f32>,
    pub files: Vec<f32>,
}

/// Who holds each of a query's terms, by term and shard, and the shards' scores.
pub(super) type Looked = (Vec<Vec<Vec<Found>>>, Vec<Scores>);

/// Reads the lists of a query's terms and sums up the scores; large shards side by side.
pub(super) fn look(shelf: &Shelf<'_>, query: &Query) -> Result<Looked, Damaged> {
    let looked = shelf.each(|at, shard| {
        // Read by the first request, here beside each other.
        shard.segment.names()?;
        let file_factors = shelf.usual.file_factors.get(at).map(Vec::as_slice).unwrap_or_default();
        let mut scores = Scores {
            units: vec![0.0; usize::try_from(shard.segment.chunks()).unwrap_or(0)],
            files: vec![0.0; shard.segment.files().len()],
        };
        let mut room = Vec::new();
        let held = query.terms.iter().map(|term| {
            let place = term.held.places.get(at).copied().flatten();
            let Some(place) = place else { return Ok(Vec::new()) };
            let list = shard.segment.read_list(place, &mut room)?;
            // A list never has more entries than bytes, whatever it says.
            let count = usize::try_from(place.documents).unwrap_or(0).min(list.len());
            let mut held = Vec::with_capacity(count);
            let all = Postings::new(list).inspect(|found| held.push(*found));
            let factors = (&shelf.usual.factors, file_factors);
            score(shard.segment, term.weight, all, factors, &mut scores);
            Ok(held)
        });
        let held = held.collect::<Result<Vec<_>, Damaged>>()?;
        Ok((held, scores))
    })?;
    let mut held: Vec<Vec<Vec<Found>>> = query.terms.iter().map(|_| Vec::new()).collect();
    let mut scores = Vec::with_capacity(looked.len());
    for (lists, shard_scores) in looked {
        held.iter_mut().zip(lists).for_each(|(held, list)| held.push(list));
        scores.push(shard_scores);
    }
    Ok((held, scores))
}

/// Adds what a term is worth to the scores of who holds it.
fn score(
    segment: &Segment,
    weight: f32,
    list: impl Iterator<Item = Found>,
    (factors, file_factors): (&Factors, &[[f32; FIELDS]]),
    scores: &mut Scores,
) {
    let mut walk = FileWalk::new(segment);
    for found in list {
        let Some(lengths) = segment.lengths(found.document) else { continue };
        let mut sum = 0.0;
        let mut fields = found.mask;
        while fields > 0 {
            let field = fields.trailing_zeros() as usize;
            fields &= fields - 1;
            if let (Some(count), Some(length)) = (found.counts.get(field), lengths.get(field)) {
                sum += f32::from(*count) * factors.get(field, *length);
            }
        }
        let unit = usize::try_from(found.document).ok().and_then(|at| scores.units.get_mut(at));
        if let Some(unit) = unit {
            *unit += weight * UNITS.saturate(sum);
        }
        if let Some((file, counts)) = walk.step(found.document, &found.counts) {
            add_file(&mut scores.files, file_factors, file, weight, &counts);
        }
    }
    if let Some((file, counts)) = walk.end() {
        add_file(&mut scores.files, file_factors, file, weight, &counts);
    }
}

fn add_file(
    files: &mut [f32],
    factors: &[[f32; FIELDS]],
    file: usize,
    weight: f32,
    counts: &[u32; FIELDS],
) {
    if let (Some(score), Some(factors)) = (files.get_mut(file), factors.get(file)) {
        let sum: f32 =
            counts.iter().zip(factors).map(|(count, factor)| *count as f32 * factor).sum();
        *score += weight * FILES.saturate(sum);
    }
}

/// Adds up the counts of each file's chunks while a list is walked.
pub(crate) struct FileWalk<'a> {
    segment: &'a Segment,
    file: usize,
    /// The first chunk behind the file.
    behind: u32,
    counts: [u32; FIELDS],
    path: u8,
    is_open: bool,
}

impl<'a> FileWalk<'a> {
    pub fn new(segment: &'a Segment) -> Self {
        Self { segment, file: 0, behind: 0, counts: [0; FIELDS], path: 0, is_open: false }
    }

    /// Takes a chunk's counts; returns the file before where the chunk begins another.
    #[inline]
    pub fn step(&mut self, chunk: u32, counts: &[u8; FIELDS]) -> Option<(usize, [u32; FIELDS])> {
        let mut over = None;
        if chunk >= self.behind {
            over = self.end();
            self.file = self.segment.file_of(chunk);
            self.behind = self.segment.chunks_of(self.file).map_or(u32::MAX, |(_, behind)| behind);
        }
        self.add(counts);
        over
    }

    /// Takes a chunk's counts, of the same file.
    #[inline]
    pub fn add(&mut self, counts: &[u8; FIELDS]) {
        self.is_open = true;
        for (sum, count) in self.counts.iter_mut().zip(counts) {
            *sum = sum.wrapping_add(u32::from(*count));
        }
        self.path = counts.get(Field::Path as usize).copied().unwrap_or(0);
    }

    /// Returns the file that is open and closes it.
    pub fn end(&mut self) -> Option<(usize, [u32; FIELDS])> {
        if !self.is_open {
            return None;
        }
        let mut counts = std::mem::take(&mut self.counts);
        // The path stands on every chunk of the file.
        if let Some(count) = counts.get_mut(Field::Path as usize) {
            *count = u32::from(self.path);
        }
        self.is_open = false;
        Some((self.file, counts))
    }
}

/// How strongly each field of a chunk or file holds a term, from counts and factors.
pub(crate) fn strength(weights: &Weights, sum: f32) -> f32 {
    weights.saturate(sum) / (weights.k1 + 1.0)
}
