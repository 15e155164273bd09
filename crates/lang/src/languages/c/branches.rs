//! Branches of the preprocessor and macros that no grammar of C can read, made blank.
//!
//! A grammar reads all branches of `#if … #else … #endif` one behind the other, so that braces that are opened in each of
//! them and closed once behind them swallow what follows; and a macro without a semicolon among the members of a structure
//! ends none of them. In a text that has errors, of a group of branches whose braces do not match the one stays
//! that matches, or the first, and such macros are made blank, byte for byte, so that what a parser tells of bytes and
//! lines holds for the file.

use std::ops::Range;

use tree_sitter::Tree;

use super::marks;
use crate::Language;
use crate::parse::parse;
use crate::source::{self, rules::Opened};

/// The most lines of a branch that are made blank: what is larger holds more than the beginning or end of a block.
const MAX_LINES: usize = 100;

/// A branch of a group: where its directive and its lines begin, where they end, and how its braces are.
#[derive(Debug)]
struct Branch {
    directive: usize,
    lines: Range<usize>,
    /// How many lines it has.
    count: usize,
    /// How many more are opened than closed, and the least of that on the way.
    depth: (i32, i32),
}

impl Branch {
    fn is_whole(&self) -> bool {
        self.depth.0 == 0 && self.depth.1 == 0
    }

    fn brace(&mut self, is_open: bool) {
        self.depth.0 += if is_open { 1 } else { -1 };
        self.depth.1 = self.depth.1.min(self.depth.0);
    }
}

/// What a brace that is open belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Block {
    Structure,
    Other,
}

/// Reads a text of C line by line.
#[derive(Default)]
struct Reader {
    blanks: Vec<Range<usize>>,
    groups: Vec<Vec<Branch>>,
    blocks: Vec<Block>,
    in_comment: bool,
    /// Whether the line before goes on in a directive.
    in_directive: bool,
    /// What stands before the next brace of the statement.
    head: String,
    /// A line that is a macro alone, if the next one opens a block.
    alone: Option<Range<usize>>,
}

/// Returns a text with errors without what the grammar cannot read; `None` where nothing is gained.
pub(crate) fn opened(language: Language, tree: &Tree, text: &str) -> Option<Opened> {
    let marks = marks::marks(text);
    let has_marks = !marks.is_empty();
    if !tree.root_node().has_error() && !has_marks {
        return None;
    }
    let mut reader = Reader { blanks: marks, ..Reader::default() };
    let mut at = 0;
    for line in text.split_inclusive('\n').filter(|_| tree.root_node().has_error()) {
        reader.line(line, at);
        at += line.len();
    }
    let mut blanks = reader.blanks;
    blanks.sort_unstable_by_key(|blank| (blank.start, blank.end));
    let mut code = String::with_capacity(text.len());
    for blank in blanks {
        // Of groups within groups the outer one may be blank already.
        let from = blank.start.max(code.len());
        if from >= blank.end {
            continue;
        }
        code.push_str(text.get(code.len()..from)?);
        source::blank(text.get(from..blank.end)?, &mut code);
    }
    if code.is_empty() {
        return None;
    }
    code.push_str(text.get(code.len()..)?);
    let read = parse(language, &code)?;
    // What is blank is looked for in the whole: branches have no nodes of their own where their braces do not match.
    let around = std::iter::once(0..text.len()).collect();
    // A class with a macro before its name may be read without an error, as a function.
    let limit = errors(tree) + usize::from(has_marks);
    (errors(&read) < limit).then_some(Opened { code, tree: read, around })
}

/// Counts what a parser could not read, and what it found missing.
fn errors(tree: &Tree) -> usize {
    let mut open = vec![tree.root_node()];
    let mut count = 0;
    while let Some(node) = open.pop() {
        count += usize::from(node.is_error() || node.is_missing());
        open.extend(node.children(&mut node.walk()).filter(|child| child.has_error()));
    }
    count
}

impl Reader {
    fn line(&mut self, line: &str, at: usize) {
        let own = line.trim();
        if let Some(branch) = self.groups.last_mut().and_then(|group| group.last_mut()) {
            branch.count += 1;
        }
        let was_directive = std::mem::replace(&mut self.in_directive, false);
        if was_directive || own.starts_with('#') && !self.in_comment {
            self.in_directive = own.ends_with('\\');
            if !was_directive {
                self.directive(own.trim_start_matches('#').trim_start(), at, at + line.len());
            }
            return;
        }
        let is_open = own.starts_with('{');
        if let Some(alone) = self.alone.take().filter(|_| is_open) {
            self.blanks.push(alone);
        }
        let is_macro = !self.in_comment && line.starts_with([' ', '\t']) && is_macro(own);
        if is_macro && self.head.trim().is_empty() {
            let start = at + line.len() - line.trim_start().len();
            let bytes = start..start + own.len();
            match self.blocks.last() {
                Some(Block::Structure) => self.blanks.push(bytes),
                Some(Block::Other) => self.alone = Some(bytes),
                None => {}
            }
            return;
        }
        self.code(line);
    }

