//! Kotlin.

use tree_sitter::Node;

use crate::language::{ITEM, Item, Reader, Spec, name_field, node_text};
use crate::source::rules::{NO_RULES, Place, Rules, Shown, imported, is_javadoc, module};
use crate::source::{Import, Role};

pub(crate) static SPEC: Spec = Spec {
    name: "Kotlin",
    extensions: &["kt", "kts"],
    file_names: &[],
    reader: Reader::Grammar(|| tree_sitter_kotlin_ng::LANGUAGE.into()),
    items: &[
        Item {
            node: "class_declaration",
            kind: "interface",
            name: interface,
            members: true,
            ..ITEM
        },
        Item { node: "class_declaration", kind: "enum", name: enumeration, members: true, ..ITEM },
        Item { node: "class_declaration", kind: "class", members: true, ..ITEM },
        Item { node: "object_declaration", kind: "object", members: true, ..ITEM },
        Item { node: "companion_object", kind: "object", name: companion, members: true, ..ITEM },
        Item { node: "function_declaration", kind: "function", nested_kind: "method", ..ITEM },
        Item {
            node: "secondary_constructor",
            kind: "constructor",
            name: |_, _| Some("constructor".to_owned()),
            ..ITEM
        },
        Item { node: "property_declaration", kind: "property", name: property, ..ITEM },
        Item { node: "type_alias", kind: "type", name: alias, ..ITEM },
    ],
    through: &["class_body", "enum_class_body"],
    rules: &RULES,
};

fn with_word(node: Node<'_>, text: &str, word: &str) -> Option<String> {
    let has_word = |child: Node<'_>| {
        child.kind() == word
            || child.kind() == "modifiers"
                && text.get(child.byte_range()).is_some_and(|text| text.contains(word))
    };
    node.children(&mut node.walk()).take(4).any(has_word).then_some(())?;
    name_field(node, text)
}

fn interface(node: Node<'_>, text: &str) -> Option<String> {
    with_word(node, text, "interface")
}

fn enumeration(node: Node<'_>, text: &str) -> Option<String> {
    with_word(node, text, "enum")
}

fn companion(node: Node<'_>, text: &str) -> Option<String> {
    Some(name_field(node, text).unwrap_or_else(|| "Companion".to_owned()))
}

fn property(node: Node<'_>, text: &str) -> Option<String> {
    let declared = node
        .named_children(&mut node.walk())
        .find(|child| child.kind() == "variable_declaration")?;
    node_text(declared.named_child(0)?, text)
}

fn alias(node: Node<'_>, text: &str) -> Option<String> {
    node_text(node.child_by_field_name("type")?, text)
}

static RULES: Rules = Rules {
    names: &[("identifier", Role::Plain)],
    texts: &["string_content"],
    comments: &["line_comment", "block_comment"],
    skipped: &["label"],
    packages: &["package_header"],
    places: &[
        ("class_declaration.name", Place::Is(Role::Definition)),
        ("object_declaration.name", Place::Is(Role::Definition)),
        ("companion_object.name", Place::Is(Role::Definition)),
        ("function_declaration.name", Place::Is(Role::Definition)),
        ("type_alias.type", Place::Is(Role::Definition)),
        ("enum_entry", Place::Is(Role::Definition)),
        ("variable_declaration", Place::Is(Role::Local)),
        ("parameter", Place::Is(Role::Local)),
        ("class_parameter", Place::Is(Role::Definition)),
        ("call_expression", Place::Is(Role::Call)),
        ("navigation_expression", Place::Path),
        ("user_type", Place::TypeOrBase),
        ("delegation_specifier", Place::Is(Role::Base)),
        ("constructor_invocation", Place::Same),
        ("value_argument", Place::Free),
    ],
    scopes: &["lambda_literal", "anonymous_function", "getter", "setter"],
    bases: &["user_type"],
    imports: &[("import", imports)],
    is_doc: is_javadoc,
    is_exported,
    ..NO_RULES
};

/// All that is not `private`, `protected` or `internal`.
fn is_exported(shown: &Shown<'_>) -> bool {
    let modifiers = shown.node.child(0).filter(|child| child.kind() == "modifiers");
    let modifiers = modifiers.and_then(|node| shown.text.get(node.byte_range())).unwrap_or("");
    let is_hidden = modifiers
        .split_whitespace()
        .any(|word| matches!(word, "private" | "protected" | "internal"));
    let in_function =
        shown.parent.is_some_and(|parent| matches!(parent.kind, "function" | "method"));
    shown.parent_is_exported() && !is_hidden && !in_function
}

/// `import a.b.C as D`, `import a.b.*`.
fn imports(node: Node<'_>, text: &str, imports: &mut Vec<Import>) {
    let full = node_text(node, text).unwrap_or_default();
    let path = full.trim_start_matches("import ").trim_end_matches(';').trim();
    let (path, alias) = match path.split_once(" as ") {
        Some((path, alias)) => (path.trim(), Some(alias.trim().to_owned())),
        None => (path, None),
    };
    let Some((from, name)) = path.rsplit_once('.') else {
        return;
    };
    let mut import = module(node, from.to_owned());
    import.is_wildcard = name == "*";
    if !import.is_wildcard {
        import.names.push(imported(name.to_owned(), alias));
    }
    imports.push(import);
}
