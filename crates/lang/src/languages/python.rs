//! Python.

use tree_sitter::Node;

use crate::language::{ITEM, Item, Reader, Spec, node_text};
use crate::source::rules::{NO_RULES, Place, Rules, Shown, field, imported, module};
use crate::source::site::Site;
use crate::source::{Import, Role};
use std::ops::Range;

mod told;

pub(crate) static SPEC: Spec = Spec {
    name: "Python",
    extensions: &["py", "pyi", "pyw"],
    file_names: &["sconstruct", "wscript"],
    reader: Reader::Grammar(|| tree_sitter_python::LANGUAGE.into()),
    items: &[
        Item { node: "function_definition", kind: "function", nested_kind: "method", ..ITEM },
        Item { node: "class_definition", kind: "class", members: true, ..ITEM },
        Item { node: "type_alias_statement", kind: "type", name: alias_name, ..ITEM },
        Item { node: "assignment", kind: "const", nested_kind: "field", name: constant, ..ITEM },
    ],
    through: &[
        "decorated_definition",
        "block",
        "expression_statement",
        "if_statement",
        "else_clause",
        "try_statement",
        "except_clause",
    ],
    rules: &RULES,
};

fn alias_name(node: Node<'_>, text: &str) -> Option<String> {
    node_text(node.child_by_field_name("left")?, text)
}

/// Constants by their name's case, and annotated names such as a dataclass's fields.
fn constant(node: Node<'_>, text: &str) -> Option<String> {
    let left = node.child_by_field_name("left")?;
    let name = node_text(left, text).filter(|_| left.kind() == "identifier")?;
    let upper = name.chars().any(char::is_uppercase) && !name.chars().any(char::is_lowercase);
    (upper || node.child_by_field_name("type").is_some()).then_some(name)
}

static RULES: Rules = Rules {
    names: &[("identifier", Role::Plain)],
    texts: &["string_content"],
    places: &[
        ("function_definition.name", Place::Is(Role::Definition)),
        ("function_definition.return_type", Place::Is(Role::Type)),
        ("class_definition.name", Place::Is(Role::Definition)),
        ("class_definition.superclasses", Place::Is(Role::Base)),
        ("argument_list", Place::Same),
        ("keyword_argument.name", Place::Is(Role::Key)),
        ("attribute.attribute", Place::Member),
        ("call.function", Place::Is(Role::Call)),
        ("parameters", Place::Is(Role::Local)),
        ("lambda_parameters", Place::Is(Role::Local)),
        ("default_parameter.name", Place::Is(Role::Local)),
        ("typed_parameter", Place::Is(Role::Local)),
        ("typed_parameter.type", Place::Is(Role::Type)),
        ("typed_default_parameter.name", Place::Is(Role::Local)),
        ("typed_default_parameter.type", Place::Is(Role::Type)),
        ("list_splat_pattern", Place::Same),
        ("dictionary_splat_pattern", Place::Same),
        ("tuple_pattern", Place::Same),
        ("list_pattern", Place::Same),
        ("pattern_list", Place::Same),
        ("type", Place::Same),
        ("generic_type", Place::Same),
        ("union_type", Place::Same),
        ("type_parameter", Place::Is(Role::Type)),
        ("subscript", Place::SameType),
        ("binary_operator", Place::SameType),
        ("list", Place::SameType),
        ("tuple", Place::SameType),
        ("string", Place::SameType),
        ("assignment.left", Place::Is(Role::Local)),
        ("assignment.type", Place::Is(Role::Type)),
        ("named_expression.name", Place::Is(Role::Local)),
        ("for_statement.left", Place::Is(Role::Local)),
        ("for_in_clause.left", Place::Is(Role::Local)),
        ("as_pattern.alias", Place::Is(Role::Local)),
        ("as_pattern_target", Place::Same),
        ("type_alias_statement.left", Place::Is(Role::Definition)),
    ],
    wrappers: &["decorated_definition", "expression_statement"],
    scopes: &[
        "lambda",
        "list_comprehension",
        "set_comprehension",
        "dictionary_comprehension",
        "generator_expression",
    ],
    bases: &["identifier", "attribute", "subscript"],
    names_types: is_annotation,
    imports: &[("import_statement", imports), ("import_from_statement", imports_from)],
    is_doc: |_| false,
    doc_inside: docstring,
    is_exported,
    tells: &told::TELLS,
    ..NO_RULES
};

/// `import a.b, c as d`.
fn imports(node: Node<'_>, text: &str, imports: &mut Vec<Import>) {
    for name in node.children_by_field_name("name", &mut node.walk()) {
        let (path, alias) = named(name, text);
        imports.push(Import { alias, ..module(node, path) });
    }
}

/// `from .a import b as c, d`, `from a import *`.
fn imports_from(node: Node<'_>, text: &str, imports: &mut Vec<Import>) {
    let mut import = module(node, field(node, "module_name", text).unwrap_or_default());
    for name in node.children_by_field_name("name", &mut node.walk()) {
        let (name, alias) = named(name, text);
        import.names.push(imported(name, alias));
    }
    import.is_wildcard = import.names.is_empty();
    imports.push(import);
}

fn named(node: Node<'_>, text: &str) -> (String, Option<String>) {
    match node.kind() {
        "aliased_import" => {
            (field(node, "name", text).unwrap_or_default(), field(node, "alias", text))
        }
        _ => (node_text(node, text).unwrap_or_default(), None),
    }
}

/// Tells whether the content of a string is a type: `"Leaf"`, `"list[Leaf] | None"`. The arguments of `Literal` are values,
/// and what `Annotated` adds may be any.
fn is_annotation(content: Site<'_, '_>, text: &str) -> bool {
    let text_of = |node: Node<'_>| text.get(node.byte_range()).unwrap_or("");
    let mut around = content.parent();
    while let Some(site) = around {
        let node = site.node;
        if matches!(node.kind(), "generic_type" | "subscript") {
            let of = node.named_child(0).map_or("", text_of);
            if matches!(of.rsplit('.').next(), Some("Literal" | "Annotated")) {
                return false;
            }
        }
        let is_inside = matches!(
            node.kind(),
            "string"
                | "type"
                | "type_parameter"
                | "generic_type"
                | "subscript"
                | "list"
                | "tuple"
                | "union_type"
                | "binary_operator"
        );
        around = if is_inside { site.parent() } else { None };
    }
    let content = text_of(content.node);
    let is_type =
        |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '[' | ']' | '|' | ',' | ' ');
    // Two words beside each other are a sentence.
    let parts = content.split(['[', ']', '|', ',']);
    content.chars().all(is_type) && parts.map(str::trim).all(|part| !part.contains(' '))
}

/// The string that a body begins with.
fn docstring(node: Node<'_>, _: &str) -> Option<Range<usize>> {
    let body = node.child_by_field_name("body")?;
    let first = body.named_children(&mut body.walk()).find(|child| child.kind() != "comment")?;
    let string = first.named_child(0).filter(|child| child.kind() == "string")?;
    (first.kind() == "expression_statement").then(|| string.byte_range())
}

/// A leading underscore hides a name, but for those of the language.
fn is_exported(shown: &Shown<'_>) -> bool {
    let is_special = shown.name.starts_with("__") && shown.name.ends_with("__");
    let in_function = shown.parent.is_some_and(|parent| parent.kind != "class");
    !in_function && shown.parent_is_exported() && (is_special || !shown.name.starts_with('_'))
}
