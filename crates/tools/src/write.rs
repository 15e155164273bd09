//! The `write` tool: a whole file.

use distiq_base::ToolDef;
use serde_json::{Value, json};

use crate::bench::Bench;
use crate::edit::{self, encoding, placeholder_in};
use crate::fields::Fields;
use crate::files::{self, Change};
use crate::outcome::{Outcome, Refusal};
use crate::page::{Page, bytes, parameter};
use crate::stale;

pub(crate) fn definition() -> ToolDef {
    crate::toolbox::define(
        "write",
        "Write a whole file; makes folders.",
        json!({"path": {"type": "string"}, "content": {"type": "string"}}),
        &["path", "content"],
    )
}

/// What a call asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Input {
    pub(crate) path: String,
    content: String,
}

pub(crate) fn parse(input: &Value) -> Result<Input, Refusal> {
    let mut fields = Fields::new("write", input)?;
    let path = fields.need_text(edit::PATH)?;
    let content = fields.need_text(("content", &["contents", "text", "file_text"]))?;
    fields.finish()?;
    Ok(Input { path, content })
}

pub(crate) fn run(bench: &Bench, input: &Input) -> Result<Outcome, Refusal> {
    let _turn = bench.writing();
    let place = bench.grounds.whole(&input.path)?;
    let old = match place.path.symlink_metadata() {
        Ok(_) => Some(files::load(&place)?),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(Refusal::io(&place.shown, &error)),
    };
    if let Some(old) = &old {
        stale::refuse(bench, &place, old)?;
        if old.bytes == input.content.as_bytes() {
            return Ok(Outcome::done(format!("{} has this content already", place.shown)));
        }
    }
    // What is no text is replaced as it is; there is nothing to keep.
    let before = old.as_ref().and_then(|old| encoding::decode(&old.bytes).ok());
    let before_text = before.as_ref().map_or("", |decoded| decoded.text.as_str());
    if old.is_some()
        && let Some(line) = placeholder_in(&input.content, before_text)
    {
        return Err(Refusal::invalid(format!(
            "{}: `{line}` stands for code left out; write the whole text, or use edit",
            place.shown
        )));
    }
    bench.check_syntax(&place, before_text, &input.content)?;
    let lines = input.content.lines().count();
    let verb = if old.is_some() { "replaced" } else { "created" };
    let text = format!("{verb} {} ({lines} lines)", place.shown);
    let shown = place.shown.clone();
    let new = match &before {
        Some(before) => before
            .encode_as_before(&input.content)
            .map_err(|error| Refusal::invalid(format!("{}: {error}", place.shown)))?,
        None => input.content.clone().into_bytes(),
    };
    let changes = [Change { place, old, new: Some(new) }];
    files::write_all(bench, &changes)?;
    edit::remember(bench, &changes);
    let data = json!({"path": shown, "lines": lines, "created": verb == "created"});
    Ok(Outcome { files_changed: vec![shown], data, ..Outcome::done(text) })
}

/// Returns the tool's reference page.
pub(crate) fn page() -> Page {
    Page {
        name: "write",
        about: "Writes a whole file and makes the folders above it. An existing file keeps its mode, line ends and encoding.",
        parameters: vec![
            parameter("path", "string, needed", "the file, relative to the project's root"),
            parameter("content", "string, needed", "its whole new text"),
        ],
        limits: vec![("A file that is replaced", bytes(files::MAX_TEXT))],
        notes: &[
            "A file that changed since the model saw it is not replaced.",
            "Placeholders such as \"rest unchanged\" and added syntax errors are refused; the same text sent again passes the \
             syntax check.",
        ],
    }
}
