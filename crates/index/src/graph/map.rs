//! The repository on a page: the signatures that matter most, by file, within a budget of tokens.

use std::collections::{BTreeSet, HashSet};
use std::fmt::Write as _;

use distiq_base::paths::one_line;

use super::{Graph, Seeds, SymbolId, offset};

/// The longest signature in a map, in characters.
const MAX_SIGNATURE: usize = 120;
/// The most symbols that a map shows.
const MAX_SHOWN: usize = 20_000;

/// What a map is to show.
pub struct MapRequest<'a> {
    /// What the request names.
    pub seeds: Seeds,
    /// The most tokens.
    pub budget: usize,
    /// Files that are left out: who asks sees them already.
    pub without: Vec<String>,
    /// Counts a text's tokens.
    pub count: &'a dyn Fn(&str) -> usize,
}

impl Graph {
    /// Returns symbols with a head, those that matter most first, with their ranks.
    pub fn ranked(&self, seeds: &Seeds) -> Vec<(SymbolId, f32)> {
        let ranks = self.ranks(seeds);
        let is_shown = |id: &SymbolId| {
            self.symbol(*id).is_some_and(|symbol| {
                let is_data = self.files.get(symbol.file as usize).is_none_or(super::File::is_data);
                !is_data && symbol.unit.is_some() && symbol.kind != "test"
            })
        };
        let mut found: Vec<(SymbolId, f32)> = (0..offset(self.symbols.len()))
            .filter(is_shown)
            .map(|id| (id, ranks.get(id as usize).copied().unwrap_or(0.0)))
            .collect();
        found.sort_by(|(one, a), (other, b)| b.total_cmp(a).then(one.cmp(other)));
        found
    }
}

/// Returns the map of a project, never over the budget; empty where not even one line fits.
pub fn map(graph: &Graph, request: &MapRequest<'_>) -> String {
    let is_left_out = |id: &SymbolId| {
        let path = graph.symbol(*id).map_or("", |symbol| graph.path_of(symbol));
        request.without.iter().any(|without| without == path)
    };
    let order: Vec<SymbolId> = graph
        .ranked(&request.seeds)
        .into_iter()
        .map(|(id, _)| id)
        .filter(|id| !is_left_out(id))
        .take(MAX_SHOWN)
        .collect();
    // The most symbols that fit; more symbols never take fewer tokens by much.
    let (mut fits, mut over) = (0, order.len() + 1);
    let mut best = String::new();
    // A line has some tokens at least: no more of them can fit.
    over = over.min(request.budget.saturating_div(3) + 2);
    while over - fits > 1 {
        let middle = fits + (over - fits) / 2;
        let shown = render(graph, order.get(..middle).unwrap_or(&order));
        if (request.count)(&shown) <= request.budget {
            (fits, best) = (middle, shown);
        } else {
            over = middle;
        }
    }
    best
}

/// Shows symbols by file, in their order there, each below what it is a member of.
fn render(graph: &Graph, ids: &[SymbolId]) -> String {
    let mut shown: BTreeSet<SymbolId> = BTreeSet::new();
    let mut files: Vec<u32> = Vec::new();
    let mut named: HashSet<u32> = HashSet::new();
    for id in ids {
        let mut next = Some(*id);
        while let Some(id) = next.filter(|id| shown.insert(*id)) {
            next = graph.symbol(id).and_then(|symbol| symbol.parent);
        }
        let file = graph.symbol(*id).map_or(0, |symbol| symbol.file);
        if named.insert(file) {
            files.push(file);
        }
    }
    let mut text = String::new();
    for file in files {
        let Some(of) = graph.files.get(file as usize) else { continue };
        let end = of.first + offset(of.facts.units.len());
        let _ = writeln!(text, "{}:", one_line(&of.path));
        for id in shown.range(of.first..end) {
            let Some(symbol) = graph.symbol(*id) else { continue };
            let mut depth = 1;
            let mut parent = symbol.parent;
            while let Some(above) = parent.and_then(|parent| graph.symbol(parent)) {
                depth += 1;
                parent = above.parent;
            }
            let head = symbol.signature.char_indices().nth(MAX_SIGNATURE);
            let head = head.map_or(&*symbol.signature, |(end, _)| {
                symbol.signature.get(..end).unwrap_or(&symbol.signature)
            });
            let _ = writeln!(text, "{}{}: {head}", " ".repeat(depth), symbol.start_line);
        }
    }
    text
}
