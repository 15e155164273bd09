//! What is told of a candidate in numbers: the ranker's row.
//!
//! Scores are divided by what the request could reach at most, so that they mean the same for short
//! and long requests. How long, how public or how often called something is stays out: documented
//! functions, of which the training questions are made, differ in that from those that users want.

mod naming;

use std::collections::{BTreeMap, HashMap};

use distiq_base::paths::{file_name, folder};

use super::beside::in_parts;
use super::letters::Letters;
use super::matches::Matches;
use super::query::Query;
use super::reasons::Reasons;
use super::recall::{Candidate, FileLook, Recall};
use super::scores::strength;
use super::shelf::Shelf;
use super::weights::{FILES, UNITS};
use crate::chunk::{Chunk, FIELDS, Field};
use crate::search::FileKind;
use crate::segment::{Damaged, NAME, decode_length};
use crate::words::{Analyzer, tokens};

/// After how many words of a request a word says a third of what the first one does.
const EARLY: f32 = 4.0;
/// Fewest candidates, or files of candidates, that are worth a thread.
const A_THREAD: usize = 32;

/// A candidate with what is told of it.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub candidate: Candidate,
    pub chunk: Chunk,
    pub path: String,
    /// In the order of [`FEATURES`].
    pub values: Vec<f32>,
    /// What the ranker makes of them.
    pub points: f32,
    /// Why it was found.
    pub reasons: Reasons,
}

impl Row {
    /// Tells whether no other candidate of its file has a better score.
    pub fn is_best_of_file(&self) -> bool {
        let place = FEATURES.iter().position(|name| *name == "rank_in_file");
        place.and_then(|place| self.values.get(place)).is_some_and(|better| *better == 0.0)
    }
}

macro_rules! features {
    ($($name:ident),* $(,)?) => {
        /// The features' names, in the order of their places.
        pub const FEATURES: &[&str] = &[$(stringify!($name)),*];

        /// The features of a candidate.
        #[derive(Clone, Debug, Default)]
        struct Features { $($name: f32),* }

        impl Features {
            fn values(&self) -> Vec<f32> {
                vec![$(self.$name),*]
            }
        }
    };
}

features! {
    unit_score, unit_share, unit_rank, name, class, signature, path, doc, identifiers, strings,
    comments, coverage, head_coverage, matched, rarest, name_held, related_head, related_any,
    name_grams, name_grams_of_query, class_grams, name_mentioned, name_is_word, class_mentioned,
    path_mentioned, file_is_word, file_identifiers, rank_in_file, share_of_file, file_score,
    file_share, file_rank, file_best, file_three, file_coverage, file_path, file_head, file_doc,
    file_identifiers_part, file_strings, is_function, is_head, is_block, is_text, is_test,
    tests_asked, query_length, query_unknown, query_lines, query_change, query_identifiers,
    query_whole, other_in_file, dir_path, letters, name_early, head_early, name_starts, name_pairs,
    name_whether, query_whether, name_makes, query_makes, name_length, class_length, lines,
    title_head, title_any, file_title_head, file_title_any, file_mentions, file_defines, stem_held,
    scope_path, scope_head, file_size, is_foreign, is_example, is_private, twin_share,
    twin_rank, twins, namesakes,
    better_namesakes,
}

/// What is found out once for a file.
struct FileFacts {
    path: String,
    is_test: bool,
    mentioned: f32,
    is_word: f32,
    score: f32,
    share: f32,
    twin_share: f32,
    rank: f32,
    look: FileLook,
    coverage: f32,
    parts: [f32; FIELDS],
    head: f32,
    identifiers: f32,
    title_any: f32,
    title_head: f32,
    stem_held: f32,
    scope: f32,
    size: f32,
    kind: FileKind,
}

