//! What a file defines, mentions and imports, for whoever resolves names.

use std::collections::{HashMap, HashSet};

use distiq_lang::{PieceKind, Role, Source, Told};
use serde::{Deserialize, Serialize};

use crate::graph::hints::{self, Hint, Owner};
use crate::words::without_keys;

/// What one file defines, mentions and imports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFacts {
    /// The language's name; empty where none is known.
    pub language: String,
    /// Its units in source order, parents before their members.
    pub units: Vec<UnitFact>,
    /// The identifiers in it, each once; [`Mention::name`] is a place in this list.
    pub names: Vec<String>,
    /// Where they stand, in source order.
    pub mentions: Vec<Mention>,
    /// What it imports.
    pub imports: Vec<ImportFact>,
    /// The package or namespace that it tells.
    pub package: Option<String>,
    /// What is told of names' types, by the mentions' order.
    pub hints: Vec<Hint>,
    /// What keys mean, and names that are keys as well; by the mentions' order.
    pub meant: Vec<Hint>,
    /// By object that is written out, the mentions of its members.
    pub objects: Vec<Vec<u32>>,
    /// Mentions whose innermost unit its lines do not tell, with that unit.
    pub apart: Vec<(u32, Option<u32>)>,
}

/// A definition, as [`distiq_lang::Unit`] tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct UnitFact {
    pub kind: String,
    pub name: String,
    pub class: Option<String>,
    pub parent: Option<u32>,
    pub signature: String,
    pub start_line: u32,
    pub end_line: u32,
    pub bases: Vec<String>,
    pub is_exported: bool,
    pub told: Option<Told>,
}

/// An identifier where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mention {
    /// Its place in [`FileFacts::names`].
    pub name: u32,
    /// Its 1-based line.
    pub line: u32,
    /// What it does there, by [`role_number`].
    pub role: u8,
    /// Whether it follows the mention before it behind a `.`, `->` or `::`.
    pub is_joined: bool,
    /// Whether that is a `::`, so that the mention before it names no value.
    pub is_in_path: bool,
    /// Whose member it is, where a name does not tell.
    pub owner: Owner,
}

/// An import, as [`distiq_lang::Import`] tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct ImportFact {
    pub line: u32,
    pub from: String,
    pub alias: Option<String>,
    /// Each name and, where it has one, its other name here.
    pub names: Vec<(String, Option<String>)>,
    pub is_wildcard: bool,
    pub is_reexport: bool,
}

/// Roles in the order of their numbers.
const ROLES: [Role; 10] = [
    Role::Definition,
    Role::Call,
    Role::Member,
    Role::MemberCall,
    Role::Type,
    Role::Base,
    Role::Import,
    Role::Plain,
    Role::Local,
    Role::Key,
];

impl Mention {
    /// Returns what it does where it stands.
    pub fn role(&self) -> Role {
        ROLES.get(usize::from(self.role)).copied().unwrap_or(Role::Plain)
    }
}

fn role_number(role: Role) -> u8 {
    ROLES.iter().position(|other| *other == role).and_then(|at| u8::try_from(at).ok()).unwrap_or(7)
}

impl FileFacts {
    /// Takes what a parse found.
    pub fn of(source: &Source, text: &str) -> Self {
        let mut facts = Self {
            language: source
                .language
                .map(|language| language.name().to_owned())
                .unwrap_or_default(),
            units: source.units.iter().map(UnitFact::of).collect(),
            imports: source.imports.iter().map(ImportFact::of).collect(),
            package: source.package.clone(),
            ..Self::default()
        };
        let mut places: HashMap<&str, u32> = HashMap::new();
        let mut numbers: HashMap<u32, u32> = HashMap::new();
        let mut last_end = 0;
        // A comment's last word is before no name.
        let mut comment_end = 0;
        let mut hints = hints::Reader::new(text);
        for piece in &source.pieces {
            if piece.kind == PieceKind::Comment {
                comment_end = usize::try_from(piece.bytes.end).unwrap_or(comment_end);
            }
            let PieceKind::Identifier(role) = piece.kind else { continue };
            let (Ok(start), Ok(end)) =
                (usize::try_from(piece.bytes.start), usize::try_from(piece.bytes.end))
            else {
                continue;
            };
            let Some(name) = text.get(start..end).filter(|name| name.len() <= 200) else {
                continue;
            };
            let number = u32::try_from(facts.mentions.len()).unwrap_or(u32::MAX);
            numbers.insert(piece.bytes.start, number);
            let between = text.get(last_end.max(comment_end)..start).unwrap_or_default();
            let is_joined = last_end > 0
                && (matches!(between.trim(), "." | "::" | "?." | "!.") || between == "->");
            let place = *places.entry(name).or_insert_with(|| {
                facts.names.push(name.to_owned());
                u32::try_from(facts.names.len() - 1).unwrap_or(u32::MAX)
            });
            facts.mentions.push(Mention {
                name: place,
                line: piece.line,
                role: role_number(role),
                is_joined,
                is_in_path: is_joined && between.trim() == "::",
                owner: hints::owner(between, text.get(comment_end..start).unwrap_or_default()),
            });
            hints.add(start..end, role);
            last_end = end;
        }
        facts.take_told(source, &numbers, hints.finish());
        facts.apart = facts.units_apart(source, &numbers);
        facts
    }

    /// Returns the innermost unit around each mention.
    pub(crate) fn units_around(&self) -> Vec<Option<u32>> {
        let mut found = self.units_by_lines();
        for (mention, unit) in &self.apart {
            if let Some(slot) = found.get_mut(*mention as usize) {
                *slot = *unit;
            }
        }
        found
    }

