//! The `read` tool: files by range, long ones by outline, pictures as pictures.

mod image;
mod ranges;
mod window;

use std::fs;

use distiq_base::ToolDef;
use serde_json::{Value, json};

use self::ranges::Range;
use crate::bench::Bench;
use crate::edit::{self, encoding};
use crate::fields::Fields;
use crate::files;
use crate::find;
use crate::measure::{RESULT_TOKENS, tokens};
use crate::outcome::{Outcome, Refusal};
use crate::page::{Page, bytes, parameter};
use crate::place::Place;
use crate::session::digest;

/// Most files of one call.
const MOST_FILES: usize = 40;

pub(crate) fn definition() -> ToolDef {
    crate::toolbox::define(
        "read",
        "Read files. A long file without `lines` gives its outline and head.",
        json!({
            "path": {"type": "string"},
            "lines": {"type": "string", "description": "10-40,80-95"},
            "paths": {"type": "array", "items": {"type": "string"},
                      "description": "several; each may end in :10-40"},
            "numbers": {"type": "boolean", "description": "show line numbers"},
        }),
        &[],
    )
}

/// What a call asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Input {
    pub(crate) files: Vec<Wanted>,
    numbers: bool,
}

/// One file, and the lines that are wanted of it; all where none are named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) path: String,
    ranges: Vec<Range>,
}

pub(crate) fn parse(input: &Value) -> Result<Input, Refusal> {
    let mut fields = Fields::new("read", input)?;
    let path = fields.text(edit::PATH)?;
    let paths = fields.texts(("paths", &["files", "file_paths"]))?.unwrap_or_default();
    let lines = fields.any(("lines", &["ranges", "range", "line_range"]));
    let numbers = fields.switch(("numbers", &["line_numbers"]))?;
    // Other agents' way to name a range.
    let offset = fields.number(("offset", &["start_line"]))?;
    let limit = fields.number(("limit", &[]))?;
    let end = fields.number(("end_line", &[]))?;
    fields.finish().map_err(|mut refusal| {
        refusal.message = refusal.message.replace(", offset, limit, end_line", "");
        refusal
    })?;
    let mut ranges = match &lines {
        Some(value) => ranges::parse(value)
            .ok_or_else(|| Refusal::invalid("read: `lines` must look like \"10-40,80-95\""))?,
        None => Vec::new(),
    };
    if offset.is_some() || limit.is_some() || end.is_some() {
        let first = offset.unwrap_or(1).max(1);
        let last = end.or(limit.map(|limit| first.saturating_add(limit).saturating_sub(1)));
        ranges.push(Range { first, last });
    }
    let mut files: Vec<Wanted> =
        path.into_iter().map(|path| Wanted { path, ranges: Vec::new() }).collect();
    files.extend(paths.into_iter().map(|path| Wanted { path, ranges: Vec::new() }));
    match files.as_mut_slice() {
        [] => return Err(fields_missing()),
        [one] => one.ranges = ranges,
        _ if ranges.is_empty() => {}
        _ => {
            return Err(Refusal::invalid(
                "read: with several files, write the lines behind each path: \"a.rs:10-40\"",
            ));
        }
    }
    if files.len() > MOST_FILES {
        return Err(Refusal::invalid(format!("read: at most {MOST_FILES} files in one call")));
    }
    Ok(Input { files, numbers })
}

fn fields_missing() -> Refusal {
    Refusal::invalid("read: `path` is missing; it must be a string")
}

/// Resolves a wanted file; a path that does not exist as written may end in `:10-40`.
pub(crate) fn place(bench: &Bench, wanted: &Wanted) -> Result<(Place, Vec<Range>), Refusal> {
    let place = bench.grounds.readable(&wanted.path)?;
    if wanted.ranges.is_empty()
        && !place.path.exists()
        && let Some((path, lines)) = wanted.path.rsplit_once(':')
        && let Some(ranges) = ranges::parse(&Value::from(lines))
    {
        return Ok((bench.grounds.readable(path)?, ranges));
    }
    Ok((place, wanted.ranges.clone()))
}

