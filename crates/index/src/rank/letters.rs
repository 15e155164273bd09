//! Candidates by other signs than whole words: letters of names, and names of code as they are written.

use std::collections::{BTreeMap, BTreeSet};

use super::query::Query;
use super::recall::{Candidate, best_of_file};
use super::scores::{Scores, lists};
use super::shelf::Shelf;
use crate::segment::{Damaged, MENTION, NAME, Postings};

/// How many chunks are taken because their names have letters of the request.
const BY_LETTERS: usize = 50;
/// Chunks that one name gives.
const OF_A_NAME: usize = 3;
/// So many times as many names as are wanted are kept before the worst are dropped.
const ROOM: usize = 8;
/// So many names are passed over together where none is good enough.
const BLOCK: usize = 64;
/// How far a name must have the letters where no word of the request stands in its chunk.
const ALONE: f32 = 0.45;
/// Groups of letters that more names hold, as a share of all, say too little.
const COMMON_GROUP: f32 = 0.1;
/// How many files are taken because they mention what the request names.
const BY_MENTIONS: usize = 20;

/// How far each name has the letters of a request.
pub(super) struct Letters {
    /// By shard and name.
    scores: Vec<Vec<f32>>,
    /// The most that a name could have.
    most: f32,
}

impl Letters {
    pub fn new(shelf: &Shelf<'_>, query: &Query) -> Result<Self, Damaged> {
        let names = shelf.shards.iter().map(|view| view.segment.names());
        let names = names.collect::<Result<Vec<_>, Damaged>>()?;
        let repeats = &shelf.usual.repeats;
        let repeated = repeats.iter().flatten().filter(|repeats| **repeats).count();
        let all = names.iter().map(|names| names.len()).sum::<usize>();
        let all = all.saturating_sub(repeated).max(1) as f32;
        let mut scores: Vec<Vec<f32>> = names.iter().map(|names| vec![0.0; names.len()]).collect();
        let mut most = 0.0;
        // The numbers of a group's names, one shard's behind the other's.
        let mut found: Vec<usize> = Vec::new();
        let mut ends: Vec<usize> = Vec::with_capacity(names.len());
        for gram in &query.name_grams {
            found.clear();
            ends.clear();
            let mut held = 0;
            for (names, repeats) in names.iter().zip(repeats) {
                let start = found.len();
                found.extend(names.group(*gram)?);
                ends.push(found.len());
                let own = found.get(start..).unwrap_or_default();
                // A name of several segments counts once, one that is dead never.
                held += match repeats.as_slice() {
                    [] => own.len(),
                    repeats => own.iter().filter(|name| is_first(repeats, **name)).count(),
                };
            }
            let held = held as f32;
            if held / all > COMMON_GROUP && held > 20.0 {
                continue;
            }
            // What no name holds speaks against all of them.
            let rarity = (1.0 + all / held.max(0.5)).ln();
            most += rarity * rarity;
            let mut start = 0;
            for (end, scores) in ends.iter().zip(&mut scores) {
                for name in found.get(start..*end).unwrap_or_default() {
                    if let Some(score) = scores.get_mut(*name) {
                        *score += rarity;
                    }
                }
                start = *end;
            }
        }
        for (names, scores) in names.iter().zip(&mut scores) {
            scores.iter_mut().zip(names.shares()).for_each(|(score, share)| *score *= share);
        }
        Ok(Self { scores, most: most.sqrt().max(1e-6) })
    }

    /// Returns how far a candidate's name has the letters.
    pub fn of(&self, number: Option<usize>, shard: usize) -> f32 {
        let score = self.scores.get(shard).zip(number).and_then(|(scores, name)| scores.get(name));
        score.map_or(0.0, |score| score / self.most)
    }

    /// Returns the chunks whose names have most of the letters and that are not taken.
    pub fn best(
        &self,
        shelf: &Shelf<'_>,
        scores: &[Scores],
        taken: &BTreeSet<(usize, u32)>,
    ) -> Result<Vec<Candidate>, Damaged> {
        // Many of the best are candidates already.
        let most = BY_LETTERS * 4;
        let mut least = 0.0;
        let mut names: Vec<Named> = Vec::new();
        for (shard, (scores, repeats)) in self.scores.iter().zip(&shelf.usual.repeats).enumerate() {
            let own = best_of_shard(scores, repeats, shard, most, least);
            names = merged(shelf, names, own, most);
            if names.len() >= most {
                least = names.last().map_or(0.0, |last| last.score);
            }
        }
        let mut found = Vec::new();
        for Named { score, shard, name } in names {
            if found.len() >= BY_LETTERS {
                break;
            }
            let is_enough = score / self.most >= ALONE;
            let called = called(shelf, scores, taken, (shard, name))?;
            found.extend(called.into_iter().filter(|called| called.score > 0.0 || is_enough));
        }
        Ok(found)
    }
}

/// A name of a shard, and how far it has the letters.
#[derive(Clone, Copy)]
struct Named {
    score: f32,
    shard: usize,
    name: usize,
}

/// Returns the names of a shard that have most of the letters, best first and equal ones in their order; none below `least`.
fn best_of_shard(
    scores: &[f32],
    repeats: &[bool],
    shard: usize,
    most: usize,
    mut least: f32,
) -> Vec<Named> {
    // Names are numbered in their order.
    let order = |a: &Named, b: &Named| b.score.total_cmp(&a.score).then(a.name.cmp(&b.name));
    let mut names: Vec<Named> = Vec::with_capacity(most * ROOM);
    for (block, first) in scores.chunks(BLOCK).zip((0..).step_by(BLOCK)) {
        let higher = |a: f32, b: &f32| if *b > a { *b } else { a };
        let best = block.iter().fold(0.0, higher);
        if best <= 0.0 || best < least {
            continue;
        }
        for (name, score) in (first..).zip(block) {
            if *score <= 0.0 || *score < least || !is_first(repeats, name) {
                continue;
            }
            names.push(Named { score: *score, shard, name });
            if names.len() >= most * ROOM {
                names.select_nth_unstable_by(most, order);
                names.truncate(most);
                least = names.iter().map(|held| held.score).fold(f32::INFINITY, f32::min);
            }
        }
    }
    if names.len() > most {
        names.select_nth_unstable_by(most, order);
        names.truncate(most);
    }
    names.sort_unstable_by(order);
    names
}