/// Returns the rows of all candidates, in the candidates' order.
pub(crate) fn rows(shelf: &Shelf<'_>, query: &Query, recall: &Recall) -> Result<Vec<Row>, Damaged> {
    let matches = Matches::new(shelf, query, recall)?;
    let top = recall.candidates.first().map_or(1e-6, |candidate| candidate.score.max(1e-6));
    let top_file = recall.files.values().map(|look| look.score).fold(1e-6, f32::max);
    let analyzer = Analyzer::default();
    let mut in_file: HashMap<(usize, usize), Vec<f32>> = HashMap::new();
    for candidate in &recall.candidates {
        in_file.entry((candidate.shard, candidate.file)).or_default().push(candidate.score);
    }
    let looks: Vec<_> = recall.files.iter().collect();
    let facts = in_parts(&looks, A_THREAD, |_, looks| {
        let facts = looks.iter().map(|(key, look)| {
            (**key, file_facts(shelf, query, &matches, **key, **look, top_file, &analyzer))
        });
        Ok(facts.collect())
    })?;
    let files: BTreeMap<(usize, usize), FileFacts> = facts.into_iter().collect();
    let letters = recall.letters.as_ref();
    let title = query.title_whole();
    let desk = Desk { shelf, query, matches, top, files, in_file, letters, analyzer, title };
    let mut rows = in_parts(&recall.candidates, A_THREAD, |from, part| desk.rows(from, part))?;
    namesakes(&mut rows);
    Ok(rows)
}

/// Tells of each row how many others have its name, and how many of them have a better score.
fn namesakes(rows: &mut [Row]) {
    let mut scores: HashMap<&str, Vec<f32>> = HashMap::new();
    for row in rows.iter().filter(|row| !row.chunk.name.is_empty()) {
        scores.entry(&row.chunk.name).or_default().push(row.candidate.score);
    }
    let told: Vec<(usize, usize)> = rows
        .iter()
        .map(|row| {
            let scores = scores.get(row.chunk.name.as_str()).map(Vec::as_slice).unwrap_or_default();
            let better = scores.iter().filter(|score| **score > row.candidate.score).count();
            (scores.len().saturating_sub(1), better)
        })
        .collect();
    for (row, (others, better)) in rows.iter_mut().zip(told) {
        // They are the last of the features.
        if let [.., all, before] = row.values.as_mut_slice() {
            (*all, *before) = (place(others), place(better));
        }
    }
}

/// What the rows of all candidates are made from.
struct Desk<'a> {
    shelf: &'a Shelf<'a>,
    query: &'a Query,
    matches: Matches,
    /// The best candidate's score.
    top: f32,
    files: BTreeMap<(usize, usize), FileFacts>,
    /// The candidates' scores by file.
    in_file: HashMap<(usize, usize), Vec<f32>>,
    letters: Option<&'a Letters>,
    analyzer: Analyzer,
    /// The weight of what the request's first line holds.
    title: f32,
}

impl Desk<'_> {
    /// Returns the rows of some candidates, of which the first stands at `from`.
    fn rows(&self, from: usize, candidates: &[Candidate]) -> Result<Vec<Row>, Damaged> {
        let slots = candidates.iter().enumerate();
        slots.filter_map(|(at, candidate)| self.row(from + at, candidate).transpose()).collect()
    }

    fn row(&self, slot: usize, candidate: &Candidate) -> Result<Option<Row>, Damaged> {
        let Self { shelf, query, matches, top, files, in_file, letters, analyzer, title } = self;
        let Some(view) = shelf.shards.get(candidate.shard) else { return Ok(None) };
        let chunk = view.segment.chunk(candidate.chunk)?;
        let Some(file) = files.get(&(candidate.shard, candidate.file)) else { return Ok(None) };
        let lengths = view.segment.lengths(candidate.chunk).copied().unwrap_or_default();
        let mut features = Features::default();
        unit(&mut features, shelf, query, matches, slot, &lengths);
        place_of_terms(&mut features, query, matches.unit(slot), *title);
        let score = candidate.score / query.whole;
        features.unit_score = score / (UNITS.k1 + 1.0);
        features.unit_share = candidate.score / top;
        features.unit_rank = place(candidate.rank);
        let others =
            in_file.get(&(candidate.shard, candidate.file)).map(Vec::as_slice).unwrap_or_default();
        let better = others.iter().filter(|other| **other > candidate.score).count();
        features.rank_in_file = better.min(10) as f32;
        features.share_of_file = candidate.score / file.look.best.max(1e-6);
        features.other_in_file = others.len().min(20) as f32;
        of_file(&mut features, file, query);
        naming::names(&mut features, &chunk, query);
        naming::how_named(&mut features, &chunk, query, analyzer);
        let terms = view.segment.terms();
        let names = view.segment.names()?;
        let number = terms.index(&format!("{NAME}{}", chunk.name.to_lowercase()))?;
        let number = number.and_then(|term| names.number(term));
        features.letters = letters.map_or(0.0, |letters| letters.of(number, candidate.shard));
        features.lines = place(
            usize::try_from(chunk.end_line - chunk.start_line.min(chunk.end_line)).unwrap_or(0),
        );
        features.name_length = lengths.first().map_or(0.0, |length| decode_length(*length) as f32);
        features.class_length = lengths.get(1).map_or(0.0, |length| decode_length(*length) as f32);
        kind(&mut features, &chunk, file, query);
        asked(&mut features, query);
        let reasons = Reasons::of(
            matches.unit(slot),
            &[
                ("its name is mentioned", features.name_mentioned > 0.0),
                ("its path is mentioned", features.path_mentioned > 0.0),
                ("belongs to a file that fits", file.look.has_better_twin()),
            ],
            candidate.why,
        );
        let values = features.values();
        let path = file.path.clone();
        Ok(Some(Row { candidate: *candidate, chunk, path, values, points: 0.0, reasons }))
    }
}

