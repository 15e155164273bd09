//! TOML. The outline is its tables and the keys before the first one.

use tree_sitter::Node;

use crate::language::{ITEM, Item, Reader, Spec, node_text};
use crate::source::Role;
use crate::source::rules::{NO_RULES, Rules};

pub(crate) static SPEC: Spec = Spec {
    name: "TOML",
    extensions: &["toml"],
    file_names: &["cargo.lock", "poetry.lock", "uv.lock", "pdm.lock", "pipfile"],
    reader: Reader::Grammar(|| tree_sitter_toml_ng::LANGUAGE.into()),
    items: &[
        Item { node: "table", kind: "table", name: first, ..ITEM },
        Item { node: "table_array_element", kind: "table", name: first, ..ITEM },
        Item { node: "pair", kind: "key", name: first, ..ITEM },
    ],
    through: &[],
    rules: &RULES,
};

fn first(node: Node<'_>, text: &str) -> Option<String> {
    node_text(node.named_child(0)?, text)
}

static RULES: Rules = Rules {
    names: &[("bare_key", Role::Key), ("quoted_key", Role::Key)],
    texts: &["string"],
    ..NO_RULES
};
