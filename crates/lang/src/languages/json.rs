//! JSON, and JSON with comments. The outline is the names at the top.

use tree_sitter::Node;

use crate::language::{ITEM, Item, Reader, Spec, node_text};
use crate::source::Role;
use crate::source::rules::{NO_RULES, Place, Rules};

const ITEMS: &[Item] = &[Item { node: "pair", kind: "key", name: key, ..ITEM }];

pub(crate) static SPEC: Spec = Spec {
    name: "JSON",
    extensions: &["json", "geojson", "ipynb", "har", "webmanifest", "avsc"],
    file_names: &["composer.lock", "pipfile.lock"],
    reader: Reader::Grammar(|| tree_sitter_json::LANGUAGE.into()),
    items: ITEMS,
    through: &["object"],
    rules: &RULES,
};

pub(crate) static JSONC: Spec = Spec {
    name: "JSON with comments",
    extensions: &["jsonc", "code-workspace"],
    file_names: &[
        "tsconfig.json",
        "tsconfig.*.json",
        "tsconfig-*.json",
        "jsconfig.json",
        "jsconfig.*.json",
        "devcontainer.json",
        ".devcontainer.json",
        ".eslintrc.json",
        ".eslintrc",
        ".babelrc",
        ".babelrc.json",
        ".swcrc",
        ".jshintrc",
        ".jslintrc",
        "api-extractor.json",
        "deno.json",
        "bun.lock",
        "settings.json",
        "launch.json",
        "tasks.json",
        "extensions.json",
        "keybindings.json",
        "turbo.json",
        "biome.json",
        "typedoc.json",
    ],
    ..SPEC_JSON
};

const SPEC_JSON: Spec = Spec {
    name: "",
    extensions: &[],
    file_names: &[],
    reader: Reader::Grammar(|| tree_sitter_json::LANGUAGE.into()),
    items: ITEMS,
    through: &["object"],
    rules: &RULES,
};

fn key(node: Node<'_>, text: &str) -> Option<String> {
    Some(node_text(node.child_by_field_name("key")?, text)?.trim_matches('"').to_owned())
}

static RULES: Rules = Rules {
    texts: &["string_content"],
    places: &[("pair.key", Place::Is(Role::Key)), ("string", Place::Same)],
    ..NO_RULES
};
