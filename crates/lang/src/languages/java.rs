//! Java.

use tree_sitter::Node;

use crate::language::{ITEM, Item, Spec, name_field};

pub(crate) static SPEC: Spec = Spec {
    name: "Java",
    extensions: &["java"],
    file_names: &[],
    grammar: || tree_sitter_java::LANGUAGE.into(),
    items: &[
        Item { node: "class_declaration", kind: "class", members: true, ..ITEM },
        Item { node: "interface_declaration", kind: "interface", members: true, ..ITEM },
        Item { node: "annotation_type_declaration", kind: "interface", members: true, ..ITEM },
        Item { node: "enum_declaration", kind: "enum", members: true, ..ITEM },
        Item { node: "record_declaration", kind: "record", members: true, ..ITEM },
        Item { node: "method_declaration", kind: "method", ..ITEM },
        Item { node: "constructor_declaration", kind: "constructor", ..ITEM },
        Item { node: "compact_constructor_declaration", kind: "constructor", ..ITEM },
        Item { node: "constant_declaration", kind: "const", name: declared, ..ITEM },
        Item { node: "field_declaration", kind: "field", name: declared, ..ITEM },
    ],
    through: &[
        "class_body",
        "interface_body",
        "annotation_type_body",
        "enum_body",
        "enum_body_declarations",
    ],
};

fn declared(node: Node<'_>, text: &str) -> Option<String> {
    name_field(node.child_by_field_name("declarator")?, text)
}
