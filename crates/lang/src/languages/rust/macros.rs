//! Items that a macro is given, such as those of `cfg_if!`, `lazy_static!`, `bitflags!` and a project's own `cfg_unix!`.
//!
//! A grammar sees tokens there. Where what stands between a macro's delimiters, or within a block of it, can be read as items
//! alone, all around it is made blank, byte for byte, so that what a parser tells of bytes and lines holds for the file.

use std::ops::Range;

use tree_sitter::{InputEdit, Node, Tree};

use super::SPEC;
use crate::Language;
use crate::parse::{parse, parse_again};
use crate::source::blank;
use crate::source::rules::Opened;

/// How often macros are looked for in what was in macros.
const MAX_ROUNDS: usize = 3;
/// How deep blocks are looked for within a macro, as those of `cfg_if!` are.
const MAX_DEPTH: usize = 2;
/// What items begin with.
const WORDS: [&str; 9] =
    ["fn ", "struct ", "enum ", "trait ", "impl", "mod ", "static ", "const ", "type "];
/// What stands between items.
const BESIDE: [&str; 10] = [
    "use_declaration",
    "extern_crate_declaration",
    "foreign_mod_item",
    "attribute_item",
    "inner_attribute_item",
    "line_comment",
    "block_comment",
    "macro_invocation",
    "expression_statement",
    "empty_statement",
];

/// A part of the text that is code, and how it is to be read: as long as it is written.
struct Kept {
    bytes: Range<usize>,
    code: String,
}

/// Returns the text with the items that macros are given as plain items; `None` where there are none.
pub(super) fn opened(tree: &Tree, text: &str) -> Option<Opened> {
    let mut opened = round(tree, text)?;
    for _ in 1..MAX_ROUNDS {
        // What was in a macro may be macros.
        let Some(next) = round(&opened.tree, &opened.code) else { break };
        opened = Opened { around: opened.around, ..next };
    }
    Some(opened)
}

fn round(tree: &Tree, text: &str) -> Option<Opened> {
    let mut code = String::with_capacity(text.len());
    let mut edited = tree.clone();
    let mut around = Vec::new();
    for (node, tokens) in macros(tree) {
        let kept = kept(tokens, text, 0);
        if kept.is_empty() {
            continue;
        }
        code.push_str(text.get(code.len()..node.start_byte())?);
        for Kept { bytes, code: own } in kept {
            blank(text.get(code.len()..bytes.start)?, &mut code);
            code.push_str(&own);
        }
        blank(text.get(code.len()..node.end_byte())?, &mut code);
        edited.edit(&InputEdit {
            start_byte: node.start_byte(),
            old_end_byte: node.end_byte(),
            new_end_byte: node.end_byte(),
            start_position: node.start_position(),
            old_end_position: node.end_position(),
            new_end_position: node.end_position(),
        });
        around.push(node.byte_range());
    }
    if around.is_empty() {
        return None;
    }
    code.push_str(text.get(code.len()..)?);
    let tree = parse_again(Language::Rust, &code, Some(&edited))?;
    Some(Opened { code, tree, around })
}

/// Returns the macros that stand where items do, in source order: each as a whole, and what it is given.
fn macros(tree: &Tree) -> Vec<(Node<'_>, Node<'_>)> {
    let mut found = Vec::new();
    let mut open = vec![tree.root_node()];
    while let Some(node) = open.pop() {
        for child in node.named_children(&mut node.walk()) {
            let call = match child.kind() {
                "macro_invocation" => child,
                "expression_statement" => match child.named_child(0) {
                    Some(call) if call.kind() == "macro_invocation" => call,
                    _ => continue,
                },
                "mod_item" | "impl_item" | "trait_item" => {
                    open.extend(child.child_by_field_name("body"));
                    continue;
                }
                _ => continue,
            };
            let tokens = call.named_children(&mut call.walk()).find(|it| it.kind() == "token_tree");
            found.extend(tokens.map(|tokens| (child, tokens)));
        }
    }
    found.sort_unstable_by_key(|(node, _)| node.start_byte());
    found
}

