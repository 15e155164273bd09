//! Whom a name means.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use distiq_lang::{Language, Role, Told};

use super::guess::Guesses;
use super::{Graph, Owner, SymbolId, offset};

mod members;
mod modules;
mod paths;
mod scopes;
mod structures;
mod values;

/// How far one question leads to others: a value of a value, an export of an export.
const MAX_DEPTH: u8 = 24;
/// How far a type's path leads to other types' paths.
const MAX_NESTED: u8 = 3;
/// How many steps one question may take: imports and values may lead in circles.
const MAX_STEPS: u32 = 3_000;
/// The most things that a value may be.
const MAX_THINGS: usize = 8;

/// The most imports before a name that is imported among which its own is looked for.
const MAX_IMPORTS: usize = 64;

/// The most names of one import among which a name is looked for under all that it is called.
const MAX_IMPORTED: usize = 4_096;

/// The most definitions of one scope that a name means: calls times overloads make as many ties.
pub(super) const MAX_MEANT: usize = 64;

/// What a name alone tells weighs less where several are called so.
pub(super) const SHARED: f32 = 0.5;

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

/// What a name or a value stands for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Thing<'g> {
    Symbol(SymbolId),
    /// A local or a key, by its file and the mention that defines it.
    Local(u32, u32),
    /// A module: its files, and its dotted path in Python, or Rust's.
    Module(Vec<u32>, String),
    /// A list, a function, an object, a type of others with its arguments: as told in a file.
    Told(Spot, &'g Told),
    /// A member of something that the project does not define.
    Of(Rc<Thing<'g>>, String),
    /// A function that is given items of something.
    Each(Rc<Thing<'g>>),
    /// Something that the project does not hold.
    Outside,
}

/// Where something is told: a file, and the mention that it is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    pub file: u32,
    pub mention: Option<u32>,
}

/// Answers questions about names, each within a bounded number of steps.
pub(super) struct Resolver<'g> {
    pub graph: &'g Graph,
    steps: Cell<u32>,
    /// How many paths are being resolved within each other.
    nested: Cell<u8>,
    /// Counts what was cut short, so that nothing is kept of that.
    cuts: Cell<u32>,
    /// What symbols are, once known; `None` while that is being found.
    known: RefCell<HashMap<SymbolId, Option<Vec<Thing<'g>>>>>,
    pub(super) guesses: Guesses,
    /// Whether the last name that was resolved was told by the name alone.
    pub(super) is_by_name: Cell<bool>,
}

impl<'g> Resolver<'g> {
    pub(super) fn new(graph: &'g Graph) -> Self {
        Self::with(graph, Guesses::default())
    }

    /// Makes one that knows some guesses already.
    pub(super) fn with(graph: &'g Graph, guesses: Guesses) -> Self {
        Self {
            graph,
            steps: Cell::new(0),
            nested: Cell::new(0),
            cuts: Cell::new(0),
            known: RefCell::default(),
            guesses,
            is_by_name: Cell::new(false),
        }
    }

    /// Returns the class that a path means in a file, at a mention or the top, as a question of its own.
    pub(super) fn class_of(
        &self,
        file: u32,
        mention: Option<u32>,
        path: &str,
        except: Option<SymbolId>,
    ) -> Option<SymbolId> {
        self.steps.set(0);
        self.class_named(file, mention.map(|mention| mention as usize), path, except)
    }

    /// Takes a step; tells whether the question may go on.
    fn step(&self, depth: u8) -> bool {
        let steps = self.steps.get();
        self.steps.set(steps + 1);
        let may = depth < MAX_DEPTH && steps < MAX_STEPS;
        if !may {
            self.cuts.set(self.cuts.get() + 1);
        }
        may
    }

