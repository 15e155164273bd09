//! What one file holds, from one parse: its definitions, the words in it, and what it imports.

use std::ops::Range;
use std::path::Path;

use crate::Language;
use crate::language::{Reader, language_of_text};
use crate::parse::{can_parse, parse};

mod inside;
mod notebook;
pub(crate) mod rules;
pub(crate) mod site;
mod table;
pub(crate) mod tell;
pub(crate) mod text;
mod told;
mod unit;
mod walk;

/// The most units and, twelve times as many, pieces of a file.
const MAX_UNITS: usize = 50_000;

pub use inside::language_inside;
pub use notebook::readable;
pub use told::Told;

/// What one file holds, from one parse.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// The file's language.
    pub language: Option<Language>,
    /// The package or namespace that it tells.
    pub package: Option<String>,
    /// Its definitions in source order, parents before their members.
    pub units: Vec<Unit>,
    /// The leaves that carry words, in source order and without overlaps.
    pub pieces: Vec<Piece>,
    /// What it imports, in source order.
    pub imports: Vec<Import>,
    /// By the byte of a name: of what type it is; of a member, whose it is; of a key, what it holds.
    pub told: Vec<(u32, Told)>,
    /// By the byte of a name: what it means itself. Keys, and names that are keys as well.
    pub meant: Vec<(u32, Told)>,
    /// Objects that are written out, by their first bytes.
    pub objects: Vec<Object>,
}

/// An object that is written out, or a type that is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Object {
    /// Its first byte.
    pub at: u32,
    /// The bytes of its members' names.
    pub keys: Vec<u32>,
}

/// A definition, or a section of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// `function`, `method`, `class`, `struct`, `enum`, `trait`, `impl`, `interface`, `type`,
    /// `const`, `module`, `macro`, `section`, `table`, `key`, `test`, …
    pub kind: &'static str,
    /// Its own, unqualified name; of an impl block the type.
    pub name: String,
    /// The type it belongs to where that stands outside the nesting: a Go method's receiver, `A` of
    /// C++'s `A::f`, `A` of `A.prototype.f = …`.
    pub class: Option<String>,
    /// The index of the unit around it.
    pub parent: Option<u32>,
    /// Its head on one line, at most 160 characters.
    pub signature: String,
    /// 1-based first line; decorators and attributes count, its doc comment does not.
    pub start_line: u32,
    /// 1-based last line.
    pub end_line: u32,
    /// The same span in bytes.
    pub bytes: Range<u32>,
    /// The bytes of its doc comment above, or of the documentation inside.
    pub doc: Option<Range<u32>>,
    /// What it inherits and implements: names as written, generics cut.
    pub bases: Vec<String>,
    /// Whether it is public by the language's rules, as far as one file tells.
    pub is_exported: bool,
    /// What it takes and returns; of a type what it stands for, of a class of Java what it extends.
    pub told: Option<Told>,
}

/// A leaf of the syntax tree that carries words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Its bytes.
    pub bytes: Range<u32>,
    /// The 1-based line on which it begins.
    pub line: u32,
    /// What it is.
    pub kind: PieceKind,
}

/// What a piece is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PieceKind {
    /// A name, and what it does there.
    Identifier(Role),
    /// The content of a string or character, or a document's text.
    Text,
    /// A comment.
    Comment,
}

/// What a name does where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Names what is defined here: a unit, a field, a variant, a variable of the module.
    Definition,
    /// Called by its bare name.
    Call,
    /// Behind a dot, not called.
    Member,
    /// Called behind a dot or `::`.
    MemberCall,
    /// Names a type.
    Type,
    /// What a class inherits or implements.
    Base,
    /// Within an import.
    Import,
    /// Any other use.
    Plain,
    /// Defines a local variable or a parameter.
    Local,
    /// A field's name in a literal, or a keyword argument.
    Key,
}

/// One import of one module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Import {
    /// The 1-based line on which it begins.
    pub line: u32,
    /// The module's path as written, without quotes. C's system headers keep their angles. Empty where
    /// JavaScript exports the file's own names.
    pub from: String,
    /// The local name of the module as a whole, where it is not the last part of its path.
    pub alias: Option<String>,
    /// The names taken from it; none where the module itself is imported.
    pub names: Vec<ImportedName>,
    /// Whether all its names are taken.
    pub is_wildcard: bool,
    /// Whether what is taken is exported again.
    pub is_reexport: bool,
}

