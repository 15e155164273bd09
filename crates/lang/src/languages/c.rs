//! C.

use tree_sitter::Node;

use crate::Language;
use crate::language::{ITEM, Item, Reader, Spec, name_field, node_text};
use crate::source::rules::{NO_RULES, Place, Rules, Shown, module};
use crate::source::{Import, Role};

pub(crate) mod branches;
mod marks;
mod told;

pub(crate) static SPEC: Spec = Spec {
    name: "C",
    extensions: &["c", "h"],
    file_names: &[],
    reader: Reader::Grammar(|| tree_sitter_c::LANGUAGE.into()),
    items: &[
        Item { node: "function_definition", kind: "function", name: declarator_name, ..ITEM },
        Item { node: "declaration", kind: "function", name: declared_function, ..ITEM },
        Item { node: "struct_specifier", kind: "struct", name: defined, ..ITEM },
        Item { node: "union_specifier", kind: "union", name: defined, ..ITEM },
        Item { node: "enum_specifier", kind: "enum", name: defined, ..ITEM },
        Item { node: "type_definition", kind: "type", name: declarator_name, ..ITEM },
        Item { node: "preproc_def", kind: "macro", ..ITEM },
        Item { node: "preproc_function_def", kind: "macro", ..ITEM },
    ],
    through: &[
        "preproc_if",
        "preproc_ifdef",
        "preproc_else",
        "preproc_elif",
        "linkage_specification",
        "declaration_list",
    ],
    rules: &RULES,
};

/// Follows declarators (`*`, `[]`, parameter lists) to the name in them.
pub(crate) fn declarator_name(node: Node<'_>, text: &str) -> Option<String> {
    let mut declarator = node.child_by_field_name("declarator")?;
    for _ in 0..32 {
        let inner =
            declarator.child_by_field_name("declarator").or_else(|| match declarator.kind() {
                "parenthesized_declarator" | "reference_declarator" => declarator.named_child(0),
                _ => None,
            });
        match inner {
            Some(inner) => declarator = inner,
            None => break,
        }
    }
    node_text(declarator, text)
}

/// A function's prototype.
pub(crate) fn declared_function(node: Node<'_>, text: &str) -> Option<String> {
    let mut declarator = node.child_by_field_name("declarator")?;
    while declarator.kind() == "pointer_declarator" {
        declarator = declarator.child_by_field_name("declarator")?;
    }
    (declarator.kind() == "function_declarator").then_some(())?;
    declarator_name(node, text)
}

/// A structure where it is defined, not where it is used.
pub(crate) fn defined(node: Node<'_>, text: &str) -> Option<String> {
    node.child_by_field_name("body")?;
    name_field(node, text)
}

static RULES: Rules = Rules {
    tells: &told::TELLS,
    opened: |tree, text| branches::opened(Language::C, tree, text),
    ..C_RULES
};

/// What C and C++ have in common.
pub(crate) const C_RULES: Rules = Rules {
    shared_places: &[
        ("function_declarator.declarator", Place::Is(Role::Definition)),
        ("parenthesized_declarator", Place::Same),
        ("pointer_declarator.declarator", Place::Same),
        ("array_declarator.declarator", Place::Same),
        ("init_declarator.declarator", Place::Same),
        ("declaration.declarator", Place::Is(Role::Local)),
        ("parameter_declaration.declarator", Place::Is(Role::Local)),
        ("parameter_list", Place::Is(Role::Local)),
        ("field_declaration.declarator", Place::Is(Role::Definition)),
        ("type_definition.declarator", Place::Is(Role::Definition)),
        ("struct_specifier.name", Place::Named),
        ("union_specifier.name", Place::Named),
        ("enum_specifier.name", Place::Named),
        ("enumerator.name", Place::Is(Role::Definition)),
        ("preproc_def.name", Place::Is(Role::Definition)),
        ("preproc_function_def.name", Place::Is(Role::Definition)),
        ("preproc_params", Place::Is(Role::Local)),
        ("call_expression.function", Place::Is(Role::Call)),
        ("field_expression.field", Place::Path),
        ("field_designator", Place::Is(Role::Key)),
    ],
    names: &[
        ("identifier", Role::Plain),
        ("type_identifier", Role::Type),
        ("field_identifier", Role::Member),
        ("namespace_identifier", Role::Plain),
    ],
    texts: &["string_content", "raw_string_content"],
    skipped: &["statement_identifier", "raw_string_delimiter"],
    unread: &["preproc_arg"],
    bases: &["type_identifier", "qualified_identifier", "template_type"],
    imports: &[("preproc_include", includes)],
    is_exported,
    ..NO_RULES
};

/// `static` hides a function from other files.
fn is_exported(shown: &Shown<'_>) -> bool {
    let text = shown.text.get(shown.node.byte_range()).unwrap_or("");
    let head = text.split(['(', '{', '=', ';']).next().unwrap_or("");
    let is_static = head.split_whitespace().any(|word| word == "static");
    let is_member = shown.parent.is_some_and(|parent| parent.kind != "namespace");
    !shown.is_hidden && (is_member || !is_static) && shown.parent_is_exported()
}

fn includes(node: Node<'_>, text: &str, imports: &mut Vec<Import>) {
    let path = node.child_by_field_name("path").and_then(|path| node_text(path, text));
    if let Some(path) = path {
        imports
            .push(Import { is_wildcard: true, ..module(node, path.trim_matches('"').to_owned()) });
    }
}