/// Returns the parts of what a macro is given that are items, in order: all of it, else its blocks.
fn kept(tokens: Node<'_>, text: &str, depth: usize) -> Vec<Kept> {
    let inner = tokens.start_byte() + 1..tokens.end_byte().saturating_sub(1);
    let Some(own) = text.get(inner.clone()) else { return Vec::new() };
    if !WORDS.iter().any(|word| own.contains(word)) {
        return Vec::new();
    }
    let code = as_items(own.to_owned())
        .or_else(|| rewritten(tokens, text, inner.clone()).and_then(as_items));
    if let Some(code) = code {
        return vec![Kept { bytes: inner.start..inner.start + code.len(), code }];
    }
    if depth == MAX_DEPTH {
        return Vec::new();
    }
    let mut walk = tokens.walk();
    let blocks = tokens.named_children(&mut walk).filter(|child| {
        child.kind() == "token_tree" && text.as_bytes().get(child.start_byte()) == Some(&b'{')
    });
    blocks.flat_map(|block| kept(block, text, depth + 1)).collect()
}

/// Returns the text with what macros add to Rust taken out: `static ref X` of `lazy_static!`, and `struct X: u32 { … }` of
/// `bitflags!`, whose body is no structure's.
fn rewritten(tokens: Node<'_>, text: &str, inner: Range<usize>) -> Option<String> {
    let children: Vec<Node<'_>> = tokens.children(&mut tokens.walk()).collect();
    let word = |node: &Node<'_>| text.get(node.byte_range()).unwrap_or_default();
    let mut code = String::with_capacity(inner.len() + 1);
    let at = |code: &String| inner.start + code.len();
    for (place, node) in children.iter().enumerate() {
        let before = |back: usize| place.checked_sub(back).and_then(|at| children.get(at));
        let is_ref = word(node) == "ref" && before(1).is_some_and(|it| word(it) == "static");
        let is_base = word(node) == ":" && before(2).is_some_and(|it| word(it) == "struct");
        let end = match (is_ref, is_base) {
            (true, _) => node.end_byte(),
            (_, true) => {
                let body = children.get(place..)?.iter().find(|it| it.kind() == "token_tree")?;
                body.end_byte()
            }
            _ => continue,
        };
        code.push_str(text.get(at(&code)..node.start_byte())?);
        blank(text.get(at(&code)..end)?, &mut code);
        if is_base {
            code.pop();
            code.push(';');
        }
    }
    if code.is_empty() {
        return None;
    }
    code.push_str(text.get(at(&code)..inner.end)?);
    Some(code)
}

/// Returns a text that is items; the last may stand without its semicolon, which is put in the place of the delimiter then.
fn as_items(mut code: String) -> Option<String> {
    if is_items(&code) {
        return Some(code);
    }
    if code.trim_end().ends_with([';', '}']) {
        return None;
    }
    code.push(';');
    is_items(&code).then_some(code)
}

