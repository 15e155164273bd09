//! YAML. The outline is the names at the top.

use tree_sitter::Node;

use crate::language::{ITEM, Item, Spec, node_text};

pub(crate) static SPEC: Spec = Spec {
    name: "YAML",
    extensions: &["yaml", "yml"],
    file_names: &[".clang-format", ".clang-tidy", ".clangd", "citation.cff"],
    grammar: || tree_sitter_yaml::LANGUAGE.into(),
    items: &[Item { node: "block_mapping_pair", kind: "key", name: key, ..ITEM }],
    through: &["document", "block_node", "block_mapping"],
};

fn key(node: Node<'_>, text: &str) -> Option<String> {
    node_text(node.child_by_field_name("key")?, text)
}
