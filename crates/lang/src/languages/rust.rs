//! Rust.

use tree_sitter::Node;

use crate::language::{ITEM, Item, Spec, node_text};

pub(crate) static SPEC: Spec = Spec {
    name: "Rust",
    extensions: &["rs"],
    file_names: &[],
    grammar: || tree_sitter_rust::LANGUAGE.into(),
    items: &[
        Item { node: "function_item", kind: "function", nested_kind: "method", ..ITEM },
        Item { node: "function_signature_item", kind: "function", nested_kind: "method", ..ITEM },
        Item { node: "struct_item", kind: "struct", ..ITEM },
        Item { node: "union_item", kind: "union", ..ITEM },
        Item { node: "enum_item", kind: "enum", ..ITEM },
        Item { node: "trait_item", kind: "trait", members: true, ..ITEM },
        Item { node: "impl_item", kind: "impl", name: impl_name, members: true, ..ITEM },
        Item { node: "mod_item", kind: "module", members: true, ..ITEM },
        Item { node: "const_item", kind: "const", ..ITEM },
        Item { node: "static_item", kind: "static", ..ITEM },
        Item { node: "type_item", kind: "type", ..ITEM },
        Item { node: "associated_type", kind: "type", ..ITEM },
        Item { node: "macro_definition", kind: "macro", ..ITEM },
    ],
    through: &["declaration_list", "foreign_mod_item"],
};

/// `Type` or `Trait for Type`.
fn impl_name(node: Node<'_>, text: &str) -> Option<String> {
    let name = node_text(node.child_by_field_name("type")?, text)?;
    match node.child_by_field_name("trait").and_then(|node| node_text(node, text)) {
        Some(of) => Some(format!("{of} for {name}")),
        None => Some(name),
    }
}
