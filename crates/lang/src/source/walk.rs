//! One walk over a syntax tree, without recursion.

use std::ops::Range;

use tree_sitter::{Node, Tree, TreeCursor};

use super::rules::{Place, is_module_path};
use super::site::Site;
use super::table::{Act, Kind, Table, table};
use super::tell::{Found, Teller};
use super::{MAX_UNITS, Piece, PieceKind, Role, Source, line, offset};
use crate::Language;
use crate::language::Spec;
use crate::outline::last_row;

/// How deep a tree is followed: beyond it a text is no source that somebody wrote.
const MAX_DEPTH: usize = 10_000;
/// The longest path of an import, in bytes: what is longer means nothing, and is read for each of its parts by who resolves names.
const MAX_PATH: usize = 4_096;
pub(super) const MAX_PIECES: usize = 12 * MAX_UNITS;

/// Returns what a tree holds.
pub(super) fn source(
    language: Language,
    grammar: fn() -> tree_sitter::Language,
    tree: &Tree,
    text: &str,
) -> Source {
    let mut walk = Walk::new(language, grammar, text);
    walk.run(&mut tree.walk());
    (walk.source.told, walk.source.meant) = (walk.found.told, walk.found.meant);
    walk.source.objects = walk.found.objects;
    walk.source.imports.retain(|import| import.from.len() <= MAX_PATH);
    (walk.spec.rules.finish)(&mut walk.source, text);
    walk.source
}

/// Returns the pieces of some nodes of a tree, by their bytes, in their order.
pub(super) fn pieces(
    language: Language,
    grammar: fn() -> tree_sitter::Language,
    tree: &Tree,
    nodes: &[Range<usize>],
    text: &str,
) -> Vec<Piece> {
    let mut walk = Walk::new(language, grammar, text);
    for bytes in nodes {
        if let Some(node) = tree.root_node().descendant_for_byte_range(bytes.start, bytes.end) {
            walk.run(&mut node.walk());
        }
    }
    walk.source.pieces
}

pub(super) struct Walk<'t> {
    pub(super) table: &'static Table,
    pub(super) spec: &'static Spec,
    pub(super) text: &'t str,
    pub(super) source: Source,
    frames: Vec<Frame>,
    /// The frames' nodes.
    around: Vec<Node<'t>>,
    pub(super) found: Found,
    /// Where the last comment ended: its words are before no name.
    comment_end: usize,
}

/// A node on the way to the current one.
#[derive(Clone)]
pub(super) struct Frame {
    kind: &'static Kind,
    role: Option<Role>,
    /// The unit that it is or is in.
    pub(super) unit: Option<u32>,
    /// Whether names of values below it are the module's or the type's.
    pub(super) is_open: bool,
    pub(super) in_function: bool,
    /// Whether functions below it are methods.
    pub(super) in_class: bool,
    pub(super) in_export: bool,
    /// Whether an access specifier hides what follows.
    pub(super) is_hidden: bool,
    in_import: bool,
    /// Whether the names below it are the language's own.
    in_builtin: bool,
    pub(super) base_taken: bool,
    /// Whether it is a unit itself.
    pub(super) makes_unit: bool,
    /// What a wrapper gives to the item in it.
    pub(super) lead: Option<Lead>,
    /// What stands before the next child.
    before: Before,
}

/// Where an item begins and ends, with what belongs to it.
#[derive(Clone, Debug)]
pub(super) struct Lead {
    pub(super) start: usize,
    pub(super) row: usize,
    pub(super) end: usize,
    /// Where its signature begins; `None` where that is the item's own start.
    pub(super) head: Option<usize>,
    pub(super) doc: Option<Range<u32>>,
}

/// Comments and attributes before a node.
#[derive(Clone, Debug, Default)]
struct Before {
    doc: Option<Range<u32>>,
    doc_row: usize,
    attribute: Option<(usize, usize)>,
    /// The row on which the last sibling ended.
    row: Option<usize>,
}

