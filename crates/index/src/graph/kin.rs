//! Definitions that count as one where a symbol is used: overloads, declarations, members by way of what they implement.

use std::collections::HashSet;

use distiq_lang::Language;

use super::library::STANDARD;
use super::resolve::Resolver;
use super::{Graph, Symbol, SymbolId, imports, is_class};

/// A trait of Rust.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trait<'g> {
    Of(SymbolId),
    /// By its name: it is not of the project, or a macro makes it.
    Named(&'g str),
}

impl Graph {
    /// Returns the definitions that are one symbol: overloads, a property's getter and setter.
    pub(super) fn group(&self, id: SymbolId) -> Vec<SymbolId> {
        let Some(symbol) = self.symbol(id) else { return Vec::new() };
        let class = self.written_class(symbol);
        let is_same = |other: &SymbolId| {
            self.symbol(*other).is_some_and(|s| {
                let is_beside = s.file == symbol.file && s.parent == symbol.parent;
                is_beside && self.written_class(s) == class
            })
        };
        let mut group: Vec<SymbolId> = self.named(symbol).filter(is_same).collect();
        if !group.contains(&id) {
            group.push(id);
        }
        group
    }

    /// Returns what counts as one symbol where it is used. In JavaScript and TypeScript also the members of that
    /// name which it overrides, and those that override the same; in Go the methods that are tied by an interface;
    /// in Rust a trait's member with those that implement it; in C and C++ a
    /// function's declarations, and what a method overrides.
    pub(super) fn family(&self, id: SymbolId) -> Vec<SymbolId> {
        let mut group = self.group(id);
        let Some(symbol) = self.symbol(id) else { return group };
        let more = match self.files.get(symbol.file as usize).and_then(|file| file.language) {
            Some(Language::JavaScript | Language::TypeScript | Language::Tsx) => {
                self.overridden(symbol)
            }
            Some(Language::Rust) => self.implemented(id, symbol),
            Some(Language::Go) => self.satisfied(symbol),
            Some(Language::C | Language::Cpp) => self.declared(symbol, &group),
            _ => Vec::new(),
        };
        for other in more {
            if !group.contains(&other) {
                group.push(other);
            }
        }
        group
    }

    fn named(&self, symbol: &Symbol) -> impl Iterator<Item = SymbolId> {
        self.called(&symbol.name).iter().copied()
    }

    /// Returns the declarations of functions of C and C++, and what they define; of a method those that it overrides, too,
    /// and those that override it.
    fn declared(&self, symbol: &Symbol, group: &[SymbolId]) -> Vec<SymbolId> {
        let defined: HashSet<SymbolId> = group.iter().map(|id| self.defined(*id)).collect();
        let named = self.named(symbol);
        let own: Vec<SymbolId> = named.filter(|id| defined.contains(&self.defined(*id))).collect();
        let class_of = |id: &SymbolId| {
            let class = self.symbol(*id).and_then(|symbol| symbol.parent);
            class.filter(|class| self.symbol(*class).is_some_and(|class| is_class(&class.kind)))
        };
        let classes: HashSet<SymbolId> = own.iter().filter_map(class_of).collect();
        let above: HashSet<SymbolId> =
            classes.iter().flat_map(|class| self.family_above(*class)).collect();
        let is_kin = |id: &SymbolId| {
            class_of(id).is_some_and(|class| {
                above.contains(&class)
                    || self.family_above(class).iter().any(|above| classes.contains(above))
            })
        };
        let kin: Vec<SymbolId> = match classes.is_empty() {
            true => Vec::new(),
            false => self.named(symbol).filter(is_kin).collect(),
        };
        let kin_defined = kin.iter().map(|id| self.defined(*id));
        own.iter().copied().chain(kin_defined).chain(kin.iter().copied()).collect()
    }

    /// Returns the members of JavaScript that a member overrides, and those that override the same.
    fn overridden(&self, symbol: &Symbol) -> Vec<SymbolId> {
        let Some(class) = symbol.parent.filter(|class| self.members.has(*class)) else {
            return Vec::new();
        };
        let roots = |class: SymbolId| -> Vec<SymbolId> {
            let above = self.family_above(class).into_iter();
            above.filter(|c| self.own_members(*c, &symbol.name).next().is_some()).collect()
        };
        let own = roots(class);
        let is_kin = |other: &SymbolId| {
            let parent = self.symbol(*other).and_then(|other| other.parent);
            parent.is_some_and(|parent| roots(parent).iter().any(|r| own.contains(r)))
        };
        self.named(symbol).filter(is_kin).collect()
    }

