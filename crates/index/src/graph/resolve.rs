//! Whom a name means.

use std::cell::Cell;

use distiq_lang::{Language, Role};

use super::{File, Graph, Owner, SymbolId, Told, hints, imports, is_class, is_function, offset};

/// How far one question leads to others: a value of a value, an export of an export.
const MAX_DEPTH: u8 = 24;
/// How far a type's path leads to other types' paths.
const MAX_NESTED: u8 = 3;
/// How many modules one question may look into: imports may lead in circles.
const MAX_LOOKS: u32 = 400;

thread_local! {
    /// How many modules the question under way may still look into.
    static LOOKS: Cell<u32> = const { Cell::new(MAX_LOOKS) };
    /// How many paths are being resolved within each other.
    static NESTED: Cell<u8> = const { Cell::new(0) };
}

/// What a mention means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// A symbol.
    Symbol(SymbolId),
    /// A local variable or parameter: its file and the 1-based line that defines it.
    Local(u32, u32),
    /// A file: a module as a whole.
    File(u32),
}

/// What a name stands for.
#[derive(Clone, Debug, PartialEq)]
enum Thing {
    Symbol(SymbolId),
    /// A local, by the mention that defines it.
    Local(u32),
    /// A module: its files, and its dotted path in Python, or Rust's.
    Module(Vec<u32>, String),
    /// Something that the project does not hold.
    Outside,
}

impl Graph {
    /// Returns what a mention of a file means, the likeliest first, with weights that say how sure that is.
    pub(crate) fn resolve(&self, file: u32, mention: usize) -> Vec<(Target, f32)> {
        LOOKS.set(MAX_LOOKS);
        let Some(of) = self.files.get(file as usize) else { return Vec::new() };
        let Some(found) = of.facts.mentions.get(mention) else { return Vec::new() };
        let name = of.name(mention).unwrap_or("");
        let things = match found.role() {
            Role::Definition => return self.defined(file, mention),
            Role::Import => self.imported_name(file, mention, name),
            Role::Key => return Vec::new(),
            _ if found.is_joined || found.owner != Owner::None => {
                let things = self.member_of_owner(file, mention, 0);
                match things {
                    Some(things) => things,
                    None => return self.by_member_name(of, name),
                }
            }
            _ => self.name_in(file, Some(mention), name, 0),
        };
        let targets: Vec<Target> =
            things.into_iter().filter_map(|t| self.target(file, t)).collect();
        if targets.is_empty() && !(found.is_joined || found.owner != Owner::None) {
            return self.by_name_alone(of, name);
        }
        #[allow(clippy::cast_precision_loss)]
        let weight = 1.0 / targets.len().max(1) as f32;
        targets.into_iter().map(|target| (target, weight)).collect()
    }

    fn target(&self, file: u32, thing: Thing) -> Option<Target> {
        match thing {
            Thing::Symbol(id) => Some(Target::Symbol(id)),
            Thing::Local(mention) => {
                let mention =
                    self.files.get(file as usize)?.facts.mentions.get(mention as usize)?;
                Some(Target::Local(file, mention.line))
            }
            Thing::Module(files, _) => files.first().map(|file| Target::File(*file)),
            Thing::Outside => None,
        }
    }

    fn defined(&self, file: u32, mention: usize) -> Vec<(Target, f32)> {
        let Some(of) = self.files.get(file as usize) else { return Vec::new() };
        let name = of.name(mention).unwrap_or("");
        let at = offset(mention);
        let unit =
            of.names.iter().find(|(_, names)| **names == at).map(|(unit, _)| of.first + unit);
        let own = unit.or_else(|| {
            // A later definition of a field is the same symbol.
            let owner = of.class_around(
                of.units.get(mention).copied().flatten(),
                of.facts.mentions.get(mention)?.owner,
            );
            let parent = owner.map(|owner| of.first + owner);
            let is_own = |id: &SymbolId| {
                self.symbol(*id).is_some_and(|s| s.file == file && s.parent == parent)
            };
            self.by_name.get(name)?.iter().copied().find(is_own)
        });
        own.map(|id| (Target::Symbol(id), 1.0)).into_iter().collect()
    }

