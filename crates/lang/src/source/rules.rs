//! What a language's file says of the nodes that [`source`](crate::source()) reads.

use std::ops::Range;

use tree_sitter::{Node, Tree};

use super::site::Site;
use super::tell::{NO_TELLS, Tells};
use super::{Import, ImportedName, Role, Unit};
use crate::language::node_text;

/// The longest path of a module, and the most parts of it; `../` counts as three.
const MAX_MODULE_BYTES: usize = 1_024;
const MAX_MODULE_PARTS: usize = 128;

/// How to read a language's syntax tree.
pub(crate) struct Rules {
    /// Leaves that are names, with the role they have where their place gives none.
    pub(crate) names: &'static [(&'static str, Role)],
    /// Nodes whose text is taken as a whole.
    pub(crate) texts: &'static [&'static str],
    pub(crate) comments: &'static [&'static str],
    /// Nodes that carry nothing.
    pub(crate) skipped: &'static [&'static str],
    /// Nodes that tell the file's package or namespace.
    pub(crate) packages: &'static [&'static str],
    /// Leaves that the grammar does not read, such as the body of a macro in C.
    pub(crate) unread: &'static [&'static str],
    /// What a name is in a place: `node.field`, or `node` for all children without a field's rule.
    pub(crate) places: &'static [(&'static str, Place)],
    /// Such places that it has in common with another language.
    pub(crate) shared_places: &'static [(&'static str, Place)],
    /// Nodes around an item that belong to it alone: decorators, `export`, the statement.
    pub(crate) wrappers: &'static [&'static str],
    /// Declarations that belong to an item where they hold only one.
    pub(crate) single: &'static [&'static str],
    /// Siblings before an item that belong to it.
    pub(crate) attributes: &'static [&'static str],
    /// Functions without a name.
    pub(crate) scopes: &'static [&'static str],
    /// Whether a class's members are hidden until an access specifier shows them.
    pub(crate) hides_members: bool,
    /// Nodes that name a base as a whole.
    pub(crate) bases: &'static [&'static str],
    pub(crate) imports: &'static [(&'static str, ImportsOf)],
    /// Whether an import that may be an item, and is none, binds the names in it: `const a = require("m")`.
    pub(crate) has_binding_imports: bool,
    /// Tells whether a comment above an item documents it.
    pub(crate) is_doc: fn(&str) -> bool,
    /// Tells whether a text in a type's place names types itself.
    pub(crate) names_types: fn(Site<'_, '_>, &str) -> bool,
    /// Returns bases that no place tells.
    pub(crate) more_bases: fn(Node<'_>, &str) -> Vec<String>,
    /// Whether a capitalised name in a pattern is a use.
    pub(crate) has_constant_patterns: bool,
    /// Returns the documentation inside an item.
    pub(crate) doc_inside: fn(Node<'_>, &str) -> Option<Range<usize>>,
    /// Cuts an outline's name into the class, if it tells it, and the own name.
    pub(crate) split: fn(&str) -> (Option<String>, &str),
    pub(crate) is_exported: fn(&Shown<'_>) -> bool,
    /// How what is told of types is read.
    pub(crate) tells: &'static Tells,
    /// Mends what only the whole file tells.
    pub(crate) finish: fn(&mut super::Source, &str),
    /// Finds the code that the grammar does not read as such.
    pub(crate) opened: fn(&Tree, &str) -> Option<Opened>,
    /// Attributes, as far as their names may be the language's own.
    pub(crate) marks: &'static [&'static str],
    /// Tells whether the names in such an attribute are the language's own, and mean nothing of the project.
    pub(crate) is_builtin: fn(Node<'_>, &str) -> bool,
}

/// A text with code that the grammar does not read as such.
pub(crate) struct Opened {
    /// The text, as long as it is, with that code as the grammar reads it, and its tree.
    pub(crate) code: String,
    pub(crate) tree: Tree,
    /// The nodes in which it was, by their bytes in the text as it is.
    pub(crate) around: Vec<Range<usize>>,
}

/// Adds what an import node imports.
pub(crate) type ImportsOf = fn(Node<'_>, &str, &mut Vec<Import>);

/// What a place in the tree does to the names in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Names have this role.
    Is(Role),
    /// A member: called where the node around it is, defined where that is assigned to.
    Member,
    /// The last part of a path: called where the path is.
    Path,
    /// Names have the role of the node around.
    Same,
    /// The same, if that is a type or a base.
    SameType,
    /// A type, or a base where the node around is one.
    TypeOrBase,
    /// What is assigned to: its members are defined there, names are used.
    Target,
    /// A definition if the node around it is a unit.
    Named,
    /// Names have their leaf's role.
    Free,
    /// A variable of types, as a local.
    Variable,
    /// Tokens of a macro: names go by the characters around them.
    Tokens,
}

/// What is known of a unit when its visibility is asked for.
pub(crate) struct Shown<'a> {
    pub(crate) node: Node<'a>,
    /// The nodes around it, the outermost first.
    pub(crate) around: &'a [Node<'a>],
    pub(crate) text: &'a str,
    pub(crate) name: &'a str,
    pub(crate) parent: Option<&'a Unit>,
    /// Whether an `export` is around it.
    pub(crate) in_export: bool,
    /// Whether an access specifier above it hides it.
    pub(crate) is_hidden: bool,
}

