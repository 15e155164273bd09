//! Whom a name may mean where no scope tells.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use distiq_lang::Language;

use super::library::COMMON;
use super::resolve::Resolver;
use super::{File, Graph, SymbolId, Target, imports, is_class};

/// The most definitions that a name alone may mean.
const MAX_NAMED: usize = 4;

/// The first definitions that names alone may mean: of names that thousands have, too, they are looked for once.
#[derive(Default)]
pub(super) struct Guesses(RefCell<HashMap<Asked, Rc<[SymbolId]>>>);

/// The first of all that are called so, the language of who asks, whether members are meant.
type Asked = (SymbolId, Option<Language>, bool);

impl Guesses {
    /// Returns the first of all that are called so and fit, each as what defines it: one more than a name may mean.
    fn first(
        &self,
        graph: &Graph,
        name: &str,
        of: &File,
        are_members: bool,
        fits: impl Fn(&SymbolId) -> bool,
    ) -> Rc<[SymbolId]> {
        let named = graph.called(name);
        let Some(first) = named.first() else { return Rc::default() };
        let key = (*first, of.language, are_members);
        if let Some(known) = self.0.borrow().get(&key) {
            return Rc::clone(known);
        }
        let mut found: Vec<SymbolId> = Vec::new();
        for id in named.iter().filter(|id| fits(id)).map(|id| graph.defined(*id)) {
            if !found.contains(&id) {
                found.push(id);
            }
            if found.len() > MAX_NAMED {
                break;
            }
        }
        let found: Rc<[SymbolId]> = found.into();
        self.0.borrow_mut().insert(key, Rc::clone(&found));
        found
    }
}

impl Resolver<'_> {
    /// Returns the members that are called so, where few are.
    pub(super) fn by_member_name(&self, of: &File, name: &str) -> Vec<(Target, f32)> {
        if COMMON.contains(&name) {
            return Vec::new();
        }
        let graph = self.graph;
        let is_member = |id: &SymbolId| {
            graph.symbol(*id).is_some_and(|symbol| {
                let owner = symbol.parent.map(|parent| graph.owner_of(parent));
                let owner = owner.and_then(|owner| graph.symbol(owner));
                let other = graph.files.get(symbol.file as usize);
                (owner.is_some_and(|owner| is_class(&owner.kind)) || symbol.kind == "method")
                    && other.is_some_and(|other| imports::are_kin(other.language, of.language))
            })
        };
        let found = self.guesses.first(graph, name, of, true, is_member);
        self.is_by_name.set(true);
        graph.weighted(of, found.to_vec(), 0.6)
    }

    /// Returns the definitions that are called so, in languages without imports of names.
    pub(super) fn by_name_alone(&self, of: &File, name: &str) -> Vec<(Target, f32)> {
        let is_open = matches!(
            of.language,
            Some(
                Language::C
                    | Language::Cpp
                    | Language::Ruby
                    | Language::Php
                    | Language::Swift
                    | Language::CSharp
                    | Language::Kotlin
                    | Language::Scala
                    | Language::Lua
                    | Language::Bash
                    | Language::Sql
            )
        );
        if !is_open {
            return Vec::new();
        }
        let graph = self.graph;
        let is_top = |id: &SymbolId| {
            graph.symbol(*id).is_some_and(|symbol| {
                let other = graph.files.get(symbol.file as usize);
                let is_outside = symbol.parent.is_none_or(|parent| graph.is_module(parent));
                (is_outside && graph.written_class(symbol).is_none()
                    || is_class(&symbol.kind)
                    || other.is_some_and(|other| graph.is_top(other, symbol)))
                    && other.is_some_and(|other| imports::are_kin(other.language, of.language))
            })
        };
        let is_exported = |id: &SymbolId| graph.symbol(*id).is_some_and(|s| s.is_exported);
        let others = |id: &SymbolId| is_exported(id) && is_top(id);
        let others = self.guesses.first(graph, name, of, false, others);
        // What is not exported may be meant in its own file.
        let own = graph.called_in(of, name).iter().copied();
        let own = own.filter(|id| !is_exported(id) && is_top(id)).take(MAX_NAMED + 1);
        let mut found: Vec<SymbolId> = others.iter().copied().chain(own).collect();
        found.sort_unstable();
        self.is_by_name.set(true);
        graph.weighted(of, found, 0.8)
    }
}

impl Graph {
    /// Shares a weight among candidates, those near the file first; none where they are too many.
    #[allow(clippy::cast_precision_loss)]
    fn weighted(&self, of: &File, mut found: Vec<SymbolId>, sure: f32) -> Vec<(Target, f32)> {
        if found.len() > MAX_NAMED {
            return Vec::new();
        }
        found.sort_by_key(|id| {
            let path = self.symbol(*id).map_or("", |symbol| self.path_of(symbol));
            (
                *path != *of.path,
                imports::is_header(path),
                imports::folder(path) != imports::folder(&of.path),
                *id,
            )
        });
        let weight = sure / found.len().max(1) as f32;
        found.into_iter().map(|id| (Target::Symbol(id), weight)).collect()
    }
}
