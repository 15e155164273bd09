//! The `edit` tool: replaces unique texts and applies patches, all or nothing.

mod align;
mod block;
mod closest;
mod distance;
pub(crate) mod encoding;
pub mod engine;
mod exact;
mod fold;
mod frame;
mod fuzzy;
pub mod hunk;
mod indents;
mod inline;
mod lines;
mod merge;
mod page;
mod partial;
pub mod patch;
mod placeholder;
mod places;
mod typo;

use std::path::PathBuf;

pub(crate) use self::placeholder::find as placeholder_in;

use distiq_base::ToolDef;
use serde_json::{Value, json};

use self::engine::{Edit, Edited, Failure, Tolerance, Why};
use self::patch::FileChange;
use crate::bench::Bench;
use crate::fields::{Fields, Names};
use crate::files::{self, Change};
use crate::outcome::{Outcome, Refusal, RefusalKind};
use crate::page::{Page, bytes, parameter};
use crate::place::Place;
use crate::session::{Known, News, digest};
use crate::stale;

/// Most edits of one call.
const MOST_EDITS: usize = 500;

const SEARCH: Names = ("search", &["old_string", "oldText", "old_text", "old_str", "find"]);
const REPLACE: Names = ("replace", &["new_string", "newText", "new_text", "new_str"]);
pub(crate) const PATH: Names =
    ("path", &["file_path", "filePath", "file", "filename", "target_file"]);

pub(crate) fn definition() -> ToolDef {
    let text = json!({"type": "string"});
    crate::toolbox::define(
        "edit",
        "Replace text that occurs once; or apply a patch (apply-patch or unified diff). All edits of a call \
         apply or none.",
        json!({
            "path": text,
            "search": text,
            "replace": text,
            "edits": {"type": "array", "items": {
                "type": "object",
                "properties": {"path": text, "search": text, "replace": text},
                "required": ["search", "replace"]
            }},
            "patch": text,
        }),
        &[],
    )
}

/// What a call asks, file by file, in the order of their first mention.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Input {
    pub(crate) changes: Vec<FileEdits>,
    from_patch: bool,
}

/// What is to happen to one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileEdits {
    pub(crate) path: String,
    pub(crate) kind: Kind,
}

/// The kinds of change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Edits of its text, each with its number in the call (from 1), and perhaps a new place.
    Edit { edits: Vec<(usize, Edit)>, to: Option<String> },
    /// A new file.
    Add(String),
    /// The file goes.
    Delete,
}

pub(crate) fn parse(input: &Value) -> Result<Input, Refusal> {
    let mut fields = Fields::new("edit", input)?;
    let path = fields.text(PATH)?;
    let search = fields.text(SEARCH)?;
    let replace = fields.text(REPLACE)?;
    let edits = fields.objects(("edits", &[]))?;
    let patch = fields.text(("patch", &["diff"]))?;
    fields.finish()?;
    if let Some(patch) = patch {
        if search.is_some() || replace.is_some() || edits.is_some() {
            return Err(Refusal::invalid("edit: give `patch` or `search` and `replace`, not both"));
        }
        return from_patch(&patch);
    }
    let mut input = Input { changes: Vec::new(), from_patch: false };
    let mut number = 0;
    let mut push = |path: Option<String>, search: Option<String>, replace: Option<String>| {
        number += 1;
        let need = |value: Option<String>, name: &str| {
            value.ok_or_else(|| {
                Refusal::invalid(format!("edit: `{name}` is missing in edit {number}"))
            })
        };
        let path = need(path, "path")?;
        let edit =
            Edit::Replace { search: need(search, "search")?, replace: need(replace, "replace")? };
        add(&mut input, path, number, edit);
        Ok(())
    };
    if search.is_some() || replace.is_some() {
        push(path.clone(), search, replace)?;
    }
    let edits = edits.unwrap_or_default();
    if edits.len() > MOST_EDITS {
        return Err(Refusal::invalid(format!("edit: at most {MOST_EDITS} edits in one call")));
    }
    for edit in edits {
        let mut fields = Fields::new("edit", &edit)?;
        let own = fields.text(PATH)?.or_else(|| path.clone());
        let (search, replace) = (fields.text(SEARCH)?, fields.text(REPLACE)?);
        fields.finish()?;
        push(own, search, replace)?;
    }
    if input.changes.is_empty() {
        return Err(Refusal::invalid(
            "edit: give `path`, `search` and `replace`, or `edits`, or `patch`",
        ));
    }
    Ok(input)
}

/// Adds an edit to its file's others.
fn add(input: &mut Input, path: String, number: usize, edit: Edit) {
    for change in &mut input.changes {
        if let (true, Kind::Edit { edits, .. }) = (change.path == path, &mut change.kind) {
            edits.push((number, edit));
            return;
        }
    }
    let kind = Kind::Edit { edits: vec![(number, edit)], to: None };
    input.changes.push(FileEdits { path, kind });
}

