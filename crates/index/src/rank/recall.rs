//! The first look: every chunk and every file gets its BM25F; the best become candidates.

use std::collections::{BTreeMap, BTreeSet};

use distiq_base::paths::file_name;

use super::beside::both;
use super::extension::Signals;
use super::letters::{Letters, Mentioned};
use super::query::Query;
use super::scores::{Scores, lists, look};
use super::shelf::Shelf;
use super::twins::{self, Twin};
use crate::segment::{Damaged, FILE, Found, NAME, Postings};

/// How many chunks are looked at again for their own score.
const BEST_UNITS: usize = 150;
/// How many files give their best chunk.
const BEST_FILES: usize = 80;
/// So many times as many chunks as are wanted are kept before the worst are dropped.
const ROOM: usize = 8;
/// What a chunk without a name, and one of a test, is worth among the first.
const NAMELESS: f32 = 0.6;
const OF_TEST: f32 = 0.7;
/// How many chunks are taken for each name that the request mentions.
const NAMED: usize = 20;
/// Most names of a request that are looked up.
const MAX_NAMES: usize = 32;

/// A chunk that may be what is wanted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Candidate {
    pub shard: usize,
    pub chunk: u32,
    /// The file's place in the segment.
    pub file: usize,
    /// Its BM25F as a function.
    pub score: f32,
    /// That score, less where it has no name or is a test.
    pub pull: f32,
    /// Its place by that, from 0.
    pub rank: usize,
    /// Why it was taken, where that is not its score.
    pub why: &'static str,
}

/// What the first look tells of a candidate's file.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FileLook {
    pub score: f32,
    /// Its place by that score, from 0.
    pub rank: usize,
    /// The best of its chunks' scores.
    pub best: f32,
    /// The three best, added up.
    pub best_three: f32,
    /// How much the names of code that it mentions, and those that it defines, say.
    pub mentions: f32,
    pub defines: f32,
    pub twin: Option<Twin>,
}

impl FileLook {
    /// Tells whether a file to which it belongs stands before it, and among the best.
    pub fn has_better_twin(&self) -> bool {
        self.twin.is_some_and(|twin| twin.belongs)
    }
}

/// What the first look found.
#[derive(Default)]
pub(crate) struct Recall {
    pub candidates: Vec<Candidate>,
    /// By shard and file.
    pub files: BTreeMap<(usize, usize), FileLook>,
    /// Who holds each of the query's terms, by term and shard, by rising number.
    pub held: Vec<Vec<Vec<Found>>>,
    /// Chunks behind the candidates, by falling score.
    pub rest: Vec<Candidate>,
    /// How far names have the request's letters.
    pub letters: Option<Letters>,
    /// Shard and place of each file with a score, best first.
    pub best_files: Vec<(usize, usize)>,
}

