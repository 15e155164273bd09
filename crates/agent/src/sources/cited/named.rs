//! Where an answer names lines of files: `[a.md:4-5, b.md:8]`, `(a.md:4)`, `a.md:4,7`, `a.pdf:4 (page 2)`, `a.md#L4`.

use std::path::Path;

use distiq_base::paths::one_line;
use distiq_index::is_document;
use distiq_lang::language_of;

use super::Passage;

/// Longest ending of a file's name.
const MAX_ENDING: usize = 10;
/// Endings of files that are no code.
const TEXTS: [&str; 22] = [
    "adoc", "cfg", "conf", "css", "csv", "env", "html", "ini", "json", "lock", "log", "markdown",
    "md", "mdx", "proto", "rst", "sql", "toml", "txt", "xml", "yaml", "yml",
];

/// Lines of a file that an answer names.
#[derive(Debug)]
pub(super) struct Named<'a> {
    /// As it stands there.
    pub path: &'a str,
    /// The source that it means, as sources call it; `None` where it means none.
    pub source: Option<&'a str>,
    /// 1-based first and last lines.
    pub lines: Vec<(u32, u32)>,
    /// The page that is told with them.
    pub page: Option<u32>,
    /// Where it begins in the answer.
    pub start: usize,
    /// Where it ends there.
    pub end: usize,
    /// Whether it stands in square brackets, as it was asked for.
    pub is_bracketed: bool,
}

/// What the files that were shown are called.
#[derive(Debug)]
pub(super) struct Sources {
    paths: Vec<String>,
    /// With `/` behind it.
    root: String,
}

impl Sources {
    pub fn new(passages: &[Passage], root: &str) -> Self {
        let mut paths: Vec<_> = passages.iter().map(|it| one_line(&it.path).into_owned()).collect();
        paths.sort_unstable();
        paths.dedup();
        Self { paths, root: format!("{}/", root.trim_end_matches('/')) }
    }

    /// Returns the source that a path means: itself, or the only one that ends so.
    fn meant(&self, path: &str) -> Option<&str> {
        let path = path.strip_prefix(&self.root).unwrap_or(path);
        let path = path.trim_start_matches("./");
        let is_tail = |known: &&String| {
            let before = known.strip_suffix(path);
            before.is_some_and(|before| before.is_empty() || before.ends_with('/'))
        };
        let mut tails = self.paths.iter().filter(is_tail);
        let found = self.paths.iter().find(|known| *known == path).or(tails.next())?;
        let is_only = found == path || tails.next().is_none();
        (is_only && !path.is_empty()).then_some(found)
    }

    /// Returns how many bytes of a text's end are the path of a source; paths may have any letters.
    fn length_at_end(&self, text: &str) -> usize {
        let ends = self.paths.iter().filter(|path| text.ends_with(path.as_str()));
        ends.map(String::len).max().unwrap_or(0)
    }
}

/// Returns the places that a text names, in their order.
pub(super) fn named<'a>(text: &'a str, sources: &'a Sources) -> Vec<Named<'a>> {
    let mut all: Vec<Named<'a>> = Vec::new();
    for (at, mark) in text.match_indices([':', '#']) {
        let last = all.last();
        let done = last.map_or(0, |last| last.end);
        let behind = text.get(at + 1..).unwrap_or_default();
        if at < done || mark == "#" && !behind.starts_with('L') {
            continue;
        }
        let before = text.get(done..at).unwrap_or_default();
        let Some(start) = path_start(before, sources) else { continue };
        let path = before.get(start..).unwrap_or_default().trim_end_matches('`');
        let start = done + start;
        let is_bracketed = is_bracketed(text, start, last);
        let Some((lines, length)) = lines(behind, is_bracketed) else { continue };
        let source = sources.meant(path);
        if source.is_none() && !is_file(path, is_bracketed) {
            continue;
        }
        let rest = text.get(at + 1 + length..).unwrap_or_default();
        let page = page(rest);
        let end = at + 1 + length + page.map_or(0, |(_, length)| length);
        let page = page.map(|(page, _)| page);
        all.push(Named { path, source, lines, page, start, end, is_bracketed });
    }
    all
}

/// Returns where the path begins that a text ends with; `None` where what stands there is part of something else.
fn path_start(text: &str, sources: &Sources) -> Option<usize> {
    let path = text.strip_suffix('`').unwrap_or(text);
    let mut start = path.len() - sources.length_at_end(path);
    loop {
        let before = path.get(..start)?;
        let is_part = |c: char| c.is_alphanumeric() || "_-./@+~$%".contains(c);
        start = before.trim_end_matches(is_part).len();
        // Folders of web frameworks: `app/[id]/page.tsx`, `app/(shop)/page.tsx`.
        let open = match path.get(..start)?.chars().next_back() {
            Some(']') => "/[",
            Some(')') => "/(",
            Some(':' | '\\') => return None,
            _ => break,
        };
        let is_folder = path.get(start..)?.starts_with('/');
        let inside = path.get(..start - 1)?;
        match inside.rfind(open).filter(|_| is_folder) {
            Some(at) if !inside.get(at..)?.contains(char::is_whitespace) => start = at,
            _ => break,
        }
    }
    (start < path.len()).then_some(start)
}