fn from_patch(patch: &str) -> Result<Input, Refusal> {
    let changes =
        patch::parse(patch).map_err(|error| Refusal::invalid(format!("edit: {error}")))?;
    let mut number = 0;
    let mut input = Input { changes: Vec::new(), from_patch: true };
    for change in changes {
        let (path, kind) = match change {
            FileChange::Add { path, content } => (path, Kind::Add(content)),
            FileChange::Delete { path } => (path, Kind::Delete),
            FileChange::Update { path, to, hunks } => {
                let edits = hunks.into_iter().map(|hunk| {
                    number += 1;
                    (number, Edit::Hunk(hunk))
                });
                (path, Kind::Edit { edits: edits.collect(), to })
            }
        };
        input.changes.push(FileEdits { path, kind });
    }
    Ok(input)
}

/// A change that is worked out and not yet made.
struct Planned {
    change: Change,
    edited: Edited,
    verb: &'static str,
}

pub(crate) fn run(bench: &Bench, input: &Input) -> Result<Outcome, Refusal> {
    let _turn = bench.writing();
    let total: usize = input
        .changes
        .iter()
        .map(|change| match &change.kind {
            Kind::Edit { edits, .. } => edits.len(),
            _ => 1,
        })
        .sum();
    let mut planned: Vec<Planned> = Vec::new();
    let mut refused: Vec<Refusal> = Vec::new();
    for plans in plan_all(bench, input, total) {
        match plans {
            Ok(plans) => planned.extend(plans),
            Err(refusal) => refused.push(refusal),
        }
    }
    if let Some(refusal) = merge(refused) {
        return Err(refusal);
    }
    no_file_twice(&planned)?;
    let (changes, told): (Vec<_>, Vec<_>) =
        planned.into_iter().map(|p| (p.change, (p.verb, p.edited))).unzip();
    files::write_all(bench, &changes)?;
    remember(bench, &changes);
    Ok(report(&changes, &told))
}

type Plans = Result<Vec<Planned>, Refusal>;

