//! Java.

use tree_sitter::Node;

use crate::language::{ITEM, Item, Reader, Spec, name_field, node_text};
use crate::source::rules::{NO_RULES, Place, Rules, Shown, imported, is_javadoc, module};
use crate::source::{Import, Role};

mod told;

pub(crate) static SPEC: Spec = Spec {
    name: "Java",
    extensions: &["java"],
    file_names: &[],
    reader: Reader::Grammar(|| tree_sitter_java::LANGUAGE.into()),
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
    rules: &RULES,
};

fn declared(node: Node<'_>, text: &str) -> Option<String> {
    name_field(node.child_by_field_name("declarator")?, text)
}

static RULES: Rules = Rules {
    names: &[("identifier", Role::Plain), ("type_identifier", Role::Type)],
    texts: &["string_fragment", "multiline_string_fragment"],
    comments: &["line_comment", "block_comment"],
    packages: &["package_declaration"],
    places: &[
        ("class_declaration.name", Place::Is(Role::Definition)),
        ("interface_declaration.name", Place::Is(Role::Definition)),
        ("annotation_type_declaration.name", Place::Is(Role::Definition)),
        ("annotation_type_element_declaration.name", Place::Is(Role::Definition)),
        ("enum_declaration.name", Place::Is(Role::Definition)),
        ("record_declaration.name", Place::Is(Role::Definition)),
        ("method_declaration.name", Place::Is(Role::Definition)),
        ("constructor_declaration.name", Place::Is(Role::Definition)),
        ("compact_constructor_declaration.name", Place::Is(Role::Definition)),
        ("enum_constant.name", Place::Is(Role::Definition)),
        ("variable_declarator.name", Place::Is(Role::Local)),
        ("formal_parameter.name", Place::Is(Role::Local)),
        ("catch_formal_parameter.name", Place::Is(Role::Local)),
        ("resource.name", Place::Is(Role::Local)),
        ("enhanced_for_statement.name", Place::Is(Role::Local)),
        ("lambda_expression.parameters", Place::Is(Role::Local)),
        ("inferred_parameters", Place::Is(Role::Local)),
        ("instanceof_expression.name", Place::Is(Role::Local)),
        ("method_invocation.name", Place::Is(Role::Call)),
        ("object_creation_expression.type", Place::Is(Role::Call)),
        ("generic_type", Place::Same),
        ("scoped_type_identifier", Place::Same),
        ("field_access.field", Place::Path),
        ("scoped_identifier.name", Place::Path),
        ("superclass", Place::Is(Role::Base)),
        ("super_interfaces", Place::Is(Role::Base)),
        ("extends_interfaces", Place::Is(Role::Base)),
        ("type_list", Place::Same),
        ("annotation.name", Place::Is(Role::Type)),
        ("marker_annotation.name", Place::Is(Role::Type)),
        ("element_value_pair.key", Place::Is(Role::Key)),
        ("type_parameter", Place::Variable),
    ],
    scopes: &["lambda_expression"],
    bases: &["type_identifier", "generic_type", "scoped_type_identifier"],
    imports: &[("import_declaration", imports)],
    is_doc: is_javadoc,
    is_exported,
    tells: &told::TELLS,
    ..NO_RULES
};

/// `public`, and what a public interface holds.
fn is_exported(shown: &Shown<'_>) -> bool {
    let modifiers = shown.node.child(0).filter(|node| node.kind() == "modifiers");
    let modifiers = modifiers.and_then(|node| shown.text.get(node.byte_range())).unwrap_or("");
    let has = |word| modifiers.split_whitespace().any(|modifier| modifier == word);
    let in_interface = shown.parent.is_some_and(|parent| parent.kind == "interface");
    shown.parent_is_exported() && (has("public") || in_interface && !has("private"))
}

/// `import a.b.C;`, `import a.b.*;`, `import static a.b.C.f;`.
fn imports(node: Node<'_>, text: &str, imports: &mut Vec<Import>) {
    let full = node_text(node, text).unwrap_or_default();
    let path = full.trim_start_matches("import ").trim_start_matches("static ");
    let path = path.trim_end_matches(';').trim();
    let Some((from, name)) = path.rsplit_once('.') else {
        return;
    };
    let mut import = module(node, from.trim().to_owned());
    import.is_wildcard = name == "*";
    if !import.is_wildcard {
        import.names.push(imported(name.trim().to_owned(), None));
    }
    imports.push(import);
}
