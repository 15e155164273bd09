//! What a file tells, as a graph holds it: the same as [`FileFacts`] in a third of the room.

use std::collections::HashSet;

use distiq_lang::Told;

use super::mentions::Mentions;
use super::told::{Around, Tellings};
use super::word::{Word, Words};
use super::{SymbolId, offset};
use crate::segment::{FileFacts, ImportFact, UnitFact};

/// What stands for nothing where a number is wanted.
const NONE: u32 = u32::MAX;

/// What a file tells.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub units: Vec<Unit>,
    pub names: Names,
    pub mentions: Mentions,
    pub imports: Vec<Import>,
    pub package: Option<Word>,
    pub tellings: Tellings,
    pub objects: Vec<Vec<u32>>,
    around: Around,
    /// Whether the imports come by their lines.
    are_imports_sorted: bool,
}

/// A definition; its head is the symbol's.
#[derive(Debug)]
pub(crate) struct Unit {
    pub kind: Word,
    pub name: Word,
    pub class: Option<Box<str>>,
    pub parent: Option<u32>,
    pub start_line: u32,
    pub bases: Box<[String]>,
}

/// An import.
#[derive(Debug)]
pub(crate) struct Import {
    pub line: u32,
    pub from: Box<str>,
    pub alias: Option<Box<str>>,
    /// Each name and, where it has one, its other name here.
    pub names: Box<[(Word, Option<Box<str>>)]>,
    pub is_wildcard: bool,
    pub is_reexport: bool,
}

impl Facts {
    /// Takes facts over.
    pub fn new(mut facts: FileFacts, words: &mut Words) -> Self {
        let around = Around::new(&facts.units_around());
        let tellings = Tellings::of(&mut facts);
        let are_imports_sorted = facts.imports.is_sorted_by_key(|import| import.line);
        Self {
            around,
            tellings,
            units: facts.units.into_iter().map(|unit| Unit::new(unit, words)).collect(),
            names: Names::new(&facts.names),
            mentions: Mentions::new(&facts.mentions),
            imports: facts.imports.into_iter().map(|import| Import::new(import, words)).collect(),
            package: facts.package.map(|package| words.word(&package)),
            objects: facts.objects,
            are_imports_sorted,
        }
    }

    /// Returns the innermost unit around a mention.
    pub fn unit_around(&self, mention: usize) -> Option<u32> {
        self.around.get(mention)
    }

    /// Returns what is told of a mention's type.
    pub fn hint(&self, mention: u32) -> Option<&Told> {
        self.tellings.hint(mention)
    }

    /// Returns what a mention means itself.
    pub fn meant(&self, mention: u32) -> Option<&Told> {
        self.tellings.meant(mention)
    }

    /// Returns what is told of a unit.
    pub fn told(&self, unit: u32) -> Option<&Told> {
        self.tellings.unit(unit)
    }

    /// Returns the imports on a line.
    pub fn imports_on(&self, line: u32) -> impl Iterator<Item = &Import> {
        self.imports_up_to(line)
            .map(|(_, import)| import)
            .take_while(move |import| !self.are_imports_sorted || import.line == line)
            .filter(move |import| import.line == line)
    }

    /// Returns the imports up to a line, the last first.
    pub fn imports_up_to(&self, line: u32) -> impl Iterator<Item = (usize, &Import)> {
        let end = match self.are_imports_sorted {
            true => self.imports.partition_point(|import| import.line <= line),
            false => self.imports.len(),
        };
        let all = self.imports.get(..end).unwrap_or_default();
        all.iter().enumerate().rev().filter(move |(_, import)| import.line <= line)
    }
}

impl Unit {
    fn new(unit: UnitFact, words: &mut Words) -> Self {
        Self {
            kind: words.word(&unit.kind),
            name: words.word(&unit.name),
            class: unit.class.map(String::into_boxed_str),
            parent: unit.parent,
            start_line: unit.start_line,
            bases: unit.bases.into_boxed_slice(),
        }
    }
}

impl Import {
    fn new(import: ImportFact, words: &mut Words) -> Self {
        let names = import.names.into_iter();
        Self {
            line: import.line,
            from: import.from.into_boxed_str(),
            alias: import.alias.map(String::into_boxed_str),
            names: names
                .map(|(name, alias)| (words.word(&name), alias.map(String::into_boxed_str)))
                .collect(),
            is_wildcard: import.is_wildcard,
            is_reexport: import.is_reexport,
        }
    }
}

/// The names in a file, by their places.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// One behind the other.
    text: Box<str>,
    /// Where each ends.
    ends: Box<[u32]>,
    /// Their places, sorted by the names.
    sorted: Box<[u32]>,
}

