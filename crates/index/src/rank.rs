//! Finds what a request means: words first, then a small learned ranker over the best of them.
//!
//! A first look gives every chunk and every file its BM25F ([`scores`]); the best chunks, the
//! best chunk of each of the best files and what the request names are looked at again ([`matches`]),
//! told in numbers ([`features`]) and put in order by boosted trees ([`model`]). What holds its words in quotes ([`phrases`])
//! and the lines that it names ([`places`]) come before all others.

mod at_hand;
mod beside;
mod extension;
mod features;
mod letters;
mod lines;
mod matches;
mod meant;
mod messages;
mod model;
mod phrases;
mod places;
mod query;
mod reasons;
mod recall;
mod related;
mod repeats;
mod rerank;
mod russian;
mod scores;
mod shelf;
mod twins;
mod weights;

pub use extension::{Extension, PLACED, extended, placed};
pub use features::FEATURES;

pub(crate) use beside::threads;
pub(crate) use extension::Signal;
use extension::Signals;
pub(crate) use features::Row;
pub(crate) use query::is_identifier;
pub(crate) use shelf::Usual;
pub(crate) use weights::{UNITS, Weights};

use shelf::Shelf;

use crate::chunk::Chunk;
use crate::error::IndexError;
use crate::history::OfPast;
use crate::search::{Hit, MAX_HITS, NO_CHUNK, Query, Tests, Wanted};
use crate::segment::Damaged;
use crate::snapshot::Snapshot;
use crate::vector::Near;
use crate::words::Analyzer;
use at_hand::AtHand;

/// How many rows all trees look at.
const SECOND_LOOK: usize = 60;
/// Fewest rows that are worth a thread for the first trees, and for the others, which are many more.
const A_THREAD_OF_FIRST: usize = 96;
const A_THREAD_OF_REST: usize = 16;
/// Where tests are left out, so many times as many chunks are looked at.
const LEFT_OUT: usize = 8;

/// A hit with what the ranker is told of it, for the ranker's training.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The hit, with its score by words alone.
    pub hit: Hit,
    /// In the order of [`FEATURES`].
    pub features: Vec<f32>,
    /// What an extension tells of it; empty where it knows nothing of the request.
    pub own: Vec<f32>,
    /// Whether the extension has it looked at again.
    pub is_strong: bool,
}

/// The lines that a request names, each with the place of the hit that holds it.
type Named = Vec<(usize, u32)>;

/// What a request found, for whoever packs it.
#[derive(Clone, Debug, Default)]
pub struct Retrieved {
    /// The best chunks, best first.
    pub hits: Vec<Hit>,
    /// The files with words of the request, best first.
    pub files: Vec<String>,
    /// The lines that the request names, each with the place of the hit that holds it.
    pub named: Vec<(usize, u32)>,
    /// Whether the request reads as what a change does.
    pub is_change: bool,
    /// Whether it is about tests.
    pub asks_for_tests: bool,
}

impl Snapshot {
    /// Returns the chunks that the ranker would put in order for a request, best by words first; what an extension
    /// finds behind them.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn candidates(
        &self,
        text: &str,
        extension: Option<Extension>,
    ) -> Result<Vec<Candidate>, IndexError> {
        let shelf = self.shelf()?;
        let query = query::Query::new(text, &shelf, &Analyzer::default())?;
        let mut signals =
            if extension.is_some() { learned(self, &query, text, true)? } else { Vec::new() };
        signals.retain(|signal| signal.extension() == extension);
        let recall = recall::recall(&shelf, &query, 0, &signals)?;
        let rows = features::rows(&shelf, &query, &recall)?.into_iter();
        rows.map(|row| {
            let own = signals.first().map_or_else(Vec::new, |signal| signal.values(&row));
            let is_strong = signals.iter().any(|signal| signal.is_strong(&row));
            let number = self.number(row.candidate.shard, row.candidate.chunk);
            let hit = hit(number, row.chunk, row.path, row.candidate.score, Vec::new());
            Ok(Candidate { hit, features: row.values, own, is_strong })
        })
        .collect()
    }

    /// Returns the best chunks, and the files by the words of each as a whole, best first; `open` are files as in
    /// [`Query::open`].
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn retrieve(&self, text: &str, open: &[String]) -> Result<Retrieved, IndexError> {
        let asked = Query { limit: MAX_HITS, open, ..Query::new(text) };
        let (hits, recall, named) = find(self, &asked, MAX_HITS, false)?;
        let path = |(shard, file): &(usize, usize)| {
            let part = self.parts().get(*shard)?;
            Some(part.segment.files().get(*file)?.path.clone())
        };
        let files = recall.best_files.iter().filter_map(path).collect();
        let is_change = query::reads_as_change(text);
        let asks_for_tests = query::tells_of_tests(text);
        Ok(Retrieved { hits, files, named, is_change, asks_for_tests })
    }

    fn shelf(&self) -> Result<Shelf<'_>, Damaged> {
        Ok(Shelf::new(self.parts(), self.usual()?))
    }

    fn number(&self, shard: usize, chunk: u32) -> u32 {
        self.parts().get(shard).map_or(0, |part| part.base).saturating_add(chunk)
    }
}