impl<'t> Walk<'t> {
    fn new(language: Language, grammar: fn() -> tree_sitter::Language, text: &'t str) -> Self {
        Self {
            table: table(language, grammar),
            spec: language.spec(),
            text,
            source: Source { language: Some(language), ..Source::default() },
            frames: Vec::with_capacity(64),
            around: Vec::with_capacity(64),
            found: Found::default(),
            comment_end: 0,
        }
    }
}

impl<'t> Walk<'t> {
    fn run(&mut self, cursor: &mut TreeCursor<'t>) {
        loop {
            if self.enter(cursor) {
                if cursor.goto_first_child() {
                    continue;
                }
                self.leave();
            }
            while !cursor.goto_next_sibling() {
                if !cursor.goto_parent() {
                    return;
                }
                self.leave();
            }
        }
    }

    fn leave(&mut self) {
        self.frames.pop();
        self.around.pop();
    }

    /// Takes in the cursor's node; tells whether a frame was made for its children.
    fn enter(&mut self, cursor: &TreeCursor<'t>) -> bool {
        let node = cursor.node();
        let kind = self.table.kind(node.kind_id());
        let place = match self.frames.last() {
            Some(parent) if parent.kind.has_places() => {
                parent.kind.place(cursor.field_id().map(u16::from))
            }
            _ => Place::Free,
        };
        match kind.act {
            Act::Pass => return false,
            Act::Comment => self.comment(node),
            Act::Text => self.text(node, place),
            Act::Unread => self.names_in(node, None),
            Act::Name(own) => self.name(node, kind, own, place),
            Act::Visit => return self.visit(node, kind, place),
        }
        if kind.act != Act::Comment
            && let Some(parent) = self.frames.last_mut()
        {
            parent.before = Before { row: Some(last_row(node)), ..Before::default() };
        }
        false
    }

    fn visit(&mut self, node: Node<'t>, kind: &'static Kind, place: Place) -> bool {
        if self.frames.len() >= MAX_DEPTH {
            return false;
        }
        if kind.is_access {
            self.access(node);
        }
        if kind.is_package {
            self.package(node);
        }
        let (lead, before) = self.lead(node, kind);
        let mut frame = match self.frames.last() {
            Some(parent) => Frame {
                kind,
                role: role_of(place, parent),
                unit: parent.unit,
                is_open: parent.is_open && kind.is_through,
                in_function: parent.in_function || kind.is_scope,
                in_class: parent.in_class,
                in_export: kind.is_export
                    || parent.in_export && (parent.kind.is_wrapper || parent.kind.is_single),
                is_hidden: parent.is_hidden,
                in_import: parent.in_import,
                in_builtin: parent.in_builtin
                    || kind.is_mark && (self.spec.rules.is_builtin)(node, self.text),
                base_taken: parent.base_taken,
                makes_unit: false,
                lead: None,
                before: Before::default(),
            },
            None => Frame::root(kind),
        };
        self.take_base(node, kind, &mut frame);
        let count = self.source.imports.len();
        if let Some(imports) = kind.imports {
            imports(node, self.text, &mut self.source.imports);
            let found = self.source.imports.split_off(count);
            let found = found.into_iter().filter(|import| is_module_path(&import.from));
            self.source.imports.extend(found);
        }
        if !kind.items.is_empty() && self.source.units.len() < MAX_UNITS {
            self.unit(node, &kind.items, &lead, &mut frame);
        }
        frame.in_import |= self.takes_in(count, kind, frame.makes_unit);
        if kind.tells() {
            let mut found = std::mem::take(&mut self.found);
            self.teller(frame.unit.unwrap_or(u32::MAX)).tell(self.site(node), &mut found);
            self.found = found;
        }
        let passes_on = kind.is_wrapper || kind.is_single && self.has_one_item(node);
        frame.lead = passes_on.then_some(lead);
        // Some grammars put the comment above a body's first item above the body.
        if kind.is_through && !frame.makes_unit {
            frame.before = before;
        }
        self.frames.push(frame);
        self.around.push(node);
        true
    }