impl Names {
    fn new(names: &[String]) -> Self {
        let mut end = 0;
        let ends = names.iter().map(|name| {
            end += name.len();
            offset(end)
        });
        let ends = ends.collect();
        let mut sorted: Box<[u32]> = (0..offset(names.len())).collect();
        sorted.sort_unstable_by_key(|at| names.get(*at as usize));
        Self { text: names.concat().into_boxed_str(), ends, sorted }
    }

    /// Returns the name at a place.
    pub fn get(&self, at: usize) -> Option<&str> {
        let end = *self.ends.get(at)? as usize;
        let start = at.checked_sub(1).and_then(|before| self.ends.get(before)).copied();
        self.text.get(start.unwrap_or(0) as usize..end)
    }

    /// Returns a name's place.
    pub fn place(&self, name: &str) -> Option<u32> {
        let at = self.sorted.partition_point(|at| self.get(*at as usize) < Some(name));
        let at = *self.sorted.get(at)?;
        (self.get(at as usize) == Some(name)).then_some(at)
    }
}

/// The locals of a file: unit, name and the mention that defines it, sorted.
#[derive(Debug, Default)]
pub(crate) struct Locals(Vec<(u32, u32, u32)>);

impl Locals {
    /// Adds the mention that defines a local.
    pub fn add(&mut self, unit: Option<u32>, name: u32, mention: u32) {
        self.0.push((unit.unwrap_or(NONE), name, mention));
    }

    /// Sorts what was added.
    pub fn finish(&mut self) {
        self.0.sort_unstable();
        self.0.shrink_to_fit();
    }

    /// Returns the mentions that define a local of a unit, in their order; `None` where it has none of the name.
    pub fn get(
        &self,
        unit: Option<u32>,
        name: u32,
    ) -> Option<impl DoubleEndedIterator<Item = u32> + Clone> {
        let key = (unit.unwrap_or(NONE), name);
        let from = self.0.partition_point(|(unit, name, _)| (*unit, *name) < key);
        let rest = self.0.get(from..)?;
        let count = rest.partition_point(|(unit, name, _)| (*unit, *name) == key);
        let found = rest.get(..count).filter(|found| !found.is_empty())?;
        Some(found.iter().map(|(.., mention)| *mention))
    }
}

/// The names that a file's imports bind: the import and the place of the name in it, [`NONE`] for the module as a whole.
#[derive(Debug, Default)]
pub(crate) struct Imported(Vec<(u32, u32)>);

impl Imported {
    /// Takes pairs, each with the name that it binds; of equal names the first comes first.
    pub fn new(mut pairs: Vec<(&str, usize, Option<usize>)>) -> Self {
        pairs.sort_by_key(|(name, ..)| *name);
        let pair = |(_, import, place): (&str, usize, Option<usize>)| {
            (offset(import), place.map_or(NONE, offset))
        };
        Self(pairs.into_iter().map(pair).collect())
    }

    /// Returns the imports that bind a name, each with the place of the name in it; `name_of` tells what a pair binds.
    pub fn get<'a>(
        &self,
        name: &str,
        name_of: impl Fn(usize, Option<usize>) -> Option<&'a str>,
    ) -> impl Iterator<Item = (usize, Option<usize>)> {
        let pair = |(import, place): &(u32, u32)| {
            (*import as usize, Some(*place as usize).filter(|_| *place != NONE))
        };
        let bound = |both: &(u32, u32)| {
            let (import, place) = pair(both);
            name_of(import, place)
        };
        let from = self.0.partition_point(|both| bound(both) < Some(name));
        let rest = self.0.get(from..).unwrap_or_default();
        let count = rest.partition_point(|both| bound(both) == Some(name));
        rest.get(..count).unwrap_or_default().iter().map(pair)
    }
}

/// A set of files that takes a byte or two for each.
#[derive(Debug, Default)]
pub(crate) struct FileSet {
    /// By the upper bits of a file's number where its part of `low` begins; one more for the end.
    starts: Box<[u32]>,
    /// The lower bits, sorted within their part.
    low: Box<[u8]>,
}

impl FileSet {
    /// Takes sorted numbers.
    pub fn new(sorted: &[u32]) -> Self {
        let Some(last) = sorted.last() else { return Self::default() };
        let start = |upper: u32| offset(sorted.partition_point(|file| file >> 8 < upper));
        let starts = (0..(last >> 8) + 2).map(start).collect();
        let low = sorted.iter().map(|file| file.to_le_bytes()[0]).collect();
        Self { starts, low }
    }

    /// Tells whether there is none.
    pub fn is_empty(&self) -> bool {
        self.low.is_empty()
    }

    /// Returns the numbers, rising.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        let parts = self.starts.windows(2).zip(0_u32..);
        parts.flat_map(|(ends, upper)| {
            let part = match ends {
                [from, to] => self.low.get(*from as usize..*to as usize),
                _ => None,
            };
            part.unwrap_or_default().iter().map(move |low| upper << 8 | u32::from(*low))
        })
    }

    /// Tells whether a file is in it.
    pub fn contains(&self, file: u32) -> bool {
        let upper = (file >> 8) as usize;
        let (Some(from), Some(to)) = (self.starts.get(upper), self.starts.get(upper + 1)) else {
            return false;
        };
        let part = self.low.get(*from as usize..*to as usize).unwrap_or_default();
        part.binary_search(&file.to_le_bytes()[0]).is_ok()
    }
}