    /// Returns what a mention of a file means, the likeliest first, with weights that say how sure that is.
    pub(super) fn resolve(&self, file: u32, mention: usize) -> Vec<(Target, f32)> {
        self.steps.set(0);
        self.is_by_name.set(false);
        let Some(of) = self.graph.files.get(file as usize) else { return Vec::new() };
        let Some(found) = of.facts.mentions.get(mention) else { return Vec::new() };
        let name = of.name(mention).unwrap_or("");
        let is_key = of.facts.meant(offset(mention)).is_some();
        let own = self.meant(file, mention);
        if is_key && own.is_empty() && is_script(of.language) && is_open_key(found.role()) {
            // Nothing tells whose member the key is.
            let mut targets = self.by_member_name(of, name);
            if found.role() == Role::Local {
                targets.extend(self.target(Thing::Local(file, offset(mention))).map(|t| (t, 0.5)));
            }
            return targets;
        }
        let things = match found.role() {
            Role::Definition if own.is_empty() => return self.defined(file, mention),
            Role::Definition => {
                let defined = self.defined(file, mention).into_iter();
                own.into_iter().chain(defined.filter_map(|(target, _)| thing_of(target))).collect()
            }
            Role::Import => self.imported_name(file, mention, name),
            // A name that is a key as well means both.
            Role::Local => own.into_iter().chain([Thing::Local(file, offset(mention))]).collect(),
            Role::Key if own.is_empty() && self.is_item_key(file, mention) => {
                self.name_in(file, Some(mention), name, 0)
            }
            Role::Key => own,
            // A type's member within the type's arguments.
            Role::Type if !own.is_empty() => own,
            _ if found.is_joined || found.owner != Owner::None => {
                match self.member_of_owner(file, mention, 0) {
                    Some(things) => things,
                    None => return self.by_member_name(of, name),
                }
            }
            _ => self.name_in(file, Some(mention), name, 0).into_iter().chain(own).collect(),
        };
        let things = things.into_iter().flat_map(|thing| self.whole(thing));
        let mut targets: Vec<Target> = things.filter_map(|thing| self.target(thing)).collect();
        dedup(&mut targets);
        let is_member = found.is_joined || found.owner != Owner::None;
        if targets.is_empty() && !is_member && found.role() != Role::Key {
            return self.by_name_alone(of, name);
        }
        #[allow(clippy::cast_precision_loss)]
        let weight = 1.0 / targets.len().max(1) as f32;
        targets.into_iter().map(|target| (target, weight)).collect()
    }

    /// Tells whether nothing but the name told of the last mention that was resolved, and a weight says that others have it, too.
    pub(super) fn is_guess(&self, weight: f32) -> bool {
        self.is_by_name.get() && weight < SHARED
    }

