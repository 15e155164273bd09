//! TypeScript and TSX.

use crate::language::{ITEM, Item, Spec};
use crate::languages::javascript::{constant, exported, function_value};

const ITEMS: &[Item] = &[
    Item { node: "function_declaration", kind: "function", ..ITEM },
    Item { node: "generator_function_declaration", kind: "function", ..ITEM },
    Item { node: "function_signature", kind: "function", ..ITEM },
    Item { node: "class_declaration", kind: "class", members: true, ..ITEM },
    Item { node: "abstract_class_declaration", kind: "class", members: true, ..ITEM },
    Item { node: "method_definition", kind: "method", ..ITEM },
    Item { node: "method_signature", kind: "method", ..ITEM },
    Item { node: "abstract_method_signature", kind: "method", ..ITEM },
    Item { node: "public_field_definition", kind: "field", ..ITEM },
    Item { node: "interface_declaration", kind: "interface", members: true, ..ITEM },
    Item { node: "type_alias_declaration", kind: "type", ..ITEM },
    Item { node: "enum_declaration", kind: "enum", ..ITEM },
    Item { node: "internal_module", kind: "module", members: true, ..ITEM },
    Item { node: "module", kind: "module", members: true, ..ITEM },
    Item { node: "variable_declarator", kind: "function", name: function_value, ..ITEM },
    Item { node: "variable_declarator", kind: "const", name: constant, ..ITEM },
    Item { node: "assignment_expression", kind: "function", name: exported, ..ITEM },
];

const THROUGH: &[&str] = &[
    "export_statement",
    "class_body",
    "interface_body",
    "object_type",
    "statement_block",
    "lexical_declaration",
    "variable_declaration",
    "expression_statement",
    "ambient_declaration",
];

pub(crate) static SPEC: Spec = Spec {
    name: "TypeScript",
    extensions: &["ts", "mts", "cts"],
    file_names: &[],
    grammar: || tree_sitter_typescript::LANGUAGE_TYPESCRIPT.into(),
    items: ITEMS,
    through: THROUGH,
};

pub(crate) static TSX: Spec = Spec {
    name: "TSX",
    extensions: &["tsx"],
    file_names: &[],
    grammar: || tree_sitter_typescript::LANGUAGE_TSX.into(),
    items: ITEMS,
    through: THROUGH,
};
