//! PHP.

use tree_sitter::Node;

use crate::language::{ITEM, Item, Reader, Spec, name_field, node_text};
use crate::source::rules::{NO_RULES, Place, Rules, Shown, imported, is_javadoc, module, unquoted};
use crate::source::{Import, Role};

pub(crate) static SPEC: Spec = Spec {
    name: "PHP",
    extensions: &["php", "phtml", "php5", "inc"],
    file_names: &[],
    reader: Reader::Grammar(|| tree_sitter_php::LANGUAGE_PHP.into()),
    items: &[
        Item { node: "function_definition", kind: "function", ..ITEM },
        Item { node: "class_declaration", kind: "class", members: true, ..ITEM },
        Item { node: "interface_declaration", kind: "interface", members: true, ..ITEM },
        Item { node: "trait_declaration", kind: "trait", members: true, ..ITEM },
        Item { node: "enum_declaration", kind: "enum", members: true, ..ITEM },
        Item { node: "method_declaration", kind: "method", ..ITEM },
        Item { node: "const_element", kind: "const", name: first, ..ITEM },
        Item { node: "property_element", kind: "field", name: property, ..ITEM },
    ],
    through: &[
        "namespace_definition",
        "compound_statement",
        "declaration_list",
        "enum_declaration_list",
        "const_declaration",
        "property_declaration",
        "if_statement",
    ],
    rules: &RULES,
};

fn first(node: Node<'_>, text: &str) -> Option<String> {
    node_text(node.named_child(0)?, text)
}

fn property(node: Node<'_>, text: &str) -> Option<String> {
    Some(name_field(node, text)?.trim_start_matches('$').to_owned())
}

static RULES: Rules = Rules {
    names: &[("name", Role::Plain)],
    texts: &["string_content", "nowdoc_string", "text"],
    packages: &["namespace_definition"],
    places: &[
        ("function_definition.name", Place::Is(Role::Definition)),
        ("class_declaration.name", Place::Is(Role::Definition)),
        ("interface_declaration.name", Place::Is(Role::Definition)),
        ("trait_declaration.name", Place::Is(Role::Definition)),
        ("enum_declaration.name", Place::Is(Role::Definition)),
        ("enum_case.name", Place::Is(Role::Definition)),
        ("method_declaration.name", Place::Is(Role::Definition)),
        ("const_element", Place::Is(Role::Definition)),
        ("property_element.name", Place::Is(Role::Definition)),
        ("property_promotion_parameter.name", Place::Is(Role::Definition)),
        ("variable_name", Place::Same),
        ("simple_parameter.name", Place::Is(Role::Local)),
        ("variadic_parameter.name", Place::Is(Role::Local)),
        ("assignment_expression.left", Place::Is(Role::Local)),
        ("catch_clause.name", Place::Is(Role::Local)),
        ("base_clause", Place::Is(Role::Base)),
        ("class_interface_clause", Place::Is(Role::Base)),
        ("use_declaration", Place::Is(Role::Base)),
        ("named_type", Place::Is(Role::Type)),
        ("qualified_name", Place::Same),
        ("qualified_name.prefix", Place::Free),
        ("function_call_expression.function", Place::Is(Role::Call)),
        ("object_creation_expression", Place::Is(Role::Call)),
        ("member_call_expression.name", Place::Is(Role::MemberCall)),
        ("nullsafe_member_call_expression.name", Place::Is(Role::MemberCall)),
        ("scoped_call_expression.name", Place::Is(Role::MemberCall)),
        ("scoped_call_expression.scope", Place::Is(Role::Type)),
        ("member_access_expression.name", Place::Member),
        ("nullsafe_member_access_expression.name", Place::Member),
        ("argument.name", Place::Is(Role::Key)),
        ("attribute", Place::Is(Role::Type)),
    ],
    single: &["const_declaration", "property_declaration"],
    scopes: &["anonymous_function", "arrow_function"],
    bases: &["name", "qualified_name"],
    imports: &[
        ("namespace_use_declaration", uses),
        ("include_expression", included),
        ("include_once_expression", included),
        ("require_expression", included),
        ("require_once_expression", included),
    ],
    is_doc: is_javadoc,
    is_exported,
    ..NO_RULES
};

/// All but `private` and `protected`.
fn is_exported(shown: &Shown<'_>) -> bool {
    let owner = match shown.node.kind() {
        "property_element" | "const_element" => shown.site().parent(),
        _ => Some(shown.site()),
    };
    let owner = owner.map(|owner| owner.node);
    let is_hidden = owner.is_some_and(|owner| {
        owner.named_children(&mut owner.walk()).any(|child| {
            child.kind() == "visibility_modifier"
                && shown.text.get(child.byte_range()) != Some("public")
        })
    });
    shown.parent_is_exported() && !is_hidden
}

/// `use A\B as C, D\E;`, `use A\{B, C as D};`, `use function A\f;`.
fn uses(node: Node<'_>, text: &str, imports: &mut Vec<Import>) {
    let full = node_text(node, text).unwrap_or_default();
    let list = full.trim_start_matches("use ").trim_end_matches(';').trim();
    let list = list.trim_start_matches("function ").trim_start_matches("const ");
    let (prefix, list) = match list.split_once('{') {
        Some((prefix, list)) => (prefix.trim().trim_end_matches('\\'), list.trim_end_matches('}')),
        None => ("", list),
    };
    for path in list.split(',').map(str::trim).filter(|path| !path.is_empty()) {
        let (path, alias) = match path.split_once(" as ") {
            Some((path, alias)) => (path.trim(), Some(alias.trim().to_owned())),
            None => (path, None),
        };
        let path = path.trim_start_matches('\\');
        let full = if prefix.is_empty() { path.to_owned() } else { format!("{prefix}\\{path}") };
        let (from, name) = full.rsplit_once('\\').unwrap_or(("", &full));
        let mut import = module(node, from.to_owned());
        import.names.push(imported(name.to_owned(), alias));
        imports.push(import);
    }
}

fn included(node: Node<'_>, text: &str, imports: &mut Vec<Import>) {
    // Of `__DIR__ . "/a.php"` the text at the end.
    let mut value = node.named_child(0);
    while let Some(right) = value.and_then(|value| value.child_by_field_name("right")) {
        value = Some(right);
    }
    let is_text = |value: &Node<'_>| matches!(value.kind(), "string" | "encapsed_string");
    let path = value.filter(is_text).and_then(|value| unquoted(value, text));
    if let Some(path) = path {
        let path = if path.starts_with('/') { format!(".{path}") } else { path };
        imports.push(Import { is_wildcard: true, ..module(node, path) });
    }
}
