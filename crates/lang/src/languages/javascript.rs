//! JavaScript, with JSX.

use tree_sitter::Node;

use crate::language::{ITEM, Item, Reader, Spec, name_field, node_text};
use crate::source::rules::{
    NO_RULES, Place, Rules, Shown, field, imported, is_javadoc, module, unquoted,
};
use crate::source::{Import, Role, Source, WHOLE};

mod modules;
mod told;

pub(crate) static SPEC: Spec = Spec {
    name: "JavaScript",
    extensions: &["js", "mjs", "cjs", "jsx"],
    file_names: &[],
    reader: Reader::Grammar(|| tree_sitter_javascript::LANGUAGE.into()),
    items: &[
        Item { node: "function_declaration", kind: "function", ..ITEM },
        Item { node: "generator_function_declaration", kind: "function", ..ITEM },
        Item { node: "class_declaration", kind: "class", members: true, ..ITEM },
        Item { node: "method_definition", kind: "method", ..ITEM },
        Item { node: "field_definition", kind: "method", name: field_name, ..ITEM },
        Item { node: "variable_declarator", kind: "function", name: function_value, ..ITEM },
        Item { node: "variable_declarator", kind: "const", name: constant, ..ITEM },
        Item { node: "assignment_expression", kind: "function", name: exported, ..ITEM },
        Item { node: "pair", kind: "method", name: pair_function, ..ITEM },
        Item { node: "call_expression", kind: "test", name: test_name, ..ITEM },
    ],
    through: &[
        "export_statement",
        "class_body",
        "lexical_declaration",
        "variable_declaration",
        "expression_statement",
    ],
    rules: &RULES,
};

/// A class's field only where it holds a function.
fn field_name(node: Node<'_>, text: &str) -> Option<String> {
    is_function(node.child_by_field_name("value")?).then_some(())?;
    node_text(node.child_by_field_name("property")?, text)
}

/// A variable that holds a function.
pub(crate) fn function_value(node: Node<'_>, text: &str) -> Option<String> {
    is_function(node.child_by_field_name("value")?).then_some(())?;
    name_field(node, text)
}

/// A variable that is exported, or a constant by its name's case.
#[expect(clippy::disallowed_methods, reason = "constants are asked for outside functions alone")]
pub(crate) fn constant(node: Node<'_>, text: &str) -> Option<String> {
    let name = node.child_by_field_name("name").filter(|name| name.kind() == "identifier")?;
    let name = node_text(name, text)?;
    let declaration = node.parent()?;
    let exported = declaration.parent().is_some_and(|node| node.kind() == "export_statement");
    let value = node.child_by_field_name("value");
    if !exported && value.is_some_and(|value| modules::is_required(value, text)) {
        return None;
    }
    let constant = name.len() > 1 && !name.chars().any(char::is_lowercase);
    (constant || exported).then_some(name)
}

/// `exports.name = function …` and `Type.prototype.name = function …`.
pub(crate) fn exported(node: Node<'_>, text: &str) -> Option<String> {
    is_function(node.child_by_field_name("right")?).then_some(())?;
    let left = node.child_by_field_name("left")?;
    node_text(left, text).filter(|name| name.chars().count() <= 80)
}

/// A property of an object literal that holds a function.
pub(crate) fn pair_function(node: Node<'_>, text: &str) -> Option<String> {
    is_function(node.child_by_field_name("value")?).then_some(())?;
    let key = node.child_by_field_name("key")?;
    node_text(key, text).map(|name| name.trim_matches(['"', '\'']).to_owned())
}

/// `describe("name", …)` and `it("name", …)`, as test runners have them.
pub(crate) fn test_name(node: Node<'_>, text: &str) -> Option<String> {
    let of = text.get(node.child_by_field_name("function")?.byte_range())?;
    let of = of.split('.').next().unwrap_or(of);
    matches!(of, "describe" | "it" | "test" | "suite" | "context").then_some(())?;
    let arguments = node.child_by_field_name("arguments")?;
    let name = arguments.named_child(0)?;
    let is_text = matches!(name.kind(), "string" | "template_string");
    let runs = arguments.named_child(1).is_some_and(is_function);
    let name = node_text(name, text).filter(|_| is_text && runs)?;
    Some(name.trim_matches(['"', '\'', '`']).to_owned())
}

fn is_function(node: Node<'_>) -> bool {
    matches!(node.kind(), "arrow_function" | "function_expression" | "generator_function" | "class")
}

static RULES: Rules = Rules {
    places: &[
        ("field_definition.property", Place::Is(Role::Definition)),
        ("class_heritage", Place::Is(Role::Base)),
    ],
    ..JS_RULES
};