    /// Returns what a mention means, of whatever role.
    fn meaning(&self, file: u32, mention: usize, depth: u8) -> Vec<Thing<'g>> {
        let Some(of) = self.graph.files.get(file as usize).filter(|_| self.step(depth)) else {
            return Vec::new();
        };
        let Some(found) = of.facts.mentions.get(mention) else { return Vec::new() };
        let name = of.name(mention).unwrap_or("");
        match found.role() {
            Role::Definition => {
                let defined = self.defined(file, mention).into_iter();
                defined.filter_map(|(target, _)| thing_of(target)).collect()
            }
            Role::Import => self.imported_name(file, mention, name),
            Role::Local | Role::Key => vec![Thing::Local(file, offset(mention))],
            _ if found.is_joined || found.owner != Owner::None => {
                self.member_of_owner(file, mention, depth + 1).unwrap_or_default()
            }
            _ => self.name_in(file, Some(mention), name, depth + 1),
        }
    }

    /// Returns the members that a key means, or a name that is a key as well.
    fn meant(&self, file: u32, mention: usize) -> Vec<Thing<'g>> {
        let Some(of) = self.graph.files.get(file as usize) else { return Vec::new() };
        let Some(meant) = of.facts.meant(offset(mention)) else { return Vec::new() };
        let spot = Spot { file, mention: Some(offset(mention)) };
        let mut found = self.told(spot, meant, 0);
        found.retain(|thing| matches!(thing, Thing::Symbol(_)));
        found
    }

    /// Tells whether a key of Go stands for a value: in a literal of a map or a list it is an expression.
    pub(super) fn is_item_key(&self, file: u32, mention: usize) -> bool {
        self.steps.set(0);
        let of = self.graph.files.get(file as usize).filter(|of| of.language == Some(Language::Go));
        let hint = of.and_then(|of| of.facts.meant(offset(mention)));
        let Some(Told::Member(of, _)) = hint else { return false };
        let spot = Spot { file, mention: Some(offset(mention)) };
        let holders = self.settled_all(self.told(spot, of, 0), 0);
        let is_list = |thing: &Thing<'_>| matches!(thing, Thing::Told(_, Told::List(_)));
        !holders.is_empty() && holders.iter().all(is_list)
    }

    fn target(&self, thing: Thing<'g>) -> Option<Target> {
        match thing {
            Thing::Symbol(id) => Some(Target::Symbol(self.graph.defined(id))),
            Thing::Local(file, mention) => {
                let mention =
                    self.graph.files.get(file as usize)?.facts.mentions.get(mention as usize)?;
                Some(Target::Local(file, mention.line))
            }
            Thing::Module(files, _) => files.first().map(|file| Target::File(*file)),
            Thing::Told(..) | Thing::Of(..) | Thing::Each(_) | Thing::Outside => None,
        }
    }

    fn defined(&self, file: u32, mention: usize) -> Vec<(Target, f32)> {
        let Some(of) = self.graph.files.get(file as usize) else { return Vec::new() };
        let name = of.name(mention).unwrap_or("");
        let at = offset(mention);
        let unit = of.named_by.binary_search_by_key(&at, |(mention, _)| *mention).ok();
        let unit = unit.and_then(|at| of.named_by.get(at)).map(|(_, unit)| of.first + unit);
        let own = unit.or_else(|| {
            // A later definition of a field is the same symbol.
            let owner = of
                .class_around(of.facts.unit_around(mention), of.facts.mentions.get(mention)?.owner);
            let parent = owner.map(|owner| of.first + owner);
            let is_own = |id: &SymbolId| {
                self.graph.symbol(*id).is_some_and(|s| s.file == file && s.parent == parent)
            };
            self.graph.called_in(of, name).iter().copied().find(is_own)
        });
        own.map(|id| (Target::Symbol(id), 1.0)).into_iter().collect()
    }

    /// Returns what an import's name means.
    fn imported_name(&self, file: u32, mention: usize, name: &str) -> Vec<Thing<'g>> {
        let Some(of) = self.graph.files.get(file as usize) else { return Vec::new() };
        let line = of.facts.mentions.get(mention).map_or(0, |mention| mention.line);
        for (at, import) in of.facts.imports_up_to(line).take(MAX_IMPORTS) {
            let place = import
                .names
                .iter()
                .take(MAX_IMPORTED)
                .position(|(own, alias)| own == name || alias.as_deref() == Some(name));
            let bound = || {
                let mut bound = of.imported(name).take(MAX_IMPORTED);
                bound.find_map(|(of, place)| place.filter(|_| of == at))
            };
            let has_more = import.names.len() > MAX_IMPORTED;
            if let Some(place) = place.or_else(|| has_more.then(bound).flatten()) {
                return self.through_import(file, at, Some(place), 0);
            }
            let files = self.graph.files_of_import(of, at).filter(|_| is_packaged(of.language));
            let classes = files.map(|files| self.classes_behind(files, &import.from, Some(name)));
            if let Some(classes) = classes.flatten() {
                return classes.into_iter().map(Thing::Symbol).collect();
            }
            if import.alias.as_deref() == Some(name) || import.from.ends_with(name) {
                return self.through_import(file, at, None, 0);
            }
        }
        Vec::new()
    }

    /// Returns the name that is mentioned at a place of a file; empty where there is none.
    fn name_at(&self, file: u32, mention: u32) -> &'g str {
        let of = self.graph.files.get(file as usize);
        of.and_then(|of| of.name(mention as usize)).unwrap_or("")
    }

    fn language(&self, file: u32) -> Option<Language> {
        self.graph.files.get(file as usize)?.language
    }
}

/// Tells whether a name may be a key of something that nothing tells of.
fn is_open_key(role: Role) -> bool {
    matches!(role, Role::Key | Role::Local)
}

fn thing_of<'g>(target: Target) -> Option<Thing<'g>> {
    match target {
        Target::Symbol(id) => Some(Thing::Symbol(id)),
        _ => None,
    }
}

/// Takes repeated things out; there are few.
fn dedup<T: PartialEq>(list: &mut Vec<T>) {
    let mut at = 0;
    while at < list.len() {
        let (before, rest) = list.split_at(at);
        if rest.first().is_some_and(|one| before.contains(one)) {
            list.remove(at);
        } else {
            at += 1;
        }
    }
}

fn is_script(language: Option<Language>) -> bool {
    matches!(language, Some(Language::JavaScript | Language::TypeScript | Language::Tsx))
}

/// Languages whose files share the names of a package, and pass on none that they import.
pub(super) fn is_packaged(language: Option<Language>) -> bool {
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