    /// Returns what an import's name means.
    fn imported_name(&self, file: u32, mention: usize, name: &str) -> Vec<Thing> {
        let Some(of) = self.files.get(file as usize) else { return Vec::new() };
        let line = of.facts.mentions.get(mention).map_or(0, |mention| mention.line);
        let meant = of.facts.imports.iter().enumerate().filter(|(_, import)| import.line <= line);
        for (at, import) in meant.rev().take(64) {
            let place = import
                .names
                .iter()
                .position(|(own, alias)| own == name || alias.as_deref() == Some(name));
            if let Some(place) = place {
                return self.through_import(file, at, Some(place), 0);
            }
            if import.alias.as_deref() == Some(name) || import.from.ends_with(name) {
                return self.through_import(file, at, None, 0);
            }
        }
        Vec::new()
    }

    /// Returns what an import binds: a name of its module, or the module.
    fn through_import(&self, file: u32, at: usize, place: Option<usize>, depth: u8) -> Vec<Thing> {
        let Some(of) = self.files.get(file as usize).filter(|_| depth < MAX_DEPTH) else {
            return Vec::new();
        };
        let Some(import) = of.facts.imports.get(at) else { return Vec::new() };
        let files = of.imports.get(at).cloned().unwrap_or_default();
        let path = match of.language {
            Some(Language::Python) => {
                self.paths.python_name(&of.path, &import.from).unwrap_or_default()
            }
            _ => import.from.clone(),
        };
        let Some(name) = place.and_then(|place| import.names.get(place)).map(|(name, _)| name)
        else {
            // Python's `import a.b` binds `a`.
            let is_whole = import.names.is_empty() && import.alias.is_none();
            if of.language == Some(Language::Python) && is_whole {
                let first = import.from.split('.').next().unwrap_or("").to_owned();
                let files = self.paths.python_files(&of.path, &first);
                return vec![Thing::Module(files, first)];
            }
            let module = Thing::Module(files.clone(), path);
            return if files.is_empty() { vec![Thing::Outside] } else { vec![module] };
        };
        if import.from.is_empty() && is_script(of.language) {
            return self.name_in(file, None, name, depth + 1);
        }
        if of.language == Some(Language::Rust) {
            let found = self.rust_path(file, &format!("{}::{name}", import.from), depth + 1);
            return if found.is_empty() { vec![Thing::Outside] } else { found };
        }
        let found = self.in_modules(&files, &path, name, depth + 1);
        if !found.is_empty() {
            return found;
        }
        // A package of classes: `import a.b.C`, `import static a.b.C.f`.
        let class = import.from.rsplit(['.', '\\']).next().unwrap_or("");
        let inner = self.in_modules(&files, "", class, depth + 1);
        let found: Vec<Thing> = inner
            .iter()
            .filter_map(|thing| match thing {
                Thing::Symbol(id) => Some(self.member(*id, name)),
                _ => None,
            })
            .flatten()
            .map(Thing::Symbol)
            .collect();
        if found.is_empty() { vec![Thing::Outside] } else { found }
    }

    /// Returns what a module's files export under a name.
    fn in_modules(&self, files: &[u32], path: &str, name: &str, depth: u8) -> Vec<Thing> {
        let looks = LOOKS.get();
        if depth >= MAX_DEPTH || looks == 0 {
            return Vec::new();
        }
        LOOKS.set(looks - 1);
        let first = files.first().and_then(|file| self.language(*file));
        if is_packaged(first) {
            // What a file imports is not the package's.
            return self.top_in(name, &|file| files.contains(&file));
        }
        let mut found = Vec::new();
        for number in files {
            let Some(file) = self.files.get(*number as usize) else { continue };
            if let Some(symbols) = file.top.get(name) {
                found.extend(symbols.iter().map(|id| Thing::Symbol(*id)));
                continue;
            }
            if name == "default" {
                found.extend(self.default_of(file).map(Thing::Symbol));
            }
            for (at, place) in file.imported.get(name).into_iter().flatten() {
                found.extend(self.through_import(*number, *at, *place, depth + 1));
            }
        }
        if found.iter().any(|thing| *thing != Thing::Outside) {
            found.retain(|thing| *thing != Thing::Outside);
            return found;
        }
        if files.iter().any(|file| self.language(*file) == Some(Language::Python))
            || files.is_empty()
        {
            let child = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            let at = files.first().and_then(|file| self.files.get(*file as usize));
            let inner = self.paths.python_files(at.map_or("", |file| &file.path), &child);
            if !inner.is_empty() {
                return vec![Thing::Module(inner, child)];
            }
        }
        for number in files {
            let Some(file) = self.files.get(*number as usize) else { continue };
            for (at, import) in file.facts.imports.iter().enumerate() {
                let passes = import.is_wildcard
                    && (import.is_reexport
                        || matches!(
                            file.language,
                            Some(Language::Python | Language::Cpp | Language::C)
                        ));
                let inner = file.imports.get(at).filter(|inner| passes && !inner.contains(number));
                if let Some(inner) = inner {
                    let from = match file.language {
                        Some(Language::Python) => {
                            self.paths.python_name(&file.path, &import.from).unwrap_or_default()
                        }
                        _ => String::new(),
                    };
                    let found = self.in_modules(inner, &from, name, depth + 1);
                    if !found.is_empty() {
                        return found;
                    }
                }
            }
        }
        Vec::new()
    }

