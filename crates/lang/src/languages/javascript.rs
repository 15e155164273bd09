//! JavaScript, with JSX.

use tree_sitter::Node;

use crate::language::{ITEM, Item, Spec, name_field, node_text};

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
        Item { node: "field_definition", kind: "method", name: field_name, ..ITEM },
        Item { node: "variable_declarator", kind: "function", name: function_value, ..ITEM },
        Item { node: "variable_declarator", kind: "const", name: constant, ..ITEM },
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

/// A variable that holds a function.
pub(crate) fn function_value(node: Node<'_>, text: &str) -> Option<String> {
    is_function(node.child_by_field_name("value")?).then_some(())?;
    name_field(node, text)
}

/// A variable that is exported, or a constant by its name's case.
pub(crate) fn constant(node: Node<'_>, text: &str) -> Option<String> {
    let name = node.child_by_field_name("name").filter(|name| name.kind() == "identifier")?;
    let name = node_text(name, text)?;
    let declaration = node.parent()?;
    let exported = declaration.parent().is_some_and(|node| node.kind() == "export_statement");
    let constant = name.len() > 1 && !name.chars().any(char::is_lowercase);
    (constant || exported).then_some(name)
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