    /// Returns the members that implement a trait's member. A type in an implementation stands for the trait's,
    /// with all others that do: which of them a name means only inference tells.
    fn implemented(&self, id: SymbolId, symbol: &Symbol) -> Vec<SymbolId> {
        let resolver = Resolver::new(self);
        let own = match self.trait_of(symbol, &resolver) {
            Some(Trait::Of(of)) if symbol.parent == Some(of) => Trait::Of(of),
            Some(own) if symbol.kind == "type" => own,
            _ => return Vec::new(),
        };
        let is_kin = |other: &SymbolId| {
            *other != id
                && self.symbol(*other).and_then(|s| self.trait_of(s, &resolver)) == Some(own)
        };
        self.named(symbol).filter(is_kin).collect()
    }

    /// Returns the trait whose member a symbol is, or which the block around it implements.
    fn trait_of(&self, symbol: &Symbol, resolver: &Resolver<'_>) -> Option<Trait<'_>> {
        let parent = symbol.parent?;
        let around = self.symbol(parent)?;
        if around.kind == "trait" {
            return Some(Trait::Of(parent));
        }
        let base = self.unit_of(around)?.bases.first()?;
        let of = resolver.class_of(around.file, around.mention, base, Some(parent));
        Some(of.map_or(Trait::Named(base.rsplit("::").next().unwrap_or(base)), Trait::Of))
    }

    /// Returns the trait's member that a member of its implementation stands for.
    pub(super) fn trait_member(&self, symbol: &Symbol, resolver: &Resolver<'_>) -> Vec<SymbolId> {
        match self.trait_of(symbol, resolver) {
            Some(Trait::Of(of)) if symbol.parent != Some(of) => {
                self.own_members(of, &symbol.name).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Returns the methods of Go's interfaces that a method satisfies, or the methods that satisfy an interface's.
    fn satisfied(&self, symbol: &Symbol) -> Vec<SymbolId> {
        let resolver = Resolver::new(self);
        let Some(own) = self.receiver(symbol, &resolver) else { return Vec::new() };
        let is_hidden = !symbol.name.starts_with(char::is_uppercase);
        let asked = self.asked(own, &resolver);
        let is_kin = |other: &SymbolId| {
            let Some(of) = self.symbol(*other) else { return false };
            let (here, there) = (self.path_of(symbol), self.path_of(of));
            let Some(other) = self.receiver(of, &resolver).filter(|other| *other != own) else {
                return false;
            };
            let fits = match (&asked, self.asked(other, &resolver)) {
                (Some(asked), None) => self.has_all(other, asked, &resolver),
                (None, Some(asked)) => self.has_all(own, &asked, &resolver),
                _ => false,
            };
            fits && (!is_hidden || imports::folder(here) == imports::folder(there))
        };
        self.named(symbol).filter(is_kin).collect()
    }

    /// Returns the type that a method is written with, where it stands apart from it.
    pub(super) fn written_class(&self, symbol: &Symbol) -> Option<&str> {
        self.unit_of(symbol)?.class.as_deref()
    }

    /// Returns the type whose method a symbol of Go is.
    pub(super) fn receiver(&self, symbol: &Symbol, resolver: &Resolver<'_>) -> Option<SymbolId> {
        match self.written_class(symbol) {
            Some(class) => resolver.class_of(symbol.file, None, class, None),
            None => symbol.parent.filter(|parent| self.is_interface(*parent)),
        }
    }

    pub(super) fn is_interface(&self, id: SymbolId) -> bool {
        self.symbol(id).is_some_and(|symbol| {
            let head = symbol.signature.split('{').next().unwrap_or("");
            symbol.kind == "type" && head.trim_end().ends_with("interface")
        })
    }

    /// Returns the names of the methods that an interface asks for; `None` of another type.
    pub(super) fn asked(&self, id: SymbolId, resolver: &Resolver<'_>) -> Option<HashSet<&str>> {
        self.is_interface(id).then(|| {
            let all = self.family_above(id).into_iter().flat_map(|id| self.members.of(id));
            let own = all.map(|(_, member)| self.name_of(*member));
            own.chain(self.embedded(id, resolver)).collect()
        })
    }

    pub(super) fn has_all(
        &self,
        class: SymbolId,
        names: &HashSet<&str>,
        resolver: &Resolver<'_>,
    ) -> bool {
        let embedded = self.embedded(class, resolver);
        names.iter().all(|name| embedded.contains(name) || !self.member(class, name).is_empty())
    }

    /// Returns the methods that a type of Go has by interfaces of the standard library which it, or what it embeds, embeds.
    fn embedded(&self, class: SymbolId, resolver: &Resolver<'_>) -> Vec<&'static str> {
        let mut names = Vec::new();
        for class in self.family_above(class) {
            let Some(symbol) = self.symbol(class) else { continue };
            for base in self.unit_of(symbol).into_iter().flat_map(|unit| &unit.bases) {
                let known = STANDARD.iter().find(|(name, _)| name == base);
                let is_own =
                    || resolver.class_of(symbol.file, symbol.mention, base, Some(class)).is_some();
                if let Some((_, methods)) = known.filter(|_| !is_own()) {
                    names.extend(methods.iter().copied());
                }
            }
        }
        names
    }
}
