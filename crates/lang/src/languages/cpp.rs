//! C++.

use crate::language::{ITEM, Item, Spec};
use crate::languages::c::{declarator_name, declared_function, defined};

pub(crate) static SPEC: Spec = Spec {
    name: "C++",
    extensions: &[
        "cc", "cpp", "cxx", "c++", "hh", "hpp", "hxx", "h++", "ipp", "inl", "tpp", "cu", "cuh",
    ],
    file_names: &[],
    grammar: || tree_sitter_cpp::LANGUAGE.into(),
    items: &[
        Item {
            node: "function_definition",
            kind: "function",
            nested_kind: "method",
            name: declarator_name,
            ..ITEM
        },
        Item {
            node: "declaration",
            kind: "function",
            nested_kind: "method",
            name: declared_function,
            ..ITEM
        },
        Item { node: "field_declaration", kind: "method", name: declared_function, ..ITEM },
        Item { node: "class_specifier", kind: "class", name: defined, members: true, ..ITEM },
        Item { node: "struct_specifier", kind: "struct", name: defined, members: true, ..ITEM },
        Item { node: "union_specifier", kind: "union", name: defined, ..ITEM },
        Item { node: "enum_specifier", kind: "enum", name: defined, ..ITEM },
        Item { node: "namespace_definition", kind: "namespace", members: true, ..ITEM },
        Item { node: "concept_definition", kind: "concept", ..ITEM },
        Item { node: "alias_declaration", kind: "type", ..ITEM },
        Item { node: "type_definition", kind: "type", name: declarator_name, ..ITEM },
        Item { node: "preproc_def", kind: "macro", ..ITEM },
        Item { node: "preproc_function_def", kind: "macro", ..ITEM },
    ],
    through: &[
        "preproc_if",
        "preproc_ifdef",
        "preproc_else",
        "preproc_elif",
        "linkage_specification",
        "declaration_list",
        "field_declaration_list",
        "template_declaration",
    ],
};