/// The name under which a module of JavaScript exports what it is as a whole: `module.exports = a`.
pub const WHOLE: &str = "export=";

/// A name taken from a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedName {
    /// Its name there; `default` for JavaScript's.
    pub name: String,
    /// Its name here, where it is another.
    pub alias: Option<String>,
}

/// Returns what `text` holds. `None` where the language goes unknown by `path`, and where the text is
/// over 4 MB, nests too deep or takes too long; a text with syntax errors gives what it can.
/// Of a Vue or Svelte component and of a notebook it is what their code holds, with the rest as text.
pub fn source(path: &Path, text: &str) -> Option<Source> {
    if let Some(found) = inside::inside(path, text).and_then(|inside| of_inside(text, inside)) {
        return Some(found);
    }
    let language = language_of_text(path, text)?;
    match language.spec().reader {
        Reader::Grammar(grammar) => {
            let tree = parse(language, text)?;
            Some(match (language.spec().rules.opened)(&tree, text) {
                Some(opened) => {
                    let source = walk::source(language, grammar, &opened.tree, &opened.code);
                    let around = walk::pieces(language, grammar, &tree, &opened.around, text);
                    with_blanked(source, around, &opened.code)
                }
                None => walk::source(language, grammar, &tree, text),
            })
        }
        Reader::Text(read) => {
            can_parse(text).then(|| Source { language: Some(language), ..read(text) })
        }
    }
}

/// Adds the pieces of what was made blank in the code that a source was found in.
fn with_blanked(mut source: Source, pieces: Vec<Piece>, code: &str) -> Source {
    let is_blank = |piece: &Piece| {
        let code = code.get(piece.bytes.start as usize..piece.bytes.end as usize);
        code.is_some_and(|code| code.trim().is_empty())
    };
    source.pieces.extend(pieces.into_iter().filter(is_blank));
    source.pieces.sort_by_key(|piece| piece.bytes.start);
    // A text of nothing but spaces is in both.
    source.pieces.dedup_by(|one, other| one.bytes == other.bytes);
    source.pieces.truncate(walk::MAX_PIECES);
    source
}

/// Writes blanks for all of a text but its line ends.
pub(crate) fn blank(text: &str, code: &mut String) {
    let kept = |byte: u8| if matches!(byte, b'\n' | b'\r') { char::from(byte) } else { ' ' };
    code.extend(text.bytes().map(kept));
}

/// Puts what was found in code that has more lines than its file on the lines of the file.
fn put_on_lines(source: &mut Source, text: &str, code: &str) {
    let ends = |text: &str| text.bytes().filter(|byte| *byte == b'\n').count();
    if ends(code) == ends(text) {
        return;
    }
    let mut lines = notebook::Lines::default();
    let mut byte = 0;
    let own: Vec<u32> = code
        .split_inclusive('\n')
        .map(|line| {
            byte += line.len();
            lines.at(text, byte - line.len())
        })
        .collect();
    let put = |line: &mut u32| {
        let at = usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX);
        *line = own.get(at).or(own.last()).copied().unwrap_or(*line);
    };
    for unit in &mut source.units {
        put(&mut unit.start_line);
        put(&mut unit.end_line);
    }
    source.pieces.iter_mut().for_each(|piece| put(&mut piece.line));
    source.imports.iter_mut().for_each(|import| put(&mut import.line));
}

fn of_inside(text: &str, inside: inside::Inside) -> Option<Source> {
    let Reader::Grammar(grammar) = inside.language.spec().reader else { return None };
    let tree = parse(inside.language, &inside.code)?;
    let mut source = walk::source(inside.language, grammar, &tree, &inside.code);
    put_on_lines(&mut source, text, &inside.code);
    source.pieces.extend(inside.rest);
    source.pieces.sort_by_key(|piece| piece.bytes.start);
    // A string without an end may reach beyond the code.
    let mut end = 0;
    source.pieces.retain(|piece| {
        let is_free = piece.bytes.start >= end;
        end = if is_free { piece.bytes.end } else { end };
        is_free
    });
    Some(source)
}

/// Returns a byte offset; texts are far below 4 GB.
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// Returns the 1-based line of a row.
pub(crate) fn line(row: usize) -> u32 {
    offset(row).saturating_add(1)
}
