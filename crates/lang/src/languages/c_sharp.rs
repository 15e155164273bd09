//! C#.

use tree_sitter::Node;

use crate::language::{ITEM, Item, Reader, Spec, name_field, node_text};
use crate::source::rules::{NO_RULES, Place, Rules, Shown, field, module};
use crate::source::site::Site;
use crate::source::{Import, Role};

pub(crate) static SPEC: Spec = Spec {
    name: "C#",
    extensions: &["cs", "csx"],
    file_names: &[],
    reader: Reader::Grammar(|| tree_sitter_c_sharp::LANGUAGE.into()),
    items: &[
        Item { node: "namespace_declaration", kind: "namespace", members: true, ..ITEM },
        Item { node: "class_declaration", kind: "class", members: true, ..ITEM },
        Item { node: "struct_declaration", kind: "struct", members: true, ..ITEM },
        Item { node: "record_declaration", kind: "record", members: true, ..ITEM },
        Item { node: "interface_declaration", kind: "interface", members: true, ..ITEM },
        Item { node: "enum_declaration", kind: "enum", ..ITEM },
        Item { node: "delegate_declaration", kind: "type", ..ITEM },
        Item { node: "method_declaration", kind: "method", ..ITEM },
        Item { node: "local_function_statement", kind: "function", ..ITEM },
        Item { node: "constructor_declaration", kind: "constructor", ..ITEM },
        Item { node: "destructor_declaration", kind: "method", name: destructor, ..ITEM },
        Item { node: "operator_declaration", kind: "method", name: operator, ..ITEM },
        Item { node: "property_declaration", kind: "property", ..ITEM },
        Item { node: "event_declaration", kind: "property", ..ITEM },
        Item { node: "variable_declarator", kind: "field", name: name_field, ..ITEM },
    ],
    through: &[
        "declaration_list",
        "field_declaration",
        "event_field_declaration",
        "variable_declaration",
        "preproc_if",
        "preproc_else",
        "preproc_region",
        "file_scoped_namespace_declaration",
    ],
    rules: &RULES,
};

fn destructor(node: Node<'_>, text: &str) -> Option<String> {
    Some(format!("~{}", name_field(node, text)?))
}

fn operator(node: Node<'_>, text: &str) -> Option<String> {
    Some(format!("operator {}", field(node, "operator", text)?))
}

