//! TypeScript and TSX.

use crate::language::{ITEM, Item, Reader, Spec};
use crate::languages::javascript::JS_RULES;
use crate::languages::javascript::{constant, exported, function_value, pair_function, test_name};
use crate::source::Role;
use crate::source::rules::{Place, Rules};

const ITEMS: &[Item] = &[
    Item { node: "function_declaration", kind: "function", ..ITEM },
    Item { node: "generator_function_declaration", kind: "function", ..ITEM },
    Item { node: "function_signature", kind: "function", ..ITEM },
    Item { node: "class_declaration", kind: "class", members: true, ..ITEM },
    Item { node: "abstract_class_declaration", kind: "class", members: true, ..ITEM },
    Item { node: "method_definition", kind: "method", ..ITEM },
    Item { node: "method_signature", kind: "method", ..ITEM },
    Item { node: "abstract_method_signature", kind: "method", ..ITEM },
    Item { node: "public_field_definition", kind: "method", name: function_value, ..ITEM },
    Item { node: "public_field_definition", kind: "field", ..ITEM },
    Item { node: "interface_declaration", kind: "interface", members: true, ..ITEM },
    Item { node: "type_alias_declaration", kind: "type", ..ITEM },
    Item { node: "enum_declaration", kind: "enum", ..ITEM },
    Item { node: "internal_module", kind: "module", members: true, ..ITEM },
    Item { node: "module", kind: "module", members: true, ..ITEM },
    Item { node: "variable_declarator", kind: "function", name: function_value, ..ITEM },
    Item { node: "variable_declarator", kind: "const", name: constant, ..ITEM },
    Item { node: "assignment_expression", kind: "function", name: exported, ..ITEM },
    Item { node: "pair", kind: "method", name: pair_function, ..ITEM },
    Item { node: "call_expression", kind: "test", name: test_name, ..ITEM },
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
    reader: Reader::Grammar(|| tree_sitter_typescript::LANGUAGE_TYPESCRIPT.into()),
    items: ITEMS,
    through: THROUGH,
    rules: &RULES,
};

pub(crate) static TSX: Spec = Spec {
    name: "TSX",
    extensions: &["tsx"],
    file_names: &[],
    reader: Reader::Grammar(|| tree_sitter_typescript::LANGUAGE_TSX.into()),
    items: ITEMS,
    through: THROUGH,
    rules: &RULES,
};

static RULES: Rules = Rules {
    places: &[
        ("type_parameter.name", Place::Variable),
        ("abstract_class_declaration.name", Place::Is(Role::Definition)),
        ("public_field_definition.name", Place::Is(Role::Definition)),
        ("method_signature.name", Place::Is(Role::Definition)),
        ("abstract_method_signature.name", Place::Is(Role::Definition)),
        ("property_signature.name", Place::Is(Role::Definition)),
        ("function_signature.name", Place::Is(Role::Definition)),
        ("interface_declaration.name", Place::Is(Role::Definition)),
        ("type_alias_declaration.name", Place::Is(Role::Definition)),
        ("enum_declaration.name", Place::Is(Role::Definition)),
        ("enum_body.name", Place::Is(Role::Definition)),
        ("enum_assignment.name", Place::Is(Role::Definition)),
        ("internal_module.name", Place::Is(Role::Definition)),
        ("module.name", Place::Is(Role::Definition)),
        ("required_parameter.pattern", Place::Is(Role::Local)),
        ("optional_parameter.pattern", Place::Is(Role::Local)),
        ("extends_clause.value", Place::Is(Role::Base)),
        ("extends_type_clause.type", Place::Is(Role::Base)),
        ("implements_clause", Place::Is(Role::Base)),
        ("generic_type.name", Place::Same),
        ("nested_type_identifier.name", Place::Path),
        ("non_null_expression", Place::Same),
        ("parenthesized_expression", Place::Free),
    ],
    ..JS_RULES
};
