//! Where a symbol is used, under whatever name.

use std::collections::HashSet;

use distiq_lang::{Language, Role, WHOLE};

use super::resolve::Resolver;
use super::{File, Graph, SymbolId, Target, offset};

/// The most names that exports give to one symbol.
const MAX_NAMES: usize = 16;

/// Places that use a symbol: file, 1-based line, how sure.
type Uses = Vec<(u32, u32, f32)>;

/// What is asked about.
struct Asked<'g> {
    /// What counts as the symbol.
    group: Vec<SymbolId>,
    /// Its names: its own, and those under which modules pass it on.
    names: Vec<&'g str>,
}

impl Graph {
    /// Returns the places that mean a symbol, its definition left out: file, 1-based line, how sure.
    pub fn references(&self, id: SymbolId) -> Uses {
        let Some(symbol) = self.symbol(id) else { return Vec::new() };
        let resolver = Resolver::new(self);
        let group = self.family(id);
        let names = self.passed_on(&symbol.name, &group, &resolver);
        let asked = Asked { group, names };
        let mut found = Vec::new();
        for (number, file) in self.files.iter().enumerate().filter(|(_, file)| !file.is_data()) {
            let number = offset(number);
            for name in self.names_in(number, file, &asked, &resolver) {
                for (at, mention) in file.facts.mentions.iter().enumerate() {
                    let is_definition = mention.role() == Role::Definition;
                    let is_own = is_definition
                        && Some(offset(at)) == symbol.mention
                        && symbol.file == number;
                    // Another type's method of Go is no use of the one that it satisfies.
                    let is_other = is_definition && file.language == Some(Language::Go);
                    if mention.name != name || is_own || is_other {
                        continue;
                    }
                    let targets = resolver.resolve(number, at);
                    let meant = targets.iter().find(|(target, _)| is_meant(target, &asked.group));
                    found.extend(meant.map(|(_, weight)| (number, mention.line, *weight)));
                }
            }
        }
        found.sort_by_key(|(file, line, _)| (*file, *line));
        found.dedup_by_key(|(file, line, _)| (*file, *line));
        found
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

fn is_meant(target: &Target, group: &[SymbolId]) -> bool {
    matches!(target, Target::Symbol(id) if group.contains(id))
}
