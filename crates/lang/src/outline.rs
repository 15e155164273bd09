//! What a file defines, and where.

use std::path::Path;

use tree_sitter::Node;

use crate::Language;
use crate::language::{Item, Reader, Spec, language_of_text};
use crate::parse::parse;
use crate::source::source;

/// The longest signature, in characters.
const SIGNATURE_CHARS: usize = 160;
/// How much of an item is read for its signature.
const HEAD_BYTES: usize = 8 * 1024;
/// The most items of an outline.
const MAX_ITEMS: usize = 10_000;
/// How deep members are followed.
const MAX_DEPTH: usize = 16;
/// How deep a syntax tree is followed on the way to a line.
const MAX_TREE_DEPTH: usize = 1_000;

/// Something a file defines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutlineItem {
    /// `function`, `method`, `class`, `struct`, `enum`, `trait`, `impl`, `interface`, `type`,
    /// `const`, `module`, `macro`, `table`, `key`, …
    pub kind: &'static str,
    /// Its name; of an impl block the type, or `Trait for Type`; of a Go method `Type.Name`.
    pub name: String,
    /// Its head on one line, at most 160 characters.
    pub signature: String,
    /// 1-based first line; decorators count, comments do not.
    pub start_line: u32,
    /// 1-based last line.
    pub end_line: u32,
    /// How many items it is a member of.
    pub depth: usize,
}

/// Returns what `text` defines, in source order: the items at the top and the members of modules,
/// classes and the like. `None` where the language goes unknown by `path` or the text is over 4 MB.
pub fn outline(path: &Path, text: &str) -> Option<Vec<OutlineItem>> {
    let language = language_of_text(path, text)?;
    if let Some(items) = read_by_hand(path, text, language) {
        return Some(items);
    }
    let tree = parse(language, text)?;
    let mut outline = Outline { spec: language.spec(), text, items: Vec::new() };
    outline.visit(tree.root_node(), 0, 0);
    Some(outline.items)
}

/// Returns the innermost function, method or class-like item around a 1-based line, however deep
/// it is nested. Its `depth` counts all items around it.
pub fn enclosing(path: &Path, text: &str, line: u32) -> Option<OutlineItem> {
    let language = language_of_text(path, text)?;
    if let Some(items) = read_by_hand(path, text, language) {
        let around = |item: &OutlineItem| item.start_line <= line && line <= item.end_line;
        return items.into_iter().rfind(around);
    }
    let tree = parse(language, text)?;
    let outline = Outline { spec: language.spec(), text, items: Vec::new() };
    let row = usize::try_from(line.checked_sub(1)?).ok()?;
    let mut node = tree.root_node();
    let mut found: Option<OutlineItem> = None;
    let mut depth = 0;
    for _ in 0..MAX_TREE_DEPTH {
        let mut cursor = node.walk();
        // Several nodes may share the line: the outermost item that begins there is meant.
        let around = |child: &Node<'_>| {
            child.start_position().row <= row && row <= last_row(*child) && child.is_named()
        };
        let candidates: Vec<Node<'_>> = node.children(&mut cursor).filter(around).collect();
        let item = candidates.iter().find_map(|child| outline.item_in(*child));
        let largest = || candidates.iter().copied().max_by_key(|child| child.byte_range().len());
        let Some(next) = item.or_else(largest) else {
            break;
        };
        node = next;
        if let Some((item, name)) = outline.item_of(node) {
            let nested = found.as_ref().is_some_and(|item| holds_members(outline.spec, item.kind));
            let described = outline.describe(node, item, name, depth, nested);
            depth += 1;
            if is_block(described.kind) && line <= described.end_line {
                found = Some(described);
            }
        }
    }
    found
}

/// Returns the outline of a text that no grammar reads.
fn read_by_hand(path: &Path, text: &str, language: Language) -> Option<Vec<OutlineItem>> {
    matches!(language.spec().reader, Reader::Text(_)).then_some(())?;
    let units = source(path, text)?.units;
    let mut items: Vec<OutlineItem> = Vec::new();
    for unit in units.into_iter().take(MAX_ITEMS) {
        let parent = unit.parent.and_then(|parent| items.get(parent as usize));
        items.push(OutlineItem {
            kind: unit.kind,
            depth: parent.map_or(0, |parent| parent.depth + 1),
            name: unit.name,
            signature: unit.signature,
            start_line: unit.start_line,
            end_line: unit.end_line,
        });
    }
    Some(items)
}

/// Kinds that hold code, rather than name a value.
fn is_block(kind: &str) -> bool {
    !matches!(kind, "const" | "static" | "variable" | "field" | "key" | "type" | "macro")
}

fn holds_members(spec: &Spec, kind: &str) -> bool {
    spec.items.iter().any(|item| item.kind == kind && item.members && item.kind != "module")
}

/// The row of a node's last character: a node that ends with a line break ends on the line before.
pub(crate) fn last_row(node: Node<'_>) -> usize {
    let end = node.end_position();
    if end.column == 0 && end.row > node.start_position().row { end.row - 1 } else { end.row }
}

struct Outline<'t> {
    spec: &'static Spec,
    text: &'t str,
    items: Vec<OutlineItem>,
}