    /// A text, or a key that is written as one.
    fn text(&mut self, node: Node<'t>, place: Place) {
        let role = self.frames.last().and_then(|parent| role_of(place, parent));
        if role == Some(Role::Type) && (self.spec.rules.names_types)(self.site(node), self.text) {
            return self.names_in(node, Some(Role::Type));
        }
        let kind = match role {
            Some(role @ Role::Key) => PieceKind::Identifier(role),
            _ => PieceKind::Text,
        };
        self.piece(node.byte_range(), node.start_position().row, kind);
    }

    fn package(&mut self, node: Node<'_>) {
        let text = self.text.get(node.byte_range()).unwrap_or("");
        let name = text.split_whitespace().nth(1).unwrap_or("").trim_matches([';', '{']);
        if self.source.package.is_none() && !name.is_empty() && is_module_path(name) {
            self.source.package = Some(name.to_owned());
        }
    }

    /// Returns where an item at this node would begin and end, and clears what stood before it.
    fn lead(&mut self, node: Node<'_>, kind: &Kind) -> (Lead, Before) {
        let (own, own_row) = (node.start_byte(), node.start_position().row);
        let mut lead =
            Lead { start: own, row: own_row, end: node.end_byte(), head: None, doc: None };
        let Some(parent) = self.frames.last_mut() else {
            return (lead, Before::default());
        };
        if kind.is_attribute {
            parent.before.attribute.get_or_insert((own, own_row));
            if parent.before.doc_row + 1 >= own_row {
                parent.before.doc_row = last_row(node);
            }
            return (lead, Before::default());
        }
        let row = Some(last_row(node));
        let before = std::mem::replace(&mut parent.before, Before { row, ..Before::default() });
        if let Some(around) = &parent.lead {
            return (around.clone(), Before::default());
        }
        if let Some((start, row)) = before.attribute {
            (lead.start, lead.row) = (start, row);
        }
        // Attributes count as the item's lines: its comment may stand above or below them.
        let touches = before.doc_row + 1 >= lead.row;
        lead.doc = before.doc.clone().filter(|_| touches);
        lead.head = (kind.is_wrapper && !kind.is_decorated || kind.is_single).then_some(own);
        (lead, before)
    }

    fn has_one_item(&self, node: Node<'_>) -> bool {
        let is_item = |child: &Node<'_>| !self.table.kind(child.kind_id()).items.is_empty();
        node.named_children(&mut node.walk()).filter(is_item).take(2).count() == 1
    }

    fn access(&mut self, node: Node<'_>) {
        let is_public = self.text.get(node.byte_range()) == Some("public");
        if let Some(parent) = self.frames.last_mut() {
            parent.is_hidden = !is_public;
        }
    }

    /// Adds a node that names a base as a whole to the unit around it.
    fn take_base(&mut self, node: Node<'_>, kind: &Kind, frame: &mut Frame) {
        if frame.role != Some(Role::Base) || !kind.is_base || frame.base_taken {
            return;
        }
        frame.base_taken = true;
        self.add_base(node, frame.unit);
    }

    fn add_base(&mut self, node: Node<'_>, unit: Option<u32>) {
        let base = self.text.get(node.byte_range()).unwrap_or("");
        let base = base.split(['<', '[', '(']).next().unwrap_or(base).trim();
        let unit = unit.and_then(|unit| self.source.units.get_mut(unit as usize));
        if let Some(unit) = unit.filter(|unit| !base.is_empty() && unit.bases.len() < 64) {
            unit.bases.push(base.to_owned());
        }
    }

