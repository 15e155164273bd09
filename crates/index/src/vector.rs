//! Finds by meaning: chunks whose vectors point where the request's does.
//!
//! The vectors come of an analysis of the project's own words ([`model`]), made when somebody first asks for them and again
//! when the project has grown a lot; what is read into the index meanwhile is folded into it. Each segment's vectors
//! ([`rows`]) lie in an immutable file beside it and are searched one by one: exactly, which takes milliseconds for a few
//! hundred thousand.

mod model;
mod near;
mod outside;
mod rows;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use distiq_base::{Embed, Rerank, atomic};
use distiq_ml::kernels::{quantize, scan};

use crate::error::IndexError;
use crate::place::{MOST_VECTORS, Place, Wait, read};
use crate::refresh::Control;
use crate::sealed;
use crate::search::{Hit, Query, Tests, Wanted};
use crate::snapshot::{Part, Snapshot};
use crate::words::Analyzer;
use model::Model;
pub(crate) use near::{NEAR, Near};
use outside::Outside;
pub(crate) use outside::text_of;
use rows::Rows;

/// Chunks that are scored at once.
const BLOCK: usize = 8192;
/// Chunks that are less near than this say nothing about the request.
const LEAST: f32 = 0.05;
/// Chunks that are worth a thread of their own.
const A_THREAD: usize = 3 * BLOCK;

/// What is known of meanings; shared by all snapshots of an index.
#[derive(Debug)]
pub(crate) struct Meaning {
    place: Place,
    state: Mutex<State>,
    /// Where vectors come from elsewhere than from the project's own words.
    outside: Option<Outside>,
    /// What reads the best places together with the request.
    reranker: Option<Arc<dyn Rerank>>,
}

#[derive(Debug, Default)]
struct State {
    model: Option<Arc<Model>>,
    /// By the segment's name.
    rows: HashMap<String, Arc<Rows>>,
}

/// The vectors of a snapshot's parts, in their order.
struct Own {
    model: Arc<Model>,
    rows: Vec<Arc<Rows>>,
}

impl Meaning {
    pub fn new(place: Place) -> Self {
        Self { place, state: Mutex::default(), outside: None, reranker: None }
    }

    /// Returns the meanings with models instead of those that they have; `None` leaves one as it is.
    pub fn with(
        &self,
        embedder: Option<Arc<dyn Embed>>,
        reranker: Option<Arc<dyn Rerank>>,
    ) -> Self {
        let place = self.place.clone();
        let embedder = embedder.or_else(|| self.outside.as_ref().map(Outside::embedder));
        let outside = embedder.map(|embedder| Outside::new(place.clone(), embedder));
        let reranker = reranker.or_else(|| self.reranker.clone());
        Self { place, state: Mutex::default(), outside, reranker }
    }

    pub fn reranker(&self) -> Option<&dyn Rerank> {
        self.reranker.as_deref()
    }

    pub fn folder(&self) -> &Path {
        &self.place.folder
    }

    pub fn outside(&self) -> Option<&Outside> {
        self.outside.as_ref()
    }

