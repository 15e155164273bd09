//! Files that somebody else changed since the model saw them.

use crate::bench::Bench;
use crate::edit::encoding;
use crate::files::Loaded;
use crate::outcome::{Refusal, RefusalKind};
use crate::place::Place;
use crate::session::{Known, digest};

/// Refuses to delete or replace a whole file that changed since the model saw it, and tells what changed.
pub(crate) fn refuse(bench: &Bench, place: &Place, old: &Loaded) -> Result<(), Refusal> {
    let mut session = bench.session();
    let mark = digest(&old.bytes);
    if session.known(&place.path, mark) != Known::Changed {
        return Ok(());
    }
    let now = encoding::decode(&old.bytes).ok();
    let now = now.as_ref().map(|now| now.text.as_str());
    let mut told = "; read it again first".to_owned();
    if let Some(news) = now.and_then(|now| session.news(&place.path, now)) {
        told = format!("; there is now{}\n", news.shown());
        if news.is_shown_whole() {
            // Whoever was told all of it knows the file as well as by reading it.
            session.saw(&place.path, mark, now);
            told.push_str("the same call again goes on, if it is still right");
        } else {
            told.push_str("read it again first");
        }
    }
    let message = format!("{}: changed since you read it, by somebody else{told}", place.shown);
    Err(Refusal::new(RefusalKind::Stale, message))
}
