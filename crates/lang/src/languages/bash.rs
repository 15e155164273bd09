//! Shell scripts.

use crate::language::{ITEM, Item, Reader, Spec};
use crate::source::rules::{NO_RULES, Place, Rules, field, module, unquoted};
use crate::source::{Import, Role};
use tree_sitter::Node;

pub(crate) static SPEC: Spec = Spec {
    name: "Bash",
    extensions: &["sh", "bash", "bats"],
    file_names: &[".bashrc", ".bash_profile", ".bash_aliases", ".profile", "pkgbuild", "apkbuild"],
    reader: Reader::Grammar(|| tree_sitter_bash::LANGUAGE.into()),
    items: &[Item { node: "function_definition", kind: "function", ..ITEM }],
    through: &[],
    rules: &RULES,
};

static RULES: Rules = Rules {
    names: &[("variable_name", Role::Plain), ("word", Role::Plain)],
    texts: &["string_content", "raw_string", "ansi_c_string", "heredoc_content"],
    places: &[
        ("function_definition.name", Place::Is(Role::Definition)),
        ("command_name", Place::Is(Role::Call)),
        ("variable_assignment.name", Place::Is(Role::Local)),
        ("for_statement.variable", Place::Is(Role::Local)),
    ],
    imports: &[("command", sourced)],
    is_doc: |comment| !comment.starts_with("#!"),
    ..NO_RULES
};

/// `source lib.sh`, `. lib.sh`.
fn sourced(node: Node<'_>, text: &str, imports: &mut Vec<Import>) {
    let name = field(node, "name", text);
    if !matches!(name.as_deref(), Some("source" | ".")) {
        return;
    }
    let path = node.child_by_field_name("argument").and_then(|path| unquoted(path, text));
    if let Some(path) = path {
        imports.push(Import { is_wildcard: true, ..module(node, path) });
    }
}