/// Tells whether a place stands first in square brackets, or behind another that does. Those right behind a name are an index.
fn is_bracketed(text: &str, start: usize, last: Option<&Named<'_>>) -> bool {
    let before = text.get(..start).unwrap_or_default();
    let before = before.trim_end_matches([' ', '`', '"', '*']);
    let line = text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    let is_next = |last: &Named<'_>| {
        let between = text.get(last.end..start).unwrap_or_default();
        last.is_bracketed && between.trim_matches([' ', '`']).trim_matches([',', ';']).is_empty()
    };
    let is_first = before.strip_suffix('[').is_some_and(|before| {
        !before.ends_with(|c: char| c.is_alphanumeric() || "_)]".contains(c))
    });
    line.contains(']') && (is_first || last.is_some_and(is_next))
}

/// Tells whether a path that is no source's may be that of a file.
fn is_file(path: &str, is_bracketed: bool) -> bool {
    if is_bracketed {
        return path.contains(char::is_alphabetic);
    }
    let name = path.rsplit('/').next().unwrap_or(path);
    let Some((stem, ending)) = name.rsplit_once('.') else { return false };
    let is_ending = (1..=MAX_ENDING).contains(&ending.len())
        && ending.chars().all(|c| c.is_ascii_alphanumeric())
        && ending.chars().any(|c| c.is_ascii_alphabetic());
    // Without a folder it may as well be a host or a member.
    let is_known = || {
        let ending = ending.to_ascii_lowercase();
        path.contains('/')
            || TEXTS.contains(&ending.as_str())
            || is_document(name)
            || language_of(Path::new(name)).is_some()
    };
    is_ending && !stem.is_empty() && is_known()
}

/// Reads `12`, `12-15`, `12,15-17`, `L12-L15` or `12:5`, and how long that is; `None` where more than that stands there.
fn lines(text: &str, is_bracketed: bool) -> Option<(Vec<(u32, u32)>, usize)> {
    let (first, mut length) = range(text, is_bracketed)?;
    let mut all = vec![first];
    let rest = text.get(length..).unwrap_or_default();
    // The column.
    if let Some((_, column)) = rest.strip_prefix(':').and_then(number) {
        length += 1 + column;
    }
    let is_end = |rest: &str| {
        let mut letters = rest.chars();
        let next = letters.next();
        let is_fraction = next == Some('.') && letters.next().is_some_and(|c| c.is_ascii_digit());
        !is_fraction && next.is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '_' | '/'))
    };
    if !is_end(text.get(length..)?) {
        return None;
    }
    loop {
        let rest = text.get(length..).unwrap_or_default();
        let mut behind = rest.strip_prefix([',', ';']).unwrap_or_default();
        if is_bracketed {
            behind = behind.trim_start_matches(' ');
        }
        let skipped = rest.len() - behind.len();
        let Some((next, count)) = range(behind, is_bracketed) else { break };
        let end = behind.get(count..).unwrap_or_default();
        let is_next = end.is_empty() || end.starts_with(|c: char| " ,;])`\n".contains(c));
        if !is_next && (is_bracketed || !is_end(end)) {
            break;
        }
        all.push(next);
        length += skipped + count;
    }
    Some((all, length))
}

/// Reads `12` or `12-15`, and how long that is.
fn range(text: &str, is_bracketed: bool) -> Option<((u32, u32), usize)> {
    let line = |text: &str| {
        let digits = text.strip_prefix('L').unwrap_or(text);
        number(digits).map(|(line, length)| (line, length + text.len() - digits.len()))
    };
    let (start, length) = line(text)?;
    let rest = text.get(length..).unwrap_or_default();
    let spaced = |text: &'_ str| -> usize {
        if is_bracketed { text.len() - text.trim_start_matches(' ').len() } else { 0 }
    };
    let dash = rest.get(spaced(rest)..).unwrap_or_default();
    let behind = dash.strip_prefix(['-', '–', '—']).unwrap_or_default();
    let behind = behind.get(spaced(behind)..).unwrap_or_default();
    match line(behind) {
        Some((end, count)) => Some(((start, end), text.len() - behind.len() + count)),
        None => Some(((start, start), length)),
    }
}

/// Reads the number that a text begins with, and how long it is; one that is too large is the largest.
fn number(text: &str) -> Option<(u32, usize)> {
    let length = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let digits = text.get(..length).filter(|digits| !digits.is_empty())?;
    Some((digits.parse().unwrap_or(u32::MAX), length))
}

/// Reads ` (page 2)` or ` (pages 2-3)`: the first page, and how long that is.
fn page(text: &str) -> Option<(u32, usize)> {
    let inside = text.trim_start_matches('`').strip_prefix(" (page")?;
    let inside = inside.strip_prefix('s').unwrap_or(inside).strip_prefix(' ')?;
    let (page, length) = number(inside)?;
    let behind =
        inside.get(length..)?.trim_start_matches(|c: char| "-–".contains(c) || c.is_ascii_digit());
    let behind = behind.strip_prefix(')')?;
    Some((page, text.len() - behind.len()))
}