    fn units_by_lines(&self) -> Vec<Option<u32>> {
        let units = self.units.iter().map(|unit| (unit.start_line, unit.end_line + 1));
        innermost(units, self.mentions.iter().map(|mention| mention.line))
    }

    /// Returns the mentions whose unit by bytes is another than by lines: several units stand on their line.
    fn units_apart(&self, source: &Source, numbers: &HashMap<u32, u32>) -> Vec<(u32, Option<u32>)> {
        let mut places: Vec<(u32, u32)> =
            numbers.iter().map(|(at, number)| (*number, *at)).collect();
        places.sort_unstable();
        let units = source.units.iter().map(|unit| (unit.bytes.start, unit.bytes.end));
        let by_bytes = innermost(units, places.iter().map(|(_, at)| *at));
        let by_lines = self.units_by_lines();
        let numbered = by_bytes.into_iter().zip(by_lines).zip(0..);
        let differs = numbered.filter(|((by_bytes, by_lines), _)| by_bytes != by_lines);
        differs.map(|((unit, _), number)| (number, unit)).collect()
    }

    /// Takes what is told of types; where a language's syntax says nothing, what the text around a name does.
    fn take_told(&mut self, source: &Source, numbers: &HashMap<u32, u32>, by_text: Vec<Hint>) {
        let name = |at: u32| numbers.get(&at).copied();
        let objects: HashMap<u32, u32> =
            source.objects.iter().zip(0..).map(|(object, number)| (object.at, number)).collect();
        let object = |at: u32| objects.get(&at).copied();
        let hints = |told: &[(u32, Told)]| -> Vec<Hint> {
            let hint = |(at, told): &(u32, Told)| {
                Some(Hint { mention: name(*at)?, of: told.clone().numbered(&name, &object) })
            };
            let mut hints: Vec<Hint> = told.iter().filter_map(hint).collect();
            hints.retain(|hint| !hint.of.is_unknown());
            hints.sort_by_key(|hint| hint.mention);
            hints.dedup_by_key(|hint| hint.mention);
            hints
        };
        self.hints = hints(&source.told);
        self.meant = hints(&source.meant);
        if !source.language.is_some_and(distiq_lang::Language::tells_types) {
            let known: HashSet<u32> = self.hints.iter().map(|hint| hint.mention).collect();
            self.hints.extend(by_text.into_iter().filter(|hint| !known.contains(&hint.mention)));
            self.hints.sort_by_key(|hint| hint.mention);
        }
        let keys =
            |object: &distiq_lang::Object| object.keys.iter().filter_map(|at| name(*at)).collect();
        self.objects = source.objects.iter().map(keys).collect();
        for (unit, from) in self.units.iter_mut().zip(&source.units) {
            unit.told = from.told.clone().map(|told| told.numbered(&name, &object));
        }
    }
}

/// Returns the innermost span around each place; spans come by their starts, those around others first.
fn innermost(
    spans: impl Iterator<Item = (u32, u32)>,
    places: impl Iterator<Item = u32>,
) -> Vec<Option<u32>> {
    let mut spans = spans.zip(0_u32..).peekable();
    let mut open: Vec<(u32, u32)> = Vec::new();
    // Where the first of them ends: until then none need be looked at.
    let mut soonest = u32::MAX;
    let mut found = Vec::new();
    for place in places {
        while let Some(((_, end), number)) = spans.next_if(|((start, _), _)| *start <= place) {
            open.push((number, end));
            soonest = soonest.min(end);
        }
        if soonest <= place {
            open.retain(|(_, end)| place < *end);
            soonest = open.iter().map(|(_, end)| *end).min().unwrap_or(u32::MAX);
        }
        found.push(open.last().map(|(number, _)| *number));
    }
    found
}

impl UnitFact {
    fn of(unit: &distiq_lang::Unit) -> Self {
        Self {
            kind: unit.kind.to_owned(),
            name: unit.name.clone(),
            class: unit.class.clone(),
            parent: unit.parent,
            signature: without_keys(&unit.signature).into_owned(),
            start_line: unit.start_line,
            end_line: unit.end_line,
            bases: unit.bases.clone(),
            is_exported: unit.is_exported,
            told: None,
        }
    }
}

impl ImportFact {
    fn of(import: &distiq_lang::Import) -> Self {
        Self {
            line: import.line,
            from: import.from.clone(),
            alias: import.alias.clone(),
            names: import
                .names
                .iter()
                .map(|name| (name.name.clone(), name.alias.clone()))
                .collect(),
            is_wildcard: import.is_wildcard,
            is_reexport: import.is_reexport,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_lies_as_deep_as_the_reader_allows_and_no_deeper() {
        let call = |told| Told::Call(Box::new(told));
        let either = |told| Told::Either(vec![Told::Outside, told]);
        for wrap in [&call as &dyn Fn(Told) -> Told, &either] {
            for (depth, is_read) in [(1, true), (128, true), (129, false), (1_000, false)] {
                let of = (0..depth).fold(Told::Outside, |told, _| wrap(told));
                let hints = vec![Hint { mention: 0, of }];
                let facts = FileFacts { hints, ..FileFacts::default() };
                let bytes = postcard::to_stdvec(&facts).unwrap();
                let read = postcard::from_bytes::<FileFacts>(&bytes);
                assert_eq!(read.is_ok_and(|read| read == facts), is_read, "{depth}");
            }
        }
        // Bytes that lie in each other a million times do not take the stack.
        let bytes = vec![6; 1 << 20];
        assert!(postcard::from_bytes::<Told>(&bytes).is_err());
    }
}