/// A place, counted ever more roughly.
fn place(rank: usize) -> f32 {
    (1.0 + rank as f32).ln()
}

fn unit(
    features: &mut Features,
    shelf: &Shelf<'_>,
    query: &Query,
    matches: &Matches,
    slot: usize,
    lengths: &[u8; FIELDS],
) {
    let mut factors = [0.0; FIELDS];
    for (field, ((factor, length), mean)) in
        factors.iter_mut().zip(lengths).zip(&shelf.usual.chunk_lengths).enumerate()
    {
        let weight = UNITS.fields.get(field).copied().unwrap_or(1.0);
        *factor = UNITS.factor(field, decode_length(*length) as f32, *mean) / weight;
    }
    let mut parts = [0.0_f32; FIELDS];
    let (mut covered, mut head, mut count, mut rarest, mut in_name) = (0.0, 0.0, 0, 0.0_f32, 0_u32);
    let mut head_terms = vec![0.0_f32; query.terms.len()];
    let mut any_terms = vec![0.0_f32; query.terms.len()];
    for (at, (term, counts)) in query.terms.iter().zip(matches.unit(slot)).enumerate() {
        for ((part, count), factor) in parts.iter_mut().zip(counts).zip(factors) {
            if *count > 0 {
                *part += term.weight * strength(&UNITS, f32::from(*count) * factor * 2.0);
            }
        }
        if counts.iter().all(|count| *count == 0) {
            continue;
        }
        count += 1;
        covered += term.weight;
        rarest = rarest.max(term.weight);
        if let Some(any) = any_terms.get_mut(at) {
            *any = 1.0;
        }
        if is_head(counts) {
            head += term.weight;
            if let Some(held) = head_terms.get_mut(at) {
                *held = 1.0;
            }
        }
        in_name += u32::from(counts.first().is_some_and(|count| *count > 0));
    }
    for (related, counts) in query.related.iter().zip(matches.related(slot)) {
        if counts.iter().any(|count| *count > 0) {
            if let Some(any) = any_terms.get_mut(related.term) {
                *any = any.max(related.share * 0.8);
            }
            if is_head(counts)
                && let Some(held) = head_terms.get_mut(related.term)
            {
                *held = held.max(related.share);
            }
        }
    }
    let sum = |terms: &[f32]| {
        query.terms.iter().zip(terms).map(|(term, held)| term.weight * held).sum::<f32>()
            / query.whole
    };
    let part = |field: Field| parts.get(field as usize).copied().unwrap_or(0.0) / query.whole;
    features.name = part(Field::Name);
    features.class = part(Field::Class);
    features.signature = part(Field::Signature);
    features.path = part(Field::Path);
    features.doc = part(Field::Doc);
    features.identifiers = part(Field::Identifiers);
    features.strings = part(Field::Strings);
    features.comments = part(Field::Comments);
    features.coverage = covered / query.whole;
    features.head_coverage = head / query.whole;
    features.matched = count as f32 / query.terms.len().max(1) as f32;
    let most = query.terms.first().map_or(1.0, |term| term.weight);
    features.rarest = rarest / most.max(1e-6);
    let name_length = lengths.first().map_or(0, |length| decode_length(*length));
    features.name_held = in_name as f32 / name_length.max(1) as f32;
    features.related_head = sum(&head_terms);
    features.related_any = sum(&any_terms);
}