/// What JavaScript and TypeScript have in common.
pub(crate) const JS_RULES: Rules = Rules {
    shared_places: &[
        ("function_declaration.name", Place::Is(Role::Definition)),
        ("generator_function_declaration.name", Place::Is(Role::Definition)),
        ("function_expression.name", Place::Is(Role::Local)),
        ("class_declaration.name", Place::Is(Role::Definition)),
        ("class.name", Place::Is(Role::Definition)),
        ("method_definition.name", Place::Is(Role::Definition)),
        ("variable_declarator.name", Place::Is(Role::Local)),
        ("array_pattern", Place::Same),
        ("object_pattern", Place::Same),
        ("pair_pattern.key", Place::Is(Role::Key)),
        ("pair_pattern.value", Place::Same),
        ("assignment_pattern.left", Place::Same),
        ("object_assignment_pattern.left", Place::Same),
        ("rest_pattern", Place::Same),
        ("formal_parameters", Place::Is(Role::Local)),
        ("arrow_function.parameter", Place::Is(Role::Local)),
        ("catch_clause.parameter", Place::Is(Role::Local)),
        ("for_in_statement.left", Place::Is(Role::Local)),
        ("assignment_expression.left", Place::Target),
        ("call_expression.function", Place::Is(Role::Call)),
        ("new_expression.constructor", Place::Is(Role::Call)),
        ("member_expression.property", Place::Member),
        ("pair.key", Place::Is(Role::Key)),
        ("jsx_attribute", Place::Is(Role::Key)),
        ("jsx_opening_element.name", Place::Is(Role::Call)),
        ("jsx_self_closing_element.name", Place::Is(Role::Call)),
    ],
    names: &[
        ("identifier", Role::Plain),
        ("property_identifier", Role::Member),
        ("private_property_identifier", Role::Member),
        ("shorthand_property_identifier", Role::Plain),
        ("shorthand_property_identifier_pattern", Role::Local),
        ("type_identifier", Role::Type),
    ],
    texts: &["string_fragment", "jsx_text"],
    comments: &["comment", "html_comment"],
    skipped: &["statement_identifier", "hash_bang_line"],
    wrappers: &["ambient_declaration", "expression_statement"],
    single: &["lexical_declaration", "variable_declaration"],
    attributes: &["decorator"],
    scopes: &["arrow_function", "function_expression", "generator_function"],
    bases: &[
        "identifier",
        "type_identifier",
        "member_expression",
        "generic_type",
        "nested_type_identifier",
        "call_expression",
    ],
    imports: &[
        ("import_statement", imports),
        ("export_statement", reexports),
        ("variable_declarator", modules::required),
        ("assignment_expression", modules::exported),
        ("member_expression", modules::member),
    ],
    has_binding_imports: true,
    is_doc: is_javadoc,
    split,
    is_exported,
    tells: &told::TELLS,
    finish,
    ..NO_RULES
};

/// `A.prototype.f` is `f` of `A`; of `exports.f` the name is `f`.
fn split(name: &str) -> (Option<String>, &str) {
    let bare = name.trim_matches(['"', '\'', '`']);
    if bare.len() < name.len() {
        return (None, bare);
    }
    // `[Symbol.iterator]` is no path.
    let Some((of, own)) = name.rsplit_once('.').filter(|_| !name.starts_with('[')) else {
        return (None, name);
    };
    let of = of.strip_suffix(".prototype").unwrap_or(of);
    let of = of.rsplit('.').next().unwrap_or(of);
    let is_class = !matches!(of, "exports" | "module" | "this" | "window");
    (is_class.then(|| of.to_owned()), own)
}

fn is_exported(shown: &Shown<'_>) -> bool {
    let head = shown.head();
    let is_private = head.contains("private") || head.contains("protected");
    let is_member = shown.parent.is_some_and(|parent| {
        parent.is_exported && matches!(parent.kind, "class" | "interface" | "module" | "enum")
    });
    shown.in_export
        || is_member && !is_private && !shown.name.starts_with('#')
        || shown.node.kind() == "assignment_expression" && head_of(shown).contains("exports")
}

/// The left side of an assignment.
fn head_of<'a>(shown: &Shown<'a>) -> &'a str {
    let left = shown.node.child_by_field_name("left");
    left.and_then(|left| shown.text.get(left.byte_range())).unwrap_or("")
}

