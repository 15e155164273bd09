//! The graph of the code: what is defined, who uses it, whom a name means.
//!
//! A [`Graph`] is made of all files' facts when somebody asks. Names are resolved by scope: locals, the class
//! and its bases, the file, what it imports, its package; then by the name alone, where the weight of an edge
//! tells how sure that is.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use distiq_lang::{Language, Role, language_inside, language_of};

use crate::error::IndexError;
use crate::segment::FileFacts;
use crate::snapshot::Snapshot;

mod export;
mod find;
mod guess;
pub(crate) mod hints;
mod imports;
mod kin;
mod map;
mod members;
mod needs;
mod query;
mod rank;
mod resolve;
mod shared;
mod ties;

pub use distiq_lang::Told;
pub use find::Lost;
pub use hints::{Hint, Owner};
pub use map::{MapRequest, map};
pub use needs::{Need, Span};
pub use query::{Direction, Reached};
pub use rank::Seeds;
pub use resolve::Target;

/// The number of a symbol.
pub type SymbolId = u32;

/// The graph of a project's code.
#[derive(Debug, Default)]
pub struct Graph {
    pub(crate) files: Vec<File>,
    pub(crate) symbols: Vec<Symbol>,
    by_path: HashMap<String, u32>,
    by_name: HashMap<String, Vec<SymbolId>>,
    /// By class, its members by name.
    members: HashMap<SymbolId, HashMap<String, Vec<SymbolId>>>,
    /// By class, what it inherits.
    bases: HashMap<SymbolId, Vec<SymbolId>>,
    /// By `impl` block and the like, the type that it is of.
    owners: HashMap<SymbolId, SymbolId>,
    /// By declaration of a function of C, what it declares.
    definitions: HashMap<SymbolId, SymbolId>,
    paths: imports::Paths,
    edges: Vec<Edge>,
    /// Where the edges of a symbol begin, by their number; they are sorted.
    outgoing: Vec<usize>,
    incoming: Vec<Vec<u32>>,
}

/// A file with its scopes.
#[derive(Debug, Default)]
pub(crate) struct File {
    pub path: String,
    pub facts: FileFacts,
    pub language: Option<Language>,
    /// The symbols of its units, in their order.
    pub first: SymbolId,
    /// The innermost unit around each mention.
    pub units: Vec<Option<u32>>,
    /// By unit and name, the mention that defines a local.
    pub locals: HashMap<(Option<u32>, u32), Vec<u32>>,
    /// Names at the top.
    pub top: HashMap<String, Vec<SymbolId>>,
    /// By mention, what the text tells of its type.
    pub hints: HashMap<u32, usize>,
    /// By mention, what it means itself.
    pub meant: HashMap<u32, usize>,
    /// Names' places in the facts.
    pub ids: HashMap<String, u32>,
    /// By import, the files it means.
    pub imports: Vec<Vec<u32>>,
    /// All files that it includes, those of the included ones too; of C and C++ alone.
    pub included: HashSet<u32>,
    /// By local name, the import and the place of the name in it; `None` for the module as a whole.
    pub imported: HashMap<String, Vec<(usize, Option<usize>)>>,
    /// By unit, the mention that names it.
    pub names: HashMap<u32, u32>,
    /// By mention, the unit that it names.
    pub named_by: HashMap<u32, u32>,
}

/// Something that is defined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Symbol {
    /// Its file's number.
    pub file: u32,
    /// Its unit's place in the file's facts; `None` for a field, a variant or a variable.
    pub unit: Option<u32>,
    /// The unit's kind; `field` for what is no unit.
    pub kind: String,
    /// Its own name.
    pub name: String,
    /// What it is a member of.
    pub parent: Option<SymbolId>,
    /// The 1-based line of its name.
    pub line: u32,
    /// 1-based first line.
    pub start_line: u32,
    /// 1-based last line.
    pub end_line: u32,
    /// Its head on one line.
    pub signature: String,
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
}

