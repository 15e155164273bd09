//! The index as the model's `search` tool sees it.

mod hints;
mod show;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use distiq_base::paths::one_line;
use distiq_base::{CodeAnswer, CodeIndex, CodeQuestion, CodeView, Embed, Rerank};
use distiq_index::graph::{Direction, EdgeKind, Graph, MapRequest, Seeds, map};
use distiq_index::{
    Control, Hit, Index, IndexError, Mention, Mode, Patience, Query, Snapshot, searched_name,
};

use show::Page;

/// Most hits that are looked through for those that the caller accepts.
const LOOKED_AT: usize = 200;
/// Most hits by meaning, and most definitions that are shown.
const BY_MEANING: usize = 12;
const BY_NAME: usize = 40;
/// Most lines that only a name tells of.
const GUESSES: usize = 5;
/// So few hits come with their code.
const FEW: usize = 2;
/// How far a change is followed.
const DEPTH: u32 = 3;
/// The ties that a change follows.
const TIES: [EdgeKind; 5] =
    [EdgeKind::Call, EdgeKind::Inherit, EdgeKind::Implement, EdgeKind::Use, EdgeKind::Import];
/// Projects with more files have no graph made for one question.
const GRAPH_FILES: u64 = 20_000;
/// How long an answer without a model may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long another process that changes the index is waited for.
const BRIEFLY: Patience = Patience::AtMost(Duration::from_secs(2));
/// What is said where there is nothing to be searched yet.
const BUILDING: &str =
    "another process is still building the index; search by text, or ask again later";

/// The project's code, found by its index, which is opened with the first question.
#[derive(Debug)]
pub struct ProjectCode {
    root: PathBuf,
    cache: PathBuf,
    embedder: Option<Arc<dyn Embed>>,
    reranker: Option<Arc<dyn Rerank>>,
    has_history: bool,
    index: Mutex<Option<Index>>,
}

impl ProjectCode {
    /// Returns the code of the project at `root`, whose index may lie in `cache`.
    pub fn new(root: &Path, cache: &Path) -> Self {
        let (root, cache) = (root.to_path_buf(), cache.to_path_buf());
        let (embedder, reranker, index) = (None, None, Mutex::default());
        Self { root, cache, embedder, reranker, has_history: true, index }
    }

    /// Returns the code found by the vectors of an embedder, too, as far as the index has them, and put in order by a model that
    /// reads the best places.
    pub fn with_models(
        self,
        embedder: Option<Arc<dyn Embed>>,
        reranker: Option<Arc<dyn Rerank>>,
    ) -> Self {
        Self { embedder, reranker, ..self }
    }

    /// Returns the code found by what past commits changed, too, where `has_history`.
    pub fn with_history(self, has_history: bool) -> Self {
        Self { has_history, ..self }
    }

    fn as_set(&self, index: Index) -> Index {
        let index = self.without_embedder(index);
        match &self.embedder {
            Some(embedder) => index.with_embedder(Arc::clone(embedder)),
            None => index,
        }
    }

    fn without_embedder(&self, index: Index) -> Index {
        let index = if self.has_history { index } else { index.without_history() };
        match &self.reranker {
            Some(reranker) => index.with_reranker(Arc::clone(reranker)),
            None => index,
        }
    }

    /// Returns where exactly this name is defined, or used; `None` where that is not sure.
    pub(crate) fn exact(&self, view: CodeView, name: &str, max_bytes: usize) -> Option<String> {
        let begin = Instant::now();
        let control =
            Control { is_cancelled: Some(&|| begin.elapsed() > PATIENCE), ..Control::default() };
        let found = self.with(&control, |snapshot| {
            let mut page = Page::new(snapshot, max_bytes);
            let query = Query { limit: BY_NAME, mode: Mode::Symbol, ..Query::new(name) };
            let hits = snapshot.search(&query)?;
            let is_named = |hit: &&Hit| hit.reasons.iter().any(|why| why == "its name");
            let defined: Vec<Hit> = hits.iter().take_while(is_named).cloned().collect();
            match view {
                _ if defined.is_empty() => {}
                CodeView::References => references(snapshot, name, &|_| true, &mut page)?,
                _ => page.hits(&defined, if defined.len() <= FEW { defined.len() } else { 0 }),
            }
            Ok(page.finish().text)
        });
        // A question of which only a part was looked through is for a model.
        let whole = begin.elapsed() <= PATIENCE;
        found.ok().filter(|found| whole && !found.is_empty())
    }

    /// Does `work` on the code as it is now; an index that turns out damaged, or was removed since it was
    /// opened, is built anew once.
    fn with<T>(
        &self,
        control: &Control<'_>,
        work: impl Fn(&Snapshot) -> Result<T, IndexError>,
    ) -> Result<T, IndexError> {
        let mut slot = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        let opened = match slot.take() {
            Some(index) => index,
            None => self.as_set(Index::open(&self.root, &self.cache)?),
        };
        let mut index = slot.insert(opened);
        match ask(index, control, &work) {
            Err(IndexError::Damaged) => {
                index = slot.insert(self.as_set(Index::rebuild(&self.root, &self.cache)?));
                ask(index, control, &work)
            }
            Err(IndexError::Replaced) => {
                index = slot.insert(self.as_set(Index::open(&self.root, &self.cache)?));
                ask(index, control, &work)
            }
            // Words find without it.
            Err(IndexError::NoEmbedder(_)) => {
                let opened = Index::open(&self.root, &self.cache)?;
                index = slot.insert(self.without_embedder(opened));
                ask(index, control, &work)
            }
            other => other,
        }
    }
}

