//! What is looked through: the segments, with what is dead in them left out.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::path::Path;

use super::beside::threads;
use super::recall::Candidate;
use super::repeats::repeats;
use super::weights::{FILES, Factors, UNITS};
use crate::chunk::FIELDS;
use crate::segment::{Damaged, ListPlace, Segment};
use crate::snapshot::Part;

/// Chunks of a shard from which on it is worth a thread.
const LARGE: u32 = 4_000;

/// A segment and which of its files are alive.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shard<'a> {
    pub part: &'a Part,
    pub segment: &'a Segment,
    /// By the files' places in the segment.
    pub live: &'a [bool],
}

impl<'a> Shard<'a> {
    /// Returns a part of a snapshot.
    pub fn new(part: &'a Part) -> Self {
        Self { part, segment: &part.segment, live: &part.lives }
    }
}

/// What is the same for every search of a snapshot.
#[derive(Debug)]
pub(crate) struct Usual {
    chunks: u32,
    /// A chunk's mean length by field.
    pub chunk_lengths: [f32; FIELDS],
    /// What a count in a chunk's field is worth.
    pub factors: Factors,
    /// What a count in a file's field is worth, by shard and file.
    pub file_factors: Vec<Vec<[f32; FIELDS]>>,
    /// How many files live.
    pub files: u32,
    /// By shard and name whether it does not count: a shard before has it alive, or nothing alive has it there; nothing of a
    /// shard of which all count.
    pub repeats: Vec<Vec<bool>>,
}

impl Usual {
    /// Sums up what lengths are usual; `folder` is that of the index.
    pub fn new(parts: &[Part], folder: &Path) -> Result<Self, Damaged> {
        let mut sums = [0_u64; FIELDS];
        let (mut chunks, mut files) = (0_u32, 0_u32);
        for part in parts {
            let all = part.segment.files().iter().zip(&part.lives);
            for (file, _) in all.filter(|(_, lives)| **lives) {
                files += 1;
                chunks = chunks.saturating_add(file.chunks);
                for (sum, length) in sums.iter_mut().zip(file.lengths) {
                    *sum = sum.saturating_add(length);
                }
            }
        }
        let mean = |count: u32| sums.map(|sum| (sum as f32 / count.max(1) as f32).max(0.01));
        let (chunk_lengths, file_lengths) = (mean(chunks), mean(files));
        let of_part = |part: &Part| {
            let files = part.segment.files().iter();
            files.map(|file| file_factors(&file.lengths, &file_lengths)).collect()
        };
        Ok(Self {
            chunks,
            files,
            chunk_lengths,
            factors: Factors::new(&UNITS, &chunk_lengths),
            file_factors: parts.iter().map(of_part).collect(),
            repeats: repeats(parts, folder)?,
        })
    }
}

fn file_factors(lengths: &[u64; FIELDS], means: &[f32; FIELDS]) -> [f32; FIELDS] {
    let mut factors = [0.0; FIELDS];
    for (field, ((factor, length), mean)) in factors.iter_mut().zip(lengths).zip(means).enumerate()
    {
        *factor = FILES.factor(field, *length as f32, *mean);
    }
    factors
}

/// Where a term's lists lie.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held {
    /// By shard.
    pub places: Vec<Option<ListPlace>>,
    /// How many living chunks hold it.
    pub documents: u32,
}

/// All segments of a snapshot.
#[derive(Debug)]
pub(crate) struct Shelf<'a> {
    pub shards: Vec<Shard<'a>>,
    pub usual: &'a Usual,
}

impl<'a> Shelf<'a> {
    /// Returns the parts of a snapshot.
    pub fn new(parts: &'a [Part], usual: &'a Usual) -> Self {
        Self { shards: parts.iter().map(Shard::new).collect(), usual }
    }

    /// Tells whether there is enough of it for several threads.
    pub fn is_large(&self) -> bool {
        self.usual.chunks > LARGE
    }

