//! Reads what expressions, types and declarations tell, by a language's table.

mod binds;
mod tables;

use tree_sitter::Node;

use super::Told;
use super::offset;
use super::site::Site;
use super::table::Table;

pub(crate) use tables::{Bind, Documented, Expected, Keys, NO_TELLS, Pattern, Read, Tells};

/// How deep an expression is read.
const MAX_DEPTH: u8 = 12;
/// The most parts of a union, a tuple or a list of parameters.
const MAX_PARTS: usize = 12;
/// The most arguments of a call among which one is looked for.
const MAX_ARGUMENTS: u32 = 256;
/// The most nodes of a body that are searched for what it returns, and what is kept of that.
const MAX_BODY: usize = 2_000;
const MAX_RETURNS: usize = 4;

/// What was told of a file, by the bytes of names.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Types of definitions, receivers of members.
    pub(super) told: Vec<(u32, Told)>,
    /// What a key means, or a name that is a key as well.
    pub(super) meant: Vec<(u32, Told)>,
    pub(super) objects: Vec<super::Object>,
}

impl Found {
    /// Adds what a variable of types must be to what is told of it.
    fn bound(&mut self, at: u32, told: Told) {
        match self.told.iter_mut().rev().find(|(known, _)| *known == at) {
            Some((_, Told::Either(known))) if known.len() < MAX_PARTS => known.push(told),
            Some((_, Told::Either(_))) => {}
            Some((_, known)) => {
                let before = std::mem::replace(known, Told::Unknown);
                *known = Told::Either(vec![before, told]);
            }
            None => self.told.push((at, told)),
        }
    }
}

/// Reads nodes within one unit.
pub(crate) struct Teller<'t> {
    pub(super) table: &'t Table,
    pub(super) text: &'t str,
    /// The innermost unit; of no use where there is none.
    pub(super) unit: u32,
}

/// Whether a node is read as a value or as a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum As {
    Value,
    Type,
}

/// Returns what a call expects of its argument.
pub(crate) fn argument(teller: &Teller<'_>, site: Site<'_, '_>, _: u8) -> Told {
    let is_list = |list: &Site<'_, '_>| matches!(list.node.kind(), "arguments" | "argument_list");
    let list = site.parent().filter(is_list);
    let of = list.and_then(Site::parent).and_then(|Site { node: call, .. }| {
        call.child_by_field_name("function").or_else(|| call.child_by_field_name("name"))
    });
    let (Some(list), Some(of)) = (list, of) else { return Told::Unknown };
    match place_in(list.node, site.node) {
        Some(at) => match teller.read(of, As::Value, 0) {
            told if told.is_unknown() => Told::Unknown,
            told => Told::Argument(Box::new(told), at),
        },
        None => Told::Unknown,
    }
}

/// Returns an argument's place in a list; `None` of one so far behind that no function takes it.
pub(crate) fn place_in(list: Node<'_>, node: Node<'_>) -> Option<u8> {
    // A list of data has hundreds of thousands, which are not to be counted for each.
    let end = list.named_child(MAX_ARGUMENTS);
    if end.is_some_and(|end| end.start_byte() <= node.start_byte()) {
        return None;
    }
    let mut walk = list.walk();
    let mut arguments = list.named_children(&mut walk).filter(|node| !node.is_extra());
    arguments.position(|argument| argument == node).and_then(|at| u8::try_from(at).ok())
}

/// Returns the child in a field, or the first named one.
pub(crate) fn child<'n>(node: Node<'n>, field: &str) -> Option<Node<'n>> {
    if field.is_empty() {
        return node.named_child(0);
    }
    node.child_by_field_name(field)
}