/// Finds the candidates of a request, also those of its signals; `most` chunks in all.
pub(crate) fn recall(
    shelf: &Shelf<'_>,
    query: &Query,
    most: usize,
    signals: &Signals<'_>,
) -> Result<Recall, Damaged> {
    let (held, scores) = look(shelf, query)?;
    let mut recall = Recall { held, ..Recall::default() };
    let (units, (files, letters, mentioned)) = both(
        shelf.is_large(),
        || best_units(shelf, query, &scores, most.max(BEST_UNITS)),
        || {
            let mentioned = Mentioned::new(shelf, query);
            (best_files(shelf, &scores), Letters::new(shelf, query), mentioned)
        },
    )?;
    let (letters, mentioned) = (letters?, mentioned?);
    let mut taken: BTreeSet<(usize, u32)> = BTreeSet::new();
    let mut rest = Vec::new();
    for (rank, candidate) in units.iter().enumerate() {
        let candidate = Candidate { rank, ..*candidate };
        if rank < BEST_UNITS {
            taken.insert((candidate.shard, candidate.chunk));
            recall.candidates.push(candidate);
        } else {
            rest.push(candidate);
        }
    }
    let of_files = files
        .iter()
        .take(BEST_FILES)
        .filter_map(|(shard, file, _)| best_of_file(shelf, &scores, *shard, *file));
    let more: Vec<Candidate> = because("words of the whole file", of_files)
        .chain(because(
            "called like a file that fits",
            best_of_files(shelf, &scores, &twins::of_best(shelf, &files)?),
        ))
        .chain(because("its name or path is mentioned", named(shelf, query, &scores)?))
        .chain(because("names in its file", mentioned.best(shelf, &scores)))
        .chain(because("letters of its name", letters.best(shelf, &scores, &taken)?))
        .chain(signals.iter().flat_map(|signal| brought(shelf, &scores, signal.found())))
        .chain(signals.iter().flat_map(|signal| best_of_files(shelf, &scores, signal.files())))
        .collect();
    for candidate in more {
        if taken.insert((candidate.shard, candidate.chunk)) {
            let pull = candidate.score * worth(shelf, query, &candidate);
            // As far as the ranker was told of places when it was fitted.
            let better = units.partition_point(|unit| unit.pull > pull).min(BEST_UNITS);
            recall.candidates.push(Candidate { pull, rank: better, ..candidate });
        }
    }
    recall.letters = Some(letters);
    rest.retain(|candidate| !taken.contains(&(candidate.shard, candidate.chunk)));
    recall.rest = rest;
    recall.best_files = files.iter().map(|(shard, file, _)| (*shard, *file)).collect();
    recall.files = looks(shelf, &scores, &files, &recall.candidates, &mentioned);
    Ok(recall)
}

/// Says why candidates were taken that may hold no word of the request.
fn because(
    why: &'static str,
    candidates: impl IntoIterator<Item = Candidate>,
) -> impl Iterator<Item = Candidate> {
    candidates.into_iter().map(move |candidate| Candidate { why, ..candidate })
}

/// Returns what is told of the candidates' files.
fn looks(
    shelf: &Shelf<'_>,
    scores: &[Scores],
    files: &[(usize, usize, f32)],
    candidates: &[Candidate],
    mentioned: &Mentioned,
) -> BTreeMap<(usize, usize), FileLook> {
    let mut looks = BTreeMap::new();
    let mut ranks: Vec<Vec<usize>> =
        scores.iter().map(|scores| vec![files.len(); scores.files.len()]).collect();
    for (rank, (shard, file, _)) in files.iter().enumerate() {
        if let Some(place) = ranks.get_mut(*shard).and_then(|ranks| ranks.get_mut(*file)) {
            *place = rank;
        }
    }
    for candidate in candidates {
        looks.entry((candidate.shard, candidate.file)).or_insert_with(|| {
            let ranks = ranks.get(candidate.shard).and_then(|ranks| ranks.get(candidate.file));
            let rank = ranks.copied().unwrap_or(files.len());
            let score = files.get(rank).map_or(0.0, |(_, _, score)| *score);
            let mut best = unit_scores(shelf, scores, candidate.shard, candidate.file);
            best.sort_by(|a, b| b.1.total_cmp(&a.1));
            FileLook {
                score,
                rank,
                best: best.first().map_or(0.0, |(_, score)| *score),
                best_three: best.iter().take(3).map(|(_, score)| score).sum(),
                mentions: mentioned.of(candidate.shard, candidate.file, false),
                defines: mentioned.of(candidate.shard, candidate.file, true),
                twin: None,
            }
        });
    }
    twins::tell(shelf, looks.iter_mut());
    looks
}