    fn directive(&mut self, own: &str, start: usize, end: usize) {
        let branch = || Branch { directive: start, lines: end..end, count: 0, depth: (0, 0) };
        let is = |words: &[&str]| {
            let word = own.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or("");
            words.contains(&word)
        };
        if is(&["if", "ifdef", "ifndef"]) {
            self.groups.push(vec![branch()]);
        } else if is(&["else", "elif", "elifdef", "elifndef"]) {
            if let Some(group) = self.groups.last_mut() {
                group.iter_mut().last().into_iter().for_each(|last| last.lines.end = start);
                group.push(Branch { directive: start, ..branch() });
            }
        } else if is(&["endif"])
            && let Some(mut group) = self.groups.pop()
        {
            group.iter_mut().last().into_iter().for_each(|last| last.lines.end = start);
            self.end_group(&group, start..end);
        }
    }

    /// Ends a group of branches: `end` is the line of its `#endif`.
    fn end_group(&mut self, group: &[Branch], end: Range<usize>) {
        let is_whole = group.iter().all(Branch::is_whole);
        let whole = group.iter().position(Branch::is_whole);
        let kept = whole.or_else(|| (group.len() > 1).then_some(0));
        // What stays is a part of the branch around.
        let depth = kept.and_then(|kept| group.get(kept)).map_or((0, 0), |branch| branch.depth);
        if let Some(around) = self.groups.last_mut().and_then(|group| group.last_mut()) {
            around.depth.1 = around.depth.1.min(around.depth.0 + depth.1);
            around.depth.0 += depth.0;
            around.count += group.iter().map(|branch| branch.count).sum::<usize>();
        }
        let fits = |(at, branch): (usize, &Branch)| Some(at) == kept || branch.count <= MAX_LINES;
        if is_whole || !group.iter().enumerate().all(fits) {
            return;
        }
        for (at, branch) in group.iter().enumerate() {
            let to = if Some(at) == kept { branch.lines.start } else { branch.lines.end };
            self.blanks.push(branch.directive..to);
        }
        self.blanks.push(end);
    }

    /// Follows the braces of a line of code.
    fn code(&mut self, line: &str) {
        let mut quote = None;
        let mut bytes = line.bytes().peekable();
        while let Some(byte) = bytes.next() {
            let next = bytes.peek().copied();
            if self.in_comment {
                if byte == b'*' && next == Some(b'/') {
                    self.in_comment = false;
                    bytes.next();
                }
                continue;
            }
            if let Some(open) = quote {
                match byte {
                    b'\\' => drop(bytes.next()),
                    _ if byte == open => quote = None,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'/' if next == Some(b'/') => return,
                b'/' if next == Some(b'*') => {
                    self.in_comment = true;
                    bytes.next();
                }
                b'"' | b'\'' => quote = Some(byte),
                b'{' | b'}' => self.brace(byte == b'{'),
                b';' => self.head.clear(),
                _ if self.head.len() < 1_000 => self.head.push(char::from(byte)),
                _ => {}
            }
        }
    }

    fn brace(&mut self, is_open: bool) {
        if let Some(branch) = self.groups.last_mut().and_then(|group| group.last_mut()) {
            branch.brace(is_open);
        }
        let head = std::mem::take(&mut self.head);
        if !is_open {
            self.blocks.pop();
            return;
        }
        let has = |names: &[&str]| head.split_whitespace().any(|word| names.contains(&word));
        let is_structure = has(&["struct", "union", "class"]) && !has(&["enum"]);
        let block = match is_structure && !head.contains(['(', '=']) {
            true => Block::Structure,
            false => Block::Other,
        };
        self.blocks.push(block);
    }
}

/// Tells whether a line is a macro alone: `NAME` or `NAME(…)`.
fn is_macro(line: &str) -> bool {
    let end = line.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(line.len());
    let (name, rest) = line.split_at_checked(end).unwrap_or((line, ""));
    let is_name = name.len() > 2
        && name.starts_with(|c: char| c.is_ascii_uppercase())
        && !name.contains(|c: char| c.is_ascii_lowercase());
    let rest = rest.trim();
    is_name && (rest.is_empty() || rest.starts_with('(') && rest.ends_with(')'))
}
