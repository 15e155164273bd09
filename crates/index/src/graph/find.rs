//! Which symbols a text means, and what may be meant by one that means none.

use distiq_base::nearest::nearest;
use distiq_base::paths::file_name;

use super::{Graph, SymbolId, offset};

/// Most names that are told in the place of one that means nothing.
const MAX_NEAR: usize = 3;
/// Shortest part of a name by which longer ones are told.
const MIN_PART: usize = 3;

/// Why a text means no symbol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lost {
    /// It is a file. The names are of what it defines at its top.
    IsFile {
        /// Its path.
        path: String,
        /// Some of its names.
        names: Vec<String>,
    },
    /// There is no such file in the index.
    NoFile {
        /// Files with nearly the same name.
        near: Vec<String>,
    },
    /// Nothing is defined on a line.
    EmptyLine {
        /// The file.
        path: String,
        /// The 1-based line.
        line: u32,
        /// What is defined next to it, as `NAME (line N)`.
        near: Vec<String>,
    },
    /// Nothing has that name.
    NoName {
        /// What nearly has.
        near: Vec<String>,
    },
}

impl Graph {
    /// Returns the symbols that a text means: a name, a qualified name, `PATH:LINE`, `PATH:NAME`. Of a path its end will do,
    /// and a qualified name may leave out folders and types on the way: `tokio::sync::Semaphore`.
    pub fn find(&self, text: &str) -> Vec<SymbolId> {
        let text = trimmed(text);
        if let Some((files, rest)) = self.in_files(text) {
            return files.iter().flat_map(|file| self.in_file(*file, rest)).collect();
        }
        let parts = parts(text);
        let own = parts.last().copied().unwrap_or_default();
        let private = format!("#{own}");
        let named = self.called(own).iter().chain(self.called(&private));
        self.nearest_called(&parts, named.copied())
    }

    /// Returns those of some symbols whose qualified name ends with some parts, with the fewest gaps between them. A private
    /// member of JavaScript, `#a`, goes by `a` as well, where nothing else does.
    fn nearest_called(&self, parts: &[&str], ids: impl Iterator<Item = SymbolId>) -> Vec<SymbolId> {
        let Some((own, around)) = parts.split_last() else { return Vec::new() };
        let is_private = |name: &str| name.strip_prefix('#') == Some(own);
        let mut named: Vec<SymbolId> =
            ids.filter(|id| self.name_of(*id) == *own || is_private(self.name_of(*id))).collect();
        if named.iter().any(|id| !is_private(self.name_of(*id))) {
            named.retain(|id| !is_private(self.name_of(*id)));
        }
        let named = named.into_iter();
        if around.is_empty() {
            return named.collect();
        }
        let gaps: Vec<(usize, SymbolId)> =
            named.filter_map(|id| Some((self.gaps(id, around)?, id))).collect();
        let fewest = gaps.iter().map(|(gaps, _)| *gaps).min();
        gaps.into_iter().filter(|(gaps, _)| Some(*gaps) == fewest).map(|(_, id)| id).collect()
    }

    /// Returns the node of a file; the end of its path will do where no other file ends so.
    pub fn file_node(&self, path: &str) -> Option<u32> {
        match self.files_at(trimmed(path)).as_slice() {
            [file] => Some(offset(self.symbols.len()) + file),
            _ => None,
        }
    }

