//! Shell scripts.

use crate::language::{ITEM, Item, Spec};

pub(crate) static SPEC: Spec = Spec {
    name: "Bash",
    extensions: &["sh", "bash", "bats"],
    file_names: &[".bashrc", ".bash_profile", ".bash_aliases", ".profile", "pkgbuild", "apkbuild"],
    grammar: || tree_sitter_bash::LANGUAGE.into(),
    items: &[Item { node: "function_definition", kind: "function", ..ITEM }],
    through: &[],
};