/// Tells where in the request the terms stand that a candidate holds: what a sentence or a message opens
/// with says most.
fn place_of_terms(features: &mut Features, query: &Query, counts: &[[u8; FIELDS]], title: f32) {
    let (mut all, mut in_name, mut in_head) = (1e-6, 0.0, 0.0);
    let mut places = Vec::new();
    for (term, counts) in query.terms.iter().zip(counts) {
        let weight = term.weight * f32::exp(-(term.place as f32) / EARLY);
        all += weight;
        if counts.first().is_some_and(|count| *count > 0) {
            in_name += weight;
            places.push(term.place);
        }
        let (head, any) = (is_head(counts), counts.iter().any(|count| *count > 0));
        in_head += if head { weight } else { 0.0 };
        if term.in_title {
            features.title_head += if head { term.weight / title } else { 0.0 };
            features.title_any += if any { term.weight / title } else { 0.0 };
        }
    }
    features.name_early = in_name / all;
    features.head_early = in_head / all;
    places.sort_unstable();
    let next = |pair: &&[usize]| matches!(pair, [a, b] if a + 1 == *b);
    features.name_pairs = places.windows(2).filter(next).count().min(5) as f32;
}

/// Tells whether a term stands in name, class or signature.
fn is_head(counts: &[u8; FIELDS]) -> bool {
    counts.iter().take(Field::Signature as usize + 1).any(|count| *count > 0)
}

fn file_facts(
    shelf: &Shelf<'_>,
    query: &Query,
    matches: &Matches,
    (shard, file): (usize, usize),
    look: FileLook,
    top: f32,
    analyzer: &Analyzer,
) -> FileFacts {
    let entry = shelf.shards.get(shard).and_then(|view| view.segment.files().get(file));
    let path = entry.map(|entry| entry.path.clone()).unwrap_or_default();
    let mut parts = [0.0_f32; FIELDS];
    let factors = shelf.usual.file_factors.get(shard).and_then(|files| files.get(file));
    let factors = factors.copied().unwrap_or_default();
    let (mut covered, mut head) = (0.0, 0.0);
    let (mut title_any, mut title_head, title) = (0.0, 0.0, query.title_whole());
    let mut identifiers = 0.0;
    for (term, counts) in query.terms.iter().zip(matches.file(shard, file)) {
        let each = parts.iter_mut().zip(counts).zip(factors).zip(FILES.fields);
        for (((part, count), factor), weight) in each {
            if *count > 0 {
                let factor = factor / weight;
                *part += term.weight * strength(&FILES, *count as f32 * factor * 2.0);
            }
        }
        let is_titled = |is: bool| if is && term.in_title { term.weight / title } else { 0.0 };
        title_any += is_titled(counts.iter().any(|count| *count > 0));
        title_head +=
            is_titled(counts.iter().take(Field::Path as usize + 1).any(|count| *count > 0));
        if counts.iter().any(|count| *count > 0) {
            covered += term.weight;
            identifiers += f32::from(u8::from(query.identifiers.contains(&term.text)));
        }
        if counts.iter().take(Field::Path as usize).any(|count| *count > 0) {
            head += term.weight;
        }
    }
    let lower = path.to_lowercase();
    let name = file_name(&lower);
    let stem = name.split('.').next().unwrap_or(name);
    let mentioned = query.paths.iter().any(|path| lower.ends_with(path.as_str()));
    let is_word = query.words.contains(stem) || query.identifiers.contains(stem);
    let of_stem: Vec<String> = analyzer.analyze(stem);
    let held =
        of_stem.iter().filter(|part| query.terms.iter().any(|term| term.text == **part)).count();
    let words: Vec<&str> = tokens(&lower).collect();
    let in_scope = query.scope.iter().filter(|word| words.contains(&word.as_str())).count();
    let kind = entry.map(|entry| entry.kind).unwrap_or_default();
    FileFacts {
        is_test: kind.is_test,
        title_any,
        title_head,
        stem_held: held as f32 / of_stem.len().max(1) as f32,
        scope: in_scope as f32 / query.scope.len().max(1) as f32,
        size: entry.map_or(0.0, |entry| (1.0 + entry.lines as f32).ln()),
        kind,
        path,
        mentioned: f32::from(u8::from(mentioned)),
        is_word: f32::from(u8::from(is_word)),
        score: look.score / query.whole / (FILES.k1 + 1.0),
        share: look.score / top,
        twin_share: look.twin.map_or(0.0, |twin| twin.score / top),
        rank: place(look.rank),
        look,
        coverage: covered / query.whole,
        parts: parts.map(|part| part / query.whole),
        head: head / query.whole,
        identifiers: identifiers.min(5.0),
    }
}

