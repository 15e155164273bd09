//! The graph of the code: what is defined, who uses it, whom a name means.
//!
//! A [`Graph`] is made of all files' facts when somebody asks. Names are resolved by scope: locals, the class
//! and its bases, the file, what it imports, its package; then by the name alone, where the weight of an edge
//! tells how sure that is.

use std::collections::HashMap;

use distiq_lang::Language;

use crate::error::IndexError;
use crate::segment::FileFacts;
use crate::snapshot::{FileView, Snapshot};

mod building;
mod declarations;
mod dispatch;
mod export;
mod facts;
mod find;
mod guess;
pub(crate) mod hints;
mod imports;
mod kin;
mod library;
mod map;
mod members;
mod mentions;
mod needs;
mod query;
mod rank;
mod references;
mod resolve;
mod shared;
mod ties;
mod told;
mod word;

pub use distiq_lang::Told;
pub use find::Lost;
pub use hints::{Hint, Owner};
pub use map::{MapRequest, map};
pub use needs::{Need, Span};
pub use query::{Direction, Reached};
pub use rank::Seeds;
pub use references::Usage;
pub use resolve::Target;
pub use word::Word;

use building::Building;
use facts::{Facts, FileSet, Imported, Locals, Members, Unit};

/// The number of a symbol.
pub type SymbolId = u32;

/// The graph of a project's code.
#[derive(Debug, Default)]
pub struct Graph {
    pub(crate) files: Vec<File>,
    pub(crate) symbols: Vec<Symbol>,
    by_path: HashMap<Word, u32>,
    /// By name, where those of the symbols begin and end in the list of them.
    by_name: HashMap<Word, (u32, u32)>,
    named: Vec<SymbolId>,
    /// Lists of files that imports mean, each once.
    lists: Vec<Box<[u32]>>,
    members: Members,
    /// By class, what it inherits.
    bases: HashMap<SymbolId, Vec<SymbolId>>,
    /// By `impl` block and the like, the type that it is of.
    owners: HashMap<SymbolId, SymbolId>,
    /// By declaration of a function of C or C++, what it declares.
    definitions: HashMap<SymbolId, SymbolId>,
    paths: imports::Paths,
    edges: Vec<Edge>,
    /// Where the edges of a node begin, by its number; they are sorted.
    outgoing: Vec<u32>,
    /// Where the numbers of the edges begin that end at a node, and these.
    incoming: (Vec<u32>, Vec<u32>),
}

/// A file with its scopes.
#[derive(Debug, Default)]
pub(crate) struct File {
    pub path: Word,
    pub facts: Facts,
    pub language: Option<Language>,
    /// Its first symbol, and the first one behind it; those of its units come first, in their order.
    pub first: SymbolId,
    pub end: SymbolId,
    pub locals: Locals,
    /// Names at the top: the symbols, sorted by their names.
    pub top: Vec<SymbolId>,
    /// By import, the number of the list of the files that it means.
    pub imports: Vec<u32>,
    /// Which imports take all that a module exports, one of each such.
    pub wildcards: Vec<u32>,
    /// All files that it includes, those of the included ones too; of C and C++ alone.
    pub included: FileSet,
    pub imported: Imported,
    /// Mentions that name units, each with the unit, by the mentions' order.
    pub named_by: Vec<(u32, u32)>,
}

/// Something that is defined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Symbol {
    /// Its file's number.
    pub file: u32,
    /// Its unit's place in the file's facts; `None` for a field, a variant or a variable.
    pub unit: Option<u32>,
    /// The unit's kind; `field` for what is no unit.
    pub kind: Word,
    /// Its own name.
    pub name: Word,
    /// What it is a member of.
    pub parent: Option<SymbolId>,
    /// The 1-based line of its name.
    pub line: u32,
    /// 1-based first line.
    pub start_line: u32,
    /// 1-based last line.
    pub end_line: u32,
    /// Its head on one line.
    pub signature: Box<str>,
    /// Whether other files see it, as far as one file tells.
    pub is_exported: bool,
    /// The mention that names it.
    pub(crate) mention: Option<u32>,
}

/// What ties two symbols together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EdgeKind {
    /// One calls the other.
    Call,
    /// One takes the other in by name.
    Import,
    /// A class inherits another.
    Inherit,
    /// A type implements a trait or an interface.
    Implement,
    /// One names the other.
    Use,
    /// One holds the other.
    Define,
}

impl EdgeKind {
    /// Returns its name.
    pub const fn name(self) -> &'static str {
        match self {
            EdgeKind::Call => "call",
            EdgeKind::Import => "import",
            EdgeKind::Inherit => "inherit",
            EdgeKind::Implement => "implement",
            EdgeKind::Use => "use",
            EdgeKind::Define => "define",
        }
    }
}

/// A tie between two symbols.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Edge {
    /// Where it begins: a symbol, or behind them a file.
    pub from: u32,
    /// Where it ends: a symbol.
    pub to: SymbolId,
    /// What ties them.
    pub kind: EdgeKind,
    /// How sure it is, 1 where one definition alone can be meant; repeated ties add up.
    pub weight: f32,
    /// The 1-based line of the first tie.
    pub line: u32,
    /// Whether one definition alone can be meant by some tie of it, as far as the project tells.
    pub is_sure: bool,
    /// Whether nothing but the name tells of it, which others have as well.
    pub is_guess: bool,
}

