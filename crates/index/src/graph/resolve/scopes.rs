//! Names by scope: locals, the class, the file, what it imports, its package.

use distiq_lang::{Language, Role, Told};

use super::super::{File, Symbol, SymbolId, Word, imports, is_class, is_function};
use super::{MAX_MEANT, Resolver, Thing, is_packaged, is_script};

/// So many definitions of a name are looked at one by one, not by the files that they may be in.
const FEW: usize = 200;

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
        let unit = mention.and_then(|mention| of.facts.unit_around(mention));
        if let Some(found) = self.in_scopes(file, unit, mention, name) {
            return found;
        }
        let leads = mention.is_some_and(|mention| of.leads_path(mention, name));
        let symbols = self.graph.top(of, name).iter().copied();
        let symbols: Vec<SymbolId> =
            symbols.filter(|id| !leads || self.has_paths(*id)).take(MAX_MEANT).collect();
        if !symbols.is_empty() {
            let mut found: Vec<Thing<'g>> = symbols.iter().map(|id| Thing::Symbol(*id)).collect();
            if symbols.iter().all(|id| self.is_inline_module(*id)) {
                found.splice(..0, self.imported_beside(of, file, name, depth + 1));
            }
            if !found.is_empty() {
                return found;
            }
        }
        let imported = of.imported(name).filter(|(at, _)| !of.is_own_export(*at));
        let found: Vec<Thing<'g>> = imported
            .flat_map(|(at, place)| self.through_import(file, at, place, depth + 1))
            .collect();
        if !found.is_empty() {
            return found;
        }
        if !of.included.is_empty() {
            let found = self.top_in(name, of.included.iter(), &|file| of.included.contains(file));
            if !found.is_empty() {
                return found;
            }
        }
        let is_done = matches!(of.language, Some(Language::C | Language::Cpp));
        for at in of.wildcards.iter().filter(|_| !is_done).map(|at| *at as usize) {
            let Some(import) = of.facts.imports.get(at) else { continue };
            let Some(files) = self.graph.files_of_import(of, at) else { continue };
            if import.is_reexport && is_script(of.language) {
                continue;
            }
            let path = self.dotted(of, &import.from);
            let classes = Some(&import.from).filter(|_| is_packaged(of.language));
            let classes = classes.and_then(|from| self.classes_behind(files, from, None));
            if let Some(classes) = classes {
                let members = classes.iter().flat_map(|class| self.graph.member(*class, name));
                let found: Vec<Thing<'g>> = members.map(Thing::Symbol).collect();
                if !found.is_empty() {
                    return found;
                }
                continue;
            }
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
            .filter(|id| of.facts.names.get(*id as usize) == Some(name));
        let id = id.or_else(|| of.facts.names.place(name))?;
        // Of locals, only a variable of types leads a path.
        let is_value = mention.is_some_and(|mention| of.leads_path(mention, name))
            && !name.starts_with(char::is_uppercase);
        let locals = |unit: Option<u32>| of.locals.get(unit, id).filter(|_| !is_value);
        let mut next = unit;
        let mut is_inner = true;
        loop {
            if let Some(found) = locals(next) {
                return self.among_locals(file, found, mention, line, name);
            }
            let at = next?;
            let found = self.in_unit(file, at, name, is_inner);
            if !found.is_empty() {
                return Some(found.into_iter().map(Thing::Symbol).collect());
            }
            let kind = of.facts.units.get(at as usize)?.kind.as_str();
            is_inner = is_inner && !is_function(kind);
            next = of.facts.units.get(at as usize)?.parent;
            if next.is_none() {
                let found = locals(None).and_then(|mut found| found.next());
                return found.map(|at| vec![Thing::Local(file, at)]);
            }
        }
    }

    /// Returns which of the locals of a name a mention in a line means, or what the name means outside of where they are bound.
    fn among_locals(
        &self,
        file: u32,
        mut locals: impl DoubleEndedIterator<Item = u32> + Clone,
        mention: Option<usize>,
        line: u32,
        name: &str,
    ) -> Option<Vec<Thing<'g>>> {
        let of = self.graph.files.get(file as usize)?;
        // A comprehension of Python names its items behind their use.
        let is_before = |at: &u32| match (of.language, mention) {
            (Some(Language::Python), _) | (_, None) => {
                of.facts.mentions.get(*at as usize).is_some_and(|at| at.line <= line)
            }
            (_, Some(mention)) => *at as usize <= mention,
        };
        let is_bound = |at: &u32| {
            let mention = mention.and_then(|mention| u32::try_from(mention).ok());
            !mention.is_some_and(|mention| self.is_within(file, *at, mention))
        };
        // What is quick to tell comes first.
        let before = locals.clone().rev().filter(is_before).find(is_bound);
        let is_own = before.is_none() && locals.clone().filter(is_before).any(|at| !is_bound(&at));
        if is_own && let Some(outer) = self.outside(file, name) {
            return Some(outer);
        }
        Some(vec![Thing::Local(file, before.or_else(|| locals.next())?)])
    }

    /// Returns what a name means in a unit around it: members of a class, what a function holds, and members of the class of a
    /// method that stands outside of it.
    fn in_unit(&self, file: u32, at: u32, name: &str, is_inner: bool) -> Vec<SymbolId> {
        let Some(of) = self.graph.files.get(file as usize) else { return Vec::new() };
        let Some(unit) = of.facts.units.get(at as usize) else { return Vec::new() };
        let (kind, symbol) = (unit.kind.as_str(), of.first + at);
        let found: Vec<SymbolId> = if !is_class(kind) {
            // Not the members of a structure without a name.
            let is_own = |id: &SymbolId| {
                !matches!(of.language, Some(Language::C | Language::Go))
                    || self.graph.symbol(*id).is_some_and(|symbol| symbol.unit.is_some())
            };
            self.graph.own_members(symbol, name).filter(is_own).take(MAX_MEANT).collect()
        } else if sees_members(of.language, is_inner) {
            self.graph.member(symbol, name)
        } else {
            Vec::new()
        };
        let is_method =
            matches!(of.language, Some(Language::Cpp | Language::Ruby)) && is_function(kind);
        if !found.is_empty() || !is_method {
            return found;
        }
        let class = unit.class.as_deref();
        let class = class.or_else(|| self.graph.symbol(symbol).and_then(fixture));
        let class = class.and_then(|class| self.class_named(file, None, class, None));
        class.map(|class| self.graph.member(class, name)).unwrap_or_default()
    }

    /// Tells whether a symbol of Rust may stand before a `::`: a module, a type, not a function or a value.
    fn has_paths(&self, id: SymbolId) -> bool {
        self.graph
            .symbol(id)
            .is_some_and(|symbol| is_class(&symbol.kind) || symbol.kind == "module")
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
        if !self.graph.top(of, name).is_empty() || of.imported(name).next().is_some() {
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
                let role = mention.and_then(|at| of.facts.mentions.get(at)).map(|at| at.role());
                // A macro is never meant by what does not call it: not by an attribute, nor by a name.
                let may_be_macro = matches!(role, None | Some(Role::Call | Role::Import));
                if found.is_empty() && may_be_macro { self.macros(name) } else { found }
            }
            Some(Language::Go) => {
                let files = self.graph.paths.folders.get(imports::folder(&of.path));
                let is_kin = |file: u32| self.language(file) == of.language;
                self.top_of(name, files.map_or(&[][..], Vec::as_slice), &is_kin)
            }
            language if is_packaged(language) => {
                let package = of.facts.package.as_ref();
                let name_of = |package: &Word| package.replace('\\', ".");
                let files = package.and_then(|p| self.graph.paths.packages.get(&name_of(p)));
                let is_kin = |file: u32| {
                    self.graph.files.get(file as usize).is_some_and(|other| {
                        other.language == of.language && other.facts.package.as_ref() == package
                    })
                };
                self.top_of(name, files.map_or(&[][..], Vec::as_slice), &is_kin)
            }
            _ => Vec::new(),
        }
    }

    /// Returns the macros of Rust that are called so: they are in scope by the order of texts, not by paths.
    pub(super) fn macros(&self, name: &str) -> Vec<Thing<'g>> {
        let named = self.graph.called(name);
        let is_macro = |id: &&SymbolId| {
            self.graph.symbol(**id).is_some_and(|symbol| {
                symbol.kind == "macro" && self.language(symbol.file) == Some(Language::Rust)
            })
        };
        named.iter().filter(is_macro).take(MAX_MEANT).map(|id| Thing::Symbol(*id)).collect()
    }

    /// Returns the symbols at the top of files of a sorted list that are called so; `is_kin` tells which of them count.
    pub(super) fn top_of(
        &self,
        name: &str,
        files: &[u32],
        is_kin: &dyn Fn(u32) -> bool,
    ) -> Vec<Thing<'g>> {
        let is_in = |file: u32| files.binary_search(&file).is_ok() && is_kin(file);
        self.top_in(name, files.iter().copied().filter(|file| is_kin(*file)), &is_in)
    }

    /// Returns the symbols at the top of some files, which come rising, that are called so. Looks at the files or at all that is
    /// called so, whatever is less.
    fn top_in(
        &self,
        name: &str,
        files: impl Iterator<Item = u32>,
        is_in: &dyn Fn(u32) -> bool,
    ) -> Vec<Thing<'g>> {
        let named = self.graph.called(name);
        let is_top = |id: &&SymbolId| {
            self.graph.symbol(**id).is_some_and(|symbol| {
                let file = self.graph.files.get(symbol.file as usize);
                file.is_some_and(|file| self.graph.is_top(file, symbol))
            })
        };
        if named.len() > FEW {
            let files = files.filter_map(|file| self.graph.files.get(file as usize));
            let found = files.flat_map(|file| self.graph.called_in(file, name)).filter(is_top);
            return found.take(MAX_MEANT).map(|id| Thing::Symbol(*id)).collect();
        }
        let is_in = |id: &&SymbolId| self.graph.symbol(**id).is_some_and(|s| is_in(s.file));
        let found = named.iter().filter(is_in).filter(is_top);
        found.take(MAX_MEANT).map(|id| Thing::Symbol(*id)).collect()
    }
}

impl File {
    /// Tells whether a mention of a name in Rust stands before a `::`, where no variable and no function is meant.
    pub(crate) fn leads_path(&self, mention: usize, name: &str) -> bool {
        self.language == Some(Language::Rust)
            && self.facts.mentions.get(mention + 1).is_some_and(|next| next.is_in_path)
            && self.name(mention) == Some(name)
    }
}

/// Returns the class whose members a function of C++ sees that a macro makes: `TEST_F(Fixture, name) {}`.
fn fixture(symbol: &Symbol) -> Option<&str> {
    let is_macro = !symbol.name.contains(char::is_lowercase);
    let takes = symbol.signature.strip_prefix(symbol.name.as_str()).filter(|_| is_macro)?;
    let (class, _) = takes.strip_prefix('(')?.split_once(',')?;
    Some(class.trim())
}

/// Tells whether a class's names are in scope in its body; `is_inner` tells that no function of it is around.
fn sees_members(language: Option<Language>, is_inner: bool) -> bool {
    match language {
        Some(Language::Rust | Language::Go | Language::C) => false,
        Some(Language::Python | Language::Php | Language::Lua) => is_inner,
        language => is_inner || !is_script(language),
    }
}
