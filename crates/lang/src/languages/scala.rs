//! Scala.

use tree_sitter::Node;

use crate::language::{ITEM, Item, Reader, Spec, node_text};
use crate::source::rules::{NO_RULES, Place, Rules, Shown, imported, is_javadoc, module};
use crate::source::{Import, Role};

pub(crate) static SPEC: Spec = Spec {
    name: "Scala",
    extensions: &["scala", "sc", "sbt"],
    file_names: &[],
    reader: Reader::Grammar(|| tree_sitter_scala::LANGUAGE.into()),
    items: &[
        Item { node: "class_definition", kind: "class", members: true, ..ITEM },
        Item { node: "object_definition", kind: "object", members: true, ..ITEM },
        Item { node: "package_object", kind: "object", members: true, ..ITEM },
        Item { node: "trait_definition", kind: "trait", members: true, ..ITEM },
        Item { node: "enum_definition", kind: "enum", members: true, ..ITEM },
        Item { node: "function_definition", kind: "function", nested_kind: "method", ..ITEM },
        Item { node: "function_declaration", kind: "function", nested_kind: "method", ..ITEM },
        Item { node: "given_definition", kind: "const", ..ITEM },
        Item { node: "val_definition", kind: "const", nested_kind: "field", name: value, ..ITEM },
        Item {
            node: "var_definition",
            kind: "variable",
            nested_kind: "field",
            name: value,
            ..ITEM
        },
        Item { node: "val_declaration", kind: "const", nested_kind: "field", ..ITEM },
        Item { node: "type_definition", kind: "type", ..ITEM },
    ],
    through: &["template_body", "enum_body", "package_clause", "extension_definition"],
    rules: &RULES,
};

fn value(node: Node<'_>, text: &str) -> Option<String> {
    let pattern = node.child_by_field_name("pattern")?;
    node_text(pattern, text).filter(|_| pattern.kind() == "identifier")
}

static RULES: Rules = Rules {
    names: &[("identifier", Role::Plain), ("type_identifier", Role::Type)],
    texts: &["string"],
    comments: &["comment", "block_comment"],
    packages: &["package_clause"],
    places: &[
        ("class_definition.name", Place::Is(Role::Definition)),
        ("object_definition.name", Place::Is(Role::Definition)),
        ("package_object.name", Place::Is(Role::Definition)),
        ("trait_definition.name", Place::Is(Role::Definition)),
        ("enum_definition.name", Place::Is(Role::Definition)),
        ("simple_enum_case.name", Place::Is(Role::Definition)),
        ("full_enum_case.name", Place::Is(Role::Definition)),
        ("function_definition.name", Place::Is(Role::Definition)),
        ("function_declaration.name", Place::Is(Role::Definition)),
        ("given_definition.name", Place::Is(Role::Definition)),
        ("type_definition.name", Place::Is(Role::Definition)),
        ("val_definition.pattern", Place::Is(Role::Local)),
        ("var_definition.pattern", Place::Is(Role::Local)),
        ("val_declaration.name", Place::Is(Role::Local)),
        ("var_declaration.name", Place::Is(Role::Local)),
        ("parameter.name", Place::Is(Role::Local)),
        ("class_parameter.name", Place::Is(Role::Definition)),
        ("binding.name", Place::Is(Role::Local)),
        ("capture_pattern.name", Place::Is(Role::Local)),
        ("typed_pattern.pattern", Place::Is(Role::Local)),
        ("tuple_pattern", Place::Same),
        ("extends_clause.type", Place::Is(Role::Base)),
        ("compound_type.base", Place::Same),
        ("compound_type.extra", Place::Same),
        ("generic_type.type", Place::Same),
        ("call_expression.function", Place::Is(Role::Call)),
        ("generic_function.function", Place::Same),
        ("instance_expression", Place::Is(Role::Call)),
        ("field_expression.field", Place::Path),
        ("stable_type_identifier", Place::Same),
    ],
    scopes: &["lambda_expression"],
    bases: &["type_identifier", "generic_type", "stable_type_identifier"],
    imports: &[("import_declaration", imports)],
    is_doc: is_javadoc,
    is_exported,
    ..NO_RULES
};

/// All that is not `private` or `protected`.
fn is_exported(shown: &Shown<'_>) -> bool {
    let modifiers = shown
        .node
        .named_children(&mut shown.node.walk())
        .take(3)
        .find(|child| child.kind() == "modifiers");
    let modifiers = modifiers.and_then(|node| shown.text.get(node.byte_range())).unwrap_or("");
    let in_function =
        shown.parent.is_some_and(|parent| matches!(parent.kind, "function" | "method"));
    let is_hidden = modifiers.contains("private") || modifiers.contains("protected");
    shown.parent_is_exported() && !is_hidden && !in_function
}

/// `import a.b.C`, `import a.{B, C => D}`, `import a.*`, several by commas.
fn imports(node: Node<'_>, text: &str, imports: &mut Vec<Import>) {
    let full = node_text(node, text).unwrap_or_default();
    let full = full.trim_start_matches("import ").trim();
    let mut depth = 0_usize;
    let clauses = full.split(|c| {
        depth = match c {
            '{' => depth + 1,
            '}' => depth.saturating_sub(1),
            _ => depth,
        };
        c == ',' && depth == 0
    });
    for clause in clauses.map(str::trim) {
        let (prefix, list) = match clause.split_once('{') {
            Some((prefix, list)) => (prefix.trim_end_matches('.'), list.trim_end_matches('}')),
            None => ("", clause),
        };
        for path in list.split(',').map(str::trim).filter(|path| !path.is_empty()) {
            imports.push(selected(node, prefix, path));
        }
    }
}

fn selected(node: Node<'_>, prefix: &str, path: &str) -> Import {
    let renamed = path.split_once("=>").or_else(|| path.split_once(" as "));
    let (path, alias) = match renamed {
        Some((path, alias)) => (path.trim(), Some(alias.trim().to_owned())),
        None => (path, None),
    };
    let full = if prefix.is_empty() { path.to_owned() } else { format!("{prefix}.{path}") };
    let (from, name) = full.rsplit_once('.').unwrap_or(("", &full));
    let mut import = module(node, from.to_owned());
    import.is_wildcard = matches!(name, "_" | "*");
    if !import.is_wildcard {
        import.names.push(imported(name.to_owned(), alias));
    }
    import
}
