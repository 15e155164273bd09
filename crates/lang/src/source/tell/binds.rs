//! What declarations, patterns, objects and closures tell of names.

use tree_sitter::Node;

use super::{As, Bind, Found, Keys, MAX_DEPTH, MAX_PARTS, Pattern, Read, Teller, child, children};
use crate::source::site::Site;
use crate::source::{Object, Told, offset};

impl Teller<'_> {
    /// Gives a value to the names of a pattern.
    pub(in crate::source) fn bind(
        &self,
        pattern: Node<'_>,
        told: &Told,
        found: &mut Found,
        depth: u8,
    ) {
        let Some(how) = self.table.kind(pattern.kind_id()).pattern else { return };
        if depth >= MAX_DEPTH || told.is_unknown() && !matches!(how, Pattern::Of(_)) {
            return;
        }
        match how {
            Pattern::Name => found.told.push((offset(pattern.start_byte()), told.clone())),
            Pattern::Members => self.bind_members(pattern, told, found, depth),
            Pattern::Last => {
                if let Some(inner) = children(pattern).into_iter().next_back() {
                    self.bind(inner, told, found, depth + 1);
                }
            }
            Pattern::Rest | Pattern::Further => {
                let told = match how {
                    Pattern::Further => Told::List(Box::new(told.clone())),
                    _ => told.clone(),
                };
                if let Some(inner) = children(pattern).into_iter().next_back() {
                    self.bind(inner, &told, found, depth + 1);
                }
            }
            Pattern::Parts => {
                let parts = children(pattern);
                // `x := f()`, where more names could stand.
                if let ([only], "expression_list") = (parts.as_slice(), pattern.kind()) {
                    return self.bind(*only, told, found, depth + 1);
                }
                for (at, part) in (0_u8..).zip(parts) {
                    let is_rest =
                        matches!(self.table.kind(part.kind_id()).pattern, Some(Pattern::Rest));
                    let told = match is_rest {
                        true => Told::List(Box::new(Told::Item(Box::new(told.clone())))),
                        false => Told::Part(Box::new(told.clone()), at),
                    };
                    self.bind(part, &told, found, depth + 1);
                }
            }
            Pattern::In(field) => {
                if let Some(inner) = child(pattern, field) {
                    self.bind(inner, told, found, depth + 1);
                }
            }
            Pattern::Inner => {
                let of = self.of(pattern, "", As::Value, depth);
                let inner = children(pattern).into_iter().skip(1);
                for (at, part) in (0_u8..).zip(inner) {
                    let inner = match at {
                        0 => Told::Item(Box::new(told.clone())),
                        at => Told::Part(Box::new(told.clone()), at),
                    };
                    let told = match &of {
                        of if of.is_unknown() => inner,
                        of => Told::Either(vec![Told::Argument(Box::new(of.clone()), at), inner]),
                    };
                    self.bind(part, &told, found, depth + 1);
                }
            }
            Pattern::Of(field) => {
                let of = self.of(pattern, field, As::Type, depth);
                self.bind_members(pattern, &of, found, depth);
            }
            Pattern::Pair(..) => {}
        }
    }

    fn bind_members(&self, pattern: Node<'_>, told: &Told, found: &mut Found, depth: u8) {
        for part in children(pattern) {
            let kind = self.table.kind(part.kind_id());
            let (key, inner) = match kind.pattern {
                Some(Pattern::Pair(key, inner)) => (child(part, key), child(part, inner)),
                Some(Pattern::In(field)) => (child(part, field), None),
                Some(Pattern::Name) => (Some(part), None),
                _ => continue,
            };
            let Some(key) = key else { continue };
            let member = Told::Member(Box::new(told.clone()), self.text(key).to_owned());
            found.meant.push((offset(key.start_byte()), member.clone()));
            match inner {
                Some(inner) => self.bind(inner, &member, found, depth + 1),
                None => found.told.push((offset(key.start_byte()), member)),
            }
        }
    }

    /// Takes in what a node tells of names.
    pub(in crate::source) fn tell(&self, site: Site<'_, '_>, found: &mut Found) {
        let node = site.node;
        let kind = self.table.kind(node.kind_id());
        if let Some(bind) = kind.bind {
            self.tell_bind(site, bind, found);
        }
        if let Some((object, name)) = kind.member
            && let (Some(object), Some(name)) = (child(node, object), child(node, name))
        {
            // Chains of names need no word: each stands behind the one whose member it is.
            let is_chain = match self.table.kind(object.kind_id()).read {
                Some(Read::Name | Read::Last(_)) => true,
                Some(Read::Field(_, field)) => {
                    let field = child(object, field).map(|field| self.text(field));
                    field.is_some_and(|field| !field.starts_with(|c: char| c.is_ascii_digit()))
                }
                _ => false,
            };
            let told = if is_chain { Told::Unknown } else { self.read(object, As::Value, 0) };
            if !told.is_unknown() {
                found.told.push((offset(name.start_byte()), told));
            }
        }
        if let Some(keys) = kind.object {
            self.tell_object(site, keys, found);
        }
        if let Some((field, _)) = kind.keyword
            && let Some(key) = child(node, field)
            && let Some(of) = site.parent().and_then(Site::parent)
        {
            let told = self.of(of.node, "function", As::Value, 0);
            if !told.is_unknown() {
                let told = Told::Field(Box::new(told), self.text(key).to_owned());
                found.meant.push((offset(key.start_byte()), told));
            }
        }
        if kind.is_closure {
            self.tell_closure(site, found);
        }
    }

    fn tell_bind(&self, site: Site<'_, '_>, bind: Bind, found: &mut Found) {
        let node = site.node;
        let value = |field: &str| match field {
            "" => Told::Unknown,
            field => self.of(node, field, As::Value, 0),
        };
        let (names, told) = match bind {
            Bind::Variant(name, takes) => {
                let Some(list) = child(node, takes) else { return };
                let mut walk = list.walk();
                let takes = list.children_by_field_name("type", &mut walk).take(MAX_PARTS);
                let takes = takes.map(|of| self.read(of, As::Type, 0)).collect();
                (name, Told::Function(takes, Box::new(Told::Unknown)))
            }
            Bind::Function(name) => {
                let read = self.table.kind(node.kind_id()).function;
                (name, read.map_or(Told::Unknown, |read| self.function(node, read, 0)))
            }
            Bind::Associated(name) => {
                let of = site.parent().and_then(Site::parent);
                let of = of.map_or(Told::Unknown, |of| self.of(of.node, "type", As::Type, 0));
                if let Some(name) = child(node, name).filter(|_| !of.is_unknown()) {
                    let told = Told::Member(Box::new(of), self.text(name).to_owned());
                    found.meant.push((offset(name.start_byte()), told));
                }
                return;
            }
            Bind::Bounded => {
                let all: Vec<Node<'_>> =
                    children(node).into_iter().filter(|node| !node.is_extra()).collect();
                let name = all.iter().find(|name| self.is_name(**name));
                let last = all.last().filter(|last| Some(*last) != name);
                // Without a bound it may be anything.
                let told = last.map_or(Told::Outside, |of| self.read(*of, As::Type, 0));
                found.told.extend(name.map(|name| (offset(name.start_byte()), told)));
                return;
            }
            Bind::Bound(name, of) => {
                let told = self.of(node, of, As::Type, 0);
                let variable = child(node, name).and_then(|name| self.variable(name, site));
                if let Some(variable) = variable.filter(|_| !told.is_unknown()) {
                    found.bound(offset(variable.start_byte()), told);
                }
                return;
            }
            Bind::Value(names, annotation, of) | Bind::Property(names, annotation, of) => {
                if matches!(bind, Bind::Property(..)) {
                    self.tell_property(node, names, found);
                }
                let told = match annotation {
                    "" => Told::Unknown,
                    field => self.of(node, field, As::Type, 0),
                };
                (names, if told.is_unknown() { value(of) } else { told })
            }
            Bind::Items(names, of) => (names, Told::Item(Box::new(value(of)))),
            Bind::Last(names, of) => (names, Told::Item(Box::new(value(of)))),
            Bind::Inner(names, of) => (names, self.of(node, of, As::Value, 0)),
            Bind::Arm(names, of) => {
                let above = site.parent().and_then(Site::parent);
                (names, above.map_or(Told::Unknown, |above| self.of(above.node, of, As::Value, 0)))
            }
        };
        let names: Vec<Node<'_>> = match names {
            "" => node.named_child(0).into_iter().collect(),
            names => node.children_by_field_name(names, &mut node.walk()).collect(),
        };
        for name in names {
            let last = match bind {
                Bind::Last(..) => {
                    name.named_child(name.named_child_count().saturating_sub(1) as u32)
                }
                _ => None,
            };
            self.bind(last.unwrap_or(name), &told, found, 0);
        }
    }

    /// Tells that a parameter with a modifier is a field of the class around: `constructor(private name: T)`.
    fn tell_property(&self, node: Node<'_>, name: &str, found: &mut Found) {
        let is_modifier = |node: Node<'_>| {
            matches!(node.kind(), "accessibility_modifier" | "override_modifier" | "readonly")
        };
        let name = child(node, name).filter(|name| self.is_name(*name));
        if let Some(name) = name.filter(|_| node.children(&mut node.walk()).any(is_modifier)) {
            let own = Box::new(Told::Own(self.unit));
            let told = Told::Field(own, self.text(name).to_owned());
            found.meant.push((offset(name.start_byte()), told));
        }
    }

    /// Returns the variable of types that a name in a node means, where an item around defines it.
    fn variable<'n>(&self, name: Node<'_>, site: Site<'_, 'n>) -> Option<Node<'n>> {
        for item in std::iter::successors(Some(site), |site| site.parent()) {
            let list = item.node.child_by_field_name("type_parameters").map(children);
            let named = list.into_iter().flatten().filter_map(|of| of.child_by_field_name("name"));
            let mut same = named.filter(|of| self.text(*of) == self.text(name));
            if let Some(found) = same.next() {
                return Some(found);
            }
        }
        None
    }

    fn tell_object(&self, site: Site<'_, '_>, keys: Keys, found: &mut Found) {
        let node = site.node;
        let expected = match keys {
            Keys::Expected => (self.table.expected)(self, site, 0),
            Keys::Above(field) => {
                site.parent().map_or(Told::Unknown, |above| self.of(above.node, field, As::Type, 0))
            }
            Keys::Defined => Told::Unknown,
        };
        let mut names = Vec::new();
        for part in node.named_children(&mut node.walk()).take(500) {
            let fields = ["key", "name", "field", "designator"];
            let key = fields.iter().find_map(|f| part.child_by_field_name(f));
            if key.is_some_and(|key| key.kind() == "subscript_designator") {
                continue;
            }
            // A key without a value names what has the same name.
            let is_short = part.named_child_count() == 0 && part.kind() != "identifier";
            let key = key.or_else(|| is_short.then_some(part));
            if part.kind() == "base_field_initializer" {
                continue;
            }
            let is_pair = matches!(keys, Keys::Above(_)) || part.kind() == "jsx_attribute";
            let key = key.or_else(|| part.named_child(0).filter(|_| is_pair));
            let Some(key) = key else { continue };
            let key =
                if key.named_child_count() == 1 { key.named_child(0).unwrap_or(key) } else { key };
            let at = offset(key.start_byte());
            names.push(at);
            if !expected.is_unknown() {
                let name = self.text(key).to_owned();
                found.meant.push((at, Told::Member(Box::new(expected.clone()), name)));
            }
            if let Some(value) = part.child_by_field_name("value").filter(|_| keys_hold(keys)) {
                let told = self.read(value, As::Value, 0);
                if !told.is_unknown() {
                    found.told.push((at, told));
                }
            }
        }
        found.objects.push(Object { at: offset(node.start_byte()), keys: names });
    }

    /// Tells parameters without a type what the place of their function expects.
    fn tell_closure(&self, site: Site<'_, '_>, found: &mut Found) {
        let node = site.node;
        let Some(Read::Function(parameters, ..)) = self.table.kind(node.kind_id()).read else {
            return;
        };
        let single = node.child_by_field_name("parameter");
        let list: Vec<Node<'_>> = match single {
            Some(single) => vec![single],
            None => child(node, parameters).map(children).unwrap_or_default(),
        };
        if list.is_empty() {
            return;
        }
        let expected = (self.table.expected)(self, site, 0);
        if expected.is_unknown() {
            return;
        }
        for (at, parameter) in (0_u8..).zip(list) {
            let (name, annotation, _) = self.parameter(parameter);
            if let Some(name) = name.filter(|_| annotation.is_none()) {
                let told = Told::Argument(Box::new(expected.clone()), at);
                self.bind(name, &told, found, 0);
            }
        }
    }
}

fn keys_hold(keys: Keys) -> bool {
    matches!(keys, Keys::Expected | Keys::Above(_))
}
