//! Swift.

use tree_sitter::Node;

use crate::language::{ITEM, Item, Reader, Spec, name_field, node_text};
use crate::source::rules::{NO_RULES, Place, Rules, Shown, module};
use crate::source::{Import, Role};

pub(crate) static SPEC: Spec = Spec {
    name: "Swift",
    extensions: &["swift"],
    file_names: &[],
    reader: Reader::Grammar(|| tree_sitter_swift::LANGUAGE.into()),
    items: &[
        Item { node: "class_declaration", kind: "struct", name: structure, members: true, ..ITEM },
        Item { node: "class_declaration", kind: "enum", name: enumeration, members: true, ..ITEM },
        Item {
            node: "class_declaration",
            kind: "extension",
            name: extension,
            members: true,
            ..ITEM
        },
        Item { node: "class_declaration", kind: "class", members: true, ..ITEM },
        Item { node: "protocol_declaration", kind: "protocol", members: true, ..ITEM },
        Item { node: "function_declaration", kind: "function", nested_kind: "method", ..ITEM },
        Item { node: "protocol_function_declaration", kind: "method", ..ITEM },
        Item {
            node: "init_declaration",
            kind: "constructor",
            name: |_, _| Some("init".to_owned()),
            ..ITEM
        },
        Item {
            node: "deinit_declaration",
            kind: "method",
            name: |_, _| Some("deinit".to_owned()),
            ..ITEM
        },
        Item { node: "property_declaration", kind: "property", name: property, ..ITEM },
        Item { node: "protocol_property_declaration", kind: "property", name: property, ..ITEM },
        Item { node: "typealias_declaration", kind: "type", ..ITEM },
        Item { node: "associatedtype_declaration", kind: "type", ..ITEM },
        Item { node: "macro_declaration", kind: "macro", ..ITEM },
    ],
    through: &["class_body", "enum_class_body", "protocol_body", "directive"],
    rules: &RULES,
};

fn declared_as(node: Node<'_>, text: &str, word: &str) -> Option<String> {
    let kind = node.child_by_field_name("declaration_kind")?;
    (text.get(kind.byte_range()) == Some(word)).then_some(())?;
    name_field(node, text)
}

fn structure(node: Node<'_>, text: &str) -> Option<String> {
    declared_as(node, text, "struct")
}

fn enumeration(node: Node<'_>, text: &str) -> Option<String> {
    declared_as(node, text, "enum")
}

fn extension(node: Node<'_>, text: &str) -> Option<String> {
    declared_as(node, text, "extension")
}

fn property(node: Node<'_>, text: &str) -> Option<String> {
    let name = node.child_by_field_name("name")?;
    node_text(name.child_by_field_name("bound_identifier").unwrap_or(name), text)
}

static RULES: Rules = Rules {
    names: &[("simple_identifier", Role::Plain), ("type_identifier", Role::Type)],
    texts: &["line_str_text", "multi_line_str_text", "raw_str_part", "raw_str_end_part"],
    comments: &["comment", "multiline_comment"],
    places: &[
        ("class_declaration.name", Place::Is(Role::Definition)),
        ("protocol_declaration.name", Place::Is(Role::Definition)),
        ("function_declaration.name", Place::Is(Role::Definition)),
        ("protocol_function_declaration.name", Place::Is(Role::Definition)),
        ("typealias_declaration.name", Place::Is(Role::Definition)),
        ("associatedtype_declaration.name", Place::Is(Role::Definition)),
        ("enum_entry.name", Place::Is(Role::Definition)),
        ("pattern", Place::Is(Role::Local)),
        ("parameter.name", Place::Is(Role::Local)),
        ("parameter.external_name", Place::Is(Role::Key)),
        ("lambda_parameter.name", Place::Is(Role::Local)),
        ("call_expression", Place::Is(Role::Call)),
        ("navigation_expression.suffix", Place::Same),
        ("navigation_suffix.suffix", Place::Path),
        ("value_argument_label", Place::Is(Role::Key)),
        ("inheritance_specifier.inherits_from", Place::Is(Role::Base)),
        ("user_type", Place::TypeOrBase),
    ],
    scopes: &["lambda_literal", "computed_getter", "computed_setter", "computed_property"],
    bases: &["user_type"],
    imports: &[("import_declaration", imports)],
    is_doc: |comment| comment.starts_with("///") || comment.starts_with("/**"),
    split: |name| (None, name.split('<').next().unwrap_or(name)),
    is_exported,
    ..NO_RULES
};

/// `public` and `open`, and what a public protocol holds.
fn is_exported(shown: &Shown<'_>) -> bool {
    let modifiers = shown.node.child(0).filter(|child| child.kind() == "modifiers");
    let modifiers = modifiers.and_then(|node| shown.text.get(node.byte_range())).unwrap_or("");
    let is_public = modifiers.split_whitespace().any(|word| matches!(word, "public" | "open"));
    let in_protocol = shown.parent.is_some_and(|parent| parent.kind == "protocol");
    is_public || in_protocol && shown.parent_is_exported()
}

/// `import A`, `import class A.B`.
fn imports(node: Node<'_>, text: &str, imports: &mut Vec<Import>) {
    let full = node_text(node, text).unwrap_or_default();
    if let Some(path) = full.split_whitespace().next_back().filter(|path| *path != "import") {
        imports.push(Import { is_wildcard: true, ..module(node, path.to_owned()) });
    }
}