    /// Tells why a text means no symbol, and what may be meant.
    pub fn lost(&self, text: &str) -> Lost {
        let text = trimmed(text);
        if let Some((files, rest)) = self.in_files(text) {
            let path = files.first().map(|file| self.label(offset(self.symbols.len()) + file));
            let path = path.unwrap_or_default();
            let of = |id: &SymbolId| self.symbol(*id).is_some_and(|s| files.contains(&s.file));
            let ids = (0..offset(self.symbols.len())).filter(of);
            return match line_of(rest) {
                Some(line) => Lost::EmptyLine { path, line, near: self.next_to(ids, line) },
                None => Lost::NoName { near: self.alike(rest, ids) },
            };
        }
        if let Some(file) = self.files_at(text).first() {
            let ids = self.files.get(*file as usize).map(|file| &file.top);
            let mut ids: Vec<SymbolId> = ids.into_iter().flatten().copied().collect();
            ids.sort_unstable();
            let names = ids.iter().map(|id| self.qualified(*id)).take(MAX_NEAR).collect();
            return Lost::IsFile { path: self.label(offset(self.symbols.len()) + file), names };
        }
        // `a/b.rs`, `a/b.rs:12`, `b.rs:12`: no name has a slash, or a number behind a colon.
        let path = text.split_once(':').map_or(text, |(path, _)| path);
        let is_place = text
            .split_once(':')
            .is_some_and(|(path, rest)| path.contains('.') && line_of(rest).is_some());
        if path.contains('/') || is_place {
            return Lost::NoFile { near: self.files_like(path) };
        }
        Lost::NoName { near: self.alike(text, 0..offset(self.symbols.len())) }
    }

    /// Splits `PATH:WHAT` where `PATH` is a file's, or its end.
    fn in_files<'a>(&self, text: &'a str) -> Option<(Vec<u32>, &'a str)> {
        text.match_indices(':').find_map(|(at, _)| {
            let files = self.files_at(text.get(..at)?);
            Some((files, text.get(at + 1..)?)).filter(|(files, _)| !files.is_empty())
        })
    }

    /// Returns the file of a path, or those whose paths end with it.
    fn files_at(&self, path: &str) -> Vec<u32> {
        let path = path.strip_prefix("./").unwrap_or(path);
        if let Some(file) = self.by_path.get(path) {
            return vec![*file];
        }
        if !path.contains(['.', '/']) {
            return Vec::new();
        }
        let end = format!("/{path}");
        let ends = self.files.iter().zip(0..).filter(|(file, _)| file.path.ends_with(&end));
        ends.map(|(_, number)| number).collect()
    }

    fn in_file(&self, file: u32, what: &str) -> Vec<SymbolId> {
        let Some(of) = self.files.get(file as usize) else { return Vec::new() };
        let all = of.first..of.end;
        let Some(line) = line_of(what) else {
            let found = self.nearest_called(&parts(what), all.clone());
            if found.is_empty() {
                return all.filter(|id| self.name_of(*id) == what).collect();
            }
            return found;
        };
        // The innermost one around the line.
        let around: Vec<SymbolId> = all
            .filter(|id| {
                self.symbol(*id).is_some_and(|s| s.start_line <= line && line <= s.end_line)
            })
            .collect();
        let size = |id: &SymbolId| self.symbol(*id).map_or(0, |s| s.end_line - s.start_line);
        around.into_iter().min_by_key(|id| (size(id), std::cmp::Reverse(*id))).into_iter().collect()
    }

    /// Counts the types, files and folders that a qualified name leaves out between what it names around a symbol; `None`
    /// where that is not around it, or not in this order.
    fn gaps(&self, id: SymbolId, around: &[&str]) -> Option<usize> {
        let symbol = self.symbol(id)?;
        let path = self.path_of(symbol);
        let folders = path.rsplit_once('.').map_or(path, |(stem, _)| stem).split('/');
        let full = self.qualified(id);
        let full = full.split(['.', ':']).filter(|part| !part.is_empty());
        let full: Vec<&str> = folders.chain(full).collect();
        let (_, mut rest) = full.split_last()?;
        let mut gaps = 0;
        for part in around.iter().rev() {
            let at = rest.iter().rposition(|other| other == part)?;
            gaps += rest.len() - at - 1;
            rest = rest.get(..at)?;
        }
        Some(gaps)
    }

    /// Returns what is defined next to a line.
    fn next_to(&self, ids: impl Iterator<Item = SymbolId>, line: u32) -> Vec<String> {
        let mut near: Vec<(u32, u32, SymbolId)> = ids
            .filter_map(|id| {
                let symbol = self.symbol(id)?;
                Some((symbol.start_line.abs_diff(line), symbol.start_line, id))
            })
            .collect();
        near.sort_unstable();
        let told =
            |(_, line, id): &(u32, u32, SymbolId)| format!("{} (line {line})", self.qualified(*id));
        near.iter().map(told).take(MAX_NEAR).collect()
    }

    /// Returns names that a text may mean, among those of some symbols: in another case, nearly so, or as a part. Qualified
    /// where the text is.
    fn alike(&self, text: &str, ids: impl Iterator<Item = SymbolId>) -> Vec<String> {
        let parts = parts(text);
        let Some((own, around)) = parts.split_last().filter(|(own, _)| !own.is_empty()) else {
            return Vec::new();
        };
        let plain = |name: &str| name.replace('_', "").to_lowercase();
        let wanted = plain(own);
        let mut known: Vec<(String, SymbolId)> = ids
            .filter_map(|id| Some((plain(&self.symbol(id)?.name), id)))
            .filter(|(name, _)| !name.is_empty())
            .collect();
        known.sort_unstable();
        let near = nearest(&wanted, known.iter().map(|(name, _)| name.as_str()), MAX_NEAR);
        let is_part = |name: &str| wanted.len() >= MIN_PART && name.contains(&wanted);
        let rank = |name: &str| {
            let near = near.iter().position(|other| *other == name);
            near.or_else(|| is_part(name).then_some(MAX_NEAR + name.len()))
        };
        let mut ranked: Vec<(bool, usize, String)> = known
            .iter()
            .filter_map(|(name, id)| {
                let rank = rank(name)?;
                let full = self.qualified(*id);
                let class = around.last().copied().unwrap_or_default();
                let is_within = full.split('.').rev().skip(1).any(|part| part == class);
                let told =
                    if around.is_empty() { self.symbol(*id)?.name.to_string() } else { full };
                Some((!is_within, rank, told))
            })
            .collect();
        ranked.sort_unstable();
        ranked.dedup_by(|a, b| a.2 == b.2);
        ranked.into_iter().take(MAX_NEAR).map(|(_, _, told)| told).collect()
    }

    /// Returns files with nearly the name of a path.
    fn files_like(&self, path: &str) -> Vec<String> {
        let name = |path: &str| file_name(path).to_lowercase();
        let wanted = name(path);
        let known: Vec<String> = self.files.iter().map(|file| name(&file.path)).collect();
        let near = nearest(&wanted, known.iter().map(String::as_str), MAX_NEAR);
        let of = |near: &&str| {
            let files = self.files.iter().zip(&known).filter(move |(_, name)| name == near);
            files.map(|(file, _)| file.path.to_string()).collect::<Vec<String>>()
        };
        near.iter().flat_map(of).take(MAX_NEAR).collect()
    }
}