fn ask<T>(
    index: &Index,
    control: &Control<'_>,
    work: impl Fn(&Snapshot) -> Result<T, IndexError>,
) -> Result<T, IndexError> {
    match index.refresh(&Control { patience: BRIEFLY, ..*control }) {
        // What another process reads at this moment, or what was read in the time there is, is fresh enough.
        Ok(_) | Err(IndexError::Busy | IndexError::Cancelled) => {}
        // So is what was there before the disk was full.
        Err(error) if error.is_full() && index.snapshot()?.stats().files > 0 => {}
        Err(error) => return Err(error),
    }
    index.snapshot()?.ask(work)
}

impl CodeIndex for ProjectCode {
    fn answer(&self, question: &CodeQuestion<'_>) -> Result<CodeAnswer, String> {
        let answer = self.with(&Control::default(), |snapshot| {
            let mut page = Page::new(snapshot, question.max_bytes);
            page.stands_above = question.stands_above;
            let (text, accepts) = (question.text, question.accepts);
            match question.view {
                CodeView::Symbol => symbol(snapshot, question, &mut page)?,
                CodeView::Meaning => meaning(snapshot, text, accepts, &mut page)?,
                CodeView::References => references(snapshot, text, accepts, &mut page)?,
                CodeView::Impact => impact(snapshot, text, accepts, &mut page)?,
                CodeView::Map => overview(snapshot, text, &mut page)?,
            }
            Ok(page.finish())
        });
        answer.map_err(|error| match error {
            IndexError::Building => BUILDING.to_owned(),
            error => error.to_string(),
        })
    }
}

fn symbol(
    snapshot: &Snapshot,
    question: &CodeQuestion<'_>,
    page: &mut Page<'_>,
) -> Result<(), IndexError> {
    let query = Query { limit: LOOKED_AT, mode: Mode::Symbol, ..Query::new(question.text) };
    let mut hits = snapshot.search(&query)?;
    hits.retain(|hit| (question.accepts)(&hit.path));
    let written = searched_name(question.text);
    let is_named = |hit: &Hit| hit.reasons.iter().any(|why| why == "its name");
    let is_meant = |hit: &Hit| is_named(hit) && (!question.exact_case || hit.name == written);
    if hits.iter().any(is_meant) {
        hits.retain(is_meant);
        hits.truncate(BY_NAME);
        page.hits(&hits, if hits.len() <= FEW { hits.len() } else { 0 });
        return Ok(());
    }
    hits.truncate(BY_MEANING);
    page.say(match hits.is_empty() {
        true => "no definition is called so, or nearly so",
        false => "no definition is called so; the nearest names:",
    });
    page.hits(&hits, 0);
    Ok(())
}

fn meaning(
    snapshot: &Snapshot,
    question: &str,
    accepts: &dyn Fn(&str) -> bool,
    page: &mut Page<'_>,
) -> Result<(), IndexError> {
    snapshot.embed_changes(&Control::default())?;
    let mut hits = snapshot.search(&Query { limit: LOOKED_AT, ..Query::new(question) })?;
    hits.retain(|hit| accepts(&hit.path));
    hits.truncate(BY_MEANING);
    page.hits(&hits, FEW);
    Ok(())
}

/// Uses of a definition where the name means one, else of the name alone.
fn references(
    snapshot: &Snapshot,
    question: &str,
    accepts: &dyn Fn(&str) -> bool,
    page: &mut Page<'_>,
) -> Result<(), IndexError> {
    let name = question.trim().trim_end_matches("()");
    let graph = graph(snapshot)?;
    let meant = graph.as_ref().map(|graph| graph.find(name)).unwrap_or_default();
    let (Some(graph), false) = (graph, meant.is_empty()) else {
        return mentions(snapshot, name, accepts, page);
    };
    let asked = meant.get(..meant.len().min(BY_NAME)).unwrap_or_default();
    let (mut sure, mut guesses) = (Lines::new(), Lines::new());
    for of in graph.references_of(asked).into_iter().flatten() {
        let path = graph.file_path(of.file).unwrap_or_default();
        if accepts(path) {
            let lines = if of.is_guess { &mut guesses } else { &mut sure };
            lines.entry(path).or_default().insert(of.line);
        }
    }
    show(&sure, usize::MAX, page);
    // What calls it by way of what it overrides.
    let mut above: Vec<u32> = asked.iter().flat_map(|id| graph.overridden_by(*id)).collect();
    above.sort_unstable();
    above.dedup();
    for (id, uses) in above.iter().zip(graph.references_of(&above)) {
        let mut lines = Lines::new();
        for of in uses.iter().filter(|of| !of.is_guess) {
            let path = graph.file_path(of.file).unwrap_or_default();
            if accepts(path) && !sure.get(path).is_some_and(|lines| lines.contains(&of.line)) {
                lines.entry(path).or_default().insert(of.line);
            }
        }
        if !lines.is_empty() {
            page.say(&format!("by way of {}:", graph.qualified(*id)));
            show(&lines, usize::MAX, page);
        }
    }
    guesses.retain(|path, lines| {
        lines.retain(|line| !sure.get(path).is_some_and(|sure| sure.contains(line)));
        !lines.is_empty()
    });
    let count = guesses.values().map(BTreeSet::len).sum::<usize>();
    if count > 0 {
        page.say("by name alone, may be another's:");
        show(&guesses, GUESSES, page);
    }
    if count > GUESSES {
        page.say(&format!("{} more by name alone", count - GUESSES));
    }
    Ok(())
}

