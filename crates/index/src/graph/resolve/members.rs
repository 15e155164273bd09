//! Members: whose a name behind a dot is.

use distiq_lang::{Language, Role, Told};

use super::super::library::{PRELUDE, passes_through};
use super::super::{File, Owner, SymbolId, is_class, is_function, offset};
use super::{Resolver, Spot, Thing, is_script};

/// Tells whether a name that nothing in a file of Rust tells of, before a `::`, is of another crate: a crate's own name,
/// or what the standard library brings into every file. A type may be made by a macro.
fn is_of_others(name: &str) -> bool {
    !name.starts_with(char::is_uppercase) || PRELUDE.binary_search(&name).is_ok()
}

/// Tells whether all types of a file's language are written or known: a member that a type of the project lacks is another's.
fn is_typed(of: &File) -> bool {
    matches!(of.language, Some(Language::Go | Language::Java))
}

impl<'g> Resolver<'g> {
    /// Returns the members that a mention behind a dot means; `None` where nothing tells whose they are.
    pub(super) fn member_of_owner(
        &self,
        file: u32,
        mention: usize,
        depth: u8,
    ) -> Option<Vec<Thing<'g>>> {
        let of = self.graph.files.get(file as usize).filter(|_| self.step(depth))?;
        let found = of.facts.mentions.get(mention)?;
        let name = of.name(mention)?;
        let role = found.role();
        let owner = match self.is_plain_owner(of, mention) {
            true => Owner::None,
            false => found.owner,
        };
        match owner {
            Owner::Super if of.language == Some(Language::Rust) => {
                return Some(self.above(file, mention, name, depth + 1));
            }
            Owner::Root => {
                let found = self.rust_path(file, &format!("crate::{name}"), depth + 1);
                return Some(if found.is_empty() { self.macros(name) } else { found });
            }
            Owner::Own | Owner::Super => {
                let class = self.own_class(file, Some(mention));
                let members = match (class, owner) {
                    (Some(class), Owner::Super) => self.graph.inherited(class, name),
                    (Some(class), _) => self.member(class, name, depth),
                    (None, _) if of.language == Some(Language::Rust) => Vec::new(),
                    (None, _) => return None,
                };
                let mut found: Vec<_> = members.into_iter().map(Thing::Symbol).collect();
                if found.is_empty() && of.language == Some(Language::Rust) {
                    // `self::name`.
                    found = self.rust_path(file, &format!("self::{name}"), depth + 1);
                }
                self.keep_called(of, role, &mut found);
                return (!found.is_empty()).then_some(found);
            }
            Owner::None | Owner::Value => {}
        }
        let things = match self.hint(file, offset(mention)) {
            // What is told of a member's owner stands at the member.
            Some(told) => self.told(Spot { file, mention: Some(offset(mention)) }, told, depth + 1),
            None if owner == Owner::Value => return None,
            None => {
                let before = mention.checked_sub(1).filter(|_| found.is_joined)?;
                let last = of.facts.mentions.get(before)?;
                let is_plain = !last.is_joined && self.is_plain_owner(of, before);
                if last.is_joined || last.owner != Owner::None && !is_plain {
                    match self.member_of_owner(file, before, depth + 1) {
                        // What a path of another crate holds is of that crate, too.
                        Some(none) if none.is_empty() && (found.is_in_path || is_typed(of)) => {
                            // An embedded field of Go is called like its type.
                            let is_embedded = !found.is_in_path && self.is_class(of.name(before)?);
                            if is_embedded { Vec::new() } else { vec![Thing::Outside] }
                        }
                        things => things.unwrap_or_default(),
                    }
                } else if last.role() == Role::Import {
                    return None;
                } else {
                    let name = of.name(before)?;
                    let things = self.name_in(file, Some(before), name, depth + 1);
                    let is_outside = things.is_empty() && of.leads_path(before, name);
                    if is_outside && is_of_others(name) { vec![Thing::Outside] } else { things }
                }
            }
        };
        let mut things = self.settled_all(things, depth + 1);
        if things.is_empty() {
            things.push(self.package_before(file, mention).filter(|_| found.is_joined)?);
        }
        if things.iter().all(|thing| *thing == Thing::Outside) {
            return Some(Vec::new());
        }
        let mut members = self.members_of(&things, name, depth + 1);
        self.keep_called(of, role, &mut members);
        // What is known of types from elsewhere does not tell enough.
        let is_open = !things.contains(&Thing::Outside)
            && !things.iter().all(|thing| self.is_type_of_others(thing))
            && members.iter().all(|thing| matches!(thing, Thing::Of(..) | Thing::Outside));
        (!is_open || depth > 0).then_some(members)
    }

    /// Tells whether something is of a type that nothing in the project is called like.
    fn is_type_of_others(&self, thing: &Thing<'g>) -> bool {
        let Thing::Told(spot, Told::Type(at, _)) = thing else { return false };
        !self.is_class(self.name_at(spot.file, *at))
    }

    /// Tells whether a class of the project is called so.
    fn is_class(&self, name: &str) -> bool {
        let mut named = self.graph.called(name).iter();
        named.any(|id| self.graph.symbol(*id).is_some_and(|symbol| is_class(&symbol.kind)))
    }

    /// Leaves out fields of Rust where a method is called, and methods where none is: they may be called alike.
    fn keep_called(&self, of: &File, role: Role, members: &mut Vec<Thing<'g>>) {
        if of.language != Some(Language::Rust) || members.len() < 2 {
            return;
        }
        let fits = |thing: &Thing<'g>| match thing {
            Thing::Symbol(id) => self.is_function(*id) == (role == Role::MemberCall),
            _ => true,
        };
        if members.iter().any(|thing| matches!(thing, Thing::Symbol(_)) && fits(thing)) {
            members.retain(fits);
        }
    }

    /// Tells whether a word that stands for the object around in some languages is an ordinary name in this one.
    fn is_plain_owner(&self, of: &File, mention: usize) -> bool {
        let before = mention.checked_sub(1).and_then(|before| of.name(before)).unwrap_or("");
        let found = of.facts.mentions.get(mention);
        found.is_some_and(|found| found.is_joined && found.owner != Owner::None)
            && match before {
                "parent" => of.language != Some(Language::Php),
                "base" => of.language != Some(Language::CSharp),
                "self" | "this" | "cls" => matches!(of.language, Some(Language::Go | Language::C)),
                _ => false,
            }
    }

    /// Returns the members of a name that settled things have.
    pub(super) fn members_of(&self, things: &[Thing<'g>], name: &str, depth: u8) -> Vec<Thing<'g>> {
        let mut found = Vec::new();
        for thing in things.iter().filter(|_| self.step(depth)).take(super::MAX_THINGS) {
            match thing {
                Thing::Module(files, path) => self.of_module(files, path, name, depth, &mut found),
                Thing::Outside => found.push(Thing::Outside),
                Thing::Symbol(id) if self.is_function(*id) && !self.graph.members.has(*id) => {
                    // A property that is written as a function.
                    let inner = self.returned(*id, depth + 1);
                    let inner = self.settled_all(inner, depth + 1);
                    let is_own = inner.contains(thing);
                    if !is_own {
                        found.extend(self.members_of(&inner, name, depth + 1));
                    }
                }
                Thing::Symbol(id) if self.is_inline_module(*id) => {
                    found.extend(self.of_inline_module(*id, name, depth + 1));
                }
                Thing::Symbol(id) if self.graph.is_namespace(*id) => {
                    found.extend(self.of_namespace(*id, name));
                }
                Thing::Symbol(id) => {
                    let members = self.member(*id, name, depth);
                    let is_unread = members.is_empty() && !self.is_whole(*id);
                    found.extend(members.into_iter().map(Thing::Symbol));
                    if is_unread {
                        found.push(self.of_others(*id, name).unwrap_or(Thing::Outside));
                    }
                }
                Thing::Told(spot, Told::Object(number)) => {
                    found.extend(self.key_of(spot.file, *number, name));
                }
                Thing::Told(spot, Told::Type(at, arguments)) => {
                    let own = self.name_at(spot.file, *at);
                    if let Some(first) = arguments.first().filter(|_| passes_through(own)) {
                        let inner = self.told(*spot, first, depth + 1);
                        let inner = self.settled_all(inner, depth + 1);
                        let members = self.members_of(&inner, name, depth + 1);
                        if members.iter().any(|thing| matches!(thing, Thing::Symbol(_))) {
                            found.extend(members);
                            continue;
                        }
                    }
                    found.push(Thing::Of(thing.clone().into(), name.to_owned()));
                }
                Thing::Told(_, Told::List(_) | Told::Tuple(_)) => {
                    found.push(Thing::Of(thing.clone().into(), name.to_owned()));
                }
                Thing::Told(..) | Thing::Of(..) | Thing::Each(_) | Thing::Local(..) => {}
            }
        }
        if found.iter().any(|thing| *thing != Thing::Outside) {
            found.retain(|thing| *thing != Thing::Outside);
        }
        super::dedup(&mut found);
        found
    }

    fn of_module(
        &self,
        files: &[u32],
        path: &str,
        name: &str,
        depth: u8,
        found: &mut Vec<Thing<'g>>,
    ) {
        let count = found.len();
        found.extend(self.in_modules(files, path, name, depth + 1));
        let language = files.first().and_then(|file| self.language(*file));
        if found.len() > count {
            return;
        }
        if language == Some(Language::Rust) {
            for at in files {
                found.extend(self.rust_path(*at, &format!("self::{name}"), depth + 1));
            }
        } else if is_script(language) && name != "default" {
            // `module.exports = X`: the module is X.
            let whole = self.in_modules(files, path, "default", depth + 1);
            let whole = self.settled_all(whole, depth + 1);
            found.extend(self.members_of(&whole, name, depth + 1));
        }
    }

    /// Returns a member that a class has by a type of others with arguments: `get` of `class Leaves extends ArrayList<Leaf>`.
    fn of_others(&self, id: SymbolId, name: &str) -> Option<Thing<'g>> {
        self.graph.family_above(id).into_iter().find_map(|class| {
            let symbol = self.graph.symbol(class).filter(|symbol| symbol.kind == "class")?;
            let told = self.graph.told_of(symbol)?;
            let spot = Spot { file: symbol.file, mention: symbol.mention };
            let is_told = matches!(told, Told::Type(_, arguments) if !arguments.is_empty());
            is_told.then(|| Thing::Of(Thing::Told(spot, told).into(), name.to_owned()))
        })
    }

    /// Returns a class's members of a name, those of what it stands for too.
    pub(super) fn member(&self, id: SymbolId, name: &str, depth: u8) -> Vec<SymbolId> {
        let found = self.graph.member(id, name);
        if !found.is_empty() {
            return found;
        }
        let mut found = self.dereferenced(id, name, depth + 1);
        // What a class inherits may be a type that stands for another.
        for class in self.graph.family_above(id) {
            for thing in self.alias(class, depth + 1) {
                let inner = self.settled_all(vec![thing], depth + 1);
                let members = self.members_of(&inner, name, depth + 1);
                found.extend(members.into_iter().filter_map(|thing| match thing {
                    Thing::Symbol(id) => Some(id),
                    _ => None,
                }));
            }
        }
        super::dedup(&mut found);
        found
    }

    /// Returns what a type stands for: `type A = B`.
    pub(super) fn alias(&self, id: SymbolId, depth: u8) -> Vec<Thing<'g>> {
        let Some(symbol) = self.graph.symbol(id).filter(|symbol| symbol.kind == "type") else {
            return Vec::new();
        };
        let told = self.graph.told_of(symbol).filter(|_| self.step(depth));
        let Some(told) = told else { return Vec::new() };
        let spot = Spot { file: symbol.file, mention: symbol.mention };
        self.told(spot, told, depth + 1)
    }

    fn is_function(&self, id: SymbolId) -> bool {
        self.graph.symbol(id).is_some_and(|symbol| is_function(&symbol.kind))
    }

    /// Tells whether all that a class inherits is of the project.
    fn is_whole(&self, id: SymbolId) -> bool {
        self.graph.family_above(id).iter().all(|class| {
            let unit = self.graph.symbol(*class).and_then(|symbol| self.graph.unit_of(symbol));
            let known = self.graph.bases.get(class).map_or(0, Vec::len);
            unit.is_none_or(|unit| unit.bases.len() <= known)
        })
    }

    /// Returns an object's member of a name.
    fn key_of(&self, file: u32, number: u32, name: &str) -> Option<Thing<'g>> {
        let of = self.graph.files.get(file as usize)?;
        let keys = of.facts.objects.get(number as usize)?;
        let key = keys.iter().copied().find(|key| of.name(*key as usize) == Some(name))?;
        let defined = self.defined_at(file, key);
        Some(defined.unwrap_or(Thing::Local(file, key)))
    }

    fn defined_at(&self, file: u32, mention: u32) -> Option<Thing<'g>> {
        let role =
            self.graph.files.get(file as usize)?.facts.mentions.get(mention as usize)?.role();
        if role != Role::Definition {
            return None;
        }
        let (target, _) = self.defined(file, mention as usize).into_iter().next()?;
        super::thing_of(target)
    }

    /// Returns the class around a mention.
    pub(super) fn own_class(&self, file: u32, mention: Option<usize>) -> Option<SymbolId> {
        let of = self.graph.files.get(file as usize)?;
        self.class_around(file, of.facts.unit_around(mention?))
    }

    /// Returns the class that a unit is or is in.
    pub(super) fn class_around(&self, file: u32, unit: Option<u32>) -> Option<SymbolId> {
        let of = self.graph.files.get(file as usize)?;
        let mut next = unit;
        loop {
            let at = next?;
            let unit = of.facts.units.get(at as usize)?;
            if is_class(&unit.kind) {
                return Some(self.graph.owner_of(of.first + at));
            }
            if let Some(class) = &unit.class {
                return self.class_named(file, None, class, None);
            }
            // An object that holds functions.
            if is_script(of.language)
                && !is_function(&unit.kind)
                && self.graph.members.has(of.first + at)
            {
                return Some(of.first + at);
            }
            next = unit.parent;
        }
    }
}
