//! A language's rules by the numbers of its grammar, so that a node costs a look into a table.

use std::collections::HashMap;
use std::sync::OnceLock;

use super::Role;
use super::rules::{ImportsOf, Place};
use super::tell::{Bind, Documented, Expected, Keys, Pattern, Read};
use crate::Language;
use crate::language::{Item, Spec};

/// What is done at a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// Its children are visited.
    Visit,
    /// It carries no words.
    Pass,
    Name(Role),
    Text,
    Comment,
    Unread,
}

/// What is known of a kind of node.
pub(super) struct Kind {
    pub(super) act: Act,
    pub(super) items: Vec<&'static Item>,
    pub(super) imports: Option<ImportsOf>,
    /// Places of children by field; the one without a field goes for all others.
    places: Vec<(Option<u16>, Place)>,
    pub(super) is_wrapper: bool,
    pub(super) is_single: bool,
    pub(super) is_attribute: bool,
    pub(super) is_mark: bool,
    pub(super) is_access: bool,
    pub(super) is_export: bool,
    pub(super) is_base: bool,
    pub(super) is_scope: bool,
    pub(super) is_package: bool,
    pub(super) is_decorated: bool,
    /// Whether items below it are as open as those around it.
    pub(super) is_through: bool,
    pub(super) read: Option<Read>,
    pub(super) pattern: Option<Pattern>,
    pub(super) bind: Option<Bind>,
    pub(super) parameter: Option<Bind>,
    pub(super) member: Option<(&'static str, &'static str)>,
    pub(super) keyword: Option<(&'static str, &'static str)>,
    pub(super) object: Option<Keys>,
    pub(super) function: Option<Read>,
    pub(super) alias: Option<&'static str>,
    pub(super) returns: bool,
    pub(super) is_closure: bool,
}

impl Kind {
    /// Tells whether children have places at all.
    pub(super) fn has_places(&self) -> bool {
        !self.places.is_empty()
    }

    /// Tells whether it says something of names' types.
    pub(super) fn tells(&self) -> bool {
        self.bind.is_some()
            || self.member.is_some()
            || self.object.is_some()
            || self.keyword.is_some()
            || self.is_closure
    }

    /// Returns the place of a child.
    pub(super) fn place(&self, field: Option<u16>) -> Place {
        let any = || self.places.iter().find(|(of, _)| of.is_none());
        let own = self.places.iter().find(|(of, _)| of.is_some() && *of == field);
        own.or_else(any).map_or(Place::Free, |(_, place)| *place)
    }
}

/// What is known of a grammar's kinds, by number.
pub(super) struct Table {
    kinds: Vec<Kind>,
    /// Stands for kinds that the grammar does not number, such as errors.
    error: Kind,
    own: &'static [&'static str],
    pub(super) expected: Expected,
    pub(super) documented: Documented,
}

impl Table {
    /// Returns what is known of a kind.
    pub(super) fn kind(&self, id: u16) -> &Kind {
        self.kinds.get(usize::from(id)).unwrap_or(&self.error)
    }

    fn new(spec: &'static Spec, grammar: &tree_sitter::Language) -> Self {
        let rules = spec.rules;
        let mut places: HashMap<&str, Vec<(Option<u16>, Place)>> = HashMap::new();
        for (at, place) in rules.places.iter().chain(rules.shared_places) {
            let (node, field) = at.split_once('.').map_or((*at, None), |(n, f)| (n, Some(f)));
            let id = field.and_then(|field| grammar.field_id_for_name(field));
            debug_assert!(field.is_none() || id.is_some(), "{}: no field {at}", spec.name);
            if field.is_none() || id.is_some() {
                places.entry(node).or_default().push((id.map(u16::from), *place));
            }
        }
        let count = u16::try_from(grammar.node_kind_count()).unwrap_or(u16::MAX);
        let kinds = (0..count)
            .map(|id| {
                let name = grammar.node_kind_for_id(id).unwrap_or("");
                kind_of(spec, name, grammar.node_kind_is_named(id), &places)
            })
            .collect();
        let error = Kind { is_through: true, ..kind_of(spec, "ERROR", true, &places) };
        Self {
            kinds,
            error,
            own: rules.tells.own,
            expected: rules.tells.expected,
            documented: rules.tells.documented,
        }
    }

    /// Tells whether a name is that of the object around, such as `self`.
    pub(super) fn is_own(&self, name: &str) -> bool {
        self.own.contains(&name)
    }
}

fn kind_of(
    spec: &'static Spec,
    name: &str,
    is_named: bool,
    places: &HashMap<&str, Vec<(Option<u16>, Place)>>,
) -> Kind {
    let rules = spec.rules;
    let is = |names: &[&str]| is_named && names.contains(&name);
    let role = rules.names.iter().find(|(kind, _)| *kind == name).map(|(_, role)| *role);
    let act = match role {
        _ if !is_named || is(rules.skipped) => Act::Pass,
        Some(role) => Act::Name(role),
        None if is(rules.comments) => Act::Comment,
        None if is(rules.texts) => Act::Text,
        None if is(rules.unread) => Act::Unread,
        None => Act::Visit,
    };
    let import = rules.imports.iter().find(|(kind, _)| is_named && *kind == name);
    let is_export = is_named && name == "export_statement";
    let tells = rules.tells;
    Kind {
        act,
        items: spec.items.iter().filter(|item| is_named && item.node == name).collect(),
        imports: import.map(|(_, imports)| *imports),
        places: places.get(name).filter(|_| is_named).cloned().unwrap_or_default(),
        is_wrapper: is(rules.wrappers) || is_export,
        is_single: is(rules.single),
        is_attribute: is(rules.attributes),
        is_mark: is(rules.marks),
        is_access: is_named && name == "access_specifier",
        is_export,
        is_base: is(rules.bases),
        is_package: is(rules.packages),
        is_scope: is(rules.scopes),
        is_decorated: is_named && name == "decorated_definition",
        is_through: is(spec.through) || is(rules.wrappers) || is(rules.single),
        read: of(is_named, name, tells.reads),
        pattern: of(is_named, name, tells.patterns),
        bind: of(is_named, name, tells.binds),
        parameter: of(is_named, name, tells.parameters),
        member: of(is_named, name, tells.members),
        keyword: of(is_named, name, tells.keywords),
        object: of(is_named, name, tells.objects),
        function: of(is_named, name, tells.functions),
        alias: of(is_named, name, tells.aliases),
        returns: is(tells.returns),
        is_closure: is(tells.closures),
    }
}

/// Returns what a list says of a kind of node.
fn of<T: Copy>(is_named: bool, name: &str, list: &[(&str, T)]) -> Option<T> {
    list.iter().find(|(kind, _)| is_named && *kind == name).map(|(_, told)| *told)
}

/// Returns a language's table, made when it is first needed.
pub(super) fn table(language: Language, grammar: fn() -> tree_sitter::Language) -> &'static Table {
    static TABLES: [OnceLock<Table>; Language::COUNT] =
        [const { OnceLock::new() }; Language::COUNT];
    static NONE: OnceLock<Table> = OnceLock::new();
    let slot = TABLES.get(language as usize).unwrap_or(&NONE);
    slot.get_or_init(|| Table::new(language.spec(), &grammar()))
}