fn of_file(features: &mut Features, file: &FileFacts, query: &Query) {
    let part = |field: Field| file.parts.get(field as usize).copied().unwrap_or(0.0);
    features.path_mentioned = file.mentioned;
    features.file_is_word = file.is_word;
    features.file_identifiers = file.identifiers;
    features.file_score = file.score;
    features.file_share = file.share;
    features.file_rank = file.rank;
    features.file_best = file.look.best / query.whole / (UNITS.k1 + 1.0);
    features.file_three = file.look.best_three / query.whole / (UNITS.k1 + 1.0);
    features.file_coverage = file.coverage;
    features.file_path = part(Field::Path);
    features.file_head = file.head;
    features.file_doc = part(Field::Doc);
    features.file_identifiers_part = part(Field::Identifiers);
    features.file_strings = part(Field::Strings);
    features.file_title_any = file.title_any;
    features.file_title_head = file.title_head;
    features.file_mentions = file.look.mentions;
    features.file_defines = file.look.defines;
    features.stem_held = file.stem_held;
    let twin = file.look.twin;
    features.twin_share = file.twin_share;
    features.twin_rank = place(twin.map_or(usize::from(u8::MAX), |twin| twin.rank));
    features.twins = twin.map_or(0.0, |twin| place(twin.count));
    features.scope_path = file.scope;
    features.file_size = file.size;
    features.is_foreign = f32::from(u8::from(file.kind.is_foreign));
    features.is_example = f32::from(u8::from(file.kind.is_example));
    let folder = folder(&file.path).to_lowercase();
    let mut words: Vec<&str> = tokens(&folder).collect();
    words.dedup();
    let held = words.iter().filter(|word| query.words.contains(**word)).count();
    features.dir_path = held as f32 / words.len().max(1) as f32;
}

fn kind(features: &mut Features, chunk: &Chunk, file: &FileFacts, query: &Query) {
    let is_function = matches!(chunk.kind.as_str(), "function" | "method" | "constructor");
    let flag = |is: bool| f32::from(u8::from(is));
    features.is_function = flag(is_function);
    features.is_head = flag(
        chunk.is_head
            || matches!(
                chunk.kind.as_str(),
                "class" | "struct" | "impl" | "trait" | "interface" | "enum"
            ),
    );
    features.is_block = flag(chunk.kind == "block");
    features.is_text = flag(matches!(chunk.kind.as_str(), "text" | "section"));
    let is_test = file.is_test || chunk.kind == "test";
    features.is_test = flag(is_test);
    features.tests_asked = flag(is_test && query.tells_of_tests);
}

fn asked(features: &mut Features, query: &Query) {
    features.query_length = place(query.length);
    features.query_unknown = query.unknown;
    features.query_lines = f32::from(u8::from(query.has_lines));
    features.query_change = f32::from(u8::from(query.tells_a_change));
    features.query_identifiers = query.identifiers.len().min(10) as f32;
    features.query_whole = query.whole / query.terms.len().max(1) as f32;
}
