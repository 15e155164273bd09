//! `distiq data path|size|prune|erase`

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use clap::{Subcommand, ValueEnum};
use distiq_agent::checkpoint;
use distiq_base::ErrorKind;
use distiq_base::paths::Home;
use serde_json::{Value as Json, json};

use crate::cli::{Global, JsonFlag};
use crate::failure::Failure;
use crate::output;
use crate::world::home;

/// The deepest folder that is looked into; sessions lie three deep.
const MAX_DEPTH: u32 = 16;

/// Arguments of `data`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    json: JsonFlag,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print where things are kept
    Path,
    /// Print how much is stored
    Size,
    /// Remove the oldest session logs, outputs and checkpoints; the ledger stays
    Prune {
        /// Keep at most so many megabytes
        #[arg(long, value_name = "MB", default_value_t = 1000)]
        max_mb: u64,
        /// Remove what was last written more than so many days ago
        #[arg(long, value_name = "DAYS")]
        older_than: Option<u64>,
        /// Only tell what would be removed
        #[arg(long)]
        dry_run: bool,
    },
    /// Remove stored data for good
    Erase {
        /// What
        #[arg(value_enum)]
        what: What,
        /// Do it; without this, only tell what would be removed
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    /// Session logs
    Sessions,
    /// Full outputs of tools
    Outputs,
    /// What `undo` needs of every project
    Snapshots,
    /// The ledger of costs
    Ledger,
    /// The gateway's own keys, the answers that it keeps, and batches
    Gateway,
    /// What `ask` was asked, and its answers
    Questions,
    /// Answers that are given again
    Answers,
    /// What can be made again
    Cache,
    /// All of these; settings and vendors' keys stay
    All,
}

/// Shows or removes stored data.
pub fn run(_: &Global, args: &Args) -> Result<(), Failure> {
    let home = home()?;
    let is_json = args.json.json;
    match &args.action {
        Action::Path => {
            show(is_json, &places(&home), |(_, path)| (json!(path), path.display().to_string()))
        }
        Action::Size => show(is_json, &places(&home), |(_, path)| {
            let bytes: u64 = files(path).iter().map(|file| file.bytes).sum();
            (json!(bytes), shown_bytes(bytes))
        }),
        Action::Prune { max_mb, older_than, dry_run } => {
            let before = older_than.and_then(|days| {
                SystemTime::now().checked_sub(Duration::from_secs(days.checked_mul(86_400)?))
            });
            let chosen = prunable(&home, max_mb.saturating_mul(1_000_000), before);
            remove(&chosen, !dry_run, is_json)?;
        }
        Action::Erase { what, yes } => {
            let chosen: Vec<Stored> = erasable(&home, *what);
            remove(&chosen, *yes, is_json)?;
            if !yes {
                return Err(Failure::new(ErrorKind::User, "Nothing was removed")
                    .with_hint("Add `--yes` to remove it for good"));
            }
        }
    }
    Ok(())
}

fn places(home: &Home) -> Vec<(&'static str, PathBuf)> {
    vec![
        ("config", home.config.clone()),
        ("data", home.data.clone()),
        ("ledger", home.ledger()),
        ("gateway", home.gateway()),
        ("sessions", home.sessions()),
        ("outputs", home.outputs()),
        ("snapshots", home.snapshots()),
        ("cache", home.cache.clone()),
    ]
}

