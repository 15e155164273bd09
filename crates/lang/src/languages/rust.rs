//! Rust.

use tree_sitter::Node;

use crate::language::{ITEM, Item, Reader, Spec, node_text};
use crate::source::rules::{
    NO_RULES, Place, Rules, Shown, field, imported, is_module_path, module,
};
use crate::source::{Import, Role};
use std::ops::Range;

mod macros;
mod told;

pub(crate) static SPEC: Spec = Spec {
    name: "Rust",
    extensions: &["rs"],
    file_names: &[],
    reader: Reader::Grammar(|| tree_sitter_rust::LANGUAGE.into()),
    items: &[
        Item { node: "function_item", kind: "function", nested_kind: "method", ..ITEM },
        Item { node: "function_signature_item", kind: "function", nested_kind: "method", ..ITEM },
        Item { node: "struct_item", kind: "struct", ..ITEM },
        Item { node: "union_item", kind: "union", ..ITEM },
        Item { node: "enum_item", kind: "enum", ..ITEM },
        Item { node: "trait_item", kind: "trait", members: true, ..ITEM },
        Item { node: "impl_item", kind: "impl", name: impl_name, members: true, ..ITEM },
        Item { node: "mod_item", kind: "module", members: true, ..ITEM },
        Item { node: "const_item", kind: "const", ..ITEM },
        Item { node: "static_item", kind: "static", ..ITEM },
        Item { node: "type_item", kind: "type", ..ITEM },
        Item { node: "associated_type", kind: "type", ..ITEM },
        Item { node: "macro_definition", kind: "macro", ..ITEM },
    ],
    through: &["declaration_list", "foreign_mod_item"],
    rules: &RULES,
};

/// `Type` or `Trait for Type`.
fn impl_name(node: Node<'_>, text: &str) -> Option<String> {
    let name = node_text(node.child_by_field_name("type")?, text)?;
    match node.child_by_field_name("trait").and_then(|node| node_text(node, text)) {
        Some(of) => Some(format!("{of} for {name}")),
        None => Some(name),
    }
}

static RULES: Rules = Rules {
    names: &[
        ("identifier", Role::Plain),
        ("type_identifier", Role::Type),
        ("field_identifier", Role::Member),
        ("shorthand_field_identifier", Role::Local),
    ],
    texts: &["string_content"],
    comments: &["line_comment", "block_comment"],
    skipped: &["lifetime", "label"],
    places: &[
        ("type_parameter.name", Place::Variable),
        ("function_item.name", Place::Is(Role::Definition)),
        ("function_signature_item.name", Place::Is(Role::Definition)),
        ("struct_item.name", Place::Is(Role::Definition)),
        ("union_item.name", Place::Is(Role::Definition)),
        ("enum_item.name", Place::Is(Role::Definition)),
        ("enum_variant.name", Place::Is(Role::Definition)),
        ("field_declaration.name", Place::Is(Role::Definition)),
        ("trait_item.name", Place::Is(Role::Definition)),
        ("trait_item.bounds", Place::Is(Role::Base)),
        ("trait_bounds", Place::Same),
        ("impl_item.trait", Place::Is(Role::Base)),
        ("mod_item.name", Place::Is(Role::Definition)),
        ("const_item.name", Place::Is(Role::Definition)),
        ("static_item.name", Place::Is(Role::Definition)),
        ("type_item.name", Place::Is(Role::Definition)),
        ("associated_type.name", Place::Is(Role::Definition)),
        ("macro_definition.name", Place::Is(Role::Definition)),
        ("generic_type.type", Place::Same),
        ("scoped_type_identifier.name", Place::Path),
        ("call_expression.function", Place::Is(Role::Call)),
        ("generic_function.function", Place::Same),
        ("scoped_identifier.name", Place::Path),
        ("field_expression.field", Place::Path),
        ("macro_invocation.macro", Place::Is(Role::Call)),
        ("token_tree", Place::Tokens),
        ("token_repetition", Place::Tokens),
        ("token_tree_pattern", Place::Tokens),
        ("let_declaration.pattern", Place::Is(Role::Local)),
        ("let_condition.pattern", Place::Is(Role::Local)),
        ("for_expression.pattern", Place::Is(Role::Local)),
        ("match_arm.pattern", Place::Is(Role::Local)),
        ("match_pattern", Place::Same),
        ("match_pattern.condition", Place::Free),
        ("parameter.pattern", Place::Is(Role::Local)),
        ("closure_parameters", Place::Is(Role::Local)),
        ("const_parameter.name", Place::Is(Role::Local)),
        ("tuple_pattern", Place::Same),
        ("tuple_struct_pattern", Place::Same),
        ("tuple_struct_pattern.type", Place::Free),
        ("struct_pattern", Place::Same),
        ("struct_pattern.type", Place::Free),
        ("field_pattern.pattern", Place::Same),
        ("ref_pattern", Place::Same),
        ("mut_pattern", Place::Same),
        ("reference_pattern", Place::Same),
        ("or_pattern", Place::Same),
        ("captured_pattern", Place::Same),
        ("slice_pattern", Place::Same),
        ("field_initializer.field", Place::Is(Role::Key)),
    ],
    attributes: &["attribute_item"],
    scopes: &["closure_expression"],
    bases: &["type_identifier", "generic_type", "scoped_type_identifier"],
    imports: &[
        ("use_declaration", uses),
        ("extern_crate_declaration", extern_crate),
        ("mod_item", module_file),
    ],
    is_doc,
    doc_inside: inner_doc,
    has_constant_patterns: true,
    split: |name| (None, type_name(name)),
    is_exported,
    tells: &told::TELLS,
    opened: macros::opened,
    marks: &["attribute_item", "inner_attribute_item"],
    is_builtin,
    ..NO_RULES
};

