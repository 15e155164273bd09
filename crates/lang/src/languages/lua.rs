//! Lua.

use tree_sitter::Node;

use crate::language::{ITEM, Item, Reader, Spec, node_text};
use crate::source::rules::{NO_RULES, Place, Rules, Shown, field, module, unquoted};
use crate::source::{Import, Role};

pub(crate) static SPEC: Spec = Spec {
    name: "Lua",
    extensions: &["lua", "rockspec"],
    file_names: &[".luacheckrc"],
    reader: Reader::Grammar(|| tree_sitter_lua::LANGUAGE.into()),
    items: &[
        Item { node: "function_declaration", kind: "function", ..ITEM },
        Item { node: "assignment_statement", kind: "function", name: assigned, ..ITEM },
        Item { node: "field", kind: "method", name: table_function, ..ITEM },
    ],
    through: &["variable_declaration"],
    rules: &RULES,
};

/// The only variable and the only value of an assignment.
fn sides<'t>(node: Node<'t>) -> Option<(Node<'t>, Node<'t>)> {
    let side = |kind: &str| {
        let mut walk = node.walk();
        node.named_children(&mut walk)
            .find(|child| child.kind() == kind && child.named_child_count() == 1)?
            .named_child(0)
    };
    Some((side("variable_list")?, side("expression_list")?))
}

/// `M.f = function …`
fn assigned(node: Node<'_>, text: &str) -> Option<String> {
    let (name, value) = sides(node)?;
    (value.kind() == "function_definition").then(|| node_text(name, text))?
}

fn table_function(node: Node<'_>, text: &str) -> Option<String> {
    let value = node.child_by_field_name("value")?;
    (value.kind() == "function_definition").then(|| field(node, "name", text))?
}

static RULES: Rules = Rules {
    names: &[("identifier", Role::Plain)],
    texts: &["string_content"],
    places: &[
        ("function_declaration.name", Place::Is(Role::Definition)),
        ("function_call.name", Place::Is(Role::Call)),
        ("dot_index_expression.field", Place::Member),
        ("method_index_expression.method", Place::Member),
        ("parameters.name", Place::Is(Role::Local)),
        ("variable_list.name", Place::Is(Role::Local)),
        ("for_numeric_clause.name", Place::Is(Role::Local)),
        ("field.name", Place::Is(Role::Key)),
    ],
    wrappers: &["variable_declaration"],
    scopes: &["function_definition"],
    imports: &[("assignment_statement", required), ("function_call", called)],
    split: |name| match name.rsplit_once(['.', ':']) {
        Some((of, own)) => (of.rsplit(['.', ':']).next().map(str::to_owned), own),
        None => (None, name),
    },
    is_exported: |shown: &Shown<'_>| {
        !shown.text.get(shown.node.byte_range()).unwrap_or("").starts_with("local ")
            && shown.parent_is_exported()
    },
    ..NO_RULES
};

fn required_path(call: Node<'_>, text: &str) -> Option<String> {
    (call.kind() == "function_call").then_some(())?;
    let name = call.child_by_field_name("name")?;
    matches!(text.get(name.byte_range())?, "require" | "dofile").then_some(())?;
    let path = call.child_by_field_name("arguments")?;
    let path = if path.kind() == "arguments" { path.named_child(0)? } else { path };
    unquoted(path, text).filter(|path| !path.is_empty())
}

/// `local m = require "m"`
fn required(node: Node<'_>, text: &str, imports: &mut Vec<Import>) {
    let Some((name, value)) = sides(node) else {
        return;
    };
    if let Some(path) = required_path(value, text) {
        imports.push(Import { alias: node_text(name, text), ..module(node, path) });
    }
}

/// `require("m")` whose value is not kept.
fn called(node: Node<'_>, text: &str, imports: &mut Vec<Import>) {
    let line = crate::source::line(node.start_position().row);
    let is_known = |path: &str| imports.last().is_some_and(|i| i.line == line && i.from == path);
    if let Some(path) = required_path(node, text).filter(|path| !is_known(path)) {
        imports.push(Import { is_wildcard: true, ..module(node, path) });
    }
}
