//! The `find` tool: lists folders and finds files by name, as ignore files allow.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use distiq_base::ToolDef;
use globset::{GlobBuilder, GlobMatcher};
use ignore::WalkBuilder;
use serde_json::{Value, json};

use crate::bench::Bench;
use crate::fields::Fields;
use crate::measure::{RESULT_TOKENS, tokens};
use crate::outcome::{Outcome, Refusal, RefusalKind};
use crate::page::{Page, parameter};
use crate::place::{Place, show};

/// Longest time a walk takes.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// Most files that a walk looks at.
const MOST_FILES: usize = 500_000;

pub(crate) fn definition() -> ToolDef {
    crate::toolbox::define(
        "find",
        "List a folder, or files matching a glob.",
        json!({"pattern": {"type": "string"}, "path": {"type": "string"}}),
        &[],
    )
}

/// What a call asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Input {
    pattern: Option<String>,
    pub(crate) path: String,
}

pub(crate) fn parse(input: &Value) -> Result<Input, Refusal> {
    let mut fields = Fields::new("find", input)?;
    let pattern = fields.text(("pattern", &["glob", "name", "query"]))?;
    let path = fields.text(("path", &["dir", "directory", "folder", "cwd"]))?;
    fields.finish()?;
    Ok(Input {
        pattern: pattern.filter(|pattern| !pattern.is_empty()),
        path: path.filter(|path| !path.is_empty()).unwrap_or_else(|| ".".to_owned()),
    })
}

pub(crate) fn run(bench: &Bench, input: &Input) -> Result<Outcome, Refusal> {
    let place = bench.grounds.readable(&input.path)?;
    let metadata =
        std::fs::metadata(&place.path).map_err(|error| Refusal::io(&place.shown, &error))?;
    let Some(pattern) = &input.pattern else {
        if metadata.is_file() {
            let text = format!("{} ({} bytes)", place.shown, metadata.len());
            return Ok(Outcome::done(text).with_data(json!({"files": [place.shown]})));
        }
        return list(bench, &place, RESULT_TOKENS);
    };
    if !metadata.is_dir() {
        return Err(Refusal::invalid(format!("{}: not a folder", place.shown)));
    }
    let (matcher, hidden) = compile(pattern)?;
    let walked = walk(&place.path, hidden);
    let found: Vec<String> = walked
        .files
        .iter()
        .filter(|file| matcher.is_match(file.as_str()))
        .map(|file| join(&place.shown, file))
        .collect();
    if found.is_empty() {
        return Ok(Outcome::done(nothing(pattern, &place, &walked)).with_data(json!({"files": []})));
    }
    let mut text = String::new();
    let mut left = RESULT_TOKENS;
    let mut told = 0;
    for file in &found {
        let line = format!("{}\n", show(file));
        let Some(rest) = left.checked_sub(tokens(&line)) else { break };
        left = rest;
        text.push_str(&line);
        told += 1;
    }
    if told < found.len() {
        text.push_str(&format!("[{} more; narrow the pattern]", found.len() - told));
    }
    text.push_str(walked.note());
    text.truncate(text.trim_end().len());
    Ok(Outcome::done(text).with_data(json!({ "files": found })))
}

/// Reads a glob; a pattern without `/` matches file names anywhere.
fn compile(pattern: &str) -> Result<(GlobMatcher, Hidden), Refusal> {
    let plain = pattern.trim_start_matches("./");
    let anywhere = if plain.contains('/') { plain.to_owned() } else { format!("**/{plain}") };
    let glob = GlobBuilder::new(&anywhere)
        .literal_separator(true)
        .backslash_escape(true)
        .build()
        .map_err(|error| Refusal::invalid(format!("find: `pattern`: {}", error.kind())))?;
    let names_hidden = plain.split('/').any(|part| part.starts_with('.') && part != "..");
    let hidden = if names_hidden { Hidden::Shown } else { Hidden::Left };
    Ok((glob.compile_matcher(), hidden))
}

/// Whether files whose names begin with a dot are seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hidden {
    /// They are.
    Shown,
    /// They are not.
    Left,
}

/// Returns a walk that honours ignore files, inside git or not, and never enters `.git`.
pub(crate) fn walker(folder: &Path, hidden: Hidden) -> WalkBuilder {
    let mut walk = WalkBuilder::new(folder);
    walk.hidden(hidden == Hidden::Left)
        .require_git(false)
        .follow_links(false)
        .filter_entry(|entry| !crate::place::is_git_folder(entry.file_name()));
    walk
}

/// The files below a folder.
pub(crate) struct Walked {
    /// Relative to the folder, sorted.
    pub(crate) files: Vec<String>,
    whole: bool,
}

impl Walked {
    fn note(&self) -> &'static str {
        if self.whole { "" } else { "\n[stopped early: too many files; give a `path`]" }
    }
}

fn walk(folder: &Path, hidden: Hidden) -> Walked {
    let deadline = Instant::now() + DEADLINE;
    let mut walked = Walked { files: Vec::new(), whole: true };
    for entry in walker(folder, hidden).build().flatten() {
        if walked.files.len() >= MOST_FILES || Instant::now() > deadline {
            walked.whole = false;
            break;
        }
        // Links and devices are listed too: they are names one may look for.
        if entry.file_type().is_some_and(|kind| !kind.is_dir())
            && let Ok(inside) = entry.path().strip_prefix(folder)
        {
            walked.files.push(inside.to_string_lossy().into_owned());
        }
    }
    walked.files.sort_unstable();
    walked
}