/// Lines by the paths of their files.
type Lines<'a> = BTreeMap<&'a str, BTreeSet<u32>>;

/// Shows the first of some lines.
fn show(all: &Lines<'_>, mut most: usize, page: &mut Page<'_>) {
    for (path, lines) in all {
        let shown: Vec<u32> = lines.iter().copied().take(most).collect();
        most -= shown.len().min(most);
        page.lines(path, &shown);
    }
}

/// Lines on which an identifier stands, whatever it means there.
fn mentions(
    snapshot: &Snapshot,
    name: &str,
    accepts: &dyn Fn(&str) -> bool,
    page: &mut Page<'_>,
) -> Result<(), IndexError> {
    let name = name.rsplit(['.', ':', '#']).next().unwrap_or(name);
    let mut files = snapshot.files_that_mention(name)?;
    if files.is_empty() {
        page.say("no such symbol: nothing in the project is called so");
    }
    files.retain(|file| accepts(file.path));
    files.sort_by(|a, b| a.path.cmp(b.path));
    for file in files {
        let facts = file.facts()?;
        let place = facts.names.iter().position(|known| known == name);
        let place = place.and_then(|place| u32::try_from(place).ok());
        let is_use = |mention: &&Mention| {
            Some(mention.name) == place && mention.role() != distiq_lang::Role::Definition
        };
        let mut lines: Vec<u32> =
            facts.mentions.iter().filter(is_use).map(|mention| mention.line).collect();
        lines.dedup();
        page.lines(file.path, &lines);
    }
    Ok(())
}

/// What may change with a definition or a file, nearest first.
fn impact(
    snapshot: &Snapshot,
    question: &str,
    accepts: &dyn Fn(&str) -> bool,
    page: &mut Page<'_>,
) -> Result<(), IndexError> {
    let Some(graph) = graph(snapshot)? else {
        page.say("the project is too large for that; ask for references");
        return Ok(());
    };
    let name = question.trim().trim_end_matches("()");
    let from: Vec<u32> = match graph.file_node(name) {
        Some(file) => vec![file],
        None => graph.find(name).iter().flat_map(|id| graph.with_members(*id)).collect(),
    };
    if from.is_empty() {
        page.say("no definition is called so");
    }
    let mut guesses = 0;
    for at in graph.reach(&from, Direction::NeededBy, &TIES, DEPTH) {
        let (path, line, what) = match graph.symbol(at.node) {
            Some(symbol) => (graph.path_of(symbol), symbol.start_line, graph.qualified(at.node)),
            None => continue,
        };
        if accepts(path) {
            guesses += usize::from(at.is_guess);
            if at.is_guess && guesses == 1 {
                page.say("by name alone, may be another's:");
            }
            if guesses > GUESSES {
                continue;
            }
            let tie = at.edge.kind.name();
            let via = at.overriding.map(|_| format!(" via {}", graph.qualified(at.edge.to)));
            let via = via.unwrap_or_default();
            page.add(&format!(
                "{}{}:{line} {what} ({tie}{via})\n",
                "  ".repeat(place(at.depth - 1)),
                one_line(path)
            ));
        }
    }
    if guesses > GUESSES {
        page.say(&format!("{} more by name alone", guesses - GUESSES));
    }
    Ok(())
}

/// The definitions that matter most, drawn to what the question names.
fn overview(snapshot: &Snapshot, question: &str, page: &mut Page<'_>) -> Result<(), IndexError> {
    let Some(graph) = graph(snapshot)? else {
        page.say("the project is too large for that; ask for its parts by meaning");
        return Ok(());
    };
    // By bytes, as the room is: tokens that are rounded down may pass it.
    let request = MapRequest {
        seeds: Seeds::of(question),
        budget: page.room(),
        without: Vec::new(),
        count: &|text| text.len(),
    };
    page.add(&map(&graph, &request));
    Ok(())
}

/// Returns the graph of the project, made once for each state of it; `None` where that would take too long.
fn graph(snapshot: &Snapshot) -> Result<Option<Arc<Graph>>, IndexError> {
    if snapshot.stats().files > GRAPH_FILES {
        return Ok(None);
    }
    Graph::shared(snapshot).map(Some)
}

fn place(depth: u32) -> usize {
    usize::try_from(depth).unwrap_or(0)
}
