//! Go.

use tree_sitter::Node;

use crate::language::{ITEM, Item, Spec, name_field, node_text};

pub(crate) static SPEC: Spec = Spec {
    name: "Go",
    extensions: &["go"],
    file_names: &[],
    grammar: || tree_sitter_go::LANGUAGE.into(),
    items: &[
        Item { node: "function_declaration", kind: "function", ..ITEM },
        Item { node: "method_declaration", kind: "method", name: method_name, ..ITEM },
        Item { node: "type_spec", kind: "type", ..ITEM },
        Item { node: "type_alias", kind: "type", ..ITEM },
        Item { node: "const_spec", kind: "const", ..ITEM },
        Item { node: "var_spec", kind: "variable", ..ITEM },
    ],
    through: &["type_declaration", "const_declaration", "var_declaration", "var_spec_list"],
};

/// `Type.Name`: methods stand apart from their type.
fn method_name(node: Node<'_>, text: &str) -> Option<String> {
    let name = name_field(node, text)?;
    let receiver = node.child_by_field_name("receiver").and_then(|node| node_text(node, text));
    let receiver = receiver.as_deref().unwrap_or("").trim_matches(['(', ')']);
    let of = receiver.split_whitespace().next_back().unwrap_or("").trim_start_matches('*');
    let of = of.split('[').next().unwrap_or(of);
    Some(if of.is_empty() { name } else { format!("{of}.{name}") })
}
