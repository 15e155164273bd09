//! The edges: what every mention means, added up.

use std::collections::HashMap;

use distiq_lang::{Language, Role};

use super::guess::Guesses;
use super::resolve::{Resolver, SHARED};
use super::{Edge, EdgeKind, File, Graph, Owner, SymbolId, Target, offset};

/// What a mention means, with weights.
type Targets = Vec<(Target, f32)>;

/// What a mention means, and whether its name alone tells so.
type Known = (Targets, bool);

/// Ties under construction: from whom, to whom and how.
type Found = HashMap<(u32, u32, EdgeKind), Tie>;

/// The most bytes of what files tell that are read at once while edges are made; read they take ten times that.
const MOST_OPEN: usize = 2 << 20;

/// How often that is looked at, at most.
const LOOKS: usize = 256;

/// More than half of a mention's weight goes to what alone it can mean.
const SURE: f32 = 0.5;

/// The most files of one import that are tied: a package has thousands.
const MOST_IMPORTED: usize = 64;

struct Tie {
    weight: f32,
    line: u32,
    is_sure: bool,
    is_guess: bool,
}

impl Tie {
    /// Returns the tie of what is written out on a line.
    fn told(line: u32) -> Self {
        Self { weight: 1.0, line, is_sure: true, is_guess: false }
    }
}

impl Graph {
    /// Makes the edges.
    pub(super) fn tie(&mut self) {
        self.edges = self.ties();
        let nodes = self.symbols.len() + self.files.len();
        self.outgoing = starts(nodes, self.edges.iter().map(|edge| edge.from));
        let starts = starts(nodes, self.edges.iter().map(|edge| edge.to));
        let mut next = starts.clone();
        let mut list = vec![0; self.edges.len()];
        for (edge, at) in self.edges.iter().zip(0..) {
            let Some(next) = next.get_mut(edge.to as usize) else { continue };
            if let Some(slot) = list.get_mut(*next as usize) {
                *slot = at;
            }
            *next += 1;
        }
        self.incoming = (starts, list);
    }

    /// Returns the edges, sorted. What begins in a file is found when the file is looked at, so that no more than one file's
    /// are put together at once.
    fn ties(&mut self) -> Vec<Edge> {
        let mut bases: Vec<(u32, u32)> = self
            .bases
            .iter()
            .flat_map(|(class, bases)| bases.iter().map(|base| (*class, *base)))
            .collect();
        bases.sort_unstable();
        let (mut edges, mut of_files) = (Vec::new(), Vec::new());
        let mut guesses = Guesses::default();
        let mut next = 0;
        while next < self.files.len() {
            let resolver = Resolver::with(self, guesses);
            next = self.tie_files(next, &bases, &resolver, &mut edges, &mut of_files);
            guesses = resolver.guesses;
            self.close_tellings();
        }
        edges.append(&mut of_files);
        edges.shrink_to_fit();
        edges
    }

    /// Adds the edges that begin in files from a number on, as far as what they tell may be read at once; returns the
    /// number of the next file.
    fn tie_files(
        &self,
        from: usize,
        bases: &[(u32, u32)],
        resolver: &Resolver<'_>,
        edges: &mut Vec<Edge>,
        of_files: &mut Vec<Edge>,
    ) -> usize {
        let nodes = offset(self.symbols.len());
        let every = (self.files.len() / LOOKS).max(1);
        let mut found = Found::new();
        for (number, file) in self.files.iter().enumerate().skip(from) {
            let at = offset(number);
            if !file.is_data() {
                self.tie_mentions(at, file, resolver, &mut found);
                self.tie_imports(at, file, &mut found);
            }
            let own = bases.partition_point(|(class, _)| *class < file.first);
            let own = bases.get(own..).unwrap_or_default().iter();
            for (class, base) in own.take_while(|(class, _)| *class < file.end) {
                self.tie_base(*class, *base, &mut found);
            }
            if !file.is_data() {
                self.tie_members(at, file, &mut found);
            }
            let edge = |((from, to, kind), Tie { weight, line, is_sure, is_guess })| Edge {
                from,
                to,
                kind,
                weight,
                line,
                is_sure,
                is_guess,
            };
            let mut own: Vec<Edge> = found.drain().map(edge).collect();
            own.sort_unstable_by_key(|edge| (edge.from, edge.to, edge.kind));
            // The numbers of files come behind those of all symbols.
            let (of_symbols, of_file) = own.split_at(own.partition_point(|e| e.from < nodes));
            edges.extend_from_slice(of_symbols);
            of_files.extend_from_slice(of_file);
            if number % every == 0 && self.open_tellings() > MOST_OPEN {
                return number + 1;
            }
        }
        self.files.len()
    }