impl Shown<'_> {
    /// Returns the unit's node where it stands.
    pub(crate) fn site(&self) -> Site<'_, '_> {
        Site { node: self.node, around: self.around }
    }

    /// Tells whether the unit is a member of a module, or of an exported type.
    pub(crate) fn parent_is_exported(&self) -> bool {
        self.parent.is_none_or(|parent| parent.is_exported)
    }

    /// Returns the words before the item's name.
    pub(crate) fn head(&self) -> &str {
        let start = self.node.start_byte();
        let end = self.node.child_by_field_name("name").map_or(start, |name| name.start_byte());
        self.text.get(start..end).unwrap_or("")
    }
}

/// Rules that find nothing.
pub(crate) const NO_RULES: Rules = Rules {
    names: &[],
    texts: &[],
    comments: &["comment"],
    skipped: &[],
    packages: &[],
    unread: &[],
    places: &[],
    shared_places: &[],
    wrappers: &[],
    single: &[],
    attributes: &[],
    scopes: &[],
    hides_members: false,
    bases: &[],
    imports: &[],
    has_binding_imports: false,
    is_doc: |_| true,
    names_types: |_, _| false,
    more_bases: |_, _| Vec::new(),
    has_constant_patterns: false,
    doc_inside: |_, _| None,
    split: |name| (None, name),
    is_exported: |_| true,
    tells: &NO_TELLS,
    finish: |_, _| {},
    opened: |_, _| None,
    marks: &[],
    is_builtin: |_, _| false,
};

/// `/** … */`, as in Java and JavaScript.
pub(crate) fn is_javadoc(comment: &str) -> bool {
    comment.starts_with("/**") && comment.len() > 4
}

/// Tells whether a text may tell of a module: each of its parts is looked up, of every name that may come from it.
pub(crate) fn is_module_path(path: &str) -> bool {
    let parts = path.split(['.', '/', '\\', ':']).take(MAX_MODULE_PARTS + 1);
    path.len() <= MAX_MODULE_BYTES && parts.count() <= MAX_MODULE_PARTS
}

/// Returns an import of a whole module.
pub(crate) fn module(node: Node<'_>, from: String) -> Import {
    Import { line: super::line(node.start_position().row), from, ..Import::default() }
}

/// Returns an imported name, with its alias where it is another.
pub(crate) fn imported(name: String, alias: Option<String>) -> ImportedName {
    ImportedName { alias: alias.filter(|alias| *alias != name), name }
}

/// Returns a field's text.
pub(crate) fn field(node: Node<'_>, name: &str, text: &str) -> Option<String> {
    node_text(node.child_by_field_name(name)?, text)
}

/// Returns a string literal's text without its quotes.
pub(crate) fn unquoted(node: Node<'_>, text: &str) -> Option<String> {
    let text = text.get(node.byte_range())?;
    Some(text.trim_matches(['"', '\'', '`']).to_owned())
}