/// Attributes of the language and its compiler whose names, with all in them, are no names of the project.
const BUILTIN: [&str; 34] = [
    "allow",
    "automatically_derived",
    "bench",
    "cfg",
    "cfg_attr",
    "cold",
    "crate_name",
    "crate_type",
    "deny",
    "deprecated",
    "doc",
    "expect",
    "export_name",
    "feature",
    "forbid",
    "ignore",
    "inline",
    "link",
    "link_name",
    "macro_export",
    "macro_use",
    "must_use",
    "no_mangle",
    "no_std",
    "non_exhaustive",
    "path",
    "proc_macro_attribute",
    "recursion_limit",
    "repr",
    "should_panic",
    "target_feature",
    "test",
    "track_caller",
    "warn",
];

/// Tells whether an attribute is one of the language's own.
fn is_builtin(node: Node<'_>, text: &str) -> bool {
    let attribute = node.named_children(&mut node.walk()).find(|child| child.kind() == "attribute");
    let name = attribute.and_then(|attribute| attribute.named_child(0));
    let name = name.and_then(|name| text.get(name.byte_range()));
    name.is_some_and(|name| BUILTIN.contains(&name))
}

fn is_doc(comment: &str) -> bool {
    let line = comment.starts_with("///") && !comment.starts_with("////");
    line || comment.starts_with("/**") && !comment.starts_with("/***") && comment.len() > 4
}

/// `//!` at the head of a module's body.
fn inner_doc(node: Node<'_>, text: &str) -> Option<Range<usize>> {
    let body = node.child_by_field_name("body").filter(|_| node.kind() == "mod_item")?;
    let inner = |child: &Node<'_>| {
        text.get(child.byte_range())
            .is_some_and(|text| text.starts_with("//!") || text.starts_with("/*!"))
    };
    let mut walk = body.walk();
    let mut docs = body.named_children(&mut walk).take_while(inner);
    let first = docs.next()?;
    let last = docs.last().unwrap_or(first);
    let end = text.get(..last.end_byte())?.trim_end().len();
    Some(first.start_byte()..end)
}

/// The type of an impl block without its generics and its path.
fn type_name(name: &str) -> &str {
    let of = name.rsplit_once(" for ").map_or(name, |(_, of)| of);
    let of = of.trim_start_matches(['&', '*']);
    let of = of.split('<').next().filter(|of| !of.is_empty()).unwrap_or(of);
    of.rsplit("::").next().unwrap_or(of).trim()
}

