//! The edges: what every mention means, added up.

use std::collections::HashMap;

use distiq_lang::Role;

use super::resolve::Resolver;
use super::{Edge, EdgeKind, File, Graph, Owner, Target, offset};

/// What a mention means, with weights.
type Targets = Vec<(Target, f32)>;

impl Graph {
    /// Makes the edges.
    pub(super) fn tie(&mut self) {
        let edges = self.ties();
        self.edges = edges;
        let nodes = self.symbols.len() + self.files.len();
        self.edges.sort_by_key(|edge| (edge.from, edge.to, edge.kind));
        let mut incoming = vec![Vec::new(); nodes];
        let mut outgoing = vec![0_usize; nodes + 1];
        for (at, edge) in self.edges.iter().enumerate() {
            if let Some(list) = incoming.get_mut(edge.to as usize) {
                list.push(offset(at));
            }
            if let Some(count) = outgoing.get_mut(edge.from as usize + 1) {
                *count += 1;
            }
        }
        for at in 1..outgoing.len() {
            let before = outgoing.get(at - 1).copied().unwrap_or(0);
            if let Some(count) = outgoing.get_mut(at) {
                *count += before;
            }
        }
        (self.incoming, self.outgoing) = (incoming, outgoing);
    }

    fn ties(&self) -> Vec<Edge> {
        let mut found: HashMap<(u32, u32, EdgeKind), (f32, u32)> = HashMap::new();
        let nodes = offset(self.symbols.len());
        let resolver = Resolver::new(self);
        let mut known: HashMap<(Option<u32>, u32, bool), Targets> = HashMap::new();
        for (number, file) in self.files.iter().enumerate().filter(|(_, file)| !file.is_data()) {
            known.clear();
            let number = offset(number);
            for (at, mention) in file.facts.mentions.iter().enumerate() {
                let role = mention.role();
                if matches!(role, Role::Definition | Role::Local | Role::Key) {
                    continue;
                }
                let unit = file.units.get(at).copied().flatten();
                let is_bare = !mention.is_joined && mention.owner == Owner::None;
                // Calls may mean macros.
                let key = (unit, mention.name, role == Role::Call);
                let targets = match known.get(&key).filter(|_| is_bare) {
                    Some(targets) => targets.clone(),
                    None => resolver.resolve(number, at),
                };
                if is_bare && role != Role::Import {
                    known.insert(key, targets.clone());
                }
                let from = unit.map_or(nodes + number, |unit| file.first + unit);
                for (target, weight) in targets {
                    let to = match target {
                        Target::Symbol(id) => id,
                        Target::File(file) => nodes + file,
                        Target::Local(..) => continue,
                    };
                    if to == from {
                        continue;
                    }
                    let kind = self.edge_kind(role, to);
                    let tie = found.entry((from, to, kind)).or_insert((0.0, mention.line));
                    tie.0 += weight;
                }
            }
            for (import, files) in file.facts.imports.iter().zip(&file.imports) {
                for other in files.iter().filter(|other| **other != number).take(64) {
                    let key = (nodes + number, nodes + other, EdgeKind::Import);
                    found.entry(key).or_insert((1.0, import.line));
                }
            }
        }
        for (class, bases) in &self.bases {
            for base in bases {
                let is_trait = self.symbol(*base).is_some_and(|base| {
                    matches!(base.kind.as_str(), "trait" | "interface" | "protocol")
                });
                let is_class = self.symbol(*class).is_some_and(|s| {
                    !matches!(s.kind.as_str(), "trait" | "interface" | "protocol")
                });
                let kind =
                    if is_trait && is_class { EdgeKind::Implement } else { EdgeKind::Inherit };
                let line = self.symbol(*class).map_or(0, |symbol| symbol.line);
                found.insert((*class, *base, kind), (1.0, line));
            }
        }
        for (id, symbol) in self.symbols.iter().enumerate() {
            let from = symbol.parent.unwrap_or(nodes + symbol.file);
            let is_data = self.files.get(symbol.file as usize).is_none_or(File::is_data);
            if !is_data {
                found.insert((from, offset(id), EdgeKind::Define), (1.0, symbol.line));
            }
        }
        found
            .into_iter()
            .map(|((from, to, kind), (weight, line))| Edge { from, to, kind, weight, line })
            .collect()
    }

    /// Tells how a mention ties to what it means.
    pub(super) fn edge_kind(&self, role: Role, to: u32) -> EdgeKind {
        let is_trait = self.symbol(to).is_some_and(|symbol| {
            matches!(symbol.kind.as_str(), "trait" | "interface" | "protocol")
        });
        match role {
            Role::Call | Role::MemberCall => EdgeKind::Call,
            Role::Import => EdgeKind::Import,
            Role::Base if is_trait => EdgeKind::Implement,
            Role::Base => EdgeKind::Inherit,
            _ => EdgeKind::Use,
        }
    }
}
