//! A graph under construction: files come one by one, sorted by their paths.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use distiq_lang::{Language, Role, Told, language_inside, language_of};

use super::facts::{Facts, Imported};
use super::word::{Word, Words};
use super::{File, Graph, Owner, Symbol, SymbolId, imports, offset};
use crate::segment::FileFacts;

/// A graph under construction.
#[derive(Default)]
pub(super) struct Building {
    graph: Graph,
    words: Words,
}

/// What a file defines, while it is added.
struct Definitions {
    /// Units that have names.
    named: HashSet<u32>,
    /// Fields and the like, by what holds them and their names.
    fields: HashMap<(Option<u32>, u32), SymbolId>,
    /// Units by what holds them and their names.
    units: HashSet<(Option<u32>, Word)>,
}

impl Building {
    /// Adds a file.
    pub fn add(&mut self, path: &str, mut facts: FileFacts) {
        let number = offset(self.graph.files.len());
        let path = Word::from(path);
        self.graph.by_path.insert(path.clone(), number);
        let file_path = Path::new(path.as_str());
        let inside = language_inside(file_path).filter(|inside| inside.name() == facts.language);
        let language =
            inside.or_else(|| language_of(file_path)).filter(|_| !facts.language.is_empty());
        let mut file = File {
            first: offset(self.graph.symbols.len()),
            language: language.map(|language| match facts.language.as_str() {
                "C++" => Language::Cpp,
                _ => language,
            }),
            path,
            ..File::default()
        };
        for unit in &mut facts.units {
            self.graph.symbols.push(Symbol {
                file: number,
                unit: Some(offset(self.graph.symbols.len()) - file.first),
                kind: self.words.word(&unit.kind),
                name: self.words.word(&unit.name),
                parent: unit.parent.map(|parent| file.first + parent),
                line: unit.start_line,
                start_line: unit.start_line,
                end_line: unit.end_line,
                signature: std::mem::take(&mut unit.signature).into_boxed_str(),
                is_exported: unit.is_exported,
                mention: None,
            });
        }
        let properties = properties(&facts).filter(|_| file.is_script()).collect();
        file.facts = Facts::new(facts, &mut self.words);
        if !file.is_data() {
            self.add_names(&mut file, number, &properties);
        }
        file.end = offset(self.graph.symbols.len());
        file.imported = imported(&file);
        self.graph.files.push(file);
    }

    /// Ties mentions that define to units, and makes symbols of the rest.
    fn add_names(&mut self, file: &mut File, number: u32, properties: &HashSet<u32>) {
        let units = file.facts.units.iter().map(|unit| (unit.parent, unit.name.clone())).collect();
        let mut known = Definitions { units, named: HashSet::new(), fields: HashMap::new() };
        for at in 0..file.facts.mentions.len() {
            let Some(mention) = file.facts.mentions.get(at) else { continue };
            match mention.role() {
                Role::Local => {
                    let unit = file.facts.unit_around(at);
                    file.locals.add(unit, mention.name, offset(at));
                    if properties.contains(&offset(at)) {
                        self.define_field(file, number, at, Owner::Own, &mut known);
                    }
                }
                Role::Definition => self.define(file, number, at, &mut known),
                _ => {}
            }
        }
        file.locals.finish();
        let symbols = self.graph.symbols.get(file.first as usize..).unwrap_or_default();
        let is_top = |(symbol, _): &(&Symbol, SymbolId)| {
            let in_test = symbol.parent.and_then(|parent| self.graph.symbol(parent));
            has_meaning(symbol)
                && self.graph.is_top(file, symbol)
                && in_test.is_none_or(|parent| parent.kind != "test")
        };
        let mut top: Vec<(&Symbol, SymbolId)> =
            symbols.iter().zip(file.first..).filter(is_top).collect();
        top.sort_by_key(|(symbol, _)| symbol.name.as_str());
        file.top = top.into_iter().map(|(_, id)| id).collect();
    }

    /// Takes a mention that defines something.
    fn define(&mut self, file: &mut File, number: u32, at: usize, known: &mut Definitions) {
        let Some(mention) = file.facts.mentions.get(at) else { return };
        let Some(name) = file.facts.names.get(mention.name as usize) else { return };
        let unit = file.named_unit(at, name);
        if let Some(unit) = unit.filter(|unit| known.named.insert(*unit)) {
            file.named_by.push((offset(at), unit));
            if let Some(symbol) = self.graph.symbols.get_mut((file.first + unit) as usize) {
                (symbol.mention, symbol.line) = (Some(offset(at)), mention.line);
            }
            return;
        }
        self.define_field(file, number, at, mention.owner, known);
    }