impl Outline<'_> {
    /// Visits the members below `node`; `class` tells whether they are members of a type.
    fn visit(&mut self, node: Node<'_>, depth: usize, level: usize) {
        self.visit_members(node, depth, level, false);
    }

    fn visit_members(&mut self, node: Node<'_>, depth: usize, level: usize, class: bool) {
        let mut cursor = node.walk();
        let children: Vec<Node<'_>> = node.named_children(&mut cursor).collect();
        for child in children {
            if self.items.len() >= MAX_ITEMS {
                return;
            }
            if let Some((item, name)) = self.item_of(child) {
                let described = self.describe(child, item, name, depth, class);
                self.items.push(described);
                if item.members && depth < MAX_DEPTH {
                    let class = !matches!(item.kind, "module" | "namespace");
                    self.visit_members(child, depth + 1, level + 1, class);
                }
            } else if level < 2 * MAX_DEPTH
                && (self.spec.through.contains(&child.kind()) || child.is_error())
            {
                self.visit_members(child, depth, level + 1, class);
            }
        }
    }

    fn item_of(&self, node: Node<'_>) -> Option<(&'static Item, String)> {
        self.spec.items.iter().filter(|item| item.node == node.kind()).find_map(|item| {
            let name = (item.name)(node, self.text).filter(|name| !name.is_empty())?;
            Some((item, name))
        })
    }

    /// Returns the item that a node is, or wraps as decorators and `export` do.
    fn item_in<'n>(&self, outer: Node<'n>) -> Option<Node<'n>> {
        let mut node = outer;
        for _ in 0..4 {
            if self.item_of(node).is_some() {
                return Some(node).filter(|node| self.wrapper(*node).id() == outer.id());
            }
            let last = u32::try_from(node.named_child_count().checked_sub(1)?).ok()?;
            node = node.named_child(last)?;
        }
        None
    }

    fn describe(
        &self,
        node: Node<'_>,
        item: &'static Item,
        name: String,
        depth: usize,
        class: bool,
    ) -> OutlineItem {
        let outer = self.wrapper(node);
        let kind = if class && !item.nested_kind.is_empty() { item.nested_kind } else { item.kind };
        OutlineItem {
            kind,
            name: shorten(&name),
            signature: self.signature(node),
            start_line: line(outer.start_position().row),
            end_line: line(outer.start_position().row + self.line_breaks(outer)),
            depth,
        }
    }

    /// Counts the line breaks in a node, but for those at its end.
    fn line_breaks(&self, node: Node<'_>) -> usize {
        let text = self.text.get(node.byte_range()).unwrap_or("");
        text.trim_end().bytes().filter(|byte| *byte == b'\n').count()
    }

    /// Returns the node around an item that belongs to it alone, such as its decorators.
    #[expect(clippy::disallowed_methods, reason = "items of an outline nest a few levels deep")]
    fn wrapper<'n>(&self, node: Node<'n>) -> Node<'n> {
        let wraps = |parent: &Node<'_>| {
            matches!(
                parent.kind(),
                "decorated_definition"
                    | "export_statement"
                    | "template_declaration"
                    | "ambient_declaration"
            )
        };
        let declares = |parent: &Node<'_>| {
            matches!(
                parent.kind(),
                "lexical_declaration" | "variable_declaration" | "type_declaration"
            ) && parent.named_child_count() == 1
        };
        let mut outer = node;
        while let Some(parent) = outer.parent().filter(|node| wraps(node) || declares(node)) {
            outer = parent;
        }
        outer
    }

    fn signature(&self, node: Node<'_>) -> String {
        let outer = match self.wrapper(node) {
            outer if outer.kind() == "decorated_definition" => node,
            outer => outer,
        };
        signature(node, outer.start_byte(), outer.end_byte(), self.text)
    }
}

/// Returns an item's text up to its body, on one line. Its own text stands at `start..end`, together
/// with what wraps it.
pub(crate) fn signature(node: Node<'_>, start: usize, end: usize, text: &str) -> String {
    let value = || {
        let value =
            node.child_by_field_name("value").or_else(|| node.child_by_field_name("right"))?;
        value.child_by_field_name("body")
    };
    // Kotlin's bodies are no fields.
    let last = || {
        let last = u32::try_from(node.named_child_count().checked_sub(1)?).ok()?;
        node.named_child(last).filter(|child| child.kind().ends_with("_body"))
    };
    // What a type of Go holds is within the type that it names.
    let within = || {
        let held = node.child_by_field_name("type").filter(|_| node.kind() == "type_spec")?;
        let is_open = |child: &Node<'_>| matches!(child.kind(), "{" | "field_declaration_list");
        let body = held.children(&mut held.walk()).find(is_open)?;
        (held.start_position().row < held.end_position().row).then_some(body)
    };
    let body = node.child_by_field_name("body").or_else(value).or_else(last).or_else(within);
    let mut end = body.map_or(end, |body| body.start_byte()).min(start + HEAD_BYTES);
    let mut before = body.and_then(|body| body.prev_sibling());
    while let Some(comment) = before.filter(|node| node.kind().ends_with("comment")) {
        end = end.min(comment.start_byte());
        before = comment.prev_sibling();
    }
    let head = text.get(start..text.floor_char_boundary(end)).unwrap_or("");
    let spans = body.is_none() && head.contains('\n');
    // Parameters may stand on several lines; a value on several lines is cut at its first.
    let is_call = node.kind().starts_with("call");
    let head = if spans && (is_call || !head.contains('(')) {
        head.lines().next().unwrap_or("")
    } else {
        head
    };
    let words = head.split_whitespace().take(SIGNATURE_CHARS).collect::<Vec<_>>().join(" ");
    let words = words.trim_end_matches([' ', '{', '[', ';', ',', '\\']);
    shorten(words.strip_suffix(':').or_else(|| words.strip_suffix("=")).unwrap_or(words).trim_end())
}

pub(crate) fn shorten(text: &str) -> String {
    if text.chars().count() <= SIGNATURE_CHARS {
        return text.to_owned();
    }
    text.chars().take(SIGNATURE_CHARS - 1).chain(['…']).collect()
}

fn line(row: usize) -> u32 {
    u32::try_from(row).unwrap_or(u32::MAX - 1) + 1
}
