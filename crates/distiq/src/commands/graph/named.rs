//! What a SYMBOL on the command line means, and what to say where it means nothing, or several things.

use std::collections::HashSet;
use std::path::{Component, Path, PathBuf};

use distiq_base::ErrorKind;
use distiq_base::paths::one_line;
use distiq_index::graph::{Graph, Lost, SymbolId};

use crate::failure::Failure;
use crate::terminal;
use crate::world::World;

/// How many of several meanings are told.
const MEANINGS: usize = 5;
/// How to name a symbol.
const FORMS: &str = "`NAME`, `Class.name`, `PATH:NAME` or `PATH:LINE`";

/// Returns what was typed with its path as the index has it: relative to the root, wherever the command was started.
pub fn of_root(world: &World, text: &str) -> String {
    let text = text.trim();
    // A path is meant from the folder of the command first.
    let (path, behind) = text.split_at(text.find(':').unwrap_or(text.len()));
    let whole = folded(&world.cwd.join(path));
    match whole.strip_prefix(&world.root) {
        Ok(inside) if inside != Path::new("") && (path.starts_with('/') || whole.is_file()) => {
            format!("{}{behind}", inside.display())
        }
        _ => text.to_owned(),
    }
}

/// Returns a path without `.` and `..`, as it is written.
fn folded(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut folded, part| {
        match part {
            Component::ParentDir => {
                folded.pop();
            }
            Component::CurDir => {}
            part => folded.push(part),
        }
        folded
    })
}

/// Returns the symbols that a text means.
pub fn symbols(graph: &Graph, text: &str) -> Result<Vec<SymbolId>, Failure> {
    let found = graph.find(text);
    if found.is_empty() { Err(nothing(text, graph.lost(text))) } else { Ok(found) }
}

/// Returns the symbols that a text means, a definition and its declarations as one.
pub fn defined(graph: &Graph, text: &str) -> Result<Vec<SymbolId>, Failure> {
    let mut ids: Vec<SymbolId> =
        symbols(graph, text)?.into_iter().map(|id| graph.defined(id)).collect();
    let mut seen = HashSet::new();
    ids.retain(|id| seen.insert(*id));
    Ok(ids)
}

/// Returns the symbols that a text means, or the file.
pub fn nodes(graph: &Graph, text: &str) -> Result<Vec<u32>, Failure> {
    if let Some(file) = graph.file_node(text) {
        return Ok(vec![file]);
    }
    if !graph.find(text).is_empty() {
        return defined(graph, text);
    }
    // Why nothing was found takes a look at all names.
    match graph.lost(text) {
        Lost::IsFile { .. } => Err(no_file(graph, text)),
        lost => Err(nothing(text, lost)),
    }
}

/// Says which symbols a text means, where it means several.
pub fn tell_several(graph: &Graph, text: &str, ids: &[SymbolId]) {
    if ids.len() < 2 {
        return;
    }
    let more = if ids.len() > MEANINGS { ", …" } else { "" };
    let labels: Vec<String> =
        ids.iter().take(MEANINGS).map(|id| format!("`{}`", one_line(&graph.label(*id)))).collect();
    terminal::say(&format!(
        "note: `{text}` means {} symbols, answered as one: {}{more}",
        ids.len(),
        labels.join(", ")
    ));
}

/// Says why nothing calls a symbol or is called by it, where calls are not what to ask about.
pub fn tell_no_calls(graph: &Graph, ids: &[SymbolId]) {
    let kind = ids.first().and_then(|id| graph.symbol(*id)).map(|symbol| symbol.kind.as_str());
    let is_function = |kind: &str| ["function", "method", "constructor", "macro"].contains(&kind);
    match kind.filter(|kind| !is_function(kind)) {
        Some(kind) => terminal::say(&format!(
            "nothing found: it is a {kind}; `references`, `dependencies` and `impact` tell of it"
        )),
        None => terminal::say("nothing found"),
    }
}

fn nothing(text: &str, lost: Lost) -> Failure {
    let text = text.trim();
    let (message, hint) = match lost {
        Lost::IsFile { path, names } => (
            format!("`{path}` is a file, not a symbol"),
            match names.is_empty() {
                true => "`dependencies`, `impact` and `path` take files".to_owned(),
                false => format!("Name what is in it: {}", listed(&path, &names)),
            },
        ),
        Lost::NoFile { near } => return unknown_file(text, &near),
        Lost::EmptyLine { path, line, near } => (
            format!("Nothing is defined on line {line} of `{path}`"),
            match near.is_empty() {
                true => "The file defines nothing".to_owned(),
                false => format!("Next to it: {}", near.join(", ")),
            },
        ),
        Lost::NoName { near } => {
            (format!("No symbol `{text}`"), or(&near, &format!("Name it as {FORMS}")))
        }
    };
    Failure::new(ErrorKind::User, message).with_hint(hint)
}

/// Returns the failure of a path that means no file, or several.
pub fn no_file(graph: &Graph, path: &str) -> Failure {
    match graph.lost(&format!("{path}:1")) {
        Lost::NoFile { near } => unknown_file(path, &near),
        _ => Failure::new(ErrorKind::User, format!("Several files end with `{path}`"))
            .with_hint("Give the path from the project's root"),
    }
}

fn unknown_file(path: &str, near: &[String]) -> Failure {
    Failure::new(ErrorKind::User, format!("No file of the index is meant by `{path}`"))
        .with_hint(or(near, "`distiq index-stats` tells what was not read"))
}

fn listed(path: &str, names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{path}:{name}`")).collect();
    names.join(", ")
}

fn or(near: &[String], otherwise: &str) -> String {
    match near {
        [] => otherwise.to_owned(),
        [one] => format!("Did you mean `{one}`?"),
        all => format!("Did you mean one of `{}`?", all.join("`, `")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_folded_as_they_are_written() {
        for (path, expected) in [
            ("/x/pr/sub/../app/v.py", "/x/pr/app/v.py"),
            ("/x/./v.py", "/x/v.py"),
            ("/../v.py", "/v.py"),
        ] {
            assert_eq!(folded(Path::new(path)), Path::new(expected));
        }
    }
}
