//! Modules by `require` and `module.exports`, as Node has them.
//!
//! What `require` or an awaited `import` binds is an import, and what is assigned to the exports is an export of the file's own name, so that
//! both are followed as those of `import` and `export` are. A module that is one value as a whole,
//! `module.exports = a`, exports it as [`WHOLE`].

use tree_sitter::Node;

use crate::language::node_text;
use crate::source::rules::{field, imported, module, unquoted};
use crate::source::{Import, WHOLE};

/// `const a = require("m")`, `const { a, b: c } = require("m")`, `const a = require("m").b`.
pub(super) fn required(node: Node<'_>, text: &str, imports: &mut Vec<Import>) {
    let (Some(name), Some(value)) =
        (node.child_by_field_name("name"), node.child_by_field_name("value"))
    else {
        return;
    };
    let is_name = name.kind() == "identifier";
    if let Some((from, own)) = member_of_required(value, text).filter(|_| is_name) {
        let names = vec![imported(own, node_text(name, text))];
        imports.push(Import { names, ..module(node, from) });
        return;
    }
    let Some(from) = from_of(value, text) else { return };
    let mut import = module(node, from);
    if is_name {
        import.alias = node_text(name, text);
    }
    let mut is_flat = true;
    for part in name.named_children(&mut name.walk()).filter(|_| !is_name) {
        let names = match part.kind() {
            "shorthand_property_identifier_pattern" => node_text(part, text).map(|key| (key, None)),
            "object_assignment_pattern" => field(part, "left", text).map(|key| (key, None)),
            "pair_pattern" => {
                let own = part.child_by_field_name("value").and_then(bound);
                let own = own.and_then(|own| node_text(own, text));
                own.and_then(|own| Some((field(part, "key", text)?, Some(own))))
            }
            "comment" => continue,
            _ => None,
        };
        is_flat &= names.is_some();
        import.names.extend(names.map(|(key, own)| imported(key, own)));
    }
    if !is_flat {
        // Names of members' members, and what is left over, are no names of the module.
        import.names.clear();
    }
    imports.push(import);
}

/// Returns the name that a pattern binds, its default left out.
fn bound(pattern: Node<'_>) -> Option<Node<'_>> {
    let name = match pattern.kind() {
        "assignment_pattern" => pattern.child_by_field_name("left")?,
        _ => pattern,
    };
    (name.kind() == "identifier").then_some(name)
}

/// `require("m").a`, whose name is the module's; it binds none here.
#[expect(clippy::disallowed_methods, reason = "asked of members of `require(…)` alone")]
pub(super) fn member(node: Node<'_>, text: &str, imports: &mut Vec<Import>) {
    let Some((from, own)) = member_of_required(node, text) else { return };
    let is_bound = node.parent().is_some_and(|around| {
        around.kind() == "variable_declarator"
            && around.child_by_field_name("name").is_some_and(|name| name.kind() == "identifier")
    });
    if is_bound {
        return;
    }
    // No name of the file is written like this.
    let alias = format!("require({from}).{own}");
    imports.push(Import { names: vec![imported(own, Some(alias))], ..module(node, from) });
}

/// `exports.a = b`, `module.exports = a`, `module.exports = { a, b: c, ...require("m") }`.
pub(super) fn exported(node: Node<'_>, text: &str, imports: &mut Vec<Import>) {
    let (Some(left), Some(mut value)) =
        (field(node, "left", text), node.child_by_field_name("right"))
    else {
        return;
    };
    let own = match left.as_str() {
        "module.exports" => None,
        left => {
            let own = left.strip_prefix("module.exports.").or(left.strip_prefix("exports."));
            let Some(own) = own.filter(|own| !own.contains(['.', '[', '('])) else { return };
            Some(own)
        }
    };
    // `exports = module.exports = a` is told where `module.exports` stands; `module.exports = exports = a` here.
    while let Some(inner) =
        value.child_by_field_name("right").filter(|_| value.kind() == "assignment_expression")
    {
        value = inner;
    }
    if own.is_none() && value.kind() == "object" {
        for part in value.named_children(&mut value.walk()) {
            entry(part, text, imports);
        }
        return;
    }
    exports(value, own.unwrap_or(WHOLE), text, imports);
}

/// Adds what an object says that a module exports.
fn entry(part: Node<'_>, text: &str, imports: &mut Vec<Import>) {
    match part.kind() {
        "shorthand_property_identifier" => {
            let own = node_text(part, text).unwrap_or_default();
            exports(part, &own, text, imports);
        }
        "pair" => {
            let key = part.child_by_field_name("key").and_then(|key| unquoted(key, text));
            let value = part.child_by_field_name("value");
            if let (Some(key), Some(value)) = (key, value) {
                exports(value, &key, text, imports);
            }
        }
        "spread_element" => {
            if let Some(from) = part.named_child(0).and_then(|value| from_of(value, text)) {
                imports.push(Import { is_reexport: true, is_wildcard: true, ..module(part, from) });
            }
        }
        _ => {}
    }
}

/// Adds that a value is exported under a name, where the value is a name or a module.
fn exports(value: Node<'_>, own: &str, text: &str, imports: &mut Vec<Import>) {
    let own = own.to_owned();
    if matches!(value.kind(), "identifier" | "shorthand_property_identifier") {
        let Some(name) = node_text(value, text) else { return };
        let names = vec![imported(name, Some(own))];
        imports.push(Import { names, is_reexport: true, ..module(value, String::new()) });
    } else if let Some((from, name)) = member_of_required(value, text) {
        let names = vec![imported(name, Some(own))];
        imports.push(Import { names, is_reexport: true, ..module(value, from) });
    } else if let Some(from) = from_of(value, text) {
        let is_whole = own == WHOLE;
        let names = if is_whole { vec![imported(own.clone(), None)] } else { Vec::new() };
        imports.push(Import {
            names,
            alias: Some(own).filter(|_| !is_whole),
            is_wildcard: is_whole,
            is_reexport: true,
            ..module(value, from)
        });
    }
}

/// Returns the module and the name of `require("m").a`.
fn member_of_required(node: Node<'_>, text: &str) -> Option<(String, String)> {
    (node.kind() == "member_expression").then_some(())?;
    let from = from_of(node.child_by_field_name("object")?, text)?;
    Some((from, field(node, "property", text)?))
}

/// Tells whether a value is a module, or a name of one.
pub(super) fn is_required(value: Node<'_>, text: &str) -> bool {
    from_of(value, text).is_some() || member_of_required(value, text).is_some()
}

/// Returns the module of `require("m")` and of `await import("m")`.
fn from_of(node: Node<'_>, text: &str) -> Option<String> {
    let bare = Some(node).filter(|node| node.kind() == "parenthesized_expression");
    let bare = bare.and_then(|node| node.named_child(0)).unwrap_or(node);
    let awaited = Some(bare).filter(|node| node.kind() == "await_expression");
    let awaited = awaited.and_then(|node| node.named_child(0));
    let node = awaited.unwrap_or(node);
    (node.kind() == "call_expression").then_some(())?;
    let function = text.get(node.child_by_field_name("function")?.byte_range());
    let loads = if awaited.is_some() { "import" } else { "require" };
    (function == Some(loads)).then_some(())?;
    let argument = node.child_by_field_name("arguments")?.named_child(0)?;
    if argument.kind() == "string" { unquoted(argument, text) } else { None }
}
