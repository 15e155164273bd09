//! Classes, their members and what they inherit.

use super::{Graph, SymbolId, is_class, offset};

/// How far bases are followed.
const MAX_BASES: usize = 24;

impl Graph {
    /// Gives members to their classes, wherever they stand, and finds the classes' bases.
    pub(super) fn attach_members(&mut self) {
        let ids = 0..offset(self.symbols.len());
        // Blocks of members first, so that what is in them goes to their type.
        for id in ids.clone() {
            let block = self.symbol(id).filter(|s| matches!(s.kind.as_str(), "impl" | "extension"));
            let Some((file, name)) = block.map(|symbol| (symbol.file, symbol.name.clone())) else {
                continue;
            };
            if let Some(owner) = self.class_named(file, &name, Some(id)) {
                self.owners.insert(id, owner);
            }
        }
        for id in ids.clone() {
            let Some(symbol) = self.symbol(id) else { continue };
            let parent = symbol.parent.filter(|parent| !self.is_module(*parent));
            let class = symbol.unit.and_then(|unit| {
                let file = self.files.get(symbol.file as usize)?;
                file.facts.units.get(unit as usize)?.class.clone()
            });
            let owner = match (parent, class) {
                (_, Some(class)) => self.class_named(symbol.file, &class, None).or(parent),
                (parent, None) => parent.map(|parent| self.owner_of(parent)),
            };
            let Some(owner) = owner else { continue };
            let name = self.symbol(id).map(|symbol| symbol.name.clone()).unwrap_or_default();
            self.members.entry(owner).or_default().entry(name).or_default().push(id);
        }
        for id in ids {
            let bases = self.symbol(id).and_then(|symbol| {
                let file = self.files.get(symbol.file as usize)?;
                let unit = file.facts.units.get(symbol.unit? as usize)?;
                Some((symbol.file, unit.bases.clone()))
            });
            let Some((file, bases)) = bases.filter(|(_, bases)| !bases.is_empty()) else {
                continue;
            };
            let owner = self.owner_of(id);
            let found: Vec<SymbolId> = bases
                .iter()
                .filter_map(|base| self.class_named(file, base, Some(id)))
                .filter(|base| *base != owner)
                .collect();
            self.bases.entry(owner).or_default().extend(found);
        }
    }

    /// Returns the type that a block of members is of, or the class itself.
    pub(super) fn owner_of(&self, id: SymbolId) -> SymbolId {
        self.owners.get(&id).copied().unwrap_or(id)
    }

    /// Returns the class that a path means in a file; `except` is not meant.
    pub(super) fn class_named(
        &self,
        file: u32,
        path: &str,
        except: Option<SymbolId>,
    ) -> Option<SymbolId> {
        let path = path.replace("::", ".").replace('\\', ".");
        let places = self.path_in(file, None, &path);
        let is_class = |id: &SymbolId| {
            Some(*id) != except && self.symbol(*id).is_some_and(|symbol| is_class(&symbol.kind))
        };
        if let Some(id) = places.into_iter().map(|id| self.owner_of(id)).find(is_class) {
            return Some(id);
        }
        // By the name alone, where it is one.
        let own = path.rsplit('.').next().unwrap_or(&path);
        let language = self.files.get(file as usize)?.language;
        let mut named = self.by_name.get(own)?.iter().copied().filter(is_class).filter(|id| {
            let of = self.symbol(*id).and_then(|symbol| self.files.get(symbol.file as usize));
            of.is_some_and(|of| super::imports::are_kin(of.language, language))
        });
        named.next().filter(|_| named.next().is_none())
    }

    /// Returns a class's members of a name, its own before those of its bases.
    pub(super) fn member(&self, class: SymbolId, name: &str) -> Vec<SymbolId> {
        let mut open = vec![self.owner_of(class)];
        let mut seen = open.clone();
        let mut at = 0;
        while let Some(class) = open.get(at).copied().filter(|_| at < MAX_BASES) {
            at += 1;
            if let Some(found) = self.members.get(&class).and_then(|members| members.get(name)) {
                return found.clone();
            }
            for base in self.bases.get(&class).into_iter().flatten() {
                if !seen.contains(base) {
                    seen.push(*base);
                    open.push(*base);
                }
            }
        }
        Vec::new()
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
