//! The second look: which terms each candidate and its file hold, field by field.

use std::collections::BTreeMap;

use super::query::Query;
use super::recall::Recall;
use super::scores::FileWalk;
use super::shelf::{Shard, Shelf};
use crate::chunk::FIELDS;
use crate::segment::{Damaged, Found, Postings};

/// What candidates and their files hold.
#[derive(Debug)]
pub(crate) struct Matches {
    terms: usize,
    related: usize,
    /// By candidate its shard, and its place among the shard's.
    places: Vec<(usize, usize)>,
    /// By shard and file, its place among the shard's.
    file_places: BTreeMap<(usize, usize), usize>,
    shards: Vec<OfShard>,
}

/// Of one shard: candidate after candidate, or file after file, term after term.
#[derive(Debug)]
struct OfShard {
    units: Vec<[u8; FIELDS]>,
    related_units: Vec<[u8; FIELDS]>,
    files: Vec<[u32; FIELDS]>,
}

impl Matches {
    /// Looks the candidates up.
    pub fn new(shelf: &Shelf<'_>, query: &Query, recall: &Recall) -> Result<Self, Damaged> {
        let mut chunks: Vec<Vec<(u32, usize)>> = vec![Vec::new(); shelf.shards.len()];
        for (slot, candidate) in recall.candidates.iter().enumerate() {
            if let Some(chunks) = chunks.get_mut(candidate.shard) {
                chunks.push((candidate.chunk, slot));
            }
        }
        let mut places = vec![(usize::MAX, 0); recall.candidates.len()];
        for (shard, chunks) in chunks.iter_mut().enumerate() {
            chunks.sort_unstable();
            for (at, (_, slot)) in chunks.iter().enumerate() {
                if let Some(place) = places.get_mut(*slot) {
                    *place = (shard, at);
                }
            }
        }
        let mut files: Vec<Vec<usize>> = vec![Vec::new(); shelf.shards.len()];
        let mut file_places = BTreeMap::new();
        for (shard, file) in recall.files.keys() {
            if let Some(files) = files.get_mut(*shard) {
                file_places.insert((*shard, *file), files.len());
                files.push(*file);
            }
        }
        let shards = shelf.each(|at, shard| {
            let chunks = chunks.get(at).map(Vec::as_slice).unwrap_or_default();
            let files = files.get(at).map(Vec::as_slice).unwrap_or_default();
            OfShard::new(query, recall, at, shard, chunks, files)
        })?;
        let (terms, related) = (query.terms.len(), query.related.len());
        Ok(Self { terms, related, places, file_places, shards })
    }

    fn of(&self, candidate: usize) -> Option<(&OfShard, usize)> {
        let (shard, place) = self.places.get(candidate)?;
        Some((self.shards.get(*shard)?, *place))
    }

    /// Returns a candidate's counts of each term.
    pub fn unit(&self, candidate: usize) -> &[[u8; FIELDS]] {
        let counts =
            self.of(candidate).and_then(|(shard, place)| row(&shard.units, place, self.terms));
        counts.unwrap_or_default()
    }

    /// Returns a candidate's counts of each related term.
    pub fn related(&self, candidate: usize) -> &[[u8; FIELDS]] {
        let counts = self.of(candidate);
        let counts =
            counts.and_then(|(shard, place)| row(&shard.related_units, place, self.related));
        counts.unwrap_or_default()
    }

    /// Returns a file's counts of each term.
    pub fn file(&self, shard: usize, file: usize) -> &[[u32; FIELDS]] {
        let place = self.file_places.get(&(shard, file));
        let counts = place.zip(self.shards.get(shard));
        counts.and_then(|(place, shard)| row(&shard.files, *place, self.terms)).unwrap_or_default()
    }
}

/// Returns one of the rows of a table.
fn row<T>(table: &[T], at: usize, width: usize) -> Option<&[T]> {
    table.get(at * width..(at + 1) * width)
}

impl OfShard {
    /// Looks up what one shard's candidates, by rising chunks, and their files hold.
    fn new(
        query: &Query,
        recall: &Recall,
        at: usize,
        shard: &Shard<'_>,
        chunks: &[(u32, usize)],
        files: &[usize],
    ) -> Result<Self, Damaged> {
        let (terms, related) = (query.terms.len(), query.related.len());
        let mut own = Self {
            units: vec![[0; FIELDS]; chunks.len() * terms],
            related_units: vec![[0; FIELDS]; chunks.len() * related],
            files: vec![[0; FIELDS]; files.len() * terms],
        };
        if chunks.is_empty() {
            return Ok(own);
        }
        for (term, shards) in recall.held.iter().enumerate() {
            let held = shards.get(at).map(Vec::as_slice).unwrap_or_default();
            own.read(chunks, files, shard, (term, terms), held);
        }
        let mut room = Vec::new();
        for (number, other) in query.related.iter().enumerate() {
            let Some(place) = other.places.get(at).copied().flatten() else { continue };
            let mut wanted = chunks.iter().zip(0..).peekable();
            for found in Postings::new(shard.segment.read_list(place, &mut room)?) {
                while wanted.next_if(|((chunk, _), _)| *chunk < found.document).is_some() {}
                let Some(((chunk, _), place)) = wanted.peek() else { break };
                if *chunk == found.document
                    && let Some(counts) = own.related_units.get_mut(place * related + number)
                {
                    *counts = found.counts;
                }
            }
        }
        Ok(own)
    }

    /// Takes what the chunks of a term's list hold.
    fn read(
        &mut self,
        chunks: &[(u32, usize)],
        files: &[usize],
        shard: &Shard<'_>,
        (term, terms): (usize, usize),
        held: &[Found],
    ) {
        let mut rest = held;
        for ((chunk, _), place) in chunks.iter().zip(0..) {
            rest = rest.get(behind(rest, *chunk)..).unwrap_or_default();
            if let Some(found) = rest.first().filter(|found| found.document == *chunk)
                && let Some(counts) = self.units.get_mut(place * terms + term)
            {
                *counts = found.counts;
            }
        }
        let mut rest = held;
        for (file, place) in files.iter().zip(0..) {
            let Some((first, end)) = shard.segment.chunks_of(*file) else { continue };
            rest = rest.get(behind(rest, first)..).unwrap_or_default();
            let mut walk = FileWalk::new(shard.segment);
            for found in rest.iter().take_while(|found| found.document < end) {
                walk.add(&found.counts);
            }
            if let Some((_, sums)) = walk.end()
                && let Some(counts) = self.files.get_mut(place * terms + term)
            {
                *counts = sums;
            }
        }
    }
}

/// Returns how many documents stand before one; most are near the beginning.
fn behind(held: &[Found], chunk: u32) -> usize {
    let mut reach = 1;
    while held.get(reach).is_some_and(|found| found.document < chunk) {
        reach *= 2;
    }
    let near = held.get(..held.len().min(reach + 1)).unwrap_or_default();
    near.partition_point(|found| found.document < chunk)
}