    fn comment(&mut self, node: Node<'_>) {
        let Some(full) = self.text.get(node.byte_range()) else {
            return;
        };
        let comment = full.trim_end();
        let start_row = node.start_position().row;
        let bytes = node.start_byte()..node.start_byte() + comment.len();
        self.piece(bytes.clone(), start_row, PieceKind::Comment);
        self.comment_end = bytes.end;
        let end_row = start_row + comment.bytes().filter(|byte| *byte == b'\n').count();
        let is_doc = (self.spec.rules.is_doc)(comment);
        let Some(parent) = self.frames.last_mut() else {
            return;
        };
        let before = &mut parent.before;
        let touches = before.doc.is_some() && before.doc_row + 1 >= start_row;
        // A comment behind code on its line is about that code.
        let is_trailing = before.row == Some(start_row);
        let (start, end) = (offset(bytes.start), offset(bytes.end));
        if is_doc && !is_trailing {
            let start = before.doc.as_ref().filter(|_| touches).map_or(start, |doc| doc.start);
            before.doc = Some(start..end);
            before.doc_row = end_row;
        } else if touches {
            before.doc_row = end_row;
        }
    }

    fn name(&mut self, node: Node<'_>, kind: &Kind, own: Role, place: Place) {
        let Some(parent) = self.frames.last() else {
            return;
        };
        let (unit, in_function, in_import) = (parent.unit, parent.in_function, parent.in_import);
        let in_builtin = parent.in_builtin;
        let makes_unit = parent.makes_unit && matches!(place, Place::Is(_));
        let is_base = kind.is_base && !parent.base_taken;
        let assigned = parent.role == Some(Role::Local);
        let role = match (role_of(place, parent), own) {
            _ if place == Place::Variable => Role::Local,
            _ if place == Place::Tokens => self.role_by_text(node.byte_range()),
            _ if place == Place::Target => own,
            _ if place == Place::Named && parent.makes_unit => Role::Definition,
            (None, own) => own,
            (Some(Role::Local), Role::Member) => Role::Definition,
            (Some(Role::Local), Role::Type) if makes_unit => Role::Definition,
            (Some(Role::Local | Role::Plain | Role::Key | Role::Member), Role::Type) => Role::Type,
            (Some(role), _) => role,
        };
        if role == Role::Base && is_base {
            self.add_base(node, unit);
        }
        let before = self.text.get(self.comment_end..node.start_byte()).unwrap_or("");
        let role = match role {
            _ if in_import => Role::Import,
            _ if in_builtin => Role::Key,
            Role::Local if place == Place::Variable => role,
            Role::Local if self.spec.rules.has_constant_patterns && self.is_capital(node) => own,
            Role::Local if !in_function || makes_unit => Role::Definition,
            Role::Call if is_member(before) => Role::MemberCall,
            Role::Definition if place == Place::Member && assigned && !is_own(before) => {
                Role::Member
            }
            // Grammars without fields show the object of a member in the member's place.
            Role::Member | Role::MemberCall
                if matches!(place, Place::Member | Place::Path) && !is_member(before) =>
            {
                own
            }
            role => role,
        };
        let kind = if self.is_text(node) { PieceKind::Text } else { PieceKind::Identifier(role) };
        self.piece(node.byte_range(), node.start_position().row, kind);
    }

    fn is_capital(&self, node: Node<'_>) -> bool {
        self.text.get(node.byte_range()).is_some_and(|name| name.starts_with(char::is_uppercase))
    }

    /// Tells whether a word is no name, such as a path in a shell command.
    fn is_text(&self, node: Node<'_>) -> bool {
        let name = self.text.get(node.byte_range()).unwrap_or("");
        name.bytes().any(|byte| matches!(byte, b'/' | b'.' | b':' | b'=' | b' ' | b'*' | b','))
    }

    /// Tells a name's role by the characters around it.
    fn role_by_text(&self, bytes: Range<usize>) -> Role {
        let after = self.text.get(bytes.end..).unwrap_or("").as_bytes();
        let is_member = is_member(self.text.get(..bytes.start).unwrap_or(""));
        let calls: [&[u8]; 6] = [b"(", b"!(", b"![", b"!{", b"! {", b"! ("];
        match (is_member, calls.iter().any(|call| after.starts_with(call))) {
            (true, true) => Role::MemberCall,
            (true, false) => Role::Member,
            (false, true) => Role::Call,
            (false, false) => Role::Plain,
        }
    }