fn children(node: Node<'_>) -> Vec<Node<'_>> {
    node.named_children(&mut node.walk()).take(MAX_PARTS * 4).collect()
}

impl Teller<'_> {
    pub(crate) fn text(&self, node: Node<'_>) -> &str {
        self.text.get(node.byte_range()).unwrap_or("")
    }

    fn of(&self, node: Node<'_>, field: &str, way: As, depth: u8) -> Told {
        child(node, field).map_or(Told::Unknown, |inner| self.read(inner, way, depth + 1))
    }

    /// Returns what a value or a type tells.
    pub(crate) fn read(&self, node: Node<'_>, way: As, depth: u8) -> Told {
        let Some(read) = self.table.kind(node.kind_id()).read.filter(|_| depth < MAX_DEPTH) else {
            return Told::Unknown;
        };
        let at = offset(node.start_byte());
        let one = |told: Told| Box::new(told);
        match read {
            Read::Name if way == As::Type && matches!(self.text(node), "var" | "auto") => {
                Told::Unknown
            }
            Read::Name if way == As::Type => Told::Type(at, Vec::new()),
            Read::Name if self.table.is_own(self.text(node)) => Told::Own(self.unit),
            Read::Name => Told::Name(at),
            Read::Last(field) => match child(node, field) {
                Some(last) if way == As::Type => {
                    let generic = self.read(last, way, depth + 1);
                    let plain = Told::Type(offset(last.start_byte()), Vec::new());
                    if generic.is_unknown() { plain } else { generic }
                }
                Some(last) => Told::Name(offset(last.start_byte())),
                None => Told::Unknown,
            },
            Read::Field(of, field) => {
                let Some(field) = child(node, field) else { return Told::Unknown };
                match self.text(field).parse() {
                    Ok(place) => Told::Part(one(self.of(node, of, As::Value, depth)), place),
                    Err(_) => Told::Name(offset(field.start_byte())),
                }
            }
            Read::Own => Told::Own(self.unit),
            Read::Super => Told::Super(self.unit),
            Read::In(field) => self.of(node, field, way, depth),
            Read::LastIn => {
                let last = children(node).into_iter().rfind(|node| !node.is_extra());
                last.map_or(Told::Unknown, |last| self.read(last, way, depth + 1))
            }
            Read::Call(field) => Told::Call(one(self.of(node, field, As::Value, depth))),
            Read::Subscript(field) if way == As::Type => {
                let inner = children(node).into_iter().skip(1).flat_map(|node| match node.kind() {
                    "type_parameter" | "type_arguments" => children(node),
                    _ => vec![node],
                });
                let told = inner.map(|node| self.read(node, As::Type, depth + 1)).take(MAX_PARTS);
                with_arguments(self.of(node, field, way, depth), told.collect())
            }
            Read::Item(field) | Read::Subscript(field) => {
                Told::Item(one(self.of(node, field, way, depth)))
            }
            Read::Awaited(field) => Told::Awaited(one(self.of(node, field, way, depth))),
            Read::Typed(field) => self.of(node, field, As::Type, depth),
            Read::Cast => {
                let last = children(node).into_iter().next_back();
                let told = last.map_or(Told::Unknown, |last| self.read(last, As::Type, depth + 1));
                // `as const`, `as any` say nothing: the value does.
                let says = !matches!(told, Told::Unknown | Told::Outside);
                if says { told } else { self.of(node, "", As::Value, depth) }
            }
            Read::Query => self.of(node, "", As::Value, depth),
            Read::Either([]) => self.either(children(node), way, depth),
            Read::Either(fields) => {
                self.either(fields.iter().filter_map(|f| child(node, f)).collect(), way, depth)
            }
            Read::List(field) => Told::List(one(self.of(node, field, way, depth))),
            Read::Tuple => {
                let inner = children(node).into_iter().filter(|node| !node.is_extra());
                let inner: Vec<Node<'_>> = inner.take(MAX_PARTS).collect();
                if let [only] = inner.as_slice() {
                    return self.read(*only, way, depth + 1);
                }
                let inner = inner.into_iter();
                Told::Tuple(inner.map(|node| self.read(node, way, depth + 1)).collect())
            }
            Read::Generic(name, arguments) => {
                let inner = child(node, arguments).map(children).unwrap_or_default().into_iter();
                // Lifetimes are none.
                let inner = inner.filter(|node| self.table.kind(node.kind_id()).read.is_some());
                let told = inner.map(|node| self.read(node, As::Type, depth + 1));
                let told = told.take(MAX_PARTS).collect();
                with_arguments(self.of(node, name, As::Type, depth), told)
            }
            Read::Function(..) => self.function(node, read, depth),
            Read::Structure(field) => match child(node, field) {
                Some(name) if !field.is_empty() => self.read(name, As::Type, depth + 1),
                _ => Told::Own(self.unit),
            },
            Read::Object => Told::Object(at),
            Read::Indexed => {
                let key = node.named_child(1).map_or("", |key| self.text(key));
                let of = one(self.of(node, "", As::Type, depth));
                match key.trim_matches(['"', '\'']) {
                    name if name.len() < key.len() => Told::Member(of, name.to_owned()),
                    _ => Told::Item(of),
                }
            }
            Read::Text if way == As::Type => {
                let name = self.text(node).trim_matches(['"', '\'']);
                let is_name = name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.'));
                if is_name { Told::Written(name.to_owned()) } else { Told::Unknown }
            }
            Read::Text | Read::Outside => Told::Outside,
        }
    }

    fn either(&self, nodes: Vec<Node<'_>>, way: As, depth: u8) -> Told {
        let told = nodes.into_iter().map(|node| self.read(node, way, depth + 1));
        let mut told: Vec<Told> =
            told.filter(|told| !matches!(told, Told::Unknown)).take(MAX_PARTS).collect();
        match told.len() {
            0 => Told::Unknown,
            1 => told.remove(0),
            _ => {
                // `Foo | null`: what is no part of the project has no members.
                if told.iter().any(|told| *told != Told::Outside) {
                    told.retain(|told| *told != Told::Outside);
                }
                if told.len() == 1 { told.remove(0) } else { Told::Either(told) }
            }
        }
    }

    /// Returns a function by what it takes and returns.
    pub(super) fn function(&self, node: Node<'_>, read: Read, depth: u8) -> Told {
        let Read::Function(parameters, returns, body) = read else { return Told::Unknown };
        let list = child(node, parameters);
        let takes = match list {
            // `x => …` has the name itself in the field.
            Some(list) => match self.table.kind(list.kind_id()).pattern {
                Some(_) => vec![Told::Name(offset(list.start_byte()))],
                None => self.parameters(list, depth),
            },
            None => child(node, "parameter")
                .map(|name| vec![Told::Name(offset(name.start_byte()))])
                .unwrap_or_default(),
        };
        let mut told = self.of(node, returns, As::Type, depth);
        if returns.is_empty() || told.is_unknown() {
            let of = child(node, body).filter(|_| !body.is_empty());
            told = of.map_or(Told::Unknown, |body| self.returned(body, depth + 1));
        }
        Told::Function(takes, Box::new(told))
    }

    fn parameters(&self, list: Node<'_>, depth: u8) -> Vec<Told> {
        let mut takes = Vec::new();
        for parameter in children(list) {
            let (name, annotation, count) = self.parameter(parameter);
            if name.is_some_and(|name| takes.is_empty() && self.table.is_own(self.text(name)))
                || parameter.is_extra()
                || parameter.kind() == "self_parameter"
            {
                continue;
            }
            let told = annotation.map_or(Told::Unknown, |of| self.read(of, As::Type, depth + 1));
            let told = match name.filter(|name| self.is_name(*name)) {
                Some(name) if told.is_unknown() => Told::Name(offset(name.start_byte())),
                _ => told,
            };
            takes.extend(std::iter::repeat_n(told, count));
            if takes.len() >= MAX_PARTS {
                break;
            }
        }
        takes
    }

    /// Returns a parameter's pattern, its type and how many names it has.
    fn parameter<'n>(&self, node: Node<'n>) -> (Option<Node<'n>>, Option<Node<'n>>, usize) {
        let Some(Bind::Value(names, annotation, _)) = self.table.kind(node.kind_id()).parameter
        else {
            return (Some(node), None, 1);
        };
        let count = match names {
            "" => 1,
            names => node.children_by_field_name(names, &mut node.walk()).count(),
        };
        let annotation = node.child_by_field_name(annotation);
        (child(node, names), annotation, count.clamp(1, MAX_PARTS))
    }

    fn is_name(&self, node: Node<'_>) -> bool {
        matches!(self.table.kind(node.kind_id()).pattern, Some(Pattern::Name))
    }

    /// Returns what a body returns: an expression itself, else what its `return`s say.
    fn returned(&self, body: Node<'_>, depth: u8) -> Told {
        let own = self.read(body, As::Value, depth);
        if !own.is_unknown() {
            return own;
        }
        let mut found = Vec::new();
        let mut open = vec![body];
        let mut looks = 0;
        while let Some(node) = open.pop().filter(|_| looks < MAX_BODY && found.len() < MAX_RETURNS)
        {
            looks += 1;
            let kind = self.table.kind(node.kind_id());
            if kind.returns {
                found.extend(node.named_child(0));
                continue;
            }
            if !kind.is_closure || node == body {
                let from = open.len();
                open.extend(node.named_children(&mut node.walk()));
                open.get_mut(from..).into_iter().for_each(<[Node<'_>]>::reverse);
            }
        }
        self.either(found, As::Value, depth)
    }

    /// Returns what a unit's node tells: a function by what it takes and returns, an alias by what it stands for, a class
    /// by what it extends.
    pub(super) fn unit_told(&self, node: Node<'_>) -> Told {
        let kind = self.table.kind(node.kind_id());
        if let Some(field) = kind.alias {
            let told = self.of(node, field, As::Type, 0);
            return if told == Told::Own(self.unit) { Told::Unknown } else { told };
        }
        if let Some(read) = kind.function {
            return self.function(node, read, 0);
        }
        let value = ["value", "right"].iter().find_map(|field| node.child_by_field_name(field));
        match value {
            Some(value) if self.table.kind(value.kind_id()).is_closure => {
                self.read(value, As::Value, 0)
            }
            _ => Told::Unknown,
        }
    }
}

impl Told {
    /// Returns a union of types as a comment writes it: `A|null`, `Array<A>`.
    fn documented(text: &str) -> Self {
        let one = |text: &str| {
            let text = text.trim().trim_matches(['?', '!', '(', ')', ' ']);
            let inner = text
                .strip_suffix("[]")
                .or_else(|| text.strip_prefix("Array<").or_else(|| text.strip_prefix("Array.<")))
                .map(|inner| inner.trim_end_matches('>'));
            let inner = inner.map(|inner| Told::List(Box::new(Told::Written(inner.to_owned()))));
            let text = text.strip_prefix("Promise<").unwrap_or(text).trim_end_matches('>');
            let is_name = text.starts_with(char::is_uppercase)
                && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '$'));
            inner.or_else(|| is_name.then(|| Told::Written(text.to_owned())))
        };
        let mut all: Vec<Told> = text.split('|').filter_map(one).take(MAX_PARTS).collect();
        match all.len() {
            0 => Told::Unknown,
            1 => all.remove(0),
            _ => Told::Either(all),
        }
    }
}

/// Puts what a unit's comment tells of types in the place of what is not known.
pub(super) fn add_documented(
    told: &mut Told,
    comment: &str,
    table: &Table,
    text: &str,
    found: &mut Found,
) {
    let documented = (table.documented)(comment);
    let Told::Function(takes, returns) = told else { return };
    for (name, of) in documented {
        let of = Told::documented(of);
        if of.is_unknown() {
            continue;
        }
        let Some(name) = name else {
            if returns.is_unknown() || !matches!(**returns, Told::Type(..) | Told::List(_)) {
                **returns = of;
            }
            continue;
        };
        let place = takes.iter_mut().find(|taken| match taken {
            Told::Name(at) => text.get(*at as usize..).is_some_and(|text| {
                text.strip_prefix(name).is_some_and(|rest| {
                    !rest.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '$'))
                })
            }),
            _ => false,
        });
        if let Some(taken) = place {
            if let Told::Name(at) = taken {
                found.told.push((*at, of.clone()));
            }
            *taken = of;
        }
    }
}

fn with_arguments(told: Told, arguments: Vec<Told>) -> Told {
    match told {
        Told::Type(at, _) => Told::Type(at, arguments),
        other => other,
    }
}