/// Returns a text without what people write around a name.
fn trimmed(text: &str) -> &str {
    text.trim().trim_end_matches("()")
}

/// Splits a qualified name of any language: `a::B#c`, `a.B.c`, `A\B`.
fn parts(text: &str) -> Vec<&str> {
    // A private member of JavaScript has its mark in its name: `a.#b`.
    let joins = |at: usize| text.get(..at).is_some_and(|head| head.ends_with(is_part));
    let marks = text.match_indices(['.', '#', ':', '\\']);
    let mut parts = Vec::new();
    let mut from = 0;
    for (at, mark) in marks.filter(|(at, mark)| *mark != "#" || joins(*at)) {
        parts.push(text.get(from..at).unwrap_or(""));
        from = at + mark.len();
    }
    parts.push(text.get(from..).unwrap_or(""));
    parts.retain(|part| !part.is_empty());
    let is_own = |part: &&&str| matches!(**part, "crate" | "self" | "super" | "this");
    let own = parts.iter().take(parts.len().saturating_sub(1)).take_while(is_own).count();
    parts.get(own..).unwrap_or_default().to_vec()
}

fn is_part(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

/// Reads `LINE` or `LINE:COLUMN`.
fn line_of(text: &str) -> Option<u32> {
    text.split(':').next()?.parse().ok()
}