/// Returns the best of two shards' names, which come in order; equal ones by their texts, which must be read.
fn merged(shelf: &Shelf<'_>, some: Vec<Named>, others: Vec<Named>, most: usize) -> Vec<Named> {
    let text = |named: &Named| {
        let segment = shelf.shards.get(named.shard)?.segment;
        segment.terms().text_bytes(segment.names().ok()?.term(named.name)).ok()
    };
    let order =
        |a: &Named, b: &Named| b.score.total_cmp(&a.score).then_with(|| text(a).cmp(&text(b)));
    let mut all = Vec::with_capacity(most.min(some.len() + others.len()));
    let (mut some, mut others) = (some.into_iter().peekable(), others.into_iter().peekable());
    while all.len() < most {
        let next = match (some.peek(), others.peek()) {
            (Some(one), Some(other)) if order(one, other).is_gt() => others.next(),
            (Some(_), _) => some.next(),
            (None, _) => others.next(),
        };
        let Some(next) = next else { break };
        all.push(next);
    }
    all
}

/// Tells whether a name counts here, not in a segment before.
fn is_first(repeats: &[bool], name: usize) -> bool {
    !repeats.get(name).copied().unwrap_or(false)
}

/// Returns the first chunks of a name, in all segments, that are not taken.
fn called(
    shelf: &Shelf<'_>,
    scores: &[Scores],
    taken: &BTreeSet<(usize, u32)>,
    (own, name): (usize, usize),
) -> Result<Vec<Candidate>, Damaged> {
    let Some(segment) = shelf.shards.get(own).map(|view| view.segment) else {
        return Ok(Vec::new());
    };
    let term = segment.names()?.term(name);
    let text = segment.terms().text(term)?;
    let mut found: Vec<Candidate> = Vec::new();
    // What stands in a segment before is of another name, or dead.
    for (shard, view) in shelf.shards.iter().enumerate().skip(own) {
        let terms = view.segment.terms();
        let place = if shard == own { Some(terms.place(term)?) } else { terms.find(text)? };
        let Some(place) = place else { continue };
        let list = view.segment.list(place)?;
        let chunks = Postings::new(&list).map(|found| found.document);
        let free =
            chunks.filter(|chunk| view.part.holds(*chunk) && !taken.contains(&(shard, *chunk)));
        let units = scores.get(shard).map(|scores| scores.units.as_slice());
        let candidates = free.map(|chunk| {
            let file = view.segment.file_of(chunk);
            let score = usize::try_from(chunk).ok().and_then(|at| units?.get(at).copied());
            Candidate { shard, chunk, file, score: score.unwrap_or(0.0), ..Candidate::default() }
        });
        found = shelf.first_chunks(found.into_iter().chain(candidates), OF_A_NAME);
    }
    Ok(found)
}

/// The files that mention or define what the request names.
pub(super) struct Mentioned {
    /// By shard and file: how much what it mentions, and what it defines, says.
    files: BTreeMap<(usize, usize), (f32, f32)>,
}

impl Mentioned {
    pub fn new(shelf: &Shelf<'_>, query: &Query) -> Result<Self, Damaged> {
        let mut files: BTreeMap<(usize, usize), (f32, f32)> = BTreeMap::new();
        for name in &query.mentions {
            let lower = name.to_lowercase();
            for (term, defines) in
                [(format!("{MENTION}{name}"), false), (format!("{NAME}{lower}"), true)]
            {
                let mut found: Vec<(usize, usize)> = Vec::new();
                for (shard, list) in lists(shelf, &term)?.iter().enumerate() {
                    let Some(view) = shelf.shards.get(shard) else { continue };
                    for posting in Postings::new(list) {
                        let file = match defines {
                            true => view.segment.file_of(posting.document),
                            false => usize::try_from(posting.document).unwrap_or(usize::MAX),
                        };
                        if view.live.get(file) == Some(&true)
                            && found.last() != Some(&(shard, file))
                        {
                            found.push((shard, file));
                        }
                    }
                }
                let rarity = (1.0 + shelf.usual.files as f32 / found.len().max(1) as f32).ln();
                for file in found {
                    let sum = files.entry(file).or_default();
                    *(if defines { &mut sum.1 } else { &mut sum.0 }) += rarity;
                }
            }
        }
        Ok(Self { files })
    }

    /// Returns how much what a file mentions, or what it defines, says.
    pub fn of(&self, shard: usize, file: usize, defines: bool) -> f32 {
        let sum = self.files.get(&(shard, file)).copied().unwrap_or_default();
        (if defines { sum.1 } else { sum.0 }).min(40.0)
    }

    /// Returns the best chunks of the files of which most is said.
    pub fn best(&self, shelf: &Shelf<'_>, scores: &[Scores]) -> Vec<Candidate> {
        let mut files: Vec<_> = self.files.iter().map(|(file, (a, b))| (a + b, *file)).collect();
        files.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| shelf.files_in_order(a.1, b.1)));
        let best = files.into_iter().take(BY_MENTIONS);
        best.filter_map(|(_, (shard, file))| best_of_file(shelf, scores, shard, file)).collect()
    }
}