pub(crate) fn run(bench: &Bench, input: &Input) -> Result<Outcome, Refusal> {
    if let [one] = input.files.as_slice() {
        return read_one(bench, one, input.numbers, RESULT_TOKENS);
    }
    let mut all = Outcome::done("");
    let mut left = RESULT_TOKENS;
    let mut data = Vec::new();
    let mut failed = None;
    for (index, wanted) in input.files.iter().enumerate() {
        let share = left / (input.files.len() - index);
        let part = match read_one(bench, wanted, input.numbers, share) {
            Ok(part) => part,
            Err(refusal) => {
                let part = Outcome::done(format!("[{}]", refusal.text()));
                failed.get_or_insert(refusal);
                part
            }
        };
        left = left.saturating_sub(tokens(&part.text));
        all.text.push_str(&format!("== {}\n{}\n", crate::place::show(&wanted.path), part.text));
        all.images.extend(part.images);
        data.push(part.data);
    }
    if data.iter().all(Value::is_null)
        && let Some(mut refusal) = failed
    {
        refusal.message = all.text;
        return Err(refusal);
    }
    all.text.truncate(all.text.trim_end().len());
    all.data = json!({ "files": data });
    Ok(all)
}

fn read_one(
    bench: &Bench,
    wanted: &Wanted,
    numbers: bool,
    budget: usize,
) -> Result<Outcome, Refusal> {
    let (place, ranges) = place(bench, wanted)?;
    if fs::metadata(&place.path).is_ok_and(|metadata| metadata.is_dir()) {
        return find::list(bench, &place, budget);
    }
    let (file, metadata) =
        files::open(&place).map_err(|refusal| suggest(bench, &place, refusal))?;
    if metadata.len() > files::MAX_TEXT {
        return window::read_huge(&place, file, metadata.len(), &ranges, budget);
    }
    let bytes = files::load(&place)?.bytes;
    let mark = digest(&bytes);
    if let Some(media_type) = image::media_type(&bytes) {
        return image::outcome(&place, media_type, &bytes);
    }
    let decoded = encoding::decode(&bytes);
    let head = bytes.get(..bytes.len().min(8_192)).unwrap_or_default();
    if decoded.is_err() && memchr::memchr(0, head).is_some() {
        return Err(Refusal::invalid(format!(
            "{}: a binary file of {} bytes; look at it with a shell command",
            place.shown,
            bytes.len()
        )));
    }
    let (text, note) = match &decoded {
        Ok(decoded) => (decoded.shown(), decoded.note()),
        Err(error) => (String::from_utf8_lossy(&bytes), Some(error.to_string())),
    };
    let text = text.as_ref();
    let repeated = {
        let mut session = bench.session();
        session.saw(&place.path, mark, decoded.as_ref().ok().map(|decoded| decoded.text.as_str()));
        session.repeats(&format!("{}\0{ranges:?}\0{numbers}\0{budget}", place.path.display()), mark)
    };
    let data = json!({"path": place.shown, "lines": text.lines().count()});
    if let Some(turn) = repeated
        && tokens(text) > 40
    {
        let since = if turn == 0 { "above".to_owned() } else { format!("turn {turn}") };
        return Ok(Outcome::done(format!("unchanged since {since}")).with_data(data));
    }
    let mut shown = window::show(&place, text, &ranges, numbers, budget)?;
    if !numbers {
        bench.session().showed(&place.path, &shown);
    }
    if let Some(note) = note {
        shown.push_str(&format!("\n[{note}]"));
    }
    Ok(Outcome::done(shown).with_data(data))
}

/// Adds files of the same name to "no such file".
fn suggest(bench: &Bench, place: &Place, mut refusal: Refusal) -> Refusal {
    if refusal.kind == crate::outcome::RefusalKind::NotFound {
        let near = find::same_name(bench, &place.path);
        if !near.is_empty() {
            refusal.message.push_str(&format!("; there is {}", near.join(", ")));
        }
    }
    refusal
}

/// Returns the tool's reference page.
pub(crate) fn page() -> Page {
    Page {
        name: "read",
        about: "Shows files without line numbers, so that their text can be quoted back. A long file comes as outline and head, \
                a folder as a list, a picture as a picture.",
        parameters: vec![
            parameter("path", "string", "the file, relative to the project's root"),
            parameter("paths", "list of strings", "several files; each may end in `:10-40`"),
            parameter("lines", "string", "ranges such as `10-40,80-95`, of one `path`"),
            parameter("numbers", "boolean", "show line numbers"),
        ],
        limits: vec![
            ("Files in one call", MOST_FILES.to_string()),
            (
                "A result",
                format!("about {RESULT_TOKENS} tokens; longer files give outline and head"),
            ),
            (
                "A file that is read whole",
                format!("{}; larger ones by `lines`", bytes(files::MAX_TEXT)),
            ),
        ],
        notes: &[
            "The same unchanged text asked for again is answered with the turn in which it was shown; asked for once more, it is shown.",
            "Nothing outside of the project is read, links resolved; devices, FIFOs and sockets are refused.",
        ],
    }
}