/// `pub`, and what a public trait or the implementation of a trait holds.
fn is_exported(shown: &Shown<'_>) -> bool {
    let in_trait = shown.parent.is_some_and(|parent| match parent.kind {
        "trait" => parent.is_exported,
        "impl" => !parent.bases.is_empty(),
        _ => false,
    });
    let modifier = shown
        .node
        .named_children(&mut shown.node.walk())
        .take(2)
        .find(|child| child.kind() == "visibility_modifier");
    let is_public = modifier.is_some_and(|node| shown.text.get(node.byte_range()) == Some("pub"));
    in_trait || is_public || shown.node.kind() == "impl_item"
}

/// Every path of a `use` tree.
fn uses(node: Node<'_>, text: &str, imports: &mut Vec<Import>) {
    let is_reexport = node.named_child(0).is_some_and(|node| node.kind() == "visibility_modifier");
    let Some(tree) = node.child_by_field_name("argument") else {
        return;
    };
    let mut open = vec![(tree, String::new())];
    while let Some((node, prefix)) = open.pop() {
        if imports.len() > 20_000 {
            return;
        }
        let join = |path: &str| match (prefix.is_empty(), path.is_empty()) {
            (true, _) => path.to_owned(),
            (_, true) => prefix.clone(),
            _ => format!("{prefix}::{path}"),
        };
        let own = || node_text(node, text).unwrap_or_default();
        let import = Import { is_reexport, ..module(node, String::new()) };
        match node.kind() {
            "scoped_use_list" => {
                let prefix = join(&field(node, "path", text).unwrap_or_default());
                let list = node.child_by_field_name("list").filter(|_| is_module_path(&prefix));
                open.extend(list.map(|list| (list, prefix)));
            }
            "use_list" => {
                let children: Vec<_> = node.named_children(&mut node.walk()).collect();
                open.extend(children.into_iter().rev().map(|child| (child, prefix.clone())));
            }
            "use_wildcard" => {
                let path = join(own().trim_end_matches('*').trim_end_matches("::"));
                imports.push(Import { from: path, is_wildcard: true, ..import });
            }
            "use_as_clause" => {
                let path = join(&field(node, "path", text).unwrap_or_default());
                imports.push(path_import(import, &path, field(node, "alias", text)));
            }
            "line_comment" | "block_comment" => {}
            _ => imports.push(path_import(import, &join(&own()), None)),
        }
    }
}

/// `a::b::c` takes `c` from `a::b`; `a::b::self` is `b` of `a`.
fn path_import(import: Import, path: &str, alias: Option<String>) -> Import {
    let path = path.strip_suffix("::self").unwrap_or(path);
    match path.rsplit_once("::") {
        Some((from, name)) => Import {
            from: from.to_owned(),
            names: vec![imported(name.to_owned(), alias)],
            ..import
        },
        None => Import { from: path.to_owned(), alias, ..import },
    }
}

fn extern_crate(node: Node<'_>, text: &str, imports: &mut Vec<Import>) {
    if let Some(name) = field(node, "name", text) {
        imports.push(Import { alias: field(node, "alias", text), ..module(node, name) });
    }
}

/// `mod x;` takes the module of another file in; `#[path = "a.rs"] mod x;` that of the file named.
fn module_file(node: Node<'_>, text: &str, imports: &mut Vec<Import>) {
    if node.child_by_field_name("body").is_none()
        && let Some(name) = field(node, "name", text)
    {
        imports.push(match written_path(node, text) {
            Some(path) => Import { alias: Some(name), ..module(node, path) },
            None => module(node, format!("self::{name}")),
        });
    }
}

/// Returns the path that an attribute gives to a module's file.
fn written_path(node: Node<'_>, text: &str) -> Option<String> {
    let mut before = node.prev_named_sibling();
    while let Some(item) = before.filter(|item| item.kind() == "attribute_item" || item.is_extra())
    {
        let attribute = item.named_child(0).and_then(|attribute| text.get(attribute.byte_range()));
        let value = attribute.and_then(|text| text.trim().strip_prefix("path"));
        if let Some(value) = value.and_then(|value| value.trim_start().strip_prefix('=')) {
            let path = value.trim().trim_matches('"');
            return path.ends_with(".rs").then(|| path.to_owned());
        }
        before = item.prev_named_sibling();
    }
    None
}