/// Returns the chunks that fit a request, best first.
pub(crate) fn search(
    snapshot: &Snapshot,
    asked: &Query<'_>,
    limit: usize,
) -> Result<Vec<Hit>, IndexError> {
    Ok(find(snapshot, asked, limit, true)?.0)
}

/// Returns what trees make points of beyond words; an embedder elsewhere is asked only where that `may_cost`.
fn learned<'a>(
    snapshot: &'a Snapshot,
    query: &query::Query,
    text: &str,
    may_cost: bool,
) -> Result<Signals<'a>, IndexError> {
    let mut signals: Signals<'a> = Vec::new();
    if let Some(near) = Near::new(snapshot, text, may_cost)? {
        signals.push(Box::new(near));
    }
    if let Some(past) = OfPast::new(snapshot, &query.asked, query.reads_as_change) {
        signals.push(Box::new(past));
    }
    Ok(signals)
}

/// Adds to the rows' points; `least` rows or more are worth a thread.
fn judge(rows: &mut [Row], least: usize, points: fn(&[&[f32]]) -> Vec<f32>) -> Result<(), Damaged> {
    let values: Vec<&[f32]> = rows.iter().map(|row| row.values.as_slice()).collect();
    let points = beside::in_parts(&values, least, |_, part| Ok(points(part)))?;
    rows.iter_mut().zip(points).for_each(|(row, points)| row.points += points);
    Ok(())
}

/// Puts rows in order, best first. The first trees leave behind what cannot win and no signal speaks for; the others, and those
/// of the signals, look at the rest.
fn ordered(mut rows: Vec<Row>, signals: &Signals<'_>) -> Result<Vec<Row>, Damaged> {
    let order = |a: &Row, b: &Row| {
        b.points.total_cmp(&a.points).then_with(|| a.candidate.rank.cmp(&b.candidate.rank))
    };
    judge(&mut rows, A_THREAD_OF_FIRST, model::first)?;
    rows.sort_by(order);
    let mut place = 0;
    let (mut best, mut behind): (Vec<Row>, Vec<Row>) = rows.into_iter().partition(|row| {
        place += 1;
        place <= SECOND_LOOK || signals.iter().any(|signal| signal.is_strong(row))
    });
    judge(&mut best, A_THREAD_OF_REST, model::rest)?;
    best.sort_by(order);
    extension::extend(&mut best, signals);
    best.sort_by(order);
    let lowest = best.last().map_or(0.0, |row| row.points);
    let highest = behind.first().map_or(0.0, |row| row.points);
    for row in &mut behind {
        row.points += lowest - highest;
    }
    best.append(&mut behind);
    Ok(best)
}

/// Makes a hit of a chunk that was read already.
fn hit(number: u32, chunk: Chunk, path: String, score: f32, reasons: Vec<String>) -> Hit {
    let Chunk { kind, name, class, signature, start_line, end_line, .. } = chunk;
    Hit { number, path, start_line, end_line, kind, name, class, signature, score, reasons }
}

