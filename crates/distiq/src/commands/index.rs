//! `distiq index`

use std::time::Instant;

use distiq_index::{Control, Index, MAX_FILES, Refreshed, Seen};
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
    let world = World::open(global, &[])?;
    let begin = Instant::now();
    let index = match args.rebuild {
        true => code_index::with_settings(&world, Index::rebuild(&world.root, &world.home.cache)?)?,
        false => code_index::open(&world)?,
    };
    let refreshed = code_index::refresh(&index)?;
    code_index::read_history(&index);
    if world.settings.embedder.is_some() {
        code_index::embed(&index)?;
    }
    tell(&index, args, &refreshed, begin)?;
    if args.watch {
        watch(&index, args);
    }
    Ok(())
}

/// Tells of each change until the process is ended.
fn watch(index: &Index, args: &Args) {
    index.watch(&Control::default(), &mut |seen| match seen {
        Seen::Following(true) => terminal::say("following changes"),
        Seen::Following(false) => terminal::say(
            "note: the kernel tells of no changes here, or of too few folders; looking every 2 s",
        ),
        Seen::Refreshed(Ok(refreshed)) => {
            if let Err(error) = code_index::embed(index).map_err(Failure::from) {
                terminal::say(&format!("error: {}", error.message));
            }
            if let Err(error) = tell(index, args, &refreshed, Instant::now()) {
                terminal::say(&format!("error: {}", error.message));
            }
        }
        Seen::Refreshed(Err(error)) => terminal::say(&format!("error: {error}")),
    });
}

fn tell(index: &Index, args: &Args, refreshed: &Refreshed, begin: Instant) -> Result<(), Failure> {
    let Refreshed { files, read, removed, left_out, is_full } = *refreshed;
    let snapshot = index.snapshot()?;
    let (stats, vectors) = (snapshot.stats(), snapshot.vectors()?);
    let ms = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
    if args.json {
        output::json_line(&json!({
            "files": files,
            "read": read,
            "removed": removed,
            "left_out": left_out,
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
        output::text(&format!("{left_out} files left out: their names are no text"));
    }
    if is_full {
        output::text(&format!(
            "more than {MAX_FILES} files: the others are left out; name folders in .distiqignore"
        ));
    }
    Ok(())
}