fn show(
    is_json: bool,
    places: &[(&'static str, PathBuf)],
    tell: impl Fn(&(&'static str, PathBuf)) -> (Json, String),
) {
    if is_json {
        let object: serde_json::Map<String, Json> =
            places.iter().map(|place| (place.0.to_owned(), tell(place).0)).collect();
        output::json_line(&object);
    } else {
        for place in places {
            output::text(&format!("{:9} {}", place.0, tell(place).1));
        }
    }
}

struct Stored {
    path: PathBuf,
    bytes: u64,
    written: SystemTime,
    is_folder: bool,
}

/// Lists the projects' checkpoints, each as one, without those that a session is using.
fn snapshots(home: &Home) -> Vec<Stored> {
    let unused =
        checkpoint::stored(&home.snapshots()).into_iter().filter(|stored| !stored.is_in_use);
    let as_one = |stored: checkpoint::Stored| Stored {
        path: stored.folder,
        bytes: stored.bytes,
        written: stored.written,
        is_folder: true,
    };
    unused.map(as_one).collect()
}

/// Lists the files at or below a path; links are not followed.
fn files(path: &Path) -> Vec<Stored> {
    fn walk(path: &Path, depth: u32, found: &mut Vec<Stored>) {
        let Ok(metadata) = path.symlink_metadata() else { return };
        if metadata.is_dir() {
            for entry in fs::read_dir(path).into_iter().flatten().flatten() {
                if depth < MAX_DEPTH {
                    walk(&entry.path(), depth + 1, found);
                }
            }
        } else {
            let written = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            let bytes = metadata.len();
            found.push(Stored { path: path.to_path_buf(), bytes, written, is_folder: false });
        }
    }
    let mut found = Vec::new();
    walk(path, 0, &mut found);
    found
}

/// Chooses the oldest files, until the rest fits and none is too old.
fn prunable(home: &Home, max_bytes: u64, before: Option<SystemTime>) -> Vec<Stored> {
    let mut stored = files(&home.sessions());
    stored.extend(files(&home.outputs()));
    stored.extend(snapshots(home));
    stored.sort_by_key(|file| file.written);
    let mut total: u64 = stored.iter().map(|file| file.bytes).sum();
    stored
        .into_iter()
        .take_while(|file| {
            let goes = total > max_bytes || before.is_some_and(|before| file.written < before);
            total = total.saturating_sub(if goes { file.bytes } else { 0 });
            goes
        })
        .collect()
}

fn erasable(home: &Home, what: What) -> Vec<Stored> {
    // With the files, or the folder of files, that it keeps beside itself.
    let database = |begins: &str| {
        files(&home.data)
            .into_iter()
            .filter(|file| {
                let below = file.path.strip_prefix(&home.data).ok();
                let name = below.and_then(|below| below.components().next());
                name.is_some_and(|name| name.as_os_str().to_string_lossy().starts_with(begins))
            })
            .collect()
    };
    match what {
        What::Sessions => files(&home.sessions()),
        What::Outputs => files(&home.outputs()),
        What::Snapshots => snapshots(home),
        What::Ledger => database("ledger."),
        What::Gateway => database("gateway."),
        What::Questions => database("questions."),
        What::Answers => database("cache.db"),
        What::Cache => files(&home.cache),
        What::All => {
            let mut all = files(&home.data);
            all.retain(|file| !file.path.starts_with(home.snapshots()));
            all.into_iter().chain(snapshots(home)).chain(files(&home.cache)).collect()
        }
    }
}

/// Removes the files, or only tells which they are.
fn remove(chosen: &[Stored], is_real: bool, is_json: bool) -> Result<(), Failure> {
    let bytes: u64 = chosen.iter().map(|file| file.bytes).sum();
    if is_real {
        for file in chosen {
            let removed = match file.is_folder {
                true => fs::remove_dir_all(&file.path),
                false => fs::remove_file(&file.path),
            };
            removed.map_err(|error| {
                Failure::io(format!("Cannot remove {}", file.path.display()), &error)
            })?;
        }
    }
    if is_json {
        output::json_line(&json!({
            "removed": is_real,
            "bytes": bytes,
            "paths": chosen.iter().map(|file| &file.path).collect::<Vec<_>>(),
        }));
        return Ok(());
    }
    let did = if is_real { "removed" } else { "would remove" };
    for file in chosen {
        output::text(&format!("{did} {}", file.path.display()));
    }
    output::text(&format!("{did} {} files, {}", chosen.len(), shown_bytes(bytes)));
    Ok(())
}

/// Shows bytes in the unit that fits.
fn shown_bytes(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{}.{} kB", bytes / 1_000, bytes % 1_000 / 100),
        1_000_000..1_000_000_000 => {
            format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000)
        }
        _ => format!("{}.{} GB", bytes / 1_000_000_000, bytes % 1_000_000_000 / 100_000_000),
    }
}
