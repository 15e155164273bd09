//! Reads what expressions, types and declarations tell, by a language's table.

use tree_sitter::Node;

use super::Told;
use super::offset;
use super::table::Table;

/// How deep an expression is read.
const MAX_DEPTH: u8 = 12;
/// The most parts of a union, a tuple or a list of parameters.
const MAX_PARTS: usize = 12;
/// The most nodes of a body that are searched for what it returns, and what is kept of that.
const MAX_BODY: usize = 2_000;
const MAX_RETURNS: usize = 4;

/// How a node is read that is a value or a type. The texts are fields; an empty one is the first named child.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Read {
    /// A name.
    Name,
    /// A path: what the name in the field means, the last of it.
    Last(&'static str),
    /// A member of a value: of the value, of the member; a number is a part.
    Field(&'static str, &'static str),
    /// The object around.
    Own,
    /// Its bases.
    Super,
    /// As what is in it.
    In(&'static str),
    /// As the last thing in it.
    LastIn,
    /// A call of what is in it.
    Call(&'static str),
    /// An item of what is in it.
    Item(&'static str),
    /// An item as a value; as a type the generic one with its arguments.
    Subscript(&'static str),
    /// What comes of awaiting it.
    Awaited(&'static str),
    /// A value of the type in it.
    Typed(&'static str),
    /// A value of the type that stands last in it.
    Cast,
    /// The value that a type asks for, as `typeof x`.
    Query,
    /// A text; as a type the type of that name.
    Text,
    /// One of what is in the fields; without any, of all that is in it.
    Either(&'static [&'static str]),
    /// A list; of types the type of its items.
    List(&'static str),
    Tuple,
    /// A type's name with its arguments: of the name, of the arguments.
    Generic(&'static str, &'static str),
    /// A structure by its name in the field; without one its members are those of the unit around.
    Structure(&'static str),
    /// A function or its type: the parameters, the type that it returns, its body.
    Function(&'static str, &'static str, &'static str),
    /// An object, or a type that is written as one.
    Object,
    /// A type's member by a text: `T["name"]`.
    Indexed,
    /// Nothing of the project.
    Outside,
}

/// What is bound to names, and what is told of it. The texts are fields.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bind {
    /// The names, the type, the value.
    Value(&'static str, &'static str, &'static str),
    /// The names, that whose items they are.
    Items(&'static str, &'static str),
    /// The names, that which has another name by them.
    Inner(&'static str, &'static str),
    /// The names of which the last is given the items, and of what.
    Last(&'static str, &'static str),
    /// The names of a case, and the field of what is looked at, two nodes above.
    Arm(&'static str, &'static str),
    /// The name of a variant, and the types that it takes.
    Variant(&'static str, &'static str),
    /// The name of a function without a body.
    Function(&'static str),
    /// The name of a type's member within the type's arguments: `Iterator<Item = u8>`.
    Associated(&'static str),
    /// A variable of types by its name, and what it must be; it is defined elsewhere in the item.
    Bound(&'static str, &'static str),
}

/// How a pattern gives parts of a value to names.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pattern {
    Name,
    /// Members by their names; the children are names and pairs of these fields.
    Members,
    /// A member of a name: the fields of the key and of the pattern.
    Pair(&'static str, &'static str),
    /// Parts by their places.
    Parts,
    /// As the pattern in the field.
    In(&'static str),
    /// As the last pattern in it.
    Last,
    /// What is inside of the value: `Some(x)`.
    Inner,
    /// Members of a type: of the field.
    Of(&'static str),
}

/// How a language's declarations and expressions are read.
pub(crate) struct Tells {
    pub(crate) reads: &'static [(&'static str, Read)],
    pub(crate) patterns: &'static [(&'static str, Pattern)],
    pub(crate) binds: &'static [(&'static str, Bind)],
    /// Accesses to members: the fields of the object and of the name.
    pub(crate) members: &'static [(&'static str, (&'static str, &'static str))],
    /// Arguments by name: the fields of the name and of the value.
    pub(crate) keywords: &'static [(&'static str, (&'static str, &'static str))],
    /// Objects whose keys are members of a type: the field of the type, or nothing where only the place tells.
    pub(crate) objects: &'static [(&'static str, Keys)],
    /// Parameters, for what a function takes.
    pub(crate) parameters: &'static [(&'static str, Bind)],
    /// Names of parameters that no call gives.
    pub(crate) own: &'static [&'static str],
    /// Nodes that return what is in them.
    pub(crate) returns: &'static [&'static str],
    /// Functions within functions.
    pub(crate) closures: &'static [&'static str],
    /// Units that stand for a type: the node and the field of it.
    pub(crate) aliases: &'static [(&'static str, &'static str)],
    /// Units that are functions: the node or what the field in the last place holds.
    pub(crate) functions: &'static [(&'static str, Read)],
    /// Returns what a place expects of the node in it.
    pub(crate) expected: Expected,
    /// Returns the types that a comment tells: of parameters by their names, of what is returned or held.
    pub(crate) documented: Documented,
    /// Whether the text around a name may tell more than the syntax does, as in macros.
    pub(crate) by_text: bool,
}

/// Returns the types that a comment tells: of parameters by their names, of what is returned or held.
pub(crate) type Documented = fn(&str) -> Vec<(Option<&str>, &str)>;

/// Returns what a place expects of the node in it.
pub(crate) type Expected = fn(&Teller<'_>, Node<'_>, u8) -> Told;