fn find(
    snapshot: &Snapshot,
    asked: &Query<'_>,
    limit: usize,
    may_cost: bool,
) -> Result<(Vec<Hit>, recall::Recall, Named), IndexError> {
    let without_tests = asked.tests == Tests::Exclude;
    let wanted = Wanted::of(snapshot, asked)?;
    let shelf = snapshot.shelf()?;
    let query = query::Query::new(asked.text, &shelf, &Analyzer::default())?;
    let most = if without_tests { limit * LEFT_OUT } else { limit };
    let mut signals = learned(snapshot, &query, asked.text(), may_cost)?;
    if let Some(at_hand) = AtHand::new(snapshot, asked.open, query.reads_as_change) {
        signals.push(Box::new(at_hand));
    }
    let recall = recall::recall(&shelf, &query, most, &signals)?;
    let mut rows = ordered(features::rows(&shelf, &query, &recall)?, &signals)?;
    if let Some(reranker) = snapshot.meaning().reranker() {
        rerank::rerank(snapshot, reranker, asked.text(), &mut rows)?;
    }
    let mut hits: Vec<Hit> = Vec::with_capacity(limit);
    let lowest = rows.last().map_or(0.0, |row| row.points);
    for mut row in rows {
        if hits.len() < limit && wanted.shows(&row.path, || Ok(row.chunk.name.clone()))? {
            let number = snapshot.number(row.candidate.shard, row.candidate.chunk);
            if row.reasons.are_few() {
                row.reasons.more =
                    signals.iter().filter_map(|signal| signal.reason(&row)).collect();
            }
            let reasons = row.reasons.told(&query);
            hits.push(hit(number, row.chunk, row.path, row.points, reasons));
        }
    }
    // What the ranker did not look at stands behind all that it did.
    for (place, candidate) in (1_u16..).zip(&recall.rest) {
        if hits.len() >= limit {
            break;
        }
        let number = snapshot.number(candidate.shard, candidate.chunk);
        let path = snapshot.file_of(number)?.path;
        if wanted.shows(path, || Ok(snapshot.chunk(number)?.name))? {
            let score = lowest - f32::from(place) / 1000.0;
            hits.push(snapshot.hit(number, score, vec!["words".to_owned()])?);
        }
    }
    let of_phrases = phrases::holders(snapshot, asked, &wanted, &hits)?;
    let chunk = |number: &u32, hits: &mut Vec<Hit>| taken(snapshot, *number, hits);
    put_first(&of_phrases, phrases::REASON, &mut hits, chunk)?;
    if of_phrases.is_empty() {
        let of_messages = messages::holders(snapshot, asked, &wanted, (&query, &recall), &hits)?;
        put_first(&of_messages, messages::REASON, &mut hits, chunk)?;
    }
    let of_lines = places::holders(snapshot, asked, &wanted)?;
    put_first(&of_lines, places::REASON, &mut hits, |holder, hits| match holder.number {
        NO_CHUNK => Ok(holder.hit()),
        number => Ok(Hit { start_line: holder.start_line, ..taken(snapshot, number, hits)? }),
    })?;
    hits.truncate(limit);
    let named = of_lines.iter().take(limit).enumerate();
    let named =
        named.flat_map(|(place, holder)| holder.lines.iter().map(move |line| (place, *line)));
    Ok((hits, recall, named.collect()))
}

/// Puts what `hit` makes of some holders before all hits, in their order, with the reason why.
fn put_first<T>(
    holders: &[T],
    reason: &str,
    hits: &mut Vec<Hit>,
    hit: impl Fn(&T, &mut Vec<Hit>) -> Result<Hit, IndexError>,
) -> Result<(), IndexError> {
    let top = hits.first().map_or(0.0, |hit| hit.score);
    for (behind, holder) in (1_u16..).zip(holders.iter().rev()) {
        let mut hit = hit(holder, hits)?;
        hit.score = top + f32::from(behind);
        hit.reasons.insert(0, reason.to_owned());
        hits.insert(0, hit);
    }
    Ok(())
}

/// Takes a chunk out of the hits, or makes a hit of it.
fn taken(snapshot: &Snapshot, number: u32, hits: &mut Vec<Hit>) -> Result<Hit, IndexError> {
    match hits.iter().position(|hit| hit.number == number) {
        Some(at) => Ok(hits.remove(at)),
        None => snapshot.hit(number, 0.0, Vec::new()),
    }
}
