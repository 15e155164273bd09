//! Python.

use tree_sitter::Node;

use crate::language::{ITEM, Item, Spec, node_text};

pub(crate) static SPEC: Spec = Spec {
    name: "Python",
    extensions: &["py", "pyi", "pyw"],
    file_names: &["sconstruct", "wscript"],
    grammar: || tree_sitter_python::LANGUAGE.into(),
    items: &[
        Item { node: "function_definition", kind: "function", nested_kind: "method", ..ITEM },
        Item { node: "class_definition", kind: "class", members: true, ..ITEM },
        Item { node: "type_alias_statement", kind: "type", name: alias_name, ..ITEM },
        Item { node: "assignment", kind: "const", nested_kind: "field", name: constant, ..ITEM },
    ],
    through: &[
        "decorated_definition",
        "block",
        "expression_statement",
        "if_statement",
        "else_clause",
        "try_statement",
        "except_clause",
    ],
};

fn alias_name(node: Node<'_>, text: &str) -> Option<String> {
    node_text(node.child_by_field_name("left")?, text)
}

/// Constants by their name's case, and annotated names such as a dataclass's fields.
fn constant(node: Node<'_>, text: &str) -> Option<String> {
    let left = node.child_by_field_name("left")?;
    let name = node_text(left, text).filter(|_| left.kind() == "identifier")?;
    let upper = name.chars().any(char::is_uppercase) && !name.chars().any(char::is_lowercase);
    (upper || node.child_by_field_name("type").is_some()).then_some(name)
}