/// Whose members the keys of an object are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Keys {
    /// Of what the place expects; the object's children with a `key` or a `name`.
    Expected,
    /// Of the type in the field of the node above the object.
    Above(&'static str),
    /// They define its members.
    Defined,
}

/// Tables that tell nothing.
pub(crate) const NO_TELLS: Tells = Tells {
    reads: &[],
    patterns: &[],
    binds: &[],
    members: &[],
    keywords: &[],
    objects: &[],
    parameters: &[],
    own: &[],
    returns: &[],
    closures: &[],
    aliases: &[],
    functions: &[],
    expected: |_, _, _| Told::Unknown,
    documented: |_| Vec::new(),
    by_text: false,
};

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
pub(crate) fn argument(teller: &Teller<'_>, node: Node<'_>, _: u8) -> Told {
    let list = node.parent().filter(|list| matches!(list.kind(), "arguments" | "argument_list"));
    let call = list.and_then(|list| list.parent());
    let of = call.and_then(|call| {
        call.child_by_field_name("function").or_else(|| call.child_by_field_name("name"))
    });
    let (Some(list), Some(of)) = (list, of) else { return Told::Unknown };
    let told = teller.read(of, As::Value, 0);
    let mut walk = list.walk();
    let mut arguments = list.named_children(&mut walk).filter(|node| !node.is_extra());
    let at = arguments.position(|argument| argument == node).and_then(|at| u8::try_from(at).ok());
    match at {
        Some(at) if !told.is_unknown() => Told::Argument(Box::new(told), at),
        _ => Told::Unknown,
    }
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

    /// Gives a value to the names of a pattern.
    pub(super) fn bind(&self, pattern: Node<'_>, told: &Told, found: &mut Found, depth: u8) {
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
            Pattern::Parts => {
                let parts = children(pattern);
                // `x := f()`, where more names could stand.
                if let ([only], "expression_list") = (parts.as_slice(), pattern.kind()) {
                    return self.bind(*only, told, found, depth + 1);
                }
                for (at, part) in (0_u8..).zip(parts) {
                    let told = Told::Part(Box::new(told.clone()), at);
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
    pub(super) fn tell(&self, node: Node<'_>, found: &mut Found) {
        let kind = self.table.kind(node.kind_id());
        if let Some(bind) = kind.bind {
            self.tell_bind(node, bind, found);
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
            self.tell_object(node, keys, found);
        }
        if let Some((field, _)) = kind.keyword
            && let Some(key) = child(node, field)
            && let Some(of) = node.parent().and_then(|list| list.parent())
        {
            let told = self.of(of, "function", As::Value, 0);
            if !told.is_unknown() {
                let told = Told::Field(Box::new(told), self.text(key).to_owned());
                found.meant.push((offset(key.start_byte()), told));
            }
        }
        if kind.is_closure {
            self.tell_closure(node, found);
        }
    }

    fn tell_bind(&self, node: Node<'_>, bind: Bind, found: &mut Found) {
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
                let of = node.parent().and_then(|list| list.parent());
                let of = of.map_or(Told::Unknown, |of| self.of(of, "type", As::Type, 0));
                if let Some(name) = child(node, name).filter(|_| !of.is_unknown()) {
                    let told = Told::Member(Box::new(of), self.text(name).to_owned());
                    found.meant.push((offset(name.start_byte()), told));
                }
                return;
            }
            Bind::Bound(name, of) => {
                let told = self.of(node, of, As::Type, 0);
                let variable = child(node, name).and_then(|name| self.variable(name));
                if let Some(variable) = variable.filter(|_| !told.is_unknown()) {
                    found.bound(offset(variable.start_byte()), told);
                }
                return;
            }
            Bind::Value(names, annotation, of) => {
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
                let above = node.parent().and_then(|parent| parent.parent());
                (names, above.map_or(Told::Unknown, |above| self.of(above, of, As::Value, 0)))
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

    /// Returns the variable of types that a name means, where an item around defines it.
    fn variable<'n>(&self, name: Node<'n>) -> Option<Node<'n>> {
        let mut around = name.parent();
        while let Some(item) = around {
            let list = item.child_by_field_name("type_parameters").map(children);
            let named = list.into_iter().flatten().filter_map(|of| of.child_by_field_name("name"));
            let mut same = named.filter(|of| self.text(*of) == self.text(name));
            if let Some(found) = same.next() {
                return Some(found);
            }
            around = item.parent();
        }
        None
    }

    fn tell_object(&self, node: Node<'_>, keys: Keys, found: &mut Found) {
        let expected = match keys {
            Keys::Expected => (self.table.expected)(self, node, 0),
            Keys::Above(field) => {
                node.parent().map_or(Told::Unknown, |above| self.of(above, field, As::Type, 0))
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
        found.objects.push(super::Object { at: offset(node.start_byte()), keys: names });
    }

    /// Tells parameters without a type what the place of their function expects.
    fn tell_closure(&self, node: Node<'_>, found: &mut Found) {
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
        let expected = (self.table.expected)(self, node, 0);
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

    /// Returns what a unit's node tells: a function by what it takes and returns, an alias by what it stands for.
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

fn keys_hold(keys: Keys) -> bool {
    matches!(keys, Keys::Expected | Keys::Above(_))
}

fn with_arguments(told: Told, arguments: Vec<Told>) -> Told {
    match told {
        Told::Type(at, _) => Told::Type(at, arguments),
        other => other,
    }
}
