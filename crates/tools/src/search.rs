//! The `search` tool: ripgrep's engine in this process; few hits come with the code around them.

mod indexed;
mod scan;
mod show;

use distiq_base::{CodeView, ToolDef};
use grep_regex::{RegexMatcher, RegexMatcherBuilder};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::bench::Bench;
use crate::fields::Fields;
use crate::find;
use crate::outcome::{Outcome, Refusal};
use crate::page::{Page, bytes, parameter};

/// Longest pattern.
const MAX_PATTERN: usize = 10_000;

pub(crate) fn definition() -> ToolDef {
    crate::toolbox::define(
        "search",
        "Search file contents by regex (smart case). Few hits come with the function around them. `in` asks the code index.",
        json!({
            "pattern": {"type": "string"},
            "path": {"type": "string"},
            "glob": {"type": "string"},
            "case": {"type": "boolean", "description": "exact case"},
            "in": {"enum": ["text", "symbol", "references", "impact", "map", "meaning"]},
        }),
        &["pattern"],
    )
}

/// What a call asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Input {
    pattern: String,
    pub(crate) path: String,
    glob: Option<String>,
    exact_case: bool,
    ignore_case: bool,
    /// By what the index is asked; `None` is a search of the text.
    view: Option<CodeView>,
}

pub(crate) fn parse(input: &Value) -> Result<Input, Refusal> {
    let mut fields = Fields::new("search", input)?;
    let view = view(fields.text(("in", &["mode", "kind"]))?.as_deref())?;
    let pattern = match view {
        // A map needs no word.
        Some(CodeView::Map) => {
            fields.text(("pattern", &["query", "regex", "search"]))?.unwrap_or_default()
        }
        _ => fields.need_text(("pattern", &["query", "regex", "search"]))?,
    };
    let path = fields.text(("path", &["dir", "directory", "folder"]))?;
    let glob = fields.text(("glob", &["include"]))?;
    let exact_case = fields.switch(("case", &["case_sensitive"]))?;
    let ignore_case = fields.switch(("ignore_case", &["-i"]))?;
    fields.finish()?;
    if pattern.is_empty() && view != Some(CodeView::Map) || pattern.len() > MAX_PATTERN {
        return Err(Refusal::invalid(format!(
            "search: `pattern` must have 1 to {MAX_PATTERN} characters"
        )));
    }
    let path = path.filter(|path| !path.is_empty()).unwrap_or_else(|| ".".to_owned());
    let glob = glob.filter(|glob| !glob.is_empty());
    Ok(Input { pattern, path, glob, exact_case, ignore_case, view })
}

fn view(name: Option<&str>) -> Result<Option<CodeView>, Refusal> {
    let Some(name) = name.filter(|name| !matches!(*name, "" | "text")) else { return Ok(None) };
    match CodeView::ALL.into_iter().find(|(known, _)| *known == name) {
        Some((_, view)) => Ok(Some(view)),
        None => {
            let known: Vec<_> = CodeView::ALL.iter().map(|(name, _)| *name).collect();
            let message = format!("search: `in` must be text, {}", known.join(", "));
            Err(Refusal::invalid(message))
        }
    }
}

/// A compiled pattern, and whether it had to be taken literally.
struct Pattern {
    matcher: RegexMatcher,
    literal: bool,
}

fn compile(input: &Input) -> Result<Pattern, Refusal> {
    let mut builder = RegexMatcherBuilder::new();
    builder
        .case_smart(!input.exact_case && !input.ignore_case)
        .case_insensitive(input.ignore_case && !input.exact_case)
        .multi_line(true)
        .size_limit(20 << 20)
        .dfa_size_limit(20 << 20)
        .line_terminator(if spans_lines(&input.pattern) { None } else { Some(b'\n') });
    if let Ok(matcher) = builder.build(&input.pattern) {
        return Ok(Pattern { matcher, literal: false });
    }
    let literal = builder.fixed_strings(true).build(&input.pattern);
    literal
        .map(|matcher| Pattern { matcher, literal: true })
        .map_err(|error| Refusal::invalid(format!("search: `pattern`: {error}")))
}

fn spans_lines(pattern: &str) -> bool {
    pattern.contains('\n') || pattern.contains("\\n")
}

pub(crate) fn run(
    bench: &Bench,
    input: &Input,
    cancel: &CancellationToken,
) -> Result<Outcome, Refusal> {
    let place = bench.grounds.readable(&input.path)?;
    find::must_exist(&place)?;
    if let Some(view) = input.view {
        return indexed::run(bench, input, &place, view);
    }
    let pattern = compile(input)?;
    let request = scan::Request {
        place: &place,
        glob: input.glob.as_deref(),
        matcher: &pattern.matcher,
        multi_line: spans_lines(&input.pattern),
        cancel,
    };
    let scanned = scan::scan(bench, &request)?;
    let mut text = show::text(bench, &scanned);
    if pattern.literal {
        text.insert_str(0, "[not a valid regex, so searched as plain text]\n");
    }
    let data = scanned.files.iter().map(|file| {
        let hits = file.hits.iter().map(|hit| json!({"line": hit.line, "text": hit.text}));
        json!({"path": file.shown, "count": file.count, "hits": hits.collect::<Vec<_>>()})
    });
    let data = json!({"files": data.collect::<Vec<_>>(), "hits": scanned.hits()});
    Ok(Outcome::done(text).with_data(data))
}

/// Returns the tool's reference page.
pub(crate) fn page() -> Page {
    Page {
        name: "search",
        about: "Searches the contents of files by regular expression, as ripgrep does. Few hits come with the function around \
                them, many as lines, grouped by file, without the indentation they share.",
        parameters: vec![
            parameter(
                "pattern",
                "string, needed",
                "a regular expression; one that is invalid is taken as plain text",
            ),
            parameter("path", "string", "a file or folder; the root where it is not given"),
            parameter("glob", "string", "only files whose names match"),
            parameter(
                "in",
                "string",
                "`text` (usual), or out of the index: `symbol` (where a name is defined), `references` (where it is used), `impact` \
                 (what depends on it), `map` (the most important definitions), `meaning` (code that does what the words say)",
            ),
            parameter("case", "boolean", "exact case; otherwise capitals in the pattern decide"),
            parameter("ignore_case", "boolean", "ignore case, whatever the pattern"),
        ],
        limits: vec![
            ("A pattern", format!("{MAX_PATTERN} characters")),
            ("A file", format!("{}; larger ones are counted as left out", bytes(scan::MAX_FILE))),
            ("Hits with code", format!("up to {}", show::FEW)),
            ("Time", format!("{} s", find::DEADLINE.as_secs())),
            ("A result", format!("about {} tokens", crate::measure::RESULT_TOKENS)),
        ],
        notes: &[
            "Ignored, hidden and binary files are left out, and so are those that may hold keys.",
            "Code that stands in the conversation already is named by its lines, with the hits; found once more, it is shown.",
        ],
    }
}
