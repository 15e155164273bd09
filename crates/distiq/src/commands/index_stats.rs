//! `distiq index-stats`

use std::fs;

use serde_json::json;

use crate::cli::{Global, JsonFlag};
use crate::failure::Failure;
use crate::world::World;
use crate::{code_index, output, terminal};

/// Arguments of `index-stats`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    json: JsonFlag,
}

/// Tells what is in the index.
pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let world = World::of_code(global)?;
    world.say_notices();
    let index = code_index::open(&world)?;
    let snapshot = index.snapshot()?;
    let (stats, vectors, reasons) = (snapshot.stats(), snapshot.vectors()?, index.skipped()?);
    let disk: u64 = fs::read_dir(index.folder())
        .map(|entries| {
            entries.flatten().filter_map(|entry| entry.metadata().ok()).map(|data| data.len()).sum()
        })
        .unwrap_or(0);
    let skipped = |reason: &(String, u64)| json!({ "reason": reason.0, "files": reason.1 });
    if stats.files == 0 {
        terminal::say("note: nothing is indexed yet; `distiq index` does it, and so does a search");
    }
    if args.json.json {
        output::json_line(&json!({
            "folder": index.folder(),
            "files": stats.files,
            "chunks": stats.chunks,
            "lines": stats.lines,
            "bytes": stats.bytes,
            "segments": stats.segments,
            "embedder": vectors.embedder,
            "vectors": vectors.made,
            "commits": snapshot.commits(),
            "disk_bytes": disk,
            "unreadable": index.unreadable()?.paths,
            "skipped": reasons.iter().map(skipped).collect::<Vec<_>>(),
        }));
        return Ok(());
    }
    for (name, value) in [
        ("folder", index.folder().display().to_string()),
        ("files", stats.files.to_string()),
        ("chunks", stats.chunks.to_string()),
        ("lines", stats.lines.to_string()),
        ("bytes of text", stats.bytes.to_string()),
        ("bytes on disk", disk.to_string()),
        ("segments", stats.segments.to_string()),
        ("vectors", format!("{} by {}", vectors.made, vectors.embedder)),
        ("past commits", snapshot.commits().to_string()),
    ] {
        output::text(&format!("{name:15} {value}"));
    }
    for (reason, files) in &reasons {
        let what = if reason.ends_with("folder") { "folders" } else { "files" };
        output::text(&format!("{:15} {files} {what}", format!("not read, {reason}")));
    }
    let unreadable = index.unreadable()?;
    if unreadable.count > 0 {
        output::text(&format!("{:15} {}", "unreadable", code_index::named(&unreadable)));
    }
    Ok(())
}
