//! Which chunk each unit and each word of a file belongs to.

use std::ops::Range;

use distiq_lang::{Piece, PieceKind, Role, Source, Unit};

use super::{Chunk, Field, FileText, MAX_CHUNKS, Scribe, WINDOW_LINES};
use crate::words::{Analyzer, without_keys};

/// Most bytes of a window of text; a longer line fills windows of its own.
const WINDOW_BYTES: usize = 8 * 1024;
/// Fewest lines that make a function inside a function a chunk of its own.
const NESTED_LINES: u32 = 3;
/// Most types around a unit that are named, the innermost ones.
const MAX_CLASSES: usize = 32;

/// Cuts a file and gives each chunk with its words to `each`.
pub(crate) fn cut(
    file: FileText<'_>,
    analyzer: &mut Analyzer,
    each: &mut dyn FnMut(Chunk, &mut Scribe, &mut Analyzer),
) {
    match file.source {
        Some(source) if !source.language.is_some_and(distiq_lang::Language::is_data) => {
            Cut::new(file, source).run(analyzer, each);
        }
        _ => windows(file, analyzer, each),
    }
}

/// Gives a text in windows of lines.
fn windows(
    file: FileText<'_>,
    analyzer: &mut Analyzer,
    each: &mut dyn FnMut(Chunk, &mut Scribe, &mut Analyzer),
) {
    let field = match file.source {
        Some(_) => Field::Identifiers,
        None => Field::Comments,
    };
    let mut scribe = Scribe::default();
    let (mut start, mut bytes, mut line, mut count) = (1, 0, 0, 0);
    let mut flush = |scribe: &mut Scribe, from: u32, to: u32, analyzer: &mut Analyzer| {
        if scribe.lengths() != <[u32; super::FIELDS]>::default() && count < MAX_CHUNKS {
            count += 1;
            let chunk =
                Chunk { kind: "text".into(), start_line: from, end_line: to, ..Chunk::default() };
            scribe.write(Field::Path, file.path, analyzer);
            each(chunk, scribe, analyzer);
        }
    };
    for text in file.text.split_inclusive('\n') {
        line += 1;
        if line - start >= WINDOW_LINES || bytes + text.len() > WINDOW_BYTES && bytes > 0 {
            flush(&mut scribe, start, line - 1, analyzer);
            (start, bytes) = (line, 0);
        }
        bytes += text.len();
        let cut = text.floor_char_boundary(WINDOW_BYTES);
        scribe.write(field, text.get(..cut).unwrap_or_default(), analyzer);
    }
    flush(&mut scribe, start, line.max(start), analyzer);
}

/// Whose words a piece is: a unit's, by its index, or a block's, by its number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Owner {
    Unit(usize),
    Block(u32),
}

struct Cut<'a> {
    file: FileText<'a>,
    source: &'a Source,
    /// For each unit the unit whose chunk holds its words, itself maybe.
    owners: Vec<Option<usize>>,
    /// For each unit the first line of a member that is a chunk of its own.
    members_from: Vec<Option<u32>>,
}

impl<'a> Cut<'a> {
    fn new(file: FileText<'a>, source: &'a Source) -> Self {
        let mut cut = Self {
            file,
            source,
            owners: Vec::with_capacity(source.units.len()),
            members_from: vec![None; source.units.len()],
        };
        for (index, unit) in source.units.iter().enumerate() {
            let parent = unit.parent.and_then(|parent| usize::try_from(parent).ok());
            let around = parent.and_then(|parent| cut.owners.get(parent).copied().flatten());
            let is_chunk = is_chunk(unit, parent.and_then(|parent| source.units.get(parent)))
                && !cut.only_names(index, unit);
            cut.owners.push(if is_chunk { Some(index) } else { around });
            let Some(around) = around.filter(|_| is_chunk) else { continue };
            let first = unit.doc.as_ref().filter(|doc| doc.start < unit.bytes.start);
            let line = first.map_or(unit.start_line, |doc| cut.line_of(doc.start, unit.start_line));
            if let Some(from) = cut.members_from.get_mut(around) {
                *from = Some(from.map_or(line, |from| from.min(line)));
            }
        }
        cut
    }

    /// Tells whether a unit only gives a unit in it its own name once more: `typedef struct pair { … } pair`.
    fn only_names(&self, index: usize, unit: &Unit) -> bool {
        let inner = self.source.units.get(index + 1).filter(|_| unit.kind == "type");
        inner.is_some_and(|inner| {
            inner.parent.and_then(|parent| usize::try_from(parent).ok()) == Some(index)
                && inner.name == unit.name
                && (inner.start_line, inner.end_line) == (unit.start_line, unit.end_line)
        })
    }

