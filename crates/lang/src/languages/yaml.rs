//! YAML. The outline is the names at the top.

use tree_sitter::Node;

use crate::language::{ITEM, Item, Reader, Spec, node_text};
use crate::source::Role;
use crate::source::rules::{NO_RULES, Place, Rules};

pub(crate) static SPEC: Spec = Spec {
    name: "YAML",
    extensions: &["yaml", "yml"],
    file_names: &[".clang-format", ".clang-tidy", ".clangd", "citation.cff"],
    reader: Reader::Grammar(|| tree_sitter_yaml::LANGUAGE.into()),
    items: &[Item { node: "block_mapping_pair", kind: "key", name: key, ..ITEM }],
    through: &["document", "block_node", "block_mapping"],
    rules: &RULES,
};

fn key(node: Node<'_>, text: &str) -> Option<String> {
    node_text(node.child_by_field_name("key")?, text)
}

static RULES: Rules = Rules {
    names: &[("anchor_name", Role::Plain), ("alias_name", Role::Plain)],
    texts: &["string_scalar", "double_quote_scalar", "single_quote_scalar", "block_scalar"],
    places: &[
        ("block_mapping_pair.key", Place::Is(Role::Key)),
        ("flow_pair.key", Place::Is(Role::Key)),
        ("flow_node", Place::Same),
        ("plain_scalar", Place::Same),
    ],
    ..NO_RULES
};
