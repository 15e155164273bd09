//! Searches that the project's index answers.

use std::path::Path;

use distiq_base::{CodeQuestion, CodeView};
use serde_json::json;

use super::{Input, scan, show};
use crate::bench::Bench;
use crate::measure::RESULT_TOKENS;
use crate::outcome::{Outcome, Refusal, RefusalKind};
use crate::place::Place;

/// What a token has at least in code, in bytes.
const BYTES_A_TOKEN: usize = 3;

pub(super) fn run(
    bench: &Bench,
    input: &Input,
    place: &Place,
    view: CodeView,
) -> Result<Outcome, Refusal> {
    let Some(code) = &bench.config.code else {
        return Err(Refusal::invalid("search: no index here; search by text"));
    };
    let glob = input.glob.as_deref().map(scan::glob).transpose()?;
    // The index knows paths by the root; a pattern is meant by the folder that is searched.
    let inside = place.path.strip_prefix(&bench.grounds.root).unwrap_or(Path::new(""));
    let accepts = |path: &str| {
        let path = Path::new(path);
        let Ok(below) = path.strip_prefix(inside) else { return false };
        glob.as_ref().is_none_or(|glob| below.as_os_str().is_empty() || glob.is_match(below))
    };
    // The session is asked and told of code by its files' whole paths.
    let whole = |path: &str| bench.grounds.root.join(path);
    let stands_above = |path: &str, code: &str| {
        show::is_worth_naming(code) && bench.session().has_in_view(&whole(path), code)
    };
    let question = CodeQuestion {
        exact_case: input.exact_case,
        accepts: &accepts,
        stands_above: &stands_above,
        ..CodeQuestion::new(view, &input.pattern, RESULT_TOKENS * BYTES_A_TOKEN)
    };
    let answer = code
        .answer(&question)
        .map_err(|message| Refusal::new(RefusalKind::Failed, format!("search: {message}")))?;
    let mut session = bench.session();
    answer.code.iter().for_each(|(path, code)| session.showed(&whole(path), code));
    let text = if answer.text.is_empty() { "nothing found".to_owned() } else { answer.text };
    Ok(Outcome::done(text.clone()).with_data(json!({ "text": text })))
}