    /// Returns the line of a byte that stands somewhat before the beginning of line `before`.
    fn line_of(&self, byte: u32, before: u32) -> u32 {
        // Pieces know their lines, and a doc comment is one.
        let at = self.source.pieces.partition_point(|piece| piece.bytes.start < byte);
        self.source.pieces.get(at).map_or(before, |piece| piece.line.min(before))
    }

    fn run(
        &self,
        analyzer: &mut Analyzer,
        each: &mut dyn FnMut(Chunk, &mut Scribe, &mut Analyzer),
    ) {
        let mut words = self.words();
        words.sort_by_key(|(owner, ..)| *owner);
        let mut words = words.into_iter().peekable();
        let mut scribe = Scribe::default();
        let units = self.owners.iter().enumerate();
        let chunks = units.filter(|(index, owner)| **owner == Some(*index)).take(MAX_CHUNKS);
        for (index, _) in chunks {
            let Some(unit) = self.source.units.get(index) else { continue };
            while let Some((_, field, bytes)) =
                words.next_if(|(owner, ..)| *owner <= Owner::Unit(index))
            {
                scribe.write(field, self.text(&bytes), analyzer);
            }
            let chunk = self.chunk(index, unit);
            scribe.write(Field::Name, &chunk.name, analyzer);
            scribe.write(Field::Class, &chunk.class, analyzer);
            scribe.write(
                Field::Signature,
                &chunk.signature.replacen(&chunk.name, " ", 1),
                analyzer,
            );
            scribe.write(Field::Path, self.file.path, analyzer);
            each(chunk, &mut scribe, analyzer);
        }
        self.blocks(words, analyzer, each);
    }

    /// Gives what stands between the units.
    fn blocks(
        &self,
        words: impl Iterator<Item = (Owner, Field, Range<u32>)>,
        analyzer: &mut Analyzer,
        each: &mut dyn FnMut(Chunk, &mut Scribe, &mut Analyzer),
    ) {
        let mut scribe = Scribe::default();
        let mut block: Option<(Owner, u32, u32)> = None;
        let mut flush = |block: Option<(Owner, u32, u32)>,
                         scribe: &mut Scribe,
                         analyzer: &mut Analyzer| {
            let Some((_, start_line, end_line)) = block else { return };
            scribe.write(Field::Path, self.file.path, analyzer);
            let chunk = Chunk { kind: "block".into(), start_line, end_line, ..Chunk::default() };
            each(chunk, scribe, analyzer);
        };
        for (owner, field, bytes) in words {
            let Owner::Block(_) = owner else { continue };
            let line = self.line_of(bytes.start, u32::MAX);
            if block.is_none_or(|(now, from, _)| now != owner || line >= from + WINDOW_LINES) {
                flush(block, &mut scribe, analyzer);
                block = Some((owner, line, line));
            }
            let text = self.text(&bytes);
            scribe.write(field, text, analyzer);
            let breaks = text.bytes().filter(|byte| *byte == b'\n').count();
            let last = line.saturating_add(u32::try_from(breaks).unwrap_or(0));
            block = block.map(|(now, from, to)| (now, from, to.max(last)));
        }
        flush(block, &mut scribe, analyzer);
    }