impl Graph {
    /// Makes the graph of a snapshot.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn of(snapshot: &Snapshot) -> Result<Self, IndexError> {
        let mut views: Vec<FileView<'_>> = snapshot.files().collect();
        views.sort_by_key(|view| view.path);
        let manifests = views.iter().filter(|view| imports::is_manifest(view.path));
        let manifests: Vec<(String, String)> = manifests
            .filter_map(|view| Some((view.path.to_owned(), snapshot.text(view.path)?)))
            .collect();
        let mut building = Building::default();
        for view in views {
            // Read one by one: what a graph keeps of them takes a third of the room.
            building.add(view.path, view.facts()?);
        }
        let mut graph = building.finish(&manifests);
        graph.tie();
        Ok(graph)
    }

    /// Makes the graph of files' facts; `manifests` are the texts of what tells of packages.
    pub fn new(files: Vec<(String, FileFacts)>, manifests: &[(String, String)]) -> Self {
        let mut graph = Self::without_ties(files, manifests);
        graph.tie();
        graph
    }

    /// Makes a graph whose names can be resolved; it has no edges.
    fn without_ties(mut files: Vec<(String, FileFacts)>, manifests: &[(String, String)]) -> Self {
        files.sort_by(|(one, _), (other, _)| one.cmp(other));
        let mut building = Building::default();
        for (path, facts) in files {
            building.add(&path, facts);
        }
        building.finish(manifests)
    }

    /// Returns the symbols of a name, rising.
    fn called(&self, name: &str) -> &[SymbolId] {
        let (from, to) = self.by_name.get(name).copied().unwrap_or_default();
        self.named.get(from as usize..to as usize).unwrap_or_default()
    }

    /// Returns the symbols of a name in a file, rising.
    fn called_in(&self, file: &File, name: &str) -> &[SymbolId] {
        let all = self.called(name);
        let from = all.partition_point(|id| *id < file.first);
        let rest = all.get(from..).unwrap_or_default();
        rest.get(..rest.partition_point(|id| *id < file.end)).unwrap_or_default()
    }

    /// Returns a symbol's name; empty where there is none of the number.
    fn name_of(&self, id: SymbolId) -> &str {
        self.symbol(id).map_or("", |symbol| symbol.name.as_str())
    }

    /// Returns the symbols of a name at the top of a file.
    fn top<'a>(&self, file: &'a File, name: &str) -> &'a [SymbolId] {
        let from = file.top.partition_point(|id| self.name_of(*id) < name);
        let rest = file.top.get(from..).unwrap_or_default();
        let count = rest.partition_point(|id| self.name_of(*id) == name);
        rest.get(..count).unwrap_or_default()
    }

    /// Returns the files that an import of a file means.
    fn files_of_import(&self, file: &File, import: usize) -> Option<&[u32]> {
        let list = *file.imports.get(import)? as usize;
        self.lists.get(list).map(|files| &**files)
    }

    /// Returns a class's own members of a name.
    fn own_members(&self, class: SymbolId, name: &str) -> impl Iterator<Item = SymbolId> {
        self.members.called(class, name, |id| self.name_of(id))
    }

    /// Tells whether a file's bare names may mean a symbol of it.
    fn is_top(&self, file: &File, symbol: &Symbol) -> bool {
        let unit = symbol.unit.and_then(|unit| file.facts.units.get(unit as usize));
        if unit.is_some_and(|unit| unit.class.is_some()) {
            return false;
        }
        let Some(parent) = symbol.parent.filter(|parent| !self.is_module(*parent)) else {
            return true;
        };
        if file.language == Some(Language::Go) {
            // `const a, b = 1, 2` is one unit.
            let is_value = |parent: &Symbol| matches!(parent.kind.as_str(), "const" | "variable");
            return symbol.unit.is_none()
                && self.symbol(parent).is_some_and(|parent| {
                    is_value(parent) && parent.parent.is_none() && parent.line == symbol.line
                });
        }
        let is_c = matches!(file.language, Some(Language::C | Language::Cpp));
        is_c && self.symbol(parent).is_some_and(|parent| {
            // What a type's declaration defines along with it; an enumeration's names.
            let is_plain = !parent.signature.contains("enum class");
            let is_enum = parent.kind == "enum" || parent.signature.starts_with("typedef enum");
            let is_tag = matches!(symbol.kind.as_str(), "struct" | "union" | "enum");
            symbol.unit.is_none() && is_enum && is_plain
                || is_tag && (parent.kind == "type" || file.language == Some(Language::C))
        })
    }

    /// Tells whether a symbol holds others without being a type.
    fn is_module(&self, id: SymbolId) -> bool {
        self.is_namespace(id) || self.symbol(id).is_some_and(|symbol| symbol.kind == "test")
    }

    fn is_namespace(&self, id: SymbolId) -> bool {
        self.symbol(id).is_some_and(|symbol| {
            matches!(symbol.kind.as_str(), "module" | "namespace" | "package")
        })
    }

    /// Returns a symbol.
    pub fn symbol(&self, id: SymbolId) -> Option<&Symbol> {
        self.symbols.get(id as usize)
    }

    /// Returns the unit of a symbol; `None` of a field, a variant or a variable.
    fn unit_of(&self, symbol: &Symbol) -> Option<&Unit> {
        self.files.get(symbol.file as usize)?.facts.units.get(symbol.unit? as usize)
    }

    /// Returns what is told of a symbol's unit.
    fn told_of(&self, symbol: &Symbol) -> Option<&Told> {
        self.files.get(symbol.file as usize)?.facts.told(symbol.unit?)
    }

    /// Returns all symbols.
    pub fn symbols(&self) -> &[Symbol] {
        &self.symbols
    }

    /// Returns a file's path.
    pub fn file_path(&self, file: u32) -> Option<&str> {
        self.files.get(file as usize).map(|file| file.path.as_str())
    }

    /// Returns the path of a symbol's file.
    pub fn path_of(&self, symbol: &Symbol) -> &str {
        self.files.get(symbol.file as usize).map_or("", |file| file.path.as_str())
    }

    /// Returns all ties.
    pub fn edges(&self) -> &[Edge] {
        &self.edges
    }

    /// Returns a symbol's name behind those of what it is a member of.
    pub fn qualified(&self, id: SymbolId) -> String {
        let mut parts = Vec::new();
        let mut next = Some(id);
        while let Some(symbol) = next.and_then(|id| self.symbol(id)).filter(|_| parts.len() < 32) {
            parts.push(symbol.name.as_str());
            parts.extend(self.written_class(symbol));
            next = symbol.parent;
        }
        parts.reverse();
        parts.join(".")
    }
}