    /// Returns the vectors of a snapshot's chunks, and makes those that are missing.
    fn vectors(&self, snapshot: &Snapshot) -> Result<Own, IndexError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.rows.retain(|name, _| snapshot.parts().iter().any(|part| part.name == *name));
        if let Some(vectors) = self.read(&mut state, snapshot) {
            return Ok(vectors);
        }
        // Whoever cannot have its turn makes them for itself alone.
        let turn = self.place.lock(&Wait::A_WHILE).ok();
        if turn.is_some()
            && let Some(vectors) = self.read(&mut state, snapshot)
        {
            return Ok(vectors);
        }
        let model = match &state.model {
            Some(model) => Arc::clone(model),
            None => {
                let model = Arc::new(Model::fit(snapshot)?);
                if turn.is_some() {
                    self.write("lsa.model", &model.bytes())?;
                }
                state.model = Some(Arc::clone(&model));
                state.rows.clear();
                model
            }
        };
        let mut all = Vec::with_capacity(snapshot.parts().len());
        for part in snapshot.parts() {
            if let Some(rows) = state.rows.get(&part.name) {
                all.push(Arc::clone(rows));
                continue;
            }
            let rows = Arc::new(model.fold(part)?);
            if turn.is_some() {
                self.write(&rows::file_name(&part.name, ""), &rows.bytes())?;
            }
            state.rows.insert(part.name.clone(), Arc::clone(&rows));
            all.push(rows);
        }
        Ok(Own { model, rows: all })
    }

    /// Reads what there is already; `None` where something is missing, or the model is of another time.
    fn read(&self, state: &mut State, snapshot: &Snapshot) -> Option<Own> {
        let is_fresh = |model: &Arc<Model>| model.serves(snapshot.stats().chunks);
        state.model = state.model.take().filter(is_fresh).or_else(|| {
            let bytes = read(&self.place.segment("lsa.model"), MOST_VECTORS)?;
            Some(Arc::new(Model::read(&bytes)?)).filter(is_fresh)
        });
        let model = Arc::clone(state.model.as_ref()?);
        state.rows.retain(|_, rows| rows.model == model.id);
        for part in snapshot.parts() {
            if !state.rows.contains_key(&part.name) {
                let file = self.place.segment(&rows::file_name(&part.name, ""));
                let bytes = read(&file, MOST_VECTORS);
                let rows = bytes
                    .and_then(|bytes| Rows::read(&bytes))
                    .filter(|rows| rows.model == model.id && rows.len() == part.segment.chunks())
                    .filter(|rows| rows.dimensions == model.width());
                if let Some(rows) = rows {
                    state.rows.insert(part.name.clone(), Arc::new(rows));
                }
            }
        }
        let rows = snapshot.parts().iter().map(|part| state.rows.get(&part.name).cloned());
        Some(Own { model, rows: rows.collect::<Option<_>>()? })
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), IndexError> {
        let path = self.place.segment(name);
        let written = atomic::write(&path, bytes, None);
        match written.map_err(|error| IndexError::io(&path, error)) {
            // They serve this once, and are made again by who comes next.
            Err(error) if error.is_full() => Ok(()),
            written => written,
        }
    }
}

/// Returns the chunks whose meaning is nearest to the request's, best first.
pub(crate) fn search(
    snapshot: &Snapshot,
    query: &Query<'_>,
    limit: usize,
) -> Result<Vec<Hit>, IndexError> {
    if snapshot.stats().chunks == 0 {
        return Ok(Vec::new());
    }
    let mut near = Vec::new();
    if let Some(outside) = snapshot.meaning().outside() {
        near = outside.nearest(snapshot, query.text())?;
    } else {
        let vectors = snapshot.meaning().vectors(snapshot)?;
        let Some(vector) = vectors.model.vector(&Analyzer::default().analyze(query.text())) else {
            return Ok(Vec::new());
        };
        for (part, rows) in snapshot.parts().iter().zip(&vectors.rows) {
            nearest(part, rows, &vector, &mut near);
        }
    }
    // Where tests are left out, more must be looked at.
    let most = limit * if query.tests == Tests::Include { 1 } else { 8 };
    let near = best(snapshot, near, most)?;
    let wanted = Wanted::of(snapshot, query)?;
    let mut hits = Vec::with_capacity(limit);
    for (number, score) in near {
        if hits.len() >= limit {
            break;
        }
        let path = snapshot.file_of(number)?.path;
        if wanted.shows(path, || Ok(snapshot.chunk(number)?.name))? {
            hits.push(snapshot.hit(number, score, vec![format!("meaning {score:.2}")])?);
        }
    }
    Ok(hits)
}

/// Returns the best, best first; those that are as good as each other by their paths and lines, since their numbers depend on
/// how the index was made.
fn best(
    snapshot: &Snapshot,
    mut near: Vec<(u32, f32)>,
    most: usize,
) -> Result<Vec<(u32, f32)>, IndexError> {
    let by_score = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1);
    if near.len() > most && most > 0 {
        let (_, last, _) = near.select_nth_unstable_by(most - 1, by_score);
        let least = last.1;
        near.retain(|(_, score)| *score >= least);
    }
    near.sort_unstable_by(by_score);
    let mut sorted = Vec::with_capacity(near.len());
    for same in near.chunk_by(|a, b| a.1.total_cmp(&b.1).is_eq()) {
        let mut places = Vec::with_capacity(same.len());
        for (number, score) in same {
            // One alone needs no place.
            let path = if same.len() > 1 { snapshot.file_of(*number)?.path } else { "" };
            // Chunks of a file have rising numbers.
            places.push((path, *number, *score));
        }
        places.sort_unstable_by_key(|(path, number, _)| (*path, *number));
        sorted.extend(places.into_iter().map(|(_, number, score)| (number, score)));
    }
    sorted.truncate(most);
    Ok(sorted)
}