    fn text(&self, bytes: &Range<u32>) -> &'a str {
        let (start, end) = (usize::try_from(bytes.start), usize::try_from(bytes.end));
        let (Ok(start), Ok(end)) = (start, end) else { return "" };
        self.file.text.get(start..end).unwrap_or_default()
    }

    /// Returns each piece with its owner and field, in source order.
    fn words(&self) -> Vec<(Owner, Field, Range<u32>)> {
        let mut docs: Vec<(Range<u32>, usize)> = self
            .source
            .units
            .iter()
            .enumerate()
            .filter_map(|(index, unit)| Some((unit.doc.clone()?, index)))
            .collect();
        docs.sort_by_key(|(doc, _)| doc.start);
        let mut docs = docs.into_iter().peekable();
        let mut units = self.source.units.iter().enumerate().peekable();
        let mut around: Vec<(u32, usize)> = Vec::new();
        // Where the first of them ends: until then they need not be looked through, who may be thousands.
        let mut soonest = u32::MAX;
        let mut block = 0;
        // The last unit that is over of those that are chunks.
        let mut over: Option<usize> = None;
        let mut words = Vec::with_capacity(self.source.pieces.len());
        for piece in &self.source.pieces {
            let at = piece.bytes.start;
            while let Some((index, unit)) = units.next_if(|(_, unit)| unit.bytes.start <= at) {
                around.push((unit.bytes.end, index));
                soonest = soonest.min(unit.bytes.end);
                block += u32::from(self.is_chunk(index));
            }
            if soonest <= at {
                // Siblings that are over may lie under one that is not.
                let ended =
                    around.iter().filter(|(end, index)| *end <= at && self.is_chunk(*index));
                over = ended.map(|(_, index)| *index).next_back().or(over);
                around.retain(|(end, _)| *end > at);
                soonest = around.iter().map(|(end, _)| *end).min().unwrap_or(u32::MAX);
            }
            while docs.next_if(|(doc, _)| doc.end <= at).is_some() {}
            let doc = docs.peek().filter(|(doc, _)| doc.start <= at).map(|(_, index)| *index);
            let inner = around.last().map(|(_, index)| *index);
            let next = units.peek().map(|(index, _)| *index);
            let owner = |index: Option<usize>| {
                let owner = index.and_then(|index| self.owners.get(index).copied().flatten());
                let beside = || self.beside(piece, over, next);
                owner.or_else(beside).map_or(Owner::Block(block), Owner::Unit)
            };
            let (owner, field) = match piece.kind {
                PieceKind::Comment | PieceKind::Text if doc.is_some() => {
                    let is_own = doc.is_some_and(|doc| self.owners.get(doc) == Some(&Some(doc)));
                    (owner(doc), if is_own { Field::Doc } else { Field::Comments })
                }
                PieceKind::Comment => (owner(inner), Field::Comments),
                PieceKind::Text => (owner(inner), Field::Strings),
                PieceKind::Identifier(Role::Definition) if self.names(inner, &piece.bytes) => {
                    continue;
                }
                PieceKind::Identifier(_) => (owner(inner), Field::Identifiers),
            };
            words.push((owner, field, piece.bytes.clone()));
        }
        words
    }

    fn is_chunk(&self, index: usize) -> bool {
        self.owners.get(index) == Some(&Some(index))
    }

    /// Returns the chunk on whose lines a piece stands that is in no unit, such as a comment behind a constant: the one that is
    /// over, or the one that comes.
    fn beside(&self, piece: &Piece, over: Option<usize>, next: Option<usize>) -> Option<usize> {
        let breaks = self.text(&piece.bytes).bytes().filter(|byte| *byte == b'\n').count();
        let last = piece.line.saturating_add(u32::try_from(breaks).unwrap_or(0));
        over.into_iter().chain(next).find(|index| {
            let unit = self.source.units.get(*index).filter(|_| self.is_chunk(*index));
            unit.is_some_and(|unit| unit.start_line <= piece.line && last <= unit.end_line)
        })
    }

    /// Tells whether a piece is the name of the unit, which is a field of its own.
    fn names(&self, unit: Option<usize>, bytes: &Range<u32>) -> bool {
        let unit = unit.and_then(|unit| self.source.units.get(unit));
        unit.is_some_and(|unit| unit.name == self.text(bytes))
    }

    fn chunk(&self, index: usize, unit: &Unit) -> Chunk {
        let members = self.members_from.get(index).copied().flatten();
        let is_head = members.is_some() && !is_function(unit.kind);
        let end_line = match members.filter(|_| is_head) {
            Some(from) => from.saturating_sub(1).clamp(unit.start_line, unit.end_line),
            None => unit.end_line,
        };
        Chunk {
            kind: unit.kind.to_owned(),
            name: unit.name.clone(),
            class: self.class(unit),
            signature: without_keys(&unit.signature).into_owned(),
            start_line: unit.start_line,
            end_line,
            is_head,
        }
    }

    /// Returns the names of the types around a unit, outermost first.
    fn class(&self, unit: &Unit) -> String {
        let mut names: Vec<&str> = unit.class.as_deref().into_iter().collect();
        let mut parent = unit.parent;
        while let Some((at, around)) = parent.and_then(|index| {
            let at = usize::try_from(index).ok()?;
            Some((at, self.source.units.get(at)?)).filter(|_| names.len() < MAX_CLASSES)
        }) {
            if !is_function(around.kind) && !is_space(around.kind) && !self.only_names(at, around) {
                names.push(&around.name);
            }
            parent = around.parent;
        }
        names.reverse();
        names.join(".")
    }
}