/// Tells whether a text is items and what may stand between them.
fn is_items(code: &str) -> bool {
    let Some(tree) = parse(Language::Rust, code) else { return false };
    let root = tree.root_node();
    let is_item = |kind: &str| SPEC.items.iter().any(|item| item.node == kind);
    let mut walk = root.walk();
    let mut has_any = false;
    !root.has_error()
        && root.named_children(&mut walk).all(|child| {
            let call = || child.named_child(0).is_some_and(|it| it.kind() == "macro_invocation");
            let kind = child.kind();
            has_any |= is_item(kind) || kind == "macro_invocation";
            is_item(kind) || BESIDE.contains(&kind) && (kind != "expression_statement" || call())
        })
        && has_any
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::parse::parse;
    use crate::{Language, PieceKind, Source, source};

    /// Checks that a tree that was made of parts of another is as one made anew.
    fn check_tree(text: &str) {
        let tree = parse(Language::Rust, text).unwrap();
        if let Some(opened) = super::opened(&tree, text) {
            let anew = parse(Language::Rust, &opened.code).unwrap();
            assert_eq!(opened.code.len(), text.len());
            assert_eq!(opened.tree.root_node().to_sexp(), anew.root_node().to_sexp(), "{text}");
        }
    }

    /// Shows the units of a text, each with its lines, and checks that all of its words are told once.
    fn units(text: &str) -> Vec<String> {
        check_tree(text);
        let Source { units, pieces, .. } = source(Path::new("a.rs"), text).unwrap();
        assert!(pieces.is_sorted_by(|a, b| a.bytes.end <= b.bytes.start), "{pieces:?}");
        let is_word = |word: &&str| word.starts_with(|c: char| c.is_alphabetic() && c != 'r');
        let told: Vec<&str> = pieces
            .iter()
            .filter(|piece| matches!(piece.kind, PieceKind::Identifier(_)))
            .filter_map(|piece| text.get(piece.bytes.start as usize..piece.bytes.end as usize))
            .collect();
        for name in text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(is_word) {
            let is_keyword =
                ["fn", "pub", "static", "struct", "const", "if", "impl", "self", "mod", "u32"];
            assert!(is_keyword.contains(&name) || told.contains(&name), "{name}: {told:?}");
        }
        let shown = units.iter();
        shown.map(|u| format!("{}-{} {} {}", u.start_line, u.end_line, u.kind, u.name)).collect()
    }

    #[test]
    fn items_that_macros_are_given_are_units() {
        for (text, expected) in [
            (
                "cfg_io! {\n    pub fn open(x: u32) { go(x) }\n    struct Pipe { a: u32 }\n}\nfn last() {}\n",
                &["2-2 function open", "3-3 struct Pipe", "5-5 function last"][..],
            ),
            (
                "lazy_static! {\n    pub static ref TABLE: Map = make();\n    static ref B: u32 = 1;\n}\n",
                &["2-2 static TABLE", "3-3 static B"],
            ),
            ("thread_local!(static SEEN: Cell = Cell::new(1));\n", &["1-1 static SEEN"]),
            (
                "impl Pipe {\n    cfg_a! {\n        fn send(&self) {} // send\n    }\n    fn last(&self) {}\n}\n",
                &["1-6 impl Pipe", "3-3 method send", "5-5 method last"],
            ),
            (
                "bitflags! {\n    pub struct Flags: u32 {\n        const A = 1;\n    }\n}\n",
                &["2-4 struct Flags"],
            ),
            (
                "cfg_if::cfg_if! {\n    if #[cfg(unix)] {\n        fn one() {}\n    } else if #[cfg(windows)] {\n        fn two() {}\n    } else {\n    }\n}\n",
                &["3-3 function one", "5-5 function two"],
            ),
            (
                "cfg_a! { cfg_b! { impl Pipe {\n    cfg_c! { fn send(&self) {} }\n} } }\n",
                &["1-3 impl Pipe", "2-2 method send"],
            ),
            (
                "mod inner {\n    cfg_a! { fn deep() {} }\n}\n",
                &["1-3 module inner", "2-2 function deep"],
            ),
        ] {
            assert_eq!(units(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_item_stays_what_it_was() {
        for text in [
            "table! { fn => 1, struct => 2 }\n",
            "rules! { impl in x { a + b } }\n",
            "query! { select const a from b; }\n",
            "broken! { fn a( { }\n",
            "fn_! { fn a() } }\n",
        ] {
            assert_eq!(units(text), [""; 0], "{text}");
        }
        let local = "fn outer() {\n    call! { fn inner() {} }\n}\n";
        assert_eq!(units(local), ["1-3 function outer"], "of a body only the function is told");
    }
}
