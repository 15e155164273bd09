//! `distiq index`

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use distiq_index::{Control, Index, IndexError, MAX_FILES, Refreshed, Seen};
use serde_json::json;

use crate::cli::Global;
use crate::failure::Failure;
use crate::world::World;
use crate::{code_index, output, terminal};

/// Arguments of `index`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Empty it first
    #[arg(long)]
    rebuild: bool,
    /// Follow the project's changes until interrupted
    #[arg(long)]
    watch: bool,
    /// Print what was done as JSON; `distiq schema index` prints its shape
    #[arg(long)]
    json: bool,
}

/// Brings the index of the project up to date.
pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let world = World::of_code(global)?;
    world.say_notices();
    let begin = Instant::now();
    let index = match args.rebuild {
        true => code_index::emptied(&world)?,
        false => code_index::open(&world)?,
    };
    let (index, refreshed) = code_index::current(&world, index)?;
    code_index::read_history(&index);
    if world.settings.embedder.is_some() {
        code_index::embed(&index)?;
    }
    tell(&index, args, &refreshed, begin.elapsed())?;
    tell_not_read(&index)?;
    if args.watch {
        return watch(&world, index, args);
    }
    Ok(())
}

/// Says how many files are in the project whose text is not in the index.
fn tell_not_read(index: &Index) -> Result<(), Failure> {
    let mut reasons = index.skipped()?;
    reasons.retain(|(reason, _)| !reason.starts_with("unreadable"));
    if !reasons.is_empty() {
        let files: u64 = reasons.iter().map(|(_, files)| files).sum();
        let each: Vec<String> =
            reasons.iter().map(|(reason, files)| format!("{files} {reason}")).collect();
        terminal::say(&format!(
            "note: {files} of the files hold no text to search: {}",
            each.join(", ")
        ));
    }
    code_index::tell_unreadable(&index.unreadable()?);
    Ok(())
}

/// Tells of each change until the process is ended, or the project is gone; an index that is lost on the way is made anew.
fn watch(world: &World, mut index: Index, args: &Args) -> Result<(), Failure> {
    loop {
        let lost: AtomicBool = AtomicBool::new(false);
        let is_damaged = AtomicBool::new(false);
        let is_lost = || lost.load(Ordering::Relaxed);
        let control = Control { is_cancelled: Some(&is_lost), ..Control::default() };
        let watched = index.watch(&control, &mut |seen| match seen {
            Seen::Following(true) => terminal::say("following changes"),
            Seen::Following(false) => terminal::say(
                "note: the kernel tells of no changes here, or of too few folders; looking every 2 s",
            ),
            Seen::Refreshed(Ok(refreshed), took) => {
                let told = code_index::embed(&index).map_err(Failure::from);
                let told = told.and_then(|_| tell(&index, args, &refreshed, took));
                told.unwrap_or_else(|failure| say(&failure));
            }
            Seen::Refreshed(Err(error), _) => {
                let is_gone = matches!(error, IndexError::Replaced | IndexError::Damaged);
                is_damaged.store(matches!(error, IndexError::Damaged), Ordering::Relaxed);
                lost.store(is_gone, Ordering::Relaxed);
                match is_gone {
                    true => terminal::say(&format!("note: {error}; it is made anew")),
                    false => say(&Failure::from(error)),
                }
            }
        });
        drop(index);
        watched?;
        let opened = match is_damaged.into_inner() {
            true => code_index::emptied(world)?,
            false => code_index::open(world)?,
        };
        let begin = Instant::now();
        let refreshed;
        (index, refreshed) = code_index::current(world, opened)?;
        if world.settings.embedder.is_some() {
            code_index::embed(&index)?;
        }
        tell(&index, args, &refreshed, begin.elapsed())?;
    }
}

fn say(failure: &Failure) {
    terminal::say(&format!("error: {}", failure.message));
    if let Some(hint) = &failure.hint {
        terminal::say(&format!("hint: {hint}"));
    }
}

fn tell(index: &Index, args: &Args, refreshed: &Refreshed, took: Duration) -> Result<(), Failure> {
    let Refreshed { files, read, removed, left_out, is_full, .. } = *refreshed;
    let snapshot = index.snapshot()?;
    let (stats, vectors) = (snapshot.stats(), snapshot.vectors()?);
    let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    if args.json {
        output::json_line(&json!({
            "files": files,
            "read": read,
            "removed": removed,
            "left_out": left_out,
            "unreadable": index.unreadable()?.paths,
            "is_full": is_full,
            "chunks": stats.chunks,
            "lines": stats.lines,
            "vectors": vectors.made,
            "ms": ms,
        }));
        return Ok(());
    }
    output::text(&format!(
        "{files} files, {read} read, {removed} gone; {} chunks of {} lines; {ms} ms",
        stats.chunks, stats.lines
    ));
    if left_out > 0 {
        output::text(&format!(
            "{left_out} files or folders left out: their names are no text or hold a key"
        ));
    }
    if is_full {
        output::text(&format!(
            "more than {MAX_FILES} files: the others are left out; name folders in .distiqignore"
        ));
    }
    Ok(())
}