/// Tells whether a unit is a chunk of its own: not what merely names a part of the unit around it, nor a
/// function of a line or two inside another.
fn is_chunk(unit: &Unit, parent: Option<&Unit>) -> bool {
    if is_space(unit.kind) || matches!(unit.kind, "field" | "key" | "property" | "variant") {
        return false;
    }
    let Some(parent) = parent.filter(|parent| is_function(parent.kind)) else { return true };
    let lines = unit.end_line.saturating_sub(unit.start_line) + 1;
    parent.start_line != unit.start_line
        && lines >= NESTED_LINES
        && !matches!(unit.kind, "const" | "static" | "variable" | "type")
}

fn is_function(kind: &str) -> bool {
    matches!(kind, "function" | "method" | "constructor" | "test")
}

/// Tells whether units of a kind only set the names in them apart.
fn is_space(kind: &str) -> bool {
    matches!(kind, "module" | "namespace" | "package")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn chunks(path: &str, text: &str) -> Vec<Chunk> {
        let source = distiq_lang::source(Path::new(path), text);
        let mut chunks = Vec::new();
        let file = FileText { path, text, source: source.as_ref() };
        cut(file, &mut Analyzer::default(), &mut |chunk, scribe, _| {
            scribe.finish(|_| ());
            chunks.push(chunk);
        });
        chunks
    }

    fn check(path: &str, text: &str, expected: &[&str]) {
        let mut shown: Vec<_> = chunks(path, text)
            .into_iter()
            .map(|chunk| {
                let class = if chunk.class.is_empty() { String::new() } else { chunk.class + "." };
                format!(
                    "{}-{} {} {class}{}",
                    chunk.start_line, chunk.end_line, chunk.kind, chunk.name
                )
            })
            .collect();
        shown.sort_by_key(|line| line.split('-').next().and_then(|n| n.parse::<u32>().ok()));
        let shown: Vec<_> = shown.iter().map(|line| line.trim_end()).collect();
        assert_eq!(shown, expected, "{path}");
    }

    #[test]
    fn a_class_is_its_head_and_each_method_stands_alone() {
        check(
            "a.py",
            "import os\nLIMIT = os.cpu_count()\n\nclass Pool:\n    \"\"\"Holds workers.\"\"\"\n    size = 4\n\n    \
             @property\n    def busy(self):\n        return self._busy\n\n    def grow(self, by):\n        \
             self.size += by\n\ndef main():\n    def inner(x):\n        y = x\n        return y\n    return inner(Pool())\n",
            &[
                "1-1 block",
                "2-2 const LIMIT",
                "4-7 class Pool",
                "8-10 method Pool.busy",
                "12-13 method Pool.grow",
                "15-19 function main",
                "16-18 function inner",
            ],
        );
    }

    #[test]
    fn what_does_not_parse_comes_in_windows() {
        let text = "some words here\n".repeat(100);
        check("notes.txt", &text, &["1-40 text", "41-80 text", "81-100 text"]);
        check("long.txt", &"word ".repeat(10_000), &["1-1 text"]);
        check("empty.txt", "", &[]);
    }

    #[test]
    fn what_stands_on_the_lines_of_a_unit_is_no_block() {
        check(
            "a.go",
            "package a\n\n// limit is the most bytes.\nconst limit = 10 << 20 // ten mebibytes\n\nvar other = 3\n\n// free words\n\nfunc f() {\n\tg()\n} // f ends\n",
            &[
                "1-1 block",
                "4-4 const limit",
                "6-6 variable other",
                "8-8 block",
                "10-12 function f",
            ],
        );
        check(
            "a.ts",
            "export type A = Merge<B, {c?: 'json'}>; // eslint-disable-line naming\nexport type D = B; // more\n",
            &["1-1 type A", "2-2 type D"],
        );
        check(
            "a.h",
            "typedef struct pair { /* two */\n    int a;\n    int b;\n} pair; /* both */\n\ntypedef struct { int c; } one;\n",
            &["1-4 struct pair", "6-6 type one"],
        );
    }

    #[test]
    fn members_of_an_impl_have_its_type() {
        check(
            "a.rs",
            "use std::io;\n\nstruct A {\n    b: u8,\n}\n\nimpl A {\n    /// Makes one.\n    fn new() -> Self {\n        \
             Self { b: 0 }\n    }\n}\n\nmod tests {\n    fn it_works() {\n        io();\n    }\n}\n",
            &[
                "1-1 block",
                "3-5 struct A",
                "7-7 impl A",
                "9-11 method A.new",
                "15-17 function it_works",
            ],
        );
    }
}
