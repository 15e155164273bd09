//! The second look: which terms each candidate and its file hold, field by field.

use std::collections::BTreeMap;

use super::query::Query;
use super::recall::{FileWalk, Recall};
use super::shelf::{Shard, Shelf};
use crate::chunk::FIELDS;
use crate::segment::{Damaged, Found, Postings};

/// What candidates and their files hold.
#[derive(Clone, Debug)]
pub(crate) struct Matches {
    terms: usize,
    related: usize,
    /// Candidate after candidate, term after term.
    units: Vec<[u8; FIELDS]>,
    related_units: Vec<[u8; FIELDS]>,
    files: Vec<[u32; FIELDS]>,
    /// By shard and file, its place in `files`.
    file_places: BTreeMap<(usize, usize), usize>,
}

impl Matches {
    /// Looks the candidates up.
    pub fn new(shelf: &Shelf<'_>, query: &Query, recall: &Recall) -> Result<Self, Damaged> {
        let (terms, related) = (query.terms.len(), query.related.len());
        let file_places: BTreeMap<(usize, usize), usize> =
            recall.files.keys().enumerate().map(|(place, key)| (*key, place)).collect();
        let empty = Self {
            terms,
            related,
            units: vec![[0; FIELDS]; recall.candidates.len() * terms],
            related_units: vec![[0; FIELDS]; recall.candidates.len() * related],
            files: vec![[0; FIELDS]; file_places.len() * terms],
            file_places,
        };
        let slots = Slots::new(shelf, recall);
        let parts =
            shelf.each(|at, shard| empty.clone().of_shard(query, recall, &slots, at, shard))?;
        let mut parts = parts.into_iter();
        let mut matches = parts.next().unwrap_or(empty);
        for part in parts {
            matches.take(&part);
        }
        Ok(matches)
    }

    /// Looks up what one shard holds.
    fn of_shard(
        mut self,
        query: &Query,
        recall: &Recall,
        slots: &Slots,
        at: usize,
        shard: &Shard<'_>,
    ) -> Result<Self, Damaged> {
        let mut candidates: Vec<(u32, usize)> = (0..)
            .zip(&recall.candidates)
            .filter(|(_, candidate)| candidate.shard == at)
            .map(|(slot, candidate)| (candidate.chunk, slot))
            .collect();
        candidates.sort_unstable();
        for (term, shards) in recall.held.iter().enumerate() {
            let held = shards.get(at).map(Vec::as_slice).unwrap_or_default();
            self.read(&candidates, at, shard, term, held);
        }
        for (number, other) in query.related.iter().enumerate() {
            let Some(place) = other.places.get(at).copied().flatten() else { continue };
            for found in Postings::new(&shard.segment.list(place)?) {
                let Some(slot) = slots.unit(at, found.document) else { continue };
                if let Some(counts) = self.related_units.get_mut(slot * self.related + number) {
                    *counts = found.counts;
                }
            }
        }
        Ok(self)
    }

    /// Takes what another shard holds; each candidate and file is of one alone.
    fn take(&mut self, other: &Self) {
        fn fill<T: Copy + Default + PartialEq>(mine: &mut [T], theirs: &[T]) {
            let held = mine.iter_mut().zip(theirs).filter(|(_, theirs)| **theirs != T::default());
            held.for_each(|(mine, theirs)| *mine = *theirs);
        }
        fill(&mut self.units, &other.units);
        fill(&mut self.related_units, &other.related_units);
        fill(&mut self.files, &other.files);
    }

    /// Takes what the chunks of a term's list hold; the candidates come by rising chunks.
    fn read(
        &mut self,
        candidates: &[(u32, usize)],
        at: usize,
        shard: &Shard<'_>,
        term: usize,
        held: &[Found],
    ) {
        let mut rest = held;
        for (chunk, slot) in candidates {
            rest = rest.get(behind(rest, *chunk)..).unwrap_or_default();
            if let Some(found) = rest.first().filter(|found| found.document == *chunk)
                && let Some(counts) = self.units.get_mut(slot * self.terms + term)
            {
                *counts = found.counts;
            }
        }
        let mut rest = held;
        for ((_, file), place) in self.file_places.range((at, 0)..=(at, usize::MAX)) {
            let Some(entry) = shard.segment.files().get(*file) else { continue };
            let end = entry.first_chunk.saturating_add(entry.chunks);
            rest = rest.get(behind(rest, entry.first_chunk)..).unwrap_or_default();
            let mut walk = FileWalk::new(shard.segment);
            for found in rest.iter().take_while(|found| found.document < end) {
                walk.add(&found.counts);
            }
            if let Some((_, sums)) = walk.end()
                && let Some(counts) = self.files.get_mut(place * self.terms + term)
            {
                *counts = sums;
            }
        }
    }

    /// Returns a candidate's counts of each term.
    pub fn unit(&self, candidate: usize) -> &[[u8; FIELDS]] {
        self.units.get(candidate * self.terms..(candidate + 1) * self.terms).unwrap_or_default()
    }

    /// Returns a candidate's counts of each related term.
    pub fn related(&self, candidate: usize) -> &[[u8; FIELDS]] {
        let range = candidate * self.related..(candidate + 1) * self.related;
        self.related_units.get(range).unwrap_or_default()
    }

    /// Returns a file's counts of each term.
    pub fn file(&self, shard: usize, file: usize) -> &[[u32; FIELDS]] {
        let place = self.file_places.get(&(shard, file)).copied().unwrap_or(usize::MAX / 2);
        self.files.get(place * self.terms..(place + 1) * self.terms).unwrap_or_default()
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

/// For each chunk of each shard the candidate that it is, plus one.
struct Slots {
    units: Vec<Vec<u16>>,
}

impl Slots {
    fn new(shelf: &Shelf<'_>, recall: &Recall) -> Self {
        let sizes =
            shelf.shards.iter().map(|view| usize::try_from(view.segment.chunks()).unwrap_or(0));
        let mut units: Vec<Vec<u16>> = sizes.map(|size| vec![0; size]).collect();
        for (slot, candidate) in (1..).zip(&recall.candidates) {
            let place = units
                .get_mut(candidate.shard)
                .and_then(|units| units.get_mut(usize::try_from(candidate.chunk).ok()?));
            if let Some(place) = place {
                *place = slot;
            }
        }
        Self { units }
    }

    #[inline]
    fn unit(&self, shard: usize, chunk: u32) -> Option<usize> {
        let slot = self.units.get(shard)?.get(usize::try_from(chunk).ok()?)?;
        usize::from(*slot).checked_sub(1)
    }
}
