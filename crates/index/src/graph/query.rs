//! Questions to the graph.

use std::collections::{HashMap, HashSet, VecDeque};

use super::dispatch::Dispatch;
use super::resolve::Resolver;
use super::{Edge, EdgeKind, Graph, SymbolId, Target, offset};

/// The most symbols that one question reaches.
const MAX_REACHED: usize = 10_000;

/// Which way ties are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To what a symbol needs.
    Needs,
    /// To what needs it.
    NeededBy,
}

/// A symbol or file that was reached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reached {
    /// Its number: a symbol's, or behind them a file's.
    pub node: u32,
    /// How many ties away.
    pub depth: u32,
    /// The last tie.
    pub edge: Edge,
    /// Where the tie ends at a member of a base, an interface or a trait: the one that is reached by way of it.
    pub overriding: Option<SymbolId>,
    /// Whether some tie on the way is a guess.
    pub is_guess: bool,
}

impl Graph {
    /// Returns what a name on a 1-based line of a file means, the likeliest first.
    pub fn definition(&self, path: &str, line: u32, name: &str) -> Vec<(Target, f32)> {
        let Some(number) = self.by_path.get(path) else { return Vec::new() };
        let Some(file) = self.files.get(*number as usize) else { return Vec::new() };
        let resolver = Resolver::new(self);
        let mut found: Vec<(Target, f32)> = Vec::new();
        for (at, mention) in file.facts.mentions.iter().enumerate() {
            if mention.line == line && file.name(at) == Some(name) {
                for (target, weight) in resolver.resolve(*number, at) {
                    if found.iter().all(|(known, _)| *known != target) {
                        found.push((target, weight));
                    }
                }
            }
        }
        found
    }

    /// Returns the innermost definition with a body of its own around a 1-based line of a file.
    pub fn around(&self, file: u32, line: u32) -> Option<SymbolId> {
        let of = self.files.get(file as usize)?;
        let units = of.first..of.first + offset(of.facts.units.len());
        let size = |id: &SymbolId| {
            let symbol = self.symbol(*id).filter(|s| s.start_line <= line && line <= s.end_line)?;
            Some((symbol.end_line - symbol.start_line, std::cmp::Reverse(*id)))
        };
        units.filter_map(|id| Some((size(&id)?, id))).min().map(|(_, id)| id)
    }

    /// Returns the ties that leave a node.
    pub fn outgoing(&self, node: u32) -> &[Edge] {
        self.edges.get(part(&self.outgoing, node)).unwrap_or(&[])
    }

    /// Returns the ties that end at a node.
    pub fn incoming(&self, node: u32) -> impl Iterator<Item = &Edge> {
        let (starts, list) = &self.incoming;
        let list = list.get(part(starts, node)).unwrap_or_default();
        list.iter().filter_map(|at| self.edges.get(*at as usize))
    }

    /// Returns what is reached from nodes over ties of some kinds, nearest first. Where calls or uses are followed to what
    /// needs a method, those of what it overrides or implements count, too, behind its own. What guesses lead to comes last.
    pub fn reach(
        &self,
        from: &[u32],
        direction: Direction,
        kinds: &[EdgeKind],
        depth: u32,
    ) -> Vec<Reached> {
        let mut seen: HashSet<u32> = from.iter().copied().collect();
        let mut open: VecDeque<(u32, u32)> = from.iter().map(|node| (*node, 0)).collect();
        let (mut later, mut is_guess): (VecDeque<Reached>, bool) = (VecDeque::new(), false);
        let mut found: Vec<Reached> = Vec::new();
        let dispatch = Dispatch::new(self);
        while found.len() < MAX_REACHED {
            let Some((node, far)) = open.pop_front() else {
                let Some(next) = later.pop_front() else { break };
                is_guess = true;
                if seen.insert(next.node) {
                    found.push(next);
                    open.push_back((next.node, next.depth));
                }
                continue;
            };
            if far >= depth {
                continue;
            }
            let own: Vec<Edge> = match direction {
                Direction::Needs => self.outgoing(node).to_vec(),
                Direction::NeededBy => self.incoming(node).copied().collect(),
            };
            let others = match direction {
                Direction::Needs => Vec::new(),
                Direction::NeededBy => dispatch.ties(node),
            };
            let own = own.into_iter().map(|edge| (edge, None));
            let edges = own.chain(others.into_iter().map(|edge| (edge, Some(node))));
            for (edge, overriding) in edges.filter(|(edge, _)| kinds.contains(&edge.kind)) {
                let next = if direction == Direction::Needs { edge.to } else { edge.from };
                let is_guess = is_guess || edge.is_guess;
                let reached = Reached { node: next, depth: far + 1, edge, overriding, is_guess };
                if edge.is_guess && !seen.contains(&next) {
                    later.push_back(reached);
                } else if seen.insert(next) {
                    found.push(reached);
                    open.push_back((next, far + 1));
                }
            }
        }
        found.sort_by_key(|at| (at.is_guess, at.depth));
        found
    }

    /// Returns the ties of some kinds between nodes that were asked about together, each as it is reached from another.
    pub fn between(&self, nodes: &[u32], direction: Direction, kinds: &[EdgeKind]) -> Vec<Reached> {
        let mut found: Vec<Reached> = Vec::new();
        let mut seen = HashSet::new();
        let asked: HashSet<u32> = nodes.iter().copied().collect();
        let edges = nodes.iter().flat_map(|node| self.outgoing(*node));
        for edge in edges.filter(|edge| kinds.contains(&edge.kind) && asked.contains(&edge.to)) {
            let node = if direction == Direction::Needs { edge.to } else { edge.from };
            if seen.insert(node) {
                found.push(Reached {
                    node,
                    depth: 1,
                    edge: *edge,
                    overriding: None,
                    is_guess: edge.is_guess,
                });
            }
        }
        found
    }

