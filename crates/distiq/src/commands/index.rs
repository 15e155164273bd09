//! `distiq index`

use std::time::Instant;

use distiq_index::{Index, Refreshed};
use serde_json::json;

use crate::cli::Global;
use crate::failure::Failure;
use crate::world::World;
use crate::{code_index, output};

/// Arguments of `index`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Empty it first
    #[arg(long)]
    rebuild: bool,
    /// Print what was done as JSON; `distiq schema index` prints its shape
    #[arg(long)]
    json: bool,
}

/// Brings the index of the project up to date.
pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let world = World::open(global, &[])?;
    let begin = Instant::now();
    let index = match args.rebuild {
        true => Index::rebuild(&world.root, &world.home.cache)?,
        false => code_index::open(&world)?,
    };
    let refreshed = code_index::refresh(&index)?;
    let Refreshed { files, read, removed, left_out } = refreshed;
    let stats = index.snapshot()?.stats().clone();
    let ms = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
    if args.json {
        output::json_line(&json!({
            "files": files,
            "read": read,
            "removed": removed,
            "left_out": left_out,
            "chunks": stats.chunks,
            "lines": stats.lines,
            "ms": ms,
        }));
        return Ok(());
    }
    output::text(&format!(
        "{files} files, {read} read, {removed} gone; {} chunks of {} lines; {ms} ms",
        stats.chunks, stats.lines
    ));
    if left_out > 0 {
        output::text(&format!("{left_out} files left out: odd names, or too many files"));
    }
    Ok(())
}