    /// Does a work for each shard, of large ones side by side; returns what came of it in the shards' order.
    pub fn each<T: Send>(
        &self,
        work: impl Fn(usize, &Shard<'a>) -> Result<T, Damaged> + Sync,
    ) -> Result<Vec<T>, Damaged> {
        let large = self.shards.iter().filter(|shard| shard.segment.chunks() > LARGE).count();
        let threads = threads().min(large);
        if threads < 2 {
            return self.shards.iter().enumerate().map(|(at, shard)| work(at, shard)).collect();
        }
        // Each next shard, the largest first, goes where least is to be done yet.
        let mut order: Vec<(u32, usize)> =
            self.shards.iter().enumerate().map(|(at, s)| (s.segment.chunks(), at)).collect();
        order.sort_unstable_by(|a, b| b.cmp(a));
        let mut groups: Vec<(u64, Vec<usize>)> = vec![(0, Vec::new()); threads];
        for (chunks, at) in order {
            if let Some((sum, group)) = groups.iter_mut().min_by_key(|(sum, _)| *sum) {
                *sum += u64::from(chunks) + 1;
                group.push(at);
            }
        }
        let all = |group: Vec<usize>| -> Vec<(usize, Result<T, Damaged>)> {
            let shards = group.into_iter().filter_map(|at| Some((at, self.shards.get(at)?)));
            shards.map(|(at, shard)| (at, work(at, shard))).collect()
        };
        let mut done = std::thread::scope(|scope| {
            let all = &all;
            let mut groups = groups.into_iter().map(|(_, group)| group);
            let own = groups.next().unwrap_or_default();
            let works: Vec<_> = groups.map(|group| scope.spawn(move || all(group))).collect();
            let mut done = all(own);
            for work in works {
                done.extend(work.join().map_err(|_| Damaged)?);
            }
            Ok(done)
        })?;
        done.sort_by_key(|(at, _)| *at);
        done.into_iter().map(|(_, result)| result).collect()
    }

    /// Looks a term up in all shards.
    pub fn look_up(&self, term: &str) -> Result<Held, Damaged> {
        let mut held = Held::default();
        for shard in &self.shards {
            let place = shard.segment.terms().find(term)?;
            if let Some(place) = place {
                held.documents = held.documents.saturating_add(shard.part.living(place)?);
            }
            held.places.push(place);
        }
        Ok(held)
    }

    /// Returns how many living chunks hold a term.
    pub fn documents(&self, term: &str) -> Result<u32, Damaged> {
        self.look_up(term).map(|held| held.documents)
    }

    /// Returns how much a term says that so many chunks hold.
    pub fn rarity(&self, documents: u32) -> f32 {
        let (all, held) = (self.usual.chunks.max(documents) as f32, documents as f32);
        (1.0 + (all - held + 0.5) / (held + 0.5)).ln()
    }

    /// Returns the commonest term that is one edit away from a word nobody uses.
    pub fn repair(&self, word: &str) -> Result<Option<String>, Damaged> {
        let Some(first) = word.chars().next() else { return Ok(None) };
        let mut start = [0; 4];
        let start = first.encode_utf8(&mut start);
        let mut near: BTreeMap<&str, u32> = BTreeMap::new();
        for shard in &self.shards {
            for found in shard.segment.terms().with_prefix(start) {
                let (term, list) = found?;
                if term.len().abs_diff(word.len()) <= 4 && is_one_edit(word, term) {
                    let count = near.entry(term).or_default();
                    *count = count.saturating_add(shard.part.living(list)?);
                }
            }
        }
        near.retain(|_, documents| *documents > 0);
        // The first of equal ones.
        let best = near.into_iter().rev().max_by_key(|(_, documents)| *documents);
        Ok(best.map(|(term, _)| term.to_owned()))
    }

    /// Returns a file's path.
    pub fn path(&self, shard: usize, file: usize) -> &'a str {
        let file = self.shards.get(shard).and_then(|shard| shard.segment.files().get(file));
        file.map_or("", |file| file.path.as_str())
    }

    /// Compares two files, by shard and place, by their paths: in which segments they are says nothing.
    pub fn files_in_order(&self, a: (usize, usize), b: (usize, usize)) -> Ordering {
        if a == b { Ordering::Equal } else { self.path(a.0, a.1).cmp(self.path(b.0, b.1)) }
    }

    /// Returns the first `most` of some chunks, in their order: where they stand in segments says nothing.
    pub fn first_chunks(
        &self,
        all: impl Iterator<Item = Candidate>,
        most: usize,
    ) -> Vec<Candidate> {
        first(all, most, |a, b| self.in_order(a, b))
    }

    /// Returns the first `most` of some files, by shard and place, in their order.
    pub fn first_files(
        &self,
        all: impl Iterator<Item = (usize, usize)>,
        most: usize,
    ) -> Vec<(usize, usize)> {
        first(all, most, |a, b| self.files_in_order(*a, *b))
    }

    /// Compares two chunks by their paths and their places in their files.
    pub fn in_order(&self, a: &Candidate, b: &Candidate) -> Ordering {
        let files = self.files_in_order((a.shard, a.file), (b.shard, b.file));
        files.then_with(|| a.chunk.cmp(&b.chunk))
    }
}

/// Returns the first `most` of some things, in order; there are few.
fn first<T>(
    all: impl Iterator<Item = T>,
    most: usize,
    order: impl Fn(&T, &T) -> Ordering,
) -> Vec<T> {
    let mut first: Vec<T> = Vec::with_capacity(most + 1);
    for one in all {
        let is_behind = |last: &T| order(&one, last) != Ordering::Less;
        if first.len() < most || !first.last().is_some_and(is_behind) {
            let at = first.partition_point(|other| order(other, &one) != Ordering::Greater);
            first.insert(at, one);
            first.truncate(most);
        }
    }
    first
}

/// Tells whether two words differ by one letter put in, left out, changed, or swapped with the next.
fn is_one_edit(a: &str, b: &str) -> bool {
    let (a, b) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    if b.len() - a.len() > 4 {
        return false;
    }
    let same = a.chars().zip(b.chars()).take_while(|(x, y)| x == y).count();
    let a: Vec<char> = a.chars().skip(same).collect();
    let b: Vec<char> = b.chars().skip(same).collect();
    match (a.as_slice(), b.as_slice()) {
        ([], [_]) => true,
        ([_, a @ ..], [_, b @ ..]) if a == b => true,
        ([x, y, a @ ..], [v, w, b @ ..]) if x == w && y == v && a == b => true,
        (a, [_, b @ ..]) => a == b,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{first, is_one_edit};

    #[test]
    fn the_first_are_those_of_a_sort() {
        for most in 0..9 {
            let all = [5, 3, 9, 3, 7, 1, 8];
            let mut sorted = all.to_vec();
            sorted.sort_unstable();
            sorted.truncate(most);
            assert_eq!(first(all.into_iter(), most, Ord::cmp), sorted);
        }
    }

    #[test]
    fn one_edit_is_one_letter() {
        for (a, b) in [
            ("parser", "parsr"),
            ("parser", "parsers"),
            ("parser", "paser"),
            ("parser", "parxer"),
            ("parser", "pasrer"),
        ] {
            assert!(is_one_edit(a, b) && is_one_edit(b, a), "{a} {b}");
        }
        for (a, b) in
            [("parser", "parser"), ("parser", "parsrs"), ("parser", "lexer"), ("parser", "par")]
        {
            assert!(!is_one_edit(a, b), "{a} {b}");
        }
    }
}