fn join(folder: &str, file: &str) -> String {
    if folder == "." { file.to_owned() } else { format!("{folder}/{file}") }
}

fn nothing(pattern: &str, place: &Place, walked: &Walked) -> String {
    let wanted: String = pattern.chars().filter(|c| c.is_alphanumeric()).collect();
    let wanted = wanted.to_lowercase();
    let near: Vec<String> = walked
        .files
        .iter()
        .filter(|file| {
            let plain: String = file.chars().filter(|c| c.is_alphanumeric()).collect();
            wanted.len() >= 3 && plain.to_lowercase().contains(&wanted)
        })
        .take(5)
        .map(|file| show(&join(&place.shown, file)))
        .collect();
    let near =
        if near.is_empty() { String::new() } else { format!("; similar: {}", near.join(", ")) };
    format!(
        "no match among {} files in {}{near} (ignored files and, unless named, hidden ones are left out){}",
        walked.files.len(),
        place.shown,
        walked.note()
    )
}

/// Lists a folder: all files where they are few, else one level with counts.
pub(crate) fn list(bench: &Bench, place: &Place, budget: usize) -> Result<Outcome, Refusal> {
    std::fs::read_dir(&place.path).map_err(|error| Refusal::io(&place.shown, &error))?;
    let inside_hidden = place.shown.split('/').any(|part| part.len() > 1 && part.starts_with('.'));
    let hidden = if inside_hidden { Hidden::Shown } else { Hidden::Left };
    let walked = walk(&place.path, hidden);
    if walked.files.is_empty() {
        let text = format!("{}: no files (ignored and hidden ones are left out)", place.shown);
        return Ok(Outcome::done(text).with_data(json!({"files": []})));
    }
    let all = by_folder(&walked.files);
    let text = if tokens(&all) <= budget { all } else { one_level(&walked.files, budget) };
    let data = json!({"path": bench.grounds.shown(&place.path), "files": walked.files.len()});
    Ok(Outcome::done(text.trim_end().to_owned() + walked.note()).with_data(data))
}

/// One line per folder: its name, and the files right in it.
fn by_folder(files: &[String]) -> String {
    let mut folders: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for file in files {
        let (folder, name) = file.rsplit_once('/').unwrap_or(("", file));
        folders.entry(folder).or_default().push(name);
    }
    let mut text = String::new();
    for (folder, names) in folders {
        if !folder.is_empty() {
            text.push_str(&format!("{}/: ", show(folder)));
        }
        let names: Vec<String> = names.iter().map(|name| show(name)).collect();
        text.push_str(&names.join(" "));
        text.push('\n');
    }
    text
}

/// The entries of the folder itself, folders with the number of files below them.
fn one_level(files: &[String], budget: usize) -> String {
    let mut entries: BTreeMap<&str, usize> = BTreeMap::new();
    for file in files {
        match file.split_once('/') {
            Some((folder, _)) => *entries.entry(folder).or_default() += 1,
            None => {
                entries.insert(file, 0);
            }
        }
    }
    let mut text = String::new();
    let mut left = budget;
    for (index, (name, count)) in entries.iter().enumerate() {
        let line = match count {
            0 => format!("{}\n", show(name)),
            count => format!("{}/ ({count} files)\n", show(name)),
        };
        let Some(rest) = left.checked_sub(tokens(&line)) else {
            text.push_str(&format!("[{} more]", entries.len() - index));
            break;
        };
        left = rest;
        text.push_str(&line);
    }
    text
}

/// Returns files elsewhere in the project with the same name.
pub(crate) fn same_name(bench: &Bench, path: &Path) -> Vec<String> {
    let Some(name) = path.file_name().map(|name| name.to_string_lossy().into_owned()) else {
        return Vec::new();
    };
    let walked = walk(&bench.grounds.root, Hidden::Left);
    let same =
        |file: &&String| file.rsplit('/').next().is_some_and(|n| n.eq_ignore_ascii_case(&name));
    walked.files.iter().filter(same).take(3).map(|file| show(file)).collect()
}

/// Says that a folder to look into is missing.
pub(crate) fn must_exist(place: &Place) -> Result<(), Refusal> {
    match place.path.try_exists() {
        Ok(true) => Ok(()),
        Ok(false) => {
            Err(Refusal::new(RefusalKind::NotFound, format!("{}: no such file", place.shown)))
        }
        Err(error) => Err(Refusal::io(&place.shown, &error)),
    }
}

/// Returns the tool's reference page.
pub(crate) fn page() -> Page {
    Page {
        name: "find",
        about: "Lists a folder, or the files whose names match a glob. Ignore files are honoured.",
        parameters: vec![
            parameter("pattern", "string", "a glob; without `/` it matches names anywhere"),
            parameter("path", "string", "the folder; the root where it is not given"),
        ],
        limits: vec![
            ("Files looked at", MOST_FILES.to_string()),
            ("Time of a walk", format!("{} s", DEADLINE.as_secs())),
            ("A result", format!("about {RESULT_TOKENS} tokens")),
        ],
        notes: &[
            "Hidden files are seen where the pattern itself begins a part with a dot; `.git` never is.",
        ],
    }
}
