//! Go.

use tree_sitter::Node;

use crate::language::{ITEM, Item, Reader, Spec, name_field, node_text};
use crate::source::rules::{NO_RULES, Place, Rules, field, module, unquoted};
use crate::source::{Import, Role};

mod told;

pub(crate) static SPEC: Spec = Spec {
    name: "Go",
    extensions: &["go"],
    file_names: &[],
    reader: Reader::Grammar(|| tree_sitter_go::LANGUAGE.into()),
    items: &[
        Item { node: "function_declaration", kind: "function", ..ITEM },
        Item { node: "method_declaration", kind: "method", name: method_name, ..ITEM },
        Item { node: "type_spec", kind: "type", ..ITEM },
        Item { node: "type_alias", kind: "type", ..ITEM },
        Item { node: "const_spec", kind: "const", ..ITEM },
        Item { node: "var_spec", kind: "variable", ..ITEM },
    ],
    through: &["type_declaration", "const_declaration", "var_declaration", "var_spec_list"],
    rules: &RULES,
};

/// `Type.Name`: methods stand apart from their type.
fn method_name(node: Node<'_>, text: &str) -> Option<String> {
    let name = name_field(node, text)?;
    let receiver = node.child_by_field_name("receiver").and_then(|node| node_text(node, text));
    let receiver = receiver.as_deref().unwrap_or("").trim_matches(['(', ')']);
    let of = receiver.split_whitespace().next_back().unwrap_or("").trim_start_matches('*');
    let of = of.split('[').next().unwrap_or(of);
    Some(if of.is_empty() { name } else { format!("{of}.{name}") })
}

static RULES: Rules = Rules {
    names: &[
        ("identifier", Role::Plain),
        ("type_identifier", Role::Type),
        ("field_identifier", Role::Member),
        ("package_identifier", Role::Plain),
    ],
    texts: &["interpreted_string_literal_content", "raw_string_literal_content"],
    skipped: &["label_name", "blank_identifier"],
    packages: &["package_clause"],
    places: &[
        ("function_declaration.name", Place::Is(Role::Definition)),
        ("method_declaration.name", Place::Is(Role::Definition)),
        ("type_spec.name", Place::Is(Role::Definition)),
        ("type_alias.name", Place::Is(Role::Definition)),
        ("const_spec.name", Place::Is(Role::Local)),
        ("var_spec.name", Place::Is(Role::Local)),
        ("field_declaration.name", Place::Is(Role::Definition)),
        ("method_elem.name", Place::Is(Role::Definition)),
        ("parameter_declaration.name", Place::Is(Role::Local)),
        ("variadic_parameter_declaration.name", Place::Is(Role::Local)),
        ("short_var_declaration.left", Place::Is(Role::Local)),
        ("range_clause.left", Place::Is(Role::Local)),
        ("receive_statement.left", Place::Is(Role::Local)),
        ("type_switch_statement.alias", Place::Is(Role::Local)),
        ("expression_list", Place::Same),
        ("call_expression.function", Place::Is(Role::Call)),
        ("selector_expression.field", Place::Path),
        ("keyed_element.key", Place::Is(Role::Key)),
        ("literal_element", Place::Same),
        ("generic_type.type", Place::Same),
        ("qualified_type.name", Place::Path),
    ],
    single: &["type_declaration", "const_declaration", "var_declaration"],
    scopes: &["func_literal"],
    imports: &[("import_spec", imports)],
    is_doc: |comment| !comment.starts_with("//go:") && !comment.starts_with("// +build"),
    more_bases: embedded,
    split: |name| match name.rsplit_once('.') {
        Some((of, own)) => (Some(of.to_owned()), own),
        None => (None, name),
    },
    is_exported: |shown| shown.name.starts_with(char::is_uppercase),
    tells: &told::TELLS,
    ..NO_RULES
};

/// Types embedded in a structure or an interface.
fn embedded(node: Node<'_>, text: &str) -> Vec<String> {
    let Some(of) = node.child_by_field_name("type").filter(|_| node.kind() == "type_spec") else {
        return Vec::new();
    };
    let list = match of.kind() {
        "struct_type" => of.named_child(0),
        "interface_type" => Some(of),
        _ => None,
    };
    let Some(list) = list else {
        return Vec::new();
    };
    let is_embedded = |child: &Node<'_>| match child.kind() {
        "type_elem" => child.named_child_count() == 1,
        "field_declaration" => child.child_by_field_name("name").is_none(),
        _ => false,
    };
    let name = |child: Node<'_>| {
        let of = child.child_by_field_name("type").unwrap_or(child);
        let name = node_text(of, text)?;
        let name = name.trim_start_matches('*').split('[').next()?.trim().to_owned();
        (!name.is_empty() && !name.contains(['~', ' '])).then_some(name)
    };
    list.named_children(&mut list.walk()).filter(is_embedded).filter_map(name).collect()
}

/// `import f "fmt"`; a `.` takes all names, a `_` none.
fn imports(node: Node<'_>, text: &str, imports: &mut Vec<Import>) {
    let path = node.child_by_field_name("path").and_then(|path| unquoted(path, text));
    if let Some(path) = path {
        let alias = field(node, "name", text);
        let is_wildcard = alias.as_deref() == Some(".");
        let alias = alias.filter(|alias| alias != ".");
        imports.push(Import { alias, is_wildcard, ..module(node, path) });
    }
}
