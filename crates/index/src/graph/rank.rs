//! What matters most: PageRank over the ties, drawn to what a request names.

use std::collections::{HashMap, HashSet};

use distiq_base::paths::file_name;

use super::{EdgeKind, Graph, offset};

const ROUNDS: usize = 30;
const DAMPING: f32 = 0.85;
/// The most definitions of a name at which a walk begins.
const MAX_CALLED: usize = 50;

/// What a request names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seeds {
    /// Names of symbols.
    pub names: Vec<String>,
    /// Paths of files, whole or their ends.
    pub paths: Vec<String>,
}

impl Seeds {
    /// Takes the names and paths out of a request's words.
    pub fn of(request: &str) -> Self {
        let mut seeds = Self::default();
        let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '/' | ':' | '-');
        for word in request.split(|c: char| !is_word(c)) {
            let word = word.trim_matches(['.', ':', '-', '/']);
            if word.contains('/') || word.rsplit_once('.').is_some_and(|(_, end)| end.len() <= 4) {
                seeds.paths.push(word.to_owned());
            }
            for name in word.split(['.', ':', '/']).filter(|name| name.len() > 2) {
                seeds.names.push(name.to_owned());
            }
        }
        seeds
    }
}

impl Graph {
    /// Returns each node's rank: symbols, then files. They add up to 1.
    #[allow(clippy::cast_precision_loss)]
    pub fn ranks(&self, seeds: &Seeds) -> Vec<f32> {
        let count = self.symbols.len() + self.files.len();
        if count == 0 {
            return Vec::new();
        }
        let start = self.start(seeds, count);
        let named: HashSet<&str> = seeds.names.iter().map(String::as_str).collect();
        let weights: Vec<f32> = self.edges.iter().map(|edge| self.pull(edge, &named)).collect();
        let mut sums = vec![0.0_f32; count];
        for (edge, weight) in self.edges.iter().zip(&weights) {
            sums.get_mut(edge.from as usize).into_iter().for_each(|sum| *sum += weight);
        }
        let mut ranks = start.clone();
        for _ in 0..ROUNDS {
            let loose: f32 =
                ranks.iter().zip(&sums).filter(|(_, s)| **s == 0.0).map(|(r, _)| r).sum();
            let mut next: Vec<f32> =
                start.iter().map(|share| share * (1.0 - DAMPING + DAMPING * loose)).collect();
            for (edge, weight) in self.edges.iter().zip(&weights) {
                let sum = sums.get(edge.from as usize).copied().unwrap_or(1.0);
                let from = ranks.get(edge.from as usize).copied().unwrap_or(0.0);
                if let Some(to) = next.get_mut(edge.to as usize).filter(|_| sum > 0.0) {
                    *to += DAMPING * from * weight / sum;
                }
            }
            ranks = next;
        }
        ranks
    }

    /// Where a walk begins: anywhere, or at what the request names.
    #[allow(clippy::cast_precision_loss)]
    fn start(&self, seeds: &Seeds, count: usize) -> Vec<f32> {
        let mut start = vec![1.0 / count as f32; count];
        let mut add = |node: u32, share: f32| {
            start.get_mut(node as usize).into_iter().for_each(|at| *at += share);
        };
        for name in &seeds.names {
            let named = self.called(name);
            for id in named.iter().take(MAX_CALLED) {
                add(*id, 1.0 / named.len().min(MAX_CALLED) as f32);
            }
        }
        // By their last parts, since a request may name thousands.
        let mut paths: HashMap<&str, Vec<&str>> = HashMap::new();
        for path in &seeds.paths {
            paths.entry(file_name(path)).or_default().push(path);
        }
        for (at, file) in self.files.iter().enumerate() {
            let is_named = |path: &&str| {
                let before = file.path.strip_suffix(*path);
                before.is_some_and(|before| before.is_empty() || before.ends_with('/'))
            };
            if paths.get(file_name(&file.path)).into_iter().flatten().any(is_named) {
                add(offset(self.symbols.len() + at), 1.0);
            }
        }
        let sum: f32 = start.iter().sum();
        start.iter_mut().for_each(|share| *share /= sum);
        start
    }

    /// How much of a node's rank an edge takes on.
    fn pull(&self, edge: &super::Edge, named: &HashSet<&str>) -> f32 {
        let kind = match edge.kind {
            EdgeKind::Call => 1.0,
            EdgeKind::Inherit | EdgeKind::Implement => 1.0,
            EdgeKind::Use => 0.6,
            EdgeKind::Import => 0.5,
            EdgeKind::Define => 0.1,
        };
        let Some(symbol) = self.symbol(edge.to) else { return kind * edge.weight.sqrt() };
        let mut pull = kind * edge.weight.sqrt();
        let name = symbol.name.as_str();
        if named.contains(name) {
            pull *= 10.0;
        }
        let telling =
            name.len() >= 8 && (name.contains('_') || name.chars().any(char::is_uppercase));
        if telling {
            pull *= 2.0;
        }
        if name.starts_with('_') {
            pull *= 0.2;
        }
        if self.called(name).len() > 5 {
            pull *= 0.3;
        }
        pull
    }
}