/// Works all changes out, in their order; many files on several threads, since parsing takes the most.
fn plan_all(bench: &Bench, input: &Input, total: usize) -> Vec<Plans> {
    /// Fewer files are not worth a thread.
    const FILES_PER_THREAD: usize = 6;
    const MOST_THREADS: usize = 4;
    let plan_each = |changes: &[FileEdits]| -> Vec<Plans> {
        changes.iter().map(|change| plan(bench, change, input.from_patch, total)).collect()
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
    let threads = cores.min(input.changes.len() / FILES_PER_THREAD);
    if threads < 2 {
        return plan_each(&input.changes);
    }
    let share = input.changes.len().div_ceil(threads);
    let shares: Vec<&[FileEdits]> = input.changes.chunks(share).collect();
    std::thread::scope(|scope| {
        let workers: Vec<_> = shares.iter().map(|share| scope.spawn(|| plan_each(share))).collect();
        let plans = workers.into_iter().zip(&shares).flat_map(|(worker, share)| {
            // A worker that panicked is worked out again here, where the call's own catch is.
            worker.join().unwrap_or_else(|_| plan_each(share))
        });
        plans.collect()
    })
}

/// Makes one refusal of several: the first one's kind, all texts.
fn merge(refused: Vec<Refusal>) -> Option<Refusal> {
    let mut refused = refused.into_iter();
    let mut first = refused.next()?;
    for other in refused {
        first.message.push('\n');
        first.message.push_str(&other.message);
        first.closest.extend(other.closest);
    }
    first.closest.truncate(3);
    Some(first)
}

fn no_file_twice(planned: &[Planned]) -> Result<(), Refusal> {
    let mut paths: Vec<&PathBuf> = planned.iter().map(|p| &p.change.place.path).collect();
    paths.sort();
    match paths.iter().zip(paths.iter().skip(1)).find(|(a, b)| a == b) {
        None => Ok(()),
        Some((path, _)) => Err(Refusal::invalid(format!(
            "edit: {} is named in two ways or changed twice; put its edits together",
            path.display()
        ))),
    }
}

pub(crate) fn remember(bench: &Bench, changes: &[Change]) {
    let mut session = bench.session();
    for change in changes {
        match &change.new {
            Some(bytes) => {
                let decoded = encoding::decode(bytes).ok();
                let text = decoded.as_ref().map(|decoded| decoded.text.as_str());
                session.saw(&change.place.path, digest(bytes), text);
            }
            None => session.gone(&change.place.path),
        }
    }
}

fn report(changes: &[Change], told: &[(&str, Edited)]) -> Outcome {
    /// Most files named one by one.
    const NAMED: usize = 4;
    let mut lines: Vec<String> = Vec::new();
    for (change, (verb, edited)) in changes.iter().zip(told).take(NAMED) {
        let notes: String = edited.notes.iter().map(|note| format!(", {note}")).collect();
        lines.push(match *verb {
            "deleted" => format!("deleted {}", change.place.shown),
            verb => format!(
                "{verb} {} (+{} -{}){notes}",
                change.place.shown, edited.added, edited.removed
            ),
        });
    }
    if changes.len() > NAMED {
        lines.push(format!("and {} more files", changes.len() - NAMED));
    }
    let files_changed = changes.iter().map(|change| change.place.shown.clone()).collect();
    let data = changes.iter().zip(told).map(|(change, (_, edited))| {
        json!({"path": change.place.shown, "added": edited.added, "removed": edited.removed,
               "notes": edited.notes})
    });
    let data = json!({"files": data.collect::<Vec<_>>()});
    Outcome { files_changed, data, ..Outcome::done(lines.join("\n")) }
}

fn plan(
    bench: &Bench,
    wanted: &FileEdits,
    from_patch: bool,
    total: usize,
) -> Result<Vec<Planned>, Refusal> {
    let place = writable(bench, &wanted.path, from_patch)?;
    match &wanted.kind {
        Kind::Add(content) => {
            if place.path.symlink_metadata().is_ok() {
                return Err(Refusal::invalid(format!("{}: exists already", place.shown)));
            }
            Ok(vec![create(bench, place, content)?])
        }
        Kind::Delete => {
            let old = files::load(&place)?;
            stale::refuse(bench, &place, &old)?;
            let edited = Edited::default();
            let change = Change { place, old: Some(old), new: None };
            Ok(vec![Planned { change, edited, verb: "deleted" }])
        }
        Kind::Edit { edits, to } => change_text(bench, place, edits, to.as_deref(), total),
    }
}

/// Resolves a path; a patch's `a/` may be a real folder.
fn writable(bench: &Bench, path: &str, from_patch: bool) -> Result<Place, Refusal> {
    let place = bench.grounds.writable(path)?;
    if from_patch && !place.path.exists() {
        for folder in ["a", "b"] {
            let other = bench.grounds.writable(&format!("{folder}/{path}"));
            if let Some(other) = other.ok().filter(|other| other.path.is_file()) {
                return Ok(other);
            }
        }
    }
    Ok(place)
}

fn create(bench: &Bench, place: Place, content: &str) -> Result<Planned, Refusal> {
    bench.check_syntax(&place, "", content)?;
    let edited = Edited { added: content.lines().count(), ..Edited::default() };
    let change = Change { place, old: None, new: Some(content.as_bytes().to_vec()) };
    Ok(Planned { change, edited, verb: "created" })
}

fn change_text(
    bench: &Bench,
    place: Place,
    edits: &[(usize, Edit)],
    to: Option<&str>,
    total: usize,
) -> Result<Vec<Planned>, Refusal> {
    if let [(_, Edit::Replace { search, replace })] = edits
        && search.is_empty()
        && place.path.symlink_metadata().is_err()
    {
        return Ok(vec![create(bench, place, replace)?]);
    }
    let old = files::load(&place)?;
    let decoded = encoding::decode(&old.bytes)
        .map_err(|error| Refusal::invalid(format!("{}: {error}", place.shown)))?;
    let known = bench.session().known(&place.path, digest(&old.bytes));
    let news = (known == Known::Changed)
        .then(|| bench.session().news(&place.path, &decoded.text))
        .flatten();
    let tolerance = if known == Known::Changed { Tolerance::Exact } else { Tolerance::Near };
    let plain: Vec<Edit> = edits.iter().map(|(_, edit)| edit.clone()).collect();
    let mut edited = if plain.is_empty() {
        Edited { text: decoded.text.clone(), ..Edited::default() }
    } else {
        engine::apply(&decoded.text, &plain, tolerance)
            .map_err(|failures| explain(&place, edits, &failures, (known, news.as_ref()), total))?
    };
    bench.check_syntax(&place, &decoded.text, &edited.text)?;
    if let Some(news) = news {
        edited.notes.push(format!("changed by somebody else since you read it: {}", news.lines()));
    }
    let new = decoded
        .encode(&edited.text)
        .map_err(|error| Refusal::invalid(format!("{}: {error}", place.shown)))?;
    let Some(to) = to else {
        let change = Change { place, old: Some(old), new: Some(new) };
        return Ok(vec![Planned { change, edited, verb: "edited" }]);
    };
    let target = bench.grounds.writable(to)?;
    if target.path.symlink_metadata().is_ok() {
        return Err(Refusal::invalid(format!("{}: exists already", target.shown)));
    }
    let moved = Change { place: target, old: None, new: Some(new) };
    let gone = Change { place, old: Some(old), new: None };
    Ok(vec![
        Planned { change: moved, edited, verb: "moved to" },
        Planned { change: gone, edited: Edited::default(), verb: "deleted" },
    ])
}

/// Says why edits of one file cannot be applied, and which of the call would be fine.
fn explain(
    place: &Place,
    edits: &[(usize, Edit)],
    failures: &[Failure],
    (known, news): (Known, Option<&News>),
    total: usize,
) -> Refusal {
    let number = |index: usize| edits.get(index).map_or(0, |(number, _)| *number);
    let mut refusal = Refusal::invalid("");
    for (i, failure) in failures.iter().enumerate() {
        let (kind, why) = reason(&failure.why, number);
        if i == 0 {
            refusal.kind = kind;
        } else {
            refusal.message.push('\n');
        }
        if total > 1 {
            refusal.message.push_str(&format!("edit {} of {total}, ", number(failure.index)));
        }
        refusal.message.push_str(&format!("{}: {why}", place.shown));
        refusal.closest.extend(failure.closest.iter().cloned());
    }
    refusal.closest.truncate(3);
    if known == Known::Changed {
        refusal.message.push_str("\nthe file changed since you read it");
        if let Some(news) = news {
            refusal.message.push_str(&format!("; there is now{}", news.shown()));
        }
        if refusal.kind == RefusalKind::NotFound {
            refusal.kind = RefusalKind::Stale;
        }
    }
    if total > 1 {
        refusal.message.push_str("\nnothing was changed");
    }
    refusal
}

/// Says why one edit cannot be applied; `number` tells how the call counts edits.
fn reason(why: &Why, number: impl Fn(usize) -> usize) -> (RefusalKind, String) {
    match why {
        Why::NotFound { already_at: Some(line) } => (
            RefusalKind::NotFound,
            format!("search text not found; the replacement is already there, line {line}"),
        ),
        Why::NotFound { already_at: None } => {
            (RefusalKind::NotFound, "search text not found".to_owned())
        }
        Why::Ambiguous(lines) => (RefusalKind::Ambiguous, several(lines)),
        Why::Alike(lines) => (
            RefusalKind::Ambiguous,
            format!(
                "search text is not there exactly, and is like several places, at lines {}; copy the lines \
                 as they are",
                named(lines)
            ),
        ),
        Why::Identical => {
            (RefusalKind::Invalid, "old and new text are the same; nothing to do".to_owned())
        }
        Why::EmptySearch => (
            RefusalKind::Invalid,
            "the old text is empty, but the file is not; include a line next to the change"
                .to_owned(),
        ),
        Why::Overlap(other) => (
            RefusalKind::Invalid,
            format!("changes the same lines as edit {}; make them one edit", number(*other)),
        ),
        Why::Placeholder(line) => (
            RefusalKind::Invalid,
            format!("`{line}` stands for code left out; write the whole text, or a smaller edit"),
        ),
    }
}

fn several(lines: &[usize]) -> String {
    format!(
        "search text occurs {} times, at lines {}; add lines around it to make it unique",
        lines.len(),
        named(lines)
    )
}

fn named(lines: &[usize]) -> String {
    /// Most line numbers named.
    const NAMED: usize = 20;
    let mut named: Vec<String> = lines.iter().take(NAMED).map(ToString::to_string).collect();
    if lines.len() > NAMED {
        named.push("…".to_owned());
    }
    named.join(", ")
}

/// Returns the tool's reference page.
pub(crate) fn page() -> Page {
    Page {
        name: "edit",
        about: "Replaces texts that occur once, or applies a patch, over one file or several: all edits of a call apply, or none. \
                The old texts refer to the files as they were before the call.",
        parameters: vec![
            parameter("path", "string", "the file, relative to the project's root"),
            parameter("search", "string", "the old text; empty to create a file"),
            parameter("replace", "string", "the new text"),
            parameter(
                "edits",
                "list of {path, search, replace}",
                "several; `path` where it is not the call's",
            ),
            parameter("patch", "string", "a patch in apply-patch form or a unified diff"),
        ],
        limits: vec![
            ("Edits in one call", MOST_EDITS.to_string()),
            ("A file", bytes(files::MAX_TEXT)),
        ],
        notes: &[
            "The old text is matched exactly first, then more and more tolerantly: line ends, blanks at line ends, one \
             indentation shift, tabs and spaces, Unicode punctuation, blank lines, and last a scored match over lines. It \
             applies only where one place is clearly better than every other; the result says what was corrected.",
            "A refusal shows the closest lines with their numbers, whether the new text is already there, and which of the \
             other edits were fine.",
            "Only syntax errors that an edit adds refuse it; the same call sent again applies it anyway.",
            "Line ends, byte-order marks, encodings, modes, links and the final newline stay as they were.",
        ],
    }
}
