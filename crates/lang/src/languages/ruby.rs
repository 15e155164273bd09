//! Ruby.

use tree_sitter::Node;

use crate::language::{ITEM, Item, Reader, Spec, node_text};
use crate::source::rules::{NO_RULES, Place, Rules, Shown, field, module, unquoted};
use crate::source::{Import, Role};

pub(crate) static SPEC: Spec = Spec {
    name: "Ruby",
    extensions: &["rb", "rake", "gemspec", "ru", "podspec", "jbuilder"],
    file_names: &["rakefile", "gemfile", "guardfile", "capfile", "vagrantfile", "podfile"],
    reader: Reader::Grammar(|| tree_sitter_ruby::LANGUAGE.into()),
    items: &[
        Item { node: "module", kind: "module", members: true, ..ITEM },
        Item { node: "class", kind: "class", members: true, ..ITEM },
        Item { node: "method", kind: "function", nested_kind: "method", ..ITEM },
        Item { node: "singleton_method", kind: "function", nested_kind: "method", ..ITEM },
        Item { node: "assignment", kind: "const", name: constant, ..ITEM },
        Item { node: "call", kind: "test", name: test_name, ..ITEM },
    ],
    through: &["body_statement", "singleton_class", "begin"],
    rules: &RULES,
};

fn constant(node: Node<'_>, text: &str) -> Option<String> {
    let left = node.child_by_field_name("left").filter(|left| left.kind() == "constant")?;
    node_text(left, text)
}

/// `describe "name" do` and `it "name" do`.
fn test_name(node: Node<'_>, text: &str) -> Option<String> {
    let method = node.child_by_field_name("method")?;
    let method = text.get(method.byte_range())?;
    matches!(method, "describe" | "context" | "it" | "test" | "specify").then_some(())?;
    node.child_by_field_name("block")?;
    let name = node.child_by_field_name("arguments")?.named_child(0)?;
    Some(node_text(name, text)?.trim_matches(['"', '\'']).to_owned())
}

static RULES: Rules = Rules {
    names: &[
        ("identifier", Role::Plain),
        ("constant", Role::Type),
        ("instance_variable", Role::Member),
        ("class_variable", Role::Member),
        ("global_variable", Role::Plain),
        ("hash_key_symbol", Role::Key),
    ],
    texts: &["string_content", "heredoc_content", "simple_symbol"],
    places: &[
        ("module.name", Place::Is(Role::Definition)),
        ("class.name", Place::Is(Role::Definition)),
        ("superclass", Place::Is(Role::Base)),
        ("method.name", Place::Is(Role::Definition)),
        ("singleton_method.name", Place::Is(Role::Definition)),
        ("setter.name", Place::Same),
        ("scope_resolution.name", Place::Same),
        ("call.method", Place::Is(Role::Call)),
        ("assignment.left", Place::Is(Role::Local)),
        ("left_assignment_list", Place::Same),
        ("destructured_left_assignment", Place::Same),
        ("rest_assignment", Place::Same),
        ("method_parameters", Place::Is(Role::Local)),
        ("block_parameters", Place::Is(Role::Local)),
        ("lambda_parameters", Place::Is(Role::Local)),
        ("optional_parameter.name", Place::Is(Role::Local)),
        ("keyword_parameter.name", Place::Is(Role::Local)),
        ("splat_parameter.name", Place::Is(Role::Local)),
        ("hash_splat_parameter.name", Place::Is(Role::Local)),
        ("block_parameter.name", Place::Is(Role::Local)),
        ("destructured_parameter", Place::Same),
        ("for.pattern", Place::Is(Role::Local)),
        ("exception_variable", Place::Is(Role::Local)),
    ],
    scopes: &["block", "do_block", "lambda"],
    bases: &["constant", "scope_resolution"],
    imports: &[("call", required)],
    more_bases: included,
    is_doc: |comment| !comment.starts_with("#!") && !comment.starts_with("# frozen_string"),
    split: |name| match name.rsplit_once("::") {
        Some((_, own)) => (None, own),
        None => (None, name),
    },
    is_exported: |shown: &Shown<'_>| shown.parent_is_exported(),
    ..NO_RULES
};

/// `include A, B` and `extend A` directly in a class's or module's body.
fn included(node: Node<'_>, text: &str) -> Vec<String> {
    let Some(body) = node.child_by_field_name("body") else {
        return Vec::new();
    };
    if !matches!(node.kind(), "class" | "module") {
        return Vec::new();
    }
    let mut bases = Vec::new();
    for call in body.named_children(&mut body.walk()).filter(|child| child.kind() == "call") {
        let method = field(call, "method", text);
        let of = call.child_by_field_name("arguments");
        if let (Some("include" | "extend" | "prepend"), Some(of)) = (method.as_deref(), of) {
            let mut walk = of.walk();
            let names = of.named_children(&mut walk).filter_map(|name| node_text(name, text));
            bases.extend(names.filter(|name| name.starts_with(char::is_uppercase)).take(16));
        }
    }
    bases
}

/// `require "a"`, `require_relative "a"`, `load "a.rb"`.
fn required(node: Node<'_>, text: &str, imports: &mut Vec<Import>) {
    let Some(method) = node.child_by_field_name("method").map(|method| method.byte_range()) else {
        return;
    };
    let method = text.get(method).unwrap_or("");
    if !matches!(method, "require" | "require_relative" | "load") {
        return;
    }
    let name = node.child_by_field_name("arguments").and_then(|arguments| arguments.named_child(0));
    let path = name.filter(|name| name.kind() == "string").and_then(|name| unquoted(name, text));
    if let Some(path) = path {
        let path = if method == "require_relative" { format!("./{path}") } else { path };
        imports.push(Import { is_wildcard: true, ..module(node, path) });
    }
}
