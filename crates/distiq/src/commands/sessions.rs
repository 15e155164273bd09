//! `distiq sessions list|show|search|export`

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};
use distiq_agent::export;
use distiq_agent::log::LogError;
use distiq_agent::sessions::{self, FindError, Summary};
use distiq_base::{ErrorKind, Record, SessionId, TurnStatus, atomic};
use serde_json::json;

use crate::cli::{Global, JsonFlag};
use crate::failure::Failure;
use crate::output;
use crate::world::World;

impl From<LogError> for Failure {
    fn from(error: LogError) -> Self {
        let hint = error.hint();
        Failure::of(ErrorKind::User, &error).with_hint(hint)
    }
}

impl From<FindError> for Failure {
    fn from(error: FindError) -> Self {
        Failure::of(ErrorKind::User, &error).with_hint("`distiq sessions list` lists them")
    }
}

/// Arguments of `sessions`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    json: JsonFlag,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List sessions, newest first
    List {
        /// At most so many
        #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
        limit: usize,
        /// Only sessions of this project
        #[arg(long)]
        here: bool,
    },
    /// Print what was said in a session
    Show {
        /// Its id, or a part that only it has
        session: String,
    },
    /// Find a text in all sessions, newest first
    Search {
        /// The text; case does not matter
        text: String,
        /// At most so many
        #[arg(short = 'n', long, value_name = "N", default_value_t = 50)]
        limit: usize,
    },
    /// Write a session out
    Export {
        /// Its id, or a part that only it has
        session: String,
        /// As what
        #[arg(long, value_enum, default_value_t)]
        format: Format,
        /// Into this file, instead of standard output
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Format {
    /// Markdown
    #[default]
    Md,
    /// JSON
    Json,
    /// One HTML page
    Html,
}

/// Lists, shows, searches or exports sessions.
pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let world = World::open(global, &[])?;
    let folder = world.home.sessions();
    match &args.action {
        Action::List { limit, here } => {
            let root = world.root.to_string_lossy();
            let listed: Vec<Summary> = sessions::newest_first(&folder)
                .filter_map(|id| sessions::summary(&folder, &id))
                .filter(|summary| !here || summary.root == root)
                .take(*limit)
                .collect();
            list(&world, &listed, args.json.json);
        }
        Action::Show { session } => {
            let (id, records) = records(&world, session)?;
            let totals = sessions::totals(&records);
            if args.json.json {
                output::json_line(&json!({
                    "summary": sessions::summary(&folder, &id), "totals": totals,
                }));
            } else {
                output::text(export::markdown(&records).trim_end());
            }
        }
        Action::Search { text, limit } => {
            let hits = sessions::search(&folder, text, *limit);
            if args.json.json {
                output::json_line(&json!({ "hits": hits }));
            } else {
                for hit in hits {
                    output::text(&format!("{} {:9} {}", hit.id, hit.who, hit.text.trim()));
                }
            }
        }
        Action::Export { session, format, output: file } => {
            let (_, records) = records(&world, session)?;
            let text = match format {
                Format::Md => export::markdown(&records),
                Format::Json => export::json(&records),
                Format::Html => export::html(&records),
            };
            match file {
                None => output::text(text.trim_end()),
                Some(path) => atomic::write(path, text.as_bytes(), None).map_err(|error| {
                    Failure::io(format!("Cannot write {}", path.display()), &error)
                })?,
            }
        }
    }
    Ok(())
}

fn records(world: &World, text: &str) -> Result<(SessionId, Vec<Record>), Failure> {
    let folder = world.home.sessions();
    let id = sessions::find(&folder, text)?;
    let records = sessions::records(&folder, &id)?;
    Ok((id, records))
}

fn list(world: &World, listed: &[Summary], is_json: bool) {
    if is_json {
        output::json_line(&json!({ "sessions": listed }));
        return;
    }
    let zone = world.zone();
    for summary in listed {
        let when = summary.updated.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M");
        let status = summary.status.map_or("stopped", status);
        let name = summary.name.as_deref().unwrap_or(&summary.title);
        let name: String = name.chars().take(60).collect();
        output::text(&format!("{}  {when}  {status:9}  {name}", summary.id));
    }
}

const fn status(status: TurnStatus) -> &'static str {
    match status {
        TurnStatus::Done => "done",
        TurnStatus::Failed => "failed",
        TurnStatus::Limit => "limit",
        TurnStatus::Budget => "budget",
        TurnStatus::Denied => "denied",
        TurnStatus::Cancelled => "cancelled",
    }
}
