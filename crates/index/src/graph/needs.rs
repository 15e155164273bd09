//! What some lines need of the project: who is called, inherited or named in them.
//!
//! Resolved among the files of these lines and those that define what they name, so that it takes milliseconds where
//! the graph of all files takes seconds.

use std::collections::{BTreeMap, HashSet};

use distiq_lang::Role;

use super::resolve::Resolver;
use super::{EdgeKind, Graph, Target, imports};
use crate::error::IndexError;
use crate::search::NO_CHUNK;
use crate::segment::{FileFacts, NAME, Postings};
use crate::snapshot::Snapshot;

/// Names of code that more chunks have say too little.
const MAX_CALLED: usize = 30;
/// Most names that are looked up, and most files that are read because they define one.
const MAX_NAMES: usize = 300;
const MAX_FILES: usize = 40;
/// Most files that tell of packages, and longest one.
const MAX_MANIFESTS: usize = 16;
const MAX_MANIFEST_BYTES: usize = 64 << 10;
/// How sure it must be what a name means.
const SURE: f32 = 0.5;

/// Lines that are looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Relative to the root, with `/`.
    pub path: String,
    /// The number of a chunk of the file; lines of [`NO_CHUNK`](crate::search::NO_CHUNK) are not looked at.
    pub number: u32,
    /// 1-based first line.
    pub start_line: u32,
    /// 1-based last line.
    pub end_line: u32,
}

/// A definition that lines need and do not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// The place of the first span that needs it.
    pub span: usize,
    /// How it is needed.
    pub kind: EdgeKind,
    /// Relative to the root, with `/`.
    pub path: String,
    /// 1-based first line.
    pub start_line: u32,
    /// 1-based last line.
    pub end_line: u32,
    /// Its head on one line.
    pub signature: String,
}

/// A file's place: segment, place in it.
type FilePlace = (usize, usize);

impl Snapshot {
    /// Returns what lines need of the project and do not hold: by span, what is inherited and called before what is
    /// named, by line.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn needs(&self, spans: &[Span]) -> Result<Vec<Need>, IndexError> {
        let mut files: BTreeMap<String, FileFacts> = BTreeMap::new();
        for span in spans {
            if span.number != NO_CHUNK && !files.contains_key(&span.path) {
                let view = self.file_of(span.number)?;
                files.insert(view.path.to_owned(), view.facts()?);
            }
        }
        let mut known: HashSet<String> = HashSet::new();
        let mut places: HashSet<FilePlace> = HashSet::new();
        for name in mentioned(spans, &files) {
            let Some(found) = self.defining(&name)? else { continue };
            if !found.is_subset(&places) && places.union(&found).count() > MAX_FILES {
                continue;
            }
            places.extend(found);
            known.insert(name);
        }
        for (part, place) in places {
            let segment = self.parts().get(part).map(|part| &part.segment);
            let path = segment.and_then(|segment| Some(&segment.files().get(place)?.path));
            if let (Some(segment), Some(path)) = (segment, path)
                && !files.contains_key(path)
            {
                files.insert(path.clone(), segment.facts(place)?);
            }
        }
        let manifests = self.manifests();
        Ok(Graph::without_ties(files.into_iter().collect(), &manifests).needs(spans, &known))
    }

    /// Returns the files that define a name, whatever its case; `None` where too many do.
    fn defining(&self, name: &str) -> Result<Option<HashSet<FilePlace>>, IndexError> {
        let term = format!("{NAME}{}", name.to_lowercase());
        let (mut found, mut count) = (HashSet::new(), 0);
        for (at, part) in self.parts().iter().enumerate() {
            let Some(place) = part.segment.terms().find(&term)? else { continue };
            let list = part.segment.list(place)?;
            for posting in Postings::new(&list).filter(|posting| part.holds(posting.document)) {
                count += 1;
                if count > MAX_CALLED {
                    return Ok(None);
                }
                found.insert((at, part.segment.file_of(posting.document)));
            }
        }
        Ok(Some(found).filter(|found| !found.is_empty()))
    }

    fn manifests(&self) -> Vec<(String, String)> {
        let paths = self.files().map(|file| file.path).filter(|path| imports::is_manifest(path));
        let mut paths: Vec<&str> = paths.collect();
        // Those of the whole project first.
        paths.sort_by_key(|path| (path.matches('/').count(), *path));
        let text = |path: &str| self.text(path).filter(|text| text.len() <= MAX_MANIFEST_BYTES);
        let read = paths.into_iter().take(MAX_MANIFESTS);
        read.filter_map(|path| Some((path.to_owned(), text(path)?))).collect()
    }
}

/// Tells whether a mention may mean a definition that is worth knowing.
fn is_telling(role: Role) -> bool {
    matches!(role, Role::Call | Role::MemberCall | Role::Type | Role::Base)
}

/// Returns the names that spans call, inherit or take for types, each once, in the spans' order.
fn mentioned(spans: &[Span], files: &BTreeMap<String, FileFacts>) -> Vec<String> {
    let mut names = Vec::new();
    let mut seen: HashSet<&str> = HashSet::new();
    for span in spans {
        let Some(facts) = files.get(&span.path) else { continue };
        for mention in &facts.mentions {
            let is_inside = (span.start_line..=span.end_line).contains(&mention.line);
            let Some(name) = facts.names.get(mention.name as usize) else { continue };
            if is_inside
                && is_telling(mention.role())
                && names.len() < MAX_NAMES
                && seen.insert(name)
            {
                names.push(name.clone());
            }
        }
    }
    names
}

impl Graph {
    fn needs(&self, spans: &[Span], known: &HashSet<String>) -> Vec<Need> {
        let resolver = Resolver::new(self);
        let mut needs: Vec<(usize, bool, u32, Need)> = Vec::new();
        let mut seen = HashSet::new();
        for (at, span) in spans.iter().enumerate() {
            let Some(number) = self.by_path.get(span.path.as_str()).copied() else { continue };
            let Some(file) = self.files.get(number as usize) else { continue };
            for (place, mention) in file.facts.mentions.iter().enumerate() {
                let is_inside = (span.start_line..=span.end_line).contains(&mention.line);
                let is_known = || file.name(place).is_some_and(|name| known.contains(name));
                if !is_inside || !is_telling(mention.role()) || !is_known() {
                    continue;
                }
                for (target, weight) in resolver.resolve(number, place) {
                    let Target::Symbol(id) = target else { continue };
                    let Some(symbol) = self.symbol(id).filter(|_| weight >= SURE) else { continue };
                    let path = self.path_of(symbol);
                    let holds = |span: &Span| {
                        span.path == path
                            && (span.start_line..=span.end_line).contains(&symbol.start_line)
                    };
                    // Fields and variables have no head.
                    if symbol.unit.is_none() || spans.iter().any(holds) || !seen.insert(id) {
                        continue;
                    }
                    let kind = self.edge_kind(mention.role(), id);
                    let need = Need {
                        span: at,
                        kind,
                        path: path.to_owned(),
                        start_line: symbol.start_line,
                        end_line: symbol.end_line,
                        signature: symbol.signature.to_string(),
                    };
                    needs.push((at, kind == EdgeKind::Use, mention.line, need));
                }
            }
        }
        needs.sort_by_key(|(at, is_use, line, _)| (*at, *is_use, *line));
        needs.into_iter().map(|(.., need)| need).collect()
    }
}