    /// Takes the names out of a text that the grammar does not read; without a role each has that of its place.
    fn names_in(&mut self, node: Node<'_>, role: Option<Role>) {
        let start = node.start_byte();
        let text = self.text.get(node.byte_range()).unwrap_or("");
        let mut row = node.start_position().row;
        let mut from: Option<usize> = None;
        for (at, char) in text.char_indices().chain([(text.len(), '\n')]) {
            if char.is_alphanumeric() || char == '_' {
                from.get_or_insert(at);
                continue;
            }
            if let Some(from) = from.take() {
                let is_name = text.get(from..).is_some_and(|t| !t.starts_with(char::is_numeric));
                if is_name {
                    let bytes = start + from..start + at;
                    let role = role.unwrap_or_else(|| self.role_by_text(bytes.clone()));
                    self.piece(bytes, row, PieceKind::Identifier(role));
                }
            }
            row += usize::from(char == '\n');
        }
    }

    fn piece(&mut self, bytes: Range<usize>, row: usize, kind: PieceKind) {
        let whole = |at: usize| self.text.is_char_boundary(at);
        if !bytes.is_empty()
            && self.source.pieces.len() < MAX_PIECES
            && whole(bytes.start)
            && whole(bytes.end)
        {
            let bytes = offset(bytes.start)..offset(bytes.end);
            self.source.pieces.push(Piece { bytes, line: line(row), kind });
        }
    }

    pub(super) fn teller(&self, unit: u32) -> Teller<'_> {
        Teller { table: self.table, text: self.text, unit }
    }

    /// Returns the node that is being entered where it stands.
    pub(super) fn site(&self, node: Node<'t>) -> Site<'_, 't> {
        Site { node, around: &self.around }
    }

    /// Returns the frame around the node that is being entered.
    pub(super) fn parent(&self) -> Option<&Frame> {
        self.frames.last()
    }
}

impl Frame {
    fn root(kind: &'static Kind) -> Self {
        Self {
            kind,
            role: None,
            unit: None,
            is_open: true,
            in_function: false,
            in_class: false,
            in_export: false,
            is_hidden: false,
            in_import: false,
            in_builtin: false,
            base_taken: false,
            makes_unit: false,
            lead: None,
            before: Before::default(),
        }
    }
}

/// Tells whether a name behind this text is a member.
fn is_member(before: &str) -> bool {
    // An arrow with space behind it is that of a lambda.
    let tail = before.trim_ascii_end();
    tail.ends_with("::") || before.ends_with("->") || tail.ends_with('.') && !tail.ends_with("..")
}

/// Tells whether a member behind this text belongs to what is being defined.
fn is_own(before: &str) -> bool {
    const OWNERS: [&str; 8] =
        ["self.", "this.", "cls.", "exports.", "prototype.", "self?.", "$this->", "this->"];
    OWNERS.iter().any(|owner| before.ends_with(owner))
}

/// Returns the role that a place gives to the names in it.
fn role_of(place: Place, parent: &Frame) -> Option<Role> {
    match place {
        Place::Is(role) => Some(role),
        Place::Same => parent.role,
        Place::SameType => parent.role.filter(|role| matches!(role, Role::Type | Role::Base)),
        Place::TypeOrBase if parent.role == Some(Role::Base) => Some(Role::Base),
        Place::TypeOrBase => Some(Role::Type),
        Place::Target | Place::Variable => Some(Role::Local),
        Place::Free | Place::Tokens | Place::Named => None,
        Place::Path => Some(match parent.role {
            Some(Role::Call) => Role::MemberCall,
            Some(role @ (Role::Base | Role::Type | Role::Import)) => role,
            _ => Role::Member,
        }),
        Place::Member => Some(match parent.role {
            Some(Role::Call) => Role::MemberCall,
            // What is assigned to a member defines it.
            Some(Role::Local) => Role::Definition,
            Some(role @ (Role::Base | Role::Type | Role::Import | Role::Definition)) => role,
            _ => Role::Member,
        }),
    }
}
