//! JavaScript, with JSX.

use tree_sitter::Node;

use crate::language::{ITEM, Item, Spec, node_text};

pub(crate) static SPEC: Spec = Spec {
    name: "JavaScript",
    extensions: &["js", "mjs", "cjs", "jsx"],
    file_names: &[],
    grammar: || tree_sitter_javascript::LANGUAGE.into(),
    items: &[
        Item { node: "function_declaration", kind: "function", ..ITEM },
        Item { node: "generator_function_declaration", kind: "function", ..ITEM },
        Item { node: "class_declaration", kind: "class", members: true, ..ITEM },
        Item { node: "method_definition", kind: "method", ..ITEM },
        Item { node: "field_definition", kind: "field", name: field_name, ..ITEM },
        Item { node: "variable_declarator", kind: "const", name: function_value, ..ITEM },
        Item { node: "assignment_expression", kind: "function", name: exported, ..ITEM },
    ],
    through: &[
        "export_statement",
        "class_body",
        "lexical_declaration",
        "variable_declaration",
        "expression_statement",
    ],
};

/// A class's field only where it holds a function.
fn field_name(node: Node<'_>, text: &str) -> Option<String> {
    is_function(node.child_by_field_name("value")?).then_some(())?;
    node_text(node.child_by_field_name("property")?, text)
}

/// A variable that holds a function or class, or a constant by its name's case.
pub(crate) fn function_value(node: Node<'_>, text: &str) -> Option<String> {
    let name = node.child_by_field_name("name")?;
    let written = node_text(name, text).filter(|_| name.kind() == "identifier")?;
    let constant = written.len() > 1 && !written.chars().any(char::is_lowercase);
    let function = node.child_by_field_name("value").is_some_and(is_function);
    let exported = node
        .parent()
        .and_then(|parent| parent.parent())
        .is_some_and(|node| node.kind() == "export_statement");
    (function || constant || exported).then_some(written)
}

/// `exports.name = function …` and `Type.prototype.name = function …`.
pub(crate) fn exported(node: Node<'_>, text: &str) -> Option<String> {
    is_function(node.child_by_field_name("right")?).then_some(())?;
    let left = node.child_by_field_name("left")?;
    node_text(left, text).filter(|name| name.chars().count() <= 80)
}

fn is_function(node: Node<'_>) -> bool {
    matches!(node.kind(), "arrow_function" | "function_expression" | "generator_function" | "class")
}