impl Graph {
    /// Makes the graph of a snapshot.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn of(snapshot: &Snapshot) -> Result<Self, IndexError> {
        let mut files = Vec::new();
        for view in snapshot.files() {
            files.push((view.path.to_owned(), view.facts()?));
        }
        let mut manifests: Vec<(String, String)> = files
            .iter()
            .filter(|(path, _)| imports::is_manifest(path))
            .filter_map(|(path, _)| Some((path.clone(), snapshot.text(path)?)))
            .collect();
        manifests.sort_unstable();
        Ok(Self::new(files, &manifests))
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
        let mut graph = Self::default();
        for (path, facts) in files {
            graph.add(path, facts);
        }
        graph.paths = imports::Paths::new(&graph.files, manifests);
        graph.resolve_imports();
        graph.attach_members();
        graph
    }

    fn add(&mut self, path: String, facts: FileFacts) {
        let number = offset(self.files.len());
        self.by_path.insert(path.clone(), number);
        let file_path = Path::new(&path);
        let inside = language_inside(file_path).filter(|inside| inside.name() == facts.language);
        let language =
            inside.or_else(|| language_of(file_path)).filter(|_| !facts.language.is_empty());
        let mut file = File {
            first: offset(self.symbols.len()),
            language: language.map(|language| match facts.language.as_str() {
                "C++" => Language::Cpp,
                _ => language,
            }),
            units: facts.units_around(),
            path,
            ..File::default()
        };
        file.hints = facts.hints.iter().enumerate().map(|(at, hint)| (hint.mention, at)).collect();
        file.meant = facts.meant.iter().enumerate().map(|(at, hint)| (hint.mention, at)).collect();
        for unit in &facts.units {
            self.symbols.push(Symbol {
                file: number,
                unit: Some(offset(self.symbols.len()) - file.first),
                kind: unit.kind.clone(),
                name: unit.name.clone(),
                parent: unit.parent.map(|parent| file.first + parent),
                line: unit.start_line,
                start_line: unit.start_line,
                end_line: unit.end_line,
                signature: unit.signature.clone(),
                is_exported: unit.is_exported,
                mention: None,
            });
        }
        file.ids = facts.names.iter().zip(0..).map(|(name, at)| (name.clone(), at)).collect();
        file.facts = facts;
        if !file.is_data() {
            self.add_names(&mut file, number);
        }
        for (at, import) in file.facts.imports.iter().enumerate() {
            let whole = import.alias.as_deref().or_else(|| file.default_alias(at));
            if let Some(name) = whole.filter(|_| import.names.is_empty() || import.alias.is_some())
            {
                file.imported.entry(name.to_owned()).or_default().push((at, None));
            }
            for (place, (name, alias)) in import.names.iter().enumerate() {
                let local = alias.as_ref().unwrap_or(name).clone();
                file.imported.entry(local).or_default().push((at, Some(place)));
            }
        }
        self.files.push(file);
    }

    /// Ties mentions that define to units, and makes symbols of the rest.
    fn add_names(&mut self, file: &mut File, number: u32) {
        let mut fields: HashMap<(Option<u32>, u32), SymbolId> = HashMap::new();
        let named: HashSet<(Option<u32>, &str)> =
            file.facts.units.iter().map(|unit| (unit.parent, unit.name.as_str())).collect();
        for (at, mention) in file.facts.mentions.iter().enumerate() {
            let at32 = offset(at);
            let Some(name) = file.facts.names.get(mention.name as usize) else { continue };
            match mention.role() {
                Role::Local => {
                    let unit = file.units.get(at).copied().flatten();
                    file.locals.entry((unit, mention.name)).or_default().push(at32);
                }
                Role::Definition => {
                    let unit = file.named_unit(at, name);
                    if let Some(unit) = unit.filter(|unit| !file.names.contains_key(unit)) {
                        file.names.insert(unit, at32);
                        file.named_by.insert(at32, unit);
                        if let Some(symbol) = self.symbols.get_mut((file.first + unit) as usize) {
                            (symbol.mention, symbol.line) = (Some(at32), mention.line);
                        }
                        continue;
                    }
                    let owner =
                        file.class_around(file.units.get(at).copied().flatten(), mention.owner);
                    // `exports.f = f` is the function's name again.
                    let is_again = file.is_script()
                        && mention.owner == Owner::None
                        && file.is_exported_again(name, mention.line);
                    if is_again || owner.is_some() && named.contains(&(owner, name.as_str())) {
                        continue;
                    }
                    let count = self.symbols.len();
                    let symbol = *fields.entry((owner, mention.name)).or_insert(offset(count));
                    if (symbol as usize) == count {
                        self.symbols.push(Symbol {
                            file: number,
                            unit: None,
                            kind: "field".to_owned(),
                            name: name.clone(),
                            parent: owner.map(|owner| file.first + owner),
                            line: mention.line,
                            start_line: mention.line,
                            end_line: mention.line,
                            is_exported: true,
                            mention: Some(at32),
                            ..Symbol::default()
                        });
                    }
                }
                _ => {}
            }
        }
        for id in file.first..offset(self.symbols.len()) {
            let Some(symbol) = self.symbols.get(id as usize) else { continue };
            if matches!(symbol.kind.as_str(), "impl" | "section" | "test" | "key") {
                continue;
            }
            self.by_name.entry(symbol.name.clone()).or_default().push(id);
            let in_test = symbol.parent.and_then(|parent| self.symbol(parent));
            if self.is_top(file, symbol) && in_test.is_none_or(|parent| parent.kind != "test") {
                file.top.entry(symbol.name.clone()).or_default().push(id);
            }
        }
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
        self.files.get(symbol.file as usize).map_or("", |file| &file.path)
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
            parts.push(symbol.name.clone());
            let class = symbol.unit.and_then(|unit| {
                let file = self.files.get(symbol.file as usize)?;
                file.facts.units.get(unit as usize)?.class.clone()
            });
            parts.extend(class);
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
        self.facts.names.get(mention.name as usize).map(String::as_str)
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
        let mut next = self.units.get(mention).copied().flatten();
        for _ in 0..3 {
            let unit = self.facts.units.get(next? as usize)?;
            let has_name = !matches!(unit.kind.as_str(), "impl" | "test");
            if unit.name == name && unit.start_line <= line && has_name {
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