/// Names that are exported apart from their definition.
fn finish(source: &mut Source, text: &str) {
    let mut exported: Vec<&str> = Vec::new();
    for mark in ["export {", "export default ", "module.exports =", "export ="] {
        for (at, _) in text.match_indices(mark).take(200) {
            let rest = text.get(at + mark.len()..).unwrap_or("").trim_start();
            let is_list = mark.ends_with('{') || rest.starts_with('{');
            let end = rest.find(if is_list { '}' } else { '\n' }).unwrap_or(rest.len());
            let list = rest.get(..end).unwrap_or("").trim_start_matches('{').trim_end();
            let name = |part: &'_ str| part.split([' ', ':', '(', ';']).next().map(str::len);
            for part in list.split(',').take(1_000).map(str::trim) {
                exported.extend(name(part).and_then(|length| part.get(..length)));
            }
        }
    }
    for unit in source.units.iter_mut().filter(|unit| unit.parent.is_none()) {
        unit.is_exported |= exported.contains(&unit.name.as_str());
    }
    for at in 0..source.units.len() {
        let Some(unit) = source.units.get(at).filter(|unit| !unit.is_exported) else {
            continue;
        };
        let parent = unit.parent.and_then(|parent| source.units.get(parent as usize));
        let is_private = unit.name.starts_with('#')
            || unit.signature.contains("private ")
            || unit.signature.contains("protected ");
        let shown = parent.is_some_and(|parent| parent.is_exported && parent.kind == "class");
        if let Some(unit) = source.units.get_mut(at).filter(|_| shown && !is_private) {
            unit.is_exported = true;
        }
    }
}

/// `import a, { b as c }, * as d from "m"`.
fn imports(node: Node<'_>, text: &str, imports: &mut Vec<Import>) {
    let mut walk = node.walk();
    let required =
        node.named_children(&mut walk).find(|child| child.kind() == "import_require_clause");
    let source = required.unwrap_or(node).child_by_field_name("source");
    let Some(from) = source.and_then(|source| unquoted(source, text)) else {
        return;
    };
    let mut import = module(node, from);
    if let Some(name) = required.and_then(|clause| clause.named_child(0)) {
        import.alias = node_text(name, text);
    }
    let clause = node.named_children(&mut walk).find(|child| child.kind() == "import_clause");
    for part in clause
        .iter()
        .flat_map(|clause| clause.named_children(&mut clause.walk()).collect::<Vec<_>>())
    {
        match part.kind() {
            "identifier" => {
                import.names.push(imported("default".to_owned(), node_text(part, text)));
            }
            "namespace_import" => {
                import.alias = part.named_child(0).and_then(|name| node_text(name, text));
            }
            _ => specifiers(part, text, &mut import),
        }
    }
    imports.push(import);
}

fn specifiers(node: Node<'_>, text: &str, import: &mut Import) {
    for part in node.named_children(&mut node.walk()) {
        if let Some(name) = field(part, "name", text) {
            import.names.push(imported(name, field(part, "alias", text)));
        }
    }
}

/// `export { a as b }`, `export default a` and `export = a` of the file's own names: exported from no module.
fn own_exports(node: Node<'_>, text: &str, imports: &mut Vec<Import>) {
    let mut import = Import { is_reexport: true, ..module(node, String::new()) };
    let value = node.child_by_field_name("value").filter(|value| value.kind() == "identifier");
    if let Some(name) = value.and_then(|value| node_text(value, text)) {
        import.names.push(imported(name, Some("default".to_owned())));
    }
    let mut is_whole = false;
    for part in node.children(&mut node.walk()) {
        match part.kind() {
            "export_clause" => specifiers(part, text, &mut import),
            "=" => is_whole = true,
            "identifier" if is_whole => {
                let name = node_text(part, text).unwrap_or_default();
                import.names.push(imported(name, Some(WHOLE.to_owned())));
            }
            _ => {}
        }
    }
    if !import.names.is_empty() {
        imports.push(import);
    }
}

/// `export { a as b } from "m"`, `export * from "m"`.
fn reexports(node: Node<'_>, text: &str, imports: &mut Vec<Import>) {
    let Some(from) = node.child_by_field_name("source").and_then(|node| unquoted(node, text))
    else {
        return own_exports(node, text, imports);
    };
    let mut import = Import { is_reexport: true, ..module(node, from) };
    for part in node.named_children(&mut node.walk()) {
        match part.kind() {
            "export_clause" => specifiers(part, text, &mut import),
            "namespace_export" => {
                import.alias = part.named_child(0).and_then(|name| node_text(name, text));
            }
            _ => {}
        }
    }
    import.is_wildcard = import.names.is_empty() && import.alias.is_none();
    imports.push(import);
}