/// Adds the living chunks of a part that are near enough, with how near they are.
fn nearest(part: &Part, rows: &Rows, vector: &[f32], near: &mut Vec<(u32, f32)>) {
    let width = vector.len().max(1);
    let mut steps = vec![0; vector.len()];
    let step = quantize(vector, &mut steps);
    let threads = std::thread::available_parallelism().map_or(1, |cores| cores.get().min(4));
    let share = rows.scales.len().div_ceil(threads).max(A_THREAD);
    let parts = rows.steps.chunks(share * width).zip(rows.scales.chunks(share));
    let parts = (0_u32..).step_by(share).zip(parts);
    let look = |(first, (rows, scales)): (u32, (&[i8], &[f32]))| {
        let mut products = vec![0; BLOCK];
        let mut near = Vec::new();
        let mut chunk = first;
        for (block, scales) in rows.chunks(BLOCK * width).zip(scales.chunks(BLOCK)) {
            scan(&steps, block, &mut products);
            for (product, scale) in products.iter().zip(scales) {
                // A sum of a few hundred products of bytes.
                #[allow(clippy::cast_precision_loss)]
                let score = *product as f32 * scale * step;
                if score >= LEAST && part.holds(chunk) {
                    near.push((part.base + chunk, score));
                }
                chunk += 1;
            }
        }
        near
    };
    if rows.scales.len() <= share {
        parts.for_each(|part| near.extend(look(part)));
        return;
    }
    std::thread::scope(|scope| {
        let look = &look;
        let works: Vec<_> = parts.map(|part| scope.spawn(move || look(part))).collect();
        works.into_iter().filter_map(|work| work.join().ok()).for_each(|part| near.extend(part));
    });
}

/// Asks a model and vectors with changes; for tests.
pub(crate) fn fuzzed(snapshot: &Snapshot, change: &dyn Fn(&mut [u8])) {
    let Some(part) = snapshot.parts().first() else { return };
    let Ok(own) = Model::fit(snapshot) else { return };
    let changed = |mut bytes: Vec<u8>| {
        change(bytes.get_mut(sealed::HEAD..).unwrap_or_default());
        sealed::seal(&mut bytes);
        bytes
    };
    let terms = Analyzer::default().analyze("articles of the cart");
    let model = Model::read(&changed(own.bytes()));
    for model in model.iter().chain([&own]) {
        let folded = model.fold(part).map(|rows| rows.bytes()).map(changed);
        let rows = folded.ok().and_then(|bytes| Rows::read(&bytes));
        let fits = rows.filter(|rows| rows.len() == part.segment.chunks());
        if let (Some(rows), Some(vector)) = (fits, model.vector(&terms)) {
            nearest(part, &rows, &vector, &mut Vec::new());
        }
    }
}

/// How many vectors an index has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vectors {
    /// What makes them: an embedder's id, or `words` for the project's own.
    pub embedder: String,
    /// Chunks that have one.
    pub made: u64,
    /// All chunks.
    pub chunks: u64,
}

impl Snapshot {
    /// Makes the vectors of the little that changed since [`Index::embed`](crate::Index::embed), in at most two seconds, where the index has an
    /// embedder; of one elsewhere only what was made before is used. Nothing happens where more is missing than some edited files.
    ///
    /// # Errors
    /// When the index is damaged or cannot be written, or the embedder cannot be opened.
    pub fn embed_changes(&self, control: &Control<'_>) -> Result<(), IndexError> {
        match self.meaning().outside() {
            Some(outside) => outside.embed_changes(self, control),
            None => Ok(()),
        }
    }

    /// Tells how many chunks have vectors; makes none.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn vectors(&self) -> Result<Vectors, IndexError> {
        if let Some(outside) = self.meaning().outside() {
            return outside.count(self);
        }
        let meaning = self.meaning();
        let mut state = meaning.state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_made = meaning.read(&mut state, self).is_some();
        let chunks = self.stats().chunks;
        Ok(Vectors { embedder: "words".into(), made: if is_made { chunks } else { 0 }, chunks })
    }
}