/// Returns what a chunk counts among the first: names and code are asked for more often than what
/// stands between, and than tests.
fn worth(shelf: &Shelf<'_>, query: &Query, candidate: &Candidate) -> f32 {
    let Some(view) = shelf.shards.get(candidate.shard) else { return 1.0 };
    let is_test = view.segment.files().get(candidate.file).is_some_and(|file| file.kind.is_test);
    let is_nameless = view.segment.lengths(candidate.chunk).is_none_or(|[name, ..]| *name == 0);
    let of_test = if is_test && !query.tells_of_tests { OF_TEST } else { 1.0 };
    of_test * if is_nameless { NAMELESS } else { 1.0 }
}

fn best_units(shelf: &Shelf<'_>, query: &Query, scores: &[Scores], most: usize) -> Vec<Candidate> {
    let best_first =
        |a: &Candidate, b: &Candidate| b.pull.total_cmp(&a.pull).then_with(|| shelf.in_order(a, b));
    let mut best: Vec<Candidate> = Vec::with_capacity(ROOM * most);
    let mut least = 0.0;
    for (shard, (view, scores)) in shelf.shards.iter().zip(scores).enumerate() {
        for (file, (score, lives)) in scores.files.iter().zip(view.live).enumerate() {
            // A file without a score has no chunk with one.
            if *score <= 0.0 || !lives {
                continue;
            }
            let Some((first, end)) = view.segment.chunks_of(file) else { continue };
            let place = |chunk: u32| usize::try_from(chunk).unwrap_or(usize::MAX);
            let units = scores.units.get(place(first)..place(end)).unwrap_or_default();
            for (chunk, score) in (first..).zip(units) {
                // A chunk counts at most its score.
                if *score <= 0.0 || *score < least {
                    continue;
                }
                let candidate =
                    Candidate { shard, chunk, file, score: *score, ..Candidate::default() };
                let pull = score * worth(shelf, query, &candidate);
                if pull < least {
                    continue;
                }
                best.push(Candidate { pull, ..candidate });
                if best.len() >= ROOM * most {
                    best.select_nth_unstable_by(most, best_first);
                    best.truncate(most);
                    least = best.iter().map(|held| held.pull).fold(f32::INFINITY, f32::min);
                }
            }
        }
    }
    if best.len() > most {
        best.select_nth_unstable_by(most, best_first);
        best.truncate(most);
    }
    best.sort_by(best_first);
    best
}

/// Returns the live files with a score, best first.
fn best_files(shelf: &Shelf<'_>, scores: &[Scores]) -> Vec<(usize, usize, f32)> {
    let mut files = Vec::new();
    // Scores and places in one number each.
    let mut order: Vec<u64> = Vec::new();
    for (shard, (view, scores)) in shelf.shards.iter().zip(scores).enumerate() {
        for (file, (score, live)) in scores.files.iter().zip(view.live).enumerate() {
            if *live && *score > 0.0 {
                // The bits of numbers above 0 sort as the numbers do.
                let place = u32::try_from(files.len()).unwrap_or(u32::MAX);
                order.push(u64::from(u32::MAX - score.to_bits()) << 32 | u64::from(place));
                files.push((shard, file, *score));
            }
        }
    }
    order.sort_unstable();
    let file = |at: &u64| files.get(usize::try_from(*at & u64::from(u32::MAX)).ok()?).copied();
    let place = |at: &u64| file(at).map_or((0, 0), |(shard, file, _)| (shard, file));
    for same in order.chunk_by_mut(|a, b| a >> 32 == b >> 32).filter(|same| same.len() > 1) {
        same.sort_unstable_by(|a, b| shelf.files_in_order(place(a), place(b)));
    }
    order.iter().filter_map(file).collect()
}

/// Returns the scores above 0 of a file's chunks.
fn unit_scores(shelf: &Shelf<'_>, scores: &[Scores], shard: usize, file: usize) -> Vec<(u32, f32)> {
    let chunks = shelf.shards.get(shard).and_then(|view| view.segment.chunks_of(file));
    let (Some((first, end)), Some(scores)) = (chunks, scores.get(shard)) else { return Vec::new() };
    (first..end)
        .filter_map(|chunk| Some((chunk, *scores.units.get(usize::try_from(chunk).ok()?)?)))
        .filter(|(_, score)| *score > 0.0)
        .collect()
}