static RULES: Rules = Rules {
    names: &[("identifier", Role::Plain), ("implicit_parameter", Role::Local)],
    texts: &[
        "string_literal_content",
        "string_content",
        "raw_string_content",
        "verbatim_string_literal",
    ],
    packages: &["namespace_declaration", "file_scoped_namespace_declaration"],
    places: &[
        ("namespace_declaration.name", Place::Is(Role::Definition)),
        ("class_declaration.name", Place::Is(Role::Definition)),
        ("struct_declaration.name", Place::Is(Role::Definition)),
        ("record_declaration.name", Place::Is(Role::Definition)),
        ("interface_declaration.name", Place::Is(Role::Definition)),
        ("enum_declaration.name", Place::Is(Role::Definition)),
        ("enum_member_declaration.name", Place::Is(Role::Definition)),
        ("delegate_declaration.name", Place::Is(Role::Definition)),
        ("delegate_declaration.type", Place::Is(Role::Type)),
        ("method_declaration.name", Place::Is(Role::Definition)),
        ("method_declaration.returns", Place::Is(Role::Type)),
        ("local_function_statement.name", Place::Is(Role::Definition)),
        ("local_function_statement.type", Place::Is(Role::Type)),
        ("constructor_declaration.name", Place::Is(Role::Definition)),
        ("destructor_declaration.name", Place::Is(Role::Definition)),
        ("property_declaration.name", Place::Is(Role::Definition)),
        ("property_declaration.type", Place::Is(Role::Type)),
        ("event_declaration.name", Place::Is(Role::Definition)),
        ("event_declaration.type", Place::Is(Role::Type)),
        ("variable_declaration.type", Place::Is(Role::Type)),
        ("variable_declarator.name", Place::Is(Role::Local)),
        ("parameter.name", Place::Is(Role::Local)),
        ("parameter.type", Place::Is(Role::Type)),
        ("foreach_statement.left", Place::Is(Role::Local)),
        ("foreach_statement.type", Place::Is(Role::Type)),
        ("catch_declaration.name", Place::Is(Role::Local)),
        ("catch_declaration.type", Place::Is(Role::Type)),
        ("declaration_expression.name", Place::Is(Role::Local)),
        ("declaration_expression.type", Place::Is(Role::Type)),
        ("declaration_pattern.name", Place::Is(Role::Local)),
        ("declaration_pattern.type", Place::Is(Role::Type)),
        ("from_clause.name", Place::Is(Role::Local)),
        ("cast_expression.type", Place::Is(Role::Type)),
        ("typeof_expression.type", Place::Is(Role::Type)),
        ("as_expression.right", Place::Is(Role::Type)),
        ("is_expression.right", Place::Is(Role::Type)),
        ("array_creation_expression.type", Place::Is(Role::Type)),
        ("object_creation_expression.type", Place::Is(Role::Call)),
        ("array_type.type", Place::Same),
        ("nullable_type.type", Place::Same),
        ("generic_name", Place::Same),
        ("type_argument_list", Place::Is(Role::Type)),
        ("type_parameter_constraint.type", Place::Is(Role::Type)),
        ("qualified_name.name", Place::Path),
        ("member_access_expression.name", Place::Path),
        ("member_binding_expression.name", Place::Path),
        ("invocation_expression.function", Place::Is(Role::Call)),
        ("conditional_access_expression", Place::Same),
        ("base_list", Place::Is(Role::Base)),
        ("primary_constructor_base_type", Place::Same),
        ("attribute.name", Place::Is(Role::Type)),
        ("argument.name", Place::Is(Role::Key)),
    ],
    wrappers: &["field_declaration"],
    single: &["variable_declaration"],
    scopes: &["lambda_expression", "anonymous_method_expression", "accessor_list"],
    bases: &["identifier", "generic_name", "qualified_name", "primary_constructor_base_type"],
    imports: &[("using_directive", imports)],
    is_doc: |comment| comment.starts_with("///") || comment.starts_with("/**"),
    split: |name| (None, name.rsplit('.').next().unwrap_or(name)),
    is_exported,
    ..NO_RULES
};

/// `public`, and what a public interface holds.
fn is_exported(shown: &Shown<'_>) -> bool {
    // A field's modifiers stand at the declaration around its name.
    let owner = match shown.node.kind() {
        "variable_declarator" => shown.site().parent().and_then(Site::parent),
        _ => Some(shown.site()),
    };
    let owner = owner.map(|owner| owner.node);
    let is_public = owner.is_some_and(|owner| {
        owner.children(&mut owner.walk()).any(|child| {
            child.kind() == "modifier" && shown.text.get(child.byte_range()) == Some("public")
        })
    });
    let in_interface = shown.parent.is_some_and(|parent| parent.kind == "interface");
    let is_namespace = shown.node.kind() == "namespace_declaration";
    shown.parent_is_exported() && (is_public || in_interface || is_namespace)
}

/// `using A.B;`, `using static A.B;`, `using X = A.B;`.
fn imports(node: Node<'_>, text: &str, imports: &mut Vec<Import>) {
    let full = node_text(node, text).unwrap_or_default();
    let path = full.trim_start_matches("global ").trim_start_matches("using ");
    let path = path.trim_start_matches("static ").trim_end_matches(';').trim();
    let (alias, path) = match path.split_once('=') {
        Some((alias, path)) => (Some(alias.trim().to_owned()), path.trim()),
        None => (None, path),
    };
    let is_wildcard = alias.is_none();
    imports.push(Import { alias, is_wildcard, ..module(node, path.to_owned()) });
}
