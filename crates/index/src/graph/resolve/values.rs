//! What values are: of calls, items, what is awaited.

use std::rc::Rc;

use distiq_lang::{Language, Role, Told};

use super::super::library::{GIVES_INNER, GIVES_SAME};
use super::super::{Owner, Symbol, SymbolId, hints, is_class, is_function, offset};
use super::{MAX_THINGS, Resolver, Spot, Thing, dedup};

/// The most places that give a field its value.
const MAX_GIVEN: usize = 4;

impl<'g> Resolver<'g> {
    /// Returns what is told of a mention.
    pub(super) fn hint(&self, file: u32, mention: u32) -> Option<&'g Told> {
        let of = self.graph.files.get(file as usize)?;
        of.facts.hint(mention)
    }

    /// Returns what something that is told stands for.
    pub(super) fn told(&self, spot: Spot, told: &'g Told, depth: u8) -> Vec<Thing<'g>> {
        if !self.step(depth) {
            return Vec::new();
        }
        let depth = depth + 1;
        let settled = |of: &'g Told| self.settled_all(self.told(spot, of, depth), depth);
        let each = |of: &'g Told, f: &dyn Fn(&Thing<'g>) -> Vec<Thing<'g>>| {
            let mut found: Vec<Thing<'g>> = settled(of).iter().flat_map(f).collect();
            dedup(&mut found);
            found.truncate(MAX_THINGS);
            found
        };
        match told {
            Told::Name(at) => self.meaning(spot.file, *at as usize, depth),
            Told::Type(at, arguments) => self.typed(spot, told, *at, arguments, depth),
            Told::Path(path) => self.things_of(spot.file, at(spot), path, depth),
            Told::Written(path) => vec![self.class_thing(spot.file, at(spot), path, depth)],
            Told::Own(unit) => {
                let class = self
                    .holder(spot.file, *unit)
                    .or_else(|| self.class_around(spot.file, Some(*unit)));
                class.map(Thing::Symbol).into_iter().collect()
            }
            Told::Super(unit) => {
                let class = self.class_around(spot.file, Some(*unit));
                let bases = class.and_then(|class| self.graph.bases.get(&class));
                bases.into_iter().flatten().map(|base| Thing::Symbol(*base)).collect()
            }
            Told::Call(of) => each(of, &|thing| self.call(thing, depth)),
            Told::Item(of) => each(of, &|thing| self.item(thing, depth)),
            Told::Awaited(of) => each(of, &|thing| self.awaited(thing, depth)),
            Told::Member(of, name) => self.members_of(&settled(of), name, depth),
            Told::Field(of, name) => each(of, &|thing| self.field(thing, name, depth)),
            Told::Part(of, place) => each(of, &|thing| self.part(thing, *place, depth)),
            Told::Argument(of, place) => {
                each(of, &|thing| self.argument(thing, usize::from(*place), depth))
            }
            Told::Either(all) => {
                let mut found: Vec<Thing<'g>> =
                    all.iter().flat_map(|of| self.told(spot, of, depth)).collect();
                dedup(&mut found);
                found.truncate(MAX_THINGS);
                found
            }
            Told::List(_) | Told::Tuple(_) | Told::Function(..) | Told::Object(_) => {
                vec![Thing::Told(spot, told)]
            }
            Told::Outside => vec![Thing::Outside],
            Told::Unknown => Vec::new(),
        }
    }

    /// Returns what a type's name means, with its arguments where it is none of the project.
    fn typed(
        &self,
        spot: Spot,
        told: &'g Told,
        name: u32,
        arguments: &'g [Told],
        depth: u8,
    ) -> Vec<Thing<'g>> {
        let mut found = self.meaning(spot.file, name as usize, depth);
        found.retain(|thing| *thing != Thing::Outside);
        if let Some(tag) = self.tag(spot.file, name, &found) {
            return vec![Thing::Symbol(tag)];
        }
        if !found.is_empty() {
            if self.is_opaque(&found, depth) {
                found.extend(arguments.iter().flat_map(|of| self.told(spot, of, depth)));
                found.truncate(MAX_THINGS);
            }
            return found;
        }
        let own = self.graph.files.get(spot.file as usize).and_then(|of| of.name(name as usize));
        match (own, arguments) {
            (Some("Self"), _) => self
                .own_class(spot.file, Some(name as usize))
                .map(Thing::Symbol)
                .into_iter()
                .collect(),
            (Some("ReturnType"), [of, ..]) => {
                let of = self.settled_all(self.told(spot, of, depth), depth);
                of.iter().flat_map(|thing| self.call(thing, depth)).collect()
            }
            (_, []) => vec![Thing::Outside],
            _ => vec![Thing::Told(spot, told)],
        }
    }

    /// Tells whether a type stands for others by rules that are not followed, such as a mapped type.
    fn is_opaque(&self, found: &[Thing<'g>], depth: u8) -> bool {
        found.iter().all(|thing| match thing {
            Thing::Symbol(id) if self.graph.symbol(*id).is_some_and(|s| s.kind == "type") => {
                !self.graph.members.has(*id)
                    && self.alias(*id, depth).iter().all(|thing| match thing {
                        Thing::Told(spot, Told::Object(number)) => {
                            let of = self.graph.files.get(spot.file as usize);
                            let keys = of.and_then(|of| of.facts.objects.get(*number as usize));
                            keys.is_none_or(Vec::is_empty)
                        }
                        Thing::Told(_, Told::Type(..)) | Thing::Outside | Thing::Local(..) => true,
                        _ => false,
                    })
            }
            _ => false,
        })
    }

    /// Follows things to what has members, is called or holds items.
    pub(super) fn settled_all(&self, things: Vec<Thing<'g>>, depth: u8) -> Vec<Thing<'g>> {
        let mut found: Vec<Thing<'g>> =
            things.into_iter().flat_map(|thing| self.settled(thing, depth)).collect();
        dedup(&mut found);
        found.truncate(MAX_THINGS);
        found
    }

    fn settled(&self, thing: Thing<'g>, depth: u8) -> Vec<Thing<'g>> {
        if !self.step(depth) {
            return Vec::new();
        }
        match thing {
            Thing::Symbol(id) => self.settled_symbol(id, depth + 1),
            Thing::Local(file, mention) => {
                let spot = Spot { file, mention: Some(mention) };
                let Some(told) = self.hint(file, mention) else { return Vec::new() };
                let mut found = self.told(spot, told, depth + 1);
                found.retain(|found| *found != Thing::Local(file, mention));
                self.settled_all(found, depth + 1)
            }
            other => vec![other],
        }
    }

    fn settled_symbol(&self, id: SymbolId, depth: u8) -> Vec<Thing<'g>> {
        let known = self.known.borrow().get(&id).cloned();
        if let Some(known) = known {
            if known.is_none() {
                self.cuts.set(self.cuts.get() + 1);
            }
            return known.unwrap_or_default();
        }
        self.known.borrow_mut().insert(id, None);
        let cuts = self.cuts.get();
        let found = self.found_symbol(id, depth);
        if cuts == self.cuts.get() {
            self.known.borrow_mut().insert(id, Some(found.clone()));
        } else {
            self.known.borrow_mut().remove(&id);
        }
        found
    }

    fn found_symbol(&self, id: SymbolId, depth: u8) -> Vec<Thing<'g>> {
        let Some(symbol) = self.graph.symbol(id) else { return Vec::new() };
        if symbol.kind == "type" {
            let alias = self.alias(id, depth);
            let alias = self.settled_all(alias, depth + 1);
            let own = self.graph.members.has(id).then_some(Thing::Symbol(id));
            if !alias.is_empty() {
                let has_own =
                    !alias.iter().any(|thing| matches!(thing, Thing::Told(_, Told::Object(_))));
                return alias.into_iter().chain(own.filter(|_| has_own)).collect();
            }
        }
        if self.is_inline_module(id) && !self.graph.members.has(id) {
            let path = format!("self::{}", symbol.name);
            if let Some((file, rest)) = self.graph.paths.rust.walk(symbol.file, &path)
                && rest.is_empty()
                && file != symbol.file
            {
                return vec![Thing::Module(vec![file], path)];
            }
        }
        if is_class(&symbol.kind) || self.graph.is_module(id) {
            return vec![Thing::Symbol(self.graph.owner_of(id))];
        }
        if is_function(&symbol.kind) {
            return match self.is_property(id) {
                true => self.settled_all(self.returned(id, depth + 1), depth + 1),
                false => vec![Thing::Symbol(id)],
            };
        }
        let mut found = Vec::new();
        if let Some(of) = self.enumeration(symbol) {
            found.push(Thing::Symbol(of));
        }
        let of_head = symbol.mention.filter(|mention| self.hint(symbol.file, *mention).is_some());
        let mentions = match of_head {
            Some(mention) => vec![mention],
            None => self.given(symbol),
        };
        for mention in mentions {
            let Some(told) = self.hint(symbol.file, mention) else { continue };
            let spot = Spot { file: symbol.file, mention: Some(mention) };
            let mut inner = self.told(spot, told, depth + 1);
            inner.retain(|thing| *thing != Thing::Symbol(id));
            found.extend(self.settled_all(inner, depth + 1));
        }
        // An object that holds functions.
        if self.graph.members.has(id) {
            found.push(Thing::Symbol(id));
        }
        found
    }

    /// Returns the mentions by which methods of a class of TypeScript give a value to a field that has no type: `this.x = x`.
    fn given(&self, symbol: &Symbol) -> Vec<u32> {
        let of = self.graph.files.get(symbol.file as usize).filter(|of| of.is_script());
        let (Some(of), "field") = (of, symbol.kind.as_str()) else { return Vec::new() };
        let is_given = |at: &usize| {
            of.facts.mentions.get(*at).is_some_and(|mention| {
                mention.role() == Role::Definition
                    && mention.owner == Owner::Own
                    && of.name(*at) == Some(&symbol.name)
                    && of.class_around(of.facts.unit_around(*at), Owner::Own).map(|c| of.first + c)
                        == symbol.parent
            })
        };
        (0..of.facts.mentions.len()).filter(is_given).map(offset).take(MAX_GIVEN).collect()
    }

    /// Tells whether a function is read like a field.
    fn is_property(&self, id: SymbolId) -> bool {
        self.graph.symbol(id).is_some_and(|symbol| {
            let head = &*symbol.signature;
            let is_getter =
                ["get ", "static get ", "public get ", "protected get ", "private get "]
                    .iter()
                    .any(|start| head.starts_with(start));
            is_getter
                || head.starts_with("@property")
                || head.starts_with("@cached_property")
                || head.contains("property\n")
                || symbol.kind == "property"
        })
    }

    /// Returns what a call of something settled gives.
    pub(super) fn call(&self, thing: &Thing<'g>, depth: u8) -> Vec<Thing<'g>> {
        if !self.step(depth) {
            return Vec::new();
        }
        match thing {
            Thing::Symbol(id) => {
                let Some(symbol) = self.graph.symbol(*id) else { return Vec::new() };
                if symbol.kind == "constructor" {
                    return symbol.parent.map(Thing::Symbol).into_iter().collect();
                }
                if is_function(&symbol.kind) {
                    return self.returned(*id, depth + 1);
                }
                vec![thing.clone()]
            }
            Thing::Told(spot, Told::Function(_, returns)) => self.told(*spot, returns, depth + 1),
            Thing::Told(spot, Told::Type(at, arguments)) => {
                let own = self.name_at(spot.file, *at);
                let returns = arguments.last().filter(|_| own == "Callable");
                returns.map(|of| self.told(*spot, of, depth + 1)).unwrap_or_default()
            }
            // Of a value whose calls nothing tells.
            Thing::Told(..) => Vec::new(),
            Thing::Module(files, path) => {
                let whole = self.in_modules(files, path, "default", depth + 1);
                let whole = self.settled_all(whole, depth + 1);
                whole.iter().flat_map(|thing| self.call(thing, depth + 1)).collect()
            }
            Thing::Of(of, name) => {
                let name = name.as_str();
                if GIVES_SAME.contains(&name) {
                    vec![(**of).clone()]
                } else if GIVES_INNER.contains(&name) {
                    self.item(of, depth + 1)
                } else {
                    vec![Thing::Outside]
                }
            }
            Thing::Outside => vec![Thing::Outside],
            Thing::Each(_) | Thing::Local(..) => Vec::new(),
        }
    }

    /// Returns what a function returns: as its head says, else what is told of its body.
    pub(super) fn returned(&self, id: SymbolId, depth: u8) -> Vec<Thing<'g>> {
        let Some(symbol) = self.graph.symbol(id).filter(|_| self.step(depth)) else {
            return Vec::new();
        };
        let spot = Spot { file: symbol.file, mention: symbol.mention };
        if let Some(Told::Function(_, returns)) = self.graph.told_of(symbol) {
            return self.told(spot, returns, depth + 1);
        }
        let Some(of) = hints::return_type(&symbol.signature, &symbol.name) else {
            return Vec::new();
        };
        let class = symbol.parent.filter(|parent| {
            self.graph.symbol(*parent).is_some_and(|parent| is_class(&parent.kind))
        });
        if matches!(of.rsplit('.').next(), Some("Self" | "self" | "this")) {
            let class = class.map(|class| Thing::Symbol(self.graph.owner_of(class)));
            return class.into_iter().collect();
        }
        vec![self.class_thing(symbol.file, at(spot), &of, depth + 1)]
    }

    /// Returns an item of something settled.
    fn item(&self, thing: &Thing<'g>, depth: u8) -> Vec<Thing<'g>> {
        match thing {
            Thing::Told(spot, Told::List(of)) => self.told(*spot, of, depth + 1),
            Thing::Told(spot, Told::Tuple(all)) => {
                all.iter().flat_map(|of| self.told(*spot, of, depth + 1)).take(MAX_THINGS).collect()
            }
            Thing::Told(spot, Told::Type(at, arguments)) => {
                let own = self.name_at(spot.file, *at);
                let inner = if own == "Result" { arguments.first() } else { arguments.last() };
                let found = inner.map(|of| self.told(*spot, of, depth + 1)).unwrap_or_default();
                if matches!(own, "Promise" | "Readonly" | "Arc" | "Box" | "Rc" | "Partial") {
                    let found = self.settled_all(found, depth + 1);
                    return found.iter().flat_map(|thing| self.item(thing, depth + 1)).collect();
                }
                found
            }
            Thing::Symbol(id) => {
                let file = self.graph.symbol(*id).map(|symbol| symbol.file);
                let is_c = file.and_then(|file| self.language(file)).is_some_and(|language| {
                    matches!(language, Language::C | Language::Cpp | Language::Go)
                });
                if is_c {
                    return vec![thing.clone()];
                }
                let item = self.member(*id, "Item", depth + 1).into_iter().map(Thing::Symbol);
                let item: Vec<Thing<'g>> = item.collect();
                let next = ["__iter__", "__getitem__"]
                    .iter()
                    .flat_map(|name| self.member(*id, name, depth + 1))
                    .flat_map(|id| self.returned(id, depth + 1));
                if !item.is_empty() {
                    return item;
                }
                let next: Vec<Thing<'g>> = next.collect();
                let next = self.settled_all(next, depth + 1);
                next.iter()
                    .filter(|next| matches!(next, Thing::Told(..)))
                    .flat_map(|next| self.item(next, depth + 1))
                    .collect()
            }
            Thing::Outside | Thing::Of(..) => vec![Thing::Outside],
            _ => Vec::new(),
        }
    }

    /// Returns what comes of awaiting something settled, or of taking its error away.
    fn awaited(&self, thing: &Thing<'g>, depth: u8) -> Vec<Thing<'g>> {
        if let Thing::Told(spot, Told::Type(at, arguments)) = thing {
            let own = self.name_at(spot.file, *at);
            let inner = match own {
                "Coroutine" | "Generator" => arguments.last(),
                "Promise" | "PromiseLike" | "Awaitable" | "Future" | "Task" | "Option"
                | "Result" | "IResult" | "Optional" => arguments.first(),
                _ => arguments.first().filter(|_| own.ends_with("Result")),
            };
            if let Some(inner) = inner {
                return self.told(*spot, inner, depth + 1);
            }
        }
        vec![thing.clone()]
    }

    /// Returns the part of something settled at a place.
    fn part(&self, thing: &Thing<'g>, place: u8, depth: u8) -> Vec<Thing<'g>> {
        match thing {
            Thing::Told(spot, Told::Tuple(all)) => {
                let part = all.get(usize::from(place));
                part.map(|of| self.told(*spot, of, depth + 1)).unwrap_or_default()
            }
            Thing::Symbol(id) if self.takes(*id).is_some() => {
                self.parameter(*id, place.into(), depth)
            }
            Thing::Symbol(_) if place > 0 => Vec::new(),
            other => self.item(other, depth + 1),
        }
    }

    /// Returns what something settled takes at a place if it is called.
    fn argument(&self, thing: &Thing<'g>, place: usize, depth: u8) -> Vec<Thing<'g>> {
        match thing {
            Thing::Told(spot, Told::Function(takes, _)) => {
                takes.get(place).map(|of| self.told(*spot, of, depth + 1)).unwrap_or_default()
            }
            Thing::Symbol(id) => self.parameter(*id, place, depth + 1),
            // A component of React: `FC<Props>`.
            Thing::Told(spot, Told::Type(_, arguments)) if place == 0 => {
                let first = arguments.first();
                first.map(|of| self.told(*spot, of, depth + 1)).unwrap_or_default()
            }
            Thing::Of(of, _) if place == 0 => vec![Thing::Each(Rc::clone(of))],
            Thing::Each(of) if place == 0 => self.item(of, depth + 1),
            _ => Vec::new(),
        }
    }

    /// Returns a class's field that its instances are given by name, where no constructor is written.
    fn field(&self, thing: &Thing<'g>, name: &str, depth: u8) -> Vec<Thing<'g>> {
        let Thing::Symbol(id) = thing else { return Vec::new() };
        let is_class = self.graph.symbol(*id).is_some_and(|symbol| is_class(&symbol.kind));
        if !is_class || !self.member(*id, "__init__", depth).is_empty() {
            return Vec::new();
        }
        self.member(*id, name, depth).into_iter().map(Thing::Symbol).collect()
    }

    fn parameter(&self, id: SymbolId, place: usize, depth: u8) -> Vec<Thing<'g>> {
        let Some(symbol) = self.graph.symbol(id).filter(|_| self.step(depth)) else {
            return Vec::new();
        };
        if let Some((mention, takes)) = self.takes(id) {
            let spot = Spot { file: symbol.file, mention: Some(mention) };
            return takes.get(place).map(|of| self.told(spot, of, depth + 1)).unwrap_or_default();
        }
        if is_class(&symbol.kind) {
            let makers = ["constructor", "__init__"].iter();
            let maker = makers.flat_map(|name| self.member(id, name, depth + 1)).next();
            return maker.map(|id| self.parameter(id, place, depth + 1)).unwrap_or_default();
        }
        // Overloads say it together.
        let overloads = self.graph.group(id);
        let mut found = Vec::new();
        for id in overloads.into_iter().take(MAX_THINGS) {
            let Some(symbol) = self.graph.symbol(id) else { continue };
            if let Some(Told::Function(takes, _)) = self.graph.told_of(symbol)
                && let Some(of) = takes.get(place)
            {
                let spot = Spot { file: symbol.file, mention: symbol.mention };
                found.extend(self.told(spot, of, depth + 1));
            }
        }
        dedup(&mut found);
        found
    }
}

fn at(spot: Spot) -> Option<usize> {
    spot.mention.map(|mention| mention as usize)
}