pub(super) fn best_of_file(
    shelf: &Shelf<'_>,
    scores: &[Scores],
    shard: usize,
    file: usize,
) -> Option<Candidate> {
    let units = unit_scores(shelf, scores, shard, file);
    let (chunk, score) = units.into_iter().rev().max_by(|a, b| a.1.total_cmp(&b.1))?;
    Some(Candidate { shard, chunk, file, score, ..Candidate::default() })
}

/// Returns the best chunk of each of some files; the first where none has a word of the request.
fn best_of_files(shelf: &Shelf<'_>, scores: &[Scores], files: &[(usize, usize)]) -> Vec<Candidate> {
    let first = |shard: usize, file: usize| {
        let entry = shelf.shards.get(shard)?.segment.files().get(file)?;
        let chunk = entry.first_chunk;
        (entry.chunks > 0).then(|| Candidate { shard, chunk, file, ..Candidate::default() })
    };
    let best = |(shard, file): &(usize, usize)| {
        best_of_file(shelf, scores, *shard, *file).or_else(|| first(*shard, *file))
    };
    files.iter().filter_map(best).collect()
}

/// Returns what a signal finds, with its scores by words.
fn brought(shelf: &Shelf<'_>, scores: &[Scores], found: &[(usize, u32)]) -> Vec<Candidate> {
    let candidate = |(shard, chunk): &(usize, u32)| {
        let file = shelf.shards.get(*shard)?.segment.file_of(*chunk);
        let score = *scores.get(*shard)?.units.get(usize::try_from(*chunk).ok()?)?;
        Some(Candidate { shard: *shard, chunk: *chunk, file, score, ..Candidate::default() })
    };
    found.iter().filter_map(candidate).collect()
}

/// Returns chunks that are called, and files that are named, as the request mentions.
fn named(shelf: &Shelf<'_>, query: &Query, scores: &[Scores]) -> Result<Vec<Candidate>, Damaged> {
    let mut found = Vec::new();
    let mut names: Vec<&String> = query.identifiers.iter().collect();
    names.sort();
    for name in names.into_iter().take(MAX_NAMES) {
        let mut called: Vec<Candidate> = Vec::new();
        for (shard, (list, view)) in
            lists(shelf, &format!("{NAME}{name}"))?.iter().zip(&shelf.shards).enumerate()
        {
            let chunks = Postings::new(list).filter(|posting| view.part.holds(posting.document));
            let candidates = chunks.map(|posting| {
                let (chunk, file) = (posting.document, view.segment.file_of(posting.document));
                let score = scores
                    .get(shard)
                    .and_then(|scores| scores.units.get(usize::try_from(chunk).ok()?));
                let score = score.copied().unwrap_or(0.0);
                Candidate { shard, chunk, file, score, ..Candidate::default() }
            });
            called = shelf.first_chunks(called.into_iter().chain(candidates), NAMED);
        }
        found.extend(called);
    }
    for path in query.paths.iter().take(MAX_NAMES) {
        let name = file_name(path);
        let mut called: Vec<(usize, usize)> = Vec::new();
        for (shard, (list, view)) in
            lists(shelf, &format!("{FILE}{name}"))?.iter().zip(&shelf.shards).enumerate()
        {
            let files = Postings::new(list).filter_map(|file| usize::try_from(file.document).ok());
            let live = files.filter(|file| view.live.get(*file) == Some(&true));
            let files = live.map(|file| (shard, file));
            called = shelf.first_files(called.into_iter().chain(files), NAMED);
        }
        let best = |(shard, file)| best_of_file(shelf, scores, shard, file);
        found.extend(called.into_iter().filter_map(best));
    }
    Ok(found)
}
