//! What a file defines, mentions and imports, for whoever resolves names.

use std::collections::HashMap;

use distiq_lang::{PieceKind, Role, Source};
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
    /// What the text next to a definition tells of its type, by the mentions' order.
    pub hints: Vec<Hint>,
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
        let mut last_end = 0;
        let mut hints = hints::Reader::new(text);
        for piece in &source.pieces {
            let PieceKind::Identifier(role) = piece.kind else { continue };
            let (Ok(start), Ok(end)) =
                (usize::try_from(piece.bytes.start), usize::try_from(piece.bytes.end))
            else {
                continue;
            };
            let Some(name) = text.get(start..end).filter(|name| name.len() <= 200) else {
                continue;
            };
            let between = text.get(last_end..start).unwrap_or_default();
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
                owner: hints::owner(between, text.get(..start).unwrap_or_default()),
            });
            hints.add(start..end, role);
            last_end = end;
        }
        facts.hints = hints.finish();
        facts
    }
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