    /// Adds what a file's mentions tie.
    fn tie_mentions(&self, number: u32, file: &File, resolver: &Resolver<'_>, found: &mut Found) {
        let nodes = offset(self.symbols.len());
        let mut known: HashMap<(Option<u32>, u32, bool, bool), Known> = HashMap::new();
        for (at, mention) in file.facts.mentions.iter().enumerate() {
            let role = mention.role();
            let names_member = role == Role::Key && !resolver.is_item_key(number, at);
            if names_member || matches!(role, Role::Definition | Role::Local) {
                continue;
            }
            let unit = file.facts.unit_around(at);
            let is_bare = !mention.is_joined && mention.owner == Owner::None;
            // Calls may mean macros, and what leads a path means no variable.
            let leads = file.name(at).is_some_and(|name| file.leads_path(at, name));
            let key = (unit, mention.name, role == Role::Call, leads);
            let (targets, is_by_name) = match known.get(&key).filter(|_| is_bare) {
                Some(known) => known.clone(),
                None => (resolver.resolve(number, at), resolver.is_by_name.get()),
            };
            if is_bare && role != Role::Import {
                known.insert(key, (targets.clone(), is_by_name));
            }
            let from = unit.map_or(nodes + number, |unit| file.first + unit);
            let is_one = self.are_one(file, &targets);
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
                let none = Tie { weight: 0.0, line: mention.line, is_sure: false, is_guess: true };
                let tie = found.entry((from, to, kind)).or_insert(none);
                tie.weight += weight;
                tie.is_sure |= is_one || weight > SURE;
                tie.is_guess &= is_by_name && weight < SHARED;
            }
        }
    }

    /// Tells whether several definitions are the heads of one function, as overloads are in TypeScript and Python.
    fn are_one(&self, file: &File, targets: &[(Target, f32)]) -> bool {
        let has_heads = file.is_script() || file.language == Some(Language::Python);
        let mut symbols = targets.iter().map(|(target, _)| match target {
            Target::Symbol(id) => self.symbol(*id),
            _ => None,
        });
        let first = symbols.next().flatten().filter(|_| has_heads);
        first.is_some_and(|first| {
            symbols.all(|other| {
                other.is_some_and(|other| {
                    other.name == first.name
                        && other.file == first.file
                        && other.parent == first.parent
                })
            })
        })
    }

    /// Adds a file's imports.
    fn tie_imports(&self, number: u32, file: &File, found: &mut Found) {
        let nodes = offset(self.symbols.len());
        for (at, import) in file.facts.imports.iter().enumerate() {
            let files = self.files_of_import(file, at).unwrap_or_default();
            for other in files.iter().filter(|other| **other != number).take(MOST_IMPORTED) {
                let key = (nodes + number, nodes + other, EdgeKind::Import);
                found.entry(key).or_insert(Tie::told(import.line));
            }
        }
    }

    /// Adds what a class inherits or implements.
    fn tie_base(&self, class: SymbolId, base: SymbolId, found: &mut Found) {
        let implements =
            self.is_trait(base) && self.symbol(class).is_some() && !self.is_trait(class);
        let kind = if implements { EdgeKind::Implement } else { EdgeKind::Inherit };
        let line = self.symbol(class).map_or(0, |symbol| symbol.line);
        found.insert((class, base, kind), Tie::told(line));
    }

    /// Adds what holds a file's symbols.
    fn tie_members(&self, number: u32, file: &File, found: &mut Found) {
        let nodes = offset(self.symbols.len());
        for id in file.first..file.end {
            let Some(symbol) = self.symbol(id) else { continue };
            let from = symbol.parent.unwrap_or(nodes + number);
            found.insert((from, id, EdgeKind::Define), Tie::told(symbol.line));
        }
    }

    fn is_trait(&self, id: SymbolId) -> bool {
        self.symbol(id).is_some_and(|symbol| {
            matches!(symbol.kind.as_str(), "trait" | "interface" | "protocol")
        })
    }

    /// Tells how a mention ties to what it means.
    pub(super) fn edge_kind(&self, role: Role, to: u32) -> EdgeKind {
        match role {
            Role::Call | Role::MemberCall => EdgeKind::Call,
            Role::Import => EdgeKind::Import,
            Role::Base if self.is_trait(to) => EdgeKind::Implement,
            Role::Base => EdgeKind::Inherit,
            _ => EdgeKind::Use,
        }
    }
}

/// Returns by node where its part of a list begins that is sorted by nodes, and where the last one ends.
fn starts(nodes: usize, all: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut starts = vec![0; nodes + 1];
    for node in all {
        if let Some(count) = starts.get_mut(node as usize + 1) {
            *count += 1;
        }
    }
    let mut sum = 0;
    for start in &mut starts {
        sum += *start;
        *start = sum;
    }
    starts
}