    /// Takes a mention that defines what is no unit.
    fn define_field(
        &mut self,
        file: &File,
        number: u32,
        at: usize,
        of: Owner,
        known: &mut Definitions,
    ) {
        let Some(mention) = file.facts.mentions.get(at) else { return };
        let Some(name) = file.facts.names.get(mention.name as usize) else { return };
        let owner = file.class_around(file.facts.unit_around(at), of);
        // `exports.f = f` is the function's name again.
        let is_again =
            file.is_script() && of == Owner::None && file.is_exported_again(name, mention.line);
        let name = self.words.word(name);
        if is_again || owner.is_some() && known.units.contains(&(owner, name.clone())) {
            return;
        }
        let next = offset(self.graph.symbols.len());
        if *known.fields.entry((owner, mention.name)).or_insert(next) == next {
            self.graph.symbols.push(Symbol {
                file: number,
                unit: None,
                kind: self.words.word("field"),
                name,
                parent: owner.map(|owner| file.first + owner),
                line: mention.line,
                start_line: mention.line,
                end_line: mention.line,
                is_exported: true,
                mention: Some(offset(at)),
                ..Symbol::default()
            });
        }
    }

    /// Returns the graph, whose names can be resolved; it has no edges.
    pub fn finish(self, manifests: &[(String, String)]) -> Graph {
        let mut graph = self.graph;
        drop(self.words);
        graph.symbols.shrink_to_fit();
        graph.name_symbols();
        graph.paths = imports::Paths::new(&graph.files, manifests);
        graph.resolve_imports();
        graph.attach_members();
        graph
    }
}

/// Returns the mentions of parameters that are fields of the class around them, too.
fn properties(facts: &FileFacts) -> impl Iterator<Item = u32> {
    let is_own = |told: &Told| matches!(told, Told::Field(of, _) if matches!(**of, Told::Own(_)));
    facts.meant.iter().filter(move |hint| is_own(&hint.of)).map(|hint| hint.mention)
}

/// Tells whether a symbol can be meant by its name.
fn has_meaning(symbol: &Symbol) -> bool {
    !matches!(symbol.kind.as_str(), "impl" | "section" | "test" | "key")
}

impl Graph {
    /// Sorts the symbols that names can mean by their names.
    fn name_symbols(&mut self) {
        let is_code: Vec<bool> = self.files.iter().map(|file| !file.is_data()).collect();
        let can_be_meant = |symbol: &&Symbol| {
            has_meaning(symbol) && is_code.get(symbol.file as usize) == Some(&true)
        };
        // How many there are of each, then where the next one goes.
        for symbol in self.symbols.iter().filter(can_be_meant) {
            match self.by_name.get_mut(symbol.name.as_str()) {
                Some((_, count)) => *count += 1,
                None => drop(self.by_name.insert(symbol.name.clone(), (0, 1))),
            }
        }
        let mut end = 0;
        for (from, to) in self.by_name.values_mut() {
            end += *to;
            (*from, *to) = (end - *to, end - *to);
        }
        self.named = vec![0; end as usize];
        for (symbol, id) in self.symbols.iter().zip(0..).filter(|(symbol, _)| can_be_meant(symbol))
        {
            let Some((_, next)) = self.by_name.get_mut(symbol.name.as_str()) else { continue };
            if let Some(slot) = self.named.get_mut(*next as usize) {
                *slot = id;
            }
            *next += 1;
        }
    }
}

/// Returns what a file's imports bind.
pub(super) fn imported(file: &File) -> Imported {
    let mut bound = Vec::new();
    for (at, import) in file.facts.imports.iter().enumerate() {
        let is_whole = import.names.is_empty() || import.alias.is_some();
        let whole = file.bound(at, None).filter(|_| is_whole);
        bound.extend(whole.map(|name| (name, at, None)));
        let places = (0..import.names.len()).map(Some);
        bound.extend(places.filter_map(|place| Some((file.bound(at, place)?, at, place))));
    }
    Imported::new(bound)
}