impl File {
    pub(crate) fn is_data(&self) -> bool {
        self.language.is_none_or(Language::is_data)
    }

    pub(crate) fn name(&self, mention: usize) -> Option<&str> {
        let mention = self.facts.mentions.get(mention)?;
        self.facts.names.get(mention.name as usize)
    }

    /// Returns the imports that bind a name, each with the place of the name in it; `None` for the module as a whole.
    pub(crate) fn imported(&self, name: &str) -> impl Iterator<Item = (usize, Option<usize>)> {
        self.imported.get(name, |import, place| self.bound(import, place))
    }

    /// Returns the name that an import binds for one of its names, or as a whole.
    fn bound(&self, import: usize, place: Option<usize>) -> Option<&str> {
        let of = self.facts.imports.get(import)?;
        let Some(place) = place else {
            return of.alias.as_deref().or_else(|| self.default_alias(import));
        };
        let (name, alias) = of.names.get(place)?;
        Some(alias.as_deref().unwrap_or(name))
    }

    /// Returns what an import binds where it names nothing: the first part of the path in Python,
    /// else the last.
    fn default_alias(&self, import: usize) -> Option<&str> {
        let import = self.facts.imports.get(import).filter(|import| !import.is_wildcard)?;
        match self.language? {
            Language::Python => import.from.split('.').next(),
            Language::Go => {
                let mut parts = import.from.rsplit('/');
                let last = parts.next()?;
                let is_version = last.len() > 1
                    && last.starts_with('v')
                    && last.get(1..)?.bytes().all(|byte| byte.is_ascii_digit());
                if is_version { parts.next() } else { Some(last) }
            }
            Language::Rust => import.from.rsplit("::").next(),
            _ => None,
        }
    }

    /// Returns the unit that a mention names: the innermost around it that is called so.
    fn named_unit(&self, mention: usize, name: &str) -> Option<u32> {
        let line = self.facts.mentions.get(mention)?.line;
        let mut next = self.facts.unit_around(mention);
        for _ in 0..3 {
            let unit = self.facts.units.get(next? as usize)?;
            let has_name = !matches!(unit.kind.as_str(), "impl" | "test");
            // A destructor of C++ is named by its class.
            let is_called = unit.name == name || unit.name.strip_prefix('~') == Some(name);
            if is_called && unit.start_line <= line && has_name {
                return next;
            }
            next = unit.parent;
        }
        None
    }

    /// Returns the unit whose member a definition is: the class for `self.x`.
    fn class_around(&self, unit: Option<u32>, owner: Owner) -> Option<u32> {
        let mut next = unit;
        if owner == Owner::None {
            return unit;
        }
        loop {
            let unit = self.facts.units.get(next? as usize)?;
            if is_class(&unit.kind) {
                return next;
            }
            next = unit.parent;
        }
    }
}

/// Kinds that have members.
pub(crate) fn is_class(kind: &str) -> bool {
    matches!(
        kind,
        "class"
            | "struct"
            | "enum"
            | "trait"
            | "impl"
            | "interface"
            | "type"
            | "record"
            | "union"
            | "object"
            | "protocol"
            | "extension"
            | "table"
    )
}

/// Kinds whose locals are a scope.
pub(crate) fn is_function(kind: &str) -> bool {
    matches!(kind, "function" | "method" | "constructor" | "test" | "macro")
}

pub(crate) fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
