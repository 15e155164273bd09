//! Structures of Rust, C and Go: variants, tuples, tags, those without a name.

use distiq_lang::{Language, Told};

use super::super::{Symbol, SymbolId, imports};
use super::{MAX_MEANT, Resolver, Thing};

impl<'g> Resolver<'g> {
    /// Returns the enumeration of Rust whose variant a symbol is: a variant is a value of it.
    pub(super) fn enumeration(&self, symbol: &Symbol) -> Option<SymbolId> {
        let parent = symbol.parent.filter(|_| symbol.unit.is_none())?;
        let is_rust = self.language(symbol.file) == Some(Language::Rust);
        (is_rust && self.graph.symbol(parent)?.kind == "enum").then_some(parent)
    }

    /// Returns the structure of C that a type's name means where what was found has no members: a header declares it
    /// for files that define it, `typedef struct a a`.
    pub(super) fn tag(&self, file: u32, name: u32, found: &[Thing<'g>]) -> Option<SymbolId> {
        let of = self.graph.files.get(file as usize)?;
        let is_c = matches!(of.language, Some(Language::C | Language::Cpp));
        let has_members = |thing: &Thing<'g>| match thing {
            Thing::Symbol(id) => self.graph.members.has(*id),
            _ => false,
        };
        if !is_c || found.iter().any(has_members) {
            return None;
        }
        let is_tag = |id: &&SymbolId| {
            self.graph.symbol(**id).is_some_and(|symbol| {
                matches!(symbol.kind.as_str(), "struct" | "union")
                    && imports::are_kin(self.language(symbol.file), of.language)
            })
        };
        let named = self.graph.called(of.name(name as usize)?);
        let tags: Vec<SymbolId> = named.iter().filter(is_tag).copied().collect();
        let is_near = |id: &&SymbolId| {
            let near = self.graph.symbol(**id).map(|symbol| symbol.file);
            near.is_some_and(|near| near == file || of.included.contains(near))
        };
        match tags.as_slice() {
            [only] => Some(*only),
            all => all.iter().find(is_near).copied(),
        }
    }

    /// Returns the types of a tuple structure's parts, and where they are told.
    pub(super) fn takes(&self, id: SymbolId) -> Option<(u32, &'g [Told])> {
        let symbol = self.graph.symbol(id).filter(|symbol| symbol.kind == "struct")?;
        let mention = symbol.mention?;
        match self.hint(symbol.file, mention)? {
            Told::Function(takes, _) if !takes.is_empty() => Some((mention, takes)),
            _ => None,
        }
    }

    /// Returns what a namespace holds under a name; those of C++ are open in many files.
    pub(super) fn of_namespace(&self, id: SymbolId, name: &str) -> Vec<Thing<'g>> {
        let own = self.graph.member(id, name);
        let Some(symbol) = self.graph.symbol(id).filter(|_| own.is_empty()) else {
            return own.into_iter().map(Thing::Symbol).collect();
        };
        let path = self.graph.namespace_path(Some(id));
        let is_beside = |other: &&SymbolId| {
            self.graph.symbol(**other).is_some_and(|other| {
                imports::are_kin(self.language(other.file), self.language(symbol.file))
                    && other.parent.is_some()
                    && self.graph.namespace_path(other.parent) == path
            })
        };
        let found = self.graph.called(name).iter().filter(is_beside).take(MAX_MEANT);
        let found: Vec<Thing<'g>> = found.map(|id| Thing::Symbol(*id)).collect();
        if found.is_empty() { vec![Thing::Outside] } else { found }
    }

    /// Returns what holds the members of a structure without a name in C and Go: a function, a variable.
    pub(super) fn holder(&self, file: u32, unit: u32) -> Option<SymbolId> {
        let of = self.graph.files.get(file as usize)?;
        let holds = matches!(of.language, Some(Language::C | Language::Go));
        let id = of.first.checked_add(unit).filter(|_| holds)?;
        self.graph.members.has(id).then_some(id)
    }

    /// Returns the members of what a type of Rust dereferences to: `impl Deref for A { type Target = B; }`.
    pub(super) fn dereferenced(&self, id: SymbolId, name: &str, depth: u8) -> Vec<SymbolId> {
        if name == "Target" {
            return Vec::new();
        }
        let is_deref = |target: &SymbolId| {
            let block =
                self.graph.symbol(*target).and_then(|target| self.graph.symbol(target.parent?));
            let unit = block.and_then(|block| self.graph.unit_of(block));
            unit.is_some_and(|unit| unit.bases.iter().any(|base| base.ends_with("Deref")))
        };
        let target = self.graph.own_members(id, "Target").find(is_deref);
        let Some(target) = target.filter(|_| self.step(depth)) else { return Vec::new() };
        let inner = self.settled_all(vec![Thing::Symbol(target)], depth + 1);
        let found = self.members_of(&inner, name, depth + 1).into_iter();
        let symbol = |thing| match thing {
            Thing::Symbol(id) => Some(id),
            _ => None,
        };
        found.filter_map(symbol).collect()
    }
}