    fn language(&self, file: u32) -> Option<Language> {
        self.files.get(file as usize)?.language
    }

    /// Returns what a file of JavaScript exports as its default.
    fn default_of(&self, file: &File) -> Option<SymbolId> {
        let last = offset(file.facts.units.len());
        (file.first..file.first + last).find(|id| {
            self.symbol(*id).is_some_and(|symbol| {
                symbol.parent.is_none() && symbol.signature.starts_with("export default")
            })
        })
    }

    /// Returns what a bare name means at a mention, or at the top of the file.
    fn name_in(&self, file: u32, mention: Option<usize>, name: &str, depth: u8) -> Vec<Thing> {
        let Some(of) = self.files.get(file as usize).filter(|_| depth < MAX_DEPTH) else {
            return Vec::new();
        };
        let unit = mention.and_then(|mention| of.units.get(mention).copied().flatten());
        if let Some(found) = self.in_scopes(of, unit, mention, name) {
            return found;
        }
        if let Some(symbols) = of.top.get(name) {
            return symbols.iter().map(|id| Thing::Symbol(*id)).collect();
        }
        if let Some(imported) = of.imported.get(name) {
            let found: Vec<Thing> = imported
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
                    self.paths.python_name(&of.path, &import.from).unwrap_or_default()
                }
                _ => String::new(),
            };
            let found = self.in_modules(files, &path, name, depth + 1);
            if !found.is_empty() {
                return found;
            }
        }
        self.in_package(of, file, name, depth)
    }

    /// Returns what the scopes around a mention say: locals, members of functions and of classes.
    fn in_scopes(
        &self,
        of: &File,
        unit: Option<u32>,
        mention: Option<usize>,
        name: &str,
    ) -> Option<Vec<Thing>> {
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
                let before = found.iter().rev().find(|at| {
                    of.facts.mentions.get(**at as usize).is_some_and(|at| at.line <= line)
                });
                return Some(vec![Thing::Local(*before.or_else(|| found.first())?)]);
            }
            let at = next?;
            let kind = of.facts.units.get(at as usize)?.kind.as_str();
            let symbol = of.first + at;
            if is_class(kind) {
                // A class's names are in scope in its body, in some languages in its methods too.
                let seen = is_inner
                    || !matches!(
                        of.language,
                        Some(
                            Language::Python
                                | Language::Rust
                                | Language::Go
                                | Language::Php
                                | Language::Lua
                        )
                    ) && !is_script(of.language);
                let found = if seen { self.member(symbol, name) } else { Vec::new() };
                if !found.is_empty() {
                    return Some(found.into_iter().map(Thing::Symbol).collect());
                }
            } else if let Some(found) = self.members.get(&symbol).and_then(|m| m.get(name)) {
                return Some(found.iter().map(|id| Thing::Symbol(*id)).collect());
            }
            if matches!(of.language, Some(Language::Cpp | Language::Ruby)) && is_function(kind) {
                // A method that stands outside of its class.
                let class = of.facts.units.get(at as usize).and_then(|unit| unit.class.clone());
                let class = class
                    .and_then(|class| self.class_named(self.symbol(symbol)?.file, &class, None));
                let found = class.map(|class| self.member(class, name)).unwrap_or_default();
                if !found.is_empty() {
                    return Some(found.into_iter().map(Thing::Symbol).collect());
                }
            }
            is_inner = is_inner && !is_function(kind);
            next = of.facts.units.get(at as usize)?.parent;
            if next.is_none() {
                let found = of.locals.get(&(None, id));
                return found.and_then(|found| found.first()).map(|at| vec![Thing::Local(*at)]);
            }
        }
    }

    /// Returns what a name means without an import: the package's, the modules' beside.
    fn in_package(&self, of: &File, file: u32, name: &str, depth: u8) -> Vec<Thing> {
        match of.language {
            Some(Language::Rust) => self.rust_path(file, name, depth + 1),
            Some(Language::Go) => {
                let here = imports::folder(&of.path);
                self.top_in(name, &|other| {
                    self.files.get(other as usize).is_some_and(|other| {
                        other.language == of.language && imports::folder(&other.path) == here
                    })
                })
            }
            language if is_packaged(language) && of.facts.package.is_some() => {
                self.top_in(name, &|other| {
                    self.files.get(other as usize).is_some_and(|other| {
                        other.language == of.language && other.facts.package == of.facts.package
                    })
                })
            }
            _ => Vec::new(),
        }
    }

    /// Returns the symbols at the top of some files that are called so.
    fn top_in(&self, name: &str, is_in: &dyn Fn(u32) -> bool) -> Vec<Thing> {
        let named = self.by_name.get(name).map_or(&[][..], Vec::as_slice);
        let is_top = |id: &&SymbolId| {
            self.symbol(**id).is_some_and(|symbol| {
                symbol.parent.is_none_or(|parent| self.is_module(parent)) && is_in(symbol.file)
            })
        };
        named.iter().filter(is_top).map(|id| Thing::Symbol(*id)).collect()
    }

    /// Returns what a path of Rust means in a file.
    fn rust_path(&self, file: u32, path: &str, depth: u8) -> Vec<Thing> {
        if depth >= MAX_DEPTH {
            return Vec::new();
        }
        if let Some((at, rest)) = self.paths.rust.walk(file, path) {
            let Some((first, rest)) = rest.split_first() else {
                return vec![Thing::Module(vec![at], path.to_owned())];
            };
            let mut things = self.in_modules(&[at], "", first, depth + 1);
            if things.is_empty() {
                things = self.globbed(at, first, depth + 1);
            }
            return rest
                .iter()
                .fold(things, |things, part| self.members_of(&things, file, part, depth));
        }
        let Some((first, rest)) = path.split_once("::") else { return Vec::new() };
        let things = self.name_in(file, None, first, depth + 1);
        rest.split("::").fold(things, |things, part| self.members_of(&things, file, part, depth))
    }

    /// Returns what the wildcard imports of a file of Rust bring in.
    fn globbed(&self, file: u32, name: &str, depth: u8) -> Vec<Thing> {
        let Some(of) = self.files.get(file as usize).filter(|_| depth < MAX_DEPTH) else {
            return Vec::new();
        };
        let globs = of.facts.imports.iter().enumerate().filter(|(_, import)| import.is_wildcard);
        let mut files = globs.filter_map(|(at, _)| of.imports.get(at));
        files
            .find_map(|inner| {
                let inner: Vec<u32> = inner.iter().copied().filter(|f| *f != file).collect();
                let found = self.in_modules(&inner, "", name, depth + 1);
                (!found.is_empty()).then_some(found)
            })
            .unwrap_or_default()
    }

    /// Returns the symbols that a path with dots means at a place.
    pub(super) fn path_in(&self, file: u32, mention: Option<usize>, path: &str) -> Vec<SymbolId> {
        let nested = NESTED.get();
        if nested >= MAX_NESTED {
            return Vec::new();
        }
        NESTED.set(nested + 1);
        let things = self.things_of(file, mention, path, 0);
        NESTED.set(nested);
        let symbol = |thing| match thing {
            Thing::Symbol(id) => Some(id),
            _ => None,
        };
        things.into_iter().filter_map(symbol).collect()
    }

    fn things_of(&self, file: u32, mention: Option<usize>, path: &str, depth: u8) -> Vec<Thing> {
        let path = path.replace("::", ".");
        let mut parts = path.split('.').filter(|part| !part.is_empty()).peekable();
        let Some(first) = parts.next().filter(|_| depth < MAX_DEPTH) else { return Vec::new() };
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
            things = self.members_of(&things, file, part, depth + 1);
        }
        things
    }

    /// Returns the members of a name that things have.
    fn members_of(&self, things: &[Thing], file: u32, name: &str, depth: u8) -> Vec<Thing> {
        let mut found = Vec::new();
        for thing in things {
            match thing {
                Thing::Module(files, path) => {
                    found.extend(self.in_modules(files, path, name, depth + 1));
                    if self.language(file) == Some(Language::Rust) && found.is_empty() {
                        for at in files {
                            found.extend(self.rust_path(*at, &format!("self::{name}"), depth + 1));
                        }
                    }
                }
                Thing::Outside => found.push(Thing::Outside),
                thing => match self.value_class(file, thing, depth + 1) {
                    Some(Thing::Symbol(class)) => {
                        found.extend(self.member(class, name).into_iter().map(Thing::Symbol));
                    }
                    Some(other) if other != *thing => {
                        found.extend(self.members_of(&[other], file, name, depth + 1));
                    }
                    _ => {}
                },
            }
        }
        found
    }

    /// Returns the class around a mention.
    fn own_class(&self, file: u32, mention: Option<usize>) -> Option<SymbolId> {
        let of = self.files.get(file as usize)?;
        let mut next = of.units.get(mention?).copied().flatten();
        loop {
            let at = next?;
            let unit = of.facts.units.get(at as usize)?;
            if is_class(&unit.kind) {
                return Some(self.owner_of(of.first + at));
            }
            if let Some(class) = &unit.class {
                return self.class_named(file, class, None);
            }
            next = unit.parent;
        }
    }

    /// Returns the class whose members a thing's value has; [`Thing::Outside`] where the project has no such.
    fn value_class(&self, file: u32, thing: &Thing, depth: u8) -> Option<Thing> {
        if depth >= MAX_DEPTH {
            return None;
        }
        match thing {
            Thing::Symbol(id) => {
                let symbol = self.symbol(*id)?;
                if is_class(&symbol.kind) && !matches!(symbol.kind.as_str(), "table") {
                    return Some(Thing::Symbol(self.owner_of(*id)));
                }
                if self.is_module(*id) {
                    return Some(Thing::Symbol(*id));
                }
                let told = symbol.mention.and_then(|m| self.told_class(symbol.file, m, depth + 1));
                if told.is_some() {
                    return told;
                }
                // A property that is written as a function, and an object that holds functions.
                let is_property = is_function(&symbol.kind);
                let returned = is_property.then(|| self.returned(*id, depth + 1)).flatten();
                returned.or_else(|| self.members.contains_key(id).then_some(Thing::Symbol(*id)))
            }
            Thing::Local(mention) => self.told_class(file, *mention, depth + 1),
            other => Some(other.clone()),
        }
    }

    /// Returns the class that a function's head says it returns.
    fn returned(&self, id: SymbolId, depth: u8) -> Option<Thing> {
        let symbol = self.symbol(id).filter(|_| depth < MAX_DEPTH)?;
        let of = hints::return_type(&symbol.signature, &symbol.name)?;
        let class = symbol
            .parent
            .filter(|parent| self.symbol(*parent).is_some_and(|parent| is_class(&parent.kind)));
        if matches!(of.rsplit('.').next(), Some("Self" | "self" | "this")) {
            return class.map(|class| Thing::Symbol(self.owner_of(class)));
        }
        Some(self.class_thing(symbol.file, symbol.mention.map(|m| m as usize), &of, depth + 1))
    }

    /// Returns the class that a type's name means.
    fn class_thing(&self, file: u32, mention: Option<usize>, path: &str, depth: u8) -> Thing {
        let things = self.things_of(file, mention, path, depth + 1);
        let class = things.iter().find_map(|thing| match thing {
            Thing::Symbol(id) if self.symbol(*id).is_some_and(|symbol| is_class(&symbol.kind)) => {
                Some(self.owner_of(*id))
            }
            _ => None,
        });
        let class = class
            .or_else(|| things.is_empty().then(|| self.class_named(file, path, None)).flatten());
        class.map_or(Thing::Outside, Thing::Symbol)
    }

    /// Returns the class that the text next to a definition tells.
    fn told_class(&self, file: u32, mention: u32, depth: u8) -> Option<Thing> {
        let of = self.files.get(file as usize).filter(|_| depth < MAX_DEPTH)?;
        let hint = of.facts.hints.get(*of.hints.get(&mention)?)?;
        let at = Some(mention as usize);
        match &hint.of {
            Told::Type(path) => Some(self.class_thing(file, at, path, depth + 1)),
            Told::Call(path) => {
                let things = self.things_of(file, at, path, depth + 1);
                let first = things.first()?;
                let Thing::Symbol(id) = first else {
                    return (*first == Thing::Outside).then_some(Thing::Outside);
                };
                let symbol = self.symbol(*id)?;
                if is_class(&symbol.kind) {
                    return Some(Thing::Symbol(self.owner_of(*id)));
                }
                if symbol.kind == "constructor" {
                    return symbol.parent.map(Thing::Symbol);
                }
                self.returned(*id, depth + 1)
            }
            Told::Value(path) => {
                let things = self.things_of(file, at, path, depth + 1);
                things
                    .iter()
                    .filter(|thing| **thing != Thing::Local(mention))
                    .find_map(|thing| self.value_class(file, thing, depth + 1))
            }
        }
    }

    /// Returns the members that a mention behind a dot means; `None` where nothing tells whose they are.
    fn member_of_owner(&self, file: u32, mention: usize, depth: u8) -> Option<Vec<Thing>> {
        let of = self.files.get(file as usize).filter(|_| depth < MAX_DEPTH)?;
        let found = of.facts.mentions.get(mention)?;
        let name = of.name(mention)?;
        match found.owner {
            Owner::Own | Owner::Super => {
                let class = self.own_class(file, Some(mention))?;
                let members = match found.owner {
                    Owner::Super => self.inherited(class, name),
                    _ => self.member(class, name),
                };
                let has_bases = self.symbol(class).is_some();
                if members.is_empty() && has_bases {
                    return None;
                }
                return Some(members.into_iter().map(Thing::Symbol).collect());
            }
            Owner::Value => {
                // What the value's text tells stands at the member.
                let class = self.told_class(file, offset(mention), depth + 1)?;
                return Some(self.members_of(&[class], file, name, depth + 1));
            }
            Owner::None => {}
        }
        let before = mention.checked_sub(1).filter(|_| found.is_joined)?;
        let last = of.facts.mentions.get(before)?;
        let things = if last.is_joined || last.owner != Owner::None {
            self.member_of_owner(file, before, depth + 1)?
        } else if last.role() == Role::Import {
            return None;
        } else {
            self.name_in(file, Some(before), of.name(before)?, depth)
        };
        if things.is_empty() {
            return None;
        }
        if things.iter().all(|thing| *thing == Thing::Outside) {
            return Some(Vec::new());
        }
        let members = self.members_of(&things, file, name, depth);
        let known = things.iter().any(|thing| {
            !matches!(thing, Thing::Local(_)) && self.value_class(file, thing, depth).is_some()
                || self.value_class(file, thing, depth).is_some()
        });
        if members.is_empty() && !known {
            return None;
        }
        Some(members)
    }
}

impl File {
    /// Tells whether an import is an export of the file's own name.
    fn is_own_export(&self, import: usize) -> bool {
        self.facts.imports.get(import).is_some_and(|import| {
            import.from.is_empty() || import.is_reexport && is_script(self.language)
        })
    }
}

fn is_script(language: Option<Language>) -> bool {
    matches!(language, Some(Language::JavaScript | Language::TypeScript | Language::Tsx))
}

/// Languages whose files share the names of a package, and pass on none that they import.
fn is_packaged(language: Option<Language>) -> bool {
    matches!(
        language,
        Some(
            Language::Java
                | Language::Kotlin
                | Language::Scala
                | Language::CSharp
                | Language::Php
                | Language::Go
        )
    )
}
