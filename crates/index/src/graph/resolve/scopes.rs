//! Names by scope: locals, the class, the file, what it imports, its package.

use distiq_lang::{Language, Role, Told};

use super::super::{File, SymbolId, imports, is_class, is_function};
use super::{Resolver, Thing, is_packaged, is_script};
use crate::segment::Mention;

impl<'g> Resolver<'g> {
    /// Returns what a bare name means at a mention, or at the top of the file.
    pub(super) fn name_in(
        &self,
        file: u32,
        mention: Option<usize>,
        name: &str,
        depth: u8,
    ) -> Vec<Thing<'g>> {
        let Some(of) = self.graph.files.get(file as usize).filter(|_| self.step(depth)) else {
            return Vec::new();
        };
        let unit = mention.and_then(|mention| of.units.get(mention).copied().flatten());
        if let Some(found) = self.in_scopes(file, unit, mention, name) {
            return found;
        }
        if let Some(symbols) = of.top.get(name) {
            let mut found: Vec<Thing<'g>> = symbols.iter().map(|id| Thing::Symbol(*id)).collect();
            if symbols.iter().all(|id| self.is_inline_module(*id)) {
                found.splice(..0, self.imported_beside(of, file, name, depth + 1));
            }
            return found;
        }
        if let Some(imported) = of.imported.get(name) {
            let found: Vec<Thing<'g>> = imported
                .iter()
                .filter(|(at, _)| !of.is_own_export(*at))
                .flat_map(|(at, place)| self.through_import(file, *at, *place, depth + 1))
                .collect();
            if !found.is_empty() {
                return found;
            }
        }
        if !of.included.is_empty() {
            let found = self.top_in(name, &|file| of.included.contains(&file));
            if !found.is_empty() {
                return found;
            }
        }
        for (at, import) in of.facts.imports.iter().enumerate() {
            let is_done = matches!(of.language, Some(Language::C | Language::Cpp));
            let files = of.imports.get(at).filter(|_| import.is_wildcard && !is_done);
            let Some(files) = files else { continue };
            if import.is_reexport && is_script(of.language) {
                continue;
            }
            let path = match of.language {
                Some(Language::Python) => {
                    self.graph.paths.python_name(&of.path, &import.from).unwrap_or_default()
                }
                _ => String::new(),
            };
            let mut found = self.in_modules(files, &path, name, depth + 1);
            if found.is_empty() && of.language == Some(Language::Rust) {
                // All variants of an enumeration.
                found = self.rust_path(file, &format!("{}::{name}", import.from), depth + 1);
            }
            if !found.is_empty() {
                return found;
            }
        }
        self.in_package(of, file, mention, name, depth)
    }

    /// Returns what the scopes around a mention say: locals, members of functions and of classes.
    fn in_scopes(
        &self,
        file: u32,
        unit: Option<u32>,
        mention: Option<usize>,
        name: &str,
    ) -> Option<Vec<Thing<'g>>> {
        let of = self.graph.files.get(file as usize)?;
        let line = mention.and_then(|m| of.facts.mentions.get(m)).map_or(0, |m| m.line);
        let id = mention
            .and_then(|m| of.facts.mentions.get(m))
            .map(|m| m.name)
            .filter(|id| of.facts.names.get(*id as usize).is_some_and(|own| own == name));
        let id = id.or_else(|| of.ids.get(name).copied())?;
        let mut next = unit;
        let mut is_inner = true;
        loop {
            if let Some(found) = of.locals.get(&(next, id)) {
                // A comprehension of Python names its items behind their use.
                let is_before = |at: &&u32| match (of.language, mention) {
                    (Some(Language::Python), _) | (_, None) => {
                        of.facts.mentions.get(**at as usize).is_some_and(|at| at.line <= line)
                    }
                    (_, Some(mention)) => **at as usize <= mention,
                };
                let is_bound = |at: &&u32| {
                    let mention = mention.and_then(|mention| u32::try_from(mention).ok());
                    !mention.is_some_and(|mention| self.is_within(file, **at, mention))
                };
                // What is quick to tell comes first.
                let before = found.iter().rev().filter(is_before).find(is_bound);
                let is_own =
                    before.is_none() && found.iter().filter(is_before).any(|at| !is_bound(&at));
                if is_own && let Some(outer) = self.outside(file, name) {
                    return Some(outer);
                }
                return Some(vec![Thing::Local(file, *before.or_else(|| found.first())?)]);
            }
            let at = next?;
            let kind = of.facts.units.get(at as usize)?.kind.as_str();
            let symbol = of.first + at;
            if is_class(kind) {
                let found = match sees_members(of.language, is_inner) {
                    true => self.graph.member(symbol, name),
                    false => Vec::new(),
                };
                if !found.is_empty() {
                    return Some(found.into_iter().map(Thing::Symbol).collect());
                }
            } else if let Some(found) = self.graph.members.get(&symbol).and_then(|m| m.get(name)) {
                // Not the members of a structure without a name.
                let is_own = |id: &&SymbolId| {
                    !matches!(of.language, Some(Language::C | Language::Go))
                        || self.graph.symbol(**id).is_some_and(|symbol| symbol.unit.is_some())
                };
                let found: Vec<Thing<'g>> =
                    found.iter().filter(is_own).map(|id| Thing::Symbol(*id)).collect();
                if !found.is_empty() {
                    return Some(found);
                }
            }
            if matches!(of.language, Some(Language::Cpp | Language::Ruby)) && is_function(kind) {
                // A method that stands outside of its class.
                let class = of.facts.units.get(at as usize).and_then(|unit| unit.class.clone());
                let class = class.and_then(|class| {
                    self.class_named(self.graph.symbol(symbol)?.file, None, &class, None)
                });
                let found = class.map(|class| self.graph.member(class, name)).unwrap_or_default();
                if !found.is_empty() {
                    return Some(found.into_iter().map(Thing::Symbol).collect());
                }
            }
            is_inner = is_inner && !is_function(kind);
            next = of.facts.units.get(at as usize)?.parent;
            if next.is_none() {
                let found = of.locals.get(&(None, id));
                return found
                    .and_then(|found| found.first())
                    .map(|at| vec![Thing::Local(file, *at)]);
            }
        }
    }

    /// Tells whether a mention stands in the value that a local of Rust or Go is given: the local is not in scope
    /// there, `let x = x.f()`.
    fn is_within(&self, file: u32, local: u32, mention: u32) -> bool {
        let is_shadowed = matches!(self.language(file), Some(Language::Rust | Language::Go));
        let last = self.hint(file, local).filter(|_| is_shadowed).and_then(Told::last_name);
        local < mention && last.is_some_and(|last| mention <= last)
    }

    /// Returns what a name means at the top of a file and by its imports.
    fn outside(&self, file: u32, name: &str) -> Option<Vec<Thing<'g>>> {
        let of = self.graph.files.get(file as usize)?;
        if of.top.contains_key(name) || of.imported.contains_key(name) {
            return Some(self.name_in(file, None, name, 1));
        }
        None
    }

    /// Returns what a name means without an import: the package's, the modules' beside.
    fn in_package(
        &self,
        of: &File,
        file: u32,
        mention: Option<usize>,
        name: &str,
        depth: u8,
    ) -> Vec<Thing<'g>> {
        match of.language {
            Some(Language::Rust) => {
                let found = self.rust_path(file, name, depth + 1);
                let role = mention.and_then(|at| of.facts.mentions.get(at)).map(Mention::role);
                // A macro is never meant by what does not call it: not by an attribute, nor by a name.
                let may_be_macro = matches!(role, None | Some(Role::Call | Role::Import));
                if found.is_empty() && may_be_macro { self.macros(name) } else { found }
            }
            Some(Language::Go) => {
                let here = imports::folder(&of.path);
                self.top_in(name, &|other| {
                    self.graph.files.get(other as usize).is_some_and(|other| {
                        other.language == of.language && imports::folder(&other.path) == here
                    })
                })
            }
            language if is_packaged(language) && of.facts.package.is_some() => {
                self.top_in(name, &|other| {
                    self.graph.files.get(other as usize).is_some_and(|other| {
                        other.language == of.language && other.facts.package == of.facts.package
                    })
                })
            }
            _ => Vec::new(),
        }
    }

    /// Returns the macros of Rust that are called so: they are in scope by the order of texts, not by paths.
    pub(super) fn macros(&self, name: &str) -> Vec<Thing<'g>> {
        let named = self.graph.by_name.get(name).map_or(&[][..], Vec::as_slice);
        let is_macro = |id: &&SymbolId| {
            self.graph.symbol(**id).is_some_and(|symbol| {
                symbol.kind == "macro" && self.language(symbol.file) == Some(Language::Rust)
            })
        };
        named.iter().filter(is_macro).map(|id| Thing::Symbol(*id)).collect()
    }

    /// Returns the symbols at the top of some files that are called so.
    pub(super) fn top_in(&self, name: &str, is_in: &dyn Fn(u32) -> bool) -> Vec<Thing<'g>> {
        let named = self.graph.by_name.get(name).map_or(&[][..], Vec::as_slice);
        let is_top = |id: &&SymbolId| {
            self.graph.symbol(**id).is_some_and(|symbol| {
                let file = self.graph.files.get(symbol.file as usize);
                is_in(symbol.file) && file.is_some_and(|file| self.graph.is_top(file, symbol))
            })
        };
        named.iter().filter(is_top).map(|id| Thing::Symbol(*id)).collect()
    }
}

/// Tells whether a class's names are in scope in its body; `is_inner` tells that no function of it is around.
fn sees_members(language: Option<Language>, is_inner: bool) -> bool {
    match language {
        Some(Language::Rust | Language::Go | Language::C) => false,
        Some(Language::Python | Language::Php | Language::Lua) => is_inner,
        language => is_inner || !is_script(language),
    }
}
