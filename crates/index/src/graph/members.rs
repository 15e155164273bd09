//! Classes, their members and what they inherit.

use std::collections::{HashMap, HashSet};

use super::facts::Members;
use super::resolve::{MAX_MEANT, Resolver};
use super::{Graph, SymbolId, offset};

/// How far bases are followed.
const MAX_BASES: usize = 24;

impl Graph {
    /// Gives members to their classes, wherever they stand, and finds the classes' bases.
    pub(super) fn attach_members(&mut self) {
        // Blocks of members first, so that what is in them goes to their type.
        self.owners = self.found_owners();
        self.members = Members::new(self.found_members(), &|id| self.name_of(id));
        self.hide_implemented();
        self.bases = self.found_bases();
        self.definitions = self.found_definitions();
    }

    fn ids(&self) -> std::ops::Range<SymbolId> {
        0..offset(self.symbols.len())
    }

    fn found_owners(&self) -> HashMap<SymbolId, SymbolId> {
        let resolver = Resolver::new(self);
        let owner = |id: SymbolId| {
            let block = self.symbol(id)?;
            let is_block = matches!(block.kind.as_str(), "impl" | "extension");
            let owner = is_block
                .then(|| resolver.class_of(block.file, block.mention, &block.name, Some(id)))
                .flatten()?;
            Some((id, owner))
        };
        self.ids().filter_map(owner).collect()
    }

    fn found_members(&self) -> Vec<(SymbolId, SymbolId)> {
        let resolver = Resolver::new(self);
        let member = |id: SymbolId| {
            // A test's title is no name that code can mean.
            let symbol = self.symbol(id).filter(|symbol| symbol.kind != "test")?;
            let parent = symbol.parent;
            let owner = match (parent, self.written_class(symbol)) {
                (_, Some(class)) => resolver.class_of(symbol.file, None, class, None).or(parent),
                (parent, None) => parent.map(|parent| self.owner_of(parent)),
            };
            Some((owner?, id))
        };
        self.ids().filter_map(member).collect()
    }

    /// Leaves out what a type of Rust has by a trait where it has the same of its own.
    fn hide_implemented(&mut self) {
        let mut hidden = HashSet::new();
        let groups = self.members.groups(|id| self.name_of(id));
        for group in groups.filter(|group| group.len() > 1) {
            // Whether it stands in a block, and whether that implements a trait.
            let is_implemented = |(_, id): &(SymbolId, SymbolId)| {
                let parent = self.symbol(*id).and_then(|symbol| self.symbol(symbol.parent?))?;
                let unit = self.unit_of(parent)?;
                (parent.kind == "impl").then_some(!unit.bases.is_empty())
            };
            if group.iter().any(|member| is_implemented(member) == Some(false)) {
                hidden.extend(group.iter().filter(|member| is_implemented(member) == Some(true)));
            }
        }
        self.members.hide(&hidden);
    }

    fn found_bases(&self) -> HashMap<SymbolId, Vec<SymbolId>> {
        let resolver = Resolver::new(self);
        let mut all: HashMap<SymbolId, Vec<SymbolId>> = HashMap::new();
        for id in self.ids() {
            let unit = self.symbol(id).and_then(|symbol| Some((symbol, self.unit_of(symbol)?)));
            let Some((symbol, unit)) = unit.filter(|(_, unit)| !unit.bases.is_empty()) else {
                continue;
            };
            let owner = self.owner_of(id);
            let found = unit
                .bases
                .iter()
                .filter_map(|base| resolver.class_of(symbol.file, symbol.mention, base, Some(id)));
            all.entry(owner).or_default().extend(found.filter(|base| *base != owner));
        }
        all
    }

    /// Returns a class with all that it inherits, nearest first.
    pub(super) fn family_above(&self, class: SymbolId) -> Vec<SymbolId> {
        let mut open = vec![self.owner_of(class)];
        let mut at = 0;
        while let Some(class) = open.get(at).copied().filter(|_| at < MAX_BASES) {
            at += 1;
            for base in self.bases.get(&class).into_iter().flatten() {
                if !open.contains(base) {
                    open.push(*base);
                }
            }
        }
        open
    }

    /// Returns the type that a block of members is of, or the class itself.
    pub(super) fn owner_of(&self, id: SymbolId) -> SymbolId {
        self.owners.get(&id).copied().unwrap_or(id)
    }

    /// Returns a class's members of a name, its own before those of its bases.
    pub(super) fn member(&self, class: SymbolId, name: &str) -> Vec<SymbolId> {
        let classes = self.family_above(class).into_iter();
        let first = |class| self.own_members(class, name).take(MAX_MEANT).collect::<Vec<_>>();
        let found = classes.map(first);
        found.into_iter().find(|found| !found.is_empty()).unwrap_or_default()
    }

    /// Returns the members of a name that a class inherits.
    pub(super) fn inherited(&self, class: SymbolId, name: &str) -> Vec<SymbolId> {
        let bases = self.bases.get(&self.owner_of(class)).into_iter().flatten();
        bases
            .map(|base| self.member(*base, name))
            .find(|found| !found.is_empty())
            .unwrap_or_default()
    }
}