/// The members of classes, by class and name.
#[derive(Debug, Default)]
pub(crate) struct Members(Vec<(SymbolId, SymbolId)>);

impl Members {
    /// Takes classes with their members; `name` tells a symbol's.
    pub fn new<'a>(
        mut all: Vec<(SymbolId, SymbolId)>,
        name: &impl Fn(SymbolId) -> &'a str,
    ) -> Self {
        all.sort_by(|one, other| {
            let by_name = || name(one.1).cmp(name(other.1));
            one.0.cmp(&other.0).then_with(by_name).then(one.1.cmp(&other.1))
        });
        Self(all)
    }

    /// Returns those of a class, by their names.
    pub fn of(&self, class: SymbolId) -> &[(SymbolId, SymbolId)] {
        let from = self.0.partition_point(|(of, _)| *of < class);
        let rest = self.0.get(from..).unwrap_or_default();
        let count = rest.partition_point(|(of, _)| *of == class);
        rest.get(..count).unwrap_or_default()
    }

    /// Tells whether a class has any.
    pub fn has(&self, class: SymbolId) -> bool {
        self.0.binary_search_by_key(&class, |(of, _)| *of).is_ok()
    }

    /// Returns those of a class that are called so.
    pub fn called<'a>(
        &self,
        class: SymbolId,
        called: &str,
        name: impl Fn(SymbolId) -> &'a str,
    ) -> impl Iterator<Item = SymbolId> {
        let own = self.of(class);
        let from = own.partition_point(|(_, id)| name(*id) < called);
        let rest = own.get(from..).unwrap_or_default();
        let count = rest.partition_point(|(_, id)| name(*id) == called);
        rest.get(..count).unwrap_or_default().iter().map(|(_, id)| *id)
    }

    /// Takes some away.
    pub fn hide(&mut self, hidden: &HashSet<(SymbolId, SymbolId)>) {
        self.0.retain(|member| !hidden.contains(member));
    }

    /// Returns the groups of one class and name.
    pub fn groups<'a>(
        &self,
        name: impl Fn(SymbolId) -> &'a str,
    ) -> impl Iterator<Item = &[(SymbolId, SymbolId)]> {
        self.0.chunk_by(move |one, other| one.0 == other.0 && name(one.1) == name(other.1))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_set_of_files_holds_what_it_was_given(
            files in prop::collection::btree_set(0_u32..3_000, 0..400),
        ) {
            let sorted: Vec<u32> = files.iter().copied().collect();
            let set = FileSet::new(&sorted);
            prop_assert_eq!(set.is_empty(), files.is_empty());
            prop_assert_eq!(set.iter().collect::<Vec<_>>(), sorted);
            for file in 0..3_600 {
                prop_assert_eq!(set.contains(file), files.contains(&file), "{}", file);
            }
        }

        #[test]
        fn names_are_found_by_place_and_by_text(
            names in prop::collection::btree_set("[a-cé]{0,3}", 0..40),
        ) {
            let all: Vec<String> = names.into_iter().rev().collect();
            let names = Names::new(&all);
            for (at, name) in all.iter().enumerate() {
                prop_assert_eq!(names.get(at), Some(name.as_str()));
                prop_assert_eq!(names.place(name), Some(offset(at)));
            }
            prop_assert_eq!(names.get(all.len()), None);
            prop_assert_eq!(names.place("d"), None);
        }
    }

    #[test]
    fn locals_and_imported_names_come_in_their_order() {
        let mut locals = Locals::default();
        for (unit, name, mention) in [(Some(1), 2, 9), (None, 2, 4), (Some(1), 2, 7)] {
            locals.add(unit, name, mention);
        }
        locals.finish();
        let get = |unit, name| locals.get(unit, name).map(Iterator::collect::<Vec<_>>);
        assert_eq!(get(Some(1), 2), Some(vec![7, 9]));
        assert_eq!(get(None, 2), Some(vec![4]));
        assert_eq!((get(Some(2), 2), get(None, 3)), (None, None));
        let names = ["b", "a", "b"];
        let pairs = names.iter().enumerate().map(|(at, name)| (*name, at, (at > 0).then_some(at)));
        let imported = Imported::new(pairs.collect());
        let bound = |name| imported.get(name, |at, _| names.get(at).copied()).collect::<Vec<_>>();
        assert_eq!(bound("b"), [(0, None), (2, Some(2))]);
        assert_eq!((bound("a"), bound("c")), (vec![(1, Some(1))], vec![]));
    }
}
