//! Where a symbol is used, under whatever name.

use std::collections::{HashMap, HashSet};

use distiq_lang::{Language, Role, WHOLE};

use super::resolve::Resolver;
use super::{File, Graph, Symbol, SymbolId, Target, offset};

/// The most names that exports give to one symbol.
const MAX_NAMES: usize = 16;
/// Symbols whose uses are looked for at once.
const MAX_AT_ONCE: usize = 256;

/// A line that uses a symbol.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usage {
    /// The file's number.
    pub file: u32,
    /// The 1-based line.
    pub line: u32,
    /// How sure it is, 1 where one definition alone can be meant.
    pub weight: f32,
    /// Whether nothing but the name tells of it, which others have as well.
    pub is_guess: bool,
}

/// What is asked about.
struct Asked<'g> {
    /// `None` where there is no such symbol.
    symbol: Option<&'g Symbol>,
    /// What counts as the symbol.
    group: Vec<SymbolId>,
    /// Its names: its own, and those under which modules pass it on.
    names: Vec<&'g str>,
}

impl Asked<'_> {
    /// Tells whether a mention of a file defines it.
    fn is_at(&self, file: u32, mention: u32) -> bool {
        self.symbol.is_some_and(|symbol| symbol.file == file && symbol.mention == Some(mention))
    }
}

impl Graph {
    /// Returns the lines that mean a symbol, its definition left out.
    pub fn references(&self, id: SymbolId) -> Vec<Usage> {
        self.references_of(&[id]).pop().unwrap_or_default()
    }

    /// Returns the places that mean each of several symbols. What they are called may be in thousands of places, so that each
    /// place is resolved once for many of them.
    pub fn references_of(&self, ids: &[SymbolId]) -> Vec<Vec<Usage>> {
        let resolver = Resolver::new(self);
        let of_some = |ids: &[SymbolId]| self.references_of_some(ids, &resolver);
        ids.chunks(MAX_AT_ONCE).flat_map(of_some).collect()
    }

    fn references_of_some<'g>(
        &'g self,
        ids: &[SymbolId],
        resolver: &Resolver<'g>,
    ) -> Vec<Vec<Usage>> {
        let asked: Vec<Asked<'g>> = ids.iter().map(|id| self.asked_about(*id, resolver)).collect();
        let mut meaning: HashMap<SymbolId, Vec<usize>> = HashMap::new();
        for (place, asked) in asked.iter().enumerate() {
            for id in &asked.group {
                meaning.entry(*id).or_default().push(place);
            }
        }
        let mut found: Vec<Vec<Usage>> = vec![Vec::new(); ids.len()];
        for (number, file) in self.files.iter().enumerate().filter(|(_, file)| !file.is_data()) {
            let number = offset(number);
            let mut names: HashMap<u32, HashSet<usize>> = HashMap::new();
            for (place, asked) in asked.iter().enumerate() {
                for name in self.names_in(number, file, asked, resolver) {
                    names.entry(name).or_default().insert(place);
                }
            }
            for (at, mention) in file.facts.mentions.iter().enumerate() {
                let Some(called) = names.get(&mention.name) else { continue };
                let is_definition = mention.role() == Role::Definition;
                // Another type's method of Go is no use of the one that it satisfies.
                if is_definition && file.language == Some(Language::Go) {
                    continue;
                }
                let mut seen = HashSet::new();
                for (target, weight) in resolver.resolve(number, at) {
                    let Target::Symbol(target) = target else { continue };
                    for place in meaning.get(&target).into_iter().flatten() {
                        let is_own = is_definition
                            && asked.get(*place).is_some_and(|of| of.is_at(number, offset(at)));
                        if called.contains(place) && !is_own && seen.insert(*place) {
                            let uses = found.get_mut(*place);
                            let is_guess = resolver.is_guess(weight);
                            let usage =
                                Usage { file: number, line: mention.line, weight, is_guess };
                            uses.into_iter().for_each(|uses| uses.push(usage));
                        }
                    }
                }
            }
        }
        for uses in &mut found {
            // Of a line what is no guess.
            uses.sort_by_key(|of| (of.file, of.line, of.is_guess));
            uses.dedup_by_key(|of| (of.file, of.line));
        }
        found
    }

    fn asked_about<'g>(&'g self, id: SymbolId, resolver: &Resolver<'g>) -> Asked<'g> {
        let symbol = self.symbol(id);
        let mut group = symbol.map(|_| self.family(id)).unwrap_or_default();
        group.sort_unstable();
        group.dedup();
        let names = symbol.map(|symbol| self.passed_on(&symbol.name, &group, resolver));
        Asked { symbol, group, names: names.unwrap_or_default() }
    }

    /// Returns the names by which a file may use a symbol, by their places in its facts: those that all files may use, and
    /// those that it gives itself.
    fn names_in(
        &self,
        number: u32,
        file: &File,
        asked: &Asked<'_>,
        resolver: &Resolver<'_>,
    ) -> Vec<u32> {
        let names = file.facts.imports.iter().flat_map(|import| &import.names);
        let named = names
            .filter(|(name, _)| {
                asked.names.contains(&name.as_str()) || matches!(name.as_str(), "default" | WHOLE)
            })
            .filter_map(|(_, alias)| alias.as_deref());
        // A module of JavaScript may be the symbol as a whole.
        let modules = file.facts.imports.iter().enumerate().filter(|_| file.is_script());
        let whole = modules
            .filter(|(_, import)| import.names.is_empty() && !import.is_reexport)
            .filter_map(|(at, import)| Some((at, import.alias.as_deref()?)))
            .filter(|(at, alias)| {
                file.facts.names.place(alias).is_some()
                    && resolver.binds(number, *at, None, &asked.group)
            })
            .map(|(_, alias)| alias);
        let all = asked.names.iter().copied().chain(named).chain(whole);
        let mut found: Vec<u32> = all.filter_map(|name| file.facts.names.place(name)).collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Returns a symbol's name and the others under which modules pass it on: `export { a as b }`, `pub use a as b`, and
    /// in Python each import.
    fn passed_on<'g>(
        &'g self,
        name: &'g str,
        group: &[SymbolId],
        resolver: &Resolver<'g>,
    ) -> Vec<&'g str> {
        let mut names = vec![name];
        let mut seen: HashSet<(usize, usize, usize)> = HashSet::new();
        let mut at = 0;
        while at < names.len() {
            at += 1;
            for (number, file) in self.files.iter().enumerate() {
                let passes = file.language == Some(Language::Python);
                let imports = file.facts.imports.iter().enumerate();
                for (place, import) in imports.filter(|(_, of)| passes || of.is_reexport) {
                    for (nth, (own, alias)) in import.names.iter().enumerate() {
                        let Some(alias) = alias.as_deref() else { continue };
                        let is_named = names.contains(&own.as_str())
                            || file.is_script() && matches!(own.as_str(), "default" | WHOLE);
                        let is_new = is_named
                            && !matches!(alias, "default" | WHOLE)
                            && !names.contains(&alias)
                            && names.len() < MAX_NAMES
                            && seen.insert((number, place, nth));
                        if is_new && resolver.binds(offset(number), place, Some(nth), group) {
                            names.push(alias);
                        }
                    }
                }
            }
        }
        names
    }
}
