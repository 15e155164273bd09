//! C.

use tree_sitter::Node;

use crate::language::{ITEM, Item, Spec, name_field, node_text};

pub(crate) static SPEC: Spec = Spec {
    name: "C",
    extensions: &["c", "h"],
    file_names: &[],
    grammar: || tree_sitter_c::LANGUAGE.into(),
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
