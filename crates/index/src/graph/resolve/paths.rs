//! Paths as written: `a.b.C`, `crate::a::B`.

use distiq_lang::Language;

use super::super::{File, SymbolId, imports, is_class};
use super::{MAX_NESTED, Resolver, Thing};

/// The most namespaces that a name of C++ is written with.
const MAX_SPACES: usize = 8;

impl<'g> Resolver<'g> {
    /// Returns what a path of Rust means in a file.
    pub(super) fn rust_path(&self, file: u32, path: &str, depth: u8) -> Vec<Thing<'g>> {
        if !self.step(depth) {
            return Vec::new();
        }
        if let Some((at, rest)) = self.graph.paths.rust.walk(file, path) {
            let Some((first, rest)) = rest.split_first() else {
                // A module and a function may be called alike.
                let mut things = self.beside_module(file, path, depth + 1);
                things.push(Thing::Module(vec![at], path.to_owned()));
                return things;
            };
            let mut things = self.in_modules(&[at], "", first, depth + 1);
            if things.is_empty() {
                things = self.globbed(at, first, depth + 1);
            }
            return rest.iter().fold(things, |things, part| self.part_of(things, part, depth));
        }
        let Some((first, rest)) = path.split_once("::") else { return Vec::new() };
        let things = self.name_in(file, None, first, depth + 1);
        rest.split("::").fold(things, |things, part| self.part_of(things, part, depth))
    }

    /// Returns what is called like a module where that one is declared.
    fn beside_module(&self, file: u32, path: &str, depth: u8) -> Vec<Thing<'g>> {
        let Some((above, name)) = path.rsplit_once("::") else { return Vec::new() };
        let Some((at, rest)) = self.graph.paths.rust.walk(file, above) else { return Vec::new() };
        let Some(of) = self.graph.files.get(at as usize).filter(|_| rest.is_empty()) else {
            return Vec::new();
        };
        let found = self.imported_beside(of, at, name, depth);
        found.into_iter().filter(|thing| matches!(thing, Thing::Symbol(_))).collect()
    }

    /// Returns what a file of Rust imports under the name of a module that it declares.
    pub(super) fn imported_beside(
        &self,
        of: &'g File,
        file: u32,
        name: &str,
        depth: u8,
    ) -> Vec<Thing<'g>> {
        let imported = of.imported(name);
        imported
            .filter(|(_, place)| place.is_some())
            .flat_map(|(at, place)| self.through_import(file, at, place, depth))
            .filter(|thing| *thing != Thing::Outside)
            .collect()
    }

    /// Returns what a path means that begins with `super`: of a module within the file, its own names.
    pub(super) fn above(&self, file: u32, mention: usize, name: &str, depth: u8) -> Vec<Thing<'g>> {
        let Some(of) = self.graph.files.get(file as usize) else { return Vec::new() };
        let mut next = of.facts.unit_around(mention);
        while let Some(unit) = next.and_then(|unit| of.facts.units.get(unit as usize)) {
            if unit.kind == "module" {
                let found = self.name_in(file, None, name, depth + 1);
                if !found.is_empty() {
                    return found;
                }
            }
            next = unit.parent;
        }
        let above = ["super::", "super::super::"].iter();
        let mut found = above.map(|path| self.rust_path(file, &format!("{path}{name}"), depth + 1));
        found.find(|found| !found.is_empty()).unwrap_or_default()
    }

    /// Tells whether a symbol is a module of Rust that is written out in its file.
    pub(super) fn is_inline_module(&self, id: SymbolId) -> bool {
        self.graph.symbol(id).is_some_and(|symbol| {
            symbol.kind == "module" && self.language(symbol.file) == Some(Language::Rust)
        })
    }

    /// Returns what a module within a file has under a name: its own, and what it imports.
    pub(super) fn of_inline_module(&self, id: SymbolId, name: &str, depth: u8) -> Vec<Thing<'g>> {
        let own = self.graph.member(id, name);
        let Some(symbol) = self.graph.symbol(id).filter(|_| own.is_empty() && self.step(depth))
        else {
            return own.into_iter().map(Thing::Symbol).collect();
        };
        let Some(of) = self.graph.files.get(symbol.file as usize) else { return Vec::new() };
        let is_in = |at: usize| {
            of.facts.imports.get(at).is_some_and(|import| {
                symbol.start_line <= import.line && import.line <= symbol.end_line
            })
        };
        let imported = of.imported(name).filter(|(at, _)| is_in(*at));
        let mut found: Vec<Thing<'g>> = imported
            .flat_map(|(at, place)| self.through_import(symbol.file, at, place, depth + 1))
            .collect();
        if found.is_empty() {
            let globs = of.facts.imports.iter().enumerate();
            let globs = globs.filter(|(at, import)| import.is_wildcard && is_in(*at));
            found.extend(globs.flat_map(|(_, import)| {
                let path = format!("{}::{name}", import.from);
                self.rust_path(symbol.file, &path, depth + 1)
            }));
        }
        super::dedup(&mut found);
        found
    }

    /// Returns the members of a name that things have, once they are settled.
    fn part_of(&self, things: Vec<Thing<'g>>, name: &str, depth: u8) -> Vec<Thing<'g>> {
        let things = self.settled_all(things, depth + 1);
        self.members_of(&things, name, depth + 1)
    }

    /// Returns what the wildcard imports of a file of Rust bring in.
    fn globbed(&self, file: u32, name: &str, depth: u8) -> Vec<Thing<'g>> {
        let Some(of) = self.graph.files.get(file as usize).filter(|_| self.step(depth)) else {
            return Vec::new();
        };
        let globs = of.facts.imports.iter().enumerate().filter(|(_, import)| import.is_wildcard);
        let files = globs.filter_map(|(at, _)| self.graph.files_of_import(of, at));
        // More than one has a name only where a build takes in one of them: `#[cfg(unix)]`.
        let mut found: Vec<Thing<'g>> = files
            .flat_map(|inner| {
                let inner: Vec<u32> = inner.iter().copied().filter(|f| *f != file).collect();
                self.in_modules(&inner, "", name, depth + 1)
            })
            .collect();
        super::dedup(&mut found);
        found
    }

    /// Returns the symbols that a path with dots means at a place.
    pub(super) fn path_in(&self, file: u32, mention: Option<usize>, path: &str) -> Vec<SymbolId> {
        let nested = self.nested.get();
        if nested >= MAX_NESTED {
            return Vec::new();
        }
        self.nested.set(nested + 1);
        let things = self.things_of(file, mention, path, 0);
        self.nested.set(nested);
        let symbol = |thing| match thing {
            Thing::Symbol(id) => Some(id),
            _ => None,
        };
        things.into_iter().filter_map(symbol).collect()
    }

    pub(super) fn things_of(
        &self,
        file: u32,
        mention: Option<usize>,
        path: &str,
        depth: u8,
    ) -> Vec<Thing<'g>> {
        let path = path.replace("::", ".");
        let mut parts = path.split('.').filter(|part| !part.is_empty()).peekable();
        let Some(first) = parts.next().filter(|_| self.step(depth)) else { return Vec::new() };
        let mut things = match first {
            "self" | "this" | "cls" | "Self" => {
                if first == "self"
                    && self.language(file) == Some(Language::Rust)
                    && mention.is_none()
                {
                    return self.rust_path(file, &path.replace('.', "::"), depth + 1);
                }
                self.own_class(file, mention).map(Thing::Symbol).into_iter().collect()
            }
            "crate" | "super" if self.language(file) == Some(Language::Rust) => {
                return self.rust_path(file, &path.replace('.', "::"), depth + 1);
            }
            first => self.name_in(file, mention, first, depth + 1),
        };
        for part in parts {
            things = self.part_of(things, part, depth + 1);
        }
        things
    }

    /// Returns the class that a type's name means.
    pub(super) fn class_thing(
        &self,
        file: u32,
        mention: Option<usize>,
        path: &str,
        depth: u8,
    ) -> Thing<'g> {
        let things = self.things_of(file, mention, path, depth + 1);
        let class = things.iter().find_map(|thing| match thing {
            Thing::Symbol(id)
                if self.graph.symbol(*id).is_some_and(|symbol| is_class(&symbol.kind)) =>
            {
                Some(self.graph.owner_of(*id))
            }
            _ => None,
        });
        let class = class.or_else(|| {
            things.is_empty().then(|| self.class_named(file, None, path, None)).flatten()
        });
        class.map_or(Thing::Outside, Thing::Symbol)
    }

    /// Returns the class that a path means in a file; `except` is not meant.
    pub(in super::super) fn class_named(
        &self,
        file: u32,
        mention: Option<usize>,
        path: &str,
        except: Option<SymbolId>,
    ) -> Option<SymbolId> {
        let path = path.replace("::", ".").replace('\\', ".");
        let is_meant = |id: &SymbolId| {
            let symbol = self.graph.symbol(*id);
            Some(*id) != except && symbol.is_some_and(|symbol| is_class(&symbol.kind))
        };
        let mut rest = path.as_str();
        for _ in 0..MAX_SPACES {
            let places = self.path_in(file, mention, rest);
            if let Some(id) = places.into_iter().map(|id| self.graph.owner_of(id)).find(is_meant) {
                return Some(id);
            }
            // A namespace of C++ is open in many files: what is behind it tells.
            let behind =
                rest.split_once('.').filter(|_| self.language(file) == Some(Language::Cpp));
            let Some((_, behind)) = behind else { break };
            rest = behind;
        }
        // By the name alone, where it is one.
        let own = path.rsplit('.').next().unwrap_or(&path);
        let language = self.language(file);
        let mut named = self.graph.called(own).iter().copied().filter(is_meant).filter(|id| {
            let of = self.graph.symbol(*id).and_then(|symbol| self.language(symbol.file));
            imports::are_kin(of, language)
        });
        named.next().filter(|_| named.next().is_none())
    }
}