    /// Returns a symbol with its members and what these declare: what changes where one of them does.
    pub fn with_members(&self, id: SymbolId) -> Vec<u32> {
        let mut all = vec![id];
        let mut at = 0;
        while let Some(node) = all.get(at).copied() {
            at += 1;
            let inner = self.outgoing(node).iter().filter(|edge| edge.kind == EdgeKind::Define);
            all.extend(inner.map(|edge| edge.to).take(MAX_REACHED.saturating_sub(all.len())));
            let of = self.defined(node);
            all.extend((of != node && !all.contains(&of)).then_some(of));
        }
        all
    }

    /// Returns a way between nodes along ties, as the edges of it: the shortest of calls, else of what one thing needs of
    /// another, else of whatever holds another; by guesses where nothing else leads there.
    pub fn path(&self, from: &[u32], to: &[u32]) -> Option<Vec<Edge>> {
        let along: [fn(&Edge) -> bool; 4] = [
            |edge| !edge.is_guess && edge.kind == EdgeKind::Call,
            |edge| !edge.is_guess && edge.kind != EdgeKind::Define,
            |edge| !edge.is_guess,
            |_| true,
        ];
        along.iter().find_map(|along| self.path_along(from, to, along))
    }

    fn path_along(
        &self,
        from: &[u32],
        to: &[u32],
        along: impl Fn(&Edge) -> bool,
    ) -> Option<Vec<Edge>> {
        let mut before: HashMap<u32, Option<Edge>> =
            from.iter().map(|node| (*node, None)).collect();
        let mut open: VecDeque<u32> = from.iter().copied().collect();
        let to: HashSet<u32> = to.iter().copied().collect();
        while let Some(node) = open.pop_front() {
            if to.contains(&node) {
                let mut way = Vec::new();
                let mut next = node;
                while let Some(Some(edge)) = before.get(&next) {
                    way.push(*edge);
                    next = edge.from;
                }
                way.reverse();
                return Some(way);
            }
            for edge in self.outgoing(node).iter().filter(|edge| along(edge)) {
                if let std::collections::hash_map::Entry::Vacant(entry) = before.entry(edge.to) {
                    entry.insert(Some(*edge));
                    open.push_back(edge.to);
                }
            }
        }
        None
    }

    /// Returns the groups of nodes that lead to each other over ties of some kinds, the largest first. Ties of which several
    /// definitions may be meant do not count: a name alone, or one of overloads.
    pub fn cycles(&self, kinds: &[EdgeKind]) -> Vec<Vec<u32>> {
        let count = self.symbols.len() + self.files.len();
        let mut order = vec![u32::MAX; count];
        let mut low = vec![u32::MAX; count];
        let mut is_open = vec![false; count];
        let (mut stack, mut found, mut next) = (Vec::new(), Vec::new(), 0_u32);
        let set = |list: &mut Vec<u32>, at: u32, value: u32| {
            if let Some(slot) = list.get_mut(at as usize) {
                *slot = value;
            }
        };
        let get = |list: &[u32], at: u32| list.get(at as usize).copied().unwrap_or(u32::MAX);
        for root in 0..offset(count) {
            if get(&order, root) != u32::MAX {
                continue;
            }
            let mut work: Vec<(u32, usize)> = vec![(root, 0)];
            while let Some((node, at)) = work.pop() {
                if at == 0 {
                    set(&mut order, node, next);
                    set(&mut low, node, next);
                    next += 1;
                    stack.push(node);
                    is_open.get_mut(node as usize).into_iter().for_each(|open| *open = true);
                }
                let edges = self.outgoing(node);
                let counts = |edge: &Edge| edge.is_sure && kinds.contains(&edge.kind);
                let step = edges.iter().enumerate().skip(at).find(|(_, edge)| counts(edge));
                if let Some((index, edge)) = step {
                    work.push((node, index + 1));
                    if get(&order, edge.to) == u32::MAX {
                        work.push((edge.to, 0));
                    } else if is_open.get(edge.to as usize) == Some(&true) {
                        let least = get(&low, node).min(get(&order, edge.to));
                        set(&mut low, node, least);
                    }
                    continue;
                }
                if get(&low, node) == get(&order, node) {
                    let mut group = Vec::new();
                    while let Some(member) = stack.pop() {
                        is_open.get_mut(member as usize).into_iter().for_each(|open| *open = false);
                        group.push(member);
                        if member == node {
                            break;
                        }
                    }
                    if group.len() > 1 {
                        group.sort_unstable();
                        found.push(group);
                    }
                }
                if let Some((parent, _)) = work.last() {
                    let least = get(&low, *parent).min(get(&low, node));
                    set(&mut low, *parent, least);
                }
            }
        }
        found.sort_by_key(|group| (std::cmp::Reverse(group.len()), group.first().copied()));
        found
    }
}

/// Returns where the part of a node lies in a list; `starts` tells where each begins and the last one ends.
fn part(starts: &[u32], node: u32) -> std::ops::Range<usize> {
    let from = starts.get(node as usize).copied().unwrap_or(0);
    let to = starts.get(node as usize + 1).copied().unwrap_or(from);
    from as usize..to as usize
}
